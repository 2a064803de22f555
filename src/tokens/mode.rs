//! The modes.

use crate::error::PoolError;

/// How the kept tokens become one vector. Everything is computed in `f32`, in the order of the tokens.
///
/// `x` is an element of a kept token, `n` their number, `w` the weight that [`TokenPool::weights`](super::TokenPool::weights)
/// gives its token.
///
/// | mode | result | definition |
/// |---|---|---|
/// | `First`, `Last` | a copy | sentence-transformers `cls`, `lasttoken` |
/// | `Sum`, `Mean` | `sum(x)`, `sum(x) / n` | sentence-transformers `mean` |
/// | `MeanSqrtLength` | `sum(x) / sqrt(n)` | sentence-transformers `mean_sqrt_len_tokens` |
/// | `PositionWeightedMean` | `sum(p * x) / sum(p)`, with `p` = 1, 2, 3.. | SGPT; sentence-transformers `weightedmean` |
/// | `WeightedSum`, `WeightedMean` | `sum(w * x)`, and over `sum(w)` | PyTorch `EmbeddingBag` with `per_sample_weights` |
/// | `Attention` | `sum(e * x) / sum(e)`, with `e = exp(w - greatest w)` | softmax of the scores `w` |
/// | `Max`, `Min` | the greatest, the least; NaN wins | |
/// | `MeanStd` | mean, and after all means `sqrt(max(sum((x - mean)^2) / n, floor))` | statistics pooling (x-vectors) |
/// | `WeightedMeanStd` | the same, weighted | attentive statistics pooling |
/// | `GeneralizedMean` | `(sum(max(x, floor)^p) / n)^(1/p)` | GeM |
/// | `LogSumExp` | `ln(sum(exp(x)))` | |
/// | `Splade` | `ln(1 + max(0, x))`, the greatest | SPLADE, of the raw logits |
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Mode {
    /// The first token (CLS; right under left padding too).
    First,
    /// The last token.
    Last,
    /// The sum.
    Sum,
    /// The mean.
    Mean,
    /// The sum over the square root of the number of tokens.
    MeanSqrtLength,
    /// The mean by weights that grow with the position.
    PositionWeightedMean(Positions),
    /// The sum by the caller's weights.
    WeightedSum,
    /// The mean by the caller's weights; zeros if they sum to zero.
    WeightedMean,
    /// The mean by the softmax of the caller's scores. A score of negative infinity leaves its token out, unread.
    /// Finite scores of any size are safe. A score of NaN or infinity gives NaN.
    ///
    /// Scores are taken relative to the greatest so far, so that tokens may come one by one: the partial results shrink
    /// whenever a greater one comes.
    Attention,
    /// The greatest value of each dimension.
    Max,
    /// The least value of each dimension.
    Min,
    /// Means and then standard deviations: twice as many elements as a token has.
    ///
    /// The variance is the biased one, so one token has 0. It is found by the updates of Youngs and Cramer, which
    /// lose nothing where the mean is large.
    MeanStd {
        /// The least variance, for example 1e-12; or 0.
        floor: f32,
    },
    /// Means and standard deviations by the caller's weights; zeros if they sum to zero.
    WeightedMeanStd {
        /// The least variance.
        floor: f32,
    },
    /// The mean of powers, and its root. A sum of powers that reaches 2^120 is continued as the norm so far, in `f64` and rounded to `f32` after
    /// each token: no power overflows.
    GeneralizedMean {
        /// The exponent; above zero. Integers up to 8 are products, others take `pow`.
        p: f32,
        /// The least base, for example 1e-6.
        floor: f32,
    },
    /// The logarithm of the sum of exponentials, token by token: `ln(e^a + e^b) = max + ln(1 + e^-|a - b|)`.
    LogSumExp,
    /// The greatest logit, or zero if that is greater, as `ln(1 + x)`: one logarithm a dimension. The result is that of
    /// taking it of every logit, as it never decreases.
    Splade,
}

/// What position weights count: three conventions are in use. They agree where nothing is masked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Positions {
    /// From the first kept token on; tokens that are masked after it count. sentence-transformers 6.
    #[default]
    FromFirst,
    /// Kept tokens. GritLM, and what the cards of E5 and SGPT models show.
    Kept,
    /// From the start of the sequence, with padding. sentence-transformers 5.
    Absolute,
}

/// What a sequence gives of which no token is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Empty {
    /// Zeros, in every mode.
    #[default]
    Zeros,
    /// Negative infinity where the greatest is asked for, or the logarithm of a sum; infinity where the least is; zeros
    /// elsewhere.
    Identity,
}

impl Mode {
    /// Elements of the result for each element of a token.
    pub const fn parts(self) -> usize {
        match self {
            Self::MeanStd { .. } | Self::WeightedMeanStd { .. } => 2,
            _ => 1,
        }
    }

    /// Whether each token must have a weight or score.
    pub const fn needs_weights(self) -> bool {
        matches!(self, Self::WeightedSum | Self::WeightedMean | Self::WeightedMeanStd { .. } | Self::Attention)
    }

    /// Whether what is pooled depends on how far along the sequence a token lies.
    pub(super) const fn needs_positions(self) -> bool {
        matches!(self, Self::PositionWeightedMean(_))
    }

    /// Whether this and `next`, whose results follow, have a step in common: a sum, then the greatest.
    pub(super) const fn enters_with(self, next: Self) -> bool {
        matches!((self, next), (Self::Sum | Self::Mean | Self::MeanSqrtLength, Self::Max | Self::Splade))
    }

    pub(super) fn check(self) -> Result<(), PoolError> {
        let (p, floor) = match self {
            Self::MeanStd { floor } | Self::WeightedMeanStd { floor } => (1.0, floor),
            Self::GeneralizedMean { p, floor } => (p, floor),
            _ => return Ok(()),
        };
        if p > 0.0 && p.is_finite() && floor >= 0.0 && floor.is_finite() { Ok(()) } else { Err(PoolError::Exponent) }
    }
}
