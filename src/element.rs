//! The element types, a list of its own: what a value is, what it is summed in, and what
//! divides a sum. How many of them fit a register is said in `lanes`.

use crate::dispatch::{FloatKernels, Kernels};
use crate::round::{Finish, Ratio, divide_wide};
use bytemuck::Pod;
use core::fmt::Debug;
use core::ops::{Div, Mul};
#[cfg(feature = "half")]
use half::{bf16, f16};

/// A type that can be pooled. Sealed: the kernels know exactly these types.
///
/// | type | sums in | mean |
/// |---|---|---|
/// | `f32`, `f64` | itself | correctly rounded quotient of sum and count |
/// | `f16`, `bf16` (feature `half`) | `f32` | the same in `f32`, then rounded to the type, to nearest even |
/// | `i8`, `u8` | `i32`; from 2^24 or 2^23 taps on `i64` | exact quotient, rounded as [`Rounding`](crate::Rounding) says |
/// | `i16` | `i32`; from 2^16 taps on `i64` | the same |
pub trait Element: Kernels + Pod + PartialOrd + Debug + Send + Sync {
    /// The type of a sum.
    type Sum: Pod + PartialEq + Debug;
    /// The type of a sum of few elements, which may be narrower.
    #[doc(hidden)]
    type Few: Pod + Debug;
    /// What a sum is divided by, prepared once per window.
    type Divisor: Copy + Debug + Default;
    /// No value compares less.
    const LOWEST: Self;
    /// No value compares greater.
    const HIGHEST: Self;
    /// What a sum starts from: added to anything, it changes no bit.
    #[doc(hidden)]
    const NO_SUM: Self::Sum;
    /// What a sum of few starts from.
    #[doc(hidden)]
    const NO_FEW: Self::Few;
    /// Whether there are values that are no numbers.
    #[doc(hidden)]
    const HAS_NAN: bool;
    /// Taps whose sum always fits `Sum`.
    #[doc(hidden)]
    const MOST_TAPS: usize;
    /// Taps whose sum always fits `Few`; of floats, those that are added before their sum enters a total.
    #[doc(hidden)]
    const FEW: usize;
    /// The least and the greatest code, if values are codes.
    #[doc(hidden)]
    const CODES: Option<(i32, i32)> = None;

    /// A number of taps as a sum.
    #[doc(hidden)]
    fn count(n: isize) -> Self::Sum;
    /// The nearest value.
    #[doc(hidden)]
    fn nearest(x: f64) -> Self;

    /// The divisor for a mean over `count`, which is never zero, of `real` taps.
    #[doc(hidden)]
    fn divisor(finish: &Finish, count: isize, real: isize) -> Self::Divisor;
    /// The mean of `taps`, `real` in number, by sums that cannot overflow.
    #[doc(hidden)]
    fn wide_mean(finish: &Finish, taps: impl Iterator<Item = Self>, count: isize, real: isize) -> Self;
}

/// Elements with fractions, infinities and NaN: `f32`, `f64`, `f16`, `bf16`.
pub trait Float: FloatKernels + Element<Sum: Real, Divisor = <Self as Element>::Sum> {
    /// The same value.
    #[doc(hidden)]
    fn widen(self) -> f64;
    /// The nearest value.
    #[doc(hidden)]
    fn narrow(x: f64) -> Self;
}

/// Elements whose sums are exact: `i8`, `u8`, `i16`.
pub trait Integer: Element<Sum = i32, Divisor = Ratio> + Saturate {}

/// From and to the integers that sums are in.
#[doc(hidden)]
pub trait Saturate: Sized {
    /// The nearest value.
    fn saturate(x: i32) -> Self;
    /// The same value.
    fn widen(self) -> i32;
}

/// What floats are summed and raised to powers in.
#[doc(hidden)]
pub trait Real: Pod + PartialOrd + Debug + Mul<Output = Self> + Div<Output = Self> {
    const ONE: Self;
    fn abs(self) -> Self;
    fn sqrt(self) -> Self;
    fn to_f64(self) -> f64;
    fn from_f64(x: f64) -> Self;
}

macro_rules! real {
    ($($T:ident: $sqrt:ident),*) => {$(
        impl Real for $T {
            const ONE: Self = 1.0;

            #[inline(always)]
            fn abs(self) -> Self {
                $T::from_bits(self.to_bits() << 1 >> 1)
            }

            #[inline(always)]
            fn sqrt(self) -> Self {
                libm::$sqrt(self)
            }

            #[inline(always)]
            fn to_f64(self) -> f64 {
                self as f64
            }

            #[inline(always)]
            fn from_f64(x: f64) -> Self {
                x as $T
            }
        }
    )*};
}
real!(f32: sqrtf, f64: sqrt);

macro_rules! float {
    ($($T:ident, sums in $Sum:ident, $widen:expr, $narrow:expr;)*) => {$(
        impl Element for $T {
            type Sum = $Sum;
            type Few = $Sum;
            type Divisor = $Sum;
            const LOWEST: $T = $T::NEG_INFINITY;
            const HIGHEST: $T = $T::INFINITY;
            const NO_SUM: $Sum = -0.0;
            const NO_FEW: $Sum = -0.0;
            const HAS_NAN: bool = true;
            const MOST_TAPS: usize = usize::MAX;
            const FEW: usize = 8;

            #[inline(always)]
            fn count(n: isize) -> $Sum {
                n as $Sum
            }

            #[inline(always)]
            fn nearest(x: f64) -> $T {
                Float::narrow(x)
            }

            #[inline(always)]
            fn divisor(_: &Finish, count: isize, _: isize) -> $Sum {
                count as $Sum
            }

            // Not reached: as many taps as there can be have a sum.
            fn wide_mean(_: &Finish, _: impl Iterator<Item = $T>, _: isize, _: isize) -> $T {
                $T::NAN
            }
        }

        impl Float for $T {
            fn widen(self) -> f64 {
                $widen(self)
            }

            #[inline]
            fn narrow(x: f64) -> $T {
                $narrow(x)
            }
        }
    )*};
}
float! {
    f32, sums in f32, f64::from, |x| x as f32;
    f64, sums in f64, |x| x, |x| x;
}
#[cfg(feature = "half")]
float! {
    f16, sums in f32, f16::to_f64, f16::from_f64;
    bf16, sums in f32, bf16::to_f64, bf16::from_f64;
}

macro_rules! integer {
    ($($T:ident, $bits:literal, $most:literal few in $Few:ty;)*) => {$(
        impl Element for $T {
            type Sum = i32;
            type Few = $Few;
            type Divisor = Ratio;
            const LOWEST: $T = $T::MIN;
            const HIGHEST: $T = $T::MAX;
            const NO_SUM: i32 = 0;
            const NO_FEW: $Few = 0;
            const HAS_NAN: bool = false;
            const MOST_TAPS: usize = (1 << (31 - $bits)) - 1;
            const FEW: usize = $most;
            const CODES: Option<(i32, i32)> = Some(($T::MIN as i32, $T::MAX as i32));

            #[inline(always)]
            fn count(n: isize) -> i32 {
                n as i32
            }

            #[inline(always)]
            fn nearest(x: f64) -> $T {
                x as $T
            }

            #[inline(always)]
            fn divisor(finish: &Finish, count: isize, real: isize) -> Ratio {
                Ratio::new(finish, count, real, $bits)
            }

            fn wide_mean(finish: &Finish, taps: impl Iterator<Item = $T>, count: isize, real: isize) -> $T {
                $T::saturate(divide_wide(finish, taps.map(i64::from).sum(), count, real))
            }
        }

        impl Saturate for $T {
            #[inline(always)]
            fn saturate(x: i32) -> $T {
                x.clamp(i32::from($T::MIN), i32::from($T::MAX)) as $T
            }

            fn widen(self) -> i32 {
                i32::from(self)
            }
        }

        impl Integer for $T {}
    )*};
}
// The bits that the size of a value takes, its sign aside.
integer! {
    i8, 7, 256 few in i16;
    u8, 8, 256 few in u16;
    i16, 15, 65_528 few in i32;
}
