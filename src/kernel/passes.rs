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
//! Numbers that are common (two or three lines, or columns) are constants of a loop; others share one.

use super::lines::{Line, lift, merge, vectors};
use super::tile::{Elements, Fill, Outputs, Passes, Traits};
use super::windows::{Direct, Windows};
use super::{Job, Work};
use crate::access::{Block, Column, NOTHING, Place, Runs, RunsMut, scatter};
use crate::element::Element;
use crate::lanes::{Array, Cache, LINE, Lanes, Register, SumArray, array, prefetch};
use crate::reduce::{Reduce, Reducer, Tile};

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

/// Calls `$each` for the tiles of a run, of `$wide` vectors side by side; the last vector overlaps its neighbour rather than
/// leave a tail, if there is one.
macro_rules! each_tile {
    ($end:expr, $N:expr, $wide:expr, |$i:ident, $V:ident| $each:expr) => {
        let (mut done, end) = (0, $end);
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
            let $i = done.min(end.saturating_sub($N));
            $each;
            done += $N;
        }
    };
}

impl<T: Element, L: Lanes<T>, R: Reduce<T, L> + Reduce<T, T::One>> Passes for Pass<'_, '_, '_, T, L, R> {
    fn fold(&mut self, runs: &Elements, lines: usize, slices: Line) {
        let axis = usize::from(runs.block.count[0] == 1);
        let count = runs.block.count[axis];
        let mut inside = if runs.step == 1 && !runs.exact { count } else { 0 };
        // Runs shorter than a vector are read past their end, but the last ones must not be past the end of the input.
        while inside > 0 && self.lines_of(&runs.part(axis, 0, inside), lines, slices).is_none() {
            inside -= 1;
        }
        if axis == 0 {
            // Not of the last planes either, but for the last rows of these.
            (inside..count).for_each(|plane| self.fold(&runs.part(axis, plane, 1), lines, slices));
        } else if inside < count {
            let rest = runs.part(axis, inside, count - inside);
            fold_each(self.reduce, self.work.input, &mut self.tile, &rest, lines, slices);
        }
    }

    fn pad(&mut self, block: &Block, at: usize, n: usize) {
        let lanes = self.lanes;
        if R::PADS {
            lanes.enter(
                #[inline(always)]
                || {
                    let reduce = self.reduce;
                    let empty = Reduce::<T, L>::empty(reduce, lanes);
                    let whole = n.next_multiple_of(L::N);
                    let Some(mut tile) = RunsMut::new(self.tile.write(), block, at, whole) else { return };
                    each_run!(block.count, |run| {
                        let mut i = 0;
                        while i < n {
                            write::<T, L, R, 1>(lanes, reduce, [empty], tile.at(run, i));
                            i += L::N;
                        }
                    });
                },
            );
        }
    }

    fn fold_in_place(&mut self, len: usize, taps: usize, apart: usize) {
        if taps == 2 { self.in_place::<2>(len, taps, apart) } else { self.in_place::<0>(len, taps, apart) }
    }

    fn compact(&mut self, [rows, pitch, outputs]: [usize; 3], skip: usize, width: usize) {
        for row in 0..rows {
            let (mut from, mut to) = (row * pitch, row * pitch);
            for _ in 1..outputs {
                (from, to) = (from + skip, to + width);
                if width == 1 {
                    // Without the way into a loop.
                    move_cell(self.tile.cells, from, to);
                    continue;
                }
                for i in 0..width {
                    move_cell(self.tile.cells, from + i, to + i);
                }
            }
        }
    }

    fn results(&mut self, outputs: &Outputs) {
        match (outputs.halved, outputs.taps) {
            _ if outputs.step != 1 || outputs.len < L::N => self.columns::<0, false>(outputs),
            (true, 3) if R::IS_LIGHT && !R::HAS_SIDE => self.columns_halved::<3>(outputs),
            (true, _) if !R::HAS_SIDE => self.columns_halved::<0>(outputs),
            (_, 2) if R::IS_LIGHT => self.columns::<2, true>(outputs),
            (_, 3) if R::IS_LIGHT => self.columns::<3, true>(outputs),
            _ => self.columns::<0, true>(outputs),
        };
    }

    fn halve(&mut self, runs: &Elements, lines: usize, outputs: &Outputs) {
        // The walk does not ask for it where something is written beside results.
        if !R::HAS_SIDE {
            match lines {
                2 => self.lines_halved::<2>(runs, lines, outputs),
                _ => self.lines_halved::<0>(runs, lines, outputs),
            };
        }
    }
}

impl<T: Element, L: Lanes<T>, R: Reduce<T, L>> Direct for Pass<'_, '_, '_, T, L, R> {
    fn windows(&mut self, windows: &Windows, outputs: &Outputs) {
        let taps = [windows.depth.count, windows.lines, windows.columns.count];
        match taps {
            _ if L::N > 1 && (outputs.step != 1 || outputs.len < L::N) => self.window::<0, 0, false>(windows, outputs),
            [1, 2, 2] if R::IS_LIGHT && L::N > 1 => self.window::<2, 2, true>(windows, outputs),
            [1, 3, 3] if R::IS_LIGHT && L::N > 1 => self.window::<3, 3, true>(windows, outputs),
            _ => self.window::<0, 0, true>(windows, outputs),
        };
    }
}

impl<T: Element, L: Lanes<T>, R: Reducer<T>> Fill for Pass<'_, '_, '_, T, L, R> {
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
    to: Place<'_, [R::Cells; V], [R::Sides; V]>,
) {
    if let Some((cells, side)) = to {
        for v in 0..V {
            reduce.write(lanes, acc[v], &mut cells[v], &mut side[v]);
        }
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
    let (Some(from), Some(mut tile)) = (from, RunsMut::new(tile.write(), &runs.block, runs.to, runs.len)) else {
        debug_assert!(runs.len == 0, "a line outside the input");
        return;
    };
    each_run!(runs.block.count, |run| {
        for i in 0..runs.len {
            let acc = fold_slices::<T, T::One, R, 1>(one, reduce, &from, run, i * runs.step, runs, slices);
            if let Some(acc) = acc {
                write::<T, T::One, R, 1>(one, reduce, acc, tile.at(run, i));
            }
        }
    });
}

/// The divisor of results; any, where nothing is divided.
#[inline(always)]
fn divisor<T: Element, R: Reducer<T>>(job: &Job, outputs: &Outputs) -> T::Divisor {
    if R::DIVIDES { T::divisor(&job.finish, outputs.count, outputs.real) } else { T::Divisor::default() }
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
        let Self { lanes, reduce, first, dilation } = *self;
        let mut along = first;
        let loaded = read(lanes, reduce, column.next()?);
        let mut acc = array!(V, |v| reduce.along(lanes, loaded[v], along));
        if !R::HAS_SIDE {
            while let Some([b, c]) = column.two() {
                let (b, c) = (read(lanes, reduce, b), read(lanes, reduce, c));
                acc = array!(V, |v| reduce.merge_two(lanes, acc[v], b[v], c[v]));
            }
        }
        for next in column {
            let next = read(lanes, reduce, next);
            along = along.wrapping_add(dilation);
            acc = array!(V, |v| reduce.merge_columns(lanes, acc[v], reduce.along(lanes, next[v], along)));
        }
        Some(acc)
    }
}

impl<T: Element, L: Lanes<T>, R: Reduce<T, L> + Reduce<T, T::One>> Pass<'_, '_, '_, T, L, R> {
    /// Folds so many lines; `None` if they reach past the end of the input.
    fn lines_of(&mut self, runs: &Elements, lines: usize, slices: Line) -> Option<()> {
        match [slices.count, lines] {
            [1, 2] if R::IS_LIGHT => self.lines::<1, 2>(runs, lines, slices),
            [1, 3] if R::IS_LIGHT => self.lines::<1, 3>(runs, lines, slices),
            [1, _] => self.lines::<1, 0>(runs, lines, slices),
            _ => self.lines::<0, 0>(runs, lines, slices),
        }
    }

    /// Folds `LINES` of `SLICES`, or as many as there are.
    fn lines<const SLICES: usize, const LINES: usize>(
        &mut self,
        runs: &Elements,
        lines: usize,
        slices: Line,
    ) -> Option<()> {
        let (lanes, reduce, data) = (self.lanes, self.reduce, self.work.input);
        lanes.enter(
            #[inline(always)]
            || {
                // Of its own, for the compiler to know what it is.
                let slices = Line { count: if SLICES > 0 { SLICES } else { slices.count }, ..slices };
                let lines = if LINES > 0 { LINES } else { lines };
                let Elements { block, len, .. } = *runs;
                let whole = len.max(L::N);
                let reach = (slices.count - 1).checked_mul(slices.step)?.checked_add(whole)?;
                let from = Runs::new((data, &NOTHING), &block, runs.from, [lines, runs.apart], reach)?;
                let mut tile = RunsMut::new(self.tile.write(), &block, runs.to, whole)?;
                each_run!(block.count, |run| {
                    each_tile!(len, L::N, wide::<T, L, R>(), |i, V| {
                        let acc = fold_slices::<T, L, R, V>(lanes, reduce, &from, run, i, runs, slices)?;
                        write(lanes, reduce, acc, tile.at(run, i));
                    });
                });
                Some(())
            },
        )
    }

    /// Folds each `TAPS` cells, or as many as there are, into the first of them.
    fn in_place<const TAPS: usize>(&mut self, len: usize, taps: usize, apart: usize) {
        let (lanes, reduce) = (self.lanes, self.reduce);
        lanes.enter(
            #[inline(always)]
            || {
                let window = Window { lanes, reduce, first: 0, dilation: 0 };
                let taps = if TAPS > 0 { TAPS } else { taps };
                let one = &Block { count: [1; 2], from: [0; 2], to: [0; 2] };
                // Cells are read before they are written, and none that was is read again: a vector may lie past the end, but none
                // overlaps its neighbour.
                each_tile!(len.next_multiple_of(L::N), L::N, wide::<T, L, R>(), |i, V| {
                    let Some(runs) = Runs::new(self.tile.read(), one, i, [taps, apart], V * L::N) else { return };
                    let Some(acc) = runs.column([0; 2], 0).and_then(|column| window.fold::<T, V>(column)) else {
                        return;
                    };
                    let Some(mut to) = RunsMut::new(self.tile.write(), one, i, V * L::N) else { return };
                    write(lanes, reduce, acc, to.at([0; 2], 0));
                });
            },
        );
    }

    /// Results of windows of `TAPS` columns, or of as many as there are; of whole vectors if the outputs are `DENSE`.
    fn columns<const TAPS: usize, const DENSE: bool>(&mut self, outputs: &Outputs) -> Option<()> {
        let (lanes, reduce, beside) = (self.lanes, self.reduce, &mut *self.beside);
        lanes.enter(
            #[inline(always)]
            || {
                let by = by::<T, L, R>(lanes, self.work.job, outputs)?;
                let Outputs { block, apart, len, first, dilation, .. } = *outputs;
                let taps = if TAPS > 0 { TAPS } else { outputs.taps };
                let from = Runs::new(self.tile.read(), &block, outputs.at, [taps, apart], len.max(L::N))?;
                let mut nothing = NOTHING;
                let reach = if DENSE { len } else { 1 };
                let mut to = RunsMut::new((self.work.output, &mut nothing), &block, outputs.to, reach)?;
                let window = Window { lanes, reduce, first, dilation };
                each_run!(block.count, |run| {
                    each_tile!(len, L::N, wide::<T, L, R>(), |i, V| {
                        let acc = window.fold::<T, V>(from.column(run, i)?)?;
                        let results = array!(V, |v| reduce.finish(lanes, acc[v], &by));
                        put::<T, L, V, DENSE>(lanes, results, &mut to, outputs, run, i);
                        if R::HAS_SIDE {
                            let n = (V * L::N).min(len - i);
                            reduce.aside(lanes, &acc, n, beside, outputs.place_of(run, i));
                        }
                    });
                });
                Some(())
            },
        )
    }

    /// Results of every other window of `TAPS` columns, or of as many as there are: one column of two is at even places, and the
    /// other one at odd ones.
    fn columns_halved<const TAPS: usize>(&mut self, outputs: &Outputs) -> Option<()> {
        let (lanes, reduce) = (self.lanes, self.reduce);
        lanes.enter(
            #[inline(always)]
            || {
                let by = by::<T, L, R>(lanes, self.work.job, outputs)?;
                let Outputs { block, apart, len, .. } = *outputs;
                let taps = if TAPS > 0 { TAPS } else { outputs.taps };
                let from = Runs::new(self.tile.read(), &block, outputs.at, [taps, apart], 2 * len)?;
                let mut nothing = NOTHING;
                let mut to = RunsMut::new((self.work.output, &mut nothing), &block, outputs.to, len)?;
                let window = Window { lanes, reduce, first: 0, dilation: 0 };
                each_run!(block.count, |run| {
                    each_tile!(len, L::N, 1, |i, V| {
                        let mut column = from.column(run, 2 * i)?;
                        let acc = if taps == 2 && apart == 1 {
                            let [a, b] = read::<T, L, R, 2>(lanes, reduce, column.next()?);
                            let (even, odd) = reduce.unzip(lanes, a, b);
                            reduce.merge_columns(lanes, even, odd)
                        } else {
                            let [a, b] = window.fold::<T, 2>(column)?;
                            reduce.unzip(lanes, a, b).0
                        };
                        let result = reduce.finish(lanes, acc, &by);
                        store::<T, L, V>(lanes, [result; V], to.at(run, i));
                    });
                });
                Some(())
            },
        )
    }

    /// Windows of two columns, and of `LINES`, or of as many as there are, straight from these.
    fn lines_halved<const LINES: usize>(&mut self, runs: &Elements, lines: usize, outputs: &Outputs) -> Option<()> {
        let (lanes, reduce, data) = (self.lanes, self.reduce, self.work.input);
        lanes.enter(
            #[inline(always)]
            || {
                let by = by::<T, L, R>(lanes, self.work.job, outputs)?;
                let (block, len) = (runs.block, outputs.len);
                let lines = if LINES > 0 { LINES } else { lines };
                let from = Runs::new((data, &NOTHING), &block, runs.from, [lines, runs.apart], 2 * len)?;
                let mut nothing = NOTHING;
                let mut to = RunsMut::new((self.work.output, &mut nothing), &block, outputs.to, len)?;
                let ahead = size_of_val(data) > CACHED;
                each_run!(block.count, |run| {
                    each_tile!(len, L::N, if R::IS_LIGHT { L::TILE / 2 } else { 1 }, |i, V| {
                        let column = from.column::<[Array<T, L>; 2 * V], [(); 2 * V]>(run, 2 * i)?;
                        if ahead {
                            for (elements, _) in column {
                                for line in 0..size_of_val(elements).div_ceil(LINE) {
                                    let next = elements.as_ptr().cast::<u8>().wrapping_add(AHEAD + line * LINE);
                                    prefetch(Cache::First, next);
                                }
                            }
                        }
                        let acc = fold_lines::<T, L, R, { 2 * V }>(lanes, reduce, column, None, 0, 0)?;
                        let results = array!(V, |v| {
                            let (even, odd) = reduce.unzip(lanes, acc[2 * v], acc[2 * v + 1]);
                            reduce.finish(lanes, reduce.merge_columns(lanes, even, odd), &by)
                        });
                        store::<T, L, V>(lanes, results, to.at(run, i));
                    });
                });
                Some(())
            },
        )
    }
}

impl<T: Element, L: Lanes<T>, R: Reduce<T, L>> Pass<'_, '_, '_, T, L, R> {
    /// Windows of `ROWS` and `COLUMNS`, or of as many as there are: each column from top to bottom, then from left to right.
    fn window<const ROWS: usize, const COLUMNS: usize, const DENSE: bool>(
        &mut self,
        windows: &Windows,
        outputs: &Outputs,
    ) -> Option<()> {
        let (lanes, reduce, data) = (self.lanes, self.reduce, self.work.input);
        let beside = &mut *self.beside;
        lanes.enter(
            #[inline(always)]
            || {
                let by = by::<T, L, R>(lanes, self.work.job, outputs)?;
                let Windows { runs, mut lines, mut depth, mut columns } = *windows;
                let (len, block) = (runs.len, outputs.block);
                if ROWS > 0 {
                    (depth.count, lines, columns.count) = (1, ROWS, COLUMNS);
                }
                // From the first tap to the last column of the last slice.
                let more = |line: Line| (line.count - 1).checked_mul(line.step);
                let reach = more(depth)?.checked_add(more(columns)?)?.checked_add(len.max(L::N))?;
                let from = Runs::new((data, &NOTHING), &block, runs.from, [lines, runs.apart], reach)?;
                let (mut nothing, dense) = (NOTHING, if DENSE { len } else { 1 });
                let mut to = RunsMut::new((self.work.output, &mut nothing), &block, outputs.to, dense)?;
                each_run!(block.count, |run| {
                    each_tile!(len, L::N, wide::<T, L, R>(), |i, V| {
                        let (mut at, mut column) = (i, runs);
                        let mut acc = fold_slices::<T, L, R, V>(lanes, reduce, &from, run, at, &column, depth)?;
                        for _ in 1..columns.count {
                            at = at.wrapping_add(columns.step);
                            column.number = column.number.wrapping_add(columns.cells);
                            let next = fold_slices::<T, L, R, V>(lanes, reduce, &from, run, at, &column, depth)?;
                            acc = array!(V, |v| reduce.merge_columns(lanes, acc[v], next[v]));
                        }
                        let results = array!(V, |v| reduce.finish(lanes, acc[v], &by));
                        put::<T, L, V, DENSE>(lanes, results, &mut to, outputs, run, i);
                        if R::HAS_SIDE {
                            let n = (V * L::N).min(len - i);
                            reduce.aside(lanes, &acc, n, beside, outputs.place_of(run, i));
                        }
                    });
                });
                Some(())
            },
        )
    }
}

/// Folds the arrays at element `i` of a run, from top to bottom and slice after slice.
#[inline(always)]
fn fold_slices<T: Element, L: Lanes<T>, R: Reduce<T, L>, const V: usize>(
    lanes: L,
    reduce: R,
    from: &Runs<'_, T, ()>,
    run: [usize; 2],
    i: usize,
    runs: &Elements,
    slices: Line,
) -> Option<[R::Acc; V]> {
    let (mut at, mut number) = (i, runs.number_of(run));
    let mut acc = fold_lines::<T, L, R, V>(lanes, reduce, from.column(run, at)?, None, number, runs.cells)?;
    for _ in 1..slices.count {
        (at, number) = (at.wrapping_add(slices.step), number.wrapping_add(slices.cells));
        acc = fold_lines::<T, L, R, V>(lanes, reduce, from.column(run, at)?, Some(acc), number, runs.cells)?;
    }
    Some(acc)
}

/// Folds one array of each line, from top to bottom, after what is `above` if there is anything. `number` is that of the first
/// line, `cells` are to the next.
#[inline(always)]
fn fold_lines<T: Element, L: Lanes<T>, R: Reduce<T, L>, const V: usize>(
    lanes: L,
    reduce: R,
    mut column: Column<'_, T, (), [Array<T, L>; V], [(); V]>,
    above: Option<[R::Acc; V]>,
    mut number: u32,
    cells: u32,
) -> Option<[R::Acc; V]> {
    let mut acc = match above {
        Some(above) => above,
        None => {
            let first = lifted::<T, L, R, V>(lanes, reduce, column.next()?.0, number);
            number = number.wrapping_add(cells);
            first
        }
    };
    if R::IS_LIGHT {
        while let Some([(b, _), (c, _)]) = column.two() {
            let b = lifted::<T, L, R, V>(lanes, reduce, b, number);
            let c = lifted::<T, L, R, V>(lanes, reduce, c, number.wrapping_add(cells));
            acc = array!(V, |v| reduce.merge_two(lanes, acc[v], b[v], c[v]));
            number = number.wrapping_add(cells.wrapping_mul(2));
        }
    }
    for (below, _) in column {
        acc = merge(lanes, reduce, acc, lifted::<T, L, R, V>(lanes, reduce, below, number));
        number = number.wrapping_add(cells);
    }
    Some(acc)
}

/// The results of output `i` of a run and of those after it: whole vectors if the outputs are `DENSE`.
#[inline(always)]
fn put<T: Element, L: Lanes<T>, const V: usize, const DENSE: bool>(
    lanes: L,
    results: [L::V; V],
    to: &mut RunsMut<'_, T, ()>,
    outputs: &Outputs,
    run: [usize; 2],
    i: usize,
) {
    if DENSE {
        return store::<T, L, V>(lanes, results, to.at(run, i));
    }
    let mut arrays = [<Array<T, L> as bytemuck::Zeroable>::zeroed(); V];
    store::<T, L, V>(lanes, results, Some((&mut arrays, &mut [(); V])));
    let elements: &[T] = bytemuck::must_cast_slice(&arrays);
    to.scatter(run, i, outputs.step, elements.get(..outputs.len - i).unwrap_or(elements));
}

/// Results to memory.
#[inline(always)]
fn store<T: Element, L: Lanes<T>, const V: usize>(
    lanes: L,
    results: [L::V; V],
    to: Place<'_, [Array<T, L>; V], [(); V]>,
) {
    if let Some((arrays, _)) = to {
        for v in 0..V {
            results[v].store(lanes, &mut arrays[v]);
        }
    }
}

/// What sums are divided by: the same in each lane, or where columns at an end of the rows count otherwise, one for each.
#[inline(always)]
fn by<T: Element, L: Lanes<T>, R: Reducer<T>>(lanes: L, job: &Job, outputs: &Outputs) -> Option<L::By> {
    let Some((first, rows)) = outputs.edge.filter(|_| R::DIVIDES) else {
        return Some(lanes.by(divisor::<T, R>(job, outputs)));
    };
    let mut counts = <SumArray<T, L> as bytemuck::Zeroable>::zeroed();
    count_each::<T>(job, first, rows, counts.as_mut());
    lanes.by_each(&counts)
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
