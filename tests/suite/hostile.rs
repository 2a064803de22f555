//! Numbers near the ends of their types, and counts without anything counted: an error or the right result, at once.

use crate::common::SENTINEL;
use lanepool::tokens::{self, Keep, Mode, TokenPool, Tokens};
use lanepool::{AvgPool, IndexLayout, Isa, MaxPool, PoolError, Shape, Strides, View, ViewMut, Window, max_unpool};

const MAX: usize = usize::MAX;
/// Half of the numbers, and one more.
const HALF: usize = MAX / 2 + 1;

#[test]
fn unpooling_where_there_is_no_cell() {
    // An output without cells, of which the other extents have no bound.
    let (still, spatial) = (Strides { batch: 0, channel: 0, spatial: [0; 3] }, [HALF, 4, 0]);
    let mut y: [f32; 0] = [];
    let mut none = ViewMut::with_strides(&mut y, Shape { batch: 1, channels: 1, spatial }, still).unwrap();
    let refused = max_unpool(
        View::nchw(&[1f32], [1, 1, 1, 1, 1]).unwrap(),
        View::nchw(&[0u32], [1, 1, 1, 1, 1]).unwrap(),
        IndexLayout::Plane,
        &mut none,
    );
    assert_eq!(refused, Err(PoolError::Index { position: 0, cells: 0 }));
    // Any number of images without cells.
    let shape = Shape { batch: MAX, channels: 1, spatial: [0] };
    let still = Strides { batch: 0, channel: 0, spatial: [0] };
    let (x, i) = (View::with_strides(&[], shape, still).unwrap(), View::with_strides(&[], shape, still).unwrap());
    let mut y: [f32; 0] = [];
    let mut none = ViewMut::with_strides(&mut y, shape, still).unwrap();
    max_unpool::<f32, u32, 1>(x, i, IndexLayout::Plane, &mut none).unwrap();
}

#[test]
fn windows_are_checked_without_a_look_at_each() {
    let k = 1usize << (usize::BITS - 21);
    let refused = |window: Window<1>, extent| window.stride([1]).check_windows([extent]).is_err();
    assert!(!refused(Window::new([k]).padding([k - 1]), 1));
    assert!(!refused(Window::new([k]).dilation([2]).padding([2 * (k - 1)]), 2));
    assert!(refused(Window::new([k]).dilation([2]).padding([2 * (k - 1) - 1]), 1));
    assert!(refused(Window::new([k]).padding_each([[k - 1, k]]), 5));
    assert!(refused(Window::new([2]).dilation([2 * k]).padding([2 * k]), k));
}

#[test]
fn strides_that_no_second_cell_takes() {
    for isa in Isa::available() {
        // Of the numbers' axes, each of one cell.
        let (mut y, mut i) = ([0f32; 2], [0u32; 2]);
        let apart = Strides { batch: 1, channel: MAX, spatial: [MAX] };
        let shape = Shape { batch: 2, channels: 1, spatial: [1] };
        for layout in [IndexLayout::Plane, IndexLayout::Tensor, IndexLayout::TensorColumnMajor] {
            MaxPool::new(Window::new([2]))
                .run_with_indices_on(
                    isa,
                    View::nchw(&[1f32, 2.0, 4.0, 3.0], [2, 1, 2]).unwrap(),
                    &mut ViewMut::nchw(&mut y, [2, 1, 1]).unwrap(),
                    &mut ViewMut::with_strides(&mut i, shape, apart).unwrap(),
                    layout,
                )
                .unwrap();
            let first = if layout == IndexLayout::Plane { 0 } else { 2 };
            assert_eq!((y, i), ([2.0, 4.0], [1, first]), "{isa} {layout:?}");
        }
        // Of the output's.
        let mut y = [0f32; 2];
        MaxPool::new(Window::new([4]).stride([MAX]).padding([1]))
            .run_with_indices_on(
                isa,
                View::nchw(&[1f32, 2.0, 4.0, 3.0], [2, 1, 2]).unwrap(),
                &mut ViewMut::with_strides(&mut y, shape, apart).unwrap(),
                &mut ViewMut::nchw(&mut i, [2, 1, 1]).unwrap(),
                IndexLayout::Plane,
            )
            .unwrap();
        assert_eq!((y, i), ([2.0, 4.0], [1, 0]), "{isa}");
        // Windows further apart than half of the numbers.
        let wide = Shape { batch: 1, channels: 2, spatial: [HALF + 1] };
        let still = Strides { batch: 0, channel: 1, spatial: [0] };
        let mut y = [SENTINEL; 4];
        AvgPool::new(Window::new([1]).stride([HALF]))
            .run_on(
                isa,
                View::with_strides(&[1f32, 2.0], wide, still).unwrap(),
                &mut ViewMut::nhwc(&mut y, [1, 2, 2]).unwrap(),
            )
            .unwrap();
        assert_eq!(y, [1.0, 2.0, 1.0, 2.0], "{isa}");
        let x: Vec<f32> = (0..12u8).map(f32::from).collect();
        let window = Window::new([1]).stride([HALF + 1]).padding_each([[5, 0]]).ceil_unclipped();
        let pool = MaxPool::new(window).empty_value(-1.0);
        let x = View::nhwc(&x, [1, 6, 2]).unwrap();
        let shape = pool.output_shape(x.shape()).unwrap();
        let mut y = vec![SENTINEL; 2 * shape.spatial[0]];
        pool.run_on(isa, x, &mut ViewMut::nhwc(&mut y, [1, shape.spatial[0], 2]).unwrap()).unwrap();
        assert!(y.iter().all(|&y| y == -1.0), "{isa} {y:?}");
    }
}

#[test]
fn more_cells_than_numbers() {
    // On 64 bits; where there are less, of fewer cells.
    let cells = |extents: [usize; 3]| {
        let still = Strides { batch: 0, channel: 0, spatial: [0; 2] };
        let shape = Shape { batch: 1, channels: extents[0], spatial: [extents[1], extents[2]] };
        let x = View::with_strides(&[1f32], shape, still).unwrap();
        let mut y = vec![0f32; extents[0]];
        let mut i = vec![0usize; extents[0]];
        let pool = MaxPool::new(Window::new([1, 1]).stride([extents[1], extents[2]]));
        pool.run_with_indices(
            x,
            &mut ViewMut::nchw(&mut y, [1, extents[0], 1, 1]).unwrap(),
            &mut ViewMut::nchw(&mut i, [1, extents[0], 1, 1]).unwrap(),
            IndexLayout::Tensor,
        )
    };
    let side = 1usize << (usize::BITS / 2);
    assert!(matches!(cells([3, side, side - 1]), Err(PoolError::IndexType { .. })));
    assert!(matches!(cells([1, side + 1, side]), Err(PoolError::IndexType { .. })));
    assert_eq!(cells([3, 16, 15]), Ok(()));
}

/// A row that is read again and again takes no time where it is not read at all.
#[test]
fn tokens_that_are_left_out_take_no_time() {
    let n = 1usize << (usize::BITS - 2);
    let many = Tokens::with_stride(&[1f32], [n, 1], 0).unwrap();
    let few = [Keep::length(3), Keep::range(n - 3..n), Keep::all().skip(n - 3)];
    for keep in few {
        let mut y = [0.0; 2];
        assert_eq!(tokens::attentive_statistics(many, many, keep, 0.0, &mut y), Ok(3));
        assert_eq!(y, [1.0, 0.0]);
        for mode in [Mode::First, Mode::Last] {
            assert_eq!(TokenPool::new(mode).run(many, keep, &mut y[..1]), Ok(1));
        }
        let both = TokenPool::new([Mode::Mean, Mode::Min]);
        assert_eq!(both.run(many, keep, &mut y), Ok(3));
        assert_eq!(y, [1.0; 2]);
    }
    assert_eq!(TokenPool::new(Mode::First).run(many, Keep::range(9..9), &mut [0.0]), Ok(0));
    let mut cells = [0.0; 2];
    let mut state = TokenPool::new([Mode::Mean, Mode::Min]).start_after(n - 2, 1, &mut cells).unwrap();
    assert_eq!(state.push_block(many, Keep::all(), &[]), Ok(2));
    assert_eq!(state.finish(), 2);
}
