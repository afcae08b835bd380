//! Unknowns that equations or extrema define, found by damped Newton steps from several starts.

use std::fmt;

use matgrad_dense::{Factors, cholesky};
use matgrad_syntax::Name;

use crate::array::{Array, Inputs};
use crate::error::RunError;
use crate::program::{Program, Workspace};

/// Steps from one start.
const ITERATIONS: usize = 200;
/// Random starts after those that are tried first.
const RANDOM_STARTS: usize = 24;
/// A pivot this much smaller than the largest entry met counts as 0.
const SINGULAR: f64 = 1e-10;

/// What an unknown has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// Make its equation hold.
    Root,
    /// Make its objective smallest nearby.
    Minimum,
    /// Make its objective largest nearby.
    Maximum,
}

/// An unknown.
#[derive(Clone, Debug)]
pub struct Unknown {
    /// Its name.
    pub name: Name,
    /// Its shape.
    pub shape: Vec<usize>,
    /// What it has to do.
    pub goal: Goal,
}

/// Unknowns that depend on one another; one alone where its goal is an extremum.
///
/// The roots of the program are the residuals of all unknowns, then the derivative of each residual by each unknown, row
/// by row, then the objective where there is one. The residual of a maximum is minus its gradient.
#[derive(Clone, Debug)]
pub struct System {
    /// The unknowns.
    pub unknowns: Vec<Unknown>,
    /// Residuals, their derivatives, and the objective.
    pub program: Program,
    /// Whether a derivative at the solution is needed, which a singular Jacobian has not.
    pub regular: bool,
}

/// Why there is no solution.
#[derive(Clone, Debug, PartialEq)]
pub enum SolveError {
    /// The data does not fit.
    Run(RunError),
    /// No start led to a solution.
    NoSolution {
        /// The unknowns.
        names: Vec<Name>,
        /// The smallest residual that was met.
        residual: f64,
        /// How many starts were tried.
        starts: usize,
        /// Whether the start came from the data.
        given: bool,
        /// Whether an extremum was looked for.
        extremum: bool,
        /// Whether the gradient vanishes somewhere all the same: at a saddle, or an extremum of the other kind.
        saddle: bool,
    },
    /// The Jacobian is singular at the solution.
    Singular {
        /// The unknowns.
        names: Vec<Name>,
    },
}

impl From<RunError> for SolveError {
    fn from(error: RunError) -> Self {
        SolveError::Run(error)
    }
}

impl fmt::Display for SolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |names: &[Name]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" and ");
        match self {
            SolveError::Run(error) => error.fmt(f),
            SolveError::NoSolution { names, residual, starts, given, extremum, saddle } => {
                let what = if *extremum { "extremum" } else { "solution" };
                let from = match (given, starts) {
                    (true, _) => "from the start in the data".to_owned(),
                    (false, starts) => format!("from {starts} starts; give one in the data under its name"),
                };
                let list = list(names);
                let kind =
                    if *saddle { "; where the gradient vanishes, it is a saddle or the other extremum" } else { "" };
                let residual = match residual.is_finite() {
                    true => format!("the smallest residual is {residual:.3e}"),
                    false => "the residual has no value at any of them".to_owned(),
                };
                write!(f, "no {what} for {list} was found {from}; {residual}{kind}")
            }
            SolveError::Singular { names } => {
                let list = list(names);
                write!(f, "the Jacobian of what defines {list} is singular at the solution: there is no derivative")
            }
        }
    }
}

impl std::error::Error for SolveError {}

/// The equations at one point.
struct Values {
    residual: Vec<f64>,
    /// Row-major.
    jacobian: Vec<f64>,
    objective: f64,
}

impl Values {
    fn norm(&self) -> f64 {
        self.residual.iter().map(|x| x * x).sum::<f64>().sqrt()
    }

    fn is_finite(&self) -> bool {
        self.residual.iter().chain(&self.jacobian).all(|x| x.is_finite()) && !self.objective.is_nan()
    }
}

impl System {
    /// Puts a solution into the data. An array of an unknown's name that is there already is the start.
    ///
    /// # Errors
    /// That there is none, with the smallest residual met, or that it is singular.
    pub fn solve(&self, data: &mut Inputs, workspace: &mut Workspace) -> Result<(), SolveError> {
        let given = self.given(data);
        let starts = match &given {
            Some(start) => vec![start.clone()],
            None => self.starts(),
        };
        let (mut smallest, mut singular, mut saddle) = (f64::INFINITY, false, false);
        for start in &starts {
            match self.from(start, data, workspace)? {
                Found::Solution => return Ok(()),
                Found::Singular => singular = true,
                Found::Saddle => saddle = true,
                Found::Nothing(residual) => smallest = smallest.min(residual),
            }
        }
        let names: Vec<Name> = self.unknowns.iter().map(|unknown| unknown.name.clone()).collect();
        if singular {
            return Err(SolveError::Singular { names });
        }
        let (extremum, given, starts) = (self.goal() != Goal::Root, given.is_some(), starts.len());
        let residual = if saddle { 0.0 } else { smallest };
        Err(SolveError::NoSolution { names, residual, starts, given, extremum, saddle })
    }

    fn goal(&self) -> Goal {
        self.unknowns.first().map_or(Goal::Root, |unknown| unknown.goal)
    }

    fn len(&self) -> usize {
        self.unknowns.iter().map(|unknown| unknown.shape.iter().product::<usize>()).sum()
    }

    /// The start that the data holds.
    fn given(&self, data: &Inputs) -> Option<Vec<f64>> {
        let mut all = Vec::new();
        let mut any = false;
        for unknown in &self.unknowns {
            let count = unknown.shape.iter().product();
            match data.get(&unknown.name).filter(|array| array.data().len() == count) {
                Some(array) => {
                    any = true;
                    all.extend_from_slice(array.data());
                }
                None => all.resize(all.len() + count, 0.0),
            }
        }
        any.then_some(all)
    }

    /// Zeros, ones, the identity, then random numbers of growing size, the same ones every time.
    fn starts(&self) -> Vec<Vec<f64>> {
        let n = self.len();
        let mut starts = vec![vec![0.0; n], vec![1.0; n], vec![0.1; n], vec![-1.0; n]];
        if self.unknowns.iter().any(|unknown| matches!(unknown.shape[..], [rows, cols] if rows == cols)) {
            let mut start = Vec::with_capacity(n);
            for unknown in &self.unknowns {
                let count: usize = unknown.shape.iter().product();
                let cols = unknown.shape.last().copied().unwrap_or(1);
                start.extend((0..count).map(|k| f64::from(unknown.shape.len() == 2 && k / cols == k % cols)));
            }
            starts.insert(1, start);
        }
        let mut state = 0x9e37_79b9_7f4a_7c15u64;
        let mut uniform = || {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            (state >> 11) as f64 / (1u64 << 53) as f64 - 0.5
        };
        for k in 0..RANDOM_STARTS {
            let size = [1.0, 4.0, 16.0, 0.25][k % 4];
            starts.push((0..n).map(|_| size * uniform()).collect());
        }
        starts
    }

    fn place(&self, point: &[f64], data: &mut Inputs) {
        let mut at = 0;
        for unknown in &self.unknowns {
            let count: usize = unknown.shape.iter().product();
            let entries = point.get(at..at + count).unwrap_or(&[]).to_vec();
            at += count;
            if let Some(array) = Array::new(unknown.shape.clone(), entries) {
                data.insert(&unknown.name, array);
            }
        }
    }

    fn values(&self, point: &[f64], data: &mut Inputs, workspace: &mut Workspace) -> Result<Values, SolveError> {
        self.place(point, data);
        let arrays = self.program.run_in(data, workspace)?;
        let (k, n) = (self.unknowns.len(), self.len());
        let sign = if self.goal() == Goal::Maximum { -1.0 } else { 1.0 };
        let residual = arrays.iter().take(k).flat_map(|array| array.data()).copied().collect();
        let sizes: Vec<usize> = self.unknowns.iter().map(|unknown| unknown.shape.iter().product()).collect();
        let mut jacobian = vec![0.0; n * n];
        let mut top = 0;
        for (i, rows) in sizes.iter().enumerate() {
            let mut left = 0;
            for (j, cols) in sizes.iter().enumerate() {
                let block = arrays.get(k + i * k + j).map_or(&[] as &[f64], Array::data);
                for (row, line) in block.chunks_exact((*cols).max(1)).take(*rows).enumerate() {
                    let from = (top + row) * n + left;
                    jacobian[from..from + cols].copy_from_slice(line);
                }
                left += cols;
            }
            top += rows;
        }
        let objective = arrays.get(k + k * k).and_then(|array| array.data().first()).map_or(0.0, |x| sign * x);
        Ok(Values { residual, jacobian, objective })
    }

    fn from(&self, start: &[f64], data: &mut Inputs, workspace: &mut Workspace) -> Result<Found, SolveError> {
        let n = start.len();
        let mut point = start.to_vec();
        let mut values = self.values(&point, data, workspace)?;
        if !values.is_finite() {
            return Ok(Found::Nothing(f64::INFINITY));
        }
        let extremum = self.goal() != Goal::Root;
        let mut largest: f64 = 0.0;
        let first = values.norm();
        for _ in 0..ITERATIONS {
            largest = values.jacobian.iter().fold(largest, |most, x| most.max(x.abs()));
            let step = if extremum { descent(&values, n) } else { newton(&values, n) };
            let scale = 1.0 + most(&point);
            let size = most(&step);
            let done = size <= 1e-13 * scale || values.norm() == 0.0;
            let moved = if done { None } else { self.search(&point, &step, &values, data, workspace)? };
            let holds = values.norm() <= 1e-8 * (first.min(1.0) + largest * scale);
            match moved {
                Some((next, found)) => (point, values) = (next, found),
                None if !holds => return Ok(Found::Nothing(values.norm())),
                None if done || size <= 1e-9 * scale => {
                    self.place(&point, data);
                    return Ok(self.judge(&values, n, largest));
                }
                None => return Ok(Found::Nothing(values.norm())),
            }
        }
        Ok(Found::Nothing(values.norm()))
    }

    /// The longest of the halved steps that gains enough.
    fn search(
        &self,
        point: &[f64],
        step: &[f64],
        values: &Values,
        data: &mut Inputs,
        workspace: &mut Workspace,
    ) -> Result<Option<(Vec<f64>, Values)>, SolveError> {
        let slope: f64 = values.residual.iter().zip(step).map(|(g, s)| g * s).sum();
        let extremum = self.goal() != Goal::Root;
        let mut width = 1.0;
        while width > 1e-12 {
            let next: Vec<f64> = point.iter().zip(step).map(|(x, s)| x - width * s).collect();
            let found = self.values(&next, data, workspace)?;
            let shorter = found.norm() < (1.0 - 1e-4 * width) * values.norm();
            // near an extremum the gradient tells more than the objective, whose last digits are lost
            let better = if extremum {
                found.objective < values.objective - 1e-4 * width * slope
                    || shorter && found.objective <= values.objective + 1e-12 * values.objective.abs()
            } else {
                shorter
            };
            if found.is_finite() && better {
                return Ok(Some((next, found)));
            }
            width *= 0.5;
        }
        Ok(None)
    }

    /// Whether a point where Newton's method came to rest is a solution.
    fn judge(&self, values: &Values, n: usize, largest: f64) -> Found {
        let mut packed = vec![0.0; Factors::length(n)];
        let factors = Factors::make(&values.jacobian, n, &mut packed);
        let pivot = factors.diagonal().map(f64::abs).fold(f64::INFINITY, f64::min);
        let singular = pivot.is_nan() || pivot <= SINGULAR * largest;
        if self.goal() != Goal::Root && !singular {
            let mut factor = vec![0.0; n * n];
            cholesky(&values.jacobian, n, &mut factor);
            if factor.iter().any(|x| x.is_nan()) {
                return Found::Saddle;
            }
        }
        if singular && self.regular { Found::Singular } else { Found::Solution }
    }
}

enum Found {
    Solution,
    Singular,
    /// The gradient vanishes, but it is no extremum of the kind wanted.
    Saddle,
    /// The residual where it ended.
    Nothing(f64),
}

fn most(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |most, x| most.max(x.abs()))
}

/// `J^-1 r`; where J is singular, the step of least squares with a small weight on its length.
fn newton(values: &Values, n: usize) -> Vec<f64> {
    let mut packed = vec![0.0; Factors::length(n)];
    let factors = Factors::make(&values.jacobian, n, &mut packed);
    let mut step = values.residual.clone();
    factors.solve(&mut step, 1, false);
    if step.iter().all(|x| x.is_finite()) {
        return step;
    }
    let j = &values.jacobian;
    let mut square: Vec<f64> =
        (0..n * n).map(|at| (0..n).map(|k| j[k * n + at / n] * j[k * n + at % n]).sum()).collect();
    let weight = 1e-6 * most(&square).max(1e-6);
    (0..n).for_each(|k| square[k * n + k] += weight);
    let mut step: Vec<f64> = (0..n).map(|i| (0..n).map(|k| j[k * n + i] * values.residual[k]).sum()).collect();
    let factors = Factors::make(&square, n, &mut packed);
    factors.solve(&mut step, 1, false);
    step
}

/// `(H + w I)^-1 g` with the smallest weight tried that makes the matrix positive definite.
fn descent(values: &Values, n: usize) -> Vec<f64> {
    let mut weight = 0.0;
    let unit = 1e-3 * most(&values.jacobian).max(1e-3);
    for _ in 0..40 {
        let mut matrix = values.jacobian.clone();
        (0..n).for_each(|k| matrix[k * n + k] += weight);
        let mut factor = vec![0.0; n * n];
        cholesky(&matrix, n, &mut factor);
        if factor.iter().all(|x| x.is_finite()) {
            let mut packed = vec![0.0; Factors::length(n)];
            let factors = Factors::make(&matrix, n, &mut packed);
            let mut step = values.residual.clone();
            factors.solve(&mut step, 1, false);
            if step.iter().all(|x| x.is_finite()) {
                return step;
            }
        }
        weight = if weight == 0.0 { unit } else { 4.0 * weight };
    }
    values.residual.clone()
}
