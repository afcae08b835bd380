//! Jacobian determinants.

use matgrad_calculus::graph::MatrixOp;
use matgrad_calculus::layout::{Kind as Shape, Layout};
use matgrad_check::{Quantity, Scaling};

use crate::Failure;
use crate::answer::Answer;
use crate::work::Work;

impl Work<'_> {
    /// `det(D_X F)`.
    pub fn jacobian_determinant(&mut self) -> Result<Answer, Failure> {
        let derivative = self.derivative(1)?;
        let arranged = self.arranged(derivative, Layout::Jacobian)?;
        let [rows, cols] = arranged.shape[..] else {
            return Err(self.refuse("jacdet", "the Jacobian is no matrix"));
        };
        if rows != cols {
            let sizes = &self.analysis.graph.sizes;
            let message = format!("the Jacobian is {} x {}, not square", sizes.text(rows), sizes.text(cols));
            return Err(self.refuse("jacdet", message));
        }
        let det = if self.analysis.graph.rank(arranged.node) == 2 {
            self.graph().matrix(MatrixOp::Det, &[arranged.node])
        } else {
            arranged.node
        };
        let mut notes = self.notes();
        let (det, written, verified) =
            self.shown_value(det, &Shape::Scalar, &Quantity::Determinant(Scaling::Signed), &mut notes)?;
        Ok(self.answer("jacdet", written, None, det, notes, verified))
    }
}
