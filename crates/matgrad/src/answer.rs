//! What comes back: the derivative as a formula, and everything a reader has to know about it.

use std::collections::BTreeMap;

use matgrad_calculus::layout::Layout;
use matgrad_calculus::notation::{Formula, Helper, Notation};
use matgrad_check::Verdict;
use matgrad_render::{Kind, Markup, TextOptions, Typesetting};
use matgrad_syntax::{Ast, ExprId, ExprKind, Name, Rational};

use crate::{Convention, Placement};

/// A formula with its shape, ready to be shown.
#[derive(Clone, Debug)]
pub struct Written {
    /// The tree.
    pub formula: Formula,
    /// Rows and columns in dimension names, or one entry an axis for the tensor layout.
    pub shape: Vec<String>,
    /// The name of an index definition.
    pub(crate) name: Name,
    /// What the names stand for.
    pub(crate) kinds: BTreeMap<Name, Kind>,
    /// Values that equations define and only the formula has.
    pub(crate) values: Vec<Defined>,
}

/// A name that an equation defines.
#[derive(Clone, Debug)]
pub(crate) struct Defined {
    pub name: Name,
    pub ast: Ast,
    pub left: ExprId,
    pub right: ExprId,
}

impl Written {
    /// The formula in the language: an expression, an index definition `G[p,q,i,j] = …`, or, where shared parts have
    /// names, a script whose last definition is the derivative.
    pub fn text(&self, options: TextOptions) -> String {
        let (mut parts, (left, right)) = self.statements("derivative", options);
        let plain = parts.is_empty() && self.formula.axes.is_none();
        parts.push(if plain { right } else { format!("{left} = {right}") });
        parts.join("; ")
    }

    /// The definitions of shared parts, and the two sides of the definition of the whole, called `name` where it needs
    /// no indices.
    pub fn statements(&self, name: &str, options: TextOptions) -> (Vec<String>, (String, String)) {
        let ast = &self.formula.ast;
        let text = |id: ExprId| matgrad_render::text(ast, id, options);
        let definition = |helper: &Helper| {
            let Helper { name, parameters, body } = helper;
            match parameters.as_slice() {
                [] => format!("{name} = {}", text(*body)),
                _ => format!("{name}({}) = {}", parameters.join(", "), text(*body)),
            }
        };
        let implicit = |Defined { name, ast, left, right }: &Defined| {
            let text = |id: ExprId| matgrad_render::text(ast, id, options);
            format!("define {name} by {} = {}", text(*left), text(*right))
        };
        let values = self.values.iter().map(implicit);
        let before = values.chain(self.formula.definitions.iter().map(definition)).collect();
        let left = match &self.formula.axes {
            Some(axes) => {
                // the printer writes whole definitions; a 1 as body is cut off again
                let mut ast = ast.clone();
                let one = ast.add(ExprKind::Number(Rational::ONE));
                let whole = matgrad_render::definition_text(&ast, &self.name, axes, one, options);
                whole.strip_suffix(" = 1").unwrap_or(&whole).to_owned()
            }
            None => name.to_owned(),
        };
        (before, (left, text(self.formula.root)))
    }

    /// The formula in LaTeX.
    pub fn latex(&self) -> String {
        self.markup().write(Typesetting::Latex)
    }

    /// The formula as a textbook would print it, to be written as LaTeX, MathML or Typst.
    pub fn markup(&self) -> Markup {
        let mut parts = self.definition_markups();
        parts.push(self.own_markup());
        Markup::list(parts)
    }

    /// The definitions before the formula.
    fn definition_markups(&self) -> Vec<Markup> {
        let kind = |name: &str| self.kind_of(name);
        let definitions: Vec<(&Name, &[Name], ExprId)> =
            self.formula.definitions.iter().map(|d| (&d.name, d.parameters.as_slice(), d.body)).collect();
        let mut parts: Vec<Markup> = Vec::new();
        for Defined { ast, left, right, .. } in &self.values {
            let side = |id: ExprId| Markup::expression(ast, id, &kind);
            parts.push(Markup::equation(side(*left), side(*right)));
        }
        parts.extend(Markup::definitions(&self.formula.ast, &definitions, &kind));
        parts
    }

    /// The formula without them.
    fn own_markup(&self) -> Markup {
        let (ast, kind) = (&self.formula.ast, |name: &str| self.kind_of(name));
        match &self.formula.axes {
            Some(axes) => {
                let indices: Vec<Name> = axes.iter().map(|(name, _)| name.clone()).collect();
                Markup::definition(ast, &self.name, &indices, self.formula.root, &kind)
            }
            None => Markup::expression(ast, self.formula.root, &kind),
        }
    }

    /// The formula under a name as rows of characters for a terminal of this width, its definitions above it; `None` where
    /// it is too large for that.
    ///
    /// ```
    /// use matgrad::{Request, Text, derive};
    /// let answer = derive(&Request::new(Text::expression("norm(A*x)"), "x").layout(matgrad::Layout::Gradient))?;
    /// let rows = answer.derivative.in_rows("g", 80).unwrap();
    /// assert_eq!(rows, ["    Aᵀ A x", "g = ──────", "    ‖A x‖₂"]);
    /// # Ok::<(), matgrad::Failure>(())
    /// ```
    pub fn in_rows(&self, name: &str, width: usize) -> Option<Vec<String>> {
        let left = Markup::name(name, &|_| Kind::Scalar);
        let own = match self.formula.axes {
            Some(_) => self.own_markup(),
            None => Markup::equation(left, self.own_markup()),
        };
        let mut rows: Vec<String> = Vec::new();
        for part in self.definition_markups().into_iter().chain([own]) {
            let more = part.plane(width)?;
            if !rows.is_empty() && more.len() > 1 {
                rows.push(String::new());
            }
            rows.extend(more);
        }
        Some(rows)
    }

    /// What a name stands for.
    pub(crate) fn kind_of(&self, name: &str) -> Kind {
        self.kinds.get(name).copied().unwrap_or_else(|| matgrad_render::conventional_kind(name))
    }

    /// The notation it needs.
    pub fn notation(&self) -> Notation {
        self.formula.notation
    }
}

/// One step of a derivation.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The rules that were used, in the language that was asked for.
    pub rule: String,
    /// Their names in English.
    pub key: String,
    /// What the first of them says, and where it is proved.
    pub statement: String,
    /// Where that comes from.
    pub source: String,
    /// What is done, in a sentence.
    pub why: String,
    /// What it says here: definitions of the language, one after the other, of differentials `dL` and derivatives `dL_de`.
    pub text: String,
    /// The same in LaTeX.
    pub latex: String,
    /// The same, each equation by itself.
    pub equations: Vec<Equation>,
    /// What the right side was before, where it was something.
    pub before: Option<String>,
    /// What it is now.
    pub after: String,
    /// Rows and columns, or one entry an axis.
    pub shape: Vec<String>,
    /// The outcome of its check.
    pub verified: Option<Verdict>,
}

/// An equation of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Equation {
    /// In the language.
    pub text: String,
    /// In LaTeX.
    pub latex: String,
    /// In MathML, an element for each statement.
    pub mathml: Vec<String>,
    /// For a terminal: `∂L/∂e = 2*eᵀ`.
    pub unicode: String,
}

/// A derivative that was found.
#[derive(Clone, Debug)]
pub struct Answer {
    /// What it is: `derivative`, `gradient`, `hessian`, `directional`, and so on.
    pub title: &'static str,
    /// The query of a script that it answers.
    pub query: Option<String>,
    /// The function as it was written.
    pub expression: String,
    /// The variable.
    pub wrt: String,
    /// The order.
    pub order: usize,
    /// The layout.
    pub layout: Layout,
    /// What structure of the variable means.
    pub convention: Convention,
    /// The derivative.
    pub derivative: Written,
    /// Beside the numerator layout of a scalar function: its gradient, shaped like the variable.
    pub gradient: Option<Written>,
    /// Other forms of the answer, each with its name: the absolute value and the logarithm of a determinant.
    pub also: Vec<(&'static str, Written)>,
    /// What is declared of what the function needs.
    pub declared: Vec<String>,
    /// What was assumed of names that nobody declared, as declarations.
    pub assumptions: Vec<String>,
    /// Where the formula holds.
    pub domain: Vec<String>,
    /// What structure of the variable means for the derivative, where it has any; one of the notes.
    pub structure: Option<String>,
    /// What else to know.
    pub notes: Vec<String>,
    /// The outcome of the check; `None` where none was asked for.
    pub verified: Option<Verdict>,
    /// The steps of the derivation.
    pub steps: Vec<Step>,
    /// Beside the steps of a first derivative: what every layout does with the same partial derivatives.
    pub layouts: Vec<Placement>,
}

impl Answer {
    /// The derivative in the language, in ASCII but for `⊗`.
    pub fn text(&self) -> String {
        self.derivative.text(TextOptions::PLAIN)
    }

    /// The derivative in LaTeX.
    pub fn latex(&self) -> String {
        self.derivative.latex()
    }

    /// The derivative as a textbook would print it.
    pub fn markup(&self) -> Markup {
        self.derivative.markup()
    }

    /// Whether the check found the derivative wrong. That is a defect of this library and has to be said loudly.
    pub fn is_refuted(&self) -> bool {
        self.verified.as_ref().is_some_and(|verdict| verdict.failure.is_some())
    }
}
