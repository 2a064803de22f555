//! Every variant of `PoolError`, provoked; the message names the axis or slice with the numbers,
//! and the output stays as it was.

use crate::common::{SENTINEL, says};
use lanepool::{
    AvgPool, Divisor, GlobalAvgPool, GlobalMaxPool, MaxPool, PoolError, Shape, Strides, View, ViewMut, Window,
};

/// The error of a max and of an average pool, whose output must not be touched.
fn refused(window: Window<2>, input: [usize; 2], output: [usize; 2]) -> PoolError {
    let x = vec![1.0; input[0] * input[1]];
    let mut y = vec![SENTINEL; output[0] * output[1] + 1];
    let view = View::nchw(&x, [1, 1, input[0], input[1]]).unwrap();
    let shape = [1, 1, output[0], output[1]];
    let max = MaxPool::new(window).run(view, &mut ViewMut::nchw(&mut y, shape).unwrap()).unwrap_err();
    let avg = AvgPool::new(window).run(view, &mut ViewMut::nchw(&mut y, shape).unwrap()).unwrap_err();
    assert_eq!(max, avg);
    assert!(y.iter().all(|&y| y == SENTINEL));
    max
}

#[test]
fn windows() {
    says(refused(Window::new([2, 0]), [4, 4], [2, 4]), "the kernel along cols is zero");
    says(refused(Window::new([2, 2]).stride([0, 1]), [4, 4], [2, 2]), "the stride along rows is zero");
    says(refused(Window::new([2, 2]).dilation([1, 0]), [4, 4], [2, 2]), "the dilation along cols is zero");
    says(
        refused(Window::new([5, 2]), [4, 4], [1, 2]),
        "the window spans 5 cells along rows, but the padded input has only 4",
    );
    says(
        refused(Window::new([2, 2]).dilation([1, 9]).padding([0, 1]), [4, 4], [2, 1]),
        "the window spans 10 cells along cols, but the padded input has only 6",
    );
    says(refused(Window::new([2, 2]), [4, 0], [2, 0]), "the input has no cells along cols");
    says(refused(Window::new([2, 2]).padding([0, usize::MAX]), [4, 4], [2, 2]), "the sizes along cols overflow usize");
    says(
        refused(Window::new([1, 1]).padding([2, 0]).stride([1, 1]), [4, 4], [8, 4]),
        "window 0 along rows lies wholly outside the input; choose a value for such windows or other padding",
    );
    says(refused(Window::new([2, 2]), [4, 4], [3, 2]), "the output must have 2 rows, but has 3");
    says(refused(Window::new([2, 2]), [4, 4], [2, 1]), "the output must have 2 cols, but has 1");
}

#[test]
fn batch_and_channels_must_agree() {
    let x = [1.0; 16];
    let mut y = [SENTINEL; 16];
    let input = View::nchw(&x, [2, 2, 2, 2]).unwrap();
    let pool = MaxPool::new(Window::new([1, 1]));
    let error = pool.run(input, &mut ViewMut::nchw(&mut y, [1, 2, 2, 2]).unwrap()).unwrap_err();
    says(error, "the output must have 2 batch, but has 1");
    let error = pool.run(input, &mut ViewMut::nchw(&mut y, [2, 1, 2, 2]).unwrap()).unwrap_err();
    says(error, "the output must have 2 channels, but has 1");
    let error = GlobalMaxPool::new().run(input, &mut ViewMut::nchw(&mut y, [2, 2, 1, 2]).unwrap()).unwrap_err();
    says(error, "the output must have 1 cols, but has 2");
    assert_eq!(y, [SENTINEL; 16]);
}

#[test]
fn clamps() {
    let x = [1.0; 4];
    let mut y = [SENTINEL; 4];
    let input = View::nchw(&x, [1, 1, 2, 2]).unwrap();
    for (low, high) in [(1.0, 0.0), (f32::NAN, 1.0), (0.0, f32::NAN)] {
        let output = &mut ViewMut::nchw(&mut y, [1, 1, 2, 2]).unwrap();
        let error = AvgPool::new(Window::new([1, 1])).clamp(low, high).run(input, output).unwrap_err();
        says(error, "the clamp bounds are NaN or the lower one is above the upper one");
        let one = &mut ViewMut::nchw(&mut y, [1, 1, 1, 1]).unwrap();
        assert_eq!(GlobalAvgPool::new().clamp(low, high).run(input, one), Err(error));
    }
    assert_eq!(y, [SENTINEL; 4]);
}

#[test]
fn views() {
    let mut x = [0.0f32; 24];
    says(View::nchw(&x, [1, 2, 4, 4]).unwrap_err(), "the input needs 32 elements, but 24 were given");
    says(ViewMut::nhwc(&mut x, [5, 1, 1, 5]).unwrap_err(), "the output needs 25 elements, but 24 were given");
    let huge = usize::MAX / 2;
    says(View::nchw(&x, [huge, 3, 1, 1]).unwrap_err(), "the sizes along batch overflow usize");
    let shape = Shape { batch: 2, channels: 3, spatial: [4] };
    let strides = Strides { batch: 12, channel: 4, spatial: [1] };
    assert!(ViewMut::with_strides(&mut x, shape, strides).is_ok());
    says(
        View::with_strides(&x, shape, Strides { batch: 13, ..strides }).unwrap_err(),
        "the input needs 25 elements, but 24 were given",
    );
    says(
        View::with_strides(&x, shape, Strides { channel: usize::MAX, ..strides }).unwrap_err(),
        "the sizes along channels overflow usize",
    );
    for (overlapping, message) in [
        (
            Strides { channel: 3, ..strides },
            "the output stride along channels is 3, but at least 4 is needed to keep cells apart",
        ),
        (
            Strides { batch: 0, ..strides },
            "the output stride along batch is 0, but at least 1 is needed to keep cells apart",
        ),
        (
            Strides { batch: 11, ..strides },
            "the output stride along batch is 11, but at least 12 is needed to keep cells apart",
        ),
    ] {
        says(ViewMut::with_strides(&mut x, shape, overlapping).unwrap_err(), message);
        assert!(View::with_strides(&x, shape, overlapping).is_ok(), "reading the same cell twice is fine");
    }
    let view = View::nchw(&x, [1, 2, 3, 4]).unwrap();
    says(view.crop([0..3, 2..5]).unwrap_err(), "the range 2..5 does not lie within the 4 of cols");
    #[expect(clippy::reversed_empty_ranges)]
    let reversed = view.channels(2..1);
    says(reversed.unwrap_err(), "the range 2..1 does not lie within the 2 of channels");
    says(view.rows(3..4).unwrap_err(), "the range 3..4 does not lie within the 3 of rows");
    says(view.batch(0..2).unwrap_err(), "the range 0..2 does not lie within the 1 of batch");
}

#[test]
fn global_pools() {
    let x = [1.0; 4];
    let mut y = [SENTINEL; 4];
    let output = &mut ViewMut::nchw(&mut y, [1, 4, 1, 1]).unwrap();
    let error = GlobalAvgPool::new().run(View::nchw(&x, [1, 4, 0, 1]).unwrap(), output).unwrap_err();
    says(error, "the input has no cells along rows");
    let shape = Shape { batch: 1, channels: 4, spatial: [usize::MAX / 2, 4] };
    let still = Strides { batch: 0, channel: 1, spatial: [0, 0] };
    let endless = View::with_strides(&x, shape, still).unwrap();
    says(GlobalAvgPool::new().run(endless, output).unwrap_err(), "the sizes along cols overflow usize");
    assert_eq!(y, [SENTINEL; 4]);
}

#[test]
fn a_kernel_whose_taps_cannot_be_counted() {
    let x = [1.0; 4];
    let mut y = [SENTINEL; 4];
    let huge = usize::MAX / 4;
    let window = Window::new([huge, huge]).padding([huge / 2, huge / 2]);
    let input = View::nchw(&x, [1, 1, 2, 2]).unwrap();
    let output = &mut ViewMut::nchw(&mut y, [1, 1, 1, 1]).unwrap();
    let error = AvgPool::new(window).divisor(Divisor::FullWindow).run(input, output).unwrap_err();
    says(error, "the sizes along cols overflow usize");
    assert_eq!(y, [SENTINEL; 4]);
}

#[test]
fn nothing_to_do_is_no_error() {
    let x = [1.0; 4];
    let mut y = [SENTINEL; 4];
    for shape in [[0, 3, 2, 2], [3, 0, 2, 2]] {
        let output = &mut ViewMut::nhwc(&mut y, [shape[0], 1, 1, shape[1]]).unwrap();
        MaxPool::new(Window::new([2, 2])).run(View::nchw(&x, shape).unwrap(), output).unwrap();
    }
    assert_eq!(y, [SENTINEL; 4]);
}

/// Strides that nothing multiplies may have any value.
#[test]
fn extreme_strides_of_axes_without_a_second_cell() {
    let max = usize::MAX;
    for (shape, channel) in [([0, 3, 2, 2], max), ([2, 0, 2, 3], 1), ([1, 1, 1, 1], max), ([1, 2, 1, 1], 1)] {
        let [batch, channels, rows, cols] = shape;
        let shape = Shape { batch, channels, spatial: [rows, cols] };
        let x = [1.0f32, 2.0];
        let mut y = [SENTINEL; 2];
        let strides = Strides { batch: max, channel, spatial: [max, max] };
        for kernel in [[1, 1], [2, 2], [3, 3]] {
            for stride in [[1, 1], [2, 2]] {
                let window = Window::new(kernel).stride(stride).padding(kernel.map(|k| k - 1)).dilation([2, 2]);
                let input = View::with_strides(&x, shape, strides).unwrap();
                let out = window.output_size([rows, cols]).unwrap();
                let mut big = vec![0.0; batch * channels * out[0] * out[1]];
                let out = Shape { spatial: out, ..shape };
                let output = &mut ViewMut::nchw(&mut big, out).unwrap();
                MaxPool::new(window).empty_value(0.0).run(input, output).unwrap();
                AvgPool::new(window).empty_value(0.0).run(input, output).unwrap();
            }
        }
        let input = View::with_strides(&x, shape, strides).unwrap();
        let one = Shape { spatial: [1, 1], ..shape };
        let output = &mut ViewMut::with_strides(&mut y, one, Strides { channel: 1, ..strides }).unwrap();
        GlobalAvgPool::new().run(input, output).unwrap();
        let pooled = batch * channels;
        assert_eq!(y, [[SENTINEL; 2], [1.0, SENTINEL], [1.0, 2.0]][pooled]);
    }
}

/// Windows wholly in huge padding: numbers that nothing reads may be anything, but must not overflow.
#[test]
fn extreme_windows_without_a_tap() {
    let max = usize::MAX;
    let run = |window: Window<2>, view: View<'_, f32, 2>| {
        let pool = AvgPool::new(window).empty_value(-1.0);
        let shape = pool.output_shape(view.shape()).unwrap();
        let mut y = vec![0.0; shape.channels * shape.spatial.iter().product::<usize>()];
        for isa in lanepool::Isa::available() {
            pool.run_on(isa, view, &mut ViewMut::nchw(&mut y, shape).unwrap()).unwrap();
        }
        y
    };
    let row = View::nchw(&[1.0, 2.0], [1, 1, 1, 2]).unwrap();
    let window = Window::new([1, 1]).stride([max - 1, 1]).padding_each([[0, max - 1], [0, 0]]);
    assert_eq!(run(window, row), [1.0, 2.0, -1.0, -1.0]);
    let strides = Strides { batch: 0, channel: 1, spatial: [max, 1] };
    let apart = View::with_strides(&[1.0, 2.0], Shape { batch: 1, channels: 2, spatial: [1, 1] }, strides).unwrap();
    let window = Window::new([2, 1]).stride([1, 1]).dilation([2, 1]).padding([1, 0]);
    assert_eq!(run(window, apart), [-1.0, -1.0]);
    let strides = Strides { batch: 0, channel: 0, spatial: [0, max] };
    let one = View::with_strides(&[1.0], Shape { batch: 1, channels: 1, spatial: [1, 1] }, strides).unwrap();
    let y = run(Window::new([1, 1]).padding_each([[0, 0], [0, 600]]), one);
    assert_eq!((y[0], y[1], y[600]), (1.0, -1.0, -1.0));
    let window = Window::new([1, 1]).stride([1, max - 1]).padding_each([[0, 0], [0, max - 1]]);
    assert_eq!(run(window, one), [1.0, -1.0]);
    assert_eq!(run(Window::new([1, 1]).dilation([1, max]).padding([0, 2]), one), [-1.0, -1.0, 1.0, -1.0, -1.0]);
    let far = 1 << (usize::BITS - 1);
    let window = Window::new([2]).stride([1]).dilation([far]).padding_each([[far + 2, 0]]);
    assert!(matches!(window.check_windows([1]), Err(PoolError::EmptyWindow { .. })));
    let nothing = lanepool::tokens::Tokens::with_stride(&[0f32; 0], [3, 0], max).unwrap();
    assert_eq!(lanepool::tokens::mean(nothing, lanepool::tokens::Keep::all(), &mut []), Ok(3));
}
