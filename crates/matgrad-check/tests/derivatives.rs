//! Derivatives of every function of the language: duals against differences, and verdicts on answers and claims.

use matgrad_check::{Answer, Convention, Layout, Options, Problem, Relation, Verdict, check_claim, verify};
use matgrad_syntax::parse;

fn with<R>(
    function: &str,
    wrt: &str,
    answer: &str,
    layout: Layout,
    order: usize,
    f: impl Fn(&Problem, &Answer) -> R,
) -> R {
    let script = parse(function);
    assert!(script.diagnostics.is_empty(), "{function}: {:?}", script.diagnostics);
    let text = parse(answer);
    assert!(text.diagnostics.is_empty(), "{answer}: {:?}", text.diagnostics);
    let problem = Problem::of_script(&script.script, wrt.into()).expect("a function");
    let answer = Answer::of_script(&text.script, layout, order).expect("an answer");
    f(&problem, &answer)
}

fn verdict(function: &str, wrt: &str, answer: &str, layout: Layout, order: usize) -> Verdict {
    with(function, wrt, answer, layout, order, |problem, answer| verify(problem, answer, &Options::default()))
}

fn right(function: &str, wrt: &str, answer: &str, layout: Layout, order: usize) -> Verdict {
    let verdict = verdict(function, wrt, answer, layout, order);
    assert!(verdict.is_right(), "{function} by {wrt}: {answer}: {verdict:?}");
    verdict
}

fn wrong(function: &str, wrt: &str, answer: &str, layout: Layout, order: usize) -> String {
    let verdict = verdict(function, wrt, answer, layout, order);
    verdict.failure.unwrap_or_else(|| panic!("{function} by {wrt}: {answer} passes")).message
}

const X: &str = "X in R^(n x n)\n";
const SYM: &str = "X in R^(n x n) symmetric\n";
const V: &str = "x in R^n\n";

use Layout::{Denominator, Differential, Gradient, Jacobian, Numerator, Tensor};

#[test]
fn domains_are_found() {
    right(&format!("{V}sum(log(x))"), "x", "1 ./ x", Gradient, 1);
    right(&format!("{V}sum(asin(x))"), "x", "1 ./ sqrt(1 - x.^2)", Gradient, 1);
    right(&format!("{V}sum(acosh(x))"), "x", "1 ./ sqrt(x.^2 - 1)", Gradient, 1);
    right(&format!("{V}log(1 - x'*x)"), "x", "-2*x/(1 - x'*x)", Gradient, 1);
    right(&format!("{X}logdet(X)"), "X", "inv(X)'", Gradient, 1);
    right(&format!("{X}logdet(eye(n) - X*X')"), "X", "-2*inv(eye(n) - X*X')*X", Gradient, 1);
    let verdict = right(&format!("{SYM}sum(chol(X)*chol(X)')"), "X", "ones(n,n)", Gradient, 1);
    assert!(verdict.note.contains("symmetric steps of X"), "{}", verdict.note);
    right("A in R^(m x n)\nlogdet(A'*A)", "A", "2*A*inv(A'*A)", Gradient, 1);
    right("A in R^(m x n)\nlogdet(A*A')", "A", "2*inv(A*A')*A", Gradient, 1);
    right("x in R^n\nx[5]^2", "x", "2*x[5]*unit(5,n)", Gradient, 1);
    right("f : R^2 -> R\nt in R\nlog(f(t, t))", "t", "f : R^2 -> R\n(f_1'(t,t) + f_2'(t,t))/f(t,t)", Gradient, 1);
}

#[test]
fn symmetric_functions() {
    right(&format!("{X}sum(eigvals(X))"), "X", "eye(n)", Gradient, 1);
    right(&format!("{X}log(prod(eigvals(X)))"), "X", "inv(X)", Gradient, 1);
    right(&format!("{SYM}tr(sqrtm(X))"), "X", "inv(sqrtm(X))/2", Gradient, 1);
    right(&format!("{SYM}tr(logm(X))"), "X", "inv(X)", Gradient, 1);
    right(&format!("{SYM}logm(X)"), "X", "logm_frechet(X, dX)", Differential, 1);
    right(&format!("{SYM}sqrtm(X)"), "X", "sqrtm_frechet(X, dX)", Differential, 1);
    right("A in R^(n x n)\nexpm(A)", "A", "expm_frechet(A, dA)", Differential, 1);
    right(&format!("{X}normspec(X)"), "X", "svdU(X)[:,1]*svdV(X)[:,1]'", Gradient, 1);
    right("A in R^(m x n)\nnormnuc(A)", "A", "svdU(A)*svdV(A)'", Gradient, 1);
    right("A in R^(m x n)\nsum(singvals(A).^2)", "A", "2*A", Gradient, 1);
    right("A in R^(m x n)\nsum(singvals(A).^2)", "A", "2*eye(m*n)", Jacobian, 2);
}

#[test]
fn pseudoinverse_without_full_rank_goes_by_differences() {
    let verdict =
        right(&format!("{V}sum(pinv(x*x'))"), "x", "2*sum(x)/(x'*x)^2*ones(n) - 4*sum(x)^2/(x'*x)^3*x", Gradient, 1);
    assert!(verdict.note.contains("differences"), "{}", verdict.note);
}

#[test]
fn orders_two_and_three() {
    right(&format!("{V}sum(x.^4)"), "x", "diag(12*x.^2)", Numerator, 2);
    right(&format!("{V}sum(x.^4)"), "x", "H[i,j,k] = 24*delta[i,j]*delta[j,k]*x[k]", Tensor, 3);
    right(&format!("{V}x.^3"), "x", "H[i,j,k] = 6*delta[i,j]*delta[j,k]*x[k]", Tensor, 2);
    right("t in R\nb in R^m\nsin(t*b)", "t", "-(b.^3) .* cos(t*b)", Numerator, 3);
    wrong(&format!("{V}sum(x.^4)"), "x", "H[i,j,k] = 12*delta[i,j]*delta[j,k]*x[k]", Tensor, 3);
    wrong(&format!("{V}sum(x.^4)"), "x", "diag(12*x.^3)", Numerator, 2);
}

#[test]
fn a_wrong_entry_is_named() {
    let message = wrong("A in R^(m x n)\nx in R^n\nA*x", "x", "A'", Numerator, 1);
    assert_eq!(message, "the shape is 2×3, it should be 3×2");
    let message = wrong("x in R^3\nx[1]*x[2]", "x", "[x[2], x[2], 0]", Gradient, 1);
    assert!(message.starts_with("entry [2,1] is"), "{message}");
    let message = wrong("x in R^3\nX in R^(3 x 3)\nx'*X*x", "X", "2*x*x'", Numerator, 1);
    assert!(message.starts_with("entry [1,1] is"), "{message}");
}

#[test]
fn singular_answers_are_told_apart() {
    let verdict = verdict("A in R^(3 x 2)\nX in R^(2 x 3)\ndet(A*X)", "X", "det(A*X)*A'*inv(A*X)'", Gradient, 1);
    assert!(verdict.singular && !verdict.is_right(), "{verdict:?}");
}

#[test]
fn constrained_conventions() {
    let entries = Options { convention: Convention::Entries, ..Options::default() };
    let tangent = Options { convention: Convention::Tangent, ..Options::default() };
    let function = "a in R^n\nb in R^n\nX in R^(n x n) symmetric\na'*X*b";
    let ok = |answer: &str, options: &Options| {
        with(function, "X", answer, Gradient, 1, |problem, answer| verify(problem, answer, options).is_right())
    };
    assert!(ok("a*b'", &Options::default()));
    assert!(ok("a*b' + b*a' - diag(a .* b)", &entries));
    assert!(ok("(a*b' + b*a')/2", &tangent));
    assert!(!ok("(a*b' + b*a')/2", &entries));
}

fn relation(function: &str, wrt: &str, claim: &str, order: usize) -> (Vec<Layout>, Relation, String) {
    with(function, wrt, claim, Numerator, order, |problem, claim| {
        let report = check_claim(problem, claim, &Options::default());
        (report.layouts, report.relation, report.sentence)
    })
}

#[test]
fn claims() {
    let f = "a in R^m\nb in R^n\nX in R^(m x n)\na'*X*b";
    assert_eq!(relation(f, "X", "a*b'", 1).0, [Denominator, Gradient, Tensor]);
    assert_eq!(relation(f, "X", "b*a'", 1).0, [Numerator]);
    assert_eq!(relation(f, "X", "a'*dX*b", 1).0, [Differential]);
    assert_eq!(relation(f, "X", "-a*b'", 1).1, Relation::Sign(Denominator));
    assert_eq!(relation(f, "X", "3*b*a'", 1).2, "the claim is 3 times the derivative in the numerator layout");
    assert_eq!(relation(f, "X", "a'*X*b*b*a'", 1).1, Relation::VaryingFactor(Numerator));
    assert_eq!(relation(f, "X", "vec(a*b')", 1).1, Relation::Transposed(Jacobian));
    let f = "a in R^n\nb in R^n\nX in R^(n x n)\na'*X*b";
    assert!(matches!(relation(f, "X", "(a*b' + b*a')/2", 1).1, Relation::Symmetrised("(G + G')/2")));
    assert!(matches!(relation(f, "X", "a*b' + b*a' - diag(a .* b)", 1).1, Relation::Symmetrised(_)));
    let f = "A in R^(m x n)\nx in R^n\nsum(sin(A*x))";
    assert_eq!(relation(f, "x", "diag(cos(A*x))*A", 1).1, Relation::MissingSum(Numerator));
    let f = "x in R^n\nsum(x)";
    assert_eq!(relation(f, "x", "1", 1).1, Relation::Broadcast(Numerator));
    let wrong = relation(f, "x", "[x[1], 1]", 1);
    assert_eq!(wrong.1, Relation::Wrong);
    let f = "x in R^3\nx'*x";
    let (_, relation, sentence) = relation(f, "x", "[2*x[1], 2*x[2], x[3]]'", 1);
    assert_eq!(relation, Relation::Wrong);
    assert!(sentence.contains("numerator layout, entry [1,3]"), "{sentence}");
}

#[test]
fn claims_of_order_two() {
    let f = "x in R^n\nA in R^(n x n)\nx'*A*x";
    assert!(relation(f, "x", "A + A'", 2).0.contains(&Numerator));
    assert!(matches!(relation(f, "x", "2*A", 2).1, Relation::Wrong));
}

/// Duals against differences of the same evaluation, for functions whose slope is nowhere written here.
#[test]
fn every_function_is_differentiated() {
    use matgrad_check::{Array, directional};
    use std::collections::BTreeMap;
    let functions = [
        "tr(X)",
        "det(X)",
        "logdet(X*X')",
        "inv(X)",
        "pinv(X[:,1:2])",
        "adj(X)",
        "cof(X)",
        "diag(X)",
        "vec(X)",
        "rvec(X)",
        "kron(X, X)",
        "dot(X[:,1], X[:,2])",
        "cross(X[:,1], X[:,2])",
        "chol(X*X')",
        "expm(X)",
        "logm(X*X')",
        "sqrtm(X*X')",
        "eigvals(X + X')",
        "eigvecs(X + X')",
        "singvals(X)",
        "svdU(X)",
        "svdV(X)",
        "norm(X)",
        "norm1(X)",
        "norminf(X)",
        "normspec(X)",
        "normnuc(X)",
        "sum(X, 1)",
        "mean(X, 2)",
        "prod(X, 1)",
        "max(X, 2)",
        "min(X)",
        "logsumexp(X, 1)",
        "exp(X)",
        "log(X .* X)",
        "log1p(X .* X)",
        "expm1(X)",
        "sqrt(X .* X + 1)",
        "cbrt(X)",
        "abs(X)",
        "sin(X)",
        "cos(X)",
        "tan(X)",
        "asin(tanh(X))",
        "acos(tanh(X))",
        "atan(X)",
        "sinh(X)",
        "cosh(X)",
        "tanh(X)",
        "asinh(X)",
        "acosh(X .* X + 2)",
        "atanh(tanh(X)/2)",
        "sigmoid(X)",
        "softplus(X)",
        "relu(X)",
        "erf(X)",
        "gamma(X .* X + 1)",
        "lgamma(X .* X + 1)",
        "digamma(X .* X + 1)",
        "trigamma(X .* X + 1)",
        "polygamma(2, X .* X + 1)",
        "max(X, X')",
        "atan2(X, X' + 3)",
        "pow(X .* X + 1, X)",
        "where(X > 0, X.^2, X.^3)",
        "softmax(X)",
        "softmax(X, 2)",
        "cumsum(X)",
        "revcumsum(X)",
        "tril(X)",
        "triu(X)",
        "reshape(X, 1, 9)",
        "expm_frechet(X, X')",
        "logm_frechet(X*X', X + X')",
        "sqrtm_frechet(X*X', X + X')",
        "X^3",
        "X^-2",
        "X\\X'",
        "X .^ 2",
        "X ./ (X .* X + 1)",
        "X : X'",
        "fold(step, 1, X[:,1])",
        "sum[i,j; i < j](X[i,j]^2)",
        "max[i](X[i,i])",
        "prod[i](X[i,1])",
        "logsumexp[i](X[i,2])",
        "mean[i](X[i,1]^2)",
        "map(softmax, X)",
        "scan(step, 0, X[:,2])",
        "f(X[1,1], X[2,2])",
        "f_12'(X[1,1], X[2,2])",
    ];
    let x = Array::new(&[3, 3], vec![1.3, 0.4, -0.2, 0.6, 0.9, 0.35, -0.5, 0.25, 1.1]).expect("a matrix");
    let d = Array::new(&[3, 3], vec![0.2, -0.4, 0.3, 0.5, 0.1, -0.6, 0.7, 0.2, -0.3]).expect("a direction");
    for function in functions {
        let script = parse(&format!("X in R^(n x n)\nf : R^2 -> R\nstep(s, a) = sin(s) + a*s + a\nF = {function}"));
        assert!(script.diagnostics.is_empty(), "{function}: {:?}", script.diagnostics);
        let problem = Problem::of_script(&script.script, "X".into()).expect("a function");
        let at = |t: f64| {
            let data = x.data().iter().zip(d.data()).map(|(x, d)| x + t * d).collect();
            let data: BTreeMap<_, _> = [("X".into(), Array::new(&[3, 3], data).expect("a matrix"))].into();
            data
        };
        for order in 1..=3 {
            let steps = vec![d.clone(); order];
            let of_order = |t: f64, k: usize| {
                let value = if k == 0 {
                    matgrad_check::evaluate(&problem, &at(t))
                } else {
                    directional(&problem, &at(t), &steps[..k])
                };
                value.unwrap_or_else(|error| panic!("{function}: {error}"))
            };
            let got = of_order(0.0, order);
            let h = 1e-3;
            let sides = [1.0, 2.0].map(|k| (of_order(k * h, order - 1), of_order(-k * h, order - 1)));
            for (entry, x) in got.data().iter().enumerate() {
                let gap = |k: usize| sides[k].0.data()[entry] - sides[k].1.data()[entry];
                let want = (8.0 * gap(0) - gap(1)) / (12.0 * h);
                assert!((x - want).abs() < 1e-6 * want.abs().max(1.0), "{function}, order {order}: {x} is not {want}");
            }
        }
    }
}
