//! The Python package `matgrad`: symbols, derivatives and compiled functions of the crate `matgrad` as Python objects.
//! What is mathematics is there; here are conversions.

mod check;
mod convert;
mod expr;
mod function;

use pyo3::prelude::*;

pyo3::create_exception!(
    matgrad,
    MatgradError,
    pyo3::exceptions::PyValueError,
    "What is wrong with a formula, its data or a request, with the place underlined."
);

/// A failure as a Python exception.
fn raise(failure: impl std::fmt::Display) -> PyErr {
    MatgradError::new_err(failure.to_string())
}

#[pymodule]
mod _matgrad {
    #[pymodule_export]
    use super::MatgradError;
    #[pymodule_export]
    use super::check::{Verdict, check_claim, check_numbers};
    #[pymodule_export]
    use super::expr::{
        Expr, call, column, functions, inner, literal, matrix_power, nearest_function, own_name, parse, rows, size,
        solve, symbol, write_code,
    };
    #[pymodule_export]
    use super::function::{Function, compile, set_threads};
}
