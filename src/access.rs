//! How kernels reach memory: whole arrays at any element of a slice. The one place, beside the lanes and the door to them,
//! where positions are trusted; each type says what it has checked.

use bytemuck::Pod;
use core::marker::PhantomData;

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

/// Reads of whole arrays at the same columns of a few rows, which lie anywhere in a slice.
#[derive(Clone, Copy)]
pub(crate) struct RowsReader<'a, T, const R: usize> {
    data: &'a [T],
    /// Where each row starts; with the width, within the slice.
    starts: [usize; R],
    width: usize,
}

impl<'a, T: Pod, const R: usize> RowsReader<'a, T, R> {
    /// Rows of `width` elements; `None` unless all lie within the slice.
    #[inline(always)]
    pub(crate) fn new(data: &'a [T], width: usize, start: impl Fn(usize) -> usize) -> Option<Self> {
        let last = data.len().checked_sub(width)?;
        let mut starts = [0; R];
        // One after the other: branches that are never taken are free, where vectors of positions would be waited for.
        for (i, to) in starts.iter_mut().enumerate() {
            *to = start(i);
            debug_assert!(*to <= last);
            if *to > last {
                return None;
            }
        }
        Some(Self { data, starts, width })
    }

    /// The arrays from column `c` on; `None` if they would exceed the rows. The column is checked here, once for all rows.
    #[inline(always)]
    pub(crate) fn columns<A: Pod>(&self, c: usize) -> Option<ColumnsReader<'a, '_, T, A, R>> {
        let last = self.width.checked_sub(const { len_of::<T, A>() })?;
        (c <= last).then_some(ColumnsReader { rows: self, column: c, arrays: PhantomData })
    }
}

/// Reads of whole arrays from one column on.
#[derive(Clone, Copy)]
pub(crate) struct ColumnsReader<'a, 'r, T, A, const R: usize> {
    rows: &'r RowsReader<'a, T, R>,
    /// With an array, within the width of the rows.
    column: usize,
    arrays: PhantomData<A>,
}

impl<'a, 'r, T: Pod, A: Pod, const R: usize> ColumnsReader<'a, 'r, T, A, R> {
    /// The array of each row, in their order.
    #[inline(always)]
    pub(crate) fn each(self) -> impl Iterator<Item = &'a A> + use<'a, 'r, T, A, R> {
        let Self { rows: RowsReader { data, starts, .. }, column, .. } = self;
        starts.iter().map(
            #[inline(always)]
            move |start| {
                // SAFETY: the row starts at least the width before the end of the slice, and `columns` has seen that
                // `column` and an array are together at most the width.
                let from = unsafe { data.as_ptr().add(start + column) };
                // SAFETY: as in `Reader::at`.
                unsafe { &*from.cast::<A>() }
            },
        )
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
