//! One element at a time, for borders, tails, and targets without vectors.

use super::{Lanes, Register};

/// Lanes of one element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Scalar;

impl Register<Scalar> for f32 {
    type Item = f32;
    type Array = [f32; 1];

    #[inline(always)]
    fn load(_: Scalar, from: &[f32; 1]) -> f32 {
        from[0]
    }

    #[inline(always)]
    fn store(self, _: Scalar, to: &mut [f32; 1]) {
        *to = [self];
    }

    #[inline(always)]
    fn unzip(_: Scalar, a: f32, b: f32) -> (f32, f32) {
        (a, b)
    }

    #[inline(always)]
    fn splat(_: Scalar, x: f32) -> f32 {
        x
    }
}

impl Lanes<f32> for Scalar {
    const N: usize = 1;
    type V = f32;
    type Sum = f32;

    #[inline(always)]
    fn maximum(self, a: f32, b: f32) -> f32 {
        if a > b || a.is_nan() { a } else { b }
    }

    #[inline(always)]
    fn maximum_number(self, a: f32, b: f32) -> f32 {
        if a > b || b.is_nan() { a } else { b }
    }

    #[inline(always)]
    fn clamp(self, v: f32, low: f32, high: f32) -> f32 {
        let v = if v < low { low } else { v };
        if v > high { high } else { v }
    }

    #[inline(always)]
    fn widen(self, v: f32) -> f32 {
        v
    }

    #[inline(always)]
    fn add(self, a: f32, b: f32) -> f32 {
        a + b
    }

    #[inline(always)]
    fn mul(self, a: f32, b: f32) -> f32 {
        a * b
    }

    #[inline(always)]
    fn mean(self, sum: f32, by: f32) -> f32 {
        sum / by
    }
}
