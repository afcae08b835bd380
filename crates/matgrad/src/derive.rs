//! The one pipeline that every front calls: text, graph, derivative, small derivative, notation, check.

use matgrad_calculus::diff;
use matgrad_calculus::graph::NodeId;
use matgrad_calculus::layout::{Kind as Shape, Layout};
use matgrad_calculus::notation;
use matgrad_check::Verdict;

use crate::answer::{Answer, Written};
use crate::work::{NO_NOTATION, Work};
use crate::{Failure, Request, mentioned};

/// Finds a derivative, writes it as a textbook would, and checks it.
///
/// ```
/// use matgrad::{Request, Text};
/// let request = Request::new(Text::expression("norm(y - Phi*theta)^2"), "theta");
/// let answer = matgrad::derive(&request)?;
/// assert_eq!(answer.text(), "-2*(y - Phi*theta)'*Phi");
/// assert_eq!(answer.verified.map(|verdict| verdict.points), Some(3));
/// # Ok::<(), matgrad::Failure>(())
/// ```
///
/// # Errors
/// What is wrong with the request, with the place.
pub fn derive(request: &Request) -> Result<Answer, Failure> {
    request.limits.hold(&request.text, || {
        let (source, script) = request.text.read()?;
        Work::new(&source, &script, request)?.derive()
    })
}

impl Work<'_> {
    /// The derivative, with its derivation where that is asked for.
    pub fn derive(&mut self) -> Result<Answer, Failure> {
        let mut answer = self.derived()?;
        if let Some(style) = self.request.steps {
            answer.steps = self.derivation(&answer, style);
            if answer.order == 1 {
                answer.layouts = self.placements();
            }
        }
        Ok(answer)
    }

    fn derived(&mut self) -> Result<Answer, Failure> {
        let (order, mut layout) = (self.request.order, self.request.layout);
        let is_tensor = |shape: &Shape| matches!(shape, Shape::Tensor(_));
        if layout == Layout::Numerator && (is_tensor(&self.function.shape) || is_tensor(&self.variable.shape)) {
            // the only one there is
            layout = Layout::Tensor;
        }
        if let Some(answer) = self.derive_tied()? {
            return Ok(answer);
        }
        let derivative = if layout == Layout::Differential {
            let step = self.step();
            self.along(step)?
        } else {
            self.derivative(order)?
        };
        let plain = self.with_structure(derivative);
        // what a Kronecker product will show is simplified once it is one
        let whole = self.analysis.graph.rank(plain) <= 2 || layout == Layout::Tensor;
        let node = if whole { self.simplified(plain)? } else { plain };
        let node = self.by_definition(node)?;

        let mut derivative = self.write(node, layout)?;
        let both = layout == Layout::Numerator && order == 1 && self.function.shape == Shape::Scalar;
        let mut gradient = if both { Some(self.write(node, Layout::Gradient)?) } else { None };
        self.within_limits()?;

        let mut notes = self.notes();
        let mut verified = None;
        if self.request.verify {
            verified = Some(self.proved(&mut derivative, plain, layout, &mut notes)?);
            if let Some(gradient) = &mut gradient {
                let second = self.proved(gradient, plain, Layout::Gradient, &mut notes)?;
                verified = verified.map(|first| weaker(first, second));
            }
        }
        if let Some(reduced) = self.under_assumptions([plain, node], layout, verified.as_ref(), &mut notes)? {
            derivative = self.write(reduced, layout)?;
            gradient = if both { Some(self.write(reduced, Layout::Gradient)?) } else { None };
        }
        if let Some(((named, second), verdict)) = self.with_names(node, layout, &derivative, both)? {
            (derivative, gradient) = (named, second);
            verified = verdict.or(verified);
        }
        let mut answer = self.answer("derivative", derivative, gradient, node, notes, verified);
        answer.layout = layout;
        Ok(answer)
    }

    /// A node with what its implicit definitions say put in where that is shorter: `z` for `tanh(W*z + x)`.
    fn by_definition(&mut self, node: NodeId) -> Result<NodeId, Failure> {
        let mut best = node;
        for pair in diff::equal_by_definition(&self.analysis.graph, self.function.node) {
            let other = self.replaced(best, &[pair]);
            if other == best {
                continue;
            }
            let other = self.simplified(other)?;
            let g = &mut self.analysis.graph;
            if notation::length(g, &mut self.memory, other) < notation::length(g, &mut self.memory, best) {
                best = other;
            }
        }
        Ok(best)
    }

    /// The answer with what there is to know about it.
    pub fn answer(
        &mut self,
        title: &'static str,
        derivative: Written,
        gradient: Option<Written>,
        node: NodeId,
        notes: Vec<String>,
        verified: Option<Verdict>,
    ) -> Answer {
        let domain = self.domain(node);
        let mut declared = self.declared();
        let formulas: Vec<&Written> = gradient.iter().chain([&derivative]).collect();
        declared.extend(mentioned::definitions(self.script, &formulas, &domain));
        Answer {
            title,
            query: None,
            expression: self.expression(),
            wrt: self.variable.name.to_string(),
            order: self.request.order,
            layout: self.request.layout,
            convention: self.request.convention,
            derivative,
            gradient,
            also: Vec::new(),
            declared,
            assumptions: self.analysis.assumptions.clone(),
            domain,
            structure: self.structure(),
            notes,
            verified,
            steps: Vec::new(),
            layouts: Vec::new(),
        }
    }

    /// Checks what is shown. Where the check refutes it, the unsimplified derivative takes its place: an answer that may
    /// be long is better than a short one that is wrong.
    fn proved(
        &mut self,
        written: &mut Written,
        plain: NodeId,
        layout: Layout,
        notes: &mut Vec<String>,
    ) -> Result<Verdict, Failure> {
        let verdict = self.prove(&written.formula, layout);
        if !is_refuted(&verdict) {
            return Ok(verdict);
        }
        let arranged = self.arranged(plain, layout)?;
        let longer = match self.written(&arranged) {
            Ok(longer) => Some(longer),
            // not every loop that is as it came from the rules can be written
            Err(failure) if failure.diagnostics.iter().all(|d| d.code == NO_NOTATION) => None,
            Err(failure) => return Err(failure),
        };
        let second = longer.map(|longer| (self.prove(&longer.formula, layout), longer));
        let Some((second, longer)) = second.filter(|(second, _)| !is_refuted(second)) else {
            notes.extend(refutation(&verdict, "THIS DERIVATIVE"));
            return Ok(verdict);
        };
        notes.push(match verdict.failure {
            Some(_) => "a shorter form failed its check and was withdrawn; this is a defect of matgrad".to_owned(),
            None => "a shorter form, which divides by 0 where the function has a value, was withdrawn".to_owned(),
        });
        *written = longer;
        Ok(second)
    }
}

/// Whether the check found the formula wrong, or without a value where the function has a derivative.
pub(crate) fn is_refuted(verdict: &Verdict) -> bool {
    verdict.failure.is_some() || verdict.singular
}

/// What to say of a formula that was found wrong; that one has no value is said by the verdict.
pub(crate) fn refutation(verdict: &Verdict, this: &str) -> Option<String> {
    let what = &verdict.failure.as_ref()?.message;
    Some(format!("THE CHECK REFUTES {this}, do not use it: {what}; this is a defect of matgrad"))
}

/// The verdict on both of two formulas.
pub(crate) fn weaker(first: Verdict, second: Verdict) -> Verdict {
    let rank = |verdict: &Verdict| (is_refuted(verdict), verdict.error.is_some());
    if rank(&second) > rank(&first) {
        return second;
    }
    Verdict { max_relative_error: first.max_relative_error.max(second.max_relative_error), ..first }
}
