//! Each node of the graph as a matrix expression.

use matgrad_syntax::{Name, Rational};
use rustc_hash::FxHashSet;
use smallvec::SmallVec;

use super::Printer;
use super::expr::{Arena, Comparison, Form, Kind, M, Sub, WHOLE};
use super::net::Net;
use crate::graph::{Dim, FunctionId, Graph, MapOp, MatrixOp, Node, NodeId, ProductBuilder, ReduceOp, Structural};

/// The shape in which a tensor of this rank is written.
pub(super) fn form_of(rank: usize) -> Form {
    match rank {
        0 => Form::Scalar,
        1 => Form::Column,
        _ => Form::Matrix,
    }
}

/// The name of a function of entries in the language.
pub(super) fn map_name(op: MapOp) -> &'static str {
    match op {
        MapOp::Exp => "exp",
        MapOp::Log => "log",
        MapOp::Abs => "abs",
        MapOp::Sign => "sign",
        MapOp::Cbrt => "cbrt",
        MapOp::Sin => "sin",
        MapOp::Cos => "cos",
        MapOp::Tan => "tan",
        MapOp::Asin => "asin",
        MapOp::Acos => "acos",
        MapOp::Atan => "atan",
        MapOp::Sinh => "sinh",
        MapOp::Cosh => "cosh",
        MapOp::Tanh => "tanh",
        MapOp::Asinh => "asinh",
        MapOp::Acosh => "acosh",
        MapOp::Atanh => "atanh",
        MapOp::Sigmoid => "sigmoid",
        MapOp::Softplus => "softplus",
        MapOp::Relu => "relu",
        MapOp::Erf => "erf",
        MapOp::Gamma => "gamma",
        MapOp::Lgamma => "lgamma",
        MapOp::Polygamma(0) => "digamma",
        MapOp::Polygamma(1) => "trigamma",
        MapOp::Polygamma(_) => "polygamma",
        MapOp::Max => "max",
        MapOp::Min => "min",
        MapOp::Atan2 => "atan2",
        MapOp::Pow => "pow",
        MapOp::Where => "where",
        MapOp::Less | MapOp::LessEq | MapOp::Equal | MapOp::NotEqual => "",
    }
}

/// The name of a matrix function in the language; the inverse is written as a power.
pub(super) fn matrix_name(op: MatrixOp) -> &'static str {
    match op {
        MatrixOp::Inverse => "inv",
        MatrixOp::Det => "det",
        MatrixOp::LogDet => "logdet",
        MatrixOp::Adjugate => "adj",
        MatrixOp::Pinv => "pinv",
        MatrixOp::Cholesky => "chol",
        MatrixOp::Expm => "expm",
        MatrixOp::Logm => "logm",
        MatrixOp::Sqrtm => "sqrtm",
        MatrixOp::Eigvals => "eigvals",
        MatrixOp::Eigvecs => "eigvecs",
        MatrixOp::Singvals => "singvals",
        MatrixOp::SvdU => "svdU",
        MatrixOp::SvdV => "svdV",
        MatrixOp::NormSpec => "normspec",
        MatrixOp::NormNuc => "normnuc",
        MatrixOp::ExpmFrechet => "expm_frechet",
        MatrixOp::LogmFrechet => "logm_frechet",
        MatrixOp::SqrtmFrechet => "sqrtm_frechet",
    }
}

impl Arena {
    /// A dimension as a number expression.
    pub(super) fn size_or_number(&mut self, g: &Graph, dim: Dim) -> M {
        if let Some(value) = g.sizes.value(dim) {
            return self.int(value);
        }
        self.dim_text.entry(dim).or_insert_with(|| g.sizes.text(dim));
        self.size(dim)
    }

    /// Remembers how many rows there are in what is, but for a number, a `vec`.
    pub(super) fn note_rows(&mut self, v: M, rows: Dim) {
        let call = match self.kind(v) {
            Kind::Product { chain, .. } => match chain.as_slice() {
                [only] => *only,
                _ => return,
            },
            _ => v,
        };
        self.vec_rows.insert(call, rows);
    }

    /// `vec` of a matrix expression; of an outer product the Kronecker product.
    pub(super) fn vec(&mut self, m: M) -> M {
        if let Kind::Product { number, scalars, chain } = self.kind(m).clone() {
            if !chain.is_empty() && (!number.is_one() || !scalars.is_empty()) {
                let inner = self.product(Rational::ONE, Vec::new(), chain);
                let v = self.vec(inner);
                return self.product(number, scalars, vec![v]);
            }
            if let [a, b] = chain.as_slice()
                && self.form(*a) == Form::Column
                && self.form(*b) == Form::Row
            {
                let (a, b) = (*a, self.transpose(*b));
                return self.kron(b, a);
            }
        }
        self.call("vec", &[m], Form::Column)
    }
}

impl Printer<'_> {
    /// The expression of a node, `None` where it has no matrix notation.
    pub(super) fn expr(&mut self, root: NodeId) -> Option<M> {
        if let Some(&known) = self.memo.get(&root) {
            return known;
        }
        // only what is new: prints of one graph share almost everything
        let mut found = Vec::new();
        let mut seen: FxHashSet<NodeId> = FxHashSet::default();
        let mut todo = vec![root];
        while let Some(id) = todo.pop() {
            if !self.memo.contains_key(&id) && seen.insert(id) {
                found.push(id);
                match self.g.node(id) {
                    // a step is written with its parameters
                    Node::Loop(r, _) => todo.extend(r.init.iter().chain(&r.items).copied()),
                    _ => self.g.for_each_child(id, |c| todo.push(c)),
                }
            }
        }
        found.sort_unstable();
        for id in found {
            let mut m = self.node_expr(id);
            if m.is_none() && self.g.rank(id) <= 2 && self.g.goes_row_by_row() {
                m = self.rows_expr(id);
            }
            self.memo.insert(id, m);
        }
        self.memo.get(&root).copied().flatten()
    }

    pub(super) fn known(&self, id: NodeId) -> Option<M> {
        self.memo.get(&id).copied().flatten()
    }

    fn node_expr(&mut self, id: NodeId) -> Option<M> {
        let rank = self.g.rank(id);
        let form = form_of(rank);
        if rank > 2 {
            return None;
        }
        let m = match self.g.node(id).clone() {
            Node::Input(_) => {
                let info = self.g.as_input(id)?;
                if info.row {
                    let name = info.name.clone();
                    let row = self.arena.name(&name, Form::Row);
                    self.arena.transpose(row)
                } else {
                    let name = info.name.clone();
                    self.arena.name(&name, form)
                }
            }
            Node::Size(dim) => self.arena.size_or_number(self.g, dim),
            Node::Pi => self.arena.name(&Name::from("pi"), Form::Scalar),
            Node::OneHot { at, dim } => {
                if let (Some(at), Some(n @ 1..=4)) = (self.g.sizes.value(at), self.g.sizes.value(dim)) {
                    let items = (1..=n).map(|k| self.arena.int(i64::from(k == at))).collect();
                    return Some(self.arena.raw(Kind::Column(items), form));
                }
                let args = [self.arena.size_or_number(self.g, at), self.arena.size_or_number(self.g, dim)];
                self.arena.call("unit", &args, form)
            }
            Node::Iota(dim) => {
                // 1, 2, 3, … is the running sum of ones
                let ones = self.ones(dim);
                self.arena.call("cumsum", &[ones], form)
            }
            Node::Shift { offset, rows, cols } => self.shift(offset, rows, cols)?,
            Node::Fuse { .. } | Node::LeviCivita(_) => return None,
            Node::Structural(kind, n) => {
                let n = self.arena.size_or_number(self.g, n);
                let name = match kind {
                    Structural::Duplication => "duplication",
                    Structural::Elimination => "elimination",
                };
                self.arena.call(name, &[n], form)
            }
            Node::Product(p)
                if p.out.is_empty()
                    && p.factors.len() == 1
                    && p.factors[0].exponent.is_one()
                    && matches!(p.factors[0].labels[..], [a, b] if a != b)
                    && let Some(m) = self.over_pairs(true, p.factors[0].node) =>
            {
                m
            }
            Node::Product(p) if self.is_guarded(&p) => {
                if !p.out.is_empty() {
                    return None;
                }
                self.product_at(&p, &[], 0)?
            }
            Node::Product(p) => {
                let whole = Net::read(self, &p).and_then(|mut net| {
                    net.reduce(self)?;
                    net.assemble(self)
                });
                match whole {
                    Some(m) => m,
                    // a scalar may be a sum over indices anywhere
                    None => match self.split_at_fuse(&p) {
                        Some(m) => m,
                        None if p.out.is_empty() => self.product_at(&p, &[], 0)?,
                        None => self.with_scalars_apart(&p)?,
                    },
                }
            }
            Node::Sum(terms, dims) => self.sum_expr(&terms, &dims)?,
            Node::Map(op, args) => self.map_expr(id, op, &args)?,
            Node::Reduce(op, arg, axes) => self.reduce_expr(op, arg, &axes, form)?,
            Node::Matrix(MatrixOp::Inverse, args) => {
                let arg = self.known(args[0])?;
                self.arena.matrix_power(arg, -1)
            }
            Node::Matrix(op, args) => {
                let args: SmallVec<[M; 2]> = args.iter().map(|a| self.known(*a)).collect::<Option<_>>()?;
                self.arena.call(matrix_name(op), &args, form)
            }
            Node::Stack(axis, parts) => self.stack_expr(axis, &parts, form)?,
            // for its length only: where a step is written, its parameters stand for the placeholders
            Node::Placeholder { slot, .. } => self.arena.name(&super::recurrence::stand_in(slot), form),
            Node::Loop(r, reading) => self.loop_expr(&r, reading, id)?,
            Node::Call(function, _, args) if self.is_row_by_row(function, args[0]) => return None,
            Node::Call(function, derivative, args) if self.g.function_info(function).domain.is_some() => {
                return self.whole_call(function, derivative.len(), args[0], rank);
            }
            Node::Call(function, mut derivative, args) => {
                if self.g.function_info(function).arity == 1 {
                    derivative.iter_mut().for_each(|position| *position = WHOLE);
                }
                let whole = self.whole_argument(&args);
                let whole = whole.and_then(|whole| self.expr(whole));
                let args: Vec<M> = match whole {
                    Some(whole) => {
                        let name = self.g.function_info(function).name.clone();
                        return Some(self.arena.raw(Kind::Call(name, derivative, vec![whole]), form));
                    }
                    None => args.iter().map(|a| self.known(*a)).collect::<Option<_>>()?,
                };
                if args.iter().any(|a| self.arena.form(*a) != Form::Scalar) {
                    return None;
                }
                let name = self.g.function_info(function).name.clone();
                self.arena.raw(Kind::Call(name, derivative, args), form)
            }
        };
        let m = if rank > 0 && matches!(self.arena.kind(m), Kind::Number(zero) if zero.is_zero()) {
            // what cancels in print only is an array still
            let dims = self.g.axes(id).clone();
            let sizes: Vec<M> = dims.iter().map(|d| self.arena.size_or_number(self.g, *d)).collect();
            self.arena.call("zeros", &sizes, form)
        } else {
            m
        };
        if rank == 2 && self.g.is_symmetric(id) {
            self.arena.set_symmetric(m);
        }
        Some(m)
    }

    pub(super) fn ones(&mut self, dim: Dim) -> M {
        let n = self.arena.size_or_number(self.g, dim);
        self.arena.call("ones", &[n], Form::Column)
    }

    fn shift(&mut self, offset: Dim, rows: Dim, cols: Dim) -> Option<M> {
        let n = self.arena.size_or_number(self.g, cols);
        let eye = self.arena.call("eye", &[n], Form::Matrix);
        let one = self.g.sizes.constant(1);
        let first = self.g.sizes.add(offset, one);
        let last = self.g.sizes.add(offset, rows);
        let zero_or_more = self.g.sizes.value(offset).is_none_or(|v| v >= 0);
        // no range goes beyond the end: what a condition leaves out there only an index can say
        let minus = self.g.sizes.scale(offset, &Rational::int(-1));
        let (end, length) = if zero_or_more { (last, cols) } else { (self.g.sizes.add(minus, cols), rows) };
        let beyond = self.g.sizes.sub(end, length);
        let beyond = self.g.sizes.sub(beyond, one);
        if self.g.sizes.is_nonnegative(beyond) {
            return None;
        }
        if zero_or_more {
            let (first, last) = (self.arena.size_or_number(self.g, first), self.arena.size_or_number(self.g, last));
            return Some(self.arena.raw(Kind::Index(eye, vec![Sub::Range(first, last), Sub::All]), Form::Matrix));
        }
        // a negative offset selects columns of a larger identity
        let m = self.arena.size_or_number(self.g, rows);
        let eye = self.arena.call("eye", &[m], Form::Matrix);
        let first = self.g.sizes.add(minus, one);
        let (first, last) = (self.arena.size_or_number(self.g, first), self.arena.size_or_number(self.g, end));
        Some(self.arena.raw(Kind::Index(eye, vec![Sub::All, Sub::Range(first, last)]), Form::Matrix))
    }

    /// The scalar that a node repeats along all its axes, where it does.
    pub(super) fn repeated(&mut self, id: NodeId) -> Option<M> {
        if self.g.rank(id) == 0 {
            return self.known(id);
        }
        match self.g.node(id).clone() {
            Node::Product(p) => {
                let distinct = p.out.iter().enumerate().all(|(k, l)| !p.out[..k].contains(l));
                if !distinct || p.factors.iter().any(|f| f.labels.iter().any(|l| p.out.contains(l))) {
                    return None;
                }
                let mut inner = p.clone();
                inner.out.clear();
                let mut net = Net::read(self, &inner)?;
                net.forget(&p.out);
                net.reduce(self)?;
                net.assemble(self)
            }
            Node::Sum(terms, _) => {
                let terms: Vec<(Rational, M)> =
                    terms.iter().map(|(c, n)| Some((c.clone(), self.repeated(*n)?))).collect::<Option<_>>()?;
                Some(self.arena.sum(terms, Form::Scalar))
            }
            _ => None,
        }
    }

    /// An operand of an entry-by-entry function: a scalar where the node only repeats one.
    fn operand(&mut self, id: NodeId) -> Option<M> {
        match self.repeated(id) {
            Some(m) => Some(m),
            None => self.known(id),
        }
    }

    fn sum_expr(&mut self, terms: &[(Rational, NodeId)], dims: &[Dim]) -> Option<M> {
        let form = form_of(dims.len());
        if terms.is_empty() {
            if dims.is_empty() {
                return Some(self.arena.int(0));
            }
            let args: Vec<M> = dims.iter().map(|d| self.arena.size_or_number(self.g, *d)).collect();
            return Some(self.arena.call("zeros", &args, form));
        }
        let (mut body, mut constants) = (Vec::new(), Vec::new());
        for (c, n) in terms {
            match if dims.is_empty() { None } else { self.repeated(*n) } {
                Some(m) => constants.push((c.clone(), m)),
                None => body.push((c.clone(), self.known(*n)?)),
            }
        }
        if body.is_empty() {
            let scalar = self.arena.sum(constants, Form::Scalar);
            let ones = self.ones_like(dims);
            return Some(self.arena.product(Rational::ONE, vec![(scalar, Rational::ONE)], vec![ones]));
        }
        body.extend(constants);
        let sum = self.arena.sum(body, form);
        if !dims.is_empty() && self.arena.lost_its_size(sum) {
            // (V + p) - V
            let ones = self.ones_like(dims);
            return Some(self.arena.product(Rational::ONE, vec![(sum, Rational::ONE)], vec![ones]));
        }
        let sum = self.by_cases(sum);
        Some(match form {
            Form::Matrix => self.common_factors(sum),
            Form::Column => self.sum_of_vecs(sum),
            _ => sum,
        })
    }

    fn ones_like(&mut self, dims: &[Dim]) -> M {
        match dims {
            [n] => self.ones(*n),
            [m, n, ..] => {
                let args = [self.arena.size_or_number(self.g, *m), self.arena.size_or_number(self.g, *n)];
                self.arena.call("ones", &args, Form::Matrix)
            }
            [] => self.arena.int(1),
        }
    }

    fn map_expr(&mut self, id: NodeId, op: MapOp, args: &[NodeId]) -> Option<M> {
        let form = form_of(self.g.rank(id));
        match op {
            MapOp::Exp => {
                if let Some(m) = self.softmax(args[0]) {
                    return Some(m);
                }
            }
            MapOp::Less | MapOp::LessEq | MapOp::Equal | MapOp::NotEqual => return self.comparison(op, args, form),
            MapOp::Pow => {
                let (mut a, b) = (self.operand(args[0])?, self.operand(args[1])?);
                if form != Form::Scalar && [a, b].iter().all(|m| self.arena.form(*m) == Form::Scalar) {
                    a = self.known(args[0])?;
                }
                return Some(self.arena.raw(Kind::Raise(a, b), form));
            }
            MapOp::Polygamma(k) if k > 1 => {
                let (k, x) = (self.arena.int(i64::from(k)), self.known(args[0])?);
                return Some(self.arena.call("polygamma", &[k, x], form));
            }
            _ => {}
        }
        let mut operands: Vec<M> = if args.len() == 1 {
            vec![self.known(args[0])?]
        } else {
            args.iter().map(|a| self.operand(*a)).collect::<Option<_>>()?
        };
        if operands.iter().all(|m| self.arena.form(*m) == Form::Scalar) && form != Form::Scalar {
            operands[0] = self.known(args[0])?;
        }
        if matches!(op, MapOp::Max | MapOp::Min) && matches!(self.arena.kind(operands[1]), Kind::Number(_)) {
            // `max(x, 1)` would reduce along an axis
            let reduces = |c: &Rational| c.is_one() || *c == Rational::int(2);
            if matches!(self.arena.kind(operands[1]), Kind::Number(c) if reduces(c)) {
                operands.swap(0, 1);
            }
        }
        Some(self.arena.call(map_name(op), &operands, form))
    }

    /// exp(z - logsumexp(z)).
    pub(super) fn softmax(&mut self, arg: NodeId) -> Option<M> {
        let Node::Sum(terms, _) = self.g.node(arg).clone() else { return None };
        for (c, n) in &terms {
            if !c.is_minus_one() {
                continue;
            }
            let inner = match self.g.node(*n).clone() {
                Node::Product(p) => match p.factors.as_slice() {
                    [f] if f.exponent.is_one() => f.node,
                    _ => continue,
                },
                _ => *n,
            };
            let Node::Reduce(ReduceOp::LogSumExp, z, axes) = self.g.node(inner).clone() else { continue };
            let wide = self.g.broadcast_except(inner, z, &axes);
            let back = self.g.subtract(z, wide);
            if back != arg {
                continue;
            }
            self.expr(z);
            let m = self.known(z)?;
            let form = form_of(self.g.rank(z));
            return match (self.g.rank(z), axes.as_slice()) {
                (1, [0]) => Some(self.arena.call("softmax", &[m], form)),
                (2, [axis]) => {
                    let along = self.arena.int(i64::from(*axis) + 1);
                    Some(self.arena.call("softmax", &[m, along], form))
                }
                _ => None,
            };
        }
        None
    }

    fn comparison(&mut self, op: MapOp, args: &[NodeId], form: Form) -> Option<M> {
        if let Some(mask) = self.triangle(op, args) {
            return Some(mask);
        }
        let (mut a, mut b) = (self.operand(args[0])?, self.operand(args[1])?);
        if let Some((name, kept)) = self.extremum_of_transposed(args) {
            // the transposed product is computed in another order, and differs in the last digits
            b = self.extremum(name, a, args[0], kept);
        }
        if form != Form::Scalar && [a, b].iter().all(|m| self.arena.form(*m) == Form::Scalar) {
            a = self.known(args[0])?;
        }
        let constant = matches!(self.arena.kind(a), Kind::Number(_));
        let (op, a, b) = match op {
            MapOp::Less if constant => (Comparison::Greater, b, a),
            MapOp::LessEq if constant => (Comparison::GreaterEq, b, a),
            MapOp::Less => (Comparison::Less, a, b),
            MapOp::LessEq => (Comparison::LessEq, a, b),
            MapOp::Equal => (Comparison::Equal, a, b),
            _ => (Comparison::NotEqual, a, b),
        };
        Some(self.arena.raw(Kind::Compare(op, a, b), form))
    }

    /// The name of the extremum, where a matrix is compared with that over all entries of its transpose or along an axis,
    /// and the axis of the matrix that is left then.
    fn extremum_of_transposed(&mut self, args: &[NodeId]) -> Option<(&'static str, Option<usize>)> {
        let [matrix, wide] = *args else { return None };
        let Node::Product(p) = self.g.node(wide) else { return None };
        let [f] = p.factors.as_slice() else { return None };
        let Node::Reduce(op, arg, axes) = self.g.node(f.node) else { return None };
        let (op, arg) = (*op, *arg);
        if !f.exponent.is_one() || self.g.rank(arg) != 2 || arg == matrix {
            return None;
        }
        let kept = match (axes.as_slice(), f.labels.as_slice()) {
            ([_, _], []) => None,
            // of the transpose the axis that is not reduced has the number of the one that is
            ([axis], [label]) if p.out.get(usize::from(*axis)) == Some(label) => Some(usize::from(*axis)),
            _ => return None,
        };
        if self.g.transpose(arg) != matrix {
            return None;
        }
        match op {
            ReduceOp::Max => Some(("max", kept)),
            ReduceOp::Min => Some(("min", kept)),
            ReduceOp::Prod | ReduceOp::LogSumExp => None,
        }
    }

    /// The extremum of a matrix, or those along an axis spread over it.
    fn extremum(&mut self, name: &str, m: M, matrix: NodeId, kept: Option<usize>) -> M {
        let Some(kept) = kept else { return self.arena.call(name, &[m], Form::Scalar) };
        let along = self.arena.int(2 - kept as i64);
        let length = self.g.axes(matrix)[1 - kept];
        let ones = self.ones(length);
        let chain = if kept == 0 {
            vec![self.arena.call(name, &[m, along], Form::Column), self.arena.transpose(ones)]
        } else {
            vec![ones, self.arena.call(name, &[m, along], Form::Row)]
        };
        self.arena.product(Rational::ONE, Vec::new(), chain)
    }

    /// Comparisons of row and column numbers are triangles of ones.
    fn triangle(&mut self, op: MapOp, args: &[NodeId]) -> Option<M> {
        let axis = |g: &Graph, id: NodeId| -> Option<usize> {
            let Node::Product(p) = g.node(id) else { return None };
            let [f] = p.factors.as_slice() else { return None };
            let Node::Iota(_) = g.node(f.node) else { return None };
            (f.exponent.is_one() && p.out.len() == 2).then(|| p.out.iter().position(|l| *l == f.labels[0]))?
        };
        let (a, b) = (axis(self.g, args[0])?, axis(self.g, args[1])?);
        if a == b {
            return None;
        }
        let dims = self.g.axes(args[0]).clone();
        let ones = self.ones_like(&dims);
        // a < b: rows before columns is the upper part
        let name = if a == 0 { "triu" } else { "tril" };
        let with_diagonal = self.arena.call(name, &[ones], Form::Matrix);
        match op {
            MapOp::NotEqual if dims[0] == dims[1] => {
                let n = self.arena.size_or_number(self.g, dims[0]);
                let eye = self.arena.call("eye", &[n], Form::Matrix);
                let one = self.arena.int(1);
                Some(self.arena.sum(vec![(Rational::ONE, one), (Rational::int(-1), eye)], Form::Matrix))
            }
            MapOp::LessEq => Some(with_diagonal),
            MapOp::Less if dims[0] == dims[1] => {
                let n = self.arena.size_or_number(self.g, dims[0]);
                let eye = self.arena.call("eye", &[n], Form::Matrix);
                let terms = vec![(Rational::ONE, with_diagonal), (Rational::int(-1), eye)];
                Some(self.arena.sum(terms, Form::Matrix))
            }
            _ => None,
        }
    }

    fn reduce_expr(&mut self, op: ReduceOp, arg: NodeId, axes: &[u8], form: Form) -> Option<M> {
        if op == ReduceOp::Prod
            && self.g.rank(arg) == 1
            && let Some(m) = self.counted_product(arg)
        {
            return Some(m);
        }
        if op == ReduceOp::Prod
            && axes.len() == 2
            && let Some(m) = self.over_pairs(false, arg)
        {
            return Some(m);
        }
        let m = self.known(arg)?;
        let name = match op {
            ReduceOp::Max => "max",
            ReduceOp::Min => "min",
            ReduceOp::Prod => "prod",
            ReduceOp::LogSumExp => "logsumexp",
        };
        if axes.len() == self.g.rank(arg) {
            return Some(self.arena.call(name, &[m], form));
        }
        let along = self.arena.int(i64::from(axes[0]) + 1);
        if axes[0] == 0 {
            let row = self.arena.call(name, &[m, along], Form::Row);
            Some(self.arena.transpose(row))
        } else {
            Some(self.arena.call(name, &[m, along], Form::Column))
        }
    }

    /// Whether an abstract function is called for each row of its arguments.
    pub(super) fn is_row_by_row(&self, function: FunctionId, arg: NodeId) -> bool {
        let own = self.g.function_info(function).domain.as_ref().map_or(0, |domain| domain.len());
        self.g.rank(arg) > own
    }

    /// A function of a whole vector: `f'(x)` is the row of its derivatives, or its Jacobian, `f''(x)` its Hessian.
    pub(super) fn whole_call(&mut self, function: FunctionId, order: usize, arg: NodeId, rank: usize) -> Option<M> {
        let arg = self.expr(arg)?;
        if self.arena.form(arg) != Form::Column {
            return None;
        }
        let info = self.g.function_info(function);
        let (name, scalar) = (info.name.clone(), info.codomain.is_empty());
        let primes = SmallVec::from_elem(WHOLE, order);
        let row = scalar && order == 1;
        let form = if row { Form::Row } else { form_of(rank.min(2)) };
        let m = self.arena.raw(Kind::Call(name, primes, vec![arg]), form);
        if scalar && order == 2 {
            self.arena.set_symmetric(m);
        }
        Some(if row { self.arena.transpose(m) } else { m })
    }

    /// The vector whose entries are these arguments, in their order.
    fn whole_argument(&mut self, args: &[NodeId]) -> Option<NodeId> {
        if args.len() < 2 || self.g.rank(args[0]) != 0 {
            return None;
        }
        let vector = self.vector_of(args[0], args.len() as i64, 3)?;
        let fits = args.iter().enumerate().all(|(k, arg)| self.g.entry(vector, &[k as i64 + 1]) == *arg);
        fits.then_some(vector)
    }

    /// The vector of this length that a scalar is the first entry of, where it reads like that.
    fn vector_of(&mut self, entry: NodeId, length: i64, depth: usize) -> Option<NodeId> {
        let depth = depth.checked_sub(1)?;
        match self.g.node(entry).clone() {
            Node::Product(p) if p.out.is_empty() => {
                let dim = |g: &Graph, id: NodeId| match g.node(id) {
                    Node::OneHot { at, dim } if g.sizes.is_one(*at) && g.sizes.value(*dim) == Some(length) => {
                        Some(*dim)
                    }
                    _ => None,
                };
                let at = p.factors.iter().position(|f| dim(self.g, f.node).is_some() && f.exponent.is_one())?;
                let label = p.factors[at].labels[0];
                let mut rest = ProductBuilder { coefficient: None, factors: p.factors, dims: p.dims };
                rest.factors.remove(at);
                Some(rest.build(self.g, &[label]))
            }
            Node::Sum(terms, _) => {
                let mut parts = Vec::with_capacity(terms.len());
                for (c, term) in terms {
                    parts.push((c, self.vector_of(term, length, depth)?));
                }
                let dims = self.g.axes(parts.first()?.1).clone();
                Some(self.g.sum(&parts, &dims))
            }
            Node::Map(op, args) => {
                let args: SmallVec<[NodeId; 2]> =
                    args.iter().map(|arg| self.vector_of(*arg, length, depth)).collect::<Option<_>>()?;
                Some(self.g.map(op, &args))
            }
            _ => None,
        }
    }

    /// A factor with its power, as it is written: roots as `sqrt` or `norm`, powers of `exp` inside it.
    pub(super) fn powered(&mut self, id: NodeId, exponent: &Rational) -> Option<(M, Rational)> {
        if let (Node::Map(MapOp::Exp, args), false) = (self.g.node(id).clone(), exponent.is_one())
            && self.softmax(args[0]).is_none()
        {
            let z = self.known(args[0])?;
            let form = self.arena.form(z);
            let scaled = match form {
                Form::Scalar => self.arena.product(exponent.clone(), vec![(z, Rational::ONE)], Vec::new()),
                _ => self.arena.product(exponent.clone(), Vec::new(), vec![z]),
            };
            return Some((self.arena.call("exp", &[scaled], form), Rational::ONE));
        }
        let m = self.known(id)?;
        if exponent.is_integer() {
            return Some((m, exponent.clone()));
        }
        let double = exponent * &Rational::int(2);
        if !double.is_integer() {
            return Some((m, exponent.clone()));
        }
        if let Some(norm) = self.norm_of_square(id) {
            return Some((norm, double));
        }
        if double.abs().is_one() || self.g.rank(id) == 0 {
            let root = self.arena.call("sqrt", &[m], self.arena.form(m));
            return Some((root, double));
        }
        Some((m, exponent.clone()))
    }

    /// `norm(x)` where the node is the sum of the squares of the entries of `x`.
    fn norm_of_square(&mut self, id: NodeId) -> Option<M> {
        let Node::Product(p) = self.g.node(id).clone() else { return None };
        if !p.out.is_empty() {
            return None;
        }
        if let [f] = p.factors.as_slice() {
            let distinct = f.labels.iter().enumerate().all(|(k, l)| !f.labels[..k].contains(l));
            if f.exponent == Rational::int(2) && distinct && !f.labels.is_empty() {
                let inner = self.known(f.node)?;
                return Some(self.arena.call("norm", &[inner], Form::Scalar));
            }
        }
        None
    }
}
