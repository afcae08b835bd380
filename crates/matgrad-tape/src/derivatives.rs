//! Derivatives of programs, each by the way that suits its size.

use crate::error::same_length;
use crate::tape::{LANES, Reused, Tape, with_run};
use crate::{Dual, Error, Function, Map, Matrix, Plain, Real};

/// Up to so many inputs, dual numbers are faster than a tape.
const FEW: usize = 16;

/// Calls a function of a number of directions that is known to the compiler.
macro_rules! by_count {
    ($n:expr, $function:ident($($argument:expr),*), $otherwise:expr) => {
        match $n {
            1 => $function::<1, _, _>($($argument),*),
            2 => $function::<2, _, _>($($argument),*),
            3 => $function::<3, _, _>($($argument),*),
            4 => $function::<4, _, _>($($argument),*),
            5 => $function::<5, _, _>($($argument),*),
            6 => $function::<6, _, _>($($argument),*),
            7 => $function::<7, _, _>($($argument),*),
            8 => $function::<8, _, _>($($argument),*),
            9..=FEW => $function::<16, _, _>($($argument),*),
            _ => $otherwise,
        }
    };
}

/// The inputs as duals, the direction of each its own.
///
/// Lanes beyond the inputs are not used.
#[inline]
fn variables<const N: usize, T: Real>(x: &[T]) -> [Dual<T, N>; N] {
    std::array::from_fn(|k| Dual::variable(x.get(k).copied().unwrap_or_default(), k))
}

/// As many of the variables as there are inputs; all of them where their number is known to the compiler.
#[inline]
fn only<V, const N: usize>(variables: &[V; N], n: usize) -> &[V] {
    if N == FEW { variables.get(..n).unwrap_or(variables) } else { variables }
}

/// The value of a function.
///
/// ```
/// use matgrad_tape::{function, value};
/// assert_eq!(value(&function!(|x| x[0] * 2.0), &[1.5f32]), 3.0);
/// ```
pub fn value<T: Real>(f: &impl Function, x: &[T]) -> T {
    let x: Vec<Plain<T>> = x.iter().map(|x| Dual::new(*x)).collect();
    f.value(&x).value
}

/// The value of a map.
///
/// ```
/// use matgrad_tape::{map, values};
/// assert_eq!(values(&map!(|x| [x[0], x[0].powi(2)]), &[3.0]), [3.0, 9.0]);
/// ```
pub fn values<T: Real>(f: &impl Map, x: &[T]) -> Vec<T> {
    let x: Vec<Plain<T>> = x.iter().map(|x| Dual::new(*x)).collect();
    let mut out = Vec::new();
    f.values(&x, &mut out);
    out.into_iter().map(|y| y.value).collect()
}

/// The gradient of a function of n inputs: by dual numbers with n directions where n is small, by one sweep over a tape
/// where it is not.
///
/// ```
/// use matgrad_tape::{function, gradient};
/// let f = function!(|x| (x[0] * x[1]).exp());
/// assert_eq!(gradient(&f, &[0.0, 2.0])?, [2.0, 0.0]);
/// # Ok::<(), matgrad_tape::Error>(())
/// ```
pub fn gradient<T: Real>(f: &impl Function, x: &[T]) -> Result<Vec<T>, Error> {
    value_and_gradient(f, x).map(|(_, gradient)| gradient)
}

/// The value of a function and its gradient, from one run.
///
/// ```
/// use matgrad_tape::{function, value_and_gradient};
/// let sum = function!(|x| x.iter().copied().sum::<S>());
/// assert_eq!(value_and_gradient(&sum, &[1.0; 100])?, (100.0, vec![1.0; 100]));
/// # Ok::<(), matgrad_tape::Error>(())
/// ```
pub fn value_and_gradient<T: Real>(f: &impl Function, x: &[T]) -> Result<(T, Vec<T>), Error> {
    let mut gradient = vec![T::default(); x.len()];
    let value = write_gradient(f, x, &mut gradient)?;
    Ok((value, gradient))
}

/// Writes the gradient of a function into memory that is there, and gives the value.
///
/// ```
/// use matgrad_tape::{function, write_gradient};
/// let mut g = [0.0; 2];
/// write_gradient(&function!(|x| x[0] - x[1]), &[1.0, 1.0], &mut g)?;
/// assert_eq!(g, [1.0, -1.0]);
/// # Ok::<(), matgrad_tape::Error>(())
/// ```
pub fn write_gradient<T: Real>(f: &impl Function, x: &[T], gradient: &mut [T]) -> Result<T, Error> {
    #[inline(never)]
    fn few<const N: usize, T: Real, F: Function>(f: &F, x: &[T], gradient: &mut [T]) -> Result<T, Error> {
        let y = f.value(only(&variables::<N, T>(x), x.len()));
        gradient.iter_mut().zip(y.tangents).for_each(|(out, tangent)| *out = tangent);
        Ok(y.value)
    }
    same_length("the memory for the gradient", gradient.len(), "the point", x.len())?;
    by_count!(x.len(), few(f, x, gradient), T::with_tape(|tape| tape.value_and_gradient(f, x, gradient)))
}

/// The Jacobian of a map, m × n: column by column with dual numbers, eight at once, or, where there are fewer rows, row by row
/// on a tape.
///
/// ```
/// use matgrad_tape::{jacobian, map};
/// let f = map!(|x| [x[0] * x[1], x[0] + x[1]]);
/// assert_eq!(jacobian(&f, &[2.0, 3.0])?.data(), [3.0, 2.0, 1.0, 1.0]);
/// # Ok::<(), matgrad_tape::Error>(())
/// ```
pub fn jacobian<T: Real>(f: &impl Map, x: &[T]) -> Result<Matrix<T>, Error> {
    #[inline(never)]
    fn few<const N: usize, T: Real, F: Map>(f: &F, x: &[T]) -> Result<Matrix<T>, Error> {
        let mut out = Vec::new();
        f.values(only(&variables::<N, T>(x), x.len()), &mut out);
        let data = out.iter().flat_map(|y| y.tangents.into_iter().take(x.len())).collect();
        Ok(Matrix::of(out.len(), x.len(), data))
    }
    by_count!(x.len(), few(f, x), many(f, x))
}

/// Up to so many inputs, a first run with dual numbers finds out how many results there are.
const SOME: usize = 64;

fn many<T: Real>(f: &impl Map, x: &[T]) -> Result<Matrix<T>, Error> {
    let n = x.len();
    if n <= SOME {
        let mut block = Block::default();
        block.run(f, x, |column| Some(column).filter(|lane| *lane < LANES));
        if 2 * block.results.len() >= n {
            let mut data = vec![T::default(); block.results.len() * n];
            block.write(0, n, &mut data);
            block.columns(f, x, LANES, &mut data);
            return Ok(Matrix::of(block.results.len(), n, data));
        }
    }
    with_run(
        x,
        |x, out| f.values(x, out),
        |tape| {
            let rows = tape.outputs();
            if rows < n {
                return dense(tape);
            }
            let mut data = vec![T::default(); rows * n];
            Block::default().columns(f, x, 0, &mut data);
            Ok(Matrix::of(rows, n, data))
        },
    )
}

/// A run with dual numbers of eight directions, and its memory.
pub(crate) struct Block<T> {
    point: Vec<Dual<T, LANES>>,
    results: Vec<Dual<T, LANES>>,
}

impl<T> Default for Block<T> {
    fn default() -> Self {
        Self { point: Vec::new(), results: Vec::new() }
    }
}

impl<T: Real> Block<T> {
    /// Runs a map in directions that are 1 in the lane of an input.
    pub fn run(&mut self, f: &impl Map, x: &[T], lane: impl Fn(usize) -> Option<usize>) {
        self.point.clear();
        self.point.extend(x.iter().enumerate().map(|(k, x)| Dual::variable(*x, lane(k).unwrap_or(LANES))));
        self.results.clear();
        f.values(&self.point, &mut self.results);
    }

    /// The tangents of an entry of the result.
    pub fn tangents(&self, row: usize) -> [T; LANES] {
        self.results.get(row).map_or([T::default(); LANES], |y| y.tangents)
    }

    /// Writes the columns from one on, of a Jacobian with n columns.
    fn write(&self, first: usize, n: usize, data: &mut [T]) {
        for (row, y) in data.chunks_mut(n.max(1)).zip(&self.results) {
            row.iter_mut().skip(first).zip(y.tangents).for_each(|(out, tangent)| *out = tangent);
        }
    }

    /// The columns of the Jacobian from one on.
    fn columns(&mut self, f: &impl Map, x: &[T], from: usize, data: &mut [T]) {
        for first in (from..x.len()).step_by(LANES) {
            self.run(f, x, |column| column.checked_sub(first).filter(|lane| *lane < LANES));
            self.write(first, x.len(), data);
        }
    }
}

/// The Jacobian of a recorded run.
pub(crate) fn dense<T: Real>(tape: &mut Tape<T>) -> Result<Matrix<T>, Error> {
    let (rows, columns) = (tape.outputs(), tape.inputs());
    let mut data = vec![T::default(); rows * columns];
    tape.jacobian(&mut data)?;
    Ok(Matrix::of(rows, columns, data))
}

/// The Jacobian of a map times a direction, J*v, without the Jacobian.
///
/// ```
/// use matgrad_tape::{jvp, map};
/// assert_eq!(jvp(&map!(|x| [x[0] * x[1]]), &[2.0, 3.0], &[1.0, 0.0])?, [3.0]);
/// # Ok::<(), matgrad_tape::Error>(())
/// ```
pub fn jvp<T: Real>(f: &impl Map, x: &[T], direction: &[T]) -> Result<Vec<T>, Error> {
    same_length("the direction", direction.len(), "the point", x.len())?;
    let x: Vec<Dual<T, 1>> = x.iter().zip(direction).map(|(value, v)| Dual { value: *value, tangents: [*v] }).collect();
    let mut out = Vec::new();
    f.values(&x, &mut out);
    Ok(out.into_iter().map(|Dual { tangents: [t], .. }| t).collect())
}

/// Weights times the Jacobian of a map, u'J, without the Jacobian; shaped like the point.
///
/// ```
/// use matgrad_tape::{map, vjp};
/// assert_eq!(vjp(&map!(|x| [x[0] * x[1], x[0]]), &[2.0, 3.0], &[1.0, 10.0])?, [13.0, 2.0]);
/// # Ok::<(), matgrad_tape::Error>(())
/// ```
pub fn vjp<T: Real>(f: &impl Map, x: &[T], weights: &[T]) -> Result<Vec<T>, Error> {
    with_run(
        x,
        |x, out| f.values(x, out),
        |tape| {
            let mut product = vec![T::default(); x.len()];
            tape.vjp(weights, &mut product)?;
            Ok(product)
        },
    )
}

/// The Hessian of a function times a direction, H*v, without the Hessian: one run and one sweep over a tape of dual numbers.
///
/// ```
/// use matgrad_tape::{function, hvp};
/// assert_eq!(hvp(&function!(|x| x[0] * x[1]), &[2.0, 3.0], &[1.0, 0.0])?, [0.0, 1.0]);
/// # Ok::<(), matgrad_tape::Error>(())
/// ```
pub fn hvp<T: Real>(f: &impl Function, x: &[T], direction: &[T]) -> Result<Vec<T>, Error> {
    same_length("the direction", direction.len(), "the point", x.len())?;
    let x: Vec<Dual<T, 1>> = x.iter().zip(direction).map(|(value, v)| Dual { value: *value, tangents: [*v] }).collect();
    let mut gradient = vec![Dual::new(T::default()); x.len()];
    Tape::new().value_and_gradient(f, &x, &mut gradient)?;
    Ok(gradient.into_iter().map(|Dual { tangents: [t], .. }| t).collect())
}

/// The Hessian of a function: for every eight columns one run and one sweep over a tape of dual numbers (forward over
/// reverse).
///
/// ```
/// use matgrad_tape::{function, hessian};
/// let f = function!(|x| x[0].powi(2) * x[1]);
/// assert_eq!(hessian(&f, &[2.0, 3.0])?.data(), [6.0, 4.0, 4.0, 0.0]);
/// # Ok::<(), matgrad_tape::Error>(())
/// ```
pub fn hessian<T: Real>(f: &impl Function, x: &[T]) -> Result<Matrix<T>, Error>
where
    Dual<T, LANES>: Reused,
{
    #[inline(never)]
    fn few<const N: usize, T: Real, F: Function>(f: &F, x: &[T]) -> Result<Matrix<T>, Error> {
        let inner: [Dual<T, N>; N] = variables(x);
        let x: [Dual<Dual<T, N>, N>; N] = std::array::from_fn(|k| Dual::variable(inner[k], k));
        Ok(Matrix::of(N, N, f.value(&x).tangents.iter().flat_map(|row| row.tangents).collect()))
    }
    let n = x.len();
    let tape = || {
        let mut data = vec![T::default(); n * n];
        let mut gradient = vec![Dual::<T, LANES>::new(T::default()); n];
        <Dual<T, LANES>>::with_tape(|tape| {
            for first in (0..n).step_by(LANES) {
                let x: Vec<Dual<T, LANES>> =
                    x.iter().enumerate().map(|(k, x)| Dual::variable(*x, k.wrapping_sub(first))).collect();
                tape.value_and_gradient(f, &x, &mut gradient)?;
                // the columns of these directions
                for (row, entry) in data.chunks_mut(n).zip(&gradient) {
                    row[first..].iter_mut().zip(entry.tangents).for_each(|(out, tangent)| *out = tangent);
                }
            }
            Ok(())
        })?;
        Ok(Matrix::of(n, n, data))
    };
    match n {
        1 => few::<1, _, _>(f, x),
        2 => few::<2, _, _>(f, x),
        3 => few::<3, _, _>(f, x),
        4 => few::<4, _, _>(f, x),
        _ => tape(),
    }
}
