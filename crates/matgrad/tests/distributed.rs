//! Programs on arrays in parts: JAX on 8 devices, which the host plays, with the operations that bring parts together in
//! the compiled text; dask on a local cluster with more data than its workers have memory for.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use matgrad::{Array, Code, Evaluation, Request, Target, Text, draw};
use serde_json::{Value, json};

/// Name, function, declarations, variable, what lies in parts, operations between devices.
type Question = (
    &'static str,
    &'static str,
    &'static [&'static str],
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
);

const QUESTIONS: &[Question] = &[
    ("least squares", "norm(y - Phi*theta)^2", &[], "theta", &["Phi: rows"], &["all-reduce"]),
    (
        "logistic regression",
        "sum(softplus(-y .* (X*w))) + 0.5*c*norm(w)^2",
        &["y in R^N", "X in R^(N x D)", "w in R^D", "c in R"],
        "w",
        &["X: rows"],
        &["all-reduce"],
    ),
    (
        "mixture of Gaussians",
        "sum[i](logsumexp[k](a[k] - 0.5*sum[j]((X[i,j] - M[k,j])^2)))",
        &["X in R^(N x D)", "M in R^(K x D)", "a in R^K"],
        "M",
        &["X: rows"],
        &["all-reduce"],
    ),
    (
        "product of two matrices in parts",
        "A*B",
        &["A in R^(N x m)", "B in R^(m x P)"],
        "",
        &["A: rows", "B: columns"],
        &["all-gather"],
    ),
    (
        "norm of such a product",
        "norm(A*B)^2",
        &["A in R^(N x m)", "B in R^(m x P)"],
        "A",
        &["A: rows", "B: columns"],
        &["all-gather", "all-reduce"],
    ),
    ("sum over columns", "norm(sum(X,2))^2", &["X in R^(D x N)"], "X", &["X: columns"], &["all-reduce"]),
    ("mean down columns", "mean(X,1)*w", &["X in R^(N x D)", "w in R^D"], "w", &["X: 1"], &["all-reduce"]),
    (
        "ridge regression",
        "y'*y - y'*X*inv(X'*X + c*eye(D))*X'*y",
        &["X in R^(N x D)", "y in R^N", "c in R positive"],
        "c",
        &["X: rows"],
        &["all-reduce"],
    ),
    (
        "attention to all rows",
        "v'*softmax(X*w)",
        &["X in R^(N x D)", "v in R^N", "w in R^D"],
        "w",
        &["X: rows"],
        &["all-reduce"],
    ),
];

const SIZES: &[(&str, usize)] = &[("N", 16), ("P", 8), ("D", 3), ("K", 4), ("m", 5)];

fn aloud(message: &str) {
    let _ = writeln!(std::io::stderr(), "{message}");
}

/// The interpreter of the tests, where it has a library.
fn python(library: &str) -> Option<String> {
    let interpreter = std::env::var("MATGRAD_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let wanted = format!("import numpy, {library}");
    let has = Command::new(&interpreter).args(["-c", &wanted]).output().is_ok_and(|out| out.status.success());
    if !has {
        aloud(&format!("no {library} for {interpreter}: programs on arrays in parts are written, not run"));
    }
    has.then_some(interpreter)
}

fn code(question: &Question, target: Target) -> Code {
    let (_, function, declarations, wrt, shards, _) = question;
    let text = declarations.iter().fold(Text::expression(*function), |text, d| text.declare(*d));
    let mut code = Code::new(Request::new(text, *wrt), target);
    code.name = Some("function".to_owned());
    code.shard = shards.iter().map(|s| (*s).to_owned()).collect();
    code
}

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/code")
}

fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("distributed");
    std::fs::create_dir_all(&folder).expect("a folder for programs");
    folder
}

fn runs(interpreter: &str, script: &str, arguments: &[&Path]) -> String {
    let out = Command::new(interpreter).arg(tests().join(script)).args(arguments).output().expect("Python runs");
    let (stdout, stderr) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success(), "{stdout}{stderr}");
    stdout.into_owned()
}

#[test]
fn jax_on_eight_devices() {
    let mut cases: Vec<Value> = Vec::new();
    for question in QUESTIONS {
        let (id, _, _, wrt, _, collectives) = question;
        let code = code(question, Target::Jax);
        let program = code.write().unwrap_or_else(|failure| panic!("{id}: {failure}"));
        let text = &code.request.text;
        let inputs = draw(text, SIZES, id.len() as u64).unwrap_or_else(|failure| panic!("{id}: {failure}"));
        let mut evaluation = Evaluation::new(text.clone());
        evaluation.layout = matgrad::Layout::Gradient;
        if !wrt.is_empty() {
            evaluation = evaluation.by(*wrt, 0..=1);
        }
        let outputs = evaluation.plan(&inputs).and_then(|plan| plan.run(&inputs)).expect("numbers");
        let array = |a: &Array| json!([a.shape(), a.data()]);
        let inputs: serde_json::Map<String, Value> = inputs.iter().map(|(n, a)| (n.to_string(), array(a))).collect();
        let titles = ["value", "gradient"];
        let outputs: Vec<Value> = outputs
            .iter()
            .enumerate()
            .map(|(k, (_, a))| {
                json!([if wrt == &"c" && k == 1 { "derivative" } else { titles[k.min(1)] }, a.shape(), a.data()])
            })
            .collect();
        cases.push(json!({"id": id, "function": "function", "code": program, "inputs": inputs, "outputs": outputs, "collectives": collectives}));
    }
    let Some(interpreter) = python("jax") else { return };
    let file = folder().join("mesh.json");
    std::fs::write(&file, Value::from(cases).to_string()).expect("a file of cases");
    runs(&interpreter, "mesh.py", &[&file]);
}

/// The data are made chunk by chunk: 700 MB on two workers of 250 MB each, which may not use the disk.
#[test]
fn dask_beyond_memory() {
    let question = &QUESTIONS[1];
    let mut code = code(question, Target::Dask);
    code.name = Some("value_and_gradient".to_owned());
    code.request.text = ["y in R^N", "X in R^(N x D)", "w in R^D", "c in R"]
        .iter()
        .fold(Text::expression("sum(softplus(-y .* (X*w))) + c*norm(w)^2"), |text, d| text.declare(*d));
    let program = code.write().expect("a program");
    let Some(interpreter) = python("dask.distributed") else { return };
    let file = folder().join("logistic.py");
    std::fs::write(&file, program).expect("a program");
    aloud(runs(&interpreter, "beyond.py", &[&file]).trim_end());
}

#[test]
fn what_follows_is_said() {
    let program = code(&QUESTIONS[0], Target::Jax).write().expect("a program");
    assert!(program.contains("# y lies in parts by the entries: N counts them as it does those of Phi"), "{program}");
    assert!(program.contains("\"Phi\": PartitionSpec(\"shards\", None)"), "{program}");
    assert!(program.contains("\"theta\": PartitionSpec(),"), "{program}");
    let program = code(&QUESTIONS[0], Target::Dask).write().expect("a program");
    assert!(program.contains("y = _lay(y, 0, Phi.chunks[0])"), "{program}");
}

#[test]
fn refusals_name_the_place() {
    let say = |function: &str, target: Target, shards: &[&str]| {
        let mut code = Code::new(Request::new(Text::expression(function), "theta"), target);
        code.shard = shards.iter().map(|s| (*s).to_owned()).collect();
        code.write().expect_err("a refusal").to_string()
    };
    let squares = "norm(y - Phi*theta)^2";
    for (shards, target, words) in [
        (&["Phy: rows"][..], Target::Jax, "did you mean `Phi`?"),
        (&["Phi: colums"], Target::Jax, "did you mean `columns`?"),
        (&["Phi: 3"], Target::Dask, "`Phi` has no axis 3"),
        (&["theta: columns"], Target::Jax, "`theta` has no columns"),
        (&["Phi"], Target::Jax, "a colon and an axis"),
        (&["Phi: rows", "Phi: columns"], Target::Jax, "already lies in parts along its axis 1"),
        (&["Phi: rows"], Target::Numpy, "programs for `numpy` take arrays in one piece"),
        (&[], Target::Dask, "--shard 'Phi: rows'"),
    ] {
        let said = say(squares, target, shards);
        assert!(said.contains(words) && said.contains("^"), "{said}");
    }
    let said = say("log(det(Phi))*sum(theta)", Target::Dask, &["Phi: rows"]);
    assert!(said.contains("dask cannot compute `det` of an array that lies in parts"), "{said}");
    let said = say("alpha*norm(theta)", Target::Jax, &["alpha: rows"]);
    assert!(said.contains("`alpha` is a number, which has no axes"), "{said}");
    assert!(said.contains("`theta` can be cut"), "{said}");
}
