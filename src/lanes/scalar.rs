//! One element at a time, for borders, tails, and targets without vectors.

use super::{Indices, Instructions, Lanes, PORTABLE_IS_SIMD, Register, few_like_many, plain_instructions};
use crate::element::Saturate;
use crate::round::Ratio;

/// Lanes of one element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Scalar;

/// Channels side by side, where nothing else works on several.
const TILE: usize = if PORTABLE_IS_SIMD { 1 } else { 4 };

plain_instructions!(Scalar);

macro_rules! register {
    ($($T:ty),*) => {$(
        impl Register<Scalar> for $T {
            type Item = $T;
            type Array = [$T; 1];

            #[inline(always)]
            fn load(_: Scalar, from: &[$T; 1]) -> $T {
                from[0]
            }

            #[inline(always)]
            fn store(self, _: Scalar, to: &mut [$T; 1]) {
                *to = [self];
            }

            #[inline(always)]
            fn unzip(_: Scalar, a: $T, b: $T) -> ($T, $T) {
                (a, b)
            }

            #[inline(always)]
            fn splat(_: Scalar, x: $T) -> $T {
                x
            }
        }
    )*};
}
register!(f32, f64, i8, u8, i16, u16, i32);

/// What floats and integers say in the same words.
macro_rules! clamp {
    ($T:ty) => {
        #[inline(always)]
        fn clamp(self, v: $T, low: $T, high: $T) -> $T {
            let v = if v < low { low } else { v };
            if v > high { high } else { v }
        }
    };
}

macro_rules! float {
    ($($T:ty),*) => {$(
        impl Lanes<$T> for Scalar {
            const N: usize = 1;
            const TILE: usize = TILE;
            type V = $T;
            type Sum = $T;
            type Index = Indices<1>;

            few_like_many!($T);

            #[inline(always)]
            fn maximum(self, a: $T, b: $T) -> $T {
                if a > b || a.is_nan() { a } else { b }
            }

            clamp!($T);

            #[inline(always)]
            fn widen(self, v: $T) -> $T {
                v
            }

            #[inline(always)]
            fn add(self, a: $T, b: $T) -> $T {
                a + b
            }

            #[inline(always)]
            fn mul(self, a: $T, b: $T) -> $T {
                a * b
            }

            type By = $T;

            #[inline(always)]
            fn by(self, divisor: $T) -> $T {
                divisor
            }

            #[inline(always)]
            fn by_each(self, counts: &[$T; 1]) -> Option<$T> {
                Some(counts[0])
            }

            #[inline(always)]
            fn mean(self, sum: $T, by: &$T) -> $T {
                sum / *by
            }

            #[inline(always)]
            fn add_exactly(self, a: $T, b: $T) -> ($T, $T) {
                let sum = a + b;
                let of_b = sum - a;
                (sum, (a - (sum - of_b)) + (b - of_b))
            }
        }
    )*};
}
float!(f32, f64);

macro_rules! integer {
    ($($T:ty, few in $Few:ty;)*) => {$(
        impl Lanes<$T> for Scalar {
            const N: usize = 1;
            const TILE: usize = TILE;
            type V = $T;
            type Sum = i32;
            type Few = $Few;
            type Index = Indices<1>;

            #[inline(always)]
            fn widen_few(self, v: $T) -> Self::Few {
                v.into()
            }

            #[inline(always)]
            fn add_few(self, a: Self::Few, b: Self::Few) -> Self::Few {
                a.wrapping_add(b)
            }

            #[inline(always)]
            fn many(self, few: Self::Few) -> Self::Sum {
                few.into()
            }

            #[inline(always)]
            fn maximum(self, a: $T, b: $T) -> $T {
                a.max(b)
            }

            clamp!($T);

            #[inline(always)]
            fn widen(self, v: $T) -> i32 {
                i32::from(v)
            }

            // Never wraps: windows with more taps than a sum can hold go another way.
            #[inline(always)]
            fn add(self, a: i32, b: i32) -> i32 {
                a.wrapping_add(b)
            }

            #[inline(always)]
            fn mul(self, a: i32, b: i32) -> i32 {
                a.wrapping_mul(b)
            }

            type By = Ratio;

            #[inline(always)]
            fn by(self, divisor: Ratio) -> Ratio {
                divisor
            }

            #[inline(always)]
            fn mean(self, sum: i32, by: &Ratio) -> $T {
                <$T>::saturate(by.divide(sum))
            }

            #[inline(always)]
            fn add_exactly(self, a: i32, b: i32) -> (i32, i32) {
                (a.wrapping_add(b), 0)
            }
        }
    )*};
}
integer! {
    i8, few in i16;
    u8, few in u16;
    i16, few in i32;
}

#[cfg(feature = "half")]
use super::half::{Convert, one_by_one};
#[cfg(feature = "half")]
one_by_one!(Scalar, 1, |a| a[0], |v| [v]);
