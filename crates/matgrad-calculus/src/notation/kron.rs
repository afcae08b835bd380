//! Fused axes: Kronecker products, commutation matrices and vec.
//!
//! Each axis of the result is a list of legs, fastest first. Legs of the rows pair with legs of the columns through the
//! matrix that joins them: the pairs, in order, are the factors of a Kronecker product; a permutation of the columns is a
//! commutation matrix (Magnus & Neudecker, ch. 2–3).

use matgrad_syntax::Rational;

use super::Printer;
use super::expr::{Form, Kind, M};
use super::net::Net;
use crate::graph::{Dim, Label};

/// A matrix that was taken off a leg of the result.
pub(super) struct Peeled {
    rows: bool,
    matrix: M,
}

/// Takes the only matrix on a leg off the result, so that the leg moves on to a label that is summed: with it in place
/// three matrices that meet there need not be one product.
pub(super) fn peel(net: &mut Net, printer: &mut Printer) -> bool {
    let out = net.out.clone();
    if out.len() != 2 || out[0] == out[1] {
        return false;
    }
    let all: Vec<Label> = out.iter().flat_map(|axis| legs(net, *axis)).collect();
    for (side, axis) in out.iter().enumerate() {
        let current = legs(net, *axis);
        for (k, &leg) in current.iter().enumerate() {
            if current.len() < 2
                || all.iter().filter(|l| **l == leg).count() != 1
                || !net.loads[leg as usize].is_empty()
            {
                continue;
            }
            let here: Vec<usize> =
                (0..net.edges.len()).filter(|e| net.edges[*e].rows == leg || net.edges[*e].cols == leg).collect();
            let [e] = here.as_slice() else { continue };
            let inner = if net.edges[*e].rows == leg { net.edges[*e].cols } else { net.edges[*e].rows };
            if net.protected(inner) {
                continue;
            }
            let m = net.between(printer, leg, inner);
            let towards = if side == 0 { m } else { printer.arena.transpose(m) };
            let matrix = pad(net, printer, towards, &current[..k], &current[k + 1..]);
            net.peeled.push(Peeled { rows: side == 0, matrix });
            net.forget(&[leg]);
            for (_, fast, slow) in &mut net.fuses {
                for small in [fast, slow] {
                    if *small == leg {
                        *small = inner;
                    }
                }
            }
            return true;
        }
    }
    false
}

/// A factor of the Kronecker product and the legs it takes.
struct Slot {
    rows: Vec<Label>,
    cols: Vec<Label>,
    expr: M,
}

fn legs(net: &Net, axis: Label) -> Vec<Label> {
    let mut found = Vec::new();
    let mut todo = vec![axis];
    while let Some(label) = todo.pop() {
        match net.fuses.iter().find(|(fused, _, _)| *fused == label) {
            Some((_, fast, slow)) => {
                todo.push(*slow);
                todo.push(*fast);
            }
            None => found.push(label),
        }
    }
    found
}

/// Whether every fusion is one of an axis of the result: one between summed labels reshapes what lies inside.
fn fuses_lie_outside(net: &Net) -> bool {
    let mut todo: Vec<Label> = Vec::new();
    for label in &net.out {
        if !todo.contains(label) {
            todo.push(*label);
        }
    }
    let mut met = 0;
    while let Some(label) = todo.pop() {
        if let Some((_, fast, slow)) = net.fuses.iter().find(|(fused, _, _)| *fused == label) {
            met += 1;
            todo.extend([*fast, *slow]);
        }
    }
    met >= net.fuses.len()
}

/// The matrix (or column) whose axes are fused.
pub(super) fn assemble(net: &mut Net, printer: &mut Printer) -> Option<M> {
    let out = net.out.clone();
    if out.is_empty() || net.fuses.len() > 6 || !fuses_lie_outside(net) {
        return None;
    }
    if let [a, b] = out.as_slice()
        && a == b
    {
        // the same fused axis twice: a diagonal matrix
        let v = lone_axis(net, printer, *a)?;
        let v = v.unwrap_or_else(|| printer.ones(net.dims[*a as usize]));
        if printer.arena.is_call(v, "ones") {
            let n = printer.arena.size_or_number(printer.g, net.dims[*a as usize]);
            return Some(printer.arena.call("eye", &[n], Form::Matrix));
        }
        return Some(printer.arena.diag(v));
    }
    let outer: Vec<Option<M>> = out
        .iter()
        .map(|l| {
            let load = std::mem::take(&mut net.loads[*l as usize]);
            let fused = net.fuses.iter().any(|(a, _, _)| a == l);
            if load.is_empty() {
                None
            } else if fused {
                Some(printer.column(load, net.dims[*l as usize]))
            } else {
                net.loads[*l as usize] = load;
                None
            }
        })
        .collect();
    let rows = legs(net, out[0]);
    let cols = if out.len() == 2 { legs(net, out[1]) } else { Vec::new() };
    let peeled = std::mem::take(&mut net.peeled);
    let body = between(net, printer, rows, cols)?;
    let mut chain: Vec<M> = peeled.iter().filter(|p| p.rows).map(|p| p.matrix).collect();
    chain.push(body);
    chain.extend(peeled.iter().rev().filter(|p| !p.rows).map(|p| p.matrix));
    let body = printer.arena.product(Rational::ONE, Vec::new(), chain);
    let mut chain = Vec::new();
    if out.len() == 1 {
        return Some(match outer[0] {
            Some(load) => printer.arena.hadamard(vec![(load, Rational::ONE), (body, Rational::ONE)]),
            None => body,
        });
    }
    chain.extend(outer[0].map(|u| printer.arena.diag(u)));
    chain.push(body);
    chain.extend(outer[1].map(|v| printer.arena.diag(v)));
    net.fuses.clear();
    Some(printer.arena.product(Rational::ONE, Vec::new(), chain))
}

/// Everything on one fused axis as a column, `None` for ones.
fn lone_axis(net: &mut Net, printer: &mut Printer, axis: Label) -> Option<Option<M>> {
    let load = std::mem::take(&mut net.loads[axis as usize]);
    let rows = legs(net, axis);
    let distinct = rows.iter().enumerate().all(|(k, l)| !rows[..k].contains(l));
    let plain = distinct && rows.iter().all(|l| net.loads[*l as usize].is_empty()) && net.edges.is_empty();
    let body = if plain || rows == [axis] { None } else { Some(between(net, printer, rows, Vec::new())?) };
    net.fuses.clear();
    let mut parts = load;
    parts.extend(body.map(|b| (b, Rational::ONE)));
    Some((!parts.is_empty()).then(|| printer.column(parts, net.dims[axis as usize])))
}

fn between(net: &mut Net, printer: &mut Printer, rows: Vec<Label>, cols: Vec<Label>) -> Option<M> {
    let mut rows = rows;
    let mut cols = cols;
    net.fuses.clear();
    // a leg that stands twice on one side is tied to a copy by an identity
    tie_copies(net, printer, &mut rows);
    tie_copies(net, printer, &mut cols);
    let side = |l: Label, legs: &[Label]| legs.contains(&l);
    // matrices between two legs of the same side that are free otherwise become vec; the others scale rows or columns
    let mut left: Vec<M> = Vec::new();
    let mut right: Vec<M> = Vec::new();
    let mut slots: Vec<Slot> = Vec::new();
    let mut taken: Vec<Label> = Vec::new();
    let mut k = 0;
    while k < net.edges.len() {
        let (a, b) = (net.edges[k].rows, net.edges[k].cols);
        let same_rows = side(a, &rows) && side(b, &rows);
        let same_cols = !same_rows && side(a, &cols) && side(b, &cols);
        if !same_rows && !same_cols {
            k += 1;
            continue;
        }
        let legs = if same_cols { cols.clone() } else { rows.clone() };
        let at = |l: Label| legs.iter().position(|x| *x == l).unwrap_or(0);
        let (fast, slow) = if at(a) < at(b) { (a, b) } else { (b, a) };
        let edge = net.edges.remove(k);
        let m = printer.masked(edge.parts, [edge.rows, edge.cols].map(|l| net.dims[l as usize]));
        let m = if edge.rows == fast { m } else { printer.arena.transpose(m) };
        let others = |l: Label| net.edges.iter().any(|e| e.rows == l || e.cols == l);
        let both = |l: Label| side(l, &rows) && side(l, &cols);
        let alone = !others(fast)
            && !others(slow)
            && !both(fast)
            && !both(slow)
            && !taken.contains(&fast)
            && !taken.contains(&slow);
        if alone {
            let [u, v] = [fast, slow].map(|l| {
                let load = std::mem::take(&mut net.loads[l as usize]);
                (!load.is_empty()).then(|| printer.column(load, net.dims[l as usize]))
            });
            let mut chain = Vec::new();
            chain.extend(u.map(|u| printer.arena.diag(u)));
            chain.push(m);
            chain.extend(v.map(|v| printer.arena.diag(v)));
            let m = printer.arena.product(Rational::ONE, Vec::new(), chain);
            let v = printer.arena.vec(m);
            taken.extend([fast, slow]);
            let expr = if same_cols { printer.arena.transpose(v) } else { v };
            let legs = vec![fast, slow];
            slots.push(if same_cols {
                Slot { rows: Vec::new(), cols: legs, expr }
            } else {
                Slot { rows: legs, cols: Vec::new(), expr }
            });
            continue;
        }
        // the matrix as a load on both legs: a diagonal over all legs of the side
        let v = printer.arena.vec(m);
        let mut loads = vec![Slot { rows: vec![fast, slow], cols: Vec::new(), expr: v }];
        for &l in legs.iter().filter(|l| **l != fast && **l != slow) {
            loads.push(Slot { rows: vec![l], cols: Vec::new(), expr: printer.ones(net.dims[l as usize]) });
        }
        let v = order(net, printer, loads, &legs, &[])?;
        let d = printer.arena.diag(v);
        if same_cols { right.push(d) } else { left.push(d) }
    }
    // legs that are one label on both sides, then matrices between the sides
    for &r in &rows {
        if side(r, &cols) {
            let load = std::mem::take(&mut net.loads[r as usize]);
            let expr = printer.diagonal_matrix(load, net.dims[r as usize]);
            slots.push(Slot { rows: vec![r], cols: vec![r], expr });
            taken.push(r);
        }
    }
    let mut extra: Vec<super::net::Edge> = Vec::new();
    while let Some(edge) = net.edges.pop() {
        let (r, c) = if side(edge.rows, &rows) { (edge.rows, edge.cols) } else { (edge.cols, edge.rows) };
        if !side(r, &rows) || !side(c, &cols) {
            return None;
        }
        if taken.contains(&r) || taken.contains(&c) {
            extra.push(edge);
            continue;
        }
        net.edges.push(edge);
        let expr = net.between(printer, r, c);
        slots.push(Slot { rows: vec![r], cols: vec![c], expr });
        taken.extend([r, c]);
    }
    for (legs, row_side) in [(&rows, true), (&cols, false)] {
        for &l in legs.iter() {
            if taken.contains(&l) {
                continue;
            }
            let load = std::mem::take(&mut net.loads[l as usize]);
            let v = if load.is_empty() {
                printer.ones(net.dims[l as usize])
            } else {
                printer.column(load, net.dims[l as usize])
            };
            let slot = if row_side {
                Slot { rows: vec![l], cols: vec![], expr: v }
            } else {
                Slot { rows: vec![], cols: vec![l], expr: printer.arena.transpose(v) }
            };
            slots.push(slot);
        }
    }
    let mut body = order(net, printer, slots, &rows, &cols)?;
    // further matrices between the same legs multiply entry by entry
    for edge in extra {
        let (r, c) = if side(edge.rows, &rows) { (edge.rows, edge.cols) } else { (edge.cols, edge.rows) };
        net.edges.push(edge);
        let expr = net.between(printer, r, c);
        let mut slots = vec![Slot { rows: vec![r], cols: vec![c], expr }];
        for &l in rows.iter().filter(|l| **l != r) {
            let expr = printer.ones(net.dims[l as usize]);
            slots.push(Slot { rows: vec![l], cols: vec![], expr });
        }
        for &l in cols.iter().filter(|l| **l != c) {
            let v = printer.ones(net.dims[l as usize]);
            slots.push(Slot { rows: vec![], cols: vec![l], expr: printer.arena.transpose(v) });
        }
        let factor = order(net, printer, slots, &rows, &cols)?;
        body = printer.arena.hadamard(vec![(body, Rational::ONE), (factor, Rational::ONE)]);
    }
    let chain: Vec<M> = left.into_iter().chain([body]).chain(right).collect();
    Some(printer.arena.product(Rational::ONE, Vec::new(), chain))
}

fn tie_copies(net: &mut Net, printer: &mut Printer, legs: &mut [Label]) {
    for k in 1..legs.len() {
        if legs[..k].contains(&legs[k]) {
            let (original, dim) = (legs[k], net.dims[legs[k] as usize]);
            let copy = net.dims.len() as Label;
            net.dims.push(dim);
            net.loads.push(Vec::new());
            legs[k] = copy;
            let n = printer.arena.size_or_number(printer.g, dim);
            let eye = printer.arena.call("eye", &[n], Form::Matrix);
            net.add_edge(printer, original, copy, vec![(eye, Rational::ONE)]);
        }
    }
}

/// The Kronecker product of the slots with its rows and columns brought into the order asked for: of all orders of few
/// slots the one that prints shortest.
fn order(net: &Net, printer: &mut Printer, slots: Vec<Slot>, rows: &[Label], cols: &[Label]) -> Option<M> {
    let place = |l: &Label, legs: &[Label]| legs.iter().position(|x| x == l).unwrap_or(usize::MAX);
    let mut slots = slots;
    // by rows; a slot without rows goes where its column belongs among its neighbours
    slots.sort_by_key(|s| s.rows.first().map_or(usize::MAX, |l| place(l, rows)));
    let (mut sorted, without): (Vec<Slot>, Vec<Slot>) = slots.into_iter().partition(|s| !s.rows.is_empty());
    for slot in without {
        let key = slot.cols.first().map_or(usize::MAX, |l| place(l, cols));
        let after = |s: &Slot| s.cols.first().is_some_and(|l| place(l, cols) > key);
        let at = sorted.iter().position(after).unwrap_or(sorted.len());
        sorted.insert(at, slot);
    }
    for slot in &sorted {
        note_extent(net, printer, slot);
    }
    let mut sequence: Vec<usize> = (0..sorted.len()).collect();
    let mut best = in_order(net, printer, &sorted, &sequence, rows, cols)?;
    if best.swaps > 0 && (3..=MOST_PERMUTED).contains(&sorted.len()) {
        while next_permutation(&mut sequence) {
            let Some(other) = in_order(net, printer, &sorted, &sequence, rows, cols) else { continue };
            // of equal length the one with the shorter product: its identities have become one
            let cost = |o: &Ordered, p: &Printer| (p.arena.length(o.whole), p.arena.length(o.product));
            if cost(&other, printer) < cost(&best, printer) {
                best = other;
            }
        }
    }
    Some(best.whole)
}

/// A Kronecker product alone and with the commutation matrices around it.
struct Ordered {
    whole: M,
    product: M,
    swaps: usize,
}

/// All orders are tried of up to this many factors.
const MOST_PERMUTED: usize = 4;

/// The next order of the numbers, in lexicographic order.
fn next_permutation(items: &mut [usize]) -> bool {
    let Some(k) = (1..items.len()).rev().find(|k| items[k - 1] < items[*k]) else { return false };
    let Some(j) = (k..items.len()).rev().find(|j| items[*j] > items[k - 1]) else { return false };
    items.swap(k - 1, j);
    items[k..].reverse();
    true
}

/// Records how many rows and columns the matrix of a slot has, as far as it goes into a Kronecker product.
fn note_extent(net: &Net, printer: &mut Printer, slot: &Slot) {
    let mut size = |legs: &[Label]| {
        let one = printer.g.sizes.constant(1);
        let total = legs.iter().fold(one, |all, l| printer.g.sizes.mul(all, net.dims[*l as usize]));
        printer.arena.size_or_number(printer.g, total)
    };
    let extent = (size(&slot.rows), size(&slot.cols));
    let bare = match printer.arena.kind(slot.expr).clone() {
        Kind::Product { chain, .. } if !chain.is_empty() => printer.arena.product(Rational::ONE, Vec::new(), chain),
        _ => slot.expr,
    };
    printer.arena.set_extent(bare, extent);
}

/// The Kronecker product of the slots in this order, fastest first, with the commutation matrices it takes.
fn in_order(
    net: &Net,
    printer: &mut Printer,
    slots: &[Slot],
    sequence: &[usize],
    rows: &[Label],
    cols: &[Label],
) -> Option<Ordered> {
    let row_at = |l: &Label| rows.iter().position(|x| x == l).unwrap_or(usize::MAX);
    let col_at = |l: &Label| cols.iter().position(|x| x == l).unwrap_or(usize::MAX);
    let row_order: Vec<Label> = sequence.iter().flat_map(|k| slots[*k].rows.clone()).collect();
    let col_order: Vec<Label> = sequence.iter().flat_map(|k| slots[*k].cols.clone()).collect();
    // the slowest leg is the leftmost factor
    let mut factors = sequence.iter().rev().map(|k| slots[*k].expr);
    let first = factors.next()?;
    let product = factors.fold(first, |product, factor| kron_or_outer(printer, product, factor));
    let mut chain = vec![product];
    let mut swaps = 0;
    // rows are over (.., a, b, ..) and should be over (.., b, a, ..): K maps vec with a fast to vec with b fast
    let mut current = row_order;
    while current != rows {
        let k = (0..current.len() - 1).find(|k| row_at(&current[*k]) > row_at(&current[*k + 1]))?;
        let (da, db) = (net.dims[current[k] as usize], net.dims[current[k + 1] as usize]);
        let args = [printer.arena.size_or_number(printer.g, da), printer.arena.size_or_number(printer.g, db)];
        let swap = printer.arena.call("commutation", &args, Form::Matrix);
        let swap = pad(net, printer, swap, &current[..k], &current[k + 2..]);
        chain.insert(0, swap);
        current.swap(k, k + 1);
        swaps += 1;
        if swaps > 24 {
            return None;
        }
    }
    // swap adjacent legs until the columns are in order: each swap is a commutation matrix on its place
    let mut current = col_order;
    while current != cols {
        let k = (0..current.len() - 1).find(|k| col_at(&current[*k]) > col_at(&current[*k + 1]))?;
        let (a, b) = (current[k], current[k + 1]);
        // columns are over (.., a, b, ..) and should be over (.., b, a, ..): K maps vec with b fast to vec with a fast
        let (da, db) = (net.dims[a as usize], net.dims[b as usize]);
        let args = [printer.arena.size_or_number(printer.g, db), printer.arena.size_or_number(printer.g, da)];
        let mut swap = printer.arena.call("commutation", &args, Form::Matrix);
        swap = pad(net, printer, swap, &current[..k], &current[k + 2..]);
        chain.push(swap);
        current.swap(k, k + 1);
        swaps += 1;
        if swaps > 24 {
            return None;
        }
    }
    let whole = printer.arena.product(Rational::ONE, Vec::new(), chain);
    Some(Ordered { whole, product, swaps })
}

/// A column beside a row is their product.
fn kron_or_outer(printer: &mut Printer, a: M, b: M) -> M {
    match (printer.arena.form(a), printer.arena.form(b)) {
        (Form::Column, Form::Row) => printer.arena.product(Rational::ONE, Vec::new(), vec![a, b]),
        (Form::Row, Form::Column) => printer.arena.product(Rational::ONE, Vec::new(), vec![b, a]),
        _ => printer.arena.kron(a, b),
    }
}

fn pad(net: &Net, printer: &mut Printer, m: M, faster: &[Label], slower: &[Label]) -> M {
    let mut eye = |legs: &[Label]| -> Option<M> {
        let mut dims = legs.iter().map(|l| net.dims[*l as usize]);
        let first: Dim = dims.next()?;
        let total = dims.fold(first, |a, b| printer.g.sizes.mul(a, b));
        let n = printer.arena.size_or_number(printer.g, total);
        Some(printer.arena.call("eye", &[n], Form::Matrix))
    };
    let (fast, slow) = (eye(faster), eye(slower));
    let mut m = m;
    if let Some(fast) = fast {
        m = printer.arena.kron(m, fast);
    }
    if let Some(slow) = slow {
        m = printer.arena.kron(slow, m);
    }
    m
}
