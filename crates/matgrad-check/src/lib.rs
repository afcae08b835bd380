//! The check behind every derivative: an evaluator of the syntax tree that shares nothing with the differentiator.
//!
//! It reads a function as the language defines it, computes with numbers, and gets derivatives by sending dual numbers
//! through the same evaluation. [`verify`] compares an answer with that at random points of the function's domain.

mod abstracts;
mod bending;
mod budget;
mod builtin;
mod claim;
mod compare;
mod compile;
mod derivative;
mod differences;
mod direction;
mod eigen;
mod error;
mod evaluate;
mod extent;
mod functions;
mod implicit;
mod layout;
mod linalg;
mod machine;
mod matfun;
mod operators;
mod point;
mod problem;
mod program;
mod quantity;
mod rng;
mod rounded;
mod sample;
mod scalar;
mod solution;
mod special;
mod value;
mod verify;

pub use bending::{Bend, Bends, bends};
pub use claim::{ClaimReport, Relation, check_claim};
pub use compare::Mismatch;
pub use direction::Convention;
pub use error::{ErrorKind, EvalError};
pub use evaluate::{directional, evaluate, evaluate_answer, uncertainty};
pub use extent::Extent;
pub use layout::Layout;
pub use problem::{Answer, Problem, Signature, Target, Variable};
pub use quantity::{Operator, Quantity, Scaling, verify_quantity};
pub use sample::Family;
pub use solution::{Equations, verify_solution};
pub use value::Array;
pub use verify::{Options, Verdict, verify};
