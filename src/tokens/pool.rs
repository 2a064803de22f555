//! A mode, or several, with its finish; for one sequence or many.

use super::queue::{Input, Partial, Source};
use super::stream::{self, Stream, Sums};
use super::{Empty, Ids, Keep, Mode, Offset, Sequences, TokenElement, Tokens, check_length, finish};
use crate::dispatch::{Isa, ReadDoor, ReadKernel};
use crate::error::{Argument, AxisName, PoolError};
use crate::lanes::{Floats, Read};
use core::ops::Range;

/// How tokens are pooled: one mode, or `K` of them side by side in one read of the tokens; and how the result is
/// finished.
///
/// ```
/// use lanepool::tokens::{Keep, L2_EPSILON, Mode, TokenPool, Tokens};
///
/// let sentence = Tokens::new(&[1.0f32, 5.0, 5.0, 3.0], [2, 2])?;
/// let mut embedding = [0.0; 2];
/// let pool = TokenPool::new(Mode::Mean).l2_normalize(L2_EPSILON);
/// assert_eq!(pool.run(sentence, Keep::all(), &mut embedding)?, 2);
/// assert_eq!(embedding, [0.6, 0.8]);
///
/// let mut both = [0.0; 4];
/// TokenPool::concat([Mode::Mean, Mode::Max]).run(sentence, Keep::all(), &mut both)?;
/// assert_eq!(both, [3.0, 4.0, 5.0, 5.0]);
/// # Ok::<(), lanepool::PoolError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct TokenPool<'w, const K: usize = 1> {
    pub(super) modes: [Mode; K],
    weights: Option<&'w [f32]>,
    dims: Option<usize>,
    empty: Empty,
    l2_epsilon: Option<f32>,
}

impl<'w> TokenPool<'w> {
    /// Pools by `mode`, without a finish.
    pub const fn new(mode: Mode) -> Self {
        Self::concat([mode])
    }
}

impl<'w, const K: usize> TokenPool<'w, K> {
    /// Pools by each of the modes; the results lie one after the other.
    pub const fn concat(modes: [Mode; K]) -> Self {
        Self { modes, weights: None, dims: None, empty: Empty::Zeros, l2_epsilon: None }
    }

    /// One weight a token, or one score for [`Mode::Attention`]. Those of tokens that are left out are never read.
    pub const fn weights(mut self, weights: &'w [f32]) -> Self {
        self.weights = Some(weights);
        self
    }

    /// Pools the first `dims` elements of each token, and does not read the others (Matryoshka embeddings). This comes
    /// before the normalisation.
    pub const fn truncate(mut self, dims: usize) -> Self {
        self.dims = Some(dims);
        self
    }

    /// What a sequence gives of which no token is kept; zeros unless chosen otherwise.
    pub const fn empty(mut self, empty: Empty) -> Self {
        self.empty = empty;
        self
    }

    /// Divides the result, all modes together, by its length, as [`l2_normalize`](super::l2_normalize) does.
    pub const fn l2_normalize(mut self, epsilon: f32) -> Self {
        self.l2_epsilon = Some(epsilon);
        self
    }

    /// Elements of the result for tokens of `dim` elements.
    ///
    /// # Errors
    /// [`PoolError::Range`] if fewer are there than [`TokenPool::truncate`] keeps, [`PoolError::Overflow`].
    pub fn output_len(&self, dim: usize) -> Result<usize, PoolError> {
        let parts = stream::parts(&self.modes);
        self.width(dim)?.checked_mul(parts).ok_or(PoolError::Overflow { axis: AxisName::Dim })
    }

    /// The same, for tokens that come with their weights.
    pub(super) fn without_weights(&self) -> TokenPool<'static, K> {
        let Self { modes, dims, empty, l2_epsilon, weights: _ } = *self;
        TokenPool { modes, dims, empty, l2_epsilon, weights: None }
    }

    /// Elements of a token that are pooled, which are also those of a part of the result.
    pub(super) fn width(&self, dim: usize) -> Result<usize, PoolError> {
        match self.dims {
            Some(end) if end > dim => Err(PoolError::Range { axis: AxisName::Dim, start: 0, end, len: dim }),
            dims => Ok(dims.unwrap_or(dim)),
        }
    }

    /// Pools a sequence into `output`, of [`TokenPool::output_len`] elements, and returns how many tokens
    /// were pooled: 0 or 1 for [`Mode::First`] and [`Mode::Last`]; the most of all modes. No token gives what
    /// [`TokenPool::empty`] says.
    ///
    /// # Errors
    /// [`PoolError::Length`] if the output, mask, weights or scores have another length than the
    /// sequence asks for, [`PoolError::Range`] if what is to be kept exceeds it, [`PoolError::Exponent`]. Nothing is
    /// written then.
    pub fn run<T: TokenElement>(
        &self,
        tokens: Tokens<'_, T>,
        keep: Keep<'_>,
        output: &mut [f32],
    ) -> Result<usize, PoolError> {
        self.run_through(Isa::best(), tokens, keep, output)
    }

    /// As [`TokenPool::run`], on a chosen instruction set. The result has the same bits.
    ///
    /// # Errors
    /// As [`TokenPool::run`].
    pub fn run_on<T: TokenElement>(
        &self,
        isa: Isa,
        tokens: Tokens<'_, T>,
        keep: Keep<'_>,
        output: &mut [f32],
    ) -> Result<usize, PoolError> {
        self.run_through(isa, tokens, keep, output)
    }

    #[inline(always)]
    pub(crate) fn run_through<T: TokenElement>(
        &self,
        door: impl ReadDoor<T> + ReadDoor<f32> + Copy,
        tokens: Tokens<'_, T>,
        keep: Keep<'_>,
        output: &mut [f32],
    ) -> Result<usize, PoolError> {
        let width = self.check(tokens.dim(), tokens.tokens(), 1, output, None)?;
        keep.check(tokens.tokens())?;
        let source = Masked { keep, tokens: tokens.tokens() };
        let sequences = Sequences::padded(1, tokens.tokens());
        Ok(Work { pool: self, matrix: tokens, source, sequences, width, output, counts: None }.run(door))
    }

    /// Pools each of `sequences`, which lie among `tokens`, into its part of `output`, one after the other; and writes how
    /// many tokens were pooled, if `counts` are asked for. A sequence without tokens gives what
    /// [`TokenPool::empty`] says, never a neighbour's.
    ///
    /// ```
    /// use lanepool::tokens::{Keep, Mode, Sequences, TokenPool, Tokens};
    ///
    /// let tokens = Tokens::new(&[1.0f32, 2.0, 3.0, -4.0, 5.0, 6.0], [3, 2])?;
    /// let (mut pooled, mut counts) = ([0.0; 6], [0; 3]);
    /// let ragged = Sequences::offsets(&[0, 1, 1, 3]);
    /// TokenPool::new(Mode::Mean).run_batch(tokens, ragged, Keep::all(), &mut pooled, Some(&mut counts))?;
    /// assert_eq!(pooled, [1.0, 2.0, 0.0, 0.0, 4.0, 1.0]);
    /// assert_eq!(counts, [1, 0, 2]);
    /// # Ok::<(), lanepool::PoolError>(())
    /// ```
    ///
    /// # Errors
    /// As [`TokenPool::run`]; [`PoolError::Sequence`] if one does not lie within the tokens.
    pub fn run_batch<T: TokenElement, O: Offset>(
        &self,
        tokens: Tokens<'_, T>,
        sequences: Sequences<'_, O>,
        keep: Keep<'_>,
        output: &mut [f32],
        counts: Option<&mut [usize]>,
    ) -> Result<(), PoolError> {
        self.run_batch_on(Isa::best(), tokens, sequences, keep, output, counts)
    }

    /// As [`TokenPool::run_batch`], on a chosen instruction set. The result has the same bits.
    ///
    /// # Errors
    /// As [`TokenPool::run_batch`].
    pub fn run_batch_on<T: TokenElement, O: Offset>(
        &self,
        isa: Isa,
        tokens: Tokens<'_, T>,
        sequences: Sequences<'_, O>,
        keep: Keep<'_>,
        output: &mut [f32],
        counts: Option<&mut [usize]>,
    ) -> Result<(), PoolError> {
        let width = self.check(tokens.dim(), tokens.tokens(), sequences.count(), output, counts.as_deref())?;
        keep.check(tokens.tokens())?;
        sequences.check(tokens.tokens())?;
        let source = Masked { keep, tokens: tokens.tokens() };
        Work { pool: self, matrix: tokens, source, sequences, width, output, counts }.run(isa);
        Ok(())
    }

    /// Pools rows of a table by their ids: PyTorch's `EmbeddingBag`, or a static sentence encoder. Each of `bags` lies
    /// among the ids, which [`Ids::check`] has proved to be rows of the table. Weights are one an id.
    ///
    /// ```
    /// use lanepool::tokens::{Ids, Mode, Sequences, TokenPool, Tokens};
    ///
    /// let table = Tokens::new(&[1.0f32, 2.0, 3.0, -4.0, 5.0, 6.0], [3, 2])?;
    /// let ids = Ids::check(&[0, 1, 1], table.tokens())?;
    /// let mut pooled = [0.0; 6];
    /// TokenPool::new(Mode::Sum).run_bags(table, ids, Sequences::starts(&[0, 2, 2]), &mut pooled, None)?;
    /// assert_eq!(pooled, [4.0, -2.0, 0.0, 0.0, 3.0, -4.0]);
    /// # Ok::<(), lanepool::PoolError>(())
    /// ```
    ///
    /// # Errors
    /// As [`TokenPool::run_batch`]; [`PoolError::Shape`] if the ids were proved for a larger table.
    pub fn run_bags<T: TokenElement, I: Offset, O: Offset>(
        &self,
        table: Tokens<'_, T>,
        ids: Ids<'_, I>,
        bags: Sequences<'_, O>,
        output: &mut [f32],
        counts: Option<&mut [usize]>,
    ) -> Result<(), PoolError> {
        self.run_bags_on(Isa::best(), table, ids, bags, output, counts)
    }

    /// As [`TokenPool::run_bags`], on a chosen instruction set. The result has the same bits.
    ///
    /// # Errors
    /// As [`TokenPool::run_bags`].
    pub fn run_bags_on<T: TokenElement, I: Offset, O: Offset>(
        &self,
        isa: Isa,
        table: Tokens<'_, T>,
        ids: Ids<'_, I>,
        bags: Sequences<'_, O>,
        output: &mut [f32],
        counts: Option<&mut [usize]>,
    ) -> Result<(), PoolError> {
        let width = self.check(table.dim(), ids.len(), bags.count(), output, counts.as_deref())?;
        ids.check_table(table.tokens())?;
        bags.check(ids.len())?;
        Work { pool: self, matrix: table, source: ids, sequences: bags, width, output, counts }.run(isa);
        Ok(())
    }

    /// Whether what goes with `tokens` tokens, and with `sequences` results, has its length; gives the width.
    fn check(
        &self,
        dim: usize,
        tokens: usize,
        sequences: usize,
        output: &[f32],
        counts: Option<&[usize]>,
    ) -> Result<usize, PoolError> {
        let all = self.output_len(dim)?.checked_mul(sequences);
        check_length(Argument::Output, all.ok_or(PoolError::Overflow { axis: AxisName::Batch })?, output.len())?;
        if let Some(counts) = counts {
            check_length(Argument::Counts, sequences, counts.len())?;
        }
        self.modes.iter().try_for_each(|mode| mode.check())?;
        let argument = if self.modes.contains(&Mode::Attention) { Argument::Scores } else { Argument::Weights };
        match self.weights {
            Some(weights) => check_length(argument, tokens, weights.len())?,
            None if self.modes.iter().any(|mode| mode.needs_weights()) => check_length(argument, tokens, 0)?,
            None => {}
        }
        self.width(dim)
    }

    /// Turns cells into the result; returns how many tokens were pooled.
    #[inline(always)]
    fn finish<L: Floats>(&self, lanes: L, sums: &[Sums; K], cells: &mut [f32], width: usize) -> usize {
        let mut count = 0;
        for ((mode, range), sums) in stream::sections(&self.modes, width).zip(sums) {
            if let Some(cells) = cells.get_mut(range) {
                stream::finish(lanes, mode, sums, self.empty, cells);
            }
            count = sums.count.max(count);
        }
        if let Some(epsilon) = self.l2_epsilon {
            finish::normalize(lanes, cells, epsilon);
        }
        count
    }
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

    #[inline(always)]
    fn keeps(&self, position: usize) -> bool {
        self.keep.keeps(position)
    }

    #[inline(always)]
    fn fill(&self, range: &mut Range<usize>, into: &mut [usize]) -> usize {
        self.keep.fill(range, into)
    }

    #[inline(always)]
    fn rows<'r>(&self, positions: &'r [usize], _: &'r mut [usize]) -> &'r [usize] {
        positions
    }
}

/// Sequences whose lengths have been checked.
struct Work<'a, 'p, 'w, T, S, O, const K: usize> {
    pool: &'p TokenPool<'w, K>,
    matrix: Tokens<'a, T>,
    source: S,
    sequences: Sequences<'a, O>,
    /// Elements of a part of a result.
    width: usize,
    output: &'p mut [f32],
    counts: Option<&'p mut [usize]>,
}

impl<T: TokenElement, S: Source, O: Offset, const K: usize> Work<'_, '_, '_, T, S, O, K> {
    /// Pools each of them; returns how many tokens of the last were pooled.
    #[inline(always)]
    fn run(mut self, door: impl ReadDoor<T> + ReadDoor<f32> + Copy) -> usize {
        let count = self.sequences.count();
        let each = stream::parts(&self.pool.modes) * self.width;
        let mut pooled = 0;
        // Nothing to write for sequences without elements, of which there may be any number.
        let count = if self.output.is_empty() && self.counts.is_none() { count.min(1) } else { count };
        for i in 0..count {
            let range = self.sequences.range(i, self.source.positions());
            let cells = self.output.get_mut(i * each..(i + 1) * each);
            let (Some(range), Some(cells)) = (range, cells) else { break };
            pooled = one(door, self.pool, &self.matrix, self.source, range, (cells, self.width));
            if let Some(count) = self.counts.as_deref_mut().and_then(|counts| counts.get_mut(i)) {
                *count = pooled;
            }
        }
        pooled
    }
}

/// Pools the positions of one sequence.
#[inline(always)]
fn one<T: TokenElement, S: Source, const K: usize>(
    door: impl ReadDoor<T> + ReadDoor<f32> + Copy,
    pool: &TokenPool<'_, K>,
    matrix: &Tokens<'_, T>,
    source: S,
    range: Range<usize>,
    (cells, width): (&mut [f32], usize),
) -> usize {
    let (mut stream, mut sums) = (Stream::new(source.skipped()), [Sums::NONE; K]);
    let start = range.start;
    let all = |mode| pool.modes.iter().all(|&other| other == mode);
    // One row is enough, and nothing else is looked at.
    let nth = |n| range.clone().filter(|&position| source.keeps(position)).nth(n);
    let range = if all(Mode::First) {
        nth(source.skipped()).map_or(0..0, |first| start..first + 1)
    } else if all(Mode::Last) && nth(source.skipped()).is_some() {
        stream = Stream::new(0);
        let last = range.clone().rfind(|&position| source.keeps(position));
        last.map_or(0..0, |last| last..last + 1)
    } else {
        range
    };
    let input = Input { tokens: matrix, source, weights: pool.weights.unwrap_or(&[]), start };
    Partial { modes: &pool.modes, stream: &mut stream, sums: &mut sums, cells, width }.push(door, input, range);
    ReadDoor::<f32>::enter(door, Finish { pool, sums: &sums, cells, width })
}

/// Cells that become the result; gives how many tokens were pooled.
pub(super) struct Finish<'a, 'w, const K: usize> {
    pub(super) pool: &'a TokenPool<'w, K>,
    pub(super) sums: &'a [Sums; K],
    pub(super) cells: &'a mut [f32],
    pub(super) width: usize,
}

impl<const K: usize> ReadKernel<f32> for Finish<'_, '_, K> {
    type Output = usize;

    #[inline(always)]
    fn run<L: Read<f32>>(self, lanes: L) -> usize {
        self.pool.finish(lanes, self.sums, self.cells, self.width)
    }
}
