//! TFLite: the options of its pooling operators, for floats and for integer codes.
//!
//! `MEAN` and `REDUCE_MAX` over rows and columns are [`GlobalAvgPool`](crate::GlobalAvgPool) and
//! [`GlobalMaxPool`](crate::GlobalMaxPool); for the bits of an integer `MEAN` see
//! [`requantize_fixed_point`](crate::Pool::requantize_fixed_point).

use super::{checked_window, refuse};
use crate::element::{Element, Saturate};
use crate::error::{Argument, PoolError};
use crate::pool::{AvgPool, LpPool, MaxPool, NanPolicy, Operation, Pool};
use crate::round::Quantization;
use crate::window::Window;

/// The option `padding`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Padding {
    /// `SAME`: as much as `ceil(input / stride)` windows need, an odd cell after the input.
    #[default]
    Same,
    /// `VALID`: none.
    Valid,
}

/// The option `fused_activation_function`: what outputs are clamped to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Activation {
    /// `NONE`.
    #[default]
    None,
    /// `RELU`: not below 0.
    Relu,
    /// `RELU_N1_TO_1`: -1 to 1.
    ReluN1To1,
    /// `RELU6`: 0 to 6.
    Relu6,
}

impl Activation {
    /// The bounds, as real numbers.
    const fn bounds(self) -> Option<[f32; 2]> {
        match self {
            Self::None => None,
            Self::Relu => Some([0.0, f32::INFINITY]),
            Self::ReluN1To1 => Some([-1.0, 1.0]),
            Self::Relu6 => Some([0.0, 6.0]),
        }
    }
}

/// The options of `MAX_POOL_2D`, `AVERAGE_POOL_2D` and `L2_POOL_2D`.
///
/// Input and output have one scale and zero point, as TFLite demands; integers need them where there
/// is an activation: its bounds become the codes `zero_point + round(bound / scale)`, rounded
/// half away from zero, within the type. The quotient and its rounding are in `f32`.
///
/// Integer averages are of codes, rounded half away from zero; for `u8` this is the half up of TFLite.
/// Infinities stay as they are; TFLite's reference kernels make them the greatest finite number.
///
/// ```
/// use lanepool::frameworks::tflite::{Activation, Padding, Pool2d};
/// use lanepool::{Quantization, View, ViewMut};
///
/// let pool = Pool2d::new(Padding::Same, [1, 2], [1, 2]);
/// let x = [1.0f32, 2.0, 3.0, 4.0, 5.0];
/// let input = View::nhwc(&x, [1, 1, 5, 1])?;
/// let mut y = [0.0; 3];
/// pool.average_pool(None)?.run(input, &mut ViewMut::nhwc(&mut y, [1, 1, 3, 1])?)?;
/// assert_eq!(y, [1.5, 3.5, 5.0]);
/// pool.max_pool(None)?.run(input, &mut ViewMut::nhwc(&mut y, [1, 1, 3, 1])?)?;
/// assert_eq!(y, [2.0, 4.0, 5.0]);
/// pool.l2_pool()?.run(input, &mut ViewMut::nhwc(&mut y, [1, 1, 3, 1])?)?;
/// assert_eq!(y, [2.5f32.sqrt(), 12.5f32.sqrt(), 5.0]);
///
/// // Halves go away from zero. At scale 0.5 and zero point -3, 0 to 6 are the codes -3 to 9.
/// let x = [0i8, 1, -1, 0, -40, -41, 20, 21];
/// let input = View::nhwc(&x, [1, 1, 8, 1])?;
/// let mut y = [0; 4];
/// pool.average_pool(None)?.run(input, &mut ViewMut::nhwc(&mut y, [1, 1, 4, 1])?)?;
/// assert_eq!(y, [1, -1, -41, 21]);
/// let relu6 = Pool2d { activation: Activation::Relu6, ..pool };
/// let codes = Some(Quantization::new(0.5, -3));
/// relu6.average_pool(codes)?.run(input, &mut ViewMut::nhwc(&mut y, [1, 1, 4, 1])?)?;
/// assert_eq!(y, [1, -1, -3, 9]);
/// # Ok::<(), lanepool::PoolError>(())
/// ```
///
/// Definition: `Pool2DOptions` of TFLite's schema; reference kernels of TFLite and TFLite Micro.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pool2d {
    /// The rule of padding.
    pub padding: Padding,
    /// Columns from one window to the next.
    pub stride_w: usize,
    /// Rows from one window to the next.
    pub stride_h: usize,
    /// Columns of the window.
    pub filter_width: usize,
    /// Rows of the window.
    pub filter_height: usize,
    /// What outputs are clamped to. In the schema, `fused_activation_function`.
    pub activation: Activation,
}

impl Pool2d {
    /// Options without an activation; strides and the filter are `[rows, columns]`.
    pub const fn new(
        padding: Padding,
        [stride_h, stride_w]: [usize; 2],
        [filter_height, filter_width]: [usize; 2],
    ) -> Self {
        Self { padding, stride_w, stride_h, filter_width, filter_height, activation: Activation::None }
    }

    /// The pool of `MAX_POOL_2D`. NaN never wins; TFLite gives the lowest number where all are NaN, not NaN.
    ///
    /// `quantization` is what integer codes stand for; floats do without.
    ///
    /// # Errors
    /// [`PoolError::Zero`]; of integers also [`PoolError::Quantization`], and [`PoolError::Attribute`] for
    /// an activation without a quantisation.
    pub fn max_pool<T: Tensor>(&self, quantization: Option<Quantization>) -> Result<MaxPool<T, 2>, PoolError> {
        self.activated(MaxPool::new(self.window()?).nan(NanPolicy::Ignore), quantization)
    }

    /// The pool of `AVERAGE_POOL_2D`, which divides by the cells inside the input.
    ///
    /// `quantization` is what integer codes stand for; floats do without.
    ///
    /// # Errors
    /// As [`Pool2d::max_pool`].
    pub fn average_pool<T: Tensor>(&self, quantization: Option<Quantization>) -> Result<AvgPool<T, 2>, PoolError> {
        self.activated(AvgPool::new(self.window()?), quantization)
    }

    /// The pool of `L2_POOL_2D`, the root mean square, which TFLite has for floats only.
    ///
    /// # Errors
    /// [`PoolError::Zero`].
    pub fn l2_pool(&self) -> Result<LpPool<f32, 2>, PoolError> {
        self.activated(LpPool::new(self.window()?, 2.0).mean(), None)
    }

    const fn window(&self) -> Result<Window<2>, PoolError> {
        let (kernel, stride) = ([self.filter_height, self.filter_width], [self.stride_h, self.stride_w]);
        checked_window(match self.padding {
            Padding::Same => Window::same_upper(kernel, stride),
            Padding::Valid => Window::new(kernel).stride(stride),
        })
    }

    fn activated<O: Operation<T>, T: Tensor, G>(
        &self,
        pool: Pool<O, T, G>,
        quantization: Option<Quantization>,
    ) -> Result<Pool<O, T, G>, PoolError> {
        let code = T::coder(quantization)?;
        match (self.activation.bounds(), code) {
            (None, _) => Ok(pool),
            (Some(bounds), Some(code)) => {
                let [low, high] = bounds.map(code);
                Ok(pool.clamp(low, high))
            }
            (Some(_), None) => refuse("fused_activation_function", "of integers needs their quantisation"),
        }
    }
}

/// The types that TFLite pools: `f32`, `i8`, `u8`, `i16`. Sealed.
pub trait Tensor: Element {
    /// What makes elements of real numbers; `None` for codes of an unknown scale.
    #[doc(hidden)]
    fn coder(quantization: Option<Quantization>) -> Result<Option<impl Fn(f32) -> Self>, PoolError>;
}

impl Tensor for f32 {
    fn coder(_: Option<Quantization>) -> Result<Option<impl Fn(f32) -> Self>, PoolError> {
        Ok(Some(|x| x))
    }
}

macro_rules! codes {
    ($($T:ident),*) => {$(
        impl Tensor for $T {
            fn coder(quantization: Option<Quantization>) -> Result<Option<impl Fn(f32) -> Self>, PoolError> {
                match quantization {
                    Some(codes) if !codes.is_valid($T::MIN.into(), $T::MAX.into()) => {
                        Err(PoolError::Quantization { argument: Argument::Output })
                    }
                    _ => Ok(quantization.map(|codes| move |x| $T::saturate(code(codes, x)))),
                }
            }
        }
    )*};
}
codes!(i8, u8, i16);

/// The code of a real number, before the type limits it.
fn code(Quantization { scale, zero_point }: Quantization, x: f32) -> i32 {
    zero_point.saturating_add(libm::roundf(x / scale) as i32)
}
