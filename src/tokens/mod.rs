//! Token vectors of a sequence into one vector.
//!
//! Tokens are `[tokens, dim]`, one row a token. Which tokens count is said by [`Keep`], and a
//! token that is left out is never read: NaN or garbage in padding changes nothing. If no token
//! is kept, the result is all zeros and the returned count 0. NaN in a kept token propagates, but for weights that sum to zero.
//!
//! Each dimension is summed in the order of the tokens, multiply then add for weights, and
//! divided once. So the bits depend on the sequence alone: not on the instruction set, and not on
//! the padding or the batch around it.
//!
//! ```
//! use lanepool::tokens::{self, Keep, Tokens};
//!
//! let x = [1.0f32, -2.0, 3.0, 4.0, 9.0, -9.0];
//! let sequence = Tokens::new(&x, [3, 2])?;
//! let mut pooled = [0.0; 2];
//! let count = tokens::mean(sequence, Keep::mask(&[1, 1, 0]), &mut pooled)?;
//! assert_eq!((count, pooled), (2, [2.0, 1.0]));
//! # Ok::<(), lanepool::PoolError>(())
//! ```

mod keep;
mod pool;

pub use keep::{Keep, Tokens};
pub use pool::{L2_EPSILON, Mode, TokenPool};

use crate::dispatch::Isa;
use crate::error::PoolError;

/// Copies the first kept token (CLS pooling; right under left padding too).
///
/// # Errors
/// As [`TokenPool::run`].
pub fn first(tokens: Tokens<'_, f32>, keep: Keep<'_>, output: &mut [f32]) -> Result<usize, PoolError> {
    TokenPool::new(Mode::First).run(tokens, keep, output)
}

/// Copies the last kept token.
///
/// # Errors
/// As [`TokenPool::run`].
pub fn last(tokens: Tokens<'_, f32>, keep: Keep<'_>, output: &mut [f32]) -> Result<usize, PoolError> {
    TokenPool::new(Mode::Last).run(tokens, keep, output)
}

/// The mean of the kept tokens.
///
/// # Errors
/// As [`TokenPool::run`].
pub fn mean(tokens: Tokens<'_, f32>, keep: Keep<'_>, output: &mut [f32]) -> Result<usize, PoolError> {
    TokenPool::new(Mode::Mean).run(tokens, keep, output)
}

/// The greatest value of each dimension over the kept tokens; NaN wins.
///
/// # Errors
/// As [`TokenPool::run`].
pub fn max(tokens: Tokens<'_, f32>, keep: Keep<'_>, output: &mut [f32]) -> Result<usize, PoolError> {
    TokenPool::new(Mode::Max).run(tokens, keep, output)
}

/// `sum(w * x) / sum(w)` over the kept tokens; zeros if the weights sum to zero.
///
/// ```
/// use lanepool::tokens::{self, Keep, Tokens};
/// let sequence = Tokens::new(&[1.0f32, -2.0, 3.0, 4.0, 9.0, -9.0], [3, 2])?;
/// let mut pooled = [0.0; 2];
/// tokens::weighted_mean(sequence, Keep::length(2), &[1.0, 3.0, 7.0], &mut pooled)?;
/// assert_eq!(pooled, [2.5, 2.5]);
/// # Ok::<(), lanepool::PoolError>(())
/// ```
///
/// # Errors
/// As [`TokenPool::run`].
pub fn weighted_mean(
    tokens: Tokens<'_, f32>,
    keep: Keep<'_>,
    weights: &[f32],
    output: &mut [f32],
) -> Result<usize, PoolError> {
    TokenPool::new(Mode::WeightedMean(weights)).run(tokens, keep, output)
}

/// The mean weighted by the softmax of `scores` over the kept tokens.
///
/// A score of negative infinity leaves its token out, unread. Finite scores of any size are
/// safe: the greatest one is subtracted first. A score of NaN or infinity gives NaN.
///
/// ```
/// use lanepool::tokens::{self, Keep, Tokens};
/// let sequence = Tokens::new(&[1.0f32, -2.0, 3.0, 4.0, 9.0, -9.0], [3, 2])?;
/// let mut pooled = [0.0; 2];
/// tokens::attention(sequence, Keep::length(2), &[1.0, 2.0, 0.0], &mut pooled)?;
/// assert!((pooled[0] - 2.462117).abs() < 1e-6 && (pooled[1] - 2.386351).abs() < 1e-6);
/// # Ok::<(), lanepool::PoolError>(())
/// ```
///
/// # Errors
/// As [`TokenPool::run`].
pub fn attention(
    tokens: Tokens<'_, f32>,
    keep: Keep<'_>,
    scores: &[f32],
    output: &mut [f32],
) -> Result<usize, PoolError> {
    TokenPool::new(Mode::Attention(scores)).run(tokens, keep, output)
}

/// Divides a vector by its Euclidean length, or by `epsilon` if that is greater
/// ([`L2_EPSILON`] is PyTorch's): zero stays zero. NaN anywhere gives NaN everywhere.
///
/// Squares enter lane `i % 16` and the lanes merge as a tree, in f32: a vector of length above
/// 1e19 overflows to zeros, as in PyTorch.
///
/// ```
/// let mut x = [3.0f32, 4.0];
/// lanepool::tokens::l2_normalize(&mut x, lanepool::tokens::L2_EPSILON);
/// assert_eq!(x, [0.6, 0.8]);
/// ```
///
/// Definition: PyTorch `nn.functional.normalize`.
pub fn l2_normalize(vector: &mut [f32], epsilon: f32) {
    l2_normalize_on(Isa::best(), vector, epsilon);
}

/// As [`l2_normalize`], on a chosen instruction set. The result has the same bits.
pub fn l2_normalize_on(isa: Isa, vector: &mut [f32], epsilon: f32) {
    pool::normalize_through(isa, vector, epsilon);
}
