//! Embedding models: the token mode that a model's own files name. What is unknown is refused, for the wrong mode gives wrong vectors
//! without an error.

use super::refuse;
use crate::error::PoolError;
use crate::tokens::{Mode, Positions};

/// The mode of sentence-transformers: of a value of `pooling_mode` (version 6), or of a key of `1_Pooling/config.json` that is `true`
/// (before).
///
/// Where several keys are `true`, the results follow each other in the order `cls_token`, `max_tokens`, `mean_tokens`,
/// `mean_sqrt_len_tokens`, `weightedmean_tokens`, `lasttoken`: see [`TokenPool::concat`](crate::tokens::TokenPool::concat). Weights by position
/// count from the first kept token, as version 6 has it whatever the file; for the vectors of version 5 take
/// [`Positions::Absolute`].
///
/// ```
/// use lanepool::frameworks::embeddings;
/// use lanepool::tokens::Mode;
///
/// assert_eq!(embeddings::sentence_transformers("mean"), Ok(Mode::Mean));
/// assert_eq!(embeddings::sentence_transformers("pooling_mode_cls_token"), Ok(Mode::First));
/// assert!(embeddings::sentence_transformers("median").is_err());
/// ```
///
/// Definition: sentence-transformers `Pooling`.
///
/// # Errors
/// [`PoolError::Attribute`] for any other name.
pub fn sentence_transformers(name: &str) -> Result<Mode, PoolError> {
    Ok(match name {
        "cls" | "pooling_mode_cls_token" => Mode::First,
        "lasttoken" | "pooling_mode_lasttoken" => Mode::Last,
        "max" | "pooling_mode_max_tokens" => Mode::Max,
        "mean" | "pooling_mode_mean_tokens" => Mode::Mean,
        "mean_sqrt_len_tokens" | "pooling_mode_mean_sqrt_len_tokens" => Mode::MeanSqrtLength,
        "weightedmean" | "pooling_mode_weightedmean_tokens" => Mode::PositionWeightedMean(Positions::FromFirst),
        _ => return refuse("pooling_mode", "is none of sentence-transformers'"),
    })
}

/// The mode of a GGUF file: of the number under `pooling_type`.
///
/// ```
/// use lanepool::frameworks::embeddings;
/// use lanepool::tokens::Mode;
///
/// assert_eq!(embeddings::gguf(1), Ok(Mode::Mean));
/// assert!(embeddings::gguf(0).is_err());
/// ```
///
/// Definition: llama.cpp `llama_pooling_type`.
///
/// # Errors
/// [`PoolError::Attribute`] for 0, which asks for the tokens as they are, for 4, which asks for a score of a rank and not for a vector, and
/// for any other number.
pub const fn gguf(pooling_type: u32) -> Result<Mode, PoolError> {
    const NAME: &str = "pooling_type";
    match pooling_type {
        0 => refuse(NAME, "is 0: the tokens are not pooled"),
        1 => Ok(Mode::Mean),
        2 => Ok(Mode::First),
        3 => Ok(Mode::Last),
        4 => refuse(NAME, "is 4: a score of a rank is no pooled vector"),
        _ => refuse(NAME, "is none of GGUF's"),
    }
}
