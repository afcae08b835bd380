//! Labels as affine functions of loop variables.
//!
//! One-hots, shifts and fusions are no factors to multiply by: each says what one label is in terms of others. Put in,
//! they turn into offsets and strides of the real factors and of the result, and nothing is multiplied by 0.

use smallvec::{SmallVec, smallvec};

/// A loop variable, counted from 0.
pub type Var = usize;

/// `constant + Σ coefficient·variable`.
#[derive(Clone, Debug, PartialEq)]
pub struct Affine {
    /// The constant.
    pub constant: i64,
    /// Variables, each once, with positive coefficients.
    pub terms: SmallVec<[(Var, i64); 2]>,
}

impl Affine {
    pub fn scaled(&self, by: i64) -> Self {
        Self { constant: self.constant * by, terms: self.terms.iter().map(|(v, c)| (*v, c * by)).collect() }
    }

    pub fn plus(mut self, other: &Self) -> Self {
        self.constant += other.constant;
        for (var, c) in &other.terms {
            match self.terms.iter_mut().find(|(v, _)| v == var) {
                Some((_, own)) => *own += c,
                None => self.terms.push((*var, *c)),
            }
        }
        self.terms.retain(|(_, c)| *c != 0);
        self
    }

    fn uses(&self, var: Var) -> bool {
        self.terms.iter().any(|(v, _)| *v == var)
    }
}

/// What became of a constraint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absorbed {
    /// It is part of the labels now.
    Yes,
    /// It has no solution: the product is 0.
    Never,
    /// It cannot be said by affine labels with the constraints that are there already.
    No,
}

/// The labels of a product in terms of its loop variables.
#[derive(Clone, Debug)]
pub struct Space {
    /// How many values each variable takes.
    pub extents: Vec<usize>,
    /// The labels.
    pub labels: Vec<Affine>,
    /// How many values each label took at first.
    dims: Vec<usize>,
}

impl Space {
    /// Every label its own variable, or 0 where it has one value.
    pub fn new(dims: &[usize]) -> Self {
        let moves = |v: usize| if dims[v] == 1 { SmallVec::new() } else { smallvec![(v, 1)] };
        let labels = (0..dims.len()).map(|v| Affine { constant: 0, terms: moves(v) }).collect();
        Self { extents: dims.to_vec(), labels, dims: dims.to_vec() }
    }

    /// Whether some label still moves with the variable.
    pub fn is_live(&self, var: Var) -> bool {
        self.labels.iter().any(|l| l.uses(var))
    }

    fn substitute(&mut self, var: Var, value: &Affine) {
        for label in &mut self.labels {
            if let Some(k) = label.terms.iter().position(|(v, _)| *v == var) {
                let (_, c) = label.terms.remove(k);
                *label =
                    std::mem::replace(label, Affine { constant: 0, terms: SmallVec::new() }).plus(&value.scaled(c));
            }
        }
    }

    /// Restricts a variable to `low..high`.
    fn restrict(&mut self, var: Var, low: i64, high: i64) -> Absorbed {
        let (low, high) = (low.max(0), high.min(self.extents[var] as i64));
        if low >= high {
            return Absorbed::Never;
        }
        self.extents[var] = (high - low) as usize;
        let rest = if high - low == 1 { SmallVec::new() } else { smallvec![(var, 1)] };
        if low > 0 || rest.is_empty() {
            self.substitute(var, &Affine { constant: low, terms: rest });
        }
        Absorbed::Yes
    }

    /// The label is its own variable over its whole range, and no part of `others`.
    fn free_var(&self, label: usize, others: &[usize]) -> Option<Var> {
        let affine = &self.labels[label];
        match affine.terms.as_slice() {
            [(var, 1)] if affine.constant == 0 && self.extents[*var] == self.dims[label] => {
                (!others.iter().any(|o| self.labels[*o].uses(*var))).then_some(*var)
            }
            _ => None,
        }
    }

    /// The label has this value (from 0).
    pub fn fix(&mut self, label: usize, value: i64) -> Absorbed {
        let affine = self.labels[label].clone();
        let mut terms = affine.terms;
        if terms.iter().any(|(v, _)| self.extents[*v] == 0) {
            return Absorbed::Never;
        }
        terms.sort_by_key(|(v, c)| (std::cmp::Reverse(*c), *v));
        let mut rest = value - affine.constant;
        // mixed radix: each coefficient exceeds all that the smaller ones can reach together
        let mut reach = 0i64;
        for (var, c) in terms.iter().rev() {
            if *c <= reach {
                return Absorbed::No;
            }
            reach += c * (self.extents[*var] as i64 - 1);
        }
        let mut found: SmallVec<[(Var, i64); 2]> = SmallVec::new();
        for (var, c) in &terms {
            let digit = rest.div_euclid(*c);
            if digit < 0 || digit >= self.extents[*var] as i64 {
                return Absorbed::Never;
            }
            rest -= digit * c;
            found.push((*var, digit));
        }
        if rest != 0 {
            return Absorbed::Never;
        }
        for (var, digit) in found {
            self.substitute(var, &Affine { constant: digit, terms: SmallVec::new() });
            self.extents[var] = 1;
        }
        Absorbed::Yes
    }

    /// `second = first + offset`.
    pub fn shift(&mut self, first: usize, second: usize, offset: i64) -> Absorbed {
        if self.labels[first].terms == self.labels[second].terms {
            let distance = self.labels[second].constant - self.labels[first].constant;
            return if offset == distance { Absorbed::Yes } else { Absorbed::Never };
        }
        if let Some(value) = self.value(first) {
            return self.fix(second, value + offset);
        }
        if let Some(value) = self.value(second) {
            return self.fix(first, value - offset);
        }
        // either label may give way to the other
        for (keep, give, offset) in [(first, second, offset), (second, first, -offset)] {
            let [(var, 1)] = self.labels[give].terms.as_slice() else { continue };
            let var = *var;
            if self.labels[keep].uses(var) {
                continue;
            }
            let mut value = self.labels[keep].clone();
            value.constant += offset - self.labels[give].constant;
            let extent = self.extents[var] as i64;
            match value.terms.as_slice() {
                [(v, 1)] => {
                    let v = *v;
                    if self.restrict(v, -value.constant, extent - value.constant) == Absorbed::Never {
                        return Absorbed::Never;
                    }
                    value = self.labels[keep].clone(); // it counts from its new start now
                    value.constant += offset - self.labels[give].constant;
                }
                terms => {
                    let reach: i64 = terms.iter().map(|(v, c)| c * (self.extents[*v] as i64 - 1).max(0)).sum();
                    if value.constant < 0 || value.constant + reach >= extent {
                        continue;
                    }
                }
            }
            self.substitute(var, &value);
            return Absorbed::Yes;
        }
        Absorbed::No
    }

    /// The label's one value, where it is fixed.
    fn value(&self, label: usize) -> Option<i64> {
        let affine = &self.labels[label];
        affine.terms.is_empty().then_some(affine.constant)
    }

    /// `all = fast + length·slow`, where `fast` takes `length` values.
    pub fn fuse(&mut self, all: usize, fast: usize, slow: usize, length: usize) -> Absorbed {
        let length = length as i64;
        if let Some(var) = self.free_var(all, &[fast, slow]) {
            let value = self.labels[fast].clone().plus(&self.labels[slow].scaled(length));
            self.substitute(var, &value);
            return Absorbed::Yes;
        }
        match self.value(all) {
            Some(value) if length > 0 => match self.fix(fast, value.rem_euclid(length)) {
                Absorbed::Yes => self.fix(slow, value.div_euclid(length)),
                other => other,
            },
            _ => Absorbed::No,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constraints_become_strides() {
        let mut s = Space::new(&[6, 2, 3]);
        assert_eq!(s.fuse(0, 1, 2, 2), Absorbed::Yes);
        assert_eq!(s.labels[0], Affine { constant: 0, terms: smallvec![(1, 1), (2, 2)] });
        assert_eq!(s.fix(0, 5), Absorbed::Yes);
        assert_eq!((s.value(1), s.value(2)), (Some(1), Some(2)));
        assert_eq!(s.fix(0, 4), Absorbed::Never);
    }

    #[test]
    fn shifts_narrow_the_range() {
        let mut s = Space::new(&[4, 4]);
        assert_eq!(s.shift(0, 1, -1), Absorbed::Yes); // column = row - 1
        assert_eq!(s.extents[0], 3);
        assert_eq!((s.labels[0].constant, s.labels[1].constant), (1, 0));
        let mut s = Space::new(&[2, 2]);
        assert_eq!(s.shift(0, 1, 5), Absorbed::Never);
    }
}
