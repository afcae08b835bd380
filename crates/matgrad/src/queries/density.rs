//! Densities under a map.

use matgrad_calculus::graph::Dims;
use matgrad_calculus::infer::Typed;
use matgrad_calculus::jacdet;
use matgrad_calculus::layout::Kind as Shape;
use matgrad_check::{Answer as Claimed, Layout as Checked, Quantity, Target};
use matgrad_syntax::{ExprId, Name, StatementKind};

use crate::Failure;
use crate::answer::Answer;
use crate::work::{Work, shape};

impl Work<'_> {
    /// The density of `y = F(x)` where x has this density: at y where F can be inverted, else at x.
    pub fn pushforward(&mut self, density: &Typed, root: ExprId) -> Result<Answer, Failure> {
        if shape(&density.shape) != Shape::Scalar {
            let message = format!("a density is a scalar, not in {}", self.space(&shape(&density.shape)));
            return Err(self.refuse("shape-mismatch", message));
        }
        if self.function.shape != self.variable.shape {
            let message = format!(
                "the map goes from {} to {}; the density needs one between equal spaces",
                self.space(&self.variable.shape),
                self.space(&self.function.shape)
            );
            return Err(self.refuse("shape-mismatch", message));
        }
        let det = self.determinant()?;
        let absolute = jacdet::absolute(self.graph(), det);
        let at_x = self.quotient(density.node, absolute);
        let (structured, variable) = (self.variable.structured, self.variable.node);
        let name = self.image_name();
        let dims: Dims = self.variable.shape_dims();
        let row = matches!(self.variable.shape, Shape::Row(_));
        let image = self.graph().input(&name, &dims, row, &[]);
        let function = self.with_structure(self.function.node);
        let inverse = match self.joined.is_empty() {
            true => jacdet::inverse(self.graph(), function, structured, image),
            false => None,
        };
        let mut notes = self.notes();
        let script = self.script;
        let claimed = Claimed::expr(&script.ast, root, Checked::Differential, 1);
        let Some(inverse) = inverse else {
            notes.push(format!("F has no inverse in closed form: the density of F({0}), at {0}", self.variable.name));
            let quantity = Quantity::Density(claimed, None);
            let (node, written, verified) = self.shown_value(at_x, &Shape::Scalar, &quantity, &mut notes)?;
            return Ok(self.answer("density", written, None, node, notes, verified));
        };
        let at_y = self.replaced(at_x, &[(structured, inverse), (variable, inverse)]);
        let shape = self.variable.shape.clone();
        self.extra.push((name.clone(), shape.clone()));
        let space = self.space(&shape);
        notes.push(format!("the density of {name} = {}, at {name} in {space}", self.expression()));
        let quantity = Quantity::Density(claimed, Some(name.clone()));
        let (node, written, verified) = self.shown_value(at_y, &Shape::Scalar, &quantity, &mut notes)?;
        let mut answer = self.answer("density", written, None, node, notes, verified);
        // told by the conditions on what is inside
        answer
            .domain
            .retain(|text| !(text.ends_with("!= 0") && (text.starts_with("abs(") || text.starts_with("prod("))));
        answer.declared.push(format!("{name} in {space}"));
        Ok(answer)
    }

    fn quotient(
        &mut self,
        above: matgrad_calculus::graph::NodeId,
        below: matgrad_calculus::graph::NodeId,
    ) -> matgrad_calculus::graph::NodeId {
        let reciprocal = self.graph().power(below, &matgrad_syntax::Rational::int(-1));
        self.graph().hadamard(above, reciprocal)
    }

    /// The name of the map's value: that of its definition, or y.
    fn image_name(&self) -> Name {
        if let Target::Statement(at) = self.function.target
            && let Some(StatementKind::Definition { name, parameters: matgrad_syntax::Parameters::None, .. }) =
                self.script.statements.get(at).map(|statement| &statement.kind)
        {
            return name.name.clone();
        }
        let wanted = match self.variable.shape {
            Shape::Matrix(..) | Shape::Tensor(_) => ["Y", "Z", "V"],
            _ => ["y", "z", "v"],
        };
        let numbered = (1..).map(|k| format!("{}{k}", wanted[0]));
        let mut names = wanted.iter().map(|name| (*name).to_owned()).chain(numbered).map(Name::from);
        names.find(|name| !self.taken.contains(name)).unwrap_or_else(|| "y".into())
    }
}
