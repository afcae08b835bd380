//! Shapes of the functions of the language.

use matgrad_syntax::functions::{Function, Group};
use matgrad_syntax::{Diagnostic, ExprId, ExprKind, Rational, Reducer};
use smallvec::{SmallVec, smallvec};

use super::affine::{Place, Whole};
use super::dims::Origin;
use super::elaborate::Elaborator;
use super::errors::{short_text, transposed_text};
use super::term::{AbstractId, Affine, Constant, Operation, Run, Sub, TermId, TermKind, Type};
use crate::graph::{Dim, MapOp, MatrixOp};

type Args = SmallVec<[TermId; 2]>;

/// The elementwise functions that are one map.
fn map_of(name: &str) -> Option<MapOp> {
    use MapOp::*;
    Some(match name {
        "exp" => Exp,
        "log" => Log,
        "abs" => Abs,
        "sign" => Sign,
        "cbrt" => Cbrt,
        "sin" => Sin,
        "cos" => Cos,
        "tan" => Tan,
        "asin" => Asin,
        "acos" => Acos,
        "atan" => Atan,
        "sinh" => Sinh,
        "cosh" => Cosh,
        "tanh" => Tanh,
        "asinh" => Asinh,
        "acosh" => Acosh,
        "atanh" => Atanh,
        "sigmoid" => Sigmoid,
        "softplus" => Softplus,
        "relu" => Relu,
        "erf" => Erf,
        "gamma" => Gamma,
        "lgamma" => Lgamma,
        "digamma" => Polygamma(0),
        "trigamma" => Polygamma(1),
        "atan2" => Atan2,
        "where" => Where,
        _ => return None,
    })
}

/// The functions of a matrix.
fn matrix_of(name: &str) -> Option<MatrixOp> {
    use MatrixOp::*;
    Some(match name {
        "det" => Det,
        "logdet" => LogDet,
        "inv" => Inverse,
        "pinv" => Pinv,
        "adj" => Adjugate,
        "chol" => Cholesky,
        "expm" => Expm,
        "logm" => Logm,
        "sqrtm" => Sqrtm,
        "eigvals" => Eigvals,
        "eigvecs" => Eigvecs,
        "singvals" => Singvals,
        "svdU" => SvdU,
        "svdV" => SvdV,
        "expm_frechet" => ExpmFrechet,
        "logm_frechet" => LogmFrechet,
        "sqrtm_frechet" => SqrtmFrechet,
        _ => return None,
    })
}

impl Elaborator<'_> {
    /// A call of a function of the language with its values.
    pub fn builtin(&mut self, function: &'static Function, args: Args, at: ExprId) -> TermId {
        if let Some(poison) = self.poisoned(&args, at) {
            return poison;
        }
        // `map(softmax, X)` has arguments of its own
        let own = matches!(self.ast.kind(at), ExprKind::Call { function: name, .. } if &**name == function.name);
        let exprs = if own { self.argument_exprs(at) } else { smallvec![at] };
        let operation = match function.canonical {
            name if let Some(run) = Run::of(name) => return self.start_fold(run, &args, at),
            "size" => return self.size_call(args[0], &exprs, at),
            "vector" | "matrix" => return self.filler(function.name, args[0], at),
            "reshape" => return self.reshape(args[0], &exprs, at),
            "polygamma" => match exprs.first().map(|e| self.ast.kind(*e)) {
                Some(ExprKind::Number(k)) if k.to_i64().is_some_and(|k| (0..=64).contains(&k)) => {
                    Operation::Map(MapOp::Polygamma(k.to_i64().unwrap_or(0) as u32))
                }
                _ => {
                    let message = "the order of `polygamma` is a literal whole number from 0 to 64";
                    return self.poison(Diagnostic::error("arguments", self.span(at), message), at);
                }
            },
            "softmax" => match exprs.get(1) {
                None => Operation::Softmax(None),
                Some(axis) => match self.axis(function, *axis) {
                    Some(axis) => Operation::Softmax(Some(axis)),
                    None => return self.bad_axis(function, *axis, at),
                },
            },
            name => match self.operation(name, function, &args, &exprs) {
                Ok(operation) => operation,
                Err(axis) => return self.bad_axis(function, axis, at),
            },
        };
        self.apply(operation, args, at)
    }

    fn bad_axis(&mut self, function: &Function, axis: ExprId, at: ExprId) -> TermId {
        let message = format!("the second argument of `{}` is the literal 1 or 2", function.name);
        let diagnostic = Diagnostic::error("arguments", self.span(axis), message)
            .help(format!("`{}(X, 1)` goes down the columns, `{}(X, 2)` along the rows", function.name, function.name));
        self.poison(diagnostic, at)
    }

    fn operation(
        &mut self,
        name: &str,
        function: &Function,
        args: &[TermId],
        exprs: &[ExprId],
    ) -> Result<Operation, ExprId> {
        if let Some(reducer) = Reducer::find(name) {
            if args.len() == 2 {
                return match reducer {
                    Reducer::Max => Ok(Operation::Map(MapOp::Max)),
                    Reducer::Min => Ok(Operation::Map(MapOp::Min)),
                    _ => Err(exprs.get(1).copied().unwrap_or(ExprId(0))),
                };
            }
            let axis = exprs.get(1).and_then(|e| self.axis(function, *e));
            let ty = self.term(args[0]).ty.clone();
            let extreme = matches!(reducer, Reducer::Max | Reducer::Min) && self.is_scalar(&ty);
            if let Some(axis) = axis.filter(|_| extreme) {
                let which = if reducer == Reducer::Max { "larger" } else { "smaller" };
                self.notes.push(format!(
                    "`{name}(…, {axis})` reduces along an axis; the {which} of two numbers is `{name}(…, {axis}.0)`"
                ));
            }
            return Ok(Operation::Reduce(reducer, axis));
        }
        if let Some(op) = map_of(name) {
            return Ok(Operation::Map(op));
        }
        if let Some(op) = matrix_of(name) {
            return Ok(Operation::Matrix(op));
        }
        Ok(match name {
            "log1p" => Operation::Log1p,
            "expm1" => Operation::Expm1,
            "sqrt" => Operation::Sqrt,
            "pow" => Operation::ElemPower,
            "norm" => Operation::Norm,
            "norm1" => Operation::Norm1,
            "norminf" => Operation::NormInf,
            "normspec" => Operation::NormSpec,
            "normnuc" => Operation::NormNuc,
            "tr" => Operation::Trace,
            "cof" => Operation::Cofactor,
            "diag" => Operation::Diag,
            "vec" => Operation::Vec,
            "rvec" => Operation::RowVec,
            "kron" => Operation::Kron,
            "dot" => Operation::Dot,
            "cross" => Operation::Cross,
            "transpose" => Operation::Transpose,
            "cumsum" => Operation::Cumulate { reverse: false },
            "revcumsum" => Operation::Cumulate { reverse: true },
            "tril" => Operation::Triangle { lower: true },
            "triu" => Operation::Triangle { lower: false },
            _ => Operation::Neg,
        })
    }

    /// An operation on values whose shapes are known.
    pub fn apply(&mut self, operation: Operation, args: Args, at: ExprId) -> TermId {
        if let Some(poison) = self.poisoned(&args, at) {
            return poison;
        }
        match self.result(&operation, &args, at) {
            Ok(ty) => self.push(TermKind::Apply(operation, args), ty, at),
            Err(diagnostic) => self.poison(*diagnostic, at),
        }
    }

    fn result(&mut self, operation: &Operation, args: &[TermId], at: ExprId) -> Result<Type, Box<Diagnostic>> {
        let first = match args.first() {
            Some(arg) => self.term(*arg).ty.clone(),
            None => return Ok(Type::Poison),
        };
        let one = self.dims.number(1);
        let scalar = Type::Grid(one, one);
        match operation {
            Operation::Map(_) | Operation::ElemPower => {
                let (exprs, name) = (self.argument_exprs(at), self.name_of(at));
                // the order of `polygamma` is no value
                let offset = exprs.len().saturating_sub(args.len());
                self.entrywise(&name, exprs.get(offset..).unwrap_or(&[]), args, at)
            }
            Operation::Norm | Operation::Norm1 | Operation::NormInf => Ok(scalar),
            Operation::Reduce(_, None) => Ok(scalar),
            Operation::Reduce(_, Some(axis)) => {
                let (r, c) = self.grid(&first, at)?;
                Ok(if *axis == 1 { Type::Grid(one, c) } else { Type::Grid(r, one) })
            }
            Operation::Softmax(Some(_)) => self.grid(&first, at).map(|_| first),
            Operation::Cumulate { .. } | Operation::Triangle { .. } => self.grid(&first, at).map(|_| first),
            Operation::NormSpec | Operation::NormNuc => self.grid(&first, at).map(|_| scalar),
            Operation::Trace => self.square(args[0], at).map(|_| scalar),
            Operation::Cofactor => self.square(args[0], at).map(|_| first),
            Operation::Transpose => {
                let (r, c) = self.grid(&first, at)?;
                Ok(Type::Grid(c, r))
            }
            Operation::Vec | Operation::RowVec => {
                let (r, c) = self.grid(&first, at)?;
                let all = self.dims.table.mul(r, c);
                Ok(if *operation == Operation::Vec { Type::Grid(all, one) } else { Type::Grid(one, all) })
            }
            Operation::Diag => {
                let (r, c) = self.grid(&first, at)?;
                if self.dims.is_one(c) {
                    return Ok(Type::Grid(r, r));
                }
                if self.dims.is_one(r) {
                    return Ok(Type::Grid(c, c));
                }
                let n = self.square(args[0], at)?;
                Ok(Type::Grid(n, one))
            }
            Operation::Kron => {
                let second = self.term(args[1]).ty.clone();
                let ((r, c), (s, d)) = (self.grid(&first, at)?, self.grid(&second, at)?);
                let (rows, cols) = (self.dims.table.mul(r, s), self.dims.table.mul(c, d));
                Ok(Type::Grid(rows, cols))
            }
            Operation::Dot => self.dot(args, at).map(|_| scalar),
            Operation::Cross => self.cross(args, at),
            Operation::Solve => self.solve(args, at),
            Operation::Matrix(op) => self.matrix_function(*op, args, at),
            _ => Ok(first),
        }
    }

    /// How messages call the function at a place.
    fn name_of(&self, at: ExprId) -> String {
        match self.ast.kind(at) {
            ExprKind::Call { function, .. } => format!("`{function}`"),
            ExprKind::Transpose(_) => "the transpose".into(),
            ExprKind::Binary(matgrad_syntax::BinaryOp::Kron, ..) => "`⊗`".into(),
            ExprKind::Binary(matgrad_syntax::BinaryOp::Solve, ..) => "`\\`".into(),
            _ => "this".into(),
        }
    }

    /// Rows and columns of what has to be a matrix, vector or scalar.
    fn grid(&mut self, ty: &Type, at: ExprId) -> Result<(Dim, Dim), Box<Diagnostic>> {
        match ty {
            Type::Grid(r, c) => Ok((*r, *c)),
            _ => {
                let (name, shape) = (self.name_of(at), self.shape_text(ty));
                let message = format!("{name} takes a matrix, vector or scalar, this is {shape}");
                Err(Box::new(Diagnostic::error("shape-mismatch", self.span(at), message)))
            }
        }
    }

    /// The size of what has to be square.
    fn square(&mut self, arg: TermId, at: ExprId) -> Result<Dim, Box<Diagnostic>> {
        let ty = self.term(arg).ty.clone();
        let (r, c) = self.grid(&ty, at)?;
        if self.dims.unify(r, c, at).is_ok() {
            return Ok(r);
        }
        let (name, shape) = (self.name_of(at), self.shape_text(&ty));
        let expr = self.argument_exprs(at).first().copied().unwrap_or(at);
        let message = format!("{name} needs a square matrix, this is {shape}");
        let mut diagnostic = self.mismatch(self.span(at), message, &[(self.span(expr), &ty, Some(arg))]);
        if name == "`inv`" {
            diagnostic = diagnostic.help("the pseudo-inverse is `pinv`");
        }
        Err(Box::new(diagnostic))
    }

    fn two(&mut self, args: &[TermId]) -> (Type, Type) {
        (self.term(args[0]).ty.clone(), self.term(args[1]).ty.clone())
    }

    fn two_mismatch(&mut self, message: String, args: &[TermId], at: ExprId) -> Diagnostic {
        let exprs = self.argument_exprs(at);
        let (a, b) = self.two(args);
        let place = |k: usize| exprs.get(k).copied().unwrap_or(at);
        let operands = [(self.span(place(0)), &a, Some(args[0])), (self.span(place(1)), &b, Some(args[1]))];
        self.mismatch(self.span(at), message, &operands)
    }

    fn dot(&mut self, args: &[TermId], at: ExprId) -> Result<(), Box<Diagnostic>> {
        let (a, b) = self.two(args);
        let (x, y) = (self.along(&a), self.along(&b));
        let fits = match (x, y) {
            (Some(x), Some(y)) => self.dims.unify(x, y, at).is_ok(),
            _ => self.same_shape(&a, &b, at),
        };
        if fits {
            return Ok(());
        }
        let (x, y) = (self.shape_text(&a), self.shape_text(&b));
        let message = format!("`dot` takes two vectors of one length, these are {x} and {y}");
        Err(Box::new(self.two_mismatch(message, args, at)))
    }

    /// The length of a vector, whichever way it lies.
    pub fn along(&mut self, ty: &Type) -> Option<Dim> {
        let Type::Grid(r, c) = ty else { return None };
        if self.dims.is_one(*c) {
            Some(*r)
        } else if self.dims.is_one(*r) {
            Some(*c)
        } else {
            None
        }
    }

    fn cross(&mut self, args: &[TermId], at: ExprId) -> Result<Type, Box<Diagnostic>> {
        let (a, b) = self.two(args);
        let three = self.dims.number(3);
        let fits = [&a, &b].into_iter().all(|ty| match self.along(ty) {
            Some(n) => self.dims.unify(n, three, at).is_ok(),
            None => false,
        });
        if fits {
            return Ok(a);
        }
        let (x, y) = (self.shape_text(&a), self.shape_text(&b));
        let message = format!("`cross` takes two vectors of R^3, these are {x} and {y}");
        Err(Box::new(self.two_mismatch(message, args, at)))
    }

    fn solve(&mut self, args: &[TermId], at: ExprId) -> Result<Type, Box<Diagnostic>> {
        let (a, b) = self.two(args);
        if self.is_scalar(&a) {
            return Ok(b);
        }
        let n = self.square(args[0], at)?;
        if let Type::Grid(r, _) = &b
            && self.dims.unify(n, *r, at).is_ok()
        {
            return Ok(b);
        }
        let (x, y) = (self.shape_text(&a), self.shape_text(&b));
        let message = format!("`A\\b` needs as many rows on both sides, these are {x} and {y}");
        let mut diagnostic = self.two_mismatch(message, args, at);
        let (_, right) = self.operands_of(at);
        if let Type::Grid(_, c) = &b
            && self.dims.resolve(*c) == self.dims.resolve(n)
            && let Some(text) = transposed_text(self.ast, right)
        {
            diagnostic = diagnostic.help(format!("its transpose fits: `{text}`"));
        }
        Err(Box::new(diagnostic))
    }

    fn matrix_function(&mut self, op: MatrixOp, args: &[TermId], at: ExprId) -> Result<Type, Box<Diagnostic>> {
        let ty = self.term(args[0]).ty.clone();
        let one = self.dims.number(1);
        let (r, c) = self.grid(&ty, at)?;
        Ok(match op {
            MatrixOp::Pinv => Type::Grid(c, r),
            MatrixOp::Singvals => Type::Grid(self.dims.min(r, c), one),
            MatrixOp::SvdU => Type::Grid(r, self.dims.min(r, c)),
            MatrixOp::SvdV => Type::Grid(c, self.dims.min(r, c)),
            MatrixOp::NormSpec | MatrixOp::NormNuc => Type::Grid(one, one),
            MatrixOp::Det | MatrixOp::LogDet => {
                self.square(args[0], at)?;
                Type::Grid(one, one)
            }
            MatrixOp::Eigvals => Type::Grid(self.square(args[0], at)?, one),
            MatrixOp::ExpmFrechet | MatrixOp::LogmFrechet | MatrixOp::SqrtmFrechet => {
                self.square(args[0], at)?;
                let second = self.term(args[1]).ty.clone();
                if !self.same_shape(&ty, &second, at) {
                    let (x, y) = (self.shape_text(&ty), self.shape_text(&second));
                    let name = self.name_of(at);
                    let message = format!("{name} takes two matrices of one shape, these are {x} and {y}");
                    return Err(Box::new(self.two_mismatch(message, args, at)));
                }
                ty
            }
            _ => {
                self.square(args[0], at)?;
                ty
            }
        })
    }

    fn size_call(&mut self, arg: TermId, exprs: &[ExprId], at: ExprId) -> TermId {
        let ty = self.term(arg).ty.clone();
        match self.size_of(&ty, exprs.get(1).copied().unwrap_or(at), at) {
            Ok(dim) => {
                let ty = self.scalar();
                self.push(TermKind::Dimension(dim), ty, at)
            }
            Err(diagnostic) => self.poison(*diagnostic, at),
        }
    }

    /// `vector(1)`: as long as its surroundings need.
    fn filler(&mut self, name: &str, value: TermId, at: ExprId) -> TermId {
        let Some(value) = self.literal(value).cloned() else {
            let message = format!("`{name}` takes a literal number");
            return self.poison(Diagnostic::error("arguments", self.span(at), message), at);
        };
        let rows = self.dims.unknown(Origin::Filler(at));
        let cols = if name == "vector" { self.dims.number(1) } else { self.dims.unknown(Origin::Filler(at)) };
        self.push(TermKind::Constant(Constant::Full(value)), Type::Grid(rows, cols), at)
    }

    fn reshape(&mut self, arg: TermId, exprs: &[ExprId], at: ExprId) -> TermId {
        let ty = self.term(arg).ty.clone();
        let mut dims = Vec::new();
        for e in exprs.iter().skip(1) {
            match self.dimension(*e) {
                Ok(dim) => dims.push(dim),
                Err(diagnostic) => return self.poison(*diagnostic, at),
            }
        }
        let ([m, n], Type::Grid(r, c)) = (dims.as_slice(), &ty) else {
            let message = "`reshape` takes a matrix or vector and two dimensions";
            return self.poison(Diagnostic::error("arguments", self.span(at), message), at);
        };
        let (all, wanted) = (self.dims.table.mul(*r, *c), self.dims.table.mul(*m, *n));
        if self.dims.unify(all, wanted, at).is_err() {
            let (shape, new) = (self.shape_text(&ty), self.shape_text(&Type::Grid(*m, *n)));
            let message = format!("cannot reshape {shape} into {new}: the numbers of entries differ");
            let place = exprs.first().copied().unwrap_or(at);
            let diagnostic = self.mismatch(self.span(at), message, &[(self.span(place), &ty, Some(arg))]);
            return self.poison(diagnostic, at);
        }
        self.push(TermKind::Apply(Operation::Reshape, smallvec![arg]), Type::Grid(*m, *n), at)
    }

    /// `eye(n)`, `ones(m,n)` and the other constants.
    pub fn constant(&mut self, function: &Function, args: &[ExprId], at: ExprId) -> TermId {
        debug_assert!(function.group == Group::Constants);
        let mut dims: SmallVec<[Dim; 2]> = SmallVec::new();
        if let ("unit", [k, n]) = (function.name, args)
            && let (Ok(Whole::Affine(here)), Ok(size)) = (self.whole(*k, Place::Subscript), self.dimension(*n))
            && !here.indices.is_empty()
        {
            let eye = self.push(TermKind::Constant(Constant::Eye), Type::Grid(size, size), at);
            return self.subscript(eye, smallvec![Sub::All, Sub::At(here)], at);
        }
        for arg in args {
            match self.dimension(*arg) {
                Ok(dim) => dims.push(dim),
                Err(diagnostic) => return self.poison(*diagnostic, at),
            }
        }
        let one = self.dims.number(1);
        let table = &mut self.dims.table;
        let full = |value| TermKind::Constant(Constant::Full(value));
        let (kind, ty) = match (function.name, dims.as_slice()) {
            ("eye", [n]) => (TermKind::Constant(Constant::Eye), Type::Grid(*n, *n)),
            ("ones", [n]) => (full(Rational::ONE), Type::Grid(*n, one)),
            ("ones", [m, n]) => (full(Rational::ONE), Type::Grid(*m, *n)),
            ("zeros", [n]) => (full(Rational::ZERO), Type::Grid(*n, one)),
            ("zeros", [m, n]) => (full(Rational::ZERO), Type::Grid(*m, *n)),
            ("unit", [k, n]) => {
                let (k, n) = (*k, *n);
                if let Err(diagnostic) = self.inside(k, n, at) {
                    return self.poison(*diagnostic, at);
                }
                (TermKind::Constant(Constant::Unit(k)), Type::Grid(n, one))
            }
            ("commutation", [m, n]) => {
                let all = table.mul(*m, *n);
                (TermKind::Constant(Constant::Commutation(*m, *n)), Type::Grid(all, all))
            }
            ("duplication", [n]) => {
                let (all, half) = (table.mul(*n, *n), table.triangle(*n));
                (TermKind::Constant(Constant::Duplication(*n)), Type::Grid(all, half))
            }
            ("elimination", [n]) => {
                let (all, half) = (table.mul(*n, *n), table.triangle(*n));
                (TermKind::Constant(Constant::Elimination(*n)), Type::Grid(half, all))
            }
            _ => {
                let message = format!("`{}` does not take {} arguments", function.name, args.len());
                return self.poison(Diagnostic::error("arguments", self.span(at), message), at);
            }
        };
        self.push(kind, ty, at)
    }

    /// A call of an abstract function, or of a derivative of it.
    pub fn abstract_call(&mut self, id: AbstractId, derivative: SmallVec<[u8; 2]>, args: Args, at: ExprId) -> TermId {
        if let Some(poison) = self.poisoned(&args, at) {
            return poison;
        }
        let info = self.abstracts[id.0 as usize].clone();
        let sizes: Option<Vec<i64>> = info.domain.iter().map(|d| self.dims.value(*d)).collect();
        let arity = sizes.as_ref().and_then(|s| s.iter().try_fold(1i64, |a, b| a.checked_mul(*b)));
        let codomain = self.type_of(&info.codomain);
        if sizes.is_none() {
            return self.whole_call(id, derivative, args, at);
        }
        let Some(arity) = arity.filter(|a| (1..=255).contains(a)) else {
            let message = format!("`{}` takes a vector of symbolic length, which is not supported yet", info.name);
            let diagnostic =
                Diagnostic::error("abstract-domain", self.span(at), message).label(info.span, "declared here");
            return self.poison(diagnostic, at);
        };
        if arity > 1 && !derivative.is_empty() && derivative.iter().all(|position| *position == 0) {
            return self.all_partials(id, derivative.len(), arity, args, at);
        }
        // the primes of a function of one number
        let derivative: SmallVec<[u8; 2]> =
            derivative.into_iter().map(|position| if arity == 1 && position == 0 { 1 } else { position }).collect();
        if let Some(position) = derivative.iter().find(|p| i64::from(**p) > arity || **p == 0) {
            let message =
                format!("`{}` has {arity} arguments, there is no derivative by argument {position}", info.name);
            let diagnostic = Diagnostic::error("arguments", self.span(at), message).label(info.span, "declared here");
            return self.poison(diagnostic, at);
        }
        let types: Vec<Type> = args.iter().map(|a| self.term(*a).ty.clone()).collect();
        let scalars = types.iter().all(|ty| self.is_scalar(ty));
        if scalars && args.len() as i64 == arity {
            return self.push(TermKind::Call(id, derivative, args), codomain, at);
        }
        let domain = self.type_of(&info.domain);
        if let ([arg], [ty]) = (args.as_slice(), types.as_slice()) {
            let (arg, vector) = (*arg, self.along(ty).filter(|_| info.domain.len() == 1));
            let fits = match vector {
                Some(n) => self.dims.unify(n, info.domain[0], at).is_ok(),
                None => self.same_shape(ty, &domain, at),
            };
            if fits {
                let entries = self.entries(arg, &domain, arity, at);
                return self.push(TermKind::Call(id, derivative, entries), codomain, at);
            }
        }
        let (wanted, found) = (self.shape_text(&domain), types.iter().map(|t| self.shape_text(t)).collect::<Vec<_>>());
        let scalars = if arity > 1 { format!(" or {arity} scalars") } else { String::new() };
        let message = format!("`{}` takes {wanted}{scalars}, found {}", info.name, found.join(", "));
        let mut diagnostic =
            Diagnostic::error("shape-mismatch", self.span(at), message).label(info.span, "declared here");
        if let Some(text) = self.argument_exprs(at).first().and_then(|e| short_text(self.ast, *e))
            && arity == 1
        {
            diagnostic = diagnostic.help(format!("for every entry: `map({}, {text})`", info.name));
        }
        self.poison(diagnostic, at)
    }

    /// A function of a vector of symbolic length: `f(x)`, its Jacobian `f'(x)`, its Hessian `f''(x)`.
    fn whole_call(&mut self, id: AbstractId, derivative: SmallVec<[u8; 2]>, args: Args, at: ExprId) -> TermId {
        let info = self.abstracts[id.0 as usize].clone();
        let refuse = |e: &mut Self, message: String| {
            let diagnostic =
                Diagnostic::error("abstract-domain", e.span(at), message).label(info.span, "declared here");
            e.poison(diagnostic, at)
        };
        let [n] = info.domain[..] else {
            let message = format!("`{}` takes a matrix of symbolic size, which is not supported yet", info.name);
            return refuse(self, message);
        };
        if derivative.iter().any(|position| *position != 0) {
            let message = format!(
                "`{0}` takes a vector of symbolic length: its derivative is `{0}'(x)`, an entry of it `{0}'(x)[i]`",
                info.name
            );
            return refuse(self, message);
        }
        if let [arg] = args[..] {
            let ty = self.term(arg).ty.clone();
            let length = self.along(&ty);
            if length.is_some_and(|length| self.dims.unify(length, n, at).is_ok()) {
                let one = self.dims.number(1);
                let ty = match (derivative.len(), &info.codomain[..]) {
                    (0, codomain) => self.type_of(codomain),
                    (1, []) => Type::Grid(one, n),
                    (1, [m]) => Type::Grid(*m, n),
                    (2, []) => Type::Grid(n, n),
                    (k, codomain) => Type::Tensor(codomain.iter().copied().chain(std::iter::repeat_n(n, k)).collect()),
                };
                return self.push(TermKind::Call(id, derivative, args), ty, at);
            }
        }
        let domain = self.type_of(&info.domain);
        let wanted = self.shape_text(&domain);
        let types: Vec<Type> = args.iter().map(|arg| self.term(*arg).ty.clone()).collect();
        let found: Vec<String> = types.iter().map(|ty| self.shape_text(ty)).collect();
        let message = format!("`{}` takes {wanted}, found {}", info.name, found.join(", "));
        let diagnostic = Diagnostic::error("shape-mismatch", self.span(at), message).label(info.span, "declared here");
        self.poison(diagnostic, at)
    }

    /// `f'(x)` of a function of several numbers: all partial derivatives side by side.
    fn all_partials(&mut self, id: AbstractId, order: usize, arity: i64, args: Args, at: ExprId) -> TermId {
        let info = self.abstracts[id.0 as usize].clone();
        let scalar = info.codomain.is_empty();
        if order > 2 || order == 2 && !scalar || info.codomain.len() > 1 {
            let message = format!("the partial derivatives of `{0}` are written one by one: `{0}_12'(…)`", info.name);
            let diagnostic = Diagnostic::error("abstract-domain", self.span(at), message);
            return self.poison(diagnostic, at);
        }
        let positions: Vec<u8> = (1..=arity).filter_map(|k| u8::try_from(k).ok()).collect();
        let mut rows = Vec::new();
        for first in if order == 2 { positions.clone() } else { vec![0] } {
            let mut row = Vec::new();
            for second in &positions {
                let list = if first == 0 { smallvec![*second] } else { smallvec![first, *second] };
                row.push(self.abstract_call(id, list, args.clone(), at));
            }
            rows.push(row);
        }
        if let Some(bad) = rows.iter().flatten().find(|term| matches!(self.term(**term).ty, Type::Poison)) {
            return *bad;
        }
        let (one, n) = (self.dims.number(1), self.dims.number(arity));
        let height = match (order, info.codomain.first()) {
            (2, _) => n,
            (_, Some(m)) => *m,
            _ => one,
        };
        let block = if order == 2 { one } else { height };
        let rows = rows.into_iter().map(|row| row.into_iter().map(|term| (term, block, one)).collect()).collect();
        self.push(TermKind::Blocks(rows), Type::Grid(height, n), at)
    }

    /// The entries of a value, by columns.
    fn entries(&mut self, arg: TermId, domain: &Type, arity: i64, at: ExprId) -> Args {
        let Type::Grid(rows, cols) = *domain else { return smallvec![arg] };
        let (rows, cols) = (self.dims.value(rows).unwrap_or(arity), self.dims.value(cols).unwrap_or(1));
        let mut entries = Args::new();
        for j in 1..=cols {
            for i in 1..=rows {
                let mut subs: SmallVec<[Sub; 2]> = SmallVec::new();
                for (k, size) in [(i, rows), (j, cols)] {
                    if size > 1 {
                        let constant = self.dims.number(k);
                        subs.push(Sub::At(Affine { indices: SmallVec::new(), constant }));
                    }
                }
                let entry = self.subscript(arg, subs, at);
                entries.push(entry);
            }
        }
        entries
    }
}
