//! Loops that add multiples of a matrix and of a transposed one: blocks of both are read along their lines.

use super::{Output, Stream};
use crate::code::{Code, Inst};
use crate::kernel::gemm::Matrix;
use crate::kernel::number::Number;

/// Matrices with fewer entries stay in the first cache, in any order.
const LEAST: usize = 4096;

/// `alpha · a + beta · b`, where the lines of one of them run across those of the result.
#[derive(Clone, Debug)]
pub(super) struct TransposedSum {
    size: (usize, usize),
    /// Factor, argument and layout.
    terms: [(f64, usize, Matrix); 2],
    out: Matrix,
}

/// `constant + first · load 0 + second · load 1`.
type Linear = [f64; 3];

/// The value of a code of sums and of products with numbers.
fn linear(code: &Code, value: usize) -> Option<Linear> {
    let mut known: Vec<Option<Linear>> = Vec::with_capacity(code.insts.len());
    for inst in &code.insts {
        let at = |a: crate::code::Reg| known.get(a.0 as usize).copied().flatten();
        let add = |x: Linear, y: Linear| Some(std::array::from_fn(|k| x[k] + y[k]));
        let times = |x: Linear, y: Linear| {
            let number = |x: Linear| x[1] == 0.0 && x[2] == 0.0;
            let (by, what) = if number(x) { (x[0], y) } else { (y[0], x) };
            (number(x) || number(y)).then(|| what.map(|c| by * c))
        };
        let found = match *inst {
            Inst::Constant(x) => Some([x, 0.0, 0.0]),
            Inst::Load(0) => Some([0.0, 1.0, 0.0]),
            Inst::Load(1) => Some([0.0, 0.0, 1.0]),
            Inst::Neg(a) => at(a).map(|x| x.map(|c| -c)),
            Inst::Add(a, b) => at(a).zip(at(b)).and_then(|(x, y)| add(x, y)),
            Inst::Sub(a, b) => at(a).zip(at(b)).and_then(|(x, y)| add(x, y.map(|c| -c))),
            Inst::Mul(a, b) => at(a).zip(at(b)).and_then(|(x, y)| times(x, y)),
            _ => None,
        };
        known.push(found);
    }
    known.get(value).copied().flatten()
}

impl TransposedSum {
    pub fn new(extents: &[usize], streams: &[Stream], code: &Code, outputs: &[Output]) -> Option<Self> {
        let ([rows, cols], [one, two], [output]) = (extents, streams, outputs) else { return None };
        let layout = |start: usize, strides: &[usize]| match strides {
            [row, col] => Some(Matrix { offset: start, row: *row, col: *col }),
            _ => None,
        };
        let (a, b) = (layout(one.start, &one.strides)?, layout(two.start, &two.strides)?);
        let out = layout(output.start, &output.strides)?;
        let along = |m: Matrix| m.col == 1 && m.row > 1;
        let crossed = along(a) && along(b.transposed()) || along(b) && along(a.transposed());
        let plain = along(out) && output.fold.is_none() && !output.add && output.out == 0;
        if !crossed || !plain || rows.checked_mul(*cols)? < LEAST {
            return None;
        }
        let [constant, alpha, beta] = linear(code, output.value.0 as usize)?;
        let terms = [(alpha, one.arg, a), (beta, two.arg, b)];
        (constant == 0.0).then_some(Self { size: (*rows, *cols), terms, out })
    }

    /// Computes it, where the arguments are there.
    pub fn run<T: Number>(&self, args: &[&[T]], outs: &mut [&mut [T]]) -> bool {
        let [(alpha, one, a), (beta, two, b)] = self.terms;
        let (Some(x), Some(y), [out, ..]) = (args.get(one), args.get(two), outs) else { return false };
        let (first, second) = ((T::of(alpha), *x, a), (T::of(beta), *y, b));
        matgrad_dense::add_transposed(self.size, first, second, (out, self.out));
        true
    }
}
