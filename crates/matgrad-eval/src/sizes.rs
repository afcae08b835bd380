//! Sizes of dimension names from the shapes of the data.

use std::collections::BTreeMap;
use std::fmt;

use matgrad_calculus::graph::{Dim, DimSymbol, DimTable, Input};
use matgrad_syntax::{Name, Rational};
use smallvec::SmallVec;

use crate::array::{Inputs, shape_text};

/// Data that does not fit the declarations.
#[derive(Clone, Debug, PartialEq)]
pub struct SizeError {
    /// The input.
    pub name: Name,
    /// Its declared shape, `m×n`.
    pub declared: String,
    /// Its shape in the data.
    pub found: Vec<usize>,
    /// Why they differ, where that takes words: `m is 4 because of A`.
    pub reasons: Vec<String>,
}

impl fmt::Display for SizeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "input `{}` is declared {} but has shape {}", self.name, self.declared, shape_text(&self.found))?;
        write!(f, " in the data")?;
        if !self.reasons.is_empty() {
            write!(f, " ({})", self.reasons.join(", "))?;
        }
        Ok(())
    }
}

impl std::error::Error for SizeError {}

/// Whether data of a shape serves an input: a column takes `n` and `n×1`, a row `n` and `1×n`, a scalar any single number.
pub(crate) fn fits(expected: &[usize], row: bool, found: &[usize]) -> bool {
    expected == found
        || match expected {
            [] => found.len() <= 2 && found.iter().all(|n| *n == 1),
            [1] => found.is_empty() || found == [1, 1],
            [n] if row => found == [1, *n],
            [n] => found == [*n, 1],
            [1, 1] => found.is_empty() || found == [1],
            _ => false,
        }
}

/// The lengths of the declared axes, where the number of axes fits.
fn lengths(input: &Input, found: &[usize]) -> Option<SmallVec<[usize; 4]>> {
    let own: &[usize] = match (input.dims.len(), found) {
        (0, [] | [1] | [1, 1]) => &[],
        (1, []) => &[1],
        (1, [1, n]) if input.row => std::slice::from_ref(n),
        (1, [n, 1]) if !input.row => std::slice::from_ref(n),
        (2, []) => &[1, 1],
        (rank, found) if rank == found.len() => found,
        _ => return None,
    };
    Some(SmallVec::from_slice(own))
}

/// The size of every dimension name that the data settles, used by an expression or not.
///
/// Inputs without data are left out here; a program that needs them says so. Dimensions such as `n+1` or `m*n` are solved
/// where one name in them is unknown, and checked.
pub fn infer_sizes(table: &DimTable, inputs: &[Input], data: &Inputs) -> Result<BTreeMap<Name, usize>, SizeError> {
    let mut equations: Vec<(&Input, &[usize], Dim, usize)> = Vec::new();
    for input in inputs {
        let Some(array) = data.get(&input.name) else { continue };
        let Some(own) = lengths(input, array.shape()) else {
            return Err(error(table, input, array.shape(), vec![rank_text(input).into()]));
        };
        equations.extend(input.dims.iter().zip(own).map(|(dim, n)| (input, array.shape(), *dim, n)));
    }
    let mut sizes: BTreeMap<Name, usize> = BTreeMap::new();
    let mut origin: BTreeMap<Name, &Name> = BTreeMap::new();
    let mut open: Vec<usize> = (0..equations.len()).collect();
    loop {
        let before = open.len();
        let mut failed = None;
        open.retain(|&k| {
            let (input, found, dim, length) = equations[k];
            match solve(table, dim, length, &sizes) {
                Solution::Found(symbol, value) => {
                    let name = table.name(symbol).clone();
                    sizes.insert(name.clone(), value);
                    origin.insert(name, &input.name);
                    false
                }
                Solution::Never => {
                    failed.get_or_insert((input, found, dim, length));
                    false
                }
                Solution::Later => true,
            }
        });
        if let Some((input, found, dim, length)) = failed {
            let mut reasons = reasons(table, input, &sizes, &origin);
            if table.evaluate(dim, &sizes).is_none() {
                reasons.push(format!("no whole number makes {} equal to {length}", table.text(dim)));
            }
            return Err(error(table, input, found, reasons));
        }
        if open.len() == before {
            break;
        }
    }
    for (input, found, dim, length) in &equations {
        if table.evaluate(*dim, &sizes).is_some_and(|value| value != *length) {
            return Err(error(table, input, found, reasons(table, input, &sizes, &origin)));
        }
    }
    Ok(sizes)
}

fn rank_text(input: &Input) -> &'static str {
    match input.dims.len() {
        0 => "a single number is needed",
        1 if input.row => "one row is needed",
        1 => "one column is needed",
        2 => "two axes are needed",
        _ => "the number of axes differs",
    }
}

fn error(table: &DimTable, input: &Input, found: &[usize], reasons: Vec<String>) -> SizeError {
    let dims: Vec<String> = input.dims.iter().map(|d| table.text(*d)).collect();
    let declared = match dims.as_slice() {
        [] => "a scalar".into(),
        [n] if input.row => format!("1×{n}"),
        _ => dims.join("×"),
    };
    SizeError { name: input.name.clone(), declared, found: found.to_vec(), reasons }
}

/// Where the sizes of an input's dimension names come from.
fn reasons(
    table: &DimTable,
    input: &Input,
    sizes: &BTreeMap<Name, usize>,
    origin: &BTreeMap<Name, &Name>,
) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for symbol in input.dims.iter().flat_map(|d| &table.poly(*d).0).flat_map(|(m, _)| m).map(|(s, _)| *s) {
        let name = table.name(symbol);
        let (Some(size), Some(from)) = (sizes.get(name), origin.get(name)) else { continue };
        let text = if **from == input.name {
            format!("its own {name} is {size}")
        } else {
            format!("{name} is {size} because of `{from}`")
        };
        if !out.contains(&text) {
            out.push(text);
        }
    }
    out
}

enum Solution {
    Found(DimSymbol, usize),
    /// No unknown name, or more than one.
    Later,
    Never,
}

/// Solves `dim = length` for the one unknown name in it.
fn solve(table: &DimTable, dim: Dim, length: usize, sizes: &BTreeMap<Name, usize>) -> Solution {
    let mut unknown = None;
    let mut coefficients: BTreeMap<u32, Rational> = BTreeMap::new();
    for (monomial, c) in &table.poly(dim).0 {
        let (mut c, mut degree) = (c.clone(), 0);
        for (symbol, power) in monomial {
            match sizes.get(table.name(*symbol)) {
                Some(size) => {
                    let Some(value) = Rational::int(*size as i64).powi(i64::from(*power)) else {
                        return Solution::Later;
                    };
                    c = &c * &value;
                }
                None if unknown.is_none_or(|u| u == *symbol) && degree == 0 => {
                    unknown = Some(*symbol);
                    degree = *power;
                }
                None => return Solution::Later,
            }
        }
        let entry = coefficients.entry(degree).or_insert(Rational::ZERO);
        *entry = &*entry + &c;
    }
    coefficients.retain(|_, c| !c.is_zero());
    let Some(symbol) = unknown else { return Solution::Later };
    match coefficients.keys().next_back() {
        None | Some(0) => Solution::Later,
        Some(1) => {
            let constant = coefficients.get(&0).cloned().unwrap_or(Rational::ZERO);
            let Some(inverse) = coefficients[&1].recip() else { return Solution::Later };
            let value = &(&Rational::int(length as i64) + &-constant) * &inverse;
            match value.to_i64().and_then(|v| usize::try_from(v).ok()) {
                Some(value) => Solution::Found(symbol, value),
                None => Solution::Never,
            }
        }
        Some(_) => {
            let value =
                |n: usize| -> f64 { coefficients.iter().map(|(k, c)| c.to_f64() * (n as f64).powi(*k as i32)).sum() };
            // polynomials of dimensions grow: a step of search past the length is enough
            let limit = length.saturating_add(64).min(1 << 22);
            match (0..=limit).find(|n| (value(*n) - length as f64).abs() < 1e-6) {
                Some(n) => Solution::Found(symbol, n),
                None => Solution::Never,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Array;
    use matgrad_calculus::graph::Dims;

    /// Inputs as `name: dims` with dimensions of one letter, or sums and products of two of them.
    fn setup(list: &[(&str, &[&str], bool)]) -> (DimTable, Vec<Input>) {
        let mut table = DimTable::default();
        let mut inputs = Vec::new();
        for (name, dims, row) in list {
            let mut own = Dims::new();
            for text in *dims {
                let mut atom = |t: &str| match t.parse() {
                    Ok(number) => table.constant(number),
                    Err(_) => table.symbol(t),
                };
                own.push(match (text.split_once('+'), text.split_once('*')) {
                    (Some((a, b)), _) => {
                        let (a, b) = (atom(a), atom(b));
                        table.add(a, b)
                    }
                    (_, Some((a, b))) => {
                        let (a, b) = (atom(a), atom(b));
                        table.mul(a, b)
                    }
                    _ => atom(text),
                });
            }
            inputs.push(Input { name: Name::from(*name), dims: own, row: *row, attributes: Vec::new() });
        }
        (table, inputs)
    }

    fn infer(list: &[(&str, &[&str], bool)], shapes: &[(&str, &[usize])]) -> Result<String, String> {
        let (table, inputs) = setup(list);
        let mut data = Inputs::new();
        for (name, shape) in shapes {
            data.insert(name, Array::from_fn(shape, |_| 0.0));
        }
        match infer_sizes(&table, &inputs, &data) {
            Ok(sizes) => Ok(sizes.iter().map(|(n, k)| format!("{n}={k}")).collect::<Vec<_>>().join(" ")),
            Err(e) => Err(e.to_string()),
        }
    }

    #[test]
    fn sizes_from_shapes() {
        let ok = |list: &[(&str, &[&str], bool)], shapes: &[(&str, &[usize])], expected: &str| {
            assert_eq!(infer(list, shapes).as_deref(), Ok(expected));
        };
        ok(&[("A", &["m", "n"], false), ("x", &["n"], false)], &[("A", &[4, 3]), ("x", &[3])], "m=4 n=3");
        ok(&[("x", &["n"], false)], &[("x", &[3, 1])], "n=3");
        ok(&[("x", &["n"], true)], &[("x", &[1, 3])], "n=3");
        ok(&[("x", &["n"], false)], &[("x", &[])], "n=1");
        ok(&[("c", &[], false)], &[("c", &[1, 1])], "");
        ok(&[("x", &["n+1"], false)], &[("x", &[3])], "n=2");
        ok(&[("x", &["m*n"], false), ("A", &["m", "2"], false)], &[("x", &[12]), ("A", &[3, 2])], "m=3 n=4");
        ok(&[("x", &["n*n"], false)], &[("x", &[9])], "n=3");
        ok(&[("x", &["m*n"], false)], &[("x", &[9])], "");
        ok(&[("x", &["n"], false), ("y", &["m"], false)], &[("x", &[9])], "n=9");
    }

    #[test]
    fn shapes_that_do_not_fit() {
        let bad = |list: &[(&str, &[&str], bool)], shapes: &[(&str, &[usize])], expected: &str| {
            assert_eq!(infer(list, shapes), Err(expected.to_string()));
        };
        bad(
            &[("A", &["m", "n"], false), ("x", &["n"], false)],
            &[("A", &[4, 3]), ("x", &[5])],
            "input `x` is declared n but has shape 5 in the data (n is 3 because of `A`)",
        );
        bad(
            &[("x", &["n"], false)],
            &[("x", &[1, 5])],
            "input `x` is declared n but has shape 1×5 in the data (one column is needed)",
        );
        bad(
            &[("A", &["n", "n"], false)],
            &[("A", &[2, 3])],
            "input `A` is declared n×n but has shape 2×3 in the data (its own n is 2)",
        );
        bad(&[("A", &["2", "n"], false)], &[("A", &[3, 3])], {
            "input `A` is declared 2×n but has shape 3×3 in the data (its own n is 3)"
        });
        bad(
            &[("x", &["n*n"], false)],
            &[("x", &[8])],
            "input `x` is declared n^2 but has shape 8 in the data (no whole number makes n^2 equal to 8)",
        );
        bad(&[("c", &[], false)], &[("c", &[2])], {
            "input `c` is declared a scalar but has shape 2 in the data (a single number is needed)"
        });
    }
}
