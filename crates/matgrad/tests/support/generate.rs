//! Random well-typed expressions over all functions and attributes of the language, on their domains.

mod abstracts;
mod loops;

pub use abstracts::FUNCTIONS;

/// The variables: what is declared, and from which domain its data come.
pub const VARIABLES: &[(&str, &str, &str)] = &[
    ("a", "R^n", "general"),
    ("b", "R^n", "general"),
    ("x", "R^n", "general"),
    ("u", "R^n positive", "positive"),
    ("g", "R^n nonneg", "positive"),
    ("r", "R^(1 x n)", "general"),
    ("y", "R^m", "general"),
    ("k", "R^m", "general"),
    ("z", "R^3", "general"),
    ("h", "R^3", "general"),
    ("A", "R^(m x n)", "general"),
    ("X", "R^(m x n)", "general"),
    ("B", "R^(n x n)", "general"),
    ("W", "R^(n x n)", "general"),
    ("F", "R^(m x m)", "general"),
    ("C", "R^(3 x 3)", "general"),
    ("V", "R^(n x 3)", "general"),
    ("S", "R^(n x n) symmetric", "sym"),
    ("P", "R^(n x n) pd", "spd"),
    ("M", "R^(n x n) psd", "spd"),
    ("K", "R^(n x n) skew", "skew"),
    ("D", "R^(n x n) diagonal", "diagonal"),
    ("L", "R^(n x n) lower", "lower"),
    ("U", "R^(n x n) upper", "upper"),
    ("Q", "R^(n x n) orthogonal", "orthogonal"),
    ("H", "R^(n x m x 3)", "general"),
    ("c", "R", "general"),
    ("t", "R", "general"),
    ("p", "R positive", "positive"),
];

/// A dimension of the generated expressions.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Dim {
    M,
    N,
    Three,
}

use Dim::{M, N, Three};

impl Dim {
    fn text(self) -> &'static str {
        match self {
            M => "m",
            N => "n",
            Three => "3",
        }
    }
}

/// A shape of the generated expressions.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    Scalar,
    Vector(Dim),
    Matrix(Dim, Dim),
}

/// Pseudo-random choices, the same in every run.
pub struct Generator {
    state: u64,
    /// Functions that the expression uses, as statements.
    pub definitions: Vec<String>,
}

const SMOOTH: &[&str] =
    &["sin", "cos", "tanh", "exp", "sigmoid", "softplus", "atan", "sinh", "cosh", "asinh", "erf", "expm1"];
const KINKED: &[&str] = &["abs", "relu", "cbrt", "sign"];
const OF_POSITIVE: &[&str] =
    &["log", "log1p", "sqrt", "gamma", "lgamma", "digamma", "trigamma", "polygamma(2, ", "1 ./ ", "sqrt"];
const OF_UNIT: &[&str] = &["asin", "acos", "atanh", "tan"];

impl Generator {
    pub fn new(seed: u64, round: u64) -> Self {
        let own = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(round.wrapping_mul(0xd134_2543_de82_ef95));
        let mut own = Self { state: own, definitions: Vec::new() };
        own.below(2); // the first value of a linear generator is too regular
        own
    }

    pub fn below(&mut self, n: usize) -> usize {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.state >> 33) as usize) % n
    }

    pub fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    /// A shape that answers may have.
    pub fn shape(&mut self) -> Shape {
        let (r, c) = (self.pick(&[M, N, N]), self.pick(&[M, N, N]));
        match self.below(6) {
            0..=2 => Shape::Scalar,
            3 => Shape::Vector(r),
            _ => Shape::Matrix(r, c),
        }
    }

    pub fn expression(&mut self, shape: Shape, depth: usize) -> String {
        match shape {
            Shape::Scalar => self.s(depth),
            Shape::Vector(d) => self.v(d, depth),
            Shape::Matrix(r, c) => self.m(r, c, depth),
        }
    }

    fn dim(&mut self) -> Dim {
        self.pick(&[M, N, N, Three])
    }

    fn leaf_s(&mut self) -> String {
        self.pick(&["c", "t", "p", "c", "t", "2", "0.5", "3", "n"]).into()
    }

    fn leaf_v(&mut self, d: Dim) -> String {
        match d {
            N => self.pick(&["a", "b", "x", "u", "g", "r'", "x", "a"]),
            M => self.pick(&["y", "k"]),
            Three => self.pick(&["z", "h"]),
        }
        .into()
    }

    fn leaf_m(&mut self, r: Dim, c: Dim) -> String {
        match (r, c) {
            (M, N) => self.pick(&["A", "X"]).into(),
            (N, M) => self.pick(&["A'", "X'"]).into(),
            (N, N) => self.pick(&["B", "W", "S", "P", "M", "K", "D", "L", "U", "Q", "B", "W"]).into(),
            (M, M) => self.pick(&["F", "eye(m)", "(A*X')"]).into(),
            (Three, Three) => self.pick(&["C", "eye(3)"]).into(),
            (N, Three) => "V".into(),
            (Three, N) => "V'".into(),
            (r, c) => format!("({}*{}')", self.leaf_v(r), self.leaf_v(c)),
        }
    }

    /// Entries above 0.
    fn positive(&mut self, shape: Shape, d: usize) -> String {
        if self.below(4) == 0 && shape == Shape::Vector(N) {
            return "u".into();
        }
        let e = self.expression(shape, d.saturating_sub(1));
        match (self.below(3), shape) {
            (0, _) => format!("exp(({e})/5)"),
            (1, Shape::Scalar) => format!("(1 + ({e})^2)"),
            _ => format!("(1 + ({e}).^2)"),
        }
    }

    /// Entries between -1 and 1.
    fn unit(&mut self, shape: Shape, d: usize) -> String {
        let e = self.expression(shape, d.saturating_sub(1));
        if self.below(2) == 0 { format!("(0.7*tanh({e}))") } else { format!("(sin({e})/2)") }
    }

    fn symmetric(&mut self, n: Dim, d: usize) -> String {
        let d = d.saturating_sub(1);
        match self.below(4) {
            0 if n == N => "S".into(),
            0 | 1 => {
                let e = self.m(n, n, d);
                format!("({e} + ({e})')")
            }
            2 => {
                let k = self.dim();
                let (e, v) = (self.m(k, n, d), self.v(n, d));
                match self.below(3) {
                    // of equal eigenvalues where e is skew, orthogonal or of lower rank
                    0 => format!("(({e})'*({e}))"),
                    _ => format!("(({e})'*({e}) + ({v})*({v})')"),
                }
            }
            _ => {
                let (e, v) = (self.m(n, n, d), self.v(n, d));
                format!("(({v})*({v})' + {e} + ({e})')")
            }
        }
    }

    fn definite(&mut self, n: Dim, d: usize) -> String {
        let d = d.saturating_sub(1);
        match self.below(3) {
            0 if n == N => "P".into(),
            0 | 1 => {
                let e = self.m(n, n, d);
                format!("(eye({}) + ({e})'*({e}))", n.text())
            }
            _ => {
                let e = self.m(n, M, d);
                format!("(2*eye({}) + ({e})*({e})')", n.text())
            }
        }
    }

    fn invertible(&mut self, n: Dim, d: usize) -> String {
        match self.below(3) {
            0 => self.definite(n, d),
            1 => {
                let e = self.m(n, n, d.saturating_sub(1));
                format!("(3*eye({}) + ({e})/4)", n.text())
            }
            _ => self.leaf_m(n, n).replace("eye(3)", "C").replace("(A*X')", "F"),
        }
    }

    /// A function of every entry, on its domain.
    fn entrywise(&mut self, shape: Shape, d: usize) -> String {
        match self.below(8) {
            0..=2 => {
                let (f, e) = (self.pick(SMOOTH), self.expression(shape, d));
                format!("{f}(({e})/5)")
            }
            3 => {
                let (f, e) = (self.pick(KINKED), self.expression(shape, d));
                format!("{f}({e})")
            }
            4 => {
                let (f, e) = (self.pick(OF_POSITIVE), self.positive(shape, d));
                if f.ends_with("./ ") {
                    format!("({f}{e})")
                } else if f.ends_with(' ') {
                    format!("{f}{e})")
                } else {
                    format!("{f}({e})")
                }
            }
            5 => {
                let (f, e) = (self.pick(OF_UNIT), self.unit(shape, d));
                format!("{f}({e})")
            }
            6 => {
                let e = self.positive(shape, d);
                format!("acosh(1.1 + {e})")
            }
            _ => {
                let (e, f) = (self.expression(shape, d), self.expression(shape, d));
                match self.below(6) {
                    0 => format!("max({e}, {f})"),
                    1 => format!("min({e}, {f})"),
                    2 => format!("where({e} > 0, {f}, {e})"),
                    3 => format!("atan2({e}, {f})"),
                    4 => format!("where({e} <= {f}, {e}, 0)"),
                    _ => {
                        let (base, power) = (self.positive(shape, d), self.s(d));
                        format!("pow({base}, {power})")
                    }
                }
            }
        }
    }

    fn s(&mut self, depth: usize) -> String {
        if depth == 0 || self.below(12) == 0 {
            return self.leaf_s();
        }
        let d = depth - 1;
        let (i, j) = (self.dim(), self.dim());
        match self.below(69) {
            0 | 1 => format!("({})'*({})", self.v(i, d), self.v(i, d)),
            2 => format!("sum({})", self.m(i, j, d)),
            3 => format!("norm({})^2", self.v(i, d)),
            4 => format!("norm({})", self.m(i, j, d)),
            5 => format!("tr({})", self.m(i, i, d)),
            6 | 7 => format!("({} + {})", self.s(d), self.s(d)),
            8 | 9 => format!("({})*({})", self.s(d), self.s(d)),
            10..=13 => self.entrywise(Shape::Scalar, d),
            14 => format!("({})/({})", self.s(d), self.positive(Shape::Scalar, d)),
            15 => format!("logdet({})", self.definite(i, d)),
            16 => format!("(({}) : ({}))", self.m(i, j, d), self.m(i, j, d)),
            17 => format!("({})[{}]", self.v(i, d), self.pick(&["1", "2"])),
            18 => format!("({})[{},2]", self.m(i, j, d), self.pick(&["1", "2"])),
            19 => format!("logsumexp({})", self.v(i, d)),
            20 => format!("det({})", self.invertible(i, d)),
            21 => format!("mean({})", self.m(i, j, d)),
            22 => format!("prod({})", self.v(i, d)),
            23 => format!("{}({})", self.pick(&["max", "min"]), self.v(i, d)),
            24 => format!("{}({})", self.pick(&["max", "min", "mean", "logsumexp"]), self.m(i, j, d)),
            25 => format!("{}({})", self.pick(&["norm1", "norminf"]), self.m(i, j, d)),
            // the singular values of a skew matrix come in pairs
            26 => format!("{}({})", self.pick(&["normspec", "normnuc"]), self.leaf_m(i, j).replace('K', "W")),
            27 => format!("{}({})", self.pick(&["normspec", "normnuc"]), self.m(i, j, d.min(1))),
            28 => format!("sum(eigvals({}))", self.symmetric(i, d)),
            29 => format!("sum({}(eigvals({})/5))", self.pick(SMOOTH), self.symmetric(i, d)),
            30 => format!("eigvals({})[1]", self.symmetric(i, d.min(1))),
            31 => format!("{}(eigvals({}))", self.pick(&["max", "min"]), self.symmetric(i, d.min(1))),
            32 => format!("sum(singvals({}).^{})", self.m(i, j, d.min(1)), self.pick(&["1", "2", "3"])),
            33 => format!("dot({}, {})", self.v(i, d), self.v(i, d)),
            34 => format!("({0})'*({1})*({0})", self.v(i, d), self.m(i, i, d)),
            35 => format!("({})'*({})*({})", self.v(i, d), self.m(i, j, d), self.v(j, d)),
            36 => format!("tr(expm(({})/5))", self.m(i, i, d)),
            37 => format!("tr(({})*expm(({})/5))", self.m(i, i, d), self.m(i, i, d)),
            38 => format!("tr({}({}))", self.pick(&["logm", "sqrtm"]), self.definite(i, d)),
            39 => {
                format!("tr(({})*{}({}))", self.m(i, i, d), self.pick(&["logm", "sqrtm", "chol"]), self.definite(i, d))
            }
            40 => format!("sum(pinv({}))", self.leaf_m(i, j)),
            41 => format!("tr(({})^3)", self.m(i, i, d)),
            42 => format!("({})'*(({}) \\ ({}))", self.v(i, d), self.invertible(i, d), self.v(i, d)),
            43 => format!("sum(log(diag(chol({}))))", self.definite(i, d)),
            44 => format!("sum(({})[2:n] .* ({})[1:n-1])", self.v(N, d), self.v(N, d)),
            45 => format!("norm(kron({}, {}))^2", self.v(i, d), self.v(j, d)),
            46 => format!("tr(kron({}, {}))", self.m(i, i, d), self.m(j, j, d)),
            47 => format!("vec({})'*vec({})", self.m(i, j, d), self.m(i, j, d)),
            48 => format!("sum([{}; {}].^2)", self.v(i, d), self.v(j, d)),
            49 => format!("norm([{}, {}])^2", self.m(i, j, d), self.m(i, i, d)),
            50 => format!("sum([{}, {}; ({})', {}].^3)", self.m(i, j, d), self.v(i, d), self.v(j, d), self.s(d)),
            51 => format!("tr([{}, {}; 0, {}]^2)", self.m(i, i, d), self.m(i, j, d), self.m(j, j, d)),
            52 => format!("({})'*cross({}, {})", self.v(Three, d), self.v(Three, d), self.v(Three, d)),
            53 => format!("norm([{}, {}, {}])", self.s(d), self.s(d), self.s(d)),
            54 => format!("det([{}, {}; {}, {}])", self.s(d), self.s(d), self.s(d), self.s(d)),
            55..=60 => self.index_form(d),
            61 => format!("({}).^{}", self.s(d), self.pick(&["2", "3"])),
            62 => format!("({})^({})", self.positive(Shape::Scalar, d), self.pick(&["0.5", "1.5", "-1", "c", "-2"])),
            63 => format!(
                "norm({})^2",
                self.pick(&["vec(X) - commutation(n,m)*vec(A')", "rvec(X)", "duplication(n)*elimination(n)*vec(S*B)"])
            ),
            65 => self.loop_s(d),
            67 | 68 => self.abstract_s(d),
            64 => format!("sum(reshape(vec({}), {}, {})*{})", self.m(i, j, d), j.text(), i.text(), self.v(i, d)),
            _ => format!("-({})", self.s(d)),
        }
    }

    /// A sum, product or maximum over indices.
    fn index_form(&mut self, d: usize) -> String {
        let (v, w) = (self.leaf_v(N), self.leaf_v(N));
        let (v, w) = (v.replace("r'", "b"), w.replace("r'", "x"));
        let e = self.s(d.min(1));
        match self.below(16) {
            0 => format!("sum[i]({v}[i]*{w}[i]^2)"),
            1 => format!("sum[i,j](B[i,j]*{v}[i]*{w}[j])"),
            2 => format!("sum[i,j; i < j]({v}[i]*{w}[j])"),
            3 => format!("sum[i]({v}[i+1]*{w}[i])"),
            4 => format!("sum[i](({v}[i+1] - {v}[i])^2)"),
            5 => format!("sum[i,j,k](H[i,j,k]*{v}[i]*y[j]*z[k])"),
            6 => format!("sum[i,j,k](H[i,j,k]*H[i,j,k])*({e})"),
            7 => format!("prod[i](1 + {v}[i]^2)"),
            8 => format!("max[i]({v}[i]*{w}[i])"),
            9 => format!("logsumexp[i]({v}[i] + {e})"),
            10 => format!("sum[i](i*{v}[i]*({e}))"),
            11 => "sum[i,j](delta[i,j]*B[i,j]*W[j,i])".into(),
            12 => "sum[i,j,k](eps[i,j,k]*z[i]*h[j]*C[k,1])".into(),
            13 => format!("sum[i,j](A[i,j]*exp({v}[j]/5)*k[i])"),
            14 => format!("sum[i,j]((B[i,j] - W[j,i])^2*{v}[i])"),
            _ => format!("sum[i,j,k](A[i,j]*B[j,k]*X[i,k]*{v}[k])"),
        }
    }

    fn v(&mut self, dim: Dim, depth: usize) -> String {
        if depth == 0 || self.below(10) == 0 {
            return self.leaf_v(dim);
        }
        let d = depth - 1;
        let (other, shape) = (self.dim(), Shape::Vector(dim));
        match self.below(40) {
            37 if dim != Three => self.loop_v(dim, d),
            39 => self.abstract_v(dim, d),
            0 | 1 => format!("({} - {})", self.v(dim, d), self.v(dim, d)),
            2..=4 => format!("(({})*({}))", self.m(dim, other, d), self.v(other, d)),
            5 | 6 => format!("(({}) .* ({}))", self.v(dim, d), self.v(dim, d)),
            7..=11 => self.entrywise(shape, d),
            12 => format!("(({})*({}))", self.s(d), self.v(dim, d)),
            13 => format!("(({}) + ({}))", self.v(dim, d), self.s(d)),
            14 => format!("softmax({})", self.v(dim, d)),
            15 => format!("diag({})", self.m(dim, dim, d)),
            16 => format!("(({}) ./ {})", self.v(dim, d), self.positive(shape, d)),
            17 => format!("sum({}, 2)", self.m(dim, other, d)),
            18 if self.below(4) == 0 => match self.below(2) {
                0 => format!("prod({}, 2)", self.m(dim, other, d)),
                _ => format!("prod({}, 1)'", self.m(other, dim, d)),
            },
            18 => format!("sum({}, 1)'", self.m(other, dim, d)),
            19 => format!("{}({}, 2)", self.pick(&["mean", "max", "min", "logsumexp"]), self.m(dim, other, d)),
            20 => format!("{}({}, 1)'", self.pick(&["mean", "max", "min", "logsumexp"]), self.m(other, dim, d)),
            21 => format!("(({}) \\ ({}))", self.invertible(dim, d), self.v(dim, d)),
            22 => format!("{}({})", self.pick(&["cumsum", "revcumsum"]), self.v(dim, d)),
            23 => format!("({})[:,{}]", self.m(dim, other, d), self.pick(&["1", "2"])),
            24 => format!("({})[{},:]'", self.m(other, dim, d), self.pick(&["1", "2"])),
            25 if dim == Three => format!("[{}, {}, {}]", self.s(d), self.s(d), self.s(d)),
            25 | 26 if dim == Three => format!("cross({}, {})", self.v(dim, d), self.v(dim, d)),
            25 => format!("({})*unit({}, {})", self.s(d), self.pick(&["1", "2"]), dim.text()),
            26 => format!("(({})*ones({}))", self.s(d), dim.text()),
            27 => format!("({}).^{}", self.v(dim, d), self.pick(&["2", "3"])),
            28 => format!("{}.^{}", self.positive(shape, d), self.pick(&["0.5", "-1", "1.5", "p"])),
            29 => format!("eigvals({})", self.symmetric(dim, d.min(1))),
            30 => format!("max({}, {})", self.v(dim, d), self.pick(&["1.0", "0", "0.5"])),
            31 => format!("(({} > {}) .* ({}))", self.v(dim, d), self.v(dim, d), self.v(dim, d)),
            32 => format!("expm(({})/5)*({})", self.m(dim, dim, d), self.v(dim, d)),
            33 => format!("sqrt(diag({}))", self.definite(dim, d)),
            34 => format!("({})/({})", self.v(dim, d), self.positive(Shape::Scalar, d)),
            35 => format!("(({}) - mean({}))", self.leaf_v(dim), self.leaf_v(dim)),
            36 => format!("(({}) - ones({})*max({}))", self.v(dim, d), dim.text(), self.v(dim, d)),
            _ => format!("-({})", self.v(dim, d)),
        }
    }

    fn m(&mut self, rows: Dim, cols: Dim, depth: usize) -> String {
        if depth == 0 || self.below(8) == 0 {
            return self.leaf_m(rows, cols);
        }
        let d = depth - 1;
        let (other, shape) = (self.dim(), Shape::Matrix(rows, cols));
        let (r, c) = (rows.text(), cols.text());
        if rows == cols && self.below(3) == 0 {
            return self.square(rows, d);
        }
        match self.below(28) {
            0..=2 => format!("({} + {})", self.m(rows, cols, d), self.m(rows, cols, d)),
            3..=6 => format!("(({})*({}))", self.m(rows, other, d), self.m(other, cols, d)),
            7 => format!("({})'", self.m(cols, rows, d)),
            8 | 9 => format!("(({}) .* ({}))", self.m(rows, cols, d), self.m(rows, cols, d)),
            10..=13 => self.entrywise(shape, d),
            14 => format!("(({})*({})')", self.v(rows, d), self.v(cols, d)),
            15 => format!("(({})*({}))", self.s(d), self.m(rows, cols, d)),
            16 => format!("(({}) + ({}))", self.m(rows, cols, d), self.s(d)),
            17 => format!("(({}) ./ {})", self.m(rows, cols, d), self.positive(shape, d)),
            18 => format!("softmax({}, {})", self.m(rows, cols, d), self.pick(&["1", "2"])),
            19 => format!("{}({})", self.pick(&["tril", "triu"]), self.m(rows, cols, d)),
            20 => format!("pinv({})", self.leaf_m(cols, rows)),
            21 => format!("reshape({}, {r}, {c})", self.m(cols, rows, d)),
            22 => format!("(({}) \\ ({}))", self.invertible(rows, d), self.m(rows, cols, d)),
            23 => format!("({}).^{}", self.m(rows, cols, d), self.pick(&["2", "3"])),
            24 => format!("(diag({})*({}))", self.v(rows, d), self.m(rows, cols, d)),
            25 => format!("({} - ones({r})*mean({}, 1))", self.m(rows, cols, d), self.m(other, cols, d)),
            26 => format!("({})/({})", self.m(rows, cols, d), self.positive(Shape::Scalar, d)),
            _ => format!("({} - {})", self.m(rows, cols, d), self.m(rows, cols, d)),
        }
    }

    fn square(&mut self, n: Dim, d: usize) -> String {
        match self.below(20) {
            0 => format!("diag({})", self.v(n, d)),
            1 => format!("({})^{}", self.m(n, n, d), self.pick(&["2", "3"])),
            2 | 3 => format!("inv({})", self.invertible(n, d)),
            4 => format!("{}({})", self.pick(&["adj", "cof"]), self.leaf_m(n, n).replace("(A*X')", "F")),
            5 => format!("expm(({})/5)", self.m(n, n, d)),
            6 => format!("logm({})", self.definite(n, d)),
            7 => format!("sqrtm({})", self.definite(n, d)),
            8 => format!("chol({})", self.definite(n, d)),
            9 => format!("({})^-{}", self.invertible(n, d), self.pick(&["1", "2", "T"])),
            10 => format!("({0} - ({0})')", self.m(n, n, d)),
            11 => format!("(({}) .* eye({}))", self.m(n, n, d), n.text()),
            12 => format!("(eigvecs({0})*diag({1})*eigvecs({0})')", self.symmetric(n, d.min(1)), self.v(n, d)),
            13 => format!("(({}) + ({})*eye({}))", self.m(n, n, d), self.s(d), n.text()),
            14 => format!("expm_frechet(({})/5, {})", self.m(n, n, d), self.m(n, n, d)),
            15 => {
                format!("{}_frechet({}, {})", self.pick(&["sqrtm", "logm"]), self.definite(n, d), self.symmetric(n, d))
            }
            16 => self.symmetric(n, d),
            17 => self.definite(n, d),
            18 => format!("({})*I", self.s(d)) + " + " + &self.m(n, n, d),
            _ => format!("(({})*({})')", self.m(n, N, d), self.m(n, N, d)),
        }
    }
}
