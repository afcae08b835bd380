//! Products with derivatives against the matrices themselves, by one variable and by several.

use matgrad::{Array, Evaluation, Inputs, Layout, Matrix, Operator, Text};

const SCALARS: &[(&str, &str, &str)] = &[
    ("quadratic", "x in R^n;; A in R^(n x n);; f = x'*A*x", "x"),
    ("rosenbrock", "x in R^n;; f = 100*sum[i]((x[i+1] - x[i]^2)^2) + sum[i:n-1]((1 - x[i])^2)", "x"),
    ("factorisation", "A in R^(n x n);; V in R^(n x 2);; W in R^(n x 2);; f = norm(A - V*W')^2", "V"),
    ("factorisation by both", "A in R^(n x n);; V in R^(n x 2);; W in R^(n x 2);; f = norm(A - V*W')^2", "V,W"),
    ("picked", "x in R^n;; pick in R^p;; f = sum[i](exp(x[pick[i]]))", "x"),
    ("scalar beside a vector", "x in R^n;; s in R;; f = exp(s)*norm(x)^2", "x,s"),
];

const VECTORS: &[(&str, &str, &str)] = &[
    ("linear", "x in R^n;; A in R^(n x n);; F = A*x", "x"),
    ("broyden", "x in R^n;; F = (3 - 2*x).*x + 1 - [0; x[1:n-1]] - 2*[x[2:n]; 0]", "x"),
    ("two", "x in R^n;; y in R^n;; F = x.*exp(y)", "x,y"),
    ("matrix", "A in R^(n x n);; U in R^(n x n);; F = A*U*U", "U"),
    ("picked", "x in R^n;; pick in R^p;; F[i] = exp(x[pick[i]])", "x"),
];

fn numbers(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as f64 / (1u64 << 31) as f64 - 0.5
    }
}

fn data(n: usize) -> Inputs {
    let mut next = numbers(7);
    let mut inputs = Inputs::new();
    let shapes: [(&str, Vec<usize>); 7] = [
        ("x", vec![n]),
        ("y", vec![n]),
        ("s", vec![]),
        ("A", vec![n, n]),
        ("U", vec![n, n]),
        ("V", vec![n, 2]),
        ("W", vec![n, 2]),
    ];
    for (name, shape) in shapes {
        inputs.insert(name, Array::from_fn(&shape, |_| next()));
    }
    inputs.insert("pick", Array::from_fn(&[2 * n], |at| ((at[0] * 7 + 3) % n + 1) as f64));
    inputs
}

fn evaluation((_, script, wrt): &(&str, &str, &str)) -> Evaluation {
    let mut evaluation = Evaluation::new(Text::script("case.mg", script.replace(";; ", "\n")));
    evaluation.wrt = wrt.split(',').map(Into::into).collect();
    evaluation
}

/// The matrix, by several variables side by side.
fn matrix(case: &(&str, &str, &str), order: usize, inputs: &Inputs) -> Array {
    let mut evaluation = evaluation(case).sparse();
    evaluation.orders = vec![order];
    evaluation.layout = Layout::Jacobian;
    let plan = evaluation.plan(inputs).unwrap_or_else(|e| panic!("{}: {}", case.0, e.render(false)));
    plan.run_sparse(inputs).expect("a run").1.pop().expect("a matrix").1.to_dense()
}

fn product(a: &Array, v: &[f64], transposed: bool) -> Vec<f64> {
    let [rows, cols] = *a.shape() else { panic!("no matrix") };
    let at = |i: usize, j: usize| a.data()[i * cols + j];
    if transposed {
        (0..cols).map(|j| (0..rows).map(|i| at(i, j) * v[i]).sum()).collect()
    } else {
        (0..rows).map(|i| (0..cols).map(|j| at(i, j) * v[j]).sum()).collect()
    }
}

fn close(found: &[f64], expected: &[f64], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(1.0f64, |m, x| m.max(x.abs()));
    for (a, b) in found.iter().zip(expected) {
        assert!((a - b).abs() <= 1e-12 * largest, "{what}: {found:?} instead of {expected:?}");
    }
}

#[test]
fn operators_are_their_matrices() {
    for n in [2, 3, 7] {
        let inputs = data(n);
        let mut next = numbers(3);
        let all = SCALARS.iter().map(|case| (case, true)).chain(VECTORS.iter().map(|case| (case, false)));
        for (case, scalar) in all {
            let kinds: &[Matrix] = if scalar { &[Matrix::Hessian] } else { &[Matrix::Jacobian, Matrix::GaussNewton] };
            for kind in kinds {
                let what = format!("{} (n = {n}, {kind:?})", case.0);
                let a = matrix(case, if scalar { 2 } else { 1 }, &inputs);
                let mut operator = Operator::new(&evaluation(case), *kind, &inputs)
                    .unwrap_or_else(|e| panic!("{what}: {}", e.render(false)));
                let v: Vec<f64> = (0..operator.cols()).map(|_| next()).collect();
                let mut out = vec![0.0; operator.rows()];
                operator.apply(&v, &mut out).expect("a product");
                let mut expected = product(&a, &v, false);
                if *kind == Matrix::GaussNewton {
                    expected = product(&a, &expected, true);
                }
                close(&out, &expected, &what);
                let u: Vec<f64> = (0..operator.rows()).map(|_| next()).collect();
                let mut out = vec![0.0; operator.cols()];
                operator.apply_transposed(&u, &mut out).expect("a product");
                if *kind == Matrix::Jacobian {
                    close(&out, &product(&a, &u, true), &what);
                }
                assert!(operator.apply(&v[1..], &mut out).is_err(), "{what}");
            }
        }
    }
}

#[test]
fn diagonals_are_those_of_the_hessians() {
    for n in [1, 2, 5] {
        let inputs = data(n);
        for case in SCALARS.iter().filter(|case| !case.2.contains(',')) {
            let plan = evaluation(case).diagonal().plan(&inputs).expect("a plan");
            let found = plan.run(&inputs).expect("a run").pop().expect("a diagonal").1;
            let a = matrix(case, 2, &inputs);
            let cols = a.shape()[1];
            let own = |k: usize| a.data()[k * cols + k];
            // matrices are stacked by columns
            let expected: Vec<f64> = match found.shape() {
                [m, q] => (0..m * q).map(|k| own((k % q) * m + k / q)).collect(),
                _ => (0..cols).map(own).collect(),
            };
            close(found.data(), &expected, &format!("{} (n = {n})", case.0));
        }
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let inputs = data(3);
    let refused = |wrt: &str, script: &str, product: matgrad::Product| {
        let mut evaluation = evaluation(&("", script, wrt));
        evaluation.product = Some(product);
        evaluation.plan(&inputs).expect_err("a refusal").render(false)
    };
    let message = refused("x,y", "x in R^n;; y in R^n;; f = x'*y", matgrad::Product::Hvp("x,y,x".into()));
    assert!(message.contains("3 arrays are given, where the product takes 2"), "{message}");
    let message = refused("x", "x in R^n;; F = exp(x)", matgrad::Product::Hvp("y".into()));
    assert!(message.contains("scalar functions"), "{message}");
    let mut changed = data(3);
    let plan = evaluation(&("", "x in R^n;; pick in R^p;; F[i] = exp(x[pick[i]])", "x"));
    let mut plan = plan.sparse();
    plan.orders = vec![1];
    let plan = plan.plan(&changed).expect("a plan");
    changed.insert("pick", Array::vector(vec![1.0; 6]));
    let message = plan.run_sparse(&changed).expect_err("a refusal").render(false);
    assert!(message.contains("the indices in `pick`"), "{message}");
}
