//! Products of every form against loops over all labels.

mod common;

use common::{Random, agree, sizes};
use matgrad_calculus::graph::{Graph, NodeId, ProductBuilder};
use matgrad_eval::Inputs;
use matgrad_syntax::Rational;

struct Bench {
    g: Graph,
    inputs: Inputs,
    random: Random,
    sizes: common::Sizes,
}

impl Bench {
    fn new(list: &[(&str, usize)]) -> Self {
        Self { g: Graph::new(), inputs: Inputs::new(), random: Random(7), sizes: sizes(list) }
    }

    fn input(&mut self, name: &str, dims: &str) -> NodeId {
        let dims: Vec<_> = dims.split_whitespace().map(|d| self.g.sizes.symbol(d)).collect();
        let shape: Vec<usize> = dims.iter().map(|d| self.g.sizes.evaluate(*d, &self.sizes).unwrap()).collect();
        self.inputs.insert(name, self.random.array(&shape));
        self.g.input(name, &dims, false, &[])
    }

    /// `ij,jk->ik` with a node for each operand.
    fn einsum(&mut self, text: &str, nodes: &[NodeId]) -> NodeId {
        self.powers(text, &nodes.iter().map(|n| (*n, Rational::ONE)).collect::<Vec<_>>())
    }

    fn powers(&mut self, text: &str, nodes: &[(NodeId, Rational)]) -> NodeId {
        let (left, right) = text.split_once("->").unwrap();
        let mut p = ProductBuilder::new();
        let mut labels = std::collections::BTreeMap::new();
        for (part, (node, exponent)) in left.split(',').zip(nodes) {
            let dims = self.g.axes(*node).clone();
            assert_eq!(part.chars().count(), dims.len());
            let here: Vec<u16> =
                part.chars().zip(dims).map(|(c, d)| *labels.entry(c).or_insert_with(|| p.label(d))).collect();
            p.power(*node, &here, exponent.clone());
        }
        let n = self.g.sizes.symbol("n");
        let out: Vec<u16> = right.chars().map(|c| *labels.entry(c).or_insert_with(|| p.label(n))).collect();
        p.build(&mut self.g, &out)
    }

    #[track_caller]
    fn check(&mut self, root: NodeId) {
        agree(&self.g, root, &self.sizes, &self.inputs);
    }
}

#[test]
fn dense_products() {
    for (m, n, p) in [(3, 4, 2), (1, 1, 1), (5, 1, 3), (0, 2, 3), (2, 0, 3), (9, 17, 8)] {
        let mut b = Bench::new(&[("m", m), ("n", n), ("p", p)]);
        let (a, c, x, y) = (b.input("A", "m n"), b.input("C", "n p"), b.input("x", "n"), b.input("y", "m"));
        let (s, t, u) = (b.input("s", ""), b.input("T", "m n p"), b.input("U", "n n"));
        let cases: [(&str, &[NodeId]); 24] = [
            ("ij,jk->ik", &[a, c]),
            ("ij,jk->ki", &[a, c]),
            ("ij,j->i", &[a, x]),
            ("ij,i->j", &[a, y]),
            ("i,ij,j->", &[y, a, x]),
            ("ij,ij->", &[a, a]),
            ("ij,ij->ij", &[a, a]),
            ("ij,kj->ik", &[a, a]),
            ("ij,ik->jk", &[a, a]),
            ("i,j->ij", &[y, x]),
            ("ij->", &[a]),
            ("ij->i", &[a]),
            ("ij->ji", &[a]),
            ("ii->", &[u]),
            ("ii->i", &[u]),
            ("i->ii", &[x]),
            ("i->in", &[y]),
            (",ij->ij", &[s, a]),
            ("ij,jk,lk->il", &[a, c, c]),
            ("ijk,j,k->i", &[t, x, x]),
            ("ijk,jk->i", &[t, c]),
            ("ijk,ijl->kl", &[t, t]),
            ("ijk,il->jkl", &[t, a]),
            ("ij,j,ik,k,jl->il", &[a, x, a, x, c]),
        ];
        for (text, nodes) in cases {
            if text == "ijk,j,k->i" && n != p {
                continue;
            }
            let root = b.einsum(text, nodes);
            b.check(root);
        }
        let root = b.powers("ij,jk->ik", &[(a, Rational::int(2)), (c, Rational::int(3))]);
        b.check(root);
        let root = b.einsum("ij,ij,ij,jk,jk,j,i,i,->ik", &[a, a, a, c, c, x, y, y, s]);
        b.check(root);
        let root = b.einsum("ij,kl->ikjl", &[a, a]);
        b.check(root);
        let root = b.einsum("ij,kj->iikk", &[a, a]);
        b.check(root);
    }
}

#[test]
fn structure_becomes_strides() {
    for (n, m) in [(4, 3), (1, 2), (6, 1), (3, 5)] {
        let mut b = Bench::new(&[("n", n), ("m", m)]);
        let (a, x, y) = (b.input("A", "m n"), b.input("x", "n"), b.input("y", "m"));
        let (dn, dm) = (b.g.sizes.symbol("n"), b.g.sizes.symbol("m"));
        let number = |b: &mut Bench, k: i64| b.g.sizes.constant(k);
        let (one, two) = (number(&mut b, 1), number(&mut b, 2));
        let minus = number(&mut b, -1);
        let last = b.g.sizes.sub(dn, one);
        for at in [one, two, dn, last] {
            let e = b.g.one_hot(at, dn);
            for text in ["ij,j->i", "ij,j->ij", "ij,j->ijj"] {
                let root = b.einsum(text, &[a, e]);
                b.check(root);
            }
            b.check(e);
        }
        for offset in [one, minus, two, last, dn] {
            let s = b.g.shift(offset, dn, dn);
            b.check(s);
            for (text, nodes) in [
                ("ij,j->i", vec![s, x]),
                ("ij,i->j", vec![s, x]),
                ("ij,i,j->", vec![s, x, x]),
                ("ij,j->ij", vec![s, x]),
                ("ij,jk->ik", vec![s, s]),
                ("ij,jk,k->i", vec![s, s, x]),
                ("ij,kj,k->i", vec![s, s, x]),
                ("ij,ik,k->j", vec![s, s, x]),
                ("ij,jk->ijk", vec![s, s]),
                ("ii->i", vec![s]),
                ("aj,ij->ai", vec![a, s]),
                ("ij,ij->", vec![s, s]),
            ] {
                let root = b.einsum(text, &nodes);
                b.check(root);
            }
            let s = b.g.shift(offset, dm, dn);
            let root = b.einsum("ij,j,i->ij", &[s, x, y]);
            b.check(root);
        }
        let f = b.g.fuse(dm, dn);
        let v = b.einsum("fij,ij->f", &[f, a]);
        b.check(f);
        b.check(v);
        for (text, nodes) in [
            ("fij,i,j->f", vec![f, y, x]),
            ("fij,f->ij", vec![f, v]),
            ("fij,f->fij", vec![f, v]),
            ("fij,fkl,f->ijkl", vec![f, f, v]),
            ("fij,gkl,ik,jl->fg", vec![f, f, b.g.identity(dm), b.g.identity(dn)]),
            ("fij,j->fi", vec![f, x]),
            ("fij->f", vec![f]),
            ("fij->i", vec![f]),
            ("fij,gij->fg", vec![f, f]),
            ("fij,ij,f->ff", vec![f, a, v]),
        ] {
            let root = b.einsum(text, &nodes);
            b.check(root);
        }
        // reshape: fused one way, split another
        let other = b.g.fuse(dn, dm);
        for (text, nodes) in [
            ("fij,fkl,ij->kl", vec![f, other, a]),
            ("fij,fkl,ij->klf", vec![f, other, a]),
            ("fij,fkl,i->klj", vec![f, other, y]),
            ("fij,fkl->ijkl", vec![f, other]),
        ] {
            let root = b.einsum(text, &nodes);
            b.check(root);
        }
        let all = b.g.sizes.mul(dm, dn);
        let s = b.g.shift(one, all, all);
        for (text, nodes) in [
            ("fij,fg,gkl,kl->ij", vec![f, s, f, a]),
            ("fij,fg,gkl,kl,ij->", vec![f, s, f, a, a]),
            ("fij,fg,gkl->ijkl", vec![f, s, f]),
        ] {
            let root = b.einsum(text, &nodes);
            b.check(root);
        }
        let half = b.g.one_hot(all, all);
        let root = b.einsum("f,fij->ij", &[half, f]);
        b.check(root);
        if n == m {
            continue;
        }
        let square = b.g.fuse(dn, dn);
        let root = b.einsum("fii,i->f", &[square, x]);
        b.check(root);
    }
}

/// Random products with structure on random labels.
#[test]
fn random_products() {
    let mut b = Bench::new(&[("n", 3), ("m", 2)]);
    let (n, m) = (b.g.sizes.symbol("n"), b.g.sizes.symbol("m"));
    let all = b.g.sizes.mul(m, n);
    let (one, two, minus) = (b.g.sizes.constant(1), b.g.sizes.constant(2), b.g.sizes.constant(-1));
    let mut leaves = vec![b.input("a", "n"), b.input("B", "n n"), b.input("C", "m n"), b.input("D", "m n m")];
    leaves.extend([b.input("s", ""), b.input("t", "m")]);
    leaves.extend([b.g.one_hot(two, n), b.g.one_hot(n, n), b.g.shift(one, n, n), b.g.shift(minus, n, n)]);
    leaves.extend([b.g.shift(one, m, n), b.g.fuse(m, n), b.g.fuse(n, m), b.g.iota(n), b.g.one_hot(two, all)]);
    leaves.extend([b.g.shift(two, all, all), b.g.shift(one, m, all)]);
    for round in 0..1500 {
        let mut p = ProductBuilder::new();
        let mut known: Vec<(u16, matgrad_calculus::graph::Dim)> = Vec::new();
        for _ in 0..1 + b.random.below(5) {
            let leaf = leaves[b.random.below(leaves.len())];
            let mut labels = Vec::new();
            for dim in b.g.axes(leaf).clone() {
                let same: Vec<u16> = known.iter().filter(|(_, d)| *d == dim).map(|(l, _)| *l).collect();
                let label = match b.random.below(3) {
                    0 if known.len() < 6 || same.is_empty() => p.label(dim),
                    _ if same.is_empty() => p.label(dim),
                    _ => same[b.random.below(same.len())],
                };
                if !known.iter().any(|(l, _)| *l == label) {
                    known.push((label, dim));
                }
                labels.push(label);
            }
            let exponent = if b.random.below(6) == 0 { 2 } else { 1 };
            p.power(leaf, &labels, Rational::int(exponent));
        }
        if known.len() > 7 {
            continue;
        }
        let mut out: Vec<u16> = Vec::new();
        for (label, _) in &known {
            if b.random.below(2) == 0 {
                out.push(*label);
            }
        }
        if !out.is_empty() && b.random.below(8) == 0 {
            out.push(out[0]);
        }
        if b.random.below(8) == 0 {
            out.push(p.label(m));
        }
        out.reverse();
        let root = p.build(&mut b.g, &out);
        b.check(root);
        if round % 3 == 0 && b.g.rank(root) > 0 && b.g.rank(root) < 4 {
            // as a term of a sum and as a piece of a stack
            let dims = b.g.axes(root).clone();
            let ones = b.g.ones(&dims);
            let sum = b.g.sum(&[(Rational::new(-3, 2), root), (Rational::ONE, ones)], &dims);
            b.check(sum);
            let part = |node| matgrad_calculus::graph::Part { node, extent: None };
            let stack = b.g.stack(1, vec![part(root), part(ones), part(root)]);
            b.check(stack);
        }
    }
}
