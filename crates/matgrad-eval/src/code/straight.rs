//! A small program as a whole: every entry of every tensor is a number of its own.

use super::{Code, Inst, Reg};

/// Code with where its operands come from and where its results go.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Straight {
    /// The instructions.
    pub code: Code,
    /// Where each loaded number is: the input, and its place there.
    pub loads: Vec<(u32, u32)>,
    /// How many numbers of each input are needed.
    pub inputs: Vec<usize>,
    /// The registers of each result, entry by entry.
    pub results: Vec<Vec<Reg>>,
}

impl Straight {
    /// Names the loads of the code one after the other; they were numbered through all inputs, which start there.
    pub fn new(mut code: Code, starts: &[usize], results: Vec<Vec<Reg>>) -> Self {
        let mut loads = Vec::new();
        let mut inputs = vec![0; starts.len()];
        for inst in &mut code.insts {
            if let Inst::Load(at) = inst {
                // the last input that starts there or before
                let k = starts.partition_point(|s| *s <= *at as usize).saturating_sub(1);
                let place = *at as usize - starts.get(k).copied().unwrap_or(0);
                if let Some(needed) = inputs.get_mut(k) {
                    *needed = (*needed).max(place + 1);
                }
                *at = loads.len() as u32;
                loads.push((k as u32, place as u32));
            }
        }
        Self { code, loads, inputs, results }
    }

    /// Whether the inputs and the places for the results are long enough.
    pub fn fits(&self, inputs: &[&[f64]], results: &[&mut [f64]]) -> bool {
        inputs.len() >= self.inputs.len()
            && results.len() == self.results.len()
            && inputs.iter().zip(&self.inputs).all(|(x, n)| x.len() >= *n)
            && results.iter().zip(&self.results).all(|(x, r)| x.len() == r.len())
    }

    /// Computes the results, instruction by instruction.
    pub fn run(&self, inputs: &[&[f64]], registers: &mut Vec<f64>, results: &mut [&mut [f64]]) {
        let load = |k: u32| {
            let place = self.loads.get(k as usize);
            let value = place.and_then(|(input, at)| inputs.get(*input as usize)?.get(*at as usize));
            value.copied().unwrap_or(f64::NAN)
        };
        self.code.run(registers, load);
        for (result, from) in results.iter_mut().zip(&self.results) {
            for (place, reg) in result.iter_mut().zip(from) {
                *place = registers.get(reg.0 as usize).copied().unwrap_or(f64::NAN);
            }
        }
    }
}
