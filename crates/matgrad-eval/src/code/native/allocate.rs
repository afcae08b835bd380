//! Registers for straight-line code, and its instructions.
//!
//! One pass over the tasks: an operand is taken from a register, or from memory where it is used once; when registers run
//! out, the one that is needed last goes to memory. Loads and constants are never saved: they are where they came from, and
//! so is a number that was stored to a result.

use matgrad_calculus::graph::MapOp;
use smallvec::SmallVec;

use super::asm::{
    Arith, Assembler, Compare, Form as Order, Fused, Gpr, Logic, R12, R13, R14, R15, RAX, RBP, RBX, RDI, RDX, RSI, RSP,
    Rm, Width::One, Xmm,
};
use super::functions;
use super::schedule::{Form, Schedule, Task};
use crate::code::straight::Straight;
use crate::code::{Inst, Reg};

/// Code with its pool.
pub struct Made {
    pub bytes: Vec<u8>,
    /// How many of the bytes are instructions.
    pub length: usize,
    /// How many numbers of scratch memory it uses.
    pub scratch: usize,
}

/// Where a number is in memory.
#[derive(Clone, Copy, Debug)]
enum Home {
    /// An entry of an input or a result.
    Table(u32, u32),
    Scratch(u32),
    Pool(Rm),
}

/// Pointers of the table that stay in registers.
const PINS: [Gpr; 4] = [RBP, R13, R14, R15];

/// Registers that the caller finds as they were.
const SAVED: [Gpr; 6] = [RBX, RBP, R12, R13, R14, R15];

/// Entries further away than this are not reached.
const FARTHEST: u32 = 1 << 27;

struct Allocator<'a> {
    schedule: &'a Schedule<'a>,
    asm: Assembler,
    /// The tasks that read each number, and how many of them are over.
    uses: Vec<SmallVec<[u32; 4]>>,
    over: Vec<u32>,
    homes: Vec<Option<Home>>,
    held: Vec<Option<Xmm>>,
    holds: [Option<Reg>; 16],
    /// Registers that the task at hand needs.
    locked: u16,
    pins: Vec<(u32, Gpr)>,
    /// Which pointer of the table is in rax.
    fetched: Option<u32>,
    free: Vec<u32>,
    /// Places that the task at hand may still read.
    freed: Vec<u32>,
    scratch: u32,
}

/// The machine code; `None` where it would not reach its data, or calls what has no address.
pub fn assemble(schedule: &Schedule, straight: &Straight) -> Option<Made> {
    let inputs = straight.inputs.len() as u32;
    let far = straight.loads.iter().any(|(_, at)| *at >= FARTHEST);
    if far || straight.results.iter().any(|r| r.len() >= FARTHEST as usize) {
        return None;
    }
    let count = schedule.code.len();
    let mut uses: Vec<SmallVec<[u32; 4]>> = vec![SmallVec::new(); count];
    let mut pointers = vec![0u32; straight.inputs.len() + straight.results.len()];
    for (t, task) in schedule.tasks.iter().enumerate() {
        let mut note = |reg: Reg| {
            if let Some(list) = uses.get_mut(reg.0 as usize)
                && list.last() != Some(&(t as u32))
            {
                list.push(t as u32);
            }
            if let Some(Inst::Load(k)) = schedule.code.get(reg.0 as usize)
                && let Some((input, _)) = straight.loads.get(*k as usize)
            {
                pointers[*input as usize] += 1;
            }
        };
        match task {
            Task::Compute(reg) | Task::Call(reg) => schedule.operands(*reg).into_iter().for_each(&mut note),
            Task::Row(_, regs) => regs.iter().flat_map(|reg| schedule.operands(*reg)).for_each(&mut note),
            Task::Store(reg, places) => {
                note(*reg);
                places.iter().for_each(|(result, _)| pointers[(inputs + result) as usize] += 1);
            }
        }
    }
    let mut busiest: Vec<u32> = (0..pointers.len() as u32).filter(|k| pointers[*k as usize] > 1).collect();
    busiest.sort_by_key(|k| std::cmp::Reverse(pointers[*k as usize]));
    let pins = busiest.into_iter().zip(PINS).collect();
    let mut allocator = Allocator {
        schedule,
        asm: Assembler::default(),
        uses,
        over: vec![0; count],
        homes: vec![None; count],
        held: vec![None; count],
        holds: [None; 16],
        locked: 0,
        pins,
        fetched: None,
        free: Vec::new(),
        freed: Vec::new(),
        scratch: 0,
    };
    for (k, inst) in schedule.code.iter().enumerate() {
        allocator.homes[k] = match inst {
            Inst::Constant(x) => Some(Home::Pool(allocator.asm.pooled(x.to_bits()))),
            Inst::Load(at) => straight.loads.get(*at as usize).map(|(input, place)| Home::Table(*input, *place)),
            _ => None,
        };
    }
    allocator.enter();
    for (t, task) in schedule.tasks.iter().enumerate() {
        allocator.task(t as u32, task, inputs)?;
    }
    allocator.leave();
    let length = allocator.asm.bytes.len();
    Some(Made { length, scratch: allocator.scratch as usize, bytes: allocator.asm.finish() })
}

impl Allocator<'_> {
    fn enter(&mut self) {
        SAVED.iter().for_each(|r| self.asm.push(*r));
        self.asm.add(RSP, -8);
        self.asm.copy(RBX, RDI);
        self.asm.copy(R12, RSI);
        for (k, pin) in self.pins.clone() {
            self.asm.fetch(pin, RBX, 8 * k as i32);
        }
    }

    fn leave(&mut self) {
        self.asm.add(RSP, 8);
        SAVED.iter().rev().for_each(|r| self.asm.pop(*r));
        self.asm.ret();
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
            Home::Scratch(k) => Rm::Mem(R12, 8 * k as i32),
            Home::Table(k, at) => {
                let base = match self.pins.iter().find(|(known, _)| *known == k) {
                    Some((_, pin)) => *pin,
                    None => {
                        if self.fetched != Some(k) {
                            self.asm.fetch(RAX, RBX, 8 * k as i32);
                            self.fetched = Some(k);
                        }
                        RAX
                    }
                };
                Rm::Mem(base, 8 * at as i32)
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
            self.asm.store(One, Rm::Mem(R12, 8 * slot as i32), x);
        }
        self.homes[reg.0 as usize] = Some(Home::Scratch(slot));
    }

    /// An empty register; what it held is in memory.
    fn take(&mut self) -> Xmm {
        let open = |k: &usize| self.locked >> k & 1 == 0;
        let empty = (0..16).filter(open).find(|k| self.holds[*k].is_none());
        let last = || (0..16).filter(open).max_by_key(|k| self.holds[*k].map_or(u32::MAX, |reg| self.next_use(reg)));
        let k = empty.or_else(last).unwrap_or(15);
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
                self.asm.load(One, x, from);
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
        let room = (0..16).any(|k| self.holds[k].is_none() && self.locked >> k & 1 == 0);
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
        let operands: SmallVec<[Reg; 8]> = match task {
            Task::Compute(reg) | Task::Call(reg) => self.schedule.operands(*reg).into_iter().collect(),
            Task::Row(_, regs) => regs.iter().flat_map(|reg| self.schedule.operands(*reg)).collect(),
            Task::Store(reg, _) => SmallVec::from_slice(&[*reg]),
        };
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
            Task::Row(op, regs) => self.row(*op, regs, &operands),
            Task::Store(reg, places) => {
                let x = self.register(*reg)?;
                for (result, at) in places {
                    let to = self.address(Home::Table(inputs + result, *at));
                    self.asm.store(One, to, x);
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
                self.asm.sqrt(One, x, a);
            }
            Inst::Unary(MapOp::Relu, a) => {
                let a = self.anywhere(a)?;
                let x = self.apart(reg, operands);
                self.asm.logic(One, Logic::Xor, x, x, Rm::Reg(x));
                self.asm.arith(One, Arith::Max, x, x, a);
            }
            Inst::Unary(MapOp::Sign, a) => {
                let a = self.register(a)?;
                let (x, below) = (self.apart(reg, operands), self.spare());
                let (zero, one) = (self.asm.pooled(0), self.asm.pooled(1.0f64.to_bits()));
                self.asm.compare(One, Compare::Less, below, a, zero);
                self.asm.logic(One, Logic::And, below, below, one);
                self.asm.logic(One, Logic::Xor, x, x, Rm::Reg(x));
                self.asm.compare(One, Compare::Less, x, x, Rm::Reg(a));
                self.asm.logic(One, Logic::And, x, x, one);
                self.asm.arith(One, Arith::Sub, x, x, Rm::Reg(below));
                self.asm.compare(One, Compare::Unordered, below, a, Rm::Reg(a));
                self.asm.blend(One, x, x, a, below);
            }
            Inst::Binary(op @ (MapOp::Max | MapOp::Min), a, b) => {
                let (a, b) = (self.register(a)?, self.anywhere(b)?);
                let (x, lost) = (self.apart(reg, operands), self.spare());
                self.asm.arith(One, if op == MapOp::Max { Arith::Max } else { Arith::Min }, x, a, b);
                self.asm.compare(One, Compare::Unordered, lost, a, Rm::Reg(a));
                self.asm.blend(One, x, x, a, lost);
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
                self.asm.compare(One, how, x, a, b);
                self.asm.logic(One, Logic::And, x, x, one);
            }
            Inst::Select(c, a, b) => {
                let (c, a, b) = (self.register(c)?, self.register(a)?, self.register(b)?);
                let x = self.apart(reg, operands);
                let zero = self.asm.pooled(0);
                self.asm.compare(One, Compare::NotEqual, x, c, zero);
                self.asm.blend(One, x, b, a, x);
            }
            Inst::Constant(_) | Inst::Load(_) | Inst::MulAdd(..) | Inst::Unary(..) => return None,
        }
        Some(())
    }

    fn arithmetic(&mut self, reg: Reg, op: Arith, a: Reg, b: Reg, operands: &[Reg]) -> Option<()> {
        let turn = matches!(op, Arith::Add | Arith::Mul) && self.held(a).is_none() && self.held(b).is_some();
        let (a, b) = if turn { (b, a) } else { (a, b) };
        let a = self.register(a)?;
        let b = self.anywhere(b)?;
        let x = self.result(reg, operands);
        self.asm.arith(One, op, x, a, b);
        Some(())
    }

    fn bits(&mut self, reg: Reg, a: Reg, op: Logic, mask: u64, operands: &[Reg]) -> Option<()> {
        let a = self.register(a)?;
        let x = self.result(reg, operands);
        let mask = self.asm.pooled(mask);
        self.asm.logic(One, op, x, a, mask);
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
            self.asm.fused(One, Order::F231, op, x, a, b);
            x
        } else if let Some(x) = ends(self, a) {
            if let Some(c) = self.held(c) {
                let b = self.anywhere(b)?;
                self.asm.fused(One, Order::F132, op, x, c, b);
            } else {
                let b = self.register(b)?;
                let c = self.anywhere(c)?;
                self.asm.fused(One, Order::F213, op, x, b, c);
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
            self.asm.load(One, x, from);
            let b = self.anywhere(b)?;
            self.asm.fused(One, Order::F231, op, x, a, b);
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
                self.asm.store(One, to, b);
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
        self.asm.load(One, Xmm(0), from);
        if let Some(second) = second {
            self.asm.load(One, Xmm(1), second);
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
                self.asm.store(One, Rm::Mem(R12, 8 * k as i32), *x);
            }
        }
        self.save_all();
        self.empty_all();
        for ((k, operand), x) in (from..to).zip(operands).zip(&held) {
            if x.is_none() {
                let home = self.home(*operand)?;
                let place = self.address(home);
                self.asm.load(One, Xmm(0), place);
                self.asm.store(One, Rm::Mem(R12, 8 * k as i32), Xmm(0));
            }
        }
        self.fetched = None;
        self.asm.address(RDI, R12, 8 * from as i32);
        self.asm.address(RSI, R12, 8 * to as i32);
        self.asm.number(RDX, u64::from(count));
        self.jump(functions::address_of_row(op)?);
        self.release(operands);
        for (k, reg) in (to..).zip(regs) {
            self.homes[reg.0 as usize] = Some(Home::Scratch(k));
        }
        Some(())
    }
}
