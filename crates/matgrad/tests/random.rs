//! Random well-typed expressions, differentiated in random layouts and checked by the oracle.
//!
//! `MATGRAD_ROUNDS=20000 cargo test --release -p matgrad --test random` makes it a long run.

use matgrad::{Layout, Request, Text, derive};

const DECLARATIONS: [&str; 15] = [
    "a in R^n",
    "b in R^n",
    "x in R^n",
    "y in R^m",
    "k in R^m",
    "u in R^n positive",
    "A in R^(m x n)",
    "X in R^(m x n)",
    "B in R^(n x n)",
    "W in R^(n x n)",
    "S in R^(n x n) symmetric",
    "P in R^(n x n) pd",
    "c in R",
    "t in R",
    "p in R positive",
];

/// A dimension of the generated expressions.
#[derive(Clone, Copy, PartialEq)]
enum D {
    M,
    N,
}

/// A shape of the generated expressions.
#[derive(Clone, Copy, PartialEq)]
enum Shape {
    Scalar,
    Vector(D),
    Matrix(D, D),
}

struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % n
    }

    fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    fn leaf(&mut self, shape: Shape) -> String {
        let names: &[&str] = match shape {
            Shape::Scalar => &["c", "t", "p", "2", "0.5", "3"],
            Shape::Vector(D::N) => &["a", "b", "x", "u"],
            Shape::Vector(D::M) => &["y", "k"],
            Shape::Matrix(D::M, D::N) => &["A", "X"],
            Shape::Matrix(D::N, D::N) => &["B", "S", "P", "W"],
            Shape::Matrix(D::N, D::M) => &["A'", "X'"],
            Shape::Matrix(D::M, D::M) => &["eye(m)", "(A*X')"],
        };
        self.pick(names).to_owned()
    }

    /// An expression of this shape; `depth` bounds its nesting.
    fn expression(&mut self, shape: Shape, depth: usize) -> String {
        use Shape::{Matrix, Scalar, Vector};
        if depth == 0 || self.below(8) == 0 {
            return self.leaf(shape);
        }
        let d = depth - 1;
        let other = self.pick(&[D::M, D::N]);
        let entrywise = self.pick(&["sin", "cos", "tanh", "exp", "sigmoid", "softplus"]);
        let mut e = |shape: Shape| self.expression(shape, d);
        let sign = |s: &mut dyn FnMut(Shape) -> String, shape| format!("({} + {})", s(shape), s(shape));
        match shape {
            Scalar => {
                let (v, m) = (Vector(other), Matrix(D::M, D::N));
                let forms = [
                    format!("({})'*({})", e(v), e(v)),
                    format!("sum({})", e(m)),
                    format!("norm({})^2", e(v)),
                    format!("norm({})", e(v)),
                    format!("tr({})", e(Matrix(D::N, D::N))),
                    sign(&mut e, Scalar),
                    format!("({})*({})", e(Scalar), e(Scalar)),
                    format!("{entrywise}(({})/10)", e(Scalar)),
                    format!("log(1 + ({})^2)", e(Scalar)),
                    format!("({})/(2 + ({})^2)", e(Scalar), e(Scalar)),
                    format!("logdet(eye(n) + ({0})'*({0}))", e(m)),
                    format!("(({}) : ({}))", e(m), e(m)),
                    format!("({})[1]", e(v)),
                    format!("logsumexp({})", e(v)),
                    format!("det(({})/5 + eye(n))", e(Matrix(D::N, D::N))),
                ];
                forms[self.below(forms.len())].clone()
            }
            Vector(dim) => {
                let v = Vector(dim);
                let forms = [
                    format!("({} - {})", e(v), e(v)),
                    format!("(({})*({}))", e(Matrix(dim, other)), e(Vector(other))),
                    format!("(({}) .* ({}))", e(v), e(v)),
                    format!("{entrywise}(({})/5)", e(v)),
                    format!("(({})*({}))", e(Scalar), e(v)),
                    format!("softmax({})", e(v)),
                    format!("diag({})", e(Matrix(dim, dim))),
                    format!("(({}) ./ (1 + ({}).^2))", e(v), e(v)),
                    format!("sum({}, 2)", e(Matrix(dim, other))),
                ];
                forms[self.below(forms.len())].clone()
            }
            Matrix(rows, cols) => {
                let mut forms = vec![
                    sign(&mut e, shape),
                    format!("(({})*({}))", e(Matrix(rows, other)), e(Matrix(other, cols))),
                    format!("({})'", e(Matrix(cols, rows))),
                    format!("(({}) .* ({}))", e(shape), e(shape)),
                    format!("{entrywise}(({})/5)", e(shape)),
                    format!("(({})*({})')", e(Vector(rows)), e(Vector(cols))),
                    format!("(({})*({}))", e(Scalar), e(shape)),
                ];
                if rows == cols {
                    forms.push(format!("diag({})", e(Vector(rows))));
                    forms.push(format!("({})^2", e(shape)));
                    let n = if rows == D::N { "n" } else { "m" };
                    forms.push(format!("inv(3*eye({n}) + ({})*({})')", e(Vector(rows)), e(Vector(rows))));
                }
                forms[self.below(forms.len())].clone()
            }
        }
    }
}

/// Differentiates random expressions; returns what went wrong.
fn run(rounds: usize, seed: u64, order: usize) -> Vec<String> {
    let mut problems = Vec::new();
    let variables = ["a", "b", "x", "y", "k", "u", "A", "X", "B", "W", "S", "P", "c", "t", "p"];
    for round in 0..rounds {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(round as u64));
        random.below(2); // the first value of a linear generator is too regular
        let shapes = [
            Shape::Scalar,
            Shape::Scalar,
            Shape::Vector(D::N),
            Shape::Vector(D::M),
            Shape::Matrix(D::M, D::N),
            Shape::Matrix(D::N, D::N),
        ];
        let shape = random.pick(&shapes);
        let depth = 1 + random.below(3);
        let expression = random.expression(shape, depth);
        let wrt = random.pick(&variables);
        let layout = match (order, shape) {
            (1, _) => random.pick(&[Layout::Numerator, Layout::Gradient, Layout::Tensor, Layout::Differential]),
            (_, Shape::Scalar) => Layout::Numerator,
            _ => Layout::Tensor,
        };
        let text = DECLARATIONS.iter().fold(Text::expression(format!("({expression})")), |t, d| t.declare(*d));
        let request = Request { order, layout, ..Request::new(text, wrt) };
        match derive(&request) {
            Ok(answer) if answer.verified.as_ref().is_some_and(|v| v.is_right() || v.singular) => {}
            Ok(answer) => problems.push(format!(
                "{expression} by {wrt}, order {order}, {}: {} {:?}",
                layout.name(),
                answer.text(),
                answer.verified
            )),
            Err(failure) => problems.push(format!("{expression} by {wrt}, {}: {failure}", layout.name())),
        }
    }
    problems
}

fn rounds(default: usize) -> usize {
    std::env::var("MATGRAD_ROUNDS").ok().and_then(|r| r.parse().ok()).unwrap_or(default)
}

#[test]
fn first_derivatives_of_random_expressions_are_right() {
    let problems = run(rounds(600), 1, 1);
    assert!(problems.is_empty(), "{} wrong:\n{}", problems.len(), problems.join("\n"));
}

#[test]
fn second_derivatives_of_random_expressions_are_right() {
    let problems = run(rounds(600) / 4, 2, 2);
    assert!(problems.is_empty(), "{} wrong:\n{}", problems.len(), problems.join("\n"));
}
