//! Where indices go, and how cells are numbered.

use crate::index::Destination;
use crate::view::Layout;
use crate::window::Axis;

/// How cells are numbered: `plane * channel + d * spatial[0] + y * spatial[1] + x * spatial[2]`, with the
/// channels of all images one after the other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Numbering {
    pub(crate) plane: usize,
    pub(crate) spatial: [usize; 3],
    /// Whether planes are numbered as they are walked: the last axis fastest.
    pub(crate) row_major: bool,
}

/// Indices that are written beside the results.
pub struct Numbers<'o> {
    pub(crate) to: Destination<'o>,
    pub(crate) layout: Layout<3>,
    pub(crate) numbering: Numbering,
    /// Rows and columns of the input.
    pub(crate) extents: [usize; 2],
    /// The axis of the columns.
    pub(crate) cols: Axis,
}

/// The first of a few outputs, one after the other along the channels or along the columns: image, channel, depth, row,
/// column.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) cell: [usize; 5],
    pub(crate) along_channels: bool,
}

/// Where the numbers of a few outputs go, the first of which is at a [`Place`].
#[derive(Clone, Copy, Default)]
pub(crate) struct Spot {
    /// Element of the first, its plane, and the column in which its window starts; and how much more each of them is for the next.
    at: usize,
    plane: usize,
    start: usize,
    more: [usize; 3],
    /// What is added to the first offset, and how much more to each next one, if planes are numbered row by row.
    rising: Option<[usize; 2]>,
}

impl Spot {
    /// That of `n` outputs later.
    #[inline(always)]
    fn after(&self, n: usize) -> Self {
        let Self { at, plane, start, more: [step, planes, columns], rising } = *self;
        let start = start.wrapping_add(n.wrapping_mul(columns));
        // The place after the last one may be none.
        let at = at.wrapping_add(n.wrapping_mul(step));
        let rising = rising.map(|[first, more]| [first.wrapping_add(n.wrapping_mul(more)), more]);
        Self { at, plane: plane + n * planes, start, rising, ..*self }
    }
}

/// The spots of runs along two axes.
#[derive(Clone, Copy, Default)]
pub(crate) struct Spots {
    first: Spot,
    /// From one run to the next along each axis: how much more the place, the plane, the start, and what is added are.
    steps: [[usize; 4]; 2],
}

impl Spots {
    /// That of a run.
    #[inline(always)]
    pub(crate) fn run(&self, run: [usize; 2]) -> Spot {
        let mut spot = self.first;
        for (n, [at, plane, start, first]) in run.into_iter().zip(self.steps) {
            let more = |from: usize, step: usize| from.wrapping_add(n.wrapping_mul(step));
            (spot.at, spot.plane, spot.start) = (more(spot.at, at), more(spot.plane, plane), more(spot.start, start));
            spot.rising = spot.rising.map(|[before, each]| [more(before, first), each]);
        }
        spot
    }
}

impl Numbers<'_> {
    /// Where the numbers of runs go, the first of which is at a place, of which there are so many along two of its axes. Bins are never
    /// several of a run.
    #[inline(never)]
    pub(crate) fn spots(&self, place: Place, axes: [usize; 2], count: [usize; 2]) -> Spots {
        let first = self.spot(place);
        let mut steps = [[0; 4]; 2];
        for ((axis, n), step) in axes.into_iter().zip(count).zip(&mut steps) {
            let mut next = place;
            if let Some(cell) = next.cell.get_mut(axis)
                && n > 1
            {
                *cell += 1;
                let (next, added) = (self.spot(next), |spot: &Spot| spot.rising.map_or(0, |[first, _]| first));
                let from = [first.at, first.plane, first.start, added(&first)];
                let to = [next.at, next.plane, next.start, added(&next)];
                *step = core::array::from_fn(|i| to[i].wrapping_sub(from[i]));
            }
        }
        Spots { first, steps }
    }

    /// Where the numbers from an output on go.
    #[inline(never)]
    fn spot(&self, place: Place) -> Spot {
        let [n, c, z, y, x] = place.cell;
        let Layout { shape, strides } = self.layout;
        // Wraps for a window that starts in the padding; a cell of it does not.
        let mut start = (x * self.cols.stride).wrapping_sub(self.cols.pad_start);
        if self.cols.bins {
            start = self.cols.taps(x).start;
        }
        let more =
            if place.along_channels { [strides.channel, 1, 0] } else { [strides.spatial[2], 0, self.cols.stride] };
        let (plane, cells) = (n * shape.channels + c, self.numbering.plane);
        let [_, planes, columns] = more;
        let first = plane.wrapping_mul(cells).wrapping_add(start);
        let rising = self.numbering.row_major.then_some([first, planes.wrapping_mul(cells).wrapping_add(columns)]);
        Spot { at: self.layout.at(n, c, [z, y, x]), plane, start, more, rising }
    }

    /// Places for `n` numbers from output `i` on, side by side, with what is added to the first offset and how much more to each next
    /// one; `None` if they lie apart, are not of `u32`, or are of another order.
    #[inline(always)]
    pub(crate) fn plain(&mut self, spot: &Spot, i: usize, n: usize) -> Option<(&mut [u32], [u32; 2])> {
        if spot.more[0] != 1 {
            return None;
        }
        let [first, more] = spot.rising?;
        let first = first.wrapping_add(i.wrapping_mul(more));
        Some((self.to.plain(spot.at.wrapping_add(i), n)?, [first as u32, more as u32]))
    }

    /// Writes the numbers of cells of the plane from output `i` on, each of them less by the column in which its window starts.
    #[inline(never)]
    pub(crate) fn write(&mut self, spot: &Spot, i: usize, offsets: &[u32]) {
        let mut spot = spot.after(i);
        if let Some([first, more]) = spot.rising {
            return self.to.put_each(spot.at, spot.more[0], offsets, first, more);
        }
        for offset in offsets {
            self.put(spot.at, spot.plane, spot.start.wrapping_add(*offset as usize));
            spot = spot.after(1);
        }
    }

    /// Writes the number of one cell, for an output.
    pub(crate) fn write_place(&mut self, [n, c, z, y, x]: [usize; 5], [slice, row, col]: [usize; 3]) {
        let [rows, cols] = self.extents;
        let cell = slice.wrapping_mul(rows).wrapping_add(row).wrapping_mul(cols).wrapping_add(col);
        self.put(self.layout.at(n, c, [z, y, x]), n * self.layout.shape.channels + c, cell);
    }

    #[inline(never)]
    fn put(&mut self, to: usize, plane: usize, mut cell: usize) {
        let Numbering { plane: cells, spatial, row_major } = self.numbering;
        if !row_major {
            let [rows, cols] = self.extents;
            let (line, x) = (quotient(cell, cols), remainder(cell, cols));
            cell = quotient(line, rows) * spatial[0] + remainder(line, rows) * spatial[1] + x * spatial[2];
        }
        self.to.put(to, plane.wrapping_mul(cells).wrapping_add(cell));
    }

    /// Writes that there is no cell.
    pub(crate) fn write_none(&mut self) {
        let Layout { shape, .. } = self.layout;
        for n in 0..shape.batch {
            for c in 0..shape.channels {
                for z in 0..shape.spatial[0] {
                    for y in 0..shape.spatial[1] {
                        for x in 0..shape.spatial[2] {
                            self.to.put_none(self.layout.at(n, c, [z, y, x]));
                        }
                    }
                }
            }
        }
    }
}

/// `n / d`; there is an extent, so this is not zero.
fn quotient(n: usize, d: usize) -> usize {
    n.checked_div(d).unwrap_or(0)
}

fn remainder(n: usize, d: usize) -> usize {
    n.checked_rem(d).unwrap_or(0)
}
