//! The machine code of a whole program, with functions of four numbers at once before it.

use matgrad_calculus::graph::MapOp;
use smallvec::SmallVec;

use super::{Allocator, Home, Made, Sink};
use crate::code::native::asm::{
    Assembler, Gpr, R8, R9, R10, R11, R12, R13, R14, R15, RBP, RBX, RCX, RDI, RDX, RSI, RSP, Rm, Width, Xmm,
};
use crate::code::native::lower::{formula, has_formula};
use crate::code::native::schedule::{Schedule, Task};
use crate::code::straight::Straight;
use crate::code::{Builder, Inst, Reg};

/// Pointers of the table that stay in registers, where functions outside are called and where none are.
const PINS: [&[Gpr]; 2] = [&[RBP, R13, R14, R15], &[RCX, RDX, R8, R9, R10, R11]];

/// Registers that the caller finds as they were.
const SAVED: [Gpr; 6] = [RBX, RBP, R12, R13, R14, R15];

/// Entries further away than this are not reached.
const FARTHEST: u32 = 1 << 27;

/// Functions of four numbers: they come in register 0.
#[derive(Clone, Debug)]
pub struct Kernel {
    ops: SmallVec<[MapOp; 2]>,
    start: usize,
    /// Where the values are.
    results: SmallVec<[Xmm; 2]>,
    /// Registers that it changes.
    changes: u16,
}

/// The machine code; `None` where it would not reach its data, or calls what has no address.
pub fn assemble(schedule: &Schedule, straight: &Straight) -> Option<Made> {
    let inputs = straight.inputs.len() as u32;
    let far = straight.loads.iter().any(|(_, at)| *at >= FARTHEST);
    if far || straight.results.iter().any(|r| r.len() >= FARTHEST as usize) {
        return None;
    }
    let outside = schedule.tasks.iter().any(|task| match task {
        Task::Call(_) => true,
        Task::Row(op, _) => !has_formula(*op),
        Task::Compute(_) | Task::Store(..) => false,
    });
    let base = if outside { R12 } else { RSI };
    let (mut asm, mut kernels, mut cells) = (Assembler::default(), Vec::<Kernel>::new(), 0);
    for task in &schedule.tasks {
        if let Task::Row(op, regs) = task
            && has_formula(*op)
        {
            let ops = functions(schedule.code, regs);
            if kernels.iter().all(|kernel| kernel.ops != ops) {
                let (made, kernel, more) = kernel(asm, ops, base)?;
                asm = made;
                cells = more.max(cells);
                kernels.push(kernel);
            }
        }
    }
    let mut pointers = vec![0u32; straight.inputs.len() + straight.results.len()];
    for task in &schedule.tasks {
        for reg in schedule.reads(task) {
            if let Some(Inst::Load(k)) = schedule.code.get(reg.0 as usize)
                && let Some((input, _)) = straight.loads.get(*k as usize)
            {
                pointers[*input as usize] += 1;
            }
        }
        if let Task::Store(_, places) = task {
            places.iter().for_each(|(result, _)| pointers[(inputs + result) as usize] += 1);
        }
    }
    let mut busiest: Vec<u32> = (0..pointers.len() as u32).filter(|k| pointers[*k as usize] > 1).collect();
    busiest.sort_by_key(|k| std::cmp::Reverse(pointers[*k as usize]));
    let start = asm.bytes.len();
    let mut allocator = Allocator::new(schedule, asm, Width::One);
    allocator.pins = busiest.into_iter().zip(PINS[usize::from(!outside)].iter().copied()).collect();
    allocator.base = base;
    allocator.table = if outside { RBX } else { RDI };
    allocator.kernels = kernels;
    allocator.scratch = 4 * cells;
    allocator.find_homes();
    for (k, inst) in schedule.code.iter().enumerate() {
        if let Inst::Load(at) = inst {
            allocator.homes[k] = straight.loads.get(*at as usize).map(|(input, place)| Home::Table(*input, *place));
        }
    }
    allocator.enter(outside);
    for (t, task) in schedule.tasks.iter().enumerate() {
        allocator.task(t as u32, task, inputs)?;
    }
    allocator.leave(outside);
    let length = allocator.asm.bytes.len();
    let scratch = allocator.scratch as usize;
    Some(Made { length, scratch, start, bytes: allocator.asm.finish() })
}

/// The functions that some instructions are, each once.
fn functions(code: &[Inst], regs: &[Reg]) -> SmallVec<[MapOp; 2]> {
    let mut ops = SmallVec::new();
    for reg in regs {
        if let Some(Inst::Unary(op, _)) = code.get(reg.0 as usize)
            && !ops.contains(op)
        {
            ops.push(*op);
        }
    }
    ops.sort_unstable_by_key(|op| *op == MapOp::Cos);
    ops
}

/// Functions of four numbers in register 0, and how much scratch memory they take.
fn kernel(mut asm: Assembler, ops: SmallVec<[MapOp; 2]>, base: Gpr) -> Option<(Assembler, Kernel, u32)> {
    asm.bytes.resize(asm.bytes.len().next_multiple_of(16), 0xcc);
    let start = asm.bytes.len();
    let mut build = Builder::default();
    let number = build.push(Inst::Load(0));
    let mut values: Vec<Reg> = ops.iter().map(|op| formula(&mut build, *op, number)).collect();
    let code = build.finish(&mut values);
    let results = values.into_iter().map(|value| vec![value]).collect();
    let straight = Straight { code, loads: vec![(0, 0)], inputs: vec![1], results };
    let schedule = Schedule::new(&straight);
    let sinks = vec![Sink::Keep; ops.len()];
    let mut it = Allocator::new(&schedule, asm, Width::Four);
    it.base = base;
    it.sinks = &sinks;
    it.find_homes();
    let at = schedule.code.iter().position(|inst| matches!(inst, Inst::Load(_)))?;
    it.put(Reg(at as u32), Xmm(0));
    for (t, task) in schedule.tasks.iter().enumerate() {
        it.task(t as u32, task, 0)?;
    }
    it.asm.ret();
    it.exits();
    let kernel = Kernel { ops, start, results: it.kept.iter().map(|(_, x)| *x).collect(), changes: it.touched | 1 };
    Some((it.asm, kernel, it.scratch))
}

impl Allocator<'_> {
    /// Numbers come from the pool.
    fn find_homes(&mut self) {
        for (k, inst) in self.schedule.code.iter().enumerate() {
            if let Inst::Constant(x) = inst {
                self.homes[k] = Some(Home::Pool(self.asm.pooled(x.to_bits())));
            }
        }
    }

    fn enter(&mut self, outside: bool) {
        if outside {
            SAVED.iter().for_each(|r| self.asm.push(*r));
            self.asm.add(RSP, -8);
            self.asm.copy(RBX, RDI);
            self.asm.copy(R12, RSI);
        }
        for (k, pin) in self.pins.clone() {
            self.asm.fetch(pin, self.table, 8 * k as i32);
        }
    }

    fn leave(&mut self, outside: bool) {
        if !self.kernels.is_empty() {
            self.asm.clear_upper();
        }
        if outside {
            self.asm.add(RSP, 8);
            SAVED.iter().rev().for_each(|r| self.asm.pop(*r));
        }
        self.asm.ret();
        self.exits();
    }

    /// Functions that have a kernel, of four numbers at a time.
    pub(super) fn together(&mut self, regs: &[Reg], operands: &[Reg]) -> Option<()> {
        let ops = functions(self.schedule.code, regs);
        let kernel = self.kernels.iter().find(|kernel| kernel.ops == ops)?.clone();
        let mut numbers: SmallVec<[Reg; 8]> = SmallVec::new();
        for operand in operands {
            if !numbers.contains(operand) {
                numbers.push(*operand);
            }
        }
        let changed = |k: usize| kernel.changes >> k & 1 == 1;
        for k in 0..16 {
            let Some(reg) = self.holds[k] else { continue };
            if changed(k) {
                self.save(reg);
            }
            // the later ones are read after the first call, for which any register may be taken
            if self.home(reg).is_none() && numbers.iter().skip(4).any(|number| *number == reg) {
                let slot = self.scratch;
                self.scratch += 1;
                self.store_cell(slot, Xmm(k as u8));
                self.homes[reg.0 as usize] = Some(Home::Scratch(slot));
            }
        }
        let first = self.scratch;
        self.scratch += (numbers.len().div_ceil(4) * 4 * ops.len()) as u32;
        for (turn, four) in numbers.chunks(4).enumerate() {
            self.pack(four)?;
            self.asm.call_back(kernel.start);
            for k in (0..16).filter(|k| changed(*k)) {
                if let Some(reg) = self.holds[k].take() {
                    self.held[reg.0 as usize] = None;
                }
            }
            self.fetched = None;
            for (k, x) in kernel.results.iter().enumerate() {
                let slot = first + 4 * (turn * ops.len() + k) as u32;
                let to = self.cell(slot);
                self.asm.store(Width::Four, to, *x);
            }
        }
        self.release(operands);
        for reg in regs {
            let Some(Inst::Unary(op, number)) = self.schedule.code.get(reg.0 as usize) else { return None };
            let which = ops.iter().position(|known| known == op)?;
            let at = numbers.iter().position(|known| known == number)?;
            let slot = first + (4 * (at / 4 * ops.len() + which) + at % 4) as u32;
            self.homes[reg.0 as usize] = Some(Home::Scratch(slot));
        }
        Some(())
    }

    /// Up to four numbers into register 0, which is empty.
    fn pack(&mut self, numbers: &[Reg]) -> Option<()> {
        self.locked = 0;
        for number in numbers {
            if let Some(x) = self.held(*number) {
                self.lock(x);
            }
        }
        if numbers.len() == 4
            && let Some(from) = self.row_of(numbers)
        {
            self.asm.load(Width::Four, Xmm(0), from);
            return Some(());
        }
        let (low, high) = numbers.split_at(numbers.len().min(2));
        let first = self.two(low)?;
        if high.is_empty() {
            self.asm.load(Width::One, Xmm(0), Rm::Reg(first));
            return Some(());
        }
        let second = self.two(high)?;
        self.asm.join(Xmm(0), first, second);
        Some(())
    }

    /// Where numbers lie one after another in memory.
    fn row_of(&mut self, numbers: &[Reg]) -> Option<Rm> {
        let first = numbers.first()?;
        let Some(Home::Table(k, at)) = self.home(*first) else { return None };
        let follows = |this: &Self, (i, number): (usize, &Reg)| {
            this.held(*number).is_none()
                && matches!(this.home(*number), Some(Home::Table(l, b)) if l == k && b as usize == at as usize + i)
        };
        let all = numbers.iter().enumerate().all(|pair| follows(self, pair));
        all.then(|| self.address(Home::Table(k, at)))
    }

    /// One or two numbers in a register.
    fn two(&mut self, numbers: &[Reg]) -> Option<Xmm> {
        let x = self.spare();
        if numbers.len() == 2
            && let Some(from) = self.row_of(numbers)
        {
            self.asm.load_two(x, from);
            return Some(x);
        }
        let first = numbers.first()?;
        let from = match self.held(*first) {
            Some(held) => Rm::Reg(held),
            None => {
                let home = self.home(*first)?;
                self.address(home)
            }
        };
        self.asm.load(Width::One, x, from);
        if let Some(second) = numbers.get(1) {
            match self.held(*second) {
                Some(held) => self.asm.pair(x, x, held),
                None => {
                    let home = self.home(*second)?;
                    let from = self.address(home);
                    self.asm.load_second(x, x, from);
                }
            }
        }
        Some(x)
    }
}
