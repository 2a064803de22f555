//! Statistics by weights that every channel has for itself.

use super::exp::exp;
use super::{Keep, TokenElement, Tokens, check_length};
use crate::access::{gather, scatter};
use crate::dispatch::Isa;
use crate::error::{Argument, AxisName, PoolError};
use crate::lanes::{Array, Floats, Lanes, Read, Register};

/// Means of the channels, and after them standard deviations, where each channel weighs the tokens by the softmax of scores
/// of its own: the attentive statistics pooling of ECAPA-TDNN. Returns how many tokens were kept; without one, the
/// output is zeros.
///
/// `scores` has a row for each token and a column for each of its elements. A score of negative infinity leaves out the element;
/// a channel that has no other gives zeros. `floor` is the least variance. Scores are taken relative to the greatest
/// so far, and variances by the updates of Youngs and Cramer, as in [`Mode::Attention`](super::Mode::Attention) and
/// [`Mode::MeanStd`](super::Mode::MeanStd).
///
/// ```
/// use lanepool::tokens::{Keep, Tokens, attentive_statistics};
///
/// let tokens = Tokens::new(&[1.0f32, 5.0, 3.0, 7.0], [2, 2])?;
/// let scores = Tokens::new(&[0.0f32, 0.0, 0.0, f32::NEG_INFINITY], [2, 2])?;
/// let mut pooled = [0.0; 4];
/// attentive_statistics(tokens, scores, Keep::all(), 0.0, &mut pooled)?;
/// assert_eq!(pooled, [2.0, 5.0, 1.0, 0.0]);
/// # Ok::<(), lanepool::PoolError>(())
/// ```
///
/// # Errors
/// [`PoolError::Shape`] if the scores have another shape than the tokens, [`PoolError::Length`], [`PoolError::Range`],
/// [`PoolError::Exponent`] if the floor is negative or not finite. Nothing is written then.
pub fn attentive_statistics<T: TokenElement>(
    tokens: Tokens<'_, T>,
    scores: Tokens<'_, f32>,
    keep: Keep<'_>,
    floor: f32,
    output: &mut [f32],
) -> Result<usize, PoolError> {
    Ok(T::attend_best(Attentive::check(tokens, scores, keep, floor, output)?))
}

/// As [`attentive_statistics`], on a chosen instruction set. The result has the same bits.
///
/// # Errors
/// As [`attentive_statistics`].
pub fn attentive_statistics_on<T: TokenElement>(
    isa: Isa,
    tokens: Tokens<'_, T>,
    scores: Tokens<'_, f32>,
    keep: Keep<'_>,
    floor: f32,
    output: &mut [f32],
) -> Result<usize, PoolError> {
    Ok(T::attend_on(isa, Attentive::check(tokens, scores, keep, floor, output)?))
}

/// Arguments that fit together.
#[derive(Debug)]
pub struct Attentive<'a, 'o, T> {
    tokens: Tokens<'a, T>,
    scores: Tokens<'a, f32>,
    keep: Keep<'a>,
    floor: f32,
    output: &'o mut [f32],
}

impl<'a, 'o, T: TokenElement> Attentive<'a, 'o, T> {
    fn check(
        tokens: Tokens<'a, T>,
        scores: Tokens<'a, f32>,
        keep: Keep<'a>,
        floor: f32,
        output: &'o mut [f32],
    ) -> Result<Self, PoolError> {
        let shape = |axis, expected, given| {
            let argument = Argument::Scores;
            if expected == given { Ok(()) } else { Err(PoolError::Shape { argument, axis, expected, given }) }
        };
        shape(AxisName::Tokens, tokens.tokens(), scores.tokens())?;
        shape(AxisName::Dim, tokens.dim(), scores.dim())?;
        keep.check(tokens.tokens())?;
        let expected = tokens.dim().checked_mul(2).ok_or(PoolError::Overflow { axis: AxisName::Dim })?;
        check_length(Argument::Output, expected, output.len())?;
        if !(floor >= 0.0 && floor.is_finite()) {
            return Err(PoolError::Exponent);
        }
        Ok(Self { tokens, scores, keep, floor, output })
    }

    #[inline(always)]
    pub(crate) fn run<L: Read<T>>(self, lanes: L) -> usize {
        let Self { tokens, scores, keep, floor, output } = self;
        let (dim, width) = (tokens.dim(), <L as Lanes<f32>>::N);
        let (range, skipped) = keep.within(0..tokens.tokens());
        let kept = keep.indices(range).skip(skipped);
        let mut c = 0;
        while c < dim {
            let n = width.min(dim - c);
            let mut channels = Channels::<L>::new(lanes);
            for t in kept.clone() {
                let from: L::From = gather(tokens.data, tokens.row(t) + c * tokens.step, tokens.step, n);
                let x = T::dequantize(lanes, &from, tokens.code(t));
                let from: Array<f32, L> = gather(scores.data, scores.row(t) + c * scores.step, scores.step, n);
                channels.take(lanes, x, L::F::load(lanes, &from));
            }
            for (part, result) in channels.finish(lanes, floor).into_iter().enumerate() {
                let mut array = <Array<f32, L> as bytemuck::Zeroable>::zeroed();
                result.store(lanes, &mut array);
                scatter(output, part * dim + c, 1, n, &array);
            }
            c += n;
        }
        keep.count(0..tokens.tokens()).saturating_sub(keep.skipped())
    }
}

/// What a score weighs beside the greatest.
#[inline(always)]
fn weight_of(score: f32, greatest: f32) -> f32 {
    // Equal infinities have no difference. No branch around the power, which would be no vector then.
    exp(if score == f32::NEG_INFINITY { score } else { score - greatest })
}

/// A vector of channels so far.
struct Channels<L: Floats> {
    greatest: L::F,
    total: L::F,
    sum: L::F,
    squares: L::F,
}

impl<L: Floats> Channels<L> {
    #[inline(always)]
    fn new(lanes: L) -> Self {
        let zero = L::F::splat(lanes, 0.0);
        Self { greatest: L::F::splat(lanes, f32::NEG_INFINITY), total: zero, sum: zero, squares: zero }
    }

    /// Takes in an element of each channel, by its score.
    #[inline(always)]
    fn take(&mut self, lanes: L, x: L::F, score: L::F) {
        let x = score.zip(
            x,
            lanes,
            #[inline(always)]
            |score, x| if score == f32::NEG_INFINITY { 0.0 } else { x },
        );
        let greatest = self.greatest.zip(
            score,
            lanes,
            #[inline(always)]
            |a, b| if b > a { b } else { a },
        );
        let shrink = self.greatest.zip(greatest, lanes, weight_of);
        let weight = score.zip(greatest, lanes, weight_of);
        let before = lanes.mul(self.total, shrink);
        self.greatest = greatest;
        self.total = lanes.add(before, weight);
        self.sum = lanes.add(lanes.mul(self.sum, shrink), lanes.mul(weight, x));
        let negative = lanes.mul(self.sum, L::F::splat(lanes, -1.0));
        let distance = lanes.add(lanes.mul(self.total, x), negative);
        let factor = weight.zip(
            lanes.mul(self.total, before),
            lanes,
            #[inline(always)]
            |w, both| if both == 0.0 { 0.0 } else { w / both },
        );
        let square = lanes.mul(factor, lanes.mul(distance, distance));
        self.squares = lanes.add(lanes.mul(self.squares, shrink), square);
    }

    /// Means and standard deviations.
    #[inline(always)]
    fn finish(self, lanes: L, floor: f32) -> [L::F; 2] {
        let quotient = |sum: f32, total: f32| if total == 0.0 { 0.0 } else { sum / total };
        let deviation = |squares: f32, total: f32| {
            let variance = quotient(squares, total);
            if total == 0.0 { 0.0 } else { libm::sqrtf(if variance < floor { floor } else { variance }) }
        };
        [self.sum.zip(self.total, lanes, quotient), self.squares.zip(self.total, lanes, deviation)]
    }
}
