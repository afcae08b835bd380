//! Matrices of numbers in rows, as on paper, for a terminal.

use matgrad::{Array, Precision};

use crate::arrays::{SHOWN, cut, number};

/// So many digits are shown where all of them are too wide.
const DIGITS: [usize; 2] = [8, 5];

/// `name = …` with matrices in rows; everything else stands on a line, as in the language.
pub fn text(name: &str, array: &Array, width: usize) -> String {
    match array.shape() {
        [rows, cols] if *rows > 0 && *cols > 0 => {
            matrix(name, array.data(), (*rows, *cols), array.precision(), width).join("\n")
        }
        [before @ .., rows, cols] if !before.is_empty() && rows * cols > 0 => {
            let slices: usize = before.iter().product();
            let mut parts: Vec<String> = (0..slices.min(SHOWN))
                .map(|slice| {
                    let entries = array.data().get(slice * rows * cols..).unwrap_or(&[]);
                    let name = format!("{name}[{},:,:]", crate::arrays::place(slice, before));
                    matrix(&name, entries, (*rows, *cols), array.precision(), width).join("\n")
                })
                .collect();
            if slices > SHOWN {
                parts.push(format!("# {} more slices", slices - SHOWN));
            }
            parts.join("\n\n")
        }
        _ => crate::arrays::text(name, array),
    }
}

/// Cells whose decimal points stand below each other.
fn aligned(cells: &[String]) -> Vec<String> {
    let parts: Vec<(&str, &str)> =
        cells.iter().map(|cell| cell.split_at(cell.find(['.', 'e']).unwrap_or(cell.len()))).collect();
    let widest = |part: &dyn Fn(&(&str, &str)) -> usize| parts.iter().map(part).max().unwrap_or(0);
    let (left, right) = (widest(&|part| part.0.chars().count()), widest(&|part| part.1.len()));
    parts.iter().map(|(whole, rest)| format!("{whole:>left$}{rest:<right$}")).collect()
}

/// Whole digits, where all are too wide.
fn rounded(value: f64, digits: usize) -> f64 {
    format!("{value:.*e}", digits - 1).parse().unwrap_or(value)
}

fn matrix(
    name: &str,
    entries: &[f64],
    (rows, cols): (usize, usize),
    precision: Precision,
    width: usize,
) -> Vec<String> {
    let room = width.saturating_sub(name.chars().count() + 5);
    let (high, wide) = (rows.min(SHOWN), cols.min(SHOWN));
    let column = |k: usize, digits: Option<usize>| -> Vec<String> {
        let cell = |i: usize| {
            let value = entries.get(i * cols + k).copied().unwrap_or(f64::NAN);
            number(digits.map_or(value, |digits| rounded(value, digits)), precision)
        };
        let mut cells: Vec<String> = (0..high).map(cell).collect();
        cells = aligned(&cells);
        if rows > high {
            let wide = cells.first().map_or(1, |cell| cell.chars().count());
            cells.push(format!("{:^wide$}", "⋮"));
        }
        cells
    };
    let wide_of = |columns: &[Vec<String>]| -> usize {
        let cells = columns.iter().filter_map(|column| column.first());
        cells.map(|cell| cell.chars().count() + 2).sum::<usize>().saturating_sub(2)
    };
    let all = |digits: Option<usize>| -> Vec<Vec<String>> { (0..wide).map(|k| column(k, digits)).collect() };
    let (mut columns, mut digits) = (all(None), None);
    for fewer in DIGITS {
        if wide_of(&columns) > room {
            (columns, digits) = (all(Some(fewer)), Some(fewer));
        }
    }
    while columns.len() > 1 && wide_of(&columns) + 3 > room && (columns.len() < cols || wide_of(&columns) > room) {
        columns.pop();
    }
    let left_out = columns.len() < cols;
    let height = columns.first().map_or(0, Vec::len);
    let exact = |k: usize, digits: usize| {
        (0..high).all(|i| entries.get(i * cols + k).is_none_or(|x| !x.is_finite() || rounded(*x, digits) == *x))
    };
    let digits = digits.filter(|digits| !(0..columns.len()).all(|k| exact(k, *digits)));
    let mut lines = Vec::with_capacity(height);
    for i in 0..height {
        let [left, right] = match i {
            _ if height == 1 => ['[', ']'],
            0 => ['⎡', '⎤'],
            i if i + 1 == height => ['⎣', '⎦'],
            _ => ['⎢', '⎥'],
        };
        let head = if i == (height - 1) / 2 { format!("{name} = ") } else { " ".repeat(name.chars().count() + 3) };
        let mut cells: Vec<&str> = columns.iter().filter_map(|column| column.get(i)).map(String::as_str).collect();
        if left_out {
            cells.push(if i >= high { "⋱" } else { "⋯" });
        }
        lines.push(format!("{head}{left}{}{right}", cells.join("  ")));
    }
    let mut remarks: Vec<String> = Vec::new();
    if left_out || rows > high {
        remarks.push(cut(&[rows, cols]).trim_start_matches([' ', '#']).to_owned());
        if remarks.last().is_some_and(String::is_empty) {
            remarks.pop();
            remarks.push(format!("the first columns of {rows} x {cols}"));
        }
    }
    if let Some(digits) = digits {
        remarks.push(format!("rounded to {digits} digits"));
    }
    if !remarks.is_empty() {
        lines.push(format!("# {}", remarks.join(", ")));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(shape: &[usize], data: &[f64], width: usize, expected: &[&str]) {
        let array = Array::new(shape.to_vec(), data.to_vec()).expect("a shape that fits");
        assert_eq!(text("a", &array, width), expected.join("\n"));
    }

    #[test]
    fn matrices_stand_in_rows() {
        check(&[2, 2], &[1.0, 10.5, -3.0, 4.0], 80, &["a = ⎡ 1  10.5⎤", "    ⎣-3   4  ⎦"]);
        check(&[1, 2], &[1.0, 2.0], 80, &["a = [1  2]"]);
        check(&[3, 1], &[1.0, f64::NAN, 1e-9], 80, &["    ⎡  1   ⎤", "a = ⎢NaN   ⎥", "    ⎣  1e-9⎦"]);
        check(&[2, 1, 2], &[1.0, 2.0, 3.0, 4.0], 80, &["a[1,:,:] = [1  2]", "", "a[2,:,:] = [3  4]"]);
        // what is no matrix stands on a line
        check(&[2], &[1.0, 2.0], 80, &["a = [1, 2]"]);
        check(&[], &[1.0], 80, &["a = 1"]);
        check(&[0, 2], &[], 80, &["a = []"]);
    }

    #[test]
    fn what_is_too_wide_is_rounded_and_then_cut() {
        let third = 1.0 / 3.0;
        check(&[1, 2], &[third, third], 30, &["a = [0.33333333  0.33333333]", "# rounded to 8 digits"]);
        check(
            &[2, 4],
            &[third; 8],
            30,
            &[
                "a = ⎡0.33333  0.33333  ⋯⎤",
                "    ⎣0.33333  0.33333  ⋯⎦",
                "# the first columns of 2 x 4, rounded to 5 digits",
            ],
        );
        let long = Array::new(vec![20, 1], vec![1.0; 20]).expect("a column");
        let shown = text("a", &long, 80);
        assert!(shown.ends_with("⎣⋮⎦\n# the first entries of 20 x 1"), "{shown}");
    }
}
