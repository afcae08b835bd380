//! Data files: `.npz`, `.npy`, `.json`, `.csv` and `.mtx` in, `.npz` and `.json` out.
//!
//! Files come from strangers: every length is checked before memory is taken, and nothing here panics.

mod csv;
mod json;
mod market;
mod npy;
mod npz;
mod sparse;
mod whole;

use std::fmt;
use std::path::Path;

use crate::{Array, Inputs};

pub use csv::read_csv;
pub use json::{read_json, write_json};
pub use market::read_matrix_market;
pub use npy::{read_npy, write_npy};
pub use npz::{read_npz, write_npz};
pub use sparse::{save_sparse, write_matrix_market};
pub use whole::{give_up_files, write_whole};

/// What a file may ask for.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How many bytes the numbers of one file may take in memory, and the file on disk.
    pub bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 8 << 30 }
    }
}

/// Why a file cannot be read or written.
#[derive(Clone, Debug, PartialEq)]
pub struct DataError {
    /// The file, where there is one.
    pub file: Option<String>,
    /// What is wrong.
    pub message: String,
}

impl DataError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { file: None, message: message.into() }
    }

    fn in_file(self, file: &str) -> Self {
        Self { file: Some(file.to_string()), ..self }
    }
}

impl fmt::Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.file {
            Some(file) => write!(f, "{file}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for DataError {}

/// The kind of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Several arrays by name.
    Npz,
    /// One array.
    Npy,
    /// An object of nested lists by name.
    Json,
    /// One matrix.
    Csv,
    /// One matrix in the Matrix Market format.
    Market,
}

impl Format {
    /// The format by the end of a file's name.
    pub fn of(path: &str) -> Option<Self> {
        match Path::new(path).extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "npz" => Some(Self::Npz),
            "npy" => Some(Self::Npy),
            "json" => Some(Self::Json),
            "csv" | "tsv" | "txt" => Some(Self::Csv),
            "mtx" => Some(Self::Market),
            _ => None,
        }
    }

    /// The format by the first bytes.
    pub fn sniff(bytes: &[u8]) -> Self {
        match bytes {
            [b'P', b'K', ..] => Self::Npz,
            _ if bytes.get(..14).is_some_and(|b| b.eq_ignore_ascii_case(b"%%MatrixMarket")) => Self::Market,
            [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => Self::Npy,
            _ if bytes.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'{') => Self::Json,
            _ => Self::Csv,
        }
    }
}

fn text(bytes: &[u8]) -> Result<&str, DataError> {
    std::str::from_utf8(bytes).map_err(|e| DataError::new(format!("not UTF-8 text at byte {}", e.valid_up_to())))
}

/// The arrays of a file's content by name; of a file with one array, under the name given.
pub fn read_bytes(
    bytes: &[u8],
    format: Format,
    name: Option<&str>,
    limits: &Limits,
) -> Result<Vec<(String, Array)>, DataError> {
    match (format, name) {
        (Format::Npz, _) => read_npz(bytes, limits),
        (Format::Json, _) => read_json(text(bytes)?, limits),
        (_, None) => Err(DataError::new("a file with one array needs a name: write `--data NAME=FILE`")),
        (Format::Npy, Some(name)) => Ok(vec![(name.into(), read_npy(bytes, limits)?)]),
        (Format::Market, Some(name)) => Ok(vec![(name.into(), read_matrix_market(text(bytes)?, limits)?)]),
        (Format::Csv, Some(name)) => Ok(vec![(name.into(), read_csv(text(bytes)?, limits)?)]),
    }
}

/// Reads what one `--data` says (`FILE` or `NAME=FILE`) and adds it to the inputs.
pub fn load(argument: &str, limits: &Limits, into: &mut Inputs) -> Result<(), DataError> {
    // a file of that very name comes first, should its name have an `=`
    let (name, path) = match argument.split_once('=') {
        Some((name, path)) if !Path::new(argument).exists() => (Some(name.trim()), path),
        _ => (None, argument),
    };
    let bytes = read_file(path, limits)?;
    let format = Format::of(path).unwrap_or_else(|| Format::sniff(&bytes));
    let arrays = read_bytes(&bytes, format, name, limits).map_err(|e| e.in_file(path))?;
    add(arrays, name, into).map_err(|e| e.in_file(path))
}

/// Adds arrays to the inputs; with a name, only the one array that it picks.
pub fn add(arrays: Vec<(String, Array)>, name: Option<&str>, into: &mut Inputs) -> Result<(), DataError> {
    if let Some(name) = name {
        let single = arrays.len() == 1;
        let picked = arrays.into_iter().find(|(n, _)| single || n == name);
        let Some((_, array)) = picked else {
            return Err(DataError::new(format!("several arrays, none of them named `{name}`")));
        };
        into.insert(name, array);
        return Ok(());
    }
    let mut seen = Inputs::new();
    for (name, array) in arrays {
        if seen.insert(&name, Array::scalar(0.0)).is_some() {
            return Err(DataError::new(format!("two arrays are named `{name}`, spelt in ways that mean the same")));
        }
        into.insert(&name, array);
    }
    Ok(())
}

fn read_file(path: &str, limits: &Limits) -> Result<Vec<u8>, DataError> {
    use std::io::Read;
    let failed = |e: std::io::Error| DataError::new(e.to_string().to_lowercase()).in_file(path);
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(limits.bytes.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > limits.bytes {
        return Err(too_large(limits).in_file(path));
    }
    Ok(bytes)
}

/// Writes arrays to a `.npz` or `.json` file.
pub fn save(path: &str, arrays: &[(&str, &Array)]) -> Result<(), DataError> {
    let bytes = match Format::of(path) {
        Some(Format::Json) => write_json(arrays).into_bytes(),
        Some(Format::Npz) => write_npz(arrays),
        _ => return Err(DataError::new("results are written to `.npz` or `.json` files").in_file(path)),
    };
    write_whole(path, &bytes).map_err(|e| DataError::new(e.to_string().to_lowercase()).in_file(path))
}

fn too_large(limits: &Limits) -> DataError {
    DataError::new(format!("more than the limit of {}", crate::error::bytes_text(limits.bytes)))
}

/// The number of entries of a shape, within the limit.
fn entries(shape: &[usize], limits: &Limits) -> Result<usize, DataError> {
    if shape.len() > 32 {
        return Err(DataError::new("more than 32 axes"));
    }
    let fits = |n: &usize| (*n as u64).saturating_mul(8) <= limits.bytes;
    crate::array::count(shape).filter(fits).ok_or_else(|| too_large(limits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats() {
        assert_eq!(Format::of("a/b.NPZ"), Some(Format::Npz));
        assert_eq!(Format::of("b.csv"), Some(Format::Csv));
        assert_eq!(Format::of("b"), None);
        assert_eq!(Format::sniff(b" {\"x\": 1}"), Format::Json);
        assert_eq!(Format::sniff(b"1,2"), Format::Csv);
        assert_eq!(Format::sniff(b"%%matrixmarket matrix"), Format::Market);
    }

    #[test]
    fn files_there_and_back() {
        let dir = std::env::temp_dir().join(format!("matgrad-data-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let path = |name: &str| dir.join(name).to_str().unwrap().to_string();
        let (x, s) = (Array::from_fn(&[2, 3], |i| i[0] as f64 / 3.0 + i[1] as f64), Array::scalar(-0.1));
        for name in ["out.npz", "out.json"] {
            save(&path(name), &[("X", &x), ("λ", &s)]).unwrap();
            let mut inputs = Inputs::new();
            load(&path(name), &Limits::default(), &mut inputs).unwrap();
            assert_eq!((inputs.get("X"), inputs.get("lambda")), (Some(&x), Some(&s)));
        }
        std::fs::write(dir.join("x.csv"), "1,2\n3,4\n").unwrap();
        let mut inputs = Inputs::new();
        load(&format!("B={}", path("x.csv")), &Limits::default(), &mut inputs).unwrap();
        assert_eq!(inputs.get("B").unwrap().shape(), [2, 2]);
        for name in ["x.mtx", "matrix"] {
            std::fs::write(dir.join(name), "%%MatrixMarket matrix array real general\n2 1\n5\n6\n").unwrap();
            load(&format!("C={}", path(name)), &Limits::default(), &mut inputs).unwrap();
            assert_eq!(inputs.get("C").unwrap(), &Array::from_fn(&[2, 1], |i| 5.0 + i[0] as f64));
        }
        std::fs::write(dir.join("x.mtx"), "%%MatrixMarket matrix array real general\n2 1\n5\n").unwrap();
        let error = load(&format!("C={}", path("x.mtx")), &Limits::default(), &mut inputs).unwrap_err();
        assert!(error.to_string().ends_with("x.mtx: entries are missing from row 2, column 1 on"), "{error}");
        assert!(load(&path("x.csv"), &Limits::default(), &mut inputs).is_err());
        assert!(load(&path("none.npz"), &Limits::default(), &mut inputs).is_err());
        assert!(load(&path("out.npz"), &Limits { bytes: 20 }, &mut inputs).is_err());
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
