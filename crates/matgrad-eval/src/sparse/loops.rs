//! Loops that compute coefficients block by block and send them to their entries.

use std::sync::Arc;

use smallvec::SmallVec;

use super::lanes::{LANES, Lane, Pass, run};
#[cfg(target_arch = "x86_64")]
use super::native::{LONG, Native};
use super::pattern::{Cursor, Route};
use super::scalar::{Ix, Operand, Scalars};
use crate::array::strides;
#[cfg(target_arch = "x86_64")]
use crate::code::Row;
use crate::code::{Code, Inst, Reg};
use crate::program::View;

/// How an operand moves with the turns of a loop.
#[derive(Clone, Debug)]
pub(super) enum Motion {
    /// By strides along the loops.
    Affine(SmallVec<[usize; 4]>),
    /// To a place for each turn.
    Table(Arc<Vec<u32>>),
}

/// An operand of a loop.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    /// Which root of the program.
    pub root: usize,
    pub start: usize,
    pub motion: Motion,
}

impl Stream {
    /// Whether it is the same number in all turns.
    pub fn stays(&self) -> bool {
        matches!(&self.motion, Motion::Affine(strides) if strides.iter().all(|s| *s == 0))
    }

    /// Loads a block of turns.
    pub fn load(&self, memory: &[f64], lane: &mut [f64], loops: (&[usize], &[usize]), from: usize, count: usize) {
        match &self.motion {
            Motion::Table(table) => {
                let places = table.get(from..from + count).unwrap_or(&[]);
                let memory = memory.get(self.start..).unwrap_or(&[]);
                for (lane, at) in lane.iter_mut().zip(places) {
                    *lane = memory.get(*at as usize).copied().unwrap_or(f64::NAN);
                }
            }
            Motion::Affine(steps) => affine(lane, memory, self.start, steps, loops, from, count),
        }
    }
}

/// A result of a loop.
#[derive(Clone, Debug)]
pub(super) struct Output {
    /// Which matrix.
    pub matrix: usize,
    pub route: Route,
    pub add: bool,
    pub value: Reg,
}

/// A loop around straight-line code.
#[derive(Clone, Debug)]
pub(super) struct Nest {
    extents: Vec<usize>,
    turns: usize,
    streams: Vec<Stream>,
    /// Registers that keep a number for all turns.
    constants: Vec<(u16, f64)>,
    /// Registers that keep a loaded number for all turns.
    uniforms: Vec<(u16, usize)>,
    /// Loads of each block.
    loads: Vec<(u16, usize)>,
    passes: Vec<Pass>,
    registers: usize,
    outputs: Vec<(u16, Output)>,
    flops: f64,
    /// The same as machine code.
    #[cfg(target_arch = "x86_64")]
    native: Option<Arc<Native>>,
}

/// Loops with fewer turns than this are not worth machine code.
#[cfg(target_arch = "x86_64")]
const FEWEST_TURNS: usize = 256;

/// Memory of the runs of loops.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    pub(super) lanes: Vec<Lane>,
    #[cfg(target_arch = "x86_64")]
    pub(super) long: Vec<Row<LONG>>,
    pub(super) cursors: Vec<Cursor>,
    /// Entries of a block in their order.
    #[cfg(target_arch = "x86_64")]
    pub(super) stage: Vec<f64>,
    /// What is read where a tensor ends.
    #[cfg(target_arch = "x86_64")]
    pub(super) spare: Vec<f64>,
}

impl Nest {
    /// A loop; `None` where it has too many registers. `root` says where a node is made.
    pub fn new(
        scalars: &Scalars,
        code: &Code,
        outputs: Vec<Output>,
        root: impl Fn(&Operand) -> Option<(usize, View)>,
    ) -> Option<Self> {
        let extents = scalars.extents.clone();
        let turns = extents.iter().product();
        type Table = (SmallVec<[(Ix, usize); 2]>, Arc<Vec<u32>>);
        let mut tables: Vec<Table> = Vec::new();
        let mut streams = Vec::new();
        for operand in &scalars.operands {
            let (root, view) = root(operand)?;
            let mut start = view.offset as i64;
            let mut moving: SmallVec<[i64; 4]> = SmallVec::from_elem(0, extents.len());
            let mut found: SmallVec<[(Ix, usize); 2]> = SmallVec::new();
            for (ix, stride) in operand.at.iter().zip(&view.strides) {
                match ix {
                    Ix::Affine(c, terms) => {
                        start += c * *stride as i64;
                        for (axis, by) in terms {
                            *moving.get_mut(*axis)? += by * *stride as i64;
                        }
                    }
                    Ix::Table(t, c) => {
                        start += c * *stride as i64;
                        found.push((Ix::Table(*t, 0), *stride));
                    }
                }
            }
            let motion = if found.is_empty() {
                Motion::Affine(moving.iter().map(|s| usize::try_from(*s).ok()).collect::<Option<_>>()?)
            } else {
                for (axis, by) in moving.iter().enumerate().filter(|(_, by)| **by != 0) {
                    found.push((Ix::of_loop(axis), usize::try_from(*by).ok()?));
                }
                let known = tables.iter().find(|(key, _)| *key == found).map(|(_, table)| table.clone());
                let table = match known {
                    Some(table) => table,
                    None => {
                        let (at, by): (Vec<Ix>, Vec<usize>) = found.iter().cloned().unzip();
                        let places = scalars.table(&at, &by)?;
                        let places: Option<Vec<u32>> = places.into_iter().map(|k| u32::try_from(k).ok()).collect();
                        let table = Arc::new(places?);
                        tables.push((found, table.clone()));
                        table
                    }
                };
                Motion::Table(table)
            };
            streams.push(Stream { root, start: usize::try_from(start).ok()?, motion });
        }
        #[cfg(target_arch = "x86_64")]
        let native = (turns >= FEWEST_TURNS).then(|| Native::new(&extents, &streams, code, &outputs)).flatten();
        let mut nest = Self::allot(extents, turns, streams, code, outputs)?;
        #[cfg(target_arch = "x86_64")]
        {
            nest.native = native.map(Arc::new);
        }
        Some(nest)
    }

    /// Registers for the results of instructions, used again where a result is not needed any more.
    fn allot(
        extents: Vec<usize>,
        turns: usize,
        streams: Vec<Stream>,
        code: &Code,
        outputs: Vec<Output>,
    ) -> Option<Self> {
        let still = |k: u32| streams.get(k as usize).is_some_and(Stream::stays);
        let code = joined(code, &outputs);
        let count = code.len();
        let mut last = vec![0usize; count];
        for (k, pass) in code.iter().enumerate() {
            for a in pass.operands() {
                *last.get_mut(a)? = k;
            }
        }
        for output in &outputs {
            *last.get_mut(output.value.0 as usize)? = usize::MAX;
        }
        let mut nest = Self {
            extents,
            turns,
            streams: Vec::new(),
            constants: Vec::new(),
            uniforms: Vec::new(),
            loads: Vec::new(),
            passes: Vec::new(),
            registers: 0,
            outputs: Vec::new(),
            flops: 0.0,
            #[cfg(target_arch = "x86_64")]
            native: None,
        };
        let mut place: Vec<u16> = vec![0; count];
        let mut free: Vec<u16> = Vec::new();
        let mut next: u16 = 0;
        let mut fresh = |free: &mut Vec<u16>| -> Option<u16> {
            free.pop().or_else(|| {
                next = next.checked_add(1)?;
                Some(next - 1)
            })
        };
        // numbers that stay have registers of their own
        for (k, pass) in code.iter().enumerate() {
            match pass {
                Joined::Plain(Inst::Constant(x)) => {
                    place[k] = fresh(&mut free)?;
                    nest.constants.push((place[k], *x));
                }
                Joined::Plain(Inst::Load(s)) if still(*s) => {
                    place[k] = fresh(&mut free)?;
                    nest.uniforms.push((place[k], *s as usize));
                }
                _ => {}
            }
        }
        for (k, pass) in code.iter().enumerate() {
            let stays = |k: usize| match &code[k] {
                Joined::Plain(Inst::Constant(_)) => true,
                Joined::Plain(Inst::Load(s)) => still(*s),
                _ => false,
            };
            if matches!(pass, Joined::Gone) || stays(k) {
                continue;
            }
            place[k] = fresh(&mut free)?;
            let at = |r: Reg| place[r.0 as usize];
            match pass {
                Joined::Plain(Inst::Load(s)) => {
                    nest.passes.push(Pass::Load(place[k], nest.loads.len() as u16));
                    nest.loads.push((place[k], *s as usize));
                }
                Joined::Plain(inst) => nest.passes.push(Pass::of(inst, place[k], at)),
                Joined::MulAdd(a, b, c) => nest.passes.push(Pass::MulAdd(place[k], [at(*a), at(*b), at(*c)])),
                Joined::MulSub(a, b, c) => nest.passes.push(Pass::MulSub(place[k], [at(*a), at(*b), at(*c)])),
                Joined::SubMul(a, b, c) => nest.passes.push(Pass::SubMul(place[k], [at(*a), at(*b), at(*c)])),
                Joined::Gone => {}
            }
            let mut done: SmallVec<[usize; 3]> = pass.operands().into_iter().collect();
            done.sort_unstable();
            done.dedup();
            for a in done {
                if last[a] == k && !stays(a) {
                    free.push(place[a]);
                }
            }
            if last[k] == 0 && !outputs.iter().any(|o| o.value.0 as usize == k) {
                free.push(place[k]); // nobody reads it
            }
        }
        nest.registers = usize::from(next);
        nest.flops = nest.passes.iter().map(Pass::flops).sum::<f64>() * turns as f64;
        nest.outputs = outputs.into_iter().map(|o| (place[o.value.0 as usize], o)).collect();
        nest.streams = streams;
        Some(nest)
    }

    /// Operations of a run.
    pub fn flops(&self) -> f64 {
        self.flops
    }

    /// Bytes a run reads and writes.
    pub fn bytes(&self) -> f64 {
        let tables = self.streams.iter().filter(|s| matches!(s.motion, Motion::Table(_))).count();
        (8 * (self.loads.len() + self.outputs.len()) + 4 * tables) as f64 * self.turns as f64
    }

    /// What it does.
    pub fn text(&self) -> String {
        let over: Vec<String> = self.extents.iter().map(usize::to_string).collect();
        let (passes, loads) = (self.passes.len() - self.loads.len(), self.loads.len());
        let gathers = self.loads.iter().filter(|(_, s)| matches!(self.streams[*s].motion, Motion::Table(_))).count();
        let gathered = if gathers > 0 { format!(", {gathers} of them gathered") } else { String::new() };
        format!(
            "loop over {}: {loads} loads{gathered}, {passes} operations, {} entries",
            over.join(","),
            self.outputs.len()
        )
    }

    /// Loops, streams and how many turns there are.
    #[cfg(target_arch = "x86_64")]
    pub fn shape(&self) -> (&[usize], &[Stream], usize) {
        (&self.extents, &self.streams, self.turns)
    }

    #[cfg(target_arch = "x86_64")]
    pub fn output(&self, k: usize) -> Option<&Output> {
        self.outputs.get(k).map(|(_, output)| output)
    }

    pub fn outputs(&self) -> impl Iterator<Item = &Output> {
        self.outputs.iter().map(|(_, o)| o)
    }

    /// Runs the loop; `operand` gives the memory of a root.
    pub fn run<'a>(&self, operand: impl Fn(usize) -> &'a [f64], memory: &mut Memory, data: &mut [&mut [f64]]) {
        #[cfg(target_arch = "x86_64")]
        if let Some(native) = &self.native {
            return native.run(self, operand, memory, data);
        }
        let Memory { lanes, cursors, .. } = memory;
        if lanes.len() < self.registers {
            lanes.resize(self.registers, Lane::default());
        }
        cursors.clear();
        cursors.resize(self.outputs.len(), Cursor::default());
        for (register, value) in &self.constants {
            if let Some(lane) = lanes.get_mut(usize::from(*register)) {
                lane.fill(*value);
            }
        }
        for (register, stream) in &self.uniforms {
            let value = self.streams.get(*stream).and_then(|s| operand(s.root).get(s.start)).copied();
            if let Some(lane) = lanes.get_mut(usize::from(*register)) {
                lane.fill(value.unwrap_or(f64::NAN));
            }
        }
        let own = strides(&self.extents);
        let mut from = 0;
        while from < self.turns {
            let count = LANES.min(self.turns - from);
            let load = |k: u16, lane: &mut Lane| {
                let Some(stream) = self.loads.get(usize::from(k)).and_then(|(_, s)| self.streams.get(*s)) else {
                    return;
                };
                stream.load(operand(stream.root), lane.as_mut_slice(), (&self.extents, &own), from, count);
            };
            run(&self.passes, lanes, load);
            for ((register, output), cursor) in self.outputs.iter().zip(cursors.iter_mut()) {
                let (Some(lane), Some(data)) = (lanes.get(usize::from(*register)), data.get_mut(output.matrix)) else {
                    continue;
                };
                output.route.send(lane.get(..count).unwrap_or(&[]), from, output.add, cursor, data);
            }
            from += count;
        }
    }
}

/// Loads a block whose places are affine in the loops.
fn affine(
    lane: &mut [f64],
    memory: &[f64],
    start: usize,
    steps: &[usize],
    (extents, own): (&[usize], &[usize]),
    from: usize,
    count: usize,
) {
    let (Some(step), Some(inner)) = (steps.last(), extents.last()) else { return };
    let mut done = 0;
    while done < count {
        let turn = from + done;
        let mut at = start;
        for ((step, own), extent) in steps.iter().zip(own).zip(extents) {
            at += step * ((turn / own) % extent);
        }
        // to the end of the row, or of the block where rows follow one another
        let length = if steps.len() == 1 { count } else { (inner - turn % inner).min(count - done) };
        let Some(to) = lane.get_mut(done..done + length) else { return };
        match step {
            1 => {
                if let Some(from) = memory.get(at..at + length) {
                    to.copy_from_slice(from);
                }
            }
            0 => to.fill(memory.get(at).copied().unwrap_or(f64::NAN)),
            _ => {
                let from = memory.get(at..).unwrap_or(&[]);
                to.iter_mut().zip(from.iter().step_by(*step)).for_each(|(to, x)| *to = *x);
            }
        }
        done += length;
    }
}

/// An instruction, with products joined to the sums they go into.
enum Joined {
    Plain(Inst),
    MulAdd(Reg, Reg, Reg),
    MulSub(Reg, Reg, Reg),
    /// `c - a·b`
    SubMul(Reg, Reg, Reg),
    Gone,
}

impl Joined {
    fn operands(&self) -> SmallVec<[usize; 3]> {
        match self {
            Self::Plain(inst) => inst.operands().map(|a| a.0 as usize).collect(),
            Self::MulAdd(a, b, c) | Self::MulSub(a, b, c) | Self::SubMul(a, b, c) => {
                [a, b, c].map(|r| r.0 as usize).into_iter().collect()
            }
            Self::Gone => SmallVec::new(),
        }
    }
}

/// Joins products that only one sum needs to it.
fn joined(code: &Code, outputs: &[Output]) -> Vec<Joined> {
    let mut uses = vec![0u32; code.insts.len()];
    let mut count = |r: Reg| {
        if let Some(n) = uses.get_mut(r.0 as usize) {
            *n += 1;
        }
    };
    code.insts.iter().flat_map(Inst::operands).for_each(&mut count);
    outputs.iter().for_each(|o| count(o.value));
    let mut out: Vec<Joined> = Vec::with_capacity(code.insts.len());
    for inst in &code.insts {
        let product = |r: Reg, out: &[Joined]| match out.get(r.0 as usize) {
            Some(Joined::Plain(Inst::Mul(a, b))) if uses[r.0 as usize] == 1 => Some((*a, *b)),
            _ => None,
        };
        let (joined, gone) = match *inst {
            Inst::Add(x, y) => match (product(x, &out), product(y, &out)) {
                (Some((a, b)), _) => (Joined::MulAdd(a, b, y), Some(x)),
                (_, Some((a, b))) => (Joined::MulAdd(a, b, x), Some(y)),
                _ => (Joined::Plain(*inst), None),
            },
            Inst::Sub(x, y) => match (product(x, &out), product(y, &out)) {
                (Some((a, b)), _) => (Joined::MulSub(a, b, y), Some(x)),
                (_, Some((a, b))) => (Joined::SubMul(a, b, x), Some(y)),
                _ => (Joined::Plain(*inst), None),
            },
            Inst::MulAdd(a, b, c) => (Joined::MulAdd(a, b, c), None),
            _ => (Joined::Plain(*inst), None),
        };
        if let Some(gone) = gone
            && let Some(slot) = out.get_mut(gone.0 as usize)
        {
            *slot = Joined::Gone;
        }
        out.push(joined);
    }
    out
}
