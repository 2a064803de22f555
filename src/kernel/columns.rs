//! Large windows of channels side by side: one column of many channels after the other, by way of a tile of partial results.
//!
//! ```text
//!   input                                tile                    output
//!   pixel [channels........]  pixel
//!   pixel [channels........]  pixel  ->  [channels........]  ->  pixel [channels........]
//!   pixel [channels........]  pixel
//!         \_ one column _/    the next
//! ```
//!
//! Going down a window vector by vector reads a little of many places that lie far apart. Along the channels there are only as many
//! places as lines, and what follows each of them is read next; that takes more instructions, and is worth them where the
//! caches need it.

use super::Job;
use super::lines::Line;
use super::patches::Patches;
use super::runs::{Elements, Fill, Outputs, Passes};
use super::windows::{Direct, Windows};
use crate::access::Block;
use crate::view::Layout;

/// Cells of the tile: as many as leave room for the lines in the nearest cache.
pub(super) const CELLS: usize = 1024;

/// Cells that are worth a loop.
const FEW: usize = 128;

/// Taps from which on a window is large.
const LARGE: usize = 32;

/// Bytes of an image from which on it matters to a cache in which order they are read.
const CACHED: usize = 1 << 19;

/// Bytes after which the nearest cache starts over, and lines at the same place that it has room for.
const ALIASED: usize = 1 << 12;
const WAYS: usize = 8;

/// Whether windows of a job, of channels side by side that have so many bytes each, are better pooled column by column.
pub(super) fn suit(job: &Job, element: usize) -> bool {
    let Layout { shape, strides } = &job.from;
    let cells = shape.spatial.iter().fold(element, |bytes, extent| bytes.saturating_mul(*extent));
    // Of pixels that lie a power of two apart, few go to different places.
    let pixel = strides.spatial[2].wrapping_mul(element);
    let places = ALIASED >> pixel.trailing_zeros().min(ALIASED.trailing_zeros());
    let competes = job.most_taps() > WAYS * places;
    job.most_taps() >= LARGE && (competes || cells.saturating_mul(shape.channels) > CACHED)
}

/// Windows column by column.
pub(super) struct ByColumns<'p> {
    pub(super) passes: &'p mut dyn Passes,
    /// Elements of a vector.
    pub(super) lanes: usize,
}

impl Direct for ByColumns<'_> {
    fn windows(&mut self, windows: &Windows, outputs: &Outputs) {
        let len = windows.runs.len;
        let mut done = 0;
        while done < len {
            // Whole vectors; the last one overlaps its neighbour rather than leave a tail.
            let most = (len - done).min(CELLS);
            let width = (most - most.checked_rem(self.lanes).unwrap_or(0)).max(self.lanes);
            let channel = done.min(len - width);
            // Of few channels a few windows together: not more, for the next column of a window mostly follows this one.
            let at_once = FEW.checked_div(width).unwrap_or(1).max(1);
            let [rows, columns] = windows.runs.block.count;
            for y in 0..rows {
                let mut x = 0;
                while x < columns {
                    let n = at_once.min(columns - x);
                    self.pool(windows, outputs, [y, x, channel], [n, width]);
                    x += n;
                }
            }
            done += width;
        }
    }

    fn patches(&mut self, _: &Patches) {}
}

impl ByColumns<'_> {
    /// Pools `n` windows of a row, of `width` channels, from row, window and channel `first` on.
    #[inline(never)]
    fn pool(&mut self, windows: &Windows, outputs: &Outputs, first: [usize; 3], [n, width]: [usize; 2]) {
        let [y, x, channel] = first;
        let Line { count, step, cells } = windows.columns;
        let mut runs = windows.runs.part(0, y, 1).part(1, x, n);
        (runs.block.to, runs.to, runs.len) = ([0, width], 0, width);
        runs.from = runs.from.wrapping_add(channel);
        for column in 0..count {
            runs.more = column > 0;
            let folded = self.passes.fold(&runs, windows.lines, windows.depth);
            debug_assert!(folded, "whole vectors of the input");
            runs = Elements { from: runs.from.wrapping_add(step), number: runs.number.wrapping_add(cells), ..runs };
        }
        let mut outputs = Outputs { at: 0, len: width, taps: 1, apart: 0, ..*outputs };
        outputs.place = outputs.place_of([y, x]);
        outputs.place.cell[1] += channel;
        let to = &outputs.block.to;
        outputs.to += y * to[0] + x * to[1] + channel * outputs.step;
        outputs.block = Block { count: [1, n], from: [0, width], to: *to };
        self.passes.results(&outputs);
    }
}

impl Fill for ByColumns<'_> {
    fn fill(&mut self, to: usize, step: usize, n: usize) {
        self.passes.fill(to, step, n);
    }
}
