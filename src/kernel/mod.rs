//! Loop nests, one file per way in which memory is walked, generic over element, reducer and
//! lanes. Everything here is inlined into the one function that `dispatch` enters, or it would
//! lose the instruction set.
//!
//! | file | lanes lie over | serves |
//! |---|---|---|
//! | `channels` | channels | windows where channels are adjacent in memory (NHWC) |
//! | `columns` | output columns | windows on every other layout (NCHW, odd strides) |
//! | `by_row` | | what the two kernels by rows share |
//! | `pairs` | output columns | the same, for two columns two apart |
//! | `pick` | channels, or output columns | maxima with their indices |
//! | `rows` | the width of a row | many rows into one: tokens, global pooling of NHWC |
//! | `plane` | a contiguous run | a whole run into one number: global pooling of NCHW, norms |
//! | `wide` | | integer averages over more taps than a sum can hold |
//! | `repair` | | norms whose powers overflow or vanish |

mod by_row;
pub(crate) mod cells;
mod channels;
mod columns;
mod pairs;
pub(crate) mod pick;
pub(crate) mod plane;
pub(crate) mod repair;
pub(crate) mod rows;
pub(crate) mod wide;

use crate::access::{Footprint, WindowReader};
use crate::dispatch::Kernel;
use crate::element::Element;
use crate::lanes::{Array, Lanes, Register};
use crate::reduce::{Bounds, Mean, MeanOfFew, Reduce};
use crate::round::Finish;
use crate::view::Layout;
use crate::window::{Axis, Divisor, Taps};

/// A windowed operation whose geometry has been proved: the axes belong to both layouts, and
/// the layouts to the slices.
pub struct Windows<'i, 'o, T, R> {
    pub(crate) input: &'i [T],
    pub(crate) from: Layout<3>,
    pub(crate) output: &'o mut [T],
    pub(crate) to: Layout<3>,
    pub(crate) axes: [Axis; 3],
    pub(crate) divisor: Divisor,
    pub(crate) finish: Finish,
    /// Written where a window has no real tap.
    pub(crate) fill: T,
    pub(crate) reduce: R,
}

impl<T> Windows<'_, '_, T, ()> {
    /// The same work with its reducer.
    #[inline(always)]
    pub(crate) fn reducing<R>(&mut self, reduce: R) -> Windows<'_, '_, T, R>
    where
        T: Copy,
    {
        let Windows { input, from, ref mut output, to, axes, divisor, finish, fill, reduce: () } = *self;
        Windows { input, from, output, to, axes, divisor, finish, fill, reduce }
    }
}

impl<T: Element, R: Reduce<T>> Kernel<T> for Windows<'_, '_, T, R> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        if self.from.strides.channel == 1 && self.from.strides.spatial[2] != 1 {
            channels::run(lanes, self);
        } else {
            columns_of_rows(lanes, self);
        }
    }
}

/// Averages, by the narrowest sums that the lanes have for so many taps; of windows, or, if `WHOLE`, of images.
pub(crate) struct Averages<'i, 'o, T, const WHOLE: bool> {
    pub(crate) windows: Windows<'i, 'o, T, ()>,
    pub(crate) bounds: Bounds<T>,
}

impl<T: Element, const WHOLE: bool> Kernel<T> for Averages<'_, '_, T, WHOLE> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(mut self, lanes: L) {
        if L::FEW > 0 && self.windows.most_taps() <= L::FEW {
            self.windows.run_as::<L, _, WHOLE>(lanes, MeanOfFew(self.bounds));
        } else {
            self.windows.run_as::<L, _, WHOLE>(lanes, Mean(self.bounds));
        }
    }
}

impl<T: Element> Windows<'_, '_, T, ()> {
    /// Taps of a window, real or not; the product was checked with the geometry.
    pub(crate) fn most_taps(&self) -> usize {
        self.axes.map(|axis| axis.kernel).into_iter().product()
    }

    #[inline(always)]
    fn run_as<L: Lanes<T>, R: Reduce<T>, const WHOLE: bool>(&mut self, lanes: L, reduce: R) {
        if WHOLE {
            plane::Global(self.reducing(reduce)).run(lanes);
        } else {
            self.reducing(reduce).run(lanes);
        }
    }
}

/// Lanes over output columns, by the first way that suits the window.
#[inline(always)]
fn columns_of_rows<T: Element, L: Lanes<T>, R: Reduce<T>>(lanes: L, mut w: Windows<'_, '_, T, R>) {
    if let Some(mut pairs) = pairs::Pairs::new(lanes, &w) {
        w.each_row(&mut pairs);
    } else if let Some(mut columns) = columns::Columns::new(lanes, w.axes[2]) {
        w.each_row(&mut columns);
    } else {
        w.each_row(&mut by_row::OneByOne);
    }
}

impl<T: Element, R: Reduce<T>> Windows<'_, '_, T, R> {
    #[inline(always)]
    fn divisor(&self, taps: [Taps; 3]) -> T::Divisor {
        if !R::DIVIDES {
            return T::divisor(&self.finish, 1, 1);
        }
        // The product of the kernels was checked before running.
        let real = taps[0].real * taps[1].real * taps[2].real;
        T::divisor(&self.finish, self.divisor.count(&self.axes, taps), real as isize)
    }
}

/// The taps of a window, and how they merge.
trait Source {
    type Acc: Copy;
    fn lift(&self, tap: [usize; 3]) -> Self::Acc;
    fn merge(&self, a: Self::Acc, b: Self::Acc) -> Self::Acc;
}

/// Merges taps along depth and rows: column `x` of a window. There is at least one tap.
#[inline(always)]
fn column<S: Source>(source: &S, [d, y]: [usize; 2], x: usize) -> S::Acc {
    let mut acc = source.lift([0, 0, x]);
    for y in 1..y {
        acc = source.merge(acc, source.lift([0, y, x]));
    }
    for d in 1..d {
        for y in 0..y {
            acc = source.merge(acc, source.lift([d, y, x]));
        }
    }
    acc
}

/// Evaluates an expression with the common numbers of taps as constants, so that no loop over taps is
/// left of them; but not for lanes of one element, which are for small programs.
macro_rules! unrolled {
    ($L:ty, $taps:expr, [$([$($n:literal),+]),+], $name:ident => $call:expr) => {
        match $taps {
            // Patterns, not `==`: compared as one vector, the numbers would wait for their store.
            $([$($n),+] if <$L as Lanes<T>>::N > 1 => { let $name = [$($n),+]; $call })+
            $name => $call,
        }
    };
}
use unrolled;

/// Merges all taps of a window in the one order: columns from left to right.
#[inline(always)]
fn window<S: Source>(source: &S, [d, y, x]: [usize; 3]) -> S::Acc {
    let mut acc = column(source, [d, y], 0);
    for x in 1..x {
        acc = source.merge(acc, column(source, [d, y], x));
    }
    acc
}

/// `V` vectors of adjacent elements at each tap.
struct Adjacent<'a, T: Element, L: Lanes<T>, R, const V: usize> {
    lanes: L,
    reduce: R,
    cells: WindowReader<'a, T, [Array<T, L>; V]>,
}

impl<T: Element, L: Lanes<T>, R: Reduce<T>, const V: usize> Source for Adjacent<'_, T, L, R, V> {
    type Acc = [R::Acc<L>; V];

    #[inline(always)]
    fn lift(&self, tap: [usize; 3]) -> Self::Acc {
        let arrays = self.cells.at(tap);
        core::array::from_fn(
            #[inline(always)]
            |v| self.reduce.lift(self.lanes, L::V::load(self.lanes, &arrays[v])),
        )
    }

    #[inline(always)]
    fn merge(&self, a: Self::Acc, b: Self::Acc) -> Self::Acc {
        core::array::from_fn(
            #[inline(always)]
            |v| self.reduce.merge(self.lanes, a[v], b[v]),
        )
    }
}

/// One vector of `n` elements that lie `step` apart at each tap; lanes from `n` on hold nothing of use.
struct Apart<'a, T, L, R> {
    lanes: L,
    reduce: R,
    data: &'a [T],
    /// The first element of the first tap.
    from: usize,
    footprint: Footprint,
    step: usize,
    n: usize,
}

impl<T: Element, L: Lanes<T>, R: Reduce<T>> Source for Apart<'_, T, L, R> {
    type Acc = R::Acc<L>;

    #[inline(always)]
    fn lift(&self, tap: [usize; 3]) -> Self::Acc {
        let array = crate::access::gather(self.data, self.from + self.footprint.offset(tap), self.step, self.n);
        self.reduce.lift(self.lanes, L::V::load(self.lanes, &array))
    }

    #[inline(always)]
    fn merge(&self, a: Self::Acc, b: Self::Acc) -> Self::Acc {
        self.reduce.merge(self.lanes, a, b)
    }
}

/// An array without a value, to store into.
#[inline(always)]
fn zeroed<A: bytemuck::Zeroable>() -> A {
    A::zeroed()
}

/// Writes the first `n` lanes of a vector to places that lie `step` apart.
#[inline(always)]
fn store_apart<T: Element, L: Lanes<T>>(lanes: L, v: L::V, output: &mut [T], at: usize, step: usize, n: usize) {
    let mut array: Array<T, L> = zeroed();
    v.store(lanes, &mut array);
    crate::access::scatter(output, at, step, n, &array);
}

/// Finishes one partial result and writes it.
#[inline(always)]
fn finish_one<T: Element, R: Reduce<T>>(reduce: R, cell: R::Cell, by: T::Divisor, output: &mut [T], at: usize) {
    let one = T::one();
    let v = reduce.finish(one, R::Acc::<T::One>::splat(one, cell), by);
    store_apart(one, v, output, at, 1, 1);
}

/// The partial result of one element, without vectors.
#[inline(always)]
fn lift_one<T: Element, R: Reduce<T>>(reduce: R, x: T) -> R::Cell {
    let one = T::one();
    cell_of::<T, R>(reduce.lift(one, <T::One as Lanes<T>>::V::splat(one, x)))
}

/// Two partial results into one.
#[inline(always)]
fn merge_one<T: Element, R: Reduce<T>>(reduce: R, a: R::Cell, b: R::Cell) -> R::Cell {
    let one = T::one();
    cell_of::<T, R>(reduce.merge(one, R::Acc::<T::One>::splat(one, a), R::Acc::<T::One>::splat(one, b)))
}

#[inline(always)]
fn cell_of<T: Element, R: Reduce<T>>(acc: R::Acc<T::One>) -> R::Cell {
    let mut array = zeroed();
    acc.store(T::one(), &mut array);
    array.as_ref().first().copied().unwrap_or(R::EMPTY)
}
