//! 16-bit floats on the lanes of `f32`: every processor computes with them as `f32`, so a backend
//! only says how they come and go. Widening is exact; narrowing rounds to nearest even.

use super::{Block, Lanes, Register};
use crate::element::Element;
use bytemuck::Zeroable;
use core::marker::PhantomData;
use half::{bf16, f16};

type F32<L> = <L as Lanes<f32>>::V;

/// How a vector of `H` becomes one of `f32` and back.
pub trait Convert<H: Element>: Lanes<f32> {
    /// As many as a vector of `f32` has.
    type Array: Block<H>;
    /// From memory.
    fn widen(self, from: &Self::Array) -> F32<Self>;
    /// To memory.
    fn narrow(self, v: F32<Self>, to: &mut Self::Array);
}

/// A vector of `H`, held as `f32`.
#[derive(Clone, Copy)]
pub struct Widened<L: Lanes<f32>, H>(F32<L>, PhantomData<H>);

impl<L: Convert<H>, H: Element> Register<L> for Widened<L, H> {
    type Item = H;
    type Array = <L as Convert<H>>::Array;

    #[inline(always)]
    fn load(lanes: L, from: &Self::Array) -> Self {
        Self(Convert::<H>::widen(lanes, from), PhantomData)
    }

    #[inline(always)]
    fn store(self, lanes: L, to: &mut Self::Array) {
        Convert::<H>::narrow(lanes, self.0, to);
    }

    #[inline(always)]
    fn unzip(lanes: L, a: Self, b: Self) -> (Self, Self) {
        let (even, odd) = F32::<L>::unzip(lanes, a.0, b.0);
        (Self(even, PhantomData), Self(odd, PhantomData))
    }

    #[inline(always)]
    fn splat(lanes: L, x: H) -> Self {
        let mut array = Self::Array::zeroed();
        array.as_mut().fill(x);
        Self::load(lanes, &array)
    }
}

macro_rules! lanes {
    ($($H:ident),*) => {$(
        impl<L: Convert<$H>> Lanes<$H> for L {
            const N: usize = <L as Lanes<f32>>::N;
            type V = Widened<L, $H>;
            type Sum = <L as Lanes<f32>>::Sum;
            type Index = <L as Lanes<f32>>::Index;

            #[inline(always)]
            fn maximum(self, a: Self::V, b: Self::V) -> Self::V {
                Widened(Lanes::<f32>::maximum(self, a.0, b.0), PhantomData)
            }

            #[inline(always)]
            fn maximum_number(self, a: Self::V, b: Self::V) -> Self::V {
                Widened(Lanes::<f32>::maximum_number(self, a.0, b.0), PhantomData)
            }

            #[inline(always)]
            fn clamp(self, v: Self::V, low: Self::V, high: Self::V) -> Self::V {
                Widened(Lanes::<f32>::clamp(self, v.0, low.0, high.0), PhantomData)
            }

            #[inline(always)]
            fn widen(self, v: Self::V) -> Self::Sum {
                Lanes::<f32>::widen(self, v.0)
            }

            #[inline(always)]
            fn add(self, a: Self::Sum, b: Self::Sum) -> Self::Sum {
                Lanes::<f32>::add(self, a, b)
            }

            #[inline(always)]
            fn mul(self, a: Self::Sum, b: Self::Sum) -> Self::Sum {
                Lanes::<f32>::mul(self, a, b)
            }

            #[inline(always)]
            fn mean(self, sum: Self::Sum, by: f32) -> Self::V {
                Widened(Lanes::<f32>::mean(self, sum, by), PhantomData)
            }

            #[inline(always)]
            fn pick<const IGNORE_NAN: bool>(
                self,
                (a, ai): (Self::V, Self::Index),
                (b, bi): (Self::V, Self::Index),
            ) -> (Self::V, Self::Index) {
                let (v, i) = Lanes::<f32>::pick::<IGNORE_NAN>(self, (a.0, ai), (b.0, bi));
                (Widened(v, PhantomData), i)
            }
        }
    )*};
}
lanes!(f16, bf16);

/// The widening of a backend that converts one by one.
macro_rules! one_by_one {
    ($L:ty, $n:literal, |$a:ident| $to_array:expr, |$v:ident| $from_array:expr) => {
        $crate::lanes::half::one_by_one!(@ $L, $n, |$a| $to_array, |$v| $from_array, half::f16, half::bf16);
    };
    (@ $L:ty, $n:literal, |$a:ident| $to_array:expr, |$v:ident| $from_array:expr, $($H:ty),*) => {$(
        impl Convert<$H> for $L {
            type Array = [$H; $n];

            #[inline(always)]
            fn widen(self, from: &[$H; $n]) -> <Self as Lanes<f32>>::V {
                let $a: [f32; $n] = from.map(<$H>::to_f32);
                $to_array
            }

            #[inline(always)]
            fn narrow(self, $v: <Self as Lanes<f32>>::V, to: &mut [$H; $n]) {
                let array: [f32; $n] = $from_array;
                *to = array.map(<$H>::from_f32);
            }
        }
    )*};
}
pub(super) use one_by_one;

/// `f16` bits as `f32`, without a branch, so that loops over arrays become vectors.
#[inline(always)]
pub(super) fn f32_from_f16(half: u16) -> f32 {
    let magnitude = u32::from(half & 0x7fff) << 13;
    // Exponents differ by 112; the product is exact, for subnormals too.
    let scaled = (f32::from_bits(magnitude) * f32::from_bits((127 + 112) << 23)).to_bits();
    let infinite = if magnitude >= 0x7c00 << 13 { 0xff << 23 } else { 0 };
    f32::from_bits(scaled | infinite | (u32::from(half & 0x8000) << 16))
}

/// The nearest `f16`, ties to even, without a branch.
#[inline(always)]
pub(super) fn f16_from_f32(x: f32) -> u16 {
    let sign = (x.to_bits() >> 16) & 0x8000;
    let magnitude = x.to_bits() & 0x7fff_ffff;
    let normal = (magnitude + ((magnitude >> 13) & 1)).wrapping_sub((112 << 23) - 0xfff) >> 13;
    // Added to a half, the last bit of a subnormal `f16` is the last bit of the sum.
    let subnormal = (f32::from_bits(magnitude) + 0.5).to_bits().wrapping_sub(0.5f32.to_bits());
    let finite = if magnitude < 113 << 23 { subnormal } else { normal };
    let overflows = magnitude >= (127 + 16) << 23;
    let nan = magnitude > 0xff << 23;
    let rest = if nan { 0x7e00 } else { 0x7c00 };
    ((if overflows { rest } else { finite }) | sign) as u16
}

/// `bf16` bits as `f32`.
#[inline(always)]
pub(super) fn f32_from_bf16(half: u16) -> f32 {
    f32::from_bits(u32::from(half) << 16)
}

/// The nearest `bf16`, ties to even, without a branch.
#[inline(always)]
pub(super) fn bf16_from_f32(x: f32) -> u16 {
    let bits = x.to_bits();
    let rounded = bits.wrapping_add(0x7fff + ((bits >> 16) & 1));
    let nan = bits & 0x7fff_ffff > 0xff << 23;
    ((if nan { bits | 1 << 22 } else { rounded }) >> 16) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every `f16` and `bf16`, and around each boundary between two of them, against `half`.
    #[test]
    fn conversions_are_those_of_half() {
        for bits in 0..=u16::MAX {
            let (a, b) = (f16::from_bits(bits), bf16::from_bits(bits));
            for (ours, theirs) in [(f32_from_f16(bits), a.to_f32()), (f32_from_bf16(bits), b.to_f32())] {
                assert!(ours.to_bits() == theirs.to_bits() || (ours.is_nan() && theirs.is_nan()), "{bits:#x}");
                for step in [-0x1001, -0x1000, -0xfff, -1, 0, 1, 0xfff, 0x1000, 0x1001, 0x7fff, 0x8000, 0x8001] {
                    let x = f32::from_bits(theirs.to_bits().wrapping_add_signed(step));
                    let (h, b) = (f16::from_bits(f16_from_f32(x)), bf16::from_bits(bf16_from_f32(x)));
                    assert!(h == f16::from_f32(x) || (h.is_nan() && x.is_nan()), "{x:e} {h}");
                    assert!(b == bf16::from_f32(x) || (b.is_nan() && x.is_nan()), "{x:e} {b}");
                }
            }
        }
    }
}
