//! Products that take only some columns and rows of their factors.

use matgrad_syntax::Rational;

use super::expr::{Arena, Form, Kind, M, Sub};

impl Arena {
    /// `A*diag(sum(eye(n)[1:k,:]', 2))*B` as `A[:,1:k]*B[1:k,:]`: only these columns and rows take part.
    pub(super) fn take_selected(&mut self, links: &mut Vec<M>) {
        let mut k = 1;
        while k + 1 < links.len() {
            if let Some(range) = self.selected_range(links[k])
                && self.form(links[k - 1]) == Form::Matrix
                && self.form(links[k + 1]) == Form::Matrix
            {
                links[k - 1] = self.entry(links[k - 1], vec![Sub::All, range.clone()], Form::Matrix);
                links[k + 1] = self.entry(links[k + 1], vec![range, Sub::All], Form::Matrix);
                links.remove(k);
            }
            k += 1;
        }
    }

    /// The range of the ones of a diagonal matrix that is 1 there and 0 elsewhere.
    fn selected_range(&self, m: M) -> Option<Sub> {
        let [diagonal] = self.call_args(m, "diag")? else { return None };
        let [body, axis] = self.call_args(*diagonal, "sum")? else { return None };
        if !matches!(self.kind(*axis), Kind::Number(two) if *two == Rational::int(2)) {
            return None;
        }
        let Kind::Transpose(rows) = self.kind(*body) else { return None };
        let Kind::Index(eye, subs) = self.kind(*rows) else { return None };
        self.call_args(*eye, "eye")?;
        match subs.as_slice() {
            [range @ Sub::Range(..), Sub::All] => Some(range.clone()),
            _ => None,
        }
    }
}
