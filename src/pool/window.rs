//! Windowed pools.

use super::{Average, Maximum, NanPolicy, Operation, check_clamp, check_output};
use crate::dispatch::{Door, Isa};
use crate::element::Element;
use crate::error::PoolError;
use crate::kernel::Windows;
use crate::view::{Shape, View, ViewMut};
use crate::window::{Axis, Divisor, Window};

/// A window that moves over images, and what it does with the cells that it covers.
///
/// Made by [`MaxPool::new`] and [`AvgPool::new`]; `Copy`, and usable as a constant. Input and
/// output may have different layouts. Calls never panic and never allocate.
///
/// Every output is computed in one stated order: each column of the window (the taps that share
/// their last coordinate) from its first tap to its last, outer axes slowest, then the columns
/// from left to right. So a sum has the same bits in every layout and on every instruction set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pool<O, T, const D: usize> {
    operation: O,
    window: Window<D>,
    clamp: Option<[T; 2]>,
    empty: Option<T>,
}

/// The greatest element of each window.
///
/// Padding never wins: only cells inside the input are looked at. NaN wins by default, as in
/// PyTorch ([`NanPolicy`]). Which of two equal zeros comes out is not specified.
///
/// ```
/// use lanepool::{MaxPool, View, ViewMut, Window};
///
/// let x: [f32; 16] = core::array::from_fn(|i| i as f32);
/// let pool = MaxPool::new(Window::new([2, 2]));
/// let input = View::nchw(&x, [1, 1, 4, 4])?;
/// let mut y = [0.0; 4];
/// let shape = pool.output_shape(input.shape())?;
/// pool.run(input, &mut ViewMut::nchw(&mut y, shape)?)?;
/// assert_eq!(y, [5.0, 7.0, 13.0, 15.0]);
/// # Ok::<(), lanepool::PoolError>(())
/// ```
///
/// Definition: ONNX `MaxPool` opset 22 without indices; PyTorch `MaxPool1d/2d/3d`.
pub type MaxPool<T, const D: usize> = Pool<Maximum, T, D>;

/// The average of each window: the sum of the cells inside the input over a [`Divisor`].
///
/// The quotient is rounded once; NaN and infinities follow IEEE arithmetic.
///
/// ```
/// use lanepool::{AvgPool, Divisor, View, ViewMut, Window};
///
/// let x = [1.0f32, 2.0, 3.0, 4.0];
/// let window = Window::new([3]).stride([2]).padding([1]).ceil();
/// let input = View::nchw(&x, [1, 1, 4])?;
/// let mut y = [0.0; 3];
/// AvgPool::new(window).run(input, &mut ViewMut::nchw(&mut y, [1, 1, 3])?)?;
/// assert_eq!(y, [1.5, 3.0, 4.0]);
/// let torch = AvgPool::new(window).divisor(Divisor::InputAndPadding);
/// torch.run(input, &mut ViewMut::nchw(&mut y, [1, 1, 3])?)?;
/// assert_eq!(y, [1.0, 3.0, 2.0]);
/// # Ok::<(), lanepool::PoolError>(())
/// ```
///
/// Definition: ONNX `AveragePool` opset 22; PyTorch `AvgPool1d/2d/3d`; TFLite `AVERAGE_POOL_2D`.
pub type AvgPool<T, const D: usize> = Pool<Average, T, D>;

impl<T: Element, const D: usize> MaxPool<T, D> {
    /// The maximum over `window`.
    pub const fn new(window: Window<D>) -> Self {
        Self { operation: Maximum { nan: NanPolicy::Propagate }, window, clamp: None, empty: None }
    }

    /// What NaN does.
    pub const fn nan(mut self, nan: NanPolicy) -> Self {
        self.operation.nan = nan;
        self
    }
}

impl<T: Element, const D: usize> AvgPool<T, D> {
    /// The average over `window`, divided by the real taps (the default of ONNX and TFLite).
    pub const fn new(window: Window<D>) -> Self {
        Self { operation: Average { divisor: Divisor::RealTaps }, window, clamp: None, empty: None }
    }

    /// What sums are divided by.
    pub const fn divisor(mut self, divisor: Divisor) -> Self {
        self.operation.divisor = divisor;
        self
    }
}

impl<O: Operation<T>, T: Element, const D: usize> Pool<O, T, D> {
    /// Forces every result into `low..=high`, as fused activations do; NaN stays NaN. A value
    /// chosen for empty windows is written as it is.
    pub const fn clamp(mut self, low: T, high: T) -> Self {
        self.clamp = Some([low, high]);
        self
    }

    /// Writes `value` where a window has no tap inside the input, instead of refusing to run.
    pub const fn empty_value(mut self, value: T) -> Self {
        self.empty = Some(value);
        self
    }

    /// The window.
    pub const fn window(&self) -> Window<D> {
        self.window
    }

    /// The shape of the output for an input of the given shape.
    ///
    /// # Errors
    /// As [`Window::output_size`].
    pub const fn output_shape(&self, input: Shape<D>) -> Result<Shape<D>, PoolError> {
        match self.window.output_size(input.spatial) {
            Ok(spatial) => Ok(Shape { batch: input.batch, channels: input.channels, spatial }),
            Err(error) => Err(error),
        }
    }

    /// Pools `input` into `output` on the fastest instruction set present.
    ///
    /// # Errors
    /// Those of [`Window::output_size`] and [`Window::check_windows`] (unless
    /// [`Pool::empty_value`] was given), [`PoolError::Shape`] if the output has another shape than
    /// [`Pool::output_shape`], [`PoolError::Clamp`]. Nothing is written then.
    pub fn run(&self, input: View<'_, T, D>, output: &mut ViewMut<'_, T, D>) -> Result<(), PoolError> {
        self.run_through(Isa::best(), input, output)
    }

    /// As [`Pool::run`], on a chosen instruction set. The result has the same bits.
    ///
    /// # Errors
    /// As [`Pool::run`].
    pub fn run_on(&self, isa: Isa, input: View<'_, T, D>, output: &mut ViewMut<'_, T, D>) -> Result<(), PoolError> {
        self.run_through(isa, input, output)
    }

    #[inline(always)]
    pub(crate) fn run_through(
        &self,
        door: impl Door<T>,
        input: View<'_, T, D>,
        output: &mut ViewMut<'_, T, D>,
    ) -> Result<(), PoolError> {
        check_output(self.output_shape(input.shape())?, output.shape())?;
        let fill = match self.empty {
            Some(value) => value,
            None => {
                self.window.check_windows(input.shape().spatial)?;
                T::LOWEST
            }
        };
        let bounds = check_clamp(self.clamp)?;
        let mut axes = [Axis::UNIT; 3];
        for i in 0..D {
            axes[3 - D + i] = self.window.axis(i, input.shape().spatial[i])?;
        }
        if input.is_empty() {
            return Ok(());
        }
        let (input, from) = input.into_parts();
        let (output, to) = output.reborrow().into_parts();
        let work = Windows { input, from, output, to, axes, divisor: Divisor::Sum, fill, reduce: () };
        self.operation.run(bounds, work, door);
        Ok(())
    }
}
