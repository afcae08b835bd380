//! Directional derivatives and total differentials.

use matgrad_calculus::diff;
use matgrad_calculus::graph::{Dims, NodeId};
use matgrad_calculus::infer::Typed;
use matgrad_calculus::layout::{Kind as Shape, Layout};
use matgrad_check::{Answer as Claimed, Layout as Checked, Quantity};
use matgrad_syntax::{Ast, ExprId, ExprKind, Name, Rational};

use crate::Failure;
use crate::answer::Answer;
use crate::work::{Work, shape};

impl Work<'_> {
    /// The differential with a value in place of the step.
    pub fn directional(&mut self, direction: &Typed, root: ExprId, order: usize) -> Result<Answer, Failure> {
        let node = self.directional_value(direction, order)?;
        let script = self.script;
        let along = Claimed::expr(&script.ast, root, Checked::Differential, 1);
        let mut answer = self.valued("directional", node, &Quantity::Along(vec![along], order))?;
        answer.order = order;
        Ok(answer)
    }

    /// The derivative along this value, as many times as the order says.
    pub fn directional_value(&mut self, direction: &Typed, order: usize) -> Result<NodeId, Failure> {
        self.same_shape(direction, "the direction")?;
        let step = self.step();
        let mut node = self.along(step)?;
        for _ in 1..order {
            let variable = self.variable.node;
            let again = diff::pushforward(self.graph(), node, variable, step);
            node = again.map_err(|error| self.no_derivative(&error))?;
        }
        Ok(self.replaced(node, &[(step, direction.node)]))
    }

    /// `Σ dF[dx]` over the variables, each with a step of its own, and the differential of that for order 2 and 3: the
    /// steps stay as they are.
    pub fn total_differential(&mut self, order: usize) -> Result<Answer, Failure> {
        let mut ast = Ast::new();
        let (mut roots, mut steps) = (Vec::new(), Vec::new());
        let variables = if self.joined.is_empty() { vec![self.variable.clone()] } else { self.joined.clone() };
        for variable in &variables {
            let name: Name = format!("d{}", variable.name).into();
            let dims: Dims = variable.shape_dims();
            let row = matches!(variable.shape, Shape::Row(_));
            let own = self.graph().input(&name, &dims, row, &[]);
            self.extra.push((name.clone(), variable.shape.clone()));
            roots.push(ast.add(ExprKind::Name(name)));
            steps.push((variable.node, own));
        }
        let mut node = self.function.node;
        let dims = self.analysis.graph.axes(node).clone();
        for _ in 0..order {
            let mut terms = Vec::new();
            for (variable, own) in &steps {
                let term = diff::pushforward(self.graph(), node, *variable, *own);
                terms.push((Rational::ONE, term.map_err(|error| self.no_derivative(&error))?));
                self.within_limits()?;
            }
            node = self.graph().sum(&terms, &dims);
        }
        let pairs: Vec<(NodeId, NodeId)> = variables.iter().map(|v| (v.node, v.structured)).collect();
        let node = self.replaced(node, &pairs);
        let along = roots.iter().map(|root| Claimed::expr(&ast, *root, Checked::Differential, 1)).collect();
        let mut answer = self.valued("differential", node, &Quantity::Along(along, order))?;
        answer.order = order;
        Ok(answer)
    }

    /// The parts of a column that belong to the joined variables.
    pub(super) fn entries_of(&self, ast: &mut Ast, root: ExprId) -> Vec<ExprId> {
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

    pub(super) fn same_shape(&self, value: &Typed, what: &str) -> Result<(), Failure> {
        let found: Shape = shape(&value.shape);
        if found == self.variable.shape {
            return Ok(());
        }
        let (found, wanted) = (self.space(&found), self.space(&self.variable.shape));
        let message = format!("{what} is in {found}, but `{}` is in {wanted}", self.variable.name);
        Err(self.refuse("shape-mismatch", message))
    }
}
