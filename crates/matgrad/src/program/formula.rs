//! The trace of a program as expressions of the language.

use matgrad_tape::{Error, Map, Operation, Relation, Trace};

use crate::symbols::{Expr, call, column};

/// What a program computes on one path, as expressions in the entries of a vector.
///
/// It is the program wherever the program takes the same path, which the assumptions say.
///
/// ```
/// use matgrad::program::{formula, function};
/// use matgrad::symbols::vector;
///
/// // a branch and a loop
/// let f = function!(|x| {
///     let mut y = if x[0] > x[1] { x[0] } else { x[1] };
///     for _ in 0..2 {
///         y = y.sin() * x[0];
///     }
///     y
/// });
/// let x = vector("x", 2);
/// let f = formula(&f, &x, &[1.0, 2.0])?;
/// assert_eq!(f.expression().text(), "sin(sin(x[2])*x[1])*x[1]");
/// assert_eq!(f.assumptions(), ["x[1] < x[2]"]);
/// assert_eq!(f.expression().shape().map(|shape| shape.to_string()), Ok("R".to_owned()));
/// # Ok::<(), matgrad::program::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Formula {
    entries: Vec<Expr>,
    assumptions: Vec<String>,
}

impl Formula {
    /// The entries of the value.
    pub fn entries(&self) -> &[Expr] {
        &self.entries
    }

    /// The value: a scalar where it has one entry, a column otherwise.
    pub fn expression(&self) -> Expr {
        match self.entries.as_slice() {
            [entry] => entry.clone(),
            entries => column(&entries.iter().collect::<Vec<&Expr>>()),
        }
    }

    /// The comparisons that decided the path, as the program met them. A value that the program looked at without comparing it
    /// is written `seen: ...`: nobody can say for which other inputs the path is the same.
    pub fn assumptions(&self) -> &[String] {
        &self.assumptions
    }
}

/// The formula of a program on the path that it takes at a point. The inputs are the entries of `x`, a vector of as many.
///
/// ```
/// use matgrad::program::{formula, map};
/// use matgrad::symbols::vector;
///
/// let x = vector("x", 2);
/// let polar = formula(&map!(|x| [x[0] * x[1].cos(), x[0] * x[1].sin()]), &x, &[1.0, 0.5])?.expression();
/// assert_eq!(polar.text(), "[x[1]*cos(x[2]), x[1]*sin(x[2])]");
/// assert_eq!(polar.jacobian(&x).map(|j| j.text()), Ok("[cos(x[2]), -sin(x[2])*x[1]; sin(x[2]), cos(x[2])*x[1]]".to_owned()));
/// # Ok::<(), matgrad::program::Error>(())
/// ```
pub fn formula(program: &impl Map, x: &Expr, at: &[f64]) -> Result<Formula, Error> {
    let trace = Trace::of(program, at)?;
    let mut all: Vec<Expr> = Vec::with_capacity(trace.operations().len());
    let constant = |node: &u32| match trace.operations().get(*node as usize) {
        Some(Operation::Constant(value)) => *value,
        _ => 0.0,
    };
    // what is a number by itself: the constants, and what a loop that starts with them leaves
    let mut numbers: Vec<Option<f64>> = Vec::with_capacity(trace.operations().len());
    for operation in trace.operations() {
        let is = |node: &u32, value: f64| numbers.get(*node as usize).is_some_and(|number| *number == Some(value));
        let number = match operation {
            Operation::Constant(value) => Some(*value),
            Operation::Mul(a, b) if is(a, 0.0) || is(b, 0.0) => Some(0.0),
            Operation::Mul(a, b) if is(a, 1.0) => numbers.get(*b as usize).copied().flatten(),
            Operation::Mul(a, b) if is(b, 1.0) => numbers.get(*a as usize).copied().flatten(),
            Operation::Add(a, b) if is(a, 0.0) => numbers.get(*b as usize).copied().flatten(),
            Operation::Add(a, b) | Operation::Sub(a, b) if is(b, 0.0) => numbers.get(*a as usize).copied().flatten(),
            _ => None,
        };
        let of = |node: &u32| all.get(*node as usize).cloned().unwrap_or_else(|| Expr::from(0));
        let two = |name: &str, a: &u32, b: &u32| call(name, &[&of(a), &of(b)]);
        let expr = match operation {
            Operation::Input(k) => x.at([(*k as usize + 1).into()]),
            // an infinite one may be where a maximum starts
            Operation::Constant(value) => Expr::from(if value.is_finite() { *value } else { 0.0 }),
            Operation::Max(a, b) if constant(a) == f64::NEG_INFINITY => of(b),
            Operation::Max(a, b) if constant(b) == f64::NEG_INFINITY => of(a),
            Operation::Min(a, b) if constant(a) == f64::INFINITY => of(b),
            Operation::Min(a, b) if constant(b) == f64::INFINITY => of(a),
            operation if operation.operands().iter().flatten().any(|node| !constant(node).is_finite()) => {
                let message = "the program computes with a number that is not finite, which no formula does";
                return Err(Error::new("not-finite", message));
            }
            Operation::Add(a, b) if is(a, 0.0) => of(b),
            Operation::Add(a, b) | Operation::Sub(a, b) if is(b, 0.0) => of(a),
            Operation::Mul(a, b) if is(a, 0.0) || is(b, 0.0) => Expr::from(0),
            Operation::Mul(a, b) if is(a, 1.0) => of(b),
            Operation::Mul(a, b) if is(b, 1.0) => of(a),
            Operation::Neg(a) => -of(a),
            Operation::Add(a, b) => of(a) + of(b),
            Operation::Sub(a, b) => of(a) - of(b),
            Operation::Mul(a, b) => of(a) * of(b),
            Operation::Div(a, b) => of(a) / of(b),
            Operation::Pow(a, b) => of(a).pow(of(b)),
            Operation::Atan2(a, b) => two("atan2", a, b),
            Operation::Hypot(a, b) => call("sqrt", &[&(of(a).pow(2) + of(b).pow(2))]),
            Operation::Max(a, b) => two("max", a, b),
            Operation::Min(a, b) => two("min", a, b),
            Operation::Function(function, a) => call(function.name(), &[&of(a)]),
            Operation::Polygamma(order, a) => call("polygamma", &[&Expr::from(i64::from(*order)), &of(a)]),
        };
        all.push(expr);
        numbers.push(number);
    }
    let of = |node: u32| all.get(node as usize).cloned().unwrap_or_else(|| Expr::from(0));
    let assumptions = trace.assumptions().iter().map(|assumption| {
        let sign = match assumption.relation {
            Relation::Less => "<",
            Relation::Equal => "=",
            Relation::Greater => ">",
            Relation::Different => "≠",
            Relation::Seen => return format!("seen: {}", of(assumption.left)),
        };
        format!("{} {sign} {}", of(assumption.left), of(assumption.right))
    });
    let assumptions = assumptions.collect();
    Ok(Formula { entries: trace.outputs().iter().map(|node| of(*node)).collect(), assumptions })
}
