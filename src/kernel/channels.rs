//! Windows with lanes over channels: all lanes of a pixel share their taps, so a window is
//! clipped once per pixel, and a tile of vectors stays in registers from the first tap to the
//! one store.

use super::{Adjacent, Apart, Windows, loop_window, store_apart, window};
use crate::element::Element;
use crate::lanes::{Array, Lanes, Register};
use crate::reduce::Reduce;
use crate::view::{Reader, Writer, scatter};
use crate::window::Taps;

/// Vectors of channels per tile, of one register each; wider ones as few as that makes. Sixteen
/// registers hold a column, the window, and a tap.
const TILE: usize = 4;

/// Where the first channel of a pixel lies, and its window.
#[derive(Clone, Copy)]
pub(super) struct Pixel {
    /// Element of the first tap.
    pub(super) from: usize,
    /// Element of the output.
    pub(super) to: usize,
    /// Image, and position of the output.
    pub(super) cell: [usize; 4],
    /// Taps along each axis, which has one that is real.
    pub(super) axes: [Taps; 3],
    /// Elements from a tap to the next.
    pub(super) steps: [usize; 3],
}

impl Pixel {
    /// Real taps along each axis.
    #[inline(always)]
    pub(super) fn taps(&self) -> [usize; 3] {
        self.axes.map(|taps| taps.real)
    }

    /// Elements from the first tap to the last.
    #[inline(always)]
    fn last_tap(&self) -> usize {
        let [d, y, x] = core::array::from_fn(|i| (self.axes[i].real - 1) * self.steps[i]);
        d + y + x
    }
}

/// Work on all channels of one pixel of the output.
pub(super) trait PixelPass<T: Element, R> {
    fn pixel(&mut self, w: &mut Windows<'_, '_, T, R>, pixel: Pixel, by: &T::Divisor);
}

impl<T: Element, R: Reduce<T>> Windows<'_, '_, T, R> {
    /// Runs `pass` on every pixel that has taps, and fills the others.
    #[inline(always)]
    pub(super) fn each_pixel(&mut self, pass: &mut impl PixelPass<T, R>) {
        let [depth, rows, cols] = self.axes;
        let mut steps = self.from.strides.spatial;
        for (step, axis) in steps.iter_mut().zip(&self.axes) {
            // Wraps only where the window has one real tap, and then nothing uses it.
            *step = step.wrapping_mul(axis.dilation);
        }
        let inside = if cols.bins { 0..0 } else { cols.interior() };
        let whole = Taps { start: 0, real: cols.kernel, padded: cols.kernel };
        let (col, to_col) = (self.from.strides.spatial[2], self.to.strides.spatial[2]);
        for n in 0..self.from.shape.batch {
            for z in 0..depth.output {
                let d = depth.taps(z);
                for y in 0..rows.output {
                    let r = rows.taps(y);
                    let row_to = self.to.at(n, 0, [z, y, 0]);
                    if d.real == 0 || r.real == 0 {
                        (0..cols.output).for_each(|x| self.fill_pixel(row_to + x * to_col));
                        continue;
                    }
                    let row_from = self.from.at(n, 0, [d.start, r.start, 0]);
                    // The pixels inside share their divisor, and the way to it is not short.
                    let by_inside = self.divisor([d, r, whole]);
                    for x in 0..cols.output {
                        let to = row_to + x * to_col;
                        let (c, border);
                        let by = if inside.start <= x && x < inside.end {
                            c = Taps { start: x * cols.stride - cols.pad_start, ..whole };
                            &by_inside
                        } else {
                            c = cols.taps(x);
                            if c.real == 0 {
                                self.fill_pixel(to);
                                continue;
                            }
                            border = self.divisor([d, r, c]);
                            &border
                        };
                        let from = row_from + c.start * col;
                        pass.pixel(self, Pixel { from, to, cell: [n, z, y, x], axes: [d, r, c], steps }, by);
                    }
                }
            }
        }
    }

    /// Fills all channels of a pixel.
    #[inline(never)]
    fn fill_pixel(&mut self, to: usize) {
        for channel in 0..self.from.shape.channels {
            scatter(self.output, to + channel * self.to.strides.channel, 1, 1, &[self.fill]);
        }
    }
}

/// The pass of all reducers.
struct Channels<L>(L);

impl<T: Element, L: Lanes<T>, R: Reduce<T>> PixelPass<T, R> for Channels<L> {
    #[inline(always)]
    fn pixel(&mut self, w: &mut Windows<'_, '_, T, R>, p: Pixel, by: &T::Divisor) {
        pixel(self.0, w, p, by);
    }
}

#[inline(always)]
pub(super) fn run<T: Element, L: Lanes<T>, R: Reduce<T>>(lanes: L, mut w: Windows<'_, '_, T, R>) {
    w.each_pixel(&mut Channels(lanes));
}

#[inline(always)]
fn pixel<T: Element, L: Lanes<T>, R: Reduce<T>>(lanes: L, w: &mut Windows<'_, '_, T, R>, p: Pixel, by: &T::Divisor) {
    let channels = w.from.shape.channels;
    let mut c = 0;
    match R::Acc::<L>::REGISTERS {
        1 => {
            c = tiles::<T, L, R, TILE>(lanes, w, p, c, by);
            // Common numbers of channels are few vectors of narrow elements.
            if size_of::<T>() < 4 && L::N > 1 {
                c = tiles::<T, L, R, { TILE / 2 }>(lanes, w, p, c, by);
            }
        }
        2 => c = tiles::<T, L, R, { TILE / 2 }>(lanes, w, p, c, by),
        _ => {}
    }
    let vectors = Reader::new(w.input).map(|reader| Adjacent::<T, L, R, 1> { lanes, reduce: w.reduce, reader });
    match vectors {
        Some(vectors) if channels >= L::N => {
            while c < channels {
                // The last vector overlaps its neighbour rather than leave a tail.
                block(lanes, w, &vectors, p, c.min(channels - L::N), by);
                c += L::N;
            }
        }
        // Fewer channels than lanes. A vector may reach past them, if only the slice goes on.
        Some(vectors) if p.from + p.last_tap() + L::N <= w.input.len() => {
            let [acc] = loop_window(&vectors, p.from, p.taps(), p.steps);
            few(lanes, w, p, acc, by);
        }
        _ => {
            let source = Apart { lanes, reduce: w.reduce, data: w.input, step: 1, n: channels };
            let acc = loop_window(&source, p.from, p.taps(), p.steps);
            few(lanes, w, p, acc, by);
        }
    }
}

/// Tiles of `V` vectors from channel `c` on; returns the first channel that is left.
#[inline(always)]
fn tiles<T: Element, L: Lanes<T>, R: Reduce<T>, const V: usize>(
    lanes: L,
    w: &mut Windows<'_, '_, T, R>,
    p: Pixel,
    mut c: usize,
    by: &T::Divisor,
) -> usize {
    if let Some(reader) = Reader::new(w.input) {
        let source = Adjacent::<T, L, R, V> { lanes, reduce: w.reduce, reader };
        while c + V * L::N <= w.from.shape.channels {
            block(lanes, w, &source, p, c, by);
            c += V * L::N;
        }
    }
    c
}

/// Finishes fewer channels than lanes.
#[inline(always)]
fn few<T: Element, L: Lanes<T>, R: Reduce<T>>(
    lanes: L,
    w: &mut Windows<'_, '_, T, R>,
    p: Pixel,
    acc: R::Acc<L>,
    by: &T::Divisor,
) {
    let v = w.reduce.finish(lanes, acc, *by);
    store_apart(lanes, v, w.output, p.to, w.to.strides.channel, w.from.shape.channels);
}

/// `V` vectors of channels from channel `c` on.
#[inline(always)]
fn block<T: Element, L: Lanes<T>, R: Reduce<T>, const V: usize>(
    lanes: L,
    w: &mut Windows<'_, '_, T, R>,
    source: &Adjacent<'_, T, L, R, V>,
    p: Pixel,
    c: usize,
    by: &T::Divisor,
) {
    let acc = window(source, p.from + c, p.taps(), p.steps);
    let step = w.to.strides.channel;
    let to = p.to + c * step;
    let (reduce, output) = (w.reduce, &mut *w.output);
    if step != 1 {
        for (v, acc) in acc.into_iter().enumerate() {
            let v_to = to + v * L::N * step;
            store_apart(lanes, reduce.finish(lanes, acc, *by), output, v_to, step, L::N);
        }
    } else if let Some(mut writer) = Writer::new(output) {
        let arrays: &mut [Array<T, L>; V] = writer.at(to);
        for (array, acc) in arrays.iter_mut().zip(acc) {
            reduce.finish(lanes, acc, *by).store(lanes, array);
        }
    }
}
