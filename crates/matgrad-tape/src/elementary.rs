//! The table of elementary functions: the method, the operation of a trace, the name in the language.

macro_rules! elementary {
    ($call:ident) => {
        $call! {
            /// e to the power of it.
            exp Exp "exp";
            /// `exp(x) - 1`, exact near 0.
            exp_m1 Expm1 "expm1";
            /// The natural logarithm.
            ln Log "log";
            /// `log(1 + x)`, exact near 0.
            ln_1p Log1p "log1p";
            /// The square root.
            sqrt Sqrt "sqrt";
            /// The cube root, of negative numbers as well.
            cbrt Cbrt "cbrt";
            /// The absolute value; its derivative at 0 is 0.
            abs Abs "abs";
            /// -1, 0 or 1.
            sign Sign "sign";
            /// The sine.
            sin Sin "sin";
            /// The cosine.
            cos Cos "cos";
            /// The tangent.
            tan Tan "tan";
            /// The inverse of the sine.
            asin Asin "asin";
            /// The inverse of the cosine.
            acos Acos "acos";
            /// The inverse of the tangent.
            atan Atan "atan";
            /// The hyperbolic sine.
            sinh Sinh "sinh";
            /// The hyperbolic cosine.
            cosh Cosh "cosh";
            /// The hyperbolic tangent.
            tanh Tanh "tanh";
            /// The inverse of the hyperbolic sine.
            asinh Asinh "asinh";
            /// The inverse of the hyperbolic cosine.
            acosh Acosh "acosh";
            /// The inverse of the hyperbolic tangent.
            atanh Atanh "atanh";
            /// `1/(1 + exp(-x))`, without overflow.
            sigmoid Sigmoid "sigmoid";
            /// `log(1 + exp(x))`, without overflow.
            softplus Softplus "softplus";
            /// The positive part; its derivative at 0 is 0.
            relu Relu "relu";
            /// The error function.
            erf Erf "erf";
            /// The gamma function.
            gamma Gamma "gamma";
            /// log |Γ(x)|.
            ln_gamma Lgamma "lgamma";
            /// The derivative of log Γ.
            digamma Digamma "digamma";
        }
    };
}
pub(crate) use elementary;
