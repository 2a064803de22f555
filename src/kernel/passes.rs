//! The work: flat loops over the runs of a block, each a function of its own for an element, a reducer and lanes.
//!
//! ```text
//!   fold      line    [ run ]                           results   tile  a b c d e f g h
//!             below   [ run ]  ->  cells of the tile                    \_____/              one output
//!             ...     [ run ]                                             \_____/            the next
//!
//!   windows   line    [ run ] . [ run ] . [ run ]
//!             below   [ run ] . [ run ] . [ run ]  ->  outputs: all taps of each run at once
//! ```
//!
//! Numbers that are common (two or three lines, or columns) are constants of a loop; others share one. Each function makes its own copies of
//! what it uses within its lanes: what lies behind a reference would be read again for each vector.

use super::Work;
use super::divisors::{COUNTS, Divisors, by, has_counts};
use super::lines::{Line, lift, merge, vectors};
use super::narrow::AT_ONCE;
use super::patches::Patches;
use super::runs::{Elements, Fill, Outputs, Passes};
use super::tile::Traits;
use super::windows::{Direct, Windows};
use crate::access::{Block, Column, NOTHING, Run, RunMut, Runs, RunsMut, scatter_slice};
use crate::element::Element;
use crate::lanes::{Array, Cache, LINE, Lanes, Register, array, hidden, prefetch};
use crate::reduce::{Reduce, Reducer, Tile};
use bytemuck::Zeroable;

/// Most vectors side by side.
pub(super) const WIDE: usize = 4;

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
        element: size_of::<T>(),
        cell: size_of::<R::Cell>().max(size_of::<R::Side>()),
        lanes: L::N,
        slack: WIDE * L::N,
        halves: tuned::<T, L, R>(),
        narrow: has_narrow::<T, L, R>(),
        patches: has_patches::<T, L, R>(),
        pads: R::PADS,
        divides: R::DIVIDES,
        twice: R::TWICE,
        repeats: R::REPEATS,
        beside: R::HAS_SIDE,
        edges: has_counts::<T, L, R>(),
    }
}

/// Calls `$each` for each run of a block.
macro_rules! each_run {
    ($count:expr, |$run:ident| $each:block) => {
        let count = $count;
        for a in 0..count[0] {
            for b in 0..count[1] {
                let $run = [a, b];
                $each
            }
        }
    };
}

/// Calls `$each` for the tiles of a run, of `$wide` vectors side by side; what is left of it is one vector, or as many as overlap what is
/// before them, unless nothing may be done twice. The last vector overlaps its neighbour too rather than leave a tail, if there is one.
macro_rules! each_tile {
    ($end:expr, $N:expr, $wide:expr, twice $twice:expr, |$i:ident, $V:ident| $each:expr) => {
        let (mut done, end) = (0, $end);
        if $wide == 4 {
            const $V: usize = 4;
            each_tile!(@ 4 * $N, done, end, if $twice { $N } else { 4 * $N - 1 }, |$i| $each);
        } else if $wide == 2 {
            const $V: usize = 2;
            each_tile!(@ 2 * $N, done, end, if $twice { $N } else { 2 * $N - 1 }, |$i| $each);
        }
        while done < end {
            const $V: usize = 1;
            let $i = done.min(end.saturating_sub($N));
            $each;
            done += $N;
        }
    };
    // As long as more is left than is left out.
    (@ $n:expr, $done:ident, $end:ident, $left:expr, |$i:ident| $each:expr) => {
        if let Some(last) = $end.checked_sub($n) {
            while $end > $done + $left {
                let $i = $done.min(last);
                $each;
                $done += $n;
            }
        }
    };
}

impl<T: Element, L: Lanes<T>, R: Reduce<T, L> + Reduce<T, T::One>> Passes for Pass<'_, '_, '_, T, L, R> {
    fn fold(&mut self, runs: &Elements, lines: usize, slices: Line) -> bool {
        let folded = if const { tuned::<T, L, R>() } {
            match [slices.count, lines] {
                _ if runs.more => self.lines::<0>(runs, lines, slices),
                [1, 1] => self.lines::<1>(runs, lines, slices),
                [1, 2] => self.lines::<2>(runs, lines, slices),
                [1, 3] => self.lines::<3>(runs, lines, slices),
                [1, _] if runs.len <= L::N => self.short_lines(runs, lines),
                _ => self.lines::<0>(runs, lines, slices),
            }
        } else {
            self.lines::<0>(runs, lines, slices)
        };
        folded.is_some()
    }

    fn fold_each(&mut self, runs: &Elements, lines: usize, slices: Line) {
        fold_each(self.reduce, self.work.input, &mut self.tile, runs, lines, slices);
    }

    fn pad(&mut self, block: &Block, at: usize, n: usize) {
        pad(self.tile.cells, R::EMPTY, block, at, n.next_multiple_of(L::N));
    }

    fn repeat(&mut self, block: &Block, columns: [usize; 3], width: usize) {
        // The walk does not ask for it elsewhere.
        if const { R::REPEATS && !R::PADS } {
            repeat::<T, R>(&mut self.tile, block, columns, width);
        }
    }

    fn fold_in_place(&mut self, len: usize, taps: usize, apart: usize, dilation: u32) {
        if const { tuned::<T, L, R>() } {
            match taps {
                2 => self.in_place::<2>(len, taps, apart, dilation),
                3 => self.in_place::<3>(len, taps, apart, dilation),
                _ => self.in_place::<0>(len, taps, apart, dilation),
            };
        } else {
            self.in_place::<0>(len, taps, apart, dilation);
        }
    }

    fn compact(&mut self, rows: [usize; 3], skip: usize, width: usize) {
        compact(self.tile.cells, rows, skip, width);
        if R::HAS_SIDE {
            compact(self.tile.side, rows, skip, width);
        }
    }

    fn results(&mut self, outputs: &Outputs) {
        let dense = is_dense::<T, L>(outputs);
        // Of one output it does not matter where the next one would be.
        debug_assert!(dense || !outputs.halved || outputs.len == 1);
        if const { tuned::<T, L, R>() } {
            match outputs.taps {
                _ if !dense => self.columns::<0>(outputs),
                2 if outputs.halved => self.columns_halved::<2>(outputs),
                _ if outputs.halved => self.columns_halved::<3>(outputs),
                2 => self.columns::<2>(outputs),
                3 => self.columns::<3>(outputs),
                _ => self.columns::<0>(outputs),
            };
        } else {
            self.columns::<0>(outputs);
        }
    }

    fn planes(&mut self, runs: &Elements, outputs: &Outputs) {
        // The walk does not ask for it elsewhere.
        if const { has_narrow::<T, L, R>() } {
            self.narrow(runs, outputs);
        }
    }

    fn halve(&mut self, runs: &Elements, outputs: &Outputs) {
        // The walk does not ask for it elsewhere.
        if const { tuned::<T, L, R>() } {
            self.lines_halved(runs, outputs);
        }
    }
}

impl<T: Element, L: Lanes<T>, R: Reduce<T, L>> Direct for Pass<'_, '_, '_, T, L, R> {
    fn windows(&mut self, windows: &Windows, outputs: &Outputs) {
        if const { tuned::<T, L, R>() } {
            match [windows.depth.count, windows.lines, windows.columns.count] {
                _ if !is_dense::<T, L>(outputs) => self.window::<0, 0>(windows, outputs),
                [1, 2, 2] => self.window::<2, 2>(windows, outputs),
                [1, 3, 3] => self.window::<3, 3>(windows, outputs),
                _ => self.window::<0, 0>(windows, outputs),
            };
        } else {
            self.window::<0, 0>(windows, outputs);
        }
    }

    fn patches(&mut self, patches: &Patches) {
        // The walk does not ask for them elsewhere.
        if const { has_patches::<T, L, R>() && !R::HAS_SIDE } {
            self.patch::<2, 4>(patches);
        } else if const { has_patches::<T, L, R>() && R::HAS_SIDE } {
            self.patch::<1, 3>(patches);
        }
    }
}

impl<T: Element, L: Lanes<T>, R: Reducer<T>> Fill for Pass<'_, '_, '_, T, L, R> {
    fn fill(&mut self, to: usize, step: usize, n: usize) {
        for i in 0..n {
            scatter_slice(self.work.output, to + i * step, 1, &[self.work.fill]);
        }
    }
}

/// Whether vectors side by side, and loops of their own for the common windows, are worth their code. Asked by an `if const` of
/// its own: what a guard among others rules out is compiled all the same.
const fn tuned<T: Element, L: Lanes<T>, R: Reducer<T>>() -> bool {
    R::IS_LIGHT && L::N > 1 && L::TILE > 1
}

/// Whether windows go in patches: sums of several registers leave none for neighbours.
const fn has_patches<T: Element, L: Lanes<T>, R: Reducer<T>>() -> bool {
    tuned::<T, L, R>() && (R::REPEATS || <L::Sum as Register<L>>::REGISTERS == 1)
}

/// Whether narrow planes are transposed: where vectors are of as many lanes, and nothing goes beside the results.
const fn has_narrow<T: Element, L: Lanes<T>, R: Reducer<T>>() -> bool {
    tuned::<T, L, R>() && L::N == AT_ONCE && !R::HAS_SIDE
}

/// Whether results are whole vectors in memory.
fn is_dense<T: Element, L: Lanes<T>>(outputs: &Outputs) -> bool {
    outputs.step == 1 && outputs.len >= L::N
}

/// Vectors side by side.
const fn wide<T: Element, L: Lanes<T>, R: Reducer<T>>() -> usize {
    if tuned::<T, L, R>() { L::TILE } else { 1 }
}

/// Partial results from memory.
#[inline(always)]
fn read<T: Element, L: Lanes<T>, R: Reduce<T, L>, const V: usize>(
    lanes: L,
    reduce: R,
    (cells, side): (&[R::Cells; V], &[R::Sides; V]),
) -> [R::Acc; V] {
    array!(V, |v| reduce.read(lanes, &cells[v], &side[v]))
}

/// Partial results to memory.
#[inline(always)]
fn write<T: Element, L: Lanes<T>, R: Reduce<T, L>, const V: usize>(
    lanes: L,
    reduce: R,
    acc: [R::Acc; V],
    (cells, side): (&mut [R::Cells; V], &mut [R::Sides; V]),
) {
    for v in 0..V {
        reduce.write(lanes, acc[v], &mut cells[v], &mut side[v]);
    }
}

/// Elements of a line as partial results.
#[inline(always)]
fn lifted<T: Element, L: Lanes<T>, R: Reduce<T, L>, const V: usize>(
    lanes: L,
    reduce: R,
    elements: &[Array<T, L>; V],
    number: u32,
) -> [R::Acc; V] {
    lift(lanes, reduce, vectors::<T, L, V>(lanes, elements), number)
}

/// Element by element: the same code for every instruction set.
#[cold]
#[inline(never)]
fn fold_each<T: Element, R: Reduce<T, T::One>>(
    reduce: R,
    data: &[T],
    tile: &mut Tile<'_, R::Cell, R::Side>,
    runs: &Elements,
    lines: usize,
    slices: Line,
) {
    let one = T::one();
    let columns = runs.len.saturating_sub(1).saturating_mul(runs.step) + 1;
    let reach = columns.saturating_add((slices.count - 1).saturating_mul(slices.step));
    let from = Runs::new((data, &NOTHING), &runs.block, runs.from, [lines, runs.apart], reach);
    let (Some(from), Some(mut tile)) = (from, RunsMut::new(tile.write(), &runs.block, runs.to, [1, 0], runs.len))
    else {
        debug_assert!(runs.len == 0, "a line outside the input");
        return;
    };
    each_run!(runs.block.count, |run| {
        let (Some(from), Some(mut tile)) = (from.run(run), tile.run(run)) else { return };
        for i in 0..runs.len {
            let acc = fold_slices::<T, T::One, R, 1>(
                one,
                reduce,
                &from,
                i * runs.step,
                runs.number_of(run),
                runs.cells,
                slices,
                true,
            );
            let (Some(acc), Some(to)) = (acc, tile.at(i)) else { return };
            write::<T, T::One, R, 1>(one, reduce, acc, to.get());
        }
    });
}

/// `V` vectors of cells from each run of a tile.
type CellColumn<'t, T, L, R, const V: usize> = Column<
    't,
    <R as Reducer<T>>::Cell,
    <R as Reducer<T>>::Side,
    [<R as Reduce<T, L>>::Cells; V],
    [<R as Reduce<T, L>>::Sides; V],
>;

/// How the columns of windows are folded.
#[derive(Clone, Copy)]
struct Window<L, R> {
    lanes: L,
    reduce: R,
    /// Columns from the first of the window to the first tap, and from one tap to the next.
    first: u32,
    dilation: u32,
    /// Whether there are as many as there may be: then they are one loop.
    many: bool,
}

impl<L: Copy, R: Copy> Window<L, R> {
    /// Folds the columns of `V` vectors.
    #[inline(always)]
    fn fold<T: Element, const V: usize>(
        &self,
        mut column: CellColumn<'_, T, L, R, V>,
    ) -> Option<[<R as Reduce<T, L>>::Acc; V]>
    where
        L: Lanes<T>,
        R: Reduce<T, L>,
    {
        let Self { lanes, reduce, first, dilation, many } = *self;
        if many {
            column.hide();
        }
        let mut along = first;
        let loaded = read(lanes, reduce, column.pop()?.get());
        let mut acc = array!(V, |v| reduce.along(lanes, loaded[v], along));
        if tuned::<T, L, R>() && !R::HAS_SIDE {
            while let Some([b, c]) = column.two() {
                let (b, c) = (read(lanes, reduce, b.get()), read(lanes, reduce, c.get()));
                acc = array!(V, |v| reduce.merge_two(lanes, acc[v], b[v], c[v]));
                if many {
                    column.hide();
                }
            }
        }
        while let Some(next) = column.pop() {
            let next = read(lanes, reduce, next.get());
            along = along.wrapping_add(dilation);
            acc = array!(V, |v| reduce.merge_columns(lanes, acc[v], reduce.along(lanes, next[v], along)));
            if many {
                column.hide();
            }
        }
        Some(acc)
    }
}

impl<T: Element, L: Lanes<T>, R: Reduce<T, L>> Pass<'_, '_, '_, T, L, R> {
    /// Folds `LINES`, or as many as there are, slice after slice; `None` if they reach past the end of the input.
    fn lines<const LINES: usize>(&mut self, runs: &Elements, lines: usize, slices: Line) -> Option<()> {
        self.lanes.enter(
            #[inline(always)]
            || {
                let (lanes, reduce, data) = (self.lanes, self.reduce, self.work.input);
                // Of their own, for the compiler to know what they are.
                let slices = Line { count: if LINES > 0 { 1 } else { slices.count }, ..slices };
                let lines = if LINES > 0 { LINES } else { lines };
                let runs = *runs;
                let Elements { block, len, .. } = runs;
                let whole = len.max(L::N);
                let reach = (slices.count - 1).checked_mul(slices.step)?.checked_add(whole)?;
                let from = Runs::new((data, &NOTHING), &block, runs.from, [lines, runs.apart], reach)?;
                let mut tile = RunsMut::new(self.tile.write(), &block, runs.to, [1, 0], whole)?;
                each_run!(block.count, |run| {
                    let (from, mut tile) = (from.run(run)?, tile.run(run)?);
                    let (number, cells, many) = (runs.number_of(run), runs.cells, LINES == 0);
                    each_tile!(len, L::N, wide::<T, L, R>(), twice!(many && runs.more), |i, V| {
                        let mut acc = fold_slices::<T, L, R, V>(lanes, reduce, &from, i, number, cells, slices, many)?;
                        let to = tile.at(i)?.get();
                        if many && runs.more {
                            let left = read(lanes, reduce, (&*to.0, &*to.1));
                            acc = array!(V, |v| reduce.merge_columns(lanes, left[v], acc[v]));
                        }
                        write(lanes, reduce, acc, to);
                    });
                });
                Some(())
            },
        )
    }

    /// The same for runs that are no longer than a vector: with less around each of them.
    fn short_lines(&mut self, runs: &Elements, lines: usize) -> Option<()> {
        self.lanes.enter(
            #[inline(always)]
            || {
                let (lanes, reduce, data) = (self.lanes, self.reduce, self.work.input);
                let runs = *runs;
                let Elements { block, cells, .. } = runs;
                let from = Runs::new((data, &NOTHING), &block, runs.from, [lines, runs.apart], L::N)?;
                let mut tile = RunsMut::new(self.tile.write(), &block, runs.to, [1, 0], L::N)?;
                each_run!(block.count, |run| {
                    let (mut column, mut tile) = (from.run(run)?.column(0)?, tile.run(run)?);
                    let number = runs.number_of(run);
                    let first = lifted::<T, L, R, 1>(lanes, reduce, column.pop()?.get().0, number);
                    let acc = fold_lines(lanes, reduce, first, column, number.wrapping_add(cells), cells, true);
                    write(lanes, reduce, acc, tile.at(0)?.get());
                });
                Some(())
            },
        )
    }

    /// Folds each `TAPS` cells, or as many as there are, into the first of them.
    fn in_place<const TAPS: usize>(&mut self, len: usize, taps: usize, apart: usize, dilation: u32) -> Option<()> {
        self.lanes.enter(
            #[inline(always)]
            || {
                let (lanes, reduce) = (self.lanes, self.reduce);
                let window = Window { lanes, reduce, first: 0, dilation, many: TAPS == 0 };
                let (taps, whole) = (if TAPS > 0 { TAPS } else { taps }, len.next_multiple_of(L::N));
                // Cells are read before they are written, and none that was is read again: a vector may lie past the end, but none
                // overlaps its neighbour.
                let mut runs = RunsMut::new(self.tile.write(), &Block::ONE, 0, [taps, apart], whole)?;
                let mut run = runs.run([0; 2])?;
                each_tile!(whole, L::N, wide::<T, L, R>(), twice false, |i, V| {
                    let acc = window.fold::<T, V>(run.column(i)?)?;
                    write(lanes, reduce, acc, run.at(i)?.get());
                });
                Some(())
            },
        )
    }

    /// Results of windows of `TAPS` columns, or of as many as there are.
    fn columns<const TAPS: usize>(&mut self, outputs: &Outputs) -> Option<()> {
        self.lanes.enter(
            #[inline(always)]
            || {
                let (lanes, reduce, beside) = (self.lanes, self.reduce, &mut *self.beside);
                let outputs = *outputs;
                let mut counts = [T::Sum::zeroed(); COUNTS];
                let by = Divisors::<T, L, R>::new(lanes, self.work.job, &outputs, &mut counts)?;
                let Outputs { block, apart, len, first, dilation, .. } = outputs;
                let taps = if TAPS > 0 { TAPS } else { outputs.taps };
                // The same length as that of the results, where it is known: then it is looked at once.
                let whole = if TAPS > 0 { len } else { len.max(L::N) };
                let from = Runs::new(self.tile.read(), &block, outputs.at, [taps, apart], whole)?;
                let mut nothing = NOTHING;
                let mut to = Results::new::<L>(self.work.output, &mut nothing, &outputs, TAPS > 0)?;
                let window = Window { lanes, reduce, first, dilation, many: TAPS == 0 };
                let spots = R::spots(beside, outputs.place, outputs.axes, block.count);
                each_run!(block.count, |run| {
                    let (from, mut to, spot) = (from.run(run)?, to.run(run)?, spots.run(run));
                    each_tile!(len, L::N, to.wide::<L, R>(), twice true, |i, V| {
                        let acc = window.fold::<T, V>(from.column(i)?)?;
                        let by = by.at::<V>(lanes, i)?;
                        to.put(lanes, array!(V, |v| reduce.finish(lanes, acc[v], &by[v])), i)?;
                        reduce.aside(lanes, &acc, beside, &spot, i..len.min(i + V * L::N));
                    });
                });
                Some(())
            },
        )
    }

    /// Results of every other window of `TAPS` columns.
    fn columns_halved<const TAPS: usize>(&mut self, outputs: &Outputs) -> Option<()> {
        self.lanes.enter(
            #[inline(always)]
            || {
                let (lanes, reduce, beside) = (self.lanes, self.reduce, &mut *self.beside);
                let outputs = *outputs;
                let mut counts = [T::Sum::zeroed(); COUNTS];
                let by = Divisors::<T, L, R>::new(lanes, self.work.job, &outputs, &mut counts)?;
                let Outputs { block, apart, len, first, dilation, .. } = outputs;
                let from = Runs::new(self.tile.read(), &block, outputs.at, [TAPS, apart], 2 * len)?;
                let mut nothing = NOTHING;
                let mut to = RunsMut::new((self.work.output, &mut nothing), &block, outputs.to, [1, 0], len)?;
                let window = Window { lanes, reduce, first, dilation, many: false };
                let spots = R::spots(beside, outputs.place, outputs.axes, block.count);
                each_run!(block.count, |run| {
                    let (from, mut to, spot) = (from.run(run)?, to.run(run)?, spots.run(run));
                    each_tile!(len, L::N, 1, twice true, |i, V| {
                        let mut column = from.column(2 * i)?;
                        let acc = if TAPS == 2 && apart == 1 {
                            // One column of two is at even places, the other one at odd ones.
                            let [a, b] = read::<T, L, R, 2>(lanes, reduce, column.pop()?.get());
                            let (even, odd) = reduce.unzip(lanes, a, b);
                            let odd = reduce.along(lanes, odd, dilation);
                            reduce.along(lanes, reduce.merge_columns(lanes, even, odd), first)
                        } else {
                            let [a, b] = window.fold::<T, 2>(column)?;
                            reduce.unzip(lanes, a, b).0
                        };
                        let by = by.at::<V>(lanes, i)?;
                        let result = reduce.finish(lanes, acc, &by[0]);
                        store::<T, L, V>(lanes, [result; V], to.at(i)?.get());
                        reduce.aside(lanes, &[acc; V], beside, &spot, i..i + L::N);
                    });
                });
                Some(())
            },
        )
    }

    /// Windows of two columns and two lines, straight from these.
    fn lines_halved(&mut self, runs: &Elements, outputs: &Outputs) -> Option<()> {
        self.lanes.enter(
            #[inline(always)]
            || {
                let (lanes, reduce, data) = (self.lanes, self.reduce, self.work.input);
                let beside = &mut *self.beside;
                let (runs, outputs) = (*runs, *outputs);
                let by = by::<T, L, R>(lanes, self.work.job, &outputs);
                let (block, len) = (runs.block, outputs.len);
                let from = Runs::new((data, &NOTHING), &block, runs.from, [2, runs.apart], 2 * len)?;
                let mut nothing = NOTHING;
                let mut to = RunsMut::new((self.work.output, &mut nothing), &block, outputs.to, [1, 0], len)?;
                let ahead = size_of_val(data) > CACHED;
                let spots = R::spots(beside, outputs.place, outputs.axes, block.count);
                each_run!(block.count, |run| {
                    let (from, mut to, spot) = (from.run(run)?, to.run(run)?, spots.run(run));
                    let (number, cells) = (runs.number_of(run), runs.cells);
                    each_tile!(len, L::N, L::TILE / 2, twice true, |i, V| {
                        let mut column = from.column::<[Array<T, L>; 2 * V], [(); 2 * V]>(2 * i)?;
                        if ahead {
                            for (elements, _) in column {
                                for line in 0..size_of_val(elements).div_ceil(LINE) {
                                    let next = elements.as_ptr().cast::<u8>().wrapping_add(AHEAD + line * LINE);
                                    prefetch(Cache::First, next);
                                }
                            }
                        }
                        let first = lifted::<T, L, R, { 2 * V }>(lanes, reduce, column.pop()?.get().0, number);
                        let acc = fold_lines(lanes, reduce, first, column, number.wrapping_add(cells), cells, false);
                        let acc = array!(V, |v| {
                            let (even, odd) = reduce.unzip(lanes, acc[2 * v], acc[2 * v + 1]);
                            reduce.merge_columns(lanes, even, reduce.along(lanes, odd, 1))
                        });
                        store::<T, L, V>(lanes, array!(V, |v| reduce.finish(lanes, acc[v], &by)), to.at(i)?.get());
                        reduce.aside(lanes, &acc, beside, &spot, i..i + V * L::N);
                    });
                });
                Some(())
            },
        )
    }

    /// Windows of `ROWS` and `COLUMNS`, or of as many as there are: each column from top to bottom, then from left to right.
    fn window<const ROWS: usize, const COLUMNS: usize>(&mut self, windows: &Windows, outputs: &Outputs) -> Option<()> {
        self.lanes.enter(
            #[inline(always)]
            || {
                let (lanes, reduce, data) = (self.lanes, self.reduce, self.work.input);
                let beside = &mut *self.beside;
                let outputs = *outputs;
                let by = by::<T, L, R>(lanes, self.work.job, &outputs);
                let Windows { runs, mut lines, mut depth, mut columns } = *windows;
                let (len, block) = (runs.len, outputs.block);
                if ROWS > 0 {
                    (depth.count, lines, columns.count) = (1, ROWS, COLUMNS);
                }
                // From the first tap to the last column of the last slice.
                let more = |line: Line| (line.count - 1).checked_mul(line.step);
                let reach = more(depth)?.checked_add(more(columns)?)?.checked_add(len.max(L::N))?;
                let from = Runs::new((data, &NOTHING), &block, runs.from, [lines, runs.apart], reach)?;
                let mut nothing = NOTHING;
                let mut to = Results::new::<L>(self.work.output, &mut nothing, &outputs, ROWS > 0)?;
                let spots = R::spots(beside, outputs.place, outputs.axes, block.count);
                each_run!(block.count, |run| {
                    let (from, mut to, spot) = (from.run(run)?, to.run(run)?, spots.run(run));
                    each_tile!(len, L::N, to.wide::<L, R>(), twice true, |i, V| {
                        let many = ROWS == 0;
                        let (mut at, mut number, mut x) = (i, runs.number_of(run), 0);
                        let mut acc = [reduce.empty(lanes); V];
                        loop {
                            let next =
                                fold_slices::<T, L, R, V>(lanes, reduce, &from, at, number, runs.cells, depth, many)?;
                            acc = match of(many, x) {
                                0 => next,
                                _ => array!(V, |v| reduce.merge_columns(lanes, acc[v], next[v])),
                            };
                            x += 1;
                            if x == columns.count {
                                break;
                            }
                            (at, number) = (at.wrapping_add(columns.step), number.wrapping_add(columns.cells));
                        }
                        to.put(lanes, array!(V, |v| reduce.finish(lanes, acc[v], &by)), i)?;
                        reduce.aside(lanes, &acc, beside, &spot, i..len.min(i + V * L::N));
                    });
                });
                Some(())
            },
        )
    }
}

/// Cells of runs that merge without a trace; a few at once, where there is room for more.
#[inline(never)]
fn pad<C: Copy>(cells: &mut [C], empty: C, block: &Block, at: usize, n: usize) {
    each_run!(block.count, |run| {
        let from = at + run[0] * block.to[0] + run[1] * block.to[1];
        let Some(cells) = from.checked_add(n).and_then(|end| cells.get_mut(from..end)) else { return };
        let (chunks, rest) = cells.as_chunks_mut::<8>();
        for chunk in chunks {
            *chunk = [empty; 8];
            // Of a loop of few turns no copies are needed.
            hidden(0);
        }
        for cell in rest {
            *cell = empty;
            hidden(0);
        }
    });
}

/// Copies real columns to those before and after them that are not.
#[inline(never)]
fn repeat<T: Element, R: Reducer<T>>(
    tile: &mut Tile<'_, R::Cell, R::Side>,
    block: &Block,
    [lead, real, columns]: [usize; 3],
    width: usize,
) {
    let (end, first) = (lead + real, |run: [usize; 2]| run[0] * block.to[0] + run[1] * block.to[1]);
    for column in (0..lead).chain(end..columns) {
        let nearest = column.max(lead).min(end - 1);
        let before = (nearest as u32).wrapping_sub(column as u32);
        for i in 0..width {
            each_run!(block.count, |run| {
                let (from, to) = (first(run) + nearest * width + i, first(run) + column * width + i);
                move_cell(tile.cells, from, to);
                if let Some(side) = tile.side.get(from).copied()
                    && let Some(to) = tile.side.get_mut(to)
                {
                    *to = R::before(side, before);
                }
            });
        }
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

/// Puts outputs side by side.
#[inline(never)]
fn compact<C: Copy>(cells: &mut [C], [rows, pitch, outputs]: [usize; 3], skip: usize, width: usize) {
    for row in 0..rows {
        let (mut from, mut to) = (row * pitch, row * pitch);
        for _ in 1..outputs {
            (from, to) = (from + skip, to + width);
            if width == 1 {
                // Without the way into a loop.
                move_cell(cells, from, to);
                continue;
            }
            for i in 0..width {
                move_cell(cells, from + i, to + i);
            }
        }
    }
}

/// A number; where there are as `many` turns as there may be, one that the compiler makes no copies of loops for.
#[inline(always)]
fn of(many: bool, n: usize) -> usize {
    if many { hidden(n) } else { n }
}

/// Folds the arrays at element `i` of a run, from top to bottom and slice after slice; of one slice, or of as `many` as there are.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "a part of loops")]
pub(super) fn fold_slices<T: Element, L: Lanes<T>, R: Reduce<T, L>, const V: usize>(
    lanes: L,
    reduce: R,
    from: &Run<'_, T, ()>,
    i: usize,
    number: u32,
    cells: u32,
    slices: Line,
    many: bool,
) -> Option<[R::Acc; V]> {
    let (mut at, mut number, mut slice) = (i, number, 0);
    let mut acc = [reduce.empty(lanes); V];
    loop {
        let (mut column, mut numbered) = (from.column(at)?, number);
        if of(many, slice) == 0 {
            acc = lifted::<T, L, R, V>(lanes, reduce, column.pop()?.get().0, number);
            numbered = number.wrapping_add(cells);
        }
        acc = fold_lines(lanes, reduce, acc, column, numbered, cells, many);
        slice += 1;
        if slice == slices.count {
            return Some(acc);
        }
        (at, number) = (at.wrapping_add(slices.step), number.wrapping_add(slices.cells));
    }
}

/// Folds one array of each line, from top to bottom, into what is above. `number` is that of the first line, `cells` are to the next.
#[inline(always)]
fn fold_lines<T: Element, L: Lanes<T>, R: Reduce<T, L>, const V: usize>(
    lanes: L,
    reduce: R,
    mut acc: [R::Acc; V],
    mut column: Column<'_, T, (), [Array<T, L>; V], [(); V]>,
    mut number: u32,
    cells: u32,
    many: bool,
) -> [R::Acc; V] {
    if many {
        column.hide();
    }
    if tuned::<T, L, R>() {
        while let Some([b, c]) = column.two() {
            let b = lifted::<T, L, R, V>(lanes, reduce, b.get().0, number);
            let c = lifted::<T, L, R, V>(lanes, reduce, c.get().0, number.wrapping_add(cells));
            acc = array!(V, |v| reduce.merge_two(lanes, acc[v], b[v], c[v]));
            number = number.wrapping_add(cells.wrapping_mul(2));
            if many {
                column.hide();
            }
        }
    }
    while let Some(below) = column.pop() {
        acc = merge(lanes, reduce, acc, lifted::<T, L, R, V>(lanes, reduce, below.get().0, number));
        number = number.wrapping_add(cells);
        if many {
            column.hide();
        }
    }
    acc
}

/// How the results of a run lie.
#[derive(Clone, Copy)]
struct Form {
    len: usize,
    step: usize,
    /// Whether those of whole vectors lie side by side; and whether that is known when compiling.
    dense: bool,
    known: bool,
}

/// Where the results of runs go.
struct Results<'r, T> {
    to: RunsMut<'r, T, ()>,
    form: Form,
}

impl<'r, T: Element> Results<'r, T> {
    /// Of outputs that are `known` to be dense, or may be.
    #[inline(always)]
    fn new<L: Lanes<T>>(output: &'r mut [T], nothing: &'r mut [()], outputs: &Outputs, known: bool) -> Option<Self> {
        let Outputs { block, to, len, step, .. } = outputs;
        let dense = known || is_dense::<T, L>(outputs);
        let to = RunsMut::new((output, nothing), block, *to, [1, 0], if dense { *len } else { 1 })?;
        Some(Self { to, form: Form { len: *len, step: *step, dense, known } })
    }

    #[inline(always)]
    fn run(&mut self, run: [usize; 2]) -> Option<ResultsOfRun<'_, T>> {
        Some(ResultsOfRun { to: self.to.run(run)?, form: self.form })
    }
}

/// Where those of a run go.
struct ResultsOfRun<'r, T> {
    to: RunMut<'r, T, ()>,
    form: Form,
}

impl<T: Element> ResultsOfRun<'_, T> {
    /// Vectors side by side.
    #[inline(always)]
    fn wide<L: Lanes<T>, R: Reducer<T>>(&self) -> usize {
        if self.form.dense { wide::<T, L, R>() } else { 1 }
    }

    /// The results of output `i` and of those after it.
    #[inline(always)]
    fn put<L: Lanes<T>, const V: usize>(&mut self, lanes: L, results: [L::V; V], i: usize) -> Option<()> {
        let Form { len, step, dense, known } = self.form;
        if V > 1 || known || hidden(usize::from(dense)) > 0 {
            store::<T, L, V>(lanes, results, self.to.at(i)?.get());
            return Some(());
        }
        let mut arrays = [<Array<T, L> as bytemuck::Zeroable>::zeroed(); V];
        store::<T, L, V>(lanes, results, (&mut arrays, &mut [(); V]));
        let elements: &[T] = bytemuck::must_cast_slice(&arrays);
        self.to.scatter(i, step, elements.get(..len - i).unwrap_or(elements));
        Some(())
    }
}

/// Results to memory.
#[inline(always)]
fn store<T: Element, L: Lanes<T>, const V: usize>(
    lanes: L,
    results: [L::V; V],
    (arrays, _): (&mut [Array<T, L>; V], &mut [(); V]),
) {
    for v in 0..V {
        results[v].store(lanes, &mut arrays[v]);
    }
}
