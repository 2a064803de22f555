//! Planes no wider than a vector, of which each is one window: as many at once as a vector has lanes.
//!
//! ```text
//!   plane a   [ a0 a1 a2 ]        lines folded        transposed
//!             [ .  .  .  ]   ->   a0 a1 a2 *     ->   a0 b0 c0 d0
//!   plane b   [ b0 b1 b2 ]        b0 b1 b2 *          a1 b1 c1 d1    ->   outputs: columns, folded from left to right
//!             [ .  .  .  ]        c0 c1 c2 *          a2 b2 c2 d2
//!   ...                           d0 d1 d2 *
//! ```

use super::lines::{Line, Lines, fold};
use super::passes::{Pass, by, fold_slices};
use super::runs::{Elements, Outputs};
use crate::access::{Block, EndReader, NOTHING, Runs, Writer};
use crate::element::Element;
use crate::lanes::{Array, Lanes, Register};
use crate::reduce::Reduce;

/// Most planes at once.
pub(super) const MOST: usize = 8;

impl<T: Element, L: Lanes<T>, R: Reduce<T, L>> Pass<'_, '_, '_, T, L, R> {
    /// Planes of `SIDE` rows and columns, or of as many as there are: the runs of a block along its first axis.
    pub(super) fn planes<const SIDE: usize>(
        &mut self,
        runs: &Elements,
        lines: usize,
        slices: Line,
        outputs: &Outputs,
    ) -> Option<()> {
        self.lanes.enter(
            #[inline(always)]
            || {
                let (lanes, reduce, data, many) = (self.lanes, self.reduce, self.work.input, SIDE == 0);
                let (runs, outputs) = (*runs, *outputs);
                let by = by::<T, L, R>(lanes, self.work.job, &outputs);
                let (mut lines, mut slices, mut columns) = (lines, slices, runs.len);
                if SIDE > 0 {
                    (lines, slices.count, columns) = (SIDE, 1, SIDE);
                }
                let reach = (slices.count - 1).checked_mul(slices.step)?.checked_add(L::N)?;
                let [planes, _] = runs.block.count;
                // Rows are read past their end, but the last ones must not be past the end of the input.
                let mut inside = planes;
                let mut from = None;
                while inside > 0 && from.is_none() {
                    let block = Block { count: [inside, 1], ..runs.block };
                    from = Runs::new((data, &NOTHING), &block, runs.from, [lines, runs.apart], reach);
                    inside -= usize::from(from.is_none());
                }
                let mut writer = Writer::<T, Array<T, L>>::new(self.work.output)?;
                let mut next = 0;
                while next < planes {
                    // The last vector overlaps its neighbour rather than leave a tail.
                    let first = next.min(planes.checked_sub(L::N)?);
                    let folded = match &from {
                        Some(from) if first + L::N <= inside => {
                            let mut folded = [reduce.empty(lanes); MOST];
                            for (p, acc) in folded.iter_mut().enumerate().take(L::N) {
                                let run = from.run([first + p, 0])?;
                                [*acc] = fold_slices::<T, L, R, 1>(lanes, reduce, &run, 0, 0, 0, slices, many)?;
                            }
                            folded
                        }
                        _ => fold_last::<T, L, R>(lanes, reduce, data, &runs, first, lines, slices),
                    };
                    let columns_of = transpose(lanes, reduce, folded);
                    let mut acc = columns_of[0];
                    // Of as many turns as lanes: columns would be read from memory otherwise.
                    for (x, column) in columns_of.iter().enumerate().take(L::N).skip(1) {
                        if x < columns {
                            acc = reduce.merge_columns(lanes, acc, *column);
                        }
                    }
                    reduce.finish(lanes, acc, &by).store(lanes, writer.at(outputs.to + first));
                    next += L::N;
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
    lines: usize,
    slices: Line,
) -> [R::Acc; MOST] {
    lanes.enter(
        #[inline(always)]
        || {
            let data = EndReader::<T, Array<T, L>>::new(data);
            let mut folded = [reduce.empty(lanes); MOST];
            for (p, acc) in folded.iter_mut().enumerate().take(L::N) {
                let from = runs.from.wrapping_add((first + p).wrapping_mul(runs.block.from[0]));
                let rows = Line { count: lines, step: runs.apart, cells: 0 };
                [*acc] =
                    fold::<T, L, R, 1>(lanes, reduce, &data, &Lines { from, number: 0, depth: slices, rows }, 0, None);
            }
            folded
        },
    )
}

/// Of as many vectors as they have lanes: vector by vector what was lane by lane.
#[inline(always)]
fn transpose<T: Element, L: Lanes<T>, R: Reduce<T, L>>(
    lanes: L,
    reduce: R,
    mut rows: [R::Acc; MOST],
) -> [R::Acc; MOST] {
    // Each turn takes the last bit of a lane's number to the front of its vector's.
    let mut turns = L::N;
    while turns > 1 {
        let before = rows;
        for i in 0..L::N / 2 {
            (rows[i], rows[i + L::N / 2]) = reduce.unzip(lanes, before[2 * i], before[2 * i + 1]);
        }
        turns /= 2;
    }
    rows
}
