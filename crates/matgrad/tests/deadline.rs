//! Whatever takes long is given up soon after its deadline, in every stage.

use std::time::{Duration, Instant};

use matgrad::{Claim, Code, Failure, Language, Layout, Limits, Request, Style, Target, Text};

/// What a question has.
const PATIENCE: Duration = Duration::from_millis(60);
/// What it may take beyond that: the machine may be busy.
const GRACE: Duration = Duration::from_secs(3);

/// Texts that keep the one stage or other busy, with the variable.
fn long_ones() -> Vec<(&'static str, String, &'static str)> {
    let joined = |count: usize, by: &str, one: &dyn Fn(usize) -> String| -> String {
        (0..count).map(one).collect::<Vec<_>>().join(by)
    };
    let nested = |count: usize, before: &str, core: &str, after: &str| {
        format!("{}{core}{}", before.repeat(count), after.repeat(count))
    };
    vec![
        ("many quadratic forms", joined(1500, " + ", &|k| format!("x'*A_{k}*x")), "x"),
        ("many different terms", joined(600, " + ", &|k| format!("norm(A_{k}*x - b_{k})^{}", 2 + k % 3)), "x"),
        ("a long product", format!("tr({})", joined(80, "*", &|k| format!("A_{k}*X"))), "X"),
        ("a trace of equal factors", format!("tr({})", joined(60, "*", &|_| "A*X".to_owned())), "X"),
        ("a long Hadamard product", joined(3000, ".*", &|k| format!("(x + {k}*y)")), "x"),
        ("nested inverses", nested(60, "inv(A + X*", "X", ")"), "X"),
        ("nested norms", nested(400, "norm(A*x + b*", "norm(x)", ")"), "x"),
        ("a deep network", nested(300, "tanh(W*", "x", ")"), "x"),
        ("nested powers", nested(12, "(X*", "X", "*A*X)^3"), "X"),
        ("Kronecker products", format!("tr({})", joined(7, "⊗", &|k| format!("(A_{k}*X)"))), "X"),
        ("determinants", joined(60, "*", &|k| format!("det(A_{k}*X + {k}*B)")), "X"),
        ("names without declarations", joined(300, " + ", &|k| format!("a_{k}*b_{k}*C_{k}*d_{k}*x")), "x"),
        ("sums over indices", format!("sum[i,j,k,l]({})", joined(40, "*", &|k| format!("X[i,{0}]*X[j,l]*X[k,l]", ["j", "k", "l"][k % 3]))), "X"),
        ("nested sums", nested(9, "sum[i](x[i]*", "norm(x)", "*x[i]^2)"), "x"),
        ("powers of sums", nested(25, "(1 + x'*", "x", ")^5*x"), "x"),
        ("a chain of definitions", format!("x in R^n\nA in R^(n x n)\ny_0 = x\n{}L = y_250'*y_250", (1..=250).map(|k| format!("y_{k} = sin(A*y_{} + y_{}.*x)\n", k - 1, k / 2)).collect::<String>()), "x"),
        ("softmaxes", nested(40, "softmax(A*", "x", ")"), "x"),
        ("a long text", joined(20_000, "+", &|_| "x'*x".to_owned()), "x"),
        ("many entries", joined(900, " + ", &|k| format!("x[{}]^2*x[{}]", k + 1, k + 2)), "x"),
        ("a large matrix", format!("[{}]", joined(60, ";", &|i| joined(60, ",", &|j| format!("x[{}]*x[{}]", i + 1, j + 1)))), "x"),
        ("loops in loops", "x in R^n\nA in R^(n x n)\nf(s, v) = s*tanh(v'*A*v) + sum(scan(g, v))\ng(s, t) = s*sin(t)\nL = fold(f, 1, A)".to_owned(), "A"),
        ("functions of matrices", nested(14, "expm(A*", "X", ")*logm(X)"), "X"),
    ]
}

fn ask(stage: &str, request: &Request) -> Result<(), Failure> {
    match stage {
        "diff" => matgrad::derive(request).map(drop),
        "hessian" => matgrad::derive(&request.clone().order(2)).map(drop),
        "jacobian" => matgrad::derive(&request.clone().layout(Layout::Jacobian)).map(drop),
        "steps" => matgrad::derive(&request.clone().steps(Style::Differential, Language::English)).map(drop),
        "check" => matgrad::check(request, &Claim { text: request.wrt.clone(), any_layout: true }).map(drop),
        "layouts" => matgrad::layouts(request).map(drop),
        "curvature" => matgrad::curvature(request).map(drop),
        "sample" => matgrad::sample(request, 1).map(drop),
        "inspect" => matgrad::inspect(request).map(drop),
        "code" => Code::new(request.clone(), Target::find("numpy").expect("a target")).write().map(drop),
        _ => unreachable!("a stage"),
    }
}

#[test]
fn long_work_is_given_up() {
    let only = std::env::var("MATGRAD_ONLY").unwrap_or_default();
    let mut given_up = 0;
    let mut late = Vec::new();
    for (what, text, wrt) in long_ones() {
        if !what.contains(&only) {
            continue;
        }
        for stage in
            ["inspect", "diff", "hessian", "jacobian", "steps", "check", "layouts", "curvature", "sample", "code"]
        {
            let (text, wrt) = (text.clone(), wrt.to_owned());
            let worker = std::thread::Builder::new().stack_size(16 << 20).spawn(move || {
                let start = Instant::now();
                let limits = Limits { deadline: Some(start + PATIENCE), ..Limits::default() };
                let outcome = ask(stage, &Request::new(Text::script("long", text), wrt).limits(limits));
                (start.elapsed(), outcome.err().map(|failure| failure.diagnostics[0].code))
            });
            let (took, code) = worker.expect("a thread").join().expect("no panic");
            given_up += usize::from(code == Some("limit"));
            if std::env::var_os("MATGRAD_SHOW").is_some() {
                eprintln!("{what:30} {stage:10} {:6} ms  {}", took.as_millis(), code.unwrap_or("answered"));
            }
            if took > PATIENCE + GRACE {
                late.push(format!("{what}, {stage}: {} ms", took.as_millis()));
            }
        }
    }
    assert!(late.is_empty(), "{}", late.join("\n"));
    assert!(given_up > 30 || !only.is_empty(), "only {given_up} were long at all");
}
