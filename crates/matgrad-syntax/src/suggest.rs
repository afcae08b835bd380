//! Did you mean: the nearest of some known words.

/// The candidate nearest to `word` by edit distance, where one is near enough to be meant. Of equals the first wins.
///
/// ```
/// use matgrad_syntax::suggest::nearest;
/// assert_eq!(nearest("logdte", ["log", "logdet", "logm"]), Some("logdet"));
/// assert_eq!(nearest("quux", ["log", "logdet"]), None);
/// ```
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = word.chars().take(MAX_LENGTH + 1).collect();
    if word.len() > MAX_LENGTH || word.is_empty() {
        return None;
    }
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let other: Vec<char> = candidate.chars().take(MAX_LENGTH).collect();
        let limit = match word.len().max(other.len()) {
            0..=2 => 0,
            3 => 1,
            4..=7 => 2,
            _ => 3,
        };
        let same_but_case = candidate.chars().count() == word.len()
            && candidate.chars().zip(&word).all(|(a, b)| a.to_lowercase().eq(b.to_lowercase()));
        let distance = if same_but_case { 0 } else { distance(&word, &other) };
        let shared = word.iter().zip(&other).any(|(a, b)| a == b);
        if (same_but_case || (distance <= limit && shared)) && best.is_none_or(|(d, _)| distance < d) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

const MAX_LENGTH: usize = 40;

/// Insertions, deletions, replacements and swaps of neighbours.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, &x) in a.iter().enumerate() {
        let mut row = Vec::with_capacity(b.len() + 1);
        row.push(i + 1);
        for (j, &y) in b.iter().enumerate() {
            let mut value = (last[j] + usize::from(x != y)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && x == b[j - 1] && a[i - 1] == y {
                value = value.min(before[j - 1] + 1);
            }
            row.push(value);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(word: &str, expected: Option<&str>) {
        let known = ["tr", "det", "logdet", "inv", "pinv", "norm", "sigmoid", "softmax", "symmetric"];
        assert_eq!(nearest(word, known), expected, "{word}");
    }

    #[test]
    fn finds_what_was_meant() {
        check("nrom", Some("norm"));
        check("Norm", Some("norm"));
        check("TR", Some("tr"));
        check("simgoid", Some("sigmoid"));
        check("symetric", Some("symmetric"));
        check("dett", Some("det"));
    }

    #[test]
    fn leaves_the_rest_alone() {
        check("f", None);
        check("frobnicate", None);
        check("", None);
        check(&"x".repeat(1000), None);
    }
}
