//! What stands between the front and the kernels: a call that was checked, as numbers.

use super::Operation;
use crate::dispatch::Isa;
use crate::element::Element;
use crate::error::{Argument, AxisName, PoolError};
use crate::kernel::{Job, Work};
use crate::reduce::Bounds;
use crate::round::Finish;
use crate::view::{Layout, Shape};
use crate::window::{Axis, Divisor};

/// A pool on inputs and outputs of known layouts, with all checks done: for who calls often. Made by
/// [`Pool::plan`](super::Pool::plan); `Copy`, and the same type for every number of axes and every layout.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plan<O, T> {
    pub(super) operation: O,
    pub(super) job: Job,
    pub(super) bounds: Bounds<T>,
    pub(super) fill: T,
    /// Elements that input and output must have.
    pub(super) reach: [usize; 2],
    /// Whether there is nothing to write.
    pub(super) nothing: bool,
}

impl<O: Operation<T>, T: Element> Plan<O, T> {
    /// Pools `input` into `output`, on the fastest instruction set present.
    ///
    /// # Errors
    /// [`PoolError::TooShort`] if a slice has fewer elements than its layout reaches. Nothing is written then.
    pub fn run(&self, input: &[T], output: &mut [T]) -> Result<(), PoolError> {
        self.check(input, output)?;
        self.execute(input, output);
        Ok(())
    }

    /// As [`Plan::run`], on a chosen instruction set. The result has the same bits.
    ///
    /// # Errors
    /// As [`Plan::run`].
    pub fn run_on(&self, isa: Isa, input: &[T], output: &mut [T]) -> Result<(), PoolError> {
        self.check(input, output)?;
        self.execute_on(isa, input, output);
        Ok(())
    }

    fn check(&self, input: &[T], output: &[T]) -> Result<(), PoolError> {
        let [needed, needed_output] = self.reach;
        let check = |argument, needed, given| {
            if needed > given { Err(PoolError::TooShort { argument, needed, given }) } else { Ok(()) }
        };
        check(Argument::Input, needed, input.len())?;
        check(Argument::Output, needed_output, output.len())
    }

    /// Pools slices that are long enough.
    #[inline]
    pub(super) fn execute(&self, input: &[T], output: &mut [T]) {
        if !self.nothing {
            let Self { job, fill, .. } = self;
            self.operation.run_best(&mut Work { job, input, output, fill: *fill }, self.bounds);
        }
    }

    #[inline]
    pub(super) fn execute_on(&self, isa: Isa, input: &[T], output: &mut [T]) {
        if !self.nothing {
            let Self { job, fill, .. } = self;
            self.operation.run_on(isa, &mut Work { job, input, output, fill: *fill }, self.bounds);
        }
    }
}

/// The job of windows on `axes`, of which the last `rank` are the image's.
pub(super) fn check(
    from: Layout<3>,
    to: Layout<3>,
    axes: [Option<Axis>; 3],
    rank: usize,
    may_be_empty: bool,
) -> Result<Job, PoolError> {
    let mut spatial = [0; 3];
    let mut taps = 1usize;
    for ((i, axis), extent) in axes.iter().enumerate().zip(&mut spatial) {
        let Some(axis) = axis else { continue };
        *extent = axis.output;
        // Divisors count taps, in signed numbers.
        let product = taps.checked_mul(axis.kernel).filter(|&taps| taps <= isize::MAX as usize);
        taps = product.ok_or(PoolError::Overflow { axis: AxisName::of(rank, i) })?;
    }
    check_shape(Argument::Output, Shape { spatial, ..from.shape }, to.shape, rank)?;
    if !may_be_empty {
        for (i, axis) in axes.iter().flatten().enumerate() {
            if let Some(output) = axis.first_empty() {
                return Err(PoolError::EmptyWindow { axis: AxisName::of(rank, i), output });
            }
        }
    }
    let axes = axes.map(|axis| axis.unwrap_or(Axis::UNIT));
    Ok(Job { from, to, axes, divisor: Divisor::RealTaps, finish: Finish::default(), whole: false })
}

/// That `given` is the shape that is expected.
pub(super) fn check_shape(
    argument: Argument,
    expected: Shape<3>,
    given: Shape<3>,
    rank: usize,
) -> Result<(), PoolError> {
    let check = |axis, expected, given| {
        if expected == given { Ok(()) } else { Err(PoolError::Shape { argument, axis, expected, given }) }
    };
    check(AxisName::Batch, expected.batch, given.batch)?;
    check(AxisName::Channels, expected.channels, given.channels)?;
    for (i, (expected, given)) in expected.spatial.into_iter().zip(given.spatial).enumerate() {
        check(AxisName::of(rank, i), expected, given)?;
    }
    Ok(())
}
