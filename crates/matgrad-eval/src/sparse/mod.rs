//! Sparse derivatives: the pattern known before anything runs, and programs that compute the entries that are there.
//!
//! [`term`] takes a derivative apart into products with their structure in the open; [`place`] finds loop variables for
//! each, rows and columns as functions of them, and its coefficients as an ordinary tensor over them; [`pattern`] puts the
//! terms together. A run computes the coefficients and sends each to its entry.

mod assemble;
mod atoms;
mod body;
mod csr;
mod draft;
mod grid;
mod lanes;
mod loops;
mod moves;
#[cfg(target_arch = "x86_64")]
mod native;
mod pattern;
mod place;
mod scalar;
mod site;
mod term;

use std::collections::BTreeMap;

use matgrad_calculus::graph::{Graph, Node, NodeId};
use matgrad_syntax::{Name, Rational};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use crate::code::Reg;
use crate::compile::{Options, compile_with};
use crate::engine::Engine;
use crate::error::{CompileError, RunError};
use crate::program::{Program, Workspace};
use crate::{Array, Inputs};
use assemble::{Laid, assemble};
use atoms::pieces;
use body::body;
use draft::{Draft, Moving, draft, drafts};
use loops::{Nest, Output};
use pattern::{Fixed, Ways, ways};
use place::{Placed, Placer, once};
use scalar::Operand;
use site::Site;
use term::Opener;

pub(crate) use loops::Memory;

pub use csr::Csr;
pub use grid::Grid;

/// A part of a sparse matrix: a derivative, and where its first entry is.
#[derive(Clone, Debug)]
pub struct Block {
    /// The derivative, or a function.
    pub node: NodeId,
    /// The input that a function is to be differentiated by.
    pub by: Option<NodeId>,
    /// How its axes are rows and columns.
    pub grid: Grid,
    /// Row and column of its first entry in the whole.
    pub at: [usize; 2],
    /// How many of the first axes are taken equal to those after them: the diagonal, which then has these axes.
    pub diagonal: usize,
}

/// A sparse matrix to compute: blocks side by side.
#[derive(Clone, Debug)]
pub struct Request {
    /// Rows and columns.
    pub shape: [usize; 2],
    /// What it is made of.
    pub blocks: Vec<Block>,
}

/// A matrix and what its entries are before a run.
#[derive(Clone, Debug)]
struct Assembly {
    /// The pattern, with the entries that never change.
    matrix: Csr,
    /// Whether there are such entries.
    fixed: bool,
    /// Entries that are set to a number before terms are added to them.
    resets: Vec<(u32, f64)>,
}

/// A plan for dense and sparse results together.
#[derive(Clone, Debug)]
pub struct SparseProgram {
    program: Program,
    /// The first roots are dense results.
    dense: usize,
    assemblies: Vec<Assembly>,
    /// Loops that compute coefficients and send them to their entries.
    nests: Vec<Nest>,
    /// Inputs the patterns depend on, with the values they have to keep.
    watched: Vec<(Name, Vec<f64>)>,
}

/// Loops with so many turns are long.
const LONG_LOOP: usize = 256;

/// Compiles dense roots and sparse matrices for dimension names of these sizes. The positions that index vectors pick are
/// read from the data: they are part of the pattern. Nothing that depends on the variables in `free` is.
///
/// # Errors
/// What is wrong with the sizes, and [`CompileError::Derivative`] where a block is a function that is no straight-line code:
/// its derivative as a tensor has to be given instead.
pub fn compile_sparse(
    graph: &mut Graph,
    roots: &[NodeId],
    requests: &[Request],
    sizes: &BTreeMap<Name, usize>,
    (data, free): (&Inputs, &[Name]),
    options: &Options,
) -> Result<SparseProgram, CompileError> {
    let mut placer = Placer::new(Opener::new(graph, sizes), data, sizes, free);
    let (mut assemblies, mut moving) = (Vec::new(), Vec::new());
    let mut bodies = Vec::new();
    for (k, request) in requests.iter().enumerate() {
        if request.blocks.iter().any(|block| block.by.is_some()) {
            let (mut scalars, partials) = body(&mut placer, &request.blocks)?.ok_or(CompileError::Derivative)?;
            let (mut sites, mut values) = (Vec::with_capacity(partials.len()), Vec::with_capacity(partials.len()));
            for partial in partials {
                sites.push(partial.site);
                values.push((partial.value, partial.number));
            }
            let Laid { mut matrix, routes, doubles } = assemble(request.shape, &sites)?;
            let constants: Vec<Option<Fixed>> = values.iter().map(|(_, number)| number.map(Fixed::Number)).collect();
            let Ways { routes, resets } = ways(&mut matrix, routes, &constants, doubles);
            let mut outputs = Vec::new();
            for ((value, _), route) in values.into_iter().zip(routes) {
                outputs.extend(route.map(|(route, add)| Output { matrix: k, route, add, value }));
            }
            let mut values: Vec<Reg> = outputs.iter().map(|o| o.value).collect();
            scalars.build.invert_once(&mut values);
            outputs.iter_mut().zip(values).for_each(|(o, value)| o.value = value);
            bodies.push(draft(scalars, outputs));
            let fixed = constants.iter().any(Option::is_some);
            assemblies.push(Assembly { matrix, fixed, resets });
            continue;
        }
        let mut own: Vec<Placed> = Vec::new();
        for block in &request.blocks {
            for mut term in placer.opener.terms(block.node)? {
                term.equate(block.diagonal);
                if let Some(placed) = placer.place(term, &block.grid, block.at)? {
                    own.push(placed);
                }
            }
        }
        let graph = &mut *placer.opener.graph;
        let terms = merged(graph, own);
        let mut all = Vec::with_capacity(terms.len());
        for term in terms {
            let fixed = constant(graph, &term, sizes)?;
            all.push((term, fixed));
        }
        let pieces = pieces(all);
        let sites: Vec<Site> = pieces.iter().map(|piece| piece.site.clone()).collect();
        let Laid { mut matrix, routes, doubles } = assemble(request.shape, &sites)?;
        let constants: Vec<Option<Fixed>> = pieces.iter().map(|piece| piece.fixed.clone()).collect();
        let Ways { routes, resets } = ways(&mut matrix, routes, &constants, doubles);
        for (piece, route) in pieces.into_iter().zip(routes) {
            moving.extend(route.map(|(route, add)| Moving { matrix: k, piece, route, add }));
        }
        let fixed = constants.iter().any(Option::is_some);
        assemblies.push(Assembly { matrix, fixed, resets });
    }
    let mut drafts = drafts(&mut placer, moving)?;
    drafts.append(&mut bodies);
    let watched = placer.watched.clone();
    let graph = &*placer.opener.graph;
    let mut all = roots.to_vec();
    let mut places: FxHashMap<NodeId, usize> = FxHashMap::default();
    for operand in drafts.iter().flat_map(|draft| &draft.scalars.operands) {
        places.entry(operand.node).or_insert_with(|| {
            all.push(operand.node);
            all.len() - 1
        });
    }
    // what is made before long loops is small beside them, and not worth machine code of its own
    let long = drafts.iter().any(|draft| draft.scalars.extents.iter().product::<usize>() >= LONG_LOOP);
    let plain = Options { engine: Engine::Loops, ..options.clone() };
    let auto = options.engine == Engine::Auto && roots.is_empty();
    let program = compile_with(graph, &all, sizes, if long && auto { &plain } else { options })?;
    let mut nests = Vec::new();
    for Draft { scalars, code, outputs } in drafts {
        let root = |operand: &Operand| {
            let place = *places.get(&operand.node)?;
            Some((place, program.root_view(place)?))
        };
        let nest = Nest::new(&scalars, &code, outputs, root);
        nests.push(nest.ok_or(CompileError::Shapes { what: "a sparse result" })?);
    }
    let watched = watched.iter().filter_map(|name| Some((name.clone(), data.get(name)?.data().to_vec()))).collect();
    Ok(SparseProgram { program, dense: roots.len(), assemblies, nests, watched })
}

/// Terms whose entries are at the same positions become one.
fn merged(graph: &mut Graph, terms: Vec<Placed>) -> Vec<Placed> {
    let mut out: Vec<(Placed, Vec<(Rational, NodeId)>)> = Vec::new();
    for term in terms {
        let one = (Rational::ONE, term.node);
        match out.iter_mut().find(|(known, _)| known.same_place(&term)) {
            Some((_, nodes)) => nodes.push(one),
            None => out.push((term, vec![one])),
        }
    }
    out.into_iter()
        .map(|(mut term, nodes)| {
            let dims = graph.axes(term.node).clone();
            term.node = graph.sum(&nodes, &dims);
            term
        })
        .collect()
}

/// The coefficients of a term that depends on no input.
fn constant(graph: &Graph, term: &Placed, sizes: &BTreeMap<Name, usize>) -> Result<Option<Fixed>, CompileError> {
    if let Some(number) = graph.constant(term.node) {
        return Ok(Some(Fixed::Number(number.to_f64())));
    }
    if graph.reachable(&[term.node]).iter().any(|id| matches!(graph.node(*id), Node::Input(_))) {
        return Ok(None);
    }
    let program = compile_with(graph, &[term.node], sizes, &once())?;
    let found = program.run(&Inputs::new()).ok().and_then(|mut results| results.pop());
    Ok(found.map(|array| Fixed::Each(array.into_data())))
}

impl SparseProgram {
    /// The program that computes the dense results and what the coefficients are made of.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// Whether no result is sparse, so that the program is all there is.
    pub fn is_dense(&self) -> bool {
        self.assemblies.is_empty() && self.watched.is_empty()
    }

    /// Memory for the dense results.
    pub fn results(&self) -> Vec<Array> {
        let mut results = self.program.results();
        results.truncate(self.dense);
        results
    }

    /// Memory for the sparse results: their patterns, with the entries that never change.
    pub fn matrices(&self) -> Vec<Csr> {
        self.assemblies.iter().map(|a| if a.fixed { a.matrix.clone() } else { a.matrix.zeros() }).collect()
    }

    /// Computes all results into memory made by [`SparseProgram::results`] and [`SparseProgram::matrices`].
    pub fn run_into(
        &self,
        inputs: &Inputs,
        workspace: &mut Workspace,
        results: &mut [Array],
        matrices: &mut [Csr],
    ) -> Result<(), RunError> {
        for (name, values) in &self.watched {
            if inputs.get(name).is_some_and(|now| now.data() != values.as_slice()) {
                return Err(RunError::Pattern { name: name.clone() });
            }
        }
        if self.assemblies.is_empty() {
            return self.program.run_into(inputs, workspace, results);
        }
        let data = self.program.bind(inputs)?;
        workspace.prepare(&self.program);
        self.program.execute_all(&data, workspace);
        for (k, result) in results.iter_mut().enumerate().take(self.dense) {
            self.program.read(k, &data, workspace, result.data_mut());
        }
        for (assembly, matrix) in self.assemblies.iter().zip(matrices.iter_mut()) {
            let entries = matrix.data_mut();
            for (at, value) in &assembly.resets {
                if let Some(entry) = entries.get_mut(*at as usize) {
                    *entry = *value;
                }
            }
        }
        let mut memory = std::mem::take(&mut workspace.lanes);
        let mut entries: SmallVec<[&mut [f64]; 4]> = matrices.iter_mut().map(Csr::data_mut).collect();
        for nest in &self.nests {
            nest.run(|root| self.program.root_memory(root, &data, workspace), &mut memory, &mut entries);
        }
        workspace.lanes = memory;
        Ok(())
    }

    /// All results, dense and sparse.
    pub fn run(&self, inputs: &Inputs) -> Result<(Vec<Array>, Vec<Csr>), RunError> {
        let (mut results, mut matrices) = (self.results(), self.matrices());
        self.run_into(inputs, &mut Workspace::default(), &mut results, &mut matrices)?;
        Ok((results, matrices))
    }

    /// The patterns and the steps with their costs, one a line.
    pub fn listing(&self) -> String {
        use std::fmt::Write;
        let mut out = self.program.listing();
        for nest in &self.nests {
            let left = nest.text();
            let _ = writeln!(out, "{left:<60} # {} flops, {} bytes", nest.flops(), nest.bytes());
        }
        for (k, assembly) in self.assemblies.iter().enumerate() {
            let [rows, cols] = assembly.matrix.shape();
            let mut seen = vec![false; assembly.matrix.entries()];
            let own = self.nests.iter().flat_map(Nest::outputs).filter(|o| o.matrix == k);
            own.for_each(|o| o.route.mark(&mut seen));
            let fixed = seen.iter().filter(|s| !**s).count();
            let entries = assembly.matrix.entries();
            let _ = writeln!(out, "sparse [{rows}×{cols}]: {entries} entries, {fixed} of them constant");
        }
        out
    }

    /// Bytes a run moves, by estimate.
    pub fn traffic(&self) -> f64 {
        self.program.traffic() + self.nests.iter().map(Nest::bytes).sum::<f64>()
    }

    /// Operations of a run.
    pub fn flops(&self) -> f64 {
        self.program.flops() + self.nests.iter().map(Nest::flops).sum::<f64>()
    }
}
