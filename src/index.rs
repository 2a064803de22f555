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
    /// `base + ramp[i] + offsets[i]`, each of which fits; the ramp rises as [`ramp`] gives it, and goes on past its
    /// end. For as many as there are of both slices.
    #[doc(hidden)]
    fn write(to: &mut [Self], base: usize, ramp: &Ramp<Self>, offsets: &[u32]);
    /// The cell, or `None` if there can be no such cell.
    fn to_usize(self) -> Option<usize>;
}

/// Multiples of a step, from zero on.
pub(crate) type Ramp<I> = [I; 8];

/// The multiples of `step`. Made once for many calls of [`Index::write`].
#[inline(always)]
pub(crate) fn ramp<I: Index>(step: usize) -> Ramp<I> {
    core::array::from_fn(|i| I::number(step.wrapping_mul(i)))
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
            fn write(to: &mut [Self], base: usize, ramp: &Ramp<Self>, offsets: &[u32]) {
                // In this type alone, and in whole arrays, for the compiler to make vectors of.
                #[inline(always)]
                fn arrays<const N: usize>(to: &mut [[$T; N]], base: &mut $T, ramp: &Ramp<$T>, offsets: &[[u32; N]]) {
                    for (to, offsets) in to.iter_mut().zip(offsets) {
                        *to = core::array::from_fn(|i| ramp[i].wrapping_add(*base).wrapping_add(offsets[i] as $T));
                        *base = base.wrapping_add(ramp[1].wrapping_mul(N as $T));
                    }
                }
                let mut base = base as Self;
                let ((eights, to), (offsets, rest)) = (to.as_chunks_mut::<8>(), offsets.as_chunks::<8>());
                arrays(eights, &mut base, ramp, offsets);
                let ((fours, to), (offsets, rest)) = (to.as_chunks_mut::<4>(), rest.as_chunks::<4>());
                arrays(fours, &mut base, ramp, offsets);
                let ((ones, _), (offsets, _)) = (to.as_chunks_mut::<1>(), rest.as_chunks::<1>());
                arrays(ones, &mut base, ramp, offsets);
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
