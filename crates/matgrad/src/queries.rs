//! The queries of a script: `diff L wrt theta`, `check F wrt X is CLAIM`, and their kin.

use matgrad_calculus::graph::{MatrixOp, NodeId, ProductBuilder};
use matgrad_calculus::infer::{self, Typed};
use matgrad_calculus::layout::{Arranged, Kind as Shape, Layout};
use matgrad_calculus::notation::Arrangement;
use matgrad_check::{Answer as Claimed, Options, Target, check_claim};
use matgrad_render::TextOptions;
use matgrad_syntax::{ExprId, ExprKind, Ident, QueryKind, Script, Source, StatementKind};

use crate::answer::{Answer, Written};
use crate::claim::Finding;
use crate::work::{Work, shape};
use crate::{Failure, Request, proof};

/// What comes back for one query.
#[derive(Clone, Debug)]
pub enum Reply {
    /// A derivative.
    Answer(Box<Answer>),
    /// The finding about a claim, and the query.
    Finding(String, Box<Finding>),
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
    let (source, script) = request.text.read()?;
    let mut replies = Vec::new();
    let queries = script.statements.iter().filter_map(|statement| match &statement.kind {
        StatementKind::Query { kind, function, wrt, argument } => Some((*kind, *function, wrt, *argument, statement)),
        _ => None,
    });
    for (at, (kind, function, wrt, argument, statement)) in queries.enumerate() {
        let text = matgrad_render::statement_text(&script.ast, &statement.kind, TextOptions::PLAIN);
        let query = Query { at, kind, target: target(&script, function), argument, text };
        for variable in wrt {
            replies.push(query.reply(&source, &script, request, variable)?);
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
fn target(script: &Script, function: ExprId) -> Target {
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
    target: Target,
    argument: Option<ExprId>,
    text: String,
}

impl Query {
    fn reply(&self, source: &Source, script: &Script, base: &Request, variable: &Ident) -> Result<Reply, Failure> {
        let mut request = Request { wrt: variable.name.to_string(), ..base.clone() };
        match self.kind {
            QueryKind::Diff | QueryKind::Check => {}
            QueryKind::Grad => (request.layout, request.order) = (Layout::Gradient, 1),
            QueryKind::Jacobian => (request.layout, request.order) = (Layout::Jacobian, 1),
            QueryKind::Hessian => (request.layout, request.order) = (Layout::Numerator, 2),
            QueryKind::Differential | QueryKind::Directional | QueryKind::Linearize => {
                (request.layout, request.order) = (Layout::Differential, 1);
            }
            QueryKind::Jacdet => (request.layout, request.order) = (Layout::Jacobian, 1),
        }
        let mut work = Work::of_query(source, script, &request, self.at, self.target)?;
        let argument = work.analysis.queries.get(self.at).and_then(|query: &infer::Query| query.argument.clone());
        let mut answer = match (self.kind, argument) {
            (QueryKind::Check, _) => return self.check(&work),
            (QueryKind::Directional, Some(direction)) => work.directional(&direction)?,
            (QueryKind::Linearize, Some(point)) => work.linearization(&point)?,
            (QueryKind::Jacdet, _) => work.jacobian_determinant()?,
            _ => work.derive()?,
        };
        answer.title = match self.kind {
            QueryKind::Grad => "gradient",
            QueryKind::Jacobian => "jacobian",
            QueryKind::Hessian => "hessian",
            QueryKind::Differential => "differential",
            _ => answer.title,
        };
        answer.query = Some(self.text.clone());
        Ok(Reply::Answer(Box::new(answer)))
    }

    fn check(&self, work: &Work) -> Result<Reply, Failure> {
        let Some(root) = self.argument else { return Err(work.refuse("claim", "there is no claim")) };
        let Request { layout, order, convention, .. } = *work.request;
        let claim = Claimed::expr(&work.script.ast, root, proof::layout(layout), order);
        let problem = proof::problem(work.script, work.function.target, &work.variable.name, &work.analysis);
        let options = Options { convention: proof::convention(convention), ..Options::default() };
        let report = check_claim(&problem, &claim, &options);
        if let Some(error) = &report.error {
            return Err(work.refuse("claim", format!("the claim cannot be checked: {error}")));
        }
        let finding = Finding { right: report.is_right(), sentence: report.sentence.clone(), report };
        Ok(Reply::Finding(self.text.clone(), Box::new(finding)))
    }
}

impl Work<'_> {
    /// The differential with a value in place of the step, after its check.
    fn directional(&mut self, direction: &Typed) -> Result<Answer, Failure> {
        self.same_shape(direction, "the direction")?;
        let step = self.step();
        let (node, verified, notes) = self.checked_differential(step)?;
        let node = self.replaced(node, &[(step, direction.node)]);
        let node = self.with_structure(node);
        let node = self.simplified(node)?;
        let written = self.like_function(node)?;
        Ok(self.answer("directional", written, None, node, notes, verified))
    }

    /// `F(X0)` plus the differential at `X0` with the step `X - X0`.
    fn linearization(&mut self, point: &Typed) -> Result<Answer, Failure> {
        self.same_shape(point, "the point")?;
        let step = self.step();
        let (node, verified, notes) = self.checked_differential(step)?;
        let (variable, structured) = (self.variable.node, self.variable.structured);
        let difference = self.graph().subtract(structured, point.node);
        let linear = self.replaced(node, &[(step, difference), (variable, point.node), (structured, point.node)]);
        let linear = self.simplified(linear)?;
        let value = self.replaced(self.function.node, &[(variable, point.node)]);
        // value and change stay apart, as a reader expects them
        let node = self.graph().add(value, linear);
        let written = self.like_function(node)?;
        Ok(self.answer("linearization", written, None, node, notes, verified))
    }

    /// The differential, and the verdict on it as it would be printed.
    fn checked_differential(
        &mut self,
        step: NodeId,
    ) -> Result<(NodeId, Option<matgrad_check::Verdict>, Vec<String>), Failure> {
        let node = self.along(step)?;
        let node = self.with_structure(node);
        let mut notes = self.notes();
        if !self.request.verify {
            return Ok((node, None, notes));
        }
        let written = self.write(node, Layout::Differential)?;
        let verdict = self.prove(&written.formula, Layout::Differential);
        notes.push("the check is of the differential that this is taken from".into());
        Ok((node, Some(verdict), notes))
    }

    /// `det(D_X F)`, after the check of the Jacobian.
    fn jacobian_determinant(&mut self) -> Result<Answer, Failure> {
        let derivative = self.derivative(1)?;
        let node = self.with_structure(derivative);
        let arranged = self.arranged(node, Layout::Jacobian)?;
        let [rows, cols] = arranged.shape[..] else {
            return Err(self.refuse("jacdet", "the Jacobian is no matrix"));
        };
        if rows != cols {
            let sizes = &self.analysis.graph.sizes;
            let message = format!("the Jacobian is {} x {}, not square", sizes.text(rows), sizes.text(cols));
            return Err(self.refuse("jacdet", message));
        }
        let mut notes = self.notes();
        let verified = if self.request.verify {
            let jacobian = self.write(node, Layout::Jacobian)?;
            notes.push("the check is of the Jacobian that this is the determinant of".into());
            Some(self.prove(&jacobian.formula, Layout::Jacobian))
        } else {
            None
        };
        let matrix = match self.analysis.graph.rank(arranged.node) {
            2 => arranged.node,
            // one row and one column, of which the graph has no axes
            _ => self.as_matrix(arranged.node),
        };
        let det = self.graph().matrix(MatrixOp::Det, &[matrix]);
        let det = self.simplified(det)?;
        let one = self.graph().sizes.constant(1);
        let written = self.written(&Arranged { node: det, arrangement: Arrangement::Plain, shape: vec![one, one] })?;
        Ok(self.answer("jacdet", written, None, det, notes, verified))
    }

    /// A tensor of size 1 with two axes.
    fn as_matrix(&mut self, node: NodeId) -> NodeId {
        let g = self.graph();
        let one = g.sizes.constant(1);
        let mut p = ProductBuilder::new();
        let labels = p.labels_of(g, node);
        p.factor(node, &labels);
        let out = [p.label(one), p.label(one)];
        p.build(g, &out)
    }

    /// A value of the shape of the function, written.
    fn like_function(&mut self, node: NodeId) -> Result<Written, Failure> {
        let arranged = self.arranged(node, Layout::Differential)?;
        self.written(&arranged)
    }

    fn same_shape(&self, value: &Typed, what: &str) -> Result<(), Failure> {
        let found: Shape = shape(&value.shape);
        if found == self.variable.shape {
            return Ok(());
        }
        let (found, wanted) = (self.space(&found), self.space(&self.variable.shape));
        let message = format!("{what} is in {found}, but `{}` is in {wanted}", self.variable.name);
        Err(self.refuse("shape-mismatch", message))
    }
}
