//! The grammar by example: input and tree, input and message.

use super::*;
use crate::{Equation, ExprId, ExprKind, ImplicitRule, Parameters, StatementKind, Subscript};

/// The tree in prefix form.
fn show(ast: &Ast, id: ExprId) -> String {
    let list = |ids: &[ExprId]| ids.iter().map(|id| show(ast, *id)).collect::<Vec<_>>().join(" ");
    match ast.kind(id) {
        ExprKind::Number(value) => value.to_string(),
        ExprKind::Name(name) => name.to_string(),
        ExprKind::Neg(a) => format!("(neg {})", show(ast, *a)),
        ExprKind::Transpose(a) => format!("(t {})", show(ast, *a)),
        ExprKind::Binary(op, a, b) => format!("({op:?} {} {})", show(ast, *a), show(ast, *b)),
        ExprKind::Call { function, derivative, args, .. } if derivative.is_empty() => {
            format!("({function}: {})", list(args))
        }
        ExprKind::Call { function, derivative, args, .. } => format!("({function}{derivative:?}: {})", list(args)),
        ExprKind::Index(base, subscripts) => {
            let subscripts: Vec<String> = subscripts
                .iter()
                .map(|subscript| match subscript {
                    Subscript::All => ":".to_owned(),
                    Subscript::At(a) => show(ast, *a),
                    Subscript::Range(a, b) => format!("{}:{}", show(ast, *a), show(ast, *b)),
                })
                .collect();
            format!("(at {} {})", show(ast, *base), subscripts.join(" "))
        }
        ExprKind::Column(entries) => format!("[{}]", list(entries)),
        ExprKind::Rows(rows) => {
            format!("[{}]", rows.iter().map(|row| list(row) + ";").collect::<Vec<_>>().join(" "))
        }
        ExprKind::Reduce { op, indices, condition, body } => {
            let indices: Vec<String> = indices
                .iter()
                .map(|index| match index.range {
                    Some(range) => format!("{}:{}", index.name, show(ast, range)),
                    None => index.name.to_string(),
                })
                .collect();
            let condition = condition.map_or(String::new(), |condition| format!(" if {}", show(ast, condition)));
            format!("({}[{}]{condition} {})", op.name(), indices.join(","), show(ast, *body))
        }
    }
}

fn show_statement(script: &Script, statement: &Statement) -> String {
    let ast = &script.ast;
    let list = |ids: &[ExprId]| ids.iter().map(|id| show(ast, *id)).collect::<Vec<_>>().join(" x ");
    match &statement.kind {
        StatementKind::Declaration { names, shape, attributes } => {
            let names: Vec<&str> = names.iter().map(|ident| &*ident.name).collect();
            let attributes: String = attributes.iter().map(|(attribute, _)| format!(" {}", attribute.name())).collect();
            format!("{} in R^({}){attributes}", names.join(", "), list(shape))
        }
        StatementKind::Abstract { name, domain, codomain } => {
            format!("{} : R^({}) -> R^({})", name.name, list(domain), list(codomain))
        }
        StatementKind::Definition { name, parameters, body } => {
            let parameters = match parameters {
                Parameters::None => String::new(),
                Parameters::Function(names) => {
                    format!("({})", names.iter().map(|n| &*n.name).collect::<Vec<_>>().join(","))
                }
                Parameters::Index(indices) => {
                    let indices: Vec<String> = indices
                        .iter()
                        .map(|i| i.range.map_or(i.name.to_string(), |r| format!("{}:{}", i.name, show(ast, r))))
                        .collect();
                    format!("[{}]", indices.join(","))
                }
            };
            format!("{}{parameters} = {}", name.name, show(ast, *body))
        }
        StatementKind::Query { kind, inner, function, wrt, argument, order } => {
            let wrt: Vec<&str> = wrt.iter().map(|ident| &*ident.name).collect();
            let argument = argument.map_or(String::new(), |argument| format!(" with {}", show(ast, argument)));
            let order = order.map_or(String::new(), |order| format!(" order {order}"));
            let verbs: Vec<&str> = std::iter::once(kind).chain(inner).map(|kind| kind.name()).collect();
            format!("{} {} wrt {}{argument}{order}", verbs.join(" "), show(ast, *function), wrt.join(","))
        }
        StatementKind::Implicit { name, rule } => match rule {
            ImplicitRule::Equation { left, right } => {
                format!("{} by {} = {}", name.name, show(ast, *left), show(ast, *right))
            }
            ImplicitRule::Extremum { minimum, bound, objective } => {
                format!("{} extremum({minimum}) by {} of {}", name.name, bound.name, show(ast, *objective))
            }
        },
        StatementKind::Assume { left, right } => format!("assume {} = {}", show(ast, *left), show(ast, *right)),
        StatementKind::Solve { equations, unknowns } => {
            let equations = equations.iter().map(|equation| match equation {
                Equation::Gradient { function, right } => {
                    format!("grad {} = {}", show(ast, *function), show(ast, *right))
                }
                Equation::Equal { left, right } => format!("{} = {}", show(ast, *left), show(ast, *right)),
            });
            let unknowns: Vec<&str> = unknowns.iter().map(|ident| &*ident.name).collect();
            format!("solve {} for {}", equations.collect::<Vec<_>>().join(" and "), unknowns.join(","))
        }
        StatementKind::Expression(id) => show(ast, *id),
    }
}

fn check(source: &str, expected: &str) {
    let parsed = parse(source);
    let shown: Vec<String> =
        parsed.script.statements.iter().map(|statement| show_statement(&parsed.script, statement)).collect();
    assert_eq!(shown.join(" | "), expected, "{source}");
    assert!(parsed.diagnostics.is_empty(), "{source}: {:?}", parsed.diagnostics);
    for id in 0..parsed.script.ast.len() as u32 {
        parsed.script.ast.for_each_child(ExprId(id), |child| assert!(child.0 < id));
    }
}

/// Each error as `message @ text of its span; help`.
fn check_errors(source: &str, expected: &[&str]) {
    let found: Vec<String> = parse(source)
        .diagnostics
        .iter()
        .map(|diagnostic| {
            let help = diagnostic.help.first().map_or(String::new(), |help| format!("; {help}"));
            format!("{} @ {}{help}", diagnostic.message, diagnostic.span.text(source))
        })
        .collect();
    assert_eq!(found, expected, "{source}");
}

#[test]
fn precedence() {
    check("a + b*c", "(Add a (Mul b c))");
    check("-x^2", "(neg (Pow x 2))");
    check("-x*y", "(Mul (neg x) y)");
    check("-2*Phi'*y", "(Mul (Mul (neg 2) (t Phi)) y)");
    check("a - -b", "(Sub a (neg b))");
    check("a*-b*c", "(Mul (Mul a (neg b)) c)");
    check("x.^p.^q", "(ElemPow x (ElemPow p q))");
    check("2^-x^2", "(Pow 2 (neg (Pow x 2)))");
    check("2^-1*x", "(Mul (Pow 2 -1) x)");
    check("x.^-2", "(ElemPow x -2)");
    check("x^(-1/2)", "(Pow x (Div (neg 1) 2))");
    check("A : B + C", "(Inner A (Add B C))");
    check("A : B > 0", "(Greater (Inner A B) 0)");
    check("A\\b*c", "(Mul (Solve A b) c)");
    check("A ⊗ B*C", "(Mul (Kron A B) C)");
    check("A .* B ⊙ C ./ D", "(ElemDiv (Hadamard (Hadamard A B) C) D)");
    check("+x - y", "(Sub x y)");
}

#[test]
fn postfix() {
    check("x'*A*x", "(Mul (Mul (t x) A) x)");
    check("x''", "(t (t x))");
    check("X^T*Xᵀ*X.'", "(Mul (Mul (t X) (t X)) (t X))");
    check("X^-1", "(Pow X -1)");
    check("X^-1'", "(t (Pow X -1))");
    check("X^-T[:,1]", "(at (t (Pow X -1)) : 1)");
    check("X^-T*y", "(Mul (t (Pow X -1)) y)");
    check("x^-1^2", "(Pow (Pow x -1) 2)");
    check("x^-2^2", "(Pow x (neg (Pow 2 2)))");
    check("x^-1.5", "(Pow x -3/2)");
    check("x²", "(Pow x 2)");
    check("X⁻¹ᵀ + X⁻ᵀ", "(Add (t (Pow X -1)) (t (Pow X -1)))");
    check("Aᵏ*A^ᵀ", "(Mul (Pow A k) (t A))");
    check("(X^2)'", "(t (Pow X 2))");
    check("exp(X[i,:]')[k]", "(at (exp: (t (at X i :))) k)");
}

#[test]
fn products_by_white_space() {
    check("x' A x", "(Mul (Mul (t x) A) x)");
    check("2 x", "(Mul 2 x)");
    check("[a -b]", "[(Sub a b)]");
    check("[a b, c]", "[(Mul a b) c]");
    check("a (b + c)", "(Mul a (Add b c))");
    check("A [1, 2]", "(Mul A [1 2])");
    check("sin (x)", "(sin: x)");
    check("gamma in R\ngamma (x)", "gamma in R^() | (Mul gamma x)");
    check("g(t) = t^2\ng (x)", "g(t) = (Pow t 2) | (g: x)");
    check("h(g) = g (1 + g)", "h(g) = (Mul g (Add 1 g))");
    check("2 x^2 y", "(Mul (Mul 2 (Pow x 2)) y)");
}

#[test]
fn numbers() {
    check("1./x", "(ElemDiv 1 x)");
    check("1.*x", "(Hadamard 1 x)");
    check("1e-3 + .5 + 2.", "(Add (Add 1/1000 1/2) 2)");
    check("0.1", "1/10");
}

#[test]
fn greek() {
    check("λ*lambda*\\lambda", "(Mul (Mul lambda lambda) lambda)");
    check("A\\lambda", "(Solve A lambda)");
    check("\\Sigma^-1 - Σ", "(Sub (Pow Sigma -1) Sigma)");
    check("x·y − z", "(Sub (Mul x y) z)");
}

#[test]
fn brackets() {
    check("[a, b; c, d]", "[a b; c d;]");
    check("[u; v]", "[u; v;]");
    check("[a, b,\n c]", "[a b c]");
    check("[1, 2;]", "[1 2;]");
    check("[[a, b], [c, d]]", "[[a b] [c d]]");
    check("x[2:n]", "(at x 2:n)");
    check("X[i,:]", "(at X i :)");
    check("T[:,:,k]", "(at T : : k)");
    check("T[:,1:2,:]", "(at T : 1:2 :)");
    check("u[i+1]", "(at u (Add i 1))");
    check("x[n-1:n]", "(at x (Sub n 1):n)");
    check("exp(A : B)", "(exp: (Inner A B))");
    check("where(x > 0, a, b)", "(where: (Greater x 0) a b)");
    check("max(X, 1.0) + max(X, 1)", "(Add (max: X 1) (max: X 1))");
}

#[test]
fn index_forms() {
    check("sum[i,j; i < j](x[i]*x[j])", "(sum[i,j] if (Less i j) (Mul (at x i) (at x j)))");
    check("sum[i:n](x[i])", "(sum[i:n] (at x i))");
    check("sum[i:n-1, j](u[i+1])", "(sum[i:(Sub n 1),j] (at u (Add i 1)))");
    check("sum[i:n; i != 2](x[i])", "(sum[i:n] if (NotEqual i 2) (at x i))");
    check("∑[i](x[i])^2", "(Pow (sum[i] (at x i)) 2)");
    check("logsumexp[k](sum[i](X[i,k]))", "(logsumexp[k] (sum[i] (at X i k)))");
    check("max[i](x[i]) + max(x)", "(Add (max[i] (at x i)) (max: x))");
    check("delta[i,j]*eps[i,j,k]", "(Mul (at delta i j) (at eps i j k))");
    check("K[p,q] = sum[m](R[m,p]*R[m,q])", "K[p,q] = (sum[m] (Mul (at R m p) (at R m q)))");
    check("G[i:m,j:n+1] = 0", "G[i:m,j:(Add n 1)] = 0");
    check("max = 2\nmax[1]", "max = 2 | (at max 1)");
}

#[test]
fn declarations() {
    check("A, B in R^(m x n) symmetric", "A, B in R^(m x n) symmetric");
    check("c in R", "c in R^()");
    check("x in R^3 positive", "x in R^(3) positive");
    check("x in R^(n+1)", "x in R^((Add n 1))");
    check("T in R^(m x n x p)", "T in R^(m x n x p)");
    check("x in R^(x x n)", "x in R^(x x n)");
    check("A ∈ ℝ^{m×n}; B ∈ ℝᵐˣ²", "A in R^(m x n) | B in R^(m x 2)");
    check(
        "A in R^(2x3); B in R^2x3; C in R^(mxn); D in R^(nx3)",
        "A in R^(2 x 3) | B in R^(2 x 3) | C in R^(m x n) | D in R^(n x 3)",
    );
    check("A in R^(n*(n+1) x 2 m) pd", "A in R^((Mul n (Add n 1)) x (Mul 2 m)) pd");
    check(
        "A in R^(n x n) symmetric, pd, x, y in R^n, c in R",
        "A in R^(n x n) symmetric pd | x, y in R^(n) | c in R^()",
    );
    check("λ, \\mu in R", "lambda, mu in R^()");
    check("f : R^2 -> R", "f : R^(2) -> R^()");
    check("r, u : R → R^3", "r : R^() -> R^(3) | u : R^() -> R^(3)");
}

#[test]
fn abstract_functions() {
    check("r : R -> R^3\nr'(t) + r''(t)", "r : R^() -> R^(3) | (Add (r[0]: t) (r[0, 0]: t))");
    check("f_12'(u, v)*f_1'(u, v); f : R^2 -> R", "(Mul (f[1, 2]: u v) (f[1]: u v)) | f : R^(2) -> R^()");
    check("f : R^2 -> R\nf (u, v)", "f : R^(2) -> R^() | (f: u v)");
    check("f_1 : R -> R\nf_1'(t)", "f_1 : R^() -> R^() | (f_1[0]: t)");
    check("f : R^20 -> R\nf_1_12'(x)", "f : R^(20) -> R^() | (f[1, 12]: x)");
    check("f₁'(u, v)\nf : R^2 -> R", "(f[1]: u v) | f : R^(2) -> R^()");
    check("r : R -> R^3\nr(t)'", "r : R^() -> R^(3) | (t (r: t))");
    check("x' (a + b)", "(Mul (t x) (Add a b))");
}

#[test]
fn statements() {
    check("# a comment\n\nL = norm(e)^2 # and more\ndiff L wrt theta", "L = (Pow (norm: e) 2) | diff L wrt theta");
    check("g(u, v) = u*v; g(1, 2)", "g(u,v) = (Mul u v) | (g: 1 2)");
    check("hessian x'*A*x wrt x", "hessian (Mul (Mul (t x) A) x) wrt x");
    check("diff a*b wrt a, \\beta", "diff (Mul a b) wrt a,beta");
    check("directional F wrt X along U + V", "directional F wrt X with (Add U V)");
    check("linearize F wrt X at X0", "linearize F wrt X with X0");
    check("div curl F*x wrt x", "div curl (Mul F x) wrt x");
    check("laplacian norm(x) wrt x", "laplacian (norm: x) wrt x");
    check("diff x'*x wrt x order 2", "diff (Mul (t x) x) wrt x order 2");
    check("taylor exp(x) wrt x at a order 3", "taylor (exp: x) wrt x with a order 3");
    check("pushforward exp(x) along A*x wrt x", "pushforward (Mul A x) wrt x with (exp: x)");
    check("check x'*x wrt x is 2*x'", "check (Mul (t x) x) wrt x with (Mul 2 (t x))");
    check("diff = 2\ndiff*x", "diff = 2 | (Mul diff x)");
    check("x = 1;; y = 2;\r\n", "x = 1 | y = 2");
    check("", "");
}

#[test]
fn messages() {
    check_errors("a + * b", &["expected an expression after `+`, found `*` @ *"]);
    check_errors("a**b", &["expected an expression after `*`, found `*` @ *; a power is written `^`"]);
    check_errors("a +", &["expected an expression after `+`, found the end @ "]);
    check_errors("(a + b", &["`(` is never closed @ (; add the missing `)`"]);
    check_errors(
        "f(a, [b, c)",
        &[
            "unknown function `f` @ f; an abstract function is declared first: `f : R -> R`",
            "`[` is never closed @ [; add the missing `]`",
        ],
    );
    check_errors("a + b)", &["`)` closes nothing @ ); remove it, or add the bracket that it should close"]);
    check_errors("nrom(x)", &["unknown function `nrom` @ nrom; did you mean `norm`?"]);
    check_errors("ln(x)", &["unknown function `ln` @ ln; did you mean `log`?"]);
    check_errors(
        "x in R^n\nx(1)",
        &["`x` is a variable and cannot be called @ x; write `x*(…)` for a product, `x[…]` for an entry"],
    );
    check_errors("A in R^(n x n) symetric", &["unknown attribute `symetric` @ symetric; did you mean `symmetric`?"]);
    check_errors("A in R^n x n", &["a shape of two dimensions needs brackets @ x; write `R^(m x n)`"]);
    check_errors("L == a*b", &["`==` compares and defines nothing @ ==; a definition has one `=`: `L = …`"]);
    check_errors(
        "where(a = b, 1, 2)",
        &["expected an operator, `,` or `)`, found `=` @ =; a comparison is written `==`; a definition has one `=`"],
    );
    check_errors(
        "2x",
        &["expected an operator or the end, found `x` @ x; for a product write `2*x` or `2 x` with a space"],
    );
    check_errors("dot(x)", &["`dot` takes 2 arguments, found 1 @ dot(x); `dot`: inner product of two vectors"]);
    check_errors("g(t) = t\ng(1, 2)", &["`g` takes 1 argument, found 2 @ g(1, 2)"]);
    check_errors(
        "max(a, b, c)",
        &[
            "`max` takes 1 to 2 arguments, found 3 @ max(a, b, c); `max`: largest entry, along an axis with the literal 1 or 2; else the larger of two",
        ],
    );
    check_errors(
        "a + b = c",
        &[
            "expected a name before `=` @ a + b; a definition is `L = …`, `g(t) = …` or `K[i,j] = …`; a comparison is written `==`",
        ],
    );
    check_errors("diff F", &["expected `wrt` and a variable, found the end @ ; a query is `diff F wrt X`"]);
    check_errors(
        "check F wrt x",
        &["expected `is` and an expression, found the end @ ; the form is `check F wrt X is …`"],
    );
    check_errors("a < b < c", &["comparisons do not chain @ <; write a product of two comparisons: `(a < b)*(b < c)`"]);
    check_errors("sum[i]", &["expected `(` after the indices of `sum`, found the end @ ; the form is `sum[i](…)`"]);
    check_errors("sum[i,i](x[i])", &["`i` stands here twice @ i"]);
    check_errors(
        "[]",
        &["expected an expression, found `]` @ ]; a vector has at least one entry; `zeros(n)` is a vector of zeros"],
    );
    check_errors("X^2'", &["this transposes the exponent @ '; to transpose the power, put it in brackets: `(X^2)'`"]);
    check_errors("1e99999", &["this number has more than 4000 digits @ 1e99999"]);
}

#[test]
fn several_errors_in_one_run() {
    check_errors(
        "a = (1\nb = sni(x)\nc = 1 +\nd = x $ y + +\ne = 2",
        &[
            "`(` is never closed @ (; add the missing `)`",
            "unknown function `sni` @ sni; did you mean `sin`?",
            "expected an expression after `+`, found the end of the line @ ",
            "unexpected character `$` @ $",
        ],
    );
    let parsed = parse("a = (1\ne = 2");
    assert_eq!(parsed.script.statements.len(), 1);
}

#[test]
fn deep_and_long_input() {
    let n = 100_000;
    for source in [
        format!("{}x{}", "(".repeat(n), ")".repeat(n)),
        format!("{}x{}", "sin(".repeat(n), ")".repeat(n)),
        format!("{}x", "-".repeat(n)),
        format!("x{}", "'".repeat(n)),
        format!("x{}", " + x".repeat(n)),
        format!("x{}", "^x".repeat(n)),
        format!("{}x{}", "[".repeat(n), "]".repeat(n)),
        format!("x[{}1]", ":,".repeat(n)),
        format!("{}x", "x = 1\n".repeat(n)),
        format!("{}x{}", "sum[i](".repeat(n), ")".repeat(n)),
    ] {
        assert!(parse(&source).diagnostics.is_empty(), "{}", &source[..20]);
    }
    for source in ["(".repeat(n), "[(".repeat(n), ")".repeat(n), "f(\n".repeat(n), "a, ".repeat(n), "sum[i:".repeat(n)]
    {
        assert!(!parse(&source).is_ok());
    }
}

#[test]
fn nothing_panics() {
    let pieces = [
        "a", "1", "(", ")", "[", "]", ",", ";", ":", "'", "^", "-", "+", "*", "\\", "=", "==", "in", "R", "x", "sum",
        "{", "}", "->", "wrt", "diff", "T", "ᵀ", "²", "\n", " ", "<", ".", "∈", "f", "check", "is", "⊗", "$",
        "\u{301}",
    ];
    let mut state = 1u64;
    for _ in 0..20_000 {
        let mut source = String::new();
        for _ in 0..12 {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            source.push_str(pieces[(state >> 33) as usize % pieces.len()]);
        }
        let parsed = parse(&source);
        for diagnostic in &parsed.diagnostics {
            assert!(diagnostic.span.start <= diagnostic.span.end && diagnostic.span.end as usize <= source.len());
            assert!(source.get(diagnostic.span.start as usize..diagnostic.span.end as usize).is_some(), "{source:?}");
        }
    }
}

#[test]
fn implicit_definitions() {
    check("define z by z^2 + x = 0", "z by (Add (Pow z 2) x) = 0");
    check("define z by z == x", "z by z = x");
    for source in [
        "z = argmin[z] z^2",
        "z = argmin[z](z^2)",
        "z = argmin_z z^2",
        "z = argmin(z^2, z)",
        "z = argmin z^2 wrt z",
        "z = argmin(z^2)",
    ] {
        check(source, "z extremum(true) by z of (Pow z 2)");
    }
    check("z = argmax[w] -w", "z extremum(false) by w of (neg w)");
    check("solve grad L wrt theta = 0", "solve grad L = 0 for theta");
    check("solve A*X = B for X", "solve (Mul A X) = B for X");
    check("solve x + y = 1, x = y for x, y", "solve (Add x y) = 1 and x = y for x,y");
    check("assume (A*x)'*y = f", "assume (Mul (t (Mul A x)) y) = f");
    check("assume [1, 2]*x = c", "assume (Mul [1 2] x) = c");
    // names like any others
    check("solve = 1", "solve = 1");
    check("define = argmin + 1", "define = (Add argmin 1)");
}
