//! What every processor of the compilation target has, through `wide`: SSE2, NEON, simd128.

#[cfg(feature = "half")]
use super::half::Convert;
use super::{Indices, Instructions, Lanes, Register, array, composite, few_like_many, plain_instructions, quotients};
use crate::round::Ratio;
use wide::{f32x4, f64x2, i8x16, i16x8, i16x16, i32x4, i32x8, u8x16, u16x8, u32x4};

/// Whether these lanes are faster than one element at a time.
pub(crate) const PORTABLE_IS_SIMD: bool = true;

/// Where there is mostly something better, code that is small is better than fast.
const TILE: usize = if cfg!(target_arch = "x86_64") { 1 } else { 4 };

/// Lanes of 128 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Portable;

plain_instructions! {
    Portable,

    #[inline(always)]
    fn add_products(self, sums: [i32; 8], a: [i16; 16], b: [i16; 16]) -> [i32; 8] {
        let ([a, b], sums): ([[i16x8; 2]; 2], [i32x4; 2]) = (bytemuck::must_cast([a, b]), bytemuck::must_cast(sums));
        bytemuck::must_cast(array!(2, |i| sums[i] + a[i].dot(b[i])))
    }
}

/// The best lanes that are known when compiling.
#[cfg(not(all(target_arch = "x86_64", target_feature = "avx2", target_feature = "f16c")))]
pub(crate) type Native = Portable;
/// The value of [`Native`].
#[cfg(not(all(target_arch = "x86_64", target_feature = "avx2", target_feature = "f16c")))]
pub(crate) const NATIVE: Native = Portable;
/// What the run-time front uses.
#[cfg(not(all(target_arch = "x86_64", target_feature = "avx2", target_feature = "f16c")))]
pub(crate) const BEST: Native = NATIVE;

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
    u16x8: [u16; 8];
    i32x4: [i32; 4];
    u32x4: [u32; 4];
}
composite!(Portable, i32x4, 4, [i32; 16]);
composite!(Portable, i32x4, 2, [i32; 8]);
composite!(Portable, i16x8, 2, [i16; 16]);
composite!(Portable, u16x8, 2, [u16; 16]);

macro_rules! float {
    ($($V:ident: [$T:ty; $n:literal], indices $Index:ty;)*) => {$(
        impl Lanes<$T> for Portable {
            const N: usize = $n;
            const TILE: usize = TILE;
            type V = $V;
            type Sum = $V;
            type Index = $Index;

            few_like_many!($T);

            #[inline(always)]
            fn maximum(self, a: $V, b: $V) -> $V {
                // What `fast_max` gives for a NaN differs between targets; all bits set is a NaN.
                a.fast_max(b) | a.is_nan() | b.is_nan()
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

            type By = $V;

            #[inline(always)]
            fn by(self, divisor: $T) -> $V {
                $V::splat(divisor)
            }

            #[inline(always)]
            fn by_each(self, counts: &[$T; $n]) -> Option<$V> {
                Some($V::new(*counts))
            }

            #[inline(always)]
            fn mean(self, sum: $V, by: &$V) -> $V {
                sum / *by
            }

            #[inline(always)]
            fn add_exactly(self, a: $V, b: $V) -> ($V, $V) {
                let sum = a + b;
                let of_b = sum - a;
                (sum, (a - (sum - of_b)) + (b - of_b))
            }
        }
    )*};
}
float! {
    f32x4: [f32; 4], indices u32x4;
    f64x2: [f64; 2], indices Indices<2>;
}

/// Sums of up to `$most` taps in 16 bits.
macro_rules! few {
    ($V:ident, $Half:ident, [$T:ty; $n:literal], $widen:expr, $most:literal) => {
        type Few = [$Half; 2];
        const FEW: usize = $most;

        #[inline(always)]
        fn widen_few(self, v: $V) -> [$Half; 2] {
            bytemuck::must_cast($widen(v))
        }

        #[inline(always)]
        fn add_few(self, a: [$Half; 2], b: [$Half; 2]) -> [$Half; 2] {
            [a[0] + b[0], a[1] + b[1]]
        }

        #[inline(always)]
        fn many(self, few: [$Half; 2]) -> [i32x4; 4] {
            let few: [$T; $n] = bytemuck::must_cast(few);
            bytemuck::must_cast(few.map(i32::from))
        }
    };
}

macro_rules! integer {
    ($(
        $V:ident: [$T:ty; $n:literal], sums in $k:literal,
        |$v:ident| $widen:expr, |$q:ident| $narrow:expr, { $($few:tt)* }
    )*) => {$(
        impl Lanes<$T> for Portable {
            const N: usize = $n;
            const TILE: usize = TILE;
            type V = $V;
            type Sum = [i32x4; $k];
            type Index = Indices<$n>;

            #[inline(always)]
            fn maximum(self, a: $V, b: $V) -> $V {
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
                array!($k, |i| a[i] + b[i])
            }

            #[inline(always)]
            fn mul(self, a: [i32x4; $k], b: [i32x4; $k]) -> [i32x4; $k] {
                array!($k, |i| a[i] * b[i])
            }

            type By = Ratio;

            #[inline(always)]
            fn by(self, divisor: Ratio) -> Ratio {
                divisor
            }

            #[inline(always)]
            fn mean(self, sum: [i32x4; $k], by: &Ratio) -> $V {
                if by.small {
                    let $q: [i32x8; $k / 2] = bytemuck::must_cast(array!($k, |i| small_quotient(sum[i], by)));
                    return $narrow;
                }
                $V::new(quotients(bytemuck::must_cast(sum), by))
            }

            #[inline(always)]
            fn add_exactly(self, a: [i32x4; $k], b: [i32x4; $k]) -> ([i32x4; $k], [i32x4; $k]) {
                (Lanes::<$T>::add(self, a, b), [i32x4::splat(0); $k])
            }

            $($few)*
        }
    )*};
}
integer! {
    i8x16: [i8; 16], sums in 4,
        |v| { let v: [i8; 16] = v.to_array(); v.map(i32::from) },
        |q| i8x16::from_i16x16_saturate(pairs(q)),
        { few!(i8x16, i16x8, [i16; 16], i16x16::from_i8x16, 256); }
    u8x16: [u8; 16], sums in 4,
        |v| { let v: [u8; 16] = v.to_array(); v.map(i32::from) },
        |q| { let [low, high]: [i16x8; 2] = bytemuck::must_cast(pairs(q)); u8x16::narrow_i16x8(low, high) },
        { few!(u8x16, u16x8, [u16; 16], |v| [u16x8::from_u8x16_low(v), u16x8::from_u8x16_high(v)], 257); }
    i16x8: [i16; 8], sums in 2,
        |v| { let v: [i16; 8] = v.to_array(); v.map(i32::from) },
        |q| i16x8::from_i32x8_saturate(q[0]),
        { few_like_many!(i16); }
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
    let t = sum + (f32x4::splat(by.small_nudge) ^ (sum & sign));
    let small_by = f32x4::splat(by.small_by);
    let q = if by.divides() { t / small_by } else { t * small_by };
    let bits: i32x4 = bytemuck::must_cast(q + f32x4::splat(MAGIC));
    bits - i32x4::splat(MAGIC.to_bits() as i32)
}

#[cfg(feature = "half")]
macro_rules! convert {
    ($($H:ident, |$bits:ident| $widen:expr, |$x:ident| $narrow:expr;)*) => {$(
        impl Convert<half::$H> for Portable {
            type Array = [half::$H; 4];

            #[inline(always)]
            fn widen(self, from: &[half::$H; 4]) -> f32x4 {
                let bits: [u16; 4] = bytemuck::must_cast(*from);
                let $bits = u32x4::new(bits.map(u32::from));
                $widen
            }

            #[inline(always)]
            fn narrow(self, $x: f32x4, to: &mut [half::$H; 4]) {
                let bits: u32x4 = $narrow;
                *to = bytemuck::must_cast(bits.to_array().map(|bits| bits as u16));
            }
        }
    )*};
}
#[cfg(feature = "half")]
convert! {
    f16, |bits| widen_f16(bits), |x| narrow_f16(x);
    bf16, |bits| bytemuck::must_cast(bits << 16), |x| narrow_bf16(x);
}

/// `on` where the mask is set, else `off`.
#[cfg(feature = "half")]
#[inline(always)]
fn choose(mask: i32x4, on: u32x4, off: u32x4) -> u32x4 {
    let mask: u32x4 = bytemuck::must_cast(mask);
    (mask & on) | (off & !mask)
}

/// Whether `a > b`, both below 2^31.
#[cfg(feature = "half")]
#[inline(always)]
fn above(a: u32x4, b: u32) -> i32x4 {
    let (a, b): (i32x4, i32x4) = (bytemuck::must_cast(a), i32x4::splat(b as i32));
    a.simd_gt(b)
}

#[cfg(feature = "half")]
#[inline(always)]
fn widen_f16(bits: u32x4) -> f32x4 {
    let magnitude = (bits & u32x4::splat(0x7fff)) << 13;
    let sign = (bits & u32x4::splat(0x8000)) << 16;
    // Exponents differ by 112; the product is exact, for subnormals too.
    let scaled: f32x4 = bytemuck::must_cast(magnitude);
    let scaled: u32x4 = bytemuck::must_cast(scaled * f32x4::splat(f32::from_bits((127 + 112) << 23)));
    let infinite = choose(above(magnitude, (0x7c00 << 13) - 1), u32x4::splat(0xff << 23), u32x4::splat(0));
    bytemuck::must_cast(scaled | infinite | sign)
}

#[cfg(feature = "half")]
#[inline(always)]
fn narrow_f16(x: f32x4) -> u32x4 {
    let bits: u32x4 = bytemuck::must_cast(x);
    let (sign, magnitude) = ((bits >> 16) & u32x4::splat(0x8000), bits & u32x4::splat(0x7fff_ffff));
    let odd = (magnitude >> 13) & u32x4::splat(1);
    let normal = (magnitude + odd - u32x4::splat((112 << 23) - 0xfff)) >> 13;
    // Added to a half, the last bit of a subnormal `f16` is the last bit of the sum.
    let small: f32x4 = bytemuck::must_cast(magnitude);
    let small: u32x4 = bytemuck::must_cast(small + f32x4::splat(0.5));
    let subnormal = small - u32x4::splat(0.5f32.to_bits());
    let finite = choose(above(magnitude, (113 << 23) - 1), normal, subnormal);
    let infinite = choose(above(magnitude, 0xff << 23), u32x4::splat(0x7e00), u32x4::splat(0x7c00));
    choose(above(magnitude, (143 << 23) - 1), infinite, finite) | sign
}

#[cfg(feature = "half")]
#[inline(always)]
fn narrow_bf16(x: f32x4) -> u32x4 {
    let bits: u32x4 = bytemuck::must_cast(x);
    let rounded = bits + u32x4::splat(0x7fff) + ((bits >> 16) & u32x4::splat(1));
    let nan = above(bits & u32x4::splat(0x7fff_ffff), 0xff << 23);
    choose(nan, bits | u32x4::splat(1 << 22), rounded) >> 16
}
