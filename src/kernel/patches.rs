//! Windows of three rows and columns that are one apart, of channels side by side: a few at once, for each shares most of its taps with
//! its neighbours.
//!
//! ```text
//!   columns   a b c d          each column, folded for both rows of windows    outputs
//!   line      . . . .  \
//!   line      . . . .   \ 1st   a1 b1 c1 d1   ->   a1 b1 c1, b1 c1 d1            .  .
//!   line      . . . .   / 2nd   a2 b2 c2 d2   ->   a2 b2 c2, b2 c2 d2            .  .
//!   line      . . . .  /
//! ```

use super::passes::Pass;
use super::{Job, Place};
use crate::access::{Block, NOTHING, RowsReader, RunsMut};
use crate::element::Element;
use crate::lanes::{Array, Lanes, Register, array};
use crate::reduce::Reduce;
use crate::window::{Axis, Taps};
use core::ops::Range;

/// Columns of a patch, and of the windows that they are read for.
const COLUMNS: usize = 4;
const ACROSS: usize = 2;

/// Windows in patches: `rows` by `cols` of an image, at one place along the depth.
pub(super) struct Patches {
    /// Element of the first cell of the plane, and its number.
    from: usize,
    number: u32,
    rows: Range<usize>,
    cols: Range<usize>,
    place: Place,
    /// What sums are divided by: the number, and the real taps.
    count: isize,
    real: isize,
}

impl Patches {
    /// Those of image `n`, from channel `c` on, at place `z` along the depth.
    #[inline(never)]
    pub(super) fn of(job: &Job, [n, c, z]: [usize; 3], rows: &Range<usize>, cols: &Range<usize>) -> Self {
        let [height, width] = [job.from.shape.spatial[1], job.from.shape.spatial[2]];
        let (depth, whole) = (job.axes[0].outlined_taps(z), Taps { start: 0, real: 3, padded: 3 });
        let [count, real] = job.counts([depth, whole, whole]);
        let number = depth.start.wrapping_mul(height).wrapping_mul(width) as u32;
        let place = Place { cell: [n, c, z, 0, 0], along_channels: true };
        let from = job.from.at(n, c, [depth.start, 0, 0]);
        Self { from, number, rows: rows.clone(), cols: cols.clone(), place, count, real }
    }
}

/// What becomes of windows at the border.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Border {
    /// They go by themselves.
    Apart,
    /// They go with the others: a cell at the border stands for those past it.
    Repeated,
}

/// Whether windows go in patches; and all of them, if a cell may be `repeated`.
#[inline(never)]
pub(super) fn fit(job: &Job, repeated: bool) -> Option<Border> {
    let [depth, rows, cols] = &job.axes;
    let is_three = |axis: &Axis| !axis.bins && [axis.kernel, axis.stride, axis.dilation] == [3, 1, 1];
    let are_many = |axis: &Axis| if repeated { axis.output > 1 } else { axis.interior().len() > 1 };
    let fits = |axis: &Axis| is_three(axis) && are_many(axis);
    let dense = depth.kernel == 1 && job.to.strides.channel == 1 && !job.axes.iter().any(Axis::may_be_empty);
    (dense && fits(rows) && fits(cols)).then_some(if repeated { Border::Repeated } else { Border::Apart })
}

/// Calls `$each` for every `$n` of a range, of which there are as many at least: the last ones overlap those before.
macro_rules! each_few {
    ($range:expr, $n:expr, |$first:ident| $each:block) => {
        let (mut next, end) = ($range.start, $range.end);
        while next < end {
            let $first = next.min(end - $n);
            $each
            next += $n;
        }
    };
}

impl<T: Element, L: Lanes<T>, R: Reduce<T, L>> Pass<'_, '_, '_, T, L, R> {
    /// Patches of `DOWN` rows of windows, which read as many `LINES`.
    pub(super) fn patch<const DOWN: usize, const LINES: usize>(&mut self, patches: &Patches) -> Option<()> {
        let (lanes, data, job, beside) = (self.lanes, self.work.input, self.work.job, &mut *self.beside);
        let reduce = &self.reduce;
        lanes.enter(
            #[inline(always)]
            || {
                // Of their own, for the compiler to keep them in registers.
                let (reduce, Patches { from, number, rows, cols, place, count, real }) = (*reduce, patches);
                let by =
                    lanes.by(if R::DIVIDES { T::divisor(&job.finish, *count, *real) } else { T::Divisor::default() });
                let ([_, row_axis, col_axis], [_, row_step, col_step]) = (&job.axes, job.from.strides.spatial);
                let ([_, to_row, to_col], [n, c, z, ..]) = (job.to.strides.spatial, place.cell);
                let (channels, width) = (job.from.shape.channels, job.from.shape.spatial[2]);
                // All outputs are one run.
                let last = (rows.len() - 1).checked_mul(to_row)?.checked_add((cols.len() - 1).checked_mul(to_col)?)?;
                let mut nothing = NOTHING;
                let to = (&mut *self.work.output, &mut nothing[..]);
                let first = job.to.at(n, c, [z, rows.start, cols.start]);
                let mut to = RunsMut::new(to, &Block::ONE, first, [1, 0], last.checked_add(channels)?)?;
                let mut to = to.run([0; 2])?;
                let first = Place { cell: [n, c, z, rows.start, cols.start], ..*place };
                let spots = R::spots(beside, first, [3, 4], [rows.len(), cols.len()]);
                each_few!(rows, DOWN, |y| {
                    let lines = array!(LINES, |l| row_axis.nearest(y + l));
                    let numbers = array!(LINES, |l| number.wrapping_add(lines[l].wrapping_mul(width) as u32));
                    each_few!(cols, ACROSS, |x| {
                        let columns = array!(COLUMNS, |k| col_axis.nearest(x + k));
                        let starts = array!(COLUMNS, |k| (columns[k] - columns[0]) * col_step);
                        let corner = from + columns[0] * col_step;
                        let end = starts[COLUMNS - 1].checked_add(channels)?;
                        let patch = RowsReader::<T, LINES>::new(data, end, |l| corner + lines[l] * row_step)?;
                        let to_corner = (y - rows.start) * to_row + (x - cols.start) * to_col;
                        let spots = array!(ACROSS, |w| spots.run([y - rows.start, x + w - cols.start]));
                        let mut next = 0;
                        while next < channels {
                            // The last vector overlaps its neighbour rather than leave a tail.
                            let i = next.min(channels - L::N);
                            let mut folded = [[reduce.empty(lanes); COLUMNS]; DOWN];
                            for k in 0..COLUMNS {
                                let mut column = [reduce.empty(lanes); LINES];
                                for (l, elements) in patch.columns::<Array<T, L>>(starts[k] + i)?.each().enumerate() {
                                    column[l] = reduce.lift(lanes, L::V::load(lanes, elements), numbers[l]);
                                }
                                for d in 0..DOWN {
                                    folded[d][k] = reduce.merge_two(lanes, column[d], column[d + 1], column[d + 2]);
                                }
                            }
                            for (d, folded) in folded.iter().enumerate() {
                                for w in 0..ACROSS {
                                    // Columns are counted from that of the window.
                                    let window = (x + w).wrapping_sub(col_axis.pad_start);
                                    let [a, b, c] = array!(3, |k| {
                                        let along = columns[w + k].wrapping_sub(window) as u32;
                                        reduce.along(lanes, folded[w + k], along)
                                    });
                                    let acc = reduce.merge_three(lanes, a, b, c);
                                    let (output, _) = to.at::<_, ()>(to_corner + d * to_row + w * to_col + i)?.get();
                                    reduce.finish(lanes, acc, &by).store(lanes, output);
                                    reduce.aside(lanes, &[acc], beside, &spots[w], i..i + L::N);
                                }
                            }
                            next += L::N;
                        }
                    });
                });
                Some(())
            },
        )
    }
}
