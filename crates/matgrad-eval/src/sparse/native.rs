//! Loops over straight-line code as machine code: how its rows are filled, what computes, where its rows go.

use std::sync::Arc;

use smallvec::SmallVec;

use super::lanes::LANES;
use super::loops::{Memory, Motion, Nest, Output, Stream};
use super::moves::{Gathered, LARGE, Sent, settle, stream};
use super::pattern::Cursor;
use crate::array::strides;
use crate::code::native::{Blocks, Links};
use crate::code::{Code, Reg, Row};

/// Turns of a loop that are computed together where its rows are few.
pub(super) const LONG: usize = 236;

/// Rows of so many bytes stay in the nearest cache.
const NEAR: usize = 24 << 10;

/// What is read at most this far from where another stream reads has the same pointer.
const NEIGHBOURS: usize = 64;

/// Machine code of a loop.
#[derive(Debug)]
pub(super) enum Native {
    Short(Machine<LANES>),
    Long(Machine<LONG>),
}

/// Machine code for blocks of `N` turns.
#[derive(Debug)]
pub(super) struct Machine<const N: usize> {
    blocks: Blocks<N>,
    /// The roots that it reads.
    roots: Vec<usize>,
    gathered: Vec<Gathered>,
    /// Rows and streams of what is loaded otherwise, and which of the roots they read.
    loads: Vec<(u16, usize, usize)>,
    /// Rows and streams of what stays.
    uniforms: Vec<(u16, usize)>,
    /// What is read where it is: which of the roots, and from where on.
    sources: Vec<(usize, usize)>,
    /// What the code writes side by side: matrix, first entry, entries a turn.
    woven: Vec<(usize, usize, usize)>,
    sent: Vec<Sent>,
    /// Rows of the outputs that go another way.
    singles: Vec<(u16, usize)>,
}

impl Native {
    /// The machine code of a loop; `None` where there is none.
    pub fn new(extents: &[usize], streams: &[Stream], code: &Code, outputs: &[Output]) -> Option<Self> {
        if (code.insts.len() + outputs.len()) * 8 * LONG <= 2 * NEAR
            && let Some(machine) = Machine::new(extents, streams, code, outputs)
            && machine.blocks.rows() * 8 * LONG <= NEAR
        {
            return Some(Self::Long(machine));
        }
        Machine::new(extents, streams, code, outputs).map(Self::Short)
    }

    /// Runs the loop; `operand` gives the memory of a root.
    pub fn run<'a>(
        &self,
        nest: &Nest,
        operand: impl Fn(usize) -> &'a [f64],
        memory: &mut Memory,
        data: &mut [&mut [f64]],
    ) {
        let Memory { lanes, long, cursors, stage, spare } = memory;
        match self {
            Self::Short(machine) => machine.run(nest, operand, (lanes, cursors, stage, spare), data),
            Self::Long(machine) => machine.run(nest, operand, (long, cursors, stage, spare), data),
        }
    }
}

/// Whether a stream reads one number after the other.
fn in_line(extents: &[usize], steps: &[usize]) -> bool {
    let mut next = 1;
    steps.iter().zip(extents).rev().all(|(step, n)| {
        let own = *step == next || *n == 1;
        next *= n;
        own
    })
}

impl<const N: usize> Machine<N> {
    fn new(extents: &[usize], streams: &[Stream], code: &Code, outputs: &[Output]) -> Option<Self> {
        let turns: usize = extents.iter().product();
        let values: Vec<Reg> = outputs.iter().map(|o| o.value).collect();
        let mut order: Vec<usize> = (0..streams.len()).collect();
        order.sort_by_key(|k| streams[*k].start);
        // streams that can be read where they are
        let mut links = Links { direct: vec![None; streams.len()], woven: Vec::new() };
        let mut sources: Vec<(usize, usize)> = Vec::new();
        for &k in &order {
            let stream = &streams[k];
            let Motion::Affine(steps) = &stream.motion else { continue };
            if stream.stays() || !in_line(extents, steps) {
                continue;
            }
            let near = |(root, start): &(usize, usize)| *root == stream.root && stream.start - start <= NEIGHBOURS;
            let source = sources.iter().position(near).unwrap_or_else(|| {
                sources.push((stream.root, stream.start));
                sources.len() - 1
            });
            links.direct[k] = Some((source, stream.start - sources[source].1));
        }
        sources.truncate(Links::MOST);
        // entries beside each other go together
        let mut lines: Vec<(usize, usize, usize, usize)> = Vec::new();
        let mut others = Vec::new();
        for (k, output) in outputs.iter().enumerate() {
            match output.route.line(turns).filter(|_| !output.add) {
                Some((at, step)) => lines.push((output.matrix, step, at, k)),
                None => others.push(k),
            }
        }
        lines.sort_unstable();
        let mut groups: Vec<(usize, usize, usize, Vec<usize>)> = Vec::new();
        for (matrix, step, at, k) in lines {
            match groups.last_mut() {
                Some((m, s, a, members)) if (*m, *s, *a + members.len()) == (matrix, step, at) => members.push(k),
                _ => groups.push((matrix, step, at, vec![k])),
            }
        }
        groups.sort_by_key(|(_, step, _, members)| *step != members.len());
        let whole = groups.iter().take_while(|(_, step, _, members)| *step == members.len()).take(Links::MOST);
        links.woven = whole.map(|(.., members)| members.clone()).collect();
        let (blocks, places) = Blocks::new(code, streams.len(), &values, links)?;
        u16::try_from(blocks.rows()).ok()?;
        sources.truncate(blocks.reach().len());
        let row = |k: usize| places.get(k).map(|row| *row as u16);
        let mut woven = Vec::new();
        let mut sent = Vec::new();
        for (k, (matrix, step, at, members)) in groups.into_iter().enumerate() {
            if k < blocks.links().woven.len() {
                woven.push((matrix, at, step));
            } else {
                let rows = members.into_iter().map(row).collect::<Option<Vec<u16>>>()?;
                sent.push(Sent { matrix, at, step, rows });
            }
        }
        let mut it = Self {
            roots: Vec::new(),
            gathered: Vec::new(),
            loads: Vec::new(),
            uniforms: Vec::new(),
            sources,
            woven,
            sent,
            singles: others.into_iter().map(|k| Some((row(k)?, k))).collect::<Option<_>>()?,
            blocks,
        };
        for k in order {
            let (row, stream) = (k as u16, &streams[k]);
            if it.blocks.links().direct.get(k).copied().flatten().is_some() {
                continue;
            }
            match &stream.motion {
                Motion::Table(table) => {
                    let root = it.slot(stream.root);
                    let beside = |g: &Gathered| {
                        g.root == root && Arc::ptr_eq(&g.table, table) && g.start + g.rows.len() == stream.start
                    };
                    match it.gathered.iter_mut().find(|g| beside(g)) {
                        Some(group) => group.rows.push(row),
                        None => {
                            let (table, start) = (table.clone(), stream.start);
                            let most = table.iter().copied().max().unwrap_or(0) as usize;
                            it.gathered.push(Gathered { root, table, most, start, rows: vec![row] });
                        }
                    }
                }
                Motion::Affine(_) if stream.stays() => it.uniforms.push((row, k)),
                Motion::Affine(_) => {
                    let root = it.slot(stream.root);
                    it.loads.push((row, k, root));
                }
            }
        }
        for k in 0..it.sources.len() {
            it.sources[k].0 = it.slot(it.sources[k].0);
        }
        Some(it)
    }

    /// Which of the roots a root is.
    fn slot(&mut self, root: usize) -> usize {
        self.roots.iter().position(|known| *known == root).unwrap_or_else(|| {
            self.roots.push(root);
            self.roots.len() - 1
        })
    }

    fn run<'a>(
        &self,
        nest: &Nest,
        operand: impl Fn(usize) -> &'a [f64],
        (lanes, cursors, stage, spare): (&mut Vec<Row<N>>, &mut Vec<Cursor>, &mut Vec<f64>, &mut Vec<f64>),
        data: &mut [&mut [f64]],
    ) {
        if lanes.len() < self.blocks.rows() {
            lanes.resize(self.blocks.rows(), Row::default());
        }
        cursors.clear();
        cursors.resize(self.singles.len(), Cursor::default());
        self.blocks.prepare(lanes);
        let (extents, streams, turns) = nest.shape();
        let own = strides(extents);
        for (row, stream) in &self.uniforms {
            let value = streams.get(*stream).and_then(|s| operand(s.root).get(s.start)).copied();
            if let Some(lane) = lanes.get_mut(usize::from(*row)) {
                lane.fill(value.unwrap_or(f64::NAN));
            }
        }
        let roots: SmallVec<[&[f64]; 8]> = self.roots.iter().map(|root| operand(*root)).collect();
        let root = |k: usize| roots.get(k).copied().unwrap_or(&[]);
        let widths: usize = self.woven.iter().map(|(.., width)| width).sum();
        let large = self.woven.iter().any(|(matrix, ..)| data.get(*matrix).is_some_and(|d| d.len() >= LARGE));
        let mut from = 0;
        if self.blocks.is_rowless() && self.sent.is_empty() && self.singles.is_empty() && !large {
            // all turns in one go, but for those that are no four
            let count = turns & !3;
            let start = |(slot, start): &(usize, usize)| root(*slot).get(*start..).unwrap_or(&[]);
            let sources: SmallVec<[&[f64]; Links::MOST]> = self.sources.iter().map(start).collect();
            if count > 0
                && let Some(mut targets) = self.targets(0, count, data)
            {
                self.blocks.run(lanes, &sources, &mut targets, count);
                from = count;
            }
        }
        while from < turns {
            let count = N.min(turns - from);
            for gathered in &self.gathered {
                gathered.load(root(gathered.root), from, count, lanes);
            }
            for (row, stream, slot) in &self.loads {
                if let (Some(lane), Some(stream)) = (lanes.get_mut(usize::from(*row)), streams.get(*stream)) {
                    stream.load(root(*slot), lane.as_mut_slice(), (extents, &own), from, count);
                }
            }
            let sources = self.sources.iter().map(|(slot, start)| root(*slot).get(start + from..).unwrap_or(&[]));
            let mut sources: SmallVec<[&[f64]; Links::MOST]> = sources.collect();
            if count < N {
                // as much as there is, and zeros behind it
                spare.clear();
                for (source, reach) in sources.iter().zip(self.blocks.reach()) {
                    let end = spare.len() + reach;
                    spare.extend_from_slice(source.get(..*reach).unwrap_or(source));
                    spare.resize(end, 0.0);
                }
                let mut rest = spare.as_slice();
                for (source, reach) in sources.iter_mut().zip(self.blocks.reach()) {
                    let (own, behind) = rest.split_at((*reach).min(rest.len()));
                    (*source, rest) = (own, behind);
                }
            }
            let direct = count == N && !large && {
                match self.targets(from, N, data) {
                    Some(mut targets) => {
                        self.blocks.run(lanes, &sources, &mut targets, N);
                        true
                    }
                    None => false,
                }
            };
            if !direct {
                stage.resize(stage.len().max(N * widths), 0.0);
                let mut rest = stage.as_mut_slice();
                let mut targets: SmallVec<[&mut [f64]; Links::MOST]> = SmallVec::new();
                for (.., width) in &self.woven {
                    let (own, behind) = std::mem::take(&mut rest).split_at_mut(N * width);
                    targets.push(own);
                    rest = behind;
                }
                self.blocks.run(lanes, &sources, &mut targets, N);
                for ((matrix, at, width), target) in self.woven.iter().zip(targets) {
                    let Some(data) = data.get_mut(*matrix) else { continue };
                    let to = data.get_mut(at + from * width..at + (from + count) * width);
                    match (to, target.get(..count * width)) {
                        (Some(to), Some(target)) if large => stream(target, to),
                        (Some(to), Some(target)) => to.copy_from_slice(target),
                        _ => {}
                    }
                }
            }
            for sent in &self.sent {
                if let Some(data) = data.get_mut(sent.matrix) {
                    sent.send(lanes, from, count, data, stage);
                }
            }
            for ((row, output), cursor) in self.singles.iter().zip(cursors.iter_mut()) {
                if let (Some(lane), Some(output)) = (lanes.get(usize::from(*row)), nest.output(*output))
                    && let Some(data) = data.get_mut(output.matrix)
                {
                    output.route.send(lane.get(..count).unwrap_or(&[]), from, output.add, cursor, data);
                }
            }
            from += count;
        }
        settle();
    }

    /// The entries of some turns, for each target; `None` where they overlap or are outside.
    fn targets<'d>(
        &self,
        from: usize,
        count: usize,
        data: &'d mut [&mut [f64]],
    ) -> Option<SmallVec<[&'d mut [f64]; Links::MOST]>> {
        let mut order: SmallVec<[(usize, usize); Links::MOST]> =
            self.woven.iter().enumerate().map(|(k, (_, at, width))| (at + from * width, k)).collect();
        order.sort_unstable();
        let mut found: SmallVec<[Option<&mut [f64]>; Links::MOST]> = self.woven.iter().map(|_| None).collect();
        for (matrix, data) in data.iter_mut().enumerate() {
            let (mut rest, mut done): (&mut [f64], usize) = (data, 0);
            for (start, k) in &order {
                let (own, _, width) = self.woven.get(*k)?;
                if *own != matrix {
                    continue;
                }
                let (_, behind) = std::mem::take(&mut rest).split_at_mut_checked(start.checked_sub(done)?)?;
                let (target, behind) = behind.split_at_mut_checked(count * width)?;
                *found.get_mut(*k)? = Some(target);
                (rest, done) = (behind, start + count * width);
            }
        }
        found.into_iter().collect()
    }
}
