//! The check behind every derivative: an evaluator of the syntax tree that shares nothing with the differentiator.
//!
//! It reads a function as the language defines it, computes with numbers, and gets derivatives by sending dual numbers
//! through the same evaluation. [`verify`] compares an answer with that at random points of the function's domain.

mod abstracts;
mod builtin;
mod compile;
mod derivative;
mod eigen;
mod error;
mod extent;
mod functions;
mod layout;
mod linalg;
mod machine;
mod matfun;
mod operators;
mod problem;
mod program;
mod rng;
mod sample;
mod scalar;
mod special;
mod value;
mod verify;

pub use error::{ErrorKind, EvalError};
pub use extent::Extent;
pub use layout::Layout;
pub use problem::{Answer, Problem, Signature, Target, Variable};
pub use sample::Family;
pub use value::Array;
pub use verify::{Convention, Mismatch, Options, Verdict, verify};
