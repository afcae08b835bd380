//! Colours of columns, so that the columns of one colour are computed together and told apart afterwards.

use std::collections::BTreeMap;

/// A colour for each column, no two of one row alike; and how many there are. Columns with many entries choose first.
pub(super) fn distance_two(rows: &[Vec<u32>], columns: usize) -> (Vec<u32>, usize) {
    let by_column = transposed(rows, columns);
    let mut order: Vec<usize> = (0..columns).collect();
    let degree = |column: &usize| -> usize {
        by_column[*column].iter().map(|row| rows.get(*row as usize).map_or(0, Vec::len)).sum()
    };
    order.sort_by_cached_key(|column| std::cmp::Reverse(degree(column)));
    let mut colors = vec![NONE; columns];
    // the colours of each row, as so many words of bits
    let mut words = 1;
    let mut taken = vec![0u64; rows.len()];
    let mut forbidden = Vec::new();
    let mut count = 0;
    for column in order {
        forbidden.clear();
        forbidden.resize(words, 0);
        for row in &by_column[column] {
            let own = taken.get(*row as usize * words..(*row as usize + 1) * words).unwrap_or(&[]);
            forbidden.iter_mut().zip(own).for_each(|(all, own): (&mut u64, &u64)| *all |= own);
        }
        let free = forbidden.iter().position(|word| *word != u64::MAX);
        let color = free.map_or(64 * words, |word| 64 * word + forbidden[word].trailing_ones() as usize);
        if color == 64 * words {
            let wider: Vec<u64> =
                taken.chunks(words).flat_map(|own| own.iter().copied().chain(std::iter::repeat_n(0, words))).collect();
            taken = wider;
            words *= 2;
        }
        for row in &by_column[column] {
            if let Some(word) = taken.get_mut(*row as usize * words + color / 64) {
                *word |= 1 << (color % 64);
            }
        }
        colors[column] = color as u32;
        count = count.max(color + 1);
    }
    (colors, count)
}

/// A colour for each vertex of a symmetric pattern, neighbours different, such that no path over four vertices has only two
/// colours. Then each entry of the matrix stands alone in one of the two sums that it is part of.
pub(super) fn star(pattern: &[Vec<u32>]) -> (Vec<u32>, usize) {
    let n = pattern.len();
    let entries: usize = pattern.iter().map(Vec::len).sum();
    // a nearly full matrix has no two columns in common
    if entries as f64 > 0.5 * (n as f64).powi(2) {
        return ((0..n as u32).collect(), n);
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by_key(|vertex| std::cmp::Reverse(pattern[*vertex].len()));
    let mut colors = vec![NONE; n];
    // how many neighbours of each colour a vertex has
    let mut around: Vec<BTreeMap<u32, u32>> = vec![BTreeMap::new(); n];
    // colours of neighbours that have another neighbour of this vertex's own colour
    let mut risky: Vec<Vec<u32>> = vec![Vec::new(); n];
    let mut forbidden = Vec::new();
    let mut count = 0;
    for v in order {
        let neighbors = |u: usize| pattern[u].iter().map(|w| *w as usize).filter(move |w| *w != u);
        for w in neighbors(v) {
            let color = colors[w];
            forbid(&mut forbidden, color, v);
            if color == NONE || around[v].get(&color).is_some_and(|count| *count > 1) {
                around[w].keys().for_each(|color| forbid(&mut forbidden, *color, v));
            } else {
                risky[w].iter().for_each(|color| forbid(&mut forbidden, *color, v));
            }
        }
        let color = first_free(&forbidden, v);
        colors[v] = color;
        count = count.max(color as usize + 1);
        // v is a neighbour of its neighbours with a colour now
        for u in neighbors(v) {
            let here = around[u].entry(color).or_insert(0);
            *here += 1;
            let (now, own) = (*here, colors[u]);
            if own == NONE || now < 2 {
                continue;
            }
            if now == 2 {
                neighbors(u).filter(|w| colors[*w] == color).for_each(|w| note(&mut risky[w], own));
            } else {
                note(&mut risky[v], own);
            }
        }
        for w in neighbors(v) {
            if colors[w] != NONE && around[v].get(&colors[w]).is_some_and(|count| *count > 1) {
                note(&mut risky[w], color);
            }
        }
    }
    (colors, count)
}

/// No colour.
pub(super) const NONE: u32 = u32::MAX;

fn note(set: &mut Vec<u32>, color: u32) {
    if !set.contains(&color) {
        set.push(color);
    }
}

/// Colours are forbidden by the mark of the vertex that asks.
fn forbid(forbidden: &mut Vec<usize>, color: u32, vertex: usize) {
    if color != NONE {
        let at = color as usize;
        if forbidden.len() <= at {
            forbidden.resize(at + 1, usize::MAX);
        }
        forbidden[at] = vertex;
    }
}

fn first_free(forbidden: &[usize], vertex: usize) -> u32 {
    forbidden.iter().position(|mark| *mark != vertex).unwrap_or(forbidden.len()) as u32
}

/// The rows of each column.
pub(super) fn transposed(rows: &[Vec<u32>], columns: usize) -> Vec<Vec<u32>> {
    let mut by_column = vec![Vec::new(); columns];
    for (row, entries) in rows.iter().enumerate() {
        for column in entries {
            if let Some(all) = by_column.get_mut(*column as usize) {
                all.push(row as u32);
            }
        }
    }
    by_column
}

#[cfg(test)]
mod tests {
    use super::*;

    fn symmetric(n: usize, edges: impl IntoIterator<Item = (usize, usize)>) -> Vec<Vec<u32>> {
        let mut rows: Vec<Vec<u32>> = (0..n as u32).map(|k| vec![k]).collect();
        for (a, b) in edges {
            rows[a].push(b as u32);
            rows[b].push(a as u32);
        }
        rows.iter_mut().for_each(|row| {
            row.sort_unstable();
            row.dedup();
        });
        rows
    }

    /// Every path over four vertices has three colours.
    fn check_star(pattern: &[Vec<u32>]) -> usize {
        let (colors, count) = star(pattern);
        let near = |u: usize| pattern[u].iter().map(|w| *w as usize).filter(move |w| *w != u);
        for b in 0..pattern.len() {
            for c in near(b) {
                assert_ne!(colors[b], colors[c], "{b} and {c}");
                for a in near(b).filter(|a| *a != c) {
                    for d in near(c).filter(|d| *d != b && *d != a) {
                        assert!(colors[a] != colors[c] || colors[b] != colors[d], "{a} {b} {c} {d}");
                    }
                }
            }
        }
        count
    }

    #[test]
    fn stars() {
        assert_eq!(check_star(&symmetric(50, (1..50).map(|k| (k - 1, k)))), 3);
        assert_eq!(check_star(&symmetric(50, (1..50).map(|k| (0, k)))), 2);
        assert!(check_star(&symmetric(100, (0..90).flat_map(|k| [(k, k + 1), (k, k + 10)]))) < 12);
        let mut state = 7u64;
        for round in 0..200 {
            let n = 5 + round % 30;
            let edges: Vec<(usize, usize)> = (0..n * (1 + round % 4))
                .map(|_| {
                    let mut pick = || {
                        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                        (state >> 33) as usize % n
                    };
                    (pick(), pick())
                })
                .collect();
            check_star(&symmetric(n, edges));
        }
    }

    #[test]
    fn columns_of_a_row_differ() {
        let rows: Vec<Vec<u32>> = (0..100).map(|k| vec![k, (k + 1) % 100, (k * 7) % 100]).collect();
        let (colors, count) = distance_two(&rows, 100);
        for row in &rows {
            for (i, a) in row.iter().enumerate() {
                assert!(row[..i].iter().all(|b| a == b || colors[*a as usize] != colors[*b as usize]));
            }
        }
        assert!(count < 9);
        // more colours than a word has bits
        let full: Vec<Vec<u32>> = (0..3).map(|_| (0..200).collect()).collect();
        let (mut colors, count) = distance_two(&full, 200);
        colors.sort_unstable();
        assert_eq!((colors, count), ((0..200).collect(), 200));
    }
}
