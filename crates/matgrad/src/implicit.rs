//! The unknowns of implicit definitions, found before what needs them is computed.

use std::collections::BTreeMap;

use matgrad_calculus::diff;
use matgrad_calculus::graph::{Graph, NodeId};
use matgrad_calculus::infer::{Analysis, Rule};
use matgrad_eval::{CompileError, Engine, Goal, Options, System, Unknown, compile_with};
use matgrad_syntax::Name;

/// Unknowns that depend on one another, with the roots of their [`System`].
struct Group {
    unknowns: Vec<(NodeId, Goal)>,
    roots: Vec<NodeId>,
}

/// What is to be solved before a program runs.
pub(crate) struct Solving {
    groups: Vec<Group>,
}

impl Solving {
    /// The implicit definitions that the roots need, those that others need first.
    pub fn new(analysis: &mut Analysis, roots: &[NodeId]) -> Result<Self, String> {
        let g = &mut analysis.graph;
        let needed = g.implicits_of(roots);
        let mut groups = Vec::new();
        for members in circles(g, &needed) {
            let mut group = Group { unknowns: Vec::new(), roots: members.iter().map(|k| needed[*k].1).collect() };
            let mut objectives = Vec::new();
            for k in &members {
                let unknown = needed[*k].0;
                let rule = analysis.implicits.iter().find(|implicit| implicit.unknown.node == unknown);
                let goal = match rule.map(|implicit| &implicit.rule) {
                    Some(Rule::Extremum { minimum, objective }) => {
                        objectives.push(*objective);
                        if *minimum { Goal::Minimum } else { Goal::Maximum }
                    }
                    _ => Goal::Root,
                };
                group.unknowns.push((unknown, goal));
            }
            if members.len() > 1 && !objectives.is_empty() {
                return Err("an extremum and another implicit definition depend on each other".into());
            }
            for row in &members {
                for col in &members {
                    let block = diff::partial_derivative(g, needed[*row].1, needed[*col].0);
                    group.roots.push(block.map_err(|error| error.message)?);
                }
            }
            group.roots.extend(objectives);
            groups.push(group);
        }
        Ok(Self { groups })
    }

    /// Everything that is computed on the way.
    pub fn roots(&mut self) -> impl Iterator<Item = &mut NodeId> {
        self.groups.iter_mut().flat_map(|group| &mut group.roots)
    }

    /// Whether an input is found, not given.
    pub fn finds(&self, input: NodeId) -> bool {
        self.groups.iter().any(|group| group.unknowns.iter().any(|(unknown, _)| *unknown == input))
    }

    /// The programs for an engine; `regular` asks for solutions with a derivative.
    pub fn compile(
        self,
        g: &Graph,
        sizes: &BTreeMap<Name, usize>,
        engine: Engine,
        regular: bool,
    ) -> Result<Vec<System>, CompileError> {
        let options = Options { engine, ..Options::default() };
        let mut systems = Vec::new();
        for group in self.groups {
            let program = compile_with(g, &group.roots, sizes, &options)?;
            let mut unknowns = Vec::new();
            for (node, goal) in group.unknowns {
                let Some(input) = g.as_input(node) else { continue };
                let mut shape = Vec::new();
                for dim in &input.dims {
                    let size = g.sizes.evaluate(*dim, sizes);
                    let Some(size) = size else {
                        return Err(CompileError::Size { dimension: g.sizes.text(*dim) });
                    };
                    shape.push(size);
                }
                unknowns.push(Unknown { name: input.name.clone(), shape, goal });
            }
            systems.push(System { unknowns, program, regular });
        }
        Ok(systems)
    }
}

/// The definitions in groups that depend on one another, a group after those that it depends on.
fn circles(g: &Graph, definitions: &[(NodeId, NodeId)]) -> Vec<Vec<usize>> {
    let count = definitions.len();
    let mut needs: Vec<Vec<bool>> = definitions
        .iter()
        .map(|(_, residual)| {
            let found = g.reachable(&[*residual]);
            definitions.iter().map(|(unknown, _)| found.binary_search(unknown).is_ok()).collect()
        })
        .collect();
    for k in 0..count {
        for i in 0..count {
            for j in 0..count {
                let through = needs[i][k] && needs[k][j];
                needs[i][j] |= through;
            }
        }
    }
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by_key(|k| needs[*k].iter().filter(|needed| **needed).count());
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for k in order {
        let same = |group: &&mut Vec<usize>| group.first().is_some_and(|other| needs[k][*other] && needs[*other][k]);
        match groups.iter_mut().find(same) {
            Some(group) => group.push(k),
            None => groups.push(vec![k]),
        }
    }
    groups
}
