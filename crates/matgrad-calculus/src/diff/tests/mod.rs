//! Derivatives against graphs written by hand, and against numbers.

mod conditions;
mod constructors;
mod forms;
mod lab;
mod linalg;
mod numbers;
mod special;
mod value;
