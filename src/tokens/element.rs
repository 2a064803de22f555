//! What tokens are made of. Everything is computed in `f32`; a type says how it becomes that.

use crate::dispatch::Readable;
use crate::lanes::{Floats, Register};

/// A type of token elements: `f32`; `f16` and `bf16` (feature `half`); `i8` and `u8`, which are codes of a
/// [`Quantization`](crate::Quantization). Sealed.
///
/// Each element is widened to `f32` before anything else; codes become `scale * (code - zero_point)`, with the
/// product rounded once.
pub trait TokenElement: Readable + Default + sealed::Sealed {
    /// What it takes to read a code: its scale, and its zero point; nothing for floats.
    #[doc(hidden)]
    type Code: Copy + Default;
    /// The least and the greatest code, if values are codes.
    #[doc(hidden)]
    const CODES: Option<(i32, i32)>;

    /// Codes with this scale and zero point.
    #[doc(hidden)]
    fn code(scale: f32, zero_point: f32) -> Self::Code;
    /// What elements of this value stand for.
    #[doc(hidden)]
    fn dequantize<L: Floats>(lanes: L, v: L::F, code: Self::Code) -> L::F;
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
            fn code(_: f32, _: f32) {}

            #[inline(always)]
            fn dequantize<L: Floats>(_: L, v: L::F, (): ()) -> L::F {
                v
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
            type Code = [f32; 2];
            const CODES: Option<(i32, i32)> = Some((<$T>::MIN as i32, <$T>::MAX as i32));

            #[inline(always)]
            fn code(scale: f32, zero_point: f32) -> [f32; 2] {
                [scale, -zero_point]
            }

            #[inline(always)]
            fn dequantize<L: Floats>(lanes: L, v: L::F, [scale, offset]: [f32; 2]) -> L::F {
                // The sum is exact: both are small integers.
                lanes.mul(lanes.add(v, L::F::splat(lanes, offset)), L::F::splat(lanes, scale))
            }
        }
    )*};
}
codes!(i8, u8);
