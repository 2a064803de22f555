//! Maxima with their indices. Taps are taken in row-major order, a vector of outputs at a time, and
//! beside each value lies how far its tap is from the window's first, in cells of the plane. Which
//! cell that is, and how it is numbered, is only asked once per output.

use super::by_row::{Row, RowPass};
use super::channels::{Pixel, PixelPass};
use super::{Windows, store_apart, unrolled, zeroed};
use crate::dispatch::Kernel;
use crate::element::Element;
use crate::index::Index;
use crate::lanes::{self, Array, Block, Lanes, Register, picks};
use crate::reduce::Max;
use crate::view::{Layout, Reader, Writer, gather};

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
        let strides = self.windows.from.strides;
        let mut pass = Pass::<'_, L, I, IGNORE_NAN> { lanes, indices: self.indices };
        if strides.channel == 1 && strides.spatial[2] != 1 {
            self.windows.each_pixel(&mut pass);
        } else {
            self.windows.each_row(&mut pass);
        }
    }
}

struct Pass<'x, L, I, const IGNORE_NAN: bool> {
    lanes: L,
    indices: Indices<'x, I>,
}

/// A vector of values, and of how far their taps are from the first.
type Picked<T, L> = (<L as Lanes<T>>::V, <L as Lanes<T>>::Index);

/// A line of outputs: one after the other along the channels or the columns.
#[derive(Clone, Copy)]
struct Line {
    /// Where the index of the first output goes, and elements from one to the next.
    to: usize,
    apart: usize,
    /// Channel of the first output, counted over all images, and channels from one to the next.
    channel: usize,
    channels: usize,
    /// The first tap, and columns from one window to the next.
    first: [usize; 3],
    cols: usize,
    plane: Plane,
}

/// Numbers side by side: `base`, and `next` more for each next output, and the offsets.
struct Dense<'d, I> {
    data: &'d mut [I],
    base: usize,
    next: usize,
}

impl<I: Index> Indices<'_, I> {
    /// The line from output `cell` on, whose windows start at `first`: along the channels, or along the columns
    /// with windows `cols` apart.
    #[inline(always)]
    fn line(&self, cell: [usize; 5], first: [usize; 3], cols: Option<usize>, plane: Plane) -> Line {
        let [image, channel, position @ ..] = cell;
        let Layout { shape, strides } = self.layout;
        Line {
            to: self.layout.at(image, channel, position),
            apart: if cols.is_none() { strides.channel } else { strides.spatial[2] },
            channel: image * shape.channels + channel,
            channels: usize::from(cols.is_none()),
            first,
            cols: cols.unwrap_or(0),
            plane,
        }
    }

    /// Writes the numbers of cells that lie `offsets` from the first taps of `n` outputs, from the `start`-th of a
    /// line on.
    #[inline(always)]
    fn write<A: Block<u32>>(&mut self, line: &Line, start: usize, n: usize, offsets: &A) {
        let Line { to, apart, .. } = *line;
        let offsets = offsets.as_ref();
        let to = to + start * apart;
        if self.numbering.row_major {
            let (base, next) = self.base(line, start);
            let number = |i: usize, offset: u32| I::number(base.wrapping_add(i * next).wrapping_add(offset as usize));
            // Side by side, four at a time: arrays, for the compiler to make vectors of.
            let mut done = 0;
            if apart == 1
                && let Some(data) = self.data.get_mut(to..)
            {
                let (offsets, _) = offsets.as_chunks::<4>();
                let (data, _) = data.as_chunks_mut::<4>();
                for (to, offsets) in data.iter_mut().zip(offsets).take(n / 4) {
                    *to = if next == 0 {
                        offsets.map(|offset| number(0, offset))
                    } else {
                        core::array::from_fn(|i| number(done + i, offsets[i]))
                    };
                    done += 4;
                }
            }
            for (i, offset) in offsets.iter().enumerate().take(n).skip(done) {
                if let Some(to) = self.data.get_mut(to + i * apart) {
                    *to = number(i, *offset);
                }
            }
        } else {
            self.write_decoded(line, start, &offsets[..n.min(offsets.len())]);
        }
    }

    /// Where `n` numbers go, from the `start`-th of a line on, if they lie side by side and grow with the
    /// offsets.
    #[inline(always)]
    fn dense(&mut self, line: &Line, start: usize, n: usize) -> Option<Dense<'_, I>> {
        if line.apart != 1 || !self.numbering.row_major {
            return None;
        }
        let (base, next) = self.base(line, start);
        let to = line.to + start;
        Some(Dense { data: self.data.get_mut(to..to + n)?, base, next })
    }

    /// In row-major order, the number of the first tap of the `start`-th output of a line, and how much more the
    /// next output's is. Offsets add to it.
    #[inline(always)]
    fn base(&self, line: &Line, start: usize) -> (usize, usize) {
        let cells = self.numbering.plane;
        let [d, y, x] = core::array::from_fn(|i| line.first[i] * line.plane.strides[i]);
        let next = line.channels * cells + line.cols;
        (line.channel * cells + d + y + x + start * next, next)
    }

    /// The same where each cell must be taken apart.
    #[inline(never)]
    fn write_decoded(&mut self, line: &Line, start: usize, offsets: &[u32]) {
        let Line { to, apart, channel, channels, first, cols, plane } = *line;
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
}

/// Picks among the taps of windows, of which `load` gives `V` vectors by position and column.
#[inline(always)]
fn pick_taps<T: Element, L: Lanes<T>, const IGNORE_NAN: bool, const V: usize>(
    lanes: L,
    [d, r, c]: [usize; 3],
    [ds, rs, cs]: [usize; 3],
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
                if z + y + x > 0 {
                    let offset = lanes::Index::<T, L>::splat(lanes, (z * ds + y * rs + x * cs) as u32);
                    for (picked, v) in picked.iter_mut().zip(load([z, y, x])) {
                        *picked = lanes.pick::<IGNORE_NAN>(*picked, (v, offset));
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
        let plane = Plane::of(w);
        let channels = w.from.shape.channels;
        let [image, z, y, x] = p.cell;
        let line = self.indices.line([image, 0, z, y, x], p.axes.map(|taps| taps.start), None, plane);
        let mut c = 0;
        if <L::V as Register<L>>::REGISTERS == 1 && size_of::<T>() <= 4 && L::N > 1 {
            while c + TILE * L::N <= channels {
                self.block::<T, TILE>(w, p, &line, c);
                c += TILE * L::N;
            }
        }
        if channels >= L::N {
            while c < channels {
                // The last vector overlaps its neighbour rather than leave a tail.
                self.block::<T, 1>(w, p, &line, c.min(channels - L::N));
                c += L::N;
            }
            return;
        }
        let [ds, rs, cs] = p.steps;
        let [picked] = pick_taps::<T, L, IGNORE_NAN, 1>(
            lanes,
            p.taps(),
            plane.steps,
            #[inline(always)]
            |[z, y, x]| [L::V::load(lanes, &gather(w.input, p.from + z * ds + y * rs + x * cs, 1, channels))],
        );
        let array = self.finish(w, picked, p.to, w.to.strides.channel, channels);
        self.indices.write(&line, 0, channels, &array);
    }
}

impl<L: Copy, I: Index, const IGNORE_NAN: bool> Pass<'_, L, I, IGNORE_NAN> {
    /// `V` vectors of channels from channel `c` on.
    #[inline(always)]
    fn block<T: Element, const V: usize>(&mut self, w: &mut Windows<'_, '_, T, Max<T>>, p: Pixel, line: &Line, c: usize)
    where
        L: Lanes<T>,
    {
        let lanes = self.lanes;
        let Some(reader) = Reader::<T, [Array<T, L>; V]>::new(w.input) else { return };
        let ([ds, rs, cs], from) = (p.steps, p.from + c);
        let picked = unrolled!(L, p.taps(), [[1, 2, 2], [1, 3, 3]], taps => pick_taps::<T, L, IGNORE_NAN, V>(
            lanes, taps, line.plane.steps,
            #[inline(always)]
            |[z, y, x]| {
                let arrays = reader.at(from + z * ds + y * rs + x * cs);
                core::array::from_fn(
                    #[inline(always)]
                    |v| L::V::load(lanes, &arrays[v]),
                )
            },
        ));
        let step = w.to.strides.channel;
        if step == 1
            && let Some(to) = self.indices.dense(line, c, V * L::N)
            && let Some(mut writer) = Writer::<T, [Array<T, L>; V]>::new(w.output)
        {
            let bounds = w.reduce.0;
            for (array, picked) in writer.at(p.to + c).iter_mut().zip(picked) {
                bounds.apply(lanes, picked.0).store(lanes, array);
            }
            let Dense { data, mut base, next } = to;
            for (to, picked) in data.chunks_exact_mut(L::N).zip(picked) {
                let mut offsets = zeroed::<<lanes::Index<T, L> as Register<L>>::Array>();
                picked.1.store(lanes, &mut offsets);
                for (i, (to, offset)) in to.iter_mut().zip(offsets.as_ref()).enumerate() {
                    *to = I::number(base.wrapping_add(i * next).wrapping_add(*offset as usize));
                }
                base += L::N * next;
            }
            return;
        }
        for (v, picked) in picked.into_iter().enumerate() {
            let at = c + v * L::N;
            let array = self.finish(w, picked, p.to + at * step, step, L::N);
            self.indices.write(line, at, L::N, &array);
        }
    }
}

impl<T: Element, L: Lanes<T>, I: Index, const IGNORE_NAN: bool> RowPass<T, Max<T>> for Pass<'_, L, I, IGNORE_NAN> {
    #[inline(always)]
    fn row(&mut self, w: &mut Windows<'_, '_, T, Max<T>>, row: Row) {
        let cols = w.axes[2];
        let interior = if cols.bins { 0..0 } else { cols.interior() };
        let mut x = interior.start;
        let adjacent = w.from.strides.spatial[2] == 1;
        while interior.len() >= L::N && x < interior.end {
            // The last vector overlaps its neighbour rather than leave a tail.
            let first = x.min(interior.end - L::N);
            x += L::N;
            unrolled!(
                L,
                [row.taps()[0], row.taps()[1], cols.kernel, cols.stride, cols.dilation],
                [[1, 2, 2, 2, 1], [1, 3, 3, 2, 1], [1, 3, 3, 1, 1]],
                shape => self.vector(w, row, first, shape, adjacent)
            );
        }
        let vectors = if interior.len() >= L::N { interior } else { 0..0 };
        for x in (0..vectors.start).chain(vectors.end..cols.output) {
            one::<T, I, IGNORE_NAN>(w, &mut self.indices, row, x);
        }
    }
}

impl<L: Copy, I: Index, const IGNORE_NAN: bool> Pass<'_, L, I, IGNORE_NAN> {
    /// Clamps and stores the values; the offsets, in memory.
    #[inline(always)]
    fn finish<T: Element>(
        &self,
        w: &mut Windows<'_, '_, T, Max<T>>,
        (v, offsets): Picked<T, L>,
        to: usize,
        step: usize,
        n: usize,
    ) -> <lanes::Index<T, L> as Register<L>>::Array
    where
        L: Lanes<T>,
    {
        let v = w.reduce.0.apply(self.lanes, v);
        match Writer::<T, Array<T, L>>::new(w.output) {
            Some(mut writer) if step == 1 && n == L::N => v.store(self.lanes, writer.at(to)),
            _ => store_apart(self.lanes, v, w.output, to, step, n),
        }
        let mut array = zeroed();
        offsets.store(self.lanes, &mut array);
        array
    }

    /// A vector of outputs whose columns are all inside the input, from output `x` on.
    #[inline(always)]
    fn vector<T: Element>(
        &mut self,
        w: &mut Windows<'_, '_, T, Max<T>>,
        row: Row,
        x: usize,
        [d, r, c, stride, dilation]: [usize; 5],
        adjacent: bool,
    ) where
        L: Lanes<T>,
    {
        let lanes = self.lanes;
        let plane = Plane::of(w);
        let [ds, rs] = row.steps;
        let col = w.from.strides.spatial[2];
        let start = x * stride - w.axes[2].pad_start;
        let from = row.from + start * col;
        let reach = (d - 1) * ds + (r - 1) * rs + (c - 1) * dilation;
        let reader = Reader::<T, Array<T, L>>::new(w.input);
        let [picked] = match (reader, stride) {
            (Some(reader), 1) if adjacent => pick_taps::<T, L, IGNORE_NAN, 1>(
                lanes,
                [d, r, c],
                plane.steps,
                #[inline(always)]
                |[z, y, x]| [L::V::load(lanes, reader.at(from + z * ds + y * rs + x * dilation))],
            ),
            (Some(reader), 2) if adjacent && from + reach + 2 * L::N <= w.input.len() => {
                let load = |at| L::V::load(lanes, reader.at(at));
                pick_taps::<T, L, IGNORE_NAN, 1>(
                    lanes,
                    [d, r, c],
                    plane.steps,
                    #[inline(always)]
                    |[z, y, x]| {
                        let line = from + z * ds + y * rs;
                        // The second of two dense taps is the odd half of the first's.
                        if dilation == 1 && x % 2 == 1 {
                            [L::V::unzip(lanes, load(line + x - 1), load(line + x - 1 + L::N)).1]
                        } else {
                            let at = line + x * dilation;
                            [L::V::unzip(lanes, load(at), load(at + L::N)).0]
                        }
                    },
                )
            }
            _ => pick_taps::<T, L, IGNORE_NAN, 1>(
                lanes,
                [d, r, c],
                plane.steps,
                #[inline(always)]
                |[z, y, x]| {
                    let at = from + z * ds + y * rs + x * dilation * col;
                    [L::V::load(lanes, &gather(w.input, at, stride * col, L::N))]
                },
            ),
        };
        let step = w.to.strides.spatial[2];
        let array = self.finish(w, picked, row.to + x * step, step, L::N);
        let first = [row.axes[0].start, row.axes[1].start, start];
        let [image, channel, z, y] = row.cell;
        let line = self.indices.line([image, channel, z, y, x], first, Some(stride), plane);
        self.indices.write(&line, 0, L::N, &array);
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
    let ([d, r], [ds, rs], [pds, prs, pcs]) = (row.taps(), row.steps, plane.steps);
    let col = w.from.strides.spatial[2];
    let step = col.wrapping_mul(w.axes[2].dilation);
    let from = row.from + taps.start * col;
    let mut picked: Option<(T, usize)> = None;
    for z in 0..d {
        for y in 0..r {
            for c in 0..taps.real {
                let Some(&value) = w.input.get(from + z * ds + y * rs + c * step) else { continue };
                if picked.is_none_or(|(greatest, _)| picks::<T, IGNORE_NAN>(greatest, value)) {
                    picked = Some((value, z * pds + y * prs + c * pcs));
                }
            }
        }
    }
    if let Some((value, offset)) = picked {
        w.put(row, x, w.reduce.0.nearest(value));
        let [image, channel, z, y] = row.cell;
        let first = [row.axes[0].start, row.axes[1].start, taps.start];
        let line = indices.line([image, channel, z, y, x], first, Some(0), plane);
        indices.write(&line, 0, 1, &[offset as u32]);
    }
}
