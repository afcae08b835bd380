//! Random data for a text, to try it and to time it.

use std::collections::BTreeMap;

use matgrad_calculus::infer;
use matgrad_eval::{Array, Inputs};
use matgrad_syntax::{Attribute, Name};

use crate::{Failure, Text};

/// Uniform and normal numbers from a seed (a linear congruential generator with mixed output).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// A sequence of its own for each seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number between 0 and 1.
    pub fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mixed = (self.0 ^ (self.0 >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        ((mixed ^ (mixed >> 29)) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A number of the standard normal distribution, by Box and Muller.
    pub fn normal(&mut self) -> f64 {
        let (u, v) = (1.0 - self.uniform(), self.uniform());
        (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
    }
}

/// Random data for all variables of a text whose dimension names have these sizes: normal numbers, made to be what the
/// variables are declared to be (symmetric, positive definite, positive …).
///
/// ```
/// use matgrad::{Evaluation, Text, draw};
/// let text = Text::expression("logdet(K)").declare("K in R^(n x n) pd");
/// let data = draw(&text, &[("n", 5)], 1)?;
/// assert_eq!(data.get("K").unwrap().shape(), [5, 5]);
/// assert!(Evaluation::new(text).plan(&data)?.run(&data)?[0].1.data()[0].is_finite());
/// # Ok::<(), matgrad::Failure>(())
/// ```
///
/// # Errors
/// What is wrong with the text, and dimensions that have no size.
pub fn draw(text: &Text, sizes: &[(&str, usize)], seed: u64) -> Result<Inputs, Failure> {
    let (source, script) = text.read()?;
    let analysis = infer::analyze(&script, &infer::Options::default())
        .map_err(|diagnostics| Failure { source: source.clone(), diagnostics })?;
    let sizes: BTreeMap<Name, usize> = sizes.iter().map(|(name, size)| ((*name).into(), *size)).collect();
    let (mut random, mut inputs) = (Random::new(seed), Inputs::new());
    for variable in &analysis.variables {
        let mut shape = Vec::with_capacity(variable.dims.len());
        for dim in &variable.dims {
            let size = analysis.graph.sizes.evaluate(*dim, &sizes).ok_or_else(|| {
                let text = analysis.graph.sizes.text(*dim);
                Failure::whole(
                    source.clone(),
                    "size",
                    format!("an axis of `{}` has the size {text}, which is not given", variable.name),
                )
            })?;
            shape.push(size);
        }
        if shape.iter().try_fold(8usize, |bytes, n| bytes.checked_mul(*n)).is_none_or(|bytes| bytes > LARGEST) {
            let message = format!("`{}` would have more than {LARGEST} bytes", variable.name);
            return Err(Failure::whole(source, "limit", message));
        }
        inputs.insert(&variable.name, member(&shape, &variable.attributes, &mut random));
    }
    Ok(inputs)
}

/// No array that is drawn takes more bytes.
const LARGEST: usize = 4 << 30;

fn member(shape: &[usize], attributes: &[Attribute], random: &mut Random) -> Array {
    let plain = Array::from_fn(shape, |_| random.normal());
    let at = |i: usize, j: usize| plain.get(&[i, j]).unwrap_or(0.0);
    let n = shape.first().copied().unwrap_or(1);
    let unit = |i: &[usize]| f64::from(u8::from(i[0] == i[1]));
    if let [rows, cols] = shape
        && rows == cols
    {
        let made = attributes.iter().find_map(|attribute| match attribute {
            // a Wigner matrix has a spectrum within ±2
            Attribute::Pd | Attribute::Psd => Some(Array::from_fn(shape, |i| {
                (at(i[0], i[1]) + at(i[1], i[0])) / (2.0 * n as f64).sqrt() + 3.0 * unit(i)
            })),
            Attribute::Symmetric => Some(Array::from_fn(shape, |i| (at(i[0], i[1]) + at(i[1], i[0])) / 2.0)),
            Attribute::Skew => Some(Array::from_fn(shape, |i| (at(i[0], i[1]) - at(i[1], i[0])) / 2.0)),
            Attribute::Diagonal => Some(Array::from_fn(shape, |i| unit(i) * at(i[0], i[1]))),
            Attribute::Lower => Some(Array::from_fn(shape, |i| if i[0] >= i[1] { at(i[0], i[1]) } else { 0.0 })),
            Attribute::Upper => Some(Array::from_fn(shape, |i| if i[0] <= i[1] { at(i[0], i[1]) } else { 0.0 })),
            // the reflection at a random plane
            Attribute::Orthogonal => {
                let square: f64 = (0..n).map(|k| at(k, 0) * at(k, 0)).sum();
                Some(Array::from_fn(shape, |i| unit(i) - 2.0 * at(i[0], 0) * at(i[1], 0) / square))
            }
            Attribute::Positive | Attribute::Nonneg => None,
        });
        if let Some(made) = made {
            return made;
        }
    }
    if attributes.iter().any(|a| matches!(a, Attribute::Positive | Attribute::Nonneg)) {
        return Array::from_fn(shape, |_| 0.5 + random.uniform());
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_are_what_is_declared() {
        let text = Text::script(
            "a.mg",
            "K in R^(n x n) pd\nS in R^(n x n) skew\nL in R^(n x n) lower\nQ in R^(n x n) orthogonal\np in R^n positive\nf = tr(K*S*L*Q) + sum(p)",
        );
        let data = draw(&text, &[("n", 4)], 3).expect("data");
        let entry = |name: &str, i: usize, j: usize| data.get(name).and_then(|a| a.get(&[i, j])).expect("an entry");
        assert_eq!(entry("K", 1, 2), entry("K", 2, 1));
        assert_eq!(entry("S", 1, 2), -entry("S", 2, 1));
        assert_eq!(entry("L", 1, 2), 0.0);
        let dot: f64 = (0..4).map(|k| entry("Q", 1, k) * entry("Q", 2, k)).sum();
        assert!(dot.abs() < 1e-14);
        assert!(data.get("p").is_some_and(|p| p.data().iter().all(|x| *x > 0.0)));
        assert_eq!(draw(&text, &[("n", 4)], 3).expect("data"), data);
        assert!(draw(&text, &[], 3).is_err_and(|e| e.to_string().contains("the size n")));
        assert!(draw(&text, &[("n", 1 << 20)], 3).is_err());
    }
}
