//! Passes that are the same for one channel, or a few of them, after the other, but for where they start: found out once, and done again.

use super::lines::Line;
use super::runs::{Elements, Fill, Outputs, Passes};
use crate::access::Block;

/// Most passes that are kept: a part that takes more takes so long that it does not matter how these were found.
const MOST: usize = 16;

/// A pass, with all that it was asked for with.
#[derive(Clone, Copy)]
enum Call {
    Fold(Elements, usize, Line),
    FoldEach(Elements, usize, Line),
    Pad(Block, usize, usize),
    Repeat(Block, [usize; 3], usize),
    FoldInPlace([usize; 3], u32),
    Compact([usize; 3], usize, usize),
    Results(Outputs),
    Planes(Elements, Outputs),
    Halve(Elements, Outputs),
    Fill([usize; 3]),
}

/// How much further on a part starts: images and channels, elements of the input, and of the output.
#[derive(Clone, Copy)]
pub(super) struct Shift {
    pub(super) cells: [usize; 2],
    pub(super) from: usize,
    pub(super) to: usize,
}

impl Shift {
    fn elements(&self, runs: &mut Elements) {
        runs.from = runs.from.wrapping_add(self.from);
    }

    fn outputs(&self, outputs: &mut Outputs) {
        outputs.to = outputs.to.wrapping_add(self.to);
        for (cell, more) in outputs.place.cell.iter_mut().zip(self.cells) {
            *cell = cell.wrapping_add(more);
        }
    }
}

/// The passes of a part.
pub(super) struct Calls {
    calls: [Option<Call>; MOST],
    n: usize,
}

impl Calls {
    /// None yet. Each place by itself, for the compiler to write that there is nothing, and no more.
    pub(super) fn new() -> Self {
        Self { calls: core::array::from_fn(|_| None), n: 0 }
    }

    /// Forgets all.
    pub(super) fn forget(&mut self) {
        self.n = 0;
    }

    /// Does them for a part that starts further on than the last one that they were done for. `false` if there are none, or if it reads past
    /// the end of the input: then nothing is written to the output.
    #[inline(never)]
    pub(super) fn again(&mut self, passes: &mut dyn Passes, shift: &Shift) -> bool {
        let Some(calls) = self.calls.get_mut(..self.n) else { return false };
        for call in &mut *calls {
            match call {
                Some(Call::Fold(runs, lines, slices)) => {
                    shift.elements(runs);
                    let folded = passes.fold(runs, *lines, *slices);
                    if !folded {
                        return false;
                    }
                }
                Some(Call::FoldEach(runs, lines, slices)) => {
                    shift.elements(runs);
                    passes.fold_each(runs, *lines, *slices);
                }
                Some(Call::Pad(block, at, n)) => passes.pad(block, *at, *n),
                Some(Call::Repeat(block, columns, width)) => passes.repeat(block, *columns, *width),
                Some(Call::FoldInPlace([len, taps, apart], dilation)) => {
                    passes.fold_in_place(*len, *taps, *apart, *dilation);
                }
                Some(Call::Compact(rows, skip, width)) => passes.compact(*rows, *skip, *width),
                Some(Call::Results(outputs)) => {
                    shift.outputs(outputs);
                    passes.results(outputs);
                }
                Some(Call::Planes(runs, outputs)) => {
                    shift.elements(runs);
                    shift.outputs(outputs);
                    passes.planes(runs, outputs);
                }
                Some(Call::Halve(runs, outputs)) => {
                    shift.elements(runs);
                    shift.outputs(outputs);
                    passes.halve(runs, outputs);
                }
                Some(Call::Fill([to, step, n])) => {
                    *to = to.wrapping_add(shift.to);
                    passes.fill(*to, *step, *n);
                }
                None => {}
            }
        }
        !calls.is_empty()
    }
}

/// Passes that are done, and kept.
pub(super) struct Keeping<'k> {
    pub(super) passes: &'k mut dyn Passes,
    pub(super) calls: &'k mut Calls,
}

impl Keeping<'_> {
    fn keep(&mut self, call: Call) {
        if let Some(to) = self.calls.calls.get_mut(self.calls.n) {
            *to = Some(call);
        }
        // Of more than there is room for, none is done again.
        self.calls.n += 1;
    }
}

impl Passes for Keeping<'_> {
    fn fold(&mut self, runs: &Elements, lines: usize, slices: Line) -> bool {
        let folded = self.passes.fold(runs, lines, slices);
        if folded {
            self.keep(Call::Fold(*runs, lines, slices));
        }
        folded
    }

    fn fold_each(&mut self, runs: &Elements, lines: usize, slices: Line) {
        self.keep(Call::FoldEach(*runs, lines, slices));
        self.passes.fold_each(runs, lines, slices);
    }

    fn pad(&mut self, block: &Block, at: usize, n: usize) {
        self.keep(Call::Pad(*block, at, n));
        self.passes.pad(block, at, n);
    }

    fn repeat(&mut self, block: &Block, columns: [usize; 3], width: usize) {
        self.keep(Call::Repeat(*block, columns, width));
        self.passes.repeat(block, columns, width);
    }

    fn fold_in_place(&mut self, len: usize, taps: usize, apart: usize, dilation: u32) {
        self.keep(Call::FoldInPlace([len, taps, apart], dilation));
        self.passes.fold_in_place(len, taps, apart, dilation);
    }

    fn compact(&mut self, rows: [usize; 3], skip: usize, width: usize) {
        self.keep(Call::Compact(rows, skip, width));
        self.passes.compact(rows, skip, width);
    }

    fn results(&mut self, outputs: &Outputs) {
        self.keep(Call::Results(*outputs));
        self.passes.results(outputs);
    }

    fn planes(&mut self, runs: &Elements, outputs: &Outputs) {
        self.keep(Call::Planes(*runs, *outputs));
        self.passes.planes(runs, outputs);
    }

    fn halve(&mut self, runs: &Elements, outputs: &Outputs) {
        self.keep(Call::Halve(*runs, *outputs));
        self.passes.halve(runs, outputs);
    }
}

impl Fill for Keeping<'_> {
    fn fill(&mut self, to: usize, step: usize, n: usize) {
        self.keep(Call::Fill([to, step, n]));
        self.passes.fill(to, step, n);
    }
}
