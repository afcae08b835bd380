//! The command line: what goes in, what comes out, exit statuses, errors.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn matgrad(args: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_matgrad"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("matgrad starts");
    // a command that does not read its input may have ended already
    let _ = child.stdin.take().expect("standard input").write_all(input.as_bytes());
    child.wait_with_output().expect("matgrad ends")
}

fn out(args: &[&str]) -> String {
    let done = matgrad(args, "");
    assert_eq!(done.status.code(), Some(0), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).expect("UTF-8")
}

/// The exit status and what standard error says.
fn failure(args: &[&str]) -> (Option<i32>, String) {
    let done = matgrad(args, "");
    assert!(done.stdout.is_empty(), "{args:?} prints {}", String::from_utf8_lossy(&done.stdout));
    (done.status.code(), String::from_utf8(done.stderr).expect("UTF-8"))
}

fn json(args: &[&str]) -> Value {
    serde_json::from_str(&out(args)).expect("JSON")
}

/// A file that is gone when the test is over.
struct File(PathBuf);

impl File {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("matgrad-cli-{}-{name}", std::process::id()));
        std::fs::write(&path, text).expect("a file");
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("a path")
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn the_first_minute() {
    let shown = out(&["diff", "norm(y - Phi*theta)^2", "--wrt", "theta"]);
    let (stable, error) = shown.split_once("relative error ").expect("a check");
    assert_eq!(
        stable,
        "\
# assumed, as nobody declared it
y in R^N
Phi in R^(N x D)
theta in R^D

derivative = -2*(y - Phi*theta)'*Phi   # 1 x D, numerator layout
gradient   = -2*Phi'*(y - Phi*theta)   # D x 1, shaped like the variable

# checked at 3 random points against an independent derivative: "
    );
    assert!(error.trim().parse::<f64>().expect("a number") < 1e-9);
    assert!(readme().contains(stable), "the README shows something else");
}

fn readme() -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    std::fs::read_to_string(path).expect("the README")
}

#[test]
fn what_is_shown_is_a_script() {
    let shown = out(&["diff", "norm(y - Phi*theta)^2", "--wrt", "theta"]);
    let data = File::new("script.json", r#"{"y": [1, 2], "Phi": [[1, 0, 2], [0, 1, 1]], "theta": [1, 0, -1]}"#);
    let values = matgrad(&["eval", "-", "--of", "gradient", "--data", data.path()], &shown);
    // y - Phi*theta = [2, 3]
    assert_eq!(String::from_utf8_lossy(&values.stdout), "value = [-4, -6, -14]\n");
}

#[test]
fn json_has_the_fields_of_the_reference() {
    let answer = json(&["diff", "a'*X*b", "--wrt", "X", "--format", "json"]);
    assert_eq!(answer["expression"], "a'*X*b");
    assert_eq!(answer["text"], "b*a'");
    assert_eq!(answer["latex"], r"\mathbf{b} \mathbf{a}^{\top}");
    assert_eq!(answer["shape"], serde_json::json!(["n", "m"]));
    assert_eq!(answer["gradient"]["text"], "a*b'");
    assert_eq!(answer["gradient"]["shape"], serde_json::json!(["m", "n"]));
    assert_eq!(answer["assumptions"], serde_json::json!(["a in R^m", "X in R^(m x n)", "b in R^n"]));
    assert_eq!(answer["verified"]["points"], 3);
    let strings = [("wrt", "X"), ("layout", "numerator"), ("convention", "free"), ("notation", "matrix")];
    strings.iter().for_each(|(key, value)| assert_eq!(answer[*key], *value, "{key}"));
    let keys: Vec<&String> = answer.as_object().expect("an object").keys().collect();
    assert_eq!(keys[..3], ["expression", "wrt", "order"]);
}

#[test]
fn declarations_layouts_and_conventions() {
    let text = |args: &[&str]| json(&[&["diff"], args, &["--format", "json"]].concat())["text"].clone();
    assert_eq!(text(&["x'*A*x", "--wrt", "x", "--declare", "A in R^(n x n) symmetric"]), "2*x'*A");
    assert_eq!(text(&["A*X*B", "--wrt", "X", "--layout", "jacobian"]), "B' ⊗ A");
    assert_eq!(text(&["-x'*x", "--wrt", "x", "--layout", "denominator"]), "-2*x");
    assert_eq!(text(&["-x", "--wrt", "x"]), "-eye(n)");
    assert_eq!(text(&["norm(x)^2", "--wrt", "x", "--order", "2"]), "2*eye(n)");
    let symmetric = ["logdet(X)", "--wrt", "X", "--declare", "X in R^(n x n) pd"];
    assert_eq!(text(&symmetric), "X^-1");
    assert_eq!(text(&[&symmetric[..], &["--convention", "constrained"]].concat()), "2*X^-1 - diag(diag(X^-1))");
    assert_eq!(out(&["diff", "λ*x'*x", "--wrt", r"\lambda", "--format", "latex"]), "\\mathbf{x}^{\\top} \\mathbf{x}\n");
}

#[test]
fn scripts_files_and_standard_input() {
    let script = "y in R^N\nPhi in R^(N x D)\ntheta in R^D\ne = y - Phi*theta\nL = norm(e)^2\n";
    let file = File::new("loss.mg", script);
    let text = |args: &[&str], input: &str| {
        let done = matgrad(args, input);
        let value: Value = serde_json::from_slice(&done.stdout).expect("JSON");
        value["text"].clone()
    };
    let options = ["--wrt", "theta", "--format", "json"];
    assert_eq!(text(&[&["diff", file.path()], &options[..]].concat(), ""), "-2*e'*Phi");
    assert_eq!(text(&[&["diff", "-"], &options[..]].concat(), script), "-2*e'*Phi");
    let expanded = [&["diff", "-", "--expand"], &options[..]].concat();
    assert_eq!(text(&expanded, script), "-2*(y - Phi*theta)'*Phi");
    assert_eq!(text(&[&["diff", file.path(), "--of", "e"], &options[..]].concat(), ""), "-Phi");
    let queries = matgrad(&["diff", "-", "--format", "json"], &format!("{script}grad L wrt theta, Phi\n"));
    let answers: Value = serde_json::from_slice(&queries.stdout).expect("JSON");
    assert_eq!(answers[1]["text"], "-2*e*theta'");
    assert_eq!(answers[1]["query"], "grad L wrt theta, Phi");
}

#[test]
fn claims() {
    let check = |claim: &str, more: &[&str]| {
        let done = matgrad(&[&["check", "a'*X*b", "--wrt", "X", "--claim", claim], more].concat(), "");
        (done.status.code(), String::from_utf8(done.stdout).expect("UTF-8"))
    };
    assert_eq!(check("b*a'", &[]), (Some(0), "right: the claim is right in the numerator layout\n".into()));
    assert_eq!(check("-b*a'", &[]).0, Some(1));
    assert!(check("2*b*a'", &[]).1.starts_with("wrong: the claim is 2 times"));
    assert_eq!(check("a*b'", &["--layout", "numerator"]).0, Some(1));
    assert_eq!(check("a*b'", &["--layout", "gradient"]).0, Some(0));
    assert_eq!(check("b*a", &[]).0, Some(2));
    assert_eq!(check("b*c'", &[]).0, Some(2));
}

#[test]
fn values_and_derivatives() {
    let data = File::new("data.json", r#"{"x": [1, 2], "A": [[1, 2], [3, 4]], "v": [1, 0], "s": 2}"#);
    let eval = |args: &[&str]| out(&[&["eval"], args, &["--data", data.path()]].concat());
    assert_eq!(eval(&["x'*A*x"]), "value = 27\n");
    assert_eq!(eval(&["x'*A*x", "--wrt", "x"]), "value = 27\nderivative = [12, 21]\n");
    let hessian = "value = 27\nderivative = [2, 5;\n              5, 8]\n";
    assert_eq!(eval(&["x'*A*x", "--wrt", "x", "--order", "2"]), hessian);
    let both = "value = 27\nderivative = [12, 21]\nderivative2 = [2, 5;\n               5, 8]\n";
    assert_eq!(eval(&["x'*A*x", "--wrt", "x", "--order", "0..2"]), both);
    assert_eq!(eval(&["x'*A*x", "--wrt", "x", "--hvp", "v"]), "value = 27\nderivative = [2, 5]\n");
    assert_eq!(eval(&["A*x", "--wrt", "x", "--jvp", "v"]), "value = [5, 11]\nderivative = [1, 3]\n");
    assert_eq!(eval(&["A*x", "--wrt", "x", "--vjp", "v"]), "value = [5, 11]\nderivative = [1, 2]\n");
    assert_eq!(
        eval(&["s*x'*x", "--declare", "s in R", "--wrt", "x,s"]),
        "value = 10\nderivative_x = [4, 8]\nderivative_s = [5]\n"
    );
    let (status, message) = failure(&["eval", "x'*y", "--data", data.path()]);
    assert!(status == Some(2) && message.contains("`y`"), "{message}");
    let (status, message) = failure(&["eval", "A*A", "--declare", "A in R^(3 x 3)", "--data", data.path()]);
    assert!(status == Some(2) && message.contains("2×2") && message.contains("`A`"), "{message}");
}

#[test]
fn errors_show_the_place() {
    let (status, message) = failure(&["diff", "nrom(x)^2", "--wrt", "x"]);
    assert_eq!(status, Some(2));
    assert_eq!(
        message,
        "\
error: unknown function `nrom`
 --> expression:1:1
  |
1 | nrom(x)^2
  | ^^^^
  = help: did you mean `norm`?
"
    );
    let (status, message) = failure(&["diff", "x'*x", "--wrt", "z"]);
    assert!(status == Some(2) && message.contains("there is no variable `z`"), "{message}");
    let (status, message) = failure(&["diff", "no-such-file.mg", "--wrt", "z"]);
    assert!(status == Some(2) && message.contains("no-such-file.mg"), "{message}");
    let (status, message) = failure(&["diff", "A*x", "--wrt", "x", "--layout", "rowvec"]);
    assert!(status == Some(2) && message.contains("--layout jacobian"), "{message}");
    assert_eq!(failure(&["diff", "A*x", "--wrt", "x", "--layout", "wrong"]).0, Some(2));
    assert_eq!(failure(&["diff", "A*x"]).0, Some(2));
    assert_eq!(failure(&["frobnicate"]).0, Some(2));
}

#[test]
fn several_errors_in_one_run() {
    let done = matgrad(&["diff", "-", "--wrt", "x"], "a = nrom(x)\nb = (1 + 2\nc = tr(x'*x)\n");
    let message = String::from_utf8(done.stderr).expect("UTF-8");
    assert_eq!(message.matches("error:").count(), 2, "{message}");
}

#[test]
fn a_deadline_ends_the_work() {
    let deep = format!("x in R\n{}x{}", "(".repeat(100_000), " + 1)*x".repeat(100_000));
    let file = File::new("deep.mg", &deep);
    let (status, message) = failure(&["diff", file.path(), "--wrt", "x", "--deadline", "0.3"]);
    assert!(status == Some(2) && message.contains("deadline"), "{message}");
}

#[test]
fn runs_are_timed() {
    let data = File::new("time.json", r#"{"x": [1, 2], "A": [[1, 2], [3, 4]]}"#);
    let done = matgrad(&["eval", "x'*A*x", "--wrt", "x", "--time", "25", "--data", data.path()], "");
    assert_eq!(done.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&done.stdout).starts_with("value = 27"));
    let times: Value = serde_json::from_slice(&done.stderr).expect("one line of JSON");
    let seconds = |path: &str| times.pointer(path).and_then(Value::as_f64).unwrap_or(f64::NAN);
    assert_eq!(seconds("/runs"), 25.0);
    assert!(seconds("/run_s/min") > 0.0 && seconds("/run_s/min") <= seconds("/run_s/median"));
    assert!(seconds("/plan_s") > seconds("/run_s/min"));
    assert!(seconds("/flops") >= 14.0 && seconds("/bytes") >= 56.0);
}

#[test]
fn single_precision() {
    let data = File::new("single.json", r#"{"x": [1, 0.1], "A": [[2, 1], [1, 3]]}"#);
    let eval = ["eval", "1/(x'*A*x)", "--wrt", "x", "--data", data.path(), "--dtype", "f32"];
    let done = matgrad(&eval, "");
    let shown = String::from_utf8_lossy(&done.stdout).into_owned();
    assert_eq!(shown, "value = 0.44843048\nderivative = [-0.8445776, -0.52283376]\n");
    let out = File::new("single-out.json", "");
    let done = matgrad(&[&eval[..], &["--out", out.path(), "--time", "2"]].concat(), "");
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
    let text = std::fs::read_to_string(out.path()).expect("a file");
    assert_eq!(text, "{\"value\": 0.44843048, \"derivative\": [[-0.8445776, -0.52283376]]}\n");
    let (status, message) = failure(&["eval", "x'*x", "--data", data.path(), "--dtype", "f16"]);
    assert!(status == Some(2) && message.contains("f16"), "{message}");
}

#[test]
fn batches_and_constants() {
    let data = File::new("batch.json", r#"{"x": [[1, 2], [3, 4], [0, 1]], "A": [[2, 1], [1, 3]]}"#);
    let eval = ["eval", "x'*A*x", "--declare", "x in R^n", "--wrt", "x", "--layout", "gradient", "--data", data.path()];
    let with = |more: &[&str]| {
        let done = matgrad(&[&eval[..], more].concat(), "");
        (
            done.status.code(),
            String::from_utf8_lossy(if more.len() < 3 { &done.stdout } else { &done.stderr }).into_owned(),
        )
    };
    let expected = "value = [18, 90, 3]\nderivative[1,:,:] = [ 8;\n                     14]\n";
    let (status, shown) = with(&["--batch", "x"]);
    assert!(status == Some(0) && shown.starts_with(expected), "{shown}");
    for more in [&["--batch", "x", "--dtype", "f32"][..], &["--batch", "x", "--threads", "2"]] {
        let done = matgrad(&[&eval[..], more].concat(), "");
        assert_eq!(String::from_utf8_lossy(&done.stdout), shown, "{more:?}");
    }
    // the matrix holds two problems, the vectors three
    let (status, message) = with(&["--batch", "x,A", "--time", "1"]);
    assert!(status == Some(2) && message.contains("`A` 2"), "{message}");
    let (status, message) = with(&["--batch", "x", "--constant", "B", "--time", "1"]);
    assert!(status == Some(2) && message.contains("`B`"), "{message}");

    let data = File::new("constant.json", &format!(r#"{{"v": [{0}], "w": [{0}]}}"#, vec!["0.5"; 3000].join(",")));
    let eval = ["eval", "sum(exp(v) .* w)", "--wrt", "w", "--data", data.path(), "--constant", "v", "--plan"];
    let listing = String::from_utf8_lossy(&matgrad(&eval, "").stdout).into_owned();
    assert!(listing.contains("up to here once"), "{listing}");
}

#[test]
fn functions_are_timed_on_random_data() {
    let done = matgrad(&["bench", "--quick", "--json"], "");
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
    let rows: Value = serde_json::from_slice(&done.stdout).expect("JSON");
    let rows = rows.as_array().expect("a list");
    assert!(rows.len() >= 19);
    for row in rows {
        let seconds = |name: &str| row[name].as_f64().unwrap_or(f64::NAN);
        assert!(seconds("run_s") > 0.0 && seconds("value_s") > 0.0, "{row}");
        assert!(seconds("first_s") >= seconds("plan_s"), "{row}");
    }
    let own = ["bench", "norm(A*x)^2", "--declare", "A in R^(m x n)", "--wrt", "x", "--size", "m=20", "--size", "n=10"];
    let done = matgrad(&own, "");
    let shown = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(shown.lines().count() == 2 && shown.contains("m = 20, n = 10"), "{shown}");
    let (status, message) = failure(&own[..8]);
    assert!(status == Some(2) && message.contains("the size n"), "{message}");
    let (status, message) = failure(&["bench", "--only", "nothing like it"]);
    assert!(status == Some(2) && message.contains("quadratic form"), "{message}");
}

#[test]
fn a_function_is_written_in_a_language() {
    let program = out(&["code", "norm(y - Phi*theta)^2", "--wrt", "theta", "--target", "numpy"]);
    let body = program.split_once("\"\"\"\n").expect("a description").1;
    let code =
        "    t0 = y - Phi @ theta\n    value = t0 @ t0\n    gradient = -2 * (Phi.T @ t0)\n    return value, gradient\n";
    assert!(body.ends_with(code), "{program}");
    assert!(program.contains("def value_and_gradient(y, Phi, theta):"), "{program}");
    // words of the language are no names
    let program = out(&["code", "lambda*norm(x)^2", "--wrt", "x", "--target", "numpy", "--name", "penalty"]);
    assert!(program.contains("def penalty(lambda_, x):"), "{program}");
    let program = out(&["code", "A^-1*b", "--target", "c"]);
    assert!(program.contains("mg_solve(n, 1, A, b, "), "{program}");
}

#[test]
fn what_has_no_value_has_no_code() {
    let script = File::new("abstract.mg", "f : R^2 -> R\nx in R^2\nz = f(x)\n");
    let (status, message) = failure(&["code", script.path(), "--wrt", "x", "--target", "numpy"]);
    assert_eq!(status, Some(2));
    assert!(message.contains("`f` is an abstract function: no code can compute its value"), "{message}");
    let (status, message) = failure(&["code", "x", "--target", "cobol"]);
    assert_eq!(status, Some(2));
    assert!(
        message.contains("[possible values: numpy, jax, torch, dask, julia, matlab, rust, c, latex, typst]"),
        "{message}"
    );
}
