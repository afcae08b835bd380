//! Entries and slices of matrix expressions.

use matgrad_syntax::Rational;

use super::expr::{Arena, Form, Kind, M, Sub};

/// How much longer a sum of entries may be than the entry of a sum.
const ENTRY_BONUS: u32 = 4;

/// Entries are not taken inside expressions longer than this.
const ENTRY_LIMIT: u32 = 200;

impl Arena {
    /// An entry or slice; of a literal its entry, of a transposed expression the mirrored slice.
    pub(super) fn entry(&mut self, m: M, subs: Vec<Sub>, form: Form) -> M {
        if let (Kind::Column(items), [Sub::At(at)], Form::Column) = (self.kind(m), subs.as_slice(), self.form(m))
            && let Kind::Number(value) = self.kind(*at)
        {
            let found = value.to_i64().and_then(|k| items.get(usize::try_from(k - 1).ok()?)).copied();
            if let Some(item) = found {
                return item;
            }
        }
        if let (Some(&[x]), [Sub::At(at)]) = (self.call_args(m, "singvals"), subs.as_slice())
            && matches!(self.kind(*at), Kind::Number(one) if one.is_one())
        {
            return self.call("normspec", &[x], Form::Scalar);
        }
        if let Kind::Transpose(inner) = *self.kind(m) {
            let row = self.form(inner) == Form::Row;
            if let ([a, b], false) = (subs.as_slice(), row) {
                let form = match form {
                    Form::Row => Form::Column,
                    Form::Column => Form::Row,
                    other => other,
                };
                let mirrored = self.entry(inner, vec![b.clone(), a.clone()], form);
                return self.transpose(mirrored);
            }
            if row && let Some(entry) = self.entry_of_slice(inner, &subs, form) {
                return if self.form(entry) == Form::Row { self.transpose(entry) } else { entry };
            }
        }
        if let Some(entry) = self.entry_of_slice(m, &subs, form) {
            return entry;
        }
        // `x[2:4][1]` is `x[2]`
        if let (Kind::Index(base, inner), [Sub::At(at)]) = (self.kind(m).clone(), subs.as_slice())
            && let ([Sub::Range(first, _)], Kind::Number(k)) = (inner.as_slice(), self.kind(*at))
            && let (Kind::Number(first), Some(k)) = (self.kind(*first), k.to_i64())
            && let Some(position) = first.to_i64().and_then(|first| first.checked_add(k - 1))
        {
            let position = self.int(position);
            return self.raw(Kind::Index(base, vec![Sub::At(position)]), form);
        }
        let inside = self.entry_inside(m, &subs, form);
        let plain = self.raw(Kind::Index(m, subs), form);
        match inside {
            Some(inside) if self.length(inside) <= self.length(plain) + ENTRY_BONUS => inside,
            _ => plain,
        }
    }

    /// The entry of a sum, or of what is multiplied entry by entry, from the entries of its parts.
    fn entry_inside(&mut self, m: M, subs: &[Sub], form: Form) -> Option<M> {
        let whole = match self.form(m) {
            Form::Matrix => 2,
            Form::Column => 1,
            _ => return None,
        };
        let points = subs.iter().all(|s| matches!(s, Sub::At(_)));
        if form != Form::Scalar || subs.len() != whole || !points || self.length(m) > ENTRY_LIMIT {
            return None;
        }
        let of = |arena: &mut Self, x: M| {
            if arena.form(x) == Form::Scalar { x } else { arena.entry(x, subs.to_vec(), Form::Scalar) }
        };
        match self.kind(m).clone() {
            Kind::Sum(terms) => {
                let terms = terms.into_iter().map(|(c, x)| (c, of(self, x))).collect();
                Some(self.sum(terms, Form::Scalar))
            }
            Kind::Hadamard(parts) => {
                let parts = parts.into_iter().map(|(x, e)| (of(self, x), e)).collect();
                Some(self.product(Rational::ONE, parts, Vec::new()))
            }
            Kind::Product { number, mut scalars, chain } => {
                let [only] = chain.as_slice() else { return None };
                let entry = of(self, *only);
                scalars.push((entry, Rational::ONE));
                Some(self.product(number, scalars, Vec::new()))
            }
            _ => None,
        }
    }

    /// An entry or slice of what is a slice already, where one pair of brackets says both.
    fn entry_of_slice(&mut self, m: M, subs: &[Sub], form: Form) -> Option<M> {
        let Kind::Index(base, outer) = self.kind(m).clone() else { return None };
        let mut more = subs.iter();
        let mut both = Vec::new();
        for sub in outer {
            let free = matches!(sub, Sub::All | Sub::Range(..)) || subs.len() > 1;
            match (free.then(|| more.next()).flatten(), sub) {
                (None, sub) | (Some(Sub::All), sub) => both.push(sub),
                (Some(inner), Sub::All) => both.push(inner.clone()),
                (Some(Sub::At(at)), Sub::Range(from, _)) => {
                    // a place in a slice, where both are numbers
                    let (Kind::Number(at), Kind::Number(from)) = (self.kind(*at), self.kind(from)) else { return None };
                    let place = at.to_i64()?.checked_add(from.to_i64()?)?.checked_sub(1)?;
                    both.push(Sub::At(self.int(place)));
                }
                _ => return None,
            }
        }
        if more.next().is_some() {
            return None;
        }
        let form = match both.as_slice() {
            all if all.iter().all(|sub| matches!(sub, Sub::At(_))) => Form::Scalar,
            [Sub::At(_), _] => Form::Row,
            [_, Sub::At(_)] => Form::Column,
            _ => form,
        };
        Some(self.raw(Kind::Index(base, both), form))
    }
}
