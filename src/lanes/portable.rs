//! What every processor of the compilation target has, through `wide`: SSE2, NEON, simd128.

#[cfg(feature = "half")]
use super::half::{self, Convert};
use super::{Indices, Lanes, Register, composite, quotients};
use crate::round::Ratio;
use wide::{f32x4, f64x2, i8x16, i16x8, i16x16, i32x4, i32x8, u8x16, u32x4};

/// Whether these lanes are faster than one element at a time.
pub(crate) const PORTABLE_IS_SIMD: bool = true;

/// Lanes of 128 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Portable;

/// The best lanes that are known when compiling.
#[cfg(not(all(target_arch = "x86_64", target_feature = "avx2", target_feature = "f16c")))]
pub(crate) type Native = Portable;
/// The value of [`Native`].
#[cfg(not(all(target_arch = "x86_64", target_feature = "avx2", target_feature = "f16c")))]
pub(crate) const NATIVE: Native = Portable;

macro_rules! register {
    ($($V:ident: [$T:ty; $n:literal];)*) => {$(
        impl Register<Portable> for $V {
            type Item = $T;
            type Array = [$T; $n];

            #[inline(always)]
            fn load(_: Portable, from: &[$T; $n]) -> $V {
                $V::new(*from)
            }

            #[inline(always)]
            fn store(self, _: Portable, to: &mut [$T; $n]) {
                *to = self.to_array();
            }

            #[inline(always)]
            fn unzip(_: Portable, a: $V, b: $V) -> ($V, $V) {
                let (a, b) = (a.to_array(), b.to_array());
                let at = |i: usize| if i < $n { a[i] } else { b[i - $n] };
                let even = core::array::from_fn(
                    #[inline(always)]
                    |i| at(2 * i),
                );
                let odd = core::array::from_fn(
                    #[inline(always)]
                    |i| at(2 * i + 1),
                );
                ($V::new(even), $V::new(odd))
            }

            #[inline(always)]
            fn splat(_: Portable, x: $T) -> $V {
                $V::splat(x)
            }
        }
    )*};
}
register! {
    f32x4: [f32; 4];
    f64x2: [f64; 2];
    i8x16: [i8; 16];
    u8x16: [u8; 16];
    i16x8: [i16; 8];
    i32x4: [i32; 4];
    u32x4: [u32; 4];
}
composite!(Portable, i32x4, 4, [i32; 16]);
composite!(Portable, i32x4, 2, [i32; 8]);

macro_rules! float {
    ($($V:ident: [$T:ty; $n:literal], indices $Index:ty { $($pick:tt)* })*) => {$(
        impl Lanes<$T> for Portable {
            const N: usize = $n;
            type V = $V;
            type Sum = $V;
            type Index = $Index;

            #[inline(always)]
            fn maximum(self, a: $V, b: $V) -> $V {
                // What `fast_max` gives for a NaN differs between targets; all bits set is a NaN.
                a.fast_max(b) | a.is_nan() | b.is_nan()
            }

            #[inline(always)]
            fn maximum_number(self, a: $V, b: $V) -> $V {
                (a.simd_gt(b) | b.is_nan()).select(a, b)
            }

            #[inline(always)]
            fn clamp(self, v: $V, low: $V, high: $V) -> $V {
                let v = v.simd_lt(low).select(low, v);
                v.simd_gt(high).select(high, v)
            }

            #[inline(always)]
            fn widen(self, v: $V) -> $V {
                v
            }

            #[inline(always)]
            fn add(self, a: $V, b: $V) -> $V {
                a + b
            }

            #[inline(always)]
            fn mul(self, a: $V, b: $V) -> $V {
                a * b
            }

            #[inline(always)]
            fn mean(self, sum: $V, by: $T) -> $V {
                sum / $V::splat(by)
            }

            $($pick)*
        }
    )*};
}
float! {
    f32x4: [f32; 4], indices u32x4 {
        #[inline(always)]
        fn pick<const IGNORE_NAN: bool>(self, (a, ai): (f32x4, u32x4), (b, bi): (f32x4, u32x4)) -> (f32x4, u32x4) {
            let later = b.simd_gt(a) | if IGNORE_NAN { a.is_nan() } else { b.is_nan() };
            let mask: u32x4 = bytemuck::must_cast(later);
            (later.select(b, a), mask.bitselect(bi, ai))
        }
    }
    f64x2: [f64; 2], indices Indices<2> {}
}

macro_rules! integer {
    ($($V:ident: [$T:ty; $n:literal], sums in $k:literal, |$v:ident| $widen:expr, |$q:ident| $narrow:expr;)*) => {$(
        impl Lanes<$T> for Portable {
            const N: usize = $n;
            type V = $V;
            type Sum = [i32x4; $k];
            type Index = Indices<$n>;

            #[inline(always)]
            fn maximum(self, a: $V, b: $V) -> $V {
                a.max(b)
            }

            #[inline(always)]
            fn maximum_number(self, a: $V, b: $V) -> $V {
                a.max(b)
            }

            #[inline(always)]
            fn clamp(self, v: $V, low: $V, high: $V) -> $V {
                v.max(low).min(high)
            }

            #[inline(always)]
            fn widen(self, $v: $V) -> [i32x4; $k] {
                bytemuck::must_cast($widen)
            }

            #[inline(always)]
            fn add(self, a: [i32x4; $k], b: [i32x4; $k]) -> [i32x4; $k] {
                core::array::from_fn(|i| a[i] + b[i])
            }

            #[inline(always)]
            fn mul(self, a: [i32x4; $k], b: [i32x4; $k]) -> [i32x4; $k] {
                core::array::from_fn(|i| a[i] * b[i])
            }

            #[inline(always)]
            fn mean(self, sum: [i32x4; $k], by: Ratio) -> $V {
                if by.small {
                    let $q: [i32x8; $k / 2] = bytemuck::must_cast(sum.map(
                        #[inline(always)]
                        |sum| small_quotient(sum, &by),
                    ));
                    return $narrow;
                }
                $V::new(quotients(bytemuck::must_cast(sum), &by))
            }
        }
    )*};
}
integer! {
    i8x16: [i8; 16], sums in 4,
        |v| { let v: [i8; 16] = v.to_array(); v.map(i32::from) },
        |q| i8x16::from_i16x16_saturate(pairs(q));
    u8x16: [u8; 16], sums in 4,
        |v| { let v: [u8; 16] = v.to_array(); v.map(i32::from) },
        |q| { let [low, high]: [i16x8; 2] = bytemuck::must_cast(pairs(q)); u8x16::narrow_i16x8(low, high) };
    i16x8: [i16; 8], sums in 2,
        |v| { let v: [i16; 8] = v.to_array(); v.map(i32::from) },
        |q| i16x8::from_i32x8_saturate(q[0]);
}

#[inline(always)]
fn pairs([low, high]: [i32x8; 2]) -> i16x16 {
    bytemuck::must_cast([i16x8::from_i32x8_saturate(low), i16x8::from_i32x8_saturate(high)])
}

/// What [`Ratio::apply`] does, in f32, where the ratio says that this is exact.
#[inline(always)]
fn small_quotient(sum: i32x4, by: &Ratio) -> i32x4 {
    /// As for f64: 1.5 * 2^23.
    const MAGIC: f32 = 12_582_912.0;
    let sum = sum.round_float();
    let sign = f32x4::splat(f32::from_bits((by.follows >> 32) as u32));
    let t = sum + (f32x4::splat(by.nudge as f32) ^ (sum & sign));
    let by_f32 = by.by as f32;
    let q = if by.divides() { t / f32x4::splat(by_f32) } else { t * f32x4::splat(1.0 / by_f32) };
    let bits: i32x4 = bytemuck::must_cast(q + f32x4::splat(MAGIC));
    bits - i32x4::splat(MAGIC.to_bits() as i32)
}

#[cfg(feature = "half")]
macro_rules! convert {
    ($($H:ident, $widen:ident, $narrow:ident;)*) => {$(
        impl Convert<::half::$H> for Portable {
            type Array = [::half::$H; 4];

            #[inline(always)]
            fn widen(self, from: &[::half::$H; 4]) -> f32x4 {
                f32x4::new(from.map(
                    #[inline(always)]
                    |half| half::$widen(half.to_bits()),
                ))
            }

            #[inline(always)]
            fn narrow(self, v: f32x4, to: &mut [::half::$H; 4]) {
                *to = v.to_array().map(
                    #[inline(always)]
                    |x| ::half::$H::from_bits(half::$narrow(x)),
                );
            }
        }
    )*};
}
#[cfg(feature = "half")]
convert! {
    f16, f32_from_f16, f16_from_f32;
    bf16, f32_from_bf16, bf16_from_f32;
}
