//! First derivatives of a function whose entries are straight-line code: the code is written once for all turns of a loop,
//! over the entries that it reads, and differentiated as code.
//!
//! What a turn reads, where an index vector says, are loads; the derivative by each load goes to the row of the function's
//! entry and the column of what is read. Nothing is differentiated as a tensor, so that a long body makes no long derivative.

use matgrad_calculus::graph::{MapOp, Node, NodeId};
use rustc_hash::FxHashSet;

use super::Block;
use super::draft::looped;
use super::place::Placer;
use super::scalar::{Indices, Ix, Scalars};
use super::site::Site;
use crate::Array;
use crate::code::jacobian::jacobian;
use crate::code::{Inst, Reg};
use crate::error::CompileError;

/// The entries that one derivative has in the turns of the loop.
pub(super) struct Partial {
    pub site: Site,
    pub value: Reg,
    /// The number that it is, where it is one.
    pub number: Option<f64>,
}

/// What depends on the variables.
fn dependent(placer: &Placer, function: NodeId, variables: &[NodeId]) -> FxHashSet<NodeId> {
    let g = &*placer.opener.graph;
    let mut found: FxHashSet<NodeId> = variables.iter().copied().collect();
    for id in g.reachable(&[function]) {
        let mut below = false;
        g.for_each_child(id, |child| below |= found.contains(&child));
        if below {
            found.insert(id);
        }
    }
    found
}

/// Whether the code compares positions: that leaves entries out of the pattern, which its terms as tensors show.
fn masked(placer: &Placer, scalars: &Scalars) -> bool {
    let g = &*placer.opener.graph;
    let mut counts: Vec<bool> = Vec::with_capacity(scalars.build.len());
    for k in 0..scalars.build.len() {
        let Some(inst) = scalars.build.inst(Reg(k as u32)) else { return true };
        let known = |r: Reg| counts.get(r.0 as usize).copied().unwrap_or(false);
        let own = match inst {
            Inst::Constant(_) => true,
            Inst::Load(operand) => match scalars.operands.get(operand as usize) {
                Some(own) => !g.reachable(&[own.node]).iter().any(|id| matches!(g.node(*id), Node::Input(_))),
                None => false,
            },
            _ => inst.operands().all(known),
        };
        let compares = matches!(
            inst,
            Inst::Binary(MapOp::Less | MapOp::LessEq | MapOp::Equal | MapOp::NotEqual, ..) | Inst::Load(_)
        );
        let plain = matches!(inst, Inst::Load(operand)
        if scalars.operands.get(operand as usize).is_some_and(|own| {
            matches!(g.node(own.node), Node::Iota(_)) || own.at.iter().all(|ix| ix.number().is_some())
        }));
        if own && compares && !plain {
            return true;
        }
        counts.push(own);
    }
    false
}

/// The loop for the derivatives of a function by the variables of some blocks; `None` where it is no straight-line code.
pub(super) fn body(placer: &mut Placer, blocks: &[Block]) -> Result<Option<(Scalars, Vec<Partial>)>, CompileError> {
    let Some(function) = blocks.first().map(|block| block.node) else { return Ok(None) };
    let variables: Vec<NodeId> = blocks.iter().filter_map(|block| block.by).collect();
    if variables.len() != blocks.len() || blocks.iter().any(|block| block.node != function || block.diagonal > 0) {
        return Ok(None);
    }
    let mut shape = Vec::new();
    for dim in placer.opener.graph.axes(function).clone() {
        shape.push(placer.opener.length(dim)?);
    }
    if shape.is_empty() {
        return Ok(None);
    }
    let looped = looped(&shape);
    let split =
        |wanted: bool| -> Vec<usize> { (0..shape.len()).filter(|k| looped[*k] == wanted).map(|k| shape[k]).collect() };
    let mut scalars = Scalars::new(split(true));
    scalars.dependent = dependent(placer, function, &variables);
    let mut copies: Vec<Vec<usize>> = Vec::new();
    Array::from_fn(&split(false), |at| {
        copies.push(at.to_vec());
        0.0
    });
    let (mut positions, mut outputs): (Vec<Indices>, Vec<Reg>) = (Vec::new(), Vec::new());
    for at in copies {
        let (mut numbers, mut axis) = (at.iter(), 0);
        let ixs = looped.iter().map(|looped| {
            if *looped {
                axis += 1;
                Ix::of_loop(axis - 1)
            } else {
                Ix::at(numbers.next().map_or(0, |k| *k as i64))
            }
        });
        let ixs: Indices = ixs.collect();
        let Some(value) = scalars.entry(placer, function, &ixs)? else { return Ok(None) };
        positions.push(ixs);
        outputs.push(value);
    }
    if masked(placer, &scalars) {
        return Ok(None);
    }
    // the loads that are entries of a variable
    let mut loads: Vec<(usize, usize, Reg)> = Vec::new();
    for k in 0..scalars.build.len() {
        let reg = Reg(k as u32);
        if let Some(Inst::Load(operand)) = scalars.build.inst(reg)
            && let Some(own) = scalars.operands.get(operand as usize)
            && let Some(block) = variables.iter().position(|v| *v == own.node)
        {
            loads.push((block, operand as usize, reg));
        }
    }
    let inputs: Vec<Reg> = loads.iter().map(|(.., reg)| *reg).collect();
    let Some(rows) = jacobian(&mut scalars.build, &outputs, &inputs) else { return Ok(None) };
    let mut sites = Vec::new();
    for (ixs, row) in positions.iter().zip(rows) {
        for (input, value) in row {
            let Some((block, operand)) = loads.get(input).map(|(block, operand, _)| (&blocks[*block], *operand)) else {
                return Ok(None);
            };
            let of_variable = &scalars.operands[operand].at;
            let all: Vec<Ix> = ixs.iter().chain(of_variable).cloned().collect();
            let rows = scalars.walk(&all, &block.grid.rows, block.at[0]);
            let cols = scalars.walk(&all, &block.grid.cols, block.at[1]);
            let (Some(rows), Some(cols)) = (rows, cols) else { return Ok(None) };
            let site = Site::Regular { extents: scalars.extents.clone(), rows, cols };
            sites.push(Partial { site, value, number: scalars.build.number(value) });
        }
    }
    Ok(Some((scalars, sites)))
}
