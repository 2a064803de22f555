//! Global pools against the reference, in both orders of summation.

use crate::common::*;
use crate::{each_element, each_float};
use lanepool::reference::{self, Finish, Number, Order, Real};
use lanepool::{
    AdaptiveAvgPool, AvgPool, Float, GlobalAvgPool, GlobalLpPool, GlobalMaxPool, NanPolicy, Rounding, View, ViewMut,
    Window,
};

fn run(shape: Image, seed: u64, wild: bool) {
    each_element!(T => check_global(shape, &T::random(&mut Random(seed), cells(shape), wild)));
    each_float!(T => check_global_norms(shape, &T::random(&mut Random(seed), cells(shape), wild)));
}

/// The order of a sum, which the layout decides.
fn order(from: Lay, shape: Image) -> Order {
    if from.strides(shape).spatial[2] == 1 { Order::Lanes } else { Order::Sequential }
}

fn check_global<T: Value>(shape: Image, input: &[T]) {
    let one = Image { spatial: [1; 3], ..shape };
    let mut want = vec![T::SENTINEL; planes(shape)];
    each_run(|isa, from, to| {
        let data = from.spread(shape, input);
        let half_away = Finish::Round(Rounding::HalfAwayFromZero);
        reference::global_avg_pool(order(from, shape), shape.spatial, input, &mut want, half_away);
        let view = from.view(shape, &data);
        let got = to.collect(one, |output| GlobalAvgPool::new().run_on(isa, view, output).unwrap());
        assert_same(&got, &want, false, ("avg", isa, from, shape));
        for nan in [NanPolicy::Propagate, NanPolicy::Ignore] {
            reference::global_max_pool(planes(shape), input, &mut want, nan == NanPolicy::Ignore);
            let got = to.collect(one, |output| GlobalMaxPool::new().nan(nan).run_on(isa, view, output).unwrap());
            assert_same(&got, &want, true, (nan, isa, from, shape));
        }
    });
}

fn check_global_norms<T: Value + Float + Number<Sum: Real>>(shape: Image, input: &[T]) {
    let one = Image { spatial: [1; 3], ..shape };
    let mut want = vec![T::SENTINEL; planes(shape)];
    for norm in norms().into_iter().filter(|norm| norm.floor.is_none() && !norm.mean) {
        each_run(|isa, from, to| {
            let data = from.spread(shape, input);
            reference::global_lp_pool(order(from, shape), shape.spatial, input, &mut want, norm);
            let view = from.view(shape, &data);
            let got = to.collect(one, |output| GlobalLpPool::new(norm.p).run_on(isa, view, output).unwrap());
            assert_same(&got, &want, true, (norm, isa, from, shape));
        });
    }
}

#[test]
fn planes_and_channels_around_the_lane_counts() {
    for (seed, n) in [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 49, 67].into_iter().enumerate() {
        for shape in [image(1, 3, [1, 1, n]), image(2, n, [1, 3, 5]), image(1, 5, [2, 3, n]), image(1, 6, [1, n, 7])] {
            run(shape, seed as u64, false);
            run(shape, seed as u64, true);
        }
    }
}

#[test]
fn many_channels_take_several_tiles() {
    for channels in [255, 256, 257, 700] {
        let shape = image(1, channels, [1, 3, 3]);
        run(shape, channels as u64, false);
    }
}

#[test]
fn large_planes_are_summed_in_eights() {
    for (seed, spatial) in [[1, 17, 16], [1, 1, 300], [1, 130, 1], [2, 9, 40], [1, 40, 67]].into_iter().enumerate() {
        for channels in [1, 5, 40] {
            run(image(1 + channels % 2, channels, spatial), seed as u64, seed % 2 == 1);
        }
    }
}

#[test]
fn crops_pool_only_their_cells() {
    let x: Vec<f32> = (0..5 * 6 * 3).map(|i| if i % 7 == 0 { f32::NAN } else { i as f32 }).collect();
    let crop = View::nhwc(&x, [1, 5, 6, 3]).unwrap().crop([1..2, 4..5]).unwrap().channels(1..3).unwrap();
    let mut y = [0.0; 2];
    GlobalMaxPool::new().run(crop, &mut ViewMut::nhwc(&mut y, [1, 1, 1, 2]).unwrap()).unwrap();
    let first = (6 + 4) * 3 + 1;
    assert_same(&y, &[x[first], x[first + 1]], false, "crop");
}

/// The bound that the contract states, of cells of one sign.
const BOUND: f64 = 3e-7;

/// The greatest relative error of the averages of images `[1, channels, rows, cols]`, in both layouts.
fn error(shape: Image, x: &[f32]) -> f64 {
    let cells = x.len() / shape.channels;
    let mut worst = 0.0f64;
    for lay in [Lay::Nchw, Lay::Nhwc] {
        let data = lay.spread(shape, x);
        let view = lay.view(shape, &data);
        let one = Image { spatial: [1; 3], ..shape };
        let whole = lay.collect(one, |y| GlobalAvgPool::new().run(view, y).unwrap());
        let bin = lay.collect(one, |y| AdaptiveAvgPool::new([1; 3]).run(view, y).unwrap());
        let window = lay.collect(one, |y| AvgPool::new(Window::new(shape.spatial)).run(view, y).unwrap());
        for means in [whole, bin, window] {
            for (plane, mean) in x.chunks(cells).zip(means) {
                let exact = plane.iter().map(|&x| f64::from(x)).sum::<f64>() / cells as f64;
                worst = worst.max((f64::from(mean) - exact).abs() / exact);
            }
        }
    }
    worst
}

#[test]
fn averages_are_as_exact_as_the_contract_says() {
    for spatial in [[1, 7, 7], [1, 16, 16], [1, 17, 5], [3, 20, 30], [1, 300, 300], [1, 1, 100_000], [1, 100_000, 1]] {
        let shape = image(1, 3, spatial);
        let numbers: Vec<f32> = Random(5).floats(cells(shape)).into_iter().map(f32::abs).collect();
        assert!(error(shape, &numbers) <= BOUND, "{spatial:?}: {:e}", error(shape, &numbers));
        for constant in [0.1, 1.0 / 3.0, 0.7] {
            let same = vec![constant; cells(shape)];
            assert!(error(shape, &same) <= BOUND, "{spatial:?} of {constant}: {:e}", error(shape, &same));
        }
    }
}

#[test]
fn ones_have_mean_one_however_many_they_are() {
    // More than one `f32` counts, in steps of one.
    let n = (1 << 24) + (1 << 21);
    let x = vec![1.0f32; n];
    for shape in [image(1, 1, [1, 1, n]), image(1, 2, [1, n / 2, 1]), image(1, 1, [1, 4608, 4096])] {
        let one = Image { spatial: [1; 3], ..shape };
        for lay in [Lay::Nchw, Lay::Nhwc] {
            // Of one value, every layout is the same.
            let view = View::with_strides(&x, shape, lay.strides(shape)).unwrap();
            let mean = lay.collect(one, |y| GlobalAvgPool::new().run(view, y).unwrap());
            assert!(mean.iter().all(|&mean| mean == 1.0), "{shape:?} {lay:?}: {mean:?}");
        }
    }
}

#[test]
fn no_image_and_no_channel_write_nothing() {
    for shape in [image(0, 3, [1, 2, 2]), image(2, 0, [1, 2, 2])] {
        let x = [1.0; 24];
        let mut y = [SENTINEL; 8];
        let input = View::nchw(&x, shape).unwrap();
        GlobalAvgPool::new()
            .run(input, &mut ViewMut::nchw(&mut y, Image { spatial: [1; 3], ..shape }).unwrap())
            .unwrap();
        assert_eq!(y, [SENTINEL; 8]);
    }
}
