//! Windows with lanes over output columns, in two passes a row: each input column is merged
//! down into a small tile on the stack, then the tile's columns are merged into windows. So a
//! column is merged once however many windows of the row read it, the cost of a window grows with
//! the sum of its sides and not with their product, and padding is just the reducer's `EMPTY` in
//! the tile.

use super::by_row::{Row, RowPass};
use super::{Adjacent, Apart, Windows, column, finish_one, merge_one, store_apart, unrolled, zeroed};
use crate::access::{Reader, Writer, gather};
use crate::element::Element;
use crate::lanes::{Array, Lanes, Register};
use crate::reduce::{Cells, Reduce};
use crate::window::{Axis, Taps};
use core::ops::Range;

/// Vectors of partial results in the tile.
const TILE: usize = 64;
/// Vectors per step of the pass down: independent chains, so that none waits for itself.
const STEP: usize = 4;

/// Adjacent columns of the tile, and where in the input the first of them starts.
#[derive(Clone, Copy)]
struct Run {
    from: usize,
    to: usize,
    n: usize,
}

/// What stays the same from row to row, and the tile.
pub(super) struct Columns<T: Element, L: Lanes<T>, R: Reduce<T>> {
    lanes: L,
    /// Outputs per tile.
    at_once: usize,
    /// Whether outputs outside the interior are finished differently.
    patch: bool,
    /// Outputs whose column taps are all real.
    interior: Range<usize>,
    tile: [Cells<T, L, R>; TILE],
}

impl<T: Element, L: Lanes<T>, R: Reduce<T>> RowPass<T, R> for Columns<T, L, R> {
    #[inline(always)]
    fn row(&mut self, w: &mut Windows<'_, '_, T, R>, row: Row) {
        let cols = w.axes[2];
        if cols.bins {
            return self.bins(w, row);
        }
        let mut x = 0;
        while x < cols.output {
            let outputs = x..x.saturating_add(self.at_once).min(cols.output);
            x = outputs.end;
            let (start, len) = (outputs.start * cols.stride, (outputs.len() - 1) * cols.stride + cols.span);
            self.down(w, row, start, len);
            self.across(w, row, outputs);
        }
    }
}

impl<T: Element, L: Lanes<T>, R: Reduce<T>> Columns<T, L, R> {
    /// `None` if a window does not fit the tile.
    #[inline(always)]
    pub(super) fn new(lanes: L, cols: Axis) -> Option<Self> {
        // The pass across may read up to two vectors from the last column of a tile on.
        let room = ((TILE - 2) * L::N).checked_sub(cols.span)?;
        let patch = R::DIVIDES || cols.first_empty().is_some();
        // Bins have no stride, and find out for themselves.
        let at_once = if cols.bins { 1 } else { room / cols.stride + 1 };
        Some(Self { lanes, at_once, patch, interior: cols.interior(), tile: [zeroed(); TILE] })
    }

    /// A row of bins: columns are merged down in vectors, bins one by one.
    #[inline(always)]
    fn bins(&mut self, w: &mut Windows<'_, '_, T, R>, row: Row) {
        let cols = w.axes[2];
        let mut x = 0;
        while x < cols.output {
            let start = cols.taps(x).start;
            let end = |x| cols.taps(x).start + cols.taps(x).real;
            // One bin fits, as `new` has seen.
            let mut last = x;
            while last + 1 < cols.output && end(last + 1) - start <= (TILE - 2) * L::N {
                last += 1;
            }
            self.down(w, row, start, end(last) - start);
            let cells: &[R::Cell] = bytemuck::must_cast_slice(&self.tile);
            for x in x..last + 1 {
                merge_bin(w, row, x, cells, start);
            }
            x = last + 1;
        }
    }

    /// Merges each of `len` columns, from padded position `start` on, into the tile.
    #[inline(always)]
    fn down(&mut self, w: &Windows<'_, '_, T, R>, row: Row, start: usize, len: usize) {
        let cols = w.axes[2];
        let step = w.from.strides.spatial[2];
        let first = start.max(cols.pad_start);
        let end = (start + len).min(cols.pad_start + cols.input);
        if end <= first {
            return self.cells().iter_mut().take(len).for_each(|cell| *cell = R::EMPTY);
        }
        let run = Run { from: row.from + (first - cols.pad_start) * step, to: first - start, n: end - first };
        let done = if step == 1 {
            unrolled!(L, row.taps(), [[1, 2], [1, 3]], taps => self.down_adjacent(w, row, taps, run))
        } else {
            0
        };
        self.down_apart(w, row, run, done);
        let cells = self.cells();
        cells.iter_mut().take(run.to).for_each(|cell| *cell = R::EMPTY);
        cells.iter_mut().take(len).skip(run.to + run.n).for_each(|cell| *cell = R::EMPTY);
    }

    #[inline(always)]
    fn cells(&mut self) -> &mut [R::Cell] {
        bytemuck::must_cast_slice_mut(&mut self.tile)
    }

    /// Adjacent columns, in vectors; returns how many are done: all, but where a row shorter than a vector
    /// ends the slice.
    #[inline(always)]
    fn down_adjacent(&mut self, w: &Windows<'_, '_, T, R>, row: Row, taps: [usize; 2], run: Run) -> usize {
        let (lanes, reduce) = (self.lanes, w.reduce);
        let Run { from, to, n } = run;
        let mut done = 0;
        if let (Some(reader), Some(mut writer)) = (Reader::new(w.input), Writer::new(self.cells())) {
            while done + STEP * L::N <= n {
                row.prefetch(lanes, w.input, from + done);
                row.prefetch(lanes, w.input, from + done + STEP / 2 * L::N);
                let arrays: &mut [Cells<T, L, R>; STEP] = writer.at(to + done);
                let Some(cells) = reader.window(from + done, row.footprint) else { break };
                let acc = column(&Adjacent::<T, L, R, STEP> { lanes, reduce, cells }, taps, 0);
                for (array, acc) in arrays.iter_mut().zip(acc) {
                    acc.store(lanes, array);
                }
                done += STEP * L::N;
            }
        }
        // A vector may reach past a short row, if only the slice goes on: nothing uses those lanes.
        if from + row.footprint.reach() + L::N > w.input.len() {
            return done;
        }
        if let (Some(reader), Some(mut writer)) = (Reader::new(w.input), Writer::new(self.cells())) {
            while done < n {
                let at = if n < L::N { 0 } else { done.min(n - L::N) };
                let Some(cells) = reader.window(from + at, row.footprint) else { break };
                let [acc] = column(&Adjacent::<T, L, R, 1> { lanes, reduce, cells }, taps, 0);
                acc.store(lanes, writer.at(to + at));
                done += L::N;
            }
        }
        done
    }

    /// The columns from `done` on, which may lie apart.
    #[inline(always)]
    fn down_apart(&mut self, w: &Windows<'_, '_, T, R>, row: Row, run: Run, mut done: usize) {
        let (lanes, reduce) = (self.lanes, w.reduce);
        let step = w.from.strides.spatial[2];
        if let Some(mut writer) = Writer::new(self.cells()) {
            while done < run.n {
                let (from, n) = (run.from + done * step, L::N.min(run.n - done));
                let source = Apart { lanes, reduce, data: w.input, from, footprint: row.footprint, step, n };
                let acc = column(&source, row.taps(), 0);
                acc.store(lanes, writer.at(run.to + done));
                done += L::N;
            }
        }
    }

    /// Merges the tile's columns into the windows of `outputs`.
    #[inline(always)]
    fn across(&mut self, w: &mut Windows<'_, '_, T, R>, row: Row, outputs: Range<usize>) {
        let lanes = self.lanes;
        let [d, r] = row.axes;
        let cols = w.axes[2];
        let n = outputs.len().min(L::N);
        let step = w.to.strides.spatial[2];
        let inside = Taps { start: 0, real: cols.kernel, padded: cols.kernel };
        let by = w.divisor([d, r, inside]);
        let mut x = outputs.start;
        while x < outputs.end {
            // The last vector overlaps its neighbour rather than leave a tail.
            let first = x.min(outputs.end - n);
            x += L::N;
            let at = (first - outputs.start) * cols.stride;
            let acc = unrolled!(
                L,
                [cols.stride, cols.kernel, cols.dilation],
                [[2, 3, 1], [1, 3, 1], [1, 5, 1]],
                shape => self.merge(w.reduce, shape, at, n)
            );
            let v = w.reduce.finish(lanes, acc, by);
            let to = row.to + first * step;
            match Writer::<T, Array<T, L>>::new(w.output) {
                Some(mut writer) if step == 1 && n == L::N => v.store(lanes, writer.at(to)),
                _ => store_apart(lanes, v, w.output, to, step, n),
            }
            if self.patch && (first < self.interior.start || first + n > self.interior.end) {
                let mut cells: Cells<T, L, R> = zeroed();
                acc.store(lanes, &mut cells);
                for (x, cell) in (first..first + n).zip(cells.as_ref()) {
                    if !self.interior.contains(&x) {
                        border(w, row, [d, r, cols.taps(x)], x, *cell);
                    }
                }
            }
        }
    }

    /// Merges the windows of a vector of `n` outputs, the first of which starts at `at` in the tile.
    #[inline(always)]
    fn merge(&self, reduce: R, [stride, kernel, dilation]: [usize; 3], at: usize, n: usize) -> R::Acc<L> {
        let lanes = self.lanes;
        let cells: &[R::Cell] = bytemuck::must_cast_slice(&self.tile);
        let mut acc = R::Acc::<L>::splat(lanes, R::EMPTY);
        if stride == 1
            && let Some(reader) = Reader::new(cells)
        {
            acc = R::Acc::<L>::load(lanes, reader.at(at));
            for t in 1..kernel {
                let next = R::Acc::<L>::load(lanes, reader.at(at + t * dilation));
                acc = reduce.merge(lanes, acc, next);
            }
        } else if stride == 2
            && let Some(reader) = Reader::new(cells)
        {
            let dense = dilation == 1;
            let mut t = 0;
            while t < kernel {
                let [a, b]: &[Cells<T, L, R>; 2] = reader.at(at + t * dilation);
                let (a, b) = (R::Acc::<L>::load(lanes, a), R::Acc::<L>::load(lanes, b));
                let (even, odd) = R::Acc::<L>::unzip(lanes, a, b);
                acc = if t == 0 { even } else { reduce.merge(lanes, acc, even) };
                t += 1;
                if dense && t < kernel {
                    acc = reduce.merge(lanes, acc, odd);
                    t += 1;
                }
            }
        } else {
            for t in 0..kernel {
                let array = gather(cells, at + t * dilation, stride, n);
                let next = R::Acc::<L>::load(lanes, &array);
                acc = if t == 0 { next } else { reduce.merge(lanes, acc, next) };
            }
        }
        acc
    }
}

/// Merges the columns of bin `x`, which lie in `cells` from column `start` on, and finishes it.
#[inline(never)]
fn merge_bin<T: Element, R: Reduce<T>>(
    w: &mut Windows<'_, '_, T, R>,
    row: Row,
    x: usize,
    cells: &[R::Cell],
    start: usize,
) {
    let taps = w.axes[2].taps(x);
    let columns = cells.iter().skip(taps.start - start).take(taps.real).copied();
    if let Some(cell) = columns.reduce(|a, b| merge_one::<T, R>(w.reduce, a, b)) {
        let by = w.divisor([row.axes[0], row.axes[1], taps]);
        finish_one(w.reduce, cell, by, w.output, row.to + x * w.to.strides.spatial[2]);
    }
}

/// Finishes one output at the border, whose taps are not those of the interior.
#[inline(never)]
fn border<T: Element, R: Reduce<T>>(w: &mut Windows<'_, '_, T, R>, row: Row, taps: [Taps; 3], x: usize, cell: R::Cell) {
    if taps[2].real == 0 {
        w.put(row, x, w.fill);
    } else if R::DIVIDES {
        finish_one(w.reduce, cell, w.divisor(taps), w.output, row.to + x * w.to.strides.spatial[2]);
    }
}
