//! What has matrix notation step by step or row by row only, because all steps at once would have three axes: inverses,
//! determinants, functions and products of matrices of which there is one for each step. They are values of `map`, or
//! the sum of a `fold`.

use rustc_hash::FxHashMap;

use super::Printer;
use super::expr::M;
use crate::graph::{
    Dims, Factor, Graph, Label, Labels, Node, NodeId, Part, Product, ProductBuilder, Reading, Recurrence, Slot,
};

/// Deeper formulas than this are given up.
const DEPTH_LIMIT: usize = 60;

/// A loop on its way, and what stands for values in its step.
struct Steps {
    r: Recurrence,
    values: FxHashMap<(NodeId, usize), Option<NodeId>>,
}

impl Steps {
    /// The sequence that a tensor is along its first axis, as an item.
    fn item(&mut self, g: &mut Graph, sequence: NodeId) -> NodeId {
        let dims: Dims = g.axes(sequence)[1..].iter().copied().collect();
        let at = self.r.items.iter().position(|items| *items == sequence).unwrap_or_else(|| {
            self.r.items.push(sequence);
            self.r.items.len() - 1
        });
        g.placeholder(self.r.level, Slot::Item(at as u32), &dims)
    }
}

impl Printer<'_> {
    /// A value that no other notation has shown.
    pub(super) fn rows_expr(&mut self, id: NodeId) -> Option<M> {
        if self.g.open_in(id) != 0 {
            return None;
        }
        if let Node::Product(p) = self.g.node(id).clone()
            && let Some(m) = self.total_by_rows(&p)
        {
            return Some(m);
        }
        let found = match self.g.rank(id) {
            0 => None,
            1 => self.by_rows(id),
            _ => self.by_rows(id).or_else(|| {
                let turned = self.g.transpose(id);
                let m = self.by_rows(turned)?;
                Some(self.arena.transpose(m))
            }),
        };
        found.or_else(|| self.by_terms(id))
    }

    /// A product with a sum of tensors, whose terms are shown one by one.
    fn by_terms(&mut self, id: NodeId) -> Option<M> {
        let Node::Product(p) = self.g.node(id).clone() else { return None };
        let terms_of = |g: &Graph, f: &Factor| match g.node(f.node) {
            Node::Sum(terms, dims) if dims.len() > 2 && f.exponent.is_one() => Some(terms.clone()),
            _ => None,
        };
        let (at, terms) = p.factors.iter().enumerate().find_map(|(k, f)| Some((k, terms_of(self.g, f)?)))?;
        let mut products = Vec::with_capacity(terms.len());
        for (coefficient, term) in terms {
            let mut product = ProductBuilder { coefficient: None, factors: p.factors.clone(), dims: p.dims.clone() };
            product.factors[at].node = term;
            products.push((coefficient, product.build(self.g, &p.out)));
        }
        let dims = self.g.axes(id).clone();
        let sum = self.g.sum(&products, &dims);
        self.expr(sum).filter(|_| sum != id)
    }

    /// What has matrix notation for each value of its first axis: `map` of that.
    pub(super) fn by_rows(&mut self, id: NodeId) -> Option<M> {
        let length = *self.g.axes(id).first()?;
        let levels = self.g.open_levels();
        let m = self.g.open_level().and_then(|level| {
            let mut steps = steps_of(level, length);
            let e = self.parts_at(&mut steps, id, 0, 0)?;
            if steps.r.items.is_empty() {
                let ones = self.g.ones(&[length]);
                steps.r.items.push(ones);
            }
            self.loop_expr(&steps.r, Reading::Each(e), id)
        });
        self.g.close_levels(levels);
        m
    }

    /// A product with a sum over what goes step by step: the sum grows in a `fold`.
    fn total_by_rows(&mut self, p: &Product) -> Option<M> {
        let wide = |f: &&Factor| f.labels.len() > 2 && !matches!(self.g.node(f.node), Node::Fuse { .. });
        let mut labels: Vec<Label> = p.factors.iter().filter(wide).filter_map(|f| f.labels.first().copied()).collect();
        labels.retain(|l| !p.out.contains(l));
        labels.dedup();
        if p.out.len() > 2 {
            return None;
        }
        labels.into_iter().find_map(|step| {
            let levels = self.g.open_levels();
            let m = self.g.open_level().and_then(|level| {
                let mut steps = steps_of(level, *p.dims.get(step as usize)?);
                let e = self.product_at_step(&mut steps, p, step, &p.out, 0)?;
                let dims = self.g.axes(e).clone();
                let sum = self.g.placeholder(level, Slot::State(0), &dims);
                steps.r.init = vec![self.g.zeros(&dims)];
                steps.r.next = vec![self.g.add(sum, e)];
                let whole = self.g.zeros(&dims);
                self.loop_expr(&steps.r, Reading::Last(0), whole)
            });
            self.g.close_levels(levels);
            m
        })
    }

    /// A loop whose sequences of what is no matrix in print are worked out in its step; `None` where it has none.
    pub(super) fn inlined(&mut self, r: &Recurrence, reading: Reading) -> Option<(Recurrence, Reading)> {
        let printable = |g: &Graph, id: NodeId| {
            g.rank(id) <= 2 || matches!(g.node(id), Node::Input(_) | Node::Loop(_, Reading::Each(_)))
        };
        if r.items.iter().all(|items| printable(self.g, *items)) {
            return None;
        }
        let mut steps = Steps { r: r.clone(), values: FxHashMap::default() };
        let mut map = FxHashMap::default();
        for (k, items) in r.items.iter().enumerate() {
            if printable(self.g, *items) {
                continue;
            }
            let value = self.parts_at(&mut steps, *items, 0, 0)?;
            let dims: Dims = self.g.axes(*items)[1..].iter().copied().collect();
            map.insert(self.g.placeholder(r.level, Slot::Item(k as u32), &dims), value);
        }
        let mut r = steps.r;
        let level = r.level;
        for next in &mut r.next {
            *next = self.g.replace_open(*next, level, &map);
        }
        let reading = match reading.expression() {
            Some(e) => reading.of(self.g.replace_open(e, level, &map)),
            None => reading,
        };
        // the sequences that are left, under their new numbers
        let used: Vec<usize> = r.body(reading).into_iter().flat_map(|root| self.g.items_of(root, level)).collect();
        let mut moved = FxHashMap::default();
        let mut kept = Vec::new();
        for (k, items) in r.items.iter().enumerate() {
            if used.contains(&k) {
                let dims: Dims = self.g.axes(*items)[1..].iter().copied().collect();
                let old = self.g.placeholder(level, Slot::Item(k as u32), &dims);
                moved.insert(old, self.g.placeholder(level, Slot::Item(kept.len() as u32), &dims));
                kept.push(*items);
            }
        }
        r.items = kept;
        for next in &mut r.next {
            *next = self.g.replace_open(*next, level, &moved);
        }
        let reading = match reading.expression() {
            Some(e) => reading.of(self.g.replace_open(e, level, &moved)),
            None => reading,
        };
        Some((r, reading))
    }

    /// The value of a tensor at a step of a loop, the steps along one of its axes.
    fn at_step(&mut self, steps: &mut Steps, node: NodeId, axis: usize, depth: usize) -> Option<NodeId> {
        if let Some(known) = steps.values.get(&(node, axis)) {
            return *known;
        }
        let value = self.find_at_step(steps, node, axis, depth);
        steps.values.insert((node, axis), value);
        value
    }

    fn find_at_step(&mut self, steps: &mut Steps, node: NodeId, axis: usize, depth: usize) -> Option<NodeId> {
        if depth > DEPTH_LIMIT {
            return None;
        }
        let rank = self.g.rank(node);
        let whole = match self.g.node(node) {
            Node::Call(..) => false,
            Node::Input(_) | Node::Loop(_, Reading::Each(_)) if rank == 3 => axis == 0,
            _ => rank <= 2 && self.expr(node).is_some(),
        };
        if whole {
            let mut order: Vec<usize> = (0..rank).collect();
            order.get_mut(..=axis)?.rotate_right(1);
            let sequence = self.g.permute(node, &order);
            return Some(steps.item(self.g, sequence));
        }
        if let Some(value) = self.parts_at(steps, node, axis, depth + 1) {
            return Some(value);
        }
        (rank <= 2 && axis == 0).then(|| steps.item(self.g, node))
    }

    /// As [`Printer::at_step`], of what a tensor is made of.
    fn parts_at(&mut self, steps: &mut Steps, node: NodeId, axis: usize, depth: usize) -> Option<NodeId> {
        match self.g.node(node).clone() {
            Node::Product(p) => {
                let step = *p.out.get(axis)?;
                let out: Labels =
                    p.out.iter().enumerate().filter(|(k, _)| *k != axis).map(|(_, label)| *label).collect();
                if out.contains(&step) {
                    return None;
                }
                self.product_at_step(steps, &p, step, &out, depth)
            }
            Node::Sum(terms, dims) => {
                let own: Dims = dims.iter().enumerate().filter(|(k, _)| *k != axis).map(|(_, d)| *d).collect();
                let mut all = Vec::with_capacity(terms.len());
                for (c, term) in terms {
                    all.push((c, self.at_step(steps, term, axis, depth + 1)?));
                }
                Some(self.g.sum(&all, &own))
            }
            Node::Map(op, args) => {
                let args = self.all_at(steps, &args, axis, depth)?;
                Some(self.g.map(op, &args))
            }
            Node::Matrix(op, args) => {
                if args.iter().any(|arg| self.g.rank(*arg) < 3) || axis != 0 {
                    return None;
                }
                let args = self.all_at(steps, &args, axis, depth)?;
                Some(self.g.matrix(op, &args))
            }
            Node::Reduce(op, arg, axes) => {
                // the axis among those of the argument
                let place = (0..self.g.rank(arg)).filter(|k| !axes.contains(&(*k as u8))).nth(axis)?;
                let value = self.at_step(steps, arg, place, depth + 1)?;
                let axes: Vec<u8> = axes.iter().map(|k| if usize::from(*k) > place { k - 1 } else { *k }).collect();
                Some(self.g.reduce(op, value, &axes))
            }
            Node::Stack(along, parts) => {
                let along = usize::from(along);
                if along == axis {
                    return None;
                }
                let mut all = Vec::with_capacity(parts.len());
                for part in parts {
                    let place = if part.extent.is_none() && along < axis { axis - 1 } else { axis };
                    all.push(Part { node: self.at_step(steps, part.node, place, depth + 1)?, ..part });
                }
                let along = if along > axis { along - 1 } else { along };
                Some(self.g.stack(along as u8, all))
            }
            Node::Call(function, derivative, args) => {
                let own = self.g.function_info(function).domain.as_ref().map_or(0, |domain| domain.len());
                if args.iter().any(|arg| self.g.rank(*arg) <= own + axis) {
                    return None;
                }
                let args = self.all_at(steps, &args, axis, depth)?;
                Some(self.g.call(function, &derivative, &args))
            }
            _ => None,
        }
    }

    fn all_at(&mut self, steps: &mut Steps, args: &[NodeId], axis: usize, depth: usize) -> Option<Vec<NodeId>> {
        args.iter().map(|arg| self.at_step(steps, *arg, axis, depth + 1)).collect()
    }

    fn product_at_step(
        &mut self,
        steps: &mut Steps,
        p: &Product,
        step: Label,
        out: &[Label],
        depth: usize,
    ) -> Option<NodeId> {
        let mut body = ProductBuilder { coefficient: None, factors: Vec::new(), dims: p.dims.clone() };
        for f in &p.factors {
            let mut places = f.labels.iter().enumerate().filter(|(_, l)| **l == step).map(|(k, _)| k);
            let Some(axis) = places.next() else {
                body.power(f.node, &f.labels, f.exponent.clone());
                continue;
            };
            if places.next().is_some() {
                return None;
            }
            let value = self.at_step(steps, f.node, axis, depth + 1)?;
            let own: Labels = f.labels.iter().filter(|l| **l != step).copied().collect();
            body.power(value, &own, f.exponent.clone());
        }
        body.forget_unused(out);
        Some(body.build(self.g, out))
    }
}

fn steps_of(level: u8, length: crate::graph::Dim) -> Steps {
    let r = Recurrence { level, length, init: Vec::new(), items: Vec::new(), next: Vec::new(), backward: false };
    Steps { r, values: FxHashMap::default() }
}
