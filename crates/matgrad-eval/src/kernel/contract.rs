//! `out += alpha · Σ a · b` over strided loops.

use super::gemm::{Matrix, Triangle, gemm, symmetric, triangular};
use super::{Loop, turns, walk};

use matgrad_dense::Real;
pub use matgrad_dense::{axpy, sum};
use matgrad_dense::{dot_rows, scale_rows};

/// Index of an operand's stride in the loops of a contraction.
pub const A: usize = 0;
/// The second operand.
pub const B: usize = 1;
/// The result.
pub const OUT: usize = 2;

/// How a contraction is carried out.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Loops, the last one innermost.
    Loops,
    /// A matrix product (m, k, n) in every turn of the loops; with m or n of one turn, a matrix times a vector.
    Gemm {
        /// Rows of a and out.
        m: Loop<3>,
        /// Columns of a, rows of b.
        k: Loop<3>,
        /// Columns of b and out.
        n: Loop<3>,
    },
}

/// The loops of one contraction; without a second operand `b` is taken as 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Contract {
    /// Outer loops, or all of them.
    pub loops: Vec<Loop<3>>,
    /// How the body is done.
    pub kind: Kind,
    /// Where the operands and the result start.
    pub start: [usize; 3],
    /// A constant factor.
    pub alpha: f64,
    /// Whether to add to what is there.
    pub accumulate: bool,
    /// Whether each matrix product is known to be symmetric, so that half of it is enough.
    pub symmetric: bool,
    /// Which terms of each matrix product are enough, where that is known.
    pub triangle: Option<Triangle>,
}

impl Contract {
    /// A plan for these loops; the caller has merged them. Without accumulation the result has to be 0 before if a loop
    /// only sums.
    pub fn new(mut loops: Vec<Loop<3>>, start: [usize; 3], alpha: f64, accumulate: bool, two: bool) -> Self {
        let summed = loops.iter().any(|l| l.strides[OUT] == 0);
        if two && let Some((kind, rest)) = as_gemm(&loops) {
            let accumulate = accumulate || rest.iter().any(|l| l.strides[OUT] == 0);
            return Self { loops: rest, kind, start, alpha, accumulate, symmetric: false, triangle: None };
        }
        let accumulate = accumulate || summed;
        // large steps outside, the loop that moves least inside
        loops.sort_by_key(|l| std::cmp::Reverse((l.strides[OUT], l.strides[A].max(l.strides[B]))));
        let rough = |l: &Loop<3>| l.strides.iter().filter(|s| **s > 1).count();
        if let Some(best) = (0..loops.len()).min_by_key(|&k| (rough(&loops[k]), std::cmp::Reverse(loops[k].extent))) {
            let inner = loops.remove(best);
            loops.push(inner);
        }
        if !two && let Some((rows, cols)) = transposition(&loops) {
            let pair = [loops[rows], loops[cols]];
            loops.retain(|l| !pair.contains(l));
            loops.extend(pair);
        } else if let Some((inner, outer)) = loops.split_last_mut()
            && inner.extent < SHORT
            && let Some(long) = (0..outer.len()).max_by_key(|k| outer[*k].extent)
        {
            // many short turns: the longest loop next to them
            outer[long..].rotate_left(1);
        }
        Self { loops, kind: Kind::Loops, start, alpha, accumulate, symmetric: false, triangle: None }
    }

    /// Multiplications and additions.
    pub fn flops(&self) -> f64 {
        let inner = match &self.kind {
            Kind::Loops => 1.0,
            Kind::Gemm { m, k, n } => m.extent as f64 * k.extent as f64 * n.extent as f64,
        };
        let share = if self.symmetric || self.triangle.is_some() { 1.0 } else { 2.0 };
        share * inner * turns(&self.loops) as f64
    }

    /// Does it.
    pub fn run<T: Real>(&self, a: &[T], b: Option<&[T]>, out: &mut [T]) {
        if self.loops.iter().any(|l| l.extent == 0) {
            return;
        }
        match (&self.kind, b) {
            (Kind::Gemm { m, k, n }, Some(b)) => walk(&self.loops, self.start, |[at_a, at_b, at]| {
                let left = (a, Matrix { offset: at_a, row: m.strides[A], col: k.strides[A] });
                let right = (b, Matrix { offset: at_b, row: k.strides[B], col: n.strides[B] });
                let to = (&mut *out, Matrix { offset: at, row: m.strides[OUT], col: n.strides[OUT] });
                let size = (m.extent, k.extent, n.extent);
                if let Some(triangle) = self.triangle {
                    triangular(size, T::of(self.alpha), left, right, to, self.accumulate, triangle);
                } else if self.symmetric {
                    symmetric((m.extent, k.extent), T::of(self.alpha), left, right, to, self.accumulate);
                } else {
                    gemm(size, T::of(self.alpha), left, right, to, self.accumulate);
                }
            }),
            (_, None) => self.run_one(a, out),
            (Kind::Loops, Some(b)) => self.run_two(a, b, out),
        }
    }

    fn run_one<T: Real>(&self, a: &[T], out: &mut [T]) {
        let alpha = T::of(self.alpha);
        if let [outer @ .., rows, cols] = self.loops.as_slice()
            && is_transposition(rows, cols)
        {
            let size = (rows.extent, cols.extent);
            return walk(outer, self.start, |[at_a, _, at]| {
                let from = Matrix { offset: at_a, row: rows.strides[A], col: cols.strides[A] };
                let to = Matrix { offset: at, row: rows.strides[OUT], col: cols.strides[OUT] };
                matgrad_dense::copy(size, alpha, (a, from), (out, to), self.accumulate);
            });
        }
        let (outer, next, inner) = split(&self.loops);
        let (n, [sa, _, so]) = (inner.extent, inner.strides);
        walk(outer, self.start, |at| {
            for [at_a, _, at] in turns_of(next, at) {
                if so == 0 {
                    let sum: T = if sa == 1 { sum(&a[at_a..at_a + n]) } else { (0..n).map(|i| a[at_a + i * sa]).sum() };
                    put(&mut out[at], alpha * sum, self.accumulate);
                } else if so == 1 && sa == 1 {
                    axpy(alpha, &a[at_a..at_a + n], &mut out[at..at + n], self.accumulate);
                } else {
                    for i in 0..n {
                        put(&mut out[at + i * so], alpha * a[at_a + i * sa], self.accumulate);
                    }
                }
            }
        });
    }

    fn run_two<T: Real>(&self, a: &[T], b: &[T], out: &mut [T]) {
        let alpha = T::of(self.alpha);
        let (outer, next, inner) = split(&self.loops);
        let (n, [sa, sb, so]) = (inner.extent, inner.strides);
        let rows = |at: [usize; 3]| -> [Matrix; 3] {
            std::array::from_fn(|k| Matrix { offset: at[k], row: next.strides[k], col: 1 })
        };
        let size = (next.extent, n);
        match (sa, sb, so) {
            (1, 1, 0) => {
                return walk(outer, self.start, |at| {
                    let [x, y, z] = rows(at);
                    dot_rows(size, alpha, (a, x), (b, y), (&mut *out, z), self.accumulate);
                });
            }
            (1, 0, 1) => {
                return walk(outer, self.start, |at| {
                    let [x, y, z] = rows(at);
                    scale_rows(size, alpha, (a, x), (b, y), (&mut *out, z), self.accumulate);
                });
            }
            (0, 1, 1) => {
                return walk(outer, self.start, |at| {
                    let [x, y, z] = rows(at);
                    scale_rows(size, alpha, (b, y), (a, x), (&mut *out, z), self.accumulate);
                });
            }
            _ => {}
        }
        walk(outer, self.start, |at| {
            for [at_a, at_b, at] in turns_of(next, at) {
                match (sa, sb, so) {
                    (_, _, 0) => {
                        let value: T = (0..n).map(|i| a[at_a + i * sa] * b[at_b + i * sb]).sum();
                        put(&mut out[at], alpha * value, self.accumulate);
                    }
                    (1, 1, 1) => {
                        let pairs = a[at_a..at_a + n].iter().zip(&b[at_b..at_b + n]);
                        for (o, (x, y)) in out[at..at + n].iter_mut().zip(pairs) {
                            put(o, alpha * (*x * *y), self.accumulate);
                        }
                    }
                    _ => {
                        for i in 0..n {
                            let value = a[at_a + i * sa] * b[at_b + i * sb];
                            put(&mut out[at + i * so], alpha * value, self.accumulate);
                        }
                    }
                }
            }
        });
    }
}

/// Inner loops with fewer turns than this are too short to run well alone.
const SHORT: usize = 16;

/// The loops of a copy that turn a matrix over: the rows and the columns of what is written.
fn transposition(loops: &[Loop<3>]) -> Option<(usize, usize)> {
    let cols = loops.iter().position(|l| l.strides[OUT] == 1 && l.strides[A] > 1)?;
    let rows = loops.iter().position(|l| is_transposition(l, &loops[cols]))?;
    Some((rows, cols))
}

fn is_transposition(rows: &Loop<3>, cols: &Loop<3>) -> bool {
    let crossed = rows.strides[A] == 1 && rows.strides[OUT] > 1 && cols.strides[OUT] == 1 && cols.strides[A] > 1;
    crossed && rows.extent.min(cols.extent) >= 8
}

fn put<T: Real>(place: &mut T, value: T, accumulate: bool) {
    *place = if accumulate { *place + value } else { value };
}

/// The outer loops, the last but one, the last one.
fn split(loops: &[Loop<3>]) -> (&[Loop<3>], Loop<3>, Loop<3>) {
    let once = Loop { extent: 1, strides: [1, 1, 1] };
    match loops {
        [outer @ .., next, inner] => (outer, *next, *inner),
        [inner] => (&[], once, *inner),
        [] => (&[], once, once),
    }
}

/// The places of a loop that starts somewhere.
#[inline]
fn turns_of(l: Loop<3>, start: [usize; 3]) -> impl Iterator<Item = [usize; 3]> {
    (0..l.extent).map(move |t| std::array::from_fn(|k| start[k] + t * l.strides[k]))
}

/// The loops as a matrix product where they are one: at most one loop of each of the three kinds, large enough to pay.
fn as_gemm(loops: &[Loop<3>]) -> Option<(Kind, Vec<Loop<3>>)> {
    let (mut m, mut k, mut n) = (None, None, None);
    let mut rest = Vec::new();
    for l in loops {
        let slot = match l.strides.map(|s| s != 0) {
            [true, false, true] => &mut m,
            [false, true, true] => &mut n,
            [true, true, false] => &mut k,
            _ => {
                rest.push(*l);
                continue;
            }
        };
        match slot {
            None => *slot = Some(*l),
            Some(known) => {
                // the longer one goes into the kernel
                rest.push(if l.extent > known.extent { std::mem::replace(known, *l) } else { *l });
            }
        }
    }
    let k = k?;
    if m.is_none() && n.is_none() {
        return None; // an inner product
    }
    let once = Loop { extent: 1, strides: [0; 3] };
    let vector = m.is_none() || n.is_none();
    let (m, n) = (m.unwrap_or(once), n.unwrap_or(once));
    let (least, work) = (m.extent.min(n.extent), m.extent * n.extent * k.extent);
    let pays = if vector { m.extent.max(n.extent) >= 8 && k.extent >= 8 } else { least >= 4 && k.extent >= 2 };
    (pays && work >= 256).then_some((Kind::Gemm { m, k, n }, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(loops: Vec<Loop<3>>, size: usize) {
        let a: Vec<f64> = (0..size).map(|k| (k as f64 * 0.37).sin()).collect();
        let b: Vec<f64> = (0..size).map(|k| (k as f64 * 0.61).cos()).collect();
        let mut expected = vec![1.0; size];
        walk(&loops, [1, 2, 3], |[i, j, o]| expected[o] += 0.5 * a[i] * b[j]);
        let mut out = vec![1.0; size];
        Contract::new(loops.clone(), [1, 2, 3], 0.5, true, true).run(&a, Some(&b), &mut out);
        for (x, y) in out.iter().zip(&expected) {
            assert!((x - y).abs() < 1e-12, "{loops:?}");
        }
        let mut expected = vec![1.0; size];
        walk(&loops, [1, 2, 3], |[i, _, o]| expected[o] += 0.5 * a[i]);
        let mut out = vec![1.0; size];
        Contract::new(loops.clone(), [1, 2, 3], 0.5, true, false).run(&a, None, &mut out);
        for (x, y) in out.iter().zip(&expected) {
            assert!((x - y).abs() < 1e-12, "{loops:?}");
        }
    }

    #[test]
    fn every_kind_of_loop() {
        let l = |extent, a, b, o| Loop { extent, strides: [a, b, o] };
        check(vec![], 10);
        check(vec![l(8, 1, 1, 1)], 20);
        check(vec![l(17, 1, 1, 0)], 30);
        check(vec![l(5, 2, 3, 0)], 30);
        check(vec![l(5, 1, 0, 1), l(4, 0, 1, 5)], 40);
        check(vec![l(9, 16, 0, 8), l(16, 1, 8, 0), l(8, 0, 1, 1)], 200);
        check(vec![l(3, 100, 100, 100), l(9, 8, 0, 8), l(8, 1, 8, 0), l(8, 0, 1, 1)], 600);
        check(vec![l(3, 0, 0, 0), l(2, 0, 0, 1)], 10);
        check(vec![l(0, 1, 1, 1)], 10);
        // matrices times vectors, either way
        check(vec![l(40, 9, 0, 2), l(9, 1, 3, 0)], 500);
        check(vec![l(40, 1, 0, 1), l(9, 41, 3, 0)], 500);
        check(vec![l(40, 0, 1, 1), l(9, 3, 41, 0)], 500);
        // many small products
        check(vec![l(50, 9, 3, 3), l(3, 3, 0, 1), l(3, 1, 1, 0)], 600);
        check(vec![l(3, 3, 0, 1), l(50, 9, 3, 3), l(3, 1, 1, 0)], 600);
        // turned over
        check(vec![l(3, 200, 0, 200), l(17, 1, 0, 10), l(9, 20, 0, 1)], 700);
        check(vec![l(9, 20, 0, 1), l(17, 1, 0, 10), l(4, 0, 0, 0)], 700);
    }
}
