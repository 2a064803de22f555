//! AVX2 on x86-64, found at run time.

use super::{Lanes, Register};
use core::arch::x86_64::*;

cpufeatures::new!(cpu, "avx2");

/// Lanes of 256 bits. A value exists only where the processor has AVX2 and the operating
/// system saves its registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Avx2(());

impl Avx2 {
    /// Asks the processor once, then a cached answer.
    #[inline]
    pub fn detect() -> Option<Self> {
        cpu::get().then_some(Self(()))
    }
}

/// The lanes that are known when compiling.
#[cfg(target_feature = "avx2")]
pub(crate) const NATIVE: Avx2 = Avx2(());

impl Register<Avx2> for __m256 {
    type Item = f32;
    type Array = [f32; 8];

    #[inline(always)]
    fn load(_: Avx2, from: &[f32; 8]) -> __m256 {
        // SAFETY: the token proves AVX2; `from` is eight readable floats; no alignment needed.
        unsafe { _mm256_loadu_ps(from.as_ptr()) }
    }

    #[inline(always)]
    fn store(self, _: Avx2, to: &mut [f32; 8]) {
        // SAFETY: the token proves AVX2; `to` is eight writable floats; no alignment needed.
        unsafe { _mm256_storeu_ps(to.as_mut_ptr(), self) }
    }

    #[inline(always)]
    fn unzip(_: Avx2, a: __m256, b: __m256) -> (__m256, __m256) {
        // SAFETY: the token proves AVX2.
        unsafe { unzip(a, b) }
    }

    #[inline(always)]
    fn splat(_: Avx2, x: f32) -> __m256 {
        // SAFETY: the token proves AVX2.
        unsafe { _mm256_set1_ps(x) }
    }
}

#[target_feature(enable = "avx2")]
#[inline]
fn unzip(a: __m256, b: __m256) -> (__m256, __m256) {
    // Shuffles work within halves; crossing the halves first costs the same and orders them.
    let low = _mm256_permute2f128_ps::<0x20>(a, b);
    let high = _mm256_permute2f128_ps::<0x31>(a, b);
    (_mm256_shuffle_ps::<0x88>(low, high), _mm256_shuffle_ps::<0xdd>(low, high))
}

#[target_feature(enable = "avx2")]
#[inline]
fn maximum(a: __m256, b: __m256) -> __m256 {
    // `max` gives `b` where either is NaN, so only a NaN in `a` is lost; all bits set is a NaN.
    _mm256_or_ps(_mm256_max_ps(a, b), _mm256_cmp_ps::<_CMP_UNORD_Q>(a, a))
}

#[target_feature(enable = "avx2")]
#[inline]
fn maximum_number(a: __m256, b: __m256) -> __m256 {
    // `max` gives `a` here where either is NaN: right unless `a` is the NaN.
    _mm256_blendv_ps(_mm256_max_ps(b, a), b, _mm256_cmp_ps::<_CMP_UNORD_Q>(a, a))
}

impl Lanes<f32> for Avx2 {
    const N: usize = 8;
    type V = __m256;
    type Sum = __m256;

    #[inline(always)]
    fn prefetch(self, from: &f32) {
        // SAFETY: a hint, which never faults; every x86-64 processor has it.
        unsafe { _mm_prefetch::<_MM_HINT_T0>((from as *const f32).cast()) }
    }

    #[inline(always)]
    fn maximum(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: the token proves AVX2.
        unsafe { maximum(a, b) }
    }

    #[inline(always)]
    fn maximum_number(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: the token proves AVX2.
        unsafe { maximum_number(a, b) }
    }

    #[inline(always)]
    fn clamp(self, v: __m256, low: __m256, high: __m256) -> __m256 {
        // Equal or unordered gives the second operand, which is `v`.
        // SAFETY: the token proves AVX2.
        let v = unsafe { _mm256_max_ps(low, v) };
        // SAFETY: the token proves AVX2.
        unsafe { _mm256_min_ps(high, v) }
    }

    #[inline(always)]
    fn widen(self, v: __m256) -> __m256 {
        v
    }

    #[inline(always)]
    fn add(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: the token proves AVX2.
        unsafe { _mm256_add_ps(a, b) }
    }

    #[inline(always)]
    fn mul(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: the token proves AVX2.
        unsafe { _mm256_mul_ps(a, b) }
    }

    #[inline(always)]
    fn mean(self, sum: __m256, by: f32) -> __m256 {
        let by = __m256::splat(self, by);
        // SAFETY: the token proves AVX2.
        unsafe { _mm256_div_ps(sum, by) }
    }
}
