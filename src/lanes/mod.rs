//! The vocabulary of vectors: a dozen operations, one thin file per instruction set.
//!
//! A backend is a token that can only be had where its instructions exist, so its methods are
//! safe. Memory goes in and out as whole arrays: whoever holds a reference to an array has
//! proved that its elements exist, so no operation here checks or trusts a length.
//!
//! Additions of a backend are single roundings in the order written, never fused, so that every
//! backend gives the same bits. `maximum` is the same function everywhere too, up to the sign of
//! a zero and the payload of a NaN.

#[cfg(feature = "half")]
mod half;
mod hidden;
mod prefetch;
mod read;
mod scalar;
pub(crate) use hidden::hidden;
pub(crate) use prefetch::{Cache, LINE, PREFETCHES, prefetch};
pub(crate) use read::{Floats, Read};
pub(crate) use scalar::Scalar;

// `wide` has no instructions for the other targets, and its fallback loses to plain arrays.
#[cfg_attr(
    not(any(
        target_arch = "x86",
        target_arch = "x86_64",
        target_arch = "aarch64",
        all(target_arch = "wasm32", target_feature = "simd128")
    )),
    path = "arrays.rs"
)]
mod portable;
pub(crate) use portable::{PORTABLE_IS_SIMD, Portable};

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod x86;
#[cfg(target_arch = "x86_64")]
pub(crate) use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) use avx512::Avx512;

#[cfg(all(target_arch = "x86_64", target_feature = "avx2", target_feature = "f16c"))]
pub(crate) use avx2::{Avx2 as Native, BEST, NATIVE};
#[cfg(not(all(target_arch = "x86_64", target_feature = "avx2", target_feature = "f16c")))]
pub(crate) use portable::{BEST, NATIVE, Native};

use crate::element::{Element, Integer};
use crate::round::Ratio;
use bytemuck::{Pod, Zeroable};

/// The array of `$n` values, each by its place. Without closures, which are not always inlined where much is: and then
/// they have not the instructions of where they stand.
macro_rules! array {
    ($n:expr, |$i:ident| $value:expr) => {{
        let $i = 0;
        let mut array = [$value; $n];
        let mut next = 1;
        while next < $n {
            let $i = next;
            array[$i] = $value;
            next += 1;
        }
        array
    }};
}
pub(crate) use array;

/// Elements in memory, as an array.
pub trait Block<T>: Pod + AsRef<[T]> + AsMut<[T]> {}
impl<T, A: Pod + AsRef<[T]> + AsMut<[T]>> Block<T> for A {}

/// Values in registers on the instruction set `L`: how they come and go.
pub trait Register<L: Copy>: Copy {
    /// One value.
    type Item: Pod;
    /// As many values as there are, in memory.
    type Array: Block<Self::Item>;
    /// Registers of the machine that this takes.
    const REGISTERS: usize = 1;

    /// From memory.
    fn load(lanes: L, from: &Self::Array) -> Self;
    /// To memory.
    fn store(self, lanes: L, to: &mut Self::Array);
    /// Of `a` followed by `b`, the values at even places, and those at odd places.
    fn unzip(lanes: L, a: Self, b: Self) -> (Self, Self);
    /// The same value everywhere.
    fn splat(lanes: L, x: Self::Item) -> Self;

    /// `f` of each value; on the whole array at once, for the compiler to make vectors of.
    #[inline(always)]
    fn map(self, lanes: L, f: impl Fn(Self::Item) -> Self::Item) -> Self {
        let mut array = Self::Array::zeroed();
        self.store(lanes, &mut array);
        for x in array.as_mut() {
            *x = f(*x);
        }
        Self::load(lanes, &array)
    }

    /// `f` of each pair.
    #[inline(always)]
    fn zip(self, other: Self, lanes: L, f: impl Fn(Self::Item, Self::Item) -> Self::Item) -> Self {
        let (mut a, mut b) = (Self::Array::zeroed(), Self::Array::zeroed());
        self.store(lanes, &mut a);
        other.store(lanes, &mut b);
        for (a, b) in a.as_mut().iter_mut().zip(b.as_ref()) {
            *a = f(*a, *b);
        }
        Self::load(lanes, &a)
    }
}

/// The elements of a vector of `T` on `L`, in memory.
pub(crate) type Array<T, L> = <<L as Lanes<T>>::V as Register<L>>::Array;
/// As many sums of elements, in memory.
pub(crate) type SumArray<T, L> = <<L as Lanes<T>>::Sum as Register<L>>::Array;
/// As many indices, in memory.
pub(crate) type IndexArray<T, L> = <<L as Lanes<T>>::Index as Register<L>>::Array;

/// An instruction set, as a token that can only be had where it is.
pub trait Instructions: Copy {
    /// Calls `f` as a function of its own, in which these instructions may be used: what is inlined into `f` has them,
    /// and nothing else.
    fn enter<A>(self, f: impl FnOnce() -> A) -> A;

    /// Adds the products of neighbours, of which none is the least number.
    #[inline(always)]
    fn add_products(self, sums: [i32; 8], a: [i16; 16], b: [i16; 16]) -> [i32; 8] {
        let product = |i: usize| i32::from(a[i]) * i32::from(b[i]);
        array!(8, |i| sums[i] + product(2 * i) + product(2 * i + 1))
    }

    /// The sum of all.
    #[inline(always)]
    fn sum(self, sums: [i32; 8]) -> i32 {
        sums.iter().sum()
    }
}

/// Tokens of what every processor has.
macro_rules! plain_instructions {
    ($L:ty $(, $($own:item)*)?) => {
        impl Instructions for $L {
            #[inline(never)]
            fn enter<A>(self, f: impl FnOnce() -> A) -> A {
                f()
            }

            $($($own)*)?
        }
    };
}
pub(crate) use plain_instructions;

/// Vectors of `N` elements on one instruction set, and as many sums and indices beside them.
pub trait Lanes<T: Element>: Instructions {
    /// Elements per vector; a power of two, at most [`VIRTUAL_LANES`] where sums depend on their order
    /// and 64 elsewhere.
    const N: usize;
    /// Vectors of elements that kernels work on side by side, 1, 2 or 4: as many as leave room for partial results, and as
    /// are worth their code.
    const TILE: usize = 1;
    /// `N` elements.
    type V: Register<Self, Item = T>;
    /// `N` sums of elements.
    type Sum: Register<Self, Item = T::Sum>;
    /// `N` sums of few elements.
    type Few: Register<Self, Item = T::Few>;
    /// Taps that are few: their sum always fits. Zero if few are summed like many.
    const FEW: usize = 0;
    /// `N` indices of elements.
    type Index: Register<Self, Item = u32>;

    /// A hint that `_from` will be read soon. Nothing where there is no such instruction.
    #[inline(always)]
    fn prefetch(self, _from: &T) {}
    /// The greater of each pair; NaN if either is NaN.
    fn maximum(self, a: Self::V, b: Self::V) -> Self::V;
    /// The greatest of each three; NaN if one is NaN.
    #[inline(always)]
    fn maximum_of_three(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        self.maximum(self.maximum(a, b), c)
    }
    /// `low` where `v < low`, `high` where `v > high`, else `v`; NaN stays.
    fn clamp(self, v: Self::V, low: Self::V, high: Self::V) -> Self::V;
    /// Elements as sums of one term each.
    fn widen(self, v: Self::V) -> Self::Sum;
    /// Adds pair by pair.
    fn add(self, a: Self::Sum, b: Self::Sum) -> Self::Sum;
    /// Multiplies pair by pair.
    fn mul(self, a: Self::Sum, b: Self::Sum) -> Self::Sum;
    /// A divisor as `mean` takes it.
    type By: Copy;
    /// The same divisor for every sum.
    fn by(self, divisor: T::Divisor) -> Self::By;
    /// A divisor for each sum, one a lane; `None` where sums are not divided by plain numbers.
    #[inline(always)]
    fn by_each(self, _counts: &<Self::Sum as Register<Self>>::Array) -> Option<Self::By> {
        None
    }
    /// Each sum over its divisor, rounded once.
    fn mean(self, sum: Self::Sum, by: &Self::By) -> Self::V;
    /// Adds pair by pair, and gives what the rounded sums lack, which is anything where they are not finite.
    fn add_exactly(self, a: Self::Sum, b: Self::Sum) -> (Self::Sum, Self::Sum);
    /// Elements as sums of one term each, of few.
    fn widen_few(self, v: Self::V) -> Self::Few;
    /// Adds pair by pair.
    fn add_few(self, a: Self::Few, b: Self::Few) -> Self::Few;
    /// Sums of few as sums.
    fn many(self, few: Self::Few) -> Self::Sum;

    /// Of each pair the greater with its index, and of equals the first. The last NaN is greater than all.
    /// `b` comes after `a`, unless `ANY_ORDER`: then their indices say which is first.
    #[inline(always)]
    fn pick<const ANY_ORDER: bool>(
        self,
        (a, ai): (Self::V, Self::Index),
        (b, bi): (Self::V, Self::Index),
    ) -> (Self::V, Self::Index) {
        let mut values = Array::<T, Self>::zeroed();
        let mut others = Array::<T, Self>::zeroed();
        let mut indices = <Self::Index as Register<Self>>::Array::zeroed();
        let mut other_indices = <Self::Index as Register<Self>>::Array::zeroed();
        a.store(self, &mut values);
        b.store(self, &mut others);
        ai.store(self, &mut indices);
        bi.store(self, &mut other_indices);
        let a = values.as_mut().iter_mut().zip(indices.as_mut());
        let b = others.as_ref().iter().zip(other_indices.as_ref());
        for ((x, i), (y, j)) in a.zip(b) {
            let takes = picks(*x, *y, !ANY_ORDER || j > i);
            *x = if takes { *y } else { *x };
            *i = if takes { *j } else { *i };
        }
        (Self::V::load(self, &values), Self::Index::load(self, &indices))
    }
}

/// Lanes of a spatial operation: of channels side by side, and of all else, whose runs may be short.
#[derive(Clone, Copy)]
pub(crate) struct Pair<W, L> {
    /// For channels side by side.
    pub(crate) wide: W,
    /// For all else.
    pub(crate) lanes: L,
}

/// Whether `y` is to be picked rather than `x`, which comes first unless `y` is `later`.
#[inline(always)]
#[expect(clippy::eq_op, reason = "only NaN differs from itself")]
pub(crate) fn picks<T: Element>(x: T, y: T, later: bool) -> bool {
    let (x_nan, y_nan) = (x != x, y != y);
    let greater = y > x || (y == x && !later);
    // NaN is compared with numbers in vain; of two, the later one is taken.
    greater || y_nan && (!x_nan || later)
}

/// Indices of a backend that has no vectors for as many.
#[derive(Clone, Copy, Debug)]
pub struct Indices<const N: usize>([u32; N]);

impl<L: Copy, const N: usize> Register<L> for Indices<N> {
    type Item = u32;
    type Array = [u32; N];

    #[inline(always)]
    fn load(_: L, from: &[u32; N]) -> Self {
        Self(*from)
    }

    #[inline(always)]
    fn store(self, _: L, to: &mut [u32; N]) {
        *to = self.0;
    }

    #[inline(always)]
    fn unzip(_: L, a: Self, b: Self) -> (Self, Self) {
        let at = |i: usize| if i < N { a.0[i] } else { b.0[i - N] };
        (Self(core::array::from_fn(|i| at(2 * i))), Self(core::array::from_fn(|i| at(2 * i + 1))))
    }

    #[inline(always)]
    fn splat(_: L, x: u32) -> Self {
        Self([x; N])
    }
}

/// Sums as elements, all in the same way, for the compiler to make vectors of.
#[allow(dead_code, reason = "lanes of arrays do without")]
#[inline(always)]
pub(crate) fn quotients<T: Integer, const N: usize>(sums: [i32; N], by: &Ratio) -> [T; N] {
    let mut quotients = [T::LOWEST; N];
    for (to, sum) in quotients.iter_mut().zip(sums) {
        *to = T::saturate(by.apply(sum));
    }
    quotients
}

/// Few are summed like many.
macro_rules! few_like_many {
    ($T:ty) => {
        type Few = <Self as Lanes<$T>>::Sum;

        #[inline(always)]
        fn widen_few(self, v: <Self as Lanes<$T>>::V) -> <Self as Lanes<$T>>::Sum {
            Lanes::<$T>::widen(self, v)
        }

        #[inline(always)]
        fn add_few(self, a: <Self as Lanes<$T>>::Sum, b: <Self as Lanes<$T>>::Sum) -> <Self as Lanes<$T>>::Sum {
            Lanes::<$T>::add(self, a, b)
        }

        #[inline(always)]
        fn many(self, few: <Self as Lanes<$T>>::Sum) -> <Self as Lanes<$T>>::Sum {
            few
        }
    };
}
pub(crate) use few_like_many;

/// A register made of `$k` others, which lie one after the other.
#[allow(unused_macros, reason = "lanes of arrays do without")]
macro_rules! composite {
    ($L:ty, $R:ty, $k:literal, [$T:ty; $n:literal]) => {
        impl Register<$L> for [$R; $k] {
            type Item = $T;
            type Array = [$T; $n];
            const REGISTERS: usize = $k;

            #[inline(always)]
            fn load(lanes: $L, from: &[$T; $n]) -> Self {
                let parts: &[<$R as Register<$L>>::Array; $k] = bytemuck::must_cast_ref(from);
                $crate::lanes::array!($k, |i| <$R as Register<$L>>::load(lanes, &parts[i]))
            }

            #[inline(always)]
            fn store(self, lanes: $L, to: &mut [$T; $n]) {
                let parts: &mut [<$R as Register<$L>>::Array; $k] = bytemuck::must_cast_mut(to);
                for i in 0..$k {
                    self[i].store(lanes, &mut parts[i]);
                }
            }

            #[inline(always)]
            fn unzip(lanes: $L, a: Self, b: Self) -> (Self, Self) {
                let (mut even, mut odd) = (a, a);
                for i in 0..$k / 2 {
                    (even[i], odd[i]) = <$R as Register<$L>>::unzip(lanes, a[2 * i], a[2 * i + 1]);
                    (even[$k / 2 + i], odd[$k / 2 + i]) = <$R as Register<$L>>::unzip(lanes, b[2 * i], b[2 * i + 1]);
                }
                (even, odd)
            }

            #[inline(always)]
            fn splat(lanes: $L, x: $T) -> Self {
                [<$R as Register<$L>>::splat(lanes, x); $k]
            }
        }
    };
}
#[allow(unused_imports, reason = "lanes of arrays do without")]
pub(crate) use composite;

/// Lanes over which a contiguous run is folded, on every instruction set: lane `i % 16` takes
/// element `i`. Part of the result, so never a backend's choice.
pub(crate) const VIRTUAL_LANES: usize = 16;
