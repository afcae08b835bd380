//! Shapes on the page: `n × n`.

use matgrad_syntax::{StatementKind, parse};

use super::mark::{Mark, Markup, TIMES};
use super::{Kind, Printer};

impl Markup {
    /// A shape, from dimensions in the language: `n+1` by `2`.
    pub fn shape(dims: &[impl AsRef<str>]) -> Markup {
        let mut marks = Vec::new();
        for dim in dims {
            if !marks.is_empty() {
                marks.push(Mark::Sign(&TIMES));
            }
            let script = parse(dim.as_ref()).script;
            match script.statements.first().map(|statement| &statement.kind) {
                Some(StatementKind::Expression(root)) => {
                    let mut printer = Printer::new(&script.ast, *root, &|_| Kind::Scalar);
                    printer.within(*root, super::level::PRODUCT);
                    marks.extend(printer.out);
                }
                _ => marks.push(Mark::Number(dim.as_ref().to_owned().into())),
            }
        }
        Markup { marks }
    }
}
