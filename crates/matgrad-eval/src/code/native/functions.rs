//! What machine code calls: functions of one or two numbers, and functions over rows of numbers.

use matgrad_calculus::graph::MapOp;

use super::asm::Xmm;
use crate::kernel::elementwise::{function, function_of_two};
use crate::kernel::power::Power;
use crate::kernel::vector;
use crate::special;

/// Functions of one number, in the order of their tables.
const FUNCTIONS: [MapOp; 20] = [
    MapOp::Exp,
    MapOp::Log,
    MapOp::Cbrt,
    MapOp::Sin,
    MapOp::Cos,
    MapOp::Tan,
    MapOp::Asin,
    MapOp::Acos,
    MapOp::Atan,
    MapOp::Sinh,
    MapOp::Cosh,
    MapOp::Tanh,
    MapOp::Asinh,
    MapOp::Acosh,
    MapOp::Atanh,
    MapOp::Sigmoid,
    MapOp::Softplus,
    MapOp::Erf,
    MapOp::Gamma,
    MapOp::Lgamma,
];

extern "sysv64" fn one<const K: usize>(x: f64) -> f64 {
    function(FUNCTIONS[K])(x)
}

/// # Safety
/// `x` points to `n` numbers, `out` to room for `n` others.
#[allow(unsafe_code, reason = "called by machine code, which has pointers only")]
unsafe extern "sysv64" fn row<const K: usize>(x: *const f64, out: *mut f64, n: usize) {
    // SAFETY: as the caller promises; the two do not overlap, as the code gives each call places of its own
    let (x, out) = unsafe { (std::slice::from_raw_parts(x, n), std::slice::from_raw_parts_mut(out, n)) };
    if !vector::apply(FUNCTIONS[K], 1.0, x, out) {
        let f = function(FUNCTIONS[K]);
        out.iter_mut().zip(x).for_each(|(out, x)| *out = f(*x));
    }
}

extern "sysv64" fn atan2(y: f64, x: f64) -> f64 {
    function_of_two(MapOp::Atan2)(y, x)
}

extern "sysv64" fn pow(x: f64, e: f64) -> f64 {
    function_of_two(MapOp::Pow)(x, e)
}

extern "sysv64" fn power_real(x: f64, e: f64) -> f64 {
    Power::Real(e).of(x)
}

extern "sysv64" fn power_whole(x: f64, k: f64) -> f64 {
    Power::Whole(k as i32).of(x)
}

extern "sysv64" fn power_half(x: f64, k: f64) -> f64 {
    Power::Half(k as i32).of(x)
}

extern "sysv64" fn polygamma(x: f64, order: f64) -> f64 {
    special::polygamma(order as u32, x)
}

macro_rules! tables {
    ($($k:literal)*) => {
        const ONE: [extern "sysv64" fn(f64) -> f64; FUNCTIONS.len()] = [$(one::<$k>),*];
        #[allow(unsafe_code, reason = "a table of functions that take pointers")]
        const ROW: [unsafe extern "sysv64" fn(*const f64, *mut f64, usize); FUNCTIONS.len()] = [$(row::<$k>),*];
    };
}

tables!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19);

/// What the code says of a number that is too large for a formula: where it and the value are, how many there are, and
/// which function it is.
pub fn exact_code(op: MapOp, number: Xmm, value: Xmm, lanes: u32) -> Option<u32> {
    let k = FUNCTIONS.iter().position(|f| *f == op)?;
    Some(u32::from(number.0) | u32::from(value.0) << 4 | lanes << 8 | (k as u32) << 12)
}

/// Puts right the values of numbers that are too large for a formula.
///
/// # Safety
/// `registers` points to the 16 vector registers, of four numbers each.
#[allow(unsafe_code, reason = "called by machine code, which has pointers only")]
unsafe extern "sysv64" fn exact(registers: *mut f64, what: u32) {
    // SAFETY: as the caller promises
    let registers = unsafe { std::slice::from_raw_parts_mut(registers, 64) };
    let (number, value, lanes, op) = (what & 15, what >> 4 & 15, what >> 8 & 7, what >> 12);
    let f = function(FUNCTIONS.get(op as usize).copied().unwrap_or(MapOp::Sin));
    for lane in 0..lanes as usize {
        let x = registers.get(4 * number as usize + lane).copied().unwrap_or(f64::NAN);
        if x.abs() > vector::LIMIT
            && let Some(place) = registers.get_mut(4 * value as usize + lane)
        {
            *place = f(x);
        }
    }
}

/// Where that is.
pub fn address_of_exact() -> u64 {
    exact as *const () as usize as u64
}

/// Where the function of one number is.
pub fn address_of_one(op: MapOp) -> Option<u64> {
    let k = FUNCTIONS.iter().position(|f| *f == op)?;
    Some(ONE[k] as usize as u64)
}

/// Where the function over rows is.
pub fn address_of_row(op: MapOp) -> Option<u64> {
    let k = FUNCTIONS.iter().position(|f| *f == op)?;
    Some(ROW[k] as usize as u64)
}

/// Where a function of two numbers is.
pub fn address_of_two(op: MapOp) -> Option<u64> {
    let f: extern "sysv64" fn(f64, f64) -> f64 = match op {
        MapOp::Atan2 => atan2,
        MapOp::Pow => pow,
        _ => return None,
    };
    Some(f as usize as u64)
}

/// Where a power is, and its second argument.
pub fn address_of_power(power: Power) -> (u64, f64) {
    let (f, second): (extern "sysv64" fn(f64, f64) -> f64, f64) = match power {
        Power::Whole(k) => (power_whole, f64::from(k)),
        Power::Half(k) => (power_half, f64::from(k)),
        Power::Real(e) => (power_real, e),
    };
    (f as usize as u64, second)
}

/// Where the polygamma functions are.
pub fn address_of_polygamma() -> u64 {
    let f: extern "sysv64" fn(f64, f64) -> f64 = polygamma;
    f as usize as u64
}
