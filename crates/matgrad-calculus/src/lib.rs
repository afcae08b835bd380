//! The calculus: one graph of tensors, its differentiation, simplification and way back to matrix notation.

pub mod curvature;
pub mod diff;
pub mod entries;
pub mod explain;
pub mod graph;
pub mod infer;
pub mod jacdet;
pub mod layout;
pub mod notation;
pub mod simplify;
pub mod solve;
pub mod structure;
