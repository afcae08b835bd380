//! Linear combinations of dense operands.

use matgrad_dense::Real;

/// `out = Σ coefficient · operand` over operands as long as `out`; in blocks that stay in the cache.
pub fn combine<T: Real>(terms: &[(f64, &[T])], constant: f64, out: &mut [T]) {
    const BLOCK: usize = 2048;
    let length = out.len();
    let mut start = 0;
    while start < length {
        let end = (start + BLOCK).min(length);
        let block = &mut out[start..end];
        match terms {
            [] => block.fill(T::of(constant)),
            [(c, x), rest @ ..] => {
                let x = &x[start..end];
                match (*c, constant == 0.0) {
                    (1.0, true) => block.copy_from_slice(x),
                    (c, true) => block.iter_mut().zip(x).for_each(|(o, x)| *o = T::of(c) * *x),
                    (c, false) => block.iter_mut().zip(x).for_each(|(o, x)| *o = T::of(constant) + T::of(c) * *x),
                }
                for (c, x) in rest {
                    let x = &x[start..end];
                    match *c {
                        1.0 => block.iter_mut().zip(x).for_each(|(o, x)| *o += *x),
                        -1.0 => block.iter_mut().zip(x).for_each(|(o, x)| *o -= *x),
                        c => block.iter_mut().zip(x).for_each(|(o, x)| *o += T::of(c) * *x),
                    }
                }
            }
        }
        start = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn combinations() {
        let (x, y): (Vec<f64>, Vec<f64>) = ((0..5000).map(f64::from).collect(), vec![2.0; 5000]);
        let mut out = vec![f64::NAN; 5000];
        combine(&[(1.0, &x), (-1.0, &y), (0.5, &x)], 0.0, &mut out);
        assert_eq!((out[0], out[4999]), (-2.0, 1.5 * 4999.0 - 2.0));
        combine(&[(2.0, &y)], 1.0, &mut out);
        assert_eq!(out[77], 5.0);
        combine(&[], 3.0, &mut out);
        assert_eq!(out[4000], 3.0);
    }
}
