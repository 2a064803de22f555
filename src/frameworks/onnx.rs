//! ONNX: the attributes of its pooling operators, as they stand in a file, and what its opsets
//! have changed about them.
//!
//! `GlobalMaxPool`, `GlobalAveragePool` and `GlobalLpPool` are [`GlobalMaxPool`](crate::GlobalMaxPool),
//! [`GlobalAvgPool`](crate::GlobalAvgPool) and [`GlobalLpPool`](crate::GlobalLpPool), the last with
//! `p` = 2 unless given; `MaxUnpool` is [`max_unpool`](crate::max_unpool) with
//! [`IndexLayout::Tensor`]. Its input `output_shape` has two readings: ONNX Runtime numbers the cells of that shape, so the output is
//! a view of it; ONNX's own node test numbers those of the inferred shape, which lies at the start of the larger one: there the output is
//! that view's [`crop`](crate::ViewMut::crop) to the inferred extents, on zeros.
//!
//! ```
//! use lanepool::{IndexLayout, View, ViewMut, max_unpool};
//!
//! // The node test: two by two values, whose indices count in 4x4, into 5x5.
//! let (values, indices) = ([5.0f32, 6.0, 7.0, 8.0], [5u32, 7, 13, 15]);
//! let unpooled = |[rows, cols]: [usize; 2]| {
//!     let mut y = [0.0; 25];
//!     let mut output = ViewMut::nchw(&mut y, [1, 1, 5, 5])?.crop([0..rows, 0..cols])?;
//!     let (values, indices) = (View::nchw(&values, [1, 1, 2, 2])?, View::nchw(&indices, [1, 1, 2, 2])?);
//!     max_unpool(values, indices, IndexLayout::Tensor, &mut output)?;
//!     Ok::<_, lanepool::PoolError>(y)
//! };
//! // By ONNX Runtime, and by the node test.
//! assert_eq!((unpooled([5, 5])?[5], unpooled([4, 4])?[5 + 1]), (5.0, 5.0));
//! # Ok::<(), lanepool::PoolError>(())
//! ```

use super::{checked_exponent, checked_window, divisor, given_or, refuse, size_rule};
use crate::element::{Element, Float};
use crate::error::PoolError;
use crate::pool::IndexLayout;
use crate::window::Window;

/// The attribute `auto_pad`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum AutoPad {
    /// `NOTSET`: padding is what `pads` says.
    #[default]
    NotSet,
    /// `VALID`: no padding.
    Valid,
    /// `SAME_UPPER`: as much as `ceil(input / stride)` windows need, an odd cell after the input.
    SameUpper,
    /// `SAME_LOWER`: the same, an odd cell before the input.
    SameLower,
}

impl AutoPad {
    /// The value that a file spells so; `None` if ONNX has no such value.
    ///
    /// ```
    /// use lanepool::frameworks::onnx::AutoPad;
    /// assert_eq!(AutoPad::from_name("SAME_LOWER"), Some(AutoPad::SameLower));
    /// assert_eq!(AutoPad::from_name("SAME"), None);
    /// ```
    pub const fn from_name(name: &str) -> Option<Self> {
        match name.as_bytes() {
            b"NOTSET" => Some(Self::NotSet),
            b"VALID" => Some(Self::Valid),
            b"SAME_UPPER" => Some(Self::SameUpper),
            b"SAME_LOWER" => Some(Self::SameLower),
            _ => None,
        }
    }
}

/// The attributes of `MaxPool`, `AveragePool` and `LpPool`. What a file does not give stays as
/// [`Attributes::new`] leaves it.
///
/// An attribute that the operator does not have in this opset is an error, unless left so.
/// `ceil_mode` follows the present text for every opset: the last window starts in the input or in
/// the padding before it. ONNX says nothing of NaN; ONNX Runtime mostly passes over it, for which
/// see [`NanPolicy::Ignore`](crate::NanPolicy::Ignore).
///
/// Everything here is as ONNX's text has it, which ONNX Runtime 1.32 leaves in four places: under `SAME_*` its
/// padding is that of a window without `dilations`; a stride past the window makes that padding negative, so
/// that cells at the start are left out; under `VALID` it heeds `ceil_mode`; and it accepts a window that is
/// larger than the padded input by less than a stride. For the first and the third, give it the padding it takes
/// as `pads` under [`AutoPad::NotSet`].
///
/// ```
/// use lanepool::frameworks::onnx::{Attributes, AutoPad};
/// use lanepool::{AvgPool, View, ViewMut};
///
/// let x = [1.0f32, 2.0, 3.0, 4.0, 5.0];
/// let same = Attributes { auto_pad: AutoPad::SameUpper, strides: Some([2]), ..Attributes::new(22, [2]) };
/// let run = |pool: AvgPool<f32, 1>| {
///     let mut y = [0.0; 3];
///     pool.run(View::nchw(&x, [1, 1, 5])?, &mut ViewMut::nchw(&mut y, [1, 1, 3])?)?;
///     Ok::<_, lanepool::PoolError>(y)
/// };
/// assert_eq!(run(same.average_pool()?)?, [1.5, 3.5, 5.0]);
/// let include = Attributes { count_include_pad: 1, ..same };
/// assert_eq!(run(include.average_pool()?)?, [1.5, 3.5, 2.5]);
/// // Padding is chosen once, and the average has counted it since opset 7.
/// assert!(Attributes { pads: Some(&[0, 1]), ..same }.average_pool::<f32>().is_err());
/// assert!(Attributes { opset: 6, ..include }.average_pool::<f32>().is_err());
/// # Ok::<(), lanepool::PoolError>(())
/// ```
///
/// ONNX allows padding as wide as the window, and so windows without a cell. What they give it defines for averages that count padding
/// alone, 0. Here such windows are [`PoolError::EmptyWindow`] until
/// [`empty_value`](crate::Pool::empty_value) says what they give: 0 there, negative infinity or the least code for ONNX Runtime's maxima.
///
/// Definition: ONNX `MaxPool`, `AveragePool`, `LpPool`, opsets 1 to 22.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Attributes<'a, const D: usize> {
    /// The opset that the file imports, from 1; those past 22 are as 22.
    pub opset: u32,
    /// The rule of padding.
    pub auto_pad: AutoPad,
    /// Taps of the window.
    pub kernel_shape: [usize; D],
    /// Cells from one window to the next; `None` is 1.
    pub strides: Option<[usize; D]>,
    /// The padding before each axis, then that after each: `2 * D` numbers. `None` is 0.
    pub pads: Option<&'a [i64]>,
    /// Cells from one tap to the next; `None` is 1. `MaxPool` since 10, `LpPool` 18, `AveragePool` 19.
    pub dilations: Option<[usize; D]>,
    /// 1 to round the number of windows up. `MaxPool` and `AveragePool` since 10, `LpPool` 18.
    pub ceil_mode: i64,
    /// 1 to count padding in the divisor. `AveragePool` since 7.
    pub count_include_pad: i64,
    /// 1 to number cells with the first spatial axis fastest. `MaxPool` since 8.
    pub storage_order: i64,
    /// The exponent, above zero. `LpPool`.
    pub p: f64,
}

/// The first opset in which an operator has each attribute.
struct Since {
    dilations: u32,
    ceil_mode: u32,
    count_include_pad: u32,
    storage_order: u32,
    p: u32,
}

const NEVER: u32 = u32::MAX;
const MAX_POOL: Since =
    Since { dilations: 10, ceil_mode: 10, count_include_pad: NEVER, storage_order: INDICES, p: NEVER };
const AVERAGE_POOL: Since =
    Since { dilations: 19, ceil_mode: 10, count_include_pad: 7, storage_order: NEVER, p: NEVER };
const LP_POOL: Since = Since { dilations: 18, ceil_mode: 18, count_include_pad: NEVER, storage_order: NEVER, p: 1 };
/// The first opset in which `MaxPool` has its second output.
const INDICES: u32 = 8;

impl<const D: usize> Attributes<'_, D> {
    /// ONNX's defaults; among them, a window moves by one cell, and `p` is 2.
    pub const fn new(opset: u32, kernel_shape: [usize; D]) -> Self {
        Self {
            opset,
            auto_pad: AutoPad::NotSet,
            kernel_shape,
            strides: None,
            pads: None,
            dilations: None,
            ceil_mode: 0,
            count_include_pad: 0,
            storage_order: 0,
            p: 2.0,
        }
    }

    /// The pool of `MaxPool`. For its second output, see [`Attributes::index_layout`].
    ///
    /// # Errors
    /// [`PoolError::Zero`]; [`PoolError::Attribute`] for one that the operator does not have in the opset,
    /// for `pads` beside `auto_pad`, and for values that ONNX does not define.
    pub const fn max_pool<T: Element>(&self) -> Result<crate::MaxPool<T, D>, PoolError> {
        Ok(crate::MaxPool::new(attempt!(self.window(&MAX_POOL))))
    }

    /// The pool of `AveragePool`.
    ///
    /// For ONNX Runtime's `QLinearAveragePool`, [`requantize`](crate::Pool::requantize) it.
    ///
    /// # Errors
    /// As [`Attributes::max_pool`].
    pub const fn average_pool<T: Element>(&self) -> Result<crate::AvgPool<T, D>, PoolError> {
        let window = attempt!(self.window(&AVERAGE_POOL));
        Ok(crate::AvgPool::new(window).divisor(divisor(self.count_include_pad == 1)))
    }

    /// The pool of `LpPool`.
    ///
    /// # Errors
    /// As [`Attributes::max_pool`], and [`PoolError::Exponent`].
    pub const fn lp_pool<T: Float>(&self) -> Result<crate::LpPool<T, D>, PoolError> {
        let window = attempt!(self.window(&LP_POOL));
        Ok(crate::LpPool::new(window, attempt!(checked_exponent(self.p))))
    }

    /// How the output `Indices` of `MaxPool` numbers cells, for
    /// [`run_with_indices`](crate::Pool::run_with_indices).
    ///
    /// # Errors
    /// As [`Attributes::max_pool`], and before opset 8, which has no such output.
    pub const fn index_layout(&self) -> Result<IndexLayout, PoolError> {
        attempt!(self.window(&MAX_POOL));
        if self.opset < INDICES {
            return refuse("opset", "is below 8, where MaxPool has no output Indices");
        }
        Ok(if self.storage_order == 1 { IndexLayout::TensorColumnMajor } else { IndexLayout::Tensor })
    }

    const fn window(&self, since: &Since) -> Result<Window<D>, PoolError> {
        attempt!(self.check(since));
        if self.pads.is_some() && !matches!(self.auto_pad, AutoPad::NotSet) {
            return refuse("pads", "cannot be given beside auto_pad");
        }
        let strides = given_or(self.strides, [1; D]);
        let window = Window::new(self.kernel_shape).stride(strides);
        let window = match self.auto_pad {
            AutoPad::NotSet => window.padding_each(attempt!(self.padding())).size_rule(size_rule(self.ceil_mode == 1)),
            AutoPad::Valid => window,
            AutoPad::SameUpper => Window::same_upper(self.kernel_shape, strides),
            AutoPad::SameLower => Window::same_lower(self.kernel_shape, strides),
        };
        checked_window(window.dilation(given_or(self.dilations, [1; D])))
    }

    /// That the operator has every attribute that is given, with a value that there is.
    const fn check(&self, since: &Since) -> Result<(), PoolError> {
        if self.opset == 0 {
            return refuse("opset", "is zero, but opsets count from 1");
        }
        let given = [
            ("dilations", self.dilations.is_some(), since.dilations),
            ("ceil_mode", attempt!(flag("ceil_mode", self.ceil_mode)), since.ceil_mode),
            ("count_include_pad", attempt!(flag("count_include_pad", self.count_include_pad)), since.count_include_pad),
            ("storage_order", attempt!(flag("storage_order", self.storage_order)), since.storage_order),
            ("p", self.p != 2.0, since.p),
        ];
        let mut i = 0;
        while i < given.len() {
            match given[i] {
                (_, false, _) => {}
                (name, true, NEVER) => return refuse(name, "is not one of this operator"),
                (name, true, since) if self.opset < since => return refuse(name, "is newer than the opset"),
                _ => {}
            }
            i += 1;
        }
        Ok(())
    }

    /// `pads` by axis.
    const fn padding(&self) -> Result<[[usize; 2]; D], PoolError> {
        let mut padding = [[0; 2]; D];
        let Some(pads) = self.pads else { return Ok(padding) };
        if pads.len() != 2 * D {
            return refuse("pads", "must have two numbers for each axis");
        }
        let mut i = 0;
        while i < pads.len() {
            if pads[i] < 0 || pads[i] as u64 > usize::MAX as u64 {
                return refuse("pads", "must be sizes that are not negative");
            }
            padding[i % D][i / D] = pads[i] as usize;
            i += 1;
        }
        Ok(padding)
    }
}

const fn flag(name: &'static str, value: i64) -> Result<bool, PoolError> {
    match value {
        0 => Ok(false),
        1 => Ok(true),
        _ => refuse(name, "must be 0 or 1"),
    }
}
