//! Many rows into one: the tokens of a sequence, or the pixels of an image whose channels are
//! adjacent. Rows are read one after the other as they lie in memory, several at a time, so that
//! the partial results travel to and from memory (the first cache) once for several rows. Each
//! column is merged in the order of the rows, whatever the lanes.

use super::store_apart;
use crate::access::{Reader, Writer, gather, scatter};
use crate::element::Element;
use crate::lanes::{Array, Block, Floats, Lanes, Register};
use crate::reduce::Reduce;
use bytemuck::{Pod, Zeroable};
use core::marker::PhantomData;

/// Rows merged per pass over the partial results.
const BLOCK: usize = 8;
/// Registers of partial results side by side: independent chains, so that none waits for itself.
const TILE: usize = 8;

/// How the elements of a row enter their columns, on lanes `L`.
pub(crate) trait Entry<L: Copy>: Copy {
    /// An element of a row.
    type Item: Pod;
    /// As many as a vector has.
    type From: Block<Self::Item>;
    /// The same in registers.
    type V: Copy;
    /// What a row brings along besides its elements.
    type Weight: Copy;
    /// Partial results of a vector of columns.
    type Part: Register<L>;
    /// Every part of a partial result.
    type Acc: Parts<Self::Part>;
    /// Elements of a vector.
    const N: usize;

    /// Elements from memory.
    fn load(self, lanes: L, from: &Self::From) -> Self::V;
    /// The partial results of the first row.
    fn first(self, lanes: L, v: Self::V, weight: Self::Weight) -> Self::Acc;
    /// The partial results with one more row.
    fn next(self, lanes: L, acc: Self::Acc, v: Self::V, weight: Self::Weight) -> Self::Acc;
}

/// One or several of a kind.
pub(crate) trait Parts<P>: Copy {
    /// How many.
    const COUNT: usize;
    /// Each by its place.
    fn from_fn(f: impl FnMut(usize) -> P) -> Self;
    /// All in their order.
    fn each(self, f: impl FnMut(usize, P));
}

// Spelled out: in a large function, the compiler gives up on inlining loops over arrays of closures.
impl<P: Copy> Parts<P> for [P; 1] {
    const COUNT: usize = 1;

    #[inline(always)]
    fn from_fn(mut f: impl FnMut(usize) -> P) -> Self {
        [f(0)]
    }

    #[inline(always)]
    fn each(self, mut f: impl FnMut(usize, P)) {
        let [one] = self;
        f(0, one);
    }
}

impl<P: Copy> Parts<P> for [P; 2] {
    const COUNT: usize = 2;

    #[inline(always)]
    fn from_fn(mut f: impl FnMut(usize) -> P) -> Self {
        [f(0), f(1)]
    }

    #[inline(always)]
    fn each(self, mut f: impl FnMut(usize, P)) {
        let [one, two] = self;
        f(0, one);
        f(1, two);
    }
}

/// Elements enter by a reducer, as they are.
#[derive(Clone, Copy)]
pub(crate) struct Plain<T, R>(R, PhantomData<T>);

impl<T, R> Plain<T, R> {
    pub(crate) fn new(reduce: R) -> Self {
        Self(reduce, PhantomData)
    }
}

impl<T: Element, L: Lanes<T>, R: Reduce<T>> Entry<L> for Plain<T, R> {
    type Item = T;
    type From = Array<T, L>;
    type V = L::V;
    type Weight = ();
    type Part = R::Acc<L>;
    type Acc = [R::Acc<L>; 1];
    const N: usize = L::N;

    #[inline(always)]
    fn load(self, lanes: L, from: &Array<T, L>) -> L::V {
        L::V::load(lanes, from)
    }

    #[inline(always)]
    fn first(self, lanes: L, v: L::V, (): ()) -> Self::Acc {
        [self.0.lift(lanes, v)]
    }

    #[inline(always)]
    fn next(self, lanes: L, [acc]: Self::Acc, v: L::V, (): ()) -> Self::Acc {
        [self.0.merge(lanes, acc, self.0.lift(lanes, v))]
    }
}

type Cell<E, L> = <<E as Entry<L>>::Part as Register<L>>::Item;
type PartArray<E, L> = <<E as Entry<L>>::Part as Register<L>>::Array;

/// Merges rows into `cells`, which hold nothing yet if `fresh`; without any row, `cells` is left as it was. There is
/// one cell a column, and after these as many of the next part. A row is where its first element lies, and its weight; its
/// elements lie `step` apart.
#[inline(always)]
pub(crate) fn fold<L: Copy, E: Entry<L>>(
    lanes: L,
    entry: E,
    data: &[E::Item],
    step: usize,
    mut fresh: bool,
    rows: &[(usize, E::Weight)],
    cells: &mut [Cell<E, L>],
) {
    // By numbers that the compiler knows, so that no loop over rows is left: that halves the time.
    let (blocks, rest) = rows.as_chunks::<BLOCK>();
    for rows in blocks {
        Pass { lanes, entry, data, step, rows, fresh }.run(cells);
        fresh = false;
    }
    let (pairs, rest) = rest.as_chunks::<2>();
    for rows in pairs {
        Pass { lanes, entry, data, step, rows, fresh }.run(cells);
        fresh = false;
    }
    for row in rest {
        Pass { lanes, entry, data, step, rows: &[*row], fresh }.run(cells);
    }
}

/// The same of rows as they come.
#[inline(always)]
pub(crate) fn fold_all<L: Copy, E: Entry<L, Weight = ()>>(
    lanes: L,
    entry: E,
    data: &[E::Item],
    step: usize,
    mut rows: impl Iterator<Item = usize>,
    cells: &mut [Cell<E, L>],
) {
    let mut fresh = true;
    while let Some(first) = rows.next() {
        let mut block = [(first, ()); BLOCK];
        let mut n = 1;
        for (to, row) in block[1..].iter_mut().zip(&mut rows) {
            *to = (row, ());
            n += 1;
        }
        // `n` is at most the length, which the compiler cannot see.
        fold(lanes, entry, data, step, fresh, block.get(..n).unwrap_or(&block), cells);
        fresh = false;
    }
}

/// A few rows on their way into the cells.
struct Pass<'a, L: Copy, E: Entry<L>, const R: usize> {
    lanes: L,
    entry: E,
    data: &'a [E::Item],
    /// Elements from one column to the next.
    step: usize,
    rows: &'a [(usize, E::Weight); R],
    /// Whether the cells hold nothing yet.
    fresh: bool,
}

impl<L: Copy, E: Entry<L>, const R: usize> Pass<'_, L, E, R> {
    #[inline(always)]
    fn run(&self, cells: &mut [Cell<E, L>]) {
        let width = cells.len() / E::Acc::COUNT;
        let mut c = 0;
        if self.step == 1 {
            match E::Part::REGISTERS * E::Acc::COUNT {
                1 => c = self.tiles::<TILE>(cells, width, c),
                2 => c = self.tiles::<{ TILE / 2 }>(cells, width, c),
                _ => c = self.tiles::<{ TILE / 4 }>(cells, width, c),
            }
            c = self.tiles::<1>(cells, width, c);
        }
        while c < width {
            let n = E::N.min(width - c);
            let held = E::Acc::from_fn(
                #[inline(always)]
                |part| E::Part::load(self.lanes, &gather(cells, part * width + c, 1, n)),
            );
            let [acc] = self.merge(
                [held],
                #[inline(always)]
                |at| [self.entry.load(self.lanes, &gather(self.data, at + c * self.step, self.step, n))],
            );
            acc.each(
                #[inline(always)]
                |part, acc| {
                    let mut array = PartArray::<E, L>::zeroed();
                    acc.store(self.lanes, &mut array);
                    scatter(cells, part * width + c, 1, n, &array);
                },
            );
            c += n;
        }
    }

    /// Tiles of `V` vectors from column `c` on; returns the first column that is left.
    #[inline(always)]
    fn tiles<const V: usize>(&self, cells: &mut [Cell<E, L>], width: usize, mut c: usize) -> usize {
        let (lanes, entry) = (self.lanes, self.entry);
        if let (Some(reader), Some(mut writer)) =
            (Reader::<_, [E::From; V]>::new(self.data), Writer::<_, [PartArray<E, L>; V]>::new(cells))
        {
            while c + V * E::N <= width {
                let held = core::array::from_fn(
                    #[inline(always)]
                    |v| {
                        E::Acc::from_fn(
                            #[inline(always)]
                            |part| E::Part::load(lanes, &writer.at(part * width + c)[v]),
                        )
                    },
                );
                let acc: [E::Acc; V] = self.merge(
                    held,
                    #[inline(always)]
                    |at| {
                        let arrays = reader.at(at + c);
                        core::array::from_fn(
                            #[inline(always)]
                            |v| entry.load(lanes, &arrays[v]),
                        )
                    },
                );
                for (v, acc) in acc.into_iter().enumerate() {
                    acc.each(
                        #[inline(always)]
                        |part, acc| acc.store(lanes, &mut writer.at(part * width + c)[v]),
                    );
                }
                c += V * E::N;
            }
        }
        c
    }

    /// Merges the rows, in their order, into what the cells hold; `load` reads from a row.
    #[inline(always)]
    fn merge<const V: usize>(&self, held: [E::Acc; V], load: impl Fn(usize) -> [E::V; V]) -> [E::Acc; V] {
        let (lanes, entry, mut acc) = (self.lanes, self.entry, held);
        for (r, &(at, weight)) in self.rows.iter().enumerate() {
            for (acc, v) in acc.iter_mut().zip(load(at)) {
                *acc = if r == 0 && self.fresh {
                    entry.first(lanes, v, weight)
                } else {
                    entry.next(lanes, *acc, v, weight)
                };
            }
        }
        acc
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

/// Divides each cell.
#[inline(always)]
pub(crate) fn divide<L: Floats>(lanes: L, cells: &mut [f32], by: f32) {
    let (n, len) = (<L as Lanes<f32>>::N, cells.len());
    let mut c = 0;
    if let Some(mut writer) = Writer::<f32, Array<f32, L>>::new(cells) {
        while c + n <= len {
            let array = writer.at(c);
            lanes.mean(L::F::load(lanes, array), by).store(lanes, array);
            c += n;
        }
    }
    cells.iter_mut().skip(c).for_each(|cell| *cell /= by);
}
