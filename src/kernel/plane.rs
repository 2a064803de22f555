//! A whole run of elements into one number: global pooling where columns are adjacent (NCHW),
//! and norms of vectors.
//!
//! Element `i` of the run enters virtual lane `i % 16`; lanes then merge as a tree, `j` with
//! `j + 8`, then `+ 4`, `+ 2`, `+ 1`. That order belongs to the result, so it is the same for
//! vectors of every width, and for runs with gaps, which are walked element by element.

use super::cells;
use super::rows::{self, Plain};
use super::{Windows, finish_one, lift_one, merge_one, zeroed};
use crate::access::Reader;
use crate::dispatch::Kernel;
use crate::element::Element;
use crate::lanes::{Array, Lanes, Register, VIRTUAL_LANES};
use crate::reduce::{Cells, Reduce};
use crate::view::{Layout, Strides};

/// Vectors of channels that are pooled per walk over the pixels.
const CHANNELS: usize = 32;
/// Runs folded side by side: independent chains, so that none waits for itself.
const SIDE_BY_SIDE: usize = 4;

/// Folds `P` runs of `n` adjacent elements in `V` vectors each.
#[inline(always)]
fn adjacent<T: Element, L: Lanes<T>, R: Reduce<T>, const V: usize, const P: usize>(
    lanes: L,
    reduce: R,
    data: &[T],
    starts: [usize; P],
    n: usize,
) -> [R::Cell; P] {
    let mut acc = [[R::Acc::<L>::splat(lanes, R::EMPTY); V]; P];
    let width = V * L::N;
    let whole = n - n % width;
    if let Some(reader) = Reader::<T, [Array<T, L>; V]>::new(data) {
        for i in (0..whole).step_by(width) {
            for (acc, start) in acc.iter_mut().zip(starts) {
                for (acc, array) in acc.iter_mut().zip(reader.at(start + i)) {
                    let next = reduce.lift(lanes, L::V::load(lanes, array));
                    *acc = reduce.merge(lanes, *acc, next);
                }
            }
        }
    }
    let mut results = [R::EMPTY; P];
    for (result, (acc, start)) in results.iter_mut().zip(acc.into_iter().zip(starts)) {
        let tail = data.get(start + whole..start + n).unwrap_or(&[]);
        *result = tree(lanes, reduce, acc, tail);
    }
    results
}

/// Folds `P` runs of `n` adjacent elements, which start at `starts`.
#[inline(always)]
pub(crate) fn runs<T: Element, L: Lanes<T>, R: Reduce<T>, const P: usize>(
    lanes: L,
    reduce: R,
    data: &[T],
    starts: [usize; P],
    n: usize,
) -> [R::Cell; P] {
    match VIRTUAL_LANES / L::N {
        16 => adjacent::<T, L, R, 16, P>(lanes, reduce, data, starts, n),
        8 => adjacent::<T, L, R, 8, P>(lanes, reduce, data, starts, n),
        4 => adjacent::<T, L, R, 4, P>(lanes, reduce, data, starts, n),
        2 => adjacent::<T, L, R, 2, P>(lanes, reduce, data, starts, n),
        _ => adjacent::<T, L, R, 1, P>(lanes, reduce, data, starts, n),
    }
}

/// Lets the last elements of a run, fewer than the virtual lanes, enter; then merges the lanes.
#[inline(always)]
fn tree<T: Element, L: Lanes<T>, R: Reduce<T>, const V: usize>(
    lanes: L,
    reduce: R,
    mut acc: [R::Acc<L>; V],
    tail: &[T],
) -> R::Cell {
    if !tail.is_empty() {
        let mut arrays: [Cells<T, L, R>; V] = zeroed();
        for (array, acc) in arrays.iter_mut().zip(acc) {
            acc.store(lanes, array);
        }
        let cells: &mut [R::Cell] = bytemuck::must_cast_slice_mut(&mut arrays);
        for (cell, x) in cells.iter_mut().zip(tail) {
            *cell = merge_one::<T, R>(reduce, *cell, lift_one(reduce, *x));
        }
        for (array, acc) in arrays.iter().zip(&mut acc) {
            *acc = R::Acc::<L>::load(lanes, array);
        }
    }
    let mut half = V / 2;
    while half > 0 {
        for v in 0..half {
            acc[v] = reduce.merge(lanes, acc[v], acc[v + half]);
        }
        half /= 2;
    }
    let mut last: Cells<T, L, R> = zeroed();
    acc[0].store(lanes, &mut last);
    let cells = last.as_mut();
    let mut half = L::N / 2;
    while half > 0 {
        for j in 0..half {
            cells[j] = merge_one::<T, R>(reduce, cells[j], cells[j + half]);
        }
        half /= 2;
    }
    cells[0]
}

/// Every image and channel into one number.
pub(crate) struct Global<'i, 'o, T, R>(pub(crate) Windows<'i, 'o, T, R>);

impl<T: Element, R: Reduce<T>> Kernel<T> for Global<'_, '_, T, R> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(mut self, lanes: L) {
        let Layout { shape, strides } = self.0.from;
        let [depth, rows, cols] = shape.spatial;
        let [depth_step, row_step, col_step] = strides.spatial;
        let by = self.0.divisor(self.0.axes.map(|axis| axis.taps(0)));
        let flat = (rows == 1 || row_step == cols) && (depth == 1 || depth_step == rows * cols);
        for n in 0..shape.batch {
            if col_step != 1 {
                self.pixel_by_pixel(lanes, n, by);
            } else if flat {
                self.planes(lanes, n, depth * rows * cols, by);
            } else {
                self.planes_with_gaps(n, by);
            }
        }
    }
}

impl<T: Element, R: Reduce<T>> Global<'_, '_, T, R> {
    #[inline(always)]
    fn put(&mut self, n: usize, c: usize, cell: R::Cell, by: T::Divisor) {
        finish_one(self.0.reduce, cell, by, self.0.output, self.0.to.at(n, c, [0; 3]));
    }

    /// Lanes along the plane.
    #[inline(always)]
    fn planes<L: Lanes<T>>(&mut self, lanes: L, n: usize, len: usize, by: T::Divisor) {
        let channels = self.0.from.shape.channels;
        let mut c = 0;
        while c + SIDE_BY_SIDE <= channels {
            let starts: [usize; SIDE_BY_SIDE] = core::array::from_fn(|p| self.0.from.at(n, c + p, [0; 3]));
            for (p, cell) in runs(lanes, self.0.reduce, self.0.input, starts, len).into_iter().enumerate() {
                self.put(n, c + p, cell, by);
            }
            c += SIDE_BY_SIDE;
        }
        while c < channels {
            let [cell] = runs(lanes, self.0.reduce, self.0.input, [self.0.from.at(n, c, [0; 3])], len);
            self.put(n, c, cell, by);
            c += 1;
        }
    }

    /// The same order, element by element: the same code for every instruction set.
    #[inline(never)]
    fn planes_with_gaps(&mut self, n: usize, by: T::Divisor) {
        for c in 0..self.0.from.shape.channels {
            let mut cells = [R::EMPTY; VIRTUAL_LANES];
            for (i, at) in pixels(self.0.from, n, c).enumerate() {
                if let (Some(cell), Some(x)) = (cells.get_mut(i % VIRTUAL_LANES), self.0.input.get(at)) {
                    *cell = merge_one::<T, R>(self.0.reduce, *cell, lift_one(self.0.reduce, *x));
                }
            }
            let one = T::one();
            let cell = tree(one, self.0.reduce, cells.map(|cell| R::Acc::<T::One>::splat(one, cell)), &[]);
            self.put(n, c, cell, by);
        }
    }

    /// Lanes over channels, pixels in their order.
    #[inline(always)]
    fn pixel_by_pixel<L: Lanes<T>>(&mut self, lanes: L, n: usize, by: T::Divisor) {
        let mut tile: [Cells<T, L, R>; CHANNELS] = zeroed();
        let cells: &mut [R::Cell] = bytemuck::must_cast_slice_mut(&mut tile);
        let Strides { channel: step, .. } = self.0.from.strides;
        let mut c = 0;
        while c < self.0.from.shape.channels {
            let width = cells.len().min(self.0.from.shape.channels - c);
            let Some(cells) = cells.get_mut(..width) else { return };
            let rows = pixels(self.0.from, n, c);
            rows::fold_all(lanes, Plain::<T, _>::new(self.0.reduce), self.0.input, step, rows, cells);
            let (to, step) = (self.0.to.at(n, c, [0; 3]), self.0.to.strides.channel);
            cells::finish(lanes, self.0.reduce, cells, by, self.0.output, to, step);
            c += width;
        }
    }
}

/// The cells of a channel, in row-major order.
#[inline(always)]
fn pixels(layout: Layout<3>, n: usize, c: usize) -> impl Iterator<Item = usize> {
    let [depth, rows, cols] = layout.shape.spatial;
    (0..depth).flat_map(move |z| (0..rows).flat_map(move |y| (0..cols).map(move |x| layout.at(n, c, [z, y, x]))))
}
