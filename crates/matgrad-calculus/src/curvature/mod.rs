//! Is a function convex or concave? With a proof.
//!
//! Two ways: the Hessian as a sum of terms each of which is positive semidefinite (Klaus, Merk, Wiedom, Laue & Giesen,
//! *Convexity Certificates from Hessians*, NeurIPS 2022), and, where there is no second derivative, the rules of
//! composition (Boyd & Vandenberghe, *Convex Optimization*, §3.2).

mod atoms;
mod composition;
mod hessian;
mod mirror;
mod products;

pub use composition::composition;
pub use hessian::{is_smooth, semidefinite};

use crate::graph::NodeId;

/// How a function bends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Curvature {
    /// Straight: both of the others.
    Affine,
    /// Its graph lies below its chords.
    Convex,
    /// Its graph lies above its chords.
    Concave,
}

impl Curvature {
    /// That of the negative.
    #[must_use]
    pub fn flipped(self) -> Self {
        match self {
            Curvature::Affine => Curvature::Affine,
            Curvature::Convex => Curvature::Concave,
            Curvature::Concave => Curvature::Convex,
        }
    }

    /// That of a sum, where it has one.
    #[must_use]
    pub fn plus(self, other: Self) -> Option<Self> {
        match (self, other) {
            (Curvature::Affine, other) | (other, Curvature::Affine) => Some(other),
            (one, other) => (one == other).then_some(one),
        }
    }

    /// `affine`, `convex` or `concave`
    pub fn name(self) -> &'static str {
        match self {
            Curvature::Affine => "affine",
            Curvature::Convex => "convex",
            Curvature::Concave => "concave",
        }
    }
}

/// One line of a proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What it is about.
    pub node: NodeId,
    /// How it bends; `None` of a term of a Hessian.
    pub curvature: Option<Curvature>,
    /// Why.
    pub why: String,
}
