//! Registers for straight-line code, and its instructions.
//!
//! One pass over the tasks: an operand is taken from a register, or from memory where it is used once; when registers run
//! out, the one that is needed last goes to memory. Loads and constants are never saved: they are where they came from, and
//! so is a number that was stored to a result.

mod exact;
mod kernels;

use matgrad_calculus::graph::MapOp;
use smallvec::SmallVec;

use super::asm::{
    Arith, Assembler, Compare, Form as Order, Fused, Gpr, Logic, R12, RAX, RBX, RDI, RDX, RSI, Rm, Shift, Whole, Width,
    Xmm,
};
use super::functions;
use super::lower::has_formula;
use super::schedule::{Form, Schedule, Task};
use crate::code::{Bits, Inst, Reg};
pub use exact::Exit;
use kernels::Kernel;
pub use kernels::assemble;

/// What points to a row: a register, or, where there are no more, an entry of the table, at so many bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    Register(Gpr),
    Table(i32),
}

/// Where a loop finds an operand.
#[derive(Clone, Copy, Debug)]
pub enum Load {
    Moving(Base, i32),
    /// Always the same, in scratch memory.
    Fixed(u32),
}

/// Code with its pool.
pub struct Made {
    pub bytes: Vec<u8>,
    /// How many of the bytes are instructions.
    pub length: usize,
    /// How many numbers of scratch memory it uses.
    pub scratch: usize,
    /// Where the function starts.
    pub start: usize,
}

/// Where a number is in memory.
#[derive(Clone, Copy, Debug)]
enum Home {
    /// An entry of an input or a result.
    Table(u32, u32),
    Scratch(u32),
    /// Scratch memory that keeps its number.
    Fixed(u32),
    /// What a loop moves along.
    Index(Base, i32),
    Pool(Rm),
}

/// Where a loop puts a value.
#[derive(Clone, Copy, Debug)]
pub enum Sink {
    /// To its place.
    Set(Base, i32),
    /// To what is at its place.
    Add(Base, i32),
    /// To a sum in a register.
    Sum(Xmm),
    /// It stays in a register.
    Keep,
}

pub struct Allocator<'a> {
    schedule: &'a Schedule<'a>,
    width: Width,
    pub asm: Assembler,
    /// The tasks that read each number, and how many of them are over.
    uses: Vec<SmallVec<[u32; 4]>>,
    over: Vec<u32>,
    homes: Vec<Option<Home>>,
    held: Vec<Option<Xmm>>,
    holds: [Option<Reg>; 16],
    /// Registers that the task at hand needs.
    locked: u16,
    /// Registers that are never given away.
    reserved: u16,
    /// Where values go, in the body of a loop.
    sinks: &'a [Sink],
    pins: Vec<(u32, Gpr)>,
    /// Which pointer of the table is in rax.
    fetched: Option<u32>,
    free: Vec<u32>,
    /// Places that the task at hand may still read.
    freed: Vec<u32>,
    pub scratch: u32,
    /// Registers that point to the table and to scratch memory.
    table: Gpr,
    pub base: Gpr,
    /// Registers that were written.
    touched: u16,
    /// Which of the values that stay in registers is where.
    pub kept: SmallVec<[(u32, Xmm); 4]>,
    /// Numbers that are in registers all the time.
    hoisted: Vec<(Reg, Xmm)>,
    /// Functions of four numbers at once that stand before.
    kernels: Vec<Kernel>,
    /// Jumps to what arguments need that are too large for a formula.
    pub exits: Vec<Exit>,
}

impl<'a> Allocator<'a> {
    pub fn new(schedule: &'a Schedule<'a>, asm: Assembler, width: Width) -> Self {
        let count = schedule.code.len();
        let mut uses: Vec<SmallVec<[u32; 4]>> = vec![SmallVec::new(); count];
        for (t, task) in schedule.tasks.iter().enumerate() {
            for reg in schedule.reads(task) {
                if let Some(list) = uses.get_mut(reg.0 as usize)
                    && list.last() != Some(&(t as u32))
                {
                    list.push(t as u32);
                }
            }
        }
        Self {
            schedule,
            width,
            asm,
            uses,
            over: vec![0; count],
            homes: vec![None; count],
            held: vec![None; count],
            holds: [None; 16],
            locked: 0,
            reserved: 0,
            sinks: &[],
            pins: Vec::new(),
            fetched: None,
            free: Vec::new(),
            freed: Vec::new(),
            scratch: 0,
            table: RBX,
            base: R12,
            touched: 0,
            kept: SmallVec::new(),
            hoisted: Vec::new(),
            kernels: Vec::new(),
            exits: Vec::new(),
        }
    }

    /// Where the values of a loop go.
    pub fn set_sinks(&mut self, sinks: &'a [Sink]) {
        self.sinks = sinks;
        self.reserved |= self.sinks_reserved();
    }

    /// Ready for the body of the loop once more.
    pub fn once_more(&mut self) {
        self.over.iter_mut().for_each(|over| *over = 0);
        self.homes.iter_mut().for_each(|home| *home = None);
        self.held.iter_mut().for_each(|held| *held = None);
        self.holds = [None; 16];
        self.fetched = None;
        self.freed.clear();
        self.free.clear();
        for (reg, x) in self.hoisted.clone() {
            self.put(reg, x);
        }
    }

    /// The body of a loop: loads come from these homes, values go to these sinks; `None` where it calls functions.
    pub fn body(&mut self, loads: &[Load], sinks: &'a [Sink]) -> Option<()> {
        self.set_sinks(sinks);
        for (k, inst) in self.schedule.code.iter().enumerate() {
            self.homes[k] = match inst {
                Inst::Constant(x) => Some(Home::Pool(self.asm.pooled(x.to_bits()))),
                Inst::Load(at) => Some(match *loads.get(*at as usize)? {
                    Load::Moving(base, at) => Home::Index(base, at),
                    Load::Fixed(slot) => Home::Fixed(slot),
                }),
                _ => None,
            };
        }
        let tasks = &self.schedule.tasks;
        if tasks.iter().any(|task| matches!(task, Task::Call(_) | Task::Row(..))) {
            return None;
        }
        tasks.iter().enumerate().try_for_each(|(t, task)| self.task(t as u32, task, 0))
    }

    /// Loads constants that are used most into registers that are not given away; before the loop.
    pub fn hoist(&mut self, most: usize) {
        let reserved = self.sinks_reserved();
        let mut constants: Vec<(usize, u64)> = Vec::new();
        for (k, inst) in self.schedule.code.iter().enumerate() {
            if let Inst::Constant(x) = inst
                && self.uses.get(k).is_some_and(|uses| !uses.is_empty())
            {
                constants.push((k, x.to_bits()));
            }
        }
        constants.sort_by_key(|(k, _)| std::cmp::Reverse(self.uses[*k].len()));
        let registers = (0..16u8).rev().filter(|x| reserved >> x & 1 == 0);
        for ((k, bits), x) in constants.into_iter().take(most).zip(registers) {
            let from = self.asm.pooled(bits);
            self.asm.load(self.width, Xmm(x), from);
            // never over
            self.uses[k].push(u32::MAX - 1);
            self.put(Reg(k as u32), Xmm(x));
            self.hoisted.push((Reg(k as u32), Xmm(x)));
            self.reserved |= 1 << x;
        }
    }

    /// Registers that hold nothing that is needed after the body.
    pub fn free_registers(&self) -> SmallVec<[Xmm; 16]> {
        (0..16u8).filter(|x| self.reserved >> x & 1 == 0).map(Xmm).collect()
    }

    fn sinks_reserved(&self) -> u16 {
        let sum = |sink: &Sink| if let Sink::Sum(x) = sink { 1 << x.0 } else { 0 };
        self.sinks.iter().fold(self.reserved, |all, sink| all | sum(sink))
    }

    /// A place of the scratch memory.
    pub fn cell(&self, slot: u32) -> Rm {
        Rm::Mem(self.base, slot as i32 * if self.width == Width::One { 8 } else { 32 })
    }

    fn store_cell(&mut self, slot: u32, from: Xmm) {
        let to = self.cell(slot);
        self.asm.store(self.width, to, from);
    }

    fn sink(&mut self, result: u32, x: Xmm, sink: Sink) {
        match sink {
            Sink::Set(base, at) => {
                let to = self.moving(base, at);
                self.asm.store(self.width, to, x);
            }
            Sink::Add(base, at) => {
                let sum = self.take();
                let to = self.moving(base, at);
                self.asm.arith(self.width, Arith::Add, sum, x, to);
                self.asm.store(self.width, to, sum);
            }
            Sink::Sum(sum) => self.asm.arith(self.width, Arith::Add, sum, sum, Rm::Reg(x)),
            Sink::Keep => {
                let to = self.spare();
                self.asm.load(self.width, to, Rm::Reg(x));
                self.reserved |= 1 << to.0;
                self.kept.push((result, to));
            }
        }
    }

    fn home(&self, reg: Reg) -> Option<Home> {
        self.homes.get(reg.0 as usize).copied().flatten()
    }

    fn held(&self, reg: Reg) -> Option<Xmm> {
        self.held.get(reg.0 as usize).copied().flatten()
    }

    /// The task after the present one that reads a number.
    fn next_use(&self, reg: Reg) -> u32 {
        let k = reg.0 as usize;
        self.uses[k].get(self.over[k] as usize).copied().unwrap_or(u32::MAX)
    }

    /// A number that this task reads for the last time.
    fn ends(&self, reg: Reg) -> bool {
        self.next_use(reg) == u32::MAX
    }

    fn address(&mut self, home: Home) -> Rm {
        match home {
            Home::Pool(rm) => rm,
            Home::Scratch(k) | Home::Fixed(k) => self.cell(k),
            Home::Index(base, at) => self.moving(base, at),
            Home::Table(k, at) => {
                let base = match self.pins.iter().find(|(known, _)| *known == k) {
                    Some((_, pin)) => *pin,
                    None => {
                        if self.fetched != Some(k) {
                            self.asm.fetch(RAX, self.table, 8 * k as i32);
                            self.fetched = Some(k);
                        }
                        RAX
                    }
                };
                Rm::Mem(base, 8 * at as i32)
            }
        }
    }

    /// An entry of a row.
    fn moving(&mut self, base: Base, at: i32) -> Rm {
        match base {
            Base::Register(base) => Rm::Index(base, at),
            Base::Table(entry) => {
                if self.fetched != Some(entry as u32) {
                    self.asm.fetch(RAX, RDI, entry);
                    self.fetched = Some(entry as u32);
                }
                Rm::Index(RAX, at)
            }
        }
    }

    fn lock(&mut self, x: Xmm) {
        self.locked |= 1 << x.0;
    }

    fn forget(&mut self, reg: Reg) {
        if let Some(x) = self.held[reg.0 as usize].take() {
            self.holds[x.0 as usize] = None;
        }
    }

    /// Saves a number that is in a register only.
    fn save(&mut self, reg: Reg) {
        if self.home(reg).is_some() || self.ends(reg) {
            return;
        }
        let slot = self.free.pop().unwrap_or_else(|| {
            self.scratch += 1;
            self.scratch - 1
        });
        if let Some(x) = self.held(reg) {
            self.store_cell(slot, x);
        }
        self.homes[reg.0 as usize] = Some(Home::Scratch(slot));
    }

    /// An empty register; what it held is in memory.
    fn take(&mut self) -> Xmm {
        let open = |k: &usize| (self.locked | self.reserved) >> k & 1 == 0;
        let empty = (0..16).filter(open).find(|k| self.holds[*k].is_none());
        let last = || (0..16).filter(open).max_by_key(|k| self.holds[*k].map_or(u32::MAX, |reg| self.next_use(reg)));
        let k = empty.or_else(last).unwrap_or(15);
        self.touched |= 1 << k;
        if let Some(reg) = self.holds[k] {
            self.save(reg);
            self.forget(reg);
        }
        Xmm(k as u8)
    }

    fn put(&mut self, reg: Reg, x: Xmm) {
        if let Some(old) = self.holds[x.0 as usize].filter(|old| *old != reg) {
            self.held[old.0 as usize] = None;
        }
        self.holds[x.0 as usize] = Some(reg);
        self.held[reg.0 as usize] = Some(x);
    }

    /// The number in a register, which stays locked.
    fn register(&mut self, reg: Reg) -> Option<Xmm> {
        let x = match self.held(reg) {
            Some(x) => x,
            None => {
                let home = self.home(reg)?;
                let x = self.take();
                let from = self.address(home);
                self.asm.load(self.width, x, from);
                self.put(reg, x);
                x
            }
        };
        self.lock(x);
        Some(x)
    }

    /// The number wherever it is; in a register if it is needed again and one is empty.
    fn anywhere(&mut self, reg: Reg) -> Option<Rm> {
        if let Some(x) = self.held(reg) {
            self.lock(x);
            return Some(Rm::Reg(x));
        }
        let room = (0..16).any(|k| self.holds[k].is_none() && (self.locked | self.reserved) >> k & 1 == 0);
        if room && !self.ends(reg) {
            return self.register(reg).map(Rm::Reg);
        }
        let home = self.home(reg)?;
        Some(self.address(home))
    }

    /// A register for what is not a number of the code.
    fn spare(&mut self) -> Xmm {
        let x = self.take();
        self.lock(x);
        x
    }

    /// Lets go of what is not needed any more, and finds a register for the result, maybe one of these.
    fn result(&mut self, reg: Reg, operands: &[Reg]) -> Xmm {
        self.release(operands);
        self.locked = 0;
        let x = self.take();
        self.put(reg, x);
        x
    }

    /// As `result`, in a register apart from the operands.
    fn apart(&mut self, reg: Reg, operands: &[Reg]) -> Xmm {
        let x = self.spare();
        self.release(operands);
        self.put(reg, x);
        x
    }

    fn release(&mut self, operands: &[Reg]) {
        for operand in operands {
            if self.ends(*operand) {
                self.forget(*operand);
                if let Some(Home::Scratch(slot)) = self.home(*operand) {
                    self.homes[operand.0 as usize] = None;
                    self.freed.push(slot);
                }
            }
        }
    }

    fn task(&mut self, t: u32, task: &Task, inputs: u32) -> Option<()> {
        self.locked = 0;
        self.free.append(&mut self.freed);
        let operands = self.schedule.reads(task);
        for reg in &operands {
            let k = reg.0 as usize;
            while self.uses[k].get(self.over[k] as usize).is_some_and(|at| *at <= t) {
                self.over[k] += 1;
            }
        }
        for reg in &operands {
            if let Some(x) = self.held(*reg) {
                self.lock(x);
            }
        }
        match task {
            Task::Compute(reg) => self.compute(*reg, &operands),
            Task::Call(reg) => self.call(*reg, &operands),
            Task::Row(op, regs) if has_formula(*op) => self.together(regs, &operands),
            Task::Row(op, regs) => self.row(*op, regs, &operands),
            Task::Store(reg, places) => {
                let x = self.register(*reg)?;
                if !self.sinks.is_empty() {
                    for (result, _) in places {
                        let sink = self.sinks.get(*result as usize).copied()?;
                        self.sink(*result, x, sink);
                    }
                    self.release(&operands);
                    return Some(());
                }
                for (result, at) in places {
                    let to = self.address(Home::Table(inputs + result, *at));
                    self.asm.store(self.width, to, x);
                }
                if let (None, Some((result, at))) = (self.home(*reg), places.first()) {
                    self.homes[reg.0 as usize] = Some(Home::Table(inputs + result, *at));
                }
                self.release(&operands);
                Some(())
            }
        }
    }

    fn compute(&mut self, reg: Reg, operands: &[Reg]) -> Option<()> {
        if let Some(Form::Fused(op, [a, b, c])) = self.schedule.forms.get(reg.0 as usize).copied() {
            return self.fused(reg, op, a, b, c, operands);
        }
        match *self.schedule.code.get(reg.0 as usize)? {
            Inst::Add(a, b) => self.arithmetic(reg, Arith::Add, a, b, operands)?,
            Inst::Mul(a, b) => self.arithmetic(reg, Arith::Mul, a, b, operands)?,
            Inst::Sub(a, b) => self.arithmetic(reg, Arith::Sub, a, b, operands)?,
            Inst::Div(a, b) => self.arithmetic(reg, Arith::Div, a, b, operands)?,
            Inst::Neg(a) => self.bits(reg, a, Logic::Xor, 1 << 63, operands)?,
            Inst::Unary(MapOp::Abs, a) => self.bits(reg, a, Logic::And, u64::MAX >> 1, operands)?,
            Inst::Power(_, a) => {
                let a = self.anywhere(a)?;
                let x = self.result(reg, operands);
                self.asm.sqrt(self.width, x, a);
            }
            Inst::Unary(MapOp::Relu, a) => {
                let a = self.anywhere(a)?;
                let x = self.apart(reg, operands);
                self.asm.logic(self.width, Logic::Xor, x, x, Rm::Reg(x));
                self.asm.arith(self.width, Arith::Max, x, x, a);
            }
            Inst::Unary(MapOp::Sign, a) => {
                let a = self.register(a)?;
                let (x, below) = (self.apart(reg, operands), self.spare());
                let (zero, one) = (self.asm.pooled(0), self.asm.pooled(1.0f64.to_bits()));
                self.asm.compare(self.width, Compare::Less, below, a, zero);
                self.asm.logic(self.width, Logic::And, below, below, one);
                self.asm.logic(self.width, Logic::Xor, x, x, Rm::Reg(x));
                self.asm.compare(self.width, Compare::Less, x, x, Rm::Reg(a));
                self.asm.logic(self.width, Logic::And, x, x, one);
                self.asm.arith(self.width, Arith::Sub, x, x, Rm::Reg(below));
                self.asm.compare(self.width, Compare::Unordered, below, a, Rm::Reg(a));
                self.asm.blend(self.width, x, x, a, below);
            }
            Inst::Binary(op @ (MapOp::Max | MapOp::Min), a, b) => {
                let (a, b) = (self.register(a)?, self.anywhere(b)?);
                let (x, lost) = (self.apart(reg, operands), self.spare());
                self.asm.arith(self.width, if op == MapOp::Max { Arith::Max } else { Arith::Min }, x, a, b);
                self.asm.compare(self.width, Compare::Unordered, lost, a, Rm::Reg(a));
                self.asm.blend(self.width, x, x, a, lost);
            }
            Inst::Binary(op, a, b) => {
                let how = match op {
                    MapOp::Less => Compare::Less,
                    MapOp::LessEq => Compare::LessEqual,
                    MapOp::Equal => Compare::Equal,
                    MapOp::NotEqual => Compare::NotEqual,
                    _ => return None,
                };
                let (a, b) = (self.register(a)?, self.anywhere(b)?);
                let x = self.result(reg, operands);
                let one = self.asm.pooled(1.0f64.to_bits());
                self.asm.compare(self.width, how, x, a, b);
                self.asm.logic(self.width, Logic::And, x, x, one);
            }
            Inst::Select(c, a, b) => {
                let (c, a, b) = (self.register(c)?, self.register(a)?, self.register(b)?);
                let x = self.apart(reg, operands);
                let zero = self.asm.pooled(0);
                self.asm.compare(self.width, Compare::NotEqual, x, c, zero);
                self.asm.blend(self.width, x, b, a, x);
            }
            Inst::Bits(bits, [a, b, c]) => self.on_bits(reg, bits, [a, b, c], operands)?,
            Inst::Constant(_) | Inst::Load(_) | Inst::MulAdd(..) | Inst::Unary(..) => return None,
        }
        Some(())
    }

    /// The number in a register, or where four of it are in memory.
    fn fourfold(&mut self, reg: Reg) -> Option<Rm> {
        match self.home(reg) {
            Some(Home::Pool(rm)) if self.held(reg).is_none() => Some(rm),
            _ => self.register(reg).map(Rm::Reg),
        }
    }

    fn on_bits(&mut self, reg: Reg, bits: Bits, [a, b, c]: [Reg; 3], operands: &[Reg]) -> Option<()> {
        let width = self.width;
        match bits {
            Bits::And | Bits::Or | Bits::Xor | Bits::Add | Bits::Sub => {
                let turn = bits != Bits::Sub && self.held(a).is_none() && self.held(b).is_some();
                let (a, b) = if turn { (b, a) } else { (a, b) };
                let (a, b) = (self.register(a)?, self.fourfold(b)?);
                let x = self.result(reg, operands);
                match bits {
                    Bits::And => self.asm.logic(width, Logic::And, x, a, b),
                    Bits::Or => self.asm.logic(width, Logic::Or, x, a, b),
                    Bits::Xor => self.asm.logic(width, Logic::Xor, x, a, b),
                    Bits::Add => self.asm.whole(width, Whole::Add, x, a, b),
                    _ => self.asm.whole(width, Whole::Sub, x, a, b),
                }
            }
            Bits::Left(by) | Bits::Right(by) => {
                let a = self.register(a)?;
                let x = self.result(reg, operands);
                let way = if matches!(bits, Bits::Left(_)) { Shift::Left } else { Shift::Right };
                self.asm.shift(width, way, x, a, by);
            }
            Bits::Less | Bits::LessEq | Bits::Equal | Bits::NotEqual => {
                let (a, b) = (self.register(a)?, self.anywhere(b)?);
                let x = self.result(reg, operands);
                let how = match bits {
                    Bits::Less => Compare::Less,
                    Bits::LessEq => Compare::LessEqual,
                    Bits::Equal => Compare::Equal,
                    _ => Compare::NotEqual,
                };
                self.asm.compare(width, how, x, a, b);
            }
            Bits::Choose => {
                let (mask, a, b) = (self.register(a)?, self.register(b)?, self.register(c)?);
                let x = self.result(reg, operands);
                self.asm.blend(width, x, b, a, mask);
            }
            Bits::Least | Bits::Most => {
                let (a, b) = (self.register(a)?, self.anywhere(b)?);
                let x = self.result(reg, operands);
                self.asm.arith(width, if bits == Bits::Least { Arith::Min } else { Arith::Max }, x, a, b);
            }
            Bits::Unless(op) => self.unless(reg, op, a, b, operands)?,
        }
        Some(())
    }

    fn arithmetic(&mut self, reg: Reg, op: Arith, a: Reg, b: Reg, operands: &[Reg]) -> Option<()> {
        let turn = matches!(op, Arith::Add | Arith::Mul) && self.held(a).is_none() && self.held(b).is_some();
        let (a, b) = if turn { (b, a) } else { (a, b) };
        let a = self.register(a)?;
        let b = self.anywhere(b)?;
        let x = self.result(reg, operands);
        self.asm.arith(self.width, op, x, a, b);
        Some(())
    }

    fn bits(&mut self, reg: Reg, a: Reg, op: Logic, mask: u64, operands: &[Reg]) -> Option<()> {
        let a = self.register(a)?;
        let x = self.result(reg, operands);
        let mask = self.asm.pooled(mask);
        self.asm.logic(self.width, op, x, a, mask);
        Some(())
    }

    /// ±a·b ± c, in a register of an operand that ends here if there is one.
    fn fused(&mut self, reg: Reg, op: Fused, a: Reg, b: Reg, c: Reg, operands: &[Reg]) -> Option<()> {
        let ends = |this: &Self, r: Reg| this.held(r).filter(|_| this.ends(r));
        let (a, b) = if ends(self, a).is_none() && ends(self, b).is_some() { (b, a) } else { (a, b) };
        let (a, b) = if self.held(a).is_none() && self.held(b).is_some() { (b, a) } else { (a, b) };
        let x = if let Some(x) = ends(self, c) {
            let a = self.register(a)?;
            let b = self.anywhere(b)?;
            self.asm.fused(self.width, Order::F231, op, x, a, b);
            x
        } else if let Some(x) = ends(self, a) {
            if let Some(c) = self.held(c) {
                let b = self.anywhere(b)?;
                self.asm.fused(self.width, Order::F132, op, x, c, b);
            } else {
                let b = self.register(b)?;
                let c = self.anywhere(c)?;
                self.asm.fused(self.width, Order::F213, op, x, b, c);
            }
            x
        } else {
            let a = self.register(a)?;
            let x = self.spare();
            let from = match self.held(c) {
                Some(c) => Rm::Reg(c),
                None => {
                    let home = self.home(c)?;
                    self.address(home)
                }
            };
            self.asm.load(self.width, x, from);
            let b = self.anywhere(b)?;
            self.asm.fused(self.width, Order::F231, op, x, a, b);
            x
        };
        self.release(operands);
        self.put(reg, x);
        Some(())
    }

    /// Saves all numbers that are needed after a call, and empties the registers.
    fn save_all(&mut self) {
        for k in 0..16 {
            if let Some(reg) = self.holds[k] {
                self.save(reg);
            }
        }
    }

    fn empty_all(&mut self) {
        for k in 0..16 {
            if let Some(reg) = self.holds[k].take() {
                self.held[reg.0 as usize] = None;
            }
        }
        self.fetched = None;
    }

    fn jump(&mut self, address: u64) {
        if !self.kernels.is_empty() {
            self.asm.clear_upper();
        }
        self.asm.number(RAX, address);
        self.asm.call(RAX);
    }

    /// A function of one or two numbers.
    fn call(&mut self, reg: Reg, operands: &[Reg]) -> Option<()> {
        self.save_all();
        let (address, first, second) = match *self.schedule.code.get(reg.0 as usize)? {
            Inst::Unary(MapOp::Polygamma(order), a) => {
                let order = self.asm.pooled(f64::from(order).to_bits());
                (functions::address_of_polygamma(), a, Some(order))
            }
            Inst::Unary(op, a) => (functions::address_of_one(op)?, a, None),
            Inst::Power(power, a) => {
                let (address, second) = functions::address_of_power(power);
                let second = self.asm.pooled(second.to_bits());
                (address, a, Some(second))
            }
            Inst::Binary(op, a, b) => {
                // through memory: the two may be in each other's registers
                let slot = self.scratch;
                self.scratch += 1;
                let b = self.register(b)?;
                let to = self.address(Home::Scratch(slot));
                self.asm.store(self.width, to, b);
                (functions::address_of_two(op)?, a, Some(to))
            }
            _ => return None,
        };
        let from = match self.held(first) {
            Some(x) => Rm::Reg(x),
            None => {
                let home = self.home(first)?;
                self.address(home)
            }
        };
        self.asm.load(self.width, Xmm(0), from);
        if let Some(second) = second {
            self.asm.load(self.width, Xmm(1), second);
        }
        self.empty_all();
        self.jump(address);
        self.release(operands);
        self.put(reg, Xmm(0));
        Some(())
    }

    /// A function of a row of numbers in scratch memory.
    fn row(&mut self, op: MapOp, regs: &[Reg], operands: &[Reg]) -> Option<()> {
        let count = regs.len() as u32;
        let (from, to) = (self.scratch, self.scratch + count);
        self.scratch += 2 * count;
        let held: SmallVec<[Option<Xmm>; 8]> = operands.iter().map(|operand| self.held(*operand)).collect();
        for (k, x) in (from..to).zip(&held) {
            if let Some(x) = x {
                self.store_cell(k, *x);
            }
        }
        self.save_all();
        self.empty_all();
        for ((k, operand), x) in (from..to).zip(operands).zip(&held) {
            if x.is_none() {
                let home = self.home(*operand)?;
                let place = self.address(home);
                self.asm.load(self.width, Xmm(0), place);
                self.asm.store(self.width, self.cell(k), Xmm(0));
            }
        }
        self.fetched = None;
        self.asm.address(RDI, self.base, 8 * from as i32);
        self.asm.address(RSI, self.base, 8 * to as i32);
        self.asm.number(RDX, u64::from(count));
        self.jump(functions::address_of_row(op)?);
        self.release(operands);
        for (k, reg) in (to..).zip(regs) {
            self.homes[reg.0 as usize] = Some(Home::Scratch(k));
        }
        Some(())
    }
}
