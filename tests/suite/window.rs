//! Windowed pools against the reference: a table of shapes around the lane counts.

use crate::common::*;
use crate::each_element;
use lanepool::reference::Size;

/// Sizes that straddle 1, 4 and 8 lanes, and the tile of four vectors.
const WIDTHS: [usize; 16] = [1, 2, 3, 4, 5, 7, 8, 9, 11, 15, 16, 17, 31, 33, 67, 140];

fn run(mut case: Case, seed: u64) {
    for size in [Size::Floor, Size::Ceil, Size::CeilUnclipped, Size::SameUpper, Size::SameLower] {
        case.size = size;
        let random = Random(seed);
        each_element!(T => check(&case, &T::random(&mut random.clone(), case.cells(), seed % 2 == 1)));
    }
}

#[test]
fn widths_of_columns() {
    for (seed, width) in WIDTHS.into_iter().enumerate() {
        for (kernel, stride, pad) in [(2, 2, 0), (3, 2, 1), (3, 1, 1), (5, 1, 2), (2, 3, 0), (4, 3, 2), (1, 1, 0)] {
            let mut case = Case::new(image(1, 2, [1, 5, width]), [1, 3, kernel], [1, 2, stride]);
            case.padding = [[0, 0], [1, 1], [pad, pad]];
            run(case, seed as u64);
        }
    }
}

#[test]
fn widths_of_channels() {
    for (seed, channels) in WIDTHS.into_iter().enumerate() {
        let mut case = Case::new(image(2, channels, [1, 4, 5]), [1, 3, 3], [1, 2, 2]);
        case.padding = [[0, 0], [1, 0], [0, 1]];
        run(case, seed as u64);
    }
}

#[test]
fn dilation_on_every_axis() {
    for seed in 0..6 {
        let mut case = Case::new(image(1, 5, [3, 9, 19]), [2, 2, 3], [1, 2, 1 + seed as usize % 3]);
        case.dilation = [2, 3, 4];
        case.padding = [[1, 1], [2, 0], [3, 4]];
        run(case, seed);
    }
}

#[test]
fn three_axes() {
    let mut case = Case::new(image(2, 9, [4, 5, 9]), [3, 2, 3], [2, 1, 2]);
    case.padding = [[1, 0], [0, 1], [1, 1]];
    run(case.clone(), 20);
    run(case, 21);
}

#[test]
fn windows_without_a_tap_take_the_chosen_value() {
    for seed in 30..34 {
        let mut case = Case::new(image(1, 3, [2, 3, 4]), [1, 2, 2], [1, 2, 3]);
        case.padding = [[1, 1], [3, 2], [2, 5]];
        run(case.clone(), seed);
        case.dilation = [1, 7, 9];
        run(case, seed);
    }
}

#[test]
fn windows_wider_than_the_tile() {
    for kernel in [60, 64, 250, 511] {
        for stride in [1, 2, 7] {
            let mut case = Case::new(image(1, 1, [1, 2, 700]), [1, 2, kernel], [1, 1, stride]);
            case.padding = [[0, 0], [0, 0], [kernel / 2, kernel / 3]];
            each_element!(T => check(&case, &T::random(&mut Random(kernel as u64), case.cells(), false)));
        }
    }
}

#[test]
fn images_wider_than_the_tile() {
    for stride in [1, 2, 3] {
        let mut case = Case::new(image(1, 1, [1, 3, 1700]), [1, 3, 3], [1, 1, stride]);
        case.padding = [[0, 0], [1, 1], [1, 1]];
        run(case, stride as u64);
    }
}

#[test]
fn clamp_applies_last_and_keeps_nan() {
    use lanepool::{AvgPool, MaxPool, View, ViewMut, Window};
    let x = [-5.0, -1.0, 2.0, f32::NAN, 3.0, 4.0, 8.0, 20.0, -0.0, 0.5];
    for isa in isas() {
        let mut y = [0.0; 10];
        let input = View::nchw(&x, [1, 1, 10]).unwrap();
        let output = &mut ViewMut::nchw(&mut y, [1, 1, 10]).unwrap();
        MaxPool::new(Window::new([1])).clamp(0.0, 6.0).run_on(isa, input, output).unwrap();
        assert_same(&y, &[0.0, 0.0, 2.0, f32::NAN, 3.0, 4.0, 6.0, 6.0, 0.0, 0.5], true, isa);
        let output = &mut ViewMut::nchw(&mut y, [1, 1, 10]).unwrap();
        AvgPool::new(Window::new([1])).clamp(-1.0, 4.0).run_on(isa, input, output).unwrap();
        assert_same(&y, &[-1.0, -1.0, 2.0, f32::NAN, 3.0, 4.0, 4.0, 4.0, -0.0, 0.5], false, isa);
    }
}
