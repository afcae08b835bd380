//! A function of one stage by its entries: written out, differentiated entry by entry, and put together again.

use std::collections::BTreeSet;

use matgrad_calculus::diff::rules::steps;
use matgrad_calculus::explain::entry;
use matgrad_calculus::graph::Node;
use matgrad_calculus::layout::Layout;
use matgrad_syntax::{Ast, ExprId, ExprKind, Name, Subscript};

use crate::Failure;
use crate::answer::Answer;
use crate::work::Work;

use super::board::Board;
use super::differentials::answer_layout;
use super::line::{Line, definition};
use super::text_of;

/// Letters for indices, in the order in which they are taken.
const LETTERS: &str = "ijklpqrsabcuvw";

impl Board {
    /// The derivation by entries; `None` where the function is no short sum of products of variables.
    pub(super) fn by_entries(&self, answer: &Answer) -> Result<Option<Vec<Line>>, Failure> {
        let target = self.target_name();
        let (Some(function), Some(variable)) = (self.form(&target), self.form(&self.wrt)) else { return Ok(None) };
        let count = (function.rank(), variable.rank());
        if count.1 == 0 || answer.layout == Layout::Differential {
            return Ok(None);
        }
        let whole = self.whole();
        let request = self.request(whole.clone(), &target, &self.wrt, Layout::Tensor);
        let (source, script) = request.text.read()?;
        let mut work = Work::new(&source, &script, &request)?;
        let node = work.function.node;
        let flat = matches!(work.analysis.graph.node(node), Node::Product(_) | Node::Sum(..));
        let taken: BTreeSet<Name> = work.taken.clone();
        let free = |letter: &char| {
            let name = letter.to_string();
            !taken.iter().any(|other| **other == *name) && *name != *target && *name != *self.wrt
        };
        let pool: Vec<Name> = LETTERS.chars().filter(free).map(|letter| letter.to_string().into()).collect();
        if !flat || pool.len() < count.0 + count.1 {
            return Ok(None);
        }
        let (own, rest) = pool.split_at(count.0);
        let Some((ast, root)) = entry(&work.analysis.graph, node, own, rest) else { return Ok(None) };
        let derivative = work.derivative(1)?;
        let derivative = work.with_structure(derivative);
        let Some(by) = index_names(&pool, own, &ast, count.1) else { return Ok(None) };
        let at = [own, &by].concat();
        let Some((partial, partial_root)) = entry(&work.analysis.graph, derivative, &at, &pool) else {
            return Ok(None);
        };
        let mut lines = Vec::new();
        let indexed = |name: &str, at: &[Name]| match at {
            [] => name.to_owned(),
            at => format!("{name}[{}]", at.join(",")),
        };
        let right = text_of(&ast, root);
        let copy = format!("{target}_entries");
        let ranges: Vec<Name> = own.iter().zip(&function.dims).map(|(index, dim)| ranged(&ast, index, dim)).collect();
        let definition_of = format!("{} = {right}", indexed(&copy, &ranges));
        let verdict = Some(self.equal(&[definition_of], &target, &copy)?);
        lines.push(Line {
            rules: vec![&steps::ENTRIES],
            helpers: Vec::new(),
            left: indexed(&target, &ranges),
            right,
            before: self.original().map(str::to_owned),
            shape: function.shown(),
            verdict,
        });
        let name = self.total(&target);
        let dims: Vec<String> = function.dims.iter().chain(&variable.dims).cloned().collect();
        let ranged: Vec<Name> = at.iter().zip(&dims).map(|(index, dim)| ranged(&partial, index, dim)).collect();
        let (left, right) = (indexed(&name, &ranged), text_of(&partial, partial_root));
        let claim = format!("{left} = {right}");
        let verdict = Some(self.check(&whole, &target, &self.wrt, Layout::Tensor, &claim)?);
        lines.push(Line {
            rules: vec![&steps::PARTIALS],
            helpers: Vec::new(),
            left,
            right: right.clone(),
            before: None,
            shape: dims,
            verdict,
        });
        let wanted = answer_layout(answer);
        if wanted == Layout::Tensor {
            return Ok(Some(lines));
        }
        let found = self.derivative(whole.clone(), &target, &self.wrt, wanted, false)?;
        let name = if answer.order == 1 { self.final_name(answer) } else { name };
        let (helpers, left, collected) = definition(&found.written, &name);
        let text = helpers.iter().cloned().chain([format!("{left} = {collected}")]).collect::<Vec<_>>().join("; ");
        let verdict = Some(self.check(&whole, &target, &self.wrt, wanted, &text)?);
        let shape = found.written.shape.clone();
        let rules = vec![&steps::COLLECT];
        lines.push(Line { rules, helpers, left, right: collected, before: Some(right), shape, verdict });
        Ok(Some(lines))
    }
}

/// Names for the indices of the variable: none of those in the entry of the function.
fn index_names(pool: &[Name], own: &[Name], entry: &Ast, count: usize) -> Option<Vec<Name>> {
    let mut used: BTreeSet<&Name> = own.iter().collect();
    for id in (0..entry.len() as u32).map(ExprId) {
        if let ExprKind::Name(name) = entry.kind(id) {
            used.insert(name);
        }
    }
    let names: Vec<Name> = pool.iter().filter(|name| !used.contains(name)).take(count).cloned().collect();
    (names.len() == count).then_some(names)
}

/// An index with its range, where no subscript of a variable says it.
fn ranged(entry: &Ast, index: &Name, dim: &str) -> Name {
    let is = |id: ExprId, name: &str| matches!(entry.kind(id), ExprKind::Name(own) if **own == *name);
    let fixed = (0..entry.len() as u32).map(ExprId).any(|id| match entry.kind(id) {
        ExprKind::Index(base, subs) if !is(*base, "delta") => {
            subs.iter().any(|sub| matches!(sub, Subscript::At(at) if is(*at, index)))
        }
        _ => false,
    });
    if fixed { index.clone() } else { format!("{index}:{dim}").into() }
}
