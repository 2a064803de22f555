//! Walks over memory. What knows the geometry (`tile`, `windows`) is compiled once and hands blocks of runs to flat loops
//! (`passes`), each a small function of its own for an element, a reducer and lanes.
//!
//! | file | what is walked | serves |
//! |---|---|---|
//! | `tile` | lines, folded into a tile on the stack, whose columns are then folded | windows that overlap, or lie in planes |
//! | `again` | | passes of `tile` for the next channels |
//! | `windows` | the taps of windows, as they are | the other windows, of channels side by side or of any strides |
//! | `columns` | columns of windows, of many channels after each other | large windows of channels side by side, where the caches need it |
//! | `narrow` | planes of seven rows and columns, eight at once | windows that are such a plane |
//! | `patches` | four windows at once, which share lines and columns | windows of three rows and columns, one apart, of channels side by side |
//! | `runs` | | what walks hand to `passes`, and which windows go together |
//! | `passes` | runs of a block | `tile`, `columns` and `windows` |
//! | `divisors` | | what the sums of `passes` are divided by |
//! | `taps` | the taps of one output after the other | windows too large for a partial result; shapes known when compiling |
//! | `plane` | a whole plane as it lies in memory | one number of a large plane |
//! | `wide` | | integer averages over more taps than a sum can hold |
//! | `scale` | | maxima of codes, as codes of another scale |
//! | `repair` | | norms whose powers overflow or vanish |
//! | `numbers_alone` | | maxima that pass over NaN, where a window has one |

mod again;
mod columns;
mod divisors;
mod lines;
mod narrow;
mod numbers;
pub(crate) mod numbers_alone;
mod passes;
mod patches;
mod plane;
pub(crate) mod repair;
mod runs;
pub(crate) mod scale;
mod taps;
mod tile;
pub(crate) mod wide;
mod windows;

use lines::Lines;
pub(crate) use numbers::{Numbering, Numbers, Place, Spot, Spots};
use patches::Border;

use crate::access::{Scratch, Writer, scatter_slice};
use crate::element::Element;
use crate::lanes::{Array, Lanes, PORTABLE_IS_SIMD, Pair, Register};
use crate::reduce::{Reduce, Reducer, Tile};
use crate::round::Finish;
use crate::view::{Layout, Shape};
use crate::window::{Axis, Divisor, Taps};

/// A pooling whose geometry has been proved: the axes belong to both layouts, and no extent is zero. Only numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Job {
    pub(crate) from: Layout<3>,
    pub(crate) to: Layout<3>,
    pub(crate) axes: [Axis; 3],
    pub(crate) divisor: Divisor,
    pub(crate) finish: Finish,
    /// Whether each channel is reduced as a whole, in an order of its own if it is large.
    pub(crate) whole: bool,
}

/// A job on slices that it was proved for.
pub struct Work<'w, T> {
    pub(crate) job: &'w Job,
    pub(crate) input: &'w [T],
    pub(crate) output: &'w mut [T],
    /// Written where a window has no real tap.
    pub(crate) fill: T,
}

/// Pools one output after the other, for shapes that are known when compiling.
#[inline(always)]
pub(crate) fn pool_fixed<T: Element, L: Lanes<T>, R>(lanes: L, reduce: R, work: &mut Work<'_, T>)
where
    R: Reduce<T, L> + Reduce<T, T::One> + Reducer<T, Beside = ()>,
{
    let job = work.job;
    if job.from.shape.channels == 0 {
        return;
    }
    let [lines, columns] = [job.axes[1].kernel, job.axes[2].kernel];
    if job.from.strides.spatial[2] != 1 && job.from.shape.channels >= L::N {
        taps::each_pixel::<T, L, R, true>(lanes, reduce, work, true);
    } else if job.from.strides.spatial[2] != 1 {
        taps::each_pixel::<T, T::One, R, true>(T::one(), reduce, work, true);
    } else if R::HAS_TOTALS && job.whole && !R::is_small(lines, columns) {
        plane::run(lanes, reduce, work);
    } else {
        taps::each_pixel::<T, T::One, R, true>(T::one(), reduce, work, false);
    }
}

/// Whether there is a tile. Lanes of one element are for comparison, and need no second walk; nor do small machines, where code is
/// dearer than time.
const fn has_tile<T: Element, L: Lanes<T>>() -> bool {
    L::N > 1 && PORTABLE_IS_SIMD
}

/// What the tile holds at once, if there is a tile.
type ShapeOf = fn(&Job, &tile::Traits) -> Option<tile::Shape>;

/// How a job is walked.
enum Walk {
    /// By planes.
    Planes,
    /// By way of a tile.
    Tile(tile::Shape),
    /// Windows straight from the input: of all channels at once, if these are `together`, and by vectors, if these are as many.
    Windows { together: bool, by_vectors: bool, patches: Option<Border> },
    /// Column by column of many channels.
    Columns,
    /// Tap after tap, as there are too many for a partial result.
    Taps { together: bool },
}

impl Walk {
    /// The one that suits, if partial results have room for the taps of every window, or do not.
    #[inline(never)]
    fn of(job: &Job, traits: &tile::Traits, tile: Option<ShapeOf>, has_room: bool) -> Self {
        let Layout { shape, strides } = &job.from;
        let adjacent = strides.channel == 1 && strides.spatial[2] != 1;
        let side_by_side = adjacent && shape.channels >= traits.lanes;
        if !has_room {
            // Of large windows even a few channels are worth a vector of their own.
            let together = strides.channel == 1 && shape.channels > 1;
            return if job.whole && strides.spatial[2] == 1 { Self::Planes } else { Self::Taps { together } };
        }
        let may_patch = PORTABLE_IS_SIMD && side_by_side && traits.patches;
        let patches = if may_patch { patches::fit(job, traits.repeats) } else { None };
        if let Some(shape_of) = tile
            && patches.is_none()
            && !(side_by_side && is_cheaper_by_taps(job))
            && let Some(shape) = shape_of(job, traits)
        {
            return Self::Tile(shape);
        }
        if tile.is_some() && patches.is_none() && side_by_side && columns::suit(job, traits.element) {
            return Self::Columns;
        }
        let by_vectors = side_by_side && traits.lanes > 1;
        Self::Windows { together: by_vectors || adjacent && job.to.strides.channel == 1, by_vectors, patches }
    }
}

/// Pools by the walk that suits.
#[inline(always)]
pub(crate) fn pool<T, W, L, R, B>(Pair { wide, lanes }: Pair<W, L>, reduce: R, work: &mut Work<'_, T>, beside: &mut B)
where
    T: Element,
    W: Lanes<T>,
    L: Lanes<T>,
    R: Reduce<T, W> + Reduce<T, L> + Reduce<T, T::One> + Reducer<T, Beside = B>,
{
    let job = work.job;
    let traits = passes::traits::<T, L, R>();
    let [lines, columns] = [job.axes[0].kernel.saturating_mul(job.axes[1].kernel), job.axes[2].kernel];
    let tile: Option<ShapeOf> = if const { has_tile::<T, L>() } { Some(tile::Shape::of) } else { None };
    let walk = Walk::of(job, &traits, tile, !R::HAS_TOTALS || R::is_small(lines, columns));
    let room = match &walk {
        Walk::Tile(shape) => shape.cells(&traits),
        Walk::Columns => columns::CELLS,
        _ => 0,
    };
    let (mut cells, mut side) = (Scratch::new(), Scratch::new());
    let mut tile = Tile { cells: &mut [], side: &mut [] };
    if const { has_tile::<T, L>() } {
        tile = Tile { cells: cells.cells(room, R::EMPTY), side: side.cells(room, R::EMPTY_SIDE) };
    }
    // Measured on Zen 4: windows that share their taps gain most by wider vectors; totals of large ones lose a tenth.
    let is_wide = W::N > L::N && job.from.shape.channels >= W::N && !are_quotients::<T, R>(job);
    match walk {
        Walk::Planes if R::HAS_TOTALS && PORTABLE_IS_SIMD => plane::run(lanes, reduce, work),
        Walk::Planes if R::HAS_TOTALS => plane::run(T::one(), reduce, work),
        Walk::Taps { together: true } if R::HAS_TOTALS && PORTABLE_IS_SIMD => {
            taps::each_pixel::<T, L, R, false>(lanes, reduce, work, true);
        }
        Walk::Taps { .. } if R::HAS_TOTALS => taps::one_by_one(reduce, work),
        Walk::Tile(shape) if const { has_tile::<T, L>() } => {
            tile::walk(job, &traits, &shape, &mut passes::Pass { lanes, reduce, work, beside, tile });
        }
        Walk::Columns if const { has_tile::<T, L>() } => {
            let passes = &mut passes::Pass { lanes, reduce, work, beside, tile };
            windows::walk(job, true, None, &mut columns::ByColumns { passes, lanes: L::N });
        }
        Walk::Windows { by_vectors: true, patches, .. } if is_wide => {
            windows::walk(job, true, patches, &mut passes::Pass { lanes: wide, reduce, work, beside, tile });
        }
        Walk::Windows { by_vectors: true, patches, .. } => {
            windows::walk(job, true, patches, &mut passes::Pass { lanes, reduce, work, beside, tile });
        }
        walk => {
            let (lanes, together) = (T::one(), matches!(walk, Walk::Windows { together: true, .. }));
            windows::walk(job, together, None, &mut passes::Pass { lanes, reduce, work, beside, tile });
        }
    }
}

/// Whether an output takes so few taps that what takes the time is a division. One of twice the width takes twice as long: nothing is won
/// by it, and as wide accesses to memory cross more lines (measured on Zen 4: 1.2 of the time).
fn are_quotients<T: Element, R: Reducer<T>>(job: &Job) -> bool {
    R::DIVIDES && T::HAS_NAN && job.most_taps() <= 4
}

/// Whether windows share so few of their columns that these are better folded for each window again: by the vectors that are read
/// and written for an output.
fn is_cheaper_by_taps(job: &Job) -> bool {
    let [depth, rows, cols] = job.axes;
    let lines = depth.kernel.saturating_mul(rows.kernel);
    let by_columns = cols.stride.saturating_mul(lines.saturating_add(1)).saturating_add(cols.kernel);
    let taps = lines.saturating_mul(cols.kernel);
    cols.is_apart() || taps <= by_columns
}

impl Job {
    /// Taps of a window, real or not; the product was checked with the geometry.
    pub(crate) fn most_taps(&self) -> usize {
        self.axes.iter().fold(1, |taps, axis| taps.saturating_mul(axis.kernel))
    }

    /// What a window with these taps on its axes is divided by.
    #[inline(always)]
    pub(crate) fn divisor<T: Element, R: Reducer<T>>(&self, taps: [Taps; 3]) -> T::Divisor {
        let [count, real] = self.counts(taps);
        let finish = if R::PLAIN { Finish { requantize: None, ..self.finish } } else { self.finish };
        T::divisor(&finish, count, real)
    }

    /// What a window with these taps is divided by, as a number, and how many of them are real.
    #[inline(always)]
    pub(crate) fn counts(&self, taps: [Taps; 3]) -> [isize; 2] {
        let real = taps.iter().fold(1usize, |product, taps| product.wrapping_mul(taps.real));
        [self.divisor.count(&self.axes, taps), real as isize]
    }

    /// Calls `visit` for every output: one function for all that look at each by itself.
    #[inline(never)]
    pub(crate) fn each_output(&self, visit: &mut dyn FnMut(&Output)) {
        let ([depth, rows, cols], Shape { batch, channels, .. }) = (&self.axes, self.from.shape);
        for n in 0..batch {
            for c in 0..channels {
                for z in 0..depth.output {
                    for y in 0..rows.output {
                        for x in 0..cols.output {
                            let taps = [depth.outlined_taps(z), rows.outlined_taps(y), cols.outlined_taps(x)];
                            visit(&Output { cell: [n, c, z, y, x], to: self.to.at(n, c, [z, y, x]), taps });
                        }
                    }
                }
            }
        }
    }

    /// Calls `visit` for each row of outputs of each image, and of each channel unless channels are `together`. Gives where
    /// the row starts in the output.
    #[inline(always)]
    pub(crate) fn each_row(&self, together: bool, mut visit: impl FnMut(Row, usize)) {
        let [depth, rows, _] = self.axes;
        let channels = if together { 1 } else { self.from.shape.channels };
        for n in 0..self.from.shape.batch {
            for c in 0..channels {
                for z in 0..depth.output {
                    let d = depth.taps(z);
                    for y in 0..rows.output {
                        let row = Row { cell: [n, c, z, y], taps: [d, rows.taps(y)] };
                        visit(row, self.to.at(n, c, [z, y, 0]));
                    }
                }
            }
        }
    }
}

/// A row of outputs: image, channel, position along depth and rows, and the taps along these axes.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    pub(crate) cell: [usize; 4],
    pub(crate) taps: [Taps; 2],
}

impl Row {
    /// Whether no window of the row has a real tap.
    #[inline(always)]
    pub(crate) fn is_empty(&self) -> bool {
        self.taps[0].real == 0 || self.taps[1].real == 0
    }
}

/// Writes `n` results from element `to` on, `step` apart; there are fewer than `V` vectors hold only where `V` is one.
#[inline(always)]
fn put<T: Element, L: Lanes<T>, const V: usize>(
    lanes: L,
    results: [L::V; V],
    output: &mut [T],
    to: usize,
    step: usize,
    n: usize,
) {
    if step == 1
        && n == V * L::N
        && let Some(mut writer) = Writer::<T, [Array<T, L>; V]>::new(output)
    {
        let arrays = writer.at(to);
        for v in 0..V {
            results[v].store(lanes, &mut arrays[v]);
        }
        return;
    }
    let mut arrays = [<Array<T, L> as bytemuck::Zeroable>::zeroed(); V];
    for v in 0..V {
        results[v].store(lanes, &mut arrays[v]);
    }
    let elements: &[T] = bytemuck::must_cast_slice(&arrays);
    scatter_slice(output, to, step, elements.get(..n).unwrap_or(elements));
}

/// One output, for what looks at each by itself.
pub(crate) struct Output {
    /// Image, channel, depth, row, column; and the element of the output.
    pub(crate) cell: [usize; 5],
    pub(crate) to: usize,
    /// The taps of each axis.
    pub(crate) taps: [Taps; 3],
}

impl Output {
    pub(crate) fn is_empty(&self) -> bool {
        self.taps.iter().any(|taps| taps.real == 0)
    }

    /// The cells of the window, in row-major order.
    pub(crate) fn places(&self, job: &Job) -> Places {
        Places { taps: self.taps, dilation: job.axes.each_ref().map(|axis| axis.dilation), next: [0; 3] }
    }

    /// The elements of these cells.
    pub(crate) fn cells<'x, T: Copy>(&self, job: &Job, input: &'x [T]) -> impl Iterator<Item = T> + use<'x, T> {
        let (layout, [n, c, ..]) = (job.from, self.cell);
        self.places(job).filter_map(move |place| input.get(layout.at(n, c, place)).copied())
    }
}

/// The cells of a window, each as depth, row and column.
pub(crate) struct Places {
    taps: [Taps; 3],
    dilation: [usize; 3],
    next: [usize; 3],
}

impl Iterator for Places {
    type Item = [usize; 3];

    #[inline(never)]
    fn next(&mut self) -> Option<[usize; 3]> {
        let [z, y, x] = self.next;
        if z >= self.taps[0].real {
            return None;
        }
        self.next = match [y + 1 < self.taps[1].real, x + 1 < self.taps[2].real] {
            [_, true] => [z, y, x + 1],
            [true, false] => [z, y + 1, 0],
            [false, false] => [z + 1, 0, 0],
        };
        // A step wraps only where an axis has one tap.
        let along = |i: usize, tap: usize| self.taps[i].start.wrapping_add(tap.wrapping_mul(self.dilation[i]));
        Some([along(0, z), along(1, y), along(2, x)])
    }
}
