//! The integers that indices of maxima are written as.

use bytemuck::Pod;

/// An integer that numbers cells: `u32`, `usize`, or `i64` as PyTorch and ONNX have it. Sealed.
pub trait Index: Pod + PartialEq + sealed::Sealed {
    /// What stands for no cell, where a window has none: the greatest value, or -1.
    const NONE: Self;
    /// The number of a cell; `NONE` if it does not fit.
    fn from_usize(cell: usize) -> Self;
    /// The number of a cell that fits.
    #[doc(hidden)]
    fn number(cell: usize) -> Self;
    /// The cell, or `None` if there can be no such cell.
    fn to_usize(self) -> Option<usize>;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! index {
    ($($T:ty, $none:expr;)*) => {$(
        impl sealed::Sealed for $T {}

        impl Index for $T {
            const NONE: Self = $none;

            #[inline(always)]
            fn from_usize(cell: usize) -> Self {
                Self::try_from(cell).unwrap_or(Self::NONE)
            }

            #[inline(always)]
            fn number(cell: usize) -> Self {
                cell as Self
            }

            #[inline(always)]
            fn to_usize(self) -> Option<usize> {
                if self == Self::NONE { None } else { usize::try_from(self).ok() }
            }
        }
    )*};
}
index! {
    u32, u32::MAX;
    usize, usize::MAX;
    i64, -1;
}
