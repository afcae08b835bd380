//! The `.npy` format of NumPy.

use super::{DataError, Limits, entries};
use crate::{Array, Precision};

/// What the header says.
struct Header {
    kind: u8,
    size: usize,
    big_endian: bool,
    fortran: bool,
    shape: Vec<usize>,
}

/// Reads one array of numbers or truth values; Fortran order is put into C order.
pub fn read_npy(bytes: &[u8], limits: &Limits) -> Result<Array, DataError> {
    let bad = |what: &str| DataError::new(format!("not a readable .npy array: {what}"));
    let rest = bytes.strip_prefix(b"\x93NUMPY").ok_or_else(|| bad("the magic bytes are missing"))?;
    let (length, start) = match rest {
        [1, _, a, b, ..] => (usize::from(u16::from_le_bytes([*a, *b])), 4),
        [2 | 3, _, a, b, c, d, ..] => (u32::from_le_bytes([*a, *b, *c, *d]) as usize, 6),
        _ => return Err(bad("an unknown version")),
    };
    let header = rest.get(start..).and_then(|r| r.get(..length)).ok_or_else(|| bad("the header is cut off"))?;
    let header = parse_header(&String::from_utf8_lossy(header)).map_err(|what| bad(&what))?;
    let data = &rest[start + length..];
    let total = entries(&header.shape, limits)?;
    if total.checked_mul(header.size).is_none_or(|needed| data.len() < needed) {
        return Err(bad("the numbers are cut off"));
    }
    let mut values = Vec::with_capacity(total);
    for chunk in data.chunks_exact(header.size).take(total) {
        values.push(decode(chunk, &header).ok_or_else(|| bad("an unknown type of number"))?);
    }
    let array = |shape, values| Array::new(shape, values).ok_or_else(|| bad("the shape does not fit"));
    if !header.fortran || header.shape.len() < 2 {
        return array(header.shape, values);
    }
    let reversed: Vec<usize> = header.shape.iter().rev().copied().collect();
    let order: Vec<usize> = (0..reversed.len()).rev().collect();
    array(reversed, values)?.permuted(&order).ok_or_else(|| bad("the shape does not fit"))
}

fn decode(chunk: &[u8], header: &Header) -> Option<f64> {
    let mut raw = [0u8; 8];
    for (k, byte) in chunk.iter().enumerate() {
        *raw.get_mut(if header.big_endian { chunk.len() - 1 - k } else { k })? = *byte;
    }
    let bits = u64::from_le_bytes(raw);
    Some(match (header.kind, header.size) {
        (b'f', 8) => f64::from_bits(bits),
        (b'f', 4) => f64::from(f32::from_bits(bits as u32)),
        (b'f', 2) => half(bits as u16),
        (b'i', size @ 1..=8) => {
            let unused = 64 - 8 * size as u32;
            ((bits << unused) as i64 >> unused) as f64
        }
        (b'u', 1..=8) => bits as f64,
        (b'b', 1) => f64::from(u8::from(bits != 0)),
        _ => return None,
    })
}

/// Half precision.
fn half(bits: u16) -> f64 {
    let (sign, exponent, fraction) = (bits >> 15, bits >> 10 & 31, f64::from(bits & 1023));
    let size = match exponent {
        0 => fraction * 2f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        e => (1.0 + fraction / 1024.0) * 2f64.powi(i32::from(e) - 15),
    };
    if sign == 1 { -size } else { size }
}

/// `{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }`
fn parse_header(text: &str) -> Result<Header, String> {
    let field = |name: &str| -> Result<&str, String> {
        let quoted = [format!("'{name}'"), format!("\"{name}\"")];
        let at = quoted.iter().find_map(|q| text.find(q.as_str()).map(|at| at + q.len()));
        let rest = at.and_then(|at| text.get(at..)).ok_or_else(|| format!("the header has no {name}"))?;
        Ok(rest.trim_start().strip_prefix(':').unwrap_or(rest).trim_start())
    };
    let descr = field("descr")?;
    let quote =
        descr.chars().next().filter(|c| *c == '\'' || *c == '"').ok_or("structured types hold no plain numbers")?;
    let descr = descr[1..].split(quote).next().unwrap_or("");
    let (order, code) = match descr.as_bytes() {
        [b'<' | b'>' | b'|' | b'=', ..] => (descr.as_bytes()[0], &descr[1..]),
        _ => (b'<', descr),
    };
    let kind = *code.as_bytes().first().ok_or("an empty type")?;
    let size: usize = code.get(1..).and_then(|s| s.parse().ok()).unwrap_or(0);
    let known = matches!((kind, size), (b'f', 2 | 4 | 8) | (b'i' | b'u', 1 | 2 | 4 | 8) | (b'b', 1));
    if !known {
        return Err(format!("numbers of type `{descr}`; write the array as float64"));
    }
    let fortran = field("fortran_order")?.starts_with("True");
    let shape = field("shape")?;
    let inner = shape.strip_prefix('(').and_then(|s| s.split(')').next()).ok_or("the shape is no tuple")?;
    let parts = inner.split(',').map(str::trim).filter(|s| !s.is_empty());
    let shape = parts
        .map(|s| s.trim_end_matches('L').parse::<usize>().map_err(|_| format!("`{s}` is no length")))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Header { kind, size, big_endian: order == b'>', fortran, shape })
}

/// The array as a `.npy` file: C order, float64 or, in single precision, float32.
pub fn write_npy(array: &Array) -> Vec<u8> {
    if array.precision() == Precision::Single {
        let mut out = header("<f4", array.shape(), 4 * array.data().len());
        array.data().iter().for_each(|value| out.extend_from_slice(&(*value as f32).to_le_bytes()));
        return out;
    }
    let mut out = header("<f8", array.shape(), 8 * array.data().len());
    for value in array.data() {
        out.extend_from_slice(&value.to_le_bytes());
    }
    out
}

/// A vector of whole numbers as a file: 32 bits where they fit.
pub(super) fn write_integers(values: &[usize]) -> Vec<u8> {
    let narrow = values.iter().all(|v| i32::try_from(*v).is_ok());
    let mut out = header(if narrow { "<i4" } else { "<i8" }, &[values.len()], 8 * values.len());
    for value in values {
        let bytes = (*value as u64).to_le_bytes();
        out.extend_from_slice(if narrow { &bytes[..4] } else { &bytes });
    }
    out
}

/// A short text as a file.
pub(super) fn write_text(text: &str) -> Vec<u8> {
    let mut out = header(&format!("|S{}", text.len()), &[], text.len());
    out.extend_from_slice(text.as_bytes());
    out
}

fn header(descr: &str, shape: &[usize], bytes: usize) -> Vec<u8> {
    let dims: Vec<String> = shape.iter().map(usize::to_string).collect();
    let shape = match dims.as_slice() {
        [one] => format!("({one},)"),
        _ => format!("({})", dims.join(", ")),
    };
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
    // magic, version and length take 10 bytes; numbers start at a multiple of 64
    let padding = 63 - (10 + header.len()) % 64;
    header.extend(std::iter::repeat_n(' ', padding));
    header.push('\n');
    let mut out = Vec::with_capacity(10 + header.len() + bytes);
    out.extend_from_slice(b"\x93NUMPY\x01\x00");
    out.extend_from_slice(&(header.len() as u16).to_le_bytes());
    out.extend_from_slice(header.as_bytes());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(header: &str, data: &[u8]) -> Vec<u8> {
        let mut out = b"\x93NUMPY\x01\x00".to_vec();
        out.extend_from_slice(&(header.len() as u16).to_le_bytes());
        out.extend_from_slice(header.as_bytes());
        out.extend_from_slice(data);
        out
    }

    fn check(descr: &str, data: &[u8], expected: &[f64]) {
        let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({},), }}", expected.len());
        let array = read_npy(&file(&header, data), &Limits::default()).unwrap();
        assert_eq!(array.data(), expected);
    }

    #[test]
    fn there_and_back() {
        for shape in [vec![], vec![3], vec![2, 0], vec![2, 3, 4]] {
            let array = Array::from_fn(&shape, |i| i.iter().sum::<usize>() as f64 - 0.1);
            let bytes = write_npy(&array);
            assert_eq!((bytes.len() - 8 * array.data().len()) % 64, 0);
            assert_eq!(read_npy(&bytes, &Limits::default()).unwrap(), array);
        }
    }

    #[test]
    fn types() {
        check("<f4", &1.5f32.to_le_bytes(), &[1.5]);
        check(">f8", &(-2.25f64).to_be_bytes(), &[-2.25]);
        check("<i2", &(-3i16).to_le_bytes(), &[-3.0]);
        check(">i4", &(-70000i32).to_be_bytes(), &[-70000.0]);
        check("|i1", &[0xff, 5], &[-1.0, 5.0]);
        check("|u1", &[0xff], &[255.0]);
        check("<u8", &7u64.to_le_bytes(), &[7.0]);
        check("|b1", &[1, 0], &[1.0, 0.0]);
        check("<f2", &[0x00, 0x3c, 0x00, 0xc0], &[1.0, -2.0]);
    }

    #[test]
    fn fortran_order() {
        let header = "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3)}";
        let array = read_npy(&file(header, &[1, 2, 3, 4, 5, 6]), &Limits::default()).unwrap();
        assert_eq!((array.shape(), array.data()), (&[2, 3][..], &[1.0, 3.0, 5.0, 2.0, 4.0, 6.0][..]));
    }

    #[test]
    fn bad_files() {
        let bad = |bytes: &[u8], expected: &str| {
            let message = read_npy(bytes, &Limits::default()).unwrap_err().message;
            assert!(message.contains(expected), "{message}");
        };
        bad(b"", "magic");
        bad(b"\x93NUMPY\x01\x00\xff\xff", "cut off");
        bad(&file("{'descr': '<f8', 'fortran_order': False, 'shape': (9,)}", &[0; 8]), "cut off");
        bad(&file("{'descr': '<c16', 'fortran_order': False, 'shape': (1,)}", &[0; 16]), "<c16");
        bad(&file("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,)}", &[0; 8]), "structured");
        bad(&file("{'descr': '<f8', 'fortran_order': False, 'shape': (9999999999, 9999999999)}", &[]), "limit");
        bad(&file("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}", &[]), "no length");
        bad(&file("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", &[0; 8]), "|O");
        bad(&file("é", &[]), "descr");
    }
}
