//! The layouts: the same partial derivatives in another arrangement.
//!
//! Numerator and denominator layout after Wikipedia, *Matrix calculus*; the Jacobian and gradient matrices D_X F and
//! ∇_X F after Magnus & Neudecker, ch. 9, and Zhang, *Matrix Analysis and Applications*, §3.1.

use crate::graph::{Dim, Dims, Graph, Label, Labels, Node, NodeId, Part, ProductBuilder};
use crate::notation::Arrangement;

/// An arrangement of the partial derivatives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Layout {
    /// Rows follow the function, columns the variable.
    Numerator,
    /// Its transpose.
    Denominator,
    /// ∂vec F/∂(vec X)ᵀ.
    Jacobian,
    /// Its transpose; of a scalar function the gradient, shaped like the variable.
    Gradient,
    /// rvec(D_X f) of a scalar function.
    Rowvec,
    /// All axes, the function's first.
    Tensor,
    /// dF in terms of dX.
    Differential,
    /// Of a function that goes row by row: the derivative of each row by the row of the variable.
    Blocks,
}

impl Layout {
    /// All layouts of functions in general, in the order of the reference.
    pub const ALL: [Layout; 7] = [
        Layout::Numerator,
        Layout::Denominator,
        Layout::Jacobian,
        Layout::Gradient,
        Layout::Rowvec,
        Layout::Tensor,
        Layout::Differential,
    ];

    /// The word on the command line and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Layout::Numerator => "numerator",
            Layout::Denominator => "denominator",
            Layout::Jacobian => "jacobian",
            Layout::Gradient => "gradient",
            Layout::Rowvec => "rowvec",
            Layout::Tensor => "tensor",
            Layout::Differential => "differential",
            Layout::Blocks => "blocks",
        }
    }

    /// The layout of this name.
    pub fn parse(name: &str) -> Option<Layout> {
        Self::ALL.into_iter().chain([Layout::Blocks]).find(|l| l.name() == name)
    }
}

/// How a value's axes are written: what the graph leaves out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// No axes.
    Scalar,
    /// One axis, written down.
    Column(Dim),
    /// One axis, written across.
    Row(Dim),
    /// Two axes.
    Matrix(Dim, Dim),
    /// Three or more axes.
    Tensor(Dims),
}

impl Kind {
    /// How many axes there are in the graph.
    pub fn rank(&self) -> usize {
        match self {
            Kind::Scalar => 0,
            Kind::Column(_) | Kind::Row(_) => 1,
            Kind::Matrix(..) => 2,
            Kind::Tensor(dims) => dims.len(),
        }
    }
}

/// A derivative ready to print: a node, how to write it, and its shape.
#[derive(Clone, Debug)]
pub struct Arranged {
    /// The tensor to write.
    pub node: NodeId,
    /// As it is, transposed, or with indices.
    pub arrangement: Arrangement,
    /// Rows and columns, or one entry an axis for the tensor layout.
    pub shape: Vec<Dim>,
}

/// Why a layout does not apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayoutError(pub String);

/// Axes of a node joined into longer ones: each group lists the axes of one axis of the result, fastest first; an empty
/// group is dropped.
pub fn fuse_axes(g: &mut Graph, node: NodeId, groups: &[&[usize]]) -> NodeId {
    if let Node::Sum(terms, _) = g.node(node) {
        // term by term: each has its own Kronecker product
        let terms = terms.clone();
        let fused: Vec<_> = terms.into_iter().map(|(c, n)| (c, fuse_axes(g, n, groups))).collect();
        if let Some(&(_, first)) = fused.first() {
            let dims = g.axes(first).clone();
            return g.sum(&fused, &dims);
        }
    }
    if let Some(stack) = fuse_pieces(g, node, groups) {
        return stack;
    }
    let mut p = ProductBuilder::new();
    let labels = p.labels_of(g, node);
    p.factor(node, &labels);
    let mut out = Labels::new();
    for group in groups {
        let mut fused: Option<(Label, Dim)> = None;
        for &axis in *group {
            let (label, dim) = (labels[axis], g.axes(node)[axis]);
            fused = Some(match fused {
                None => (label, dim),
                Some((fast, fast_dim)) => {
                    let leaf = g.fuse(fast_dim, dim);
                    let all = g.axes(leaf)[0];
                    let joined = p.label(all);
                    p.factor(leaf, &[joined, fast, label]);
                    (joined, all)
                }
            });
        }
        out.extend(fused.map(|(label, _)| label));
    }
    p.build(g, &out)
}

/// Pieces side by side along an axis that stays as it is: each with its axes joined.
fn fuse_pieces(g: &mut Graph, node: NodeId, groups: &[&[usize]]) -> Option<NodeId> {
    let Node::Stack(axis, parts) = g.node(node) else { return None };
    let (axis, parts) = (usize::from(*axis), parts.clone());
    let kept: Vec<&[usize]> = groups.iter().copied().filter(|group| !group.is_empty()).collect();
    let at = kept.iter().position(|group| *group == [axis])?;
    let thin: Vec<Vec<usize>> = kept
        .iter()
        .filter(|group| **group != [axis])
        .map(|group| group.iter().map(|k| if *k > axis { k - 1 } else { *k }).collect())
        .collect();
    let thin: Vec<&[usize]> = thin.iter().map(Vec::as_slice).collect();
    let parts = parts
        .into_iter()
        .map(|part| {
            let groups = if part.extent.is_some() { &kept } else { &thin };
            Part { node: fuse_axes(g, part.node, groups), ..part }
        })
        .collect();
    Some(g.stack(at as u8, parts))
}

/// The derivative `node` (axes of the function, then of the variable `order` times) in a layout.
///
/// # Errors
/// Where the layout has no place for these shapes, with what to ask for instead.
pub fn arrange(
    g: &mut Graph,
    node: NodeId,
    function: &Kind,
    variable: &Kind,
    order: usize,
    layout: Layout,
) -> Result<Arranged, LayoutError> {
    let arranged = place(g, node, function, variable, order, layout)?;
    Ok(settled(g, arranged))
}

fn place(
    g: &mut Graph,
    node: NodeId,
    function: &Kind,
    variable: &Kind,
    order: usize,
    layout: Layout,
) -> Result<Arranged, LayoutError> {
    let one = g.sizes.constant(1);
    if layout == Layout::Differential {
        return if order == 1 {
            Ok(like(g, node, function))
        } else {
            Err(LayoutError("the differential layout is for order 1".into()))
        };
    }
    if layout == Layout::Blocks {
        return blocks(g, node, function, variable, order);
    }
    if layout == Layout::Tensor {
        let shape: Vec<Dim> = g.axes(node).iter().copied().collect();
        let split = function.rank();
        let arrangement = if shape.len() > 2 { Arrangement::Indexed { split } } else { Arrangement::Plain };
        return Ok(Arranged { node, arrangement, shape });
    }
    if matches!(function, Kind::Tensor(_)) || matches!(variable, Kind::Tensor(_)) {
        return Err(LayoutError("a tensor takes part: only the tensor layout applies (--layout tensor)".into()));
    }
    if layout == Layout::Rowvec && *function != Kind::Scalar {
        return Err(LayoutError("rowvec is for scalar functions; use --layout jacobian".into()));
    }
    if *variable == Kind::Scalar {
        return Ok(by_scalar(g, node, function, layout));
    }
    if order > 1 {
        if *function != Kind::Scalar || order > 2 {
            return Err(LayoutError(format!(
                "the derivative of order {order} of this function has the tensor layout only (--layout tensor)"
            )));
        }
        let node = match variable {
            Kind::Matrix(..) => fuse_axes(g, node, &[&[0, 1], &[2, 3]]),
            _ => node,
        };
        let shape = g.axes(node).to_vec();
        return Ok(Arranged { node, arrangement: Arrangement::Plain, shape });
    }
    if *function == Kind::Scalar {
        return Ok(of_scalar(g, node, variable, layout, one));
    }
    let (p, rest) = (function.rank(), variable.rank());
    let rows: Vec<usize> = (0..p).collect();
    let cols: Vec<usize> = (p..p + rest).collect();
    let node = fuse_axes(g, node, &[&rows, &cols]);
    let shape = g.axes(node).to_vec();
    Ok(match layout {
        Layout::Denominator | Layout::Gradient => {
            Arranged { node, arrangement: Arrangement::Transposed, shape: vec![shape[1], shape[0]] }
        }
        _ => Arranged { node, arrangement: Arrangement::Plain, shape },
    })
}

/// The derivative of each row of the function by the same row of the variable: axes (row, entry of F, entry of X); of order
/// 2 that of the gradient, the blocks of a Hessian. The others have to vanish, which the form of the derivative shows.
fn blocks(
    g: &mut Graph,
    node: NodeId,
    function: &Kind,
    variable: &Kind,
    order: usize,
) -> Result<Arranged, LayoutError> {
    let refuse = |why: &str| Err(LayoutError(format!("the blocks layout is for functions that go row by row: {why}")));
    // the second derivative of a number is the first of its gradient
    let function = match order {
        1 => function,
        2 if *function == Kind::Scalar => variable,
        _ => return refuse("it is for order 1, and for Hessians"),
    };
    let of_gradient = order == 2;
    let rows = |kind: &Kind| match kind {
        Kind::Column(n) | Kind::Matrix(n, _) => Some(*n),
        _ => None,
    };
    let Some(n) = rows(function).filter(|n| rows(variable) == Some(*n)) else {
        return refuse("function and variable have as many rows as each other there");
    };
    let at = function.rank();
    if !is_diagonal(g, node, at) {
        return refuse(if of_gradient {
            "the gradient of this one has rows that depend on other rows of the variable, too (--layout tensor has all entries)"
        } else {
            "a row of this one depends on other rows of the variable, too (--layout tensor has all entries)"
        });
    }
    let mut p = ProductBuilder::new();
    let row = p.label(n);
    let one = g.sizes.constant(1);
    let mut labels: Labels = g.axes(node).clone().into_iter().map(|dim| p.label(dim)).collect();
    let entry = |p: &mut ProductBuilder, kind: &Kind, label: Option<Label>| match kind {
        Kind::Matrix(..) => label,
        _ => Some(p.label(one)),
    };
    let (own, other) = (labels.get(1).copied(), labels.get(at + 1).copied());
    let (Some(a), Some(b)) = (entry(&mut p, function, own), entry(&mut p, variable, other)) else {
        return refuse("this one has no rows");
    };
    labels[0] = row;
    labels[at] = row;
    p.factor(node, &labels);
    let out = [row, a, b];
    p.forget_unused(&out);
    let node = p.build(g, &out);
    let shape = g.axes(node).to_vec();
    Ok(Arranged { node, arrangement: Arrangement::Indexed { split: 2 }, shape })
}

/// Whether a tensor vanishes, by its form, where its positions along the first axis and the one at `at` differ.
fn is_diagonal(g: &Graph, node: NodeId, at: usize) -> bool {
    let mut todo = vec![node];
    while let Some(id) = todo.pop() {
        match g.node(id) {
            Node::Sum(terms, _) => todo.extend(terms.iter().map(|(_, term)| *term)),
            Node::Product(p) if !p.out.is_empty() && p.out.first() == p.out.get(at) => {}
            // a power of a tensor with these axes, times others
            Node::Product(p) => {
                let (Some(i), Some(j)) = (p.out.first(), p.out.get(at)) else { return false };
                let inner = p.factors.iter().any(|f| {
                    let place = |l| f.labels.iter().position(|own| own == l);
                    !f.exponent.is_negative()
                        && !f.exponent.is_zero()
                        && place(i) == Some(0)
                        && place(j).is_some_and(|j| is_equal(g, f.node, j))
                });
                if !inner {
                    return false;
                }
            }
            _ => return false,
        }
    }
    true
}

/// Whether a factor is a product with one label on its first axis and the one at `at`, or a sum of such.
fn is_equal(g: &Graph, node: NodeId, at: usize) -> bool {
    let diagonal = |id: NodeId| matches!(g.node(id), Node::Product(p) if p.out.first() == p.out.get(at));
    match g.node(node) {
        Node::Sum(terms, _) => terms.iter().all(|(_, term)| diagonal(*term)),
        _ => diagonal(node),
    }
}

/// A matrix that is to be written transposed as the transposed matrix, so that there is one thing to simplify.
fn settled(g: &mut Graph, arranged: Arranged) -> Arranged {
    if arranged.arrangement == Arrangement::Transposed && g.rank(arranged.node) == 2 {
        let node = g.transpose(arranged.node);
        return Arranged { node, arrangement: Arrangement::Plain, shape: arranged.shape };
    }
    arranged
}

/// The node written like a value of this kind.
pub fn like(g: &mut Graph, node: NodeId, kind: &Kind) -> Arranged {
    let one = g.sizes.constant(1);
    let (arrangement, shape) = match kind {
        Kind::Scalar => (Arrangement::Plain, vec![one, one]),
        Kind::Column(n) => (Arrangement::Plain, vec![*n, one]),
        Kind::Row(n) => (Arrangement::Transposed, vec![one, *n]),
        Kind::Matrix(m, n) => (Arrangement::Plain, vec![*m, *n]),
        Kind::Tensor(dims) => (Arrangement::Indexed { split: dims.len() }, dims.to_vec()),
    };
    Arranged { node, arrangement, shape }
}

fn transposed(arranged: Arranged) -> Arranged {
    let arrangement = match arranged.arrangement {
        Arrangement::Plain => Arrangement::Transposed,
        Arrangement::Transposed => Arrangement::Plain,
        indexed => indexed,
    };
    Arranged { arrangement, shape: arranged.shape.into_iter().rev().collect(), node: arranged.node }
}

fn by_scalar(g: &mut Graph, node: NodeId, function: &Kind, layout: Layout) -> Arranged {
    let numerator = match (layout, function) {
        (Layout::Jacobian | Layout::Gradient | Layout::Rowvec, Kind::Matrix(..)) => {
            let node = fuse_axes(g, node, &[&[0, 1]]);
            let all = g.axes(node)[0];
            like(g, node, &Kind::Column(all))
        }
        (Layout::Jacobian | Layout::Gradient | Layout::Rowvec, Kind::Row(n)) => like(g, node, &Kind::Column(*n)),
        _ => like(g, node, function),
    };
    if matches!(layout, Layout::Denominator | Layout::Gradient) { transposed(numerator) } else { numerator }
}

fn of_scalar(g: &mut Graph, node: NodeId, variable: &Kind, layout: Layout, one: Dim) -> Arranged {
    match layout {
        Layout::Jacobian | Layout::Rowvec => {
            let node = match variable {
                Kind::Matrix(..) => fuse_axes(g, node, &[&[0, 1]]),
                _ => node,
            };
            let all = g.axes(node)[0];
            Arranged { node, arrangement: Arrangement::Transposed, shape: vec![one, all] }
        }
        Layout::Numerator => {
            let gradient = like(g, node, variable);
            transposed(gradient)
        }
        _ => like(g, node, variable),
    }
}
