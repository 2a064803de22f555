//! Pools at work: sequence after sequence, into floats or straight into codes.

use super::divide::divide;
use super::encoding::{Encoded, Encoding};
use super::fold::{self, Numbers, Rows};
use super::queue::{Input, Partial, Source};
use super::steps::Add;
use super::stream::{self, Stream};
use super::{Keep, Mode, Modes, Offset, Sequences, TokenElement, TokenPool, Tokens, check_length};
use crate::dispatch::Door;
use crate::error::{Argument, AxisName, PoolError};
use crate::lanes::Read;
use core::ops::Range;

/// Where results go.
pub(super) trait Results {
    /// Whether there is room for `sequences` results of `each` elements, and none is left.
    fn check(&self, each: usize, sequences: usize) -> Result<(), PoolError>;
    /// Whether there is no room for any.
    fn is_empty(&self) -> bool;
    /// Where result `i`, of `each` elements, is worked out.
    fn cells(&mut self, i: usize, each: usize) -> Option<&mut [f32]>;
    /// Takes in result `i`, which is ready.
    fn done(&mut self, i: usize);
}

/// One after the other.
impl Results for &mut [f32] {
    fn check(&self, each: usize, sequences: usize) -> Result<(), PoolError> {
        check_results(each, sequences, self.len())
    }

    fn is_empty(&self) -> bool {
        <[f32]>::is_empty(self)
    }

    #[inline(always)]
    fn cells(&mut self, i: usize, each: usize) -> Option<&mut [f32]> {
        self.get_mut(i * each..(i + 1) * each)
    }

    #[inline(always)]
    fn done(&mut self, _: usize) {}
}

/// All in the same cells, from where they are encoded.
impl<E: Encoding> Results for Encoded<'_, E> {
    fn check(&self, each: usize, sequences: usize) -> Result<(), PoolError> {
        check_length(Argument::State, each, self.cells.len())?;
        self.encoding.check(each)?;
        check_results(self.encoding.len(each), sequences, self.output.len())
    }

    fn is_empty(&self) -> bool {
        self.output.is_empty()
    }

    #[inline(always)]
    fn cells(&mut self, _: usize, _: usize) -> Option<&mut [f32]> {
        Some(&mut *self.cells)
    }

    fn done(&mut self, i: usize) {
        let each = self.encoding.len(self.cells.len());
        if let Some(output) = self.output.get_mut(i * each..(i + 1) * each) {
            let encoded = self.encoding.encode(self.cells, output);
            debug_assert!(encoded.is_ok(), "lengths have been checked");
        }
    }
}

fn check_results(each: usize, sequences: usize, given: usize) -> Result<(), PoolError> {
    let all = each.checked_mul(sequences).ok_or(PoolError::Overflow { axis: AxisName::Batch })?;
    check_length(Argument::Output, all, given)
}

/// Rows that are positions.
#[derive(Clone, Copy)]
pub(super) struct Masked<'k> {
    pub(super) keep: Keep<'k>,
    pub(super) tokens: usize,
}

impl Source for Masked<'_> {
    fn positions(&self) -> usize {
        self.tokens
    }

    fn skipped(&self) -> usize {
        self.keep.skipped()
    }

    fn within(&self, range: Range<usize>) -> (Range<usize>, usize) {
        self.keep.within(range)
    }

    #[inline(always)]
    fn keeps(&self, position: usize) -> bool {
        self.keep.keeps(position)
    }

    fn count(&self, range: Range<usize>) -> usize {
        self.keep.count(range)
    }

    #[inline(always)]
    fn fill(&self, range: &mut Range<usize>, into: &mut [usize]) -> usize {
        self.keep.fill(range, into)
    }

    #[inline(always)]
    fn rows<'r>(&self, positions: Numbers<'r>, _: &'r mut [usize]) -> Numbers<'r> {
        positions
    }

    #[inline(always)]
    fn run(&self, range: &mut Range<usize>) -> usize {
        self.keep.run(range)
    }
}

/// Sequences whose lengths have been checked.
pub(super) struct Work<'a, 'p, 'w, T, S, O, R, M> {
    pub(super) pool: &'p TokenPool<'w, M>,
    pub(super) matrix: Tokens<'a, T>,
    pub(super) source: S,
    pub(super) sequences: Sequences<'a, O>,
    /// Elements of a part of a result.
    pub(super) width: usize,
    pub(super) output: R,
    pub(super) counts: Option<&'p mut [usize]>,
}

impl<T: TokenElement, S: Source, O: Offset, R: Results, M: Modes> Work<'_, '_, '_, T, S, O, R, M> {
    /// Pools each of them; returns how many tokens of the last were pooled.
    #[inline(always)]
    pub(super) fn run(mut self, door: impl Door) -> usize {
        let count = self.sequences.count();
        let each = stream::parts(&self.pool.modes) * self.width;
        let mut pooled = 0;
        // Nothing to write for sequences without elements, of which there may be any number.
        let count = if self.output.is_empty() && self.counts.is_none() { count.min(1) } else { count };
        for i in 0..count {
            let range = self.sequences.range(i, self.source.positions());
            let cells = self.output.cells(i, each);
            let (Some(range), Some(cells)) = (range, cells) else { break };
            pooled = one(door, self.pool, &self.matrix, self.source, range, (cells, self.width));
            self.output.done(i);
            if let Some(count) = self.counts.as_deref_mut().and_then(|counts| counts.get_mut(i)) {
                *count = pooled;
            }
        }
        pooled
    }
}

/// Pools the positions of one sequence.
#[inline(always)]
fn one<T: TokenElement, S: Source, M: Modes>(
    door: impl Door,
    pool: &TokenPool<'_, M>,
    matrix: &Tokens<'_, T>,
    source: S,
    range: Range<usize>,
    (cells, width): (&mut [f32], usize),
) -> usize {
    let (mut stream, mut sums) = (Stream::new(source.skipped()), M::NOTHING);
    let start = range.start;
    let all = |mode| (0..M::COUNT).all(|i| pool.modes.mode(i) == mode);
    // One row is enough, and nothing else is looked at.
    let (inside, skipped) = source.within(range.clone());
    let nth = |n| inside.clone().filter(|&position| source.keeps(position)).nth(n);
    let range = if cells.is_empty() {
        // Tokens without elements are only counted.
        range
    } else if all(Mode::First) {
        nth(skipped).map_or(0..0, |first| start..first + 1)
    } else if all(Mode::Last) && nth(skipped).is_some() {
        stream = Stream::new(0);
        let last = inside.clone().rfind(|&position| source.keeps(position));
        last.map_or(0..0, |last| last..last + 1)
    } else {
        range
    };
    let input = Input { tokens: matrix, source, weights: pool.all_weights().unwrap_or(&[]), start };
    Partial { modes: &pool.modes, stream: &mut stream, sums: &mut sums, cells: &mut *cells, width }
        .push(door, input, range);
    pool.finish(&sums, cells, width)
}

/// The mean of all tokens, for who knows the mode and the lanes when compiling: nothing of other modes is linked.
#[inline(always)]
pub(crate) fn mean_of_all<L: Read<f32>>(lanes: L, tokens: &Tokens<'_, f32>, output: &mut [f32]) {
    let len = tokens.tokens();
    let now = Numbers::Run { first: 0, len };
    let rows = Rows { tokens, now, weights: &[], next: Numbers::NONE, ahead: false, fresh: true };
    output.fill(0.0);
    fold::fold(lanes, Add, &rows, output);
    if len > 0 {
        divide(output, len as f32);
    }
}
