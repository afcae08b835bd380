//! A page for each function, made of what the library knows of it, and one for each group.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use matgrad::{FunctionFacts, Group, TextOptions, Written, function_facts, function_names};

use super::commands::{Place, stable};
use super::{keep, read, root, updates};

/// Title, name of the file, what the group is for.
fn group(group: Group) -> (&'static str, &'static str, &'static str) {
    match group {
        Group::LinearAlgebra => ("Linear algebra", "linear-algebra", "Functions of vectors and matrices as a whole."),
        Group::Norms => ("Norms", "norms", "Of vectors and, entry by entry unless it says otherwise, of matrices."),
        Group::Reductions => (
            "Reductions",
            "reductions",
            "Over all entries; with the literal 1 as second argument down the columns, with 2 along the rows.",
        ),
        Group::Elementwise => ("Entry by entry", "elementwise", "Of numbers, and of arrays at each entry."),
        Group::Rowwise => ("Vectors and rows", "rowwise", "From a vector to a vector, or so for each column or row."),
        Group::Shapes => ("Parts and shapes", "shapes", "The same entries, or some of them, in other places."),
        Group::Derivatives => (
            "Functions that derivatives need",
            "derivatives",
            "They occur in derivatives of other functions, and may be used like any other.",
        ),
        Group::Constants => ("Constants", "constants", "Their arguments are sizes, so nothing is differentiated by."),
        Group::Recurrences => (
            "Recurrences",
            "recurrences",
            "Their first argument is a function that the script defines. They are loops, and differentiated as loops.",
        ),
    }
}

fn text(written: &Written) -> String {
    written.text(TextOptions::ASCII)
}

/// The meaning as a sentence: a formula in front is code, otherwise the first letter is a capital.
fn sentence(meaning: &str) -> String {
    let plain = |text: &str| text.replace('*', "\\*");
    let word = meaning.split(' ').next().unwrap_or("");
    if word.contains('(') {
        let marks = [(": ", 0), ("; ", 0), ("), ", 1)].map(|(mark, more)| Some(meaning.find(mark)? + more));
        let letters = |at: &usize| meaning[at + 2..].starts_with(char::is_alphabetic);
        let word = meaning.match_indices(") ").map(|(at, _)| at).find(letters).map(|at| at + 1);
        let end = marks.into_iter().chain([word]).flatten().min();
        let (formula, rest) = meaning.split_at(end.unwrap_or(meaning.len()));
        return format!("`{formula}`{}.", plain(rest));
    }
    let mut rest = meaning.chars();
    let first = rest.next().map(|c| if word != "x" { c.to_uppercase().to_string() } else { c.to_string() });
    format!("{}{}.", first.unwrap_or_default(), plain(rest.as_str()))
}

fn list(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn page(facts: &FunctionFacts) -> String {
    let name = facts.function.name;
    let mut out = format!("# `{name}`\n\n{}\n\n| | |\n|---|---|\n", sentence(facts.function.meaning));
    let mut row = |what: &str, value: String| {
        let _ = writeln!(out, "| {what} | {value} |");
    };
    row("arguments", facts.arguments().replace(" arguments", "").replace(" argument", ""));
    if !facts.aliases.is_empty() {
        row("also written", list(&facts.aliases));
    }
    if !facts.elsewhere.is_empty() {
        row("elsewhere called", list(&facts.elsewhere));
    }
    let declared: Vec<&str> = facts.sample.declared.split("; ").collect();
    row("for example", list(&declared));
    row("value", format!("`{}` in `{}`", facts.sample.expression, facts.space));
    if let Some(answer) = &facts.differential {
        let (mut parts, (left, right)) = answer.derivative.statements("differential", TextOptions::ASCII);
        parts.push(if parts.is_empty() { right } else { format!("{left} = {right}") });
        row("differential", format!("`{}`", parts.join("; ")));
    }
    if let Some(answer) = &facts.derivative {
        let by = &answer.wrt;
        match &answer.gradient {
            Some(gradient) => row("gradient", format!("by `{by}`: `{}`", text(gradient))),
            None => {
                let shape = answer.derivative.shape.join(" x ");
                let layout = answer.layout.name();
                row("derivative", format!("by `{by}`: `{}` ({shape}, {layout} layout)", text(&answer.derivative)));
            }
        }
    }
    if !facts.domain.is_empty() {
        row("holds where", facts.domain.join("; "));
    }
    if !facts.rules.is_empty() {
        out.push_str("\n## Rules\n\nIn the order in which the derivative meets them:\n\n");
        for rule in &facts.rules {
            let _ = writeln!(out, "- *{}*: `{}` ({})", rule.name, rule.statement, rule.source);
        }
    }
    out.push_str("\n## Try it\n\n");
    out.push_str(&session(facts));
    out
}

/// What one types to see the derivative, and what comes back.
fn session(facts: &FunctionFacts) -> String {
    let (sample, name) = (facts.sample, facts.function.name);
    let mut out = String::new();
    let lines = sample.declared.replace("; ", "\n");
    let place = Place::new(&format!("function-{name}"));
    let command = if facts.differential.is_none() {
        format!("matgrad repl <<'END'\n{lines}\n{}\nEND", sample.expression)
    } else if sample.declared.contains('=') || sample.wrt.contains(',') {
        let script = format!("# {name}.mg\n{lines}\ndifferential {} wrt {}", sample.expression, sample.wrt);
        let _ = writeln!(out, "```mg file={name}.mg\n{script}\n```\n");
        place.save(&format!("{name}.mg"), &(script + "\n"));
        format!("matgrad diff {name}.mg")
    } else {
        let declare = match sample.declared {
            // what is assumed anyway
            "x in R^n" | "X in R^(n x n)" | "X in R^(m x n)" if !sample.expression.contains("n, m") => String::new(),
            declared => format!(" --declare '{declared}'"),
        };
        let layout = if facts.function.group == Group::LinearAlgebra || sample.wrt.starts_with(['X', 'S', 'E']) {
            " --layout differential"
        } else {
            ""
        };
        format!("matgrad diff '{}' --wrt {}{layout}{declare}", sample.expression, sample.wrt)
    };
    let command = command.replace("--layout differential", if is_scalar(facts) { "" } else { "--layout differential" });
    let command = command.replace("  ", " ");
    let printed = place.run(&command);
    let typed = command.trim_end().replace('\n', "\n> ");
    let _ = write!(out, "```console\n$ {typed}\n{}\n```\n", printed.trim_end());
    out
}

fn is_scalar(facts: &FunctionFacts) -> bool {
    facts.space == "R"
}

fn all() -> Vec<FunctionFacts> {
    function_names()
        .map(|name| function_facts(name).expect("a function").unwrap_or_else(|f| panic!("{}", f.render(false))))
        .collect()
}

/// A page that differs from the kept one by rounding only is the kept one.
fn settled(path: &Path, text: String) -> String {
    let kept = std::fs::read_to_string(root().join(path)).unwrap_or_default();
    if stable(&kept) == stable(&text) { kept } else { text }
}

#[test]
fn the_pages_of_the_functions_are_those_of_the_tables() {
    let folder = PathBuf::from("docs/functions");
    let mut stale = Vec::new();
    let mut groups: Vec<(Group, String, String)> = Vec::new();
    let mut known = vec!["README.md".to_owned()];
    for facts in all() {
        let (name, of) = (facts.function.name, facts.function.group);
        let file = format!("{name}.md");
        let path = folder.join(&file);
        keep(&path, &settled(&path, page(&facts)), &mut stale);
        known.push(file.clone());
        if groups.last().is_none_or(|(last, ..)| *last != of) {
            groups.push((of, String::new(), String::new()));
        }
        let Some((_, table, chapter)) = groups.last_mut() else { continue };
        let short = facts.differential.as_ref().map(|answer| text(&answer.derivative)).unwrap_or_default();
        let short = match short.len() {
            0 => String::new(),
            1..=70 => format!("`{short}`"),
            _ => format!("[see there]({file})"),
        };
        let _ = writeln!(table, "| [`{name}`]({file}) | {} | {short} |", facts.function.meaning);
        let _ = writeln!(chapter, "    - [{name}](functions/{file})");
    }
    let mut index = String::from(
        "# Functions\n\nEvery function of the language, with its definition, derivative, domain and the rules and sources \
         behind them. The pages are made from the tables that the program itself uses; `:help NAME` in `matgrad repl` shows \
         the same.\n\n",
    );
    let mut summary = String::new();
    for (of, table, chapter) in &groups {
        let (title, file, about) = group(*of);
        let page = format!("# {title}\n\n{about}\n\n| function | is | differential |\n|---|---|---|\n{table}");
        let path = folder.join(format!("{file}.md"));
        known.push(format!("{file}.md"));
        keep(&path, &page, &mut stale);
        let names: Vec<String> =
            table.lines().filter_map(|line| line.split(" | ").next()?.strip_prefix("| ").map(str::to_owned)).collect();
        let _ = writeln!(index, "- [{title}]({file}.md): {}", names.join(" "));
        let _ = write!(summary, "  - [{title}](functions/{file}.md)\n{chapter}");
    }
    keep(&folder.join("README.md"), &index, &mut stale);
    for entry in std::fs::read_dir(root().join(&folder)).expect("the pages").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        assert!(known.contains(&name), "docs/functions/{name} is no function's page");
    }
    // the table of contents has them all, below their chapter
    let contents = Path::new("docs/SUMMARY.md");
    let others = |line: &&str| !line.contains("](functions/") || line.contains("(functions/README.md)");
    let mut renewed = String::new();
    for line in read(contents).lines().filter(others) {
        let _ = writeln!(renewed, "{line}");
        if line.contains("(functions/README.md)") {
            renewed.push_str(&summary);
        }
    }
    keep(contents, &renewed, &mut stale);
    assert!(stale.is_empty() || updates(), "out of date, run with UPDATE=1: {}", stale.join(", "));
}
