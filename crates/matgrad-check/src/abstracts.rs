//! Bodies for abstract functions: at a check, `f : R^2 -> R` is a random sum of sines and exponentials, whose
//! derivatives of every order are known.

use crate::error::{EvalError, Result};
use crate::rng::Rng;
use crate::scalar::{Elementary, Scalar};
use crate::value::{Array, Shape, Value, show};

/// `offset + Σ a sin(w·x + φ) + Σ b exp(v·x)` for each entry of the value.
#[derive(Clone, Debug)]
pub(crate) struct Body {
    arguments: usize,
    shape: Shape,
    entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    offset: f64,
    waves: Vec<Wave>,
    growths: Vec<Growth>,
}

#[derive(Clone, Debug)]
struct Wave {
    size: f64,
    phase: f64,
    slopes: Vec<f64>,
}

#[derive(Clone, Debug)]
struct Growth {
    size: f64,
    slopes: Vec<f64>,
}

impl Body {
    /// A random function of `arguments` numbers with a value of this shape, mostly around `offset`.
    pub(crate) fn random(arguments: usize, shape: &[usize], offset: f64, rng: &mut Rng) -> Self {
        let shape = crate::value::two_axes(shape);
        let count: usize = shape.iter().product();
        let slopes = |rng: &mut Rng, scale: f64| (0..arguments).map(|_| scale * rng.normal()).collect();
        let entries = (0..count)
            .map(|_| Entry {
                offset: offset + 0.3 * rng.normal(),
                waves: (0..2)
                    .map(|_| Wave { size: rng.normal(), phase: rng.uniform(0.0, 6.0), slopes: slopes(rng, 1.0) })
                    .collect(),
                growths: vec![Growth { size: rng.uniform(0.5, 1.0), slopes: slopes(rng, 0.3) }],
            })
            .collect();
        Self { arguments, shape, entries }
    }

    /// The partial derivative by these arguments (from 1), at the point that `args` make together.
    pub(crate) fn value<T: Scalar>(&self, derivative: &[u8], args: &[&Value<T>]) -> Result<Array<T>> {
        let mut x: Vec<T> = Vec::with_capacity(self.arguments);
        for arg in args {
            x.extend_from_slice(arg.dense()?.data());
        }
        if x.len() != self.arguments {
            let shapes: Vec<String> =
                args.iter().map(|arg| arg.dense().map_or_else(|_| "?".into(), |a| show(a.shape()))).collect();
            let message =
                format!("an abstract function of {} numbers is called with {}", self.arguments, shapes.join(", "));
            return Err(EvalError::shape(message));
        }
        if !derivative.is_empty() && derivative.iter().all(|k| *k == 0) {
            return self.whole(derivative.len(), &x);
        }
        if derivative.iter().any(|k| *k == 0 || usize::from(*k) > self.arguments) {
            return Err(EvalError::shape(format!("an abstract function has {} arguments", self.arguments)));
        }
        Ok(Array::from_parts(self.shape.clone(), self.at(derivative, &x)))
    }

    /// All partial derivatives of this order: the axes of the value, then one of arguments for each prime.
    fn whole<T: Scalar>(&self, order: usize, x: &[T]) -> Result<Array<T>> {
        if self.arguments == 1 {
            return Ok(Array::from_parts(self.shape.clone(), self.at(&vec![1; order], x)));
        }
        let n = self.arguments;
        let own: Vec<usize> = if self.shape.as_slice() == [1, 1] {
            Vec::new()
        } else if self.shape.get(1) == Some(&1) {
            vec![self.shape[0]]
        } else {
            self.shape.to_vec()
        };
        let mut shape = own.clone();
        shape.extend(std::iter::repeat_n(n, order));
        if own.is_empty() && order == 1 {
            shape.insert(0, 1);
        }
        let mut data: Vec<T> = Vec::new();
        crate::value::checked(&shape)?;
        let mut positions: Vec<u8> = vec![1; order];
        for _ in 0..n.pow(order as u32) {
            data.extend(self.at(&positions, x));
            for position in &mut positions {
                if usize::from(*position) < n {
                    *position += 1;
                    break;
                }
                *position = 1;
            }
        }
        match Array::new(&shape, data) {
            Some(array) => Ok(array),
            None => Err(EvalError::shape("an abstract function has no derivative of this shape")),
        }
    }

    /// The entries of a partial derivative.
    fn at<T: Scalar>(&self, derivative: &[u8], x: &[T]) -> smallvec::SmallVec<[T; 1]> {
        let dot = |slopes: &[f64]| slopes.iter().zip(x).fold(T::ZERO, |sum, (w, x)| sum + x.scale(*w));
        let factor = |slopes: &[f64]| derivative.iter().map(|k| slopes[usize::from(*k) - 1]).product::<f64>();
        let data = self.entries.iter().map(|entry| {
            let mut sum = T::new(if derivative.is_empty() { entry.offset } else { 0.0 });
            for wave in &entry.waves {
                // each derivative of a sine moves it by a quarter
                let phase = wave.phase + std::f64::consts::FRAC_PI_2 * derivative.len() as f64;
                let sine = (dot(&wave.slopes) + T::new(phase)).apply(Elementary::Sin);
                sum = sum + sine.scale(wave.size * factor(&wave.slopes));
            }
            for growth in &entry.growths {
                sum = sum + dot(&growth.slopes).exp().scale(growth.size * factor(&growth.slopes));
            }
            sum
        });
        data.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scalar::Dual;

    #[test]
    fn partial_derivatives_agree_with_duals() {
        let body = Body::random(2, &[3], 0.5, &mut Rng::new(7));
        let (u, v): (Dual<f64>, Dual<f64>) = (Dual { re: 0.4, eps: 0.0 }, Dual { re: -0.3, eps: 1.0 });
        let by_dual = body.value(&[1], &[&Value::scalar(u), &Value::scalar(v)]).unwrap();
        let direct = body.value::<f64>(&[1, 2], &[&Value::number(0.4), &Value::number(-0.3)]).unwrap();
        for (x, y) in by_dual.data().iter().zip(direct.data()) {
            assert!((x.eps - y).abs() < 1e-13);
        }
        assert!(body.value::<f64>(&[3], &[&Value::number(0.4), &Value::number(-0.3)]).is_err());
        assert!(body.value::<f64>(&[], &[&Value::number(0.4)]).is_err());
    }
}
