//! A mode, or several, with its finish; for one sequence or many.

use super::encoding::{Encoded, Encoding};
use super::stream;
use super::work::{Masked, Results, Work};
use super::{Empty, Ids, Keep, Mode, Modes, Offset, Sequences, TokenElement, Tokens, check_length, l2_normalize};
use crate::dispatch::{Best, Door, Isa};
use crate::error::{Argument, AxisName, PoolError};

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
pub struct TokenPool<'w, M = Mode> {
    pub(super) modes: M,
    pub(super) weights: Option<&'w [f32]>,
    dims: Option<usize>,
    empty: Empty,
    l2_epsilon: Option<f32>,
}

impl<'w, M: Modes> TokenPool<'w, M> {
    /// Pools by a mode, without a finish: a [`Mode`] that may be chosen at run time, or one of [`by`](super::by), known when compiling.
    pub const fn new(modes: M) -> Self {
        Self { modes, weights: None, dims: None, empty: Empty::Zeros, l2_epsilon: None }
    }
}

impl<'w, const K: usize> TokenPool<'w, [Mode; K]> {
    /// Pools by each of the modes; the results lie one after the other.
    pub const fn concat(modes: [Mode; K]) -> Self {
        Self::new(modes)
    }
}

impl<'w, M: Modes> TokenPool<'w, M> {
    /// One weight a token, or one score for [`Mode::Attention`], instead of those that are part of the mode. Those of tokens that are
    /// left out are never read.
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
    pub(super) fn without_weights(&self) -> TokenPool<'static, M> {
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
        self.batch(Best, (tokens, Sequences::padded(1, tokens.tokens()), keep), output, None)
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
        self.batch(isa, (tokens, Sequences::padded(1, tokens.tokens()), keep), output, None)
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
        self.batch(Best, (tokens, sequences, keep), output, counts).map(|_| ())
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
        self.batch(isa, (tokens, sequences, keep), output, counts).map(|_| ())
    }

    /// As [`TokenPool::run_batch`], but each result becomes codes, bits or smaller floats at once: the memory for floats is that of
    /// one result, however many there are.
    ///
    /// ```
    /// use lanepool::tokens::{Bits, Encoded, Keep, Mode, Sequences, TokenPool, Tokens};
    ///
    /// let tokens = Tokens::new(&[1.0f32, 2.0, 3.0, -4.0, 5.0, 6.0], [3, 2])?;
    /// let (mut cells, mut bits) = ([0.0; 2], [0; 2]);
    /// let encoded = Encoded { encoding: Bits, cells: &mut cells, output: &mut bits };
    /// let sequences = Sequences::offsets(&[0, 2, 3]);
    /// TokenPool::new(Mode::Mean).run_batch_encoded(tokens, sequences, Keep::all(), encoded, None)?;
    /// assert_eq!(bits, [0b1000_0000, 0b1100_0000]);
    /// # Ok::<(), lanepool::PoolError>(())
    /// ```
    ///
    /// # Errors
    /// As [`TokenPool::run_batch`]; [`PoolError::Length`] also if cells or ranges have another length than a result.
    pub fn run_batch_encoded<T: TokenElement, O: Offset, E: Encoding>(
        &self,
        tokens: Tokens<'_, T>,
        sequences: Sequences<'_, O>,
        keep: Keep<'_>,
        output: Encoded<'_, E>,
        counts: Option<&mut [usize]>,
    ) -> Result<(), PoolError> {
        self.batch(Best, (tokens, sequences, keep), output, counts).map(|_| ())
    }

    /// Returns how many tokens of the last sequence were pooled.
    fn batch<T: TokenElement, O: Offset>(
        &self,
        door: impl Door,
        (matrix, sequences, keep): (Tokens<'_, T>, Sequences<'_, O>, Keep<'_>),
        output: impl Results,
        counts: Option<&mut [usize]>,
    ) -> Result<usize, PoolError> {
        let tokens = matrix.tokens();
        let width = self.check((matrix.dim(), tokens), sequences.count(), &output, counts.as_deref())?;
        keep.check(tokens)?;
        sequences.check(tokens)?;
        let source = Masked { keep, tokens };
        Ok(Work { pool: self, matrix, source, sequences, width, output, counts }.run(door))
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
        self.bags(Best, (table, ids, bags), output, counts)
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
        self.bags(isa, (table, ids, bags), output, counts)
    }

    /// As [`TokenPool::run_bags`], but each result becomes codes, bits or smaller floats at once, as with
    /// [`TokenPool::run_batch_encoded`].
    ///
    /// # Errors
    /// As [`TokenPool::run_bags`]; [`PoolError::Length`] also if cells or ranges have another length than a result.
    pub fn run_bags_encoded<T: TokenElement, I: Offset, O: Offset, E: Encoding>(
        &self,
        table: Tokens<'_, T>,
        ids: Ids<'_, I>,
        bags: Sequences<'_, O>,
        output: Encoded<'_, E>,
        counts: Option<&mut [usize]>,
    ) -> Result<(), PoolError> {
        self.bags(Best, (table, ids, bags), output, counts)
    }

    fn bags<T: TokenElement, I: Offset, O: Offset>(
        &self,
        door: impl Door,
        (matrix, source, sequences): (Tokens<'_, T>, Ids<'_, I>, Sequences<'_, O>),
        output: impl Results,
        counts: Option<&mut [usize]>,
    ) -> Result<(), PoolError> {
        let width = self.check((matrix.dim(), source.len()), sequences.count(), &output, counts.as_deref())?;
        source.check_table(matrix.tokens())?;
        sequences.check(source.len())?;
        Work { pool: self, matrix, source, sequences, width, output, counts }.run(door);
        Ok(())
    }

    /// Whether what goes with `tokens` tokens, and with `sequences` results, has its length; gives the width.
    fn check(
        &self,
        (dim, tokens): (usize, usize),
        sequences: usize,
        output: &impl Results,
        counts: Option<&[usize]>,
    ) -> Result<usize, PoolError> {
        output.check(self.output_len(dim)?, sequences)?;
        if let Some(counts) = counts {
            check_length(Argument::Counts, sequences, counts.len())?;
        }
        self.check_modes()?;
        self.check_weights(tokens, self.all_weights().map(<[f32]>::len))?;
        self.width(dim)
    }

    pub(super) fn check_modes(&self) -> Result<(), PoolError> {
        (0..M::COUNT).try_for_each(|i| self.modes.mode(i).check())
    }

    /// Whether there is a weight or score for each token, if there are any, or must be.
    pub(super) fn check_weights(&self, tokens: usize, given: Option<usize>) -> Result<(), PoolError> {
        let any = |is: fn(Mode) -> bool| (0..M::COUNT).any(|i| is(self.modes.mode(i)));
        if given.is_none() && !any(Mode::needs_weights) {
            return Ok(());
        }
        let argument = if any(|mode| mode == Mode::Attention) { Argument::Scores } else { Argument::Weights };
        check_length(argument, tokens, given.unwrap_or(0))
    }

    /// Weights or scores, if there are any.
    pub(super) fn all_weights(&self) -> Option<&[f32]> {
        self.weights.or(self.modes.weights())
    }

    /// Turns cells into the result; returns how many tokens were pooled.
    #[inline(always)]
    pub(super) fn finish(&self, sums: &M::Sums, cells: &mut [f32], width: usize) -> usize {
        let mut count = 0;
        for ((mode, range), sums) in stream::sections(&self.modes, width).zip(sums.as_ref()) {
            if let Some(cells) = cells.get_mut(range) {
                stream::finish(mode, sums, self.empty, cells);
            }
            count = sums.count.max(count);
        }
        if let Some(epsilon) = self.l2_epsilon {
            l2_normalize(cells, epsilon);
        }
        count
    }
}
