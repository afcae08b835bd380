//! Derivations on a page: numbered, aligned, each line with its rule and its shape, as remarks of the script around them.

use std::fmt::Write;

use matgrad::{Answer, Equation, Placement, Step, Verdict};

use crate::human::Page;
use crate::style::{self, paint};

/// Formulas longer than this have their shapes on a line of their own.
const WIDE: usize = 64;

/// How many columns of a terminal a text takes; Chinese characters take two.
fn width(text: &str) -> usize {
    let wide = |c: char| matches!(c as u32, 0x1100..=0x115f | 0x2e80..=0xa4cf | 0xac00..=0xd7a3 | 0xf900..=0xfaff | 0xff00..=0xff60);
    text.chars().map(|c| if wide(c) { 2 } else { 1 }).sum()
}

/// A text in lines of at most this width, broken between words; the first line has `used` columns less.
pub fn wrapped(text: &str, used: usize, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut left = room.saturating_sub(used);
    // between Chinese characters there are no spaces
    for word in text.split_inclusive([' ', '，', '；', '。']) {
        let wide = width(word.trim_end());
        if wide > left && !(lines.len() == 1 && used == 0 && lines[0].is_empty()) {
            lines.push(String::new());
            left = room;
        }
        if let Some(line) = lines.last_mut() {
            line.push_str(word);
        }
        left = left.saturating_sub(width(word));
    }
    lines.into_iter().map(|line| line.trim_end().to_owned()).collect()
}

/// The steps as text.
pub fn text(page: Page, steps: &[Step], out: &mut String) {
    if steps.is_empty() {
        return;
    }
    let lines = |step: &Step| -> Vec<String> {
        let shown = |equation: &Equation| if page.unicode { &equation.unicode } else { &equation.text }.clone();
        step.equations.iter().map(shown).collect()
    };
    let formulas: Vec<Vec<String>> = steps.iter().map(lines).collect();
    let left = |line: &str| line.split_once(" = ").map_or(0, |(left, _)| width(left));
    let margin = formulas.iter().flatten().map(|line| left(line)).max().unwrap_or(0).min(24);
    let column = formulas
        .iter()
        .flatten()
        .map(|line| margin - left(line).min(margin) + width(line))
        .filter(|w| *w <= WIDE)
        .max();
    let column = column.unwrap_or(0);
    let chinese = steps.iter().any(|step| step.rule != step.key);
    let hash = paint(page.color, style::DIM, "#");
    for (at, (step, formulas)) in steps.iter().zip(&formulas).enumerate() {
        let number = format!("{:>2}.", at + 1);
        let rule = paint(page.color, style::RULE, &step.rule);
        let why = match step.why.as_str() {
            "" => String::new(),
            why => paint(page.color, style::DIM, &format!(": {why}")),
        };
        let _ = writeln!(out, "{hash} {number} {rule}{why}");
        for (k, formula) in formulas.iter().enumerate() {
            let indent = " ".repeat(margin - left(formula).min(margin));
            let used = indent.len() + width(formula);
            let mut shown = format!("{hash}     {indent}{formula}");
            if k + 1 == formulas.len() {
                let gap = " ".repeat(column.saturating_sub(used) + 3);
                let mark = if step.verified.as_ref().is_some_and(Verdict::is_right) {
                    String::new()
                } else {
                    paint(page.color, style::ERROR, "  not checked")
                };
                let shape = match page.shape(&step.shape) {
                    scalar if chinese && step.shape.iter().all(|n| n == "1") => scalar.replace("a scalar", "标量"),
                    shape => shape,
                };
                let shape = paint(page.color, style::DIM, &shape);
                let _ = write!(shown, "{gap}{shape}{mark}");
            }
            let _ = writeln!(out, "{shown}");
        }
    }
    let checked = steps.iter().filter(|step| step.verified.as_ref().is_some_and(Verdict::is_right)).count();
    let total = match (checked == steps.len(), chinese) {
        (true, false) => format!("all {checked} steps checked"),
        (true, true) => format!("共 {checked} 步，均已数值验证"),
        (false, false) => format!("{checked} of {} steps checked", steps.len()),
        (false, true) => format!("共 {} 步，其中 {checked} 步已数值验证", steps.len()),
    };
    let _ = writeln!(out, "{hash} {}\n", paint(page.color, style::GOOD, &total));
}

/// The layouts of the same partial derivatives: shapes, how one is obtained from another, who prints it.
pub fn layouts(page: Page, answer: &Answer, out: &mut String) {
    let Some(shown) = answer.layouts.iter().find(|other| other.layout == answer.layout) else { return };
    let chinese = answer.steps.iter().any(|step| step.rule != step.key);
    let (title, of) = if chinese { ("布局", ": ") } else { ("layout", ": ") };
    let hash = paint(page.color, style::DIM, "#");
    let head = paint(page.color, style::RULE, &format!("{title} {}", shown.layout.name()));
    let used = 2 + width(title) + 1 + width(shown.layout.name());
    for (at, line) in wrapped(&format!("{of}{}", shown.rule), used, page.table()).into_iter().enumerate() {
        let line = paint(page.color, style::DIM, &line);
        let _ = if at == 0 { writeln!(out, "{hash} {head}{line}") } else { writeln!(out, "{hash}   {line}") };
    }
    let shape = |other: &Placement| match other.shape.as_slice() {
        [one, other] if one == "1" && other == "1" => if chinese { "标量" } else { "a scalar" }.to_owned(),
        sizes => page.shape(sizes),
    };
    let widest =
        |text: &dyn Fn(&Placement) -> String| answer.layouts.iter().map(|l| width(&text(l))).max().unwrap_or(0);
    let from =
        |other: &Placement| other.from.as_ref().map(|from| format!("= {}", page.statement(from))).unwrap_or_default();
    let pad = |text: String, wide: usize| format!("{text}{}", " ".repeat(wide.saturating_sub(width(&text))));
    let (names, shapes) = (widest(&|l| l.layout.name().to_owned()), widest(&shape));
    let origins = widest(&from).min(32);
    for other in &answer.layouts {
        let name = pad(other.layout.name().to_owned(), names);
        let left = format!("{name}  {}  {}", pad(shape(other), shapes), pad(from(other), origins));
        // who prints it stands beside, in lines of its own width
        let (margin, used) = (6 + names + 2 + shapes + 2 + origins + 2, 6 + width(&left) + 2);
        let room = page.table().saturating_sub(margin).max(16);
        let readers = wrapped(&other.printed_by.join("; "), used - margin, room);
        for (at, readers) in readers.iter().enumerate() {
            let before = if at == 0 { format!("     {left}  ") } else { " ".repeat(margin - 1) };
            let line = format!("{before}{}", paint(page.color, style::DIM, readers));
            let _ = writeln!(out, "{hash}{}", line.trim_end());
        }
    }
    let _ = writeln!(out);
}

/// The steps as an `align` environment.
pub fn latex(steps: &[Step]) -> String {
    let mut out = String::from("\\begin{align*}\n");
    for (at, step) in steps.iter().enumerate() {
        let space = if step.shape.iter().all(|n| n == "1") {
            String::new()
        } else {
            format!(r" \in \mathbb{{R}}^{{{}}}", step.shape.join(r" \times "))
        };
        let parts: Vec<String> =
            step.equations.iter().map(|equation| equation.latex.replacen(" = ", " &= ", 1)).collect();
        let end = if at + 1 < steps.len() { r" \\" } else { "" };
        let _ = writeln!(out, "  % {}. {}", at + 1, step.rule);
        for (k, part) in parts.iter().enumerate() {
            if k + 1 < parts.len() {
                let _ = writeln!(out, "  {part} \\\\");
            } else {
                let _ = writeln!(out, "  {part}{space} && \\text{{{}}}{end}", step.rule);
            }
        }
    }
    out + "\\end{align*}\n"
}
