//! The way back from maxima to where they were.

use super::IndexLayout;
use super::plan::check_shape;
use crate::element::Element;
use crate::error::{Argument, PoolError};
use crate::index::Index;
use crate::kernel::Numbering;
use crate::view::{Layout, Shape, View, ViewMut};

/// Writes each value to the cell of the output that its index numbers, and zero to all others.
///
/// `input` and `indices` have the same shape, as a pool wrote them; `layout` is what the indices number, of the
/// *output's* shape: [`Window::unpooled_size`](crate::Window::unpooled_size) or another one of the caller's
/// choice. Of several values for one cell the last in row-major order stays.
///
/// ```
/// use lanepool::{IndexLayout, View, ViewMut, max_unpool};
///
/// let mut y = [9.0f32; 4];
/// max_unpool(
///     View::nchw(&[5.0, 7.0], [1, 1, 2])?,
///     View::nchw(&[1u32, 2], [1, 1, 2])?,
///     IndexLayout::Plane,
///     &mut ViewMut::nchw(&mut y, [1, 1, 4])?,
/// )?;
/// assert_eq!(y, [0.0, 5.0, 7.0, 0.0]);
/// # Ok::<(), lanepool::PoolError>(())
/// ```
///
/// Definition: PyTorch `MaxUnpool1d/2d/3d` ([`IndexLayout::Plane`]); ONNX `MaxUnpool` ([`IndexLayout::Tensor`]).
///
/// # Errors
/// [`PoolError::Shape`] if batch or channels differ, or the indices from the input;
/// [`PoolError::Index`] with the position of the first index that names no cell of the output, or with a
/// layout over the tensor one of another channel; [`PoolError::IndexType`]. Nothing is written then.
pub fn max_unpool<T: Element, I: Index, const D: usize>(
    input: View<'_, T, D>,
    indices: View<'_, I, D>,
    layout: IndexLayout,
    output: &mut ViewMut<'_, T, D>,
) -> Result<(), PoolError> {
    check_shape(Argument::Indices, &input.shape().lift(), &indices.shape().lift())?;
    let shape = Shape { spatial: output.shape().spatial, ..input.shape() };
    check_shape(Argument::Output, &shape.lift(), &output.shape().lift())?;
    let numbering = layout.numbering::<I>(shape.lift())?;
    let (values, from) = input.into_parts();
    let (numbers, numbered) = indices.into_parts();
    // Without a cell, the other extents have no bound; else the numbering has shown that this does not overflow.
    let cells_of_plane = if shape.spatial.contains(&0) { 0 } else { shape.spatial.iter().product() };
    let unpool = Unpool { numbers, numbered, numbering, shape: shape.lift(), cells: cells_of_plane };
    for (position, [n, c, z, y, x]) in cells(from.shape).enumerate() {
        if unpool.cell([n, c, z, y, x]).is_none() {
            return Err(PoolError::Index { position, cells: unpool.cells });
        }
    }
    output.fill(T::zeroed());
    let (output, to) = output.reborrow().into_parts();
    for cell @ [n, c, z, y, x] in cells(from.shape) {
        let Some(place) = unpool.cell(cell) else { continue };
        if let (Some(value), Some(output)) = (values.get(from.at(n, c, [z, y, x])), output.get_mut(to.at(n, c, place)))
        {
            *output = *value;
        }
    }
    Ok(())
}

/// All cells of a shape, in row-major order.
fn cells(shape: Shape<3>) -> impl Iterator<Item = [usize; 5]> {
    let Shape { batch, channels, spatial: [depth, rows, cols] } = shape;
    // Without a cell, the other extents have no bound.
    let batch = if [channels, depth, rows, cols].contains(&0) { 0 } else { batch };
    let planes = (0..batch).flat_map(move |n| (0..channels).map(move |c| [n, c]));
    let lines = planes.flat_map(move |[n, c]| (0..depth).flat_map(move |z| (0..rows).map(move |y| [n, c, z, y])));
    lines.flat_map(move |[n, c, z, y]| (0..cols).map(move |x| [n, c, z, y, x]))
}

struct Unpool<'a, I> {
    numbers: &'a [I],
    numbered: Layout<3>,
    numbering: Numbering,
    shape: Shape<3>,
    /// Cells of a plane.
    cells: usize,
}

impl<I: Index> Unpool<'_, I> {
    /// Where the value of a cell goes within its plane.
    fn cell(&self, [n, c, z, y, x]: [usize; 5]) -> Option<[usize; 3]> {
        let number = self.numbers.get(self.numbered.at(n, c, [z, y, x]))?.to_usize()?;
        let Numbering { plane, spatial, .. } = self.numbering;
        let number = number.checked_sub((n * self.shape.channels + c) * plane)?;
        if number >= self.cells {
            return None;
        }
        // Each axis by its stride in the numbering.
        Some(core::array::from_fn(|i| number / spatial[i] % self.shape.spatial[i]))
    }
}
