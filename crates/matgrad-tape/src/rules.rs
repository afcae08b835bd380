//! Value and derivative of every elementary function, in one place for all numbers: the derivative is written in the numbers
//! themselves, so that duals of duals and tapes of duals have their second derivatives from the same line.

use std::f64::consts::FRAC_2_SQRT_PI;

use crate::Number;

macro_rules! rules {
    ($($name:ident($x:ident) = $value:expr, |$y:ident| $derivative:expr;)*) => {$(
        #[inline]
        pub fn $name<V: Number>($x: V) -> (V, V) {
            let $y = $value;
            (($y), $derivative)
        }
    )*};
}

rules! {
    exp(x) = x.exp(), |y| y;
    exp_m1(x) = x.exp_m1(), |_y| x.exp();
    ln(x) = x.ln(), |_y| x.recip();
    ln_1p(x) = x.ln_1p(), |_y| x.shift(1.0).recip();
    sqrt(x) = x.sqrt(), |y| (y + y).recip();
    cbrt(x) = x.cbrt(), |y| (y * y).scale(3.0).recip();
    abs(x) = x.abs(), |_y| x.sign();
    sign(x) = x.sign(), |_y| V::constant(0.0);
    sin(x) = x.sin(), |_y| x.cos();
    cos(x) = x.cos(), |_y| -x.sin();
    tan(x) = x.tan(), |y| (y * y).shift(1.0);
    asin(x) = x.asin(), |_y| squared_complement(x).sqrt().recip();
    acos(x) = x.acos(), |_y| -squared_complement(x).sqrt().recip();
    atan(x) = x.atan(), |_y| (x * x).shift(1.0).recip();
    sinh(x) = x.sinh(), |_y| x.cosh();
    cosh(x) = x.cosh(), |_y| x.sinh();
    tanh(x) = x.tanh(), |y| squared_complement(y);
    asinh(x) = x.asinh(), |_y| (x * x).shift(1.0).sqrt().recip();
    acosh(x) = x.acosh(), |_y| (x.shift(-1.0) * x.shift(1.0)).sqrt().recip();
    atanh(x) = x.atanh(), |_y| squared_complement(x).recip();
    sigmoid(x) = x.sigmoid(), |y| y * (-y).shift(1.0);
    softplus(x) = x.softplus(), |_y| x.sigmoid();
    relu(x) = x.relu(), |_y| x.sign().relu();
    erf(x) = x.erf(), |_y| (-(x * x)).exp().scale(FRAC_2_SQRT_PI);
    gamma(x) = x.gamma(), |y| y * x.digamma();
    ln_gamma(x) = x.ln_gamma(), |_y| x.digamma();
    digamma(x) = x.digamma(), |_y| x.polygamma(1);
    recip(x) = x.recip(), |y| -(y * y);
}

/// 1 - x², exact near ±1.
#[inline]
fn squared_complement<V: Number>(x: V) -> V {
    x.shift(1.0) * (-x).shift(1.0)
}

#[inline]
pub fn powi<V: Number>(x: V, n: i32) -> (V, V) {
    match n {
        0 => (V::constant(1.0), V::constant(0.0)),
        1 => (x, V::constant(1.0)),
        2 => (x * x, x + x),
        // the least exponent has no lower one: its power is 0 or infinite, and so is the derivative
        _ => (x.powi(n), x.powi(n.saturating_sub(1)).scale(f64::from(n))),
    }
}

#[inline]
pub fn powf<V: Number>(x: V, p: f64) -> (V, V) {
    // a power of 0 has a derivative where the exponent is 0 or 1
    if p == 0.0 {
        (V::constant(1.0), V::constant(0.0))
    } else if p == 1.0 {
        (x, V::constant(1.0))
    } else {
        (x.powf(p), x.powf(p - 1.0).scale(p))
    }
}

#[inline]
pub fn polygamma<V: Number>(x: V, order: u32) -> (V, V) {
    (x.polygamma(order), x.polygamma(order.saturating_add(1)))
}

/// Value and both derivatives.
#[inline]
pub fn div<V: Number>(x: V, y: V) -> (V, V, V) {
    let (q, inverse) = (x / y, y.recip());
    (q, inverse, -(q * inverse))
}

#[inline]
pub fn pow<V: Number>(x: V, p: V) -> (V, V, V) {
    let value = x.pow(p);
    // 0^p is 0 for all positive p
    let by_exponent = if x.to_f64() == 0.0 && p.to_f64() > 0.0 { V::constant(0.0) } else { value * x.ln() };
    (value, p * x.pow(p.shift(-1.0)), by_exponent)
}

#[inline]
pub fn atan2<V: Number>(y: V, x: V) -> (V, V, V) {
    let square = x * x + y * y;
    (y.atan2(x), x / square, -(y / square))
}

#[inline]
pub fn hypot<V: Number>(x: V, y: V) -> (V, V, V) {
    let h = x.hypot(y);
    (h, x / h, y / h)
}
