//! The number that records what is computed with it.

use std::cell::Cell;
use std::cmp::Ordering;
use std::iter::{Product, Sum};
use std::marker::PhantomData;
use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};

use crate::elementary::elementary;
use crate::operators::{by_value, operators, ruled};
use crate::record::Record;
use crate::{Number, Scalar, rules};

/// A number on a [`Tape`](crate::Tape): its value, the node of the tape that it depends on, and its derivative by this node.
///
/// Functions of one argument and operations with constants change value and derivative only. An entry is made where two
/// numbers with different nodes meet, so that a tape has an entry for each such operation and none for `exp(-x*x/2)`.
///
/// Numbers of different tapes have different types: a program cannot mix them up.
#[derive(Clone, Copy)]
pub struct Var<'t, T: Number = f64> {
    value: T,
    slope: T,
    node: u32,
    record: Option<&'t Record<T>>,
    /// lifetimes of different tapes do not become one
    tape: PhantomData<Cell<&'t ()>>,
}

impl<T: Number> std::fmt::Debug for Var<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Var({:?})", self.value)
    }
}

impl<'t, T: Number> Var<'t, T> {
    /// A number that depends on no input.
    #[inline]
    pub fn new(value: T) -> Self {
        Self { value, slope: T::constant(0.0), node: 0, record: None, tape: PhantomData }
    }

    #[inline]
    pub(crate) fn on(record: &'t Record<T>, node: u32, value: T) -> Self {
        Self { value, slope: T::constant(1.0), node, record: Some(record), tape: PhantomData }
    }

    /// Its value.
    #[inline]
    pub fn value(self) -> T {
        self.value
    }

    /// The node that it depends on, and its derivative by it.
    #[inline]
    pub(crate) fn end(self) -> Option<(u32, T)> {
        self.record.map(|_| (self.node, self.slope))
    }

    #[inline]
    fn unary(self, (value, by): (T, T)) -> Self {
        Self { value, slope: by * self.slope, ..self }
    }

    #[inline]
    fn binary(self, other: Self, (value, by, by_other): (T, T, T)) -> Self {
        self.join(other, value, by * self.slope, by_other * other.slope)
    }

    /// A number that depends on the nodes of two others.
    #[inline]
    fn join(self, other: Self, value: T, slope: T, other_slope: T) -> Self {
        match (self.record, other.record) {
            (Some(record), Some(_)) => {
                if self.node == other.node {
                    Self { value, slope: slope + other_slope, ..self }
                } else {
                    Self::on(record, record.push([self.node, other.node], [slope, other_slope]), value)
                }
            }
            (Some(_), None) => Self { value, slope, ..self },
            (None, _) => Self { value, slope: other_slope, ..other },
        }
    }

    #[inline]
    fn plus(self, other: Self) -> Self {
        self.join(other, self.value + other.value, self.slope, other.slope)
    }

    #[inline]
    fn minus(self, other: Self) -> Self {
        self.join(other, self.value - other.value, self.slope, -other.slope)
    }

    #[inline]
    fn times(self, other: Self) -> Self {
        self.binary(other, (self.value * other.value, other.value, self.value))
    }

    #[inline]
    fn over(self, other: Self) -> Self {
        self.binary(other, rules::div(self.value, other.value))
    }

    #[inline]
    fn divided_by(self, by: f64) -> Self {
        Self { value: self.value / T::constant(by), slope: self.slope.scale(1.0 / by), ..self }
    }
}

impl<T: Number> Neg for Var<'_, T> {
    type Output = Self;
    #[inline]
    fn neg(self) -> Self {
        Self { value: -self.value, slope: -self.slope, ..self }
    }
}

operators! { ['t, T: Number] Var<'t, T> }
by_value! { ['t, T: Number] Var<'t, T> }

impl<T: Number> Number for Var<'_, T> {
    #[inline]
    fn constant(value: f64) -> Self {
        Self::new(T::constant(value))
    }

    #[inline]
    fn scale(self, by: f64) -> Self {
        Self { value: self.value.scale(by), slope: self.slope.scale(by), ..self }
    }

    #[inline]
    fn shift(self, by: f64) -> Self {
        Self { value: self.value.shift(by), ..self }
    }

    elementary!(ruled);
}
