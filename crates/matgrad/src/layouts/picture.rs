//! Where each partial derivative goes, for a small instance.

use matgrad_calculus::layout::{Kind, Layout};
use serde_json::{Value, json};

/// One partial derivative: which entry of the function by which entry of the variable, counted from 1. Both are empty of
/// scalars and have one number for vectors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// The entry of the function.
    pub function: Vec<usize>,
    /// The entry of the variable.
    pub variable: Vec<usize>,
}

/// A small instance of a layout, row by row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// The sizes of the function that is drawn.
    pub function_shape: Vec<usize>,
    /// The sizes of the variable that is drawn.
    pub variable_shape: Vec<usize>,
    /// The entries.
    pub rows: Vec<Vec<Cell>>,
    /// So many rows and columns belong together: the blocks of a tensor, one for each entry of the function.
    pub block: Option<(usize, usize)>,
}

impl Picture {
    pub(super) fn json(&self) -> Value {
        let cell = |cell: &Cell| json!({ "function": cell.function, "variable": cell.variable });
        let rows: Vec<Vec<Value>> = self.rows.iter().map(|row| row.iter().map(cell).collect()).collect();
        json!({
            "function_shape": self.function_shape,
            "variable_shape": self.variable_shape,
            "rows": rows,
            "block": self.block.map(|(rows, columns)| [rows, columns]),
        })
    }
}

/// Small sizes, as rows and columns.
#[derive(Clone, Debug)]
pub(super) struct Sizes {
    function: (usize, usize),
    variable: (usize, usize),
}

impl Sizes {
    /// Numbers up to 3 stay as they are, names get small ones, equal names equal ones. `None` for tensors.
    pub(super) fn of<'a>(function: &'a [String], variable: &'a [String]) -> Option<Self> {
        let (&[p, q], &[m, n]) = (&Self::pair(function)?, &Self::pair(variable)?);
        let wide = !(p != "1" && q != "1" && m == n);
        let mut known: Vec<(&str, usize)> = Vec::new();
        let mut size = |name: &'a str, usual: usize| {
            if let Some((_, size)) = known.iter().find(|(own, _)| *own == name) {
                return *size;
            }
            let size = name.parse().ok().filter(|n: &usize| (1..=3).contains(n)).unwrap_or(usual);
            known.push((name, size));
            size
        };
        let long = if wide { 3 } else { 2 };
        let (m, n) = match (m, n) {
            (m, "1") => (size(m, 3), 1),
            (m, n) if m == n => (size(m, long), size(n, long)),
            (m, n) => (size(m, 2), size(n, 3)),
        };
        Some(Self { function: (size(p, 2), size(q, 2)), variable: (m, n) })
    }

    fn pair(shape: &[String]) -> Option<[&str; 2]> {
        let [rows, columns] = shape else { return None };
        Some([rows, columns])
    }
}

/// The entry in this row and column, counted from 0, as it is called.
fn entry(kind: &Kind, row: usize, column: usize) -> Vec<usize> {
    match kind {
        Kind::Scalar => Vec::new(),
        Kind::Column(_) => vec![row + 1],
        Kind::Row(_) => vec![column + 1],
        _ => vec![row + 1, column + 1],
    }
}

/// Where a layout puts each entry.
pub(super) fn picture(layout: Layout, f: &Kind, x: &Kind, sizes: &Sizes) -> Option<Picture> {
    if layout == Layout::Differential || matches!(f, Kind::Tensor(_)) || matches!(x, Kind::Tensor(_)) {
        return None;
    }
    let ((p, q), (m, n)) = (sizes.function, sizes.variable);
    let (fs, xs) = (*f == Kind::Scalar, *x == Kind::Scalar);
    // entry a of vec F by entry b of vec X
    let flat = |a: usize, b: usize| Cell { function: entry(f, a % p, a / p), variable: entry(x, b % m, b / m) };
    let grid = |rows: usize, columns: usize, at: &dyn Fn(usize, usize) -> Cell| -> Vec<Vec<Cell>> {
        (0..rows).map(|i| (0..columns).map(|j| at(i, j)).collect()).collect()
    };
    let like_x = |i: usize, j: usize| flat(0, i + m * j);
    let like_f = |i: usize, j: usize| flat(i + p * j, 0);
    let jacobian = || grid(p * q, m * n, &flat);
    let turned = |rows: Vec<Vec<Cell>>| -> Vec<Vec<Cell>> {
        let columns = rows.first().map_or(0, Vec::len);
        (0..columns).map(|j| rows.iter().filter_map(|row| row.get(j).cloned()).collect()).collect()
    };
    let numerator = || match (fs, xs) {
        (true, _) => turned(grid(m, n, &like_x)),
        (_, true) => grid(p, q, &like_f),
        _ => jacobian(),
    };
    let mut block = None;
    let rows = match layout {
        Layout::Numerator => numerator(),
        Layout::Denominator => turned(numerator()),
        Layout::Jacobian | Layout::Rowvec => jacobian(),
        Layout::Gradient if fs => grid(m, n, &like_x),
        Layout::Gradient => turned(jacobian()),
        // one axis, written across
        Layout::Tensor if fs && matches!(x, Kind::Column(_)) => turned(grid(m, n, &like_x)),
        Layout::Tensor if fs => grid(m, n, &like_x),
        Layout::Tensor if xs && matches!(f, Kind::Column(_)) => turned(grid(p, q, &like_f)),
        Layout::Tensor if xs => grid(p, q, &like_f),
        Layout::Tensor if super::is_vector(f) && super::is_vector(x) => jacobian(),
        Layout::Tensor => {
            // a block for each entry of the function; vectors lie across within it
            let (across, m, n) = if matches!(x, Kind::Column(_)) { (true, 1, m) } else { (false, m, n) };
            block = Some((m, n));
            grid(p * m, q * n, &|i, j| {
                let (k, l) = (i % m, j % n);
                let b = if across { l } else { k + m * l };
                flat(i / m + p * (j / n), b)
            })
        }
        Layout::Differential | Layout::Blocks => return None,
    };
    Some(Picture { function_shape: vec![p, q], variable_shape: vec![sizes.variable.0, sizes.variable.1], rows, block })
}
