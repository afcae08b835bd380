//! Numbers for graphs: a plan made once for given sizes, run many times; and the files the numbers come from.

mod array;
mod batch;
mod code;
mod compile;
pub mod data;
mod engine;
mod error;
mod fused;
mod kernel;
mod layout;
mod linalg;
mod newton;
mod precision;
mod prepared;
mod program;
mod recurrence;
mod sizes;
mod sparse;
pub use matgrad_special as special;
mod tiled;

pub use array::{Array, Inputs, shape_text};
pub use compile::{Options, compile, compile_with};
pub use engine::Engine;
pub use error::{CompileError, RunError};
pub use kernel::number::Number;
pub use layout::{LayoutError, arrange};
pub use matgrad_dense::{set_threads, threads};
pub use newton::{Goal, SolveError, System, Unknown};
pub use precision::Precision;
pub use prepared::Prepared;
pub use program::{Program, ProgramInput, Workspace};
pub use sizes::{SizeError, infer_sizes};
pub use sparse::{Block, Csr, Grid, Request as SparseRequest, SparseProgram, compile_sparse};
