//! Names on the page: bold vectors and matrices, Greek letters, subscripts.

use matgrad_syntax::split_greek;

use super::Kind;
use super::mark::{Face, Group, Mark, TIGHT_COMMA};

/// A name without and with what goes under it: `x_1` is `x` and `1`.
pub(super) struct NameParts {
    pub base: Vec<Mark>,
    pub subscript: Vec<Mark>,
}

/// The marks of a name, its subscript apart so that indices can follow it.
pub(super) fn name_parts(name: &str, kind: &dyn Fn(&str) -> Kind) -> NameParts {
    if kind(name) == Kind::Step
        && let Some(variable) = name.strip_prefix('d').filter(|rest| !rest.is_empty())
    {
        let mut parts = styled(variable, kind(variable));
        parts.base.insert(0, Mark::Letters("d".into(), Face::Upright, None));
        return parts;
    }
    styled(name, kind(name))
}

/// A name with its subscript.
pub(super) fn push_name(marks: &mut Vec<Mark>, name: &str, kind: &dyn Fn(&str) -> Kind) {
    let parts = name_parts(name, kind);
    marks.extend(parts.base);
    if !parts.subscript.is_empty() {
        marks.push(Mark::Open(Group::Below));
        marks.extend(parts.subscript);
        marks.push(Mark::Close(Group::Below));
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
    let face = match kind {
        Kind::Vector | Kind::Matrix => Face::Bold,
        Kind::Tensor if greek.is_none() && letters.len() == 1 && letters != "I" => Face::Script,
        Kind::Tensor => Face::Bold,
        Kind::Scalar | Kind::Step => Face::Italic,
    };
    let base = vec![Mark::Letters(letters.to_owned().into(), face, greek.map(|split| split.letter))];
    NameParts { base, subscript: subscript(rest.trim_start_matches('_')) }
}

fn subscript(text: &str) -> Vec<Mark> {
    let mut marks = Vec::new();
    for part in text.split('_').filter(|part| !part.is_empty()) {
        if !marks.is_empty() {
            marks.push(Mark::Sign(&TIGHT_COMMA));
        }
        let greek = split_greek(part).filter(|split| split.before.is_empty() && split.after.is_empty());
        marks.push(if let Some(split) = greek {
            Mark::Letters(split.spelling.to_owned().into(), Face::Italic, Some(split.letter))
        } else if part.chars().all(|c| c.is_ascii_digit()) {
            Mark::Number(part.to_owned().into())
        } else {
            let face = if part.chars().count() == 1 { Face::Italic } else { Face::Upright };
            Mark::Letters(part.to_owned().into(), face, None)
        });
    }
    marks
}
