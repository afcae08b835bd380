//! Coefficients over loops: terms cut where their ranges begin and end, so that in each piece the same terms meet in the same
//! entries, are added as code, and rows are written by one loop.

use matgrad_calculus::graph::NodeId;
use smallvec::SmallVec;

use super::draft::looped;
use super::pattern::Fixed;
use super::place::Placed;
use super::scalar::{Indices, Ix};
use super::site::{Site, Walk};
use crate::Array;

/// A coefficient: a sum of entries of tensors and of a number, over loops.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    /// How many values each loop takes.
    pub extents: Vec<usize>,
    pub parts: Vec<(NodeId, Indices)>,
    pub plus: f64,
    /// Where it goes.
    pub site: Site,
    /// What it is, where it does not change.
    pub fixed: Option<Fixed>,
}

/// The coefficients of the terms, some of which do not change.
pub(super) fn pieces(terms: Vec<(Placed, Option<Fixed>)>) -> Vec<Piece> {
    let mut out = Vec::new();
    for (term, fixed) in terms {
        match fixed {
            Some(Fixed::Number(value)) if !term.is_irregular() => copies(&term, Some(value), &mut out),
            None => copies(&term, None, &mut out),
            Some(fixed) => {
                let site = if term.is_irregular() {
                    Site::Each(term.listed())
                } else {
                    let walk = |axis: usize| {
                        Walk::new(term.start[axis] as i64, term.strides.iter().map(|s| s[axis] as i64).collect())
                    };
                    Site::Regular { extents: term.extents.clone(), rows: walk(0), cols: walk(1) }
                };
                out.push(Piece { extents: term.extents, parts: Vec::new(), plus: 0.0, site, fixed: Some(fixed) });
            }
        }
    }
    joined(out)
}

/// A piece for each position along the axes that are written out.
fn copies(term: &Placed, number: Option<f64>, out: &mut Vec<Piece>) {
    let looped = looped(&term.extents);
    let own = crate::array::strides(&term.extents);
    let (moving, written): (Vec<usize>, Vec<usize>) = (0..looped.len()).partition(|k| looped[*k]);
    let extents: Vec<usize> = moving.iter().map(|k| term.extents[*k]).collect();
    let list = if term.is_irregular() { term.listed() } else { Vec::new() };
    let lengths: Vec<usize> = written.iter().map(|k| term.extents[*k]).collect();
    Array::from_fn(&lengths, |at| {
        let mut ixs: Indices = (0..term.extents.len()).map(|_| Ix::at(0)).collect();
        moving.iter().enumerate().for_each(|(axis, k)| ixs[*k] = Ix::of_loop(axis));
        written.iter().zip(at).for_each(|(k, position)| ixs[*k] = Ix::at(*position as i64));
        let site = if term.is_irregular() {
            let first: usize = written.iter().zip(at).map(|(k, position)| own[*k] * position).sum();
            let mut some = Vec::with_capacity(extents.iter().product());
            Array::from_fn(&extents, |turn| {
                let place = first + moving.iter().zip(turn).map(|(k, t)| own[*k] * t).sum::<usize>();
                some.push(list.get(place).copied().flatten());
                0.0
            });
            Site::Each(some)
        } else {
            let walk = |axis: usize| {
                let fixed: usize = written.iter().zip(at).map(|(k, position)| term.strides[*k][axis] * position).sum();
                let steps = moving.iter().map(|k| term.strides[*k][axis] as i64).collect();
                Walk::new((term.start[axis] + fixed) as i64, steps)
            };
            Site::Regular { extents: extents.clone(), rows: walk(0), cols: walk(1) }
        };
        let parts = if number.is_none() { vec![(term.node, ixs)] } else { Vec::new() };
        out.push(Piece { extents: extents.clone(), parts, plus: 0.0, site, fixed: number.map(Fixed::Number) });
        0.0
    });
}

/// A regular piece in the coordinates of another one.
struct Cell {
    piece: usize,
    /// Where its loops begin and end.
    from: SmallVec<[i64; 4]>,
    to: SmallVec<[i64; 4]>,
    /// How far its columns are from those of the other.
    aside: i64,
}

impl Cell {
    fn meets(&self, other: &Self) -> bool {
        let both = |k: usize| self.from[k] < other.to[k] && other.from[k] < self.to[k];
        (0..self.from.len()).all(both)
    }
}

/// More pieces than this are not made of the pieces with the same steps.
const MOST_ATOMS: usize = 64;

/// Pieces that move by the same steps are cut where one of them begins or ends.
fn joined(pieces: Vec<Piece>) -> Vec<Piece> {
    let mut buckets: Vec<Vec<usize>> = Vec::new();
    for (k, piece) in pieces.iter().enumerate() {
        let Site::Regular { extents, rows, cols } = &piece.site else { continue };
        let plain = rows.injective(extents) && cols.tables.is_empty() && rows.strides.iter().all(|s| *s > 0);
        let number = matches!(piece.fixed, None | Some(Fixed::Number(_)));
        if !plain || !number || extents.contains(&0) {
            continue;
        }
        let known =
            buckets.iter_mut().find(|bucket| match bucket.first().and_then(|b| pieces.get(*b)).map(|p| &p.site) {
                Some(Site::Regular { rows: r, cols: c, .. }) => r.strides == rows.strides && c.strides == cols.strides,
                _ => false,
            });
        match known {
            Some(bucket) => bucket.push(k),
            None => buckets.push(vec![k]),
        }
    }
    let mut gone = vec![false; pieces.len()];
    let mut made: Vec<Piece> = Vec::new();
    for bucket in buckets.iter().filter(|b| b.len() > 1) {
        let Some(cells) = cells(&pieces, bucket) else { continue };
        let moving = |cell: &Cell| pieces[cell.piece].fixed.is_none();
        let collide = |a: &Cell, b: &Cell| a.aside == b.aside && (moving(a) || moving(b)) && a.meets(b);
        let (mut collisions, mut ragged) = (false, false);
        for (k, a) in cells.iter().enumerate() {
            for b in &cells[k + 1..] {
                collisions |= collide(a, b);
                ragged |= moving(a) && moving(b) && (&a.from, &a.to) != (&b.from, &b.to);
            }
        }
        let long = cells.iter().any(|c| moving(c) && pieces[c.piece].site.len() > 64);
        let worth = collisions || ragged && long;
        if !worth {
            continue;
        }
        let own: Vec<&Cell> = cells.iter().filter(|a| moving(a) || cells.iter().any(|b| collide(a, b))).collect();
        if let Some(atoms) = cut(&pieces, &own, bucket[0]) {
            own.iter().for_each(|cell| gone[cell.piece] = true);
            made.extend(atoms);
        }
    }
    let kept = pieces.into_iter().zip(gone).filter(|(_, gone)| !gone).map(|(piece, _)| piece);
    kept.chain(made).collect()
}

/// The pieces in the coordinates of the first; `None` where a row is not on its way.
fn cells(pieces: &[Piece], bucket: &[usize]) -> Option<Vec<Cell>> {
    let Site::Regular { rows: r, cols: c, .. } = &pieces.get(*bucket.first()?)?.site else { return None };
    let mut order: SmallVec<[usize; 4]> = (0..r.strides.len()).collect();
    order.sort_by_key(|k| std::cmp::Reverse(r.strides[*k]));
    let mut out = Vec::with_capacity(bucket.len());
    for &piece in bucket {
        let Site::Regular { extents, rows, cols } = &pieces.get(piece)?.site else { return None };
        let mut left = rows.start - r.start;
        let mut aside = cols.start - c.start;
        let mut from: SmallVec<[i64; 4]> = SmallVec::from_elem(0, extents.len());
        for &k in &order {
            let step = r.strides[k];
            from[k] = (left + step / 2).div_euclid(step);
            left -= from[k] * step;
            aside -= from[k] * c.strides[k];
        }
        if left != 0 {
            return None;
        }
        let to = from.iter().zip(extents).map(|(from, n)| from + *n as i64).collect();
        out.push(Cell { piece, from, to, aside });
    }
    Some(out)
}

/// The pieces cut where one of them begins or ends; `None` where those are too many.
fn cut(pieces: &[Piece], cells: &[&Cell], first: usize) -> Option<Vec<Piece>> {
    let Site::Regular { rows: r, cols: c, .. } = &pieces.get(first)?.site else { return None };
    let mut cuts: Vec<Vec<i64>> = Vec::new();
    for k in 0..r.strides.len() {
        let mut ends: Vec<i64> = cells.iter().flat_map(|cell| [cell.from[k], cell.to[k]]).collect();
        ends.sort_unstable();
        ends.dedup();
        cuts.push(ends);
    }
    let counts: Vec<usize> = cuts.iter().map(|ends| ends.len().saturating_sub(1)).collect();
    let atoms = counts.iter().try_fold(1usize, |all, n| all.checked_mul(*n)).filter(|n| *n <= MOST_ATOMS)?;
    let mut out = Vec::new();
    for atom in 0..atoms {
        let (mut rest, mut low, mut high) = (atom, SmallVec::<[i64; 4]>::new(), SmallVec::<[i64; 4]>::new());
        for (ends, count) in cuts.iter().zip(&counts) {
            low.push(ends[rest % count]);
            high.push(ends[rest % count + 1]);
            rest /= count;
        }
        let extents: Vec<usize> = low.iter().zip(&high).map(|(a, b)| (b - a) as usize).collect();
        let moved = |walk: &Walk, aside: i64| {
            let by: i64 = walk.strides.iter().zip(&low).map(|(s, k)| s * k).sum();
            Walk::new(walk.start + by + aside, walk.strides.clone())
        };
        let mut own: Vec<(i64, Piece)> = Vec::new();
        for cell in cells {
            let covers = |k: usize| cell.from[k] <= low[k] && high[k] <= cell.to[k];
            if !(0..low.len()).all(covers) {
                continue;
            }
            let piece = pieces.get(cell.piece)?;
            let number = match piece.fixed {
                Some(Fixed::Number(number)) => number,
                _ => 0.0,
            };
            let parts = piece.parts.iter().map(|(node, at)| {
                let shifted = at.iter().map(|ix| ix.moved(|axis| low[axis] - cell.from[axis])).collect();
                (*node, shifted)
            });
            match own.iter_mut().find(|(aside, _)| *aside == cell.aside) {
                Some((_, known)) => {
                    known.parts.extend(parts);
                    known.plus += number;
                }
                None => {
                    let site =
                        Site::Regular { extents: extents.clone(), rows: moved(r, 0), cols: moved(c, cell.aside) };
                    let parts = parts.collect();
                    own.push((cell.aside, Piece { extents: extents.clone(), parts, plus: number, site, fixed: None }));
                }
            }
        }
        for (_, mut piece) in own {
            if piece.parts.is_empty() {
                piece.fixed = Some(Fixed::Number(std::mem::take(&mut piece.plus)));
            }
            out.push(piece);
        }
    }
    Some(out)
}
