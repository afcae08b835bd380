//! Marks as LaTeX.

use super::mark::{Face, Group, Mark};

pub(super) fn write(marks: &[Mark]) -> String {
    let mut out = String::new();
    for mark in marks {
        match mark {
            Mark::Letters(text, face, greek) => letters(text, *face, greek.is_some(), &mut out),
            Mark::Number(text) => out.push_str(text),
            Mark::Function(name) => braced("\\operatorname{", &escaped(name), &mut out),
            Mark::Sign(sign) => out.push_str(sign.latex),
            Mark::Primes(count) => out.extend(std::iter::repeat_n('\'', *count)),
            Mark::Open(group) => out.push_str(open(*group)),
            Mark::Over => out.push_str("}{"),
            Mark::Cell => out.push_str(" & "),
            Mark::Row => out.push_str(" \\\\ "),
            Mark::Close(group) => out.push_str(close(*group)),
        }
    }
    out
}

fn open(group: Group) -> &'static str {
    match group {
        Group::Brackets => "\\left(",
        Group::Round => "(",
        Group::Absolute => "\\left\\lvert ",
        Group::Norm => "\\left\\lVert ",
        Group::Above => "^{",
        Group::Below => "_{",
        Group::Fraction => "\\frac{",
        Group::Root => "\\sqrt{",
        Group::CubeRoot => "\\sqrt[3]{",
        Group::Matrix => "\\begin{pmatrix} ",
        Group::Cases => "\\begin{cases} ",
    }
}

fn close(group: Group) -> &'static str {
    match group {
        Group::Brackets => "\\right)",
        Group::Round => ")",
        Group::Absolute => " \\right\\rvert",
        Group::Norm => " \\right\\rVert",
        Group::Above | Group::Below | Group::Fraction | Group::Root | Group::CubeRoot => "}",
        Group::Matrix => " \\end{pmatrix}",
        Group::Cases => " \\end{cases}",
    }
}

fn letters(text: &str, face: Face, greek: bool, out: &mut String) {
    match (face, greek) {
        (Face::Bold | Face::Script, true) => braced("\\boldsymbol{", &greek_macro(text), out),
        (_, true) => out.push_str(&greek_macro(text)),
        (Face::Script, false) => {
            braced("\\boldsymbol{\\mathcal{", text, out);
            out.push('}');
        }
        (Face::Bold, false) => braced("\\mathbf{", &escaped(text), out),
        (Face::Italic, false) if text.chars().count() == 1 => out.push_str(text),
        (Face::Italic, false) => braced("\\mathit{", &escaped(text), out),
        (Face::Upright, false) => braced("\\mathrm{", &escaped(text), out),
    }
}

fn braced(command: &str, text: &str, out: &mut String) {
    out.push_str(command);
    out.push_str(text);
    out.push('}');
}

/// LaTeX has no commands for the Greek letters that look Latin.
fn greek_macro(spelling: &str) -> String {
    match spelling {
        "epsilon" => "\\varepsilon".to_owned(),
        "omicron" => "o".to_owned(),
        "Alpha" | "Beta" | "Epsilon" | "Zeta" | "Eta" | "Iota" | "Kappa" | "Mu" | "Nu" | "Omicron" | "Tau" => {
            format!("\\mathrm{{{}}}", spelling.get(..1).unwrap_or(""))
        }
        "Rho" => "\\mathrm{P}".to_owned(),
        "Chi" => "\\mathrm{X}".to_owned(),
        _ => format!("\\{spelling}"),
    }
}

/// Underscores within a name would start subscripts.
fn escaped(text: &str) -> String {
    text.replace('_', "\\_")
}
