//! A scalar function of one variable with everything else fixed: what minimizers take.

use std::sync::OnceLock;

use matgrad_eval::{Array, Inputs};

use super::compile::{Function, compile};
use super::expr::Expr;
use super::read::Variable;
use super::view::View;
use crate::{Failure, Text};

/// Value, gradient and Hessian of a scalar expression by a vector, for fixed data.
///
/// ```
/// use matgrad::symbols::{Objective, matrix, vector};
/// use matgrad::{Array, Inputs};
/// let (a, x, b) = (matrix("A", "m", "n"), vector("x", "n"), vector("b", "m"));
/// let mut data = Inputs::new();
/// data.insert("A", Array::from_fn(&[2, 2], |at| if at[0] == at[1] { 2.0 } else { 0.0 }));
/// data.insert("b", Array::vector(vec![2.0, 4.0]));
/// let objective = Objective::new(&(&a * &x - &b).norm().pow(2), &x, data)?;
/// assert_eq!(objective.value(&[1.0, 1.0])?, 4.0);
/// assert_eq!(objective.gradient(&[1.0, 1.0])?, [0.0, -8.0]);
/// assert_eq!(objective.hessian(&[1.0, 1.0])?, [[8.0, 0.0], [0.0, 8.0]]);
/// # Ok::<(), matgrad::Failure>(())
/// ```
pub struct Objective {
    expression: Expr,
    variable: Variable,
    data: Inputs,
    value: Function,
    gradient: Function,
    hessian: OnceLock<Result<Function, Failure>>,
}

impl Objective {
    /// # Errors
    /// What is wrong with the expression, or data that are missing.
    pub fn new(expression: &Expr, variable: impl Into<Variable>, data: Inputs) -> Result<Self, Failure> {
        let variable = variable.into();
        let value = compile(&[expression])?;
        let gradient = compile(&[&expression.gradient(variable.clone())?])?;
        let own = variable.name();
        let missing = value.arguments().iter().find(|name| *name != own && data.get(name).is_none());
        if let Some(name) = missing {
            return Err(refuse(value.text(), format!("the data has no array for `{name}`")));
        }
        let (expression, hessian) = (expression.clone(), OnceLock::new());
        Ok(Self { expression, variable, data, value, gradient, hessian })
    }

    fn call(&self, function: &Function, x: &[f64]) -> Result<Array, Failure> {
        let mut views = Vec::new();
        for name in function.arguments() {
            views.push(match self.data.get(name) {
                _ if name == self.variable.name() => View::vector(x),
                Some(array) => View::from(array),
                None => return Err(refuse(function.text(), format!("the data has no array for `{name}`"))),
            });
        }
        Ok(function.call_views(&views)?.into_iter().next().unwrap_or_default())
    }

    /// The value.
    ///
    /// # Errors
    /// A point of another size than the data settle.
    pub fn value(&self, x: &[f64]) -> Result<f64, Failure> {
        Ok(self.call(&self.value, x)?.data().first().copied().unwrap_or(f64::NAN))
    }

    /// The gradient.
    ///
    /// # Errors
    /// As [`Objective::value`].
    pub fn gradient(&self, x: &[f64]) -> Result<Vec<f64>, Failure> {
        Ok(self.call(&self.gradient, x)?.into_data())
    }

    /// The rows of the Hessian.
    ///
    /// # Errors
    /// As [`Objective::value`].
    pub fn hessian(&self, x: &[f64]) -> Result<Vec<Vec<f64>>, Failure> {
        let function = self.hessian.get_or_init(|| compile(&[&self.expression.hessian(self.variable.clone())?]));
        let hessian = self.call(function.as_ref().map_err(Failure::clone)?, x)?;
        Ok(hessian.data().chunks(x.len().max(1)).map(<[f64]>::to_vec).collect())
    }
}

fn refuse(text: &Text, message: String) -> Failure {
    let source = text.read().map_or_else(|failure| failure.source, |(source, _)| source);
    Failure::whole(source, "data", message)
}
