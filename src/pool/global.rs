//! Whole images into one cell a channel.

use super::{Average, Maximum, NanPolicy, Operation, check_clamp, check_output};
use crate::dispatch::{Door, Isa};
use crate::element::Element;
use crate::error::{AxisName, PoolError};
use crate::kernel::plane::Global;
use crate::view::{Shape, View, ViewMut};
use crate::window::Divisor;

/// Reduces all spatial axes of an image to one cell each.
///
/// Made by [`GlobalMaxPool::new`] and [`GlobalAvgPool::new`]. A sum has one of two orders, by
/// the input's layout alone: where the innermost spatial stride is 1 (NCHW), cell `i` of the image
/// enters lane `i % 16` and the lanes merge as a tree; else (NHWC) cells are added one after
/// the other. Both are the same on every instruction set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GlobalPool<O, T> {
    operation: O,
    clamp: Option<[T; 2]>,
}

/// The greatest cell of each channel. NaN wins by default.
///
/// Definition: ONNX `GlobalMaxPool`; PyTorch `AdaptiveMaxPool` to size 1.
pub type GlobalMaxPool<T> = GlobalPool<Maximum, T>;

/// The mean of each channel: the sum of its cells over their number, rounded once.
///
/// Definition: ONNX `GlobalAveragePool`; PyTorch `AdaptiveAvgPool` to size 1.
pub type GlobalAvgPool<T> = GlobalPool<Average, T>;

impl<T: Element> GlobalMaxPool<T> {
    /// The maximum of each channel.
    pub const fn new() -> Self {
        Self { operation: Maximum { nan: NanPolicy::Propagate }, clamp: None }
    }

    /// What NaN does.
    pub const fn nan(mut self, nan: NanPolicy) -> Self {
        self.operation.nan = nan;
        self
    }
}

impl<T: Element> GlobalAvgPool<T> {
    /// The mean of each channel.
    pub const fn new() -> Self {
        Self { operation: Average { divisor: Divisor::RealTaps }, clamp: None }
    }
}

impl<T: Element> Default for GlobalMaxPool<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Element> Default for GlobalAvgPool<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<O: Operation<T>, T: Element> GlobalPool<O, T> {
    /// Forces every result into `low..=high`; NaN stays NaN.
    pub const fn clamp(mut self, low: T, high: T) -> Self {
        self.clamp = Some([low, high]);
        self
    }

    /// Pools `input` into `output`, one cell a channel, on the fastest instruction set present.
    ///
    /// # Errors
    /// [`PoolError::EmptyInput`], [`PoolError::Shape`] if the output is not the input's batch and
    /// channels with all spatial extents 1, [`PoolError::Clamp`], [`PoolError::Overflow`].
    /// Nothing is written then.
    pub fn run<const D: usize>(&self, input: View<'_, T, D>, output: &mut ViewMut<'_, T, D>) -> Result<(), PoolError> {
        self.run_through(Isa::best(), input, output)
    }

    /// As [`GlobalPool::run`], on a chosen instruction set. The result has the same bits.
    ///
    /// # Errors
    /// As [`GlobalPool::run`].
    pub fn run_on<const D: usize>(
        &self,
        isa: Isa,
        input: View<'_, T, D>,
        output: &mut ViewMut<'_, T, D>,
    ) -> Result<(), PoolError> {
        self.run_through(isa, input, output)
    }

    #[inline(always)]
    pub(crate) fn run_through<const D: usize>(
        &self,
        door: impl Door<T>,
        input: View<'_, T, D>,
        output: &mut ViewMut<'_, T, D>,
    ) -> Result<(), PoolError> {
        let Shape { batch, channels, spatial } = input.shape();
        let mut cells = 1usize;
        for (i, extent) in spatial.into_iter().enumerate() {
            let axis = AxisName::spatial::<D>(i);
            if extent == 0 {
                return Err(PoolError::EmptyInput { axis });
            }
            // Strides of zero can make an image larger than memory.
            let fits = cells.checked_mul(extent).filter(|&cells| cells <= isize::MAX as usize);
            cells = fits.ok_or(PoolError::Overflow { axis })?;
        }
        check_output(Shape { batch, channels, spatial: [1; D] }, output.shape())?;
        let bounds = check_clamp(self.clamp)?;
        if input.is_empty() {
            return Ok(());
        }
        let (input, from) = input.into_parts();
        let (output, to) = output.reborrow().into_parts();
        self.operation.run(bounds, Global { input, from, output, to, reduce: () }, door);
        Ok(())
    }
}

/// [`GlobalMaxPool`] with its defaults.
///
/// ```
/// use lanepool::{View, ViewMut, global_max_pool};
/// let x = [1.0f32, 4.0, 2.0, -1.0, -3.0, -2.0];
/// let mut y = [0.0; 2];
/// global_max_pool(View::nchw(&x, [1, 2, 1, 3])?, &mut ViewMut::nchw(&mut y, [1, 2, 1, 1])?)?;
/// assert_eq!(y, [4.0, -1.0]);
/// # Ok::<(), lanepool::PoolError>(())
/// ```
///
/// # Errors
/// As [`GlobalPool::run`].
pub fn global_max_pool<T: Element, const D: usize>(
    input: View<'_, T, D>,
    output: &mut ViewMut<'_, T, D>,
) -> Result<(), PoolError> {
    GlobalMaxPool::new().run(input, output)
}

/// [`GlobalAvgPool`] with its defaults.
///
/// ```
/// use lanepool::{View, ViewMut, global_avg_pool};
/// let x = [1.0f32, 4.0, 1.0, -1.0, -3.0, -2.0];
/// let mut y = [0.0; 2];
/// global_avg_pool(View::nchw(&x, [1, 2, 1, 3])?, &mut ViewMut::nchw(&mut y, [1, 2, 1, 1])?)?;
/// assert_eq!(y, [2.0, -2.0]);
/// # Ok::<(), lanepool::PoolError>(())
/// ```
///
/// # Errors
/// As [`GlobalPool::run`].
pub fn global_avg_pool<T: Element, const D: usize>(
    input: View<'_, T, D>,
    output: &mut ViewMut<'_, T, D>,
) -> Result<(), PoolError> {
    GlobalAvgPool::new().run(input, output)
}
