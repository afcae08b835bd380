//! What `--shard` asks for: `Phi: rows`, `A: columns`, `T: 3`.

use matgrad_code::{Argument, Shard, Target};
use matgrad_syntax::suggest::nearest;
use matgrad_syntax::{Diagnostic, Source, Span, normalize_name};

use crate::Failure;

/// The axes that lie in parts, from what was written for each.
pub(super) fn read(texts: &[String], arguments: &[Argument], target: Target) -> Result<Vec<Shard>, Failure> {
    let mut shards: Vec<Shard> = Vec::new();
    for text in texts {
        let shard = one(text, arguments, target)?;
        if let Some(other) = shards.iter().find(|other| other.name == shard.name && other.axis != shard.axis) {
            let message = format!("`{}` already lies in parts along its axis {}", other.name, other.axis + 1);
            let span = Span { start: 0, end: text.len() as u32 };
            return Err(refused(text, "shard-twice", span, message, "an array is cut along one axis"));
        }
        shards.push(shard);
    }
    Ok(shards)
}

fn one(text: &str, arguments: &[Argument], target: Target) -> Result<Shard, Failure> {
    let everything = Span { start: 0, end: text.len() as u32 };
    if !Target::DISTRIBUTED.contains(&target) {
        let message = format!("programs for `{}` take arrays in one piece", target.name());
        let hint = "`--target jax` spreads arrays over devices, `--target dask` cuts them into chunks";
        return Err(refused(text, "shard-target", everything, message, hint));
    }
    let example = arguments.iter().find(|a| !a.axes.is_empty());
    let example = example.map_or("NAME: rows".to_owned(), |a| format!("{}: {}", a.name, words(a)[0]));
    let Some((left, right)) = text.split_once(':') else {
        let message = "expected an argument, a colon and an axis";
        return Err(refused(text, "shard-syntax", everything, message, &format!("write `{example}`")));
    };
    let span = |part: &str, from: usize| {
        let start = from + part.len() - part.trim_start().len();
        Span { start: start as u32, end: (start + part.trim().len().max(1)) as u32 }
    };
    let (own, at) = (span(left, 0), span(right, left.len() + 1));
    let name = normalize_name(left.trim());
    let Some(argument) = arguments.iter().find(|a| *a.name == *name) else {
        let known: Vec<&str> = arguments.iter().map(|a| a.name.as_str()).collect();
        let hint = match nearest(&name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the arguments are {}", list(&known)),
        };
        return Err(refused(text, "shard-name", own, format!("no argument of the function is called `{name}`"), &hint));
    };
    if argument.axes.is_empty() {
        let cut: Vec<&str> = arguments.iter().filter(|a| !a.axes.is_empty()).map(|a| a.name.as_str()).collect();
        let hint = match cut.as_slice() {
            [] => "no argument has an axis".to_owned(),
            many => format!("{} can be cut", list(many)),
        };
        return Err(refused(text, "shard-axis", own, format!("`{name}` is a number, which has no axes"), &hint));
    }
    let possible = words(argument);
    let word = right.trim();
    let axis = match word {
        "row" | "rows" | "1" => {
            possible.iter().position(|w| *w == "rows").or((word == "1" && !argument.row).then_some(0))
        }
        "column" | "columns" | "2" => {
            possible.iter().position(|w| *w == "columns").or((word == "2" && argument.axes.len() > 1).then_some(1))
        }
        digits => digits.parse::<usize>().ok().filter(|k| (1..=argument.axes.len()).contains(k)).map(|k| k - 1),
    };
    let Some(axis) = axis else {
        let known = ["rows", "columns"];
        let number = !word.is_empty() && word.chars().all(|c| c.is_ascii_digit());
        let message = match (word, number) {
            ("", _) => format!("along which axis is `{name}` cut?"),
            ("row" | "rows" | "column" | "columns", _) => format!("`{name}` has no {word} to be cut by"),
            (_, true) => format!("`{name}` has no axis {word}"),
            _ => format!("`{word}` is no axis"),
        };
        let hint = match nearest(word, known).filter(|near| possible.contains(near) && *near != word) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("`{name}` is cut by {}", possible.join(" or ")),
        };
        return Err(refused(text, "shard-axis", at, message, &hint));
    };
    Ok(Shard { name: name.to_string(), axis })
}

/// What the axes of an argument are called.
fn words(argument: &Argument) -> Vec<&'static str> {
    match (argument.row, argument.axes.len()) {
        (true, _) => vec!["columns"],
        (_, 1) => vec!["rows"],
        (_, 2) => vec!["rows", "columns"],
        _ => vec!["1", "2", "3"],
    }
}

fn list(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn refused(text: &str, code: &'static str, span: Span, message: impl Into<String>, help: &str) -> Failure {
    Failure::new(Source::new("--shard", text), Diagnostic::error(code, span, message).help(help))
}

/// Why nothing lies in parts where the target is for arrays in parts.
pub(super) fn missing(source: Source, arguments: &[Argument]) -> Failure {
    let candidate = arguments.iter().max_by_key(|a| a.axes.len());
    let example = candidate.filter(|a| !a.axes.is_empty()).map(|a| format!("`--shard '{}: {}'`", a.name, words(a)[0]));
    let failure = Failure::whole(source, "shard-missing", "dask needs to know which axis lies in chunks");
    let hint = example.unwrap_or_else(|| "no argument has an axis: `--target numpy` is enough".to_owned());
    Failure { diagnostics: failure.diagnostics.into_iter().map(|d| d.help(hint.clone())).collect(), ..failure }
}
