//! Which loops compute the coefficients of which terms.

use super::loops::Output;
use super::pattern::Route;
use super::place::{Placed, Placer};
use super::scalar::{Ix, Scalars};
use crate::Array;
use crate::code::Code;
use crate::error::CompileError;

/// A term that varies.
pub(super) struct Moving {
    pub matrix: usize,
    pub placed: Placed,
    pub route: Vec<u32>,
    pub add: bool,
}

/// A loop before its operands have places.
pub(super) struct Draft {
    pub scalars: Scalars,
    pub code: Code,
    pub outputs: Vec<Output>,
}

/// Axes up to this length are written out where a longer one remains to loop over.
const WRITTEN_OUT: usize = 16;
/// No term is written out more often than this.
const MOST_COPIES: usize = 128;

/// Which axes of a term are looped over.
pub(super) fn looped(extents: &[usize]) -> Vec<bool> {
    let longest = (0..extents.len()).max_by_key(|k| (extents[*k], std::cmp::Reverse(*k)));
    let mut looped: Vec<bool> = extents.iter().map(|n| *n > WRITTEN_OUT).collect();
    if let Some(longest) = longest {
        looped[longest] = true;
    }
    loop {
        let rest = (0..extents.len()).filter(|k| !looped[*k]);
        if rest.clone().map(|k| extents[k]).product::<usize>() <= MOST_COPIES {
            return looped;
        }
        match rest.max_by_key(|k| extents[*k]) {
            Some(k) => looped[k] = true,
            None => return looped,
        }
    }
}

/// The loops for all terms: those with equal loops share their work.
pub(super) fn drafts(placer: &mut Placer, moving: Vec<Moving>, bases: &[Vec<f64>]) -> Result<Vec<Draft>, CompileError> {
    type Group = (Vec<usize>, Vec<(Moving, Vec<bool>)>);
    let mut groups: Vec<Group> = Vec::new();
    for term in moving {
        let looped = looped(&term.placed.extents);
        let own = term.placed.extents.iter().zip(&looped);
        let extents: Vec<usize> = own.filter(|(_, l)| **l).map(|(n, _)| *n).collect();
        match groups.iter_mut().find(|(known, _)| *known == extents) {
            Some((_, members)) => members.push((term, looped)),
            None => groups.push((extents, vec![(term, looped)])),
        }
    }
    let mut out = Vec::new();
    for (extents, members) in groups {
        let mut current = Scalars::new(extents.clone());
        let mut outputs: Vec<Output> = Vec::new();
        for (term, looped) in members {
            let mut added = written(placer, &mut current, &term, &looped, bases)?;
            if added.is_none() && !outputs.is_empty() {
                // too much for one loop
                let full = std::mem::replace(&mut current, Scalars::new(extents.clone()));
                out.push(draft(full, std::mem::take(&mut outputs)));
                added = written(placer, &mut current, &term, &looped, bases)?;
            }
            match added {
                Some(mut added) => outputs.append(&mut added),
                None => {
                    // the program makes the coefficients, and a loop of its own sends them
                    let mut plain = Scalars::new(extents.clone());
                    plain.only_loads = true;
                    let sent = written(placer, &mut plain, &term, &looped, bases)?;
                    out.push(draft(plain, sent.ok_or(CompileError::Shapes { what: "a sparse result" })?));
                }
            }
        }
        if !outputs.is_empty() {
            out.push(draft(current, outputs));
        }
    }
    Ok(out)
}

/// The loop that computes some outputs.
pub(super) fn draft(mut scalars: Scalars, mut outputs: Vec<Output>) -> Draft {
    let mut values: Vec<_> = outputs.iter().map(|o| o.value).collect();
    let code = std::mem::take(&mut scalars.build).finish(&mut values);
    outputs.iter_mut().zip(values).for_each(|(o, value)| o.value = value);
    Draft { scalars, code, outputs }
}

/// The outputs of a term, one for each position along the axes that are written out.
fn written(
    placer: &mut Placer,
    scalars: &mut Scalars,
    term: &Moving,
    looped: &[bool],
    bases: &[Vec<f64>],
) -> Result<Option<Vec<Output>>, CompileError> {
    let extents = &term.placed.extents;
    let own = crate::array::strides(extents);
    let split = |wanted: bool| -> (Vec<usize>, Vec<usize>) {
        (0..extents.len()).filter(|k| looped[*k] == wanted).map(|k| (extents[k], own[k])).unzip()
    };
    let ((copies, copy_strides), (turns, turn_strides)) = (split(false), split(true));
    let base = bases.get(term.matrix);
    let mut fixed: Vec<Vec<usize>> = Vec::new();
    Array::from_fn(&copies, |at| {
        fixed.push(at.to_vec());
        0.0
    });
    let mut outputs = Vec::new();
    for at in fixed {
        let (mut numbers, mut axis) = (at.iter(), 0);
        let mut ixs = Vec::with_capacity(extents.len());
        for looped in looped {
            ixs.push(if *looped {
                axis += 1;
                Ix::of_loop(axis - 1)
            } else {
                Ix::at(numbers.next().map_or(0, |k| *k as i64))
            });
        }
        let Some(value) = scalars.entry(placer, term.placed.node, &ixs)? else { return Ok(None) };
        let start: usize = at.iter().zip(&copy_strides).map(|(k, s)| k * s).sum();
        let mut places = Vec::with_capacity(turns.iter().product());
        Array::from_fn(&turns, |turn| {
            let place = start + turn.iter().zip(&turn_strides).map(|(k, s)| k * s).sum::<usize>();
            places.push(term.route.get(place).copied().unwrap_or(u32::MAX));
            0.0
        });
        let of = |at: u32| base.and_then(|b| b.get(at as usize)).copied().unwrap_or(0.0);
        let route = Route::new(places, |at| if term.add { 0.0 } else { of(at) });
        outputs.push(Output { matrix: term.matrix, route, add: term.add, value });
    }
    Ok(Some(outputs))
}
