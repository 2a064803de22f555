//! Averages of integers: rounding, saturation, windows with more taps than an accumulator, and requantising.

use crate::common::*;
use crate::each_integer;
use lanepool::reference::{self, Finish};
use lanepool::{
    AdaptiveAvgPool, AvgPool, Divisor, Element, GlobalAvgPool, MaxPool, Quantization, Rounding, Shape, Strides, View,
    ViewMut, Window,
};

fn average(x: &[i8], rounding: Rounding) -> i8 {
    let mut y = [0];
    let output = &mut ViewMut::nchw(&mut y, [1, 1, 1]).unwrap();
    let pool = AvgPool::new(Window::new([x.len()])).rounding(rounding);
    pool.run(View::nchw(x, [1, 1, x.len()]).unwrap(), output).unwrap();
    y[0]
}

/// Halves, by rule: those of the documentation.
#[test]
fn halves() {
    let sums: [[i8; 2]; 6] = [[-2, -3], [-1, -2], [0, -1], [0, 1], [1, 2], [2, 3]];
    for (rounding, want) in [
        (Rounding::HalfAwayFromZero, [-3, -2, -1, 1, 2, 3]),
        (Rounding::HalfEven, [-2, -2, 0, 0, 2, 2]),
        (Rounding::HalfUp, [-2, -1, 0, 1, 2, 3]),
        (Rounding::TowardZero, [-2, -1, 0, 0, 1, 2]),
    ] {
        assert_eq!(sums.map(|x| average(&x, rounding)), want, "{rounding:?}");
    }
}

/// Sums over four: computed by TFLite's rule.
#[test]
fn published_quotients() {
    for (sum, want) in [(2, 1), (-2, -1), (1, 0), (-1, 0), (6, 2), (-6, -2), (-10, -3)] {
        assert_eq!(average(&[sum, 0, 0, 0], Rounding::HalfAwayFromZero), want, "{sum}");
    }
}

/// Sums and divisors of one that leave the type saturate.
#[test]
fn sums_saturate() {
    each_integer!(T => for isa in isas() {
        let pool = AvgPool::new(Window::new([40])).divisor(Divisor::Sum);
        for want in [T::HIGHEST, T::LOWEST] {
            let x = [want; 40 * 35];
            let mut y = [T::SENTINEL; 35];
            let output = &mut ViewMut::nhwc(&mut y, [1, 1, 35]).unwrap();
            pool.run_on(isa, View::nhwc(&x, [1, 40, 35]).unwrap(), output).unwrap();
            assert_eq!(y, [want; 35]);
        }
    });
}

/// More taps than fit 32 bits: whole images without strides, whose sums would wrap.
#[test]
fn windows_too_large_for_the_accumulator_are_exact() {
    fn check<T: Value>(side: usize, value: T) {
        let shape = Shape { batch: 1, channels: 1, spatial: [side, side] };
        let x = [value];
        let input = View::with_strides(&x, shape, Strides { batch: 0, channel: 0, spatial: [0, 0] }).unwrap();
        for isa in isas() {
            let mut y = [T::SENTINEL; 2];
            GlobalAvgPool::new().run_on(isa, input, &mut ViewMut::nchw(&mut y, [1, 1, 1, 1]).unwrap()).unwrap();
            AvgPool::new(Window::new([side, side]))
                .run_on(isa, input, &mut ViewMut::nchw(&mut y[1..], [1, 1, 1, 1]).unwrap())
                .unwrap();
            assert_eq!(y, [value; 2], "{isa} {side}");
        }
    }
    for side in [181, 255, 256, 300] {
        check(side, i16::MAX);
        check(side, i16::MIN);
    }
    check(2900, u8::MAX);
    check(4097, i8::MIN);
}

/// A window just below and above the taps whose sum fits, of numbers that do not cancel.
#[test]
fn wide_windows_equal_the_reference() {
    for cols in [65_535, 65_536, 65_600] {
        let mut random = Random(cols as u64);
        let x: Vec<i16> = (0..cols).map(|_| 32_000 + random.below(700) as i16).collect();
        for rounding in ROUNDINGS {
            let mut want = [0];
            let axis = reference::Axis { input: cols as i64, kernel: cols as i64, ..reference::Axis::ABSENT };
            let axes = [reference::Axis::ABSENT, reference::Axis::ABSENT, axis];
            let (real, finish) = (reference::Divisor::RealTaps, Finish::Round(rounding));
            reference::avg_pool(&axes, 1, &x, &mut want, real, finish, 0);
            for isa in isas() {
                let mut y = [0];
                let output = &mut ViewMut::nchw(&mut y, [1, 1, 1]).unwrap();
                let pool = AvgPool::new(Window::new([cols])).rounding(rounding);
                pool.run_on(isa, View::nchw(&x, [1, 1, cols]).unwrap(), output).unwrap();
                assert_eq!(y, want, "{isa} {cols} {rounding:?}");
            }
        }
    }
}

/// Computed by ONNX Runtime: codes 10 and 20 with zero point 4, kernel 2, padding 1.
#[test]
fn published_requantised_averages() {
    let same = Quantization::new(0.5, 4);
    for (divisor, want) in [(Divisor::RealTaps, [10u8, 15, 20]), (Divisor::InputAndPadding, [7, 15, 12])] {
        let mut y = [0; 3];
        let window = Window::new([2]).stride([1]).padding([1]);
        AvgPool::new(window)
            .divisor(divisor)
            .requantize(same, same)
            .run(View::nchw(&[10u8, 20], [1, 1, 2]).unwrap(), &mut ViewMut::nchw(&mut y, [1, 1, 3]).unwrap())
            .unwrap();
        assert_eq!(y, want);
    }
}

/// Whole images, in both ways of requantising.
#[test]
fn requantised_means_equal_the_reference() {
    fn check<T: Value + lanepool::Integer + reference::Number<Sum = i64>>(seed: u64) {
        let mut random = Random(seed);
        let shape = image(2, 1 + random.below(70), [1, 1 + random.below(12), 1 + random.below(12)]);
        let input = T::random(&mut random, cells(shape), seed.is_multiple_of(2));
        let scale = |random: &mut Random| f32::exp2(random.floats(1)[0] * 6.0);
        let zero = |random: &mut Random| random.below(128) as i32;
        let from = Quantization::new(scale(&mut random), zero(&mut random));
        let to = Quantization::new(scale(&mut random), zero(&mut random));
        let one = Shape { spatial: [1; 3], ..shape };
        for fixed_point in [false, true] {
            let mut want = vec![T::SENTINEL; planes(shape)];
            let finish = if fixed_point {
                Finish::FixedPoint { from, to }
            } else {
                Finish::Scale { from, to, zero_first: false }
            };
            reference::global_avg_pool(reference::Order::Lanes, shape.spatial, &input, &mut want, finish);
            let pool = GlobalAvgPool::new();
            let pool = if fixed_point { pool.requantize_fixed_point(from, to) } else { pool.requantize(from, to) };
            each_run(|isa, lay, to| {
                let data = lay.spread(shape, &input);
                let got = to.collect(one, |output| pool.run_on(isa, lay.view(shape, &data), output).unwrap());
                assert_same(&got, &want, false, (fixed_point, isa, lay, to, shape, pool));
            });
        }
    }
    for seed in 0..60 {
        each_integer!(T => check::<T>(seed));
    }
}

#[test]
fn bad_quantisations() {
    let (x, mut y) = ([1i8, 2], [113i8; 2]);
    let good = Quantization::new(0.5, -128);
    let mut run = |from, to| {
        let input = View::nchw(&x, [1, 1, 2]).unwrap();
        let output = &mut ViewMut::nchw(&mut y, [1, 1, 2]).unwrap();
        let max = MaxPool::new(Window::new([1])).requantize(from, to).run(input, output);
        let avg = AvgPool::new(Window::new([1])).requantize(from, to).run(input, output);
        assert_eq!(max, avg);
        max
    };
    let message = |side| {
        format!("the {side}'s scale must be finite and above zero, and its zero point a code of the element type")
    };
    for scale in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        says(run(Quantization::new(scale, 0), good).unwrap_err(), &message("input"));
        says(run(good, Quantization::new(scale, 0)).unwrap_err(), &message("output"));
    }
    for zero in [-129, 128] {
        says(run(good, Quantization::new(1.0, zero)).unwrap_err(), &message("output"));
    }
    assert_eq!(y, [113; 2]);
}

/// Ratios of scales far beyond 32 bits saturate, with the sign of the sum; zero stays the zero point.
#[test]
fn fixed_point_saturates() {
    let to = Quantization::new(1e-38, 3);
    for scale in [1e-25f32, 1e-10, 1.0, 1e30] {
        let from = Quantization::new(scale, 0);
        let finish = Finish::FixedPoint { from, to };
        for (x, want) in [(1i8, i8::MAX), (7, i8::MAX), (0, 3), (-1, i8::MIN), (-128, i8::MIN)] {
            let mut textbook = [0];
            reference::global_avg_pool(reference::Order::Lanes, [1, 1, 4], &[x; 4], &mut textbook, finish);
            assert_eq!(textbook, [want], "{scale:e} {x}");
            for isa in isas() {
                let mut y = [0];
                let output = &mut ViewMut::nchw(&mut y, [1, 1, 1]).unwrap();
                let pool = GlobalAvgPool::new().requantize_fixed_point(from, to);
                pool.run_on(isa, View::nchw(&[x; 4], [1, 1, 4]).unwrap(), output).unwrap();
                assert_eq!(y, [want], "{isa} {scale:e} {x}");
            }
        }
    }
}

/// Bins of codes: ties with an odd zero point, by both readings; and against windows of the same cells.
#[test]
fn bins_are_requantised_by_both_readings() {
    let q = |zero_point| Quantization::new(1.0, zero_point);
    let x = [1i8, 2, 4, 5];
    for isa in isas() {
        let run = |pool: AdaptiveAvgPool<i8, 1>| {
            let mut y = [SENTINEL as i8; 2];
            let input = View::nchw(&x, [1, 1, 4]).unwrap();
            pool.run_on(isa, input, &mut ViewMut::nchw(&mut y, [1, 1, 2]).unwrap()).unwrap();
            y
        };
        // 1.5 and 4.5, of which one is added before the tie is seen, or after.
        assert_eq!(run(AdaptiveAvgPool::new([2]).requantize(q(0), q(1))), [2, 6], "{isa}");
        assert_eq!(run(AdaptiveAvgPool::new([2]).requantize_zero_last(q(0), q(1))), [3, 5], "{isa}");
        let mut y = [0i8; 2];
        let window = AvgPool::new(Window::new([2])).requantize(q(-3), q(7));
        window.run(View::nchw(&x, [1, 1, 4]).unwrap(), &mut ViewMut::nchw(&mut y, [1, 1, 2]).unwrap()).unwrap();
        assert_eq!(run(AdaptiveAvgPool::new([2]).requantize(q(-3), q(7))), y, "{isa}");
    }
}
