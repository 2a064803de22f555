//! Windows of two adjacent columns, two apart, with lanes over output columns: they share no
//! column, so each pair of vectors is merged down, unzipped and merged in registers.

use super::by_row::{Row, RowPass};
use super::{Adjacent, Windows, column, unrolled};
use crate::access::{Reader, Writer};
use crate::element::Element;
use crate::lanes::{Array, Lanes, Register};
use crate::reduce::Reduce;
use core::ops::Range;

/// Windows of the columns of `a` followed by those of `b`.
#[inline(always)]
fn pair<T: Element, L: Lanes<T>, R: Reduce<T>>(
    lanes: L,
    reduce: R,
    a: R::Acc<L>,
    b: R::Acc<L>,
    by: T::Divisor,
) -> L::V {
    let (even, odd) = R::Acc::<L>::unzip(lanes, a, b);
    reduce.finish(lanes, reduce.merge(lanes, even, odd), by)
}

/// The pass, with what stays the same from row to row.
pub(super) struct Pairs<L> {
    lanes: L,
    /// Outputs with both columns inside the input; at least a vector of them.
    inside: Range<usize>,
}

impl<L> Pairs<L> {
    /// `None` if these windows are not of the kind.
    #[inline(always)]
    pub(super) fn new<T: Element, R: Reduce<T>>(lanes: L, w: &Windows<'_, '_, T, R>) -> Option<Self>
    where
        L: Lanes<T>,
    {
        let cols = w.axes[2];
        let inside = cols.interior();
        let adjacent = w.from.strides.spatial[2] == 1 && w.to.strides.spatial[2] == 1;
        let pairs = [cols.kernel, cols.stride, cols.dilation] == [2, 2, 1];
        (adjacent && pairs && inside.len() >= L::N).then_some(Self { lanes, inside })
    }
}

impl<T: Element, L: Lanes<T>, R: Reduce<T>> RowPass<T, R> for Pairs<L> {
    #[inline(always)]
    fn row(&mut self, w: &mut Windows<'_, '_, T, R>, row: Row) {
        unrolled!(L, row.taps(), [[1, 2]], taps => self.inside(w, row, taps));
        (0..self.inside.start).for_each(|x| w.one(row, x));
        (self.inside.end..w.axes[2].output).for_each(|x| w.one(row, x));
    }
}

impl<L> Pairs<L> {
    /// The outputs of a row whose columns are inside the input.
    #[inline(always)]
    fn inside<T: Element, R: Reduce<T>>(&self, w: &mut Windows<'_, '_, T, R>, row: Row, taps: [usize; 2])
    where
        L: Lanes<T>,
    {
        let (lanes, reduce) = (self.lanes, w.reduce);
        let Range { start, end } = self.inside;
        let cols = w.axes[2];
        let by = w.divisor([row.axes[0], row.axes[1], cols.taps(start)]);
        let (from, to) = (row.from + 2 * start - cols.pad_start, row.to + start);
        let (n, mut x) = (end - start, 0);
        if let (Some(reader), Some(mut writer)) = (Reader::new(w.input), Writer::<T, [Array<T, L>; 2]>::new(w.output)) {
            while x + 2 * L::N <= n {
                row.prefetch(lanes, w.input, from + 2 * x);
                row.prefetch(lanes, w.input, from + 2 * x + 2 * L::N);
                let Some(cells) = reader.window(from + 2 * x, row.footprint) else { return };
                let [a, b, c, d] = column(&Adjacent::<T, L, R, 4> { lanes, reduce, cells }, taps, 0);
                let [low, high] = writer.at(to + x);
                pair(lanes, reduce, a, b, by).store(lanes, low);
                pair(lanes, reduce, c, d, by).store(lanes, high);
                x += 2 * L::N;
            }
        }
        if let (Some(reader), Some(mut writer)) = (Reader::new(w.input), Writer::<T, Array<T, L>>::new(w.output)) {
            while x < n {
                // The last vector overlaps its neighbour rather than leave a tail.
                let at = x.min(n - L::N);
                let Some(cells) = reader.window(from + 2 * at, row.footprint) else { return };
                let [a, b] = column(&Adjacent::<T, L, R, 2> { lanes, reduce, cells }, taps, 0);
                pair(lanes, reduce, a, b, by).store(lanes, writer.at(to + at));
                x += L::N;
            }
        }
    }
}
