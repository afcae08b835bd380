//! Derivatives of functions that are known by their values only: differences with an estimate of their error.
//!
//! Central differences of smaller and smaller steps are extrapolated (Ridders, *Accurate computation of F'(x) and
//! F'(x)F''(x)*, 1982); the smallest change between neighbours of the table is the estimate of the error.

use crate::Random;

/// How often the step is made smaller.
const STEPS: usize = 8;
/// By what factor.
const FACTOR: f64 = 1.6;
/// A claim is wrong where it differs by more than so many times the estimated error of the difference.
const MARGIN: f64 = 20.0;
/// Up to so many variables every partial derivative is compared, else so many of them.
const ENTRIES: usize = 64;
/// The first steps, relative to the variable: a claim is wrong where it is wrong for all of them, as large ones miss what a
/// function does on small scales.
const SCALES: [f64; 3] = [0.1, 1e-3, 1e-5];
/// The smallest relative gap that counts, whatever the estimated error is.
const SMALLEST: f64 = 1e-7;

/// What a comparison found.
#[derive(Clone, Debug, PartialEq)]
pub struct Differences {
    /// Whether no entry differs by more than the error of the differences.
    pub right: bool,
    /// At how many points the claim was compared.
    pub points: usize,
    /// How many entries were compared.
    pub entries: usize,
    /// The largest relative gap among the entries whose difference is known well.
    pub max_relative_error: f64,
    /// The entry that differs most, where one does.
    pub counterexample: Option<Counterexample>,
}

/// An entry of a derivative that differs from the claim.
#[derive(Clone, Debug, PartialEq)]
pub struct Counterexample {
    /// The point.
    pub point: Vec<f64>,
    /// Which entry of the value, and which variable.
    pub entry: (usize, usize),
    /// What is claimed.
    pub claimed: f64,
    /// The difference.
    pub found: f64,
    /// The estimate of its error.
    pub error: f64,
}

/// Compares the claimed derivative of a function at some points with differences. The claim has for each entry of the
/// value one number for each variable, row by row; an error of either function ends the comparison.
///
/// ```
/// use matgrad::{Random, compare_with_differences};
/// let f = |x: &[f64]| Ok::<_, ()>(vec![x[0] * x[0] * x[1]]);
/// let claim = |x: &[f64]| Ok(vec![2.0 * x[0] * x[1], x[0]]);
/// let found = compare_with_differences(f, claim, &[vec![1.5, 2.0]], &mut Random::new(0))?;
/// let counterexample = found.counterexample.unwrap();
/// assert_eq!(counterexample.entry, (0, 1));
/// assert!((counterexample.found - 2.25).abs() < 1e-9);
/// # Ok::<(), ()>(())
/// ```
///
/// # Errors
/// Those of the functions.
pub fn compare_with_differences<E>(
    mut function: impl FnMut(&[f64]) -> Result<Vec<f64>, E>,
    mut claim: impl FnMut(&[f64]) -> Result<Vec<f64>, E>,
    points: &[Vec<f64>],
    random: &mut Random,
) -> Result<Differences, E> {
    let mut out =
        Differences { right: true, points: points.len(), entries: 0, max_relative_error: 0.0, counterexample: None };
    let mut worst = 0.0;
    for point in points {
        let claimed = claim(point)?;
        let n = point.len();
        let all = n <= ENTRIES;
        for turn in 0..n.min(ENTRIES) {
            let k = if all { turn } else { ((random.uniform() * n as f64) as usize).min(n - 1) };
            let mut open: Vec<(usize, f64, f64, f64)> = Vec::new();
            for (turn, scale) in SCALES.into_iter().enumerate() {
                let rows = partial(&mut function, point, k, scale)?;
                let before = std::mem::take(&mut open);
                for (row, (found, error)) in rows.into_iter().enumerate() {
                    let Some(value) = claimed.get(row * n + k).copied() else { continue };
                    let last = before.iter().find(|(known, ..)| *known == row);
                    if turn > 0 && last.is_none() {
                        continue;
                    }
                    let size = found.abs().max(value.abs()).max(1e-3);
                    let (gap, allowed) = ((value - found).abs(), MARGIN * error + SMALLEST * size);
                    if !found.is_finite() || !error.is_finite() {
                        open.extend(last);
                        continue;
                    }
                    out.entries += usize::from(turn == 0);
                    // NaN is wrong, too
                    if gap <= allowed {
                        if error < 1e-6 * size {
                            out.max_relative_error = out.max_relative_error.max(gap / size);
                        }
                        continue;
                    }
                    let excess = if gap.is_nan() { f64::INFINITY } else { gap / allowed };
                    let now = (row, excess, found, error);
                    open.push(last.filter(|last| last.1 < excess).copied().unwrap_or(now));
                }
                if open.is_empty() {
                    break;
                }
            }
            for (row, excess, found, error) in open {
                out.right = false;
                if excess > worst {
                    worst = excess;
                    let claimed = claimed.get(row * n + k).copied().unwrap_or(f64::NAN);
                    let entry = (row, k);
                    out.counterexample = Some(Counterexample { point: point.clone(), entry, claimed, found, error });
                }
            }
        }
    }
    Ok(out)
}

/// The partial derivatives of all entries of the value by one variable, each with an estimate of its error.
fn partial<E>(
    function: &mut impl FnMut(&[f64]) -> Result<Vec<f64>, E>,
    point: &[f64],
    k: usize,
    scale: f64,
) -> Result<Vec<(f64, f64)>, E> {
    let mut moved = point.to_vec();
    let size = moved.get(k).map_or(1.0, |x| x.abs().max(0.1));
    let mut step = scale * size;
    let mut rows: Vec<Vec<f64>> = Vec::new();
    let mut best: Vec<(f64, f64)> = Vec::new();
    for turn in 0..STEPS {
        let mut at = |sign: f64| {
            if let (Some(entry), Some(x)) = (moved.get_mut(k), point.get(k)) {
                *entry = x + sign * step;
            }
            function(&moved)
        };
        let (right, left) = (at(1.0)?, at(-1.0)?);
        let first: Vec<f64> = right.iter().zip(&left).map(|(r, l)| (r - l) / (2.0 * step)).collect();
        best.resize(first.len(), (f64::NAN, f64::INFINITY));
        // what rounding of the value alone makes of the difference
        let noise: Vec<f64> =
            right.iter().zip(&left).map(|(r, l)| 2.0 * f64::EPSILON * r.abs().max(l.abs()) / step).collect();
        let mut next = vec![first];
        let mut factor = FACTOR * FACTOR;
        for order in 0..turn {
            let (Some(finer), Some(coarser)) = (next.get(order), rows.get(order)) else { break };
            let joined: Vec<f64> = finer.iter().zip(coarser).map(|(a, b)| (a * factor - b) / (factor - 1.0)).collect();
            for (row, value) in joined.iter().enumerate() {
                let (Some(a), Some(b), Some(best), Some(noise)) =
                    (finer.get(row), coarser.get(row), best.get_mut(row), noise.get(row))
                else {
                    continue;
                };
                let error = (value - a).abs().max((value - b).abs()) + noise;
                if error < best.1 {
                    *best = (*value, error);
                }
            }
            next.push(joined);
            factor *= FACTOR * FACTOR;
        }
        rows = next;
        step /= FACTOR;
    }
    Ok(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(f: fn(&[f64]) -> Vec<f64>, claim: fn(&[f64]) -> Vec<f64>, points: &[Vec<f64>]) -> Differences {
        let (f, claim) = (|x: &[f64]| Ok::<_, ()>(f(x)), |x: &[f64]| Ok(claim(x)));
        compare_with_differences(f, claim, points, &mut Random::new(1)).expect("a comparison")
    }

    #[test]
    fn right_claims_are_right() {
        let points = [vec![0.3, -1.2], vec![4.0, 0.0], vec![-2.0, 1e3]];
        let right = found(
            |x| vec![x[0].exp() * x[1], x[1].sin()],
            |x| vec![x[0].exp() * x[1], x[0].exp(), 0.0, x[1].cos()],
            &points,
        );
        assert!(right.right && right.max_relative_error < 1e-6, "{right:?}");
        assert_eq!((right.points, right.entries), (3, 12));
    }

    #[test]
    fn wrong_claims_are_refuted_where_they_are_wrong() {
        let wrong = found(|x| vec![x[0] * x[1]], |x| vec![x[1], x[0] * (1.0 + 1e-5)], &[vec![2.0, 3.0]]);
        assert_eq!(wrong.counterexample.expect("an entry").entry, (0, 1));
        assert!(!found(|x| vec![x[0]], |_| vec![f64::NAN], &[vec![2.0]]).right);
        // a kink next to the point, or rough values, are no reason to refute
        let rough = found(|x| vec![(x[0] * 1e6).round() / 1e6], |_| vec![1.0], &[vec![0.7]]);
        assert!(rough.right, "{rough:?}");
    }

    #[test]
    fn of_many_variables_some_are_compared() {
        let many =
            found(|x| vec![x.iter().map(|v| v * v).sum()], |x| x.iter().map(|v| 2.0 * v).collect(), &[vec![0.5; 1000]]);
        assert!(many.right && many.entries == 64);
    }
}
