//! Sizes and tap ranges: worked examples of the frameworks, then every small axis.

use crate::common::{Case, check, image};
use lanepool::reference::{self, Size};
use lanepool::{Divisor, PoolError, SizeRule, Window};

/// Computed by PyTorch and ONNX Runtime: n, kernel, stride, padding; floor, ceil and unclipped sizes.
#[test]
fn published_sizes() {
    for ([n, k, s, p], [floor, ceil, unclipped]) in [
        ([5, 2, 2, 0], [2, 3, 3]),
        ([4, 3, 2, 1], [2, 3, 3]),
        ([3, 2, 2, 1], [2, 2, 3]),
        ([6, 3, 3, 1], [2, 3, 3]),
        ([7, 3, 3, 1], [3, 3, 3]),
        ([2, 3, 3, 1], [1, 1, 2]),
        ([5, 1, 3, 0], [2, 2, 3]),
        ([9, 4, 4, 2], [3, 3, 4]),
        ([1, 3, 5, 0], [0, 1, 1]),
        ([2, 5, 4, 0], [0, 1, 1]),
        ([2, 5, 3, 0], [0, 0, 0]),
    ] {
        let window = Window::new([k]).stride([s]).padding([p]);
        for (rule, want) in [(SizeRule::Floor, floor), (SizeRule::Ceil, ceil), (SizeRule::CeilUnclipped, unclipped)] {
            let got = window.size_rule(rule).output_size([n]).map_or(0, |[n]| n);
            assert_eq!(got, want, "n {n} k {k} s {s} p {p} {rule:?}");
        }
    }
    let dilated = Window::new([3]).stride([2]).padding([1]).dilation([2]);
    assert_eq!(dilated.output_size([8]), Ok([3]));
    assert_eq!(dilated.ceil().output_size([8]), Ok([4]));
}

/// Computed by ONNX Runtime on 1..=n: kernel, stride; maxima and averages, upper then lower.
#[test]
fn published_same_padding() {
    let pool = |window: Window<1>, n: usize, divisor: Divisor| -> [Vec<f32>; 2] {
        let x: Vec<f32> = (1..=n).map(|x| x as f32).collect();
        let [out] = window.output_size([n]).unwrap();
        let input = lanepool::View::nchw(&x, [1, 1, n]).unwrap();
        let (mut max, mut avg) = (vec![0.0; out], vec![0.0; out]);
        let max_view = &mut lanepool::ViewMut::nchw(&mut max, [1, 1, out]).unwrap();
        lanepool::MaxPool::new(window).run(input, max_view).unwrap();
        let avg_view = &mut lanepool::ViewMut::nchw(&mut avg, [1, 1, out]).unwrap();
        lanepool::AvgPool::new(window).divisor(divisor).run(input, avg_view).unwrap();
        [max, avg]
    };
    type Row<'a> = (usize, usize, usize, [[&'a [f32]; 2]; 2]);
    let table: [Row; 3] = [
        (5, 2, 2, [[&[2., 4., 5.], &[1.5, 3.5, 5.]], [&[1., 3., 5.], &[1., 2.5, 4.5]]]),
        (4, 3, 2, [[&[3., 4.], &[2., 3.5]], [&[2., 4.], &[1.5, 3.]]]),
        (6, 4, 3, [[&[4., 6.], &[2.5, 5.]], [&[3., 6.], &[2., 4.5]]]),
    ];
    for (n, k, s, [upper, lower]) in table {
        assert_eq!(pool(Window::same_upper([k], [s]), n, Divisor::RealTaps), upper.map(<[f32]>::to_vec));
        assert_eq!(pool(Window::same_lower([k], [s]), n, Divisor::RealTaps), lower.map(<[f32]>::to_vec));
    }
    let [_, padded] = pool(Window::same_upper([2], [2]), 5, Divisor::InputAndPadding);
    assert_eq!(padded, [1.5, 3.5, 2.5]);
}

/// The ceil window that PyTorch, a full-window divisor and the real taps divide differently.
#[test]
fn published_divisors() {
    let x: Vec<f32> = (1..=16).map(|x| x as f32).collect();
    let window = Window::new([3, 3]).stride([2, 2]).padding([1, 1]).ceil();
    let input = lanepool::View::nchw(&x, [1, 1, 4, 4]).unwrap();
    let mut y = [0.0; 9];
    let mut run = |divisor| {
        let output = &mut lanepool::ViewMut::nchw(&mut y, [1, 1, 3, 3]).unwrap();
        lanepool::AvgPool::new(window).divisor(divisor).run(input, output).unwrap();
        y.map(|y| (y * 10_000.0).round() / 10_000.0)
    };
    assert_eq!(run(Divisor::InputAndPadding), [1.5556, 3.3333, 2.0, 6.3333, 11.0, 6.0, 4.5, 7.5, 4.0]);
    assert_eq!(run(Divisor::FullWindow), [1.5556, 3.3333, 1.3333, 6.3333, 11.0, 4.0, 3.0, 5.0, 1.7778]);
}

/// Every axis up to 8 cells, with every rule: the size, and then all operations.
#[test]
fn every_small_axis() {
    let mut random = crate::common::Random(7);
    let mut pooled = 0;
    for n in 1..=8 {
        for (kernel, stride, dilation) in (0..36).map(|i| (1 + i % 4, 1 + i / 4 % 3, 1 + i / 12)) {
            for before in 0..=2 {
                for size in [Size::Floor, Size::Ceil, Size::CeilUnclipped, Size::SameUpper, Size::SameLower] {
                    let after = random.below(4);
                    let mut case = Case::new(image(1, 1, [1, 1, n]), [1, 1, kernel], [1, 1, stride]);
                    case.dilation[2] = dilation;
                    case.padding[2] = [before, after];
                    case.size = size;
                    let want = case.output().map(|shape| shape.spatial);
                    assert_eq!(case.window().output_size(case.shape.spatial).ok(), want, "{case:?}");
                    if random.below(20) == 0 {
                        let input = random.floats(n);
                        check(&case, &input);
                        pooled += 1;
                    }
                }
            }
        }
    }
    assert!(pooled > 100);
}

#[test]
fn first_empty_window_is_named() {
    let window = Window::new([2]).stride([1]).padding([1]).dilation([2]);
    assert!(matches!(window.check_windows([1]), Err(PoolError::EmptyWindow { output: 0, .. })));
    let window = Window::new([2]).stride([2]).padding_each([[0, 5]]);
    assert!(matches!(window.check_windows([4]), Err(PoolError::EmptyWindow { output: 2, .. })));
    assert_eq!(Window::new([3]).padding([1]).check_windows([5]), Ok(()));
}

#[test]
fn sizes_that_overflow_are_refused() {
    let huge = usize::MAX / 2;
    for window in [
        Window::new([huge]).dilation([3]),
        Window::new([2]).padding([huge + 1]),
        Window::same_upper([huge], [1]).dilation([5]),
        Window::new([2]).dilation([usize::MAX]),
    ] {
        let error = window.output_size([7]);
        assert!(matches!(error, Err(PoolError::Overflow { .. })), "{error:?}");
    }
    assert_eq!(Window::new([1]).stride([usize::MAX]).output_size([7]), Ok([1]));
}

#[test]
fn absent_axes_change_nothing() {
    assert_eq!(reference::Axis::ABSENT.output(), 1);
}

/// The first window without a tap, found without a look at each, is the one that a look at each finds.
#[test]
fn first_empty_windows_equal_a_search() {
    let mut found = 0;
    for case in 0..7 * 7 * 7 * 7 * 7 {
        let [kernel, stride, dilation, extent, start] = [0, 1, 2, 3, 4].map(|i| case / 7usize.pow(i) % 7);
        let ([kernel, stride, dilation], end) = ([kernel, stride, dilation].map(|n| n + 1), (case * 5 + 3) % 9);
        let window = Window::new([kernel]).stride([stride]).dilation([dilation]).padding_each([[start * 2, end]]);
        let Ok([outputs]) = window.output_size([extent]) else { continue };
        let taps = |o: usize| (0..kernel).map(move |k| o * stride + k * dilation);
        let real = |o: usize| taps(o).any(|at| (start * 2..start * 2 + extent).contains(&at));
        let want = (0..outputs).find(|&o| !real(o));
        found += usize::from(want.is_some());
        match (window.check_windows([extent]), want) {
            (Ok(()), None) => {}
            (Err(PoolError::EmptyWindow { output, .. }), Some(want)) => assert_eq!(output, want, "{window:?} {extent}"),
            (got, want) => panic!("{window:?} {extent}: {got:?}, {want:?}"),
        }
    }
    assert!(found > 1000, "{found}");
}
