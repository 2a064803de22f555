//! Windows as pure numbers: which input cells each output cell reads, decided here once for
//! every operation, element type, layout and instruction set.
//!
//! Along one axis of `n` input cells, with kernel `k`, stride `s`, dilation `d` and padding `a`
//! before and `b` after, output `o` has its taps `t = 0 .. k` at input positions
//! `o * s - a + t * d`. A tap is *real* where that is inside `0 .. n`; else it is padding, or
//! past the padding too (possible with the ceil rules). An image window has a real tap where
//! every axis has one.

use crate::error::{AxisName, Parameter, PoolError};

/// How many windows an axis gets. With `span = d * (k - 1) + 1` and `room = n + a + b - span`:
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum SizeRule {
    /// `floor(room / s) + 1`. The default of every framework.
    #[default]
    Floor,
    /// `ceil(room / s) + 1`, less one if the last window would start in the padding after the
    /// input. PyTorch's and ONNX's `ceil_mode`.
    Ceil,
    /// `ceil(room / s) + 1`, whatever the last window covers. ncnn, OpenVINO `ceil`.
    CeilUnclipped,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Padding<const D: usize> {
    Explicit([[usize; 2]; D]),
    SameUpper,
    SameLower,
}

/// The shape of a pooling window on `D` axes, outermost first, and how it moves.
///
/// ```
/// use lanepool::Window;
/// // ResNet's first pooling layer: 112 cells become 56.
/// const STEM: Window<2> = Window::new([3, 3]).stride([2, 2]).padding([1, 1]);
/// assert_eq!(STEM.output_size([112, 112]), Ok([56, 56]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window<const D: usize> {
    kernel: [usize; D],
    stride: [usize; D],
    dilation: [usize; D],
    padding: Padding<D>,
    size: SizeRule,
}

impl<const D: usize> Window<D> {
    /// A window of `kernel` taps, which moves by its own extent (PyTorch's default stride), on
    /// an input without padding, dense, with floor sizes (TensorFlow's and ONNX's `VALID`).
    pub const fn new(kernel: [usize; D]) -> Self {
        Self {
            kernel,
            stride: kernel,
            dilation: [1; D],
            padding: Padding::Explicit([[0; 2]; D]),
            size: SizeRule::Floor,
        }
    }

    /// As many windows as `ceil(n / stride)`, with the least padding that this needs; an odd
    /// cell of padding goes after the input. TensorFlow, TFLite and ONNX `SAME_UPPER`.
    pub const fn same_upper(kernel: [usize; D], stride: [usize; D]) -> Self {
        Self { stride, padding: Padding::SameUpper, ..Self::new(kernel) }
    }

    /// As [`Window::same_upper`], with the odd cell before the input. ONNX `SAME_LOWER`.
    pub const fn same_lower(kernel: [usize; D], stride: [usize; D]) -> Self {
        Self { stride, padding: Padding::SameLower, ..Self::new(kernel) }
    }

    /// Input cells from one window to the next.
    pub const fn stride(mut self, stride: [usize; D]) -> Self {
        self.stride = stride;
        self
    }

    /// Input cells from one tap to the next; 1 is dense.
    pub const fn dilation(mut self, dilation: [usize; D]) -> Self {
        self.dilation = dilation;
        self
    }

    /// The same padding before and after each axis. Replaces a SAME rule.
    pub const fn padding(self, padding: [usize; D]) -> Self {
        let mut each = [[0; 2]; D];
        let mut i = 0;
        while i < D {
            each[i] = [padding[i]; 2];
            i += 1;
        }
        self.padding_each(each)
    }

    /// Padding `[before, after]` each axis. Replaces a SAME rule.
    pub const fn padding_each(mut self, padding: [[usize; 2]; D]) -> Self {
        self.padding = Padding::Explicit(padding);
        self
    }

    /// Sizes by [`SizeRule::Ceil`]. Changes nothing under a SAME rule.
    pub const fn ceil(self) -> Self {
        self.size_rule(SizeRule::Ceil)
    }

    /// Sizes by [`SizeRule::CeilUnclipped`]. Changes nothing under a SAME rule.
    pub const fn ceil_unclipped(self) -> Self {
        self.size_rule(SizeRule::CeilUnclipped)
    }

    /// Sizes by the given rule. Changes nothing under a SAME rule.
    pub const fn size_rule(mut self, size: SizeRule) -> Self {
        self.size = size;
        self
    }

    /// The number of windows on each axis of an input of the given size.
    ///
    /// # Errors
    /// [`PoolError::Zero`], [`PoolError::EmptyInput`], [`PoolError::KernelTooLarge`] or
    /// [`PoolError::Overflow`], with the axis.
    ///
    /// Definition: PyTorch `MaxPool2d`, ONNX `MaxPool` opset 22, TensorFlow `SAME`; with the
    /// ceil rules the one window of an input shorter than the kernel by less than a stride.
    pub const fn output_size(&self, input: [usize; D]) -> Result<[usize; D], PoolError> {
        let mut size = [0; D];
        let mut taps = 1usize;
        let mut i = 0;
        while i < D {
            match self.axis(i, input[i]) {
                Ok(axis) => size[i] = axis.output,
                Err(error) => return Err(error),
            }
            // Divisors count taps, in signed numbers.
            taps = match taps.checked_mul(self.kernel[i]) {
                Some(taps) if taps <= isize::MAX as usize => taps,
                _ => return Err(PoolError::Overflow { axis: AxisName::spatial::<D>(i) }),
            };
            i += 1;
        }
        Ok(size)
    }

    /// The least input that max pooling with this window takes to `pooled` windows: the size to
    /// which [`max_unpool`](crate::max_unpool) restores them unless the caller knows better,
    /// `(pooled - 1) * stride - padding + span`. Of a SAME rule, `pooled * stride`.
    ///
    /// # Errors
    /// [`PoolError::Zero`], [`PoolError::EmptyInput`] if an extent of `pooled` is zero, or
    /// [`PoolError::Overflow`], also where the padding is wider than the windows.
    ///
    /// Definition: PyTorch `MaxUnpool2d`, ONNX `MaxUnpool`.
    pub const fn unpooled_size(&self, pooled: [usize; D]) -> Result<[usize; D], PoolError> {
        let mut size = [0; D];
        let mut i = 0;
        while i < D {
            let overflow = Err(PoolError::Overflow { axis: AxisName::spatial::<D>(i) });
            // An input of one cell shows what is zero; that it may not fit the window is no matter here.
            let shown = self.axis(i, if pooled[i] == 0 { 0 } else { 1 });
            if let Err(error @ (PoolError::Zero { .. } | PoolError::EmptyInput { .. })) = shown {
                return Err(error);
            }
            let starts = match (pooled[i] - 1).checked_mul(self.stride[i]) {
                Some(starts) => starts,
                None => return overflow,
            };
            let (reach, padding) = match self.padding {
                Padding::Explicit(padding) => {
                    let span = match (self.kernel[i] - 1).checked_mul(self.dilation[i]) {
                        Some(span) => span,
                        None => return overflow,
                    };
                    (starts.checked_add(span), padding[i][0].checked_add(padding[i][1]))
                }
                Padding::SameUpper | Padding::SameLower => (starts.checked_add(self.stride[i] - 1), Some(0)),
            };
            size[i] = match (reach, padding) {
                (Some(reach), Some(padding)) if reach < usize::MAX && padding <= reach => reach - padding + 1,
                _ => return overflow,
            };
            i += 1;
        }
        Ok(size)
    }

    /// The first window, on the outermost axis that has one, without a tap inside the input.
    /// Such windows come from padding as wide as the kernel, from dilation wider than the input,
    /// and from [`SizeRule::CeilUnclipped`].
    ///
    /// # Errors
    /// As [`Window::output_size`], and [`PoolError::EmptyWindow`] with the axis and position.
    pub const fn check_windows(&self, input: [usize; D]) -> Result<(), PoolError> {
        let mut i = 0;
        while i < D {
            let axis = match self.axis(i, input[i]) {
                Ok(axis) => axis,
                Err(error) => return Err(error),
            };
            if let Some(output) = axis.first_empty() {
                return Err(PoolError::EmptyWindow { axis: AxisName::spatial::<D>(i), output });
            }
            i += 1;
        }
        Ok(())
    }

    /// The rules of axis `i` applied to its `n` input cells.
    pub(crate) const fn axis(&self, i: usize, n: usize) -> Result<Axis, PoolError> {
        let padding = match self.padding {
            Padding::Explicit(padding) => Padding::Explicit([padding[i]]),
            Padding::SameUpper => Padding::SameUpper,
            Padding::SameLower => Padding::SameLower,
        };
        let steps = [self.kernel[i], self.stride[i], self.dilation[i]];
        Axis::checked(n, steps, padding, self.size, AxisName::spatial::<D>(i))
    }
}

/// `?` for `Option` in a `const fn`.
macro_rules! some {
    ($option:expr) => {
        match $option {
            Some(value) => value,
            None => return None,
        }
    };
}

/// `n / d`, of a divisor that is not zero: said so that no panic is linked.
const fn div(n: usize, d: usize) -> usize {
    match n.checked_div(d) {
        Some(quotient) => quotient,
        None => 0,
    }
}

/// The same, rounded up.
const fn ceil_div(n: usize, d: usize) -> usize {
    let below = div(n, d);
    if below * d < n { below + 1 } else { below }
}

/// One axis of a window on an input of known size. Every position that the methods compute
/// is below a bound that was checked when this was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Axis {
    pub(crate) input: usize,
    pub(crate) output: usize,
    pub(crate) kernel: usize,
    pub(crate) stride: usize,
    pub(crate) dilation: usize,
    pub(crate) pad_start: usize,
    /// Input and padding.
    pub(crate) padded: usize,
    /// Cells from the first to the last tap.
    pub(crate) span: usize,
    /// The first output whose taps are all real, and the first after those: found once, for it takes divisions.
    inside: [usize; 2],
    /// Whether windows are bins of unequal size: then `kernel` is the largest, and `stride` 0.
    pub(crate) bins: bool,
}

/// The taps of one window on one axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Taps {
    /// Input position of the first real tap.
    pub(crate) start: usize,
    /// Real taps, one dilation apart.
    pub(crate) real: usize,
    /// Real taps and those in the padding.
    pub(crate) padded: usize,
}

impl Axis {
    /// The axis that is not there: one cell, one tap.
    pub(crate) const UNIT: Self = Self {
        input: 1,
        output: 1,
        kernel: 1,
        stride: 1,
        dilation: 1,
        pad_start: 0,
        padded: 1,
        span: 1,
        inside: [0, 1],
        bins: false,
    };

    /// No bins: no outputs.
    pub(crate) const NO_BINS: Self = Self { output: 0, inside: [0; 2], bins: true, ..Self::UNIT };

    /// `output` bins of `input` cells, neither of which is zero: bin `i` is what the `i`-th of
    /// `output` equal parts touches. `None` where a number overflows.
    pub(crate) const fn bins(input: usize, output: usize) -> Option<Self> {
        let kernel = div(input, output);
        let all = Self { input, output, kernel, stride: kernel, padded: input, span: kernel, ..Self::UNIT };
        let all = Self { inside: [0, output], ..all };
        if kernel * output == input {
            return Some(all);
        }
        // The greatest product of what places a bin.
        some!((input - kernel * output).checked_mul(output));
        let kernel = ceil_div(input, output) + 1;
        Some(Self { kernel, stride: 0, span: kernel, bins: true, ..all })
    }

    /// Windows of `[kernel, stride, dilation]` on the `n` cells of an axis.
    const fn checked(
        n: usize,
        [kernel, stride, dilation]: [usize; 3],
        padding: Padding<1>,
        size: SizeRule,
        axis: AxisName,
    ) -> Result<Self, PoolError> {
        let parameter = match [kernel, stride, dilation] {
            [0, ..] => Some(Parameter::Kernel),
            [_, 0, _] => Some(Parameter::Stride),
            [_, _, 0] => Some(Parameter::Dilation),
            _ => None,
        };
        if let Some(parameter) = parameter {
            return Err(PoolError::Zero { parameter, axis });
        }
        if n == 0 {
            return Err(PoolError::EmptyInput { axis });
        }
        match Axis::new(n, [kernel, stride, dilation], padding, size) {
            Some(Ok(axis)) => Ok(axis),
            Some(Err([kernel, input])) => Err(PoolError::KernelTooLarge { axis, kernel, input }),
            None => Err(PoolError::Overflow { axis }),
        }
    }

    /// `None` where a number overflows, `Err([span, padded input])` where the window does not fit.
    const fn new(
        n: usize,
        [kernel, stride, dilation]: [usize; 3],
        padding: Padding<1>,
        size: SizeRule,
    ) -> Option<Result<Self, [usize; 2]>> {
        let span = some!(some!((kernel - 1).checked_mul(dilation)).checked_add(1));
        let (pad_start, padded, output) = match padding {
            Padding::Explicit([[before, after]]) => {
                let padded = some!(some!(n.checked_add(before)).checked_add(after));
                let steps = match (padded.checked_sub(span), size) {
                    (Some(room), SizeRule::Floor) => div(room, stride),
                    (Some(room), _) => ceil_div(room, stride),
                    // Rounded up, a lack of less than one stride is none.
                    (None, SizeRule::Ceil | SizeRule::CeilUnclipped) if span - padded < stride => 0,
                    (None, _) => return Some(Err([span, padded])),
                };
                let clip =
                    matches!(size, SizeRule::Ceil) && some!(steps.checked_mul(stride)) >= n + before && steps > 0;
                (before, padded, if clip { steps } else { some!(steps.checked_add(1)) })
            }
            Padding::SameUpper | Padding::SameLower => {
                let output = ceil_div(n, stride);
                let reach = some!(some!((output - 1).checked_mul(stride)).checked_add(span));
                let total = reach.saturating_sub(n);
                let half = total / 2;
                let before = if matches!(padding, Padding::SameUpper) { half } else { total - half };
                (before, some!(n.checked_add(total)), output)
            }
        };
        // The end of the last window bounds every position.
        some!(some!((output - 1).checked_mul(stride)).checked_add(span));
        let mut inside = [0, output];
        if pad_start > 0 || (output - 1) * stride + span > n {
            let start = ceil_div(pad_start, stride);
            let start = if start < output { start } else { output };
            let end = match (pad_start + n).checked_sub(span) {
                Some(last) => div(last, stride) + 1,
                None => 0,
            };
            let end = if end < output { end } else { output };
            inside = [start, if end > start { end } else { start }];
        }
        Some(Ok(Self { input: n, output, kernel, stride, dilation, pad_start, padded, span, inside, bins: false }))
    }

    /// Taps below `bound`, a position that counts padding, in a window that starts at `start`.
    const fn taps_below(&self, start: usize, bound: usize) -> usize {
        // The interior never divides: on every pixel, that would cost more than pooling it.
        match bound.saturating_sub(start) {
            0 => 0,
            room if room >= self.span => self.kernel,
            room if self.dilation == 1 => room,
            room => ceil_div(room, self.dilation),
        }
    }

    /// Whether neighbours share no cell.
    #[inline]
    pub(crate) const fn is_apart(&self) -> bool {
        self.bins || self.span <= self.stride || self.output == 1
    }

    /// Whether all windows lie inside the input.
    #[inline]
    pub(crate) fn is_whole(&self) -> bool {
        !self.bins && self.interior() == (0..self.output)
    }

    /// Whether there may be a window without a real tap.
    pub(crate) const fn may_be_empty(&self) -> bool {
        // None of those that are all inside, as bins are. Of taps side by side some are real, unless the first window ends before the input, or
        // the last one starts after it.
        let is_before = self.kernel <= self.pad_start;
        let are_inside = self.inside[1] - self.inside[0] == self.output;
        !are_inside
            && (self.dilation > 1 || is_before || (self.output - 1) * self.stride >= self.pad_start + self.input)
    }

    /// The taps of window `o`.
    #[inline]
    pub(crate) const fn taps(&self, o: usize) -> Taps {
        if self.bins {
            return self.bin(o);
        }
        let start = o * self.stride;
        if o >= self.inside[0] && o < self.inside[1] {
            return Taps { start: start - self.pad_start, real: self.kernel, padded: self.kernel };
        }
        let before = self.taps_below(start, self.pad_start);
        let below_end = self.taps_below(start, self.pad_start + self.input);
        let real = below_end - before;
        Taps {
            start: if real == 0 { 0 } else { start + before * self.dilation - self.pad_start },
            real,
            padded: self.taps_below(start, self.padded),
        }
    }

    /// As [`Axis::taps`], as a function of its own.
    #[inline(never)]
    pub(crate) fn outlined_taps(&self, o: usize) -> Taps {
        self.taps(o)
    }

    /// The taps of bin `o`: from `floor(o * n / output)` to below `ceil((o + 1) * n / output)`.
    const fn bin(&self, o: usize) -> Taps {
        // Whole parts, and the rest: products of the input's and the output's extents would overflow sooner.
        let whole = div(self.input, self.output);
        let rest = self.input - whole * self.output;
        let start = o * whole + div(o * rest, self.output);
        let end = (o + 1) * whole + ceil_div((o + 1) * rest, self.output);
        let real = end - start;
        Taps { start, real, padded: real }
    }

    /// The outputs whose taps are all real.
    #[inline(always)]
    pub(crate) const fn interior(&self) -> core::ops::Range<usize> {
        self.inside[0]..self.inside[1]
    }

    /// The cell at a place `n` cells after the start of the padding, or the nearest cell to it. There is a cell.
    #[inline(always)]
    pub(crate) const fn nearest(&self, n: usize) -> usize {
        let cell = n.saturating_sub(self.pad_start);
        if cell < self.input { cell } else { self.input.saturating_sub(1) }
    }

    /// The first output without a real tap.
    pub(crate) const fn first_empty(&self) -> Option<usize> {
        if !self.may_be_empty() {
            return None;
        }
        if self.taps(0).real == 0 {
            return Some(0);
        }
        // As the first window reaches the input, so do those after it, until one starts past it.
        let past = ceil_div(self.pad_start + self.input, self.stride);
        let mut first = if past < self.output { past } else { self.output };
        // Taps may step over the input where they lie further apart than it is long.
        if self.dilation > self.input {
            let rest = rem(self.pad_start, self.dilation);
            // Cells from the start of the input to the first window's first tap in it.
            let at = if rest == 0 { 0 } else { self.dilation - rest };
            let (from, to) = (self.input - at, self.dilation - 1 - at);
            if let Some(o) = first_multiple(rem(self.stride, self.dilation), self.dilation, from, to)
                && o < first
                && o * self.stride < self.pad_start
            {
                first = o;
            }
        }
        if first < self.output { Some(first) } else { None }
    }
}

/// The remainder, of a divisor that is not zero.
const fn rem(n: usize, d: usize) -> usize {
    match n.checked_rem(d) {
        Some(rest) => rest,
        None => 0,
    }
}

/// The least `x` for which `a * x % m` is in `from..=to`, which are below `m`, as `a` is; `None` if there is none, or none that
/// `usize` counts the product of. As Euclid's algorithm, it takes few steps.
const fn first_multiple(a: usize, m: usize, from: usize, to: usize) -> Option<usize> {
    if from == 0 {
        return Some(0);
    }
    if a == 0 {
        return None;
    }
    let x = ceil_div(from, a);
    if let Some(product) = x.checked_mul(a)
        && product <= to
    {
        return Some(x);
    }
    let (low, high) = (rem(a - rem(to, a), a), rem(a - rem(from, a), a));
    let y = some!(first_multiple(rem(m, a), a, low, high));
    Some(ceil_div(some!(some!(m.checked_mul(y)).checked_add(from)), a))
}

/// What the sum of a window is divided by.
///
/// Frameworks differ in their default: ONNX, TFLite, CMSIS-NN and XNNPACK divide by the real
/// taps, PyTorch by [`Divisor::InputAndPadding`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Divisor {
    /// Taps inside the input (`count_include_pad = false`).
    #[default]
    RealTaps,
    /// Taps inside the input and its padding, but not past it, where the ceil rules may reach.
    /// PyTorch and ONNX with `count_include_pad = true`.
    InputAndPadding,
    /// Every tap, wherever it lies. oneDNN `avg_include_padding`, ncnn.
    FullWindow,
    /// A number of the caller's, which may be negative. PyTorch's `divisor_override`.
    Fixed(core::num::NonZeroI32),
    /// One: the plain sum.
    Sum,
}

impl Divisor {
    /// Whether every window has the same.
    pub(crate) const fn is_constant(self) -> bool {
        matches!(self, Self::FullWindow | Self::Fixed(_) | Self::Sum)
    }

    /// What an axis counts of these taps, if that is not constant.
    #[inline(always)]
    pub(crate) const fn along(self, axis: &Axis, taps: Taps) -> usize {
        match self {
            Self::RealTaps => taps.real,
            Self::InputAndPadding => taps.padded,
            _ => axis.kernel,
        }
    }

    /// What depth and rows count.
    #[inline(always)]
    pub(crate) const fn rows(self, axes: &[Axis; 3], taps: [Taps; 2]) -> usize {
        self.along(&axes[0], taps[0]).wrapping_mul(self.along(&axes[1], taps[1]))
    }
    /// The number, for a window with these taps on its axes.
    #[inline(always)]
    pub(crate) fn count(self, axes: &[Axis; 3], taps: [Taps; 3]) -> isize {
        match self {
            Self::Fixed(n) => return n.get() as isize,
            Self::Sum => return 1,
            _ => {}
        }
        // The product of the kernels was checked before running.
        self.rows(axes, [taps[0], taps[1]]).wrapping_mul(self.along(&axes[2], taps[2])) as isize
    }
}
