//! Adaptive pools: worked edges of PyTorch, then every small division.

use crate::common::*;
use crate::each_element;
use lanepool::{AdaptiveAvgPool, AdaptiveMaxPool, PoolError, Shape, View, ViewMut};

/// Computed by PyTorch: averages of 0..n.
#[test]
fn published_averages() {
    for (n, want) in [
        (5, vec![0.5, 2.0, 3.5]),
        (7, vec![1.0, 3.0, 5.0]),
        (3, vec![0.0, 0.5, 1.0, 1.5, 2.0]),
        (10, vec![1.0, 3.0, 6.0, 8.0]),
        (4, vec![0.5, 1.5, 2.5]),
    ] {
        let x: Vec<f32> = (0..n).map(|x| x as f32).collect();
        let mut y = vec![0.0; want.len()];
        let output = &mut ViewMut::nchw(&mut y, [1, 1, want.len()]).unwrap();
        AdaptiveAvgPool::new([want.len()]).run(View::nchw(&x, [1, 1, n]).unwrap(), output).unwrap();
        assert_eq!(y, want);
    }
}

#[test]
fn every_small_division() {
    for n in 1..20 {
        for size in 1..20 {
            let shape = image(1, 3, [1, 2, n]);
            each_element!(T => check_bins::<T>(shape, [1, 2, size], &T::random(&mut Random(n as u64), cells(shape), true)));
        }
    }
}

#[test]
fn wide_rows_and_many_channels() {
    for (shape, size) in [
        (image(1, 2, [2, 3, 1300]), [1, 2, 7]),
        (image(1, 1, [1, 2, 2000]), [1, 1, 3]),
        (image(1, 130, [1, 7, 9]), [1, 3, 4]),
    ] {
        each_element!(T => check_bins::<T>(shape, size, &T::random(&mut Random(1), cells(shape), false)));
    }
}

#[test]
fn an_axis_may_keep_its_size_or_have_no_output() {
    let x = [1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0];
    let input = View::nchw(&x, [1, 1, 2, 3]).unwrap();
    let pool = AdaptiveMaxPool::with_sizes([Some(1), None]);
    assert_eq!(pool.output_shape(input.shape()).unwrap().spatial, [1, 3]);
    let mut y = [0.0; 3];
    pool.run(input, &mut ViewMut::nchw(&mut y, [1, 1, 1, 3]).unwrap()).unwrap();
    assert_eq!(y, [4.0, 5.0, 6.0]);
    let mut y = [SENTINEL; 3];
    AdaptiveMaxPool::new([0, 3]).run(input, &mut ViewMut::nchw(&mut y, [1, 1, 0, 3]).unwrap()).unwrap();
    assert_eq!(y, [SENTINEL; 3]);
}

#[test]
fn bad_input() {
    let x = [0.0f32; 4];
    let mut y = [SENTINEL; 4];
    let pool = AdaptiveAvgPool::new([2, 2]);
    let empty = View::nchw(&x, [1, 1, 0, 2]).unwrap();
    let output = &mut ViewMut::nchw(&mut y, [1, 1, 2, 2]).unwrap();
    says(pool.run(empty, output).unwrap_err(), "the input has no cells along rows");
    let output = &mut ViewMut::nchw(&mut y, [1, 1, 2, 1]).unwrap();
    let input = View::nchw(&x, [1, 1, 2, 2]).unwrap();
    says(pool.run(input, output).unwrap_err(), "the output must have 2 cols, but has 1");
    let shape = Shape { batch: 1, channels: 1, spatial: [usize::MAX, 1] };
    let endless = View::with_strides(&x, shape, lanepool::Strides { batch: 0, channel: 0, spatial: [0, 0] }).unwrap();
    let output = &mut ViewMut::nchw(&mut y, [1, 1, 2, 2]).unwrap();
    assert_eq!(pool.run(endless, output), Err(PoolError::Overflow { axis: lanepool::AxisName::Rows }));
    assert_eq!(y, [SENTINEL; 4]);
}
