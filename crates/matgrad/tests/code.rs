//! Programs in other languages: those of every corpus case are run on random data and agree with `eval`.
//!
//! C is compiled with `cc`, Rust with the `rustc` beside cargo. Python's libraries are used where the interpreter of
//! `MATGRAD_PYTHON` has them; `check.sh` makes one that has.

mod support;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use matgrad::{Array, Code, Evaluation, Inputs, Layout, Request, Target, Text, draw};
use serde_json::{Value, json};
use support::cases;
use support::draw::{data, sequence};

/// A program with its data and what should come out.
struct Program {
    id: String,
    function: String,
    code: String,
    inputs: Vec<(String, Array)>,
    outputs: Vec<(String, Array)>,
    sizes: Vec<(String, usize)>,
}

/// What cannot be written in a language, by the words of its refusal.
const REFUSED: &[(&str, &str)] =
    &[("defined by an equation", "implicit definitions"), ("dask ", "no operation of dask"), ("--shard", "no arrays")];

/// A function with its data.
struct Question {
    id: String,
    request: Request,
    inputs: Inputs,
    sizes: Vec<(String, usize)>,
}

/// Every case of the corpora, of the suite of derivatives and of recurrences, except functions without a value. JAX, which
/// compiles every operation for every shape, and dask, which plans every one, get the corpora.
fn questions(target: Target) -> Vec<Question> {
    let mut questions = Vec::new();
    for case in cases().iter().filter(|case| !case.has_abstract_functions()) {
        let mut request = case.request();
        if request.layout == Layout::Differential {
            // no array
            request.layout = Layout::Jacobian;
        }
        let inputs = data(&request.text, &case.dims(), &case.domains(), &mut sequence(case.id()));
        questions.push(Question {
            id: case.id().to_owned(),
            request,
            inputs,
            sizes: case.dims().into_iter().collect(),
        });
    }
    if matches!(target, Target::Jax | Target::Dask) {
        return questions;
    }
    // different sizes, so that axes cannot be mistaken for each other
    let sizes: Vec<(&str, usize)> = vec![
        ("m", 4),
        ("n", 3),
        ("p", 2),
        ("q", 5),
        ("k", 2),
        ("r", 2),
        ("s", 3),
        ("l", 2),
        ("d", 2),
        ("a", 2),
        ("b", 3),
        ("N", 4),
        ("D", 3),
        ("M", 2),
        ("T", 5),
        ("K", 3),
        ("P", 2),
        ("Q", 3),
        ("L", 2),
        ("S", 3),
        ("R", 2),
        ("H", 3),
    ];
    // of random matrices these are no numbers, or none to speak of; in others rounding decides a comparison
    let outside = [
        "logdet(A*X*A')",
        "tr(expm(logm(X)))",
        "where((Q*Q')[1,:]' > 0",
        "where((Q'*Q)[:,2] > 0",
        "where(logm(eye(n) + Q'*Q)",
    ];
    let mut add = |id: String, request: Request| {
        if outside.iter().any(|function| id.starts_with(function)) {
            return;
        }
        let Ok(inputs) = draw(&request.text, &sizes, id.len() as u64) else { return };
        let sizes = sizes.iter().map(|(name, size)| ((*name).to_owned(), *size)).collect();
        questions.push(Question { id, request, inputs, sizes });
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/suite");
    let lines = |file: &str| std::fs::read_to_string(folder.join(file)).expect("a suite");
    for line in lines("derivatives.tsv").lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&str> = line.split('\t').collect();
        let [expression, declarations, wrt, order, layout, ..] = fields.as_slice() else { continue };
        let declared = declarations.split("; ").filter(|d| !d.is_empty());
        let text = declared.fold(Text::expression(*expression), |text, d| text.declare(d));
        let layout = Layout::parse(layout).filter(|l| *l != Layout::Differential).unwrap_or(Layout::Jacobian);
        let order = order.parse().expect("an order");
        if order < 3 && !declarations.contains("->") {
            add(format!("{expression} by {wrt}"), Request::new(text, *wrt).order(order).layout(layout));
        }
    }
    for line in lines("recurrences.tsv").lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&str> = line.split('\t').collect();
        let [declarations, value, variables, order, layouts] = fields.as_slice() else { continue };
        let Some(layout) = layouts.split(' ').next().and_then(Layout::parse) else { continue };
        for wrt in variables.split(' ') {
            let text = Text::script("recurrence", format!("{}\nvalue_ = {value}", declarations.replace("; ", "\n")));
            let request = Request::new(text, wrt).order(order.parse().expect("an order")).layout(layout);
            if !declarations.contains("->") {
                add(format!("{value} by {wrt}, order {order}"), request);
            }
        }
    }
    questions
}

fn program(question: Question, target: Target, number: usize) -> Option<Result<Program, String>> {
    let Question { id, request, inputs, sizes } = question;
    let mut evaluation = Evaluation::new(request.text.clone()).by(request.wrt.as_str(), 0..=request.order);
    evaluation.layout = request.layout;
    evaluation.convention = request.convention;
    // what has no numbers here, or none at this place, says nothing of the code
    let outputs = evaluation.plan(&inputs).and_then(|plan| plan.run(&inputs)).ok()?;
    if outputs.iter().any(|(_, array)| array.data().iter().any(|x| !x.is_finite())) {
        return None;
    }
    let function = format!("case_{number}");
    let mut code = Code {
        wrt: vec![request.wrt.clone()],
        order: request.order,
        layout: Some(request.layout),
        target,
        name: Some(function.clone()),
        shard: Vec::new(),
        request,
    };
    if target == Target::Dask {
        code.shard = shard(&code, &inputs);
    }
    let text = match code.write() {
        Ok(text) => text,
        Err(failure) if REFUSED.iter().any(|(words, _)| failure.to_string().contains(words)) => return None,
        Err(failure) => return Some(Err(format!("{id}: {failure}"))),
    };
    Some(Ok(Program {
        id,
        function,
        code: text,
        inputs: inputs.iter().map(|(name, array)| (name.to_string(), array.clone())).collect(),
        outputs: outputs.into_iter().map(|(name, array)| (name.to_string(), array)).collect(),
        sizes,
    }))
}

/// The first array of the function, cut by its rows, or by its columns where it is a row.
fn shard(code: &Code, inputs: &Inputs) -> Vec<String> {
    let mut tried: Vec<String> = Vec::new();
    for (name, _) in inputs.iter().filter(|(_, array)| !array.shape().is_empty()) {
        for axis in ["rows", "columns"] {
            let own = Code { shard: vec![format!("{name}: {axis}")], ..code.clone() };
            if !own.write().is_err_and(|failure| failure.to_string().contains("--shard")) {
                return own.shard;
            }
            tried = own.shard;
        }
    }
    tried
}

fn programs(target: Target) -> Vec<Program> {
    let (mut written, mut problems) = (Vec::new(), Vec::new());
    for (number, question) in questions(target).into_iter().enumerate() {
        match program(question, target, number) {
            Some(Ok(program)) => written.push(program),
            Some(Err(problem)) => problems.push(problem),
            None => {}
        }
    }
    assert!(
        problems.is_empty(),
        "{} of {} in {}:\n{}",
        problems.len(),
        written.len(),
        target.name(),
        problems.join("\n")
    );
    let least = match target {
        Target::Jax => 300,
        Target::Dask => 200,
        _ => 700,
    };
    assert!(written.len() > least, "only {} programs in {}", written.len(), target.name());
    written
}

/// Says something that a test that passes shows, too.
fn aloud(message: &str) {
    let _ = writeln!(std::io::stderr(), "{message}");
}

fn folder(target: Target) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("code-{}", target.name()));
    std::fs::create_dir_all(&folder).expect("a folder for programs");
    folder
}

fn in_python(target: Target) {
    let programs = programs(target);
    let library = target.name();
    let python = std::env::var("MATGRAD_PYTHON").ok();
    let wanted = format!("import numpy, {}", if target == Target::Numpy { "scipy" } else { library });
    let has = |interpreter: &String| {
        Command::new(interpreter).args(["-c", &wanted]).output().is_ok_and(|out| out.status.success())
    };
    // PyTorch is large: the interpreter of the system may have it where that of the tests has not
    let mut interpreters: Vec<String> = python.iter().cloned().collect();
    if python.is_none() || target == Target::Torch {
        interpreters.extend(["python3".to_owned(), "/usr/bin/python3".to_owned()]);
    }
    let Some(interpreter) = interpreters.iter().find(|interpreter| has(interpreter)) else {
        assert!(python.is_none() || library == "torch", "{interpreters:?} have no {library}");
        aloud(&format!("no Python with {library} here: programs for it are written, not run"));
        return;
    };
    let cases: Vec<Value> = programs
        .iter()
        .map(|p| {
            let array = |a: &Array| json!([a.shape(), a.data()]);
            let inputs: serde_json::Map<String, Value> = p.inputs.iter().map(|(n, a)| (n.clone(), array(a))).collect();
            let outputs: Vec<Value> = p.outputs.iter().map(|(n, a)| json!([n, a.shape(), a.data()])).collect();
            let sizes: serde_json::Map<String, Value> = p.sizes.iter().map(|(n, s)| (n.clone(), json!(s))).collect();
            json!({"id": p.id, "function": p.function, "code": p.code, "inputs": inputs, "outputs": outputs, "sizes": sizes})
        })
        .collect();
    let file = folder(target).join("cases.json");
    std::fs::write(&file, json!({"library": library, "cases": cases}).to_string()).expect("a file of cases");
    let runner = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/code/run.py");
    let out = Command::new(interpreter).arg(runner).arg(&file).output().expect("Python runs");
    let (stdout, stderr) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success(), "{stdout}{stderr}");
}

#[test]
fn numpy_agrees() {
    in_python(Target::Numpy);
}

#[test]
fn jax_agrees() {
    in_python(Target::Jax);
}

#[test]
fn dask_agrees() {
    in_python(Target::Dask);
}

#[test]
fn torch_agrees() {
    in_python(Target::Torch);
}

/// The arguments of a function by its text: sizes first, then inputs; scalars and arrays.
fn arguments(code: &str, function: &str) -> Vec<String> {
    let start = code.find(&format!(" {function}(")).expect("the function") + function.len() + 2;
    let ends = [") ", ")\n"].iter().filter_map(|end| code[start..].find(end));
    let end = start + ends.min().expect("its end");
    code[start..end].split(", ").filter(|a| !a.is_empty()).map(str::to_owned).collect()
}

fn numbers(array: &Array) -> String {
    let all: Vec<String> = array.data().iter().map(|x| format!("{x:?}")).collect();
    all.join(", ")
}

fn size(program: &Program, name: &str) -> usize {
    let plain = name.trim_end_matches('_');
    let found = program.sizes.iter().find(|(own, _)| own == name || own == plain);
    found.unwrap_or_else(|| panic!("{}: no size {name}", program.id)).1
}

fn input<'p>(program: &'p Program, name: &str) -> &'p Array {
    let found = program.inputs.iter().find(|(own, _)| own == name || own == name.trim_end_matches('_'));
    &found.unwrap_or_else(|| panic!("{}: no input {name}", program.id)).1
}

/// Runs what was compiled: it prints a line for each problem and fails where there is one.
fn succeeds(command: &mut Command) {
    let out = command.output().expect("the program starts");
    let (stdout, stderr) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success(), "{stdout}{stderr}");
}

#[test]
fn c_agrees() {
    let programs = programs(Target::C);
    let mut source = String::from(
        "#include <math.h>\n#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\nstatic int problems;\n\
         static void compare(const char *id, const char *name, size_t n, const double *found, const double *wanted) {\n\
         double gap = 0, scale = 1e-3;\n\
         for (size_t i = 0; i < n; i++) { double d = fabs(found[i] - wanted[i]); if (!(d <= gap)) gap = d; scale = fmax(scale, fabs(wanted[i])); }\n\
         if (!(gap <= 1e-7 * scale)) { printf(\"%s: %s differs by %g\\n\", id, name, gap / scale); problems++; } }\n",
    );
    let mut main = String::from("int main(void) {\n");
    for program in &programs {
        // each program has helpers of its own
        source.push_str(&program.code.replace("mg_", &format!("mg{}_", program.function)));
        let mut list = Vec::new();
        main.push_str("{\n");
        let mut outputs = program.outputs.iter();
        for (k, argument) in arguments(&program.code, &program.function).iter().enumerate() {
            let name = argument.rsplit([' ', '*']).next().expect("a name");
            if argument.starts_with("size_t ") {
                list.push(size(program, name).to_string());
            } else if argument.starts_with("double *") {
                let (_, array) = outputs.next().expect("a result");
                main.push_str(&format!("static double out{k}[{}];\n", array.data().len() + 1));
                list.push(format!("out{k}"));
            } else if argument.starts_with("const double") {
                let array = input(program, name);
                main.push_str(
                    &format!("static const double in{k}[] = {{{}, 0}};\n", numbers(array)).replace("{, 0", "{0"),
                );
                list.push(format!("in{k}"));
            } else {
                list.push(numbers(input(program, name)));
            }
        }
        main.push_str(&format!("{}({});\n", program.function, list.join(", ")));
        let firsts = list.len() - program.outputs.len();
        for (k, (name, array)) in program.outputs.iter().enumerate() {
            let count = array.data().len();
            main.push_str(&format!("static const double wanted{k}[] = {{{}}};\n", numbers(array)));
            main.push_str(&format!(
                "compare({:?}, \"{name}\", {count}, {}, wanted{k});\n",
                program.id,
                list[firsts + k]
            ));
        }
        main.push_str("}\n");
    }
    main.push_str("return problems != 0; }\n");
    let main = main.replace("NaN", "NAN").replace("inf", "INFINITY");
    let folder = folder(Target::C);
    let (file, binary) = (folder.join("cases.c"), folder.join("cases"));
    std::fs::write(&file, source + &main).expect("a file of cases");
    let compile = ["-std=c11", "-O1", "-Wall", "-Wno-unused-variable", "-Wno-unused-function", "-Werror", "-o"];
    succeeds(Command::new("cc").args(compile).arg(&binary).arg(&file).arg("-lm"));
    succeeds(&mut Command::new(&binary));
}

#[test]
fn rust_agrees() {
    let programs = programs(Target::Rust);
    let mut source = String::from(
        "fn compare(problems: &mut usize, id: &str, name: &str, found: &[f64], wanted: &[f64]) {\n\
         let scale = wanted.iter().fold(1e-3_f64, |a, b| a.max(b.abs()));\n\
         let gap = found.iter().zip(wanted).map(|(a, b)| (a - b).abs()).fold(0.0, |a: f64, b| if b <= a { a } else { b });\n\
         if found.len() != wanted.len() || !(gap <= 1e-7 * scale) { println!(\"{id}: {name} differs by {}\", gap / scale); *problems += 1; } }\n",
    );
    let mut main = String::from("fn main() {\nlet mut problems = 0;\n");
    for program in &programs {
        source.push_str(&format!("mod m_{} {{\n{}\n}}\n", program.function, program.code));
        let list: Vec<String> = arguments(&program.code, &program.function)
            .iter()
            .map(|argument| {
                let (name, kind) = argument.split_once(": ").expect("a name");
                match kind {
                    "usize" => size(program, name).to_string(),
                    "f64" => format!("{}_f64", numbers(input(program, name))),
                    _ => format!("&[{}]", numbers(input(program, name))),
                }
            })
            .collect();
        let names: Vec<String> = (0..program.outputs.len()).map(|k| format!("r{k}")).collect();
        let pattern = if names.len() == 1 { names[0].clone() } else { format!("({})", names.join(", ")) };
        let call = format!("m_{0}::{0}({1})", program.function, list.join(", "));
        main.push_str(&format!("{{ let {pattern} = {call};\n"));
        for (name, (label, array)) in names.iter().zip(&program.outputs) {
            let found = if is_scalar(&program.code, &program.function, name, &names) {
                format!("&[{name}]")
            } else {
                format!("&{name}")
            };
            main.push_str(&format!(
                "compare(&mut problems, {:?}, {label:?}, {found}, &[{}]);\n",
                program.id,
                numbers(array)
            ));
        }
        main.push_str("}\n");
    }
    main.push_str("std::process::exit(i32::from(problems > 0)) }\n");
    let main = main.replace("NaN", "f64::NAN").replace("inf", "f64::INFINITY");
    let folder = folder(Target::Rust);
    let (file, binary) = (folder.join("cases.rs"), folder.join("cases"));
    std::fs::write(&file, format!("#![allow(dead_code)]\n{source}{main}")).expect("a file of cases");
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    succeeds(Command::new(rustc).args(["--edition", "2021", "-D", "warnings", "-o"]).arg(&binary).arg(&file));
    succeeds(&mut Command::new(&binary));
}

/// Whether a result is a number, by the type of the function.
fn is_scalar(code: &str, function: &str, name: &str, names: &[String]) -> bool {
    let head = code.find(&format!("pub fn {function}(")).expect("the function");
    let line = code[head..].lines().next().unwrap_or("");
    let types = line.rsplit("-> ").next().unwrap_or("").trim_end_matches(" {").trim_matches(['(', ')']);
    let at = names.iter().position(|own| own == name).unwrap_or(0);
    types.split(", ").nth(at) == Some("f64")
}

/// An array in Octave, whose memory goes by columns.
fn in_octave(array: &Array) -> String {
    let (shape, list) = (array.shape(), numbers(array).replace("inf", "Inf"));
    match shape {
        [] => list,
        [_] => format!("reshape([{list}], [], 1)"),
        [m, n] => format!("reshape([{list}], {n}, {m}).'"),
        many => {
            let turned: Vec<String> = many.iter().rev().map(ToString::to_string).collect();
            let order: Vec<String> = (1..=many.len()).rev().map(|k| k.to_string()).collect();
            format!("permute(reshape([{list}], {}), [{}])", turned.join(", "), order.join(", "))
        }
    }
}

#[test]
fn octave_agrees() {
    let programs = programs(Target::Matlab);
    if Command::new("octave-cli").arg("--version").output().is_err() {
        aloud("no octave-cli here: programs for MATLAB are written, not run");
        return;
    }
    let mut source = String::from("1;\n");
    let mut main = String::from(
        "function problems = compare(problems, id, name, found, wanted)\n\
         found = squeeze(found); wanted = squeeze(wanted); gap = max(abs(double(found(:)) - wanted(:))); scale = max([abs(wanted(:)); 1e-3]);\n\
         if numel(found) ~= numel(wanted) || (~isempty(gap) && ~(gap <= 1e-7 * scale))\n\
         printf(\"%s: %s differs by %g\\n\", id, name, gap / scale); problems += 1;\nend\nend\nproblems = 0;\n",
    );
    for program in &programs {
        let body: String =
            program.code.lines().filter(|line| !line.starts_with('%')).map(|line| format!("{line}\n")).collect();
        source.push_str(&body);
        let start =
            program.code.find(&format!("{}(", program.function)).expect("the function") + program.function.len() + 1;
        let end = start + program.code[start..].find(')').expect("its end");
        let list: Vec<String> = program.code[start..end]
            .split(", ")
            .filter(|name| !name.is_empty())
            .map(|name| {
                let plain = name.trim_end_matches('_');
                let known = program.inputs.iter().any(|(own, _)| own == name || own == plain);
                if known { in_octave(input(program, name)) } else { size(program, name).to_string() }
            })
            .collect();
        let names: Vec<String> = (0..program.outputs.len()).map(|k| format!("r{k}")).collect();
        main.push_str(&format!("try\n[{}] = {}({});\n", names.join(", "), program.function, list.join(", ")));
        for (name, (label, array)) in names.iter().zip(&program.outputs) {
            main.push_str(&format!(
                "problems = compare(problems, {:?}, {label:?}, {name}, {});\n",
                program.id,
                in_octave(array)
            ));
        }
        let id = &program.id;
        main.push_str(&format!("catch problem\nprintf(\"%s: %s\\n\", {id:?}, problem.message); problems += 1;\nend\n"));
    }
    main.push_str("exit(problems > 0);\n");
    let file = folder(Target::Matlab).join("cases.m");
    std::fs::write(&file, source + &main).expect("a file of cases");
    succeeds(Command::new("octave-cli").arg("--no-init-file").arg(&file));
}

/// Nothing here runs Julia: its grammar reads every program.
#[test]
fn julia_is_well_formed() {
    let mut parser = tree_sitter::Parser::new();
    parser.set_language(&tree_sitter_julia::LANGUAGE.into()).expect("the grammar of Julia");
    let mut read = |code: &str| {
        let tree = parser.parse(code, None).expect("a tree");
        (!tree.root_node().has_error()).then_some(())
    };
    assert!(read("function f(x)\n    x .+ (1\nend\n").is_none(), "a bracket that stays open is an error");
    let programs = programs(Target::Julia);
    let problems: Vec<&Program> = programs.iter().filter(|program| read(&program.code).is_none()).collect();
    let shown: Vec<String> = problems.iter().take(5).map(|p| format!("{}\n{}", p.id, p.code)).collect();
    assert!(problems.is_empty(), "{} of {}:\n{}", problems.len(), programs.len(), shown.join("\n"));
}
