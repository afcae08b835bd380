//! Derivations as a lecturer writes them: the function in named stages, the derivative of each stage, and how they are
//! put together. Every line is a statement of the language and is checked by itself against the original function.

mod again;
mod board;
mod chain;
mod differentials;
mod entries;
mod line;
mod typeset;
mod words;

use matgrad_calculus::diff::rules::{Rule, steps};
use matgrad_calculus::layout::Layout;
use matgrad_check::Verdict;
use matgrad_render::TextOptions;
use matgrad_syntax::Script;

use crate::answer::{Answer, Step};
use crate::work::Work;
use crate::{Convention, Failure, Request};

pub(crate) use board::Board;
use line::Line;

/// Functions with more operations than this are not taken apart.
const LARGE: usize = 4000;

/// How a derivation goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// The chain rule, with the shape of every factor.
    Chain,
    /// Differentials, put into each other.
    Differential,
}

impl Style {
    /// All of them.
    pub const ALL: [Style; 2] = [Style::Chain, Style::Differential];

    /// The word on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Style::Chain => "chain",
            Style::Differential => "differential",
        }
    }

    /// The style of this name.
    pub fn parse(name: &str) -> Option<Style> {
        Self::ALL.into_iter().find(|style| style.name() == name)
    }
}

/// The language of the words in a derivation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// English
    #[default]
    English,
    /// Chinese
    Chinese,
}

impl Language {
    /// All of them.
    pub const ALL: [Language; 2] = [Language::English, Language::Chinese];

    /// The code on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Language::English => "en",
            Language::Chinese => "zh",
        }
    }

    /// The language of this code.
    pub fn parse(name: &str) -> Option<Language> {
        Self::ALL.into_iter().find(|language| language.name() == name)
    }
}

/// A way to take a function apart.
type Way = fn(&Work, &Script, usize) -> Option<Board>;

impl Work<'_> {
    /// The derivation of an answer. Of several ways to show it the first is taken whose every line passes its check.
    pub(crate) fn derivation(&self, answer: &Answer, style: Style) -> Vec<Step> {
        let language = self.request.language;
        let (script, target) = self.with_target();
        if script.ast.len() > LARGE || !self.joined.is_empty() {
            let board = Board::named(self, &script, target);
            return board.ending(answer, None).iter().map(|line| line.step(&board, language)).collect();
        }
        // what is tied together is first differentiated as if it were free
        let free = match self.request.convention {
            Convention::Free => None,
            Convention::Constrained => self.free_answer(),
        };
        let ways: [Way; 3] = [
            |work, script, target| Board::new(work, script, target, true),
            |work, script, target| Board::new(work, script, target, false),
            Board::single,
        ];
        let styles = if style == Style::Chain { &Style::ALL[..] } else { &[Style::Differential][..] };
        for (way, style) in ways.iter().flat_map(|way| styles.iter().map(move |style| (way, *style))) {
            let Some(board) = way(self, &script, target) else { continue };
            let Ok(mut lines) = board.lines(free.as_ref().unwrap_or(answer), style) else { continue };
            if let Some(more) = board.again(answer, style) {
                lines.extend(more);
            }
            if let Some(free) = &free {
                lines.extend(board.ending(free, lines.last()));
            }
            lines.extend(board.ending(answer, lines.last()));
            let sound = lines.iter().all(|line| line.verdict.as_ref().is_some_and(Verdict::is_right));
            if sound {
                return lines.iter().map(|line| line.step(&board, language)).collect();
            }
        }
        let board = Board::named(self, &script, target);
        board.ending(answer, None).iter().map(|line| line.step(&board, language)).collect()
    }

    /// The answer by free entries.
    fn free_answer(&self) -> Option<Answer> {
        let request = Request { convention: Convention::Free, steps: None, ..self.request.clone() };
        crate::derive(&request).ok()
    }
}

impl Board {
    fn lines(&self, answer: &Answer, style: Style) -> Result<Vec<Line>, Failure> {
        match style {
            Style::Chain => self.chain(answer),
            Style::Differential => self.differentials(answer),
        }
    }

    /// The last lines: the derivatives as they are printed, up to the order that is asked for.
    fn ending(&self, answer: &Answer, last: Option<&Line>) -> Vec<Line> {
        let mut lines = Vec::new();
        let name = self.final_name(answer);
        let (helpers, left, right) = line::definition(&answer.derivative, &name);
        let said = last.is_some_and(|last| last.left == left && last.right == right);
        let verdict = answer.verified.clone();
        let rule: &'static Rule = match (answer.order, last) {
            _ if answer.convention == Convention::Constrained => &steps::STRUCTURE,
            (1, Some(_)) if self.staged.stages.len() > 1 => &steps::SUBSTITUTE,
            (1, Some(last)) if last.rules.contains(&&steps::PARTIALS) => &steps::COLLECT,
            (1, _) => &steps::READ_OFF,
            _ => &steps::AGAIN,
        };
        if !said {
            let before = last.filter(|last| last.left == left).map(|last| last.right.clone());
            let shape = answer.derivative.shape.clone();
            lines.push(Line { rules: vec![rule], helpers, left, right, before, shape, verdict: verdict.clone() });
        }
        if let Some(gradient) = answer.gradient.as_ref().filter(|g| g.shape.iter().any(|n| n != "1")) {
            let target = self.target_name();
            let (helpers, left, right) = line::definition(gradient, &format!("grad_{target}"));
            let before = Some(format!("{name}'"));
            let shape = gradient.shape.clone();
            lines.push(Line { rules: vec![&steps::TRANSPOSE], helpers, left, right, before, shape, verdict });
        }
        lines
    }

    /// What the derivative that is asked for is called.
    fn final_name(&self, answer: &Answer) -> String {
        let target = self.target_name();
        let scalar = self.form(&target).is_some_and(board::Form::is_scalar);
        match (answer.layout, answer.order) {
            (Layout::Differential, 1) => format!("d{target}"),
            (Layout::Gradient | Layout::Denominator, 1) if scalar => format!("grad_{target}"),
            (_, 1) => self.total(&target),
            (_, order) => format!("d{order}{target}_d{}{order}", self.wrt),
        }
    }
}

/// A text of the language in one spelling.
fn text_of(ast: &matgrad_syntax::Ast, root: matgrad_syntax::ExprId) -> String {
    matgrad_render::text(ast, root, TextOptions::PLAIN)
}
