//! Matrix expressions on their way to print: an arena with the printed length of every expression.
//!
//! The length decides between equal forms, so it is kept with each expression as it is made. Vectors are columns;
//! a row is the transpose of one.

use matgrad_syntax::{BinaryOp, Name, Rational, patience};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use crate::graph::Dim;

/// Longer expressions are all equally long.
const LONGEST: u32 = 1 << 24;

/// An expression in an [`Arena`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct M(u32);

/// What shape an expression has as the reader sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    Scalar,
    Column,
    Row,
    Matrix,
}

/// A subscript.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Sub {
    All,
    At(M),
    Range(M, M),
}

/// What an expression is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    Number(Rational),
    Name(Name),
    /// A dimension as a number.
    Size(Dim),
    Sum(Vec<(Rational, M)>),
    /// number · scalars^exponents · chain of matrices
    Product {
        number: Rational,
        scalars: Vec<(M, Rational)>,
        chain: Vec<M>,
    },
    /// Entry by entry, with powers.
    Hadamard(Vec<(M, Rational)>),
    Transpose(M),
    /// Matrix power with a whole exponent; -1 is the inverse.
    Power(M, i64),
    Kron(M, M),
    /// A power with a symbolic exponent, entry by entry.
    Raise(M, M),
    /// A function, the differentiated argument positions of an abstract one, the arguments.
    Call(Name, SmallVec<[u8; 4]>, Vec<M>),
    Index(M, Vec<Sub>),
    /// `[a, b, c]`
    Column(Vec<M>),
    /// `[a, b; c, d]`
    Rows(Vec<Vec<M>>),
    Compare(Comparison, M, M),
    /// The name of a step of a recurrence, by the value of the step; its first parameters are given.
    Function {
        body: M,
        parameters: Vec<Name>,
        given: Vec<M>,
    },
}

/// In place of an argument position: the derivative by the one argument, written with a prime alone.
pub const WHOLE: u8 = u8::MAX;

/// Comparison operators that are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Comparison {
    Less,
    LessEq,
    Greater,
    GreaterEq,
    Equal,
    NotEqual,
}

impl Comparison {
    /// The operator of the language.
    pub fn op(self) -> BinaryOp {
        match self {
            Comparison::Less => BinaryOp::Less,
            Comparison::LessEq => BinaryOp::LessEq,
            Comparison::Greater => BinaryOp::Greater,
            Comparison::GreaterEq => BinaryOp::GreaterEq,
            Comparison::Equal => BinaryOp::Equal,
            Comparison::NotEqual => BinaryOp::NotEqual,
        }
    }
}

/// How tightly an expression holds together; lower ones need parentheses inside higher ones.
pub mod level {
    pub const COMPARE: u8 = 0;
    pub const SUM: u8 = 2;
    pub const PRODUCT: u8 = 3;
    pub const UNARY: u8 = 4;
    pub const POWER: u8 = 5;
    pub const ATOM: u8 = 7;
}

#[derive(Clone, Debug)]
struct Entry {
    kind: Kind,
    form: Form,
    length: u32,
    level: u8,
    symmetric: bool,
}

/// All expressions of one print.
#[derive(Clone, Debug, Default)]
pub struct Arena {
    entries: Vec<Entry>,
    index: FxHashMap<(Kind, Form), M>,
    pub(super) transposes: FxHashMap<M, M>,
    /// Rows and columns of what stands in Kronecker products.
    extents: FxHashMap<M, (M, M)>,
    /// Printed lengths of dimensions, filled by the caller.
    pub dim_text: FxHashMap<Dim, String>,
    /// How many rows the matrix in a `vec(…)` has.
    pub vec_rows: FxHashMap<M, Dim>,
    /// Whether `(X'*X)^-1*X'` stays as it is, not `pinv(X)`.
    pub spell_grams: bool,
}

impl Arena {
    /// What an expression is.
    pub fn kind(&self, m: M) -> &Kind {
        &self.entries[m.0 as usize].kind
    }

    /// Its shape.
    pub fn form(&self, m: M) -> Form {
        self.entries[m.0 as usize].form
    }

    /// How many characters it prints as, without spaces.
    pub fn length(&self, m: M) -> u32 {
        self.entries[m.0 as usize].length
    }

    /// Its precedence, see [`level`].
    pub fn level(&self, m: M) -> u8 {
        self.entries[m.0 as usize].level
    }

    /// Whether it equals its transpose.
    pub fn is_symmetric(&self, m: M) -> bool {
        self.entries[m.0 as usize].symmetric
    }

    /// Records that an expression equals its transpose.
    pub fn set_symmetric(&mut self, m: M) {
        self.entries[m.0 as usize].symmetric = true;
    }

    /// Rows and columns, where they are known.
    pub fn extent(&self, m: M) -> Option<(M, M)> {
        self.extents.get(&m).copied()
    }

    /// Records rows and columns.
    pub fn set_extent(&mut self, m: M, extent: (M, M)) {
        self.extents.insert(m, extent);
    }

    fn inside(&self, m: M, at_least: u8) -> u32 {
        self.length(m).saturating_add(if self.level(m) < at_least { 2 } else { 0 })
    }

    /// Makes an expression without any simplification.
    pub fn raw(&mut self, kind: Kind, form: Form) -> M {
        patience::look();
        if let Some(&m) = self.index.get(&(kind.clone(), form)) {
            return m;
        }
        let (length, level) = self.measure(&kind);
        let length = length.min(LONGEST);
        let m = M(self.entries.len() as u32);
        self.index.insert((kind.clone(), form), m);
        self.entries.push(Entry { kind, form, length, level, symmetric: false });
        m
    }

    /// An expression that was made before.
    pub fn find(&self, kind: &Kind, form: Form) -> Option<M> {
        self.index.get(&(kind.clone(), form)).copied()
    }

    fn number_length(value: &Rational) -> u32 {
        let (n, d) = value.parts();
        n.len() as u32 + if d == "1" { 0 } else { d.len() as u32 + 1 }
    }

    fn measure(&self, kind: &Kind) -> (u32, u8) {
        let list = |items: &[M]| -> u32 {
            items.iter().map(|m| self.length(*m) + 1).fold(0, u32::saturating_add).saturating_sub(1)
        };
        match kind {
            Kind::Number(value) => {
                let level = if value.is_negative() {
                    level::UNARY
                } else if value.is_integer() {
                    level::ATOM
                } else {
                    level::PRODUCT
                };
                (Self::number_length(value), level)
            }
            Kind::Name(name) => (name.chars().count() as u32, level::ATOM),
            Kind::Size(dim) => {
                let text = self.dim_text.get(dim).map_or("n", String::as_str);
                let level = if text.contains(['+', '-']) {
                    level::SUM
                } else if text.contains(['*', '/', '^']) {
                    level::PRODUCT
                } else {
                    level::ATOM
                };
                (text.len() as u32, level)
            }
            Kind::Sum(terms) => {
                let mut length = 0u32;
                for (k, (c, m)) in terms.iter().enumerate() {
                    let sign = u32::from(k > 0 || c.is_negative());
                    length = length.saturating_add(sign + self.term_length(&c.abs(), *m));
                }
                (length, level::SUM)
            }
            Kind::Product { number, scalars, chain } => self.measure_product(number, scalars, chain),
            Kind::Hadamard(parts) => self.measure_hadamard(parts),
            Kind::Transpose(m) => match self.kind(*m) {
                Kind::Power(base, -1) => (self.inside(*base, level::ATOM) + 3, level::ATOM),
                Kind::Power(..) => (self.length(*m) + 3, level::ATOM),
                _ => (self.inside(*m, level::ATOM) + 1, level::ATOM),
            },
            Kind::Power(m, k) => {
                let level = if *k == -1 { level::ATOM } else { level::POWER };
                (self.inside(*m, level::ATOM) + 1 + k.to_string().len() as u32, level)
            }
            Kind::Kron(a, b) => {
                // a Kronecker product on the left needs no parentheses, any other product gets them
                let left = if matches!(self.kind(*a), Kind::Kron(..)) { level::PRODUCT } else { level::UNARY };
                (self.inside(*a, left) + 1 + self.inside(*b, level::UNARY), level::PRODUCT)
            }
            Kind::Raise(a, b) => (self.inside(*a, level::ATOM) + 2 + self.inside(*b, level::POWER), level::POWER),
            Kind::Call(name, derivative, args) => {
                let primes = match derivative.as_slice() {
                    [] => 0,
                    d if d[0] == WHOLE => d.len() as u32,
                    d => d.len() as u32 + 2,
                };
                (name.chars().count() as u32 + primes + 2 + list(args), level::ATOM)
            }
            Kind::Index(m, subs) => {
                let inner: u32 = subs
                    .iter()
                    .map(|s| match s {
                        Sub::All => 2,
                        Sub::At(m) => self.length(*m) + 1,
                        Sub::Range(a, b) => self.length(*a) + self.length(*b) + 2,
                    })
                    .sum();
                (self.inside(*m, level::ATOM) + 1 + inner, level::ATOM)
            }
            Kind::Column(items) => (2 + list(items), level::ATOM),
            Kind::Rows(rows) => (1 + rows.iter().map(|r| list(r) + 1).fold(0, u32::saturating_add), level::ATOM),
            // the name, and the definition that goes before
            Kind::Function { body, .. } => (self.length(*body).saturating_add(10), level::ATOM),
            Kind::Compare(op, a, b) => {
                let width = if matches!(op, Comparison::Less | Comparison::Greater) { 1 } else { 2 };
                (self.inside(*a, 1) + width + self.inside(*b, 1), level::COMPARE)
            }
        }
    }

    fn term_length(&self, magnitude: &Rational, m: M) -> u32 {
        if magnitude.is_one() {
            return self.inside(m, level::PRODUCT);
        }
        if let Kind::Number(value) = self.kind(m) {
            return Self::number_length(&(value * magnitude));
        }
        let (n, d) = magnitude.parts();
        let over = if d == "1" { 0 } else { d.len() as u32 + 1 };
        let times = if n == "1" { 0 } else { n.len() as u32 + 1 };
        times + over + self.inside(m, level::PRODUCT)
    }

    fn power_length(&self, m: M, exponent: &Rational, dot: u32) -> u32 {
        if exponent.is_one() {
            return self.inside(m, level::UNARY);
        }
        self.inside(m, level::ATOM)
            + 1
            + dot
            + Self::number_length(exponent)
            + if exponent.is_integer() { 0 } else { 2 }
    }

    fn measure_product(&self, number: &Rational, scalars: &[(M, Rational)], chain: &[M]) -> (u32, u8) {
        let (n, d) = number.abs().parts();
        let mut above: Vec<u32> = Vec::new();
        let mut below: Vec<u32> = Vec::new();
        for (m, e) in scalars {
            let side = if e.is_negative() { &mut below } else { &mut above };
            side.push(self.power_length(*m, &e.abs(), 0));
        }
        let reciprocal = self.reciprocal(scalars, chain);
        for m in chain {
            // `s ./ v`: the 1 of `1 ./ v` gives way, and so do its parentheses
            above.push(if reciprocal { self.length(*m) - 2 } else { self.inside(*m, level::UNARY) });
        }
        if n != "1" || above.is_empty() {
            above.insert(0, n.len() as u32);
        }
        if d != "1" {
            below.insert(0, d.len() as u32);
        }
        let mut length: u32 = above.iter().fold(0u32, |a, b| a.saturating_add(b + 1)).saturating_sub(1);
        if !below.is_empty() {
            length = length.saturating_add(below.iter().fold(0u32, |a, b| a.saturating_add(b + 1)));
            if below.len() > 1 {
                length += 2;
            }
        }
        if number.is_negative() { (length.saturating_add(1), level::SUM) } else { (length, level::PRODUCT) }
    }

    /// Whether a product is scalars divided entry by entry, `s ./ v`.
    pub fn reciprocal(&self, scalars: &[(M, Rational)], chain: &[M]) -> bool {
        let [only] = chain else { return false };
        let Kind::Hadamard(parts) = self.kind(*only) else { return false };
        parts.iter().all(|(_, e)| e.is_negative()) && scalars.iter().any(|(_, e)| !e.is_negative())
    }

    fn measure_hadamard(&self, parts: &[(M, Rational)]) -> (u32, u8) {
        if let [(m, e)] = parts
            && !e.is_negative()
        {
            return (self.power_length(*m, e, 1), if e.is_one() { self.level(*m) } else { level::POWER });
        }
        let mut length = 0u32;
        let mut numerators = 0;
        for (m, e) in parts {
            if !e.is_negative() {
                numerators += 1;
            }
            length = length.saturating_add(self.power_length(*m, &e.abs(), 1) + 2);
        }
        // 1 ./ x where nothing stands above
        (length.saturating_sub(2) + if numerators == 0 { 3 } else { 0 }, level::PRODUCT)
    }
}
