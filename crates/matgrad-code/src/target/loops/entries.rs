//! What works on numbers: functions, comparisons, powers.

use matgrad_calculus::graph::MapOp;
use matgrad_syntax::Rational;

use super::Kind::{C, Rust};
use super::Loops;
use crate::CodeError;
use crate::emit::{Text, Writer, level};
use crate::program::{Entry, Id, Op};

impl Loops {
    /// A whole number of the program as a number to compute with.
    pub(super) fn float(&self, text: &Text) -> Text {
        if text.code.chars().all(|c| c.is_ascii_digit()) {
            return Text::atom(format!("{}.0", text.code));
        }
        match self.kind {
            C => Text::new(format!("(double){}", text.at(level::ATOM)), level::UNARY),
            // a sign binds more tightly than a cast, and so does nearly everything
            Rust => Text::new(format!("{} as f64", text.at(level::ATOM)), level::TERNARY),
        }
    }

    pub(super) fn choice(&self, condition: &str, yes: &str, no: &str) -> Text {
        match self.kind {
            C => Text::new(format!("{condition} ? {yes} : {no}"), level::TERNARY),
            Rust => Text::new(format!("if {condition} {{ {yes} }} else {{ {no} }}"), level::TERNARY),
        }
    }

    pub(super) fn call(&self, c: &str, rust: &str, x: &Text, more: &[String]) -> Text {
        match self.kind {
            C => {
                let all: Vec<String> = std::iter::once(x.code.clone()).chain(more.iter().cloned()).collect();
                Text::atom(format!("{c}({})", all.join(", ")))
            }
            Rust => {
                let mut receiver = x.at(level::ATOM);
                // a method of a literal needs its type
                if !receiver.contains(|c: char| c.is_alphabetic() && c != 'e')
                    && let Some(start) = receiver.find(|c: char| c.is_ascii_digit())
                {
                    let rest = &receiver[start..];
                    let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(rest.len());
                    receiver.insert_str(start + end, "_f64");
                }
                Text::atom(format!("{receiver}.{rust}({})", more.join(", ")))
            }
        }
    }

    pub(super) fn entry(&self, w: &mut Writer<'_>, function: Entry, args: &[Id]) -> Result<Text, CodeError> {
        let texts: Vec<Text> = args.iter().map(|a| w.text(*a)).collect();
        let x = texts.first().cloned().unwrap_or_else(|| Text::atom("0.0"));
        let simple = |c: &str, rust: &str| self.call(c, rust, &x, &[]);
        let helper = |w: &mut Writer<'_>, name: &'static str| {
            w.helpers.insert(name);
            Text::atom(format!("{name}({})", x.code))
        };
        let op = match function {
            Entry::Log1p => return Ok(simple("log1p", "ln_1p")),
            Entry::Expm1 => return Ok(simple("expm1", "exp_m1")),
            Entry::Sqrt => return Ok(simple("sqrt", "sqrt")),
            Entry::Map(op) => op,
        };
        Ok(match op {
            MapOp::Exp => simple("exp", "exp"),
            MapOp::Log => simple("log", "ln"),
            MapOp::Abs => simple("fabs", "abs"),
            MapOp::Sign => helper(w, "mg_sign"),
            MapOp::Cbrt => simple("cbrt", "cbrt"),
            MapOp::Sin => simple("sin", "sin"),
            MapOp::Cos => simple("cos", "cos"),
            MapOp::Tan => simple("tan", "tan"),
            MapOp::Asin => simple("asin", "asin"),
            MapOp::Acos => simple("acos", "acos"),
            MapOp::Atan => simple("atan", "atan"),
            MapOp::Sinh => simple("sinh", "sinh"),
            MapOp::Cosh => simple("cosh", "cosh"),
            MapOp::Tanh => simple("tanh", "tanh"),
            MapOp::Asinh => simple("asinh", "asinh"),
            MapOp::Acosh => simple("acosh", "acosh"),
            MapOp::Atanh => simple("atanh", "atanh"),
            MapOp::Sigmoid => helper(w, "mg_sigmoid"),
            MapOp::Softplus => helper(w, "mg_softplus"),
            MapOp::Relu => self.call("fmax", "max", &x, &["0.0".to_owned()]),
            MapOp::Erf if self.kind == C => simple("erf", ""),
            MapOp::Gamma if self.kind == C => simple("tgamma", ""),
            MapOp::Lgamma if self.kind == C => simple("lgamma", ""),
            MapOp::Erf => helper(w, "mg_erf"),
            MapOp::Gamma => helper(w, "mg_gamma"),
            MapOp::Lgamma => helper(w, "mg_lgamma"),
            MapOp::Polygamma(k) => {
                w.helpers.insert("mg_polygamma");
                Text::atom(format!("mg_polygamma({k}, {})", x.code))
            }
            MapOp::Max => self.call("fmax", "max", &x, &[texts[1].code.clone()]),
            MapOp::Min => self.call("fmin", "min", &x, &[texts[1].code.clone()]),
            MapOp::Atan2 => self.call("atan2", "atan2", &x, &[texts[1].code.clone()]),
            MapOp::Pow => self.call("pow", "powf", &x, &[texts[1].code.clone()]),
            MapOp::Less | MapOp::LessEq | MapOp::Equal | MapOp::NotEqual => {
                let condition = self.compare(w, op, args);
                self.choice(&condition, "1.0", "0.0")
            }
            MapOp::Where => {
                let condition = self.truth(w, args[0]);
                self.choice(&condition, &texts[1].code, &texts[2].code)
            }
        })
    }

    pub(super) fn compare(&self, w: &Writer<'_>, op: MapOp, args: &[Id]) -> String {
        let symbol = match op {
            MapOp::Less => "<",
            MapOp::LessEq => "<=",
            MapOp::NotEqual => "!=",
            _ => "==",
        };
        format!("{} {symbol} {}", w.code(args[0], level::SUM), w.code(args[1], level::SUM))
    }

    pub(super) fn truth(&self, w: &Writer<'_>, id: Id) -> String {
        if let Op::Entry(Entry::Map(op @ (MapOp::Less | MapOp::LessEq | MapOp::Equal | MapOp::NotEqual))) =
            *w.program.op(id)
        {
            let args = w.program.node(id).args.clone();
            return self.compare(w, op, &args);
        }
        format!("{} != 0.0", w.code(id, level::SUM))
    }

    pub(super) fn power(&self, w: &mut Writer<'_>, args: &[Id]) -> Text {
        let base = w.text(args[0]);
        if let Some(k) = w.program.number(args[1]).and_then(Rational::to_i64)
            && (2..=4).contains(&k)
        {
            // a short base is multiplied out
            let entry = |c: char| c.is_ascii_alphanumeric() || "_@".contains(c);
            let plain = match base.code.split_once('[') {
                Some((name, place)) => name.chars().all(entry) && place.find(']') == Some(place.len() - 1),
                None => base.code.chars().all(entry),
            };
            if plain {
                return Text::new(vec![base.code; k as usize].join(" * "), level::PRODUCT);
            }
            return match self.kind {
                C => self.call("pow", "", &base, &[format!("{k}.0")]),
                Rust => self.call("", "powi", &base, &[k.to_string()]),
            };
        }
        if self.kind == Rust
            && let Some(k) = w.program.number(args[1]).and_then(Rational::to_i64)
            && i32::try_from(k).is_ok()
        {
            return self.call("", "powi", &base, &[k.to_string()]);
        }
        let exponent = w.text(args[1]).code;
        self.call("pow", "powf", &base, &[exponent])
    }
}
