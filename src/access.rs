//! How kernels reach memory: whole arrays at any element of a slice. The one place, beside the lanes and the door to them,
//! where positions are trusted; each type says what it has checked.

use crate::lanes::hidden;
use bytemuck::Pod;
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ptr::NonNull;

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
    if size_of::<T>() == 0 {
        // Elements that take no room are everywhere.
        return 0;
    }
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
        self.nearest(index)
    }

    /// The array that starts at element `index`, or the last one.
    #[inline(always)]
    pub(crate) fn nearest(&self, index: usize) -> &'a A {
        let index = index.min(self.last);
        // SAFETY: `index <= last = data.len() - len_of::<T, A>()`, so the offset is inside the slice.
        let from = unsafe { self.data.as_ptr().add(index) };
        // SAFETY: `len_of` elements follow within the slice; it has checked, when compiling, that
        // `A` is exactly as large as they are and needs no more alignment; `A: Pod` takes any bits.
        unsafe { &*from.cast::<A>() }
    }
}

/// Reads of whole arrays at any element of a slice, of which the last may reach past its end: nothing is read there.
#[derive(Clone, Copy)]
pub(crate) struct EndReader<'a, T, A> {
    data: &'a [T],
    /// Positions at which a whole array starts.
    starts: usize,
    arrays: PhantomData<A>,
}

impl<'a, T: Pod, A: Pod + AsMut<[T]>> EndReader<'a, T, A> {
    #[inline(always)]
    pub(crate) fn new(data: &'a [T]) -> Self {
        let starts = (data.len() + 1).saturating_sub(const { len_of::<T, A>() });
        Self { data, starts, arrays: PhantomData }
    }

    /// The array that starts at element `index`; `room` is for one that reaches past the end, where it is zero.
    #[inline(always)]
    pub(crate) fn at<'r>(&self, index: usize, room: &'r mut A) -> &'r A
    where
        'a: 'r,
    {
        if index < self.starts {
            // SAFETY: `index < starts`, so an array's elements follow within the slice.
            let from = unsafe { self.data.as_ptr().add(index) };
            // SAFETY: as in `Reader::at`.
            return unsafe { &*from.cast::<A>() };
        }
        copy_end(self.data, index, room.as_mut());
        room
    }
}

/// Copies the elements from `index` on, as many as there are.
#[cold]
#[inline(never)]
fn copy_end<T: Pod>(data: &[T], index: usize, to: &mut [T]) {
    let end = data.get(index..).unwrap_or_default();
    to.iter_mut().zip(end).for_each(|(to, x)| *to = *x);
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
                // SAFETY: the row starts at least the width before the end of the slice.
                let from = unsafe { data.as_ptr().add(*start) };
                // SAFETY: `columns` has seen that `column` and an array are together at most the width.
                let from = unsafe { from.add(column) };
                // SAFETY: as in `Reader::at`.
                unsafe { &*from.cast::<A>() }
            },
        )
    }
}

/// That an array of what lies beside elements has one for each of those; both take room, or it takes none at all.
const fn assert_beside<C: Pod, A: Pod, S: Pod, B: Pod>() {
    assert!(len_of::<S, B>() == if size_of::<S>() == 0 { 0 } else { len_of::<C, A>() });
    assert!(size_of::<S>() > 0 || size_of::<B>() == 0);
}

/// Runs along two axes: how many, and how far from one to the next in what is read and in what is written.
#[derive(Clone, Copy)]
pub(crate) struct Block {
    pub(crate) count: [usize; 2],
    pub(crate) from: [usize; 2],
    pub(crate) to: [usize; 2],
}

impl Block {
    /// One run.
    pub(crate) const ONE: Self = Self { count: [1; 2], from: [0; 2], to: [0; 2] };
}

/// The end of the last of the runs along both axes, of which each ends `len` elements after its first; `None` if there is none, or
/// if it is further than can be counted. A function of its own: it is asked once a pass, and every pass asks.
#[inline(never)]
fn end(first: usize, len: usize, count_a: usize, step_a: usize, count_b: usize, step_b: usize) -> Option<usize> {
    let all_but_last = |count: usize, step: usize| count.checked_sub(1)?.checked_mul(step);
    first.checked_add(len)?.checked_add(all_but_last(count_a, step_a)?)?.checked_add(all_but_last(count_b, step_b)?)
}

/// Where runs lie, with others below them: proved once to be within slices, which are those of who keeps this.
#[derive(Clone, Copy)]
struct Extent {
    first: usize,
    count: [usize; 2],
    step: [usize; 2],
    lines: usize,
    apart: usize,
    len: usize,
}

impl Extent {
    /// From element `first` on, `len` elements each; and as many `lines` of each, which lie `apart`. `None` unless there are some, and
    /// all lie within slices of so many elements.
    #[inline(always)]
    fn new(
        within: [usize; 2],
        (count, step): ([usize; 2], [usize; 2]),
        first: usize,
        [lines, apart]: [usize; 2],
        len: usize,
    ) -> Option<Self> {
        let below = lines.checked_sub(1)?.checked_mul(apart)?;
        let end = end(first, len.checked_add(below)?, count[0], step[0], count[1], step[1])?;
        (end <= within[0] && end <= within[1]).then_some(Self { first, count, step, lines, apart, len })
    }

    /// A run, if it is one of these.
    #[inline(always)]
    fn run(&self, [a, b]: [usize; 2]) -> Option<Span> {
        debug_assert!(a < self.count[0] && b < self.count[1]);
        if a >= self.count[0] || b >= self.count[1] {
            return None;
        }
        // Nothing of it overflows, for it lies below the end. One place for all of a run is enough.
        let at = hidden(self.first + a * self.step[0] + b * self.step[1]);
        Some(Span { at, lines: self.lines, apart: self.apart, len: self.len })
    }
}

/// Where one run lies, with others below it: within the slices of its [`Extent`].
#[derive(Clone, Copy)]
struct Span {
    at: usize,
    lines: usize,
    apart: usize,
    len: usize,
}

impl Span {
    /// Where the arrays at element `i` start: their elements are in both slices, in each line. `None` if they would exceed the run.
    #[inline(always)]
    fn array<C: Pod, S: Pod, A: Pod, B: Pod>(&self, i: usize) -> Option<usize> {
        const { assert_beside::<C, A, S, B>() }
        let last = self.len.checked_sub(const { len_of::<C, A>() })?;
        debug_assert!(i <= last);
        (i <= last).then_some(self.at + i)
    }

    /// These arrays and those below them, in the slices of the extent.
    #[inline(always)]
    fn column<'a, C: Pod, S: Pod, A: Pod, B: Pod>(
        &self,
        cells: &'a [C],
        side: &'a [S],
        i: usize,
    ) -> Option<Column<'a, C, S, A, B>> {
        let at = self.array::<C, S, A, B>(i)?;
        Some(Column { cells, side, at, step: self.apart, left: self.lines, arrays: PhantomData })
    }
}

/// Runs of elements, with others below them, and of what lies beside each element: all proved to be there, once.
#[derive(Clone, Copy)]
pub(crate) struct Runs<'a, C, S> {
    cells: &'a [C],
    side: &'a [S],
    /// Within both slices.
    extent: Extent,
}

impl<'a, C: Pod, S: Pod> Runs<'a, C, S> {
    /// The runs of a block that are read, from element `first` on, of `len` elements each; and as many `lines` of each, which lie
    /// `apart`. `None` unless there are some, and all lie within the slices.
    #[inline(always)]
    pub(crate) fn new(
        (cells, side): (&'a [C], &'a [S]),
        block: &Block,
        first: usize,
        lines: [usize; 2],
        len: usize,
    ) -> Option<Self> {
        let extent = Extent::new([cells.len(), side.len()], (block.count, block.from), first, lines, len)?;
        Some(Self { cells, side, extent })
    }

    /// A run, if it is one of the block.
    #[inline(always)]
    pub(crate) fn run(&self, run: [usize; 2]) -> Option<Run<'a, C, S>> {
        Some(Run { cells: self.cells, side: self.side, span: self.extent.run(run)? })
    }
}

/// A run of elements, with others below it.
#[derive(Clone, Copy)]
pub(crate) struct Run<'a, C, S> {
    cells: &'a [C],
    side: &'a [S],
    /// Within both slices.
    span: Span,
}

impl<'a, C: Pod, S: Pod> Run<'a, C, S> {
    /// The arrays at element `i` of the run and of those below it; `None` if they would exceed the runs.
    #[inline(always)]
    pub(crate) fn column<A: Pod, B: Pod>(&self, i: usize) -> Option<Column<'a, C, S, A, B>> {
        self.span.column(self.cells, self.side, i)
    }
}

/// One array of each line, from top to bottom, with what lies beside it.
#[derive(Clone, Copy)]
pub(crate) struct Column<'a, C, S, A, B> {
    cells: &'a [C],
    side: &'a [S],
    /// Element of the next ones; with the arrays, within the slices, if any are left.
    at: usize,
    step: usize,
    left: usize,
    arrays: PhantomData<(A, B)>,
}

impl<'a, C: Pod, S: Pod, A: Pod, B: Pod> Column<'a, C, S, A, B> {
    /// Keeps a loop over as many arrays as there are one loop.
    #[inline(always)]
    pub(crate) fn hide(&mut self) {
        self.left = hidden(self.left);
    }

    /// The next arrays, if any are left.
    #[inline(always)]
    pub(crate) fn pop(&mut self) -> Option<Found<'a, A, B>> {
        self.left = self.left.checked_sub(1)?;
        // SAFETY: there was one left, so `at` is inside the slice, with the elements of an array after it.
        let cells = unsafe { self.cells.as_ptr().add(self.at) };
        // SAFETY: so it is in what lies beside.
        let side = unsafe { self.side.as_ptr().add(self.at) };
        self.at = self.at.wrapping_add(self.step);
        Some(Found { cells: cells.cast(), side: side.cast(), slices: PhantomData })
    }

    /// The next arrays and those below, if there are two.
    #[inline(always)]
    pub(crate) fn two(&mut self) -> Option<[Found<'a, A, B>; 2]> {
        if self.left < 2 {
            return None;
        }
        Some([self.pop()?, self.pop()?])
    }
}

impl<'a, C: Pod, S: Pod, A: Pod, B: Pod> Iterator for Column<'a, C, S, A, B> {
    type Item = (&'a A, &'a B);

    #[inline(always)]
    fn next(&mut self) -> Option<(&'a A, &'a B)> {
        Some(self.pop()?.get())
    }
}

/// Arrays that are in both slices. Pointers, for an `Option` of references is told by one that is null, which would be looked at again.
pub(crate) struct Found<'a, A, B> {
    cells: *const A,
    side: *const B,
    slices: PhantomData<(&'a A, &'a B)>,
}

impl<'a, A: Pod, B: Pod> Found<'a, A, B> {
    #[inline(always)]
    pub(crate) fn get(self) -> (&'a A, &'a B) {
        // SAFETY: as in `Reader::at`.
        let cells = unsafe { &*self.cells };
        // SAFETY: as in `Reader::at`.
        (cells, unsafe { &*self.side })
    }
}

/// As [`Found`], to be written.
pub(crate) struct FoundMut<'a, A, B> {
    cells: *mut A,
    side: *mut B,
    slices: PhantomData<(&'a mut A, &'a mut B)>,
}

impl<'a, A: Pod, B: Pod> FoundMut<'a, A, B> {
    #[inline(always)]
    pub(crate) fn get(self) -> (&'a mut A, &'a mut B) {
        // SAFETY: as in `Reader::at`; the run was borrowed for as long, which makes this the only reference.
        let cells = unsafe { &mut *self.cells };
        // SAFETY: as in `Reader::at`; this is another slice.
        (cells, unsafe { &mut *self.side })
    }
}

/// Runs that are written, others below them that are read, and what lies beside each element: all proved to be there, once.
pub(crate) struct RunsMut<'a, C, S> {
    cells: &'a mut [C],
    side: &'a mut [S],
    /// Within both slices.
    extent: Extent,
}

impl<'a, C: Pod, S: Pod> RunsMut<'a, C, S> {
    /// As [`Runs::new`], of runs that are written.
    #[inline(always)]
    pub(crate) fn new(
        (cells, side): (&'a mut [C], &'a mut [S]),
        block: &Block,
        first: usize,
        lines: [usize; 2],
        len: usize,
    ) -> Option<Self> {
        let extent = Extent::new([cells.len(), side.len()], (block.count, block.to), first, lines, len)?;
        Some(Self { cells, side, extent })
    }

    /// As [`Runs::run`].
    #[inline(always)]
    pub(crate) fn run(&mut self, run: [usize; 2]) -> Option<RunMut<'_, C, S>> {
        Some(RunMut { span: self.extent.run(run)?, cells: self.cells, side: self.side })
    }
}

/// A run that is written, with others below it that are read.
pub(crate) struct RunMut<'a, C, S> {
    cells: &'a mut [C],
    side: &'a mut [S],
    /// Within both slices.
    span: Span,
}

impl<C: Pod, S: Pod> RunMut<'_, C, S> {
    /// As [`Run::column`].
    #[inline(always)]
    pub(crate) fn column<A: Pod, B: Pod>(&self, i: usize) -> Option<Column<'_, C, S, A, B>> {
        self.span.column(self.cells, self.side, i)
    }

    /// The arrays at element `i` of the run; `None` if they would exceed it.
    #[inline(always)]
    pub(crate) fn at<A: Pod, B: Pod>(&mut self, i: usize) -> Option<FoundMut<'_, A, B>> {
        let at = self.span.array::<C, S, A, B>(i)?;
        // SAFETY: an array starts here, and its elements are in the slice.
        let cells = unsafe { self.cells.as_mut_ptr().add(at) };
        // SAFETY: so are those beside it.
        let side = unsafe { self.side.as_mut_ptr().add(at) };
        Some(FoundMut { cells: cells.cast(), side: side.cast(), slices: PhantomData })
    }

    /// Copies elements to places that lie `step` apart, from place `i` of the run on.
    #[inline(always)]
    pub(crate) fn scatter(&mut self, i: usize, step: usize, elements: &[C]) {
        scatter_slice(self.cells, self.span.at + i * step, step, elements);
    }
}

/// What lies beside elements that nothing lies beside: as much of it as anyone asks for.
pub(crate) const NOTHING: [(); usize::MAX] = [(); usize::MAX];

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
pub(crate) fn gather<T: Pod, A: Pod>(data: &[T], at: usize, step: usize, n: usize) -> A {
    let mut array = A::zeroed();
    let elements: &mut [T] = bytemuck::must_cast_slice_mut(core::slice::from_mut(&mut array));
    for (i, to) in elements.iter_mut().take(n).enumerate() {
        debug_assert!(at + i * step < data.len());
        if let Some(from) = data.get(at + i * step) {
            *to = *from;
        }
    }
    array
}

/// Copies elements to places that lie `step` apart. A function of its own: where results lie apart, little time is lost by a call.
#[inline(never)]
pub(crate) fn scatter_slice<T: Copy>(data: &mut [T], at: usize, step: usize, elements: &[T]) {
    for (i, from) in elements.iter().enumerate() {
        debug_assert!(at + i * step < data.len());
        if let Some(to) = data.get_mut(at + i * step) {
            *to = *from;
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

/// Bytes of [`Scratch`].
pub(crate) const SCRATCH: usize =
    if cfg!(any(target_pointer_width = "64", target_feature = "simd128")) { 17_408 } else { 768 };

/// Room for partial results on the stack, of which only as much is made as is used. Where vectors are wide, none of them crosses a line
/// of the cache.
#[cfg_attr(target_pointer_width = "64", repr(align(64)))]
pub(crate) struct Scratch([MaybeUninit<u64>; SCRATCH / 8]);

impl Scratch {
    #[inline(always)]
    pub(crate) fn new() -> Self {
        Self([MaybeUninit::uninit(); SCRATCH / 8])
    }

    /// The first `n` cells, or as many as there are, with `fill` in them.
    #[inline(always)]
    pub(crate) fn cells<C: Pod>(&mut self, n: usize, fill: C) -> &mut [C] {
        if size_of::<C>() == 0 {
            // SAFETY: of what takes no room there is any number anywhere. So no room is made where none is used.
            return unsafe { core::slice::from_raw_parts_mut(NonNull::dangling().as_ptr(), n) };
        }
        self.filled(n, fill)
    }

    #[inline(never)]
    fn filled<C: Pod>(&mut self, n: usize, fill: C) -> &mut [C] {
        const { assert!(align_of::<C>() <= 8) }
        let n = n.min(SCRATCH.checked_div(size_of::<C>()).unwrap_or(0));
        let first = self.0.as_mut_ptr().cast::<C>();
        for i in 0..n {
            // SAFETY: `n` cells take at most the bytes of the array, so the offset is inside it.
            let cell = unsafe { first.add(i) };
            // SAFETY: inside the array, which is borrowed mutably and aligned to 8 bytes, as much as any `C` needs.
            unsafe { cell.write(fill) };
        }
        // SAFETY: the first `n` cells have just been written, and lie in the array, which is borrowed as long as the slice.
        unsafe { core::slice::from_raw_parts_mut(first, n) }
    }
}
