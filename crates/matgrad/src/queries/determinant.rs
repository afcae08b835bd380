//! Jacobian determinants.

use matgrad_calculus::graph::{NodeId, ReduceOp};
use matgrad_calculus::jacdet;
use matgrad_calculus::layout::{Kind as Shape, Layout};
use matgrad_calculus::structure;
use matgrad_check::{Quantity, Scaling};
use matgrad_syntax::Attribute;

use crate::answer::Answer;
use crate::derive::weaker;
use crate::work::{Work, derivative_under};
use crate::{Convention, Failure};

impl Work<'_> {
    /// `det(D_X F)`, with its absolute value and the logarithm of that.
    pub fn jacobian_determinant(&mut self) -> Result<Answer, Failure> {
        let det = self.determinant()?;
        let mut notes = self.determinant_notes();
        let (det, written, mut verified) =
            self.shown_value(det, &Shape::Scalar, &Quantity::Determinant(Scaling::Signed), &mut notes)?;
        let mut also = Vec::new();
        if self.graph().constant(det).is_none() {
            let absolute = jacdet::absolute(self.graph(), det);
            if absolute != det {
                also.push(("absolute", absolute, Scaling::Absolute));
            }
            also.push(("logarithm", jacdet::log_absolute(self.graph(), det), Scaling::Logarithm));
        }
        let mut forms = Vec::new();
        for (name, node, scaling) in also {
            let (_, form, verdict) =
                self.shown_value(node, &Shape::Scalar, &Quantity::Determinant(scaling), &mut notes)?;
            if verdict.as_ref().is_some_and(|verdict| verdict.error.is_some()) {
                continue; // the logarithm of a determinant that is 0
            }
            verified = verified.zip(verdict).map(|(first, second)| weaker(first, second));
            forms.push((name, form));
        }
        // the determinant exists where the Jacobian does
        let function = self.function.node;
        let mut answer = self.answer("jacdet", written, None, function, notes, verified);
        answer.also = forms;
        Ok(answer)
    }

    /// Whether the determinant is between the entries that the structure of the variable leaves free, whatever the
    /// convention: symmetric values have no other.
    pub fn needs_structure(&mut self) -> bool {
        let structured = self.variable.attributes.iter().any(|attribute| structure::is_structural(*attribute));
        let root = self.function.node;
        self.needs_symmetry() || structured && !self.variable_is_symmetric() && self.graph().is_symmetric(root)
    }

    fn variable_is_symmetric(&self) -> bool {
        use matgrad_syntax::Attribute::{Orthogonal, Pd, Psd, Symmetric};
        self.variable.attributes.iter().any(|a| matches!(a, Symmetric | Pd | Psd | Orthogonal))
    }

    /// Whether the function has a part that exists for symmetric matrices only, and the variable is symmetric: then there
    /// is no determinant between all entries.
    pub fn needs_symmetry(&self) -> bool {
        use matgrad_calculus::graph::{MatrixOp, Node};
        use matgrad_syntax::Attribute::{Pd, Psd, Symmetric};
        if !self.variable.attributes.iter().any(|a| matches!(a, Symmetric | Pd | Psd)) {
            return false;
        }
        let (root, x) = (self.function.node, self.variable.node);
        let g = &self.analysis.graph;
        let of = |id| match g.node(id) {
            Node::Matrix(MatrixOp::Cholesky, args) => g.reachable(args).binary_search(&x).is_ok(),
            _ => false,
        };
        g.reachable(&[root]).into_iter().any(of)
    }

    fn determinant_notes(&self) -> Vec<String> {
        let mut notes = self.analysis.notes.clone();
        let structural = self.variable.attributes.iter().filter(|attribute| structure::is_structural(**attribute));
        let attributes: Vec<&str> = structural.map(|attribute| attribute.name()).collect();
        if !attributes.is_empty() {
            let (name, list) = (&self.variable.name, attributes.join(" "));
            notes.push(match self.request.convention {
                Convention::Free => {
                    format!("{name} is {list}; the determinant is between all entries, as if they were free")
                }
                Convention::Constrained if self.variable.attributes.contains(&Attribute::Orthogonal) => format!(
                    "{name} is orthogonal; the determinant is between the steps {name}*K and F'*dF, K and F'*dF skew, by the \
                     invariant (Haar) measure"
                ),
                Convention::Constrained => {
                    let why = if self.needs_symmetry() {
                        ", and the function exists for such matrices only"
                    } else if self.request.convention == Convention::Constrained
                        && !self.variable_is_symmetric()
                        && self.analysis.graph.is_known_symmetric(self.function.node)
                    {
                        ", and its values are symmetric"
                    } else {
                        ""
                    };
                    format!("the determinant is between the entries that are free, as {name} is {list}{why}")
                }
            });
        }
        notes
    }

    /// The determinant under the convention of the request.
    pub fn determinant(&mut self) -> Result<NodeId, Failure> {
        let structured = self.variable.attributes.iter().any(|attribute| structure::is_structural(*attribute));
        if structured && self.request.convention == Convention::Constrained {
            return self.constrained_determinant();
        }
        let variable = self.variable.clone();
        let (node, rank) = (self.function.node, self.function.shape.rank());
        let derivative = derivative_under(self.graph(), node, (rank, rank), &variable, Convention::Free)
            .map_err(|error| self.no_derivative(&error))?;
        let arranged = self.arranged(derivative, Layout::Jacobian)?;
        let [rows, cols] = arranged.shape[..] else {
            return Err(self.refuse("jacdet", "the Jacobian is no matrix"));
        };
        if rows != cols {
            let sizes = &self.analysis.graph.sizes;
            let message = format!("the Jacobian is {} x {}, not square", sizes.text(rows), sizes.text(cols));
            let mut failure = self.refuse("jacdet", message);
            if let (true, Some(diagnostic)) = (structured, failure.diagnostics.first_mut()) {
                diagnostic.help.push("between the entries that structure leaves free: --convention constrained".into());
            }
            return Err(failure);
        }
        let (root, free, declared) = (self.function.node, self.variable.node, self.variable.structured);
        if let Some(det) = jacdet::of_functions(self.graph(), root, free, declared) {
            return Ok(self.with_structure(det));
        }
        let derivative = self.with_structure(derivative);
        let derivative = jacdet::written_out(self.graph(), derivative);
        // the form that is easiest to read is the easiest to take apart
        let matrix = rank == 1 && self.variable.shape.rank() == 1;
        let short = if matrix { self.simplified(derivative)? } else { derivative };
        let det = match self.analysis.graph.rank(short) {
            // one entry against one entry
            1 => self.graph().reduce(ReduceOp::Prod, short, &[0]),
            _ => jacdet::determinant(self.graph(), short, rank),
        };
        self.within_limits()?;
        Ok(det)
    }

    fn constrained_determinant(&mut self) -> Result<NodeId, Failure> {
        let (node, variable) = (self.function.node, self.variable.clone());
        let root = self.with_structure(node);
        match jacdet::constrained(self.graph(), root, variable.structured) {
            Ok(det) => Ok(det),
            Err(message) => {
                let mut failure = self.refuse("jacdet", message);
                if let Some(diagnostic) = failure.diagnostics.first_mut() {
                    diagnostic.help.push("a number at data: `matgrad eval FILE.mg --data …`".into());
                }
                Err(failure)
            }
        }
    }
}
