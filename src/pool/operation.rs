//! What is done with the cells of a window, and which reducer does it.

use crate::dispatch::Isa;
use crate::element::{Element, Float, Integer, Real};
use crate::error::{Argument, PoolError};
use crate::kernel::{Job, Work, numbers_alone, repair, scale, wide};
use crate::reduce::{Bounds, Exponent, Norm};
use crate::round::{Finish, Quantization, Requantize};
use crate::window::Divisor;

/// What a float maximum does with NaN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum NanPolicy {
    /// A NaN among the taps gives NaN. PyTorch.
    #[default]
    Propagate,
    /// A NaN among the taps is passed over; only NaN gives NaN. IEEE 754-2008 `maxNum`; close to
    /// ONNX Runtime and TFLite, which differ among themselves where every tap is NaN.
    Ignore,
}

/// The operation of a pool: which reducer, with which divisor. Sealed.
pub trait Operation<T: Element>: Copy + sealed::Run<T> {}

/// Maximum, with its treatment of NaN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Maximum {
    pub(super) nan: NanPolicy,
}

/// Maximum of codes, which become codes of another scale.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScaledMaximum {
    pub(super) requantize: Requantize,
}

/// Average, with its divisor and rounding.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Average {
    pub(super) divisor: Divisor,
    pub(super) finish: Finish,
}

/// Norm, with its exponent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LpNorm {
    p: f64,
    pub(super) mean: bool,
    pub(super) floor: Option<f64>,
}

impl Maximum {
    pub(super) const PROPAGATE: Self = Self { nan: NanPolicy::Propagate };

    /// Whether results that are NaN are to be computed again without it.
    pub(super) fn ignores_nan<T: Element>(self) -> bool {
        T::HAS_NAN && self.nan == NanPolicy::Ignore
    }
}

impl Average {
    pub(super) const REAL_TAPS: Self = Self {
        divisor: Divisor::RealTaps,
        finish: Finish { rounding: crate::round::Rounding::HalfAwayFromZero, requantize: None },
    };
}

impl LpNorm {
    pub(super) const fn new(p: f64) -> Self {
        Self { p, mean: false, floor: None }
    }

    /// GeM's: the mean of powers of what is at least `floor`.
    pub(crate) const fn generalized_mean(p: f64, floor: f64) -> Self {
        Self { p, mean: true, floor: Some(floor) }
    }

    pub(crate) fn norm<S: Real>(&self) -> Norm<S> {
        let exponent = match self.p {
            p if p <= 8.0 && p as u8 as f64 == p => Exponent::Integer(p as u8),
            p => Exponent::Real(p),
        };
        Norm { exponent, floor: self.floor.map(S::from_f64) }
    }
}

impl<T: Element> Operation<T> for Maximum {}
impl<T: Integer> Operation<T> for ScaledMaximum {}
impl<T: Element> Operation<T> for Average {}
impl<T: Float> Operation<T> for LpNorm {}

/// That both quantisations can describe codes of `T`.
fn check_scales<T: Element>(requantize: Option<Requantize>) -> Result<(), PoolError> {
    let Some(Requantize { from, to, .. }) = requantize else { return Ok(()) };
    let check = |argument, quantization: Quantization| {
        let Some((least, most)) = T::CODES else { return Ok(()) };
        if quantization.is_valid(least, most) { Ok(()) } else { Err(PoolError::Quantization { argument }) }
    };
    check(Argument::Input, from)?;
    check(Argument::Output, to)
}

pub(super) mod sealed {
    use super::*;

    /// What an operation does with its work: on the best lanes present, of which nothing else is linked, or on chosen ones.
    pub trait Run<T: Element> {
        /// What can be wrong with the operation itself.
        fn check(&self) -> Result<(), PoolError>;
        /// What the operation adds to a job.
        fn prepare(&self, job: &mut Job);
        fn run_best(&self, work: &mut Work<'_, T>, bounds: Bounds<T>);
        fn run_on(&self, isa: Isa, work: &mut Work<'_, T>, bounds: Bounds<T>);
    }

    impl<T: Element> Run<T> for Maximum {
        fn check(&self) -> Result<(), PoolError> {
            Ok(())
        }

        fn prepare(&self, _: &mut Job) {}

        fn run_best(&self, work: &mut Work<'_, T>, bounds: Bounds<T>) {
            T::max_best(work, bounds);
            if self.ignores_nan::<T>() {
                numbers_alone::run(work, bounds, None);
            }
        }

        fn run_on(&self, isa: Isa, work: &mut Work<'_, T>, bounds: Bounds<T>) {
            T::max_on(isa, work, bounds);
            if self.ignores_nan::<T>() {
                numbers_alone::run(work, bounds, None);
            }
        }
    }

    impl<T: Integer> Run<T> for ScaledMaximum {
        fn check(&self) -> Result<(), PoolError> {
            check_scales::<T>(Some(self.requantize))
        }

        fn prepare(&self, job: &mut Job) {
            job.finish.requantize = Some(self.requantize);
        }

        fn run_best(&self, work: &mut Work<'_, T>, bounds: Bounds<T>) {
            T::max_best(work, Bounds::ALL);
            scale::run(work, bounds);
        }

        fn run_on(&self, isa: Isa, work: &mut Work<'_, T>, bounds: Bounds<T>) {
            T::max_on(isa, work, Bounds::ALL);
            scale::run(work, bounds);
        }
    }

    impl<T: Element> Run<T> for Average {
        fn check(&self) -> Result<(), PoolError> {
            check_scales::<T>(self.finish.requantize)
        }

        fn prepare(&self, job: &mut Job) {
            (job.divisor, job.finish) = (self.divisor, self.finish);
        }

        fn run_best(&self, work: &mut Work<'_, T>, bounds: Bounds<T>) {
            if work.job.most_taps() > T::MOST_TAPS {
                wide::run(work, bounds);
            } else {
                T::mean_best(work, bounds);
            }
        }

        fn run_on(&self, isa: Isa, work: &mut Work<'_, T>, bounds: Bounds<T>) {
            if work.job.most_taps() > T::MOST_TAPS {
                wide::run(work, bounds);
            } else {
                T::mean_on(isa, work, bounds);
            }
        }
    }

    impl<T: Float> Run<T> for LpNorm {
        fn check(&self) -> Result<(), PoolError> {
            let floor = self.floor.unwrap_or(0.0);
            if self.p > 0.0 && floor >= 0.0 && floor.is_finite() { Ok(()) } else { Err(PoolError::Exponent) }
        }

        fn prepare(&self, job: &mut Job) {
            job.divisor = if self.mean { Divisor::RealTaps } else { Divisor::Sum };
        }

        fn run_best(&self, work: &mut Work<'_, T>, bounds: Bounds<T>) {
            // A maximum is found at the last look.
            if self.p < f64::INFINITY {
                T::norm_best(work, self.norm());
            }
            repair::run(work, self.norm(), self.p, bounds);
        }

        fn run_on(&self, isa: Isa, work: &mut Work<'_, T>, bounds: Bounds<T>) {
            // A maximum is found at the last look.
            if self.p < f64::INFINITY {
                T::norm_on(isa, work, self.norm());
            }
            repair::run(work, self.norm(), self.p, bounds);
        }
    }
}
