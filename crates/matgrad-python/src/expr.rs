//! Expressions.

use matgrad::symbols::{self, At, Shape, Size, Variable};
use matgrad::{Attribute, Code, Convention, Language, Layout, Request, Style, Target};
use pyo3::basic::CompareOp;
use pyo3::exceptions::{PyIndexError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyEllipsis, PySlice, PyTuple};

use crate::check::{Verdict, check_request};
use crate::convert::Operand;
use crate::raise;

/// An expression over symbols.
#[pyclass(frozen, module = "matgrad", subclass)]
pub(crate) struct Expr {
    pub inner: symbols::Expr,
}

/// An expression whose shapes fit.
pub(crate) fn sound(inner: symbols::Expr) -> PyResult<Expr> {
    inner.shape().map_err(raise)?;
    Ok(Expr { inner })
}

/// A symbol, or its name.
pub(crate) fn variable(object: &Bound<'_, PyAny>) -> PyResult<Variable> {
    if let Ok(expr) = object.cast::<Expr>() {
        return Ok(Variable::from(&expr.get().inner));
    }
    let name: String = object.extract().map_err(|_| PyTypeError::new_err("a variable is a symbol or its name"))?;
    Ok(Variable::from(&name))
}

/// A request with the options that Python gives.
pub(crate) fn with_options(
    mut request: Request,
    layout: Option<&str>,
    order: usize,
    convention: Option<&str>,
    verify: bool,
) -> PyResult<Request> {
    if let Some(name) = layout {
        let names: Vec<&str> = Layout::ALL.iter().map(|layout| layout.name()).collect();
        let unknown = || raise(format!("there is no layout `{name}`; the layouts are {}", names.join(", ")));
        request.layout = Layout::parse(name).ok_or_else(unknown)?;
    }
    if let Some(name) = convention {
        let unknown = || raise(format!("there is no convention `{name}`; it is `free` or `constrained`"));
        request.convention = Convention::parse(name).ok_or_else(unknown)?;
    }
    request.order = order;
    request.verify = verify;
    Ok(request)
}

/// A length of an axis as Python has it: a number where it is one.
fn length<'py>(py: Python<'py>, dim: &str) -> PyResult<Bound<'py, PyAny>> {
    match dim.parse::<usize>() {
        Ok(n) => Ok(n.into_pyobject(py)?.into_any()),
        Err(_) => Ok(dim.into_pyobject(py)?.into_any()),
    }
}

impl Expr {
    fn binary(&self, other: &Operand, op: impl Fn(&symbols::Expr, &symbols::Expr) -> symbols::Expr) -> PyResult<Expr> {
        sound(op(&self.inner, &other.0))
    }

    fn derivative(
        &self,
        py: Python<'_>,
        x: &Bound<'_, PyAny>,
        options: (Option<&str>, usize, Option<&str>, bool),
    ) -> PyResult<Expr> {
        let variable = variable(x)?;
        let (layout, order, convention, verify) = options;
        // options are checked before there is work
        let request = with_options(self.inner.request(&variable), layout, order, convention, verify)?;
        let inner = py.detach(|| self.inner.derivative(variable, |_| request)).map_err(raise)?;
        Ok(Expr { inner })
    }

    /// The shape, whose axes subscripts take.
    fn axes(&self) -> PyResult<Vec<String>> {
        let shape = self.inner.shape().map_err(raise)?;
        Ok(shape.axes())
    }
}

/// A place on an axis, counted from 0 and from its end where it is negative, as the language counts.
fn place(at: i64, axis: &str) -> PyResult<symbols::Expr> {
    let outside = || PyIndexError::new_err(format!("index {at} is out of bounds for axis of size {axis}"));
    if let Ok(n) = axis.parse::<i64>() {
        let k = if at < 0 { n + at } else { at };
        return if (0..n).contains(&k) { Ok((k + 1).into()) } else { Err(outside()) };
    }
    Ok(match at {
        0.. => at.checked_add(1).ok_or_else(outside)?.into(),
        -1 => symbols::size(axis),
        _ => symbols::size(axis) - symbols::Expr::from(-(at + 1)),
    })
}

fn subscript(object: &Bound<'_, PyAny>, axis: &str) -> PyResult<At> {
    if let Ok(slice) = object.cast::<PySlice>() {
        let bound = |name: &str| -> PyResult<Option<i64>> { slice.getattr(name)?.extract() };
        if bound("step")?.is_some_and(|step| step != 1) {
            return Err(raise("a slice of an expression goes in steps of 1"));
        }
        let (start, stop) = (bound("start")?, bound("stop")?);
        if start.is_none() && stop.is_none() {
            return Ok(At::All);
        }
        let first = place(start.unwrap_or(0), axis)?;
        // the end is not part of a slice
        let last = match stop {
            None => symbols::size(axis),
            Some(stop @ 1..) => match axis.parse::<i64>() {
                Ok(n) => stop.min(n).into(),
                Err(_) => stop.into(),
            },
            Some(stop) => place(stop.checked_sub(1).unwrap_or(stop), axis)?,
        };
        return Ok(At::Range(first, last));
    }
    if let Ok(expr) = object.cast::<Expr>() {
        return Ok(At::Place(expr.get().inner.clone() + 1));
    }
    Ok(At::Place(place(object.extract()?, axis)?))
}

#[pymethods]
impl Expr {
    fn __add__(&self, other: Operand) -> PyResult<Expr> {
        self.binary(&other, |a, b| a + b)
    }

    fn __radd__(&self, other: Operand) -> PyResult<Expr> {
        self.binary(&other, |a, b| b + a)
    }

    fn __sub__(&self, other: Operand) -> PyResult<Expr> {
        self.binary(&other, |a, b| a - b)
    }

    fn __rsub__(&self, other: Operand) -> PyResult<Expr> {
        self.binary(&other, |a, b| b - a)
    }

    fn __mul__(&self, other: Operand) -> PyResult<Expr> {
        self.binary(&other, symbols::Expr::times)
    }

    fn __rmul__(&self, other: Operand) -> PyResult<Expr> {
        self.binary(&other, |a, b| b.times(a))
    }

    fn __truediv__(&self, other: Operand) -> PyResult<Expr> {
        self.binary(&other, symbols::Expr::over)
    }

    fn __rtruediv__(&self, other: Operand) -> PyResult<Expr> {
        self.binary(&other, |a, b| b.over(a))
    }

    fn __matmul__(&self, other: Operand) -> PyResult<Expr> {
        self.binary(&other, symbols::Expr::matmul)
    }

    fn __rmatmul__(&self, other: Operand) -> PyResult<Expr> {
        self.binary(&other, |a, b| b.matmul(a))
    }

    fn __pow__(&self, other: Operand, _modulo: Option<Py<PyAny>>) -> PyResult<Expr> {
        self.binary(&other, symbols::Expr::to_the)
    }

    fn __rpow__(&self, other: Operand, _modulo: Option<Py<PyAny>>) -> PyResult<Expr> {
        self.binary(&other, |a, b| b.to_the(a))
    }

    fn __neg__(&self) -> Expr {
        Expr { inner: -&self.inner }
    }

    fn __pos__(&self) -> Expr {
        Expr { inner: self.inner.clone() }
    }

    fn __abs__(&self) -> PyResult<Expr> {
        sound(self.inner.abs())
    }

    fn __richcmp__<'py>(
        slf: &Bound<'py, Self>,
        other: &Bound<'py, PyAny>,
        op: CompareOp,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let own = &slf.get().inner;
        let sign = match op {
            CompareOp::Lt => "<",
            CompareOp::Le => "<=",
            CompareOp::Gt => ">",
            CompareOp::Ge => ">=",
            CompareOp::Eq | CompareOp::Ne => {
                let Ok(other) = other.cast::<Expr>() else { return Ok(py.NotImplemented().into_bound(py)) };
                let other = &other.get().inner;
                let same = own.text() == other.text() && own.declarations() == other.declarations();
                return Ok((same == matches!(op, CompareOp::Eq)).into_pyobject(py)?.to_owned().into_any());
            }
        };
        let Ok(other) = other.extract::<Operand>() else { return Ok(py.NotImplemented().into_bound(py)) };
        Ok(Bound::new(py, sound(own.compare(sign, &other.0))?)?.into_any())
    }

    fn __hash__(&self) -> u64 {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        self.inner.text().hash(&mut hasher);
        hasher.finish()
    }

    fn __bool__(&self) -> PyResult<bool> {
        Err(PyTypeError::new_err("an expression has no truth value; `mg.where(condition, a, b)` chooses by entries"))
    }

    fn __iter__(&self) -> PyResult<bool> {
        Err(PyTypeError::new_err("an expression cannot be iterated over"))
    }

    fn __getitem__(&self, key: &Bound<'_, PyAny>) -> PyResult<Expr> {
        let shape = self.inner.shape().map_err(raise)?;
        let axes = shape.axes();
        let mut keys: Vec<Bound<'_, PyAny>> = match key.cast::<PyTuple>() {
            Ok(tuple) => tuple.iter().collect(),
            Err(_) => vec![key.clone()],
        };
        if let Some(at) = keys.iter().position(|key| key.is_instance_of::<PyEllipsis>()) {
            let all = PySlice::full(key.py()).into_any();
            let missing = (axes.len() + 1).saturating_sub(keys.len());
            keys.splice(at..=at, std::iter::repeat_n(all, missing));
        }
        if keys.len() > axes.len() {
            let message = format!("{} subscripts for {} axes", keys.len(), axes.len());
            return Err(PyIndexError::new_err(message));
        }
        let mut subscripts = Vec::new();
        for (k, axis) in axes.iter().enumerate() {
            subscripts.push(match keys.get(k) {
                Some(key) => subscript(key, axis)?,
                None => At::All,
            });
        }
        sound(self.inner.at(subscripts))
    }

    fn __str__(&self) -> String {
        self.inner.text()
    }

    fn __repr__(&self) -> String {
        let text = self.inner.text();
        match self.inner.shape() {
            Ok(shape) => format!("{text}   # {shape}"),
            Err(_) => text,
        }
    }

    fn _repr_latex_(&self) -> String {
        format!("$\\displaystyle {}$", self.inner.latex())
    }

    #[pyo3(signature = (ufunc, method, *inputs, **kwargs))]
    fn __array_ufunc__<'py>(
        slf: &Bound<'py, Self>,
        ufunc: &Bound<'py, PyAny>,
        method: &str,
        inputs: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let kwargs = kwargs.cloned().unwrap_or_else(|| PyDict::new(slf.py()));
        slf.py().import("matgrad._numpy")?.call_method1("ufunc", (ufunc, method, inputs, kwargs))
    }

    fn __array_function__<'py>(
        slf: &Bound<'py, Self>,
        function: &Bound<'py, PyAny>,
        _types: &Bound<'py, PyAny>,
        args: &Bound<'py, PyAny>,
        kwargs: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("matgrad._numpy")?.call_method1("function", (function, args, kwargs))
    }

    /// The lengths of the axes: numbers, or dimensions as text.
    #[getter]
    fn shape<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let axes: PyResult<Vec<_>> = self.axes()?.iter().map(|dim| length(py, dim)).collect();
        PyTuple::new(py, axes?)
    }

    #[getter]
    fn ndim(&self) -> PyResult<usize> {
        Ok(self.axes()?.len())
    }

    /// Whether it is a row.
    #[getter]
    fn is_row(&self) -> PyResult<bool> {
        Ok(matches!(self.inner.shape().map_err(raise)?, Shape::Row(_)))
    }

    #[getter]
    fn name(&self) -> Option<&str> {
        self.inner.name()
    }

    #[getter]
    #[allow(non_snake_case, reason = "what NumPy calls it")]
    fn T(&self) -> PyResult<Expr> {
        sound(self.inner.t())
    }

    fn text(&self) -> String {
        self.inner.text()
    }

    fn latex(&self) -> String {
        self.inner.latex()
    }

    #[getter]
    fn declarations(&self) -> Vec<String> {
        self.inner.declarations()
    }

    #[getter]
    fn symbols(&self) -> Vec<String> {
        self.inner.symbols()
    }

    #[getter]
    fn assumptions(&self) -> Vec<String> {
        match self.inner.answer() {
            Some(answer) => answer.assumptions.clone(),
            None => self.inner.assumptions(),
        }
    }

    #[pyo3(signature = (x, *, layout=None, order=1, convention=None, verify=true))]
    fn diff(
        &self,
        py: Python<'_>,
        x: &Bound<'_, PyAny>,
        layout: Option<&str>,
        order: usize,
        convention: Option<&str>,
        verify: bool,
    ) -> PyResult<Expr> {
        self.derivative(py, x, (layout, order, convention, verify))
    }

    #[pyo3(signature = (x, *, convention=None, verify=true))]
    fn grad(&self, py: Python<'_>, x: &Bound<'_, PyAny>, convention: Option<&str>, verify: bool) -> PyResult<Expr> {
        self.derivative(py, x, (Some("gradient"), 1, convention, verify))
    }

    #[pyo3(signature = (x, *, convention=None, verify=true))]
    fn jacobian(&self, py: Python<'_>, x: &Bound<'_, PyAny>, convention: Option<&str>, verify: bool) -> PyResult<Expr> {
        self.derivative(py, x, (Some("jacobian"), 1, convention, verify))
    }

    #[pyo3(signature = (x, *, convention=None, verify=true))]
    fn hessian(&self, py: Python<'_>, x: &Bound<'_, PyAny>, convention: Option<&str>, verify: bool) -> PyResult<Expr> {
        self.derivative(py, x, (None, 2, convention, verify))
    }

    /// The steps of a derivation: rule, statement, source, sentence, text and LaTeX of each.
    fn _steps(&self, style: &str, language: &str) -> PyResult<Vec<[String; 6]>> {
        let unknown = |what: &str, name: &str, all: Vec<&str>| {
            raise(format!("there is no {what} `{name}`; there are {}", all.join(", ")))
        };
        let styles = Style::ALL.iter().map(|style| style.name()).collect();
        let style = Style::parse(style).ok_or_else(|| unknown("style", style, styles))?;
        let languages = Language::ALL.iter().map(|language| language.name()).collect();
        let language = Language::parse(language).ok_or_else(|| unknown("language", language, languages))?;
        let steps = self.inner.steps(style, language).map_err(raise)?;
        Ok(steps.into_iter().map(|s| [s.rule, s.statement, s.source, s.why, s.text, s.latex]).collect())
    }

    /// What there is to know of a derivative, as JSON.
    fn _json(&self) -> Option<String> {
        self.inner.answer().map(|answer| answer.json().to_string())
    }

    #[pyo3(signature = (x, claim, *, layout=None, order=1, convention=None))]
    fn check(
        &self,
        x: &Bound<'_, PyAny>,
        claim: &str,
        layout: Option<&str>,
        order: usize,
        convention: Option<&str>,
    ) -> PyResult<Verdict> {
        let request = with_options(self.inner.request(&variable(x)?), layout, order, convention, true)?;
        check_request(&request, claim, layout.is_none())
    }
}

/// A symbol.
#[pyfunction]
pub(crate) fn symbol(name: &str, sizes: Vec<Bound<'_, PyAny>>, attributes: Vec<String>) -> PyResult<Expr> {
    let mut dims = Vec::new();
    for size in sizes {
        dims.push(match size.extract::<usize>() {
            Ok(n) => Size::from(n),
            Err(_) => Size::from(size.extract::<String>()?),
        });
    }
    let mut inner = symbols::tensor(name, dims);
    for word in attributes {
        let all: Vec<&str> = Attribute::ALL.iter().map(|attribute| attribute.name()).collect();
        let unknown = || raise(format!("there is no attribute `{word}`; the attributes are {}", all.join(", ")));
        inner = inner.with(Attribute::find(&word).ok_or_else(unknown)?);
    }
    sound(inner)
}

/// A dimension as a number.
#[pyfunction]
pub(crate) fn size(dimension: &str) -> Expr {
    Expr { inner: symbols::size(dimension) }
}

/// A text of the language as an expression.
#[pyfunction]
pub(crate) fn parse(text: &str, declarations: Vec<String>) -> PyResult<Expr> {
    sound(symbols::Expr::read_with(text, declarations))
}

/// A function of the language.
#[pyfunction]
#[pyo3(signature = (name, *args))]
pub(crate) fn call(name: &str, args: Vec<Operand>) -> PyResult<Expr> {
    let args: Vec<&symbols::Expr> = args.iter().map(|operand| &operand.0).collect();
    sound(symbols::call(name, &args))
}

/// A number or an array of few numbers.
#[pyfunction]
pub(crate) fn literal(value: Operand) -> Expr {
    Expr { inner: value.0 }
}

/// The sum of the products of all entries.
#[pyfunction]
pub(crate) fn inner(a: Operand, b: Operand) -> PyResult<Expr> {
    sound(a.0.inner(&b.0))
}

/// The solution of a system of equations.
#[pyfunction]
pub(crate) fn solve(a: Operand, b: Operand) -> PyResult<Expr> {
    sound(a.0.solve(&b.0))
}

/// The power of a matrix.
#[pyfunction]
pub(crate) fn matrix_power(a: Operand, exponent: i64) -> PyResult<Expr> {
    sound(a.0.pow(exponent))
}

/// Entries one below the other.
#[pyfunction]
pub(crate) fn column(entries: Vec<Operand>) -> PyResult<Expr> {
    let entries: Vec<&symbols::Expr> = entries.iter().map(|operand| &operand.0).collect();
    sound(symbols::column(&entries))
}

/// Rows of entries or blocks.
#[pyfunction]
pub(crate) fn rows(rows: Vec<Vec<Operand>>) -> PyResult<Expr> {
    let rows: Vec<Vec<&symbols::Expr>> =
        rows.iter().map(|row| row.iter().map(|operand| &operand.0).collect()).collect();
    let rows: Vec<&[&symbols::Expr]> = rows.iter().map(Vec::as_slice).collect();
    sound(symbols::rows(&rows))
}

/// The name that the language has for a function of NumPy or SciPy.
#[pyfunction]
pub(crate) fn own_name(name: &str) -> Option<&'static str> {
    symbols::function_name(name)
}

/// The function whose name is most like this one.
#[pyfunction]
pub(crate) fn nearest_function(name: &str) -> Option<&'static str> {
    symbols::nearest_function(name)
}

/// The functions of the language: name, fewest and most arguments, and what each is.
#[pyfunction]
pub(crate) fn functions() -> Vec<(&'static str, usize, usize, &'static str)> {
    symbols::functions().collect()
}

/// Value and derivatives as a program in another language.
#[pyfunction]
pub(crate) fn write_code(
    f: &Expr,
    wrt: Vec<Bound<'_, PyAny>>,
    target: &str,
    order: usize,
    layout: Option<&str>,
    name: Option<String>,
) -> PyResult<String> {
    let unknown = || raise(format!("there is no target `{target}`"));
    let variables: Vec<Variable> = wrt.iter().map(variable).collect::<PyResult<_>>()?;
    let request = match variables.first() {
        Some(variable) => f.inner.request(variable),
        None => Request::new(f.inner.to_text(), ""),
    };
    let mut code = Code::new(request, Target::find(target).ok_or_else(unknown)?);
    code.wrt = variables.iter().map(|variable| variable.name().to_owned()).collect();
    code.order = if variables.is_empty() { 0 } else { order };
    code.layout = layout.and_then(Layout::parse);
    code.name = name;
    code.write().map_err(raise)
}
