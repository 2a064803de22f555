//! Maxima with their indices, and how cells are numbered.

use super::plan::check_shape;
use super::{Maximum, Pool};
use crate::dispatch::Isa;
use crate::element::Element;
use crate::error::{Argument, PoolError};
use crate::index::Index;
use crate::kernel::{Numbering, Numbers, Work, numbers_alone};
use crate::pool::Geometry;
use crate::reduce::Bounds;
use crate::view::{Shape, View, ViewMut};

/// How the cells of an image batch are numbered, from 0, without regard to strides or padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum IndexLayout {
    /// Within the plane of a channel, in row-major order. PyTorch.
    #[default]
    Plane,
    /// Within the whole tensor in the order batch, channel, then row-major. ONNX, `storage_order = 0`.
    Tensor,
    /// Within the whole tensor, but each plane in column-major order: its first spatial axis
    /// fastest. ONNX, `storage_order = 1`.
    TensorColumnMajor,
}

impl IndexLayout {
    /// The numbers for images of `shape`; all of them fit `I`.
    ///
    /// # Errors
    /// [`PoolError::IndexType`] if they do not.
    pub(super) fn numbering<I: Index>(self, shape: Shape<3>) -> Result<Numbering, PoolError> {
        let Shape { batch, channels, spatial: [depth, rows, cols] } = shape;
        let all = [batch, channels, depth, rows, cols];
        let product = |axes: &[usize]| match axes.contains(&0) {
            true => Ok(0),
            false => {
                axes.iter().try_fold(1usize, |a, &b| a.checked_mul(b)).ok_or(PoolError::IndexType { cells: usize::MAX })
            }
        };
        let plane = product(&all[2..])?;
        let cells = if self == Self::Plane { plane } else { product(&all)? };
        // Kernels count the cells of a plane in u32; the greatest number is less than the cells.
        let fits = |cells: usize| cells == 0 || I::from_usize(cells - 1) != I::NONE;
        if !fits(cells) || u32::try_from(plane).is_err() {
            return Err(PoolError::IndexType { cells });
        }
        Ok(Numbering {
            row_major: self != Self::TensorColumnMajor,
            plane: if self == Self::Plane { 0 } else { plane },
            spatial: match self {
                // These wrap only where there is no cell, and then nothing uses them.
                Self::Plane | Self::Tensor => [rows.wrapping_mul(cols), cols, 1],
                Self::TensorColumnMajor => [1, depth, depth.wrapping_mul(rows)],
            },
        })
    }
}

impl<T: Element, G> Pool<Maximum, T, G> {
    /// As [`Pool::run`], and writes beside each maximum which cell of the input it was, numbered as
    /// `layout` says: the first of equal ones. Where NaN wins it is the last NaN of the window; where
    /// NaN is ignored and there is nothing else, the last NaN too. Where a window has no cell
    /// (`empty_value`), the index is [`Index::NONE`]. A clamp changes values only.
    ///
    /// ```
    /// use lanepool::{IndexLayout, MaxPool, View, ViewMut, Window};
    ///
    /// let x = [1.0f32, 5.0, 5.0, 2.0, 0.0, 7.0];
    /// let (mut y, mut indices) = ([0.0; 2], [0u32; 2]);
    /// MaxPool::new(Window::new([3])).run_with_indices(
    ///     View::nchw(&x, [1, 1, 6])?,
    ///     &mut ViewMut::nchw(&mut y, [1, 1, 2])?,
    ///     &mut ViewMut::nchw(&mut indices, [1, 1, 2])?,
    ///     IndexLayout::Plane,
    /// )?;
    /// assert_eq!((y, indices), ([5.0, 7.0], [1, 5]));
    /// # Ok::<(), lanepool::PoolError>(())
    /// ```
    ///
    /// Definition: PyTorch `MaxPool2d(return_indices=True)`, which also takes the last NaN; ONNX `MaxPool`.
    ///
    /// # Errors
    /// As [`Pool::run`]; [`PoolError::Shape`] if `indices` has another shape than the output,
    /// [`PoolError::IndexType`] if `I` cannot number the cells, or a plane has 2^32 of them or more.
    pub fn run_with_indices<I: Index, const D: usize>(
        &self,
        input: View<'_, T, D>,
        output: &mut ViewMut<'_, T, D>,
        indices: &mut ViewMut<'_, I, D>,
        layout: IndexLayout,
    ) -> Result<(), PoolError>
    where
        G: Geometry<D>,
    {
        self.with_indices(input, output, indices, layout, |work, numbers, bounds| {
            T::pick_best(work, bounds, numbers);
        })
    }

    /// As [`Pool::run_with_indices`], on a chosen instruction set. The result is the same.
    ///
    /// # Errors
    /// As [`Pool::run_with_indices`].
    pub fn run_with_indices_on<I: Index, const D: usize>(
        &self,
        isa: Isa,
        input: View<'_, T, D>,
        output: &mut ViewMut<'_, T, D>,
        indices: &mut ViewMut<'_, I, D>,
        layout: IndexLayout,
    ) -> Result<(), PoolError>
    where
        G: Geometry<D>,
    {
        self.with_indices(input, output, indices, layout, |work, numbers, bounds| {
            T::pick_on(isa, work, bounds, numbers);
        })
    }

    fn with_indices<I: Index, const D: usize>(
        &self,
        input: View<'_, T, D>,
        output: &mut ViewMut<'_, T, D>,
        indices: &mut ViewMut<'_, I, D>,
        layout: IndexLayout,
        pick: impl FnOnce(&mut Work<'_, T>, &mut Numbers<'_>, Bounds<T>),
    ) -> Result<(), PoolError>
    where
        G: Geometry<D>,
    {
        let expected = self.output_shape(input.shape())?;
        check_shape(Argument::Indices, &expected.lift(), &indices.shape().lift())?;
        let numbering = layout.numbering::<I>(input.shape().lift())?;
        let mut plan = self.unchecked(input.layout(), output.layout());
        self.check(&mut plan, input.shape().spatial)?;
        if plan.nothing {
            return Ok(());
        }
        let [_, rows, cols] = input.shape().lift().spatial;
        let mut numbers = Numbers {
            layout: indices.layout().lift(),
            to: I::destination(indices.data()),
            numbering,
            extents: [rows, cols],
            cols: plan.job.axes[2],
        };
        if self.empty.is_some() {
            numbers.write_none();
        }
        let (job, input, output, fill) = (&plan.job, input.data(), output.data(), plan.fill);
        let mut work = Work { job, input, output, fill };
        pick(&mut work, &mut numbers, plan.bounds);
        if self.operation.ignores_nan::<T>() {
            numbers_alone::run(&mut work, plan.bounds, Some(&mut numbers));
        }
        Ok(())
    }
}
