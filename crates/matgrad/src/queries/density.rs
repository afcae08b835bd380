//! Densities under a map.

use matgrad_calculus::infer::Typed;
use matgrad_syntax::ExprId;

use crate::Failure;
use crate::answer::Answer;
use crate::work::Work;

impl Work<'_> {
    /// The density of `F(x)` where x has this density.
    pub fn pushforward(&mut self, _density: &Typed, _root: ExprId) -> Result<Answer, Failure> {
        Err(self.refuse("pushforward", "not there yet"))
    }
}
