//! Planes of seven rows and columns, with which networks end: as many at once as a vector has lanes.
//!
//! ```text
//!   plane a   [ a0 a1 a2 .. ]      lines folded           transposed
//!             [ .  .  .  .. ]  ->  a0 a1 a2 .. a6 *   ->  a0 b0 c0 ..
//!   plane b   [ b0 b1 b2 .. ]      b0 b1 b2 .. b6 *       a1 b1 c1 ..   ->  outputs: columns, folded from left to right
//!             [ .  .  .  .. ]      c0 c1 c2 .. c6 *       a2 b2 c2 ..
//!   ...                            ...                    ...
//! ```

use super::divisors::by;
use super::lines::{Line, Lines, fold};
use super::passes::{Pass, fold_slices};
use super::runs::{Elements, Outputs};
use crate::access::{Block, EndReader, NOTHING, Runs, Writer};
use crate::element::Element;
use crate::lanes::{Array, Lanes, Register};
use crate::reduce::Reduce;

/// Rows and columns of a plane.
pub(super) const SIDE: usize = 7;

/// Planes at once, and lanes of a vector.
pub(super) const AT_ONCE: usize = 8;

impl<T: Element, L: Lanes<T>, R: Reduce<T, L>> Pass<'_, '_, '_, T, L, R> {
    /// Planes: the runs of a block along its first axis.
    #[expect(clippy::needless_range_loop, reason = "by iterators, vectors go by way of memory")]
    pub(super) fn narrow(&mut self, runs: &Elements, outputs: &Outputs) -> Option<()> {
        self.lanes.enter(
            #[inline(always)]
            || {
                let (lanes, reduce, data) = (self.lanes, self.reduce, self.work.input);
                let (runs, outputs) = (*runs, *outputs);
                let by = by::<T, L, R>(lanes, self.work.job, &outputs);
                let planes = runs.block.count[0];
                // Rows are read past their end, but the last ones must not be past the end of the input.
                let mut inside = planes;
                let mut from = None;
                while inside > 0 && from.is_none() {
                    let block = Block { count: [inside, 1], ..runs.block };
                    from = Runs::new((data, &NOTHING), &block, runs.from, [SIDE, runs.apart], AT_ONCE);
                    inside -= usize::from(from.is_none());
                }
                let mut writer = Writer::<T, Array<T, L>>::new(self.work.output)?;
                let one = Line { count: 1, step: 0, cells: 0 };
                let mut next = 0;
                while next < planes {
                    // The last vector overlaps its neighbour rather than leave a tail.
                    let first = next.min(planes.checked_sub(AT_ONCE)?);
                    let rows = match &from {
                        Some(from) if first + AT_ONCE <= inside => {
                            let mut rows = [reduce.empty(lanes); AT_ONCE];
                            for p in 0..AT_ONCE {
                                let run = from.run([first + p, 0])?;
                                [rows[p]] = fold_slices::<T, L, R, 1>(lanes, reduce, &run, 0, 0, 0, one, false)?;
                            }
                            rows
                        }
                        _ => fold_last::<T, L, R>(lanes, reduce, data, &runs, first),
                    };
                    let columns = transpose(lanes, reduce, rows);
                    let mut acc = columns[0];
                    for x in 1..SIDE {
                        acc = reduce.merge_columns(lanes, acc, columns[x]);
                    }
                    reduce.finish(lanes, acc, &by).store(lanes, writer.at(outputs.to + first));
                    next += AT_ONCE;
                }
                Some(())
            },
        )
    }
}

/// Folds the rows of as many planes where what follows the last of them may not be there.
#[cold]
#[inline(never)]
fn fold_last<T: Element, L: Lanes<T>, R: Reduce<T, L>>(
    lanes: L,
    reduce: R,
    data: &[T],
    runs: &Elements,
    first: usize,
) -> [R::Acc; AT_ONCE] {
    lanes.enter(
        #[inline(always)]
        || {
            let data = EndReader::<T, Array<T, L>>::new(data);
            let line = |count, step| Line { count, step, cells: 0 };
            let mut lines = Lines { from: 0, number: 0, depth: line(1, 0), rows: line(SIDE, runs.apart) };
            let mut rows = [reduce.empty(lanes); AT_ONCE];
            for (p, acc) in rows.iter_mut().enumerate() {
                lines.from = runs.from.wrapping_add((first + p).wrapping_mul(runs.block.from[0]));
                [*acc] = fold::<T, L, R, 1>(lanes, reduce, &data, &lines, 0, None);
            }
            rows
        },
    )
}

/// Vector by vector what was lane by lane.
#[inline(always)]
fn transpose<T: Element, L: Lanes<T>, R: Reduce<T, L>>(
    lanes: L,
    reduce: R,
    mut rows: [R::Acc; AT_ONCE],
) -> [R::Acc; AT_ONCE] {
    // Each turn takes the last bit of a lane's number to the front of its vector's.
    let mut turns = AT_ONCE;
    while turns > 1 {
        let before = rows;
        for i in 0..AT_ONCE / 2 {
            (rows[i], rows[i + AT_ONCE / 2]) = reduce.unzip(lanes, before[2 * i], before[2 * i + 1]);
        }
        turns /= 2;
    }
    rows
}
