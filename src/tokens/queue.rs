//! Tokens on their way into the partial results: the one way for whole sequences, batches, bags and streams.

use super::steps::{
    Add, AddAndGreatest, AddPower, AddRescaled, AddWeighted, Copied, Greatest, LogAddExp, Moments, Step, Widened,
};
use super::stream::{Stream, Sums, norm};
use super::{Mode, Positions, TokenElement, Tokens};
use crate::dispatch::{ReadDoor, ReadKernel};
use crate::kernel::rows::{self, Rows};
use crate::lanes::{PREFETCHES, Read};
use core::ops::Range;

/// Tokens that enter together: enough that it does not matter what that costs.
const AT_ONCE: usize = 32;
/// The same with several modes: what one has read is still in the first cache for the next.
const AT_ONCE_FOR_SEVERAL: usize = 8;
/// Tokens that wait behind these, where memory is asked for before it is read.
const AHEAD: usize = 8;
/// Those of both kinds.
const CAPACITY: usize = AT_ONCE + AHEAD;
/// Bytes that no second cache is expected to hold.
const LARGE: usize = 16 << 20;

/// Which positions count, and the row of the matrix that each names.
pub(super) trait Source: Copy {
    /// How many positions there are.
    fn positions(&self) -> usize;
    /// How many kept positions are skipped at the start of each sequence.
    fn skipped(&self) -> usize;
    /// Whether a position is kept.
    fn keeps(&self, position: usize) -> bool;
    /// Writes the kept ones of a range to `into`, as [`fill`](super::keep::fill) does.
    fn fill(&self, range: &mut Range<usize>, into: &mut [usize]) -> usize;
    /// The rows of positions, of which there are at most as many as `into` has places for.
    fn rows<'r>(&self, positions: &'r [usize], into: &'r mut [usize]) -> &'r [usize];
}

/// What tokens are read from.
#[derive(Clone, Copy)]
pub(super) struct Input<'a, T, S> {
    pub(super) tokens: &'a Tokens<'a, T>,
    pub(super) source: S,
    /// One a position, or none: then all are 1.
    pub(super) weights: &'a [f32],
    /// The position of what comes after all that the stream has seen.
    pub(super) start: usize,
}

impl<T, S> Input<'_, T, S> {
    #[inline(always)]
    fn weight(&self, position: usize) -> f32 {
        self.weights.get(position).copied().unwrap_or(1.0)
    }
}

/// Partial results of all modes, and what they have seen.
pub(super) struct Partial<'a, const K: usize> {
    pub(super) modes: &'a [Mode; K],
    pub(super) stream: &'a mut Stream,
    pub(super) sums: &'a mut [Sums; K],
    /// The parts of the first mode, then those of the second, and so on.
    pub(super) cells: &'a mut [f32],
    /// Elements of a part.
    pub(super) width: usize,
}

impl<const K: usize> Partial<'_, K> {
    /// Lets the kept positions of a range enter.
    #[inline(always)]
    pub(super) fn push<T: TokenElement, S: Source>(
        mut self,
        door: impl ReadDoor<T> + Copy,
        input: Input<'_, T, S>,
        mut range: Range<usize>,
    ) {
        let ahead = if PREFETCHES && size_of_val(input.tokens.data) >= LARGE { AHEAD } else { 0 };
        let mut positions = [0; CAPACITY];
        let mut n = 0;
        while let Some(free) = positions.get_mut(n..AT_ONCE + ahead) {
            n += input.source.fill(&mut range, free);
            let full = n == AT_ONCE + ahead;
            let Some((now, next)) = positions.split_at_checked(if full { AT_ONCE } else { n }) else { break };
            let next = next.get(..ahead).filter(|_| full).unwrap_or(&[]);
            let at_once = match self.modes.as_slice() {
                [_] => true,
                [mode, other] => mode.enters_with(*other),
                _ => false,
            };
            if at_once {
                self.enter(door, input, now, next);
            } else {
                for (i, block) in now.chunks(AT_ONCE_FOR_SEVERAL).enumerate() {
                    let rest = now.get((i + 1) * AT_ONCE_FOR_SEVERAL..).unwrap_or(&[]);
                    self.enter(door, input, block, if rest.is_empty() || ahead == 0 { next } else { rest });
                }
            }
            if !full {
                break;
            }
            if ahead > 0 {
                positions.copy_within(AT_ONCE..AT_ONCE + ahead, 0);
            }
            n = ahead;
        }
    }

    /// Lets positions enter, but for those that are skipped; `next` come after them.
    #[inline(always)]
    fn enter<T: TokenElement, S: Source>(
        &mut self,
        door: impl ReadDoor<T> + Copy,
        input: Input<'_, T, S>,
        positions: &[usize],
        next: &[usize],
    ) {
        let Some(&first) = positions.first() else { return };
        let stream = &mut *self.stream;
        if stream.kept == 0 {
            stream.first = stream.seen.saturating_add(first - input.start);
        }
        let skipped = stream.skip.saturating_sub(stream.kept).min(positions.len());
        let before = Before { seen: stream.seen, first: stream.first, kept: stream.kept.saturating_add(skipped) };
        stream.kept = stream.kept.saturating_add(positions.len());
        let positions = positions.get(skipped..).unwrap_or(&[]);
        let mut cells = &mut *self.cells;
        let mut modes = self.modes.iter().zip(self.sums.iter_mut()).peekable();
        while let Some((&mode, sums)) = modes.next() {
            let both = modes.next_if(|(other, _)| mode.enters_with(**other));
            let parts = mode.parts() + usize::from(both.is_some());
            let Some(cells) = cells.split_off_mut(..parts * self.width) else { break };
            let block = Block { door, input, positions, next, cells };
            match both {
                Some((_, greatest)) => block.enter_both([sums, greatest]),
                None => block.enter(mode, sums, before),
            }
        }
    }
}

/// What came before a block: tokens in earlier pushes, the position of the first kept one of the sequence, and how many
/// were kept.
#[derive(Clone, Copy)]
struct Before {
    seen: usize,
    first: usize,
    kept: usize,
}

/// Some positions, at most as many as are taken at once, on their way into the cells of one mode; or of two that enter together.
struct Block<'a, D, T, S> {
    door: D,
    input: Input<'a, T, S>,
    positions: &'a [usize],
    next: &'a [usize],
    cells: &'a mut [f32],
}

impl<T: TokenElement, S: Source, D: ReadDoor<T> + Copy> Block<'_, D, T, S> {
    #[inline(always)]
    fn enter(mut self, mode: Mode, sums: &mut Sums, before: Before) {
        let fresh = sums.count == 0;
        let input = self.input;
        let plain = |_: usize, _: usize| ();
        let count = match mode {
            Mode::First if !fresh => 0,
            Mode::First => {
                self.positions = self.positions.get(..1).unwrap_or(&[]);
                self.by(Copied, fresh, plain)
            }
            Mode::Last => {
                self.positions = self.positions.last().map_or(&[], core::slice::from_ref);
                self.by(Copied, fresh, plain)
            }
            Mode::Sum | Mode::Mean | Mode::MeanSqrtLength => self.by(Add, fresh, plain),
            Mode::PositionWeightedMean(positions) => self.by(AddWeighted, fresh, |i, position| {
                let position = before.seen.saturating_add(position - input.start);
                let tokens = match positions {
                    Positions::FromFirst => position.saturating_sub(before.first),
                    Positions::Kept => before.kept.saturating_add(i),
                    Positions::Absolute => position,
                };
                sums.weigh(tokens as f32 + 1.0)
            }),
            Mode::WeightedSum | Mode::WeightedMean => {
                self.by(AddWeighted, fresh, |_, position| sums.weigh(input.weight(position)))
            }
            Mode::Attention => {
                let mut scored = [0; CAPACITY];
                // A NaN need not be found here: it makes its own weight NaN.
                let finite = self.positions.iter().filter(|&&position| input.weight(position) != f32::NEG_INFINITY);
                let n = scored.iter_mut().zip(finite).map(|(to, &position)| *to = position).count();
                let positions = scored.get(..n).unwrap_or(&[]);
                Block { positions, ..self }.by(AddRescaled, fresh, |_, position| sums.rescale(input.weight(position)))
            }
            Mode::Max | Mode::Splade => self.by(Greatest::<false>, fresh, plain),
            Mode::Min => self.by(Greatest::<true>, fresh, plain),
            Mode::MeanStd { .. } => self.by(Moments, fresh, |_, _| sums.moment(1.0)),
            Mode::WeightedMeanStd { .. } => self.by(Moments, fresh, |_, position| sums.moment(input.weight(position))),
            Mode::GeneralizedMean { p, floor } => self.by(AddPower(norm(p, floor)), fresh, plain),
            Mode::LogSumExp => self.by(LogAddExp, fresh, plain),
        };
        sums.count = match mode {
            Mode::First | Mode::Last => sums.count.max(count),
            _ => sums.count.saturating_add(count),
        };
    }

    /// Enters a sum and, in the cells after it, the greatest.
    #[inline(always)]
    fn enter_both(self, sums: [&mut Sums; 2]) {
        let fresh = sums[0].count == 0;
        let count = self.by(AddAndGreatest, fresh, |_, _| ());
        for sums in sums {
            sums.count = sums.count.saturating_add(count);
        }
    }

    /// Lets the positions enter by `step`, each with the weight that `weight` has for it; returns how many there were.
    #[inline(always)]
    fn by<W: Step>(self, step: W, fresh: bool, mut weight: impl FnMut(usize, usize) -> W::Weight) -> usize {
        let Self { door, input, positions, next, cells } = self;
        let mut weights = [W::Weight::default(); CAPACITY];
        let weights = weights.get_mut(..positions.len()).unwrap_or_default();
        for (i, (to, &position)) in weights.iter_mut().zip(positions).enumerate() {
            *to = weight(i, position);
        }
        let (mut now_rows, mut next_rows) = ([0; CAPACITY], [0; AHEAD]);
        let now = input.source.rows(positions, &mut now_rows);
        let next = input.source.rows(next, &mut next_rows);
        let entry = Widened { tokens: input.tokens, step };
        door.enter(Enter { entry, rows: Rows { now, weights, next }, fresh, cells });
        positions.len()
    }
}

/// Rows that enter by a step: a function of its own for each step, or registers would not be enough.
struct Enter<'a, T, S: Step> {
    entry: Widened<'a, T, S>,
    rows: Rows<'a, S::Weight>,
    fresh: bool,
    cells: &'a mut [f32],
}

impl<T: TokenElement, S: Step> ReadKernel<T> for Enter<'_, T, S> {
    type Output = ();

    #[inline(always)]
    fn run<L: Read<T>>(self, lanes: L) {
        let Self { entry, rows, fresh, cells } = self;
        rows::fold(lanes, entry, (entry.tokens.data, entry.tokens.step), fresh, rows, cells);
    }
}
