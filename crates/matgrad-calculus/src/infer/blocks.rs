//! Shapes of literals and blocks.

use matgrad_syntax::{ExprId, Rational};

use super::dims::Origin;
use super::elaborate::Elaborator;
use super::term::{TermId, TermKind, Type};
use crate::graph::Dim;

impl Elaborator<'_> {
    /// `[a, b; c, d]`; a literal without `;` is a column of scalars, or arrays side by side.
    pub fn blocks(&mut self, rows: &[Vec<ExprId>], terms: &[TermId], column: bool, at: ExprId) -> TermId {
        if let Some(poison) = self.poisoned(terms, at) {
            return poison;
        }
        let types: Vec<Type> = terms.iter().map(|t| self.term(*t).ty.clone()).collect();
        let one = self.dims.number(1);
        let scalars = types.iter().all(|ty| self.is_scalar(ty));
        if let Some(k) = types.iter().position(|ty| !matches!(ty, Type::Grid(..))) {
            let shape = self.shape_text(&types[k]);
            let message = format!("a block is a matrix, vector or scalar, this is {shape}");
            let diagnostic = matgrad_syntax::Diagnostic::error("shape-mismatch", self.span(at), message);
            return self.poison(diagnostic, at);
        }
        if let [term] = terms {
            return *term;
        }
        if column && scalars {
            let length = self.dims.number(terms.len() as i64);
            let blocks = terms.iter().map(|t| vec![(*t, one, one)]).collect();
            return self.push(TermKind::Blocks(blocks), Type::Grid(length, one), at);
        }
        let mut blocks: Vec<Vec<(TermId, Dim, Dim)>> = Vec::with_capacity(rows.len());
        let mut next = 0;
        for row in rows {
            let mut out = Vec::with_capacity(row.len());
            for _ in row {
                let term = terms[next];
                let zero = !scalars && self.literal(term).is_some_and(Rational::is_zero);
                let (r, c) = match &types[next] {
                    _ if zero => (self.dims.unknown(Origin::Zero), self.dims.unknown(Origin::Zero)),
                    Type::Grid(r, c) => (*r, *c),
                    _ => (one, one),
                };
                out.push((term, r, c));
                next += 1;
            }
            blocks.push(out);
        }
        match self.block_shape(rows, &blocks, at) {
            Ok(ty) => {
                if let Type::Grid(_, width) = ty
                    && self.dims.is_one(width)
                {
                    // a 0 above or below a vector is one number
                    let heights = blocks.iter().flatten().filter(|(term, ..)| self.literal(*term).is_some());
                    for height in heights.map(|(_, height, _)| *height).collect::<Vec<_>>() {
                        let height = self.dims.resolve(height);
                        if self.dims.is_open(height) {
                            self.dims.assign(height, one);
                        }
                    }
                }
                self.push(TermKind::Blocks(blocks), ty, at)
            }
            Err((message, (e, k), (f, l))) => {
                let (a, b) = (types[k].clone(), types[l].clone());
                let operands = [(self.span(e), &a, Some(terms[k])), (self.span(f), &b, Some(terms[l]))];
                let mut diagnostic = self.mismatch(self.span(at), message, &operands);
                if column && terms.len() > 1 {
                    diagnostic = diagnostic.help("`,` puts side by side, `;` stacks: `[u; v]`");
                }
                self.poison(diagnostic, at)
            }
        }
    }

    /// The shape of the whole, or the two blocks that do not fit with their positions.
    #[allow(clippy::type_complexity)]
    fn block_shape(
        &mut self,
        exprs: &[Vec<ExprId>],
        blocks: &[Vec<(TermId, Dim, Dim)>],
        at: ExprId,
    ) -> Result<Type, (String, (ExprId, usize), (ExprId, usize))> {
        let zero = self.dims.number(0);
        let (mut height, mut width) = (zero, None::<Dim>);
        let mut start = 0;
        for (row, places) in blocks.iter().zip(exprs) {
            let (_, rows, mut cols) = row[0];
            for (k, (_, r, c)) in row.iter().enumerate().skip(1) {
                if self.dims.unify(rows, *r, at).is_err() {
                    let (x, y) = (self.dims.text(rows), self.dims.text(*r));
                    let message = format!("blocks side by side have as many rows, these have {x} and {y}");
                    return Err((message, (places[0], start), (places[k], start + k)));
                }
                cols = self.dims.table.add(cols, *c);
            }
            match width {
                None => width = Some(cols),
                Some(known) => {
                    // equal splits are made equal one by one, so that I and 0 find their sizes
                    let first = &blocks[0];
                    let alike = first.len() == row.len();
                    let fits = if alike {
                        let pairs: Vec<(Dim, Dim)> = first.iter().zip(row).map(|(a, b)| (a.2, b.2)).collect();
                        let each = pairs.iter().all(|(a, b)| {
                            let (a, b) = (self.dims.resolve(*a), self.dims.resolve(*b));
                            a == b || self.dims.is_open(a) || self.dims.is_open(b)
                        });
                        each && pairs.into_iter().all(|(a, b)| self.dims.unify(a, b, at).is_ok())
                    } else {
                        false
                    };
                    if !fits && self.dims.unify(known, cols, at).is_err() {
                        let (x, y) = (self.dims.text(known), self.dims.text(cols));
                        let message = format!("the rows of a literal are as wide as each other, these are {x} and {y}");
                        return Err((message, (exprs[0][0], 0), (places[0], start)));
                    }
                }
            }
            height = self.dims.table.add(height, rows);
            start += row.len();
        }
        Ok(Type::Grid(height, width.unwrap_or(zero)))
    }
}
