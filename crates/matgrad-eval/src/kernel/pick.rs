//! Entries at positions that are data.

use matgrad_dense::Real;

use super::{Loop, walk};

/// Operands: values, positions, results.
type Triple = [usize; 3];

/// The position along an axis of this length that a number says, from `first` on.
fn position<T: Real>(number: Option<&T>, first: f64, length: usize) -> Option<usize> {
    let at = number?.wide() - first;
    (at >= 0.0 && at < length as f64 && at.fract() == 0.0).then_some(at as usize)
}

/// Reads entries at the positions, 0 where there is none.
pub fn gather<T: Real>(
    (from, index, start): (&[T], &[T], [usize; 2]),
    (step, first, length): (usize, f64, usize),
    loops: &[Loop<3>],
    out: &mut [T],
) {
    walk(loops, [start[0], start[1], 0], |[a, b, c]: Triple| {
        let value = position(index.get(b), first, length).and_then(|k| from.get(a + k * step));
        if let Some(out) = out.get_mut(c) {
            *out = value.copied().unwrap_or(T::zero());
        }
    });
}

/// Adds values to the entries at the positions.
pub fn scatter<T: Real>(
    (from, index, start): (&[T], &[T], [usize; 2]),
    (step, first, length): (usize, f64, usize),
    loops: &[Loop<3>],
    out: &mut [T],
) {
    walk(loops, [start[0], start[1], 0], |[a, b, c]: Triple| {
        if let (Some(k), Some(value)) = (position(index.get(b), first, length), from.get(a))
            && let Some(out) = out.get_mut(c + k * step)
        {
            *out += *value;
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_outside_are_nothing() {
        let loops = [Loop { extent: 5, strides: [0, 1, 1] }];
        let mut out = [9.0; 5];
        gather((&[1.0, 2.0, 3.0], &[3.0, 1.0, 4.0, 0.0, 1.5], [0, 0]), (1, 1.0, 3), &loops, &mut out);
        assert_eq!(out, [3.0, 1.0, 0.0, 0.0, 0.0]);
        let loops = [Loop { extent: 4, strides: [1, 1, 0] }];
        let mut sums = [0.0; 3];
        scatter((&[1.0, 2.0, 4.0, 8.0], &[2.0, 2.0, 3.0, 9.0], [0, 0]), (1, 1.0, 3), &loops, &mut sums);
        assert_eq!(sums, [0.0, 3.0, 4.0]);
    }
}
