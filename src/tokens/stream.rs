//! What has been pooled of a sequence so far; how it becomes the result, and how a later part is merged.

use super::divide::divide;
use super::steps::{AddPower, Moment, Rescale, log_add_exp};
use super::{Empty, Mode, Modes};
use crate::element::Element;
use crate::pool::LpNorm;
use crate::reduce::Norm;
use core::ops::Range;

/// The tokens of a sequence so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stream {
    /// Tokens, masked or not.
    pub(super) seen: usize,
    /// Position of the first kept one, and how many were kept; with those skipped.
    pub(super) first: usize,
    pub(super) kept: usize,
    /// How many kept ones are to be skipped in all.
    pub(super) skip: usize,
}

impl Stream {
    pub(super) const fn new(skip: usize) -> Self {
        Self { seen: 0, first: 0, kept: 0, skip }
    }

    /// Whether tokens are left out at the start.
    pub(super) const fn skips(&self) -> bool {
        self.skip > 0
    }

    /// With the tokens of a later part.
    pub(super) fn join(&mut self, later: &Self) {
        if self.kept == 0 {
            self.first = self.seen.saturating_add(later.first);
        }
        self.seen = self.seen.saturating_add(later.seen);
        self.kept = self.kept.saturating_add(later.kept);
    }
}

/// What a mode knows besides its cells.
#[derive(Clone, Copy, Debug)]
pub struct Sums {
    /// Tokens that entered.
    pub(super) count: usize,
    /// Their weights together.
    pub(super) total: f32,
    /// The greatest score.
    pub(super) greatest: f32,
}

impl Sums {
    pub(super) const NONE: Self = Self { count: 0, total: f32::NO_SUM, greatest: f32::NEG_INFINITY };
}

/// Parts of the results of all modes.
pub(super) fn parts<M: Modes>(modes: &M) -> usize {
    (0..M::COUNT).map(|i| modes.mode(i).parts()).sum()
}

/// The modes, and where each has its cells, if a part has so many.
pub(super) fn sections<M: Modes>(modes: &M, width: usize) -> impl Iterator<Item = (Mode, Range<usize>)> {
    let mut end = 0;
    (0..M::COUNT).map(move |i| {
        let (mode, start) = (modes.mode(i), end);
        end += mode.parts() * width;
        (mode, start..end)
    })
}

pub(super) fn norm(p: f32, floor: f32) -> Norm<f32> {
    LpNorm::generalized_mean(p.into(), floor.into()).norm()
}

impl Sums {
    /// Takes in a weight of a sum, and gives it back.
    #[inline(always)]
    pub(super) fn weigh(&mut self, weight: f32) -> f32 {
        self.total += weight;
        weight
    }

    /// Takes in a score that is not negative infinity.
    #[inline(always)]
    pub(super) fn rescale(&mut self, score: f32) -> Rescale {
        let mut sum = 1.0;
        if score > self.greatest {
            sum = libm::expf(self.greatest - score);
            self.greatest = score;
        }
        let token = libm::expf(score - self.greatest);
        self.total = self.total * sum + token;
        Rescale { sum, token }
    }

    /// Takes in a weight of moments.
    #[inline(always)]
    pub(super) fn moment(&mut self, weight: f32) -> Moment {
        let before = self.total;
        let total = before + weight;
        self.total = total;
        let both = total * before;
        let factor = if both == 0.0 { 0.0 } else { weight / both };
        Moment { weight, total, factor }
    }
}

/// Turns the cells of a mode into its result.
#[inline(always)]
pub(super) fn finish(mode: Mode, sums: &Sums, empty: Empty, cells: &mut [f32]) {
    let count = sums.count as f32;
    let divisor = match mode {
        Mode::Mean | Mode::GeneralizedMean { .. } => count,
        Mode::MeanSqrtLength => libm::sqrtf(count),
        Mode::PositionWeightedMean(_)
        | Mode::WeightedMean
        | Mode::Attention
        | Mode::MeanStd { .. }
        | Mode::WeightedMeanStd { .. } => sums.total,
        _ => 1.0,
    };
    if sums.count == 0 {
        return cells.fill(nothing(mode, empty));
    }
    if divisor == 0.0 {
        return cells.fill(0.0);
    }
    match mode {
        Mode::Min => cells.iter_mut().for_each(|x| *x = -*x),
        Mode::Splade => {
            // A NaN stays.
            let positive = |x: f32| if x < 0.0 { 0.0 } else { x };
            cells.iter_mut().for_each(|x| *x = libm::log1pf(positive(*x)));
        }
        Mode::GeneralizedMean { p, floor } => {
            let step = AddPower(norm(p, floor));
            cells.iter_mut().for_each(|x| *x = step.mean(*x, divisor));
        }
        _ if divisor != 1.0 => divide(cells, divisor),
        _ => {}
    }
    if let Mode::MeanStd { floor } | Mode::WeightedMeanStd { floor } = mode {
        let dim = cells.len() / 2;
        let deviation = |variance: f32| libm::sqrtf(if variance < floor { floor } else { variance });
        cells.iter_mut().skip(dim).for_each(|x| *x = deviation(*x));
    }
}

/// What a mode gives of no token.
fn nothing(mode: Mode, empty: Empty) -> f32 {
    match (empty, mode) {
        (Empty::Identity, Mode::Max | Mode::LogSumExp) => f32::NEG_INFINITY,
        (Empty::Identity, Mode::Min) => f32::INFINITY,
        _ => 0.0,
    }
}

/// Lets the cells of a later part of the sequence enter those of an earlier one.
pub(super) fn merge(mode: Mode, sums: &mut Sums, cells: &mut [f32], later: &Sums, more: &[f32]) {
    if later.count == 0 {
        return;
    }
    if sums.count == 0 {
        cells.copy_from_slice(more);
        *sums = *later;
        return;
    }
    let each = |cells: &mut [f32], f: &dyn Fn(f32, f32) -> f32| {
        cells.iter_mut().zip(more).for_each(|(cell, more)| *cell = f(*cell, *more));
    };
    let (a, b) = (sums.total, later.total);
    match mode {
        Mode::First => return,
        Mode::Last => return cells.copy_from_slice(more),
        Mode::Max | Mode::Min | Mode::Splade => each(cells, &|x, y| if x > y || x.is_nan() { x } else { y }),
        Mode::LogSumExp => each(cells, &log_add_exp),
        Mode::GeneralizedMean { p, floor } => {
            let step = AddPower(norm(p, floor));
            each(cells, &|a, b| step.both(a, b));
        }
        Mode::Attention => {
            let greatest = if later.greatest > sums.greatest { later.greatest } else { sums.greatest };
            let (a, b) = (libm::expf(sums.greatest - greatest), libm::expf(later.greatest - greatest));
            each(cells, &|x, y| x * a + y * b);
            sums.total = sums.total * a + later.total * b;
            sums.greatest = greatest;
        }
        Mode::MeanStd { .. } | Mode::WeightedMeanStd { .. } => {
            let dim = cells.len() / 2;
            let ((sums_of, squares), (more, more_squares)) = (cells.split_at_mut(dim), more.split_at(dim));
            // Squared distance of the two means, by what they weigh.
            let factor = if a * b * (a + b) == 0.0 { 0.0 } else { a / (b * (a + b)) };
            let ratio = if a == 0.0 { 0.0 } else { b / a };
            for (((sum, square), more), more_square) in sums_of.iter_mut().zip(squares).zip(more).zip(more_squares) {
                let distance = ratio * *sum - *more;
                *square = *square + *more_square + factor * (distance * distance);
                *sum += *more;
            }
            sums.total = a + b;
        }
        _ => {
            each(cells, &|x, y| x + y);
            sums.total = a + b;
        }
    }
    sums.count = sums.count.saturating_add(later.count);
}
