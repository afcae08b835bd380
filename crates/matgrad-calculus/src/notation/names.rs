//! Names that a script has for parts of an answer: `K^-1*y` where the definition of K is a line of its own.

use matgrad_syntax::Name;
use rustc_hash::{FxHashMap, FxHashSet};

use super::Printer;
use super::emit::children;
use super::expr::{Form, Kind, M};

/// Shorter answers are written out.
const ABOVE: u32 = 40;

/// Names are used where they take at least one of so many characters away.
const SHARE: u32 = 4;

/// A name for a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// What the script calls it.
    pub name: Name,
    /// Whether the part is its transpose.
    pub transposed: bool,
}

impl Part {
    fn length(&self) -> u32 {
        self.name.len() as u32 + u32::from(self.transposed)
    }
}

impl Printer<'_> {
    /// The parts of an expression that the script has names for, where these make it a good deal shorter.
    pub(super) fn named_parts(&mut self, root: M) -> FxHashMap<M, Part> {
        let whole = self.written(root);
        let mut parts = FxHashMap::default();
        if whole <= ABOVE {
            return parts;
        }
        for (name, node) in self.names.clone() {
            let Some(m) = self.expr(node) else { continue };
            let least = match self.arena.form(m) {
                // the chain rule of scalars is read more easily written out
                Form::Scalar => 12,
                _ => name.len() as u32 + 2,
            };
            if m == root && !self.whole || self.arena.form(m) == Form::Row || self.arena.length(m) < least {
                continue;
            }
            let turned = self.arena.transpose(m);
            parts.entry(m).or_insert(Part { name: name.clone(), transposed: false });
            parts.entry(turned).or_insert(Part { name, transposed: true });
        }
        let saved = self.saved(root, &parts);
        if saved.saturating_mul(SHARE) < whole {
            parts.clear();
        }
        parts
    }

    /// How many characters names take away.
    fn saved(&self, root: M, parts: &FxHashMap<M, Part>) -> u32 {
        let mut reached: Vec<M> = vec![root];
        let mut times: FxHashMap<M, u32> = FxHashMap::default();
        times.insert(root, 0);
        let mut next = 0;
        while let Some(&m) = reached.get(next) {
            next += 1;
            if !parts.contains_key(&m) {
                children(self.arena.kind(m), |child| {
                    if times.insert(child, 0).is_none() {
                        reached.push(child);
                    }
                });
            }
        }
        // an expression is made after its parts
        reached.sort_unstable_by(|a, b| b.cmp(a));
        times.insert(root, 1);
        let mut saved = 0u32;
        for m in reached {
            let count = times.get(&m).copied().unwrap_or(0);
            match parts.get(&m) {
                Some(part) => {
                    let each = self.written(m).saturating_sub(part.length());
                    saved = saved.saturating_add(count.saturating_mul(each));
                }
                None => children(self.arena.kind(m), |child| {
                    let sum = times.entry(child).or_insert(0);
                    *sum = sum.saturating_add(count);
                }),
            }
        }
        saved
    }

    /// The length of an expression with the steps of its loops, which are definitions of their own.
    fn written(&self, root: M) -> u32 {
        let (mut todo, mut seen) = (vec![root], FxHashSet::default());
        let mut length = self.arena.length(root);
        while let Some(m) = todo.pop() {
            if !seen.insert(m) {
                continue;
            }
            if let Kind::Function { body, .. } = self.arena.kind(m) {
                length = length.saturating_add(self.arena.length(*body));
            }
            children(self.arena.kind(m), |child| todo.push(child));
        }
        length
    }
}
