//! Derivatives of vector, matrix and tensor functions, written as a textbook would and checked.
//!
//! ```
//! use matgrad::{Request, Text};
//!
//! let text = Text::expression("x'*A*x").declare("A in R^(n x n) symmetric");
//! let answer = matgrad::derive(&Request::new(text, "x"))?;
//! assert_eq!(answer.text(), "2*x'*A");
//! assert_eq!(answer.derivative.shape, ["1", "n"]);
//! # Ok::<(), matgrad::Failure>(())
//! ```
//!
//! The pipeline behind [`derive()`] is in the crates that this one re-exports: text to tree (`matgrad-syntax`), tree to
//! graph, derivative, simplification and notation (`matgrad-calculus`), tree to text (`matgrad-render`), graph to numbers
//! (`matgrad-eval`), and the independent check (`matgrad-check`).

#![deny(missing_docs)]

mod along_loops;
mod along_units;
mod answer;
mod batch;
mod claim;
mod claimed_steps;
mod code;
mod curvature;
mod derive;
mod differences;
mod domain;
mod draw;
mod evaluate;
mod exercises;
mod explain;
mod failure;
mod functions;
mod implicit;
mod inspect;
mod json;
mod kinds;
mod layouts;
mod mentioned;
mod named;
mod operator;
mod outline;
mod plan;
pub mod program;
mod proof;
mod queries;
mod relations;
mod request;
mod solving;
pub mod symbols;
mod text;
mod tied;
mod turned;
mod tutor;
mod work;

pub use answer::{Answer, Equation, Step, Written};
pub use claim::{Claim, Finding, check};
pub use claimed_steps::{CheckedStep, CheckedSteps, ClaimedStep, check_steps, claimed_steps, has_steps};
pub use code::{Code, Target};
pub use curvature::{Curvature, CurvatureKind, ProofLine, Refutation, curvature};
pub use derive::derive;
pub use differences::{Counterexample, Differences, compare_with_differences};
pub use draw::{Random, draw};
pub use evaluate::{Evaluation, Product};
pub use exercises::{Exercise, Judgement, exercises};
pub use explain::{Language, Style};
pub use failure::Failure;
pub use functions::{FunctionFacts, FunctionSample, function_facts, function_names};
pub use inspect::{Branch, Inspection, Known, Sample, inspect, sample};
pub use layouts::{Cell, LayoutEntry, Layouts, Picture, Placement, layouts};
pub use matgrad_calculus::diff::Rule;
pub use matgrad_calculus::layout::Layout;
pub use matgrad_calculus::notation::Notation;
pub use matgrad_check::Verdict;
pub use matgrad_eval::{Array, Csr, Engine, Inputs, Precision, Prepared, Program, Workspace, data, set_threads};
pub use matgrad_render::{Markup, TextOptions, Typesetting};
pub use matgrad_syntax::functions::{Function, Group};
pub use matgrad_syntax::patience;
pub use matgrad_syntax::{Attribute, Diagnostic, Source};
pub use operator::{Matrix, Operator};
pub use outline::{Outline, outline};
pub use plan::{Memory, Plan};
pub use queries::{Reply, answer_queries};
pub use request::{Convention, Limits, Request};
pub use solving::Solution;
pub use text::{Text, respell};
pub use tutor::{Diagnosis, Fault};
