//! Tokens that come one by one: the partial results in the caller's memory.

use super::queue::{Input, Partial};
use super::stream::{self, Stream};
use super::work::Masked;
use super::{Keep, Mode, Modes, TokenElement, TokenPool, Tokens, check_length};
use crate::dispatch::{Best, Door, Isa};
use crate::error::{Argument, AxisName, PoolError};

/// A pool that tokens come to one by one, or some at a time.
///
/// Its partial results lie in a slice of the caller's, of [`TokenPool::output_len`] elements; no other memory is needed, however
/// long the sequence. Tokens that are pushed in order give the bits of [`TokenPool::run`], in blocks of any size.
///
/// ```
/// use lanepool::tokens::{Keep, Mode, TokenPool, Tokens};
///
/// let mut sums = [0.0; 2];
/// let mut state = TokenPool::new(Mode::Mean).start(2, &mut sums)?;
/// state.push(&[1.0f32, 5.0])?;
/// state.push_block(Tokens::new(&[5.0f32, 3.0, 0.0, 1.0], [2, 2])?, Keep::all(), &[])?;
/// assert_eq!(state.finish(), 3);
/// assert_eq!(sums, [2.0, 3.0]);
/// # Ok::<(), lanepool::PoolError>(())
/// ```
#[derive(Debug)]
pub struct TokenState<'s, M: Modes = Mode> {
    pub(super) pool: TokenPool<'static, M>,
    pub(super) dim: usize,
    pub(super) width: usize,
    pub(super) cells: &'s mut [f32],
    pub(super) stream: Stream,
    pub(super) sums: M::Sums,
}

impl<M: Modes> TokenPool<'_, M> {
    /// A streaming pool for tokens of `dim` elements, which works in `cells`. What they hold does not matter. Weights are
    /// given with the tokens.
    ///
    /// # Errors
    /// As [`TokenPool::run`].
    pub fn start<'s>(&self, dim: usize, cells: &'s mut [f32]) -> Result<TokenState<'s, M>, PoolError> {
        self.start_after(0, dim, cells)
    }

    /// The same, but leaves out the first `skipped` kept tokens of the whole sequence, as [`Keep::skip`] does.
    ///
    /// # Errors
    /// As [`TokenPool::run`].
    pub fn start_after<'s>(
        &self,
        skipped: usize,
        dim: usize,
        cells: &'s mut [f32],
    ) -> Result<TokenState<'s, M>, PoolError> {
        let pool = self.without_weights();
        check_length(Argument::State, self.output_len(dim)?, cells.len())?;
        self.check_modes()?;
        let width = self.width(dim)?;
        Ok(TokenState { pool, dim, width, cells, stream: Stream::new(skipped), sums: M::NOTHING })
    }
}

impl<M: Modes> TokenState<'_, M> {
    /// Pools one more token, and returns 1; or 0, if it is one of those to be skipped.
    ///
    /// # Errors
    /// [`PoolError::Length`] if it has another width, or if the mode asks for a weight.
    pub fn push<T: TokenElement>(&mut self, token: &[T]) -> Result<usize, PoolError> {
        self.push_block(Tokens::new(token, [1, token.len()])?, Keep::all(), &[])
    }

    /// Pools one more token by its weight or score, and returns how many were pooled.
    ///
    /// # Errors
    /// [`PoolError::Length`] if it has another width.
    pub fn push_weighted<T: TokenElement>(&mut self, token: &[T], weight: f32) -> Result<usize, PoolError> {
        self.push_block(Tokens::new(token, [1, token.len()])?, Keep::all(), &[weight])
    }

    /// Pools the kept ones of more tokens, and returns how many were pooled: not those that are skipped. There are as many weights or
    /// scores as tokens; or none, if the mode asks for none. [`Keep::skip`] counts from the start of the block; for the whole
    /// sequence there is [`TokenPool::start_after`]. Skipped tokens have positions, as everywhere.
    ///
    /// # Errors
    /// As [`TokenPool::run`].
    pub fn push_block<T: TokenElement>(
        &mut self,
        tokens: Tokens<'_, T>,
        keep: Keep<'_>,
        weights: &[f32],
    ) -> Result<usize, PoolError> {
        self.enter(Best, tokens, keep, weights)
    }

    /// As [`TokenState::push_block`], on a chosen instruction set. The result has the same bits.
    ///
    /// # Errors
    /// As [`TokenPool::run`].
    pub fn push_block_on<T: TokenElement>(
        &mut self,
        isa: Isa,
        tokens: Tokens<'_, T>,
        keep: Keep<'_>,
        weights: &[f32],
    ) -> Result<usize, PoolError> {
        self.enter(isa, tokens, keep, weights)
    }

    fn enter<T: TokenElement>(
        &mut self,
        door: impl Door,
        tokens: Tokens<'_, T>,
        keep: Keep<'_>,
        weights: &[f32],
    ) -> Result<usize, PoolError> {
        let (argument, axis, expected, given) = (Argument::Input, AxisName::Dim, self.dim, tokens.dim());
        if expected != given {
            return Err(PoolError::Shape { argument, axis, expected, given });
        }
        keep.check(tokens.tokens())?;
        let given = if weights.is_empty() { None } else { Some(weights.len()) };
        self.pool.check_weights(tokens.tokens(), given)?;
        let Self { pool, width, stream, sums, cells, .. } = self;
        let (all, before, skip) = (tokens.tokens(), stream.kept, stream.skip);
        // Those of the stream, and those of the block.
        let skipped = skip.max(before.saturating_add(keep.skipped()));
        stream.skip = skipped;
        let input = Input { tokens: &tokens, source: Masked { keep, tokens: all }, weights, start: 0 };
        Partial { modes: &pool.modes, stream, sums, cells, width: *width }.push(door, input, 0..all);
        stream.seen = stream.seen.saturating_add(all);
        stream.skip = skip;
        Ok(stream.kept.saturating_sub(skipped.max(before)))
    }

    /// Lets `tokens` masked tokens pass, for modes whose weights count them.
    pub fn pass(&mut self, tokens: usize) {
        self.stream.seen = self.stream.seen.saturating_add(tokens);
    }

    /// Takes in what `later` has pooled, as if its tokens came after these. Sums are added, so the bits may differ from those of
    /// pushing the tokens.
    ///
    /// # Errors
    /// [`PoolError::Merge`] if the two differ in mode or dimension, if tokens are skipped in the later one, if some of the later one would
    /// have to be skipped, or if the mode weighs by position and both have tokens. Nothing is changed then.
    pub fn merge(&mut self, later: &TokenState<'_, M>) -> Result<(), PoolError> {
        let [modes, others] = [&self.pool.modes, &later.pool.modes];
        let alike = (0..M::COUNT).all(|i| modes.mode(i) == others.mode(i))
            && (self.dim, self.width) == (later.dim, later.width);
        let positions = (0..M::COUNT).any(|i| modes.mode(i).needs_positions());
        let both = self.stream.seen > 0 && later.sums.as_ref().iter().any(|sums| sums.count > 0);
        let too_early = self.stream.kept < self.stream.skip && later.stream.kept > 0;
        if !alike || later.stream.skips() || too_early || (positions && both) {
            return Err(PoolError::Merge);
        }
        let sections = stream::sections(&self.pool.modes, self.width);
        for (((mode, range), sums), more) in sections.zip(self.sums.as_mut()).zip(later.sums.as_ref()) {
            if let (Some(cells), Some(later)) = (self.cells.get_mut(range.clone()), later.cells.get(range)) {
                stream::merge(mode, sums, cells, more, later);
            }
        }
        self.stream.join(&later.stream);
        Ok(())
    }

    /// Turns the cells into the result, and returns how many tokens were pooled, as [`TokenPool::run`] does.
    pub fn finish(self) -> usize {
        self.pool.finish(&self.sums, self.cells, self.width)
    }
}
