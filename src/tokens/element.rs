//! What tokens are made of. Everything is computed in `f32`; a type says how it becomes that.

use super::steps::{Add, AddAndGreatest, AddPower, AddRescaled, AddWeighted, Copied, Greatest, LogAddExp, Moments};
use super::{Tokens, similar};
use crate::dispatch::{Attend, Enter, Similar};
use crate::lanes::{Read, Register};
use bytemuck::Pod;

/// A type of token elements: `f32`; `f16` and `bf16` (feature `half`); `i8` and `u8`, which are codes of a
/// [`Quantization`](crate::Quantization). Sealed.
///
/// Each element is widened to `f32` before anything else; codes become `scale * (code - zero_point)`, with the
/// product rounded once.
pub trait TokenElement:
    Pod
    + Default
    + Attend
    + Similar
    + Enter<Copied>
    + Enter<Add>
    + Enter<AddWeighted>
    + Enter<AddRescaled>
    + Enter<Greatest<false>>
    + Enter<Greatest<true>>
    + Enter<AddAndGreatest>
    + Enter<Moments<false>>
    + Enter<Moments<true>>
    + Enter<AddPower>
    + Enter<LogAddExp>
    + sealed::Sealed
{
    /// What it takes to read a code: its scale, and its zero point; nothing for floats.
    #[doc(hidden)]
    type Code: Copy + Default;
    /// The least and the greatest code, if values are codes.
    #[doc(hidden)]
    const CODES: Option<(i32, i32)>;

    /// Codes with this scale and zero point.
    #[doc(hidden)]
    fn code(scale: f32, zero_point: i32) -> Self::Code;
    /// What elements stand for.
    #[doc(hidden)]
    fn dequantize<L: Read<Self>>(lanes: L, from: &L::From, code: Self::Code) -> L::F;
    /// The dot products of two rows of a matrix with two of another.
    #[doc(hidden)]
    fn dots<L: Read<Self>>(lanes: L, of: [&Tokens<'_, Self>; 2], rows: [[usize; 2]; 2]) -> [[f32; 2]; 2];
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! floats {
    ($($T:ty),*) => {$(
        impl sealed::Sealed for $T {}

        impl TokenElement for $T {
            type Code = ();
            const CODES: Option<(i32, i32)> = None;

            #[inline(always)]
            fn code(_: f32, _: i32) {}

            #[inline(always)]
            fn dequantize<L: Read<$T>>(lanes: L, from: &L::From, (): ()) -> L::F {
                lanes.read(from)
            }

            #[inline(always)]
            fn dots<L: Read<$T>>(lanes: L, of: [&Tokens<'_, $T>; 2], rows: [[usize; 2]; 2]) -> [[f32; 2]; 2] {
                similar::dots(lanes, of, rows)
            }
        }
    )*};
}
floats!(f32);
#[cfg(feature = "half")]
floats!(half::f16, half::bf16);

macro_rules! codes {
    ($($T:ty),*) => {$(
        impl sealed::Sealed for $T {}

        impl TokenElement for $T {
            type Code = (f32, i32);
            const CODES: Option<(i32, i32)> = Some((<$T>::MIN as i32, <$T>::MAX as i32));

            #[inline(always)]
            fn code(scale: f32, zero_point: i32) -> (f32, i32) {
                (scale, zero_point)
            }

            #[inline(always)]
            fn dequantize<L: Read<$T>>(lanes: L, from: &L::From, (scale, zero_point): (f32, i32)) -> L::F {
                lanes.mul(lanes.read_less(from, zero_point), L::F::splat(lanes, scale))
            }

            #[inline(always)]
            fn dots<L: Read<$T>>(lanes: L, of: [&Tokens<'_, $T>; 2], rows: [[usize; 2]; 2]) -> [[f32; 2]; 2] {
                similar::dots_of_codes(lanes, of, rows)
            }
        }
    )*};
}
codes!(i8, u8);
