//! Who prints which layout. Only what is documented: books by their definitions, programs by the shapes they return.

use matgrad_calculus::layout::{Kind, Layout};

use super::is_vector;

/// A book, a library or a program.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader {
    /// What it is called for short.
    pub name: &'static str,
    /// What prints the layout there.
    pub full: &'static str,
}

/// The Jacobian convention of books.
const MAGNUS: Reader = Reader {
    name: "Magnus & Neudecker",
    full: "Magnus & Neudecker, Matrix Differential Calculus (the Jacobian matrix D F)",
};
const DEISENROTH: Reader = Reader {
    name: "Deisenroth, Faisal & Ong",
    full: "Deisenroth, Faisal & Ong, Mathematics for Machine Learning (gradients as rows)",
};
const WIKIPEDIA_NUMERATOR: Reader = Reader { name: "Wikipedia", full: "Wikipedia, Matrix calculus: numerator layout" };
const WIKIPEDIA_DENOMINATOR: Reader =
    Reader { name: "Wikipedia", full: "Wikipedia, Matrix calculus: denominator layout" };
const COOKBOOK: Reader = Reader { name: "The Matrix Cookbook", full: "Petersen & Pedersen, The Matrix Cookbook" };
const BOYD: Reader =
    Reader { name: "Boyd & Vandenberghe", full: "Boyd & Vandenberghe, Convex Optimization (the gradient)" };
const ZHANG_JACOBIAN: Reader =
    Reader { name: "Zhang", full: "Zhang, Matrix Analysis and Applications (the Jacobian matrix)" };
const ZHANG_GRADIENT: Reader =
    Reader { name: "Zhang", full: "Zhang, Matrix Analysis and Applications (the gradient matrix)" };
const SITE: Reader = Reader {
    name: "matrixcalculus.org",
    full: "matrixcalculus.org (mixed: gradients of scalars, Jacobians of vectors)",
};
const GRADS: Reader = Reader {
    name: "PyTorch, JAX, TensorFlow",
    full: "PyTorch (x.grad), JAX (grad), TensorFlow (gradient): the shape of the variable",
};
const JACOBIANS: Reader = Reader {
    name: "JAX, PyTorch, TensorFlow",
    full: "JAX (jacfwd, jacrev), PyTorch (torch.func.jacrev), TensorFlow (jacobian): axes of the function, then of the variable",
};
const PUSHFORWARD: Reader =
    Reader { name: "JAX, PyTorch", full: "JAX (jvp), PyTorch (torch.func.jvp): the value along a step" };
const DIFFERENTIALS: Reader = Reader {
    name: "Magnus & Neudecker",
    full: "Magnus & Neudecker, Matrix Differential Calculus (the differential d F)",
};
const MINKA: Reader =
    Reader { name: "Minka", full: "Minka, Old and New Matrix Algebra Useful for Statistics (differentials)" };

const EVERYONE: Reader = Reader { name: "everyone", full: "everyone: there is one number" };

/// Who prints this layout for a function and a variable of these shapes.
pub(super) fn of(layout: Layout, f: &Kind, x: &Kind) -> Vec<Reader> {
    let (fs, xs) = (*f == Kind::Scalar, *x == Kind::Scalar);
    let vectors = is_vector(f) && is_vector(x);
    match layout {
        Layout::Numerator if fs && xs => vec![EVERYONE],
        Layout::Numerator if fs && is_vector(x) => vec![WIKIPEDIA_NUMERATOR, MAGNUS, DEISENROTH],
        Layout::Numerator if fs => vec![WIKIPEDIA_NUMERATOR, ZHANG_JACOBIAN],
        Layout::Numerator if xs && is_vector(f) => vec![WIKIPEDIA_NUMERATOR, MAGNUS, DEISENROTH, SITE],
        Layout::Numerator if xs => vec![WIKIPEDIA_NUMERATOR, COOKBOOK, SITE],
        Layout::Numerator if vectors => vec![WIKIPEDIA_NUMERATOR, MAGNUS, DEISENROTH, COOKBOOK, SITE],
        Layout::Numerator => vec![MAGNUS],
        Layout::Denominator if fs && xs => Vec::new(),
        Layout::Denominator if fs => vec![WIKIPEDIA_DENOMINATOR, COOKBOOK],
        Layout::Denominator if xs && !is_vector(f) => Vec::new(),
        Layout::Denominator if vectors || xs => vec![WIKIPEDIA_DENOMINATOR],
        Layout::Denominator => Vec::new(),
        Layout::Jacobian if fs && xs => Vec::new(),
        Layout::Jacobian => vec![MAGNUS],
        Layout::Gradient if fs && xs => Vec::new(),
        Layout::Gradient if fs => vec![BOYD, COOKBOOK, ZHANG_GRADIENT, SITE, GRADS],
        Layout::Gradient => vec![ZHANG_GRADIENT],
        Layout::Rowvec => vec![MAGNUS, ZHANG_JACOBIAN],
        Layout::Tensor if fs => vec![GRADS],
        Layout::Tensor => vec![JACOBIANS],
        Layout::Differential => vec![DIFFERENTIALS, MINKA, PUSHFORWARD],
        Layout::Blocks => Vec::new(),
    }
}
