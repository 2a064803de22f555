//! What has been pooled of a sequence so far, and how more tokens enter: the one way for whole sequences,
//! batches, bags and streams.

use super::steps::{
    Add, AddPower, AddRescaled, AddWeighted, Copied, Greatest, LogAddExp, Moment, Moments, Rescale, Step, Widened,
    log_add_exp,
};
use super::{Empty, Mode, Positions, TokenElement, Tokens};
use crate::dispatch::{ReadDoor, ReadKernel};
use crate::element::Element;
use crate::kernel::rows;
use crate::lanes::{Floats, Read};
use crate::pool::LpNorm;
use crate::reduce::Norm;
use core::ops::Range;

/// Tokens that enter together: enough that it does not matter what that costs.
const AT_ONCE: usize = 16;

/// A kept token on its way in.
#[derive(Clone, Copy, Default)]
pub(super) struct Row {
    /// Its row of the matrix.
    pub(super) row: usize,
    /// How many tokens of the sequence lie before it, masked or not.
    pub(super) position: usize,
    /// The caller's weight or score.
    pub(super) weight: f32,
}

/// The tokens of a sequence so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stream {
    /// Tokens, masked or not.
    pub(super) seen: usize,
    /// Position of the first kept one, and how many were kept; with those skipped.
    first: usize,
    kept: usize,
    /// How many kept ones are to be skipped in all.
    skip: usize,
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
pub(super) struct Sums {
    /// Tokens that entered.
    pub(super) count: usize,
    /// Their weights together.
    total: f32,
    /// The greatest score.
    greatest: f32,
}

impl Sums {
    pub(super) const NONE: Self = Self { count: 0, total: f32::NO_SUM, greatest: f32::NEG_INFINITY };
}

/// Lets `rows` enter `cells`, which hold the parts of the first mode, then those of the second, and so on.
#[inline(always)]
pub(super) fn push<T: TokenElement, const K: usize>(
    door: impl ReadDoor<T> + Copy,
    modes: &[Mode; K],
    tokens: &Tokens<'_, T>,
    rows: impl Iterator<Item = Row>,
    (stream, sums): (&mut Stream, &mut [Sums; K]),
    cells: &mut [f32],
) {
    let mut queue = Queue { door, modes, tokens, stream, sums, cells, rows: [Row::default(); AT_ONCE], n: 0 };
    // From within, which the compiler inlines where it would not inline `next`.
    rows.for_each(
        #[inline(always)]
        |row| queue.take(row),
    );
    queue.flush();
}

/// Tokens that wait until there are enough.
struct Queue<'a, D, T, const K: usize> {
    door: D,
    modes: &'a [Mode; K],
    tokens: &'a Tokens<'a, T>,
    stream: &'a mut Stream,
    sums: &'a mut [Sums; K],
    cells: &'a mut [f32],
    rows: [Row; AT_ONCE],
    n: usize,
}

impl<T: TokenElement, D: ReadDoor<T> + Copy, const K: usize> Queue<'_, D, T, K> {
    #[inline(always)]
    fn take(&mut self, row: Row) {
        if let Some(to) = self.rows.get_mut(self.n) {
            *to = row;
            self.n += 1;
        }
        if self.n == AT_ONCE {
            self.flush();
        }
    }

    /// Lets all of them enter, but for those that are skipped.
    #[inline]
    fn flush(&mut self) {
        let rows = self.rows.get(..self.n).unwrap_or(&self.rows);
        self.n = 0;
        let Some(first) = rows.first() else { return };
        if self.stream.kept == 0 {
            self.stream.first = first.position;
        }
        let skipped = self.stream.skip.saturating_sub(self.stream.kept).min(rows.len());
        let before = Before { first: self.stream.first, kept: self.stream.kept.saturating_add(skipped) };
        self.stream.kept = self.stream.kept.saturating_add(rows.len());
        let rows = rows.get(skipped..).unwrap_or(&[]);
        for ((mode, range), sums) in sections(self.modes, self.cells.len()).zip(self.sums.iter_mut()) {
            if let Some(cells) = self.cells.get_mut(range) {
                Block { door: self.door, tokens: self.tokens, rows, cells }.enter(mode, sums, before);
            }
        }
    }
}

/// Parts of the results of all modes.
pub(super) fn parts(modes: &[Mode]) -> usize {
    modes.iter().map(|mode| mode.parts()).sum()
}

/// The modes, and where among so many cells each has its own.
pub(super) fn sections(modes: &[Mode], cells: usize) -> impl Iterator<Item = (Mode, Range<usize>)> {
    let width = cells.checked_div(parts(modes)).unwrap_or(0);
    let mut end = 0;
    modes.iter().map(move |mode| {
        let start = end;
        end += mode.parts() * width;
        (*mode, start..end)
    })
}

/// The position of the first kept token of the sequence, and how many were kept before a block.
#[derive(Clone, Copy)]
struct Before {
    first: usize,
    kept: usize,
}

/// Some tokens of a sequence, at most as many as are taken at once, on their way into the cells of one mode.
struct Block<'a, D, T> {
    door: D,
    tokens: &'a Tokens<'a, T>,
    rows: &'a [Row],
    cells: &'a mut [f32],
}

impl<T: TokenElement, D: ReadDoor<T> + Copy> Block<'_, D, T> {
    #[inline(always)]
    fn enter(mut self, mode: Mode, sums: &mut Sums, before: Before) {
        let fresh = sums.count == 0;
        let plain = |_: usize, _: &Row| Some(());
        let count = match mode {
            Mode::First if !fresh => 0,
            Mode::First => {
                self.rows = self.rows.get(..1).unwrap_or(&[]);
                self.by(Copied, fresh, plain)
            }
            Mode::Last => {
                self.rows = self.rows.last().map_or(&[], core::slice::from_ref);
                self.by(Copied, fresh, plain)
            }
            Mode::Sum | Mode::Mean | Mode::MeanSqrtLength => self.by(Add, fresh, plain),
            Mode::PositionWeightedMean(positions) => self.by(AddWeighted, fresh, |i, row| {
                let tokens = match positions {
                    Positions::FromFirst => row.position.saturating_sub(before.first),
                    Positions::Kept => before.kept.saturating_add(i),
                    Positions::Absolute => row.position,
                };
                Some(sums.weigh(tokens as f32 + 1.0))
            }),
            Mode::WeightedSum | Mode::WeightedMean => {
                self.by(AddWeighted, fresh, |_, row| Some(sums.weigh(row.weight)))
            }
            Mode::Attention => self.by(AddRescaled, fresh, |_, row| sums.rescale(row.weight)),
            Mode::Max | Mode::Splade => self.by(Greatest::<false>, fresh, plain),
            Mode::Min => self.by(Greatest::<true>, fresh, plain),
            Mode::MeanStd { .. } => self.by(Moments, fresh, |_, _| Some(sums.moment(1.0))),
            Mode::WeightedMeanStd { .. } => self.by(Moments, fresh, |_, row| Some(sums.moment(row.weight))),
            Mode::GeneralizedMean { p, floor } => self.by(AddPower(norm(p, floor)), fresh, plain),
            Mode::LogSumExp => self.by(LogAddExp, fresh, plain),
        };
        sums.count = match mode {
            Mode::First | Mode::Last => sums.count.max(count),
            _ => sums.count.saturating_add(count),
        };
    }

    /// Lets the tokens enter by `step`, each with the weight that `weight` has for it, and returns how many there were; those
    /// without a weight are left out.
    #[inline(always)]
    fn by<S: Step>(self, step: S, fresh: bool, mut weight: impl FnMut(usize, &Row) -> Option<S::Weight>) -> usize {
        let Self { door, tokens, rows, cells } = self;
        let mut entering = [(0, <(S::Weight, T::Code)>::default()); AT_ONCE];
        let mut n = 0;
        for (i, row) in rows.iter().enumerate() {
            if let (Some(to), Some(weight)) = (entering.get_mut(n), weight(i, row)) {
                *to = (tokens.row(row.row), (weight, tokens.code(row.row)));
                n += 1;
            }
        }
        let rows = entering.get(..n).unwrap_or(&entering);
        door.enter(Enter { step, tokens, rows, fresh, cells });
        n
    }
}

/// Where a row lies, its weight, and what it takes to read it.
type Entering<T, S> = (usize, (<S as Step>::Weight, <T as TokenElement>::Code));

/// Rows that enter by a step: a function of its own for each step, or registers would not be enough.
struct Enter<'a, T: TokenElement, S: Step> {
    step: S,
    tokens: &'a Tokens<'a, T>,
    rows: &'a [Entering<T, S>],
    fresh: bool,
    cells: &'a mut [f32],
}

impl<T: TokenElement, S: Step> ReadKernel<T> for Enter<'_, T, S> {
    type Output = ();

    #[inline(always)]
    fn run<L: Read<T>>(self, lanes: L) {
        let Self { step, tokens, rows, fresh, cells } = self;
        rows::fold(lanes, Widened::<T, S>::new(step), tokens.data, tokens.step, fresh, rows, cells);
    }
}

fn norm(p: f32, floor: f32) -> Norm<f32> {
    LpNorm::generalized_mean(p.into(), floor.into()).norm()
}

impl Sums {
    /// Takes in a weight of a sum, and gives it back.
    #[inline(always)]
    fn weigh(&mut self, weight: f32) -> f32 {
        self.total += weight;
        weight
    }

    /// Takes in a score, if it is not negative infinity.
    #[inline(always)]
    fn rescale(&mut self, score: f32) -> Option<Rescale> {
        if score == f32::NEG_INFINITY {
            return None;
        }
        let mut sum = 1.0;
        // A NaN need not be found here: it makes its own weight NaN.
        if score > self.greatest {
            sum = libm::expf(self.greatest - score);
            self.greatest = score;
        }
        let token = libm::expf(score - self.greatest);
        self.total = self.total * sum + token;
        Some(Rescale { sum, token })
    }

    /// Takes in a weight of moments.
    #[inline(always)]
    fn moment(&mut self, weight: f32) -> Moment {
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
pub(super) fn finish<L: Floats>(lanes: L, mode: Mode, sums: &Sums, empty: Empty, cells: &mut [f32]) {
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
            let norm = norm(p, floor);
            cells.iter_mut().for_each(|x| *x = norm.root(*x / divisor));
        }
        _ if divisor != 1.0 => rows::divide(lanes, cells, divisor),
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
