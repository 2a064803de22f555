//! What the kernels that take an image row by row have in common: the walk over the rows of the
//! output, and single outputs, for borders and for windows that fit nowhere else.

use super::{Apart, Windows, store_apart, window};
use crate::access::{Footprint, scatter};
use crate::element::Element;
use crate::lanes::Lanes;
use crate::reduce::Reduce;
use crate::window::Taps;

/// One row of outputs, whose windows share their taps along depth and rows.
#[derive(Clone, Copy)]
pub(super) struct Row {
    /// Element of the first tap, in column 0 of the input.
    pub(super) from: usize,
    /// Element of the first output.
    pub(super) to: usize,
    /// Image, channel, and position along depth and rows.
    pub(super) cell: [usize; 4],
    /// Taps along depth and rows; each axis has one that is real.
    pub(super) axes: [Taps; 2],
    /// Taps of a column.
    pub(super) footprint: Footprint,
    /// Elements from a cell to where the next row of outputs reads on.
    ahead: usize,
}

impl Row {
    /// Real taps along depth and rows.
    #[inline(always)]
    pub(super) fn taps(&self) -> [usize; 2] {
        let [d, r, _] = self.footprint.taps();
        [d, r]
    }

    /// Reads ahead what the next row of outputs will find below the cells at `at`. Rows are
    /// walked side by side in steps too short for the hardware to foresee.
    #[inline(always)]
    pub(super) fn prefetch<T: Element, L: Lanes<T>>(&self, lanes: L, data: &[T], at: usize) {
        // Past the last row this may wrap, and name any cell or none.
        let at = at.wrapping_add(self.ahead);
        for at in [at, at.wrapping_add(self.footprint.steps()[1])] {
            if let Some(cell) = data.get(at) {
                lanes.prefetch(cell);
            }
        }
    }
}

/// Work on one row of outputs.
pub(super) trait RowPass<T, R> {
    fn row(&mut self, w: &mut Windows<'_, '_, T, R>, row: Row);
}

impl<T: Element, R: Reduce<T>> Windows<'_, '_, T, R> {
    /// Runs `pass` on every row that has taps, and fills the others.
    #[inline(always)]
    pub(super) fn each_row(&mut self, pass: &mut impl RowPass<T, R>) {
        let [depth, rows, cols] = self.axes;
        let [depth_stride, row_stride, _] = self.from.strides.spatial;
        // These wrap only where an axis has one real tap, and then nothing uses them.
        let steps = [depth_stride.wrapping_mul(depth.dilation), row_stride.wrapping_mul(rows.dilation), 0];
        for n in 0..self.from.shape.batch {
            for c in 0..self.from.shape.channels {
                let (from, to) = (self.from.at(n, c, [0; 3]), self.to.at(n, c, [0; 3]));
                for z in 0..depth.output {
                    let d = depth.taps(z);
                    // Wraps, here and below, only where there is no real tap; then nothing reads.
                    let from = from.wrapping_add(d.start.wrapping_mul(depth_stride));
                    let to = to + z * self.to.strides.spatial[0];
                    for y in 0..rows.output {
                        let r = rows.taps(y);
                        let from = from.wrapping_add(r.start.wrapping_mul(row_stride));
                        let to = to + y * self.to.strides.spatial[1];
                        let (cell, ahead) = ([n, c, z, y], r.real.wrapping_mul(row_stride));
                        let footprint = Footprint::new([d.real, r.real, 1], steps);
                        let row = Row { from, to, cell, axes: [d, r], footprint, ahead };
                        if d.real == 0 || r.real == 0 {
                            (0..cols.output).for_each(|x| self.put(row, x, self.fill));
                        } else {
                            pass.row(self, row);
                        }
                    }
                }
            }
        }
    }

    /// Writes one output.
    #[inline(always)]
    pub(super) fn put(&mut self, row: Row, x: usize, value: T) {
        scatter(self.output, row.to + x * self.to.strides.spatial[2], 1, 1, &[value]);
    }

    /// The first tap of a row's window with these columns, and how all of its taps lie.
    #[inline(always)]
    pub(super) fn window_at(&self, row: Row, columns: Taps) -> (usize, Footprint) {
        let step = self.from.strides.spatial[2];
        // These wrap only where there is one real tap or none, and then nothing uses them.
        let footprint = row.footprint.columns(columns.real, step.wrapping_mul(self.axes[2].dilation));
        (row.from.wrapping_add(columns.start.wrapping_mul(step)), footprint)
    }

    /// Where the real taps of output `x` lie, in row-major order.
    pub(super) fn taps(&self, row: Row, x: usize) -> impl Iterator<Item = usize> + Clone + use<T, R> {
        let (from, footprint) = self.window_at(row, self.axes[2].taps(x));
        let [depth, rows, columns] = footprint.taps();
        let lines = (0..depth).flat_map(move |d| (0..rows).map(move |r| [d, r]));
        lines.flat_map(move |[d, r]| (0..columns).map(move |c| from.wrapping_add(footprint.offset([d, r, c]))))
    }

    /// Pools one output, without vectors: the same code for every instruction set.
    #[inline(never)]
    pub(super) fn one(&mut self, row: Row, x: usize) {
        let one = T::one();
        let c = self.axes[2].taps(x);
        if c.real == 0 {
            return self.put(row, x, self.fill);
        }
        let (from, footprint) = self.window_at(row, c);
        let source = Apart { lanes: one, reduce: self.reduce, data: self.input, from, footprint, step: 1, n: 1 };
        let acc = window(&source, footprint.taps());
        let v = self.reduce.finish(one, acc, self.divisor([row.axes[0], row.axes[1], c]));
        store_apart(one, v, self.output, row.to + x * self.to.strides.spatial[2], 1, 1);
    }
}

/// Every output for itself: windows too wide for any tile.
pub(super) struct OneByOne;

impl<T: Element, R: Reduce<T>> RowPass<T, R> for OneByOne {
    #[inline(always)]
    fn row(&mut self, w: &mut Windows<'_, '_, T, R>, row: Row) {
        for x in 0..w.axes[2].output {
            w.one(row, x);
        }
    }
}
