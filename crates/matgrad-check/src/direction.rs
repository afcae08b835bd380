//! Steps of a variable: free ones, and ones that respect its structure.

use matgrad_syntax::Attribute;

use crate::value::Array;

/// What the derivative by a variable with structure means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Convention {
    /// Every entry moves by itself.
    #[default]
    Free,
    /// An entry moves with those that the structure ties to it: `X[i,j]` together with `X[j,i]` of a symmetric X.
    Entries,
    /// The answer lies in the structure's tangent space and gives df for every step in it.
    Tangent,
}

/// A step of the variable and the weights that an answer is contracted with to say what it predicts.
pub(crate) struct Direction {
    pub step: Vec<f64>,
    pub weights: Vec<f64>,
}

/// Whether a variable has a symmetric value, so that symmetric steps keep it so.
pub(crate) fn is_symmetric(x: &Array) -> bool {
    x.is_square() && !x.is_scalar() && x.zip(&x.transposed(), |a, b| a - b).magnitude() <= 1e-12 * x.magnitude()
}

pub(crate) fn symmetric_part(n: usize, step: &mut [f64]) {
    for j in 0..n {
        for i in 0..j {
            let mean = (step[i + n * j] + step[j + n * i]) / 2.0;
            step[i + n * j] = mean;
            step[j + n * i] = mean;
        }
    }
}

/// A direction of the variable under a convention, from free random numbers.
pub(crate) fn structured(convention: Convention, attributes: &[Attribute], x: &Array, free: Vec<f64>) -> Direction {
    let has = |attribute| attributes.contains(&attribute);
    if convention == Convention::Free || !x.is_square() || x.is_scalar() {
        return Direction { weights: free.clone(), step: free };
    }
    let n = x.rows();
    let symmetric = has(Attribute::Symmetric) || has(Attribute::Pd) || has(Attribute::Psd);
    if has(Attribute::Orthogonal) {
        let a = Array::matrix(n, n, free);
        let skew = a.zip(&a.transposed(), |p, q| (p - q) / 2.0);
        let step = x.matmul(&skew).data().to_vec();
        return Direction { weights: step.clone(), step };
    }
    let (mut step, mut weights) = (vec![0.0; n * n], vec![0.0; n * n]);
    for j in 0..n {
        for i in 0..n {
            let gone = (has(Attribute::Diagonal) && i != j)
                || (has(Attribute::Lower) && i < j)
                || (has(Attribute::Upper) && i > j)
                || (has(Attribute::Skew) && i == j);
            let w = free[i + n * j];
            // an entry that the structure does not leave has the derivative 0
            weights[i + n * j] = w;
            if gone {
                continue;
            }
            step[i + n * j] += w;
            if i != j && symmetric {
                step[j + n * i] += w;
            }
            if has(Attribute::Skew) {
                step[j + n * i] -= w;
            }
        }
    }
    if convention == Convention::Tangent {
        weights.clone_from(&step);
    }
    Direction { step, weights }
}

/// The step that moves so far along the entries that are free: those below the diagonal and on it, where others are tied
/// to them.
pub(crate) fn along_free_entries(
    convention: Convention,
    attributes: &[Attribute],
    x: &Array,
    mut entries: Vec<f64>,
) -> Vec<f64> {
    use Attribute::{Orthogonal, Pd, Psd, Skew, Symmetric};
    let tied = attributes.iter().any(|a| matches!(a, Skew | Symmetric | Pd | Psd)) && !attributes.contains(&Orthogonal);
    if convention != Convention::Free && tied && x.is_square() {
        let n = x.rows();
        (0..n).for_each(|j| entries[n * j..n * j + j].fill(0.0));
    }
    structured(convention, attributes, x, entries).step
}

/// The mixed derivative of the geodesic surface `Q·exp(s·A + t·B)` through an orthogonal Q with the steps QA and QB:
/// Q(AB + BA)/2. `None` where the variable moves in a flat space or along one step.
pub(crate) fn bend(
    convention: Convention,
    attributes: &[Attribute],
    q: &Array,
    directions: &[Direction],
) -> Option<Vec<f64>> {
    let [first, second] = directions else { return None };
    if convention == Convention::Free || !attributes.contains(&Attribute::Orthogonal) || !q.is_square() {
        return None;
    }
    let n = q.rows();
    let back = |step: &[f64]| q.transposed().matmul(&Array::matrix(n, n, step.to_vec()));
    let (a, b) = (back(&first.step), back(&second.step));
    let both = a.matmul(&b).zip(&b.matmul(&a), |x, y| (x + y) / 2.0);
    Some(q.matmul(&both).data().to_vec())
}
