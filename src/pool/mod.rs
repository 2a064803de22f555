//! The spatial front: options are checked, views are matched with windows, and the work goes
//! through the door. No loop over cells lives here.
//!
//! A pool is an operation (`operation.rs`) on a geometry (`geometry.rs`); every pair of them is
//! the same [`Pool`], by whichever name.

mod geometry;
mod indices;
mod operation;
mod plan;
mod unpool;

pub use geometry::{Bins, Geometry, Whole};
pub use indices::IndexLayout;
pub use operation::{Average, LpNorm, Maximum, NanPolicy, Operation, ScaledMaximum};
pub use plan::Plan;
pub use unpool::max_unpool;

use crate::dispatch::Isa;
use crate::element::{Element, Float, Integer};
use crate::error::PoolError;
use crate::kernel::Job;
use crate::reduce::Bounds;
use crate::round::{Quantization, Requantize, Rounding, Rule};
use crate::view::{Layout, Shape, View, ViewMut};
use crate::window::{Divisor, Window};
use core::cmp::Ordering;

/// An operation on the cells that a geometry gathers for each output.
///
/// Made by the `new` of its aliases: [`MaxPool`], [`AvgPool`], [`LpPool`] move a [`Window`];
/// [`AdaptiveMaxPool`], [`AdaptiveAvgPool`] divide the input into [`Bins`]; [`GlobalMaxPool`],
/// [`GlobalAvgPool`], [`GlobalLpPool`] take the [`Whole`] of it. `Copy`, and usable as a constant.
/// Input and output may have different layouts. Calls never panic and never allocate.
///
/// Every output is computed in one stated order: each column of the window (the taps that share
/// their last coordinate) from its first tap to its last, outer axes slowest, then the columns
/// from left to right. So a sum has the same bits in every layout and on every instruction set.
/// [`Whole`] has an order of its own. Sums of integers are exact and have no order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pool<O, T, G> {
    operation: O,
    geometry: G,
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
/// Definition: ONNX `MaxPool` opset 22; PyTorch `MaxPool1d/2d/3d`; TFLite `MAX_POOL_2D`.
pub type MaxPool<T, const D: usize> = Pool<Maximum, T, Window<D>>;

/// The average of each window: the sum of the cells inside the input over a [`Divisor`].
///
/// The quotient is rounded once: for floats to nearest even, for integers as [`Rounding`] says. NaN
/// and infinities follow IEEE arithmetic; integers saturate.
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
pub type AvgPool<T, const D: usize> = Pool<Average, T, Window<D>>;

/// The Lp norm of each window, `(sum |x|^p)^(1/p)`, of floats.
///
/// Powers are summed in the type that sums of `T` have. Where that would overflow or lose
/// everything, the window is scaled by its greatest element first, so that 1e20 in `f32` is fine.
///
/// ```
/// use lanepool::{LpPool, View, ViewMut, Window};
///
/// let x = [3.0f32, -4.0, 1e20, 0.0];
/// let input = View::nchw(&x, [1, 1, 4])?;
/// let mut y = [0.0; 2];
/// LpPool::new(Window::new([2]), 2.0).run(input, &mut ViewMut::nchw(&mut y, [1, 1, 2])?)?;
/// assert_eq!(y, [5.0, 1e20]);
/// // TFLite's L2_POOL_2D is a root mean square.
/// LpPool::new(Window::new([2]), 2.0).mean().run(input, &mut ViewMut::nchw(&mut y, [1, 1, 2])?)?;
/// assert!((y[0] - 12.5f32.sqrt()).abs() < 1e-6);
/// # Ok::<(), lanepool::PoolError>(())
/// ```
///
/// Definition: ONNX `LpPool` opset 22. PyTorch's `LPPool` equals it where no input is negative
/// and no window reaches past the input.
pub type LpPool<T, const D: usize> = Pool<LpNorm, T, Window<D>>;

/// The greatest element of each bin; see [`Bins`]. NaN wins by default.
///
/// Definition: PyTorch `AdaptiveMaxPool1d/2d/3d`.
pub type AdaptiveMaxPool<T, const D: usize> = Pool<Maximum, T, Bins<D>>;

/// The average of each bin; see [`Bins`].
///
/// ```
/// use lanepool::{AdaptiveAvgPool, View, ViewMut};
///
/// let x = [0.0f32, 1.0, 2.0, 3.0, 4.0];
/// let mut y = [0.0; 3];
/// let input = View::nchw(&x, [1, 1, 5])?;
/// AdaptiveAvgPool::new([3]).run(input, &mut ViewMut::nchw(&mut y, [1, 1, 3])?)?;
/// assert_eq!(y, [0.5, 2.0, 3.5]);
/// # Ok::<(), lanepool::PoolError>(())
/// ```
///
/// Definition: PyTorch `AdaptiveAvgPool1d/2d/3d`.
pub type AdaptiveAvgPool<T, const D: usize> = Pool<Average, T, Bins<D>>;

/// The greatest cell of each channel. NaN wins by default.
///
/// Definition: ONNX `GlobalMaxPool`; PyTorch `AdaptiveMaxPool` to size 1.
pub type GlobalMaxPool<T> = Pool<Maximum, T, Whole>;

/// The mean of each channel: the sum of its cells over their number, rounded once.
///
/// Definition: ONNX `GlobalAveragePool`; PyTorch `AdaptiveAvgPool` to size 1.
pub type GlobalAvgPool<T> = Pool<Average, T, Whole>;

/// The Lp norm of each channel; see [`LpPool`].
///
/// Definition: ONNX `GlobalLpPool`.
pub type GlobalLpPool<T> = Pool<LpNorm, T, Whole>;

impl<O, T, G> Pool<O, T, G> {
    const fn from_parts(operation: O, geometry: G) -> Self {
        Self { operation, geometry, clamp: None, empty: None }
    }
}

/// The constructors of the three geometries, for one operation.
macro_rules! constructors {
    ($T:ident: $Element:ident, $O:ident, ($($arg:ident: $Arg:ty, $doc:literal)?) => $operation:expr, $what:literal) => {
        impl<$T: $Element, const D: usize> Pool<$O, $T, Window<D>> {
            #[doc = concat!($what, " of each window.", $($doc)?)]
            pub const fn new(window: Window<D>, $($arg: $Arg)?) -> Self {
                Self::from_parts($operation, window)
            }

            /// Writes `value` where a window has no tap inside the input, instead of refusing to run.
            pub const fn empty_value(mut self, value: $T) -> Self {
                self.empty = Some(value);
                self
            }

            /// The window.
            pub const fn window(&self) -> Window<D> {
                self.geometry
            }
        }

        impl<$T: $Element, const D: usize> Pool<$O, $T, Bins<D>> {
            #[doc = concat!($what, " of each of `size` bins.", $($doc)?)]
            pub const fn new(size: [usize; D], $($arg: $Arg)?) -> Self {
                Self::from_parts($operation, Bins::new(size))
            }

            #[doc = concat!($what, " of each bin; `None` keeps the size of an axis.", $($doc)?)]
            pub const fn with_sizes(size: [Option<usize>; D], $($arg: $Arg)?) -> Self {
                Self::from_parts($operation, Bins::with_sizes(size))
            }
        }

        impl<$T: $Element> Pool<$O, $T, Whole> {
            #[doc = concat!($what, " of each channel.", $($doc)?)]
            pub const fn new($($arg: $Arg)?) -> Self {
                Self::from_parts($operation, Whole)
            }
        }
    };
}
constructors!(T: Element, Maximum, () => Maximum::PROPAGATE, "The maximum");
constructors!(T: Element, Average, () => Average::REAL_TAPS, "The average, over the real taps,");
constructors!(T: Float, LpNorm, (p: f64, " `p` is greater than 0; infinity gives the maximum of `|x|`.") => LpNorm::new(p), "The Lp norm");

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

impl<T: Element, G> Pool<Maximum, T, G> {
    /// What NaN does.
    pub const fn nan(mut self, nan: NanPolicy) -> Self {
        self.operation.nan = nan;
        self
    }
}

impl<T: Integer, G: Copy> Pool<Maximum, T, G> {
    /// Codes of `from` become codes of `to`: `scale * (max - zero point)`, quantised to nearest, ties
    /// to even, then the zero point added, saturating. A clamp is of the output's codes.
    ///
    /// Definition: ONNX `MaxPool` between `DequantizeLinear` and `QuantizeLinear`, computed in `f64`.
    pub const fn requantize(self, from: Quantization, to: Quantization) -> Pool<ScaledMaximum, T, G> {
        let operation = ScaledMaximum { requantize: Requantize { from, to, rule: Rule::ZeroLast } };
        Pool { operation, geometry: self.geometry, clamp: self.clamp, empty: self.empty }
    }
}

impl<T: Element, const D: usize> AvgPool<T, D> {
    /// What sums are divided by.
    pub const fn divisor(mut self, divisor: Divisor) -> Self {
        self.operation.divisor = divisor;
        self
    }

    /// Codes of `from` become codes of `to`: the average of `scale * (code - zero point)`, in which
    /// padding counts as zero, over the output's scale, plus its zero point, rounded to nearest,
    /// ties to even, and saturated. A clamp is of the output's codes.
    ///
    /// Definition: ONNX Runtime `QLinearAveragePool`, of which this is the exact result (in `f64`). It adds
    /// the zero point before it rounds, and being in `f32` can miss where the exact quotient is a tie.
    pub const fn requantize(self, from: Quantization, to: Quantization) -> Self
    where
        T: Integer,
    {
        self.requantized(Requantize { from, to, rule: Rule::ZeroFirst })
    }
}

impl<T: Integer> GlobalAvgPool<T> {
    /// Codes of `from` become codes of `to`: the mean of `scale * (code - zero point)` over the
    /// output's scale, rounded to nearest, ties to even, plus its zero point, and saturated. A clamp is
    /// of the output's codes.
    ///
    /// Definition: ONNX Runtime `QLinearGlobalAveragePool`, XNNPACK's `f32`-scaled mean; computed in `f64`.
    pub const fn requantize(self, from: Quantization, to: Quantization) -> Self {
        self.requantized(Requantize { from, to, rule: Rule::ZeroLast })
    }

    /// As [`GlobalAvgPool::requantize`], but with a multiplier of 31 bits and a shift, which each round:
    /// the bits of TFLite's and TFLite Micro's reference `MEAN`, up to one code off the exact mean.
    ///
    /// Definition: `QuantizedMeanOrSum` with `MultiplyByQuantizedMultiplier`, rounded twice. TFLite's
    /// optimised kernels and XNNPACK differ from it, and from each other, in some last places.
    pub const fn requantize_fixed_point(self, from: Quantization, to: Quantization) -> Self {
        self.requantized(Requantize { from, to, rule: Rule::FixedPoint })
    }
}

impl<T: Integer, const D: usize> AdaptiveAvgPool<T, D> {
    /// As [`AvgPool::requantize`]: the zero point is added before rounding.
    ///
    /// PyTorch's quantised adaptive averages have two readings, by what computes them; they differ where a quotient is a tie and the
    /// zero point odd. For the other one see [`AdaptiveAvgPool::requantize_zero_last`].
    pub const fn requantize(self, from: Quantization, to: Quantization) -> Self {
        self.requantized(Requantize { from, to, rule: Rule::ZeroFirst })
    }

    /// As [`GlobalAvgPool::requantize`]: the zero point is added after rounding.
    pub const fn requantize_zero_last(self, from: Quantization, to: Quantization) -> Self {
        self.requantized(Requantize { from, to, rule: Rule::ZeroLast })
    }
}

impl<T: Integer, G> Pool<Average, T, G> {
    /// Where quotients go that lie between two integers. Requantising rounds in its own way.
    pub const fn rounding(mut self, rounding: Rounding) -> Self {
        self.operation.finish.rounding = rounding;
        self
    }

    const fn requantized(mut self, requantize: Requantize) -> Self {
        self.operation.finish.requantize = Some(requantize);
        self
    }
}

impl<T: Float, G> Pool<LpNorm, T, G> {
    /// Divides the sum of the powers by the real taps: a power mean; with p = 2 the root mean square.
    ///
    /// Definition: TFLite `L2_POOL_2D`.
    pub const fn mean(mut self) -> Self {
        self.operation.mean = true;
        self
    }

    /// Takes elements as they are, but at least `floor`, which is not negative, instead of their
    /// absolute value. With [`Pool::mean`] this is generalised-mean pooling.
    ///
    /// Definition: GeM, `(mean max(x, eps)^p)^(1/p)`; usual are p = 3 and eps = 1e-6.
    pub const fn floor(mut self, floor: f64) -> Self {
        self.operation.floor = Some(floor);
        self
    }
}

impl<O: Operation<T>, T: Element, G> Pool<O, T, G> {
    /// Forces every result into `low..=high`, as fused activations do; NaN stays NaN. A value
    /// chosen for empty windows is written as it is.
    pub const fn clamp(mut self, low: T, high: T) -> Self {
        self.clamp = Some([low, high]);
        self
    }

    /// The shape of the output for an input of the given shape.
    ///
    /// # Errors
    /// As [`Window::output_size`].
    pub fn output_shape<const D: usize>(&self, input: Shape<D>) -> Result<Shape<D>, PoolError>
    where
        G: Geometry<D>,
    {
        let spatial = self.geometry.output_size(input.spatial)?;
        Ok(Shape { batch: input.batch, channels: input.channels, spatial })
    }

    /// Pools `input` into `output` on the fastest instruction set present.
    ///
    /// # Errors
    /// Those of [`Window::output_size`] and [`Window::check_windows`] (unless `empty_value` was
    /// given), [`PoolError::Shape`] if the output has another shape than
    /// [`Pool::output_shape`], [`PoolError::Clamp`], [`PoolError::Quantization`],
    /// [`PoolError::Exponent`]. Nothing is written then.
    pub fn run<const D: usize>(&self, input: View<'_, T, D>, output: &mut ViewMut<'_, T, D>) -> Result<(), PoolError>
    where
        G: Geometry<D>,
    {
        let mut plan = self.unchecked(input.layout(), output.layout());
        self.check(&mut plan, input.shape().spatial)?;
        plan.execute(input.data(), output.data());
        Ok(())
    }

    /// As [`Pool::run`], on a chosen instruction set. The result has the same bits.
    ///
    /// # Errors
    /// As [`Pool::run`].
    pub fn run_on<const D: usize>(
        &self,
        isa: Isa,
        input: View<'_, T, D>,
        output: &mut ViewMut<'_, T, D>,
    ) -> Result<(), PoolError>
    where
        G: Geometry<D>,
    {
        let mut plan = self.unchecked(input.layout(), output.layout());
        self.check(&mut plan, input.shape().spatial)?;
        plan.execute_on(isa, input.data(), output.data());
        Ok(())
    }

    /// Checks once what many calls on images of these layouts share.
    ///
    /// ```
    /// use lanepool::{Layout, MaxPool, Window};
    ///
    /// let pool = MaxPool::new(Window::new([2, 2]));
    /// let plan = pool.plan(Layout::nhwc([1, 2, 4, 1])?, Layout::nhwc([1, 1, 2, 1])?)?;
    /// let mut y = [0.0f32; 2];
    /// plan.run(&[1.0, 5.0, 0.0, 2.0, 3.0, 4.0, 7.0, 6.0], &mut y)?;
    /// assert_eq!(y, [5.0, 7.0]);
    /// # Ok::<(), lanepool::PoolError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Pool::run`], and as [`ViewMut::with_strides`] of the output's layout.
    pub fn plan<const D: usize>(&self, input: Layout<D>, output: Layout<D>) -> Result<Plan<O, T>, PoolError>
    where
        G: Geometry<D>,
    {
        output.check_distinct()?;
        let mut plan = self.unchecked(input, output);
        plan.reach = [input.reach()?, output.reach()?];
        self.check(&mut plan, input.shape.spatial)?;
        Ok(plan)
    }

    /// A plan that is still to be checked.
    #[inline]
    fn unchecked<const D: usize>(&self, from: Layout<D>, to: Layout<D>) -> Plan<O, T> {
        let [low, high] = self.clamp.unwrap_or([T::LOWEST, T::HIGHEST]);
        Plan {
            operation: self.operation,
            job: Job::new(from.lift(), to.lift()),
            bounds: Bounds(low, high),
            fill: self.empty.unwrap_or(T::LOWEST),
            reach: [0; 2],
            nothing: from.is_empty(),
        }
    }

    /// All that can be wrong with a call on images of this size, other than slices; and what remains of a plan.
    fn check<const D: usize>(&self, plan: &mut Plan<O, T>, input: [usize; D]) -> Result<(), PoolError>
    where
        G: Geometry<D>,
    {
        self.geometry.axes(input, &mut plan.job.axes)?;
        plan.job.check(self.empty.is_some())?;
        let Bounds(low, high) = plan.bounds;
        if self.clamp.is_some() && !matches!(low.partial_cmp(&high), Some(Ordering::Less | Ordering::Equal)) {
            return Err(PoolError::Clamp);
        }
        self.operation.check()?;
        plan.job.whole = G::WHOLE;
        self.operation.prepare(&mut plan.job);
        // Nothing is left where bins are none.
        plan.nothing |= plan.job.axes.iter().any(|axis| axis.output == 0);
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
/// As [`Pool::run`].
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
/// As [`Pool::run`].
pub fn global_avg_pool<T: Element, const D: usize>(
    input: View<'_, T, D>,
    output: &mut ViewMut<'_, T, D>,
) -> Result<(), PoolError> {
    GlobalAvgPool::new().run(input, output)
}
