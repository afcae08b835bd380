//! Every engine gives the same numbers: functions with their derivatives, on sizes where loops have remainders or no turns.

use std::collections::BTreeMap;

use matgrad_calculus::diff::{self, Mode};
use matgrad_calculus::infer::{Options as Infer, analyze};
use matgrad_eval::{Array, Engine, Inputs, Options, Program, Workspace, compile_with};
use matgrad_syntax::Name;

mod common;
use common::Random;

/// Scripts in dimensions `n` and `m`, and the highest order of the derivatives by all variables.
const PROGRAMS: &[(&str, usize)] = &[
    ("x in R^2\nexp(x[1]*x[2]^2)", 2),
    ("x in R^n\nsum[i](100*(x[i+1] - x[i]^2)^2 + (1 - x[i])^2)", 2),
    ("x in R^n\nA in R^(n x n)\nx'*A*x", 2),
    ("X in R^(m x n)\nw in R^n\ny in R^m\nsum(log(1 + exp(-y .* (X*w))))", 1),
    ("A in R^(m x n)\nB in R^(n x m)\ntr(A*B*A*B)", 1),
    ("x in R^n\nnorm(tanh(x) + sigmoid(x) .* cos(x))^2 + sum(log(1 + x.^2))", 2),
    ("x in R^n\nsum(exp(x)) / sum(exp(x) .* x)", 1),
    ("x in R^n\ny in R^n\nx .* exp(y) + sin(x .* y)", 1),
    ("x in R^n\nsum(abs(x)) + sum(max(x, 0.25)) + sum(relu(x)) + sum(sign(x) .* x.^3)", 1),
    ("x in R^n\nsum(atan2(x, 2 + x.^2) + tan(x/2) + asinh(x) + atan(x) + cosh(x) + erf(x))", 1),
    ("x in R^n\nsum((2 + x).^2.5 + (2 + x).^(-1.5) + (3 + x).^(1/3) + sqrt(2 + x) + (2 + x).^x)", 1),
    ("x in R^n\nlogsumexp(x)", 2),
    ("x in R^n\nsum(softplus(x) + lgamma(3 + x) + digamma(3 + x))", 1),
    ("x in R\nlog(x^2 + 2) * sin(x) / (1 + x^4)", 2),
    ("A in R^(2 x 2)\nB in R^(3 x 3)\ndet(A) + det(B)", 2),
    ("A in R^(3 x 3)\nb in R^3\nb'*inv(A)*b", 1),
    ("A in R^(4 x 4)\nlogdet(A*A' + 2*eye(4))", 1),
    ("x in R^n\nF[i:n-2] = (3-2*x[i+1])*x[i+1] - x[i] - 2*x[i+2] + 1\nG = sum[i](F[i]^2)", 1),
    (
        "u in R^(n x m)\nF[i:n-2,j:m-2] = 4*u[i+1,j+1] - u[i,j+1] - u[i+2,j+1] - u[i+1,j] - u[i+1,j+2] - exp(u[i+1,j+1])\nG = sum[i,j](F[i,j]^2)",
        1,
    ),
    (
        "u in R^(n x m)\nF[i:n-2,j:m-2] = 4*u[i+1,j+1] - u[i,j+1] - u[i+2,j+1] - u[i+1,j] - u[i+1,j+2] - exp(u[i+1,j+1])",
        1,
    ),
    ("X in R^(n x m)\nsum(softmax(X, 2) .* X) + sum(logsumexp(X, 1))", 1),
    ("X in R^(n x m)\na in R^n\nb in R^m\nsum[i,j]((X[i,j] - a[i])^2 * exp(b[j]) / (1 + a[i]^2))", 1),
    ("X in R^(n x m)\nsum[i](max[j](X[i,j]) * min[j](X[i,j]^2)) + sum(X', 1)*X*ones(m)", 1),
    ("X in R^(n x m)\ntr(X'*X) + sum(diag(X*X')) + sum(exp(X') .* X')", 1),
    ("X in R^(m x n)\nW in R^(n x n)\nh in R^n\nf(s, x) = tanh(W*s + x)\nL = norm(fold(f, h, X))^2", 1),
];

const SIZES: [usize; 9] = [0, 1, 2, 3, 5, 7, 16, 17, 31];

/// The function and its derivatives as a program of an engine; nothing where the sizes do not fit the script.
fn program(script: &str, order: usize, sizes: &BTreeMap<Name, usize>, engine: Engine) -> Option<Program> {
    let parsed = matgrad_syntax::parse(script);
    assert!(parsed.diagnostics.is_empty(), "{script}\n{:?}", parsed.diagnostics);
    let analysis = analyze(&parsed.script, &Infer::default());
    let analysis = analysis.unwrap_or_else(|errors| panic!("{script}\n{errors:?}"));
    let mut g = analysis.graph;
    let mut roots = vec![analysis.target.node];
    for variable in &analysis.variables {
        let mut node = analysis.target.node;
        for _ in 0..order {
            let options = diff::Options::default();
            let options =
                if script.contains("fold") { diff::Options { mode: Some(Mode::Reverse), ..options } } else { options };
            node = diff::derivative(&mut g, node, variable.node, options).expect("a derivative");
            roots.push(node);
        }
    }
    let options = Options { engine, ..Options::default() };
    compile_with(&g, &roots, sizes, &options).ok()
}

/// Agreement within rounding of the largest number of a result.
#[track_caller]
fn assert_same(expected: &Array, found: &Array, what: &str) {
    assert_eq!(expected.shape(), found.shape(), "{what}");
    let size = expected.data().iter().filter(|x| x.is_finite()).fold(1.0f64, |m, x| m.max(x.abs()));
    for (x, y) in expected.data().iter().zip(found.data()) {
        let same = x == y || x.is_nan() && y.is_nan() || (x - y).abs() <= 1e-14 * size;
        assert!(same, "{what}: {y} where steps give {x}");
    }
}

fn data(program: &Program, random: &mut Random) -> Inputs {
    let mut data = Inputs::new();
    for input in program.inputs() {
        data.insert(&input.name, random.array(&input.shape));
    }
    data
}

#[test]
fn engines_agree() {
    for (script, order) in PROGRAMS {
        for (at, n) in SIZES.into_iter().enumerate() {
            if at > 0 && !script.contains('n') {
                break;
            }
            if *order > 1 && n > 17 {
                continue;
            }
            let sizes = [("n".into(), n), ("m".into(), SIZES[(at + 3) % SIZES.len()])].into();
            let Some(steps) = program(script, *order, &sizes, Engine::Steps) else { continue };
            let mut random = Random(n as u64 + 1);
            let data = data(&steps, &mut random);
            let expected = steps.run(&data).expect("values");
            for engine in Engine::ALL {
                // a C compiler takes its time
                if engine == Engine::Cc && n != 3 && n > 0 {
                    continue;
                }
                let Some(other) = program(script, *order, &sizes, engine) else { continue };
                let mut memory = Workspace::default();
                for round in 0..2 {
                    let found = other.run_in(&data, &mut memory).expect("values");
                    for (root, (x, y)) in expected.iter().zip(&found).enumerate() {
                        let what = format!("{script}\nn = {n}, {}, result {root}, run {round}", engine.name());
                        assert_same(x, y, &what);
                    }
                }
            }
        }
    }
}

/// The same programs on `f32`, by steps, in fused loops and as a whole: the numbers of double precision up to rounding.
#[test]
fn single_precision_agrees_with_double() {
    for (script, order) in PROGRAMS {
        for (at, n) in [0, 1, 3, 16, 31].into_iter().enumerate() {
            if at > 0 && !script.contains('n') || *order > 1 && n > 16 {
                break;
            }
            // long loops with large weights magnify every rounding
            if script.contains("fold") && n > 3 {
                break;
            }
            let sizes = [("n".into(), n), ("m".into(), [3, 2, 17, 5, 31][at])].into();
            let Some(steps) = program(script, *order, &sizes, Engine::Steps) else { continue };
            let exact = data(&steps, &mut Random(n as u64 + 1));
            let rounded = steps.rounded(&exact).expect("data");
            let mut inputs = Inputs::new();
            for (input, data) in steps.inputs().iter().zip(&rounded) {
                let data = data.iter().map(|x| f64::from(*x)).collect();
                inputs.insert(&input.name, Array::new(input.shape.clone(), data).expect("a shape"));
            }
            let expected = steps.run(&inputs).expect("values");
            let slices: Vec<&[f32]> = rounded.iter().map(Vec::as_slice).collect();
            for engine in [Engine::Steps, Engine::Loops, Engine::Auto] {
                let Some(other) = program(script, *order, &sizes, engine) else { continue };
                let mut prepared = other.prepare_slices(&slices).expect("a program");
                for _ in 0..2 {
                    prepared.run();
                    for (x, y) in expected.iter().zip(prepared.results()) {
                        let size = x.data().iter().filter(|x| x.is_finite()).fold(1.0f64, |m, x| m.max(x.abs()));
                        for (x, y) in x.data().iter().zip(y) {
                            let y = f64::from(*y);
                            let close = (x - y).abs() <= 2e-5 * size || x == &y || x.is_nan() && y.is_nan();
                            assert!(close, "{script}\nn = {n}, {}: {y} where {x} is right", engine.name());
                        }
                    }
                }
            }
        }
    }
}

/// Too long to be unrolled: loops, with and without functions in them.
#[test]
fn engines_agree_on_long_vectors() {
    const LONG: &[&str] = &[
        "x in R^n\nsum[i](100*(x[i+1] - x[i]^2)^2 + (1 - x[i])^2)",
        "x in R^n\nsum(abs(x)) + sum(max(x, 0.25)) + sum(relu(x)) + sum(sign(x) .* x.^3)",
        "x in R^n\nnorm(x ./ (2 + x.^2))^2 + sum(sqrt(2 + x))",
        "x in R^n\nsum(exp(x) .* x.^2) + sum(tanh(x))",
        "x in R^n\nsum[i]((1 + x[i+1]^2 - x[i]*x[i+2])^3/(1 + x[i]^2))",
        "x in R^n\nsum(cos(3*x) .* sin(x) + log(2 + x.^2) .* sigmoid(x)) + sum(softplus(x)) + x[1]*x[2]",
        "x in R^n\nc in R\nc*sin(c*x) + x .* x",
        "X in R^(m x n)\nsum[j](sum[i](X[i,j]^2/(3 + X[i,j]))^2)",
        "X in R^(n x m)\nv in R^m\nsum[i,j]((X[i,j] - v[j])^2 .* v[j])",
    ];
    for script in LONG {
        // all that may be left after eight and after four places, and lengths that are too long to be unrolled
        for n in (40..48).chain([97, 3001, 4096, 5003]) {
            let sizes = [("n".into(), n), ("m".into(), 5)].into();
            let steps = program(script, 1, &sizes, Engine::Steps).expect("a program");
            let data = data(&steps, &mut Random(n as u64));
            let expected = steps.run(&data).expect("values");
            for engine in Engine::ALL {
                // a C compiler takes its time
                if engine == Engine::Cc && n < 3000 {
                    continue;
                }
                let Some(other) = program(script, 1, &sizes, engine) else { continue };
                let mut memory = Workspace::default();
                let mut prepared = other.prepare(&data).expect("a program");
                for round in 0..2 {
                    let found = other.run_in(&data, &mut memory).expect("values");
                    prepared.run();
                    for (root, (x, y)) in expected.iter().zip(&found).enumerate() {
                        let what = format!("{script}\nn = {n}, {}, result {root}, run {round}", engine.name());
                        assert_same(x, y, &what);
                        let again = Array::new(x.shape().to_vec(), prepared.results()[root].clone()).expect("a shape");
                        assert_same(x, &again, &format!("prepared: {what}"));
                    }
                }
            }
        }
    }
}

/// Products of which a triangle is enough, inputs that are read block by block, results written in place, sums with
/// transposes: at sizes where there is a remainder.
#[test]
fn engines_agree_on_large_matrices() {
    const LARGE: &[(&str, usize, bool)] = &[
        (
            "L in R^(n x n)\nx in R^(m x n)\nQ[i,j] = where(i >= j, L[i,j], 0)\nz[a,i] = sum[j](Q[i,j]*x[a,j])\nsum(z.^2)",
            1,
            true,
        ),
        (
            "L in R^(n x n)\nx in R^(m x n)\nQ[i,j] = where(i < j, L[i,j], 0)\nz[a,i] = sum[j](Q[i,j]*x[a,j])\nsum(z.^3)",
            1,
            true,
        ),
        (
            "L in R^(n x n)\nx in R^(m x n)\nQ[i,j] = where(i > j, L[i,j], 0)\nz[a,i] = sum[j](Q[j,i]*x[a,j])\nsum(z.^2)",
            1,
            true,
        ),
        (
            "L in R^(3 x n x n)\nx in R^(m x n)\nQ[k,i,j] = where(i > j, L[k,i,j], 0)\nz[a,k,i] = sum[j](Q[k,i,j]*x[a,j])\nsum[a,k,i](z[a,k,i]^2)",
            1,
            true,
        ),
        ("X in R^(m x n)\nw in R^n\ny in R^m\nsum(log(1 + exp(-y .* (X*w))))", 1, false),
        ("A in R^(n x n)\nx in R^n\nx'*A*x", 2, false),
        ("T in R^(m x n)\nU in R^(m x 5)\nV in R^(n x 5)\nnorm(T - U*V')^2", 1, false),
    ];
    for (script, order, triangle) in LARGE {
        for (n, m) in [(67, 64), (67, 2003), (128, 1040)] {
            let sizes = [("n".into(), n), ("m".into(), m)].into();
            let steps = program(script, *order, &sizes, Engine::Steps).expect("a program");
            let data = data(&steps, &mut Random(n as u64));
            let expected = steps.run(&data).expect("values");
            for engine in [Engine::Loops, Engine::Auto] {
                let Some(other) = program(script, *order, &sizes, engine) else { continue };
                assert!(!triangle || other.listing().contains("triangle of"), "{script}\n{}", other.listing());
                let mut memory = Workspace::default();
                for _ in 0..2 {
                    let found = other.run_in(&data, &mut memory).expect("values");
                    for (root, (x, y)) in expected.iter().zip(&found).enumerate() {
                        let size = x.data().iter().fold(1.0f64, |m, x| m.max(x.abs()));
                        let what = format!("{script}\nn = {n}, m = {m}, {}, result {root}", engine.name());
                        assert!(x.data().iter().zip(y.data()).all(|(x, y)| (x - y).abs() <= 1e-12 * size), "{what}");
                    }
                }
            }
        }
    }
}

/// Inputs and results that start at odd places of memory, and lengths that are wrong.
#[test]
fn slices_of_the_caller() {
    let sizes = [("n".into(), 7)].into();
    let (script, order) = PROGRAMS[1];
    for engine in Engine::ALL {
        let Some(program) = program(script, order, &sizes, engine) else { continue };
        let mut random = Random(3);
        let data = data(&program, &mut random);
        let expected = program.run(&data).expect("values");
        let mut room: Vec<f64> = vec![f64::NAN; 9];
        room[1..8].copy_from_slice(data.get("x").expect("x").data());
        let (mut value, mut gradient, mut hessian) = ([0.0; 1], vec![0.0; 9], vec![0.0; 50]);
        let mut memory = Workspace::default();
        let places: &mut [&mut [f64]] = &mut [&mut value, &mut gradient[1..8], &mut hessian[1..]];
        program.run_slices(&[&room[1..8]], &mut memory, places).expect("values");
        assert_eq!(value[0], expected[0].data()[0]);
        assert_eq!(&gradient[1..8], expected[1].data());
        assert_eq!(&hessian[1..], expected[2].data());
        assert_eq!((gradient[0], gradient[8], hessian[0]), (0.0, 0.0, 0.0));
        let short: &mut [&mut [f64]] = &mut [&mut value, &mut gradient[1..8]];
        let error = program.run_slices(&[&room[1..8]], &mut memory, short).unwrap_err();
        assert_eq!(error.to_string(), "result 3 has 49 numbers, its memory 0");
        let places: &mut [&mut [f64]] = &mut [&mut value, &mut gradient[1..8], &mut hessian[1..]];
        let error = program.run_slices(&[&room[1..7]], &mut memory, places).unwrap_err();
        assert_eq!(error.to_string(), "input `x` has shape 6 in the data where 7 is needed");
    }
}
