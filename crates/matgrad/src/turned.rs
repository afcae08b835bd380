//! Inputs whose data come column by column: the program reads their transposes.

use matgrad_calculus::graph::{Graph, NodeId};
use matgrad_syntax::{Attribute, Name};
use rustc_hash::FxHashMap;

/// Replaces matrices by the transposes of inputs that have a prime behind their names.
pub(crate) fn read_by_columns(g: &mut Graph, roots: &mut [NodeId], names: &[Name]) {
    if names.is_empty() {
        return;
    }
    let mut map: FxHashMap<NodeId, NodeId> = FxHashMap::default();
    for id in g.reachable(roots) {
        let Some(input) = g.as_input(id).filter(|input| names.contains(&input.name)).cloned() else { continue };
        let &[rows, columns] = input.dims.as_slice() else { continue };
        let attributes: Vec<Attribute> = input
            .attributes
            .iter()
            .map(|attribute| match attribute {
                Attribute::Lower => Attribute::Upper,
                Attribute::Upper => Attribute::Lower,
                other => *other,
            })
            .collect();
        let turned = g.input(&format!("{}'", input.name), &[columns, rows], false, &attributes);
        map.insert(id, g.transpose(turned));
    }
    for root in roots {
        *root = g.replace(*root, &map);
    }
}
