//! Maxima with indices, and the way back.

use crate::common::*;
use crate::each_element;
use lanepool::reference;
use lanepool::{
    AdaptiveMaxPool, Element, Index, IndexLayout, MaxPool, PoolError, Shape, Strides, View, ViewMut, Window, max_unpool,
};

/// Computed by PyTorch and ONNX Runtime alike.
#[test]
fn published_indices_under_dilation() {
    let x = [1.0f32, 9.0, 2.0, 8.0, 3.0, 7.0, 4.0, 6.0, 5.0];
    let (mut y, mut indices) = ([0.0; 9], [0i64; 9]);
    MaxPool::new(Window::new([2]).stride([1]).padding([1]).dilation([2]))
        .run_with_indices(
            View::nchw(&x, [1, 1, 9]).unwrap(),
            &mut ViewMut::nchw(&mut y, [1, 1, 9]).unwrap(),
            &mut ViewMut::nchw(&mut indices, [1, 1, 9]).unwrap(),
            IndexLayout::Plane,
        )
        .unwrap();
    assert_eq!(y, [9.0, 2.0, 9.0, 3.0, 8.0, 4.0, 7.0, 5.0, 6.0]);
    assert_eq!(indices, [1, 2, 1, 4, 3, 6, 5, 8, 7]);
}

/// Computed by ONNX Runtime: (1, 2, 2, 3), kernel (1, 2), stride 1, `storage_order = 1`.
#[test]
fn published_indices_in_column_major_order() {
    let x: Vec<f32> = (0..12).map(|x| x as f32).collect();
    let (mut y, mut indices) = ([0.0; 8], [0i64; 8]);
    MaxPool::new(Window::new([1, 2]).stride([1, 1]))
        .run_with_indices(
            View::nchw(&x, [1, 2, 2, 3]).unwrap(),
            &mut ViewMut::nchw(&mut y, [1, 2, 2, 2]).unwrap(),
            &mut ViewMut::nchw(&mut indices, [1, 2, 2, 2]).unwrap(),
            IndexLayout::TensorColumnMajor,
        )
        .unwrap();
    assert_eq!(indices, [2, 4, 3, 5, 8, 10, 9, 11]);
}

/// PyTorch: the last NaN of the window.
#[test]
fn the_last_nan_wins() {
    let x = [1.0, f32::NAN, 3.0, f32::NAN, 2.0, 0.0];
    let (mut y, mut indices) = ([0.0; 1], [0u32; 1]);
    AdaptiveMaxPool::new([1])
        .run_with_indices(
            View::nchw(&x, [1, 1, 6]).unwrap(),
            &mut ViewMut::nchw(&mut y, [1, 1, 1]).unwrap(),
            &mut ViewMut::nchw(&mut indices, [1, 1, 1]).unwrap(),
            IndexLayout::Plane,
        )
        .unwrap();
    assert!(y[0].is_nan());
    assert_eq!(indices, [3]);
}

#[test]
fn table_of_windows() {
    for (seed, channels) in [1, 3, 8, 17, 33, 70].into_iter().enumerate() {
        for (kernel, stride, dilation) in
            [([1, 2, 2], 2, 1), ([1, 3, 3], 2, 1), ([1, 3, 3], 1, 1), ([2, 2, 3], 2, 2), ([1, 2, 4], 3, 1)]
        {
            let mut case = Case::new(image(2, channels, [2, 5, 37]), kernel, [1, stride.min(2), stride]);
            case.dilation = [1, 1, dilation];
            case.padding = [[0, 0], [1, 0], [1, 2]];
            each_element!(T => {
                check_indices::<T, u32>(&case, &T::random(&mut Random(seed as u64), case.cells(), seed % 2 == 1));
                if channels < 10 {
                    check_indices::<T, u32>(&case, &vec![T::LOWEST; case.cells()]);
                }
            });
        }
    }
}

#[test]
fn windows_without_a_cell_have_no_index() {
    let mut case = Case::new(image(1, 9, [2, 3, 4]), [1, 2, 2], [1, 2, 3]);
    case.padding = [[1, 1], [3, 2], [2, 5]];
    each_element!(T => check_indices::<T, i64>(&case, &T::random(&mut Random(3), case.cells(), true)));
}

#[test]
fn a_clamp_changes_no_index() {
    let x = [1.0f32, 9.0, 2.0, 8.0];
    let (mut y, mut indices) = ([0.0; 2], [0usize; 2]);
    let output = &mut ViewMut::nchw(&mut y, [1, 1, 2]).unwrap();
    let numbers = &mut ViewMut::nchw(&mut indices, [1, 1, 2]).unwrap();
    let pool = MaxPool::new(Window::new([2])).clamp(0.0, 6.0);
    pool.run_with_indices(View::nchw(&x, [1, 1, 4]).unwrap(), output, numbers, IndexLayout::Plane).unwrap();
    assert_eq!((y, indices), ([6.0, 6.0], [1, 3]));
}

#[test]
fn values_go_back_to_their_cells() {
    let mut random = Random(8);
    let case = Case::new(image(2, 5, [1, 6, 8]), [1, 2, 2], [1, 2, 2]);
    let out = case.output().unwrap();
    each_element!(T => {
        let input = T::random(&mut random, case.cells(), false);
        let max: Vec<T> = Op::Max(lanepool::NanPolicy::Propagate).reference(&case, &input);
        let mut places = vec![None; max.len()];
        reference::max_pool_indices(&case.axes(), planes(case.shape), &input, &mut places, false);
        let flat: Vec<usize> = places.iter().map(|place| place.unwrap()).collect();
        let mut want = vec![T::SENTINEL; case.cells()];
        reference::max_unpool(planes(case.shape), &max, &flat, &mut want, bytemuck::Zeroable::zeroed());
        for from in LAYS {
            for to in LAYS {
                for layout in [IndexLayout::Plane, IndexLayout::Tensor, IndexLayout::TensorColumnMajor] {
                    let numbers: Vec<i64> = numbered(layout, case.shape, out, &places);
                    let (data, numbers) = (from.spread(out, &max), to.spread_over(out, &numbers, -7));
                    let got = to.collect(case.shape, |output| {
                        max_unpool(from.view(out, &data), to.view(out, &numbers), layout, output).unwrap();
                    });
                    assert_same(&got, &want, false, (from, to, layout));
                }
            }
        }
    });
}

#[test]
fn unpooled_sizes() {
    assert_eq!(Window::new([2, 2]).unpooled_size([3, 4]), Ok([6, 8]));
    assert_eq!(Window::new([3]).stride([2]).padding([1]).unpooled_size([5]), Ok([9]));
    assert_eq!(Window::same_upper([3], [2]).unpooled_size([5]), Ok([10]));
    assert!(Window::new([1]).padding([9]).unpooled_size([3]).is_err());
    assert!(Window::new([0]).unpooled_size([3]).is_err());
    assert!(Window::new([2]).unpooled_size([0]).is_err());
    assert!(Window::new([2]).unpooled_size([usize::MAX]).is_err());
}

#[test]
fn bad_indices() {
    fn run<I: Index>(numbers: &[I], layout: IndexLayout) -> Result<(), PoolError> {
        let mut y = [SENTINEL; 8];
        let input = View::nchw(&[1.0, 2.0], [1, 2, 1]).unwrap();
        let numbers = View::nchw(numbers, [1, 2, 1]).unwrap();
        let result = max_unpool(input, numbers, layout, &mut ViewMut::nchw(&mut y, [1, 2, 4]).unwrap());
        assert!(result.is_ok() || y == [SENTINEL; 8]);
        result
    }
    assert_eq!(run(&[3u32, 0], IndexLayout::Plane), Ok(()));
    assert_eq!(run(&[3u32, 4], IndexLayout::Tensor), Ok(()));
    let refused = |position| Err(PoolError::Index { position, cells: 4 });
    assert_eq!(run(&[4u32, 0], IndexLayout::Plane), refused(0));
    assert_eq!(run(&[0i64, -1], IndexLayout::Plane), refused(1));
    assert_eq!(run(&[0i64, i64::MIN], IndexLayout::Plane), refused(1));
    assert_eq!(run(&[0usize, usize::MAX], IndexLayout::Plane), refused(1));
    // Cells of another channel.
    assert_eq!(run(&[3u32, 3], IndexLayout::Tensor), refused(1));
    assert_eq!(run(&[4u32, 4], IndexLayout::Tensor), refused(0));
    says(run(&[4u32, 0], IndexLayout::Plane).unwrap_err(), "index 0 does not name one of the output's 4 cells");
}

#[test]
fn bad_views() {
    let (x, mut y, mut indices) = ([1.0f32; 4], [SENTINEL; 4], [7u32; 4]);
    let input = View::nchw(&x, [1, 1, 4]).unwrap();
    let pool = MaxPool::new(Window::new([2]));
    let output = &mut ViewMut::nchw(&mut y, [1, 1, 2]).unwrap();
    let numbers = &mut ViewMut::nchw(&mut indices, [1, 1, 3]).unwrap();
    let error = pool.run_with_indices(input, output, numbers, IndexLayout::Plane).unwrap_err();
    says(error, "the indices must have 2 cols, but has 3");
    let shape = Shape { batch: 1, channels: 2, spatial: [1 << 31] };
    let huge = View::with_strides(&x, shape, Strides { batch: 0, channel: 0, spatial: [0] }).unwrap();
    let whole = AdaptiveMaxPool::new([1]);
    let output = &mut ViewMut::nchw(&mut y, [1, 2, 1]).unwrap();
    let numbers = &mut ViewMut::nchw(&mut indices, [1, 2, 1]).unwrap();
    let error = whole.run_with_indices(huge, output, numbers, IndexLayout::Tensor).unwrap_err();
    says(error, "the index type is too small to number 4294967296 cells");
    assert_eq!((y, indices), ([SENTINEL; 4], [7; 4]));
}

/// Without a cell, the other extents have no bound, and nothing multiplies or walks them.
#[test]
fn extreme_extents_of_empty_outputs() {
    let max = usize::MAX;
    for spatial in [[0, max, max], [max, 0, max], [max, max, 0]] {
        let nothing = Shape { batch: 1, channels: 0, spatial: [1, 1, 1] };
        let still = Strides { batch: 0, channel: 0, spatial: [0; 3] };
        let shape = Shape { batch: 1, channels: 0, spatial };
        for layout in [IndexLayout::Plane, IndexLayout::Tensor, IndexLayout::TensorColumnMajor] {
            let input = View::with_strides(&[0.0f32; 0], nothing, still).unwrap();
            let indices = View::with_strides(&[0i64; 0], nothing, still).unwrap();
            let output = &mut ViewMut::with_strides(&mut [], shape, still).unwrap();
            assert_eq!(max_unpool(input, indices, layout, output), Ok(()), "{spatial:?} {layout:?}");
        }
    }
}
