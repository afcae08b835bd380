//! Formulas as a textbook prints them.

use super::*;
use matgrad_syntax::{StatementKind, parse};

fn kind(name: &str) -> Kind {
    match name {
        "dX" | "dx" => Kind::Step,
        "a" | "b" | "x" | "y" | "u" | "v" | "r" => Kind::Vector,
        "c" | "s" | "f" | "g" | "p" | "i" | "j" | "n" | "m" | "t" => Kind::Scalar,
        _ => conventional_kind(name),
    }
}

fn check(source: &str, expected: &str) {
    let parsed = parse(&format!("f, h : R^2 -> R; r : R -> R^3\n{source}"));
    assert!(parsed.diagnostics.is_empty(), "{:?}", parsed.diagnostics);
    let Some(StatementKind::Expression(root)) = parsed.script.statements.last().map(|s| s.kind.clone()) else {
        panic!("{source}")
    };
    let shown = latex(&parsed.script.ast, root, &kind);
    assert_eq!(shown, expected, "{source}");
    assert_eq!(shown.matches('{').count(), shown.matches('}').count());
    assert_eq!(shown.matches("\\left").count(), shown.matches("\\right").count());
    let markup = Markup::expression(&parsed.script.ast, root, &kind);
    well_formed(&markup.write(Typesetting::Mathml));
    let typst = markup.write(Typesetting::Typst);
    assert_eq!(typst.matches('(').count(), typst.matches(')').count(), "{typst}");
    assert_eq!(typst.matches('"').count() % 2, 0, "{typst}");
}

/// Every element is closed, and those with a fixed number of parts have them.
fn well_formed(mathml: &str) {
    let mut open: Vec<(&str, usize)> = vec![("", 0)];
    for tag in mathml.split('<').skip(1).filter_map(|part| part.split_once('>')).map(|(tag, _)| tag) {
        if let Some(name) = tag.strip_prefix('/') {
            let (opened, parts) = open.pop().expect("an open element");
            assert_eq!(opened, name, "{mathml}");
            let wanted = match name {
                "msub" | "msup" | "munder" | "mover" | "mfrac" | "mroot" => Some(2),
                "msubsup" | "munderover" => Some(3),
                _ => None,
            };
            assert!(wanted.is_none_or(|wanted| wanted == parts), "{name} has {parts} parts: {mathml}");
            continue;
        }
        open.last_mut().expect("a parent").1 += 1;
        if !tag.ends_with('/') {
            open.push((tag.split(' ').next().unwrap_or(tag), 0));
        }
    }
    assert_eq!(open.len(), 1, "{mathml}");
}

fn check_both(source: &str, typst: &str, mathml: &str) {
    let script = parse(source).script;
    let Some(StatementKind::Expression(root)) = script.statements.last().map(|s| s.kind.clone()) else {
        panic!("{source}")
    };
    let markup = Markup::expression(&script.ast, root, &kind);
    assert_eq!(markup.write(Typesetting::Typst), typst, "{source}");
    let start = "<math xmlns=\"http://www.w3.org/1998/Math/MathML\" display=\"block\">";
    assert_eq!(markup.write(Typesetting::Mathml), format!("{start}{mathml}</math>"), "{source}");
}

#[test]
fn typst_and_mathml() {
    check_both(
        "-c/s*x_1'",
        "-frac(c, s) bold(x)_(1)^(top)",
        "<mo form=\"prefix\">−</mo><mfrac><mrow><mi>c</mi></mrow><mrow><mi>s</mi></mrow></mfrac><mo>&#x2062;</mo>\
         <msubsup><mi>𝐱</mi><mrow><mn>1</mn></mrow><mrow><mi>⊤</mi></mrow></msubsup>",
    );
    check_both(
        "sum[i:n](x[i]^2)",
        "sum_(i = 1)^(n) x_(i)^(2)",
        "<munderover><mo>∑</mo><mrow><mi>i</mi><mo>=</mo><mn>1</mn></mrow><mrow><mi>n</mi></mrow></munderover>\
         <msubsup><mi>x</mi><mrow><mi>i</mi></mrow><mrow><mn>2</mn></mrow></msubsup>",
    );
    check_both(
        "norm(x)^2",
        "norm(bold(x))_(2)^(2)",
        "<msubsup><mrow><mo form=\"prefix\" fence=\"true\" stretchy=\"true\">‖</mo><mi>𝐱</mi>\
         <mo form=\"postfix\" fence=\"true\" stretchy=\"true\">‖</mo></mrow><mrow><mn>2</mn></mrow>\
         <mrow><mn>2</mn></mrow></msubsup>",
    );
    check_both(
        "[c, s; 1, 2]",
        "mat(c, s; 1, 2)",
        "<mrow><mo>(</mo><mtable><mtr><mtd><mi>c</mi></mtd><mtd><mi>s</mi></mtd></mtr><mtr><mtd><mn>1</mn></mtd>\
         <mtd><mn>2</mn></mtd></mtr></mtable><mo>)</mo></mrow>",
    );
    check_both(
        "alpha_loss*tr(X)",
        "alpha_(upright(\"loss\")) op(\"tr\")(bold(X))",
        "<msub><mi>α</mi><mrow><mi>loss</mi></mrow></msub><mo>&#x2062;</mo><mi>tr</mi><mo>&#x2061;</mo>\
         <mrow><mo>(</mo><mi>𝐗</mi><mo>)</mo></mrow>",
    );
    assert_eq!(Markup::shape(&["n+1", "2"]).write(Typesetting::Typst), "(n + 1) times 2");
}

#[test]
fn names() {
    check("x", r"\mathbf{x}");
    check("c", "c");
    check("theta", r"\boldsymbol{\theta}");
    check("Sigma_1", r"\boldsymbol{\Sigma}_{1}");
    check("lambda", r"\lambda");
    check("epsilon", r"\varepsilon");
    check("x_max", r"\mathbf{x}_{\mathrm{max}}");
    check("W2", r"\mathbf{W}_{2}");
    check("dX", r"\mathrm{d}\mathbf{X}");
    check("alpha_loss", r"\alpha_{\mathrm{loss}}");
}

#[test]
fn products_and_sums() {
    check("2*A'*(A*x - b)", r"2 \mathbf{A}^{\top} \left(\mathbf{A} \mathbf{x} - \mathbf{b}\right)");
    check("-X^-T*A'*X^-T", r"-\mathbf{X}^{-\top} \mathbf{A}^{\top} \mathbf{X}^{-\top}");
    check("A .* B", r"\mathbf{A} \odot \mathbf{B}");
    check("A*B .* C", r"\mathbf{A} \mathbf{B} \odot \mathbf{C}");
    check("A .* B*C", r"\left(\mathbf{A} \odot \mathbf{B}\right) \mathbf{C}");
    check("2*(A ⊗ B)", r"2 \left(\mathbf{A} \otimes \mathbf{B}\right)");
    check("kron(A, B*C)", r"\mathbf{A} \otimes \mathbf{B} \mathbf{C}");
    check("c*2", r"c \cdot 2");
    check("c + (-2)*s", r"c - 2 s");
    check("A\\b", r"\mathbf{A}^{-1} \mathbf{b}");
    check("A : B", r"\mathbf{A} : \mathbf{B}");
    check("a ./ b", r"\mathbf{a} \oslash \mathbf{b}");
    check("c*(-s)", r"c \left(-s\right)");
}

#[test]
fn powers_and_fractions() {
    check("X^-1", r"\mathbf{X}^{-1}");
    check("(X^2)'", r"\left(\mathbf{X}^{2}\right)^{\top}");
    check("x'/norm(x)", r"\frac{\mathbf{x}^{\top}}{\left\lVert \mathbf{x} \right\rVert_{2}}");
    check("(c/s)^2", r"\left(\frac{c}{s}\right)^{2}");
    check("-c/s", r"-\frac{c}{s}");
    check("1/3*c", r"\frac{1}{3} c");
    check("0.5*c", r"0.5 c");
    check("c^(1/2)", r"c^{\frac{1}{2}}");
    check("x.^2", r"\mathbf{x}^{\odot 2}");
    check("c.^2", r"c^{2}");
    check("(c^2)^3", r"\left(c^{2}\right)^{3}");
    check("norm(A*x - b)^2", r"\left\lVert \mathbf{A} \mathbf{x} - \mathbf{b} \right\rVert_{2}^{2}");
    check("norm(X)^2", r"\left\lVert \mathbf{X} \right\rVert_{\mathrm{F}}^{2}");
}

#[test]
fn functions() {
    check("logdet(X)", r"\log\det\left(\mathbf{X}\right)");
    check("tr(A*X)^2", r"\operatorname{tr}\left(\mathbf{A} \mathbf{X}\right)^{2}");
    check("exp(-c)", r"\exp\left(-c\right)");
    check("inv(X)'", r"\left(\mathbf{X}^{-1}\right)^{\top}");
    check("expm(X)", r"\mathrm{e}^{\mathbf{X}}");
    check("sqrt(c + s)", r"\sqrt{c + s}");
    check("eye(n) - ones(m,n)", r"\mathbf{I}_{n} - \mathbf{1}_{m \times n}");
    check("commutation(m,n)*vec(A)", r"\mathbf{K}_{m,n} \operatorname{vec}\left(\mathbf{A}\right)");
    check("unit(i,n)", r"\mathbf{e}_{i}");
    check("where(c > 0, c, 0)", r"\begin{cases} c & \text{if } c > 0 \\ 0 & \text{otherwise} \end{cases}");
    check("f_1'(c, s)*r''(t)", r"\frac{\partial f}{\partial c} \mathbf{r}''\left(t\right)");
    check("cross(a, b)*c", r"\left(\mathbf{a} \times \mathbf{b}\right) c");
    check("expm_frechet(X, B)", r"L_{\exp}\left(\mathbf{X}, \mathbf{B}\right)");
    check("logm(X)", r"\operatorname{logm}\left(\mathbf{X}\right)");
    check("polygamma(2, c)", r"\psi^{(2)}\left(c\right)");
}

#[test]
fn indices() {
    check("delta[j,p]*R[i,q]", r"\delta_{jp} R_{iq}");
    check("A[1,2] + A[i+1,j]", r"A_{12} + A_{i + 1,j}");
    check("X[i,:]", r"\mathbf{X}_{i,:}");
    check("eps[i,j,k]", r"\varepsilon_{ijk}");
    check("X^-1[i,j]", r"\left(\mathbf{X}^{-1}\right)_{ij}");
    check("sum[i,j](A[i,j])", r"\sum_{i,j} A_{ij}");
    check("2*sum[i:n](x[i])*c", r"2 \left(\sum_{i=1}^{n} x_{i}\right) c");
    check("2*sum[i:n](x[i]^2)", r"2 \sum_{i=1}^{n} x_{i}^{2}");
    check("sum[i,j; i < j](x[i] + x[j])", r"\sum_{i,j :\, i < j} \left(x_{i} + x_{j}\right)");
    // positions are not bold, and conditions stand under the last sign
    check(
        "sum[a:3,b:n; (a <= b)*(b <= a + 2)](x[b - a + 1])",
        r"\sum_{a=1}^{3} \sum_{b=1 :\, a \le b, b \le a + 2}^{n} x_{b - a + 1}",
    );
    check("max[i](x[i])", r"\max_{i} x_{i}");
    check("x_1[i]", r"x_{1,i}");
}

#[test]
fn arrays() {
    check("[c, s]", r"\begin{pmatrix} c \\ s \end{pmatrix}");
    check("[c, -s; s, c]", r"\begin{pmatrix} c & -s \\ s & c \end{pmatrix}");
    check("[x, y]", r"\begin{pmatrix} \mathbf{x} & \mathbf{y} \end{pmatrix}");
}

#[test]
fn definitions() {
    let script = parse("delta[j,p]*R[i,q]").script;
    let StatementKind::Expression(root) = script.statements[0].kind else { panic!() };
    let indices: Vec<Name> = ["p", "q", "i", "j"].map(Name::from).to_vec();
    let shown = Markup::definition(&script.ast, "G", &indices, root, &kind).write(Typesetting::Latex);
    assert_eq!(shown, r"G_{pqij} = \delta_{jp} R_{iq}");
}

#[test]
fn deep_trees_are_written() {
    let n = 100_000;
    for source in
        [format!("{}x{}", "sin(".repeat(n), ")".repeat(n)), format!("x{}", " + x".repeat(n)), "-".repeat(n) + "x"]
    {
        let script = parse(&source).script;
        let StatementKind::Expression(root) = script.statements[0].kind else { panic!() };
        assert!(!latex(&script.ast, root, &kind).is_empty());
    }
}

/// Rows of characters for a terminal.
fn rows(source: &str, width: usize, expected: &[&str]) {
    let parsed = parse(source).script;
    let Some(StatementKind::Expression(root)) = parsed.statements.last().map(|s| s.kind.clone()) else {
        panic!("{source}")
    };
    let shown = Markup::expression(&parsed.ast, root, &kind).plane(width).expect("rows");
    assert_eq!(shown, expected, "{source}\n{}", shown.join("\n"));
}

#[test]
fn formulas_in_rows() {
    rows("x'*A*x", 80, &["xᵀ A x"]);
    rows("X^-1*a", 80, &["X⁻¹ a"]);
    rows("-2*Phi'*(y - Phi*theta)", 80, &["-2 Φᵀ (y - Φ θ)"]);
    rows("c/(s + t)", 80, &["  c", "─────", "s + t"]);
    rows("(c/s)^2", 80, &["⎛c⎞²", "⎜─⎟", "⎝s⎠"]);
    rows("(c/s)*X*(t/s)", 80, &["c   t", "─ X ─", "s   s"]);
    rows("sqrt(x'*x + 1)", 80, &["  ________", "╲╱xᵀ x + 1"]);
    rows("norm(A*x - b)^2", 80, &["‖A x - b‖₂²"]);
    rows("sum[i,j](A[i,j]*x[i])", 80, &[" ∑  Aᵢⱼ xᵢ", "i,j"]);
    rows("[c, s; t, n]", 80, &["⎡c  s⎤", "⎣t  n⎦"]);
    rows("where(c > 0, s, t)", 80, &["⎧ s  if c > 0", "⎩ t  otherwise"]);
    rows("kron(A, B)*vec(X)", 80, &["(A ⊗ B) vec(X)"]);
    rows("a + b + x + y", 8, &["a + b", "    + x", "    + y"]);
}
