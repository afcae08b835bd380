//! Steps as statements: loops around code, with every place an affine function of the loop variables.

use matgrad_calculus::graph::{MapOp, ReduceOp};
use smallvec::{SmallVec, smallvec};

use crate::code::{Builder, Code, Inst, Reg};
use crate::fused::{Fold, Strides};
use crate::kernel::Loop;
use crate::kernel::contract::{A, B, Kind, OUT};
use crate::kernel::power::Power;
use crate::program::{Op, Slot, SlotInfo, Step};

/// A place in a slot that moves with the loops of a statement.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Access {
    pub slot: Slot,
    pub start: usize,
    pub strides: Strides,
}

/// One assignment in all turns of some loops.
#[derive(Clone, Debug)]
pub(super) struct Statement {
    /// How many turns each loop makes.
    pub extents: SmallVec<[usize; 4]>,
    /// What the loads of the code read.
    pub loads: Vec<Access>,
    pub code: Code,
    /// The value that is assigned.
    pub value: Reg,
    /// The place it goes to.
    pub out: Access,
    /// How values that go to one place are put together.
    pub fold: Option<Fold>,
    /// Whether what is there takes part.
    pub add: bool,
}

impl Statement {
    /// The statement of a step that is one.
    pub fn of(step: &Step, slots: &[SlotInfo], constants: &[Vec<f64>]) -> Option<Self> {
        let slot = |k: usize| step.args.get(k).copied().unwrap_or(step.out);
        let len = slots.get(step.out.0 as usize)?.len;
        let mut make = Maker { build: Builder::default(), loads: Vec::new(), slots, constants };
        let flat = |start: usize| (start, smallvec![1usize]) as (usize, Strides);
        let along = |n: usize| -> SmallVec<[usize; 4]> { smallvec![n] };
        let (extents, value, (start, strides), fold, add) = match &step.op {
            Op::Fill(value) => (along(len), make.build.constant(*value), flat(0), None, false),
            Op::Combine { terms, .. } if terms.len() > MOST_TERMS => return None,
            Op::Combine { terms, constant } => {
                let mut sum = None;
                for (k, (c, start)) in terms.iter().enumerate() {
                    let x = make.load(slot(k), flat(*start));
                    sum = Some(make.plus(sum, *c, x));
                }
                let value = match sum {
                    None => make.build.constant(*constant),
                    Some(sum) if *constant == 0.0 => sum,
                    Some(sum) => {
                        let c = make.build.constant(*constant);
                        make.build.push(Inst::Add(sum, c))
                    }
                };
                (along(len), value, flat(0), None, false)
            }
            Op::Unary { op, scale, start, loops } => {
                let x = make.load(slot(0), strided(loops, 0, *start));
                let c = make.build.constant(*scale);
                let x = make.build.times(c, x);
                (extents(loops), make.build.push(Inst::Unary(*op, x)), strided(loops, 1, 0), None, false)
            }
            Op::Binary { op, start, loops } => {
                let x = make.load(slot(0), strided(loops, 0, start[0]));
                let y = make.load(slot(1), strided(loops, 1, start[1]));
                (extents(loops), make.build.push(Inst::Binary(*op, x, y)), strided(loops, 2, 0), None, false)
            }
            Op::Select { start, loops } => {
                let [c, x, y] = [0, 1, 2].map(|k| make.load(slot(k), strided(loops, k, start[k])));
                (extents(loops), make.build.push(Inst::Select(c, x, y)), strided(loops, 3, 0), None, false)
            }
            Op::Power { power, start } => {
                let x = make.load(slot(0), flat(*start));
                (along(len), make.build.push(Inst::Power(*power, x)), flat(0), None, false)
            }
            Op::Reduce { op, start, outer, inner } => {
                let fold = match op {
                    ReduceOp::Max => Fold::Max,
                    ReduceOp::Min => Fold::Min,
                    ReduceOp::Prod => Fold::Product,
                    ReduceOp::LogSumExp => return None,
                };
                let all: Vec<Loop<1>> = outer.iter().chain(inner).copied().collect();
                let mut strides: Strides = smallvec![0; all.len()];
                for (k, s) in strides.iter_mut().enumerate().take(outer.len()) {
                    *s = outer[k + 1..].iter().map(|l| l.extent).product();
                }
                let x = make.load(slot(0), strided(&all, 0, *start));
                (extents(&all), x, (0, strides), Some(fold), false)
            }
            Op::Contract(c) if c.kind == Kind::Loops => {
                let x = make.load(slot(0), strided(&c.loops, A, c.start[A]));
                let x = match step.args.get(1) {
                    Some(y) => {
                        let y = make.load(*y, strided(&c.loops, B, c.start[B]));
                        make.build.times(x, y)
                    }
                    None => x,
                };
                let alpha = make.build.constant(c.alpha);
                let value = make.build.times(alpha, x);
                let summed = c.loops.iter().any(|l| l.strides[OUT] == 0 && l.extent != 1);
                let fold = summed.then_some(Fold::Sum);
                (extents(&c.loops), value, strided(&c.loops, OUT, c.start[OUT]), fold, c.accumulate)
            }
            _ => return None,
        };
        let out = Access { slot: step.out, start, strides };
        let mut value = [value];
        let code = make.build.finish(&mut value);
        let mut statement = Self { extents, loads: make.loads, code, value: value[0], out, fold, add };
        statement.drop_single();
        (statement.extents.is_empty() || statement.is_injective()).then_some(statement)
    }

    /// The logarithm of a sum of exponentials: the largest, the sum of the exponentials of what is left, and both together.
    pub fn of_logsumexp(step: &Step, [top, sum]: [Slot; 2]) -> Option<[Self; 3]> {
        let Op::Reduce { op: ReduceOp::LogSumExp, start, outer, inner } = &step.op else { return None };
        let all: Vec<Loop<1>> = outer.iter().chain(inner).copied().collect();
        let row = |k: usize| -> usize {
            outer.get(k..).and_then(|o| o.get(1..)).map_or(0, |o| o.iter().map(|l| l.extent).product())
        };
        let strides: Strides = (0..all.len()).map(row).collect();
        let x =
            Access { slot: *step.args.first()?, start: *start, strides: all.iter().map(|l| l.strides[0]).collect() };
        let at = |slot: Slot| Access { slot, start: 0, strides: strides.clone() };
        let short =
            |slot: Slot| Access { slot, start: 0, strides: strides.iter().take(outer.len()).copied().collect() };
        let make = |extents, loads: Vec<Access>, out, fold, insts: &[Inst]| {
            let (code, value) = (Code { insts: insts.to_vec() }, Reg(insts.len() as u32 - 1));
            let mut statement = Self { extents, loads, code, value, out, fold, add: false };
            statement.drop_single();
            statement
        };
        let [r0, r1, r2, r3, r4, r5, r6] = [0, 1, 2, 3, 4, 5, 6].map(Reg);
        Some([
            make(extents(&all), vec![x.clone()], at(top), Some(Fold::Max), &[Inst::Load(0)]),
            make(
                extents(&all),
                vec![x, at(top)],
                at(sum),
                Some(Fold::Sum),
                &[Inst::Load(0), Inst::Load(1), Inst::Sub(r0, r1), Inst::Unary(MapOp::Exp, r2)],
            ),
            make(
                extents(outer),
                vec![short(top), short(sum)],
                short(step.out),
                None,
                &[
                    Inst::Load(0),
                    Inst::Load(1),
                    Inst::Unary(MapOp::Log, r1),
                    Inst::Add(r0, r2),
                    Inst::Unary(MapOp::Abs, r0),
                    Inst::Constant(f64::INFINITY),
                    Inst::Binary(MapOp::Less, r4, r5),
                    Inst::Select(r6, r3, r0),
                ],
            ),
        ])
    }

    /// How many turns all loops make.
    pub fn turns(&self) -> usize {
        self.extents.iter().copied().fold(1, usize::saturating_mul)
    }

    /// How many places the values go to.
    pub fn places(&self) -> usize {
        let moving = self.extents.iter().zip(&self.out.strides).filter(|(_, s)| **s != 0);
        moving.map(|(n, _)| *n).fold(1, usize::saturating_mul)
    }

    /// The number, where it is the same everywhere.
    pub fn number(&self) -> Option<f64> {
        match self.code.insts.get(self.value.0 as usize) {
            Some(Inst::Constant(x)) => Some(*x),
            _ => None,
        }
    }

    /// Whether no two turns go to one place, those of a fold aside.
    fn is_injective(&self) -> bool {
        let mut moving: Vec<(usize, usize)> =
            self.out.strides.iter().copied().zip(self.extents.iter().copied()).filter(|(s, _)| *s != 0).collect();
        let still = self.extents.iter().zip(&self.out.strides).any(|(n, s)| *s == 0 && *n > 1);
        if still && self.fold.is_none() {
            return false;
        }
        moving.sort_unstable();
        let mut reach = 0usize;
        moving.iter().all(|(s, n)| {
            let apart = *s > reach;
            reach = reach.saturating_add(s.saturating_mul(n.saturating_sub(1)));
            apart
        })
    }

    /// Drops loops of one turn.
    pub fn drop_single(&mut self) {
        let keep: SmallVec<[bool; 8]> = self.extents.iter().map(|n| *n != 1).collect();
        let filter = |list: &mut SmallVec<[usize; 4]>| {
            let mut k = 0;
            list.retain(|_| {
                k += 1;
                keep[k - 1]
            });
        };
        self.accesses().for_each(|a| filter(&mut a.strides));
        filter(&mut self.extents);
    }

    pub fn accesses(&mut self) -> impl Iterator<Item = &mut Access> {
        self.loads.iter_mut().chain(std::iter::once(&mut self.out))
    }

    /// A loop as two, the inner one of `inner` turns.
    pub fn split_loop(&mut self, v: usize, inner: usize) {
        self.extents[v] /= inner;
        self.extents.insert(v + 1, inner);
        for access in self.accesses() {
            let s = access.strides[v];
            access.strides[v] = s * inner;
            access.strides.insert(v + 1, s);
        }
    }

    /// Only the turns `low..high` of a loop.
    pub fn restrict(&mut self, v: usize, low: usize, high: usize) {
        self.extents[v] = high - low;
        self.accesses().for_each(|a| a.start += low * a.strides[v]);
    }

    /// The code of another statement put in for a load; `places` says where its loads go now.
    pub fn put_in(&mut self, load: usize, other: &Code, value: Reg, places: Vec<Access>) {
        let mut build = Builder::default();
        let mut loads: Vec<Access> = Vec::new();
        let mut find = |access: &Access| {
            let known = loads.iter().position(|l| l == access);
            known.unwrap_or_else(|| {
                loads.push(access.clone());
                loads.len() - 1
            }) as u32
        };
        let mut names: Vec<Reg> = Vec::with_capacity(self.code.insts.len());
        let mut inside: Option<Reg> = None;
        for inst in &self.code.insts {
            names.push(match inst {
                Inst::Load(k) if *k as usize == load => match inside {
                    Some(known) => known,
                    None => {
                        let mut own: Vec<Reg> = Vec::with_capacity(other.insts.len());
                        for inst in &other.insts {
                            own.push(match inst {
                                Inst::Load(k) => {
                                    let at = places.get(*k as usize).map_or(0, &mut find);
                                    build.push(Inst::Load(at))
                                }
                                _ => build.push(inst.renamed(|a| own[a.0 as usize])),
                            });
                        }
                        let known = own[value.0 as usize];
                        inside = Some(known);
                        known
                    }
                },
                Inst::Load(k) => {
                    let at = self.loads.get(*k as usize).map_or(0, &mut find);
                    build.push(Inst::Load(at))
                }
                _ => build.push(inst.renamed(|a| names[a.0 as usize])),
            });
        }
        let mut value = [names[self.value.0 as usize]];
        self.code = build.finish(&mut value);
        self.value = value[0];
        self.loads = loads;
        self.drop_loads();
    }

    /// Drops loads that the code does not use.
    fn drop_loads(&mut self) {
        let mut names = vec![None; self.loads.len()];
        let mut kept = Vec::new();
        for inst in &mut self.code.insts {
            if let Inst::Load(k) = inst {
                let at = *k as usize;
                let name = *names[at].get_or_insert_with(|| {
                    kept.push(self.loads[at].clone());
                    kept.len() as u32 - 1
                });
                *k = name;
            }
        }
        self.loads = kept;
    }

    /// The sum of what two statements over the same loops assign.
    pub fn plus(mut self, other: &Self) -> Self {
        let old = self.loads.len() as u32;
        let shift = self.code.insts.len() as u32;
        self.loads.extend(other.loads.iter().cloned());
        self.code.insts.extend(other.code.insts.iter().map(|inst| match inst {
            Inst::Load(k) => Inst::Load(k + old),
            _ => inst.renamed(|a| Reg(a.0 + shift)),
        }));
        let added = Reg(other.value.0 + shift);
        let sum = match self.code.insts[added.0 as usize] {
            Inst::Neg(x) => Inst::Sub(self.value, x),
            _ => Inst::Add(self.value, added),
        };
        self.code.insts.push(sum);
        self.value = Reg(self.code.insts.len() as u32 - 1);
        self
    }

    /// The statement with loads and instructions that are the same made one.
    pub fn tidy(mut self) -> Self {
        self.put_in(usize::MAX, &Code::default(), Reg(0), Vec::new());
        self
    }

    /// What it costs at a place, an addition taken as 1.
    pub fn cost(&self) -> usize {
        let one = |inst: &Inst| match inst {
            Inst::Constant(_) => 0,
            Inst::Load(_) | Inst::Neg(_) | Inst::Add(..) | Inst::Sub(..) | Inst::Mul(..) | Inst::MulAdd(..) => 1,
            Inst::Bits(..) | Inst::Select(..) | Inst::Unary(MapOp::Abs | MapOp::Relu, _) => 1,
            Inst::Power(Power::Whole(k), _) if *k > 0 => (32 - k.leading_zeros()) as usize,
            Inst::Div(..) | Inst::Power(Power::Whole(_) | Power::Half(_), _) => 5,
            Inst::Binary(
                MapOp::Max | MapOp::Min | MapOp::Less | MapOp::LessEq | MapOp::Equal | MapOp::NotEqual,
                ..,
            ) => 1,
            Inst::Unary(..) => 15,
            Inst::Power(..) | Inst::Binary(..) => 30,
        };
        self.code.insts.iter().map(one).sum::<usize>().saturating_sub(1).max(1)
    }

    /// Joins loops that run like one and brings the one to the inside that moves least.
    pub fn arrange(&mut self) {
        self.drop_single();
        let mut k = 0;
        while k < self.extents.len() {
            let runs_on = |outer: usize, inner: usize, s: &Self| {
                let n = s.extents[inner];
                let on = |a: &Access| a.strides[outer] == a.strides[inner].saturating_mul(n);
                s.loads.iter().all(on) && on(&s.out)
            };
            match (0..self.extents.len()).find(|&j| j != k && runs_on(k, j, self)) {
                Some(j) => {
                    self.extents[j] *= self.extents[k];
                    self.extents.remove(k);
                    self.accesses().for_each(|a| {
                        a.strides.remove(k);
                    });
                    k = 0;
                }
                None => k += 1,
            }
        }
        let count = self.extents.len();
        let largest = |v: usize| self.loads.iter().map(|a| a.strides[v]).max().unwrap_or(0);
        let mut order: Vec<usize> = (0..count).collect();
        order.sort_by_key(|&v| (std::cmp::Reverse((self.out.strides[v], largest(v))), v));
        let rough = |v: usize| {
            let gaps = self.loads.iter().filter(|a| a.strides[v] > 1).count();
            let long = self.extents[v] >= SHORT;
            (!long, gaps + usize::from(self.out.strides[v] > 1), std::cmp::Reverse(self.extents[v]))
        };
        if let Some(best) = (0..count).min_by_key(|&k| rough(order[k])) {
            let inner = order.remove(best);
            order.push(inner);
        }
        let extents = order.iter().map(|&v| self.extents[v]).collect();
        self.accesses().for_each(|a| a.strides = order.iter().map(|&v| a.strides[v]).collect());
        self.extents = extents;
    }
}

/// Longer sums are left to the kernel for them.
pub(super) const MOST_TERMS: usize = 64;

/// Rows shorter than this do not pay for themselves.
const SHORT: usize = 12;

fn extents<const N: usize>(loops: &[Loop<N>]) -> SmallVec<[usize; 4]> {
    loops.iter().map(|l| l.extent).collect()
}

fn strided<const N: usize>(loops: &[Loop<N>], operand: usize, start: usize) -> (usize, Strides) {
    (start, loops.iter().map(|l| l.strides[operand]).collect())
}

struct Maker<'a> {
    build: Builder,
    loads: Vec<Access>,
    slots: &'a [SlotInfo],
    constants: &'a [Vec<f64>],
}

impl Maker<'_> {
    /// A load, or a number where the slot holds only one.
    fn load(&mut self, slot: Slot, (start, strides): (usize, Strides)) -> Reg {
        if let Some(crate::program::Place::Constant(k)) = self.slots.get(slot.0 as usize).map(|s| s.place)
            && let Some([value]) = self.constants.get(k).map(Vec::as_slice)
        {
            return self.build.constant(*value);
        }
        let access = Access { slot, start, strides };
        let at = self.loads.iter().position(|l| *l == access).unwrap_or_else(|| {
            self.loads.push(access);
            self.loads.len() - 1
        });
        self.build.push(Inst::Load(at as u32))
    }

    /// `sum + c·x`
    fn plus(&mut self, sum: Option<Reg>, c: f64, x: Reg) -> Reg {
        let Some(sum) = sum else {
            let c = self.build.constant(c);
            return self.build.times(c, x);
        };
        match c {
            1.0 => self.build.push(Inst::Add(sum, x)),
            -1.0 => self.build.push(Inst::Sub(sum, x)),
            c => {
                let c = self.build.constant(c);
                let term = self.build.times(c, x);
                self.build.push(Inst::Add(sum, term))
            }
        }
    }
}
