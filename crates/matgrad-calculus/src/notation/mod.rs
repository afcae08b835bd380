//! From the graph back to the notation people write: matrix products, Kronecker products, or indices where neither is
//! possible. The result is a syntax tree of the language, so what is printed parses.

mod along;
mod atoms;
mod blocks;
mod build;
mod cases;
mod chain;
mod common;
mod counted;
mod emit;
mod entries;
mod expr;
mod helpers;
mod index;
mod kron;
mod names;
mod net;
mod operator;
mod positions;
mod recurrence;
mod rows;
mod selected;
mod split;
mod tied;
mod total;

use std::collections::{BTreeMap, BTreeSet};

use matgrad_syntax::{Ast, ExprId, ExprKind, Name, Subscript};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::graph::{Dim, Graph, NodeId, ProductBuilder};
pub use along::{Gathered, direction, write_along};
pub use split::split_loops;
pub use tied::{Sides, write_tied};
pub use total::write_by_entries;

use emit::Emitter;
use expr::{Arena, Form, Kind, M};

/// Expressions longer than this are printed with names for what they share.
const SHARE_ABOVE: u32 = 3000;

/// What index notation costs in characters: matrices are easier to read.
pub(crate) const INDEX_PENALTY: u32 = 1000;

/// Which notation a formula needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Notation {
    /// Matrices, vectors and scalars.
    Matrix,
    /// With Kronecker products, commutation or other vec matrices.
    Kronecker,
    /// With indices.
    Index,
}

impl Notation {
    /// The word in the JSON of the contract.
    pub fn name(self) -> &'static str {
        match self {
            Notation::Matrix => "matrix",
            Notation::Kronecker => "kronecker",
            Notation::Index => "index",
        }
    }
}

/// How the axes of a tensor are to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrangement {
    /// A vector as a column, a matrix as it is.
    Plain,
    /// The transpose.
    Transposed,
    /// Index notation whatever the number of axes; the first `split` axes are the function's.
    Indexed {
        /// How many axes belong to the function.
        split: usize,
    },
}

/// A definition that a formula needs before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Helper {
    /// What it is called.
    pub name: Name,
    /// The parameters of a function; a value has none.
    pub parameters: Vec<Name>,
    /// What it is.
    pub body: ExprId,
}

/// A printed tensor.
#[derive(Clone, Debug)]
pub struct Formula {
    /// The tree.
    pub ast: Ast,
    /// The whole of it.
    pub root: ExprId,
    /// For an index definition the names of the axes, each with its range where use does not fix it.
    pub axes: Option<Vec<(Name, Option<ExprId>)>>,
    /// Steps of recurrences and names for shared parts, in the order in which they need each other.
    pub definitions: Vec<Helper>,
    /// Which notation it is.
    pub notation: Notation,
}

/// What the printer remembers between prints of one graph.
#[derive(Clone, Default)]
pub struct Memory {
    arena: Arena,
    memo: FxHashMap<NodeId, Option<M>>,
    diagonals: bool,
    /// What the script calls some nodes.
    names: Vec<(Name, NodeId)>,
    /// Whether an expression may be its name and nothing else.
    whole: bool,
}

impl Memory {
    /// Writes answers longer than a line with these names for their parts.
    pub fn name_parts(&mut self, names: Vec<(Name, NodeId)>) {
        self.names = names;
    }

    /// Lets a name stand for a whole expression, as in a condition, and not for its parts only.
    pub fn name_wholes(&mut self, whole: bool) {
        self.whole = whole;
    }

    /// Writes the diagonal part of A as `diag(diag(A))`, as in derivatives by symmetric matrices, not as `A .* eye(n)`.
    pub fn with_diagonals() -> Self {
        Self { diagonals: true, ..Self::default() }
    }
}

impl Memory {
    /// For a printer that leaves `(X'*X)^-1*X'` as it is, as normal equations are written, instead of `pinv(X)`.
    pub fn with_grams() -> Self {
        let mut memory = Self::default();
        memory.arena.spell_grams = true;
        memory
    }
}

/// The printer at work.
pub(crate) struct Printer<'g> {
    pub g: &'g mut Graph,
    pub arena: Arena,
    memo: FxHashMap<NodeId, Option<M>>,
    /// Whether the diagonal part of A is `diag(diag(A))`.
    diagonals: bool,
    names: Vec<(Name, NodeId)>,
    whole: bool,
    taken: BTreeSet<Name>,
    bound: Vec<Name>,
    /// What is subscripted by an index alone, and how long the array is there.
    subscripted: Vec<(M, Dim)>,
    /// Whether functions of matrices that have entries only are written too.
    total: bool,
}

impl<'g> Printer<'g> {
    fn new(g: &'g mut Graph, memory: Memory, taken: BTreeSet<Name>) -> Self {
        let Memory { arena, memo, diagonals, names, whole } = memory;
        Self {
            g,
            arena,
            memo,
            diagonals,
            names,
            whole,
            taken,
            bound: Vec::new(),
            subscripted: Vec::new(),
            total: false,
        }
    }

    fn into_memory(self) -> Memory {
        Memory { arena: self.arena, memo: self.memo, diagonals: self.diagonals, names: self.names, whole: self.whole }
    }
}

/// The printed length of a node without spaces; of a tensor with more axes than a matrix, of its entry.
pub fn length(g: &mut Graph, memory: &mut Memory, node: NodeId) -> u32 {
    let mut printer = Printer::new(g, std::mem::take(memory), BTreeSet::new());
    let m = if printer.g.rank(node) <= 2 { printer.expr(node) } else { None };
    let length = match m {
        Some(m) => printer.arena.length(m),
        None => {
            let names = printer.index_names(printer.g.rank(node), 2);
            let at: Vec<M> = names.iter().map(|n| printer.arena.name(n, Form::Scalar)).collect();
            match printer.entry_at(node, &at, 0) {
                Some(m) if printer.g.rank(node) > 2 => printer.arena.length(m),
                Some(m) => printer.arena.length(m).saturating_add(INDEX_PENALTY),
                None => u32::MAX / 2,
            }
        }
    };
    *memory = printer.into_memory();
    length
}

/// Writes a tensor. `taken` are the names of variables and dimensions, which indices must not hide. `None` where no
/// notation can show it.
pub fn write(
    g: &mut Graph,
    memory: &mut Memory,
    node: NodeId,
    arrangement: Arrangement,
    taken: &BTreeSet<Name>,
) -> Option<Formula> {
    let mut printer = Printer::new(g, std::mem::take(memory), taken.clone());
    let formula = printer.formula(node, arrangement);
    *memory = printer.into_memory();
    formula
}

/// Names for the axes of a result, none of them taken; the first `split` axes are the function's.
pub fn index_names(g: &mut Graph, taken: &BTreeSet<Name>, count: usize, split: usize) -> Vec<Name> {
    Printer::new(g, Memory::default(), taken.clone()).index_names(count, split)
}

/// Writes an index definition with these axes as the entry of `node` at some of them, in their order: the other names are
/// in the node itself, as positions of unit vectors. `None` where no notation can show it.
pub fn write_entry(
    g: &mut Graph,
    memory: &mut Memory,
    node: NodeId,
    at: &[Name],
    axes: &[(Name, Dim)],
    taken: &BTreeSet<Name>,
) -> Option<Formula> {
    let mut printer = Printer::new(g, std::mem::take(memory), taken.clone());
    printer.bound = axes.iter().map(|(name, _)| name.clone()).collect();
    let at: Vec<M> = at.iter().map(|n| printer.arena.name(n, Form::Scalar)).collect();
    let place = |(name, _): &(Name, Dim)| (printer.g.sizes.symbol(name), printer.arena.name(name, Form::Scalar));
    let positions: Vec<(Dim, M)> = axes.iter().map(place).collect();
    printer.note_units(node, &positions);
    let whole = printer.expr(node).map(|m| printer.subscript(m, &at));
    let entry = whole.or_else(|| printer.entry_at(node, &at, 0));
    let formula = entry.and_then(|m| printer.finish(m, Some(axes), Notation::Index));
    *memory = printer.into_memory();
    formula
}

impl Printer<'_> {
    fn formula(&mut self, node: NodeId, arrangement: Arrangement) -> Option<Formula> {
        let indexed = match arrangement {
            Arrangement::Indexed { split } => Some(split),
            _ if self.has_matrix_notation(node) => None,
            _ => Some(self.g.rank(node)),
        };
        let Some(split) = indexed else {
            let m = self.expr(node)?;
            let mut m = if arrangement == Arrangement::Transposed { self.arena.transpose(m) } else { m };
            let mut notation = self.notation(m);
            if notation == Notation::Kronecker && self.g.rank(node) == 2 {
                // the other way round its factors may meet more shortly
                let turned = self.g.transpose(node);
                let other = self.expr(turned).map(|m| self.arena.transpose(m));
                if let Some(other) = other.filter(|other| self.arena.length(*other) < self.arena.length(m)) {
                    m = other;
                    notation = self.notation(m);
                }
            }
            return self.finish(m, None, notation);
        };
        let (node, split) = match (arrangement, self.g.rank(node)) {
            (Arrangement::Transposed, 2) => (self.g.transpose(node), split),
            // a row has an axis of length 1 before its own
            (Arrangement::Transposed, 1) => {
                let one = self.g.sizes.constant(1);
                let mut p = ProductBuilder::new();
                let (row, own) = (p.label(one), p.labels_of(self.g, node));
                p.factor(node, &own);
                (p.build(self.g, &[row, own[0]]), split + 1)
            }
            _ => (node, split),
        };
        let names = self.index_names(self.g.rank(node), split);
        self.bound.clone_from(&names);
        let at: Vec<M> = names.iter().map(|n| self.arena.name(n, Form::Scalar)).collect();
        let m = match self.entry_at(node, &at, 0) {
            Some(m) => m,
            None => self.entry_by_units(node, &names, &at)?,
        };
        let dims = self.g.axes(node).clone();
        let mut axes: Vec<(Name, Dim)> = names.into_iter().zip(dims).collect();
        if arrangement == Arrangement::Transposed && axes.len() == 1 {
            // a row has an axis of length 1 before its own
            let all = self.index_names(3, 1);
            let free = all.into_iter().find(|name| axes[0].0 != *name && !self.bound.contains(name));
            if let Some(name) = free {
                axes.insert(0, (name, self.g.sizes.constant(1)));
            }
        }
        let axes = (!axes.is_empty()).then_some(axes);
        self.finish(m, axes.as_deref(), Notation::Index)
    }

    fn notation(&self, root: M) -> Notation {
        let mut todo = vec![root];
        let mut seen: FxHashMap<M, ()> = FxHashMap::default();
        let mut notation = Notation::Matrix;
        while let Some(m) = todo.pop() {
            if seen.insert(m, ()).is_some() {
                continue;
            }
            match self.arena.kind(m) {
                Kind::Call(name, _, _) if emit::reducer(name).is_some() => return Notation::Index,
                Kind::Kron(..) => notation = Notation::Kronecker,
                Kind::Call(name, _, _) if matches!(&**name, "commutation" | "duplication" | "elimination" | "vec") => {
                    notation = Notation::Kronecker;
                }
                _ => {}
            }
            emit::children(self.arena.kind(m), |c| todo.push(c));
        }
        notation
    }

    fn finish(&mut self, root: M, axes: Option<&[(Name, Dim)]>, notation: Notation) -> Option<Formula> {
        let names: Vec<Name> = axes.into_iter().flatten().map(|(name, _)| name.clone()).collect();
        let places: Vec<M> = names.iter().map(|name| self.arena.name(name, Form::Scalar)).collect();
        let parts = self.named_parts(root);
        let mut emitter = Emitter {
            arena: &self.arena,
            sizes: &self.g.sizes,
            ast: Ast::new(),
            done: FxHashMap::default(),
            named: FxHashSet::default(),
        };
        for (m, part) in parts {
            let mut id = emitter.ast.add(ExprKind::Name(part.name));
            if part.transposed {
                id = emitter.ast.add(ExprKind::Transpose(id));
            }
            emitter.done.insert(m, id);
        }
        // a definition of its own could not see the indices
        let share = notation != Notation::Index;
        let definitions = helpers::define(&mut emitter, root, &names, share, &|name| self.taken.contains(name));
        let hidden = |id: u32| match emitter.ast.kind(ExprId(id)) {
            ExprKind::Name(name) => names.contains(name),
            _ => false,
        };
        if !definitions.is_empty() && (0..emitter.ast.len() as u32).any(hidden) {
            return None;
        }
        let root = emitter.emit(root);
        let axes = axes.map(|axes| {
            let lengths = axes.iter().map(|(name, dim)| (name.clone(), self.g.sizes.text(*dim))).collect();
            // an array that is longer than the axis says nothing of the axis
            let longer =
                |m: M, (_, dim): &(Name, Dim)| self.subscripted.iter().any(|(at, length)| *at == m && length != dim);
            let unclear = axes.iter().zip(&places).filter(|(axis, m)| longer(**m, axis));
            let unclear = unclear.map(|((name, _), _)| name.clone()).collect();
            let fixed = fixed_by_use(&emitter.ast, &lengths, unclear);
            let range = |(name, dim): &(Name, Dim)| {
                let range = (!fixed.contains(name)).then(|| emitter.dim(*dim));
                (name.clone(), range)
            };
            axes.iter().map(range).collect()
        });
        Some(Formula { ast: emitter.ast, root, axes, definitions, notation })
    }
}

/// Index names whose range follows from use: as a bare subscript of an array, directly or through a delta. Axes of these
/// lengths that a delta ties to an index with another range have to say their own, and so do those of which use says
/// something else, with all that deltas tie to them.
fn fixed_by_use(ast: &Ast, lengths: &BTreeMap<Name, String>, mut unclear: BTreeSet<Name>) -> BTreeSet<Name> {
    let mut fixed = BTreeSet::new();
    let mut links: Vec<(Name, Name)> = Vec::new();
    let mut ranged: BTreeMap<Name, Option<Name>> = BTreeMap::new();
    for k in 0..ast.len() {
        if let ExprKind::Reduce { indices, .. } = ast.kind(ExprId(k as u32)) {
            for (index, range) in indices.iter().filter_map(|index| Some((index, index.range?))) {
                let range = match ast.kind(range) {
                    ExprKind::Name(name) => Some(name.clone()),
                    _ => None,
                };
                ranged.insert(index.name.clone(), range);
            }
        }
        let ExprKind::Index(base, subs) = ast.kind(ExprId(k as u32)) else { continue };
        if let ExprKind::Name(n) = ast.kind(*base) {
            if &**n == "delta" {
                let name = |s: &Subscript| match s {
                    Subscript::At(at) => match ast.kind(*at) {
                        ExprKind::Name(name) => Some(name.clone()),
                        _ => None,
                    },
                    _ => None,
                };
                links.extend(subs.first().and_then(name).zip(subs.get(1).and_then(name)));
            }
            if &**n == "delta" || &**n == "eps" {
                continue;
            }
        }
        for s in subs {
            let Subscript::At(at) = s else { continue };
            match ast.kind(*at) {
                ExprKind::Name(name) => {
                    fixed.insert(name.clone());
                }
                // under a condition the array may end before the axis does
                ExprKind::Binary(_, a, b) => unclear.extend([a, b].into_iter().filter_map(|id| match ast.kind(*id) {
                    ExprKind::Name(name) => lengths.contains_key(name).then(|| name.clone()),
                    _ => None,
                })),
                _ => {}
            }
        }
    }
    let other = |axis: &Name, index: &Name| {
        let (length, range) = (lengths.get(axis)?, ranged.get(index)?);
        (range.as_deref() != Some(length.as_str())).then(|| axis.clone())
    };
    let open: BTreeSet<Name> = links.iter().filter_map(|(a, b)| other(a, b).or_else(|| other(b, a))).collect();
    let mut grown = true;
    while grown {
        grown = false;
        for (a, b) in &links {
            for tied in [&mut fixed, &mut unclear] {
                if tied.contains(a) != tied.contains(b) {
                    tied.extend([a.clone(), b.clone()]);
                    grown = true;
                }
            }
        }
    }
    fixed.retain(|name| !open.contains(name) && !unclear.contains(name));
    fixed
}
