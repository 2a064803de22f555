//! Windows with lanes over channels: all lanes of a pixel share their taps, so a window is
//! clipped once per pixel, and a tile of vectors stays in registers from the first tap to the
//! one store.

use super::{Adjacent, Apart, Windows, store_apart, window};
use crate::element::Element;
use crate::lanes::{Array, Lanes, Register};
use crate::reduce::Reduce;
use crate::view::{Reader, Writer, scatter};

/// Vectors of channels per tile. Sixteen registers hold a column, the window, and a tap.
const TILE: usize = 4;

/// Where the first channel of a pixel lies, and its window.
#[derive(Clone, Copy)]
struct Pixel {
    from: usize,
    to: usize,
    taps: [usize; 3],
    steps: [usize; 3],
}

impl Pixel {
    /// Elements from the first tap to the last.
    #[inline(always)]
    fn last_tap(&self) -> usize {
        let [d, y, x] = core::array::from_fn(|i| (self.taps[i] - 1) * self.steps[i]);
        d + y + x
    }
}

#[inline(always)]
pub(super) fn run<T: Element, L: Lanes<T>, R: Reduce<T>>(lanes: L, mut w: Windows<'_, '_, T, R>) {
    let [depth, rows, cols] = w.axes;
    let mut steps = w.from.strides.spatial;
    for (step, axis) in steps.iter_mut().zip(&w.axes) {
        // Wraps only where the window has one real tap, and then nothing uses it.
        *step = step.wrapping_mul(axis.dilation);
    }
    let tiles = Reader::new(w.input);
    let tiles = tiles.map(|reader| Adjacent::<T, L, R, TILE> { lanes, reduce: w.reduce, reader });
    let vectors = Reader::new(w.input);
    let vectors = vectors.map(|reader| Adjacent::<T, L, R, 1> { lanes, reduce: w.reduce, reader });
    for n in 0..w.from.shape.batch {
        for z in 0..depth.output {
            let d = depth.taps(z);
            for y in 0..rows.output {
                let r = rows.taps(y);
                for x in 0..cols.output {
                    let c = cols.taps(x);
                    let taps = [d.real, r.real, c.real];
                    let to = w.to.at(n, 0, [z, y, x]);
                    if taps.contains(&0) {
                        for channel in 0..w.from.shape.channels {
                            scatter(w.output, to + channel * w.to.strides.channel, 1, 1, &[w.fill]);
                        }
                        continue;
                    }
                    let from = w.from.at(n, 0, [d.start, r.start, c.start]);
                    let by = w.divisor([d, r, c]);
                    pixel(lanes, &mut w, &tiles, &vectors, Pixel { from, to, taps, steps }, by);
                }
            }
        }
    }
}

#[inline(always)]
fn pixel<T: Element, L: Lanes<T>, R: Reduce<T>>(
    lanes: L,
    w: &mut Windows<'_, '_, T, R>,
    tiles: &Option<Adjacent<'_, T, L, R, TILE>>,
    vectors: &Option<Adjacent<'_, T, L, R, 1>>,
    p: Pixel,
    by: T::Divisor,
) {
    let channels = w.from.shape.channels;
    let mut c = 0;
    if let Some(tiles) = tiles {
        while c + TILE * L::N <= channels {
            block(lanes, w, tiles, p, c, by);
            c += TILE * L::N;
        }
    }
    match vectors {
        Some(vectors) if channels >= L::N => {
            while c < channels {
                // The last vector overlaps its neighbour rather than leave a tail.
                block(lanes, w, vectors, p, c.min(channels - L::N), by);
                c += L::N;
            }
        }
        // Fewer channels than lanes. A vector may reach past them, if only the slice goes on.
        Some(vectors) if p.from + p.last_tap() + L::N <= w.input.len() => {
            let [acc] = window(vectors, p.from, p.taps, p.steps);
            few(lanes, w, p, acc, by);
        }
        _ => {
            let source = Apart { lanes, reduce: w.reduce, data: w.input, step: 1, n: channels };
            let acc = window(&source, p.from, p.taps, p.steps);
            few(lanes, w, p, acc, by);
        }
    }
}

/// Finishes fewer channels than lanes.
#[inline(always)]
fn few<T: Element, L: Lanes<T>, R: Reduce<T>>(
    lanes: L,
    w: &mut Windows<'_, '_, T, R>,
    p: Pixel,
    acc: R::Acc<L>,
    by: T::Divisor,
) {
    let v = w.reduce.finish(lanes, acc, by);
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
    by: T::Divisor,
) {
    let acc = window(source, p.from + c, p.taps, p.steps);
    let step = w.to.strides.channel;
    let to = p.to + c * step;
    let (reduce, output) = (w.reduce, &mut *w.output);
    if step != 1 {
        for (v, acc) in acc.into_iter().enumerate() {
            let v_to = to + v * L::N * step;
            store_apart(lanes, reduce.finish(lanes, acc, by), output, v_to, step, L::N);
        }
    } else if let Some(mut writer) = Writer::new(output) {
        let arrays: &mut [Array<T, L>; V] = writer.at(to);
        for (array, acc) in arrays.iter_mut().zip(acc) {
            reduce.finish(lanes, acc, by).store(lanes, array);
        }
    }
}
