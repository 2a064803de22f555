//! Images over slices: shape, strides, and the proof, made once, that every cell lies in the
//! slice.

use crate::error::{Argument, AxisName, PoolError};
use core::ops::Range;

/// Extents of an image batch with `D` spatial axes, outermost first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape<const D: usize> {
    /// Images.
    pub batch: usize,
    /// Channels of an image.
    pub channels: usize,
    /// Cells along each spatial axis.
    pub spatial: [usize; D],
}

impl<const D: usize> Shape<D> {
    /// The same shape with three spatial axes.
    pub(crate) fn lift(&self) -> Shape<3> {
        let mut spatial = [1; 3];
        spatial[3 - D..].copy_from_slice(&self.spatial);
        Shape { batch: self.batch, channels: self.channels, spatial }
    }
}

/// Elements from one cell to the next along each axis of a [`Shape`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Strides<const D: usize> {
    /// From an image to the next.
    pub batch: usize,
    /// From a channel to the next.
    pub channel: usize,
    /// From a cell to the next along each spatial axis.
    pub spatial: [usize; D],
}

/// Something that says a [`Shape`]: the shape itself, or an array in memory order,
/// `[batch, channels, spatial..]` if `CHANNELS_LAST` is false, else
/// `[batch, spatial.., channels]`. Sealed.
pub trait IntoShape<const D: usize, const CHANNELS_LAST: bool>: sealed::Sealed {
    /// The shape.
    fn into_shape(self) -> Shape<D>;
}

mod sealed {
    pub trait Sealed {}
}

impl<const D: usize> sealed::Sealed for Shape<D> {}

impl<const D: usize, const LAST: bool> IntoShape<D, LAST> for Shape<D> {
    fn into_shape(self) -> Shape<D> {
        self
    }
}

macro_rules! into_shape {
    ($d:literal, $($axis:ident),+) => {
        impl sealed::Sealed for [usize; $d + 2] {}

        impl IntoShape<$d, false> for [usize; $d + 2] {
            fn into_shape(self) -> Shape<$d> {
                let [batch, channels, $($axis),+] = self;
                Shape { batch, channels, spatial: [$($axis),+] }
            }
        }
        impl IntoShape<$d, true> for [usize; $d + 2] {
            fn into_shape(self) -> Shape<$d> {
                let [batch, $($axis),+, channels] = self;
                Shape { batch, channels, spatial: [$($axis),+] }
            }
        }
    };
}
into_shape!(1, cols);
into_shape!(2, rows, cols);
into_shape!(3, depth, rows, cols);

/// A shape and its strides: where the cells of an image batch lie in a slice, whichever that is.
///
/// ```
/// use lanepool::Layout;
/// let layout = Layout::nhwc([1, 4, 5, 3])?;
/// assert_eq!(layout.shape().channels, 3);
/// assert_eq!(layout.strides().spatial, [15, 3]);
/// # Ok::<(), lanepool::PoolError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Layout<const D: usize> {
    pub(crate) shape: Shape<D>,
    pub(crate) strides: Strides<D>,
}

/// Extent, stride and name of an axis.
type AxisOf = (usize, usize, AxisName);

impl<const D: usize> Layout<D> {
    const DIMENSIONS: () = assert!(D >= 1 && D <= 3, "images have one to three spatial axes");

    fn new(shape: Shape<D>, strides: Strides<D>) -> Self {
        const { Self::DIMENSIONS }
        Self { shape, strides }
    }

    /// Channels outside the spatial axes, all dense; see [`View::nchw`].
    ///
    /// # Errors
    /// [`PoolError::Overflow`].
    pub fn nchw(shape: impl IntoShape<D, false>) -> Result<Self, PoolError> {
        Self::dense(shape.into_shape(), false).map(|(layout, _)| layout)
    }

    /// Channels innermost, all dense; see [`View::nhwc`].
    ///
    /// # Errors
    /// [`PoolError::Overflow`].
    pub fn nhwc(shape: impl IntoShape<D, true>) -> Result<Self, PoolError> {
        Self::dense(shape.into_shape(), true).map(|(layout, _)| layout)
    }

    /// Any strides, counted in elements.
    ///
    /// # Errors
    /// [`PoolError::Overflow`] if a cell lies further than `usize` counts.
    pub fn with_strides(shape: Shape<D>, strides: Strides<D>) -> Result<Self, PoolError> {
        let layout = Self::new(shape, strides);
        layout.reach().map(|_| layout)
    }

    /// Extents.
    pub fn shape(&self) -> Shape<D> {
        self.shape
    }

    /// Strides in elements.
    pub fn strides(&self) -> Strides<D> {
        self.strides
    }

    /// Dense strides, in the order of the axes in memory, innermost last; and the reach.
    fn dense(shape: Shape<D>, channels_last: bool) -> Result<(Self, usize), PoolError> {
        let (Strides { batch, channel, spatial: lifted }, reach) = Layout::strides_of(&shape.lift(), channels_last)?;
        let mut spatial = [0; D];
        spatial.copy_from_slice(&lifted[3 - D..]);
        Ok((Self::new(shape, Strides { batch, channel, spatial }), reach))
    }

    pub(crate) fn is_empty(&self) -> bool {
        has_no_cells(&self.shape.lift())
    }

    /// Elements from the first to the last that is reached, in checked arithmetic.
    pub(crate) fn reach(&self) -> Result<usize, PoolError> {
        self.lift().check_reach()
    }

    /// That strides nest: each is at least the reach of all smaller ones.
    pub(crate) fn check_distinct(&self) -> Result<(), PoolError> {
        self.lift().check_nesting()
    }

    /// The part within `range` of spatial axis `axis`, and where it starts.
    fn narrow(extent: &mut usize, stride: usize, range: Range<usize>, axis: AxisName) -> Result<usize, PoolError> {
        let Range { start, end } = range;
        if start > end || end > *extent {
            return Err(PoolError::Range { axis, start, end, len: *extent });
        }
        *extent = end - start;
        // Within the reach of the whole view, or of an empty one.
        Ok(start.saturating_mul(stride))
    }

    /// The same image with three spatial axes.
    pub(crate) fn lift(&self) -> Layout<3> {
        let mut strides = [0; 3];
        strides[3 - D..].copy_from_slice(&self.strides.spatial);
        Layout {
            shape: self.shape.lift(),
            strides: Strides { batch: self.strides.batch, channel: self.strides.channel, spatial: strides },
        }
    }
}

/// What all layouts share, as functions that are compiled once.
impl Layout<3> {
    /// All axes: batch, channels, and the spatial ones.
    fn axes(&self) -> [AxisOf; 5] {
        let (Shape { batch, channels, spatial }, strides) = (self.shape, &self.strides);
        let [depth, rows, cols] = strides.spatial;
        [
            (batch, strides.batch, AxisName::Batch),
            (channels, strides.channel, AxisName::Channels),
            (spatial[0], depth, AxisName::Depth),
            (spatial[1], rows, AxisName::Rows),
            (spatial[2], cols, AxisName::Cols),
        ]
    }

    /// Dense strides, in the order of the axes in memory, innermost last; and the reach.
    #[inline(never)]
    fn strides_of(shape: &Shape<3>, channels_last: bool) -> Result<(Strides<3>, usize), PoolError> {
        let mut run = 1usize;
        let mut stride = |extent: usize, axis| {
            let own = run;
            // An extent of zero reaches nothing, but must not make strides zero.
            run = run.checked_mul(extent.max(1)).ok_or(PoolError::Overflow { axis })?;
            Ok(own)
        };
        let mut strides = Strides { batch: 0, channel: 0, spatial: [0; 3] };
        if channels_last {
            strides.channel = stride(shape.channels, AxisName::Channels)?;
        }
        for i in (0..3).rev() {
            strides.spatial[i] = stride(shape.spatial[i], AxisName::of(i))?;
        }
        if !channels_last {
            strides.channel = stride(shape.channels, AxisName::Channels)?;
        }
        strides.batch = stride(shape.batch, AxisName::Batch)?;
        Ok((strides, if has_no_cells(shape) { 0 } else { run }))
    }

    #[inline(never)]
    fn check_reach(&self) -> Result<usize, PoolError> {
        if has_no_cells(&self.shape) {
            return Ok(0);
        }
        self.axes().iter().try_fold(1usize, |reach, &(extent, stride, axis)| {
            let last = (extent - 1).checked_mul(stride);
            last.and_then(|last| reach.checked_add(last)).ok_or(PoolError::Overflow { axis })
        })
    }

    #[inline(never)]
    fn check_nesting(&self) -> Result<(), PoolError> {
        if has_no_cells(&self.shape) {
            return Ok(());
        }
        let mut axes = self.axes();
        axes.sort_unstable_by_key(|&(extent, stride, _)| (stride, extent));
        let mut needed = 1;
        for (extent, given, axis) in axes {
            if extent > 1 {
                if given < needed {
                    return Err(PoolError::Overlap { axis, needed, given });
                }
                // `reach` has shown that this does not overflow.
                needed += (extent - 1) * given;
            }
        }
        Ok(())
    }

    /// Whether cells lie in memory in the order of their axes, without gaps: channels last, or before the spatial ones.
    pub(crate) fn is_dense(&self, channels_last: bool) -> bool {
        let dense = Self::dense(self.shape, channels_last);
        dense.is_ok_and(|(dense, _)| dense.axes().iter().zip(self.axes()).all(|(a, b)| a.1 == b.1 || b.0 == 1))
    }

    /// Whether the plane of each channel lies in memory without gaps, row by row.
    pub(crate) fn is_flat(&self) -> bool {
        let [depth, rows, cols] = self.shape.spatial;
        let [slice, row, col] = self.strides.spatial;
        col == 1 && (rows == 1 || row == cols) && (depth == 1 || slice == rows.wrapping_mul(cols))
    }

    /// The element of a cell.
    #[inline(always)]
    pub(crate) fn at(&self, n: usize, c: usize, [d, y, x]: [usize; 3]) -> usize {
        let Strides { batch, channel, spatial } = self.strides;
        n * batch + c * channel + d * spatial[0] + y * spatial[1] + x * spatial[2]
    }
}

fn has_no_cells(Shape { batch, channels, spatial: [depth, rows, cols] }: &Shape<3>) -> bool {
    [*batch, *channels, *depth, *rows, *cols].contains(&0)
}

/// Images that are read: `batch x channels x D` spatial axes with any strides.
///
/// ```
/// use lanepool::View;
/// let x = [0.0f32; 2 * 3 * 4 * 5];
/// let nchw = View::nchw(&x, [2, 3, 4, 5])?;
/// let nhwc = View::nhwc(&x, [2, 4, 5, 3])?;
/// assert_eq!(nchw.shape(), nhwc.shape());
/// let middle = nhwc.crop([1..3, 1..4])?.channels(0..1)?;
/// assert_eq!(middle.shape().spatial, [2, 3]);
/// # Ok::<(), lanepool::PoolError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct View<'a, T, const D: usize> {
    data: &'a [T],
    layout: Layout<D>,
}

/// Images that are written. No two cells share an element.
#[derive(Debug)]
pub struct ViewMut<'a, T, const D: usize> {
    data: &'a mut [T],
    layout: Layout<D>,
}

/// What both kinds of view offer, written once.
macro_rules! view {
    ($View:ident, $Slice:ty, $argument:expr, $check:expr, $rest:expr) => {
        impl<'a, T, const D: usize> $View<'a, T, D> {
            /// Channels outside the spatial axes, all dense: `[batch, channels, spatial..]`
            /// (NCW, NCHW or NCDHW, by the number of axes).
            ///
            /// # Errors
            /// [`PoolError::TooShort`] or [`PoolError::Overflow`].
            pub fn nchw(data: $Slice, shape: impl IntoShape<D, false>) -> Result<Self, PoolError> {
                Self::checked(data, Layout::dense(shape.into_shape(), false)?)
            }

            /// Channels innermost, all dense: `[batch, spatial.., channels]`
            /// (NWC, NHWC or NDHWC, by the number of axes).
            ///
            /// # Errors
            /// [`PoolError::TooShort`] or [`PoolError::Overflow`].
            pub fn nhwc(data: $Slice, shape: impl IntoShape<D, true>) -> Result<Self, PoolError> {
                Self::checked(data, Layout::dense(shape.into_shape(), true)?)
            }

            /// Any strides, counted in elements. Strides of a view that is written must nest:
            /// each at least the reach of all smaller ones together. What reads or writes a view takes time by its
            /// cells: one that strides of 0 name again and again is as many.
            ///
            /// # Errors
            /// [`PoolError::TooShort`], [`PoolError::Overflow`], and, to write,
            /// [`PoolError::Overlap`].
            pub fn with_strides(data: $Slice, shape: Shape<D>, strides: Strides<D>) -> Result<Self, PoolError> {
                let layout = Layout::new(shape, strides);
                let view = Self::checked(data, (layout, layout.reach()?))?;
                let check: fn(&Layout<D>) -> Result<(), PoolError> = $check;
                check(&view.layout)?;
                Ok(view)
            }

            /// Of strides that nest, and of a known reach.
            fn checked(data: $Slice, (layout, needed): (Layout<D>, usize)) -> Result<Self, PoolError> {
                let (argument, given) = ($argument, data.len());
                if needed > given {
                    Err(PoolError::TooShort { argument, needed, given })
                } else {
                    Ok(Self { data, layout })
                }
            }

            /// Extents.
            pub fn shape(&self) -> Shape<D> {
                self.layout.shape
            }

            /// Strides in elements.
            pub fn strides(&self) -> Strides<D> {
                self.layout.strides
            }

            /// The cells within a range of each spatial axis.
            ///
            /// # Errors
            /// [`PoolError::Range`] with the axis.
            pub fn crop(self, ranges: [Range<usize>; D]) -> Result<Self, PoolError> {
                let (mut layout, mut start) = (self.layout, 0usize);
                for (i, range) in ranges.into_iter().enumerate() {
                    let stride = layout.strides.spatial[i];
                    let axis = AxisName::spatial::<D>(i);
                    let from = Layout::<D>::narrow(&mut layout.shape.spatial[i], stride, range, axis)?;
                    start = start.saturating_add(from);
                }
                Ok(Self { data: $rest(self.data, start), layout })
            }

            /// The channels within a range.
            ///
            /// # Errors
            /// [`PoolError::Range`].
            pub fn channels(self, range: Range<usize>) -> Result<Self, PoolError> {
                let mut layout = self.layout;
                let stride = layout.strides.channel;
                let start = Layout::<D>::narrow(&mut layout.shape.channels, stride, range, AxisName::Channels)?;
                Ok(Self { data: $rest(self.data, start), layout })
            }

            /// The images within a range.
            ///
            /// # Errors
            /// [`PoolError::Range`].
            pub fn batch(self, range: Range<usize>) -> Result<Self, PoolError> {
                let mut layout = self.layout;
                let stride = layout.strides.batch;
                let start = Layout::<D>::narrow(&mut layout.shape.batch, stride, range, AxisName::Batch)?;
                Ok(Self { data: $rest(self.data, start), layout })
            }

            /// The cells within a range of the outermost spatial axis: of rows, in 2-D.
            ///
            /// # Errors
            /// [`PoolError::Range`].
            pub fn rows(self, range: Range<usize>) -> Result<Self, PoolError> {
                let mut ranges = self.layout.shape.spatial.map(|extent| 0..extent);
                ranges[0] = range;
                self.crop(ranges)
            }

            /// Where the cells lie.
            pub fn layout(&self) -> Layout<D> {
                self.layout
            }

            /// The same images with three spatial axes, for the kernels.
            pub(crate) fn into_parts(self) -> ($Slice, Layout<3>) {
                (self.data, self.layout.lift())
            }
        }
    };
}
view!(View, &'a [T], Argument::Input, |_| Ok(()), |data: &'a [T], start| data.get(start..).unwrap_or(&[]));
view!(ViewMut, &'a mut [T], Argument::Output, |layout| layout.check_distinct(), |data: &'a mut [T], start| data
    .get_mut(start..)
    .unwrap_or(&mut []));

impl<'a, T, const D: usize> View<'a, T, D> {
    /// The slice that the cells lie in.
    pub(crate) fn data(&self) -> &'a [T] {
        self.data
    }
}

impl<T, const D: usize> ViewMut<'_, T, D> {
    /// The slice that the cells lie in.
    pub(crate) fn data(&mut self) -> &mut [T] {
        self.data
    }

    /// The same view for a shorter time, so that it can be used again afterwards.
    pub fn reborrow(&mut self) -> ViewMut<'_, T, D> {
        ViewMut { data: self.data, layout: self.layout }
    }

    /// Writes `value` to every cell.
    pub(crate) fn fill(&mut self, value: T)
    where
        T: Copy,
    {
        // Without a cell, the other extents have no bound.
        if self.layout.is_empty() {
            return;
        }
        let layout = self.layout.lift();
        let Layout { shape: Shape { batch, channels, spatial: [depth, rows, cols] }, strides } = layout;
        for n in 0..batch {
            for c in 0..channels {
                for z in 0..depth {
                    for y in 0..rows {
                        let from = layout.at(n, c, [z, y, 0]);
                        scatter_all(self.data, from, strides.spatial[2], cols, value);
                    }
                }
            }
        }
    }
}

/// Writes `value` to `n` places that lie `step` apart.
fn scatter_all<T: Copy>(data: &mut [T], at: usize, step: usize, n: usize, value: T) {
    for i in 0..n {
        if let Some(to) = data.get_mut(at + i * step) {
            *to = value;
        }
    }
}
