//! In which order code is carried out: functions that can be called together come together, all else where it is used.

use matgrad_calculus::graph::MapOp;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::asm::Fused;
use super::lower::has_formula;
use crate::code::straight::Straight;
use crate::code::{Inst, Reg};
use crate::kernel::power::Power;

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Task {
    /// An instruction that is carried out in registers.
    Compute(Reg),
    /// A function of several numbers at once, for instructions of one kind; sine and cosine are one.
    Row(MapOp, Vec<Reg>),
    /// An instruction that calls a function.
    Call(Reg),
    /// A number goes to its places in the results.
    Store(Reg, SmallVec<[(u32, u32); 2]>),
}

/// What an instruction is made of, after products have gone into sums.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Form {
    Plain,
    /// ±a·b ± c
    Fused(Fused, [Reg; 3]),
    /// A product that another instruction computes.
    Absorbed,
}

/// Code in an order.
pub struct Schedule<'a> {
    pub code: &'a [Inst],
    pub forms: Vec<Form>,
    pub tasks: Vec<Task>,
    /// Results that are set to 0 before, because most of them are.
    pub cleared: Vec<bool>,
}

/// What functions that are computed together have in common: the same function, or sine and cosine.
fn kind(inst: &Inst) -> Option<MapOp> {
    match inst {
        Inst::Unary(MapOp::Polygamma(_), _) => None,
        Inst::Unary(MapOp::Cos, _) => Some(MapOp::Sin),
        Inst::Unary(op, _) => Some(*op),
        _ => None,
    }
}

/// Which instructions are functions that do not wait for each other and have a formula, of two numbers or more.
pub fn groups(code: &[Inst]) -> Vec<bool> {
    let mut rounds = vec![0u32; code.len()];
    let mut members: FxHashMap<(u32, MapOp), Vec<usize>> = FxHashMap::default();
    for (k, inst) in code.iter().enumerate() {
        rounds[k] = inst.operands().filter_map(|r| at(&rounds, r)).max().unwrap_or(0);
        if calls(inst) {
            if let Some(kind) = kind(inst).filter(|kind| has_formula(*kind)) {
                members.entry((rounds[k], kind)).or_default().push(k);
            }
            rounds[k] += 1;
        }
    }
    let mut together = vec![false; code.len()];
    for members in members.into_values() {
        let mut numbers: Vec<Reg> = members.iter().flat_map(|k| code[*k].operands()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        if numbers.len() > 1 {
            members.into_iter().for_each(|k| together[k] = true);
        }
    }
    together
}

/// Whether an instruction calls a function.
pub fn calls(inst: &Inst) -> bool {
    match inst {
        Inst::Unary(op, _) => !matches!(op, MapOp::Abs | MapOp::Sign | MapOp::Relu),
        Inst::Binary(op, ..) => matches!(op, MapOp::Atan2 | MapOp::Pow),
        Inst::Power(power, _) => *power != Power::Half(1),
        _ => false,
    }
}

fn at<T: Copy>(list: &[T], reg: Reg) -> Option<T> {
    list.get(reg.0 as usize).copied()
}

/// More zeros than this are written by clearing the whole result.
const MOST_ZEROS: usize = 8;

impl<'a> Schedule<'a> {
    pub fn new(straight: &'a Straight) -> Self {
        let code = straight.code.insts.as_slice();
        let zero = |r: &Reg| matches!(at(code, *r), Some(Inst::Constant(x)) if x == 0.0 && x.is_sign_positive());
        let many = |result: &Vec<Reg>| result.iter().filter(|r| zero(r)).count() > MOST_ZEROS;
        let cleared = straight.results.iter().map(many).collect();
        let mut schedule = Self { code, forms: vec![Form::Plain; code.len()], tasks: Vec::new(), cleared };
        schedule.fuse(straight);
        schedule.arrange(straight);
        schedule
    }

    /// The registers that a task for an instruction reads.
    pub fn operands(&self, reg: Reg) -> SmallVec<[Reg; 3]> {
        match (at(&self.forms, reg), at(self.code, reg)) {
            (Some(Form::Fused(_, all)), _) => SmallVec::from_slice(&all),
            (_, Some(inst)) => inst.operands().collect(),
            _ => SmallVec::new(),
        }
    }

    /// The registers that a task reads.
    pub fn reads(&self, task: &Task) -> SmallVec<[Reg; 8]> {
        match task {
            Task::Compute(reg) | Task::Call(reg) => self.operands(*reg).into_iter().collect(),
            Task::Row(_, regs) => regs.iter().flat_map(|reg| self.operands(*reg)).collect(),
            Task::Store(reg, _) => SmallVec::from_slice(&[*reg]),
        }
    }

    /// Products that one sum uses become part of it.
    fn fuse(&mut self, straight: &Straight) {
        let mut uses = vec![0u32; self.code.len()];
        let all = self.code.iter().flat_map(|inst| inst.operands().collect::<SmallVec<[Reg; 3]>>());
        for reg in all.chain(straight.results.iter().flatten().copied()) {
            if let Some(n) = uses.get_mut(reg.0 as usize) {
                *n += 1;
            }
        }
        for k in 0..self.code.len() {
            let product = |this: &Self, reg: Reg| match at(this.code, reg) {
                Some(Inst::Mul(a, b)) if at(&uses, reg) == Some(1) => Some((a, b)),
                _ => None,
            };
            let found = match self.code[k] {
                Inst::MulAdd(a, b, c) => Some((Fused::Add, [a, b, c], None)),
                Inst::Add(x, y) => match (product(self, x), product(self, y)) {
                    (_, Some((a, b))) => Some((Fused::Add, [a, b, x], Some(y))),
                    (Some((a, b)), _) => Some((Fused::Add, [a, b, y], Some(x))),
                    _ => None,
                },
                Inst::Sub(x, y) => match (product(self, x), product(self, y)) {
                    (_, Some((a, b))) => Some((Fused::NegAdd, [a, b, x], Some(y))),
                    (Some((a, b)), _) => Some((Fused::Sub, [a, b, y], Some(x))),
                    _ => None,
                },
                _ => None,
            };
            if let Some((op, operands, absorbed)) = found {
                self.forms[k] = Form::Fused(op, operands);
                if let Some(product) = absorbed {
                    self.forms[product.0 as usize] = Form::Absorbed;
                }
            }
        }
    }

    fn arrange(&mut self, straight: &Straight) {
        // how many rounds of calls have to be over before an instruction
        let mut rounds = vec![0u32; self.code.len()];
        let mut batches: Vec<Vec<Reg>> = Vec::new();
        for k in 0..self.code.len() {
            let reg = Reg(k as u32);
            let before = self.operands(reg).iter().filter_map(|r| at(&rounds, *r)).max().unwrap_or(0);
            rounds[k] = before;
            if calls(&self.code[k]) {
                rounds[k] += 1;
                batches.resize(batches.len().max(before as usize + 1), Vec::new());
                batches[before as usize].push(reg);
            }
        }
        let mut done = vec![false; self.code.len()];
        for mut batch in batches {
            for reg in &batch {
                for operand in self.operands(*reg) {
                    self.need(operand, &mut done);
                }
            }
            while let Some(first) = batch.first().copied() {
                let kind = |reg: &Reg| at(self.code, *reg).and_then(|inst| kind(&inst));
                let op = kind(&first);
                let (same, rest): (Vec<Reg>, Vec<Reg>) =
                    batch.iter().partition(|reg| **reg == first || op.is_some() && kind(reg) == op);
                same.iter().for_each(|reg| done[reg.0 as usize] = true);
                match op {
                    Some(op) if same.len() > 1 || has_formula(op) => self.tasks.push(Task::Row(op, same)),
                    _ => self.tasks.push(Task::Call(first)),
                }
                batch = rest;
            }
        }
        let mut places: Vec<SmallVec<[(u32, u32); 2]>> = vec![SmallVec::new(); self.code.len()];
        for (result, regs) in straight.results.iter().enumerate() {
            let skip = self.cleared.get(result) == Some(&true);
            for (k, reg) in regs.iter().enumerate() {
                let zero = matches!(at(self.code, *reg), Some(Inst::Constant(x)) if x == 0.0 && x.is_sign_positive());
                if !(skip && zero)
                    && let Some(list) = places.get_mut(reg.0 as usize)
                {
                    list.push((result as u32, k as u32));
                }
            }
        }
        for reg in straight.results.iter().flatten() {
            let Some(list) = places.get_mut(reg.0 as usize) else { continue };
            let list = std::mem::take(list);
            if !list.is_empty() {
                self.need(*reg, &mut done);
                self.tasks.push(Task::Store(*reg, list));
            }
        }
    }

    /// Tasks for an instruction and all that it needs and is not done.
    fn need(&mut self, reg: Reg, done: &mut [bool]) {
        let mut stack = vec![(reg, false)];
        while let Some((reg, ready)) = stack.pop() {
            let Some(known) = done.get_mut(reg.0 as usize) else { continue };
            if *known {
                continue;
            }
            if ready || matches!(at(self.code, reg), Some(Inst::Constant(_) | Inst::Load(_))) {
                *known = true;
                if ready {
                    self.tasks.push(Task::Compute(reg));
                }
                continue;
            }
            stack.push((reg, true));
            stack.extend(self.operands(reg).iter().rev().map(|operand| (*operand, false)));
        }
    }
}
