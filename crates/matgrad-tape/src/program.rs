//! Programs: functions whose method takes any scalar.

use crate::Scalar;

/// A function f: ℝⁿ → ℝ as a program over any [`Scalar`], with loops and branches.
///
/// [`function!`](crate::function) makes one of a single expression.
///
/// ```
/// use matgrad_tape::{Function, Scalar, gradient};
///
/// /// Newton's iteration for the square root of the sum.
/// struct Root;
///
/// impl Function for Root {
///     fn value<S: Scalar>(&self, x: &[S]) -> S {
///         let sum: S = x.iter().copied().sum();
///         let mut y = S::constant(1.0);
///         while (y * y - sum).to_f64().abs() > 1e-12 {
///             y = (y + sum / y) / 2.0;
///         }
///         y
///     }
/// }
///
/// let g = gradient(&Root, &[1.0, 3.0])?;
/// assert!(g.iter().all(|entry: &f64| (entry - 0.25).abs() < 1e-12));
/// # Ok::<(), matgrad_tape::Error>(())
/// ```
pub trait Function {
    /// The value at a point.
    fn value<S: Scalar>(&self, x: &[S]) -> S;
}

/// A function F: ℝⁿ → ℝᵐ as a program over any [`Scalar`]. Every [`Function`] is one, with m = 1.
///
/// ```
/// use matgrad_tape::{Map, Scalar, jacobian};
///
/// struct Differences;
///
/// impl Map for Differences {
///     fn values<S: Scalar>(&self, x: &[S], out: &mut Vec<S>) {
///         out.extend(x.windows(2).map(|pair| (pair[1] - pair[0]).powi(2)));
///     }
/// }
///
/// let j = jacobian(&Differences, &[1.0, 3.0, 4.0])?;
/// assert_eq!(j.row(0), [-4.0, 4.0, 0.0]);
/// # Ok::<(), matgrad_tape::Error>(())
/// ```
pub trait Map {
    /// Appends the entries of the value at a point.
    fn values<S: Scalar>(&self, x: &[S], out: &mut Vec<S>);
}

impl<F: Function> Map for F {
    fn values<S: Scalar>(&self, x: &[S], out: &mut Vec<S>) {
        out.push(self.value(x));
    }
}

impl<F: Function> Function for &F {
    fn value<S: Scalar>(&self, x: &[S]) -> S {
        (*self).value(x)
    }
}

/// A [`Function`] from an expression in a slice of scalars. Before it stand the variables that it uses from around it, with
/// their types; it sees references to them. The type of the scalars is `S`.
///
/// ```
/// use matgrad_tape::{function, gradient};
///
/// let f = function!(|x| (-x[0] + 1.0).powi(2) + (x[1] - x[0].powi(2)).powi(2) * 100.0);
/// assert_eq!(gradient(&f, &[1.0, 2.0])?, [-400.0, 200.0]);
///
/// let weights = vec![1.0, 2.0];
/// let g = function!([weights: [f64]] |x| x.iter().zip(weights).map(|(x, w)| x.sin() * *w).sum::<S>());
/// assert_eq!(gradient(&g, &[0.0, 0.0])?, [1.0, 2.0]);
/// # Ok::<(), matgrad_tape::Error>(())
/// ```
#[macro_export]
macro_rules! function {
    ([$($name:ident: $Type:ty),* $(,)?] |$x:ident| $body:expr) => {{
        struct Program<'env> {
            $($name: &'env $Type,)*
            lifetime: ::std::marker::PhantomData<&'env ()>,
        }
        impl $crate::Function for Program<'_> {
            fn value<S: $crate::Scalar>(&self, $x: &[S]) -> S {
                #[allow(unused_imports)]
                use $crate::Number as _;
                $(let $name = self.$name;)*
                $body
            }
        }
        Program { $($name: &$name,)* lifetime: ::std::marker::PhantomData }
    }};
    (|$x:ident| $body:expr) => {
        $crate::function!([] |$x| $body)
    };
}

/// A [`Map`] from an expression for the entries of its value, or from a block that pushes them.
///
/// ```
/// use matgrad_tape::{jacobian, map};
///
/// let polar = map!(|x| [x[0] * x[1].cos(), x[0] * x[1].sin()]);
/// assert_eq!(jacobian(&polar, &[2.0, 0.0])?.data(), [1.0, 0.0, 0.0, 2.0]);
///
/// let powers = map!(|x, out| for k in 0..3 { out.push(x[0].powi(k)) });
/// assert_eq!(jacobian(&powers, &[3.0])?.data(), [0.0, 1.0, 6.0]);
/// # Ok::<(), matgrad_tape::Error>(())
/// ```
#[macro_export]
macro_rules! map {
    ([$($name:ident: $Type:ty),* $(,)?] |$x:ident, $out:ident| $body:expr) => {{
        struct Program<'env> {
            $($name: &'env $Type,)*
            lifetime: ::std::marker::PhantomData<&'env ()>,
        }
        impl $crate::Map for Program<'_> {
            fn values<S: $crate::Scalar>(&self, $x: &[S], $out: &mut ::std::vec::Vec<S>) {
                #[allow(unused_imports)]
                use $crate::Number as _;
                $(let $name = self.$name;)*
                $body
            }
        }
        Program { $($name: &$name,)* lifetime: ::std::marker::PhantomData }
    }};
    ([$($capture:tt)*] |$x:ident| $body:expr) => {
        $crate::map!([$($capture)*] |$x, out| out.extend($body))
    };
    (|$x:ident, $out:ident| $body:expr) => {
        $crate::map!([] |$x, $out| $body)
    };
    (|$x:ident| $body:expr) => {
        $crate::map!([] |$x, out| out.extend($body))
    };
}
