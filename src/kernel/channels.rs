//! Windows with lanes over channels: all lanes of a pixel share their taps, so a window is
//! clipped once per pixel, and a tile of vectors stays in registers from the first tap to the
//! one store.

use super::{Adjacent, Apart, Windows, store_apart, unrolled, window};
use crate::access::{Footprint, Reader, Writer, scatter};
use crate::element::Element;
use crate::lanes::{Array, Lanes, Register};
use crate::reduce::Reduce;
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
    /// The same taps, as they lie in the input.
    pub(super) footprint: Footprint,
}

impl Pixel {
    /// Real taps along each axis.
    #[inline(always)]
    pub(super) fn taps(&self) -> [usize; 3] {
        self.footprint.taps()
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
                    // Where no pixel is inside, the kernel may reach further than any number.
                    let columns_inside = if inside.is_empty() { 1 } else { whole.real };
                    let footprint_inside = Footprint::new([d.real, r.real, columns_inside], steps);
                    for x in 0..cols.output {
                        let to = row_to + x * to_col;
                        let (c, footprint, border);
                        let by = if inside.start <= x && x < inside.end {
                            c = Taps { start: x * cols.stride - cols.pad_start, ..whole };
                            footprint = footprint_inside;
                            &by_inside
                        } else {
                            c = cols.taps(x);
                            if c.real == 0 {
                                self.fill_pixel(to);
                                continue;
                            }
                            footprint = Footprint::new([d.real, r.real, c.real], steps);
                            border = self.divisor([d, r, c]);
                            &border
                        };
                        let from = row_from + c.start * col;
                        pass.pixel(self, Pixel { from, to, cell: [n, z, y, x], axes: [d, r, c], footprint }, by);
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
    let reduce = w.reduce;
    match Reader::new(w.input) {
        Some(reader) if channels >= L::N => {
            while c < channels {
                // The last vector overlaps its neighbour rather than leave a tail.
                block::<T, L, R, 1>(lanes, w, reader, p, p.taps(), c.min(channels - L::N), by);
                c += L::N;
            }
        }
        // Fewer channels than lanes. A vector may reach past them, if only the slice goes on.
        Some(reader) if p.from + p.footprint.reach() + L::N <= w.input.len() => {
            let Some(cells) = reader.window(p.from, p.footprint) else { return };
            let [acc] = window(&Adjacent::<T, L, R, 1> { lanes, reduce, cells }, p.taps());
            few(lanes, w, p, acc, by);
        }
        _ => {
            let (from, footprint) = (p.from, p.footprint);
            let source = Apart { lanes, reduce, data: w.input, from, footprint, step: 1, n: channels };
            let acc = window(&source, p.taps());
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
        // The loop is inside of the choice, or each pixel would prepare every choice.
        unrolled!(L, p.taps(), [[1, 2, 2], [1, 3, 3]], taps => {
            while c + V * L::N <= w.from.shape.channels {
                block::<T, L, R, V>(lanes, w, reader, p, taps, c, by);
                c += V * L::N;
            }
        });
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
    reader: Reader<'_, T, [Array<T, L>; V]>,
    p: Pixel,
    taps: [usize; 3],
    c: usize,
    by: &T::Divisor,
) {
    let (reduce, step) = (w.reduce, w.to.strides.channel);
    let Some(cells) = reader.window(p.from + c, p.footprint) else { return };
    let source = Adjacent::<T, L, R, V> { lanes, reduce, cells };
    let acc = window(&source, taps);
    let (to, output) = (p.to + c * step, &mut *w.output);
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
