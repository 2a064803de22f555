//! Windows output by output, where these may be too large for a partial result, or their shape is known when compiling. Lanes
//! go over the channels: all of a pixel share their taps, so a window is clipped once per pixel, and its partial results stay in
//! registers from the first tap to the one store.
//!
//! ```text
//!   input                                      output
//!   pixel [channels........]  pixel  pixel
//!   pixel [channels........]  pixel  pixel  ->  pixel [channels........]
//! ```
//!
//! The same walk on lanes of one element serves every layout.

use super::lines::{Line, Lines, Load, fold, lift, merge, tree};
use super::{Work, put};
use crate::access::{Block, EndReader, NOTHING, Reader, RowsReader, Runs, gather, scatter};
use crate::element::Element;
use crate::lanes::{Array, Lanes, Register, array};
use crate::reduce::{Reduce, Reducer, SETTLED};
use crate::window::Taps;
use bytemuck::Zeroable;

/// Vectors of channels whose totals are kept side by side.
const VECTORS: usize = 32;

/// Most eights that enter a total together, where there is room for more than one.
const GROUP: usize = 4;

/// Pools every window, element by element: the same code for every instruction set.
#[inline(never)]
pub(super) fn one_by_one<T: Element, R: Reduce<T, T::One>>(reduce: R, work: &mut Work<'_, T>) {
    each_pixel::<T, T::One, R, false>(T::one(), reduce, work, false);
}

/// Pools every window, of which the channels go `together` if they are adjacent. All of it is inlined where the shape is `FIXED`.
#[inline(always)]
pub(super) fn each_pixel<T: Element, L: Lanes<T>, R: Reduce<T, L>, const FIXED: bool>(
    lanes: L,
    reduce: R,
    work: &mut Work<'_, T>,
    together: bool,
) {
    if FIXED {
        walk::<T, L, R, FIXED>(lanes, reduce, work, together);
    } else {
        lanes.enter(
            #[inline(always)]
            || walk::<T, L, R, FIXED>(lanes, reduce, work, together),
        );
    }
}

#[inline(always)]
fn walk<T: Element, L: Lanes<T>, R: Reduce<T, L>, const FIXED: bool>(
    lanes: L,
    reduce: R,
    work: &mut Work<'_, T>,
    together: bool,
) {
    let job = work.job;
    let cols = job.axes[2];
    let channels = if together { job.from.shape.channels } else { 1 };
    let always_small =
        !R::HAS_TOTALS || R::is_small(job.axes[0].kernel.saturating_mul(job.axes[1].kernel), cols.kernel);
    job.each_row(
        together,
        #[inline(always)]
        |row, to| {
            let lines = Lines::of(job, [row.cell[0], row.cell[1]], row.taps);
            let mut last: Option<(Taps, L::By)> = None;
            for x in 0..cols.output {
                let to = to + x * job.to.strides.spatial[2];
                let taps = cols.taps(x);
                if taps.real == 0 || row.is_empty() {
                    for c in 0..channels {
                        scatter(work.output, to + c * job.to.strides.channel, 1, 1, &[work.fill]);
                    }
                    continue;
                }
                // The divisor of neighbours is mostly the same, and the way to it is not short.
                let by = match last {
                    // What is known when compiling would be lost on the way through here.
                    _ if FIXED && R::DIVIDES => lanes.by(job.divisor::<T, R>([row.taps[0], row.taps[1], taps])),
                    Some((of, by)) if !R::DIVIDES || (of.real, of.padded) == (taps.real, taps.padded) => by,
                    _ if !R::DIVIDES => lanes.by(T::Divisor::default()),
                    _ => lanes.by(job.divisor::<T, R>([row.taps[0], row.taps[1], taps])),
                };
                last = Some((taps, by));
                let column = Line {
                    count: taps.real,
                    step: job.from.strides.spatial[2].wrapping_mul(cols.dilation),
                    cells: cols.dilation as u32,
                };
                let from = taps.start * job.from.strides.spatial[2];
                let small = always_small || R::is_small(row.taps[0].real.saturating_mul(row.taps[1].real), taps.real);
                // The column of a first tap is not that of the window, where it starts in the padding.
                let tap = (taps.start + cols.pad_start).wrapping_sub(x * cols.stride);
                let number = if cols.bins { lines.number } else { lines.number.wrapping_add(tap as u32) };
                let lines = Lines { from: lines.from.wrapping_add(from), number, ..lines };
                let mut pixel: Pixel<'_, '_, T, L, R, FIXED> =
                    Pixel { lanes, reduce, lines, column, small, by, work, to };
                pixel.channels(channels);
            }
        },
    );
}

/// One output of each channel.
struct Pixel<'p, 'w, T: Element, L: Lanes<T>, R: Reducer<T>, const FIXED: bool> {
    lanes: L,
    reduce: R,
    /// Of the first column.
    lines: Lines,
    column: Line,
    small: bool,
    by: L::By,
    work: &'p mut Work<'w, T>,
    /// Element of the first channel.
    to: usize,
}

impl<T: Element, L: Lanes<T>, R: Reduce<T, L>, const FIXED: bool> Pixel<'_, '_, T, L, R, FIXED> {
    /// Vectors side by side. Of runtime shapes only few windows have no total here: those that are clipped.
    const WIDE: usize = if R::IS_LIGHT && FIXED { L::TILE } else { 1 };

    #[inline(always)]
    fn channels(&mut self, channels: usize) {
        if R::HAS_TOTALS && !self.small {
            return if const { L::N > 1 && R::IS_LIGHT } {
                self.totals::<VECTORS>(channels);
            } else {
                self.totals::<1>(channels);
            };
        }
        let mut c = 0;
        if const { Self::WIDE == 4 }
            && let Some(reader) = Reader::<T, [Array<T, L>; 4]>::new(self.work.input)
        {
            while c + 4 * L::N <= channels {
                self.pool(&reader, c, 4 * L::N);
                c += 4 * L::N;
            }
        }
        if const { Self::WIDE == 2 }
            && let Some(reader) = Reader::<T, [Array<T, L>; 2]>::new(self.work.input)
        {
            while c + 2 * L::N <= channels {
                self.pool(&reader, c, 2 * L::N);
                c += 2 * L::N;
            }
        }
        let reader = EndReader::<T, Array<T, L>>::new(self.work.input);
        while c < channels {
            // The last vector overlaps its neighbour rather than leave a tail, if there is one.
            self.pool(&reader, c.min(channels.saturating_sub(L::N)), L::N.min(channels));
            c += L::N;
        }
    }

    /// `n` channels from channel `c` on, of a window that needs no total.
    #[inline(always)]
    fn pool<const V: usize>(&mut self, data: &impl Load<T, L, V>, c: usize, n: usize) {
        let (lanes, reduce, step) = (self.lanes, self.reduce, self.work.job.to.strides.channel);
        // The common windows without loops over their taps.
        let few = FIXED && L::TILE > 1 && R::IS_LIGHT && self.lines.depth.count == 1;
        let acc = match (few, self.lines.rows.count, self.column.count) {
            (true, 2, 2) => self.few::<2, 2, V>(data, c),
            (true, 3, 3) => self.few::<3, 3, V>(data, c),
            _ => self.columns(data, c),
        };
        let results = array!(V, |v| reduce.finish(lanes, acc[v], &self.by));
        put::<T, L, V>(lanes, results, self.work.output, self.to + c * step, step, n);
    }

    /// `COLUMNS` of `ROWS` taps.
    #[inline(always)]
    fn few<const ROWS: usize, const COLUMNS: usize, const V: usize>(
        &self,
        data: &impl Load<T, L, V>,
        c: usize,
    ) -> [R::Acc; V] {
        let (lanes, reduce, lines) = (self.lanes, self.reduce, self.lines);
        let columns = array!(COLUMNS, |x| {
            let at = lines.from.wrapping_add(c).wrapping_add(self.column.step.wrapping_mul(x));
            let mut acc = lift(lanes, reduce, data.load(lanes, at), lines.number);
            for y in 1..ROWS {
                let next = data.load(lanes, at.wrapping_add(lines.rows.step.wrapping_mul(y)));
                acc = merge(lanes, reduce, acc, lift(lanes, reduce, next, lines.number));
            }
            acc
        });
        let mut acc = columns[0];
        for column in &columns[1..] {
            acc = merge(lanes, reduce, acc, *column);
        }
        acc
    }

    /// Columns from top to bottom, then from left to right.
    #[inline(always)]
    fn columns<const V: usize>(&self, data: &impl Load<T, L, V>, c: usize) -> [R::Acc; V] {
        let (lanes, reduce) = (self.lanes, self.reduce);
        let (mut lines, mut left) = (self.lines, self.column.count);
        let mut acc = None;
        loop {
            let next = fold(lanes, reduce, data, &lines, c, None);
            let merged = match acc {
                None => next,
                Some(acc) => {
                    let acc: [R::Acc; V] = acc;
                    array!(V, |v| reduce.merge_columns(lanes, acc[v], next[v]))
                }
            };
            left -= 1;
            if left == 0 {
                return merged;
            }
            acc = Some(merged);
            lines.from = lines.from.wrapping_add(self.column.step);
            lines.number = lines.number.wrapping_add(self.column.cells);
        }
    }

    /// Eight taps after eight, row by row; those that are left one by one: each time of as many channels as `K` vectors hold, such
    /// that what is read next follows what was read.
    #[inline(always)]
    fn totals<const K: usize>(&mut self, channels: usize) {
        let (lanes, step) = (self.lanes, self.work.job.to.strides.channel);
        // The last vector overlaps its neighbour rather than leave a tail, if there is one.
        let last = channels.saturating_sub(L::N);
        for first in (0..channels).step_by(K * L::N) {
            let mut totals = [self.reduce.total(lanes, self.reduce.empty(lanes)); K];
            let n = (channels - first).div_ceil(L::N).min(K);
            let totals = totals.get_mut(..n).unwrap_or_default();
            let at = |k: usize| (first + k * L::N).min(last);
            let done = lanes.enter(
                #[inline(always)]
                || self.eights(totals, [first, last]),
            );
            debug_assert!(done.is_some(), "the channels are in the input");
            for (k, total) in totals.iter().enumerate() {
                let result = lanes.enter(
                    #[inline(always)]
                    || self.reduce.finish_total(lanes, *total, &self.by),
                );
                put::<T, L, 1>(lanes, [result], self.work.output, self.to + at(k) * step, step, L::N.min(channels));
            }
        }
    }

    /// Adds all taps of vectors that start at channel `first` and after it, at most at channel `last`.
    #[inline(always)]
    fn eights(&self, totals: &mut [R::Total], [first, last]: [usize; 2]) -> Option<()> {
        let (lanes, reduce, data) = (self.lanes, self.reduce, self.work.input);
        let mut walk = Walk { lines: self.lines, column: self.column, at: [0; 3], from: self.lines.from };
        let Lines { depth, rows, .. } = self.lines;
        let mut left = depth.count.saturating_mul(rows.count).saturating_mul(self.column.count);
        let mut copies = [<Array<T, L> as Zeroable>::zeroed(); 8];
        let (mut eights, width) = (0, last + L::N);
        while left >= 8 {
            let row = if const { L::N > 1 && R::IS_LIGHT } { self.row(&walk, width) } else { None };
            if let Some((runs, [groups, together])) = row {
                for group in 0..groups {
                    self.add(totals, [first, last], &mut eights, |channel| {
                        let mut acc = self.eight(runs.run([group, 0])?.column::<_, ()>(channel)?.map(|(x, ())| x))?;
                        for more in 1..together {
                            let column = runs.run([group, more])?.column::<_, ()>(channel)?;
                            acc = reduce.merge(lanes, acc, self.eight(column.map(|(x, ())| x))?);
                        }
                        Some(acc)
                    })?;
                }
                left -= 8 * groups * together;
                walk.skip(8 * groups * together);
            } else {
                let rows = self.rows(walk.eight(), width, &mut copies)?;
                left -= 8;
                self.add(totals, [first, last], &mut eights, |channel| self.eight(rows.columns(channel)?.each()))?;
            }
        }
        let data = EndReader::<T, Array<T, L>>::new(data);
        for _ in 0..left {
            let tap = walk.next();
            self.add(totals, [first, last], &mut 0, |channel| {
                let [x] = data.load(lanes, tap.wrapping_add(channel));
                Some(reduce.lift(lanes, x, self.lines.number))
            })?;
        }
        Some(())
    }

    /// Adds a partial result to the total of each vector.
    #[inline(always)]
    fn add(
        &self,
        totals: &mut [R::Total],
        [first, last]: [usize; 2],
        entered: &mut usize,
        partial: impl Fn(usize) -> Option<R::Acc>,
    ) -> Option<()> {
        let mut channel = first;
        for total in &mut *totals {
            *total = self.reduce.enter(self.lanes, *total, partial(channel.min(last))?);
            channel += L::N;
        }
        *entered += 1;
        if entered.is_multiple_of(SETTLED) {
            for total in totals {
                *total = self.reduce.settle(self.lanes, *total);
            }
        }
        Some(())
    }

    /// The eights that are left of a row, of which as many enter together as a partial result has room for; fewer where those of a vector
    /// would reach past the end of the input.
    #[inline(always)]
    fn row(&self, walk: &Walk, width: usize) -> Option<(Runs<'_, T, ()>, [usize; 2])> {
        let (eights, step) = (self.column.count.saturating_sub(walk.at[2]) / 8, self.column.step);
        let together = eights.min(const { if R::EIGHTS < GROUP { R::EIGHTS } else { GROUP } });
        let (mut groups, eight) = (eights.checked_div(together)?, step.wrapping_mul(8));
        let from = [eight.wrapping_mul(together), eight];
        while groups > 0 {
            let block = Block { count: [groups, together], from, to: [0; 2] };
            if let Some(runs) = Runs::new((self.work.input, &NOTHING), &block, walk.from, [8, step], width) {
                return Some((runs, [groups, together]));
            }
            groups /= 2;
        }
        None
    }

    /// As many elements of eight taps; from copies, where those of a vector would reach past the end of the input.
    #[inline(always)]
    fn rows<'r>(
        &'r self,
        taps: [usize; 8],
        width: usize,
        copies: &'r mut [Array<T, L>; 8],
    ) -> Option<RowsReader<'r, T, 8>> {
        let data = self.work.input;
        if width > L::N || taps.iter().all(|tap| tap.saturating_add(L::N) <= data.len()) {
            return RowsReader::new(data, width, |i| taps[i]);
        }
        for (tap, copy) in taps.iter().zip(copies.iter_mut()) {
            *copy = gather(data, *tap, 1, data.len().saturating_sub(*tap));
        }
        RowsReader::new(bytemuck::must_cast_slice(copies), L::N, |i| i * L::N)
    }

    /// Neighbours, then neighbours of these, then both halves: of eight vectors.
    #[inline(always)]
    fn eight<'r>(&self, mut arrays: impl Iterator<Item = &'r Array<T, L>>) -> Option<R::Acc> {
        let mut next = || Some(self.reduce.lift(self.lanes, L::V::load(self.lanes, arrays.next()?), self.lines.number));
        // Of heavy ones in a loop, for each tap is long.
        let mut taps = [next()?; 8];
        for tap in taps.iter_mut().skip(1) {
            *tap = next()?;
        }
        Some(tree(
            taps,
            #[inline(always)]
            |a, b| self.reduce.merge(self.lanes, a, b),
        ))
    }
}

/// The taps of a window, row by row.
struct Walk {
    lines: Lines,
    column: Line,
    /// How many slices, rows and columns are done.
    at: [usize; 3],
    /// Element of the next tap.
    from: usize,
}

impl Walk {
    /// The elements of eight taps: a call of its own, such that there is one way from row to row.
    #[inline(never)]
    fn eight(&mut self) -> [usize; 8] {
        if self.at[2] + 8 < self.column.count {
            // All of one row, and the next tap too.
            let (first, step) = (self.from, self.column.step);
            self.at[2] += 8;
            self.from = first.wrapping_add(step.wrapping_mul(8));
            return core::array::from_fn(|i| first.wrapping_add(step.wrapping_mul(i)));
        }
        let mut eight = [0; 8];
        for at in &mut eight {
            *at = self.next();
        }
        eight
    }

    /// Goes past `n` taps of a row.
    #[inline(never)]
    fn skip(&mut self, n: usize) {
        let before = n - 1;
        self.at[2] += before;
        self.from = self.from.wrapping_add(self.column.step.wrapping_mul(before));
        self.next();
    }

    /// The element of the next tap.
    #[inline(never)]
    fn next(&mut self) -> usize {
        let next = self.from;
        let back = |line: Line| (line.count.wrapping_sub(1)).wrapping_mul(line.step);
        self.at[2] += 1;
        if self.at[2] < self.column.count {
            self.from = next.wrapping_add(self.column.step);
            return next;
        }
        self.at = [self.at[0], self.at[1] + 1, 0];
        self.from = next.wrapping_sub(back(self.column)).wrapping_add(self.lines.rows.step);
        if self.at[1] >= self.lines.rows.count {
            self.at = [self.at[0] + 1, 0, 0];
            let first = self.from.wrapping_sub(back(self.lines.rows)).wrapping_sub(self.lines.rows.step);
            self.from = first.wrapping_add(self.lines.depth.step);
        }
        next
    }
}
