//! Sparse derivatives: the pattern known before anything runs, and programs that compute the entries that are there.
//!
//! [`term`] takes a derivative apart into products with their structure in the open; [`place`] finds loop variables for
//! each, rows and columns as functions of them, and its coefficients as an ordinary tensor over them; [`pattern`] puts the
//! terms together. A run computes the coefficients and sends each to its entry.

mod csr;
mod grid;
mod pattern;
mod place;
mod term;

use std::collections::BTreeMap;

use matgrad_calculus::graph::{Graph, Node, NodeId};
use matgrad_syntax::{Name, Rational};

use crate::compile::{Options, compile_with};
use crate::error::{CompileError, RunError};
use crate::program::{Program, Workspace};
use crate::{Array, Inputs};
use pattern::{Delivery, assemble, deliveries};
use place::{Placed, Placer};
use term::Opener;

pub use csr::Csr;
pub use grid::Grid;

/// A part of a sparse matrix: a derivative, and where its first entry is.
#[derive(Clone, Debug)]
pub struct Block {
    /// The derivative.
    pub node: NodeId,
    /// How its axes are rows and columns.
    pub grid: Grid,
    /// Row and column of its first entry in the whole.
    pub at: [usize; 2],
}

/// A sparse matrix to compute: blocks side by side.
#[derive(Clone, Debug)]
pub struct Request {
    /// Rows and columns.
    pub shape: [usize; 2],
    /// What it is made of.
    pub blocks: Vec<Block>,
}

/// A matrix and the way its entries are filled in.
#[derive(Clone, Debug)]
struct Assembly {
    /// The pattern, with the entries that never change.
    matrix: Csr,
    /// Entries that are set to a number before terms are added to them.
    resets: Vec<(u32, f64)>,
    /// The root of the program with the coefficients of a term, and where they go.
    deliveries: Vec<(usize, Delivery)>,
}

/// A plan for dense and sparse results together.
#[derive(Clone, Debug)]
pub struct SparseProgram {
    program: Program,
    /// The first roots are dense results.
    dense: usize,
    assemblies: Vec<Assembly>,
    /// Inputs the patterns depend on, with the values they have to keep.
    watched: Vec<(Name, Vec<f64>)>,
}

/// Compiles dense roots and sparse matrices for dimension names of these sizes. The positions that index vectors pick are
/// read from the data: they are part of the pattern. Nothing that depends on the variables in `free` is.
pub fn compile_sparse(
    graph: &mut Graph,
    roots: &[NodeId],
    requests: &[Request],
    sizes: &BTreeMap<Name, usize>,
    data: &Inputs,
    free: &[Name],
) -> Result<SparseProgram, CompileError> {
    let mut placer = Placer::new(Opener::new(graph, sizes), data, sizes, free);
    let mut planned: Vec<Vec<Placed>> = Vec::new();
    for request in requests {
        let mut own: Vec<Placed> = Vec::new();
        for block in &request.blocks {
            for term in placer.opener.terms(block.node)? {
                if let Some(placed) = placer.place(term, &block.grid, block.at)? {
                    own.push(placed);
                }
            }
        }
        planned.push(own);
    }
    let watched =
        placer.watched.iter().filter_map(|name| Some((name.clone(), data.get(name)?.data().to_vec()))).collect();
    let mut all = roots.to_vec();
    let mut assemblies = Vec::new();
    for (request, own) in requests.iter().zip(planned) {
        let terms = merged(graph, own);
        let (mut matrix, routes) = assemble(request.shape, &terms)?;
        let mut constants = Vec::with_capacity(terms.len());
        for term in &terms {
            constants.push(constant(graph, term, sizes)?);
        }
        let (sent, resets) = deliveries(&mut matrix, routes, &constants);
        let mut own = Vec::new();
        for (term, delivery) in terms.iter().zip(sent) {
            if let Some(delivery) = delivery {
                own.push((all.len(), delivery));
                all.push(term.node);
            }
        }
        assemblies.push(Assembly { matrix, resets, deliveries: own });
    }
    let program = compile_with(graph, &all, sizes, &Options::default())?;
    Ok(SparseProgram { program, dense: roots.len(), assemblies, watched })
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
fn constant(graph: &Graph, term: &Placed, sizes: &BTreeMap<Name, usize>) -> Result<Option<Vec<f64>>, CompileError> {
    if let Some(number) = graph.constant(term.node) {
        return Ok(Some(vec![number.to_f64(); term.len()]));
    }
    if graph.reachable(&[term.node]).iter().any(|id| matches!(graph.node(*id), Node::Input(_))) {
        return Ok(None);
    }
    let program = compile_with(graph, &[term.node], sizes, &Options::default())?;
    let found = program.run(&Inputs::new()).ok().and_then(|mut results| results.pop());
    Ok(found.map(Array::into_data))
}

impl SparseProgram {
    /// The program that computes the dense results and the coefficients.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// Memory for the dense results.
    pub fn results(&self) -> Vec<Array> {
        let mut results = self.program.results();
        results.truncate(self.dense);
        results
    }

    /// Memory for the sparse results: their patterns, with the entries that never change.
    pub fn matrices(&self) -> Vec<Csr> {
        self.assemblies.iter().map(|a| a.matrix.clone()).collect()
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
        for (assembly, matrix) in self.assemblies.iter().zip(matrices) {
            let entries = matrix.data_mut();
            for (at, value) in &assembly.resets {
                if let Some(entry) = entries.get_mut(*at as usize) {
                    *entry = *value;
                }
            }
            for (root, delivery) in &assembly.deliveries {
                self.program.with_root(*root, &data, workspace, |values, stride| {
                    delivery.route.send(values, stride, delivery.add, entries);
                });
            }
        }
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
        let mut out = String::new();
        for assembly in &self.assemblies {
            let [rows, cols] = assembly.matrix.shape();
            let (terms, entries) = (assembly.deliveries.len(), assembly.matrix.entries());
            let fixed = entries - assembly.varying();
            let _ = writeln!(out, "sparse {rows}×{cols}: {entries} entries, {fixed} of them constant, {terms} terms");
            for (root, delivery) in &assembly.deliveries {
                let way = match &delivery.route {
                    pattern::Route::Runs(runs) => format!("{} runs", runs.len()),
                    pattern::Route::Each(places) => format!("{} places", places.len()),
                };
                let how = if delivery.add { "added" } else { "set" };
                let _ = writeln!(out, "    result {}: {how} along {way}", root + 1);
            }
        }
        out.push_str(&self.program.listing());
        out
    }

    /// Bytes that sending the coefficients to their entries moves, by estimate.
    pub fn traffic(&self) -> f64 {
        let sent: usize = self.assemblies.iter().map(|a| a.varying() + 2 * a.resets.len()).sum();
        self.program.traffic() + 16.0 * sent as f64
    }
}

impl Assembly {
    /// How many entries change from run to run.
    fn varying(&self) -> usize {
        let mut seen = vec![false; self.matrix.entries()];
        for (_, delivery) in &self.deliveries {
            delivery.route.mark(&mut seen);
        }
        seen.iter().filter(|s| **s).count()
    }
}
