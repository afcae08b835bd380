//! Which slots share a buffer: those that do not live at the same time.

use std::collections::BTreeSet;
use std::sync::Arc;

use rustc_hash::FxHashSet;

use super::fuse::fuse;
use super::hold::{hold, kept};
use super::tile::tile;
use super::triangle::triangles;
use super::{Compiler, Options};
use crate::array::count;
#[cfg(target_arch = "x86_64")]
use crate::code::native::Chain;
use crate::engine::{Engine, Whole};
use crate::error::CompileError;
use crate::program::{Op, Place, Program, Slot, View};

impl Compiler<'_> {
    /// Lays out the memory and hands over the program.
    pub(super) fn finish(self, roots: Vec<View>) -> Result<Program, CompileError> {
        let mut program = Program {
            inputs: self.inputs,
            constants: self.constants,
            rounded: std::sync::OnceLock::new(),
            slots: self.slots,
            steps: self.steps,
            roots,
            buffers: Vec::new(),
            direct: Vec::new(),
            loops: self.loops,
            held: 0,
            key: Arc::default(),
            whole: None,
            #[cfg(target_arch = "x86_64")]
            chain: None,
        };
        let whole = Whole::new(&program, self.options.engine)?;
        let machine = matches!(self.options.engine, Engine::Auto | Engine::Native) && self.options.fuse;
        if let Some(long) = whole.as_ref().map(Whole::cost).filter(|cost| machine && *cost > LONG)
            && let Some(loops) = shorter(&program, &self.options, long)
        {
            return Ok(loops);
        }
        program.whole = whole;
        if program.whole.is_none() {
            loops(&mut program, &self.options)?;
        }
        let kept = kept(&program);
        place(&mut program, &self.options, &kept)?;
        #[cfg(target_arch = "x86_64")]
        if machine {
            program.chain = Chain::new(&program).map(Arc::new);
            if program.chain.is_some() {
                program.direct.fill(None);
            }
        }
        Ok(program)
    }
}

/// Straight-line code of more instructions than this may be slower than loops.
const LONG: usize = 120;

/// The program in loops, where all of them are one function that is shorter than this many instructions.
#[cfg(target_arch = "x86_64")]
fn shorter(program: &Program, options: &Options, long: usize) -> Option<Program> {
    if !options.held.is_empty() {
        return None;
    }
    let mut other = program.clone();
    loops(&mut other, options).ok()?;
    let kept = kept(&other);
    place(&mut other, options, &kept).ok()?;
    let chain = Chain::new(&other).filter(|chain| chain.cost() + chain.cost() / 2 < long)?;
    other.chain = Some(Arc::new(chain));
    other.direct.fill(None);
    Some(other)
}

#[cfg(not(target_arch = "x86_64"))]
fn shorter(_: &Program, _: &Options, _: usize) -> Option<Program> {
    None
}

/// Joins steps to loops.
fn loops(program: &mut Program, options: &Options) -> Result<(), CompileError> {
    hold(program, &options.held);
    if options.fuse && options.engine != Engine::Steps {
        fuse(program);
        triangles(program);
        let machine = matches!(options.engine, Engine::Auto | Engine::Native | Engine::Cc);
        tile(program, machine);
        if options.engine == Engine::Cc {
            compile_in_c(program)?;
        } else if machine {
            compile_loops(program);
        }
    }
    Ok(())
}

/// Makes the fused loops with a C compiler.
fn compile_in_c(program: &mut Program) -> Result<(), CompileError> {
    #[cfg(any(unix, windows))]
    {
        use crate::code::c::CompiledLoop;

        let mut loops = Vec::new();
        for step in &mut program.steps {
            if let Op::Fused(work) = &mut step.op {
                loops.push(work);
            }
        }
        let all: Vec<&crate::fused::FusedLoop> = loops.iter().map(|work| &***work).collect();
        let made = CompiledLoop::all(&all).map_err(|reason| CompileError::Engine { reason })?;
        loops.iter_mut().zip(made).for_each(|(work, made)| work.compile_to(made));
    }
    Ok(())
}

/// Makes machine code of the fused loops.
fn compile_loops(program: &mut Program) {
    for step in &mut program.steps {
        if let Op::Fused(work) = &mut step.op {
            work.compile();
        }
    }
}

/// Results with fewer numbers are copied to the caller.
const LARGE: usize = 1024;

/// The slots whose numbers are those of a large result, in its order.
fn large_results(program: &Program, kept: &FxHashSet<Slot>) -> FxHashSet<Slot> {
    let slots = program.roots.iter().filter(|view| {
        let len = count(&view.shape).unwrap_or(0);
        let all = program.slots.get(view.slot.0 as usize).is_some_and(|info| info.len == len);
        len >= LARGE && all && view.offset == 0 && view.is_dense() && !kept.contains(&view.slot)
    });
    slots.map(|view| view.slot).collect()
}

/// The buffer of each root that holds nothing but its value, at any time; each buffer once.
fn direct(program: &Program, large: &FxHashSet<Slot>) -> Vec<Option<usize>> {
    let mut taken: FxHashSet<usize> = FxHashSet::default();
    let mut buffer = |view: &View| {
        let info = program.slots.get(view.slot.0 as usize)?;
        let Place::Buffer(k) = info.place else { return None };
        let own = large.contains(&view.slot) && program.buffers.get(k) == Some(&info.len);
        (own && taken.insert(k)).then_some(k)
    };
    program.roots.iter().map(&mut buffer).collect()
}

/// Gives every slot a buffer.
fn place(program: &mut Program, options: &Options, kept: &FxHashSet<Slot>) -> Result<(), CompileError> {
    let large = large_results(program, kept);
    let Program { slots, steps, roots, .. } = program;
    let forever = steps.len();
    let mut last = vec![None; slots.len()];
    for (at, step) in steps.iter().enumerate() {
        for slot in step.args.iter().copied().chain(step.outs()) {
            last[slot.0 as usize] = Some(at);
        }
    }
    let stays = roots.iter().map(|view| view.slot).chain(kept.iter().copied());
    stays.for_each(|slot| last[slot.0 as usize] = Some(forever));
    let mut buffers: Vec<usize> = Vec::new();
    let mut free: BTreeSet<(usize, usize)> = BTreeSet::new();
    let mut placed = vec![false; slots.len()];
    for (at, step) in steps.iter().enumerate() {
        for out in step.outs().map(|out| out.0 as usize) {
            if std::mem::replace(&mut placed[out], true) {
                continue;
            }
            let len = slots[out].len;
            // the smallest that is large enough, else the largest, grown
            let fit = free.range((len, 0)..).next().or(free.last()).copied();
            // a large result is alone in what it is written to, or with what is smaller
            let fit = fit.filter(|(room, _)| *room <= len || !large.contains(&Slot(out as u32)));
            let buffer = match fit {
                Some(found) => {
                    free.remove(&found);
                    found.1
                }
                None => {
                    buffers.push(0);
                    buffers.len() - 1
                }
            };
            buffers[buffer] = buffers[buffer].max(len);
            slots[out].place = Place::Buffer(buffer);
        }
        let mut ended: Vec<usize> = step.args.iter().copied().chain(step.outs()).map(|s| s.0 as usize).collect();
        ended.sort_unstable();
        ended.dedup();
        for slot in ended {
            if last[slot] == Some(at)
                && let Place::Buffer(buffer) = slots[slot].place
            {
                free.insert((buffers[buffer], buffer));
            }
        }
    }
    let results = roots.iter().map(|v| count(&v.shape).unwrap_or(usize::MAX) as u64);
    let numbers = buffers.iter().map(|n| *n as u64).chain(results).fold(0u64, u64::saturating_add);
    let bytes = numbers.saturating_mul(8);
    if bytes > options.memory_limit {
        let shapes = slots.iter().map(|s| s.shape.to_vec()).chain(roots.iter().map(|v| v.shape.to_vec()));
        let largest = shapes.max_by_key(|s| count(s).unwrap_or(usize::MAX)).unwrap_or_default();
        return Err(CompileError::TooLarge { bytes, limit: options.memory_limit, largest });
    }
    program.buffers = buffers;
    program.direct = direct(program, &large);
    Ok(())
}
