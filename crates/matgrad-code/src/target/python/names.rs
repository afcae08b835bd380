//! What functions are called in each library.

use matgrad_calculus::graph::{MapOp, MatrixOp};

use super::Python;
use crate::CodeError;
use crate::emit::{Text, Writer, level};
use crate::program::{Entry, Id};

/// The symbol of a comparison.
pub(super) fn comparison(op: MapOp) -> Option<&'static str> {
    Some(match op {
        MapOp::Less => "<",
        MapOp::LessEq => "<=",
        MapOp::Equal => "==",
        MapOp::NotEqual => "!=",
        _ => return None,
    })
}

/// A function of texts, entry by entry; `array` gives an argument as an array of the library.
pub(super) fn entry(dialect: Python, w: &mut Writer<'_>, function: Entry, args: &[Id]) -> Result<Text, CodeError> {
    let texts: Vec<Text> = args.iter().map(|a| w.text(*a)).collect();
    let arrays: Vec<String> = args.iter().map(|a| dialect.array(w, *a)).collect();
    let condition = args.first().map(|a| dialect.truth(w, *a));
    let hosts: Vec<bool> = args.iter().map(|a| dialect.is_host(w, *a)).collect();
    written(dialect, w, function, &texts, &arrays, condition, &hosts)
}

/// The same from texts that are there already.
pub(super) fn written(
    dialect: Python,
    w: &mut Writer<'_>,
    function: Entry,
    texts: &[Text],
    arrays: &[String],
    condition: Option<Text>,
    hosts: &[bool],
) -> Result<Text, CodeError> {
    use Python::{Dask, Jax, Numpy, Torch};
    let m = dialect.module();
    let x = arrays.first().cloned().unwrap_or_default();
    let call = |name: &str| Text::atom(format!("{m}.{name}({x})"));
    let op = match function {
        Entry::Log1p => return Ok(call("log1p")),
        Entry::Expm1 => return Ok(call("expm1")),
        Entry::Sqrt => return Ok(call("sqrt")),
        Entry::Map(op) => op,
    };
    let inverse = |numpy: &str, torch: &str| call(if dialect == Torch { torch } else { numpy });
    Ok(match op {
        MapOp::Exp => call("exp"),
        MapOp::Log => call("log"),
        MapOp::Abs => call("abs"),
        MapOp::Sign => call("sign"),
        MapOp::Sin => call("sin"),
        MapOp::Cos => call("cos"),
        MapOp::Tan => call("tan"),
        MapOp::Sinh => call("sinh"),
        MapOp::Cosh => call("cosh"),
        MapOp::Tanh => call("tanh"),
        MapOp::Asin => inverse("arcsin", "asin"),
        MapOp::Acos => inverse("arccos", "acos"),
        MapOp::Atan => inverse("arctan", "atan"),
        MapOp::Asinh => inverse("arcsinh", "asinh"),
        MapOp::Acosh => inverse("arccosh", "acosh"),
        MapOp::Atanh => inverse("arctanh", "atanh"),
        MapOp::Cbrt if dialect == Torch => {
            Text::new(format!("torch.sign({x}) * torch.abs({x}) ** (1 / 3)"), level::PRODUCT)
        }
        MapOp::Cbrt => call("cbrt"),
        MapOp::Sigmoid => match dialect {
            Numpy | Dask => {
                w.helpers.insert("special");
                Text::atom(format!("special.expit({x})"))
            }
            Jax => Text::atom(format!("jax.nn.sigmoid({x})")),
            Torch => call("sigmoid"),
        },
        MapOp::Softplus => match dialect {
            Torch => Text::atom(format!("torch.logaddexp({x}, torch.zeros((), dtype=torch.float64))")),
            _ => Text::atom(format!("{m}.logaddexp({x}, 0)")),
        },
        MapOp::Relu => match dialect {
            Torch => call("relu"),
            _ => Text::atom(format!("{m}.maximum({x}, 0)")),
        },
        MapOp::Erf => special(dialect, w, "erf", "erf", &x),
        MapOp::Lgamma => special(dialect, w, "gammaln", "lgamma", &x),
        MapOp::Gamma => match dialect {
            Torch => {
                w.helpers.insert("_gamma");
                Text::atom(format!("_gamma({x})"))
            }
            _ => special(dialect, w, "gamma", "", &x),
        },
        MapOp::Polygamma(0) => special(dialect, w, "digamma", "digamma", &x),
        MapOp::Polygamma(k) => match dialect {
            Numpy | Dask => {
                w.helpers.insert("special");
                Text::atom(format!("special.polygamma({k}, {x})"))
            }
            Jax => Text::atom(format!("jax.scipy.special.polygamma({k}, {x})")),
            Torch => Text::atom(format!("torch.polygamma({k}, {x})")),
        },
        MapOp::Max | MapOp::Min => {
            let name = if op == MapOp::Max { "maximum" } else { "minimum" };
            Text::atom(format!("{m}.{name}({}, {})", arrays[0], arrays[1]))
        }
        MapOp::Atan2 => {
            let name = if matches!(dialect, Numpy | Dask) { "arctan2" } else { "atan2" };
            let name = if dialect == Jax { "arctan2" } else { name };
            Text::atom(format!("{m}.{name}({}, {})", arrays[0], arrays[1]))
        }
        MapOp::Pow => Text::new(format!("{} ** {}", texts[0].at(level::ATOM), texts[1].at(level::UNARY)), level::POWER),
        MapOp::Less | MapOp::LessEq | MapOp::Equal | MapOp::NotEqual => {
            let symbol = comparison(op).unwrap_or("==");
            let condition = format!("{} {symbol} {}", texts[0].at(level::SUM), texts[1].at(level::SUM));
            indicator(dialect, &condition, hosts.iter().all(|h| *h))
        }
        MapOp::Where => {
            let condition = condition.map(|c| c.code).unwrap_or_default();
            let condition = if dialect == Torch && hosts.first() == Some(&true) {
                format!("torch.tensor({condition})")
            } else {
                condition
            };
            Text::atom(format!("{m}.where({condition}, {}, {})", arrays[1], arrays[2]))
        }
    })
}

/// A condition as 0 and 1.
pub(super) fn indicator(dialect: Python, condition: &str, host: bool) -> Text {
    if host {
        return Text::atom(format!("float({condition})"));
    }
    match dialect {
        Python::Torch => Text::atom(format!("({condition}).double()")),
        _ => Text::atom(format!("{}.where({condition}, 1.0, 0.0)", dialect.module())),
    }
}

fn special(dialect: Python, w: &mut Writer<'_>, name: &str, torch: &str, x: &str) -> Text {
    Text::atom(match dialect {
        Python::Numpy | Python::Dask => {
            w.helpers.insert("special");
            format!("special.{name}({x})")
        }
        Python::Jax => format!("jax.scipy.special.{name}({x})"),
        Python::Torch => format!("torch.{torch}({x})"),
    })
}

/// A function of a matrix.
pub(super) fn matrix(dialect: Python, w: &mut Writer<'_>, op: MatrixOp, args: &[Id]) -> Result<Text, CodeError> {
    use Python::{Dask, Jax, Numpy, Torch};
    let m = dialect.module();
    let x = w.code(args[0], level::TERNARY);
    let direction = args.get(1).map(|e| w.code(*e, level::TERNARY)).unwrap_or_default();
    let linalg = |name: &str| Text::atom(format!("{m}.linalg.{name}({x})"));
    let mut helper = |name: &'static str, args: &str| {
        w.helpers.insert(name);
        Text::atom(format!("{name}({args})"))
    };
    Ok(match op {
        MatrixOp::Inverse => linalg("inv"),
        MatrixOp::Det => linalg("det"),
        MatrixOp::LogDet => Text::atom(format!("{m}.linalg.slogdet({x})[1]")),
        MatrixOp::Adjugate => helper("_adjugate", &x),
        MatrixOp::Pinv => linalg("pinv"),
        MatrixOp::Cholesky => linalg("cholesky"),
        MatrixOp::Expm => match dialect {
            Numpy | Dask => helper("linalg", "").code_of(format!("linalg.expm({x})")),
            Jax => helper("jax.scipy.linalg", "").code_of(format!("jax.scipy.linalg.expm({x})")),
            Torch => Text::atom(format!("torch.linalg.matrix_exp({x})")),
        },
        MatrixOp::Logm => match dialect {
            Numpy | Dask => helper("linalg", "").code_of(format!("np.real(linalg.logm({x}))")),
            _ => helper("_logm", &x),
        },
        MatrixOp::Sqrtm => match dialect {
            Numpy | Dask => helper("linalg", "").code_of(format!("np.real(linalg.sqrtm({x}))")),
            _ => helper("_sqrtm", &x),
        },
        MatrixOp::Eigvals => linalg("eigvalsh"),
        MatrixOp::Eigvecs => Text::atom(format!("{m}.linalg.eigh({x})[1]")),
        MatrixOp::Singvals => match dialect {
            Torch => linalg("svdvals"),
            _ => Text::atom(format!("{m}.linalg.svd({x}, compute_uv=False)")),
        },
        MatrixOp::SvdU => Text::atom(format!("{m}.linalg.svd({x}, full_matrices=False)[0]")),
        MatrixOp::SvdV => Text::atom(format!("{m}.linalg.svd({x}, full_matrices=False)[2].T")),
        MatrixOp::NormSpec => match dialect {
            Torch => Text::atom(format!("torch.linalg.matrix_norm({x}, ord=2)")),
            _ => Text::atom(format!("{m}.linalg.norm({x}, 2)")),
        },
        MatrixOp::NormNuc => match dialect {
            Torch => Text::atom(format!("torch.linalg.matrix_norm({x}, ord=\"nuc\")")),
            _ => Text::atom(format!("{m}.linalg.norm({x}, \"nuc\")")),
        },
        MatrixOp::ExpmFrechet => helper("_expm_frechet", &format!("{x}, {direction}")),
        MatrixOp::LogmFrechet => helper("_logm_frechet", &format!("{x}, {direction}")),
        MatrixOp::SqrtmFrechet => helper("_sqrtm_frechet", &format!("{x}, {direction}")),
    })
}

impl Text {
    /// The same text with another code: what asks for a helper and is written otherwise.
    fn code_of(self, code: String) -> Text {
        Text { code, level: self.level }
    }
}
