//! Sums of terms that hold on opposite conditions: `(x > 0).*a + (x <= 0).*b = where(x > 0, a, b)`.

use matgrad_syntax::{Name, Rational};
use smallvec::SmallVec;

use super::Printer;
use super::expr::{Comparison, Form, Kind, M};

/// How much longer `where` may be than the sum of two cases.
const WHERE_BONUS: u32 = 2;

/// What stands around a term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Around {
    Nothing,
    Transpose,
    Diag,
}

/// A term that is there under a condition only.
struct Case {
    around: Around,
    condition: (Comparison, M, M),
    value: M,
    form: Form,
}

impl Printer<'_> {
    /// The sum with pairs of opposite cases as one `where`, where that is no longer.
    pub(super) fn by_cases(&mut self, sum: M) -> M {
        let mut current = sum;
        while let Kind::Sum(terms) = self.arena.kind(current).clone() {
            let cases: Vec<Option<Case>> = terms.iter().map(|(c, m)| self.case(c, *m)).collect();
            let opposite = |a: &Case, b: &Case| {
                let (op, x, y) = a.condition;
                a.around == b.around && (negated(op), x, y) == b.condition
            };
            let both = |i: usize, j: usize| cases[i].as_ref().zip(cases[j].as_ref());
            let pair = (1..cases.len()).find_map(|j| {
                let i = (0..j).find(|i| both(*i, j).is_some_and(|(a, b)| opposite(a, b)))?;
                Some((i, j))
            });
            let Some(((i, j), (a, b))) = pair.and_then(|(i, j)| Some(((i, j), both(i, j)?))) else { break };
            let (yes, no) = if is_strict(a.condition.0) { (a, b) } else { (b, a) };
            let (op, x, y) = yes.condition;
            let condition = self.arena.raw(Kind::Compare(op, x, y), yes.form);
            let args = vec![condition, yes.value, no.value];
            let joined = self.arena.raw(Kind::Call(Name::from("where"), SmallVec::new(), args), yes.form);
            let joined = match yes.around {
                Around::Nothing => joined,
                Around::Transpose => self.arena.transpose(joined),
                Around::Diag => self.arena.diag(joined),
            };
            let mut rest = terms.clone();
            rest.remove(j);
            rest[i] = (Rational::ONE, joined);
            let form = self.arena.form(current);
            let shorter = self.arena.sum(rest, form);
            if self.arena.length(shorter) > self.arena.length(current) + WHERE_BONUS {
                break;
            }
            current = shorter;
        }
        current
    }

    fn case(&mut self, c: &Rational, m: M) -> Option<Case> {
        let (mut number, mut scalars, mut m) = (c.clone(), Vec::new(), m);
        let mut around = Around::Nothing;
        loop {
            match self.arena.kind(m).clone() {
                Kind::Product { number: n, scalars: s, chain } => {
                    let [only] = chain.as_slice() else { return None };
                    number = &number * &n;
                    scalars.extend(s);
                    m = *only;
                }
                Kind::Transpose(inner) if around == Around::Nothing => (around, m) = (Around::Transpose, inner),
                Kind::Call(name, _, args) if &*name == "diag" && around == Around::Nothing => {
                    if self.arena.form(m) != Form::Matrix {
                        return None;
                    }
                    (around, m) = (Around::Diag, args[0]);
                }
                _ => break,
            }
        }
        let form = self.arena.form(m);
        let parts = match self.arena.kind(m).clone() {
            Kind::Hadamard(parts) => parts,
            Kind::Compare(..) => vec![(m, Rational::ONE)],
            _ => return None,
        };
        let at = parts.iter().position(|(x, e)| e.is_one() && matches!(self.arena.kind(*x), Kind::Compare(..)))?;
        let Kind::Compare(op, x, y) = *self.arena.kind(parts[at].0) else { return None };
        let mut rest = parts;
        rest.remove(at);
        let value = if rest.is_empty() {
            self.arena.product(number, scalars, Vec::new())
        } else {
            let inner = self.arena.hadamard(rest);
            self.arena.product(number, scalars, vec![inner])
        };
        (form != Form::Scalar).then_some(Case { around, condition: (op, x, y), value, form })
    }
}

fn negated(op: Comparison) -> Comparison {
    match op {
        Comparison::Less => Comparison::GreaterEq,
        Comparison::LessEq => Comparison::Greater,
        Comparison::Greater => Comparison::LessEq,
        Comparison::GreaterEq => Comparison::Less,
        Comparison::Equal => Comparison::NotEqual,
        Comparison::NotEqual => Comparison::Equal,
    }
}

fn is_strict(op: Comparison) -> bool {
    matches!(op, Comparison::Less | Comparison::Greater | Comparison::Equal)
}
