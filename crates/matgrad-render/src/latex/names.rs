//! Names as LaTeX: bold vectors and matrices, Greek letters, subscripts.

use matgrad_syntax::split_greek;

use super::Kind;

/// A name without and with what goes under it: `x_1` is `x` and `1`.
pub(super) struct NameParts {
    pub base: String,
    pub subscript: Option<String>,
}

/// The LaTeX of a name, its subscript apart so that indices can follow it.
pub(super) fn name_parts(name: &str, kind: &dyn Fn(&str) -> Kind) -> NameParts {
    if kind(name) == Kind::Step
        && let Some(variable) = name.strip_prefix('d').filter(|rest| !rest.is_empty())
    {
        let parts = styled(variable, kind(variable));
        return NameParts { base: format!("\\mathrm{{d}}{}", parts.base), subscript: parts.subscript };
    }
    styled(name, kind(name))
}

/// A name with its subscript.
pub(super) fn name_latex(name: &str, kind: &dyn Fn(&str) -> Kind) -> String {
    let parts = name_parts(name, kind);
    match parts.subscript {
        Some(subscript) => format!("{}_{{{subscript}}}", parts.base),
        None => parts.base,
    }
}

/// A name as an entry of an array: never bold.
pub(super) fn entry_parts(name: &str) -> NameParts {
    styled(name, Kind::Scalar)
}

fn styled(name: &str, kind: Kind) -> NameParts {
    let greek = split_greek(name).filter(|split| split.before.is_empty());
    let (letters, rest) = match &greek {
        Some(split) => (split.spelling, split.after),
        None => {
            let digits = name.trim_end_matches(|c: char| c.is_ascii_digit()).len();
            let end = name.find('_').filter(|at| *at > 0).unwrap_or(digits);
            name.split_at_checked(if end == 0 { name.len() } else { end }).unwrap_or((name, ""))
        }
    };
    let bold = matches!(kind, Kind::Vector | Kind::Matrix | Kind::Tensor);
    let base = match (&greek, bold) {
        (Some(_), true) => format!("\\boldsymbol{{{}}}", greek_macro(letters)),
        (Some(_), false) => greek_macro(letters),
        (None, true) if kind == Kind::Tensor && letters.len() == 1 && letters != "I" => {
            format!("\\boldsymbol{{\\mathcal{{{letters}}}}}")
        }
        (None, true) => format!("\\mathbf{{{}}}", escaped(letters)),
        (None, false) if letters.chars().count() == 1 => letters.to_owned(),
        (None, false) => format!("\\mathit{{{}}}", escaped(letters)),
    };
    NameParts { base, subscript: subscript(rest.trim_start_matches('_')) }
}

fn subscript(text: &str) -> Option<String> {
    if text.is_empty() {
        return None;
    }
    let parts = text.split('_').filter(|part| !part.is_empty()).map(|part| {
        if let Some(split) = split_greek(part).filter(|split| split.before.is_empty() && split.after.is_empty()) {
            greek_macro(split.spelling)
        } else if part.chars().count() == 1 || part.chars().all(|c| c.is_ascii_digit()) {
            part.to_owned()
        } else {
            format!("\\mathrm{{{part}}}")
        }
    });
    Some(parts.collect::<Vec<_>>().join(","))
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
pub(super) fn escaped(text: &str) -> String {
    text.replace('_', "\\_")
}
