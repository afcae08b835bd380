//! Every rule, first and second order, forward and in reverse, against central differences.

use matgrad_syntax::Attribute;

use super::lab::{Draw, Lab};
use crate::graph::{AbstractFunction, MapOp, MatrixOp, NodeId, Part, ReduceOp};

const WIDE: Draw = Draw::Between(-1.3, 1.4);
const POSITIVE: Draw = Draw::Between(0.6, 2.3);

fn draw_of(op: MapOp) -> Draw {
    match op {
        MapOp::Log | MapOp::Gamma | MapOp::Lgamma | MapOp::Polygamma(_) | MapOp::Cbrt => POSITIVE,
        MapOp::Asin | MapOp::Acos | MapOp::Atanh => Draw::Between(-0.8, 0.8),
        MapOp::Acosh => Draw::Between(1.4, 2.5),
        MapOp::Tan => Draw::Between(-1.1, 1.1),
        _ => WIDE,
    }
}

#[test]
fn functions_of_one_entry() {
    use MapOp::*;
    let all = [
        Exp,
        Log,
        Abs,
        Sign,
        Cbrt,
        Sin,
        Cos,
        Tan,
        Asin,
        Acos,
        Atan,
        Sinh,
        Cosh,
        Tanh,
        Asinh,
        Acosh,
        Atanh,
        Sigmoid,
        Softplus,
        Relu,
        Erf,
        Gamma,
        Lgamma,
        Polygamma(0),
        Polygamma(1),
        Polygamma(2),
    ];
    for (k, op) in all.into_iter().enumerate() {
        for dims in ["", "m", "ml"] {
            let mut lab = Lab::new(k as u64 + 7);
            let x = lab.input("x", dims, draw_of(op));
            let root = lab.g.map(op, &[x]);
            lab.check(&format!("{op:?} of {dims:?}"), root, x);
        }
        // inside a sum, with the transpose, and of a negative
        let mut lab = Lab::new(k as u64 + 70);
        let x = lab.input("X", "mm", draw_of(op));
        let c = lab.input("C", "mm", WIDE);
        let turned = lab.g.transpose(x);
        let (a, b) = (lab.g.map(op, &[turned]), lab.g.map(op, &[x]));
        let product = lab.g.hadamard(a, c);
        let product = lab.g.matmul(product, b);
        let root = lab.g.sum_axes(product, &[0, 1]);
        lab.check(&format!("{op:?} in a product"), root, x);
    }
}

#[test]
fn functions_of_several_entries() {
    use MapOp::*;
    for (k, op) in [Max, Min, Atan2, Pow, Less, LessEq, Equal, NotEqual].into_iter().enumerate() {
        for dims in ["", "m", "ml"] {
            let mut lab = Lab::new(k as u64 + 3);
            let (x, y) = (lab.input("x", dims, POSITIVE), lab.input("y", dims, POSITIVE));
            let root = lab.g.map(op, &[x, y]);
            lab.check(&format!("{op:?} by the first"), root, x);
            lab.check(&format!("{op:?} by the second"), root, y);
            let square = lab.g.hadamard(x, y);
            let root = lab.g.map(op, &[square, y]);
            lab.check(&format!("{op:?} by both"), root, y);
            let condition = lab.g.map(Less, &[x, y]);
            let (a, b) = (lab.g.map(Sin, &[x]), lab.g.map(Exp, &[y]));
            let root = lab.g.map(Where, &[condition, a, b]);
            lab.check("Where", root, x);
            lab.check("Where", root, y);
            let root = lab.g.map(Where, &[x, b, a]);
            lab.check("Where by a number", root, x);
        }
    }
}

#[test]
fn products_and_powers() {
    use matgrad_syntax::Rational;
    let mut lab = Lab::new(5);
    let (a, x) = (lab.input("A", "mn", WIDE), lab.input("x", "n", POSITIVE));
    let (xx, b) = (lab.input("X", "mm", WIDE), lab.input("B", "mm", WIDE));
    let ax = lab.g.matmul(a, x);
    for exponent in [Rational::int(-1), Rational::new(1, 2), Rational::new(-3, 2), Rational::int(3)] {
        let power = lab.g.power(x, &exponent);
        let root = lab.g.matmul(a, power);
        lab.check("powers of entries", root, x);
        let norm = lab.g.hadamard(x, x);
        let norm = lab.g.sum_axes(norm, &[0]);
        let norm = lab.g.power(norm, &exponent);
        let root = lab.g.multiply_scalar(norm, ax);
        lab.check("powers of norms", root, x);
    }
    lab.check("A*x by A", ax, a);
    let bx = lab.g.matmul(b, xx);
    let cube = lab.g.matmul(xx, bx);
    let turned = lab.g.transpose(xx);
    let root = lab.g.matmul(cube, turned);
    lab.check("X*B*X*X'", root, xx);
    let (diagonal, trace) = (lab.g.diagonal(root), lab.g.trace(cube));
    lab.check("a diagonal", diagonal, xx);
    let spread = lab.g.diag(diagonal);
    lab.check("diag of a diagonal", spread, xx);
    let wide = lab.dims("mm");
    let wide = lab.g.broadcast_scalar(trace, &wide);
    let root = lab.g.add(wide, cube);
    lab.check("a scalar added to a matrix", root, xx);
}

#[test]
fn reductions() {
    for (k, op) in [ReduceOp::Max, ReduceOp::Min, ReduceOp::Prod, ReduceOp::LogSumExp].into_iter().enumerate() {
        for axes in [&[0u8][..], &[1], &[0, 1], &[2], &[0, 2]] {
            let mut lab = Lab::new(k as u64 + 11);
            let x = lab.input("X", "mlm", POSITIVE);
            let sine = lab.g.map(MapOp::Sin, &[x]);
            let root = lab.g.reduce(op, sine, axes);
            lab.check(&format!("{op:?} along {axes:?}"), root, x);
        }
        let mut lab = Lab::new(k as u64 + 12);
        let x = lab.input("x", "n", POSITIVE);
        let root = lab.g.reduce(op, x, &[0]);
        lab.check(&format!("{op:?}"), root, x);
    }
}

/// The function itself, in a product, and of a product.
fn matrix_case(op: MatrixOp, dims: &str, draw: Draw, seed: u64) {
    let mut lab = Lab::new(seed);
    let x = lab.input("X", dims, draw);
    let root = lab.g.matrix(op, &[x]);
    lab.check(&format!("{op:?} of {dims}"), root, x);
    if lab.g.rank(x) != 2 {
        return;
    }
    let t = lab.input("t", "", POSITIVE);
    let c = lab.input("C", dims, Draw::Between(0.1, 0.2));
    let step = lab.g.multiply_scalar(t, c);
    let moved = lab.g.add(x, step);
    let root = lab.g.matrix(op, &[moved]);
    lab.check(&format!("{op:?} by a scalar"), root, t);
    let square = lab.g.hadamard(root, root);
    let axes: Vec<u8> = (0..lab.g.rank(root) as u8).collect();
    let root = lab.g.sum_axes(square, &axes);
    lab.check(&format!("squares of {op:?}"), root, x);
}

#[test]
fn inverses_and_determinants() {
    for op in [MatrixOp::Inverse, MatrixOp::Det, MatrixOp::LogDet, MatrixOp::Adjugate] {
        matrix_case(op, "mm", Draw::NearIdentity, 21);
        matrix_case(op, "lmm", Draw::NearIdentity, 22);
    }
}

#[test]
fn pseudo_inverses() {
    for dims in ["mn", "nm", "mm", "lml", "llm"] {
        matrix_case(MatrixOp::Pinv, dims, WIDE, 23);
    }
}

#[test]
fn cholesky_factors() {
    matrix_case(MatrixOp::Cholesky, "mm", Draw::Definite, 24);
    matrix_case(MatrixOp::Cholesky, "mll", Draw::Definite, 25);
    let mut lab = Lab::new(26);
    let x = lab.input("X", "mn", WIDE);
    let turned = lab.g.transpose(x);
    let gram = lab.g.matmul(x, turned);
    let root = lab.g.matrix(MatrixOp::Cholesky, &[gram]);
    lab.check("chol(X*X')", root, x);
}

#[test]
fn eigenvalues_and_vectors() {
    for op in [MatrixOp::Eigvals, MatrixOp::Eigvecs] {
        matrix_case(op, "mm", Draw::Definite, 27);
        matrix_case(op, "mll", Draw::Definite, 28);
    }
}

#[test]
fn singular_values_and_vectors() {
    for op in [MatrixOp::Singvals, MatrixOp::SvdU, MatrixOp::SvdV, MatrixOp::NormSpec, MatrixOp::NormNuc] {
        for (k, dims) in ["lm", "ml", "mll", "mlm", "mml"].into_iter().enumerate() {
            matrix_case(op, dims, WIDE, 30 + k as u64);
        }
        matrix_case(op, "23", WIDE, 40);
    }
}

#[test]
fn exponentials_logarithms_and_roots() {
    for op in [MatrixOp::Expm, MatrixOp::Logm, MatrixOp::Sqrtm] {
        matrix_case(op, "ll", Draw::NearIdentity, 50);
        matrix_case(op, "3ll", Draw::NearIdentity, 51);
    }
}

#[test]
fn derivatives_of_exponentials() {
    for op in [MatrixOp::ExpmFrechet, MatrixOp::LogmFrechet, MatrixOp::SqrtmFrechet] {
        for (x_dims, e_dims) in [("ll", "ll"), ("ll", "3ll"), ("3ll", "3ll"), ("3ll", "13ll")] {
            let mut lab = Lab::new(60);
            let (x, e) = (lab.input("X", x_dims, Draw::NearIdentity), lab.input("E", e_dims, WIDE));
            let root = lab.g.matrix(op, &[x, e]);
            let what = format!("{op:?} of {x_dims}, {e_dims}");
            lab.check(&format!("{what} by E"), root, e);
            if e_dims.len() < 3 || op != MatrixOp::LogmFrechet && e_dims.len() < 4 {
                lab.check(&format!("{what} by X"), root, x);
            } else {
                lab.check_first(&format!("{what} by X"), root, x);
            }
        }
    }
}

#[test]
fn third_order() {
    let mut lab = Lab::new(63);
    let x = lab.input("X", "ll", Draw::NearIdentity);
    for op in [MatrixOp::Inverse, MatrixOp::Expm, MatrixOp::Logm, MatrixOp::Sqrtm] {
        let value = lab.g.matrix(op, &[x]);
        let root = lab.g.trace(value);
        let root = lab.check_first("order 1", root, x);
        let root = lab.check_first("order 2", root, x);
        lab.check_first(&format!("order 3 of tr({op:?})"), root, x);
    }
}

#[test]
fn symmetric_variables() {
    let mut lab = Lab::new(70);
    let s = lab.attributed("S", "mm", Draw::Definite, &[Attribute::Pd]);
    let a = lab.input("A", "mm", WIDE);
    for op in [MatrixOp::Inverse, MatrixOp::Sqrtm, MatrixOp::Cholesky, MatrixOp::Expm, MatrixOp::Logm] {
        let value = lab.g.matrix(op, &[s]);
        let product = lab.g.matmul(a, value);
        let root = lab.g.trace(product);
        lab.check(&format!("tr(A*{op:?}(S))"), root, s);
    }
}

#[test]
fn a_variable_that_stands_for_a_symmetric_one() {
    use crate::diff::{Options, derivative};
    let mut lab = Lab::new(71);
    let s = lab.attributed("S", "mm", Draw::Definite, &[Attribute::Symmetric]);
    let free = lab.input("F", "mm", Draw::Definite);
    let a = lab.input("A", "mm", WIDE);
    for (op, same) in [(MatrixOp::Sqrtm, true), (MatrixOp::Cholesky, true), (MatrixOp::Inverse, false)] {
        let mut found = Vec::new();
        for (variable, stands_for) in [(s, None), (free, Some(s))] {
            let value = lab.g.matrix(op, &[variable]);
            let product = lab.g.matmul(a, value);
            let root = lab.g.trace(product);
            let options = Options { stands_for, ..Options::default() };
            let d = derivative(&mut lab.g, root, variable, options).unwrap();
            let map = [(free, s)].into_iter().collect();
            let d = lab.g.replace(d, &map);
            found.push(lab.value(d));
        }
        let worst = found[0].data.iter().zip(&found[1].data).fold(0.0f64, |m, (a, b)| m.max((a - b).abs()));
        assert_eq!(worst < 1e-9, same, "{op:?}: {worst}");
    }
}

#[test]
fn literals_and_blocks() {
    let mut lab = Lab::new(80);
    let x = lab.input("x", "3", POSITIVE);
    let entries: Vec<NodeId> = (1..=3).map(|k| lab.g.entry(x, &[k])).collect();
    let (product, sine) = (lab.g.hadamard(entries[0], entries[1]), lab.g.map(MapOp::Sin, &[entries[2]]));
    let column = lab.g.column(&[product, sine, entries[0], entries[2]]);
    lab.check("a literal", column, x);
    let exp = lab.g.map(MapOp::Exp, &[column]);
    lab.check("a function of a literal", exp, x);
    let other = lab.g.column(&[sine, product, sine, product]);
    let part = |node| Part { node, extent: None };
    let square = lab.g.stack(0, vec![part(column), part(other)]);
    lab.check("a literal matrix", square, x);
    let turned = lab.g.transpose(square);
    let gram = lab.g.matmul(square, turned);
    let det = lab.g.matrix(MatrixOp::Det, &[gram]);
    lab.check("the determinant of a literal", det, x);
    // blocks of symbolic extent
    let (y, z) = (lab.input("y", "m", WIDE), lab.input("z", "n", WIDE));
    let thick = |lab: &Lab, node: NodeId| Part { node, extent: Some(lab.g.axes(node)[0]) };
    let cube = lab.g.power(y, &matgrad_syntax::Rational::int(3));
    let parts = vec![thick(&lab, cube), thick(&lab, z), thick(&lab, y)];
    let stacked = lab.g.stack(0, parts);
    lab.check("blocks", stacked, y);
    let sine = lab.g.map(MapOp::Sin, &[stacked]);
    let root = lab.g.hadamard(sine, stacked);
    lab.check("a function of blocks", root, y);
    let total = lab.g.sum_axes(root, &[0]);
    lab.check("a sum over blocks", total, z);
}

#[test]
fn abstract_functions() {
    let mut lab = Lab::new(90);
    let codomain = lab.dims("m");
    let f = AbstractFunction {
        name: "f".into(),
        arity: 2,
        codomain: Default::default(),
        vector_argument: false,
        domain: None,
    };
    let r = AbstractFunction {
        name: "r".into(),
        arity: 1,
        codomain: codomain.into(),
        vector_argument: false,
        domain: None,
    };
    let (f, r) = (lab.g.function(f), lab.g.function(r));
    for dims in ["", "n", "ll"] {
        let (x, y) = (lab.input("x", dims, WIDE), lab.input("y", dims, WIDE));
        let product = lab.g.hadamard(x, y);
        let root = lab.g.call(f, &[], &[x, product]);
        lab.check("f(x, x*y)", root, x);
        lab.check("f(x, x*y)", root, y);
        let inner = lab.g.call(f, &[1, 0], &[x, y]);
        let root = lab.g.call(r, &[], &[inner]);
        lab.check("r(f_12'(x, y))", root, x);
    }
}

#[test]
fn layout_nodes() {
    let mut lab = Lab::new(95);
    let x = lab.input("X", "mm", WIDE);
    let dim = lab.g.axes(x)[0];
    let fuse = lab.g.fuse(dim, dim);
    let mut p = crate::graph::ProductBuilder::new();
    let labels = p.labels_of(&lab.g, fuse);
    let cube = lab.g.matmul(x, x);
    p.factor(fuse, &labels);
    p.factor(cube, &labels[1..]);
    let vec = p.build(&mut lab.g, &labels[..1]);
    lab.check("vec(X*X)", vec, x);
    let sine = lab.g.map(MapOp::Sin, &[vec]);
    let mut p = crate::graph::ProductBuilder::new();
    let labels = p.labels_of(&lab.g, fuse);
    p.factor(fuse, &labels);
    p.factor(sine, &labels[..1]);
    let back = p.build(&mut lab.g, &labels[1..]);
    lab.check("reshape(sin(vec(X*X)))", back, x);
    let (one, two) = (lab.g.sizes.constant(1), lab.g.sizes.constant(2));
    let short = lab.g.sizes.sub(dim, two);
    let shift = lab.g.shift(one, short, dim);
    let slice = lab.g.matmul(shift, back);
    lab.check("a slice", slice, x);
}
