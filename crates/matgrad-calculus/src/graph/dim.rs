//! Dimensions: polynomials in dimension names with exact coefficients, interned so that equal ones are one id.

use std::collections::BTreeMap;
use std::sync::Arc;

use matgrad_syntax::{Name, Rational};
use rustc_hash::FxHashMap;

/// A dimension of an axis: an interned polynomial such as `3`, `n`, `n + 1` or `m*n`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Dim(pub(crate) u32);

impl Dim {
    /// Marks a label that is not in use.
    pub(crate) const NONE: Dim = Dim(u32::MAX);
}

/// A dimension name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DimSymbol(pub(crate) u32);

/// A product of dimension names with their powers, sorted by name id.
pub type DimMonomial = Vec<(DimSymbol, u32)>;

/// A polynomial: sorted monomials with non-zero coefficients; a number has only the empty monomial, 0 has none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct DimPoly(pub Vec<(DimMonomial, Rational)>);

/// All dimensions of one problem.
#[derive(Clone, Debug, Default)]
pub struct DimTable {
    polys: Vec<DimPoly>,
    index: FxHashMap<DimPoly, Dim>,
    symbols: Vec<Name>,
    minima: FxHashMap<DimSymbol, (Dim, Dim)>,
    by_name: FxHashMap<Name, DimSymbol>,
}

impl DimTable {
    fn intern(&mut self, poly: DimPoly) -> Dim {
        if let Some(&dim) = self.index.get(&poly) {
            return dim;
        }
        let dim = Dim(self.polys.len() as u32);
        self.polys.push(poly.clone());
        self.index.insert(poly, dim);
        dim
    }

    /// The dimension with this polynomial (monomials in any order).
    pub fn from_poly(&mut self, poly: DimPoly) -> Dim {
        let mut terms: BTreeMap<DimMonomial, Rational> = BTreeMap::new();
        for (monomial, coefficient) in poly.0 {
            let entry = terms.entry(monomial).or_insert(Rational::ZERO);
            *entry = &*entry + &coefficient;
        }
        self.intern(DimPoly(terms.into_iter().filter(|(_, c)| !c.is_zero()).collect()))
    }

    /// A whole number.
    pub fn constant(&mut self, value: i64) -> Dim {
        self.rational(Rational::int(value))
    }

    fn rational(&mut self, value: Rational) -> Dim {
        self.intern(DimPoly(if value.is_zero() { vec![] } else { vec![(vec![], value)] }))
    }

    /// The id of a dimension name.
    pub fn symbol_id(&mut self, name: &str) -> DimSymbol {
        if let Some(&symbol) = self.by_name.get(name) {
            return symbol;
        }
        let symbol = DimSymbol(self.symbols.len() as u32);
        let name: Name = Arc::from(name);
        self.symbols.push(name.clone());
        self.by_name.insert(name, symbol);
        symbol
    }

    /// The dimension that is just a name.
    pub fn symbol(&mut self, name: &str) -> Dim {
        let symbol = self.symbol_id(name);
        self.intern(DimPoly(vec![(vec![(symbol, 1)], Rational::ONE)]))
    }

    /// The smaller of two dimensions: a number where both are, otherwise a name of its own, `min(m,n)`.
    pub fn min(&mut self, a: Dim, b: Dim) -> Dim {
        if a == b {
            return a;
        }
        if let (Some(x), Some(y)) = (self.value(a), self.value(b)) {
            return if x <= y { a } else { b };
        }
        let (a, b) = (a.min(b), a.max(b));
        let name = format!("min({},{})", self.text(a), self.text(b));
        let symbol = self.symbol_id(&name);
        self.minima.insert(symbol, (a, b));
        self.symbol(&name)
    }

    /// The two dimensions of which a name made by [`DimTable::min`] is the smaller.
    pub fn minimum(&self, symbol: DimSymbol) -> Option<(Dim, Dim)> {
        self.minima.get(&symbol).copied()
    }

    /// Whether the name is a dimension name here.
    pub fn has_symbol(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    /// The name of a symbol.
    pub fn name(&self, symbol: DimSymbol) -> &Name {
        &self.symbols[symbol.0 as usize]
    }

    /// The polynomial of a dimension.
    pub fn poly(&self, dim: Dim) -> &DimPoly {
        &self.polys[dim.0 as usize]
    }

    /// The number, where the dimension is one.
    pub fn value(&self, dim: Dim) -> Option<i64> {
        match self.poly(dim).0.as_slice() {
            [] => Some(0),
            [(monomial, c)] if monomial.is_empty() => c.to_i64(),
            _ => None,
        }
    }

    /// Whether the dimension is the number 1.
    pub fn is_one(&self, dim: Dim) -> bool {
        self.value(dim) == Some(1)
    }

    /// Whether a form in sizes is 0 or more whatever they are, each of them 1 or more; false where that is not seen.
    ///
    /// ```
    /// # use matgrad_calculus::graph::DimTable;
    /// let mut sizes = DimTable::default();
    /// let (n, one, two) = (sizes.symbol("n"), sizes.constant(1), sizes.constant(2));
    /// let (less, least) = (sizes.sub(n, two), sizes.sub(n, one));
    /// assert!(sizes.is_nonnegative(least) && !sizes.is_nonnegative(less));
    /// ```
    pub fn is_nonnegative(&self, dim: Dim) -> bool {
        let mut at_ones = Rational::ZERO;
        for (monomial, c) in &self.poly(dim).0 {
            if c.is_negative() && !monomial.is_empty() {
                return false;
            }
            at_ones = &at_ones + c;
        }
        !at_ones.is_negative()
    }

    /// `a + b`.
    pub fn add(&mut self, a: Dim, b: Dim) -> Dim {
        let mut terms = self.poly(a).0.clone();
        terms.extend(self.poly(b).0.iter().cloned());
        self.from_poly(DimPoly(terms))
    }

    /// `factor * a`.
    pub fn scale(&mut self, a: Dim, factor: &Rational) -> Dim {
        let terms = self.poly(a).0.iter().map(|(m, c)| (m.clone(), c * factor)).collect();
        self.from_poly(DimPoly(terms))
    }

    /// `a - b`.
    pub fn sub(&mut self, a: Dim, b: Dim) -> Dim {
        let minus = self.scale(b, &Rational::int(-1));
        self.add(a, minus)
    }

    /// `a * b`.
    pub fn mul(&mut self, a: Dim, b: Dim) -> Dim {
        let mut terms = Vec::new();
        for (ma, ca) in &self.poly(a).0 {
            for (mb, cb) in &self.poly(b).0 {
                let mut monomial: BTreeMap<DimSymbol, u32> = ma.iter().copied().collect();
                for (symbol, power) in mb {
                    *monomial.entry(*symbol).or_insert(0) += power;
                }
                terms.push((monomial.into_iter().collect(), ca * cb));
            }
        }
        self.from_poly(DimPoly(terms))
    }

    /// `n*(n+1)/2`, the number of free entries of a symmetric matrix.
    pub fn triangle(&mut self, n: Dim) -> Dim {
        let one = self.constant(1);
        let next = self.add(n, one);
        let product = self.mul(n, next);
        self.scale(product, &Rational::new(1, 2))
    }

    /// The dimension with names replaced by dimensions.
    pub fn substitute(&mut self, dim: Dim, map: &dyn Fn(DimSymbol) -> Option<Dim>) -> Dim {
        let poly = self.poly(dim).clone();
        let mut sum = self.constant(0);
        for (monomial, coefficient) in poly.0 {
            let mut product = self.rational(coefficient);
            for (symbol, power) in monomial {
                let value = match map(symbol) {
                    Some(value) => value,
                    None => self.intern(DimPoly(vec![(vec![(symbol, 1)], Rational::ONE)])),
                };
                for _ in 0..power {
                    product = self.mul(product, value);
                }
            }
            sum = self.add(sum, product);
        }
        sum
    }

    /// The number a dimension stands for when each name has a size; `None` where a name is missing or the value is no
    /// whole number at least 0.
    pub fn evaluate(&self, dim: Dim, sizes: &BTreeMap<Name, usize>) -> Option<usize> {
        let mut sum = Rational::ZERO;
        for (monomial, coefficient) in &self.poly(dim).0 {
            let mut product = coefficient.clone();
            for (symbol, power) in monomial {
                let size = match self.minima.get(symbol) {
                    // the operands of a minimum were made before it, so this ends
                    Some(&(a, b)) => self.evaluate(a, sizes)?.min(self.evaluate(b, sizes)?),
                    None => *sizes.get(self.name(*symbol))?,
                };
                let size = i64::try_from(size).ok()?;
                product = &product * &Rational::int(size).powi(i64::from(*power))?;
            }
            sum = &sum + &product;
        }
        usize::try_from(sum.to_i64()?).ok()
    }

    /// The dimension as text of the language, in the order people write: `n + 1`, `m*n`.
    pub fn text(&self, dim: Dim) -> String {
        let mut terms: Vec<&(DimMonomial, Rational)> = self.poly(dim).0.iter().collect();
        terms.sort_by_key(|(m, _)| std::cmp::Reverse(m.iter().map(|(_, p)| *p).sum::<u32>()));
        let mut out = String::new();
        for (monomial, coefficient) in terms {
            let magnitude = coefficient.abs();
            let sign = if coefficient.is_negative() { "-" } else { "+" };
            if !out.is_empty() {
                out.push_str(sign);
            } else if sign == "-" {
                out.push('-');
            }
            let mut factors = Vec::new();
            let (numerator, denominator) = magnitude.parts();
            if numerator != "1" || monomial.is_empty() {
                factors.push(numerator);
            }
            for (symbol, power) in monomial {
                let name = self.name(*symbol);
                factors.push(if *power == 1 { name.to_string() } else { format!("{name}^{power}") });
            }
            out.push_str(&factors.join("*"));
            if denominator != "1" {
                out.push('/');
                out.push_str(&denominator);
            }
        }
        if out.is_empty() { "0".into() } else { out }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polynomials_are_one_id() {
        let mut t = DimTable::default();
        let (n, one) = (t.symbol("n"), t.constant(1));
        let a = t.add(n, one);
        let b = t.add(one, n);
        assert_eq!(a, b);
        assert_eq!(t.text(a), "n+1");
        let square = t.mul(a, n);
        assert_eq!(t.text(square), "n^2+n");
        let tri = t.triangle(n);
        assert_eq!(t.evaluate(tri, &[("n".into(), 3)].into()), Some(6));
        assert_eq!(t.sub(a, one), n);
    }
}
