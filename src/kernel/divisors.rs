//! What the sums of a run of outputs are divided by: all by the same number, or each by its own.

use super::Job;
use super::passes::WIDE;
use super::runs::Outputs;
use crate::access::Reader;
use crate::element::Element;
use crate::lanes::{Lanes, SumArray, array};
use crate::reduce::Reducer;
use core::marker::PhantomData;

/// Most outputs of a row that are divided by numbers of their own.
pub(super) const COUNTS: usize = 256;

/// The divisor of results; any, where nothing is divided.
#[inline(always)]
fn divisor<T: Element, R: Reducer<T>>(job: &Job, outputs: &Outputs) -> T::Divisor {
    if R::DIVIDES { T::divisor(&job.finish, outputs.count, outputs.real) } else { T::Divisor::default() }
}

/// What sums are divided by, the same in each lane.
#[inline(always)]
pub(super) fn by<T: Element, L: Lanes<T>, R: Reducer<T>>(lanes: L, job: &Job, outputs: &Outputs) -> L::By {
    lanes.by(divisor::<T, R>(job, outputs))
}

/// What the sums of a run are divided by: all by the same, or each by a number of its own.
pub(super) struct Divisors<'d, T: Element, L: Lanes<T>, R> {
    same: L::By,
    /// One for each output; or as many as one tile has, if all are the same.
    each: &'d [T::Sum],
    reducer: PhantomData<R>,
}

impl<'d, T: Element, L: Lanes<T>, R: Reducer<T>> Divisors<'d, T, L, R> {
    #[inline(always)]
    pub(super) fn new(lanes: L, job: &Job, outputs: &Outputs, counts: &'d mut [T::Sum; COUNTS]) -> Option<Self> {
        let same = by::<T, L, R>(lanes, job, outputs);
        let mut each: &[T::Sum] = &[];
        if const { has_counts::<T, L, R>() } {
            // Of a row that is shorter than a vector too, which is read past its end.
            let n = if outputs.edges.is_some() { outputs.len.max(L::N) } else { WIDE * L::N };
            let counts = counts.get_mut(..n)?;
            count_each::<T>(job, outputs, counts);
            each = counts;
        }
        Some(Self { same, each, reducer: PhantomData })
    }

    /// Those of the vectors from output `i` on.
    #[inline(always)]
    pub(super) fn at<const V: usize>(&self, lanes: L, i: usize) -> Option<[L::By; V]> {
        if const { !has_counts::<T, L, R>() } {
            return Some([self.same; V]);
        }
        let counts = Reader::<T::Sum, [SumArray<T, L>; V]>::new(self.each)?.nearest(i);
        Some(array!(V, |v| lanes.by_each(&counts[v])?))
    }
}

/// Whether outputs of a row may have divisors of their own.
pub(super) const fn has_counts<T: Element, L: Lanes<T>, R: Reducer<T>>() -> bool {
    R::DIVIDES && T::HAS_NAN && L::N > 1
}

/// What the windows of a row are divided by, or of any row if that is the same for all.
#[inline(never)]
fn count_each<T: Element>(job: &Job, outputs: &Outputs, counts: &mut [T::Sum]) {
    let Some(rows) = outputs.edges else { return counts.fill(T::count(outputs.count)) };
    let (cols, inside) = (&job.axes[2], job.axes[2].interior());
    let of = |x| T::count(job.divisor.along(cols, cols.outlined_taps(x)).wrapping_mul(rows) as isize);
    counts.fill(of(inside.start.min(cols.output - 1)));
    for x in (0..inside.start).chain(inside.end..cols.output) {
        if let Some(to) = counts.get_mut(x) {
            *to = of(x);
        }
    }
}
