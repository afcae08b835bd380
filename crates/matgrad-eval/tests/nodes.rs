//! Nodes that are no products against the plain evaluator, and programs as a whole.

mod common;

use common::{Random, agree, close, run, sizes};
use matgrad_calculus::graph::{
    AbstractFunction, Dims, Graph, MapOp, MatrixOp, NodeId, Part, ProductBuilder, ReduceOp, Structural,
};
use matgrad_eval::{Array, CompileError, Inputs, Options, RunError, Workspace, compile, compile_with};
use matgrad_syntax::{Name, Rational};

struct Setup {
    g: Graph,
    inputs: Inputs,
    sizes: common::Sizes,
}

fn setup(n: usize, m: usize) -> (Setup, [NodeId; 5]) {
    let mut s = Setup { g: Graph::new(), inputs: Inputs::new(), sizes: sizes(&[("n", n), ("m", m)]) };
    let (dn, dm) = (s.g.sizes.symbol("n"), s.g.sizes.symbol("m"));
    let mut random = Random(n as u64 * 31 + m as u64);
    let mut input = |name: &str, dims: &[_], shape: &[usize]| {
        s.inputs.insert(name, random.array(shape));
        s.g.input(name, dims, false, &[])
    };
    let nodes = [
        input("A", &[dn, dn], &[n, n]),
        input("B", &[dm, dn], &[m, n]),
        input("x", &[dn], &[n]),
        input("y", &[dm], &[m]),
        input("s", &[], &[]),
    ];
    (s, nodes)
}

impl Setup {
    #[track_caller]
    fn check(&self, root: NodeId) {
        agree(&self.g, root, &self.sizes, &self.inputs);
    }

    fn value(&self, root: NodeId) -> Array {
        run(&self.g, root, &self.sizes, &self.inputs)
    }

    fn matmul(&mut self, list: &[NodeId]) -> NodeId {
        let mut value = list[0];
        for other in &list[1..] {
            value = self.g.matmul(value, *other);
        }
        value
    }
}

fn r(numerator: i64, denominator: i64) -> Rational {
    Rational::new(numerator, denominator)
}

#[test]
fn sums_and_functions() {
    for (n, m) in [(4, 3), (1, 1), (0, 2), (7, 5)] {
        let (mut s, [a, b, x, y, c]) = setup(n, m);
        let t = s.g.transpose(a);
        let dims = s.g.axes(a).clone();
        let eye = s.g.identity(dims[0]);
        let sum = s.g.sum(&[(r(2, 1), a), (r(-1, 3), t), (r(5, 2), eye)], &dims);
        s.check(sum);
        let ones = s.g.ones(&dims);
        let sum = s.g.sum(&[(r(1, 1), sum), (r(7, 1), ones)], &dims);
        s.check(sum);
        let scaled = s.g.multiply_scalar(c, a);
        let sum = s.g.add(scaled, ones);
        s.check(sum);
        let zero = s.g.zeros(&dims);
        s.check(zero);
        let bx = s.g.matmul(b, x);
        let residual = s.g.subtract(y, bx);
        s.check(residual);
        for op in [MapOp::Exp, MapOp::Sin, MapOp::Tanh, MapOp::Sigmoid, MapOp::Abs, MapOp::Cos] {
            for arg in [a, t, sum, residual, c] {
                let node = s.g.map(op, &[arg]);
                s.check(node);
                let power = s.g.power(node, &r(-2, 3));
                if op == MapOp::Exp {
                    s.check(power);
                }
            }
        }
        for args in [[a, t], [sum, a], [t, sum]] {
            for op in [MapOp::Max, MapOp::Less] {
                let node = s.g.map(op, &args);
                s.check(node);
            }
            let condition = s.g.map(MapOp::Less, &args);
            let node = s.g.map(MapOp::Where, &[condition, args[1], args[0]]);
            s.check(node);
        }
        // a function of a diagonal matrix, of something repeated, of a slice
        let d = s.g.diag(x);
        let dx = s.g.map(MapOp::Cos, &[d]);
        s.check(dx);
        let (one, dim) = (s.g.sizes.constant(1), s.g.axes(x)[0]);
        let e = s.g.one_hot(one, dim);
        let column = s.g.matmul(a, e);
        let column = s.g.map(MapOp::Exp, &[column]);
        s.check(column);
        for op in [ReduceOp::Max, ReduceOp::Min, ReduceOp::Prod, ReduceOp::LogSumExp] {
            for axes in [&[0u8][..], &[1], &[0, 1]] {
                for arg in [b, sum] {
                    let node = s.g.reduce(op, arg, axes);
                    s.check(node);
                }
            }
        }
    }
}

#[test]
fn stacks() {
    let (mut s, [a, b, x, y, c]) = setup(4, 3);
    let thin = |node| Part { node, extent: None };
    let (dn, dm) = (s.g.axes(x)[0], s.g.axes(y)[0]);
    let thick = |node, dim| Part { node, extent: Some(dim) };
    let two = s.g.matmul(a, x);
    let t = s.g.transpose(a);
    let e = s.g.map(MapOp::Exp, &[x]);
    let stack = s.g.stack(0, vec![thin(x), thin(two), thin(e)]);
    s.check(stack);
    let stack = s.g.stack(1, vec![thin(x), thin(two), thin(e)]);
    s.check(stack);
    let stack = s.g.stack(0, vec![thick(a, dn), thick(b, dm), thick(t, dn)]);
    s.check(stack);
    let bt = s.g.transpose(b);
    let outer = s.g.matmul(bt, b);
    let stack = s.g.stack(1, vec![thick(bt, dm), thick(outer, dn), thin(x)]);
    s.check(stack);
    let d = s.g.diag(e);
    let stack = s.g.stack(1, vec![thick(d, dn), thick(d, dn), thin(x)]);
    s.check(stack);
    let (one, half) = (s.g.number(r(1, 1)), s.g.number(r(1, 2)));
    let stack = s.g.stack(0, vec![thin(c), thin(one), thin(half)]);
    s.check(stack);
}

#[test]
fn leaves() {
    let (mut s, _) = setup(4, 3);
    let n = s.g.sizes.symbol("n");
    let one = s.g.sizes.constant(1);
    let next = s.g.sizes.add(n, one);
    for node in [s.g.size(next), s.g.pi(), s.g.iota(n), s.g.levi_civita(3), s.g.levi_civita(2), s.g.identity(n)] {
        s.check(node);
    }
    let zeros = s.g.zeros(&[n, next]);
    s.check(zeros);
    // K·vech and its inverse, in the order (1,1), (2,1) … (n,1), (2,2) …
    let (d, l) = (s.g.structural(Structural::Duplication, n), s.g.structural(Structural::Elimination, n));
    let (d, l) = (s.value(d), s.value(l));
    let mut column = 0;
    for j in 0..4 {
        for i in j..4 {
            for (p, q) in [(i, j), (j, i)] {
                assert_eq!(d.get(&[q * 4 + p, column]), Some(1.0));
            }
            assert_eq!(l.get(&[column, j * 4 + i]), Some(1.0));
            column += 1;
        }
    }
    assert_eq!((d.data().iter().sum::<f64>(), l.data().iter().sum::<f64>()), (16.0, 10.0));
}

#[test]
fn matrix_functions() {
    let (mut s, [a, b, x, ..]) = setup(5, 3);
    for op in [MatrixOp::Inverse, MatrixOp::Det] {
        let node = s.g.matrix(op, &[a]);
        s.check(node);
    }
    let t = s.g.transpose(a);
    let gram = s.g.matmul(t, a);
    let eye = s.g.identity(s.g.axes(x)[0]);
    let pd = s.g.add(gram, eye);
    let logdet = s.g.matrix(MatrixOp::LogDet, &[pd]);
    s.check(logdet);
    let inverse = s.g.matrix(MatrixOp::Inverse, &[pd]);
    for list in [&[inverse, x][..], &[b, inverse], &[inverse, t], &[b, inverse, t]] {
        let node = s.matmul(list);
        s.check(node);
    }
    // inverses between other things: solved with, or made where entries of them are needed
    let inv = s.g.matrix(MatrixOp::Inverse, &[a]);
    let inv_t = s.g.transpose(inv);
    let xi = s.g.matmul(x, inv);
    s.check(xi);
    let xix = s.g.matmul(xi, x);
    s.check(xix);
    for list in [&[inv, gram, inv][..], &[inv_t, gram, inv], &[inv, inv], &[b, inv_t, x], &[inv, inverse, x]] {
        let node = s.matmul(list);
        s.check(node);
        let both = s.g.matmul(node, x);
        if s.g.rank(node) == 2 {
            s.check(both);
        }
    }
    let h = s.g.hadamard(inv, a);
    s.check(h);
    let trace = s.g.trace(inv);
    s.check(trace);
    let product = s.g.matmul(inv, gram);
    let trace = s.g.trace(product);
    s.check(trace);
    let solution = s.g.matmul(inv, x);
    let program = compile(&s.g, &[solution, xix], &s.sizes).unwrap();
    assert!(!program.listing().contains("inverse") && program.listing().contains("= factor"), "{}", program.listing());
    let program = compile(&s.g, &[logdet, inverse], &s.sizes).unwrap();
    assert_eq!(program.listing().matches("= factor").count(), 1, "{}", program.listing());
    // identities of the factorisations
    let pd_value = s.value(pd);
    let l = s.g.matrix(MatrixOp::Cholesky, &[pd]);
    let lt = s.g.transpose(l);
    let back = s.g.matmul(l, lt);
    assert!(close(&s.value(back), &pd_value, 1e-13));
    let (d, v) = (s.g.matrix(MatrixOp::Eigvals, &[pd]), s.g.matrix(MatrixOp::Eigvecs, &[pd]));
    let (dd, vt) = (s.g.diag(d), s.g.transpose(v));
    let back = s.matmul(&[v, dd, vt]);
    assert!(close(&s.value(back), &pd_value, 1e-12));
    let (u, w, v) =
        (s.g.matrix(MatrixOp::SvdU, &[b]), s.g.matrix(MatrixOp::Singvals, &[b]), s.g.matrix(MatrixOp::SvdV, &[b]));
    let (dw, vt) = (s.g.diag(w), s.g.transpose(v));
    let back = s.matmul(&[u, dw, vt]);
    assert!(close(&s.value(back), &s.value(b), 1e-13));
    let pinv = s.g.matrix(MatrixOp::Pinv, &[b]);
    let back = s.matmul(&[b, pinv, b]);
    assert!(close(&s.value(back), &s.value(b), 1e-12));
    let (nuc, spec) = (s.g.matrix(MatrixOp::NormNuc, &[b]), s.g.matrix(MatrixOp::NormSpec, &[b]));
    let w = s.value(w);
    assert!((s.value(nuc).data()[0] - w.data().iter().sum::<f64>()).abs() < 1e-14);
    assert_eq!(s.value(spec).data()[0], w.data()[0]);
    for op in [MatrixOp::Expm, MatrixOp::Sqrtm, MatrixOp::Logm, MatrixOp::Adjugate] {
        let f = s.g.matrix(op, &[pd]);
        let (left, right) = (s.matmul(&[f, pd]), s.matmul(&[pd, f]));
        assert!(close(&s.value(left), &s.value(right), 1e-11), "{op:?}");
    }
    let (root, adj) = (s.g.matrix(MatrixOp::Sqrtm, &[pd]), s.g.matrix(MatrixOp::Adjugate, &[pd]));
    let square = s.matmul(&[root, root]);
    assert!(close(&s.value(square), &pd_value, 1e-13));
    let det = s.g.matrix(MatrixOp::Det, &[pd]);
    let (left, right) = (s.matmul(&[adj, pd]), s.g.multiply_scalar(det, eye));
    assert!(close(&s.value(left), &s.value(right), 1e-12));
    // along the matrix itself the derivative of exp is X·exp(X); the arguments differ as nodes
    let e = s.g.matrix(MatrixOp::Expm, &[a]);
    let l = s.g.matrix(MatrixOp::ExpmFrechet, &[a, a]);
    let xe = s.matmul(&[a, e]);
    assert!(close(&s.value(l), &s.value(xe), 1e-12));
}

/// Axes before the last two are a batch.
#[test]
fn batches() {
    let mut g = Graph::new();
    let (k, n) = (g.sizes.symbol("k"), g.sizes.symbol("n"));
    let a = g.input("T", &[k, n, n], false, &[]);
    let single = g.input("X", &[n, n], false, &[]);
    let mut inputs = Inputs::new();
    let mut random = Random(5);
    let t = random.array(&[3, 4, 4]);
    let mut flipped = Array::from_fn(&[4, 4, 4], |_| 0.0);
    let spd = Array::from_fn(&[3, 4, 4], |i| {
        let dot: f64 = (0..4).map(|l| t.get(&[i[0], i[1], l]).unwrap() * t.get(&[i[0], i[2], l]).unwrap()).sum();
        dot + if i[1] == i[2] { 1.0 } else { 0.0 }
    });
    flipped.data_mut()[0] = 1.0;
    let sizes = sizes(&[("k", 3), ("n", 4)]);
    let ops = [
        MatrixOp::Inverse,
        MatrixOp::Det,
        MatrixOp::LogDet,
        MatrixOp::Adjugate,
        MatrixOp::Pinv,
        MatrixOp::Cholesky,
        MatrixOp::Expm,
        MatrixOp::Logm,
        MatrixOp::Sqrtm,
        MatrixOp::Eigvals,
        MatrixOp::Eigvecs,
        MatrixOp::Singvals,
        MatrixOp::SvdU,
        MatrixOp::SvdV,
        MatrixOp::NormSpec,
        MatrixOp::NormNuc,
    ];
    for op in ops {
        let (all, one) = (g.matrix(op, &[a]), g.matrix(op, &[single]));
        inputs.insert("T", spd.clone());
        let all = run(&g, all, &sizes, &inputs);
        let mut pieces = Vec::new();
        for b in 0..3 {
            inputs.insert("X", Array::from_fn(&[4, 4], |i| spd.get(&[b, i[0], i[1]]).unwrap()));
            pieces.extend(run(&g, one, &sizes, &inputs).into_data());
        }
        assert!(close(&all, &Array::new(all.shape().to_vec(), pieces).unwrap(), 1e-13), "{op:?}");
    }
    inputs.insert("X", Array::from_fn(&[4, 4], |i| spd.get(&[0, i[0], i[1]]).unwrap()));
    inputs.insert("T", t.clone());
    for op in [MatrixOp::ExpmFrechet, MatrixOp::LogmFrechet, MatrixOp::SqrtmFrechet] {
        let all = g.matrix(op, &[single, a]);
        let all = run(&g, all, &sizes, &inputs);
        let e = g.input("E", &[n, n], false, &[]);
        let one = g.matrix(op, &[single, e]);
        let mut pieces = Vec::new();
        for b in 0..3 {
            inputs.insert("E", Array::from_fn(&[4, 4], |i| t.get(&[b, i[0], i[1]]).unwrap()));
            pieces.extend(run(&g, one, &sizes, &inputs).into_data());
        }
        assert!(close(&all, &Array::new(vec![3, 4, 4], pieces).unwrap(), 1e-13), "{op:?}");
    }
}

/// Directions of a batch of matrices have the matrices' batch last among their own.
#[test]
fn frechet_derivatives_of_a_batch() {
    let mut g = Graph::new();
    let (j, k, n) = (g.sizes.constant(2), g.sizes.constant(3), g.sizes.constant(3));
    let xs = g.input("T", &[k, n, n], false, &[]);
    let es = g.input("S", &[j, k, n, n], false, &[]);
    let (x, e) = (g.input("X", &[n, n], false, &[]), g.input("E", &[n, n], false, &[]));
    let entry = |i: &[usize]| i.iter().fold(0.3, |a: f64, k| (7.0 * a + *k as f64).sin());
    let batch = Array::from_fn(&[3, 3, 3], |i| entry(i) + if i[1] == i[2] { 4.0 } else { 0.0 });
    let steps = Array::from_fn(&[2, 3, 3, 3], entry);
    let none = sizes(&[]);
    for op in [MatrixOp::ExpmFrechet, MatrixOp::LogmFrechet, MatrixOp::SqrtmFrechet] {
        let (all, one) = (g.matrix(op, &[xs, es]), g.matrix(op, &[x, e]));
        let mut inputs = Inputs::new();
        inputs.insert("T", batch.clone());
        inputs.insert("S", steps.clone());
        let all = run(&g, all, &none, &inputs);
        let mut pieces = Vec::new();
        for (a, b) in (0..2).flat_map(|a| (0..3).map(move |b| (a, b))) {
            inputs.insert("X", Array::from_fn(&[3, 3], |i| batch.get(&[b, i[0], i[1]]).unwrap()));
            inputs.insert("E", Array::from_fn(&[3, 3], |i| steps.get(&[a, b, i[0], i[1]]).unwrap()));
            pieces.extend(run(&g, one, &none, &inputs).into_data());
        }
        assert!(close(&all, &Array::new(vec![2, 3, 3, 3], pieces).unwrap(), 1e-13), "{op:?}");
    }
}

#[test]
fn nan_and_infinity_pass_through() {
    let mut g = Graph::new();
    let n = g.sizes.constant(3);
    let x = g.input("x", &[n], false, &[]);
    let mut inputs = Inputs::new();
    inputs.insert("x", Array::vector(vec![-1.0, 0.0, 2.0]));
    let zero = g.zeros(&[n]);
    let positive = g.map(MapOp::Less, &[zero, x]);
    let log = g.map(MapOp::Log, &[x]);
    let picked = g.map(MapOp::Where, &[positive, log, zero]);
    let none = sizes(&[]);
    assert_eq!(run(&g, picked, &none, &inputs).data(), [0.0, 0.0, 2f64.ln()]);
    let all = run(&g, log, &none, &inputs);
    assert!(all.data()[0].is_nan() && all.data()[1] == f64::NEG_INFINITY && all.count_non_finite() == 2);
    let inverse = g.power(x, &r(-1, 1));
    assert_eq!(run(&g, inverse, &none, &inputs).data()[1], f64::INFINITY);
    // a large exponent does not overflow on the way
    let e = g.map(MapOp::Exp, &[x]);
    let small = g.power(e, &r(-1000, 1));
    inputs.insert("x", Array::vector(vec![1.0, 0.5, 0.001]));
    assert_eq!(run(&g, small, &none, &inputs).data(), [0.0, (-500f64).exp(), (-1f64).exp()]);
}

#[test]
fn errors_name_what_is_wrong() {
    let mut g = Graph::new();
    let (n, m) = (g.sizes.symbol("n"), g.sizes.symbol("m"));
    let (x, y, z) = (g.input("x", &[n], false, &[]), g.input("y", &[n], true, &[]), g.input("z", &[m], false, &[]));
    let sum = g.add(x, y);
    let known = sizes(&[("n", 3)]);
    assert_eq!(compile(&g, &[z], &known).unwrap_err(), CompileError::Size { dimension: "m".into() });
    let program = compile(&g, &[sum], &known).unwrap();
    let names = |list: &[&str]| list.iter().map(|n| Name::from(*n)).collect();
    assert_eq!(program.run(&Inputs::new()).unwrap_err(), RunError::Missing { names: names(&["x", "y"]) });
    let mut inputs = Inputs::new();
    inputs.insert("x", Array::from_fn(&[3, 1], |_| 1.0));
    inputs.insert("y", Array::from_fn(&[1, 3], |_| 2.0));
    assert_eq!(program.run(&inputs).unwrap()[0].data(), [3.0; 3]);
    inputs.insert("y", Array::from_fn(&[3, 1], |_| 2.0));
    let error = program.run(&inputs).unwrap_err();
    assert_eq!(error.to_string(), "input `y` has shape 3×1 in the data where 3 is needed");
    let scalar =
        AbstractFunction { name: "f".into(), arity: 1, codomain: Dims::new(), vector_argument: false, domain: None };
    let f = g.function(scalar);
    let t = g.input("t", &[], false, &[]);
    let call = g.call(f, &[], &[t]);
    assert_eq!(compile(&g, &[call], &known).unwrap_err(), CompileError::Abstract { name: "f".into() });
    let wide = g.ones(&[n, n, n, n]);
    let wide = g.map(MapOp::Exp, &[wide]);
    let error = compile(&g, &[wide], &sizes(&[("n", 100_000)])).unwrap_err();
    assert!(matches!(error, CompileError::TooLarge { .. }), "{error}");
    let eye = g.identity(n);
    let limited =
        compile_with(&g, &[eye], &sizes(&[("n", 100)]), &Options { memory_limit: 10_000, ..Options::default() });
    assert!(limited.unwrap_err().to_string().contains("100×100"));
}

#[test]
fn programs_run_again_in_the_same_memory() {
    let (mut s, [a, b, x, y, _]) = setup(6, 4);
    let ax = s.g.matmul(a, x);
    let e = s.g.map(MapOp::Exp, &[ax]);
    let be = s.g.matmul(b, e);
    let loss = s.g.subtract(be, y);
    let roots = [loss, ax, e, a];
    let program = compile(&s.g, &roots, &s.sizes).unwrap();
    let mut workspace = Workspace::default();
    let first = program.run_in(&s.inputs, &mut workspace).unwrap();
    let mut other = s.inputs.clone();
    other.insert("x", Random(99).array(&[6]));
    let second = program.run_in(&other, &mut workspace).unwrap();
    assert_eq!(first, program.run_in(&s.inputs, &mut workspace).unwrap());
    assert_eq!(second, program.run(&other).unwrap());
    assert_ne!(first, second);
    assert!(program.flops() > 0.0 && program.traffic() > 0.0 && program.memory_bytes() > 0);
}

/// Long chains, wide sums and deep nesting take time in proportion.
#[test]
fn large_graphs() {
    let mut g = Graph::new();
    let n = g.sizes.constant(3);
    let x = g.input("x", &[n], false, &[]);
    let mut inputs = Inputs::new();
    inputs.insert("x", Array::vector(vec![0.1, 0.2, 0.3]));
    let mut chain = x;
    for k in 0..20_000 {
        chain = g.map(if k % 2 == 0 { MapOp::Sin } else { MapOp::Tanh }, &[chain]);
    }
    let value = run(&g, chain, &sizes(&[]), &inputs);
    assert!(value.data().iter().all(|v| v.is_finite() && *v > 0.0));
    let program = compile(&g, &[chain], &sizes(&[])).unwrap();
    assert!(program.memory_bytes() < 200, "{}", program.memory_bytes());
    let terms: Vec<_> = (1..20_000).map(|k| (r(1, 1), g.power(x, &r(k % 97 + 1, k)))).collect();
    let sum = g.sum(&terms, &[n]);
    assert!(run(&g, sum, &sizes(&[]), &inputs).data()[0] > 0.0);
}

/// Structure is used: nothing of the size of the dense factors is made.
#[test]
fn structure_is_not_written_out() {
    let mut g = Graph::new();
    let n = g.sizes.symbol("n");
    let x = g.input("x", &[n], false, &[]);
    let one = g.sizes.constant(1);
    let shift = g.shift(one, n, n);
    let next = g.matmul(shift, x);
    let diag = g.diag(next);
    let y = g.matmul(diag, x);
    let fuse = g.fuse(n, n);
    let mut p = ProductBuilder::new();
    let (i, j) = (p.label(n), p.label(n));
    let nn = g.sizes.mul(n, n);
    let f = p.label(nn);
    p.factor(fuse, &[f, i, j]);
    p.factor(x, &[i]);
    p.factor(y, &[j]);
    let kron = p.build(&mut g, &[f]);
    let program = compile(&g, &[y, kron], &sizes(&[("n", 1000)])).unwrap();
    assert!(program.memory_bytes() < 8_100_000, "{}", program.listing());
    let mut inputs = Inputs::new();
    inputs.insert("x", Random(1).array(&[1000]));
    let values = program.run(&inputs).unwrap();
    let data = inputs.get("x").unwrap().data();
    assert_eq!(values[0].data()[5], data[5] * data[6]);
    assert_eq!(values[0].data()[999], 0.0);
    assert_eq!(values[1].data()[7 * 1000 + 3], data[3] * values[0].data()[7]);
}
