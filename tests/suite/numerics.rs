//! The numeric contract: NaN, infinities, zeros, and the error of averages.

use crate::common::*;
use lanepool::{Divisor, NanPolicy, Rounding};

/// NaN at every place of rows of every length around the lane counts.
#[test]
fn nan_at_every_place() {
    for width in 1..=20 {
        for place in 0..width {
            for nan in [f32::NAN, -f32::NAN] {
                let mut input = vec![-1.0f32; width];
                input[place] = nan;
                for (kernel, stride) in [(1, 1), (2, 1), (3, 2), (2, 2), (width, 1)] {
                    if kernel <= width {
                        check(&Case::new(image(1, 1, [1, 1, width]), [1, 1, kernel], [1, 1, stride]), &input);
                    }
                }
                check(&Case::new(image(1, width, [1, 1, 1]), [1, 1, 1], [1, 1, 1]), &input);
            }
        }
    }
}

#[test]
fn only_nan_and_only_minus_infinity() {
    for (value, propagate, ignore) in
        [(f32::NAN, f32::NAN, f32::NAN), (f32::NEG_INFINITY, f32::NEG_INFINITY, f32::NEG_INFINITY)]
    {
        let mut case = Case::new(image(1, 9, [1, 4, 9]), [1, 3, 3], [1, 2, 2]);
        case.padding = [[0, 0], [1, 1], [1, 1]];
        let input = vec![value; case.cells()];
        for isa in isas() {
            for lay in LAYS {
                let got = Op::Max(NanPolicy::Propagate).run(&case, isa, &input, lay, lay);
                assert!(got.iter().all(|&y| same(y, propagate, false)), "{isa} {lay:?}");
                let got = Op::Max(NanPolicy::Ignore).run(&case, isa, &input, lay, lay);
                assert!(got.iter().all(|&y| same(y, ignore, false)), "{isa} {lay:?}");
            }
        }
    }
}

#[test]
fn padding_never_turns_infinity_into_nan() {
    let mut case = Case::new(image(1, 1, [1, 1, 9]), [1, 1, 3], [1, 1, 1]);
    case.padding[2] = [1, 1];
    let input = vec![f32::INFINITY; 9];
    for isa in isas() {
        let got =
            Op::Avg(Divisor::InputAndPadding, Rounding::HalfAwayFromZero).run(&case, isa, &input, Lay::Nchw, Lay::Nchw);
        assert_eq!(got, input);
    }
}

/// A naive sum in f64 bounds the error: `n * EPSILON * mean |x|`.
#[test]
fn averages_stay_within_the_bound() {
    for (kernel, seed) in [(2, 1), (3, 2), (7, 3), (13, 4)] {
        let shape = image(1, 3, [1, 30, 33]);
        let case = Case::new(shape, [1, kernel, kernel], [1, 2, 1]);
        let input: Vec<f32> = Random(seed).floats(case.cells()).iter().map(|x| x * 1e3 + 500.0).collect();
        let out = case.output().unwrap();
        let got = Op::Avg(Divisor::RealTaps, Rounding::HalfAwayFromZero).run(
            &case,
            lanepool::Isa::best(),
            &input,
            Lay::Nchw,
            Lay::Nchw,
        );
        let [_, rows, cols] = out.spatial;
        for (i, &y) in got.iter().enumerate() {
            let (c, row, col) = (i / (rows * cols), i / cols % rows, i % cols);
            let taps = (0..kernel * kernel).map(|t| {
                let (r, q) = (row * 2 + t / kernel, col + t % kernel);
                f64::from(input[(c * 30 + r) * 33 + q])
            });
            let n = (kernel * kernel) as f64;
            let exact = taps.clone().sum::<f64>() / n;
            let size = taps.map(f64::abs).sum::<f64>() / n;
            assert!((f64::from(y) - exact).abs() <= n * f64::from(f32::EPSILON) * size, "{kernel} {i}");
        }
    }
}

/// Columns first, then across: an order that another would betray.
#[test]
fn the_order_of_a_sum_is_columns_first() {
    let (big, one) = (16_777_216.0f32, 1.0f32);
    // Columns: (big + 1) + (-big + 1); rows first would give (big - big) + (1 + 1) = 2.
    let x = [big, -big, one, one];
    let want = (big + one) + (-big + one);
    assert_ne!(want, 2.0);
    for isa in isas() {
        for lay in LAYS {
            let case = Case::new(image(1, 1, [1, 2, 2]), [1, 2, 2], [1, 1, 1]);
            assert_eq!(
                Op::Avg(Divisor::Sum, Rounding::HalfAwayFromZero).run(&case, isa, &x, lay, lay),
                [want],
                "{isa} {lay:?}"
            );
        }
    }
}
