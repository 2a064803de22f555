//! What a window does with its elements, and nothing about where they lie: how one element
//! enters, how two partial results merge, and what is written at the end.
//!
//! A kernel takes each column of a window from its first tap to its last, then merges the
//! columns from left to right. That order is part of the result of a sum. `EMPTY` merges without
//! a trace, so that a kernel may treat padding as elements.

use crate::element::{Element, Float, Integer, Real};
use crate::lanes::{Lanes, Register};
use bytemuck::Pod;

/// A reducer; adding one is about twenty lines here.
#[allow(unreachable_pub, reason = "it bounds methods of a type that a sealed trait names")]
pub trait Reduce<T: Element>: Copy {
    /// A partial result.
    type Cell: Pod;
    /// A partial result in every lane.
    type Acc<L: Lanes<T>>: Register<L, Item = Self::Cell>;
    /// Whether `finish` looks at the number of taps.
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

    /// The nearest value within; NaN stays.
    pub(crate) fn nearest(self, x: T) -> T {
        if x < self.0 {
            self.0
        } else if x > self.1 {
            self.1
        } else {
            x
        }
    }

    #[inline(always)]
    pub(crate) fn apply<L: Lanes<T>>(self, lanes: L, v: L::V) -> L::V {
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

/// The greatest code, as a code of another scale.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MaxScaled<T>(pub(crate) Bounds<T>);

impl<T: Integer> Reduce<T> for MaxScaled<T> {
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
    fn finish<L: Lanes<T>>(self, lanes: L, acc: L::V, by: T::Divisor) -> L::V {
        self.0.apply(lanes, lanes.mean(lanes.widen(acc), by))
    }
}

/// A norm: the sum of powers over the divisor, and its root.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Norm<S> {
    pub(crate) exponent: Exponent,
    /// Elements enter as they are, but at least this; without it, by their absolute value.
    pub(crate) floor: Option<S>,
}

/// The exponent of a norm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Exponent {
    /// A small number of factors.
    Integer(u8),
    Real(f64),
    /// The maximum.
    Infinity,
}

impl<S: Real> Norm<S> {
    #[inline(always)]
    pub(crate) fn base(&self, x: S) -> S {
        match self.floor {
            // A NaN stays.
            Some(floor) if x < floor => floor,
            Some(_) => x,
            None => x.abs(),
        }
    }

    /// The power of one element.
    #[inline(always)]
    pub(crate) fn power(&self, x: S) -> S {
        let x = self.base(x);
        match self.exponent {
            Exponent::Integer(n) => {
                let mut power = x;
                for _ in 1..n {
                    power = power * x;
                }
                power
            }
            Exponent::Real(p) => S::from_f64(libm::pow(x.to_f64(), p)),
            Exponent::Infinity => x,
        }
    }

    #[inline(always)]
    pub(crate) fn root(&self, sum: S) -> S {
        match self.exponent {
            Exponent::Integer(1) => sum,
            Exponent::Integer(2) => sum.sqrt(),
            Exponent::Integer(n) => S::from_f64(libm::pow(sum.to_f64(), 1.0 / f64::from(n))),
            Exponent::Real(p) => S::from_f64(libm::pow(sum.to_f64(), 1.0 / p)),
            // Nothing is negative but the zero that a maximum starts from.
            Exponent::Infinity => sum.abs(),
        }
    }
}

impl<T: Float> Reduce<T> for Norm<T::Sum> {
    type Cell = T::Sum;
    type Acc<L: Lanes<T>> = L::Sum;
    const DIVIDES: bool = true;
    const EMPTY: T::Sum = T::NO_SUM;

    #[inline(always)]
    fn lift<L: Lanes<T>>(self, lanes: L, v: L::V) -> L::Sum {
        lanes.widen(v).map(
            lanes,
            #[inline(always)]
            |x| self.power(x),
        )
    }

    #[inline(always)]
    fn merge<L: Lanes<T>>(self, lanes: L, a: L::Sum, b: L::Sum) -> L::Sum {
        if self.exponent == Exponent::Infinity {
            #[expect(clippy::eq_op, reason = "only NaN differs from itself")]
            let greater = |a, b| if b > a || b != b { b } else { a };
            a.zip(b, lanes, greater)
        } else {
            lanes.add(a, b)
        }
    }

    #[inline(always)]
    fn finish<L: Lanes<T>>(self, lanes: L, acc: L::Sum, by: T::Divisor) -> L::V {
        let roots = acc.map(
            lanes,
            #[inline(always)]
            |sum| self.root(sum / by),
        );
        lanes.mean(roots, T::Sum::ONE)
    }
}

/// The sum over the divisor, of windows with few taps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MeanOfFew<T>(pub(crate) Bounds<T>);

impl<T: Element> Reduce<T> for MeanOfFew<T> {
    type Cell = T::Few;
    type Acc<L: Lanes<T>> = L::Few;
    const DIVIDES: bool = true;
    const EMPTY: T::Few = T::NO_FEW;

    #[inline(always)]
    fn lift<L: Lanes<T>>(self, lanes: L, v: L::V) -> L::Few {
        lanes.widen_few(v)
    }

    #[inline(always)]
    fn merge<L: Lanes<T>>(self, lanes: L, a: L::Few, b: L::Few) -> L::Few {
        lanes.add_few(a, b)
    }

    #[inline(always)]
    fn finish<L: Lanes<T>>(self, lanes: L, acc: L::Few, by: T::Divisor) -> L::V {
        Mean(self.0).finish(lanes, lanes.many(acc), by)
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
