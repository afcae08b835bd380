//! Jacobians and Hessians that respect the structure of their variable, in vec form: `kron(A, A)*D*D'` for `A*S*A'`.

use matgrad_calculus::layout::{Kind as Shape, Layout};
use matgrad_calculus::notation::{self, Sides};
use matgrad_calculus::structure::{self, Tie};

use crate::answer::Answer;
use crate::derive::is_refuted;
use crate::work::{Work, derivative_under};
use crate::{Convention, Failure};

impl Work<'_> {
    /// The answer with duplication and elimination matrices, where the request asks for vec form of a derivative by a
    /// variable with structure; `None` where another form is due or the check refuses this one.
    pub fn derive_tied(&mut self) -> Result<Option<Answer>, Failure> {
        let (order, layout) = (self.request.order, self.request.layout);
        let (first, scalar) = (self.function.shape.rank(), self.function.shape == Shape::Scalar);
        let vec_form = !matches!(layout, Layout::Tensor | Layout::Differential | Layout::Rowvec);
        if !matches!(self.variable.shape, Shape::Matrix(..)) {
            return Ok(None);
        }
        let Some(tie) = Tie::of(&self.variable.attributes) else { return Ok(None) };
        let fits = match (scalar, tie) {
            (true, _) => order == 2,
            (false, Tie::Orthogonal) => false, // the projection of each term is shorter
            (false, _) => order == 1 && first <= 2,
        };
        if self.request.convention != Convention::Constrained || !vec_form || !fits {
            return Ok(None);
        }
        let mut node = self.function.node;
        let mut before = node;
        for k in 0..order {
            let g = &mut self.analysis.graph;
            before = node;
            let next = derivative_under(g, node, (first, first + 2 * k), &self.variable, Convention::Free);
            node = next.map_err(|error| self.no_derivative(&error))?;
            self.within_limits()?;
        }
        if tie == Tie::Orthogonal {
            let x = self.variable.node;
            node = structure::bent_hessian(self.graph(), before, node, x);
        }
        let node = self.with_structure(node);
        let plain = node;
        let node = self.graph().roots_written_out(node, false, false);
        let pairs: Vec<usize> = (0..order).map(|k| first + 2 * k).collect();
        let memory = &mut self.memory;
        let length = |g: &mut _, n| {
            let groups: &[&[usize]] = match first {
                0 => &[&[0, 1], &[2, 3]],
                1 => &[&[0], &[1, 2]],
                _ => &[&[0, 1], &[2, 3]],
            };
            let fused = matgrad_calculus::layout::fuse_axes(g, n, groups);
            notation::length(g, memory, fused)
        };
        let node = structure::settled(&mut self.analysis.graph, node, &pairs, tie, length);
        let arranged = self.arranged(node, layout)?;
        let free = self.simplified(arranged.node)?;
        let across = matches!(layout, Layout::Denominator | Layout::Gradient);
        let sides = Sides { left: order == 2 || across, right: order == 2 || !across };
        let g = &mut self.analysis.graph;
        let formula =
            notation::write_tied(g, &mut self.memory, free, (tie, self.variable.structured), sides, &self.taken);
        let Some(formula) = formula else { return Ok(None) };
        let written = self.shown(formula, &arranged);
        let mut verified = None;
        if self.request.verify {
            let verdict = self.prove(&written.formula, layout);
            if is_refuted(&verdict) {
                return Ok(None);
            }
            verified = Some(verdict);
        }
        let notes = self.notes();
        Ok(Some(self.answer("derivative", written, None, plain, notes, verified)))
    }
}
