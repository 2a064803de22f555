//! Many rows into one: the tokens of a sequence, or the pixels of an image whose channels are
//! adjacent. Rows are read one after the other as they lie in memory, several at a time, so that
//! the partial results travel to and from memory (the first cache) once for several rows. Each
//! column is merged in the order of the rows, whatever the lanes.

use super::store_apart;
use crate::element::Element;
use crate::lanes::{Array, Lanes, Register};
use crate::reduce::{Mean, Reduce};
use crate::view::{Reader, Writer, gather, scatter};

/// Rows merged per pass over the partial results.
const BLOCK: usize = 8;
/// Vectors of columns side by side: independent chains, so that none waits for itself.
const TILE: usize = 8;

/// How an element of a row enters its column.
pub(crate) trait Entry<T: Element>: Copy {
    type Reduce: Reduce<T>;
    /// What a row brings along besides its elements.
    type Weight: Copy;

    fn reduce(self) -> Self::Reduce;
    fn lift<L: Lanes<T>>(self, lanes: L, v: L::V, weight: Self::Weight) -> <Self::Reduce as Reduce<T>>::Acc<L>;
}

/// Elements enter as they are.
#[derive(Clone, Copy)]
pub(crate) struct Plain<R>(pub(crate) R);

impl<T: Element, R: Reduce<T>> Entry<T> for Plain<R> {
    type Reduce = R;
    type Weight = ();

    #[inline(always)]
    fn reduce(self) -> R {
        self.0
    }

    #[inline(always)]
    fn lift<L: Lanes<T>>(self, lanes: L, v: L::V, _: ()) -> R::Acc<L> {
        self.0.lift(lanes, v)
    }
}

/// Elements enter multiplied by the weight of their row.
#[derive(Clone, Copy)]
pub(crate) struct Weighted<R>(pub(crate) R);

impl<T: Element> Entry<T> for Weighted<Mean<T>> {
    type Reduce = Mean<T>;
    type Weight = T::Sum;

    #[inline(always)]
    fn reduce(self) -> Mean<T> {
        self.0
    }

    #[inline(always)]
    fn lift<L: Lanes<T>>(self, lanes: L, v: L::V, weight: T::Sum) -> L::Sum {
        lanes.mul(L::Sum::splat(lanes, weight), lanes.widen(v))
    }
}

type Cell<T, E> = <<E as Entry<T>>::Reduce as Reduce<T>>::Cell;
type Acc<T, E, L> = <<E as Entry<T>>::Reduce as Reduce<T>>::Acc<L>;
type Cells<T, E, L> = crate::reduce::Cells<T, L, <E as Entry<T>>::Reduce>;

/// Merges rows into `cells`, one cell a column, and returns how many there were; without any,
/// `cells` is left as it was. A row is where its first element lies, and its weight; its
/// elements lie `step` apart.
#[inline(always)]
pub(crate) fn fold<T: Element, L: Lanes<T>, E: Entry<T>>(
    lanes: L,
    entry: E,
    data: &[T],
    step: usize,
    mut rows: impl Iterator<Item = (usize, E::Weight)>,
    cells: &mut [Cell<T, E>],
) -> usize {
    let mut count = 0;
    while let Some(first) = rows.next() {
        let mut block = [first; BLOCK];
        let mut n = 1;
        for (to, row) in block[1..].iter_mut().zip(&mut rows) {
            *to = row;
            n += 1;
        }
        // `n` is at most the length, which the compiler cannot see.
        let rows = block.get(..n).unwrap_or(&block);
        Pass { lanes, entry, data, step, rows, fresh: count == 0 }.run(cells);
        count += n;
    }
    count
}

/// A few rows on their way into the cells.
struct Pass<'a, T, L, E: Entry<T>>
where
    T: Element,
{
    lanes: L,
    entry: E,
    data: &'a [T],
    step: usize,
    rows: &'a [(usize, E::Weight)],
    /// Whether the cells hold nothing yet.
    fresh: bool,
}

impl<T: Element, L: Lanes<T>, E: Entry<T>> Pass<'_, T, L, E> {
    #[inline(always)]
    fn run(&self, cells: &mut [Cell<T, E>]) {
        let width = cells.len();
        let mut c = 0;
        if self.step == 1 {
            match Acc::<T, E, L>::REGISTERS {
                1 => c = self.tiles::<TILE>(cells, c),
                2 => c = self.tiles::<{ TILE / 2 }>(cells, c),
                _ => c = self.tiles::<{ TILE / 4 }>(cells, c),
            }
            c = self.tiles::<1>(cells, c);
        }
        while c < width {
            let n = L::N.min(width - c);
            let mut array: Cells<T, E, L> = gather(cells, c, 1, n);
            let acc = self.merge(&Gathered { pass: self, n }, c, [Acc::<T, E, L>::load(self.lanes, &array)]);
            acc[0].store(self.lanes, &mut array);
            scatter(cells, c, 1, n, &array);
            c += n;
        }
    }

    /// Tiles of `V` vectors from column `c` on; returns the first column that is left.
    #[inline(always)]
    fn tiles<const V: usize>(&self, cells: &mut [Cell<T, E>], mut c: usize) -> usize {
        let width = cells.len();
        if let (Some(reader), Some(mut writer)) = (Reader::new(self.data), Writer::new(cells)) {
            while c + V * L::N <= width {
                let arrays: &mut [Cells<T, E, L>; V] = writer.at(c);
                let lanes = self.lanes;
                let acc: Held<T, E, L, V> = core::array::from_fn(
                    #[inline(always)]
                    |v| Acc::<T, E, L>::load(lanes, &arrays[v]),
                );
                let acc = self.merge(&Tiled { pass: self, reader }, c, acc);
                for (array, acc) in arrays.iter_mut().zip(acc) {
                    acc.store(lanes, array);
                }
                c += V * L::N;
            }
        }
        c
    }

    /// Merges the rows, in their order, into what the cells hold.
    #[inline(always)]
    fn merge<const V: usize>(
        &self,
        source: &impl Lift<T, L, E, V>,
        c: usize,
        held: Held<T, E, L, V>,
    ) -> Held<T, E, L, V> {
        let reduce = self.entry.reduce();
        let Some((&(at, weight), rest)) = self.rows.split_first() else { return held };
        let mut acc = source.lift(at, c, weight);
        if !self.fresh {
            for (acc, held) in acc.iter_mut().zip(held) {
                *acc = reduce.merge(self.lanes, held, *acc);
            }
        }
        for &(at, weight) in rest {
            let next = source.lift(at, c, weight);
            for (acc, next) in acc.iter_mut().zip(next) {
                *acc = reduce.merge(self.lanes, *acc, next);
            }
        }
        acc
    }
}

type Held<T, E, L, const V: usize> = [Acc<T, E, L>; V];

/// `V` vectors of the row at `at`, from column `c` on, as partial results.
trait Lift<T: Element, L: Lanes<T>, E: Entry<T>, const V: usize> {
    fn lift(&self, at: usize, c: usize, weight: E::Weight) -> Held<T, E, L, V>;
}

/// Adjacent columns.
struct Tiled<'a, T: Element, L: Lanes<T>, E: Entry<T>, const V: usize> {
    pass: &'a Pass<'a, T, L, E>,
    reader: Reader<'a, T, [Array<T, L>; V]>,
}

impl<T: Element, L: Lanes<T>, E: Entry<T>, const V: usize> Lift<T, L, E, V> for Tiled<'_, T, L, E, V> {
    #[inline(always)]
    fn lift(&self, at: usize, c: usize, weight: E::Weight) -> Held<T, E, L, V> {
        let lanes = self.pass.lanes;
        let entry = self.pass.entry;
        let arrays = self.reader.at(at + c);
        core::array::from_fn(
            #[inline(always)]
            |v| entry.lift(lanes, L::V::load(lanes, &arrays[v]), weight),
        )
    }
}

/// Fewer columns than a vector, or columns apart.
struct Gathered<'a, T: Element, L: Lanes<T>, E: Entry<T>> {
    pass: &'a Pass<'a, T, L, E>,
    n: usize,
}

impl<T: Element, L: Lanes<T>, E: Entry<T>> Lift<T, L, E, 1> for Gathered<'_, T, L, E> {
    #[inline(always)]
    fn lift(&self, at: usize, c: usize, weight: E::Weight) -> Held<T, E, L, 1> {
        let Pass { lanes, entry, data, step, .. } = *self.pass;
        let array = gather(data, at + c * step, step, self.n);
        [entry.lift(lanes, L::V::load(lanes, &array), weight)]
    }
}

/// Finishes `cells` into elements that lie `step` apart from element `to` on.
#[inline(always)]
pub(crate) fn finish<T: Element, L: Lanes<T>, R: Reduce<T>>(
    lanes: L,
    reduce: R,
    cells: &[R::Cell],
    by: T::Divisor,
    output: &mut [T],
    to: usize,
    step: usize,
) {
    let mut c = 0;
    while c < cells.len() {
        let n = L::N.min(cells.len() - c);
        let array = gather(cells, c, 1, n);
        let v = reduce.finish(lanes, R::Acc::<L>::load(lanes, &array), by);
        store_apart(lanes, v, output, to + c * step, step, n);
        c += n;
    }
}

/// Finishes cells that are elements, where they are.
#[inline(always)]
pub(crate) fn finish_in_place<T: Element, L: Lanes<T>, R: Reduce<T, Cell = T>>(
    lanes: L,
    reduce: R,
    cells: &mut [T],
    by: T::Divisor,
) {
    let mut c = 0;
    while c < cells.len() {
        let n = L::N.min(cells.len() - c);
        let array = gather(cells, c, 1, n);
        let v = reduce.finish(lanes, R::Acc::<L>::load(lanes, &array), by);
        store_apart(lanes, v, cells, c, 1, n);
        c += n;
    }
}
