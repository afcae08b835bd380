//! Second derivatives: the gradient differentiated in its turn, by the same stages.

use matgrad_calculus::diff::rules::steps;
use matgrad_calculus::layout::Layout;

use crate::Failure;
use crate::answer::Answer;
use crate::work::Work;

use super::Style;
use super::board::{Board, Form};
use super::line::{Line, definition};

impl Board {
    /// The lines from the gradient of a scalar function to the derivative of the gradient, where the answer is a second
    /// derivative.
    pub(super) fn again(&self, answer: &Answer, style: Style) -> Option<Vec<Line>> {
        let target = self.target_name();
        let scalar = self.form(&target).is_some_and(Form::is_scalar);
        if answer.order < 2 || !scalar || answer.layout == Layout::Tensor {
            return None;
        }
        self.second(&target, style).ok().flatten()
    }

    fn second(&self, target: &str, style: Style) -> Result<Option<Vec<Line>>, Failure> {
        let found = self.derivative(self.kept(), target, &self.wrt, Layout::Gradient, false)?;
        let name = format!("grad_{target}");
        let (helpers, left, right) = definition(&found.written, &name);
        if found.written.formula.axes.is_some() || !helpers.is_empty() {
            return Ok(None);
        }
        let text = format!("{left} = {right}");
        let verdict = self.check(&self.whole(), target, &self.wrt, Layout::Gradient, &text)?;
        let shape = found.written.shape.clone();
        let before = Some(format!("{}'", self.total(target)));
        let rules = vec![&steps::TRANSPOSE];
        let mut lines = vec![Line { rules, helpers, left, right, before, shape, verdict: Some(verdict) }];
        let script = format!("{}\n{text}", self.whole());
        let layout = match self.form(&self.wrt).map(Form::rank) {
            Some(2..) => Layout::Jacobian,
            _ => Layout::Numerator,
        };
        let request = self.request(script, &name, &self.wrt, layout);
        let (source, script) = request.text.read()?;
        let mut next = Work::new(&source, &script, &request)?;
        let answer = next.derive()?;
        let target = script.statements.len().saturating_sub(1);
        let Some(board) = Board::new(&next, &script, target, false) else { return Ok(None) };
        let own = board.lines(&answer, style)?;
        lines.extend(own.into_iter().filter(|line| line.rules != [&steps::NAMES]));
        Ok(Some(lines))
    }
}
