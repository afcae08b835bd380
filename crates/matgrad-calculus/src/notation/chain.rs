//! Products of matrices, link by link: neighbours that make a power, an inverse, an adjugate or a pseudo-inverse.

use matgrad_syntax::Rational;

use super::expr::{Arena, Form, Kind, M, Sub};

impl Arena {
    /// (A·B)·(A·B)·… as a power, where that is shorter.
    pub(super) fn repeated_blocks(&mut self, links: &mut Vec<M>) {
        let n = links.len();
        if !(4..=256).contains(&n) {
            return;
        }
        let mut best: Option<(u32, usize, usize, usize)> = None;
        for width in 2..=n / 2 {
            let mut start = 0;
            while start + 2 * width <= n {
                let mut times = 1;
                while start + (times + 1) * width <= n
                    && links[start..start + width] == links[start + times * width..start + (times + 1) * width]
                {
                    times += 1;
                }
                let block = &links[start..start + width];
                let square = self.form(block[0]) == Form::Matrix && self.form(block[width - 1]) == Form::Matrix;
                if times > 1 && square {
                    let one: u32 = block.iter().map(|m| self.length(*m) + 1).sum();
                    let saved = (one * times as u32).saturating_sub(one + 4);
                    if saved > 0 && best.is_none_or(|(s, ..)| saved > s) {
                        best = Some((saved, start, width, times));
                    }
                }
                start += 1;
            }
        }
        if let Some((_, start, width, times)) = best {
            let block = self.raw(
                Kind::Product {
                    number: Rational::ONE,
                    scalars: Vec::new(),
                    chain: links[start..start + width].to_vec(),
                },
                Form::Matrix,
            );
            let power = self.matrix_power(block, times as i64);
            links.splice(start..start + width * times, [power]);
        }
    }

    pub(super) fn chain_form(&self, links: &[M]) -> Form {
        let (Some(first), Some(last)) = (links.first(), links.last()) else { return Form::Scalar };
        let row = matches!(self.form(*first), Form::Row);
        let column = matches!(self.form(*last), Form::Column);
        if links.len() == 1 {
            return self.form(*first);
        }
        match (row, column) {
            (true, true) => Form::Scalar,
            (true, false) => Form::Row,
            (false, true) => Form::Column,
            (false, false) => Form::Matrix,
        }
    }

    /// det(X)·X^-1 is the adjugate.
    pub(super) fn adjugate(&mut self, scalars: &mut Vec<(M, Rational)>, links: &mut [M]) {
        for link in links {
            let (inner, mut around) = match *self.kind(*link) {
                Kind::Transpose(inner) => (inner, vec!["'"]),
                _ => (*link, Vec::new()),
            };
            let inner = match self.call_args(inner, "vec") {
                Some(&[inside]) => {
                    around.push("vec");
                    inside
                }
                _ => inner,
            };
            let (inverse, transposed) = match *self.kind(inner) {
                Kind::Transpose(inside) => (inside, true),
                _ => (inner, false),
            };
            let Kind::Power(base, -1) = *self.kind(inverse) else { continue };
            let found =
                scalars.iter().position(|(m, e)| e.is_one() && self.call_args(*m, "det").is_some_and(|a| a[0] == base));
            // only a bare name: a product in both places reads better as it stands
            if let (Some(at), Kind::Name(_)) = (found, self.kind(base)) {
                scalars.remove(at);
                let adj = self.call("adj", &[base], Form::Matrix);
                let mut value = if transposed { self.call("cof", &[base], Form::Matrix) } else { adj };
                if self.is_symmetric(base) {
                    self.set_symmetric(value);
                }
                for step in around.into_iter().rev() {
                    value = if step == "vec" { self.vec(value) } else { self.transpose(value) };
                }
                *link = value;
                return;
            }
        }
    }

    /// Appends a matrix to a chain.
    pub(super) fn link(&mut self, links: &mut Vec<M>, m: M) {
        let Some(&last) = links.last() else {
            links.push(m);
            return;
        };
        // an identity among other matrices says nothing
        if self.is_call(m, "eye") {
            return;
        }
        if self.is_call(last, "eye") {
            links.pop();
            return self.link(links, m);
        }
        if let Some(joined) = self.join(last, m) {
            links.pop();
            self.link(links, joined);
            return;
        }
        // X'·(X·X')^-1 and (X'·X)^-1·X' are the pseudo-inverse of X, where the inverse exists
        if let Some(pinv) = self.pinv_of(last, m) {
            links.pop();
            links.push(pinv);
            return;
        }
        links.push(m);
        self.merge_gram(links);
    }

    fn join(&mut self, a: M, b: M) -> Option<M> {
        if self.form(a) == Form::Matrix && self.form(b) == Form::Matrix {
            let split = |m: M, arena: &Self| match arena.kind(m) {
                Kind::Power(base, k) => (*base, *k, false),
                Kind::Transpose(inner) => match arena.kind(*inner) {
                    Kind::Power(base, k) => (*base, *k, true),
                    _ => (m, 1, false),
                },
                _ => (m, 1, false),
            };
            let ((x, j, s), (y, k, t)) = (split(a, self), split(b, self));
            if x == y && s == t && (j > 0) == (k > 0) {
                let power = self.matrix_power(x, j + k);
                return Some(if s { self.raw(Kind::Transpose(power), Form::Matrix) } else { power });
            }
        }
        if self.form(b) == Form::Column {
            // cumulative sums
            let ones = |m: M, name: &str, arena: &Self| {
                let args = arena.call_args(m, name).and_then(|args| arena.call_args(args[0], "ones"));
                matches!(args, Some([rows, cols]) if rows == cols)
            };
            if ones(a, "tril", self) {
                return Some(self.call("cumsum", &[b], Form::Column));
            }
            if ones(a, "triu", self) {
                return Some(self.call("revcumsum", &[b], Form::Column));
            }
        }
        // a slice of the identity selects rows
        if let Kind::Index(base, subs) = self.kind(a).clone()
            && self.is_call(base, "eye")
            && subs.len() == 2
            && subs[1] == Sub::All
        {
            let subs =
                if self.form(b) == Form::Column { vec![subs[0].clone()] } else { vec![subs[0].clone(), Sub::All] };
            let form = self.form(b);
            return Some(self.entry(b, subs, form));
        }
        if let Kind::Transpose(inner) = self.kind(b)
            && let Kind::Index(base, subs) = self.kind(*inner).clone()
            && self.is_call(base, "eye")
            && subs.len() == 2
            && subs[1] == Sub::All
            && self.form(a) == Form::Matrix
        {
            return Some(self.entry(a, vec![Sub::All, subs[0].clone()], Form::Matrix));
        }
        None
    }

    fn gram(&self, inverse: M) -> Option<(Vec<M>, Vec<M>)> {
        let Kind::Power(base, -1) = self.kind(inverse) else { return None };
        let Kind::Product { number, scalars, chain } = self.kind(*base) else { return None };
        if !number.is_one() || !scalars.is_empty() || chain.len() % 2 != 0 {
            return None;
        }
        let half = chain.len() / 2;
        Some((chain[..half].to_vec(), chain[half..].to_vec()))
    }

    /// `pinv(x)`, with a transpose outside.
    fn pinv(&mut self, x: M) -> M {
        match self.kind(x) {
            &Kind::Transpose(inner) => {
                let inner = self.call("pinv", &[inner], Form::Matrix);
                self.transpose(inner)
            }
            _ => self.call("pinv", &[x], Form::Matrix),
        }
    }

    fn pinv_of(&mut self, a: M, b: M) -> Option<M> {
        if self.spell_grams {
            return None;
        }
        // (X'X)^-1 X' or X' (X X')^-1, where X is one matrix
        if let Some((left, right)) = self.gram(a) {
            if left.len() == 1 && left[0] == b {
                let x = right[0];
                return (self.transpose(x) == b).then(|| self.pinv(x));
            }
            if left.len() == 1 {
                return None;
            }
        }
        if let Some((left, right)) = self.gram(b)
            && left.len() == 1
            && right[0] == a
        {
            let x = left[0];
            return (self.transpose(x) == a).then(|| self.pinv(x));
        }
        None
    }

    /// X·(X'X)^-1 and (X X')^-1·X are the transposed pseudo-inverse.
    fn merge_gram(&mut self, links: &mut Vec<M>) {
        let [.., a, b] = links.as_slice() else { return };
        let (a, b) = (*a, *b);
        let found = match (self.gram(a), self.gram(b)) {
            _ if self.spell_grams => None,
            (_, Some((left, right))) if right.len() == 1 && right[0] == a && self.transpose(a) == left[0] => Some(a),
            (Some((left, right)), _) if left.len() == 1 && left[0] == b && self.transpose(b) == right[0] => Some(b),
            _ => None,
        };
        if let Some(x) = found {
            links.truncate(links.len() - 2);
            let pinv = self.pinv(x);
            let transposed = self.transpose(pinv);
            links.push(transposed);
        }
    }
}
