//! Derivatives as linear operators, for iterative solvers: compiled once, applied as often as wanted.

use matgrad_eval::{Array, Inputs};

use crate::evaluate::{Evaluation, Product};
use crate::plan::{Memory, Plan};
use crate::{Failure, Source};

/// Which matrix an [`Operator`] stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matrix {
    /// The derivative, ∂vec F/∂(vec X)ᵀ.
    Jacobian,
    /// The second derivative of a scalar function, ∂²f/∂vec X ∂(vec X)ᵀ.
    Hessian,
    /// `J'*J` of the derivative `J`.
    GaussNewton,
}

/// A derivative at a point, never formed: products with it and with its transpose. The entries of matrices are ordered as
/// `vec` has them, by columns, and several variables follow one another.
///
/// Solving with the Hessian by conjugate gradients:
///
/// ```
/// use matgrad::{Array, Evaluation, Inputs, Matrix, Operator, Text};
/// let mut data = Inputs::new();
/// data.insert("x", Array::vector(vec![0.5, -1.0, 2.0]));
/// let text = Text::script("example.mg", "x in R^n\nf = norm(x)^4 + sum(exp(x))");
/// let mut hessian = Operator::new(&Evaluation::new(text).by("x", [2]), Matrix::Hessian, &data)?;
/// assert_eq!((hessian.rows(), hessian.cols()), (3, 3));
///
/// let b = [1.0, 2.0, 3.0];
/// let (mut x, mut r, mut p, mut hp) = ([0.0; 3], b, b, [0.0; 3]);
/// let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
/// for _ in 0..3 {
///     hessian.apply(&p, &mut hp)?;
///     let rr = dot(&r, &r);
///     let alpha = rr / dot(&p, &hp);
///     for k in 0..3 {
///         x[k] += alpha * p[k];
///         r[k] -= alpha * hp[k];
///     }
///     let beta = dot(&r, &r) / rr;
///     (0..3).for_each(|k| p[k] = r[k] + beta * p[k]);
/// }
/// hessian.apply(&x, &mut hp)?;
/// assert!((0..3).all(|k| (hp[k] - b[k]).abs() < 1e-9));
/// # Ok::<(), matgrad::Failure>(())
/// ```
#[derive(Clone, Debug)]
pub struct Operator {
    forward: Half,
    /// None where the operator is symmetric.
    transposed: Option<Half>,
    source: Source,
}

/// A product with the operator or its transpose.
#[derive(Clone, Debug)]
struct Half {
    plan: Plan,
    memory: Memory,
    data: Inputs,
    /// The arrays that the vector is written to: names and shapes.
    steps: Vec<(String, Vec<usize>)>,
    /// The shapes of the results.
    results: Vec<Vec<usize>>,
}

impl Operator {
    /// The derivative that an evaluation asks for, at the point in the data. Layout and orders do not matter.
    ///
    /// # Errors
    /// What is wrong with the text, or how the data does not fit it.
    pub fn new(evaluation: &Evaluation, matrix: Matrix, data: &Inputs) -> Result<Self, Failure> {
        let (source, _) = evaluation.text.read()?;
        let mut names = Vec::new();
        let mut shapes = Vec::new();
        for (k, name) in evaluation.wrt.iter().enumerate() {
            let Some(array) = data.get(name) else {
                let message = format!("the data has no array for `{name}`");
                return Err(Failure::whole(source, "data", message));
            };
            names.push(format!("operator_step_{k}"));
            shapes.push(array.shape().to_vec());
        }
        let joined = names.join(",");
        let steps: Vec<(String, Vec<usize>)> = names.into_iter().zip(shapes).collect();
        let product = match matrix {
            Matrix::Jacobian => Product::Jvp(joined),
            Matrix::Hessian => Product::Hvp(joined),
            Matrix::GaussNewton => Product::Gnvp(joined),
        };
        let forward = Half::new(evaluation, product, steps, data)?;
        let transposed = match matrix {
            Matrix::Jacobian => {
                let shape = forward.results.first().cloned().unwrap_or_default();
                let steps = vec![("operator_weight".to_owned(), shape)];
                Some(Half::new(evaluation, Product::Vjp("operator_weight".into()), steps, data)?)
            }
            Matrix::Hessian | Matrix::GaussNewton => None,
        };
        Ok(Self { forward, transposed, source })
    }

    /// How many rows the matrix has.
    pub fn rows(&self) -> usize {
        self.forward.results.iter().map(|shape| shape.iter().product::<usize>()).sum()
    }

    /// How many columns the matrix has.
    pub fn cols(&self) -> usize {
        self.forward.steps.iter().map(|(_, shape)| shape.iter().product::<usize>()).sum()
    }

    /// Moves the operator to another point: data for some inputs, shaped as before.
    pub fn set(&mut self, name: &str, array: &Array) {
        for half in [Some(&mut self.forward), self.transposed.as_mut()].into_iter().flatten() {
            half.data.insert(name, array.clone());
        }
    }

    /// `out = A*v`.
    ///
    /// # Errors
    /// Vectors of other lengths, or data of another shape.
    pub fn apply(&mut self, v: &[f64], out: &mut [f64]) -> Result<(), Failure> {
        self.check(v.len(), self.cols(), out.len(), self.rows())?;
        self.forward.apply(v, out)
    }

    /// `out = A'*u`.
    ///
    /// # Errors
    /// As [`Operator::apply`].
    pub fn apply_transposed(&mut self, u: &[f64], out: &mut [f64]) -> Result<(), Failure> {
        self.check(u.len(), self.rows(), out.len(), self.cols())?;
        match &mut self.transposed {
            Some(half) => half.apply(u, out),
            None => self.forward.apply(u, out),
        }
    }

    fn check(&self, given: usize, wanted: usize, out: usize, rows: usize) -> Result<(), Failure> {
        if given == wanted && out == rows {
            return Ok(());
        }
        let message = format!(
            "a vector of length {given} and a result of length {out} where the operator takes {wanted} to {rows}"
        );
        Err(Failure::whole(self.source.clone(), "data", message))
    }
}

impl Half {
    fn new(
        evaluation: &Evaluation,
        product: Product,
        steps: Vec<(String, Vec<usize>)>,
        data: &Inputs,
    ) -> Result<Self, Failure> {
        let mut data = data.clone();
        for (name, shape) in &steps {
            data.insert(name, Array::zeros(shape));
        }
        let evaluation = Evaluation { product: Some(product), sparse: false, value: false, ..evaluation.clone() };
        let plan = evaluation.plan(&data)?;
        let memory = plan.memory();
        let results = memory.results.iter().map(|array| array.shape().to_vec()).collect();
        Ok(Self { plan, memory, data, steps, results })
    }

    fn apply(&mut self, v: &[f64], out: &mut [f64]) -> Result<(), Failure> {
        let mut rest = v;
        for (name, shape) in &self.steps {
            let (own, tail) = rest.split_at(shape.iter().product::<usize>().min(rest.len()));
            if let Some(array) = self.data.get_mut(name) {
                by_columns(shape, |k, at| {
                    if let (Some(entry), Some(value)) = (array.data_mut().get_mut(at), own.get(k)) {
                        *entry = *value;
                    }
                });
            }
            rest = tail;
        }
        self.plan.execute(&self.data, &mut self.memory)?;
        let mut rest = out;
        for (shape, array) in self.results.iter().zip(&self.memory.results) {
            let (own, tail) = rest.split_at_mut(shape.iter().product::<usize>().min(rest.len()));
            by_columns(shape, |k, at| {
                if let (Some(entry), Some(value)) = (own.get_mut(k), array.data().get(at)) {
                    *entry = *value;
                }
            });
            rest = tail;
        }
        Ok(())
    }
}

/// Each place in the order of `vec`, with its place in row-major order.
fn by_columns(shape: &[usize], mut visit: impl FnMut(usize, usize)) {
    match shape {
        [m, n] => (0..m * n).for_each(|k| visit(k, (k % m) * n + k / m)),
        _ => (0..shape.iter().product()).for_each(|k| visit(k, k)),
    }
}
