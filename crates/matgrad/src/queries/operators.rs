//! Gradient, divergence, curl and Laplacian, one after the other.

use matgrad_calculus::graph::{Dims, Labels, NodeId, Part, ProductBuilder};
use matgrad_calculus::layout::{self, Kind as Shape, Layout};
use matgrad_calculus::notation;
use matgrad_check::{Operator, Quantity};
use matgrad_syntax::{QueryKind, Rational};

use crate::answer::Answer;
use crate::work::{Variable, Work, derivative_under};
use crate::{Convention, Failure};

/// Sums over more coordinates than this stay sums.
const MAX_WRITTEN_OUT: i64 = 4;

/// What the answer of an operator is called.
pub(super) fn title(kind: QueryKind) -> &'static str {
    match kind {
        QueryKind::Grad => "gradient",
        QueryKind::Div => "divergence",
        QueryKind::Curl => "curl",
        _ => "laplacian",
    }
}

impl Work<'_> {
    /// The operators applied to the function, the last of `inner` first.
    pub fn operated(&mut self, outer: QueryKind, inner: &[QueryKind]) -> Result<Answer, Failure> {
        let (node, shape) = self.operator_value(outer, inner)?;
        let list = inner.iter().rev().chain([&outer]).map(|kind| match kind {
            QueryKind::Grad => Operator::Gradient,
            QueryKind::Div => Operator::Divergence,
            QueryKind::Curl => Operator::Curl,
            _ => Operator::Laplacian,
        });
        let quantity = Quantity::Operators(list.collect());
        let mut notes = self.notes();
        let plain = node;
        let (mut node, mut written, verified) = self.shown_value(node, &shape, &quantity, &mut notes)?;
        if let Some(reduced) = self.under_assumptions([plain, node], Layout::Tensor, verified.as_ref(), &mut notes)? {
            let arranged = layout::like(self.graph(), reduced, &shape);
            (node, written) = (reduced, self.written(&arranged)?);
        }
        Ok(self.answer(title(outer), written, None, node, notes, verified))
    }

    /// What comes out of the operators, and its shape.
    pub fn operator_value(&mut self, outer: QueryKind, inner: &[QueryKind]) -> Result<(NodeId, Shape), Failure> {
        let (mut node, mut shape) = (self.function.node, self.function.shape.clone());
        for kind in inner.iter().rev().chain([&outer]) {
            (node, shape) = match kind {
                QueryKind::Grad => (self.derivative_of(node, &shape)?, self.gradient_shape(&shape)?),
                QueryKind::Div => self.divergence(node, &shape)?,
                QueryKind::Curl => self.curl(node, &shape)?,
                _ => (self.laplacian(node, &shape)?, shape),
            };
            self.within_limits()?;
        }
        Ok((node, shape))
    }

    /// The axes of the value, then those of the variable.
    fn derivative_of(&mut self, node: NodeId, shape: &Shape) -> Result<NodeId, Failure> {
        let variable: Variable = self.variable.clone();
        derivative_under(self.graph(), node, (shape.rank(), shape.rank()), &variable, Convention::Free)
            .map_err(|error| self.no_derivative(&error))
    }

    fn gradient_shape(&self, shape: &Shape) -> Result<Shape, Failure> {
        match shape {
            Shape::Scalar => Ok(self.variable.shape.clone()),
            other => {
                Err(self.refuse("operator", format!("grad takes a scalar function, not one in {}", self.space(other))))
            }
        }
    }

    fn divergence(&mut self, node: NodeId, shape: &Shape) -> Result<(NodeId, Shape), Failure> {
        let (own, variable) = (shape.rank(), self.variable.shape.clone());
        let fits = match (shape, &variable) {
            (Shape::Column(m) | Shape::Row(m), Shape::Column(n) | Shape::Row(n)) => m == n,
            (Shape::Matrix(_, m), Shape::Column(n) | Shape::Row(n)) => m == n,
            _ => *shape == variable,
        };
        if !fits {
            let message = format!(
                "div takes a field with as many entries as its variable: the function is in {}, `{}` is in {}",
                self.space(shape),
                self.variable.name,
                self.space(&variable)
            );
            return Err(self.refuse("operator", message));
        }
        let derivative = self.derivative_of(node, shape)?;
        let kept = own - variable.rank();
        let node = match self.by_coordinates(node, shape)? {
            Some(written) => {
                let whole = self.traced(derivative, kept, own)?;
                self.shorter(whole, written)?
            }
            None => self.traced(derivative, kept, own)?,
        };
        let shape = match shape {
            Shape::Matrix(m, _) if kept == 1 => Shape::Column(*m),
            _ => Shape::Scalar,
        };
        Ok((node, shape))
    }

    fn curl(&mut self, node: NodeId, shape: &Shape) -> Result<(NodeId, Shape), Failure> {
        let sizes = &self.analysis.graph.sizes;
        let length = |shape: &Shape| match shape {
            Shape::Column(n) | Shape::Row(n) => sizes.value(*n),
            _ => None,
        };
        let n = length(shape).filter(|n| Some(*n) == length(&self.variable.shape) && matches!(n, 2 | 3));
        let Some(n) = n else {
            let message = format!(
                "curl takes a field in R^3 (or R^2) by a variable in R^3 (or R^2): the function is in {}, `{}` is in {}",
                self.space(shape),
                self.variable.name,
                self.space(&self.variable.shape)
            );
            return Err(self.refuse("operator", message));
        };
        let mut component = |i: i64, j: i64| -> Result<NodeId, Failure> {
            let (up, down) = (self.partial(node, j, i)?, self.partial(node, i, j)?);
            Ok(self.graph().subtract(up, down))
        };
        if n == 2 {
            return Ok((component(1, 2)?, Shape::Scalar));
        }
        let entries = [component(2, 3)?, component(3, 1)?, component(1, 2)?];
        let g = self.graph();
        let parts = entries.iter().map(|node| Part { node: *node, extent: None }).collect();
        let three = g.sizes.constant(3);
        let written = g.stack(0, parts);
        // by the symbol of Levi-Civita, where products of vectors come out
        let derivative = self.derivative_of(node, shape)?;
        let g = self.graph();
        let derivative = g.distribute_all(derivative);
        let (terms, dims) = g.terms(derivative);
        let eps = g.levi_civita(3);
        let mut turned: Vec<(Rational, NodeId)> = Vec::with_capacity(terms.len());
        for (coefficient, term) in terms {
            let mut p = ProductBuilder::new();
            let (i, j, k) = (p.label(three), p.label(dims[1]), p.label(dims[0]));
            p.factor(eps, &[i, j, k]);
            p.factor(term, &[k, j]);
            let product = p.build(g, &[i]);
            turned.push((coefficient, g.without_symbol_pairs(product)));
        }
        let whole = g.sum(&turned, &[three]);
        Ok((self.shorter(written, whole)?, Shape::Column(three)))
    }

    /// The derivative of one entry of a vector by one coordinate.
    fn partial(&mut self, node: NodeId, entry: i64, coordinate: i64) -> Result<NodeId, Failure> {
        let component = self.graph().entry(node, &[entry]);
        let derivative = self.derivative_of(component, &Shape::Scalar)?;
        Ok(self.graph().entry(derivative, &[coordinate]))
    }

    /// The divergence of a vector with few entries, one after the other.
    fn by_coordinates(&mut self, node: NodeId, shape: &Shape) -> Result<Option<NodeId>, Failure> {
        let (Shape::Column(n) | Shape::Row(n)) = shape else { return Ok(None) };
        let Some(count) = self.analysis.graph.sizes.value(*n).filter(|n| *n <= MAX_WRITTEN_OUT) else {
            return Ok(None);
        };
        let mut terms: Vec<(Rational, NodeId)> = Vec::new();
        for k in 1..=count {
            terms.push((Rational::ONE, self.partial(node, k, k)?));
        }
        Ok(Some(self.graph().sum(&terms, &[])))
    }

    /// The one that prints shorter, the first where both are alike.
    fn shorter(&mut self, first: NodeId, second: NodeId) -> Result<NodeId, Failure> {
        let (short, other) = (self.simplified(first)?, self.simplified(second)?);
        let analysis = &mut self.analysis;
        let mut length = |node| notation::length(&mut analysis.graph, &mut self.memory, node);
        Ok(if length(other) < length(short) { second } else { first })
    }

    /// The second derivatives by each coordinate, added.
    fn laplacian(&mut self, node: NodeId, shape: &Shape) -> Result<NodeId, Failure> {
        let first = self.derivative_of(node, shape)?;
        if *shape == Shape::Scalar {
            // the derivatives by one coordinate after the other, so that they stand in this order
            self.by_coordinates(first, &self.variable.shape.clone())?;
        }
        let (own, coordinates) = (shape.rank(), self.variable.shape.rank());
        let variable: Variable = self.variable.clone();
        let second = derivative_under(self.graph(), first, (own, own + coordinates), &variable, Convention::Free)
            .map_err(|error| self.no_derivative(&error))?;
        self.traced(second, own, own + coordinates)
    }

    /// The sum over equal positions of the variable's axes at `first` and at `second`, which come last; the axes before
    /// `first` are kept.
    fn traced(&mut self, node: NodeId, first: usize, second: usize) -> Result<NodeId, Failure> {
        let count = second - first;
        let g = self.graph();
        // term by term, so that each contracts by itself
        let (terms, dims) = g.terms(node);
        let mut sums: Vec<(Rational, NodeId)> = Vec::with_capacity(terms.len());
        for (coefficient, term) in terms {
            let mut p = ProductBuilder::new();
            let mut labels: Labels = dims[..second].iter().map(|dim| p.label(*dim)).collect();
            labels.extend(labels[first..second].to_vec());
            p.factor(term, &labels);
            sums.push((coefficient, p.build(g, &labels[..first])));
        }
        let kept: Dims = dims[..first].iter().copied().collect();
        let whole = g.sum(&sums, &kept);
        let sizes: Option<Vec<i64>> = dims[first..second].iter().map(|dim| g.sizes.value(*dim)).collect();
        let few = sizes.filter(|_| first == 0).filter(|sizes| sizes.iter().product::<i64>() <= MAX_WRITTEN_OUT);
        let Some(sizes) = few else { return Ok(whole) };
        // few coordinates: entry by entry, where that is shorter
        let mut entries: Vec<(Rational, NodeId)> = Vec::new();
        let mut at = vec![1; count];
        for _ in 0..sizes.iter().product::<i64>() {
            let twice: Vec<i64> = at.iter().chain(&at).copied().collect();
            entries.push((Rational::ONE, g.entry(node, &twice)));
            for (k, size) in at.iter_mut().zip(&sizes) {
                if *k < *size {
                    *k += 1;
                    break;
                }
                *k = 1;
            }
        }
        let written = g.sum(&entries, &kept);
        self.shorter(whole, written)
    }
}
