//! Sparse Hessians.

use std::collections::{BTreeMap, BTreeSet};

use super::Sparse;
use super::coloring::star;
use super::dependencies::Nodes;
use crate::error::same_length;
use crate::tape::{LANES, Reused};
use crate::trace::{Elementary, Operation, Trace};
use crate::{Dual, Error, Function, Real};

/// The Hessian of a function in compressed rows: the pattern of the run at this point, a star colouring of it, and for every
/// eight colours one run and one sweep over a tape of dual numbers.
///
/// ```
/// use matgrad_tape::{function, sparse_hessian};
/// let f = function!(|x| x.windows(2).map(|p| (p[1] - p[0].powi(2)).powi(2)).sum::<S>());
/// let h = sparse_hessian(&f, &[1.0; 1000])?;
/// assert_eq!((h.shape(), h.data().len(), h.colors()), ((1000, 1000), 2998, 3));
/// # Ok::<(), matgrad_tape::Error>(())
/// ```
pub fn sparse_hessian<T: Real>(f: &impl Function, x: &[T]) -> Result<Sparse<T>, Error>
where
    Dual<T, LANES>: Reused,
{
    HessianPattern::of(f, x)?.hessian(f, x)
}

/// Where the Hessian of a function has entries, and which of its columns are computed together; for several points at which
/// the program takes the same path.
///
/// ```
/// use matgrad_tape::{HessianPattern, function};
/// let f = function!(|x| x[0] * x[2] + x[1].exp());
/// let pattern = HessianPattern::of(&f, &[1.0; 3])?;
/// assert_eq!((pattern.rows(), pattern.colors()), (&[vec![2], vec![1], vec![0]][..], 2));
/// assert_eq!(pattern.hessian(&f, &[1.0, 0.0, 2.0])?.data(), [1.0; 3]);
/// # Ok::<(), matgrad_tape::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct HessianPattern {
    rows: Vec<Vec<u32>>,
    colors: Vec<u32>,
    count: usize,
}

impl HessianPattern {
    /// The pattern of a run: two inputs meet where both go into an operation that is not linear in them.
    pub fn of<T: Real>(f: &impl Function, x: &[T]) -> Result<Self, Error> {
        let x: Vec<f64> = x.iter().map(|x| (*x).into()).collect();
        let rows = pattern(&Trace::of(f, &x)?);
        let (colors, count) = star(&rows);
        Ok(Self { rows, colors, count })
    }

    /// The columns of the entries in each row, ascending.
    pub fn rows(&self) -> &[Vec<u32>] {
        &self.rows
    }

    /// How many directions the Hessian is computed from.
    pub fn colors(&self) -> usize {
        self.count
    }

    /// The Hessian at a point.
    pub fn hessian<T: Real>(&self, f: &impl Function, x: &[T]) -> Result<Sparse<T>, Error>
    where
        Dual<T, LANES>: Reused,
    {
        let n = self.rows.len();
        same_length("the point", x.len(), "the pattern", n)?;
        let mut sparse = Sparse::of_pattern(&self.rows, n, self.count);
        let mut gradient = vec![Dual::<T, LANES>::new(T::default()); n];
        let mut point = Vec::with_capacity(n);
        let color = |k: usize| self.colors.get(k).map_or(usize::MAX, |color| *color as usize);
        // in which of the two sums an entry stands alone
        let places = self.places();
        <Dual<T, LANES>>::with_tape(|tape| {
            for first in (0..self.count).step_by(LANES) {
                point.clear();
                point.extend(x.iter().enumerate().map(|(k, x)| Dual::variable(*x, color(k).wrapping_sub(first))));
                tape.value_and_gradient(f, &point, &mut gradient)?;
                for (out, (row, color)) in sparse.data_mut().iter_mut().zip(&places) {
                    let lane = (*color as usize).checked_sub(first);
                    let found = lane.and_then(|lane| gradient.get(*row as usize)?.tangents.get(lane));
                    if let Some(value) = found {
                        *out = *value;
                    }
                }
            }
            Ok(())
        })?;
        Ok(sparse)
    }

    /// For each entry, row and colour of the sum that it is alone in.
    fn places(&self) -> Vec<(u32, u32)> {
        let mut places = Vec::new();
        let mut count: BTreeMap<u32, u32> = BTreeMap::new();
        for (i, row) in self.rows.iter().enumerate() {
            count.clear();
            row.iter().for_each(|j| *count.entry(self.colors[*j as usize]).or_insert(0) += 1);
            for j in row {
                let color = self.colors[*j as usize];
                let alone = count.get(&color).is_some_and(|count| *count == 1);
                places.push(if alone { (i as u32, color) } else { (*j, self.colors[i]) });
            }
        }
        places
    }
}

/// Which operands of an operation meet: each with itself, and both with each other.
fn curved(operation: Operation) -> (bool, bool, bool) {
    use Operation::*;
    match operation {
        Function(Elementary::Abs | Elementary::Sign | Elementary::Relu, _) => (false, false, false),
        Function(..) | Polygamma(..) => (true, false, false),
        Mul(..) => (false, false, true),
        Div(..) => (false, true, true),
        Pow(..) | Atan2(..) | Hypot(..) => (true, true, true),
        Input(_) | Constant(_) | Neg(_) | Add(..) | Sub(..) | Max(..) | Min(..) => (false, false, false),
    }
}

fn pattern(trace: &Trace) -> Vec<Vec<u32>> {
    // operations that the result depends on
    let operations = trace.operations();
    let mut used = vec![false; operations.len()];
    trace.outputs().iter().for_each(|node| used[*node as usize] = true);
    for (node, operation) in operations.iter().enumerate().rev() {
        if used[node] {
            operation.operands().into_iter().flatten().for_each(|operand| used[operand as usize] = true);
        }
    }
    let mut pairs = BTreeSet::new();
    for (operation, _) in operations.iter().zip(&used).filter(|(_, used)| **used) {
        let (first, second, both) = curved(*operation);
        let [x, y] = operation.operands();
        let own = [x.filter(|_| first), y.filter(|_| second)];
        pairs.extend(own.into_iter().flatten().map(|x| (x, x)));
        if both {
            pairs.extend(x.zip(y));
        }
    }
    let roots: Vec<u32> = pairs.iter().flat_map(|(x, y)| [*x, *y]).collect::<BTreeSet<u32>>().into_iter().collect();
    let lists = Nodes::of_trace(trace).dependencies(&roots);
    // equal sets of inputs are looked at once
    let mut ids: BTreeMap<&[u32], usize> = BTreeMap::new();
    let mut id_of: BTreeMap<u32, usize> = BTreeMap::new();
    for (root, list) in roots.iter().zip(&lists) {
        let next = ids.len();
        id_of.insert(*root, *ids.entry(list).or_insert(next));
    }
    let mut sets: Vec<&[u32]> = vec![&[]; ids.len()];
    ids.iter().for_each(|(list, id)| sets[*id] = list);
    let meetings: BTreeSet<(usize, usize)> = pairs
        .iter()
        .filter_map(|(x, y)| Some((*id_of.get(x)?, *id_of.get(y)?)))
        .map(|(x, y)| (x.min(y), x.max(y)))
        .collect();
    let mut rows: Vec<Vec<u32>> = vec![Vec::new(); trace.inputs()];
    for (x, y) in meetings {
        for (from, to) in [(x, y), (y, x)] {
            for input in sets[from] {
                rows[*input as usize].extend_from_slice(sets[to]);
            }
            if x == y {
                break;
            }
        }
        // rows do not grow beyond what they say
        for input in sets[x].iter().chain(sets[y]) {
            let row = &mut rows[*input as usize];
            if row.len() > 64 && row.len() > 2 * trace.inputs() {
                row.sort_unstable();
                row.dedup();
            }
        }
    }
    for row in &mut rows {
        row.sort_unstable();
        row.dedup();
    }
    rows
}
