//! Function calls in LaTeX.

use matgrad_syntax::{ExprId, ExprKind, Name};

use super::kinds::Value;
use super::level::{COMPARISON, PRODUCT};
use super::names::{escaped, name_latex, name_parts};
use super::node::{list, place, text};
use super::{Kind, Piece, Printer};

/// How a function is printed.
#[derive(Clone, Copy)]
pub(super) enum Shape {
    /// `\det\left(X\right)`
    Operator(&'static str),
    /// `\operatorname{tr}\left(X\right)`, by its own name
    Named,
    /// `X^{-1}`
    Raised(&'static str),
    /// `\mathrm{e}^{X}`
    Exponential,
    /// `\sqrt{x}`
    Command(&'static str),
    /// `\left\lVert x \right\rVert_{2}`
    Fence(&'static str, &'static str),
    /// `A \otimes B`
    Infix(&'static str),
    /// `\mathbf{I}_{n}`, its arguments with a sign between
    Constant(&'static str, &'static str),
    /// `\psi^{(k)}\left(x\right)`
    Polygamma,
    /// `a` if the condition holds, else `b`
    Cases,
}

pub(super) fn call_shape(function: &str, arguments: usize) -> Shape {
    use Shape::*;
    match (function, arguments) {
        ("det", _) => Operator("\\det"),
        ("logdet", _) => Operator("\\log\\det"),
        ("inv", 1) => Raised("-1"),
        ("pinv", 1) => Raised("+"),
        ("transpose", 1) => Raised("\\top"),
        ("sqrtm", 1) => Raised("1/2"),
        ("expm", 1) => Exponential,
        ("sqrt", 1) => Command("\\sqrt{"),
        ("cbrt", 1) => Command("\\sqrt[3]{"),
        ("abs", 1) => Fence("\\left\\lvert ", " \\right\\rvert"),
        ("norm" | "norm2" | "normF", 1) => Fence("\\left\\lVert ", " \\right\\rVert"),
        ("norm1", 1) => Fence("\\left\\lVert ", " \\right\\rVert_{1}"),
        ("norminf", 1) => Fence("\\left\\lVert ", " \\right\\rVert_{\\infty}"),
        ("normspec", 1) => Fence("\\left\\lVert ", " \\right\\rVert_{2}"),
        ("normnuc", 1) => Fence("\\left\\lVert ", " \\right\\rVert_{*}"),
        ("kron", 2) => Infix(" \\otimes "),
        ("cross", 2) => Infix(" \\times "),
        ("dot", 2) => Infix(" \\cdot "),
        ("eye", 1) => Constant("\\mathbf{I}", ""),
        ("ones", _) => Constant("\\mathbf{1}", " \\times "),
        ("zeros", _) => Constant("\\mathbf{0}", " \\times "),
        ("unit", 2) => Constant("\\mathbf{e}", ""),
        ("commutation", 2) => Constant("\\mathbf{K}", ","),
        ("duplication", 1) => Constant("\\mathbf{D}", ""),
        ("elimination", 1) => Constant("\\mathbf{L}", ""),
        ("polygamma", 2) => Polygamma,
        ("where", 3) => Cases,
        ("exp", 1) => Operator("\\exp"),
        ("log", 1) => Operator("\\log"),
        ("sin", 1) => Operator("\\sin"),
        ("cos", 1) => Operator("\\cos"),
        ("tan", 1) => Operator("\\tan"),
        ("asin", 1) => Operator("\\arcsin"),
        ("acos", 1) => Operator("\\arccos"),
        ("atan", 1) => Operator("\\arctan"),
        ("sinh", 1) => Operator("\\sinh"),
        ("cosh", 1) => Operator("\\cosh"),
        ("tanh", 1) => Operator("\\tanh"),
        ("max", _) => Operator("\\max"),
        ("min", _) => Operator("\\min"),
        ("sign", 1) => Operator("\\operatorname{sgn}"),
        ("sigmoid", 1) => Operator("\\sigma"),
        ("gamma", 1) => Operator("\\Gamma"),
        ("lgamma", 1) => Operator("\\log\\Gamma"),
        ("digamma", 1) => Operator("\\psi"),
        ("trigamma", 1) => Operator("\\psi_{1}"),
        ("eigvals", 1) => Operator("\\boldsymbol{\\lambda}"),
        ("singvals", 1) => Operator("\\boldsymbol{\\sigma}"),
        ("expm_frechet", 2) => Operator("L_{\\exp}"),
        ("logm_frechet", 2) => Operator("L_{\\log}"),
        ("sqrtm_frechet", 2) => Operator("L_{\\sqrt{\\cdot}}"),
        _ => Named,
    }
}

impl<'a> Printer<'a> {
    pub(super) fn call(&mut self, function: &'a str, derivative: &[u8], args: &'a [ExprId], rest: &mut Vec<Piece<'a>>) {
        if let Some(fraction) = self.partial(function, derivative, args) {
            rest.push(text(fraction));
            return;
        }
        if matgrad_syntax::functions::find(function).is_none() || !derivative.is_empty() {
            self.own_function(function, derivative, rest);
            arguments(args, rest);
            return;
        }
        match (call_shape(function, args.len()), args) {
            (Shape::Operator(sign), _) => self.operator(sign, args, rest),
            (Shape::Raised(sign), [base]) => rest.extend([self.base(*base), text(format!("^{{{sign}}}"))]),
            (Shape::Exponential, [exponent]) => {
                rest.extend([text("\\mathrm{e}^{"), place(*exponent, COMPARISON), text("}")]);
            }
            (Shape::Command(start), [argument]) => {
                rest.extend([text(start), place(*argument, COMPARISON), text("}")]);
            }
            (Shape::Fence(start, end), [argument]) => {
                rest.extend([text(start), place(*argument, COMPARISON), text(end)]);
                if matches!(function, "norm" | "norm2" | "normF") {
                    let matrix = function == "normF" || self.value(*argument) == Value::Matrix;
                    rest.push(text(if matrix { "_{\\mathrm{F}}" } else { "_{2}" }));
                }
            }
            (Shape::Infix(sign), [left, right]) => {
                let side = |id: &ExprId| Piece::Expr { id: *id, min: PRODUCT, strip: false, open: false };
                rest.extend([side(left), text(sign), side(right)]);
            }
            (Shape::Constant(sign, between), _) => {
                rest.push(text(format!("{sign}_{{")));
                let shown = if function == "unit" { args.get(..1).unwrap_or(args) } else { args };
                list(shown, between, rest);
                rest.push(text("}"));
            }
            (Shape::Polygamma, [order, argument]) => {
                rest.extend([text("\\psi^{("), place(*order, COMPARISON), text(")}\\left(")]);
                rest.extend([place(*argument, COMPARISON), text("\\right)")]);
            }
            (Shape::Cases, [condition, then, otherwise]) => {
                rest.extend([text("\\begin{cases} "), place(*then, COMPARISON), text(" & \\text{if } ")]);
                rest.extend([place(*condition, COMPARISON), text(" \\\\ "), place(*otherwise, COMPARISON)]);
                rest.push(text(" & \\text{otherwise} \\end{cases}"));
            }
            _ => {
                let sign = format!("\\operatorname{{{}}}", escaped(function));
                self.operator(&sign, args, rest);
            }
        }
    }

    /// A function with its arguments; the axis of a reduction goes under it.
    fn operator(&mut self, sign: &str, args: &'a [ExprId], rest: &mut Vec<Piece<'a>>) {
        self.out.push_str(sign);
        arguments(args, rest);
    }

    /// `\\frac{\\partial^2 u}{\\partial x \\partial y}`, where the arguments are variables, several and all different.
    fn partial(&self, function: &str, derivative: &[u8], args: &[ExprId]) -> Option<String> {
        let names: Vec<&Name> = args
            .iter()
            .map(|arg| match self.ast.kind(*arg) {
                ExprKind::Name(name) => Some(name),
                _ => None,
            })
            .collect::<Option<_>>()?;
        let different = names.iter().enumerate().all(|(k, name)| !names[..k].contains(name));
        if derivative.is_empty() || names.len() < 2 || !different || derivative.contains(&0) {
            return None;
        }
        let raised = |count: usize| if count > 1 { format!("^{{{count}}}") } else { String::new() };
        let mut below: Vec<(u8, usize)> = Vec::new();
        for position in derivative {
            match below.iter_mut().find(|(known, _)| known == position) {
                Some((_, count)) => *count += 1,
                None => below.push((*position, 1)),
            }
        }
        let below: Vec<String> = below
            .into_iter()
            .map(|(position, count)| {
                let name = names.get(usize::from(position).checked_sub(1)?)?;
                Some(format!("\\partial {}{}", name_latex(name, self.kind), raised(count)))
            })
            .collect::<Option<_>>()?;
        let above = name_latex(function, self.kind);
        Some(format!("\\frac{{\\partial{} {above}}}{{{}}}", raised(derivative.len()), below.join(" \\, ")))
    }

    /// `f`, `r''`, `f_{12}'`
    fn own_function(&mut self, function: &str, derivative: &[u8], rest: &mut Vec<Piece<'a>>) {
        let bold = |name: &str| match (self.kind)(name) {
            Kind::Vector | Kind::Matrix => Kind::Vector,
            _ => Kind::Scalar,
        };
        let parts = name_parts(function, &bold);
        let mut under: Vec<String> = parts.subscript.into_iter().collect();
        let mut primes = String::new();
        if derivative.iter().all(|position| *position == 0) {
            primes.extend(derivative.iter().map(|_| '\''));
        } else if !derivative.is_empty() {
            let wide = derivative.iter().any(|position| *position > 9);
            let positions: Vec<String> = derivative.iter().map(u8::to_string).collect();
            under.push(positions.join(if wide { "," } else { "" }));
            primes.push('\'');
        }
        let under = if under.is_empty() { String::new() } else { format!("_{{{}}}", under.join(",")) };
        rest.push(text(format!("{}{under}{primes}", parts.base)));
    }
}

fn arguments(args: &[ExprId], rest: &mut Vec<Piece<'_>>) {
    rest.push(text("\\left("));
    list(args, ", ", rest);
    rest.push(text("\\right)"));
}
