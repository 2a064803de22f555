//! AVX-512 on x86-64 (F, BW, VL and DQ), found at run time.

#[cfg(feature = "half")]
use super::half::Convert;
#[cfg(feature = "half")]
use super::x86::convert;
use super::x86::{codes, few, float, integer, register, safe};
use super::{Avx2, Indices, Instructions, Lanes, Read, Register, array, composite, few_like_many};
use crate::round::Ratio;
use core::arch::x86_64::*;

cpufeatures::new!(cpu, "avx512f", "avx512bw", "avx512vl", "avx512dq");

/// Lanes of 512 bits. A value exists only where the processor has F, BW, VL and DQ, and all that AVX2's lanes need, and the operating
/// system saves their registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Avx512(Avx2);

impl Avx512 {
    /// Asks the processor once, then a cached answer.
    #[inline]
    pub fn detect() -> Option<Self> {
        if cpu::get() { Avx2::detect().map(Self) } else { None }
    }

    /// Lanes of half the width.
    #[inline(always)]
    pub fn narrow(self) -> Avx2 {
        self.0
    }
}

impl Instructions for Avx512 {
    #[inline(always)]
    fn enter<A>(self, f: impl FnOnce() -> A) -> A {
        #[target_feature(enable = "avx2,f16c,avx512f,avx512bw,avx512vl,avx512dq")]
        #[inline(never)]
        fn entered<A, F: FnOnce() -> A>(f: F) -> A {
            f()
        }
        // SAFETY: the token proves all of them.
        unsafe { entered(f) }
    }

    #[inline(always)]
    fn add_products(self, sums: [i32; 8], a: [i16; 16], b: [i16; 16]) -> [i32; 8] {
        self.0.add_products(sums, a, b)
    }

    #[inline(always)]
    fn sum(self, sums: [i32; 8]) -> i32 {
        self.0.sum(sums)
    }
}

register! {
    Avx512: F32x16, [f32; 16], __m512, _mm512_loadu_ps, _mm512_storeu_ps, _mm512_set1_ps, unzip_ps;
    Avx512: F64x8, [f64; 8], __m512d, _mm512_loadu_pd, _mm512_storeu_pd, _mm512_set1_pd, unzip_pd;
    Avx512: I8x64, [i8; 64], __m512i, _mm512_loadu_si512, _mm512_storeu_si512, _mm512_set1_epi8, unzip_epi8;
    Avx512: U8x64, [u8; 64], __m512i, _mm512_loadu_si512, _mm512_storeu_si512, _mm512_set1_epi8, unzip_epi8;
    Avx512: I16x32, [i16; 32], __m512i, _mm512_loadu_si512, _mm512_storeu_si512, _mm512_set1_epi16, unzip_epi16;
    Avx512: U16x32, [u16; 32], __m512i, _mm512_loadu_si512, _mm512_storeu_si512, _mm512_set1_epi16, unzip_epi16;
    Avx512: I32x16, [i32; 16], __m512i, _mm512_loadu_si512, _mm512_storeu_si512, _mm512_set1_epi32, unzip_epi32;
    Avx512: U32x16, [u32; 16], __m512i, _mm512_loadu_si512, _mm512_storeu_si512, _mm512_set1_epi32, unzip_epi32;
}
composite!(Avx512, I32x16, 4, [i32; 64]);
composite!(Avx512, I32x16, 2, [i32; 32]);
composite!(Avx512, I16x32, 2, [i16; 64]);
composite!(Avx512, U16x32, 2, [u16; 64]);

/// Places of two registers, one after the other: every other one from `first` on.
const fn every_other<const N: usize>(first: i32) -> [i32; N] {
    let mut places = [first; N];
    let mut i = 0;
    while i < N {
        places[i] = first + 2 * i as i32;
        i += 1;
    }
    places
}

#[target_feature(enable = "avx512f")]
#[inline]
fn every_other_epi32(first: i32) -> __m512i {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = every_other(first);
    _mm512_setr_epi32(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p)
}

#[target_feature(enable = "avx512f")]
#[inline]
fn unzip_ps(a: __m512, b: __m512) -> (__m512, __m512) {
    let both = |first| _mm512_permutex2var_ps(a, every_other_epi32(first), b);
    (both(0), both(1))
}

#[target_feature(enable = "avx512f")]
#[inline]
fn unzip_pd(a: __m512d, b: __m512d) -> (__m512d, __m512d) {
    let both =
        |first| _mm512_permutex2var_pd(a, _mm512_cvtepi32_epi64(_mm512_castsi512_si256(every_other_epi32(first))), b);
    (both(0), both(1))
}

#[target_feature(enable = "avx512f")]
#[inline]
fn unzip_epi32(a: __m512i, b: __m512i) -> (__m512i, __m512i) {
    let both = |first| _mm512_permutex2var_epi32(a, every_other_epi32(first), b);
    (both(0), both(1))
}

/// The lower half of both.
#[target_feature(enable = "avx512f")]
#[inline]
fn join(low: __m256i, high: __m256i) -> __m512i {
    _mm512_inserti64x4::<1>(_mm512_castsi256_si512(low), high)
}

#[target_feature(enable = "avx512f")]
#[inline]
fn halves(v: __m512i) -> [__m256i; 2] {
    [_mm512_castsi512_si256(v), _mm512_extracti64x4_epi64::<1>(v)]
}

#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn unzip_epi16(a: __m512i, b: __m512i) -> (__m512i, __m512i) {
    let lower = |a, b| join(_mm512_cvtepi32_epi16(a), _mm512_cvtepi32_epi16(b));
    (lower(a, b), lower(_mm512_srli_epi32::<16>(a), _mm512_srli_epi32::<16>(b)))
}

#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn unzip_epi8(a: __m512i, b: __m512i) -> (__m512i, __m512i) {
    let lower = |a, b| join(_mm512_cvtepi16_epi8(a), _mm512_cvtepi16_epi8(b));
    (lower(a, b), lower(_mm512_srli_epi16::<8>(a), _mm512_srli_epi16::<8>(b)))
}

float! {
    Avx512: F32x16: f32, 16, by 2, indices U32x16, _mm512_max_ps, _mm512_min_ps, unordered_ps, with_nan_ps, _mm512_add_ps, _mm512_sub_ps,
        _mm512_mul_ps, _mm512_div_ps {
        #[inline(always)]
        fn pick<const ANY_ORDER: bool>(
            self,
            (a, ai): (F32x16, U32x16),
            (b, bi): (F32x16, U32x16),
        ) -> (F32x16, U32x16) {
            let takes = safe!(picks::<ANY_ORDER>((a.0, ai.0), (b.0, bi.0)));
            let v = safe!(_mm512_mask_blend_ps(takes, a.0, b.0));
            (F32x16(v), U32x16(safe!(_mm512_mask_blend_epi32(takes, ai.0, bi.0))))
        }
    }
    Avx512: F64x8: f64, 8, by 2, indices Indices<8>, _mm512_max_pd, _mm512_min_pd, unordered_pd, with_nan_pd, _mm512_add_pd, _mm512_sub_pd,
        _mm512_mul_pd, _mm512_div_pd {}
}

#[target_feature(enable = "avx512f")]
#[inline]
fn unordered_ps(a: __m512, b: __m512) -> __mmask16 {
    _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(a, b)
}

#[target_feature(enable = "avx512f")]
#[inline]
fn unordered_pd(a: __m512d, b: __m512d) -> __mmask8 {
    _mm512_cmp_pd_mask::<_CMP_UNORD_Q>(a, b)
}

#[target_feature(enable = "avx512f")]
#[inline]
fn with_nan_ps(v: __m512, at: __mmask16) -> __m512 {
    _mm512_mask_blend_ps(at, v, _mm512_set1_ps(f32::NAN))
}

#[target_feature(enable = "avx512f")]
#[inline]
fn with_nan_pd(v: __m512d, at: __mmask8) -> __m512d {
    _mm512_mask_blend_pd(at, v, _mm512_set1_pd(f64::NAN))
}

/// Where `b` is to be picked rather than `a`; see [`super::picks`].
#[target_feature(enable = "avx512f")]
#[inline]
fn picks<const ANY_ORDER: bool>((a, ai): (__m512, __m512i), (b, bi): (__m512, __m512i)) -> __mmask16 {
    if !ANY_ORDER {
        // Greater, or unordered as `b` is NaN: `a` may be too, and then the last one is taken.
        return _mm512_cmp_ps_mask::<_CMP_GT_OQ>(b, a) | unordered_ps(b, b);
    }
    let later = _mm512_cmpgt_epu32_mask(bi, ai);
    let first = _mm512_cmp_ps_mask::<_CMP_EQ_OQ>(a, b) & !later;
    let number = _mm512_cmp_ps_mask::<_CMP_ORD_Q>(a, a);
    _mm512_cmp_ps_mask::<_CMP_GT_OQ>(b, a) | first | unordered_ps(b, b) & (number | later)
}

integer! {
    Avx512: I8x64: i8, 64, sums in 4 of I32x16, _mm512_max_epi8, _mm512_min_epi8, widen_epi8, pack_epi8, {
        few!(I8x64, I16x32, _mm512_add_epi16, halves, _mm512_cvtepi8_epi16, I32x16, _mm512_cvtepi16_epi32, 256);
    }
    Avx512: U8x64: u8, 64, sums in 4 of I32x16, _mm512_max_epu8, _mm512_min_epu8, widen_epu8, pack_epu8, {
        few!(U8x64, U16x32, _mm512_add_epi16, halves, _mm512_cvtepu8_epi16, I32x16, _mm512_cvtepu16_epi32, 257);
    }
    Avx512: I16x32: i16, 32, sums in 2 of I32x16, _mm512_max_epi16, _mm512_min_epi16, widen_epi16, pack_epi16, {
        few_like_many!(i16);
    }
}

use _mm512_add_epi32 as add_epi32;
use _mm512_mullo_epi32 as mul_epi32;

#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn widen_epi8(v: __m512i) -> [__m512i; 4] {
    let [low, high] = halves(v);
    let quarters = [
        _mm256_castsi256_si128(low),
        _mm256_extracti128_si256::<1>(low),
        _mm256_castsi256_si128(high),
        _mm256_extracti128_si256::<1>(high),
    ];
    array!(4, |i| _mm512_cvtepi8_epi32(quarters[i]))
}

#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn widen_epu8(v: __m512i) -> [__m512i; 4] {
    let low = _mm512_set1_epi32(0xff);
    let sums = widen_epi8(v);
    array!(4, |i| _mm512_and_si512(sums[i], low))
}

#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn widen_epi16(v: __m512i) -> [__m512i; 2] {
    let [low, high] = halves(v);
    [_mm512_cvtepi16_epi32(low), _mm512_cvtepi16_epi32(high)]
}

#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn pack_epi8([a, b, c, d]: [__m512i; 4]) -> __m512i {
    let half =
        |a, b| _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(_mm512_cvtsepi32_epi8(a)), _mm512_cvtsepi32_epi8(b));
    join(half(a, b), half(c, d))
}

#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn pack_epu8(sums: [__m512i; 4]) -> __m512i {
    // The instruction takes its operands as without a sign.
    let [a, b, c, d] = array!(4, |i| _mm512_max_epi32(sums[i], _mm512_setzero_si512()));
    let half = |a, b| {
        _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(_mm512_cvtusepi32_epi8(a)), _mm512_cvtusepi32_epi8(b))
    };
    join(half(a, b), half(c, d))
}

#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn pack_epi16([a, b]: [__m512i; 2]) -> __m512i {
    join(_mm512_cvtsepi32_epi16(a), _mm512_cvtsepi32_epi16(b))
}

/// What [`Ratio::apply`] does, in f32, where the ratio says that this is exact.
#[target_feature(enable = "avx512f,avx512dq")]
#[inline]
fn small_quotient(sum: __m512i, by: &Ratio) -> __m512i {
    let sum = _mm512_cvtepi32_ps(sum);
    let sign = _mm512_castsi512_ps(_mm512_set1_epi32((by.follows >> 32) as i32));
    let nudge = _mm512_xor_ps(_mm512_set1_ps(by.small_nudge), _mm512_and_ps(sum, sign));
    let (t, small_by) = (_mm512_add_ps(sum, nudge), _mm512_set1_ps(by.small_by));
    let q = if by.divides() { _mm512_div_ps(t, small_by) } else { _mm512_mul_ps(t, small_by) };
    _mm512_cvtps_epi32(q)
}

/// What [`Ratio::apply`] does. Not inlined: what is here is not what is often done.
#[target_feature(enable = "avx512f,avx512dq")]
#[inline(never)]
fn quotient(sum: __m512i, by: &Ratio) -> __m512i {
    if by.fixed.is_some() {
        let mut sums = [0; 16];
        // SAFETY: `sums` is a register of writable bytes.
        unsafe { _mm512_storeu_si512(sums.as_mut_ptr().cast(), sum) }
        let quotients = sums.map(|sum| by.apply(sum));
        // SAFETY: `quotients` is a register of readable bytes.
        return unsafe { _mm512_loadu_si512(quotients.as_ptr().cast()) };
    }
    let [low, high] = halves(sum);
    let half = |sum| {
        let t = _mm512_add_pd(_mm512_cvtepi32_pd(sum), _mm512_set1_pd(by.offset));
        let t = _mm512_mul_pd(t, _mm512_set1_pd(by.scale));
        let sign = _mm512_castsi512_pd(_mm512_set1_epi64(by.follows as i64));
        let t = _mm512_add_pd(t, _mm512_xor_pd(_mm512_set1_pd(by.nudge), _mm512_and_pd(t, sign)));
        let q = _mm512_add_pd(_mm512_div_pd(t, _mm512_set1_pd(by.by)), _mm512_set1_pd(by.first));
        let q = _mm512_min_pd(_mm512_max_pd(q, _mm512_set1_pd(-1e9)), _mm512_set1_pd(1e9));
        _mm512_cvtpd_epi32(q)
    };
    _mm512_add_epi32(join(half(low), half(high)), _mm512_set1_epi32(by.last))
}

codes! {
    Avx512: F32x16, 16, i8, read_i8;
    Avx512: F32x16, 16, u8, read_u8;
}

// Subtracted as integers: the units for floats have enough to do.
#[target_feature(enable = "avx512f")]
#[inline]
fn read_i8(codes: [i8; 16], zero_point: i32) -> __m512 {
    let codes = _mm512_cvtepi8_epi32(bytemuck::must_cast(codes));
    _mm512_cvtepi32_ps(_mm512_sub_epi32(codes, _mm512_set1_epi32(zero_point)))
}

#[target_feature(enable = "avx512f")]
#[inline]
fn read_u8(codes: [u8; 16], zero_point: i32) -> __m512 {
    let codes = _mm512_cvtepu8_epi32(bytemuck::must_cast(codes));
    _mm512_cvtepi32_ps(_mm512_sub_epi32(codes, _mm512_set1_epi32(zero_point)))
}

#[cfg(feature = "half")]
convert! {
    Avx512: F32x16, 16, half::f16 as __m256i, widen_f16, narrow_f16;
    Avx512: F32x16, 16, half::bf16 as __m256i, widen_bf16, narrow_bf16;
}

#[cfg(feature = "half")]
use _mm512_cvtph_ps as widen_f16;

#[cfg(feature = "half")]
#[target_feature(enable = "avx512f")]
#[inline]
fn narrow_f16(v: __m512) -> __m256i {
    _mm512_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(v)
}

#[cfg(feature = "half")]
#[target_feature(enable = "avx512f")]
#[inline]
fn widen_bf16(bits: __m256i) -> __m512 {
    _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(bits)))
}

#[cfg(feature = "half")]
#[target_feature(enable = "avx512f")]
#[inline]
fn narrow_bf16(v: __m512) -> __m256i {
    let bits = _mm512_castps_si512(v);
    let odd = _mm512_and_si512(_mm512_srli_epi32::<16>(bits), _mm512_set1_epi32(1));
    let rounded = _mm512_add_epi32(bits, _mm512_add_epi32(_mm512_set1_epi32(0x7fff), odd));
    let quiet = _mm512_or_si512(bits, _mm512_set1_epi32(1 << 22));
    let nan = _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(v, v);
    _mm512_cvtepi32_epi16(_mm512_srli_epi32::<16>(_mm512_mask_blend_epi32(nan, rounded, quiet)))
}
