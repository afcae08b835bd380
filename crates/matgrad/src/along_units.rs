//! Index notation by directions, for derivatives that are no products of what a matrix expression can show: the entry at
//! (k, l) of a derivative by X is the derivative along `unit(k, m)*unit(l, n)'`.

use matgrad_calculus::graph::{Dim, NodeId, ProductBuilder};
use matgrad_calculus::layout::{Kind as Shape, Layout, fuse_axes};
use matgrad_calculus::notation::{self, Formula};
use matgrad_calculus::structure;
use matgrad_syntax::{Attribute, Name};

use crate::work::Work;
use crate::{Convention, Failure};

impl Work<'_> {
    /// The derivative of the request as an index definition. `None` where the layout has no indices or the convention is
    /// not that of free entries.
    pub fn along_units(&mut self, at: Layout) -> Result<Option<Formula>, Failure> {
        let variable = self.variable.shape.clone();
        if variable == Shape::Scalar {
            return Ok(None);
        }
        // of a scalar function the gradient is had already
        let scalar = self.function.shape == Shape::Scalar;
        let (mut node, times) = match (scalar, self.request.order) {
            // a scalar function of order 1 has been tried as it is
            (true, order) => (self.derivative(1)?, order - 1),
            (false, order) => (self.function.node, order),
        };
        let base: Vec<Dim> = self.analysis.graph.axes(node).to_vec();
        let block: Vec<Dim> = self.analysis.graph.axes(self.variable.node).to_vec();
        let fused = match at {
            Layout::Tensor => false,
            Layout::Differential | Layout::Blocks => return Ok(None),
            // in every layout with rows and columns the Hessian is one matrix
            _ if times != 1 => return Ok(None),
            _ => true,
        };
        // axes of the whole, and how many of them each step has
        let (mut axes, per) = if fused {
            let all = |this: &mut Self, dims: &[Dim]| {
                let sizes = &mut this.graph().sizes;
                dims.iter().copied().reduce(|a, b| sizes.mul(a, b)).unwrap_or_else(|| sizes.constant(1))
            };
            (vec![all(self, &base), all(self, &block)], 1)
        } else {
            ([base.clone(), block.repeat(times)].concat(), block.len())
        };
        let own = axes.len() - times * per;
        let split = if scalar { 0 } else { own };
        let taken = self.taken.clone();
        let names = notation::index_names(self.graph(), &taken, axes.len(), split);
        let steps: Vec<&[Name]> = names[own..].chunks(per.max(1)).collect();
        let units: Vec<NodeId> = steps.iter().map(|step| self.unit_direction(step, &block)).collect();
        node = self.along_each(node, &units)?;
        let node = self.with_structure(node);
        let mut node = self.simplified(node)?;
        if fused && base.len() > 1 {
            let all: Vec<usize> = (0..base.len()).collect();
            node = fuse_axes(self.graph(), node, &[&all]);
        }
        let mut named: Vec<(Name, Dim)> = names.iter().cloned().zip(axes.drain(..)).collect();
        if matches!(at, Layout::Denominator | Layout::Gradient) {
            named.reverse();
        }
        let g = &mut self.analysis.graph;
        Ok(notation::write_entry(g, &mut self.memory, node, &names[..own], &named, &taken))
    }

    /// The derivative of a node, of the function itself or of the gradient of a scalar function, along one step of the
    /// variable after the other, under the convention of the request.
    pub fn along_each(&mut self, mut node: NodeId, steps: &[NodeId]) -> Result<NodeId, Failure> {
        // where the steps that are allowed depend on the variable, an earlier one stays while the variable moves
        let tangent = self.request.convention == Convention::Constrained
            && self.variable.attributes.contains(&Attribute::Orthogonal);
        let block: Vec<Dim> = self.analysis.graph.axes(self.variable.node).to_vec();
        let mut held = Vec::new();
        for (number, step) in steps.iter().enumerate() {
            let direction = if tangent && number + 1 < steps.len() {
                let stays = notation::direction(self.graph(), &block, steps.len() + number);
                held.push((stays, *step));
                stays
            } else {
                *step
            };
            node = self.along_direction(node, direction)?;
        }
        for (stays, step) in held {
            let projected = self.constrained_direction(step);
            node = self.replaced(node, &[(stays, projected)]);
        }
        if tangent && self.function.shape == Shape::Scalar && !steps.is_empty() {
            let (x, attributes) = (self.variable.node, self.variable.attributes.clone());
            node = structure::project(self.graph(), node, &[0], x, &attributes);
        }
        Ok(node)
    }

    /// The step of all entries that the structure of the variable ties to the one of a unit direction.
    pub fn constrained_direction(&mut self, unit: NodeId) -> NodeId {
        if self.request.convention == Convention::Free {
            return unit;
        }
        let (x, attributes) = (self.variable.node, self.variable.attributes.clone());
        structure::tied(self.graph(), unit, x, &attributes)
    }

    /// The unit tensor at the named position: one name an axis, or one for the position in its vec.
    fn unit_direction(&mut self, names: &[Name], block: &[Dim]) -> NodeId {
        let g = self.graph();
        let mut p = ProductBuilder::new();
        let out: Vec<_> = block.iter().map(|dim| p.label(*dim)).collect();
        if names.len() == block.len() {
            for ((name, dim), label) in names.iter().zip(block).zip(&out) {
                let position = g.sizes.symbol(name);
                let unit = g.one_hot(position, *dim);
                p.factor(unit, &[*label]);
            }
        } else if let ([name], [rows, cols]) = (names, block) {
            let fuse = g.fuse(*rows, *cols);
            let all = g.axes(fuse)[0];
            let joined = p.label(all);
            let position = g.sizes.symbol(name);
            let unit = g.one_hot(position, all);
            p.factor(unit, &[joined]);
            p.factor(fuse, &[joined, out[0], out[1]]);
        }
        p.build(g, &out)
    }
}
