//! Kronecker products of square matrices, and the linear equations that are written with them.

use matgrad_syntax::Rational;
use rustc_hash::FxHashMap;

use super::{Factor, Graph, Label, Labels, MatrixOp, Node, NodeId, Product, ProductBuilder, components};

impl Graph {
    /// (A ⊗ B)^-1 = A^-1 ⊗ B^-1 for square A and B.
    pub(super) fn inverse_of_kron(&mut self, p: &Product) -> Option<NodeId> {
        let &[rows, cols] = p.out.as_slice() else { return None };
        let is_fuse = |f: &&Factor| matches!(self.node(f.node), Node::Fuse { .. });
        let mut fuses = p.factors.iter().filter(is_fuse);
        let (first, second) = (fuses.next()?.clone(), fuses.next()?.clone());
        if fuses.next().is_some() || first.node != second.node || rows == cols {
            return None;
        }
        let (left, right) = if first.labels[0] == rows { (first, second) } else { (second, first) };
        if left.labels[0] != rows || right.labels[0] != cols {
            return None;
        }
        let fast: [Label; 2] = [left.labels[1], right.labels[1]];
        let slow: [Label; 2] = [left.labels[2], right.labels[2]];
        if fast.iter().any(|l| slow.contains(l)) {
            return None;
        }
        let rest: Vec<Factor> = p.factors.iter().filter(|f| !is_fuse(f)).cloned().collect();
        let (mut of_fast, mut of_slow) = (Vec::new(), Vec::new());
        for group in components(&rest, &Default::default()) {
            let touches = |ends: &[Label; 2]| group.iter().any(|f| f.labels.iter().any(|l| ends.contains(l)));
            match (touches(&fast), touches(&slow)) {
                (true, true) => return None,
                (true, false) => of_fast.extend(group),
                _ => of_slow.extend(group),
            }
        }
        let mut part = |factors: Vec<Factor>, ends: &[Label; 2]| {
            let mut b = ProductBuilder { coefficient: None, factors, dims: p.dims.clone() };
            b.forget_unused(ends);
            let node = b.build(self, ends);
            self.matrix(MatrixOp::Inverse, &[node])
        };
        let (inner, outer) = (part(of_fast, &fast), part(of_slow, &slow));
        let mut b = ProductBuilder::new();
        let (r, c) = (b.label(p.dims[rows as usize]), b.label(p.dims[cols as usize]));
        let [f0, f1] = fast.map(|l| b.label(p.dims[l as usize]));
        let [s0, s1] = slow.map(|l| b.label(p.dims[l as usize]));
        b.factor(left.node, &[r, f0, s0]);
        b.factor(left.node, &[c, f1, s1]);
        b.factor(inner, &[f0, f1]);
        b.factor(outer, &[s0, s1]);
        Some(b.build(self, &[r, c]))
    }

    /// Steps of square roots written out: RX + XR = E is (R' ⊗ I + I ⊗ R)·vec(X) = vec(E). `by_rows` and `turned` give
    /// the same with the entries of X in the order of rows, and with the system transposed.
    pub fn roots_written_out(&mut self, node: NodeId, by_rows: bool, turned: bool) -> NodeId {
        let mut current = node;
        // a step may stand inside the direction of another
        for _ in 0..4 {
            let mut map: FxHashMap<NodeId, NodeId> = FxHashMap::default();
            for id in self.reachable(&[current]) {
                if let Node::Matrix(MatrixOp::SqrtmFrechet, args) = self.node(id)
                    && let [x, e] = *args.as_slice()
                    && self.rank(x) == 2
                    && self.rank(e) > 2
                {
                    let written = self.root_written_out((x, e), by_rows, turned);
                    map.insert(id, written);
                    break;
                }
            }
            if map.is_empty() {
                break;
            }
            current = self.replace(current, &map);
        }
        current
    }

    fn root_written_out(&mut self, (x, e): (NodeId, NodeId), by_rows: bool, turned: bool) -> NodeId {
        let root = self.matrix(MatrixOp::Sqrtm, &[x]);
        let n = self.axes(x)[0];
        let (square, fuse) = (self.sizes.mul(n, n), self.fuse(n, n));
        let places = |all: Label, row: Label, col: Label| if by_rows { [all, col, row] } else { [all, row, col] };
        let sides = [true, false].map(|first| {
            let mut p = ProductBuilder::new();
            let [u, v] = [p.label(square), p.label(square)];
            let [i, j, k] = [p.label(n), p.label(n), p.label(n)];
            p.factor(fuse, &places(u, i, j));
            if first {
                p.factor(fuse, &places(v, k, j));
                p.factor(root, &[i, k]);
            } else {
                p.factor(fuse, &places(v, i, k));
                p.factor(root, &[k, j]);
            }
            p.build(self, &if turned { [v, u] } else { [u, v] })
        });
        let sum = self.sum(&sides.map(|side| (Rational::ONE, side)), &[square, square]);
        let inverse = self.matrix(MatrixOp::Inverse, &[sum]);
        let mut p = ProductBuilder::new();
        let inner = p.labels_of(self, e);
        let (batch, ends) = inner.split_at(inner.len() - 2);
        let [u, v, i, j] = [p.label(square), p.label(square), p.label(n), p.label(n)];
        p.factor(fuse, &places(u, i, j));
        p.factor(inverse, &if turned { [v, u] } else { [u, v] });
        p.factor(fuse, &places(v, ends[0], ends[1]));
        p.factor(e, &inner);
        let out: Labels = batch.iter().copied().chain([i, j]).collect();
        p.build(self, &out)
    }
}
