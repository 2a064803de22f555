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
    /// `base + i * next + offsets[i]`, each of which fits, for as many as there are of both slices.
    #[doc(hidden)]
    fn write(to: &mut [Self], base: usize, next: usize, offsets: &[u32]);
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
            fn write(to: &mut [Self], base: usize, next: usize, offsets: &[u32]) {
                // In this type alone, and in whole arrays, for the compiler to make vectors of.
                #[inline(always)]
                fn arrays<const N: usize>(to: &mut [[$T; N]], base: &mut $T, next: $T, offsets: &[[u32; N]]) {
                    let ramp: [$T; N] = core::array::from_fn(|i| next.wrapping_mul(i as $T));
                    for (to, offsets) in to.iter_mut().zip(offsets) {
                        *to = core::array::from_fn(|i| ramp[i].wrapping_add(*base).wrapping_add(offsets[i] as $T));
                        *base = base.wrapping_add(next.wrapping_mul(N as $T));
                    }
                }
                let (mut base, next) = (base as Self, next as Self);
                let ((eights, to), (offsets, rest)) = (to.as_chunks_mut::<8>(), offsets.as_chunks::<8>());
                arrays(eights, &mut base, next, offsets);
                let ((fours, to), (offsets, rest)) = (to.as_chunks_mut::<4>(), rest.as_chunks::<4>());
                arrays(fours, &mut base, next, offsets);
                let ((ones, _), (offsets, _)) = (to.as_chunks_mut::<1>(), rest.as_chunks::<1>());
                arrays(ones, &mut base, next, offsets);
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
