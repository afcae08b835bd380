//! Exact numbers as text that reads back exactly.

use matgrad_syntax::Rational;

/// Decimals with more digits after the point are written as fractions.
const MAX_DECIMALS: usize = 4;

/// An absolute value as text, and whether it is a fraction `1/3` and so binds like a quotient.
pub(crate) struct NumberText {
    pub text: String,
    pub fraction: bool,
}

/// The text of a number without its sign: `2`, `0.5`, `1/3`, `1e30`.
pub(crate) fn number_text(value: &Rational) -> NumberText {
    if let Rational::Small(n, 1) = value
        && n.unsigned_abs() < 1_000_000
    {
        return NumberText { text: n.unsigned_abs().to_string(), fraction: false };
    }
    let (n, d) = value.abs().parts();
    if d == "1" {
        return NumberText { text: shortened(&n, 0), fraction: false };
    }
    if let Some((digits, places)) = decimal(&n, &d) {
        let plain = with_point(&digits, places);
        let scientific = shortened(&digits, -(places as i64));
        let text = if places > MAX_DECIMALS && scientific.len() < plain.len() { scientific } else { plain };
        if places <= MAX_DECIMALS || text.len() <= n.len() + 1 + d.len() {
            return NumberText { text, fraction: false };
        }
    }
    NumberText { text: format!("{}/{}", shortened(&n, 0), shortened(&d, 0)), fraction: true }
}

/// `digits * 10^exponent` with an exponent where that is shorter: `1e30`.
fn shortened(digits: &str, exponent: i64) -> String {
    let mantissa = digits.trim_end_matches('0');
    let zeros = (digits.len() - mantissa.len()) as i64;
    if mantissa.is_empty() {
        return "0".to_owned();
    }
    if exponent == 0 {
        let short = format!("{mantissa}e{zeros}");
        return if zeros >= 6 && short.len() < digits.len() { short } else { digits.to_owned() };
    }
    format!("{mantissa}e{}", exponent + zeros)
}

/// The digits and the number of places after the point, where the denominator divides a small power of ten.
fn decimal(n: &str, d: &str) -> Option<(String, usize)> {
    let mut rest: u64 = d.parse().ok()?;
    let (mut twos, mut fives) = (0u32, 0u32);
    while rest.is_multiple_of(2) {
        rest /= 2;
        twos += 1;
    }
    while rest.is_multiple_of(5) {
        rest /= 5;
        fives += 1;
    }
    if rest != 1 || n.len() > 15 {
        return None;
    }
    let places = twos.max(fives);
    let factor = 2u128.checked_pow(places - twos)?.checked_mul(5u128.checked_pow(places - fives)?)?;
    let digits = n.parse::<u128>().ok()?.checked_mul(factor)?;
    Some((digits.to_string(), places as usize))
}

fn with_point(digits: &str, places: usize) -> String {
    let padded = format!("{digits:0>width$}", width = places + 1);
    let (whole, fraction) = padded.split_at(padded.len() - places);
    format!("{whole}.{fraction}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &str, expected: &str) {
        let value = match value.split_once('/') {
            Some((n, d)) => Rational::new(n.parse().unwrap(), d.parse().unwrap()),
            None => Rational::parse_decimal(value).unwrap(),
        };
        let text = number_text(&value).text;
        assert_eq!(text, expected);
        let back = match text.split_once('/') {
            Some((n, d)) => Rational::parse_decimal(n).unwrap() * Rational::parse_decimal(d).unwrap().recip().unwrap(),
            None => Rational::parse_decimal(&text).unwrap(),
        };
        assert_eq!(back, value);
    }

    #[test]
    fn short_and_exact() {
        check("2", "2");
        check("0", "0");
        check("1/2", "0.5");
        check("1/3", "1/3");
        check("1/1000", "0.001");
        check("3/8", "0.375");
        check("22/7", "22/7");
        check("1e-6", "1e-6");
        check("1/1024", "1/1024");
        check("1e30", "1e30");
        check("123456789", "123456789");
        check("1000", "1000");
        check("1500000000", "15e8");
        check("0.1", "0.1");
        check("3.14159265358979", "3.14159265358979");
    }
}
