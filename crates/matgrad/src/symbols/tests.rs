use super::*;
use crate::{Array, Attribute, Failure, Layout};

fn text_and_gradient(f: &Expr, x: &Expr) -> (String, String) {
    (f.text(), f.gradient(x).expect("a gradient").text())
}

#[test]
fn operators_make_the_texts_that_people_type() {
    let (x, y) = (vector("x", "n"), vector("y", "n"));
    let (a, c) = (matrix("A", "n", "n"), scalar("c"));
    let check = |expr: Expr, text: &str| assert_eq!(expr.text(), text);
    check(&x + &y - &c * &x, "x + y - c*x");
    check(-(&x + &y), "-(x + y)");
    check(2.0 * &x / 3, "2*x/3");
    check(-1.5 * &x, "-1.5*x");
    check(&x - (&y - &x), "x - (y - x)");
    check((&a * &x).t(), "(A*x)'");
    check(a.inv().tr() + a.det().log(), "tr(inv(A)) + log(det(A))");
    check(x.had(&y).elem_div(&x), "x .* y ./ x");
    check(a.kron(&a.t()), "A ⊗ A'");
    check(x.elem_pow(2), "x.^2");
    check(x.norm().pow(2), "norm(x)^2");
    check(a.solve(&x), "A\\x");
    check(x.at([At::from(1..=3)]), "x[1:3]");
    check(call("max", &[&x, &y]), "max(x, y)");
    check(x.compare(">", &Expr::from(0)).select(&x, &y), "where(x > 0, x, y)");
    check(rows(&[&[&a, &x], &[&x.t(), &c]]), "[A, x; x', c]");
    check(x.matmul(&y), "x'*y");
    check(x.matmul(&a).matmul(&y), "x'*A*y");
    check(x.t().matmul(&a).matmul(&y), "x'*A*y");
    check(x.times(&y).over(&c), "(x .* y)/c");
}

#[test]
fn shapes_are_those_of_the_language() {
    let (x, a) = (vector("x", "n"), matrix("A", "m", "n"));
    let check = |expr: &Expr, shape: &str| assert_eq!(expr.shape().expect("a shape").to_string(), shape, "{expr}");
    check(&(&a * &x), "R^m");
    check(&a.t(), "R^(n x m)");
    check(&x.t(), "R^(1 x n)");
    check(&(x.t() * &x), "R");
    check(&a.kron(&a), "R^(m^2 x n^2)");
    check(&(eye("n") * &x), "R^n");
    check(&a.at([1.into(), (..).into()]), "R^(1 x n)");
    check(&tensor("T", ["n", "n", "n"]).sum(), "R");
    check(&(x.sum() / size("n")), "R");
    check(&x.at([At::Range(2.into(), size("n") - 1)]), "R^(n-2)");
    check(&(eye("n+1") * 2), "R^(n+1 x n+1)");
    check(&vector("u", 3).at([At::from(2)]), "R");
    check(&scalar("λ"), "R");
    assert_eq!(scalar("λ").name(), Some("lambda"));
}

#[test]
fn faults_name_both_shapes_and_their_place() {
    let (x, a) = (vector("x", "n"), matrix("A", "m", "k"));
    let failure = ((&a * &x).norm() + 1.0).shape().expect_err("no shape").to_string();
    assert!(failure.contains("cannot multiply R^(m x k) by R^n: k columns against n rows"), "{failure}");
    assert!(failure.contains("A*x") && failure.contains("^^^"), "{failure}");
    let failure: Failure = (&x + &vector("y", "p")).sum().diff(&x).expect_err("no derivative");
    assert!(failure.to_string().contains("R^n and R^p"), "{failure}");
    let failure = (&x + &vector("x", "p")).shape().expect_err("two declarations").to_string();
    assert!(failure.contains('x'), "{failure}");
    assert!(call("nrom", &[&x]).shape().expect_err("no function").to_string().contains("norm"));
    assert!(Expr::from(f64::NAN).shape().is_ok() || Expr::from(f64::NAN).diff("x").is_err());
    assert!(Expr::read("x +").shape().is_err());
    assert!(Expr::read("x +").diff("x").is_err());
    assert!(vector("2x y", "n").sum().shape().is_err());
    assert!(x.sum().diff(&(&x + 1.0)).is_err());
}

#[test]
fn derivatives_are_expressions() {
    let (x, a) = (vector("x", "n"), matrix("A", "n", "n").with(Attribute::Symmetric));
    let f = x.t() * &a * &x;
    assert_eq!(text_and_gradient(&f, &x), ("x'*A*x".into(), "2*A*x".into()));
    let gradient = f.gradient(&x).expect("a gradient");
    let step = &x - 0.5 * &gradient;
    assert_eq!(step.text(), "x - 0.5*(2*A*x)");
    assert_eq!(step.shape().expect("a shape").to_string(), "R^n");
    assert_eq!(step.jacobian(&x).expect("a Jacobian").text(), "eye(n) - A");
    assert_eq!(gradient.diff(&x).expect("a Hessian").text(), "2*A");
    assert_eq!(f.hessian(&x).expect("a Hessian").text(), "2*A");
    // sizes are what they are, however they are written
    let z = vector("z", "1 + n");
    let next = &z - z.norm().pow(2).gradient(&z).expect("a gradient");
    assert_eq!(next.shape().expect("a shape").to_string(), "R^(n+1)");
    // a function that the variable is not part of
    assert_eq!(f.gradient(&vector("z", "k")).expect("a gradient").text(), "zeros(k)");
    // definitions of formulas have names of their own when they meet
    let r = matrix("R", "m", "n");
    let k = (r.t() * &r).derivative(&r, |request| request.layout(Layout::Tensor)).expect("a tensor");
    let both = &k + &k.derivative(&r, |request| request).err().map_or(k.clone(), |_| k.clone());
    assert_eq!(both.shape().expect("a shape").axes(), ["n", "n", "m", "n"]);
}

#[test]
fn parts_that_are_shared_do_not_make_long_texts() {
    let x = vector("x", "n");
    let mut f = x.clone();
    for _ in 0..60 {
        f = (&f + &f).tanh();
    }
    let function = compile(&[&f.sum()]).expect("a function");
    let value = function.call(&[&Array::vector(vec![0.1, 0.2])]).expect("a value");
    let mut expected = [0.1f64, 0.2];
    (0..60).for_each(|_| expected.iter_mut().for_each(|v| *v = (2.0 * *v).tanh()));
    assert!((value[0].data()[0] - expected.iter().sum::<f64>()).abs() < 1e-12);
}

#[test]
fn chains_may_be_long() {
    let x = vector("x", "n");
    let mut f = x.clone();
    for k in 0..20_000 {
        f = &f + k;
    }
    assert!(f.text().len() > 100_000);
    drop(f);
}

#[test]
fn functions_take_arrays_in_either_order() {
    let (a, x) = (matrix("A", "m", "n"), vector("x", "n"));
    let f = (&a * &x).norm().pow(2);
    let function = compile(&[&f, &f.gradient(&x).unwrap(), &f.gradient(&a).unwrap(), &f.diff(&x).unwrap()]).unwrap();
    let data = Array::from_fn(&[2, 3], |at| (at[0] * 3 + at[1]) as f64);
    let v = Array::vector(vec![1.0, -1.0, 2.0]);
    let rows = function.call(&[&data, &v]).expect("results");
    assert_eq!(rows[0].data(), [90.0]);
    assert_eq!((rows[2].shape(), rows[3].shape()), (&[2, 3][..], &[1, 3][..]));
    let turned = data.permuted(&[1, 0]).unwrap();
    let compiled = function.plan(&[(&[2, 3], Order::Columns), (&[3], Order::Rows)]).expect("a plan");
    let mut results: Vec<Array> = compiled.shapes().iter().map(|shape| Array::zeros(shape)).collect();
    let mut places: Vec<&mut [f64]> = results.iter_mut().map(Array::data_mut).collect();
    compiled.run(&[turned.data(), v.data()], &mut places).expect("a run");
    assert_eq!(results, rows);
    let failure = function.call(&[&v, &data]).expect_err("other shapes").to_string();
    assert!(failure.contains('A'), "{failure}");
    assert!(function.call(&[&v]).is_err());
    let function = function.with_arguments(&["x", "A"]).expect("other order");
    assert_eq!(function.call(&[&v, &data]).expect("results"), rows);
}

#[test]
fn unknowns_are_found_before_a_run() {
    let z = Expr::read_with("define z by z + z^3 = t; z", ["t in R", "z in R"]);
    let function = compile(&[&z, &z.diff("t").expect("a derivative")]).expect("a function");
    let results = function.call(&[&Array::scalar(2.0)]).expect("results");
    assert!((results[0].data()[0] - 1.0).abs() < 1e-12 && (results[1].data()[0] - 0.25).abs() < 1e-12);
}
