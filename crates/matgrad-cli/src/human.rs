//! Answers for a person: a script in the language whose remarks are comments, so that what is shown can be run.

use std::collections::BTreeMap;
use std::fmt::Write;

use matgrad::{Answer, Layout, Reply, Solution, TextOptions, Verdict, Written};

use crate::steps;
use crate::style::{self, paint};

/// Tables are no wider than this.
const TABLE: usize = 92;

/// How to show things.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// `θ`, `Xᵀ`, `⊗` rather than ASCII.
    pub unicode: bool,
    /// With colours.
    pub color: bool,
    /// Formulas in rows of characters, with real fractions and matrices, rather than as the language has them.
    pub rows: bool,
    /// How many columns there are: remarks stand beside a formula where they fit, above it otherwise.
    pub width: usize,
}

impl Page {
    /// Unicode and colours on a terminal, plain ASCII elsewhere.
    pub fn for_stdout(ascii: bool) -> Self {
        use std::io::IsTerminal;
        let stdout = std::io::stdout();
        let unicode = stdout.is_terminal() && !ascii;
        Self { unicode, color: style::color(&stdout), rows: false, width: style::width() }
    }

    /// The same with formulas in rows.
    pub fn in_rows(self) -> Self {
        Self { unicode: true, rows: true, ..self }
    }

    /// How wide tables are, where a line does not have to stay whole.
    pub fn table(self) -> usize {
        self.width.min(TABLE)
    }

    /// How texts are spelled.
    pub fn options(self) -> TextOptions {
        if self.unicode { TextOptions::UNICODE } else { TextOptions::ASCII }
    }

    /// A comment.
    pub fn remark(self, text: &str) -> String {
        paint(self.color, style::DIM, &format!("# {text}"))
    }

    /// All replies, after the declarations that they share.
    pub fn replies(self, replies: &[Reply]) -> String {
        let mut out = String::new();
        self.declarations(replies, &mut out);
        self.answers(replies, &mut out);
        out
    }

    /// All replies, where the reader knows the declarations.
    pub fn answers(self, replies: &[Reply], out: &mut String) {
        let answers = || {
            replies.iter().filter_map(|reply| match reply {
                Reply::Answer(answer) => Some(answer.as_ref()),
                Reply::Finding(..) | Reply::Solution(_) | Reply::Curvature(_) => None,
            })
        };
        let mut names = Names::new(answers());
        for (at, reply) in replies.iter().enumerate() {
            if at > 0 {
                out.push('\n');
            }
            match reply {
                Reply::Answer(answer) => {
                    self.answer(answer, &mut names, out);
                }
                Reply::Solution(solution) => self.solution(solution, out),
                Reply::Curvature(found) => self.curvature(found, out),
                Reply::Finding(query, finding) => {
                    let _ = writeln!(out, "{}", self.remark(&self.statement(query)));
                    let (style, word) = if finding.right { (style::GOOD, "right") } else { (style::ERROR, "wrong") };
                    let _ = writeln!(out, "{}", paint(self.color, style, &format!("# {word}: {}", finding.sentence)));
                }
            }
        }
    }

    /// A derivative with its shape, conditions and check.
    fn answer(self, answer: &Answer, names: &mut Names, out: &mut String) {
        if let Some(query) = &answer.query {
            let _ = writeln!(out, "{}", self.remark(&self.statement(query)));
        }
        steps::text(self, &answer.steps, out);
        steps::layouts(self, answer, out);
        let two_axes = answer.derivative.shape.len() == 2;
        let what = match answer.title {
            "derivative" if two_axes || answer.layout == Layout::Tensor => format!("{} layout", answer.layout.name()),
            _ => String::new(),
        };
        let mut formulas = vec![(names.next(title(answer)), &answer.derivative, what)];
        if let Some(gradient) = gradient(answer) {
            formulas.push((names.next("gradient"), gradient, "shaped like the variable".into()));
        }
        formulas.extend(answer.also.iter().map(|(name, form)| (names.next(name), form, String::new())));
        self.formulas(&formulas, out);
        let mut remarks: Vec<String> = Vec::new();
        if !answer.domain.is_empty() {
            remarks.push(self.remark(&format!("holds where {}", answer.domain.join("; "))));
        }
        remarks.extend(answer.notes.iter().map(|note| self.remark(note)));
        remarks.extend(
            answer
                .verified
                .as_ref()
                .map(|verdict| self.verdict(verdict, "against an independent derivative: relative error")),
        );
        if !remarks.is_empty() {
            let _ = writeln!(out, "\n{}", remarks.join("\n"));
        }
    }

    /// Values of unknowns with the conditions under which there are no others.
    fn solution(self, solution: &Solution, out: &mut String) {
        let _ = writeln!(out, "{}", self.remark(&self.statement(&solution.query)));
        let formulas: Vec<(String, &Written, String)> = solution
            .values
            .iter()
            .map(|(name, written)| (matgrad::respell(name, self.options()), written, String::new()))
            .collect();
        self.formulas(&formulas, out);
        let mut remarks: Vec<String> = Vec::new();
        if !solution.unique.is_empty() {
            remarks.push(self.remark(&format!("the only solution where {}", solution.unique.join("; "))));
        }
        remarks.extend(solution.notes.iter().map(|note| self.remark(note)));
        remarks.extend(
            solution.verified.as_ref().map(|verdict| self.verdict(verdict, "in the equations: relative residual")),
        );
        let _ = writeln!(out, "\n{}", remarks.join("\n"));
    }

    /// What the answers share: each declaration and each assumption once.
    fn declarations(self, replies: &[Reply], out: &mut String) {
        let (mut declared, mut assumed): (Vec<&str>, Vec<&str>) = Default::default();
        for reply in replies {
            let (own, assumptions) = match reply {
                Reply::Answer(answer) => (&answer.declared, &answer.assumptions),
                Reply::Solution(solution) => (&solution.declared, &solution.assumptions),
                Reply::Curvature(found) => (&found.declared, &found.assumptions),
                Reply::Finding(..) => continue,
            };
            for (list, lines) in [(&mut declared, own), (&mut assumed, assumptions)] {
                for line in lines {
                    if !list.contains(&line.as_str()) {
                        list.push(line);
                    }
                }
            }
        }
        for declaration in &declared {
            let _ = writeln!(out, "{}", self.statement(declaration));
        }
        if !assumed.is_empty() {
            let _ = writeln!(out, "{}", self.remark("assumed, as nobody declared it"));
            for assumption in &assumed {
                let _ = writeln!(out, "{}", self.statement(assumption));
            }
        }
        if !out.is_empty() {
            out.push('\n');
        }
    }

    /// A statement in the spelling of this page.
    pub fn statement(self, text: &str) -> String {
        matgrad::respell(text, self.options())
    }

    /// Definitions with their shapes beside them.
    pub fn formulas(self, formulas: &[(String, &Written, String)], out: &mut String) {
        if self.rows && self.formulas_in_rows(formulas, out) {
            return;
        }
        let mut lines: Vec<(String, String, String)> = Vec::new();
        for (name, written, what) in formulas {
            let mut remark = self.shape(&written.shape);
            if !what.is_empty() && !is_scalar(&written.shape) {
                remark.push_str(&format!(", {what}"));
            }
            let (before, (left, right)) = written.statements(name, self.options());
            for definition in before {
                // what the last formula has defined is not said again
                let name = |text: &str| text.split(" = ").next().map(str::to_owned);
                let last = lines.iter().rev().find(|line| line.1.is_empty() && name(&line.0) == name(&definition));
                if last.is_none_or(|line| line.0 != definition) {
                    lines.push((definition, String::new(), String::new()));
                }
            }
            lines.push((left, right, remark));
        }
        let margin =
            lines.iter().filter(|(_, right, _)| !right.is_empty()).map(|l| l.0.chars().count()).max().unwrap_or(0);
        let width = lines.iter().map(|(_, right, _)| right.chars().count()).max().unwrap_or(0);
        let beside = margin + 3 + width + 30 < self.width;
        for (left, right, remark) in &lines {
            if right.is_empty() {
                let _ = writeln!(out, "{left}");
                continue;
            }
            let formula = paint(self.color, style::STRONG, right);
            if beside {
                let gap = " ".repeat(width - right.chars().count() + 3);
                let _ = writeln!(out, "{left:margin$} = {formula}{gap}{}", self.remark(remark));
            } else {
                let _ = writeln!(out, "{}\n{left:margin$} = {formula}", self.remark(remark));
            }
        }
    }

    /// Formulas in rows, each below its remark; whether all are small enough for that.
    fn formulas_in_rows(self, formulas: &[(String, &Written, String)], out: &mut String) -> bool {
        let rows = formulas.iter().map(|(name, written, _)| written.in_rows(name, self.width));
        let Some(rows) = rows.collect::<Option<Vec<_>>>() else { return false };
        for (at, ((_, written, what), rows)) in formulas.iter().zip(rows).enumerate() {
            let mut remark = self.shape(&written.shape);
            if !what.is_empty() && !is_scalar(&written.shape) {
                remark.push_str(&format!(", {what}"));
            }
            let gap = if at > 0 { "\n" } else { "" };
            let _ = writeln!(out, "{gap}{}", self.remark(&remark));
            for row in rows {
                let _ = writeln!(out, "{}", paint(self.color, style::STRONG, &row));
            }
        }
        true
    }

    /// `m x n`
    pub fn shape(self, shape: &[String]) -> String {
        if is_scalar(shape) {
            return "a scalar".into();
        }
        shape.join(if self.unicode { " × " } else { " x " })
    }

    /// What the check found.
    pub fn verdict(self, verdict: &Verdict, how: &str) -> String {
        let points = verdict.points;
        if let Some(failure) = &verdict.failure {
            let text = format!("# THE CHECK FAILED: {}", failure.message);
            return paint(self.color, style::ERROR, &text);
        }
        if verdict.is_right() {
            let places = if points == 1 { "1 random point".into() } else { format!("{points} random points") };
            let error = match verdict.max_relative_error {
                0.0 => "0".to_owned(),
                error => format!("{error:.1e}"),
            };
            let text = format!("# checked at {places} {how} {error}");
            return paint(self.color, style::GOOD, &text);
        }
        let reason = match &verdict.error {
            Some(error) => error.message.clone(),
            None => "the formula has no value at any point that was tried, where the function has a derivative".into(),
        };
        paint(self.color, style::ERROR, &format!("# not checked: {reason}"))
    }
}

/// What the derivative of an answer is called.
fn title(answer: &Answer) -> &'static str {
    if answer.title == "derivative" && answer.layout == Layout::Differential { "differential" } else { answer.title }
}

/// The gradient where it says more than the derivative.
fn gradient(answer: &Answer) -> Option<&Written> {
    answer.gradient.as_ref().filter(|gradient| !is_scalar(&gradient.shape))
}

fn is_scalar(shape: &[String]) -> bool {
    shape.iter().all(|n| n == "1")
}

/// Names of definitions, with a number where several answers want the same.
struct Names {
    wanted: BTreeMap<&'static str, usize>,
    used: BTreeMap<&'static str, usize>,
}

impl Names {
    fn new<'a>(answers: impl Iterator<Item = &'a Answer>) -> Self {
        let mut wanted = BTreeMap::new();
        for answer in answers {
            *wanted.entry(title(answer)).or_insert(0) += 1;
            if gradient(answer).is_some() {
                *wanted.entry("gradient").or_insert(0) += 1;
            }
            for (name, _) in &answer.also {
                *wanted.entry(name).or_insert(0) += 1;
            }
        }
        Self { wanted, used: BTreeMap::new() }
    }

    fn next(&mut self, title: &'static str) -> String {
        let used = self.used.entry(title).or_insert(0);
        *used += 1;
        if self.wanted.get(title).is_some_and(|count| *count > 1) { format!("{title}{used}") } else { title.to_owned() }
    }
}
