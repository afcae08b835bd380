//! Straight-line code on blocks of turns, compiled for the baseline and for AVX2 with FMA.

use matgrad_calculus::graph::MapOp;

use crate::code::{Inst, Reg, Row};
use crate::kernel::elementwise::{function_of_two, value_of};
use crate::kernel::power::Power;
use crate::kernel::vector;

/// Turns of a loop that are computed together.
///
/// No power of two, so that the rows of different numbers are at different places of a page.
pub(super) const LANES: usize = 44;

/// A number for each of these turns.
pub(super) type Lane = Row<LANES>;

/// One operation on a block: the register written, the registers read. The one written is none of those read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Pass {
    /// Which load.
    Load(u16, u16),
    Neg(u16, u16),
    Add(u16, [u16; 2]),
    Sub(u16, [u16; 2]),
    Mul(u16, [u16; 2]),
    Div(u16, [u16; 2]),
    /// `a·b + c`
    MulAdd(u16, [u16; 3]),
    /// `a·b - c`
    MulSub(u16, [u16; 3]),
    /// `c - a·b`
    SubMul(u16, [u16; 3]),
    Sqrt(u16, u16),
    Power(u16, Power, u16),
    Unary(u16, MapOp, u16),
    Binary(u16, MapOp, [u16; 2]),
    Select(u16, [u16; 3]),
}

impl Pass {
    pub fn of(inst: &Inst, to: u16, at: impl Fn(Reg) -> u16) -> Self {
        match *inst {
            // numbers and loads have their place already
            Inst::Constant(_) | Inst::Load(_) => Self::Load(to, u16::MAX),
            Inst::Neg(a) => Self::Neg(to, at(a)),
            Inst::Add(a, b) => Self::Add(to, [at(a), at(b)]),
            Inst::Sub(a, b) => Self::Sub(to, [at(a), at(b)]),
            Inst::Mul(a, b) => Self::Mul(to, [at(a), at(b)]),
            Inst::Div(a, b) => Self::Div(to, [at(a), at(b)]),
            Inst::MulAdd(a, b, c) => Self::MulAdd(to, [at(a), at(b), at(c)]),
            Inst::Power(Power::Half(1), a) => Self::Sqrt(to, at(a)),
            Inst::Power(power, a) => Self::Power(to, power, at(a)),
            Inst::Unary(op, a) => Self::Unary(to, op, at(a)),
            Inst::Binary(op, a, b) => Self::Binary(to, op, [at(a), at(b)]),
            // bits are for machine code
            Inst::Select(a, b, c) | Inst::Bits(_, [a, b, c]) => Self::Select(to, [at(a), at(b), at(c)]),
        }
    }

    /// Operations a turn.
    pub fn flops(&self) -> f64 {
        match self {
            Self::Load(..) => 0.0,
            Self::MulAdd(..) | Self::MulSub(..) | Self::SubMul(..) => 2.0,
            _ => 1.0,
        }
    }
}

/// The register written and up to three others.
#[inline(always)]
fn split<const N: usize>(lanes: &mut [Lane], to: u16, from: [u16; N]) -> Option<(&mut Lane, [&Lane; N])> {
    let to = usize::from(to);
    let (low, high) = lanes.split_at_mut_checked(to)?;
    let (out, high) = high.split_first_mut()?;
    let (low, high): (&[Lane], &[Lane]) = (low, high);
    let zero = low.first().or(high.first())?;
    let mut found = [zero; N];
    for (found, from) in found.iter_mut().zip(from) {
        let k = usize::from(from);
        *found = if k < to { low.get(k)? } else { high.get(k.checked_sub(to + 1)?)? };
    }
    Some((out, found))
}

#[inline(always)]
fn fma<const FUSED: bool>(a: f64, b: f64, c: f64) -> f64 {
    if FUSED { a.mul_add(b, c) } else { a * b + c }
}

#[inline(always)]
fn one(lanes: &mut [Lane], to: u16, a: u16, f: impl Fn(f64) -> f64) {
    if let Some((out, [a])) = split(lanes, to, [a]) {
        for k in 0..LANES {
            out[k] = f(a[k]);
        }
    }
}

#[inline(always)]
fn two(lanes: &mut [Lane], to: u16, from: [u16; 2], f: impl Fn(f64, f64) -> f64) {
    if let Some((out, [a, b])) = split(lanes, to, from) {
        for k in 0..LANES {
            out[k] = f(a[k], b[k]);
        }
    }
}

#[inline(always)]
fn three(lanes: &mut [Lane], to: u16, from: [u16; 3], f: impl Fn(f64, f64, f64) -> f64) {
    if let Some((out, [a, b, c])) = split(lanes, to, from) {
        for k in 0..LANES {
            out[k] = f(a[k], b[k], c[k]);
        }
    }
}

#[inline(always)]
fn passes<const FUSED: bool>(passes: &[Pass], lanes: &mut [Lane], load: &mut dyn FnMut(u16, &mut Lane)) {
    for pass in passes {
        match *pass {
            Pass::Load(to, k) => {
                if let Some(lane) = lanes.get_mut(usize::from(to)) {
                    load(k, lane);
                }
            }
            Pass::Neg(to, a) => one(lanes, to, a, |a| -a),
            Pass::Add(to, from) => two(lanes, to, from, |a, b| a + b),
            Pass::Sub(to, from) => two(lanes, to, from, |a, b| a - b),
            Pass::Mul(to, from) => two(lanes, to, from, |a, b| a * b),
            Pass::Div(to, from) => two(lanes, to, from, |a, b| a / b),
            Pass::MulAdd(to, from) => three(lanes, to, from, fma::<FUSED>),
            Pass::MulSub(to, from) => three(lanes, to, from, |a, b, c| fma::<FUSED>(a, b, -c)),
            Pass::SubMul(to, from) => three(lanes, to, from, |a, b, c| fma::<FUSED>(-a, b, c)),
            Pass::Sqrt(to, a) => one(lanes, to, a, f64::sqrt),
            Pass::Power(to, power, a) => one(lanes, to, a, |a| power.of(a)),
            Pass::Unary(to, op, a) => {
                if let Some((out, [a])) = split(lanes, to, [a])
                    && !vector::apply(op, 1.0, a.as_slice(), out.as_mut_slice())
                {
                    for k in 0..LANES {
                        out[k] = value_of(op, a[k]);
                    }
                }
            }
            Pass::Binary(to, op, from) => {
                let f = function_of_two(op);
                two(lanes, to, from, f);
            }
            Pass::Select(to, from) => three(lanes, to, from, |a, b, c| if a != 0.0 { b } else { c }),
        }
    }
}

/// Runs the passes on one block.
pub(super) fn run(list: &[Pass], lanes: &mut [Lane], mut load: impl FnMut(u16, &mut Lane)) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
        #[target_feature(enable = "avx2,fma")]
        fn wide(list: &[Pass], lanes: &mut [Lane], load: &mut dyn FnMut(u16, &mut Lane)) {
            passes::<true>(list, lanes, load);
        }
        // SAFETY: both features were detected on this processor
        #[allow(unsafe_code)]
        return unsafe { wide(list, lanes, &mut load) };
    }
    #[allow(unreachable_code)]
    passes::<false>(list, lanes, &mut load);
}
