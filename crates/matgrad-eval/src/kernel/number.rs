//! The numbers that programs run on.

use std::sync::OnceLock;

use matgrad_dense::Real;

use crate::program::Workspace;

/// A number that programs run on: `f64`, or `f32` where half the memory counts more than half the digits.
///
/// A program is planned once, whatever it runs on; its constants are rounded when they are first needed. In single
/// precision, products, factors and loops are computed in it; functions of one number, eigenvalues, singular values,
/// matrix functions and small programs are computed in double precision and rounded.
pub trait Number: Real + sealed::Ways {}

impl Number for f64 {}
impl Number for f32 {}

pub(crate) mod sealed {
    use super::{OnceLock, Workspace};

    /// What differs between the precisions.
    pub trait Ways: Sized {
        /// Constants, which are rounded once.
        fn constants<'a>(wide: &'a [Vec<f64>], rounded: &'a OnceLock<Vec<Vec<f32>>>) -> &'a [Vec<Self>];
        /// The same slices, where they are in double precision.
        fn doubles<'a, 'b>(data: &'b [&'a [Self]]) -> Option<&'b [&'a [f64]]>;
        /// The same slices, where they are in double precision.
        fn doubles_mut<'a, 'b>(data: &'b mut [&'a mut [Self]]) -> Option<&'b mut [&'a mut [f64]]>;
        /// The same vectors, where they are in double precision.
        fn double_vectors(data: &mut [Vec<Self>]) -> Option<&mut [Vec<f64>]>;
        /// The same workspace, where it is for double precision.
        fn double_workspace(workspace: &mut Workspace<Self>) -> Option<&mut Workspace<f64>>;
        /// Does something with two operands and a result in double precision.
        fn in_double(args: [&[Self]; 2], out: &mut [Self], work: impl FnOnce([&[f64]; 2], &mut [f64]));
    }
}

impl sealed::Ways for f64 {
    fn constants<'a>(wide: &'a [Vec<f64>], _: &'a OnceLock<Vec<Vec<f32>>>) -> &'a [Vec<Self>] {
        wide
    }

    fn doubles<'a, 'b>(data: &'b [&'a [Self]]) -> Option<&'b [&'a [f64]]> {
        Some(data)
    }

    fn doubles_mut<'a, 'b>(data: &'b mut [&'a mut [Self]]) -> Option<&'b mut [&'a mut [f64]]> {
        Some(data)
    }

    fn double_vectors(data: &mut [Vec<Self>]) -> Option<&mut [Vec<f64>]> {
        Some(data)
    }

    fn double_workspace(workspace: &mut Workspace<Self>) -> Option<&mut Workspace<f64>> {
        Some(workspace)
    }

    fn in_double(args: [&[Self]; 2], out: &mut [Self], work: impl FnOnce([&[f64]; 2], &mut [f64])) {
        work(args, out);
    }
}

impl sealed::Ways for f32 {
    fn constants<'a>(wide: &'a [Vec<f64>], rounded: &'a OnceLock<Vec<Vec<f32>>>) -> &'a [Vec<Self>] {
        rounded.get_or_init(|| wide.iter().map(|c| c.iter().map(|x| *x as f32).collect()).collect())
    }

    fn doubles<'a, 'b>(_: &'b [&'a [Self]]) -> Option<&'b [&'a [f64]]> {
        None
    }

    fn doubles_mut<'a, 'b>(_: &'b mut [&'a mut [Self]]) -> Option<&'b mut [&'a mut [f64]]> {
        None
    }

    fn double_vectors(_: &mut [Vec<Self>]) -> Option<&mut [Vec<f64>]> {
        None
    }

    fn double_workspace(_: &mut Workspace<Self>) -> Option<&mut Workspace<f64>> {
        None
    }

    fn in_double(args: [&[Self]; 2], out: &mut [Self], work: impl FnOnce([&[f64]; 2], &mut [f64])) {
        let wide = |x: &[Self]| -> Vec<f64> { x.iter().map(|x| f64::from(*x)).collect() };
        let ([a, b], mut result) = (args.map(wide), wide(out));
        work([&a, &b], &mut result);
        out.iter_mut().zip(result).for_each(|(place, x)| *place = x as Self);
    }
}
