//! Portable lanes where `wide` has no instructions: arrays and plain loops, which the compiler
//! may vectorise (Helium, 32-bit NEON).

use super::{Lanes, Register, Scalar};

/// Whether these lanes are faster than one element at a time.
pub(crate) const PORTABLE_IS_SIMD: bool = false;

/// Lanes of four elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Portable;

/// The best lanes that are known when compiling.
pub(crate) type Native = Scalar;
/// The value of [`Native`].
pub(crate) const NATIVE: Native = Scalar;

/// Applies `f` pair by pair.
#[inline(always)]
fn zip(a: [f32; 4], b: [f32; 4], f: impl Fn(f32, f32) -> f32) -> [f32; 4] {
    core::array::from_fn(|i| f(a[i], b[i]))
}

impl Register<Portable> for [f32; 4] {
    type Item = f32;
    type Array = [f32; 4];

    #[inline(always)]
    fn load(_: Portable, from: &[f32; 4]) -> [f32; 4] {
        *from
    }

    #[inline(always)]
    fn store(self, _: Portable, to: &mut [f32; 4]) {
        *to = self;
    }

    #[inline(always)]
    fn unzip(_: Portable, [a, b, c, d]: [f32; 4], [e, f, g, h]: [f32; 4]) -> ([f32; 4], [f32; 4]) {
        ([a, c, e, g], [b, d, f, h])
    }

    #[inline(always)]
    fn splat(_: Portable, x: f32) -> [f32; 4] {
        [x; 4]
    }
}

impl Lanes<f32> for Portable {
    const N: usize = 4;
    type V = [f32; 4];
    type Sum = [f32; 4];

    #[inline(always)]
    fn maximum(self, a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        zip(a, b, |a, b| Lanes::<f32>::maximum(Scalar, a, b))
    }

    #[inline(always)]
    fn maximum_number(self, a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        zip(a, b, |a, b| Lanes::<f32>::maximum_number(Scalar, a, b))
    }

    #[inline(always)]
    fn clamp(self, v: [f32; 4], low: [f32; 4], high: [f32; 4]) -> [f32; 4] {
        core::array::from_fn(|i| Lanes::<f32>::clamp(Scalar, v[i], low[i], high[i]))
    }

    #[inline(always)]
    fn widen(self, v: [f32; 4]) -> [f32; 4] {
        v
    }

    #[inline(always)]
    fn add(self, a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        zip(a, b, |a, b| a + b)
    }

    #[inline(always)]
    fn mul(self, a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        zip(a, b, |a, b| a * b)
    }

    #[inline(always)]
    fn mean(self, sum: [f32; 4], by: f32) -> [f32; 4] {
        sum.map(|sum| sum / by)
    }
}
