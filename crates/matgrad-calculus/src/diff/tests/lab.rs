//! Problems with numbers: inputs drawn at random, derivatives against central differences.

use matgrad_syntax::Attribute;

use super::value::{Point, Tensor};
use crate::diff::{Mode, Options, derivative};
use crate::graph::{Dim, Graph, NodeId};

/// From which values an input is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Draw {
    /// Between two numbers.
    Between(f64, f64),
    /// Symmetric positive definite (in the last two axes), well separated eigenvalues.
    Definite,
    /// Near a multiple of the identity, without symmetry.
    NearIdentity,
}

pub struct Lab {
    pub g: Graph,
    pub point: Point,
    state: u64,
}

impl Lab {
    /// Dimensions l, m, n of 2, 3, 4.
    pub fn new(seed: u64) -> Self {
        let mut lab =
            Self { g: Graph::new(), point: Point::default(), state: seed.wrapping_mul(0x9e37_79b9) ^ 0x1234_5678_9abc };
        for (name, size) in [("l", 2), ("m", 3), ("n", 4)] {
            lab.point.sizes.insert(name.into(), size);
        }
        lab
    }

    /// Uniform in [0, 1).
    pub fn uniform(&mut self) -> f64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 11) as f64 / (1u64 << 53) as f64
    }

    pub fn below(&mut self, n: usize) -> usize {
        ((self.uniform() * n as f64) as usize).min(n - 1)
    }

    pub fn dims(&mut self, names: &str) -> Vec<Dim> {
        names
            .chars()
            .map(|c| match c.to_digit(10) {
                Some(value) => self.g.sizes.constant(i64::from(value)),
                None => self.g.sizes.symbol(&c.to_string()),
            })
            .collect()
    }

    /// An input; dimensions by letters or digits.
    pub fn input(&mut self, name: &str, dims: &str, draw: Draw) -> NodeId {
        self.attributed(name, dims, draw, &[])
    }

    pub fn attributed(&mut self, name: &str, dims: &str, draw: Draw, attributes: &[Attribute]) -> NodeId {
        let dims = self.dims(dims);
        let shape = self.point.shape(&self.g, &dims);
        let random = |lab: &mut Self, low: f64, high: f64| {
            let count = shape.iter().product();
            Tensor { shape: shape.clone(), data: (0..count).map(|_| low + (high - low) * lab.uniform()).collect() }
        };
        let value = match draw {
            Draw::Between(low, high) => random(self, low, high),
            Draw::Definite => {
                let r = random(self, -0.3, 0.3);
                let last = shape.len() - 1;
                Tensor::from(&shape, |i| {
                    let mut j = i.to_vec();
                    j.swap(last - 1, last);
                    let diagonal = if i == j { 2.0 + i[last] as f64 } else { 0.0 };
                    diagonal + r.at(i) + r.at(&j)
                })
            }
            Draw::NearIdentity => {
                let r = random(self, -0.3, 0.3);
                let last = shape.len() - 1;
                Tensor::from(&shape, |i| {
                    r.at(i) + if i[last] == i[last - 1] { 1.5 + 0.2 * i[last] as f64 } else { 0.0 }
                })
            }
        };
        self.point.inputs.insert(name.into(), value);
        self.g.input(name, &dims, false, attributes)
    }

    pub fn value(&self, node: NodeId) -> Tensor {
        self.point.value(&self.g, node)
    }

    /// Central differences of fourth order.
    pub fn differences(&self, root: NodeId, wrt: NodeId) -> Tensor {
        self.differences_by(root, wrt, 1e-3)
    }

    /// The same with a given step.
    pub fn differences_by(&self, root: NodeId, wrt: NodeId, step: f64) -> Tensor {
        let info = self.g.as_input(wrt).expect("an input");
        let name = info.name.to_string();
        let symmetric = info.attributes.iter().any(|a| matches!(a, Attribute::Symmetric | Attribute::Pd));
        let base = self.point.inputs[&name].clone();
        let columns = base.data.len();
        let mut point = self.point.clone();
        let mut shape = Vec::new();
        let mut data: Vec<f64> = Vec::new();
        for k in 0..columns {
            let mut sum: Vec<f64> = Vec::new();
            for (offset, weight) in [(1.0, 8.0), (-1.0, -8.0), (2.0, -1.0), (-2.0, 1.0)] {
                let mut moved = base.clone();
                if symmetric {
                    let n = base.shape[1];
                    moved.data[k] += offset * step / 2.0;
                    moved.data[k % n * n + k / n] += offset * step / 2.0;
                } else {
                    moved.data[k] += offset * step;
                }
                point.inputs.insert(name.clone(), moved);
                let value = point.value(&self.g, root);
                sum.resize(value.data.len(), 0.0);
                shape.clone_from(&value.shape);
                sum.iter_mut().zip(&value.data).for_each(|(s, v)| *s += weight * v / (12.0 * step));
            }
            data.extend(sum);
        }
        shape.extend(&base.shape);
        let rows = data.len() / columns.max(1);
        let data = (0..rows * columns).map(|k| data[k % columns * rows + k / columns]).collect();
        Tensor { shape, data }
    }

    #[track_caller]
    pub fn same(&self, found: &Tensor, expected: &Tensor, what: &str) {
        assert_eq!(found.shape, expected.shape, "{what}");
        let scale = expected.data.iter().fold(1.0f64, |m, v| m.max(v.abs()));
        for (k, (a, b)) in found.data.iter().zip(&expected.data).enumerate() {
            assert!((a - b).abs() <= 2e-7 * scale, "{what}: entry {k} is {a}, expected {b}");
        }
    }

    /// First and second derivative in both modes against differences.
    #[track_caller]
    pub fn check(&mut self, what: &str, root: NodeId, wrt: NodeId) {
        let first = self.check_first(what, root, wrt);
        self.check_first(&format!("second order of {what}"), first, wrt);
    }

    #[track_caller]
    pub fn check_first(&mut self, what: &str, root: NodeId, wrt: NodeId) -> NodeId {
        let expected = self.differences(root, wrt);
        for mode in [Mode::Forward, Mode::Reverse] {
            let options = Options { mode: Some(mode), ..Options::default() };
            let found = derivative(&mut self.g, root, wrt, options).expect("a derivative");
            self.same(&self.value(found), &expected, &format!("{what}, {mode:?}"));
        }
        derivative(&mut self.g, root, wrt, Options::default()).expect("a derivative")
    }
}
