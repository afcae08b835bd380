//! Marks as MathML Core.

use super::mark::{Face, Group, Mark};

/// What an element turns out to carry.
#[derive(Clone, Copy, Debug, Default)]
struct Scripts {
    /// The mark that the element starts with.
    base: usize,
    below: bool,
    above: bool,
    limits: bool,
}

impl Scripts {
    fn tag(self) -> &'static str {
        match (self.below, self.above, self.limits) {
            (true, true, false) => "msubsup",
            (true, true, true) => "munderover",
            (true, false, false) => "msub",
            (true, false, true) => "munder",
            (false, _, false) => "msup",
            (false, _, true) => "mover",
        }
    }
}

/// What a mark has to do with scripts.
#[derive(Clone, Copy, Debug, Default)]
struct Role {
    /// The script whose bracket this is, and whether it is the last of its element.
    script: Option<usize>,
}

pub(super) fn write(marks: &[Mark]) -> String {
    let (scripts, roles, starts) = attach(marks);
    let mut out = String::from("<math xmlns=\"http://www.w3.org/1998/Math/MathML\" display=\"block\">");
    for (at, mark) in marks.iter().enumerate() {
        for script in starts.get(at).into_iter().flatten().rev() {
            if let Some(script) = scripts.get(*script) {
                tag("<", script.tag(), &mut out);
            }
        }
        let script = roles.get(at).and_then(|role| role.script).and_then(|script| scripts.get(script));
        match mark {
            Mark::Letters(text, face, greek) => letters(text, *face, *greek, &mut out),
            Mark::Number(text) => element("mn", text, &mut out),
            Mark::Function(name) => element("mi", name, &mut out),
            Mark::Sign(sign) => out.push_str(sign.mathml),
            Mark::Primes(count) => {
                out.push_str("<mo lspace=\"0\" rspace=\"0\">");
                out.extend(std::iter::repeat_n('′', *count));
                out.push_str("</mo>");
                if let Some(script) = script {
                    tag("</", script.tag(), &mut out);
                }
            }
            Mark::Open(Group::Above | Group::Below) => {
                let bare = script.is_some_and(|script| script.base == at);
                out.push_str(if bare { "<mrow></mrow><mrow>" } else { "<mrow>" });
            }
            Mark::Close(group @ (Group::Above | Group::Below)) => {
                out.push_str("</mrow>");
                // the lower script of two is not the end
                if let Some(script) = script.filter(|script| *group == Group::Above || !script.above) {
                    tag("</", script.tag(), &mut out);
                }
            }
            Mark::Open(group) => out.push_str(open(*group)),
            Mark::Over => out.push_str("</mrow><mrow>"),
            Mark::Cell => out.push_str("</mtd><mtd>"),
            Mark::Row => out.push_str("</mtd></mtr><mtr><mtd>"),
            Mark::Close(group) => out.push_str(close(*group)),
        }
    }
    out.push_str("</math>");
    out
}

/// Finds what each script is attached to: the element before it. The second script of an element joins the first.
fn attach(marks: &[Mark]) -> (Vec<Scripts>, Vec<Role>, Vec<Vec<usize>>) {
    let mut scripts: Vec<Scripts> = Vec::new();
    let mut roles = vec![Role::default(); marks.len()];
    let mut starts: Vec<Vec<usize>> = vec![Vec::new(); marks.len()];
    // the last element within each open bracket: its first mark, and its script if it has one
    let mut open: Vec<Option<(usize, Option<usize>)>> = vec![None];
    // the script that each open bracket is, or its first mark
    let mut brackets: Vec<(usize, Option<usize>)> = Vec::new();
    for (at, mark) in marks.iter().enumerate() {
        let above = matches!(mark, Mark::Primes(_) | Mark::Open(Group::Above));
        match mark {
            Mark::Primes(_) | Mark::Open(Group::Above | Group::Below) => {
                let last = open.last().copied().flatten();
                let joined = last
                    .and_then(|(_, script)| script)
                    .filter(|script| above && scripts.get(*script).is_some_and(|script| script.below && !script.above));
                let script = joined.unwrap_or_else(|| {
                    let base = last.map_or(at, |(base, _)| base);
                    let limits = last.is_some_and(|(base, script)| {
                        script.is_none() && matches!(marks.get(base), Some(Mark::Sign(sign)) if sign.limits)
                    });
                    scripts.push(Scripts { base, limits, ..Scripts::default() });
                    if let Some(starts) = starts.get_mut(base) {
                        starts.push(scripts.len() - 1);
                    }
                    scripts.len() - 1
                });
                if let Some(script) = scripts.get_mut(script) {
                    script.above |= above;
                    script.below |= !above;
                }
                let base = scripts.get(script).map_or(at, |script| script.base);
                if let Some(last) = open.last_mut() {
                    *last = Some((base, Some(script)));
                }
                if let Some(role) = roles.get_mut(at) {
                    role.script = Some(script);
                }
                if !matches!(mark, Mark::Primes(_)) {
                    brackets.push((at, Some(script)));
                    open.push(None);
                }
            }
            Mark::Open(_) => {
                brackets.push((at, None));
                open.push(None);
            }
            Mark::Close(_) => {
                open.pop();
                let (start, script) = brackets.pop().unwrap_or((at, None));
                match (script, roles.get_mut(at), open.last_mut()) {
                    (Some(script), Some(role), _) => role.script = Some(script),
                    (None, _, Some(last)) => *last = Some((start, None)),
                    _ => {}
                }
            }
            Mark::Over | Mark::Cell | Mark::Row => {
                if let Some(last) = open.last_mut() {
                    *last = None;
                }
            }
            Mark::Sign(sign) if sign.mathml.is_empty() => {}
            Mark::Letters(..) | Mark::Number(_) | Mark::Function(_) | Mark::Sign(_) => {
                if let Some(last) = open.last_mut() {
                    *last = Some((at, None));
                }
            }
        }
    }
    (scripts, roles, starts)
}

fn open(group: Group) -> &'static str {
    match group {
        Group::Brackets | Group::Round => "<mrow><mo>(</mo>",
        Group::Absolute => "<mrow><mo form=\"prefix\" fence=\"true\" stretchy=\"true\">|</mo>",
        Group::Norm => "<mrow><mo form=\"prefix\" fence=\"true\" stretchy=\"true\">‖</mo>",
        Group::Fraction => "<mfrac><mrow>",
        Group::Root => "<msqrt>",
        Group::CubeRoot => "<mroot><mrow>",
        Group::Matrix => "<mrow><mo>(</mo><mtable><mtr><mtd>",
        Group::Cases => "<mrow><mo form=\"prefix\" fence=\"true\" stretchy=\"true\">{</mo><mtable><mtr><mtd>",
        Group::Above | Group::Below => "<mrow>",
    }
}

fn close(group: Group) -> &'static str {
    match group {
        Group::Brackets | Group::Round => "<mo>)</mo></mrow>",
        Group::Absolute => "<mo form=\"postfix\" fence=\"true\" stretchy=\"true\">|</mo></mrow>",
        Group::Norm => "<mo form=\"postfix\" fence=\"true\" stretchy=\"true\">‖</mo></mrow>",
        Group::Fraction => "</mrow></mfrac>",
        Group::Root => "</msqrt>",
        Group::CubeRoot => "</mrow><mn>3</mn></mroot>",
        Group::Matrix => "</mtd></mtr></mtable><mo>)</mo></mrow>",
        Group::Cases => "</mtd></mtr></mtable></mrow>",
        Group::Above | Group::Below => "</mrow>",
    }
}

/// Bold and script letters are characters of their own; a single letter is italic by itself, a word is not.
fn letters(text: &str, face: Face, greek: Option<char>, out: &mut String) {
    let capital_greek = greek.is_some_and(char::is_uppercase);
    let single = greek.is_some() || text.chars().count() == 1;
    let upright = face == Face::Upright || (face == Face::Italic && capital_greek);
    out.push_str(if upright && single { "<mi mathvariant=\"normal\">" } else { "<mi>" });
    match greek {
        Some(letter) => push_escaped(styled(letter, face, single), out),
        None => text.chars().for_each(|c| push_escaped(styled(c, face, single), out)),
    }
    out.push_str("</mi>");
}

fn styled(c: char, face: Face, single: bool) -> char {
    let moved = |base: u32, first: char| char::from_u32(base + (c as u32 - first as u32)).unwrap_or(c);
    match (face, c) {
        (Face::Bold, 'A'..='Z') => moved(0x1D400, 'A'),
        (Face::Bold, 'a'..='z') => moved(0x1D41A, 'a'),
        (Face::Bold, '0'..='9') => moved(0x1D7CE, '0'),
        (Face::Bold | Face::Script, 'Α'..='Ω') => moved(0x1D6A8, 'Α'),
        (Face::Bold | Face::Script, 'α'..='ω') => moved(0x1D736, 'α'),
        (Face::Script, 'A'..='Z') => moved(0x1D4D0, 'A'),
        (Face::Script, 'a'..='z') => moved(0x1D4EA, 'a'),
        (Face::Italic, 'h') if !single => 'ℎ',
        (Face::Italic, 'A'..='Z') if !single => moved(0x1D434, 'A'),
        (Face::Italic, 'a'..='z') if !single => moved(0x1D44E, 'a'),
        _ => c,
    }
}

fn tag(start: &str, name: &str, out: &mut String) {
    out.push_str(start);
    out.push_str(name);
    out.push('>');
}

fn element(name: &str, text: &str, out: &mut String) {
    tag("<", name, out);
    text.chars().for_each(|c| push_escaped(c, out));
    tag("</", name, out);
}

fn push_escaped(c: char, out: &mut String) {
    match c {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        _ => out.push(c),
    }
}
