//! Derivatives of straight-line code: a code for all partial derivatives of some registers by others.
//!
//! The code is a graph whose edges are the partial derivatives of an instruction by its operands. Eliminating a value
//! multiplies each edge into it with each out of it; when only the two ends are left, the edges are the derivatives. Forward
//! and reverse mode are two orders of elimination; here the cheapest of several is taken.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use matgrad_calculus::graph::MapOp;
use smallvec::{SmallVec, smallvec};

use super::{Builder, Inst, Reg};
use crate::kernel::power::Power;

/// The partial derivatives of an output that may be other than 0: which input, and the register.
pub(crate) type Row = Vec<(usize, Reg)>;

/// In which order values are eliminated.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Order {
    /// The one with the fewest products.
    Cheapest,
    /// The last one first.
    Reverse,
    /// The first one first.
    Forward,
}

/// The partial derivatives of outputs by inputs, written behind the code; `None` where an instruction has no rule.
pub(crate) fn jacobian(build: &mut Builder, outputs: &[Reg], inputs: &[Reg]) -> Option<Vec<Row>> {
    let mut best: Option<(usize, Builder, Vec<Row>)> = None;
    for order in [Order::Cheapest, Order::Reverse, Order::Forward] {
        let mut own = build.clone();
        let rows = Elimination::new(&mut own, outputs, inputs)?.run(&mut own, order);
        let mut needed: Vec<Reg> = rows.iter().flatten().map(|(_, reg)| *reg).collect();
        let cost = own.clone().finish(&mut needed).insts.len();
        if best.as_ref().is_none_or(|(least, ..)| cost < *least) {
            best = Some((cost, own, rows));
        }
    }
    let (_, found, rows) = best?;
    *build = found;
    Some(rows)
}

/// What is left of the graph of a code: for each value its operands with the partial derivatives, and who reads it.
struct Elimination {
    operands: Vec<SmallVec<[(u32, Reg); 4]>>,
    readers: Vec<SmallVec<[u32; 4]>>,
    inputs: Vec<u32>,
    /// Nodes behind the code, one for each output.
    outputs: Vec<u32>,
}

impl Elimination {
    fn new(build: &mut Builder, outputs: &[Reg], inputs: &[Reg]) -> Option<Self> {
        let count = build.len();
        let mut active = vec![false; count];
        inputs.iter().for_each(|r| active[r.0 as usize] = true);
        let mut needed = vec![false; count];
        outputs.iter().for_each(|r| needed[r.0 as usize] = true);
        for k in (0..count).rev() {
            if needed[k] {
                build.origin(Reg(k as u32))?.operands().for_each(|a| needed[a.0 as usize] = true);
            }
        }
        let total = count + outputs.len();
        let mut it = Self {
            operands: vec![SmallVec::new(); total],
            readers: vec![SmallVec::new(); total],
            inputs: inputs.iter().map(|r| r.0).collect(),
            outputs: (count..total).map(|k| k as u32).collect(),
        };
        for k in 0..count {
            let reg = Reg(k as u32);
            let inst = build.origin(reg)?;
            let own = inst.operands().any(|a| active[a.0 as usize]);
            if !needed[k] || active[k] || !own {
                continue;
            }
            for (operand, partial) in partials(build, reg, inst)? {
                if active[operand.0 as usize] {
                    active[k] = true;
                    it.add(build, operand.0, reg.0, partial);
                }
            }
        }
        let one = build.constant(1.0);
        for (k, output) in outputs.iter().enumerate().filter(|(_, r)| active[r.0 as usize]) {
            it.add(build, output.0, (count + k) as u32, one);
        }
        Some(it)
    }

    /// Adds to the edge between two values.
    fn add(&mut self, build: &mut Builder, from: u32, to: u32, partial: Reg) {
        if build.number(partial) == Some(0.0) {
            return;
        }
        let list = &mut self.operands[to as usize];
        match list.iter_mut().find(|(known, _)| *known == from) {
            Some((_, known)) => *known = build.sum(*known, partial),
            None => {
                list.push((from, partial));
                self.readers[from as usize].push(to);
            }
        }
    }

    fn edge(&self, from: u32, to: u32) -> Option<Reg> {
        self.operands[to as usize].iter().find(|(known, _)| *known == from).map(|(_, partial)| *partial)
    }

    /// Products and edges that eliminating a value makes.
    fn cost(&self, build: &Builder, k: u32) -> (usize, usize) {
        let unit = |r: Reg| build.number(r).is_some_and(|x| x.abs() == 1.0);
        let plain = self.operands[k as usize].iter().filter(|(_, r)| !unit(*r)).count();
        let after = &self.readers[k as usize];
        let further = after.iter().filter(|to| self.edge(k, **to).is_some_and(|r| !unit(r))).count();
        (plain * further, self.operands[k as usize].len() * after.len())
    }

    fn run(mut self, build: &mut Builder, order: Order) -> Vec<Row> {
        let middle = |k: &u32| !self.inputs.contains(k) && !self.readers[*k as usize].is_empty();
        let left: Vec<u32> = (0..(self.operands.len() - self.outputs.len()) as u32).filter(middle).collect();
        match order {
            Order::Reverse => left.iter().rev().for_each(|k| {
                self.eliminate(build, *k);
            }),
            Order::Forward => left.iter().for_each(|k| {
                self.eliminate(build, *k);
            }),
            Order::Cheapest => {
                let mut costs: Vec<Option<(usize, usize)>> = vec![None; self.operands.len()];
                let mut queue = BTreeSet::new();
                for k in left {
                    let cost = self.cost(build, k);
                    costs[k as usize] = Some(cost);
                    queue.insert((cost, Reverse(k)));
                }
                while let Some((_, Reverse(k))) = queue.pop_first() {
                    costs[k as usize] = None;
                    for near in self.eliminate(build, k) {
                        if let Some(old) = costs[near as usize] {
                            let new = self.cost(build, near);
                            queue.remove(&(old, Reverse(near)));
                            queue.insert((new, Reverse(near)));
                            costs[near as usize] = Some(new);
                        }
                    }
                }
            }
        }
        let input = |from: u32| self.inputs.iter().position(|k| *k == from);
        let row = |to: &u32| {
            let own = self.operands[*to as usize].iter();
            let mut row: Row = own.filter_map(|(from, partial)| Some((input(*from)?, *partial))).collect();
            row.retain(|(_, partial)| build.number(*partial) != Some(0.0));
            row.sort_unstable();
            row
        };
        self.outputs.iter().map(row).collect()
    }

    /// Takes a value out; returns those around it.
    fn eliminate(&mut self, build: &mut Builder, k: u32) -> SmallVec<[u32; 16]> {
        let before = std::mem::take(&mut self.operands[k as usize]);
        let after = std::mem::take(&mut self.readers[k as usize]);
        for (from, _) in &before {
            self.readers[*from as usize].retain(|to| *to != k);
        }
        for to in &after {
            let Some(outer) = self.edge(k, *to) else { continue };
            self.operands[*to as usize].retain(|(from, _)| *from != k);
            for (from, inner) in &before {
                let product = chained(build, outer, *inner);
                self.add(build, *from, *to, product);
            }
        }
        before.iter().map(|(from, _)| *from).chain(after).collect()
    }
}

/// A product of partial derivatives; what a choice leaves out stays out, whatever it is multiplied with.
fn chained(build: &mut Builder, a: Reg, b: Reg) -> Reg {
    for (choice, other) in [(a, b), (b, a)] {
        if let Some(Inst::Select(c, x, y)) = build.inst(choice)
            && [x, y].iter().any(|r| build.number(*r) == Some(0.0))
        {
            let (x, y) = (build.product(x, other), build.product(y, other));
            return build.choose(c, x, y);
        }
    }
    build.product(a, b)
}

type Partials = SmallVec<[(Reg, Reg); 3]>;

/// The partial derivatives of an instruction by its operands.
fn partials(b: &mut Builder, reg: Reg, inst: Inst) -> Option<Partials> {
    let one = b.constant(1.0);
    Some(match inst {
        Inst::Constant(_) | Inst::Load(_) => Partials::new(),
        Inst::Neg(x) => smallvec![(x, b.constant(-1.0))],
        Inst::Add(x, y) => smallvec![(x, one), (y, one)],
        Inst::Sub(x, y) => smallvec![(x, one), (y, b.constant(-1.0))],
        Inst::Mul(x, y) => smallvec![(x, y), (y, x)],
        Inst::MulAdd(x, y, z) => smallvec![(x, y), (y, x), (z, one)],
        Inst::Div(x, y) => {
            let inverse = b.quotient(one, y);
            let part = b.product(reg, inverse);
            smallvec![(x, inverse), (y, b.negated(part))]
        }
        Inst::Power(Power::Half(1), x) => {
            let half = b.constant(0.5);
            smallvec![(x, b.quotient(half, reg))]
        }
        Inst::Power(power, x) => {
            let (factor, lower) = match power {
                Power::Whole(k) => (f64::from(k), b.power(Power::Whole(k - 1), x)),
                Power::Half(k) => (0.5 * f64::from(k), b.power(Power::Half(k - 2), x)),
                Power::Real(e) => (e, b.power(Power::Real(e - 1.0), x)),
            };
            smallvec![(x, b.scaled(factor, lower))]
        }
        // made for machine code only
        Inst::Bits(..) => return None,
        Inst::Select(c, x, y) => {
            let zero = b.constant(0.0);
            smallvec![(x, b.choose(c, one, zero)), (y, b.choose(c, zero, one))]
        }
        Inst::Unary(op, x) => match function(b, reg, op, x)? {
            Some(partial) => smallvec![(x, partial)],
            None => Partials::new(),
        },
        Inst::Binary(op, x, y) => match op {
            MapOp::Less | MapOp::LessEq | MapOp::Equal | MapOp::NotEqual => Partials::new(),
            MapOp::Max => {
                smallvec![(x, b.function_of_two(MapOp::LessEq, y, x)), (y, b.function_of_two(MapOp::Less, x, y))]
            }
            MapOp::Min => {
                smallvec![(x, b.function_of_two(MapOp::LessEq, x, y)), (y, b.function_of_two(MapOp::Less, y, x))]
            }
            MapOp::Atan2 => {
                let (xx, yy) = (b.product(x, x), b.product(y, y));
                let all = b.sum(xx, yy);
                let (of_x, of_y) = (b.quotient(y, all), b.quotient(x, all));
                smallvec![(x, of_x), (y, b.negated(of_y))]
            }
            MapOp::Pow => {
                let lower = b.difference(y, one);
                let lower = b.function_of_two(MapOp::Pow, x, lower);
                let log = b.function(MapOp::Log, x);
                smallvec![(x, b.product(y, lower)), (y, b.product(reg, log))]
            }
            _ => return None,
        },
    })
}

/// The derivative of a function of one number; nothing where it is 0.
fn function(b: &mut Builder, reg: Reg, op: MapOp, x: Reg) -> Option<Option<Reg>> {
    let one = b.constant(1.0);
    // 1/√(±1 ± x²), by the signs
    let root = |b: &mut Builder, constant: f64, sign: f64| {
        let square = b.product(x, x);
        let square = b.scaled(sign, square);
        let constant = b.constant(constant);
        let under = b.sum(constant, square);
        b.power(Power::Half(-1), under)
    };
    let inverse = |b: &mut Builder, sign: f64| {
        let square = b.product(x, x);
        let square = b.scaled(sign, square);
        let under = b.sum(one, square);
        b.quotient(one, under)
    };
    Some(Some(match op {
        MapOp::Exp => reg,
        MapOp::Log => b.quotient(one, x),
        MapOp::Abs => b.function(MapOp::Sign, x),
        MapOp::Sign => return Some(None),
        MapOp::Cbrt => {
            let square = b.product(reg, reg);
            let three = b.scaled(3.0, square);
            b.quotient(one, three)
        }
        MapOp::Sin => b.function(MapOp::Cos, x),
        MapOp::Cos => {
            let sine = b.function(MapOp::Sin, x);
            b.negated(sine)
        }
        MapOp::Tan => {
            let square = b.product(reg, reg);
            b.sum(one, square)
        }
        MapOp::Asin => root(b, 1.0, -1.0),
        MapOp::Acos => {
            let root = root(b, 1.0, -1.0);
            b.negated(root)
        }
        MapOp::Atan => inverse(b, 1.0),
        MapOp::Sinh => b.function(MapOp::Cosh, x),
        MapOp::Cosh => b.function(MapOp::Sinh, x),
        MapOp::Tanh => {
            let square = b.product(reg, reg);
            b.difference(one, square)
        }
        MapOp::Asinh => root(b, 1.0, 1.0),
        MapOp::Acosh => root(b, -1.0, 1.0),
        MapOp::Atanh => inverse(b, -1.0),
        MapOp::Sigmoid => {
            let minus = b.negated(x);
            let other = b.function(MapOp::Sigmoid, minus);
            b.product(reg, other)
        }
        MapOp::Softplus => b.function(MapOp::Sigmoid, x),
        MapOp::Relu => {
            let zero = b.constant(0.0);
            b.function_of_two(MapOp::Less, zero, x)
        }
        MapOp::Erf => {
            let square = b.product(x, x);
            let minus = b.negated(square);
            let bell = b.function(MapOp::Exp, minus);
            b.scaled(std::f64::consts::FRAC_2_SQRT_PI, bell)
        }
        MapOp::Gamma => {
            let digamma = b.function(MapOp::Polygamma(0), x);
            b.product(reg, digamma)
        }
        MapOp::Lgamma => b.function(MapOp::Polygamma(0), x),
        MapOp::Polygamma(k) => b.function(MapOp::Polygamma(k.checked_add(1)?), x),
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values and derivatives of a code by the interpreter.
    fn values(build: &Builder, outputs: &[Reg], x: &[f64]) -> Vec<f64> {
        let mut outputs = outputs.to_vec();
        let code = build.clone().finish(&mut outputs);
        let mut registers = Vec::new();
        code.run(&mut registers, |k| x[k as usize]);
        outputs.iter().map(|r| registers[r.0 as usize]).collect()
    }

    #[test]
    fn every_rule_agrees_with_differences() {
        const FUNCTIONS: [MapOp; 24] = [
            MapOp::Exp,
            MapOp::Log,
            MapOp::Abs,
            MapOp::Sign,
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
            MapOp::Atanh,
            MapOp::Sigmoid,
            MapOp::Softplus,
            MapOp::Relu,
            MapOp::Erf,
            MapOp::Gamma,
            MapOp::Lgamma,
            MapOp::Polygamma(0),
            MapOp::Polygamma(1),
        ];
        let mut build = Builder::default();
        let loads: Vec<Reg> = (0..3).map(|k| build.push(Inst::Load(k))).collect();
        let [x, y, z] = loads[..] else { unreachable!() };
        let product = build.push(Inst::Mul(x, y));
        let fused = build.push(Inst::MulAdd(product, z, x));
        let mut outputs = vec![x, product, fused];
        for op in FUNCTIONS {
            outputs.push(build.push(Inst::Unary(op, product)));
        }
        let above = build.push(Inst::Add(fused, z));
        outputs.push(build.push(Inst::Unary(MapOp::Acosh, above)));
        for op in [MapOp::Max, MapOp::Min, MapOp::Atan2, MapOp::Pow, MapOp::Less] {
            outputs.push(build.push(Inst::Binary(op, product, fused)));
        }
        for power in [Power::Whole(3), Power::Whole(-2), Power::Half(1), Power::Half(-3), Power::Real(0.3)] {
            outputs.push(build.push(Inst::Power(power, fused)));
        }
        outputs.push(build.push(Inst::Div(fused, product)));
        let minus = build.push(Inst::Neg(fused));
        let difference = build.push(Inst::Sub(minus, y));
        let below = build.push(Inst::Binary(MapOp::Less, x, y));
        outputs.push(build.push(Inst::Select(below, difference, product)));
        let mut with = build.clone();
        let rows = jacobian(&mut with, &outputs, &[x, z]).expect("a rule for each");
        for at in [[0.7, 0.9, 1.3], [0.9, 0.4, 0.8]] {
            for (slot, input) in [(0, 0), (1, 2)] {
                let h = 1e-6;
                let moved = |h: f64| {
                    let mut at = at;
                    at[input] += h;
                    values(&build, &outputs, &at)
                };
                let (up, down) = (moved(h), moved(-h));
                for (k, row) in rows.iter().enumerate() {
                    let found = row.iter().find(|(i, _)| *i == slot).map_or(0.0, |(_, r)| values(&with, &[*r], &at)[0]);
                    let wanted = (up[k] - down[k]) / (2.0 * h);
                    assert!(
                        (found - wanted).abs() <= 1e-7 * wanted.abs().max(1.0),
                        "{k} by {input}: {found}, not {wanted}"
                    );
                }
            }
        }
    }

    /// What a choice leaves out does not come back as not-a-number.
    #[test]
    fn a_choice_keeps_out_what_it_does_not_take() {
        let mut build = Builder::default();
        let x = build.push(Inst::Load(0));
        let zero = build.constant(0.0);
        let positive = build.push(Inst::Binary(MapOp::Less, zero, x));
        let log = build.push(Inst::Unary(MapOp::Log, x));
        let chosen = build.push(Inst::Select(positive, log, zero));
        let three = build.constant(3.0);
        let scaled = build.push(Inst::Mul(three, chosen));
        let rows = jacobian(&mut build, &[scaled], &[x]).expect("rules");
        let partial = rows[0][0].1;
        assert_eq!(values(&build, &[partial], &[0.0]), [0.0]);
        assert_eq!(values(&build, &[partial], &[2.0]), [1.5]);
    }
}
