//! The `solve` statements of a script: closed forms of what is affine in its unknowns.

use matgrad_calculus::graph::{Dims, Graph, Node, NodeId};
use matgrad_calculus::infer;
use matgrad_calculus::layout::{self, Kind as Shape, Layout};
use matgrad_calculus::notation::{self, Arrangement};
use matgrad_calculus::solve::{Unsolved, solve};
use matgrad_calculus::structure::Tie;
use matgrad_calculus::{diff, entries};
use matgrad_check::{Equations, Options, Target, Verdict, verify_solution};
use matgrad_render::{Markup, TextOptions, Typesetting};
use matgrad_syntax::{Attribute, Diagnostic, Equation, ExprId, ExprKind, Ident, Name, Script, Source, Span};
use serde_json::{Value, json};

use crate::answer::Written;
use crate::derive::refutation;
use crate::work::{Variable, Work, shape};
use crate::{Failure, Request, domain, proof};

/// The values at which equations hold.
#[derive(Clone, Debug)]
pub struct Solution {
    /// The statement that it answers.
    pub query: String,
    /// The unknowns with their values; a value may contain unknowns before it.
    pub values: Vec<(String, Written)>,
    /// Where there is no other solution.
    pub unique: Vec<String>,
    /// What is declared of what the equations need.
    pub declared: Vec<String>,
    /// What was assumed of names that nobody declared, as declarations.
    pub assumptions: Vec<String>,
    /// What else to know.
    pub notes: Vec<String>,
    /// The outcome of the check that the equations hold; `None` where none was asked for.
    pub verified: Option<Verdict>,
}

impl Solution {
    /// The values as definitions in the language.
    pub fn text(&self, options: TextOptions) -> String {
        let mut parts = Vec::new();
        for (name, written) in &self.values {
            let (before, (left, right)) = written.statements(name, options);
            parts.extend(before);
            parts.push(format!("{left} = {right}"));
        }
        parts.join("; ")
    }

    /// The values in LaTeX.
    pub fn latex(&self) -> String {
        self.markup().write(Typesetting::Latex)
    }

    /// The values as a textbook would print them.
    pub fn markup(&self) -> Markup {
        Markup::list(self.values.iter().map(|(name, written)| {
            Markup::equation(Markup::name(name, &|name| written.kind_of(name)), written.markup())
        }))
    }

    /// The solution as JSON.
    pub fn json(&self) -> Value {
        let values: Vec<Value> = self
            .values
            .iter()
            .map(|(name, written)| {
                let (text, latex) = (written.text(TextOptions::PLAIN), written.latex());
                json!({ "unknown": name, "text": text, "latex": latex, "shape": written.shape })
            })
            .collect();
        json!({
            "query": self.query,
            "text": self.text(TextOptions::PLAIN),
            "latex": self.latex(),
            "solutions": values,
            "unique": self.unique,
            "assumptions": self.assumptions,
            "notes": self.notes,
            "verified": self.verified.as_ref().map_or(Value::Null, crate::json::verdict),
        })
    }

    /// Whether the check found that the equations do not hold. That is a defect of this library.
    pub fn is_refuted(&self) -> bool {
        self.verified.as_ref().is_some_and(|verdict| verdict.failure.is_some())
    }
}

/// A `solve` statement, the `at`-th of its script.
pub(crate) struct Statement<'a> {
    pub at: usize,
    pub equations: &'a [Equation],
    pub unknowns: &'a [Ident],
    pub span: Span,
    pub text: String,
}

/// An unknown in the graph.
struct Unknown {
    variable: Variable,
    /// An input whose entries are free, which stands for the variable while it is solved for.
    free: NodeId,
    /// How the entries of the variable hang together.
    tie: Option<Tie>,
    /// Whether `free` is the vector of those entries that are not 0 by structure.
    parts: bool,
}

impl Unknown {
    /// The variable in terms of what is solved for.
    fn whole(&self, g: &mut Graph, value: NodeId) -> NodeId {
        match (self.tie, g.axes(self.variable.structured).first().copied()) {
            (Some(tie), Some(n)) if self.parts => entries::matrix(g, tie, value, n),
            _ => value,
        }
    }

    /// What is solved for in terms of the variable; of a gradient, its derivative by what is solved for.
    fn part(&self, g: &mut Graph, matrix: NodeId) -> NodeId {
        match self.tie {
            Some(tie) if self.parts => entries::of(g, tie, matrix),
            _ => matrix,
        }
    }
}

/// Solves the equations of a statement.
pub(crate) fn answer(
    source: &Source,
    script: &Script,
    request: &Request,
    statement: &Statement,
) -> Result<Solution, Failure> {
    let target = match statement.equations {
        [Equation::Gradient { function, .. }] => crate::queries::target(script, *function),
        [Equation::Equal { left, .. }, ..] => Target::Expr(*left),
        _ => Target::Expr(ExprId(0)),
    };
    let names: Vec<Name> = statement.unknowns.iter().map(|ident| ident.name.clone()).collect();
    let mut work = Work::of_solve(source, script, request, statement.at, target, &names)?;
    work.memory = notation::Memory::with_grams();
    work.solution(statement)
}

impl Work<'_> {
    fn at(&self, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error("solve", span, message)
    }

    fn fail(&self, diagnostic: Diagnostic) -> Failure {
        Failure::new(self.source.clone(), diagnostic)
    }

    fn solution(&mut self, statement: &Statement) -> Result<Solution, Failure> {
        let Some(parts) = self.analysis.solves.get(statement.at).cloned() else {
            return Err(self.refuse("solve", "the statement was not read"));
        };
        let mut nodes = Vec::new();
        for equation in &parts.equations {
            match equation {
                infer::Equation::Gradient { function, right } => nodes.extend([function.node, right.node]),
                infer::Equation::Equal { left, right } => nodes.extend([left.node, right.node]),
            }
        }
        let unknowns = self.unknowns(statement)?;
        let residuals = self.residuals(&parts, &unknowns, statement)?;
        let frees: Vec<NodeId> = unknowns.iter().map(|unknown| unknown.free).collect();
        for residual in &residuals {
            let graph = &self.analysis.graph;
            if graph.implicits_of(&[*residual]).iter().any(|(_, rule)| depends(graph, *rule, &unknowns)) {
                let message = "the equation contains an implicitly defined name that depends on the unknown";
                return Err(self.fail(self.at(statement.span, message)));
            }
        }
        let ties: Vec<Option<Tie>> = unknowns.iter().map(|unknown| unknown.tie).collect();
        let solved = solve(&mut self.analysis.graph, &mut self.memory, &residuals, &frees, &ties);
        self.within_limits()?;
        let solved = match solved {
            Ok(solved) => solved,
            Err(why) => return Err(self.unsolved(why, statement, &parts, &unknowns)),
        };
        let g = &mut self.analysis.graph;
        let back: Vec<(NodeId, NodeId)> =
            unknowns.iter().map(|unknown| (unknown.free, unknown.part(g, unknown.variable.structured))).collect();
        let mut values = Vec::new();
        for solution in &solved.solutions {
            let Some(unknown) = unknowns.get(solution.unknown) else { continue };
            let node = self.replaced(solution.value, &back);
            let node = unknown.whole(self.graph(), node);
            let node = if unknown.parts { self.simplified(node)? } else { node };
            let written = self.value(node, &unknown.variable)?;
            // names of shared parts are not to be used twice
            let names: Vec<Name> = written.formula.definitions.iter().map(|helper| helper.name.clone()).collect();
            self.taken.extend(names);
            values.push((unknown.variable.name.clone(), written));
        }
        let unique = self.unique(&solved.inverses);
        let mut notes = self.analysis.notes.clone();
        let verified = match self.request.verify {
            true => Some(self.verified(statement, &values)),
            false => None,
        };
        if verified.as_ref().is_some_and(|verdict| verdict.singular) {
            return Err(self.unsolved(Unsolved::Singular, statement, &parts, &unknowns));
        }
        let failure = verified.as_ref().and_then(|verdict| verdict.failure.as_ref());
        let value = failure.and_then(|failure| failure.message.strip_prefix("the value of ")?.split_once(" is not "));
        if let Some((_, kind)) = value {
            let message = format!("the unknown is declared {kind}, but in general no {kind} value solves the equation");
            let help = format!("declare it without `{kind}`, or the data so that the solution is {kind}");
            return Err(self.fail(self.at(statement.span, message).help(help)));
        }
        notes.extend(verified.as_ref().and_then(|verdict| refutation(verdict, "THIS SOLUTION")));
        Ok(Solution {
            query: statement.text.clone(),
            values: values.into_iter().map(|(name, written)| (name.to_string(), written)).collect(),
            unique,
            declared: self.declared_of(&nodes),
            assumptions: self.analysis.assumptions.clone(),
            notes,
            verified,
        })
    }

    fn unknowns(&mut self, statement: &Statement) -> Result<Vec<Unknown>, Failure> {
        let mut unknowns: Vec<Unknown> = Vec::new();
        for ident in statement.unknowns {
            let variable = Variable::find(&ident.name, self.source, &self.analysis)?;
            if unknowns.iter().any(|known| known.variable.name == variable.name) {
                let message = format!("`{}` stands here twice", ident.name);
                return Err(self.fail(self.at(ident.span, message)));
            }
            use Attribute::{Nonneg, Orthogonal, Positive};
            if variable.attributes.contains(&Orthogonal) {
                let message = format!(
                    "`{}` is orthogonal: the condition is not linear, the equations have no closed form",
                    ident.name
                );
                return Err(self.fail(self.at(ident.span, message)));
            }
            let tie = Tie::of(&variable.attributes);
            let stationary = matches!(statement.equations, [Equation::Gradient { .. }]);
            let entrywise: Vec<Attribute> =
                variable.attributes.iter().filter(|a| matches!(a, Positive | Nonneg)).copied().collect();
            let dims: Dims = self.analysis.graph.axes(variable.structured).clone();
            let row = matches!(variable.shape, Shape::Row(_));
            let (parts, dims) = match (tie, &dims[..]) {
                (Some(tie), [n, _]) if stationary && entries::is_part(tie) => {
                    let count = entries::count(self.graph(), tie, *n);
                    (true, Dims::from_slice(&[count]))
                }
                _ => (false, dims),
            };
            let free = self.graph().input(&variable.name, &dims, row, &entrywise);
            unknowns.push(Unknown { variable, free, tie, parts });
        }
        Ok(unknowns)
    }

    /// What has to vanish, in terms of the free unknowns.
    fn residuals(
        &mut self,
        parts: &infer::Solve,
        unknowns: &[Unknown],
        statement: &Statement,
    ) -> Result<Vec<NodeId>, Failure> {
        let g = &mut self.analysis.graph;
        let to_free: Vec<(NodeId, NodeId)> =
            unknowns.iter().map(|unknown| (unknown.variable.structured, unknown.whole(g, unknown.free))).collect();
        let mut residuals = Vec::new();
        for equation in &parts.equations {
            match equation {
                infer::Equation::Gradient { function, right } => {
                    if function.shape != infer::Shape::Scalar {
                        let message =
                            format!("the function is in {}, it has no gradient", self.space(&shape(&function.shape)));
                        return Err(self.fail(self.at(statement.span, message)));
                    }
                    if unknowns.len() > 1 && !self.analysis.graph.is_zero(right.node) {
                        let message = "the right side of a gradient by several unknowns is 0";
                        let help = "write one equation for each: `solve grad f wrt x = a` is by one unknown";
                        return Err(self.fail(self.at(statement.span, message).help(help)));
                    }
                    for unknown in unknowns {
                        let by = unknown.variable.structured;
                        let g = &mut self.analysis.graph;
                        let gradient = diff::derivative(g, function.node, by, diff::Options::default());
                        let gradient = gradient.map_err(|error| self.no_derivative(&error))?;
                        // it stands for the numbers in the shape of the unknown, a row as well as a column
                        let g = &mut self.analysis.graph;
                        let dims = g.axes(gradient).clone();
                        let value = spread(g, right.node, &dims);
                        if g.axes(value) != &dims {
                            let message = format!(
                                "the gradient is in {}, the right side in {}",
                                self.space(&unknown.variable.shape),
                                self.space(&shape(&right.shape))
                            );
                            return Err(self.fail(self.at(statement.span, message)));
                        }
                        let mut difference = g.subtract(gradient, value);
                        if unknown.tie == Some(Tie::Skew) {
                            // only the part that moves with the unknown has to vanish
                            let turned = g.transpose(difference);
                            difference = g.subtract(difference, turned);
                        }
                        let difference = self.replaced(difference, &to_free);
                        let g = &mut self.analysis.graph;
                        residuals.push(unknown.part(g, difference));
                    }
                }
                infer::Equation::Equal { left, right } => {
                    let g = &mut self.analysis.graph;
                    let dims =
                        if g.rank(left.node) > 0 { g.axes(left.node).clone() } else { g.axes(right.node).clone() };
                    let (left, right) = (spread(g, left.node, &dims), spread(g, right.node, &dims));
                    let difference = g.subtract(left, right);
                    residuals.push(self.replaced(difference, &to_free));
                }
            }
        }
        if residuals.len() != unknowns.len() {
            let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
            let message =
                format!("there is {} for {}", count(residuals.len(), "equation"), count(unknowns.len(), "unknown"));
            return Err(self.fail(self.at(statement.span, message.replace("is 2", "are 2").replace("is 3", "are 3"))));
        }
        let mut simple = Vec::new();
        for residual in residuals {
            simple.push(self.simplified(residual)?);
        }
        Ok(simple)
    }

    fn unsolved(
        &mut self,
        why: Unsolved,
        statement: &Statement,
        parts: &infer::Solve,
        unknowns: &[Unknown],
    ) -> Failure {
        let name = |k: usize| unknowns.get(k).map_or_else(String::new, |unknown| unknown.variable.name.to_string());
        let diagnostic = match why {
            Unsolved::NotAffine(terms) => {
                let g = &mut self.analysis.graph;
                let back: Vec<(NodeId, NodeId)> = unknowns
                    .iter()
                    .map(|unknown| (unknown.free, unknown.part(g, unknown.variable.structured)))
                    .collect();
                let mut texts = Vec::new();
                for term in terms.iter().take(4) {
                    let term = self.replaced(*term, &back);
                    let g = &mut self.analysis.graph;
                    let formula = notation::write(g, &mut self.memory, term, Arrangement::Plain, &self.taken);
                    if let Some(formula) = formula.filter(|f| f.definitions.is_empty() && f.axes.is_none()) {
                        texts.push(format!(
                            "`{}`",
                            matgrad_render::text(&formula.ast, formula.root, TextOptions::ASCII)
                        ));
                    }
                }
                let list: Vec<String> = unknowns.iter().map(|unknown| format!("`{}`", unknown.variable.name)).collect();
                let list = list.join(", ");
                let message = if texts.is_empty() {
                    format!("the equation is not affine in {list}")
                } else {
                    format!("the equation is not affine in {list}: {}", texts.join(", "))
                };
                let diagnostic = self.at(statement.span, message);
                if self.is_eigenproblem(parts, unknowns) {
                    diagnostic
                        .help("its solutions are eigenvectors: `eigvecs(A)`, or those of a pencil of two matrices")
                } else {
                    let form = match statement.equations {
                        [Equation::Gradient { .. }] => format!("`{0} = argmin[{0}] …`", name(0)),
                        _ => format!("`define {} by … = 0`", name(0)),
                    };
                    diagnostic.help(format!("for numbers and derivatives of a solution write {form}"))
                }
            }
            Unsolved::Absent(k) => {
                self.at(statement.span, format!("the equations do not determine `{}`: it is in none of them", name(k)))
            }
            Unsolved::NotSquare(_) => self
                .at(statement.span, "there are not as many equations as unknown entries")
                .help("for least squares write `solve grad norm(A*x - b)^2 wrt x = 0`"),
            Unsolved::Tensor(k) => self.at(
                statement.span,
                format!("`{}` has three axes or more; several unknowns are scalars, vectors and matrices", name(k)),
            ),
            Unsolved::Singular => {
                self.at(statement.span, "the equations do not determine the unknowns: the system is singular")
            }
            Unsolved::Diff(error) => return self.no_derivative(&error),
        };
        self.fail(diagnostic)
    }

    /// Whether the function is a quotient of quadratic forms, or an equation couples a scalar with a vector unknown.
    fn is_eigenproblem(&mut self, parts: &infer::Solve, unknowns: &[Unknown]) -> bool {
        let ranks: Vec<usize> = unknowns.iter().map(|u| self.analysis.graph.rank(u.free)).collect();
        if ranks.len() == 2 && ranks.iter().sum::<usize>() == 1 {
            return true;
        }
        let ([infer::Equation::Gradient { function, .. }], [unknown]) = (&parts.equations[..], unknowns) else {
            return false;
        };
        let by = unknown.variable.structured;
        let Node::Product(product) = self.analysis.graph.node(function.node).clone() else { return false };
        let below: Vec<NodeId> = product
            .factors
            .iter()
            .filter(|f| f.labels.is_empty() && f.exponent.is_negative())
            .map(|f| f.node)
            .collect();
        let quadratic = |g: &mut Graph, node: NodeId| {
            let first = diff::derivative(g, node, by, diff::Options::default()).ok()?;
            let second = diff::derivative(g, first, by, diff::Options::default()).ok()?;
            Some(g.reachable(&[first]).contains(&by) && !g.reachable(&[second]).contains(&by))
        };
        below.iter().any(|node| quadratic(&mut self.analysis.graph, *node) == Some(true))
    }

    /// The value of an unknown, shaped like it.
    fn value(&mut self, node: NodeId, variable: &Variable) -> Result<Written, Failure> {
        let g = &mut self.analysis.graph;
        let arranged = layout::arrange(g, node, &variable.shape, &variable.shape, 1, Layout::Differential);
        let arranged = arranged.map_err(|error| self.refuse("layout", error.0))?;
        self.written(&arranged)
    }

    /// Where the solution is the only one.
    fn unique(&mut self, inverses: &[NodeId]) -> Vec<String> {
        let mut simple = Vec::new();
        for inverse in inverses {
            if let Ok(node) = self.simplified(*inverse) {
                simple.push(node);
            }
        }
        let g = &mut self.analysis.graph;
        let conditions = diff::domain(g, &simple, None);
        let mut texts = domain::texts(g, &mut self.memory, &conditions, &self.taken);
        for text in &mut texts {
            if let Some(matrix) = gram(text) {
                text.push_str(&format!(", that is, {matrix} has full column rank"));
            }
        }
        texts
    }

    /// The right side of a gradient, where it is not the literal 0.
    fn nonzero(&self, right: ExprId) -> Option<ExprId> {
        let zero = matches!(self.script.ast.kind(right), ExprKind::Number(value) if value.is_zero());
        (!zero).then_some(right)
    }

    fn verified(&self, statement: &Statement, values: &[(Name, Written)]) -> Verdict {
        let first = statement.unknowns.first().map_or("", |ident| &*ident.name);
        let problem = proof::problem(self.script, self.function.target, first, &self.analysis);
        let equations = match statement.equations {
            [Equation::Gradient { right, .. }] => Equations::Stationary(self.nonzero(*right)),
            all => Equations::Equal(
                all.iter()
                    .filter_map(|equation| match equation {
                        Equation::Equal { left, right } => Some((*left, *right)),
                        Equation::Gradient { .. } => None,
                    })
                    .collect(),
            ),
        };
        proof::with_values(values, |answers| verify_solution(&problem, answers, &equations, &Options::default()))
    }
}

/// `Phi` of `det(Phi'*Phi) != 0`.
fn gram(condition: &str) -> Option<&str> {
    let inside = condition.strip_prefix("det(")?.strip_suffix(") != 0")?;
    let (left, right) = inside.split_once("'*")?;
    let plain = |text: &str| text.chars().all(|c| c.is_alphanumeric() || c == '_');
    (left == right && plain(left)).then_some(right)
}

/// A scalar repeated over axes.
fn spread(g: &mut Graph, node: NodeId, dims: &Dims) -> NodeId {
    if g.rank(node) > 0 || dims.is_empty() {
        return node;
    }
    if g.is_zero(node) {
        return g.zeros(dims);
    }
    let mut p = matgrad_calculus::graph::ProductBuilder::new();
    let out: Vec<_> = dims.iter().map(|dim| p.label(*dim)).collect();
    p.factor(node, &[]);
    p.build(g, &out)
}

/// Whether a node needs one of the unknowns.
fn depends(g: &Graph, node: NodeId, unknowns: &[Unknown]) -> bool {
    let found = g.reachable(&[node]);
    unknowns.iter().any(|u| found.contains(&u.free) || found.contains(&u.variable.structured))
}
