//! Products that are symmetric, sums of outer products, and factors that fit the matrix, against loops over all labels.

mod common;

use std::collections::BTreeMap;

use common::{Random, agree, sizes};
use matgrad_calculus::graph::{Dim, Graph, MatrixOp, NodeId, ProductBuilder};
use matgrad_eval::{Array, Inputs, compile};
use matgrad_syntax::{Attribute, Rational};

/// Inputs for `m = 17`, `n = 20`, `k = 3`, `l = 30`.
struct Bench {
    g: Graph,
    inputs: Inputs,
    random: Random,
    sizes: common::Sizes,
}

impl Bench {
    fn new() -> Self {
        let sizes = sizes(&[("m", 17), ("n", 20), ("k", 3), ("l", 30)]);
        Self { g: Graph::new(), inputs: Inputs::new(), random: Random(3), sizes }
    }

    fn dims(&mut self, text: &str) -> Vec<Dim> {
        text.split_whitespace().map(|d| self.g.sizes.symbol(d)).collect()
    }

    fn input(&mut self, name: &str, dims: &str) -> NodeId {
        let dims = self.dims(dims);
        let shape: Vec<usize> = dims.iter().map(|d| self.g.sizes.evaluate(*d, &self.sizes).unwrap()).collect();
        self.inputs.insert(name, self.random.array(&shape));
        self.g.input(name, &dims, false, &[])
    }

    /// A symmetric matrix, positive definite where the diagonal is large.
    fn symmetric(&mut self, name: &str, diagonal: f64, attribute: Attribute) -> NodeId {
        let n = 20;
        let a = self.random.array(&[n, n]);
        let entry = |i: usize, j: usize| a.get(&[i, j]).unwrap() + a.get(&[j, i]).unwrap();
        let value = Array::from_fn(&[n, n], |at| entry(at[0], at[1]) + if at[0] == at[1] { diagonal } else { 0.0 });
        self.inputs.insert(name, value);
        let dims = self.dims("n n");
        self.g.input(name, &dims, false, &[attribute])
    }

    fn einsum(&mut self, text: &str, nodes: &[NodeId]) -> NodeId {
        let (left, right) = text.split_once("->").unwrap();
        let mut p = ProductBuilder::new();
        let mut labels = BTreeMap::new();
        for (part, node) in left.split(',').zip(nodes) {
            let dims = self.g.axes(*node).clone();
            let here: Vec<u16> =
                part.chars().zip(dims).map(|(c, d)| *labels.entry(c).or_insert_with(|| p.label(d))).collect();
            p.power(*node, &here, Rational::ONE);
        }
        let out: Vec<u16> = right.chars().map(|c| labels[&c]).collect();
        p.build(&mut self.g, &out)
    }

    fn listing(&self, root: NodeId) -> String {
        compile(&self.g, &[root], &self.sizes).unwrap().listing()
    }

    #[track_caller]
    fn check(&mut self, root: NodeId, half: bool) {
        agree(&self.g, root, &self.sizes, &self.inputs);
        let listing = self.listing(root);
        assert_eq!(listing.contains("half of"), half, "{listing}");
    }
}

#[test]
fn half_is_enough_where_a_product_is_symmetric() {
    let mut b = Bench::new();
    let (x, w, s) = (b.input("X", "m n"), b.input("w", "m"), b.symmetric("S", 0.0, Attribute::Symmetric));
    let (a, t) = (b.input("A", "n n"), b.input("T", "k m n"));
    for (text, nodes, half) in [
        ("ki,kj->ij", vec![x, x], true),
        ("ik,jk->ij", vec![x, x], true),
        ("ki,k,kj->ij", vec![x, w, x], true),
        ("ki,k,k,kj->ij", vec![x, w, w, x], true),
        ("ik,kl,jl->ij", vec![x, s, x], true),
        ("ik,kl,lm,nm->in", vec![x, s, s, x], true),
        ("ik,kl,jl->ij", vec![x, a, x], false),
        ("ik,kj->ij", vec![a, a], false),
        ("bki,bkj->bij", vec![t, t], true),
        ("bki,bkj->ij", vec![t, t], true),
        ("bki,k,bkj->bij", vec![t, w, t], true),
    ] {
        let root = b.einsum(text, &nodes);
        agree(&b.g, root, &b.sizes, &b.inputs);
        let listing = b.listing(root);
        // several small ones may be one product of another form
        if !text.contains('b') {
            assert_eq!(listing.contains("half of"), half, "{text}\n{listing}");
        }
    }
    // added to something else, and turned over
    let gram = b.einsum("ki,kj->ij", &[x, x]);
    let dims = b.g.axes(gram).clone();
    let sum = b.g.sum(&[(Rational::int(-2), gram), (Rational::ONE, a)], &dims);
    b.check(sum, false); // the copy costs more than half of so short a sum
    let y = b.input("Y", "l n");
    let long = b.einsum("ki,kj->ij", &[y, y]);
    let sum = b.g.sum(&[(Rational::int(-2), long), (Rational::ONE, a)], &dims);
    b.check(sum, true);
    let back = b.einsum("ij->ji", &[gram]);
    b.check(back, true);
}

#[test]
fn factors_fit_the_matrix() {
    let mut b = Bench::new();
    let (x, y) = (b.input("X", "m n"), b.input("y", "n"));
    let definite = b.symmetric("P", 60.0, Attribute::Pd);
    let indefinite = b.symmetric("Q", 0.0, Attribute::Symmetric);
    let general = b.input("A", "n n");
    for matrix in [definite, indefinite, general] {
        let inverse = b.g.matrix(MatrixOp::Inverse, &[matrix]);
        for (text, nodes) in [
            ("ij->ij", vec![inverse]),
            ("ij->ji", vec![inverse]),
            ("ij,j->i", vec![inverse, y]),
            ("ij,i->j", vec![inverse, y]),
            ("i,ij,j->", vec![y, inverse, y]),
            ("ik,kl,jl->ij", vec![x, inverse, x]),
            ("ij,jk->ik", vec![inverse, inverse]),
        ] {
            let root = b.einsum(text, &nodes);
            agree(&b.g, root, &b.sizes, &b.inputs);
        }
    }
    let inverse = b.g.matrix(MatrixOp::Inverse, &[definite]);
    let root = b.einsum("ik,kl,jl->ij", &[x, inverse, x]);
    b.check(root, true);
}

/// `Σ c·P ⊗ x` inside a product is never written down.
#[test]
fn outer_products_stay_apart() {
    let mut b = Bench::new();
    let (a, c) = (b.input("A", "m n"), b.input("C", "m n"));
    let (x, y, w) = (b.input("x", "k"), b.input("y", "k"), b.input("w", "m"));
    let one = b.einsum("an,k->ank", &[a, x]);
    let two = b.einsum("a,an,k->ank", &[w, c, x]);
    let dims = b.g.axes(one).clone();
    let sum = b.g.sum(&[(Rational::int(2), one), (Rational::new(-1, 3), two)], &dims);
    for (text, nodes) in [
        ("ank,a->nk", vec![sum, w]),
        ("ank,k->an", vec![sum, y]),
        ("ank,bnk->ab", vec![sum, sum]),
        ("ank,am->nkm", vec![sum, c]),
        ("ank->kna", vec![sum]),
    ] {
        let root = b.einsum(text, &nodes);
        agree(&b.g, root, &b.sizes, &b.inputs);
    }
    let root = b.einsum("ank,a->nk", &[sum, w]);
    let written = b.listing(root).contains("[17×20×3]");
    assert!(!written, "{}", b.listing(root));
}
