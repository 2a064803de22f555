//! Tokens on their way into the partial results: the one way for whole sequences, batches, bags and streams.

use super::fold::{Numbers, Rows};
use super::steps::{
    Add, AddAndGreatest, AddPower, AddRescaled, AddWeighted, Copied, Greatest, LogAddExp, Moments, Step,
};
use super::stream::{Stream, Sums, norm};
use super::{Mode, Modes, Positions, TokenElement, Tokens};
use crate::dispatch::{Door, Enter};
use crate::lanes::PREFETCHES;
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
    /// As [`Keep::within`](super::Keep::within).
    fn within(&self, range: Range<usize>) -> (Range<usize>, usize) {
        (range, self.skipped())
    }
    /// Whether a position is kept.
    fn keeps(&self, position: usize) -> bool;
    /// How many of a range are kept, with those that are skipped.
    fn count(&self, range: Range<usize>) -> usize;
    /// How many at the start of a range are kept, if each has the row of its number; what is before all kept ones leaves the range.
    fn run(&self, range: &mut Range<usize>) -> usize;
    /// Writes the kept ones of a range to `into`, as [`fill`](super::keep::fill) does.
    fn fill(&self, range: &mut Range<usize>, into: &mut [usize]) -> usize;
    /// The rows of positions, of which there are at most as many as `into` has places for.
    fn rows<'r>(&self, positions: Numbers<'r>, into: &'r mut [usize]) -> Numbers<'r>;
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
pub(super) struct Partial<'a, M: Modes> {
    pub(super) modes: &'a M,
    pub(super) stream: &'a mut Stream,
    pub(super) sums: &'a mut M::Sums,
    /// The parts of the first mode, then those of the second, and so on.
    pub(super) cells: &'a mut [f32],
    /// Elements of a part.
    pub(super) width: usize,
}

impl<M: Modes> Partial<'_, M> {
    /// Lets the kept positions of a range enter.
    #[inline(always)]
    pub(super) fn push<T: TokenElement, S: Source>(
        mut self,
        door: impl Door,
        input: Input<'_, T, S>,
        mut range: Range<usize>,
    ) {
        if self.cells.is_empty() && input.weights.is_empty() {
            return self.count(input.source.count(range));
        }
        let ahead = if PREFETCHES && size_of_val(input.tokens.data) >= LARGE { AHEAD } else { 0 };
        let mut waiting = [0; CAPACITY];
        let mut n = 0;
        while !range.is_empty() {
            let run = input.source.run(&mut range);
            if run >= AT_ONCE {
                let all = Numbers::Run { first: range.start, len: run };
                self.enter_all(door, input, (Numbers::Listed(waiting.get(..n).unwrap_or(&[])), all), ahead);
                self.enter_all(door, input, (all, Numbers::NONE), ahead);
                (range.start, n) = (range.start + run, 0);
                continue;
            }
            let Some(free) = waiting.get_mut(n..AT_ONCE + ahead) else { break };
            n += input.source.fill(&mut range, free);
            if n == AT_ONCE + ahead {
                self.enter_all(door, input, Numbers::Listed(&waiting).split(AT_ONCE), ahead);
                if ahead > 0 {
                    waiting.copy_within(AT_ONCE..AT_ONCE + ahead, 0);
                }
                n = ahead;
            }
        }
        self.enter_all(door, input, (Numbers::Listed(waiting.get(..n).unwrap_or(&[])), Numbers::NONE), ahead);
    }

    /// Counts as many tokens without elements, of which there may be any number.
    fn count(&mut self, kept: usize) {
        let before = self.stream.kept.max(self.stream.skip);
        self.stream.kept = self.stream.kept.saturating_add(kept);
        let count = self.stream.kept.saturating_sub(before);
        for (i, sums) in self.sums.as_mut().iter_mut().enumerate() {
            sums.count = match self.modes.mode(i) {
                Mode::First | Mode::Last => sums.count.max(count.min(1)),
                _ => sums.count.saturating_add(count),
            };
        }
    }

    /// Lets positions enter; the second ones come after them.
    #[inline(never)]
    fn enter_all<T: TokenElement, S: Source>(
        &mut self,
        door: impl Door,
        input: Input<'_, T, S>,
        (mut positions, next): (Numbers<'_>, Numbers<'_>),
        ahead: usize,
    ) {
        let at_once = match M::COUNT {
            1 => positions.len(),
            2 if self.modes.mode(0).enters_with(self.modes.mode(1)) => positions.len(),
            _ => AT_ONCE_FOR_SEVERAL,
        };
        while positions.len() > 0 {
            // Those that are skipped take no time.
            let skipped = self.stream.skip.saturating_sub(self.stream.kept);
            let (now, others) = positions.split(if skipped > 0 { skipped } else { at_once });
            let next = others.or(next);
            self.enter(door, input, now, (next.split(ahead).0, ahead > 0));
            positions = others;
        }
    }

    /// Lets positions enter, but for those that are skipped; `next` come after them.
    #[inline(always)]
    fn enter<T: TokenElement, S: Source>(
        &mut self,
        door: impl Door,
        input: Input<'_, T, S>,
        positions: Numbers<'_>,
        (next, ahead): (Numbers<'_>, bool),
    ) {
        let stream = &mut *self.stream;
        if stream.kept == 0 {
            stream.first = stream.seen.saturating_add(positions.at(0) - input.start);
        }
        let skipped = stream.skip.saturating_sub(stream.kept).min(positions.len());
        let before = Before { seen: stream.seen, first: stream.first, kept: stream.kept.saturating_add(skipped) };
        stream.kept = stream.kept.saturating_add(positions.len());
        let (_, positions) = positions.split(skipped);
        let mut cells = &mut *self.cells;
        let mut i = 0;
        while i < M::COUNT {
            let (mode, sums) = (self.modes.mode(i), self.sums.as_mut().get_mut(i..).unwrap_or(&mut []));
            let both = M::COUNT > 1 && i + 1 < M::COUNT && mode.enters_with(self.modes.mode(i + 1));
            let parts = mode.parts() + usize::from(both);
            let Some(cells) = cells.split_off_mut(..parts * self.width) else { break };
            let block = Block { door, input, positions, next, ahead, cells };
            match sums {
                [sums, greatest, ..] if both => block.enter_both([sums, greatest]),
                [sums, ..] if M::KNOWN => block.enter(mode, sums, before),
                [sums, ..] => block.enter_any(mode, sums, before),
                [] => {}
            }
            i += 1 + usize::from(both);
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

/// Some positions on their way into the cells of one mode; or of two that enter together.
struct Block<'a, D, T, S> {
    door: D,
    input: Input<'a, T, S>,
    positions: Numbers<'a>,
    next: Numbers<'a>,
    /// Whether rows are brought nearer before they are read.
    ahead: bool,
    cells: &'a mut [f32],
}

impl<T: TokenElement, S: Source, D: Door> Block<'_, D, T, S> {
    /// By a mode of which nothing is known: the same however many modes there are.
    #[inline(never)]
    fn enter_any(self, mode: Mode, sums: &mut Sums, before: Before) {
        self.enter(mode, sums, before);
    }

    // Of a mode that is known when compiling nothing else is left.
    #[inline(always)]
    fn enter(mut self, mode: Mode, sums: &mut Sums, before: Before) {
        let fresh = sums.count == 0;
        let input = self.input;
        let plain = |_: usize, _: usize| ();
        let count = match mode {
            Mode::First if !fresh => 0,
            Mode::First => {
                (self.positions, _) = self.positions.split(1);
                self.by(Copied, fresh, plain)
            }
            Mode::Last => {
                (_, self.positions) = self.positions.split(self.positions.len().saturating_sub(1));
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
                let (mut rest, mut fresh, mut count) = (self.positions, fresh, 0);
                while rest.len() > 0 {
                    let (positions, others) = rest.split(CAPACITY);
                    // A NaN need not be found here: it makes its own weight NaN.
                    let unread = |&position: &usize| input.weight(position) != f32::NEG_INFINITY;
                    let finite = (0..positions.len()).map(|i| positions.at(i)).filter(unread);
                    let mut scored = [0; CAPACITY];
                    let n = scored.iter_mut().zip(finite).map(|(to, position)| *to = position).count();
                    let positions = Numbers::Listed(scored.get(..n).unwrap_or(&[]));
                    let next = others.or(self.next);
                    let block = Block { positions, next, cells: &mut *self.cells, ..self };
                    count += block.by(AddRescaled, fresh, |_, position| sums.rescale(input.weight(position)));
                    (rest, fresh) = (others, fresh && count == 0);
                }
                count
            }
            Mode::Max | Mode::Splade => self.by(Greatest::<false>, fresh, plain),
            Mode::Min => self.by(Greatest::<true>, fresh, plain),
            Mode::MeanStd { .. } => self.by(Moments::<false>, fresh, |_, _| sums.moment(1.0)),
            Mode::WeightedMeanStd { .. } => {
                self.by(Moments::<true>, fresh, |_, position| sums.moment(input.weight(position)))
            }
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
    fn by<W: Step>(self, step: W, mut fresh: bool, mut weight: impl FnMut(usize, usize) -> W::Weight) -> usize
    where
        T: Enter<W>,
    {
        let Self { door, input, positions, next, ahead, cells } = self;
        // Without weights, nothing limits how many rows enter together.
        let (weigh, at_once) = match size_of::<W::Weight>() {
            0 => (false, positions.len()),
            _ => (true, CAPACITY),
        };
        let mut done = 0;
        while done < positions.len() {
            let (now, others) = positions.split(done).1.split(at_once);
            let mut weights = [W::Weight::default(); CAPACITY];
            if weigh {
                for (i, to) in weights.iter_mut().enumerate().take(now.len()) {
                    *to = weight(done + i, now.at(i));
                }
            }
            done += now.len();
            let next = others.or(next);
            let (mut now_rows, mut next_rows) = ([0; CAPACITY], [0; AHEAD]);
            let now = input.source.rows(now, &mut now_rows);
            let next = input.source.rows(next.split(AHEAD).0, &mut next_rows);
            let rows = Rows { tokens: input.tokens, now, weights: &weights, next, ahead, fresh };
            door.enter(step, &rows, &mut *cells);
            fresh = false;
        }
        done
    }
}
