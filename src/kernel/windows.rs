//! Windows straight from the input, without a tile: those that share few of their taps, or lie apart.
//!
//! ```text
//!   input                                      output
//!   pixel [channels........]  pixel  pixel
//!   pixel [channels........]  pixel  pixel  ->  pixel [channels........]
//! ```
//!
//! All windows that are clipped alike go together: those inside the input, and those at each place of its border. Here is only
//! arithmetic, the same for every element, reducer and instruction set; `passes` does the work.

use super::lines::{Line, Lines};
use super::patches::{Border, Patches};
use super::runs::{Alike, Elements, Fill, Outputs, taps_or_fill};
use super::{Job, Place};
use crate::access::Block;
use crate::lanes::PORTABLE_IS_SIMD;
use crate::window::{Axis, Taps};
use core::ops::Range;

/// The taps of windows that are clipped alike.
#[derive(Clone, Copy)]
pub(super) struct Windows {
    /// The first column of each, and how many lines of it lie below each other.
    pub(super) runs: Elements,
    pub(super) lines: usize,
    pub(super) depth: Line,
    pub(super) columns: Line,
}

/// The work on windows.
pub(super) trait Direct: Fill {
    /// Pools windows that are clipped alike.
    fn windows(&mut self, windows: &Windows, outputs: &Outputs);
    /// Pools patches of windows.
    fn patches(&mut self, patches: &Patches);
}

/// Pools every window; of all channels at once, if these are `together`; and a few windows at once, if these go in `patches`.
pub(super) fn walk(job: &Job, together: bool, patches: Option<Border>, direct: &mut dyn Direct) {
    // Small machines have none, nor their code.
    let patches = patches.filter(|_| PORTABLE_IS_SIMD);
    let (shape, [depth, rows, cols]) = (&job.from.shape, &job.axes);
    let (channels, len) = if together { (1, shape.channels) } else { (shape.channels, 1) };
    // Where a cell at the border stands for those past it, all windows are alike.
    let alike = |axis: &Axis| match patches {
        Some(Border::Repeated) => Alike::all(&(0..axis.output)),
        _ => Alike::of(axis, &(0..axis.output)),
    };
    let (rows, cols) = (alike(rows), alike(cols));
    for n in 0..shape.batch {
        for c in 0..channels {
            for z in 0..depth.output {
                for rows in rows.clone() {
                    for cols in cols.clone() {
                        if patches.is_some() && rows.len() > 1 && cols.len() > 1 {
                            direct.patches(&Patches::of(job, [n, c, z], &rows, &cols));
                        } else if let Some(taps) = taps_or_fill(job, [n, c, z], &rows, &cols, len, direct) {
                            pool(job, len, [n, c, z], taps, &rows, &cols, direct);
                        }
                    }
                }
            }
        }
    }
}

/// Pools windows that are clipped alike, of `len` channels.
#[inline(never)]
fn pool(
    job: &Job,
    len: usize,
    [n, c, z]: [usize; 3],
    [d, r, columns]: [Taps; 3],
    rows: &Range<usize>,
    cols: &Range<usize>,
    direct: &mut dyn Direct,
) {
    let (from, to, [_, row_axis, col_axis]) = (&job.from, &job.to, &job.axes);
    let (y, x) = (rows.start, cols.start);
    let lines = Lines::of(job, [n, c], [d, r]);
    let [_, row_stride, col_stride] = from.strides.spatial;
    let (row, col) = (row_axis.stride.wrapping_mul(row_stride), col_axis.stride.wrapping_mul(col_stride));
    let block =
        Block { count: [rows.len(), cols.len()], from: [row, col], to: [to.strides.spatial[1], to.strides.spatial[2]] };
    // The column of a first tap is not that of the window, where it starts in the padding.
    let before = if col_axis.bins { 0 } else { (columns.start + col_axis.pad_start).wrapping_sub(x * col_axis.stride) };
    let runs = Elements {
        block,
        from: lines.from.wrapping_add(columns.start.wrapping_mul(col_stride)),
        to: 0,
        len,
        step: 1,
        apart: lines.rows.step,
        exact: false,
        more: false,
        number: lines.number.wrapping_add(before as u32),
        numbers: [row_axis.stride.wrapping_mul(from.shape.spatial[2]) as u32, 0],
        cells: lines.rows.cells,
    };
    let [count, real] = job.counts([d, r, columns]);
    let columns =
        Line { count: columns.real, step: col_stride.wrapping_mul(col_axis.dilation), cells: col_axis.dilation as u32 };
    let outputs = Outputs {
        block,
        at: 0,
        to: to.at(n, c, [z, y, x]),
        len,
        step: to.strides.channel,
        halved: false,
        taps: columns.count,
        apart: columns.step,
        first: 0,
        dilation: 0,
        count,
        real,
        edges: None,
        place: Place { cell: [n, c, z, y, x], along_channels: len > 1 },
        axes: [3, 4],
    };
    direct.windows(&Windows { runs, lines: lines.rows.count, depth: lines.depth, columns }, &outputs);
}
