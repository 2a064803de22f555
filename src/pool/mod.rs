//! The spatial front: options are checked, views are matched with windows, and the work goes
//! through the door. No loop over cells lives here.

mod global;
mod window;

pub use global::{GlobalAvgPool, GlobalMaxPool, GlobalPool, global_avg_pool, global_max_pool};
pub use window::{AvgPool, MaxPool, Pool};

use crate::dispatch::Door;
use crate::element::Element;
use crate::error::{Argument, AxisName, PoolError};
use crate::kernel::Windows;
use crate::kernel::plane::Global;
use crate::reduce::{Bounds, Max, MaxNumber, Mean, Reduce};
use crate::view::Shape;
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
    nan: NanPolicy,
}

/// Average, with its divisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Average {
    divisor: Divisor,
}

impl<T: Element> Operation<T> for Maximum {}
impl<T: Element> Operation<T> for Average {}

mod sealed {
    use super::*;

    /// Work that only lacks its reducer.
    pub trait Reducible<T: Element> {
        fn divisor(&mut self, divisor: Divisor);
        fn run<R: Reduce<T>>(self, reduce: R, door: impl Door<T>);
    }

    pub trait Run<T: Element> {
        fn run(self, bounds: Bounds<T>, work: impl Reducible<T>, door: impl Door<T>);
    }

    impl<T: Element> Run<T> for Maximum {
        #[inline(always)]
        fn run(self, bounds: Bounds<T>, work: impl Reducible<T>, door: impl Door<T>) {
            match self.nan {
                NanPolicy::Propagate => work.run(Max(bounds), door),
                NanPolicy::Ignore => work.run(MaxNumber(bounds), door),
            }
        }
    }

    impl<T: Element> Run<T> for Average {
        #[inline(always)]
        fn run(self, bounds: Bounds<T>, mut work: impl Reducible<T>, door: impl Door<T>) {
            work.divisor(self.divisor);
            work.run(Mean(bounds), door);
        }
    }

    impl<T: Element> Reducible<T> for Windows<'_, '_, T, ()> {
        #[inline(always)]
        fn divisor(&mut self, divisor: Divisor) {
            self.divisor = divisor;
        }

        #[inline(always)]
        fn run<R: Reduce<T>>(self, reduce: R, door: impl Door<T>) {
            let Self { input, from, output, to, axes, divisor, fill, reduce: () } = self;
            door.enter(Windows { input, from, output, to, axes, divisor, fill, reduce });
        }
    }

    impl<T: Element> Reducible<T> for Global<'_, '_, T, ()> {
        #[inline(always)]
        fn divisor(&mut self, _: Divisor) {}

        #[inline(always)]
        fn run<R: Reduce<T>>(self, reduce: R, door: impl Door<T>) {
            let Self { input, from, output, to, reduce: () } = self;
            door.enter(Global { input, from, output, to, reduce });
        }
    }
}

/// That `given` is the shape that is expected of the output.
fn check_output<const D: usize>(expected: Shape<D>, given: Shape<D>) -> Result<(), PoolError> {
    let check = |axis, expected, given| {
        let argument = Argument::Output;
        if expected == given { Ok(()) } else { Err(PoolError::Shape { argument, axis, expected, given }) }
    };
    check(AxisName::Batch, expected.batch, given.batch)?;
    check(AxisName::Channels, expected.channels, given.channels)?;
    for i in 0..D {
        check(AxisName::spatial::<D>(i), expected.spatial[i], given.spatial[i])?;
    }
    Ok(())
}

/// The bounds of a clamp, or those that change nothing.
fn check_clamp<T: Element>(clamp: Option<[T; 2]>) -> Result<Bounds<T>, PoolError> {
    match clamp {
        None => Ok(Bounds::ALL),
        Some([low, high]) if low <= high => Ok(Bounds(low, high)),
        Some(_) => Err(PoolError::Clamp),
    }
}
