//! AVX2 on x86-64, found at run time, with F16C, which every processor with AVX2 has.

#[cfg(feature = "half")]
use super::half::Convert;
#[cfg(feature = "half")]
use super::x86::convert;
use super::x86::{codes, few, float, integer, register, safe};
use super::{Indices, Instructions, Lanes, Read, Register, array, composite, few_like_many};
use crate::round::Ratio;
use core::arch::x86_64::*;
use core::sync::atomic::{AtomicU8, Ordering};

cpufeatures::new!(cpu, "avx2");

/// Lanes of 256 bits. A value exists only where the processor has AVX2 and F16C, and the operating
/// system saves their registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Avx2(());

impl Avx2 {
    /// Asks the processor once, then a cached answer.
    #[inline]
    pub fn detect() -> Option<Self> {
        /// 0 is not yet known, 1 no, 2 yes.
        static ANSWER: AtomicU8 = AtomicU8::new(0);
        let known = match ANSWER.load(Ordering::Relaxed) {
            0 => {
                let answer = 1 + u8::from(cpu::get() && has_f16c());
                ANSWER.store(answer, Ordering::Relaxed);
                answer
            }
            known => known,
        };
        (known == 2).then_some(Self(()))
    }
}

impl Instructions for Avx2 {
    #[inline(always)]
    fn enter<A>(self, f: impl FnOnce() -> A) -> A {
        #[target_feature(enable = "avx2,f16c")]
        #[inline(never)]
        fn entered<A, F: FnOnce() -> A>(f: F) -> A {
            f()
        }
        // SAFETY: the token proves AVX2 and F16C.
        unsafe { entered(f) }
    }

    #[inline(always)]
    fn add_products(self, sums: [i32; 8], a: [i16; 16], b: [i16; 16]) -> [i32; 8] {
        let products = safe!(_mm256_madd_epi16(bytemuck::must_cast(a), bytemuck::must_cast(b)));
        bytemuck::must_cast(safe!(_mm256_add_epi32(bytemuck::must_cast(sums), products)))
    }

    // By instructions: the compiler would interleave several sums, from the loop on that makes them.
    #[inline(always)]
    fn sum(self, sums: [i32; 8]) -> i32 {
        let [low, high]: [__m128i; 2] = bytemuck::must_cast(sums);
        let four = safe!(_mm_add_epi32(low, high));
        let two = safe!(_mm_add_epi32(four, _mm_shuffle_epi32::<0x4e>(four)));
        safe!(_mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32::<0xb1>(two))))
    }
}

/// What `cpufeatures` does not know.
#[cold]
fn has_f16c() -> bool {
    #[allow(unused_unsafe, reason = "safe from Rust 1.93 on")]
    // SAFETY: every x86-64 processor has CPUID and its first leaf.
    let leaf = unsafe { __cpuid(1) };
    leaf.ecx & (1 << 29) != 0
}

/// The lanes that are known when compiling.
#[cfg(all(target_feature = "avx2", target_feature = "f16c"))]
pub(crate) const NATIVE: Avx2 = Avx2(());
/// What the run-time front uses.
#[cfg(all(target_feature = "avx2", target_feature = "f16c"))]
pub(crate) const BEST: Avx2 = Avx2(());

register! {
    Avx2: F32x8, [f32; 8], __m256, _mm256_loadu_ps, _mm256_storeu_ps, _mm256_set1_ps, unzip_ps;
    Avx2: F64x4, [f64; 4], __m256d, _mm256_loadu_pd, _mm256_storeu_pd, _mm256_set1_pd, unzip_pd;
    Avx2: I8x32, [i8; 32], __m256i, _mm256_loadu_si256, _mm256_storeu_si256, _mm256_set1_epi8, unzip_epi8;
    Avx2: U8x32, [u8; 32], __m256i, _mm256_loadu_si256, _mm256_storeu_si256, _mm256_set1_epi8, unzip_epi8;
    Avx2: I16x16, [i16; 16], __m256i, _mm256_loadu_si256, _mm256_storeu_si256, _mm256_set1_epi16, unzip_epi16;
    Avx2: U16x16, [u16; 16], __m256i, _mm256_loadu_si256, _mm256_storeu_si256, _mm256_set1_epi16, unzip_epi16;
    Avx2: I32x8, [i32; 8], __m256i, _mm256_loadu_si256, _mm256_storeu_si256, _mm256_set1_epi32, unzip_epi32;
    Avx2: U32x8, [u32; 8], __m256i, _mm256_loadu_si256, _mm256_storeu_si256, _mm256_set1_epi32, unzip_epi32;
}
composite!(Avx2, I32x8, 4, [i32; 32]);
composite!(Avx2, I32x8, 2, [i32; 16]);
composite!(Avx2, I16x16, 2, [i16; 32]);
composite!(Avx2, U16x16, 2, [u16; 32]);

// Shuffles work within halves; crossing the halves first costs the same and orders them.
#[target_feature(enable = "avx2")]
#[inline]
fn unzip_ps(a: __m256, b: __m256) -> (__m256, __m256) {
    let low = _mm256_permute2f128_ps::<0x20>(a, b);
    let high = _mm256_permute2f128_ps::<0x31>(a, b);
    (_mm256_shuffle_ps::<0x88>(low, high), _mm256_shuffle_ps::<0xdd>(low, high))
}

#[target_feature(enable = "avx2")]
#[inline]
fn unzip_pd(a: __m256d, b: __m256d) -> (__m256d, __m256d) {
    let low = _mm256_permute2f128_pd::<0x20>(a, b);
    let high = _mm256_permute2f128_pd::<0x31>(a, b);
    (_mm256_unpacklo_pd(low, high), _mm256_unpackhi_pd(low, high))
}

#[target_feature(enable = "avx2")]
#[inline]
fn unzip_epi32(a: __m256i, b: __m256i) -> (__m256i, __m256i) {
    let (even, odd) = unzip_ps(_mm256_castsi256_ps(a), _mm256_castsi256_ps(b));
    (_mm256_castps_si256(even), _mm256_castps_si256(odd))
}

// Packing within halves leaves quarters in the order 0, 2, 1, 3.
#[target_feature(enable = "avx2")]
#[inline]
fn unzip_epi16(a: __m256i, b: __m256i) -> (__m256i, __m256i) {
    let low = _mm256_set1_epi32(0xffff);
    let even = _mm256_packus_epi32(_mm256_and_si256(a, low), _mm256_and_si256(b, low));
    let odd = _mm256_packus_epi32(_mm256_srli_epi32::<16>(a), _mm256_srli_epi32::<16>(b));
    (_mm256_permute4x64_epi64::<0xd8>(even), _mm256_permute4x64_epi64::<0xd8>(odd))
}

#[target_feature(enable = "avx2")]
#[inline]
fn unzip_epi8(a: __m256i, b: __m256i) -> (__m256i, __m256i) {
    let low = _mm256_set1_epi16(0xff);
    let even = _mm256_packus_epi16(_mm256_and_si256(a, low), _mm256_and_si256(b, low));
    let odd = _mm256_packus_epi16(_mm256_srli_epi16::<8>(a), _mm256_srli_epi16::<8>(b));
    (_mm256_permute4x64_epi64::<0xd8>(even), _mm256_permute4x64_epi64::<0xd8>(odd))
}

float! {
    Avx2: F32x8: f32, 8, by 4, indices U32x8, _mm256_max_ps, _mm256_min_ps, unordered_ps, _mm256_or_ps, _mm256_add_ps, _mm256_sub_ps,
        _mm256_mul_ps, _mm256_div_ps {
        #[inline(always)]
        fn pick<const ANY_ORDER: bool>(
            self,
            (a, ai): (F32x8, U32x8),
            (b, bi): (F32x8, U32x8),
        ) -> (F32x8, U32x8) {
            let takes = safe!(picks::<ANY_ORDER>((a.0, ai.0), (b.0, bi.0)));
            let v = safe!(_mm256_blendv_ps(a.0, b.0, takes));
            let mask: __m256i = bytemuck::must_cast(takes);
            (F32x8(v), U32x8(safe!(_mm256_blendv_epi8(ai.0, bi.0, mask))))
        }
    }
    Avx2: F64x4: f64, 4, by 4, indices Indices<4>, _mm256_max_pd, _mm256_min_pd, unordered_pd, _mm256_or_pd, _mm256_add_pd, _mm256_sub_pd,
        _mm256_mul_pd, _mm256_div_pd {}
}

/// All bits set, which is a NaN, where one of both is.
#[target_feature(enable = "avx2")]
#[inline]
fn unordered_ps(a: __m256, b: __m256) -> __m256 {
    _mm256_cmp_ps::<_CMP_UNORD_Q>(a, b)
}

#[target_feature(enable = "avx2")]
#[inline]
fn unordered_pd(a: __m256d, b: __m256d) -> __m256d {
    _mm256_cmp_pd::<_CMP_UNORD_Q>(a, b)
}

/// Where `b` is to be picked rather than `a`; see [`super::picks`].
#[target_feature(enable = "avx2")]
#[inline]
fn picks<const ANY_ORDER: bool>((a, ai): (__m256, __m256i), (b, bi): (__m256, __m256i)) -> __m256 {
    let greater = _mm256_cmp_ps::<_CMP_GT_OQ>(b, a);
    let nan = _mm256_cmp_ps::<_CMP_UNORD_Q>(b, b);
    if !ANY_ORDER {
        return _mm256_or_ps(greater, nan);
    }
    let number = _mm256_cmp_ps::<_CMP_ORD_Q>(a, a);
    // Cells of a plane are numbered below 2^32: flipped, the first bit orders them as signed numbers do.
    let flip = _mm256_set1_epi32(i32::MIN);
    let later = _mm256_cmpgt_epi32(_mm256_xor_si256(bi, flip), _mm256_xor_si256(ai, flip));
    let later = _mm256_castsi256_ps(later);
    let first = _mm256_andnot_ps(later, _mm256_cmp_ps::<_CMP_EQ_OQ>(a, b));
    _mm256_or_ps(_mm256_or_ps(greater, first), _mm256_and_ps(nan, _mm256_or_ps(number, later)))
}

integer! {
    Avx2: I8x32: i8, 32, sums in 4 of I32x8, _mm256_max_epi8, _mm256_min_epi8, widen_epi8, pack_epi8, {
        few!(I8x32, I16x16, _mm256_add_epi16, halves, _mm256_cvtepi8_epi16, I32x8, _mm256_cvtepi16_epi32, 256);
    }
    Avx2: U8x32: u8, 32, sums in 4 of I32x8, _mm256_max_epu8, _mm256_min_epu8, widen_epu8, pack_epu8, {
        few!(U8x32, U16x16, _mm256_add_epi16, halves, _mm256_cvtepu8_epi16, I32x8, _mm256_cvtepu16_epi32, 257);
    }
    Avx2: I16x16: i16, 16, sums in 2 of I32x8, _mm256_max_epi16, _mm256_min_epi16, widen_epi16, pack_epi16, {
        few_like_many!(i16);
    }
}

/// The sums of both and the products of both, that [`integer!`] asks for.
use _mm256_add_epi32 as add_epi32;
use _mm256_mullo_epi32 as mul_epi32;

#[target_feature(enable = "avx2")]
#[inline]
fn halves(v: __m256i) -> [__m128i; 2] {
    [_mm256_castsi256_si128(v), _mm256_extracti128_si256::<1>(v)]
}

#[target_feature(enable = "avx2")]
#[inline]
fn widen_epi8(v: __m256i) -> [__m256i; 4] {
    let (low, high) = (_mm256_castsi256_si128(v), _mm256_extracti128_si256::<1>(v));
    let quarters = [low, _mm_unpackhi_epi64(low, low), high, _mm_unpackhi_epi64(high, high)];
    array!(4, |i| _mm256_cvtepi8_epi32(quarters[i]))
}

#[target_feature(enable = "avx2")]
#[inline]
fn widen_epu8(v: __m256i) -> [__m256i; 4] {
    let (low, high) = (_mm256_castsi256_si128(v), _mm256_extracti128_si256::<1>(v));
    let quarters = [low, _mm_unpackhi_epi64(low, low), high, _mm_unpackhi_epi64(high, high)];
    array!(4, |i| _mm256_cvtepu8_epi32(quarters[i]))
}

#[target_feature(enable = "avx2")]
#[inline]
fn widen_epi16(v: __m256i) -> [__m256i; 2] {
    [_mm256_cvtepi16_epi32(_mm256_castsi256_si128(v)), _mm256_cvtepi16_epi32(_mm256_extracti128_si256::<1>(v))]
}

/// Places 32 bits each, from quarters of halves to their order.
#[target_feature(enable = "avx2")]
#[inline]
fn order(v: __m256i) -> __m256i {
    _mm256_permutevar8x32_epi32(v, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7))
}

#[target_feature(enable = "avx2")]
#[inline]
fn pack_epi8([a, b, c, d]: [__m256i; 4]) -> __m256i {
    order(_mm256_packs_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d)))
}

#[target_feature(enable = "avx2")]
#[inline]
fn pack_epu8([a, b, c, d]: [__m256i; 4]) -> __m256i {
    order(_mm256_packus_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d)))
}

#[target_feature(enable = "avx2")]
#[inline]
fn pack_epi16([a, b]: [__m256i; 2]) -> __m256i {
    _mm256_permute4x64_epi64::<0xd8>(_mm256_packs_epi32(a, b))
}

/// What [`Ratio::apply`] does, in f32, where the ratio says that this is exact.
#[target_feature(enable = "avx2")]
#[inline]
fn small_quotient(sum: __m256i, by: &Ratio) -> __m256i {
    let sum = _mm256_cvtepi32_ps(sum);
    let sign = _mm256_castsi256_ps(_mm256_set1_epi32((by.follows >> 32) as i32));
    let nudge = _mm256_xor_ps(_mm256_set1_ps(by.small_nudge), _mm256_and_ps(sum, sign));
    let (t, small_by) = (_mm256_add_ps(sum, nudge), _mm256_set1_ps(by.small_by));
    let q = if by.divides() { _mm256_div_ps(t, small_by) } else { _mm256_mul_ps(t, small_by) };
    _mm256_cvtps_epi32(q)
}

/// What [`Ratio::apply`] does. Not inlined: what is here is not what is often done.
#[target_feature(enable = "avx2")]
#[inline(never)]
fn quotient(sum: __m256i, by: &Ratio) -> __m256i {
    if by.fixed.is_some() {
        let sums: [i32; 8] = bytemuck::must_cast(sum);
        return bytemuck::must_cast(sums.map(|sum| by.apply(sum)));
    }
    let halves = [_mm256_castsi256_si128(sum), _mm256_extracti128_si256::<1>(sum)];
    let [low, high] = halves.map(|sum| {
        let t = _mm256_add_pd(_mm256_cvtepi32_pd(sum), _mm256_set1_pd(by.offset));
        let t = _mm256_mul_pd(t, _mm256_set1_pd(by.scale));
        let sign = _mm256_castsi256_pd(_mm256_set1_epi64x(by.follows as i64));
        let t = _mm256_add_pd(t, _mm256_xor_pd(_mm256_set1_pd(by.nudge), _mm256_and_pd(t, sign)));
        let q = _mm256_add_pd(_mm256_div_pd(t, _mm256_set1_pd(by.by)), _mm256_set1_pd(by.first));
        let q = _mm256_min_pd(_mm256_max_pd(q, _mm256_set1_pd(-1e9)), _mm256_set1_pd(1e9));
        _mm256_cvtpd_epi32(q)
    });
    _mm256_add_epi32(_mm256_set_m128i(high, low), _mm256_set1_epi32(by.last))
}

codes! {
    Avx2: F32x8, 8, i8, read_i8;
    Avx2: F32x8, 8, u8, read_u8;
}

// Subtracted as integers: the units for floats have enough to do.
#[target_feature(enable = "avx2")]
#[inline]
fn read_i8(codes: [i8; 8], zero_point: i32) -> __m256 {
    let codes = _mm256_cvtepi8_epi32(_mm_cvtsi64_si128(bytemuck::must_cast(codes)));
    _mm256_cvtepi32_ps(_mm256_sub_epi32(codes, _mm256_set1_epi32(zero_point)))
}

#[target_feature(enable = "avx2")]
#[inline]
fn read_u8(codes: [u8; 8], zero_point: i32) -> __m256 {
    let codes = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128(bytemuck::must_cast(codes)));
    _mm256_cvtepi32_ps(_mm256_sub_epi32(codes, _mm256_set1_epi32(zero_point)))
}

#[cfg(feature = "half")]
convert! {
    Avx2: F32x8, 8, half::f16 as __m128i, widen_f16, narrow_f16;
    Avx2: F32x8, 8, half::bf16 as __m128i, widen_bf16, narrow_bf16;
}

#[cfg(feature = "half")]
#[target_feature(enable = "avx2,f16c")]
#[inline]
fn widen_f16(bits: __m128i) -> __m256 {
    _mm256_cvtph_ps(bits)
}

#[cfg(feature = "half")]
#[target_feature(enable = "avx2,f16c")]
#[inline]
fn narrow_f16(v: __m256) -> __m128i {
    _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(v)
}

#[cfg(feature = "half")]
#[target_feature(enable = "avx2")]
#[inline]
fn widen_bf16(bits: __m128i) -> __m256 {
    _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(bits)))
}

#[cfg(feature = "half")]
#[target_feature(enable = "avx2")]
#[inline]
fn narrow_bf16(v: __m256) -> __m128i {
    let bits = _mm256_castps_si256(v);
    let odd = _mm256_and_si256(_mm256_srli_epi32::<16>(bits), _mm256_set1_epi32(1));
    let rounded = _mm256_add_epi32(bits, _mm256_add_epi32(_mm256_set1_epi32(0x7fff), odd));
    let quiet = _mm256_or_si256(bits, _mm256_set1_epi32(1 << 22));
    let nan = _mm256_castps_si256(_mm256_cmp_ps::<_CMP_UNORD_Q>(v, v));
    let halves = _mm256_srli_epi32::<16>(_mm256_blendv_epi8(rounded, quiet, nan));
    _mm_packus_epi32(_mm256_castsi256_si128(halves), _mm256_extracti128_si256::<1>(halves))
}
