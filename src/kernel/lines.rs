//! The lines that a row of outputs reads, and how elements of them are folded.

use super::Job;
use crate::access::{EndReader, Reader};
use crate::element::Element;
use crate::lanes::{Array, Lanes, Register, array};
use crate::reduce::Reduce;
use crate::window::Taps;
use bytemuck::Zeroable;

/// Lines of an image, one below the other, and slice after slice.
#[derive(Clone, Copy)]
pub(crate) struct Lines {
    /// Element of the first, in column 0.
    pub(crate) from: usize,
    /// Cell of the plane that the first starts with.
    pub(crate) number: u32,
    pub(crate) depth: Line,
    pub(crate) rows: Line,
}

/// How many lines along an axis, how many elements from one to the next, and how many cells of the plane.
#[derive(Clone, Copy)]
pub(crate) struct Line {
    pub(crate) count: usize,
    pub(crate) step: usize,
    pub(crate) cells: u32,
}

impl Lines {
    /// Those of a row of outputs of an image and channel, with real taps along depth and rows.
    #[inline]
    pub(crate) fn of(job: &Job, [n, c]: [usize; 2], [d, r]: [Taps; 2]) -> Self {
        let [_, height, width] = job.from.shape.spatial;
        let (slice, line) = (height.wrapping_mul(width), width);
        let [depth_stride, row_stride, _] = job.from.strides.spatial;
        let [depth_dilation, row_dilation] = [job.axes[0].dilation, job.axes[1].dilation];
        // Steps wrap only where an axis has one tap, and then nothing uses them.
        Self {
            from: job.from.at(n, c, [d.start, r.start, 0]),
            number: d.start.wrapping_mul(slice).wrapping_add(r.start.wrapping_mul(line)) as u32,
            depth: Line {
                count: d.real,
                step: depth_stride.wrapping_mul(depth_dilation),
                cells: slice.wrapping_mul(depth_dilation) as u32,
            },
            rows: Line {
                count: r.real,
                step: row_stride.wrapping_mul(row_dilation),
                cells: line.wrapping_mul(row_dilation) as u32,
            },
        }
    }
}

/// A way to `V` vectors at an element.
pub(crate) trait Load<T: Element, L: Lanes<T>, const V: usize> {
    fn load(&self, lanes: L, at: usize) -> [L::V; V];
}

impl<T: Element, L: Lanes<T>, const V: usize> Load<T, L, V> for Reader<'_, T, [Array<T, L>; V]> {
    #[inline(always)]
    fn load(&self, lanes: L, at: usize) -> [L::V; V] {
        vectors::<T, L, V>(lanes, self.at(at))
    }
}

/// One vector, of which the last lanes may lie past the end.
impl<T: Element, L: Lanes<T>> Load<T, L, 1> for EndReader<'_, T, Array<T, L>> {
    #[inline(always)]
    fn load(&self, lanes: L, at: usize) -> [L::V; 1] {
        [L::V::load(lanes, self.at(at, &mut Array::<T, L>::zeroed()))]
    }
}

#[inline(always)]
pub(crate) fn vectors<T: Element, L: Lanes<T>, const V: usize>(lanes: L, arrays: &[Array<T, L>; V]) -> [L::V; V] {
    array!(V, |v| L::V::load(lanes, &arrays[v]))
}

#[inline(always)]
pub(crate) fn lift<T: Element, L: Lanes<T>, R: Reduce<T, L>, const V: usize>(
    lanes: L,
    reduce: R,
    vectors: [L::V; V],
    number: u32,
) -> [R::Acc; V] {
    array!(V, |v| reduce.lift(lanes, vectors[v], number))
}

#[inline(always)]
pub(crate) fn merge<T: Element, L: Lanes<T>, R: Reduce<T, L>, const V: usize>(
    lanes: L,
    reduce: R,
    a: [R::Acc; V],
    b: [R::Acc; V],
) -> [R::Acc; V] {
    array!(V, |v| reduce.merge(lanes, a[v], b[v]))
}

/// Folds the elements at `i` of each line, from top to bottom, after `acc` if there is any.
#[inline(always)]
pub(crate) fn fold<T: Element, L: Lanes<T>, R: Reduce<T, L>, const V: usize>(
    lanes: L,
    reduce: R,
    data: &impl Load<T, L, V>,
    lines: &Lines,
    i: usize,
    acc: Option<[R::Acc; V]>,
) -> [R::Acc; V] {
    let (mut at, mut number) = (lines.from.wrapping_add(i), lines.number);
    // The first line is there.
    let mut first = usize::from(acc.is_none());
    let mut acc = match acc {
        Some(acc) => acc,
        None => lift(lanes, reduce, data.load(lanes, at), number),
    };
    let mut depth = 0;
    loop {
        let (mut below, mut numbered) = (at, number);
        if first > 0 {
            (below, numbered) = (at.wrapping_add(lines.rows.step), number.wrapping_add(lines.rows.cells));
        }
        for _ in first..lines.rows.count {
            acc = merge(lanes, reduce, acc, lift(lanes, reduce, data.load(lanes, below), numbered));
            (below, numbered) = (below.wrapping_add(lines.rows.step), numbered.wrapping_add(lines.rows.cells));
        }
        (first, depth) = (0, depth + 1);
        if depth >= lines.depth.count {
            return acc;
        }
        (at, number) = (at.wrapping_add(lines.depth.step), number.wrapping_add(lines.depth.cells));
    }
}

/// Neighbours, then neighbours of these, then both halves.
#[inline(always)]
pub(crate) fn tree<A: Copy>(mut eight: [A; 8], both: impl Fn(A, A) -> A) -> A {
    for n in [4, 2, 1] {
        for i in 0..n {
            eight[i] = both(eight[2 * i], eight[2 * i + 1]);
        }
    }
    eight[0]
}
