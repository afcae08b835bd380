//! Sums of products of inputs by their entries, as one writes them on a blackboard: `f[i] = sum[j](A[i,j]*x[j])`.

use matgrad_syntax::{Ast, BinaryOp, ExprId, ExprKind, IndexBinder, Name, Rational, Reducer, Span, Subscript};

use crate::graph::{Factor, Graph, Node, NodeId, Product};

/// So many terms are written out.
const MAX_TERMS: usize = 4;

/// The entry of a node at the indices `at`, one an axis; `pool` are names for the indices that are summed. `None` where the
/// node is no short sum of products of inputs.
pub fn entry(g: &Graph, node: NodeId, at: &[Name], pool: &[Name]) -> Option<(Ast, ExprId)> {
    let mut writer = Writer { g, ast: Ast::new(), at, pool };
    let root = match g.node(node) {
        Node::Sum(terms, _) if terms.len() <= MAX_TERMS => {
            let mut sum: Option<ExprId> = None;
            for (coefficient, term) in terms.iter() {
                let minus = coefficient.is_negative() && sum.is_some();
                let size = if minus { coefficient.abs() } else { coefficient.clone() };
                let written = writer.term(*term)?;
                let written = writer.times(&size, written);
                let op = if minus { BinaryOp::Sub } else { BinaryOp::Add };
                sum = Some(match sum {
                    Some(sum) => writer.ast.add(ExprKind::Binary(op, sum, written)),
                    None => written,
                });
            }
            sum?
        }
        _ => writer.term(node)?,
    };
    Some((writer.ast, root))
}

struct Writer<'a> {
    g: &'a Graph,
    ast: Ast,
    at: &'a [Name],
    pool: &'a [Name],
}

impl Writer<'_> {
    fn times(&mut self, number: &Rational, factor: ExprId) -> ExprId {
        if *number == Rational::ONE {
            return factor;
        }
        if *number == Rational::int(-1) {
            return self.ast.add(ExprKind::Neg(factor));
        }
        if number.is_negative() {
            let positive = self.times(&number.abs(), factor);
            return self.ast.add(ExprKind::Neg(positive));
        }
        let number = self.ast.add(ExprKind::Number(number.clone()));
        self.ast.add(ExprKind::Binary(BinaryOp::Mul, number, factor))
    }

    fn term(&mut self, node: NodeId) -> Option<ExprId> {
        match self.g.node(node) {
            Node::Input(_) => {
                let names = self.at.to_vec();
                self.input(node, &names)
            }
            Node::Product(product) => {
                let product = product.clone();
                self.product(&product)
            }
            _ => None,
        }
    }

    fn input(&mut self, node: NodeId, names: &[Name]) -> Option<ExprId> {
        let input = self.g.as_input(node)?;
        if input.row || input.dims.len() != names.len() {
            return None;
        }
        let base = self.ast.add(ExprKind::Name(input.name.clone()));
        if names.is_empty() {
            return Some(base);
        }
        let subs = names.iter().map(|name| Subscript::At(self.ast.add(ExprKind::Name(name.clone())))).collect();
        Some(self.ast.add(ExprKind::Index(base, subs)))
    }

    fn product(&mut self, product: &Product) -> Option<ExprId> {
        let mut names: Vec<Option<Name>> = vec![None; product.dims.len()];
        let mut factors: Vec<ExprId> = Vec::new();
        for (label, name) in product.out.iter().zip(self.at) {
            let known = names.get_mut(usize::from(*label))?;
            match known {
                // a label twice in the result is a delta
                Some(first) => {
                    let first = first.clone();
                    let delta = self.ast.add(ExprKind::Name("delta".into()));
                    let subs = [first, name.clone()].map(|name| Subscript::At(self.ast.add(ExprKind::Name(name))));
                    factors.push(self.ast.add(ExprKind::Index(delta, subs.to_vec())));
                }
                None => *known = Some(name.clone()),
            }
        }
        let used = |label: usize| product.factors.iter().any(|f| f.labels.iter().any(|l| usize::from(*l) == label));
        let mut pool = self.pool.iter().filter(|name| !self.at.contains(name));
        let mut summed = Vec::new();
        for (label, name) in names.iter_mut().enumerate() {
            if name.is_none() && used(label) {
                let fresh = pool.next()?.clone();
                summed.push(fresh.clone());
                *name = Some(fresh);
            }
        }
        let mut order: Vec<&Factor> = product.factors.iter().collect();
        // matrices before vectors before numbers, as one writes them
        order.sort_by_key(|factor| std::cmp::Reverse(factor.labels.len()));
        for factor in order {
            let at: Option<Vec<Name>> =
                factor.labels.iter().map(|label| names.get(usize::from(*label)).cloned().flatten()).collect();
            let entry = self.input(factor.node, &at?)?;
            let entry = match &factor.exponent {
                one if *one == Rational::ONE => entry,
                exponent if exponent.is_integer() && !exponent.is_negative() => {
                    let exponent = self.ast.add(ExprKind::Number(exponent.clone()));
                    self.ast.add(ExprKind::Binary(BinaryOp::Pow, entry, exponent))
                }
                _ => return None,
            };
            factors.push(entry);
        }
        let mut whole: Option<ExprId> = None;
        for factor in factors {
            whole = Some(match whole {
                Some(whole) => self.ast.add(ExprKind::Binary(BinaryOp::Mul, whole, factor)),
                None => factor,
            });
        }
        let body = match whole {
            Some(whole) => whole,
            None => self.ast.add(ExprKind::Number(Rational::ONE)),
        };
        if summed.is_empty() {
            return Some(body);
        }
        let binder = |name: Name| IndexBinder { name, span: Span::default(), range: None };
        let indices = summed.into_iter().map(binder).collect();
        Some(self.ast.add(ExprKind::Reduce { op: Reducer::Sum, indices, condition: None, body }))
    }
}
