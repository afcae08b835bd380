//! A source text with the origins of its parts.

use crate::Span;

/// A text with the names of what it was put together from: a file, or an expression and its declarations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    text: String,
    origins: Vec<(usize, String)>,
}

/// A place as people count: lines and columns from 1, columns in characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// The name of the part, empty where it has none.
    pub origin: &'a str,
    /// The line within the part.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl Source {
    /// One text with its name.
    pub fn new(origin: impl Into<String>, text: impl Into<String>) -> Self {
        Self { text: text.into(), origins: vec![(0, origin.into())] }
    }

    /// Several texts, one after the other, each on lines of its own.
    pub fn join<'a>(parts: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut source = Self::default();
        for (origin, text) in parts {
            if !source.origins.is_empty() {
                source.text.push('\n');
            }
            source.origins.push((source.text.len(), origin.to_owned()));
            source.text.push_str(text);
        }
        source
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where a byte stands.
    pub fn place(&self, offset: u32) -> Place<'_> {
        let offset = (offset as usize).min(self.text.len());
        let part = self.origins.iter().rev().find(|(start, _)| *start <= offset);
        let (start, origin) = part.map_or((0, ""), |(start, origin)| (*start, origin.as_str()));
        let before = self.text.get(start..offset).unwrap_or("");
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Place {
            origin,
            line: before.bytes().filter(|b| *b == b'\n').count() + 1,
            column: before.get(line_start..).unwrap_or("").chars().count() + 1,
        }
    }

    /// The line that a byte stands on, without its end.
    pub fn line_of(&self, offset: u32) -> Span {
        let offset = (offset as usize).min(self.text.len());
        let bytes = self.text.as_bytes();
        let start = bytes[..offset].iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        let end = bytes[offset..].iter().position(|b| *b == b'\n').map_or(bytes.len(), |at| offset + at);
        Span::new(start, end)
    }
}

impl From<&str> for Source {
    fn from(text: &str) -> Self {
        Self::new("", text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_within_their_part() {
        let source = Source::join([("--declare", "x in R^n"), ("expression", "θ'*\nx")]);
        assert_eq!(source.text(), "x in R^n\nθ'*\nx");
        assert_eq!(source.place(0), Place { origin: "--declare", line: 1, column: 1 });
        assert_eq!(source.place(11), Place { origin: "expression", line: 1, column: 2 });
        assert_eq!(source.place(14), Place { origin: "expression", line: 2, column: 1 });
        assert_eq!(source.line_of(11).text(source.text()), "θ'*");
        assert_eq!(source.place(999).line, 2);
    }
}
