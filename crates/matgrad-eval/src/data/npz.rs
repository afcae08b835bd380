//! The `.npz` format of NumPy: a zip archive of `.npy` files, stored or deflated.

use super::{DataError, Limits, read_npy, too_large, write_npy};
use crate::Array;

fn bad(what: &str) -> DataError {
    DataError::new(format!("not a readable .npz archive: {what}"))
}

/// Little-endian numbers at an offset; `None` past the end.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn number(&self, at: usize, size: usize) -> Option<u64> {
        let raw = self.0.get(at..at.checked_add(size)?)?;
        Some(raw.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }

    fn place(&self, at: usize, size: usize) -> Option<usize> {
        usize::try_from(self.number(at, size)?).ok()
    }
}

/// An entry of the central directory.
struct Entry {
    name: String,
    method: u64,
    encrypted: bool,
    crc: u64,
    packed: usize,
    unpacked: usize,
    header: usize,
}

/// Reads all arrays, by the names they were saved under.
pub fn read_npz(bytes: &[u8], limits: &Limits) -> Result<Vec<(String, Array)>, DataError> {
    let mut left = *limits;
    let mut arrays = Vec::new();
    for entry in directory(bytes)? {
        if entry.name.ends_with('/') {
            continue;
        }
        let name = entry.name.strip_suffix(".npy").unwrap_or(&entry.name).to_string();
        let at = |e: DataError| DataError::new(format!("array `{name}`: {}", e.message));
        let content = unpack(bytes, &entry, &left).map_err(at)?;
        let array = read_npy(&content, &left).map_err(at)?;
        left.bytes = left.bytes.saturating_sub(8 * array.data().len() as u64);
        arrays.push((name, array));
    }
    Ok(arrays)
}

/// The entries of the central directory, which the end of the file points at.
fn directory(bytes: &[u8]) -> Result<Vec<Entry>, DataError> {
    let all = Bytes(bytes);
    let missing = || bad("the directory at the end is missing");
    let last = bytes.len().checked_sub(22).ok_or_else(missing)?;
    let end = (last.saturating_sub(0xffff)..=last).rev().find(|at| all.number(*at, 4) == Some(0x0605_4b50));
    let end = end.ok_or_else(missing)?;
    let (mut count, mut at) = (all.number(end + 10, 2), all.place(end + 16, 4));
    if count == Some(0xffff) || at == Some(0xffff_ffff) {
        // the larger form stands before it
        let locator = end.checked_sub(20).filter(|at| all.number(*at, 4) == Some(0x0706_4b50)).ok_or_else(missing)?;
        let record =
            all.place(locator + 8, 8).filter(|at| all.number(*at, 4) == Some(0x0606_4b50)).ok_or_else(missing)?;
        (count, at) = (all.number(record.saturating_add(32), 8), all.place(record.saturating_add(48), 8));
    }
    let (Some(count), Some(mut at)) = (count, at) else { return Err(missing()) };
    let mut entries = Vec::new();
    for _ in 0..count {
        let (entry, next) = directory_entry(&all, at).ok_or_else(|| bad("an entry of the directory is damaged"))?;
        entries.push(entry);
        at = next;
    }
    Ok(entries)
}

fn directory_entry(all: &Bytes<'_>, at: usize) -> Option<(Entry, usize)> {
    if all.number(at, 4)? != 0x0201_4b50 {
        return None;
    }
    let (name_len, extra_len, comment_len) = (all.place(at + 28, 2)?, all.place(at + 30, 2)?, all.place(at + 32, 2)?);
    let name = String::from_utf8_lossy(all.0.get(at + 46..at + 46 + name_len)?).into_owned();
    let mut entry = Entry {
        name,
        method: all.number(at + 10, 2)?,
        encrypted: all.number(at + 8, 2)? & 1 == 1,
        crc: all.number(at + 16, 4)?,
        packed: all.place(at + 20, 4)?,
        unpacked: all.place(at + 24, 4)?,
        header: all.place(at + 42, 4)?,
    };
    // sizes past 4 GiB stand in an extra field, in this order
    let extra = at + 46 + name_len;
    let (mut field, end) = (extra, extra + extra_len);
    while field + 4 <= end {
        let (id, len) = (all.number(field, 2)?, all.place(field + 2, 2)?);
        if id == 1 {
            let mut value = field + 4;
            for slot in [&mut entry.unpacked, &mut entry.packed, &mut entry.header] {
                if *slot == 0xffff_ffff && value + 8 <= field + 4 + len {
                    *slot = all.place(value, 8)?;
                    value += 8;
                }
            }
        }
        field += 4 + len;
    }
    Some((entry, end + comment_len))
}

fn unpack<'a>(bytes: &'a [u8], entry: &Entry, limits: &Limits) -> Result<std::borrow::Cow<'a, [u8]>, DataError> {
    let all = Bytes(bytes);
    if entry.encrypted {
        return Err(bad("it is encrypted"));
    }
    let damaged = || bad("its header is damaged");
    if all.number(entry.header, 4) != Some(0x0403_4b50) {
        return Err(damaged());
    }
    let lengths = all.place(entry.header + 26, 2).zip(all.place(entry.header + 28, 2));
    let (name_len, extra_len) = lengths.ok_or_else(damaged)?;
    let start = entry.header + 30 + name_len + extra_len;
    let end = start.checked_add(entry.packed).ok_or_else(damaged)?;
    let packed = bytes.get(start..end).ok_or_else(|| bad("it is cut off"))?;
    // a header beside the numbers, generously
    if entry.unpacked as u64 > limits.bytes.saturating_add(1 << 20) {
        return Err(too_large(limits));
    }
    let content = match entry.method {
        0 => std::borrow::Cow::Borrowed(packed),
        8 => miniz_oxide::inflate::decompress_to_vec_with_limit(packed, entry.unpacked)
            .map_err(|_| bad("its compressed data is damaged"))?
            .into(),
        method => return Err(bad(&format!("compression method {method} is not supported"))),
    };
    if u64::from(crc32(&content)) != entry.crc {
        return Err(bad("its checksum is wrong"));
    }
    Ok(content)
}

/// The checksum of zip files.
fn crc32(bytes: &[u8]) -> u32 {
    const TABLE: [[u32; 256]; 8] = crc_tables();
    let mut crc = !0u32;
    let chunks = bytes.chunks_exact(8);
    let rest = chunks.remainder();
    for c in chunks {
        let low = crc ^ u32::from_le_bytes([c[0], c[1], c[2], c[3]]);
        crc = TABLE[7][(low & 255) as usize]
            ^ TABLE[6][(low >> 8 & 255) as usize]
            ^ TABLE[5][(low >> 16 & 255) as usize]
            ^ TABLE[4][(low >> 24) as usize]
            ^ TABLE[3][usize::from(c[4])]
            ^ TABLE[2][usize::from(c[5])]
            ^ TABLE[1][usize::from(c[6])]
            ^ TABLE[0][usize::from(c[7])];
    }
    for byte in rest {
        crc = crc >> 8 ^ TABLE[0][((crc ^ u32::from(*byte)) & 255) as usize];
    }
    !crc
}

const fn crc_tables() -> [[u32; 256]; 8] {
    let mut tables = [[0u32; 256]; 8];
    let mut k = 0;
    while k < 256 {
        let mut value = k as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { value >> 1 ^ 0xedb8_8320 } else { value >> 1 };
            bit += 1;
        }
        tables[0][k] = value;
        k += 1;
    }
    let mut level = 1;
    while level < 8 {
        let mut k = 0;
        while k < 256 {
            let before = tables[level - 1][k];
            tables[level][k] = before >> 8 ^ tables[0][(before & 255) as usize];
            k += 1;
        }
        level += 1;
    }
    tables
}

/// Arrays as a `.npz` archive, stored without compression.
pub fn write_npz(arrays: &[(&str, &Array)]) -> Vec<u8> {
    let files: Vec<(String, Vec<u8>)> = arrays.iter().map(|(name, array)| ((*name).into(), write_npy(array))).collect();
    archive(&files)
}

/// Files of one array each in an archive.
pub(super) fn archive(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    const SMALL: u64 = 0xffff_ffff;
    let mut out = Vec::new();
    let mut directory = Vec::new();
    let put = |to: &mut Vec<u8>, value: u64, size: usize| to.extend_from_slice(&value.to_le_bytes()[..size]);
    for (name, content) in files {
        let name = format!("{name}.npy");
        let (size, start, crc) = (content.len() as u64, out.len() as u64, u64::from(crc32(content)));
        let (big, far) = (size >= SMALL, start >= SMALL);
        for central in [false, true] {
            let to = if central { &mut directory } else { &mut out };
            put(to, if central { 0x0201_4b50 } else { 0x0403_4b50 }, 4);
            if central {
                put(to, 45, 2); // made by
            }
            put(to, 45, 2); // needed to read
            put(to, 0x0800, 2); // names are UTF-8
            put(to, 0, 2); // stored
            put(to, 0, 2); // time
            put(to, 0x0021, 2); // the first of January 1980
            put(to, crc, 4);
            put(to, size.min(SMALL), 4);
            put(to, size.min(SMALL), 4);
            put(to, name.len() as u64, 2);
            let wide = if central { 16 * u64::from(big) + 8 * u64::from(far) } else { 16 * u64::from(big) };
            put(to, if wide > 0 { wide + 4 } else { 0 }, 2);
            if central {
                put(to, 0, 2); // comment
                put(to, 0, 2); // disk
                put(to, 0, 2);
                put(to, 0, 4);
                put(to, start.min(SMALL), 4);
            }
            to.extend_from_slice(name.as_bytes());
            if wide > 0 {
                put(to, 1, 2);
                put(to, wide, 2);
                if big {
                    put(to, size, 8);
                    put(to, size, 8);
                }
                if central && far {
                    put(to, start, 8);
                }
            }
        }
        out.extend_from_slice(content);
    }
    let (count, at, size) = (files.len() as u64, out.len() as u64, directory.len() as u64);
    out.extend_from_slice(&directory);
    if at >= SMALL || count >= 0xffff {
        let record = out.len() as u64;
        put(&mut out, 0x0606_4b50, 4);
        put(&mut out, 44, 8);
        put(&mut out, 45, 2);
        put(&mut out, 45, 2);
        put(&mut out, 0, 4);
        put(&mut out, 0, 4);
        put(&mut out, count, 8);
        put(&mut out, count, 8);
        put(&mut out, size, 8);
        put(&mut out, at, 8);
        put(&mut out, 0x0706_4b50, 4);
        put(&mut out, 0, 4);
        put(&mut out, record, 8);
        put(&mut out, 1, 4);
    }
    put(&mut out, 0x0605_4b50, 4);
    put(&mut out, 0, 4);
    put(&mut out, count.min(0xffff), 2);
    put(&mut out, count.min(0xffff), 2);
    put(&mut out, size.min(SMALL), 4);
    put(&mut out, at.min(SMALL), 4);
    put(&mut out, 0, 2);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksum() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(b""), 0);
    }

    #[test]
    fn there_and_back() {
        let (x, s) = (Array::from_fn(&[30, 2], |i| (i[0] * i[1]) as f64), Array::scalar(f64::INFINITY));
        let bytes = write_npz(&[("X", &x), ("value", &s)]);
        let back = read_npz(&bytes, &Limits::default()).unwrap();
        assert_eq!(back, vec![("X".into(), x), ("value".into(), s)]);
        assert_eq!(read_npz(&write_npz(&[]), &Limits::default()).unwrap(), vec![]);
    }

    /// One deflated entry, as `numpy.savez_compressed` writes it.
    fn deflated(content: &[u8]) -> Vec<u8> {
        let packed = miniz_oxide::deflate::compress_to_vec(content, 6);
        let stored = write_npz(&[("X", &Array::scalar(0.0))]);
        let mut head = stored[..35].to_vec();
        let directory = stored.len() - 22 - 51;
        let mut tail = stored[directory..].to_vec();
        for (bytes, at) in [(&mut head, 8), (&mut tail, 10)] {
            bytes[at] = 8;
            bytes[at + 6..at + 10].copy_from_slice(&crc32(content).to_le_bytes());
            bytes[at + 10..at + 14].copy_from_slice(&(packed.len() as u32).to_le_bytes());
            bytes[at + 14..at + 18].copy_from_slice(&(content.len() as u32).to_le_bytes());
        }
        let at = (head.len() + packed.len()) as u32;
        let end = tail.len() - 6;
        tail[end..end + 4].copy_from_slice(&at.to_le_bytes());
        [head, packed, tail].concat()
    }

    #[test]
    fn compressed_archives() {
        let x = Array::from_fn(&[50, 4], |i| i[1] as f64);
        let bytes = deflated(&write_npy(&x));
        assert_eq!(read_npz(&bytes, &Limits::default()).unwrap(), vec![("X".to_string(), x)]);
    }

    /// Cut, flipped and grown files give errors, never more.
    #[test]
    fn damaged_archives() {
        let x = Array::from_fn(&[3, 4], |i| i[1] as f64);
        for whole in [write_npz(&[("X", &x)]), deflated(&write_npy(&x))] {
            for cut in 0..whole.len() {
                assert!(read_npz(&whole[..cut], &Limits::default()).is_err());
            }
            for at in 0..whole.len() {
                let mut broken = whole.clone();
                broken[at] ^= 0xff;
                let _ = read_npz(&broken, &Limits { bytes: 1 << 20 });
            }
        }
        assert!(read_npz(&write_npz(&[("X", &x)]), &Limits { bytes: 90 }).is_err());
        let mut wrong = write_npz(&[("X", &x)]);
        wrong[140] ^= 1;
        assert!(read_npz(&wrong, &Limits::default()).unwrap_err().message.contains("checksum"));
    }
}
