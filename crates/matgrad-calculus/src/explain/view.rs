//! A look at a script: what depends on the variable, and how deep functions are nested.

use std::collections::BTreeMap;

use matgrad_syntax::functions::{Group, find};
use matgrad_syntax::{
    Ast, BinaryOp, ExprId, ExprKind, ImplicitRule, Name, Parameters, Script, StatementKind, Subscript,
};

/// What is known of each expression of a script.
#[derive(Clone, Debug)]
pub struct View<'a> {
    /// The tree.
    pub ast: &'a Ast,
    /// The variable.
    pub wrt: Name,
    /// Whether the value depends on the variable.
    pub depends: Vec<bool>,
    /// Equal expressions have equal classes.
    pub class: Vec<u32>,
    /// How many functions that are not linear lie one inside another.
    pub depth: Vec<u32>,
    /// How many expressions there are below, itself included; what depends on the variable.
    pub size: Vec<u32>,
    /// Values and implicit values that depend on the variable, each with its statement.
    pub values: BTreeMap<Name, usize>,
}

/// How an operation goes with the differential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Nature {
    /// Nothing below it is a part.
    Leaf,
    /// `d` goes through to these parts.
    Linear(Vec<ExprId>),
    /// A polynomial of these parts.
    Polynomial(Vec<ExprId>),
    /// A function of these parts.
    Function(Vec<ExprId>),
}

impl Nature {
    /// The parts.
    pub fn parts(&self) -> &[ExprId] {
        match self {
            Nature::Leaf => &[],
            Nature::Linear(parts) | Nature::Polynomial(parts) | Nature::Function(parts) => parts,
        }
    }
}

/// Functions that are linear in their first argument.
const LINEAR: &[&str] =
    &["tr", "diag", "vec", "rvec", "transpose", "sum", "mean", "cumsum", "revcumsum", "tril", "triu", "reshape"];

/// Products of their two arguments.
const BILINEAR: &[&str] = &["kron", "dot", "cross"];

impl<'a> View<'a> {
    /// Reads a script.
    pub fn new(script: &'a Script, wrt: &Name) -> Self {
        let ast = &script.ast;
        let mut bodies: BTreeMap<ExprId, Vec<(usize, Name, bool)>> = BTreeMap::new();
        for (at, statement) in script.statements.iter().enumerate() {
            let mut own = |root: ExprId, name: &Name, value: bool| {
                bodies.entry(root).or_default().push((at, name.clone(), value));
            };
            match &statement.kind {
                StatementKind::Definition { name, parameters, body } => {
                    own(*body, &name.name, !matches!(parameters, Parameters::Function(_)));
                }
                StatementKind::Implicit { name, rule } => match rule {
                    ImplicitRule::Equation { left, right } => {
                        own(*left, &name.name, true);
                        own(*right, &name.name, true);
                    }
                    ImplicitRule::Extremum { objective, .. } => own(*objective, &name.name, true),
                },
                _ => {}
            }
        }
        let mut view = Self {
            ast,
            wrt: wrt.clone(),
            depends: Vec::with_capacity(ast.len()),
            class: Vec::with_capacity(ast.len()),
            depth: Vec::with_capacity(ast.len()),
            size: Vec::with_capacity(ast.len()),
            values: BTreeMap::new(),
        };
        let mut functions: BTreeMap<Name, usize> = BTreeMap::new();
        let mut classes: BTreeMap<String, u32> = BTreeMap::new();
        for id in (0..ast.len() as u32).map(ExprId) {
            let mut depends = match ast.kind(id) {
                ExprKind::Name(name) => name == wrt || view.values.contains_key(name) || functions.contains_key(name),
                ExprKind::Call { function, .. } => functions.contains_key(function),
                _ => false,
            };
            let mut size = 1u32;
            ast.for_each_child(id, |child| {
                depends |= view.depends(child);
                size = size.saturating_add(view.size.get(child.0 as usize).copied().unwrap_or(0));
            });
            view.depends.push(depends);
            view.size.push(if depends { size } else { 1 });
            let key = view.key(id);
            let next = classes.len() as u32;
            view.class.push(*classes.entry(key).or_insert(next));
            let nature = view.nature(id);
            let below = |parts: &[ExprId]| parts.iter().map(|part| view.depth(*part)).max().unwrap_or(0);
            view.depth.push(match &nature {
                Nature::Leaf => 0,
                Nature::Linear(parts) => below(parts),
                Nature::Polynomial(parts) => {
                    let inner = |part: &ExprId| match view.nature(*part) {
                        Nature::Polynomial(_) => view.depth(*part).saturating_sub(1),
                        _ => view.depth(*part),
                    };
                    1 + parts.iter().map(inner).max().unwrap_or(0)
                }
                Nature::Function(parts) => 1 + below(parts),
            });
            if depends {
                for (at, name, value) in bodies.get(&id).into_iter().flatten() {
                    if *value {
                        view.values.insert(name.clone(), *at);
                    } else {
                        functions.insert(name.clone(), *at);
                    }
                }
            }
        }
        view
    }

    /// Whether an expression depends on the variable.
    pub fn depends(&self, id: ExprId) -> bool {
        self.depends.get(id.0 as usize).copied().unwrap_or(false)
    }

    /// How deep functions are nested.
    pub fn depth(&self, id: ExprId) -> u32 {
        self.depth.get(id.0 as usize).copied().unwrap_or(0)
    }

    fn class_of(&self, id: ExprId) -> ExprId {
        ExprId(self.class.get(id.0 as usize).copied().unwrap_or(u32::MAX))
    }

    /// Equal for equal expressions.
    fn key(&self, id: ExprId) -> String {
        let class = |id: &ExprId| self.class_of(*id);
        let kind = match self.ast.kind(id) {
            ExprKind::Neg(a) => ExprKind::Neg(class(a)),
            ExprKind::Transpose(a) => ExprKind::Transpose(class(a)),
            ExprKind::Binary(op, a, b) => ExprKind::Binary(*op, class(a), class(b)),
            ExprKind::Call { function, derivative, args, .. } => ExprKind::Call {
                function: function.clone(),
                function_span: Default::default(),
                derivative: derivative.clone(),
                args: args.iter().map(class).collect(),
            },
            ExprKind::Index(base, subs) => {
                let sub = |sub: &Subscript| match sub {
                    Subscript::All => Subscript::All,
                    Subscript::At(a) => Subscript::At(class(a)),
                    Subscript::Range(a, b) => Subscript::Range(class(a), class(b)),
                };
                ExprKind::Index(class(base), subs.iter().map(sub).collect())
            }
            ExprKind::Column(entries) => ExprKind::Column(entries.iter().map(class).collect()),
            ExprKind::Rows(rows) => ExprKind::Rows(rows.iter().map(|row| row.iter().map(class).collect()).collect()),
            kind @ (ExprKind::Number(_) | ExprKind::Name(_)) => kind.clone(),
            // bound names mean something inside only
            ExprKind::Reduce { .. } => return format!("unlike {}", id.0),
        };
        format!("{kind:?}")
    }

    /// How an operation goes with the differential: its parts that depend on the variable.
    pub fn nature(&self, id: ExprId) -> Nature {
        if !self.depends(id) {
            return Nature::Leaf;
        }
        let moving = |ids: &[ExprId]| -> Vec<ExprId> { ids.iter().copied().filter(|id| self.depends(*id)).collect() };
        match self.ast.kind(id) {
            ExprKind::Number(_) | ExprKind::Name(_) | ExprKind::Reduce { .. } => Nature::Leaf,
            ExprKind::Neg(a) | ExprKind::Transpose(a) => Nature::Linear(vec![*a]),
            ExprKind::Index(base, _) => match self.ast.kind(*base) {
                ExprKind::Name(_) => Nature::Leaf,
                _ => Nature::Linear(moving(&[*base])),
            },
            ExprKind::Column(entries) => Nature::Linear(moving(entries)),
            ExprKind::Rows(rows) => Nature::Linear(moving(&rows.concat())),
            ExprKind::Binary(op, a, b) => {
                let parts = moving(&[*a, *b]);
                use BinaryOp::{Add, Div, ElemDiv, ElemPow, Hadamard, Inner, Kron, Mul, Pow, Solve, Sub};
                match op {
                    Add | Sub => Nature::Linear(parts),
                    Mul | Hadamard | Kron | Inner if parts.len() == 1 => Nature::Linear(parts),
                    Mul | Hadamard | Kron | Inner => Nature::Polynomial(parts),
                    Div | ElemDiv if parts == [*a] => Nature::Linear(parts),
                    Solve if parts == [*b] => Nature::Linear(parts),
                    Pow | ElemPow if self.is_square_of_norm(id) => {
                        let ExprKind::Call { args, .. } = self.ast.kind(*a) else { return Nature::Polynomial(parts) };
                        Nature::Polynomial(moving(args))
                    }
                    Pow | ElemPow if matches!(self.ast.kind(*b), ExprKind::Number(_)) => Nature::Polynomial(parts),
                    Div | ElemDiv | Solve | Pow | ElemPow => Nature::Function(parts),
                    // what is compared has no part in the derivative
                    _ => Nature::Leaf,
                }
            }
            ExprKind::Call { function, args, derivative, .. } => {
                let parts = moving(args);
                let known = find(function).map(|found| found.canonical);
                match known {
                    _ if !derivative.is_empty() => Nature::Function(parts),
                    Some(name) if LINEAR.contains(&name) => Nature::Linear(parts),
                    Some(name) if BILINEAR.contains(&name) && parts.len() == 1 => Nature::Linear(parts),
                    Some(name) if BILINEAR.contains(&name) => Nature::Polynomial(parts),
                    _ => Nature::Function(parts),
                }
            }
        }
    }

    /// `norm(u)^2`, which is one thing to a reader.
    fn is_square_of_norm(&self, id: ExprId) -> bool {
        let ExprKind::Binary(BinaryOp::Pow | BinaryOp::ElemPow, a, b) = self.ast.kind(id) else { return false };
        let two = matches!(self.ast.kind(*b), ExprKind::Number(n) if *n == matgrad_syntax::Rational::int(2));
        two && matches!(self.ast.kind(*a), ExprKind::Call { function, derivative, .. }
            if derivative.is_empty() && find(function).is_some_and(|f| f.group == Group::Norms && f.canonical == "norm"))
    }

    /// Whether a reader sees through an expression at once: a name, an entry, a multiple of these.
    pub fn is_simple(&self, id: ExprId) -> bool {
        let mut id = id;
        loop {
            id = match self.ast.kind(id) {
                ExprKind::Number(_) | ExprKind::Name(_) => return true,
                ExprKind::Index(base, _) => return matches!(self.ast.kind(*base), ExprKind::Name(_)),
                ExprKind::Neg(a) | ExprKind::Transpose(a) => *a,
                // what is compared has no part in the derivative
                ExprKind::Binary(op, ..) if is_comparison(*op) => return true,
                ExprKind::Binary(BinaryOp::Mul | BinaryOp::Div | BinaryOp::Add | BinaryOp::Sub, a, b) => {
                    let number = |id: &ExprId| matches!(self.ast.kind(*id), ExprKind::Number(_));
                    match (number(a), number(b)) {
                        (_, true) => *a,
                        (true, _) => *b,
                        _ => return false,
                    }
                }
                _ => return false,
            };
        }
    }

    /// The expression without the transposes and signs around it.
    pub fn core(&self, id: ExprId) -> ExprId {
        let mut id = id;
        while let ExprKind::Neg(a) | ExprKind::Transpose(a) = self.ast.kind(id) {
            id = *a;
        }
        id
    }
}

fn is_comparison(op: BinaryOp) -> bool {
    use BinaryOp::{Equal, Greater, GreaterEq, Less, LessEq, NotEqual};
    matches!(op, Less | LessEq | Greater | GreaterEq | Equal | NotEqual)
}
