//! Windows with lanes over output columns, in two passes a row: each input column is merged
//! down into a small tile on the stack, then the tile's columns are merged into windows. So a
//! column is merged once however many windows of the row read it, the cost of a window grows with
//! the sum of its sides and not with their product, and padding is just the reducer's `EMPTY` in
//! the tile.

use super::{Adjacent, Apart, Windows, column, store_apart, window, zeroed};
use crate::element::Element;
use crate::lanes::{Array, Lanes, Register};
use crate::reduce::Reduce;
use crate::view::{Reader, Writer, gather};
use crate::window::{Axis, Taps};
use core::ops::Range;

/// Vectors of partial results in the tile.
const TILE: usize = 64;
/// Vectors per step of the pass down: independent chains, so that none waits for itself.
const STEP: usize = 4;

type Cells<T, L, R> = <<R as Reduce<T>>::Acc<L> as Register<L>>::Array;

/// One row of outputs: the element before its first column, the column's taps outside the row.
#[derive(Clone, Copy)]
struct Row {
    from: usize,
    to: usize,
    taps: [usize; 2],
    steps: [usize; 2],
}

#[inline(always)]
pub(super) fn run<T: Element, L: Lanes<T>, R: Reduce<T>>(lanes: L, mut w: Windows<'_, '_, T, R>) {
    let [depth, rows, cols] = w.axes;
    let step = |i: usize, axis: &Axis| w.from.strides.spatial[i].wrapping_mul(axis.dilation);
    let steps = [step(0, &depth), step(1, &rows)];
    let mut pass = Pass { lanes, interior: cols.interior(), tile: [zeroed(); TILE] };
    for n in 0..w.from.shape.batch {
        for c in 0..w.from.shape.channels {
            for z in 0..depth.output {
                let d = depth.taps(z);
                for y in 0..rows.output {
                    let r = rows.taps(y);
                    let row = Row {
                        from: w.from.at(n, c, [d.start, r.start, 0]),
                        to: w.to.at(n, c, [z, y, 0]),
                        taps: [d.real, r.real],
                        steps,
                    };
                    if row.taps.contains(&0) {
                        for x in 0..cols.output {
                            w.put(row, x, w.fill);
                        }
                    } else {
                        pass.row(&mut w, row, [d, r]);
                    }
                }
            }
        }
    }
}

impl<T: Element, R: Reduce<T>> Windows<'_, '_, T, R> {
    #[inline(always)]
    fn put(&mut self, row: Row, x: usize, value: T) {
        let at = row.to + x * self.to.strides.spatial[2];
        crate::view::scatter(self.output, at, 1, 1, &[value]);
    }
}

/// What stays the same from row to row, and the tile.
struct Pass<T: Element, L: Lanes<T>, R: Reduce<T>> {
    lanes: L,
    /// Outputs whose column taps are all real.
    interior: Range<usize>,
    tile: [Cells<T, L, R>; TILE],
}

impl<T: Element, L: Lanes<T>, R: Reduce<T>> Pass<T, L, R> {
    #[inline(always)]
    fn row(&mut self, w: &mut Windows<'_, '_, T, R>, row: Row, taps: [Taps; 2]) {
        let cols = w.axes[2];
        // An unzip may read up to two vectors from the last column of a tile on.
        let Some(room) = ((TILE - 2) * L::N).checked_sub(cols.span) else {
            return self.one_by_one(w, row, taps);
        };
        let at_once = room / cols.stride + 1;
        let mut x = 0;
        while x < cols.output {
            let outputs = x..(x + at_once).min(cols.output);
            x = outputs.end;
            self.down(w, row, outputs.start * cols.stride, (outputs.len() - 1) * cols.stride + cols.span);
            self.across(w, row, taps, outputs);
        }
    }

    /// Merges each of `len` columns, from padded position `start` on, into the tile.
    #[inline(always)]
    fn down(&mut self, w: &Windows<'_, '_, T, R>, row: Row, start: usize, len: usize) {
        let (lanes, reduce) = (self.lanes, w.reduce);
        let cols = w.axes[2];
        let step = w.from.strides.spatial[2];
        let first = start.max(cols.pad_start);
        let end = (start + len).min(cols.pad_start + cols.input);
        let (n, before) = (end.saturating_sub(first), first - start);
        let from = row.from + (first - cols.pad_start) * step;
        let last_tap = (row.taps[0] - 1) * row.steps[0] + (row.taps[1] - 1) * row.steps[1];
        // A vector may reach past a short row, if only the slice goes on: nothing uses those lanes.
        let readable = step == 1 && from + last_tap + L::N <= w.input.len();
        let cells: &mut [R::Cell] = bytemuck::must_cast_slice_mut(&mut self.tile);
        let mut done = 0;
        if let (true, Some(reader), Some(mut writer)) = (step == 1, Reader::new(w.input), Writer::new(cells)) {
            let source = Adjacent::<T, L, R, STEP> { lanes, reduce, reader };
            while done + STEP * L::N <= n {
                let to: &mut [Cells<T, L, R>; STEP] = writer.at(before + done);
                let acc = column(&source, from + done, row.taps, row.steps);
                for (to, acc) in to.iter_mut().zip(acc) {
                    acc.store(lanes, to);
                }
                done += STEP * L::N;
            }
        }
        if let (true, Some(reader), Some(mut writer)) = (readable, Reader::new(w.input), Writer::new(cells)) {
            let source = Adjacent::<T, L, R, 1> { lanes, reduce, reader };
            while done < n {
                let at = if n < L::N { 0 } else { done.min(n - L::N) };
                let [acc] = column(&source, from + at, row.taps, row.steps);
                acc.store(lanes, writer.at(before + at));
                done += L::N;
            }
        } else if let Some(mut writer) = Writer::new(cells) {
            while done < n {
                let source = Apart { lanes, reduce, data: w.input, step, n: L::N.min(n - done) };
                let acc = column(&source, from + done * step, row.taps, row.steps);
                acc.store(lanes, writer.at(before + done));
                done += L::N;
            }
        }
        cells.iter_mut().take(before.min(len)).for_each(|cell| *cell = R::EMPTY);
        cells.iter_mut().take(len).skip(before + n).for_each(|cell| *cell = R::EMPTY);
    }

    /// Merges the tile's columns into the windows of `outputs`.
    #[inline(always)]
    fn across(&mut self, w: &mut Windows<'_, '_, T, R>, row: Row, [d, r]: [Taps; 2], outputs: Range<usize>) {
        let lanes = self.lanes;
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
            let acc = self.merge(w.reduce, &cols, (first - outputs.start) * cols.stride, n);
            let v = w.reduce.finish(lanes, acc, by);
            let to = row.to + first * step;
            match Writer::<T, Array<T, L>>::new(w.output) {
                Some(mut writer) if step == 1 && n == L::N => v.store(lanes, writer.at(to)),
                _ => store_apart(lanes, v, w.output, to, step, n),
            }
            if first < self.interior.start || first + n > self.interior.end {
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
    fn merge(&self, reduce: R, cols: &Axis, at: usize, n: usize) -> R::Acc<L> {
        let lanes = self.lanes;
        let cells: &[R::Cell] = bytemuck::must_cast_slice(&self.tile);
        let mut acc = R::Acc::<L>::splat(lanes, R::EMPTY);
        if cols.stride == 1
            && let Some(reader) = Reader::new(cells)
        {
            acc = R::Acc::<L>::load(lanes, reader.at(at));
            for t in 1..cols.kernel {
                let next = R::Acc::<L>::load(lanes, reader.at(at + t * cols.dilation));
                acc = reduce.merge(lanes, acc, next);
            }
        } else if cols.stride == 2
            && let Some(reader) = Reader::new(cells)
        {
            let dense = cols.dilation == 1;
            let mut t = 0;
            while t < cols.kernel {
                let (even, odd) = R::Acc::<L>::unzip(lanes, reader.at(at + t * cols.dilation));
                acc = if t == 0 { even } else { reduce.merge(lanes, acc, even) };
                t += 1;
                if dense && t < cols.kernel {
                    acc = reduce.merge(lanes, acc, odd);
                    t += 1;
                }
            }
        } else {
            for t in 0..cols.kernel {
                let array = gather(cells, at + t * cols.dilation, cols.stride, n);
                let next = R::Acc::<L>::load(lanes, &array);
                acc = if t == 0 { next } else { reduce.merge(lanes, acc, next) };
            }
        }
        acc
    }

    /// Windows too wide for the tile.
    #[inline(always)]
    fn one_by_one(&self, w: &mut Windows<'_, '_, T, R>, row: Row, [d, r]: [Taps; 2]) {
        let one = T::one();
        let cols = w.axes[2];
        let step = w.from.strides.spatial[2];
        for x in 0..cols.output {
            let c = cols.taps(x);
            if c.real == 0 {
                w.put(row, x, w.fill);
                continue;
            }
            let source = Apart { lanes: one, reduce: w.reduce, data: w.input, step: 1, n: 1 };
            let [ds, rs] = row.steps;
            let acc = window(
                &source,
                row.from + c.start * step,
                [d.real, r.real, c.real],
                [ds, rs, step.wrapping_mul(cols.dilation)],
            );
            let v = w.reduce.finish(one, acc, w.divisor([d, r, c]));
            store_apart(one, v, w.output, row.to + x * w.to.strides.spatial[2], 1, 1);
        }
    }
}

/// Finishes one output at the border, whose taps are not those of the interior.
#[inline(always)]
fn border<T: Element, R: Reduce<T>>(w: &mut Windows<'_, '_, T, R>, row: Row, taps: [Taps; 3], x: usize, cell: R::Cell) {
    if taps[2].real == 0 {
        w.put(row, x, w.fill);
    } else if R::DIVIDES {
        let one = T::one();
        let acc = R::Acc::<T::One>::splat(one, cell);
        let v = w.reduce.finish(one, acc, w.divisor(taps));
        store_apart(one, v, w.output, row.to + x * w.to.strides.spatial[2], 1, 1);
    }
}
