//! Arrays for a person: in the language where they have at most two axes, aligned, and cut where they are long.

use matgrad::{Array, Csr, Precision};

/// At most this many rows, columns and slices are shown.
pub const SHOWN: usize = 12;

/// `name = …`
pub fn text(name: &str, array: &Array) -> String {
    let precision = array.precision();
    match array.shape() {
        [] => format!("{name} = {}", number(array.data().first().copied().unwrap_or(f64::NAN), precision)),
        [n] => {
            let entries: Vec<String> = array.data().iter().take(SHOWN).map(|x| number(*x, precision)).collect();
            format!("{name} = [{}]{}", entries.join(", "), cut(&[*n]))
        }
        [rows, cols] => matrix(name, array.data(), (*rows, *cols), precision),
        [before @ .., rows, cols] => {
            let size = rows * cols;
            let slices: usize = before.iter().product();
            let mut parts = Vec::new();
            for slice in 0..slices.min(SHOWN) {
                let at = place(slice, before);
                let entries = array.data().get(slice * size..(slice + 1) * size).unwrap_or(&[]);
                parts.push(matrix(&format!("{name}[{at},:,:]"), entries, (*rows, *cols), precision));
            }
            if slices > SHOWN {
                parts.push(format!("# {} more slices", slices - SHOWN));
            }
            parts.join("\n")
        }
    }
}

/// The subscripts of a slice of this number: `2,1`.
pub fn place(slice: usize, before: &[usize]) -> String {
    let mut rest = slice;
    let mut at: Vec<String> = before
        .iter()
        .rev()
        .map(|n| {
            let k = rest % n;
            rest /= n;
            (k + 1).to_string()
        })
        .collect();
    at.reverse();
    at.join(",")
}

fn matrix(name: &str, entries: &[f64], (rows, cols): (usize, usize), precision: Precision) -> String {
    let shown: Vec<Vec<String>> = entries
        .chunks(cols.max(1))
        .take(SHOWN.min(rows))
        .map(|row| row.iter().take(SHOWN).map(|x| number(*x, precision)).collect())
        .collect();
    let widths: Vec<usize> = (0..cols.min(SHOWN))
        .map(|k| shown.iter().filter_map(|row| row.get(k)).map(String::len).max().unwrap_or(0))
        .collect();
    let indent = " ".repeat(name.chars().count() + 4);
    let lines: Vec<String> = shown
        .iter()
        .map(|row| row.iter().zip(&widths).map(|(x, w)| format!("{x:>w$}")).collect::<Vec<_>>().join(", "))
        .collect();
    format!("{name} = [{}]{}", lines.join(&format!(";\n{indent}")), cut(&[rows, cols]))
}

/// The entries of a sparse matrix, row by row.
pub fn sparse_text(name: &str, matrix: &Csr) -> String {
    let [rows, cols] = matrix.shape();
    let mut lines = vec![format!("# {name}: {rows} x {cols}, {} entries", matrix.entries())];
    for i in 0..rows.min(SHOWN) {
        let (columns, values) = matrix.row(i);
        let entries = columns.iter().zip(values).take(SHOWN);
        let mut shown: Vec<String> =
            entries.map(|(j, x)| format!("{name}[{},{}] = {}", i + 1, j + 1, number(*x, matrix.precision()))).collect();
        if columns.len() > SHOWN {
            shown.push(format!("# {} more in this row", columns.len() - SHOWN));
        }
        if !shown.is_empty() {
            lines.push(shown.join("  "));
        }
    }
    if rows > SHOWN {
        lines.push(format!("# {} more rows", rows - SHOWN));
    }
    lines.join("\n")
}

/// What is left out.
pub fn cut(shape: &[usize]) -> String {
    if shape.iter().all(|n| *n <= SHOWN) {
        return String::new();
    }
    let whole: Vec<String> = shape.iter().map(usize::to_string).collect();
    format!("   # the first entries of {}", whole.join(" x "))
}

/// The shortest decimal that is the same number in its precision.
pub fn number(value: f64, precision: Precision) -> String {
    let magnitude = value.abs();
    if precision == Precision::Single {
        let value = value as f32;
        let plain = magnitude == 0.0 || (1e-4..1e7).contains(&magnitude) || !value.is_finite();
        return if plain { format!("{value}") } else { format!("{value:e}") };
    }
    if magnitude != 0.0 && !(1e-4..1e15).contains(&magnitude) && value.is_finite() {
        format!("{value:e}")
    } else {
        format!("{value}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(shape: &[usize], data: &[f64], expected: &str) {
        let array = Array::new(shape.to_vec(), data.to_vec()).expect("a shape that fits");
        assert_eq!(text("a", &array), expected);
    }

    #[test]
    fn small_arrays() {
        check(&[], &[2.5], "a = 2.5");
        check(&[3], &[1.0, -2.0, 1e-9], "a = [1, -2, 1e-9]");
        check(&[2, 2], &[1.0, 10.0, -3.0, 4.0], "a = [ 1, 10;\n     -3,  4]");
        check(&[2, 1, 2], &[1.0, 2.0, 3.0, 4.0], "a[1,:,:] = [1, 2]\na[2,:,:] = [3, 4]");
        check(&[0], &[], "a = []");
    }

    #[test]
    fn long_arrays_are_cut() {
        let array = Array::vector(vec![1.0; 100]);
        let shown = text("a", &array);
        assert!(shown.ends_with("]   # the first entries of 100") && shown.len() < 80, "{shown}");
    }
}
