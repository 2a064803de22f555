//! What a window does with its elements, and nothing about where they lie: how one element
//! enters, how two partial results merge, and what is written at the end.
//!
//! A kernel takes each column of a window from its first tap to its last, then merges the
//! columns from left to right. That order is part of the result of a sum. `EMPTY` merges without
//! a trace, so that a kernel may treat padding as elements.

use crate::element::Element;
use crate::lanes::{Lanes, Register};
use bytemuck::Pod;

/// A reducer; adding one is about twenty lines here.
pub trait Reduce<T: Element>: Copy {
    /// A partial result.
    type Cell: Pod;
    /// A partial result in every lane.
    type Acc<L: Lanes<T>>: Register<L, Item = Self::Cell>;
    /// Whether `finish` looks at the divisor.
    const DIVIDES: bool;

    /// The partial result of nothing: `merge` with it gives the other operand.
    const EMPTY: Self::Cell;
    /// The partial result of one element.
    fn lift<L: Lanes<T>>(self, lanes: L, v: L::V) -> Self::Acc<L>;
    /// The partial result of both.
    fn merge<L: Lanes<T>>(self, lanes: L, a: Self::Acc<L>, b: Self::Acc<L>) -> Self::Acc<L>;
    /// The result.
    fn finish<L: Lanes<T>>(self, lanes: L, acc: Self::Acc<L>, by: T::Divisor) -> L::V;
}

/// The partial results of a register of `R` on `L`, in memory.
pub(crate) type Cells<T, L, R> = <<R as Reduce<T>>::Acc<L> as Register<L>>::Array;

/// The closed range that a result is forced into.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds<T>(pub T, pub T);

impl<T: Element> Bounds<T> {
    /// The range that changes nothing.
    pub const ALL: Self = Self(T::LOWEST, T::HIGHEST);

    #[inline(always)]
    fn apply<L: Lanes<T>>(self, lanes: L, v: L::V) -> L::V {
        lanes.clamp(v, L::V::splat(lanes, self.0), L::V::splat(lanes, self.1))
    }
}

/// The greatest element; NaN if there is one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Max<T>(pub(crate) Bounds<T>);

impl<T: Element> Reduce<T> for Max<T> {
    type Cell = T;
    type Acc<L: Lanes<T>> = L::V;
    const DIVIDES: bool = false;
    const EMPTY: T = T::LOWEST;

    #[inline(always)]
    fn lift<L: Lanes<T>>(self, _: L, v: L::V) -> L::V {
        v
    }

    #[inline(always)]
    fn merge<L: Lanes<T>>(self, lanes: L, a: L::V, b: L::V) -> L::V {
        lanes.maximum(a, b)
    }

    #[inline(always)]
    fn finish<L: Lanes<T>>(self, lanes: L, acc: L::V, _: T::Divisor) -> L::V {
        self.0.apply(lanes, acc)
    }
}

/// The greatest element that is a number; NaN if there is none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MaxNumber<T>(pub(crate) Bounds<T>);

impl<T: Element> Reduce<T> for MaxNumber<T> {
    type Cell = T;
    type Acc<L: Lanes<T>> = L::V;
    const DIVIDES: bool = false;
    const EMPTY: T = T::NO_NUMBER;

    #[inline(always)]
    fn lift<L: Lanes<T>>(self, _: L, v: L::V) -> L::V {
        v
    }

    #[inline(always)]
    fn merge<L: Lanes<T>>(self, lanes: L, a: L::V, b: L::V) -> L::V {
        lanes.maximum_number(a, b)
    }

    #[inline(always)]
    fn finish<L: Lanes<T>>(self, lanes: L, acc: L::V, _: T::Divisor) -> L::V {
        self.0.apply(lanes, acc)
    }
}

/// The sum over the divisor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mean<T>(pub(crate) Bounds<T>);

impl<T: Element> Reduce<T> for Mean<T> {
    type Cell = T::Sum;
    type Acc<L: Lanes<T>> = L::Sum;
    const DIVIDES: bool = true;
    const EMPTY: T::Sum = T::NO_SUM;

    #[inline(always)]
    fn lift<L: Lanes<T>>(self, lanes: L, v: L::V) -> L::Sum {
        lanes.widen(v)
    }

    #[inline(always)]
    fn merge<L: Lanes<T>>(self, lanes: L, a: L::Sum, b: L::Sum) -> L::Sum {
        lanes.add(a, b)
    }

    #[inline(always)]
    fn finish<L: Lanes<T>>(self, lanes: L, acc: L::Sum, by: T::Divisor) -> L::V {
        self.0.apply(lanes, lanes.mean(acc, by))
    }
}

/// The sum of the squares over the divisor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Squares;

impl<T: Element> Reduce<T> for Squares {
    type Cell = T::Sum;
    type Acc<L: Lanes<T>> = L::Sum;
    const DIVIDES: bool = true;
    const EMPTY: T::Sum = T::NO_SUM;

    #[inline(always)]
    fn lift<L: Lanes<T>>(self, lanes: L, v: L::V) -> L::Sum {
        lanes.mul(lanes.widen(v), lanes.widen(v))
    }

    #[inline(always)]
    fn merge<L: Lanes<T>>(self, lanes: L, a: L::Sum, b: L::Sum) -> L::Sum {
        lanes.add(a, b)
    }

    #[inline(always)]
    fn finish<L: Lanes<T>>(self, lanes: L, acc: L::Sum, by: T::Divisor) -> L::V {
        lanes.mean(acc, by)
    }
}
