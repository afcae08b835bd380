//! Random members of the domain of a function.
//!
//! Declared structure is always kept. What a function needs beyond it (positive entries under a logarithm, a positive
//! definite matrix under `chol`) is found by trying: normal entries first, then narrower families.

use matgrad_syntax::Attribute;

use crate::rng::Rng;
use crate::value::Array;

/// A family of random values for variables without structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// Standard normal entries.
    General,
    /// Normal entries times 0.3.
    Small,
    /// Entries between 0.5 and 1.5.
    Positive,
    /// Entries between 0.1 and 0.9.
    UnitInterval,
    /// Entries between 1.1 and 2.1.
    AboveOne,
    /// Square matrices symmetric positive definite, anything else normal.
    Definite,
    /// Square matrices symmetric positive definite, anything else positive.
    DefinitePositive,
    /// Square matrices symmetric positive definite with eigenvalues below 1, anything else small.
    DefiniteSmall,
}

impl Family {
    /// In the order they are tried, with the number of attempts.
    pub(crate) const TRIED: [(Family, usize); 8] = [
        (Family::General, 5),
        (Family::Positive, 3),
        (Family::UnitInterval, 2),
        (Family::Definite, 3),
        (Family::Small, 3),
        (Family::DefinitePositive, 3),
        (Family::AboveOne, 3),
        (Family::DefiniteSmall, 3),
    ];

    /// Whether square matrices come out symmetric.
    pub(crate) fn is_symmetric(self) -> bool {
        matches!(self, Family::Definite | Family::DefinitePositive | Family::DefiniteSmall)
    }

    /// As part of a sentence: "at points with …"; `None` for the general one.
    pub fn describe(self) -> Option<&'static str> {
        match self {
            Family::General => None,
            Family::Small => Some("small entries"),
            Family::Positive => Some("positive entries"),
            Family::UnitInterval => Some("entries between 0 and 1"),
            Family::AboveOne => Some("entries above 1"),
            Family::Definite => Some("positive definite matrices"),
            Family::DefinitePositive => Some("positive definite matrices and positive vectors"),
            Family::DefiniteSmall => Some("small positive definite matrices"),
        }
    }
}

/// A random array of this shape in the family, with the declared structure.
pub(crate) fn draw(shape: &[usize], attributes: &[Attribute], family: Family, rng: &mut Rng) -> Array {
    let has = |attribute| attributes.contains(&attribute);
    let square = matches!(shape, [m, n] if m == n);
    let n = shape.first().copied().unwrap_or(1);
    if has(Attribute::Orthogonal) {
        return orthogonal(shape, has(Attribute::Symmetric), rng);
    }
    if square && !has(Attribute::Diagonal) {
        if has(Attribute::Pd) || has(Attribute::Psd) {
            return definite(n, if family == Family::DefiniteSmall { 0.3 } else { 1.0 }, rng);
        }
        if has(Attribute::Skew) {
            let a = entries(shape, family, rng);
            return a.zip(&a.transposed(), |x, y| (x - y) / 2.0);
        }
        let free = !has(Attribute::Lower) && !has(Attribute::Upper) && n > 1;
        if free && family.is_symmetric() && !has(Attribute::Positive) && !has(Attribute::Nonneg) {
            return definite(n, if family == Family::DefiniteSmall { 0.3 } else { 1.0 }, rng);
        }
    }
    let positive = has(Attribute::Positive) || has(Attribute::Nonneg) || has(Attribute::Pd) || has(Attribute::Psd);
    let family = match family {
        Family::General | Family::Small | Family::Definite | Family::DefiniteSmall if positive => Family::Positive,
        other => other,
    };
    let mut a = entries(shape, family, rng);
    if !square {
        return a;
    }
    if has(Attribute::Symmetric) {
        a = a.zip(&a.transposed(), |x, y| (x + y) / 2.0);
    }
    if has(Attribute::Lower) || has(Attribute::Upper) || has(Attribute::Diagonal) {
        for j in 0..n {
            for i in 0..n {
                let gone = (i != j && has(Attribute::Diagonal))
                    || (i < j && has(Attribute::Lower))
                    || (i > j && has(Attribute::Upper));
                if gone {
                    a.set(i, j, 0.0);
                } else if i == j {
                    // well away from 0, so that the matrix has an inverse
                    a.set(i, j, rng.uniform(0.5, 1.5));
                }
            }
        }
    }
    a
}

fn entries(shape: &[usize], family: Family, rng: &mut Rng) -> Array {
    let mut out = Array::zeros(shape);
    for x in out.data_mut() {
        *x = match family {
            Family::General | Family::Definite => rng.normal(),
            Family::Small | Family::DefiniteSmall => 0.3 * rng.normal(),
            Family::Positive | Family::DefinitePositive => rng.uniform(0.5, 1.5),
            Family::UnitInterval => rng.uniform(0.1, 0.9),
            Family::AboveOne => rng.uniform(1.1, 2.1),
        };
    }
    out
}

fn definite(n: usize, scale: f64, rng: &mut Rng) -> Array {
    let a = entries(&[n, n], Family::General, rng);
    let mut out = a.matmul(&a.transposed()).scale(0.5 * scale / n as f64);
    for i in 0..n {
        // distinct eigenvalues, none near 0
        let value = out.at(i, i) + scale * (0.5 + 0.3 * i as f64 / n as f64);
        out.set(i, i, value);
    }
    out
}

/// Orthonormal columns (rows of a wide matrix) by Gram–Schmidt; a reflection where symmetric.
fn orthogonal(shape: &[usize], symmetric: bool, rng: &mut Rng) -> Array {
    let &[m, n] = shape else { return entries(shape, Family::General, rng) };
    if n > m {
        return orthogonal(&[n, m], symmetric, rng).transposed();
    }
    if symmetric {
        let v = entries(&[m, 1], Family::General, rng);
        let square: f64 = v.data().iter().map(|x| x * x).sum();
        let mut out = v.matmul(&v.transposed()).scale(-2.0 / square);
        for i in 0..m {
            let value = out.at(i, i) + 1.0;
            out.set(i, i, value);
        }
        return out;
    }
    let mut out = Array::zeros(shape);
    for j in 0..n {
        let mut column: Vec<f64> = (0..m).map(|_| rng.normal()).collect();
        // twice, for orthogonality to the last digit
        for _ in 0..2 {
            for k in 0..j {
                let dot: f64 = (0..m).map(|i| column[i] * out.at(i, k)).sum();
                for (i, x) in column.iter_mut().enumerate() {
                    *x -= dot * out.at(i, k);
                }
            }
        }
        let norm = column.iter().map(|x| x * x).sum::<f64>().sqrt();
        for (i, x) in column.iter().enumerate() {
            out.set(i, j, x / norm);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg;

    #[test]
    fn structure_is_kept() {
        let mut rng = Rng::new(5);
        for (family, _) in Family::TRIED {
            let mut get = |attribute| draw(&[3, 3], &[attribute], family, &mut rng);
            let s = get(Attribute::Symmetric);
            assert_eq!(s, s.transposed());
            let k = get(Attribute::Skew);
            assert_eq!(k.at(0, 1), -k.at(1, 0));
            assert!(linalg::chol(&get(Attribute::Pd)).is_ok());
            assert_eq!(get(Attribute::Lower).at(0, 2), 0.0);
            assert_eq!(get(Attribute::Upper).at(2, 0), 0.0);
            assert_eq!(get(Attribute::Diagonal).at(1, 0), 0.0);
            assert!(get(Attribute::Positive).data().iter().all(|x| *x > 0.0));
            let q = get(Attribute::Orthogonal);
            assert!(q.transposed().matmul(&q).zip(&Array::eye(3), |x, y| x - y).magnitude() < 1e-14);
        }
    }

    #[test]
    fn definite_families() {
        let a = draw(&[4, 4], &[], Family::Definite, &mut Rng::new(2));
        assert!(linalg::chol(&a).is_ok());
        assert_eq!(draw(&[4, 3], &[], Family::Definite, &mut Rng::new(2)).shape(), [4, 3]);
    }
}
