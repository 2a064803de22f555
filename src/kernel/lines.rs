//! The lines that a row of outputs reads, and how a run of elements of them is folded.

use super::{Job, Row};
use crate::access::Reader;
use crate::element::Element;
use crate::lanes::{Array, Lanes, Register};
use crate::reduce::{Reduce, Tile};

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
    /// Those of a row of outputs, which has real taps.
    #[inline(always)]
    pub(crate) fn of(job: &Job, row: &Row) -> Self {
        let [n, c, ..] = row.cell;
        let [d, r] = row.taps;
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

    /// `count` of the rows, from the `first` on.
    #[inline(always)]
    pub(crate) fn part(&self, first: usize, count: usize) -> Self {
        Self {
            from: self.from.wrapping_add(first.wrapping_mul(self.rows.step)),
            number: self.number.wrapping_add((first as u32).wrapping_mul(self.rows.cells)),
            rows: Line { count, ..self.rows },
            ..*self
        }
    }
}

/// Vectors side by side.
const WIDE: usize = 4;

/// A way to `V` vectors at an element.
pub(crate) trait Load<T: Element, L: Lanes<T>, const V: usize> {
    fn load(&self, lanes: L, at: usize) -> [L::V; V];
}

impl<T: Element, L: Lanes<T>, const V: usize> Load<T, L, V> for Reader<'_, T, [Array<T, L>; V]> {
    #[inline(always)]
    fn load(&self, lanes: L, at: usize) -> [L::V; V] {
        let arrays = self.at(at);
        core::array::from_fn(
            #[inline(always)]
            |v| L::V::load(lanes, &arrays[v]),
        )
    }
}

#[inline(always)]
fn lift<T: Element, L: Lanes<T>, R: Reduce<T, L>, const V: usize>(
    lanes: L,
    reduce: R,
    data: &impl Load<T, L, V>,
    at: usize,
    number: u32,
) -> [R::Acc; V] {
    data.load(lanes, at).map(
        #[inline(always)]
        |v| reduce.lift(lanes, v, number),
    )
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
        None => lift(lanes, reduce, data, at, number),
    };
    let mut depth = 0;
    loop {
        let (mut below, mut numbered) = (at, number);
        if first > 0 {
            (below, numbered) = (at.wrapping_add(lines.rows.step), number.wrapping_add(lines.rows.cells));
        }
        for _ in first..lines.rows.count {
            let next = lift(lanes, reduce, data, below, numbered);
            acc = core::array::from_fn(
                #[inline(always)]
                |v| reduce.merge(lanes, acc[v], next[v]),
            );
            (below, numbered) = (below.wrapping_add(lines.rows.step), numbered.wrapping_add(lines.rows.cells));
        }
        (first, depth) = (0, depth + 1);
        if depth >= lines.depth.count {
            return acc;
        }
        (at, number) = (at.wrapping_add(lines.depth.step), number.wrapping_add(lines.depth.cells));
    }
}

/// Two rows of outputs, whose lines lie one below the other: those of the upper one, and how much further down the
/// lower one's start.
#[derive(Clone, Copy)]
pub(crate) struct Pair {
    pub(crate) upper: Lines,
    pub(crate) down: usize,
}

/// Folds for both rows, whose common lines are read once; and folded once, where they may merge in any order.
#[inline(always)]
fn fold_pair<T: Element, L: Lanes<T>, R: Reduce<T, L>, const V: usize>(
    lanes: L,
    reduce: R,
    data: &impl Load<T, L, V>,
    Pair { upper, down }: &Pair,
    i: usize,
) -> [[R::Acc; V]; 2] {
    let (count, down) = (upper.rows.count, *down);
    let (only_upper, only_lower) = (upper.part(0, down), upper.part(count, down));
    let common = upper.part(down, count.saturating_sub(down));
    if R::ANY_ORDER {
        let both = fold(lanes, reduce, data, &common, i, None);
        [fold(lanes, reduce, data, &only_upper, i, Some(both)), fold(lanes, reduce, data, &only_lower, i, Some(both))]
    } else {
        let mut above = fold(lanes, reduce, data, &only_upper, i, None);
        let mut below = None;
        for line in 0..common.rows.count {
            let next = fold(lanes, reduce, data, &common.part(line, 1), i, None);
            above = core::array::from_fn(
                #[inline(always)]
                |v| reduce.merge(lanes, above[v], next[v]),
            );
            below = Some(match below {
                None => next,
                Some(below) => {
                    let below: [R::Acc; V] = below;
                    core::array::from_fn(
                        #[inline(always)]
                        |v| reduce.merge(lanes, below[v], next[v]),
                    )
                }
            });
        }
        [above, fold(lanes, reduce, data, &only_lower, i, below)]
    }
}

/// What is folded into the tile: the lines of one row of outputs, or of two.
#[derive(Clone, Copy)]
pub(crate) enum Folded {
    One(Lines),
    /// And how far apart their partial results lie.
    Two(Pair, usize),
}

impl Folded {
    /// Whether `i` elements of every line end before element `end`.
    #[inline(always)]
    fn ends_before(&self, end: usize, i: usize) -> bool {
        let (Self::One(lines) | Self::Two(Pair { upper: lines, .. }, _)) = self;
        let down = if let Self::Two(pair, _) = self { pair.down } else { 0 };
        let last = |line: Line, more: usize| (line.count.saturating_sub(1).saturating_add(more)).saturating_mul(line.step);
        let reach = last(lines.depth, 0).saturating_add(last(lines.rows, down));
        lines.from.saturating_add(reach).saturating_add(i) <= end
    }
}

/// Folds a run of `len` elements, which lie `step` apart from element `i` of each line on, into the tile from cell `to` on.
/// May write up to a vector less one cell after them.
#[inline]
pub(crate) fn fold_run<T: Element, L: Lanes<T>, R: Reduce<T, L> + Reduce<T, T::One>>(
    lanes: L,
    reduce: R,
    data: &[T],
    folded: &Folded,
    (i, len, step): (usize, usize, usize),
    tile: &mut Tile<'_, R::Cell, R::Side>,
    to: usize,
) {
    // A short run is read past its end, where there is more.
    if step == 1 && (len >= L::N || folded.ends_before(data.len(), i.saturating_add(L::N))) {
        lanes.enter(
            #[inline(always)]
            || fold_vectors(lanes, reduce, data, folded, (i, len), tile, to),
        );
    } else {
        fold_each(reduce, data, folded, (i, len, step), tile, to);
    }
}

#[inline(always)]
fn fold_vectors<T: Element, L: Lanes<T>, R: Reduce<T, L>>(
    lanes: L,
    reduce: R,
    data: &[T],
    folded: &Folded,
    (i, len): (usize, usize),
    tile: &mut Tile<'_, R::Cell, R::Side>,
    to: usize,
) {
    let mut done = 0;
    if L::TILE >= WIDE
        && R::IS_LIGHT
        && let Some(reader) = Reader::<T, [Array<T, L>; WIDE]>::new(data)
    {
        while done + WIDE * L::N <= len {
            fold_into::<T, L, R, WIDE>(lanes, reduce, &reader, folded, i + done, tile, to + done);
            done += WIDE * L::N;
        }
    }
    if let Some(reader) = Reader::<T, [Array<T, L>; 1]>::new(data) {
        while done < len {
            // The last vector overlaps its neighbour rather than leave a tail.
            let at = done.min(len.saturating_sub(L::N));
            fold_into::<T, L, R, 1>(lanes, reduce, &reader, folded, i + at, tile, to + at);
            done += L::N;
        }
    }
}

/// Element by element: the same code for every instruction set.
#[inline(never)]
fn fold_each<T: Element, R: Reduce<T, T::One>>(
    reduce: R,
    data: &[T],
    folded: &Folded,
    (i, len, step): (usize, usize, usize),
    tile: &mut Tile<'_, R::Cell, R::Side>,
    to: usize,
) {
    let one = T::one();
    let Some(reader) = Reader::<T, [Array<T, T::One>; 1]>::new(data) else { return };
    let (upper, lower) = match folded {
        Folded::One(lines) => (lines, None),
        Folded::Two(pair, apart) => (&pair.upper, Some((pair.upper.part(pair.down, pair.upper.rows.count), apart))),
    };
    for done in 0..len {
        let acc = fold(one, reduce, &reader, upper, i + done * step, None);
        reduce.store::<1>(one, acc, tile, to + done);
        if let Some((lower, apart)) = &lower {
            let acc = fold(one, reduce, &reader, lower, i + done * step, None);
            reduce.store::<1>(one, acc, tile, to + *apart + done);
        }
    }
}

#[inline(always)]
fn fold_into<T: Element, L: Lanes<T>, R: Reduce<T, L>, const V: usize>(
    lanes: L,
    reduce: R,
    data: &impl Load<T, L, V>,
    folded: &Folded,
    i: usize,
    tile: &mut Tile<'_, R::Cell, R::Side>,
    to: usize,
) {
    match folded {
        Folded::One(lines) => {
            let acc = fold(lanes, reduce, data, lines, i, None);
            reduce.store(lanes, acc, tile, to);
        }
        Folded::Two(pair, apart) => {
            let [above, below] = fold_pair(lanes, reduce, data, pair, i);
            reduce.store(lanes, above, tile, to);
            reduce.store(lanes, below, tile, to + apart);
        }
    }
}
