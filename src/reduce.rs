//! What a window does with its elements, and nothing about where they lie: how one element
//! enters, how two partial results merge, and what is written at the end.
//!
//! A kernel takes each column of a window from its first tap to its last, then merges the
//! columns from left to right; or, of windows with many taps, eight after eight in row-major order, into a total.
//! That order is part of the result of a sum. `EMPTY` merges without a trace, so that a kernel may treat padding as
//! elements.

use crate::access::Reader;
use crate::element::{Element, Float, Real};
use crate::kernel::{Numbers, Place, Spot, Spots};
use crate::lanes::{Array, IndexArray, Lanes, Register, SumArray, hidden};
use bytemuck::Pod;
use core::marker::PhantomData;
use core::ops::Range;

/// What a reducer keeps in memory, and which liberties kernels may take with it.
pub(crate) trait Reducer<T: Element>: Copy {
    /// A partial result.
    type Cell: Pod;
    /// What lies beside it: the number of a cell, or nothing.
    type Side: Pod;
    /// The total of any number of elements.
    type Part: Pod;
    /// Where results go besides the output.
    type Beside;
    /// What merges without a trace.
    const EMPTY: Self::Cell;
    /// What lies beside it.
    const EMPTY_SIDE: Self::Side;
    /// Whether padding may be merged as `EMPTY`.
    const PADS: bool = true;
    /// Whether results look at the divisor.
    const DIVIDES: bool = false;
    /// Whether nothing is requantised.
    const PLAIN: bool = false;
    /// Whether it takes few instructions and is common, so that vectors side by side are worth their code.
    const IS_LIGHT: bool = true;
    /// Whether elements may enter in any order, and twice.
    const TWICE: bool = false;
    /// Whether a cell at the border may stand for those past it: an element may enter again next to itself.
    const REPEATS: bool = false;
    /// Eights of elements that a partial result always has room for.
    const EIGHTS: usize = usize::MAX;

    /// Whether there are windows too large for a partial result, which are added up in totals.
    const HAS_TOTALS: bool = true;
    /// Whether there is something beside each partial result.
    const HAS_SIDE: bool = false;

    /// Whether so many lines and columns are reduced column by column, for a partial result has room for
    /// it, and loses little; else eights enter a total. Asked only where there are totals.
    fn is_small(_lines: usize, _columns: usize) -> bool {
        true
    }

    /// What lies beside a cell, for a copy of it that lies so many columns before it.
    #[inline(always)]
    fn before(side: Self::Side, _columns: u32) -> Self::Side {
        side
    }

    /// Where goes what is written beside the results of runs, the first of which is at a place, of which there are so many along two of its
    /// axes.
    #[inline(always)]
    fn spots(_beside: &Self::Beside, _place: Place, _axes: [usize; 2], _count: [usize; 2]) -> Spots {
        Spots::default()
    }
}

/// A reducer on lanes of `T`; adding one is about forty lines here.
pub(crate) trait Reduce<T: Element, L: Lanes<T>>: Reducer<T> {
    /// As many partial results as a vector has elements.
    type Acc: Copy;
    /// As many totals.
    type Total: Copy;

    /// The partial result of one element, of a line that starts with this cell of the plane.
    fn lift(self, lanes: L, v: L::V, line: u32) -> Self::Acc;
    /// The partial result of both; `b` comes after `a`, in a column or in row-major order.
    fn merge(self, lanes: L, a: Self::Acc, b: Self::Acc) -> Self::Acc;
    /// The partial result of all three, in the order of `merge`.
    #[inline(always)]
    fn merge_two(self, lanes: L, a: Self::Acc, b: Self::Acc, c: Self::Acc) -> Self::Acc {
        self.merge(lanes, self.merge(lanes, a, b), c)
    }
    /// The partial result of both, `b` of a column on the right of `a`.
    #[inline(always)]
    fn merge_columns(self, lanes: L, a: Self::Acc, b: Self::Acc) -> Self::Acc {
        self.merge(lanes, a, b)
    }
    /// The partial result of three columns, from left to right.
    #[inline(always)]
    fn merge_three(self, lanes: L, a: Self::Acc, b: Self::Acc, c: Self::Acc) -> Self::Acc {
        self.merge_two(lanes, a, b, c)
    }
    /// The same partial result, of as many columns further on.
    #[inline(always)]
    fn along(self, _: L, acc: Self::Acc, _columns: u32) -> Self::Acc {
        acc
    }
    /// Of two vectors of columns the partial results at even places, and those at odd ones.
    fn unzip(self, lanes: L, a: Self::Acc, b: Self::Acc) -> (Self::Acc, Self::Acc);
    /// As many cells in memory.
    type Cells: Pod;
    /// What lies beside them.
    type Sides: Pod;
    /// What merges without a trace.
    fn empty(self, lanes: L) -> Self::Acc;
    /// From memory.
    fn read(self, lanes: L, cells: &Self::Cells, sides: &Self::Sides) -> Self::Acc;
    /// To memory.
    fn write(self, lanes: L, acc: Self::Acc, cells: &mut Self::Cells, sides: &mut Self::Sides);

    /// A total of one partial result.
    fn total(self, lanes: L, acc: Self::Acc) -> Self::Total;
    /// Adds a partial result.
    fn enter(self, lanes: L, total: Self::Total, acc: Self::Acc) -> Self::Total;
    /// The same total, to which many more may be added.
    #[inline(always)]
    fn settle(self, _: L, total: Self::Total) -> Self::Total {
        total
    }
    /// The total of both.
    fn merge_totals(self, lanes: L, a: Self::Total, b: Self::Total) -> Self::Total;
    /// The total of each lane, for as many as there are of both.
    fn parts(self, lanes: L, total: Self::Total, parts: &mut [Self::Part]);
    /// The same total in each lane.
    fn of_part(self, lanes: L, part: Self::Part) -> Self::Total;

    /// The result of a partial result.
    fn finish(self, lanes: L, acc: Self::Acc, by: &L::By) -> L::V;
    /// The result of a total.
    fn finish_total(self, lanes: L, total: Self::Total, by: &L::By) -> L::V;
    /// Writes what belongs beside results: those of some of the `outputs` after a spot.
    #[inline(always)]
    fn aside<const V: usize>(
        self,
        _: L,
        _acc: &[Self::Acc; V],
        _to: &mut Self::Beside,
        _spot: &Spot,
        _outputs: Range<usize>,
    ) {
    }
}

/// Partial results on the stack.
pub(crate) struct Tile<'t, C, S> {
    pub(crate) cells: &'t mut [C],
    /// What lies beside each.
    pub(crate) side: &'t mut [S],
}

impl<C, S> Tile<'_, C, S> {
    /// To be read.
    #[inline(always)]
    pub(crate) fn read(&self) -> (&[C], &[S]) {
        (self.cells, self.side)
    }

    /// To be written.
    #[inline(always)]
    pub(crate) fn write(&mut self) -> (&mut [C], &mut [S]) {
        (self.cells, self.side)
    }
}

/// Nothing beside the partial results.
macro_rules! nothing_beside {
    () => {
        type Side = ();
        type Beside = ();
        const EMPTY_SIDE: () = ();
    };
}

/// Memory of one kind of register, and nothing beside it.
macro_rules! cells {
    ($Register:ty) => {
        type Acc = $Register;
        type Cells = <$Register as Register<L>>::Array;
        type Sides = ();

        #[inline(always)]
        fn empty(self, lanes: L) -> Self::Acc {
            Register::splat(lanes, <Self as Reducer<T>>::EMPTY)
        }

        #[inline(always)]
        fn read(self, lanes: L, cells: &Self::Cells, (): &()) -> Self::Acc {
            Register::load(lanes, cells)
        }

        #[inline(always)]
        fn write(self, lanes: L, acc: Self::Acc, cells: &mut Self::Cells, (): &mut ()) {
            acc.store(lanes, cells);
        }

        #[inline(always)]
        fn unzip(self, lanes: L, a: Self::Acc, b: Self::Acc) -> (Self::Acc, Self::Acc) {
            Register::unzip(lanes, a, b)
        }
    };
}

/// Partial results that are totals too.
macro_rules! totals {
    () => {
        type Total = Self::Acc;

        #[inline(always)]
        fn total(self, _: L, acc: Self::Acc) -> Self::Acc {
            acc
        }

        #[inline(always)]
        fn enter(self, lanes: L, total: Self::Acc, acc: Self::Acc) -> Self::Acc {
            self.merge(lanes, total, acc)
        }

        #[inline(always)]
        fn merge_totals(self, lanes: L, a: Self::Acc, b: Self::Acc) -> Self::Acc {
            self.merge(lanes, a, b)
        }

        #[inline(always)]
        fn finish_total(self, lanes: L, total: Self::Acc, by: &L::By) -> L::V {
            self.finish(lanes, total, by)
        }
    };
}

/// Totals that are a sum with what it lacks.
macro_rules! sums {
    () => {
        type Total = (L::Sum, L::Sum);

        #[inline(always)]
        fn settle(self, lanes: L, total: Self::Total) -> Self::Total {
            settled(lanes, total)
        }

        #[inline(always)]
        fn parts(self, lanes: L, (sum, lacks): Self::Total, parts: &mut [[T::Sum; 2]]) {
            let [mut sums, mut lack] = [<SumArray<T, L> as bytemuck::Zeroable>::zeroed(); 2];
            sum.store(lanes, &mut sums);
            lacks.store(lanes, &mut lack);
            for (part, (sum, lacks)) in parts.iter_mut().zip(sums.as_ref().iter().zip(lack.as_ref())) {
                *part = [*sum, *lacks];
            }
        }

        #[inline(always)]
        fn of_part(self, lanes: L, [sum, lacks]: [T::Sum; 2]) -> Self::Total {
            (L::Sum::splat(lanes, sum), L::Sum::splat(lanes, lacks))
        }
    };
}

/// The closed range that a result is forced into.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds<T>(pub T, pub T);

impl<T: Element> Bounds<T> {
    /// The range that changes nothing.
    pub const ALL: Self = Self(T::LOWEST, T::HIGHEST);

    /// The nearest value within; NaN stays.
    #[inline]
    pub(crate) fn nearest(self, x: T) -> T {
        if x < self.0 {
            self.0
        } else if x > self.1 {
            self.1
        } else {
            x
        }
    }

    #[inline(always)]
    pub(crate) fn apply<L: Lanes<T>>(self, lanes: L, v: L::V) -> L::V {
        lanes.clamp(v, L::V::splat(lanes, self.0), L::V::splat(lanes, self.1))
    }
}

/// The greatest element; NaN if there is one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Max<T>(pub(crate) Bounds<T>);

impl<T: Element> Reducer<T> for Max<T> {
    type Cell = T;
    type Part = T;
    nothing_beside!();
    const EMPTY: T = T::LOWEST;
    const TWICE: bool = true;
    const REPEATS: bool = true;
    const HAS_TOTALS: bool = false;
}

impl<T: Element, L: Lanes<T>> Reduce<T, L> for Max<T> {
    cells!(L::V);
    totals!();

    #[inline(always)]
    fn lift(self, _: L, v: L::V, _: u32) -> L::V {
        v
    }

    #[inline(always)]
    fn merge(self, lanes: L, a: L::V, b: L::V) -> L::V {
        lanes.maximum(a, b)
    }

    #[inline(always)]
    fn merge_two(self, lanes: L, a: L::V, b: L::V, c: L::V) -> L::V {
        lanes.maximum_of_three(a, b, c)
    }

    #[inline(always)]
    fn parts(self, lanes: L, total: L::V, parts: &mut [T]) {
        let mut array = <Array<T, L> as bytemuck::Zeroable>::zeroed();
        total.store(lanes, &mut array);
        parts.iter_mut().zip(array.as_ref()).for_each(|(part, x)| *part = *x);
    }

    #[inline(always)]
    fn of_part(self, lanes: L, part: T) -> L::V {
        L::V::splat(lanes, part)
    }

    #[inline(always)]
    fn finish(self, lanes: L, acc: L::V, _: &L::By) -> L::V {
        self.0.apply(lanes, acc)
    }
}

/// Lines, and columns, up to which floats are added one after the other.
pub(crate) const FEW_LINES: usize = 16;

/// The sum over the divisor. Of windows that are `FEW` taps, as is known when compiling, there are no totals, and nothing is
/// requantised: then neither is linked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mean<T, const FEW: bool>(pub(crate) Bounds<T>);

/// Whether windows of floats with so many lines and columns, or of integers with so many taps, are summed one after the other.
pub(crate) const fn are_few<T: Element>(lines: usize, columns: usize) -> bool {
    if T::HAS_NAN {
        return lines <= FEW_LINES && columns <= FEW_LINES;
    }
    match lines.checked_mul(columns) {
        Some(taps) => taps <= T::FEW,
        None => false,
    }
}

impl<T: Element, const FEW: bool> Reducer<T> for Mean<T, FEW> {
    type Cell = T::Few;
    /// A sum, and what it lacks.
    type Part = [T::Sum; 2];
    nothing_beside!();
    const EMPTY: T::Few = T::NO_FEW;
    const DIVIDES: bool = true;
    const PLAIN: bool = FEW;
    const HAS_TOTALS: bool = !FEW;
    const EIGHTS: usize = T::FEW / 8;

    #[inline(always)]
    fn is_small(lines: usize, columns: usize) -> bool {
        are_few::<T>(lines, columns)
    }
}

impl<T: Element, L: Lanes<T>, const FEW: bool> Reduce<T, L> for Mean<T, FEW> {
    cells!(L::Few);
    sums!();

    #[inline(always)]
    fn lift(self, lanes: L, v: L::V, _: u32) -> L::Few {
        lanes.widen_few(v)
    }

    #[inline(always)]
    fn merge(self, lanes: L, a: L::Few, b: L::Few) -> L::Few {
        lanes.add_few(a, b)
    }

    #[inline(always)]
    fn total(self, lanes: L, acc: L::Few) -> Self::Total {
        (lanes.many(acc), L::Sum::splat(lanes, bytemuck::Zeroable::zeroed()))
    }

    #[inline(always)]
    fn enter(self, lanes: L, total: Self::Total, acc: L::Few) -> Self::Total {
        enter(lanes, total, lanes.many(acc))
    }

    #[inline(always)]
    fn merge_totals(self, lanes: L, (sum, lacks): Self::Total, more: Self::Total) -> Self::Total {
        enter(lanes, (sum, lanes.add(lacks, more.1)), more.0)
    }

    #[inline(always)]
    fn finish(self, lanes: L, acc: L::Few, by: &L::By) -> L::V {
        self.0.apply(lanes, lanes.mean(lanes.many(acc), by))
    }

    #[inline(always)]
    fn finish_total(self, lanes: L, total: Self::Total, by: &L::By) -> L::V {
        let (sum, _) = settled(lanes, total);
        self.0.apply(lanes, lanes.mean(sum, by))
    }
}

/// Eights that enter a total before it is settled.
pub(crate) const SETTLED: usize = 16;

/// Adds to a sum, and what the rounded sum lacks to what it lacked.
#[inline(always)]
pub(crate) fn enter<T: Element, L: Lanes<T>>(
    lanes: L,
    (sum, lacks): (L::Sum, L::Sum),
    more: L::Sum,
) -> (L::Sum, L::Sum) {
    let (sum, newly) = lanes.add_exactly(sum, more);
    (sum, lanes.add(lacks, newly))
}

/// Adds what a sum lacks, such that what is still lacking is small. Sums that are not finite lack nothing that is a number.
#[inline(always)]
fn settled<T: Element, L: Lanes<T>>(lanes: L, (sum, lacks): (L::Sum, L::Sum)) -> (L::Sum, L::Sum) {
    #[expect(clippy::eq_op, reason = "only NaN differs from itself")]
    let lacks = lacks.map(
        lanes,
        #[inline(always)]
        |x| if x == x { x } else { bytemuck::Zeroable::zeroed() },
    );
    lanes.add_exactly(sum, lacks)
}

/// A norm: the sum of powers over the divisor, and its root.
#[derive(Clone, Copy, Debug)]
pub struct Norm<S> {
    pub(crate) exponent: Exponent,
    /// Elements enter as they are, but at least this; without it, by their absolute value.
    pub(crate) floor: Option<S>,
}

/// The exponent of a norm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Exponent {
    /// A small number of factors.
    Integer(u8),
    Real(f64),
}

impl Exponent {
    /// As a number.
    pub(crate) fn value(self) -> f64 {
        match self {
            Self::Integer(n) => f64::from(n),
            Self::Real(p) => p,
        }
    }
}

impl<S: Real> Norm<S> {
    #[inline(always)]
    pub(crate) fn base(&self, x: S) -> S {
        match self.floor {
            // A NaN stays.
            Some(floor) if x < floor => floor,
            Some(_) => x,
            None => x.abs(),
        }
    }

    #[inline(never)]
    pub(crate) fn root(&self, sum: S) -> S {
        match self.exponent {
            Exponent::Integer(1) => sum,
            Exponent::Integer(2) => sum.sqrt(),
            exponent => S::from_f64(libm::pow(sum.to_f64(), 1.0 / exponent.value())),
        }
    }
}

impl<T: Float> Reducer<T> for Norm<T::Sum> {
    type Cell = T::Sum;
    type Part = [T::Sum; 2];
    nothing_beside!();
    const EMPTY: T::Sum = T::NO_SUM;
    const DIVIDES: bool = true;
    const IS_LIGHT: bool = false;
    const EIGHTS: usize = 1;

    #[inline(always)]
    fn is_small(lines: usize, columns: usize) -> bool {
        lines <= FEW_LINES && columns <= FEW_LINES
    }
}

impl<T: Float, L: Lanes<T>> Reduce<T, L> for Norm<T::Sum> {
    cells!(L::Sum);
    sums!();

    #[inline(always)]
    fn lift(self, lanes: L, v: L::V, _: u32) -> L::Sum {
        let bases = lanes.widen(v).map(
            lanes,
            #[inline(always)]
            |x| self.base(x),
        );
        match self.exponent {
            Exponent::Integer(n) => {
                let mut powers = bases;
                for _ in 1..n {
                    powers = lanes.mul(powers, bases);
                }
                powers
            }
            Exponent::Real(p) => bases.map(lanes, |x| T::Sum::from_f64(libm::pow(x.to_f64(), p))),
        }
    }

    #[inline(always)]
    fn merge(self, lanes: L, a: L::Sum, b: L::Sum) -> L::Sum {
        lanes.add(a, b)
    }

    #[inline(always)]
    fn total(self, lanes: L, acc: L::Sum) -> Self::Total {
        (acc, L::Sum::splat(lanes, bytemuck::Zeroable::zeroed()))
    }

    #[inline(always)]
    fn enter(self, lanes: L, total: Self::Total, acc: L::Sum) -> Self::Total {
        enter(lanes, total, acc)
    }

    #[inline(always)]
    fn merge_totals(self, lanes: L, (sum, lacks): Self::Total, more: Self::Total) -> Self::Total {
        enter(lanes, (sum, lanes.add(lacks, more.1)), more.0)
    }

    #[inline(always)]
    fn finish(self, lanes: L, acc: L::Sum, by: &L::By) -> L::V {
        let roots = lanes.widen(lanes.mean(acc, by)).map(lanes, |quotient| self.root(quotient));
        lanes.mean(roots, &lanes.by(T::Sum::ONE))
    }

    #[inline(always)]
    fn finish_total(self, lanes: L, total: Self::Total, by: &L::By) -> L::V {
        let (sum, _) = settled(lanes, total);
        self.finish(lanes, sum, by)
    }
}

/// The first numbers, for as many lanes as there may be.
static COUNTED: [u32; 64] = {
    let mut counted = [0; 64];
    let mut i = 0;
    while i < 64 {
        counted[i] = i as u32;
        i += 1;
    }
    counted
};

/// The greatest element with the cell that has it: the first of equals, the last NaN. NaN wins.
#[derive(Clone, Copy)]
pub(crate) struct Pick<'n, T>(pub(crate) Bounds<T>, pub(crate) PhantomData<Numbers<'n>>);

impl<'n, T: Element> Reducer<T> for Pick<'n, T> {
    type Cell = T;
    type Side = u32;
    // A window of any size is small: there are no totals.
    type Part = ();
    type Beside = Numbers<'n>;
    const EMPTY: T = T::LOWEST;
    const EMPTY_SIDE: u32 = 0;
    // A cell that is no more than nothing would have to be told from it.
    const PADS: bool = false;
    // Indices are as wide as `f32`; of the other types they take many instructions.
    const IS_LIGHT: bool = size_of::<T>() == size_of::<u32>();
    const HAS_TOTALS: bool = false;
    const HAS_SIDE: bool = true;
    const REPEATS: bool = true;

    #[inline(always)]
    fn before(line: u32, columns: u32) -> u32 {
        line.wrapping_add(columns)
    }

    #[inline(always)]
    fn spots(beside: &Numbers<'n>, place: Place, axes: [usize; 2], count: [usize; 2]) -> Spots {
        beside.spots(place, axes, count)
    }
}

impl<'n, T: Element, L: Lanes<T>> Reduce<T, L> for Pick<'n, T> {
    type Acc = (L::V, L::Index);
    type Cells = Array<T, L>;
    type Sides = IndexArray<T, L>;
    totals!();

    #[inline(always)]
    fn lift(self, lanes: L, v: L::V, line: u32) -> Self::Acc {
        (v, L::Index::splat(lanes, line))
    }

    #[inline(always)]
    fn merge(self, lanes: L, a: Self::Acc, b: Self::Acc) -> Self::Acc {
        lanes.pick::<false>(a, b)
    }

    #[inline(always)]
    fn merge_columns(self, lanes: L, a: Self::Acc, b: Self::Acc) -> Self::Acc {
        lanes.pick::<true>(a, b)
    }

    #[inline(always)]
    fn merge_three(self, lanes: L, a: Self::Acc, b: Self::Acc, c: Self::Acc) -> Self::Acc {
        self.merge_columns(lanes, self.merge_columns(lanes, a, b), c)
    }

    #[inline(always)]
    fn along(self, lanes: L, (v, i): Self::Acc, columns: u32) -> Self::Acc {
        let further = i.map(
            lanes,
            #[inline(always)]
            |i| i.wrapping_add(columns),
        );
        (v, further)
    }

    #[inline(always)]
    fn empty(self, lanes: L) -> Self::Acc {
        (L::V::splat(lanes, Self::EMPTY), L::Index::splat(lanes, Self::EMPTY_SIDE))
    }

    #[inline(always)]
    fn read(self, lanes: L, cells: &Array<T, L>, sides: &IndexArray<T, L>) -> Self::Acc {
        (L::V::load(lanes, cells), L::Index::load(lanes, sides))
    }

    #[inline(always)]
    fn write(self, lanes: L, (v, i): Self::Acc, cells: &mut Array<T, L>, sides: &mut IndexArray<T, L>) {
        v.store(lanes, cells);
        i.store(lanes, sides);
    }

    #[inline(always)]
    fn unzip(self, lanes: L, a: Self::Acc, b: Self::Acc) -> (Self::Acc, Self::Acc) {
        let (values, indices) = (L::V::unzip(lanes, a.0, b.0), L::Index::unzip(lanes, a.1, b.1));
        ((values.0, indices.0), (values.1, indices.1))
    }

    #[inline(always)]
    fn parts(self, _: L, _: Self::Acc, _: &mut [()]) {}

    #[inline(always)]
    fn of_part(self, lanes: L, (): ()) -> Self::Acc {
        (L::V::splat(lanes, T::LOWEST), L::Index::splat(lanes, 0))
    }

    #[inline(always)]
    fn finish(self, lanes: L, acc: Self::Acc, _: &L::By) -> L::V {
        self.0.apply(lanes, acc.0)
    }

    #[inline(always)]
    fn aside<const V: usize>(
        self,
        lanes: L,
        acc: &[Self::Acc; V],
        to: &mut Numbers<'n>,
        spot: &Spot,
        outputs: Range<usize>,
    ) {
        let Range { start, end } = outputs;
        if end - start == V * L::N
            && let Some((to, [first, more])) = to.plain(spot, start, V * L::N)
        {
            // From a place that the compiler does not know: it would make many shuffles of multiples that it knows.
            let Some(reader) = Reader::<u32, IndexArray<T, L>>::new(&COUNTED) else { return };
            let rising = L::Index::load(lanes, reader.at(hidden(0))).map(
                lanes,
                #[inline(always)]
                |i| i.wrapping_mul(more),
            );
            for (v, to) in to.chunks_exact_mut(L::N).enumerate() {
                let first = first.wrapping_add(more.wrapping_mul((v * L::N) as u32));
                let numbers = acc[v].1.zip(
                    rising,
                    lanes,
                    #[inline(always)]
                    |offset, more| first.wrapping_add(offset).wrapping_add(more),
                );
                let mut array = <IndexArray<T, L> as bytemuck::Zeroable>::zeroed();
                numbers.store(lanes, &mut array);
                to.copy_from_slice(array.as_ref());
            }
            return;
        }
        let mut arrays = [<IndexArray<T, L> as bytemuck::Zeroable>::zeroed(); V];
        for v in 0..V {
            acc[v].1.store(lanes, &mut arrays[v]);
        }
        let offsets: &[u32] = bytemuck::must_cast_slice(&arrays);
        to.write(spot, start, offsets.get(..end - start).unwrap_or(offsets));
    }
}
