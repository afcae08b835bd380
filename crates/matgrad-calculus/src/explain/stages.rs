//! Which parts of a function get names.

use std::collections::{BTreeMap, BTreeSet};

use matgrad_syntax::{Ast, BinaryOp, ExprId, ExprKind, Name, Parameters, Script, StatementKind, Subscript};

use super::view::{Nature, View};
use super::{Body, Stage};

/// So many quantities of one function get names.
const MAX_STAGES: usize = 6;
/// Where the script has names of its own, functions nested no deeper than this need no others.
const NESTED: u32 = 2;

/// A function as a chain of stages.
#[derive(Clone, Debug, Default)]
pub struct Staged {
    /// The tree of their definitions.
    pub ast: Ast,
    /// The stages, each after those it uses; the function is the last.
    pub stages: Vec<Stage>,
}

impl Staged {
    /// The stage of this name.
    pub fn find(&self, name: &str) -> Option<&Stage> {
        self.stages.iter().find(|stage| &*stage.name == name)
    }

    /// The function.
    pub fn target(&self) -> Option<&Stage> {
        self.stages.last()
    }
}

/// Takes the function that a statement defines apart into stages. `fresh` are names for parts that have none, in the order
/// of the text; where they run out, parts stay inside others. `own` is the name of a function that has none.
///
/// ```
/// use matgrad_calculus::explain::stages;
/// let script = matgrad_syntax::parse("norm(y - Phi*theta)^2").script;
/// let staged = stages(&script, 0, &"theta".into(), &["e".into()], &"L".into()).unwrap();
/// let names: Vec<&str> = staged.stages.iter().map(|stage| &*stage.name).collect();
/// assert_eq!(names, ["e", "L"]);
/// ```
pub fn stages(script: &Script, target: usize, wrt: &Name, fresh: &[Name], own: &Name) -> Option<Staged> {
    let view = View::new(script, wrt);
    let mut cutter = Cutter {
        script,
        view,
        own,
        starts: Vec::new(),
        wanted: BTreeSet::new(),
        crowded: false,
        cuts: BTreeMap::new(),
    };
    cutter.start(target)?;
    cutter.run(fresh.len().min(MAX_STAGES));
    cutter.finish(fresh)
}

struct Cutter<'a> {
    script: &'a Script,
    view: View<'a>,
    own: &'a Name,
    /// Statements that are stages, the function first.
    starts: Vec<usize>,
    wanted: BTreeSet<usize>,
    /// Whether the script has more stages than a reader follows.
    crowded: bool,
    /// The classes of expressions that get names: the first expression of the class and its statement.
    cuts: BTreeMap<u32, (ExprId, usize)>,
}

impl Cutter<'_> {
    fn start(&mut self, statement: usize) -> Option<()> {
        if self.wanted.insert(statement) {
            self.starts.push(statement);
            self.script.statements.get(statement)?;
        }
        Some(())
    }

    /// The expressions of a statement.
    fn roots(&self, statement: usize) -> Vec<ExprId> {
        use matgrad_syntax::ImplicitRule::{Equation, Extremum};
        match self.script.statements.get(statement).map(|statement| &statement.kind) {
            Some(StatementKind::Definition { body, .. } | StatementKind::Expression(body)) => vec![*body],
            Some(StatementKind::Implicit { rule: Equation { left, right }, .. }) => vec![*left, *right],
            Some(StatementKind::Implicit { rule: Extremum { objective, .. }, .. }) => vec![*objective],
            _ => Vec::new(),
        }
    }

    /// The script's own stages first, then parts of them.
    fn run(&mut self, room: usize) {
        let mut at = 0;
        while let Some(statement) = self.starts.get(at).copied() {
            at += 1;
            for root in self.roots(statement) {
                for name in self.mentioned(root) {
                    if let Some(definition) = self.view.values.get(&name).copied()
                        && definition != statement
                    {
                        self.crowded |= self.starts.len() >= 2 * MAX_STAGES;
                        if !self.crowded {
                            let _ = self.start(definition);
                        }
                    }
                }
            }
        }
        let named = self.starts.len() > 1;
        let mut todo: Vec<(ExprId, usize)> = Vec::new();
        for statement in self.starts.clone() {
            let value = match self.script.statements.get(statement).map(|statement| &statement.kind) {
                Some(StatementKind::Definition { parameters: Parameters::None, body, .. }) => *body,
                Some(StatementKind::Expression(body)) => *body,
                _ => continue,
            };
            if !named || self.view.depth(value) > NESTED {
                todo.push((value, statement));
            }
        }
        let mut next = 0;
        while let Some((id, statement)) = todo.get(next).copied() {
            next += 1;
            let nature = self.view.nature(id);
            let through = matches!(nature, Nature::Linear(_));
            for part in self.parts(id, &nature) {
                if through {
                    todo.push((part, statement));
                    continue;
                }
                let core = self.view.core(part);
                if self.view.is_simple(core) || self.starts.len() + self.cuts.len() > room {
                    continue;
                }
                let class = self.view.class.get(core.0 as usize).copied().unwrap_or(u32::MAX);
                let known = self.cuts.get(&class).copied();
                if known.is_none_or(|(first, _)| core < first) {
                    self.cuts.insert(class, (core, statement));
                }
                if known.is_none() {
                    todo.push((core, statement));
                }
            }
        }
    }

    /// The parts of an operation; those of a product that is written flat are all its factors.
    fn parts(&self, id: ExprId, nature: &Nature) -> Vec<ExprId> {
        if !matches!(nature, Nature::Polynomial(_)) {
            return nature.parts().to_vec();
        }
        let mut found = Vec::new();
        let (mut whole, mut parts) = (id, nature.parts().to_vec());
        loop {
            let left = match self.view.ast.kind(whole) {
                ExprKind::Binary(BinaryOp::Mul | BinaryOp::Hadamard, left, _) => Some(*left),
                _ => None,
            };
            found.extend(parts.iter().copied().filter(|part| Some(*part) != left));
            let Some(left) = left.filter(|left| parts.contains(left)) else { break };
            match (self.view.ast.kind(left), self.view.nature(left)) {
                (
                    ExprKind::Binary(BinaryOp::Mul | BinaryOp::Hadamard, ..),
                    Nature::Linear(next) | Nature::Polynomial(next),
                ) => {
                    whole = left;
                    parts = next;
                }
                _ => {
                    found.push(left);
                    break;
                }
            }
        }
        found.sort_unstable();
        found
    }

    fn mentioned(&self, root: ExprId) -> Vec<Name> {
        let (mut todo, mut seen, mut names) = (vec![root], BTreeSet::new(), Vec::new());
        while let Some(id) = todo.pop() {
            if !self.view.depends(id) || !seen.insert(id) {
                continue;
            }
            match self.view.ast.kind(id) {
                ExprKind::Name(name) => names.push(name.clone()),
                // what a function's body mentions
                ExprKind::Call { function, .. } => {
                    let body = self.script.statements.iter().find_map(|statement| match &statement.kind {
                        StatementKind::Definition { name, parameters: Parameters::Function(_), body }
                            if name.name == *function =>
                        {
                            Some(*body)
                        }
                        _ => None,
                    });
                    todo.extend(body);
                }
                _ => {}
            }
            self.view.ast.for_each_child(id, |child| todo.push(child));
        }
        names
    }

    /// The tree in which parts are names.
    fn finish(self, fresh: &[Name]) -> Option<Staged> {
        let mut order: Vec<(ExprId, usize, u32)> =
            self.cuts.iter().map(|(class, (id, statement))| (*id, *statement, *class)).collect();
        order.sort_unstable();
        let names: BTreeMap<u32, Name> =
            order.iter().zip(fresh).map(|((_, _, class), name)| (*class, name.clone())).collect();
        let ast = self.view.ast;
        let mut copy = Ast::new();
        let mut map: Vec<ExprId> = Vec::with_capacity(ast.len());
        let mut bodies: BTreeMap<u32, ExprId> = BTreeMap::new();
        let scoped = self.scoped();
        for id in (0..ast.len() as u32).map(ExprId) {
            let new = copy.push(with_children(ast.kind(id), &map), ast.span(id));
            let class = self.view.class.get(id.0 as usize).copied().unwrap_or(u32::MAX);
            match names.get(&class).filter(|_| !scoped.contains(&id)) {
                Some(name) => {
                    bodies.entry(class).or_insert(new);
                    map.push(copy.push(ExprKind::Name(name.clone()), ast.span(id)));
                }
                None => map.push(new),
            }
        }
        if self.crowded {
            return None;
        }
        let target = *self.starts.first()?;
        let mut stages: Vec<(ExprId, Stage)> = Vec::new();
        for (id, statement, class) in &order {
            let (Some(name), Some(body)) = (names.get(class), bodies.get(class)) else { continue };
            let (name, body) = (name.clone(), Body::Value(*body));
            stages.push((*id, Stage { name, body, statement: *statement, uses: Vec::new(), fresh: true }));
        }
        for statement in &self.starts {
            let root = *self.roots(*statement).iter().max()?;
            let new = map.get(root.0 as usize).copied()?;
            let (name, body, fresh) = match &self.script.statements.get(*statement)?.kind {
                StatementKind::Definition { name, parameters: Parameters::None, .. } => {
                    (name.name.clone(), Body::Value(new), false)
                }
                StatementKind::Definition { name, parameters: Parameters::Index(indices), .. } => {
                    (name.name.clone(), Body::Entries(indices.clone(), new), false)
                }
                StatementKind::Expression(_) => (self.own.clone(), Body::Value(new), true),
                StatementKind::Implicit { name, .. } => (name.name.clone(), Body::Implicit, false),
                _ => return None,
            };
            stages.push((root, Stage { name, body, statement: *statement, uses: Vec::new(), fresh }));
        }
        stages.sort_by_key(|(id, stage)| (stage.statement == target && !stage.fresh_part(&names), *id));
        let mut stages: Vec<Stage> = stages.into_iter().map(|(_, stage)| stage).collect();
        let all: Vec<Name> = stages.iter().map(|stage| stage.name.clone()).collect();
        for stage in &mut stages {
            let roots = match &stage.body {
                Body::Value(root) | Body::Entries(_, root) => vec![*root],
                Body::Implicit => Vec::new(),
            };
            let mut mentioned = BTreeSet::new();
            let mut todo = roots;
            while let Some(id) = todo.pop() {
                match copy.kind(id) {
                    ExprKind::Name(name) => {
                        mentioned.insert(name.clone());
                    }
                    ExprKind::Call { function, .. } => {
                        mentioned.insert(function.clone());
                    }
                    _ => {}
                }
                copy.for_each_child(id, |child| todo.push(child));
            }
            if stage.body == Body::Implicit {
                let statement = stage.statement;
                mentioned.extend(self.roots(statement).into_iter().flat_map(|root| self.mentioned(root)));
            }
            // what functions mention
            for name in mentioned.clone() {
                let body = self.script.statements.iter().find_map(|statement| match &statement.kind {
                    StatementKind::Definition { name: own, parameters: Parameters::Function(_), body }
                        if own.name == name =>
                    {
                        Some(*body)
                    }
                    _ => None,
                });
                mentioned.extend(body.into_iter().flat_map(|body| self.mentioned(body)));
            }
            let own = stage.name.clone();
            stage.uses = all.iter().filter(|name| **name != own && mentioned.contains(*name)).cloned().collect();
            stage.uses.extend(self.wrt(&mentioned));
        }
        Some(Staged { ast: copy, stages })
    }

    /// Expressions in which names may mean something else: the bodies of functions and of what has indices.
    fn scoped(&self) -> BTreeSet<ExprId> {
        let mut todo: Vec<ExprId> = Vec::new();
        for statement in &self.script.statements {
            if let StatementKind::Definition {
                parameters: Parameters::Function(_) | Parameters::Index(_), body, ..
            } = &statement.kind
            {
                todo.push(*body);
            }
        }
        let ast = self.view.ast;
        for id in (0..ast.len() as u32).map(ExprId) {
            if let ExprKind::Reduce { .. } = ast.kind(id) {
                ast.for_each_child(id, |child| todo.push(child));
            }
        }
        let mut found = BTreeSet::new();
        while let Some(id) = todo.pop() {
            if found.insert(id) {
                ast.for_each_child(id, |child| todo.push(child));
            }
        }
        found
    }

    /// The variable, where it is mentioned.
    fn wrt(&self, mentioned: &BTreeSet<Name>) -> Option<Name> {
        mentioned.iter().find(|name| ***name == *self.view.wrt).cloned()
    }
}

impl Stage {
    /// Whether it is a part of a statement.
    fn fresh_part(&self, names: &BTreeMap<u32, Name>) -> bool {
        self.fresh && names.values().any(|name| *name == self.name)
    }
}

/// An expression whose children have moved: `map` has the new place of each.
pub fn with_children(kind: &ExprKind, map: &[ExprId]) -> ExprKind {
    let moved = |id: &ExprId| map.get(id.0 as usize).copied().unwrap_or(*id);
    match kind {
        ExprKind::Number(_) | ExprKind::Name(_) => kind.clone(),
        ExprKind::Neg(a) => ExprKind::Neg(moved(a)),
        ExprKind::Transpose(a) => ExprKind::Transpose(moved(a)),
        ExprKind::Binary(op, a, b) => ExprKind::Binary(*op, moved(a), moved(b)),
        ExprKind::Call { function, function_span, derivative, args } => ExprKind::Call {
            function: function.clone(),
            function_span: *function_span,
            derivative: derivative.clone(),
            args: args.iter().map(moved).collect(),
        },
        ExprKind::Index(base, subs) => {
            let sub = |sub: &Subscript| match sub {
                Subscript::All => Subscript::All,
                Subscript::At(a) => Subscript::At(moved(a)),
                Subscript::Range(a, b) => Subscript::Range(moved(a), moved(b)),
            };
            ExprKind::Index(moved(base), subs.iter().map(sub).collect())
        }
        ExprKind::Column(entries) => ExprKind::Column(entries.iter().map(moved).collect()),
        ExprKind::Rows(rows) => ExprKind::Rows(rows.iter().map(|row| row.iter().map(moved).collect()).collect()),
        ExprKind::Reduce { op, indices, condition, body } => ExprKind::Reduce {
            op: *op,
            indices: indices
                .iter()
                .map(|index| {
                    let mut index = index.clone();
                    index.range = index.range.as_ref().map(moved);
                    index
                })
                .collect(),
            condition: condition.as_ref().map(moved),
            body: moved(body),
        },
    }
}
