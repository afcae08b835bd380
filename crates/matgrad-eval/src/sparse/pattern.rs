//! The way of each coefficient to its entry.

use super::csr::Csr;

/// An entry that vanishes.
pub(super) const NOWHERE: u32 = u32::MAX;

/// Consecutive coefficients go to entries at equal distances.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Run {
    /// The first entry.
    pub at: u32,
    pub len: u32,
    pub step: i32,
    /// What is added to the coefficient.
    pub base: f64,
}

/// Where coefficients go.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Route {
    /// All at equal distances, or nearly so.
    Runs(Vec<Run>),
    /// One by one, with what is added to each where that is anything.
    Each(Vec<u32>, Vec<f64>),
}

/// How far the runs of a route have got.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cursor {
    run: usize,
    inside: usize,
}

impl Route {
    /// Coefficients go to these places, each with a number added to it.
    pub fn new(places: Vec<u32>, base: impl Fn(u32) -> f64) -> Self {
        let mut runs: Vec<Run> = Vec::new();
        for &at in &places {
            let own = base(at);
            if let Some(run) = runs.last_mut()
                && (run.base.to_bits() == own.to_bits() || at == NOWHERE)
                && run.takes(at)
            {
                continue;
            }
            runs.push(Run { at, len: 1, step: 0, base: own });
            if is_long(runs.len(), places.len()) {
                let bases: Vec<f64> = places.iter().map(|at| base(*at)).collect();
                let bases = if bases.iter().all(|x| *x == 0.0) { Vec::new() } else { bases };
                return Self::Each(places, bases);
            }
        }
        Self::Runs(runs)
    }

    /// The same way some entries further on.
    pub fn shifted(&self, by: u32) -> Self {
        let moved = |at: u32| if at == NOWHERE { at } else { at + by };
        match self {
            Self::Runs(runs) => Self::Runs(runs.iter().map(|run| Run { at: moved(run.at), ..*run }).collect()),
            Self::Each(places, bases) => Self::Each(places.iter().map(|at| moved(*at)).collect(), bases.clone()),
        }
    }

    /// The entries one by one.
    pub fn places(&self) -> Vec<u32> {
        match self {
            Self::Each(places, _) => places.clone(),
            Self::Runs(runs) => {
                let mut out = Vec::with_capacity(runs.iter().map(|run| run.len as usize).sum());
                for run in runs {
                    let at = |k: u32| {
                        if run.at == NOWHERE {
                            NOWHERE
                        } else {
                            (i64::from(run.at) + i64::from(k) * i64::from(run.step)) as u32
                        }
                    };
                    out.extend((0..run.len).map(at));
                }
                out
            }
        }
    }

    /// Sets the entries of the coefficients from this one on, or adds to what is there.
    pub fn send(&self, values: &[f64], from: usize, add: bool, cursor: &mut Cursor, data: &mut [f64]) {
        match self {
            Self::Each(places, bases) => {
                let places = places.get(from..).unwrap_or(&[]).iter().zip(values);
                if add {
                    for (at, value) in places {
                        if let Some(entry) = data.get_mut(*at as usize) {
                            *entry += value; // nowhere is beyond the end
                        }
                    }
                } else if bases.is_empty() {
                    for (at, value) in places {
                        if let Some(entry) = data.get_mut(*at as usize) {
                            *entry = *value;
                        }
                    }
                } else {
                    for ((at, value), base) in places.zip(bases.get(from..).unwrap_or(&[])) {
                        if let Some(entry) = data.get_mut(*at as usize) {
                            *entry = value + base;
                        }
                    }
                }
            }
            Self::Runs(runs) => {
                let mut values = values;
                while !values.is_empty() {
                    let Some(run) = runs.get(cursor.run) else { return };
                    let count = (run.len as usize - cursor.inside).min(values.len());
                    let (own, rest) = values.split_at(count);
                    if run.at != NOWHERE {
                        run.send(own, cursor.inside, add, data);
                    }
                    cursor.inside += count;
                    if cursor.inside == run.len as usize {
                        *cursor = Cursor { run: cursor.run + 1, inside: 0 };
                    }
                    values = rest;
                }
            }
        }
    }

    /// The first entry and the distance from each to the next, where all coefficients go along one line with nothing added.
    pub fn line(&self, turns: usize) -> Option<(usize, usize)> {
        let Self::Runs(runs) = self else { return None };
        let [Run { at, len, step, base }] = runs.as_slice() else { return None };
        let plain = *at != NOWHERE && *base == 0.0 && *len as usize == turns;
        let step = usize::try_from(*step).ok().filter(|step| *step > 0 && plain)?;
        Some((*at as usize, step))
    }

    /// Every turn that has an entry, with the entry.
    pub fn visit(&self, mut visit: impl FnMut(usize, usize)) {
        match self {
            Self::Each(places, _) => {
                places.iter().enumerate().filter(|(_, at)| **at != NOWHERE).for_each(|(k, at)| visit(k, *at as usize));
            }
            Self::Runs(runs) => {
                let mut turn = 0;
                for run in runs {
                    if run.at != NOWHERE {
                        for k in 0..run.len as usize {
                            visit(turn + k, (i64::from(run.at) + k as i64 * i64::from(run.step)) as usize);
                        }
                    }
                    turn += run.len as usize;
                }
            }
        }
    }

    /// Marks the entries that it reaches.
    pub fn mark(&self, seen: &mut [bool]) {
        self.visit(|_, at| {
            if let Some(entry) = seen.get_mut(at) {
                *entry = true;
            }
        });
    }
}

/// Whether a way has so many runs that entries one by one are less.
fn is_long(runs: usize, places: usize) -> bool {
    runs > 64 && runs * 8 > places
}

/// A way in the making.
#[derive(Debug, Default)]
pub(super) struct Track {
    runs: Vec<Run>,
    /// All entries, where there are too many runs.
    each: Vec<u32>,
    /// How many entries will come.
    total: usize,
    /// The entry that continues the last run.
    next: i64,
}

impl Track {
    pub fn new(total: usize) -> Self {
        Self { total, next: -1, ..Self::default() }
    }

    pub fn of(places: &[u32]) -> Self {
        let mut track = Self::new(places.len());
        places.iter().for_each(|at| track.push(*at));
        track
    }

    #[inline]
    pub fn push(&mut self, at: u32) {
        if self.next == i64::from(at)
            && let Some(run) = self.runs.last_mut()
        {
            run.len += 1;
            self.next += i64::from(run.step);
            return;
        }
        self.turn(at);
    }

    /// What does not continue the last run.
    fn turn(&mut self, at: u32) {
        if !self.each.is_empty() {
            return self.each.push(at);
        }
        if !self.runs.last_mut().is_some_and(|run| run.takes(at)) {
            self.runs.push(Run { at, len: 1, step: 0, base: 0.0 });
            if is_long(self.runs.len(), self.total) {
                self.each = Route::Runs(std::mem::take(&mut self.runs)).places();
                self.each.reserve(self.total.saturating_sub(self.each.len()));
                self.next = -1;
                return;
            }
        }
        self.next = match self.runs.last() {
            Some(run) if run.len > 1 && run.at != NOWHERE => {
                i64::from(run.at) + i64::from(run.len) * i64::from(run.step)
            }
            _ => -1,
        };
    }

    pub fn finish(self) -> Route {
        if self.each.is_empty() { Route::Runs(self.runs) } else { Route::Each(self.each, Vec::new()) }
    }
}

impl Run {
    /// Takes an entry more where it is at the same distance.
    fn takes(&mut self, at: u32) -> bool {
        if (self.at == NOWHERE) != (at == NOWHERE) {
            return false;
        }
        let next = i64::from(self.at) + i64::from(self.len) * i64::from(self.step);
        if at == NOWHERE || self.len > 1 && next == i64::from(at) {
            self.len += 1;
            return true;
        }
        if self.len == 1
            && let Ok(step) = i32::try_from(i64::from(at) - i64::from(self.at))
        {
            (self.len, self.step) = (2, step);
            return true;
        }
        false
    }

    fn send(&self, values: &[f64], inside: usize, add: bool, data: &mut [f64]) {
        let first = i64::from(self.at) + inside as i64 * i64::from(self.step);
        let Ok(first) = usize::try_from(first) else { return };
        match usize::try_from(self.step) {
            Ok(step) if step > 0 => {
                let to = data.get_mut(first..).unwrap_or(&mut []).iter_mut().step_by(step).zip(values);
                match (add, self.base == 0.0) {
                    (true, _) => to.for_each(|(entry, value)| *entry += value),
                    (false, true) => to.for_each(|(entry, value)| *entry = *value),
                    (false, false) => to.for_each(|(entry, value)| *entry = value + self.base),
                }
            }
            _ => {
                for (k, value) in values.iter().enumerate() {
                    let at = first as i64 + k as i64 * i64::from(self.step);
                    if let Some(entry) = data.get_mut(at as usize) {
                        *entry = if add { *entry + value } else { value + self.base };
                    }
                }
            }
        }
    }
}

/// Coefficients that do not change.
#[derive(Clone, Debug)]
pub(super) enum Fixed {
    /// One number in all turns.
    Number(f64),
    /// One in each turn.
    Each(Vec<f64>),
}

/// The way of all terms.
#[derive(Clone, Debug)]
pub(super) struct Ways {
    /// Where each term's coefficients go, and whether they are added to what is there; nothing for constants.
    pub routes: Vec<Option<(Route, bool)>>,
    /// Entries that are set to a number before each run.
    pub resets: Vec<(u32, f64)>,
}

/// The ways of the terms, of which some are constant: entries that only constants reach are set once and for all; an entry
/// that several others reach is reset before each run, and they add to it. `doubles` says whether any entry is reached more
/// than once.
pub(super) fn ways(matrix: &mut Csr, routes: Vec<Route>, constants: &[Option<Fixed>], doubles: bool) -> Ways {
    let constant = |k: usize| constants.get(k).and_then(Option::as_ref);
    for (k, route) in routes.iter().enumerate() {
        let Some(fixed) = constant(k) else { continue };
        let data = matrix.data_mut();
        route.visit(|turn, at| {
            let value = match fixed {
                Fixed::Number(value) => *value,
                Fixed::Each(values) => values.get(turn).copied().unwrap_or(0.0),
            };
            if let Some(entry) = data.get_mut(at) {
                *entry += value;
            }
        });
    }
    if !doubles {
        let way = |(k, route)| constant(k).is_none().then_some((route, false));
        return Ways { routes: routes.into_iter().enumerate().map(way).collect(), resets: Vec::new() };
    }
    let base = matrix.data();
    let mut touched = vec![0u8; base.len()];
    let moving = || routes.iter().enumerate().filter(|(k, _)| constant(*k).is_none());
    for (_, route) in moving() {
        route.visit(|_, at| {
            if let Some(count) = touched.get_mut(at) {
                *count = count.saturating_add(1);
            }
        });
    }
    let mut reset = vec![false; base.len()];
    let mut add = vec![false; routes.len()];
    for (k, route) in moving() {
        route.visit(|_, at| add[k] |= touched.get(at).is_some_and(|count| *count > 1));
        if add[k] {
            route.mark(&mut reset);
        }
    }
    let resets = (0..base.len()).filter(|k| reset[*k]).map(|k| (k as u32, base[k])).collect();
    let of = |at: u32| base.get(at as usize).copied().unwrap_or(0.0);
    let routes = routes.iter().enumerate().map(|(k, route)| {
        constant(k)
            .is_none()
            .then(|| if add[k] { (route.clone(), true) } else { (Route::new(route.places(), of), false) })
    });
    Ways { routes: routes.collect(), resets }
}
