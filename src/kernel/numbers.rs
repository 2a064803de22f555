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

impl Place {
    /// The output that comes `n` outputs later.
    #[inline(always)]
    pub(crate) fn after(mut self, n: usize) -> Self {
        // Two numbers that are known, rather than one that is looked for.
        if self.along_channels {
            self.cell[1] += n;
        } else {
            self.cell[4] += n;
        }
        self
    }
}

impl Numbers<'_> {
    /// Writes the numbers of cells of the plane, each of them less by the column in which its window starts.
    #[inline(never)]
    pub(crate) fn write(&mut self, place: Place, offsets: &[u32]) {
        let [n, c, z, y, x] = place.cell;
        let Layout { shape, strides } = self.layout;
        let (planes, columns, step) =
            if place.along_channels { (1usize, 0, strides.channel) } else { (0, self.cols.stride, strides.spatial[2]) };
        let (mut to, mut plane) = (self.layout.at(n, c, [z, y, x]), n * shape.channels + c);
        // Wraps for a window that starts in the padding; a cell of it does not.
        let mut start = (x * self.cols.stride).wrapping_sub(self.cols.pad_start);
        if self.cols.bins {
            start = self.cols.taps(x).start;
        }
        if self.numbering.row_major {
            // Each number is that of the one before and a step more, and its offset.
            let cells = self.numbering.plane;
            let first = plane.wrapping_mul(cells).wrapping_add(start);
            return self.to.put_each(to, step, offsets, first, planes.wrapping_mul(cells).wrapping_add(columns));
        }
        for offset in offsets {
            self.put(to, plane, start.wrapping_add(*offset as usize));
            (to, plane, start) = (to + step, plane + planes, start.wrapping_add(columns));
        }
    }

    /// Writes the number of one cell, for an output.
    pub(crate) fn write_place(&mut self, [n, c, z, y, x]: [usize; 5], [slice, row, col]: [usize; 3]) {
        let [rows, cols] = self.extents;
        let cell = slice.wrapping_mul(rows).wrapping_add(row).wrapping_mul(cols).wrapping_add(col);
        self.put(self.layout.at(n, c, [z, y, x]), n * self.layout.shape.channels + c, cell);
    }

    #[inline(always)]
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
