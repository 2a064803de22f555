//! The compile-time front gives the bits of the run-time front. What must not compile stands in
//! the documentation of `lanepool::fixed`.

use crate::common::Random;
use lanepool::tokens::{Keep, Tokens};
use lanepool::{AvgPool, Divisor, MaxPool, NanPolicy, Rounding, View, ViewMut, Window, fixed, fixed::Pool2d};

struct Stem;
impl Pool2d for Stem {
    const WINDOW: Window<2> = Window::new([3, 3]).stride([2, 2]).padding([1, 1]);
    const DIVISOR: Divisor = Divisor::InputAndPadding;
    const NAN: NanPolicy = NanPolicy::Ignore;
}

struct Same;
impl Pool2d for Same {
    const WINDOW: Window<2> = Window::same_upper([2, 3], [2, 1]);
}

fn check<P: Pool2d, const H: usize, const W: usize, const C: usize, const OH: usize, const OW: usize>() {
    let x = Random((H * W * C) as u64).wild_floats(H * W * C);
    let (max, avg) = (MaxPool::new(P::WINDOW).nan(P::NAN), AvgPool::new(P::WINDOW).divisor(P::DIVISOR));
    let mut want = vec![0.0; OH * OW * C];

    let mut nhwc = [[[0.0; C]; W]; H];
    nhwc.as_flattened_mut().as_flattened_mut().copy_from_slice(&x);
    let mut y = [[[0.0; C]; OW]; OH];
    let input = View::nhwc(&x, [1, H, W, C]).unwrap();
    P::max_nhwc(&nhwc, &mut y);
    max.run(input, &mut ViewMut::nhwc(&mut want, [1, OH, OW, C]).unwrap()).unwrap();
    crate::common::assert_same(y.as_flattened().as_flattened(), &want, true, "max nhwc");
    P::avg_nhwc(&nhwc, &mut y);
    avg.run(input, &mut ViewMut::nhwc(&mut want, [1, OH, OW, C]).unwrap()).unwrap();
    crate::common::assert_same(y.as_flattened().as_flattened(), &want, false, "avg nhwc");

    let mut nchw = [[[0.0; W]; H]; C];
    nchw.as_flattened_mut().as_flattened_mut().copy_from_slice(&x);
    let mut y = [[[0.0; OW]; OH]; C];
    let input = View::nchw(&x, [1, C, H, W]).unwrap();
    P::max_nchw(&nchw, &mut y);
    max.run(input, &mut ViewMut::nchw(&mut want, [1, C, OH, OW]).unwrap()).unwrap();
    crate::common::assert_same(y.as_flattened().as_flattened(), &want, true, "max nchw");
    P::avg_nchw(&nchw, &mut y);
    avg.run(input, &mut ViewMut::nchw(&mut want, [1, C, OH, OW]).unwrap()).unwrap();
    crate::common::assert_same(y.as_flattened().as_flattened(), &want, false, "avg nchw");
}

#[test]
fn windows() {
    check::<Stem, 9, 17, 8, 5, 9>();
    check::<Stem, 4, 4, 3, 2, 2>();
    check::<Same, 5, 20, 11, 3, 20>();
}

struct Relu6;
impl Pool2d for Relu6 {
    const WINDOW: Window<2> = Window::new([2, 2]);
    const ROUNDING: Rounding = Rounding::TowardZero;
    const CLAMP: Option<[f64; 2]> = Some([-3.0, 6.0]);
}

#[test]
fn options_are_those_of_the_run_time_front() {
    let x: [[[i8; 19]; 6]; 4] =
        std::array::from_fn(|y| std::array::from_fn(|x| std::array::from_fn(|c| (y * 31 + x * 7 + c * 5) as i8)));
    let (mut y, mut want) = ([[[0; 19]; 3]; 2], [0; 2 * 3 * 19]);
    let input = View::nhwc(x.as_flattened().as_flattened(), [1, 4, 6, 19]).unwrap();
    Relu6::max_nhwc(&x, &mut y);
    let max = MaxPool::new(Relu6::WINDOW).clamp(-3, 6);
    max.run(input, &mut ViewMut::nhwc(&mut want, [1, 2, 3, 19]).unwrap()).unwrap();
    assert_eq!(y.as_flattened().as_flattened(), want);
    Relu6::avg_nhwc(&x, &mut y);
    let avg = AvgPool::new(Relu6::WINDOW).rounding(Rounding::TowardZero).clamp(-3, 6);
    avg.run(input, &mut ViewMut::nhwc(&mut want, [1, 2, 3, 19]).unwrap()).unwrap();
    assert_eq!(y.as_flattened().as_flattened(), want);
}

#[test]
fn arrays_without_channels_may_be_longer_than_any_slice() {
    let x = [[[0.0f32; 0]; 1 << 20]; 1];
    Relu6::max_nhwc(&[x[0], x[0]], &mut [[[0.0f32; 0]; 1 << 19]; 1]);
}

#[test]
fn large_images_are_summed_as_at_run_time() {
    let x = Random(8).floats(20 * 18 * 5);
    let mut nhwc = [[[0.0; 5]; 18]; 20];
    nhwc.as_flattened_mut().as_flattened_mut().copy_from_slice(&x);
    let (mut y, mut want) = ([0.0; 5], [0.0; 5]);
    fixed::global_avg_nhwc(&nhwc, &mut y);
    let last = View::nhwc(&x, [1, 20, 18, 5]).unwrap();
    lanepool::global_avg_pool(last, &mut ViewMut::nhwc(&mut want, [1, 1, 1, 5]).unwrap()).unwrap();
    assert_eq!(y, want);
    let mut nchw = [[[0.0; 18]; 20]; 5];
    nchw.as_flattened_mut().as_flattened_mut().copy_from_slice(&x);
    fixed::global_avg_nchw(&nchw, &mut y);
    let first = View::nchw(&x, [1, 5, 20, 18]).unwrap();
    lanepool::global_avg_pool(first, &mut ViewMut::nchw(&mut want, [1, 5, 1, 1]).unwrap()).unwrap();
    assert_eq!(y, want);
}

#[test]
fn global() {
    let x = Random(3).floats(5 * 4 * 19);
    let mut nhwc = [[[0.0; 19]; 4]; 5];
    nhwc.as_flattened_mut().as_flattened_mut().copy_from_slice(&x);
    let mut nchw = [[[0.0; 4]; 5]; 19];
    nchw.as_flattened_mut().as_flattened_mut().copy_from_slice(&x);
    let (mut y, mut want) = ([0.0; 19], [0.0; 19]);
    let (last, first) = (View::nhwc(&x, [1, 5, 4, 19]).unwrap(), View::nchw(&x, [1, 19, 5, 4]).unwrap());

    fixed::global_avg_nhwc(&nhwc, &mut y);
    lanepool::global_avg_pool(last, &mut ViewMut::nhwc(&mut want, [1, 1, 1, 19]).unwrap()).unwrap();
    assert_eq!(y, want);
    fixed::global_max_nhwc(&nhwc, &mut y);
    lanepool::global_max_pool(last, &mut ViewMut::nhwc(&mut want, [1, 1, 1, 19]).unwrap()).unwrap();
    assert_eq!(y, want);
    fixed::global_avg_nchw(&nchw, &mut y);
    lanepool::global_avg_pool(first, &mut ViewMut::nchw(&mut want, [1, 19, 1, 1]).unwrap()).unwrap();
    assert_eq!(y, want);
    fixed::global_max_nchw(&nchw, &mut y);
    lanepool::global_max_pool(first, &mut ViewMut::nchw(&mut want, [1, 19, 1, 1]).unwrap()).unwrap();
    assert_eq!(y, want);
}

#[test]
fn tokens() {
    let mut rows = [[0.0; 37]; 11];
    rows.as_flattened_mut().copy_from_slice(&Random(4).floats(11 * 37));
    let (mut y, mut want) = ([0.0; 37], [0.0; 37]);
    fixed::mean_tokens(&rows, &mut y);
    let sequence = Tokens::new(rows.as_flattened(), [11, 37]).unwrap();
    lanepool::tokens::mean(sequence, Keep::all(), &mut want).unwrap();
    assert_eq!(y, want);
    fixed::mean_tokens(&[], &mut y);
    assert_eq!(y, [0.0; 37]);
}
