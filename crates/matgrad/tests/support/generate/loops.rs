//! Recurrences: `fold`, `scan` and `map` with steps of their own.

use super::Dim::{self, N};
use super::Generator;

impl Generator {
    /// A function of two parameters for a loop.
    fn step(&mut self, bodies: &[&str]) -> String {
        let (body, constant) = (self.pick(bodies), self.leaf_s());
        let name = format!("step{}", self.definitions.len() + 1);
        self.definitions.push(format!("{name}(s, q) = {}", body.replace('#', &constant)));
        name
    }

    /// A step of a scalar state.
    fn scalar_step(&mut self) -> String {
        self.step(&["tanh(s*# + q)", "s*cos(q) + #", "s/2 + q^2*#", "exp(-s^2)*q + s", "s - #*(s - q)/5", "sin(s)*q"])
    }

    /// A step of a state in R^n.
    fn vector_step(&mut self) -> String {
        self.step(&["tanh(B*s + q)", "s .* sin(q)/2 + q", "q'*s*a/5 + x", "W*s/3 + cos(q)*#", "s/2 + max(q, s)"])
    }

    pub(super) fn loop_s(&mut self, d: usize) -> String {
        let dim = self.dim();
        match self.below(3) {
            0 => {
                let (step, init, items) = (self.vector_step(), self.leaf_v(N), self.m(dim, N, d.min(1)));
                format!("norm(fold({step}, {init}, {items}))^2")
            }
            _ => {
                let (step, init, items) = (self.scalar_step(), self.leaf_s(), self.v(dim, d.min(1)));
                format!("fold({step}, {init}, {items})")
            }
        }
    }

    pub(super) fn loop_v(&mut self, dim: Dim, d: usize) -> String {
        match self.below(4) {
            0 => {
                let (step, init, items) = (self.scalar_step(), self.leaf_s(), self.v(dim, d.min(1)));
                format!("scan({step}, {init}, {items})")
            }
            1 if dim == N => {
                let (step, items) = (self.vector_step(), self.dim());
                let (init, items) = (self.leaf_v(N), self.m(items, N, d.min(1)));
                format!("fold({step}, {init}, {items})")
            }
            _ => {
                let (body, items) =
                    (self.pick(&["q'*B*q", "norm(q)^2*#", "sum(sin(q) .* a)"]), self.m(dim, N, d.min(1)));
                let (name, constant) = (format!("each{}", self.definitions.len() + 1), self.leaf_s());
                self.definitions.push(format!("{name}(q) = {}", body.replace('#', &constant)));
                format!("map({name}, {items})")
            }
        }
    }
}
