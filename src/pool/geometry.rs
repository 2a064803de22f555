//! Which cells each output gathers: windows that move, bins that divide, or the whole.

use crate::error::{AxisName, PoolError};
use crate::window::{Axis, Window};

/// A division of the input for outputs of a chosen size, whatever the input's.
///
/// Of `n` cells in `out` bins, bin `i` has the cells from `floor(i * n / out)` to below
/// `ceil((i + 1) * n / out)`: neighbours may share a cell, and where `out` is larger than `n`, cells
/// are repeated. No bin is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Bins<const D: usize> {
    size: [Option<usize>; D],
}

impl<const D: usize> Bins<D> {
    pub(super) const fn new(size: [usize; D]) -> Self {
        let mut sizes = [None; D];
        let mut i = 0;
        while i < D {
            sizes[i] = Some(size[i]);
            i += 1;
        }
        Self { size: sizes }
    }

    pub(super) const fn with_sizes(size: [Option<usize>; D]) -> Self {
        Self { size }
    }
}

/// All cells of a channel for one output.
///
/// A sum of floats over more than 16 lines or columns has one of two orders, by the input's layout alone: where the innermost spatial
/// stride is 1 (NCHW), cell `i` of the image enters lane `i % 16`, and the lanes merge as a tree; else (NHWC) cells enter one total in
/// row-major order. A lane, or the total, takes eight cells after eight. Both are the same on every instruction set; smaller images are summed
/// as windows are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Whole;

/// How the cells of an input are gathered for each output: [`Window`], [`Bins`] or [`Whole`]. Sealed.
pub trait Geometry<const D: usize>: Copy + sealed::Axes<D> {}
impl<const D: usize> Geometry<D> for Window<D> {}
impl<const D: usize> Geometry<D> for Bins<D> {}
impl<const D: usize> Geometry<D> for Whole {}

pub(super) mod sealed {
    use super::*;

    pub trait Axes<const D: usize> {
        /// Whether the kernel for whole images does it.
        const WHOLE: bool = false;

        fn output_size(&self, input: [usize; D]) -> Result<[usize; D], PoolError>;
        /// The axes, of which the last are those of the input.
        fn axes(&self, input: [usize; D], axes: &mut [Axis; 3]) -> Result<(), PoolError>;
    }

    impl<const D: usize> Axes<D> for Window<D> {
        #[inline(always)]
        fn output_size(&self, input: [usize; D]) -> Result<[usize; D], PoolError> {
            Window::output_size(self, input)
        }

        fn axes(&self, input: [usize; D], axes: &mut [Axis; 3]) -> Result<(), PoolError> {
            each_axis(input, axes, |i, n| Window::axis(self, i, n))
        }
    }

    impl<const D: usize> Axes<D> for Bins<D> {
        fn output_size(&self, input: [usize; D]) -> Result<[usize; D], PoolError> {
            check_extents(input)?;
            let mut size = input;
            for (size, chosen) in size.iter_mut().zip(self.size) {
                *size = chosen.unwrap_or(*size);
            }
            Ok(size)
        }

        fn axes(&self, input: [usize; D], axes: &mut [Axis; 3]) -> Result<(), PoolError> {
            check_extents(input)?;
            each_axis(input, axes, |i, n| match self.size[i].unwrap_or(n) {
                0 => Ok(Axis::NO_BINS),
                output => bins::<D>(i, n, output),
            })
        }
    }

    impl<const D: usize> Axes<D> for Whole {
        const WHOLE: bool = true;

        #[inline(always)]
        fn output_size(&self, input: [usize; D]) -> Result<[usize; D], PoolError> {
            check_extents(input)?;
            Ok([1; D])
        }

        fn axes(&self, input: [usize; D], axes: &mut [Axis; 3]) -> Result<(), PoolError> {
            check_extents(input)?;
            each_axis(input, axes, |i, n| bins::<D>(i, n, 1))
        }
    }

    /// `output` bins of the `n` cells of axis `i`.
    fn bins<const D: usize>(i: usize, n: usize, output: usize) -> Result<Axis, PoolError> {
        Axis::bins(n, output).ok_or(PoolError::Overflow { axis: AxisName::spatial::<D>(i) })
    }

    /// Each axis of an input, after those that it does not have.
    #[inline(always)]
    fn each_axis<const D: usize>(
        input: [usize; D],
        axes: &mut [Axis; 3],
        axis: impl Fn(usize, usize) -> Result<Axis, PoolError>,
    ) -> Result<(), PoolError> {
        for ((i, n), to) in input.into_iter().enumerate().zip(&mut axes[3 - D..]) {
            *to = axis(i, n)?;
        }
        Ok(())
    }

    /// That there are cells, and not more than can be counted in signed numbers: strides of zero can
    /// make an image larger than memory.
    #[inline(always)]
    fn check_extents<const D: usize>(input: [usize; D]) -> Result<(), PoolError> {
        let mut cells = 1usize;
        for (i, extent) in input.into_iter().enumerate() {
            let axis = AxisName::spatial::<D>(i);
            if extent == 0 {
                return Err(PoolError::EmptyInput { axis });
            }
            let fits = cells.checked_mul(extent).filter(|&cells| cells <= isize::MAX as usize);
            cells = fits.ok_or(PoolError::Overflow { axis })?;
        }
        Ok(())
    }
}
