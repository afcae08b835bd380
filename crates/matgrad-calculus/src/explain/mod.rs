//! Derivations: a function taken apart into the stages that a lecturer would name, each a step of the chain rule.
//!
//! This stage reads the syntax tree only, for names are a matter of how a function is written. What the derivative of a
//! stage is, the rest of the calculus says.

mod entries;
mod stages;
mod view;

pub use entries::entry;
pub use stages::{Staged, stages, with_children};
pub use view::View;

use matgrad_syntax::{ExprId, IndexBinder, Name};

/// What a stage is.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// An expression of the tree of [`Staged`].
    Value(ExprId),
    /// The same for each index.
    Entries(Vec<IndexBinder>, ExprId),
    /// What an implicit definition of the script says.
    Implicit,
}

/// A quantity between the variable and the function.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// What it is called.
    pub name: Name,
    /// What it is.
    pub body: Body,
    /// The statement of the script that it comes from.
    pub statement: usize,
    /// The stages, and the variable, that its definition mentions, in the order of their definitions.
    pub uses: Vec<Name>,
    /// Whether the script has no name for it.
    pub fresh: bool,
}
