//! The exponential and the logarithm of modes, without branches: over arrays they become vectors. Each is the function of FreeBSD's libm
//! (`e_expf.c`, `s_log1pf.c`; the crate `libm` has them too) on a part of its domain: the same operations in the same order, so the
//! same bits, of all numbers there.
//!
//! Conversion to float by Ian Lance Taylor, Cygnus Support.
//!
//! ====================================================
//! Copyright (C) 1993 by Sun Microsystems, Inc. All rights reserved.
//!
//! Developed at SunPro, a Sun Microsystems, Inc. business.
//! Permission to use, copy, modify, and distribute this
//! software is freely granted, provided that this notice
//! is preserved.
//! ====================================================

/// `e` to the power `x`, which is at most 0, or NaN.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    debug_assert!(x <= 0.0 || x.is_nan());
    const LEAST: f32 = f32::from_bits(0xc2cf_f1b5);
    const TINY: f32 = f32::from_bits(0x3900_0000);
    const HALF_LN_2: f32 = f32::from_bits(0x3eb1_7218);
    const THREE_HALVES_LN_2: f32 = f32::from_bits(0x3f85_1592);
    // In two parts, such that some multiples of the first are exact.
    const LN_2: [f32; 2] = [f32::from_bits(0x3f31_7200), f32::from_bits(0x35bf_be8e)];
    const WHOLE: f32 = 12_582_912.0;
    const PER_LN_2: f32 = f32::from_bits(0x3fb8_aa3b);
    const P: [f32; 2] = [f32::from_bits(0x3e2a_aa8f), f32::from_bits(0xbb35_5215)];
    let size = x.abs();
    let doublings = if size > HALF_LN_2 { -1.0 } else { 0.0 };
    let doublings = if size > THREE_HALVES_LN_2 { PER_LN_2 * x - 0.5 } else { doublings };
    // Below that the result is zero.
    let doublings = if doublings > -150.0 { doublings } else { -150.0 };
    // Towards zero, by adding what leaves no place for a fraction: conversions are no vectors everywhere.
    let nearest = (doublings + WHOLE) - WHOLE;
    let k = if nearest < doublings { nearest + 1.0 } else { nearest };
    let bits = (k + WHOLE).to_bits().wrapping_sub(WHOLE.to_bits());
    let (hi, lo) = (x - k * LN_2[0], k * LN_2[1]);
    let r = hi - lo;
    let square = r * r;
    let c = r - square * (P[0] + square * P[1]);
    let power = 1.0 + (r * c / (2.0 - c) - lo + hi);
    // In two steps, of which the first is exact: the result may be subnormal.
    let scaled = power * f32::from_bits(bits.wrapping_add(64 + 127) << 23) * f32::from_bits((127 - 64) << 23);
    let scaled = if size > TINY { scaled } else { 1.0 + x };
    if x <= LEAST { 0.0 } else { scaled }
}

/// The natural logarithm of `1 + x`; `x` is from 0 to 1, or NaN.
#[inline(always)]
pub(super) fn log_1p(x: f32) -> f32 {
    debug_assert!((0.0..=1.0).contains(&x) || x.is_nan());
    const SQRT_2: f32 = f32::from_bits(0x3ed4_13d0);
    const TINY: f32 = f32::from_bits(0x3380_0000);
    const LN_2: [f32; 2] = [f32::from_bits(0x3f31_7180), f32::from_bits(0x3717_f7d1)];
    const L: [f32; 4] = [
        0xaa_aaaa as f32 / 16_777_216.0,
        0xcc_ce13 as f32 / 33_554_432.0,
        0x91_e9ee as f32 / 33_554_432.0,
        0xf8_9e26 as f32 / 67_108_864.0,
    ];
    let near = x < SQRT_2;
    let sum = 1.0 + x;
    let bits = sum.to_bits().wrapping_add(0x3f80_0000 - 0x3f35_04f3);
    let halvings = if bits >= 0x4000_0000 { 1.0 } else { 0.0 };
    let halved = f32::from_bits((bits & 0x007f_ffff) + 0x3f35_04f3) - 1.0;
    let lost = (x - (sum - 1.0)) / sum;
    let (k, c, f) = (if near { 0.0 } else { halvings }, if near { 0.0 } else { lost }, if near { x } else { halved });
    let s = f / (2.0 + f);
    let z = s * s;
    let w = z * z;
    let r = z * (L[0] + w * L[2]) + w * (L[1] + w * L[3]);
    let half_square = 0.5 * f * f;
    let log = s * (half_square + r) + (k * LN_2[1] + c) - half_square + f + k * LN_2[0];
    if x < TINY { x } else { log }
}
