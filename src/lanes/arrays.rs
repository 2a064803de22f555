//! Portable lanes where `wide` has no instructions: arrays and plain loops, which the compiler
//! may vectorise (Helium, 32-bit NEON).

use super::{Indices, Instructions, Lanes, Register, Scalar, plain_instructions};
use crate::round::Ratio;

/// Whether these lanes are faster than one element at a time.
pub(crate) const PORTABLE_IS_SIMD: bool = false;

/// Lanes of 128 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Portable;

plain_instructions!(Portable);

/// The best lanes that are known when compiling.
pub(crate) type Native = Scalar;
/// The value of [`Native`].
pub(crate) const NATIVE: Native = Scalar;
/// What the run-time front uses: as no shape is a constant, arrays have fewer instructions than one element at a time.
pub(crate) const BEST: Portable = Portable;

macro_rules! register {
    ($($T:ty, $n:literal;)*) => {$(
        impl Register<Portable> for [$T; $n] {
            type Item = $T;
            type Array = [$T; $n];

            #[inline(always)]
            fn load(_: Portable, from: &[$T; $n]) -> Self {
                *from
            }

            #[inline(always)]
            fn store(self, _: Portable, to: &mut [$T; $n]) {
                *to = self;
            }

            #[inline(always)]
            fn unzip(_: Portable, a: Self, b: Self) -> (Self, Self) {
                let at = |i: usize| if i < $n { a[i] } else { b[i - $n] };
                (core::array::from_fn(|i| at(2 * i)), core::array::from_fn(|i| at(2 * i + 1)))
            }

            #[inline(always)]
            fn splat(_: Portable, x: $T) -> Self {
                [x; $n]
            }
        }
    )*};
}
register! {
    f32, 4;
    f64, 2;
    i8, 16;
    u8, 16;
    i16, 8;
    i32, 16;
    i32, 8;
    i16, 16;
    u16, 16;
}

/// Applies `f` pair by pair.
#[inline(always)]
fn zip<T: Copy, const N: usize>(a: [T; N], b: [T; N], f: impl Fn(T, T) -> T) -> [T; N] {
    core::array::from_fn(|i| f(a[i], b[i]))
}

/// Every operation is [`Scalar`]'s, element by element.
macro_rules! lanes {
    ($($T:ty, sums in $Sum:ty, few in $Few:ty, over $Divisor:ty as $By:ty, $by:expr, $by_each:expr, $lane:expr, $n:literal;)*) => {$(
        impl Lanes<$T> for Portable {
            const N: usize = $n;
            type V = [$T; $n];
            type Sum = [$Sum; $n];
            type Few = [$Few; $n];
            type Index = Indices<$n>;

            #[inline(always)]
            fn widen_few(self, v: [$T; $n]) -> Self::Few {
                v.map(|v| Lanes::<$T>::widen_few(Scalar, v))
            }

            #[inline(always)]
            fn add_few(self, a: Self::Few, b: Self::Few) -> Self::Few {
                zip(a, b, |a, b| Lanes::<$T>::add_few(Scalar, a, b))
            }

            #[inline(always)]
            fn many(self, few: Self::Few) -> Self::Sum {
                few.map(|few| Lanes::<$T>::many(Scalar, few))
            }

            #[inline(always)]
            fn maximum(self, a: [$T; $n], b: [$T; $n]) -> [$T; $n] {
                zip(a, b, |a, b| Lanes::<$T>::maximum(Scalar, a, b))
            }

            #[inline(always)]
            fn clamp(self, v: [$T; $n], low: [$T; $n], high: [$T; $n]) -> [$T; $n] {
                core::array::from_fn(|i| Lanes::<$T>::clamp(Scalar, v[i], low[i], high[i]))
            }

            #[inline(always)]
            fn widen(self, v: [$T; $n]) -> [$Sum; $n] {
                v.map(|v| Lanes::<$T>::widen(Scalar, v))
            }

            #[inline(always)]
            fn add(self, a: [$Sum; $n], b: [$Sum; $n]) -> [$Sum; $n] {
                zip(a, b, |a, b| Lanes::<$T>::add(Scalar, a, b))
            }

            #[inline(always)]
            fn mul(self, a: [$Sum; $n], b: [$Sum; $n]) -> [$Sum; $n] {
                zip(a, b, |a, b| Lanes::<$T>::mul(Scalar, a, b))
            }

            type By = $By;

            #[inline(always)]
            fn by(self, divisor: $Divisor) -> $By {
                ($by)(divisor)
            }

            #[inline(always)]
            fn by_each(self, counts: &[$Sum; $n]) -> Option<$By> {
                ($by_each)(counts)
            }

            #[inline(always)]
            fn mean(self, sum: [$Sum; $n], by: &$By) -> [$T; $n] {
                let by_lane: fn(&$By, usize) -> &$Divisor = $lane;
                core::array::from_fn(|i| Lanes::<$T>::mean(Scalar, sum[i], by_lane(by, i)))
            }

            #[inline(always)]
            fn add_exactly(self, a: Self::Sum, b: Self::Sum) -> (Self::Sum, Self::Sum) {
                let pairs: [($Sum, $Sum); $n] = core::array::from_fn(|i| Lanes::<$T>::add_exactly(Scalar, a[i], b[i]));
                (pairs.map(|pair| pair.0), pairs.map(|pair| pair.1))
            }
        }
    )*};
}
lanes! {
    f32, sums in f32, few in f32, over f32 as [f32; 4], |by| [by; 4], |by: &[f32; 4]| Some(*by), |by, i| &by[i], 4;
    f64, sums in f64, few in f64, over f64 as [f64; 2], |by| [by; 2], |by: &[f64; 2]| Some(*by), |by, i| &by[i], 2;
    i8, sums in i32, few in i16, over Ratio as Ratio, |by| by, |_| None, |by, _| by, 16;
    u8, sums in i32, few in u16, over Ratio as Ratio, |by| by, |_| None, |by, _| by, 16;
    i16, sums in i32, few in i32, over Ratio as Ratio, |by| by, |_| None, |by, _| by, 8;
}

#[cfg(feature = "half")]
use super::half::{Convert, one_by_one};
#[cfg(feature = "half")]
one_by_one!(Portable, 4, |a| a, |v| v);
