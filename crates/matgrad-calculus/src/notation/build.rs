//! Constructors of matrix expressions: what a person would write instead, where that is shorter.

use matgrad_syntax::{Name, Rational};
use smallvec::SmallVec;

use super::expr::{Arena, Form, Kind, M};
use crate::graph::Dim;

/// A transpose stays outside of expressions longer than this, which also bounds how deep it moves.
const PUSH_LIMIT: u32 = 400;

/// Products with more factors than this are not flattened into another.
const LONG_PRODUCT: usize = 32;

impl Arena {
    /// An exact number.
    pub fn number(&mut self, value: Rational) -> M {
        self.raw(Kind::Number(value), Form::Scalar)
    }

    /// A whole number.
    pub fn int(&mut self, value: i64) -> M {
        self.number(Rational::int(value))
    }

    /// A variable.
    pub fn name(&mut self, name: &Name, form: Form) -> M {
        self.raw(Kind::Name(name.clone()), form)
    }

    /// A dimension as a number.
    pub fn size(&mut self, dim: Dim) -> M {
        self.raw(Kind::Size(dim), Form::Scalar)
    }

    /// A function of the language.
    pub fn call(&mut self, name: &str, args: &[M], form: Form) -> M {
        if let ("sum", [values]) = (name, args)
            && let Some(&[x]) = self.call_args(*values, "singvals")
        {
            return self.call("normnuc", &[x], form);
        }
        let m = self.raw(Kind::Call(Name::from(name), SmallVec::new(), args.to_vec()), form);
        if matches!(name, "diag" if form == Form::Matrix) || name == "eye" {
            self.set_symmetric(m);
        }
        m
    }

    /// `eye(n)`.
    pub fn eye(&mut self, dim: Dim) -> M {
        let n = self.size(dim);
        self.call("eye", &[n], Form::Matrix)
    }

    /// `ones(n)`, a column.
    pub fn ones(&mut self, dim: Dim) -> M {
        let n = self.size(dim);
        self.call("ones", &[n], Form::Column)
    }

    /// `ones(m,n)`.
    pub fn ones2(&mut self, rows: Dim, cols: Dim) -> M {
        let args = [self.size(rows), self.size(cols)];
        self.call("ones", &args, Form::Matrix)
    }

    /// Whether the expression is a call of this function.
    pub fn is_call(&self, m: M, name: &str) -> bool {
        matches!(self.kind(m), Kind::Call(n, _, _) if &**n == name)
    }

    /// The arguments of a call of this function.
    pub fn call_args(&self, m: M, name: &str) -> Option<&[M]> {
        match self.kind(m) {
            Kind::Call(n, _, args) if &**n == name => Some(args),
            _ => None,
        }
    }

    /// `diag(v)`; of an elementwise constant vector a multiple of the identity.
    pub fn diag(&mut self, v: M) -> M {
        self.call("diag", &[v], Form::Matrix)
    }

    /// A matrix to a whole power, -1 is the inverse.
    pub fn matrix_power(&mut self, m: M, k: i64) -> M {
        if k == 1 {
            return m;
        }
        let symmetric = self.is_symmetric(m);
        let power = self.raw(Kind::Power(m, k), Form::Matrix);
        if symmetric {
            self.set_symmetric(power);
        }
        power
    }

    /// The transpose, moved inside where that is not longer.
    pub fn transpose(&mut self, m: M) -> M {
        let form = match self.form(m) {
            Form::Scalar => return m,
            Form::Column => Form::Row,
            Form::Row => Form::Column,
            Form::Matrix => Form::Matrix,
        };
        if form == Form::Matrix && self.is_symmetric(m) {
            return m;
        }
        if let Some(&known) = self.transposes.get(&m) {
            return known;
        }
        let transposed = self.transpose_anew(m, form);
        self.transposes.insert(m, transposed);
        transposed
    }

    fn transpose_anew(&mut self, m: M, form: Form) -> M {
        let outside = |a: &mut Self| a.raw(Kind::Transpose(m), form);
        if self.length(m) > PUSH_LIMIT && !matches!(self.kind(m), Kind::Transpose(_) | Kind::Product { .. }) {
            return outside(self);
        }
        match self.kind(m).clone() {
            Kind::Transpose(inner) => inner,
            Kind::Product { number, scalars, chain } if !chain.is_empty() => {
                let chain: Vec<M> = chain.iter().rev().map(|x| self.transpose(*x)).collect();
                self.product(number, scalars, chain)
            }
            Kind::Sum(terms) => {
                let pushed: Vec<(Rational, M)> = terms.iter().map(|(c, x)| (c.clone(), self.transpose(*x))).collect();
                let inside = self.sum(pushed, form);
                let around = outside(self);
                if self.length(inside) <= self.length(around) { inside } else { around }
            }
            Kind::Hadamard(parts) => {
                let pushed: Vec<(M, Rational)> = parts.iter().map(|(x, e)| (self.transpose(*x), e.clone())).collect();
                let inside = self.raw(Kind::Hadamard(pushed), form);
                let around = outside(self);
                if self.length(inside) <= self.length(around) { inside } else { around }
            }
            Kind::Kron(a, b) => {
                let (a, b) = (self.transpose(a), self.transpose(b));
                self.kron(a, b)
            }
            Kind::Power(base, k) if k != -1 => {
                let base = self.transpose(base);
                self.matrix_power(base, k)
            }
            Kind::Call(name, _, args) if form == Form::Matrix && (&*name == "ones" || &*name == "zeros") => {
                let flipped: Vec<M> = args.iter().rev().copied().collect();
                self.call(&name, &flipped, form)
            }
            Kind::Call(name, _, args) if &*name == "tril" || &*name == "triu" => {
                let inner = self.transpose(args[0]);
                self.call(if &*name == "tril" { "triu" } else { "tril" }, &[inner], form)
            }
            Kind::Call(name, _, args) if &*name == "adj" => self.call("cof", &args, form),
            Kind::Call(name, _, args) if &*name == "cof" => self.call("adj", &args, form),
            Kind::Call(name, _, args) if &*name == "commutation" => self.call("commutation", &[args[1], args[0]], form),
            _ => outside(self),
        }
    }

    /// The Kronecker product; scalars come out.
    pub fn kron(&mut self, a: M, b: M) -> M {
        let mut number = Rational::ONE;
        let mut scalars = Vec::new();
        let mut strip = |arena: &mut Self, m: M| -> M {
            match arena.kind(m).clone() {
                Kind::Product { number: n, scalars: s, chain } if !chain.is_empty() => {
                    number = &number * &n;
                    scalars.extend(s);
                    arena.product(Rational::ONE, Vec::new(), chain)
                }
                Kind::Product { .. } => m,
                _ => m,
            }
        };
        let (a, b) = (strip(self, a), strip(self, b));
        if let (Some([n]), Some([m])) = (self.call_args(a, "eye"), self.call_args(b, "eye")) {
            let (n, m) = (*n, *m);
            let size = self.product(Rational::ONE, vec![(n, Rational::ONE), (m, Rational::ONE)], Vec::new());
            let eye = self.call("eye", &[size], Form::Matrix);
            return self.product(number, scalars, vec![eye]);
        }
        // to the left, where it needs no parentheses; neighbouring identities are one
        if let &Kind::Kron(first, second) = self.kind(b) {
            let left = self.kron(a, first);
            let kron = self.kron(left, second);
            return self.product(number, scalars, vec![kron]);
        }
        if let &Kind::Kron(first, second) = self.kind(a)
            && self.is_call(second, "eye")
            && self.is_call(b, "eye")
        {
            let eye = self.kron(second, b);
            let kron = self.kron(first, eye);
            return self.product(number, scalars, vec![kron]);
        }
        let form = match (self.form(a), self.form(b)) {
            (Form::Column, Form::Column) => Form::Column,
            (Form::Row, Form::Row) => Form::Row,
            _ => Form::Matrix,
        };
        let kron = self.raw(Kind::Kron(a, b), form);
        if self.is_symmetric(a) && self.is_symmetric(b) {
            self.set_symmetric(kron);
        }
        self.product(number, scalars, vec![kron])
    }

    /// number · scalars · chain, flattened, with equal neighbours as powers.
    pub fn product(&mut self, mut number: Rational, scalars: Vec<(M, Rational)>, chain: Vec<M>) -> M {
        let mut flat: Vec<(M, Rational)> = Vec::with_capacity(scalars.len());
        for (m, e) in scalars {
            match self.kind(m).clone() {
                Kind::Number(value) if e.to_i64().is_some() => match e.to_i64().and_then(|e| value.powi(e)) {
                    Some(power) => number = &number * &power,
                    None => flat.push((m, e)), // 1/0 stays in sight
                },
                // a long product stays one factor, so that chains of them grow linearly; only its number comes out
                Kind::Product { number: n, scalars: s, chain: c } if s.len() > LONG_PRODUCT => {
                    match e.to_i64().and_then(|k| n.powi(k)).filter(|_| !n.is_one()) {
                        Some(n) => {
                            number = &number * &n;
                            let form = self.form(m);
                            let rest = self.raw(Kind::Product { number: Rational::ONE, scalars: s, chain: c }, form);
                            flat.push((rest, e));
                        }
                        None => flat.push((m, e)),
                    }
                }
                Kind::Product { number: n, scalars: s, chain: c }
                    if e.is_integer() && (c.is_empty() || !n.is_one() || !s.is_empty()) =>
                {
                    if let Some(n) = e.to_i64().and_then(|k| n.powi(k)) {
                        number = &number * &n;
                        flat.extend(s.into_iter().map(|(x, d)| (x, &d * &e)));
                        if !c.is_empty() {
                            let rest = self.product(Rational::ONE, Vec::new(), c);
                            flat.push((rest, e));
                        }
                    } else {
                        flat.push((m, e));
                    }
                }
                _ => flat.push((m, e)),
            }
        }
        let mut links: Vec<M> = Vec::with_capacity(chain.len());
        let mut todo: Vec<M> = chain.into_iter().rev().collect();
        while let Some(m) = todo.pop() {
            match self.kind(m).clone() {
                Kind::Product { number: n, scalars: s, chain: c } if !c.is_empty() && self.form(m) != Form::Scalar => {
                    number = &number * &n;
                    flat.extend(s);
                    todo.extend(c.into_iter().rev());
                }
                // a power of a product is taken apart, so that longer repetitions are seen
                Kind::Power(base, k) if (2..=64).contains(&k) && matches!(self.kind(base), Kind::Product { .. }) => {
                    todo.extend(std::iter::repeat_n(base, k as usize));
                }
                _ => self.link(&mut links, m),
            }
        }
        if links.len() + flat.len() > 1 || !number.is_one() {
            for m in &mut links {
                if let Some(positive) = self.opposite(*m) {
                    number = -number;
                    *m = positive;
                }
                *m = self.tighten(*m);
            }
        }
        self.repeated_blocks(&mut links);
        let mut merged: Vec<(M, Rational)> = Vec::with_capacity(flat.len());
        for (m, e) in flat {
            match merged.iter_mut().find(|(x, _)| *x == m) {
                Some((_, d)) => *d = &*d + &e,
                None => merged.push((m, e)),
            }
        }
        merged.retain(|(_, e)| !e.is_zero());
        // `(-1)^n*det(X)`: powers of numbers stand first
        let numeric = |arena: &Self, m: M| matches!(arena.kind(m), Kind::Raise(base, _) if matches!(arena.kind(*base), Kind::Number(_)));
        if merged.iter().skip(1).any(|(m, _)| numeric(self, *m)) {
            merged.sort_by_key(|(m, _)| !numeric(self, *m));
        }
        // derivatives of abstract functions in the order of the chain rule, the outer one first
        let derived = |arena: &Self, m: M| matches!(arena.kind(m), Kind::Call(_, d, _) if !d.is_empty());
        if merged.iter().any(|(m, _)| derived(self, *m)) {
            merged.sort_by_key(|(m, _)| if derived(self, *m) { (1, u32::MAX - self.length(*m)) } else { (0, 0) });
        }
        if links.is_empty() && (merged.len() > 1 || !number.is_one()) {
            // one scalar that is a chain goes last, where it needs no parentheses
            let is_chain = |arena: &Self, (m, e): &(M, Rational)| {
                e.is_one()
                    && matches!(arena.kind(*m), Kind::Product { number, scalars, chain } if number.is_one() && scalars.is_empty() && chain.len() > 1)
            };
            if let Some(k) = (0..merged.len()).rev().find(|k| is_chain(self, &merged[*k]))
                && let Kind::Product { chain, .. } = self.kind(merged[k].0).clone()
            {
                merged.remove(k);
                links = chain;
            }
        }
        self.take_selected(&mut links);
        let form = self.chain_form(&links);
        self.adjugate(&mut merged, &mut links);
        match (merged.as_slice(), links.as_slice()) {
            ([], []) => self.number(number),
            ([], [m]) if number.is_one() => *m,
            ([(m, e)], []) if number.is_one() && e.is_one() => *m,
            _ => {
                if let ([], [m]) = (merged.as_slice(), links.as_slice())
                    && let Kind::Sum(terms) = self.kind(*m).clone()
                    && number.is_minus_one()
                {
                    let negated: Vec<_> = terms.into_iter().map(|(c, x)| (-c, x)).collect();
                    return self.sum(negated, form);
                }
                if number.is_minus_one()
                    && let Some(k) = (0..links.len()).find(|k| self.is_mixed_difference(links[*k]))
                    && let Kind::Sum(terms) = self.kind(links[k]).clone()
                {
                    // -A*(B - C) = A*(C - B)
                    let turned = terms.into_iter().map(|(c, x)| (-c, x)).collect();
                    let inner = self.form(links[k]);
                    links[k] = self.sum(turned, inner);
                    return self.product(Rational::ONE, merged, links);
                }
                let symmetric = links.len() == 1 && self.is_symmetric(links[0]);
                let m = self.raw(Kind::Product { number, scalars: merged, chain: links }, form);
                if symmetric {
                    self.set_symmetric(m);
                }
                m
            }
        }
    }

    /// A difference that is no longer the other way round.
    fn is_mixed_difference(&self, m: M) -> bool {
        let Kind::Sum(terms) = self.kind(m) else { return false };
        let minus = terms.iter().filter(|(c, _)| c.is_negative()).count();
        minus > 0 && 2 * minus >= terms.len()
    }

    /// Minus a sum of which every term is negative, also where its entries are arranged otherwise.
    fn opposite(&mut self, m: M) -> Option<M> {
        match self.kind(m).clone() {
            Kind::Transpose(inner) => {
                let opposite = self.opposite(inner)?;
                return Some(self.transpose(opposite));
            }
            Kind::Call(name, primes, mut args) if matches!(&*name, "vec" | "rvec" | "reshape" | "diag") => {
                let first = args.first_mut()?;
                *first = self.opposite(*first)?;
                let form = self.form(m);
                return Some(self.raw(Kind::Call(name, primes, args), form));
            }
            Kind::Product { number, scalars, chain } if number.is_negative() => {
                return Some(self.product(-number, scalars, chain));
            }
            _ => {}
        }
        let Kind::Sum(terms) = self.kind(m) else { return None };
        if !terms.iter().all(|(c, _)| c.is_negative()) {
            return None;
        }
        let terms = terms.iter().map(|(c, x)| (-c.clone(), *x)).collect();
        let form = self.form(m);
        Some(self.sum(terms, form))
    }

    /// A sum of transposes as the transpose of a sum, where that is shorter inside a product.
    fn tighten(&mut self, m: M) -> M {
        if self.length(m) > PUSH_LIMIT {
            return m;
        }
        let form = self.form(m);
        let flipped = match form {
            Form::Column => Form::Row,
            Form::Row => Form::Column,
            other => other,
        };
        let inner = match self.kind(m).clone() {
            Kind::Sum(terms) => {
                let terms = terms.iter().map(|(c, x)| (c.clone(), self.transpose(*x))).collect();
                self.raw(Kind::Sum(terms), flipped)
            }
            Kind::Hadamard(parts) => {
                let parts = parts.iter().map(|(x, e)| (self.transpose(*x), e.clone())).collect();
                self.raw(Kind::Hadamard(parts), flipped)
            }
            _ => return m,
        };
        let around = self.raw(Kind::Transpose(inner), form);
        if self.length(around) < self.length(m) + 2 { around } else { m }
    }

    /// A linear combination; a common number comes out where that is shorter.
    pub fn sum(&mut self, terms: Vec<(Rational, M)>, form: Form) -> M {
        let mut flat: Vec<(Rational, M)> = Vec::with_capacity(terms.len());
        for (c, m) in terms {
            match self.kind(m) {
                Kind::Sum(inner) => {
                    let inner = inner.clone();
                    flat.extend(inner.into_iter().map(|(d, x)| (&c * &d, x)));
                }
                Kind::Product { number, scalars, chain } if !number.is_one() => {
                    let (number, scalars, chain) = (number.clone(), scalars.clone(), chain.clone());
                    let rest = self.product(Rational::ONE, scalars, chain);
                    flat.push((&c * &number, rest));
                }
                Kind::Number(value) => {
                    let value = &c * value;
                    let one = self.int(1);
                    flat.push((value, one));
                }
                _ => flat.push((c, m)),
            }
        }
        let mut merged: Vec<(Rational, M)> = Vec::with_capacity(flat.len());
        let mut at: rustc_hash::FxHashMap<M, usize> = rustc_hash::FxHashMap::default();
        for (c, m) in flat {
            match at.get(&m) {
                Some(&k) => {
                    let entry: &mut (Rational, M) = &mut merged[k];
                    entry.0 = &entry.0 + &c;
                }
                None => {
                    at.insert(m, merged.len());
                    merged.push((c, m));
                }
            }
        }
        merged.retain(|(c, _)| !c.is_zero());
        // partial derivatives of unknown functions in the order of their arguments
        let derived = |arena: &Self, m: M| match arena.kind(m) {
            Kind::Call(name, order, _) if !order.is_empty() => Some((name.clone(), order.clone())),
            _ => None,
        };
        if merged.len() > 1 && merged.iter().all(|(_, m)| derived(self, *m).is_some()) {
            merged.sort_by_key(|(_, m)| derived(self, *m));
        }
        match merged.as_slice() {
            [] => return self.number(Rational::ZERO),
            [(c, m)] => {
                if let (Form::Scalar, true) = (self.form(*m), form != Form::Scalar) {
                    // a lone broadcast scalar keeps its place in a sum of its own
                } else {
                    let (c, m) = (c.clone(), *m);
                    return match self.form(m) {
                        Form::Scalar => self.product(c, vec![(m, Rational::ONE)], Vec::new()),
                        _ => self.product(c, Vec::new(), vec![m]),
                    };
                }
            }
            _ => {}
        }
        // start with a positive term where there is one and the first is negative
        if merged[0].0.is_negative()
            && let Some(k) = merged.iter().position(|(c, _)| !c.is_negative())
        {
            let term = merged.remove(k);
            merged.insert(0, term);
        }
        let symmetric = merged.iter().all(|(_, m)| self.form(*m) == Form::Scalar || self.is_symmetric(*m));
        let plain = self.raw(Kind::Sum(merged.clone()), form);
        if symmetric && form == Form::Matrix {
            self.set_symmetric(plain);
        }
        let first = merged[0].0.abs();
        if first.is_one() || !merged.iter().all(|(c, _)| c.abs() == first) {
            return plain;
        }
        let fraction = !first.is_integer();
        let inner: Vec<(Rational, M)> =
            merged.iter().map(|(c, m)| (Rational::int(if c.is_negative() { -1 } else { 1 }), *m)).collect();
        let inner = self.raw(Kind::Sum(inner), form);
        if symmetric && form == Form::Matrix {
            self.set_symmetric(inner);
        }
        let factored = match form {
            Form::Scalar => {
                self.raw(Kind::Product { number: first, scalars: vec![(inner, Rational::ONE)], chain: vec![] }, form)
            }
            _ => self.raw(Kind::Product { number: first, scalars: vec![], chain: vec![inner] }, form),
        };
        if symmetric && form == Form::Matrix {
            self.set_symmetric(factored);
        }
        let (short, long) = (self.length(factored), self.length(plain));
        if short < long || short == long && fraction { factored } else { plain }
    }

    /// Whether only scalars are left of a sum of arrays, so that nothing says its size: (V + p) - V.
    pub fn lost_its_size(&self, sum: M) -> bool {
        let scalar = |m: &M| self.form(*m) == Form::Scalar;
        match self.kind(sum) {
            Kind::Sum(terms) => terms.iter().all(|(_, m)| scalar(m)),
            _ => scalar(&sum),
        }
    }

    /// An entry-by-entry product with powers; scalars come out as scalar factors.
    pub fn hadamard(&mut self, parts: Vec<(M, Rational)>) -> M {
        let mut number = Rational::ONE;
        let mut scalars: Vec<(M, Rational)> = Vec::new();
        let mut rest: Vec<(M, Rational)> = Vec::with_capacity(parts.len());
        let mut todo: Vec<(M, Rational)> = parts.into_iter().rev().collect();
        while let Some((m, e)) = todo.pop() {
            match self.kind(m).clone() {
                Kind::Product { number: n, scalars: s, chain }
                    if !chain.is_empty() && e.is_integer() && (!n.is_one() || !s.is_empty()) =>
                {
                    if let Some(n) = e.to_i64().and_then(|k| n.powi(k)) {
                        number = &number * &n;
                        scalars.extend(s.into_iter().map(|(x, d)| (x, &d * &e)));
                        let inner = self.product(Rational::ONE, Vec::new(), chain);
                        todo.push((inner, e));
                    } else {
                        rest.push((m, e));
                    }
                }
                // long products stay nested, so that chains of them grow linearly
                Kind::Hadamard(inner) if e.is_integer() && inner.len() <= LONG_PRODUCT => {
                    todo.extend(inner.into_iter().rev().map(|(x, d)| (x, &d * &e)));
                }
                _ => rest.push((m, e)),
            }
        }
        let mut merged: Vec<(M, Rational)> = Vec::with_capacity(rest.len());
        for (m, e) in rest {
            match merged.iter_mut().find(|(x, _)| *x == m) {
                Some((_, d)) => *d = &*d + &e,
                None => merged.push((m, e)),
            }
        }
        merged.retain(|(_, e)| !e.is_zero());
        // `(-1)^n*det(X)`: powers of numbers stand first
        let numeric = |arena: &Self, m: M| matches!(arena.kind(m), Kind::Raise(base, _) if matches!(arena.kind(*base), Kind::Number(_)));
        if merged.iter().skip(1).any(|(m, _)| numeric(self, *m)) {
            merged.sort_by_key(|(m, _)| !numeric(self, *m));
        }
        if merged.is_empty() {
            return self.product(number, scalars, Vec::new());
        }
        // numerators first, each in the order they came
        merged.sort_by_key(|(_, e)| e.is_negative());
        let form = merged.first().map_or(Form::Scalar, |(m, _)| self.form(*m));
        let body = match merged.as_slice() {
            [(m, e)] if e.is_one() => *m,
            _ => {
                let symmetric = merged.iter().all(|(m, _)| self.is_symmetric(*m));
                let m = self.raw(Kind::Hadamard(merged), form);
                if symmetric && form == Form::Matrix {
                    self.set_symmetric(m);
                }
                m
            }
        };
        self.product(number, scalars, vec![body])
    }
}
