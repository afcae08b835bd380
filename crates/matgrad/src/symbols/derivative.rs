//! Derivatives of expressions, which are expressions again.

use std::sync::{Arc, OnceLock};

use matgrad_calculus::layout::Layout;
use matgrad_render::TextOptions;

use super::expr::{Expr, Kind};
use super::read::{Read, Variable};
use crate::{
    Answer, Claim, Code, Evaluation, Failure, Finding, Language, Request, Step, Style, Target, Text, check, derive,
};

/// A derivative, with the question that it answers.
pub(super) struct Derived {
    pub function: Expr,
    pub answer: Answer,
    /// What was asked for.
    pub request: Request,
    pub wrt: Variable,
    expression: OnceLock<Expr>,
}

impl Derived {
    /// The answer, read again.
    pub fn expression(&self) -> &Expr {
        self.expression.get_or_init(|| {
            let answer = &self.answer;
            let (definitions, (left, right)) = answer.derivative.statements("derivative", TextOptions::PLAIN);
            let context = answer.declared.iter().chain(&answer.assumptions).cloned();
            let plain = answer.derivative.formula.axes.is_none();
            let value = if plain { right } else { format!("{left} = {right}") };
            let lines: Vec<String> = context.chain(definitions).chain([value]).collect();
            let text = lines.join("\n");
            Expr::leaf(Kind::Read(Arc::new(Read::of(Text::script("the derivative", text.as_str()), &text))))
        })
    }
}

impl Expr {
    /// The derivative in numerator layout.
    ///
    /// ```
    /// use matgrad::symbols::{matrix, vector};
    /// let (a, x) = (matrix("A", "m", "n"), vector("x", "n"));
    /// assert_eq!((&a * &x).norm().pow(2).diff(&x)?.text(), "2*x'*A'*A");
    /// # Ok::<(), matgrad::Failure>(())
    /// ```
    ///
    /// # Errors
    /// Shapes that do not fit, or a function that has no derivative.
    pub fn diff(&self, x: impl Into<Variable>) -> Result<Expr, Failure> {
        self.derivative(x, |request| request)
    }

    /// The gradient, of a scalar function shaped like the variable.
    ///
    /// # Errors
    /// As [`Expr::diff`].
    pub fn gradient(&self, x: impl Into<Variable>) -> Result<Expr, Failure> {
        self.derivative(x, |request| request.layout(Layout::Gradient))
    }

    /// The flattened Jacobian.
    ///
    /// # Errors
    /// As [`Expr::diff`].
    pub fn jacobian(&self, x: impl Into<Variable>) -> Result<Expr, Failure> {
        self.derivative(x, |request| request.layout(Layout::Jacobian))
    }

    /// The Hessian of a scalar function.
    ///
    /// ```
    /// use matgrad::symbols::{matrix, vector};
    /// let (a, x) = (matrix("A", "n", "n"), vector("x", "n"));
    /// assert_eq!((x.t() * &a * &x).hessian(&x)?.text(), "A + A'");
    /// # Ok::<(), matgrad::Failure>(())
    /// ```
    ///
    /// # Errors
    /// As [`Expr::diff`].
    pub fn hessian(&self, x: impl Into<Variable>) -> Result<Expr, Failure> {
        self.derivative(x, |request| request.order(2))
    }

    /// Any derivative: the request is that of [`Expr::diff`], to be changed.
    ///
    /// ```
    /// use matgrad::Layout;
    /// use matgrad::symbols::{matrix, vector};
    /// let (a, x) = (matrix("A", "m", "n"), vector("x", "n"));
    /// assert_eq!((a * &x).derivative(&x, |request| request.layout(Layout::Denominator))?.text(), "A'");
    /// # Ok::<(), matgrad::Failure>(())
    /// ```
    ///
    /// # Errors
    /// As [`Expr::diff`].
    pub fn derivative(
        &self,
        x: impl Into<Variable>,
        request: impl FnOnce(Request) -> Request,
    ) -> Result<Expr, Failure> {
        let wrt = x.into();
        let request = request(self.request(&wrt));
        let answer = derive(&request)?;
        Ok(Expr::leaf(Kind::Derived(Arc::new(Derived {
            function: self.clone(),
            answer,
            request,
            wrt,
            expression: OnceLock::new(),
        }))))
    }

    /// The request for a derivative, for [`derive`](crate::derive()) and its kin.
    pub fn request(&self, x: &Variable) -> Request {
        let text = match &self.node.kind {
            // what is differentiated again is the formula
            Kind::Derived(derived) => derived.expression().text_by(&x.name, x.symbol.as_ref()),
            // as it stands, so that what is assumed of its names is said
            Kind::Read(read) if x.symbol.is_none() => read.source().clone(),
            _ => self.text_by(&x.name, x.symbol.as_ref()),
        };
        Request::new(text, x.name.as_str())
    }

    pub(super) fn derived(&self) -> Option<&Arc<Derived>> {
        if let Kind::Derived(derived) = &self.node.kind { Some(derived) } else { None }
    }

    /// The answer behind a derivative: domain, check, steps, and what else there is to know.
    pub fn answer(&self) -> Option<&Answer> {
        self.derived().map(|derived| &derived.answer)
    }

    /// The steps of the derivation of a derivative; none of another expression.
    ///
    /// ```
    /// use matgrad::symbols::{matrix, vector};
    /// use matgrad::{Language, Style};
    /// let (a, x) = (matrix("A", "m", "n"), vector("x", "n"));
    /// let gradient = (a * &x).norm().pow(2).gradient(&x)?;
    /// assert!(!gradient.steps(Style::Chain, Language::English)?.is_empty());
    /// # Ok::<(), matgrad::Failure>(())
    /// ```
    ///
    /// # Errors
    /// As [`Expr::diff`].
    pub fn steps(&self, style: Style, language: Language) -> Result<Vec<Step>, Failure> {
        let Some(derived) = self.derived() else { return Ok(Vec::new()) };
        let request = derived.request.clone().unverified().steps(style, language);
        Ok(derive(&request)?.steps)
    }

    /// Compares a claimed derivative with the true one.
    ///
    /// ```
    /// use matgrad::symbols::{matrix, vector};
    /// let (a, x, b) = (vector("a", "m"), matrix("X", "m", "n"), vector("b", "n"));
    /// assert!((a.t() * &x * b).check(&x, "a*b'")?.right);
    /// # Ok::<(), matgrad::Failure>(())
    /// ```
    ///
    /// # Errors
    /// What is wrong with the function or the claim.
    pub fn check(&self, x: impl Into<Variable>, claim: &str) -> Result<Finding, Failure> {
        check(&self.request(&x.into()), &Claim { text: claim.to_owned(), any_layout: true })
    }

    /// Value and derivative as a program in another language.
    ///
    /// # Errors
    /// As [`Expr::diff`], or what the language has no means for.
    pub fn code(&self, x: impl Into<Variable>, target: Target) -> Result<String, Failure> {
        Code::new(self.request(&x.into()), target).write()
    }

    /// An evaluation of the expression, to which derivatives, products and the rest of [`Evaluation`] can be added.
    pub fn evaluation(&self) -> Evaluation {
        Evaluation::new(self.to_text())
    }
}
