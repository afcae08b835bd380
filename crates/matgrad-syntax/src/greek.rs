//! Greek letters and other typographic spellings of names: `λ`, `\lambda` and `lambda` are one name.

use std::borrow::Cow;

use crate::Name;

/// Lower-case letters with their spelling; the capital is spelt with a capital.
const LETTERS: [(char, char, &str); 24] = [
    ('α', 'Α', "alpha"),
    ('β', 'Β', "beta"),
    ('γ', 'Γ', "gamma"),
    ('δ', 'Δ', "delta"),
    ('ε', 'Ε', "epsilon"),
    ('ζ', 'Ζ', "zeta"),
    ('η', 'Η', "eta"),
    ('θ', 'Θ', "theta"),
    ('ι', 'Ι', "iota"),
    ('κ', 'Κ', "kappa"),
    ('λ', 'Λ', "lambda"),
    ('μ', 'Μ', "mu"),
    ('ν', 'Ν', "nu"),
    ('ξ', 'Ξ', "xi"),
    ('ο', 'Ο', "omicron"),
    ('π', 'Π', "pi"),
    ('ρ', 'Ρ', "rho"),
    ('σ', 'Σ', "sigma"),
    ('τ', 'Τ', "tau"),
    ('υ', 'Υ', "upsilon"),
    ('φ', 'Φ', "phi"),
    ('χ', 'Χ', "chi"),
    ('ψ', 'Ψ', "psi"),
    ('ω', 'Ω', "omega"),
];

/// Other shapes of the same letters, and letters that stand for ASCII ones.
const VARIANTS: [(char, &str); 14] = [
    ('ϵ', "epsilon"),
    ('ϑ', "theta"),
    ('ϰ', "kappa"),
    ('µ', "mu"), // the micro sign
    ('ϖ', "pi"),
    ('ϱ', "rho"),
    ('ς', "sigma"),
    ('ϕ', "phi"),
    ('ϴ', "Theta"),
    ('\u{2126}', "Omega"), // the ohm sign
    ('ℝ', "R"),
    ('ℓ', "ell"),
    ('∑', "sum"),
    ('∏', "prod"),
];

/// Capitals that look like Latin letters are printed spelt out, and so is omicron.
const LOOK_LATIN: &str = "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧο";

fn spelling(letter: char) -> Option<Cow<'static, str>> {
    if let Some((lower, _, name)) = LETTERS.iter().find(|(lower, upper, _)| *lower == letter || *upper == letter) {
        return Some(if *lower == letter { Cow::Borrowed(*name) } else { Cow::Owned(capitalized(name)) });
    }
    VARIANTS.iter().find(|(variant, _)| *variant == letter).map(|(_, name)| Cow::Borrowed(*name))
}

fn capitalized(name: &str) -> String {
    let mut text = name.to_owned();
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    text
}

/// The ASCII digit of a subscript digit.
pub(crate) fn subscript_digit(c: char) -> Option<char> {
    let value = (c as u32).checked_sub('₀' as u32)?;
    char::from_digit(value, 10)
}

/// The one spelling of a name: Greek letters spelt out, subscript digits after an underscore.
///
/// ```
/// use matgrad_syntax::normalize_name;
/// assert_eq!(&*normalize_name("λ"), "lambda");
/// assert_eq!(&*normalize_name("\\lambda"), "lambda");
/// assert_eq!(&*normalize_name("Σ₁₂"), "Sigma_12");
/// ```
pub fn normalize_name(text: &str) -> Name {
    let text = text.trim();
    let text = text.strip_prefix('\\').unwrap_or(text);
    if text.is_ascii() {
        return Name::from(without_var(text));
    }
    let mut name = String::with_capacity(text.len());
    for c in text.chars() {
        if let Some(spelt) = spelling(c) {
            name.push_str(&spelt);
        } else if let Some(digit) = subscript_digit(c) {
            if !ends_with_subscript(&name) {
                name.push('_');
            }
            name.push(digit);
        } else {
            name.push(c);
        }
    }
    Name::from(name)
}

/// Whether the name already ends in an underscore and digits, so that one more digit goes on with it.
fn ends_with_subscript(name: &str) -> bool {
    name.trim_end_matches(|c: char| c.is_ascii_digit()).ends_with('_')
}

/// `varepsilon` and its like are the plain letters.
fn without_var(text: &str) -> &str {
    match text.strip_prefix("var") {
        Some(rest @ ("epsilon" | "theta" | "kappa" | "pi" | "rho" | "sigma" | "phi")) => rest,
        _ => text,
    }
}

/// A name with its letter in Greek, where it is one: `theta` is `θ`, `dSigma_1` is `dΣ_1`. What it returns normalises
/// back to the name.
pub fn greek_name(name: &str) -> Option<String> {
    split_greek(name).filter(|split| !LOOK_LATIN.contains(split.letter)).map(|split| {
        let mut text = String::with_capacity(name.len());
        text.push_str(split.before);
        text.push(split.letter);
        text.push_str(split.after);
        text
    })
}

/// A name that is a Greek letter, perhaps with a `d` before it and digits or a subscript after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GreekName<'a> {
    /// `d` or nothing.
    pub before: &'a str,
    /// The letter.
    pub letter: char,
    /// How the letter is spelt out.
    pub spelling: &'a str,
    /// Digits, or what starts with an underscore.
    pub after: &'a str,
}

/// Finds the Greek letter of a name.
pub fn split_greek(name: &str) -> Option<GreekName<'_>> {
    [0, 1].into_iter().find_map(|skip| {
        let (before, rest) = name.split_at_checked(skip)?;
        if skip == 1 && before != "d" {
            return None;
        }
        let length = rest.find(|c: char| c == '_' || c.is_ascii_digit()).unwrap_or(rest.len());
        let (spelt, after) = rest.split_at(length);
        let letter = letter_of(spelt)?;
        Some(GreekName { before, letter, spelling: spelt, after })
    })
}

fn letter_of(spelt: &str) -> Option<char> {
    let first = spelt.chars().next()?;
    LETTERS.iter().find_map(|(lower, upper, name)| {
        if spelt == *name {
            return Some(*lower);
        }
        let same = first.is_ascii_uppercase()
            && first.to_ascii_lowercase() as u8 == name.as_bytes()[0]
            && spelt.get(1..) == name.get(1..);
        same.then_some(*upper)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, name: &str) {
        assert_eq!(&*normalize_name(text), name, "{text}");
    }

    #[test]
    fn one_name_for_every_spelling() {
        check("λ", "lambda");
        check("\\lambda", "lambda");
        check("lambda", "lambda");
        check("\\varepsilon", "epsilon");
        check("Σ", "Sigma");
        check("dθ", "dtheta");
        check("θ_1", "theta_1");
        check("θ₁", "theta_1");
        check("x₁₂", "x_12");
        check("x_₁₂", "x_12");
        check("x1₂", "x1_2");
        check("ŷ", "ŷ");
    }

    #[test]
    fn greek_names_read_back() {
        for name in ["theta", "Sigma_1", "dphi", "lambda2", "omega_max", "Gamma"] {
            let greek = greek_name(name).unwrap();
            assert!(!greek.is_ascii(), "{greek}");
            check(&greek, name);
        }
        for name in ["x", "Alpha", "thetas", "data", "d", ""] {
            assert_eq!(greek_name(name), None, "{name}");
        }
    }
}
