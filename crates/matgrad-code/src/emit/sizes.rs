//! Dimensions and places as whole numbers in the code.

use matgrad_calculus::graph::Dim;
use matgrad_syntax::Rational;

use super::{Text, Writer, level};
use crate::program::Whole;

impl Writer<'_> {
    pub fn dim_text(&mut self, dim: Dim) -> Text {
        if let Some(value) = self.program.sizes.value(dim) {
            return Text::new(value.to_string(), if value < 0 { level::SUM } else { level::ATOM });
        }
        let poly = self.program.sizes.poly(dim).clone();
        let mut denominator = 1_i64;
        for (_, c) in &poly.0 {
            let own = c.parts().1.parse::<i64>().unwrap_or(1);
            denominator = lcm(denominator, own);
        }
        let mut sum = String::new();
        let mut count = 0;
        let mut product_only = true;
        // the constant last, and what is taken off behind what is there: sizes of some languages have no sign
        let mut terms: Vec<_> = poly.0.iter().collect();
        terms.sort_by_key(|(monomial, c)| (c.is_negative(), monomial.is_empty()));
        for (monomial, c) in terms {
            let c = c.clone() * Rational::int(denominator);
            let value = c.to_i64().unwrap_or(1);
            let mut factors: Vec<String> = Vec::new();
            if value.abs() != 1 || monomial.is_empty() {
                factors.push(value.abs().to_string());
            }
            for (symbol, power) in monomial {
                let name = self.symbol(*symbol);
                factors.extend(std::iter::repeat_n(name, *power as usize));
            }
            product_only &= factors.len() > 1;
            if sum.is_empty() {
                if value < 0 {
                    sum.push('-');
                }
            } else {
                sum.push_str(if value < 0 { " - " } else { " + " });
            }
            sum.push_str(&factors.join(" * "));
            count += 1;
        }
        let level = match (count, sum.starts_with('-')) {
            (1, false) if product_only => level::PRODUCT,
            (1, false) => level::ATOM,
            _ => level::SUM,
        };
        if denominator > 1 {
            let numerator = Text::new(sum, level).at(level::UNARY);
            return Text::new(self.language.exact_quotient(&numerator, &denominator.to_string()), level::PRODUCT);
        }
        Text::new(sum, level)
    }

    /// An index plus what is added to it; `shift` more. As a sum.
    pub fn whole(&mut self, whole: &Whole, shift: i64) -> Text {
        let more = self.program.sizes.constant(shift);
        let constant = self.program.sizes.add(whole.constant, more);
        if whole.indices.is_empty() {
            return self.dim_text(constant);
        }
        let size = self.dim_text(constant).code;
        // what is taken off stands behind what is there: sizes of some languages have no sign
        let (before, after): (Vec<_>, Vec<_>) = whole.indices.iter().partition(|(_, c)| *c > 0);
        let mut parts: Vec<(bool, String)> = Vec::new();
        for (index, c) in before.iter().chain(&after) {
            let name = self.index_name(*index);
            let times = if c.abs() == 1 { name } else { format!("{} * {name}", c.unsigned_abs()) };
            parts.push((*c < 0, times));
        }
        let at = before.len();
        match size.strip_prefix('-') {
            _ if size == "0" => {}
            Some(rest) if !rest.contains(['+', '-']) => parts.push((true, rest.to_owned())),
            _ => parts.insert(at, (false, size)),
        }
        let one = matches!(parts.as_slice(), [(false, only)] if !only.contains(' '));
        let mut code = String::new();
        for (k, (minus, part)) in parts.iter().enumerate() {
            code.push_str(match (k, minus) {
                (0, true) => "-",
                (0, false) => "",
                (_, true) => " - ",
                (_, false) => " + ",
            });
            code.push_str(part);
        }
        Text::new(code, if one { level::ATOM } else { level::SUM })
    }
}

fn lcm(a: i64, b: i64) -> i64 {
    let (mut x, mut y) = (a.abs().max(1), b.abs().max(1));
    let product = x * y;
    while y != 0 {
        (x, y) = (y, x % y);
    }
    product / x
}
