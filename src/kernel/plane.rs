//! Large planes, each into one number, as they lie in memory. Cell `i` enters lane `i % 16`, on every instruction set;
//! a lane takes eight after eight into a total, and those that are left one by one; then the lanes merge as a tree.
//!
//! ```text
//!   plane  |0 .. 15|16 .. 31|32 .. 47|    |112 .. 127|  ->  16 partial results  ->  16 totals  ->  8, 4, 2, 1
//!               \______\________\_____ ... ____/
//! ```

use super::lines::tree;
use super::{Output, Work, put};
use crate::access::Reader;
use crate::dispatch::Kernels;
use crate::element::Element;
use crate::lanes::{Array, Lanes, Register, VIRTUAL_LANES, hidden};
use crate::reduce::{Reduce, Reducer, SETTLED};
use core::marker::PhantomData;

/// Most lanes that a backend has for one vector.
const MOST_LANES: usize = 64;

/// A total of one lane.
type Part<T, R> = <R as Reducer<T>>::Part;

/// Pools each plane.
#[inline(always)]
pub(super) fn run<T: Element, L: Lanes<T>, R>(lanes: L, reduce: R, work: &mut Work<'_, T>)
where
    R: Reduce<T, L> + Reduce<T, T::One>,
{
    let job = work.job;
    let len = job.from.shape.spatial.iter().fold(1usize, |len, extent| len.wrapping_mul(*extent));
    let by = T::one().by(job.divisor::<T, R>(job.axes.map(|axis| axis.taps(0))));
    for n in 0..job.from.shape.batch {
        for c in 0..job.from.shape.channels {
            let from = job.from.at(n, c, [0; 3]);
            let part = if !job.from.is_flat() {
                gaps::<T, R>(reduce, work, [n, c])
            } else if let Some(plane) = from.checked_add(len).and_then(|end| work.input.get(from..end)) {
                lanes.enter(
                    #[inline(always)]
                    || whole::<T, L, R>(lanes, reduce, plane),
                )
            } else {
                return;
            };
            let total = Reduce::<T, T::One>::of_part(reduce, T::one(), part);
            let result = Reduce::<T, T::One>::finish_total(reduce, T::one(), total, &by);
            put::<T, T::One, 1>(T::one(), [result], work.output, job.to.at(n, c, [0; 3]), 1, 1);
        }
    }
}

/// The total of a plane without gaps.
#[inline(always)]
fn whole<T: Element, L: Lanes<T>, R>(lanes: L, reduce: R, plane: &[T]) -> Part<T, R>
where
    R: Reduce<T, L> + Reduce<T, T::One>,
{
    // As many vectors as make up the lanes of the order; where that does not matter, one.
    match L::N {
        1 => one_by_one::<T, R>(reduce, plane),
        2 => total::<T, L, R, 8>(lanes, reduce, plane),
        4 => total::<T, L, R, 4>(lanes, reduce, plane),
        8 => total::<T, L, R, 2>(lanes, reduce, plane),
        _ => total::<T, L, R, 1>(lanes, reduce, plane),
    }
}

/// The total of a plane whose rows lie apart, by way of a copy of a few cells at a time: the same code for every
/// instruction set.
#[inline(never)]
fn gaps<T: Element, R: Reduce<T, T::One>>(reduce: R, work: &Work<'_, T>, [n, c]: [usize; 2]) -> Part<T, R> {
    let taps = work.job.axes.map(|axis| axis.taps(0));
    let mut cells = Output { cell: [n, c, 0, 0, 0], to: 0, taps }.cells(work.job, work.input);
    let (mut totals, mut eights) = ([None; VIRTUAL_LANES], 0);
    loop {
        let mut copy = [T::zeroed(); 8 * VIRTUAL_LANES];
        let mut len = 0;
        for (to, cell) in copy.iter_mut().zip(&mut cells) {
            *to = cell;
            len += 1;
        }
        let cells = copy.get(..len).unwrap_or(&copy);
        let done = enter_each::<T, R>(reduce, cells, &mut totals, &mut eights);
        if len < copy.len() {
            return merge_each::<T, R>(reduce, &totals, cells.get(done..).unwrap_or(&[]));
        }
    }
}

/// The total of a plane without gaps, on lanes of one element.
fn one_by_one<T: Element, R: Reduce<T, T::One>>(reduce: R, plane: &[T]) -> Part<T, R> {
    let mut totals = [None; VIRTUAL_LANES];
    let done = enter_each::<T, R>(reduce, plane, &mut totals, &mut 0);
    merge_each::<T, R>(reduce, &totals, plane.get(done..).unwrap_or(&[]))
}

/// As [`Steps::totals`].
#[inline(never)]
fn enter_each<T: Element, R: Reduce<T, T::One>>(
    reduce: R,
    cells: &[T],
    totals: &mut [Option<<R as Reduce<T, T::One>>::Total>; VIRTUAL_LANES],
    eights: &mut usize,
) -> usize {
    Steps { lanes: T::one(), reduce, elements: PhantomData }.totals(cells, totals, eights)
}

/// As [`merged`].
#[inline(never)]
fn merge_each<T: Element, R: Reduce<T, T::One>>(
    reduce: R,
    totals: &[Option<<R as Reduce<T, T::One>>::Total>; VIRTUAL_LANES],
    rest: &[T],
) -> Part<T, R> {
    merged::<T, T::One, R, VIRTUAL_LANES>(T::one(), reduce, totals, rest)
}

/// `K` vectors at a time.
struct Steps<T, L, R, const K: usize> {
    lanes: L,
    reduce: R,
    elements: PhantomData<T>,
}

impl<T: Element, L: Lanes<T>, R: Reduce<T, L>, const K: usize> Steps<T, L, R, K> {
    #[inline(always)]
    fn lift(&self, array: &Array<T, L>) -> R::Acc {
        self.reduce.lift(self.lanes, L::V::load(self.lanes, array), 0)
    }

    /// Neighbours, then neighbours of these, then both halves: of vector `k` of eight steps.
    #[inline(always)]
    fn eight(&self, steps: &[[Array<T, L>; K]; 8], k: usize) -> R::Acc {
        let mut taps = [self.lift(&steps[0][k % K]); 8];
        for i in 1..8 {
            // In a loop, where each element is long.
            let i = if R::IS_LIGHT { i } else { hidden(i) % 8 };
            taps[i] = self.lift(&steps[i][k % K]);
        }
        tree(
            taps,
            #[inline(always)]
            |a, b| self.reduce.merge(self.lanes, a, b),
        )
    }

    #[inline(always)]
    fn enter(&self, total: &mut Option<R::Total>, acc: R::Acc) {
        *total = Some(match *total {
            Some(total) => self.reduce.enter(self.lanes, total, acc),
            None => self.reduce.total(self.lanes, acc),
        });
    }

    /// Adds as many cells as fill the lanes, and gives how many they are; each total has that many `eights`.
    #[inline(always)]
    fn totals(&self, cells: &[T], totals: &mut [Option<R::Total>; K], eights: &mut usize) -> usize {
        // Where vectors are one element, there are many of them, and their loop stays one.
        let of_lane = |k| if L::N == 1 { hidden(k) } else { k };
        let (step, mut done) = (K * L::N, 0);
        if let Some(reader) = Reader::<T, [[Array<T, L>; K]; 8]>::new(cells) {
            while done + 8 * step <= cells.len() {
                let steps = reader.at(done);
                for (k, total) in totals.iter_mut().enumerate() {
                    self.enter(total, self.eight(steps, of_lane(k)));
                }
                (done, *eights) = (done + 8 * step, *eights + 1);
                if eights.is_multiple_of(SETTLED) {
                    for total in totals.iter_mut().flatten() {
                        *total = self.reduce.settle(self.lanes, *total);
                    }
                }
            }
        }
        if let Some(reader) = Reader::<T, [Array<T, L>; K]>::new(cells) {
            while done + step <= cells.len() {
                let arrays = reader.at(done);
                for (k, total) in totals.iter_mut().enumerate() {
                    self.enter(total, self.lift(&arrays[of_lane(k) % K]));
                }
                done += step;
            }
        }
        done
    }
}

#[inline(always)]
fn total<T: Element, L: Lanes<T>, R, const K: usize>(lanes: L, reduce: R, plane: &[T]) -> Part<T, R>
where
    R: Reduce<T, L> + Reduce<T, T::One>,
{
    let mut totals = [None; K];
    let done = Steps { lanes, reduce, elements: PhantomData }.totals(plane, &mut totals, &mut 0);
    merged::<T, L, R, K>(lanes, reduce, &totals, plane.get(done..).unwrap_or(&[]))
}

/// The total of all lanes, each of which may get one more cell.
#[inline(always)]
fn merged<T: Element, L: Lanes<T>, R, const K: usize>(
    lanes: L,
    reduce: R,
    totals: &[Option<<R as Reduce<T, L>>::Total>; K],
    rest: &[T],
) -> Part<T, R>
where
    R: Reduce<T, L> + Reduce<T, T::One>,
{
    let one = T::one();
    let mut parts = [<Part<T, R> as bytemuck::Zeroable>::zeroed(); MOST_LANES];
    let mut filled = 0;
    for total in totals.iter().flatten() {
        if let Some(parts) = parts.get_mut(filled..) {
            Reduce::<T, L>::parts(reduce, lanes, *total, parts);
        }
        filled = hidden(filled + L::N);
    }
    for (i, x) in rest.iter().enumerate() {
        let i = hidden(i);
        let Some(to) = parts.get_mut(i) else { break };
        let acc = Reduce::<T, T::One>::lift(reduce, one, L1::<T>::splat(one, *x), 0);
        let total = if i < filled {
            Reduce::<T, T::One>::enter(reduce, one, Reduce::<T, T::One>::of_part(reduce, one, *to), acc)
        } else {
            filled = i + 1;
            Reduce::<T, T::One>::total(reduce, one, acc)
        };
        *to = part::<T, R>(reduce, total);
    }
    let mut half = VIRTUAL_LANES.max(K * L::N) / 2;
    while half > 0 {
        for j in 0..half.min(filled.saturating_sub(half)) {
            let j = hidden(j);
            let [a, b] = [parts[j % MOST_LANES], parts[(j + half) % MOST_LANES]]
                .map(|part| Reduce::<T, T::One>::of_part(reduce, one, part));
            parts[j % MOST_LANES] = part::<T, R>(reduce, Reduce::<T, T::One>::merge_totals(reduce, one, a, b));
        }
        filled = filled.min(half);
        half /= 2;
    }
    parts[0]
}

/// A vector of one lane.
type L1<T> = <<T as Kernels>::One as Lanes<T>>::V;

#[inline(always)]
fn part<T: Element, R: Reduce<T, T::One>>(reduce: R, total: R::Total) -> Part<T, R> {
    let mut part = [<R::Part as bytemuck::Zeroable>::zeroed()];
    reduce.parts(T::one(), total, &mut part);
    part[0]
}
