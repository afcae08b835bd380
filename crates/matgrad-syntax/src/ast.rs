//! The syntax tree: an arena of expressions, children always before their parents.
//!
//! The same tree is what the parser returns and what the calculus hands back for printing, so "text out is text in"
//! holds by construction. No pass over it needs recursion: a loop over the ids in order visits children first.

use std::sync::Arc;

use crate::{Rational, Span};

/// A name. Greek letters are spelt out (`λ`, `\lambda` and `lambda` are one name).
pub type Name = Arc<str>;

/// An expression in an [`Ast`]; a child's id is always smaller than its parent's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExprId(pub u32);

/// Operators between two expressions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    /// `a + b`
    Add,
    /// `a - b`
    Sub,
    /// `a*b`, matrix or scalar product
    Mul,
    /// `a .* b`, entry by entry
    Hadamard,
    /// `a/b`, by a scalar
    Div,
    /// `a ./ b`, entry by entry
    ElemDiv,
    /// `A\b`, the solution of `A*x = b`
    Solve,
    /// `A ⊗ B`
    Kron,
    /// `A : B` = tr(A'B)
    Inner,
    /// `c^p` of scalars, `X^k` of square matrices; `X^-1` is `Pow` with the exponent -1
    Pow,
    /// `x.^p`, entry by entry
    ElemPow,
    /// `<`
    Less,
    /// `<=`
    LessEq,
    /// `>`
    Greater,
    /// `>=`
    GreaterEq,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
}

/// A reduction over bound indices: `sum[i,j](…)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reducer {
    /// `sum[i](…)`
    Sum,
    /// `prod[i](…)`
    Prod,
    /// `max[i](…)`
    Max,
    /// `min[i](…)`
    Min,
    /// `mean[i](…)`
    Mean,
    /// `logsumexp[i](…)`
    LogSumExp,
}

impl Reducer {
    /// The function name in the language.
    pub fn name(self) -> &'static str {
        match self {
            Reducer::Sum => "sum",
            Reducer::Prod => "prod",
            Reducer::Max => "max",
            Reducer::Min => "min",
            Reducer::Mean => "mean",
            Reducer::LogSumExp => "logsumexp",
        }
    }

    /// The reduction of that name.
    pub fn find(name: &str) -> Option<Reducer> {
        use Reducer::*;
        [Sum, Prod, Max, Min, Mean, LogSumExp].into_iter().find(|reducer| reducer.name() == name)
    }
}

/// An index bound by a reduction or an index definition: `i`, or `i:n` with its range `1..=n`.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexBinder {
    /// The index.
    pub name: Name,
    /// Where it stands.
    pub span: Span,
    /// The end of its range where it is written.
    pub range: Option<ExprId>,
}

/// One entry between the brackets of `X[…]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Subscript {
    /// `:`
    All,
    /// `i`
    At(ExprId),
    /// `a:b`, ends included
    Range(ExprId, ExprId),
}

/// What an expression is.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// A literal, exact.
    Number(Rational),
    /// A variable, definition, dimension, index or constant.
    Name(Name),
    /// `-a`
    Neg(ExprId),
    /// `a'`
    Transpose(ExprId),
    /// `a op b`
    Binary(BinaryOp, ExprId, ExprId),
    /// `f(a, b)`; `derivative` lists the differentiated argument positions of an abstract function (`f_12'(u, v)` is
    /// `[1, 2]`), or a 0 for each prime without positions (`r''(t)` is `[0, 0]`): the derivative by the one argument. It is
    /// empty for a plain call.
    Call {
        /// The function.
        function: Name,
        /// Where its name stands.
        function_span: Span,
        /// Differentiated positions, from 1, or zeros.
        derivative: Vec<u8>,
        /// The arguments.
        args: Vec<ExprId>,
    },
    /// `a[i, j]`; the base may be any expression, also the names `delta` and `eps`.
    Index(ExprId, Vec<Subscript>),
    /// `[a, b, c]`: entries stacked into a column; columns side by side.
    Column(Vec<ExprId>),
    /// `[a, b; c, d]`
    Rows(Vec<Vec<ExprId>>),
    /// `sum[i,j; i < j](body)`
    Reduce {
        /// Which reduction.
        op: Reducer,
        /// The bound indices.
        indices: Vec<IndexBinder>,
        /// The condition after `;`.
        condition: Option<ExprId>,
        /// What is reduced.
        body: ExprId,
    },
}

/// An arena of expressions with their places in the source.
#[derive(Clone, Debug, Default)]
pub struct Ast {
    nodes: Vec<ExprKind>,
    spans: Vec<Span>,
}

impl Ast {
    /// An empty arena.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an expression whose children are already here.
    pub fn push(&mut self, kind: ExprKind, span: Span) -> ExprId {
        crate::patience::look();
        self.nodes.push(kind);
        self.spans.push(span);
        ExprId(self.nodes.len() as u32 - 1)
    }

    /// Adds an expression that stands nowhere in a source.
    pub fn add(&mut self, kind: ExprKind) -> ExprId {
        self.push(kind, Span::default())
    }

    /// What an expression is.
    pub fn kind(&self, id: ExprId) -> &ExprKind {
        &self.nodes[id.0 as usize]
    }

    /// Where an expression stands.
    pub fn span(&self, id: ExprId) -> Span {
        self.spans[id.0 as usize]
    }

    /// How many expressions there are; their ids are `0..len`.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Calls `visit` with each direct child, in the order of the text.
    pub fn for_each_child(&self, id: ExprId, mut visit: impl FnMut(ExprId)) {
        match self.kind(id) {
            ExprKind::Number(_) | ExprKind::Name(_) => {}
            ExprKind::Neg(a) | ExprKind::Transpose(a) => visit(*a),
            ExprKind::Binary(_, a, b) => {
                visit(*a);
                visit(*b);
            }
            ExprKind::Call { args, .. } => args.iter().copied().for_each(visit),
            ExprKind::Index(base, subscripts) => {
                visit(*base);
                for subscript in subscripts {
                    match subscript {
                        Subscript::All => {}
                        Subscript::At(a) => visit(*a),
                        Subscript::Range(a, b) => {
                            visit(*a);
                            visit(*b);
                        }
                    }
                }
            }
            ExprKind::Column(entries) => entries.iter().copied().for_each(visit),
            ExprKind::Rows(rows) => rows.iter().flatten().copied().for_each(visit),
            ExprKind::Reduce { indices, condition, body, .. } => {
                indices.iter().filter_map(|index| index.range).for_each(&mut visit);
                condition.iter().copied().for_each(&mut visit);
                visit(*body);
            }
        }
    }
}

/// A word after a declaration's shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Attribute {
    Symmetric,
    Skew,
    Diagonal,
    Lower,
    Upper,
    Orthogonal,
    Psd,
    Pd,
    Positive,
    Nonneg,
}

impl Attribute {
    /// All of them, in the order of the reference.
    pub const ALL: [Attribute; 10] = [
        Attribute::Symmetric,
        Attribute::Skew,
        Attribute::Diagonal,
        Attribute::Lower,
        Attribute::Upper,
        Attribute::Orthogonal,
        Attribute::Psd,
        Attribute::Pd,
        Attribute::Positive,
        Attribute::Nonneg,
    ];

    /// The word in the language.
    pub fn name(self) -> &'static str {
        match self {
            Attribute::Symmetric => "symmetric",
            Attribute::Skew => "skew",
            Attribute::Diagonal => "diagonal",
            Attribute::Lower => "lower",
            Attribute::Upper => "upper",
            Attribute::Orthogonal => "orthogonal",
            Attribute::Psd => "psd",
            Attribute::Pd => "pd",
            Attribute::Positive => "positive",
            Attribute::Nonneg => "nonneg",
        }
    }

    /// The attribute of that name.
    pub fn find(name: &str) -> Option<Attribute> {
        Self::ALL.into_iter().find(|attribute| attribute.name() == name)
    }
}

/// A name with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Ident {
    /// The name, Greek letters spelt out.
    pub name: Name,
    /// Where it stands.
    pub span: Span,
}

/// What the name on the left of a definition takes.
#[derive(Clone, Debug, PartialEq)]
pub enum Parameters {
    /// `L = …`
    None,
    /// `g(t) = …`
    Function(Vec<Ident>),
    /// `K[p,q] = …`, ranges optional
    Index(Vec<IndexBinder>),
}

/// The verb of a query statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum QueryKind {
    Diff,
    Grad,
    Jacobian,
    Hessian,
    Differential,
    Directional,
    Div,
    Curl,
    Laplacian,
    Jacdet,
    Pushforward,
    Linearize,
    Taylor,
    Check,
    Curvature,
}

impl QueryKind {
    /// All of them, in the order of the reference.
    pub const ALL: [QueryKind; 15] = [
        QueryKind::Diff,
        QueryKind::Grad,
        QueryKind::Jacobian,
        QueryKind::Hessian,
        QueryKind::Differential,
        QueryKind::Directional,
        QueryKind::Div,
        QueryKind::Curl,
        QueryKind::Laplacian,
        QueryKind::Jacdet,
        QueryKind::Pushforward,
        QueryKind::Linearize,
        QueryKind::Taylor,
        QueryKind::Check,
        QueryKind::Curvature,
    ];

    /// The word in the language.
    pub fn name(self) -> &'static str {
        match self {
            QueryKind::Diff => "diff",
            QueryKind::Grad => "grad",
            QueryKind::Jacobian => "jacobian",
            QueryKind::Hessian => "hessian",
            QueryKind::Differential => "differential",
            QueryKind::Directional => "directional",
            QueryKind::Div => "div",
            QueryKind::Curl => "curl",
            QueryKind::Laplacian => "laplacian",
            QueryKind::Jacdet => "jacdet",
            QueryKind::Pushforward => "pushforward",
            QueryKind::Linearize => "linearize",
            QueryKind::Taylor => "taylor",
            QueryKind::Check => "check",
            QueryKind::Curvature => "curvature",
        }
    }

    /// The word before the argument, where the query has one.
    pub fn argument_word(self) -> Option<&'static str> {
        match self {
            QueryKind::Directional | QueryKind::Pushforward => Some("along"),
            QueryKind::Linearize | QueryKind::Taylor => Some("at"),
            QueryKind::Check => Some("is"),
            _ => None,
        }
    }

    /// How the query is written.
    pub fn form(self) -> String {
        let name = self.name();
        match (self, self.argument_word()) {
            (QueryKind::Pushforward, _) => format!("{name} p along F wrt x"),
            (QueryKind::Taylor, _) => format!("{name} F wrt x at x0 order 2"),
            (_, Some(word)) => format!("{name} F wrt X {word} …"),
            (_, None) => format!("{name} F wrt X"),
        }
    }

    /// Whether it is an operator of vector calculus, which another one may follow or precede.
    pub fn is_operator(self) -> bool {
        matches!(self, QueryKind::Grad | QueryKind::Div | QueryKind::Curl | QueryKind::Laplacian)
    }

    /// Whether `order K` may stand at the end.
    pub fn takes_order(self) -> bool {
        use QueryKind::{Check, Diff, Differential, Directional, Taylor};
        matches!(self, Diff | Taylor | Check | Differential | Directional)
    }

    /// The query of that name.
    pub fn find(name: &str) -> Option<QueryKind> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// What an implicit definition says of its unknown.
#[derive(Clone, Debug, PartialEq)]
pub enum ImplicitRule {
    /// `define z by LEFT = RIGHT`
    Equation {
        /// The left side.
        left: ExprId,
        /// The right side.
        right: ExprId,
    },
    /// `z = argmin[w] f(w, x)`
    Extremum {
        /// Whether it is a minimum, not a maximum.
        minimum: bool,
        /// The name that the unknown has in the objective.
        bound: Ident,
        /// The objective.
        objective: ExprId,
    },
}

/// An equation to be solved.
#[derive(Clone, Debug, PartialEq)]
pub enum Equation {
    /// `grad F wrt X = RIGHT`, by all unknowns
    Gradient {
        /// F
        function: ExprId,
        /// The right side.
        right: ExprId,
    },
    /// `LEFT = RIGHT`
    Equal {
        /// The left side.
        left: ExprId,
        /// The right side.
        right: ExprId,
    },
}

/// One statement of a script.
#[derive(Clone, Debug, PartialEq)]
pub enum StatementKind {
    /// `A, B in R^(m x n) symmetric`; a scalar has an empty shape, a column one entry.
    Declaration {
        /// What is declared.
        names: Vec<Ident>,
        /// The dimensions, as expressions of dimension names.
        shape: Vec<ExprId>,
        /// The attributes with their places.
        attributes: Vec<(Attribute, Span)>,
    },
    /// `f : R^2 -> R`
    Abstract {
        /// The function.
        name: Ident,
        /// Dimensions of the argument.
        domain: Vec<ExprId>,
        /// Dimensions of the value.
        codomain: Vec<ExprId>,
    },
    /// `L = …`, `g(t) = …`, `K[p,q] = …`
    Definition {
        /// What is defined.
        name: Ident,
        /// Its parameters or indices.
        parameters: Parameters,
        /// The right-hand side.
        body: ExprId,
    },
    /// `diff F wrt X` and its kin.
    Query {
        /// Which.
        kind: QueryKind,
        /// Operators between the verb and the function, the last one applied first: `div curl F wrt x`.
        inner: Vec<QueryKind>,
        /// The function.
        function: ExprId,
        /// The variables.
        wrt: Vec<Ident>,
        /// `along U`, `at X0`, `is CLAIM`; the density of `pushforward`, whose function is the map.
        argument: Option<ExprId>,
        /// `order K`
        order: Option<u8>,
    },
    /// `define z by G(z, x) = 0`, `z = argmin[z] f(z, x)`: a function of everything else that stands there.
    Implicit {
        /// The unknown.
        name: Ident,
        /// What it is defined by.
        rule: ImplicitRule,
    },
    /// `solve grad L wrt theta = 0`, `solve A*X + X*B = C for X`
    Solve {
        /// The equations, all of which hold.
        equations: Vec<Equation>,
        /// The unknowns.
        unknowns: Vec<Ident>,
    },
    /// `assume r(t)'*r(t) = c`: both sides are equal, whatever the names stand for.
    Assume {
        /// The left side.
        left: ExprId,
        /// The right side.
        right: ExprId,
    },
    /// A bare expression: a one-liner, or the last line of a script; stands for a definition without a name.
    Expression(ExprId),
}

/// A statement and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// What it says.
    pub kind: StatementKind,
    /// Where it stands.
    pub span: Span,
}

/// A parsed script: one arena for all its statements.
#[derive(Clone, Debug, Default)]
pub struct Script {
    /// All expressions of all statements.
    pub ast: Ast,
    /// The statements in the order of the text.
    pub statements: Vec<Statement>,
}
