//! The vocabulary of vectors: a dozen operations, one thin file per instruction set.
//!
//! A backend is a token that can only be had where its instructions exist, so its methods are
//! safe. Memory goes in and out as whole arrays: whoever holds a reference to an array has
//! proved that its elements exist, so no operation here checks or trusts a length.
//!
//! Additions of a backend are single roundings in the order written, never fused, so that every
//! backend gives the same bits. `maximum` is the same function everywhere too, up to the sign of
//! a zero and the payload of a NaN.

mod scalar;
pub(crate) use scalar::Scalar;

#[cfg(any(
    target_arch = "x86",
    target_arch = "x86_64",
    target_arch = "aarch64",
    all(target_arch = "wasm32", target_feature = "simd128")
))]
mod portable;
// `wide` has no instructions for the other targets, and its fallback loses to plain arrays.
#[cfg(not(any(
    target_arch = "x86",
    target_arch = "x86_64",
    target_arch = "aarch64",
    all(target_arch = "wasm32", target_feature = "simd128")
)))]
#[path = "arrays.rs"]
mod portable;
pub(crate) use portable::{PORTABLE_IS_SIMD, Portable};

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) use avx2::Avx2;

#[cfg(all(target_arch = "x86_64", target_feature = "avx2"))]
pub(crate) use avx2::{Avx2 as Native, NATIVE};
#[cfg(not(all(target_arch = "x86_64", target_feature = "avx2")))]
pub(crate) use portable::{NATIVE, Native};

use crate::element::Element;
use bytemuck::Pod;

/// Elements in memory, as an array.
pub trait Block<T>: Pod + AsRef<[T]> + AsMut<[T]> {}
impl<T, A: Pod + AsRef<[T]> + AsMut<[T]>> Block<T> for A {}

/// Values in registers on the instruction set `L`: how they come and go.
pub trait Register<L>: Copy {
    /// One value.
    type Item: Pod;
    /// As many values as the register holds, in memory.
    type Array: Block<Self::Item>;

    /// From memory.
    fn load(lanes: L, from: &Self::Array) -> Self;
    /// To memory.
    fn store(self, lanes: L, to: &mut Self::Array);
    /// Of `a` followed by `b`, the values at even places, and those at odd places.
    fn unzip(lanes: L, a: Self, b: Self) -> (Self, Self);
    /// The same value everywhere.
    fn splat(lanes: L, x: Self::Item) -> Self;
}

/// The elements of a vector of `T` on `L`, in memory.
pub(crate) type Array<T, L> = <<L as Lanes<T>>::V as Register<L>>::Array;

/// Vectors of `N` elements on one instruction set, and as many sums beside them.
pub trait Lanes<T: Element>: Copy {
    /// Elements per vector; a power of two, at most [`VIRTUAL_LANES`] where sums depend on their order
    /// and 64 elsewhere.
    const N: usize;
    /// `N` elements.
    type V: Register<Self, Item = T>;
    /// `N` sums of elements.
    type Sum: Register<Self, Item = T::Sum>;

    /// A hint that `_from` will be read soon. Nothing where there is no such instruction.
    #[inline(always)]
    fn prefetch(self, _from: &T) {}
    /// The greater of each pair; NaN if either is NaN.
    fn maximum(self, a: Self::V, b: Self::V) -> Self::V;
    /// The greater of each pair; the other one if one is NaN.
    fn maximum_number(self, a: Self::V, b: Self::V) -> Self::V;
    /// `low` where `v < low`, `high` where `v > high`, else `v`; NaN stays.
    fn clamp(self, v: Self::V, low: Self::V, high: Self::V) -> Self::V;
    /// Elements as sums of one term each.
    fn widen(self, v: Self::V) -> Self::Sum;
    /// Adds pair by pair.
    fn add(self, a: Self::Sum, b: Self::Sum) -> Self::Sum;
    /// Multiplies pair by pair.
    fn mul(self, a: Self::Sum, b: Self::Sum) -> Self::Sum;
    /// Each sum over the divisor, rounded once.
    fn mean(self, sum: Self::Sum, by: T::Divisor) -> Self::V;
}

/// Lanes over which a contiguous run is folded, on every instruction set: lane `i % 16` takes
/// element `i`. Part of the result, so never a backend's choice.
pub(crate) const VIRTUAL_LANES: usize = 16;
