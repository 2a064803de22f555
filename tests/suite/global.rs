//! Global pools against the reference, in both orders of summation.

use crate::common::*;
use lanepool::reference::{self, Order};
use lanepool::{GlobalAvgPool, GlobalMaxPool, NanPolicy, View, ViewMut};

fn run(shape: Image, input: &[f32]) {
    let one = Image { spatial: [1; 3], ..shape };
    for isa in isas() {
        for (i, from) in LAYS.into_iter().enumerate() {
            let data = from.spread(shape, input);
            let to = LAYS[(i + 1) % LAYS.len()];
            let order = if from.strides(shape).spatial[2] == 1 { Order::Lanes } else { Order::Sequential };
            let mut want = vec![0.0; planes(shape)];
            reference::global_avg_pool(order, planes(shape), input, &mut want);
            let view = from.view(shape, &data);
            let got = to.collect(one, |output| GlobalAvgPool::new().run_on(isa, view, output).unwrap());
            assert_same(&got, &want, false, ("avg", isa, from, shape));
            for nan in [NanPolicy::Propagate, NanPolicy::Ignore] {
                reference::global_max_pool(planes(shape), input, &mut want, nan == NanPolicy::Ignore);
                let got = to.collect(one, |output| GlobalMaxPool::new().nan(nan).run_on(isa, view, output).unwrap());
                assert_same(&got, &want, true, (nan, isa, from, shape));
            }
        }
    }
}

#[test]
fn planes_and_channels_around_the_lane_counts() {
    for (seed, n) in [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 49, 67].into_iter().enumerate() {
        let mut random = Random(seed as u64);
        for shape in [image(1, 3, [1, 1, n]), image(2, n, [1, 3, 5]), image(1, 5, [2, 3, n]), image(1, 6, [1, n, 7])] {
            run(shape, &random.floats(cells(shape)));
            run(shape, &random.wild_floats(cells(shape)));
        }
    }
}

#[test]
fn many_channels_take_several_tiles() {
    for channels in [255, 256, 257, 700] {
        let shape = image(1, channels, [1, 3, 3]);
        run(shape, &Random(channels as u64).floats(cells(shape)));
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

#[test]
fn an_average_has_less_error_than_the_bound() {
    let shape = image(1, 1, [1, 300, 300]);
    let x = Random(5).floats(cells(shape));
    let exact: f64 = x.iter().map(|&x| f64::from(x)).sum::<f64>() / x.len() as f64;
    let size: f64 = x.iter().map(|&x| f64::from(x.abs())).sum::<f64>() / x.len() as f64;
    for (lay, terms) in [(Lay::Nchw, x.len() / 16 + 4), (Lay::Nhwc, x.len())] {
        let data = lay.spread(shape, &x);
        let got = lay.collect(image(1, 1, [1; 3]), |y| GlobalAvgPool::new().run(lay.view(shape, &data), y).unwrap());
        let bound = terms as f64 * f64::from(f32::EPSILON) * size;
        assert!((f64::from(got[0]) - exact).abs() <= bound, "{lay:?}: {} {exact}", got[0]);
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
