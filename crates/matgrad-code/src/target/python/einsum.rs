//! Sums of products of entries in one call.

use std::collections::BTreeMap;

use matgrad_syntax::Reducer;

use super::wide::own_indices;
use super::{Python, alone};
use crate::emit::{Text, Writer, decimal, level};
use crate::program::{Binder, Id, Op, Sub};

/// A sum of products of entries, as Einstein's convention has it.
pub(super) fn einsum(dialect: Python, w: &mut Writer<'_>, root: Id) -> Option<Text> {
    let mut letters: BTreeMap<u32, char> = BTreeMap::new();
    let mut alphabet = "ijklmnpqrstuvwxyzabcdefgh".chars();
    let outer = own_indices(w, root);
    let (out, mut todo): (Vec<u32>, Vec<Id>) = match w.program.op(root) {
        Op::Tabulate(indices) if w.program.shape(root).axes().len() == indices.len() => {
            (indices.to_vec(), vec![w.program.args(root)[0]])
        }
        Op::ReduceIndex(Reducer::Sum, _) if w.program.args(root).len() == 1 => {
            (Vec::new(), vec![w.program.args(root)[0]])
        }
        _ => return None,
    };
    for index in &outer {
        letters.insert(*index, alphabet.next()?);
    }
    let (mut operands, mut scalars, mut negative) = (Vec::<(String, Id)>::new(), Vec::<Id>::new(), false);
    while let Some(id) = todo.pop() {
        let node = w.program.node(id).clone();
        let inside = node.scope.iter().any(|b| matches!(b, Binder::Index(i) if letters.contains_key(i)));
        if !inside {
            if !w.program.is_scalar(id) {
                return None;
            }
            scalars.push(id);
            continue;
        }
        match &node.op {
            Op::Neg => {
                negative = !negative;
                todo.push(node.args[0]);
            }
            Op::Mul => todo.extend(node.args.iter().rev().copied()),
            Op::ReduceIndex(Reducer::Sum, indices) if node.args.len() == 1 => {
                for index in indices {
                    letters.insert(*index, alphabet.next()?);
                }
                todo.push(node.args[0]);
            }
            Op::Subscript(subs) => {
                let dims = w.program.shape(node.args[0]).axes();
                if dims.len() != subs.len() {
                    return None;
                }
                let mut word = String::new();
                for (sub, dim) in subs.iter().zip(dims) {
                    let Sub::At(whole) = sub else { return None };
                    let index = alone(whole)?;
                    let info = &w.program.indices[index as usize];
                    let plain =
                        w.program.sizes.value(whole.constant) == Some(0) && info.start == 1 && info.length == dim;
                    if !plain {
                        return None;
                    }
                    word.push(*letters.get(&index)?);
                }
                let outside = !w
                    .program
                    .node(node.args[0])
                    .scope
                    .iter()
                    .any(|b| matches!(b, Binder::Index(i) if letters.contains_key(i)));
                if !outside {
                    return None;
                }
                operands.push((word, node.args[0]));
            }
            _ => return None,
        }
    }
    let result: String = out.iter().filter_map(|i| letters.get(i)).collect();
    let used: String = operands.iter().map(|(word, _)| word.as_str()).collect();
    // every index has to occur: one that does not is repeated or counted
    if operands.is_empty() || letters.values().any(|c| !used.contains(*c)) {
        return None;
    }
    let words: Vec<&str> = operands.iter().map(|(word, _)| word.as_str()).collect();
    let arrays: Vec<String> = operands.iter().map(|(_, id)| w.code(*id, level::TERNARY)).collect();
    let more = if operands.len() > 2 && dialect != Python::Torch { ", optimize=True" } else { "" };
    let m = dialect.module();
    let sum = format!("{m}.einsum(\"{}->{result}\", {}{more})", words.join(","), arrays.join(", "));
    let mut code = String::new();
    if negative {
        code.push('-');
    }
    for id in &scalars {
        let text = match w.program.number(*id) {
            Some(value) => decimal(value, false),
            None => w.text(*id),
        };
        code.push_str(&format!("{} * ", text.at(level::UNARY)));
    }
    code.push_str(&sum);
    Some(Text::new(code, if scalars.is_empty() && !negative { level::ATOM } else { level::PRODUCT }))
}
