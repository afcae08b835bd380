//! Text out is text in.

use matgrad_syntax::{BinaryOp, ExprKind, Rational, StatementKind, Subscript, parse};

use super::*;

const DECLARED: &str = "f, u, v : R^2 -> R\nr : R -> R^3\n";

fn last_expression(source: &str) -> (Ast, ExprId) {
    let source = format!("{DECLARED}{source}");
    let parsed = parse(&source);
    assert!(parsed.is_ok(), "{source}: {:?}", parsed.diagnostics);
    match parsed.script.statements.last().map(|statement| &statement.kind) {
        Some(StatementKind::Expression(id)) => (parsed.script.ast, *id),
        Some(StatementKind::Definition { body, .. }) => (parsed.script.ast, *body),
        other => panic!("{source}: {other:?}"),
    }
}

/// What a tree means, up to the association of sums and products of entries, and the place of signs.
fn meaning(ast: &Ast, root: ExprId) -> String {
    let mut meanings: Vec<String> = Vec::new();
    for id in 0..=root.0 {
        let get = |id: &ExprId| meanings[id.0 as usize].clone();
        let negated = |text: String| match text.strip_prefix('-') {
            Some(rest) => rest.to_owned(),
            None => format!("-{text}"),
        };
        let sum = |text: String| text.strip_prefix("sum{").and_then(|t| t.strip_suffix('}')).map(str::to_owned);
        let text = match ast.kind(ExprId(id)) {
            ExprKind::Number(value) if value.is_negative() => format!("-{}", value.abs()),
            ExprKind::Number(value) => value.to_string(),
            ExprKind::Name(name) => name.to_string(),
            ExprKind::Neg(a) => negated(get(a)),
            ExprKind::Transpose(a) => format!("t({})", get(a)),
            ExprKind::Binary(op @ (BinaryOp::Add | BinaryOp::Sub), a, b) => {
                let left = sum(get(a)).unwrap_or(format!("+{}", get(a)).replace("+-", "-"));
                let right = if *op == BinaryOp::Add { get(b) } else { negated(get(b)) };
                let right = sum(right.clone()).unwrap_or(format!("+{right}"));
                format!("sum{{{left} {}}}", right.replace("+-", "-"))
            }
            ExprKind::Binary(op, a, b) => {
                let (left, right) = (get(a), get(b));
                if let (BinaryOp::Div, Ok(n), Ok(d)) = (op, left.parse::<i64>(), right.parse::<i64>()) {
                    meanings.push(Rational::new(n, d).to_string());
                    continue;
                }
                let signed = matches!(
                    op,
                    BinaryOp::Mul
                        | BinaryOp::Div
                        | BinaryOp::Hadamard
                        | BinaryOp::ElemDiv
                        | BinaryOp::Solve
                        | BinaryOp::Kron
                );
                match left.strip_prefix('-') {
                    Some(left) if *op == BinaryOp::Hadamard => format!("-{left} .* {right}"),
                    Some(left) if signed => format!("-{op:?}({left}, {right})"),
                    _ if *op == BinaryOp::Hadamard => format!("{left} .* {right}"),
                    _ => format!("{op:?}({left}, {right})"),
                }
            }
            ExprKind::Call { function, derivative, args, .. } if &**function == "kron" && derivative.is_empty() => {
                let (left, right) = (get(&args[0]), get(&args[1]));
                match left.strip_prefix('-') {
                    Some(left) => format!("-Kron({left}, {right})"),
                    None => format!("Kron({left}, {right})"),
                }
            }
            ExprKind::Call { function, derivative, args, .. } => {
                format!("{function}{derivative:?}({:?})", args.iter().map(get).collect::<Vec<_>>())
            }
            ExprKind::Index(base, subscripts) => {
                let subscripts: Vec<String> = subscripts
                    .iter()
                    .map(|subscript| match subscript {
                        Subscript::All => ":".to_owned(),
                        Subscript::At(a) => get(a),
                        Subscript::Range(a, b) => format!("{}:{}", get(a), get(b)),
                    })
                    .collect();
                format!("{}{subscripts:?}", get(base))
            }
            ExprKind::Column(entries) => format!("{:?}", entries.iter().map(get).collect::<Vec<_>>()),
            ExprKind::Rows(rows) => {
                format!("{:?}", rows.iter().map(|row| row.iter().map(get).collect::<Vec<_>>()).collect::<Vec<_>>())
            }
            ExprKind::Reduce { op, indices, condition, body } => {
                let indices: Vec<String> =
                    indices.iter().map(|index| format!("{}:{:?}", index.name, index.range.as_ref().map(get))).collect();
                format!("{}{indices:?}{:?}({})", op.name(), condition.as_ref().map(get), get(body))
            }
        };
        meanings.push(text);
    }
    meanings.pop().unwrap_or_default()
}

fn check_round_trip(ast: &Ast, root: ExprId) {
    let wanted = meaning(ast, root);
    for options in [TextOptions::ASCII, TextOptions::UNICODE] {
        let written = text(ast, root, options);
        let (back, id) = last_expression(&written);
        assert_eq!(meaning(&back, id), wanted, "{written}");
        // what was read once is written the same for ever
        let again = text(&back, id, options);
        let (once_more, id) = last_expression(&again);
        assert_eq!(text(&once_more, id, options), again, "{written}");
    }
}

/// What an expression is written as in ASCII and in Unicode.
fn check(source: &str, ascii: &str, unicode: &str) {
    let (ast, root) = last_expression(source);
    assert_eq!(text(&ast, root, TextOptions::ASCII), ascii);
    assert_eq!(text(&ast, root, TextOptions::UNICODE), unicode);
    check_round_trip(&ast, root);
}

#[test]
fn brackets_only_where_needed() {
    check("((-2))*((y - (Phi*theta))')*Phi", "-2*(y - Phi*theta)'*Phi", "-2*(y - Φ*θ)ᵀ*Φ");
    check("(a*b)*c + (d - (e - g))", "a*b*c + d - (e - g)", "a*b*c + d - (e - g)");
    check("a*(b*c)", "a*(b*c)", "a*(b*c)");
    check("(A .* B) .* (C .* D)", "A .* B .* C .* D", "A ⊙ B ⊙ C ⊙ D");
    check("2*(A .* B)", "2*(A .* B)", "2*(A ⊙ B)");
    check("(x^2)'", "(x^2)'", "x²ᵀ");
    check("(-x)^2", "(-x)^2", "(-x)²");
    check("-(x^2)", "-x^2", "-x²");
    check("(a + b)/(c*d)", "(a + b)/(c*d)", "(a + b)/(c*d)");
    check("(2^x)^y", "(2^x)^y", "(2^x)^y");
    check("2^(x^y)", "2^x^y", "2^x^y");
    check("A : (B + C)", "A : B + C", "A : B + C");
    check("[a, (b + c); d, [e, g]]", "[a, b + c; d, [e, g]]", "[a, b + c; d, [e, g]]");
    check("(A : B)*c", "(A : B)*c", "(A : B)*c");
    check("X[i+1, 1:(n-1)]", "X[i + 1,1:n - 1]", "X[i + 1,1:n - 1]");
}

#[test]
fn signs_go_into_sums() {
    check("a + (-b)", "a - b", "a - b");
    check("a + (-b)*c - (-d)", "a - b*c + d", "a - b*c + d");
    check("a - (-2)*x", "a + 2*x", "a + 2*x");
    check("-(a*b)", "-a*b", "-a*b");
    check("-(a + b)", "-(a + b)", "-(a + b)");
    check("a - (-(b + c))", "a + (b + c)", "a + (b + c)");
    check("a + ((-b) + c - d)", "a - b + c - d", "a - b + c - d");
    check("a*(-b)", "a*(-b)", "a*(-b)");
    check("-(-a)", "a", "a");
    check("[-a, -(b*c)]", "[-a, -b*c]", "[-a, -b*c]");
    check("-(X^-T ⊗ X^-1)", "-kron(X^-T, X^-1)", "-X⁻ᵀ ⊗ X⁻¹");
}

#[test]
fn powers_and_transposes() {
    check("X^-1*A*(X^-1)'", "X^-1*A*X^-T", "X⁻¹*A*X⁻ᵀ");
    check("(X^-1)^2", "(X^-1)^2", "(X⁻¹)²");
    check("x.^2 + x.^-1 + x.^p", "x.^2 + x.^-1 + x.^p", "x.^2 + x.^-1 + x.^p");
    check("x^(1/2) + x^(-1/2) + x^0.5", "x^(1/2) + x^(-1/2) + x^0.5", "x^(1/2) + x^(-1/2) + x^0.5");
    check("x^-p", "x^-p", "x^-p");
    check("x^(T)", "x^(T)", "x^(T)");
    check("x^(-T)", "x^(-T)", "x^(-T)");
    check("X''", "X''", "Xᵀᵀ");
    check("X'^2", "X'^2", "Xᵀ²");
    check("X^-T[:,1]", "X^-T[:,1]", "X⁻ᵀ[:,1]");
    check("(x^y)[1]", "(x^y)[1]", "(x^y)[1]");
    check("x^12", "x^12", "x¹²");
}

#[test]
fn numbers_stay_exact() {
    check("0.5*x", "0.5*x", "0.5*x");
    check("x/2", "x/2", "x/2");
    check("1/3*x", "1/3*x", "1/3*x");
    check("2.^x ./ 1.5", "2.^x ./ 1.5", "2.^x ./ 1.5");
    let mut ast = Ast::new();
    let third = ast.add(ExprKind::Number(Rational::new(-1, 3)));
    let x = ast.add(ExprKind::Name("x".into()));
    let left = ast.add(ExprKind::Binary(BinaryOp::Mul, third, x));
    let right = ast.add(ExprKind::Binary(BinaryOp::Mul, x, third));
    let sum = ast.add(ExprKind::Binary(BinaryOp::Add, left, right));
    let sum = ast.add(ExprKind::Binary(BinaryOp::Add, sum, left));
    assert_eq!(text(&ast, sum, TextOptions::ASCII), "-1/3*x + x*(-1/3) - 1/3*x");
    check_round_trip(&ast, sum);
}

#[test]
fn calls_and_indices() {
    check(
        "f_1'(u(x, y), v(x, y))*u_2'(x, y)",
        "f_1'(u(x, y), v(x, y))*u_2'(x, y)",
        "f_1'(u(x, y), v(x, y))*u_2'(x, y)",
    );
    check("r'(t) + r''(t)", "r'(t) + r''(t)", "r'(t) + r''(t)");
    check("f_12'(x, y)", "f_12'(x, y)", "f_12'(x, y)");
    check("sum[i,j; i < j](x[i]*x[j])", "sum[i,j; i < j](x[i]*x[j])", "sum[i,j; i < j](x[i]*x[j])");
    check("sum[i:n, k](θ[i])^2", "sum[i:n,k](theta[i])^2", "sum[i:n,k](θ[i])²");
    check("delta[j,p]*R[i,q]", "delta[j,p]*R[i,q]", "δ[j,p]*R[i,q]");
    check("where(x >= 0, x, 0)", "where(x >= 0, x, 0)", "where(x ≥ 0, x, 0)");
    check("gamma(x) + gamma", "gamma(x) + gamma", "gamma(x) + γ");
    check("(A ⊗ B) ⊗ C", "kron(kron(A, B), C)", "A ⊗ B ⊗ C");
    check("A ⊗ (B*C)", "kron(A, B*C)", "A ⊗ (B*C)");
    check("[u, v;]", "[u, v;]", "[u, v;]");
    check("exp(A : B)", "exp(A : B)", "exp(A : B)");
}

#[test]
fn statements() {
    for (source, ascii, unicode) in [
        ("A,B in R^(m x n+1) symmetric pd", "A, B in R^(m x n+1) symmetric pd", "A, B ∈ ℝ^(m × n+1) symmetric pd"),
        ("λ in R", "lambda in R", "λ ∈ ℝ"),
        ("x in R^(3)", "x in R^3", "x ∈ ℝ^3"),
        ("x in R^(2 * n)", "x in R^(2*n)", "x ∈ ℝ^(2*n)"),
        ("f : R^2 -> R", "f : R^2 -> R", "f : ℝ^2 → ℝ"),
        ("G[i:m, j:n - 1] = (a)", "G[i:m,j:n-1] = a", "G[i:m,j:n-1] = a"),
        ("g(s,t) = s*t", "g(s, t) = s*t", "g(s, t) = s*t"),
        ("directional F wrt X along (U)", "directional F wrt X along U", "directional F wrt X along U"),
        ("check F wrt X is 2*X'", "check F wrt X is 2*X'", "check F wrt X is 2*Xᵀ"),
        ("diff F wrt X, theta", "diff F wrt X, theta", "diff F wrt X, θ"),
        ("(a == b)", "(a == b)", "(a == b)"),
    ] {
        let script = parse(source).script;
        assert_eq!(statement_text(&script.ast, &script.statements[0].kind, TextOptions::ASCII), ascii);
        assert_eq!(statement_text(&script.ast, &script.statements[0].kind, TextOptions::UNICODE), unicode);
        for written in [ascii, unicode] {
            let again = parse(written);
            assert!(again.diagnostics.is_empty(), "{:?}", again.diagnostics);
            assert_eq!(statement_text(&again.script.ast, &again.script.statements[0].kind, TextOptions::ASCII), ascii);
        }
    }
}

/// All strings of a corpus that hold text of the language.
fn corpus_texts() -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/corpus");
    let mut texts = Vec::new();
    for file in ["texts.jsonl", "wikipedia.jsonl", "cookbook_even.jsonl"] {
        let lines = std::fs::read_to_string(format!("{folder}/{file}")).unwrap();
        for case in lines.lines() {
            let value: serde_json::Value = serde_json::from_str(case).unwrap();
            let declared: Vec<&str> = value["declare"].as_array().unwrap().iter().filter_map(|d| d.as_str()).collect();
            let script = value["script"].as_str().unwrap_or("");
            for formula in [value["expr"].as_str(), value["expected"].as_str()].into_iter().flatten() {
                texts.push(format!("{}\n{script}\n{formula}", declared.join("\n")));
            }
        }
    }
    texts
}

#[test]
fn the_corpora_round_trip() {
    let texts = corpus_texts();
    assert!(texts.len() > 600);
    for source in texts {
        let parsed = parse(&source);
        assert!(parsed.diagnostics.is_empty(), "{source}: {:?}", parsed.diagnostics);
        for options in [TextOptions::ASCII, TextOptions::UNICODE] {
            let written: Vec<String> = parsed
                .script
                .statements
                .iter()
                .map(|statement| statement_text(&parsed.script.ast, &statement.kind, options))
                .collect();
            let again = parse(&written.join("\n"));
            assert!(again.diagnostics.is_empty(), "{written:?}: {:?}", again.diagnostics);
            for (before, after) in parsed.script.statements.iter().zip(&again.script.statements) {
                if let (StatementKind::Expression(a), StatementKind::Expression(b)) = (&before.kind, &after.kind) {
                    assert_eq!(meaning(&parsed.script.ast, *a), meaning(&again.script.ast, *b), "{source}");
                }
            }
        }
    }
}

#[test]
fn random_trees_round_trip() {
    let mut state = 1u64;
    let mut below = |n: usize| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as usize % n
    };
    use BinaryOp::*;
    let ops = [Add, Sub, Mul, Hadamard, Div, ElemDiv, Solve, Kron, Inner, Pow, ElemPow, Less];
    for _ in 0..5000 {
        let mut ast = Ast::new();
        let mut open: Vec<ExprId> = Vec::new();
        for name in ["x", "T", "theta", "X"] {
            open.push(ast.add(ExprKind::Name(name.into())));
        }
        for (n, d) in [(2, 1), (-1, 1), (1, 3), (-5, 2)] {
            open.push(ast.add(ExprKind::Number(Rational::new(n, d))));
        }
        for _ in 0..12 {
            let (a, b) = (open[below(open.len())], open[below(open.len())]);
            let kind = match below(16) {
                0 => ExprKind::Neg(a),
                1 => ExprKind::Transpose(a),
                2 => ExprKind::Column(vec![a, b]),
                3 => ExprKind::Index(a, vec![Subscript::At(b), Subscript::All]),
                at => ExprKind::Binary(ops[(at - 4) % ops.len()], a, b),
            };
            open.push(ast.add(kind));
        }
        let root = ast.len() as u32 - 1;
        let literal_exponents = (0..=root).any(|id| {
            // the sign of a literal exponent belongs to the number, and transposing a literal exponent warns
            matches!(ast.kind(ExprId(id)), ExprKind::Binary(Pow | ElemPow, _, exponent)
                if matches!(ast.kind(*exponent), ExprKind::Neg(_) | ExprKind::Transpose(_)))
        });
        if !literal_exponents {
            check_round_trip(&ast, ExprId(root));
        }
    }
}

#[test]
fn deep_trees_are_written() {
    let n = 100_000;
    for source in [
        format!("{}x{}", "sin(".repeat(n), ")".repeat(n)),
        format!("x{}", "'".repeat(n)),
        format!("x{}", " + x".repeat(n)),
        format!("{}x{}", "x - (".repeat(n), ")".repeat(n)),
        format!("x{}", ".*x".repeat(n)),
        format!("x{}", "^x".repeat(n)),
    ] {
        let (ast, root) = last_expression(&source);
        let written = text(&ast, root, TextOptions::ASCII);
        assert!(parse(&written).is_ok() && written.len() > n);
    }
    let (ast, root) = last_expression(&format!("{}x", "-".repeat(n)));
    assert_eq!(text(&ast, root, TextOptions::ASCII), "x");
    let mut ast = Ast::new();
    let mut node = ast.add(ExprKind::Name("x".into()));
    for _ in 0..200 {
        node = ast.add(ExprKind::Binary(BinaryOp::Mul, node, node));
    }
    let limited = text(&ast, node, TextOptions { max_bytes: 1000, ..TextOptions::ASCII });
    assert!(limited.ends_with('…') && limited.len() < 1100);
}
