//! The Matrix Market exchange format.
//!
//! A heading says whether entries are listed with their positions (`coordinate`) or all of them column by column (`array`),
//! what they are, and which others follow from them by symmetry. See Boisvert, Pozo and Remington, *The Matrix Market exchange
//! formats: initial design* (NISTIR 5935, 1996).

use super::{DataError, Limits, entries};
use crate::Array;

/// What entries on the other side of the diagonal are.
#[derive(Clone, Copy, PartialEq)]
enum Symmetry {
    General,
    Symmetric,
    Skew,
}

struct Heading {
    coordinate: bool,
    /// Whether only positions are listed, with the value 1.
    pattern: bool,
    symmetry: Symmetry,
}

fn heading(line: &str) -> Result<Heading, DataError> {
    let words: Vec<String> = line.split_whitespace().map(str::to_ascii_lowercase).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let [first, object, format, field, symmetry] = words.as_slice() else {
        return Err(DataError::new("the first line has to be `%%MatrixMarket matrix FORMAT FIELD SYMMETRY`"));
    };
    let one_of =
        |what: &str, found: &str, known: &str| DataError::new(format!("the {what} `{found}` is not one of {known}"));
    if *first != "%%matrixmarket" || *object != "matrix" {
        return Err(DataError::new("the first line has to begin with `%%MatrixMarket matrix`"));
    }
    let coordinate = match *format {
        "coordinate" => true,
        "array" => false,
        found => return Err(one_of("format", found, "`coordinate`, `array`")),
    };
    let pattern = match *field {
        "real" | "integer" | "double" => false,
        "pattern" if coordinate => true,
        "complex" => return Err(DataError::new("the entries are complex: only real ones can be read")),
        found => return Err(one_of("field", found, "`real`, `integer`, `pattern` (of the format `coordinate`)")),
    };
    let symmetry = match *symmetry {
        "general" => Symmetry::General,
        "symmetric" => Symmetry::Symmetric,
        "skew-symmetric" if !pattern => Symmetry::Skew,
        "hermitian" => Symmetry::Symmetric,
        found => return Err(one_of("symmetry", found, "`general`, `symmetric`, `skew-symmetric`")),
    };
    Ok(Heading { coordinate, pattern, symmetry })
}

/// Reads a matrix in the Matrix Market format, with its zeros; entries listed more than once are added.
///
/// # Errors
/// What is wrong, with the number of the line.
pub fn read_matrix_market(text: &str, limits: &Limits) -> Result<Array, DataError> {
    let mut lines = text.lines().enumerate().map(|(k, line)| (k + 1, line.trim()));
    let Heading { coordinate, pattern, symmetry } = match lines.next() {
        Some((_, line)) => heading(line)?,
        None => return Err(DataError::new("the file is empty")),
    };
    let mut lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('%'));
    let at = |number: usize, message: String| DataError::new(format!("line {number}: {message}"));
    let whole = |number: usize, word: &str| -> Result<usize, DataError> {
        word.parse().map_err(|_| at(number, format!("`{word}` is no whole number from 0 on")))
    };
    let Some((number, line)) = lines.next() else { return Err(DataError::new("the line with the size is missing")) };
    let words: Vec<&str> = line.split_whitespace().collect();
    let (rows, cols, listed) = match (coordinate, words.as_slice()) {
        (true, [m, n, k]) => (whole(number, m)?, whole(number, n)?, Some(whole(number, k)?)),
        (false, [m, n]) => (whole(number, m)?, whole(number, n)?, None),
        (true, _) => return Err(at(number, "the size has to be `ROWS COLUMNS ENTRIES`".into())),
        (false, _) => return Err(at(number, "the size has to be `ROWS COLUMNS`".into())),
    };
    if symmetry != Symmetry::General && rows != cols {
        return Err(at(number, format!("a matrix of {rows} × {cols} cannot be symmetric")));
    }
    let mut data = vec![0.0; entries(&[rows, cols], limits)?];
    let mut put = |i: usize, j: usize, value: f64| {
        if let Some(entry) = data.get_mut(i * cols + j) {
            *entry += value;
        }
    };
    let mut all = |i: usize, j: usize, value: f64| {
        put(i, j, value);
        match symmetry {
            Symmetry::Symmetric if i != j => put(j, i, value),
            Symmetry::Skew if i != j => put(j, i, -value),
            _ => {}
        }
    };
    // where the next entry of an array is
    let first = |j: usize| match symmetry {
        Symmetry::General => 0,
        Symmetry::Symmetric => j,
        Symmetry::Skew => j + 1,
    };
    let (mut i, mut j, mut count) = (first(0), 0usize, 0usize);
    for (number, line) in lines {
        let mut words = line.split_whitespace();
        let mut word = |what: &str| words.next().ok_or_else(|| at(number, format!("the {what} is missing")));
        if coordinate {
            let (row, col) = (whole(number, word("row")?)?, whole(number, word("column")?)?);
            if !(1..=rows).contains(&row) || !(1..=cols).contains(&col) {
                return Err(at(number, format!("there is no entry {row}, {col} in a matrix of {rows} × {cols}")));
            }
            let value = if pattern { 1.0 } else { value(word("value")?).map_err(|m| at(number, m))? };
            if symmetry != Symmetry::General && (col > row || symmetry == Symmetry::Skew && col == row) {
                let part = if symmetry == Symmetry::Skew { "below the diagonal" } else { "on and below the diagonal" };
                return Err(at(number, format!("the entry {row}, {col}: only those {part} are listed")));
            }
            all(row - 1, col - 1, value);
            count += 1;
        } else {
            let value = value(word("value")?).map_err(|m| at(number, m))?;
            while j < cols && i >= rows {
                j += 1;
                i = first(j);
            }
            if j >= cols {
                return Err(at(number, "more entries than the size says".into()));
            }
            all(i, j, value);
            i += 1;
        }
        if words.next().is_some() {
            return Err(at(number, "more than one entry".into()));
        }
    }
    while j < cols && i >= rows {
        j += 1;
        i = first(j);
    }
    if let Some(listed) = listed.filter(|listed| *listed != count) {
        return Err(DataError::new(format!("{count} entries, the size says {listed}")));
    }
    if !coordinate && j < cols && rows > 0 {
        return Err(DataError::new(format!("entries are missing from row {}, column {} on", i + 1, j + 1)));
    }
    Array::new(vec![rows, cols], data).ok_or_else(|| DataError::new("the entries do not fit the size"))
}

fn value(word: &str) -> Result<f64, String> {
    word.parse().map_err(|_| format!("`{word}` is no number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Array, DataError> {
        read_matrix_market(text, &Limits::default())
    }

    #[test]
    fn matrices() {
        let check = |text: &str, shape: [usize; 2], data: &[f64]| {
            let found = read(text).unwrap();
            assert_eq!((found.shape(), found.data()), (shape.as_slice(), data), "{text}");
        };
        let c = "%%MatrixMarket matrix coordinate";
        check(
            &format!("{c} real general\n% words\n\n2 3 3\n1 3 2.5\n2 1 -1e1\n1 3 1\n"),
            [2, 3],
            &[0., 0., 3.5, -10., 0., 0.],
        );
        check(&format!("{c} real symmetric\n2 2 2\n1 1 1\n2 1 5\n"), [2, 2], &[1.0, 5.0, 5.0, 0.0]);
        check(&format!("{c} integer skew-symmetric\n2 2 1\n2 1 5\n"), [2, 2], &[0.0, -5.0, 5.0, 0.0]);
        check(&format!("{c} pattern general\r\n1 2 1\r\n1 2\r\n"), [1, 2], &[0.0, 1.0]);
        check(&format!("{c} real general\n0 0 0\n"), [0, 0], &[]);
        let a = "%%matrixmarket MATRIX Array Real";
        check(&format!("{a} General\n2 2\n1\n2\n3\n4\n"), [2, 2], &[1.0, 3.0, 2.0, 4.0]);
        check(&format!("{a} symmetric\n2 2\n1\n2\n3\n"), [2, 2], &[1.0, 2.0, 2.0, 3.0]);
        check(&format!("{a} skew-symmetric\n3 3\n1\n2\n3\n"), [3, 3], &[0., -1., -2., 1., 0., -3., 2., 3., 0.]);
        check(&format!("{a} general\n0 3\n"), [0, 3], &[]);
        check(&format!("{a} skew-symmetric\n1 1\n"), [1, 1], &[0.0]);
    }

    #[test]
    fn what_is_wrong_is_said() {
        let check = |text: &str, wanted: &str| {
            let message = read(text).expect_err(text).message;
            assert!(message.contains(wanted), "{text}: {message}");
        };
        let c = "%%MatrixMarket matrix coordinate real general";
        check("", "empty");
        check("1 2 3", "the first line has to be");
        check("%%MatrixMarket vector array real general", "has to begin with `%%MatrixMarket matrix`");
        check("%%MatrixMarket matrix dense real general", "the format `dense` is not one of `coordinate`, `array`");
        check("%%MatrixMarket matrix array complex general", "complex");
        check("%%MatrixMarket matrix array pattern general", "the field `pattern`");
        check("%%MatrixMarket matrix array real round", "the symmetry `round`");
        check(c, "size is missing");
        check(&format!("{c}\n2 2\n"), "line 2: the size has to be `ROWS COLUMNS ENTRIES`");
        check(&format!("{c}\n2 -2 1\n"), "line 2: `-2` is no whole number");
        check(&format!("{c}\n2 2 1\n3 1 1.0\n"), "line 3: there is no entry 3, 1 in a matrix of 2 × 2");
        check(&format!("{c}\n2 2 1\n1 1 x\n"), "line 3: `x` is no number");
        check(&format!("{c}\n2 2 1\n1 1\n"), "line 3: the value is missing");
        check(&format!("{c}\n2 2 1\n1 1 1 2\n"), "line 3: more than one entry");
        check(&format!("{c}\n2 2 2\n1 1 1\n"), "1 entries, the size says 2");
        check(&format!("{c}\n4000000000 4000000000 0\n"), "limit");
        check("%%MatrixMarket matrix coordinate real symmetric\n2 2 1\n1 2 1\n", "on and below the diagonal");
        check("%%MatrixMarket matrix coordinate real symmetric\n2 3 0\n", "cannot be symmetric");
        check("%%MatrixMarket matrix array real general\n2 2\n1\n2\n3\n", "missing from row 2, column 2");
        check("%%MatrixMarket matrix array real general\n1 1\n1\n2\n", "line 4: more entries");
    }

    #[test]
    fn what_is_written_is_read() {
        let a = crate::Csr::new([2, 3], vec![0, 1, 3], vec![1, 0, 2], vec![5.0, -0.5, 1e-30]).unwrap();
        assert_eq!(read(&super::super::write_matrix_market(&a)).unwrap(), a.to_dense());
    }
}
