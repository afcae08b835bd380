//! The value of a node, by the definition of each kind of node and nothing else.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use super::linalg::Mat;
use super::special;
use crate::graph::{Dim, Graph, Label, MapOp, MatrixOp, Node, NodeId, ReduceOp, Structural};

/// A dense array, row-major.
#[derive(Clone, Debug, Default)]
pub struct Tensor {
    pub shape: Vec<usize>,
    pub data: Vec<f64>,
}

impl Tensor {
    pub fn from(shape: &[usize], f: impl Fn(&[usize]) -> f64) -> Self {
        let mut index = vec![0; shape.len()];
        let data = (0..shape.iter().product()).map(|_| {
            let value = f(&index);
            for (i, n) in index.iter_mut().zip(shape).rev() {
                *i += 1;
                if *i < *n {
                    break;
                }
                *i = 0;
            }
            value
        });
        Self { shape: shape.to_vec(), data: data.collect() }
    }

    pub fn at(&self, index: &[usize]) -> f64 {
        let flat = index.iter().zip(&self.shape).fold(0, |flat, (i, n)| flat * n + i);
        self.data[flat]
    }
}

fn unravel(mut flat: usize, shape: &[usize]) -> Vec<usize> {
    let mut index = vec![0; shape.len()];
    for (i, n) in index.iter_mut().zip(shape).rev() {
        *i = flat % n;
        flat /= n;
    }
    index
}

/// What the inputs and dimensions are.
#[derive(Clone, Debug, Default)]
pub struct Point {
    pub inputs: BTreeMap<String, Tensor>,
    pub sizes: BTreeMap<matgrad_syntax::Name, usize>,
}

impl Point {
    pub fn shape(&self, g: &Graph, dims: &[Dim]) -> Vec<usize> {
        dims.iter().map(|d| g.sizes.evaluate(*d, &self.sizes).expect("a size")).collect()
    }

    pub fn value(&self, g: &Graph, root: NodeId) -> Tensor {
        let mut known: FxHashMap<NodeId, Tensor> = FxHashMap::default();
        for id in g.reachable(&[root]) {
            let value = self.node(g, id, &known);
            assert_eq!(value.shape, self.shape(g, g.axes(id)), "shape of {:?}", g.node(id));
            known.insert(id, value);
        }
        known.remove(&root).expect("the root")
    }

    fn node(&self, g: &Graph, id: NodeId, known: &FxHashMap<NodeId, Tensor>) -> Tensor {
        let shape = self.shape(g, g.axes(id));
        let whole = |d: &Dim| g.sizes.evaluate(*d, &self.sizes).expect("a size");
        // offsets may be negative: shifted by a large number
        let integer = |d: &Dim| -> i64 {
            let value: f64 = g.sizes.poly(*d).0.iter().fold(0.0, |sum, (monomial, c)| {
                sum + monomial.iter().fold(c.to_f64(), |p, (symbol, power)| {
                    p * (self.sizes[g.sizes.name(*symbol)] as f64).powi(*power as i32)
                })
            });
            value.round() as i64
        };
        let truth = |holds: bool| f64::from(u8::from(holds));
        match g.node(id) {
            Node::Input(_) => self.inputs[&*g.as_input(id).unwrap().name].clone(),
            Node::Size(d) => Tensor { shape, data: vec![whole(d) as f64] },
            Node::Pi => Tensor { shape, data: vec![std::f64::consts::PI] },
            Node::OneHot { at, .. } => Tensor::from(&shape, |i| truth(i[0] as i64 + 1 == integer(at))),
            Node::Iota(_) => Tensor::from(&shape, |i| i[0] as f64 + 1.0),
            Node::Shift { offset, .. } => Tensor::from(&shape, |i| truth(i[1] as i64 == i[0] as i64 + integer(offset))),
            Node::Fuse { .. } => Tensor::from(&shape, |i| truth(i[0] == i[1] + shape[1] * i[2])),
            Node::LeviCivita(_) => Tensor::from(&shape, |i| {
                let mut sign = 1.0;
                for a in 0..i.len() {
                    for b in a + 1..i.len() {
                        sign *= (i[b] as f64 - i[a] as f64).signum() * truth(i[a] != i[b]);
                    }
                }
                sign
            }),
            Node::Structural(kind, n) => {
                let n = whole(n);
                let pairs: Vec<(usize, usize)> = (0..n).flat_map(|j| (j..n).map(move |i| (i, j))).collect();
                Tensor::from(&shape, |at| match kind {
                    Structural::Duplication => {
                        let (i, j) = pairs[at[1]];
                        truth(at[0] == j * n + i || at[0] == i * n + j)
                    }
                    Structural::Elimination => {
                        let (i, j) = pairs[at[0]];
                        truth(at[1] == j * n + i)
                    }
                })
            }
            Node::Product(p) => {
                let factors: Vec<(&Tensor, &[Label], f64)> =
                    p.factors.iter().map(|f| (&known[&f.node], f.labels.as_slice(), f.exponent.to_f64())).collect();
                let sizes = self.shape(g, &p.dims);
                einsum(&factors, &sizes, &p.out)
            }
            Node::Sum(terms, _) => {
                Tensor::from(&shape, |i| terms.iter().map(|(c, n)| c.to_f64() * known[n].at(i)).sum())
            }
            Node::Map(op, args) => {
                Tensor::from(&shape, |i| map(*op, &args.iter().map(|a| known[a].at(i)).collect::<Vec<_>>()))
            }
            Node::Reduce(op, arg, axes) => reduce(*op, &known[arg], axes),
            Node::Matrix(op, args) => matrix(*op, &args.iter().map(|a| &known[a]).collect::<Vec<_>>(), &shape),
            Node::Stack(axis, parts) => {
                let axis = *axis as usize;
                Tensor::from(&shape, |i| {
                    let mut position = i[axis];
                    for part in parts {
                        let mut inner = i.to_vec();
                        let extent = part.extent.map_or(1, |d| whole(&d));
                        if position < extent {
                            match part.extent {
                                Some(_) => inner[axis] = position,
                                None => {
                                    inner.remove(axis);
                                }
                            }
                            return known[&part.node].at(&inner);
                        }
                        position -= extent;
                    }
                    f64::NAN
                })
            }
            Node::Placeholder { .. } | Node::Loop(..) => panic!("loops are tested with data"),
            Node::Call(_, derivative, args) => {
                let rank = g.rank(args[0]);
                Tensor::from(&shape, |i| {
                    let phase: f64 = i[rank..].iter().map(|k| *k as f64 + 0.3).sum();
                    args.iter().enumerate().fold(1.0, |product, (k, a)| {
                        let order = derivative.iter().filter(|d| **d as usize == k).count() as i32;
                        let rate = 0.7 + 0.4 * k as f64;
                        let turn = f64::from(order) * std::f64::consts::FRAC_PI_2;
                        product * rate.powi(order) * (rate * known[a].at(&i[..rank]) + phase + turn).sin()
                    })
                })
            }
        }
    }
}

/// Σ over labels not in `out` of the product of powers of factors, one label at a time.
pub fn einsum(factors: &[(&Tensor, &[Label], f64)], sizes: &[usize], out: &[Label]) -> Tensor {
    let power = |v: f64, e: f64| if e == e.trunc() { v.powi(e as i32) } else { v.powf(e) };
    let size = |labels: &[Label]| labels.iter().map(|l| sizes[*l as usize]).collect::<Vec<_>>();
    let position = |labels: &[Label], l: &Label| labels.iter().position(|m| m == l).unwrap();
    let mut pool: Vec<(Vec<Label>, Tensor)> = Vec::new();
    for (tensor, labels, exponent) in factors {
        let mut unique: Vec<Label> = labels.to_vec();
        unique.sort_unstable();
        unique.dedup();
        let value = Tensor::from(&size(&unique), |i| {
            let index: Vec<usize> = labels.iter().map(|l| i[position(&unique, l)]).collect();
            power(tensor.at(&index), *exponent)
        });
        pool.push((unique, value));
    }
    let join = |members: &[(Vec<Label>, Tensor)], keep: &[Label], sum: Option<Label>| {
        let range = sum.map_or(1, |l| sizes[l as usize]);
        // how far a member moves per step of each kept label, and of the summed one
        let strides: Vec<(Vec<usize>, usize)> = members
            .iter()
            .map(|(labels, t)| {
                let stride = |l: &Label| match labels.iter().position(|m| m == l) {
                    Some(k) => t.shape[k + 1..].iter().product(),
                    None => 0,
                };
                (keep.iter().map(stride).collect(), sum.as_ref().map_or(0, stride))
            })
            .collect();
        let value = Tensor::from(&size(keep), |i| {
            let starts = strides.iter().map(|(own, _)| own.iter().zip(i).map(|(s, i)| s * i).sum());
            let starts: Vec<usize> = starts.collect();
            (0..range)
                .map(|k| {
                    let members = members.iter().zip(&starts).zip(&strides);
                    members.fold(1.0, |product, (((_, t), start), (_, step))| product * t.data[start + k * step])
                })
                .sum()
        });
        (keep.to_vec(), value)
    };
    loop {
        // the summed label whose elimination makes the smallest tensor
        let mut best: Option<(usize, Label, Vec<Label>)> = None;
        for l in pool.iter().flat_map(|(labels, _)| labels).filter(|l| !out.contains(l)) {
            let mut keep: Vec<Label> = pool
                .iter()
                .filter(|(ls, _)| ls.contains(l))
                .flat_map(|(ls, _)| ls.clone())
                .filter(|m| m != l)
                .collect();
            keep.sort_unstable();
            keep.dedup();
            let cost: usize = size(&keep).iter().product();
            if best.as_ref().is_none_or(|(c, ..)| cost < *c) {
                best = Some((cost, *l, keep));
            }
        }
        let Some((_, label, keep)) = best else { break };
        let (with, without): (Vec<_>, Vec<_>) = pool.into_iter().partition(|(ls, _)| ls.contains(&label));
        pool = without;
        pool.push(join(&with, &keep, Some(label)));
    }
    let mut unique: Vec<Label> = out.to_vec();
    unique.sort_unstable();
    unique.dedup();
    let (_, dense) = join(&pool, &unique, None);
    Tensor::from(&size(out), |i| {
        let same = out.iter().enumerate().all(|(k, l)| i[position(out, l)] == i[k]);
        let index: Vec<usize> = unique.iter().map(|l| i[position(out, l)]).collect();
        if same { dense.at(&index) } else { 0.0 }
    })
}

pub fn map(op: MapOp, v: &[f64]) -> f64 {
    let truth = |holds: bool| f64::from(u8::from(holds));
    let x = v[0];
    match op {
        MapOp::Exp => x.exp(),
        MapOp::Log => x.ln(),
        MapOp::Abs => x.abs(),
        MapOp::Sign => truth(x > 0.0) - truth(x < 0.0),
        MapOp::Cbrt => x.cbrt(),
        MapOp::Sin => x.sin(),
        MapOp::Cos => x.cos(),
        MapOp::Tan => x.tan(),
        MapOp::Asin => x.asin(),
        MapOp::Acos => x.acos(),
        MapOp::Atan => x.atan(),
        MapOp::Sinh => x.sinh(),
        MapOp::Cosh => x.cosh(),
        MapOp::Tanh => x.tanh(),
        MapOp::Asinh => x.asinh(),
        MapOp::Acosh => x.acosh(),
        MapOp::Atanh => x.atanh(),
        MapOp::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        MapOp::Softplus => (1.0 + x.exp()).ln(),
        MapOp::Relu => x.max(0.0),
        MapOp::Erf => special::erf(x),
        MapOp::Gamma => special::gamma(x),
        MapOp::Lgamma => special::gamma(x).abs().ln(),
        MapOp::Polygamma(k) => special::polygamma(k, x),
        MapOp::Max => x.max(v[1]),
        MapOp::Min => x.min(v[1]),
        MapOp::Atan2 => x.atan2(v[1]),
        MapOp::Pow => x.powf(v[1]),
        MapOp::Less => truth(x < v[1]),
        MapOp::LessEq => truth(x <= v[1]),
        MapOp::Equal => truth(x == v[1]),
        MapOp::NotEqual => truth(x != v[1]),
        MapOp::Where => {
            if x != 0.0 {
                v[1]
            } else {
                v[2]
            }
        }
    }
}

pub fn reduce(op: ReduceOp, arg: &Tensor, axes: &[u8]) -> Tensor {
    let kept: Vec<usize> = (0..arg.shape.len()).filter(|k| !axes.contains(&(*k as u8))).collect();
    let shape: Vec<usize> = kept.iter().map(|k| arg.shape[*k]).collect();
    Tensor::from(&shape, |i| {
        let values = (0..arg.data.len()).filter(|flat| {
            let index = unravel(*flat, &arg.shape);
            kept.iter().zip(i).all(|(k, i)| index[*k] == *i)
        });
        let values: Vec<f64> = values.map(|flat| arg.data[flat]).collect();
        match op {
            ReduceOp::Max => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            ReduceOp::Min => values.iter().copied().fold(f64::INFINITY, f64::min),
            ReduceOp::Prod => values.iter().product(),
            ReduceOp::LogSumExp => values.iter().map(|v| v.exp()).sum::<f64>().ln(),
        }
    })
}

/// Functions of the last two axes, for each entry of the batch.
pub fn matrix(op: MatrixOp, args: &[&Tensor], shape: &[usize]) -> Tensor {
    let split = |t: &Tensor| {
        let (batch, own) = t.shape.split_at(t.shape.len() - 2);
        (batch.iter().product::<usize>(), own[0], own[1])
    };
    let (batch, rows, cols) = split(args[0]);
    let pick = |t: &Tensor, k: usize| {
        let (_, r, c) = split(t);
        Mat::new(r, c, t.data[k * r * c..(k + 1) * r * c].to_vec())
    };
    let count = args.get(1).map_or(batch, |e| split(e).0);
    let mut data = Vec::new();
    let _ = (rows, cols);
    for k in 0..count {
        let x = pick(args[0], k % batch);
        let e = args.get(1).map(|e| pick(e, k));
        let along = |f: fn(&Mat) -> Mat| x.frechet(e.as_ref().expect("a direction"), f).data;
        data.extend(match op {
            MatrixOp::Inverse => x.inverse().data,
            MatrixOp::Det => vec![x.det_inverse().0],
            MatrixOp::LogDet => vec![x.det_inverse().0.ln()],
            MatrixOp::Adjugate => x.adjugate().data,
            MatrixOp::Pinv => x.pinv().data,
            MatrixOp::Cholesky => x.symmetric().cholesky().data,
            MatrixOp::Expm => x.expm().data,
            MatrixOp::Logm => x.logm().data,
            MatrixOp::Sqrtm => x.sqrtm().data,
            MatrixOp::Eigvals => x.symmetric().eigen().0,
            MatrixOp::Eigvecs => x.symmetric().eigen().1.data,
            MatrixOp::Singvals => x.svd().1,
            MatrixOp::SvdU => x.svd().0.data,
            MatrixOp::SvdV => x.svd().2.data,
            MatrixOp::NormSpec => vec![x.svd().1[0]],
            MatrixOp::NormNuc => vec![x.svd().1.iter().sum()],
            MatrixOp::ExpmFrechet => along(Mat::expm),
            MatrixOp::LogmFrechet => along(Mat::logm),
            MatrixOp::SqrtmFrechet => along(Mat::sqrtm),
        });
    }
    Tensor { shape: shape.to_vec(), data }
}
