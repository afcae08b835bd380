//! Straight-line code on blocks of turns as machine code: every operand is a row of numbers, four of which are computed
//! together. Between the pieces of machine code stand functions, over a whole row at once.

use matgrad_calculus::graph::MapOp;
use memmap2::{Mmap, MmapMut};

use super::Native;
use super::allocate::{Allocator, Base, Load, Sink};
use super::asm::{
    Assembler, Gpr, R8, R9, R10, R11, R12, R13, R14, R15, RBP, RBX, RCX, RDI, RSI, Rm, Weave, Width, Xmm,
};
use super::schedule::{Schedule, calls};
use crate::code::straight::Straight;
use crate::code::{Code, Inst, Reg, Row};
use crate::kernel::elementwise::{function, function_of_two};
use crate::kernel::power::Power;
use crate::kernel::vector;

/// Registers that the caller finds as they were.
const SAVED: [super::asm::Gpr; 6] = [RBX, RBP, R12, R13, R14, R15];

/// Registers that point to what is read where it is.
const SOURCES: [Gpr; 4] = [RBP, R13, R14, R15];

/// Registers that point to what is written row by row.
const TARGETS: [Gpr; 4] = [R9, R10, R11, RSI];

/// So many numbers at most wait in registers for those that they alternate with.
const HELD: usize = 4;

/// The rows, scratch memory, the length of a row, where to start, and pointers to sources and targets.
#[allow(unsafe_code, reason = "machine code")]
type Entry = unsafe extern "sysv64" fn(*mut f64, *mut f64, usize, usize, *const *mut f64);

/// What is read and written elsewhere than in rows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Links {
    /// For each load the source that has its numbers side by side, and where they begin there.
    pub direct: Vec<Option<(usize, usize)>>,
    /// For each target the outputs whose numbers alternate there.
    pub woven: Vec<Vec<usize>>,
}

impl Links {
    /// How many pointers there can be to sources, and to targets.
    pub const MOST: usize = SOURCES.len();
}

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
    links: Links,
    /// How many numbers are read from each source.
    reach: Vec<usize>,
    /// Whether nothing is read from rows or written to them, so that a block may have any length.
    rowless: bool,
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
    /// no such code. The links that are possible are kept: those to sources where no function reads the row, those to targets
    /// where there is one piece of code.
    pub fn new(code: &Code, loads: usize, outputs: &[Reg], mut links: Links) -> Option<(Self, Vec<u32>)> {
        if !Native::available() || !N.is_multiple_of(4) {
            return None;
        }
        let mut rows = loads as u32;
        let mut constants = Vec::new();
        let (sections, places) = sections(code, outputs, &mut rows, &mut constants)?;
        links.direct.resize(loads, None);
        for k in 0..loads as u32 {
            let read = sections.iter().flat_map(|s| &s.functions).any(|f| f.reads(k));
            let source = links.direct[k as usize].is_some_and(|(source, _)| source < SOURCES.len());
            if read || places.contains(&k) || !source {
                links.direct[k as usize] = None;
            }
        }
        let plain = matches!(sections.as_slice(), [only] if only.functions.is_empty() && !only.results.is_empty());
        links.woven.truncate(TARGETS.len());
        if !plain || links.woven.iter().flatten().any(|k| *k >= places.len()) {
            links.woven.clear();
        }
        // what is written to targets only stays in registers until it is, where it is little
        let mut woven: Vec<u32> = Vec::new();
        if links.woven.iter().map(Vec::len).sum::<usize>() <= HELD {
            let elsewhere = |k: &usize| !links.woven.iter().flatten().any(|own| own == k);
            let others: Vec<u32> = (0..places.len()).filter(elsewhere).map(|k| places[k]).collect();
            woven = links.woven.iter().flatten().map(|k| places[*k]).filter(|row| !others.contains(row)).collect();
        }
        let mut reach: Vec<usize> = Vec::new();
        for (source, at) in links.direct.iter().flatten() {
            reach.resize(reach.len().max(source + 1), 0);
            reach[*source] = reach[*source].max(at + N);
        }
        let mut asm = Assembler::default();
        let mut pieces = Vec::new();
        let mut rowless = sections.len() == 1 && links.direct.iter().all(Option::is_some);
        let mut cells = 0;
        let place = |row: u32| i32::try_from(row as usize * 8 * N).ok();
        for section in sections {
            if !section.results.is_empty() {
                pieces.push(Piece::Code(asm.bytes.len()));
                let values = section.results.iter().map(|(value, _)| vec![*value]).collect();
                let straight = Straight { code: section.code, loads: Vec::new(), inputs: Vec::new(), results: values };
                let schedule = Schedule::new(&straight);
                let of = |row: u32| match links.direct.get(row as usize).copied().flatten() {
                    Some((source, at)) => {
                        Some(Load::Moving(Base::Register(*SOURCES.get(source)?), i32::try_from(8 * at).ok()?))
                    }
                    None => Some(Load::Moving(Base::Register(RBX), place(row)?)),
                };
                let loads: Vec<Load> = section.loads.iter().map(|row| of(*row)).collect::<Option<_>>()?;
                let sinks: Vec<Sink> = section
                    .results
                    .iter()
                    .map(|(_, row)| match woven.contains(row) {
                        true => Some(Sink::Keep),
                        false => Some(Sink::Set(Base::Register(RBX), place(*row)?)),
                    })
                    .collect::<Option<_>>()?;
                let mut it = Allocator::new(&schedule, asm, Width::Four);
                SAVED.iter().for_each(|r| it.asm.push(*r));
                it.asm.copy(RBX, RDI);
                it.asm.copy(R12, RSI);
                let pointers = SOURCES.iter().take(reach.len()).chain(TARGETS.iter().take(links.woven.len()));
                for (k, register) in pointers.enumerate() {
                    it.asm.fetch(*register, R8, 8 * k as i32);
                }
                let top = it.asm.bytes.len();
                it.body(&loads, &sinks)?;
                let held = |row: u32| {
                    let result = section.results.iter().position(|(_, own)| *own == row)?;
                    it.kept.iter().find(|(kept, _)| *kept as usize == result).map(|(_, x)| Strand::Held(*x))
                };
                let strand = |k: &usize| {
                    let row = *places.get(*k)?;
                    held(row).or_else(|| place(row).map(Strand::Row))
                };
                let strands: Vec<Vec<Strand>> = links
                    .woven
                    .iter()
                    .map(|group| group.iter().map(strand).collect::<Option<_>>())
                    .collect::<Option<_>>()?;
                let held = |strand: &Strand| matches!(strand, Strand::Held(_));
                rowless &=
                    section.results.iter().all(|(_, row)| woven.contains(row)) && strands.iter().flatten().all(held);
                let free: [Xmm; 9] = it.free_registers().get(..9)?.try_into().ok()?;
                for (target, strands) in TARGETS.iter().zip(&strands) {
                    weave(&mut it.asm, strands, *target, free);
                    it.asm.add(*target, 32 * strands.len() as i32);
                }
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
        rowless &= matches!(pieces.as_slice(), [Piece::Code(_)]);
        let spills = rows as usize;
        let rows = spills + (4 * cells).div_ceil(N);
        let bytes = asm.finish();
        let mut memory = MmapMut::map_anon(bytes.len().max(1)).ok()?;
        memory.get_mut(..bytes.len())?.copy_from_slice(&bytes);
        let code = memory.make_exec().ok()?;
        Some((Self { code, pieces, rows, spills, constants, links, reach, rowless }, places))
    }

    /// The links that are made.
    pub fn links(&self) -> &Links {
        &self.links
    }

    /// How many numbers are read from each source.
    pub fn reach(&self) -> &[usize] {
        &self.reach
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

    /// Whether a block may have any length that four divides, as `count` of [`Self::run`].
    pub fn is_rowless(&self) -> bool {
        self.rowless
    }

    /// Computes `count` turns, which are `N` unless the block is free of rows; nothing happens where rows, sources or targets
    /// are too short.
    pub fn run(&self, rows: &mut [Row<N>], sources: &[&[f64]], targets: &mut [&mut [f64]], count: usize) {
        let long = |(source, reach): (&&[f64], &usize)| source.len() + N >= *reach + count;
        let wide = |(target, group): (&&mut [f64], &Vec<usize>)| target.len() >= count * group.len();
        if count != N && !(self.rowless && count.is_multiple_of(4))
            || count == 0
            || rows.len() < self.rows
            || sources.len() != self.reach.len()
            || targets.len() != self.links.woven.len()
            || !sources.iter().zip(&self.reach).all(long)
            || !targets.iter().zip(&self.links.woven).all(wide)
        {
            return;
        }
        let mut pointers = [std::ptr::null_mut::<f64>(); 2 * Links::MOST];
        let all = sources.iter().map(|s| s.as_ptr().cast_mut()).chain(targets.iter_mut().map(|t| t.as_mut_ptr()));
        pointers.iter_mut().zip(all).for_each(|(to, from)| *to = from);
        for piece in &self.pieces {
            match piece {
                Piece::Code(start) => {
                    let base = rows.as_mut_ptr();
                    let spills = base.wrapping_add(self.spills);
                    // SAFETY: the bytes there are a function of this type, made by `new` on a processor with the features
                    // that it has checked. It reads and writes the first `spills` rows at places below `count`, which is `N`
                    // unless it reads and writes no row, and behind them as much as `rows` says, which is there as was
                    // checked above; the borrow is exclusive. For `N` turns it reads the first `reach` numbers of the
                    // sources, for others as many more or less, and writes as many numbers to the targets as `count` turns
                    // of what goes there have, which was checked too; nothing is written through pointers to sources.
                    #[allow(unsafe_code)]
                    unsafe {
                        let entry = std::mem::transmute::<*const u8, Entry>(self.code.as_ptr().wrapping_add(*start));
                        entry(base.cast(), spills.cast(), count, 0, pointers.as_ptr());
                    }
                }
                Piece::Function(function) => apply(*function, rows),
            }
        }
    }
}

impl Function {
    fn reads(&self, row: u32) -> bool {
        match self {
            Self::One(_, from, _) | Self::Power(_, from, _) => *from == row,
            Self::Two(_, from, _) => from.contains(&row),
        }
    }
}

/// Four numbers of a row.
#[derive(Clone, Copy, Debug)]
enum Strand {
    /// In the memory of the row.
    Row(i32),
    /// In a register.
    Held(Xmm),
}

/// Writes four numbers of each of some rows so that the rows alternate.
fn weave(asm: &mut Assembler, strands: &[Strand], target: Gpr, free: [Xmm; 9]) {
    let width = strands.len();
    let [a, b, c, d, e, f, g, h, out] = free;
    let get = |asm: &mut Assembler, to: Xmm, strand: Strand| match strand {
        Strand::Held(x) => x,
        Strand::Row(row) => {
            asm.load(Width::Four, to, Rm::Index(RBX, row));
            to
        }
    };
    let store =
        |asm: &mut Assembler, at: usize, from: Xmm| asm.store(Width::Four, Rm::Mem(target, 8 * at as i32), from);
    match *strands {
        [] => {}
        [p] => {
            let p = get(asm, a, p);
            store(asm, 0, p);
        }
        [p, q] => {
            let (p, q) = (get(asm, a, p), get(asm, b, q));
            asm.weave(Weave::Low, c, p, q);
            asm.weave(Weave::High, d, p, q);
            asm.weave(Weave::Halves(0x20), a, c, d);
            asm.weave(Weave::Halves(0x31), b, c, d);
            store(asm, 0, a);
            store(asm, 4, b);
        }
        [p, q, r] => {
            let (p, q, r) = (get(asm, a, p), get(asm, b, q), get(asm, c, r));
            asm.weave(Weave::Low, d, p, q);
            asm.weave(Weave::High, e, q, r);
            asm.weave(Weave::Ends, f, r, p);
            asm.weave(Weave::Halves(0x20), a, d, f);
            asm.weave(Weave::Halves(0x30), b, e, d);
            asm.weave(Weave::Halves(0x31), c, f, e);
            store(asm, 0, a);
            store(asm, 4, b);
            store(asm, 8, c);
        }
        _ => {
            // four rows at a time, the last four again where they are no multiple of four
            let mut first = 0;
            while first < width {
                first = first.min(width - 4);
                let mut four = [a, b, c, d];
                for (to, strand) in four.iter_mut().zip(&strands[first..first + 4]) {
                    *to = get(asm, *to, *strand);
                }
                let [p, q, r, s] = four;
                asm.weave(Weave::Low, e, p, q);
                asm.weave(Weave::High, f, p, q);
                asm.weave(Weave::Low, g, r, s);
                asm.weave(Weave::High, h, r, s);
                for (turn, (how, x, y)) in
                    [(0x20, e, g), (0x20, f, h), (0x31, e, g), (0x31, f, h)].into_iter().enumerate()
                {
                    asm.weave(Weave::Halves(how), out, x, y);
                    store(asm, turn * width + first, out);
                }
                first += 4;
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
        let (blocks, places) = Blocks::<N>::new(&code, 3, &outputs, Links::default()).expect("memory for code");
        let mut rows = vec![Row([f64::NAN; N]); blocks.rows()];
        for (k, row) in rows.iter_mut().enumerate().take(3) {
            row.iter_mut().enumerate().for_each(|(t, x)| *x = 0.3 + ((3 * t + k) as f64 * 0.77).sin().abs());
        }
        blocks.prepare(&mut rows);
        blocks.run(&mut rows, &[], &mut [], N);
        let mut registers = Vec::new();
        for t in 0..N {
            let at = |k: u32| rows.get(k as usize).map_or(f64::NAN, |row| row[t]);
            code.run(&mut registers, at);
            for (output, place) in outputs.iter().zip(&places) {
                let (found, wanted) = (at(*place), registers[output.0 as usize]);
                assert!((found - wanted).abs() <= 1e-14 * wanted.abs().max(1.0), "{t}: {found}, not {wanted}");
            }
        }
        blocks.run(&mut rows[..2], &[], &mut [], N); // too few: nothing is touched
    }

    #[test]
    fn what_is_read_and_written_elsewhere_is_the_same() {
        if !Native::available() {
            return;
        }
        for width in [1, 2, 3, 4, 5, 7, 14] {
            let mut build = Builder::default();
            let loads: Vec<Reg> = (0..3).map(|k| build.push(Inst::Load(k))).collect();
            let mut outputs: Vec<Reg> = Vec::new();
            for k in 0..width + 1 {
                let c = build.constant(k as f64);
                let scaled = build.push(Inst::Mul(c, loads[1]));
                let sum = build.push(Inst::MulAdd(loads[0], loads[2], scaled));
                outputs.push(sum);
            }
            outputs.push(loads[2]);
            let code = build.finish(&mut outputs);
            let links = Links {
                direct: vec![Some((0, 2)), Some((0, 0)), Some((1, 0))],
                woven: vec![(0..width).rev().collect(), vec![width + 1, width]],
            };
            let (blocks, places) = Blocks::<N>::new(&code, 3, &outputs, links).expect("memory for code");
            // the last load is an output and stays in its row
            assert_eq!(blocks.links().direct, [Some((0, 2)), Some((0, 0)), None]);
            assert_eq!((blocks.reach(), blocks.links().woven.len()), ([N + 2].as_slice(), 2));
            let source: Vec<f64> = (0..N + 2).map(|k| 0.5 * k as f64 - 1.0).collect();
            let mut rows = vec![Row([f64::NAN; N]); blocks.rows()];
            rows[2].iter_mut().enumerate().for_each(|(turn, x)| *x = turn as f64 + 7.0);
            let (mut first, mut second) = (vec![-1.0; N * width + 1], vec![-1.0; 2 * N]);
            blocks.prepare(&mut rows);
            blocks.run(&mut rows, &[&source], &mut [&mut first, &mut second[..N]], N);
            assert!(first.iter().all(|x| *x == -1.0), "too little memory");
            blocks.run(&mut rows, &[&source], &mut [&mut first, &mut second], N);
            let mut registers = Vec::new();
            for turn in 0..N {
                code.run(&mut registers, |k| [source[turn + 2], source[turn], turn as f64 + 7.0][k as usize]);
                let value = |k: usize| registers[outputs[k].0 as usize];
                for k in 0..width {
                    assert_eq!(first[turn * width + k], value(width - 1 - k), "{width} {turn} {k}");
                }
                assert_eq!([second[2 * turn], second[2 * turn + 1]], [value(width + 1), value(width)]);
                // few wait in registers, more in their rows
                if width + 2 > HELD {
                    assert_eq!(rows[places[0] as usize][turn], value(0));
                }
            }
            assert_eq!(first.last(), Some(&-1.0));
        }
    }

    #[test]
    fn blocks_without_rows_have_any_length() {
        if !Native::available() {
            return;
        }
        for width in 1..=HELD {
            let mut build = Builder::default();
            let loads: Vec<Reg> = (0..2).map(|k| build.push(Inst::Load(k))).collect();
            let mut outputs: Vec<Reg> = Vec::new();
            for k in 0..width {
                let c = build.constant(k as f64 + 2.0);
                let scaled = build.push(Inst::Mul(c, loads[0]));
                outputs.push(build.push(Inst::MulAdd(loads[0], loads[1], scaled)));
            }
            let code = build.finish(&mut outputs);
            let links = Links { direct: vec![Some((0, 0)), Some((0, 1))], woven: vec![(0..width).collect()] };
            let (blocks, _) = Blocks::<N>::new(&code, 2, &outputs, links).expect("memory for code");
            assert!(blocks.is_rowless(), "{width}");
            let mut rows = vec![Row([f64::NAN; N]); blocks.rows()];
            for count in [4, 12, N, N + 4, 5 * N - 4] {
                let source: Vec<f64> = (0..count + 1).map(|k| 0.5 * k as f64 - 1.0).collect();
                let mut target = vec![-1.0; count * width + 1];
                blocks.run(&mut rows, &[&source[..count]], &mut [&mut target], count);
                blocks.run(&mut rows, &[&source], &mut [&mut target[..count * width - 1]], count);
                blocks.run(&mut rows, &[&source], &mut [&mut target], count + 2);
                assert!(target.iter().all(|x| *x == -1.0), "too little memory, or no number of fours");
                blocks.run(&mut rows, &[&source], &mut [&mut target], count);
                let mut registers = Vec::new();
                for turn in 0..count {
                    code.run(&mut registers, |k| source[turn + k as usize]);
                    for k in 0..width {
                        assert_eq!(target[turn * width + k], registers[outputs[k].0 as usize], "{width} {turn} {k}");
                    }
                }
                assert_eq!(target.last(), Some(&-1.0));
            }
        }
    }
}
