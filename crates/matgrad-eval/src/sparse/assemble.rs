//! A matrix from the positions of its entries.
//!
//! Positions that move by steps and tables are not listed and sorted: in every row the entries of coefficients stand in the
//! same order, which is found once, so that the columns are written one after the other and the way of a coefficient to its
//! entries is mostly a line. Whether the columns ascend is tested when they are written; where they do not, positions are
//! sorted one by one.

use smallvec::SmallVec;

use super::csr::Csr;
use super::pattern::{NOWHERE, Route, Track};
use super::site::{Site, Walk, for_each_line};
use crate::error::CompileError;

/// A pattern with the way of each coefficient to its entries.
pub(super) struct Laid {
    /// The matrix with zeros for entries.
    pub matrix: Csr,
    pub routes: Vec<Route>,
    /// Whether an entry is reached more than once.
    pub doubles: bool,
}

/// The pattern of the entries of all sites.
pub(super) fn assemble(shape: [usize; 2], sites: &[Site]) -> Result<Laid, CompileError> {
    let total: usize = sites.iter().map(Site::len).fold(0, usize::saturating_add);
    let [rows, cols] = shape;
    let fits = total < NOWHERE as usize && cols < NOWHERE as usize && rows < NOWHERE as usize;
    if !fits {
        let bytes = (total as u64).saturating_mul(16);
        return Err(CompileError::TooLarge { bytes, limit: 16 << 32, largest: vec![rows, cols] });
    }
    match by_lines(shape, sites) {
        Some(laid) => Ok(laid),
        None => sorted(shape, sites, total),
    }
}

/// The coefficients of one function of the row, whose columns ascend in this order.
struct Group<'a> {
    extents: &'a [usize],
    rows: &'a Walk,
    /// Sites and their columns.
    members: Vec<(usize, &'a Walk)>,
    /// Whether entries may be there already.
    careful: bool,
}

/// Columns beside each other: how many, where the first is, what it moves by.
struct Family<'a> {
    count: u32,
    walk: &'a Walk,
    at: i64,
}

/// The pattern where positions are regular; `None` where the order of columns changes from row to row.
fn by_lines(shape: [usize; 2], sites: &[Site]) -> Option<Laid> {
    let groups = groups(shape, sites)?;
    let mut starts = vec![0u32; shape[0] + 1];
    let careful = groups.iter().any(|g| g.careful);
    let mut last = if careful { vec![NOWHERE; shape[0]] } else { Vec::new() };
    let mut doubles = false;
    for group in &groups {
        let count = group.members.len() as u32;
        let step = group.rows.strides.last().copied().unwrap_or(0);
        let columns = group.members.first()?.1;
        let across = columns.strides.last().copied().unwrap_or(0);
        for_each_line(group.extents, |first, index, turns| {
            let mut row = group.rows.at(index, usize::MAX);
            if !group.careful {
                for _ in 0..turns {
                    if let Some(start) = starts.get_mut(row as usize) {
                        *start += count;
                    }
                    row += step;
                }
                return;
            }
            let mut col = columns.at(index, usize::MAX);
            for turn in first..first + turns {
                let own = (col + columns.tabled(turn)) as u32;
                let known = last.get_mut(row as usize).is_some_and(|last| std::mem::replace(last, own) == own);
                doubles |= known;
                col += across;
                if !known && let Some(start) = starts.get_mut(row as usize) {
                    *start += count;
                }
                row += step;
            }
        });
    }
    let mut sum = 0u32;
    for start in &mut starts {
        sum += std::mem::replace(start, sum);
    }
    let indptr: Vec<usize> = starts.iter().map(|k| *k as usize).collect();
    let mut next = starts;
    let mut indices = vec![0u32; sum as usize];
    let mut routes: Vec<Option<Route>> = vec![None; sites.len()];
    last.fill(NOWHERE);
    for group in &groups {
        let track = fill(group, &mut next, &mut last, &mut indices);
        for (k, (site, _)) in group.members.iter().enumerate().rev() {
            *routes.get_mut(*site)? = Some(track.shifted(k as u32));
        }
    }
    // what has no turns goes nowhere
    let routes = routes.into_iter().map(|r| r.unwrap_or_else(|| Track::default().finish())).collect();
    let data = vec![0.0; indices.len()];
    let matrix = Csr::new(shape, indptr, indices, data)?;
    Some(Laid { matrix, routes, doubles })
}

/// Writes the columns of a group behind those that are in its rows.
fn fill(group: &Group, next: &mut [u32], last: &mut [u32], indices: &mut [u32]) -> Route {
    let mut families: SmallVec<[Family; 8]> = SmallVec::new();
    for (_, walk) in &group.members {
        let beside = |f: &Family| {
            f.walk.start + i64::from(f.count) == walk.start
                && f.walk.strides == walk.strides
                && f.walk.tables == walk.tables
        };
        match families.last_mut() {
            Some(family) if beside(family) => family.count += 1,
            _ => families.push(Family { count: 1, walk, at: 0 }),
        }
    }
    let all = group.members.len() as u32;
    let step = group.rows.strides.last().copied().unwrap_or(0);
    let mut track = Track::new(group.extents.iter().product());
    for_each_line(group.extents, |first, index, turns| {
        let mut row = group.rows.at(index, usize::MAX);
        for family in &mut families {
            family.at = family.walk.at(index, usize::MAX);
        }
        if let (false, [Family { count: 1, walk, at }]) = (group.careful, families.as_slice())
            && walk.tables.is_empty()
        {
            let (mut col, across) = (*at, walk.strides.last().copied().unwrap_or(0));
            for _ in 0..turns {
                let Some(slot) = next.get_mut(row as usize) else { return };
                track.push(*slot);
                if let Some(entry) = indices.get_mut(*slot as usize) {
                    *entry = col as u32;
                }
                *slot += 1;
                row += step;
                col += across;
            }
            return;
        }
        for turn in first..first + turns {
            let Some(slot) = next.get_mut(row as usize) else { return };
            if group.careful {
                let own = families.first().map_or(0, |f| f.at + f.walk.tabled(turn)) as u32;
                if let Some(last) = last.get_mut(row as usize) {
                    if *last == own {
                        *slot -= 1;
                    }
                    *last = own;
                }
            }
            track.push(*slot);
            let mut at = *slot as usize;
            for family in &mut families {
                let col = (family.at + family.walk.tabled(turn)) as u32;
                family.at += family.walk.strides.last().copied().unwrap_or(0);
                let end = at + family.count as usize;
                if let Some(own) = indices.get_mut(at..end) {
                    own.iter_mut().zip(col..).for_each(|(entry, col)| *entry = col);
                }
                at = end;
            }
            *slot += all;
            row += step;
        }
    });
    track.finish()
}

/// What two functions of the row can have in common is told apart for no more than so many of them.
const MOST_ROWS: usize = 256;

/// The sites in the order in which they stand in rows, those with equal rows together; `None` where a position is outside or
/// not regular.
fn groups(shape: [usize; 2], sites: &[Site]) -> Option<Vec<Group<'_>>> {
    // the functions of the row, each with its sites
    type Kind<'a> = (&'a [usize], &'a Walk, Vec<(usize, &'a Walk)>);
    let mut kinds: Vec<Kind> = Vec::new();
    for (k, site) in sites.iter().enumerate() {
        let Site::Regular { extents, rows, cols } = site else { return None };
        if site.len() == 0 {
            continue;
        }
        let inside = |walk: &Walk, limit: usize| {
            let (low, high) = walk.range(extents);
            low >= 0 && high < limit as i64
        };
        if !inside(rows, shape[0]) || !inside(cols, shape[1]) || !rows.tables.is_empty() {
            return None;
        }
        match kinds.iter_mut().find(|(own, walk, _)| own == extents && *walk == rows) {
            Some((.., members)) => members.push((k, cols)),
            None => kinds.push((extents, rows, vec![(k, cols)])),
        }
    }
    // which of them can have a row in common
    let mut parts: Vec<usize> = (0..kinds.len()).collect();
    let find = |parts: &[usize], mut k: usize| {
        while parts[k] != k {
            k = parts[k];
        }
        k
    };
    for b in 0..kinds.len() {
        for a in 0..b {
            let (p, q) = (find(&parts, a), find(&parts, b));
            if p != q && (kinds.len() > MOST_ROWS || !disjoint((kinds[a].0, kinds[a].1), (kinds[b].0, kinds[b].1))) {
                parts[p.max(q)] = p.min(q);
            }
        }
    }
    let mut out: Vec<Group> = Vec::new();
    for part in 0..kinds.len() {
        let own: Vec<&Kind> = (0..kinds.len()).filter(|k| find(&parts, *k) == part).map(|k| &kinds[k]).collect();
        let Some((extents, rows, _)) = own.first() else { continue };
        let (low, high) = rows.range(extents);
        let middle = (low + high) as f64 / 2.0;
        // the columns in a row, where they move with it
        let mut order: Vec<(f64, usize, &Walk, &[usize], &Walk)> = Vec::new();
        for (extents, rows, members) in own {
            let index: SmallVec<[usize; 4]> = extents.iter().map(|n| n / 2).collect();
            let turn = index.iter().zip(extents.iter()).fold(0, |turn, (k, n)| turn * n + k);
            let row = rows.at(&index, turn) as f64;
            let steps = rows.strides.iter().zip(extents.iter()).enumerate();
            let slow = steps.filter(|(_, (_, n))| **n > 1).max_by_key(|(_, (s, _))| **s).map(|(k, _)| k);
            for (site, cols) in members {
                let slope = slow.filter(|k| rows.strides[*k] > 0 && cols.tables.is_empty());
                let slope = slope.map_or(0.0, |k| cols.strides[k] as f64 / rows.strides[k] as f64);
                order.push((cols.at(&index, turn) as f64 + slope * (middle - row), *site, cols, extents, rows));
            }
        }
        order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let careful = order.windows(2).any(|w| w[1].0 - w[0].0 < 0.5);
        let start = out.len();
        for (_, site, cols, extents, rows) in order {
            match out.get_mut(start..).and_then(<[Group]>::last_mut) {
                Some(group) if !careful && std::ptr::eq(group.rows, rows) && rows.injective(extents) => {
                    group.members.push((site, cols))
                }
                _ => out.push(Group { extents, rows, members: vec![(site, cols)], careful }),
            }
        }
    }
    Some(out)
}

/// Whether two functions have no row in common, by their bounds and by the remainders of their steps.
fn disjoint((n, a): (&[usize], &Walk), (m, b): (&[usize], &Walk)) -> bool {
    let ((low, high), (from, to)) = (a.range(n), b.range(m));
    if high < from || to < low {
        return true;
    }
    let steps = a.strides.iter().zip(n).chain(b.strides.iter().zip(m)).filter(|(_, n)| **n > 1).map(|(s, _)| s.abs());
    let common = steps.fold(0i64, |mut a, mut b| {
        while b != 0 {
            (a, b) = (b, a % b);
        }
        a
    });
    common > 0 && (a.start - b.start) % common != 0
}

/// The pattern with every position listed and sorted.
fn sorted([rows, cols]: [usize; 2], sites: &[Site], total: usize) -> Result<Laid, CompileError> {
    // by rows: how many, then which
    let mut starts = vec![0u32; rows + 1];
    let mut places: Vec<[u32; 2]> = Vec::with_capacity(total);
    for site in sites {
        site.each([rows, cols], |at| {
            let at = at.unwrap_or([NOWHERE; 2]);
            if let Some(count) = starts.get_mut(at[0] as usize) {
                *count += 1;
            }
            places.push(at);
        });
    }
    let mut sum = 0;
    for start in &mut starts {
        sum += std::mem::replace(start, sum);
    }
    let kept = sum as usize;
    let mut sorted: Vec<(u32, u32)> = vec![(0, 0); kept];
    let mut next = starts.clone();
    for (k, [row, col]) in places.iter().enumerate() {
        let Some(slot) = next.get_mut(*row as usize).filter(|_| *row != NOWHERE) else { continue };
        if let Some(entry) = sorted.get_mut(*slot as usize) {
            *entry = (*col, k as u32);
        }
        *slot += 1;
    }
    drop(places);
    let mut indptr = Vec::with_capacity(rows + 1);
    let mut indices: Vec<u32> = Vec::with_capacity(kept);
    let mut routes = vec![NOWHERE; total];
    indptr.push(0);
    for row in starts.windows(2) {
        let first = indices.len();
        let own = sorted.get_mut(row[0] as usize..row[1] as usize).unwrap_or(&mut []);
        if own.windows(2).any(|w| w[0].0 > w[1].0) {
            own.sort_unstable();
        }
        for (col, k) in own {
            if indices.len() == first || indices.last() != Some(col) {
                indices.push(*col);
            }
            if let Some(route) = routes.get_mut(*k as usize) {
                *route = (indices.len() - 1) as u32;
            }
        }
        indptr.push(indices.len());
    }
    let mut own = Vec::with_capacity(sites.len());
    let mut rest = routes.as_slice();
    for site in sites {
        let (head, tail) = rest.split_at(site.len().min(rest.len()));
        own.push(Track::of(head).finish());
        rest = tail;
    }
    let doubles = indices.len() < kept;
    let data = vec![0.0; indices.len()];
    let matrix =
        Csr::new([rows, cols], indptr, indices, data).ok_or(CompileError::Shapes { what: "a sparse matrix" })?;
    Ok(Laid { matrix, routes: own, doubles })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sparse::site::Table;
    use std::rc::Rc;

    fn site(extents: &[usize], rows: (i64, &[i64]), cols: (i64, &[i64])) -> Site {
        let walk = |(start, strides): (i64, &[i64])| Walk::new(start, SmallVec::from_slice(strides));
        Site::Regular { extents: extents.to_vec(), rows: walk(rows), cols: walk(cols) }
    }

    fn picked(extents: &[usize], rows: (i64, &[i64]), start: i64, by: i64, table: &Rc<Table>) -> Site {
        let mut cols = Walk::new(start, SmallVec::from_elem(0, extents.len()));
        cols.tables.push((table.clone(), by));
        Site::Regular { extents: extents.to_vec(), rows: Walk::new(rows.0, SmallVec::from_slice(rows.1)), cols }
    }

    #[test]
    fn lines_and_lists_are_the_same() {
        let table = Rc::new(Table::new(Rc::new(vec![2, 0, 1, 1, 0, 2, 2])));
        let cases: Vec<([usize; 2], Vec<Site>, bool)> = vec![
            // three diagonals, the main one twice
            (
                [7, 7],
                vec![
                    site(&[6], (0, &[1]), (1, &[1])),
                    site(&[6], (1, &[1]), (0, &[1])),
                    site(&[6], (0, &[1]), (0, &[1])),
                    site(&[6], (1, &[1]), (1, &[1])),
                ],
                true,
            ),
            // a stencil on a grid
            (
                [12, 12],
                vec![
                    site(&[4, 3], (0, &[3, 1]), (0, &[3, 1])),
                    site(&[4, 2], (1, &[3, 1]), (0, &[3, 1])),
                    site(&[4, 2], (0, &[3, 1]), (1, &[3, 1])),
                    site(&[3, 3], (3, &[3, 1]), (0, &[3, 1])),
                    site(&[3, 3], (0, &[3, 1]), (3, &[3, 1])),
                ],
                true,
            ),
            // blocks that tables place, in rows one by one and one after the other
            (
                [14, 20],
                vec![
                    picked(&[7], (0, &[2]), 12, 2, &table),
                    picked(&[7], (0, &[2]), 13, 2, &table),
                    picked(&[7], (1, &[2]), 1, 3, &table),
                    picked(&[7], (1, &[2]), 0, 3, &table),
                    site(&[7], (0, &[2]), (0, &[1])),
                ],
                true,
            ),
            // dense blocks
            ([6, 5], vec![site(&[3, 4], (0, &[1, 0]), (0, &[0, 1])), site(&[3, 5], (3, &[1, 0]), (0, &[0, 1]))], true),
            // two tables that cross
            ([7, 7], vec![picked(&[7], (0, &[1]), 0, 1, &table), site(&[7], (0, &[1]), (6, &[-1]))], false),
            ([3, 2], vec![site(&[0], (0, &[1]), (0, &[1]))], true),
            ([0, 0], vec![], true),
        ];
        for (k, (shape, sites, regular)) in cases.iter().enumerate() {
            let total = sites.iter().map(Site::len).sum();
            let wanted = sorted(*shape, sites, total).expect("a pattern");
            let found = by_lines(*shape, sites);
            assert_eq!(found.is_some(), *regular, "{k}");
            let Some(found) = found else { continue };
            assert_eq!(found.matrix, wanted.matrix, "{k}");
            assert_eq!(found.doubles, wanted.doubles, "{k}");
            for (a, b) in found.routes.iter().zip(&wanted.routes) {
                assert_eq!(a.places(), b.places(), "{k}");
            }
        }
    }
}
