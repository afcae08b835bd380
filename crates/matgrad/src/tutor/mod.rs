//! What is wrong with a claim: repairs are tried with numbers, and those that make it right are named.

mod edits;
mod terms;

use matgrad_check::{Answer as Claimed, ClaimReport, Options, Problem, Relation, Target, Variable, check_claim};
use matgrad_render::{TextOptions, text};
use matgrad_syntax::{Ast, Attribute, ExprId, ExprKind, Name, Script, StatementKind};

use crate::proof;
use crate::work::Work;

/// What kind of mistake it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A constant factor, of the whole or of a term.
    Factor,
    /// A sign, of the whole or of a term.
    Sign,
    /// A transpose that is missing or too much.
    Transpose,
    /// Right in another layout than the one asked for.
    Layout,
    /// `A` for `A + A'`.
    Symmetrisation,
    /// A term of a sum is missing.
    MissingTerm,
    /// A factor of a product is missing.
    MissingFactor,
    /// A sum over entries is missing.
    MissingSum,
    /// Another function: of the matrix for entry by entry, say.
    Function,
    /// Another product, or factors in another order.
    Product,
    /// An inverse or a power.
    Inverse,
    /// The prime of an abstract function.
    Derivative,
    /// The derivative by another variable.
    Variable,
    /// The derivative of another function.
    OtherFunction,
    /// Right under an assumption that nobody made.
    Assumption,
    /// The shape does not fit.
    Shape,
}

impl Fault {
    /// The word in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Fault::Factor => "factor",
            Fault::Sign => "sign",
            Fault::Transpose => "transpose",
            Fault::Layout => "layout",
            Fault::Symmetrisation => "symmetrisation",
            Fault::MissingTerm => "missing-term",
            Fault::MissingFactor => "missing-factor",
            Fault::MissingSum => "missing-sum",
            Fault::Function => "function",
            Fault::Product => "product",
            Fault::Inverse => "inverse",
            Fault::Derivative => "derivative",
            Fault::Variable => "variable",
            Fault::OtherFunction => "other-function",
            Fault::Assumption => "assumption",
            Fault::Shape => "shape",
        }
    }
}

/// One thing that is wrong with a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    /// What kind of mistake.
    pub fault: Fault,
    /// In words.
    pub said: String,
}

/// So many changed claims are tried.
const TRIES: usize = 400;

/// So many diagnoses are given.
const MOST: usize = 3;

/// A claim that is wrong, with what it is about.
pub(crate) struct Patient<'a> {
    pub claim: Claimed<'a>,
    pub any_layout: bool,
    pub problem: Problem<'a>,
    pub options: Options,
}

impl Patient<'_> {
    fn is_right(&self, report: &ClaimReport) -> bool {
        if self.any_layout { report.is_right() } else { report.layouts.contains(&self.claim.layout) }
    }

    fn try_root(&self, ast: &Ast, root: ExprId) -> bool {
        let claim = Claimed { ast, root, ..self.claim };
        self.is_right(&check_claim(&self.problem, &claim, &self.options))
    }
}

/// What the report of a check itself says.
fn plain(report: &ClaimReport) -> Option<Diagnosis> {
    let fault = match &report.relation {
        Relation::Right => Fault::Layout,
        Relation::Transposed(_) => Fault::Transpose,
        Relation::Sign(_) => Fault::Sign,
        Relation::Factor(..) => Fault::Factor,
        Relation::Symmetrised(_) => Fault::Symmetrisation,
        Relation::MissingSum(_) => Fault::MissingSum,
        Relation::Broadcast(_) => Fault::Shape,
        Relation::VaryingFactor(_) | Relation::Wrong => return None,
    };
    Some(Diagnosis { fault, said: report.sentence.clone() })
}

/// The diagnoses of a claim that is wrong, likely ones first.
pub(crate) fn diagnose(work: Option<&mut Work>, patient: &Patient, report: &ClaimReport) -> Vec<Diagnosis> {
    let mut found: Vec<Diagnosis> = Vec::new();
    found.extend(plain(report));
    if found.is_empty()
        && let Some(work) = work
    {
        found.extend(terms::term(work, patient));
    }
    if found.is_empty() {
        found.extend(edited(patient));
    }
    found.extend(assumed(patient));
    if found.is_empty() {
        found.extend(other_variable(patient));
        found.extend(other_function(patient));
    }
    found.truncate(MOST);
    found
}

/// Changes of the claim that make it right.
fn edited(patient: &Patient) -> Vec<Diagnosis> {
    let Claimed { ast, root, .. } = patient.claim;
    let extra = factors(patient);
    let unknown: Vec<Name> = patient.problem.functions.iter().map(|function| function.name.clone()).collect();
    let mut found: Vec<Diagnosis> = Vec::new();
    for edit in edits::edits(ast, root, (&patient.problem.script.ast, &extra), &unknown).into_iter().take(TRIES) {
        // one of a kind is enough, and one kind too once the repairs become far-fetched
        if found.iter().any(|own| own.fault == edit.fault || edit.fault == Fault::MissingFactor) {
            continue;
        }
        if patient.try_root(&edit.ast, edit.root) {
            found.push(Diagnosis { fault: edit.fault, said: edit.said });
        }
    }
    found
}

/// Expressions of the function that a claim may lack as a factor.
fn factors(patient: &Patient) -> Vec<ExprId> {
    let ast = &patient.problem.script.ast;
    let mut texts: Vec<String> = Vec::new();
    let mut found = Vec::new();
    if let Some(root) = bodies(patient.problem.script, patient.problem.target) {
        for id in edits::parts(ast, root).into_iter().take(40) {
            if matches!(ast.kind(id), ExprKind::Number(_)) {
                continue;
            }
            let text = text(ast, id, TextOptions::PLAIN);
            if !texts.contains(&text) {
                texts.push(text);
                found.push(id);
            }
        }
    }
    found.truncate(12);
    found
}

/// The expression of the function.
fn bodies(script: &Script, target: Target) -> Option<ExprId> {
    match target {
        Target::Expr(root) => Some(root),
        Target::Statement(at) => match script.statements.get(at).map(|statement| &statement.kind) {
            Some(StatementKind::Definition { body, .. } | StatementKind::Expression(body)) => Some(*body),
            _ => None,
        },
    }
}

/// Assumptions under which the claim is right, or right but for a factor.
fn assumed(patient: &Patient) -> Option<Diagnosis> {
    let square = |v: &Variable| v.shape.len() == 2 && v.shape[0] == v.shape[1];
    let tied = |v: &Variable| v.attributes.iter().any(|a| !matches!(a, Attribute::Positive | Attribute::Nonneg));
    for (at, variable) in patient.problem.variables.iter().enumerate() {
        if !square(variable) || tied(variable) || variable.name == patient.problem.wrt {
            continue;
        }
        for attribute in [Attribute::Symmetric, Attribute::Diagonal, Attribute::Orthogonal] {
            let mut problem = patient.problem.clone();
            let Some(own) = problem.variables.get_mut(at) else { continue };
            own.attributes.push(attribute);
            let report = check_claim(&problem, &patient.claim, &patient.options);
            let (name, word) = (&variable.name, attribute.name());
            if patient.is_right(&report) {
                let said = format!("it is right only where {name} is {word}");
                return Some(Diagnosis { fault: Fault::Assumption, said });
            }
            if attribute == Attribute::Symmetric
                && let Relation::Factor(..) | Relation::Sign(_) = report.relation
            {
                let said = format!("where {name} is symmetric, {}", report.sentence);
                return Some(Diagnosis { fault: Fault::Assumption, said });
            }
        }
    }
    None
}

/// The claim as the derivative by another variable.
fn other_variable(patient: &Patient) -> Option<Diagnosis> {
    let names = patient.problem.variables.iter().map(|v| v.name.clone()).filter(|name| *name != patient.problem.wrt);
    for name in names.take(8) {
        let problem = Problem { wrt: name.clone(), ..patient.problem.clone() };
        if patient.is_right(&check_claim(&problem, &patient.claim, &patient.options)) {
            let said = format!("it is the derivative by {name}, not by {}", patient.problem.wrt);
            return Some(Diagnosis { fault: Fault::Variable, said });
        }
    }
    None
}

/// The claim as the derivative of a part of the function: the square left out, say.
fn other_function(patient: &Patient) -> Option<Diagnosis> {
    let script = patient.problem.script;
    let root = bodies(script, patient.problem.target)?;
    for part in edits::parts(&script.ast, root).into_iter().filter(|part| *part != root).take(30) {
        if matches!(script.ast.kind(part), ExprKind::Number(_) | ExprKind::Name(_)) {
            continue;
        }
        let problem = Problem { target: Target::Expr(part), ..patient.problem.clone() };
        if patient.is_right(&check_claim(&problem, &patient.claim, &patient.options)) {
            let [part, whole] = [part, root].map(|id| text(&script.ast, id, TextOptions::PLAIN));
            let said = format!("it is the derivative of `{part}`, not of `{whole}`");
            return Some(Diagnosis { fault: Fault::OtherFunction, said });
        }
    }
    None
}

/// What is wrong with a claim whose shapes do not fit together, where a change repairs it.
pub(crate) fn misshapen(patient: &Patient) -> Vec<Diagnosis> {
    edited(patient)
}

impl Patient<'_> {
    /// The layout of the request, ours.
    fn layouts(&self) -> Vec<crate::Layout> {
        let asked = crate::Layout::ALL.into_iter().find(|own| proof::layout(*own) == self.claim.layout);
        let mut all: Vec<crate::Layout> = asked.into_iter().collect();
        if self.any_layout {
            use crate::Layout::{Denominator, Gradient, Jacobian, Numerator};
            all.extend([Numerator, Gradient, Jacobian, Denominator].into_iter().filter(|own| asked != Some(*own)));
        }
        all
    }
}
