//! `matgrad layouts`: the same partial derivatives in every layout.

use std::fmt::Write;

use matgrad::{Cell, LayoutEntry, Layouts, Limits, Picture, Request, Typesetting};

use crate::args::{Drawn, LayoutsArgs, convention};
use crate::diff::remark;
use crate::human::Page;
use crate::{DONE, Trouble, print, source, steps, style, within};

pub fn run(args: LayoutsArgs) -> Result<u8, Trouble> {
    let text = source::text(&args.function)?;
    let mut request = Request::new(text, args.wrt.clone()).convention(convention(&args.convention));
    request.of = args.function.of.clone();
    let (page, format) = (Page::for_stdout(args.ascii), args.format);
    let shown = within::deadline(args.function.deadline, move |deadline| {
        let request = request.limits(Limits { deadline, ..Limits::default() });
        let all = matgrad::layouts(&request)?;
        Ok(match format {
            Drawn::Text => page.layouts(&all),
            Drawn::Json => format!("{:#}\n", all.json()),
            Drawn::Latex => typeset(&all, Typesetting::Latex),
            Drawn::Mathml => typeset(&all, Typesetting::Mathml),
            Drawn::Typst => typeset(&all, Typesetting::Typst),
            Drawn::Svg => all.svg(),
        })
    })?;
    print(&shown);
    Ok(DONE)
}

fn typeset(all: &Layouts, language: Typesetting) -> String {
    let line = |entry: &LayoutEntry| {
        let title = format!("{}, {}", entry.layout.name(), entry.answer.derivative.shape.join(" x "));
        format!("{}{}\n", remark(&title, language), entry.answer.markup().write(language))
    };
    all.entries.iter().map(line).collect()
}

impl Page {
    /// Every layout with its formula, where it comes from, who prints it and a picture.
    fn layouts(self, all: &Layouts) -> String {
        let mut out = String::new();
        let Some(first) = all.entries.first() else { return out };
        for line in first.answer.declared.iter().chain(&first.answer.assumptions) {
            let _ = writeln!(out, "{}", self.statement(line));
        }
        if let Some(picture) = all.entries.iter().find_map(|entry| entry.picture.as_ref()) {
            let sizes = |shape: &[usize]| match shape {
                [1, 1] => "a scalar".to_owned(),
                _ => self.shape(&shape.iter().map(usize::to_string).collect::<Vec<_>>()),
            };
            let (f, x) = (sizes(&picture.function_shape), sizes(&picture.variable_shape));
            let wrt = self.statement(&all.wrt);
            let remark = format!("f = {}; drawn for f: {f}, {wrt}: {x}", self.statement(&all.expression));
            self.remarks(&remark, &mut out);
        }
        for entry in &all.entries {
            let _ = writeln!(out);
            self.layout(entry, &all.wrt, &mut out);
        }
        out
    }

    fn layout(self, entry: &LayoutEntry, wrt: &str, out: &mut String) {
        let name = entry.layout.name();
        self.formulas(&[(name.to_owned(), &entry.answer.derivative, format!("{name} layout"))], out);
        let mut origin = entry.from.as_ref().map(|from| format!("{name} = {}: ", self.statement(from)));
        if let (Some(text), Some(how)) = (&mut origin, entry.how) {
            *text = format!("{}, {how}: ", text.trim_end_matches(": "));
        }
        let how = if entry.from.is_none() { entry.how.map(|how| format!("; {how}")) } else { None };
        let origin = origin.unwrap_or_default();
        self.remarks(&format!("{origin}{}{}", entry.rule, how.unwrap_or_default()), out);
        for printer in &entry.printed_by {
            self.remarks(&format!("printed by {printer}"), out);
        }
        if let Some(picture) = &entry.picture {
            self.picture(picture, wrt, out);
        }
        if let Some(verdict) = &entry.answer.verified
            && !verdict.is_right()
        {
            let _ = writeln!(out, "{}", self.verdict(verdict, "against an independent derivative: relative error"));
        }
    }

    /// A remark in as many lines as it takes.
    fn remarks(self, text: &str, out: &mut String) {
        for (at, line) in steps::wrapped(text, 0, self.table() - 4).iter().enumerate() {
            let _ = writeln!(out, "{}", self.remark(&if at == 0 { line.clone() } else { format!("  {line}") }));
        }
    }

    fn picture(self, picture: &Picture, wrt: &str, out: &mut String) {
        let label = |cell: &Cell| self.label(cell, wrt);
        let width = picture.rows.iter().flatten().map(|cell| label(cell).chars().count()).max().unwrap_or(0);
        let bar = if self.unicode { "│" } else { "|" };
        for (i, row) in picture.rows.iter().enumerate() {
            let mut line = String::new();
            let mut length = 0;
            for (j, cell) in row.iter().enumerate() {
                let text = label(cell);
                let gap = match picture.block {
                    Some((_, columns)) if j > 0 && j % columns.max(1) == 0 => format!(" {bar} "),
                    _ => "  ".to_owned(),
                };
                let pad = width - text.chars().count();
                length += gap.chars().count() + width;
                let _ = write!(line, "{gap}{}{}", style::paint(self.color, hue(cell), &text), " ".repeat(pad));
            }
            if let Some((rows, _)) = picture.block
                && i > 0
                && i % rows.max(1) == 0
            {
                let dash = if self.unicode { "─" } else { "-" };
                let _ = writeln!(out, "{}", self.remark(&format!("  {}", dash.repeat(length.saturating_sub(2)))));
            }
            let hash = style::paint(self.color, style::DIM, "#");
            let _ = writeln!(out, "{hash} {}", line.trim_end());
        }
    }

    /// `∂f₁/∂x₂`
    fn label(self, cell: &Cell, wrt: &str) -> String {
        let d = if self.unicode { "∂" } else { "d" };
        let digits = |at: &[usize]| -> String {
            let digits: String = at.iter().map(usize::to_string).collect();
            if self.unicode { digits.chars().map(subscript).collect() } else { digits }
        };
        // an entry of a matrix is called by the small letter
        let lower: String = if cell.variable.is_empty() { wrt.to_owned() } else { wrt.to_lowercase() };
        format!(
            "{d}f{}/{d}{}{}",
            digits(&cell.function),
            matgrad::respell(&lower, self.options()),
            digits(&cell.variable)
        )
    }
}

fn subscript(digit: char) -> char {
    digit.to_digit(10).and_then(|d| char::from_u32(0x2080 + d)).unwrap_or(digit)
}

/// A colour for each column of the variable.
fn hue(cell: &Cell) -> &'static str {
    let at = cell.variable.last().copied().unwrap_or(1);
    style::SERIES.iter().cycle().nth(at.saturating_sub(1) % style::SERIES.len()).copied().unwrap_or(style::STRONG)
}
