//! The integers that indices of maxima are written as.

use crate::lanes::hidden;
use bytemuck::Pod;

/// An integer that numbers cells: `u32`, `usize`, or `i64` as PyTorch and ONNX have it. Sealed.
pub trait Index: Pod + PartialEq + sealed::Sealed {
    /// What stands for no cell, where a window has none: the greatest value, or -1.
    const NONE: Self;
    /// The number of a cell; `NONE` if it does not fit.
    fn from_usize(cell: usize) -> Self;
    /// Indices to be written.
    #[doc(hidden)]
    fn destination(to: &mut [Self]) -> Destination<'_>;
    /// The cell, or `None` if there can be no such cell.
    fn to_usize(self) -> Option<usize>;
}

/// Indices to be written, of whichever type.
#[derive(Debug)]
pub enum Destination<'o> {
    U32(&'o mut [u32]),
    Usize(&'o mut [usize]),
    I64(&'o mut [i64]),
}

impl Destination<'_> {
    /// Writes the number of a cell, which fits.
    #[inline(always)]
    pub(crate) fn put(&mut self, at: usize, cell: usize) {
        match self {
            Self::U32(to) => put(to, at, cell as u32),
            Self::Usize(to) => put(to, at, cell),
            Self::I64(to) => put(to, at, cell as i64),
        }
    }

    /// Writes the numbers of cells, which fit, to places that lie `step` apart: of the first one `number` and its offset, and `more`
    /// with each of the others.
    #[inline(never)]
    pub(crate) fn put_each(&mut self, at: usize, step: usize, offsets: &[u32], number: usize, more: usize) {
        match self {
            Self::U32(to) => put_each(to, at, step, offsets, [number as u32, more as u32]),
            Self::Usize(to) => put_each(to, at, step, offsets, [number, more]),
            Self::I64(to) => put_each(to, at, step, offsets, [number as i64, more as i64]),
        }
    }

    /// `n` of the places from `at` on, if they are of `u32`.
    #[inline(always)]
    pub(crate) fn plain(&mut self, at: usize, n: usize) -> Option<&mut [u32]> {
        let Self::U32(to) = self else { return None };
        to.get_mut(at..at.checked_add(n)?)
    }

    /// Writes that there is no cell.
    pub(crate) fn put_none(&mut self, at: usize) {
        match self {
            Self::U32(to) => put(to, at, Index::NONE),
            Self::Usize(to) => put(to, at, Index::NONE),
            Self::I64(to) => put(to, at, Index::NONE),
        }
    }
}

#[inline(always)]
fn put<I>(to: &mut [I], at: usize, index: I) {
    if let Some(to) = to.get_mut(at) {
        *to = index;
    }
}

#[inline(always)]
fn put_each<I: Number>(to: &mut [I], at: usize, step: usize, offsets: &[u32], [first, more]: [I; 2]) {
    let (mut number, mut at) = (first, at);
    for offset in offsets {
        put(to, at, number.add(I::of(*offset)));
        // The place after the last one may be none.
        (number, at) = (number.add(more), at.wrapping_add(step));
        // Few: a loop for many would be longer than all of them.
        hidden(0);
    }
}

/// Arithmetic that wraps.
trait Number: Copy {
    fn of(n: u32) -> Self;
    fn add(self, other: Self) -> Self;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! index {
    ($($T:ty, $Kind:ident, $none:expr;)*) => {$(
        impl sealed::Sealed for $T {}

        impl Number for $T {
            #[inline(always)]
            fn of(n: u32) -> Self {
                n as Self
            }

            #[inline(always)]
            fn add(self, other: Self) -> Self {
                self.wrapping_add(other)
            }
        }

        impl Index for $T {
            const NONE: Self = $none;

            #[inline(always)]
            fn from_usize(cell: usize) -> Self {
                Self::try_from(cell).unwrap_or(Self::NONE)
            }

            fn destination(to: &mut [Self]) -> Destination<'_> {
                Destination::$Kind(to)
            }

            #[inline(always)]
            fn to_usize(self) -> Option<usize> {
                if self == Self::NONE { None } else { usize::try_from(self).ok() }
            }
        }
    )*};
}
index! {
    u32, U32, u32::MAX;
    usize, Usize, usize::MAX;
    i64, I64, -1;
}
