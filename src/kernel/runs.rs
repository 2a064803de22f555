//! What walks hand to passes: runs of elements and of outputs, and what is done with them; and which windows are alike, so that they go
//! into the same runs.

use super::lines::Line;
use super::{Job, Place};
use crate::access::Block;
use crate::window::{Axis, Taps};
use core::ops::Range;

/// Runs of elements, with others below them.
#[derive(Clone, Copy)]
pub(super) struct Elements {
    pub(super) block: Block,
    /// Element of the first, and its cell of the tile.
    pub(super) from: usize,
    pub(super) to: usize,
    /// Elements of a run, how far from one to the next, and to the one below.
    pub(super) len: usize,
    pub(super) step: usize,
    pub(super) apart: usize,
    /// Whether what comes after a run is not to be written.
    pub(super) exact: bool,
    /// Whether they are a column on the right of what is in the tile.
    pub(super) more: bool,
    /// Cell of the plane that the first run's line starts with; cells to the next run along both axes, and to the line below.
    pub(super) number: u32,
    pub(super) numbers: [u32; 2],
    pub(super) cells: u32,
}

impl Elements {
    /// Cell of the plane that the line of a run starts with.
    pub(super) fn number_of(&self, [a, b]: [usize; 2]) -> u32 {
        let more = (a as u32).wrapping_mul(self.numbers[0]).wrapping_add((b as u32).wrapping_mul(self.numbers[1]));
        self.number.wrapping_add(more)
    }

    /// The same runs with the axes of the block the other way round.
    pub(super) fn swapped(self) -> Self {
        let Block { count: [a, b], from: [c, d], to: [e, f] } = self.block;
        let [g, h] = self.numbers;
        Self { block: Block { count: [b, a], from: [d, c], to: [f, e] }, numbers: [h, g], ..self }
    }

    /// `n` of the runs along an axis of the block, from the `first` on.
    pub(super) fn part(mut self, axis: usize, first: usize, n: usize) -> Self {
        self.block.count[axis] = n;
        self.from = self.from.wrapping_add(first.wrapping_mul(self.block.from[axis]));
        self.to += first * self.block.to[axis];
        self.number = self.number.wrapping_add((first as u32).wrapping_mul(self.numbers[axis]));
        self
    }
}

/// Runs of outputs, from cells that lie side by side, or from every other one if they are `halved`.
#[derive(Clone, Copy)]
pub(super) struct Outputs {
    pub(super) block: Block,
    /// Cell of the first tap of the first output, and the output's element.
    pub(super) at: usize,
    pub(super) to: usize,
    /// Outputs of a run, and elements from one to the next.
    pub(super) len: usize,
    pub(super) step: usize,
    pub(super) halved: bool,
    /// Columns of a window, and cells from one to the next.
    pub(super) taps: usize,
    pub(super) apart: usize,
    /// Columns of the input from the first of the window to the first tap, and from one to the next.
    pub(super) first: u32,
    pub(super) dilation: u32,
    /// What sums are divided by: the number, and the real taps.
    pub(super) count: isize,
    pub(super) real: isize,
    /// Where each output of a row has a divisor of its own: what the rows count.
    pub(super) edges: Option<usize>,
    /// The first output; and of which of its numbers the axes of the block are.
    pub(super) place: Place,
    pub(super) axes: [usize; 2],
}

impl Outputs {
    /// The first output of a run.
    pub(super) fn place_of(&self, run: [usize; 2]) -> Place {
        let mut place = self.place;
        for (axis, n) in self.axes.into_iter().zip(run) {
            if let Some(cell) = place.cell.get_mut(axis) {
                *cell += n;
            }
        }
        place
    }
}

/// The work on the tile: each a flat loop over runs.
pub(super) trait Passes: Fill {
    /// Folds the lines of each slice into the tile, unless they are read past the end of the input. Runs shorter than a vector are
    /// read and written past theirs.
    fn fold(&mut self, runs: &Elements, lines: usize, slices: Line) -> bool;
    /// The same element by element, and nothing but these.
    fn fold_each(&mut self, runs: &Elements, lines: usize, slices: Line);
    /// Writes at least `n` cells that merge without a trace, from cell `at` on, in each run of a block.
    fn pad(&mut self, block: &Block, at: usize, n: usize);
    /// Fills what is not real of the columns of each row of a block (those before, the real ones, and all) with the nearest real one.
    fn repeat(&mut self, block: &Block, columns: [usize; 3], width: usize);
    /// Folds columns of the tile, the first `len` of them, each into the first of its window; `dilation` columns of the input are
    /// from one tap to the next.
    fn fold_in_place(&mut self, len: usize, taps: usize, apart: usize, dilation: u32);
    /// Puts the outputs of each row side by side, which are of `width` cells and `skip` apart: how many rows, how far from one to
    /// the next, and outputs of each.
    fn compact(&mut self, rows: [usize; 3], skip: usize, width: usize);
    /// Folds the columns of windows, and writes the results.
    fn results(&mut self, outputs: &Outputs);
    /// Pools planes of seven rows and columns that are one window each; at least a vector of them.
    fn planes(&mut self, runs: &Elements, outputs: &Outputs);
    /// Pools windows of two columns, which do not overlap, and of two lines, straight from these; at least a vector of outputs.
    fn halve(&mut self, runs: &Elements, outputs: &Outputs);
}

/// Outputs without a tap.
pub(super) trait Fill {
    /// Writes what stands for no result, `n` times.
    fn fill(&mut self, to: usize, step: usize, n: usize);
}

/// Windows along an axis, from the first to the last: those whose taps are in the same places together, the others one by one.
#[derive(Clone)]
pub(super) struct Alike {
    next: usize,
    end: usize,
    together: Range<usize>,
}

impl Alike {
    /// Those `within` a range.
    #[inline(never)]
    pub(super) fn of(axis: &Axis, within: &Range<usize>) -> Self {
        let together = clamp(if axis.bins { 0..0 } else { axis.interior() }, within);
        Self { next: within.start, end: within.end, together }
    }

    /// All of a range.
    pub(super) fn all(within: &Range<usize>) -> Self {
        Self { next: within.start, end: within.end, together: within.clone() }
    }
}

impl Iterator for Alike {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let start = self.next;
        if start >= self.end {
            return None;
        }
        self.next = if self.together.contains(&start) { self.together.end } else { start + 1 };
        Some(start..self.next)
    }
}

/// The taps of windows that are clipped alike; or fills their outputs, of `channels` from channel `c` on, if they have none.
#[inline(never)]
pub(super) fn taps_or_fill(
    job: &Job,
    [n, c, z]: [usize; 3],
    rows: &Range<usize>,
    cols: &Range<usize>,
    channels: usize,
    to: &mut dyn Fill,
) -> Option<[Taps; 3]> {
    let [depth_axis, row_axis, col_axis] = &job.axes;
    let taps = [depth_axis.outlined_taps(z), row_axis.outlined_taps(rows.start), col_axis.outlined_taps(cols.start)];
    if taps.iter().all(|taps| taps.real > 0) {
        return Some(taps);
    }
    for y in rows.clone() {
        for x in cols.clone() {
            to.fill(job.to.at(n, c, [z, y, x]), job.to.strides.channel, channels);
        }
    }
    None
}

/// The part of a range that lies in another one.
pub(super) fn clamp(inner: Range<usize>, outer: &Range<usize>) -> Range<usize> {
    inner.start.clamp(outer.start, outer.end)..inner.end.clamp(outer.start, outer.end)
}
