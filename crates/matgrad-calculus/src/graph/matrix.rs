//! Functions of a matrix: what follows from the form of their argument.

use matgrad_syntax::{Attribute, Rational};
use smallvec::SmallVec;

use super::{Dims, Factor, Graph, Label, MatrixOp, Node, NodeId, Part, Product, ProductBuilder, ReduceOp};

/// A link of a chain of matrices.
pub(crate) struct Link {
    pub node: NodeId,
    pub transposed: bool,
}

/// A product read as a chain: scalars, then matrices from the first axis to the second; diagonal links have one axis.
pub(crate) struct Chain {
    pub scalars: Vec<Factor>,
    pub links: Vec<Link>,
}

impl Graph {
    /// A function of the matrix in the last two axes of the operand.
    pub fn matrix(&mut self, op: MatrixOp, args: &[NodeId]) -> NodeId {
        let arg = args[0];
        if self.rank(arg) == 2 {
            if let Some(node) = self.matrix_value(op, args) {
                return node;
            }
            let flips = matches!(
                op,
                MatrixOp::Inverse
                    | MatrixOp::Det
                    | MatrixOp::LogDet
                    | MatrixOp::Adjugate
                    | MatrixOp::Pinv
                    | MatrixOp::Expm
                    | MatrixOp::Logm
                    | MatrixOp::Sqrtm
            );
            if flips {
                let transposed = self.transpose(arg);
                if transposed < arg {
                    let value = self.intern_matrix(op, &[transposed]);
                    return self.transpose(value);
                }
            }
        }
        self.intern_matrix(op, args)
    }

    pub(super) fn intern_matrix(&mut self, op: MatrixOp, args: &[NodeId]) -> NodeId {
        if self.rank(args[0]) > 2 {
            self.note_rows();
        }
        let arg = args[0];
        let axes = self.axes(arg).clone();
        let rank = axes.len();
        let (batch, m, n) = (&axes[..rank.saturating_sub(2)], axes[rank - 2], axes[rank - 1]);
        let mut dims: Dims = batch.iter().copied().collect();
        match op {
            MatrixOp::Det | MatrixOp::LogDet | MatrixOp::NormSpec | MatrixOp::NormNuc => {}
            MatrixOp::Pinv => dims.extend([n, m]),
            MatrixOp::Eigvals => dims.push(n),
            MatrixOp::Singvals => {
                let k = self.sizes.min(m, n);
                dims.push(k);
            }
            MatrixOp::SvdU => {
                let k = self.sizes.min(m, n);
                dims.extend([m, k]);
            }
            MatrixOp::SvdV => {
                let k = self.sizes.min(m, n);
                dims.extend([n, k]);
            }
            MatrixOp::ExpmFrechet | MatrixOp::LogmFrechet | MatrixOp::SqrtmFrechet => {
                dims = self.axes(args[1]).clone();
            }
            _ => dims.extend([m, n]),
        }
        let node = self.intern(Node::Matrix(op, SmallVec::from_slice(args)), dims);
        self.is_symmetric(node); // known from the start, so that nobody has to look deep later
        node
    }

    fn matrix_value(&mut self, op: MatrixOp, args: &[NodeId]) -> Option<NodeId> {
        let arg = args[0];
        if let Some(node) = self.function_of_function(op, arg) {
            return Some(node);
        }
        match op {
            MatrixOp::Inverse => self.inverse_value(arg),
            MatrixOp::Det => self.det_value(arg),
            MatrixOp::LogDet => match self.node(arg) {
                Node::Matrix(MatrixOp::Inverse | MatrixOp::Pinv, inner) => {
                    let inner = inner[0];
                    let value = self.matrix(MatrixOp::LogDet, &[inner]);
                    Some(self.negate(value))
                }
                _ if self.is_identity(arg) => Some(self.zeros(&[])),
                _ => None,
            },
            MatrixOp::Pinv => match self.node(arg) {
                Node::Matrix(MatrixOp::Pinv, inner) => Some(inner[0]),
                _ => {
                    let (c, rest) = self.primitive(arg);
                    (!c.is_one() && !c.is_zero()).then(|| {
                        let value = self.matrix(MatrixOp::Pinv, &[rest]);
                        self.scale(value, &c.recip().unwrap_or(Rational::ONE))
                    })
                }
            },
            MatrixOp::Adjugate if self.is_identity(arg) => Some(arg),
            MatrixOp::Expm if self.is_zero(arg) => {
                let n = self.axes(arg)[0];
                Some(self.identity(n))
            }
            MatrixOp::Sqrtm | MatrixOp::Cholesky if self.is_identity(arg) => Some(arg),
            MatrixOp::Singvals => self.singular_values_of_rank_one(arg),
            MatrixOp::NormNuc => {
                let values = self.matrix(MatrixOp::Singvals, &[arg]);
                Some(self.sum_axes(values, &[0]))
            }
            MatrixOp::NormSpec => {
                let values = self.matrix(MatrixOp::Singvals, &[arg]);
                let (one, k) = (self.sizes.constant(1), self.axes(values)[0]);
                let first = self.one_hot(one, k);
                Some(self.matmul(values, first))
            }
            MatrixOp::ExpmFrechet | MatrixOp::LogmFrechet | MatrixOp::SqrtmFrechet => {
                self.frechet_value(op, arg, args[1])
            }
            _ => None,
        }
    }

    /// Whether the node is an identity matrix.
    pub fn is_identity(&self, node: NodeId) -> bool {
        matches!(self.node(node), Node::Product(p) if p.factors.is_empty() && p.out.as_slice() == [0, 0])
    }

    fn inverse_value(&mut self, arg: NodeId) -> Option<NodeId> {
        if self.is_identity(arg) {
            return Some(arg);
        }
        let (c, rest) = self.primitive(arg);
        if !c.is_one() && !c.is_zero() {
            let inverse = self.matrix(MatrixOp::Inverse, &[rest]);
            return Some(self.scale(inverse, &c.recip()?));
        }
        match self.node(arg).clone() {
            Node::Matrix(MatrixOp::Inverse | MatrixOp::Pinv, inner) => Some(inner[0]),
            Node::Matrix(MatrixOp::Expm, inner) => {
                let minus = self.negate(inner[0]);
                Some(self.matrix(MatrixOp::Expm, &[minus]))
            }
            Node::Input(_) => {
                let orthogonal = self.as_input(arg).is_some_and(|i| i.attributes.contains(&Attribute::Orthogonal));
                orthogonal.then(|| self.transpose(arg))
            }
            Node::Product(p) => {
                if let Some(inverse) = self.inverse_of_kron(&p) {
                    return Some(inverse);
                }
                let chain = self.square_chain(&p)?;
                let mut builder = ProductBuilder::new();
                let n = self.axes(arg)[0];
                let mut at = builder.label(n);
                let first = at;
                for f in &chain.scalars {
                    builder.power(f.node, &[], -f.exponent.clone());
                }
                for link in chain.links.iter().rev() {
                    if self.rank(link.node) == 1 {
                        builder.power(link.node, &[at], Rational::int(-1));
                        continue;
                    }
                    let next = builder.label(n);
                    let inverse = self.matrix(MatrixOp::Inverse, &[link.node]);
                    builder.factor(inverse, &if link.transposed { [next, at] } else { [at, next] });
                    at = next;
                }
                Some(builder.build(self, &[first, at]))
            }
            Node::Stack(..) => self.inverse_of_numbers(arg),
            _ => None,
        }
    }

    fn det_value(&mut self, arg: NodeId) -> Option<NodeId> {
        if self.is_identity(arg) {
            return Some(self.number(Rational::ONE));
        }
        match self.node(arg).clone() {
            Node::Matrix(MatrixOp::Inverse | MatrixOp::Pinv, inner) => {
                let det = self.matrix(MatrixOp::Det, &[inner[0]]);
                Some(self.power(det, &Rational::int(-1)))
            }
            Node::Sum(terms, _) if terms.len() == 1 => {
                // a number comes out as its n-th power, where n is known
                let n = self.sizes.value(self.axes(arg)[0])?;
                let det = self.matrix(MatrixOp::Det, &[terms[0].1]);
                Some(self.scale(det, &terms[0].0.powi(n)?))
            }
            Node::Product(p) => {
                let chain = self.square_chain(&p)?;
                if !chain.scalars.is_empty() {
                    self.sizes.value(self.axes(arg)[0])?;
                }
                if let ([], [link]) = (chain.scalars.as_slice(), chain.links.as_slice())
                    && self.rank(link.node) == 2
                {
                    return None; // a transpose: the orientation is settled elsewhere
                }
                let n = self.sizes.value(self.axes(arg)[0]);
                let mut builder = ProductBuilder::new();
                for f in &chain.scalars {
                    builder.power(f.node, &[], &f.exponent * &Rational::int(n?));
                }
                for link in &chain.links {
                    let det = if self.rank(link.node) == 1 {
                        self.reduce(ReduceOp::Prod, link.node, &[0])
                    } else {
                        self.matrix(MatrixOp::Det, &[link.node])
                    };
                    builder.factor(det, &[]);
                }
                Some(builder.build(self, &[]))
            }
            Node::Stack(..) => {
                let entries = self.literal_entries(arg)?;
                (entries.len() <= 3).then(|| self.det_of_entries(&entries))
            }
            _ => None,
        }
    }

    /// Leibniz by cofactors of the first row.
    fn det_of_entries(&mut self, entries: &[Vec<NodeId>]) -> NodeId {
        if let [row] = entries {
            return row[0];
        }
        let mut terms = Vec::new();
        for (j, &first) in entries[0].iter().enumerate() {
            let minor: Vec<Vec<NodeId>> = entries[1..]
                .iter()
                .map(|row| row.iter().enumerate().filter(|(k, _)| *k != j).map(|(_, n)| *n).collect())
                .collect();
            let cofactor = self.det_of_entries(&minor);
            let product = self.hadamard(first, cofactor);
            let expanded = self.distribute(product);
            terms.push((Rational::int(if j % 2 == 0 { 1 } else { -1 }), expanded));
        }
        self.sum(&terms, &[])
    }

    /// A product with one sum among its factors as the sum of the products.
    pub fn distribute(&mut self, node: NodeId) -> NodeId {
        let (c, inner) = self.split(node);
        let Node::Product(p) = self.node(inner).clone() else { return node };
        let Some(k) = p.factors.iter().position(|f| matches!(self.node(f.node), Node::Sum(..)) && f.exponent.is_one())
        else {
            return node;
        };
        let Node::Sum(terms, _) = self.node(p.factors[k].node).clone() else { return node };
        let mut products = Vec::with_capacity(terms.len());
        for (d, term) in terms {
            let mut factors = p.factors.clone();
            factors[k].node = term;
            let builder = ProductBuilder { coefficient: None, factors, dims: p.dims.clone() };
            products.push((&c * &d, builder.build(self, &p.out)));
        }
        let dims = self.axes(inner).clone();
        self.sum(&products, &dims)
    }

    /// [`Graph::distribute`] until no product has a sum among its factors, up to some size.
    pub fn distribute_all(&mut self, node: NodeId) -> NodeId {
        let mut current = node;
        for _ in 0..16 {
            let next = match self.node(current).clone() {
                Node::Sum(terms, dims) if terms.len() <= 64 => {
                    let terms: Vec<_> = terms.into_iter().map(|(c, n)| (c, self.distribute(n))).collect();
                    self.sum(&terms, &dims)
                }
                _ => self.distribute(current),
            };
            if next == current {
                break;
            }
            current = next;
        }
        current
    }

    /// The exact inverse of a literal matrix of numbers.
    fn inverse_of_numbers(&mut self, arg: NodeId) -> Option<NodeId> {
        let entries = self.literal_entries(arg)?;
        let n = entries.len();
        let mut a: Vec<Vec<Rational>> = Vec::new();
        for (i, row) in entries.iter().enumerate() {
            let mut values: Vec<Rational> = row.iter().map(|e| self.constant(*e)).collect::<Option<_>>()?;
            values.extend((0..n).map(|j| Rational::int(i64::from(i == j))));
            a.push(values);
        }
        for col in 0..n {
            let pivot = (col..n).find(|r| !a[*r][col].is_zero())?;
            a.swap(col, pivot);
            let scale = a[col][col].recip()?;
            for value in &mut a[col] {
                *value = &*value * &scale;
            }
            for row in 0..n {
                if row != col && !a[row][col].is_zero() {
                    let factor = -a[row][col].clone();
                    let pivot_row = a[col].clone();
                    for (value, above) in a[row].iter_mut().zip(&pivot_row) {
                        *value = &*value + &(above * &factor);
                    }
                }
            }
        }
        let rows = a
            .iter()
            .map(|row| {
                let entries: Vec<NodeId> = row[n..].iter().map(|v| self.number(v.clone())).collect();
                Part { node: self.column(&entries), extent: None }
            })
            .collect();
        Some(self.stack(0, rows))
    }

    /// The sum of the diagonal.
    pub fn trace(&mut self, node: NodeId) -> NodeId {
        let mut p = ProductBuilder::new();
        let i = p.label(self.axes(node)[0]);
        p.factor(node, &[i, i]);
        p.build(self, &[])
    }

    /// The diagonal of a square matrix as a vector.
    pub fn diagonal(&mut self, node: NodeId) -> NodeId {
        let mut p = ProductBuilder::new();
        let i = p.label(self.axes(node)[0]);
        p.factor(node, &[i, i]);
        p.build(self, &[i])
    }

    /// The diagonal matrix of a vector.
    pub fn diag(&mut self, node: NodeId) -> NodeId {
        let mut p = ProductBuilder::new();
        let i = p.label(self.axes(node)[0]);
        p.factor(node, &[i]);
        p.build(self, &[i, i])
    }

    /// A product as a chain of square matrices and diagonals, with scalar factors.
    pub(crate) fn square_chain(&self, p: &Product) -> Option<Chain> {
        if p.out.len() != 2 {
            return None;
        }
        let (mut scalars, mut links) = (Vec::new(), Vec::new());
        let mut used = vec![false; p.factors.len()];
        let (mut at, end): (Label, Label) = (p.out[0], p.out[1]);
        for (k, f) in p.factors.iter().enumerate() {
            match f.labels.len() {
                0 => {
                    scalars.push(f.clone());
                    used[k] = true;
                }
                1 => {}
                2 if f.exponent.is_one() && f.labels[0] != f.labels[1] => {
                    let axes = self.axes(f.node);
                    if axes[0] != axes[1] {
                        return None;
                    }
                }
                _ => return None,
            }
        }
        if at == end && !p.factors.iter().all(|f| f.labels.len() <= 1) {
            return None;
        }
        loop {
            let uses = p.factors.iter().flat_map(|f| &f.labels).filter(|l| **l == at).count();
            for (k, f) in p.factors.iter().enumerate() {
                if !used[k] && f.labels.len() == 1 && f.labels[0] == at {
                    if !f.exponent.is_one() {
                        return None;
                    }
                    used[k] = true;
                    links.push(Link { node: f.node, transposed: false });
                }
            }
            let diagonals = p.factors.iter().filter(|f| f.labels.len() == 1 && f.labels[0] == at).count();
            let expected = if p.out.contains(&at) && p.out[0] != p.out[1] { 1 } else { 2 };
            if at == end {
                break;
            }
            if uses - diagonals != expected {
                return None;
            }
            let next = (0..p.factors.len()).find(|k| !used[*k] && p.factors[*k].labels.contains(&at))?;
            let f = &p.factors[next];
            used[next] = true;
            let transposed = f.labels[0] != at;
            links.push(Link { node: f.node, transposed });
            at = if transposed { f.labels[0] } else { f.labels[1] };
        }
        used.iter().all(|u| *u).then_some(Chain { scalars, links })
    }
}
