//! Arrays as nested lists: `{"X": [[1, 2], [3, 4]], "c": 0.5}`.

use std::fmt::Write;

use super::{DataError, Limits, entries};
use crate::{Array, Precision};

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn error<T>(&self, message: impl Into<String>) -> Result<T, DataError> {
        let before = &self.text[..self.at.min(self.text.len())];
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        Err(DataError::new(format!("line {line}, column {column}: {}", message.into())))
    }

    fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while bytes.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
        bytes.get(self.at).copied()
    }

    fn expect(&mut self, wanted: u8) -> Result<(), DataError> {
        if self.peek() == Some(wanted) {
            self.at += 1;
            return Ok(());
        }
        self.error(format!("expected `{}`", char::from(wanted)))
    }

    /// A quoted string; the quote is next.
    fn string(&mut self) -> Result<String, DataError> {
        self.expect(b'"')?;
        let mut out = String::new();
        loop {
            let rest = &self.text[self.at..];
            let Some(stop) = rest.find(['"', '\\']) else { return self.error("the string does not end") };
            out.push_str(&rest[..stop]);
            self.at += stop + 1;
            if rest.as_bytes().get(stop) == Some(&b'"') {
                return Ok(out);
            }
            let code = self.text.as_bytes().get(self.at).copied();
            self.at += 1;
            match code {
                Some(b'n') => out.push('\n'),
                Some(b't') => out.push('\t'),
                Some(b'r') => out.push('\r'),
                Some(b'b') => out.push('\u{8}'),
                Some(b'f') => out.push('\u{c}'),
                Some(c @ (b'"' | b'\\' | b'/')) => out.push(char::from(c)),
                Some(b'u') => {
                    let first = self.hex()?;
                    let unit = if (0xd800..0xdc00).contains(&first) && self.text[self.at..].starts_with("\\u") {
                        self.at += 2;
                        let second = self.hex()?;
                        0x10000 + ((first - 0xd800) << 10) + (second.wrapping_sub(0xdc00) & 0x3ff)
                    } else {
                        first
                    };
                    out.push(char::from_u32(unit).unwrap_or('\u{fffd}'));
                }
                _ => {
                    self.at -= 1;
                    return self.error("an unknown escape");
                }
            }
        }
    }

    fn hex(&mut self) -> Result<u32, DataError> {
        let digits = self.text.get(self.at..self.at + 4).and_then(|d| u32::from_str_radix(d, 16).ok());
        match digits {
            Some(value) => {
                self.at += 4;
                Ok(value)
            }
            None => self.error("expected four hexadecimal digits"),
        }
    }

    /// A number, a truth value, or a string that spells a number out.
    fn number(&mut self) -> Result<f64, DataError> {
        if self.peek() == Some(b'"') {
            let start = self.at;
            let word = self.string()?;
            return match parse(word.trim()) {
                Some(value) => Ok(value),
                None => {
                    self.at = start;
                    self.error(format!("`{word}` is no number"))
                }
            };
        }
        let rest = &self.text[self.at..];
        let stop = rest.find(|c: char| !(c.is_ascii_alphanumeric() || "+-._".contains(c))).unwrap_or(rest.len());
        let word = &rest[..stop];
        let value = match word {
            "true" => Some(1.0),
            "false" => Some(0.0),
            _ => parse(word),
        };
        match value {
            Some(value) => {
                self.at += stop;
                Ok(value)
            }
            None if word.is_empty() => self.error("expected a number or a list"),
            None => self.error(format!("`{word}` is no number; write \"nan\" or \"inf\" where it is meant")),
        }
    }

    /// Nested lists of equal lengths, without recursion.
    fn array(&mut self, limits: &Limits) -> Result<Array, DataError> {
        let mut data: Vec<f64> = Vec::new();
        let mut shape: Vec<Option<usize>> = Vec::new();
        let mut counts: Vec<usize> = Vec::new(); // entries so far of each open list
        let mut rank: Option<usize> = None;
        loop {
            // a value begins here
            if self.peek() == Some(b'[') {
                if counts.len() == 32 {
                    return self.error("more than 32 axes");
                }
                if rank.is_some_and(|r| counts.len() == r) {
                    return self.error("a list where the entries before are numbers");
                }
                self.at += 1;
                counts.push(0);
                if shape.len() < counts.len() {
                    shape.push(None);
                }
                if self.peek() != Some(b']') {
                    continue;
                }
                rank = rank.or(Some(counts.len()));
            } else {
                if rank.is_some_and(|r| r != counts.len()) {
                    return self.error("a number where the entries before are lists");
                }
                rank = Some(counts.len());
                data.push(self.number()?);
                if data.len() as u64 * 8 > limits.bytes {
                    return Err(super::too_large(limits));
                }
                if let Some(count) = counts.last_mut() {
                    *count += 1;
                }
            }
            // after a value: the next entry, or the ends of lists
            loop {
                if counts.is_empty() {
                    let shape: Vec<usize> = shape.iter().map(|n| n.unwrap_or(0)).collect();
                    entries(&shape, limits)?;
                    return match Array::new(shape, data) {
                        Some(array) => Ok(array),
                        None => self.error("lists of different lengths"),
                    };
                }
                match self.peek() {
                    Some(b',') if counts.last() != Some(&0) => {
                        self.at += 1;
                        break;
                    }
                    Some(b']') => {
                        let depth = counts.len() - 1;
                        let count = counts[depth];
                        if shape[depth].is_some_and(|known| known != count) {
                            let known = shape[depth].unwrap_or(0);
                            return self.error(format!("a list of {count} entries where others have {known}"));
                        }
                        self.at += 1;
                        shape[depth] = Some(count);
                        counts.pop();
                        if let Some(outer) = counts.last_mut() {
                            *outer += 1;
                        }
                    }
                    _ => return self.error("expected `,` or `]`"),
                }
            }
        }
    }
}

fn parse(word: &str) -> Option<f64> {
    word.parse().ok()
}

/// Reads an object of numbers and nested lists by name.
pub fn read_json(text: &str, limits: &Limits) -> Result<Vec<(String, Array)>, DataError> {
    let mut reader = Reader { text: text.strip_prefix('\u{feff}').unwrap_or(text), at: 0 };
    let mut arrays = Vec::new();
    let mut left = *limits;
    if reader.peek() != Some(b'{') {
        return reader.error("expected an object of arrays by name, as in {\"x\": [1, 2]}");
    }
    reader.at += 1;
    if reader.peek() == Some(b'}') {
        reader.at += 1;
    } else {
        loop {
            if reader.peek() != Some(b'"') {
                return reader.error("expected a name in double quotes");
            }
            let name = reader.string()?;
            reader.expect(b':')?;
            let array = reader.array(&left)?;
            left.bytes = left.bytes.saturating_sub(8 * array.data().len() as u64);
            arrays.push((name, array));
            match reader.peek() {
                Some(b',') => reader.at += 1,
                Some(b'}') => {
                    reader.at += 1;
                    break;
                }
                _ => return reader.error("expected `,` or `}`"),
            }
        }
    }
    match reader.peek() {
        None => Ok(arrays),
        Some(_) => reader.error("something after the end of the object"),
    }
}

/// Arrays as one JSON object; what JSON has no number for is a string, `"nan"`, `"inf"` or `"-inf"`.
pub fn write_json(arrays: &[(&str, &Array)]) -> String {
    let mut out = String::from("{");
    for (k, (name, array)) in arrays.iter().enumerate() {
        let quoted = name.replace('\\', "\\\\").replace('"', "\\\"");
        let _ = write!(out, "{}\"{quoted}\": ", if k > 0 { ", " } else { "" });
        write_array(array, &mut out);
    }
    out.push_str("}\n");
    out
}

fn write_array(array: &Array, out: &mut String) {
    let shape = array.shape();
    if array.data().is_empty() {
        // lists down to the first axis without entries
        let upto = shape.iter().position(|n| *n == 0).unwrap_or(0);
        let mut text = String::from("[]");
        for n in shape[..upto].iter().rev() {
            if n.saturating_mul(text.len()) > 1 << 24 {
                text = "[]".into();
                break;
            }
            text = format!("[{}]", vec![text.as_str(); *n].join(", "));
        }
        out.push_str(&text);
        return;
    }
    for (k, value) in array.data().iter().enumerate() {
        // lists that begin here, and that end after it
        let mut size = 1;
        let (mut opens, mut closes) = (0, 0);
        for n in shape.iter().rev() {
            size *= n;
            opens += usize::from(k % size == 0);
            closes += usize::from((k + 1) % size == 0);
        }
        if k > 0 {
            out.push_str(", ");
        }
        (0..opens).for_each(|_| out.push('['));
        let _ = match *value {
            v if v.is_nan() => write!(out, "\"nan\""),
            v if v.is_infinite() => write!(out, "{}", if v > 0.0 { "\"inf\"" } else { "\"-inf\"" }),
            v if array.precision() == Precision::Single => write!(out, "{:?}", v as f32),
            v => write!(out, "{v:?}"),
        };
        (0..closes).for_each(|_| out.push(']'));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<(String, Array)>, String> {
        read_json(text, &Limits::default()).map_err(|e| e.message)
    }

    fn check(text: &str, shape: &[usize], data: &[f64]) {
        let arrays = read(&format!("{{\"x\": {text}}}")).unwrap();
        assert_eq!((arrays[0].1.shape(), arrays[0].1.data()), (shape, data));
    }

    #[test]
    fn lists() {
        check("1.5", &[], &[1.5]);
        check("[1, 2,3]", &[3], &[1.0, 2.0, 3.0]);
        check("[[1,2],[3,4],[5,6]]", &[3, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        check("[[[1]],[[2]]]", &[2, 1, 1], &[1.0, 2.0]);
        check("[]", &[0], &[]);
        check("[[],[]]", &[2, 0], &[]);
        check(
            "[\"inf\", \"-inf\", true, Infinity, -1e-3]",
            &[5],
            &[f64::INFINITY, f64::NEG_INFINITY, 1.0, f64::INFINITY, -1e-3],
        );
        assert!(read("{\"x\": [NaN, \"nan\"]}").unwrap()[0].1.data().iter().all(|v| v.is_nan()));
        assert_eq!(read("{}").unwrap(), vec![]);
        assert_eq!(read("{\"\\u03bb\\n\": 1}").unwrap()[0].0, "λ\n");
    }

    #[test]
    fn bad_texts() {
        let bad = |text: &str, expected: &str| {
            let message = read(text).unwrap_err();
            assert!(message.contains(expected), "{message}");
        };
        bad("[1]", "expected an object");
        bad("{\"x\": [1, [2]]}", "column 11: a list where the entries before are numbers");
        bad("{\"x\": [[1], 2]}", "a number where the entries before are lists");
        bad("{\"x\": [[1], [2, 3]]}", "a list of 2 entries where others have 1");
        bad("{\"x\": [1, null]}", "`null` is no number");
        bad("{\"x\": [1, \"one\"]}", "`one` is no number");
        bad("{\"x\": [1", "expected `,` or `]`");
        bad("{\"x\": [,1]}", "expected a number");
        bad("{\"x\": [[],1]}", "a number where the entries before are lists");
        bad("{\"x\": 1", "expected `,` or `}`");
        bad("{\"x\": 1} 2", "after the end");
        bad("{x: 1}", "double quotes");
        bad("{\"x", "does not end");
        bad(&format!("{{\"x\": {}", "[".repeat(100_000)), "more than 32 axes");
        assert!(read_json("{\"x\": [1, 2, 3]}", &Limits { bytes: 16 }).is_err());
    }

    #[test]
    fn there_and_back() {
        for shape in [vec![], vec![3], vec![2, 3], vec![2, 1, 2], vec![0], vec![2, 0], vec![0, 2]] {
            let array = Array::from_fn(&shape, |i| (i.iter().sum::<usize>() as f64 + 0.1) * 1e-30);
            let text = write_json(&[("value", &array)]);
            let back = read(&text).unwrap();
            assert_eq!(back[0].1.data(), array.data());
            if !shape.starts_with(&[0, 2]) {
                assert_eq!(back[0].1.shape(), array.shape(), "{text}");
            }
        }
        let odd = Array::vector(vec![f64::NAN, f64::INFINITY, -0.0, 1e300, 3.0]);
        assert_eq!(write_json(&[("v", &odd)]), "{\"v\": [\"nan\", \"inf\", -0.0, 1e300, 3.0]}\n");
    }
}
