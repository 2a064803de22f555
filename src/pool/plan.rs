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

impl Job {
    /// One cell after the other, on these layouts.
    pub(super) fn new(from: Layout<3>, to: Layout<3>) -> Self {
        let axes = [Axis::UNIT; 3];
        Self { from, to, axes, divisor: Divisor::RealTaps, finish: Finish::default(), whole: false }
    }

    /// That the layouts fit the axes, and whether each window has a tap, unless it `may_be_empty`.
    #[inline(never)]
    pub(super) fn check(&self, may_be_empty: bool) -> Result<(), PoolError> {
        let mut taps = 1usize;
        for (i, axis) in self.axes.iter().enumerate() {
            // Divisors count taps, in signed numbers.
            let product = taps.checked_mul(axis.kernel).filter(|&taps| taps <= isize::MAX as usize);
            taps = product.ok_or(PoolError::Overflow { axis: AxisName::of(i) })?;
        }
        let spatial = self.axes.each_ref().map(|axis| axis.output);
        check_shape(Argument::Output, &Shape { spatial, ..self.from.shape }, &self.to.shape)?;
        if !may_be_empty {
            for (i, axis) in self.axes.iter().enumerate() {
                if let Some(output) = axis.first_empty() {
                    return Err(PoolError::EmptyWindow { axis: AxisName::of(i), output });
                }
            }
        }
        Ok(())
    }
}

/// That `given` is the shape that is expected.
#[inline(never)]
pub(super) fn check_shape(argument: Argument, expected: &Shape<3>, given: &Shape<3>) -> Result<(), PoolError> {
    if expected == given {
        return Ok(());
    }
    let extents = |Shape { batch, channels, spatial: [depth, rows, cols] }: &Shape<3>| {
        [(*batch, AxisName::Batch), (*channels, AxisName::Channels)].into_iter().chain([
            (*depth, AxisName::Depth),
            (*rows, AxisName::Rows),
            (*cols, AxisName::Cols),
        ])
    };
    for ((expected, axis), (given, _)) in extents(expected).zip(extents(given)) {
        if expected != given {
            return Err(PoolError::Shape { argument, axis, expected, given });
        }
    }
    Ok(())
}
