//! Sizes of dimension names from the data.

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
