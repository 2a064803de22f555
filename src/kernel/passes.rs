//! The work on the tile: flat loops over vectors, each a function of its own for an element, a reducer and lanes.
//!
//! ```text
//!   fold      line    [ run ]                           results   tile  a b c d e f g h
//!             below   [ run ]  ->  cells of the tile                    \_____/              one output
//!             ...     [ run ]                                             \_____/            the next
//! ```

use super::lines::{Lines, Load, fold, lift, merge, vectors};
use super::tile::{Block, Elements, Passes, Run, Traits};
use super::{Job, Work, put};
use crate::access::{Reader, RowsReader, scatter};
use crate::element::Element;
use crate::lanes::{Array, Cache, LINE, Lanes, SumArray, array, prefetch};
use crate::reduce::{Cells, Reduce, Reducer, Tile};
use core::ops::Range;

/// Most vectors side by side.
const WIDE: usize = 4;

/// Bytes of an input from which on it is asked for ahead: it is not in the caches that are near.
const CACHED: usize = 1 << 20;
/// How many bytes ahead.
const AHEAD: usize = 4096;

/// A reducer on lanes, with what it works on.
pub(super) struct Pass<'p, 'w, 't, T: Element, L: Lanes<T>, R: Reducer<T>> {
    pub(super) lanes: L,
    pub(super) reduce: R,
    pub(super) work: &'p mut Work<'w, T>,
    pub(super) beside: &'p mut R::Beside,
    pub(super) tile: Tile<'t, R::Cell, R::Side>,
}

/// What the walk must know.
pub(super) fn traits<T: Element, L: Lanes<T>, R: Reducer<T>>() -> Traits {
    Traits {
        cell: size_of::<R::Cell>().max(size_of::<R::Side>()),
        lanes: L::N,
        slack: WIDE * L::N,
        pads: R::PADS,
        divides: R::DIVIDES,
        twice: R::TWICE,
        beside: R::HAS_SIDE,
        edges: R::DIVIDES && T::HAS_NAN && L::N > 1,
    }
}

/// Calls `$each` for the tiles of a run, of `$wide` vectors side by side; the last vector overlaps its neighbour rather than
/// leave a tail, but from `$from` on.
macro_rules! each_tile {
    ($from:expr, $end:expr, $N:expr, $wide:expr, |$i:ident, $V:ident| $each:expr) => {
        let (mut done, end) = ($from, $end);
        if $wide == 4 {
            const $V: usize = 4;
            while done + 4 * $N <= end {
                let $i = done;
                $each;
                done += 4 * $N;
            }
        } else if $wide == 2 {
            const $V: usize = 2;
            while done + 2 * $N <= end {
                let $i = done;
                $each;
                done += 2 * $N;
            }
        }
        while done < end {
            const $V: usize = 1;
            let $i = done.min(end.saturating_sub($N).max($from));
            $each;
            done += $N;
        }
    };
}

impl<T: Element, L: Lanes<T>, R: Reduce<T, L> + Reduce<T, T::One>> Passes for Pass<'_, '_, '_, T, L, R> {
    fn fold(&mut self, lines: &Lines, block: &Block, run: Elements, to: usize, down: Option<usize>) {
        let lanes = self.lanes;
        let lines = Lines { from: lines.from.wrapping_add(run.from), ..*lines };
        // A short run is read past its end, where there is more.
        let (short, down) = if run.len < L::N { (L::N, None) } else { (run.len, down) };
        let (inside, rest) = match run.step {
            1 => split(&lines, block, run, short, self.work.input.len()),
            _ => ([0; 2], Some(([0; 2], block.count))),
        };
        let inside = &Block { count: inside, ..*block };
        lanes.enter(
            #[inline(always)]
            || {
                let data = self.work.input;
                let fold = Fold { lanes, reduce: self.reduce, data, ahead: size_of_val(data) > CACHED };
                let (mut tile, mut lines, mut to) = (self.tile.reborrow(), lines, to);
                for _ in 0..run.runs {
                    fold.rows(&lines, inside, run.len, &mut tile, to, down);
                    (lines.from, to) = (lines.from.wrapping_add(run.apart), to + run.len);
                }
            },
        );
        // Afterwards, for a run may have been written past its end.
        if let Some((first, count)) = rest {
            let skip = |step: [usize; 2]| first[0].wrapping_mul(step[0]).wrapping_add(first[1].wrapping_mul(step[1]));
            let from = lines.from.wrapping_add(skip(block.from));
            let number = lines.number.wrapping_add(lines.next.wrapping_mul(first[1] as u32));
            let (lines, to) = (Lines { from, number, ..lines }, to + skip(block.to));
            fold_each(self.reduce, self.work.input, &mut self.tile, &lines, &Block { count, ..*block }, run, to);
        }
    }

    fn pad(&mut self, block: &Block, cells: Range<usize>) {
        for plane in 0..block.count[0] {
            for row in 0..block.count[1] {
                let first = plane * block.to[0] + row * block.to[1];
                for cell in self.tile.cells.get_mut(first + cells.start..first + cells.end).unwrap_or_default() {
                    *cell = R::EMPTY;
                }
            }
        }
    }

    fn fold_in_place(&mut self, len: usize, taps: usize, apart: usize) {
        let lanes = self.lanes;
        lanes.enter(
            #[inline(always)]
            || {
                let (reduce, mut tile) = (self.reduce, self.tile.reborrow());
                let dilation = self.work.job.axes[2].dilation as u32;
                let window = Window { lanes, reduce, taps, apart, first: 0, dilation };
                // Cells are read before they are written, and none that was is read again: a vector may lie past the end, but none
                // overlaps its neighbour.
                let end = len.div_ceil(L::N) * L::N;
                each_tile!(0, end, L::N, wide::<T, L, R>(), |i, V| {
                    let acc = window.fold::<T, V>(tile.cells(), i);
                    Reduce::<T, L>::store(reduce, lanes, acc, &mut tile, i);
                });
            },
        );
    }

    fn compact(&mut self, rows: usize, pitch: usize, outputs: usize, skip: usize, width: usize) {
        for row in 0..rows {
            for i in 1..outputs {
                for j in 0..width {
                    move_cell(self.tile.cells, row * pitch + i * skip + j, row * pitch + i * width + j);
                }
            }
        }
    }

    fn results(&mut self, block: &Block, run: &Run) {
        if run.outputs * run.width == 1 && run.edges.is_none() {
            return results_each(self.reduce, self.work, self.tile.cells(), self.beside, block, run);
        }
        let lanes = self.lanes;
        lanes.enter(
            #[inline(always)]
            || self.rows(block, run),
        );
    }

    fn halve(&mut self, lines: &Lines, block: &Block, run: &Run) {
        let lanes = self.lanes;
        // The walk does not ask for it where something is written beside results.
        if !R::HAS_SIDE {
            lanes.enter(
                #[inline(always)]
                || self.halves(lines, block, run),
            );
        }
    }

    fn fill(&mut self, to: usize, step: usize, n: usize) {
        for i in 0..n {
            scatter(self.work.output, to + i * step, 1, 1, &[self.work.fill]);
        }
    }
}

/// Vectors side by side, where these are worth their code.
const fn wide<T: Element, L: Lanes<T>, R: Reducer<T>>() -> usize {
    if R::IS_LIGHT { L::TILE } else { 1 }
}

/// The end of the last element of any line of a block; `None` where that is further than can be counted.
fn reaches(lines: &Lines, block: &Block, run: Elements, len: usize) -> Option<usize> {
    let mut end = lines.from.checked_add(len)?;
    let axes = [(lines.depth.count, lines.depth.step), (lines.rows.count, lines.rows.step)];
    let rows = [(block.count[0], block.from[0]), (block.count[1], block.from[1]), (run.runs, run.apart)];
    for (count, step) in axes.into_iter().chain(rows) {
        end = end.checked_add(count.saturating_sub(1).checked_mul(step)?)?;
    }
    Some(end)
}

/// How many planes and rows of a block can be read in runs of `len`; and the others, if there are any: the first of them, and how
/// many. Only the last ones reach past the end of the input.
fn split(lines: &Lines, block: &Block, run: Elements, len: usize, end: usize) -> ([usize; 2], Option<Others>) {
    let axis = usize::from(block.count[0] == 1);
    let mut inside = *block;
    while inside.count[axis] > 0 && reaches(lines, &inside, run, len).is_none_or(|reach| reach > end) {
        inside.count[axis] -= 1;
    }
    let (mut first, mut others) = ([0; 2], block.count);
    (first[axis], others[axis]) = (inside.count[axis], block.count[axis] - inside.count[axis]);
    (inside.count, (others[axis] > 0).then_some((first, others)))
}

/// The first plane and row, and how many of each.
type Others = ([usize; 2], [usize; 2]);

/// A fold of lines, on vectors.
#[derive(Clone, Copy)]
struct Fold<'a, T, L, R> {
    lanes: L,
    reduce: R,
    data: &'a [T],
    /// Whether memory is asked for ahead.
    ahead: bool,
}

impl<T: Element, L: Lanes<T>, R: Reduce<T, L>> Fold<'_, T, L, R> {
    #[inline(always)]
    fn rows(
        self,
        lines: &Lines,
        block: &Block,
        len: usize,
        tile: &mut Tile<'_, R::Cell, R::Side>,
        to: usize,
        down: Option<usize>,
    ) {
        let few = if lines.depth.count == 1 && wide::<T, L, R>() > 1 { lines.rows.count } else { 0 };
        for plane in 0..block.count[0] {
            let mut lines = *lines;
            lines.from = lines.from.wrapping_add(plane.wrapping_mul(block.from[0]));
            let mut to = to + plane * block.to[0];
            let mut row = 0;
            while row < block.count[1] {
                // What a row shares with the next is folded once for both.
                let pair = if row + 1 < block.count[1] { down } else { None };
                // The common numbers of lines without a loop over them.
                match (few, pair) {
                    (2, _) => self.few::<2>(&lines, len, tile, to),
                    (3, None) => self.few::<3>(&lines, len, tile, to),
                    _ => {
                        // All lines; or those that are shared, then those of the next row alone, and of this one.
                        let (all, next) = (lines.rows.count, to + block.to[1]);
                        let parts = match pair {
                            None => [(0, all, None, to); 3],
                            Some(down) => [
                                (down, all.saturating_sub(down), None, to),
                                (all, down, Some(to), next),
                                (0, down, Some(to), to),
                            ],
                        };
                        for (first, count, on, to) in parts.into_iter().take(if pair.is_some() { 3 } else { 1 }) {
                            self.any(&lines.part(first, count), on, len, tile, to);
                        }
                    }
                }
                let rows = if pair.is_some() { 2 } else { 1 };
                lines.from = lines.from.wrapping_add(block.from[1].wrapping_mul(rows));
                lines.number = lines.number.wrapping_add(lines.next.wrapping_mul(rows as u32));
                (to, row) = (to + rows * block.to[1], row + rows);
            }
        }
    }

    /// `K` lines.
    #[inline(always)]
    fn few<const K: usize>(self, lines: &Lines, len: usize, tile: &mut Tile<'_, R::Cell, R::Side>, to: usize) {
        let Self { lanes, reduce, data, ahead } = self;
        let start = |k: usize| lines.from.wrapping_add(k.wrapping_mul(lines.rows.step));
        let Some(rows) = RowsReader::<T, K>::new(data, len.max(L::N), start) else { return };
        each_tile!(0, len, L::N, wide::<T, L, R>(), |i, V| {
            let Some(columns) = rows.columns::<[Array<T, L>; V]>(i) else { return };
            let all = columns.all();
            if V > 1 && ahead {
                for array in all {
                    for line in 0..size_of_val(array).div_ceil(LINE) {
                        prefetch(Cache::First, array.as_ptr().cast::<u8>().wrapping_add(AHEAD + line * LINE));
                    }
                }
            }
            let mut acc = lift(lanes, reduce, vectors::<T, L, V>(lanes, all[0]), 0);
            for below in &all[1..] {
                acc = merge(lanes, reduce, acc, lift(lanes, reduce, vectors::<T, L, V>(lanes, below), 0));
            }
            reduce.store(lanes, acc, tile, to + i);
        });
    }

    /// Any lines, after what lies in the tile from cell `on` on, if anything.
    #[inline(always)]
    fn any(self, lines: &Lines, on: Option<usize>, len: usize, tile: &mut Tile<'_, R::Cell, R::Side>, to: usize) {
        let Self { lanes, reduce, data, .. } = self;
        each_tile!(0, len, L::N, wide::<T, L, R>(), |i, V| {
            let Some(reader) = Reader::<T, [Array<T, L>; V]>::new(data) else { return };
            // No closure: it might not be inlined, and lack the instructions.
            let acc = match on {
                Some(on) => {
                    let above = reduce.load::<V>(lanes, tile.cells(), on + i);
                    fold(lanes, reduce, &reader, lines, i, Some(above))
                }
                None => fold(lanes, reduce, &reader, lines, i, None),
            };
            reduce.store(lanes, acc, tile, to + i);
        });
    }
}

/// Element by element: the same code for every instruction set.
#[inline(never)]
fn fold_each<T: Element, R: Reduce<T, T::One>>(
    reduce: R,
    data: &[T],
    tile: &mut Tile<'_, R::Cell, R::Side>,
    lines: &Lines,
    block: &Block,
    run: Elements,
    to: usize,
) {
    let one = T::one();
    let Some(reader) = Reader::<T, [Array<T, T::One>; 1]>::new(data) else { return };
    for plane in 0..block.count[0] {
        for row in 0..block.count[1] {
            let more = plane.wrapping_mul(block.from[0]).wrapping_add(row.wrapping_mul(block.from[1]));
            let number = lines.number.wrapping_add(lines.next.wrapping_mul(row as u32));
            let lines = Lines { from: lines.from.wrapping_add(more), number, ..*lines };
            for i in 0..run.runs * run.len {
                let (apart, i_in_run) = match run.runs {
                    1 => (0, i),
                    _ => (i.checked_div(run.len).unwrap_or(0) * run.apart, i.checked_rem(run.len).unwrap_or(0)),
                };
                let acc = fold(one, reduce, &reader, &lines, apart + i_in_run * run.step, None);
                reduce.store::<1>(one, acc, tile, to + plane * block.to[0] + row * block.to[1] + i);
            }
        }
    }
}

/// The only output of each row: the same code for every instruction set.
#[inline(never)]
fn results_each<T: Element, R: Reduce<T, T::One>>(
    reduce: R,
    work: &mut Work<'_, T>,
    tile: Cells<'_, R::Cell, R::Side>,
    beside: &mut R::Beside,
    block: &Block,
    run: &Run,
) {
    let one = T::one();
    let by = one.by(divisor::<T, R>(work.job, run));
    let Run { taps, apart, tap, mut place, .. } = *run;
    let window = Window { lanes: one, reduce, taps, apart, first: tap, dilation: work.job.axes[2].dilation as u32 };
    let [n, c, z, y, x] = place.cell;
    for plane in 0..block.count[0] {
        for row in 0..block.count[1] {
            let acc = window.fold::<T, 1>(tile, run.at + plane * block.from[0] + row * block.from[1]);
            let to = run.to + plane * block.to[0] + row * block.to[1];
            put::<T, T::One, 1>(one, [reduce.finish(one, acc[0], &by)], work.output, to, 1, 1);
            place.cell = [n, c + plane, z, y + row, x];
            reduce.aside(one, &acc, 1, beside, place);
        }
    }
}

/// The divisor of a run; any, where nothing is divided.
#[inline(always)]
fn divisor<T: Element, R: Reducer<T>>(job: &Job, run: &Run) -> T::Divisor {
    if R::DIVIDES { T::divisor(&job.finish, run.count, run.real) } else { T::Divisor::default() }
}

/// How the columns of windows lie in the tile.
#[derive(Clone, Copy)]
struct Window<L, R> {
    lanes: L,
    reduce: R,
    taps: usize,
    apart: usize,
    /// Number of the first tap, and columns from one to the next.
    first: usize,
    dilation: u32,
}

impl<L: Copy, R: Copy> Window<L, R> {
    /// Folds the columns of `V` vectors from cell `at` on.
    #[inline(always)]
    fn fold<T: Element, const V: usize>(
        &self,
        tile: Cells<'_, <R as Reducer<T>>::Cell, <R as Reducer<T>>::Side>,
        mut at: usize,
    ) -> [<R as Reduce<T, L>>::Acc; V]
    where
        L: Lanes<T>,
        R: Reduce<T, L>,
    {
        let Self { lanes, reduce, taps, apart, first, dilation } = *self;
        let mut along = (first as u32).wrapping_mul(dilation);
        let loaded = reduce.load::<V>(lanes, tile, at);
        let mut acc = array!(V, |v| reduce.along(lanes, loaded[v], along));
        for _ in 1..taps {
            (at, along) = (at + apart, along.wrapping_add(dilation));
            let next = reduce.load::<V>(lanes, tile, at);
            acc = array!(V, |v| reduce.merge_columns(lanes, acc[v], reduce.along(lanes, next[v], along)));
        }
        acc
    }
}

impl<T: Element, L: Lanes<T>, R: Reduce<T, L>> Pass<'_, '_, '_, T, L, R> {
    /// Results of each row of a block.
    #[inline(always)]
    fn rows(&mut self, block: &Block, run: &Run) {
        let (lanes, reduce, job) = (self.lanes, self.reduce, self.work.job);
        let by = lanes.by(divisor::<T, R>(job, run));
        let pairs = !R::HAS_SIDE && run.skip == 2 && run.width == 1 && L::N > 1;
        let flat = (run.skip == run.width || pairs) && run.follows;
        // Each output by itself, or all together.
        let (count, len) = if flat { (1, run.outputs * run.width) } else { (run.outputs, run.width) };
        // The output's channels or columns, or both, which lie side by side then.
        let step = match (flat, run.width) {
            (false, _) => run.to_channel,
            (true, 1) => run.to_col,
            (true, _) => 1,
        };
        let mut parts = [(0..len, by), (0..0, by), (0..0, by)];
        if R::DIVIDES
            && let (Some(rows), true) = (run.edges, flat)
            && let (Some(first), Some(last)) = (self.by_edge(false, rows), self.by_edge(true, rows))
        {
            let vector = L::N.min(len);
            parts = [(0..vector, first), (vector..vector.max(len - vector), by), (len - vector..len, last)];
            if vector == len {
                parts[2].0 = 0..0;
            }
        }
        let Run { taps, apart, tap, skip, to_col, mut place, .. } = *run;
        let window = Window { lanes, reduce, taps, apart, first: tap, dilation: job.axes[2].dilation as u32 };
        let (tile, beside) = (self.tile.cells(), &mut *self.beside);
        let output: &mut [T] = self.work.output;
        for plane in 0..block.count[0] {
            for row in 0..block.count[1] {
                let mut at = run.at + plane * block.from[0] + row * block.from[1];
                let mut to = run.to + plane * block.to[0] + row * block.to[1];
                let [n, c, z, y, x] = run.place.cell;
                place.cell = [n, c + plane, z, y + row, x];
                for _ in 0..count {
                    for (range, by) in &parts {
                        let (from, end) = (range.start, range.end);
                        if !R::HAS_SIDE && pairs {
                            each_tile!(from, end, L::N, 1, |i, V| {
                                // Of two columns, one is at even places and the other one at odd ones.
                                let acc = if taps == 2 && apart == 1 {
                                    let [a, b] = reduce.load::<2>(lanes, tile, at + 2 * i);
                                    let (even, odd) = reduce.unzip(lanes, a, b);
                                    reduce.merge_columns(lanes, even, odd)
                                } else {
                                    let [a, b] = window.fold::<T, 2>(tile, at + 2 * i);
                                    reduce.unzip(lanes, a, b).0
                                };
                                let result = reduce.finish(lanes, acc, by);
                                put::<T, L, V>(lanes, [result; V], output, to + i * step, step, L::N.min(end - i));
                            });
                            continue;
                        }
                        each_tile!(from, end, L::N, wide::<T, L, R>(), |i, V| {
                            let (acc, n) = (window.fold::<T, V>(tile, at + i), (V * L::N).min(end - i));
                            let results = array!(V, |v| reduce.finish(lanes, acc[v], by));
                            put::<T, L, V>(lanes, results, output, to + i * step, step, n);
                            let mut place = place;
                            place.cell[if place.along_channels { 1 } else { 4 }] += i;
                            reduce.aside(lanes, &acc, n, beside, place);
                        });
                    }
                    (at, to) = (at + skip, to + to_col);
                    place.cell[4] += 1;
                }
            }
        }
    }

    /// Windows of two columns, and of the lines that there are, straight from these.
    #[inline(always)]
    fn halves(&mut self, lines: &Lines, block: &Block, run: &Run) {
        let (lanes, reduce, data) = (self.lanes, self.reduce, self.work.input);
        let by = lanes.by(divisor::<T, R>(self.work.job, run));
        let ahead = size_of_val(data) > CACHED;
        let (output, step): (&mut [T], _) = (self.work.output, run.to_col);
        for plane in 0..block.count[0] {
            for row in 0..block.count[1] {
                let mut lines = *lines;
                lines.from += plane * block.from[0] + row * block.from[1];
                let to = run.to + plane * block.to[0] + row * block.to[1];
                each_tile!(0, run.outputs, L::N, 1, |i, V| {
                    let Some(reader) = Reader::<T, [Array<T, L>; 2]>::new(data) else { return };
                    if ahead {
                        let next = data.as_ptr().wrapping_add(lines.from + 2 * i).cast::<u8>().wrapping_add(AHEAD);
                        prefetch(Cache::First, next);
                    }
                    let [a, b] = if lines.rows.count == 2 {
                        let at = lines.from + 2 * i;
                        let low = lift(lanes, reduce, reader.load(lanes, at), 0);
                        merge(lanes, reduce, low, lift(lanes, reduce, reader.load(lanes, at + lines.rows.step), 0))
                    } else {
                        fold(lanes, reduce, &reader, &lines, 2 * i, None)
                    };
                    let (even, odd) = reduce.unzip(lanes, a, b);
                    let result = reduce.finish(lanes, reduce.merge_columns(lanes, even, odd), &by);
                    put::<T, L, V>(lanes, [result; V], output, to + i * step, step, L::N);
                });
            }
        }
    }

    /// The divisors of the first columns, or of the last, by what the rows count.
    #[inline(always)]
    fn by_edge(&self, last: bool, rows: usize) -> Option<L::By> {
        let job = self.work.job;
        let first = if last { job.axes[2].output.saturating_sub(L::N) } else { 0 };
        let mut counts = <SumArray<T, L> as bytemuck::Zeroable>::zeroed();
        count_each::<T>(job, first, rows, counts.as_mut());
        self.lanes.by_each(&counts)
    }
}

/// What the windows of columns are divided by, from column `first` on, by what their rows count.
#[inline(never)]
fn count_each<T: Element>(job: &Job, first: usize, rows: usize, counts: &mut [T::Sum]) {
    let cols = job.axes[2];
    for (i, to) in counts.iter_mut().enumerate() {
        let count = job.divisor.along(&cols, cols.taps((first + i).min(cols.output - 1)));
        *to = T::count(count.wrapping_mul(rows));
    }
}

/// Copies a cell to another one.
#[inline(always)]
fn move_cell<C: Copy>(cells: &mut [C], from: usize, to: usize) {
    if let Some(cell) = cells.get(from).copied()
        && let Some(to) = cells.get_mut(to)
    {
        *to = cell;
    }
}
