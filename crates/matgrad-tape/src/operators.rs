//! The operators of a number, from its arithmetic with itself and with constants.

/// Operators of a type that has `plus`, `minus`, `times`, `over`, and the same with constants through `scale`, `shift`.
macro_rules! operators {
    ([$($generics:tt)*] $Type:ty) => {
        operators! { @own [$($generics)*] $Type; Add add AddAssign add_assign plus }
        operators! { @own [$($generics)*] $Type; Sub sub SubAssign sub_assign minus }
        operators! { @own [$($generics)*] $Type; Mul mul MulAssign mul_assign times }
        operators! { @own [$($generics)*] $Type; Div div DivAssign div_assign over }

        impl<$($generics)*> Scalar for $Type {}

        operators! { @constant [$($generics)*] $Type; Add add AddAssign add_assign |x, c| x.shift(c), x.shift(c) }
        operators! { @constant [$($generics)*] $Type; Sub sub SubAssign sub_assign |x, c| x.shift(-c), (-x).shift(c) }
        operators! { @constant [$($generics)*] $Type; Mul mul MulAssign mul_assign |x, c| x.scale(c), x.scale(c) }
        operators! { @constant [$($generics)*] $Type; Div div DivAssign div_assign
            |x, c| x.divided_by(c), Self::Output::constant(c).over(x) }

        impl<$($generics)*> Sum for $Type {
            #[inline]
            fn sum<I: Iterator<Item = Self>>(terms: I) -> Self {
                terms.reduce(|a, b| a + b).unwrap_or_else(|| Self::constant(0.0))
            }
        }

        impl<$($generics)*> Product for $Type {
            #[inline]
            fn product<I: Iterator<Item = Self>>(factors: I) -> Self {
                factors.reduce(|a, b| a * b).unwrap_or_else(|| Self::constant(1.0))
            }
        }
    };
    (@own [$($generics:tt)*] $Type:ty;
        $Op:ident $op:ident $Assign:ident $assign:ident $method:ident) => {
        impl<$($generics)*> $Op for $Type {
            type Output = Self;
            #[inline]
            fn $op(self, other: Self) -> Self {
                self.$method(other)
            }
        }

        impl<$($generics)*> $Assign for $Type {
            #[inline]
            fn $assign(&mut self, other: Self) {
                *self = self.$method(other);
            }
        }
    };
    (@constant [$($generics:tt)*] $Type:ty; $Op:ident $op:ident $Assign:ident $assign:ident
        |$x:ident, $c:ident| $right:expr, $left:expr) => {
        impl<$($generics)*> $Op<f64> for $Type {
            type Output = Self;
            #[inline]
            fn $op(self, $c: f64) -> Self {
                let $x = self;
                $right
            }
        }

        impl<$($generics)*> $Assign<f64> for $Type {
            #[inline]
            fn $assign(&mut self, $c: f64) {
                let $x = *self;
                *self = $right;
            }
        }

        impl<$($generics)*> $Op<$Type> for f64 {
            type Output = $Type;
            #[inline]
            fn $op(self, $x: $Type) -> $Type {
                let $c = self;
                $left
            }
        }
    };
}
pub(crate) use operators;

/// Comparisons by value.
macro_rules! by_value {
    ([$($generics:tt)*] $Type:ty) => {
        impl<$($generics)*> PartialEq for $Type {
            #[inline]
            fn eq(&self, other: &Self) -> bool {
                self.value == other.value
            }
        }

        impl<$($generics)*> PartialOrd for $Type {
            #[inline]
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                self.value.partial_cmp(&other.value)
            }
        }

        impl<$($generics)*> PartialEq<f64> for $Type {
            #[inline]
            fn eq(&self, other: &f64) -> bool {
                self.to_f64() == *other
            }
        }

        impl<$($generics)*> PartialOrd<f64> for $Type {
            #[inline]
            fn partial_cmp(&self, other: &f64) -> Option<Ordering> {
                self.to_f64().partial_cmp(other)
            }
        }
    };
}
pub(crate) use by_value;

/// The functions that a number has through its rules: `unary` is the chain rule of one operand, `binary` of two.
macro_rules! ruled {
    ($($(#[$doc:meta])* $name:ident $variant:ident $text:literal;)*) => {
        $(
            #[inline]
            fn $name(self) -> Self {
                self.unary(rules::$name(self.value))
            }
        )*

        #[inline]
        fn to_f64(self) -> f64 {
            self.value.to_f64()
        }

        #[inline]
        fn recip(self) -> Self {
            self.unary(rules::recip(self.value))
        }

        #[inline]
        fn powi(self, exponent: i32) -> Self {
            self.unary(rules::powi(self.value, exponent))
        }

        #[inline]
        fn powf(self, exponent: f64) -> Self {
            self.unary(rules::powf(self.value, exponent))
        }

        #[inline]
        fn pow(self, exponent: Self) -> Self {
            self.binary(exponent, rules::pow(self.value, exponent.value))
        }

        #[inline]
        fn atan2(self, x: Self) -> Self {
            self.binary(x, rules::atan2(self.value, x.value))
        }

        #[inline]
        fn hypot(self, other: Self) -> Self {
            self.binary(other, rules::hypot(self.value, other.value))
        }

        #[inline]
        fn max(self, other: Self) -> Self {
            if other > self { other } else { self }
        }

        #[inline]
        fn min(self, other: Self) -> Self {
            if other < self { other } else { self }
        }

        fn polygamma(self, order: u32) -> Self {
            self.unary(rules::polygamma(self.value, order))
        }
    };
}
pub(crate) use ruled;
