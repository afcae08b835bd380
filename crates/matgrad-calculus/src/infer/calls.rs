//! Calls: of defined functions, put in place; of functions of the language; and `map`.

use matgrad_syntax::functions::{self, Function, Group};
use matgrad_syntax::{Diagnostic, ExprId, ExprKind, Name, Span};
use smallvec::{SmallVec, smallvec};

use super::elaborate::{Binding, CallSite, Elaborator, Global, Work};
use super::term::{Affine, Index, IndexId, Sub, TermId};

impl Elaborator<'_> {
    pub fn visit_call(
        &mut self,
        at: ExprId,
        name: &Name,
        span: Span,
        derivative: &[u8],
        args: &[ExprId],
    ) -> Option<TermId> {
        let global = if self.lookup(name).is_some() { None } else { self.globals.get(name).cloned() };
        match global {
            Some(Global::Function(function)) => {
                self.work.push(Work::Enter { function, at, count: args.len() });
            }
            Some(Global::Abstract(id)) => {
                let derivative = SmallVec::from_slice(derivative);
                self.work.push(Work::Abstract { id, at, derivative, count: args.len() });
            }
            _ => {
                let Some(function) = functions::find(name).filter(|_| derivative.is_empty()) else {
                    let diagnostic = self.not_a_function(name, span);
                    return Some(self.poison(diagnostic, at));
                };
                return self.visit_builtin(at, function, args);
            }
        }
        self.work.extend(args.iter().rev().map(|a| Work::Visit(*a)));
        None
    }

    fn not_a_function(&self, name: &Name, span: Span) -> Diagnostic {
        if self.lookup(name).is_some() || self.globals.contains_key(name) {
            return Diagnostic::error("not-a-function", span, format!("`{name}` is no function"))
                .help(format!("write `{name}*(…)` for a product"));
        }
        let diagnostic = Diagnostic::error("unknown-function", span, format!("unknown function `{name}`"));
        let known = self.functions.iter().map(|f| &*f.name).chain(functions::FUNCTIONS.iter().map(|f| f.name));
        let meant = functions::from_elsewhere(name).or_else(|| matgrad_syntax::suggest::nearest(name, known));
        match meant {
            Some(meant) => diagnostic.help(format!("did you mean `{meant}`?")),
            None => diagnostic.help(format!("an abstract function is declared first: `{name} : R -> R`")),
        }
    }

    fn visit_builtin(&mut self, at: ExprId, function: &'static Function, args: &[ExprId]) -> Option<TermId> {
        if args.len() < function.min_args || args.len() > function.max_args {
            let message = format!("`{}` takes {} arguments, found {}", function.name, function.min_args, args.len());
            let diagnostic = Diagnostic::error("arguments", self.span(at), message);
            return Some(self.poison(diagnostic.help(format!("`{}`: {}", function.name, function.meaning)), at));
        }
        if function.group == Group::Constants {
            return Some(self.constant(function, args, at));
        }
        let visited: &[ExprId] = match function.name {
            _ if function.group == Group::Recurrences => {
                // parameters of the step that come first may be given: `fold(step(a), init, xs)`
                let (name, bound): (&Name, &[ExprId]) = match self.ast.kind(args[0]) {
                    ExprKind::Name(name) => (name, &[]),
                    ExprKind::Call { function, args, derivative, .. } if derivative.is_empty() => (function, args),
                    _ => {
                        let message = "expected the name of a function";
                        let diagnostic = Diagnostic::error("arguments", self.span(args[0]), message);
                        return Some(self.poison(diagnostic, at));
                    }
                };
                let count = bound.len() + args.len() - 1;
                self.work.push(match function.name {
                    "map" => Work::MapRows { at, function: name.clone(), bound: bound.len(), count },
                    _ => Work::Builtin(at, function, count),
                });
                self.work.extend(bound.iter().chain(&args[1..]).rev().map(|a| Work::Visit(*a)));
                return None;
            }
            "reshape" | "size" => &args[..1],
            "polygamma" => &args[1..],
            _ if function.group == Group::Reductions && args.len() == 2 && self.axis(function, args[1]).is_some() => {
                &args[..1]
            }
            "softmax" => &args[..1],
            _ => args,
        };
        self.work.push(Work::Builtin(at, function, visited.len()));
        self.work.extend(visited.iter().rev().map(|a| Work::Visit(*a)));
        None
    }

    /// The literal 1 or 2 that makes a reduction run along an axis; `max(X, 1.0)` is the other one.
    pub fn axis(&self, function: &Function, at: ExprId) -> Option<u8> {
        let ExprKind::Number(value) = self.ast.kind(at) else { return None };
        let span = self.span(at);
        if matches!(function.name, "max" | "min") && span.end > span.start + 1 {
            return None;
        }
        value.to_i64().filter(|v| (1..=2).contains(v)).map(|v| v as u8)
    }

    /// Puts a call in place: the value, or work that ends with it.
    pub fn enter(&mut self, function: usize, at: ExprId, count: usize) -> Option<TermId> {
        let key = self.pop_many(count);
        if let Some(&term) = self.memo.get(&(function, key.clone())) {
            return Some(term);
        }
        let info = &mut self.functions[function];
        let span = self.ast.span(at);
        if info.active {
            let message = format!("`{}` calls itself", info.name);
            let diagnostic = Diagnostic::error("recursion", span, message);
            return Some(self.poison(diagnostic.help("a recurrence is written `fold(step, init, xs)`"), at));
        }
        if info.parameters.len() != key.len() {
            let message = format!("`{}` takes {} arguments, found {}", info.name, info.parameters.len(), key.len());
            return Some(self.poison(Diagnostic::error("arguments", span, message), at));
        }
        info.active = true;
        let (body, parameters) = (info.body, info.parameters.clone());
        let frame = std::mem::replace(&mut self.frame, self.bindings.len());
        for (name, arg) in parameters.into_iter().zip(&key) {
            self.bind(name, Binding::Value(*arg), span);
        }
        self.calls.push(CallSite { span });
        self.work.extend([Work::Leave { frame, function, key }, Work::Visit(body)]);
        None
    }

    /// `map(g, X)`: g of row i as a column, for an index i of its own.
    pub fn map_rows(&mut self, at: ExprId, name: &Name, bound: usize, count: usize) -> Option<TermId> {
        let all = self.pop_many(count);
        let (given, sequences) = all.split_at(bound.min(all.len()));
        if let Some(poison) = self.poisoned(&all, at) {
            return Some(poison);
        }
        let rows = match self.common_length(sequences, true, at) {
            Ok(rows) => rows,
            Err(diagnostic) => return Some(self.poison(*diagnostic, at)),
        };
        let index = IndexId(self.indices.len() as u32);
        self.indices.push(Index {
            name: "row".into(),
            span: self.span(at),
            length: rows,
            start: 1,
            explicit: true,
            solved: true,
            uses: Vec::new(),
            links: SmallVec::new(),
        });
        let zero = self.dims.number(0);
        let here = Sub::At(Affine { indices: smallvec![(index, 1)], constant: zero });
        let rows: SmallVec<[TermId; 2]> = sequences.iter().map(|xs| self.item(*xs, here.clone(), true, at)).collect();
        self.operands.extend(given.iter().chain(&rows).copied());
        self.work.push(Work::CollectRows { at, index });
        match self.globals.get(name) {
            Some(Global::Function(function)) => self.work.push(Work::Enter { function: *function, at, count }),
            Some(Global::Abstract(id)) => {
                let work = Work::Abstract { id: *id, at, derivative: SmallVec::new(), count };
                self.work.push(work);
            }
            _ => match functions::find(name)
                .filter(|f| f.min_args == 1 && !matches!(f.group, Group::Constants | Group::Recurrences))
            {
                Some(function) if count == 1 => self.work.push(Work::Builtin(at, function, 1)),
                _ => {
                    self.work.pop();
                    self.pop_many(count);
                    let diagnostic = self.not_a_function(name, self.span(at));
                    return Some(self.poison(diagnostic, at));
                }
            },
        }
        None
    }
}
