//! The number that records what is computed as operations of the language, for formulas and for patterns of Hessians.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::iter::{Product, Sum};
use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};

use crate::elementary::elementary;
use crate::operators::operators;
use crate::{Error, Map, Number, Scalar};

macro_rules! name_functions {
    ($($(#[$doc:meta])* $name:ident $variant:ident $text:literal;)*) => {
        /// The elementary functions of one argument.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Elementary {$(
            $(#[$doc])*
            $variant,
        )*}

        impl Elementary {
            /// The name in the language.
            ///
            /// ```
            /// assert_eq!(matgrad_tape::Elementary::Log1p.name(), "log1p");
            /// ```
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        }
    };
}
elementary!(name_functions);

/// An operation of a trace, on the results of earlier ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Operation {
    /// An input, counted from 0.
    Input(u32),
    /// A number.
    Constant(f64),
    /// -x
    Neg(u32),
    /// x + y
    Add(u32, u32),
    /// x - y
    Sub(u32, u32),
    /// x*y
    Mul(u32, u32),
    /// x/y
    Div(u32, u32),
    /// x^y
    Pow(u32, u32),
    /// The angle of the point (x, y), y first.
    Atan2(u32, u32),
    /// √(x² + y²)
    Hypot(u32, u32),
    /// The larger of two.
    Max(u32, u32),
    /// The smaller of two.
    Min(u32, u32),
    /// An elementary function.
    Function(Elementary, u32),
    /// The polygamma function of an order.
    Polygamma(u32, u32),
}

impl Operation {
    /// The operations whose results it uses.
    pub fn operands(self) -> [Option<u32>; 2] {
        use Operation::*;
        match self {
            Input(_) | Constant(_) => [None; 2],
            Neg(x) | Function(_, x) | Polygamma(_, x) => [Some(x), None],
            Add(x, y)
            | Sub(x, y)
            | Mul(x, y)
            | Div(x, y)
            | Pow(x, y)
            | Atan2(x, y)
            | Hypot(x, y)
            | Max(x, y)
            | Min(x, y) => [Some(x), Some(y)],
        }
    }

    /// What equal operations have in common.
    fn key(self) -> (u8, u64, u64) {
        use Operation::*;
        let two = |tag, x, y| (tag, u64::from(x), u64::from(y));
        match self {
            Input(k) => two(0, k, 0),
            Constant(value) => (1, value.to_bits(), 0),
            Neg(x) => two(2, x, 0),
            // sums and products do not depend on the order of two operands
            Add(x, y) => two(3, x.min(y), x.max(y)),
            Sub(x, y) => two(4, x, y),
            Mul(x, y) => two(5, x.min(y), x.max(y)),
            Div(x, y) => two(6, x, y),
            Pow(x, y) => two(7, x, y),
            Atan2(x, y) => two(8, x, y),
            Hypot(x, y) => two(9, x, y),
            Max(x, y) => two(10, x, y),
            Min(x, y) => two(11, x, y),
            Function(function, x) => (12, function as u64, u64::from(x)),
            Polygamma(order, x) => two(13, order, x),
        }
    }
}

/// What a program found out about two results when it chose its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// x < y
    Less,
    /// x = y
    Equal,
    /// x > y
    Greater,
    /// x ≠ y, or one of them is no number.
    Different,
    /// The value of x was taken out of the program, which may have done anything with it.
    Seen,
}

/// A condition under which the program takes the path that was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assumption {
    /// The operation whose result was compared.
    pub left: u32,
    /// How it compared.
    pub relation: Relation,
    /// The operation that it was compared with; the same one where the value was only seen.
    pub right: u32,
}

/// A run of a program as a list of operations, equal ones once.
///
/// ```
/// use matgrad_tape::{Operation, Trace, function};
/// let trace = Trace::of(&function!(|x| x[0] * x[1].sin()), &[1.0, 2.0])?;
/// assert_eq!(trace.operations().len(), 4);
/// assert_eq!(trace.operations()[3], Operation::Mul(0, 2));
/// assert_eq!(trace.outputs(), [3]);
/// # Ok::<(), matgrad_tape::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Trace {
    operations: Vec<Operation>,
    inputs: usize,
    outputs: Vec<u32>,
    assumptions: Vec<Assumption>,
}

impl Trace {
    /// Runs a program at a point and records it.
    ///
    /// The trace is of the path taken: comparisons become [`assumptions`](Trace::assumptions).
    pub fn of(program: &impl Map, x: &[f64]) -> Result<Self, Error> {
        let recorder = Recorder::default();
        let mut out = Vec::new();
        let inputs: Vec<Traced<'_>> = x
            .iter()
            .enumerate()
            .map(|(k, value)| recorder.number(Operation::Input(u32::try_from(k).unwrap_or(u32::MAX)), *value))
            .collect();
        program.values(&inputs, &mut out);
        let outputs = out.iter().map(|y| y.node_in(&recorder)).collect();
        let Recording { operations, assumptions, full, .. } = recorder.recording.into_inner();
        if full {
            return Err(Error::new("program-too-long", "the program has more operations than a trace has numbers for"));
        }
        Ok(Self { operations, inputs: x.len(), outputs, assumptions })
    }

    /// The operations in the order of the program, inputs first.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// How many inputs there are.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// The operations whose results are the entries of the value.
    pub fn outputs(&self) -> &[u32] {
        &self.outputs
    }

    /// The comparisons that decided the path, in their order, each once.
    pub fn assumptions(&self) -> &[Assumption] {
        &self.assumptions
    }
}

#[derive(Debug, Default)]
struct Recording {
    operations: Vec<Operation>,
    known: HashMap<(u8, u64, u64), u32>,
    assumptions: Vec<Assumption>,
    full: bool,
}

impl Recording {
    fn node(&mut self, operation: Operation) -> u32 {
        let Ok(next) = u32::try_from(self.operations.len()) else {
            self.full = true;
            return 0;
        };
        let node = *self.known.entry(operation.key()).or_insert(next);
        if node == next {
            self.operations.push(operation);
        }
        node
    }
}

/// Where [`Traced`] numbers write to.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    recording: RefCell<Recording>,
}

impl Recorder {
    fn number(&self, operation: Operation, value: f64) -> Traced<'_> {
        let node = self.recording.borrow_mut().node(operation);
        Traced { value, place: Some((self, node)) }
    }
}

/// A number that records the operations of a program for a [`Trace`].
#[derive(Clone, Copy)]
pub struct Traced<'t> {
    value: f64,
    place: Option<(&'t Recorder, u32)>,
}

impl std::fmt::Debug for Traced<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Traced({:?})", self.value)
    }
}

impl<'t> Traced<'t> {
    fn node_in(self, recorder: &Recorder) -> u32 {
        match self.place {
            Some((_, node)) => node,
            None => recorder.recording.borrow_mut().node(Operation::Constant(self.value)),
        }
    }

    fn unary(self, value: f64, operation: impl FnOnce(u32) -> Operation) -> Self {
        match self.place {
            Some((recorder, node)) => recorder.number(operation(node), value),
            None => Self { value, place: None },
        }
    }

    fn binary(self, other: Self, value: f64, operation: impl FnOnce(u32, u32) -> Operation) -> Self {
        let Some((recorder, _)) = self.place.or(other.place) else { return Self { value, place: None } };
        let operation = operation(self.node_in(recorder), other.node_in(recorder));
        recorder.number(operation, value)
    }

    fn plus(self, other: Self) -> Self {
        self.binary(other, self.value + other.value, Operation::Add)
    }

    fn minus(self, other: Self) -> Self {
        self.binary(other, self.value - other.value, Operation::Sub)
    }

    fn times(self, other: Self) -> Self {
        self.binary(other, self.value * other.value, Operation::Mul)
    }

    fn over(self, other: Self) -> Self {
        self.binary(other, self.value / other.value, Operation::Div)
    }

    fn divided_by(self, by: f64) -> Self {
        self.over(Self::constant(by))
    }

    fn assume(self, relation: Relation, other: Self) {
        let Some((recorder, _)) = self.place.or(other.place) else { return };
        let (left, right) = (self.node_in(recorder), other.node_in(recorder));
        let assumption = Assumption { left, relation, right };
        let mut recording = recorder.recording.borrow_mut();
        // nothing is found out by comparing a number with itself
        if (left != right || relation == Relation::Seen) && !recording.assumptions.contains(&assumption) {
            recording.assumptions.push(assumption);
        }
    }
}

impl PartialEq for Traced<'_> {
    fn eq(&self, other: &Self) -> bool {
        let equal = self.value == other.value;
        self.assume(if equal { Relation::Equal } else { Relation::Different }, *other);
        equal
    }
}

impl PartialOrd for Traced<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        let ordering = self.value.partial_cmp(&other.value);
        let relation = match ordering {
            Some(Ordering::Less) => Relation::Less,
            Some(Ordering::Equal) => Relation::Equal,
            Some(Ordering::Greater) => Relation::Greater,
            None => Relation::Different,
        };
        self.assume(relation, *other);
        ordering
    }
}

impl PartialEq<f64> for Traced<'_> {
    fn eq(&self, other: &f64) -> bool {
        *self == Self::constant(*other)
    }
}

impl PartialOrd<f64> for Traced<'_> {
    fn partial_cmp(&self, other: &f64) -> Option<Ordering> {
        self.partial_cmp(&Self::constant(*other))
    }
}

impl Neg for Traced<'_> {
    type Output = Self;
    fn neg(self) -> Self {
        self.unary(-self.value, Operation::Neg)
    }
}

operators! { ['t] Traced<'t> }

macro_rules! traced_functions {
    ($($(#[$doc:meta])* $name:ident $variant:ident $text:literal;)*) => {$(
        fn $name(self) -> Self {
            self.unary(Number::$name(self.value), |x| Operation::Function(Elementary::$variant, x))
        }
    )*};
}

impl Number for Traced<'_> {
    fn constant(value: f64) -> Self {
        Self { value, place: None }
    }

    fn to_f64(self) -> f64 {
        self.assume(Relation::Seen, self);
        self.value
    }

    fn scale(self, by: f64) -> Self {
        self.times(Self::constant(by))
    }

    fn shift(self, by: f64) -> Self {
        if by < 0.0 { self.minus(Self::constant(-by)) } else { self.plus(Self::constant(by)) }
    }

    fn recip(self) -> Self {
        Self::constant(1.0).over(self)
    }

    fn powi(self, exponent: i32) -> Self {
        let p = Self::constant(f64::from(exponent));
        self.binary(p, self.value.powi(exponent), Operation::Pow)
    }

    fn powf(self, exponent: f64) -> Self {
        self.binary(Self::constant(exponent), self.value.powf(exponent), Operation::Pow)
    }

    fn pow(self, exponent: Self) -> Self {
        self.binary(exponent, self.value.powf(exponent.value), Operation::Pow)
    }

    fn atan2(self, x: Self) -> Self {
        self.binary(x, self.value.atan2(x.value), Operation::Atan2)
    }

    fn hypot(self, other: Self) -> Self {
        self.binary(other, self.value.hypot(other.value), Operation::Hypot)
    }

    fn max(self, other: Self) -> Self {
        self.binary(other, Number::max(self.value, other.value), Operation::Max)
    }

    fn min(self, other: Self) -> Self {
        self.binary(other, Number::min(self.value, other.value), Operation::Min)
    }

    fn polygamma(self, order: u32) -> Self {
        self.unary(self.value.polygamma(order), |x| Operation::Polygamma(order, x))
    }

    elementary!(traced_functions);
}
