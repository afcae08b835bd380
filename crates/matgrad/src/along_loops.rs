//! Derivatives of loops by directions: `along(v)`, the derivative along a step `v` of the variable, is a loop with the
//! states of the function and their tangents and adjoints. Its values along the unit vectors are the whole.

use matgrad_calculus::diff;
use matgrad_calculus::graph::{Dim, NodeId};
use matgrad_calculus::layout::{Kind as Shape, Layout};
use matgrad_calculus::notation::{self, Formula, Gathered};
use matgrad_syntax::Name;

use crate::Failure;
use crate::work::Work;

impl Work<'_> {
    /// The derivative of the request by directions. `None` where there is no loop, or one with more axes than a matrix.
    pub fn along_loops(&mut self, at: Layout) -> Result<Option<Formula>, Failure> {
        let variable = self.variable.shape.clone();
        let scalar = self.function.shape == Shape::Scalar;
        if !self.row_by_row || !(1..=2).contains(&variable.rank()) {
            return Ok(None);
        }
        let (node, times) = match (scalar, self.request.order) {
            (true, 1) => return Ok(None),
            (true, order) => (self.derivative(1)?, order - 1),
            (false, order) => (self.function.node, order),
        };
        let base: Vec<Dim> = self.analysis.graph.axes(node).to_vec();
        let block: Vec<Dim> = self.analysis.graph.axes(self.variable.node).to_vec();
        let count = base.len() + times * block.len();
        let gathered = match at {
            Layout::Tensor if count > 2 => None,
            Layout::Differential | Layout::Blocks => return Ok(None),
            _ if times != 1 => return Ok(None),
            Layout::Denominator | Layout::Gradient => Some(Gathered::Rows),
            // a Hessian is symmetric
            _ if scalar => Some(Gathered::Rows),
            _ => Some(Gathered::Columns),
        };
        let directions: Vec<NodeId> = (0..times).map(|k| notation::direction(self.graph(), &block, k)).collect();
        let along = self.along_each(node, &directions)?;
        let along = self.with_structure(along);
        let along = self.simplified(along)?;
        let along = self.packed(along);
        let dims = [base.clone(), block.repeat(times)].concat();
        let taken = self.taken.clone();
        let split = if scalar { 0 } else { base.len() };
        let names = notation::index_names(self.graph(), &taken, dims.len(), split);
        let axes: Vec<(Name, Dim)> = names.into_iter().zip(dims).collect();
        let gathered = gathered.unwrap_or(Gathered::Entries(&axes));
        let g = &mut self.analysis.graph;
        Ok(notation::write_along(g, &mut self.memory, along, &directions, gathered, &taken))
    }

    /// The derivative along a step of the variable, under the convention of the request.
    pub fn along_direction(&mut self, node: NodeId, direction: NodeId) -> Result<NodeId, Failure> {
        let direction = self.constrained_direction(direction);
        let options = diff::Options { stands_for: Some(self.variable.structured), ..diff::Options::default() };
        let variable = self.variable.node;
        let next = diff::pushforward_with(self.graph(), node, variable, direction, options);
        let node = next.map_err(|error| self.no_derivative(&error))?;
        self.within_limits()?;
        Ok(node)
    }
}
