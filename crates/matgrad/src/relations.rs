//! Equations that a script assumes, and what follows from them by differentiating both sides.

use matgrad_calculus::diff;
use matgrad_calculus::graph::{Node, NodeId};
use matgrad_calculus::infer;
use matgrad_calculus::layout::{Kind as Shape, Layout};
use matgrad_calculus::notation;
use matgrad_calculus::simplify::{Rule, reduce, rule};
use matgrad_check::Verdict;
use matgrad_render::TextOptions;
use matgrad_syntax::StatementKind;

use crate::answer::Written;
use crate::work::{Work, shape};
use crate::{Convention, Failure};

/// How often both sides are differentiated.
const HIGHEST: usize = 3;

/// What the assumptions of a script give for derivatives by a variable.
pub(crate) struct Consequences {
    rules: Vec<Rule>,
    /// `r(t)'*r'(t) = 0`, each with its rule, and how often both sides were differentiated for it.
    equations: Vec<(usize, Rule, String)>,
}

impl Work<'_> {
    /// The rules in the assumptions and in their derivatives by the variable.
    fn consequences(&mut self) -> Result<Consequences, Failure> {
        let mut found = Consequences { rules: Vec::new(), equations: Vec::new() };
        for relation in self.analysis.relations.clone() {
            let [infer::Equation::Equal { left, right }] = relation.equations.as_slice() else { continue };
            let kind = shape(&left.shape);
            let (mut left, mut right) = (left.node, right.node);
            found.rules.extend(rule(&mut self.analysis.graph, &mut self.memory, left, right));
            if !self.is_identity([left, right]) {
                continue;
            }
            for order in 1..=HIGHEST {
                let (variable, g) = (self.variable.node, &mut self.analysis.graph);
                let sides = [left, right].map(|side| diff::derivative(g, side, variable, diff::Options::default()));
                let [next_left, next_right] = sides;
                left = next_left.map_err(|error| self.no_derivative(&error))?;
                right = next_right.map_err(|error| self.no_derivative(&error))?;
                let difference = self.graph().subtract(left, right);
                let (_, difference) = self.graph().primitive(difference);
                let difference = reduce(self.graph(), difference, &found.rules);
                let difference = self.simplified(difference)?;
                let (_, difference) = self.graph().primitive(difference);
                let dims = self.analysis.graph.axes(difference).clone();
                let zero = self.graph().zeros(&dims);
                let explicit = matches!(self.analysis.graph.node(left), Node::Call(..));
                let sides = if explicit { (left, right) } else { (difference, zero) };
                let next = rule(&mut self.analysis.graph, &mut self.memory, sides.0, sides.1);
                let Some(next) = next else { continue };
                if found.rules.contains(&next) {
                    continue;
                }
                if self.variable.shape == Shape::Scalar {
                    let text = |work: &mut Self, node: NodeId| -> Result<String, Failure> {
                        let written = work.shaped(node, &kind)?;
                        Ok(written.text(TextOptions::ASCII))
                    };
                    let sides = if self.analysis.graph.is_zero(right) { [difference, zero] } else { [left, right] };
                    let sides = sides.map(|side| self.simplified(side).and_then(|side| text(self, side)));
                    let [from, to] = sides;
                    found.equations.push((order, next, format!("{} = {}", from?, to?)));
                }
                found.rules.push(next);
            }
        }
        Ok(found)
    }

    /// Whether an equation can hold for all values of the variable, so that it may be differentiated: with unknown functions
    /// of the variable in it. Others restrict the variable, and hold where they hold.
    fn is_identity(&self, sides: [NodeId; 2]) -> bool {
        let (g, variable) = (&self.analysis.graph, self.variable.node);
        let of_variable =
            |id: &NodeId| matches!(g.node(*id), Node::Call(..)) && g.reachable(&[*id]).contains(&variable);
        g.reachable(&sides).iter().any(of_variable)
    }

    fn shaped(&mut self, node: NodeId, kind: &Shape) -> Result<Written, Failure> {
        let function = std::mem::replace(&mut self.function.shape, kind.clone());
        let written = self.write(node, Layout::Tensor);
        self.function.shape = function;
        written
    }

    /// The assumptions as they are written.
    fn assumed(&self) -> String {
        let text = |kind: &StatementKind| matgrad_render::statement_text(&self.script.ast, kind, TextOptions::ASCII);
        let statements = self.script.statements.iter().filter_map(|statement| match &statement.kind {
            kind @ StatementKind::Assume { .. } => Some(text(kind).trim_start_matches("assume ").to_owned()),
            _ => None,
        });
        statements.collect::<Vec<_>>().join("; ")
    }

    /// A derivative after its check, in its shorter form under the assumptions; `None` where they change nothing. Says in the
    /// notes what was used and what follows.
    pub fn under_assumptions(
        &mut self,
        [plain, node]: [NodeId; 2],
        layout: Layout,
        verdict: Option<&Verdict>,
        notes: &mut Vec<String>,
    ) -> Result<Option<NodeId>, Failure> {
        if self.analysis.relations.is_empty() || self.request.convention == Convention::Constrained {
            return Ok(None);
        }
        let Consequences { rules, equations } = self.consequences()?;
        let mut best = (notation::length(&mut self.analysis.graph, &mut self.memory, node), node);
        for form in [plain, node] {
            let reduced = reduce(self.graph(), form, &rules);
            let whole = self.analysis.graph.rank(reduced) <= 2 || layout == Layout::Tensor;
            let reduced = if whole { self.simplified(reduced)? } else { reduced };
            let length = notation::length(&mut self.analysis.graph, &mut self.memory, reduced);
            if reduced != form && (length < best.0 || best.1 == node) {
                best = (length, reduced);
            }
        }
        let order = self.request.order;
        let mut follows = Vec::new();
        for (times, rule, text) in equations {
            if times <= order || reduce(self.graph(), plain, &[rule]) != plain {
                follows.push(text);
            }
        }
        if !follows.is_empty() {
            notes.push(format!("from {} follows {}", self.assumed(), follows.join("; ")));
        }
        let reduced = best.1;
        if reduced == node {
            return Ok(None);
        }
        if verdict.is_some() {
            notes.push("the check is of the derivative before the assumptions were used".into());
        }
        Ok(Some(reduced))
    }

    /// Whether a claim is the derivative under the assumptions, and in which layouts.
    pub fn claimed_under_assumptions(&mut self, claim: NodeId) -> Result<Vec<Layout>, Failure> {
        let mut right = Vec::new();
        if self.analysis.relations.is_empty() {
            return Ok(right);
        }
        let consequences = self.consequences()?;
        let derivative = self.derivative(self.request.order)?;
        let normal = |work: &mut Self, node: NodeId| -> Result<NodeId, Failure> {
            let node = reduce(work.graph(), node, &consequences.rules);
            let node = work.simplified(node)?;
            let node = reduce(work.graph(), node, &consequences.rules);
            work.simplified(node)
        };
        let claim = normal(self, claim)?;
        for layout in Layout::ALL {
            if layout == Layout::Differential {
                continue;
            }
            let Ok(arranged) = self.arranged(derivative, layout) else { continue };
            if normal(self, arranged.node)? == claim {
                right.push(layout);
            }
        }
        Ok(right)
    }

    /// The finding on a claim that is right under the assumptions only.
    pub fn sentence_under_assumptions(&self) -> String {
        format!("the claim is right where {}, as the script assumes", self.assumed())
    }
}
