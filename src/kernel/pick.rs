//! Maxima with their indices. Taps are taken in row-major order, a vector of outputs at a time, and
//! beside each value lies how far its tap is from the window's first, in cells of the plane. Which
//! cell that is, and how it is numbered, is only asked once per output.

use super::by_row::{Row, RowPass};
use super::channels::{Pixel, PixelPass};
use super::{Windows, store_apart, unrolled, zeroed};
use crate::dispatch::Kernel;
use crate::element::Element;
use crate::index::Index;
use crate::lanes::{self, Array, Lanes, Register, picks};
use crate::reduce::Max;
use crate::view::{Layout, Reader, Writer, gather, scatter};

/// How cells are numbered: `plane * channel + d * spatial[0] + y * spatial[1] + x * spatial[2]`, with the
/// channels of all images one after the other.
#[derive(Clone, Copy)]
pub(crate) struct Numbering {
    pub(crate) plane: usize,
    pub(crate) spatial: [usize; 3],
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

impl<I: Index> Indices<'_, I> {
    /// Writes the numbers of cells that lie `offsets` from the first tap of windows: of the output `cell` and
    /// its `n` followers along `axis`, whose places are `step` apart.
    #[inline(always)]
    fn write(&mut self, cell: [usize; 5], first: [usize; 3], step: Step, n: usize, offsets: &[u32], plane: [usize; 3]) {
        let [image, channel, position @ ..] = cell;
        let to = self.layout.at(image, channel, position);
        let Numbering { plane: cells, spatial } = self.numbering;
        let channel = image * self.layout.shape.channels + channel;
        let (apart, channels, cols) = match step {
            Step::Channels => (self.layout.strides.channel, 1, 0),
            Step::Cols(stride) => (self.layout.strides.spatial[2], 0, stride),
        };
        if spatial == plane {
            // Row-major numbers grow with the offsets.
            let [d, y, x] = core::array::from_fn(|i| first[i] * plane[i]);
            let base = channel * cells + d + y + x;
            let next = channels * cells + cols;
            match self.data.get_mut(to..) {
                Some(data) if apart == 1 => {
                    for (i, (to, offset)) in data.iter_mut().zip(offsets).take(n).enumerate() {
                        *to = I::number(base + i * next + *offset as usize);
                    }
                }
                _ => {
                    for (i, offset) in offsets.iter().take(n).enumerate() {
                        let number = I::number(base + i * next + *offset as usize);
                        scatter(self.data, to + i * apart, 1, 1, &[number]);
                    }
                }
            }
            return;
        }
        for (i, offset) in offsets.iter().take(n).enumerate() {
            let offset = *offset as usize;
            let [d, y, x] = [offset / plane[0], offset % plane[0] / plane[1], offset % plane[1]];
            let [d, y, x] = [first[0] + d, first[1] + y, first[2] + x + i * cols];
            let number = (channel + i * channels) * cells + d * spatial[0] + y * spatial[1] + x * spatial[2];
            scatter(self.data, to + i * apart, 1, 1, &[I::number(number)]);
        }
    }
}

/// From an output of a vector to the next.
#[derive(Clone, Copy)]
enum Step {
    /// The next channel.
    Channels,
    /// The next column, whose window starts so many cells further.
    Cols(usize),
}

/// Offsets from a tap to the next in the plane, and strides of the plane.
#[inline(always)]
fn plane_steps<T>(w: &Windows<'_, '_, T, Max<T>>) -> ([usize; 3], [usize; 3]) {
    let [_, rows, cols] = w.from.shape.spatial;
    // The plane was checked to have cells that `u32` can number.
    let plane = [rows * cols, cols, 1];
    // Wraps only where an axis has one real tap.
    (core::array::from_fn(|i| plane[i].wrapping_mul(w.axes[i].dilation)), plane)
}

/// Picks among the taps of a window, which `load` gives by position and column.
#[inline(always)]
fn pick_taps<T: Element, L: Lanes<T>, const IGNORE_NAN: bool>(
    lanes: L,
    [d, r, c]: [usize; 3],
    [ds, rs, cs]: [usize; 3],
    load: impl Fn([usize; 3]) -> L::V,
) -> Picked<T, L> {
    let mut picked = (load([0; 3]), lanes::Index::<T, L>::splat(lanes, 0));
    for z in 0..d {
        for y in 0..r {
            for x in 0..c {
                if z + y + x > 0 {
                    let offset = (z * ds + y * rs + x * cs) as u32;
                    let next = (load([z, y, x]), lanes::Index::<T, L>::splat(lanes, offset));
                    picked = lanes.pick::<IGNORE_NAN>(picked, next);
                }
            }
        }
    }
    picked
}

impl<T: Element, L: Lanes<T>, I: Index, const IGNORE_NAN: bool> PixelPass<T, Max<T>> for Pass<'_, L, I, IGNORE_NAN> {
    #[inline(always)]
    fn pixel(&mut self, w: &mut Windows<'_, '_, T, Max<T>>, p: Pixel) {
        let lanes = self.lanes;
        let (offsets, plane) = plane_steps(w);
        let channels = w.from.shape.channels;
        let first = p.axes.map(|taps| taps.start);
        let [image, z, y, x] = p.cell;
        let [ds, rs, cs] = p.steps;
        let n = channels.min(L::N);
        let mut c = 0;
        while c < channels {
            // The last vector overlaps its neighbour rather than leave a tail.
            let at = c.min(channels - n);
            c += L::N;
            let reader = Reader::<T, Array<T, L>>::new(w.input);
            let picked = match reader {
                Some(reader) if n == L::N => {
                    let from = p.from + at;
                    unrolled!(L, p.taps(), [[1, 2, 2], [1, 3, 3]], taps => pick_taps::<T, L, IGNORE_NAN>(
                        lanes, taps, offsets,
                        #[inline(always)]
                        |[z, y, x]| L::V::load(lanes, reader.at(from + z * ds + y * rs + x * cs)),
                    ))
                }
                _ => pick_taps::<T, L, IGNORE_NAN>(
                    lanes,
                    p.taps(),
                    offsets,
                    #[inline(always)]
                    |[z, y, x]| L::V::load(lanes, &gather(w.input, p.from + z * ds + y * rs + x * cs, 1, n)),
                ),
            };
            let step = w.to.strides.channel;
            let array = self.finish(w, picked, p.to + at * step, step, n);
            self.indices.write([image, at, z, y, x], first, Step::Channels, n, array.as_ref(), plane);
        }
    }
}

impl<T: Element, L: Lanes<T>, I: Index, const IGNORE_NAN: bool> RowPass<T, Max<T>> for Pass<'_, L, I, IGNORE_NAN> {
    #[inline(always)]
    fn row(&mut self, w: &mut Windows<'_, '_, T, Max<T>>, row: Row) {
        let cols = w.axes[2];
        let interior = if cols.bins { 0..0 } else { cols.interior() };
        let mut x = interior.start;
        let strided = w.from.strides.spatial[2] == 1;
        while interior.len() >= L::N && x < interior.end {
            // The last vector overlaps its neighbour rather than leave a tail.
            let first = x.min(interior.end - L::N);
            x += L::N;
            unrolled!(
                L,
                [row.taps()[0], row.taps()[1], cols.kernel, cols.stride, cols.dilation],
                [[1, 2, 2, 2, 1], [1, 3, 3, 2, 1], [1, 3, 3, 1, 1]],
                shape => self.vector(w, row, first, shape, strided)
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
        let (offsets, plane) = plane_steps(w);
        let [ds, rs] = row.steps;
        let col = w.from.strides.spatial[2];
        let start = x * stride - w.axes[2].pad_start;
        let from = row.from + start * col;
        let reach = (d - 1) * ds + (r - 1) * rs + (c - 1) * dilation;
        let reader = Reader::<T, Array<T, L>>::new(w.input);
        let picked = match (reader, stride) {
            (Some(reader), 1) if adjacent => pick_taps::<T, L, IGNORE_NAN>(
                lanes,
                [d, r, c],
                offsets,
                #[inline(always)]
                |[z, y, x]| L::V::load(lanes, reader.at(from + z * ds + y * rs + x * dilation)),
            ),
            (Some(reader), 2) if adjacent && from + reach + 2 * L::N <= w.input.len() => {
                let load = |at| L::V::load(lanes, reader.at(at));
                pick_taps::<T, L, IGNORE_NAN>(
                    lanes,
                    [d, r, c],
                    offsets,
                    #[inline(always)]
                    |[z, y, x]| {
                        let line = from + z * ds + y * rs;
                        // The second of two dense taps is the odd half of the first's.
                        if dilation == 1 && x % 2 == 1 {
                            L::V::unzip(lanes, load(line + x - 1), load(line + x - 1 + L::N)).1
                        } else {
                            let at = line + x * dilation;
                            L::V::unzip(lanes, load(at), load(at + L::N)).0
                        }
                    },
                )
            }
            _ => pick_taps::<T, L, IGNORE_NAN>(
                lanes,
                [d, r, c],
                offsets,
                #[inline(always)]
                |[z, y, x]| {
                    let at = from + z * ds + y * rs + x * dilation * col;
                    L::V::load(lanes, &gather(w.input, at, stride * col, L::N))
                },
            ),
        };
        let step = w.to.strides.spatial[2];
        let array = self.finish(w, picked, row.to + x * step, step, L::N);
        let first = [row.axes[0].start, row.axes[1].start, start];
        let [image, channel, z, y] = row.cell;
        self.indices.write([image, channel, z, y, x], first, Step::Cols(stride), L::N, array.as_ref(), plane);
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
    let ([ds, rs, cs], plane) = plane_steps(w);
    let [d, r] = row.taps();
    let offsets = (0..d).flat_map(|z| (0..r).flat_map(move |y| (0..taps.real).map(move |x| z * ds + y * rs + x * cs)));
    let values = w.taps(row, x).filter_map(|at| w.input.get(at).copied());
    let picked = values.zip(offsets).reduce(|a, b| if picks::<T, IGNORE_NAN>(a.0, b.0) { b } else { a });
    if let Some((value, offset)) = picked {
        w.put(row, x, w.reduce.0.nearest(value));
        let [image, channel, z, y] = row.cell;
        let first = [row.axes[0].start, row.axes[1].start, taps.start];
        indices.write([image, channel, z, y, x], first, Step::Cols(0), 1, &[offset as u32], plane);
    }
}
