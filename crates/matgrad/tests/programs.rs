//! Programs as formulas: the text parses again, and the formula has the values and derivatives of the program.

use matgrad::program::{Function, Map, Scalar, formula, function, gradient, hessian, jacobian, map, value, values};
use matgrad::symbols::{Expr, compile, vector};
use matgrad::{Array, Failure};

fn close(what: &str, a: &[f64], b: &[f64]) {
    assert_eq!(a.len(), b.len(), "{what}");
    let off = a.iter().zip(b).position(|(a, b)| (a - b).abs() > 1e-10 * (1.0 + a.abs()));
    assert_eq!(off, None, "{what}: {a:?}\n{b:?}");
}

/// Value, gradient and Hessian of the formula and of its text, against the program.
fn check(name: &str, f: &impl Function, at: &[f64]) -> Result<String, Failure> {
    let x = vector("x", at.len());
    let f_of_x = formula(f, &x, at).expect("a formula").expression();
    let again = Expr::read_with(&f_of_x.text(), [format!("x in R^{}", at.len())]);
    for expr in [&f_of_x, &again] {
        let (g, h) = (expr.gradient(&x)?, expr.hessian(&x)?);
        let function = compile(&[expr, &g, &h])?;
        let point = Array::vector(at.to_vec());
        let results = function.call(&vec![&point; function.arguments().len()])?;
        close(name, results[0].data(), &[value(f, at)]);
        close(name, results[1].data(), &gradient(f, at).expect("a gradient"));
        close(name, results[2].data(), hessian(f, at).expect("a Hessian").data());
    }
    Ok(f_of_x.text())
}

#[test]
fn functions() -> Result<(), Failure> {
    let rosenbrock = function!(|x| {
        x.windows(2).map(|p| (p[1] - p[0].powi(2)).powi(2) * 100.0 + (-p[0] + 1.0).powi(2)).sum::<S>()
    });
    assert_eq!(check("Rosenbrock", &rosenbrock, &[0.3, 0.7])?, "(x[2] - x[1]^2)^2*100 + (-x[1] + 1)^2");
    check("Rosenbrock", &rosenbrock, &[0.3, 0.7, 1.2, 0.1, -0.4])?;
    // an iteration until it converges
    let root = function!(|x| {
        let mut y = x[0];
        while (y * y - x[0] - x[1]).abs() > 1e-9 {
            y = (y + (x[0] + x[1]) / y) / 2.0;
        }
        y
    });
    check("Newton", &root, &[2.0, 1.5])?;
    let mixed = function!(|x| {
        let angle = x[1].atan2(x[0]) + x[0].hypot(x[1]).ln_gamma();
        let top = x[0].max(x[1]).sigmoid() * x[1].min(x[0] * 2.0).softplus();
        (angle * top).tanh() + x[0].pow(x[1]) - (x[0] - x[1]).abs().sqrt() + x[1].powf(1.5).digamma().erf()
    });
    check("functions", &mixed, &[1.3, 0.6])?;
    Ok(())
}

/// A network, written as loops.
struct Network;

impl Map for Network {
    fn values<S: Scalar>(&self, x: &[S], out: &mut Vec<S>) {
        let mut layer = x.to_vec();
        for _ in 0..3 {
            let next = |i: usize| (0..layer.len()).map(|j| layer[j] * ((i + 2 * j) as f64 * 0.7).sin()).sum::<S>();
            layer = (0..layer.len()).map(|i| next(i).tanh()).collect();
        }
        out.extend(layer);
    }
}

#[test]
fn shared_parts_get_names() -> Result<(), Failure> {
    let (x, at) = (vector("x", 6), [0.1, -0.4, 0.5, 0.2, 0.9, -1.0]);
    let network = formula(&Network, &x, &at).expect("a formula").expression();
    let j = network.jacobian(&x)?;
    let function = compile(&[&network, &j])?;
    let results = function.call(&[&Array::vector(at.to_vec())])?;
    close("value", results[0].data(), &values(&Network, &at));
    close("Jacobian", results[1].data(), jacobian(&Network, &at).expect("a Jacobian").data());
    Ok(())
}

#[test]
fn paths_are_told() {
    let x = vector("x", 2);
    let branches = map!(|x| {
        let y = if x[0] < 1.0 { x[0] } else { x[1] };
        let z = if y == x[1] { y } else { y * 2.0 };
        [if z.to_f64() > 0.0 { z } else { -z }]
    });
    let f = formula(&branches, &x, &[0.5, 0.6]).expect("a formula");
    assert_eq!(f.assumptions(), ["x[1] < 1", "x[1] ≠ x[2]", "seen: x[1]*2"]);
    let refused = formula(&map!(|x| [x[0] * f64::NAN]), &x, &[1.0, 2.0]).map(|f| f.expression().text());
    assert_eq!(refused.map_err(|error| error.code), Err("not-finite"));
    let top = map!(|x| [x.iter().fold(S::constant(f64::NEG_INFINITY), |top, x| top.max(*x))]);
    assert_eq!(formula(&top, &x, &[1.0, 2.0]).expect("a formula").expression().text(), "max(x[1], x[2])");
}
