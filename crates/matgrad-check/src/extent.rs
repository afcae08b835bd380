//! Sizes of axes as polynomials of dimension names, and the choice of numbers for the names.

use std::collections::BTreeMap;

use matgrad_syntax::{Ast, BinaryOp, ExprId, ExprKind, Name, Rational};

/// Longer polynomials are no dimension anybody writes.
const MAX_TERMS: usize = 64;

/// With more names than this, sizes repeat: a network of a hundred layers need not grow to a hundred rows.
const DISTINCT: usize = 7;

/// The size of an axis: a polynomial of dimension names, such as `n + 1` or `m*n`.
#[derive(Clone, Debug, PartialEq)]
pub struct Extent {
    /// Coefficients and the names they stand before, sorted.
    terms: Vec<(Rational, Vec<Name>)>,
}

impl Extent {
    /// The sum of these products; a product without names is a number.
    pub fn from_terms(terms: impl IntoIterator<Item = (Rational, Vec<Name>)>) -> Self {
        let mut sum: BTreeMap<Vec<Name>, Rational> = BTreeMap::new();
        for (coefficient, mut names) in terms {
            names.sort();
            let entry = sum.entry(names).or_default();
            *entry = &*entry + &coefficient;
        }
        Self { terms: sum.into_iter().filter(|(_, c)| !c.is_zero()).map(|(names, c)| (c, names)).collect() }
    }

    /// A whole number.
    pub fn number(value: usize) -> Self {
        Self::from_terms([(Rational::int(value as i64), Vec::new())])
    }

    /// A dimension name.
    pub fn name(name: Name) -> Self {
        Self { terms: vec![(Rational::ONE, vec![name])] }
    }

    /// The dimension that an expression of a declaration stands for; `None` where it is no polynomial of names.
    pub fn from_expr(ast: &Ast, root: ExprId) -> Option<Self> {
        let mut stack = vec![(root, false)];
        let mut done: Vec<Extent> = Vec::new();
        while let Some((id, ready)) = stack.pop() {
            if !ready {
                stack.push((id, true));
                ast.for_each_child(id, |child| stack.push((child, false)));
                continue;
            }
            let value = match ast.kind(id) {
                ExprKind::Number(value) => Self::from_terms([(value.clone(), Vec::new())]),
                ExprKind::Name(name) => Self::name(name.clone()),
                ExprKind::Neg(_) => done.pop()?.times(&Self::from_terms([(Rational::int(-1), Vec::new())]))?,
                ExprKind::Binary(op, ..) => {
                    // children were pushed in order, so the first is done last
                    let (a, b) = (done.pop()?, done.pop()?);
                    match op {
                        BinaryOp::Add => Self::from_terms(a.terms.into_iter().chain(b.terms)),
                        BinaryOp::Sub => {
                            let negated = b.terms.into_iter().map(|(c, names)| (-c, names));
                            Self::from_terms(a.terms.into_iter().chain(negated))
                        }
                        BinaryOp::Mul => a.times(&b)?,
                        BinaryOp::Div => a.times(&Self::from_terms([(b.constant()?.recip()?, Vec::new())]))?,
                        BinaryOp::Pow => {
                            let exponent = b.constant()?.to_i64().filter(|k| (0..=8).contains(k))?;
                            let mut power = Self::number(1);
                            for _ in 0..exponent {
                                power = power.times(&a)?;
                            }
                            power
                        }
                        _ => return None,
                    }
                }
                _ => return None,
            };
            if value.terms.len() > MAX_TERMS {
                return None;
            }
            done.push(value);
        }
        done.pop()
    }

    fn constant(&self) -> Option<Rational> {
        match self.terms.as_slice() {
            [] => Some(Rational::ZERO),
            [(c, names)] if names.is_empty() => Some(c.clone()),
            _ => None,
        }
    }

    fn times(&self, other: &Self) -> Option<Self> {
        if self.terms.len() * other.terms.len() > MAX_TERMS {
            return None;
        }
        let mut terms = Vec::new();
        for (a, names) in &self.terms {
            for (b, more) in &other.terms {
                terms.push((a * b, names.iter().chain(more).cloned().collect()));
            }
        }
        Some(Self::from_terms(terms))
    }

    /// The number, once every name has one; `None` where a name has none or the number is no size.
    pub fn size(&self, dims: &BTreeMap<Name, usize>) -> Option<usize> {
        let mut sum = Rational::ZERO;
        for (coefficient, names) in &self.terms {
            let mut product = coefficient.clone();
            for name in names {
                product = product * Rational::from(i64::try_from(*dims.get(name)?).ok()?);
            }
            sum = sum + product;
        }
        sum.to_i64().and_then(|n| usize::try_from(n).ok()).filter(|n| *n >= 1)
    }

    /// The names it mentions.
    pub fn names(&self) -> impl Iterator<Item = &Name> {
        self.terms.iter().flat_map(|(_, names)| names)
    }

    /// The single name it is, where it is one.
    pub(crate) fn as_name(&self) -> Option<&Name> {
        match self.terms.as_slice() {
            [(c, names)] if c.is_one() && names.len() == 1 => names.first(),
            _ => None,
        }
    }
}

/// Small distinct sizes to try, most useful first. The caller's are kept. Names come in order of appearance; a matrix
/// declared `m x n` is tall at first, then wide, because some functions exist for one of the two only.
pub(crate) fn assignments(
    names: &[Name],
    extents: &[&Extent],
    fixed: &BTreeMap<Name, usize>,
) -> Vec<BTreeMap<Name, usize>> {
    let free: Vec<&Name> = names.iter().filter(|name| !fixed.contains_key(*name)).collect();
    let k = free.len();
    let mut orders: Vec<Vec<usize>> = Vec::new();
    let descending: Vec<usize> = (0..k).rev().collect();
    let ascending: Vec<usize> = (0..k).collect();
    for base in [&descending, &ascending] {
        for turn in 0..k.clamp(1, DISTINCT) {
            let mut order = base.clone();
            order.rotate_left(turn.min(k));
            if !orders.contains(&order) {
                orders.push(order);
            }
        }
    }
    // descending and ascending before their rotations
    if let Some(at) = orders.iter().position(|order| *order == ascending) {
        let order = orders.remove(at);
        orders.insert(1.min(orders.len()), order);
    }
    let mut out = Vec::new();
    for shift in [2, 3, 5, 9] {
        for order in orders.iter().take(if shift <= 3 { 12 } else { 1 }) {
            let mut dims = fixed.clone();
            dims.extend(free.iter().zip(order).map(|(name, place)| ((*name).clone(), place % DISTINCT + shift)));
            // an axis of size 1 would let a vector pass for a scalar
            let fits = extents.iter().all(|extent| {
                let least = if extent.names().next().is_some() && shift < 9 { 2 } else { 1 };
                extent.size(&dims).is_some_and(|size| size >= least)
            });
            if fits {
                out.push(dims);
            }
            if free.is_empty() {
                break;
            }
        }
    }
    out.dedup();
    out
}

/// The second of some assignments where it has two sizes in the other order: what holds of tall matrices need not hold of
/// wide ones.
pub(crate) fn turned(assignments: &[BTreeMap<Name, usize>]) -> Option<&BTreeMap<Name, usize>> {
    let [first, second, ..] = assignments else { return None };
    let sizes: Vec<(usize, usize)> = first.iter().filter_map(|(name, n)| Some((*n, *second.get(name)?))).collect();
    sizes.iter().any(|(a, b)| sizes.iter().any(|(c, d)| a < c && b > d)).then_some(second)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        text.into()
    }

    #[test]
    fn polynomials_of_names() {
        let (n, m) = (name("n"), name("m"));
        let half = Extent::from_terms([
            (Rational::new(1, 2), vec![n.clone(), n.clone()]),
            (Rational::new(1, 2), vec![n.clone()]),
        ]);
        let dims: BTreeMap<Name, usize> = [(n.clone(), 4), (m.clone(), 3)].into();
        assert_eq!(half.size(&dims), Some(10));
        assert_eq!(Extent::name(m.clone()).times(&Extent::name(n)).unwrap().size(&dims), Some(12));
        assert_eq!(Extent::name(name("q")).size(&dims), None);
    }

    #[test]
    fn sizes_are_small_and_distinct() {
        let names = [name("m"), name("n")];
        let extents = [Extent::name(name("m")), Extent::name(name("n"))];
        let all = assignments(&names, &extents.iter().collect::<Vec<_>>(), &BTreeMap::new());
        assert_eq!((all[0][&names[0]], all[0][&names[1]]), (3, 2));
        assert_eq!((all[1][&names[0]], all[1][&names[1]]), (2, 3));
        assert_eq!(turned(&all), Some(&all[1]));
        assert_eq!(turned(&all[1..2]), None);
    }

    #[test]
    fn no_axis_shrinks_to_one() {
        let n = name("n");
        let shorter = Extent::from_terms([(Rational::ONE, vec![n.clone()]), (Rational::int(-1), vec![])]);
        let all = assignments(std::slice::from_ref(&n), &[&shorter], &BTreeMap::new());
        assert_eq!(all[0][&n], 3);
    }
}
