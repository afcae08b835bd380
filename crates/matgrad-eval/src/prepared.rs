//! A program with its data and its memory at hand, for a function that is called again and again.

use smallvec::SmallVec;

use crate::array::{Array, Inputs};
use crate::error::RunError;
use crate::program::{Program, Workspace};

/// A program bound to its inputs: a run looks nothing up, checks nothing and allocates nothing.
///
/// Where the inputs change between runs, [`Program::run_slices`] takes them with every call.
#[derive(Debug)]
pub struct Prepared<'a> {
    program: &'a Program,
    inputs: SmallVec<[&'a [f64]; 8]>,
    workspace: Workspace,
    results: Vec<Array>,
}

impl Program {
    /// Binds the program to inputs.
    ///
    /// # Errors
    /// Inputs that are missing or have another shape.
    pub fn prepare<'a>(&'a self, inputs: &'a Inputs) -> Result<Prepared<'a>, RunError> {
        let mut workspace = Workspace::default();
        workspace.prepare(self);
        Ok(Prepared { program: self, inputs: self.bind(inputs)?, workspace, results: self.results() })
    }
}

impl Prepared<'_> {
    /// Computes the results.
    pub fn run(&mut self) {
        let mut places: SmallVec<[&mut [f64]; 8]> = self.results.iter_mut().map(Array::data_mut).collect();
        self.program.run_prepared(&self.inputs, &mut self.workspace, &mut places);
    }

    /// The results of the last run.
    #[must_use]
    pub fn results(&self) -> &[Array] {
        &self.results
    }
}
