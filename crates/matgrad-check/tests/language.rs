//! The evaluator reads the language as its reference says: values written out by hand.

use std::collections::BTreeMap;

use matgrad_check::{Array, ErrorKind, Problem, evaluate};
use matgrad_syntax::{Name, parse};

fn column(entries: &[f64]) -> Array {
    Array::column(entries.to_vec())
}

/// From rows.
fn matrix(rows: usize, entries: &[f64]) -> Array {
    let cols = entries.len() / rows;
    let data = (0..cols).flat_map(|j| (0..rows).map(move |i| entries[i * cols + j])).collect();
    Array::new(&[rows, cols], data).expect("a matrix")
}

fn data() -> BTreeMap<Name, Array> {
    let pairs = [
        ("x", column(&[1.0, 2.0, 3.0])),
        ("y", column(&[2.0, -1.0])),
        ("r", matrix(1, &[4.0, 5.0, 6.0])),
        ("A", matrix(2, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])),
        ("S", matrix(2, &[2.0, 1.0, 1.0, 2.0])),
        ("t", Array::scalar(0.5)),
        ("T", Array::new(&[2, 2, 2], (1..=8).map(f64::from).collect()).expect("a tensor")),
    ];
    pairs.into_iter().map(|(name, value)| (name.into(), value)).collect()
}

const DECLARATIONS: &str = "x in R^n
y in R^m
r in R^(1 x n)
A in R^(m x n)
S in R^(m x m)
t in R
T in R^(2 x 2 x 2)
";

fn value(text: &str) -> Result<Array, matgrad_check::EvalError> {
    let parsed = parse(&format!("{DECLARATIONS}{text}"));
    assert!(parsed.diagnostics.is_empty(), "{text}: {:?}", parsed.diagnostics);
    let problem = Problem::of_script(&parsed.script, "t".into()).expect("a function");
    evaluate(&problem, &data())
}

/// `expected` by rows.
fn check(text: &str, rows: usize, expected: &[f64]) {
    let got = value(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let expected = matrix(rows, expected);
    assert_eq!(got.shape(), expected.shape(), "{text}");
    for (x, y) in got.data().iter().zip(expected.data()) {
        assert!((x - y).abs() < 1e-12, "{text}: {got:?} is not {expected:?}");
    }
}

fn refused(text: &str, kind: ErrorKind) {
    assert_eq!(value(text).expect_err(text).kind, kind, "{text}");
}

#[test]
fn operators() {
    check("A*x", 2, &[14.0, 32.0]);
    check("x'*x", 1, &[14.0]);
    check("x .* x + 1", 3, &[2.0, 5.0, 10.0]);
    check("1./x", 3, &[1.0, 0.5, 1.0 / 3.0]);
    check("x.^2", 3, &[1.0, 4.0, 9.0]);
    check("-t^2", 1, &[-0.25]);
    check("2^3^2", 1, &[512.0]);
    check("S^-1*y", 2, &[5.0 / 3.0, -4.0 / 3.0]);
    check("S\\y", 2, &[5.0 / 3.0, -4.0 / 3.0]);
    check("S^2", 2, &[5.0, 4.0, 4.0, 5.0]);
    check("A : A + A", 1, &[182.0]);
    check("y ⊗ r", 2, &[8.0, 10.0, 12.0, -4.0, -5.0, -6.0]);
    check("S + 2*I", 2, &[4.0, 1.0, 1.0, 4.0]);
    check("(I - S)*y", 2, &[-1.0, -1.0]);
    check("x + vector(1)", 3, &[2.0, 3.0, 4.0]);
    check("vector(1)'*x", 1, &[6.0]);
    check("n*m + 0.5", 1, &[6.5]);
    check("sum(x)/n", 1, &[2.0]);
    check("0.1 + 0.2", 1, &[0.3]);
}

#[test]
fn brackets_and_subscripts() {
    check("[1, t, 2]", 3, &[1.0, 0.5, 2.0]);
    check("[1, 2; 3, 4]", 2, &[1.0, 2.0, 3.0, 4.0]);
    check("[y, y]", 2, &[2.0, 2.0, -1.0, -1.0]);
    check("[y; y]", 4, &[2.0, -1.0, 2.0, -1.0]);
    check("[S, I; zeros(2,2), S]", 4, &[2., 1., 1., 0., 1., 2., 0., 1., 0., 0., 2., 1., 0., 0., 1., 2.]);
    check("A[2,:]", 1, &[4.0, 5.0, 6.0]);
    check("A[:,2]", 2, &[2.0, 5.0]);
    check("x[2:n]", 2, &[2.0, 3.0]);
    check("r[2:3]", 1, &[5.0, 6.0]);
    check("(A*x)[2]", 1, &[32.0]);
    check("T[2,1,2]", 1, &[6.0]);
    check("T[:,2,1]", 2, &[3.0, 4.0]);
    check("size(A,1) + 10*size(A,2)", 1, &[32.0]);
}

#[test]
fn functions() {
    check("max(x)", 1, &[3.0]);
    check("max(A, 1)", 1, &[4.0, 5.0, 6.0]);
    check("max(A, 2)", 2, &[3.0, 6.0]);
    check("max(y, 1.0)", 2, &[2.0, 1.0]);
    check("min(y, 1.0)", 2, &[1.0, -1.0]);
    check("sum(A, 1)", 1, &[5.0, 7.0, 9.0]);
    check("mean(A, 2)", 2, &[2.0, 5.0]);
    check("norm(y)", 1, &[5f64.sqrt()]);
    check("logsumexp([0, 0])", 1, &[2f64.ln()]);
    check("softmax([0, 0])", 2, &[0.5, 0.5]);
    check("sum(softmax(A, 2), 2)", 2, &[1.0, 1.0]);
    check("cumsum(x)", 3, &[1.0, 3.0, 6.0]);
    check("revcumsum(x)", 3, &[6.0, 5.0, 3.0]);
    check("reshape(vec(A), m, n) - A", 2, &[0.0; 6]);
    check("rvec(A)", 1, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    check("eigvals(S)", 2, &[1.0, 3.0]);
    check("singvals(S)", 2, &[3.0, 1.0]);
    check("normspec(S) + normnuc(S)", 1, &[7.0]);
    check("eigvecs(S)*diag(eigvals(S))*eigvecs(S)'", 2, &[2.0, 1.0, 1.0, 2.0]);
    check("svdU(A)*diag(singvals(A))*svdV(A)'", 2, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    check("expm(logm(S))", 2, &[2.0, 1.0, 1.0, 2.0]);
    check("sqrtm(S)*sqrtm(S)", 2, &[2.0, 1.0, 1.0, 2.0]);
    check("chol(S)*chol(S)'", 2, &[2.0, 1.0, 1.0, 2.0]);
    check("A*pinv(A)", 2, &[1.0, 0.0, 0.0, 1.0]);
    check("where(y > 0, y, 10)", 2, &[2.0, 10.0]);
    check("polygamma(1, 1)", 1, &[std::f64::consts::PI.powi(2) / 6.0]);
    check("unit(2, n)", 3, &[0.0, 1.0, 0.0]);
    check("elimination(m)*vec(S)", 3, &[2.0, 1.0, 2.0]);
    check("commutation(m,n)*vec(A) - vec(A')", 6, &[0.0; 6]);
    check("cross(x, r')", 3, &[-3.0, 6.0, -3.0]);
    check("log(det(S)) - logdet(S)", 1, &[0.0]);
    check("atan2(1, 1) - pi/4", 1, &[0.0]);
    check("pow(x, 2)", 3, &[1.0, 4.0, 9.0]);
}

#[test]
fn index_notation() {
    check("sum[i,j](A[i,j]*x[j]*y[i])", 1, &[-4.0]);
    check("K[p,q] = sum[k](A[k,p]*A[k,q])", 3, &[17.0, 22.0, 27.0, 22.0, 29.0, 36.0, 27.0, 36.0, 45.0]);
    check("sum[i](i*x[i])", 1, &[14.0]);
    check("sum[i](x[i+1] - x[i])", 1, &[2.0]);
    check("sum[i](x[i]*x[i-1])", 1, &[8.0]);
    check("D[i] = x[i+1] - x[i]", 2, &[1.0, 1.0]);
    check("sum[i,j; i < j](x[i]*x[j])", 1, &[11.0]);
    check("sum[i,j; i != j](x[i]*x[j])", 1, &[22.0]);
    check("prod[i](x[i])", 1, &[6.0]);
    check("max[i](x[i]^2 - 4*x[i])", 1, &[-3.0]);
    check("mean[i](x[i])", 1, &[2.0]);
    check("logsumexp[i](x[i]) - logsumexp(x)", 1, &[0.0]);
    check("sum[i:4](i)", 1, &[10.0]);
    check("G[i:2,j:3] = i*10 + j", 2, &[11.0, 12.0, 13.0, 21.0, 22.0, 23.0]);
    check("G[i,j,p] = delta[i,j]*x[p]*S[i,j]; g = G[2,2,3]", 1, &[6.0]);
    check("sum[i,j](delta[i,j]*S[i,j])", 1, &[4.0]);
    check("sum[i](A[i,:])", 1, &[5.0, 7.0, 9.0]);
    check("c[i] = sum[j,k](eps[i,j,k]*x[j]*r[k])", 3, &[-3.0, 6.0, -3.0]);
    check("w[i] = sum[j](sum[k](A[i,k]*delta[k,j])*x[j])", 2, &[14.0, 32.0]);
    check("sum[i,j](x[n-i+1]*delta[i,j])", 1, &[6.0]);
    check("g(u) = u.^2; sum[i,k](g(A[i,:]')[k])", 1, &[91.0]);
    check("sum[i:n](sum[j:i](x[j]))", 1, &[10.0]);
    refused("sum[i](t)", ErrorKind::Shape);
    refused("sum[i](x[i]*y[i])", ErrorKind::Shape);
}

#[test]
fn definitions_and_recurrences() {
    check("g(a) = a^2 + t; g(g(2))", 1, &[20.75]);
    check("g(x) = x + 1; g(5)", 1, &[6.0]);
    check("e = x - 1; L = e'*e", 1, &[5.0]);
    check("step(s, a) = 2*s + a; fold(step, 0, x)", 1, &[11.0]);
    check("step(s, a) = 2*s + a; scan(step, 0, x)", 3, &[1.0, 4.0, 11.0]);
    check("step(s, a) = s + a*sum(x); fold(step, 0, x)", 1, &[36.0]);
    check("step(h, row) = h + row; fold(step, zeros(n), A)", 3, &[5.0, 7.0, 9.0]);
    check("g(row) = [sum(row), row[1]]; map(g, A)", 2, &[6.0, 1.0, 15.0, 4.0]);
    check("map(norm, A)", 2, &[14f64.sqrt(), 77f64.sqrt()]);
    refused("g(a) = h(a); h(a) = g(a); g(1)", ErrorKind::Limit);
}

#[test]
fn errors_are_values() {
    refused("A*A", ErrorKind::Shape);
    refused("x + y", ErrorKind::Shape);
    refused("x[4]", ErrorKind::Subscript);
    refused("inv(S - S)", ErrorKind::Singular);
    refused("chol(-S)", ErrorKind::Domain);
    refused("chol([1, 2; 3, 4])", ErrorKind::Asymmetric);
    refused("2*I", ErrorKind::Shape);
    refused("eye(1000000000)", ErrorKind::Limit);
    refused("x ⊗ ones(100000000)", ErrorKind::Limit);
}

#[test]
fn deep_and_long_expressions() {
    let n = 100_000;
    check(&format!("{}t{}", "sin(".repeat(1000), ")".repeat(1000)), 1, &[(0..1000).fold(0.5, |x: f64, _| x.sin())]);
    check(&vec!["t"; n].join(" + "), 1, &[0.5 * n as f64]);
    check(&format!("{}t{}", "(1 - ".repeat(n), ")".repeat(n)), 1, &[0.5]);
    let chain: String = (1..=500).map(|k| format!("a{k} = a{} + a{}\n", k - 1, k - 1)).collect();
    check(&format!("a0 = t\n{chain}b = a500/a499"), 1, &[2.0]);
    let calls: String = (1..=30).map(|k| format!("f{k}(z) = f{}(z) + f{}(z)\n", k - 1, k - 1)).collect();
    check(&format!("f0(z) = z\n{calls}f30(t)"), 1, &[0.5 * 2f64.powi(30)]);
}
