//! Taylor polynomials, term by term.
//!
//! A term is simplified and written with the step `dX` as a name of its own, and `X - X0` is put in its place when the
//! terms stand one after the other: so each order stays as a reader expects it. What an equation defines has no formula
//! at the point: its value there is another unknown, which the same equation defines at the point.

use matgrad_calculus::diff;
use matgrad_calculus::graph::{Dims, Node, NodeId, ProductBuilder};
use matgrad_calculus::infer::Typed;
use matgrad_calculus::layout::{self, Kind as Shape};
use matgrad_calculus::notation::{self, Arrangement, Formula, Notation};
use matgrad_check::{Answer as Claimed, Layout as Checked, Quantity};
use matgrad_syntax::{Ast, BinaryOp, ExprId, ExprKind, Name, Rational};

use crate::Failure;
use crate::answer::{Answer, Defined};
use crate::derive::is_refuted;
use crate::work::{NO_NOTATION, Work, shape};

/// Higher orders are refused.
const MAX_ORDER: usize = 6;

/// A variable's step.
struct Step {
    name: Name,
    node: NodeId,
    /// `X - X0`
    difference: NodeId,
}

/// What an equation defines, at the point.
struct AtPoint {
    /// Its name elsewhere.
    original: Name,
    residual: NodeId,
    value: Defined,
}

impl Work<'_> {
    /// `F(x0) + dF(x0)[x - x0] + …`, up to derivatives of this order.
    pub fn expansion(&mut self, point: &Typed, root: ExprId, order: usize) -> Result<Answer, Failure> {
        if !(1..=MAX_ORDER).contains(&order) {
            let message = format!("a Taylor polynomial has an order from 1 to {MAX_ORDER}, not {order}");
            return Err(self.refuse("order", message));
        }
        if !self.joined.is_empty() && shape(&point.shape) != self.variable.shape {
            let message = format!("the point of {} is one column of their values", self.variable.name);
            return Err(self.refuse("shape-mismatch", message));
        }
        self.same_shape(point, "the point")?;
        let (variable, rank) = (self.variable.node, self.function.shape.rank());
        let (mut to_point, defined) = self.values_at(point)?;
        to_point.push((variable, point.node));
        let steps = self.steps(point);
        let step = self.step();
        let whole = self.whole_step(&steps);
        let value = self.replaced(self.function.node, &to_point);
        let mut terms = vec![self.simplified(value)?];
        let (mut derivative, mut factorial) = (self.function.node, 1);
        for k in 1..=order {
            derivative = diff::pushforward(self.graph(), derivative, variable, step)
                .map_err(|error| self.no_derivative(&error))?;
            self.within_limits()?;
            factorial *= k as i64;
            let mut pairs = to_point.clone();
            pairs.push((step, whole));
            let at = self.replaced(derivative, &pairs);
            let at = self.graph().scale(at, &Rational::new(1, factorial));
            let at = self.with_structure(at);
            let at = self.simplified(at)?;
            terms.push(self.by_equations(at, &defined)?);
            // what the next order starts from is smaller so
            derivative = self.simplified(derivative)?;
        }
        let script = self.script;
        let mut ast = script.ast.clone();
        let points = self.entries_of(&mut ast, root);
        let at = points.iter().map(|root| Claimed::expr(&ast, *root, Checked::Differential, 1)).collect();
        let unknowns = defined.iter().map(|d| (d.value.name.clone(), d.original.clone())).collect();
        let quantity = Quantity::Expansion(at, order, unknowns);
        let values: Vec<Defined> = defined.into_iter().map(|d| d.value).collect();

        let dims = self.analysis.graph.axes(value).clone();
        let weighted: Vec<(Rational, NodeId)> = terms.iter().map(|term| (Rational::ONE, *term)).collect();
        let sum = self.graph().sum(&weighted, &dims);
        let differences: Vec<(NodeId, NodeId)> = steps.iter().map(|step| (step.node, step.difference)).collect();
        let sum = self.replaced(sum, &differences);
        let formula = if rank <= 2 { self.terms_in_order(&terms, &steps) } else { None };
        let shape = self.function.shape.clone();
        let arranged = layout::like(self.graph(), sum, &shape);
        let mut notes = self.notes();
        let mut shown = None;
        if let Some(formula) = formula {
            let mut written = self.shown(formula, &arranged);
            written.values.clone_from(&values);
            let verified = self.request.verify.then(|| self.prove_quantity(&written, &quantity));
            if !verified.as_ref().is_some_and(is_refuted) {
                shown = Some((written, verified));
            }
        }
        let (written, verified) = match shown {
            Some(shown) => shown,
            None => {
                let (_, mut written, verified) = self.shown_value(sum, &shape, &quantity, &mut notes)?;
                written.values = values;
                (written, verified)
            }
        };
        let mut answer = self.answer("taylor", written, None, sum, notes, verified);
        answer.layout = layout::Layout::Differential;
        answer.order = order;
        Ok(answer)
    }

    /// Names for the values at the point of what follows the variable by an equation: nodes with what takes their place,
    /// and for each the name of the unknown with its definition there.
    #[allow(clippy::type_complexity, reason = "pairs, and names with their definitions")]
    fn values_at(&mut self, point: &Typed) -> Result<(Vec<(NodeId, NodeId)>, Vec<AtPoint>), Failure> {
        let variable = self.variable.node;
        let unknowns = diff::followers(&self.analysis.graph, self.function.node, variable);
        let (mut pairs, mut found) = (Vec::new(), Vec::new());
        for unknown in unknowns {
            let Some(input) = self.analysis.graph.as_input(unknown).cloned() else { continue };
            let numbered = (0..).map(|k| Name::from(format!("{}{k}", input.name)));
            let is_free = |name: &Name| !self.taken.contains(name) && !self.analysis.graph.has_name(name);
            let Some(name) = numbered.into_iter().find(is_free) else { continue };
            self.taken.insert(name.clone());
            let value = self.graph().input(&name, &input.dims, input.row, &input.attributes);
            let own = self.analysis.variables.iter().find(|known| known.name == input.name);
            let own = own.map_or(Shape::Scalar, |known| shape(&known.shape));
            self.extra.push((name.clone(), own));
            pairs.push((unknown, value));
            found.push((unknown, input.name, name));
        }
        let mut to_point = pairs.clone();
        to_point.push((variable, point.node));
        let mut defined = Vec::new();
        for (unknown, original, name) in found {
            let residual = self.analysis.graph.implicits().iter().find(|(z, _)| *z == unknown).map(|(_, rule)| *rule);
            let Some(residual) = residual else { continue };
            let residual = self.replaced(residual, &to_point);
            let residual = self.with_structure(residual);
            // a factor of the whole equation says nothing
            let (terms, dims) = self.analysis.graph.terms(residual);
            let scale = terms.first().and_then(|(c, _)| c.abs().recip());
            let scale = scale.filter(|_| terms.iter().all(|(c, _)| c.abs() == terms[0].0.abs()));
            let residual = match scale {
                Some(scale) => {
                    let terms: Vec<(Rational, NodeId)> = terms.iter().map(|(c, n)| (c * &scale, *n)).collect();
                    self.graph().sum(&terms, &dims)
                }
                None => residual,
            };
            let Some((ast, left, right)) = self.equation(residual) else {
                let message = format!("the equation that defines `{original}` at the point has no notation");
                return Err(self.refuse(NO_NOTATION, message));
            };
            defined.push(AtPoint { original, residual, value: Defined { name, ast, left, right } });
        }
        Ok((pairs, defined))
    }

    /// A term with what the equations at the point say put in where that is shorter.
    fn by_equations(&mut self, node: NodeId, defined: &[AtPoint]) -> Result<NodeId, Failure> {
        let mut best = node;
        for AtPoint { residual, .. } in defined {
            let (terms, _) = self.analysis.graph.terms(*residual);
            let [(c, a), (d, b)] = &terms[..] else { continue };
            if *c != -d.clone() {
                continue;
            }
            for pair in [(*a, *b), (*b, *a)] {
                let other = self.replaced(best, &[pair]);
                if self.analysis.graph.as_input(pair.0).is_some() || other == best {
                    continue;
                }
                let other = self.simplified(other)?;
                let g = &mut self.analysis.graph;
                if notation::length(g, &mut self.memory, other) < notation::length(g, &mut self.memory, best) {
                    best = other;
                }
            }
        }
        Ok(best)
    }

    /// A vanishing value as an equation: what is subtracted stands on the right.
    fn equation(&mut self, residual: NodeId) -> Option<(Ast, ExprId, ExprId)> {
        let dims = self.analysis.graph.axes(residual).clone();
        let terms = match self.analysis.graph.node(residual) {
            Node::Sum(terms, _) => terms.clone(),
            _ => vec![(Rational::ONE, residual)],
        };
        let (minus, plus): (Vec<_>, Vec<_>) = terms.into_iter().partition(|(c, _)| c.is_negative());
        let minus: Vec<_> = minus.into_iter().map(|(c, term)| (-c, term)).collect();
        let arrangement = Arrangement::Plain;
        let mut ast = Ast::new();
        let mut sides = Vec::new();
        for side in [plus, minus] {
            let node = self.graph().sum(&side, &dims);
            let formula = match self.analysis.graph.is_zero(node) {
                // the number 0 stands for an array of zeros on the right only
                true => None,
                false => {
                    Some(notation::write(&mut self.analysis.graph, &mut self.memory, node, arrangement, &self.taken)?)
                }
            };
            sides.push(match formula {
                Some(formula) if formula.axes.is_none() && formula.definitions.is_empty() => {
                    Some(copied(&formula.ast, formula.root, &mut ast, &[]))
                }
                Some(_) => return None,
                None => None,
            });
        }
        let (left, right) = match sides[..] {
            [Some(left), Some(right)] => (left, right),
            [Some(side), None] | [None, Some(side)] => (side, ast.add(ExprKind::Number(Rational::ZERO))),
            _ => return None,
        };
        Some((ast, left, right))
    }

    /// The steps of the variables, each with what it is.
    fn steps(&mut self, point: &Typed) -> Vec<Step> {
        if self.joined.is_empty() {
            let (node, structured) = (self.step(), self.variable.structured);
            let difference = self.graph().subtract(structured, point.node);
            return vec![Step { name: format!("d{}", self.variable.name).into(), node, difference }];
        }
        let total = self.analysis.graph.axes(point.node)[0];
        let g = &mut self.analysis.graph;
        let (one, mut before) = (g.sizes.constant(1), g.sizes.constant(0));
        let mut steps = Vec::new();
        for variable in &self.joined {
            let mut p = ProductBuilder::new();
            let entry = p.label(total);
            p.factor(point.node, &[entry]);
            let own = match variable.shape {
                Shape::Column(n) => {
                    let rows = p.label(n);
                    let shift = g.shift(before, n, total);
                    p.factor(shift, &[rows, entry]);
                    before = g.sizes.add(before, n);
                    p.build(g, &[rows])
                }
                _ => {
                    before = g.sizes.add(before, one);
                    let unit = g.one_hot(before, total);
                    p.factor(unit, &[entry]);
                    p.build(g, &[])
                }
            };
            let name: Name = format!("d{}", variable.name).into();
            let dims: Dims = variable.shape_dims();
            let node = g.input(&name, &dims, false, &[]);
            let difference = g.subtract(variable.structured, own);
            steps.push(Step { name, node, difference });
        }
        steps
    }

    /// The step of the variable that is differentiated by, in terms of those of the variables.
    fn whole_step(&mut self, steps: &[Step]) -> NodeId {
        use matgrad_calculus::graph::Part;
        let [step] = steps else {
            let extent = |shape: &Shape| if let Shape::Column(n) = shape { Some(*n) } else { None };
            let parts = steps.iter().zip(&self.joined);
            let parts = parts.map(|(step, variable)| Part { node: step.node, extent: extent(&variable.shape) });
            let parts = parts.collect();
            return self.graph().stack(0, parts);
        };
        step.node
    }

    /// The terms one after the other, with differences in place of the steps. `None` where a term needs definitions or
    /// indices.
    fn terms_in_order(&mut self, terms: &[NodeId], steps: &[Step]) -> Option<Formula> {
        let shape = self.function.shape.clone();
        let mut ast = Ast::new();
        let mut places: Vec<(Name, ExprId)> = Vec::new();
        for step in steps {
            let formula = self.plain_formula(step.difference)?;
            let root = copied(&formula.ast, formula.root, &mut ast, &[]);
            places.push((step.name.clone(), root));
        }
        let mut notation = Notation::Matrix;
        let mut sum: Option<ExprId> = None;
        for term in terms {
            let arranged = layout::like(self.graph(), *term, &shape);
            if self.analysis.graph.is_zero(arranged.node) {
                continue;
            }
            let g = &mut self.analysis.graph;
            let formula = notation::write(g, &mut self.memory, arranged.node, arranged.arrangement, &self.taken)?;
            if formula.axes.is_some() || !formula.definitions.is_empty() {
                return None;
            }
            if formula.notation != Notation::Matrix {
                notation = formula.notation;
            }
            let root = copied(&formula.ast, formula.root, &mut ast, &places);
            for (negative, term) in summands(&mut ast, root, &places) {
                sum = Some(match sum {
                    Some(sum) => {
                        ast.add(ExprKind::Binary(if negative { BinaryOp::Sub } else { BinaryOp::Add }, sum, term))
                    }
                    None if negative => ast.add(ExprKind::Neg(term)),
                    None => term,
                });
            }
        }
        Some(Formula { ast, root: sum?, axes: None, definitions: Vec::new(), notation })
    }

    fn plain_formula(&mut self, node: NodeId) -> Option<Formula> {
        let g = &mut self.analysis.graph;
        let arrangement = match self.variable.shape {
            Shape::Row(_) => Arrangement::Transposed,
            _ => Arrangement::Plain,
        };
        let formula = notation::write(g, &mut self.memory, node, arrangement, &self.taken)?;
        (formula.axes.is_none() && formula.definitions.is_empty()).then_some(formula)
    }
}

/// The terms of a written sum, each with whether it is subtracted, signs in front of products taken out.
fn summands(ast: &mut Ast, root: ExprId, whole: &[(Name, ExprId)]) -> Vec<(bool, ExprId)> {
    let mut found = Vec::new();
    let mut open = vec![(false, root)];
    while let Some((negative, at)) = open.pop() {
        match ast.kind(at).clone() {
            _ if whole.iter().any(|(_, place)| *place == at) => found.push((negative, at)),
            ExprKind::Binary(BinaryOp::Add, a, b) => open.extend([(negative, b), (negative, a)]),
            ExprKind::Binary(BinaryOp::Sub, a, b) => open.extend([(!negative, b), (negative, a)]),
            ExprKind::Neg(a) => open.push((!negative, a)),
            _ => {
                let (minus, term) = unsigned(ast, at);
                found.push((negative != minus, term));
            }
        }
    }
    found
}

/// A product without a sign in front, and whether there was one.
fn unsigned(ast: &mut Ast, root: ExprId) -> (bool, ExprId) {
    let mut way = Vec::new();
    let mut at = root;
    let mut first = loop {
        match ast.kind(at) {
            ExprKind::Binary(op @ (BinaryOp::Mul | BinaryOp::Div | BinaryOp::Hadamard), a, b) => {
                way.push((*op, *b));
                at = *a;
            }
            ExprKind::Neg(a) => break Some(*a),
            ExprKind::Number(value) if value.is_negative() => {
                let value = -value.clone();
                break Some(ast.add(ExprKind::Number(value)));
            }
            _ => break None,
        }
    };
    let Some(mut product) = first.take() else { return (false, root) };
    while let Some((op, right)) = way.pop() {
        let is_one = matches!(ast.kind(product), ExprKind::Number(value) if value.is_one());
        product = match op {
            BinaryOp::Mul if is_one => right,
            _ => ast.add(ExprKind::Binary(op, product, right)),
        };
    }
    (true, product)
}

/// A copy of an expression in another tree, with other expressions in place of some names.
fn copied(from: &Ast, root: ExprId, to: &mut Ast, places: &[(Name, ExprId)]) -> ExprId {
    use matgrad_syntax::Subscript;
    let mut needed = vec![false; from.len()];
    let mut open = vec![root];
    while let Some(id) = open.pop() {
        if !std::mem::replace(&mut needed[id.0 as usize], true) {
            from.for_each_child(id, |child| open.push(child));
        }
    }
    let mut map: Vec<ExprId> = vec![ExprId(0); from.len()];
    for k in (0..from.len()).filter(|k| needed[*k]) {
        let at = |id: &ExprId| map[id.0 as usize];
        let all = |list: &[ExprId]| list.iter().map(at).collect::<Vec<_>>();
        let kind = match from.kind(ExprId(k as u32)) {
            ExprKind::Name(name) => match places.iter().find(|(place, _)| place == name) {
                Some((_, other)) => {
                    map[k] = *other;
                    continue;
                }
                None => ExprKind::Name(name.clone()),
            },
            ExprKind::Number(value) => ExprKind::Number(value.clone()),
            ExprKind::Neg(a) => ExprKind::Neg(at(a)),
            ExprKind::Transpose(a) => ExprKind::Transpose(at(a)),
            ExprKind::Binary(op, a, b) => ExprKind::Binary(*op, at(a), at(b)),
            ExprKind::Call { function, function_span, derivative, args } => ExprKind::Call {
                function: function.clone(),
                function_span: *function_span,
                derivative: derivative.clone(),
                args: all(args),
            },
            ExprKind::Index(base, subscripts) => {
                let subscript = |s: &Subscript| match s {
                    Subscript::At(a) => Subscript::At(at(a)),
                    Subscript::Range(a, b) => Subscript::Range(at(a), at(b)),
                    Subscript::All => Subscript::All,
                };
                ExprKind::Index(at(base), subscripts.iter().map(subscript).collect())
            }
            ExprKind::Column(list) => ExprKind::Column(all(list)),
            ExprKind::Rows(rows) => ExprKind::Rows(rows.iter().map(|row| all(row)).collect()),
            ExprKind::Reduce { op, indices, condition, body } => {
                let mut indices = indices.clone();
                for index in &mut indices {
                    index.range = index.range.as_ref().map(at);
                }
                let condition = condition.as_ref().map(at);
                ExprKind::Reduce { op: *op, indices, condition, body: at(body) }
            }
        };
        map[k] = to.add(kind);
    }
    map[root.0 as usize]
}
