//! Dimensions while they are being found out: unknowns, and their unification over integer polynomials.
//!
//! Declared dimension names are rigid, everything else starts as an unknown. An equation is solved for an unknown that
//! occurs in it linearly and nowhere else; one that cannot be solved yet waits until more is known.

use matgrad_syntax::{ExprId, Rational};
use rustc_hash::FxHashMap;

use super::term::{IndexId, VariableId};
use crate::graph::{Dim, DimMonomial, DimPoly, DimSymbol, DimTable};

/// An unknown dimension, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct UnknownId(u32);

/// Where an unknown comes from: who names it, or complains, where nothing fixes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// An axis of an undeclared variable.
    Variable(VariableId),
    /// An identity whose size its surroundings give.
    Identity(ExprId),
    /// `vector(1)`, `matrix(1)`.
    Filler(ExprId),
    /// The range of an index.
    Index(IndexId),
    /// A zero among blocks: 1×1 where nothing else is said.
    Zero,
}

#[derive(Clone, Debug)]
struct Unknown {
    symbol: DimSymbol,
    dim: Dim,
    value: Option<Dim>,
    origin: Origin,
}

#[derive(Clone, Copy, Debug)]
enum SymbolKind {
    Rigid,
    Unknown(UnknownId),
    Min(Dim, Dim),
}

/// Two dimensions that differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Clash;

/// The dimensions of one inference.
#[derive(Clone, Debug, Default)]
pub(super) struct Dimensions {
    pub table: DimTable,
    kinds: Vec<SymbolKind>,
    unknowns: Vec<Unknown>,
    minima: FxHashMap<(Dim, Dim), Dim>,
    waiting: Vec<(Dim, Dim, ExprId)>,
    rigid: Vec<matgrad_syntax::Name>,
}

impl Dimensions {
    fn kind(&self, symbol: DimSymbol) -> SymbolKind {
        self.kinds.get(symbol.0 as usize).copied().unwrap_or(SymbolKind::Rigid)
    }

    fn set_kind(&mut self, symbol: DimSymbol, kind: SymbolKind) {
        let at = symbol.0 as usize;
        if self.kinds.len() <= at {
            self.kinds.resize(at + 1, SymbolKind::Rigid);
        }
        self.kinds[at] = kind;
    }

    /// A whole number.
    pub fn number(&mut self, value: i64) -> Dim {
        self.table.constant(value)
    }

    /// A declared name.
    pub fn named(&mut self, name: &str) -> Dim {
        if !self.table.has_symbol(name) {
            self.rigid.push(name.into());
        }
        self.table.symbol(name)
    }

    /// Whether this is a declared dimension name.
    pub fn is_name(&self, name: &str) -> bool {
        self.table.has_symbol(name)
    }

    /// The declared names, in the order in which they were met.
    pub fn names(&self) -> &[matgrad_syntax::Name] {
        &self.rigid
    }

    /// A new unknown.
    pub fn unknown(&mut self, origin: Origin) -> Dim {
        let id = UnknownId(self.unknowns.len() as u32);
        let name = format!("?{}", id.0); // no dimension name of the language looks like this
        let (symbol, dim) = (self.table.symbol_id(&name), self.table.symbol(&name));
        self.set_kind(symbol, SymbolKind::Unknown(id));
        self.unknowns.push(Unknown { symbol, dim, value: None, origin });
        dim
    }

    /// The smaller of two dimensions; a name of its own where that is not known.
    pub fn min(&mut self, a: Dim, b: Dim) -> Dim {
        let (a, b) = (self.resolve(a), self.resolve(b));
        if a == b {
            return a;
        }
        if let (Some(x), Some(y)) = (self.table.value(a), self.table.value(b)) {
            return if x < y { a } else { b };
        }
        if self.table.is_one(a) || self.table.is_one(b) {
            return self.number(1);
        }
        let key = (a.min(b), a.max(b));
        if let Some(&known) = self.minima.get(&key) {
            return known;
        }
        let name = format!("?min{}", self.minima.len());
        let (symbol, dim) = (self.table.symbol_id(&name), self.table.symbol(&name));
        self.set_kind(symbol, SymbolKind::Min(a, b));
        self.minima.insert(key, dim);
        dim
    }

    /// The dimension with everything put in that is known by now.
    pub fn resolve(&mut self, dim: Dim) -> Dim {
        let mut dim = dim;
        while let Some(next) = self.step(dim) {
            dim = next;
        }
        dim
    }

    /// One round of putting in values; `None` where there are none.
    fn step(&mut self, dim: Dim) -> Option<Dim> {
        if let Some(id) = self.lone_unknown(dim) {
            let value = self.unknowns[id.0 as usize].value?;
            // shorten the way for the next time
            if let Some(next) = self.lone_unknown(value).and_then(|v| self.unknowns[v.0 as usize].value) {
                self.unknowns[id.0 as usize].value = Some(next);
                return Some(next);
            }
            return Some(value);
        }
        let known = |s: &DimSymbol| match self.kind(*s) {
            SymbolKind::Unknown(id) => self.unknowns[id.0 as usize].value.is_some(),
            SymbolKind::Min(a, b) => self.table.value(a).is_some() && self.table.value(b).is_some(),
            SymbolKind::Rigid => false,
        };
        if !self.table.poly(dim).0.iter().any(|(m, _)| m.iter().any(|(s, _)| known(s))) {
            return None;
        }
        let (kinds, unknowns) = (&self.kinds, &self.unknowns);
        let map = |s: DimSymbol| match kinds.get(s.0 as usize) {
            Some(SymbolKind::Unknown(id)) => unknowns[id.0 as usize].value,
            _ => None,
        };
        Some(self.table.substitute(dim, &map))
    }

    /// The unknown that a dimension is, alone.
    fn lone_unknown(&self, dim: Dim) -> Option<UnknownId> {
        let [(monomial, c)] = self.table.poly(dim).0.as_slice() else { return None };
        let [(symbol, 1)] = monomial.as_slice() else { return None };
        match self.kind(*symbol) {
            SymbolKind::Unknown(id) if c.is_one() => Some(id),
            _ => None,
        }
    }

    /// Whether a resolved dimension has unknowns in it.
    pub fn is_open(&self, dim: Dim) -> bool {
        let open = |s: DimSymbol| match self.kind(s) {
            SymbolKind::Unknown(_) => true,
            SymbolKind::Min(a, b) => [a, b].iter().any(|d| self.lone_unknown(*d).is_some()),
            SymbolKind::Rigid => false,
        };
        self.table.poly(dim).0.iter().any(|(m, _)| m.iter().any(|(s, _)| open(*s)))
    }

    /// The number, where it is known to be one.
    pub fn value(&mut self, dim: Dim) -> Option<i64> {
        let dim = self.resolve(dim);
        self.table.value(dim)
    }

    /// Whether it is known to be 1.
    pub fn is_one(&mut self, dim: Dim) -> bool {
        self.value(dim) == Some(1)
    }

    /// Makes two dimensions equal.
    pub fn unify(&mut self, a: Dim, b: Dim, at: ExprId) -> Result<(), Clash> {
        if a == b {
            return Ok(());
        }
        let (a, b) = (self.resolve(a), self.resolve(b));
        if a == b {
            return Ok(());
        }
        match (self.lone_unknown(a), self.lone_unknown(b)) {
            (Some(x), Some(y)) => {
                // the younger one follows the older one, and an axis of a variable is what the others follow
                let (x_own, y_own) = (self.is_variable(x), self.is_variable(y));
                let follow = if x_own == y_own { x > y } else { y_own };
                return if follow { self.bind(x, b) } else { self.bind(y, a) };
            }
            (Some(x), None) if !self.occurs(x, b) => return self.bind(x, b),
            (None, Some(y)) if !self.occurs(y, a) => return self.bind(y, a),
            _ => {}
        }
        let difference = self.table.sub(a, b);
        let difference = self.without_common_factor(difference);
        match self.solve(difference)? {
            Some((id, value)) => self.bind(id, value),
            None => {
                self.waiting.push((a, b, at));
                Ok(())
            }
        }
    }

    fn is_variable(&self, id: UnknownId) -> bool {
        matches!(self.unknowns[id.0 as usize].origin, Origin::Variable(_))
    }

    fn occurs(&self, id: UnknownId, dim: Dim) -> bool {
        let symbol = self.unknowns[id.0 as usize].symbol;
        self.table.poly(dim).0.iter().any(|(m, _)| m.iter().any(|(s, _)| *s == symbol))
    }

    fn bind(&mut self, id: UnknownId, value: Dim) -> Result<(), Clash> {
        let least = if self.is_variable(id) { 2 } else { 1 }; // a vector or matrix nobody declared is no scalar
        if self.table.value(value).is_some_and(|v| v < least) {
            return Err(Clash);
        }
        // `1 - n` is no size, whatever n
        let mut symbolic = self.table.poly(value).0.iter().filter(|(m, _)| !m.is_empty()).peekable();
        if symbolic.peek().is_some() && symbolic.all(|(_, c)| c.is_negative()) {
            return Err(Clash);
        }
        self.unknowns[id.0 as usize].value = Some(value);
        Ok(())
    }

    /// Divides by the names that all terms share: dimensions are not 0.
    fn without_common_factor(&mut self, dim: Dim) -> Dim {
        let poly = self.table.poly(dim).clone();
        let Some((first, _)) = poly.0.first() else { return dim };
        let mut common: DimMonomial = first.clone();
        for (monomial, _) in &poly.0 {
            common.retain_mut(|(symbol, power)| {
                let here = monomial.iter().find(|(s, _)| s == symbol).map_or(0, |(_, p)| *p);
                *power = (*power).min(here);
                *power > 0
            });
        }
        if common.is_empty() {
            return dim;
        }
        let terms = poly.0.into_iter().map(|(monomial, c)| {
            let power = |s: &DimSymbol| common.iter().find(|(t, _)| t == s).map_or(0, |(_, p)| *p);
            let rest = monomial.into_iter().map(|(s, p)| (s, p - power(&s))).filter(|(_, p)| *p > 0).collect();
            (rest, c)
        });
        let terms = terms.collect();
        self.table.from_poly(DimPoly(terms))
    }

    /// Solves `difference = 0` for an unknown that occurs once, linearly. `None`: it has to wait.
    fn solve(&mut self, difference: Dim) -> Result<Option<(UnknownId, Dim)>, Clash> {
        let poly = self.table.poly(difference).clone();
        let mut best: Option<(UnknownId, Rational)> = None;
        let mut open = false;
        for (monomial, c) in &poly.0 {
            for (symbol, power) in monomial {
                let SymbolKind::Unknown(id) = self.kind(*symbol) else { continue };
                open = true;
                let alone = monomial.len() == 1 && *power == 1;
                let elsewhere = poly.0.iter().filter(|(m, _)| m.iter().any(|(s, _)| s == symbol)).count() > 1;
                let better = best.as_ref().is_none_or(|(other, _)| id > *other);
                if alone && !elsewhere && better && (c.is_one() || c.is_minus_one() || best.is_none()) {
                    best = Some((id, c.clone()));
                }
            }
        }
        let Some((id, c)) = best else {
            return if open || self.has_open_minimum(difference) { Ok(None) } else { Err(Clash) };
        };
        let symbol = self.unknowns[id.0 as usize].symbol;
        let factor = match c.recip() {
            Some(r) => -r,
            None => return Err(Clash),
        };
        let rest: Vec<(DimMonomial, Rational)> = poly
            .0
            .iter()
            .filter(|(m, _)| !m.iter().any(|(s, _)| *s == symbol))
            .map(|(m, d)| (m.clone(), d * &factor))
            .collect();
        if !(c.is_one() || c.is_minus_one()) && rest.iter().any(|(_, d)| !d.is_integer()) {
            return Err(Clash);
        }
        Ok(Some((id, self.table.from_poly(DimPoly(rest)))))
    }

    fn has_open_minimum(&self, dim: Dim) -> bool {
        self.table.poly(dim).0.iter().any(|(m, _)| {
            m.iter().any(|(s, _)| match self.kind(*s) {
                SymbolKind::Min(a, b) => self.is_open(a) || self.is_open(b),
                _ => false,
            })
        })
    }

    /// Takes up the equations that had to wait. What clashes, or waits still, is returned.
    pub fn settle(&mut self) -> Vec<(Dim, Dim, ExprId)> {
        loop {
            let waiting = std::mem::take(&mut self.waiting);
            if waiting.is_empty() {
                return Vec::new();
            }
            let before = waiting.len();
            let mut clashes = Vec::new();
            for (a, b, at) in waiting {
                if self.unify(a, b, at).is_err() {
                    clashes.push((a, b, at));
                }
            }
            if !clashes.is_empty() || self.waiting.len() == before {
                clashes.append(&mut self.waiting);
                return clashes;
            }
        }
    }

    /// The unknowns that nothing fixed, with their origins.
    pub fn unsolved(&self) -> Vec<(Dim, Origin)> {
        self.unknowns.iter().filter(|u| u.value.is_none()).map(|u| (u.dim, u.origin)).collect()
    }

    /// The unknowns of a resolved dimension.
    pub fn unknowns_of(&self, dim: Dim) -> Vec<Dim> {
        let symbols = self.table.poly(dim).0.iter().flat_map(|(m, _)| m.iter().map(|(s, _)| *s));
        let mut found: Vec<Dim> = symbols
            .filter_map(|s| match self.kind(s) {
                SymbolKind::Unknown(id) => Some(self.unknowns[id.0 as usize].dim),
                _ => None,
            })
            .collect();
        found.dedup();
        found
    }

    /// Gives an unknown its value without further questions.
    pub fn assign(&mut self, unknown: Dim, value: Dim) {
        if let Some(id) = self.lone_unknown(unknown) {
            self.unknowns[id.0 as usize].value = Some(value);
        }
    }

    /// As text; an unknown is `_`.
    pub fn text(&mut self, dim: Dim) -> String {
        let dim = self.resolve(dim);
        if !self
            .table
            .poly(dim)
            .0
            .iter()
            .any(|(m, _)| m.iter().any(|(s, _)| !matches!(self.kind(*s), SymbolKind::Rigid)))
        {
            return self.table.text(dim);
        }
        if self.lone_unknown(dim).is_some() {
            return "_".into();
        }
        let (kinds, mut plain) = (&self.kinds, self.table.clone());
        let blank = plain.symbol("_");
        let map = |s: DimSymbol| match kinds.get(s.0 as usize) {
            Some(SymbolKind::Unknown(_) | SymbolKind::Min(..)) => Some(blank),
            _ => None,
        };
        let shown = plain.substitute(dim, &map);
        plain.text(shown)
    }

    /// The dimension in another table, where everything is known.
    pub fn export(&mut self, dim: Dim, to: &mut DimTable) -> Dim {
        let dim = self.resolve(dim);
        if let Some(value) = self.table.value(dim) {
            return to.constant(value);
        }
        let poly = self.table.poly(dim).clone();
        let mut sum = to.constant(0);
        for (monomial, c) in poly.0 {
            let one = to.constant(1);
            let mut product = to.scale(one, &c);
            for (symbol, power) in monomial {
                let factor = match self.kind(symbol) {
                    SymbolKind::Min(a, b) => self.export_min(a, b, to),
                    _ => to.symbol(self.table.name(symbol)),
                };
                for _ in 0..power {
                    product = to.mul(product, factor);
                }
            }
            sum = to.add(sum, product);
        }
        sum
    }

    /// Minima are at most a few deep: each is of dimensions of one matrix.
    fn export_min(&mut self, a: Dim, b: Dim, to: &mut DimTable) -> Dim {
        let (a, b) = (self.resolve(a), self.resolve(b));
        let plain = |me: &Self, d: Dim| {
            let poly = &me.table.poly(d).0;
            !poly.iter().any(|(m, _)| m.iter().any(|(s, _)| matches!(me.kind(*s), SymbolKind::Min(..))))
        };
        if plain(self, a) && plain(self, b) {
            let (a, b) = (self.export(a, to), self.export(b, to));
            return to.min(a, b);
        }
        let name = format!("min({},{})", self.table.text(a), self.table.text(b));
        to.symbol(&name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: ExprId = ExprId(0);

    #[test]
    fn linear_equations_are_solved() {
        let mut d = Dimensions::default();
        let (n, one) = (d.named("n"), d.number(1));
        let u = d.unknown(Origin::Zero);
        let next = d.table.add(u, one);
        assert!(d.unify(next, n, AT).is_ok());
        assert_eq!(d.text(u), "n-1");
        let (m, v) = (d.named("m"), d.unknown(Origin::Zero));
        let (left, right) = (d.table.mul(m, v), d.table.mul(m, n));
        assert!(d.unify(left, right, AT).is_ok());
        assert_eq!(d.text(v), "n");
        assert_eq!(d.unify(m, n, AT), Err(Clash));
    }

    #[test]
    fn an_equation_waits_for_what_it_needs() {
        let mut d = Dimensions::default();
        let (a, b, six) = (d.unknown(Origin::Zero), d.unknown(Origin::Zero), d.number(6));
        let product = d.table.mul(a, b);
        assert!(d.unify(product, six, AT).is_ok());
        let two = d.number(2);
        assert!(d.unify(a, two, AT).is_ok());
        assert!(d.settle().is_empty());
        assert_eq!(d.text(b), "3");
    }

    #[test]
    fn long_chains_of_unknowns_resolve() {
        let mut d = Dimensions::default();
        let first = d.unknown(Origin::Zero);
        let mut last = first;
        for _ in 0..1000 {
            let next = d.unknown(Origin::Zero);
            assert!(d.unify(last, next, AT).is_ok());
            last = next;
        }
        let n = d.named("n");
        assert!(d.unify(last, n, AT).is_ok());
        assert_eq!(d.text(first), "n");
    }
}
