//! Pools by the names that frameworks give them.
//!
//! Frameworks agree on what pooling is and differ in its defaults: ONNX moves a window by one cell,
//! PyTorch by its extent; PyTorch's average counts padding, ONNX's and TFLite's do not. The structs
//! here hold each framework's attributes under its own names, with its own defaults, and give the
//! pool of this crate that computes the same. Attributes that the framework would refuse are
//! errors. Nothing here panics or allocates.
//!
//! Below, `window` is the window that the attributes make; parts that are not named stay as
//! `Window::new`, `MaxPool::new` and the like leave them.
//!
//! | framework | attribute | default | here |
//! |---|---|---|---|
//! | PyTorch | `kernel_size` | | `Window::new(kernel_size)` |
//! | | `stride` | `kernel_size` | `.stride(stride)` |
//! | | `padding`, at most `kernel_size / 2` | 0 | `.padding(padding)` |
//! | | `dilation` (max) | 1 | `.dilation(dilation)` |
//! | | `ceil_mode=True` | `False` | `.ceil()` |
//! | `MaxPool1d/2d/3d` | `return_indices=True` | `False` | `run_with_indices` with `IndexLayout::Plane` |
//! | `AvgPool1d/2d/3d` | `count_include_pad=True` | `True` | `AvgPool::new(window).divisor(Divisor::InputAndPadding)` |
//! | | `count_include_pad=False` | | `AvgPool::new(window)` |
//! | | `divisor_override=n` | `None` | `AvgPool::new(window).divisor(Divisor::Fixed(n))` |
//! | | a quantised tensor | | `.requantize(q, q)`, with `q` its scale and zero point |
//! | `LPPool1d/2d/3d` | `norm_type=p` | | `LpPool::new(window, p)`; see `torch::LpPool` |
//! | `AdaptiveMaxPool1d/2d/3d` | `output_size` | | `AdaptiveMaxPool::new(output_size)`; with `None` in it, `with_sizes` |
//! | `AdaptiveAvgPool1d/2d/3d` | `output_size` | | `AdaptiveAvgPool::new(output_size)`; with `None` in it, `with_sizes` |
//! | `MaxUnpool1d/2d/3d` | `output_size` | `window.unpooled_size(pooled)` | `max_unpool` with `IndexLayout::Plane` |
//! | ONNX | `kernel_shape` | | `Window::new(kernel_shape)` |
//! | | `strides` | 1 | `.stride(strides)` |
//! | | `pads`: all begins, then all ends | 0 | `.padding_each([[begin, end]; D])` |
//! | | `auto_pad=NOTSET` | `NOTSET` | `pads` |
//! | | `auto_pad=VALID` | | no padding |
//! | | `auto_pad=SAME_UPPER` | | `Window::same_upper(kernel_shape, strides)` |
//! | | `auto_pad=SAME_LOWER` | | `Window::same_lower(kernel_shape, strides)` |
//! | | `dilations` | 1 | `.dilation(dilations)` |
//! | | `ceil_mode=1` | 0 | `.ceil()`; with `VALID` and `SAME_*` nothing |
//! | `MaxPool` | `storage_order=0` | 0 | `run_with_indices` with `IndexLayout::Tensor` |
//! | | `storage_order=1` | | `run_with_indices` with `IndexLayout::TensorColumnMajor` |
//! | `AveragePool` | `count_include_pad=0` | 0 | `AvgPool::new(window)` |
//! | | `count_include_pad=1` | | `AvgPool::new(window).divisor(Divisor::InputAndPadding)` |
//! | `LpPool` | `p` | 2 | `LpPool::new(window, p)` |
//! | `GlobalMaxPool` | | | `GlobalMaxPool::new()` |
//! | `GlobalAveragePool` | | | `GlobalAvgPool::new()` |
//! | `GlobalLpPool` | `p` | 2 | `GlobalLpPool::new(p)` |
//! | `QLinearAveragePool` (ONNX Runtime) | scales and zero points | | `.requantize(from, to)` |
//! | `MaxUnpool` | `output_shape` (an input) | `window.unpooled_size(pooled)` | `max_unpool` with `IndexLayout::Tensor`, into a view of that shape (ONNX Runtime) or a `crop` of it (ONNX's node test) |
//! | TFLite | `padding=VALID` | | `Window::new([filter_height, filter_width]).stride([stride_h, stride_w])` |
//! | | `padding=SAME` | `SAME` | `Window::same_upper([filter_height, filter_width], [stride_h, stride_w])` |
//! | | `fused_activation_function=NONE` | `NONE` | no clamp |
//! | | `RELU`, `RELU6`, `RELU_N1_TO_1`, floats | | `.clamp(0.0, f32::INFINITY)`, `.clamp(0.0, 6.0)`, `.clamp(-1.0, 1.0)` |
//! | | the same, integers | | `.clamp` to the codes of these numbers |
//! | `MAX_POOL_2D` | | | `MaxPool::new(window).nan(NanPolicy::Ignore)` |
//! | `AVERAGE_POOL_2D` | | | `AvgPool::new(window)` |
//! | `L2_POOL_2D` | | | `LpPool::new(window, 2.0).mean()` |
//! | `MEAN` | `axis` = rows and columns | | `GlobalAvgPool::new()`; integers `.requantize_fixed_point(from, to)` |
//! | `REDUCE_MAX` | `axis` = rows and columns | | `GlobalMaxPool::new().nan(NanPolicy::Ignore)` |
//! | sentence-transformers `Pooling` | `pooling_mode`, or a key `pooling_mode_*` | | `embeddings::sentence_transformers(name)` |
//! | GGUF | `pooling_type` | | `embeddings::gguf(number)` |
//!
//! The rows that a constructor of this module covers, in the same order:
//!
//! ```
//! use core::num::NonZeroI32;
//! use lanepool::frameworks::{onnx, tflite, torch};
//! use lanepool::{AvgPool, Divisor, IndexLayout, LpPool, MaxPool, NanPolicy, Quantization, Rounding, Window};
//!
//! let new = torch::MaxPool::new([3, 2]);
//! let window = Window::new([3, 2]);
//! assert_eq!(new.pool::<f32>()?, MaxPool::new(window));
//! let stride = Some([1, 2]);
//! assert_eq!(torch::MaxPool { stride, ..new }.pool::<i8>()?, MaxPool::new(window.stride([1, 2])));
//! let padding = [1, 0];
//! assert_eq!(torch::MaxPool { padding, ..new }.pool::<i8>()?, MaxPool::new(window.padding([1, 0])));
//! let dilation = [2, 3];
//! assert_eq!(torch::MaxPool { dilation, ..new }.pool::<f32>()?, MaxPool::new(window.dilation([2, 3])));
//! let ceil_mode = true;
//! assert_eq!(torch::MaxPool { ceil_mode, ..new }.pool::<f64>()?, MaxPool::new(window.ceil()));
//!
//! let new = torch::AvgPool::new([3, 2]);
//! assert_eq!(new.pool::<f32>()?, AvgPool::new(window).divisor(Divisor::InputAndPadding));
//! let moved = torch::AvgPool { stride, padding, ceil_mode, count_include_pad: false, ..new };
//! assert_eq!(moved.pool::<f32>()?, AvgPool::new(window.stride([1, 2]).padding([1, 0]).ceil()));
//! let n = NonZeroI32::new(-5).unwrap();
//! let overridden = torch::AvgPool { divisor_override: Some(n), ..new };
//! assert_eq!(overridden.pool::<f32>()?, AvgPool::new(window).divisor(Divisor::Fixed(n)));
//! let q = Quantization::new(0.5, 128);
//! let quantised = new.pool::<u8>()?.requantize(q, q);
//! assert_eq!(quantised, AvgPool::new(window).divisor(Divisor::InputAndPadding).requantize(q, q));
//! let lp = torch::LpPool { stride, ceil_mode, ..torch::LpPool::new(3.0, [3, 2]) };
//! assert_eq!(lp.pool::<f32>()?, LpPool::new(window.stride([1, 2]).ceil(), 3.0));
//! assert_eq!(torch::MaxPool::new([3, 2]).pool::<f32>()?.window().unpooled_size([2, 2])?, [6, 4]);
//!
//! let new = onnx::Attributes::new(22, [3, 2]);
//! let dense = window.stride([1, 1]);
//! assert_eq!(new.max_pool::<f32>()?, MaxPool::new(dense));
//! let strides = Some([4, 5]);
//! assert_eq!(onnx::Attributes { strides, ..new }.max_pool::<f32>()?, MaxPool::new(window.stride([4, 5])));
//! let pads = Some(&[0, 1, 2, 3][..]);
//! let padded = MaxPool::new(dense.padding_each([[0, 2], [1, 3]]));
//! assert_eq!(onnx::Attributes { pads, auto_pad: onnx::AutoPad::NotSet, ..new }.max_pool::<f32>()?, padded);
//! for ceil_mode in [0, 1] {
//!     let of = |auto_pad| onnx::Attributes { auto_pad, strides, ceil_mode, ..new }.max_pool::<f32>();
//!     assert_eq!(of(onnx::AutoPad::Valid)?, MaxPool::new(window.stride([4, 5])));
//!     assert_eq!(of(onnx::AutoPad::SameUpper)?, MaxPool::new(Window::same_upper([3, 2], [4, 5])));
//!     assert_eq!(of(onnx::AutoPad::SameLower)?, MaxPool::new(Window::same_lower([3, 2], [4, 5])));
//! }
//! let dilations = Some([2, 1]);
//! assert_eq!(onnx::Attributes { dilations, ..new }.max_pool::<f32>()?, MaxPool::new(dense.dilation([2, 1])));
//! assert_eq!(onnx::Attributes { ceil_mode: 1, ..new }.max_pool::<f32>()?, MaxPool::new(dense.ceil()));
//! assert_eq!(new.index_layout()?, IndexLayout::Tensor);
//! assert_eq!(onnx::Attributes { storage_order: 1, ..new }.index_layout()?, IndexLayout::TensorColumnMajor);
//! assert_eq!(new.average_pool::<f32>()?, AvgPool::new(dense));
//! let included = AvgPool::new(dense).divisor(Divisor::InputAndPadding);
//! assert_eq!(onnx::Attributes { count_include_pad: 1, ..new }.average_pool::<f32>()?, included);
//! assert_eq!(new.lp_pool::<f32>()?, LpPool::new(dense, 2.0));
//! assert_eq!(onnx::Attributes { p: 3.0, ..new }.lp_pool::<f32>()?, LpPool::new(dense, 3.0));
//! let (from, to) = (Quantization::new(0.5, 3), Quantization::new(0.25, 0));
//! assert_eq!(new.average_pool::<u8>()?.requantize(from, to), AvgPool::new(dense).requantize(from, to));
//!
//! let valid = tflite::Pool2d::new(tflite::Padding::Valid, [4, 5], [3, 2]);
//! let window = window.stride([4, 5]);
//! let same = tflite::Pool2d { padding: tflite::Padding::Same, ..valid };
//! assert_eq!(valid.average_pool::<f32>(None)?, AvgPool::new(window));
//! assert_eq!(same.average_pool::<f32>(None)?, AvgPool::new(Window::same_upper([3, 2], [4, 5])));
//! let clamped = |activation| tflite::Pool2d { activation, ..valid }.average_pool::<f32>(None);
//! assert_eq!(clamped(tflite::Activation::None)?, AvgPool::new(window));
//! assert_eq!(clamped(tflite::Activation::Relu)?, AvgPool::new(window).clamp(0.0, f32::INFINITY));
//! assert_eq!(clamped(tflite::Activation::Relu6)?, AvgPool::new(window).clamp(0.0, 6.0));
//! assert_eq!(clamped(tflite::Activation::ReluN1To1)?, AvgPool::new(window).clamp(-1.0, 1.0));
//! let codes = Some(Quantization::new(0.5, -3));
//! let relu6 = tflite::Pool2d { activation: tflite::Activation::Relu6, ..valid };
//! assert_eq!(relu6.average_pool::<i8>(codes)?, AvgPool::new(window).clamp(-3, 9));
//! assert_eq!(valid.max_pool::<f32>(None)?, MaxPool::new(window).nan(NanPolicy::Ignore));
//! assert_eq!(valid.l2_pool()?, LpPool::new(window, 2.0).mean());
//! # Ok::<(), lanepool::PoolError>(())
//! ```

use crate::error::PoolError;
use crate::window::{Divisor, SizeRule, Window};

/// `?` for `Result` in a `const fn`.
macro_rules! attempt {
    ($result:expr) => {
        match $result {
            Ok(value) => value,
            Err(error) => return Err(error),
        }
    };
}

pub mod embeddings;
pub mod onnx;
pub mod tflite;
pub mod torch;

const fn refuse<T>(name: &'static str, reason: &'static str) -> Result<T, PoolError> {
    Err(PoolError::Attribute { name, reason })
}

const fn given_or<const D: usize>(given: Option<[usize; D]>, default: [usize; D]) -> [usize; D] {
    match given {
        Some(given) => given,
        None => default,
    }
}

const fn size_rule(ceil_mode: bool) -> SizeRule {
    if ceil_mode { SizeRule::Ceil } else { SizeRule::Floor }
}

const fn divisor(count_include_pad: bool) -> Divisor {
    if count_include_pad { Divisor::InputAndPadding } else { Divisor::RealTaps }
}

/// The window, if none of its numbers is zero that must not be.
const fn checked_window<const D: usize>(window: Window<D>) -> Result<Window<D>, PoolError> {
    let mut i = 0;
    while i < D {
        // An input of one cell shows what is zero; that it may not fit the window is no matter here.
        if let Err(error @ PoolError::Zero { .. }) = window.axis(i, 1) {
            return Err(error);
        }
        i += 1;
    }
    Ok(window)
}

/// The exponent, if a norm can have it.
const fn checked_exponent(p: f64) -> Result<f64, PoolError> {
    if p > 0.0 { Ok(p) } else { Err(PoolError::Exponent) }
}
