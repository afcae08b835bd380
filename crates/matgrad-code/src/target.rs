//! One writer a family of languages.

mod loops;
mod matrices;
mod python;

use crate::{CodeError, Function, Target};

/// The function in a language.
pub(crate) fn write(function: Function, target: Target) -> Result<String, CodeError> {
    match target {
        Target::Numpy => python::write(function, python::Python::Numpy),
        Target::Jax => python::write(function, python::Python::Jax),
        Target::Torch => python::write(function, python::Python::Torch),
        Target::Dask => python::write(function, python::Python::Dask),
        Target::Julia => matrices::write(function, matrices::Matrices::Julia),
        Target::Matlab => matrices::write(function, matrices::Matrices::Matlab),
        Target::Latex | Target::Typst => {
            Err(CodeError::new("a document is set from formulas: the library `matgrad` writes it"))
        }
        Target::C => loops::write(function, loops::Kind::C),
        Target::Rust => loops::write(function, loops::Kind::Rust),
    }
}
