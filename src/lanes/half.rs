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
