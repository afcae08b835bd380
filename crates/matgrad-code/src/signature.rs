//! Arguments, results and sizes of a function, as every target needs them.

use std::collections::BTreeMap;

use matgrad_calculus::graph::{Dim, DimSymbol};
use matgrad_calculus::infer::Shape;
use matgrad_syntax::Rational;

use crate::emit::Writer;
use crate::{CodeError, Function};

/// A name with its shape in dimension names.
#[derive(Clone, Debug)]
pub(crate) struct Described {
    pub name: String,
    pub shape: Vec<String>,
    pub comment: String,
}

/// What stands above a function.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub name: String,
    pub title: Vec<String>,
    pub summary: String,
    pub inputs: Vec<Described>,
    pub outputs: Vec<Described>,
}

impl Head {
    pub fn of(function: &mut Function) -> Head {
        let program = &function.program;
        let shape = |shape: &Shape| shape.axes().iter().map(|d| program.sizes.text(*d)).collect::<Vec<String>>();
        let inputs = program
            .inputs
            .iter()
            .map(|i| Described { name: i.name.to_string(), shape: shape(&i.shape), comment: String::new() })
            .collect();
        let outputs = program
            .outputs
            .iter()
            .map(|o| Described { name: o.name.clone(), shape: shape(program.shape(o.id)), comment: o.comment.clone() })
            .collect();
        Head {
            name: function.name.clone(),
            title: function.title.clone(),
            summary: function.summary.clone(),
            inputs,
            outputs,
        }
    }
}

/// How dimension names come from the inputs.
pub(crate) struct Sizes {
    /// `n = x.shape[0]`
    pub lines: Vec<String>,
    /// Those that no input shows: arguments of their own.
    pub parameters: Vec<String>,
}

/// Finds the dimension names that the code uses from the shapes of the inputs.
pub(crate) fn sizes(
    w: &mut Writer<'_>,
    axis: impl Fn(&str, usize) -> String,
    quotient: impl Fn(&str, &str) -> String,
) -> Result<Sizes, CodeError> {
    let inputs: Vec<(String, Vec<Dim>)> =
        w.program.inputs.iter().zip(&w.input_names).map(|(i, n)| (n.clone(), i.shape.axes().to_vec())).collect();
    let (mut lines, mut known): (Vec<String>, BTreeMap<DimSymbol, ()>) = (Vec::new(), BTreeMap::new());
    let mut parameters = Vec::new();
    // names that others need come into play as they are found
    loop {
        let missing: Vec<DimSymbol> = w.symbols.iter().filter(|s| !known.contains_key(*s)).copied().collect();
        if missing.is_empty() {
            break;
        }
        let mut found = None;
        // an axis that has this length alone, then one that has it among known ones
        'search: for plain in [true, false] {
            for symbol in &missing {
                for (name, dims) in &inputs {
                    for (k, dim) in dims.iter().enumerate() {
                        if let Some(code) = solved(w, *symbol, *dim, &axis(name, k), &quotient, plain, &known) {
                            found = Some((*symbol, code));
                            break 'search;
                        }
                    }
                }
            }
        }
        match found {
            Some((symbol, code)) => {
                let name = w.symbol(symbol);
                lines.push(format!("{name} = {code}"));
                known.insert(symbol, ());
            }
            None => {
                let symbol = missing[0];
                parameters.push(w.symbol(symbol));
                known.insert(symbol, ());
            }
        }
    }
    Ok(Sizes { lines, parameters })
}

/// The value of a symbol from the length of an axis, which is linear in it.
fn solved(
    w: &mut Writer<'_>,
    symbol: DimSymbol,
    dim: Dim,
    length: &str,
    quotient: &impl Fn(&str, &str) -> String,
    plain: bool,
    known: &BTreeMap<DimSymbol, ()>,
) -> Option<String> {
    let poly = w.program.sizes.poly(dim).clone();
    let mut factor = None;
    let mut rest = Vec::new();
    for (monomial, c) in poly.0 {
        let own = monomial.iter().find(|(s, _)| *s == symbol);
        match own {
            None => rest.push((monomial, c)),
            Some((_, 1)) if factor.is_none() => {
                let others: Vec<(DimSymbol, u32)> = monomial.iter().filter(|(s, _)| *s != symbol).copied().collect();
                factor = Some((others, c));
            }
            Some(_) => return None,
        }
    }
    let (others, c) = factor?;
    if plain {
        return (others.is_empty() && rest.is_empty() && c.is_one()).then(|| length.to_owned());
    }
    let needs = rest.iter().flat_map(|(m, _)| m).chain(&others);
    if needs.into_iter().any(|(s, _)| !known.contains_key(s)) {
        return None;
    }
    let table = &mut w.program.sizes;
    let rest = table.from_poly(matgrad_calculus::graph::DimPoly(rest));
    let rest = table.scale(rest, &Rational::int(-1));
    let divisor = table.from_poly(matgrad_calculus::graph::DimPoly(vec![(others, c)]));
    let zero = table.value(rest) == Some(0);
    let rest = w.dim_text(rest).code;
    let numerator = match (zero, rest.strip_prefix('-')) {
        (true, _) => length.to_owned(),
        (false, Some(off)) if !off.contains([' ']) => format!("{length} - {off}"),
        _ => format!("{length} + {rest}"),
    };
    if w.program.sizes.is_one(divisor) {
        return Some(numerator);
    }
    let numerator = if numerator.contains(' ') { format!("({numerator})") } else { numerator };
    let divisor = w.dim_text(divisor).at(crate::emit::level::ATOM);
    Some(quotient(&numerator, &divisor))
}
