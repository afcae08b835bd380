//! Assumptions: what follows from an equation by differentiating both sides.

use matgrad::{Reply, Request, Text, answer_queries};

/// The texts of the answers to the queries of a script; a claim is `right` or `wrong`.
fn answers(script: &str) -> Vec<String> {
    let replies = answer_queries(&Request::new(Text::script("a.mg", script), "")).expect("answers");
    let text = |reply: &Reply| match reply {
        Reply::Answer(answer) => {
            assert!(answer.verified.as_ref().is_none_or(|verdict| verdict.is_right()), "{script}: {}", answer.text());
            answer.text()
        }
        Reply::Finding(_, finding) => if finding.right { "right" } else { "wrong" }.to_owned(),
        Reply::Solution(_) | Reply::Curvature(_) => panic!("no such question here"),
    };
    replies.iter().map(text).collect()
}

fn check(script: &str, expected: &[&str]) {
    assert_eq!(answers(script), expected, "{script}");
}

const SPHERE: &str = "r : R -> R^3; c, t in R; assume r(t)'*r(t) = c\n";

#[test]
fn a_constant_length_makes_a_right_angle() {
    check(&format!("{SPHERE}diff r(t)'*r(t) wrt t"), &["0"]);
    check(&format!("{SPHERE}diff t*norm(r(t)) wrt t"), &["sqrt(c)"]);
    check(&format!("{SPHERE}diff r(t)'*r'(t) wrt t"), &["0"]);
    check(&format!("{SPHERE}hessian t*r(t)'*r(t) wrt t"), &["0"]);
    check(&format!("{SPHERE}check r(t)'*r(t) wrt t is 0\ncheck r(t)'*r(t) wrt t is 1"), &["right", "wrong"]);
}

#[test]
fn differential_equations_are_used_from_left_to_right() {
    let force = "r : R -> R^3; k : R -> R; t in R; assume r''(t) = k(t)*r(t)\n";
    check(&format!("{force}diff cross(r(t), r'(t)) wrt t"), &["zeros(3)"]);
    check(&format!("{force}check cross(r(t), r'(t)) wrt t is zeros(3)"), &["right"]);
    check("y : R -> R; t, a in R; assume y'(t) = a*y(t)\ndiff exp(-a*t)*y(t) wrt t", &["0"]);
    check("y : R -> R; t, a in R; assume y'(t) = a*y(t)\nhessian y(t) wrt t", &["a^2*y(t)"]);
}

#[test]
fn an_equation_of_the_variable_itself_is_not_differentiated() {
    // the sphere is where the derivative is taken, not what is constant
    check("x, a in R^n; assume norm(x)^2 = 1\ngrad (a'*x)*norm(x)^2 wrt x", &["a + 2*(x'*a)*x"]);
}

#[test]
fn without_use_nothing_changes() {
    check("r : R -> R^3; c, t, s in R; assume r(t)'*r(t) = c\ndiff s^2 wrt s", &["2*s"]);
}
