//! What a target has to know: how its language says things.

use matgrad_calculus::infer::Shape;
use matgrad_syntax::Reducer;

use super::{Text, Writer};
use crate::CodeError;
use crate::program::Id;

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
    /// The smaller of two sizes.
    fn smaller(&self, a: &str, b: &str) -> String {
        format!("min({a}, {b})")
    }
    /// The quotient of two sizes that leaves nothing.
    fn exact_quotient(&self, numerator: &str, denominator: &str) -> String;
    /// The item of a sequence at a place.
    fn item(&self, w: &mut Writer<'_>, sequence: Id, place: &str) -> String;
    /// A recurrence in an idiom of the language.
    fn recurrence(&self, _w: &mut Writer<'_>, _id: Id) -> Result<Option<Text>, CodeError> {
        Ok(None)
    }
}
