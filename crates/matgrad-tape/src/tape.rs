//! The tape: a run of a program, and the products with its Jacobian.

use crate::error::same_length;
use crate::record::Record;
use crate::{Dual, Error, Function, Map, Number, Real, Var};

/// How many directions one sweep carries.
pub(crate) const LANES: usize = 8;

/// An entry of the result of a run: its value, and its derivative by the node that it depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output<T> {
    pub value: T,
    pub end: Option<(u32, T)>,
}

/// A run of a program, recorded, and memory for sweeps over it. A tape is used again and again: runs that are no longer than
/// those before allocate nothing.
///
/// An entry of the tape has two nodes (8 bytes) and two derivatives; [`Var`] says which operations have one.
///
/// ```
/// use matgrad_tape::{Tape, function};
///
/// let f = function!(|x| x.iter().map(|x| x.powi(2)).sum::<S>().sqrt());
/// let (mut tape, mut gradient) = (Tape::new(), [0.0f64; 2]);
/// for x in [[3.0, 4.0], [4.0, 3.0]] {
///     let value = tape.value_and_gradient(&f, &x, &mut gradient)?;
///     assert!(value == 5.0 && (gradient[0] - x[0] / 5.0).abs() < 1e-15);
/// }
/// assert_eq!(tape.operations(), 1);
/// # Ok::<(), matgrad_tape::Error>(())
/// ```
#[derive(Debug)]
pub struct Tape<T: Number + 'static = f64> {
    pub(crate) record: Record<T>,
    inputs: usize,
    pub(crate) outputs: Vec<Output<T>>,
    variables: Vec<Var<'static, T>>,
    results: Vec<Var<'static, T>>,
    single: Vec<[T; 1]>,
    lanes: Vec<[T; LANES]>,
}

impl<T: Number + 'static> Default for Tape<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// The memory of an empty vector, for numbers of another tape.
fn recycle<'a, T: Number + 'static>(mut memory: Vec<Var<'_, T>>) -> Vec<Var<'a, T>> {
    memory.clear();
    // collecting in place keeps the allocation
    memory.into_iter().map(|var| Var::new(var.value())).collect()
}

impl<T: Number + 'static> Tape<T> {
    /// An empty tape.
    pub fn new() -> Self {
        Self {
            record: Record::new(),
            inputs: 0,
            outputs: Vec::new(),
            variables: Vec::new(),
            results: Vec::new(),
            single: Vec::new(),
            lanes: Vec::new(),
        }
    }

    /// Runs a program at a point and records it: a closure that takes the inputs and pushes the entries of the result.
    ///
    /// ```
    /// use matgrad_tape::{Number, Tape};
    /// let mut tape = Tape::new();
    /// tape.run(&[1.0, 2.0], |x, out| out.push(x[0] * x[1]))?;
    /// let mut column = [0.0];
    /// tape.jvp(&[1.0, 0.0], &mut column)?;
    /// assert_eq!(column, [2.0]);
    /// # Ok::<(), matgrad_tape::Error>(())
    /// ```
    pub fn run(
        &mut self,
        x: &[T],
        program: impl for<'t> FnOnce(&[Var<'t, T>], &mut Vec<Var<'t, T>>),
    ) -> Result<(), Error> {
        self.outputs.clear();
        self.inputs = 0;
        self.record.restart(x.len())?;
        let mut variables = recycle(std::mem::take(&mut self.variables));
        let mut results = recycle(std::mem::take(&mut self.results));
        variables.extend(x.iter().enumerate().map(|(k, value)| Var::on(&self.record, k as u32, *value)));
        program(&variables, &mut results);
        self.inputs = x.len();
        self.outputs.extend(results.iter().map(|var| Output { value: var.value(), end: var.end() }));
        (self.variables, self.results) = (recycle(variables), recycle(results));
        self.record.finish()
    }

    /// Runs a [`Map`] at a point and records it.
    pub fn run_map(&mut self, program: &impl Map, x: &[T]) -> Result<(), Error> {
        self.run(x, |x, out| program.values(x, out))
    }

    /// How many inputs the recorded run had.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// How many entries its result has.
    pub fn outputs(&self) -> usize {
        self.outputs.len()
    }

    /// The entries of its result.
    pub fn values(&self) -> impl ExactSizeIterator<Item = T> + '_ {
        self.outputs.iter().map(|output| output.value)
    }

    /// How many operations were recorded.
    pub fn operations(&mut self) -> usize {
        self.record.entries().len()
    }

    /// Runs a function at a point, writes its gradient, and gives its value.
    pub fn value_and_gradient(&mut self, f: &impl Function, x: &[T], gradient: &mut [T]) -> Result<T, Error> {
        same_length("the memory for the gradient", gradient.len(), "the point", x.len())?;
        self.run(x, |x, out| out.push(f.value(x)))?;
        self.gradient(gradient)
    }

    /// The gradient of a recorded run with one result; gives this result.
    pub(crate) fn gradient(&mut self, gradient: &mut [T]) -> Result<T, Error> {
        let value = self.outputs.first().map(|output| output.value);
        let value = value.ok_or_else(|| Error::length("the result", 0, "a gradient is of", 1))?;
        self.vjp(&[T::constant(1.0)], gradient)?;
        Ok(value)
    }

    /// The product of weights of the outputs with the Jacobian of the recorded run, u'J: one sweep backwards.
    pub fn vjp(&mut self, weights: &[T], product: &mut [T]) -> Result<(), Error> {
        same_length("the vector of weights", weights.len(), "the result", self.outputs.len())?;
        same_length("the memory for the product", product.len(), "the point", self.inputs)?;
        let nodes = self.record.nodes();
        self.single.clear();
        self.single.resize(nodes, [T::constant(0.0)]);
        let mut top = 0;
        for (output, weight) in self.outputs.iter().zip(weights) {
            if let Some((node, slope)) = output.end {
                top = top.max(node as usize);
                if let Some([adjoint]) = self.single.get_mut(node as usize) {
                    *adjoint += slope * *weight;
                }
            }
        }
        self.record.reverse(top, &mut self.single);
        product.iter_mut().zip(&self.single).for_each(|(out, [adjoint])| *out = *adjoint);
        Ok(())
    }

    /// The product of the Jacobian of the recorded run with a direction, J*v: one sweep forwards.
    pub fn jvp(&mut self, direction: &[T], product: &mut [T]) -> Result<(), Error> {
        same_length("the direction", direction.len(), "the point", self.inputs)?;
        same_length("the memory for the product", product.len(), "the result", self.outputs.len())?;
        self.single.clear();
        self.single.extend(direction.iter().map(|v| [*v]));
        self.record.forward(&mut self.single);
        for (out, output) in product.iter_mut().zip(&self.outputs) {
            let tangent = |(node, slope): (u32, T)| self.single.get(node as usize).map(|[t]| slope * *t);
            *out = output.end.and_then(tangent).unwrap_or(T::constant(0.0));
        }
        Ok(())
    }

    /// The Jacobian of the recorded run, row by row: as many sweeps of eight directions each as the smaller of its sides
    /// needs.
    pub fn jacobian(&mut self, jacobian: &mut [T]) -> Result<(), Error> {
        let (rows, columns) = (self.outputs.len(), self.inputs);
        same_length("the memory for the Jacobian", jacobian.len(), "the Jacobian", rows * columns)?;
        if rows * columns == 0 {
            return Ok(());
        }
        if rows == 1 {
            return self.vjp(&[T::constant(1.0)], jacobian);
        }
        if rows < columns {
            for (block, first) in jacobian.chunks_mut(columns * LANES).zip((0..rows).step_by(LANES)) {
                let adjoints = self.reverse_lanes(|row| row.checked_sub(first).filter(|lane| *lane < LANES));
                for (lane, row) in block.chunks_mut(columns).enumerate() {
                    row.iter_mut().zip(adjoints).for_each(|(out, lanes)| *out = lanes[lane]);
                }
            }
        } else {
            for first in (0..columns).step_by(LANES) {
                self.forward_lanes(|column| column.checked_sub(first).filter(|lane| *lane < LANES));
                for (row, out) in jacobian.chunks_mut(columns).enumerate() {
                    let tangents = self.tangents(row);
                    out[first..].iter_mut().zip(tangents).for_each(|(out, tangent)| *out = tangent);
                }
            }
        }
        Ok(())
    }

    /// One sweep backwards with weights that are 1 in the lane of an output; gives the lanes of the inputs.
    pub(crate) fn reverse_lanes(&mut self, lane: impl Fn(usize) -> Option<usize>) -> &[[T; LANES]] {
        let nodes = self.record.nodes();
        self.lanes.clear();
        self.lanes.resize(nodes, [T::constant(0.0); LANES]);
        let mut top = 0;
        for (row, output) in self.outputs.iter().enumerate() {
            let (Some(lane), Some((node, slope))) = (lane(row), output.end) else { continue };
            top = top.max(node as usize);
            if let Some(adjoint) = self.lanes.get_mut(node as usize).and_then(|lanes| lanes.get_mut(lane)) {
                *adjoint += slope;
            }
        }
        self.record.reverse(top, &mut self.lanes);
        self.lanes.get(..self.inputs).unwrap_or(&[])
    }

    /// One sweep forwards with directions that are 1 in the lane of an input.
    pub(crate) fn forward_lanes(&mut self, lane: impl Fn(usize) -> Option<usize>) {
        self.lanes.clear();
        self.lanes.extend((0..self.inputs).map(|column| {
            let own = lane(column);
            std::array::from_fn(|k| T::constant(if own == Some(k) { 1.0 } else { 0.0 }))
        }));
        self.record.forward(&mut self.lanes);
    }

    /// The tangents of an output after a sweep forwards.
    pub(crate) fn tangents(&self, row: usize) -> [T; LANES] {
        let end = self.outputs.get(row).and_then(|output| output.end);
        let tangents = end.and_then(|(node, slope)| self.lanes.get(node as usize).map(|t| t.map(|t| slope * t)));
        tangents.unwrap_or([T::constant(0.0); LANES])
    }
}

/// Tapes that free functions use again, one for each thread.
pub trait Reused: Sized + Number + 'static {
    #[doc(hidden)]
    fn with_tape<R>(work: impl FnOnce(&mut Tape<Self>) -> R) -> R;
}

/// A tape of more entries than this is not kept.
const KEPT: usize = 1 << 20;

macro_rules! reused {
    ($($T:ty),*) => {$(
        impl Reused for $T {
            fn with_tape<R>(work: impl FnOnce(&mut Tape<Self>) -> R) -> R {
                thread_local! {
                    static TAPE: std::cell::RefCell<Option<Box<Tape<$T>>>> = const { std::cell::RefCell::new(None) };
                }
                // a program that asks for derivatives itself finds no tape, and makes its own
                let kept = TAPE.try_with(|cell| cell.try_borrow_mut().ok().and_then(|mut tape| tape.take()));
                let mut tape = kept.ok().flatten().unwrap_or_default();
                let result = work(&mut tape);
                if tape.operations() <= KEPT {
                    let _ = TAPE.try_with(|cell| cell.try_borrow_mut().map(|mut place| *place = Some(tape)));
                }
                result
            }
        }
    )*};
}
reused!(f32, f64, Dual<f32, LANES>, Dual<f64, LANES>);

/// Runs a program on a tape that is used again.
pub(crate) fn with_run<T: Real, R>(
    x: &[T],
    program: impl for<'t> FnOnce(&[Var<'t, T>], &mut Vec<Var<'t, T>>),
    work: impl FnOnce(&mut Tape<T>) -> Result<R, Error>,
) -> Result<R, Error> {
    T::with_tape(|tape| {
        tape.run(x, program)?;
        work(tape)
    })
}
