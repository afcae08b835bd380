//! Sparse matrices in files: `.npz` as SciPy reads them, `.json`, and Matrix Market.

use std::fmt::Write;

use super::npy::{write_integers, write_npy, write_text};
use super::npz::archive;
use super::{DataError, Format, write_json};
use crate::{Array, Csr, Precision};

/// What the parts of a matrix are called: of the only one plain, of several after their names.
fn part(matrices: &[(&str, &Csr)], name: &str, part: &str) -> String {
    if matrices.len() == 1 { part.into() } else { format!("{name}_{part}") }
}

fn columns(matrix: &Csr) -> Vec<usize> {
    matrix.indices().iter().map(|j| *j as usize).collect()
}

/// Writes arrays and sparse matrices to a `.npz` or `.json` file, or one sparse matrix to a `.mtx` file.
pub fn save_sparse(path: &str, arrays: &[(&str, &Array)], matrices: &[(&str, &Csr)]) -> Result<(), DataError> {
    let market = std::path::Path::new(path).extension().is_some_and(|end| end.eq_ignore_ascii_case("mtx"));
    let bytes = match (Format::of(path), matrices) {
        (_, [(_, matrix)]) if market => write_matrix_market(matrix).into_bytes(),
        _ if market => {
            let message = format!("a `.mtx` file holds one sparse matrix, these are {}", matrices.len());
            return Err(DataError::new(message).in_file(path));
        }
        (Some(Format::Json), _) => json(arrays, matrices).into_bytes(),
        (Some(Format::Npz), _) => npz(arrays, matrices),
        _ => {
            let message = "sparse results are written to `.npz`, `.json` or `.mtx` files";
            return Err(DataError::new(message).in_file(path));
        }
    };
    super::write_whole(path, &bytes).map_err(|e| DataError::new(e.to_string().to_lowercase()).in_file(path))
}

fn npz(arrays: &[(&str, &Array)], matrices: &[(&str, &Csr)]) -> Vec<u8> {
    let mut files: Vec<(String, Vec<u8>)> =
        arrays.iter().map(|(name, array)| ((*name).into(), write_npy(array))).collect();
    for (name, matrix) in matrices {
        let data = Array::vector(matrix.data().to_vec()).in_precision(matrix.precision());
        let own = [
            ("indptr", write_integers(matrix.indptr())),
            ("indices", write_integers(&columns(matrix))),
            ("data", write_npy(&data)),
            ("shape", write_integers(&matrix.shape())),
            ("format", write_text("csr")),
        ];
        files.extend(own.into_iter().map(|(what, content)| (part(matrices, name, what), content)));
    }
    archive(&files)
}

fn json(arrays: &[(&str, &Array)], matrices: &[(&str, &Csr)]) -> String {
    let mut out = write_json(arrays).trim_end().trim_end_matches('}').to_owned();
    for (name, matrix) in matrices {
        let mut item = |what: &str, text: &str| {
            let comma = if out.ends_with('{') { "" } else { ", " };
            let _ = write!(out, "{comma}\"{}\": {text}", part(matrices, name, what));
        };
        item("indptr", &format!("{:?}", matrix.indptr()));
        item("indices", &format!("{:?}", matrix.indices()));
        let data = Array::vector(matrix.data().to_vec()).in_precision(matrix.precision());
        let data = write_json(&[("x", &data)]);
        item("data", data.trim_end().trim_start_matches("{\"x\": ").trim_end_matches('}'));
        item("shape", &format!("{:?}", matrix.shape()));
        item("format", "\"csr\"");
    }
    out.push_str("}\n");
    out
}

/// A matrix in the Matrix Market exchange format: coordinates from 1, row by row.
pub fn write_matrix_market(matrix: &Csr) -> String {
    let [rows, cols] = matrix.shape();
    let mut out = String::from("%%MatrixMarket matrix coordinate real general\n");
    let _ = writeln!(out, "{rows} {cols} {}", matrix.entries());
    for i in 0..rows {
        let (columns, values) = matrix.row(i);
        for (j, value) in columns.iter().zip(values) {
            let _ = match matrix.precision() {
                Precision::Double => writeln!(out, "{} {} {value:e}", i + 1, j + 1),
                Precision::Single => writeln!(out, "{} {} {:e}", i + 1, j + 1, *value as f32),
            };
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Limits, read_json, read_npz};

    #[test]
    fn files() {
        let a = Csr::new([2, 3], vec![0, 1, 3], vec![1, 0, 2], vec![5.0, -0.5, 0.0]).unwrap();
        let value = Array::scalar(2.0);
        assert_eq!(
            write_matrix_market(&a),
            "%%MatrixMarket matrix coordinate real general\n2 3 3\n1 2 5e0\n2 1 -5e-1\n2 3 0e0\n"
        );
        let text = json(&[("value", &value)], &[("derivative", &a)]);
        assert!(text.ends_with("\"shape\": [2, 3], \"format\": \"csr\"}\n"), "{text}");
        let numbers = text.replace(", \"format\": \"csr\"", "");
        let read = read_json(&numbers, &Limits::default()).unwrap();
        let find = |name: &str| read.iter().find(|(n, _)| n == name).unwrap().1.data().to_vec();
        assert_eq!(find("indptr"), [0.0, 1.0, 3.0]);
        assert_eq!(find("data"), [5.0, -0.5, 0.0]);
        assert_eq!(json(&[], &[("derivative", &a)]).matches("indices").count(), 1);
        let bytes = npz(&[("value", &value)], &[("derivative", &a), ("derivative2", &a)]);
        assert!(bytes.windows(6).any(|w| w == b"'|S3',"));
        assert!(bytes.windows(24).any(|w| w == b"derivative2_indices.npy\x93"));
        assert!(read_npz(&npz(&[], &[]), &Limits::default()).is_ok());
    }
}
