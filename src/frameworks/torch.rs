//! PyTorch: the arguments of its pooling modules, which are those of `torch.nn.functional` too.
//!
//! `AdaptiveMaxPool1d/2d/3d` and `AdaptiveAvgPool1d/2d/3d` are
//! [`AdaptiveMaxPool`](crate::AdaptiveMaxPool) and [`AdaptiveAvgPool`](crate::AdaptiveAvgPool);
//! `MaxUnpool1d/2d/3d` is [`max_unpool`](crate::max_unpool) with
//! [`IndexLayout::Plane`](crate::IndexLayout::Plane).

use super::{checked_exponent, checked_window, divisor, given_or, refuse, size_rule};
use crate::element::{Element, Float};
use crate::error::PoolError;
use crate::window::{Divisor, Window};
use core::num::NonZeroI32;

/// The arguments of `MaxPool1d/2d/3d`.
///
/// With `return_indices=True`, call [`run_with_indices`](crate::Pool::run_with_indices) with
/// [`IndexLayout::Plane`](crate::IndexLayout::Plane). A window without a cell of the input, which padding
/// with dilation can make, is refused when run; PyTorch's value for it is
/// [`empty_value`](crate::Pool::empty_value)`(f32::NEG_INFINITY)`.
///
/// ```
/// use lanepool::frameworks::torch;
/// use lanepool::{IndexLayout, View, ViewMut};
///
/// let x = [1.0f32, 9.0, 2.0, 8.0, 3.0, 7.0, 4.0, 6.0, 5.0];
/// let pool = torch::MaxPool { stride: Some([1]), padding: [1], dilation: [2], ..torch::MaxPool::new([2]) };
/// let (mut y, mut indices) = ([0.0; 9], [0i64; 9]);
/// pool.pool()?.run_with_indices(
///     View::nchw(&x, [1, 1, 9])?,
///     &mut ViewMut::nchw(&mut y, [1, 1, 9])?,
///     &mut ViewMut::nchw(&mut indices, [1, 1, 9])?,
///     IndexLayout::Plane,
/// )?;
/// assert_eq!(y, [9.0, 2.0, 9.0, 3.0, 8.0, 4.0, 7.0, 5.0, 6.0]);
/// assert_eq!(indices, [1, 2, 1, 4, 3, 6, 5, 8, 7]);
/// # Ok::<(), lanepool::PoolError>(())
/// ```
///
/// Definition: PyTorch `torch.nn.MaxPool1d`, `MaxPool2d`, `MaxPool3d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MaxPool<const D: usize> {
    /// Taps of the window.
    pub kernel_size: [usize; D],
    /// Cells from one window to the next; `None` is `kernel_size`.
    pub stride: Option<[usize; D]>,
    /// Cells on both sides, at most half of `kernel_size`.
    pub padding: [usize; D],
    /// Cells from one tap to the next.
    pub dilation: [usize; D],
    /// Whether the number of windows is rounded up.
    pub ceil_mode: bool,
}

impl<const D: usize> MaxPool<D> {
    /// PyTorch's defaults.
    pub const fn new(kernel_size: [usize; D]) -> Self {
        Self { kernel_size, stride: None, padding: [0; D], dilation: [1; D], ceil_mode: false }
    }

    /// The pool.
    ///
    /// # Errors
    /// [`PoolError::Zero`]; [`PoolError::Attribute`] for padding of more than half of `kernel_size`.
    pub const fn pool<T: Element>(&self) -> Result<crate::MaxPool<T, D>, PoolError> {
        let window = attempt!(window(self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode));
        Ok(crate::MaxPool::new(window))
    }
}

/// The arguments of `AvgPool1d/2d/3d`.
///
/// PyTorch averages the codes of a quantised tensor less their zero point, ties to even, and padding that counts is the zero point: so does
/// the pool with [`requantize`](crate::AvgPool::requantize) by the tensor's scale and zero point on both sides.
///
/// ```
/// use lanepool::frameworks::torch;
/// use lanepool::{Quantization, View, ViewMut};
///
/// let (q, mut y) = (Quantization::new(0.1, 128), [0; 4]);
/// let pool = torch::AvgPool { padding: [1, 1], ..torch::AvgPool::new([2, 2]) }.pool::<u8>()?;
/// let input = View::nchw(&[128, 128, 128, 148], [1, 1, 2, 2])?;
/// pool.requantize(q, q).run(input, &mut ViewMut::nchw(&mut y, [1, 1, 2, 2])?)?;
/// assert_eq!(y, [128, 128, 128, 133]);
/// # Ok::<(), lanepool::PoolError>(())
/// ```
///
/// ```
/// use lanepool::frameworks::torch;
/// use lanepool::{View, ViewMut};
///
/// let x = [1.0f32, 2.0, 3.0, 4.0];
/// let input = View::nchw(&x, [1, 1, 4])?;
/// let include = torch::AvgPool { stride: Some([2]), padding: [1], ceil_mode: true, ..torch::AvgPool::new([3]) };
/// let mut y = [0.0; 3];
/// include.pool()?.run(input, &mut ViewMut::nchw(&mut y, [1, 1, 3])?)?;
/// assert_eq!(y, [1.0, 3.0, 2.0]);
/// let exclude = torch::AvgPool { count_include_pad: false, ..include };
/// exclude.pool()?.run(input, &mut ViewMut::nchw(&mut y, [1, 1, 3])?)?;
/// assert_eq!(y, [1.5, 3.0, 4.0]);
/// # Ok::<(), lanepool::PoolError>(())
/// ```
///
/// Definition: PyTorch `torch.nn.AvgPool1d`, `AvgPool2d`, `AvgPool3d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AvgPool<const D: usize> {
    /// Taps of the window.
    pub kernel_size: [usize; D],
    /// Cells from one window to the next; `None` is `kernel_size`.
    pub stride: Option<[usize; D]>,
    /// Cells on both sides, at most half of `kernel_size`.
    pub padding: [usize; D],
    /// Whether the number of windows is rounded up.
    pub ceil_mode: bool,
    /// Whether the divisor counts padding.
    pub count_include_pad: bool,
    /// The divisor, whatever a window covers. `AvgPool1d` has no such argument.
    pub divisor_override: Option<NonZeroI32>,
}

impl<const D: usize> AvgPool<D> {
    /// PyTorch's defaults; among them, the divisor counts padding.
    pub const fn new(kernel_size: [usize; D]) -> Self {
        Self {
            kernel_size,
            stride: None,
            padding: [0; D],
            ceil_mode: false,
            count_include_pad: true,
            divisor_override: None,
        }
    }

    /// The pool.
    ///
    /// # Errors
    /// [`PoolError::Zero`]; [`PoolError::Attribute`] for padding of more than half of `kernel_size`.
    pub const fn pool<T: Element>(&self) -> Result<crate::AvgPool<T, D>, PoolError> {
        let window = attempt!(window(self.kernel_size, self.stride, self.padding, [1; D], self.ceil_mode));
        let divisor = match self.divisor_override {
            Some(divisor) => Divisor::Fixed(divisor),
            None => divisor(self.count_include_pad),
        };
        Ok(crate::AvgPool::new(window).divisor(divisor))
    }
}

/// The arguments of `LPPool1d/2d/3d`.
///
/// The numbers are PyTorch's where no window reaches past the input and `norm_type` is even or no
/// input negative. Elsewhere they are those of the norm, which PyTorch departs from in two ways:
///
/// - It keeps the sign of each power, so that negative inputs cancel others under an odd exponent,
///   and give NaN under a fractional one.
/// - Where `ceil_mode` lets a window reach past the input, it scales the sum up to a full window.
///
/// ```
/// use lanepool::frameworks::torch;
/// use lanepool::{View, ViewMut};
///
/// let x = [3.0f32, 4.0, 5.0];
/// let pool = torch::LpPool { ceil_mode: true, ..torch::LpPool::new(2.0, [2]) };
/// let mut y = [0.0; 2];
/// pool.pool()?.run(View::nchw(&x, [1, 1, 3])?, &mut ViewMut::nchw(&mut y, [1, 1, 2])?)?;
/// assert_eq!(y, [5.0, 5.0]); // PyTorch: 5, 7.0711, which is the root of 2 * 25
///
/// let x = [-1.0f32, 2.0];
/// let pool = torch::LpPool::new(3.0, [2]);
/// let mut y = [0.0];
/// pool.pool()?.run(View::nchw(&x, [1, 1, 2])?, &mut ViewMut::nchw(&mut y, [1, 1, 1])?)?;
/// assert!((y[0] - 2.0801f32).abs() < 1e-4); // PyTorch: 1.9129, the cube root of -1 + 8
/// # Ok::<(), lanepool::PoolError>(())
/// ```
///
/// Definition: PyTorch `torch.nn.LPPool1d`, `LPPool2d`, `LPPool3d`, but for the two ways above.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LpPool<const D: usize> {
    /// The exponent, above zero. PyTorch's exponents below zero are refused.
    pub norm_type: f64,
    /// Taps of the window.
    pub kernel_size: [usize; D],
    /// Cells from one window to the next; `None` is `kernel_size`.
    pub stride: Option<[usize; D]>,
    /// Whether the number of windows is rounded up.
    pub ceil_mode: bool,
}

impl<const D: usize> LpPool<D> {
    /// PyTorch's defaults.
    pub const fn new(norm_type: f64, kernel_size: [usize; D]) -> Self {
        Self { norm_type, kernel_size, stride: None, ceil_mode: false }
    }

    /// The pool.
    ///
    /// # Errors
    /// [`PoolError::Zero`], [`PoolError::Exponent`].
    pub const fn pool<T: Float>(&self) -> Result<crate::LpPool<T, D>, PoolError> {
        let window = attempt!(window(self.kernel_size, self.stride, [0; D], [1; D], self.ceil_mode));
        Ok(crate::LpPool::new(window, attempt!(checked_exponent(self.norm_type))))
    }
}

const fn window<const D: usize>(
    kernel_size: [usize; D],
    stride: Option<[usize; D]>,
    padding: [usize; D],
    dilation: [usize; D],
    ceil_mode: bool,
) -> Result<Window<D>, PoolError> {
    let mut i = 0;
    while i < D {
        // Of the taps, whatever the dilation.
        if padding[i] > kernel_size[i] / 2 {
            return refuse("padding", "is more than half of kernel_size");
        }
        i += 1;
    }
    let window = Window::new(kernel_size).stride(given_or(stride, kernel_size));
    checked_window(window.padding(padding).dilation(dilation).size_rule(size_rule(ceil_mode)))
}
