//! Text to tokens. Afterwards every bracket knows its mate, and statement ends stand only where no bracket is open.

use crate::{Diagnostic, Span};

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    Number,
    Name,
    /// A run of superscript characters.
    Superscript,
    Plus,
    Minus,
    Star,
    DotStar,
    Slash,
    DotSlash,
    Backslash,
    Caret,
    DotCaret,
    Kron,
    Quote,
    Less,
    LessEq,
    Greater,
    GreaterEq,
    EqEq,
    NotEq,
    Eq,
    Arrow,
    Colon,
    Comma,
    /// `;` within brackets
    Semicolon,
    /// `∈`
    In,
    /// `×`
    Times,
    OpenParen,
    CloseParen,
    OpenSquare,
    CloseSquare,
    OpenBrace,
    CloseBrace,
    /// A line end or a `;` outside brackets, and the end of the text.
    End,
}

use TokenKind::*;

/// A token; `mate` is the index of the matching bracket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    pub kind: TokenKind,
    /// White space stands before it.
    pub spaced: bool,
    pub span: Span,
    pub mate: Option<u32>,
}

/// The longest source that is read.
pub(crate) const MAX_SOURCE: usize = 64 << 20;

/// Tokens of a source; the last is always an `End`.
pub(crate) fn lex(source: &str, diagnostics: &mut Vec<Diagnostic>) -> Vec<Token> {
    let mut lexer = Lexer { source, at: 0, spaced: false, tokens: Vec::with_capacity(source.len() / 3 + 2) };
    while let Some(c) = lexer.peek() {
        if let Err(diagnostic) = lexer.token(c) {
            // one report per statement: what follows an unreadable character is rarely independent
            if diagnostics.len() < 100 {
                diagnostics.push(diagnostic);
            }
        }
    }
    lexer.push(End, source.len());
    close_brackets(lexer.tokens)
}

struct Lexer<'s> {
    source: &'s str,
    at: usize,
    spaced: bool,
    tokens: Vec<Token>,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        self.source.get(self.at..).unwrap_or("")
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn peek_second(&self) -> Option<char> {
        self.rest().chars().nth(1)
    }

    fn push(&mut self, kind: TokenKind, end: usize) {
        let span = Span::new(self.at, end);
        self.tokens.push(Token { kind, spaced: self.spaced, span, mate: None });
        self.at = end;
        self.spaced = false;
    }

    fn take_while(&self, from: usize, wanted: impl Fn(char) -> bool) -> usize {
        let rest = self.source.get(from..).unwrap_or("");
        from + rest.find(|c| !wanted(c)).unwrap_or(rest.len())
    }

    fn token(&mut self, c: char) -> Result<(), Diagnostic> {
        match c {
            '\n' => {
                self.push(End, self.at + 1);
                self.spaced = true;
            }
            '#' => {
                self.at = self.take_while(self.at, |c| c != '\n');
                self.spaced = true;
            }
            '0'..='9' => self.number(),
            '.' => return self.dot(),
            c if is_name_start(c) => {
                let end = self.take_while(self.at, is_name_continue);
                self.push(Name, end);
            }
            c if superscript(c).is_some() => {
                let end = self.take_while(self.at, |c| superscript(c).is_some());
                self.push(Superscript, end);
            }
            c if c.is_whitespace() || is_invisible(c) => {
                self.at += c.len_utf8();
                self.spaced = true;
            }
            _ => return self.operator(c),
        }
        Ok(())
    }

    /// Digits with a fraction and an exponent; a dot before an operator belongs to the operator.
    fn number(&mut self) {
        let digit = |c: char| c.is_ascii_digit();
        let mut end = self.take_while(self.at, digit);
        let mut after = self.source.get(end..).unwrap_or("").chars();
        if after.next() == Some('.') && !matches!(after.next(), Some('*' | '/' | '^' | '\'')) {
            end = self.take_while(end + 1, digit);
        }
        self.exponent(end);
    }

    fn exponent(&mut self, mantissa_end: usize) {
        let mut after = self.source.get(mantissa_end..).unwrap_or("").chars();
        let mut end = mantissa_end;
        if matches!(after.next(), Some('e' | 'E')) {
            let digits = mantissa_end + 1 + usize::from(matches!(after.next(), Some('+' | '-')));
            let last = self.take_while(digits, |c| c.is_ascii_digit());
            if last > digits {
                end = last;
            }
        }
        self.push(Number, end);
    }

    fn dot(&mut self) -> Result<(), Diagnostic> {
        let kind = match self.peek_second() {
            Some('*') => DotStar,
            Some('/') => DotSlash,
            Some('^') => DotCaret,
            Some('\'') => Quote,
            Some('0'..='9') => {
                let end = self.take_while(self.at + 1, |c| c.is_ascii_digit());
                self.exponent(end);
                return Ok(());
            }
            Some('T') => return self.unexpected('.', Some("the transpose is written `X'`")),
            _ => {
                return self
                    .unexpected('.', Some("entry by entry is `.*`, `./`, `.^`; a decimal has digits after the dot"));
            }
        };
        self.push(kind, self.at + 2);
        Ok(())
    }

    fn operator(&mut self, c: char) -> Result<(), Diagnostic> {
        let second = self.peek_second();
        let (kind, length) = match (c, second) {
            ('-', Some('>')) => (Arrow, 2),
            ('<', Some('=')) => (LessEq, 2),
            ('>', Some('=')) => (GreaterEq, 2),
            ('=', Some('=')) => (EqEq, 2),
            ('!', Some('=')) => (NotEq, 2),
            ('=', _) => (Eq, 1),
            ('+', _) => (Plus, 1),
            ('-', _) => (Minus, 1),
            ('*', _) => (Star, 1),
            ('/', _) => (Slash, 1),
            ('\\', _) => (Backslash, 1),
            ('^', _) => (Caret, 1),
            ('\'', _) => (Quote, 1),
            (':', _) => (Colon, 1),
            ('<', _) => (Less, 1),
            ('>', _) => (Greater, 1),
            (',', _) => (Comma, 1),
            (';', _) => (Semicolon, 1),
            ('(', _) => (OpenParen, 1),
            (')', _) => (CloseParen, 1),
            ('[', _) => (OpenSquare, 1),
            (']', _) => (CloseSquare, 1),
            ('{', _) => (OpenBrace, 1),
            ('}', _) => (CloseBrace, 1),
            _ => {
                let kind = match c {
                    '−' => Minus,
                    '·' | '⋅' | '∗' => Star,
                    '⊙' | '∘' => DotStar,
                    '⊗' => Kron,
                    '÷' => Slash,
                    '′' | '’' => Quote,
                    '≤' => LessEq,
                    '≥' => GreaterEq,
                    '≠' => NotEq,
                    '→' => Arrow,
                    '∈' => In,
                    '×' => Times,
                    '∑' | '∏' => Name,
                    _ => return self.unexpected(c, advice(c)),
                };
                (kind, c.len_utf8())
            }
        };
        self.push(kind, self.at + length);
        Ok(())
    }

    fn unexpected(&mut self, c: char, help: Option<&str>) -> Result<(), Diagnostic> {
        let span = Span::new(self.at, self.at + c.len_utf8());
        self.at += c.len_utf8();
        self.spaced = true;
        let shown = if c.is_control() { format!("U+{:04X}", c as u32) } else { format!("`{c}`") };
        let diagnostic = Diagnostic::error("unexpected-character", span, format!("unexpected character {shown}"));
        Err(match help {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        })
    }
}

fn advice(c: char) -> Option<&'static str> {
    Some(match c {
        '@' => "the matrix product is written `A*B`",
        '%' => "a comment starts with `#`",
        '!' => "unequal is written `!=`",
        '|' | '‖' => "write `abs(x)` for an absolute value, `norm(x)` for a norm, `det(X)` for a determinant",
        '√' => "write `sqrt(x)`",
        '∂' | '∇' => "ask for a derivative with `diff F wrt X`",
        '"' | '“' | '”' | '`' | '‘' => "a transpose is written with a plain `'`",
        '&' => "write a product of the two conditions",
        _ => return None,
    })
}

fn is_invisible(c: char) -> bool {
    matches!(c, '\u{feff}' | '\u{200b}' | '\u{2060}')
}

fn is_name_start(c: char) -> bool {
    c == '_' || c.is_ascii_alphabetic() || (!c.is_ascii() && c.is_alphabetic() && superscript(c).is_none())
}

fn is_name_continue(c: char) -> bool {
    is_name_start(c)
        || c.is_ascii_digit()
        || crate::greek::subscript_digit(c).is_some()
        || matches!(c, '\u{300}'..='\u{36f}')
}

/// The plain character of a superscript one.
pub(crate) fn superscript(c: char) -> Option<char> {
    if c.is_ascii() {
        return None;
    }
    const SUPERSCRIPTS: [(char, char); 23] = [
        ('⁰', '0'),
        ('¹', '1'),
        ('²', '2'),
        ('³', '3'),
        ('⁴', '4'),
        ('⁵', '5'),
        ('⁶', '6'),
        ('⁷', '7'),
        ('⁸', '8'),
        ('⁹', '9'),
        ('⁺', '+'),
        ('⁻', '-'),
        ('ᵀ', 'T'),
        ('⊤', 'T'),
        ('ˣ', 'x'),
        ('ᴺ', 'N'),
        ('ᴹ', 'M'),
        ('ᴰ', 'D'),
        ('ⁿ', 'n'),
        ('ᵐ', 'm'),
        ('ᵏ', 'k'),
        ('ᵖ', 'p'),
        ('ᵈ', 'd'),
    ];
    SUPERSCRIPTS.iter().find(|(sup, _)| *sup == c).map(|(_, plain)| *plain)
}

/// Finds the mate of every bracket, drops line ends within brackets, and turns `;` outside them into statement ends.
/// A bracket without a mate holds nothing together, so that one slip does not swallow the rest of a script.
fn close_brackets(mut tokens: Vec<Token>) -> Vec<Token> {
    let mut open: Vec<usize> = Vec::new();
    let mut counts = [0usize; 3];
    for at in 0..tokens.len() {
        match tokens[at].kind {
            OpenParen | OpenSquare | OpenBrace => {
                counts[shape(tokens[at].kind)] += 1;
                open.push(at);
            }
            CloseParen | CloseSquare | CloseBrace if counts[shape(tokens[at].kind)] > 0 => {
                while let Some(opening) = open.pop() {
                    let bracket = shape(tokens[opening].kind);
                    counts[bracket] -= 1;
                    if bracket == shape(tokens[at].kind) {
                        tokens[opening].mate = Some(at as u32);
                        tokens[at].mate = Some(opening as u32);
                        break;
                    }
                }
            }
            _ => {}
        }
    }
    drop_line_ends(tokens)
}

fn shape(kind: TokenKind) -> usize {
    match kind {
        OpenParen | CloseParen => 0,
        OpenSquare | CloseSquare => 1,
        _ => 2,
    }
}

fn drop_line_ends(tokens: Vec<Token>) -> Vec<Token> {
    let mut kept: Vec<Token> = Vec::with_capacity(tokens.len());
    let mut places = vec![0u32; tokens.len()]; // of each token among those kept
    let mut depth = 0usize;
    for (at, mut token) in tokens.into_iter().enumerate() {
        if token.mate.is_some() {
            if matches!(token.kind, OpenParen | OpenSquare | OpenBrace) {
                depth += 1;
            } else {
                depth = depth.saturating_sub(1);
            }
        }
        if token.kind == End && depth > 0 {
            continue;
        }
        if token.kind == Semicolon && depth == 0 {
            token.kind = End;
        }
        places[at] = kept.len() as u32;
        kept.push(token);
    }
    for token in &mut kept {
        token.mate = token.mate.and_then(|mate| places.get(mate as usize).copied());
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, expected: &str) {
        let mut diagnostics = Vec::new();
        let tokens = lex(source, &mut diagnostics);
        let texts: Vec<&str> =
            tokens.iter().map(|token| if token.kind == End { "|" } else { token.span.text(source) }).collect();
        assert_eq!(texts.join(" "), expected, "{source}");
        assert!(diagnostics.is_empty(), "{diagnostics:?}");
    }

    #[test]
    fn a_dot_before_an_operator_belongs_to_it() {
        check("1./x", "1 ./ x |");
        check("1.*x", "1 .* x |");
        check("2.^x", "2 .^ x |");
        check("1.'", "1 .' |");
        check("1.5*x", "1.5 * x |");
        check("1.+x", "1. + x |");
        check(".5e-3x", ".5e-3 x |");
        check("2e", "2 e |");
    }

    #[test]
    fn line_ends_count_outside_brackets_only() {
        check("a = [1\n2; 3]; b\nc", "a = [ 1 2 ; 3 ] | b | c |");
        check("f(x\ny = 1", "f ( x | y = 1 |");
        check("a # [ comment\nb", "a | b |");
        check("a)\n[b", "a ) | [ b |");
    }

    #[test]
    fn unicode_spellings() {
        check("x₁ᵀ ⊙ y⁻¹", "x₁ ᵀ ⊙ y ⁻¹ |");
        check("A ∈ ℝ^{m×n}", "A ∈ ℝ ^ { m × n } |");
        check("θ−λ", "θ − λ |");
    }

    #[test]
    fn strange_characters_are_reported_once_each() {
        let mut diagnostics = Vec::new();
        lex("a @ b $ c", &mut diagnostics);
        assert_eq!(diagnostics.len(), 2);
        assert_eq!(diagnostics[0].help, ["the matrix product is written `A*B`"]);
    }
}
