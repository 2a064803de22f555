//! Elements of every type that tokens have, read as vectors of `f32`: a backend only says how they come.

use super::{Array, Block, Lanes, Portable, Register, Scalar};
use bytemuck::Pod;

/// Lanes of `f32`, of which elements and sums are the same vectors.
pub trait Floats: Lanes<f32, V = Self::F, Sum = Self::F> {
    /// A vector.
    type F: Register<Self, Item = f32>;
}

impl<F: Register<L, Item = f32>, L: Lanes<f32, V = F, Sum = F>> Floats for L {
    type F = F;
}

/// How as many `T` as a vector of `f32` has become one. Exact for every `T`.
pub trait Read<T: Pod>: Floats {
    /// The elements in memory.
    type From: Block<T>;
    /// From memory.
    fn read(self, from: &Self::From) -> Self::F;
    /// The same of codes, less their zero point; floats have none.
    #[inline(always)]
    fn read_less(self, from: &Self::From, _zero_point: i32) -> Self::F {
        self.read(from)
    }
}

impl<L: Floats> Read<f32> for L {
    type From = Array<f32, L>;

    #[inline(always)]
    fn read(self, from: &Self::From) -> L::V {
        L::V::load(self, from)
    }
}

#[cfg(feature = "half")]
macro_rules! halves {
    ($($H:ident),*) => {$(
        impl<L: super::half::Convert<half::$H> + Floats> Read<half::$H> for L {
            type From = <L as super::half::Convert<half::$H>>::Array;

            #[inline(always)]
            fn read(self, from: &Self::From) -> <L as Lanes<f32>>::V {
                super::half::Convert::<half::$H>::widen(self, from)
            }
        }
    )*};
}
#[cfg(feature = "half")]
halves!(f16, bf16);

/// One by one, in whole arrays, for the compiler to make vectors of.
macro_rules! codes {
    ($($L:ty, $n:literal: $($T:ty),*;)*) => {$($(
        impl Read<$T> for $L {
            type From = [$T; $n];

            #[inline(always)]
            fn read(self, from: &[$T; $n]) -> <Self as Lanes<f32>>::V {
                Read::<$T>::read_less(self, from, 0)
            }

            #[inline(always)]
            fn read_less(self, from: &[$T; $n], zero_point: i32) -> <Self as Lanes<f32>>::V {
                // As `i32` first: there are instructions for each of the steps.
                let wide: [i32; $n] = from.map(|code| i32::from(code).wrapping_sub(zero_point));
                let array: [f32; $n] = wide.map(|code| code as f32);
                <<Self as Lanes<f32>>::V as Register<Self>>::load(self, &array)
            }
        }
    )*)*};
}
codes! {
    Scalar, 1: i8, u8;
    Portable, 4: i8, u8;
}
