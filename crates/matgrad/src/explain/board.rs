//! The blackboard: the stages of a function with their shapes, and scripts in which some of them are variables.

use std::collections::{BTreeMap, BTreeSet};

use matgrad_calculus::diff::rules::{Rule, rules_used, steps};
use matgrad_calculus::explain::{Body, Stage, Staged, stages};
use matgrad_calculus::graph::DimTable;
use matgrad_calculus::infer::{self, Shape};
use matgrad_calculus::layout::Layout;
use matgrad_check::{Equations, Options, Verdict, verify, verify_solution};
use matgrad_render::{Kind, TextOptions};
use matgrad_syntax::{ExprId, ExprKind, ImplicitRule, Name, Parameters, Script, StatementKind};

use crate::answer::Written;
use crate::claim::claimed;
use crate::work::Work;
use crate::{Convention, Failure, Limits, Reply, Request, Text, answer_queries, kinds, proof};

use super::text_of;

/// The shape of a quantity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Form {
    /// `R^(m x n)`
    pub space: String,
    /// One entry an axis; rows have a 1 first, scalars none.
    pub dims: Vec<String>,
    /// What it is.
    pub kind: Kind,
}

impl Form {
    fn new(shape: &Shape, sizes: &DimTable) -> Self {
        let text = |dim: &matgrad_calculus::graph::Dim| sizes.text(*dim);
        let dims = match shape {
            Shape::Scalar => Vec::new(),
            Shape::Column(n) => vec![text(n)],
            Shape::Row(n) => vec!["1".to_owned(), text(n)],
            Shape::Matrix(m, n) => vec![text(m), text(n)],
            Shape::Tensor(dims) => dims.iter().map(text).collect(),
        };
        let space = match dims.as_slice() {
            [] => "R".to_owned(),
            dims => format!("R^({})", dims.join(" x ")),
        };
        Self { space, dims, kind: kinds::of_shape(shape) }
    }

    /// Whether it is a number.
    pub fn is_scalar(&self) -> bool {
        self.kind == Kind::Scalar
    }

    /// How many axes it has; a row has one.
    pub fn rank(&self) -> usize {
        match self.kind {
            Kind::Scalar | Kind::Step => 0,
            Kind::Vector => 1,
            Kind::Matrix => 2,
            Kind::Tensor => 3,
        }
    }

    /// Rows and columns, or one entry an axis.
    pub fn shown(&self) -> Vec<String> {
        match self.dims.as_slice() {
            [] => vec!["1".into(), "1".into()],
            [n] => vec![n.clone(), "1".into()],
            dims => dims.to_vec(),
        }
    }
}

/// What a stage is in a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// As it is defined.
    Defined,
    /// A variable of its own.
    Variable,
    /// A name that stays, with the derivative that its definition has.
    Kept,
    /// Not there.
    Absent,
}

/// The stages of a function and what is known of them.
#[derive(Default)]
pub(crate) struct Board {
    pub staged: Staged,
    pub wrt: String,
    shapes: BTreeMap<Name, Form>,
    /// What the values of the abstract functions are.
    pub functions: BTreeMap<Name, Kind>,
    /// Declarations of everything that is no stage.
    declarations: Vec<String>,
    /// The other statements of the script, with their places.
    others: Vec<(usize, String)>,
    /// What the script says of each stage that it defines implicitly, and whether as an extremum.
    implicit: BTreeMap<Name, (String, bool)>,
    /// The function as it was written, where it is an expression.
    original: Option<String>,
    limits: Limits,
}

/// A derivative of a stage.
pub(crate) struct Found {
    pub written: Written,
    pub rules: Vec<&'static Rule>,
    pub verdict: Option<Verdict>,
}

impl Board {
    /// The stages of the function of a request; with `parts`, parts that the script has no name for are stages too.
    pub fn new(work: &Work, script: &Script, target: usize, parts: bool) -> Option<Self> {
        let wrt = work.variable.name.clone();
        let ast = &script.ast;
        let mut taken: BTreeSet<Name> = work.taken.clone();
        for id in (0..ast.len() as u32).map(ExprId) {
            match ast.kind(id) {
                ExprKind::Name(name) | ExprKind::Call { function: name, .. } => {
                    taken.insert(name.clone());
                }
                _ => {}
            }
        }
        let own = if work.function.shape.rank() > 1 { &["F", "G", "H", "F_0"] } else { &["f", "g", "h", "f_0"] };
        let own: Name = (*own.iter().find(|name| is_free(&taken, name)).unwrap_or(&"f_00")).into();
        taken.insert(own.clone());
        let placeholders: Vec<Name> = match parts {
            true => (1..=6).map(|k| format!("stage_{k}").into()).collect(),
            false => Vec::new(),
        };
        let mut board = Self { wrt: wrt.to_string(), limits: work.request.limits, ..Self::default() };
        board.read(work, script, target);
        board.staged = stages(script, target, &wrt, &placeholders, &own)?;
        board.measure(work)?;
        if board.staged.stages.iter().any(|stage| placeholders.contains(&stage.name)) {
            let names = board.fresh_names(&taken, &placeholders);
            board.staged = stages(script, target, &wrt, &names, &own)?;
            board.measure(work)?;
        }
        Some(board)
    }

    /// A board on which the function is one stage, and every definition stays inside it.
    pub fn single(work: &Work, script: &Script, target: usize) -> Option<Self> {
        let (name, body, fresh) = match &script.statements.get(target)?.kind {
            StatementKind::Definition { name, parameters: Parameters::None, body } => {
                (name.name.clone(), Body::Value(*body), false)
            }
            StatementKind::Definition { name, parameters: Parameters::Index(indices), body } => {
                (name.name.clone(), Body::Entries(indices.clone(), *body), false)
            }
            StatementKind::Expression(body) => ("f_00".into(), Body::Value(*body), true),
            StatementKind::Implicit { name, .. } => (name.name.clone(), Body::Implicit, false),
            _ => return None,
        };
        let mut board = Self { wrt: work.variable.name.to_string(), limits: work.request.limits, ..Self::default() };
        board.read(work, script, target);
        let name = match fresh {
            true => ["f", "g", "h"].into_iter().find(|own| is_free(&work.taken, own)).map_or(name, Into::into),
            false => name,
        };
        let uses = vec![work.variable.name.clone()];
        let stage = Stage { name, body, statement: target, uses, fresh };
        board.staged = Staged { ast: script.ast.clone(), stages: vec![stage] };
        board.measure(work)?;
        Some(board)
    }

    /// A board with nothing but the name of the function.
    pub fn named(work: &Work, script: &Script, target: usize) -> Self {
        let own: Name = "f".into();
        let name = match script.statements.get(target).map(|statement| &statement.kind) {
            Some(StatementKind::Definition { name, .. } | StatementKind::Implicit { name, .. }) => name.name.clone(),
            _ => own,
        };
        let stage =
            Stage { name: name.clone(), body: Body::Implicit, statement: target, uses: Vec::new(), fresh: false };
        let mut board = Self { wrt: work.variable.name.to_string(), limits: work.request.limits, ..Self::default() };
        board.staged.stages.push(stage);
        let dims = &work.analysis.graph.sizes;
        if let Some(typed) = [&work.analysis.target].into_iter().find(|typed| typed.node == work.function.node) {
            board.shapes.insert(name, Form::new(&typed.shape, dims));
        }
        board
    }

    fn read(&mut self, work: &Work, script: &Script, target: usize) {
        let statement = |at: usize| script.statements.get(at).map(|statement| &statement.kind);
        if let Some(
            StatementKind::Expression(root)
            | StatementKind::Definition { parameters: Parameters::None, body: root, .. },
        ) = statement(target)
        {
            self.original = Some(text_of(&script.ast, *root));
        }
        for (at, one) in script.statements.iter().enumerate() {
            let text = || matgrad_render::statement_text(&script.ast, &one.kind, TextOptions::PLAIN);
            match &one.kind {
                StatementKind::Implicit { name, rule } => {
                    let extremum = matches!(rule, ImplicitRule::Extremum { .. });
                    self.implicit.insert(name.name.clone(), (text(), extremum));
                    self.others.push((at, text()));
                }
                StatementKind::Abstract { name, codomain, .. } => {
                    self.functions.insert(name.name.clone(), kinds::of_function(codomain));
                    self.others.push((at, text()));
                }
                StatementKind::Definition { .. } => self.others.push((at, text())),
                _ => {}
            }
        }
        for variable in &work.analysis.variables {
            let form = Form::new(&variable.shape, &work.analysis.graph.sizes);
            let mut line = format!("{} in {}", variable.name, form.space);
            for attribute in &variable.attributes {
                line.push(' ');
                line.push_str(attribute.name());
            }
            self.shapes.insert(variable.name.clone(), form);
            self.declarations.push(line);
        }
    }

    /// Finds the shapes of the stages.
    fn measure(&mut self, work: &Work) -> Option<()> {
        let text = self.script(|_| Mode::Defined);
        let parsed = matgrad_syntax::parse(&text);
        let wrt = [&*work.variable.name];
        let options = infer::Options { wrt: &wrt, of: None };
        let analysis = infer::analyze(&parsed.script, &options).ok().filter(|_| parsed.is_ok())?;
        // what is read otherwise than in the script is no explanation of it
        if !analysis.assumptions.is_empty() {
            return None;
        }
        for (name, typed) in &analysis.definitions {
            self.shapes.insert(name.clone(), Form::new(&typed.shape, &analysis.graph.sizes));
        }
        self.staged.stages.iter().all(|stage| self.shapes.contains_key(&stage.name)).then_some(())
    }

    fn fresh_names(&self, taken: &BTreeSet<Name>, placeholders: &[Name]) -> Vec<Name> {
        let mut taken = taken.clone();
        let mut names = Vec::new();
        for placeholder in placeholders {
            let matrix = self.shapes.get(placeholder).is_some_and(|form| form.rank() > 1);
            let letters = if matrix { "ZUVWMPQSTH" } else { "uvwzsrpqeh" };
            let plain = letters.chars().map(String::from);
            let numbered = (1..=9).map(|k| format!("{}_{k}", if matrix { "Z" } else { "u" }));
            let found = plain.chain(numbered).find(|name| is_free(&taken, name));
            let name: Name = found.map_or_else(|| placeholder.clone(), Into::into);
            taken.insert(name.clone());
            names.push(name);
        }
        names
    }

    /// The name of the function.
    pub fn target_name(&self) -> String {
        self.staged.target().map_or_else(|| "f".to_owned(), |stage| stage.name.to_string())
    }

    /// The shape of a name.
    pub fn form(&self, name: &str) -> Option<&Form> {
        self.shapes.get(name)
    }

    /// The statements of the script beside declarations: definitions, abstract functions, implicit definitions.
    pub fn others(&self) -> impl Iterator<Item = &str> {
        self.others.iter().map(|(_, text)| text.as_str())
    }

    /// What a stage is defined as, without its name.
    pub fn body(&self, stage: &Stage) -> String {
        match &stage.body {
            Body::Value(root) | Body::Entries(_, root) => text_of(&self.staged.ast, *root),
            Body::Implicit => String::new(),
        }
    }

    /// The definition of a stage.
    pub fn defined(&self, stage: &Stage) -> String {
        match &stage.body {
            Body::Value(_) => format!("{} = {}", stage.name, self.body(stage)),
            Body::Entries(indices, root) => {
                let axes: Vec<(Name, Option<ExprId>)> = indices.iter().map(|i| (i.name.clone(), i.range)).collect();
                matgrad_render::definition_text(&self.staged.ast, &stage.name, &axes, *root, TextOptions::PLAIN)
            }
            Body::Implicit => self.implicit.get(&stage.name).map_or_else(String::new, |(text, _)| text.clone()),
        }
    }

    /// Whether a stage makes something extreme.
    pub fn is_extremum(&self, stage: &Stage) -> bool {
        self.implicit.get(&stage.name).is_some_and(|(_, extremum)| *extremum)
    }

    /// A script of the stages.
    pub fn script(&self, mode: impl Fn(&Stage) -> Mode) -> String {
        let own = |name: &str| self.staged.find(name).map(&mode);
        let mut lines: Vec<String> = Vec::new();
        for declaration in &self.declarations {
            let name = declaration.split(' ').next().unwrap_or("");
            let stage = self.staged.find(name);
            // of an implicit definition the declaration says the shape
            let implicit = stage.is_some_and(|stage| stage.body == Body::Implicit);
            if stage.is_none() || (implicit && own(name) != Some(Mode::Absent)) {
                lines.push(declaration.clone());
            }
        }
        for stage in &self.staged.stages {
            let declared = match mode(stage) {
                Mode::Variable => stage.body != Body::Implicit,
                Mode::Kept => matches!(stage.body, Body::Value(_)),
                _ => false,
            };
            if let Some(form) = self.form(&stage.name).filter(|_| declared) {
                lines.push(format!("{} in {}", stage.name, form.space));
            }
        }
        let mut placed: Vec<(usize, usize, String)> = Vec::new();
        for (at, text) in &self.others {
            if !self.staged.stages.iter().any(|stage| stage.statement == *at && !self.is_part(stage)) {
                placed.push((*at, usize::MAX, text.clone()));
            }
        }
        for (k, stage) in self.staged.stages.iter().enumerate() {
            let text = match (mode(stage), &stage.body) {
                (Mode::Variable | Mode::Absent, _) => continue,
                (Mode::Kept, Body::Value(_)) => format!("define {0} by {0} = {1}", stage.name, self.body(stage)),
                _ => self.defined(stage),
            };
            placed.push((stage.statement, k, text));
        }
        placed.sort();
        lines.extend(placed.into_iter().map(|(.., text)| text));
        lines.join("\n")
    }

    /// Whether a stage is a part of a statement.
    fn is_part(&self, stage: &Stage) -> bool {
        stage.fresh && self.staged.target().is_none_or(|target| target.name != stage.name)
    }

    /// The script in which a stage is a function of the stages that it uses.
    pub fn local(&self, stage: &Stage) -> String {
        self.script(|other| match () {
            _ if other.name == stage.name => Mode::Defined,
            _ if stage.uses.contains(&other.name) => Mode::Variable,
            _ => Mode::Absent,
        })
    }

    /// The script as it is, with its stages.
    pub fn whole(&self) -> String {
        self.script(|_| Mode::Defined)
    }

    /// The script in which all stages keep their names.
    pub fn kept(&self) -> String {
        let target = self.target_name();
        self.script(|stage| if *stage.name == *target { Mode::Defined } else { Mode::Kept })
    }

    pub fn request(&self, script: String, of: &str, wrt: &str, layout: Layout) -> Request {
        let mut request = Request::new(Text::script("steps", script), wrt).layout(layout).of(of).expanded();
        request.limits = self.limits;
        request
    }

    /// A derivative in a script.
    pub fn derivative(
        &self,
        script: String,
        of: &str,
        wrt: &str,
        layout: Layout,
        check: bool,
    ) -> Result<Found, Failure> {
        let mut request = self.request(script, of, wrt, layout);
        request.verify = check;
        let (source, script) = request.text.read()?;
        let mut work = Work::new(&source, &script, &request)?;
        let (function, variable) = (work.function.node, work.variable.node);
        let rules = rules_used(&work.analysis.graph, function, variable);
        let answer = work.derive()?;
        Ok(Found { written: answer.derivative, rules, verdict: answer.verified })
    }

    /// The differential of a stage in terms of those of the stages that it uses.
    pub fn differential(&self, stage: &Stage) -> Result<Found, Failure> {
        let script = match stage.body {
            // what an equation defines is differentiated as it stands
            Body::Implicit => self.script(|other| match () {
                _ if other.name == stage.name => Mode::Kept,
                _ if stage.uses.contains(&other.name) => Mode::Variable,
                _ => Mode::Absent,
            }),
            _ => self.local(stage),
        };
        let Some((first, rest)) = stage.uses.split_first() else {
            let mut found = self.derivative(script, &stage.name, &self.wrt, Layout::Differential, false)?;
            found.rules = self.rules(stage, &found);
            return Ok(found);
        };
        let mut found = self.derivative(script.clone(), &stage.name, first, Layout::Differential, false)?;
        if !rest.is_empty() {
            for other in rest {
                let again = self.derivative(script.clone(), &stage.name, other, Layout::Differential, false)?;
                let new = again.rules.into_iter().filter(|rule| !found.rules.contains(rule));
                found.rules.extend(new.collect::<Vec<_>>());
            }
            let query = format!("{script}\ndifferential {} wrt {}", stage.name, stage.uses.join(", "));
            let request = self.request(query, &stage.name, "", Layout::Differential).unverified();
            let reply = answer_queries(&request)?.pop();
            if let Some(Reply::Answer(answer)) = reply {
                found.written = answer.derivative;
            }
        }
        found.rules = self.rules(stage, &found);
        Ok(found)
    }

    /// The rules that a reader wants named.
    pub fn rules(&self, stage: &Stage, found: &Found) -> Vec<&'static Rule> {
        if stage.body == Body::Implicit {
            let first = self.is_extremum(stage).then_some(&steps::EXTREMUM);
            return first.into_iter().chain([&steps::IMPLICIT]).collect();
        }
        let formula = &found.written.formula;
        let mentions = (0..formula.ast.len() as u32).map(ExprId).any(|id| match formula.ast.kind(id) {
            ExprKind::Name(name) => stage.uses.contains(name),
            _ => false,
        });
        let plain = ["variable", "constant", "linearity", "product", "entries side by side"];
        let mut special: Vec<&'static Rule> =
            found.rules.iter().copied().filter(|rule| !plain.contains(&rule.name) && rule.name != "sum").collect();
        if stage.uses.is_empty() {
            return found.rules.iter().copied().chain([&steps::LINEAR]).take(1).collect();
        }
        if special.is_empty() {
            let product = found.rules.iter().copied().find(|rule| rule.name == "product").filter(|_| mentions);
            return vec![product.unwrap_or(&steps::LINEAR)];
        }
        special.truncate(3);
        special
    }

    /// Compares a claim about a stage with an independent derivative; `script` defines the stage.
    pub fn check(&self, script: &str, of: &str, wrt: &str, layout: Layout, claim: &str) -> Result<Verdict, Failure> {
        let request = self.request(script.to_owned(), of, wrt, layout);
        let (source, script) = request.text.read()?;
        let work = Work::new(&source, &script, &request)?;
        let text = request.text.clone().after("steps", work.step_declaration());
        let first = text.read()?.1.statements.len();
        let (_, full) = text.after("line", claim).read()?;
        let Some(claimed) = claimed(&full, first, &request) else { return Ok(Verdict::default()) };
        let problem = proof::problem(&script, work.function.target, &work.variable.name, &work.analysis);
        Ok(verify(&problem, &claimed, &proof::options(Convention::Free)))
    }

    /// Compares a value with that of a name at random points, after some definitions.
    pub fn equal(&self, before: &[String], value: &str, name: &str) -> Result<Verdict, Failure> {
        let text = format!("{}\n{}\nassume {name} = {value}", self.whole(), before.join("\n"));
        let request = self.request(text, &self.target_name(), &self.wrt, Layout::Numerator);
        let (source, script) = request.text.read()?;
        let plain = Request { text: Text::script("steps", self.whole()), ..request.clone() };
        let (_, known) = plain.text.read()?;
        let work = Work::new(&source, &known, &plain)?;
        let sides = script.statements.iter().find_map(|statement| match statement.kind {
            StatementKind::Assume { left, right } => Some((left, right)),
            _ => None,
        });
        let Some(sides) = sides else { return Ok(Verdict::default()) };
        let problem = proof::problem(&script, work.function.target, &work.variable.name, &work.analysis);
        let equations = Equations::Equal(vec![sides]);
        Ok(verify_solution(&problem, &[], &equations, &Options::default()))
    }

    /// The function as it was written.
    pub fn original(&self) -> Option<&str> {
        self.original.as_deref()
    }

    /// What a derivative is called: `dL_dtheta`.
    pub fn total(&self, of: &str) -> String {
        fraction(of, &self.wrt)
    }
}

/// `df_dx`
pub(super) fn fraction(of: &str, by: &str) -> String {
    format!("d{of}_d{by}")
}

/// Whether a name and its differential mean nothing yet.
fn is_free(taken: &BTreeSet<Name>, name: &str) -> bool {
    let step = format!("d{name}");
    !taken.iter().any(|other| **other == *name || **other == *step)
}
