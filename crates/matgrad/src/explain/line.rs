//! A line of a derivation.

use matgrad_calculus::diff::rules::Rule;
use matgrad_check::Verdict;
use matgrad_render::TextOptions;

use crate::answer::{Equation, Step, Written};

use super::board::Board;
use super::{Language, words};

/// An equation of a derivation.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// The rules that it uses.
    pub rules: Vec<&'static Rule>,
    /// Definitions before it.
    pub helpers: Vec<String>,
    /// What is said to be equal, `dL`, `dL_de` or `G[i,j]`; empty where definitions are all there is.
    pub left: String,
    /// What it is.
    pub right: String,
    /// What it was in the line before.
    pub before: Option<String>,
    /// Rows and columns.
    pub shape: Vec<String>,
    /// The outcome of its check.
    pub verdict: Option<Verdict>,
}

impl Line {
    /// The line as statements of the language.
    pub fn statements(&self) -> Vec<String> {
        let own = (!self.left.is_empty()).then(|| format!("{} = {}", self.left, self.right));
        self.helpers.iter().cloned().chain(own).collect()
    }

    /// The same as one text.
    pub fn text(&self) -> String {
        self.statements().join("; ")
    }

    /// The line for a reader.
    pub fn step(&self, board: &Board, language: Language) -> Step {
        let name = |rule: &&'static Rule| match language {
            Language::English => rule.name,
            Language::Chinese => rule.chinese,
        };
        let comma = if language == Language::Chinese { "、" } else { ", " };
        let equation = |text: String| Equation {
            latex: board.latex(&text),
            mathml: board.mathml(&text),
            unicode: board.unicode(&text),
            text,
        };
        let equations: Vec<Equation> = self.statements().into_iter().map(equation).collect();
        let joined =
            |part: fn(&Equation) -> &str, between: &str| equations.iter().map(part).collect::<Vec<_>>().join(between);
        Step {
            rule: self.rules.iter().map(name).collect::<Vec<_>>().join(comma),
            key: self.rules.iter().map(|rule| rule.name).collect::<Vec<_>>().join(", "),
            statement: self.rules.first().map_or("", |rule| rule.statement).to_owned(),
            source: self.rules.first().map_or("", |rule| rule.source).to_owned(),
            why: words::why(self, language),
            text: joined(|equation| &equation.text, "; "),
            latex: joined(|equation| &equation.latex, r",\quad "),
            before: self.before.clone(),
            after: self.right.clone(),
            shape: self.shape.clone(),
            verified: self.verdict.clone(),
            equations,
        }
    }
}

/// The definitions before a formula, and both sides of its own definition under this name.
pub(super) fn definition(written: &Written, name: &str) -> (Vec<String>, String, String) {
    let (helpers, (left, right)) = written.statements(name, TextOptions::PLAIN);
    let left = match left.find('[') {
        Some(at) if written.formula.axes.is_some() => format!("{name}{}", left.get(at..).unwrap_or("")),
        _ => left,
    };
    (helpers, left, right)
}
