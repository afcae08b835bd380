//! How names are set: by what they stand for.

use matgrad_calculus::infer::Shape;
use matgrad_render::Kind;

/// Of what has this shape.
pub(crate) fn of_shape(shape: &Shape) -> Kind {
    match shape {
        Shape::Scalar => Kind::Scalar,
        Shape::Column(_) | Shape::Row(_) => Kind::Vector,
        Shape::Matrix(..) => Kind::Matrix,
        Shape::Tensor(_) => Kind::Tensor,
    }
}

/// Of an abstract function whose values have these dimensions: numbers or columns.
pub(crate) fn of_function<D>(codomain: &[D]) -> Kind {
    if codomain.is_empty() { Kind::Scalar } else { Kind::Vector }
}
