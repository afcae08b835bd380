//! Sparse Jacobians.

use super::Sparse;
use super::coloring::{distance_two, transposed};
use super::dependencies::Nodes;
use crate::derivatives::Block;
use crate::tape::{LANES, Tape, with_run};
use crate::{Error, Map, Real};

/// The Jacobian of a map in compressed rows. The pattern is that of the run at this point; columns without a common row (or
/// rows without a common column, where that takes fewer) are computed together, eight such groups at once.
///
/// ```
/// use matgrad_tape::{map, sparse_jacobian};
/// let f = map!(|x| x.windows(2).map(|p| p[1] - p[0].powi(2)));
/// let j = sparse_jacobian(&f, &[1.0; 1000])?;
/// assert_eq!((j.shape(), j.data().len(), j.colors()), ((999, 1000), 1998, 2));
/// # Ok::<(), matgrad_tape::Error>(())
/// ```
pub fn sparse_jacobian<T: Real>(f: &impl Map, x: &[T]) -> Result<Sparse<T>, Error> {
    with_run(x, |x, out| f.values(x, out), |tape| Ok(of_run(tape, f, x)))
}

fn of_run<T: Real>(tape: &mut Tape<T>, f: &impl Map, x: &[T]) -> Sparse<T> {
    let columns = tape.inputs();
    let nodes = Nodes::of_record(columns, tape.record.entries());
    let roots: Vec<u32> = tape.outputs.iter().map(|output| output.end.map_or(u32::MAX, |(node, _)| node)).collect();
    let rows = nodes.dependencies(&roots);
    let by_column = transposed(&rows, columns);
    let longest = |lists: &[Vec<u32>]| lists.iter().map(Vec::len).max().unwrap_or(0);
    // there are at least as many colours as entries in the longest row
    let forward = longest(&rows) <= longest(&by_column);
    let (colors, count) = if forward { distance_two(&rows, columns) } else { distance_two(&by_column, rows.len()) };
    let mut sparse = Sparse::of_pattern(&rows, columns, count);
    let color = |k: usize| colors.get(k).map_or(usize::MAX, |color| *color as usize);
    let mut block = Block::default();
    for first in (0..count).step_by(LANES) {
        let lane = |k: usize| color(k).checked_sub(first).filter(|lane| *lane < LANES);
        let mut data = sparse.data_mut();
        if forward {
            block.run(f, x, lane);
            for (row, columns) in rows.iter().enumerate() {
                let tangents = block.tangents(row);
                let (own, rest) = std::mem::take(&mut data).split_at_mut(columns.len());
                for (out, column) in own.iter_mut().zip(columns) {
                    if let Some(lane) = lane(*column as usize) {
                        *out = tangents[lane];
                    }
                }
                data = rest;
            }
        } else {
            let adjoints = tape.reverse_lanes(lane);
            for (row, columns) in rows.iter().enumerate() {
                let (own, rest) = std::mem::take(&mut data).split_at_mut(columns.len());
                if let Some(lane) = lane(row) {
                    for (out, column) in own.iter_mut().zip(columns) {
                        *out = adjoints.get(*column as usize).map_or(T::default(), |lanes| lanes[lane]);
                    }
                }
                data = rest;
            }
        }
    }
    sparse
}
