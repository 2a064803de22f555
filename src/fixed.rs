//! Shapes known when compiling: a mismatch does not compile, nothing can fail at run time, and
//! nothing is detected or dispatched. The kernels are the same as behind the run-time front, so
//! the bits are too.
//!
//! ```
//! use lanepool::{Window, fixed::Pool2d};
//!
//! struct Halve;
//! impl Pool2d for Halve {
//!     const WINDOW: Window<2> = Window::new([2, 2]);
//! }
//!
//! let image = [[[1.0f32], [2.0]], [[3.0], [6.0]]]; // 2 rows, 2 cols, 1 channel
//! let mut output = [[[0.0]]];
//! Halve::max_nhwc(&image, &mut output);
//! assert_eq!(output, [[[6.0]]]);
//! Halve::avg_nhwc(&image, &mut output);
//! assert_eq!(output, [[[3.0]]]);
//! ```
//!
//! An output of another shape does not compile:
//!
//! ```compile_fail,E0080
//! # use lanepool::{Window, fixed::Pool2d};
//! # struct Halve;
//! # impl Pool2d for Halve {
//! #     const WINDOW: Window<2> = Window::new([2, 2]);
//! # }
//! let mut output = [[[0.0f32]; 2]];
//! Halve::max_nhwc(&[[[1.0], [2.0]], [[3.0], [6.0]]], &mut output);
//! ```
//!
//! Nor does another number of channels:
//!
//! ```compile_fail,E0308
//! # use lanepool::{Window, fixed::Pool2d};
//! # struct Halve;
//! # impl Pool2d for Halve {
//! #     const WINDOW: Window<2> = Window::new([2, 2]);
//! # }
//! let mut output = [[[0.0f32; 2]]];
//! Halve::avg_nhwc(&[[[1.0], [2.0]], [[3.0], [6.0]]], &mut output);
//! ```
//!
//! Nor a window that can lie wholly in the padding:
//!
//! ```compile_fail,E0080
//! # use lanepool::{Window, fixed::Pool2d};
//! # struct Lost;
//! # impl Pool2d for Lost {
//! #     const WINDOW: Window<2> = Window::new([1, 1]).padding([1, 0]);
//! # }
//! let mut output = [[[0.0f32]]; 3];
//! Lost::avg_nhwc(&[[[1.0]]], &mut output);
//! ```

use crate::dispatch::Kernels;
use crate::element::Element;
use crate::kernel::{self, Job, Work, numbers_alone};
use crate::pool::NanPolicy;
use crate::reduce::{Bounds, Max, Mean, are_few};
use crate::round::{Finish, Rounding};
use crate::tokens::{Tokens, mean_of_all};
use crate::view::{Layout, Shape, Strides};
use crate::window::{Axis, Divisor, Window};

/// Options of a 2-D pool as constants; the methods come with them.
///
/// One image at a time: `[rows][cols][channels]` for `_nhwc`, `[channels][rows][cols]` for
/// `_nchw`.
pub trait Pool2d {
    /// The window.
    const WINDOW: Window<2>;
    /// What averages divide by.
    const DIVISOR: Divisor = Divisor::RealTaps;
    /// Where averages of integers go that lie between two.
    const ROUNDING: Rounding = Rounding::HalfAwayFromZero;
    /// What NaN does to a maximum.
    const NAN: NanPolicy = NanPolicy::Propagate;
    /// The range that every result is forced into, as fused activations do: of integers, in codes.
    const CLAMP: Option<[f64; 2]> = None;

    /// The greatest element of each window; see [`MaxPool`](crate::MaxPool).
    #[inline]
    fn max_nhwc<T: Element, const H: usize, const W: usize, const C: usize, const OH: usize, const OW: usize>(
        input: &[[[T; C]; W]; H],
        output: &mut [[[T; C]; OW]; OH],
    ) {
        let job = const { &windows(Self::WINDOW, (Divisor::Sum, Rounding::HalfUp), [H, W], [OH, OW], [C, 1]) };
        max::<T>(job, flat(input), flat_mut(output), Self::NAN, const { clamp(Self::CLAMP) });
    }

    /// The average of each window; see [`AvgPool`](crate::AvgPool).
    #[inline]
    fn avg_nhwc<T: Element, const H: usize, const W: usize, const C: usize, const OH: usize, const OW: usize>(
        input: &[[[T; C]; W]; H],
        output: &mut [[[T; C]; OW]; OH],
    ) {
        let job = const { &windows(Self::WINDOW, (Self::DIVISOR, Self::ROUNDING), [H, W], [OH, OW], [C, 1]) };
        let few = const { check_taps::<T>(Self::WINDOW, [H, W]) };
        avg::<T>(job, flat(input), flat_mut(output), few, const { clamp(Self::CLAMP) });
    }

    /// The greatest element of each window; see [`MaxPool`](crate::MaxPool).
    #[inline]
    fn max_nchw<T: Element, const C: usize, const H: usize, const W: usize, const OH: usize, const OW: usize>(
        input: &[[[T; W]; H]; C],
        output: &mut [[[T; OW]; OH]; C],
    ) {
        let job = const { &windows(Self::WINDOW, (Divisor::Sum, Rounding::HalfUp), [H, W], [OH, OW], [C, 0]) };
        max::<T>(job, flat(input), flat_mut(output), Self::NAN, const { clamp(Self::CLAMP) });
    }

    /// The average of each window; see [`AvgPool`](crate::AvgPool).
    #[inline]
    fn avg_nchw<T: Element, const C: usize, const H: usize, const W: usize, const OH: usize, const OW: usize>(
        input: &[[[T; W]; H]; C],
        output: &mut [[[T; OW]; OH]; C],
    ) {
        let job = const { &windows(Self::WINDOW, (Self::DIVISOR, Self::ROUNDING), [H, W], [OH, OW], [C, 0]) };
        let few = const { check_taps::<T>(Self::WINDOW, [H, W]) };
        avg::<T>(job, flat(input), flat_mut(output), few, const { clamp(Self::CLAMP) });
    }
}

#[inline(always)]
fn max<T: Element>(job: &Job, input: &[T], output: &mut [T], nan: NanPolicy, clamp: Option<[f64; 2]>) {
    let mut work = Work { job, input, output, fill: T::LOWEST };
    kernel::pool_fixed(T::native(), Max(bounds(clamp)), &mut work);
    if T::HAS_NAN && matches!(nan, NanPolicy::Ignore) {
        numbers_alone::run(&mut work, bounds(clamp), None);
    }
}

#[inline(always)]
fn avg<T: Element>(job: &Job, input: &[T], output: &mut [T], few: bool, clamp: Option<[f64; 2]>) {
    let mut work = Work { job, input, output, fill: T::LOWEST };
    if few {
        kernel::pool_fixed(T::native(), Mean::<T, true>(bounds(clamp)), &mut work);
    } else {
        kernel::pool_fixed(T::native(), Mean::<T, false>(bounds(clamp)), &mut work);
    }
}

#[inline(always)]
fn bounds<T: Element>(clamp: Option<[f64; 2]>) -> Bounds<T> {
    match clamp {
        None => Bounds::ALL,
        Some([low, high]) => Bounds(T::nearest(low), T::nearest(high)),
    }
}

/// One function per reduction and layout, all alike.
macro_rules! global {
    ($name:ident, $reduce:ident, $Pool:literal, $rule:expr, $channels:expr, $input:ty, $shape:literal) => {
        #[doc = concat!("See [`", $Pool, "`](crate::", $Pool, "); the input is `", $shape, "`.")]
        #[inline]
        pub fn $name<T: Element, const H: usize, const W: usize, const C: usize>(input: &$input, output: &mut [T; C]) {
            let job = const { &global([H, W], [C, $channels]) };
            const { assert!(T::MOST_TAPS / W >= H, "the image has more cells than a sum of this type holds") }
            $reduce::<T>(job, flat(input), output, const { $rule }, None);
        }
    };
}
global!(global_max_nhwc, max, "GlobalMaxPool", NanPolicy::Propagate, 1, [[[T; C]; W]; H], "[rows][cols][channels]");
global!(global_avg_nhwc, avg, "GlobalAvgPool", are_few::<T>(H, W), 1, [[[T; C]; W]; H], "[rows][cols][channels]");
global!(global_max_nchw, max, "GlobalMaxPool", NanPolicy::Propagate, 0, [[[T; W]; H]; C], "[channels][rows][cols]");
global!(global_avg_nchw, avg, "GlobalAvgPool", are_few::<T>(H, W), 0, [[[T; W]; H]; C], "[channels][rows][cols]");

/// The mean of all tokens of a sequence.
///
/// ```
/// let mut pooled = [0.0; 2];
/// lanepool::fixed::mean_tokens(&[[1.0, -2.0], [3.0, 4.0]], &mut pooled);
/// assert_eq!(pooled, [2.0, 1.0]);
/// ```
///
/// ```compile_fail,E0308
/// let mut pooled = [0.0; 3];
/// lanepool::fixed::mean_tokens(&[[1.0, -2.0], [3.0, 4.0]], &mut pooled);
/// ```
#[inline]
pub fn mean_tokens<const TOKENS: usize, const DIM: usize>(tokens: &[[f32; DIM]; TOKENS], output: &mut [f32; DIM]) {
    let tokens =
        Tokens::new(tokens.as_flattened(), [TOKENS, DIM]).map(|tokens| mean_of_all(f32::native(), &tokens, output));
    debug_assert!(tokens.is_ok(), "the types agree on the shapes");
}

/// The job of windows on `[channels, whether they come last]`.
const fn windows(
    window: Window<2>,
    (divisor, rounding): (Divisor, Rounding),
    input: [usize; 2],
    output: [usize; 2],
    channels: [usize; 2],
) -> Job {
    match window.output_size(input) {
        Ok([rows, cols]) => {
            assert!(rows == output[0] && cols == output[1], "the output has another shape than the window gives");
        }
        Err(_) => panic!("the window does not fit the input"),
    }
    assert!(window.check_windows(input).is_ok(), "a window lies wholly outside the input");
    let (Ok(rows), Ok(cols)) = (window.axis(0, input[0]), window.axis(1, input[1])) else {
        panic!("the window does not fit the input")
    };
    job([rows, cols], (divisor, rounding), input, output, channels, false)
}

/// The job of whole images.
const fn global(input: [usize; 2], channels: [usize; 2]) -> Job {
    assert!(input[0] > 0 && input[1] > 0, "the input has no cells");
    let (Some(rows), Some(cols)) = (Axis::bins(input[0], 1), Axis::bins(input[1], 1)) else {
        panic!("the input has too many cells")
    };
    job([rows, cols], (Divisor::RealTaps, Rounding::HalfAwayFromZero), input, [1, 1], channels, true)
}

const fn job(
    [rows, cols]: [Axis; 2],
    (divisor, rounding): (Divisor, Rounding),
    input: [usize; 2],
    output: [usize; 2],
    channels: [usize; 2],
    whole: bool,
) -> Job {
    let finish = Finish { rounding, requantize: None };
    let axes = [Axis::UNIT, rows, cols];
    Job { from: dense(input, channels), to: dense(output, channels), axes, divisor, finish, whole }
}

/// One image. Strides saturate only where there are no channels, and then nothing uses them.
const fn dense([rows, cols]: [usize; 2], [channels, last]: [usize; 2]) -> Layout<3> {
    let cells = rows.saturating_mul(cols);
    let col = if last == 1 { channels } else { 1 };
    let channel = if last == 1 { 1 } else { cells };
    let spatial = [cells.saturating_mul(col), cols.saturating_mul(col), col];
    let strides = Strides { batch: cells.saturating_mul(channels), channel, spatial };
    Layout { shape: Shape { batch: 1, channels, spatial: [1, rows, cols] }, strides }
}

/// That sums of as many elements do not overflow; and whether they are few.
const fn check_taps<T: Element>(window: Window<2>, input: [usize; 2]) -> bool {
    let (Ok(rows), Ok(cols)) = (window.axis(0, input[0]), window.axis(1, input[1])) else { return false };
    assert!(T::MOST_TAPS / rows.kernel >= cols.kernel, "the window has more taps than a sum of this type holds");
    are_few::<T>(rows.kernel, cols.kernel)
}

const fn clamp(clamp: Option<[f64; 2]>) -> Option<[f64; 2]> {
    if let Some([low, high]) = clamp {
        assert!(low <= high, "the clamp's bounds are crossed, or no numbers");
    }
    clamp
}

/// The elements of an array in three dimensions.
#[inline(always)]
fn flat<T, const A: usize, const B: usize, const C: usize>(array: &[[[T; A]; B]; C]) -> &[T] {
    // Arrays without elements may be longer than any slice.
    if A == 0 { &[] } else { array.as_flattened().as_flattened() }
}

#[inline(always)]
fn flat_mut<T, const A: usize, const B: usize, const C: usize>(array: &mut [[[T; A]; B]; C]) -> &mut [T] {
    if A == 0 { &mut [] } else { array.as_flattened_mut().as_flattened_mut() }
}
