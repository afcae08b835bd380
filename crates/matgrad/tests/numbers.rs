//! Every case of the corpora in numbers: values, derivatives, printed texts and layouts agree.

mod support;

use std::collections::BTreeMap;

use matgrad::{Array, Evaluation, Inputs, Layout, Request, Text, derive};
use support::agree::agree;
use support::draw::{data, sequence};
use support::{Case, cases};

fn compare(case: &Case) -> Result<(), String> {
    let request = case.request();
    let inputs = data(&request.text, &case.dims(), &case.domains(), &mut sequence(case.id()));
    agree(&request, &case.dims(), inputs, 1e-9).map_err(|problem| problem.to_string())
}

#[test]
fn values_derivatives_and_texts_agree() {
    let problems: Vec<String> = cases()
        .iter()
        .filter(|case| !case.has_abstract_functions())
        .filter_map(|case| compare(case).err().map(|problem| format!("{}: {problem}", case.id())))
        .collect();
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}

#[test]
fn every_layout_is_verified() {
    let mut problems = Vec::new();
    let mut derived = 0;
    for case in cases() {
        for layout in Layout::ALL {
            let request = case.request().layout(layout);
            match derive(&request) {
                Ok(answer) => {
                    derived += 1;
                    if !answer.verified.as_ref().is_some_and(|verdict| verdict.is_right()) {
                        problems.push(format!("{} {layout:?}: {} {:?}", case.id(), answer.text(), answer.verified));
                    }
                }
                Err(failure) if failure.diagnostics.iter().all(|diagnostic| diagnostic.code == "layout") => {}
                Err(failure) => problems.push(format!("{} {layout:?}: {failure}", case.id())),
            }
        }
    }
    assert!(derived > 6 * cases().len(), "only {derived} layouts apply");
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}

/// An axis that is summed before entries are added at positions counts once.
#[test]
fn sums_at_positions() {
    let script = "a in R^n\nV in R^(n x 3)\n\
                  G[p:3*n] = sum[e:3,f:3,g:n]((delta[e,f] - (V'*V)[f,e])*(p == g + n*(f - 1))*a[g])";
    for wrt in ["a", "V"] {
        let request = Request::new(Text::script("positions", script), wrt).layout(Layout::Tensor);
        let dims = [("n".to_owned(), 2)].into();
        let inputs = data(&request.text, &dims, &BTreeMap::new(), &mut sequence(wrt));
        assert_eq!(agree(&request, &dims, inputs, 1e-9), Ok(()), "by {wrt}");
    }
}

/// The derivative of a product is that of the others where an entry happens to be 0, to the second order.
#[test]
fn products_beside_zeros() {
    let cases: [(&str, [f64; 3], usize, &[f64]); 6] = [
        ("prod(x)", [2.0, 0.0, 3.0], 1, &[0.0, 6.0, 0.0]),
        ("prod(x)", [0.0, 0.0, 3.0], 1, &[0.0, 0.0, 0.0]),
        ("prod(x)", [2.0, 5.0, 3.0], 1, &[15.0, 6.0, 10.0]),
        ("exp(prod(x))*x[1]", [2.0, 0.0, 3.0], 1, &[1.0, 12.0, 0.0]),
        ("prod(x)", [2.0, 0.0, 3.0], 2, &[0.0, 3.0, 0.0, 3.0, 0.0, 2.0, 0.0, 2.0, 0.0]),
        ("prod(x)", [0.0, 0.0, 3.0], 2, &[0.0, 3.0, 0.0, 3.0, 0.0, 0.0, 0.0, 0.0, 0.0]),
    ];
    for (expression, x, order, expected) in cases {
        let mut inputs = Inputs::new();
        inputs.insert("x", Array::vector(x.to_vec()));
        let evaluation = Evaluation::new(Text::expression(expression)).by("x", [order]);
        let found = evaluation.plan(&inputs).and_then(|plan| plan.run(&inputs)).expect("numbers");
        let (_, derivative) = found.last().expect("a derivative");
        assert_eq!(derivative.data(), expected, "{expression} at {x:?}, order {order}");
    }
}

/// A written subscript is inside of its axis for the data at hand, or it is refused at its place; empty ranges are inside.
#[test]
fn subscripts_are_inside_of_the_data() {
    let mut data = Inputs::new();
    data.insert("U", Array::new(vec![1, 1], vec![1.5]).expect("a shape"));
    data.insert("x", Array::vector(vec![1.0, 2.0]));
    let outside = |expression: &str| {
        let text = Text::expression(expression).declare("U in R^(n x n)").declare("x in R^m");
        let failure = Evaluation::new(text).plan(&data).err()?;
        failure.diagnostics.iter().find(|d| d.code == "out-of-range").map(|d| d.message.clone())
    };
    for (expression, message) in [
        ("U[2,:]", Some("the subscript 2 is outside of 1 to 1")),
        ("x[3]", Some("the subscript 3 is outside of 1 to 2")),
        ("x[2:3]", Some("the subscript 3 is outside of 1 to 2")),
        ("x[n-1]", Some("the subscript 0 is outside of 1 to 2")),
        ("x[m-2]", Some("the subscript 0 is outside of 1 to 2")),
        ("x[n+1]", None),
        ("x[2:m]", None),
        ("U[1:n-1,1]", None),
        ("U[2:n,1]", None),
    ] {
        assert_eq!(outside(expression).as_deref(), message, "{expression}");
    }
}

/// A condition keeps the subscripts under it inside, those of outer indices too, and of nothing else.
#[test]
fn conditions_guard_the_subscripts_of_outer_indices() {
    let mut data = Inputs::new();
    data.insert("B", Array::new(vec![2, 2], vec![1.0, 3.0, 2.0, 4.0]).expect("a shape"));
    let values = |body: &str| {
        let text = Text::script("rows", format!("B in R^(n x n)\nG[i:n] = {body}"));
        let evaluation = Evaluation::new(text);
        let run = evaluation.plan(&data).and_then(|plan| plan.run(&data)).map_err(|failure| failure.to_string())?;
        Ok::<Vec<f64>, String>(run[0].1.data().to_vec())
    };
    assert_eq!(values("sum[a:n; i + 1 <= n](B[i + 1,a])"), Ok(vec![6.0, 0.0]));
    let outside = values("sum[a:n; i + 1 <= n](B[i + 1,a]) + B[i + 1,1]").expect_err("outside of B");
    assert!(outside.contains("runs to n, but this subscript allows n-1"), "{outside}");
}

/// What has no matrix notation has entries: functions of matrices that are known by their entries only, and of blocks.
#[test]
fn everything_has_entries() {
    let text = Text::expression("expm(eigvecs(S)*diag(b)*eigvecs(S)'/5)").declare("S in R^(2 x 2) symmetric");
    let request = Request { order: 2, ..Request::new(text.declare("b in R^2"), "S").layout(Layout::Tensor) };
    let answer = derive(&request).expect("an answer");
    assert!(answer.verified.as_ref().is_some_and(|verdict| verdict.is_right()), "{:?}", answer.verified);
}

/// A value and a derivative of one program, where what they share is an entry of the derivative.
#[test]
fn entries_that_are_shared() {
    let mut data = Inputs::new();
    data.insert("a", Array::new(vec![2], vec![0.5, 2.0]).expect("a shape"));
    data.insert("Q", Array::new(vec![2, 2], vec![0.6, 0.8, -0.8, 0.6]).expect("a shape"));
    for attribute in ["", " orthogonal"] {
        let text = Text::expression("sum[i](i*a[i]*Q[2,2])").declare("a in R^n");
        let evaluation = Evaluation::new(text.declare(format!("Q in R^(n x n){attribute}"))).by("Q", [0, 1]);
        let results = evaluation.plan(&data).and_then(|plan| plan.run(&data)).expect("numbers");
        let of = |name: &str| results.iter().find(|(known, _)| known == name).expect("a result").1.data().to_vec();
        assert!((of("value")[0] - 2.7).abs() < 1e-15);
        assert_eq!(of("derivative"), [0.0, 0.0, 0.0, 4.5]);
    }
}

/// The blocks of a function that goes row by row are those of the whole derivative; other functions have none.
#[test]
fn blocks_of_rows() {
    let mut data = Inputs::new();
    data.insert("X", Array::new(vec![2, 3], vec![0.1, -0.2, 0.3, 0.5, 0.4, -0.6]).expect("a shape"));
    let script = "X in R^(n x q)\ng(v) = [v'*v, sum(exp(v))]\nF = map(g, X)";
    data.insert("V", Array::new(vec![4, 3], (0..12).map(|k| f64::from(k).sin()).collect()).expect("a shape"));
    data.insert("T", Array::new(vec![2, 4], (0..8).map(|k| f64::from(k).cos()).collect()).expect("a shape"));
    let run = |text: Text, layout: Layout, order: usize| {
        let evaluation = Evaluation { layout, ..Evaluation::new(text).by("X", [order]) };
        let results = evaluation.plan(&data).and_then(|plan| plan.run(&data)).expect("numbers");
        results.into_iter().find(|(name, _)| name == "derivative").expect("a derivative").1
    };
    let cases = [
        (Text::script("rows", script), 1),
        (Text::expression("softmax(X,2)").declare("X in R^(n x q)"), 1),
        // the Hessian of a function whose gradient goes row by row
        (Text::expression("norm(T - X*V')^2"), 2),
        (Text::expression("sum(exp(X))"), 2),
    ];
    for (text, order) in cases {
        let (whole, blocks) = (run(text.clone(), Layout::Tensor, order), run(text.clone(), Layout::Blocks, order));
        let &[n, p, q] = blocks.shape() else { panic!("three axes") };
        for (i, a, b) in (0..n * p * q).map(|k| (k / q / p, k / q % p, k % q)) {
            let pair = blocks.get(&[i, a, b]).zip(whole.get(&[i, a, i, b]));
            assert!(pair.is_some_and(|(x, y)| (x - y).abs() < 1e-12), "{i} {a} {b}");
        }
        let request = Request { order, ..Request::new(text, "X").layout(Layout::Blocks) };
        let answer = derive(&request).expect("an answer");
        assert!(answer.verified.is_some_and(|verdict| verdict.is_right()));
    }
    for (expression, order) in [("A*X", 1), ("sum(X)", 1), ("exp(X)", 2), ("norm(X)^3", 2)] {
        let text = Text::expression(expression).declare("X in R^(n x q)").declare("A in R^(n x n)");
        let request = Request { order, ..Request::new(text, "X").layout(Layout::Blocks) };
        let failure = derive(&request).expect_err(expression);
        assert_eq!(failure.diagnostics[0].code, "layout", "{expression}");
    }
}
