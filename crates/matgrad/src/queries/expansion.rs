//! Directional derivatives, total differentials and Taylor polynomials.

use matgrad_calculus::diff;
use matgrad_calculus::graph::{Dims, NodeId};
use matgrad_calculus::infer::Typed;
use matgrad_calculus::layout::{Kind as Shape, Layout};
use matgrad_check::{Answer as Claimed, Layout as Checked, Quantity};
use matgrad_syntax::{Ast, ExprId, ExprKind, Name, Rational};

use crate::Failure;
use crate::answer::Answer;
use crate::work::{Variable, Work, shape};

impl Work<'_> {
    /// The differential with a value in place of the step.
    pub fn directional(&mut self, direction: &Typed, root: ExprId) -> Result<Answer, Failure> {
        let node = self.directional_value(direction)?;
        let script = self.script;
        let along = Claimed::expr(&script.ast, root, Checked::Differential, 1);
        self.valued("directional", node, &Quantity::Along(vec![along]))
    }

    /// The derivative along this value.
    pub fn directional_value(&mut self, direction: &Typed) -> Result<NodeId, Failure> {
        self.same_shape(direction, "the direction")?;
        let step = self.step();
        let node = self.along(step)?;
        Ok(self.replaced(node, &[(step, direction.node)]))
    }

    /// `Σ dF[dx]` over the variables, each with a step of its own.
    pub fn total_differential(&mut self) -> Result<Answer, Failure> {
        let variables = self.joined.clone();
        let step = self.step();
        let node = self.along(step)?;
        let mut steps: Vec<(Variable, NodeId)> = Vec::new();
        let mut ast = Ast::new();
        let mut roots = Vec::new();
        for variable in variables {
            let name: Name = format!("d{}", variable.name).into();
            let dims: Dims = variable.shape_dims();
            let own = self.graph().input(&name, &dims, false, &[]);
            self.extra.push((name.clone(), variable.shape.clone()));
            roots.push(ast.add(ExprKind::Name(name)));
            steps.push((variable, own));
        }
        let stacked = self.stacked(&steps);
        let node = self.replaced(node, &[(step, stacked)]);
        let along = roots.iter().map(|root| Claimed::expr(&ast, *root, Checked::Differential, 1)).collect();
        self.valued("differential", node, &Quantity::Along(along))
    }

    /// `F(x0) + dF(x0)[x - x0] + …`, up to derivatives of this order.
    pub fn expansion(&mut self, point: &Typed, root: ExprId, order: usize) -> Result<Answer, Failure> {
        if !self.joined.is_empty() && shape(&point.shape) != self.variable.shape {
            let message = format!("the point of {} is one column of their values", self.variable.name);
            return Err(self.refuse("shape-mismatch", message));
        }
        self.same_shape(point, "the point")?;
        let g = &self.analysis.graph;
        if let Some(unknown) = diff::followers(g, self.function.node, self.variable.node).first() {
            let name = g.as_input(*unknown).map_or_else(String::new, |input| input.name.to_string());
            let message = format!("`{name}` is defined implicitly: its value at the point has no formula");
            return Err(self.refuse("implicit", message));
        }
        let step = self.step();
        let (variable, structured) = (self.variable.node, self.variable.structured);
        let difference = self.graph().subtract(structured, point.node);
        let value = self.replaced(self.function.node, &[(variable, point.node)]);
        let dims = self.analysis.graph.axes(value).clone();
        let mut terms = vec![(Rational::ONE, value)];
        let (mut derivative, mut factorial) = (self.function.node, 1);
        for k in 1..=order {
            derivative = diff::pushforward(self.graph(), derivative, variable, step)
                .map_err(|error| self.no_derivative(&error))?;
            self.within_limits()?;
            factorial *= k as i64;
            let at = self.replaced(derivative, &[(step, difference), (variable, point.node)]);
            // each order stays apart, as a reader expects them
            let at = self.with_structure(at);
            let at = self.simplified(at)?;
            terms.push((Rational::new(1, factorial), at));
        }
        let node = self.graph().sum(&terms, &dims);
        let script = self.script;
        let mut ast = script.ast.clone();
        let points = self.entries_of(&mut ast, root);
        let at = points.iter().map(|root| Claimed::expr(&ast, *root, Checked::Differential, 1)).collect();
        self.valued("taylor", node, &Quantity::Expansion(at, order))
    }

    /// The parts of a column that belong to the joined variables.
    fn entries_of(&self, ast: &mut Ast, root: ExprId) -> Vec<ExprId> {
        use matgrad_syntax::Subscript;
        if self.joined.is_empty() {
            return vec![root];
        }
        if let ExprKind::Column(entries) = ast.kind(root).clone()
            && entries.len() == self.joined.len()
            && self.joined.iter().all(|variable| variable.shape == Shape::Scalar)
        {
            return entries;
        }
        let mut at = 1;
        let sizes = &self.analysis.graph.sizes;
        let mut roots = Vec::new();
        for variable in &self.joined {
            let size = if let Shape::Column(n) = variable.shape { sizes.value(n).unwrap_or(1) } else { 1 };
            let from = ast.add(ExprKind::Number(Rational::int(at)));
            let subscript = if variable.shape == Shape::Scalar {
                Subscript::At(from)
            } else {
                let to = ast.add(ExprKind::Number(Rational::int(at + size - 1)));
                Subscript::Range(from, to)
            };
            roots.push(ast.add(ExprKind::Index(root, vec![subscript])));
            at += size;
        }
        roots
    }

    /// A value shaped like the function, checked against the quantity.
    pub fn valued(&mut self, title: &'static str, node: NodeId, quantity: &Quantity) -> Result<Answer, Failure> {
        let mut notes = self.notes();
        let shape = self.function.shape.clone();
        let (node, written, verified) = self.shown_value(node, &shape, quantity, &mut notes)?;
        let mut answer = self.answer(title, written, None, node, notes, verified);
        answer.layout = Layout::Differential;
        Ok(answer)
    }

    fn same_shape(&self, value: &Typed, what: &str) -> Result<(), Failure> {
        let found: Shape = shape(&value.shape);
        if found == self.variable.shape {
            return Ok(());
        }
        let (found, wanted) = (self.space(&found), self.space(&self.variable.shape));
        let message = format!("{what} is in {found}, but `{}` is in {wanted}", self.variable.name);
        Err(self.refuse("shape-mismatch", message))
    }

    /// Values of the joined variables as one column.
    fn stacked(&mut self, values: &[(Variable, NodeId)]) -> NodeId {
        use matgrad_calculus::graph::Part;
        let parts = values
            .iter()
            .map(|(variable, node)| Part {
                node: *node,
                extent: if let Shape::Column(n) = variable.shape { Some(n) } else { None },
            })
            .collect();
        self.graph().stack(0, parts)
    }
}
