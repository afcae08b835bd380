//! What all targets share: which nodes get names, where they stand, and how loops are nested.
//!
//! Nodes are written in the order of their ids, which has arguments first. One that is used once goes into the expression
//! of its reader; the others are assigned. What depends on an index or on the state of a loop stands in the block of its
//! loop, everything else before it.

use std::collections::BTreeSet;

use matgrad_calculus::graph::{Dim, DimSymbol};
use matgrad_calculus::infer::Shape;
use matgrad_syntax::{Name, Rational, Reducer};
use rustc_hash::FxHashMap;

use crate::CodeError;
use crate::program::{Binder, Id, Op, Program, Read, Scope, Whole};

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

/// How a language says things.
pub(crate) trait Language {
    /// Names that cannot be used.
    fn reserved(&self) -> &'static [&'static str];
    /// The expression of a node whose arguments have texts.
    fn node(&self, w: &mut Writer<'_>, id: Id) -> Result<Text, CodeError>;
    /// A whole region of index sums or tables as one expression, where the language has one.
    fn region(&self, _w: &mut Writer<'_>, _id: Id) -> Result<Option<Text>, CodeError> {
        Ok(None)
    }
    /// `name = code`
    fn assign(&self, w: &mut Writer<'_>, name: &str, code: &str, id: Id);
    /// The first value of something that changes
    fn begin(&self, w: &mut Writer<'_>, name: &str, code: &str, id: Id) {
        self.update(w, name, code, id);
    }
    /// The text of a node that has this name.
    fn named(&self, _w: &Writer<'_>, name: String, _id: Id) -> Text {
        Text::atom(name)
    }
    /// `name = code` for something that changes
    fn update(&self, w: &mut Writer<'_>, name: &str, code: &str, id: Id);
    /// The head of a loop over an index.
    fn open_index(&self, w: &mut Writer<'_>, name: &str, start: i64, length: &str);
    /// The head of a loop over steps, `place` counting as the language does; backward where asked.
    fn open_steps(&self, w: &mut Writer<'_>, place: &str, length: &str, backward: bool);
    /// The end of a block.
    fn close(&self, w: &mut Writer<'_>);
    /// A condition around what follows.
    fn open_if(&self, w: &mut Writer<'_>, condition: &str);
    /// A condition as the language writes it, from a node that is 0 or 1.
    fn condition(&self, w: &mut Writer<'_>, id: Id) -> Result<String, CodeError>;
    /// An accumulator of a reduction, and one more value.
    fn start(&self, w: &mut Writer<'_>, name: &str, op: Reducer, body: Id);
    /// One more value.
    fn accumulate(&self, w: &mut Writer<'_>, name: &str, op: Reducer, code: &str, body: Id);
    /// What is left to do after the last value.
    fn finish(&self, w: &mut Writer<'_>, name: &str, op: Reducer, count: Option<&str>, body: Id);
    /// An array of results, and one of its entries or rows at these places (from 1).
    fn allocate(&self, w: &mut Writer<'_>, name: &str, shape: &Shape);
    /// Puts an entry or a row.
    fn store(&self, w: &mut Writer<'_>, name: &str, shape: &Shape, places: &[String], code: &str, body: Id);
    /// Whether a node stays an expression wherever it is used.
    fn is_cheap(&self, w: &Writer<'_>, id: Id) -> bool;
    /// Whether a node must have a name.
    fn must_name(&self, _w: &Writer<'_>, _id: Id) -> bool {
        false
    }
    /// The product of two sizes in index arithmetic, `*` in most languages; the quotient that leaves nothing.
    fn exact_quotient(&self, numerator: &str, denominator: &str) -> String;
    /// The item of a sequence at a place.
    fn item(&self, w: &mut Writer<'_>, sequence: Id, place: &str) -> String;
    /// A recurrence in an idiom of the language.
    fn recurrence(&self, _w: &mut Writer<'_>, _id: Id) -> Result<Option<Text>, CodeError> {
        Ok(None)
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
            return format!("min({a}, {b})");
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

    pub fn dim_text(&mut self, dim: Dim) -> Text {
        if let Some(value) = self.program.sizes.value(dim) {
            return Text::new(value.to_string(), if value < 0 { level::SUM } else { level::ATOM });
        }
        let poly = self.program.sizes.poly(dim).clone();
        let mut denominator = 1_i64;
        for (_, c) in &poly.0 {
            let own = c.parts().1.parse::<i64>().unwrap_or(1);
            denominator = lcm(denominator, own);
        }
        let mut sum = String::new();
        let mut count = 0;
        let mut product_only = true;
        // the constant last
        let (constants, others): (Vec<_>, Vec<_>) = poly.0.iter().partition(|(m, _)| m.is_empty());
        for (monomial, c) in others.into_iter().chain(constants) {
            let c = c.clone() * Rational::int(denominator);
            let value = c.to_i64().unwrap_or(1);
            let mut factors: Vec<String> = Vec::new();
            if value.abs() != 1 || monomial.is_empty() {
                factors.push(value.abs().to_string());
            }
            for (symbol, power) in monomial {
                let name = self.symbol(*symbol);
                factors.extend(std::iter::repeat_n(name, *power as usize));
            }
            product_only &= factors.len() > 1;
            if sum.is_empty() {
                if value < 0 {
                    sum.push('-');
                }
            } else {
                sum.push_str(if value < 0 { " - " } else { " + " });
            }
            sum.push_str(&factors.join(" * "));
            count += 1;
        }
        let level = match (count, sum.starts_with('-')) {
            (1, false) if product_only => level::PRODUCT,
            (1, false) => level::ATOM,
            _ => level::SUM,
        };
        if denominator > 1 {
            let numerator = Text::new(sum, level).at(level::UNARY);
            return Text::new(self.language.exact_quotient(&numerator, &denominator.to_string()), level::PRODUCT);
        }
        Text::new(sum, level)
    }

    /// An index plus what is added to it; `shift` more. As a sum.
    pub fn whole(&mut self, whole: &Whole, shift: i64) -> Text {
        let mut code = String::new();
        let mut indices = whole.indices.clone();
        indices.sort_by_key(|(_, c)| *c < 0);
        for (index, c) in &indices {
            let name = self.index_name(*index);
            let sign = match (code.is_empty(), *c < 0) {
                (true, true) => "-",
                (true, false) => "",
                (false, true) => " - ",
                (false, false) => " + ",
            };
            code.push_str(sign);
            if c.abs() != 1 {
                code.push_str(&format!("{} * ", c.abs()));
            }
            code.push_str(&name);
        }
        let more = self.program.sizes.constant(shift);
        let constant = self.program.sizes.add(whole.constant, more);
        let value = self.program.sizes.value(constant);
        if code.is_empty() {
            return self.dim_text(constant);
        }
        match value {
            Some(0) => {
                let one = whole.indices.len() == 1 && whole.indices[0].1 == 1;
                Text::new(code, if one { level::ATOM } else { level::SUM })
            }
            Some(v) if v < 0 => Text::new(format!("{code} - {}", -v), level::SUM),
            Some(v) => Text::new(format!("{code} + {v}"), level::SUM),
            None => {
                let constant = self.dim_text(constant).code;
                match constant.strip_prefix('-') {
                    Some(rest) if !rest.contains(['+', '-']) => Text::new(format!("{code} - {rest}"), level::SUM),
                    _ => Text::new(format!("{code} + {constant}"), level::SUM),
                }
            }
        }
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

    /// An index sum or a table as loops.
    fn block(&mut self, id: Id) -> Result<(), CodeError> {
        let language = self.language;
        let node = self.program.node(id).clone();
        let body = node.args[0];
        let condition = node.args.get(1).copied();
        let name = self.name_of(id);
        let (indices, reducer): (Vec<u32>, Option<Reducer>) = match &node.op {
            Op::ReduceIndex(op, indices) => (indices.to_vec(), Some(*op)),
            Op::Tabulate(indices) => (indices.to_vec(), None),
            Op::Rows(index) => (vec![*index], None),
            _ => return Ok(()),
        };
        match reducer {
            Some(op) => language.start(self, &name, op, body),
            None => language.allocate(self, &name, &node.shape),
        }
        let count = match (reducer, condition) {
            (Some(Reducer::Mean), Some(_)) => {
                let count = self.temporary();
                language.start(self, &count, Reducer::Sum, Id(u32::MAX));
                Some(count)
            }
            (Some(Reducer::Mean), None) => {
                let lengths: Vec<String> = indices
                    .iter()
                    .map(|i| {
                        let length = self.program.indices[*i as usize].length;
                        self.dim(length)
                    })
                    .collect();
                Some(lengths.join(" * "))
            }
            _ => None,
        };
        let before: BTreeSet<Id> = self.texts.keys().copied().collect();
        for index in &indices {
            let (own, var) = (self.program.indices[*index as usize].clone(), self.index_name(*index));
            let length = self.dim_text(own.length).code;
            language.open_index(self, &var, own.start, &length);
            self.depth += 1;
            let binder = Binder::Index(*index);
            if let Err(at) = self.open.binary_search(&binder) {
                self.open.insert(at, binder);
            }
        }
        if let Some(condition) = condition {
            self.scope(&[condition])?;
            let code = language.condition(self, condition)?;
            language.open_if(self, &code);
            self.depth += 1;
        }
        self.scope(&[body])?;
        let code = self.text(body).code;
        match reducer {
            Some(op) => {
                language.accumulate(self, &name, op, &code, body);
                if let (Some(count), Some(_)) = (&count, condition) {
                    language.accumulate(self, count, Reducer::Sum, "1", Id(u32::MAX));
                }
            }
            None => {
                let places: Vec<String> = indices
                    .iter()
                    .map(|index| {
                        let own = self.program.indices[*index as usize].clone();
                        let place = Whole {
                            indices: smallvec::smallvec![(*index, 1)],
                            constant: self.program.sizes.constant(1 - own.start),
                        };
                        let shift = 0;
                        self.whole(&place, shift).code
                    })
                    .collect();
                // axes of length 1 are none of the result
                let rank = node.shape.axes().len();
                let kept: Vec<String> = if matches!(node.op, Op::Tabulate(_)) && rank < places.len() {
                    indices
                        .iter()
                        .zip(&places)
                        .filter(|(i, _)| {
                            let length = self.program.indices[**i as usize].length;
                            !self.program.sizes.is_one(length)
                        })
                        .map(|(_, p)| p.clone())
                        .collect()
                } else {
                    places
                };
                language.store(self, &name, &node.shape, &kept, &code, body);
            }
        }
        if condition.is_some() {
            self.depth -= 1;
            language.close(self);
        }
        for index in indices.iter().rev() {
            self.depth -= 1;
            language.close(self);
            let binder = Binder::Index(*index);
            self.open.retain(|b| *b != binder);
        }
        self.texts.retain(|id, _| before.contains(id));
        if let Some(op) = reducer {
            language.finish(self, &name, op, count.as_deref(), body);
        }
        let named = language.named(self, name, id);
        self.texts.insert(id, named);
        Ok(())
    }

    /// A recurrence as a loop, with everything that is read off it.
    fn steps(&mut self, id: Id) -> Result<(), CodeError> {
        let language = self.language;
        let node = self.program.node(id).clone();
        let Op::Loop { id: number, backward, .. } = node.op else { return Ok(()) };
        let (init, body) = (node.args[0], node.args[node.args.len() - 1]);
        let sequences: Vec<Id> = node.args[1..node.args.len() - 1].to_vec();
        let length = match sequences.first().map(|s| self.program.shape(*s).clone()) {
            Some(Shape::Column(n) | Shape::Row(n) | Shape::Matrix(n, _)) => n,
            Some(Shape::Tensor(dims)) if !dims.is_empty() => dims[0],
            _ => self.program.sizes.constant(1),
        };
        let length_code = self.dim_text(length).code;
        let (mut last, mut tables) = (None, Vec::new());
        for reading in self.program.readings(id) {
            if self.uses(reading) == 0 || self.texts.contains_key(&reading) {
                continue;
            }
            let Op::Loop { read, .. } = *self.program.op(reading) else { continue };
            if read == Read::Last {
                last = Some(reading);
                continue;
            }
            let (table, shape) = (self.name_of(reading), self.program.shape(reading).clone());
            language.allocate(self, &table, &shape);
            tables.push((reading, read, table, shape));
        }
        let state = match last {
            Some(last) => self.name_of(last),
            None => self.fresh("state"),
        };
        let first = self.code(init, level::TERNARY);
        language.begin(self, &state, &first, init);
        let before: BTreeSet<Id> = self.texts.keys().copied().collect();
        let place = self.fresh("k");
        language.open_steps(self, &place, &length_code, backward);
        self.depth += 1;
        let binder = Binder::Loop(number);
        if let Err(at) = self.open.binary_search(&binder) {
            self.open.insert(at, binder);
        }
        // the placeholders of this loop
        for k in 0..self.program.nodes.len() {
            let here = Id(k as u32);
            match *self.program.op(here) {
                Op::State(own) if own == number => {
                    let named = language.named(self, state.clone(), here);
                    self.texts.insert(here, named);
                }
                Op::Item(own, which) if own == number => {
                    if let Some(sequence) = sequences.get(which as usize) {
                        let code = language.item(self, *sequence, &place);
                        self.texts.insert(here, Text::atom(code));
                    }
                }
                _ => {}
            }
        }
        let own = language.named(self, state.clone(), init).code;
        let one_based = [self.place_from_one(&place)];
        for (_, _, table, shape) in tables.iter().filter(|(_, read, ..)| *read == Read::Before) {
            language.store(self, table, shape, &one_based, &own, init);
        }
        self.scope(&[body])?;
        let code = self.text(body).code;
        language.update(self, &state, &code, body);
        for (_, _, table, shape) in tables.iter().filter(|(_, read, ..)| *read == Read::After) {
            language.store(self, table, shape, &one_based, &own, init);
        }
        self.depth -= 1;
        language.close(self);
        self.open.retain(|b| *b != binder);
        self.texts.retain(|id, _| before.contains(id));
        for (reading, _, table, _) in tables {
            let named = language.named(self, table, reading);
            self.texts.insert(reading, named);
        }
        if let Some(last) = last {
            let named = language.named(self, state, last);
            self.texts.insert(last, named);
        }
        Ok(())
    }

    /// A place of a loop over steps, counted from 1.
    fn place_from_one(&self, place: &str) -> String {
        // stores take places from 1 and take 1 off where the language counts from 0
        format!("@{place}")
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

fn lcm(a: i64, b: i64) -> i64 {
    let (mut x, mut y) = (a.abs().max(1), b.abs().max(1));
    let product = x * y;
    while y != 0 {
        (x, y) = (y, x % y);
    }
    product / x
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
    let digits = format!("{exact}");
    if digits.len() <= 8 && Rational::parse_decimal(&digits).is_some_and(|own| own == *value) {
        return sign(digits);
    }
    if numerator.len() > 15 || denominator.len() > 15 {
        return sign(format!("{exact:e}"));
    }
    Text::new(format!("{} / {}", dot(numerator), dot(denominator)), level::PRODUCT)
}
