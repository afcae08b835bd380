//! What all targets share: which nodes get names, where they stand, and how loops are nested.
//!
//! Nodes are written in the order of their ids, which has arguments first. One that is used once goes into the expression
//! of its reader; the others are assigned. What depends on an index or on the state of a loop stands in the block of its
//! loop, everything else before it.

mod blocks;
mod language;
mod sizes;

pub(crate) use language::Language;

use std::collections::BTreeSet;

use matgrad_calculus::graph::{Dim, DimSymbol};
use matgrad_syntax::{Name, Rational};
use rustc_hash::FxHashMap;

use crate::CodeError;
use crate::program::{Binder, Id, Op, Program, Scope};

/// Expressions longer than this get a name.
const LONGEST: usize = 88;
/// Loops nested deeper than this are refused.
const DEEPEST: usize = 24;

/// An expression with how tightly it binds.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    pub code: String,
    pub level: u8,
}

/// Levels of binding that all targets have.
pub(crate) mod level {
    pub const TERNARY: u8 = 0;
    pub const COMPARISON: u8 = 1;
    pub const SUM: u8 = 2;
    pub const PRODUCT: u8 = 3;
    pub const UNARY: u8 = 4;
    pub const POWER: u8 = 5;
    pub const ATOM: u8 = 6;
}

impl Text {
    pub fn new(code: impl Into<String>, level: u8) -> Self {
        Text { code: code.into(), level }
    }

    pub fn atom(code: impl Into<String>) -> Self {
        Text::new(code, level::ATOM)
    }

    /// In parentheses where it binds less tightly than that.
    pub fn at(&self, level: u8) -> String {
        if self.level >= level { self.code.clone() } else { format!("({})", self.code) }
    }
}

/// A program being written.
pub(crate) struct Writer<'p> {
    pub program: &'p mut Program,
    pub language: &'p dyn Language,
    /// Lines of the body, each with its depth.
    pub lines: Vec<(usize, String)>,
    pub depth: usize,
    pub texts: FxHashMap<Id, Text>,
    uses: Vec<u32>,
    taken: BTreeSet<String>,
    counter: usize,
    /// Helpers that the code needs, by name.
    pub helpers: BTreeSet<&'static str>,
    /// Dimension names that the code needs.
    pub symbols: BTreeSet<DimSymbol>,
    pub index_names: FxHashMap<u32, String>,
    pub input_names: Vec<String>,
    symbol_names: FxHashMap<DimSymbol, String>,
    open: Scope,
    nesting: usize,
    /// Lines before all others: memory, where a language has to ask for it.
    pub prologue: Vec<String>,
}

impl<'p> Writer<'p> {
    pub fn new(program: &'p mut Program, language: &'p dyn Language) -> Self {
        let mut taken: BTreeSet<String> = language.reserved().iter().map(|s| (*s).to_owned()).collect();
        let mut input_names = Vec::new();
        for input in &program.inputs {
            let name = fresh(&mut taken, &identifier(&input.name));
            input_names.push(name);
        }
        let mut writer = Writer {
            program,
            language,
            lines: Vec::new(),
            depth: 1,
            texts: FxHashMap::default(),
            uses: Vec::new(),
            taken,
            counter: 0,
            helpers: BTreeSet::new(),
            symbols: BTreeSet::new(),
            index_names: FxHashMap::default(),
            input_names,
            symbol_names: FxHashMap::default(),
            open: Scope::new(),
            nesting: 0,
            prologue: Vec::new(),
        };
        writer.count_uses();
        writer
    }

    /// A name that nothing has yet.
    pub fn fresh(&mut self, wish: &str) -> String {
        fresh(&mut self.taken, &identifier(wish))
    }

    /// A name for something in between.
    pub fn temporary(&mut self) -> String {
        loop {
            let name = format!("t{}", self.counter);
            self.counter += 1;
            if self.taken.insert(name.clone()) {
                return name;
            }
        }
    }

    fn count_uses(&mut self) {
        let mut uses = vec![0_u32; self.program.nodes.len()];
        let mut seen = vec![false; self.program.nodes.len()];
        let mut todo: Vec<Id> = self.program.outputs.iter().map(|o| o.id).collect();
        for id in &todo {
            uses[id.0 as usize] += 1;
        }
        while let Some(id) = todo.pop() {
            if std::mem::replace(&mut seen[id.0 as usize], true) {
                continue;
            }
            let node = self.program.node(id);
            let binds = !self.program.bound(&node.op).is_empty();
            for arg in &node.args {
                // what stands before a loop and is read in it is read again and again
                let deeper = self.program.node(*arg).scope.len() < node.scope.len() || binds;
                uses[arg.0 as usize] += if deeper { 2 } else { 1 };
                todo.push(*arg);
            }
        }
        self.uses = uses;
    }

    /// How often a node is read.
    pub fn uses(&self, id: Id) -> u32 {
        self.uses.get(id.0 as usize).copied().unwrap_or(1)
    }

    pub fn line(&mut self, code: impl Into<String>) {
        let code: String = code.into();
        self.lines.push((self.depth, code));
    }

    /// The text of a node that has been written.
    pub fn text(&self, id: Id) -> Text {
        self.texts.get(&id).cloned().unwrap_or_else(|| Text::atom("0"))
    }

    /// The code of a node, in parentheses where it binds less tightly.
    pub fn code(&self, id: Id, level: u8) -> String {
        self.text(id).at(level)
    }

    /// The name of a dimension symbol in the code.
    pub fn symbol(&mut self, symbol: DimSymbol) -> String {
        if let Some(known) = self.symbol_names.get(&symbol) {
            return known.clone();
        }
        if let Some((a, b)) = self.program.sizes.minimum(symbol) {
            let (a, b) = (self.dim(a), self.dim(b));
            return self.language.smaller(&a, &b);
        }
        self.symbols.insert(symbol);
        let wish = self.program.sizes.name(symbol).clone();
        let name = self.fresh(&wish);
        self.symbol_names.insert(symbol, name.clone());
        name
    }

    /// A dimension as a whole number in the code, as tight as a product at least.
    pub fn dim(&mut self, dim: Dim) -> String {
        let text = self.dim_text(dim);
        text.at(level::PRODUCT)
    }

    /// A dimension plus a number.
    pub fn dim_plus(&mut self, dim: Dim, more: i64) -> String {
        let more = self.program.sizes.constant(more);
        let sum = self.program.sizes.add(dim, more);
        self.dim_text(sum).code
    }

    /// The name of an index in the code.
    pub fn index_name(&mut self, index: u32) -> String {
        if let Some(known) = self.index_names.get(&index) {
            return known.clone();
        }
        let wish = self.program.indices[index as usize].name.clone();
        let name = self.fresh(&wish);
        self.index_names.insert(index, name.clone());
        name
    }

    /// Writes everything that the results need.
    pub fn run(&mut self) -> Result<(), CodeError> {
        let roots: Vec<Id> = self.program.outputs.iter().map(|o| o.id).collect();
        self.scope(&roots)
    }

    /// Writes what these nodes need in the open scope.
    fn scope(&mut self, roots: &[Id]) -> Result<(), CodeError> {
        self.nesting += 1;
        if self.nesting > DEEPEST {
            return Err(CodeError::new(format!("more than {DEEPEST} loops inside each other")));
        }
        let mut seen: BTreeSet<Id> = BTreeSet::new();
        let mut wanted: BTreeSet<Id> = BTreeSet::new();
        let mut todo = roots.to_vec();
        while let Some(id) = todo.pop() {
            if self.texts.contains_key(&id) || !seen.insert(id) {
                continue;
            }
            if self.program.node(id).scope.iter().all(|b| self.open.contains(b)) {
                wanted.insert(id);
            }
            todo.extend(self.program.args(id).iter().copied());
        }
        for id in wanted {
            // a loop may have written what else is read off it
            if !self.texts.contains_key(&id) {
                self.write(id)?;
            }
        }
        self.nesting -= 1;
        Ok(())
    }

    fn write(&mut self, id: Id) -> Result<(), CodeError> {
        let language = self.language;
        let text = match self.program.op(id).clone() {
            Op::ReduceIndex(..) | Op::Tabulate(_) | Op::Rows(_) => match language.region(self, id)? {
                Some(text) => text,
                None => return self.block(id),
            },
            Op::Loop { .. } => match language.recurrence(self, id)? {
                Some(text) => {
                    self.texts.insert(id, text);
                    return Ok(());
                }
                None => return self.steps(id),
            },
            _ => language.node(self, id)?,
        };
        self.name_or_keep(id, text);
        Ok(())
    }

    /// Gives a node a name where it is worth one.
    fn name_or_keep(&mut self, id: Id, text: Text) {
        let language = self.language;
        let cheap = language.is_cheap(self, id);
        let named = self.program.names.contains_key(&id) && !cheap;
        let many = self.uses(id) > 1 && !cheap;
        if many || named || text.code.len() > LONGEST || language.must_name(self, id) {
            let name = self.name_of(id);
            language.assign(self, &name, &text.code, id);
            let named = language.named(self, name, id);
            self.texts.insert(id, named);
        } else {
            self.texts.insert(id, text);
        }
    }

    /// The name that a node gets.
    pub fn name_of(&mut self, id: Id) -> String {
        let wish: Option<Name> = self.program.names.get(&id).cloned();
        match wish {
            Some(wish) => self.fresh(&wish),
            None => self.temporary(),
        }
    }

    /// Opens a scope for a body that is written elsewhere, such as a function of its own.
    pub fn within(&mut self, binder: Binder, roots: &[Id]) -> Result<(), CodeError> {
        if let Err(at) = self.open.binary_search(&binder) {
            self.open.insert(at, binder);
        }
        let outcome = self.scope(roots);
        self.open.retain(|b| *b != binder);
        outcome
    }
}

/// What is in the brackets of a store: a place from 1, or `@k` for one that counts as the language does.
pub(crate) fn zero_based(place: &str) -> String {
    if let Some(plain) = place.strip_prefix('@') {
        return plain.to_owned();
    }
    if let Some((head, tail)) = place.rsplit_once(" + ")
        && let Ok(value) = tail.parse::<i64>()
    {
        return if value == 1 { head.to_owned() } else { format!("{head} + {}", value - 1) };
    }
    if let Some((head, tail)) = place.rsplit_once(" - ")
        && let Ok(value) = tail.parse::<i64>()
    {
        return format!("{head} - {}", value + 1);
    }
    format!("{place} - 1")
}

/// A name as a word of letters, digits and underscores.
fn identifier(name: &str) -> String {
    let mut word: String = name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' }).collect();
    if word.is_empty() || word.starts_with(|c: char| c.is_ascii_digit()) {
        word.insert(0, '_');
    }
    word
}

fn fresh(taken: &mut BTreeSet<String>, wish: &str) -> String {
    if taken.insert(wish.to_owned()) {
        return wish.to_owned();
    }
    let mut k = 1;
    loop {
        let name = if k == 1 { format!("{wish}_") } else { format!("{wish}_{k}") };
        if taken.insert(name.clone()) {
            return name;
        }
        k += 1;
    }
}

/// A literal as the languages that all write decimals the same way have it.
pub(crate) fn decimal(value: &Rational, float: bool) -> Text {
    let (numerator, denominator) = value.parts();
    let dot = |digits: String| {
        if float && !digits.contains(['.', 'e']) { format!("{digits}.0") } else { digits }
    };
    let sign = |code: String| {
        let level = if code.starts_with('-') { level::UNARY } else { level::ATOM };
        Text::new(code, level)
    };
    if denominator == "1" {
        if numerator.len() > 15 {
            return sign(format!("{:e}", value.to_f64()));
        }
        return sign(dot(numerator));
    }
    // a short decimal is written as one
    let exact = value.to_f64();
    let digits = format!("{}", exact.abs());
    if digits.len() <= 8 && Rational::parse_decimal(&digits).is_some_and(|own| own == value.abs()) {
        return sign(if value.is_negative() { format!("-{digits}") } else { digits });
    }
    if numerator.len() > 15 || denominator.len() > 15 {
        return sign(format!("{exact:e}"));
    }
    Text::new(format!("{} / {}", dot(numerator), dot(denominator)), level::PRODUCT)
}
