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

use crate::dispatch::Native;
use crate::element::Element;
use crate::pool::{AvgPool, GlobalAvgPool, GlobalMaxPool, MaxPool, NanPolicy};
use crate::tokens::{Tokens, mean_of_all};
use crate::view::{View, ViewMut};
use crate::window::{Divisor, Window};

/// Options of a 2-D pool as constants; the methods come with them.
///
/// One image at a time: `[rows][cols][channels]` for `_nhwc`, `[channels][rows][cols]` for
/// `_nchw`.
pub trait Pool2d {
    /// The window.
    const WINDOW: Window<2>;
    /// What averages divide by.
    const DIVISOR: Divisor = Divisor::RealTaps;
    /// What NaN does to a maximum.
    const NAN: NanPolicy = NanPolicy::Propagate;

    /// The greatest element of each window; see [`MaxPool`].
    #[inline]
    fn max_nhwc<T: Element, const H: usize, const W: usize, const C: usize, const OH: usize, const OW: usize>(
        input: &[[[T; C]; W]; H],
        output: &mut [[[T; C]; OW]; OH],
    ) {
        const { check(Self::WINDOW, [H, W], [OH, OW]) }
        nhwc(input, output, |x, y| MaxPool::new(Self::WINDOW).nan(Self::NAN).run_through(Native, x, y));
    }

    /// The average of each window; see [`AvgPool`].
    #[inline]
    fn avg_nhwc<T: Element, const H: usize, const W: usize, const C: usize, const OH: usize, const OW: usize>(
        input: &[[[T; C]; W]; H],
        output: &mut [[[T; C]; OW]; OH],
    ) {
        const { check(Self::WINDOW, [H, W], [OH, OW]) }
        nhwc(input, output, |x, y| AvgPool::new(Self::WINDOW).divisor(Self::DIVISOR).run_through(Native, x, y));
    }

    /// The greatest element of each window; see [`MaxPool`].
    #[inline]
    fn max_nchw<T: Element, const C: usize, const H: usize, const W: usize, const OH: usize, const OW: usize>(
        input: &[[[T; W]; H]; C],
        output: &mut [[[T; OW]; OH]; C],
    ) {
        const { check(Self::WINDOW, [H, W], [OH, OW]) }
        nchw(input, output, |x, y| MaxPool::new(Self::WINDOW).nan(Self::NAN).run_through(Native, x, y));
    }

    /// The average of each window; see [`AvgPool`].
    #[inline]
    fn avg_nchw<T: Element, const C: usize, const H: usize, const W: usize, const OH: usize, const OW: usize>(
        input: &[[[T; W]; H]; C],
        output: &mut [[[T; OW]; OH]; C],
    ) {
        const { check(Self::WINDOW, [H, W], [OH, OW]) }
        nchw(input, output, |x, y| AvgPool::new(Self::WINDOW).divisor(Self::DIVISOR).run_through(Native, x, y));
    }
}

/// One function per reduction and layout, all alike.
macro_rules! global {
    ($name:ident, $Pool:ty, $layout:ident, $doc:literal, [$($axis:ident),+], $input:ty, $ones:expr) => {
        #[doc = $doc]
        #[inline]
        pub fn $name<T: Element, const H: usize, const W: usize, const C: usize>(input: &$input, output: &mut [T; C]) {
            const { assert!(H > 0 && W > 0, "the input has no cells") }
            let input = View::$layout(input.as_flattened().as_flattened(), [1, $($axis),+]);
            let output = ViewMut::$layout(output, $ones);
            run(input, output, |x, y| <$Pool>::new().run_through(Native, x, y));
        }
    };
}
global!(
    global_max_nhwc,
    GlobalMaxPool<T>,
    nhwc,
    "The greatest cell of each channel of `[rows][cols][channels]`; see [`GlobalMaxPool`].",
    [H, W, C],
    [[[T; C]; W]; H],
    [1, 1, 1, C]
);
global!(
    global_avg_nhwc,
    GlobalAvgPool<T>,
    nhwc,
    "The mean of each channel of `[rows][cols][channels]`; see [`GlobalAvgPool`].",
    [H, W, C],
    [[[T; C]; W]; H],
    [1, 1, 1, C]
);
global!(
    global_max_nchw,
    GlobalMaxPool<T>,
    nchw,
    "The greatest cell of each channel of `[channels][rows][cols]`; see [`GlobalMaxPool`].",
    [C, H, W],
    [[[T; W]; H]; C],
    [1, C, 1, 1]
);
global!(
    global_avg_nchw,
    GlobalAvgPool<T>,
    nchw,
    "The mean of each channel of `[channels][rows][cols]`; see [`GlobalAvgPool`].",
    [C, H, W],
    [[[T; W]; H]; C],
    [1, C, 1, 1]
);

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
    let tokens = Tokens::new(tokens.as_flattened(), [TOKENS, DIM]).map(|tokens| mean_of_all(Native, tokens, output));
    debug_assert!(tokens.is_ok(), "the types agree on the shapes");
}

const fn check(window: Window<2>, input: [usize; 2], output: [usize; 2]) {
    match window.output_size(input) {
        Ok([rows, cols]) => {
            assert!(rows == output[0] && cols == output[1], "the output has another shape than the window gives");
        }
        Err(_) => panic!("the window does not fit the input"),
    }
    assert!(window.check_windows(input).is_ok(), "a window lies wholly outside the input");
}

/// Runs `pool` on views of `[rows][cols][channels]`. The types agree on the shapes, and `check`
/// has agreed to them, so nothing here can fail.
#[inline(always)]
fn nhwc<T: Element, const H: usize, const W: usize, const C: usize, const OH: usize, const OW: usize, E>(
    input: &[[[T; C]; W]; H],
    output: &mut [[[T; C]; OW]; OH],
    pool: impl Fn(View<'_, T, 2>, &mut ViewMut<'_, T, 2>) -> Result<(), E>,
) {
    let input = View::nhwc(input.as_flattened().as_flattened(), [1, H, W, C]);
    let output = ViewMut::nhwc(output.as_flattened_mut().as_flattened_mut(), [1, OH, OW, C]);
    run(input, output, pool);
}

/// Runs `pool` on views of `[channels][rows][cols]`.
#[inline(always)]
fn nchw<T: Element, const C: usize, const H: usize, const W: usize, const OH: usize, const OW: usize, E>(
    input: &[[[T; W]; H]; C],
    output: &mut [[[T; OW]; OH]; C],
    pool: impl Fn(View<'_, T, 2>, &mut ViewMut<'_, T, 2>) -> Result<(), E>,
) {
    let input = View::nchw(input.as_flattened().as_flattened(), [1, C, H, W]);
    let output = ViewMut::nchw(output.as_flattened_mut().as_flattened_mut(), [1, C, OH, OW]);
    run(input, output, pool);
}

#[inline(always)]
fn run<T, E>(
    input: Result<View<'_, T, 2>, crate::PoolError>,
    output: Result<ViewMut<'_, T, 2>, crate::PoolError>,
    pool: impl Fn(View<'_, T, 2>, &mut ViewMut<'_, T, 2>) -> Result<(), E>,
) {
    let done = match (input, output) {
        (Ok(input), Ok(mut output)) => pool(input, &mut output).is_ok(),
        _ => false,
    };
    debug_assert!(done, "the types agree on the shapes");
}
