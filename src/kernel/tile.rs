//! Windows column by column, by way of a tile of partial results on the stack.
//!
//! ```text
//!   input                          tile: a row, or several, of `pitch` cells
//!   . . [ run of a line  ] . .
//!   . . [ one below      ] . .  ->  |EMPTY| column sums, width cells each |EMPTY|
//!   . . [ and another    ] . .              \___ kernel ___/
//!         lines of a row                     \___ kernel ___/  -> outputs
//! ```
//!
//! First the lines that a row of outputs reads are folded, element by element, into a row of the tile: flat runs of all
//! columns and, if they are adjacent, channels (`width` of them). Then the columns of the tile are folded, at the distance of the
//! dilation. There are no borders in either: padding is in the tile, as what merges without a trace.

use super::lines::{Folded, Lines, Pair, fold_run};
use super::{Job, Place, Row, Work, put};
use crate::access::{SCRATCH, Scratch, scatter};
use crate::element::Element;
use crate::lanes::{Lanes, Register, SumArray};
use crate::reduce::{Reduce, Reducer, Tile};
use crate::view::Layout;
use crate::window::{Axis, Taps};
use core::ops::Range;

/// Vectors of results side by side.
const WIDE: usize = 4;
/// Columns from which on a maximum is folded by doubling.
const DOUBLES: usize = 6;

/// How much of a row of outputs goes through the tile at once.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    /// Whether channels, which are adjacent, go together.
    together: bool,
    /// How many of them at once.
    width: usize,
    /// Outputs.
    outputs: usize,
    /// Whether rows of outputs go in pairs, for they share lines.
    pairs: bool,
    /// Rows that lie in the tile one after the other, as their results lie in the output.
    rows: usize,
}

impl Shape {
    /// `None` if no window fits the tile, or if windows are bins.
    #[inline(always)]
    pub(super) fn of<T: Element, L: Lanes<T>, R: Reducer<T>>(job: &Job) -> Option<Self> {
        let [depth, rows, cols] = job.axes;
        let Layout { shape, strides } = job.from;
        let together = strides.channel == 1 && shape.channels > 1 && strides.spatial[2] != 1;
        let room = SCRATCH / size_of::<R::Cell>().max(size_of::<R::Side>()) - WIDE * L::N;
        if cols.bins {
            return None;
        }
        let pairs = depth.kernel == 1 && !rows.bins && rows.dilation == 1 && rows.kernel > rows.stride && rows.output > 1;
        let room = if pairs { (room / 2).saturating_sub(L::N) } else { room };
        let all = (cols.output - 1).checked_mul(cols.stride)?.checked_add(cols.span)?;
        // All columns if that leaves a few vectors of channels; else a few windows.
        let channels = if together { shape.channels } else { 1 };
        let fit = |columns: usize| {
            let width = room.checked_div(columns).unwrap_or(0).min(channels);
            if width < channels { width / L::N * L::N } else { width }
        };
        let few = cols.span.saturating_mul(2).saturating_add(2);
        let width = [fit(all), fit(few), fit(cols.span)];
        let width = match width {
            [all, ..] if all == channels || all >= WIDE * L::N => all,
            [_, few, _] if few > 0 => few,
            [.., one] => one,
        };
        let columns = room.checked_div(width)?;
        let outputs = (columns.checked_sub(cols.span)?.checked_div(cols.stride)? + 1).min(cols.output);
        let pitch = cols.output.saturating_mul(cols.stride).saturating_mul(width);
        // Nothing of the tile is outside the input, and results follow each other.
        let flat = !pairs
            && size_of::<R::Side>() == 0
            && outputs == cols.output
            && width == channels
            && all <= cols.output.saturating_mul(cols.stride)
            && job.axes.iter().all(Axis::is_whole)
            && job.to.is_dense(together);
        let rows = if flat { room.checked_div(pitch).unwrap_or(1).max(1) } else { 1 };
        Some(Self { together, width, outputs, pairs, rows })
    }
}

/// Pools every window.
#[inline(always)]
pub(super) fn run<T: Element, L: Lanes<T>, R: Reduce<T, L> + Reduce<T, T::One>>(
    lanes: L,
    reduce: R,
    work: &mut Work<'_, T>,
    beside: &mut R::Beside,
    shape: Shape,
) {
    let job = work.job;
    let cols = job.axes[2];
    let together = shape.together;
    let most = if shape.rows > 1 { cols.output * cols.stride } else { (shape.outputs - 1) * cols.stride + cols.span };
    // Runs may be written a vector past their end.
    let pitch = most * shape.width + if shape.pairs { L::N } else { 0 };
    let room = pitch * if shape.pairs { 2 } else { shape.rows } + WIDE * L::N;
    let (mut cells, mut side) = (Scratch::new(), Scratch::new());
    let tile = Tile { cells: cells.cells(room, R::EMPTY), side: side.cells(room, R::EMPTY_SIDE) };
    let edges = Edges::of::<R>(job);
    let mut pass = Pass { lanes, reduce, work, beside, tile, shape, pitch, edges };
    // Rows that wait for another one: the first, where its results go, and how many they are.
    let mut waiting: Option<(Row, usize, usize)> = None;
    job.each_row(together, |row, to| {
        if row.is_empty() {
            pass.fill(to, 0..cols.output);
        } else if shape.rows > 1 {
            let (first, first_to, n) = waiting.take().unwrap_or((row, to, 0));
            pass.lines(&Folded::One(Lines::of(job, &row)), n * pitch, 0, shape.width, 0..cols.output);
            if n + 1 < shape.rows {
                waiting = Some((first, first_to, n + 1));
            } else {
                pass.columns(&first, first_to, 0, 0, shape.width, 0..cols.output * (n + 1));
            }
        } else if let Some((above, above_to, _)) = waiting.take() {
            pass.row(&above, above_to, Some((&row, to)));
        } else if shape.pairs && job.axes[1].is_inside(row.cell[3]) && job.axes[1].is_inside(row.cell[3] + 1) {
            waiting = Some((row, to, 1));
        } else {
            pass.row(&row, to, None);
        }
    });
    if let Some((first, to, n)) = waiting {
        pass.columns(&first, to, 0, 0, shape.width, 0..cols.output * n);
    }
}

/// What the walk takes along.
struct Pass<'p, 'w, 't, T: Element, L: Lanes<T>, R: Reducer<T>> {
    lanes: L,
    reduce: R,
    work: &'p mut Work<'w, T>,
    beside: &'p mut R::Beside,
    tile: Tile<'t, R::Cell, R::Side>,
    shape: Shape,
    /// Cells from a row of the tile to the next.
    pitch: usize,
    edges: Option<Edges<T, L>>,
}

/// What the columns at both ends count in a divisor, where they may count less than those inside.
struct Edges<T: Element, L: Lanes<T>> {
    first: SumArray<T, L>,
    last: SumArray<T, L>,
}

impl<T: Element, L: Lanes<T>> Edges<T, L> {
    /// `None` if sums are not divided by plain numbers, or if more columns differ than a vector has.
    #[inline(always)]
    fn of<R: Reducer<T>>(job: &Job) -> Option<Self> {
        let cols = job.axes[2];
        let inside = cols.interior();
        let differ = inside.start.max(cols.output - inside.end);
        if !R::DIVIDES || !T::HAS_NAN || job.divisor.is_constant() || differ == 0 || differ > L::N || L::N == 1 {
            return None;
        }
        let counts = |first: usize| {
            let mut array = <SumArray<T, L> as bytemuck::Zeroable>::zeroed();
            for (i, to) in array.as_mut().iter_mut().enumerate() {
                *to = T::count(job.divisor.along(&cols, cols.taps((first + i).min(cols.output - 1))));
            }
            array
        };
        Some(Self { first: counts(0), last: counts(cols.output.saturating_sub(L::N)) })
    }
}

impl<T: Element, L: Lanes<T>, R: Reduce<T, L> + Reduce<T, T::One>> Pass<'_, '_, '_, T, L, R> {
    /// A row of outputs, and the one below it if there is one that shares its lines.
    fn row(&mut self, row: &Row, to: usize, below: Option<(&Row, usize)>) {
        let (job, shape) = (self.work.job, self.shape);
        let lines = Lines::of(job, row);
        let folded = match below {
            None => Folded::One(lines),
            Some(_) => Folded::Two(Pair { upper: lines, down: job.axes[1].stride }, self.pitch),
        };
        let channels = if shape.together { job.from.shape.channels } else { 1 };
        let outputs = job.axes[2].output;
        let mut c = 0;
        while c < channels {
            let width = shape.width.min(channels - c);
            let mut x = 0;
            while x < outputs {
                let range = x..outputs.min(x + shape.outputs);
                self.lines(&folded, 0, c, width, range.clone());
                self.columns(row, to, 0, c, width, range.clone());
                if let Some((row, to)) = below {
                    self.columns(row, to, self.pitch, c, width, range.clone());
                }
                x = range.end;
            }
            c += width;
        }
    }

    /// Folds the lines of a range of outputs into a row of the tile, which starts at cell `to`.
    fn lines(&mut self, folded: &Folded, to: usize, channel: usize, width: usize, outputs: Range<usize>) {
        let job = self.work.job;
        let (cols, step) = (job.axes[2], job.from.strides.spatial[2]);
        // Columns of the tile, which count padding.
        let start = outputs.start * cols.stride;
        let columns = (outputs.len() - 1) * cols.stride + cols.span;
        let lead = cols.pad_start.saturating_sub(start).min(columns);
        let first = (start + lead).saturating_sub(cols.pad_start).min(cols.input);
        let real = (columns - lead).min(cols.input - first);
        let from = channel + first * step;
        let tile = &mut self.tile;
        let to_real = to + lead * width;
        if !self.shape.together {
            fold_run(self.lanes, self.reduce, self.work.input, folded, (from, real, step), tile, to_real);
        } else if width == step {
            fold_run(self.lanes, self.reduce, self.work.input, folded, (from, real * width, 1), tile, to_real);
        } else {
            for i in 0..real {
                let run = (from + i * step, width, 1);
                fold_run(self.lanes, self.reduce, self.work.input, folded, run, tile, to_real + i * width);
            }
        }
        // After the runs, for these may write past their end.
        if R::PADS && real < columns {
            let rows = [to, to + if let Folded::Two(_, apart) = folded { *apart } else { 0 }];
            for to in rows {
                for padding in [to..to + lead * width, to + (lead + real) * width..to + columns * width] {
                    if let Some(cells) = tile.cells.get_mut(padding) {
                        cells.fill(R::EMPTY);
                    }
                }
            }
        }
    }

}

impl<T: Element, L: Lanes<T>, R: Reduce<T, L>> Pass<'_, '_, '_, T, L, R> {
    /// Folds the columns of a row of the tile, from cell `at` on, into a range of the outputs of a row that starts at
    /// element `to`.
    fn columns(&mut self, row: &Row, to: usize, at: usize, channel: usize, width: usize, outputs: Range<usize>) {
        let job = self.work.job;
        let (cols, strides) = (job.axes[2], job.to.strides);
        let inside = cols.interior();
        let inside = inside.start.clamp(outputs.start, outputs.end)..inside.end.clamp(outputs.start, outputs.end);
        // Rows that were folded together are all inside.
        let inside = if self.shape.rows > 1 { outputs.clone() } else { inside };
        let cell = [row.cell[0], row.cell[1] + channel, row.cell[2], row.cell[3], outputs.start];
        let mut run = Run {
            at,
            taps: cols.kernel,
            apart: cols.dilation.wrapping_mul(width),
            skip: cols.stride * width,
            to: to + outputs.start * strides.spatial[2] + channel * strides.channel,
            // An axis of one cell has any stride; but rows that follow each other are dense.
            to_col: if self.shape.rows > 1 { width } else { strides.spatial[2] },
            width,
            place: Place { cell, along_channels: width > 1 },
        };
        let whole = Taps { start: 0, real: cols.kernel, padded: cols.kernel };
        let by = self.by(row, whole);
        let borders = (outputs.start..inside.start).chain(inside.end..outputs.end);
        if !R::PADS {
            // Nothing may stand for padding: windows at the border are folded by the columns that they have.
            for x in borders {
                if cols.taps(x).real > 0 {
                    self.clipped(&run.from_output(x - outputs.start), cols.taps(x), x, &by);
                } else {
                    self.fill_cells(to + x * strides.spatial[2], channel, width);
                }
            }
            run = run.from_output(inside.start - outputs.start);
            return self.folded(run, inside.len(), &by);
        }
        let constant = inside.len() == outputs.len() || job.divisor.is_constant() && job.finish.requantize.is_none();
        if !R::DIVIDES || constant {
            self.folded(run, outputs.len(), &by);
        } else {
            let edges = self.edges.as_ref().filter(|_| width == 1 && outputs == (0..cols.output));
            let rows = job.divisor.rows(&job.axes, row.taps);
            match edges.map(|edges| [&edges.first, &edges.last].map(|counts| self.by_edge(counts, rows))) {
                Some([Some(first), Some(last)]) => {
                    let run = self.kept(run, outputs.len());
                    let (n, vector) = (outputs.len(), L::N.min(outputs.len()));
                    self.flat(&run, 0, vector, &first);
                    if n > vector {
                        let last_from = vector.max(n - vector);
                        self.flat(&run, vector, last_from, &by);
                        self.flat(&run, n - vector, n, &last);
                    }
                }
                _ => {
                    for x in borders.clone() {
                        if cols.taps(x).real > 0 {
                            let by = self.by(row, cols.taps(x));
                            self.clipped(&run.from_output(x - outputs.start), cols.taps(x), x, &by);
                        }
                    }
                    self.folded(run.from_output(inside.start - outputs.start), inside.len(), &by);
                }
            }
        }
        if cols.may_be_empty() {
            for x in borders {
                if cols.taps(x).real == 0 {
                    self.fill_cells(to + x * strides.spatial[2], channel, width);
                }
            }
        }
    }

    /// The divisor of windows of a row, with these taps along the columns.
    #[inline(always)]
    fn by(&self, row: &Row, taps: Taps) -> L::By {
        let (lanes, divisor) = (self.lanes, self.work.job.divisor::<T>([row.taps[0], row.taps[1], taps]));
        lanes.enter(
            #[inline(always)]
            || lanes.by(divisor),
        )
    }

    /// The counts of columns at an end, by what the rows count.
    fn by_edge(&self, counts: &SumArray<T, L>, rows: usize) -> Option<L::By> {
        let lanes = self.lanes;
        lanes.enter(
            #[inline(always)]
            || {
                let counts = L::Sum::load(lanes, counts);
                let product = lanes.mul(counts, L::Sum::splat(lanes, T::count(rows)));
                let mut array = <SumArray<T, L> as bytemuck::Zeroable>::zeroed();
                product.store(lanes, &mut array);
                lanes.by_each(&array)
            },
        )
    }

    /// The columns of one output, which has only some of its taps.
    fn clipped(&mut self, run: &Run, taps: Taps, x: usize, by: &L::By) {
        let cols = self.work.job.axes[2];
        // Columns of the tile before the first real tap.
        let before = (taps.start + cols.pad_start).saturating_sub(x * cols.stride);
        let tap = before.checked_div(cols.dilation).unwrap_or(0);
        let run = Run { at: run.at + before * run.width, taps: taps.real, ..*run };
        self.pixels(run, tap, 1, by);
    }

    /// Folds the columns of each of `n` outputs.
    fn folded(&mut self, run: Run, n: usize, by: &L::By) {
        if n == 0 {
            return;
        }
        let strides = self.work.job.to.strides;
        let run = self.kept(run, n);
        let follow = run.width == 1 || strides.channel == 1 && run.to_col == run.width && size_of::<R::Side>() == 0;
        if run.skip == run.width && follow {
            self.flat(&run, 0, n * run.width, by);
        } else {
            self.pixels(run, 0, n, by);
        }
    }

    /// Prepares a run of `n` outputs: many columns are folded by doubling, and the outputs of few channels are put side by
    /// side.
    fn kept(&mut self, mut run: Run, n: usize) -> Run {
        let len = (n - 1) * run.skip + run.width;
        if R::TWICE && run.taps >= DOUBLES {
            // Two columns, four, eight; and those two that together are all.
            let mut done = 1;
            while 2 * done < run.taps {
                let more = (run.taps - 2 * done) * run.apart;
                self.fold_in_place(run.at, len + more, 2, done * run.apart);
                done *= 2;
            }
            run = Run { taps: 2, apart: (run.taps - done) * run.apart, ..run };
        }
        if run.skip > run.width && run.width < L::N {
            self.fold_in_place(run.at, len, run.taps, run.apart);
            self.compact(&run, n);
            run = Run { taps: 1, skip: run.width, ..run };
        }
        run
    }

    /// Folds columns of the tile, all of them, into the first of each.
    fn fold_in_place(&mut self, at: usize, len: usize, taps: usize, apart: usize) {
        let lanes = self.lanes;
        lanes.enter(
            #[inline(always)]
            || self.fold_vectors_in_place(at, len, taps, apart),
        );
    }

    #[inline(always)]
    fn fold_vectors_in_place(&mut self, at: usize, len: usize, taps: usize, apart: usize) {
        // Cells are read before they are written, and none that was is read again: up to a vector past the end, not back.
        let mut i = 0;
        if L::TILE >= WIDE && R::IS_LIGHT {
            while i + WIDE * L::N <= len {
                let acc = self.window::<WIDE>(at + i, taps, apart, 0);
                self.reduce.store(self.lanes, acc, &mut self.tile, at + i);
                i += WIDE * L::N;
            }
        }
        while i < len {
            let acc = self.window::<1>(at + i, taps, apart, 0);
            self.reduce.store(self.lanes, acc, &mut self.tile, at + i);
            i += L::N;
        }
    }

    /// Puts the outputs of a run side by side.
    fn compact(&mut self, run: &Run, n: usize) {
        let (skip, width, at) = (run.skip, run.width, run.at);
        if width == 1 && skip == 2 && L::N > 1 {
            let (lanes, reduce, tile) = (self.lanes, self.reduce, &mut self.tile);
            return lanes.enter(
                #[inline(always)]
                || {
                    let mut i = 0;
                    while i < n {
                        let [a] = reduce.load::<1>(lanes, tile, at + 2 * i);
                        let [b] = reduce.load::<1>(lanes, tile, at + 2 * i + L::N);
                        reduce.store(lanes, [reduce.even(lanes, a, b)], tile, at + i);
                        i += L::N;
                    }
                },
            );
        }
        for i in 1..n {
            for j in 0..width {
                move_cell(self.tile.cells, at + i * skip + j, at + i * width + j);
                move_cell(self.tile.side, at + i * skip + j, at + i * width + j);
            }
        }
    }

    /// Results `from` to `end` of a run whose results lie one after the other in the tile.
    fn flat(&mut self, run: &Run, from: usize, end: usize, by: &L::By) {
        // The output's columns, or its columns and channels, which lie side by side then.
        let step = if run.width == 1 { run.to_col } else { 1 };
        let lanes = self.lanes;
        lanes.enter(
            #[inline(always)]
            || self.results(run, 0, from..end, step, by),
        );
    }

    /// All channels of each of `n` outputs, whose first tap is number `tap`.
    fn pixels(&mut self, mut run: Run, tap: usize, n: usize, by: &L::By) {
        let (lanes, step) = (self.lanes, self.work.job.to.strides.channel);
        lanes.enter(
            #[inline(always)]
            || {
                for _ in 0..n {
                    self.results(&run, tap, 0..run.width, step, by);
                    run = Run { at: run.at + run.skip, to: run.to + run.to_col, ..run };
                    run.place.cell[4] += 1;
                }
            },
        );
    }

    /// Results of a run, side by side in the tile and `step` apart in the output.
    #[inline(always)]
    fn results(&mut self, run: &Run, tap: usize, range: Range<usize>, step: usize, by: &L::By) {
        let (mut i, from, end) = (range.start, range.start, range.end);
        if L::TILE >= WIDE && R::IS_LIGHT {
            while i + WIDE * L::N <= end {
                self.finish::<WIDE>(run, tap, i, WIDE * L::N, step, by);
                i += WIDE * L::N;
            }
        }
        while i < end {
            // The last vector overlaps its neighbour rather than leave a tail.
            let at = i.min(end.saturating_sub(L::N).max(from));
            self.finish::<1>(run, tap, at, L::N.min(end - at), step, by);
            i += L::N;
        }
    }

    /// `n` results from number `i` of a run on.
    #[inline(always)]
    fn finish<const V: usize>(&mut self, run: &Run, tap: usize, i: usize, n: usize, step: usize, by: &L::By) {
        let (lanes, reduce) = (self.lanes, self.reduce);
        let acc = self.window::<V>(run.at + i, run.taps, run.apart, tap);
        let results = acc.map(
            #[inline(always)]
            |acc| reduce.finish(lanes, acc, by),
        );
        put::<T, L, V>(lanes, results, self.work.output, run.to + i * step, step, n);
        let mut place = run.place;
        place.cell[if place.along_channels { 1 } else { 4 }] += i;
        reduce.aside(lanes, &acc, n, self.beside, place);
    }

    /// `taps` columns that lie `apart`, from cell `at` on; the first is number `first` of its window.
    #[inline(always)]
    fn window<const V: usize>(&self, mut at: usize, taps: usize, apart: usize, first: usize) -> [R::Acc; V] {
        let (lanes, reduce) = (self.lanes, self.reduce);
        let dilation = self.work.job.axes[2].dilation as u32;
        let mut along = (first as u32).wrapping_mul(dilation);
        let mut acc = reduce.load::<V>(lanes, &self.tile, at).map(
            #[inline(always)]
            |acc| reduce.along(lanes, acc, along),
        );
        for _ in 1..taps {
            (at, along) = (at + apart, along.wrapping_add(dilation));
            let next = reduce.load::<V>(lanes, &self.tile, at);
            acc = core::array::from_fn(
                #[inline(always)]
                |v| reduce.merge_columns(lanes, acc[v], reduce.along(lanes, next[v], along)),
            );
        }
        acc
    }

    /// Fills outputs whose windows have no tap.
    fn fill(&mut self, to: usize, outputs: Range<usize>) {
        let (channels, col) = (self.work.job.from.shape.channels, self.work.job.to.strides.spatial[2]);
        for x in outputs {
            self.fill_cells(to + x * col, 0, if self.shape.together { channels } else { 1 });
        }
    }

    /// Fills the channels of one output.
    fn fill_cells(&mut self, to: usize, channel: usize, n: usize) {
        let step = self.work.job.to.strides.channel;
        for c in channel..channel + n {
            scatter(self.work.output, to + c * step, 1, 1, &[self.work.fill]);
        }
    }
}

/// Outputs one after the other, as they lie in the tile.
#[derive(Clone, Copy)]
struct Run {
    /// Cell of the first tap of the first output.
    at: usize,
    /// Columns of a window, and cells from one to the next.
    taps: usize,
    apart: usize,
    /// Cells from an output to the next.
    skip: usize,
    /// Element of the first output, and elements to the next.
    to: usize,
    to_col: usize,
    /// Channels of an output, side by side in the tile.
    width: usize,
    place: Place,
}

impl Run {
    /// The same run without its first `n` outputs.
    #[inline(always)]
    fn from_output(mut self, n: usize) -> Self {
        self.place.cell[4] += n;
        Self { at: self.at + n * self.skip, to: self.to + n * self.to_col, ..self }
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
