//! Shapes of subscripts, deltas, reductions over indices and index definitions.

use matgrad_syntax::{Diagnostic, ExprId, ExprKind, Reducer, Subscript};
use smallvec::SmallVec;

use super::Position;
use super::affine::{Place, Whole};
use super::elaborate::Elaborator;
use super::errors::short_text;
use super::term::{Affine, IndexId, Sub, TermId, TermKind, Type, Use};
use crate::graph::{Dim, Dims};

impl Elaborator<'_> {
    /// Whether a literal position is inside an axis, as far as that can be told.
    pub fn inside(&mut self, k: Dim, n: Dim, at: ExprId) -> Result<(), Box<Diagnostic>> {
        let (k, n) = (self.dims.resolve(k), self.dims.resolve(n));
        let left = self.dims.table.sub(n, k);
        let first = self.dims.table.value(k);
        let whole = self.dims.table.poly(k).0.iter().all(|(_, c)| c.is_integer());
        let outside = first.is_some_and(|v| v < 1) || self.dims.table.value(left).is_some_and(|v| v < 0) || !whole;
        if outside {
            let (k, n) = (self.dims.text(k), self.dims.text(n));
            let message = format!("the subscript {k} is outside of 1 to {n}");
            return Err(Box::new(Diagnostic::error("out-of-range", self.span(at), message)));
        }
        if self.dims.table.value(left).is_none() && first != Some(1) {
            self.at_least.push((n, k));
        }
        Ok(())
    }

    /// Keeps a subscript for when the sizes are known, where it is not decided yet.
    fn note_position(&mut self, from: Option<Dim>, to: Dim, length: Dim, at: ExprId) {
        let decided = |e: &mut Self, k: Dim| {
            let (k, n) = (e.dims.resolve(k), e.dims.resolve(length));
            let left = e.dims.table.sub(n, k);
            e.dims.table.value(left).is_some() && e.dims.table.value(k).is_some()
        };
        if !decided(self, to) || from.is_some_and(|from| !decided(self, from)) {
            self.positions.push(Position { from, to, length, span: self.span(at) });
        }
    }

    /// `base[subs]`
    pub fn subscript(&mut self, base: TermId, subs: SmallVec<[Sub; 2]>, at: ExprId) -> TermId {
        if let Some(poison) = self.poisoned(&[base], at) {
            return poison;
        }
        let ty = self.term(base).ty.clone();
        match self.subscripted(base, &ty, &subs, at) {
            Ok(ty) => self.push(TermKind::Subscript(base, subs), ty, at),
            Err(diagnostic) => self.poison(*diagnostic, at),
        }
    }

    fn subscripted(&mut self, base: TermId, ty: &Type, subs: &[Sub], at: ExprId) -> Result<Type, Box<Diagnostic>> {
        let one = self.dims.number(1);
        let axes: Dims = match ty {
            Type::Grid(r, c) if subs.len() == 2 => Dims::from_slice(&[*r, *c]),
            Type::Grid(..) if subs.len() == 1 => match self.along(ty) {
                Some(n) => Dims::from_slice(&[n]),
                None => {
                    let shape = self.shape_text(ty);
                    let message = format!("one subscript on a matrix, this is {shape}");
                    let mut diagnostic = self.mismatch(self.span(at), message, &[(self.base_span(at), ty, Some(base))]);
                    if let Some(text) = self.base_text(at) {
                        diagnostic = diagnostic.help(format!("a row is `{text}[i,:]`, a column `{text}[:,j]`"));
                    }
                    return Err(Box::new(diagnostic));
                }
            },
            Type::Tensor(dims) if subs.len() == dims.len() => dims.clone(),
            _ => {
                let shape = self.shape_text(ty);
                let message = format!("{} subscripts on {shape}", subs.len());
                let diagnostic = self.mismatch(self.span(at), message, &[(self.base_span(at), ty, Some(base))]);
                return Err(Box::new(diagnostic));
            }
        };
        if self.is_scalar(ty) && subs.iter().any(|s| matches!(s, Sub::At(a) if !a.indices.is_empty())) {
            let diagnostic =
                self.mismatch(self.span(at), "a scalar has no entries", &[(self.base_span(at), ty, Some(base))]);
            return Err(Box::new(diagnostic));
        }
        let mut kept: SmallVec<[Option<Dim>; 4]> = SmallVec::new();
        for (sub, dim) in subs.iter().zip(&axes) {
            kept.push(match sub {
                Sub::All => Some(*dim),
                Sub::At(affine) => {
                    self.use_of(affine, *dim, at)?;
                    None
                }
                Sub::Range(from, to) => {
                    self.inside(*from, *dim, at)?;
                    self.inside(*to, *dim, at)?;
                    self.note_position(Some(*from), *to, *dim, at);
                    let length = self.dims.table.sub(*to, *from);
                    let length = self.dims.table.add(length, one);
                    if self.dims.value(length).is_some_and(|v| v < 1) {
                        let message = "this range has no entries: it ends before it starts";
                        return Err(Box::new(Diagnostic::error("out-of-range", self.span(at), message)));
                    }
                    Some(length)
                }
                Sub::Value(term) => {
                    let ty = self.term(*term).ty.clone();
                    if !matches!(ty, Type::Poison)
                        && (!self.is_scalar(&ty) || self.depends_on_data(*term) && !self.is_entry_of_variable(*term))
                    {
                        let message = "a subscript is a whole number made of indices and dimensions";
                        return Err(Box::new(Diagnostic::error("subscript", self.span(at), message)));
                    }
                    None
                }
            });
        }
        Ok(match (ty, kept.as_slice()) {
            (Type::Grid(r, _), [kept]) => {
                let row = self.dims.is_one(*r);
                match kept {
                    Some(n) if row => Type::Grid(one, *n),
                    Some(n) => Type::Grid(*n, one),
                    None => Type::Grid(one, one),
                }
            }
            (Type::Grid(..), [r, c]) => Type::Grid(r.unwrap_or(one), c.unwrap_or(one)),
            _ => {
                let dims: Vec<Dim> = kept.into_iter().flatten().collect();
                self.type_of(&dims)
            }
        })
    }

    /// Whether a term is an entry of a variable, as in `x[pick[i]]`: an index vector.
    fn is_entry_of_variable(&self, term: TermId) -> bool {
        match &self.term(term).kind {
            TermKind::Variable(_) => true,
            TermKind::Subscript(base, subs) => {
                matches!(self.term(*base).kind, TermKind::Variable(_))
                    && subs.iter().all(|sub| matches!(sub, Sub::At(_)))
            }
            _ => false,
        }
    }

    /// Whether a term has a variable or an unknown function in it.
    fn depends_on_data(&self, term: TermId) -> bool {
        let mut todo = vec![term];
        let mut seen = rustc_hash::FxHashSet::default();
        while let Some(id) = todo.pop() {
            if matches!(self.term(id).kind, TermKind::Variable(_) | TermKind::Call(..)) {
                return true;
            }
            self.term(id).for_each_child(|c| {
                if seen.insert(c) {
                    todo.push(c);
                }
            });
        }
        false
    }

    fn base_span(&self, at: ExprId) -> matgrad_syntax::Span {
        match self.ast.kind(at) {
            ExprKind::Index(base, _) => self.span(*base),
            _ => self.span(at),
        }
    }

    fn base_text(&self, at: ExprId) -> Option<String> {
        match self.ast.kind(at) {
            ExprKind::Index(base, _) => short_text(self.ast, *base),
            _ => None,
        }
    }

    /// Notes what a subscript says about the range of its index.
    fn use_of(&mut self, affine: &Affine, dim: Dim, at: ExprId) -> Result<(), Box<Diagnostic>> {
        match affine.indices.as_slice() {
            [] => {
                self.inside(affine.constant, dim, at)?;
                self.note_position(None, affine.constant, dim, at);
                Ok(())
            }
            [(index, sign @ (1 | -1))] => {
                let (sign, offset) = (*sign as i8, affine.constant);
                self.indices[index.0 as usize].uses.push(Use { sign, offset, dim, at, guarded: false });
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// `delta[i,j]` and `eps[i,j,k]`.
    pub fn symbol(&mut self, name: &str, subs: &[Subscript], at: ExprId) -> TermId {
        let mut numbers: SmallVec<[Affine; 4]> = SmallVec::new();
        for sub in subs {
            let found = match sub {
                Subscript::At(e) => self.whole(*e, Place::Subscript),
                _ => Ok(Whole::Other),
            };
            match found {
                Ok(Whole::Affine(affine)) => numbers.push(affine),
                Ok(Whole::Other) => {
                    let message = format!("the subscripts of `{name}` are indices and whole numbers");
                    return self.poison(Diagnostic::error("subscript", self.span(at), message), at);
                }
                Err(diagnostic) => return self.poison(*diagnostic, at),
            }
        }
        let ty = self.scalar();
        let rank = numbers.len();
        if name == "delta" {
            let [a, b] = numbers.as_slice() else {
                let message = format!("`delta` has two subscripts, found {rank}");
                return self.poison(Diagnostic::error("subscript", self.span(at), message), at);
            };
            if let (Some(i), Some(j)) = (a.shifted_index(), b.shifted_index()) {
                self.indices[i.0 as usize].links.push(j);
                self.indices[j.0 as usize].links.push(i);
            }
            let (a, b) = (a.clone(), b.clone());
            return self.push(TermKind::Delta(a, b), ty, at);
        }
        if !(2..=8).contains(&rank) {
            let message = format!("`eps` has 2 to 8 subscripts, found {rank}");
            return self.poison(Diagnostic::error("subscript", self.span(at), message), at);
        }
        let dim = self.dims.number(rank as i64);
        for affine in &numbers {
            match affine.indices.as_slice() {
                [] => {
                    if let Err(diagnostic) = self.inside(affine.constant, dim, at) {
                        return self.poison(*diagnostic, at);
                    }
                }
                [(index, 1)] => {
                    let offset = affine.constant;
                    self.indices[index.0 as usize].uses.push(Use { sign: 1, offset, dim, at, guarded: false });
                }
                _ => {
                    let message = "the subscripts of `eps` are indices and whole numbers";
                    return self.poison(Diagnostic::error("subscript", self.span(at), message), at);
                }
            }
        }
        self.push(TermKind::Epsilon(numbers), ty, at)
    }

    /// `sum[i,j; condition](body)`
    pub fn reduction(
        &mut self,
        op: Reducer,
        indices: SmallVec<[IndexId; 2]>,
        condition: Option<TermId>,
        body: TermId,
        at: ExprId,
    ) -> TermId {
        self.solve_ranges(&indices, condition.is_some());
        self.note_guards(at);
        if let Some(poison) = self.poisoned(&[body], at) {
            return poison;
        }
        if let Some(condition) = condition {
            let ty = self.term(condition).ty.clone();
            if !self.is_scalar(&ty) {
                let diagnostic = Diagnostic::error(
                    "condition",
                    self.span(at),
                    "the condition is a comparison of numbers, as `i < j`",
                );
                return self.poison(diagnostic, at);
            }
            if matches!(op, Reducer::Max | Reducer::Min | Reducer::LogSumExp) {
                let message = format!("`{}` does not take a condition", op.name());
                let diagnostic = Diagnostic::error("condition", self.span(at), message);
                return self.poison(diagnostic.help("`sum`, `mean` and `prod` do"), at);
            }
        }
        let ty = self.term(body).ty.clone();
        self.push(TermKind::Reduce { op, indices, condition, body }, ty, at)
    }

    /// Notes which subscripts of outer indices the condition of a reduction keeps inside, or may keep.
    fn note_guards(&mut self, at: ExprId) {
        let ExprKind::Reduce { condition: Some(condition), .. } = self.ast.kind(at) else { return };
        let (mut names, mut todo) = (Vec::new(), vec![*condition]);
        while let Some(id) = todo.pop() {
            match self.ast.kind(id) {
                ExprKind::Name(name) => names.push(name),
                ExprKind::Neg(a) => todo.push(*a),
                ExprKind::Binary(_, a, b) => todo.extend([*a, *b]),
                _ => {}
            }
        }
        let whole = self.ast.span(at);
        for index in self.indices.iter_mut().filter(|index| names.contains(&&index.name)) {
            for u in &mut index.uses {
                let span = self.ast.span(u.at);
                u.guarded |= whole.start <= span.start && span.end <= whole.end;
            }
        }
    }

    /// The array of a body's values for all values of the indices.
    pub fn tabulate(&mut self, indices: SmallVec<[IndexId; 4]>, body: TermId, at: ExprId) -> TermId {
        self.solve_ranges(&indices, false);
        if let Some(poison) = self.poisoned(&[body], at) {
            return poison;
        }
        let ty = self.term(body).ty.clone();
        if !self.is_scalar(&ty) {
            let shape = self.shape_text(&ty);
            let message = format!("the right side of an index definition is a scalar for each index, this is {shape}");
            let diagnostic = self.mismatch(self.span(at), message, &[(self.span(at), &ty, Some(body))]);
            return self.poison(diagnostic, at);
        }
        if let Some(index) = indices.iter().map(|i| &self.indices[i.0 as usize]).find(|i| i.start != 1) {
            let message =
                format!("the index `{}` starts at {}: a definition's indices start at 1", index.name, index.start);
            let diagnostic = Diagnostic::error("index-range", index.span, message);
            return self.poison(diagnostic.help("shift the subscripts, as in `d[i] = u[i+1] - u[i]`"), at);
        }
        let dims: Vec<Dim> = indices.iter().map(|i| self.indices[i.0 as usize].length).collect();
        let ty = self.type_of(&dims);
        self.push(TermKind::Tabulate(indices, body), ty, at)
    }

    /// The values of `map`, as rows.
    pub fn collect_rows(&mut self, index: IndexId, body: TermId, at: ExprId) -> TermId {
        if let Some(poison) = self.poisoned(&[body], at) {
            return poison;
        }
        let rows = self.indices[index.0 as usize].length;
        let ty = self.term(body).ty.clone();
        match self.along(&ty) {
            Some(cols) => self.push(TermKind::Rows(index, body), Type::Grid(rows, cols), at),
            None => {
                let shape = self.shape_text(&ty);
                let message = format!("`map` stacks vectors and scalars, the function gives {shape}");
                self.poison(Diagnostic::error("shape-mismatch", self.span(at), message), at)
            }
        }
    }
}
