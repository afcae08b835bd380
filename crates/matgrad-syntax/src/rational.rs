//! Exact rational numbers with a fast path for machine-sized ones.
//!
//! Every coefficient of matgrad is exact: `0.1` is 1/10, not its nearest double. Almost all of them fit two 64-bit
//! words; the others fall back to arbitrary precision.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::{Add, Mul, Neg, Sub};

use num_bigint::BigInt;
use num_integer::Integer;
use num_rational::BigRational;
use num_traits::{One, Pow, Signed, ToPrimitive, Zero};

/// An exact rational number, always in lowest terms with a positive denominator.
///
/// ```
/// use matgrad_syntax::Rational;
/// let third = Rational::new(2, 6);
/// assert_eq!(third.to_string(), "1/3");
/// assert_eq!((third.clone() + third).to_string(), "2/3");
/// ```
#[derive(Clone)]
pub enum Rational {
    /// Numerator and denominator as machine words.
    Small(i64, i64),
    /// Anything that does not fit.
    Big(Box<BigRational>),
}

use Rational::{Big, Small};

impl Rational {
    /// Zero.
    pub const ZERO: Rational = Small(0, 1);
    /// One.
    pub const ONE: Rational = Small(1, 1);

    /// `numerator / denominator`; the denominator must not be 0 (then the result is 0, so that no input panics).
    pub fn new(numerator: i64, denominator: i64) -> Self {
        Self::from_i128(i128::from(numerator), i128::from(denominator))
    }

    /// A whole number.
    pub const fn int(value: i64) -> Self {
        Small(value, 1)
    }

    fn from_i128(mut n: i128, mut d: i128) -> Self {
        if d == 0 {
            return Self::ZERO;
        }
        if d < 0 {
            n = -n;
            d = -d;
        }
        let g = n.gcd(&d);
        if g > 1 {
            n /= g;
            d /= g;
        }
        match (i64::try_from(n), i64::try_from(d)) {
            // i64::MIN is excluded so that negation never overflows
            (Ok(n), Ok(d)) if n != i64::MIN => Small(n, d),
            _ => Big(Box::new(BigRational::new(BigInt::from(n), BigInt::from(d)))),
        }
    }

    /// From an arbitrary-precision value, shrunk where it fits.
    pub fn from_big(value: BigRational) -> Self {
        match (value.numer().to_i64(), value.denom().to_i64()) {
            (Some(n), Some(d)) if n != i64::MIN => Small(n, d),
            _ => Big(Box::new(value)),
        }
    }

    /// As an arbitrary-precision value.
    pub fn to_big(&self) -> BigRational {
        match self {
            Small(n, d) => BigRational::new_raw(BigInt::from(*n), BigInt::from(*d)),
            Big(value) => (**value).clone(),
        }
    }

    /// The nearest double.
    pub fn to_f64(&self) -> f64 {
        match self {
            Small(n, d) => *n as f64 / *d as f64,
            Big(value) => value.to_f64().unwrap_or(f64::NAN),
        }
    }

    /// Whether this is 0.
    pub fn is_zero(&self) -> bool {
        matches!(self, Small(0, _))
    }

    /// Whether this is 1.
    pub fn is_one(&self) -> bool {
        matches!(self, Small(1, 1))
    }

    /// Whether this is -1.
    pub fn is_minus_one(&self) -> bool {
        matches!(self, Small(-1, 1))
    }

    /// Whether this is below 0.
    pub fn is_negative(&self) -> bool {
        match self {
            Small(n, _) => *n < 0,
            Big(value) => value.is_negative(),
        }
    }

    /// Whether the denominator is 1.
    pub fn is_integer(&self) -> bool {
        match self {
            Small(_, d) => *d == 1,
            Big(value) => value.is_integer(),
        }
    }

    /// Whether this is a whole even number.
    pub fn is_even(&self) -> bool {
        match self {
            Small(n, d) => *d == 1 && n % 2 == 0,
            Big(value) => value.is_integer() && value.numer().is_even(),
        }
    }

    /// The whole number, where it is one and fits.
    pub fn to_i64(&self) -> Option<i64> {
        match self {
            Small(n, 1) => Some(*n),
            _ => None,
        }
    }

    /// Numerator and denominator as decimal digits.
    pub fn parts(&self) -> (String, String) {
        match self {
            Small(n, d) => (n.to_string(), d.to_string()),
            Big(value) => (value.numer().to_string(), value.denom().to_string()),
        }
    }

    /// What it is divided by in lowest terms: a positive whole number.
    ///
    /// ```
    /// # use matgrad_syntax::Rational;
    /// assert_eq!(Rational::new(4, -6).denominator(), Rational::int(3));
    /// ```
    #[must_use]
    pub fn denominator(&self) -> Self {
        Self::from_big(BigRational::from(self.to_big().denom().clone()))
    }

    /// Absolute value.
    pub fn abs(&self) -> Self {
        if self.is_negative() { -self.clone() } else { self.clone() }
    }

    /// `1/self`; `None` for 0.
    pub fn recip(&self) -> Option<Self> {
        match self {
            Small(0, _) => None,
            Small(n, d) => Some(Self::new(*d, *n)),
            Big(value) => Some(Self::from_big(value.recip())),
        }
    }

    /// `self` to a whole power; `None` for a negative power of 0 or a result beyond some thousands of digits.
    pub fn powi(&self, exponent: i64) -> Option<Self> {
        if exponent < 0 {
            return self.recip()?.powi(exponent.checked_neg()?);
        }
        if self.is_one() || exponent == 0 {
            return Some(Self::ONE);
        }
        if self.is_zero() {
            return Some(Self::ZERO);
        }
        let bits = match self {
            Small(n, d) => 64 - n.unsigned_abs().max(d.unsigned_abs()).leading_zeros() as u64,
            Big(value) => value.numer().bits().max(value.denom().bits()),
        };
        if bits.saturating_mul(exponent.unsigned_abs()) > 20_000 {
            return if self.is_minus_one() { Some(Self::int(if exponent % 2 == 0 { 1 } else { -1 })) } else { None };
        }
        let big = self.to_big();
        let exponent = exponent as u64;
        Some(Self::from_big(BigRational::new(Pow::pow(big.numer(), exponent), Pow::pow(big.denom(), exponent))))
    }

    /// The exact root where `self` is a perfect `degree`-th power of a non-negative rational.
    pub fn root(&self, degree: u32) -> Option<Self> {
        if self.is_negative() || degree == 0 {
            return None;
        }
        let big = self.to_big();
        let n = num_integer::Roots::nth_root(big.numer(), degree);
        let d = num_integer::Roots::nth_root(big.denom(), degree);
        let root = BigRational::new(n, d);
        (Pow::pow(root.numer(), degree) == *big.numer() && Pow::pow(root.denom(), degree) == *big.denom())
            .then(|| Self::from_big(root))
    }

    /// Parses an exact decimal such as `12`, `0.5` or `1e-3`. `None` where it is no decimal literal or its exponent is
    /// beyond ±4000 (no double is that far from 1).
    pub fn parse_decimal(text: &str) -> Option<Self> {
        let (mantissa, exponent) = match text.find(['e', 'E']) {
            Some(at) => (&text[..at], text[at + 1..].parse::<i64>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}");
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let scale = exponent.checked_sub(i64::try_from(fraction.len()).ok()?)?;
        if !(-4000..=4000).contains(&exponent) {
            return None;
        }
        let value: BigInt = digits.parse().ok()?;
        let ten = Pow::pow(BigInt::from(10), scale.unsigned_abs());
        Some(Self::from_big(if scale < 0 {
            BigRational::new(value, ten)
        } else {
            BigRational::new(value * ten, BigInt::one())
        }))
    }
}

impl From<i64> for Rational {
    fn from(value: i64) -> Self {
        Self::from_i128(i128::from(value), 1)
    }
}

impl Add for Rational {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        &self + &other
    }
}

impl Add for &Rational {
    type Output = Rational;
    fn add(self, other: Self) -> Rational {
        if let (Small(a, b), Small(c, d)) = (self, other) {
            let (a, b, c, d) = (i128::from(*a), i128::from(*b), i128::from(*c), i128::from(*d));
            // |a*d + c*b| < 2^127 because every factor is below 2^63
            return Rational::from_i128(a * d + c * b, b * d);
        }
        Rational::from_big(self.to_big() + other.to_big())
    }
}

impl Sub for Rational {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        &self + &-other
    }
}

impl Mul for Rational {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        &self * &other
    }
}

impl Mul for &Rational {
    type Output = Rational;
    fn mul(self, other: Self) -> Rational {
        if let (Small(a, b), Small(c, d)) = (self, other) {
            return Rational::from_i128(i128::from(*a) * i128::from(*c), i128::from(*b) * i128::from(*d));
        }
        Rational::from_big(self.to_big() * other.to_big())
    }
}

impl Neg for Rational {
    type Output = Self;
    fn neg(self) -> Self {
        match self {
            Small(n, d) => Small(-n, d),
            Big(value) => Self::from_big(-*value),
        }
    }
}

impl PartialEq for Rational {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Small(a, b), Small(c, d)) => a == c && b == d,
            (Big(a), Big(b)) => a == b,
            _ => false, // the representation is unique
        }
    }
}

impl Eq for Rational {}

impl Hash for Rational {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Small(n, d) => {
                n.hash(state);
                d.hash(state);
            }
            Big(value) => value.hash(state),
        }
    }
}

impl PartialOrd for Rational {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Rational {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Small(a, b), Small(c, d)) => (i128::from(*a) * i128::from(*d)).cmp(&(i128::from(*c) * i128::from(*b))),
            _ => self.to_big().cmp(&other.to_big()),
        }
    }
}

impl fmt::Display for Rational {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (n, d) = self.parts();
        if d == "1" { write!(f, "{n}") } else { write!(f, "{n}/{d}") }
    }
}

impl fmt::Debug for Rational {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Default for Rational {
    fn default() -> Self {
        Self::ZERO
    }
}

/// Zero test used by generic numeric code.
impl Zero for Rational {
    fn zero() -> Self {
        Self::ZERO
    }
    fn is_zero(&self) -> bool {
        Rational::is_zero(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact() {
        for (text, value) in [("2", "2"), ("0.5", "1/2"), ("1e-3", "1/1000"), (".25", "1/4"), ("1.5e2", "150")] {
            assert_eq!(Rational::parse_decimal(text).unwrap().to_string(), value);
        }
        assert!(Rational::parse_decimal("1e99999").is_none());
    }

    #[test]
    fn large_values_fall_back_and_return() {
        let big = Rational::int(i64::MAX) * Rational::int(4);
        assert!(matches!(big, Big(_)));
        assert_eq!(big * Rational::new(1, 4), Rational::int(i64::MAX));
    }

    #[test]
    fn roots_only_of_perfect_powers() {
        assert_eq!(Rational::new(4, 9).root(2), Some(Rational::new(2, 3)));
        assert_eq!(Rational::int(2).root(2), None);
    }
}
