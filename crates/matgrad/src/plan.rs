//! A compiled evaluation, and its runs.

use matgrad_calculus::layout::{Kind as Shape, Layout};
use matgrad_eval::{
    Array, Csr, Inputs, Precision, Prepared, Program, RunError, SparseProgram, System, Workspace, arrange,
};
use matgrad_syntax::{Name, Source};

use crate::{Failure, batch};

/// One array of the results.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    pub name: String,
    pub function: Shape,
    /// The variable and the order, for a derivative that a layout arranges.
    pub arranged: Option<(Shape, usize)>,
}

/// What a run writes to, kept for the next one.
#[derive(Clone, Debug)]
pub struct Memory {
    workspace: Workspace,
    /// The bare results of the last run.
    pub results: Vec<Array>,
    /// The sparse results of the last run.
    pub matrices: Vec<Csr>,
    /// Of runs in single precision.
    single: Workspace<f32>,
}

/// A compiled evaluation.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(crate) source: Source,
    pub(crate) program: SparseProgram,
    /// What finds the unknowns that are defined implicitly, in this order.
    pub(crate) systems: Vec<System>,
    pub(crate) outputs: Vec<Output>,
    /// The names of the sparse results.
    pub(crate) sparse: Vec<(String, Option<Vec<usize>>)>,
    pub(crate) layout: Layout,
    /// What numbers it runs on.
    pub(crate) precision: Precision,
    /// What else is computed, from graphs of its own.
    pub(crate) more: Vec<Plan>,
    /// The inputs that hold a batch of problems.
    pub(crate) batch: Vec<Name>,
    /// How many problems the data held that the plan was made for.
    pub(crate) problems: usize,
}

impl Plan {
    /// The results by name: `value`, `derivative`, `derivative2`, or `derivative_X` where there are several variables.
    ///
    /// # Errors
    /// Data that is missing or has another shape than that of the plan.
    pub fn run(&self, data: &Inputs) -> Result<Vec<(String, Array)>, Failure> {
        Ok(self.run_sparse(data)?.0)
    }

    /// The dense results by name, and the sparse ones.
    ///
    /// # Errors
    /// As [`Plan::run`].
    #[allow(clippy::type_complexity, reason = "two lists of named results")]
    pub fn run_sparse(&self, data: &Inputs) -> Result<(Vec<(String, Array)>, Vec<(String, Csr)>), Failure> {
        let mut memory = self.memory();
        self.execute(data, &mut memory)?;
        let named = self.outputs.iter().zip(memory.results);
        let named = named.map(|(output, array)| Ok((output.name.clone(), self.finish_all(output, array)?)));
        let mut named = named.collect::<Result<Vec<(String, Array)>, Failure>>()?;
        for plan in &self.more {
            named.extend(plan.run(data)?);
        }
        let mut matrices = Vec::new();
        for ((name, diagonal), matrix) in self.sparse.iter().zip(memory.matrices) {
            match diagonal {
                Some(shape) => {
                    named.push((name.clone(), matrix.to_dense().reshaped(shape.clone()).unwrap_or_default()))
                }
                None => matrices.push((name.clone(), matrix)),
            }
        }
        Ok((named, matrices))
    }

    /// Memory for runs of this plan.
    pub fn memory(&self) -> Memory {
        let (results, matrices) = (self.program.results(), self.program.matrices());
        Memory { workspace: Workspace::default(), results, matrices, single: Workspace::default() }
    }

    /// Runs the program in memory that may be used again; the bare results, before a layout arranges them, are left in it.
    ///
    /// # Errors
    /// As [`Plan::run`].
    pub fn execute(&self, data: &Inputs, memory: &mut Memory) -> Result<(), Failure> {
        if self.batch.is_empty() {
            return self.execute_one(data, memory);
        }
        let fail = |message: String| Failure::whole(self.source.clone(), "data", message);
        if self.systems.is_empty() && self.precision == Precision::Double {
            let results = self.program().run_batch(data, &self.batch, matgrad_eval::threads());
            memory.results = results.map_err(|error| fail(error.to_string()))?;
            return Ok(());
        }
        let count = batch::count(data, &self.batch).map_err(fail)?;
        let like = self.program.results();
        let mut all: Vec<Vec<Array>> = vec![Vec::with_capacity(count); like.len()];
        for k in 0..count {
            memory.results.clone_from(&like);
            self.execute_one(&batch::problem(data, &self.batch, k), memory)?;
            all.iter_mut().zip(&memory.results).for_each(|(all, one)| all.push(one.clone()));
        }
        memory.results = all.iter().zip(&like).map(|(parts, like)| batch::stack(parts, like)).collect();
        Ok(())
    }

    fn execute_one(&self, data: &Inputs, memory: &mut Memory) -> Result<(), Failure> {
        let solved;
        let data = if self.systems.is_empty() {
            data
        } else {
            let mut with = data.clone();
            for system in &self.systems {
                let found = system.solve(&mut with, &mut Workspace::default());
                found.map_err(|error| Failure::whole(self.source.clone(), "implicit", error.to_string()))?;
            }
            solved = with;
            &solved
        };
        let result = if self.precision == Precision::Single && self.program.is_dense() {
            run_in_single(self.program(), data, memory)
        } else {
            let Memory { workspace, results, matrices, .. } = memory;
            self.program.run_into(data, workspace, results, matrices)
        };
        if self.precision == Precision::Single {
            let round = |array: &mut Array| *array = std::mem::take(array).in_precision(Precision::Single);
            memory.results.iter_mut().for_each(round);
            let round = |matrix: &mut Csr| *matrix = std::mem::take(matrix).in_precision(Precision::Single);
            memory.matrices.iter_mut().for_each(round);
        }
        result.map_err(|error| Failure::whole(self.source.clone(), "data", error.to_string()))
    }

    /// The program bound to data, for runs that cost nothing but the program; `None` where there is more to a run than one
    /// program in double precision: unknowns that are solved for, sparse results, or several functions. The results are
    /// bare: no layout arranges them.
    ///
    /// # Errors
    /// As [`Plan::run`].
    pub fn prepare<'a>(&'a self, data: &'a Inputs) -> Result<Option<Prepared<'a>>, Failure> {
        if !self.is_one_program() || self.precision == Precision::Single {
            return Ok(None);
        }
        let prepared = self.program().prepare(data);
        let prepared = prepared.map_err(|error| Failure::whole(self.source.clone(), "data", error.to_string()))?;
        Ok(Some(prepared))
    }

    /// The numbers of the inputs in single precision, where the plan is one program that runs on them: what
    /// [`Plan::prepare_single`] takes.
    ///
    /// # Errors
    /// As [`Plan::run`].
    pub fn rounded(&self, data: &Inputs) -> Result<Option<Vec<Vec<f32>>>, Failure> {
        if !self.is_one_program() || self.precision == Precision::Double {
            return Ok(None);
        }
        let rounded = self.program().rounded(data);
        rounded.map(Some).map_err(|error| Failure::whole(self.source.clone(), "data", error.to_string()))
    }

    /// As [`Plan::prepare`], in single precision.
    ///
    /// # Errors
    /// As [`Plan::run`].
    pub fn prepare_single<'a>(&'a self, inputs: &'a [Vec<f32>]) -> Result<Prepared<'a, f32>, Failure> {
        let slices: Vec<&[f32]> = inputs.iter().map(Vec::as_slice).collect();
        let prepared = self.program().prepare_slices(&slices);
        prepared.map_err(|error| Failure::whole(self.source.clone(), "data", error.to_string()))
    }

    /// Whether a run is that of one program with dense results.
    pub(crate) fn is_one_program(&self) -> bool {
        self.systems.is_empty() && self.more.is_empty() && self.batch.is_empty() && self.program.is_dense()
    }

    /// The steps of the program with their costs.
    pub fn listing(&self) -> String {
        let listings = std::iter::once(self.program.listing()).chain(self.more.iter().map(Plan::listing));
        listings.collect::<Vec<String>>().join("\n")
    }

    /// The program itself.
    pub fn program(&self) -> &Program {
        self.program.program()
    }

    /// Operations of a run, a function of one number counted as one.
    pub fn flops(&self) -> f64 {
        self.program.flops() * self.problems as f64
    }

    /// Bytes a run moves, by estimate.
    pub fn traffic(&self) -> f64 {
        let part = if self.precision == Precision::Single { 0.5 } else { 1.0 };
        part * self.program.traffic() * self.problems as f64
    }

    fn finish_all(&self, output: &Output, array: Array) -> Result<Array, Failure> {
        if self.batch.is_empty() {
            return self.finish(output, array);
        }
        let count = array.shape().first().copied().unwrap_or(0);
        let parts = (0..count).map(|k| self.finish(output, batch::part(&array, k)));
        let parts = parts.collect::<Result<Vec<Array>, Failure>>()?;
        let like = if count == 0 { self.finish(output, batch::part(&array, 0))? } else { Array::default() };
        Ok(batch::stack(&parts, &like).in_precision(self.precision))
    }

    fn finish(&self, output: &Output, array: Array) -> Result<Array, Failure> {
        match &output.arranged {
            // what has more axes than a matrix has one layout only
            Some((Shape::Tensor(_), _)) => Ok(array),
            Some(_) if matches!(output.function, Shape::Tensor(_)) => Ok(array),
            Some((variable, order)) => arrange(&array, &output.function, variable, *order, self.layout)
                .map(|arranged| arranged.in_precision(self.precision))
                .map_err(|error| Failure::whole(self.source.clone(), "layout", error.to_string())),
            // a row is a matrix with one row, and a scalar has no axes
            None => Ok(match output.function {
                Shape::Row(_) => {
                    let n = array.data().len();
                    array.reshaped(vec![1, n]).unwrap_or_default()
                }
                _ => array,
            }),
        }
    }
}

/// Runs a program in single precision; the results are the same numbers in double precision.
fn run_in_single(program: &Program, data: &Inputs, memory: &mut Memory) -> Result<(), RunError> {
    let inputs = program.rounded(data)?;
    let inputs: Vec<&[f32]> = inputs.iter().map(Vec::as_slice).collect();
    let mut results: Vec<Vec<f32>> = memory.results.iter().map(|array| vec![0.0; array.data().len()]).collect();
    let mut places: Vec<&mut [f32]> = results.iter_mut().map(Vec::as_mut_slice).collect();
    program.run_slices(&inputs, &mut memory.single, &mut places)?;
    for (array, result) in memory.results.iter_mut().zip(&results) {
        array.data_mut().iter_mut().zip(result).for_each(|(to, x)| *to = f64::from(*x));
    }
    Ok(())
}
