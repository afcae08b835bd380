//! Queries as numbers: what `matgrad eval` computes of a script that asks for something.

use matgrad_calculus::infer;
use matgrad_calculus::layout::{Kind as Shape, Layout};
use matgrad_eval::Inputs;
use matgrad_syntax::{Name, QueryKind, Script, Source, StatementKind};

use super::{Query, target};
use crate::evaluate::{Asked, Evaluation};
use crate::plan::Plan;
use crate::work::Work;
use crate::{Convention, Failure, Request};

/// The programs of all queries whose answer is a number or an array: derivatives, operators, determinants, directional
/// derivatives.
pub(crate) fn numbers(
    evaluation: &Evaluation,
    source: &Source,
    script: &Script,
    data: &Inputs,
) -> Result<Vec<Plan>, Failure> {
    let script = super::call::with_calls(script.clone());
    let mut base = Request::new(evaluation.text.clone(), "").convention(evaluation.convention).unverified();
    base.layout = evaluation.layout;
    base.limits = evaluation.limits;
    let mut asked: Vec<Asked> = Vec::new();
    let mut at = 0;
    for statement in &script.statements {
        let StatementKind::Query { kind, inner, function, wrt, argument, order } = &statement.kind else { continue };
        let (inner, target) = (inner.clone(), target(&script, *function));
        let query = Query { at, kind: *kind, inner, target, argument: *argument, order: *order, text: String::new() };
        at += 1;
        let names: Vec<Name> = wrt.iter().map(|ident| ident.name.clone()).collect();
        if query.joins(names.len()) {
            asked.extend(query.asked(source, &script, &base, &names)?);
        } else {
            for name in &names {
                asked.extend(query.asked(source, &script, &base, std::slice::from_ref(name))?);
            }
        }
    }
    // answers of one kind are numbered
    let names: Vec<String> = asked.iter().map(|one| one.name.clone()).collect();
    for (k, one) in asked.iter_mut().enumerate() {
        let same = |list: &[String]| list.iter().filter(|name| **name == names[k]).count();
        if same(&names) > 1 {
            one.name = format!("{}{}", names[k], same(&names[..=k]));
        }
    }
    asked.into_iter().map(|one| one.plan(evaluation, source, data)).collect()
}

impl Query {
    /// `None` for a claim to be checked, and for what is a function rather than a number.
    fn asked(&self, source: &Source, script: &Script, base: &Request, wrt: &[Name]) -> Result<Option<Asked>, Failure> {
        use QueryKind::{Curl, Diff, Directional, Div, Grad, Hessian, Jacdet, Jacobian, Laplacian};
        let request = self.request(base, wrt);
        if !matches!(self.kind, Jacdet | Div | Curl | Laplacian | Grad | Diff | Jacobian | Hessian | Directional) {
            return Ok(None);
        }
        let constrained = Request { convention: Convention::Constrained, ..request.clone() };
        let mut work = Work::of_query(source, script, &request, self.at, self.target, wrt)?;
        if self.kind == Jacdet && request.convention == Convention::Free && work.needs_structure() {
            work = Work::of_query(source, script, &constrained, self.at, self.target, wrt)?;
        }
        let argument = work.analysis.queries.get(self.at).and_then(|query: &infer::Query| query.argument.clone());
        let mut arranged = None;
        let (name, node, shape) = match (self.kind, argument) {
            (Jacdet, _) => ("jacdet", work.determinant()?, Shape::Scalar),
            (Directional, Some(direction)) => {
                let node = work.directional_value(&direction, usize::from(self.order.unwrap_or(1)).clamp(1, 3))?;
                ("directional", node, work.function.shape.clone())
            }
            (Grad | Div | Curl | Laplacian, _) if self.kind != Grad || !self.inner.is_empty() => {
                let (node, shape) = work.operator_value(self.kind, &self.inner)?;
                (super::operators::title(self.kind), node, shape)
            }
            _ if request.layout == Layout::Differential => return Ok(None),
            _ => {
                arranged = Some((work.variable.shape.clone(), request.order));
                let node = work.derivative(request.order)?;
                let name = match self.kind {
                    Grad => "gradient",
                    Jacobian => "jacobian",
                    Hessian => "hessian",
                    _ => "derivative",
                };
                (name, node, work.function.shape.clone())
            }
        };
        let (name, layout) = (name.to_owned(), request.layout);
        let Work { analysis, variable, .. } = work;
        Ok(Some(Asked { analysis, variable, name, node, shape, arranged, layout }))
    }
}
