//! Tests of the stage as a whole.

use super::*;
use matgrad_syntax::parse;

fn run(text: &str, options: &Options) -> Result<Analysis, Vec<Diagnostic>> {
    let parsed = parse(text);
    assert!(parsed.is_ok(), "{text}: {:?}", parsed.diagnostics);
    analyze(&parsed.script, options)
}

fn shape_text(a: &Analysis, shape: &Shape) -> String {
    let d = |dim: &Dim| a.graph.sizes.text(*dim);
    match shape {
        Shape::Scalar => "1 x 1".into(),
        Shape::Column(n) => format!("{} x 1", d(n)),
        Shape::Row(n) => format!("1 x {}", d(n)),
        Shape::Matrix(m, n) => format!("{} x {}", d(m), d(n)),
        Shape::Tensor(dims) => dims.iter().map(d).collect::<Vec<_>>().join(" x "),
    }
}

/// The shape of the last value, or the code of the first error.
fn check(text: &str, expected: &str) {
    let found = match run(text, &Options::default()) {
        Ok(a) => {
            assert_eq!(a.graph.axes(a.target.node), &a.target.shape.axes(), "axes of {text}");
            shape_text(&a, &a.target.shape)
        }
        Err(diagnostics) => diagnostics[0].code.to_string(),
    };
    assert_eq!(found, expected, "{text}");
}

/// The assumptions about undeclared names.
fn assume(text: &str, expected: &str) {
    let found = match run(text, &Options::default()) {
        Ok(a) => a.assumptions.join("; "),
        Err(diagnostics) => diagnostics[0].code.to_string(),
    };
    assert_eq!(found, expected, "{text}");
}

const DECLARED: &str = "A in R^(m x n); B in R^(m x n); C in R^(n x p); S, R in R^(n x n); x, y in R^n; z in R^m; \
    a, c in R; u in R^3; v in R^3; r in R^(1 x n); T in R^(m x n x p); t in R; Q in R^(2 x 2); w in R^5\n";

/// The same with a set of declared names.
fn declared(text: &str, expected: &str) {
    check(&format!("{DECLARED}{text}"), expected);
}

#[test]
fn operators() {
    declared("A*x", "m x 1");
    declared("x'*S*x", "1 x 1");
    declared("x*y'", "n x n");
    declared("z'*A", "1 x n");
    declared("A + B - 2*A", "m x n");
    declared("A + 1", "m x n");
    declared("1 - x", "n x 1");
    declared("A' + B'", "n x m");
    declared("A .* B ./ 2", "m x n");
    declared("1./x", "n x 1");
    declared("A/a", "m x n");
    declared("S\\x", "n x 1");
    declared("S\\C", "n x p");
    declared("A ⊗ C", "m*n x n*p");
    declared("A : B", "1 x 1");
    declared("S^3", "n x n");
    declared("S^-1", "n x n");
    declared("S^0", "n x n");
    declared("a^c", "1 x 1");
    declared("(x'*y)^2", "1 x 1");
    declared("x.^3", "n x 1");
    declared("2.^x", "n x 1");
    declared("x.^y", "n x 1");
    declared("a*T", "m x n x p");
    declared("T + T", "m x n x p");
    declared("-r'", "n x 1");
    declared("x > y", "n x 1");
    declared("2 x'*y", "1 x 1");
}

#[test]
fn functions() {
    declared("norm(A*x - z)^2", "1 x 1");
    declared("tr(S) + det(S) + logdet(S)", "1 x 1");
    declared("inv(S)*adj(S)*cof(S)", "n x n");
    declared("pinv(A)", "n x m");
    declared("diag(x)", "n x n");
    declared("diag(S)", "n x 1");
    declared("diag(r)", "n x n");
    declared("vec(A)", "m*n x 1");
    declared("rvec(A)", "1 x m*n");
    declared("kron(x, z)", "m*n x 1");
    declared("dot(x, r)", "1 x 1");
    declared("cross(u, v)", "3 x 1");
    declared("eigvals(S)", "n x 1");
    declared("singvals(A)", "min(m,n) x 1");
    declared("svdU(A)", "m x min(m,n)");
    declared("svdV(S)", "n x n");
    declared("sum(A)", "1 x 1");
    declared("sum(A, 1)", "1 x n");
    declared("mean(A, 2)", "m x 1");
    declared("max(A, 1)", "1 x n");
    declared("max(A, 1.0)", "m x n");
    declared("max(a, 1)", "1 x 1");
    declared("max(x, y)", "n x 1");
    declared("where(x > 0, x, 0)", "n x 1");
    declared("softmax(A, 2)", "m x n");
    declared("logsumexp(A, 2)", "m x 1");
    declared("cumsum(x) + revcumsum(x)", "n x 1");
    declared("tril(A) + triu(A)", "m x n");
    declared("reshape(vec(A), m, n) - A", "m x n");
    declared("polygamma(2, x)", "n x 1");
    declared("expm_frechet(S, R)", "n x n");
    declared("sigmoid(log1p(expm1(sqrt(x))))", "n x 1");
    declared("pow(x, 3)", "n x 1");
    declared("atan2(x, y)", "n x 1");
    declared("normspec(A) + normnuc(A) + norm1(A) + norminf(x)", "1 x 1");
    declared("commutation(m, n)*vec(A)", "m*n x 1");
    declared("duplication(n)", "n^2 x n^2/2+n/2");
    declared("elimination(3)", "6 x 9");
    declared("unit(2, n)'*x", "1 x 1");
    declared("ones(m)*sum(A, 1)", "m x n");
    declared("eye(size(A, 1))*A", "m x n");
    declared("sum(x)/n + size(A, 1)", "1 x 1");
    declared("sum[i](x[i]*unit(i, n))", "n x 1");
    declared("det(u'*v) + tr(a) + inv(a)", "1 x 1");
}

#[test]
fn identities_and_fillers() {
    declared("S + I", "n x n");
    declared("a*I - S", "n x n");
    declared("inv(S + 2*I)*x", "n x 1");
    declared("I*x", "n x 1");
    declared("2*I", "unresolved-size");
    declared("I ⊗ A", "unresolved-size");
    declared("x + vector(1)", "n x 1");
    declared("A .* matrix(2)", "m x n");
    declared("[S, I; 0, S]", "2*n x 2*n");
    declared("[A, z; 0, 1]", "m+1 x n+1");
}

#[test]
fn literals() {
    declared("[1, 2, 3]", "3 x 1");
    declared("[a, 2; 3, c]", "2 x 2");
    declared("[x, y]", "n x 2");
    declared("[x; z]", "m+n x 1");
    declared("[A, B; B, A]", "2*m x 2*n");
    declared("[r; r]", "2 x n");
    declared("[a, r]", "1 x n+1");
    declared("[x, z]", "shape-mismatch");
    declared("[a - c]", "1 x 1");
}

#[test]
fn subscripts() {
    declared("A[1,2]", "1 x 1");
    declared("A[1,:]", "1 x n");
    declared("A[:,2]", "m x 1");
    declared("A[1:2,:]", "2 x n");
    declared("x[2:n]", "n-1 x 1");
    declared("x[n]", "1 x 1");
    declared("w[2]", "1 x 1");
    declared("w[6]", "out-of-range");
    declared("w[0]", "out-of-range");
    declared("T[:,2,:]", "m x p");
    declared("A[1]", "shape-mismatch");
    declared("x[i]", "unknown-index");
    declared("(S*x)[2]", "1 x 1");
    declared("eye(n)[1,2]", "1 x 1");
}

#[test]
fn index_form() {
    declared("sum[i](x[i]^2)", "1 x 1");
    declared("sum[i](x[2*x[i]])", "subscript");
    declared("sum[i,j](A[i,j]*x[j]*z[i])", "1 x 1");
    declared("sum[i](x[i]*A[:,i])", "m x 1");
    declared("K[p,q] = sum[k](A[k,p]*A[k,q])", "n x n");
    declared("f[i] = sum[j](A[i,j]*x[j])", "m x 1");
    declared("G[i,j,k] = delta[i,j]*x[k] + A[i,k]*0", "m x m x n");
    declared("G[i:m,j:n] = 1", "m x n");
    declared("d[i] = x[i+1] - x[i]", "n-1 x 1");
    declared("d[i] = x[i] - x[i-1]", "index-range");
    declared("sum[i](x[i]*x[i-1])", "1 x 1");
    declared("sum[i](i*x[i])", "1 x 1");
    declared("sum[i,j; i < j](x[i]*x[j])", "1 x 1");
    declared("sum[i:3](w[i])", "1 x 1");
    declared("sum[i:6](w[i])", "out-of-range");
    declared("sum[i:2](x[i])", "1 x 1");
    declared("sum[i:m](x[i])", "shape-mismatch");
    declared("sum[i](2)", "unresolved-size");
    declared("sum[i](x[i]*z[i])", "shape-mismatch");
    declared("o[i] = sum[j,k](eps[i,j,k]*u[j]*v[k])", "3 x 1");
    declared("prod[i](x[i]) + max[i](x[i]) + logsumexp[i](x[i])", "1 x 1");
    declared("s[i] = sum[j](delta[i,j]*x[j])", "n x 1");
    declared("h[i:3] = sum[j:3](w[i+j-1]*u[j])", "3 x 1");
    declared("e[i] = x[n+1-i]", "n x 1");
    declared("sum[i](norm(A[i,:])^2)", "1 x 1");
    declared("sum[i](sum[j](delta[i,j])*x[i])", "1 x 1");
    declared("mean[i](x[i])", "1 x 1");
}

#[test]
fn definitions_and_functions() {
    declared("g(s) = [s*cos(s), s*sin(s)]; g(t)", "2 x 1");
    declared("g(s) = s'*s; h(s) = g(s) + g(2*s); h(x)", "1 x 1");
    declared("g(i) = sum[i](x[i])*i; sum[i](g(z[i]))", "1 x 1");
    declared("g(s) = g(s); g(x)", "recursion");
    declared("g(s) = sum(s.^2); map(g, A)", "m x 1");
    declared("g(s) = 2*s; map(g, A)", "m x n");
    declared("map(softmax, A)", "m x n");
    declared("map(exp, x)", "n x 1");
    declared("step(s, k) = s*a + k; fold(step, 0, w)", "1 x 1");
    declared("step(s, k) = s*a + k; scan(step, 0, w)", "5 x 1");
    declared("step(s, k) = Q*s + k; fold(step, [0, 0], [1, 2; 3, 4; 5, 6])", "2 x 1");
    declared("step(s, k) = s*a + k; fold(step, 0, x)", "1 x 1");
    declared("step(s, k) = s*a + k; scan(step, 0, x)", "n x 1");
    declared("step(s, k) = Q*s + k*[1, 2]; scan(step, [0, 0], x)", "n x 2");
    declared("step(s, k) = s*a + k; fold(step, 0, A)", "shape-mismatch");
    declared("step(s, k) = s*a + k; fold(step, zeros(2), x)", "2 x 1");
    declared("step(s, k) = Q*s + k*[1, 2]; exscan(step, [0, 0], x)", "n x 2");
    declared("step(s, k, j) = s*a + k*j; foldr(step, 0, w, w)", "1 x 1");
    declared("step(s, k, j) = s*a + k*j; fold(step, 0, w, x)", "shape-mismatch");
    declared("step(b, s, k) = s*b + k; scanr(step(a), 0, x)", "n x 1");
    declared("step(b, s, k) = s*b + k; fold(step(a, a, a), 0, x)", "arguments");
    declared("step(s) = s; fold(step, 0, x)", "arguments");
    declared("f : R^2 -> R\nf(u[1], u[2]) + f([a, c])", "1 x 1");
    declared("q : R -> R^3\nq'(t) + q(t)", "3 x 1");
    declared("f : R^2 -> R\nf_12'(a, c)", "1 x 1");
    declared("f : R^2 -> R\nf(x)", "shape-mismatch");
    declared("f : R -> R\nsum[i](f(x[i]))", "1 x 1");
    declared("L = M2*x; M2 = S", "order");
    declared("e = z - A*x; L = norm(e)^2; diff L wrt x", "1 x 1");
    check("f(x) = x'*A*x", "1 x 1");
}

#[test]
fn errors() {
    declared("A*B", "shape-mismatch");
    declared("x*y", "shape-mismatch");
    declared("A + x", "shape-mismatch");
    declared("x^2", "shape-mismatch");
    declared("S^a", "power");
    declared("A/x", "shape-mismatch");
    declared("det(A)", "shape-mismatch");
    declared("S^100", "limit");
    check("A in R^(m x n) symmetric; tr(A)", "attribute");
    check("x in R^n; x in R^m; x", "duplicate-name");
    declared("log(det(x))", "shape-mismatch");
}

#[test]
fn assumptions() {
    assume("norm(y - Phi*theta)^2", "y in R^N; Phi in R^(N x D); theta in R^D");
    assume("0.5*x'*A*x", "x in R^n; A in R^(n x n)");
    assume("A*exp(x)", "A in R^(m x n); x in R^n");
    assume("(y.*v)'*x", "y in R^n; v in R^n; x in R^n");
    assume("a^b", "a in R; b in R");
    assume("norm1(A*x-y)", "A in R^(m x n); x in R^n; y in R^m");
    assume("sum(log(exp(-y.*(X*w)) + vector(1)))", "y in R^m; X in R^(m x n); w in R^n");
    assume("tr(A*X'*B*X*C)", "A in R^(m x n); X in R^(p x n); B in R^(p x p); C in R^(n x m)");
    assume("log(det(inv(X)))", "X in R^(n x n)");
    assume("a'*X*b", "a in R^m; X in R^(m x n); b in R^n");
    assume("x^2", "x in R");
    assume("alpha*x + t*y", "alpha in R; x in R^n; t in R; y in R^n");
    assume("y*x", "ambiguous-names");
    assume("(x - mu)'*Sigma^-1*(x - mu)", "x in R^D; mu in R^D; Sigma in R^(D x D)");
    assume("x in R^n; sum(x)/n", "");
    assume("sum(x)/n", "x in R^m; n in R");
    assume("tr(A*dX) + tr(X*A)", "A in R^(m x n); dX in R^(n x m); X in R^(n x m)");
    assume("sum[i](di[i]^2)", "di in R^n");
}

/// The first error as people read it: message, labels, help.
fn explain(text: &str, expected: &[&str]) {
    let found = run(text, &Options::default()).err().unwrap_or_default();
    let Some(first) = found.first() else { panic!("{text} has no error") };
    let mut lines = vec![first.message.clone()];
    lines.extend(first.labels.iter().map(|(span, label)| format!("{}: {label}", span.text(text))));
    lines.extend(first.help.iter().cloned());
    assert_eq!(lines, expected, "{text}");
}

#[test]
fn errors_name_shapes_places_and_remedies() {
    explain(
        "A in R^(m x n); x, y in R^m; A*x + y",
        &[
            "cannot multiply R^(m x n) by R^m: n columns against m rows",
            "A: this is R^(m x n)",
            "x: this is R^m",
            "A in R^(m x n): `A` is R^(m x n), declared here",
            "x, y in R^m: `x` is R^m, declared here",
            "a transpose makes the shapes fit: `A'*x`",
        ],
    );
    explain(
        "x, y in R^n; x*y",
        &[
            "cannot multiply R^n by R^n: 1 column against n rows",
            "x: this is R^n",
            "y: this is R^n",
            "x, y in R^n: `x` is R^n, declared here",
            "x, y in R^n: `y` is R^n, declared here",
            "for the product of the entries write `x .* y`",
            "a transpose makes the shapes fit: `x'*y`",
            "a transpose makes the shapes fit: `x*y'`",
        ],
    );
    explain(
        "theta in R^D; thets'*theta*[theta, 1]",
        &[
            "blocks side by side have as many rows, these have D and 1",
            "theta: this is R^D",
            "1: this is R",
            "theta in R^D: `theta` is R^D, declared here",
            "`,` puts side by side, `;` stacks: `[u; v]`",
            "`thets` is not declared; did you mean `theta`?",
        ],
    );
    explain(
        "x*y",
        &[
            "the names that nobody declared can be read in more than one way",
            "x: `x` is not declared",
            "y: `y` is not declared",
            "x is a scalar: --declare 'x in R'",
            "y is a scalar: --declare 'y in R'",
        ],
    );
    explain("2*I", &["nothing here fixes the size of `I`", "write `eye(n)`"]);
}

#[test]
fn all_statements_report_their_errors() {
    let found = run("x in R^n; y in R^m; a = x + y; b = x'*y; c = a + b", &Options::default());
    assert_eq!(found.err().map(|d| d.len()), Some(2));
}

#[test]
fn variables_that_are_differentiated_have_free_entries() {
    let text = "A in R^(n x n) symmetric; c in R positive; x'*A*x*c";
    let a = run(text, &Options { wrt: &["A", "c"], of: None }).unwrap_or_else(|d| panic!("{d:?}"));
    let variable = &a.variables[0];
    assert_eq!(variable.attributes, [Attribute::Symmetric]);
    assert!(a.graph.as_input(variable.node).is_some_and(|i| i.attributes.is_empty()));
    let structured = variable.structured.and_then(|node| a.graph.as_input(node));
    assert!(structured.is_some_and(|i| i.attributes == [Attribute::Symmetric]));
    assert_eq!(a.variables[1].structured, None);
    let plain = run(text, &Options::default()).unwrap_or_else(|d| panic!("{d:?}"));
    assert_eq!(plain.variables[0].structured, None);
}

#[test]
fn targets_and_queries() {
    let text = "x in R^n; a = x'*x; b = norm(x); check a wrt x is 2*x; f(s) = s'*s; diff f wrt s";
    let of = |name| run(text, &Options { wrt: &[], of: name }).map(|a| a.target_name.map(|n| n.to_string()));
    assert_eq!(of(Some("a")), Ok(Some("a".into())));
    assert_eq!(of(Some("f")), Ok(Some("f".into())));
    assert!(of(Some("c")).is_err());
    let a = run(text, &Options::default()).unwrap_or_else(|d| panic!("{d:?}"));
    assert_eq!(a.queries.len(), 2);
    assert_eq!(a.queries[0].kind, QueryKind::Check);
    assert_eq!(a.definitions.len(), 2);
    assert_eq!(a.queries[1].function.shape, Shape::Scalar);
    assert_eq!(a.assumptions, ["s in R^m"]);
    assert_eq!(a.target_name.as_deref(), Some("b"));
    check("f(s) = s'*s; g(s, r) = s*r", "ambiguous-names");
    let f = run("f(s) = s'*s; g(s, r) = s*r", &Options { wrt: &[], of: Some("f") });
    assert!(f.is_ok_and(|a| a.target.shape == Shape::Scalar));
    check("x in R^n; x[3] + x[n-1]", "1 x 1");
}

#[test]
fn large_inputs() {
    let many = 50_000;
    declared(&format!("x{}", " + x".repeat(many)), "n x 1");
    declared(&format!("{}x", "x + ".repeat(many)), "n x 1");
    declared(&format!("{}a{}", "sin(".repeat(many), ")".repeat(many)), "1 x 1");
    declared(&format!("{}x{}", "(x - ".repeat(many), ")".repeat(many)), "n x 1");
    declared(&format!("S{}", "*S".repeat(2000)), "n x n");
    declared(&format!("{}x", "S*".repeat(2000)), "n x 1");
    declared(&format!("x{}", "'".repeat(many)), "n x 1");
    declared(&format!("{}a", "-".repeat(many)), "1 x 1");
    declared(&format!("[{}1]", "1, ".repeat(many)), "50001 x 1");
    declared(&format!("x[{}1]", "1 + ".repeat(100)), "1 x 1");
    let doubling: String = (1..40).map(|k| format!("f{k}(s) = f{}(s) + f{}(2*s); ", k - 1, k - 1)).collect();
    declared(&format!("f0(s) = s; {doubling} f39(a)"), "limit");
}

#[test]
fn corpus_cases_have_their_shapes() {
    // the shape of the function follows from the shape of its derivative in the corpus; here only that all are read
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/corpus");
    let mut count = 0;
    for file in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(text) = std::fs::read_to_string(file.path()) else { continue };
        for line in text.lines() {
            let field = |name: &str| string_field(line, name);
            let id = field("id").unwrap_or_default();
            let body = field("script").or_else(|| field("expr")).unwrap_or_default();
            let script = format!("{}\n{body}", strings_field(line, "declare").join("\n"));
            let wrt = field("wrt").unwrap_or_default();
            let result = run(&script, &Options { wrt: &[&wrt], of: field("target").as_deref() });
            let a = result.unwrap_or_else(|d| panic!("{id}: {script}: {d:?}"));
            assert!(a.assumptions.is_empty(), "{id}");
            assert_eq!(a.graph.axes(a.target.node), &a.target.shape.axes(), "{id}");
            count += 1;
        }
    }
    assert!(count >= 355, "{count} cases");
}

/// A string of a JSON object in one line.
fn string_field(line: &str, name: &str) -> Option<String> {
    let at = line.find(&format!("\"{name}\": \""))?;
    Some(json_string(&line[at + name.len() + 5..]).0)
}

fn strings_field(line: &str, name: &str) -> Vec<String> {
    let Some(at) = line.find(&format!("\"{name}\": [")) else { return Vec::new() };
    let mut rest = &line[at + name.len() + 5..];
    let mut out = Vec::new();
    while let Some(inner) = rest.strip_prefix('"') {
        let (text, length) = json_string(inner);
        out.push(text);
        rest = inner[length..].trim_start_matches([',', ' ']);
    }
    out
}

/// The string up to the closing quote, and how many bytes it took.
fn json_string(text: &str) -> (String, usize) {
    let mut out = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (out, at + 1),
            '\\' => match chars.next() {
                Some((_, 'n')) => out.push('\n'),
                Some((_, 'u')) => {
                    let code: String = chars.by_ref().take(4).map(|(_, c)| c).collect();
                    out.extend(u32::from_str_radix(&code, 16).ok().and_then(char::from_u32));
                }
                Some((_, other)) => out.push(other),
                None => break,
            },
            _ => out.push(c),
        }
    }
    (out, text.len())
}
