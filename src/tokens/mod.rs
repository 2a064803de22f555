//! Token vectors of a sequence into one vector.
//!
//! Tokens are `[tokens, dim]`, one row a token. Which tokens count is said by [`Keep`], and a
//! token that is left out is never read: NaN or garbage in padding changes nothing. If no token
//! is kept, the result is all zeros and the returned count 0. NaN in a kept token propagates, but for weights that sum to zero.
//!
//! A call takes time in proportion to the elements that it reads and writes and to the numbers that it is given (masks, weights, ids, offsets),
//! never to a count alone; rows of stride 0 are elements that are read again.
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
//! let count = tokens::mean(sequence, Keep::mask(&[1u8, 1, 0]), &mut pooled)?;
//! assert_eq!((count, pooled), (2, [2.0, 1.0]));
//! # Ok::<(), lanepool::PoolError>(())
//! ```

mod attentive;
pub mod by;
mod divide;
mod element;
mod encoding;
mod exp;
mod finish;
mod fold;
mod ids;
mod keep;
mod mode;
mod pool;
mod queue;
mod rows;
mod saved;
mod sequences;
mod similar;
mod sparse;
mod state;
pub(crate) mod steps;
mod stream;
mod work;

pub(crate) use attentive::Attentive;
pub use attentive::{attentive_statistics, attentive_statistics_on};
use by::Modes;
pub use element::TokenElement;
pub use encoding::{Bits, CodesI8, CodesU8, Converted, Encoded, Encoding};
pub use finish::{
    L2_EPSILON, convert, cosine, dot, dot_i8, hamming, l2_normalize, pack_bits, quantize_i8, quantize_u8,
};
pub(crate) use fold::{Rows, fold};
pub use ids::Ids;
pub use keep::{Keep, MaskElement};
pub use mode::{Empty, Mode, Positions};
pub use pool::TokenPool;
pub use rows::Tokens;
pub use sequences::{Offset, Sequences};
pub(crate) use similar::similarity;
pub use similar::{max_sim, max_sim_on};
pub use sparse::{Entry, above, largest};
pub use state::TokenState;
pub(crate) use work::mean_of_all;

use crate::error::{Argument, PoolError};

/// Copies the first kept token (CLS pooling; right under left padding too).
///
/// # Errors
/// As [`TokenPool::run`].
pub fn first<T: TokenElement>(tokens: Tokens<'_, T>, keep: Keep<'_>, output: &mut [f32]) -> Result<usize, PoolError> {
    TokenPool::new(by::First).run(tokens, keep, output)
}

/// Copies the last kept token.
///
/// # Errors
/// As [`TokenPool::run`].
pub fn last<T: TokenElement>(tokens: Tokens<'_, T>, keep: Keep<'_>, output: &mut [f32]) -> Result<usize, PoolError> {
    TokenPool::new(by::Last).run(tokens, keep, output)
}

/// The mean of the kept tokens.
///
/// # Errors
/// As [`TokenPool::run`].
pub fn mean<T: TokenElement>(tokens: Tokens<'_, T>, keep: Keep<'_>, output: &mut [f32]) -> Result<usize, PoolError> {
    TokenPool::new(by::Mean).run(tokens, keep, output)
}

/// The greatest value of each dimension over the kept tokens; NaN wins.
///
/// # Errors
/// As [`TokenPool::run`].
pub fn max<T: TokenElement>(tokens: Tokens<'_, T>, keep: Keep<'_>, output: &mut [f32]) -> Result<usize, PoolError> {
    TokenPool::new(by::Max).run(tokens, keep, output)
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
pub fn weighted_mean<T: TokenElement>(
    tokens: Tokens<'_, T>,
    keep: Keep<'_>,
    weights: &[f32],
    output: &mut [f32],
) -> Result<usize, PoolError> {
    TokenPool::new(by::WeightedMean(weights)).run(tokens, keep, output)
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
pub fn attention<T: TokenElement>(
    tokens: Tokens<'_, T>,
    keep: Keep<'_>,
    scores: &[f32],
    output: &mut [f32],
) -> Result<usize, PoolError> {
    TokenPool::new(by::Attention(scores)).run(tokens, keep, output)
}

fn check_length(argument: Argument, expected: usize, given: usize) -> Result<(), PoolError> {
    if expected == given { Ok(()) } else { Err(PoolError::Length { argument, expected, given }) }
}
