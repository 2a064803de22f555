//! Lp norms: published values, sizes at which powers overflow or vanish, and the bounds of the error.

use crate::common::*;
use crate::each_float;
use lanepool::{Float, LpPool, PoolError, View, ViewMut, Window};

fn norm<T: Value + Float>(pool: LpPool<T, 1>, x: &[T]) -> Vec<T> {
    let input = View::nchw(x, [1, 1, x.len()]).unwrap();
    let [n] = pool.window().output_size([x.len()]).unwrap();
    let mut y = vec![T::SENTINEL; n];
    pool.run(input, &mut ViewMut::nchw(&mut y, [1, 1, n]).unwrap()).unwrap();
    y
}

/// Computed by ONNX Runtime.
#[test]
fn published_norms() {
    for (p, want) in [(1.0, 3.0f32), (2.0, 2.236068), (3.0, 2.0800838)] {
        let [y] = norm(LpPool::new(Window::new([2]), p), &[-1.0, 2.0])[..] else { panic!() };
        assert!((y - want).abs() < 1e-6, "{p}: {y}");
    }
    let window = Window::new([2]).stride([1]).padding([1]);
    assert_eq!(norm(LpPool::new(window, 2.0), &[3.0f32, 4.0]), [3.0, 5.0, 4.0]);
    assert_eq!(norm(LpPool::new(Window::new([2]).ceil(), 2.0), &[3.0f32, 4.0, 5.0]), [5.0, 5.0]);
    // GeM of {1, 3}.
    let [y] = norm(LpPool::new(Window::new([2]), 3.0).mean().floor(1e-6), &[1.0f32, 3.0])[..] else { panic!() };
    assert!((y - 2.410142).abs() < 1e-6);
}

/// Whatever the exponent, a norm lies between the greatest value and the sum of all.
#[test]
fn sizes_at_which_powers_overflow_or_vanish() {
    for p in [1.0, 2.0, 2.5, 3.0, 7.0, 8.0, 16.0, 100.0, 1000.0, f64::INFINITY] {
        for exponent in [-40, -30, -20, -10, 0, 10, 20, 30, 37] {
            let size = 10f64.powi(exponent);
            each_float!(T => {
                let x: Vec<T> = [0.5, -1.0, 0.25].map(|x| T::narrow(x * size)).to_vec();
                let values: Vec<f64> = x.iter().map(|x| Float::widen(*x).abs()).collect();
                let greatest = values.iter().fold(0.0, |a: f64, b| a.max(*b));
                if greatest.is_finite() {
                    let [y] = norm(LpPool::new(Window::new([3]), p), &x)[..] else { panic!() };
                    let y = Float::widen(y);
                    let exact = if p == f64::INFINITY || greatest == 0.0 {
                        greatest
                    } else {
                        greatest * values.iter().map(|x| (x / greatest).powf(p)).sum::<f64>().powf(1.0 / p)
                    };
                    let nearest = Float::widen(T::narrow(exact));
                    let ulp = (nearest - Float::widen(T::narrow(nearest * 1.01))).abs().max(nearest * 1e-6);
                    assert!((y - nearest).abs() <= ulp || y == nearest, "{p} {size:e} {}: {y:e} {nearest:e}", std::any::type_name::<T>());
                }
            });
        }
    }
}

#[test]
fn doubles_beyond_half_of_their_range() {
    for size in [1e-200f64, 1e200, 1e-307, 1e307] {
        let y = norm(LpPool::new(Window::new([2]), 2.0), &[3.0 * size, 4.0 * size]);
        assert!((y[0] / (5.0 * size) - 1.0).abs() < 1e-14, "{size:e} {}", y[0]);
    }
}

#[test]
fn table_of_windows() {
    for seed in 0..8 {
        let mut case = Case::new(image(1, [1, 3, 8, 40][seed % 4], [2, 5, 19]), [1, 3, 3], [1, 1 + seed % 2, 2]);
        case.padding = [[0, 0], [1, 1], [1, 2]];
        each_float!(T => {
            check_norms(&case, &T::random(&mut Random(seed as u64), case.cells(), seed % 2 == 1));
            check_norms(&case, &vec![T::narrow(0.0); case.cells()]);
        });
    }
}

#[test]
fn a_clamp_applies_to_what_the_norm_is() {
    // The seventeenth power of 200 does not fit f32: clamped too early it would be infinite.
    let pool = LpPool::new(Window::new([2]), 17.0).clamp(0.0, 500.0);
    let [y] = norm(pool, &[200.0f32, 1.0])[..] else { panic!() };
    assert!((y - 200.0).abs() < 1e-3, "{y}");
    assert_eq!(norm(LpPool::new(Window::new([1]), 2.0).clamp(1.0, 2.0), &[0.0f32, 5.0, f32::NAN])[..2], [1.0, 2.0]);
}

#[test]
fn bad_exponents() {
    let mut y = [SENTINEL];
    for (p, floor) in [(0.0, 0.0), (-1.0, 0.0), (f64::NAN, 0.0), (2.0, -1.0), (2.0, f64::NAN), (2.0, f64::INFINITY)] {
        let output = &mut ViewMut::nchw(&mut y, [1, 1, 1]).unwrap();
        let pool = LpPool::new(Window::new([1]), p).floor(floor);
        let error = pool.run(View::nchw(&[1.0], [1, 1, 1]).unwrap(), output).unwrap_err();
        assert_eq!(error, PoolError::Exponent);
        says(error, "the exponent of a norm must be above zero, and its floor finite and not negative");
    }
    assert_eq!(y, [SENTINEL]);
}
