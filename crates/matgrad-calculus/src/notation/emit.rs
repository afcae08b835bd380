//! Matrix expressions as a syntax tree.

use matgrad_syntax::{Ast, BinaryOp, ExprId, ExprKind, IndexBinder, Name, Rational, Reducer, Span, Subscript};
use rustc_hash::{FxHashMap, FxHashSet};

use super::along::APPLY;
use super::expr::{Arena, Kind, M, Sub, WHOLE};
use crate::graph::{Dim, DimMonomial, DimTable};

/// Writes expressions of an arena into a syntax tree, each once.
pub(super) struct Emitter<'a> {
    pub arena: &'a Arena,
    pub sizes: &'a DimTable,
    pub ast: Ast,
    pub done: FxHashMap<M, ExprId>,
    /// What has a name, and is not taken apart.
    pub named: FxHashSet<M>,
}

impl Emitter<'_> {
    /// The expressions that `root` needs, children first.
    fn needed(&self, root: M) -> Vec<M> {
        let mut seen: FxHashMap<M, ()> = FxHashMap::default();
        let mut todo = vec![root];
        let mut found = Vec::new();
        while let Some(m) = todo.pop() {
            if self.done.contains_key(&m) || seen.insert(m, ()).is_some() {
                continue;
            }
            found.push(m);
            children(self.arena.kind(m), |c| todo.push(c));
        }
        found.sort_unstable();
        found
    }

    /// The tree of an expression.
    pub fn emit(&mut self, root: M) -> ExprId {
        for m in self.needed(root) {
            let id = self.one(m);
            self.done.insert(m, id);
        }
        self.done[&root]
    }

    fn num(&mut self, value: &Rational) -> ExprId {
        if value.is_negative() {
            let inner = self.num(&value.abs());
            return self.ast.add(ExprKind::Neg(inner));
        }
        self.ast.add(ExprKind::Number(value.clone()))
    }

    fn binary(&mut self, op: BinaryOp, a: ExprId, b: ExprId) -> ExprId {
        self.ast.add(ExprKind::Binary(op, a, b))
    }

    fn at(&self, m: M) -> ExprId {
        self.done.get(&m).copied().unwrap_or(ExprId(0))
    }

    /// A dimension as an expression.
    pub fn dim(&mut self, dim: Dim) -> ExprId {
        let terms = self.sizes.poly(dim).0.clone();
        self.dim_terms(terms)
    }

    /// `n*(n + 1)/2` of `n^2/2 + n/2`: the common denominator and monomial taken out, where there is a denominator.
    fn dim_quotient(&mut self, terms: &[(DimMonomial, Rational)]) -> Option<ExprId> {
        if terms.len() < 2 || terms.iter().all(|(_, c)| c.is_integer()) {
            return None;
        }
        let mut denominator: i64 = 1;
        for (_, c) in terms {
            let d: i64 = c.parts().1.parse().ok().filter(|d| (1..=1000).contains(d))?;
            let (mut a, mut b) = (denominator, d);
            while b != 0 {
                (a, b) = (b, a % b);
            }
            denominator = (denominator / a).checked_mul(d).filter(|d| *d <= 1_000_000)?;
        }
        let mut common: DimMonomial = terms.first()?.0.clone();
        for (monomial, _) in terms {
            for (symbol, power) in common.iter_mut() {
                *power = (*power).min(monomial.iter().find(|(own, _)| own == symbol).map_or(0, |(_, p)| *p));
            }
        }
        common.retain(|(_, power)| *power > 0);
        let scale = Rational::int(denominator);
        let mut rest = terms.to_vec();
        for (monomial, c) in &mut rest {
            *c = &*c * &scale;
            for (symbol, power) in monomial.iter_mut() {
                *power -= common.iter().find(|(own, _)| own == symbol).map_or(0, |(_, p)| *p);
            }
            monomial.retain(|(_, power)| *power > 0);
        }
        let inner = self.dim_terms(rest);
        let whole = if common.is_empty() {
            inner
        } else {
            let outside = self.dim_terms(vec![(common, Rational::ONE)]);
            self.binary(BinaryOp::Mul, outside, inner)
        };
        let below = self.num(&scale);
        Some(self.binary(BinaryOp::Div, whole, below))
    }

    fn dim_terms(&mut self, mut terms: Vec<(DimMonomial, Rational)>) -> ExprId {
        if let Some(quotient) = self.dim_quotient(&terms) {
            return quotient;
        }
        terms.sort_by_key(|(m, _)| std::cmp::Reverse(m.iter().map(|(_, p)| *p).sum::<u32>()));
        let mut sum: Option<ExprId> = None;
        for (monomial, c) in terms {
            let (n, d) = c.abs().parts();
            let mut factors = Vec::new();
            if n != "1" || monomial.is_empty() {
                let value = Rational::parse_decimal(&n).unwrap_or(Rational::ONE);
                factors.push(self.num(&value));
            }
            for (symbol, power) in monomial {
                let mut id = match self.sizes.minimum(symbol) {
                    // the operands of a minimum were made before it, so this ends
                    Some((a, b)) => {
                        let (a, b) = (self.dim(a), self.dim(b));
                        self.call("min", vec![a, b])
                    }
                    None => {
                        let name = self.sizes.name(symbol).clone();
                        self.ast.add(ExprKind::Name(name))
                    }
                };
                if power > 1 {
                    let k = self.num(&Rational::int(i64::from(power)));
                    id = self.binary(BinaryOp::Pow, id, k);
                }
                factors.push(id);
            }
            let mut term = self.fold(BinaryOp::Mul, &factors);
            if d != "1" {
                let value = Rational::parse_decimal(&d).unwrap_or(Rational::ONE);
                let d = self.num(&value);
                term = self.binary(BinaryOp::Div, term, d);
            }
            sum = Some(match (sum, c.is_negative()) {
                (None, false) => term,
                (None, true) => self.ast.add(ExprKind::Neg(term)),
                (Some(s), false) => self.binary(BinaryOp::Add, s, term),
                (Some(s), true) => self.binary(BinaryOp::Sub, s, term),
            });
        }
        match sum {
            Some(id) => id,
            None => self.num(&Rational::ZERO),
        }
    }

    fn fold(&mut self, op: BinaryOp, items: &[ExprId]) -> ExprId {
        let mut items = items.iter().copied();
        let first = match items.next() {
            Some(id) => id,
            None => self.num(&Rational::ONE),
        };
        items.fold(first, |a, b| self.binary(op, a, b))
    }

    pub fn call(&mut self, name: &str, args: Vec<ExprId>) -> ExprId {
        self.ast.add(ExprKind::Call {
            function: Name::from(name),
            function_span: Span::default(),
            derivative: Vec::new(),
            args,
        })
    }

    fn power(&mut self, op: BinaryOp, base: ExprId, exponent: &Rational) -> ExprId {
        if exponent.is_one() {
            return base;
        }
        // a literal exponent is one number, sign and all, as the parser reads it
        let e = self.ast.add(ExprKind::Number(exponent.clone()));
        self.binary(op, base, e)
    }

    /// ± number · scalars · chain / divisors.
    fn product(&mut self, number: &Rational, scalars: &[(M, Rational)], chain: &[M]) -> ExprId {
        let (n, d) = (number.abs().parts().0, number.abs().parts().1);
        let mut above = Vec::new();
        let mut below = Vec::new();
        let whole = Rational::parse_decimal(&n).unwrap_or(Rational::ONE);
        let has_above = !chain.is_empty() || scalars.iter().any(|(_, e)| !e.is_negative());
        if !whole.is_one() || !has_above {
            let id = self.num(&whole);
            above.push(id);
        }
        if d != "1" {
            let value = Rational::parse_decimal(&d).unwrap_or(Rational::ONE);
            let id = self.num(&value);
            below.push(id);
        }
        for (m, e) in scalars {
            let base = self.at(*m);
            let id = self.power(BinaryOp::Pow, base, &e.abs());
            if e.is_negative() { below.push(id) } else { above.push(id) }
        }
        let reciprocal = self.arena.reciprocal(scalars, chain) && !self.named.contains(&chain[0]);
        if !reciprocal {
            above.extend(chain.iter().map(|m| self.at(*m)));
        }
        // the sign goes to the first factor, unless that is a product of another kind
        let kron = matches!(self.ast.kind(above[0]), ExprKind::Binary(..)) && above.len() > 1;
        if number.is_negative() && !kron {
            above[0] = self.ast.add(ExprKind::Neg(above[0]));
        }
        let mut top = self.fold(BinaryOp::Mul, &above);
        if number.is_negative() && kron {
            top = self.ast.add(ExprKind::Neg(top));
        }
        if reciprocal {
            let Kind::Hadamard(parts) = self.arena.kind(chain[0]).clone() else { return top };
            for (m, e) in parts {
                let base = self.at(m);
                let divisor = self.power(BinaryOp::ElemPow, base, &e.abs());
                top = self.binary(BinaryOp::ElemDiv, top, divisor);
            }
        }
        if below.is_empty() {
            return top;
        }
        let bottom = self.fold(BinaryOp::Mul, &below);
        self.binary(BinaryOp::Div, top, bottom)
    }

    fn term(&mut self, magnitude: &Rational, m: M) -> ExprId {
        let named = self.named.contains(&m);
        match self.arena.kind(m).clone() {
            Kind::Number(value) => self.num(&(&value * magnitude)),
            Kind::Product { number, scalars, chain } if !named => {
                self.product(&(&number * magnitude), &scalars, &chain)
            }
            _ if magnitude.is_one() => self.at(m),
            _ if self.arena.form(m) == super::expr::Form::Scalar => self.product(magnitude, &[(m, Rational::ONE)], &[]),
            _ => self.product(magnitude, &[], &[m]),
        }
    }

    fn one(&mut self, m: M) -> ExprId {
        match self.arena.kind(m).clone() {
            Kind::Number(value) => self.num(&value),
            Kind::Name(name) => self.ast.add(ExprKind::Name(name)),
            Kind::Function { .. } => self.ast.add(ExprKind::Name("step".into())),
            Kind::Size(dim) => self.dim(dim),
            Kind::Sum(terms) => {
                let mut sum: Option<ExprId> = None;
                for (c, m) in &terms {
                    sum = Some(match sum {
                        None => {
                            let minus = c.is_negative();
                            match (minus, self.arena.kind(*m).clone()) {
                                (true, Kind::Number(value)) => self.num(&(c * &value)),
                                (true, Kind::Product { number, scalars, chain }) if !self.named.contains(m) => {
                                    self.product(&(&number * c), &scalars, &chain)
                                }
                                (true, _) => {
                                    let term = self.term(&c.abs(), *m);
                                    self.negate_first(term)
                                }
                                (false, _) => self.term(c, *m),
                            }
                        }
                        Some(s) => {
                            let term = self.term(&c.abs(), *m);
                            self.binary(if c.is_negative() { BinaryOp::Sub } else { BinaryOp::Add }, s, term)
                        }
                    });
                }
                sum.unwrap_or_else(|| self.num(&Rational::ZERO))
            }
            Kind::Product { number, scalars, chain } => self.product(&number, &scalars, &chain),
            Kind::Hadamard(parts) => {
                let (mut above, mut below) = (Vec::new(), Vec::new());
                for (m, e) in &parts {
                    let base = self.at(*m);
                    let id = self.power(BinaryOp::ElemPow, base, &e.abs());
                    if e.is_negative() { below.push(id) } else { above.push(id) }
                }
                let top = self.fold(BinaryOp::Hadamard, &above);
                below.into_iter().fold(top, |a, b| self.binary(BinaryOp::ElemDiv, a, b))
            }
            Kind::Transpose(inner) => {
                let id = self.at(inner);
                self.ast.add(ExprKind::Transpose(id))
            }
            Kind::Power(base, k) => {
                let base = self.at(base);
                self.power(BinaryOp::Pow, base, &Rational::int(k))
            }
            Kind::Kron(a, b) => {
                let (a, b) = (self.at(a), self.at(b));
                self.binary(BinaryOp::Kron, a, b)
            }
            Kind::Raise(a, b) => {
                let scalar = self.arena.form(m) == super::expr::Form::Scalar;
                let (a, b) = (self.at(a), self.at(b));
                self.binary(if scalar { BinaryOp::Pow } else { BinaryOp::ElemPow }, a, b)
            }
            Kind::Call(name, _, args) if reducer(&name).is_some() => {
                let body = self.at(args[0]);
                let mut indices = Vec::new();
                let conditional = name.ends_with("[;]");
                let condition = if conditional { args.get(1).map(|m| self.at(*m)) } else { None };
                for pair in args[if conditional { 2 } else { 1 }..].chunks(2) {
                    let Kind::Name(index) = self.arena.kind(pair[0]) else { continue };
                    let range = pair.get(1).map(|m| self.at(*m));
                    indices.push(IndexBinder { name: index.clone(), span: Span::default(), range });
                }
                let op = reducer(&name).unwrap_or(Reducer::Sum);
                self.ast.add(ExprKind::Reduce { op, indices, condition, body })
            }
            Kind::Call(name, derivative, args) => {
                let mut args: Vec<ExprId> = args.iter().map(|a| self.at(*a)).collect();
                if &*name == APPLY && !args.is_empty() {
                    let function = args.remove(0);
                    let name = match self.ast.kind(function) {
                        ExprKind::Name(name) => name.clone(),
                        _ => name,
                    };
                    return self.call(&name, args);
                }
                if derivative.is_empty() {
                    return self.call(&name, args);
                }
                self.ast.add(ExprKind::Call {
                    function: name,
                    function_span: Span::default(),
                    derivative: derivative.iter().map(|k| if *k == WHOLE { 0 } else { k + 1 }).collect(),
                    args,
                })
            }
            Kind::Index(base, subs) => {
                let base = self.at(base);
                let subs = subs
                    .iter()
                    .map(|s| match s {
                        Sub::All => Subscript::All,
                        Sub::At(m) => Subscript::At(self.at(*m)),
                        Sub::Range(a, b) => Subscript::Range(self.at(*a), self.at(*b)),
                    })
                    .collect();
                self.ast.add(ExprKind::Index(base, subs))
            }
            Kind::Column(items) => {
                let items = items.iter().map(|m| self.at(*m)).collect();
                self.ast.add(ExprKind::Column(items))
            }
            Kind::Rows(rows) => {
                let rows = rows.iter().map(|r| r.iter().map(|m| self.at(*m)).collect()).collect();
                self.ast.add(ExprKind::Rows(rows))
            }
            Kind::Compare(op, a, b) => {
                let (a, b) = (self.at(a), self.at(b));
                self.binary(op.op(), a, b)
            }
        }
    }

    /// `-x`, with the sign on the first factor of a product as it is written.
    fn negate_first(&mut self, id: ExprId) -> ExprId {
        let mut path = Vec::new();
        let mut at = id;
        while let ExprKind::Binary(
            op @ (BinaryOp::Mul | BinaryOp::Div | BinaryOp::Hadamard | BinaryOp::ElemDiv | BinaryOp::Kron),
            a,
            b,
        ) = self.ast.kind(at)
        {
            path.push((*op, *b));
            at = *a;
        }
        let mut sum = self.ast.add(ExprKind::Neg(at));
        for (op, b) in path.into_iter().rev() {
            sum = self.binary(op, sum, b);
        }
        sum
    }
}

/// Calls `visit` with each part of an expression.
pub(super) fn children(kind: &Kind, mut visit: impl FnMut(M)) {
    match kind {
        // a step is defined before, and sees nothing of what is around its name
        Kind::Number(_) | Kind::Name(_) | Kind::Size(_) => {}
        Kind::Function { given, .. } => given.iter().copied().for_each(visit),
        Kind::Sum(terms) => terms.iter().for_each(|(_, m)| visit(*m)),
        Kind::Product { scalars, chain, .. } => {
            scalars.iter().for_each(|(m, _)| visit(*m));
            chain.iter().copied().for_each(visit);
        }
        Kind::Hadamard(parts) => parts.iter().for_each(|(m, _)| visit(*m)),
        Kind::Transpose(m) | Kind::Power(m, _) => visit(*m),
        Kind::Kron(a, b) | Kind::Raise(a, b) | Kind::Compare(_, a, b) => {
            visit(*a);
            visit(*b);
        }
        Kind::Call(_, _, args) => args.iter().copied().for_each(visit),
        Kind::Index(m, subs) => {
            visit(*m);
            for s in subs {
                match s {
                    Sub::All => {}
                    Sub::At(m) => visit(*m),
                    Sub::Range(a, b) => {
                        visit(*a);
                        visit(*b);
                    }
                }
            }
        }
        Kind::Column(items) => items.iter().copied().for_each(visit),
        Kind::Rows(rows) => rows.iter().flatten().copied().for_each(visit),
    }
}

/// The reduction over indices that a call stands for until it is emitted.
pub(super) fn reducer(name: &str) -> Option<Reducer> {
    Some(match name {
        "sum[]" | "sum[;]" => Reducer::Sum,
        "prod[]" | "prod[;]" => Reducer::Prod,
        "max[]" => Reducer::Max,
        "min[]" => Reducer::Min,
        "logsumexp[]" => Reducer::LogSumExp,
        _ => return None,
    })
}
