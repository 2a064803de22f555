//! Maxima with their indices. Taps are taken in row-major order, a vector of outputs at a time, and
//! beside each value lies how far its tap is from the window's first, in cells of the plane. Which
//! cell that is, and how it is numbered, is only asked once per output.

use super::by_row::{Row, RowPass};
use super::channels::{Pixel, PixelPass};
use super::{Windows, store_apart, unrolled, zeroed};
use crate::access::{Reader, Writer, gather};
use crate::dispatch::Kernel;
use crate::element::Element;
use crate::index::{Index, Ramp, ramp};
use crate::lanes::{self, Array, Lanes, Register, picks};
use crate::reduce::Max;
use crate::view::Layout;
use core::ops::Range;

/// How cells are numbered: `plane * channel + d * spatial[0] + y * spatial[1] + x * spatial[2]`, with the
/// channels of all images one after the other.
#[derive(Clone, Copy)]
pub(crate) struct Numbering {
    pub(crate) plane: usize,
    pub(crate) spatial: [usize; 3],
    /// Whether planes are numbered as they are walked: the last axis fastest.
    pub(crate) row_major: bool,
}

/// Maxima of `windows`, and the numbers of their cells. With `IGNORE_NAN`, NaN is passed over.
pub(crate) struct Pick<'i, 'o, 'x, T, I, const IGNORE_NAN: bool> {
    pub(crate) windows: Windows<'i, 'o, T, Max<T>>,
    pub(crate) indices: Indices<'x, I>,
}

/// Where indices go.
pub(crate) struct Indices<'x, I> {
    pub(crate) data: &'x mut [I],
    pub(crate) layout: Layout<3>,
    pub(crate) numbering: Numbering,
}

impl<T: Element, I: Index, const IGNORE_NAN: bool> Kernel<T> for Pick<'_, '_, '_, T, I, IGNORE_NAN> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(mut self, lanes: L) {
        let (strides, indices) = (self.windows.from.strides, self.indices);
        if strides.channel == 1 && strides.spatial[2] != 1 {
            let ramp = ramp(indices.numbering.plane);
            self.windows.each_pixel(&mut Pass::<'_, L, I, IGNORE_NAN> { lanes, indices, ramp });
        } else {
            let ramp = ramp(self.windows.axes[2].stride);
            self.windows.each_row(&mut Pass::<'_, L, I, IGNORE_NAN> { lanes, indices, ramp });
        }
    }
}

struct Pass<'x, L, I, const IGNORE_NAN: bool> {
    lanes: L,
    indices: Indices<'x, I>,
    /// How much more the next outputs of a line are numbered.
    ramp: Ramp<I>,
}

/// A vector of values, and of how far their taps are from the first.
type Picked<T, L> = (<L as Lanes<T>>::V, <L as Lanes<T>>::Index);

/// A line of outputs: one after the other along the channels or the columns.
#[derive(Clone, Copy)]
struct Line {
    /// Where the index of the first output goes, and elements from one to the next.
    to: usize,
    apart: usize,
    /// Numbered row by row, the cell of the first output's first tap, and how much more the next output's is.
    base: usize,
    next: usize,
    /// Channel of the first output, counted over all images, and channels from one to the next.
    channel: usize,
    channels: usize,
    /// The first tap, and columns from one window to the next.
    first: [usize; 3],
    cols: usize,
    plane: Plane,
}

impl<I: Index> Indices<'_, I> {
    /// The line from output `cell` on, whose windows start at `first`: along the channels, or along the columns
    /// with windows `cols` apart.
    #[inline(always)]
    fn line(&self, cell: [usize; 5], first: [usize; 3], cols: Option<usize>, plane: Plane) -> Line {
        let [image, channel, position @ ..] = cell;
        let Layout { shape, strides } = self.layout;
        let apart = if cols.is_none() { strides.channel } else { strides.spatial[2] };
        let (channel, to) = (image * shape.channels + channel, self.layout.at(image, channel, position));
        let (channels, cols) = (usize::from(cols.is_none()), cols.unwrap_or(0));
        let cells = self.numbering.plane;
        let [d, y, x] = core::array::from_fn(|i| first[i] * plane.strides[i]);
        let (base, next) = (channel * cells + d + y + x, channels * cells + cols);
        Line { to, apart, base, next, channel, channels, first, cols, plane }
    }

    /// Writes the numbers of cells that lie `offsets` from the first taps of outputs, from the `start`-th of a line on.
    #[inline(always)]
    fn write(&mut self, line: &Line, ramp: &Ramp<I>, start: usize, offsets: &[u32]) {
        if !self.numbering.row_major {
            return self.write_decoded(line, start, offsets);
        }
        let base = line.base + start * line.next;
        let to = line.to + start * line.apart;
        if line.apart == 1 {
            if let Some(to) = self.data.get_mut(to..to + offsets.len()) {
                I::write(to, base, ramp, offsets);
            }
            return;
        }
        for (i, offset) in offsets.iter().enumerate() {
            if let Some(to) = self.data.get_mut(to + i * line.apart) {
                *to = I::number(base + i * line.next + *offset as usize);
            }
        }
    }

    /// The same where each cell must be taken apart.
    #[inline(never)]
    fn write_decoded(&mut self, line: &Line, start: usize, offsets: &[u32]) {
        let Line { to, apart, channel, channels, first, cols, plane, .. } = *line;
        let Numbering { plane: cells, spatial, .. } = self.numbering;
        for (i, offset) in (start..).zip(offsets) {
            let (offset, strides) = (*offset as usize, plane.strides);
            let [d, y, x] = [offset / strides[0], offset % strides[0] / strides[1], offset % strides[1]];
            let [d, y, x] = [first[0] + d, first[1] + y, first[2] + x + i * cols];
            let number = (channel + i * channels) * cells + d * spatial[0] + y * spatial[1] + x * spatial[2];
            if let Some(to) = self.data.get_mut(to + i * apart) {
                *to = I::number(number);
            }
        }
    }
}

/// The plane of a channel, as if it were dense.
#[derive(Clone, Copy)]
struct Plane {
    /// Cells from one to the next along each axis.
    strides: [usize; 3],
    /// Cells from a tap to the next.
    steps: [usize; 3],
}

impl Plane {
    #[inline(always)]
    fn of<T>(w: &Windows<'_, '_, T, Max<T>>) -> Self {
        let [_, rows, cols] = w.from.shape.spatial;
        // The plane was checked to have cells that `u32` can number.
        let strides = [rows * cols, cols, 1];
        // Wraps only where an axis has one real tap.
        Self { strides, steps: core::array::from_fn(|i| strides[i].wrapping_mul(w.axes[i].dilation)) }
    }

    /// Cells from the first tap of a window to this one.
    #[inline(always)]
    fn offset(self, tap: [usize; 3]) -> u32 {
        let [d, y, x] = core::array::from_fn(|i| tap[i].wrapping_mul(self.steps[i]));
        (d + y + x) as u32
    }
}

/// Picks among the taps of windows, of which `load` gives `V` vectors by tap, and notes
/// them in `seen`. With `NUMBERS`, the result is only right if `seen` has no NaN.
#[inline(always)]
fn pick_taps<T: Element, L: Lanes<T>, const IGNORE_NAN: bool, const NUMBERS: bool, const V: usize>(
    lanes: L,
    [d, r, c]: [usize; 3],
    plane: Plane,
    seen: &mut L::Sum,
    load: impl Fn([usize; 3]) -> [L::V; V],
) -> [Picked<T, L>; V] {
    let first = lanes::Index::<T, L>::splat(lanes, 0);
    let mut picked = load([0; 3]).map(
        #[inline(always)]
        |v| (v, first),
    );
    for z in 0..d {
        for y in 0..r {
            for x in 0..c {
                let vectors = load([z, y, x]);
                if NUMBERS {
                    *seen = lanes.see(*seen, vectors);
                }
                if z + y + x > 0 {
                    let offset = lanes::Index::<T, L>::splat(lanes, plane.offset([z, y, x]));
                    for (picked, v) in picked.iter_mut().zip(vectors) {
                        *picked = if NUMBERS {
                            lanes.pick_number::<IGNORE_NAN>(*picked, (v, offset))
                        } else {
                            lanes.pick::<IGNORE_NAN>(*picked, (v, offset))
                        };
                    }
                }
            }
        }
    }
    picked
}

/// Vectors of channels side by side, where indices take one register each.
const TILE: usize = 4;

impl<T: Element, L: Lanes<T>, I: Index, const IGNORE_NAN: bool> PixelPass<T, Max<T>> for Pass<'_, L, I, IGNORE_NAN> {
    #[inline(always)]
    fn pixel(&mut self, w: &mut Windows<'_, '_, T, Max<T>>, p: Pixel, _: &T::Divisor) {
        let lanes = self.lanes;
        let channels = w.from.shape.channels;
        let [image, z, y, x] = p.cell;
        let line = self.indices.line([image, 0, z, y, x], p.axes.map(|taps| taps.start), None, Plane::of(w));
        if channels >= L::N {
            // The border of a plane of few pixels is a quarter of them.
            let seen = unrolled!(L, p.taps(), [[1, 2, 2], [1, 3, 3], [1, 2, 3], [1, 3, 2]], taps => {
                self.blocks::<T, true>(w, p, taps, &line)
            });
            if lanes.saw_nan(seen) {
                self.blocks::<T, false>(w, p, p.taps(), &line);
            }
            return;
        }
        let picked = pick_taps::<T, L, IGNORE_NAN, false, 1>(
            lanes,
            p.taps(),
            line.plane,
            &mut L::Sum::splat(lanes, T::NO_SUM),
            #[inline(always)]
            |tap| [L::V::load(lanes, &gather(w.input, p.from + p.footprint.offset(tap), 1, channels))],
        );
        self.finish(w, picked, [p.to, w.to.strides.channel, channels], &line, 0);
    }
}

impl<L: Copy, I: Index, const IGNORE_NAN: bool> Pass<'_, L, I, IGNORE_NAN> {
    /// All channels of a pixel, which are a vector or more; and what was seen of their taps.
    #[inline(always)]
    fn blocks<T: Element, const NUMBERS: bool>(
        &mut self,
        w: &mut Windows<'_, '_, T, Max<T>>,
        p: Pixel,
        taps: [usize; 3],
        line: &Line,
    ) -> L::Sum
    where
        L: Lanes<T>,
    {
        let mut seen = L::Sum::splat(self.lanes, T::NO_SUM);
        let channels = w.from.shape.channels;
        let mut c = 0;
        if <L::V as Register<L>>::REGISTERS == 1 && size_of::<T>() <= 4 && L::N > 1 {
            while c + TILE * L::N <= channels {
                self.block::<T, NUMBERS, TILE>(w, p, taps, line, c, &mut seen);
                c += TILE * L::N;
            }
        }
        while c < channels {
            // The last vector overlaps its neighbour rather than leave a tail.
            self.block::<T, NUMBERS, 1>(w, p, taps, line, c.min(channels - L::N), &mut seen);
            c += L::N;
        }
        seen
    }

    /// `V` vectors of channels from channel `c` on.
    #[inline(always)]
    fn block<T: Element, const NUMBERS: bool, const V: usize>(
        &mut self,
        w: &mut Windows<'_, '_, T, Max<T>>,
        p: Pixel,
        taps: [usize; 3],
        line: &Line,
        c: usize,
        seen: &mut L::Sum,
    ) where
        L: Lanes<T>,
    {
        let lanes = self.lanes;
        let reader = Reader::<T, [Array<T, L>; V]>::new(w.input);
        let Some(cells) = reader.and_then(|reader| reader.window(p.from + c, p.footprint)) else { return };
        let picked = pick_taps::<T, L, IGNORE_NAN, NUMBERS, V>(
            lanes,
            taps,
            line.plane,
            seen,
            #[inline(always)]
            |tap| {
                let arrays = cells.at(tap);
                core::array::from_fn(
                    #[inline(always)]
                    |v| L::V::load(lanes, &arrays[v]),
                )
            },
        );
        let step = w.to.strides.channel;
        self.finish(w, picked, [p.to + c * step, step, V * L::N], line, c);
    }

    /// Clamps and stores `n` values from `to` on, `step` apart, and the numbers of their cells from the `start`-th of
    /// the line on. There are fewer values than fit `V` vectors only if that is one.
    #[inline(always)]
    fn finish<T: Element, const V: usize>(
        &mut self,
        w: &mut Windows<'_, '_, T, Max<T>>,
        picked: [Picked<T, L>; V],
        [to, step, n]: [usize; 3],
        line: &Line,
        start: usize,
    ) where
        L: Lanes<T>,
    {
        let (lanes, bounds) = (self.lanes, w.reduce.0);
        let mut offsets = [zeroed::<<lanes::Index<T, L> as Register<L>>::Array>(); V];
        for (offsets, picked) in offsets.iter_mut().zip(&picked) {
            picked.1.store(lanes, offsets);
        }
        match Writer::<T, [Array<T, L>; V]>::new(w.output) {
            Some(mut writer) if step == 1 && n == V * L::N => {
                for (array, picked) in writer.at(to).iter_mut().zip(&picked) {
                    bounds.apply(lanes, picked.0).store(lanes, array);
                }
            }
            _ => {
                for (v, picked) in picked.iter().enumerate() {
                    let (v, to) = (bounds.apply(lanes, picked.0), to + v * L::N * step);
                    store_apart(lanes, v, w.output, to, step, n.min(L::N));
                }
            }
        }
        let offsets: &[u32] = bytemuck::must_cast_slice(&offsets);
        if let Some(offsets) = offsets.get(..n) {
            self.indices.write(line, &self.ramp, start, offsets);
        }
    }
}

impl<T: Element, L: Lanes<T>, I: Index, const IGNORE_NAN: bool> RowPass<T, Max<T>> for Pass<'_, L, I, IGNORE_NAN> {
    #[inline(always)]
    fn row(&mut self, w: &mut Windows<'_, '_, T, Max<T>>, row: Row) {
        let cols = w.axes[2];
        let inside = if cols.bins { 0..0 } else { cols.interior() };
        let inside = if inside.len() >= L::N { inside } else { 0..0 };
        if !inside.is_empty() {
            let seen = unrolled!(
                L,
                [row.taps()[0], row.taps()[1], cols.kernel, cols.stride, cols.dilation],
                [[1, 2, 2, 2, 1], [1, 3, 3, 2, 1], [1, 3, 3, 1, 1]],
                shape => self.inside::<T, true>(w, row, inside.clone(), shape)
            );
            if self.lanes.saw_nan(seen) {
                let [d, r] = row.taps();
                self.inside::<T, false>(w, row, inside.clone(), [d, r, cols.kernel, cols.stride, cols.dilation]);
            }
        }
        for x in (0..inside.start).chain(inside.end..cols.output) {
            one::<T, I, IGNORE_NAN>(w, &mut self.indices, row, x);
        }
    }
}

impl<L: Copy, I: Index, const IGNORE_NAN: bool> Pass<'_, L, I, IGNORE_NAN> {
    /// The outputs of a row whose columns are all inside the input, a vector of them or more; and what
    /// was seen of their taps.
    #[inline(always)]
    fn inside<T: Element, const NUMBERS: bool>(
        &mut self,
        w: &mut Windows<'_, '_, T, Max<T>>,
        row: Row,
        inside: Range<usize>,
        [d, r, c, stride, dilation]: [usize; 5],
    ) -> L::Sum
    where
        L: Lanes<T>,
    {
        let (lanes, plane, taps) = (self.lanes, Plane::of(w), [d, r, c]);
        let (col, step) = (w.from.strides.spatial[2], w.to.strides.spatial[2]);
        // Wraps only where there is one column of taps, and then nothing uses it.
        let footprint = row.footprint.columns(c, dilation.wrapping_mul(col));
        let start = inside.start * stride - w.axes[2].pad_start;
        let [image, channel, z, y] = row.cell;
        let first = [row.axes[0].start, row.axes[1].start, start];
        let line = self.indices.line([image, channel, z, y, inside.start], first, Some(stride), plane);
        let (one, two) = (Reader::<T, Array<T, L>>::new(w.input), Reader::<T, [Array<T, L>; 2]>::new(w.input));
        let mut seen = L::Sum::splat(lanes, T::NO_SUM);
        let mut done = 0;
        while done < inside.len() {
            // The last vector overlaps its neighbour rather than leave a tail.
            let x = done.min(inside.len() - L::N);
            done += L::N;
            let from = row.from + (start + x * stride) * col;
            row.prefetch(lanes, w.input, from);
            let picked = match (col, stride, one, two) {
                (1, 1, Some(one), _) => {
                    let Some(cells) = one.window(from, footprint) else { break };
                    pick_taps::<T, L, IGNORE_NAN, NUMBERS, 1>(
                        lanes,
                        taps,
                        plane,
                        &mut seen,
                        #[inline(always)]
                        |tap| [L::V::load(lanes, cells.at(tap))],
                    )
                }
                (1, 2, _, Some(two)) if from + footprint.reach() + 2 * L::N <= w.input.len() => {
                    let Some(cells) = two.window(from, footprint) else { break };
                    pick_taps::<T, L, IGNORE_NAN, NUMBERS, 1>(
                        lanes,
                        taps,
                        plane,
                        &mut seen,
                        #[inline(always)]
                        |[z, y, x]| {
                            // The second of two dense taps is the odd half of the first's.
                            let odd = if dilation == 1 { x % 2 } else { 0 };
                            let [a, b] = cells.at([z, y, x - odd]);
                            let (even, other) = L::V::unzip(lanes, L::V::load(lanes, a), L::V::load(lanes, b));
                            [if odd == 1 { other } else { even }]
                        },
                    )
                }
                _ => pick_taps::<T, L, IGNORE_NAN, NUMBERS, 1>(
                    lanes,
                    taps,
                    plane,
                    &mut seen,
                    #[inline(always)]
                    |tap| [L::V::load(lanes, &gather(w.input, from + footprint.offset(tap), stride * col, L::N))],
                ),
            };
            self.finish(w, picked, [row.to + (inside.start + x) * step, step, L::N], &line, x);
        }
        seen
    }
}

/// One output, without vectors: the same code for every instruction set.
#[inline(never)]
fn one<T: Element, I: Index, const IGNORE_NAN: bool>(
    w: &mut Windows<'_, '_, T, Max<T>>,
    indices: &mut Indices<'_, I>,
    row: Row,
    x: usize,
) {
    let taps = w.axes[2].taps(x);
    if taps.real == 0 {
        return w.put(row, x, w.fill);
    }
    let plane = Plane::of(w);
    let (from, footprint) = w.window_at(row, taps);
    let cells = Reader::<T, [T; 1]>::new(w.input);
    let Some(cells) = cells.and_then(|cells| cells.window(from, footprint)) else { return };
    let ([mut value], mut offset) = (*cells.at([0; 3]), 0);
    let [d, r, c] = footprint.taps();
    for z in 0..d {
        for y in 0..r {
            for x in 0..c {
                let [other] = *cells.at([z, y, x]);
                // No branch, which could not be foreseen. The first tap is compared with itself.
                let later = (z + y + x > 0) & picks::<T, IGNORE_NAN>(value, other);
                value = if later { other } else { value };
                offset = if later { plane.offset([z, y, x]) } else { offset };
            }
        }
    }
    w.put(row, x, w.reduce.0.nearest(value));
    let [image, channel, z, y] = row.cell;
    let first = [row.axes[0].start, row.axes[1].start, taps.start];
    let line = indices.line([image, channel, z, y, x], first, Some(0), plane);
    indices.write(&line, &ramp(0), 0, &[offset]);
}
