//! Products of tensors over loop variables, as steps.

use std::hash::BuildHasher;

use rustc_hash::FxBuildHasher;
use smallvec::SmallVec;

use super::affine::{Space, Var};
use super::order::{Term, VarSet, order};
use super::{Compiler, Dest};
use crate::error::CompileError;
use crate::kernel::contract::{A, B, Contract, Kind, OUT};
use crate::kernel::{Loop, merge};
use crate::program::{Op, Slot, View};

/// Shorter rows are not worth a copy of what is read across them.
const ROW: usize = 8;

/// How many times larger than an operand a result has to be for the operand to be copied to lie along it.
const MUCH_LARGER: f64 = 8.0;

/// A tensor in terms of the loop variables of a product: only variables that move it are listed.
#[derive(Clone, Debug)]
pub(super) struct Operand {
    pub slot: Slot,
    pub offset: usize,
    pub strides: SmallVec<[(Var, usize); 4]>,
}

impl Operand {
    /// The view with its axes labelled.
    pub fn new(view: &View, labels: &[u16], space: &Space) -> Self {
        let mut operand = Self { slot: view.slot, offset: view.offset, strides: SmallVec::new() };
        for (label, stride) in labels.iter().zip(&view.strides) {
            operand.add(space, *label, *stride);
        }
        operand.strides.sort_unstable();
        operand
    }

    fn add(&mut self, space: &Space, label: u16, stride: usize) {
        if stride == 0 {
            return;
        }
        let Some(affine) = space.labels.get(label as usize) else { return };
        self.offset += usize::try_from(affine.constant).unwrap_or(0) * stride;
        for (var, c) in &affine.terms {
            if space.extents[*var] == 1 {
                continue;
            }
            let step = usize::try_from(*c).unwrap_or(0) * stride;
            match self.strides.iter_mut().find(|(v, _)| v == var) {
                Some((_, known)) => *known += step,
                None => self.strides.push((*var, step)),
            }
        }
    }

    pub fn stride(&self, var: Var) -> usize {
        self.strides.iter().find(|(v, _)| *v == var).map_or(0, |(_, s)| *s)
    }

    fn term(&self) -> Term {
        let mut axes: Vec<(usize, Var)> = self.strides.iter().map(|(v, s)| (*s, *v)).collect();
        axes.sort_by_key(|(stride, var)| (std::cmp::Reverse(*stride), *var));
        // the distance of the axes in memory is part of what a tensor is
        let id = axes
            .iter()
            .fold(FxBuildHasher.hash_one((self.slot, self.offset)), |h, (s, _)| FxBuildHasher.hash_one((h, *s)));
        Term { id, axes: axes.into_iter().map(|(_, v)| v).collect() }
    }

    fn vars(&self) -> VarSet {
        let mut vars = VarSet::default();
        self.strides.iter().for_each(|(v, _)| vars.insert(*v));
        vars
    }
}

/// What identifies a contraction into fresh memory.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Known {
    args: SmallVec<[Slot; 2]>,
    loops: Vec<Loop<3>>,
    start: [usize; 3],
    alpha: u64,
}

impl Compiler<'_> {
    /// `alpha ·` the product of the operands, summed over all active variables that the result lacks.
    pub(super) fn contract(
        &mut self,
        space: &Space,
        mut operands: Vec<Operand>,
        (out, shape): (&[u16], &[usize]),
        mut alpha: f64,
        dest: Option<&Dest>,
    ) -> Result<View, CompileError> {
        let mut kept = VarSet::default();
        for affine in out.iter().filter_map(|l| space.labels.get(*l as usize)) {
            affine.terms.iter().filter(|(v, _)| space.extents[*v] != 1).for_each(|(v, _)| kept.insert(*v));
        }
        for (var, extent) in space.extents.iter().enumerate() {
            let moved = kept.contains(var) || operands.iter().any(|o| o.stride(var) != 0);
            if !moved && *extent != 1 && space.is_live(var) {
                alpha *= *extent as f64; // a sum of equal terms
            }
        }
        if operands.is_empty() {
            let slot = self.constant(vec![alpha])?;
            operands.push(Operand { slot, offset: 0, strides: SmallVec::new() });
            alpha = 1.0;
        }
        if let (None, [only]) = (dest, operands.as_slice())
            && alpha == 1.0
            && let Some(view) = as_view(space, only, (out, shape), &kept)
        {
            self.settle(view.slot)?;
            return Ok(view);
        }
        let swapped = self.symmetry(space, &operands, &kept);
        let operands = self.contract_pairs(space, operands, &kept)?;
        let fresh;
        let fresh_memory = dest.is_none();
        let dest = match dest {
            Some(dest) => dest,
            None => {
                fresh = Dest::fresh(self.allocate(shape)?, shape);
                &fresh
            }
        };
        let mut target = Operand { slot: dest.view.slot, offset: dest.view.offset, strides: SmallVec::new() };
        for (label, stride) in out.iter().zip(&dest.view.strides) {
            target.add(space, *label, *stride);
        }
        let covered = kept.volume(&space.extents) == shape.iter().map(|n| *n as f64).product::<f64>();
        let outer = std::mem::replace(&mut self.swapped, swapped);
        let done = self.contract_last(space, &operands, &target, alpha * dest.alpha, dest, covered);
        self.swapped = outer;
        done?;
        // whoever needs the same pair later finds it, where it starts at the start of the slot
        if let (true, [a, b], 1.0, 0) = (fresh_memory, operands.as_slice(), alpha, target.offset) {
            target.strides.sort_unstable();
            let key = self.known_key(space, a, Some(b), &target.strides);
            self.contractions.entry(key).or_insert(target.slot);
        }
        Ok(dest.view.clone())
    }

    /// Contracts pair by pair until at most two operands are left.
    fn contract_pairs(
        &mut self,
        space: &Space,
        operands: Vec<Operand>,
        kept: &VarSet,
    ) -> Result<Vec<Operand>, CompileError> {
        if operands.len() < 2 {
            return Ok(operands);
        }
        let mut list: Vec<Option<Operand>> = Vec::with_capacity(operands.len());
        // variables of one operand alone are summed first
        let sets: Vec<VarSet> = operands.iter().map(Operand::vars).collect();
        for (k, operand) in operands.into_iter().enumerate() {
            let mut needed = kept.clone();
            sets.iter().enumerate().filter(|(j, _)| *j != k).for_each(|(_, s)| needed.extend(s));
            let private = operand.strides.iter().any(|(v, _)| !needed.contains(*v));
            list.push(Some(if private { self.pair(space, &operand, None, &needed)? } else { operand }));
        }
        let terms: Vec<Term> = list.iter().flatten().map(Operand::term).collect();
        let pairs = order(&terms, kept, &space.extents);
        let Some((last, before)) = pairs.split_last() else { return Ok(list.into_iter().flatten().collect()) };
        for (i, j) in before {
            let (Some(a), Some(b)) = (list[*i].take(), list[*j].take()) else { continue };
            let mut needed = kept.clone();
            list.iter().flatten().for_each(|o| needed.extend(&o.vars()));
            list[*i] = Some(self.pair(space, &a, Some(&b), &needed)?);
        }
        Ok([last.0, last.1].into_iter().filter_map(|k| list[k].take()).collect())
    }

    /// One or two operands into fresh memory, keeping the variables that are needed.
    pub(super) fn pair(
        &mut self,
        space: &Space,
        a: &Operand,
        b: Option<&Operand>,
        needed: &VarSet,
    ) -> Result<Operand, CompileError> {
        if let Some(equations) = self.equations(space, a, b, needed) {
            return self.solve(space, &equations, needed);
        }
        // shared variables first, then those of a, then those of b, each as they lie in memory
        let mut vars: Vec<(Var, u8, usize)> = Vec::new();
        for (rank, operand) in [Some(a), b].into_iter().flatten().enumerate() {
            for (var, stride) in operand.strides.iter().filter(|(v, _)| needed.contains(*v)) {
                match vars.iter_mut().find(|(v, ..)| v == var) {
                    Some((_, group, _)) => *group = 0,
                    None => vars.push((*var, rank as u8 + 1, *stride)),
                }
            }
        }
        vars.sort_by_key(|(var, group, stride)| (*group, std::cmp::Reverse(*stride), *var));
        let shape: Vec<usize> = vars.iter().map(|(v, ..)| space.extents[*v]).collect();
        let mut strides: SmallVec<[(Var, usize); 4]> = SmallVec::new();
        let mut next = 1;
        for (var, ..) in vars.iter().rev() {
            strides.push((*var, next));
            next = next.saturating_mul(space.extents[*var].max(1));
        }
        strides.sort_unstable();
        let key = self.known_key(space, a, b, &strides);
        if let Some(&slot) = self.contractions.get(&key) {
            return Ok(Operand { slot, offset: 0, strides });
        }
        let dest = Dest::fresh(self.allocate(&shape)?, &shape);
        let target = Operand { slot: dest.view.slot, offset: 0, strides };
        let operands: SmallVec<[Operand; 2]> = [Some(a), b].into_iter().flatten().cloned().collect();
        let swapped = self.symmetry(space, &operands, needed);
        let outer = std::mem::replace(&mut self.swapped, swapped);
        let done = self.contract_last(space, &operands, &target, 1.0, &dest, true);
        self.swapped = outer;
        done?;
        self.contractions.insert(key, target.slot);
        Ok(target)
    }

    fn known_key(&self, space: &Space, a: &Operand, b: Option<&Operand>, strides: &[(Var, usize)]) -> Known {
        let out = Operand { slot: a.slot, offset: 0, strides: SmallVec::from_slice(strides) };
        let mut loops = loops(space, a, b, &out);
        loops.sort_unstable_by_key(|l| (l.strides, l.extent));
        Known {
            args: std::iter::once(a.slot).chain(b.map(|b| b.slot)).collect(),
            loops,
            start: [a.offset, b.map_or(0, |b| b.offset), 0],
            alpha: 1f64.to_bits(),
        }
    }

    /// The contraction of at most two operands into a place.
    fn contract_last(
        &mut self,
        space: &Space,
        operands: &[Operand],
        target: &Operand,
        alpha: f64,
        dest: &Dest,
        covered: bool,
    ) -> Result<(), CompileError> {
        let Some(a) = operands.first() else { return Ok(()) };
        let b = operands.get(1);
        let mut wanted = VarSet::default();
        target.strides.iter().for_each(|(v, _)| wanted.insert(*v));
        if let Some(equations) = self.equations(space, a, b, &wanted) {
            let solution = self.solve(space, &equations, &wanted)?;
            return self.contract_last(space, &[solution], target, alpha, dest, covered);
        }
        self.settle(a.slot)?;
        b.map_or(Ok(()), |b| self.settle(b.slot))?;
        let all = loops(space, a, b, target);
        let repeats = all.iter().any(|l| l.strides[A] == 0 && l.strides[B] == 0);
        let sums = all.iter().any(|l| l.strides[OUT] == 0);
        if repeats && sums {
            // sum once, then repeat
            let once = self.pair(space, a, b, &wanted)?;
            return self.contract_last(space, &[once], target, alpha, dest, covered);
        }
        let mut merged = all.clone();
        merge(&mut merged);
        if let (Some(b), false) = (b, sums)
            && let Some([a, b]) = self.along_result(space, [a, b], target)?
        {
            return self.emit_contract(space, &a, Some(&b), target, alpha, dest, covered);
        }
        if let Some(b) = b
            && let Some((a, b, inner)) = self.pack(space, a, b, target, &merged)?
        {
            if inner.slot == target.slot {
                return self.emit_contract(space, &a, Some(&b), target, alpha, dest, covered);
            }
            let fresh = Dest::fresh(inner.slot, &[]);
            self.emit_contract(space, &a, Some(&b), &inner, 1.0, &fresh, true)?;
            return self.emit_contract(space, &inner, None, target, alpha, dest, covered);
        }
        self.emit_contract(space, a, b, target, alpha, dest, covered)
    }

    #[allow(clippy::too_many_arguments)]
    pub(super) fn emit_contract(
        &mut self,
        space: &Space,
        a: &Operand,
        b: Option<&Operand>,
        target: &Operand,
        alpha: f64,
        dest: &Dest,
        covered: bool,
    ) -> Result<(), CompileError> {
        let mut loops = loops(space, a, b, target);
        merge(&mut loops);
        let start = [a.offset, b.map_or(0, |b| b.offset), target.offset];
        let mut contract = Contract::new(loops, start, alpha, dest.accumulate, b.is_some());
        contract.symmetric = self.is_symmetric_product(space, &contract, a, b, target);
        if !dest.accumulate && (contract.accumulate || !covered) {
            self.zero(dest)?;
        }
        let args: SmallVec<[Slot; 3]> = std::iter::once(a.slot).chain(b.map(|b| b.slot)).collect();
        self.emit(Op::Contract(contract), target.slot, args);
        Ok(())
    }

    /// Operands of a product without sums, those copied that are read across the rows of a much larger result.
    fn along_result(
        &mut self,
        space: &Space,
        operands: [&Operand; 2],
        target: &Operand,
    ) -> Result<Option<[Operand; 2]>, CompileError> {
        let volume = |o: &Operand| o.strides.iter().map(|(v, _)| space.extents[*v] as f64).product::<f64>();
        let Some((row, _)) = target.strides.iter().find(|(v, stride)| *stride == 1 && space.extents[*v] >= ROW) else {
            return Ok(None);
        };
        let across = |o: &Operand| o.stride(*row) > 1 && MUCH_LARGER * volume(o) <= volume(target);
        if !operands.iter().any(|o| across(o)) {
            return Ok(None);
        }
        let mut order: Vec<Var> = target.strides.iter().map(|(v, _)| *v).collect();
        order.sort_by_key(|v| std::cmp::Reverse(target.stride(*v)));
        let mut copied = |o: &Operand| -> Result<Operand, CompileError> {
            if !across(o) {
                return Ok(o.clone());
            }
            let own: Vec<Var> = order.iter().copied().filter(|v| o.stride(*v) != 0).collect();
            let copy = self.blank(space, &own)?;
            let dest = Dest::fresh(copy.slot, &[]);
            self.emit_contract(space, o, None, &copy, 1.0, &dest, true)?;
            Ok(copy)
        };
        Ok(Some([copied(operands[0])?, copied(operands[1])?]))
    }

    /// Operands copied so that the contraction is one large matrix product, where that pays.
    fn pack(
        &mut self,
        space: &Space,
        a: &Operand,
        b: &Operand,
        target: &Operand,
        merged: &[Loop<3>],
    ) -> Result<Option<(Operand, Operand, Operand)>, CompileError> {
        let kind = |l: &Loop<3>| l.strides.map(|s| s != 0);
        const GROUPS: [[bool; 3]; 3] = [[true, false, true], [false, true, true], [true, true, false]];
        let counts = GROUPS.map(|g| merged.iter().filter(|l| kind(l) == g).count());
        if counts.contains(&0) || counts == [1, 1, 1] {
            return Ok(None);
        }
        let volume = |keep: &dyn Fn(&Loop<3>) -> bool| -> f64 {
            merged.iter().filter(|l| keep(l)).map(|l| l.extent as f64).product()
        };
        let work = volume(&|_| true);
        let moved = volume(&|l| l.strides[A] != 0) + volume(&|l| l.strides[B] != 0) + volume(&|l| l.strides[OUT] != 0);
        if let Contract { kind: Kind::Gemm { m, k, n }, .. } = Contract::new(merged.to_vec(), [0; 3], 1.0, true, true)
            && m.extent.min(k.extent).min(n.extent) >= 24
        {
            return Ok(None); // large enough as it is
        }
        if work < 4096.0 || work < 6.0 * moved {
            return Ok(None);
        }
        // one order of the variables of each group for everybody
        let group = |g: [bool; 3], by: &Operand| -> Vec<Var> {
            let vars =
                by.strides.iter().filter(|(v, _)| [a.stride(*v) != 0, b.stride(*v) != 0, target.stride(*v) != 0] == g);
            let mut vars: Vec<(usize, Var)> = vars.map(|(v, s)| (*s, *v)).collect();
            vars.sort_by_key(|(s, v)| (std::cmp::Reverse(*s), *v));
            vars.into_iter().map(|(_, v)| v).collect()
        };
        let (m, n, k) = (group(GROUPS[0], target), group(GROUPS[1], target), group(GROUPS[2], a));
        let shared = group([true, true, true], target);
        let pa = self.packed(space, a, &[&shared, &m, &k])?;
        let pb = self.packed(space, b, &[&shared, &k, &n])?;
        if runs_on(space, target, &m) && runs_on(space, target, &n) {
            return Ok(Some((pa, pb, target.clone())));
        }
        let order: Vec<Var> = [&shared, &m, &n].into_iter().flatten().copied().collect();
        let inner = self.blank(space, &order)?;
        Ok(Some((pa, pb, inner)))
    }

    /// The operand itself where the groups lie well in memory, otherwise a copy.
    fn packed(&mut self, space: &Space, operand: &Operand, groups: &[&Vec<Var>]) -> Result<Operand, CompileError> {
        if groups[1..].iter().all(|g| runs_on(space, operand, g)) {
            return Ok(operand.clone());
        }
        let order: Vec<Var> = groups.iter().flat_map(|g| g.iter().copied()).collect();
        let copy = self.blank(space, &order)?;
        let dest = Dest::fresh(copy.slot, &[]);
        self.emit_contract(space, operand, None, &copy, 1.0, &dest, true)?;
        Ok(copy)
    }

    pub(super) fn blank(&mut self, space: &Space, order: &[Var]) -> Result<Operand, CompileError> {
        let shape: Vec<usize> = order.iter().map(|v| space.extents[*v]).collect();
        let slot = self.allocate(&shape)?;
        let strides = crate::array::strides(&shape);
        Ok(Operand { slot, offset: 0, strides: order.iter().copied().zip(strides).collect() })
    }
}

/// Whether variables in this order count through memory with one stride.
fn runs_on(space: &Space, operand: &Operand, order: &[Var]) -> bool {
    order.windows(2).all(|w| operand.stride(w[0]) == operand.stride(w[1]).saturating_mul(space.extents[w[1]]))
}

fn loops(space: &Space, a: &Operand, b: Option<&Operand>, out: &Operand) -> Vec<Loop<3>> {
    let mut vars: SmallVec<[Var; 8]> = SmallVec::new();
    for operand in [Some(out), Some(a), b].into_iter().flatten() {
        for (var, _) in &operand.strides {
            if !vars.contains(var) {
                vars.push(*var);
            }
        }
    }
    vars.iter()
        .map(|v| Loop {
            extent: space.extents[*v],
            strides: [a.stride(*v), b.map_or(0, |b| b.stride(*v)), out.stride(*v)],
        })
        .collect()
}

/// The operand as it is, where the result is only another way to look at it.
fn as_view(space: &Space, operand: &Operand, (out, shape): (&[u16], &[usize]), kept: &VarSet) -> Option<View> {
    if operand.strides.iter().any(|(v, _)| !kept.contains(*v)) {
        return None;
    }
    let mut seen = VarSet::default();
    let mut strides: SmallVec<[usize; 4]> = SmallVec::new();
    for (label, length) in out.iter().zip(shape) {
        let affine = space.labels.get(*label as usize)?;
        let vars: SmallVec<[&(Var, i64); 2]> = affine.terms.iter().filter(|(v, _)| space.extents[*v] != 1).collect();
        match vars.as_slice() {
            [] if *length == 1 => strides.push(0),
            [(var, 1)] if affine.constant == 0 && space.extents[*var] == *length && !seen.contains(*var) => {
                seen.insert(*var);
                strides.push(operand.stride(*var));
            }
            _ => return None,
        }
    }
    Some(View { slot: operand.slot, offset: operand.offset, shape: SmallVec::from_slice(shape), strides })
}
