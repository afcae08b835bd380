//! `+ - * /` and negation of expressions and numbers, as the language has them: `*` is the product of matrices.

use std::ops::{Add, Div, Mul, Neg, Sub};

use matgrad_syntax::BinaryOp;

use super::expr::{Expr, Kind};

macro_rules! operators {
    ($($trait:ident, $method:ident, $op:expr;)*) => {$(
        impl $trait<&Expr> for &Expr {
            type Output = Expr;
            fn $method(self, other: &Expr) -> Expr {
                Expr::binary($op, self, other)
            }
        }
        impl $trait<Expr> for Expr {
            type Output = Expr;
            fn $method(self, other: Expr) -> Expr {
                Expr::binary($op, &self, &other)
            }
        }
        impl $trait<&Expr> for Expr {
            type Output = Expr;
            fn $method(self, other: &Expr) -> Expr {
                Expr::binary($op, &self, other)
            }
        }
        impl $trait<Expr> for &Expr {
            type Output = Expr;
            fn $method(self, other: Expr) -> Expr {
                Expr::binary($op, self, &other)
            }
        }
        operators!(number $trait, $method, $op, f64);
        operators!(number $trait, $method, $op, i32);
    )*};
    (number $trait:ident, $method:ident, $op:expr, $number:ty) => {
        impl $trait<$number> for Expr {
            type Output = Expr;
            fn $method(self, other: $number) -> Expr {
                Expr::binary($op, &self, &other.into())
            }
        }
        impl $trait<$number> for &Expr {
            type Output = Expr;
            fn $method(self, other: $number) -> Expr {
                Expr::binary($op, self, &other.into())
            }
        }
        impl $trait<Expr> for $number {
            type Output = Expr;
            fn $method(self, other: Expr) -> Expr {
                Expr::binary($op, &self.into(), &other)
            }
        }
        impl $trait<&Expr> for $number {
            type Output = Expr;
            fn $method(self, other: &Expr) -> Expr {
                Expr::binary($op, &self.into(), other)
            }
        }
    };
}

operators! {
    Add, add, BinaryOp::Add;
    Sub, sub, BinaryOp::Sub;
    Mul, mul, BinaryOp::Mul;
    Div, div, BinaryOp::Div;
}

impl Neg for &Expr {
    type Output = Expr;
    fn neg(self) -> Expr {
        if let Kind::Number(value) = &self.node.kind {
            return Expr::leaf(Kind::Number(-value.clone()));
        }
        Expr::of(Kind::Neg, vec![self.clone()])
    }
}

impl Neg for Expr {
    type Output = Expr;
    fn neg(self) -> Expr {
        -&self
    }
}

impl std::iter::Sum for Expr {
    fn sum<I: Iterator<Item = Expr>>(terms: I) -> Expr {
        terms.reduce(|a, b| a + b).unwrap_or_else(|| Expr::from(0))
    }
}
