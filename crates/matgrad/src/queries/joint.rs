//! Several variables as the coordinates of one vector.

use matgrad_calculus::graph::{NodeId, Part, ProductBuilder};
use matgrad_calculus::layout::Kind as Shape;

use crate::Failure;
use crate::work::{Variable, Work};

impl Work<'_> {
    /// Puts the entries of one column in place of the variables, which are scalars or columns.
    pub fn join(&mut self, variables: &[Variable]) -> Result<(), Failure> {
        if let Some(other) = variables.iter().find(|v| !matches!(v.shape, Shape::Scalar | Shape::Column(_))) {
            let message = format!(
                "`{}` is in {}; several variables together are scalars or columns",
                other.name,
                self.space(&other.shape)
            );
            return Err(self.refuse("shape-mismatch", message));
        }
        let g = self.graph();
        let one = g.sizes.constant(1);
        let zero = g.sizes.constant(0);
        let mut total = zero;
        for variable in variables {
            let size = if let Shape::Column(n) = variable.shape { n } else { one };
            total = g.sizes.add(total, size);
        }
        // a name that nothing in a script can have
        let column = g.input("(all)", &[total], false, &[]);
        let mut before = zero;
        let mut pairs: Vec<(NodeId, NodeId)> = Vec::new();
        let mut parts = Vec::new();
        for variable in variables {
            let mut p = ProductBuilder::new();
            let entry = p.label(total);
            p.factor(column, &[entry]);
            let own = match variable.shape {
                Shape::Column(n) => {
                    let rows = p.label(n);
                    let shift = g.shift(before, n, total);
                    p.factor(shift, &[rows, entry]);
                    parts.push(Part { node: variable.structured, extent: Some(n) });
                    before = g.sizes.add(before, n);
                    p.build(g, &[rows])
                }
                _ => {
                    let at = g.sizes.add(before, one);
                    let unit = g.one_hot(at, total);
                    p.factor(unit, &[entry]);
                    parts.push(Part { node: variable.structured, extent: None });
                    before = at;
                    p.build(g, &[])
                }
            };
            pairs.push((variable.node, own));
            pairs.push((variable.structured, own));
        }
        let structured = g.stack(0, parts);
        self.function.node = self.replaced(self.function.node, &pairs);
        for (unknown, residual) in self.analysis.graph.implicits().to_vec() {
            let residual = self.replaced(residual, &pairs);
            self.graph().define_implicit(unknown, residual);
        }
        self.joined = variables.to_vec();
        let names: Vec<&str> = variables.iter().map(|variable| &*variable.name).collect();
        self.variable = Variable {
            name: names.join(", ").into(),
            attributes: Vec::new(),
            shape: Shape::Column(total),
            node: column,
            structured,
        };
        Ok(())
    }
}
