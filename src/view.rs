//! Images over slices: shape, strides, and the proof, made once, that every cell lies in the
//! slice. At the end stand [`Reader`] and [`Writer`], through which kernels reach memory.

use crate::error::{Argument, AxisName, PoolError};
use bytemuck::Pod;
use core::marker::PhantomData;
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
/// `[batch, spatial.., channels]`. Sealed by its use.
pub trait IntoShape<const D: usize, const CHANNELS_LAST: bool> {
    /// The shape.
    fn into_shape(self) -> Shape<D>;
}

impl<const D: usize, const LAST: bool> IntoShape<D, LAST> for Shape<D> {
    fn into_shape(self) -> Shape<D> {
        self
    }
}

macro_rules! into_shape {
    ($d:literal, $($axis:ident),+) => {
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

/// A shape and its strides: the geometry that both kinds of view share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout<const D: usize> {
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

    /// Dense strides, in the order of the axes in memory, innermost last.
    fn dense(shape: Shape<D>, channels_last: bool) -> Result<Self, PoolError> {
        let mut run = 1usize;
        let mut stride = |extent: usize, axis| {
            let own = run;
            // An extent of zero reaches nothing, but must not make strides zero.
            run = run.checked_mul(extent.max(1)).ok_or(PoolError::Overflow { axis })?;
            Ok(own)
        };
        let mut strides = Strides { batch: 0, channel: 0, spatial: [0; D] };
        if channels_last {
            strides.channel = stride(shape.channels, AxisName::Channels)?;
        }
        for i in (0..D).rev() {
            strides.spatial[i] = stride(shape.spatial[i], AxisName::spatial::<D>(i))?;
        }
        if !channels_last {
            strides.channel = stride(shape.channels, AxisName::Channels)?;
        }
        strides.batch = stride(shape.batch, AxisName::Batch)?;
        Ok(Self::new(shape, strides))
    }

    /// All axes, padded to five: batch, channels, and the spatial ones from the innermost.
    fn axes(&self) -> [AxisOf; 5] {
        let mut axes = [(1, 0, AxisName::Depth); 5];
        axes[0] = (self.shape.batch, self.strides.batch, AxisName::Batch);
        axes[1] = (self.shape.channels, self.strides.channel, AxisName::Channels);
        for i in 0..D {
            axes[4 - i] =
                (self.shape.spatial[D - 1 - i], self.strides.spatial[D - 1 - i], AxisName::spatial::<D>(D - 1 - i));
        }
        axes
    }

    fn is_empty(&self) -> bool {
        self.axes().iter().any(|&(extent, ..)| extent == 0)
    }

    /// Elements from the first to the last that is reached, in checked arithmetic.
    fn reach(&self) -> Result<usize, PoolError> {
        if self.is_empty() {
            return Ok(0);
        }
        self.axes().iter().try_fold(1usize, |reach, &(extent, stride, axis)| {
            let last = (extent - 1).checked_mul(stride);
            last.and_then(|last| reach.checked_add(last)).ok_or(PoolError::Overflow { axis })
        })
    }

    fn check_len(&self, argument: Argument, given: usize) -> Result<(), PoolError> {
        let needed = self.reach()?;
        if needed > given { Err(PoolError::TooShort { argument, needed, given }) } else { Ok(()) }
    }

    /// That strides nest: each is at least the reach of all smaller ones.
    fn check_distinct(&self) -> Result<(), PoolError> {
        if self.is_empty() {
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

impl Layout<3> {
    /// The element of a cell.
    #[inline(always)]
    pub(crate) fn at(&self, n: usize, c: usize, [d, y, x]: [usize; 3]) -> usize {
        let Strides { batch, channel, spatial } = self.strides;
        n * batch + c * channel + d * spatial[0] + y * spatial[1] + x * spatial[2]
    }
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
                Self::new(data, Layout::dense(shape.into_shape(), false)?)
            }

            /// Channels innermost, all dense: `[batch, spatial.., channels]`
            /// (NWC, NHWC or NDHWC, by the number of axes).
            ///
            /// # Errors
            /// [`PoolError::TooShort`] or [`PoolError::Overflow`].
            pub fn nhwc(data: $Slice, shape: impl IntoShape<D, true>) -> Result<Self, PoolError> {
                Self::new(data, Layout::dense(shape.into_shape(), true)?)
            }

            /// Any strides, counted in elements. Strides of a view that is written must nest:
            /// each at least the reach of all smaller ones together.
            ///
            /// # Errors
            /// [`PoolError::TooShort`], [`PoolError::Overflow`], and, to write,
            /// [`PoolError::Overlap`].
            pub fn with_strides(data: $Slice, shape: Shape<D>, strides: Strides<D>) -> Result<Self, PoolError> {
                Self::new(data, Layout::new(shape, strides))
            }

            fn new(data: $Slice, layout: Layout<D>) -> Result<Self, PoolError> {
                layout.check_len($argument, data.len())?;
                let check: fn(&Layout<D>) -> Result<(), PoolError> = $check;
                check(&layout)?;
                Ok(Self { data, layout })
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

impl<T, const D: usize> View<'_, T, D> {
    /// Whether there is no cell; then the strides have no bound.
    pub(crate) fn is_empty(&self) -> bool {
        self.layout.is_empty()
    }
}

impl<T, const D: usize> ViewMut<'_, T, D> {
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

/// Reads of whole arrays at any element of a slice.
///
/// A kernel computes positions from a view and from tap ranges that were proved beforehand, so
/// no position is ever wrong. Memory safety does not rest on that: a position past the last
/// array is moved back onto it, by one instruction and without a branch that could fail.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a, T, A> {
    data: &'a [T],
    last: usize,
    arrays: PhantomData<A>,
}

/// Elements of an array; both types must be made of the same elements.
const fn len_of<T: Pod, A: Pod>() -> usize {
    assert!(align_of::<A>() <= align_of::<T>() && size_of::<A>() >= size_of::<T>());
    assert!(size_of::<A>().is_multiple_of(size_of::<T>()));
    size_of::<A>() / size_of::<T>()
}

impl<'a, T: Pod, A: Pod> Reader<'a, T, A> {
    /// `None` if the slice is shorter than one array.
    #[inline(always)]
    pub(crate) fn new(data: &'a [T]) -> Option<Self> {
        let last = data.len().checked_sub(const { len_of::<T, A>() })?;
        Some(Self { data, last, arrays: PhantomData })
    }

    /// The array that starts at element `index`.
    #[inline(always)]
    pub(crate) fn at(&self, index: usize) -> &'a A {
        debug_assert!(index <= self.last);
        let index = index.min(self.last);
        // SAFETY: `index <= last = data.len() - len_of::<T, A>()`, so the offset is inside the slice.
        let from = unsafe { self.data.as_ptr().add(index) };
        // SAFETY: `len_of` elements follow within the slice; it has checked, when compiling, that
        // `A` is exactly as large as they are and needs no more alignment; `A: Pod` takes any bits.
        unsafe { &*from.cast::<A>() }
    }
}

/// How the taps of a window lie: how many along each axis, and how many elements apart.
#[derive(Clone, Copy)]
pub(crate) struct Footprint {
    taps: [usize; 3],
    steps: [usize; 3],
    /// Elements from the first tap to the last: the sum of `(taps - 1) * steps`, which does not overflow.
    reach: usize,
}

impl Footprint {
    /// There is at least one tap; where an axis has just one, its step may be any number.
    #[inline(always)]
    pub(crate) fn new(taps: [usize; 3], steps: [usize; 3]) -> Self {
        let mut reach = Some(0usize);
        for i in 0..3 {
            let along = taps[i].saturating_sub(1).checked_mul(steps[i]);
            reach = reach.zip(along).and_then(|(reach, along)| reach.checked_add(along));
        }
        debug_assert!(reach.is_some());
        match reach {
            Some(reach) => Self { taps, steps, reach },
            None => Self { taps: [1; 3], steps: [0; 3], reach: 0 },
        }
    }

    /// As many columns of these taps, `step` elements apart.
    #[inline(always)]
    pub(crate) fn columns(&self, columns: usize, step: usize) -> Self {
        let ([d, r, _], [ds, rs, _]) = (self.taps, self.steps);
        Self::new([d, r, columns], [ds, rs, step])
    }

    /// Taps along each axis.
    #[inline(always)]
    pub(crate) fn taps(&self) -> [usize; 3] {
        self.taps
    }

    /// Elements from a tap to the next.
    #[inline(always)]
    pub(crate) fn steps(&self) -> [usize; 3] {
        self.steps
    }

    /// Elements from the first tap to the last.
    #[inline(always)]
    pub(crate) fn reach(&self) -> usize {
        self.reach
    }

    /// Elements from the first tap to this one, or to the last of an axis that has not so many.
    #[inline(always)]
    pub(crate) fn offset(&self, tap: [usize; 3]) -> usize {
        let mut offset = 0;
        for ((tap, taps), step) in tap.into_iter().zip(self.taps).zip(self.steps) {
            debug_assert!(tap < taps);
            // With one tap, nothing is added, whatever the step.
            offset += tap.min(taps.saturating_sub(1)).wrapping_mul(step);
        }
        offset
    }
}

impl<'a, T: Pod, A: Pod> Reader<'a, T, A> {
    /// The arrays at the taps of a window whose first lies at element `index`. `None` if no window of this footprint
    /// fits the slice. The position is checked here, once for all taps.
    #[inline(always)]
    pub(crate) fn window(&self, index: usize, footprint: Footprint) -> Option<WindowReader<'a, T, A>> {
        let last = self.last.checked_sub(footprint.reach)?;
        debug_assert!(index <= last);
        Some(WindowReader { data: self.data, first: index.min(last), footprint, arrays: PhantomData })
    }
}

/// Reads of whole arrays at the taps of a window.
#[derive(Clone, Copy)]
pub(crate) struct WindowReader<'a, T, A> {
    data: &'a [T],
    /// With the reach of the footprint and an array, within the slice.
    first: usize,
    footprint: Footprint,
    arrays: PhantomData<A>,
}

impl<'a, T: Pod, A: Pod> WindowReader<'a, T, A> {
    /// The array at a tap.
    #[inline(always)]
    pub(crate) fn at(&self, tap: [usize; 3]) -> &'a A {
        let index = self.first + self.footprint.offset(tap);
        // SAFETY: the offset is at most the footprint's reach, and `Reader::window` has seen that `first` and the
        // reach are together at most `data.len() - len_of::<T, A>()`.
        let from = unsafe { self.data.as_ptr().add(index) };
        // SAFETY: as in `Reader::at`.
        unsafe { &*from.cast::<A>() }
    }
}

/// Writes of whole arrays at any element of a slice; the counterpart of [`Reader`].
pub(crate) struct Writer<'a, T, A> {
    data: &'a mut [T],
    last: usize,
    arrays: PhantomData<A>,
}

impl<'a, T: Pod, A: Pod> Writer<'a, T, A> {
    /// `None` if the slice is shorter than one array.
    #[inline(always)]
    pub(crate) fn new(data: &'a mut [T]) -> Option<Self> {
        let last = data.len().checked_sub(const { len_of::<T, A>() })?;
        Some(Self { data, last, arrays: PhantomData })
    }

    /// The array that starts at element `index`.
    #[inline(always)]
    pub(crate) fn at(&mut self, index: usize) -> &mut A {
        debug_assert!(index <= self.last);
        let index = index.min(self.last);
        // SAFETY: `index <= last = data.len() - len_of::<T, A>()`, so the offset is inside the slice.
        let to = unsafe { self.data.as_mut_ptr().add(index) };
        // SAFETY: as in `Reader::at`; the borrow of `self` makes this the only reference.
        unsafe { &mut *to.cast::<A>() }
    }
}

/// Copies up to a whole array of elements that lie `step` apart; the rest stays zero. Must be inlined: LLVM 22
/// was seen to load the array that a call returned as an aligned vector from a slot that is not.
#[inline(always)]
pub(crate) fn gather<T: Pod, A: Pod + AsMut<[T]>>(data: &[T], at: usize, step: usize, n: usize) -> A {
    let mut array = A::zeroed();
    for (i, to) in array.as_mut().iter_mut().take(n).enumerate() {
        debug_assert!(at + i * step < data.len());
        if let Some(from) = data.get(at + i * step) {
            *to = *from;
        }
    }
    array
}

/// Writes `value` to `n` places that lie `step` apart.
fn scatter_all<T: Copy>(data: &mut [T], at: usize, step: usize, n: usize, value: T) {
    for i in 0..n {
        if let Some(to) = data.get_mut(at + i * step) {
            *to = value;
        }
    }
}

/// Copies the first `n` elements of an array to places that lie `step` apart.
#[inline(always)]
pub(crate) fn scatter<T: Pod, A: AsRef<[T]>>(data: &mut [T], at: usize, step: usize, n: usize, array: &A) {
    for (i, from) in array.as_ref().iter().take(n).enumerate() {
        debug_assert!(at + i * step < data.len());
        if let Some(to) = data.get_mut(at + i * step) {
            *to = *from;
        }
    }
}
