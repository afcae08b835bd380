//! Products of a matrix and a vector: as fast as memory gives the matrix.
//!
//! Four lines of the matrix at a time, so that the result is read and written a fourth as often. The order of every sum is
//! that of the lines, whatever the processor is.

use crate::real::Field;
use crate::wide::wide;

/// Lines that are read side by side.
const LINES: usize = 4;

/// Some lines of so many numbers, `step` apart; empty where they leave their memory.
#[inline(always)]
fn lines<T>((a, step): (&[T], usize), first: usize, n: usize) -> [&[T]; LINES] {
    std::array::from_fn(|i| a.get((first + i) * step..(first + i) * step + n).unwrap_or(&[]))
}

/// `c += alpha · a · b`, or `c = alpha · a · b`, where each column of `a` lies side by side, so many numbers after the one
/// before. Where the rows do, the library is as fast.
pub(crate) fn columns<T: Field>(a: (&[T], usize), alpha: T, b: &[T], c: &mut [T], accumulate: bool) {
    if !accumulate {
        c.fill(T::zero());
    }
    wide(
        #[inline(always)]
        || {
            for (group, by) in b.chunks(LINES).enumerate() {
                let found = lines(a, LINES * group, c.len());
                match by {
                    [p, q, r, s] => {
                        let (p, q, r, s) = (alpha * *p, alpha * *q, alpha * *r, alpha * *s);
                        let [w, x, y, z] = found;
                        let all = w.iter().zip(x).zip(y.iter().zip(z));
                        for (c, ((w, x), (y, z))) in c.iter_mut().zip(all) {
                            *c += (p * *w + q * *x) + (r * *y + s * *z);
                        }
                    }
                    few => {
                        for (by, line) in few.iter().zip(found) {
                            c.iter_mut().zip(line).for_each(|(c, x)| *c += alpha * *by * *x);
                        }
                    }
                }
            }
        },
    );
}
