//! Marks as Typst.

use super::mark::{Face, Group, Mark};

pub(super) fn write(marks: &[Mark]) -> String {
    let mut out = String::new();
    let mut groups: Vec<Group> = Vec::new();
    for mark in marks {
        match mark {
            Mark::Letters(text, face, greek) => letters(text, *face, greek.is_some(), &mut out),
            Mark::Number(text) => push(text, &mut out),
            Mark::Function(name) => push(&format!("op({})", quoted(name)), &mut out),
            Mark::Sign(sign) => push(sign.typst, &mut out),
            Mark::Primes(count) => out.extend(std::iter::repeat_n('\'', *count)),
            Mark::Open(group) => {
                groups.push(*group);
                push(open(*group), &mut out);
            }
            Mark::Cell if groups.last() == Some(&Group::Cases) => out.push_str(" & "),
            Mark::Row if groups.last() == Some(&Group::Cases) => out.push_str(", "),
            Mark::Over | Mark::Cell => out.push_str(", "),
            Mark::Row => out.push_str("; "),
            Mark::Close(_) => {
                groups.pop();
                // nothing may end in a sign that takes the bracket for its own
                out.truncate(out.trim_end().len());
                out.push(')');
            }
        }
    }
    out.truncate(out.trim_end().len());
    out
}

fn open(group: Group) -> &'static str {
    match group {
        Group::Brackets | Group::Round => "(",
        Group::Absolute => "abs(",
        Group::Norm => "norm(",
        Group::Above => "^(",
        Group::Below => "_(",
        Group::Fraction => "frac(",
        Group::Root => "sqrt(",
        Group::CubeRoot => "root(3, ",
        Group::Matrix => "mat(",
        Group::Cases => "cases(",
    }
}

/// Words are kept apart, since two that touch would be another word.
fn push(text: &str, out: &mut String) {
    let wordy = |c: char| c.is_alphanumeric() || matches!(c, '"' | ')' | '\'' | '.');
    let starts = text.starts_with(|c: char| c.is_alphanumeric() || c == '"');
    if starts && out.ends_with(wordy) {
        out.push(' ');
    }
    let text = if out.is_empty() || out.ends_with([' ', '(']) { text.trim_start() } else { text };
    out.push_str(text);
}

fn letters(text: &str, face: Face, greek: bool, out: &mut String) {
    let plain = greek || (text.len() == 1 && text.starts_with(|c: char| c.is_ascii_alphabetic()));
    let name = if plain { text.to_owned() } else { quoted(text) };
    let name = match face {
        Face::Italic if plain => name,
        Face::Italic => format!("italic({name})"),
        Face::Bold => format!("bold({name})"),
        Face::Script => format!("bold(cal({name}))"),
        Face::Upright => format!("upright({name})"),
    };
    push(&name, out);
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
