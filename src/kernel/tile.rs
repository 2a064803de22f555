//! Windows column by column, by way of a tile of partial results on the stack.
//!
//! ```text
//!   input                          tile: rows of `pitch` cells, plane after plane
//!   . . [ run of a line  ] . .
//!   . . [ one below      ] . .  ->  |EMPTY| column sums, width cells each |EMPTY|
//!   . . [ and another    ] . .              \___ kernel ___/
//!         lines of a row                     \___ kernel ___/  -> outputs
//! ```
//!
//! First the lines that a row of outputs reads are folded, element by element, into a row of the tile: flat runs of all
//! columns and, if they are adjacent, channels (`width` of them). Then the columns of the tile are folded, at the distance of the
//! dilation. There are no borders in either: padding is in the tile, as what merges without a trace.
//!
//! Rows of outputs that share most of their lines are not folded one by one: then the tile holds the lines of the input at first, and they are
//! folded down in it as columns are along it.
//!
//! Here is only arithmetic, the same for every element, reducer and instruction set; `passes` does the work, as much of it
//! at once as the tile holds.

use super::again::{Calls, Keeping, Shift};
use super::divisors::COUNTS;
use super::lines::Line;
use super::narrow::SIDE;
use super::runs::{Alike, Elements, Outputs, Passes, clamp, taps_or_fill};
use super::{Job, Lines, Place};
use crate::access::{Block, SCRATCH};
use crate::view::Layout;
use crate::window::{Axis, Taps};
use core::ops::Range;

/// Rows of outputs that are worth a narrower tile.
const ROWS: usize = 2;
/// Columns, or lines, of which a maximum is folded in a few steps, each of three that were folded before.
const MANY: usize = 4;

/// What the walk must know of a reducer and its lanes.
#[derive(Clone, Copy)]
pub(super) struct Traits {
    /// Bytes of an element, and of a partial result.
    pub(super) element: usize,
    pub(super) cell: usize,
    /// Elements of a vector, and cells that may be written past the end.
    pub(super) lanes: usize,
    pub(super) slack: usize,
    /// Whether every other column can be taken.
    pub(super) halves: bool,
    /// Whether narrow planes are transposed.
    pub(super) narrow: bool,
    /// Whether there are patches of windows.
    pub(super) patches: bool,
    /// As in [`Reducer`](crate::reduce::Reducer).
    pub(super) pads: bool,
    pub(super) divides: bool,
    pub(super) twice: bool,
    pub(super) repeats: bool,
    /// Whether something is written beside each result.
    pub(super) beside: bool,
    /// Whether columns at the border may have divisors of their own within a vector.
    pub(super) edges: bool,
}

/// How much of the outputs goes through the tile at once.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    /// Whether channels, which are adjacent, go together.
    together: bool,
    /// How many of them at once.
    width: usize,
    /// Outputs of a row, rows, and planes.
    outputs: usize,
    rows: usize,
    planes: usize,
    /// Rows of the tile below these. Where there are some, its rows are those of the input at first, and are then folded in it.
    below: usize,
    /// Cells from a row to the next.
    pitch: usize,
    /// Whether runs are shorter than a vector: then there is room for one after each row.
    short: bool,
    /// Whether the results of all rows in the tile follow each other there and in the output, and share their divisor.
    flat: bool,
}

impl Shape {
    /// `None` if no window fits the tile, or if windows are bins.
    #[inline(never)]
    pub(super) fn of(job: &Job, traits: &Traits) -> Option<Self> {
        let [depth, rows, cols] = &job.axes;
        let Layout { shape, strides } = &job.from;
        let together = strides.channel == 1 && shape.channels > 1 && strides.spatial[2] != 1;
        // A run may be written past its end, and rows are read past theirs.
        let room = (SCRATCH.checked_div(traits.cell)?).checked_sub(2 * traits.slack)?;
        if cols.bins {
            return None;
        }
        let all = (cols.output - 1).checked_mul(cols.stride)?.checked_add(cols.span)?;
        let channels = if together { shape.channels } else { 1 };
        // As many as go side by side, or else whole vectors.
        let fit = |columns: usize| {
            let width = room.checked_div(columns).unwrap_or(0).min(channels);
            let whole = |n: usize| width - width.checked_rem(n).unwrap_or(0);
            match whole(traits.slack) {
                _ if width == channels => width,
                0 => whole(traits.lanes),
                side_by_side => side_by_side,
            }
        };
        let few = cols.span.saturating_mul(2).saturating_add(2);
        // All columns of a few rows, such that what these share is read from the nearest cache; or at least all columns, if that
        // leaves a few vectors of channels; or else a few windows.
        let side_by_side = |width: usize| width == channels || width >= 4 * traits.lanes;
        let width = match [fit(all.saturating_mul(ROWS.min(rows.output))), fit(all), fit(few), fit(cols.span)] {
            [rows, ..] if rows == channels || rows >= 2 * traits.slack => rows,
            [_, all, ..] if side_by_side(all) => all,
            [.., few, _] if few > 0 => few,
            [.., one] => one,
        };
        let columns = room.checked_div(width)?;
        let outputs = (columns.checked_sub(cols.span)?.checked_div(cols.stride)? + 1).min(cols.output);
        let is_whole_row = outputs == cols.output;
        let columns = (outputs - 1) * cols.stride + cols.span;
        let real = columns.saturating_sub(cols.pad_start).min(cols.input);
        let short = !is_whole_row || real.saturating_mul(width) < traits.lanes;
        let regular = cols.output.saturating_mul(cols.stride);
        // Whether rows share most of their lines, of which each is then folded in the tile.
        let shares = traits.twice && !together && is_whole_row && !short && rows.stride == 1 && rows.kernel >= MANY;
        // Nothing of the tile is outside the input, and results follow each other.
        let flat = !traits.beside
            && !shares
            && is_whole_row
            && width == channels
            && (!together || strides.spatial[2] == width)
            && (cols.output == 1 || all <= regular)
            && depth.output == 1
            && job.axes.iter().all(Axis::is_whole)
            && job.to.is_dense(together);
        let pitch = match (flat && cols.output > 1, short) {
            (true, _) => regular.checked_mul(width)?,
            (_, false) => columns.checked_mul(width)?,
            // Room for what is written past the end.
            (_, true) if cols.is_whole() => columns.checked_mul(width)?.max(traits.lanes),
            (_, true) => columns.checked_mul(width)? + traits.lanes,
        };
        let fits = room.checked_div(pitch).unwrap_or(1).max(1);
        // But not where as many lines again would lie between tiles.
        let below = if shares && fits / 2 >= rows.span - 1 { rows.span - 1 } else { 0 };
        let tile_rows = if is_whole_row { (fits - below).min(rows.output) } else { fits.min(2) };
        let is_whole_plane = !together && tile_rows == rows.output;
        let planes = if is_whole_plane { fits.checked_div(rows.output + below)?.min(shape.channels).max(1) } else { 1 };
        Some(Self { together, width, outputs, rows: tile_rows, planes, below, pitch, short, flat })
    }

    /// Channels that go through it at once.
    fn channels(&self) -> usize {
        if self.together { self.width } else { self.planes }
    }

    /// Cells of the tile.
    pub(super) fn cells(&self, traits: &Traits) -> usize {
        self.pitch * (self.rows + self.below) * self.planes + 2 * traits.slack
    }
}

/// Outputs of a row, one after the other as they lie in the tile; the same in each row of a block.
#[derive(Clone, Copy)]
struct Run {
    /// Cell of the first tap of the first output; and which of its window's it is.
    at: usize,
    tap: usize,
    /// Columns of a window, and cells from one to the next.
    taps: usize,
    apart: usize,
    /// Outputs, and cells from one to the next.
    outputs: usize,
    skip: usize,
    /// Element of the first output, and elements to the next; and to the next channel.
    to: usize,
    to_col: usize,
    to_channel: usize,
    /// Channels of an output, side by side in the tile.
    width: usize,
    /// Whether outputs follow each other in the output as they do in the tile.
    follows: bool,
    place: Place,
    /// What sums are divided by: the number, the real taps; and, where the columns at both ends count otherwise, what the rows count.
    count: isize,
    real: isize,
    edges: Option<usize>,
}

impl Run {
    /// The same run without its first `n` outputs.
    fn after(mut self, n: usize) -> Self {
        self.place.cell[4] += n;
        // The output after the last one may be nowhere.
        (self.at, self.to) = (self.at + n * self.skip, self.to.wrapping_add(n.wrapping_mul(self.to_col)));
        self.outputs -= n;
        self
    }

    /// With the divisor of windows that have these taps.
    #[inline(never)]
    fn divide(&mut self, job: &Job, [d, r]: [Taps; 2], c: Taps) {
        [self.count, self.real] = job.counts([d, r, c]);
    }
}

/// Pools every window.
pub(super) fn walk(job: &Job, traits: &Traits, shape: &Shape, passes: &mut dyn Passes) {
    let [depth, rows, cols] = &job.axes;
    let channels = job.from.shape.channels;
    // What merges without a trace is in all of the tile at first.
    let mut padded = true;
    // Parts that hold all rows and columns differ in where they start only.
    let are_many = channels > shape.channels() || job.from.shape.batch > 1;
    let are_alike = are_many && shape.rows >= rows.output && shape.outputs >= cols.output;
    let mut kept = are_alike.then(Kept::new);
    for n in 0..job.from.shape.batch {
        for z in 0..depth.output {
            let depth = depth.outlined_taps(z);
            let mut next = 0;
            while next < channels {
                // The last channels overlap their neighbours rather than leave a tail.
                let c = if shape.together { next.min(channels - shape.width) } else { next };
                let step = shape.channels().min(channels - c);
                let mut y = 0;
                while y < rows.output {
                    let y_end = rows.output.min(y + shape.rows);
                    let mut x = 0;
                    while x < cols.output {
                        let x_end = cols.output.min(x + shape.outputs);
                        let (rows, cols) = (y..y_end, x..x_end);
                        let part = Part { job, traits, shape, first: [n, c, z], depth, step, rows, cols };
                        padded = match &mut kept {
                            Some(kept) => kept.pool(&part, passes, padded),
                            None => part.pool(passes, padded),
                        };
                        x = x_end;
                    }
                    y = y_end;
                }
                next += step;
            }
        }
    }
}

/// What was done for a part, to be done again for others.
struct Kept {
    calls: Calls,
    /// For which part last, how many channels that had, and whether the padding was in the tile before and after.
    of: Option<([usize; 3], usize, bool)>,
}

impl Kept {
    fn new() -> Self {
        Self { calls: Calls::new(), of: None }
    }

    /// As [`Part::pool`].
    #[inline(never)]
    fn pool(&mut self, part: &Part<'_>, passes: &mut dyn Passes, padded: bool) -> bool {
        let ([n, c, z], Job { from, to, .. }) = (part.first, part.job);
        if let Some((before @ [m, d, _], step, had)) = self.of
            && (before[2], step, had) == (z, part.step, padded)
        {
            let shift = Shift {
                cells: [n.wrapping_sub(m), c.wrapping_sub(d)],
                from: from.at(n, c, [0; 3]).wrapping_sub(from.at(m, d, [0; 3])),
                to: to.at(n, c, [0; 3]).wrapping_sub(to.at(m, d, [0; 3])),
            };
            if self.calls.again(passes, &shift) {
                self.of = Some((part.first, step, had));
                return padded;
            }
        }
        self.calls.forget();
        let after = part.pool(&mut Keeping { passes, calls: &mut self.calls }, padded);
        self.of = (after == padded).then_some((part.first, part.step, padded));
        after
    }
}

/// What goes through the tile at once.
struct Part<'a> {
    job: &'a Job,
    traits: &'a Traits,
    shape: &'a Shape,
    /// Image, channel, and position along the depth.
    first: [usize; 3],
    /// The taps there.
    depth: Taps,
    /// Channels.
    step: usize,
    rows: Range<usize>,
    cols: Range<usize>,
}

impl Part<'_> {
    /// Gives whether the padding is still in the tile, as it was if that is `padded`.
    #[inline(never)]
    fn pool(&self, passes: &mut dyn Passes, padded: bool) -> bool {
        if self.is_halved() || self.is_narrow() {
            self.pool_without(passes);
            return padded;
        }
        let classes = Alike::of(&self.job.axes[1], &self.rows);
        if !padded {
            self.pad(passes, false);
        }
        if self.shape.below > 0 {
            self.fold_in_tile(passes);
        } else {
            classes.clone().for_each(|rows| self.fold(passes, rows));
        }
        if self.shape.short {
            self.pad(passes, true);
        }
        if self.repeats() {
            let (columns, _) = self.extents();
            passes.repeat(&self.tile_block(), columns, self.width());
        }
        // Rows that share their divisor go together; but nothing is written beside results that there are not.
        let all_have_results = !self.traits.beside || !self.job.axes[1].may_be_empty();
        let one = self.shape.flat || all_have_results && (!self.traits.divides || self.has_constant_divisor());
        let classes = if one { Alike::all(&self.rows) } else { classes };
        classes.clone().for_each(|rows| self.borders(passes, rows));
        let columns = self.prepare(passes);
        classes.for_each(|rows| self.inner(passes, rows, columns));
        self.fill_empty(passes);
        columns == self.raw() && !self.shape.short && self.shape.below == 0
    }

    /// Whether windows are pairs of columns that lie side by side, and nothing of them is outside the input.
    fn is_halved(&self) -> bool {
        let (columns, axes) = (self.raw(), &self.job.axes);
        let is_pair =
            !self.shape.together && self.job.from.strides.spatial[2] == 1 && [columns.taps, columns.apart] == [2, 1];
        is_pair
            && [axes[0].kernel, axes[1].kernel] == [1, 2]
            && self.may_halve(columns)
            && axes[2].output >= self.traits.lanes
            && self.cols == (0..axes[2].output)
            && axes.iter().all(Axis::is_whole)
    }

    /// Whether every other column can be taken, of windows of two or three of them: at least a vector of outputs, which lie side by side.
    #[inline(never)]
    fn may_halve(&self, columns: Columns) -> bool {
        let (traits, dense) = (self.traits, self.shape.flat || self.job.to.strides.spatial[2] == 1);
        let rows = if self.shape.flat { self.planes() * self.rows.len() } else { 1 };
        let may = traits.halves && columns.skip == 2 && matches!(columns.taps, 2 | 3);
        may && dense && self.width() == 1 && self.inside().len() * rows >= traits.lanes
    }

    /// Whether each window is a narrow plane, and there is a vector of them.
    fn is_narrow(&self) -> bool {
        let axes = &self.job.axes;
        let is_one = axes.iter().all(|axis| axis.output == 1) && axes[2].dilation == 1;
        let fits = axes.each_ref().map(|axis| axis.kernel) == [1, SIDE, SIDE] && self.step >= self.traits.lanes;
        self.traits.narrow && self.shape.flat && is_one && fits && self.job.from.strides.spatial[2] == 1
    }

    /// Pools windows that need no tile.
    #[inline(never)]
    fn pool_without(&self, passes: &mut dyn Passes) {
        let Some((block, run)) = self.run(&self.rows, self.raw()) else { return };
        let [n, c, _] = self.first;
        let lines = Lines::of(self.job, [n, c], self.taps(self.rows.start));
        let (runs, outputs) = (self.elements(&self.rows, &lines), self.outputs(&block, &run));
        if self.is_narrow() {
            return passes.planes(&runs, &outputs);
        }
        // Written where the outputs are.
        passes.halve(&Elements { block: Block { to: block.to, ..runs.block }, ..runs }, &outputs);
    }

    /// The outputs of runs that lie in the output as they do in the tile.
    #[inline(never)]
    fn outputs(&self, block: &Block, run: &Run) -> Outputs {
        let Run { at, to, taps, apart, tap, place, count, real, .. } = *run;
        let dilation = self.job.axes[2].dilation as u32;
        Outputs {
            block: *block,
            at,
            to,
            len: run.outputs * run.width,
            step: if run.width == 1 { run.to_col } else { 1 },
            halved: run.skip != run.width,
            taps,
            apart,
            first: (tap as u32).wrapping_mul(dilation),
            dilation,
            count,
            real,
            edges: run.edges,
            place,
            axes: [1, 3],
        }
    }

    /// The results of a run in each row of a block.
    #[inline(never)]
    fn results(&self, passes: &mut dyn Passes, block: &Block, run: &Run) {
        let mut outputs = self.outputs(block, run);
        let halved = self.may_halve(Columns { taps: run.taps, apart: run.apart, skip: run.skip });
        if !run.follows || run.skip != run.width && !halved {
            // Each output by itself.
            outputs.block = Block {
                count: [block.count[1], run.outputs],
                from: [block.from[1], run.skip],
                to: [block.to[1], run.to_col],
            };
            (outputs.len, outputs.step, outputs.halved, outputs.axes) = (run.width, run.to_channel, false, [3, 4]);
            for _ in 0..block.count[0] {
                passes.results(&outputs);
                outputs.place.cell[1] += 1;
                outputs.at += self.plane_pitch();
                // The plane after the last one may be nowhere.
                outputs.to = outputs.to.wrapping_add(self.job.to.strides.channel);
            }
            return;
        }
        passes.results(&outputs);
    }

    fn has_constant_divisor(&self) -> bool {
        self.job.divisor.is_constant() && self.job.finish.requantize.is_none()
    }

    #[inline(never)]
    fn taps(&self, y: usize) -> [Taps; 2] {
        [self.depth, self.job.axes[1].outlined_taps(y)]
    }

    fn planes(&self) -> usize {
        if self.shape.together { 1 } else { self.step }
    }

    fn width(&self) -> usize {
        if self.shape.together { self.step } else { 1 }
    }

    /// Cell of the tile where a row starts.
    fn row_at(&self, y: usize) -> usize {
        (y - self.rows.start) * self.shape.pitch
    }

    /// Rows of a plane in the tile.
    fn tile_rows(&self) -> usize {
        self.rows.len() + self.shape.below
    }

    /// Cells from a plane of the tile to the next.
    fn plane_pitch(&self) -> usize {
        self.tile_rows() * self.shape.pitch
    }

    /// Columns of the tile: before the first real one, those, and all; and the first real column of the input.
    fn extents(&self) -> ([usize; 3], usize) {
        extents(&self.job.axes[2], &self.cols)
    }

    /// The rows of the tile.
    fn tile_block(&self) -> Block {
        Block { count: [self.planes(), self.rows.len()], from: [0; 2], to: [self.plane_pitch(), self.shape.pitch] }
    }

    /// Whether a column at the border stands for those past it, as nothing else may: all windows there have it.
    fn repeats(&self) -> bool {
        let cols = &self.job.axes[2];
        self.traits.repeats
            && !self.traits.pads
            && cols.dilation == 1
            && !cols.may_be_empty()
            && self.inside() != self.cols
    }

    /// Folds the lines of rows that have as many.
    #[inline(never)]
    fn fold(&self, passes: &mut dyn Passes, rows: Range<usize>) {
        let Some(y) = rows.clone().next() else { return };
        self.fold_lines(passes, &rows, self.taps(y));
    }

    /// Folds the lines of the input below each other in the tile, all that rows of outputs share of them once.
    #[inline(never)]
    fn fold_in_tile(&self, passes: &mut dyn Passes) {
        let (rows, pitch) = (&self.job.axes[1], self.shape.pitch);
        let ([lead, real, _], start) = extents(rows, &self.rows);
        let first = self.rows.start + lead;
        self.fold_lines(passes, &(first..first + real), [self.depth, Taps { start, real: 1, padded: 1 }]);
        let len = self.planes() * self.plane_pitch() - self.shape.below * pitch;
        let lines = Columns { taps: rows.kernel, apart: rows.dilation * pitch, skip: 0 };
        let two = fold_most(passes, len, lines);
        passes.fold_in_place(len, two.taps, two.apart, 0);
    }

    /// Folds the lines of rows, of which the first has these taps.
    #[inline(never)]
    fn fold_lines(&self, passes: &mut dyn Passes, rows: &Range<usize>, taps: [Taps; 2]) {
        if rows.is_empty() || taps.iter().any(|taps| taps.real == 0) {
            return;
        }
        let lines = Lines::of(self.job, [self.first[0], self.first[1]], taps);
        let runs = self.elements(rows, &lines);
        // The longer axis is walked inside the other one.
        let runs = if runs.block.count[1] == 1 { runs.swapped() } else { runs };
        fold_all(passes, &runs, lines.rows.count, lines.depth);
    }

    /// The first lines of rows of outputs.
    #[inline(never)]
    fn elements(&self, rows: &Range<usize>, lines: &Lines) -> Elements {
        let (strides, shape) = (&self.job.from.strides, &self.job.from.shape);
        let ([lead, real, _], first) = self.extents();
        let (step, width, pitch, stride) =
            (strides.spatial[2], self.width(), self.shape.pitch, self.job.axes[1].stride);
        let (row, cells) = (stride.wrapping_mul(strides.spatial[1]), stride.wrapping_mul(shape.spatial[2]) as u32);
        let block = |count, from, to| Block { count, from, to };
        let by_plane = block([self.planes(), rows.len()], [strides.channel, row], [self.plane_pitch(), pitch]);
        let (block, len, step, numbers) = match (self.shape.together, width == step) {
            (false, _) => (by_plane, real, step, [0, cells]),
            (true, true) => (by_plane, real * width, 1, [0, cells]),
            // Pixels do not follow each other.
            (true, false) => (block([rows.len(), real], [row, step], [pitch, width]), width, 1, [cells, 0]),
        };
        let from = lines.from.wrapping_add(first.wrapping_mul(strides.spatial[2]));
        let to = self.row_at(rows.start) + lead * width;
        let Line { step: apart, cells, .. } = lines.rows;
        let exact = len < self.traits.lanes && self.shape.together && width != step;
        Elements { block, from, to, len, step, apart, exact, more: false, number: lines.number, numbers, cells }
    }

    /// Fills the padding of the tile: before what is written over it, but after what is written past its end.
    #[inline(never)]
    fn pad(&self, passes: &mut dyn Passes, after: bool) {
        if !self.traits.pads {
            return;
        }
        if self.shape.below > 0 {
            // Whole rows are outside of the input too: all of the tile is filled, and what is real is written over it.
            return passes.pad(&Block::ONE, 0, self.planes() * self.plane_pitch());
        }
        let ([lead, real, columns], _) = self.extents();
        let (block, width) = (self.tile_block(), self.width());
        if !after && lead > 0 {
            passes.pad(&block, 0, lead * width);
        }
        if after == self.shape.short && lead + real < columns {
            passes.pad(&block, (lead + real) * width, (columns - lead - real) * width);
        }
    }

    /// All outputs of rows that share their divisor, and the block of these rows; `None` if there are none.
    #[inline(never)]
    fn run(&self, rows: &Range<usize>, columns: Columns) -> Option<(Block, Run)> {
        let y = rows.clone().next()?;
        let taps = self.taps(y);
        if taps[0].real == 0 || rows.len() == 1 && taps[1].real == 0 {
            return None;
        }
        let (job, shape, [n, c, z], x) = (self.job, self.shape, self.first, self.cols.start);
        let (cols, strides, width) = (&job.axes[2], &job.to.strides, self.width());
        let block = Block {
            count: [self.planes(), rows.len()],
            from: [self.plane_pitch(), shape.pitch],
            to: [strides.channel, strides.spatial[1]],
        };
        let Columns { taps: columns, apart, skip } = columns;
        let mut run = Run {
            at: self.row_at(y),
            tap: 0,
            taps: columns,
            apart,
            outputs: self.cols.len(),
            skip,
            to: job.to.at(n, c, [z, y, x]),
            to_col: strides.spatial[2],
            to_channel: strides.channel,
            width,
            follows: width == 1 || strides.channel == 1 && strides.spatial[2] == width && !self.traits.beside,
            place: Place { cell: [n, c, z, y, x], along_channels: width > 1 },
            count: 1,
            real: 1,
            edges: None,
        };
        let whole = Taps { start: 0, real: cols.kernel, padded: cols.kernel };
        run.divide(job, taps, whole);
        Some((block, run))
    }

    /// The columns of the tile as they are folded into it.
    fn raw(&self) -> Columns {
        let (cols, width) = (&self.job.axes[2], self.width());
        // To a second output, if there is one in the tile; else all of the row is of the first.
        let skip = if self.cols.len() == 1 { self.shape.pitch } else { cols.stride * width };
        Columns { taps: cols.kernel, apart: cols.dilation.wrapping_mul(width), skip }
    }

    /// Outputs whose windows have all of their columns.
    fn inside(&self) -> Range<usize> {
        clamp(self.job.axes[2].interior(), &self.cols)
    }

    /// Whether windows at the border are folded by the columns that they have: for nothing may stand for the others, or
    /// because each has a divisor of its own.
    fn are_clipped(&self) -> bool {
        let own_divisor = self.traits.divides && !self.has_constant_divisor() && !self.has_edges();
        self.inside() != self.cols && (!self.traits.pads && !self.repeats() || own_divisor)
    }

    /// Whether each output of a row is divided by what is found in a row of numbers.
    fn has_edges(&self) -> bool {
        let cols = &self.job.axes[2];
        self.traits.edges && self.width() == 1 && self.cols == (0..cols.output) && cols.output <= COUNTS
    }

    /// Folds the columns of windows at the border that do not go with the others.
    #[inline(never)]
    fn borders(&self, passes: &mut dyn Passes, rows: Range<usize>) {
        if !self.are_clipped() {
            return;
        }
        let Some((block, run)) = self.run(&rows, self.raw()) else { return };
        let (cols, inside, taps) = (&self.job.axes[2], self.inside(), self.taps(rows.start));
        for x in self.cols.clone().filter(|x| !inside.contains(x)) {
            let columns = cols.outlined_taps(x);
            if columns.real == 0 {
                continue;
            }
            // Columns of the tile before the first real tap.
            let before = (columns.start + cols.pad_start).saturating_sub(x * cols.stride);
            let mut run = run.after(x - self.cols.start);
            run.at += before * run.width;
            run.tap = before.checked_div(cols.dilation).unwrap_or(0);
            (run.taps, run.outputs) = (columns.real, 1);
            run.divide(self.job, taps, columns);
            self.results(passes, &block, &run);
        }
    }

    /// Many columns are folded in a few steps, and the outputs of few channels are put side by side, in all rows of the tile.
    #[inline(never)]
    fn prepare(&self, passes: &mut dyn Passes) -> Columns {
        let mut columns = self.raw();
        let (width, outputs) = (self.width(), self.cols.len());
        // To the last output of the last row.
        let rows = self.planes() * self.tile_rows();
        let len = (rows - 1) * self.shape.pitch + (outputs - 1) * columns.skip + width;
        if self.traits.twice && columns.taps >= MANY {
            columns = fold_most(passes, len, columns);
        }
        let halved = self.may_halve(columns);
        if columns.skip > width && width < self.traits.lanes && !halved {
            passes.fold_in_place(len, columns.taps, columns.apart, self.job.axes[2].dilation as u32);
            let flat = [1, 0, rows * outputs];
            let rows = [rows, self.shape.pitch, outputs];
            passes.compact(if self.shape.flat { flat } else { rows }, columns.skip, width);
            columns = Columns { taps: 1, apart: 0, skip: width };
        }
        columns
    }

    /// Folds the columns of all other windows.
    #[inline(never)]
    fn inner(&self, passes: &mut dyn Passes, rows: Range<usize>, columns: Columns) {
        let Some((block, mut run)) = self.run(&rows, columns) else { return };
        if self.shape.flat {
            // One long row; an axis of one cell has any stride, but rows that follow each other are dense.
            let outputs = run.outputs * rows.len() * self.planes();
            (run.outputs, run.to_col, run.to_channel, run.follows) = (outputs, run.width, 1, true);
            return self.results(passes, &Block::ONE, &run);
        }
        if self.are_clipped() {
            let inside = self.inside();
            run = run.after(inside.start - self.cols.start);
            run.outputs = inside.len();
        } else if self.traits.divides && !self.has_constant_divisor() && self.inside() != self.cols {
            run.edges = Some(self.job.divisor.rows(&self.job.axes, self.taps(rows.start)));
        }
        if run.outputs > 0 {
            self.results(passes, &block, &run);
        }
    }

    /// Fills the outputs whose windows have no tap.
    #[inline(never)]
    fn fill_empty(&self, passes: &mut dyn Passes) {
        if self.job.axes.iter().any(Axis::may_be_empty) {
            for rows in Alike::of(&self.job.axes[1], &self.rows) {
                for cols in Alike::of(&self.job.axes[2], &self.cols) {
                    taps_or_fill(self.job, self.first, &rows, &cols, self.step, passes);
                }
            }
        }
    }
}

/// Folds as many runs as possible by vectors, and the others element by element.
fn fold_all(passes: &mut dyn Passes, runs: &Elements, lines: usize, slices: Line) {
    let axis = usize::from(runs.block.count[0] == 1);
    let count = runs.block.count[axis];
    let mut inside = if runs.step == 1 && !runs.exact { count } else { 0 };
    // Runs shorter than a vector are read past their end, but the last ones must not be past the end of the input.
    while inside > 0 && !passes.fold(&runs.part(axis, 0, inside), lines, slices) {
        inside -= 1;
    }
    if axis == 0 {
        // Not of the last planes either, but for the last rows of these.
        (inside..count).for_each(|plane| fold_all(passes, &runs.part(axis, plane, 1), lines, slices));
    } else if inside < count {
        passes.fold_each(&runs.part(axis, inside, count - inside), lines, slices);
    }
}

/// Folds three columns into one, then nine, of the first `len` windows of at least four; and leaves those two that together are all.
fn fold_most(passes: &mut dyn Passes, len: usize, columns: Columns) -> Columns {
    let Columns { taps, apart, skip } = columns;
    let mut done = 1;
    while 2 * done < taps {
        let step = done.min((taps - 1 - done) / 2).max(1);
        let left = taps - done - 2 * step;
        passes.fold_in_place(len + left * apart, 3, step * apart, 0);
        done += 2 * step;
    }
    Columns { taps: 2, apart: (taps - done) * apart, skip }
}

/// Cells of an axis that windows have: before the first real one, those, and all; and the first real cell of the input.
#[inline(never)]
fn extents(axis: &Axis, windows: &Range<usize>) -> ([usize; 3], usize) {
    let start = windows.start * axis.stride;
    let all = (windows.len() - 1) * axis.stride + axis.span;
    let before = axis.pad_start.saturating_sub(start).min(all);
    let first = (start + before).saturating_sub(axis.pad_start).min(axis.input);
    ([before, (all - before).min(axis.input - first), all], first)
}

/// How the columns of windows lie in the tile: how many, and cells from one to the next, and from a window to the next.
#[derive(Clone, Copy, PartialEq)]
struct Columns {
    taps: usize,
    apart: usize,
    skip: usize,
}
