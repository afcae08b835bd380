//! Which loops compute the coefficients of which terms.

use super::atoms::Piece;
use super::loops::Output;
use super::pattern::Route;
use super::place::Placer;
use super::scalar::Scalars;
use crate::code::{Code, Reg};
use crate::error::CompileError;

/// A coefficient that varies.
pub(super) struct Moving {
    pub matrix: usize,
    pub piece: Piece,
    pub route: Route,
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

/// The loops for all coefficients: those with equal loops share their work.
pub(super) fn drafts(placer: &mut Placer, moving: Vec<Moving>) -> Result<Vec<Draft>, CompileError> {
    let mut groups: Vec<(Vec<usize>, Vec<Moving>)> = Vec::new();
    for term in moving {
        match groups.iter_mut().find(|(known, _)| *known == term.piece.extents) {
            Some((_, members)) => members.push(term),
            None => groups.push((term.piece.extents.clone(), vec![term])),
        }
    }
    let mut out = Vec::new();
    for (extents, members) in groups {
        let mut current = Scalars::new(extents.clone());
        let mut outputs: Vec<Output> = Vec::new();
        for Moving { matrix, piece, route, add } in members {
            let mut value = written(placer, &mut current, &piece)?;
            if value.is_none() && !outputs.is_empty() {
                // too much for one loop
                let full = std::mem::replace(&mut current, Scalars::new(extents.clone()));
                out.push(draft(full, std::mem::take(&mut outputs)));
                value = written(placer, &mut current, &piece)?;
            }
            match value {
                Some(value) => outputs.push(Output { matrix, route, add, value }),
                None => {
                    // the program makes the coefficients, and a loop of its own sends them
                    let mut plain = Scalars::new(extents.clone());
                    plain.only_loads = true;
                    let value = written(placer, &mut plain, &piece)?;
                    let value = value.ok_or(CompileError::Shapes { what: "a sparse result" })?;
                    out.push(draft(plain, vec![Output { matrix, route, add, value }]));
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

/// The code of a coefficient.
fn written(placer: &mut Placer, scalars: &mut Scalars, piece: &Piece) -> Result<Option<Reg>, CompileError> {
    let mut total: Option<Reg> = None;
    for (node, at) in &piece.parts {
        let Some(value) = scalars.entry(placer, *node, at)? else { return Ok(None) };
        total = Some(total.map_or(value, |sum| scalars.build.sum(sum, value)));
    }
    let plus = scalars.build.constant(piece.plus);
    Ok(Some(match total {
        Some(total) if piece.plus != 0.0 => scalars.build.sum(total, plus),
        Some(total) => total,
        None => plus,
    }))
}
