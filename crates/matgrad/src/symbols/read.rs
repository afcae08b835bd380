//! Texts of the language as expressions.

use std::sync::{Arc, OnceLock};

use matgrad_calculus::infer;
use matgrad_syntax::{ExprId, Script, StatementKind, normalize_name};

use super::expr::{Expr, Kind, Symbol};
use super::shape::Shape;
use crate::{Failure, Text};

/// A text that was read: its tree, and the symbols in it with the shapes that inference finds.
pub(super) struct Read {
    source: Text,
    text: String,
    known: OnceLock<Known>,
    tree: Option<(Script, ExprId)>,
    failure: Option<Arc<Failure>>,
}

struct Known {
    symbols: Vec<Arc<Symbol>>,
    assumptions: Vec<String>,
    shape: Result<Shape, Arc<Failure>>,
}

impl Read {
    /// An expression or a script, whose value is its last definition or expression.
    pub fn new(text: &str) -> Self {
        Self::of(Text::expression(text), text)
    }

    pub fn of(source: Text, text: &str) -> Self {
        let (mut tree, mut failure) = (None, None);
        match source.read() {
            Ok((place, script)) => {
                let root = script.statements.iter().rev().find_map(|statement| match &statement.kind {
                    StatementKind::Definition { body, .. } | StatementKind::Expression(body) => Some(*body),
                    _ => None,
                });
                match root {
                    Some(root) => tree = Some((script, root)),
                    None => failure = Some(Failure::whole(place, "nothing-to-do", "the text has no value")),
                }
            }
            Err(found) => failure = Some(found),
        }
        Self { source, text: text.to_owned(), known: OnceLock::new(), tree, failure: failure.map(Arc::new) }
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text with its declarations, as it was given.
    pub fn source(&self) -> &Text {
        &self.source
    }

    /// The whole script and its value, where the text is in the language.
    pub fn tree(&self) -> Option<(&Script, ExprId)> {
        self.tree.as_ref().map(|(script, root)| (script, *root))
    }

    fn known(&self) -> &Known {
        self.known.get_or_init(|| {
            let found = self.analyze();
            found.unwrap_or_else(|failure| Known { symbols: Vec::new(), assumptions: Vec::new(), shape: Err(failure) })
        })
    }

    fn analyze(&self) -> Result<Known, Arc<Failure>> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let (source, script) = self.source.read()?;
        let analysis = infer::analyze(&script, &infer::Options::default());
        let analysis = analysis.map_err(|diagnostics| Failure { source, diagnostics })?;
        let sizes = &analysis.graph.sizes;
        let implicit = |name: &str| analysis.implicits.iter().any(|implicit| &*implicit.name == name);
        let symbols = analysis.variables.iter().filter(|variable| !implicit(&variable.name)).map(|variable| {
            let dims = match &variable.shape {
                infer::Shape::Row(n) => vec!["1".to_owned(), sizes.text(*n)],
                shape => shape.axes().iter().map(|dim| sizes.text(*dim)).collect(),
            };
            Arc::new(Symbol { name: variable.name.clone(), dims, attributes: variable.attributes.clone() })
        });
        let shape = Ok(Shape::of(&analysis.target.shape, sizes));
        Ok(Known { symbols: symbols.collect(), assumptions: analysis.assumptions.clone(), shape })
    }

    pub fn symbols(&self) -> &[Arc<Symbol>] {
        &self.known().symbols
    }

    pub fn shape(&self) -> Result<Shape, Arc<Failure>> {
        self.known().shape.clone()
    }
}

impl Expr {
    /// An expression from text. Names that the text does not declare are read by the convention of the language.
    ///
    /// ```
    /// use matgrad::symbols::Expr;
    /// let f = Expr::read("norm(y - Phi*theta)^2");
    /// assert_eq!(f.gradient("theta")?.text(), "-2*Phi'*(y - Phi*theta)");
    /// # Ok::<(), matgrad::Failure>(())
    /// ```
    pub fn read(text: &str) -> Expr {
        Expr::leaf(Kind::Read(Arc::new(Read::new(text))))
    }

    /// The same with declarations before it.
    pub fn read_with<T: AsRef<str>>(text: &str, declarations: impl IntoIterator<Item = T>) -> Expr {
        let mut source = Text::expression(text);
        for declaration in declarations {
            source = source.declare(declaration.as_ref());
        }
        Expr::leaf(Kind::Read(Arc::new(Read::of(source, text))))
    }

    /// What was assumed of names that a text does not declare, as declarations.
    pub fn assumptions(&self) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        for expr in super::text::post_order(std::slice::from_ref(self)) {
            if let Kind::Read(read) = &expr.node.kind {
                let new = read.known().assumptions.iter().filter(|line| !all.contains(line)).cloned();
                all.extend(new.collect::<Vec<String>>());
            }
        }
        all
    }
}

/// What names the variable that is differentiated by: a symbol, or its name.
#[derive(Clone, Debug)]
pub struct Variable {
    pub(super) name: String,
    pub(super) symbol: Option<Arc<Symbol>>,
}

impl Variable {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl From<&Expr> for Variable {
    fn from(expr: &Expr) -> Self {
        match expr.symbol() {
            Some(symbol) => Variable { name: symbol.name.to_string(), symbol: Some(symbol.clone()) },
            // no symbol: the text is no name, which the request says
            None => Variable { name: expr.text(), symbol: None },
        }
    }
}

impl From<&str> for Variable {
    fn from(name: &str) -> Self {
        Variable { name: normalize_name(name).to_string(), symbol: None }
    }
}

impl From<&String> for Variable {
    fn from(name: &String) -> Self {
        Variable::from(name.as_str())
    }
}
