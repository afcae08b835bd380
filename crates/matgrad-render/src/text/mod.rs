//! Expressions as text of the language: what is written parses again, to the same tree up to the association of sums
//! and the place of a sign in a product.

mod node;
mod number;
mod statement;

use matgrad_syntax::{Ast, ExprId};

pub(crate) use number::number_text;
pub use statement::{declaration_text, definition_text, statement_text};

/// How text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextOptions {
    /// `θ`, `Xᵀ`, `⊗`, `⊙` rather than ASCII.
    pub unicode: bool,
    /// `A ⊗ B` rather than `kron(A, B)` in ASCII too.
    pub kron_sign: bool,
    /// The longest text that is written. An expression whose parts are shared may be exponentially longer than its tree.
    pub max_bytes: usize,
}

impl TextOptions {
    /// Plain ASCII.
    pub const ASCII: TextOptions = TextOptions { unicode: false, kron_sign: false, max_bytes: 64 << 20 };
    /// ASCII with the one sign that has no short spelling, `⊗`.
    pub const PLAIN: TextOptions = TextOptions { unicode: false, kron_sign: true, max_bytes: 64 << 20 };
    /// Unicode mathematics.
    pub const UNICODE: TextOptions = TextOptions { unicode: true, kron_sign: true, max_bytes: 64 << 20 };
}

impl Default for TextOptions {
    fn default() -> Self {
        Self::ASCII
    }
}

/// An expression as text. Past the limit of the options the text ends in `…`.
///
/// ```
/// use matgrad_render::{TextOptions, text};
/// use matgrad_syntax::{StatementKind, parse};
/// let script = parse("-2*(((y - (Phi*theta))')*Phi)").script;
/// let StatementKind::Expression(root) = script.statements[0].kind else { panic!() };
/// assert_eq!(text(&script.ast, root, TextOptions::ASCII), "-2*((y - Phi*theta)'*Phi)");
/// assert_eq!(text(&script.ast, root, TextOptions::UNICODE), "-2*((y - Φ*θ)ᵀ*Φ)");
/// ```
pub fn text(ast: &Ast, root: ExprId, options: TextOptions) -> String {
    let mut printer = Printer::new(ast, options);
    printer.expression(root, COMPARISON);
    printer.out
}

/// How tight an expression binds; brackets go where it binds looser than its place needs.
pub(crate) const COMPARISON: u8 = 1;
pub(crate) const INNER: u8 = 2;
pub(crate) const SUM: u8 = 3;
pub(crate) const PRODUCT: u8 = 4;
pub(crate) const NEGATION: u8 = 5;
pub(crate) const POWER: u8 = 6;
pub(crate) const POSTFIX: u8 = 7;

/// What is still to be written.
#[derive(Clone, Copy)]
enum Piece<'a> {
    Text(&'static str),
    Name(&'a str),
    /// An expression at a place that needs at least `min`; `strip` where its leading sign is already written.
    Expr {
        id: ExprId,
        min: u8,
        strip: bool,
    },
}

struct Printer<'a> {
    ast: &'a Ast,
    options: TextOptions,
    /// `n+1` rather than `n + 1`, within subscripts and shapes
    compact: bool,
    out: String,
    work: Vec<Piece<'a>>,
}

impl<'a> Printer<'a> {
    fn new(ast: &'a Ast, options: TextOptions) -> Self {
        Self { ast, options, compact: false, out: String::new(), work: Vec::new() }
    }

    /// Writes an expression that stands at a place that needs at least `min`.
    fn expression(&mut self, root: ExprId, min: u8) {
        let bottom = self.work.len();
        self.work.push(Piece::Expr { id: root, min, strip: false });
        let mut pending = Vec::new();
        while self.work.len() > bottom
            && let Some(piece) = self.work.pop()
        {
            if self.out.len() > self.options.max_bytes {
                self.work.truncate(bottom);
                self.out.push('…');
                return;
            }
            match piece {
                Piece::Text(text) => self.out.push_str(text),
                Piece::Name(name) => self.name(name),
                Piece::Expr { id, min, strip } => {
                    self.node(id, min, strip, &mut pending);
                    self.work.extend(pending.drain(..).rev());
                }
            }
        }
    }

    fn name(&mut self, name: &str) {
        match matgrad_syntax::greek_name(name).filter(|_| self.options.unicode) {
            Some(greek) => self.out.push_str(&greek),
            None => self.out.push_str(name),
        }
    }
}

#[cfg(test)]
mod tests;
