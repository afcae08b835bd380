//! The text of a module: imports, helpers, the function.

use super::{Python, dask, helpers, mesh};
use crate::emit::Writer;
use crate::signature::{self, Head};
use crate::{CodeError, Function};

/// Writes a function.
pub(crate) fn write(mut function: Function, dialect: Python) -> Result<String, CodeError> {
    let head = Head::of(&mut function);
    let sharded = !function.program.sharding.lengths.is_empty();
    let mut w = Writer::new(&mut function.program, &dialect);
    w.run()?;
    let mut results = Vec::new();
    for output in w.program.outputs.clone() {
        let text = w.text(output.id);
        let host = dialect.is_host(&w, output.id);
        let code = match dialect {
            Python::Torch if host => format!("torch.tensor({}, dtype=torch.float64)", text.code),
            _ => text.code,
        };
        if code == output.name {
            results.push(code);
            continue;
        }
        let name = w.fresh(&output.name);
        w.line(format!("{name} = {code}"));
        results.push(name);
    }
    let sizes = signature::sizes(&mut w, |input, axis| format!("{input}.shape[{axis}]"), |a, b| format!("{a} // {b}"))?;
    let body = std::mem::take(&mut w.lines);
    let mut wanted = std::mem::take(&mut w.helpers);
    let names = w.input_names.clone();
    if dialect == Python::Dask {
        wanted.insert("_lay");
    }
    let mut out = String::new();
    let parts = w.program.sharding.words(w.program, &names);
    for line in head.title.iter().chain(&parts) {
        out.push_str(&format!("# {line}\n"));
    }
    let (mut imports, definitions) = helpers::sources(dialect, &wanted);
    imports.insert(0, dialect.import().to_owned());
    let on_mesh = dialect == Python::Jax && sharded;
    if on_mesh {
        imports.insert(0, "import functools\n".to_owned());
        imports.push(mesh::IMPORTS.to_owned());
    }
    out.push_str(&imports.join("\n"));
    out.push('\n');
    if dialect == Python::Jax {
        out.push_str(
            "\njax.config.update(\"jax_enable_x64\", True)  # without this line JAX computes in single precision\n",
        );
    }
    if on_mesh {
        out.push_str(&mesh::placement(&w, &names, &head));
    }
    out.push('\n');
    for definition in definitions {
        out.push('\n');
        out.push_str(definition.trim());
        out.push_str("\n\n");
    }
    if on_mesh {
        out.push_str(&mesh::decorator(&sizes.parameters));
    }
    let name = &head.name;
    let arguments = names.iter().cloned().chain(sizes.parameters).collect::<Vec<_>>().join(", ");
    // a backslash is solve here, not an escape
    let raw = head.outputs.iter().any(|output| output.comment.contains('\\'));
    let quote = if raw { "r\"\"\"" } else { "\"\"\"" };
    let mut documentation = format!("    {quote}{}\n\n    Arguments\n", head.summary);
    for (own, input) in names.iter().zip(&head.inputs) {
        documentation.push_str(&format!("        {own}: {}\n", dialect.shape(&input.shape)));
    }
    documentation.push_str("\n    Returns\n");
    for output in &head.outputs {
        let shape = dialect.shape(&output.shape);
        documentation.push_str(&format!("        {}: {shape}, {}\n", output.name, output.comment));
    }
    documentation.push_str("    \"\"\"\n");
    if dialect == Python::Dask {
        out.push_str(&format!("\ndef {name}_lazy({arguments}):\n    \"\"\"{}\"\"\"\n", dask::LAZY));
        for line in dask::lay(&w, &names) {
            out.push_str(&format!("    {line}\n"));
        }
    } else {
        // the decorator stands right above
        let gap = if on_mesh { "" } else { "\n" };
        out.push_str(&format!("{gap}def {name}({arguments}):\n{documentation}"));
    }
    for line in sizes.lines {
        out.push_str(&format!("    {line}\n"));
    }
    for (depth, line) in body {
        out.push_str(&"    ".repeat(depth));
        out.push_str(&line);
        out.push('\n');
    }
    out.push_str(&format!("    return {}\n", results.join(", ")));
    if dialect == Python::Dask {
        let tail = if results.len() == 1 { "[0]" } else { "" };
        let inner = if results.len() == 1 { "" } else { "*" };
        out.push_str(&format!(
            "\n\ndef {name}({arguments}):\n{documentation}    return dask.compute({inner}{name}_lazy({arguments})){tail}\n"
        ));
    }
    Ok(out)
}
