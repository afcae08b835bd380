//! Straight-line code on blocks of turns as machine code: every operand is a row of numbers, four of which are computed
//! together. Between the pieces of machine code stand functions, over a whole row at once.

use matgrad_calculus::graph::MapOp;
use memmap2::{Mmap, MmapMut};

use super::Native;
use super::allocate::{Allocator, Load, Sink};
use super::asm::{Assembler, R12, R13, R14, R15, RBP, RBX, RCX, RDI, RSI, Width};
use super::schedule::{Schedule, calls};
use crate::code::straight::Straight;
use crate::code::{Code, Inst, Reg, Row};
use crate::kernel::elementwise::{function, function_of_two};
use crate::kernel::power::Power;
use crate::kernel::vector;

/// Registers that the caller finds as they were.
const SAVED: [super::asm::Gpr; 6] = [RBX, RBP, R12, R13, R14, R15];

/// The rows, scratch memory, the length of a row and where to start.
#[allow(unsafe_code, reason = "machine code")]
type Entry = unsafe extern "sysv64" fn(*mut f64, *mut f64, usize, usize);

/// A function over rows, and which row it writes.
#[derive(Clone, Copy, Debug)]
enum Function {
    One(MapOp, u32, u32),
    Two(MapOp, [u32; 2], u32),
    Power(Power, u32, u32),
}

#[derive(Clone, Debug)]
enum Piece {
    /// Where its machine code starts.
    Code(usize),
    Function(Function),
}

/// Machine code for blocks of `N` turns.
#[derive(Debug)]
pub(crate) struct Blocks<const N: usize> {
    code: Mmap,
    pieces: Vec<Piece>,
    /// How many rows it reads, writes and spills to.
    rows: usize,
    /// The first of the rows that it spills to.
    spills: usize,
    /// Rows that hold a number all the time.
    constants: Vec<(u32, f64)>,
}

/// The instructions between two rounds of function calls.
#[derive(Default)]
struct Section {
    code: Code,
    /// The row of each load.
    loads: Vec<u32>,
    /// What is needed later, and its row.
    results: Vec<(Reg, u32)>,
    functions: Vec<Function>,
}

impl<const N: usize> Blocks<N> {
    /// Machine code whose load `k` is row `k` of the first `loads`, and the rows of the outputs; `None` where the machine has
    /// no such code.
    pub fn new(code: &Code, loads: usize, outputs: &[Reg]) -> Option<(Self, Vec<u32>)> {
        if !Native::available() || !N.is_multiple_of(4) {
            return None;
        }
        let mut rows = loads as u32;
        let mut constants = Vec::new();
        let (sections, places) = sections(code, outputs, &mut rows, &mut constants)?;
        let mut asm = Assembler::default();
        let mut pieces = Vec::new();
        let mut cells = 0;
        for section in sections {
            if !section.results.is_empty() {
                pieces.push(Piece::Code(asm.bytes.len()));
                let values = section.results.iter().map(|(value, _)| vec![*value]).collect();
                let straight = Straight { code: section.code, loads: Vec::new(), inputs: Vec::new(), results: values };
                let schedule = Schedule::new(&straight);
                let place = |row: u32| i32::try_from(row as usize * 8 * N).ok();
                let loads: Vec<Load> =
                    section.loads.iter().map(|row| Some(Load::Moving(RBX, place(*row)?))).collect::<Option<_>>()?;
                let sinks: Vec<Sink> =
                    section.results.iter().map(|(_, row)| Some(Sink::Set(RBX, place(*row)?))).collect::<Option<_>>()?;
                let mut it = Allocator::new(&schedule, asm, Width::Four);
                SAVED.iter().for_each(|r| it.asm.push(*r));
                it.asm.copy(RBX, RDI);
                it.asm.copy(R12, RSI);
                let top = it.asm.bytes.len();
                it.body(&loads, &sinks)?;
                it.asm.add(RCX, 4);
                it.asm.again(top);
                it.asm.clear_upper();
                SAVED.iter().rev().for_each(|r| it.asm.pop(*r));
                it.asm.ret();
                cells = cells.max(it.scratch as usize);
                asm = it.asm;
            }
            pieces.extend(section.functions.into_iter().map(Piece::Function));
        }
        let spills = rows as usize;
        let rows = spills + (4 * cells).div_ceil(N);
        let bytes = asm.finish();
        let mut memory = MmapMut::map_anon(bytes.len().max(1)).ok()?;
        memory.get_mut(..bytes.len())?.copy_from_slice(&bytes);
        let code = memory.make_exec().ok()?;
        Some((Self { code, pieces, rows, spills, constants }, places))
    }

    /// How many rows a run needs.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Puts the constants into their rows.
    pub fn prepare(&self, rows: &mut [Row<N>]) {
        for (row, value) in &self.constants {
            if let Some(row) = rows.get_mut(*row as usize) {
                row.fill(*value);
            }
        }
    }

    /// Computes all rows; nothing happens where there are too few.
    pub fn run(&self, rows: &mut [Row<N>]) {
        if rows.len() < self.rows {
            return;
        }
        for piece in &self.pieces {
            match piece {
                Piece::Code(start) => {
                    let base = rows.as_mut_ptr();
                    let spills = base.wrapping_add(self.spills);
                    // SAFETY: the bytes there are a function of this type, made by `new` on a processor with the features
                    // that it has checked. It reads and writes the first `spills` rows at places below `N`, and behind them
                    // as much as `rows` says, which is there as was checked above; the borrow is exclusive.
                    #[allow(unsafe_code)]
                    unsafe {
                        let entry = std::mem::transmute::<*const u8, Entry>(self.code.as_ptr().wrapping_add(*start));
                        entry(base.cast(), spills.cast(), N, 0);
                    }
                }
                Piece::Function(function) => apply(*function, rows),
            }
        }
    }
}

fn apply<const N: usize>(call: Function, rows: &mut [Row<N>]) {
    let row = |k: u32| rows.get(k as usize).copied().unwrap_or(Row([f64::NAN; N]));
    match call {
        Function::One(op, from, to) => {
            let x = row(from);
            let Some(out) = rows.get_mut(to as usize) else { return };
            if !vector::apply(op, 1.0, x.as_slice(), out.as_mut_slice()) {
                let f = function(op);
                out.iter_mut().zip(x.iter()).for_each(|(out, x)| *out = f(*x));
            }
        }
        Function::Two(op, [a, b], to) => {
            let (x, y) = (row(a), row(b));
            let f = function_of_two(op);
            if let Some(out) = rows.get_mut(to as usize) {
                out.iter_mut().zip(x.iter().zip(y.iter())).for_each(|(out, (x, y))| *out = f(*x, *y));
            }
        }
        Function::Power(power, from, to) => {
            let x = row(from);
            if let Some(out) = rows.get_mut(to as usize) {
                out.iter_mut().zip(x.iter()).for_each(|(out, x)| *out = power.of(*x));
            }
        }
    }
}

/// The code cut where functions are called, and the rows of the outputs.
fn sections(
    code: &Code,
    outputs: &[Reg],
    rows: &mut u32,
    constants: &mut Vec<(u32, f64)>,
) -> Option<(Vec<Section>, Vec<u32>)> {
    let insts = &code.insts;
    let count = insts.len();
    // after how many rounds of calls a value is known
    let mut rounds = vec![0usize; count];
    for (k, inst) in insts.iter().enumerate() {
        let before = inst.operands().filter_map(|r| rounds.get(r.0 as usize).copied()).max().unwrap_or(0);
        rounds[k] = before + usize::from(calls(inst));
    }
    // what has a row: loads, functions and their arguments, outputs, and what is read in a later section
    let mut kept = vec![false; count];
    for (k, inst) in insts.iter().enumerate() {
        let call = calls(inst);
        kept[k] |= call;
        for r in inst.operands() {
            let own = *rounds.get(r.0 as usize)?;
            let constant = matches!(insts[r.0 as usize], Inst::Constant(_));
            kept[r.0 as usize] |= call || own < rounds[k] && !constant;
        }
    }
    for r in outputs {
        *kept.get_mut(r.0 as usize)? = true;
    }
    let mut place: Vec<Option<u32>> = vec![None; count];
    for (k, inst) in insts.iter().enumerate() {
        place[k] = match inst {
            Inst::Load(at) => Some(*at),
            _ if kept[k] => {
                *rows += 1;
                Some(*rows - 1)
            }
            _ => None,
        };
        if let (Inst::Constant(value), Some(row)) = (inst, place[k]) {
            constants.push((row, *value));
        }
    }
    let last = rounds.iter().copied().max().unwrap_or(0);
    let mut sections: Vec<Section> = Vec::new();
    for round in 0..=last {
        let mut section = Section::default();
        let mut names: Vec<Option<Reg>> = vec![None; count];
        for (k, inst) in insts.iter().enumerate() {
            let plain = !matches!(inst, Inst::Load(_) | Inst::Constant(_)) && !calls(inst);
            if calls(inst) && rounds[k] == round + 1 {
                let row = |r: Reg| place.get(r.0 as usize).copied().flatten();
                let to = place[k]?;
                section.functions.push(match *inst {
                    Inst::Unary(op, a) => Function::One(op, row(a)?, to),
                    Inst::Binary(op, a, b) => Function::Two(op, [row(a)?, row(b)?], to),
                    Inst::Power(power, a) => Function::Power(power, row(a)?, to),
                    _ => return None,
                });
            }
            if !plain || rounds[k] != round {
                continue;
            }
            for r in inst.operands() {
                let at = r.0 as usize;
                if names[at].is_some() {
                    continue;
                }
                let import = match insts[at] {
                    Inst::Constant(x) => Inst::Constant(x),
                    _ => {
                        section.loads.push(place[at]?);
                        Inst::Load(section.loads.len() as u32 - 1)
                    }
                };
                names[at] = Some(Reg(section.code.insts.len() as u32));
                section.code.insts.push(import);
            }
            let own = Reg(section.code.insts.len() as u32);
            section.code.insts.push(inst.renamed(|r| names[r.0 as usize].unwrap_or(r)));
            names[k] = Some(own);
            if let Some(row) = place[k] {
                section.results.push((own, row));
            }
        }
        sections.push(section);
    }
    let places = outputs.iter().map(|r| place.get(r.0 as usize).copied().flatten()).collect::<Option<_>>()?;
    Some((sections, places))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::Builder;

    const N: usize = 8;

    #[test]
    fn blocks_agree_with_the_interpreter() {
        if !Native::available() {
            return;
        }
        let mut build = Builder::default();
        let loads: Vec<Reg> = (0..3).map(|k| build.push(Inst::Load(k))).collect();
        let [x, y, z] = loads[..] else { unreachable!() };
        let two = build.constant(2.0);
        let product = build.push(Inst::Mul(x, y));
        let sine = build.push(Inst::Unary(MapOp::Sin, product));
        let cosine = build.push(Inst::Unary(MapOp::Cos, x));
        let sum = build.push(Inst::MulAdd(sine, cosine, product));
        let erf = build.push(Inst::Unary(MapOp::Erf, sum));
        let angle = build.push(Inst::Binary(MapOp::Atan2, erf, two));
        let power = build.push(Inst::Power(Power::Real(1.5), y));
        let below = build.push(Inst::Binary(MapOp::Less, angle, z));
        let chosen = build.push(Inst::Select(below, power, product));
        let root = build.push(Inst::Power(Power::Half(1), y));
        let mut outputs = vec![chosen, root, two, x, sine, angle, chosen];
        let code = build.finish(&mut outputs);
        let (blocks, places) = Blocks::<N>::new(&code, 3, &outputs).expect("memory for code");
        let mut rows = vec![Row([f64::NAN; N]); blocks.rows()];
        for (k, row) in rows.iter_mut().enumerate().take(3) {
            row.iter_mut().enumerate().for_each(|(t, x)| *x = 0.3 + ((3 * t + k) as f64 * 0.77).sin().abs());
        }
        blocks.prepare(&mut rows);
        blocks.run(&mut rows);
        let mut registers = Vec::new();
        for t in 0..N {
            let at = |k: u32| rows.get(k as usize).map_or(f64::NAN, |row| row[t]);
            code.run(&mut registers, at);
            for (output, place) in outputs.iter().zip(&places) {
                let (found, wanted) = (at(*place), registers[output.0 as usize]);
                assert!((found - wanted).abs() <= 1e-14 * wanted.abs().max(1.0), "{t}: {found}, not {wanted}");
            }
        }
        blocks.run(&mut rows[..2]); // too few: nothing is touched
    }
}
