//! Coefficients as straight-line code on numbers: what is computed for one turn of a loop, read from inputs and from
//! tensors that are made before.

use std::rc::Rc;

use matgrad_calculus::graph::{Factor, MapOp, Node, NodeId, Part, Product};
use matgrad_syntax::Rational;
use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::{SmallVec, smallvec};

use super::place::Placer;
use super::site::{Table, Walk};
use crate::array::{count, strides};
use crate::code::{Builder, Inst, Reg};
use crate::error::CompileError;
use crate::kernel::power::Power;

/// A position along an axis, from 0, in terms of the loops.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Ix {
    /// `constant + Σ coefficient·loop`
    Affine(i64, SmallVec<[(usize, i64); 2]>),
    /// What a table says for each turn, and a number.
    Table(usize, i64),
}

pub(super) type Indices = SmallVec<[Ix; 4]>;

impl Ix {
    pub fn at(constant: i64) -> Self {
        Self::Affine(constant, SmallVec::new())
    }

    pub fn of_loop(axis: usize) -> Self {
        Self::Affine(0, smallvec![(axis, 1)])
    }

    /// The same where each loop begins so many turns later.
    pub fn moved(&self, by: impl Fn(usize) -> i64) -> Self {
        match self {
            Self::Affine(c, terms) => {
                Self::Affine(c + terms.iter().map(|(axis, step)| step * by(*axis)).sum::<i64>(), terms.clone())
            }
            table => table.clone(),
        }
    }

    fn plus(&self, by: i64) -> Self {
        match self {
            Self::Affine(c, terms) => Self::Affine(c + by, terms.clone()),
            Self::Table(t, c) => Self::Table(*t, c + by),
        }
    }

    pub fn number(&self) -> Option<i64> {
        match self {
            Self::Affine(c, terms) if terms.is_empty() => Some(*c),
            _ => None,
        }
    }
}

/// An operand: an entry of a tensor that a program makes before the loop runs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Operand {
    pub node: NodeId,
    pub at: Indices,
}

/// More instructions than this are no loop body.
const MOST_CODE: usize = 6000;
/// Sums with more terms than this are left to the program before the loop.
const MOST_TERMS: usize = 64;
const MOST_DEPTH: usize = 100;
/// Tensors with more entries than this are not made before the loop.
const MOST_ENTRIES: usize = 1 << 26;

/// Writes nodes at positions as code.
pub(super) struct Scalars {
    pub extents: Vec<usize>,
    pub build: Builder,
    /// What the loads read.
    pub operands: Vec<Operand>,
    /// Positions for each turn of all loops.
    tables: Vec<Rc<Table>>,
    known: FxHashMap<Operand, Reg>,
    loads: FxHashMap<Operand, u32>,
    picks: FxHashMap<(NodeId, Indices), Option<usize>>,
    depth: usize,
    /// How often a node was entered: a guard.
    work: usize,
    /// Whether everything is made before the loop.
    pub only_loads: bool,
    /// Nodes that are not made before the loop unless they are inputs: the code is differentiated by what they depend on.
    pub dependent: FxHashSet<NodeId>,
}

impl Scalars {
    pub fn new(extents: Vec<usize>) -> Self {
        Self {
            extents,
            build: Builder::default(),
            operands: Vec::new(),
            tables: Vec::new(),
            known: FxHashMap::default(),
            loads: FxHashMap::default(),
            picks: FxHashMap::default(),
            depth: 0,
            work: 0,
            only_loads: false,
            dependent: FxHashSet::default(),
        }
    }

    fn turns(&self) -> usize {
        self.extents.iter().product()
    }

    /// The entry of a node at a position; `None` where there is no code for it.
    pub fn entry(&mut self, p: &mut Placer, node: NodeId, at: &[Ix]) -> Result<Option<Reg>, CompileError> {
        let key = Operand { node, at: at.iter().cloned().collect() };
        if let Some(&known) = self.known.get(&key) {
            return Ok(Some(known));
        }
        self.work += 1;
        if self.build.len() > MOST_CODE || self.work > 40 * MOST_CODE {
            return Ok(None);
        }
        if let Some(number) = p.opener.graph.constant(node) {
            return Ok(Some(self.build.constant(number.to_f64())));
        }
        let entries = self.entries(p, node)?;
        let leaf = matches!(p.opener.graph.node(node), Node::Input(_));
        let open = !leaf && self.dependent.contains(&node);
        // a sign at known positions is a number
        let sign =
            matches!(p.opener.graph.node(node), Node::LeviCivita(_)) && at.iter().all(|ix| ix.number().is_some());
        let small = entries.saturating_mul(4) <= self.turns() && !open && !sign;
        let found = if let Some(found) = self.stand_in(p, &key, entries)? {
            Some(found)
        } else if leaf || small || self.only_loads || self.depth >= MOST_DEPTH {
            None
        } else {
            self.depth += 1;
            let found = self.inside(p, node, at)?;
            self.depth -= 1;
            found
        };
        let found = match found {
            Some(found) => found,
            None if open => return Ok(None),
            None if leaf || self.only_loads || entries <= MOST_ENTRIES && !is_pick(p, node) => self.load(&key),
            None => return Ok(None),
        };
        self.known.insert(key, found);
        Ok(Some(found))
    }

    /// A function of few numbers, which the code would compute again and again, is made before the loop; the code only knows
    /// what it is a function of.
    fn stand_in(&mut self, p: &mut Placer, key: &Operand, entries: usize) -> Result<Option<Reg>, CompileError> {
        let few = entries.saturating_mul(16) <= self.turns() && self.dependent.contains(&key.node);
        let Node::Map(op, args) = p.opener.graph.node(key.node) else { return Ok(None) };
        let (op, [arg]) = (*op, args.as_slice()) else { return Ok(None) };
        if !few || self.depth >= MOST_DEPTH || matches!(op, MapOp::Abs | MapOp::Sign | MapOp::Relu) {
            return Ok(None);
        }
        let arg = *arg;
        self.depth += 1;
        let of = self.entry(p, arg, &key.at)?;
        self.depth -= 1;
        let Some(of) = of.filter(|of| self.build.number(*of).is_none()) else { return Ok(None) };
        let value = self.load(key);
        self.build.stand_in(Inst::Unary(op, of), value);
        Ok(Some(value))
    }

    fn load(&mut self, key: &Operand) -> Reg {
        let next = self.operands.len() as u32;
        let number = *self.loads.entry(key.clone()).or_insert(next);
        if number == next {
            self.operands.push(key.clone());
        }
        self.build.push(Inst::Load(number))
    }

    fn entries(&self, p: &Placer, node: NodeId) -> Result<usize, CompileError> {
        let mut shape = Vec::new();
        for dim in p.opener.graph.axes(node) {
            shape.push(p.opener.length(*dim)?);
        }
        Ok(count(&shape).unwrap_or(usize::MAX))
    }

    fn inside(&mut self, p: &mut Placer, node: NodeId, at: &[Ix]) -> Result<Option<Reg>, CompileError> {
        match p.opener.graph.node(node) {
            Node::Sum(terms, _) => {
                let terms = terms.clone();
                self.sum(p, &terms, at)
            }
            Node::Map(op, args) => {
                let (op, args) = (*op, args.clone());
                let mut regs: SmallVec<[Reg; 3]> = SmallVec::new();
                for arg in args {
                    let Some(reg) = self.entry(p, arg, at)? else { return Ok(None) };
                    regs.push(reg);
                }
                Ok(match regs.as_slice() {
                    [a] => Some(self.build.push(Inst::Unary(op, *a))),
                    [a, b] => Some(self.build.push(Inst::Binary(op, *a, *b))),
                    [a, b, c] => Some(self.build.push(Inst::Select(*a, *b, *c))),
                    _ => None,
                })
            }
            Node::Stack(axis, parts) => {
                let (axis, parts) = (usize::from(*axis), parts.clone());
                self.part(p, axis, &parts, at)
            }
            Node::Product(product) => {
                let product = product.clone();
                self.product(p, &product, at)
            }
            Node::LeviCivita(_) => {
                let numbers: Option<Vec<i64>> = at.iter().map(Ix::number).collect();
                let Some(numbers) = numbers else { return Ok(None) };
                let index: Vec<usize> = numbers.iter().map(|k| usize::try_from(*k).unwrap_or(0)).collect();
                Ok(Some(self.build.constant(crate::compile::levi_civita(&index))))
            }
            _ => Ok(None),
        }
    }

    fn sum(&mut self, p: &mut Placer, terms: &[(Rational, NodeId)], at: &[Ix]) -> Result<Option<Reg>, CompileError> {
        let mut regs: Vec<(f64, Reg)> = Vec::with_capacity(terms.len());
        for (c, node) in terms {
            let Some(reg) = self.entry(p, *node, at)? else { return Ok(None) };
            regs.push((c.to_f64(), reg));
        }
        // what is added first, then what is taken away
        regs.sort_by_key(|(c, _)| *c == -1.0);
        let mut total: Option<Reg> = None;
        for (c, reg) in regs {
            if self.build.number(reg) == Some(0.0) {
                continue;
            }
            total = Some(match total {
                Some(sum) if c == -1.0 => self.build.push(Inst::Sub(sum, reg)),
                known => {
                    let factor = self.build.constant(c);
                    let term = self.build.times(factor, reg);
                    known.map_or(term, |sum| self.build.push(Inst::Add(sum, term)))
                }
            });
        }
        Ok(Some(total.unwrap_or_else(|| self.build.constant(0.0))))
    }

    fn part(&mut self, p: &mut Placer, axis: usize, parts: &[Part], at: &[Ix]) -> Result<Option<Reg>, CompileError> {
        let Some(along) = at.get(axis) else { return Ok(None) };
        let Some((low, high)) = self.range(along) else { return Ok(None) };
        let mut before = 0i64;
        for part in parts {
            let extent = part.extent.map_or(Ok(1), |dim| p.opener.length(dim))? as i64;
            if low >= before && high < before + extent {
                let mut own: Indices = at.iter().cloned().collect();
                match part.extent {
                    Some(_) => own[axis] = along.plus(-before),
                    None => drop(own.remove(axis)),
                }
                return self.entry(p, part.node, &own);
            }
            before += extent;
        }
        Ok(None)
    }

    /// The least and the greatest value of a position.
    fn range(&self, at: &Ix) -> Option<(i64, i64)> {
        Some(match at {
            Ix::Affine(c, terms) => {
                let ends = terms.iter().map(|(axis, by)| by * (self.extents.get(*axis).map_or(0, |n| *n as i64) - 1));
                let (mut low, mut high) = (*c, *c);
                ends.for_each(|end| if end < 0 { low += end } else { high += end });
                (low, high)
            }
            Ix::Table(t, c) => {
                let table = self.tables.get(*t)?;
                (table.low + c, table.high + c)
            }
        })
    }

    /// `c` where the position is `c` in every turn inside an axis of this length.
    fn inside_axis(&self, at: &Ix, length: usize) -> bool {
        self.range(at).is_some_and(|(low, high)| low >= 0 && high < length as i64)
    }

    fn product(&mut self, p: &mut Placer, product: &Product, at: &[Ix]) -> Result<Option<Reg>, CompileError> {
        let mut lengths = Vec::with_capacity(product.dims.len());
        for dim in &product.dims {
            lengths.push(p.opener.length(*dim)?);
        }
        let mut labels: Vec<Option<Ix>> = vec![None; lengths.len()];
        for (label, ix) in product.out.iter().zip(at) {
            let slot = &mut labels[usize::from(*label)];
            match slot {
                None => *slot = Some(ix.clone()),
                Some(known) if known == ix => {}
                Some(known) => match (known.number(), ix.number()) {
                    (Some(_), Some(_)) => return Ok(Some(self.build.constant(0.0))),
                    _ => return Ok(None),
                },
            }
        }
        let factors: Vec<&Factor> = product.factors.iter().collect();
        // sums of equal terms
        let mut scale = 1.0;
        for (label, length) in lengths.iter().enumerate() {
            let used = product.out.iter().any(|l| usize::from(*l) == label)
                || factors.iter().any(|f| f.labels.iter().any(|l| usize::from(*l) == label));
            if !used {
                scale *= *length as f64;
            }
        }
        let mut work = Work { lengths: &lengths, budget: MOST_TERMS * 4 };
        let Some(value) = self.contract(p, &mut work, factors, labels)? else { return Ok(None) };
        let scale = self.build.constant(scale);
        Ok(Some(self.build.times(scale, value)))
    }

    /// The product of the factors, summed over all labels that have no position yet.
    fn contract(
        &mut self,
        p: &mut Placer,
        work: &mut Work,
        mut factors: Vec<&Factor>,
        mut labels: Vec<Option<Ix>>,
    ) -> Result<Option<Reg>, CompileError> {
        if !self.settle(p, work.lengths, &mut factors, &mut labels)? {
            return Ok(Some(self.build.constant(0.0)));
        }
        let open = |f: &Factor| f.labels.iter().any(|l| labels[usize::from(*l)].is_none());
        let (open, closed): (Vec<&Factor>, Vec<&Factor>) = factors.into_iter().partition(|f| open(f));
        let mut value: Option<Reg> = None;
        for f in closed {
            let at: Indices = f.labels.iter().filter_map(|l| labels[usize::from(*l)].clone()).collect();
            let Some(base) = self.entry(p, f.node, &at)? else { return Ok(None) };
            if self.build.number(base) == Some(0.0) && !f.exponent.is_negative() {
                return Ok(Some(base));
            }
            let reg = self.power(base, &f.exponent);
            value = Some(value.map_or(reg, |v| self.build.times(v, reg)));
        }
        // factors that share no open label are summed apart
        let mut groups: Vec<(Vec<u16>, Vec<&Factor>)> = Vec::new();
        for f in open {
            let mut own: Vec<u16> = f.labels.iter().copied().filter(|l| labels[usize::from(*l)].is_none()).collect();
            let mut members = vec![f];
            groups.retain_mut(|(known, others)| {
                let meets = known.iter().any(|l| own.contains(l));
                if meets {
                    own.append(known);
                    members.append(others);
                }
                !meets
            });
            groups.push((own, members));
        }
        for (own, members) in groups {
            // the label that most factors have, one position after another
            let uses = |l: u16| members.iter().filter(|f| f.labels.contains(&l)).count();
            let Some(label) = own.iter().copied().max_by_key(|l| (uses(*l), std::cmp::Reverse(*l))) else { continue };
            let length = work.lengths[usize::from(label)];
            if length > MOST_TERMS || work.budget < length {
                return Ok(None);
            }
            work.budget -= length;
            let mut total: Option<Reg> = None;
            for k in 0..length {
                let mut labels = labels.clone();
                labels[usize::from(label)] = Some(Ix::at(k as i64));
                let Some(term) = self.contract(p, work, members.clone(), labels)? else { return Ok(None) };
                if self.build.number(term) != Some(0.0) {
                    total = Some(total.map_or(term, |sum| self.build.push(Inst::Add(sum, term))));
                }
            }
            let Some(total) = total else { return Ok(Some(self.build.constant(0.0))) };
            value = Some(value.map_or(total, |v| self.build.times(v, total)));
        }
        Ok(Some(value.unwrap_or_else(|| self.build.constant(1.0))))
    }

    /// Takes out structural factors whose labels are known, which makes others known; false where the product is 0.
    /// Those that cannot be told stay among the factors.
    fn settle(
        &mut self,
        p: &mut Placer,
        lengths: &[usize],
        factors: &mut Vec<&Factor>,
        labels: &mut [Option<Ix>],
    ) -> Result<bool, CompileError> {
        loop {
            let before = factors.len();
            let mut kept = Vec::with_capacity(before);
            for f in factors.drain(..) {
                let l = |k: usize| f.labels.get(k).map_or(0, |l| usize::from(*l));
                let plain = !f.exponent.is_negative() && !f.exponent.is_zero();
                let done = match *p.opener.graph.node(f.node) {
                    Node::OneHot { at, .. } if plain => {
                        let at = p.opener.signed(at)? - 1;
                        match labels[l(0)].as_ref().map(|ix| (self.range(ix), ix.number())) {
                            None => {
                                labels[l(0)] = Some(Ix::at(at));
                                Some(true)
                            }
                            Some((_, Some(number))) => Some(number == at),
                            Some((Some((low, high)), _)) if at < low || at > high => Some(false),
                            Some(_) => None,
                        }
                    }
                    Node::Shift { offset, .. } if plain => {
                        let offset = p.opener.signed(offset)?;
                        match (labels[l(0)].clone(), labels[l(1)].clone()) {
                            (Some(first), None) => {
                                let second = first.plus(offset);
                                self.assign(labels, lengths, l(1), second)
                            }
                            (None, Some(second)) => {
                                let first = second.plus(-offset);
                                self.assign(labels, lengths, l(0), first)
                            }
                            (Some(first), Some(second)) => self.equal(&first.plus(offset), &second),
                            (None, None) => None,
                        }
                    }
                    Node::Fuse { fast, .. } if plain => {
                        let fast = p.opener.length(fast)? as i64;
                        match (labels[l(0)].clone(), labels[l(1)].clone(), labels[l(2)].clone()) {
                            (all, Some(Ix::Affine(a, x)), Some(Ix::Affine(b, y))) => {
                                let mut terms = x.clone();
                                for (axis, c) in y {
                                    match terms.iter_mut().find(|(own, _)| *own == axis) {
                                        Some((_, own)) => *own += c * fast,
                                        None => terms.push((axis, c * fast)),
                                    }
                                }
                                let sum = Ix::Affine(a + b * fast, terms);
                                match all {
                                    Some(all) => self.equal(&all, &sum),
                                    None => self.assign(labels, lengths, l(0), sum),
                                }
                            }
                            (Some(all), None, None) if all.number().is_some() && fast > 0 => {
                                let number = all.number().unwrap_or(0);
                                labels[l(1)] = Some(Ix::at(number.rem_euclid(fast)));
                                labels[l(2)] = Some(Ix::at(number.div_euclid(fast)));
                                Some(true)
                            }
                            _ => None,
                        }
                    }
                    Node::Map(MapOp::Equal, _) if plain => self.pick(p, f, labels)?,
                    _ => None,
                };
                match done {
                    Some(true) => {}
                    Some(false) => return Ok(false),
                    None => kept.push(f),
                }
            }
            *factors = kept;
            if factors.len() == before {
                return Ok(true);
            }
        }
    }

    fn assign(&self, labels: &mut [Option<Ix>], lengths: &[usize], label: usize, ix: Ix) -> Option<bool> {
        if self.inside_axis(&ix, lengths[label]) {
            labels[label] = Some(ix);
            return Some(true);
        }
        let (low, high) = self.range(&ix)?;
        (high < 0 || low >= lengths[label] as i64).then_some(false)
    }

    fn equal(&self, a: &Ix, b: &Ix) -> Option<bool> {
        if a == b {
            return Some(true);
        }
        match (a, b) {
            (Ix::Affine(x, s), Ix::Affine(y, t)) if s == t => Some(x == y),
            _ => {
                let ((a, b), (c, d)) = (self.range(a)?, self.range(b)?);
                (b < c || d < a).then_some(false)
            }
        }
    }

    /// An index vector at a known position says what the other label is.
    fn pick(&mut self, p: &mut Placer, f: &Factor, labels: &mut [Option<Ix>]) -> Result<Option<bool>, CompileError> {
        let Some(index) = p.index_of(f)? else { return Ok(None) };
        let own = usize::from(index.label);
        if labels[own].is_some() {
            return Ok(None);
        }
        let mut over = Indices::new();
        for l in &index.over {
            match &labels[usize::from(*l)] {
                Some(ix) => over.push(ix.clone()),
                None => return Ok(None),
            }
        }
        let key = (f.node, over.clone());
        let table = match self.picks.get(&key) {
            Some(known) => *known,
            None => {
                let whole =
                    matches!(over.as_slice(), [ix] if *ix == Ix::of_loop(0)) && self.extents == [index.table.len()];
                let found = if whole {
                    Some(index.table.clone())
                } else {
                    let at = self.table(&over, &strides(&index.lengths));
                    at.map(|at| {
                        Rc::new(at.iter().map(|k| index.table.get(*k as usize).copied().unwrap_or(-1)).collect())
                    })
                };
                let found = found.map(Table::new).filter(|t| t.places.is_empty() || t.low >= 0).map(|table| {
                    self.tables.push(Rc::new(table));
                    self.tables.len() - 1
                });
                self.picks.insert(key, found);
                found
            }
        };
        let Some(table) = table else { return Ok(None) };
        labels[own] = Some(Ix::Table(table, 0));
        Ok(Some(true))
    }

    /// Σ position·stride, and a number, in terms of the loops.
    pub fn walk(&self, at: &[Ix], strides: &[usize], start: usize) -> Option<Walk> {
        let mut walk = Walk::new(start as i64, SmallVec::from_elem(0, self.extents.len()));
        for (ix, stride) in at.iter().zip(strides).filter(|(_, s)| **s != 0) {
            let stride = *stride as i64;
            match ix {
                Ix::Affine(c, terms) => {
                    walk.start += c * stride;
                    for (axis, by) in terms {
                        *walk.strides.get_mut(*axis)? += by * stride;
                    }
                }
                Ix::Table(t, c) => {
                    walk.start += c * stride;
                    walk.tables.push((self.tables.get(*t)?.clone(), stride));
                }
            }
        }
        Some(walk)
    }

    /// Σ position·stride for each turn.
    pub fn table(&self, at: &[Ix], strides: &[usize]) -> Option<Vec<i64>> {
        let mut out = vec![0i64; self.turns()];
        let own = crate::array::strides(&self.extents);
        for (ix, stride) in at.iter().zip(strides) {
            let stride = *stride as i64;
            match ix {
                Ix::Affine(c, terms) => {
                    for (turn, out) in out.iter_mut().enumerate() {
                        let moved: i64 = terms
                            .iter()
                            .map(|(axis, by)| by * ((turn / own[*axis].max(1)) % self.extents[*axis]) as i64)
                            .sum();
                        *out += (c + moved) * stride;
                    }
                }
                Ix::Table(t, c) => {
                    let table = self.tables.get(*t)?;
                    out.iter_mut().zip(table.places.iter()).for_each(|(out, at)| *out += (at + c) * stride);
                }
            }
        }
        Some(out)
    }

    /// A power as products, roots and quotients where it is one.
    fn power(&mut self, x: Reg, exponent: &Rational) -> Reg {
        if exponent.is_one() {
            return x;
        }
        let power = Power::new(exponent);
        let (whole, half) = match power {
            Power::Whole(k) if k.unsigned_abs() <= 32 => (k, false),
            Power::Half(k) if k.unsigned_abs() <= 32 => (k, true),
            _ => return self.build.push(Inst::Power(power, x)),
        };
        let mut left = if half { (whole.unsigned_abs() - 1) / 2 } else { whole.unsigned_abs() };
        let (mut value, mut base) = (None, x);
        while left > 0 {
            if left & 1 == 1 {
                value = Some(value.map_or(base, |v| self.build.push(Inst::Mul(v, base))));
            }
            left >>= 1;
            if left > 0 {
                base = self.build.push(Inst::Mul(base, base));
            }
        }
        if half {
            let root = self.build.push(Inst::Power(Power::Half(1), x));
            value = Some(value.map_or(root, |v| self.build.push(Inst::Mul(v, root))));
        }
        let one = self.build.constant(1.0);
        match value {
            None => one,
            Some(value) if whole < 0 => self.build.push(Inst::Div(one, value)),
            Some(value) => value,
        }
    }
}

struct Work<'a> {
    lengths: &'a [usize],
    /// How many terms may still be written out.
    budget: usize,
}

fn is_pick(p: &Placer, node: NodeId) -> bool {
    matches!(p.opener.graph.node(node), Node::Map(MapOp::Equal, _)) && p.opener.graph.rank(node) >= 2
}
