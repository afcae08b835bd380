//! Where the entries of a term are: loop variables, and rows and columns as functions of them.

use std::rc::Rc;

use matgrad_calculus::graph::{Factor, Label, Labels, MapOp, Node, NodeId, ProductBuilder};
use matgrad_syntax::{Name, Rational};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::grid::Grid;
use super::term::{Opener, Term};
use crate::array::{count, strides};
use crate::compile::affine::{Affine, Space, Var};
use crate::compile::{Options, compile_with};
use crate::engine::Engine;
use crate::error::CompileError;
use crate::{Array, Inputs};

/// Positions read from a table, where an index vector picks entries.
#[derive(Clone, Debug, PartialEq)]
struct Gather {
    /// The variable that is found.
    var: Var,
    /// Its position for each of the variables below, or −1 where there is none.
    table: Rc<Vec<i64>>,
    /// The variables the table goes over, with its strides.
    over: Vec<(Var, usize)>,
    start: usize,
    /// What the table counts from, and how many positions there are.
    first: i64,
    extent: usize,
}

/// A condition on the loop variables.
#[derive(Clone, Debug)]
enum Filter {
    /// `first = second`
    Equal(Affine, Affine),
    /// What a table says is the value.
    Table(Gather, Affine),
    /// The entry of a constant is not 0.
    Mask { values: Array, at: Affine },
}

/// A term in its place.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    /// How many values each loop variable takes.
    pub extents: Vec<usize>,
    /// Row and column of the first entry.
    pub start: [usize; 2],
    /// What a step of each loop variable adds to row and column.
    pub strides: Vec<[usize; 2]>,
    /// The coefficients, an axis for each loop variable.
    pub node: NodeId,
    kept: Vec<Var>,
    gathers: Vec<(Gather, [usize; 2])>,
    filters: Vec<Filter>,
}

impl Placed {
    /// How many entries there are, those that vanish by a filter included.
    pub fn len(&self) -> usize {
        self.extents.iter().product()
    }

    /// Row and column of each entry in the order of the coefficients; nothing where it vanishes.
    pub fn listed(&self) -> Vec<Option<[u32; 2]>> {
        let mut out = Vec::with_capacity(self.len());
        self.each(|at| out.push(at.and_then(|[r, c]| Some([u32::try_from(r).ok()?, u32::try_from(c).ok()?]))));
        out
    }

    /// Row and column of each entry in the order of the coefficients; `None` where it vanishes.
    fn each(&self, mut visit: impl FnMut(Option<[usize; 2]>)) {
        let total = self.len();
        let top = self.kept.iter().copied().chain(self.gathers.iter().map(|(g, _)| g.var)).max().map_or(0, |v| v + 1);
        let mut values = vec![0usize; top];
        let mut at = vec![0usize; self.extents.len()];
        let [mut row, mut col] = self.start;
        for _ in 0..total {
            if self.is_irregular() {
                visit(self.irregular([row, col], &at, &mut values));
            } else {
                visit(Some([row, col]));
            }
            for k in (0..at.len()).rev() {
                at[k] += 1;
                row += self.strides[k][0];
                col += self.strides[k][1];
                if at[k] < self.extents[k] {
                    break;
                }
                row -= self.strides[k][0] * at[k];
                col -= self.strides[k][1] * at[k];
                at[k] = 0;
            }
        }
    }

    /// Whether entries are at positions that only a table or a filter tells.
    pub fn is_irregular(&self) -> bool {
        !self.gathers.is_empty() || !self.filters.is_empty()
    }

    /// Whether both have their entries at the same positions in the same order.
    pub fn same_place(&self, other: &Self) -> bool {
        let same = self.extents == other.extents && self.start == other.start && self.strides == other.strides;
        let gathers = || {
            self.gathers.len() == other.gathers.len()
                && self.gathers.iter().zip(&other.gathers).all(|((a, s), (b, t))| {
                    let place = |placed: &Self, g: &Gather| -> Vec<(Option<usize>, usize)> {
                        g.over.iter().map(|(v, s)| (placed.kept.iter().position(|k| k == v), *s)).collect()
                    };
                    s == t
                        && (a.start, a.first, a.extent) == (b.start, b.first, b.extent)
                        && place(self, a) == place(other, b)
                        && a.table == b.table
                })
        };
        same && self.filters.is_empty() && other.filters.is_empty() && gathers()
    }

    fn irregular(&self, [mut row, mut col]: [usize; 2], at: &[usize], values: &mut [usize]) -> Option<[usize; 2]> {
        for (var, i) in self.kept.iter().zip(at) {
            values[*var] = *i;
        }
        for (gather, step) in &self.gathers {
            let found = usize::try_from(gather.find(values)).ok()?;
            values[gather.var] = found;
            row += step[0] * found;
            col += step[1] * found;
        }
        let value = |a: &Affine| -> i64 {
            a.constant + a.terms.iter().map(|(v, c)| c * values.get(*v).map_or(0, |x| *x as i64)).sum::<i64>()
        };
        let holds = self.filters.iter().all(|filter| match filter {
            Filter::Equal(a, b) => value(a) == value(b),
            Filter::Table(gather, a) => gather.find(values) == value(a),
            Filter::Mask { values, at } => {
                usize::try_from(value(at)).ok().and_then(|k| values.data().get(k)).is_some_and(|x| *x != 0.0)
            }
        });
        holds.then_some([row, col])
    }
}

impl Gather {
    fn find(&self, values: &[usize]) -> i64 {
        let at: usize = self.over.iter().map(|(v, s)| values.get(*v).copied().unwrap_or(0) * s).sum();
        let found = self.table.get(self.start + at).copied().unwrap_or(-1) - self.first;
        if usize::try_from(found).is_ok_and(|k| k < self.extent) { found } else { -1 }
    }
}

/// An index vector as data: the positions it picks, over some labels.
#[derive(Clone, Debug)]
pub(super) struct Index {
    pub label: Label,
    pub table: Rc<Vec<i64>>,
    pub over: Labels,
    pub lengths: Vec<usize>,
}

/// An index vector as data: which axis of the node counts it, the lengths of all, the positions.
type Indices = (usize, Vec<usize>, Rc<Vec<i64>>);

/// Places terms.
pub(super) struct Placer<'a, 'g> {
    pub opener: Opener<'g>,
    pub data: &'a Inputs,
    pub sizes: &'a std::collections::BTreeMap<Name, usize>,
    /// Variables that are differentiated by: what depends on them is no structure.
    pub free: &'a [Name],
    /// Inputs whose values the pattern depends on.
    pub watched: Vec<Name>,
    indices: FxHashMap<NodeId, Option<Indices>>,
    masks: FxHashMap<NodeId, Option<Array>>,
}

impl<'a, 'g> Placer<'a, 'g> {
    pub fn new(
        opener: Opener<'g>,
        data: &'a Inputs,
        sizes: &'a std::collections::BTreeMap<Name, usize>,
        free: &'a [Name],
    ) -> Self {
        let (watched, indices, masks) = (Vec::new(), FxHashMap::default(), FxHashMap::default());
        Self { opener, data, sizes, free, watched, indices, masks }
    }

    /// The term in its place in the grid, shifted by some rows and columns; `None` where it has no entries.
    pub fn place(&mut self, term: Term, grid: &Grid, offset: [usize; 2]) -> Result<Option<Placed>, CompileError> {
        let mut lengths = Vec::with_capacity(term.dims.len());
        for dim in &term.dims {
            lengths.push(self.opener.length(*dim)?);
        }
        let used = |l: usize| {
            let l = l as Label;
            term.out.contains(&l) || term.factors.iter().any(|f| f.labels.contains(&l))
        };
        if (0..lengths.len()).any(|l| used(l) && lengths[l] == 0) {
            return Ok(None);
        }
        let mut space = Space::new(&lengths);
        let (never, stuck) = self.opener.absorb(&term.factors, &mut space)?;
        if never {
            return Ok(None);
        }
        let mut needed: Vec<Var> = Vec::new();
        let need = |affine: &Affine, needed: &mut Vec<Var>| {
            for (v, _) in &affine.terms {
                if !needed.contains(v) {
                    needed.push(*v);
                }
            }
        };
        let label = |space: &Space, l: Label| space.labels[usize::from(l)].clone();
        term.out.iter().for_each(|l| need(&label(&space, *l), &mut needed));
        let mut filters = Vec::new();
        let mut dropped: Vec<usize> = Vec::new();
        for &k in &stuck {
            let f = &term.factors[k];
            f.labels.iter().for_each(|l| need(&label(&space, *l), &mut needed));
            filters.push(self.filter(f, &space)?);
            dropped.push(k);
        }
        // gathers, each after what its table needs
        let mut open: Vec<(usize, Index)> = Vec::new();
        for (k, f) in term.factors.iter().enumerate() {
            if let Some(index) = self.index_of(f)? {
                open.push((k, index));
            }
        }
        let mut gathers: Vec<Gather> = Vec::new();
        loop {
            let before = open.len();
            let mut rest = Vec::new();
            for (k, index) in open {
                let own = label(&space, index.label);
                let touches = own.terms.iter().any(|(v, _)| needed.contains(v));
                if !touches && !own.terms.is_empty() {
                    rest.push((k, index));
                    continue;
                }
                let gather = index.gather(&space);
                let var = match own.terms.as_slice() {
                    [(var, 1)] => Some(*var),
                    _ => None,
                };
                let known = |v: Var| gathers.iter().any(|g: &Gather| g.var == v);
                let cycle = |var: Var| {
                    let mut todo: Vec<Var> = gather.over.iter().map(|(v, _)| *v).collect();
                    while let Some(v) = todo.pop() {
                        if v == var {
                            return true;
                        }
                        gathers.iter().filter(|g| g.var == v).for_each(|g| todo.extend(g.over.iter().map(|(v, _)| *v)));
                    }
                    false
                };
                for (v, _) in &gather.over {
                    if !needed.contains(v) {
                        needed.push(*v);
                    }
                }
                match var.filter(|v| !known(*v) && !cycle(*v)) {
                    Some(var) => {
                        let (first, extent) = (own.constant, space.extents[var]);
                        gathers.push(Gather { var, first, extent, ..gather });
                    }
                    None => filters.push(Filter::Table(gather, own)),
                }
                dropped.push(k);
            }
            open = rest;
            if open.len() == before {
                break;
            }
        }
        // a table that reads a position found by another comes after it
        let mut ordered: Vec<Gather> = Vec::new();
        while !gathers.is_empty() {
            let ready = gathers.iter().position(|g| !g.over.iter().any(|(v, _)| gathers.iter().any(|o| o.var == *v)));
            ordered.push(gathers.remove(ready.unwrap_or(0)));
        }
        for (k, f) in term.factors.iter().enumerate() {
            if !dropped.contains(&k)
                && let Some(mask) = self.mask_of(f)?
                && f.labels.iter().all(|l| label(&space, *l).terms.iter().all(|(v, _)| needed.contains(v)))
            {
                let mut at = Affine { constant: 0, terms: SmallVec::new() };
                for (l, s) in f.labels.iter().zip(strides(mask.shape())) {
                    at = at.plus(&label(&space, *l).scaled(s as i64));
                }
                filters.push(Filter::Mask { values: mask, at });
            }
        }
        let mut kept: Vec<Var> = needed.into_iter().filter(|v| !ordered.iter().any(|g| g.var == *v)).collect();
        // rows first, then columns, each as they lie in the matrix
        let step = |v: Var| -> [usize; 2] {
            let mut step = [0usize; 2];
            for (axis, l) in term.out.iter().enumerate() {
                for (var, c) in &space.labels[usize::from(*l)].terms {
                    if *var == v {
                        let c = usize::try_from(*c).unwrap_or(0);
                        step[0] += c * grid.rows[axis];
                        step[1] += c * grid.cols[axis];
                    }
                }
            }
            step
        };
        kept.sort_by_key(|v| (std::cmp::Reverse(step(*v)), *v));
        let mut start = offset;
        for (axis, l) in term.out.iter().enumerate() {
            let constant = usize::try_from(space.labels[usize::from(*l)].constant).unwrap_or(0);
            start[0] += constant * grid.rows[axis];
            start[1] += constant * grid.cols[axis];
        }
        let extents: Vec<usize> = kept.iter().map(|v| space.extents[*v]).collect();
        if count(&extents).is_none_or(|n| n > u32::MAX as usize) {
            return Err(CompileError::TooLarge { bytes: u64::MAX, limit: 8 << 32, largest: extents });
        }
        let strides = kept.iter().map(|v| step(*v)).collect();
        let gathers: Vec<(Gather, [usize; 2])> =
            ordered.into_iter().map(|g| (step(g.var), g)).map(|(s, g)| (g, s)).collect();
        let node = self.coefficient(&term, &space, &kept, &dropped, &gathers)?;
        Ok(Some(Placed { extents, start, strides, node, kept, gathers, filters }))
    }

    /// A structural factor as a condition.
    fn filter(&mut self, f: &Factor, space: &Space) -> Result<Filter, CompileError> {
        let l = |k: usize| f.labels.get(k).map(|l| space.labels[usize::from(*l)].clone());
        let number = |constant: i64| Affine { constant, terms: SmallVec::new() };
        let missing = CompileError::Shapes { what: "a structural factor" };
        let (a, b, c) = (l(0).ok_or(missing)?, l(1).unwrap_or(number(0)), l(2).unwrap_or(number(0)));
        Ok(match *self.opener.graph.node(f.node) {
            Node::OneHot { at, .. } => Filter::Equal(a, number(self.opener.signed(at)? - 1)),
            Node::Shift { offset, .. } => Filter::Equal(a.plus(&number(self.opener.signed(offset)?)), b),
            Node::Fuse { fast, .. } => Filter::Equal(a, b.plus(&c.scaled(self.opener.length(fast)? as i64))),
            _ => return Err(CompileError::Shapes { what: "a structural factor" }),
        })
    }

    /// The axes of a node that its value depends on.
    fn depends(&self, node: NodeId) -> Vec<bool> {
        let g = &*self.opener.graph;
        let mut out = vec![false; g.rank(node)];
        let mut todo: Vec<(NodeId, Vec<Option<usize>>)> = vec![(node, (0..out.len()).map(Some).collect())];
        let mut steps = 0;
        while let Some((id, axes)) = todo.pop() {
            steps += 1;
            let plain = matches!(g.node(id), Node::Sum(..) | Node::Product(_) | Node::Map(..));
            if steps > 256 || !plain {
                axes.iter().flatten().for_each(|k| out[*k] = true);
                continue;
            }
            match g.node(id) {
                Node::Sum(terms, _) => terms.iter().for_each(|(_, n)| todo.push((*n, axes.clone()))),
                Node::Map(_, args) => args.iter().for_each(|n| todo.push((*n, axes.clone()))),
                Node::Product(p) => {
                    let twice = p.out.iter().enumerate().any(|(k, l)| p.out[..k].contains(l));
                    for (k, l) in p.out.iter().enumerate().filter(|_| twice) {
                        if p.out.iter().filter(|o| *o == l).count() > 1 {
                            axes[k].into_iter().for_each(|k| out[k] = true);
                        }
                    }
                    for f in &p.factors {
                        let own = f.labels.iter().map(|l| p.out.iter().position(|o| o == l).and_then(|k| axes[k]));
                        todo.push((f.node, own.collect()));
                    }
                }
                _ => {}
            }
        }
        out
    }

    /// The values of a node along some axes, at the first position of the others.
    fn along(&mut self, node: NodeId, axes: &[usize]) -> Result<Array, CompileError> {
        let g = &mut *self.opener.graph;
        let mut p = ProductBuilder::new();
        let labels = p.labels_of(g, node);
        p.factor(node, &labels);
        let one = g.sizes.constant(1);
        let dims = g.axes(node).clone();
        for (k, label) in labels.iter().enumerate().filter(|(k, _)| !axes.contains(k)) {
            let hot = g.one_hot(one, dims[k]);
            p.factor(hot, &[*label]);
        }
        let out: Labels = axes.iter().map(|k| labels[*k]).collect();
        let slice = p.build(g, &out);
        self.value(slice)
    }

    fn value(&mut self, node: NodeId) -> Result<Array, CompileError> {
        let program = compile_with(self.opener.graph, &[node], self.sizes, &once())?;
        let missing = CompileError::Shapes { what: "an index" };
        program.run(self.data).map_err(|_| missing.clone())?.pop().ok_or(missing)
    }

    /// The inputs of a node; `None` where it depends on a variable.
    fn inputs(&self, node: NodeId) -> Option<Vec<Name>> {
        let g = &*self.opener.graph;
        let mut names = Vec::new();
        for id in g.reachable(&[node]) {
            match g.node(id) {
                Node::Input(input) => {
                    let name = &g.input_info(*input).name;
                    if self.free.contains(name) || self.data.get(name).is_none() {
                        return None;
                    }
                    names.push(name.clone());
                }
                Node::Placeholder { .. } | Node::Loop(..) | Node::Call(..) => return None,
                _ => {}
            }
        }
        Some(names)
    }

    /// The factor as positions picked by an index vector.
    pub fn index_of(&mut self, f: &Factor) -> Result<Option<Index>, CompileError> {
        if f.exponent.is_negative() || f.exponent.is_zero() {
            return Ok(None);
        }
        let found = match self.indices.get(&f.node) {
            Some(known) => known.clone(),
            None => {
                let found = self.find_index(f.node)?;
                self.indices.insert(f.node, found.clone());
                found
            }
        };
        let Some((axis, over, table)) = found else { return Ok(None) };
        let mut lengths = Vec::new();
        for k in &over {
            lengths.push(self.opener.length(self.opener.graph.axes(f.node)[*k])?);
        }
        let over = over.iter().map(|k| f.labels[*k]).collect();
        Ok(Some(Index { label: f.labels[axis], table, over, lengths }))
    }

    fn find_index(&mut self, node: NodeId) -> Result<Option<Indices>, CompileError> {
        let Node::Map(MapOp::Equal, args) = self.opener.graph.node(node) else { return Ok(None) };
        let (a, b) = (args[0], args[1]);
        let (of_a, of_b) = (self.depends(a), self.depends(b));
        let (Some(names_a), Some(names_b)) = (self.inputs(a), self.inputs(b)) else { return Ok(None) };
        for (counting, from_counting, picked, from_picked, names) in
            [(b, &of_b, a, &of_a, names_a.iter().chain(&names_b)), (a, &of_a, b, &of_b, names_b.iter().chain(&names_a))]
        {
            let mut axes = (0..from_counting.len()).filter(|k| from_counting[*k]);
            let (Some(axis), None) = (axes.next(), axes.next()) else { continue };
            if from_picked[axis] {
                continue;
            }
            let counts = self.along(counting, &[axis])?;
            let over: Vec<usize> = (0..from_picked.len()).filter(|k| from_picked[*k]).collect();
            let picks = self.along(picked, &over)?;
            let Some(table) = positions(counts.data(), picks.data()) else { continue };
            let table = Rc::new(table);
            for name in names {
                if !self.watched.contains(name) {
                    self.watched.push(name.clone());
                }
            }
            return Ok(Some((axis, over, table)));
        }
        Ok(None)
    }

    /// A comparison of indices as numbers: what does not hold leaves no entry.
    fn mask_of(&mut self, f: &Factor) -> Result<Option<Array>, CompileError> {
        let g = &*self.opener.graph;
        let comparison = matches!(
            g.node(f.node),
            Node::Map(MapOp::Less | MapOp::LessEq | MapOp::Equal | MapOp::NotEqual, _) | Node::LeviCivita(_)
        );
        if !comparison || f.exponent.is_negative() || self.inputs(f.node).is_none_or(|names| !names.is_empty()) {
            return Ok(None);
        }
        if let Some(known) = self.masks.get(&f.node) {
            return Ok(known.clone());
        }
        let mut lengths = Vec::new();
        for dim in g.axes(f.node).clone() {
            lengths.push(self.opener.length(dim)?);
        }
        let small = count(&lengths).is_some_and(|n| n <= 1 << 24);
        let mask = if small { Some(self.value(f.node)?) } else { None };
        self.masks.insert(f.node, mask.clone());
        Ok(mask)
    }

    /// The coefficients of a term over the variables that are kept, as a node.
    fn coefficient(
        &mut self,
        term: &Term,
        space: &Space,
        kept: &[Var],
        dropped: &[usize],
        gathers: &[(Gather, [usize; 2])],
    ) -> Result<NodeId, CompileError> {
        let structural = |this: &Self, f: &Factor| {
            let node = this.opener.graph.node(f.node);
            matches!(node, Node::OneHot { .. } | Node::Shift { .. } | Node::Fuse { .. })
                && !f.exponent.is_negative()
                && !f.exponent.is_zero()
        };
        let mut p = ProductBuilder::new();
        p.scale(&term.coefficient);
        let mut names: FxHashMap<Var, Label> = FxHashMap::default();
        let mut out = Labels::new();
        for v in kept {
            let dim = self.opener.graph.sizes.constant(space.extents[*v] as i64);
            let label = p.label(dim);
            names.insert(*v, label);
            out.push(label);
        }
        let values: Vec<&Factor> = term
            .factors
            .iter()
            .enumerate()
            .filter(|(k, f)| !dropped.contains(k) && !structural(self, f))
            .map(|(_, f)| f)
            .collect();
        let uses = |f: &Factor, v: Var| {
            f.labels.iter().any(|l| space.labels[usize::from(*l)].terms.iter().any(|(x, _)| *x == v))
        };
        // a position found by a table is summed over with its index, where something is read there
        let mut again: Vec<&Factor> = Vec::new();
        let mut wanted: Vec<Var> =
            gathers.iter().map(|(g, _)| g.var).filter(|v| values.iter().any(|f| uses(f, *v))).collect();
        let mut done: Vec<Var> = Vec::new();
        while let Some(var) = wanted.pop() {
            if done.contains(&var) {
                continue;
            }
            done.push(var);
            for k in dropped {
                let f = &term.factors[*k];
                if let Some(index) = self.index_of(f)?
                    && space.labels[usize::from(index.label)].terms.as_slice() == [(var, 1)]
                    && !again.iter().any(|known| std::ptr::eq(*known, f))
                    && gathers.iter().any(|(g, _)| g.var == var && g.table == index.table)
                {
                    again.push(f);
                    let over = gathers.iter().filter(|(g, _)| uses(f, g.var) && g.var != var);
                    wanted.extend(over.map(|(g, _)| g.var));
                    break;
                }
            }
        }
        let mut moved: Vec<Var> = kept.to_vec();
        for f in values.into_iter().chain(again) {
            let mut labels = Labels::new();
            for l in &f.labels {
                let affine = &space.labels[usize::from(*l)];
                moved.extend(affine.terms.iter().map(|(v, _)| *v));
                labels.push(self.label_for(&mut p, &mut names, space, affine, term.dims[usize::from(*l)])?);
            }
            p.power(f.node, &labels, f.exponent.clone());
        }
        // sums of equal terms
        let live = |v: Var| {
            let of = |l: &Label| space.labels[usize::from(*l)].terms.iter().any(|(x, _)| *x == v);
            term.factors.iter().any(|f| f.labels.iter().any(of))
        };
        for (v, extent) in space.extents.iter().enumerate() {
            if *extent != 1 && !moved.contains(&v) && !gathers.iter().any(|(g, _)| g.var == v) && live(v) {
                p.scale(&Rational::int(*extent as i64));
            }
        }
        Ok(p.build(self.opener.graph, &out))
    }

    /// A label with the value of an affine function of the variables.
    fn label_for(
        &mut self,
        p: &mut ProductBuilder,
        names: &mut FxHashMap<Var, Label>,
        space: &Space,
        affine: &Affine,
        dim: matgrad_calculus::graph::Dim,
    ) -> Result<Label, CompileError> {
        let length = self.opener.length(dim)?;
        let g = &mut *self.opener.graph;
        if affine.terms.is_empty() {
            let label = p.label(dim);
            if length != 1 {
                let at = g.sizes.constant(affine.constant + 1);
                let hot = g.one_hot(at, dim);
                p.factor(hot, &[label]);
            }
            return Ok(label);
        }
        let mut terms = affine.terms.clone();
        terms.sort_by_key(|(v, c)| (*c, *v));
        // digits from the fastest on: a label of `reach` positions for those so far
        let mut current: Option<(Label, usize)> = None;
        for (var, c) in terms {
            let extent = space.extents[var];
            let c = usize::try_from(c).map_err(|_| CompileError::Shapes { what: "an index" })?;
            let own = *names.entry(var).or_insert_with(|| p.label(g.sizes.constant(extent as i64)));
            let (fast, reach) = match current {
                None if c == 1 => {
                    current = Some((own, extent));
                    continue;
                }
                None => {
                    let (fast, one) = (g.sizes.constant(c as i64), g.sizes.constant(1));
                    let label = p.label(fast);
                    let hot = g.one_hot(one, fast);
                    p.factor(hot, &[label]);
                    (label, c)
                }
                Some(known) => known,
            };
            if reach > c {
                return Err(CompileError::Shapes { what: "an index" });
            }
            let (rows, cols) = (g.sizes.constant(reach as i64), g.sizes.constant(c as i64));
            let mut digit = fast;
            if reach < c {
                digit = p.label(cols);
                let zero = g.sizes.constant(0);
                let shift = g.shift(zero, rows, cols);
                p.factor(shift, &[fast, digit]);
            }
            let slow = g.sizes.constant(extent as i64);
            let all = p.label(g.sizes.constant((c * extent) as i64));
            let fuse = g.fuse(cols, slow);
            p.factor(fuse, &[all, digit, own]);
            current = Some((all, c * extent));
        }
        let Some((label, reach)) = current else { return Err(CompileError::Shapes { what: "an index" }) };
        if affine.constant == 0 && reach == length {
            return Ok(label);
        }
        let (offset, rows) = (g.sizes.constant(affine.constant), g.sizes.constant(reach as i64));
        let last = p.label(dim);
        let shift = g.shift(offset, rows, dim);
        p.factor(shift, &[label, last]);
        Ok(last)
    }
}

/// Options for a program that runs once, for which machine code is not worth its making.
pub(super) fn once() -> Options {
    Options { engine: Engine::Steps, ..Options::default() }
}

/// Where each pick is among the counts, −1 where it is not; nothing where two counts are equal.
fn positions(counts: &[f64], picks: &[f64]) -> Option<Vec<i64>> {
    let first = counts.first().copied().unwrap_or(0.0);
    if counts.iter().enumerate().all(|(k, x)| *x == first + k as f64) && first.abs() < 1e15 {
        let n = counts.len() as f64;
        let find = |x: &f64| {
            let at = x - first;
            if at >= 0.0 && at < n && at.fract() == 0.0 { at as i64 } else { -1 }
        };
        return Some(picks.iter().map(find).collect());
    }
    let mut places: FxHashMap<u64, i64> = FxHashMap::default();
    let distinct = counts.iter().enumerate().all(|(k, x)| places.insert(x.to_bits(), k as i64).is_none());
    distinct.then(|| picks.iter().map(|x| places.get(&x.to_bits()).copied().unwrap_or(-1)).collect())
}

impl Index {
    /// The table in terms of loop variables; the variable that is found is filled in later.
    fn gather(&self, space: &Space) -> Gather {
        let (mut start, mut over) = (0usize, Vec::<(Var, usize)>::new());
        for (label, stride) in self.over.iter().zip(strides(&self.lengths)) {
            let affine = &space.labels[usize::from(*label)];
            start += usize::try_from(affine.constant).unwrap_or(0) * stride;
            for (var, c) in &affine.terms {
                let step = usize::try_from(*c).unwrap_or(0) * stride;
                match over.iter_mut().find(|(v, _)| v == var) {
                    Some((_, known)) => *known += step,
                    None => over.push((*var, step)),
                }
            }
        }
        Gather { var: Var::MAX, table: self.table.clone(), over, start, first: 0, extent: usize::MAX }
    }
}
