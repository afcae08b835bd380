//! The functions of the language as methods.

use matgrad_syntax::{BinaryOp, functions, suggest};

use super::expr::{Expr, Kind, Part, Size, size};
use super::shape::Shape;

/// A function of the language by its name: `call("logsumexp", &[&x])`. Every function of its table can be called; what is
/// none is an error of the expression.
///
/// ```
/// use matgrad::symbols::{call, vector};
/// let x = vector("x", "n");
/// assert_eq!(call("logsumexp", &[&x]).gradient(&x)?.text(), "softmax(x)");
/// # Ok::<(), matgrad::Failure>(())
/// ```
pub fn call(function: &str, arguments: &[&Expr]) -> Expr {
    Expr::of(Kind::Call(function.into()), arguments.iter().map(|expr| (*expr).clone()).collect())
}

/// The name that the language has for a function, where another system's name is given: `trace` is `tr`.
pub fn function_name(name: &str) -> Option<&'static str> {
    functions::find(name).map(|found| found.name).or_else(|| functions::from_elsewhere(name))
}

/// The function of the language whose name is most like this one.
pub fn nearest_function(name: &str) -> Option<&'static str> {
    suggest::nearest(name, functions::FUNCTIONS.iter().map(|function| function.name))
}

/// The functions of the language: name, fewest and most arguments, and what each is.
pub fn functions() -> impl Iterator<Item = (&'static str, usize, usize, &'static str)> {
    functions::FUNCTIONS.iter().map(|function| (function.name, function.min_args, function.max_args, function.meaning))
}

/// The identity matrix.
pub fn eye(n: impl Into<Size>) -> Expr {
    call("eye", &[&size(n)])
}

/// A vector of ones.
pub fn ones(n: impl Into<Size>) -> Expr {
    call("ones", &[&size(n)])
}

/// A column of expressions: scalars one below the other, or columns side by side.
///
/// ```
/// use matgrad::symbols::{column, scalar};
/// let (r, t) = (scalar("r"), scalar("t"));
/// let point = column(&[&(&r * t.cos()), &(&r * t.sin())]);
/// assert_eq!(point.text(), "[r*cos(t), r*sin(t)]");
/// ```
pub fn column(entries: &[&Expr]) -> Expr {
    Expr::of(Kind::Column, entries.iter().map(|expr| (*expr).clone()).collect())
}

/// A matrix of rows of expressions, or of blocks.
pub fn rows(rows: &[&[&Expr]]) -> Expr {
    let lengths = rows.iter().map(|row| row.len()).collect();
    Expr::of(Kind::Rows(lengths), rows.iter().flat_map(|row| row.iter().map(|expr| (*expr).clone())).collect())
}

/// What a subscript takes of an axis, counted from 1.
#[derive(Clone, Debug)]
pub enum At {
    /// All of it.
    All,
    /// One place.
    Place(Expr),
    /// From one place to another, ends included.
    Range(Expr, Expr),
}

impl From<usize> for At {
    fn from(place: usize) -> Self {
        At::Place(Expr::from(place as i64))
    }
}

impl From<std::ops::RangeFull> for At {
    fn from(_: std::ops::RangeFull) -> Self {
        At::All
    }
}

impl From<std::ops::RangeInclusive<usize>> for At {
    fn from(range: std::ops::RangeInclusive<usize>) -> Self {
        At::Range(Expr::from(*range.start() as i64), Expr::from(*range.end() as i64))
    }
}

macro_rules! methods {
    ($($(#[$doc:meta])* $name:ident = $function:literal;)*) => {
        impl Expr {$(
            $(#[$doc])*
            #[must_use]
            pub fn $name(&self) -> Expr {
                call($function, &[self])
            }
        )*}
    };
}

methods! {
    /// The trace.
    tr = "tr";
    /// The determinant.
    det = "det";
    /// The logarithm of the determinant.
    logdet = "logdet";
    /// The inverse.
    inv = "inv";
    /// The pseudo-inverse.
    pinv = "pinv";
    /// The diagonal matrix of a vector, or the diagonal of a matrix.
    diag = "diag";
    /// The columns stacked into one.
    vec = "vec";
    /// The lower Cholesky factor.
    chol = "chol";
    /// The matrix exponential.
    expm = "expm";
    /// The matrix logarithm.
    logm = "logm";
    /// The matrix square root.
    sqrtm = "sqrtm";
    /// The eigenvalues of a symmetric matrix, ascending.
    eigvals = "eigvals";
    /// The 2-norm of a vector, the Frobenius norm of a matrix.
    norm = "norm";
    /// The sum of the absolute values of all entries.
    norm1 = "norm1";
    /// The sum of all entries.
    sum = "sum";
    /// The mean of all entries.
    mean = "mean";
    /// The product of all entries.
    prod = "prod";
    /// The largest entry.
    max = "max";
    /// The smallest entry.
    min = "min";
    /// The logarithm of the sum of the exponentials of all entries.
    logsumexp = "logsumexp";
    /// `exp(x)/sum(exp(x))`.
    softmax = "softmax";
    /// The exponential of every entry.
    exp = "exp";
    /// The natural logarithm of every entry.
    log = "log";
    /// log(1 + x)
    log1p = "log1p";
    /// The square root of every entry.
    sqrt = "sqrt";
    /// The absolute value of every entry.
    abs = "abs";
    /// The sine of every entry.
    sin = "sin";
    /// The cosine of every entry.
    cos = "cos";
    /// The tangent of every entry.
    tan = "tan";
    /// The hyperbolic tangent of every entry.
    tanh = "tanh";
    /// 1/(1 + exp(-x))
    sigmoid = "sigmoid";
    /// log(1 + exp(x))
    softplus = "softplus";
    /// x where it is positive, else 0.
    relu = "relu";
    /// The error function.
    erf = "erf";
}

impl Expr {
    /// The transpose.
    #[must_use]
    pub fn t(&self) -> Expr {
        match &self.node.kind {
            Kind::Transpose => self.node.children.first().cloned().unwrap_or_else(|| self.clone()),
            Kind::Number(_) => self.clone(),
            _ => Expr::of(Kind::Transpose, vec![self.clone()]),
        }
    }

    /// The product entry by entry.
    #[must_use]
    pub fn had(&self, other: &Expr) -> Expr {
        Expr::binary(BinaryOp::Hadamard, self, other)
    }

    /// The quotient entry by entry.
    #[must_use]
    pub fn elem_div(&self, other: &Expr) -> Expr {
        Expr::binary(BinaryOp::ElemDiv, self, other)
    }

    /// The power entry by entry.
    #[must_use]
    pub fn elem_pow(&self, exponent: impl Into<Expr>) -> Expr {
        Expr::binary(BinaryOp::ElemPow, self, &exponent.into())
    }

    /// The power of a scalar, or the whole power of a square matrix.
    #[must_use]
    pub fn pow(&self, exponent: impl Into<Expr>) -> Expr {
        Expr::binary(BinaryOp::Pow, self, &exponent.into())
    }

    /// The Kronecker product.
    #[must_use]
    pub fn kron(&self, other: &Expr) -> Expr {
        Expr::binary(BinaryOp::Kron, self, other)
    }

    /// The solution `X` of `self*X = right`.
    #[must_use]
    pub fn solve(&self, right: &Expr) -> Expr {
        Expr::binary(BinaryOp::Solve, self, right)
    }

    /// `tr(self'*other)`
    #[must_use]
    pub fn inner(&self, other: &Expr) -> Expr {
        Expr::binary(BinaryOp::Inner, self, other)
    }

    /// A comparison, for [`Expr::select`]: `<`, `<=`, `>`, `>=`, `==` or `!=`.
    #[must_use]
    pub fn compare(&self, sign: &str, other: &Expr) -> Expr {
        let op = match sign {
            "<" => BinaryOp::Less,
            "<=" => BinaryOp::LessEq,
            ">" => BinaryOp::Greater,
            ">=" => BinaryOp::GreaterEq,
            "==" => BinaryOp::Equal,
            _ => BinaryOp::NotEqual,
        };
        Expr::binary(op, self, other)
    }

    /// Where this condition holds the one, elsewhere the other.
    #[must_use]
    pub fn select(&self, then: &Expr, otherwise: &Expr) -> Expr {
        call("where", &[self, then, otherwise])
    }

    /// A part: an entry, a row, a column, a range.
    ///
    /// ```
    /// use matgrad::symbols::matrix;
    /// let a = matrix("A", "m", "n");
    /// assert_eq!(a.at([2.into(), (..).into()]).text(), "A[2,:]");
    /// ```
    #[must_use]
    pub fn at(&self, subscripts: impl IntoIterator<Item = At>) -> Expr {
        let (mut parts, mut children) = (Vec::new(), vec![self.clone()]);
        for subscript in subscripts {
            match subscript {
                At::All => parts.push(Part::All),
                At::Place(place) => {
                    parts.push(Part::At);
                    children.push(place);
                }
                At::Range(from, to) => {
                    parts.push(Part::Range);
                    children.extend([from, to]);
                }
            }
        }
        Expr::of(Kind::Index(parts), children)
    }

    /// The product as `@` of NumPy has it: a column on the left of what it cannot be multiplied by counts as a row, so
    /// that `x @ y` of two columns is their inner product.
    #[must_use]
    pub fn matmul(&self, other: &Expr) -> Expr {
        let product = self * other;
        let column = |expr: &Expr| matches!(expr.known_shape(), Ok(Shape::Column(_)));
        if column(self) && !other.is_scalar() && product.known_shape().is_err() {
            let turned = self.t() * other;
            if turned.known_shape().is_ok() {
                return turned;
            }
        }
        product
    }

    /// The product entry by entry, or by a scalar: `*` of NumPy.
    #[must_use]
    pub fn times(&self, other: &Expr) -> Expr {
        if self.is_scalar() || other.is_scalar() { self * other } else { self.had(other) }
    }

    /// The quotient entry by entry, or by a scalar: `/` of NumPy.
    #[must_use]
    pub fn over(&self, other: &Expr) -> Expr {
        if other.is_scalar() { self / other } else { self.elem_div(other) }
    }

    /// The power entry by entry: `**` of NumPy.
    #[must_use]
    pub fn to_the(&self, exponent: &Expr) -> Expr {
        if self.is_scalar() && exponent.is_scalar() { self.pow(exponent) } else { self.elem_pow(exponent) }
    }
}
