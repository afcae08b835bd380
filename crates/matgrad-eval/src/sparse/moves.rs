//! How the rows of a block are filled from tensors and sent to the entries of matrices: what lies side by side goes together,
//! four turns and four entries at a time.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::code::Row;

/// Entries of a tensor that lie side by side at a place that a table tells for each turn; each has a row.
#[derive(Clone, Debug)]
pub(super) struct Gathered {
    /// Which root of the program.
    pub root: usize,
    pub table: Arc<Vec<u32>>,
    /// The largest place of the table.
    pub most: usize,
    pub start: usize,
    pub rows: Vec<u16>,
}

impl Gathered {
    /// Fills the rows for some turns.
    pub fn load<const N: usize>(&self, memory: &[f64], from: usize, count: usize, lanes: &mut [Row<N>]) {
        let (Some(places), Some(memory)) = (self.table.get(from..from + count), memory.get(self.start..)) else {
            return;
        };
        let width = self.rows.len();
        let mut done = 0;
        while done < width {
            let quad = quad(done, width);
            if self.most + width <= memory.len()
                && let Some(rows) = quad.and_then(|first| self.rows.get(first..first + 4))
                && let Ok([a, b, c, d]) = lanes.get_disjoint_mut([0, 1, 2, 3].map(|k| usize::from(rows[k])))
            {
                let first = quad.unwrap_or(done);
                if wide(|| fill([a, b, c, d], memory, places, first)) {
                    done = first + 4;
                    continue;
                }
            }
            if let Some(lane) = self.rows.get(done).and_then(|row| lanes.get_mut(usize::from(*row))) {
                for (lane, at) in lane.iter_mut().zip(places) {
                    *lane = memory.get(*at as usize + done).copied().unwrap_or(f64::NAN);
                }
            }
            done += 1;
        }
    }
}

/// Rows whose entries lie side by side, at equal distances from turn to turn.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub matrix: usize,
    pub at: usize,
    pub step: usize,
    pub rows: Vec<u16>,
}

impl Sent {
    /// Writes the entries of some turns. What has no gaps is put together in `stage` and written at once, past the caches
    /// where the data does not fit into them.
    pub fn send<const N: usize>(
        &self,
        lanes: &[Row<N>],
        from: usize,
        count: usize,
        data: &mut [f64],
        stage: &mut Vec<f64>,
    ) {
        let large = data.len() >= LARGE;
        let Some(data) = data.get_mut(self.at + from * self.step..) else { return };
        if self.step == self.rows.len() && self.step > 1 && large {
            stage.resize(stage.len().max(self.step * N), 0.0);
            self.put(lanes, count, stage);
            if let (Some(data), Some(stage)) = (data.get_mut(..self.step * count), stage.get(..self.step * count)) {
                stream(stage, data);
            }
            return;
        }
        self.put(lanes, count, data);
    }

    /// Writes the entries of some turns, the first of which is at the start of the data.
    fn put<const N: usize>(&self, lanes: &[Row<N>], count: usize, data: &mut [f64]) {
        let width = self.rows.len();
        let row = |k: usize| self.rows.get(k).and_then(|row| lanes.get(usize::from(*row)));
        let whole = count.min(N) & !3;
        let mut done = 0;
        if self.step == width
            && let Some(Some(rows)) =
                (width < 4).then(|| (0..width).map(row).collect::<Option<SmallVec<[&Row<N>; 3]>>>())
            && wide(|| interleave(&rows, data, whole))
        {
            for turn in whole..count.min(N) {
                for (k, lane) in rows.iter().enumerate() {
                    if let Some(entry) = data.get_mut(turn * width + k) {
                        *entry = lane[turn];
                    }
                }
            }
            return;
        }
        while done < width {
            let first = quad(done, width).unwrap_or(done);
            if let (Some(a), Some(b), Some(c), Some(d)) = (row(first), row(first + 1), row(first + 2), row(first + 3))
                && wide(|| spread([a, b, c, d], data, self.step, first, whole))
            {
                for turn in whole..count.min(N) {
                    for (k, lane) in [a, b, c, d].into_iter().enumerate() {
                        if let Some(entry) = data.get_mut(turn * self.step + first + k) {
                            *entry = lane[turn];
                        }
                    }
                }
                done = first + 4;
                continue;
            }
            let Some(lane) = row(done) else { return };
            for (turn, value) in lane.iter().enumerate().take(count) {
                if let Some(entry) = data.get_mut(turn * self.step + done) {
                    *entry = *value;
                }
            }
            done += 1;
        }
    }
}

/// Entries of a matrix that are more than the caches of a core hold.
pub(super) const LARGE: usize = 1 << 20;

/// Copies numbers past the caches.
pub(super) fn stream(from: &[f64], to: &mut [f64]) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx") && from.len() == to.len() {
        use std::arch::x86_64::{_mm256_loadu_pd, _mm256_stream_pd};
        #[target_feature(enable = "avx")]
        #[allow(unsafe_code)]
        fn kernel(from: &[f64], to: &mut [f64]) {
            let head = to.as_ptr().align_offset(32).min(to.len());
            let whole = head + ((to.len() - head) & !3);
            to[..head].copy_from_slice(&from[..head]);
            let mut at = head;
            while at < whole {
                // SAFETY: four numbers are left in both, which are equally long, and the place is a multiple of 32 bytes
                unsafe { _mm256_stream_pd(to.as_mut_ptr().add(at), _mm256_loadu_pd(from.as_ptr().add(at))) };
                at += 4;
            }
            to[whole..].copy_from_slice(&from[whole..]);
        }
        // SAFETY: AVX was detected
        #[allow(unsafe_code)]
        return unsafe { kernel(from, to) };
    }
    to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
}

/// Waits until what was written past the caches can be read by all.
pub(super) fn settle() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a fence that every x86-64 processor has
    #[allow(unsafe_code)]
    unsafe {
        std::arch::x86_64::_mm_sfence();
    }
}

/// Where the next four of so many begin, some of which may be done already; nothing where there are fewer than four.
fn quad(done: usize, width: usize) -> Option<usize> {
    Some(done.min(width.checked_sub(4)?))
}

/// Whether the machine has instructions for four numbers and they were used.
fn wide(kernel: impl FnOnce() -> bool) -> bool {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx") {
        return kernel();
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = kernel;
    false
}

#[cfg(not(target_arch = "x86_64"))]
fn fill<const N: usize>(_: [&mut Row<N>; 4], _: &[f64], _: &[u32], _: usize) -> bool {
    false
}

#[cfg(not(target_arch = "x86_64"))]
fn spread<const N: usize>(_: [&Row<N>; 4], _: &mut [f64], _: usize, _: usize, _: usize) -> bool {
    false
}

/// Rows of four numbers as columns.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx")]
#[inline]
fn turned(rows: [std::arch::x86_64::__m256d; 4]) -> [std::arch::x86_64::__m256d; 4] {
    use std::arch::x86_64::{_mm256_permute2f128_pd, _mm256_unpackhi_pd, _mm256_unpacklo_pd};
    let [a, b, c, d] = rows;
    let (ab, cd) = (_mm256_unpacklo_pd(a, b), _mm256_unpacklo_pd(c, d));
    let (ba, dc) = (_mm256_unpackhi_pd(a, b), _mm256_unpackhi_pd(c, d));
    [
        _mm256_permute2f128_pd::<0x20>(ab, cd),
        _mm256_permute2f128_pd::<0x20>(ba, dc),
        _mm256_permute2f128_pd::<0x31>(ab, cd),
        _mm256_permute2f128_pd::<0x31>(ba, dc),
    ]
}

/// Four rows from the four numbers at `first` behind each place; false where one of them is outside the memory.
#[cfg(target_arch = "x86_64")]
fn fill<const N: usize>(rows: [&mut Row<N>; 4], memory: &[f64], places: &[u32], first: usize) -> bool {
    use std::arch::x86_64::{_mm256_loadu_pd, _mm256_storeu_pd};
    #[target_feature(enable = "avx")]
    #[allow(unsafe_code)]
    fn kernel<const N: usize>([a, b, c, d]: [&mut Row<N>; 4], memory: &[f64], places: &[u32], first: usize) -> bool {
        let mut turn = 0;
        for quad in places.chunks(4).take(N / 4) {
            let mut found = [turned_nothing(); 4];
            for (found, at) in found.iter_mut().zip(quad) {
                let Some(four) = memory.get(*at as usize + first..*at as usize + first + 4) else { return false };
                // SAFETY: four numbers are there
                *found = unsafe { _mm256_loadu_pd(four.as_ptr()) };
            }
            let [p, q, r, s] = turned(found);
            // SAFETY: `turn` is a multiple of 4 below the length of a row, which is a multiple of 4
            unsafe {
                _mm256_storeu_pd(a.as_mut_ptr().add(turn), p);
                _mm256_storeu_pd(b.as_mut_ptr().add(turn), q);
                _mm256_storeu_pd(c.as_mut_ptr().add(turn), r);
                _mm256_storeu_pd(d.as_mut_ptr().add(turn), s);
            }
            turn += 4;
        }
        true
    }
    #[target_feature(enable = "avx")]
    fn turned_nothing() -> std::arch::x86_64::__m256d {
        std::arch::x86_64::_mm256_setzero_pd()
    }
    // SAFETY: called where AVX was detected
    #[allow(unsafe_code)]
    unsafe {
        kernel(rows, memory, places, first)
    }
}

/// Four rows to the four entries at `first` behind each turn, for the first `whole` turns, a multiple of 4; false where one
/// of them is outside the data.
#[cfg(target_arch = "x86_64")]
fn spread<const N: usize>(rows: [&Row<N>; 4], data: &mut [f64], step: usize, first: usize, whole: usize) -> bool {
    use std::arch::x86_64::{_mm256_loadu_pd, _mm256_storeu_pd};
    #[target_feature(enable = "avx")]
    #[allow(unsafe_code)]
    fn kernel<const N: usize>([a, b, c, d]: [&Row<N>; 4], data: &mut [f64], step: usize, first: usize, whole: usize) {
        let mut turn = 0;
        while turn < whole {
            // SAFETY: the caller has checked that `whole` is a multiple of 4 no greater than the length of a row
            let found = unsafe { [a, b, c, d].map(|row| _mm256_loadu_pd(row.as_ptr().add(turn))) };
            for (k, four) in turned(found).into_iter().enumerate() {
                // SAFETY: the caller has checked that the last four entries are inside the data
                unsafe { _mm256_storeu_pd(data.as_mut_ptr().add((turn + k) * step + first), four) };
            }
            turn += 4;
        }
    }
    if !whole.is_multiple_of(4) || whole > N {
        return false;
    }
    let last = whole.saturating_sub(1).checked_mul(step).and_then(|at| at.checked_add(first + 4));
    if whole > 0 && last.is_none_or(|end| end > data.len()) {
        return false;
    }
    // SAFETY: called where AVX was detected; places are checked above
    #[allow(unsafe_code)]
    unsafe {
        kernel(rows, data, step, first, whole);
    }
    true
}

#[cfg(not(target_arch = "x86_64"))]
fn interleave<const N: usize>(_: &[&Row<N>], _: &mut [f64], _: usize) -> bool {
    false
}

/// Up to three rows as entries side by side, for the first `whole` turns, a multiple of 4; false where they do not fit in.
#[cfg(target_arch = "x86_64")]
fn interleave<const N: usize>(rows: &[&Row<N>], data: &mut [f64], whole: usize) -> bool {
    use std::arch::x86_64::{
        __m256d, _mm256_loadu_pd, _mm256_permute2f128_pd, _mm256_shuffle_pd, _mm256_storeu_pd, _mm256_unpackhi_pd,
        _mm256_unpacklo_pd,
    };
    #[target_feature(enable = "avx")]
    #[allow(unsafe_code)]
    fn kernel<const N: usize>(rows: &[&Row<N>], data: &mut [f64], whole: usize) {
        // SAFETY: the caller has checked that `whole` is a multiple of 4 no greater than the length of a row
        let load = |lane: &Row<N>, turn: usize| unsafe { _mm256_loadu_pd(lane.as_ptr().add(turn)) };
        // SAFETY: the caller has checked that the entries of the first `whole` turns are inside the data
        let mut store = |at: usize, x: __m256d| unsafe { _mm256_storeu_pd(data.as_mut_ptr().add(at), x) };
        match *rows {
            [a] => (0..whole).step_by(4).for_each(|turn| store(turn, load(a, turn))),
            [a, b] => {
                for turn in (0..whole).step_by(4) {
                    let (a, b) = (load(a, turn), load(b, turn));
                    let (low, high) = (_mm256_unpacklo_pd(a, b), _mm256_unpackhi_pd(a, b));
                    store(2 * turn, _mm256_permute2f128_pd::<0x20>(low, high));
                    store(2 * turn + 4, _mm256_permute2f128_pd::<0x31>(low, high));
                }
            }
            [a, b, c] => {
                for turn in (0..whole).step_by(4) {
                    let (a, b, c) = (load(a, turn), load(b, turn), load(c, turn));
                    let (ab, bc) = (_mm256_unpacklo_pd(a, b), _mm256_unpackhi_pd(b, c));
                    let ca = _mm256_shuffle_pd::<0b1010>(c, a);
                    store(3 * turn, _mm256_permute2f128_pd::<0x20>(ab, ca));
                    store(3 * turn + 4, _mm256_permute2f128_pd::<0x30>(bc, ab));
                    store(3 * turn + 8, _mm256_permute2f128_pd::<0x31>(ca, bc));
                }
            }
            _ => {}
        }
    }
    if !whole.is_multiple_of(4) || whole > N || !(1..=3).contains(&rows.len()) || whole * rows.len() > data.len() {
        return false;
    }
    // SAFETY: called where AVX was detected; lengths are checked above
    #[allow(unsafe_code)]
    unsafe {
        kernel(rows, data, whole);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sparse::lanes::{LANES, Lane};

    #[test]
    fn what_is_gathered_and_sent_is_what_was_asked_for() {
        for width in [1, 2, 3, 4, 5, 8, 11, 14] {
            for count in [0, 1, 3, 4, 7, LANES - 1, LANES] {
                let memory: Vec<f64> = (0..500).map(|k| k as f64).collect();
                let table: Vec<u32> = (0..3 + LANES as u32).map(|k| (k * 37 + 5) % (480 - width as u32)).collect();
                let most = table.iter().copied().max().unwrap_or(0) as usize;
                let rows: Vec<u16> = (0..width as u16).rev().collect();
                let mut lanes = vec![Lane::default(); width];
                let gathered = Gathered { root: 0, table: Arc::new(table.clone()), most, start: 7, rows: rows.clone() };
                gathered.load(&memory, 3, count, &mut lanes);
                for (k, row) in rows.iter().enumerate() {
                    for turn in 0..count {
                        assert_eq!(lanes[usize::from(*row)][turn], (7 + table[3 + turn] as usize + k) as f64);
                    }
                }
                let step = width + 2;
                let mut data = vec![-1.0; 1 + step * (LANES + 2)];
                let sent = Sent { matrix: 0, at: 1, step, rows: rows.clone() };
                let mut stage = Vec::new();
                sent.send(&lanes, 2, count, &mut data, &mut stage);
                for (at, value) in data.iter().enumerate() {
                    let (turn, k) = ((at.max(1) - 1) / step, (at.max(1) - 1) % step);
                    let own = at > 0 && (2..2 + count).contains(&turn) && k < width;
                    let wanted = if own { lanes[usize::from(rows[k])][turn - 2] } else { -1.0 };
                    assert_eq!(*value, wanted, "{width} {count} {at}");
                }
                // too little memory is read and written one by one, as far as it goes
                sent.send(&lanes, 2, count, &mut data[..step * 2], &mut stage);
                // the same without gaps
                let mut dense = vec![-1.0; 1 + width * (LANES + 3)];
                let sent = Sent { matrix: 0, at: 1, step: width, rows: rows.clone() };
                sent.send(&lanes, 2, count, &mut dense, &mut stage);
                for (at, value) in dense.iter().enumerate() {
                    let (turn, k) = ((at.max(1) - 1) / width, (at.max(1) - 1) % width);
                    let own = at > 0 && (2..2 + count).contains(&turn);
                    let wanted = if own { lanes[usize::from(rows[k])][turn - 2] } else { -1.0 };
                    assert_eq!(*value, wanted, "{width} {count} {at}");
                }
                // past the caches
                let mut large = vec![-1.0; LARGE + 1];
                let sent = Sent { matrix: 0, at: 1, step: width, rows: rows.clone() };
                sent.send(&lanes, 2, count, &mut large, &mut stage);
                settle();
                for (at, value) in large.iter().enumerate().take(1 + width * (LANES + 3)) {
                    let (turn, k) = ((at.max(1) - 1) / width, (at.max(1) - 1) % width);
                    let own = at > 0 && (2..2 + count).contains(&turn);
                    let wanted = if own { lanes[usize::from(rows[k])][turn - 2] } else { -1.0 };
                    assert_eq!(*value, wanted, "{width} {count} {at}");
                }
                gathered.load(&memory[..20], 3, count, &mut lanes);
            }
        }
    }
}
