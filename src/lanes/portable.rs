//! What every processor of the compilation target has, through `wide`: SSE2, NEON, simd128.

use super::{Lanes, Register};
use wide::f32x4;

/// Whether these lanes are faster than one element at a time.
pub(crate) const PORTABLE_IS_SIMD: bool = true;

/// Lanes of 128 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Portable;

/// The best lanes that are known when compiling.
#[cfg(not(all(target_arch = "x86_64", target_feature = "avx2")))]
pub(crate) type Native = Portable;
/// The value of [`Native`].
#[cfg(not(all(target_arch = "x86_64", target_feature = "avx2")))]
pub(crate) const NATIVE: Native = Portable;

impl Register<Portable> for f32x4 {
    type Item = f32;
    type Array = [f32; 4];

    #[inline(always)]
    fn load(_: Portable, from: &[f32; 4]) -> f32x4 {
        f32x4::new(*from)
    }

    #[inline(always)]
    fn store(self, _: Portable, to: &mut [f32; 4]) {
        *to = self.to_array();
    }

    #[inline(always)]
    fn unzip(_: Portable, a: f32x4, b: f32x4) -> (f32x4, f32x4) {
        let ([a, b, c, d], [e, f, g, h]) = (a.to_array(), b.to_array());
        (f32x4::new([a, c, e, g]), f32x4::new([b, d, f, h]))
    }

    #[inline(always)]
    fn splat(_: Portable, x: f32) -> f32x4 {
        f32x4::splat(x)
    }
}

impl Lanes<f32> for Portable {
    const N: usize = 4;
    type V = f32x4;
    type Sum = f32x4;

    #[inline(always)]
    fn maximum(self, a: f32x4, b: f32x4) -> f32x4 {
        // What `fast_max` gives for a NaN differs between targets; all bits set is a NaN.
        a.fast_max(b) | a.is_nan() | b.is_nan()
    }

    #[inline(always)]
    fn maximum_number(self, a: f32x4, b: f32x4) -> f32x4 {
        (a.simd_gt(b) | b.is_nan()).select(a, b)
    }

    #[inline(always)]
    fn clamp(self, v: f32x4, low: f32x4, high: f32x4) -> f32x4 {
        let v = v.simd_lt(low).select(low, v);
        v.simd_gt(high).select(high, v)
    }

    #[inline(always)]
    fn widen(self, v: f32x4) -> f32x4 {
        v
    }

    #[inline(always)]
    fn add(self, a: f32x4, b: f32x4) -> f32x4 {
        a + b
    }

    #[inline(always)]
    fn mul(self, a: f32x4, b: f32x4) -> f32x4 {
        a * b
    }

    #[inline(always)]
    fn mean(self, sum: f32x4, by: f32) -> f32x4 {
        sum / f32x4::splat(by)
    }
}
