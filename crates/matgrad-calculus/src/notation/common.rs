//! Common factors of sums of Kronecker products: `(X' ⊗ I)·K + I ⊗ X' = (I + K)·(I ⊗ X')`.
//!
//! The factors of such a sum meet only in print, where fused axes have become Kronecker products, so they are taken out
//! there. A commutation matrix moves through a Kronecker product, K(p,m)·(A ⊗ B) = (B ⊗ A)·K(q,n) for A m×n and B p×q
//! (Magnus & Neudecker, ch. 3 §7), so that terms may be compared with it on either side.

use matgrad_syntax::Rational;

use super::Printer;
use super::expr::{Form, Kind, M};

/// Sums with more terms than this are left as they are.
const TERM_LIMIT: usize = 12;

/// How much longer `(I + K)·A` may be than `A + K·A`: it is the form readers know.
const COMMUTATION_BONUS: u32 = 4;

/// A term `number · scalars · chain` of a sum.
#[derive(Clone, Debug, PartialEq)]
struct Term {
    number: Rational,
    scalars: Vec<(M, Rational)>,
    chain: Vec<M>,
}

impl Printer<'_> {
    /// A sum of matrices with common factors of its Kronecker products taken out, where that is no longer.
    pub(super) fn common_factors(&mut self, sum: M) -> M {
        if self.kronecker_terms(sum).is_none() {
            return sum;
        }
        let first = self.merged(sum, COMMUTATION_BONUS);
        // (I + K) taken out of every pair may let the pairs meet
        let second = self.merged(sum, 10 * COMMUTATION_BONUS);
        let most = self.arena.length(sum) + COMMUTATION_BONUS;
        if self.arena.length(second) < self.arena.length(first).min(most) { second } else { first }
    }

    /// Terms joined two by two, the best pair first, as long as that is no longer; `(I + K)` may be this much longer.
    fn merged(&mut self, sum: M, bonus: u32) -> M {
        let mut current = sum;
        for _ in 0..TERM_LIMIT {
            let Some((outer, terms)) = self.kronecker_terms(current) else { return current };
            let mut best: Option<(u32, M)> = None;
            for j in 1..terms.len() {
                for i in 0..j {
                    for (joined, known) in self.joined(&terms[i], &terms[j]) {
                        let mut rest = terms.clone();
                        rest.remove(j);
                        rest[i] = joined;
                        let candidate = self.sum_of(&outer, &rest);
                        let length = self.arena.length(candidate).saturating_sub(if known { bonus } else { 0 });
                        if best.is_none_or(|(least, _)| length < least) {
                            best = Some((length, candidate));
                        }
                    }
                }
            }
            match best {
                Some((length, candidate)) if length <= self.arena.length(current) && candidate != current => {
                    current = candidate;
                }
                _ => return current,
            }
        }
        current
    }

    /// vec(A) + vec(B) as vec(A + B).
    pub(super) fn sum_of_vecs(&mut self, sum: M) -> M {
        let Kind::Sum(terms) = self.arena.kind(sum).clone() else { return sum };
        let mut inner: Vec<(Rational, M)> = Vec::with_capacity(terms.len());
        let mut rows = None;
        for (c, m) in terms {
            let Term { number, scalars, chain } = self.term(&c, m);
            let [only] = chain.as_slice() else { return sum };
            let Some([matrix]) = self.arena.call_args(*only, "vec") else { return sum };
            let matrix = *matrix;
            // of m×n and n×m matrices there is no sum
            let here = self.arena.vec_rows.get(only).copied();
            if rows.is_some() && here.is_some() && rows != here {
                return sum;
            }
            rows = rows.or(here);
            inner.push((number, self.arena.product(Rational::ONE, scalars, vec![matrix])));
        }
        let inner = self.arena.sum(inner, Form::Matrix);
        let joined = self.arena.vec(inner);
        if self.arena.length(joined) <= self.arena.length(sum) { joined } else { sum }
    }

    /// The number in front of a sum and its terms, where Kronecker products or commutation matrices are among them.
    fn kronecker_terms(&self, sum: M) -> Option<(Rational, Vec<Term>)> {
        let (outer, terms) = match self.arena.kind(sum) {
            Kind::Sum(terms) => (Rational::ONE, terms),
            Kind::Product { number, scalars, chain } if scalars.is_empty() => match chain.as_slice() {
                [only] => match self.arena.kind(*only) {
                    Kind::Sum(terms) => (number.clone(), terms),
                    _ => return None,
                },
                _ => return None,
            },
            _ => return None,
        };
        if terms.len() > TERM_LIMIT || terms.iter().any(|(_, m)| self.arena.form(*m) == Form::Scalar) {
            return None;
        }
        let terms: Vec<Term> = terms.iter().map(|(c, m)| self.term(c, *m)).collect();
        let fused = |m: &M| matches!(self.arena.kind(*m), Kind::Kron(..)) || self.arena.is_call(*m, "commutation");
        terms.iter().any(|t| t.chain.iter().any(fused)).then_some((outer, terms))
    }

    fn term(&self, c: &Rational, m: M) -> Term {
        match self.arena.kind(m) {
            Kind::Product { number, scalars, chain } => {
                Term { number: c * number, scalars: scalars.clone(), chain: chain.clone() }
            }
            _ => Term { number: c.clone(), scalars: Vec::new(), chain: vec![m] },
        }
    }

    fn sum_of(&mut self, outer: &Rational, terms: &[Term]) -> M {
        let terms: Vec<(Rational, M)> = terms
            .iter()
            .map(|t| (outer * &t.number, self.arena.product(Rational::ONE, t.scalars.clone(), t.chain.clone())))
            .collect();
        self.arena.sum(terms, Form::Matrix)
    }

    /// Ways to write two terms as one, and whether it is the form with I + K that readers know.
    fn joined(&mut self, a: &Term, b: &Term) -> Vec<(Term, bool)> {
        let mut found = Vec::new();
        if a.scalars != b.scalars {
            return found;
        }
        let (left, right) = (self.alternatives(&a.chain), self.alternatives(&b.chain));
        for x in &left {
            for y in &right {
                found.extend(self.with_commutation(a, b, x, y).map(|t| (t, true)));
                found.extend(self.with_commutation(b, a, y, x).map(|t| (t, true)));
                found.extend(self.with_common_slot(a, b, x, y).map(|t| (t, false)));
                found.extend(self.with_common_ends(a, b, x, y).map(|t| (t, false)));
            }
        }
        found
    }

    /// The chain, and the chain with a commutation matrix moved through a Kronecker product.
    fn alternatives(&mut self, chain: &[M]) -> Vec<Vec<M>> {
        let mut found = vec![chain.to_vec()];
        for k in 1..chain.len() {
            let (first, second) = (chain[k - 1], chain[k]);
            let moved = match (self.arena.kind(first).clone(), self.arena.kind(second).clone()) {
                (Kind::Kron(a, b), Kind::Call(name, _, args)) if &*name == "commutation" => {
                    let sizes = self.arena.extent(a).zip(self.arena.extent(b));
                    sizes.filter(|(a, b)| args == [a.1, b.1]).map(|(m, p)| {
                        let swap = self.arena.call("commutation", &[m.0, p.0], Form::Matrix);
                        [swap, self.arena.kron(b, a)]
                    })
                }
                (Kind::Call(name, _, args), Kind::Kron(a, b)) if &*name == "commutation" => {
                    let sizes = self.arena.extent(a).zip(self.arena.extent(b));
                    sizes.filter(|(a, b)| args == [b.0, a.0]).map(|(m, p)| {
                        let swap = self.arena.call("commutation", &[p.1, m.1], Form::Matrix);
                        [self.arena.kron(b, a), swap]
                    })
                }
                _ => None,
            };
            if let Some(moved) = moved {
                let mut other = chain.to_vec();
                other.splice(k - 1..=k, moved);
                found.push(other);
            }
        }
        found
    }

    /// L·R and L·K·R as L·(I + K)·R.
    fn with_commutation(&mut self, a: &Term, b: &Term, x: &[M], y: &[M]) -> Option<Term> {
        if y.len() != x.len() + 1 || a.number.abs() != b.number.abs() {
            return None;
        }
        let at = (0..y.len()).find(|k| y[..*k] == x[..*k] && y[k + 1..] == x[*k..])?;
        let [m, n] = *self.arena.call_args(y[at], "commutation")? else { return None };
        let size = self.arena.product(Rational::ONE, vec![(m, Rational::ONE), (n, Rational::ONE)], Vec::new());
        let eye = self.arena.call("eye", &[size], Form::Matrix);
        let sign = if a.number == b.number { Rational::ONE } else { Rational::int(-1) };
        let both = self.arena.sum(vec![(Rational::ONE, eye), (sign, y[at])], Form::Matrix);
        let mut chain = y.to_vec();
        chain[at] = both;
        Some(Term { number: a.number.clone(), scalars: a.scalars.clone(), chain })
    }

    /// A ⊗ B + A ⊗ C as A ⊗ (B + C), within equal chains.
    fn with_common_slot(&mut self, a: &Term, b: &Term, x: &[M], y: &[M]) -> Option<Term> {
        if x.len() != y.len() {
            return None;
        }
        let mut unlike = (0..x.len()).filter(|k| x[*k] != y[*k]);
        let at = unlike.next()?;
        if unlike.next().is_some() {
            return None;
        }
        let (&Kind::Kron(p, q), &Kind::Kron(r, s)) = (self.arena.kind(x[at]), self.arena.kind(y[at])) else {
            return None;
        };
        let (one, other) = if p == r {
            (q, s)
        } else if q == s {
            (p, r)
        } else {
            return None;
        };
        if self.arena.form(one) != self.arena.form(other) {
            return None;
        }
        let ratio = &b.number * &a.number.recip()?;
        let inner = self.arena.sum(vec![(Rational::ONE, one), (ratio, other)], self.arena.form(one));
        let inner = self.common_factors(inner);
        if self.arena.lost_its_size(inner) {
            return self.cancelled(inner, x);
        }
        if let Some(extent) = self.arena.extent(one) {
            self.arena.set_extent(inner, extent);
        }
        let kron = if p == r { self.arena.kron(p, inner) } else { self.arena.kron(inner, q) };
        let mut chain = x.to_vec();
        chain[at] = kron;
        Some(Term { number: a.number.clone(), scalars: a.scalars.clone(), chain })
    }

    /// L·A·R + L·B·R as L·(A + B)·R.
    fn with_common_ends(&mut self, a: &Term, b: &Term, x: &[M], y: &[M]) -> Option<Term> {
        let shorter = x.len().min(y.len());
        let left = (0..shorter).take_while(|k| x[*k] == y[*k]).count();
        let right = (0..shorter - left).take_while(|k| x[x.len() - 1 - k] == y[y.len() - 1 - k]).count();
        let (inner_x, inner_y) = (&x[left..x.len() - right], &y[left..y.len() - right]);
        if left + right == 0 || inner_x.is_empty() || inner_y.is_empty() {
            return None;
        }
        let ratio = &b.number * &a.number.recip()?;
        let inner_x = self.arena.product(Rational::ONE, Vec::new(), inner_x.to_vec());
        let inner_y = self.arena.product(Rational::ONE, Vec::new(), inner_y.to_vec());
        if self.arena.form(inner_x) != self.arena.form(inner_y) {
            return None;
        }
        let form = self.arena.form(inner_x);
        let inner = self.arena.sum(vec![(Rational::ONE, inner_x), (ratio, inner_y)], form);
        let inner = self.common_factors(inner);
        if self.arena.lost_its_size(inner) {
            return self.cancelled(inner, x);
        }
        let mut chain = x[..left].to_vec();
        chain.push(inner);
        chain.extend(&x[x.len() - right..]);
        Some(Term { number: a.number.clone(), scalars: a.scalars.clone(), chain })
    }

    /// Two terms whose unlike parts are 0 together.
    fn cancelled(&self, inner: M, chain: &[M]) -> Option<Term> {
        let is_zero = matches!(self.arena.kind(inner), Kind::Number(zero) if zero.is_zero());
        is_zero.then(|| Term { number: Rational::ZERO, scalars: Vec::new(), chain: chain.to_vec() })
    }
}
