//! A function and its derivatives as a program in another language.

mod document;
mod shard;

use matgrad_calculus::infer::typed::{Terms, elaborate};
use matgrad_calculus::infer::{self, Shape};
use matgrad_calculus::layout::Layout;
use matgrad_code::{CodeError, Function};
use matgrad_render::{TextOptions, Typesetting};
use matgrad_syntax::{Diagnostic, normalize_name};

use crate::{Answer, Failure, Language, Request, Style, Text, derive};

pub use matgrad_code::Target;

/// A program to be written.
///
/// ```
/// use matgrad::{Code, Request, Target, Text};
/// let text = Text::expression("norm(y - Phi*theta)^2");
/// let code = Code::new(Request::new(text, "theta"), Target::Numpy).write()?;
/// assert!(code.contains("def value_and_gradient(y, Phi, theta):"), "{code}");
/// # Ok::<(), matgrad::Failure>(())
/// ```
#[derive(Clone, Debug)]
pub struct Code {
    /// The function, its limits, its convention and whether derivatives are checked; `wrt`, `order` and `layout` of it are
    /// not looked at.
    pub request: Request,
    /// The variables to differentiate by.
    pub wrt: Vec<String>,
    /// Derivatives up to this order come with the value.
    pub order: usize,
    /// How derivatives are arranged; without it, of a scalar function as gradients shaped like the variable, else in
    /// numerator layout.
    pub layout: Option<Layout>,
    /// The language.
    pub target: Target,
    /// The name of the function; without it, it says what comes out.
    pub name: Option<String>,
    /// Arguments that lie in parts, each as `NAME: rows`, `NAME: columns` or with the number of the axis.
    pub shard: Vec<String>,
}

impl Code {
    /// The value and the first derivative by the variable of the request.
    pub fn new(request: Request, target: Target) -> Self {
        let wrt = if request.wrt.is_empty() { Vec::new() } else { vec![request.wrt.clone()] };
        Code { order: usize::from(!wrt.is_empty()), request, wrt, layout: None, target, name: None, shard: Vec::new() }
    }

    /// The text of the program.
    ///
    /// # Errors
    /// What is wrong with the request, or what the language has no means for.
    pub fn write(&self) -> Result<String, Failure> {
        self.request.limits.hold(&self.request.text, || self.program())
    }

    fn program(&self) -> Result<String, Failure> {
        let (source, script) = self.request.text.read()?;
        let names: Vec<_> = self.wrt.iter().map(|name| normalize_name(name)).collect();
        let wrt: Vec<&str> = names.iter().map(|name| &**name).collect();
        let options = infer::Options { wrt: &wrt, of: self.request.of.as_deref() };
        let value =
            elaborate(&script, &options).map_err(|diagnostics| Failure { source: source.clone(), diagnostics })?;
        let refused = |error: CodeError| {
            let hint = error.help.unwrap_or_else(|| "`matgrad eval` computes it".to_owned());
            let diagnostic = Failure::whole(source.clone(), "no-code", error.message);
            Failure {
                diagnostics: diagnostic.diagnostics.into_iter().map(|d: Diagnostic| d.help(hint.clone())).collect(),
                ..diagnostic
            }
        };
        let scalar = value.term(value.target).shape == Shape::Scalar;
        let mut answers: Vec<(String, Answer)> = Vec::new();
        for order in 1..=self.order {
            for name in &wrt {
                let alone =
                    value.variables.iter().any(|variable| &*variable.name == *name && variable.shape == Shape::Scalar);
                let word = match (order, scalar, alone) {
                    (1, true, false) => "gradient",
                    (1, false, false) => "jacobian",
                    (2, true, false) => "hessian",
                    (1, ..) => "derivative",
                    (2, ..) => "derivative2",
                    _ => "derivative3",
                };
                let title = if wrt.len() > 1 { format!("{word}_{name}") } else { word.to_owned() };
                // blocks of a Hessian come with the gradient
                let asked = self.layout.filter(|layout| *layout != Layout::Blocks || !scalar || order > 1);
                let layout = asked.unwrap_or(match (order, scalar) {
                    (1, true) => Layout::Gradient,
                    (2.., false) => Layout::Tensor,
                    _ => Layout::Numerator,
                });
                let mut request = self.request.clone().order(order).layout(layout);
                if self.target == Target::Latex && order == 1 {
                    request = request.steps(Style::Chain, Language::default());
                }
                request.wrt = (*name).to_owned();
                answers.push((title, derive(&request)?));
            }
        }
        let typesetting = match self.target {
            Target::Latex => Some(Typesetting::Latex),
            Target::Typst => Some(Typesetting::Typst),
            _ => None,
        };
        if let Some(typesetting) = typesetting {
            shard::read(&self.shard, &[], self.target)?;
            return Ok(document::Document { script: &script, value: &value, answers: &answers }.write(typesetting));
        }
        let words: Vec<&str> =
            std::iter::once("value").chain(answers.iter().map(|(title, _)| title.as_str())).collect();
        let name = match (&self.name, words.as_slice()) {
            (Some(name), _) => name.clone(),
            (None, [one]) => (*one).to_owned(),
            (None, [first, second]) => format!("{first}_and_{second}"),
            (None, many) => many.join("_"),
        };
        let mut function = Function::new(name);
        let expression = expression_of(&answers, self, &script);
        function.result("value", expression.clone(), &value, value.target).map_err(refused)?;
        let mut title = Vec::new();
        for (word, answer) in &answers {
            let terms = self.terms(answer)?;
            let layout = answer.layout.name();
            let comment = format!("by {}, {layout} layout", answer.wrt);
            function.result(word, comment, &terms, terms.target).map_err(refused)?;
            title.push(format!("{word} = {}", answer.text()));
            if let Some(verdict) = answer.verified.as_ref().filter(|v| v.failure.is_none() && v.points > 0) {
                title.push(format!(
                    "    checked at {} random points: relative error {:.1e}",
                    verdict.points, verdict.max_relative_error
                ));
            }
        }
        title.insert(0, format!("value = {expression}"));
        if let Some((_, first)) = answers.first() {
            let known: Vec<String> = first.declared.iter().chain(&first.assumptions).cloned().collect();
            title.splice(0..0, known);
        }
        title.insert(0, format!("written by matgrad {}", env!("CARGO_PKG_VERSION")));
        let summary = match words.as_slice() {
            [_] => "The value.".to_owned(),
            [_, only] => format!("The value and its {only}.", only = only.replace('_', " by ")),
            _ => "The value and its derivatives.".to_owned(),
        };
        function.describe(title, summary);
        let arguments = function.arguments();
        function.shard(&shard::read(&self.shard, &arguments, self.target)?);
        if self.target == Target::Dask && self.shard.is_empty() {
            return Err(shard::missing(source.clone(), &arguments));
        }
        function.write(self.target).map_err(refused)
    }

    /// The terms of an answer, in the context of what was declared and assumed.
    fn terms(&self, answer: &Answer) -> Result<Terms, Failure> {
        let (definitions, (left, right)) = answer.derivative.statements("derivative", TextOptions::PLAIN);
        let context: Vec<String> = answer.declared.iter().chain(&answer.assumptions).cloned().collect();
        let lines: Vec<String> = context.into_iter().chain(definitions).chain([format!("{left} = {right}")]).collect();
        let (source, script) = Text::script("the derivative", lines.join("\n")).read()?;
        elaborate(&script, &infer::Options::default()).map_err(|diagnostics| Failure { source, diagnostics })
    }
}

/// The function as it was written.
fn expression_of(answers: &[(String, Answer)], code: &Code, script: &matgrad_syntax::Script) -> String {
    if let Some((_, answer)) = answers.first() {
        return answer.expression.clone();
    }
    use matgrad_syntax::StatementKind;
    let last = script.statements.iter().rev().find_map(|statement| match &statement.kind {
        StatementKind::Definition { name, body, .. } => {
            code.request.of.as_deref().is_none_or(|of| &*name.name == of).then_some(*body)
        }
        StatementKind::Expression(body) => Some(*body),
        _ => None,
    });
    last.map_or_else(String::new, |body| matgrad_render::text(&script.ast, body, TextOptions::PLAIN))
}
