//! The style of the chain rule: the derivative of each stage with its shape, and their product.

use std::collections::BTreeMap;

use matgrad_calculus::diff::rules::steps;
use matgrad_calculus::explain::Stage;
use matgrad_calculus::layout::Layout;
use matgrad_check::Verdict;
use matgrad_render::{Kind, TextOptions};
use matgrad_syntax::{Ast, BinaryOp, ExprId, ExprKind};

use crate::Failure;
use crate::answer::{Answer, Written};
use crate::derive::weaker;

use super::board::{Board, Form, Mode, fraction};
use super::differentials::{answer_layout, copied};
use super::line::{Line, definition};

/// So many ways from the variable to the function are written as a sum of products.
const MAX_WAYS: usize = 4;

/// A factor of the chain rule: the derivative of a stage by one that it uses.
type Factor<'a> = (&'a Stage, &'a str);

impl Board {
    /// The derivation by the chain rule, up to the derivative in the names of the stages.
    pub(super) fn chain(&self, answer: &Answer) -> Result<Vec<Line>, Failure> {
        let forms: Option<Vec<&Form>> =
            self.staged.stages.iter().map(|stage| self.form(&stage.name)).chain([self.form(&self.wrt)]).collect();
        let (Some(forms), Some(target)) = (forms, self.staged.target()) else { return self.differentials(answer) };
        if self.staged.stages.len() < 2 {
            return match self.by_entries(answer)? {
                Some(lines) => Ok(lines),
                None => self.differentials(answer),
            };
        }
        let scalar = self.form(&target.name).is_some_and(Form::is_scalar);
        let flat = forms.iter().all(|form| form.kind == Kind::Scalar || form.dims.len() == 1);
        let numbers = forms.iter().all(|form| form.rank() <= 1) || !scalar;
        let ways = self.ways(target);
        match (ways, scalar) {
            (Some(ways), _) if flat => self.products(answer, target, &ways, Layout::Numerator),
            (_, true) => self.pulled_back(answer, target),
            (Some(ways), false) if numbers => self.products(answer, target, &ways, Layout::Jacobian),
            _ => self.differentials(answer),
        }
    }

    /// The ways from the function to the variable, each as its factors; `None` where there are too many.
    fn ways<'a>(&'a self, target: &'a Stage) -> Option<Vec<Vec<Factor<'a>>>> {
        let mut done = Vec::new();
        let mut todo: Vec<(Vec<Factor>, &Stage)> = vec![(Vec::new(), target)];
        while let Some((way, stage)) = todo.pop() {
            for used in stage.uses.iter().rev() {
                let mut longer = way.clone();
                longer.push((stage, used));
                match self.staged.find(used) {
                    Some(next) => todo.push((longer, next)),
                    None => done.push(longer),
                }
            }
            if done.len() + todo.len() > MAX_WAYS {
                return None;
            }
        }
        (!done.is_empty()).then_some(done)
    }

    /// What a factor is called; by the variable, where there are other ways to it, the direct part only.
    fn factor_name(&self, (stage, used): Factor) -> String {
        let name = fraction(&stage.name, used);
        if *used == *self.wrt && stage.uses.len() > 1 { format!("{name}_direct") } else { name }
    }

    /// The derivative as a sum of products.
    fn products(
        &self,
        answer: &Answer,
        target: &Stage,
        ways: &[Vec<Factor>],
        layout: Layout,
    ) -> Result<Vec<Line>, Failure> {
        let mut lines: Vec<Line> = self.naming()?.into_iter().collect();
        let mut factors: Vec<(String, Written, Line)> = Vec::new();
        let mut order: Vec<Factor> = Vec::new();
        for factor in ways.iter().flatten() {
            if !order.iter().any(|(stage, used)| stage.name == factor.0.name && *used == factor.1) {
                order.push(*factor);
            }
        }
        for factor in order {
            let (stage, used) = factor;
            let found = self.derivative(self.local(stage), &stage.name, used, layout, true)?;
            let name = self.factor_name(factor);
            let rules = self.rules(stage, &found);
            let (helpers, left, right) = definition(&found.written, &name);
            let before = Some(format!("d({})", self.body(stage))).filter(|text| text.len() > 3);
            let shape = found.written.shape.clone();
            let line = Line { rules, helpers, left, right, before, shape, verdict: found.verdict };
            factors.push((name, found.written, line));
        }
        let claims: Vec<String> = factors.iter().map(|(_, _, line)| line.text()).collect();
        let whole = self.whole();
        let name = self.total(&target.name);
        let found = self.derivative(self.kept(), &target.name, &self.wrt, layout, false)?;
        let symbolic = sum_of_products(ways, |factor| self.factor_name(factor));
        let shape = found.written.shape.clone();
        let claim = format!("{}; {name} = {symbolic}", claims.join("; "));
        let verdict = self.check(&whole, &target.name, &self.wrt, layout, &claim)?;
        lines.push(Line {
            rules: vec![&steps::CHAIN],
            helpers: Vec::new(),
            left: name.clone(),
            right: symbolic.clone(),
            before: None,
            shape: shape.clone(),
            verdict: Some(verdict),
        });
        lines.extend(factors.iter().map(|(_, _, line)| line.clone()));
        let (helpers, left, right) = definition(&found.written, &name);
        let text = helpers.iter().cloned().chain([format!("{left} = {right}")]).collect::<Vec<_>>().join("; ");
        let mut verdict = self.check(&whole, &target.name, &self.wrt, layout, &text)?;
        let parts: Option<Vec<(String, &Written)>> = factors
            .iter()
            .map(|(name, written, line)| (line.helpers.is_empty()).then(|| (name.clone(), written)))
            .collect();
        let before = parts.and_then(|parts| inserted(&symbolic, &parts)).filter(|text| *text != right);
        if let Some(text) = &before {
            verdict = weaker(verdict, self.check(&whole, &target.name, &self.wrt, layout, text)?);
        }
        let before = before.or(Some(symbolic));
        let verdict = Some(verdict);
        lines.push(Line { rules: vec![&steps::MULTIPLY], helpers, left, right, before, shape, verdict });
        self.arranged(answer, target, layout, &mut lines)?;
        Ok(lines)
    }

    /// The derivative of a number by each stage in turn, the inner ones by those around them.
    fn pulled_back(&self, answer: &Answer, target: &Stage) -> Result<Vec<Line>, Failure> {
        let mut lines: Vec<Line> = self.naming()?.into_iter().collect();
        let mut claims: Vec<String> = Vec::new();
        let whole = self.whole();
        let mut names: Vec<String> = self.staged.stages.iter().rev().skip(1).map(|s| s.name.to_string()).collect();
        names.push(self.wrt.clone());
        for name in &names {
            let users: Vec<&Stage> =
                self.staged.stages.iter().filter(|stage| stage.uses.iter().any(|used| **used == **name)).collect();
            let mut verdict: Option<Verdict> = None;
            let mut rules = Vec::new();
            let mut ast = Ast::new();
            let mut sum: Option<ExprId> = None;
            let mut shape = Vec::new();
            for user in users.into_iter().rev() {
                let (script, of) = self.adjoint_script(user, target);
                let found = self.derivative(script, &of, name, Layout::Numerator, true)?;
                let formula = &found.written.formula;
                if formula.axes.is_some() || !formula.definitions.is_empty() {
                    return self.differentials(answer);
                }
                verdict = Some(match (verdict, found.verdict.clone().unwrap_or_default()) {
                    (Some(first), second) => weaker(first, second),
                    (None, second) => second,
                });
                for rule in self.rules(user, &found) {
                    if !rules.contains(&rule) {
                        rules.push(rule);
                    }
                }
                shape = found.written.shape.clone();
                let Some(term) = copied(&formula.ast, formula.root, &mut ast, &BTreeMap::new()) else { continue };
                sum = Some(match sum {
                    Some(sum) => ast.add(ExprKind::Binary(BinaryOp::Add, sum, term)),
                    None => term,
                });
            }
            let Some(sum) = sum else { continue };
            let right = matgrad_render::text(&ast, sum, TextOptions::PLAIN);
            let left = fraction(&target.name, name);
            claims.push(format!("{left} = {right}"));
            if *name == self.wrt {
                let own = self.check(&whole, &target.name, &self.wrt, Layout::Numerator, &claims.join("; "))?;
                verdict = Some(verdict.map_or(own.clone(), |first| weaker(first, own)));
            }
            let before = None;
            lines.push(Line { rules, helpers: Vec::new(), left, right, before, shape, verdict });
        }
        self.arranged(answer, target, Layout::Numerator, &mut lines)?;
        Ok(lines)
    }

    /// The script of `D*S`, whose derivative is that of the function along the stage `S`.
    fn adjoint_script(&self, user: &Stage, target: &Stage) -> (String, String) {
        let script = match user.body {
            matgrad_calculus::explain::Body::Implicit => self.script(|other| match () {
                _ if other.name == user.name => Mode::Kept,
                _ if user.uses.contains(&other.name) => Mode::Variable,
                _ => Mode::Absent,
            }),
            _ => self.local(user),
        };
        if user.name == target.name {
            return (script, target.name.to_string());
        }
        let (name, adjoint) = (&user.name, fraction(&target.name, &user.name));
        let of = "pulled_back";
        let (space, product) = match self.form(name) {
            Some(Form { dims, kind: Kind::Vector, .. }) => match dims.as_slice() {
                [n] => (format!("R^(1 x {n})"), format!("{adjoint}*{name}")),
                [_, n] => (format!("R^({n})"), format!("{name}*{adjoint}")),
                _ => ("R".into(), format!("{adjoint}*{name}")),
            },
            Some(Form { dims, kind: Kind::Matrix, .. }) => {
                let turned: Vec<&str> = dims.iter().rev().map(String::as_str).collect();
                (format!("R^({})", turned.join(" x ")), format!("tr({adjoint}*{name})"))
            }
            _ => ("R".into(), format!("{adjoint}*{name}")),
        };
        (format!("{adjoint} in {space}\n{script}\n{of} = {product}"), of.into())
    }

    /// The derivative in the names of the stages and the layout of the answer, where the last line is not that.
    fn arranged(&self, answer: &Answer, target: &Stage, last: Layout, lines: &mut Vec<Line>) -> Result<(), Failure> {
        let wanted = answer_layout(answer);
        if wanted == Layout::Differential {
            return Ok(());
        }
        let found = self.derivative(self.kept(), &target.name, &self.wrt, wanted, false)?;
        let name = if answer.order == 1 { self.final_name(answer) } else { self.total(&target.name) };
        let (helpers, left, right) = definition(&found.written, &name);
        let Some(line) = lines.last().filter(|line| line.left != left || line.right != right) else { return Ok(()) };
        let text = helpers.iter().cloned().chain([format!("{left} = {right}")]).collect::<Vec<_>>().join("; ");
        let verdict = Some(self.check(&self.whole(), &target.name, &self.wrt, wanted, &text)?);
        let same = line.left == left;
        let rule = match wanted {
            _ if same => &steps::MULTIPLY,
            Layout::Gradient | Layout::Denominator => &steps::TRANSPOSE,
            _ if wanted == last => &steps::MULTIPLY,
            _ => &steps::COLLECT,
        };
        let before = Some(line.right.clone());
        let shape = found.written.shape.clone();
        lines.push(Line { rules: vec![rule], helpers, left, right, before, shape, verdict });
        Ok(())
    }
}

/// `df_du*du_dx + df_dv*dv_dx`
fn sum_of_products(ways: &[Vec<Factor>], name: impl Fn(Factor) -> String) -> String {
    let product = |way: &Vec<Factor>| way.iter().map(|factor| name(*factor)).collect::<Vec<_>>().join("*");
    ways.iter().map(product).collect::<Vec<_>>().join(" + ")
}

/// A sum of products with formulas in place of the names of its factors.
fn inserted(symbolic: &str, factors: &[(String, &Written)]) -> Option<String> {
    if factors.iter().any(|(_, written)| written.formula.axes.is_some()) {
        return None;
    }
    let parsed = matgrad_syntax::parse(symbolic).script;
    let root = parsed.statements.iter().find_map(|statement| match statement.kind {
        matgrad_syntax::StatementKind::Expression(root) => Some(root),
        _ => None,
    })?;
    let mut ast = Ast::new();
    let mut known = BTreeMap::new();
    for (name, written) in factors {
        let root = copied(&written.formula.ast, written.formula.root, &mut ast, &BTreeMap::new())?;
        known.insert(name.clone(), root);
    }
    let root = copied(&parsed.ast, root, &mut ast, &known)?;
    Some(matgrad_render::text(&ast, root, TextOptions::PLAIN))
}
