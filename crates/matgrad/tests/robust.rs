//! Nothing overflows, hangs or panics: deep and long inputs, texts that are no formulas, limits with their names.

use std::time::{Duration, Instant};

use matgrad::{Convention, Layout, Limits, Request, Text, derive};

const DEEP: usize = 100_000;

/// The derivative of a script by `x`, or the messages of the failure.
fn answer(script: &str, wrt: &str) -> Result<String, Vec<String>> {
    match derive(&Request::new(Text::script("test", script), wrt)) {
        Ok(answer) => {
            assert!(!answer.is_refuted(), "{:?}", answer.notes);
            Ok(answer.text())
        }
        Err(failure) => Err(failure.diagnostics.into_iter().map(|diagnostic| diagnostic.message).collect()),
    }
}

fn check(script: &str, wrt: &str, expected: &str) {
    assert_eq!(answer(script, wrt).as_deref(), Ok(expected), "{}", script.chars().take(80).collect::<String>());
}

fn nested(before: &str, inside: &str, after: &str, depth: usize) -> String {
    format!("{}{inside}{}", before.repeat(depth), after.repeat(depth))
}

/// A derivative that is infinite everywhere is refused by that name.
#[test]
fn division_by_zero_everywhere() {
    let failure = derive(&Request::new(Text::script("test", "S in R^(n x n) symmetric\ncbrt(S - S')"), "S"));
    let codes: Vec<_> =
        failure.expect_err("infinite").diagnostics.into_iter().map(|diagnostic| diagnostic.code).collect();
    assert_eq!(codes, ["no-derivative"]);
}

/// The slope of `cbrt(U)` is infinite below the diagonal of a triangular U: the formula is shown, and not called checked.
#[test]
fn formulas_without_values_are_shown() {
    let step = "step(s, q) = s/2 + max(q, s)";
    let script = format!("U in R^(n x n) upper\nu in R^n positive\n{step}\nfold(step, u, cbrt(U))");
    for layout in [Layout::Denominator, Layout::Tensor] {
        let request = Request { layout, ..Request::new(Text::script("test", &script), "U") };
        let answer = derive(&request).expect("a formula");
        let verdict = answer.verified.clone().expect("a verdict");
        assert!(verdict.singular && verdict.points == 0, "{verdict:?}");
        assert_eq!(answer.notes, ["U is upper; the derivative treats its entries as free"]);
        assert!(answer.text().contains("along(V) = fold(tangent, zeros(n), cbrt(U), (V ./ cbrt(U).^2)/3, S)"));
    }
}

#[test]
fn deep_nesting() {
    check(&format!("x in R\n{}", nested("(", "x", ")", DEEP)), "x", "1");
    check(&format!("x in R\n{}", nested("[", "x", "]", DEEP)), "x", "1");
    check(&format!("x in R\n{}", nested("-", "x", "", DEEP)), "x", "1");
    check(&format!("X in R^(n x n)\ntr({})", nested("", "X", "'", DEEP)), "X", "eye(n)");
    check(&format!("X in R^(n x n)\ntr({})", nested("inv(", "X", ")", DEEP)), "X", "eye(n)");
}

#[test]
fn deep_chains() {
    let text = answer(&format!("x in R\n{}", nested("sin(", "x", ")", 20_000)), "x").expect("an answer");
    assert!(text.starts_with("w1 = ") && text.len() < 40 * 20_000, "{} bytes", text.len());
}

#[test]
fn long_sums_and_products() {
    let sum = vec!["x"; DEEP].join(" + ");
    check(&format!("x in R^n\nsum({sum})"), "x", &format!("{DEEP}*ones(n)'"));
    check(&format!("x in R\n{}", vec!["x"; DEEP].join("*")), "x", &format!("{DEEP}*x^{}", DEEP - 1));
}

#[test]
fn limits_are_named() {
    let text = || Text::expression("tr((A*X)^12)");
    let nodes = Request::new(text(), "X").limits(Limits { nodes: 4, deadline: None });
    let failure = derive(&nodes).expect_err("a limit");
    assert_eq!(failure.diagnostics[0].code, "limit", "{failure}");
    let deadline = Some(Instant::now() - Duration::from_millis(1));
    let over = Request::new(text(), "X").limits(Limits { deadline, ..Limits::default() });
    assert_eq!(derive(&over).expect_err("a deadline").diagnostics[0].code, "limit");
}

#[test]
fn wrong_requests_say_what_is_wrong() {
    let messages = |script: &str, wrt: &str| answer(script, wrt).expect_err("a failure").join("; ");
    assert_eq!(messages("x in R^n\nL = x'*x", "y"), "there is no variable `y`");
    assert_eq!(messages("x in R^n", "x"), "the script defines nothing");
    assert_eq!(messages("x in R^n\nL = norm(x)^2 +", "x"), "expected an expression after `+`, found the end");
    let order = Request::new(Text::expression("x'*x"), "x").order(4);
    assert_eq!(derive(&order).expect_err("an order").diagnostics[0].message, "the order is 1, 2 or 3, not 4");
}

#[test]
fn any_text_gets_an_answer_or_an_error() {
    let words = [
        "x", "A", "'", "*", "+", "-", "(", ")", "[", "]", ",", ";", "^", ".*", "./", "\\", "norm(", "sum[i](", "inv(",
        "tr(", "2", "0", "1e9", " ", "\n", "=", ":", "in R^n", "delta[", "x[1]", "log(", "⊗", "wrt", "diff ", "eye(n)",
    ];
    let mut state = 1u64;
    for _ in 0..3000 {
        let mut text = String::new();
        for _ in 0..1 + state % 12 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            text.push_str(words[(state >> 33) as usize % words.len()]);
        }
        // whatever comes back, it comes back
        let _ = answer(&text, "x");
    }
}

/// What is divided by 0 says so, and does not lose its divisor.
#[test]
fn division_by_zero_stays_in_sight() {
    for (function, expected) in [
        ("x/(c - c)", "eye(n)/0"),
        ("sum[i,j](X[i,j]*x[i]/(c - c))", "sum(X, 2)'/0"),
        ("(c - c)^(-1)*x .* x", "2*diag(x)/0"),
    ] {
        let script = format!("x in R^n\nX in R^(n x n)\nc in R\n{function}");
        check(&script, "x", expected);
        let answer = derive(&Request::new(Text::script("test", &script), "x")).expect("an answer");
        assert_eq!(answer.domain, ["0 != 0, which is nowhere"], "{function}");
    }
}

/// What rounding leaves of a 0, and eigenvalues that are small beside others, are no reason to refute an answer.
#[test]
fn rounding_refutes_nothing() {
    for (declarations, function, wrt) in [
        ("x in R^n\ny in R^m\nz in R^3\nh in R^3", "(z'*cross(h, z))*normspec(h*y')", "y"),
        (
            "a in R^n\nx in R^n\ny in R^m\nV in R^(n x 3)\nt in R",
            "sum(atan(eigvals((V'/(1 + t^2))'*(V'/(1 + t^2)) + gamma(1 + a.^2)*gamma(1 + a.^2)')/5))",
            "t",
        ),
        (
            "x in R^n\ny in R^m\nh in R^3\nC in R^(3 x 3)",
            "sum(sigmoid(eigvals(gamma(1 + h.^2)*gamma(1 + h.^2)' + 2*sqrtm(eye(3) + C'*C))/5))",
            "h",
        ),
    ] {
        let text = Text::script("test", format!("{declarations}\n{function}"));
        let answer = derive(&Request::new(text, wrt)).expect("an answer");
        let verdict = answer.verified.expect("a check");
        assert!(verdict.is_right(), "{function}: {verdict:?}");
    }
}

/// Entries that are 0 for all values are not divided by themselves, and the check gets past the infinite slopes that a 0
/// stands before.
#[test]
fn entries_that_are_always_zero() {
    for kind in ["skew", "diagonal", "lower"] {
        for (function, wrt, expected) in [
            ("atan2(K.*L, K)", "L", "diag(vec((K != 0) ./ (L.^2 + 1)))"),
            ("cbrt(D).*eye(n)", "D", "diag(vec(diag(1 ./ diag(cbrt(D)).^2)))/3"),
        ] {
            let script = format!("K in R^(n x n) {kind}\nL in R^(n x n)\nD in R^(n x n) diagonal\n{function}");
            let answer = derive(&Request::new(Text::script("test", &script), wrt)).expect("an answer");
            assert!(!answer.is_refuted(), "{script}: {:?}", answer.notes);
            let verdict = answer.verified.clone().expect("a check");
            assert_eq!(answer.text(), expected);
            assert!(verdict.is_right(), "{script}: {verdict:?}");
        }
    }
}

/// A second derivative whose terms have notation while their common factor, a tensor, has none.
#[test]
fn a_product_with_a_sum_of_tensors() {
    let script = "S in R^(n x n) symmetric\nx in R^n\nstep(s, q) = s .* q + q\nsum(fold(step, x, inv(S*S)))";
    let request = Request {
        order: 2,
        layout: Layout::Tensor,
        convention: Convention::Constrained,
        ..Request::new(Text::script("test", script), "S")
    };
    let verdict = derive(&request).expect("an answer").verified.expect("a check");
    assert!(verdict.is_right(), "{verdict:?}");
}

/// The slope of `cbrt(D)` off the diagonal is infinite, and that of its cube is not: differences tell.
#[test]
fn infinite_slopes_inside_of_what_is_smooth() {
    for order in [1, 2] {
        let text = Text::script("test", "D in R^(n x n) diagonal\ncbrt(D).^3");
        let answer = derive(&Request { order, layout: Layout::Tensor, ..Request::new(text, "D") }).expect("an answer");
        let verdict = answer.verified.expect("a check");
        assert!(verdict.is_right() && verdict.note == "against central differences", "{order}: {verdict:?}");
    }
}

/// A sum over rows of a diagonal matrix is no diagonal matrix: off the diagonal the constrained derivative is 0.
#[test]
fn sums_over_rows_of_a_diagonal_matrix() {
    let text = Text::script("test", "D in R^(n x n) diagonal\nsum(inv(D))");
    let request = Request { convention: Convention::Constrained, ..Request::new(text, "D") };
    let answer = derive(&request).expect("an answer");
    assert_eq!(answer.text(), "-diag(sum(D^-1, 2).^2)");
    assert!(answer.verified.expect("a check").is_right());
}
