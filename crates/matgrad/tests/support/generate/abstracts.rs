//! Abstract functions of one and several numbers, of vectors, and curves.

use super::Dim::{self, Three};
use super::Generator;

/// What is declared of them.
pub const FUNCTIONS: &[(&str, &str)] =
    &[("f", "R -> R"), ("w", "R^2 -> R"), ("l", "R -> R^3"), ("v", "R^3 -> R"), ("o", "R^2 -> R^2")];

impl Generator {
    /// A number by abstract functions and their derivatives.
    pub(super) fn abstract_s(&mut self, d: usize) -> String {
        match self.below(12) {
            0 | 1 => format!("f({})", self.s(d)),
            2 | 3 => format!("w({}, {})", self.s(d), self.s(d)),
            4 => format!("f'({})", self.s(d)),
            5 => format!("{}({}, {})", self.pick(&["w_1'", "w_2'", "w_12'", "w_11'"]), self.s(d), self.s(d)),
            6 => format!("v({})", self.v(Three, d)),
            7 => format!("dot({}, {})", self.curve(d), self.v(Three, d)),
            8 => format!("norm({})^2", self.curve(d)),
            9 => format!("({})'*cross({}, {})", self.v(Three, d), self.curve(d), self.curve(d)),
            10 => format!("f(w({}, {}))", self.s(d), self.s(d)),
            _ => format!("norm(o({}, {}))^2", self.s(d), self.s(d)),
        }
    }

    /// A vector by abstract functions.
    pub(super) fn abstract_v(&mut self, dim: Dim, d: usize) -> String {
        match self.below(4) {
            0 | 1 if dim == Three => self.curve(d),
            2 if dim == Three => format!("cross({}, {})", self.curve(d), self.v(Three, d)),
            3 if dim == Three => format!("v'({})'", self.v(Three, d)),
            _ => format!("(f({})*({}))", self.s(d), self.v(dim, d)),
        }
    }

    fn curve(&mut self, d: usize) -> String {
        match self.below(4) {
            0 => format!("l'({})", self.s(d)),
            1 => "l(t)".into(),
            2 => format!("C*l({})", self.s(d)),
            _ => format!("l({})", self.s(d)),
        }
    }
}
