//! The integers that indices of maxima are written as.

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
    pub(crate) fn put_each(&mut self, at: usize, step: usize, offsets: &[u32], number: usize, more: usize) {
        match self {
            Self::U32(to) => put_each(to, at, step, offsets, |i, offset| {
                (number as u32).wrapping_add((i as u32).wrapping_mul(more as u32)).wrapping_add(offset)
            }),
            Self::Usize(to) => put_each(to, at, step, offsets, |i, offset| {
                number.wrapping_add(i.wrapping_mul(more)).wrapping_add(offset as usize)
            }),
            Self::I64(to) => put_each(to, at, step, offsets, |i, offset| {
                number.wrapping_add(i.wrapping_mul(more)).wrapping_add(offset as usize) as i64
            }),
        }
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
fn put_each<I>(to: &mut [I], at: usize, step: usize, offsets: &[u32], number: impl Fn(usize, u32) -> I) {
    let numbers = offsets.iter().enumerate().map(|(i, offset)| number(i, *offset));
    if step == 1
        && let Some(to) = at.checked_add(offsets.len()).and_then(|end| to.get_mut(at..end))
    {
        to.iter_mut().zip(numbers).for_each(|(to, number)| *to = number);
        return;
    }
    numbers.enumerate().for_each(|(i, number)| put(to, at + i * step, number));
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! index {
    ($($T:ty, $Kind:ident, $none:expr;)*) => {$(
        impl sealed::Sealed for $T {}

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
