//! Claims about derivatives.

use matgrad::{Claim, Random, Request, compare_with_differences};
use numpy::{PyArray1, PyArrayMethods};
use pyo3::prelude::*;

use crate::convert::as_doubles;
use crate::expr::{Expr, variable, with_options};
use crate::raise;

/// The finding about a claim.
#[pyclass(frozen, module = "matgrad", get_all)]
pub(crate) struct Verdict {
    /// Whether the claim is right.
    right: bool,
    /// The finding in words.
    sentence: String,
    /// The layouts in which it is right.
    layouts: Vec<String>,
    /// At how many points it was compared.
    points: usize,
    max_relative_error: f64,
    /// The entry that differs: its index, what is claimed and what is true, with the error of the latter and the point
    /// where they are known.
    counterexample: Option<Py<PyAny>>,
}

#[pymethods]
impl Verdict {
    fn __bool__(&self) -> bool {
        self.right
    }

    fn __repr__(&self) -> String {
        format!("<{}: {}>", if self.right { "right" } else { "wrong" }, self.sentence)
    }
}

pub(crate) fn check_request(request: &Request, claim: &str, any_layout: bool) -> PyResult<Verdict> {
    let finding = matgrad::check(request, &Claim { text: claim.to_owned(), any_layout }).map_err(raise)?;
    let report = &finding.report;
    let counterexample = Python::attach(|py| -> PyResult<Option<Py<PyAny>>> {
        let Some(mismatch) = &report.mismatch else { return Ok(None) };
        let dict = pyo3::types::PyDict::new(py);
        dict.set_item("index", &mismatch.index)?;
        dict.set_item("claimed", mismatch.got)?;
        dict.set_item("true", mismatch.want)?;
        Ok(Some(dict.into_any().unbind()))
    })?;
    Ok(Verdict {
        right: finding.right,
        sentence: finding.sentence,
        layouts: report.layouts.iter().map(|layout| layout.name().to_owned()).collect(),
        points: report.points,
        max_relative_error: report.max_relative_error,
        counterexample,
    })
}

/// Compares a claimed derivative of an expression with the true one.
#[pyfunction]
pub(crate) fn check_claim(
    f: &Expr,
    wrt: &Bound<'_, PyAny>,
    claim: &str,
    layout: Option<&str>,
    order: usize,
    convention: Option<&str>,
) -> PyResult<Verdict> {
    let request = with_options(f.inner.request(&variable(wrt)?), layout, order, convention, true)?;
    check_request(&request, claim, layout.is_none())
}

/// Compares a claimed derivative of a Python function of one flat array with differences at some points.
#[pyfunction]
pub(crate) fn check_numbers(
    py: Python<'_>,
    function: &Bound<'_, PyAny>,
    claim: &Bound<'_, PyAny>,
    points: Vec<Vec<f64>>,
    seed: u64,
) -> PyResult<Verdict> {
    let values = |callable: &Bound<'_, PyAny>, x: &[f64]| -> PyResult<Vec<f64>> {
        let value = callable.call1((PyArray1::from_slice(py, x),))?;
        let array = as_doubles(&value)?;
        let array = array.try_readonly().map_err(|error| raise(error.to_string()))?;
        Ok(array.as_array().iter().copied().collect())
    };
    for point in &points {
        let (value, claimed) = (values(function, point)?.len(), values(claim, point)?.len());
        if claimed != value * point.len() {
            let message = format!(
                "the claimed derivative has {claimed} entries where the value has {value} and the point {}",
                point.len()
            );
            return Err(raise(message));
        }
    }
    let found = compare_with_differences(
        |x: &[f64]| values(function, x),
        |x: &[f64]| values(claim, x),
        &points,
        &mut Random::new(seed),
    )?;
    let mut sentence = format!(
        "the claim agrees with differences in {} entries at {} points (largest relative gap {:.1e})",
        found.entries, found.points, found.max_relative_error
    );
    let mut counterexample = None;
    if found.entries == 0 {
        sentence = "the function has no derivative at these points that differences could find".to_owned();
    }
    if let Some(wrong) = &found.counterexample {
        let (row, column) = wrong.entry;
        sentence = format!(
            "the derivative of entry {row} by variable {column} is claimed to be {:.9}, differences give {:.9} ± {:.1e}",
            wrong.claimed, wrong.found, wrong.error
        );
        let dict = pyo3::types::PyDict::new(py);
        dict.set_item("index", [row, column])?;
        dict.set_item("claimed", wrong.claimed)?;
        dict.set_item("true", wrong.found)?;
        dict.set_item("error", wrong.error)?;
        dict.set_item("point", PyArray1::from_slice(py, &wrong.point))?;
        counterexample = Some(dict.into_any().unbind());
    }
    Ok(Verdict {
        right: found.right && found.entries > 0,
        sentence,
        layouts: Vec::new(),
        points: found.points,
        max_relative_error: found.max_relative_error,
        counterexample,
    })
}
