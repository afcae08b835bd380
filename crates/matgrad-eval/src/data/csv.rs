//! One matrix of numbers as text.

use super::{DataError, Limits, entries};
use crate::Array;

/// Reads rows of numbers separated by commas, semicolons, tabs or white space; a first row of words is a heading.
pub fn read_csv(text: &str, limits: &Limits) -> Result<Array, DataError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (mut data, mut rows, mut cols) = (Vec::new(), 0usize, 0usize);
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let cells: Vec<&str> = match [',', ';', '\t'].into_iter().find(|c| line.contains(*c)) {
            Some(separator) => line.split(separator).collect(),
            None => line.split_whitespace().collect(),
        };
        let values: Vec<Option<f64>> = cells.iter().map(|c| number_of(c)).collect();
        if rows == 0 && data.is_empty() && cols == 0 && values.iter().all(Option::is_none) {
            cols = cells.len(); // a heading
            continue;
        }
        if let Some(at) = values.iter().position(Option::is_none) {
            let cell = cells[at].trim();
            return Err(DataError::new(format!("line {}, column {}: `{cell}` is no number", number + 1, at + 1)));
        }
        if rows > 0 && values.len() != cols {
            let found = values.len();
            return Err(DataError::new(format!(
                "line {} has {found} numbers, the lines before have {cols}",
                number + 1
            )));
        }
        (rows, cols) = (rows + 1, values.len());
        data.extend(values.into_iter().flatten());
        entries(&[rows, cols], limits)?;
    }
    if rows == 0 {
        cols = 0;
    }
    Array::new(vec![rows, cols], data).ok_or_else(|| DataError::new("the rows differ in length"))
}

fn number_of(cell: &str) -> Option<f64> {
    cell.trim().trim_matches('"').trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables() {
        let check = |text: &str, shape: &[usize], data: &[f64]| {
            let array = read_csv(text, &Limits::default()).unwrap();
            assert_eq!((array.shape(), array.data()), (shape, data));
        };
        check("1,2\n3,4e-1\n", &[2, 2], &[1.0, 2.0, 3.0, 0.4]);
        check("a,b\r\n1,2\r\n", &[1, 2], &[1.0, 2.0]);
        check("# note\n1\n\n2\n", &[2, 1], &[1.0, 2.0]);
        check("1; -2; inf", &[1, 3], &[1.0, -2.0, f64::INFINITY]);
        check("1 2  3\n4 5 6", &[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        check("\"1\",\"2\"", &[1, 2], &[1.0, 2.0]);
        check("", &[0, 0], &[]);
    }

    #[test]
    fn bad_tables() {
        let bad = |text: &str, expected: &str| {
            assert_eq!(read_csv(text, &Limits::default()).unwrap_err().message, expected);
        };
        bad("1,2\n3,x", "line 2, column 2: `x` is no number");
        bad("1,2\n3", "line 2 has 1 numbers, the lines before have 2");
        bad("1,,2", "line 1, column 2: `` is no number");
        assert!(read_csv("1,2,3", &Limits { bytes: 16 }).is_err());
    }
}
