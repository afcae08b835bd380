//! Products with derivatives that respect structure: `--jvp`, `--vjp` and `--hvp` are the constrained Jacobian, its
//! transpose and the constrained Hessian times a vec.

use matgrad::{Array, Convention, Evaluation, Inputs, Layout, Product, Text};

mod support;
use support::difference;

fn evaluate(evaluation: Evaluation, inputs: &Inputs) -> Array {
    let results = evaluation.plan(inputs).and_then(|plan| plan.run(inputs)).unwrap_or_else(|e| panic!("{e}"));
    results.into_iter().find(|(name, _)| name == "derivative").map(|(_, array)| array).unwrap_or_default()
}

/// `matrix*vec(v)`, or the transpose of the matrix, as a matrix of 2 rows and columns.
fn times(matrix: &Array, v: [f64; 4], transposed: bool) -> Array {
    // data is row by row, vec goes down the columns
    let vec = [v[0], v[2], v[1], v[3]];
    let at = |i: usize, j: usize| matrix.data()[if transposed { 4 * j + i } else { 4 * i + j }];
    let out: Vec<f64> = (0..4).map(|i| (0..4).map(|j| at(i, j) * vec[j]).sum()).collect();
    Array::new(vec![2, 2], vec![out[0], out[2], out[1], out[3]]).unwrap_or_default()
}

#[test]
fn products_are_the_constrained_derivative_times_a_vec() {
    let cases: [(&str, [f64; 4]); 7] = [
        ("symmetric", [2.0, 0.5, 0.5, 1.0]),
        ("pd", [2.0, 0.5, 0.5, 1.0]),
        ("skew", [0.0, -0.8, 0.8, 0.0]),
        ("lower", [0.3, 0.0, 0.8, 2.0]),
        ("upper", [0.3, 0.7, 0.0, 2.0]),
        ("diagonal", [0.3, 0.0, 0.0, 2.0]),
        ("orthogonal", [0.6, -0.8, 0.8, 0.6]),
    ];
    let (v, a) = ([1.0, 2.0, 3.0, 4.0], [1.0, 2.0, -1.0, 0.5]);
    for (attribute, value) in cases {
        let mut inputs = Inputs::new();
        let two = |data: [f64; 4]| Array::new(vec![2, 2], data.to_vec()).unwrap_or_default();
        inputs.insert("S", two(value));
        inputs.insert("A", two(a));
        inputs.insert("V", two(v));
        let of = |expression: &str, order: usize, product: Option<Product>| {
            let text = Text::expression(expression).declare(format!("S in R^(n x n) {attribute}"));
            let mut evaluation = Evaluation::new(text.declare("A in R^(n x n)")).by("S", [0, order]);
            evaluation.convention = Convention::Constrained;
            evaluation.layout = Layout::Jacobian;
            evaluation.product = product;
            evaluate(evaluation, &inputs)
        };
        let (map, scalar) = ("A*S*S*A'", "tr(A*S*S*A*S)");
        let (jacobian, hessian) = (of(map, 1, None), of(scalar, 2, None));
        let close = |found: &Array, wanted: &Array, what: &str| {
            let gap = difference(found, wanted);
            assert!(gap < 1e-12, "{what} of {attribute}: {gap:.1e}");
        };
        close(&of(map, 1, Some(Product::Jvp("V".into()))), &times(&jacobian, v, false), "jvp");
        close(&of(map, 1, Some(Product::Vjp("V".into()))), &times(&jacobian, v, true), "vjp");
        close(&of(scalar, 1, Some(Product::Hvp("V".into()))), &times(&hessian, v, false), "hvp");
    }
}
