//! Straight-line code as machine code of x86-64 with AVX2 and FMA, made in memory.
//!
//! `schedule` brings the instructions into an order, `allocate` gives them registers and writes them with `asm`; functions
//! are called at addresses of `functions`. The code reads a table of pointers to the inputs and the results, and scratch
//! memory; it has no branches, so that checking the lengths before a call is checking everything.

mod allocate;
mod asm;
mod blocks;
mod chain;
mod functions;
mod lower;
mod rows;
mod schedule;

use memmap2::{Mmap, MmapMut};

use super::straight::Straight;
pub(crate) use blocks::{Blocks, Links};
pub(crate) use chain::{Chain, ChainMemory};
pub(crate) use rows::Rows;
use schedule::Schedule;

/// Machine code of a small program.
#[derive(Debug)]
pub(crate) struct Native {
    code: Mmap,
    /// How many bytes of it are instructions.
    length: usize,
    /// How many numbers of scratch memory it uses.
    scratch: usize,
    /// How many numbers of each input it reads, and of each result it writes.
    inputs: Vec<usize>,
    results: Vec<usize>,
    /// Results that are set to 0 before.
    cleared: Vec<bool>,
    /// Where the function starts.
    start: usize,
}

/// Tables of so many pointers are on the stack.
const FEW: usize = 16;

/// A table of pointers to the inputs and then the results, and scratch memory.
#[allow(unsafe_code, reason = "machine code")]
type Entry = unsafe extern "sysv64" fn(*const *const f64, *mut f64);

impl Native {
    /// Whether this machine runs the code.
    pub fn available() -> bool {
        std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma")
    }

    /// The machine code, where the system lets memory be executed.
    pub fn new(straight: &Straight) -> Option<Self> {
        if !Self::available() {
            return None;
        }
        let straight = &lower::straight(straight);
        let schedule = Schedule::new(straight);
        let made = allocate::assemble(&schedule, straight)?;
        let mut memory = MmapMut::map_anon(made.bytes.len()).ok()?;
        memory.copy_from_slice(&made.bytes);
        let code = memory.make_exec().ok()?;
        let results = straight.results.iter().map(Vec::len).collect();
        let (inputs, cleared) = (straight.inputs.clone(), schedule.cleared);
        let (length, scratch, start) = (made.length, made.scratch, made.start);
        Some(Self { code, length, scratch, inputs, results, cleared, start })
    }

    /// How many numbers of scratch memory a run needs.
    pub fn scratch(&self) -> usize {
        self.scratch
    }

    /// How many bytes of instructions there are.
    pub fn length(&self) -> usize {
        self.length
    }

    /// Computes the results; says whether all lengths were right, else nothing happens.
    #[inline]
    pub fn run<R: AsMut<[f64]>>(&self, inputs: &[&[f64]], scratch: &mut [f64], results: &mut [R]) -> bool {
        let (reads, writes) = (self.inputs.len(), self.results.len());
        if inputs.len() < reads || results.len() != writes || scratch.len() < self.scratch {
            return false;
        }
        let long = inputs.iter().zip(&self.inputs).all(|(x, n)| x.len() >= *n)
            && results.iter_mut().zip(&self.results).all(|(x, n)| x.as_mut().len() >= *n);
        if !long {
            return false;
        }
        let (mut few, mut many) = ([std::ptr::null::<f64>(); FEW], Vec::new());
        let table = if reads + writes <= FEW {
            &mut few[..reads + writes]
        } else {
            many.resize(reads + writes, std::ptr::null());
            many.as_mut_slice()
        };
        let (from, to) = table.split_at_mut(reads);
        from.iter_mut().zip(inputs).for_each(|(place, input)| *place = input.as_ptr());
        for ((place, result), cleared) in to.iter_mut().zip(results.iter_mut()).zip(&self.cleared) {
            let result = result.as_mut();
            if *cleared {
                result.fill(0.0);
            }
            *place = result.as_mut_ptr().cast_const();
        }
        // SAFETY: the bytes are a whole function of this type, made by `assemble` for the sizes that were checked above, on
        // a processor with the features that `new` has checked. It reads the inputs below `self.inputs[k]`, writes the
        // results below `self.results[k]` and the scratch memory below `self.scratch`, which are exclusive borrows, and
        // nothing else; the pages are readable and executable and live as long as `self`.
        #[allow(unsafe_code)]
        unsafe {
            let entry = std::mem::transmute::<*const u8, Entry>(self.code.as_ptr().wrapping_add(self.start));
            entry(table.as_ptr(), scratch.as_mut_ptr());
        }
        true
    }
}

/// Machine code with all that it reads and writes: a call finds nothing and checks nothing.
#[derive(Debug)]
pub(crate) struct Bound {
    entry: *const u8,
    table: Vec<*const f64>,
    scratch: *mut f64,
}

// SAFETY: the pointers are used by `run` alone, whose caller promises that nobody else uses what is written meanwhile; what
// is read are numbers that may be read from anywhere
#[allow(unsafe_code)]
unsafe impl Send for Bound {}
// SAFETY: as above
#[allow(unsafe_code)]
unsafe impl Sync for Bound {}

impl Bound {
    /// Runs the code.
    ///
    /// # Safety
    /// The code and all memory that it was bound to are where they were, and nothing else uses what it writes.
    #[allow(unsafe_code, reason = "machine code")]
    #[inline]
    pub unsafe fn run(&self) {
        // SAFETY: the bytes are a function of this type, made for memory of the lengths that were checked when it was
        // bound; that this memory is still there is what the caller promises
        unsafe {
            let entry = std::mem::transmute::<*const u8, Entry>(self.entry);
            entry(self.table.as_ptr(), self.scratch);
        }
    }
}

impl Native {
    /// The code bound to its memory, where all lengths are right and no result has to be cleared.
    pub fn bind<R: AsMut<[f64]>>(&self, inputs: &[&[f64]], scratch: &mut [f64], results: &mut [R]) -> Option<Bound> {
        let fits = inputs.len() >= self.inputs.len()
            && results.len() == self.results.len()
            && scratch.len() >= self.scratch
            && !self.cleared.contains(&true)
            && inputs.iter().zip(&self.inputs).all(|(x, n)| x.len() >= *n)
            && results.iter_mut().zip(&self.results).all(|(x, n)| x.as_mut().len() >= *n);
        if !fits {
            return None;
        }
        let mut table: Vec<*const f64> = inputs.iter().take(self.inputs.len()).map(|x| x.as_ptr()).collect();
        table.extend(results.iter_mut().map(|x| x.as_mut().as_mut_ptr().cast_const()));
        Some(Bound { entry: self.code.as_ptr().wrapping_add(self.start), table, scratch: scratch.as_mut_ptr() })
    }
}

#[cfg(test)]
mod tests {
    use matgrad_calculus::graph::MapOp;

    use super::*;
    use crate::code::{Builder, Inst, Reg};
    use crate::kernel::power::Power;

    struct Draw(u64);

    impl Draw {
        fn below(&mut self, n: usize) -> usize {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) as usize % n
        }
    }

    const FUNCTIONS: [MapOp; 8] = [
        MapOp::Exp,
        MapOp::Sin,
        MapOp::Tanh,
        MapOp::Sigmoid,
        MapOp::Relu,
        MapOp::Sign,
        MapOp::Abs,
        MapOp::Polygamma(1),
    ];
    const PAIRS: [MapOp; 8] =
        [MapOp::Max, MapOp::Min, MapOp::Atan2, MapOp::Less, MapOp::LessEq, MapOp::Equal, MapOp::NotEqual, MapOp::Max];

    /// Random code of this many instructions on two inputs of six numbers, with results of a few entries.
    fn random(draw: &mut Draw, length: usize) -> Straight {
        let mut build = Builder::default();
        let mut regs: Vec<Reg> = (0..12).map(|k| build.push(Inst::Load(k))).collect();
        regs.push(build.constant(0.0));
        regs.push(build.constant(0.75));
        for _ in 0..length {
            let pick = |draw: &mut Draw| regs[regs.len() - 1 - draw.below(regs.len().min(24))];
            let (a, b, c) = (pick(draw), pick(draw), pick(draw));
            let inst = match draw.below(14) {
                0 | 1 => Inst::Add(a, b),
                2 | 3 => Inst::Sub(a, b),
                4..=7 => Inst::Mul(a, b),
                8 => Inst::Neg(a),
                9 => Inst::MulAdd(a, b, c),
                10 => Inst::Unary(FUNCTIONS[draw.below(8)], a),
                11 => Inst::Binary(PAIRS[draw.below(8)], a, b),
                12 => Inst::Select(a, b, c),
                _ => match draw.below(3) {
                    0 => Inst::Power(Power::Half(1), a),
                    1 => Inst::Power(Power::Real(0.3), a),
                    _ => Inst::Div(a, b),
                },
            };
            regs.push(build.push(inst));
        }
        let mut flat: Vec<Reg> = (0..20).map(|_| regs[draw.below(regs.len())]).collect();
        flat.resize(40, regs[12]);
        let code = build.finish(&mut flat);
        Straight::new(code, &[0, 6], vec![flat[..7].to_vec(), flat[7..].to_vec()])
    }

    #[test]
    fn machine_code_agrees_with_the_interpreter() {
        if !Native::available() {
            return;
        }
        let mut draw = Draw(1);
        let (x, y) = ([0.3, -1.2, 0.8, 0.0, 2.5, -0.4], [1.1, 0.2, -0.6, 0.9, -1.7, 0.5]);
        for round in 0..600 {
            let straight = random(&mut draw, 1 + round / 4);
            let native = Native::new(&straight).expect("memory for code");
            let (mut registers, mut scratch) = (Vec::new(), vec![f64::NAN; native.scratch()]);
            let (mut a, mut b, mut c, mut d) = ([0.0; 7], [0.0; 33], [9.0; 7], [9.0; 33]);
            straight.run(&[&x, &y], &mut registers, &mut [&mut a, &mut b]);
            assert!(native.run(&[&x, &y], &mut scratch, &mut [&mut c[..], &mut d]));
            for (k, (p, q)) in a.iter().chain(&b).zip(c.iter().chain(&d)).enumerate() {
                // what is rounded once may turn a comparison around, and is blown up by what follows
                let same = p == q || p.is_nan() && q.is_nan() || (p - q).abs() <= 1e-9 * p.abs().max(1.0);
                assert!(same, "round {round}, result {k}: {q}, not {p}\n{straight:?}");
            }
        }
    }

    /// Four functions at a time, of numbers that nothing else reads: those of later rounds are still there.
    #[test]
    fn many_functions_of_computed_numbers() {
        if !Native::available() {
            return;
        }
        for count in [3, 14, 40, 61] {
            let mut build = Builder::default();
            let loads: Vec<Reg> = (0..count).map(|k| build.push(Inst::Load(k as u32))).collect();
            let numbers: Vec<Reg> =
                (0..count).map(|k| build.push(Inst::MulAdd(loads[k], loads[(k + 1) % count], loads[0]))).collect();
            let mut values: Vec<Reg> = numbers.iter().map(|x| build.push(Inst::Unary(MapOp::Sigmoid, *x))).collect();
            let code = build.finish(&mut values);
            let straight = Straight::new(code, &[0], vec![values]);
            let native = Native::new(&straight).expect("machine code");
            let x: Vec<f64> = (0..count).map(|k| (k as f64 * 0.7).sin() * 2.0).collect();
            let (mut registers, mut scratch) = (Vec::new(), vec![f64::NAN; native.scratch()]);
            let (mut expected, mut found) = (vec![0.0; count], vec![0.0; count]);
            straight.run(&[&x], &mut registers, &mut [&mut expected]);
            assert!(native.run(&[&x], &mut scratch, &mut [&mut found[..]]));
            assert!(expected.iter().zip(&found).all(|(p, q)| (p - q).abs() <= 1e-15), "{count} functions");
        }
    }

    #[test]
    fn wrong_lengths_are_refused() {
        if !Native::available() {
            return;
        }
        let mut draw = Draw(2);
        let native = Native::new(&random(&mut draw, 40)).expect("memory for code");
        let (x, mut scratch) = ([1.0; 6], vec![0.0; native.scratch()]);
        let (mut a, mut b) = ([0.0; 7], [0.0; 33]);
        assert!(!native.run(&[&x], &mut scratch, &mut [&mut a[..], &mut b]));
        assert!(!native.run(&[&x, &x[..2]], &mut scratch, &mut [&mut a[..], &mut b]));
        assert!(!native.run(&[&x, &x], &mut scratch, &mut [&mut a]));
        assert!(!native.run(&[&x, &x], &mut scratch, &mut [&mut a[..], &mut b[1..]]));
        assert!(native.run(&[&x, &x], &mut scratch, &mut [&mut a[..], &mut b]));
    }
}
