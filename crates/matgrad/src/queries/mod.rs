//! The queries of a script: `diff L wrt theta`, `check F wrt X is CLAIM`, and their kin.

mod call;
mod density;
mod determinant;
mod expansion;
mod joint;
mod numbers;
mod operators;
mod show;
mod taylor;

use matgrad_calculus::infer;
use matgrad_calculus::layout::Layout;
use matgrad_check::{Answer as Claimed, Options, Target, check_claim};
use matgrad_render::TextOptions;
use matgrad_syntax::{ExprId, ExprKind, Name, QueryKind, Script, Source, StatementKind};

use crate::answer::Answer;
use crate::claim::Finding;
use crate::curvature::Curvature;
use crate::solving::{self, Solution};
use crate::tutor::{self, Patient};
use crate::work::Work;
use crate::{Convention, Failure, Request, proof};

pub(crate) use numbers::numbers;

/// What comes back for one query.
#[derive(Clone, Debug)]
pub enum Reply {
    /// A derivative.
    Answer(Box<Answer>),
    /// The finding about a claim, and the query.
    Finding(String, Box<Finding>),
    /// The values at which equations hold.
    Solution(Box<Solution>),
    /// How a function bends.
    Curvature(Box<Curvature>),
}

/// Answers the queries of a script in their order. The variable, order and layout of the request stand for what a query
/// leaves open; the rest of the request holds for all.
///
/// ```
/// use matgrad::{Reply, Request, Text, answer_queries};
/// let script = "x in R^n\nL = x'*x\ngrad L wrt x\ncheck L wrt x is 2*x'";
/// let replies = answer_queries(&Request::new(Text::script("a.mg", script), ""))?;
/// let Reply::Answer(answer) = &replies[0] else { panic!() };
/// assert_eq!(answer.text(), "2*x");
/// let Reply::Finding(_, finding) = &replies[1] else { panic!() };
/// assert!(finding.right);
/// # Ok::<(), matgrad::Failure>(())
/// ```
///
/// # Errors
/// The first failure, or that there are no queries.
pub fn answer_queries(request: &Request) -> Result<Vec<Reply>, Failure> {
    request.limits.hold(&request.text, || answers(request))
}

fn answers(request: &Request) -> Result<Vec<Reply>, Failure> {
    let (source, script) = request.text.read()?;
    let texts: Vec<String> = script
        .statements
        .iter()
        .filter(|statement| matches!(statement.kind, StatementKind::Query { .. } | StatementKind::Solve { .. }))
        .map(|statement| matgrad_render::statement_text(&script.ast, &statement.kind, TextOptions::PLAIN))
        .collect();
    let script = call::with_calls(script);
    let mut replies = Vec::new();
    let asked = script
        .statements
        .iter()
        .filter(|statement| matches!(statement.kind, StatementKind::Query { .. } | StatementKind::Solve { .. }));
    let (mut queries, mut solves) = (0, 0);
    for (statement, text) in asked.zip(texts) {
        match &statement.kind {
            StatementKind::Query { kind, inner, function, wrt, argument, order } => {
                let (at, target) = (queries, target(&script, *function));
                queries += 1;
                let (kind, inner, argument, order) = (*kind, inner.clone(), *argument, *order);
                let query = Query { at, kind, inner, target, argument, order, text };
                let names: Vec<Name> = wrt.iter().map(|ident| ident.name.clone()).collect();
                if query.joins(names.len()) {
                    replies.push(query.reply(&source, &script, request, &names)?);
                } else {
                    for name in &names {
                        replies.push(query.reply(&source, &script, request, std::slice::from_ref(name))?);
                    }
                }
            }
            StatementKind::Solve { equations, unknowns } => {
                let statement = solving::Statement { at: solves, equations, unknowns, span: statement.span, text };
                solves += 1;
                let solution = solving::answer(&source, &script, request, &statement)?;
                replies.push(Reply::Solution(Box::new(solution)));
            }
            _ => {}
        }
    }
    if replies.is_empty() {
        let mut failure = Failure::whole(source, "nothing-to-do", "the script asks for nothing");
        if let Some(diagnostic) = failure.diagnostics.first_mut() {
            diagnostic.help.push("name a variable with --wrt, or add a query such as `diff L wrt x`".into());
        }
        return Err(failure);
    }
    Ok(replies)
}

/// What the checker takes for the function of a query: a function's name stands for its body.
pub(crate) fn target(script: &Script, function: ExprId) -> Target {
    let ExprKind::Name(wanted) = script.ast.kind(function) else { return Target::Expr(function) };
    let statement = script.statements.iter().rposition(
        |statement| matches!(&statement.kind, StatementKind::Definition { name, .. } if name.name == *wanted),
    );
    statement.map_or(Target::Expr(function), Target::Statement)
}

struct Query {
    /// Which of the queries.
    at: usize,
    kind: QueryKind,
    /// Operators before this one, the last one applied first.
    inner: Vec<QueryKind>,
    target: Target,
    argument: Option<ExprId>,
    order: Option<u8>,
    text: String,
}

impl Query {
    /// Whether several variables are the coordinates of one answer, rather than each a question of its own.
    fn joins(&self, count: usize) -> bool {
        use QueryKind::{Curl, Differential, Div, Jacdet, Laplacian, Linearize, Pushforward, Taylor};
        count > 1
            && (!self.inner.is_empty()
                || matches!(
                    self.kind,
                    Differential
                        | Div
                        | Curl
                        | Laplacian
                        | Jacdet
                        | Pushforward
                        | Taylor
                        | Linearize
                        | QueryKind::Curvature
                ))
    }

    /// The request for this query by these variables.
    fn request(&self, base: &Request, wrt: &[Name]) -> Request {
        let list: Vec<&str> = wrt.iter().map(|name| &**name).collect();
        let mut request = Request { wrt: list.join(", "), ..base.clone() };
        if let Some(order) = self.order {
            request.order = usize::from(order);
        }
        match self.kind {
            QueryKind::Diff | QueryKind::Check => {}
            QueryKind::Curvature => request.order = 2,
            QueryKind::Jacobian => (request.layout, request.order) = (Layout::Jacobian, 1),
            QueryKind::Hessian => (request.layout, request.order) = (Layout::Numerator, 2),
            QueryKind::Grad => (request.layout, request.order) = (Layout::Gradient, 1),
            QueryKind::Taylor => {
                request.layout = Layout::Differential;
                // its own order is that of the polynomial
                request.order = 1;
            }
            QueryKind::Differential | QueryKind::Directional | QueryKind::Linearize => {
                (request.layout, request.order) = (Layout::Differential, 1);
            }
            QueryKind::Jacdet | QueryKind::Pushforward | QueryKind::Div | QueryKind::Curl | QueryKind::Laplacian => {
                (request.layout, request.order) = (Layout::Jacobian, 1)
            }
        }
        request
    }

    fn reply(&self, source: &Source, script: &Script, base: &Request, wrt: &[Name]) -> Result<Reply, Failure> {
        let request = self.request(base, wrt);
        let constrained = Request { convention: Convention::Constrained, ..request.clone() };
        let mut work = Work::of_query(source, script, &request, self.at, self.target, wrt)?;
        if self.kind == QueryKind::Jacdet && request.convention == Convention::Free && work.needs_structure() {
            work = Work::of_query(source, script, &constrained, self.at, self.target, wrt)?;
        }
        let argument = work.analysis.queries.get(self.at).and_then(|query: &infer::Query| query.argument.clone());
        let times = usize::from(self.order.unwrap_or(1));
        let stepwise = matches!(self.kind, QueryKind::Directional | QueryKind::Differential);
        if stepwise && !(1..=3).contains(&times) {
            return Err(work.refuse("order", format!("the order is 1, 2 or 3, not {times}")));
        }
        let mut answer = match (self.kind, argument, self.argument) {
            (QueryKind::Check, argument, _) => return self.check(&mut work, argument),
            (QueryKind::Curvature, ..) => {
                let mut found = work.curvature()?;
                found.query = Some(self.text.clone());
                return Ok(Reply::Curvature(Box::new(found)));
            }
            (QueryKind::Directional, Some(direction), Some(root)) => work.directional(&direction, root, times)?,
            (QueryKind::Linearize, Some(point), Some(root)) => work.expansion(&point, root, 1)?,
            (QueryKind::Taylor, Some(point), Some(root)) => {
                work.expansion(&point, root, usize::from(self.order.unwrap_or(2)))?
            }
            (QueryKind::Pushforward, Some(density), Some(root)) => work.pushforward(&density, root)?,
            (QueryKind::Jacdet, ..) => work.jacobian_determinant()?,
            (QueryKind::Differential, ..) if wrt.len() > 1 || times > 1 => work.total_differential(times)?,
            (QueryKind::Div | QueryKind::Curl | QueryKind::Laplacian, ..) => work.operated(self.kind, &self.inner)?,
            (QueryKind::Grad, ..) if !self.inner.is_empty() => work.operated(self.kind, &self.inner)?,
            _ => work.derive()?,
        };
        answer.title = match self.kind {
            QueryKind::Grad => "gradient",
            QueryKind::Jacobian => "jacobian",
            QueryKind::Hessian => "hessian",
            QueryKind::Differential => "differential",
            QueryKind::Linearize => "linearization",
            _ => answer.title,
        };
        answer.query = Some(self.text.clone());
        Ok(Reply::Answer(Box::new(answer)))
    }

    fn check(&self, work: &mut Work, claimed: Option<infer::Typed>) -> Result<Reply, Failure> {
        let Some(root) = self.argument else { return Err(work.refuse("claim", "there is no claim")) };
        let Request { layout, order, convention, .. } = *work.request;
        let claim = Claimed::expr(&work.script.ast, root, proof::layout(layout), order);
        let problem = proof::problem(work.script, work.function.target, &work.variable.name, &work.analysis);
        let options = Options { convention: proof::convention(convention), ..Options::default() };
        let report = check_claim(&problem, &claim, &options);
        if let Some(error) = &report.error {
            return Err(work.refuse("claim", format!("the claim cannot be checked: {error}")));
        }
        let mut finding = Finding {
            right: report.is_right(),
            sentence: report.sentence.clone(),
            diagnoses: Vec::new(),
            clash: None,
            report,
        };
        if let (false, Some(claimed)) = (finding.right, claimed) {
            let layouts = work.claimed_under_assumptions(claimed.node)?;
            if !layouts.is_empty() {
                finding.right = true;
                finding.sentence = work.sentence_under_assumptions();
                finding.report.layouts = layouts.into_iter().map(proof::layout).collect();
                finding.report.mismatch = None;
            }
        }
        if !finding.right {
            let patient = Patient { claim, any_layout: true, problem, options };
            finding.diagnoses = tutor::diagnose(None, &patient, &finding.report);
        }
        Ok(Reply::Finding(self.text.clone(), Box::new(finding)))
    }
}
