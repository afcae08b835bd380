//! A formula as a stream of marks: what stands on the page, in no language of typesetting.

use std::borrow::Cow;

use super::Kind;
use super::names::push_name;

/// How letters are set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Face {
    /// A variable.
    Italic,
    /// A vector or a matrix.
    Bold,
    /// A tensor.
    Script,
    /// A word in a subscript, the d of a step.
    Upright,
}

/// A sign or a word that is always the same, in every language.
#[derive(Debug)]
pub(crate) struct Sign {
    /// With the spaces that it needs.
    pub latex: &'static str,
    /// With the spaces that it needs.
    pub typst: &'static str,
    /// At most one element.
    pub mathml: &'static str,
    /// Whether its scripts go under and over it.
    pub limits: bool,
}

/// What encloses other marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    /// `(x)` as tall as what is in it
    Brackets,
    /// `(x)`
    Round,
    /// `|x|`
    Absolute,
    /// `‖x‖`
    Norm,
    /// To the upper right of what stands before.
    Above,
    /// To the lower right of what stands before.
    Below,
    /// Two parts.
    Fraction,
    Root,
    CubeRoot,
    /// Cells and rows in round brackets.
    Matrix,
    /// Cells and rows behind a brace.
    Cases,
}

/// One mark.
#[derive(Clone, Debug)]
pub(crate) enum Mark {
    /// Letters of a name, as they are typed; a Greek letter by its spelling.
    Letters(Cow<'static, str>, Face, Option<char>),
    /// Digits.
    Number(Cow<'static, str>),
    /// The name of a function.
    Function(Cow<'static, str>),
    Sign(&'static Sign),
    /// This many primes.
    Primes(usize),
    Open(Group),
    /// The lower part of a fraction.
    Over,
    /// The next cell of a row.
    Cell,
    /// The next row.
    Row,
    Close(Group),
}

/// A formula that can be written in several languages.
///
/// ```
/// use matgrad_render::{Markup, Typesetting, conventional_kind};
/// use matgrad_syntax::{StatementKind, parse};
/// let script = parse("A*x").script;
/// let StatementKind::Expression(root) = script.statements[0].kind else { panic!() };
/// let formula = Markup::expression(&script.ast, root, &conventional_kind);
/// assert_eq!(formula.write(Typesetting::Latex), r"\mathbf{A} \mathbf{x}");
/// assert_eq!(formula.write(Typesetting::Typst), "bold(A) bold(x)");
/// assert!(formula.write(Typesetting::Mathml).ends_with("<mi>𝐀</mi><mo>&#x2062;</mo><mi>𝐱</mi></math>"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Markup {
    pub(super) marks: Vec<Mark>,
}

/// A language of typesetting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Typesetting {
    /// LaTeX with amsmath.
    Latex,
    /// MathML Core, the mathematics of web pages.
    Mathml,
    /// The mathematics of Typst.
    Typst,
}

impl Markup {
    /// The formula in a language: LaTeX and Typst for what stands between dollar signs, MathML as an element.
    pub fn write(&self, language: Typesetting) -> String {
        match language {
            Typesetting::Latex => super::latex::write(&self.marks),
            Typesetting::Mathml => super::mathml::write(&self.marks),
            Typesetting::Typst => super::typst::write(&self.marks),
        }
    }

    /// The formula for a terminal, as rows of characters: fractions with bars, matrices with brackets as tall as they are.
    /// Sums that are wider than `width` are broken before a sign; `None` where the formula is too large for this.
    ///
    /// ```
    /// use matgrad_render::{Markup, conventional_kind};
    /// use matgrad_syntax::{StatementKind, parse};
    /// let script = parse("a/(b + c)").script;
    /// let StatementKind::Expression(root) = script.statements[0].kind else { panic!() };
    /// let rows = Markup::expression(&script.ast, root, &conventional_kind).plane(80).unwrap();
    /// assert_eq!(rows, ["  a", "─────", "b + c"]);
    /// ```
    pub fn plane(&self, width: usize) -> Option<Vec<String>> {
        super::plane::write(&self.marks, width)
    }

    /// `left = right`
    #[must_use]
    pub fn equation(mut left: Markup, right: Markup) -> Markup {
        left.marks.push(Mark::Sign(&EQUAL));
        left.marks.extend(right.marks);
        left
    }

    /// Formulas one after the other, with commas between.
    #[must_use]
    pub fn list(formulas: impl IntoIterator<Item = Markup>) -> Markup {
        let mut marks = Vec::new();
        for formula in formulas {
            if !marks.is_empty() {
                marks.push(Mark::Sign(&WIDE_COMMA));
            }
            marks.extend(formula.marks);
        }
        Markup { marks }
    }

    /// A name.
    pub fn name(name: &str, kind: &dyn Fn(&str) -> Kind) -> Markup {
        let mut marks = Vec::new();
        push_name(&mut marks, name, kind);
        Markup { marks }
    }
}

const fn sign(latex: &'static str, typst: &'static str, mathml: &'static str) -> Sign {
    Sign { latex, typst, mathml, limits: false }
}

const fn large(latex: &'static str, typst: &'static str, mathml: &'static str) -> Sign {
    Sign { latex, typst, mathml, limits: true }
}

macro_rules! signs {
    ($($name:ident = $make:ident($latex:literal, $typst:literal, $mathml:literal);)*) => {
        $(pub(crate) static $name: Sign = $make($latex, $typst, $mathml);)*
    };
}

signs! {
    MINUS = sign("-", "-", "<mo form=\"prefix\">−</mo>");
    PLUS = sign(" + ", " + ", "<mo>+</mo>");
    LESS = sign(" - ", " - ", "<mo>−</mo>");
    APART = sign(" ", " ", "<mo>&#x2062;</mo>");
    // only a space in the source of languages that need one
    SPACE = sign(" ", " ", "");
    POINT = sign(" \\cdot ", " dot ", "<mo>⋅</mo>");
    TIMES = sign(" \\times ", " times ", "<mo>×</mo>");
    ENTRYWISE = sign(" \\odot ", " dot.o ", "<mo>⊙</mo>");
    DIVIDED = sign(" \\oslash ", " slash.o ", "<mo>⊘</mo>");
    KRONECKER = sign(" \\otimes ", " times.o ", "<mo>⊗</mo>");
    INNER_PRODUCT = sign(" : ", " colon ", "<mo>:</mo>");
    SMALLER = sign(" < ", " < ", "<mo>&lt;</mo>");
    GREATER = sign(" > ", " > ", "<mo>&gt;</mo>");
    AT_MOST = sign(" \\le ", " <= ", "<mo>≤</mo>");
    AT_LEAST = sign(" \\ge ", " >= ", "<mo>≥</mo>");
    UNEQUAL = sign(" \\ne ", " != ", "<mo>≠</mo>");
    EQUAL = sign(" = ", " = ", "<mo>=</mo>");
    FROM = sign("=", " = ", "<mo>=</mo>");
    COMMA = sign(", ", ", ", "<mo>,</mo>");
    TIGHT_COMMA = sign(",", ",", "<mo>,</mo>");
    WIDE_COMMA = sign(",\\quad ", ", quad ", "<mo rspace=\"1em\">,</mo>");
    COLON = sign(":", " colon ", "<mo lspace=\"0\" rspace=\"0\">:</mo>");
    SUCH_THAT = sign(" :\\, ", " colon thin ", "<mo lspace=\"0.1em\" rspace=\"0.2em\">:</mo>");
    THIN = sign(" \\, ", " thin ", "<mspace width=\"0.17em\"/>");
    DOTS = sign("\\dots", " dots ", "<mo>…</mo>");
    SLASH = sign("/", "slash", "<mo lspace=\"0\" rspace=\"0\">/</mo>");
    // between a function and its argument
    APPLY = sign("", "", "<mo>&#x2061;</mo>");
    // indices that need no commas
    NOTHING = sign("", " ", "");
    ONE = sign("1", "1", "<mn>1</mn>");
    TWO = sign("2", "2", "<mn>2</mn>");
    STAR = sign("*", "*", "<mo>*</mo>");
    INFINITY = sign("\\infty", "infinity", "<mi>∞</mi>");
    TRANSPOSED = sign("\\top", "top", "<mi>⊤</mi>");
    // the exponent of a transposed inverse
    NEGATIVE_TRANSPOSED = sign("-\\top", "-top", "<mrow><mo form=\"prefix\">−</mo><mi>⊤</mi></mrow>");
    DAGGER = sign("+", "+", "<mo>+</mo>");
    HALF = sign("1/2", "1 slash 2", "<mrow><mn>1</mn><mo lspace=\"0\" rspace=\"0\">/</mo><mn>2</mn></mrow>");
    MINUS_ONE = sign("-1", "-1", "<mrow><mo form=\"prefix\">−</mo><mn>1</mn></mrow>");
    FROBENIUS = sign("\\mathrm{F}", "upright(F)", "<mi mathvariant=\"normal\">F</mi>");
    // raised to a power entry by entry
    BY_ENTRIES = sign("\\odot ", "dot.o ", "<mo lspace=\"0\" rspace=\"0.1em\">⊙</mo>");
    PARTIAL = sign("\\partial", " partial ", "<mo lspace=\"0\" rspace=\"0\">∂</mo>");
    EULER = sign("\\mathrm{e}", "upright(e)", "<mi mathvariant=\"normal\">e</mi>");
    IF = sign("\\text{if } ", " \"if\" ", "<mtext>if&#xa0;</mtext>");
    OTHERWISE = sign("\\text{otherwise}", "\"otherwise\"", "<mtext>otherwise</mtext>");
    IDENTITY = sign("\\mathbf{I}", "bold(I)", "<mi>𝐈</mi>");
    ONES = sign("\\mathbf{1}", "bold(1)", "<mn>𝟏</mn>");
    ZEROS = sign("\\mathbf{0}", "bold(0)", "<mn>𝟎</mn>");
    UNIT = sign("\\mathbf{e}", "bold(e)", "<mi>𝐞</mi>");
    COMMUTATION = sign("\\mathbf{K}", "bold(K)", "<mi>𝐊</mi>");
    DUPLICATION = sign("\\mathbf{D}", "bold(D)", "<mi>𝐃</mi>");
    ELIMINATION = sign("\\mathbf{L}", "bold(L)", "<mi>𝐋</mi>");
    PSI = sign("\\psi", "psi", "<mi>ψ</mi>");
    TRIGAMMA = sign("\\psi_{1}", "psi_(1)", "<msub><mi>ψ</mi><mn>1</mn></msub>");
    DET = sign("\\det", "det", "<mi>det</mi>");
    LOGDET = sign("\\log\\det", "log det", "<mrow><mi>log</mi><mspace width=\"0.17em\"/><mi>det</mi></mrow>");
    EXP = sign("\\exp", "exp", "<mi>exp</mi>");
    LOG = sign("\\log", "log", "<mi>log</mi>");
    SIN = sign("\\sin", "sin", "<mi>sin</mi>");
    COS = sign("\\cos", "cos", "<mi>cos</mi>");
    TAN = sign("\\tan", "tan", "<mi>tan</mi>");
    ARCSIN = sign("\\arcsin", "arcsin", "<mi>arcsin</mi>");
    ARCCOS = sign("\\arccos", "arccos", "<mi>arccos</mi>");
    ARCTAN = sign("\\arctan", "arctan", "<mi>arctan</mi>");
    SINH = sign("\\sinh", "sinh", "<mi>sinh</mi>");
    COSH = sign("\\cosh", "cosh", "<mi>cosh</mi>");
    TANH = sign("\\tanh", "tanh", "<mi>tanh</mi>");
    MAX = large("\\max", "max", "<mo movablelimits=\"false\" lspace=\"0.1em\" rspace=\"0.1em\">max</mo>");
    MIN = large("\\min", "min", "<mo movablelimits=\"false\" lspace=\"0.1em\" rspace=\"0.1em\">min</mo>");
    MEAN = large("\\operatorname*{mean}", "op(\"mean\", limits: #true)", "<mo movablelimits=\"false\" lspace=\"0.1em\" rspace=\"0.1em\">mean</mo>");
    LOGSUMEXP = large("\\operatorname*{logsumexp}", "op(\"logsumexp\", limits: #true)", "<mo movablelimits=\"false\" lspace=\"0.1em\" rspace=\"0.1em\">logsumexp</mo>");
    SUMMATION = large("\\sum", "sum", "<mo>∑</mo>");
    PRODUCT_SIGN = large("\\prod", "product", "<mo>∏</mo>");
    SIGNUM = sign("\\operatorname{sgn}", "op(\"sgn\")", "<mi>sgn</mi>");
    SIGMOID = sign("\\sigma", "sigma", "<mi>σ</mi>");
    GAMMA = sign("\\Gamma", "Gamma", "<mi mathvariant=\"normal\">Γ</mi>");
    LGAMMA = sign("\\log\\Gamma", "log Gamma", "<mrow><mi>log</mi><mspace width=\"0.17em\"/><mi mathvariant=\"normal\">Γ</mi></mrow>");
    EIGENVALUES = sign("\\boldsymbol{\\lambda}", "bold(lambda)", "<mi>𝝀</mi>");
    SINGULAR_VALUES = sign("\\boldsymbol{\\sigma}", "bold(sigma)", "<mi>𝝈</mi>");
    FRECHET_EXP = sign("L_{\\exp}", "L_(exp)", "<msub><mi>L</mi><mi>exp</mi></msub>");
    FRECHET_LOG = sign("L_{\\log}", "L_(log)", "<msub><mi>L</mi><mi>log</mi></msub>");
    FRECHET_SQRT = sign("L_{\\sqrt{\\cdot}}", "L_(sqrt(dot.c))", "<msub><mi>L</mi><msqrt><mo>⋅</mo></msqrt></msub>");
}
