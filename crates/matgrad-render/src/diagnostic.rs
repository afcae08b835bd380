//! Diagnostics for a terminal: the message, the line with the place underlined, labels and help.

use std::fmt::Write;

use matgrad_syntax::{Diagnostic, Severity, Source, Span};

/// The longest piece of a line that is shown.
const WIDTH: usize = 110;
/// Characters shown before the first marked place of a long line.
const LEAD: usize = 30;

const RESET: &str = "\x1b[0m";
const BOLD: &str = "\x1b[1m";
const RED: &str = "\x1b[1;31m";
const YELLOW: &str = "\x1b[1;33m";
const BLUE: &str = "\x1b[1;34m";
const CYAN: &str = "\x1b[1;36m";

/// A diagnostic with its place in the source.
///
/// ```
/// use matgrad_render::diagnostic_text;
/// use matgrad_syntax::{Source, parse};
/// let source = Source::from("L = nrom(x)^2");
/// let parsed = parse(source.text());
/// assert_eq!(diagnostic_text(&source, &parsed.diagnostics[0], false), "\
/// error: unknown function `nrom`
///  --> 1:5
///   |
/// 1 | L = nrom(x)^2
///   |     ^^^^
///   = help: did you mean `norm`?
/// ");
/// ```
pub fn diagnostic_text(source: &Source, diagnostic: &Diagnostic, color: bool) -> String {
    let paint = Paint { color };
    let (word, style) = match diagnostic.severity {
        Severity::Error => ("error", RED),
        Severity::Warning => ("warning", YELLOW),
    };
    let mut out = paint.text(style, word);
    out.push_str(&paint.text(BOLD, &format!(": {}", diagnostic.message)));
    out.push('\n');

    let mut marks = vec![Mark { span: diagnostic.span, label: "", sign: '^', style }];
    marks.extend(diagnostic.labels.iter().map(|(span, label)| Mark { span: *span, label, sign: '-', style: BLUE }));
    let lines = by_line(source, marks);
    let last = lines.last().map_or(0, |line| line.number);
    let margin = last.to_string().len();

    let place = source.place(diagnostic.span.start);
    let origin = if place.origin.is_empty() { String::new() } else { format!("{}:", place.origin) };
    let arrow = paint.text(BLUE, &format!("{:margin$}-->", ""));
    let _ = writeln!(out, "{arrow} {origin}{}:{}", place.line, place.column);
    let bar = paint.text(BLUE, &format!("{:margin$} |", ""));
    let _ = writeln!(out, "{bar}");
    for (at, line) in lines.iter().enumerate() {
        if at > 0
            && lines.get(at - 1).is_some_and(|before| before.number + 1 < line.number || before.start > line.start)
        {
            let _ = writeln!(out, "{}", paint.text(BLUE, "..."));
        }
        line.write(source, margin, &bar, &paint, &mut out);
    }
    for help in &diagnostic.help {
        let _ =
            writeln!(out, "{} {}: {help}", paint.text(BLUE, &format!("{:margin$} =", "")), paint.text(CYAN, "help"));
    }
    out
}

struct Paint {
    color: bool,
}

impl Paint {
    fn text(&self, style: &str, text: &str) -> String {
        if self.color && !text.is_empty() { format!("{style}{text}{RESET}") } else { text.to_owned() }
    }
}

/// A place with what is written under it.
struct Mark<'a> {
    span: Span,
    label: &'a str,
    sign: char,
    style: &'static str,
}

/// A line of the source with its marks, in columns of characters.
struct Line<'a> {
    start: u32,
    end: u32,
    number: usize,
    marks: Vec<(usize, usize, Mark<'a>)>,
}

fn by_line<'a>(source: &Source, marks: Vec<Mark<'a>>) -> Vec<Line<'a>> {
    let mut lines: Vec<Line<'a>> = Vec::new();
    for mark in marks {
        let whole = source.line_of(mark.span.start);
        let text = whole.text(source.text());
        let offset = (mark.span.start.saturating_sub(whole.start)) as usize;
        let from = text.get(..offset).unwrap_or(text).chars().count();
        // a place over several lines is marked to the end of its first
        let last = (mark.span.end.min(whole.end).saturating_sub(whole.start)) as usize;
        let length = text.get(offset..last).unwrap_or("").chars().count().max(1);
        let at = lines.iter().position(|line| line.start == whole.start).unwrap_or_else(|| {
            let number = source.place(whole.start).line;
            lines.push(Line { start: whole.start, end: whole.end, number, marks: Vec::new() });
            lines.len() - 1
        });
        if let Some(line) = lines.get_mut(at) {
            line.marks.push((from, from + length, mark));
        }
    }
    lines.sort_by_key(|line| line.start);
    lines
}

impl Line<'_> {
    fn write(&self, source: &Source, margin: usize, bar: &str, paint: &Paint, out: &mut String) {
        let text = Span { start: self.start, end: self.end }.text(source.text());
        let first = self.marks.iter().map(|(from, ..)| *from).min().unwrap_or(0);
        let skipped = if text.chars().nth(WIDTH).is_some() { first.saturating_sub(LEAD) } else { 0 };
        let mut shown: String = text
            .chars()
            .skip(skipped)
            .take(WIDTH)
            .map(|c| if c.is_control() || c == '\u{feff}' { ' ' } else { c })
            .collect();
        let cut = text.chars().nth(skipped + WIDTH).is_some();
        let before = if skipped > 0 { "…" } else { "" };
        if cut {
            shown.push('…');
        }
        let number = paint.text(BLUE, &format!("{:margin$} |", self.number));
        let _ = writeln!(out, "{number} {before}{}", shown.trim_end());
        let shift = before.chars().count();
        let mut marks: Vec<(usize, usize, &Mark<'_>)> = self
            .marks
            .iter()
            .filter(|(from, ..)| *from < skipped + WIDTH + 1)
            .map(|(from, to, mark)| (from - skipped + shift, (to - skipped).min(WIDTH + 1) + shift, mark))
            .collect();
        marks.sort_by_key(|(from, ..)| *from);
        self.write_marks(&marks, bar, paint, out);
    }

    /// The underlines of all marks in one row, the label of the last behind it, the others in rows of their own.
    fn write_marks(&self, marks: &[(usize, usize, &Mark<'_>)], bar: &str, paint: &Paint, out: &mut String) {
        let mut row = String::new();
        let mut column = 0;
        for (from, to, mark) in marks {
            let start = (*from).max(column);
            row.push_str(&" ".repeat(start - column));
            let signs: String = std::iter::repeat_n(mark.sign, to.saturating_sub(start)).collect();
            row.push_str(&paint.text(mark.style, &signs));
            column = (*to).max(start);
        }
        if let Some((.., mark)) = marks.last()
            && !mark.label.is_empty()
        {
            row.push(' ');
            row.push_str(&paint.text(mark.style, mark.label));
        }
        let _ = writeln!(out, "{bar} {row}");
        for (from, _, mark) in marks.iter().rev().skip(1).filter(|(.., mark)| !mark.label.is_empty()) {
            let _ = writeln!(out, "{bar} {}{}", " ".repeat(*from), paint.text(mark.style, mark.label));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use matgrad_syntax::parse_parts;

    fn check(parts: &[(&str, &str)], expected: &str) {
        let (source, parsed) = parse_parts(parts.iter().copied());
        let texts: Vec<String> = parsed.diagnostics.iter().map(|d| diagnostic_text(&source, d, false)).collect();
        assert_eq!(texts.join("\n"), expected);
    }

    #[test]
    fn the_place_is_underlined() {
        check(
            &[("--declare", "x in R^n"), ("expression", "norm(θ' + * x)")],
            "\
error: expected an expression after `+`, found `*`
 --> expression:1:11
  |
1 | norm(θ' + * x)
  |         - ^
  |         this operator needs an operand on its right
",
        );
        check(
            &[("a.mg", "A in R^(n x n) symetric\nL = (1 + 2")],
            "\
error: unknown attribute `symetric`
 --> a.mg:1:16
  |
1 | A in R^(n x n) symetric
  |                ^^^^^^^^
  = help: did you mean `symmetric`?

error: `(` is never closed
 --> a.mg:2:5
  |
2 | L = (1 + 2
  |     ^
  = help: add the missing `)`
",
        );
    }

    #[test]
    fn labels_on_other_lines() {
        let source = Source::new("f", "a\nb\nc\nd");
        let diagnostic = Diagnostic::error("x", Span::new(6, 7), "no").label(Span::new(0, 1), "here");
        assert_eq!(
            diagnostic_text(&source, &diagnostic, false),
            "error: no\n --> f:4:1\n  |\n1 | a\n  | - here\n...\n4 | d\n  | ^\n"
        );
        assert!(diagnostic_text(&source, &diagnostic, true).contains("\x1b[1;31m^\x1b[0m"));
    }

    #[test]
    fn long_lines_are_cut() {
        let text = format!("{}@{}", "x + ".repeat(50_000), " + x".repeat(50_000));
        let source = Source::from(text.as_str());
        let parsed = matgrad_syntax::parse(&text);
        let shown = diagnostic_text(&source, &parsed.diagnostics[0], false);
        assert!(shown.lines().all(|line| line.chars().count() < 140), "{shown}");
        assert!(shown.contains('@') && shown.contains("^"), "{shown}");
    }

    #[test]
    fn any_span_is_shown() {
        let source = Source::from("α\tβ");
        for (start, end) in [(0, 0), (0, 99), (1, 2), (5, 5), (99, 100), (3, 1)] {
            let diagnostic = Diagnostic::error("x", Span { start, end }, "m");
            assert!(diagnostic_text(&source, &diagnostic, false).contains('^'));
        }
    }
}
