//! Compiled functions of NumPy arrays.

use matgrad::Precision;
use matgrad::symbols::{self, Entry, Order};
use numpy::{Element, IxDyn, PyArray, PyArrayDyn, PyArrayMethods, PyReadonlyArrayDyn, PyUntypedArrayMethods};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFloat, PyTuple};
use smallvec::SmallVec;

use crate::convert::as_numbers;
use crate::expr::Expr;
use crate::raise;

/// Runs with less work than this keep the interpreter's lock: giving it away and taking it back costs more.
const SHORT: f64 = 2e4;

/// Expressions as one function of arrays.
#[pyclass(frozen, module = "matgrad")]
pub(crate) struct Function {
    inner: symbols::Function,
    /// Whether the result is one array, rather than a tuple of them.
    single: bool,
    precision: Precision,
}

/// An argument as the program reads it.
enum Argument<'py, T: Element> {
    Number(T),
    Array(PyReadonlyArrayDyn<'py, T>, Order),
}

impl<'py, T: Entry + Element> Argument<'py, T> {
    fn of(object: &Bound<'py, PyAny>) -> PyResult<Self> {
        if let Ok(value) = object.cast::<PyFloat>() {
            return Ok(Argument::Number(T::of(value.extract()?)));
        }
        let array = as_numbers::<T>(object)?;
        if array.is_c_contiguous() {
            return Self::borrowed(array, Order::Rows);
        }
        if array.ndim() == 2 && array.is_fortran_contiguous() {
            return Self::borrowed(array, Order::Columns);
        }
        let numpy = object.py().import("numpy")?;
        let copy = numpy.call_method1("ascontiguousarray", (array,))?;
        Self::borrowed(copy.cast_into::<PyArrayDyn<T>>()?, Order::Rows)
    }

    fn borrowed(array: Bound<'py, PyArrayDyn<T>>, order: Order) -> PyResult<Self> {
        let array = array.try_readonly().map_err(|error| raise(error.to_string()))?;
        Ok(Argument::Array(array, order))
    }

    fn shape(&self) -> (&[usize], Order) {
        match self {
            Argument::Number(_) => (&[], Order::Rows),
            Argument::Array(array, order) => (array.shape(), *order),
        }
    }

    fn numbers(&self) -> PyResult<&[T]> {
        match self {
            Argument::Number(value) => Ok(std::slice::from_ref(value)),
            Argument::Array(array, _) => array.as_slice().map_err(|error| raise(error.to_string())),
        }
    }
}

impl Function {
    /// The keyword `out`, where it is no argument of the function.
    fn out<'py>(&self, kwargs: Option<&Bound<'py, PyDict>>) -> PyResult<Option<Bound<'py, PyAny>>> {
        match kwargs {
            Some(kwargs) if !self.inner.arguments().iter().any(|name| name == "out") => kwargs.get_item("out"),
            _ => Ok(None),
        }
    }

    /// The arrays that results of these shapes are written to: those of the caller, one a result, where there are any.
    fn places<'py, T: Entry + Element>(
        &self,
        py: Python<'py>,
        shapes: &[Vec<usize>],
        out: Option<Bound<'py, PyAny>>,
    ) -> PyResult<SmallVec<[Bound<'py, PyArrayDyn<T>>; 8]>> {
        let own: Vec<Bound<'py, PyAny>> = match out.filter(|out| !out.is_none()) {
            None => vec![py.None().into_bound(py); shapes.len()],
            Some(out) if self.single && shapes.len() == 1 => vec![out],
            Some(out) => out.try_iter()?.collect::<PyResult<_>>()?,
        };
        if own.len() != shapes.len() {
            let message = format!("`out` has {} arrays for {} results", own.len(), shapes.len());
            return Err(PyTypeError::new_err(message));
        }
        let mut places = SmallVec::new();
        for (shape, own) in shapes.iter().zip(own).filter(|(shape, _)| !shape.is_empty()) {
            if own.is_none() {
                places.push(PyArray::<T, IxDyn>::zeros(py, IxDyn(shape), false));
                continue;
            }
            let array = own.cast_into::<PyArrayDyn<T>>().map_err(|_| {
                let kind = if self.precision == Precision::Double { "float64" } else { "float32" };
                PyTypeError::new_err(format!("`out` takes arrays of {kind}, or None where a new array is wanted"))
            })?;
            if array.shape() != shape.as_slice() || !array.is_c_contiguous() {
                let message = format!("`out` takes an array of shape {shape:?} in C order, not {:?}", array.shape());
                return Err(PyTypeError::new_err(message));
            }
            places.push(array);
        }
        Ok(places)
    }

    /// The arguments in their order.
    fn bind<'py, T: Entry + Element>(
        &self,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<SmallVec<[Argument<'py, T>; 8]>> {
        let names = self.inner.arguments();
        let given = args.len() + kwargs.map_or(0, |kwargs| kwargs.len()) - usize::from(self.out(kwargs)?.is_some());
        if given != names.len() {
            let list = names.join(", ");
            let message = format!("the function takes {} arguments ({list}), not {given}", names.len());
            return Err(PyTypeError::new_err(message));
        }
        let mut arguments = SmallVec::new();
        for object in args.iter_borrowed() {
            arguments.push(Argument::of(&object)?);
        }
        for name in names.iter().skip(args.len()) {
            let kwargs = kwargs.map(|kwargs| kwargs.get_item(name)).transpose()?.flatten();
            let missing = || PyTypeError::new_err(format!("the argument `{name}` is missing"));
            arguments.push(Argument::of(&kwargs.ok_or_else(missing)?)?);
        }
        Ok(arguments)
    }

    fn call<'py, T: Entry + Element>(
        &self,
        py: Python<'py>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let arguments = self.bind::<T>(args, kwargs)?;
        let shapes: SmallVec<[(&[usize], Order); 8]> = arguments.iter().map(Argument::shape).collect();
        let compiled = self.inner.plan(&shapes).map_err(raise)?;
        let inputs = arguments.iter().map(Argument::numbers).collect::<PyResult<SmallVec<[&[T]; 8]>>>()?;
        // numbers are results of their own kind, arrays are written in place
        let mut numbers: SmallVec<[T; 8]> = SmallVec::from_elem(T::zero(), compiled.shapes().len());
        let mut arrays: SmallVec<[_; 8]> = SmallVec::new();
        let held = self.places::<T>(py, compiled.shapes(), self.out(kwargs)?)?;
        for array in &held {
            arrays.push(array.try_readwrite().map_err(|error| raise(error.to_string()))?);
        }
        {
            let mut places: SmallVec<[&mut [T]; 8]> = SmallVec::new();
            let mut own = arrays.iter_mut();
            for (shape, number) in compiled.shapes().iter().zip(&mut numbers) {
                places.push(match (shape.is_empty(), own.as_slice().is_empty()) {
                    (false, false) => match own.next() {
                        Some(array) => array.as_slice_mut().map_err(|error| raise(error.to_string()))?,
                        None => std::slice::from_mut(number),
                    },
                    _ => std::slice::from_mut(number),
                });
            }
            if compiled.work() < SHORT {
                compiled.run(&inputs, &mut places).map_err(raise)?;
            } else {
                py.detach(|| compiled.run(&inputs, &mut places)).map_err(raise)?;
            }
        }
        let mut arrays = arrays.into_iter();
        let mut results: SmallVec<[Bound<'py, PyAny>; 8]> = SmallVec::new();
        for (shape, number) in compiled.shapes().iter().zip(&numbers) {
            results.push(match shape.is_empty() {
                true => PyFloat::new(py, number.wide()).into_any(),
                false => match arrays.next() {
                    Some(array) => array.as_any().clone(),
                    None => PyFloat::new(py, number.wide()).into_any(),
                },
            });
        }
        if self.single && results.len() == 1 {
            return results.pop().ok_or_else(|| raise("nothing is computed"));
        }
        Ok(PyTuple::new(py, results)?.into_any())
    }
}

#[pymethods]
impl Function {
    #[pyo3(signature = (*args, **kwargs))]
    fn __call__<'py>(
        &self,
        py: Python<'py>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        match self.precision {
            Precision::Double => self.call::<f64>(py, args, kwargs),
            Precision::Single => self.call::<f32>(py, args, kwargs),
        }
    }

    /// The names of the arguments, in their order.
    #[getter]
    fn arguments(&self) -> Vec<String> {
        self.inner.arguments().to_vec()
    }

    /// The steps of the program for arguments of these shapes, with their costs.
    #[pyo3(signature = (*args, **kwargs))]
    fn plan<'py>(&self, args: &Bound<'py, PyTuple>, kwargs: Option<&Bound<'py, PyDict>>) -> PyResult<String> {
        let arguments = self.bind::<f64>(args, kwargs)?;
        let shapes: Vec<(&[usize], Order)> = arguments.iter().map(Argument::shape).collect();
        Ok(self.inner.plan(&shapes).map_err(raise)?.listing())
    }

    /// The shapes of the results for arguments of these shapes.
    fn result_shapes(&self, shapes: Vec<Vec<usize>>) -> PyResult<Vec<Vec<usize>>> {
        let shapes: Vec<(&[usize], Order)> = shapes.iter().map(|shape| (shape.as_slice(), Order::Rows)).collect();
        Ok(self.inner.plan(&shapes).map_err(raise)?.shapes().to_vec())
    }

    fn __repr__(&self) -> String {
        let results = self.inner.results();
        let plural = if results == 1 { "" } else { "s" };
        format!("<function of {}: {results} result{plural}>", self.inner.arguments().join(", "))
    }
}

/// Some expressions as one function.
#[pyfunction]
pub(crate) fn compile(
    py: Python<'_>,
    expressions: Vec<Py<Expr>>,
    arguments: Option<Vec<String>>,
    single: bool,
    dtype: &str,
) -> PyResult<Function> {
    let precision = match dtype {
        "float64" => Precision::Double,
        "float32" => Precision::Single,
        _ => return Err(PyTypeError::new_err(format!("functions compute with float64 or float32, not {dtype}"))),
    };
    let expressions: Vec<&symbols::Expr> = expressions.iter().map(|expr| &expr.get().inner).collect();
    let inner = py.detach(|| symbols::compile(&expressions)).map_err(raise)?;
    let inner = match arguments {
        Some(names) => inner.with_arguments(&names).map_err(raise)?,
        None => inner,
    };
    Ok(Function { inner, single, precision })
}

/// How many threads a run may use.
#[pyfunction]
pub(crate) fn set_threads(threads: usize) {
    matgrad::set_threads(threads);
}
