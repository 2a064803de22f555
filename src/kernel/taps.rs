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
use crate::access::{EndReader, Reader, scatter};
use crate::element::Element;
use crate::lanes::{Array, Lanes, array};
use crate::reduce::{Reduce, Reducer, SETTLED};
use crate::window::Taps;

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
    let inside = cols.interior();
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
                let taps = if inside.contains(&x) && !cols.bins {
                    Taps { start: x * cols.stride - cols.pad_start, real: cols.kernel, padded: cols.kernel }
                } else {
                    cols.taps(x)
                };
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
    /// Vectors side by side. Where there are totals, lanes of one element go side by side only if none is needed: its code is long.
    const WIDE: usize = if R::IS_LIGHT && (L::N > 1 || FIXED) { L::TILE } else { 1 };

    #[inline(always)]
    fn channels(&mut self, channels: usize) {
        let mut c = 0;
        if const { Self::WIDE == 4 }
            && (L::N > 1 || self.small)
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

    /// `n` channels from channel `c` on.
    #[inline(always)]
    fn pool<const V: usize>(&mut self, data: &impl Load<T, L, V>, c: usize, n: usize) {
        let (lanes, reduce, step) = (self.lanes, self.reduce, self.work.job.to.strides.channel);
        // Lanes of one element go side by side only where no total is needed: its code is long.
        let results = if !R::HAS_TOTALS || const { V > 1 && L::N == 1 } || self.small {
            // The common windows without loops over their taps.
            let few = FIXED && L::TILE > 1 && R::IS_LIGHT && self.lines.depth.count == 1;
            let acc = match (few, self.lines.rows.count, self.column.count) {
                (true, 2, 2) => self.few::<2, 2, V>(data, c),
                (true, 3, 3) => self.few::<3, 3, V>(data, c),
                _ => self.columns(data, c),
            };
            array!(V, |v| reduce.finish(lanes, acc[v], &self.by))
        } else {
            lanes.enter(
                #[inline(always)]
                || {
                    let totals = self.eights(data, c);
                    array!(V, |v| reduce.finish_total(lanes, totals[v], &self.by))
                },
            )
        };
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

    /// Eight taps after eight, row by row; those that are left one by one.
    #[inline(always)]
    fn eights<const V: usize>(&self, data: &impl Load<T, L, V>, c: usize) -> [R::Total; V] {
        let mut walk =
            Walk { lines: self.lines, column: self.column, at: [0; 3], from: self.lines.from.wrapping_add(c) };
        let count = |line: Line| line.count;
        let mut left =
            count(self.lines.depth).saturating_mul(count(self.lines.rows)).saturating_mul(count(self.column));
        let (mut total, mut eights) = (None, 0usize);
        while left >= 8 {
            let mut acc = self.eight(data, &mut walk);
            left -= 8;
            let mut more = 1;
            while more < R::EIGHTS && left >= 8 {
                acc = self.both(acc, self.eight(data, &mut walk));
                (more, left) = (more + 1, left - 8);
            }
            let entered = self.enter(total, acc);
            eights += 1;
            let settles = eights.is_multiple_of(SETTLED);
            total = Some(if settles { array!(V, |v| self.reduce.settle(self.lanes, entered[v])) } else { entered });
        }
        while left > 0 {
            let acc = self.one(data, walk.next());
            total = Some(self.enter(total, acc));
            left -= 1;
        }
        match total {
            Some(total) => total,
            // There is a tap; this is for the compiler.
            None => self.enter(None, self.one(data, walk.next())),
        }
    }

    #[inline(always)]
    fn enter<const V: usize>(&self, total: Option<[R::Total; V]>, acc: [R::Acc; V]) -> [R::Total; V] {
        match total {
            Some(total) => array!(V, |v| self.reduce.enter(self.lanes, total[v], acc[v])),
            None => array!(V, |v| self.reduce.total(self.lanes, acc[v])),
        }
    }

    #[inline(always)]
    fn both<const V: usize>(&self, a: [R::Acc; V], b: [R::Acc; V]) -> [R::Acc; V] {
        array!(V, |v| self.reduce.merge(self.lanes, a[v], b[v]))
    }

    /// Neighbours, then neighbours of these, then both halves.
    #[inline(always)]
    fn eight<const V: usize>(&self, data: &impl Load<T, L, V>, walk: &mut Walk) -> [R::Acc; V] {
        let at = walk.eight();
        if !R::IS_LIGHT {
            // In a loop, for each tap is long.
            let mut taps = [self.one(data, at[0]); 8];
            for (tap, at) in taps.iter_mut().zip(at).skip(1) {
                *tap = self.one(data, at);
            }
            return tree(
                taps,
                #[inline(always)]
                |a, b| self.both(a, b),
            );
        }
        let half = self.four(data, [at[0], at[1], at[2], at[3]]);
        self.both(half, self.four(data, [at[4], at[5], at[6], at[7]]))
    }

    #[inline(always)]
    fn four<const V: usize>(&self, data: &impl Load<T, L, V>, at: [usize; 4]) -> [R::Acc; V] {
        let half = self.both(self.one(data, at[0]), self.one(data, at[1]));
        self.both(half, self.both(self.one(data, at[2]), self.one(data, at[3])))
    }

    #[inline(always)]
    fn one<const V: usize>(&self, data: &impl Load<T, L, V>, at: usize) -> [R::Acc; V] {
        let vectors = data.load(self.lanes, at);
        array!(V, |v| self.reduce.lift(self.lanes, vectors[v], self.lines.number))
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
