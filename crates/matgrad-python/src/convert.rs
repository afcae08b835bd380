//! Python objects as operands.

use matgrad::symbols::{self, Entry};
use numpy::{Element, PyArrayDyn, PyArrayMethods, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyFloat, PyInt};

use crate::expr::Expr;
use crate::raise;

/// The largest array that is written into a formula.
const LITERAL: usize = 1000;

/// What stands beside an expression: an expression, a number, or an array of few numbers.
pub(crate) struct Operand(pub symbols::Expr);

impl<'py> FromPyObject<'_, 'py> for Operand {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(expr) = object.cast::<Expr>() {
            return Ok(Operand(expr.get().inner.clone()));
        }
        if let Ok(value) = object.cast::<PyFloat>() {
            return number(value.extract()?);
        }
        if object.is_instance_of::<PyInt>() && !object.is_instance_of::<PyBool>() {
            return Ok(Operand(match object.extract::<i64>() {
                Ok(value) => value.into(),
                Err(_) => symbols::Expr::read(&object.str()?.to_cow()?),
            }));
        }
        if object.cast::<PyUntypedArray>().is_ok() || object.is_instance_of::<pyo3::types::PyList>() {
            return array(object);
        }
        // numbers of NumPy
        if object.hasattr("__float__")? && object.hasattr("dtype")? {
            return number(object.extract()?);
        }
        let kind = object.get_type().name()?.to_string();
        Err(PyTypeError::new_err(format!("an expression, a number or an array is wanted, not {kind}")))
    }
}

fn number(value: f64) -> PyResult<Operand> {
    if !value.is_finite() {
        return Err(raise(format!("{value} is no number of a formula")));
    }
    Ok(Operand(value.into()))
}

/// An array as `[1, 2; 3, 4]`.
fn array(object: Borrowed<'_, '_, PyAny>) -> PyResult<Operand> {
    let array = as_doubles(&object)?;
    let array = array.try_readonly().map_err(|error| raise(error.to_string()))?;
    if array.len() > LITERAL {
        let message = format!(
            "an array of {} numbers is too long to be part of a formula: make a symbol, and pass the array to the \
             compiled function",
            array.len()
        );
        return Err(raise(message));
    }
    let entries: Vec<f64> = array.as_array().iter().copied().collect();
    if let Some(value) = entries.iter().find(|value| !value.is_finite()) {
        return Err(raise(format!("{value} is no number of a formula")));
    }
    let entries: Vec<symbols::Expr> = entries.into_iter().map(symbols::Expr::from).collect();
    let entries: Vec<&symbols::Expr> = entries.iter().collect();
    Ok(Operand(match array.shape() {
        [] => entries.first().map_or_else(|| 0.into(), |expr| (*expr).clone()),
        [_] => symbols::column(&entries),
        [_, n] if *n > 0 => symbols::rows(&entries.chunks(*n).collect::<Vec<_>>()),
        _ => return Err(raise("a formula takes arrays of one or two axes")),
    }))
}

/// The array itself where it is one of doubles, else such an array with its numbers.
pub(crate) fn as_doubles<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyArrayDyn<f64>>> {
    as_numbers(object)
}

/// The array itself where it is one of such numbers, else such an array with its numbers.
pub(crate) fn as_numbers<'py, T: Entry + Element>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyArrayDyn<T>>> {
    if let Ok(array) = object.cast::<PyArrayDyn<T>>() {
        return Ok(array.clone());
    }
    let numpy = object.py().import("numpy")?;
    let array = numpy.call_method1("asarray", (object, T::get_dtype(object.py())))?;
    Ok(array.cast_into::<PyArrayDyn<T>>()?)
}
