//! Derivatives of matrix functions in numbers: each order against central differences of the order before it.

use matgrad::{Array, Evaluation, Inputs, Layout, Text};

const SIZE: usize = 3;

/// One way to write down, for every axis of the derivative: the last two are the variable's.
fn derivative(text: &str, order: usize, x: &Array) -> Array {
    let mut inputs = Inputs::new();
    inputs.insert("X", x.clone());
    let text = Text::expression(text).declare("X in R^(n x n)");
    let mut evaluation = Evaluation::new(text).by("X", [0, order]);
    evaluation.layout = Layout::Tensor;
    let results = evaluation.plan(&inputs).and_then(|plan| plan.run(&inputs)).expect("it evaluates");
    results.into_iter().nth(usize::from(order > 0)).expect("a result").1
}

fn worst_difference(text: &str, order: usize) -> f64 {
    let x = Array::from_fn(&[SIZE, SIZE], |i| {
        let noise = ((i[0] * 5 + i[1] * 3) % 7) as f64 / 20.0;
        noise + if i[0] == i[1] { 1.5 } else { 0.0 }
    });
    let exact = derivative(text, order, &x);
    let scale = exact.data().iter().fold(1.0f64, |most, v| most.max(v.abs()));
    let mut worst = 0.0f64;
    for k in 0..SIZE * SIZE {
        let before = |h: f64| {
            let mut moved = x.clone();
            moved.data_mut()[k] += h;
            derivative(text, order - 1, &moved)
        };
        let h = 1e-3;
        let (far, near) = ([before(2.0 * h), before(-2.0 * h)], [before(h), before(-h)]);
        for (at, ((a, b), (c, d))) in
            near[0].data().iter().zip(near[1].data()).zip(far[0].data().iter().zip(far[1].data())).enumerate()
        {
            let difference = (8.0 * (a - b) - (c - d)) / (12.0 * h);
            let value = exact.data().get(at * SIZE * SIZE + k).copied().unwrap_or(f64::NAN);
            worst = worst.max(if value.is_nan() { f64::INFINITY } else { (value - difference).abs() / scale });
        }
    }
    worst
}

#[test]
fn each_order_is_the_slope_of_the_one_before() {
    let functions = [
        "expm(X)",
        "logm(X)",
        "sqrtm(X)",
        "X^-1",
        "expm(X)*X*sqrtm(X)",
        "tr(expm(X)*X)",
        "tr(logm(X))",
        "sum(sqrtm(X*X))",
        "det(expm(X)*X')",
    ];
    for text in functions {
        for order in 1..=3 {
            let worst = worst_difference(text, order);
            assert!(worst < 1e-8, "{text}, order {order}: {worst:e}");
        }
    }
}
