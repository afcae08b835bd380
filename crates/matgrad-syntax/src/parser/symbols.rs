//! What a script declares and defines, collected before anything is parsed: order does not matter to the parser.

use rustc_hash::{FxHashMap, FxHashSet};

use super::Parser;
use super::statement::Form;
use crate::Name as Spelling;
use crate::lexer::TokenKind::{self, *};
use crate::suggest::nearest;
use crate::{Attribute, functions};

#[derive(Default)]
pub(super) struct Symbols {
    /// Declared variables and definitions that are values.
    pub variables: FxHashSet<Spelling>,
    /// Defined functions with their number of parameters.
    pub functions: FxHashMap<Spelling, usize>,
    /// Abstract functions.
    pub abstracts: FxHashSet<Spelling>,
}

impl Symbols {
    /// Whether `name (x)` with a space is a call.
    pub fn is_function(&self, name: &str) -> bool {
        self.functions.contains_key(name)
            || self.abstracts.contains(name)
            || (functions::find(name).is_some() && !self.variables.contains(name))
    }

    /// The function that a misspelt name means.
    pub fn suggestion(&self, name: &str) -> Option<String> {
        if let Some(own) = functions::from_elsewhere(name) {
            return Some(own.to_owned());
        }
        let mut own: Vec<&str> = self.functions.keys().chain(&self.abstracts).map(|name| &**name).collect();
        own.sort_unstable();
        nearest(name, own.into_iter().chain(functions::FUNCTIONS.iter().map(|function| function.name)))
            .map(str::to_owned)
    }

    /// Splits `f_12` into an abstract function and the arguments it is differentiated by; `f_1_12` names an argument
    /// past the ninth.
    pub fn partial(&self, name: &str) -> Option<(&str, Vec<u8>)> {
        let mut split = name.len();
        loop {
            split = name.get(..split)?.rfind('_')?;
            let (stem, digits) = (name.get(..split)?, name.get(split + 1..)?);
            if let Some(stem) = self.abstracts.get(stem) {
                return positions(digits).map(|positions| (&**stem, positions));
            }
        }
    }
}

/// `12` is 1 and 2, `1_12` is 1 and 12, `_12` is 12.
fn positions(digits: &str) -> Option<Vec<u8>> {
    let list: Option<Vec<u8>> = if digits.contains('_') {
        digits.trim_start_matches('_').split('_').map(|part| part.parse().ok()).collect()
    } else {
        digits.chars().map(|digit| digit.to_digit(10).map(|digit| digit as u8)).collect()
    };
    list.filter(|list| !list.is_empty() && !list.contains(&0))
}

impl Parser<'_> {
    pub(super) fn collect_symbols(&mut self, statements: &[((usize, usize), Form)]) {
        for &((start, end), form) in statements {
            match form {
                Form::Declaration { .. } => self.collect_declared(start, end),
                Form::Abstract { colon } => {
                    for at in start..colon {
                        if self.kind(at) == Name {
                            let name = self.name(at);
                            self.symbols.abstracts.insert(name);
                        }
                    }
                }
                Form::Definition { equals } | Form::Extremum { equals } => self.collect_defined(start, equals),
                Form::Implicit { by } => self.collect_defined(start + 1, by),
                Form::Query
                | Form::Sign { .. }
                | Form::Solve
                | Form::Assume { .. }
                | Form::Equality { .. }
                | Form::Expression => {}
            }
        }
    }

    /// The names before each `in`.
    fn collect_declared(&mut self, start: usize, end: usize) {
        let mut from = start;
        for at in start..end {
            if !self.is_in(at) {
                continue;
            }
            let mut name = at;
            while name > from && self.kind(name - 1) == Name && Attribute::find(self.text(name - 1)).is_none() {
                name -= 1;
                let variable = self.name(name);
                self.symbols.variables.insert(variable);
                name -= usize::from(name > from && self.kind(name - 1) == Backslash);
                if name <= from || self.kind(name - 1) != Comma {
                    break;
                }
                name -= 1;
            }
            from = at + 1;
        }
    }

    fn collect_defined(&mut self, start: usize, equals: usize) {
        let start = start + usize::from(self.kind(start) == Backslash);
        if self.kind(start) != Name {
            return;
        }
        let name = self.name(start);
        if self.kind(start + 1) == OpenParen && start + 1 < equals {
            let inside = start + 2..equals.saturating_sub(1);
            let count = |kind: TokenKind| inside.clone().filter(|at| self.kind(*at) == kind).count();
            let parameters = if inside.is_empty() { 0 } else { count(Comma) + 1 };
            self.symbols.functions.insert(name, parameters);
        } else {
            self.symbols.variables.insert(name);
        }
    }

    /// `in` or `∈`
    pub(super) fn is_in(&self, at: usize) -> bool {
        self.kind(at) == In || (self.kind(at) == Name && self.text(at) == "in")
    }
}
