//! Typed terms for those who write programs: names resolved, defined functions put in place, every size known.

use matgrad_syntax::{Diagnostic, Name, Script};

use super::elaborate::Elaborator;
use super::readings::{self, Reading};
use super::term::{Affine, Constant, IndexId, Sub, TermId, TermKind, Type};
use super::{Options, Shape, choose};
use crate::graph::{Dim, DimTable};

/// A term with its shape.
#[derive(Clone, Debug)]
pub struct TypedTerm {
    /// What it is; its dimensions are those of [`Terms::sizes`].
    pub kind: TermKind,
    /// Its shape, without the axes of indices that it depends on.
    pub shape: Shape,
}

/// A variable of the terms.
#[derive(Clone, Debug)]
pub struct TypedVariable {
    /// Its name.
    pub name: Name,
    /// Its shape.
    pub shape: Shape,
}

/// An index of the terms: it goes from `start` over `length` numbers.
#[derive(Clone, Debug)]
pub struct TypedIndex {
    /// Its name.
    pub name: Name,
    /// How many values it takes.
    pub length: Dim,
    /// Its first value.
    pub start: i64,
}

/// A script as an arena of terms, children before parents.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The terms.
    pub terms: Vec<TypedTerm>,
    /// The indices, by [`IndexId`].
    pub indices: Vec<TypedIndex>,
    /// The variables, by `VariableId`.
    pub variables: Vec<TypedVariable>,
    /// The abstract functions, by `AbstractId`.
    pub functions: Vec<Name>,
    /// Names that equations define.
    pub implicit: Vec<Name>,
    /// The dimensions.
    pub sizes: DimTable,
    /// Definitions that are values, in their order.
    pub definitions: Vec<(Name, TermId)>,
    /// The value that is meant.
    pub target: TermId,
}

impl Terms {
    /// A term.
    pub fn term(&self, id: TermId) -> &TypedTerm {
        &self.terms[id.0 as usize]
    }

    /// An index.
    pub fn index_of(&self, id: IndexId) -> &TypedIndex {
        &self.indices[id.0 as usize]
    }
}

/// Reads a script as typed terms.
///
/// # Errors
/// What is wrong with names and shapes, as [`super::analyze`] says it.
///
/// ```
/// use matgrad_calculus::infer::{Options, Shape, typed::elaborate};
/// let parsed = matgrad_syntax::parse("x in R^n; A in R^(m x n); A*x");
/// let terms = elaborate(&parsed.script, &Options::default()).unwrap();
/// assert!(matches!(terms.term(terms.target).shape, Shape::Column(_)));
/// ```
pub fn elaborate(script: &Script, options: &Options) -> Result<Terms, Vec<Diagnostic>> {
    let first = readings::attempt(script, &[], options.of);
    let scalars;
    let Reading { mut elaborator, values, queries, implicits, solves, function, .. } = if first.elaborator.failed() {
        scalars = readings::search(script, first.elaborator, options.of)?;
        readings::attempt(script, &scalars, options.of)
    } else {
        first
    };
    elaborator.name_dimensions();
    let (_, target) = choose(&mut elaborator, options, &values, &queries, &solves, function)?;
    if elaborator.failed() {
        return Err(elaborator.diagnostics);
    }
    let mut export = Export { e: &mut elaborator, sizes: DimTable::default() };
    let variables = export.variables();
    let terms = (0..export.e.terms.len()).map(|k| export.term(k)).collect();
    let indices = export.e.indices.clone();
    let indices = indices
        .into_iter()
        .map(|index| TypedIndex { length: export.dim(index.length), name: index.name, start: index.start })
        .collect();
    let sizes = export.sizes;
    Ok(Terms {
        terms,
        indices,
        variables,
        functions: elaborator.abstracts.iter().map(|f| f.name.clone()).collect(),
        implicit: implicits.iter().map(|implicit| implicit.name.clone()).collect(),
        sizes,
        definitions: values.into_iter().filter_map(|(name, term)| Some((name?, term))).collect(),
        target,
    })
}

/// Takes terms out of an inference, with their dimensions in a table where everything is known.
struct Export<'e, 'a> {
    e: &'e mut Elaborator<'a>,
    sizes: DimTable,
}

impl Export<'_, '_> {
    fn dim(&mut self, dim: Dim) -> Dim {
        self.e.dims.export(dim, &mut self.sizes)
    }

    fn shape(&mut self, ty: &Type) -> Shape {
        match ty {
            Type::Grid(rows, cols) => {
                let (rows, cols) = (self.dim(*rows), self.dim(*cols));
                match (self.sizes.is_one(rows), self.sizes.is_one(cols)) {
                    (true, true) => Shape::Scalar,
                    (false, true) => Shape::Column(rows),
                    (true, false) => Shape::Row(cols),
                    (false, false) => Shape::Matrix(rows, cols),
                }
            }
            Type::Tensor(dims) => Shape::Tensor(dims.iter().map(|dim| self.dim(*dim)).collect()),
            Type::Poison => Shape::Scalar,
        }
    }

    fn variables(&mut self) -> Vec<TypedVariable> {
        let variables = self.e.variables.clone();
        variables.into_iter().map(|v| TypedVariable { shape: self.shape(&v.ty), name: v.name }).collect()
    }

    fn affine(&mut self, affine: &Affine) -> Affine {
        Affine { indices: affine.indices.clone(), constant: self.dim(affine.constant) }
    }

    fn term(&mut self, k: usize) -> TypedTerm {
        let ty = self.e.terms[k].ty.clone();
        let shape = self.shape(&ty);
        let kind = match self.e.terms[k].kind.clone() {
            TermKind::Dimension(dim) => TermKind::Dimension(self.dim(dim)),
            TermKind::Constant(constant) => TermKind::Constant(match constant {
                Constant::Unit(at) => Constant::Unit(self.dim(at)),
                Constant::Commutation(m, n) => Constant::Commutation(self.dim(m), self.dim(n)),
                Constant::Duplication(n) => Constant::Duplication(self.dim(n)),
                Constant::Elimination(n) => Constant::Elimination(self.dim(n)),
                other => other,
            }),
            TermKind::Blocks(rows) => {
                let mut block = |(term, rows, cols): (TermId, Dim, Dim)| (term, self.dim(rows), self.dim(cols));
                TermKind::Blocks(rows.into_iter().map(|row| row.into_iter().map(&mut block).collect()).collect())
            }
            TermKind::Subscript(base, subs) => {
                let sub = |me: &mut Self, sub: &Sub| match sub {
                    Sub::At(affine) => Sub::At(me.affine(affine)),
                    Sub::Range(from, to) => Sub::Range(me.dim(*from), me.dim(*to)),
                    other => other.clone(),
                };
                TermKind::Subscript(base, subs.iter().map(|s| sub(self, s)).collect())
            }
            TermKind::Delta(a, b) => TermKind::Delta(self.affine(&a), self.affine(&b)),
            TermKind::Epsilon(subs) => TermKind::Epsilon(subs.iter().map(|s| self.affine(s)).collect()),
            other => other,
        };
        TypedTerm { kind, shape }
    }
}
