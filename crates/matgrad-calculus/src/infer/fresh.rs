//! Names for the dimensions of undeclared variables, chosen as people do: m × n, then p, q, k, r; a square matrix and a
//! lone vector n; D for parameters of statistics and N for the other side of their design matrix.

use matgrad_syntax::Name;

use super::elaborate::Elaborator;
use super::names::is_parameter;
use super::term::Type;
use crate::graph::Dim;

const MATRIX: [&str; 12] = ["m", "n", "p", "q", "k", "r", "s", "l", "d", "h", "u", "v"];
const SQUARE: [&str; 13] = ["n", "m", "n", "p", "q", "k", "r", "s", "l", "d", "h", "u", "v"];

struct Names {
    taken: Vec<Name>,
}

impl Names {
    fn is_free(&self, name: &str) -> bool {
        !self.taken.iter().any(|t| &**t == name)
    }

    fn take(&mut self, list: &[&str]) -> String {
        let found = list.iter().find(|n| self.is_free(n)).map(|n| (*n).to_owned());
        let name = found
            .unwrap_or_else(|| (1..).map(|k| format!("n{k}")).find(|n| self.is_free(n)).unwrap_or_else(|| "n0".into()));
        self.taken.push(Name::from(name.as_str()));
        name
    }
}

impl Elaborator<'_> {
    /// Names all dimensions of undeclared variables that are still unknown.
    pub fn name_dimensions(&mut self) {
        let mut taken: Vec<Name> = self.dims.names().to_vec();
        taken.extend(self.globals.keys().cloned());
        taken.extend(self.indices.iter().map(|i| i.name.clone()));
        let mut names = Names { taken };
        let mut order: Vec<usize> = (0..self.variables.len()).filter(|k| !self.variables[*k].declared).collect();
        order.sort_by_key(|k| self.variables[*k].span.start);
        let axes: Vec<(usize, Vec<Dim>)> = order
            .into_iter()
            .filter_map(|k| match self.variables[k].ty.clone() {
                Type::Grid(r, c) => Some((k, vec![r, c])),
                _ => None,
            })
            .collect();
        self.name_statistics(&axes, &mut names);
        let is_matrix = |me: &mut Self, dims: &[Dim]| !dims.iter().any(|d| me.dims.is_one(*d));
        for matrices in [true, false] {
            for (_, dims) in &axes {
                if is_matrix(self, dims) != matrices {
                    continue;
                }
                let (r, c) = (self.dims.resolve(dims[0]), self.dims.resolve(dims[1]));
                let list: &[&str] = if matrices && r != c { &MATRIX } else { &SQUARE };
                for dim in dims {
                    self.name_unknowns(*dim, list, &mut names);
                }
            }
        }
    }

    fn name_unknowns(&mut self, dim: Dim, list: &[&str], names: &mut Names) {
        let dim = self.dims.resolve(dim);
        for unknown in self.dims.unknowns_of(dim) {
            let name = names.take(list);
            let named = self.dims.named(&name);
            self.dims.assign(unknown, named);
        }
    }

    fn name_statistics(&mut self, axes: &[(usize, Vec<Dim>)], names: &mut Names) {
        let parameters: Vec<Dim> =
            axes.iter().filter(|(k, _)| is_parameter(&self.variables[*k].name)).map(|(_, dims)| dims[0]).collect();
        for dim in parameters {
            let dim = self.dims.resolve(dim);
            if !self.dims.is_open(dim) || !names.is_free("D") || self.dims.unknowns_of(dim) != [dim] {
                continue;
            }
            self.name_unknowns(dim, &["D"], names);
            let length = self.dims.resolve(dim);
            for (_, dims) in axes {
                let (r, c) = (self.dims.resolve(dims[0]), self.dims.resolve(dims[1]));
                let other = if c == length { r } else { c };
                let touches = r != c && (r == length || c == length);
                if touches && names.is_free("N") && self.dims.unknowns_of(other) == [other] {
                    self.name_unknowns(other, &["N"], names);
                }
            }
        }
    }
}
