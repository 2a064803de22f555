//! The modes, and their finish.

use super::{Keep, Tokens};
use crate::dispatch::{Door, Isa, Kernel};
use crate::element::Element;
use crate::error::{Argument, PoolError};
use crate::kernel::plane;
use crate::kernel::rows::{self, Plain, Weighted};
use crate::lanes::Lanes;
use crate::reduce::{Bounds, Max, Mean, Squares};

/// The least length by which PyTorch divides when it normalises.
pub const L2_EPSILON: f32 = 1e-12;

/// How the kept tokens become one vector.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Mode<'a> {
    /// The first one (CLS).
    First,
    /// The last one.
    Last,
    /// Their mean.
    Mean,
    /// Their sum over the square root of their number.
    MeanSqrtLength,
    /// Their mean by weights that grow with the position: 1 for the first kept token, and one more for
    /// each token after it, kept or not.
    PositionWeightedMean,
    /// The greatest value of each dimension.
    Max,
    /// The mean by these weights, one a token; see [`weighted_mean`](super::weighted_mean).
    WeightedMean(&'a [f32]),
    /// The mean by the softmax of these scores, one a token; see [`attention`](super::attention).
    Attention(&'a [f32]),
}

/// A mode with its finish, for any number of sequences.
///
/// ```
/// use lanepool::tokens::{Keep, L2_EPSILON, Mode, TokenPool, Tokens};
///
/// let sentence = Tokens::new(&[1.0f32, 5.0, 5.0, 3.0], [2, 2])?;
/// let mut embedding = [0.0; 2];
/// let pool = TokenPool::new(Mode::Mean).l2_normalize(L2_EPSILON);
/// assert_eq!(pool.run(sentence, Keep::all(), &mut embedding)?, 2);
/// assert_eq!(embedding, [0.6, 0.8]);
/// # Ok::<(), lanepool::PoolError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct TokenPool<'a> {
    mode: Mode<'a>,
    l2_epsilon: Option<f32>,
}

impl<'a> TokenPool<'a> {
    /// Pools by `mode`, without a finish.
    pub const fn new(mode: Mode<'a>) -> Self {
        Self { mode, l2_epsilon: None }
    }

    /// Divides the result by its length, as [`l2_normalize`](super::l2_normalize) does.
    pub const fn l2_normalize(mut self, epsilon: f32) -> Self {
        self.l2_epsilon = Some(epsilon);
        self
    }

    /// Pools a sequence into `output`, one element a dimension, and returns how many tokens
    /// were pooled: 0 or 1 for [`Mode::First`] and [`Mode::Last`]. No token gives zeros.
    ///
    /// # Errors
    /// [`PoolError::Length`] if the output, mask, weights or scores have another length than the
    /// sequence asks for, [`PoolError::Range`] if the length to keep exceeds it. Nothing is
    /// written then.
    pub fn run(&self, tokens: Tokens<'_, f32>, keep: Keep<'_>, output: &mut [f32]) -> Result<usize, PoolError> {
        self.run_through(Isa::best(), tokens, keep, output)
    }

    /// As [`TokenPool::run`], on a chosen instruction set. The result has the same bits.
    ///
    /// # Errors
    /// As [`TokenPool::run`].
    pub fn run_on(
        &self,
        isa: Isa,
        tokens: Tokens<'_, f32>,
        keep: Keep<'_>,
        output: &mut [f32],
    ) -> Result<usize, PoolError> {
        self.run_through(isa, tokens, keep, output)
    }

    #[inline(always)]
    pub(crate) fn run_through(
        &self,
        door: impl Door<f32>,
        tokens: Tokens<'_, f32>,
        keep: Keep<'_>,
        output: &mut [f32],
    ) -> Result<usize, PoolError> {
        let check = |argument, expected, given| {
            if expected == given { Ok(()) } else { Err(PoolError::Length { argument, expected, given }) }
        };
        check(Argument::Output, tokens.dim, output.len())?;
        keep.check(tokens.tokens)?;
        match self.mode {
            Mode::WeightedMean(weights) => check(Argument::Weights, tokens.tokens, weights.len())?,
            Mode::Attention(scores) => check(Argument::Scores, tokens.tokens, scores.len())?,
            _ => {}
        }
        Ok(door.enter(Work { pool: *self, tokens, keep, output }))
    }
}

/// A sequence whose lengths have been checked.
struct Work<'a, 'o> {
    pool: TokenPool<'a>,
    tokens: Tokens<'a, f32>,
    keep: Keep<'a>,
    output: &'o mut [f32],
}

impl Kernel<f32> for Work<'_, '_> {
    type Output = usize;

    #[inline(always)]
    fn run<L: Lanes<f32>>(self, lanes: L) -> usize {
        let Self { pool, tokens, keep, output } = self;
        let data = tokens.data;
        let row = |t| tokens.row(t);
        let kept = keep.indices(tokens.tokens);
        let mean = Mean(Bounds::ALL);
        let copy = |token: Option<usize>, output: &mut [f32]| {
            let row = token.and_then(|t| data.get(row(t)..)).unwrap_or(&[]);
            output.iter_mut().zip(row).for_each(|(to, from)| *to = *from);
            usize::from(token.is_some())
        };
        let mut divisor = 1.0;
        let count = match pool.mode {
            Mode::First => copy(kept.clone().next(), output),
            Mode::Last => copy(kept.clone().next_back(), output),
            Mode::Max => {
                let rows = kept.map(|t| (row(t), ()));
                rows::fold(lanes, Plain(Max(Bounds::ALL)), data, 1, rows, output)
            }
            Mode::Mean | Mode::MeanSqrtLength => {
                let rows = kept.map(|t| (row(t), ()));
                let count = rows::fold(lanes, Plain(mean), data, 1, rows, output);
                divisor = count as f32;
                if matches!(pool.mode, Mode::MeanSqrtLength) {
                    divisor = libm::sqrtf(divisor);
                }
                count
            }
            Mode::PositionWeightedMean => {
                let first = kept.clone().next().unwrap_or(0);
                let rows = kept.map(|t| (t, (t - first + 1) as f32));
                let (count, total) = weighted(lanes, tokens, rows, output);
                divisor = total;
                count
            }
            Mode::WeightedMean(weights) => {
                let rows = kept.zip_with(weights);
                let (count, total) = weighted(lanes, tokens, rows, output);
                divisor = total;
                count
            }
            Mode::Attention(scores) => {
                let rows = kept.zip_with(scores).filter(|&(_, score)| score != f32::NEG_INFINITY);
                // A NaN among the scores need not be found here: it makes its own weight NaN.
                let greatest = rows.clone().fold(f32::NEG_INFINITY, |m, (_, score)| if score > m { score } else { m });
                let rows = rows.map(|(t, score)| (t, libm::expf(score - greatest)));
                let (count, total) = weighted(lanes, tokens, rows, output);
                divisor = total;
                count
            }
        };
        if count == 0 || divisor == 0.0 {
            output.fill(0.0);
        } else if divisor != 1.0 {
            rows::finish_in_place(lanes, mean, output, divisor);
        }
        if let Some(epsilon) = pool.l2_epsilon {
            normalize(lanes, output, epsilon);
        }
        count
    }
}

/// Pairs tokens with what is given for each.
trait ZipWith: Iterator<Item = usize> + Clone + Sized {
    #[inline(always)]
    fn zip_with(self, values: &[f32]) -> impl Iterator<Item = (usize, f32)> + Clone {
        self.filter_map(move |t| Some((t, *values.get(t)?)))
    }
}

impl<I: Iterator<Item = usize> + Clone> ZipWith for I {}

/// Sums `weight * token`, and the weights, in the order of the tokens; how many, and the total.
#[inline(always)]
fn weighted<L: Lanes<f32>>(
    lanes: L,
    tokens: Tokens<'_, f32>,
    rows: impl Iterator<Item = (usize, f32)>,
    output: &mut [f32],
) -> (usize, f32) {
    let mut total = f32::NO_SUM;
    let rows = rows.map(|(t, weight)| {
        total += weight;
        (tokens.row(t), weight)
    });
    let count = rows::fold(lanes, Weighted(Mean(Bounds::ALL)), tokens.data, 1, rows, output);
    (count, total)
}

#[inline(always)]
fn normalize<L: Lanes<f32>>(lanes: L, vector: &mut [f32], epsilon: f32) {
    let [squares] = plane::runs(lanes, Squares, vector, [0], vector.len());
    let length = libm::sqrtf(squares);
    // Written so that a NaN stays.
    let length = if length < epsilon { epsilon } else { length };
    rows::finish_in_place(lanes, Mean(Bounds::ALL), vector, length);
}

/// Normalises behind `door`.
pub(crate) fn normalize_through(door: impl Door<f32>, vector: &mut [f32], epsilon: f32) {
    struct Normalize<'a>(&'a mut [f32], f32);
    impl Kernel<f32> for Normalize<'_> {
        type Output = ();

        #[inline(always)]
        fn run<L: Lanes<f32>>(self, lanes: L) {
            normalize(lanes, self.0, self.1);
        }
    }
    door.enter(Normalize(vector, epsilon));
}
