//! Matrix products: factors are taken together in the order that costs least, as in the classical matrix chain problem
//! (Cormen, Leiserson, Rivest, Stein, Introduction to Algorithms, section 15.2), symbolic sizes being large and alike.

use matgrad_calculus::graph::{Dim, MatrixOp};
use matgrad_calculus::infer::Shape;
use matgrad_syntax::Reducer;
use smallvec::smallvec;

use crate::program::{Id, Op, Program};

/// What a symbolic dimension counts as when products are compared.
const LARGE: f64 = 1000.0;
/// Longer chains are multiplied from the left.
const LONGEST: usize = 64;

impl Program {
    /// The product from left to right, as the language has it: scalars anywhere, matrices in between.
    pub fn product(&mut self, factors: &[Id]) -> Id {
        let mut scalars: Vec<Id> = Vec::new();
        let mut chain: Vec<Id> = Vec::new();
        let mut negative = false;
        for factor in factors {
            let mut id = *factor;
            if *self.op(id) == Op::Neg {
                negative = !negative;
                id = self.args(id)[0];
            }
            if self.is_scalar(id) {
                scalars.push(id);
                continue;
            }
            if let Some(&last) = chain.last() {
                let ((_, inner), (own, _)) = (self.grid(last), self.grid(id));
                if inner != own {
                    // what stands to the left is one number that multiplies every entry
                    let closed = self.chain(&std::mem::take(&mut chain));
                    scalars.push(closed);
                }
            }
            chain.push(id);
        }
        if !chain.is_empty() {
            let array = self.chain(&chain);
            scalars.push(array);
        }
        let arrays = scalars.iter().filter(|s| !self.is_scalar(**s)).count();
        let made = if arrays > 1 { scalars[0] } else { self.mul(&scalars) };
        if negative { self.neg(made) } else { made }
    }

    fn estimate(&self, dim: Dim) -> f64 {
        match self.sizes.value(dim) {
            Some(value) => value as f64,
            None => LARGE,
        }
    }

    fn chain(&mut self, factors: &[Id]) -> Id {
        let count = factors.len();
        if count == 1 {
            return factors[0];
        }
        if count > LONGEST {
            return factors[1..].iter().fold(factors[0], |left, right| self.times(left, *right));
        }
        let mut dims: Vec<f64> = Vec::with_capacity(count + 1);
        for (k, factor) in factors.iter().enumerate() {
            let (rows, cols) = self.grid(*factor);
            if k == 0 {
                dims.push(self.estimate(rows));
            }
            dims.push(self.estimate(cols));
        }
        let diagonal: Vec<bool> = factors.iter().map(|f| matches!(self.op(*f), Op::DiagMatrix | Op::Eye)).collect();
        // cost and first place of the right part, for each stretch
        let mut best = vec![vec![(0.0_f64, 0_usize); count]; count];
        for length in 2..=count {
            for from in 0..=count - length {
                let to = from + length - 1;
                let mut found = (f64::INFINITY, from + 1);
                for cut in from + 1..=to {
                    // a diagonal matrix scales, which costs no sum
                    let scales = (cut == from + 1 && diagonal[from]) || (cut == to && diagonal[to]);
                    let inner = if scales { 1.0 } else { dims[cut] };
                    let cost = best[from][cut - 1].0 + best[cut][to].0 + dims[from] * inner * dims[to + 1];
                    // at equal cost from the left, but `x'*(A*x)`, as `A*x` is what others need too
                    if cost < found.0 || (cost == found.0 && dims[from] > 1.0) {
                        found = (cost, cut);
                    }
                }
                best[from][to] = found;
            }
        }
        // the stretches, largest first, then their products from the smallest
        let mut stretches = vec![(0, count - 1)];
        let mut k = 0;
        while k < stretches.len() {
            let (from, to) = stretches[k];
            k += 1;
            if from < to {
                let cut = best[from][to].1;
                stretches.push((from, cut - 1));
                stretches.push((cut, to));
            }
        }
        let mut made = vec![vec![None; count]; count];
        for (from, to) in stretches.into_iter().rev() {
            made[from][to] = Some(if from == to {
                factors[from]
            } else {
                let cut = best[from][to].1;
                let left = made[from][cut - 1].unwrap_or(factors[from]);
                let right = made[cut][to].unwrap_or(factors[to]);
                self.times(left, right)
            });
        }
        made[0][count - 1].unwrap_or(factors[0])
    }

    /// The product of two arrays that fit.
    pub fn times(&mut self, a: Id, b: Id) -> Id {
        if self.is_scalar(a) || self.is_scalar(b) {
            return self.mul(&[a, b]);
        }
        match (self.shape(a).clone(), self.shape(b).clone()) {
            (Shape::Row(_), Shape::Column(_)) => self.dot(a, b),
            (Shape::Column(_), Shape::Row(_)) => {
                let b = self.transpose(b);
                self.outer(a, b)
            }
            (Shape::Row(_), Shape::Matrix(..)) => {
                let (x, turned) = (self.transpose(a), self.transpose(b));
                let column = self.times(turned, x);
                self.transpose(column)
            }
            (Shape::Matrix(m, _), Shape::Column(_)) => self.matrix_times(a, b, Shape::Column(m)),
            (Shape::Matrix(m, _), Shape::Matrix(_, n)) => self.matrix_times(a, b, Shape::Matrix(m, n)),
            _ => self.mul(&[a, b]),
        }
    }

    fn matrix_times(&mut self, a: Id, b: Id, shape: Shape) -> Id {
        let column = matches!(shape, Shape::Column(_));
        match self.op(a).clone() {
            Op::Eye => return b,
            Op::DiagMatrix => {
                let v = self.args(a)[0];
                return if column { self.mul(&[v, b]) } else { self.scale_rows(v, b) };
            }
            Op::Matrix(MatrixOp::Inverse) => {
                let inner = self.args(a)[0];
                return self.solve(inner, b);
            }
            Op::Outer => {
                // (x*y')*b = x*(y'*b)
                let (x, y) = (self.args(a)[0], self.args(a)[1]);
                let row = self.transpose(y);
                return self.product(&[x, row, b]);
            }
            Op::Transpose => {
                let inner = self.args(a)[0];
                if *self.op(inner) == Op::Matrix(MatrixOp::Inverse) {
                    let turned = self.transpose(self.args(inner)[0]);
                    return self.solve(turned, b);
                }
            }
            _ => {}
        }
        match self.op(b).clone() {
            Op::Eye => return a,
            Op::DiagMatrix => {
                let v = self.args(b)[0];
                return self.scale_cols(v, a);
            }
            Op::Outer => {
                let (x, y) = (self.args(b)[0], self.args(b)[1]);
                let left = self.times(a, x);
                return self.outer(left, y);
            }
            Op::Full(value) if column && value.is_one() => return self.reduce(Reducer::Sum, Some(1), a),
            Op::Matrix(MatrixOp::Inverse) => {
                let (inner, left) = (self.transpose(self.args(b)[0]), self.transpose(a));
                let solution = self.solve(inner, left);
                return self.transpose(solution);
            }
            Op::Transpose if *self.op(self.args(b)[0]) == Op::Matrix(MatrixOp::Inverse) => {
                // A*inv(B)' = (B\A')'
                let inner = self.args(self.args(b)[0])[0];
                let left = self.transpose(a);
                let solution = self.solve(inner, left);
                return self.transpose(solution);
            }
            _ => {}
        }
        let ((s, x), (t, y)) = (self.halves(a), self.halves(b));
        // (A'*B') is (B*A)'
        let made = match (self.op(x).clone(), self.op(y).clone(), &shape) {
            (Op::Transpose, Op::Transpose, Shape::Matrix(m, n)) => {
                let (x, y) = (self.args(x)[0], self.args(y)[0]);
                let product = self.intern(Op::MatMul, smallvec![y, x], Shape::Matrix(*n, *m));
                self.transpose(product)
            }
            _ => self.intern(Op::MatMul, smallvec![x, y], shape),
        };
        let scalars: Vec<Id> = s.into_iter().chain(t).chain([made]).collect();
        if scalars.len() == 1 { made } else { self.mul(&scalars) }
    }
}
