//! Function calls in LaTeX.

use matgrad_syntax::{ExprId, ExprKind, Name};

use super::kinds::Value;
use super::level::{COMPARISON, PRODUCT};
use super::mark::*;
use super::names::{name_parts, push_name};
use super::node::{begin, end, list, place, script, sign};
use super::{Kind, Piece, Printer};

/// How a function is printed.
#[derive(Clone, Copy)]
pub(super) enum Shape {
    /// `\det\left(X\right)`
    Operator(&'static Sign),
    /// `\operatorname{tr}\left(X\right)`, by its own name
    Named,
    /// `X^{-1}`
    Raised(&'static Sign),
    /// `\mathrm{e}^{X}`
    Exponential,
    /// `\sqrt{x}`
    Radical(Group),
    /// `\left\lVert x \right\rVert_{2}`
    Fence(Group, Option<&'static Sign>),
    /// `A \otimes B`
    Infix(&'static Sign),
    /// `\mathbf{I}_{n}`, its arguments with a sign between
    Constant(&'static Sign, &'static Sign),
    /// `\psi^{(k)}\left(x\right)`
    Polygamma,
    /// `a` if the condition holds, else `b`
    Cases,
}

pub(super) fn call_shape(function: &str, arguments: usize) -> Shape {
    use Shape::*;
    match (function, arguments) {
        ("det", _) => Operator(&DET),
        ("logdet", _) => Operator(&LOGDET),
        ("inv", 1) => Raised(&MINUS_ONE),
        ("pinv", 1) => Raised(&DAGGER),
        ("transpose", 1) => Raised(&TRANSPOSED),
        ("sqrtm", 1) => Raised(&HALF),
        ("expm", 1) => Exponential,
        ("sqrt", 1) => Radical(Group::Root),
        ("cbrt", 1) => Radical(Group::CubeRoot),
        ("abs", 1) => Fence(Group::Absolute, None),
        ("norm" | "norm2" | "normF", 1) => Fence(Group::Norm, None),
        ("norm1", 1) => Fence(Group::Norm, Some(&ONE)),
        ("norminf", 1) => Fence(Group::Norm, Some(&INFINITY)),
        ("normspec", 1) => Fence(Group::Norm, Some(&TWO)),
        ("normnuc", 1) => Fence(Group::Norm, Some(&STAR)),
        ("kron", 2) => Infix(&KRONECKER),
        ("cross", 2) => Infix(&TIMES),
        ("dot", 2) => Infix(&POINT),
        ("eye", 1) => Constant(&IDENTITY, &NOTHING),
        ("ones", _) => Constant(&ONES, &TIMES),
        ("zeros", _) => Constant(&ZEROS, &TIMES),
        ("unit", 2) => Constant(&UNIT, &NOTHING),
        ("commutation", 2) => Constant(&COMMUTATION, &TIGHT_COMMA),
        ("duplication", 1) => Constant(&DUPLICATION, &NOTHING),
        ("elimination", 1) => Constant(&ELIMINATION, &NOTHING),
        ("polygamma", 2) => Polygamma,
        ("where", 3) => Cases,
        ("exp", 1) => Operator(&EXP),
        ("log", 1) => Operator(&LOG),
        ("sin", 1) => Operator(&SIN),
        ("cos", 1) => Operator(&COS),
        ("tan", 1) => Operator(&TAN),
        ("asin", 1) => Operator(&ARCSIN),
        ("acos", 1) => Operator(&ARCCOS),
        ("atan", 1) => Operator(&ARCTAN),
        ("sinh", 1) => Operator(&SINH),
        ("cosh", 1) => Operator(&COSH),
        ("tanh", 1) => Operator(&TANH),
        ("max", _) => Operator(&MAX),
        ("min", _) => Operator(&MIN),
        ("sign", 1) => Operator(&SIGNUM),
        ("sigmoid", 1) => Operator(&SIGMOID),
        ("gamma", 1) => Operator(&GAMMA),
        ("lgamma", 1) => Operator(&LGAMMA),
        ("digamma", 1) => Operator(&PSI),
        ("trigamma", 1) => Operator(&TRIGAMMA),
        ("eigvals", 1) => Operator(&EIGENVALUES),
        ("singvals", 1) => Operator(&SINGULAR_VALUES),
        ("expm_frechet", 2) => Operator(&FRECHET_EXP),
        ("logm_frechet", 2) => Operator(&FRECHET_LOG),
        ("sqrtm_frechet", 2) => Operator(&FRECHET_SQRT),
        _ => Named,
    }
}

impl<'a> Printer<'a> {
    pub(super) fn call(&mut self, function: &'a str, derivative: &[u8], args: &'a [ExprId], rest: &mut Vec<Piece<'a>>) {
        if let Some(fraction) = self.partial(function, derivative, args) {
            rest.extend(fraction.into_iter().map(Piece::Mark));
            return;
        }
        if matgrad_syntax::functions::find(function).is_none() || !derivative.is_empty() {
            self.own_function(function, derivative, rest);
            arguments(args, rest);
            return;
        }
        match (call_shape(function, args.len()), args) {
            (Shape::Operator(operator), _) => {
                rest.push(sign(operator));
                arguments(args, rest);
            }
            (Shape::Raised(exponent), [base]) => {
                rest.push(self.base(*base));
                script(Group::Above, [sign(exponent)], rest);
            }
            (Shape::Exponential, [exponent]) => {
                rest.push(sign(&EULER));
                script(Group::Above, [place(*exponent, COMPARISON)], rest);
            }
            (Shape::Radical(group), [argument]) => {
                rest.extend([begin(group), place(*argument, COMPARISON), end(group)]);
            }
            (Shape::Fence(group, under), [argument]) => {
                rest.extend([begin(group), place(*argument, COMPARISON), end(group)]);
                let matrix = || function == "normF" || self.value(*argument) == Value::Matrix;
                let under = match function {
                    "norm" | "norm2" | "normF" => Some(if matrix() { &FROBENIUS } else { &TWO }),
                    _ => under,
                };
                if let Some(under) = under {
                    script(Group::Below, [sign(under)], rest);
                }
            }
            (Shape::Infix(infix), [left, right]) => {
                let side = |id: &ExprId| Piece::Expr { id: *id, min: PRODUCT, strip: false, open: false };
                rest.extend([side(left), sign(infix), side(right)]);
            }
            (Shape::Constant(constant, between), _) => {
                rest.extend([sign(constant), begin(Group::Below)]);
                let shown = if function == "unit" { args.get(..1).unwrap_or(args) } else { args };
                list(shown, Mark::Sign(between), rest);
                rest.push(end(Group::Below));
            }
            (Shape::Polygamma, [order, argument]) => {
                let round = Group::Round;
                rest.push(sign(&PSI));
                script(Group::Above, [begin(round), place(*order, COMPARISON), end(round)], rest);
                arguments(std::slice::from_ref(argument), rest);
            }
            (Shape::Cases, [condition, then, otherwise]) => {
                let cell = || Piece::Mark(Mark::Cell);
                rest.extend([begin(Group::Cases), place(*then, COMPARISON), cell(), sign(&IF)]);
                rest.extend([place(*condition, COMPARISON), Piece::Mark(Mark::Row), place(*otherwise, COMPARISON)]);
                rest.extend([cell(), sign(&OTHERWISE), end(Group::Cases)]);
            }
            _ => {
                rest.push(Piece::Mark(Mark::Function(function.to_owned().into())));
                arguments(args, rest);
            }
        }
    }

    /// The partial derivative as a fraction, where the arguments are variables, several and all different.
    fn partial(&self, function: &str, derivative: &[u8], args: &[ExprId]) -> Option<Vec<Mark>> {
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
        let raised = |count: usize, marks: &mut Vec<Mark>| {
            if count > 1 {
                let count = Mark::Number(count.to_string().into());
                marks.extend([Mark::Open(Group::Above), count, Mark::Close(Group::Above)]);
            }
        };
        let mut below: Vec<(u8, usize)> = Vec::new();
        for position in derivative {
            match below.iter_mut().find(|(known, _)| known == position) {
                Some((_, count)) => *count += 1,
                None => below.push((*position, 1)),
            }
        }
        let mut marks = vec![Mark::Open(Group::Fraction), Mark::Sign(&PARTIAL)];
        raised(derivative.len(), &mut marks);
        marks.push(Mark::Sign(&SPACE));
        push_name(&mut marks, function, self.kind);
        marks.push(Mark::Over);
        for (at, (position, count)) in below.into_iter().enumerate() {
            if at > 0 {
                marks.push(Mark::Sign(&THIN));
            }
            let name = names.get(usize::from(position).checked_sub(1)?)?;
            marks.extend([Mark::Sign(&PARTIAL), Mark::Sign(&SPACE)]);
            push_name(&mut marks, name, self.kind);
            raised(count, &mut marks);
        }
        marks.push(Mark::Close(Group::Fraction));
        Some(marks)
    }

    /// `f`, `r''`, `f_{12}'`
    fn own_function(&mut self, function: &str, derivative: &[u8], rest: &mut Vec<Piece<'a>>) {
        let bold = |name: &str| match (self.kind)(name) {
            Kind::Vector | Kind::Matrix => Kind::Vector,
            _ => Kind::Scalar,
        };
        let parts = name_parts(function, &bold);
        let mut under = parts.subscript;
        let mut primes = 0;
        if derivative.iter().all(|position| *position == 0) {
            primes = derivative.len();
        } else if !derivative.is_empty() {
            let wide = derivative.iter().any(|position| *position > 9);
            let positions: Vec<String> = derivative.iter().map(u8::to_string).collect();
            if !under.is_empty() {
                under.push(Mark::Sign(&TIGHT_COMMA));
            }
            under.push(Mark::Number(positions.join(if wide { "," } else { "" }).into()));
            primes = 1;
        }
        rest.extend(parts.base.into_iter().map(Piece::Mark));
        if !under.is_empty() {
            rest.push(begin(Group::Below));
            rest.extend(under.into_iter().map(Piece::Mark));
            rest.push(end(Group::Below));
        }
        if primes > 0 {
            rest.push(Piece::Mark(Mark::Primes(primes)));
        }
    }
}

/// The arguments of a function in brackets.
fn arguments(args: &[ExprId], rest: &mut Vec<Piece<'_>>) {
    rest.extend([sign(&APPLY), begin(Group::Brackets)]);
    list(args, Mark::Sign(&COMMA), rest);
    rest.push(end(Group::Brackets));
}
