//! A function for arrays of known shapes.

use std::sync::{Mutex, PoisonError};

use matgrad_eval::{Array, Inputs, Number, Workspace};
use matgrad_syntax::Source;
use smallvec::SmallVec;

use super::compile::Order;
use crate::Failure;
use crate::plan::Plan;

/// A function for arrays of known shapes.
#[derive(Debug)]
pub struct Compiled {
    pub(super) plan: Plan,
    pub(super) source: Source,
    /// For each input of the program the argument that it is.
    pub(super) inputs: Vec<usize>,
    pub(super) arguments: Vec<(String, Vec<usize>, Order)>,
    pub(super) shapes: Vec<Vec<usize>>,
    pub(super) pools: Pools,
}

/// Memory of runs that are over, in either precision.
#[derive(Debug, Default)]
pub struct Pools(Mutex<Vec<Workspace>>, Mutex<Vec<Workspace<f32>>>);

/// A number that functions of arrays are computed with: `f64`, or `f32`.
pub trait Entry: Number + sealed::Kept {}

impl Entry for f64 {}
impl Entry for f32 {}

mod sealed {
    use super::{Mutex, Pools, Workspace};

    /// Where the memory of its runs is kept.
    pub trait Kept: Sized {
        fn pool(pools: &Pools) -> &Mutex<Vec<Workspace<Self>>>;
    }
}

impl sealed::Kept for f64 {
    fn pool(pools: &Pools) -> &Mutex<Vec<Workspace>> {
        &pools.0
    }
}

impl sealed::Kept for f32 {
    fn pool(pools: &Pools) -> &Mutex<Vec<Workspace<f32>>> {
        &pools.1
    }
}

impl Compiled {
    /// The shapes of the results, whose entries come row by row.
    pub fn shapes(&self) -> &[Vec<usize>] {
        &self.shapes
    }

    /// The steps of the program with their costs.
    pub fn listing(&self) -> String {
        self.plan.listing()
    }

    /// How much work a run is: operations and numbers moved, by estimate.
    pub fn work(&self) -> f64 {
        self.plan.flops() + self.plan.traffic() / 8.0
    }

    /// Computes the results from the numbers of the arguments, in the order that was planned for, all in double or all in
    /// single precision. Runs may go on at the same time; nothing is copied, and once as many have run, nothing is allocated.
    ///
    /// ```
    /// use matgrad::symbols::{Order, compile, vector};
    /// let x = vector("x", "n");
    /// let function = compile(&[&x.norm().pow(2)])?;
    /// let plan = function.plan(&[(&[2], Order::Rows)])?;
    /// let mut value = [0.0_f32];
    /// plan.run(&[&[3.0, 4.0]], &mut [&mut value])?;
    /// assert_eq!(value, [25.0]);
    /// # Ok::<(), matgrad::Failure>(())
    /// ```
    ///
    /// # Errors
    /// Slices of other lengths than the shapes that were planned for.
    pub fn run<T: Entry>(&self, arguments: &[&[T]], results: &mut [&mut [T]]) -> Result<(), Failure> {
        if !self.plan.is_one_program() {
            return self.run_whole(arguments, results);
        }
        let data: SmallVec<[&[T]; 8]> =
            self.inputs.iter().map(|at| arguments.get(*at).copied().unwrap_or(&[])).collect();
        let pool = T::pool(&self.pools);
        let mut workspace = pool.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
        let outcome = self.plan.program().run_slices(&data, &mut workspace, results);
        pool.lock().unwrap_or_else(PoisonError::into_inner).push(workspace);
        outcome.map_err(|error| Failure::whole(self.source.clone(), "data", error.to_string()))
    }

    /// The same where unknowns are to be found first, in double precision.
    fn run_whole<T: Entry>(&self, arguments: &[&[T]], results: &mut [&mut [T]]) -> Result<(), Failure> {
        let mut data = Inputs::new();
        for ((name, shape, order), numbers) in self.arguments.iter().zip(arguments) {
            let numbers: Vec<f64> = numbers.iter().map(|x| x.wide()).collect();
            let array = match (order, shape.as_slice()) {
                (Order::Columns, [m, n]) => {
                    let turned = Array::new(vec![*n, *m], numbers);
                    turned.and_then(|array| array.permuted(&[1, 0]))
                }
                _ => Array::new(shape.clone(), numbers),
            };
            let fail = || Failure::whole(self.source.clone(), "data", format!("`{name}` has another length"));
            data.insert(name, array.ok_or_else(fail)?);
        }
        let mut memory = self.plan.memory();
        self.plan.execute(&data, &mut memory)?;
        for (place, array) in results.iter_mut().zip(&memory.results) {
            if place.len() == array.data().len() {
                place.iter_mut().zip(array.data()).for_each(|(place, x)| *place = T::of(*x));
            }
        }
        Ok(())
    }
}
