//! A plain evaluator of graphs: every node dense, every product by loops over all labels.
#![allow(dead_code)]

use std::collections::BTreeMap;

use matgrad_calculus::graph::{Graph, MapOp, MatrixOp, Node, NodeId, ReduceOp};
use matgrad_eval::{Array, Inputs, compile, special};
use matgrad_syntax::Name;

/// Numbers that look random and are the same every time.
pub struct Random(pub u64);

impl Random {
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let x = self.0 ^ (self.0 >> 29);
        x.wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 20
    }
    pub fn below(&mut self, n: usize) -> usize {
        (self.bits() % n.max(1) as u64) as usize
    }
    /// Between -1 and 1.
    pub fn number(&mut self) -> f64 {
        (self.bits() % (1 << 40)) as f64 / (1u64 << 39) as f64 - 1.0
    }
    pub fn array(&mut self, shape: &[usize]) -> Array {
        Array::from_fn(shape, |_| self.number())
    }
}

pub type Sizes = BTreeMap<Name, usize>;

pub fn sizes(list: &[(&str, usize)]) -> Sizes {
    list.iter().map(|(n, k)| (Name::from(*n), *k)).collect()
}

fn walk(shape: &[usize], mut body: impl FnMut(&[usize])) {
    if shape.contains(&0) {
        return;
    }
    let mut at = vec![0; shape.len()];
    loop {
        body(&at);
        let mut k = shape.len();
        loop {
            if k == 0 {
                return;
            }
            k -= 1;
            at[k] += 1;
            if at[k] < shape[k] {
                break;
            }
            at[k] = 0;
        }
    }
}

/// The value of a node by the definition of each kind.
pub fn naive(g: &Graph, root: NodeId, sizes: &Sizes, inputs: &Inputs) -> Array {
    let mut values: BTreeMap<NodeId, Array> = BTreeMap::new();
    for id in g.reachable(&[root]) {
        let value = node(g, id, sizes, inputs, &values);
        values.insert(id, value);
    }
    values.remove(&root).unwrap()
}

fn node(g: &Graph, id: NodeId, sizes: &Sizes, inputs: &Inputs, values: &BTreeMap<NodeId, Array>) -> Array {
    let size = |d| g.sizes.evaluate(d, sizes).unwrap();
    let signed = |d| {
        g.sizes.evaluate(d, sizes).map_or_else(
            || {
                let mut t = g.sizes.clone();
                let minus = t.scale(d, &matgrad_syntax::Rational::int(-1));
                -(t.evaluate(minus, sizes).unwrap() as i64)
            },
            |v| v as i64,
        )
    };
    let shape: Vec<usize> = g.axes(id).iter().map(|d| size(*d)).collect();
    let truth = |b: bool| if b { 1.0 } else { 0.0 };
    match g.node(id) {
        Node::Input(i) => inputs.get(&g.input_info(*i).name).unwrap().clone().reshaped(shape).unwrap(),
        Node::Size(d) => Array::scalar(signed(*d) as f64),
        Node::Pi => Array::scalar(std::f64::consts::PI),
        Node::OneHot { at, .. } => Array::from_fn(&shape, |i| truth(i[0] as i64 + 1 == signed(*at))),
        Node::Iota(_) => Array::from_fn(&shape, |i| i[0] as f64 + 1.0),
        Node::Shift { offset, .. } => Array::from_fn(&shape, |i| truth(i[1] as i64 == i[0] as i64 + signed(*offset))),
        Node::Fuse { fast, .. } => Array::from_fn(&shape, |i| truth(i[0] == i[1] + size(*fast) * i[2])),
        Node::LeviCivita(_) => Array::from_fn(&shape, |i| {
            let mut sign = 1.0;
            for a in 0..i.len() {
                for b in a + 1..i.len() {
                    sign *= (i[b] as f64 - i[a] as f64).signum() * truth(i[a] != i[b]);
                }
            }
            sign
        }),
        Node::Structural(..) => panic!("has a test of its own"),
        Node::Product(p) => {
            let dims: Vec<usize> = p.dims.iter().map(|d| size(*d)).collect();
            let mut out = Array::from_fn(&shape, |_| 0.0);
            walk(&dims, |at| {
                let index = |labels: &[u16]| labels.iter().map(|l| at[*l as usize]).collect::<Vec<_>>();
                let mut product = 1.0;
                for f in &p.factors {
                    product *= values[&f.node].get(&index(&f.labels)).unwrap().powf(f.exponent.to_f64());
                }
                let place = index(&p.out).iter().zip(&shape).fold(0, |k, (i, n)| k * n + i);
                out.data_mut()[place] += product;
            });
            out
        }
        Node::Sum(terms, _) => {
            Array::from_fn(&shape, |i| terms.iter().map(|(c, n)| c.to_f64() * values[n].get(i).unwrap()).sum())
        }
        Node::Map(op, args) => Array::from_fn(&shape, |i| {
            let x: Vec<f64> = args.iter().map(|a| values[a].get(i).unwrap()).collect();
            match op {
                MapOp::Exp => x[0].exp(),
                MapOp::Log => x[0].ln(),
                MapOp::Sin => x[0].sin(),
                MapOp::Cos => x[0].cos(),
                MapOp::Tanh => x[0].tanh(),
                MapOp::Abs => x[0].abs(),
                MapOp::Sigmoid => 1.0 / (1.0 + (-x[0]).exp()),
                MapOp::Polygamma(k) => special::polygamma(*k, x[0]),
                MapOp::Max => x[0].max(x[1]),
                MapOp::Less => truth(x[0] < x[1]),
                MapOp::Where => {
                    if x[0] != 0.0 {
                        x[1]
                    } else {
                        x[2]
                    }
                }
                other => panic!("{other:?}"),
            }
        }),
        Node::Reduce(op, arg, axes) => {
            let whole = &values[arg];
            let mut lists: Vec<Vec<f64>> = vec![Vec::new(); shape.iter().product()];
            walk(whole.shape(), |at| {
                let kept = at.iter().enumerate().filter(|(k, _)| !axes.contains(&(*k as u8)));
                let place = kept.fold(0, |k, (axis, i)| k * whole.shape()[axis] + i);
                lists[place].push(whole.get(at).unwrap());
            });
            let data = lists
                .iter()
                .map(|l| match op {
                    ReduceOp::Max => l.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                    ReduceOp::Min => l.iter().copied().fold(f64::INFINITY, f64::min),
                    ReduceOp::Prod => l.iter().product(),
                    ReduceOp::LogSumExp => l.iter().map(|v| v.exp()).sum::<f64>().ln(),
                })
                .collect();
            Array::new(shape, data).unwrap()
        }
        Node::Matrix(op, args) => {
            let a = &values[&args[0]];
            match op {
                MatrixOp::Inverse => inverse(a),
                MatrixOp::Det => Array::scalar(det(a)),
                MatrixOp::LogDet => Array::scalar(det(a).ln()),
                other => panic!("{other:?}"),
            }
        }
        Node::Stack(axis, parts) => {
            let axis = *axis as usize;
            let mut out = Array::from_fn(&shape, |_| f64::NAN);
            let mut start = 0;
            for part in parts {
                let piece = &values[&part.node];
                walk(piece.shape(), |at| {
                    let mut full = at.to_vec();
                    match part.extent {
                        None => full.insert(axis, start),
                        Some(_) => full[axis] += start,
                    }
                    let place = full.iter().zip(&shape).fold(0, |k, (i, n)| k * n + i);
                    out.data_mut()[place] = piece.get(at).unwrap();
                });
                start += part.extent.map_or(1, size);
            }
            out
        }
        Node::Call(..) | Node::Placeholder { .. } | Node::Loop(..) => panic!("no value"),
    }
}

pub fn det(a: &Array) -> f64 {
    eliminated(a).0
}

pub fn inverse(a: &Array) -> Array {
    eliminated(a).1
}

/// Determinant and inverse by elimination of Gauss and Jordan with the largest pivot.
fn eliminated(a: &Array) -> (f64, Array) {
    let n = a.shape()[0];
    let mut rows: Vec<Vec<f64>> = (0..n)
        .map(|i| {
            let own = (0..n).map(|j| a.get(&[i, j]).unwrap());
            own.chain((0..n).map(|j| f64::from(u8::from(i == j)))).collect()
        })
        .collect();
    let mut det = 1.0;
    for k in 0..n {
        let pivot = (k..n).max_by(|p, q| rows[*p][k].abs().total_cmp(&rows[*q][k].abs())).unwrap();
        if pivot != k {
            rows.swap(pivot, k);
            det = -det;
        }
        let by = rows[k][k];
        det *= by;
        rows[k].iter_mut().for_each(|x| *x /= by);
        let row = rows[k].clone();
        for (i, other) in rows.iter_mut().enumerate() {
            let factor = other[k];
            if i != k {
                other.iter_mut().zip(&row).for_each(|(x, y)| *x -= factor * y);
            }
        }
    }
    (det, Array::from_fn(&[n, n], |at| rows[at[0]][n + at[1]]))
}

/// Compiles and runs one root.
pub fn run(g: &Graph, root: NodeId, sizes: &Sizes, inputs: &Inputs) -> Array {
    let program = compile(g, &[root], sizes).unwrap();
    program.run(inputs).unwrap().remove(0)
}

pub fn close(a: &Array, b: &Array, tolerance: f64) -> bool {
    a.shape() == b.shape()
        && a.data()
            .iter()
            .zip(b.data())
            .all(|(x, y)| x == y || x.is_nan() && y.is_nan() || (x - y).abs() <= tolerance * y.abs().max(1.0))
}

/// The program and the plain evaluator agree.
#[track_caller]
pub fn agree(g: &Graph, root: NodeId, sizes: &Sizes, inputs: &Inputs) {
    let (fast, plain) = (run(g, root, sizes, inputs), naive(g, root, sizes, inputs));
    let program = compile(g, &[root], sizes).unwrap();
    assert!(close(&fast, &plain, 1e-11), "{:?}\n{}\n{fast:?}\n{plain:?}", g.node(root), program.listing());
}
