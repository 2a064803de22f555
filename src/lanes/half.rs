//! 16-bit floats on the lanes of `f32`: every processor computes with them as `f32`, so a backend
//! only says how they come and go. Widening is exact; narrowing rounds to nearest even.

use super::{Block, Lanes, Register, few_like_many};
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
            const TILE: usize = <L as Lanes<f32>>::TILE;
            type V = Widened<L, $H>;
            type Sum = <L as Lanes<f32>>::Sum;
            type Index = <L as Lanes<f32>>::Index;

            few_like_many!($H);

            #[inline(always)]
            fn maximum(self, a: Self::V, b: Self::V) -> Self::V {
                Widened(Lanes::<f32>::maximum(self, a.0, b.0), PhantomData)
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

            type By = <L as Lanes<f32>>::By;

            #[inline(always)]
            fn by(self, divisor: f32) -> Self::By {
                Lanes::<f32>::by(self, divisor)
            }

            #[inline(always)]
            fn by_each(self, counts: &<Self::Sum as Register<L>>::Array) -> Option<Self::By> {
                Lanes::<f32>::by_each(self, counts)
            }

            #[inline(always)]
            fn mean(self, sum: Self::Sum, by: &Self::By) -> Self::V {
                Widened(Lanes::<f32>::mean(self, sum, by), PhantomData)
            }

            #[inline(always)]
            fn add_exactly(self, a: Self::Sum, b: Self::Sum) -> (Self::Sum, Self::Sum) {
                Lanes::<f32>::add_exactly(self, a, b)
            }

            #[inline(always)]
            fn pick<const ANY_ORDER: bool>(
                self,
                (a, ai): (Self::V, Self::Index),
                (b, bi): (Self::V, Self::Index),
            ) -> (Self::V, Self::Index) {
                let (v, i) = Lanes::<f32>::pick::<ANY_ORDER>(self, (a.0, ai), (b.0, bi));
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
                let $a: [f32; $n] = $crate::lanes::array!($n, |i| <$H>::to_f32(from[i]));
                $to_array
            }

            #[inline(always)]
            fn narrow(self, $v: <Self as Lanes<f32>>::V, to: &mut [$H; $n]) {
                let array: [f32; $n] = $from_array;
                *to = $crate::lanes::array!($n, |i| <$H>::from_f32(array[i]));
            }
        }
    )*};
}
pub(super) use one_by_one;

#[cfg(test)]
mod tests {
    use super::*;

    /// Every `f16` and `bf16`, and around each boundary between two of them, against the crate of that name.
    fn convert_as_half_does<L: Convert<f16> + Convert<bf16>>(lanes: L) {
        // What a vector does in its last lane.
        fn wide<H: Element, L: Convert<H>>(lanes: L, x: H) -> f32 {
            let mut array = <<L as Lanes<f32>>::V as Register<L>>::Array::zeroed();
            Widened::<L, H>::splat(lanes, x).0.store(lanes, &mut array);
            array.as_ref()[<L as Lanes<f32>>::N - 1]
        }
        fn narrow<H: Element, L: Convert<H>>(lanes: L, x: f32) -> H {
            let mut array = <L as Convert<H>>::Array::zeroed();
            Convert::<H>::narrow(lanes, F32::<L>::splat(lanes, x), &mut array);
            array.as_ref()[<L as Lanes<f32>>::N - 1]
        }
        for bits in 0..=u16::MAX {
            let (a, b) = (f16::from_bits(bits), bf16::from_bits(bits));
            for (ours, theirs) in [(wide(lanes, a), a.to_f32()), (wide(lanes, b), b.to_f32())] {
                assert!(ours.to_bits() == theirs.to_bits() || (ours.is_nan() && theirs.is_nan()), "{bits:#x}");
                for step in [-0x1001, -0x1000, -0xfff, -1, 0, 1, 0xfff, 0x1000, 0x1001, 0x7fff, 0x8000, 0x8001] {
                    let x = f32::from_bits(theirs.to_bits().wrapping_add_signed(step));
                    let (h, b): (f16, bf16) = (narrow(lanes, x), narrow(lanes, x));
                    assert!(h == f16::from_f32(x) || (h.is_nan() && x.is_nan()), "{x:e} {h}");
                    assert!(b == bf16::from_f32(x) || (b.is_nan() && x.is_nan()), "{x:e} {b}");
                }
            }
        }
    }

    #[test]
    fn conversions_are_those_of_half() {
        convert_as_half_does(crate::lanes::Portable);
        #[cfg(target_arch = "x86_64")]
        if let Some(lanes) = crate::lanes::Avx2::detect() {
            convert_as_half_does(lanes);
        }
        #[cfg(target_arch = "x86_64")]
        if let Some(lanes) = crate::lanes::Avx512::detect() {
            convert_as_half_does(lanes);
        }
    }
}
