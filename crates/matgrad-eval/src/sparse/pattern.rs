//! The pattern of a sparse matrix from its terms, and the way of each coefficient to its entry.

use super::csr::Csr;
use crate::error::CompileError;

/// An entry that vanishes.
const NOWHERE: u32 = u32::MAX;

/// Consecutive coefficients go to entries at equal distances.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Run {
    /// The first entry.
    pub at: u32,
    pub len: u32,
    pub step: i32,
    /// What is added to the coefficient.
    pub base: f64,
}

/// Where coefficients go.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Route {
    /// All at equal distances, or nearly so.
    Runs(Vec<Run>),
    /// One by one, with what is added to each where that is anything.
    Each(Vec<u32>, Vec<f64>),
}

/// How far the runs of a route have got.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cursor {
    run: usize,
    inside: usize,
}

impl Route {
    /// Coefficients go to these places, each with a number added to it.
    pub fn new(places: Vec<u32>, base: impl Fn(u32) -> f64) -> Self {
        let mut runs: Vec<Run> = Vec::new();
        for &at in &places {
            let own = base(at);
            if let Some(run) = runs.last_mut()
                && (run.base.to_bits() == own.to_bits() || at == NOWHERE)
                && (run.at == NOWHERE) == (at == NOWHERE)
            {
                let next = i64::from(run.at) + i64::from(run.len) * i64::from(run.step);
                if at == NOWHERE || run.len > 1 && next == i64::from(at) {
                    run.len += 1;
                    continue;
                }
                if run.len == 1
                    && let Ok(step) = i32::try_from(i64::from(at) - i64::from(run.at))
                {
                    (run.len, run.step) = (2, step);
                    continue;
                }
            }
            runs.push(Run { at, len: 1, step: 0, base: own });
            if runs.len() > 64 && runs.len() * 8 > places.len() {
                let bases: Vec<f64> = places.iter().map(|at| base(*at)).collect();
                let bases = if bases.iter().all(|x| *x == 0.0) { Vec::new() } else { bases };
                return Self::Each(places, bases);
            }
        }
        Self::Runs(runs)
    }

    /// Sets the entries of the coefficients from this one on, or adds to what is there.
    pub fn send(&self, values: &[f64], from: usize, add: bool, cursor: &mut Cursor, data: &mut [f64]) {
        match self {
            Self::Each(places, bases) => {
                let places = places.get(from..).unwrap_or(&[]).iter().zip(values);
                if add {
                    for (at, value) in places {
                        if let Some(entry) = data.get_mut(*at as usize) {
                            *entry += value; // nowhere is beyond the end
                        }
                    }
                } else if bases.is_empty() {
                    for (at, value) in places {
                        if let Some(entry) = data.get_mut(*at as usize) {
                            *entry = *value;
                        }
                    }
                } else {
                    for ((at, value), base) in places.zip(bases.get(from..).unwrap_or(&[])) {
                        if let Some(entry) = data.get_mut(*at as usize) {
                            *entry = value + base;
                        }
                    }
                }
            }
            Self::Runs(runs) => {
                let mut values = values;
                while !values.is_empty() {
                    let Some(run) = runs.get(cursor.run) else { return };
                    let count = (run.len as usize - cursor.inside).min(values.len());
                    let (own, rest) = values.split_at(count);
                    if run.at != NOWHERE {
                        run.send(own, cursor.inside, add, data);
                    }
                    cursor.inside += count;
                    if cursor.inside == run.len as usize {
                        *cursor = Cursor { run: cursor.run + 1, inside: 0 };
                    }
                    values = rest;
                }
            }
        }
    }

    /// The first entry and the distance from each to the next, where all coefficients go along one line with nothing added.
    pub fn line(&self, turns: usize) -> Option<(usize, usize)> {
        let Self::Runs(runs) = self else { return None };
        let [Run { at, len, step, base }] = runs.as_slice() else { return None };
        let plain = *at != NOWHERE && *base == 0.0 && *len as usize == turns;
        let step = usize::try_from(*step).ok().filter(|step| *step > 0 && plain)?;
        Some((*at as usize, step))
    }

    /// Marks the entries that it reaches.
    pub fn mark(&self, seen: &mut [bool]) {
        let mut put = |at: usize| {
            if let Some(entry) = seen.get_mut(at) {
                *entry = true;
            }
        };
        match self {
            Self::Each(places, _) => places.iter().for_each(|at| put(*at as usize)),
            Self::Runs(runs) => {
                for run in runs.iter().filter(|run| run.at != NOWHERE) {
                    (0..i64::from(run.len)).for_each(|k| put((i64::from(run.at) + k * i64::from(run.step)) as usize));
                }
            }
        }
    }
}

impl Run {
    fn send(&self, values: &[f64], inside: usize, add: bool, data: &mut [f64]) {
        let first = i64::from(self.at) + inside as i64 * i64::from(self.step);
        let Ok(first) = usize::try_from(first) else { return };
        match usize::try_from(self.step) {
            Ok(step) if step > 0 => {
                let to = data.get_mut(first..).unwrap_or(&mut []).iter_mut().step_by(step).zip(values);
                match (add, self.base == 0.0) {
                    (true, _) => to.for_each(|(entry, value)| *entry += value),
                    (false, true) => to.for_each(|(entry, value)| *entry = *value),
                    (false, false) => to.for_each(|(entry, value)| *entry = value + self.base),
                }
            }
            _ => {
                for (k, value) in values.iter().enumerate() {
                    let at = first as i64 + k as i64 * i64::from(self.step);
                    if let Some(entry) = data.get_mut(at as usize) {
                        *entry = if add { *entry + value } else { value + self.base };
                    }
                }
            }
        }
    }
}

/// Positions of entries.
pub(super) trait Places {
    /// How many there are.
    fn len(&self) -> usize;
    /// Row and column of each; `None` where an entry vanishes.
    fn each(&self, visit: impl FnMut(Option<[usize; 2]>));
}

/// The matrix with zeros for entries, and for each term where its coefficients go.
pub(super) fn assemble<P: Places>(shape: [usize; 2], terms: &[P]) -> Result<(Csr, Vec<Vec<u32>>), CompileError> {
    let total: usize = terms.iter().map(P::len).fold(0, usize::saturating_add);
    let [rows, cols] = shape;
    let fits = total < NOWHERE as usize && cols < NOWHERE as usize && rows < NOWHERE as usize;
    if !fits {
        let bytes = (total as u64).saturating_mul(16);
        return Err(CompileError::TooLarge { bytes, limit: 16 << 32, largest: vec![rows, cols] });
    }
    // by rows: how many, then which
    let mut starts = vec![0u32; rows + 1];
    let mut places: Vec<[u32; 2]> = Vec::with_capacity(total);
    for term in terms {
        term.each(|at| {
            let at = at.filter(|[r, c]| *r < rows && *c < cols).map_or([NOWHERE; 2], |[r, c]| [r as u32, c as u32]);
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
    let mut own = Vec::with_capacity(terms.len());
    let mut rest = routes.as_slice();
    for term in terms {
        let (head, tail) = rest.split_at(term.len().min(rest.len()));
        own.push(head.to_vec());
        rest = tail;
    }
    let data = vec![0.0; indices.len()];
    let matrix = Csr::new(shape, indptr, indices, data).ok_or(CompileError::Shapes { what: "a sparse matrix" })?;
    Ok((matrix, own))
}

/// The way of all terms.
#[derive(Clone, Debug)]
pub(super) struct Ways {
    /// Where each term's coefficients go; nothing for constants.
    pub routes: Vec<Option<Vec<u32>>>,
    /// Whether a term is added to what is there.
    pub add: Vec<bool>,
    /// What constants add to each entry.
    pub base: Vec<f64>,
    /// Entries that are set to a number before each run.
    pub resets: Vec<(u32, f64)>,
}

/// The ways of the terms, of which some are constant: entries that only constants reach are set once and for all; an entry
/// that several others reach is reset before each run, and they add to it.
pub(super) fn ways(matrix: &mut Csr, routes: Vec<Vec<u32>>, constants: &[Option<Vec<f64>>]) -> Ways {
    let entries = matrix.entries();
    let mut base: Vec<f64> = vec![0.0; entries];
    let mut touched = vec![0u8; entries];
    for (route, values) in routes.iter().zip(constants) {
        match values {
            Some(values) => {
                for (at, value) in route.iter().zip(values) {
                    if let Some(entry) = base.get_mut(*at as usize) {
                        *entry += value;
                    }
                }
            }
            None => {
                for at in route {
                    if let Some(count) = touched.get_mut(*at as usize) {
                        *count = count.saturating_add(1);
                    }
                }
            }
        }
    }
    let shared = |at: &u32| touched.get(*at as usize).is_some_and(|count| *count > 1);
    let mut reset = vec![false; entries];
    let mut add = Vec::with_capacity(routes.len());
    for (route, values) in routes.iter().zip(constants) {
        let own = values.is_none() && route.iter().any(shared);
        if own {
            for at in route {
                if let Some(reset) = reset.get_mut(*at as usize) {
                    *reset = true;
                }
            }
        }
        add.push(own);
    }
    let resets = (0..entries).filter(|k| reset[*k]).map(|k| (k as u32, base[k])).collect();
    matrix.data_mut().copy_from_slice(&base);
    let routes = routes.into_iter().zip(constants).map(|(route, values)| values.is_none().then_some(route)).collect();
    Ways { routes, add, base, resets }
}
