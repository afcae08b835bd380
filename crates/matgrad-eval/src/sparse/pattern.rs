//! The pattern of a sparse matrix from its terms, and the way of each coefficient to its entry.

use super::csr::Csr;
use super::place::Placed;
use crate::error::CompileError;

/// An entry that vanishes.
const NOWHERE: u32 = u32::MAX;

/// Consecutive coefficients go to entries at equal distances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// The first entry.
    pub at: u32,
    pub len: u32,
    pub step: i32,
}

/// Where coefficients go.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Route {
    /// All at equal distances, or nearly so.
    Runs(Vec<Run>),
    /// One by one.
    Each(Vec<u32>),
}

impl Route {
    fn new(places: Vec<u32>) -> Self {
        let mut runs: Vec<Run> = Vec::new();
        for &at in &places {
            if let Some(run) = runs.last_mut() {
                let next = i64::from(run.at) + i64::from(run.len) * i64::from(run.step);
                if at == NOWHERE && run.at == NOWHERE
                    || at != NOWHERE && run.at != NOWHERE && run.len > 1 && next == i64::from(at)
                {
                    run.len += 1;
                    continue;
                }
                if run.len == 1
                    && at != NOWHERE
                    && run.at != NOWHERE
                    && let Ok(step) = i32::try_from(i64::from(at) - i64::from(run.at))
                {
                    (run.len, run.step) = (2, step);
                    continue;
                }
            }
            runs.push(Run { at, len: 1, step: 0 });
            if runs.len() > 64 && runs.len() * 8 > places.len() {
                return Self::Each(places);
            }
        }
        Self::Runs(runs)
    }

    /// Sets entries to the coefficients, or adds these to what is there.
    pub fn send(&self, values: &[f64], stride: usize, add: bool, data: &mut [f64]) {
        let mut source = values.iter().step_by(stride.max(1));
        let mut put = |at: usize, value: f64| {
            if let Some(entry) = data.get_mut(at) {
                *entry = if add { *entry + value } else { value };
            }
        };
        match self {
            Self::Each(places) => {
                for (at, value) in places.iter().zip(source) {
                    put(*at as usize, *value); // nowhere is beyond the end
                }
            }
            Self::Runs(runs) => {
                for run in runs {
                    let own = source.by_ref().take(run.len as usize);
                    if run.at == NOWHERE {
                        own.for_each(drop);
                        continue;
                    }
                    let mut at = run.at as i64;
                    for value in own {
                        put(at as usize, *value);
                        at += i64::from(run.step);
                    }
                }
            }
        }
    }

    /// Marks the entries that it reaches.
    pub fn mark(&self, seen: &mut [bool]) {
        let mut put = |at: usize| {
            if let Some(entry) = seen.get_mut(at) {
                *entry = true;
            }
        };
        match self {
            Self::Each(places) => places.iter().for_each(|at| put(*at as usize)),
            Self::Runs(runs) => {
                for run in runs.iter().filter(|run| run.at != NOWHERE) {
                    (0..i64::from(run.len)).for_each(|k| put((i64::from(run.at) + k * i64::from(run.step)) as usize));
                }
            }
        }
    }
}

/// The matrix with zeros for entries, and for each term where its coefficients go.
pub(super) fn assemble(shape: [usize; 2], terms: &[Placed]) -> Result<(Csr, Vec<Vec<u32>>), CompileError> {
    let total: usize = terms.iter().map(Placed::len).fold(0, usize::saturating_add);
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

/// Where a term's coefficients go, and whether they are added to what is there.
#[derive(Clone, Debug)]
pub(super) struct Delivery {
    pub route: Route,
    pub add: bool,
}

/// The deliveries of terms that vary, given where all terms go and the constants among them: entries that only constants
/// reach are set once and for all, entries that both reach are set again before each run.
pub(super) fn deliveries(
    matrix: &mut Csr,
    routes: Vec<Vec<u32>>,
    constants: &[Option<Vec<f64>>],
) -> (Vec<Option<Delivery>>, Vec<(u32, f64)>) {
    let entries = matrix.entries();
    let mut base: Vec<f64> = vec![0.0; entries];
    let mut of_constant = vec![false; entries];
    for (route, values) in routes.iter().zip(constants) {
        let Some(values) = values else { continue };
        for (at, value) in route.iter().zip(values) {
            if let Some(entry) = base.get_mut(*at as usize) {
                *entry += value;
                of_constant[*at as usize] = true;
            }
        }
    }
    // the first term at an entry sets it, unless a constant is there or another term of its kind came before
    let mut touched = vec![false; entries];
    let mut again = vec![false; entries];
    let mut out = Vec::with_capacity(routes.len());
    for (route, values) in routes.into_iter().zip(constants) {
        if values.is_some() {
            out.push(None);
            continue;
        }
        let at = |k: &u32| *k as usize;
        let mut twice = false;
        let mut seen_here: Vec<u32> = Vec::new();
        for k in route.iter().filter(|k| at(k) < entries) {
            twice |= touched[at(k)] || of_constant[at(k)];
            if !touched[at(k)] {
                seen_here.push(*k);
            }
            touched[at(k)] = true;
        }
        // a term that meets an entry twice has touched it before by itself
        twice |= seen_here.len() < route.iter().filter(|k| at(k) < entries).count();
        if twice {
            seen_here.iter().for_each(|k| again[at(k)] = true);
        }
        out.push(Some(Delivery { route: Route::new(route), add: twice }));
    }
    let resets = (0..entries).filter(|k| again[*k]).map(|k| (k as u32, base[k])).collect();
    matrix.data_mut().copy_from_slice(&base);
    (out, resets)
}
