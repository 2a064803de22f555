//! Plans: checked once, run often.

use crate::common::*;
use lanepool::{AvgPool, Layout, MaxPool, PoolError, Shape, Strides, View, ViewMut, Window};

#[test]
fn a_plan_gives_the_bits_of_the_pool() {
    let window = Window::new([3, 2]).stride([2, 1]).padding([1, 1]);
    let (shape, out) = ([2, 9, 11, 5], [2, 5, 12, 5]);
    let x = Random(4).wild_floats(2 * 9 * 11 * 5);
    for isa in isas() {
        let pool = AvgPool::new(window);
        let mut want = vec![0.0; 2 * 5 * 12 * 5];
        pool.run_on(isa, View::nhwc(&x, shape).unwrap(), &mut ViewMut::nhwc(&mut want, out).unwrap()).unwrap();
        let plan = pool.plan(Layout::nhwc(shape).unwrap(), Layout::nhwc(out).unwrap()).unwrap();
        let copy = plan;
        for _ in 0..2 {
            let mut got = vec![SENTINEL; want.len()];
            copy.run_on(isa, &x, &mut got).unwrap();
            assert_same(&got, &want, false, isa);
        }
        let mut got = vec![SENTINEL; want.len()];
        plan.run(&x, &mut got).unwrap();
        assert_same(&got, &want, false, "the best");
    }
}

#[test]
fn a_plan_checks_slices_and_layouts() {
    let pool = MaxPool::new(Window::new([2]));
    let [from, to] = [[1, 1, 4], [1, 1, 2]].map(|shape| Layout::nchw(shape).unwrap());
    let plan = pool.plan(from, to).unwrap();
    let mut y = [SENTINEL; 2];
    says(plan.run(&[0.0; 3], &mut y).unwrap_err(), &too_short(&[0.0; 3]).to_string());
    assert!(matches!(plan.run(&[0.0; 4], &mut y[..1]), Err(PoolError::TooShort { .. })));
    assert_eq!(y, [SENTINEL; 2]);
    assert!(matches!(pool.plan(from, from), Err(PoolError::Shape { .. })));
    let overlapping = Strides { batch: 2, channel: 2, spatial: [0] };
    let shape = Shape { batch: 1, channels: 1, spatial: [2] };
    let overlapping = Layout::with_strides(shape, overlapping).unwrap();
    assert!(matches!(pool.plan(from, overlapping), Err(PoolError::Overlap { .. })));
}

/// What a view of as few elements says.
fn too_short(x: &[f32]) -> PoolError {
    View::nchw(x, [1, 1, 4]).unwrap_err()
}

#[test]
fn a_plan_of_nothing_writes_nothing() {
    let empty = Layout::nchw([0, 3, 4]).unwrap();
    let plan = MaxPool::<f32, 1>::new(Window::new([2])).plan(empty, Layout::nchw([0, 3, 2]).unwrap()).unwrap();
    plan.run(&[], &mut []).unwrap();
}
