//! One program for many problems: some inputs have an axis more, first, that counts the problems.

use matgrad_syntax::Name;
use smallvec::SmallVec;

use crate::array::{Array, Inputs};
use crate::error::RunError;
use crate::program::{Program, Workspace};
use crate::sizes::fits;

/// Work that pays for a thread of its own, in operations.
const WORTH_A_THREAD: f64 = 2e5;

impl Program {
    /// The results for each of a batch of problems, stacked along a first axis. `batched` names the inputs whose arrays
    /// have that axis too; all others are the same for all problems. Threads are used where there is work for them, and
    /// change nothing in the numbers.
    ///
    /// # Errors
    /// Everything that is wrong with the data; batched inputs of different lengths among it.
    pub fn run_batch(&self, inputs: &Inputs, batched: &[Name], threads: usize) -> Result<Vec<Array>, RunError> {
        let mut missing = Vec::new();
        // the numbers of each input, and how many of them each problem has to itself
        let mut data: Vec<(&[f64], usize)> = Vec::with_capacity(self.inputs().len());
        let mut count: Option<usize> = None;
        for input in self.inputs() {
            let Some(array) = inputs.get(&input.name) else {
                missing.push(input.name.clone());
                continue;
            };
            if !batched.contains(&input.name) {
                if !fits(&input.shape, input.row, array.shape()) {
                    return Err(RunError::Shape {
                        name: input.name.clone(),
                        expected: input.shape.clone(),
                        found: array.shape().to_vec(),
                    });
                }
                data.push((array.data(), 0));
                continue;
            }
            let problems = array.shape().first().copied();
            let rest = array.shape().get(1..).unwrap_or(&[]);
            match problems {
                Some(n) if count.is_none_or(|known| known == n) && fits(&input.shape, input.row, rest) => {
                    count = Some(n);
                    data.push((array.data(), input.shape.iter().product()));
                }
                _ => {
                    let first = count.or(problems).unwrap_or(1);
                    return Err(RunError::Shape {
                        name: input.name.clone(),
                        expected: std::iter::once(first).chain(input.shape.iter().copied()).collect(),
                        found: array.shape().to_vec(),
                    });
                }
            }
        }
        if !missing.is_empty() {
            return Err(RunError::Missing { names: missing });
        }
        let count = count.unwrap_or(1);
        let mut results: Vec<Array> = self
            .results()
            .iter()
            .map(|one| Array::zeros(&std::iter::once(count).chain(one.shape().iter().copied()).collect::<Vec<_>>()))
            .collect();
        let lengths: Vec<usize> = self.results().iter().map(|one| one.data().len()).collect();
        let most = (self.flops() * count as f64 / WORTH_A_THREAD) as usize;
        let threads = threads.min(most).clamp(1, count.max(1));
        let share = count.div_ceil(threads).max(1);
        // the results of each thread, cut off one after the other
        let mut rest: Vec<&mut [f64]> = results.iter_mut().map(Array::data_mut).collect();
        let mut work = Vec::with_capacity(threads);
        let mut first = 0;
        while first < count {
            let here = share.min(count - first);
            let mut mine = Vec::with_capacity(rest.len());
            for (slice, length) in rest.iter_mut().zip(&lengths) {
                let (head, tail) = std::mem::take(slice).split_at_mut(here * length);
                mine.push(head);
                *slice = tail;
            }
            work.push((first, here, mine));
            first += here;
        }
        if let [(first, here, mine)] = work.as_mut_slice() {
            self.run_some(&data, &lengths, *first, *here, mine)?;
            return Ok(results);
        }
        let (data, lengths) = (&data, &lengths);
        let ends: Vec<Result<(), RunError>> = std::thread::scope(|scope| {
            let running: Vec<_> = work
                .into_iter()
                .map(|(first, here, mut mine)| {
                    scope.spawn(move || self.run_some(data, lengths, first, here, &mut mine))
                })
                .collect();
            running.into_iter().filter_map(|thread| thread.join().ok()).collect()
        });
        ends.into_iter().collect::<Result<(), RunError>>()?;
        Ok(results)
    }

    /// The problems `first..first + here`, whose results are one after the other.
    fn run_some(
        &self,
        data: &[(&[f64], usize)],
        lengths: &[usize],
        first: usize,
        here: usize,
        results: &mut [&mut [f64]],
    ) -> Result<(), RunError> {
        let mut workspace = Workspace::default();
        let mut parts: SmallVec<[std::slice::ChunksMut<f64>; 8]> =
            results.iter_mut().zip(lengths).map(|(slice, n)| slice.chunks_mut((*n).max(1))).collect();
        for problem in first..first + here {
            let mut inputs: SmallVec<[&[f64]; 8]> = SmallVec::with_capacity(data.len());
            for (all, own) in data {
                inputs.push(if *own == 0 { all } else { all.get(problem * own..(problem + 1) * own).unwrap_or(&[]) });
            }
            let mut places: SmallVec<[&mut [f64]; 8]> =
                parts.iter_mut().map(|p| p.next().unwrap_or_default()).collect();
            self.run_slices(&inputs, &mut workspace, &mut places)?;
        }
        Ok(())
    }
}
