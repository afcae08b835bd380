//! Positions of entries in terms of loops: rows and columns that move by steps and by tables.

use std::rc::Rc;

use smallvec::SmallVec;

/// A position for each turn of a loop.
#[derive(Debug, PartialEq)]
pub(super) struct Table {
    pub places: Rc<Vec<i64>>,
    /// The least of them and the greatest.
    pub low: i64,
    pub high: i64,
}

impl Table {
    pub fn new(places: Rc<Vec<i64>>) -> Self {
        let (low, high) = places.iter().fold((i64::MAX, i64::MIN), |(l, h), k| (l.min(*k), h.max(*k)));
        Self { places, low, high }
    }
}

/// A row or a column in the turns of a loop.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Walk {
    /// Where it is in the first turn but for what tables add.
    pub start: i64,
    /// What a step of each loop adds.
    pub strides: SmallVec<[i64; 4]>,
    /// What tables add: the value for a turn times a number.
    pub tables: SmallVec<[(Rc<Table>, i64); 1]>,
}

impl Walk {
    pub fn new(start: i64, strides: SmallVec<[i64; 4]>) -> Self {
        Self { start, strides, tables: SmallVec::new() }
    }

    /// What tables add in a turn.
    pub fn tabled(&self, turn: usize) -> i64 {
        self.tables.iter().map(|(t, by)| t.places.get(turn).copied().unwrap_or(0) * by).sum()
    }

    /// Its value at a position of the loops.
    pub fn at(&self, index: &[usize], turn: usize) -> i64 {
        let moved: i64 = self.strides.iter().zip(index).map(|(s, k)| s * *k as i64).sum();
        self.start + moved + self.tabled(turn)
    }

    /// Bounds of its values.
    pub fn range(&self, extents: &[usize]) -> (i64, i64) {
        let (mut low, mut high) = (self.start, self.start);
        let steps = self.strides.iter().zip(extents).map(|(s, n)| (0, s * (*n as i64 - 1)));
        let tables = self.tables.iter().map(|(t, by)| (t.low * by, t.high * by));
        for (a, b) in steps.chain(tables) {
            low += a.min(b);
            high += a.max(b);
        }
        (low, high)
    }

    /// Whether no two turns have the same value.
    pub fn injective(&self, extents: &[usize]) -> bool {
        let mut steps: SmallVec<[(i64, i64); 4]> =
            self.strides.iter().zip(extents).filter(|(_, n)| **n > 1).map(|(s, n)| (*s, *n as i64)).collect();
        steps.sort_unstable();
        let mut reach = 0;
        let apart = steps.iter().all(|(s, n)| {
            let apart = *s > reach;
            reach += s * (n - 1);
            apart
        });
        apart && self.tables.is_empty()
    }
}

/// Where the entries are that one coefficient has in the turns of its loop.
#[derive(Clone, Debug)]
pub(super) enum Site {
    /// Row and column in terms of loops of these lengths.
    Regular { extents: Vec<usize>, rows: Walk, cols: Walk },
    /// One by one; nothing where an entry vanishes.
    Each(Vec<Option<[u32; 2]>>),
}

impl Site {
    /// How many turns there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Regular { extents, .. } => extents.iter().product(),
            Self::Each(list) => list.len(),
        }
    }

    /// Row and column in each turn; nothing outside the matrix.
    pub fn each(&self, [rows, cols]: [usize; 2], mut visit: impl FnMut(Option<[u32; 2]>)) {
        match self {
            Self::Each(list) => {
                let inside = |at: &[u32; 2]| (at[0] as usize) < rows && (at[1] as usize) < cols;
                list.iter().for_each(|at| visit(at.filter(inside)));
            }
            Self::Regular { extents, rows: r, cols: c } => for_each_line(extents, |first, index, count| {
                let mut at = [r.at(index, usize::MAX), c.at(index, usize::MAX)];
                let step = [r, c].map(|walk| walk.strides.last().copied().unwrap_or(0));
                for turn in first..first + count {
                    let (row, col) = (at[0] + r.tabled(turn), at[1] + c.tabled(turn));
                    let inside = (0..rows as i64).contains(&row) && (0..cols as i64).contains(&col);
                    visit(inside.then_some([row as u32, col as u32]));
                    at = [at[0] + step[0], at[1] + step[1]];
                }
            }),
        }
    }
}

/// The turns of loops, those of the innermost one together: the number of the first, its position, how many.
pub(super) fn for_each_line(extents: &[usize], mut visit: impl FnMut(usize, &[usize], usize)) {
    let total: usize = extents.iter().product();
    let inner = extents.last().copied().unwrap_or(1);
    let mut index: SmallVec<[usize; 4]> = SmallVec::from_elem(0, extents.len());
    let mut first = 0;
    while first < total {
        visit(first, &index, inner);
        first += inner;
        for k in (0..extents.len().saturating_sub(1)).rev() {
            index[k] += 1;
            if index[k] < extents[k] {
                break;
            }
            index[k] = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_those_of_nested_loops() {
        let table = Rc::new(Table::new(Rc::new(vec![4, 0, 2, 1, 1, 3])));
        let rows = Walk::new(1, SmallVec::from_slice(&[3, 1]));
        let cols =
            Walk { start: 2, strides: SmallVec::from_slice(&[0, 10]), tables: [(table, 2)].into_iter().collect() };
        assert!(rows.injective(&[2, 3]) && !rows.injective(&[2, 4]) && !cols.injective(&[2, 3]));
        assert_eq!((rows.range(&[2, 3]), cols.range(&[2, 3])), ((1, 6), (2, 30)));
        let site = Site::Regular { extents: vec![2, 3], rows, cols };
        let mut found = Vec::new();
        site.each([7, 27], |at| found.push(at));
        let wanted = [[1, 10], [2, 12], [3, 26], [4, 4], [5, 14], [6, 28]];
        assert_eq!(found, wanted.map(|at: [u32; 2]| Some(at).filter(|at| at[1] < 27)));
        Site::Regular { extents: vec![2, 0], rows: Walk::new(0, SmallVec::new()), cols: Walk::new(0, SmallVec::new()) }
            .each([1, 1], |_| panic!("no turn"));
    }
}
