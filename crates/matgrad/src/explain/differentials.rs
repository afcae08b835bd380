//! The style of differentials: `dL = 2*e'*de`, `de = -Phi*dtheta`, the one in the other, and the derivative read off.

use std::collections::BTreeMap;

use matgrad_calculus::diff::rules::steps;
use matgrad_calculus::explain::{Body, Stage};
use matgrad_calculus::layout::Layout;
use matgrad_check::Verdict;
use matgrad_render::{Kind, TextOptions};
use matgrad_syntax::{Ast, BinaryOp, ExprId, ExprKind};

use crate::Failure;
use crate::answer::{Answer, Written};

use super::board::Board;
use super::line::{Line, definition};
use super::text_of;

/// The longest line that shows what was put into what.
const LONG: usize = 160;

impl Board {
    /// The derivation by differentials, up to the derivative in the names of the stages.
    pub(super) fn differentials(&self, answer: &Answer) -> Result<Vec<Line>, Failure> {
        let mut lines = Vec::new();
        lines.extend(self.naming()?);
        let all = self.all_differentials()?;
        let mut own: Vec<Line> = all.iter().rev().map(|(_, line)| line.clone()).collect();
        lines.append(&mut own);
        let last = self.inserted(&all, &mut lines)?;
        lines.extend(self.read_off(answer, last)?);
        Ok(lines)
    }

    /// The parts that get names.
    pub(super) fn naming(&self) -> Result<Option<Line>, Failure> {
        let parts: Vec<&Stage> = self.staged.stages.iter().filter(|stage| stage.fresh).collect();
        if parts.len() < 2 && self.staged.stages.len() < 2 {
            return Ok(None);
        }
        let shown: Vec<&Stage> = if parts.is_empty() { self.staged.stages.iter().collect() } else { parts };
        let Some(target) = self.staged.target() else { return Ok(None) };
        let mut helpers: Vec<String> = shown.iter().map(|stage| self.defined(stage)).collect();
        if !shown.iter().any(|stage| stage.name == target.name) {
            helpers.push(self.defined(target));
        }
        let verdict = match self.original() {
            Some(original) => self.equal(&[], original, &target.name)?,
            // the script says it
            None => Verdict { points: 1, ..Verdict::default() },
        };
        let verdict = Some(verdict);
        let (left, right) = (String::new(), self.body(target));
        let before = self.original().map(str::to_owned);
        let shape = self.form(&target.name).map(|form| form.shown()).unwrap_or_default();
        Ok(Some(Line { rules: vec![&steps::NAMES], helpers, left, right, before, shape, verdict }))
    }

    /// The differential of each stage, inner ones first, each with its line.
    fn all_differentials(&self) -> Result<Vec<(Written, Line)>, Failure> {
        let whole = self.whole();
        let mut claims: Vec<String> = Vec::new();
        let mut all = Vec::new();
        for stage in &self.staged.stages {
            let found = self.differential(stage)?;
            let (helpers, left, right) = definition(&found.written, &format!("d{}", stage.name));
            let mut claim = claims.clone();
            claim.extend(helpers.iter().cloned());
            claim.push(format!("{left} = {right}"));
            let verdict = self.check(&whole, &stage.name, &self.wrt, Layout::Differential, &claim.join("; "))?;
            claims = claim;
            let before = match &stage.body {
                Body::Value(_) | Body::Entries(..) => Some(format!("d({})", self.body(stage))),
                Body::Implicit => Some(format!("d{}", stage.name)),
            };
            let shape = self.form(&stage.name).map(|form| form.shown()).unwrap_or_default();
            let verdict = Some(verdict);
            all.push((found.written, Line { rules: found.rules, helpers, left, right, before, shape, verdict }));
        }
        Ok(all)
    }

    /// All differentials in that of the function: the line with the result, and its tree.
    fn inserted(&self, all: &[(Written, Line)], lines: &mut Vec<Line>) -> Result<Option<Line>, Failure> {
        let Some((_, outer)) = all.last() else { return Ok(None) };
        if all.len() < 2 {
            return Ok(Some(outer.clone()));
        }
        let target = self.target_name();
        let found = self.derivative(self.kept(), &target, &self.wrt, Layout::Differential, false)?;
        let (helpers, left, right) = definition(&found.written, &format!("d{target}"));
        let text = helpers.iter().cloned().chain([format!("{left} = {right}")]).collect::<Vec<_>>().join("; ");
        let whole = self.whole();
        let mut verdict = self.check(&whole, &target, &self.wrt, Layout::Differential, &text)?;
        let mut before = put_in(all).filter(|text| text.len() <= LONG && *text != right);
        if let Some(text) = &before {
            let first = self.check(&whole, &target, &self.wrt, Layout::Differential, text)?;
            match first.is_right() {
                true => verdict = crate::derive::weaker(verdict, first),
                false => before = None,
            }
        }
        let before = before.or_else(|| Some(outer.right.clone()));
        let shape = outer.shape.clone();
        let verdict = Some(verdict);
        let line = Line { rules: vec![&steps::INSERT], helpers, left, right, before, shape, verdict };
        lines.push(line.clone());
        Ok(Some(line))
    }

    /// `dL = tr(D*dX)` and `D` in the layout of the answer.
    fn read_off(&self, answer: &Answer, last: Option<Line>) -> Result<Vec<Line>, Failure> {
        let mut lines = Vec::new();
        let Some(last) = last.filter(|_| answer.layout != Layout::Differential) else { return Ok(lines) };
        let target = self.target_name();
        let forms = (self.form(&target), self.form(&self.wrt));
        let (Some(function), Some(variable)) = forms else { return Ok(lines) };
        let mut before = last.right.clone();
        let whole = self.whole();
        if function.is_scalar() && variable.kind == Kind::Matrix && before != "0" {
            let mut found = self.derivative(self.kept(), &target, &self.wrt, Layout::Numerator, false)?;
            if answer.order == 1 && self.staged.stages.len() < 2 && answer.layout == Layout::Numerator {
                found.written = answer.derivative.clone();
            }
            if let Some(text) = trace_form(&found.written, &self.wrt).filter(|text| *text != last.right) {
                let verdict = Some(self.check(&whole, &target, &self.wrt, Layout::Differential, &text)?);
                let (helpers, shape) = (Vec::new(), last.shape.clone());
                let line = Line {
                    rules: vec![&steps::TRACE],
                    helpers,
                    left: last.left.clone(),
                    right: text.clone(),
                    before: Some(before),
                    shape,
                    verdict,
                };
                lines.push(line);
                before = text;
            }
        }
        let mut found = self.derivative(self.kept(), &target, &self.wrt, answer_layout(answer), false)?;
        if answer.order == 1 && self.staged.stages.len() < 2 {
            found.written = answer.derivative.clone();
        }
        let name = if answer.order == 1 { self.final_name(answer) } else { self.total(&target) };
        let (helpers, left, right) = definition(&found.written, &name);
        let text = helpers.iter().cloned().chain([format!("{left} = {right}")]).collect::<Vec<_>>().join("; ");
        let verdict = Some(self.check(&whole, &target, &self.wrt, answer_layout(answer), &text)?);
        let shape = found.written.shape.clone();
        let flat = variable.rank() > 1 && !function.is_scalar() || function.rank() > 1 && !variable.is_scalar();
        let vec = flat && found.written.formula.axes.is_none();
        let rules = if vec { vec![&steps::VEC, &steps::READ_OFF] } else { vec![&steps::READ_OFF] };
        lines.push(Line { rules, helpers, left, right, before: Some(before), shape, verdict });
        Ok(lines)
    }
}

/// The layout of the first derivative.
pub(super) fn answer_layout(answer: &Answer) -> Layout {
    match (answer.order, answer.layout) {
        (1, layout) => layout,
        (_, Layout::Tensor) => Layout::Tensor,
        _ => Layout::Numerator,
    }
}

/// `tr(D*dX)` of a derivative in numerator layout.
fn trace_form(written: &Written, wrt: &str) -> Option<String> {
    let formula = &written.formula;
    if formula.axes.is_some() || !formula.definitions.is_empty() {
        return None;
    }
    let mut ast = formula.ast.clone();
    let mut root = formula.root;
    let mut negative = false;
    if let ExprKind::Neg(inner) = ast.kind(root) {
        (root, negative) = (*inner, true);
    }
    let step = ast.add(ExprKind::Name(format!("d{wrt}").into()));
    let product = ast.add(ExprKind::Binary(BinaryOp::Mul, root, step));
    let call = ExprKind::Call {
        function: "tr".into(),
        function_span: Default::default(),
        derivative: Vec::new(),
        args: vec![product],
    };
    let mut whole = ast.add(call);
    if negative {
        whole = ast.add(ExprKind::Neg(whole));
    }
    Some(text_of(&ast, whole))
}

/// The outermost differential with the others put in.
fn put_in(all: &[(Written, Line)]) -> Option<String> {
    if all.iter().any(|(written, line)| written.formula.axes.is_some() || !line.helpers.is_empty()) {
        return None;
    }
    let mut ast = Ast::new();
    let mut known: BTreeMap<String, ExprId> = BTreeMap::new();
    let mut last = None;
    for (written, line) in all {
        let root = copied(&written.formula.ast, written.formula.root, &mut ast, &known)?;
        known.insert(line.left.clone(), root);
        last = Some(root);
    }
    let root = last?;
    // what is shared is written as often as it is used
    let mut length = vec![1usize; ast.len()];
    for id in (0..ast.len() as u32).map(ExprId) {
        let mut sum = 1usize;
        ast.for_each_child(id, |child| sum = sum.saturating_add(length[child.0 as usize]));
        length[id.0 as usize] = sum;
    }
    (length[root.0 as usize] <= LONG).then(|| matgrad_render::text(&ast, root, TextOptions::PLAIN))
}

/// Copies an expression with trees in place of some names.
pub(super) fn copied(from: &Ast, root: ExprId, to: &mut Ast, known: &BTreeMap<String, ExprId>) -> Option<ExprId> {
    let mut map: Vec<ExprId> = Vec::with_capacity(from.len());
    for id in (0..=root.0).map(ExprId) {
        let new = match from.kind(id) {
            ExprKind::Name(name) if known.contains_key(&**name) => *known.get(&**name)?,
            kind => to.add(matgrad_calculus::explain::with_children(kind, &map)),
        };
        map.push(new);
    }
    map.last().copied()
}
