//! A program with its data and its memory at hand, for a function that is called again and again.

use smallvec::SmallVec;

use crate::array::Inputs;
#[cfg(target_arch = "x86_64")]
use crate::code::native::Bound;
use crate::error::RunError;
use crate::kernel::number::Number;
use crate::program::{Program, Workspace};

/// A program bound to its inputs: a run looks nothing up, checks nothing and allocates nothing.
///
/// Where the inputs change between runs, [`Program::run_slices`] takes them with every call.
#[derive(Debug)]
pub struct Prepared<'a, T = f64> {
    program: &'a Program,
    inputs: SmallVec<[&'a [T]; 8]>,
    workspace: Workspace<T>,
    results: Vec<Vec<T>>,
    /// Machine code that does it all.
    #[cfg(target_arch = "x86_64")]
    bound: Option<Bound>,
}

impl Program {
    /// Binds the program to inputs.
    ///
    /// # Errors
    /// Inputs that are missing or have another shape.
    pub fn prepare<'a>(&'a self, inputs: &'a Inputs) -> Result<Prepared<'a>, RunError> {
        let bound = self.bind(inputs)?;
        self.prepare_slices(&bound)
    }

    /// Binds the program to the numbers of its inputs, in the order of [`Program::inputs`] and in either precision.
    ///
    /// # Errors
    /// An input of another length than its shape has.
    pub fn prepare_slices<'a, T: Number>(&'a self, inputs: &[&'a [T]]) -> Result<Prepared<'a, T>, RunError> {
        self.check_lengths(inputs)?;
        let mut workspace = Workspace::default();
        workspace.prepare_for_results(self);
        let mut results: Vec<Vec<T>> = self.lengths().map(|length| vec![T::zero(); length]).collect();
        #[cfg(target_arch = "x86_64")]
        let bound = match &self.whole {
            Some(whole) => whole.bind(inputs, &mut workspace.whole, &mut results),
            None => self.bind_chain(inputs, &mut workspace, &mut results),
        };
        Ok(Prepared {
            program: self,
            inputs: SmallVec::from_slice(inputs),
            workspace,
            results,
            #[cfg(target_arch = "x86_64")]
            bound,
        })
    }

    /// The numbers of the inputs in single precision, in the order of [`Program::inputs`].
    ///
    /// # Errors
    /// Inputs that are missing or have another shape.
    pub fn rounded(&self, inputs: &Inputs) -> Result<Vec<Vec<f32>>, RunError> {
        Ok(self.bind(inputs)?.iter().map(|data| data.iter().map(|x| *x as f32).collect()).collect())
    }
}

impl<T: Number> Prepared<'_, T> {
    /// Computes the results.
    #[inline]
    pub fn run(&mut self) {
        #[cfg(target_arch = "x86_64")]
        if let Some(bound) = &self.bound {
            // SAFETY: the code is that of the program, which is borrowed as long as this is, and so are the inputs; results
            // and workspace are its own, keep their lengths, and are borrowed exclusively by this call
            #[allow(unsafe_code)]
            return unsafe { bound.run() };
        }
        self.run_steps();
    }

    fn run_steps(&mut self) {
        if let Some(whole) = &self.program.whole
            && whole.run_vectors(&self.inputs, &mut self.workspace.whole, &mut self.results)
        {
            return;
        }
        #[cfg(target_arch = "x86_64")]
        if self.program.chain.is_some()
            && let (Some(data), Some(workspace)) = (T::doubles(&self.inputs), T::double_workspace(&mut self.workspace))
            && let Some(results) = T::double_vectors(&mut self.results)
            && self.program.run_chain(data, workspace, results)
        {
            return;
        }
        let mut places: SmallVec<[&mut [T]; 8]> = self.results.iter_mut().map(Vec::as_mut_slice).collect();
        self.program.run_prepared(&self.inputs, &mut self.workspace, &mut places);
    }

    /// The entries of the results of the last run, row by row.
    #[must_use]
    pub fn results(&self) -> &[Vec<T>] {
        &self.results
    }
}
