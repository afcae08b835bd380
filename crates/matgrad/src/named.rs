//! Answers in the words of the script: a chain of definitions keeps its names, `-2*e'*Phi` where `e = y - Phi*theta`.

use matgrad_calculus::graph::{Dims, Node, NodeId};
use matgrad_calculus::infer::{self, Typed};
use matgrad_calculus::layout::Layout;
use matgrad_check::{Target, Verdict};
use matgrad_render::TextOptions;
use matgrad_syntax::{Name, Script, Span, Statement, StatementKind};

use crate::answer::Written;
use crate::derive::weaker;
use crate::explain::Board;
use crate::work::Work;
use crate::{Convention, Failure};

/// A form with names may be longer than the one without by so many hundredths.
const LONGER: usize = 115;
/// Scripts with more definitions are programs, whose answers are not read by their names.
const MOST: usize = 40;

/// A derivative and its gradient.
type Forms = (Written, Option<Written>);

impl Work<'_> {
    /// The script with the function as one of its statements, and where that stands.
    pub fn with_target(&self) -> (Script, usize) {
        let mut script = self.script.clone();
        let target = match self.function.target {
            Target::Statement(at) => at,
            Target::Expr(root) => {
                let kind = StatementKind::Expression(root);
                script.statements.push(Statement { kind, span: Span::default() });
                script.statements.len() - 1
            }
        };
        (script, target)
    }

    /// The derivative and its gradient with the names of the script for their parts, where that reads no worse.
    pub fn with_names(
        &mut self,
        node: NodeId,
        layout: Layout,
        plain: &Written,
        gradient: bool,
    ) -> Result<Option<(Forms, Option<Verdict>)>, Failure> {
        if self.request.expand || self.function_has_no_parts() {
            return Ok(None);
        }
        let long = |written: &Written| written.text(TextOptions::PLAIN).chars().filter(|c| !c.is_whitespace()).count();
        let most = long(plain) * LONGER / 100;
        let mut forms: Vec<Forms> = Vec::new();
        forms.extend(self.kept_names(layout, gradient));
        forms.extend(self.replaced_by_names(node, layout, gradient)?);
        forms.retain(|(written, _)| long(written) <= most);
        forms.sort_by_key(|(written, _)| long(written));
        for (written, second) in forms {
            if !self.request.verify {
                return Ok(Some(((written, second), None)));
            }
            let mut verdict = self.prove(&written.formula, layout);
            if let Some(second) = &second {
                verdict = weaker(verdict, self.prove(&second.formula, Layout::Gradient));
            }
            if verdict.is_right() {
                return Ok(Some(((written, second), Some(verdict))));
            }
        }
        Ok(None)
    }

    fn function_has_no_parts(&self) -> bool {
        self.parts().is_empty()
    }

    /// The values that the script defines on the way to the function.
    fn parts(&self) -> Vec<(Name, Typed)> {
        let g = &self.analysis.graph;
        if self.analysis.definitions.len() > MOST {
            return Vec::new();
        }
        let function = self.function.node;
        let below = g.reachable(&[function]);
        let own = |(_, typed): &&(Name, Typed)| {
            typed.node != function
                && g.as_input(typed.node).is_none()
                && below.contains(&typed.node)
                && g.reachable(&[typed.node]).iter().any(|id| matches!(g.node(*id), Node::Input(_)))
        };
        self.analysis.definitions.iter().filter(own).cloned().collect()
    }

    /// Each definition a quantity of its own, with its derivative.
    fn kept_names(&mut self, layout: Layout, gradient: bool) -> Option<Forms> {
        if self.request.convention != Convention::Free || !self.joined.is_empty() {
            return None;
        }
        let (script, target) = self.with_target();
        let board = Board::new(self, &script, target, false)?;
        if board.staged.stages.len() < 2 {
            return None;
        }
        let of = board.target_name();
        let found = |layout: Layout| {
            let mut request = board.request(board.kept(), &of, &board.wrt, layout).unverified();
            request.order = self.request.order;
            crate::derive(&request).ok().map(|answer| answer.derivative)
        };
        let first = found(layout)?;
        let second = if gradient { Some(found(Layout::Gradient)?) } else { None };
        Some((first, second))
    }

    /// The names of definitions in place of what they say, in the derivative as it is.
    fn replaced_by_names(&mut self, node: NodeId, layout: Layout, gradient: bool) -> Result<Option<Forms>, Failure> {
        let mut pairs = Vec::new();
        for (name, typed) in self.parts() {
            let dims: Dims = self.analysis.graph.axes(typed.node).clone();
            let row = matches!(typed.shape, infer::Shape::Row(_));
            let input = self.graph().input(&name, &dims, row, &[]);
            pairs.push((typed.node, input));
        }
        let named = self.replaced(node, &pairs);
        if named == node {
            return Ok(None);
        }
        let first = self.write(named, layout)?;
        let second = if gradient { Some(self.write(named, Layout::Gradient)?) } else { None };
        Ok(Some((first, second)))
    }
}
