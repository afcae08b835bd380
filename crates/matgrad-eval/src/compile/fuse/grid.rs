//! Where a place lies in a slot whose parts are written by different loops.

use smallvec::SmallVec;

use super::statement::{Access, MOST_TERMS, Statement};

/// A slot as a grid: its numbers counted by axes, the first one fastest.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Grid {
    pub strides: SmallVec<[usize; 4]>,
    pub dims: SmallVec<[usize; 4]>,
}

/// What a loop does to an axis: its start and how far each loop moves it.
#[derive(Clone, Debug, Default)]
pub(super) struct Along {
    pub digit: usize,
    pub moves: SmallVec<[(usize, usize); 2]>,
}

/// Where an access lies.
pub(super) enum Located {
    /// On the axes.
    At(Vec<Along>),
    /// After a loop is split, with so many turns inside.
    Split(usize, usize),
    /// It cannot be said.
    No,
}

impl Grid {
    /// A grid on whose axes all these accesses move.
    pub fn of<'a>(outs: impl Iterator<Item = &'a Statement>, len: usize) -> Option<Self> {
        let mut strides: Vec<usize> = vec![1];
        for statement in outs {
            let moving = statement.out.strides.iter().zip(&statement.extents).filter(|(s, n)| **s != 0 && **n > 1);
            strides.extend(moving.map(|(s, _)| *s));
        }
        strides.sort_unstable();
        strides.dedup();
        let mut dims: SmallVec<[usize; 4]> = SmallVec::new();
        for pair in strides.windows(2) {
            if pair[1] % pair[0] != 0 {
                return None;
            }
            dims.push(pair[1] / pair[0]);
        }
        let last = *strides.last()?;
        if len == 0 || !len.is_multiple_of(last) {
            return None;
        }
        dims.push(len / last);
        Some(Self { strides: SmallVec::from_vec(strides), dims })
    }

    /// The place as one number for each axis.
    pub fn digits(&self, start: usize) -> SmallVec<[usize; 4]> {
        self.strides.iter().zip(&self.dims).map(|(s, n)| start / s % n).collect()
    }

    /// Where an access lies.
    pub fn locate(&self, access: &Access, extents: &[usize]) -> Located {
        let mut axes: Vec<Along> =
            self.digits(access.start).into_iter().map(|digit| Along { digit, moves: SmallVec::new() }).collect();
        for (v, (s, n)) in access.strides.iter().zip(extents).enumerate() {
            if *s == 0 || *n <= 1 {
                continue;
            }
            let Some(k) = (0..self.strides.len()).rev().find(|k| self.strides[*k] <= *s && s % self.strides[*k] == 0)
            else {
                return Located::No;
            };
            axes[k].moves.push((v, s / self.strides[k]));
        }
        for (k, along) in axes.iter().enumerate() {
            let reach: usize = along.moves.iter().map(|(v, c)| c * (extents[*v] - 1)).sum();
            if along.digit + reach < self.dims[k] {
                continue;
            }
            // the loop that moves furthest runs over to the next axis: as many turns inside as stay on this one
            let Some((v, c)) = along.moves.iter().copied().max_by_key(|(v, c)| (*c, *v)) else { return Located::No };
            let rest = along.digit + reach - c * (extents[v] - 1);
            let inner = self.dims[k] / c;
            let fits = rest < c && self.dims[k].is_multiple_of(c) && inner > 0 && extents[v].is_multiple_of(inner);
            return if fits { Located::Split(v, inner) } else { Located::No };
        }
        Located::At(axes)
    }

    /// The statement with the axes as its loops, in their order; the first and the last-but-one place of it on each.
    pub fn normal(&self, statement: &Statement) -> Option<Part> {
        let mut statement = statement.clone();
        statement.drop_single();
        let axes = loop {
            match self.locate(&statement.out, &statement.extents) {
                Located::At(axes) => break axes,
                Located::Split(v, inner) if inner > 1 => statement.split_loop(v, inner),
                _ => return None,
            }
        };
        let (mut low, mut high, mut extents) = (SmallVec::new(), SmallVec::new(), SmallVec::new());
        let mut order: Vec<Option<usize>> = Vec::with_capacity(axes.len());
        for along in &axes {
            let (v, n) = match along.moves.as_slice() {
                [] => (None, 1),
                [(v, 1)] => (Some(*v), statement.extents[*v]),
                _ => return None,
            };
            low.push(along.digit);
            high.push(along.digit + n);
            extents.push(n);
            order.push(v);
        }
        if order.iter().flatten().count() != statement.extents.len() {
            return None; // some loop moves nothing
        }
        let reorder = |a: &mut Access| {
            a.strides = order.iter().map(|v| v.map_or(0, |v| a.strides[v])).collect();
        };
        statement.accesses().for_each(reorder);
        statement.out.strides.clone_from(&self.strides);
        statement.extents = extents;
        Some(Part { low, high, statement })
    }
}

/// A statement over a box of a grid.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub low: SmallVec<[usize; 4]>,
    pub high: SmallVec<[usize; 4]>,
    pub statement: Statement,
}

impl Part {
    /// The part of it over a smaller box.
    pub fn within(&self, low: &[usize], high: &[usize]) -> Self {
        let mut statement = self.statement.clone();
        for k in 0..low.len() {
            statement.restrict(k, low[k] - self.low[k], high[k] - self.low[k]);
        }
        Self { low: SmallVec::from_slice(low), high: SmallVec::from_slice(high), statement }
    }

    /// Whether the box lies in this one.
    pub fn covers(&self, low: &[usize], high: &[usize]) -> bool {
        (0..low.len()).all(|k| self.low[k] <= low[k] && high[k] <= self.high[k])
    }
}

/// One statement for each box in which several statements, carried out one after another, do the same.
pub(super) fn boxes(grid: &Grid, parts: &[Part], most: usize) -> Option<Vec<Part>> {
    if parts.len() > MOST_TERMS {
        return None;
    }
    let axes = grid.dims.len();
    let mut cuts: Vec<Vec<usize>> = grid.dims.iter().map(|n| vec![0, *n]).collect();
    for part in parts {
        for (k, cuts) in cuts.iter_mut().enumerate() {
            cuts.extend([part.low[k], part.high[k]]);
        }
    }
    for cuts in &mut cuts {
        cuts.sort_unstable();
        cuts.dedup();
    }
    let cells = cuts.iter().map(|c| c.len() - 1).try_fold(1usize, usize::checked_mul)?;
    if cells > most.saturating_mul(8) {
        return None;
    }
    // which parts count in each cell, those before the last plain assignment left out
    type Cell = (SmallVec<[usize; 4]>, SmallVec<[usize; 4]>, Vec<usize>);
    let mut found: Vec<Cell> = Vec::new();
    for cell in 0..cells {
        let (mut low, mut high, mut rest) = (SmallVec::new(), SmallVec::new(), cell);
        for cuts in &cuts {
            let at = rest % (cuts.len() - 1);
            rest /= cuts.len() - 1;
            low.push(cuts[at]);
            high.push(cuts[at + 1]);
        }
        let mut who = Vec::new();
        for (p, part) in parts.iter().enumerate().filter(|(_, part)| part.covers(&low, &high)) {
            if !part.statement.add {
                who.clear();
            } else if who.is_empty() {
                return None; // adds to what nobody wrote
            }
            who.push(p);
        }
        if who.is_empty() {
            return None;
        }
        found.push((low, high, who));
    }
    for k in 0..axes {
        let mut joined: Vec<Cell> = Vec::new();
        for cell in found {
            let same = |a: &Cell| {
                a.2 == cell.2
                    && a.1[k] == cell.0[k]
                    && (0..axes).all(|j| j == k || a.0[j] == cell.0[j] && a.1[j] == cell.1[j])
            };
            match joined.iter_mut().find(|a| same(a)) {
                Some(known) => known.1 = cell.1,
                None => joined.push(cell),
            }
        }
        found = joined;
    }
    if found.len() > most {
        return None;
    }
    let mut all = Vec::with_capacity(found.len());
    for (low, high, who) in found {
        let mut parts = who.iter().filter_map(|p| parts.get(*p)).map(|p| p.within(&low, &high).statement);
        let first = parts.next()?;
        let statement = parts.fold(first, |sum, part| sum.plus(&part)).tidy();
        all.push(Part { low, high, statement });
    }
    Some(all)
}
