//! Recurrences: derivatives as they are written are checked by the checker, and as they are computed by differences.

mod support;

use matgrad::{Array, Evaluation, Inputs, Product, Request, Text, derive};

/// Declarations and functions, the value, and the variables.
const CASES: &[(&str, &str, &str)] = &[
    ("x in R^N\na, c, s0 in R\nf(s, k) = tanh(a*s + c*k)", "fold(f, s0, x)", "a c s0 x"),
    ("x in R^N\na, c, s0 in R\nf(s, k) = tanh(a*s + c*k)", "scan(f, s0, x)", "a c s0 x"),
    ("x in R^N\na, c, s0 in R\nf(s, k) = tanh(a*s + c*k)", "sum(scan(f, s0, x).^2)/N", "a c s0 x"),
    ("x in R^N\na, s0 in R\nf(s, k) = a*s*(1 - s) + k", "fold(f, s0, x)", "a s0 x"),
    ("x in R^N\na in R\nf(s, k) = [s[2]*a + k, s[1] + sin(s[2])]", "sum(scan(f, [a, 1], x))", "a x"),
    ("x in R^N\nv in R^D\nf(s, k) = tanh(s .* v + k)", "norm(fold(f, v, x))", "v x"),
    ("x in R^N\nv in R^D\nf(s, k) = tanh(s .* v + k)", "tr(scan(f, v, x)'*scan(f, v, x))", "v x"),
    ("x in R^N\nV in R^(D x D)\nf(S, k) = S*V + k*eye(D)", "tr(fold(f, V, x))", "V x"),
    ("x in R^N\nV in R^(D x D)\nf(S, k) = S*V + k*eye(D)", "fold(f, V, x)", "V x"),
    (
        "X in R^(N x M)\nW in R^(D x D)\nU in R^(D x M)\nb, h in R^D\nf(s, x) = tanh(W*s + U*x + b)",
        "fold(f, h, X)",
        "W U b h X",
    ),
    (
        "X in R^(N x M)\nW in R^(D x D)\nU in R^(D x M)\nb, h in R^D\nf(s, x) = tanh(W*s + U*x + b)",
        "norm(fold(f, h, X))^2",
        "W U b h X",
    ),
    // a cell with output and memory in one state
    (
        "X in R^(N x M)\nF, G, O in R^(D x (D+M))\ns0 in R^(2*D)\n\
         g(h, c, x) = sigmoid(F*[h; x]) .* c + sigmoid(G*[h; x])\no(z, c) = [sigmoid(O*z) .* tanh(c); c]\n\
         f(s, x) = o([s[1:D]; x], g(s[1:D], s[D+1:2*D], x))",
        "sum(fold(f, s0, X))",
        "F G O s0",
    ),
    // the likelihood of a local level, by the Kalman filter
    (
        "y in R^N\nq, r in R positive\nm in R\nu(m, p, l, z) = [m + p/(p + r)*(z - m), p*r/(p + r) + q, \
         l - log(p + r)/2 - (z - m)^2/(2*(p + r))]\nf(s, z) = u(s[1], s[2], s[3], z)",
        "fold(f, [m, r, 0], y)[3]",
        "q r m y",
    ),
    // the covariance of the filter
    (
        "y in R^N\nA in R^(D x D)\nQ, R, P in R^(D x D) pd\nf(S, z) = A*(S - S*inv(S + R)*S)*A' + z^2*Q",
        "tr(fold(f, P, y))",
        "A Q R",
    ),
    // gradient descent
    ("A in R^(m x n)\nb in R^m\nx in R^n\nt in R\nT in R^K\nf(x, k) = x - t*A'*(A*x - b)", "fold(f, x, T)", "x t b"),
    (
        "A in R^(m x n)\nb in R^m\nx in R^n\nt in R\nT in R^K\nf(x, k) = x - t*A'*(A*x - b)",
        "norm(A*fold(f, x, T) - b)^2",
        "x t A",
    ),
    // a loop inside a loop, and one over the states of another
    (
        "x, y in R^N\na, s0 in R\nf(s, k) = tanh(a*s + k)\ng(s, k) = sin(s)*k + fold(f, s, y)",
        "fold(g, s0, x)",
        "a s0 x y",
    ),
    ("x in R^N\na, s0 in R\nf(s, k) = tanh(a*s + k)\ng(s, k) = a*s + k^2", "fold(g, s0, scan(f, s0, x))", "a s0 x"),
    // a sum, and a number of steps in the formula
    ("x in R^N\na in R\nf(s, k) = s + log(1 + exp(a*k))", "fold(f, 0, x)/N", "a x"),
    // each row
    ("X in R^(N x M)\nw in R^M\nf(s, k) = s*0.5 + k\ng(r) = fold(f, 0, w .* r)", "sum(map(g, X))", "w X"),
];

fn sizes(name: &str) -> usize {
    match name {
        "N" => 11,
        "K" => 10,
        "M" | "m" => 3,
        "n" => 2,
        _ => 2,
    }
}

/// The length of an axis as it is declared.
fn length(text: &str) -> usize {
    let text = text.trim().trim_matches(|c| c == '(' || c == ')');
    let term =
        |t: &str| -> usize { t.split('*').map(|f| f.trim().parse().unwrap_or_else(|_| sizes(f.trim()))).product() };
    text.split('+').map(term).sum()
}

fn data(script: &str) -> Inputs {
    let mut inputs = Inputs::new();
    let mut state = 12345u64;
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 40) as f64 / (1u64 << 24) as f64 - 0.5
    };
    for line in script.lines().filter(|l| l.contains(" in R")) {
        let (names, space) = line.split_once(" in ").expect("a declaration");
        let shape: Vec<usize> = match space.split_whitespace().next() {
            Some("R") => Vec::new(),
            _ => {
                let list = space.trim_start_matches("R^").trim_end_matches(" pd");
                let list = list.strip_prefix('(').map_or(list, |l| l.strip_suffix(')').unwrap_or(l));
                list.split(" x ").map(length).collect()
            }
        };
        for name in names.split(',') {
            let count = shape.iter().product();
            let mut values: Vec<f64> = (0..count).map(|_| next()).collect();
            if space.ends_with("positive") {
                values.iter_mut().for_each(|v| *v = v.abs() + 0.5);
            }
            if let ([n, _], true) = (shape.as_slice(), space.ends_with("pd")) {
                let full = values.clone();
                for i in 0..*n {
                    for j in 0..*n {
                        values[i * n + j] = 0.3 * (full[i * n + j] + full[j * n + i]) + f64::from(u8::from(i == j));
                    }
                }
            }
            inputs.insert(name.trim(), Array::new(shape.clone(), values).expect("an array"));
        }
    }
    inputs
}

fn text(script: &str, value: &str) -> Text {
    Text::script("case", format!("{script}\nvalue = {value}"))
}

fn values(evaluation: &Evaluation, inputs: &Inputs) -> Vec<(String, Array)> {
    let plan = evaluation.plan(inputs).unwrap_or_else(|e| panic!("{e}"));
    plan.run(inputs).unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn written_derivatives_are_checked() {
    let mut failed: Vec<String> = Vec::new();
    for (script, value, variables) in CASES {
        for wrt in variables.split_whitespace() {
            let answer = derive(&Request::new(text(script, value), wrt));
            match answer.map(|answer| answer.verified.expect("it is checked")) {
                Ok(verdict) if verdict.failure.is_none() && verdict.points > 0 => {}
                Ok(verdict) => failed.push(format!("{value} by {wrt}: {verdict:?}")),
                Err(error) => failed.push(format!("{value} by {wrt}: {error}")),
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// Cases of the suite that are to hold: each is checked, and its text gives the numbers of `eval` again.
#[test]
fn the_suite_holds() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/suite/recurrences.tsv");
    let lines = std::fs::read_to_string(path).expect("the suite");
    let mut failed: Vec<String> = Vec::new();
    let mut count = 0;
    for line in lines.lines().filter(|line| !line.starts_with('#')) {
        let cells: Vec<&str> = line.split('\t').collect();
        let [script, value, variables, order, layouts] = cells.as_slice() else { panic!("five cells: {line}") };
        let script = script.replace("; ", "\n");
        let inputs = data(&script);
        let dims = ["N", "K", "M", "m", "n", "D"].map(|name| (name.to_owned(), sizes(name)));
        for wrt in variables.split_whitespace() {
            for layout in layouts.split_whitespace() {
                count += 1;
                let mut request = Request::new(text(&script, value), wrt);
                request.order = order.parse().expect("an order");
                request.layout = matgrad::Layout::parse(layout).expect("a layout");
                let case = format!("{value} by {wrt}, order {order}, {layout}, of {script}");
                match derive(&request).map(|answer| answer.verified.expect("it is checked")) {
                    Ok(verdict) if verdict.failure.is_none() && verdict.points > 0 => {}
                    Ok(verdict) => failed.push(format!("{case}: {verdict:?}")),
                    Err(error) => {
                        failed.push(format!("{case}: {error}"));
                        continue;
                    }
                }
                let dims = dims.iter().cloned().collect();
                if let Err(error) = support::agree::agree(&request, &dims, inputs.clone(), 1e-8) {
                    failed.push(format!("{case}: {error}"));
                }
            }
        }
    }
    assert!(failed.is_empty(), "{} of {count}:\n{}", failed.len(), failed.join("\n"));
}

#[test]
fn computed_derivatives_agree_with_differences() {
    let mut failed: Vec<String> = Vec::new();
    for (script, value, variables) in CASES {
        let inputs = data(script);
        let plain = Evaluation::new(text(script, value));
        for wrt in variables.split_whitespace() {
            // along a step, in both directions, and of a scalar function the Hessian along it
            let x = inputs.get(wrt).expect("data").clone();
            let scalar = values(&plain, &inputs)[0].1.data().len() == 1;
            let step: Vec<f64> = (0..x.data().len()).map(|k| (1.0 + k as f64).sin()).collect();
            let symmetric =
                script.lines().any(|l| l.ends_with("pd") && l.split(" in ").next().is_some_and(|n| n.contains(wrt)));
            let step = match (x.shape(), symmetric) {
                ([n, _], true) => (0..step.len()).map(|k| step[k] + step[k % n * n + k / n]).collect(),
                _ => step,
            };
            let mut with = inputs.clone();
            with.insert("stepV", Array::new(x.shape().to_vec(), step.clone()).expect("an array"));
            let moved = |t: f64| {
                let mut moved = with.clone();
                let values = x.data().iter().zip(&step).map(|(x, d)| x + t * d).collect();
                moved.insert(wrt, Array::new(x.shape().to_vec(), values).expect("an array"));
                moved
            };
            let mut near = |a: &[f64], b: &[f64], what: &str| {
                let scale = b.iter().fold(1e-2f64, |m, v| m.max(v.abs()));
                if a.len() != b.len() || a.iter().zip(b).any(|(p, q)| (p - q).abs() > 1e-5 * scale) {
                    failed.push(format!("{what} of {value} by {wrt}: {a:?} and {b:?}"));
                }
            };
            let h = 1e-5;
            let slope = |of: &dyn Fn(&Inputs) -> Vec<f64>| -> Vec<f64> {
                of(&moved(h)).iter().zip(of(&moved(-h))).map(|(a, b)| (a - b) / (2.0 * h)).collect()
            };
            let numeric = slope(&|i| values(&plain, i)[0].1.data().to_vec());
            let product = |product: Product| {
                let mut e = plain.clone().by(wrt, 0..=1);
                e.product = Some(product);
                move |i: &Inputs| values(&e, i)[1].1.data().to_vec()
            };
            near(&product(Product::Jvp("stepV".into()))(&with), &numeric, "jvp");
            let f = values(&plain, &inputs)[0].1.clone();
            with_weight(&mut with.clone(), &f, |with, weight| {
                let pulled = product(Product::Vjp("weightV".into()))(with);
                let (left, right): (f64, f64) = (
                    pulled.iter().zip(&step).map(|(a, b)| a * b).sum(),
                    numeric.iter().zip(weight).map(|(a, b)| a * b).sum(),
                );
                near(&[left], &[right], "vjp");
            });
            if scalar {
                let gradient = plain.clone().by(wrt, 0..=1);
                let numeric = slope(&|i| values(&gradient, i)[1].1.data().to_vec());
                let shown = product(Product::Hvp("stepV".into()))(&with);
                if x.shape().len() < 2 {
                    near(&shown, &numeric, "hvp");
                }
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

fn with_weight(with: &mut Inputs, f: &Array, check: impl FnOnce(&Inputs, &[f64])) {
    let weight: Vec<f64> = (0..f.data().len()).map(|k| (2.0 + 3.0 * k as f64).cos()).collect();
    with.insert("weightV", Array::new(f.shape().to_vec(), weight.clone()).expect("an array"));
    check(with, &weight);
}

/// Every recurrence that the generator of random expressions draws has a derivative that can be written and is right.
#[test]
fn random_recurrences_are_written() {
    let rounds: u64 = std::env::var("MATGRAD_LOOP_ROUNDS").ok().and_then(|r| r.parse().ok()).unwrap_or(6000);
    let mut failed: Vec<String> = Vec::new();
    let mut count = 0;
    for order in [1, 2] {
        for round in 0..rounds {
            let (request, title) = support::round::request(99, round, order);
            if !title.contains("(s, q)") && !title.contains("(q)") {
                continue;
            }
            count += 1;
            match derive(&request) {
                Ok(answer) => {
                    let verdict = answer.verified.as_ref().expect("it is checked");
                    if !verdict.is_right() && !verdict.singular && verdict.error.is_none() {
                        failed.push(format!("[{round}] {title}: {} {verdict:?}", answer.text()));
                    }
                }
                Err(failure) if failure.diagnostics.iter().all(|d| d.code == "layout") => {}
                Err(failure) => failed.push(format!("[{round}] {title}: {failure}")),
            }
        }
    }
    assert!(count > 10, "only {count} recurrences in {rounds} rounds");
    println!("{count} recurrences");
    assert!(failed.is_empty(), "{} of {count}:\n{}", failed.len(), failed.join("\n"));
}
