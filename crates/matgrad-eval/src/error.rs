//! What can go wrong between a graph and its numbers.

use std::fmt;

use matgrad_syntax::Name;

use crate::array::shape_text;

/// Why a graph has no program.
#[derive(Clone, Debug, PartialEq)]
pub enum CompileError {
    /// A dimension has no size: a name in it is unknown, or the value is no whole number at least 0.
    Size {
        /// The dimension as text.
        dimension: String,
    },
    /// An abstract function has no value.
    Abstract {
        /// Its name.
        name: Name,
    },
    /// The arrays of the plan take more memory than allowed.
    TooLarge {
        /// The bytes the plan would take, saturating.
        bytes: u64,
        /// The limit.
        limit: u64,
        /// The shape of the largest array.
        largest: Vec<usize>,
    },
    /// Operands of an operation do not fit; a defect of the graph.
    Shapes {
        /// The operation.
        what: &'static str,
    },
    /// An engine that this machine does not have.
    Engine {
        /// Why not.
        reason: String,
    },
    /// A function that is no straight-line code, so that its derivative is needed as a tensor.
    Derivative,
}

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Size { dimension } => write!(f, "the size of dimension `{dimension}` is not known from the data"),
            Self::Abstract { name } => write!(f, "the function `{name}` is abstract: it has no value to compute"),
            Self::TooLarge { bytes, limit, largest } => write!(
                f,
                "the computation needs {} of memory, more than the limit of {}; its largest array is {}",
                bytes_text(*bytes),
                bytes_text(*limit),
                shape_text(largest)
            ),
            Self::Shapes { what } => write!(f, "operands of {what} do not fit"),
            Self::Engine { reason } => f.write_str(reason),
            Self::Derivative => f.write_str("the derivative is needed as a tensor"),
        }
    }
}

impl std::error::Error for CompileError {}

/// Why a program does not run on these inputs.
#[derive(Clone, Debug, PartialEq)]
pub enum RunError {
    /// Inputs without data, all of them.
    Missing {
        /// Their names.
        names: Vec<Name>,
    },
    /// An input of another shape than the program was made for.
    Shape {
        /// Its name.
        name: Name,
        /// The shape the program was made for.
        expected: Vec<usize>,
        /// The shape of the data.
        found: Vec<usize>,
    },
    /// Indices that differ from those the pattern of a sparse result was made for.
    Pattern {
        /// The input with the indices.
        name: Name,
    },
    /// Memory for a result that has another length than the result.
    Result {
        /// Which result.
        index: usize,
        /// Its shape.
        expected: Vec<usize>,
        /// The length of the memory.
        found: usize,
    },
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { names } => {
                let list: Vec<String> = names.iter().map(|n| format!("`{n}`")).collect();
                write!(f, "the data has no array for {}", list.join(", "))
            }
            Self::Shape { name, expected, found } => write!(
                f,
                "input `{name}` has shape {} in the data where {} is needed",
                shape_text(found),
                shape_text(expected)
            ),
            Self::Pattern { name } => {
                write!(f, "the indices in `{name}` are others than those the sparse pattern was planned for")
            }
            Self::Result { index, expected, found } => {
                write!(f, "result {} has {} numbers, its memory {found}", index + 1, expected.iter().product::<usize>())
            }
        }
    }
}

impl std::error::Error for RunError {}

/// A number of bytes as people read it.
pub(crate) fn bytes_text(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}
