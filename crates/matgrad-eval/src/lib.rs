//! Numbers for graphs: a plan made once for given sizes, run many times; and the files the numbers come from.

mod array;
mod compile;
mod error;
mod kernel;
mod linalg;
mod program;
mod sizes;
pub mod special;

pub use array::{Array, Inputs, shape_text};
pub use compile::{Options, compile, compile_with};
pub use error::{CompileError, RunError};
pub use program::{Program, ProgramInput, Workspace};
