//! Structural rewrites of a product: each makes it smaller, so they end.

mod cancel;
mod functions;
mod selection;
mod spectral;
mod structural;
mod triangle;

use matgrad_syntax::Rational;

use super::product::Work;
use super::{Factor, Graph, Label, Labels, MapOp, MatrixOp, Node};

impl Work {
    /// One structural rewrite; `Some` of the factors to take apart again, `None` when nothing applies.
    pub(in crate::graph) fn rewrite(&mut self, g: &mut Graph) -> Option<Vec<Factor>> {
        self.dead_labels(g);
        for k in 0..self.factors.len() {
            let factor = self.factors[k].clone();
            let found = match g.node(factor.node).clone() {
                Node::Matrix(MatrixOp::Inverse, args) if factor.exponent.is_one() => {
                    self.cancel_inverse(g, k, args[0]).or_else(|| self.join_functions(g, k))
                }
                Node::Matrix(MatrixOp::Expm | MatrixOp::Sqrtm | MatrixOp::Cholesky, _) => self.join_functions(g, k),
                Node::Matrix(op @ (MatrixOp::Eigvecs | MatrixOp::SvdU | MatrixOp::SvdV), args) => {
                    self.join_vectors(g, k, op, args[0])
                }
                Node::Input(_) if factor.exponent.is_one() => self.cancel_orthogonal(g, k),
                Node::Fuse { .. } => self.join_fuse(g, k),
                Node::Structural(kind, _) => self.structural(g, k, kind),
                Node::Map(MapOp::Exp, args) if factor.exponent.is_one() => {
                    self.sum_of_softmax(g, k, args[0]).or_else(|| self.spectral_sum(g, k))
                }
                Node::OneHot { at, .. } => self.pick(g, k, at),
                Node::Shift { offset, rows, cols } => self.slice(g, k, offset, rows, cols),
                Node::Map(op @ (MapOp::Less | MapOp::LessEq), args) => self.mask(g, k, op, &args),
                Node::Map(MapOp::Sigmoid, args) if factor.exponent.is_integer() => self.flip_sigmoid(g, k, args[0]),
                Node::Product(p) if factor.exponent.is_negative() => self.softmax(g, k, &p),
                Node::Map(MapOp::Pow, args) if factor.exponent.is_one() => self.join_powers(g, k, &args),
                Node::Map(MapOp::Pow, args) if factor.exponent.is_integer() => {
                    // (u^v)^k = u^(k*v)
                    let exponent = g.scale(args[1], &factor.exponent);
                    let node = g.map(MapOp::Pow, &[args[0], exponent]);
                    self.factors.swap_remove(k);
                    Some(vec![Factor { node, exponent: Rational::ONE, ..factor }])
                }
                Node::Map(MapOp::Abs, args) if factor.exponent.is_even() => {
                    Some(vec![Factor { node: args[0], ..self.factors.swap_remove(k) }])
                }
                Node::Matrix(MatrixOp::ExpmFrechet | MatrixOp::LogmFrechet | MatrixOp::SqrtmFrechet, _)
                    if factor.exponent.is_one() =>
                {
                    self.move_into_direction(g, k)
                }
                Node::Map(MapOp::NotEqual, args) if args.len() == 2 && factor.labels.len() == 2 => {
                    self.off_diagonal(g, k, &args)
                }
                Node::Map(MapOp::Sign, args) if factor.exponent.is_integer() => self.sign_of_divisor(g, k, args[0]),
                Node::LeviCivita(_) => self.antisymmetric(g, k),
                Node::Matrix(MatrixOp::Eigvals | MatrixOp::Singvals, _) | Node::Map(MapOp::Log | MapOp::Exp, _) => {
                    self.spectral_sum(g, k)
                }
                Node::Matrix(MatrixOp::Pinv, args) if factor.exponent.is_one() && factor.labels.len() == 2 => self
                    .pinv_pair(g, k)
                    .or_else(|| self.pinv_of_gram(g, k, args[0]))
                    .or_else(|| self.penrose(g, k, args[0])),
                _ => None,
            };
            if found.is_some() {
                return found;
            }
        }
        self.contract_stacks(g).or_else(|| self.only_piece(g))
    }

    /// A summed label without a factor is a sum of equal terms.
    pub(in crate::graph) fn dead_labels(&mut self, g: &mut Graph) {
        for label in 0..self.dims.len() as Label {
            if self.summed(label) && self.dims_live(label) && self.uses(label) == 0 {
                let size = g.size(self.dims[label as usize]);
                self.kill(label);
                match g.constant(size) {
                    Some(c) => self.coefficient = &self.coefficient * &c,
                    None => {
                        let mut more = Vec::new();
                        let f = Factor { node: size, labels: Labels::new(), exponent: Rational::ONE };
                        self.flatten(g, f, &mut more);
                        self.merge(g);
                    }
                }
            }
        }
    }

    pub(in crate::graph) fn dims_live(&self, label: Label) -> bool {
        self.dims[label as usize].0 != u32::MAX
    }

    /// Whether a label joins exactly two factor axes and is summed.
    pub(in crate::graph) fn bond(&self, label: Label) -> bool {
        self.summed(label) && self.uses(label) == 2
    }
}
