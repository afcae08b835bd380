//! Random expressions: what the constructors of the graph make of them has the value that the definitions give, and the
//! derivative that differences give.

use matgrad_syntax::{Attribute, Rational};

use super::lab::{Draw, Lab};
use super::value::{self, Tensor};
use crate::graph::{Dim, Label, MapOp, MatrixOp, NodeId, Part, ProductBuilder, ReduceOp};

const WIDE: Draw = Draw::Between(-1.5, 1.5);

/// A node and the value that the definitions give, whether it has a derivative, and how it was made.
struct Item {
    node: NodeId,
    value: Tensor,
    smooth: bool,
    history: String,
}

struct Fuzz {
    lab: Lab,
    pool: Vec<Item>,
    inputs: Vec<NodeId>,
}

impl Fuzz {
    fn new(seed: u64) -> Self {
        let mut fuzz = Self { lab: Lab::new(seed), pool: Vec::new(), inputs: Vec::new() };
        let positive = Draw::Between(0.5, 2.0);
        for (name, dims, draw, attributes) in [
            ("t", "", positive, &[][..]),
            ("u", "", WIDE, &[]),
            ("x", "m", WIDE, &[]),
            ("y", "m", WIDE, &[]),
            ("p", "m", positive, &[Attribute::Positive]),
            ("z", "n", WIDE, &[]),
            ("A", "mm", WIDE, &[]),
            ("B", "mm", Draw::NearIdentity, &[]),
            ("C", "mn", WIDE, &[]),
            ("S", "mm", Draw::Definite, &[Attribute::Pd]),
            ("T", "lmm", Draw::NearIdentity, &[]),
            ("w", "2", WIDE, &[]),
            ("W", "22", WIDE, &[]),
            ("v", "4", WIDE, &[]),
            ("c", "3", WIDE, &[]),
        ] {
            let node = fuzz.lab.attributed(name, dims, draw, attributes);
            fuzz.inputs.push(node);
            fuzz.keep(node, fuzz.lab.value(node), true, name.into());
        }
        fuzz.constants();
        // skew and orthogonal inputs
        for (name, attribute) in [("K", Attribute::Skew), ("Q", Attribute::Orthogonal)] {
            let node = fuzz.lab.attributed(name, "mm", WIDE, &[attribute]);
            let value = fuzz.lab.point.inputs.get_mut(name).unwrap();
            let m = super::linalg::Mat::new(3, 3, value.data.clone());
            let skew = m.add(&m.turn(), -1.0);
            let orthogonal = skew.expm();
            value.data = if attribute == Attribute::Skew { skew.data } else { orthogonal.data };
            fuzz.keep(node, fuzz.lab.value(node), true, name.into());
        }
        fuzz
    }

    /// What the structural nodes are made of, drawn into products like anything else.
    fn constants(&mut self) {
        let g = &mut self.lab.g;
        let (one, two, three) = (g.sizes.constant(1), g.sizes.constant(2), g.sizes.constant(3));
        let (m, zero, minus) = (g.sizes.symbol("m"), g.sizes.constant(0), g.sizes.constant(-1));
        let four = g.sizes.constant(4);
        let nodes = [
            g.identity(m),
            g.identity(two),
            g.ones(&[m]),
            g.one_hot(one, m),
            g.one_hot(m, m),
            g.one_hot(two, two),
            g.one_hot(three, three),
            g.one_hot(three, four),
            g.iota(m),
            g.iota(four),
            g.shift(one, m, m),
            g.shift(minus, m, m),
            g.shift(one, three, four),
            g.shift(two, two, four),
            g.shift(zero, two, four),
            g.fuse(two, two),
            g.levi_civita(3),
            g.lower_mask(m, m),
            g.size(m),
            g.pi(),
        ];
        for node in nodes {
            self.keep(node, self.lab.value(node), true, format!("{:?}", self.lab.g.node(node)));
        }
    }

    fn keep(&mut self, node: NodeId, value: Tensor, smooth: bool, history: String) {
        let tame = value.data.iter().all(|v| v.is_finite() && v.abs() < 1e3);
        if !tame || history.len() > 400 {
            return;
        }
        let found = self.lab.value(node);
        self.lab.same(&found, &value, &history);
        self.pool.push(Item { node, value, smooth, history });
    }

    fn any(&mut self) -> usize {
        let n = self.pool.len();
        self.lab.below(n)
    }

    /// Another item with the same axes.
    fn like(&mut self, k: usize) -> usize {
        let axes = self.lab.g.axes(self.pool[k].node).clone();
        let alike: Vec<usize> = (0..self.pool.len()).filter(|j| *self.lab.g.axes(self.pool[*j].node) == axes).collect();
        alike[self.lab.below(alike.len())]
    }

    fn step(&mut self) {
        match self.lab.below(12) {
            0..=4 => self.product(),
            5 | 6 => self.sum(),
            7 => self.map_one(),
            8 => self.map_two(),
            9 => self.matrix(),
            10 => self.reduce_or_permute(),
            _ => self.stack(),
        }
    }

    fn product(&mut self) {
        let count = 1 + self.lab.below(3);
        let mut p = ProductBuilder::new();
        let mut dims: Vec<Dim> = Vec::new();
        let mut factors: Vec<(usize, Vec<Label>, Rational)> = Vec::new();
        for _ in 0..count {
            let k = self.any();
            let axes = self.lab.g.axes(self.pool[k].node).clone();
            let mut labels = Vec::new();
            for dim in &axes {
                let known: Vec<Label> = (0..dims.len()).filter(|l| dims[*l] == *dim).map(|l| l as Label).collect();
                if known.is_empty() || self.lab.below(3) == 0 {
                    dims.push(*dim);
                    labels.push(p.label(*dim));
                } else {
                    labels.push(known[self.lab.below(known.len())]);
                }
            }
            let exponent = match self.lab.below(9) {
                0 => Rational::int(2),
                1 => Rational::int(-1),
                2 => Rational::new(1, 2),
                3 => Rational::new(-1, 2),
                _ => Rational::ONE,
            };
            p.power(self.pool[k].node, &labels, exponent.clone());
            factors.push((k, labels, exponent));
        }
        let mut out: Vec<Label> = Vec::new();
        for label in 0..dims.len() as Label {
            if self.lab.below(2) == 0 {
                out.push(label);
            }
        }
        match self.lab.below(6) {
            0 if !out.is_empty() => out.push(out[0]),
            1 => {
                dims.push(dims.first().copied().unwrap_or_else(|| self.lab.g.sizes.symbol("m")));
                out.push(p.label(*dims.last().unwrap()));
            }
            2 => out.reverse(),
            _ => {}
        }
        if out.len() > 3 {
            return;
        }
        let wild = |(k, _, e): &(usize, Vec<Label>, Rational)| {
            let value = &self.pool[*k].value;
            *e != Rational::ONE && !e.is_even() && value.data.iter().any(|v| v.abs() < 1e-2)
        };
        if factors.iter().any(wild) {
            return;
        }
        let sizes = self.lab.point.shape(&self.lab.g, &dims);
        let values: Vec<(&Tensor, &[Label], f64)> =
            factors.iter().map(|(k, l, e)| (&self.pool[*k].value, l.as_slice(), e.to_f64())).collect();
        let value = value::einsum(&values, &sizes, &out);
        let smooth = factors.iter().all(|(k, ..)| self.pool[*k].smooth);
        let history: Vec<String> =
            factors.iter().map(|(k, l, e)| format!("({}){l:?}^{e}", self.pool[*k].history)).collect();
        let node = p.build(&mut self.lab.g, &out);
        self.keep(node, value, smooth, format!("{} -> {out:?}", history.join(" ")));
    }

    fn sum(&mut self) {
        let first = self.any();
        let mut members = vec![first];
        for _ in 0..1 + self.lab.below(2) {
            members.push(self.like(first));
        }
        let coefficients: Vec<Rational> =
            members.iter().map(|_| Rational::new(self.lab.below(5) as i64 - 2, 1 + self.lab.below(2) as i64)).collect();
        let shape = self.pool[first].value.shape.clone();
        let value = Tensor::from(&shape, |i| {
            members.iter().zip(&coefficients).map(|(k, c)| c.to_f64() * self.pool[*k].value.at(i)).sum()
        });
        let terms: Vec<_> = members.iter().zip(&coefficients).map(|(k, c)| (c.clone(), self.pool[*k].node)).collect();
        let history: Vec<String> =
            members.iter().zip(&coefficients).map(|(k, c)| format!("{c}*({})", self.pool[*k].history)).collect();
        let dims = self.lab.g.axes(self.pool[first].node).clone();
        let smooth = members.iter().all(|k| self.pool[*k].smooth);
        let node = self.lab.g.sum(&terms, &dims);
        self.keep(node, value, smooth, history.join(" + "));
    }

    fn map_one(&mut self) {
        use MapOp::*;
        let all = [
            Exp, Log, Abs, Sign, Cbrt, Sin, Cos, Tan, Asin, Atan, Sinh, Cosh, Tanh, Asinh, Atanh, Sigmoid, Softplus,
            Relu, Erf, Log, Exp, Sigmoid,
        ];
        let op = all[self.lab.below(all.len())];
        let k = self.any();
        let item = &self.pool[k];
        let near_zero = item.value.data.iter().any(|v| v.abs() < 1e-2);
        if near_zero && matches!(op, Log | Abs | Sign | Cbrt | Relu) || item.value.data.iter().any(|v| v.abs() > 5.0) {
            return;
        }
        let steep = match op {
            Atanh | Asin => item.value.data.iter().any(|v| v.abs() > 0.98),
            Tan => item.value.data.iter().any(|v| v.cos().abs() < 0.05),
            _ => false,
        };
        if steep {
            return;
        }
        let value = Tensor::from(&item.value.shape.clone(), |i| value::map(op, &[item.value.at(i)]));
        let (history, smooth) = (format!("{op:?}({})", item.history), item.smooth && op != Tan);
        let node = item.node;
        let node = self.lab.g.map(op, &[node]);
        self.keep(node, value, smooth, history);
    }

    fn map_two(&mut self) {
        use MapOp::*;
        let op = [Max, Min, Atan2, Pow, Less, LessEq, Where][self.lab.below(7)];
        let k = self.any();
        let (j, i) = (self.like(k), self.like(k));
        let members = if op == Where { vec![k, j, i] } else { vec![k, j] };
        let close = self.pool[k].value.data.iter().zip(&self.pool[j].value.data).any(|(a, b)| (a - b).abs() < 1e-2);
        let negative = op == Pow && self.pool[k].value.data.iter().any(|v| *v < 0.0);
        if negative || (close && op != Where) || self.pool[k].value.data.iter().any(|v| v.abs() < 1e-2) {
            return;
        }
        let shape = self.pool[k].value.shape.clone();
        let value = Tensor::from(&shape, |at| {
            let values: Vec<f64> = members.iter().map(|k| self.pool[*k].value.at(at)).collect();
            value::map(op, &values)
        });
        let nodes: Vec<NodeId> = members.iter().map(|k| self.pool[*k].node).collect();
        let history: Vec<&str> = members.iter().map(|k| self.pool[*k].history.as_str()).collect();
        let history = format!("{op:?}({})", history.join(", "));
        let smooth = members.iter().all(|k| self.pool[*k].smooth);
        let node = self.lab.g.map(op, &nodes);
        self.keep(node, value, smooth, history);
    }

    fn matrix(&mut self) {
        let all = [
            MatrixOp::Inverse,
            MatrixOp::Inverse,
            MatrixOp::Det,
            MatrixOp::LogDet,
            MatrixOp::Adjugate,
            MatrixOp::Pinv,
            MatrixOp::Cholesky,
            MatrixOp::Expm,
            MatrixOp::Sqrtm,
            MatrixOp::Logm,
            MatrixOp::NormNuc,
            MatrixOp::NormSpec,
            MatrixOp::ExpmFrechet,
        ];
        let op = all[self.lab.below(all.len())];
        let k = self.any();
        let axes = self.lab.g.axes(self.pool[k].node).clone();
        let rank = axes.len();
        let rectangular = matches!(op, MatrixOp::Pinv | MatrixOp::NormNuc | MatrixOp::NormSpec);
        if rank < 2 || !rectangular && axes[rank - 1] != axes[rank - 2] {
            return;
        }
        let own = &self.pool[k].value;
        let (rows, cols) = (own.shape[rank - 2], own.shape[rank - 1]);
        for piece in own.data.chunks(rows * cols) {
            let m = super::linalg::Mat::new(rows, cols, piece.to_vec());
            let (_, s, _) = m.svd();
            let (least, gap) = (s[s.len() - 1], s.windows(2).map(|w| w[0] - w[1]).fold(1.0, f64::min));
            // well conditioned, and where it matters definite or without a negative eigenvalue
            let square = rows == cols;
            let definite = square
                && m.add(&m.turn(), -1.0).data.iter().all(|v| v.abs() < 1e-12)
                && m.symmetric().eigen().0[0] > 0.05;
            let near = square
                && m.add(&super::linalg::Mat::identity(rows), -1.0).data.iter().map(|v| v * v).sum::<f64>() < 0.9;
            let fine = match op {
                MatrixOp::Cholesky => definite,
                MatrixOp::Sqrtm | MatrixOp::Logm => definite || near,
                MatrixOp::Expm | MatrixOp::ExpmFrechet => s[0] < 4.0,
                MatrixOp::NormNuc | MatrixOp::NormSpec => least > 0.05 && gap > 0.05,
                _ => least > 0.05,
            };
            if !fine {
                return;
            }
        }
        let j = self.like(k);
        let mut values = vec![&self.pool[k].value];
        let mut nodes = vec![self.pool[k].node];
        let mut history = format!("{op:?}({}", self.pool[k].history);
        let mut smooth = self.pool[k].smooth;
        if op == MatrixOp::ExpmFrechet {
            values.push(&self.pool[j].value);
            nodes.push(self.pool[j].node);
            history += &format!(", {}", self.pool[j].history);
            smooth &= self.pool[j].smooth;
        }
        let mut shape = self.pool[k].value.shape[..rank - 2].to_vec();
        match op {
            MatrixOp::Det | MatrixOp::LogDet | MatrixOp::NormSpec | MatrixOp::NormNuc => {}
            MatrixOp::Pinv => shape.extend([cols, rows]),
            _ => shape.extend([rows, cols]),
        }
        let value = value::matrix(op, &values, &shape);
        let node = self.lab.g.matrix(op, &nodes);
        self.keep(node, value, smooth, history + ")");
    }

    fn reduce_or_permute(&mut self) {
        let k = self.any();
        let item = &self.pool[k];
        let rank = item.value.shape.len();
        if rank == 0 {
            return;
        }
        let (node, smooth, history, value) = (item.node, item.smooth, item.history.clone(), item.value.clone());
        if self.lab.below(2) == 0 {
            let mut order: Vec<usize> = (0..rank).collect();
            order.rotate_left(self.lab.below(rank));
            let shape: Vec<usize> = order.iter().map(|k| value.shape[*k]).collect();
            let turned = Tensor::from(&shape, |i| {
                let mut index = vec![0; rank];
                order.iter().zip(i).for_each(|(k, i)| index[*k] = *i);
                value.at(&index)
            });
            let node = self.lab.g.permute(node, &order);
            self.keep(node, turned, smooth, format!("permute({history}, {order:?})"));
            return;
        }
        let op = [ReduceOp::Max, ReduceOp::Min, ReduceOp::Prod, ReduceOp::LogSumExp][self.lab.below(4)];
        let axes: Vec<u8> =
            if self.lab.below(2) == 0 { (0..rank as u8).collect() } else { vec![self.lab.below(rank) as u8] };
        let reduced = value::reduce(op, &value, &axes);
        // no derivative where two entries attain the maximum, no formula where an entry is 0
        let smooth = smooth && matches!(op, ReduceOp::LogSumExp);
        let node = self.lab.g.reduce(op, node, &axes);
        self.keep(node, reduced, smooth, format!("{op:?}({history}, {axes:?})"));
    }

    fn stack(&mut self) {
        let k = self.any();
        let (j, i) = (self.like(k), self.like(k));
        let rank = self.pool[k].value.shape.len();
        if rank > 2 {
            return;
        }
        let thick = rank > 0 && self.lab.below(2) == 0;
        let axis = self.lab.below(rank + usize::from(!thick));
        let members = [k, j, i];
        let extent = thick.then(|| self.lab.g.axes(self.pool[k].node)[axis]);
        let size = if thick { self.pool[k].value.shape[axis] } else { 1 };
        let mut shape = self.pool[k].value.shape.clone();
        if thick {
            shape[axis] *= 3;
        } else {
            shape.insert(axis, 3);
        }
        let value = Tensor::from(&shape, |at| {
            let mut inner = at.to_vec();
            if thick {
                inner[axis] = at[axis] % size;
            } else {
                inner.remove(axis);
            }
            self.pool[members[at[axis] / size]].value.at(&inner)
        });
        let parts = members.iter().map(|k| Part { node: self.pool[*k].node, extent }).collect();
        let smooth = members.iter().all(|k| self.pool[*k].smooth);
        let history: Vec<&str> = members.iter().map(|k| self.pool[*k].history.as_str()).collect();
        let history = format!("stack({axis}, {thick}, {})", history.join(", "));
        let node = self.lab.g.stack(axis as u8, parts);
        self.keep(node, value, smooth, history);
    }
}

fn rounds(default: u64) -> u64 {
    std::env::var("MATGRAD_ROUNDS").ok().and_then(|v| v.parse().ok()).unwrap_or(default)
}

#[test]
fn values_of_random_expressions() {
    let mut kept = 0;
    for seed in 1..=rounds(40) {
        let mut fuzz = Fuzz::new(seed * 7919);
        for _ in 0..120 {
            fuzz.step();
        }
        kept += fuzz.pool.len();
    }
    println!("{kept} expressions");
}

#[test]
fn derivatives_of_random_expressions() {
    let mut checked = 0;
    for seed in 1..=rounds(15) {
        let mut fuzz = Fuzz::new(seed * 104_729);
        for _ in 0..100 {
            fuzz.step();
        }
        for k in 0..fuzz.pool.len() {
            let item = &fuzz.pool[k];
            let (root, small) = (item.node, item.value.data.len() <= 12);
            // the values must stay tame around the point too
            if !item.smooth || !small || item.history.len() > 160 {
                continue;
            }
            let what = item.history.clone();
            let input = fuzz.inputs[fuzz.lab.below(fuzz.inputs.len())];
            let differences = fuzz.lab.differences(root, input);
            let finer = fuzz.lab.differences_by(root, input, 3e-4);
            // far enough from poles and kinks for differences to be right
            let pairs = || differences.data.iter().zip(&finer.data);
            let sure = pairs().all(|(a, b)| a.is_finite() && (a - b).abs() < 1e-8 * a.abs().max(1.0));
            if sure && differences.data.iter().any(|v| *v != 0.0) {
                let name = fuzz.lab.g.as_input(input).map(|i| i.name.clone());
                let what = format!("{what} by {name:?}");
                let found = fuzz.lab.check_first(&what, root, input);
                let mut memory = crate::notation::Memory::default();
                let small = crate::simplify::simplify(&mut fuzz.lab.g, &mut memory, found, NodeId(0));
                fuzz.lab.same(&fuzz.lab.value(small), &differences, &format!("simplified: {what}"));
                checked += 1;
            }
        }
    }
    println!("{checked} derivatives");
}

#[test]
fn simplified_random_expressions_keep_their_value() {
    let mut checked = 0;
    for seed in 1..=rounds(15) {
        let mut fuzz = Fuzz::new(seed * 15_485_863);
        for _ in 0..100 {
            fuzz.step();
        }
        for k in 0..fuzz.pool.len() {
            let (root, what) = (fuzz.pool[k].node, fuzz.pool[k].history.clone());
            if what.len() > 250 {
                continue;
            }
            let keep_below = NodeId(fuzz.lab.g.len() as u32);
            for keep in [NodeId(0), keep_below] {
                let mut memory = crate::notation::Memory::default();
                let small = crate::simplify::simplify(&mut fuzz.lab.g, &mut memory, root, keep);
                let value = fuzz.lab.value(small);
                let expected = &fuzz.pool[k].value;
                // a rewritten form may divide by 0 where the first did not
                if value.data.iter().all(|v| v.is_finite()) {
                    fuzz.lab.same(&value, expected, &format!("simplified: {what}"));
                }
            }
            checked += 1;
        }
    }
    println!("{checked} simplified");
}
