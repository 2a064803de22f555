//! What the tests share: seeded numbers, images in several layouts, and comparison by bits.
#![allow(dead_code, unreachable_pub)] // each test program uses its part

use half::{bf16, f16};
use lanepool::reference::{Finish, Norm, Number};
use lanepool::tokens::{Mode, Positions};
use lanepool::{
    AdaptiveAvgPool, AdaptiveMaxPool, AvgPool, Divisor, Element, Float, Index, IndexLayout, Integer, Isa, LpPool,
    MaxPool, NanPolicy, PoolError, Quantization, Rounding, Shape, SizeRule, Strides, View, ViewMut, Window, reference,
};
use std::fmt::Debug;

/// Instruction sets to test. Those named in `LANEPOOL_REQUIRE_ISA` (`,`-separated) must be there,
/// so that a machine without one does not look like a pass.
pub fn isas() -> Vec<Isa> {
    let available: Vec<_> = Isa::available().collect();
    if let Ok(required) = std::env::var("LANEPOOL_REQUIRE_ISA") {
        for name in required.split(',').filter(|name| !name.is_empty()) {
            assert!(available.iter().any(|isa| isa.name() == name), "{name} is required, but only {available:?} ran");
        }
    }
    available
}

/// SplitMix64: the same numbers on every machine.
#[derive(Clone)]
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    pub fn floats(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| (self.next() >> 40) as f32 / 8_388_608.0 - 1.0).collect()
    }

    /// Mostly ordinary numbers, some of the awkward ones.
    pub fn wild_floats(&mut self, n: usize) -> Vec<f32> {
        const WILD: [f32; 8] = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.0, 0.0, 1e-40, f32::MAX, -f32::NAN];
        let mut x = self.floats(n);
        for x in &mut x {
            if self.below(12) == 0 {
                *x = WILD[self.below(8)];
            }
        }
        x
    }
}

/// Element types, with what the tests need to know of them.
pub trait Value: Element + Number {
    /// Fills outputs and gaps between them, so that what should not be written can be seen.
    const SENTINEL: Self;
    /// Written where a window has no cell.
    const EMPTY: Self;
    /// Fills gaps between inputs, so that reading one shows.
    const GAP: Self;
    /// Ordinary numbers, or, if `wild`, some of the awkward ones too.
    fn random(random: &mut Random, n: usize, wild: bool) -> Vec<Self>;
    fn bits(self) -> u64;
    /// An average with a rounding, where the type has any.
    fn rounding(pool: AvgPool<Self, 3>, _: Rounding) -> AvgPool<Self, 3> {
        pool
    }
}

macro_rules! float_value {
    ($($T:ident: $from:expr;)*) => {$(
        impl Value for $T {
            const SENTINEL: $T = $T::MAX;
            const EMPTY: $T = $T::MIN;
            const GAP: $T = $T::NAN;

            fn random(random: &mut Random, n: usize, wild: bool) -> Vec<$T> {
                let x = if wild { random.wild_floats(n) } else { random.floats(n) };
                x.into_iter().map($from).collect()
            }

            fn bits(self) -> u64 {
                self.to_bits().into()
            }
        }
    )*};
}
float_value! {
    f32: |x| x;
    f64: f64::from;
    f16: f16::from_f32;
    bf16: bf16::from_f32;
}

macro_rules! integer_value {
    ($($T:ident),*) => {$(
        impl Value for $T {
            const SENTINEL: $T = 113;
            const EMPTY: $T = 77;
            const GAP: $T = $T::MAX;

            fn random(random: &mut Random, n: usize, wild: bool) -> Vec<$T> {
                let extremes = [$T::MIN, $T::MAX, $T::MIN + 1, $T::MAX - 1];
                let any = |random: &mut Random| random.next() as $T;
                (0..n).map(|_| if wild && random.below(3) > 0 { extremes[random.below(4)] } else { any(random) }).collect()
            }

            fn bits(self) -> u64 {
                self as u64
            }

            fn rounding(pool: AvgPool<$T, 3>, rounding: Rounding) -> AvgPool<$T, 3> {
                pool.rounding(rounding)
            }
        }
    )*};
}
integer_value!(i8, u8, i16);

/// Runs a statement with `T` as each element type.
#[macro_export]
macro_rules! each_element {
    ($T:ident => $body:expr) => {
        $crate::each_float!($T => $body);
        $crate::each_integer!($T => $body);
    };
}
/// The same for the types with fractions.
#[macro_export]
macro_rules! each_float {
    ($T:ident => $body:expr) => {
        $crate::each_of!($T => $body; f32, f64, half::f16, half::bf16);
    };
}
/// The same for integers.
#[macro_export]
macro_rules! each_integer {
    ($T:ident => $body:expr) => {
        $crate::each_of!($T => $body; i8, u8, i16);
    };
}
/// The same for the types given.
#[macro_export]
macro_rules! each_of {
    ($T:ident => $body:expr; $($element:ty),*) => {$({
        type $T = $element;
        $body;
    })*};
}

/// Fills outputs and gaps, so that what should not be written can be seen.
pub const SENTINEL: f32 = 12345.678;

/// How an image lies in memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Lay {
    Nchw,
    Nhwc,
    /// Gaps after rows, planes and images.
    NchwGaps,
    /// Gaps after pixels and rows.
    NhwcGaps,
    /// Rows adjacent, columns far apart, channels between.
    Transposed,
}

pub const LAYS: [Lay; 5] = [Lay::Nchw, Lay::Nhwc, Lay::NchwGaps, Lay::NhwcGaps, Lay::Transposed];

pub type Image = Shape<3>;

pub fn image(batch: usize, channels: usize, spatial: [usize; 3]) -> Image {
    Shape { batch, channels, spatial }
}

impl Lay {
    pub fn strides(self, Shape { channels, spatial: [d, h, w], .. }: Image) -> Strides<3> {
        let nchw = |gap: usize| {
            let row = w + gap;
            let slice = h * row + 2 * gap;
            let plane = d * slice + gap;
            Strides { channel: plane, batch: channels * plane + 3 * gap, spatial: [slice, row, 1] }
        };
        let nhwc = |gap: usize| {
            let col = channels + gap;
            let row = w * col + 2 * gap;
            let slice = h * row + gap;
            Strides { channel: 1, batch: d * slice + 3 * gap, spatial: [slice, row, col] }
        };
        match self {
            Lay::Nchw => nchw(0),
            Lay::Nhwc => nhwc(0),
            Lay::NchwGaps => nchw(3),
            Lay::NhwcGaps => nhwc(5),
            Lay::Transposed => {
                let col = channels * h;
                Strides { channel: h, batch: d * w * col, spatial: [w * col, 1, col] }
            }
        }
    }

    fn len(self, shape: Image) -> usize {
        let s = self.strides(shape);
        shape.batch * s.batch + shape.channels * s.channel + shape.spatial[0] * s.spatial[0] + 64
    }

    /// Dense values spread over the layout; the gaps hold what would show if it were read.
    pub fn spread<T: Value>(self, shape: Image, dense: &[T]) -> Vec<T> {
        self.spread_over(shape, dense, T::GAP)
    }

    pub fn spread_over<T: Copy>(self, shape: Image, dense: &[T], gap: T) -> Vec<T> {
        let mut data = vec![gap; self.len(shape)];
        let strides = self.strides(shape);
        each(shape, strides, |i, at| data[at] = dense[i]);
        data
    }

    pub fn view<'a, T>(self, shape: Image, data: &'a [T]) -> View<'a, T, 3> {
        View::with_strides(data, shape, self.strides(shape)).expect("a sound view")
    }

    pub fn view_mut<'a, T>(self, shape: Image, data: &'a mut [T]) -> ViewMut<'a, T, 3> {
        ViewMut::with_strides(data, shape, self.strides(shape)).expect("a sound view")
    }

    /// Runs `pool` into this layout and returns the dense result; the gaps must survive.
    pub fn collect<T: Value>(self, shape: Image, pool: impl FnOnce(&mut ViewMut<'_, T, 3>)) -> Vec<T> {
        self.collect_over(shape, T::SENTINEL, pool)
    }

    pub fn collect_over<T: Copy + PartialEq>(
        self,
        shape: Image,
        sentinel: T,
        pool: impl FnOnce(&mut ViewMut<'_, T, 3>),
    ) -> Vec<T> {
        let mut data = vec![sentinel; self.len(shape)];
        pool(&mut self.view_mut(shape, &mut data));
        let strides = self.strides(shape);
        let mut dense = Vec::new();
        each(shape, strides, |_, at| {
            dense.push(data[at]);
            data[at] = sentinel;
        });
        assert!(data.iter().all(|&x| x == sentinel), "{self:?} {shape:?}: a gap was written");
        dense
    }
}

/// Calls `visit` with each cell's place in the dense order and in memory.
pub fn each(Shape { batch, channels, spatial: [d, h, w] }: Image, s: Strides<3>, mut visit: impl FnMut(usize, usize)) {
    let mut i = 0;
    for n in 0..batch {
        for c in 0..channels {
            for z in 0..d {
                for y in 0..h {
                    for x in 0..w {
                        let at = n * s.batch + c * s.channel;
                        visit(i, at + z * s.spatial[0] + y * s.spatial[1] + x * s.spatial[2]);
                        i += 1;
                    }
                }
            }
        }
    }
}

/// Equal bits, any NaN equal to any NaN; either zero equals the other if `zeros` says so.
pub fn same<T: Value>(a: T, b: T, zeros: bool) -> bool {
    a.bits() == b.bits() || (a.is_nan() && b.is_nan()) || (zeros && a == b)
}

#[track_caller]
pub fn assert_same<T: Value>(got: &[T], want: &[T], zeros: bool, what: impl Debug) {
    assert_eq!(got.len(), want.len(), "{what:?}");
    if let Some(i) = (0..got.len()).find(|&i| !same(got[i], want[i], zeros)) {
        let element = std::any::type_name::<T>();
        panic!("{element} output {i}: got {:?}, want {:?}; {what:?}", got[i], want[i]);
    }
}

/// A window on an image, described once for the library and once for the reference.
#[derive(Clone, Debug)]
pub struct Case {
    pub shape: Image,
    pub kernel: [usize; 3],
    pub stride: [usize; 3],
    pub dilation: [usize; 3],
    pub padding: [[usize; 2]; 3],
    pub size: reference::Size,
}

impl Case {
    pub fn new(shape: Image, kernel: [usize; 3], stride: [usize; 3]) -> Self {
        let size = reference::Size::Floor;
        Self { shape, kernel, stride, dilation: [1; 3], padding: [[0; 2]; 3], size }
    }

    pub fn window(&self) -> Window<3> {
        let window = Window::new(self.kernel).stride(self.stride).padding_each(self.padding);
        let window = match self.size {
            reference::Size::Floor => window.size_rule(SizeRule::Floor),
            reference::Size::Ceil => window.ceil(),
            reference::Size::CeilUnclipped => window.ceil_unclipped(),
            reference::Size::SameUpper => Window::same_upper(self.kernel, self.stride),
            reference::Size::SameLower => Window::same_lower(self.kernel, self.stride),
            reference::Size::Bins(_) => panic!("bins are no windows"),
        };
        window.dilation(self.dilation)
    }

    pub fn axes(&self) -> [reference::Axis; 3] {
        std::array::from_fn(|i| reference::Axis {
            input: self.shape.spatial[i] as i64,
            kernel: self.kernel[i] as i64,
            stride: self.stride[i] as i64,
            dilation: self.dilation[i] as i64,
            before: self.padding[i][0] as i64,
            after: self.padding[i][1] as i64,
            size: self.size,
        })
    }

    /// The output, or `None` where no window fits.
    pub fn output(&self) -> Option<Image> {
        let spatial = self.axes().map(|axis| axis.output());
        let fits = spatial.iter().all(|&n| n > 0);
        fits.then(|| Shape { spatial: spatial.map(|n| n as usize), ..self.shape })
    }

    pub fn cells(&self) -> usize {
        cells(self.shape)
    }
}

pub fn cells(Shape { batch, channels, spatial }: Image) -> usize {
    batch * channels * spatial.iter().product::<usize>()
}

pub fn planes(shape: Image) -> usize {
    shape.batch * shape.channels
}

/// Operations, each with its reference.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Op {
    Max(NanPolicy),
    Avg(Divisor, Rounding),
}

pub const ROUNDINGS: [Rounding; 4] =
    [Rounding::HalfAwayFromZero, Rounding::HalfEven, Rounding::HalfUp, Rounding::TowardZero];

impl Op {
    /// Those that `T` tells apart.
    pub fn all<T: Value>() -> Vec<Op> {
        let divisor = std::num::NonZeroI32::new(-3).unwrap();
        let mut ops = vec![Op::Max(NanPolicy::Propagate)];
        let mut roundings = &ROUNDINGS[..];
        if T::GAP.is_nan() {
            ops.push(Op::Max(NanPolicy::Ignore));
            roundings = &ROUNDINGS[..1];
        }
        for &rounding in roundings {
            for divisor in [
                Divisor::RealTaps,
                Divisor::InputAndPadding,
                Divisor::FullWindow,
                Divisor::Fixed(divisor),
                Divisor::Sum,
            ] {
                ops.push(Op::Avg(divisor, rounding));
            }
        }
        ops
    }

    pub fn is_max(self) -> bool {
        matches!(self, Op::Max(_))
    }

    pub fn reference<T: Value>(self, case: &Case, input: &[T]) -> Vec<T> {
        let mut output = vec![T::SENTINEL; cells(case.output().expect("windows fit"))];
        let (axes, planes) = (case.axes(), planes(case.shape));
        match self {
            Op::Max(nan) => {
                reference::max_pool(&axes, planes, input, &mut output, nan == NanPolicy::Ignore, T::EMPTY);
            }
            Op::Avg(divisor, rounding) => {
                let (divisor, finish) = (textbook_divisor(divisor), Finish::Round(rounding));
                reference::avg_pool(&axes, planes, input, &mut output, divisor, finish, T::EMPTY);
            }
        }
        output
    }

    pub fn run<T: Value>(self, case: &Case, isa: Isa, input: &[T], from: Lay, to: Lay) -> Vec<T> {
        let data = from.spread(case.shape, input);
        let input = from.view(case.shape, &data);
        to.collect(case.output().expect("windows fit"), |output| {
            self.pool(case, isa, input, output);
        })
    }

    /// Pools one view into another.
    pub fn pool<T: Value>(self, case: &Case, isa: Isa, input: View<'_, T, 3>, output: &mut ViewMut<'_, T, 3>) {
        let done = match self {
            Op::Max(nan) => MaxPool::new(case.window()).nan(nan).empty_value(T::EMPTY).run_on(isa, input, output),
            Op::Avg(divisor, rounding) => {
                let pool = T::rounding(AvgPool::new(case.window()).divisor(divisor), rounding);
                pool.empty_value(T::EMPTY).run_on(isa, input, output)
            }
        };
        done.unwrap_or_else(|error| panic!("{error}: {case:?}"));
    }
}

pub fn textbook_divisor(divisor: Divisor) -> reference::Divisor {
    match divisor {
        Divisor::RealTaps => reference::Divisor::RealTaps,
        Divisor::InputAndPadding => reference::Divisor::InputAndPadding,
        Divisor::FullWindow => reference::Divisor::FullWindow,
        Divisor::Fixed(n) => reference::Divisor::Fixed(n.get().into()),
        Divisor::Sum => reference::Divisor::Fixed(1),
        other => panic!("no reference for {other:?}"),
    }
}

/// Every token mode, for the library and for the reference.
pub const TOKEN_MODES: [Mode; 21] = [
    Mode::First,
    Mode::Last,
    Mode::Sum,
    Mode::Mean,
    Mode::MeanSqrtLength,
    Mode::PositionWeightedMean(Positions::FromFirst),
    Mode::PositionWeightedMean(Positions::Kept),
    Mode::PositionWeightedMean(Positions::Absolute),
    Mode::WeightedSum,
    Mode::WeightedMean,
    Mode::Attention,
    Mode::Max,
    Mode::Min,
    Mode::MeanStd { floor: 0.0 },
    Mode::MeanStd { floor: 0.25 },
    Mode::WeightedMeanStd { floor: 1e-12 },
    Mode::GeneralizedMean { p: 3.0, floor: 1e-6 },
    Mode::GeneralizedMean { p: 1.5, floor: 0.0 },
    Mode::GeneralizedMean { p: 1.0, floor: 0.5 },
    Mode::LogSumExp,
    Mode::Splade,
];

/// Whether the sign of a zero is left open.
pub fn leaves_zeros_open(mode: Mode) -> bool {
    matches!(mode, Mode::Max | Mode::Min | Mode::Splade)
}

/// Each layout with its own, and with another for the output, on every instruction set.
pub fn each_run(mut run: impl FnMut(Isa, Lay, Lay)) {
    for isa in isas() {
        for (i, from) in LAYS.into_iter().enumerate() {
            for to in [from, LAYS[(i + 1) % LAYS.len()]] {
                run(isa, from, to);
            }
        }
    }
}

/// Every operation, layout pair and instruction set against the reference.
pub fn check<T: Value>(case: &Case, input: &[T]) {
    if case.output().is_none() {
        assert!(case.window().output_size(case.shape.spatial).is_err(), "{case:?}");
        return;
    }
    for op in Op::all::<T>() {
        let want = op.reference(case, input);
        each_run(|isa, from, to| {
            let got = op.run(case, isa, input, from, to);
            assert_same(&got, &want, op.is_max(), (op, isa, from, to, case));
        });
    }
}

/// Norms of every kind.
pub fn norms() -> Vec<Norm> {
    let mut norms: Vec<_> =
        [1.0, 2.0, 3.0, 8.0, 1.5, 17.0, f64::INFINITY].map(|p| Norm { p, mean: false, floor: None }).to_vec();
    norms.push(Norm { p: 2.0, mean: true, floor: None });
    norms.push(Norm { p: 3.0, mean: true, floor: Some(1e-6) });
    norms
}

/// Every norm of windows.
pub fn check_norms<T: Value + Float + Number<Sum: reference::Real>>(case: &Case, input: &[T]) {
    let Some(out) = case.output() else { return };
    for norm in norms() {
        let mut want = vec![T::SENTINEL; cells(out)];
        reference::lp_pool(&case.axes(), planes(case.shape), input, &mut want, norm, T::EMPTY);
        let mut pool = LpPool::new(case.window(), norm.p).empty_value(T::EMPTY);
        if norm.mean {
            pool = pool.mean();
        }
        if let Some(floor) = norm.floor {
            pool = pool.floor(floor);
        }
        each_run(|isa, from, to| {
            let data = from.spread(case.shape, input);
            let view = from.view(case.shape, &data);
            let got = to.collect(out, |output| pool.run_on(isa, view, output).unwrap());
            assert_same(&got, &want, true, (norm, isa, from, to, case));
        });
    }
}

/// Maxima with indices, of both policies and all numberings.
pub fn check_indices<T: Value, I: Index + Debug>(case: &Case, input: &[T]) {
    let Some(out) = case.output() else { return };
    for nan in [NanPolicy::Propagate, NanPolicy::Ignore] {
        let want = Op::Max(nan).reference(case, input);
        let mut places = vec![None; want.len()];
        reference::max_pool_indices(&case.axes(), planes(case.shape), input, &mut places, nan == NanPolicy::Ignore);
        let pool = MaxPool::new(case.window()).nan(nan).empty_value(T::EMPTY);
        each_run(|isa, from, to| {
            for layout in [IndexLayout::Plane, IndexLayout::Tensor, IndexLayout::TensorColumnMajor] {
                let wanted: Vec<I> = numbered(layout, case.shape, out, &places);
                let data = from.spread(case.shape, input);
                let view = from.view(case.shape, &data);
                let mut values = Vec::new();
                // Values and indices in different layouts.
                let indices = from.collect_over(out, I::from_usize(12345), |indices| {
                    values = to.collect(out, |output| {
                        pool.run_with_indices_on(isa, view, output, indices, layout).unwrap();
                    });
                });
                assert_same(&values, &want, true, (nan, isa, from, to, case));
                assert_eq!(indices, wanted, "{nan:?} {isa} {from:?} {to:?} {layout:?} {case:?} {input:?}");
            }
        });
    }
}

/// Places in planes, as a layout numbers them.
pub fn numbered<I: Index>(layout: IndexLayout, shape: Image, out: Image, places: &[Option<usize>]) -> Vec<I> {
    let [depth, rows, cols] = shape.spatial;
    let outputs: usize = out.spatial.iter().product();
    let number = |(i, place): (usize, &Option<usize>)| {
        let Some(place) = *place else { return I::NONE };
        let plane = i / outputs * depth * rows * cols;
        let (z, y, x) = (place / (rows * cols), place / cols % rows, place % cols);
        I::from_usize(match layout {
            IndexLayout::Plane => place,
            IndexLayout::Tensor => plane + place,
            IndexLayout::TensorColumnMajor => plane + (x * rows + y) * depth + z,
            other => panic!("no numbers for {other:?}"),
        })
    };
    places.iter().enumerate().map(number).collect()
}

/// Adaptive pools to `size`: maxima with indices, and averages.
pub fn check_bins<T: Value>(shape: Image, size: [usize; 3], input: &[T]) {
    let out = Shape { spatial: size, ..shape };
    let axes = std::array::from_fn(|i| {
        let n = shape.spatial[i] as i64;
        reference::Axis { input: n, kernel: n, size: reference::Size::Bins(size[i] as i64), ..reference::Axis::ABSENT }
    });
    let (mut max, mut avg, mut places) =
        (vec![T::EMPTY; cells(out)], vec![T::EMPTY; cells(out)], vec![None; cells(out)]);
    reference::max_pool(&axes, planes(shape), input, &mut max, false, T::EMPTY);
    reference::max_pool_indices(&axes, planes(shape), input, &mut places, false);
    let (real, half_away) = (reference::Divisor::RealTaps, Finish::Round(Rounding::HalfAwayFromZero));
    reference::avg_pool(&axes, planes(shape), input, &mut avg, real, half_away, T::EMPTY);
    let wanted: Vec<u32> = numbered(IndexLayout::Plane, shape, out, &places);
    each_run(|isa, from, to| {
        let data = from.spread(shape, input);
        let view = from.view(shape, &data);
        let got = to.collect(out, |output| AdaptiveAvgPool::new(size).run_on(isa, view, output).unwrap());
        assert_same(&got, &avg, false, ("avg", isa, from, to, shape, size));
        let pool = AdaptiveMaxPool::new(size);
        let got = to.collect(out, |output| pool.run_on(isa, view, output).unwrap());
        assert_same(&got, &max, true, ("max", isa, from, to, shape, size));
        let indices = to.collect_over(out, 12345, |indices| {
            let got = to.collect(out, |output| {
                pool.run_with_indices_on(isa, view, output, indices, IndexLayout::Plane).unwrap();
            });
            assert_same(&got, &max, true, ("max with indices", isa, from, to, shape, size));
        });
        assert_eq!(indices, wanted, "{isa} {from:?} {to:?} {shape:?} {size:?}");
    });
}

/// Requantised averages and maxima.
pub fn check_requantized<T: Value + Integer + Number<Sum = i64>>(
    case: &Case,
    input: &[T],
    from_codes: Quantization,
    to_codes: Quantization,
) {
    let Some(out) = case.output() else { return };
    let max: Vec<T> = Op::Max(NanPolicy::Propagate).reference(case, input);
    let mut places = vec![None; max.len()];
    reference::max_pool_indices(&case.axes(), planes(case.shape), input, &mut places, false);
    let scaled = max.iter().zip(&places);
    let max: Vec<T> = scaled
        .map(|(&code, place)| place.map_or(T::EMPTY, |_| reference::requantized(code, from_codes, to_codes)))
        .collect();
    let pool = MaxPool::new(case.window()).empty_value(T::EMPTY).requantize(from_codes, to_codes);
    let what = (from_codes, to_codes);
    each_run(|isa, from, to| {
        let data = from.spread(case.shape, input);
        let view = from.view(case.shape, &data);
        let got = to.collect(out, |output| pool.run_on(isa, view, output).unwrap());
        assert_same(&got, &max, false, ("max", what, isa, from, to, case));
        for divisor in [Divisor::RealTaps, Divisor::InputAndPadding] {
            let mut want = vec![T::SENTINEL; cells(out)];
            let finish = Finish::Scale { from: from_codes, to: to_codes, zero_first: true };
            let textbook = textbook_divisor(divisor);
            reference::avg_pool(&case.axes(), planes(case.shape), input, &mut want, textbook, finish, T::EMPTY);
            let pool = AvgPool::new(case.window()).divisor(divisor).empty_value(T::EMPTY);
            let got = to.collect(out, |output| {
                pool.requantize(from_codes, to_codes).run_on(isa, view, output).unwrap();
            });
            assert_same(&got, &want, false, ("avg", divisor, what, isa, from, to, case));
        }
    });
}

/// A result that must be an error, with its message.
#[track_caller]
pub fn says(error: PoolError, message: &str) {
    assert_eq!(error.to_string(), message);
    let _: &dyn core::error::Error = &error;
}
