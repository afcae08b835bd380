//! From a product with labels to a matrix expression.
//!
//! The factors are edges (matrices), loads on nodes (vectors) and scalars of a graph whose nodes are the labels. Labels
//! that are summed are eliminated one by one: a loose end becomes a matrix-vector product, a node between two edges a
//! matrix product, a closed loop a trace; what meets on one node or edge multiplies entry by entry.

use matgrad_syntax::Rational;

use super::Printer;
use super::expr::{Form, Kind, M, Sub};
use crate::graph::{Dim, Dims, Label, Labels, MatrixOp, Node, Product};

/// Entry-by-entry factors with their powers.
pub(super) type Parts = Vec<(M, Rational)>;

/// A matrix between two labels.
#[derive(Clone, Debug)]
pub(super) struct Edge {
    pub rows: Label,
    pub cols: Label,
    pub parts: Parts,
}

/// The graph of a product.
pub(super) struct Net {
    pub dims: Dims,
    pub out: Labels,
    pub scalars: Parts,
    pub loads: Vec<Parts>,
    pub edges: Vec<Edge>,
    /// (fused, fast, slow)
    pub fuses: Vec<(Label, Label, Label)>,
    /// Loads that are `vec` of a matrix, with its numbers of rows and columns.
    vecs: Vec<(M, Dim, Dim)>,
    /// Determinants, with the size of their matrix.
    dets: Vec<(M, Dim)>,
    /// Matrices that were taken off the legs of the result, see [`super::kron::peel`].
    pub peeled: Vec<super::kron::Peeled>,
    eps: Vec<Labels>,
    dead: Vec<bool>,
}

impl Net {
    /// Reads a product; `None` where a factor has more axes than a matrix can show.
    pub fn read(printer: &mut Printer, p: &Product) -> Option<Net> {
        let count = p.dims.len();
        let mut net = Net {
            dims: p.dims.clone(),
            out: p.out.clone(),
            scalars: Vec::new(),
            loads: vec![Vec::new(); count],
            edges: Vec::new(),
            fuses: Vec::new(),
            vecs: Vec::new(),
            dets: Vec::new(),
            peeled: Vec::new(),
            eps: Vec::new(),
            dead: vec![false; count],
        };
        let mut hot: Vec<Option<Dim>> = vec![None; count];
        for f in &p.factors {
            match (printer.g.node(f.node).clone(), f.labels.as_slice()) {
                (Node::OneHot { at, .. }, [l]) => match hot[*l as usize] {
                    None => hot[*l as usize] = Some(at),
                    Some(other) => {
                        // two positions on one axis: 1 where they are the same
                        let positions = [other, at].map(|dim| printer.arena.size_or_number(printer.g, dim));
                        let same = printer.delta(positions[0], positions[1]);
                        net.scalars.push((same, Rational::ONE));
                    }
                },
                (Node::Fuse { .. }, [a, fast, slow]) => net.fuses.push((*a, *fast, *slow)),
                (Node::LeviCivita(3), labels) => net.eps.push(Labels::from_slice(labels)),
                (node, []) => {
                    let part = printer.powered(f.node, &f.exponent)?;
                    if let Node::Matrix(MatrixOp::Det, args) = node
                        && let Some(size) = printer.g.axes(args[0]).first()
                    {
                        net.dets.push((part.0, *size));
                    }
                    net.scalars.push(part);
                }
                (_, [l]) => {
                    let part = printer.powered(f.node, &f.exponent)?;
                    net.loads[*l as usize].push(part);
                }
                (_, [a, b]) => {
                    let (m, e) = printer.powered(f.node, &f.exponent)?;
                    if a == b {
                        let d = printer.arena.call("diag", &[m], Form::Column);
                        net.loads[*a as usize].push((d, e));
                    } else {
                        net.add_edge(printer, *a, *b, vec![(m, e)]);
                    }
                }
                _ => return None,
            }
        }
        for label in 0..count as Label {
            if let Some(at) = hot[label as usize] {
                net.evaluate_at(printer, label, at);
            }
        }
        Some(net)
    }

    pub fn add_edge(&mut self, printer: &mut Printer, rows: Label, cols: Label, parts: Parts) {
        for edge in &mut self.edges {
            if edge.rows == rows && edge.cols == cols {
                edge.parts.extend(parts);
                return;
            }
            if edge.rows == cols && edge.cols == rows {
                edge.parts.extend(parts.into_iter().map(|(m, e)| (printer.arena.transpose(m), e)));
                return;
            }
        }
        self.edges.push(Edge { rows, cols, parts });
    }

    /// A one-hot on a label takes one entry of everything else there.
    fn evaluate_at(&mut self, printer: &mut Printer, label: Label, at: Dim) {
        let position = printer.arena.size_or_number(printer.g, at);
        let loads = std::mem::take(&mut self.loads[label as usize]);
        for (m, e) in loads {
            let entry = printer.arena.entry(m, vec![Sub::At(position)], Form::Scalar);
            self.scalars.push((entry, e));
        }
        let (here, rest): (Vec<Edge>, Vec<Edge>) =
            std::mem::take(&mut self.edges).into_iter().partition(|e| e.rows == label || e.cols == label);
        self.edges = rest;
        for edge in here {
            for (m, e) in edge.parts {
                let (other, line) = if edge.rows == label {
                    let row = printer.arena.entry(m, vec![Sub::At(position), Sub::All], Form::Row);
                    (edge.cols, printer.arena.transpose(row))
                } else {
                    (edge.rows, printer.arena.entry(m, vec![Sub::All, Sub::At(position)], Form::Column))
                };
                self.loads[other as usize].push((line, e));
            }
        }
        if self.protected(label) {
            let n = printer.arena.size_or_number(printer.g, self.dims[label as usize]);
            let unit = printer.arena.call("unit", &[position, n], Form::Column);
            self.loads[label as usize].push((unit, Rational::ONE));
        } else {
            self.dead[label as usize] = true;
        }
    }

    /// Whether a label has to stay: it is an axis of the result, or a leg of a fusion or of a Levi-Civita symbol.
    pub fn protected(&self, label: Label) -> bool {
        self.out.contains(&label)
            || self.fuses.iter().any(|(a, b, c)| [a, b, c].contains(&&label))
            || self.eps.iter().any(|e| e.contains(&label))
    }

    /// Takes labels out that nothing lies on.
    pub fn forget(&mut self, labels: &[Label]) {
        for label in labels {
            self.dead[*label as usize] = true;
        }
    }

    fn degree(&self, label: Label) -> usize {
        self.edges.iter().filter(|e| e.rows == label || e.cols == label).count()
    }

    /// Eliminates all summed labels; `None` where three edges meet in each one that is left.
    pub fn reduce(&mut self, printer: &mut Printer) -> Option<()> {
        loop {
            let open = (0..self.dims.len() as Label).filter(|l| !self.dead[*l as usize] && !self.protected(*l));
            let Some(label) = open.min_by_key(|l| (self.degree(*l), *l)) else {
                if self.settle_eps(printer)? || self.settle_fuse(printer) {
                    continue;
                }
                return Some(());
            };
            match self.degree(label) {
                0 => self.close(printer, label),
                1 => self.loose_end(printer, label)?,
                2 => self.through(printer, label),
                // a fusion whose fused label carries a load is a matrix between its legs, which may then go
                _ if super::kron::peel(self, printer) || self.settle_fuse(printer) => continue,
                _ => return None,
            }
            self.dead[label as usize] = true;
        }
    }

    fn close(&mut self, printer: &mut Printer, label: Label) {
        let parts = std::mem::take(&mut self.loads[label as usize]);
        if parts.is_empty() {
            let n = printer.arena.size_or_number(printer.g, self.dims[label as usize]);
            self.scalars.push((n, Rational::ONE));
        } else {
            let scalars = printer.inner(parts, self.dims[label as usize]);
            self.scalars.extend(scalars);
        }
    }

    fn loose_end(&mut self, printer: &mut Printer, label: Label) -> Option<()> {
        let at = self.edges.iter().position(|e| e.rows == label || e.cols == label)?;
        let edge = self.edges.remove(at);
        let other = if edge.rows == label { edge.cols } else { edge.rows };
        let load = std::mem::take(&mut self.loads[label as usize]);
        let free_other = !self.protected(other) && self.degree(other) == 0 && self.loads[other as usize].is_empty();
        if load.is_empty() && free_other {
            self.dead[other as usize] = true;
            let dims = [edge.rows, edge.cols].map(|l| self.dims[l as usize]);
            let scalars = printer.sum_all(edge.parts, dims);
            self.scalars.extend(scalars);
            return Some(());
        }
        let pair = match edge.parts.as_slice() {
            [(a, e), (b, f)] if e.is_one() && f.is_one() && a != b => Some((*a, *b)),
            _ => None,
        };
        // sums read better entry by entry
        let whole = |m: M| !matches!(printer.arena.kind(m), Kind::Sum(_) | Kind::Hadamard(_) | Kind::Call(..));
        let pair = pair.filter(|(a, b)| whole(*a) && whole(*b));
        let flip = edge.rows == label;
        let pair =
            pair.map(|(a, b)| if flip { (printer.arena.transpose(a), printer.arena.transpose(b)) } else { (a, b) });
        let matrix = printer.matrix(edge.parts, [edge.rows, edge.cols].map(|l| self.dims[l as usize]));
        let towards = if flip { printer.arena.transpose(matrix) } else { matrix };
        let column = if load.is_empty() {
            printer.row_sums(towards, pair)
        } else {
            let v = printer.column(load, self.dims[label as usize]);
            printer.arena.product(Rational::ONE, Vec::new(), vec![towards, v])
        };
        self.loads[other as usize].push((column, Rational::ONE));
        Some(())
    }

    fn through(&mut self, printer: &mut Printer, label: Label) {
        let mut ends = Vec::new();
        let mut k = 0;
        while k < self.edges.len() {
            if self.edges[k].rows == label || self.edges[k].cols == label {
                ends.push(self.edges.remove(k));
            } else {
                k += 1;
            }
        }
        let (second, first) = (ends.pop(), ends.pop());
        let (Some(first), Some(second)) = (first, second) else { return };
        let dims = self.dims.clone();
        let oriented = |printer: &mut Printer, e: Edge, towards_rows: bool| {
            let other = if e.rows == label { e.cols } else { e.rows };
            let m = printer.matrix(e.parts, [e.rows, e.cols].map(|l| dims[l as usize]));
            let flip = (e.rows == label) == towards_rows;
            (other, if flip { printer.arena.transpose(m) } else { m })
        };
        let (from, left) = oriented(printer, first, true);
        let (to, right) = oriented(printer, second, false);
        let load = std::mem::take(&mut self.loads[label as usize]);
        let mut chain = vec![left];
        if !load.is_empty() {
            let v = printer.column(load, self.dims[label as usize]);
            chain.push(printer.arena.diag(v));
        }
        chain.push(right);
        let product = printer.arena.product(Rational::ONE, Vec::new(), chain);
        if from == to {
            let d = printer.arena.call("diag", &[product], Form::Column);
            self.loads[from as usize].push((d, Rational::ONE));
        } else {
            self.add_edge(printer, from, to, vec![(product, Rational::ONE)]);
        }
    }

    /// A Levi-Civita symbol with two loads is a vector product, with one a skew matrix. `None`: with neither.
    fn settle_eps(&mut self, printer: &mut Printer) -> Option<bool> {
        let ready = |net: &Net, l: Label| net.degree(l) == 0 && !net.loads[l as usize].is_empty();
        // the one with the most vectors on it: what it gives may lie on another
        let most = (0..self.eps.len()).rev().max_by_key(|k| self.eps[*k].iter().filter(|l| ready(self, **l)).count());
        let Some(k) = most else { return Some(false) };
        let labels = self.eps.remove(k);
        let loaded = |net: &Net, l: Label| !net.protected(l) && ready(net, l);
        let with: Vec<usize> = (0..3).filter(|k| loaded(self, labels[*k])).collect();
        let mut take = |net: &mut Net, k: usize| {
            let parts = std::mem::take(&mut net.loads[labels[k] as usize]);
            net.dead[labels[k] as usize] = true;
            printer.column(parts, net.dims[labels[k] as usize])
        };
        match with.as_slice() {
            [_, _, _] => {
                let (u, v, w) = (take(self, 0), take(self, 1), take(self, 2));
                let cross = printer.arena.call("cross", &[v, w], Form::Column);
                let parts = vec![(u, Rational::ONE), (cross, Rational::ONE)];
                let scalars = printer.inner(parts, self.dims[labels[0] as usize]);
                self.scalars.extend(scalars);
            }
            [j, k] => {
                // cyclic order of the two loaded axes after the free one
                let free = 3 - j - k;
                let (j, k) = ((free + 1) % 3, (free + 2) % 3);
                let (u, v) = (take(self, j), take(self, k));
                let cross = printer.arena.call("cross", &[u, v], Form::Column);
                self.loads[labels[free] as usize].push((cross, Rational::ONE));
            }
            [j] => {
                // eps[i,j,k] v[j] over (k, i) in cyclic order: rows k' = (j+2)%3, cols (j+1)%3
                let v = take(self, *j);
                let (rows, cols) = (labels[(j + 2) % 3], labels[(j + 1) % 3]);
                let skew = printer.skew(v);
                self.add_edge(printer, rows, cols, vec![(skew, Rational::ONE)]);
            }
            _ => return None,
        }
        Some(true)
    }

    /// A fusion whose small legs meet only each other is the `vec` of that matrix as a load on the fused label.
    fn settle_fuse(&mut self, printer: &mut Printer) -> bool {
        for k in 0..self.fuses.len() {
            let (fused, fast, slow) = self.fuses[k];
            if self.out.contains(&fast) || self.out.contains(&slow) {
                continue;
            }
            // what was taken off an axis stands before the whole of it
            if !self.peeled.is_empty() && self.out.contains(&fused) {
                continue;
            }
            let elsewhere = |l: Label| {
                self.fuses.iter().enumerate().any(|(j, (a, b, c))| j != k && [a, b, c].contains(&&l))
                    || self.eps.iter().any(|e| e.contains(&l))
            };
            if fast == slow {
                // both legs are one label: the vec of a diagonal matrix
                if elsewhere(fast) || self.degree(fast) > 0 {
                    continue;
                }
                let load = std::mem::take(&mut self.loads[fast as usize]);
                let matrix = if load.is_empty() {
                    let n = printer.arena.size_or_number(printer.g, self.dims[fast as usize]);
                    printer.arena.call("eye", &[n], Form::Matrix)
                } else {
                    let v = printer.column(load, self.dims[fast as usize]);
                    printer.arena.diag(v)
                };
                self.fuses.remove(k);
                self.dead[fast as usize] = true;
                let v = printer.arena.vec(matrix);
                self.loads[fused as usize].push((v, Rational::ONE));
                return true;
            }
            let foreign = self.edges.iter().any(|e| {
                let touches = [fast, slow].contains(&e.rows) || [fast, slow].contains(&e.cols);
                let both = [fast, slow].contains(&e.rows) && [fast, slow].contains(&e.cols);
                touches && !both
            });
            if elsewhere(fast) || elsewhere(slow) || foreign {
                continue;
            }
            let matrix = self.between(printer, fast, slow);
            self.fuses.remove(k);
            self.dead[fast as usize] = true;
            self.dead[slow as usize] = true;
            let v = printer.arena.vec(matrix);
            printer.arena.note_rows(v, self.dims[fast as usize]);
            self.vecs.push((v, self.dims[fast as usize], self.dims[slow as usize]));
            self.loads[fused as usize].push((v, Rational::ONE));
            return true;
        }
        // a fused label that is summed: its load, reshaped, lies between the small legs
        for k in 0..self.fuses.len() {
            let (fused, fast, slow) = self.fuses[k];
            let elsewhere = self.fuses.iter().enumerate().any(|(j, (a, b, c))| j != k && [a, b, c].contains(&&fused));
            if self.out.contains(&fused) || elsewhere || self.degree(fused) > 0 || self.loads[fused as usize].is_empty()
            {
                continue;
            }
            let load = std::mem::take(&mut self.loads[fused as usize]);
            let v = printer.column(load, self.dims[fused as usize]);
            let rows = printer.arena.size_or_number(printer.g, self.dims[fast as usize]);
            let cols = printer.arena.size_or_number(printer.g, self.dims[slow as usize]);
            let split = (self.dims[fast as usize], self.dims[slow as usize]);
            let same = self.vecs.iter().any(|(m, rows, cols)| *m == v && (*rows, *cols) == split);
            let matrix = match printer.arena.call_args(v, "vec") {
                Some(args) if same => args[0],
                _ => printer.arena.call("reshape", &[v, rows, cols], Form::Matrix),
            };
            self.fuses.remove(k);
            self.dead[fused as usize] = true;
            if fast == slow {
                let diagonal = printer.arena.call("diag", &[matrix], Form::Column);
                self.loads[fast as usize].push((diagonal, Rational::ONE));
                return true;
            }
            self.add_edge(printer, fast, slow, vec![(matrix, Rational::ONE)]);
            return true;
        }
        false
    }

    /// The matrix between two labels with everything that lies on them; ones where nothing does.
    pub fn between(&mut self, printer: &mut Printer, rows: Label, cols: Label) -> M {
        let edge = self.edges.iter().position(|e| [rows, cols].contains(&e.rows) && [rows, cols].contains(&e.cols));
        let edge = edge.map(|k| self.edges.remove(k));
        let (u, v) = (std::mem::take(&mut self.loads[rows as usize]), std::mem::take(&mut self.loads[cols as usize]));
        let (dr, dc) = (self.dims[rows as usize], self.dims[cols as usize]);
        let (u, v) = ((!u.is_empty()).then(|| printer.column(u, dr)), (!v.is_empty()).then(|| printer.column(v, dc)));
        match edge {
            Some(edge) => {
                let m = printer.masked(edge.parts, [edge.rows, edge.cols].map(|l| self.dims[l as usize]));
                let m = if edge.rows == rows { m } else { printer.arena.transpose(m) };
                if let (Some(u), Some(v), Some(name)) = (u, v, printer.triangle_of_ones(m)) {
                    let row = printer.arena.transpose(v);
                    let outer = printer.arena.product(Rational::ONE, Vec::new(), vec![u, row]);
                    return printer.arena.call(name, &[outer], Form::Matrix);
                }
                let mut chain = Vec::new();
                chain.extend(u.map(|u| printer.arena.diag(u)));
                chain.push(m);
                chain.extend(v.map(|v| printer.arena.diag(v)));
                printer.arena.product(Rational::ONE, Vec::new(), chain)
            }
            None => {
                if u.is_none() && v.is_none() {
                    return printer.arena.ones2(dr, dc);
                }
                let u = u.unwrap_or_else(|| printer.arena.ones(dr));
                let v = v.unwrap_or_else(|| printer.arena.ones(dc));
                let row = printer.arena.transpose(v);
                printer.arena.product(Rational::ONE, Vec::new(), vec![u, row])
            }
        }
    }

    /// The whole result once only the axes of the result are left.
    pub fn assemble(mut self, printer: &mut Printer) -> Option<M> {
        let out = self.out.clone();
        let body = if self.fuses.is_empty() {
            if !self.eps.is_empty() {
                return None;
            }
            match out.as_slice() {
                [] => None,
                [a] => {
                    let load = std::mem::take(&mut self.loads[*a as usize]);
                    Some(if load.is_empty() {
                        printer.arena.ones(self.dims[*a as usize])
                    } else {
                        printer.column(load, self.dims[*a as usize])
                    })
                }
                [a, b] if a == b => {
                    let load = std::mem::take(&mut self.loads[*a as usize]);
                    Some(printer.diagonal_matrix(load, self.dims[*a as usize]))
                }
                [a, b] => Some(self.between(printer, *a, *b)),
                _ => return None,
            }
        } else {
            Some(super::kron::assemble(&mut self, printer)?)
        };
        if !self.edges.is_empty() || self.loads.iter().any(|l| !l.is_empty()) {
            return None;
        }
        let mut scalars = std::mem::take(&mut self.scalars);
        printer.join_dets(&mut scalars, self.dets);
        Some(printer.arena.product(Rational::ONE, scalars, body.into_iter().collect()))
    }
}

impl Printer<'_> {
    /// Σ over one label of a product of vectors, as scalar factors.
    pub(super) fn inner(&mut self, parts: Parts, dim: Dim) -> Parts {
        if let [(m, e)] = parts.as_slice() {
            let (m, e) = (*m, e.clone());
            if e.is_one() {
                if let Some(args) = self.arena.call_args(m, "diag") {
                    let arg = args[0];
                    return vec![(self.trace(arg), Rational::ONE)];
                }
                return vec![(self.arena.call("sum", &[m], Form::Scalar), Rational::ONE)];
            }
            if e == Rational::int(2) {
                let row = self.arena.transpose(m);
                let chain = self.arena.product(Rational::ONE, Vec::new(), vec![row, m]);
                let norm = self.arena.call("norm", &[m], Form::Scalar);
                if self.arena.length(chain) <= self.arena.length(norm) + 2 {
                    return vec![(chain, Rational::ONE)];
                }
                return vec![(norm, e)];
            }
        }
        let all = self.arena.hadamard(parts.clone());
        if self.arena.form(all) == Form::Scalar && parts.iter().any(|(m, _)| self.arena.form(*m) != Form::Scalar) {
            let count = self.arena.size_or_number(self.g, dim); // what cancelled was 1 in every place
            return vec![(count, Rational::ONE), (all, Rational::ONE)];
        }
        let mut best = self.arena.call("sum", &[all], Form::Scalar);
        let diagonals: Option<Parts> =
            parts.iter().map(|(m, e)| self.arena.call_args(*m, "diag").map(|args| (args[0], e.clone()))).collect();
        if let Some(diagonals) = diagonals.filter(|d| d.iter().all(|(_, e)| !e.is_negative())) {
            let product = self.arena.hadamard(diagonals);
            let trace = self.arena.call("tr", &[product], Form::Scalar);
            if self.arena.length(trace) < self.arena.length(best) {
                best = trace;
            }
        }
        if let Some(written) = self.written_out(&parts)
            && self.arena.length(written) <= self.arena.length(best)
        {
            return vec![(written, Rational::ONE)];
        }
        for k in 0..parts.len() {
            if parts.len() < 2 || !parts[k].1.is_one() {
                continue;
            }
            let mut rest = parts.clone();
            let (single, _) = rest.remove(k);
            if rest.iter().all(|(_, e)| e.is_negative()) {
                continue;
            }
            let rest = self.arena.hadamard(rest);
            if self.arena.form(rest) == Form::Scalar {
                continue; // all of it cancelled: the sum of the single one is left
            }
            for (a, b) in [(single, rest), (rest, single)] {
                let row = self.arena.transpose(a);
                let chain = self.arena.product(Rational::ONE, Vec::new(), vec![row, b]);
                if self.arena.length(chain) < self.arena.length(best) {
                    best = chain;
                }
            }
        }
        vec![(best, Rational::ONE)]
    }

    /// Σ over the entries of a literal, written out.
    fn written_out(&mut self, parts: &Parts) -> Option<M> {
        let entries = parts.iter().find_map(|(m, e)| match self.arena.kind(*m) {
            Kind::Column(items) if e.is_one() && items.len() <= 3 => Some(items.len()),
            _ => None,
        })?;
        let mut terms = Vec::with_capacity(entries);
        for k in 0..entries {
            let at = self.arena.int(k as i64 + 1);
            let factors =
                parts.iter().map(|(m, e)| (self.arena.entry(*m, vec![Sub::At(at)], Form::Scalar), e.clone())).collect();
            terms.push((Rational::ONE, self.arena.product(Rational::ONE, factors, Vec::new())));
        }
        Some(self.arena.sum(terms, Form::Scalar))
    }

    /// The trace of a matrix expression, in the rotation and reflection that prints shortest.
    pub(super) fn trace(&mut self, m: M) -> M {
        let mut best = self.arena.call("tr", &[m], Form::Scalar);
        if let Kind::Product { number, scalars, chain } = self.arena.kind(m).clone() {
            if chain.is_empty() {
                return best;
            }
            let body = self.shortest_cycle(chain);
            let inner = self.arena.call("tr", &[body], Form::Scalar);
            best = self.arena.product(number, [scalars, vec![(inner, Rational::ONE)]].concat(), Vec::new());
        } else {
            let t = self.arena.transpose(m);
            let other = self.arena.call("tr", &[t], Form::Scalar);
            if self.arena.length(other) < self.arena.length(best) {
                best = other;
            }
        }
        best
    }

    fn shortest_cycle(&mut self, chain: Vec<M>) -> M {
        let reversed: Vec<M> = chain.iter().rev().map(|m| self.arena.transpose(*m)).collect();
        let mut best: Option<M> = None;
        let rotations = if chain.len() > 12 { 1 } else { chain.len() };
        for links in [chain, reversed] {
            for k in 0..rotations {
                let mut rotated = links.clone();
                rotated.rotate_left(k);
                let m = self.arena.product(Rational::ONE, Vec::new(), rotated);
                if best.is_none_or(|b| self.arena.length(m) < self.arena.length(b)) {
                    best = Some(m);
                }
            }
        }
        best.unwrap_or_else(|| self.arena.int(0))
    }

    /// Σ over both labels of a product of matrices, as scalar factors.
    fn sum_all(&mut self, parts: Parts, dims: [Dim; 2]) -> Parts {
        let two = Rational::int(2);
        let pair = match parts.as_slice() {
            [(a, e), (b, f)] if e.is_one() && f.is_one() => Some((*a, *b)),
            [(a, e)] if *e == two => Some((*a, *a)),
            _ => None,
        };
        let all = self.matrix(parts.clone(), dims);
        let mut best = vec![(self.arena.call("sum", &[all], Form::Scalar), Rational::ONE)];
        let mut length = self.arena.length(best[0].0);
        if let Some((a, b)) = pair {
            let left = self.arena.transpose(a);
            let chain = self.arena.product(Rational::ONE, Vec::new(), vec![left, b]);
            let trace = self.trace(chain);
            if self.arena.length(trace) <= length {
                length = self.arena.length(trace);
                best = vec![(trace, Rational::ONE)];
            }
            if a == b {
                let norm = self.arena.call("norm", &[a], Form::Scalar);
                if self.arena.length(norm) + 2 < length {
                    best = vec![(norm, two)];
                }
            }
        }
        best
    }

    /// A matrix times ones, as a column; of `A .* B` the diagonal of `A*B'` where that is clearly shorter.
    fn row_sums(&mut self, m: M, pair: Option<(M, M)>) -> M {
        let two = self.arena.int(2);
        let one = self.arena.int(1);
        let along = self.arena.call("sum", &[m, two], Form::Column);
        let t = self.arena.transpose(m);
        let down = self.arena.call("sum", &[t, one], Form::Row);
        let down = self.arena.transpose(down);
        let sums = if self.arena.length(along) <= self.arena.length(down) { along } else { down };
        let Some((a, b)) = pair else { return sums };
        let b = self.arena.transpose(b);
        let product = self.arena.product(Rational::ONE, Vec::new(), vec![a, b]);
        let diagonal = self.arena.call("diag", &[product], Form::Column);
        if self.arena.length(diagonal) + 2 <= self.arena.length(sums) { diagonal } else { sums }
    }

    /// Vectors entry by entry; ones where all of them cancel.
    pub(super) fn column(&mut self, parts: Parts, dim: Dim) -> M {
        let v = self.arena.hadamard(parts);
        if self.arena.form(v) != Form::Scalar {
            return v;
        }
        let ones = self.arena.ones(dim);
        self.arena.product(Rational::ONE, vec![(v, Rational::ONE)], vec![ones])
    }

    /// Matrices entry by entry; ones where all of them cancel.
    fn matrix(&mut self, parts: Parts, [rows, cols]: [Dim; 2]) -> M {
        let m = self.arena.hadamard(parts);
        if self.arena.form(m) != Form::Scalar {
            return m;
        }
        let ones = self.arena.ones2(rows, cols);
        self.arena.product(Rational::ONE, vec![(m, Rational::ONE)], vec![ones])
    }

    /// `diag(…)` of entry-by-entry factors; with a matrix's own diagonal among them also as a product with `eye`.
    pub(super) fn diagonal_matrix(&mut self, parts: Parts, dim: Dim) -> M {
        if parts.is_empty() {
            return self.arena.eye(dim);
        }
        let v = self.column(parts.clone(), dim);
        let diag = self.arena.diag(v);
        let undone: Option<Parts> = parts
            .iter()
            .map(|(m, e)| self.arena.call_args(*m, "diag").map(|args| (args[0], e.clone())))
            .filter(|part| part.as_ref().is_none_or(|(_, e)| !e.is_negative()))
            .collect();
        let Some(mut undone) = undone else { return diag };
        if undone.len() != parts.len() || self.diagonals {
            return diag;
        }
        undone.push((self.arena.eye(dim), Rational::ONE));
        let product = self.arena.hadamard(undone);
        if self.arena.length(product) <= self.arena.length(diag) { product } else { diag }
    }

    /// Matrices entry by entry, a triangular mask among them as `tril` or `triu` of the rest.
    pub(super) fn masked(&mut self, mut parts: Parts, dims: [Dim; 2]) -> M {
        if parts.len() > 1 {
            for name in ["tril", "triu"] {
                let found = parts.iter().position(|(m, _)| {
                    self.arena.call_args(*m, name).is_some_and(|args| self.arena.is_call(args[0], "ones"))
                });
                if let Some(k) = found {
                    parts.remove(k);
                    let rest = self.masked(parts, dims);
                    return self.arena.call(name, &[rest], Form::Matrix);
                }
            }
        }
        self.matrix(parts, dims)
    }

    /// `tril` or `triu` where the matrix is that of ones.
    fn triangle_of_ones(&self, m: M) -> Option<&'static str> {
        ["tril", "triu"]
            .into_iter()
            .find(|name| self.arena.call_args(m, name).is_some_and(|args| self.arena.is_call(args[0], "ones")))
    }

    /// The matrix of `v × ·`.
    fn skew(&mut self, v: M) -> M {
        let zero = self.arena.int(0);
        let entry = |p: &mut Self, k: i64, minus: bool| {
            let at = p.arena.int(k);
            let e = p.arena.entry(v, vec![Sub::At(at)], Form::Scalar);
            if minus { p.arena.product(Rational::int(-1), vec![(e, Rational::ONE)], Vec::new()) } else { e }
        };
        let rows = vec![
            vec![zero, entry(self, 3, true), entry(self, 2, false)],
            vec![entry(self, 3, false), zero, entry(self, 1, true)],
            vec![entry(self, 2, true), entry(self, 1, false), zero],
        ];
        self.arena.raw(Kind::Rows(rows), Form::Matrix)
    }

    /// det(A)·det(B) as det(A*B) where both have the same power and matrices of one size.
    fn join_dets(&mut self, scalars: &mut Parts, mut sizes: Vec<(M, Dim)>) {
        let mut k = 0;
        while k < scalars.len() {
            let mut j = k + 1;
            while j < scalars.len() {
                let (a, b) = (scalars[k].0, scalars[j].0);
                let args =
                    self.arena.call_args(a, "det").zip(self.arena.call_args(b, "det")).map(|(x, y)| (x[0], y[0]));
                let two = Rational::int(2);
                let (e, f) = (scalars[k].1.clone(), scalars[j].1.clone());
                let size = |m: M| sizes.iter().find(|(det, _)| *det == m).map(|(_, size)| *size);
                let alike = size(a).filter(|size_of_a| size(b) == Some(*size_of_a));
                let joined = match args.filter(|_| alike.is_some()) {
                    Some((x, y)) if e == f => Some((vec![x, y], e)),
                    // det(X)^2·det(A) = det(X'·A·X)
                    Some((x, y)) if e == &f * &two => Some((vec![self.arena.transpose(x), y, x], f)),
                    Some((x, y)) if f == &e * &two => Some((vec![self.arena.transpose(y), x, y], e)),
                    _ => None,
                };
                match joined {
                    Some((chain, exponent)) => {
                        let product = self.arena.product(Rational::ONE, Vec::new(), chain);
                        let det = self.arena.call("det", &[product], Form::Scalar);
                        sizes.extend(alike.map(|size| (det, size)));
                        scalars[k] = (det, exponent);
                        scalars.remove(j);
                    }
                    None => j += 1,
                }
            }
            k += 1;
        }
    }
}
