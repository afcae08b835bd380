//! Why a value could not be computed.

use std::fmt;

/// The kind of failure; the sampler retries with other numbers after some of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// Shapes or the number of arguments do not fit.
    Shape,
    /// A name or function nobody defined.
    Unknown,
    /// The argument is outside the domain: a negative determinant under `logdet`, say.
    Domain,
    /// A matrix that has to be inverted is singular.
    Singular,
    /// A function of symmetric matrices met one that is not, or a direction that leaves them.
    Asymmetric,
    /// A subscript outside its axis.
    Subscript,
    /// Dual numbers do not pass through this operation here.
    NoDual,
    /// More work or memory than a check may take.
    Limit,
}

/// A failed evaluation: its kind and a message in lower case without full stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvalError {
    /// What kind of failure.
    pub kind: ErrorKind,
    /// What is wrong.
    pub message: String,
}

impl EvalError {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    pub(crate) fn shape(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Shape, message)
    }

    pub(crate) fn domain(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Domain, message)
    }

    /// Whether other numbers of the same shapes may succeed.
    pub(crate) fn depends_on_numbers(&self) -> bool {
        matches!(self.kind, ErrorKind::Domain | ErrorKind::Singular | ErrorKind::Asymmetric | ErrorKind::NoDual)
    }
}

impl fmt::Display for EvalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for EvalError {}

pub(crate) type Result<T> = std::result::Result<T, EvalError>;
