//! A claim with one thing about it changed: what a slip of the pen would undo.

use matgrad_render::{TextOptions, text};
use matgrad_syntax::{Ast, BinaryOp, ExprId, ExprKind, Name, Rational, Span};
use rustc_hash::{FxHashMap, FxHashSet};

use super::Fault;
use super::terms::grafted;

/// A claim that was changed in one place.
pub(super) struct Edit {
    pub ast: Ast,
    pub root: ExprId,
    pub fault: Fault,
    /// What is wrong with the claim if this one is right.
    pub said: String,
}

/// Functions of each entry beside those of the matrix, and pairs that are mixed up.
const TWINS: [(&str, &str); 9] = [
    ("exp", "expm"),
    ("log", "logm"),
    ("sqrt", "sqrtm"),
    ("sin", "cos"),
    ("sinh", "cosh"),
    ("det", "logdet"),
    ("inv", "pinv"),
    ("log", "log1p"),
    ("norm", "norm1"),
];

/// An expression in a tree that depends on it, with another in its place.
fn replaced(ast: &mut Ast, root: ExprId, at: ExprId, new: ExprId) -> ExprId {
    let mut map: FxHashMap<ExprId, ExprId> = [(at, new)].into_iter().collect();
    for k in at.0 + 1..=root.0 {
        let id = ExprId(k);
        let mut touched = false;
        ast.for_each_child(id, |child| touched |= map.contains_key(&child));
        if !touched {
            continue;
        }
        let to = |id: &ExprId| map.get(id).copied().unwrap_or(*id);
        let kind = match ast.kind(id).clone() {
            ExprKind::Neg(a) => ExprKind::Neg(to(&a)),
            ExprKind::Transpose(a) => ExprKind::Transpose(to(&a)),
            ExprKind::Binary(op, a, b) => ExprKind::Binary(op, to(&a), to(&b)),
            ExprKind::Call { function, function_span, derivative, args } => {
                ExprKind::Call { function, function_span, derivative, args: args.iter().map(to).collect() }
            }
            ExprKind::Index(base, subs) => ExprKind::Index(to(&base), subs),
            ExprKind::Column(entries) => ExprKind::Column(entries.iter().map(to).collect()),
            ExprKind::Rows(rows) => ExprKind::Rows(rows.iter().map(|row| row.iter().map(to).collect()).collect()),
            ExprKind::Reduce { op, indices, condition, body } => {
                ExprKind::Reduce { op, indices, condition, body: to(&body) }
            }
            other => other,
        };
        let copy = ast.push(kind, ast.span(id));
        map.insert(id, copy);
    }
    map.get(&root).copied().unwrap_or(root)
}

/// The expressions that a root is made of, from the outside in.
pub(super) fn parts(ast: &Ast, root: ExprId) -> Vec<ExprId> {
    let mut seen = FxHashSet::default();
    let mut todo = vec![root];
    let mut found = Vec::new();
    while let Some(id) = todo.pop() {
        if seen.insert(id) {
            found.push(id);
            ast.for_each_child(id, |child| todo.push(child));
        }
    }
    found.sort_by(|a, b| b.cmp(a));
    found
}

/// The summands of a root.
fn terms(ast: &Ast, root: ExprId) -> Vec<ExprId> {
    let mut todo = vec![root];
    let mut found = Vec::new();
    while let Some(id) = todo.pop() {
        match ast.kind(id) {
            ExprKind::Binary(BinaryOp::Add | BinaryOp::Sub, a, b) => todo.extend([*b, *a]),
            ExprKind::Neg(a) => todo.push(*a),
            _ => found.push(id),
        }
    }
    found
}

/// Everything that one slip may have made of a right answer, likely slips first; `extra` are expressions of the function
/// that may be a factor, `unknown` the abstract functions.
pub(super) fn edits(ast: &Ast, root: ExprId, extra: (&Ast, &[ExprId]), unknown: &[Name]) -> Vec<Edit> {
    let mut list = List { ast, root, found: Vec::new() };
    let parts = parts(ast, root);
    // a transpose that is too much, then the smallest part that has to be turned
    let turned = |id: &&ExprId| matches!(ast.kind(**id), ExprKind::Transpose(_));
    for &id in parts.iter().filter(turned).chain(parts.iter().rev().filter(|id| !turned(id))) {
        list.transposes(id);
    }
    for &id in &parts {
        list.primes(id, unknown);
    }
    for &id in &parts {
        list.signs(id);
    }
    let terms = terms(ast, root);
    if terms.len() > 1 {
        for &id in &terms {
            list.factors(id);
        }
    }
    for &id in &parts {
        list.symmetrisation(id);
    }
    for &id in &parts {
        list.functions(id);
    }
    let places = if terms.len() > 1 { [vec![root], terms].concat() } else { vec![root] };
    for &id in &places {
        for &factor in extra.1 {
            list.missing_factor(id, (extra.0, factor));
        }
    }
    list.found
}

struct List<'a> {
    ast: &'a Ast,
    root: ExprId,
    found: Vec<Edit>,
}

impl List<'_> {
    fn add(
        &mut self,
        at: ExprId,
        fault: Fault,
        make: impl FnOnce(&mut Ast) -> ExprId,
        say: impl FnOnce(&str, &str) -> String,
    ) {
        let mut ast = self.ast.clone();
        let new = make(&mut ast);
        let (old, fresh) = (text(&ast, at, TextOptions::PLAIN), text(&ast, new, TextOptions::PLAIN));
        let root = replaced(&mut ast, self.root, at, new);
        let whole = text(&ast, root, TextOptions::PLAIN);
        let said = say(&old, &fresh);
        let said = if at == self.root { said } else { format!("{said}; `{whole}` would be right") };
        self.found.push(Edit { ast, root, fault, said });
    }

    fn transposes(&mut self, id: ExprId) {
        match self.ast.kind(id) {
            ExprKind::Transpose(a) => {
                let a = *a;
                self.add(
                    id,
                    Fault::Transpose,
                    |_| a,
                    |old, new| format!("a transpose is too much: `{new}`, not `{old}`"),
                );
            }
            ExprKind::Number(_) | ExprKind::Neg(_) => {}
            _ => {
                self.add(
                    id,
                    Fault::Transpose,
                    |ast| ast.add(ExprKind::Transpose(id)),
                    |old, new| format!("a transpose is missing: `{new}`, not `{old}`"),
                );
            }
        }
    }

    /// The prime of an abstract function.
    fn primes(&mut self, id: ExprId, unknown: &[Name]) {
        let ExprKind::Call { function, function_span, derivative, args } = self.ast.kind(id).clone() else { return };
        if !unknown.contains(&function) {
            return;
        }
        let places: Vec<u8> = if args.len() == 1 { vec![0] } else { (1..=args.len().min(9) as u8).collect() };
        let mut others: Vec<(Vec<u8>, &str)> = Vec::new();
        others.extend(places.into_iter().map(|at| ([derivative.as_slice(), &[at]].concat(), "missing")));
        if let Some((_, fewer)) = derivative.split_last() {
            others.push((fewer.to_vec(), "too much"));
        }
        for (derivative, what) in others {
            let (function, args) = (function.clone(), args.clone());
            self.add(
                id,
                Fault::Derivative,
                |ast| ast.add(ExprKind::Call { function, function_span, derivative, args }),
                |old, new| format!("a prime is {what}: `{new}`, not `{old}`"),
            );
        }
    }

    fn signs(&mut self, id: ExprId) {
        match *self.ast.kind(id) {
            ExprKind::Binary(op @ (BinaryOp::Add | BinaryOp::Sub), a, b) => {
                let other = if op == BinaryOp::Add { BinaryOp::Sub } else { BinaryOp::Add };
                self.add(
                    id,
                    Fault::Sign,
                    |ast| ast.add(ExprKind::Binary(other, a, b)),
                    |old, new| format!("a sign is wrong: `{new}`, not `{old}`"),
                );
            }
            ExprKind::Neg(a) if id != self.root => {
                self.add(id, Fault::Sign, |_| a, |old, new| format!("a sign is wrong: `{new}`, not `{old}`"));
            }
            _ => {}
        }
    }

    /// A term with another number in front.
    fn factors(&mut self, id: ExprId) {
        for (p, q) in [(2, 1), (1, 2), (3, 1), (1, 3), (4, 1), (1, 4), (-1, 1)] {
            let fault = if p < 0 { Fault::Sign } else { Fault::Factor };
            self.add(
                id,
                fault,
                |ast| {
                    let number = ast.add(ExprKind::Number(Rational::new(p, q)));
                    ast.add(ExprKind::Binary(BinaryOp::Mul, number, id))
                },
                |old, new| format!("the term `{old}` lacks a factor: `{new}`"),
            );
        }
    }

    fn symmetrisation(&mut self, id: ExprId) {
        if !matches!(self.ast.kind(id), ExprKind::Name(_) | ExprKind::Binary(BinaryOp::Mul, ..)) {
            return;
        }
        let both = |ast: &mut Ast| {
            let turned = ast.add(ExprKind::Transpose(id));
            ast.add(ExprKind::Binary(BinaryOp::Add, id, turned))
        };
        let say = |old: &str, new: &str| format!("`{old}` is not symmetrised: `{new}`");
        self.add(id, Fault::Symmetrisation, both, say);
        self.add(
            id,
            Fault::Symmetrisation,
            |ast| {
                // a number in front goes before the sum: (2*A + (2*A)')/2 is A + A'
                let (number, rest) = without_number(ast, id);
                let turned = ast.add(ExprKind::Transpose(rest));
                let sum = ast.add(ExprKind::Binary(BinaryOp::Add, rest, turned));
                let number = &number * &Rational::new(1, 2);
                if number.is_one() {
                    return sum;
                }
                let number = ast.add(ExprKind::Number(number));
                ast.add(ExprKind::Binary(BinaryOp::Mul, number, sum))
            },
            say,
        );
    }

    fn functions(&mut self, id: ExprId) {
        match self.ast.kind(id).clone() {
            ExprKind::Call { function, args, derivative, .. } if derivative.is_empty() => {
                for (one, two) in TWINS {
                    let other = match &*function {
                        name if name == one => two,
                        name if name == two => one,
                        _ => continue,
                    };
                    let args = args.clone();
                    self.add(
                        id,
                        Fault::Function,
                        |ast| {
                            let (function, function_span) = (other.into(), Span::default());
                            ast.add(ExprKind::Call { function, function_span, derivative: Vec::new(), args })
                        },
                        |old, new| format!("the function is another one: `{new}`, not `{old}`"),
                    );
                }
            }
            ExprKind::Binary(op @ (BinaryOp::Mul | BinaryOp::Hadamard), a, b) => {
                let other = if op == BinaryOp::Mul { BinaryOp::Hadamard } else { BinaryOp::Mul };
                self.add(
                    id,
                    Fault::Product,
                    |ast| ast.add(ExprKind::Binary(other, a, b)),
                    |old, new| format!("the product is another one: `{new}`, not `{old}`"),
                );
                self.add(
                    id,
                    Fault::Product,
                    |ast| ast.add(ExprKind::Binary(op, b, a)),
                    |old, new| format!("the factors are in the wrong order: `{new}`, not `{old}`"),
                );
            }
            ExprKind::Name(_) => {
                self.add(
                    id,
                    Fault::Inverse,
                    |ast| {
                        let one = ast.add(ExprKind::Number(Rational::int(-1)));
                        ast.add(ExprKind::Binary(BinaryOp::Pow, id, one))
                    },
                    |old, new| format!("an inverse is missing: `{new}`, not `{old}`"),
                );
            }
            ExprKind::Binary(BinaryOp::Pow, base, _) => {
                self.add(
                    id,
                    Fault::Inverse,
                    |_| base,
                    |old, new| format!("the power is too much: `{new}`, not `{old}`"),
                );
            }
            _ => {}
        }
    }

    fn missing_factor(&mut self, id: ExprId, (from, factor): (&Ast, ExprId)) {
        let say =
            |verb: &str, ast: &Ast| format!("a factor is missing: {verb} `{}`", text(ast, factor, TextOptions::PLAIN));
        let (times, over) = (say("times", from), say("divided by", from));
        for (op, first) in [(BinaryOp::Mul, true), (BinaryOp::Hadamard, true), (BinaryOp::Mul, false)] {
            let times = times.clone();
            self.add(
                id,
                Fault::MissingFactor,
                |ast| {
                    let factor = grafted(ast, from, factor);
                    let (a, b) = if first { (factor, id) } else { (id, factor) };
                    ast.add(ExprKind::Binary(op, a, b))
                },
                |_, _| times,
            );
        }
        self.add(id, Fault::MissingFactor, |ast| ast.add(ExprKind::Binary(BinaryOp::Div, id, factor)), |_, _| over);
    }
}

/// The number in front of a product, and the product without it.
fn without_number(ast: &mut Ast, id: ExprId) -> (Rational, ExprId) {
    let (mut at, mut factors) = (id, Vec::new());
    while let ExprKind::Binary(BinaryOp::Mul, left, right) = *ast.kind(at) {
        factors.push(right);
        at = left;
    }
    let number = match ast.kind(at) {
        ExprKind::Number(number) => number.clone(),
        _ => return (Rational::ONE, id),
    };
    let Some(mut rest) = factors.pop() else { return (Rational::ONE, id) };
    while let Some(factor) = factors.pop() {
        rest = ast.add(ExprKind::Binary(BinaryOp::Mul, rest, factor));
    }
    (number, rest)
}
