//! Values made of derivatives, written and checked as what they are.

use matgrad_calculus::graph::NodeId;
use matgrad_calculus::layout::{self, Kind as Shape, Layout};
use matgrad_check::{Answer as Claimed, Quantity, Verdict, verify_quantity};
use matgrad_syntax::Name;

use crate::answer::Written;
use crate::derive::{is_refuted, refutation};
use crate::work::Work;
use crate::{Failure, proof};

impl Work<'_> {
    /// A value of this shape, in its shortest form that passes the check against the quantity.
    pub fn shown_value(
        &mut self,
        node: NodeId,
        shape: &Shape,
        quantity: &Quantity,
        notes: &mut Vec<String>,
    ) -> Result<(NodeId, Written, Option<Verdict>), Failure> {
        let plain = self.with_structure(node);
        // the orders of an expansion stay apart, each simplified by itself
        let short = if matches!(quantity, Quantity::Expansion(..)) { plain } else { self.simplified(plain)? };
        let arranged = layout::like(self.graph(), short, shape);
        let mut written = match self.written(&arranged) {
            Ok(written) => written,
            Err(mut failure) => {
                if let (Quantity::Determinant(_), Some(diagnostic)) = (quantity, failure.diagnostics.first_mut()) {
                    diagnostic.message = "the Jacobian determinant has no closed form in this language".into();
                    let help = "its value at numbers: `matgrad eval FILE.mg --data …`";
                    diagnostic.help.push(help.into());
                }
                return Err(failure);
            }
        };
        if !self.request.verify {
            return Ok((short, written, None));
        }
        let mut verdict = self.prove_quantity(&written, quantity);
        if is_refuted(&verdict) {
            let arranged = layout::like(self.graph(), plain, shape);
            let longer = self.written(&arranged)?;
            let second = self.prove_quantity(&longer, quantity);
            if is_refuted(&second) {
                notes.extend(refutation(&verdict, "THIS"));
            } else {
                notes.push("a shorter form failed its check and was withdrawn; this is a defect of matgrad".to_owned());
                (written, verdict) = (longer, second);
            }
        }
        Ok((short, written, Some(verdict)))
    }

    /// Compares what is written with the quantity, computed from independent derivatives.
    pub fn prove_quantity(&self, written: &Written, quantity: &Quantity) -> Verdict {
        let (first, others) = match self.joined.split_first() {
            Some((first, others)) => (&first.name, others),
            None => (&self.variable.name, &[][..]),
        };
        let others: Vec<Name> = others.iter().map(|variable| variable.name.clone()).collect();
        let mut problem = proof::problem(self.script, self.function.target, first, &self.analysis);
        for (name, shape) in &self.extra {
            problem.variables.retain(|known| known.name != *name);
            problem.variables.push(proof::variable(&self.analysis, name, shape));
        }
        proof::with_claim(&written.formula, Layout::Differential, 1, |claimed: &Claimed| {
            verify_quantity(&problem, &others, quantity, claimed, &proof::options(self.request.convention))
        })
    }
}
