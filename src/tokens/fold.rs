//! Many rows into one: the tokens of a sequence. Rows are read one after the other as they lie in memory, several at a time, so that
//! the partial results travel to and from memory (the first cache) once for several rows. Each
//! column is merged in the order of the rows, whatever the lanes.

use crate::access::{RowsReader, Writer, gather, scatter};
use crate::lanes::{Block, Cache, LINE, PREFETCHES, Register, prefetch};
use bytemuck::{Pod, Zeroable};

/// Rows merged per pass over the partial results.
pub(super) const BLOCK: usize = 8;
/// Registers of partial results side by side: independent chains, so that none waits for itself.
const TILE: usize = 6;

/// How the elements of a row enter their columns, on lanes `L`.
pub(super) trait Entry<L: Copy>: Copy {
    /// An element of a row.
    type Item: Pod;
    /// As many as a vector has.
    type From: Block<Self::Item>;
    /// The same in registers.
    type V: Copy;
    /// What a row brings along besides its elements.
    type Weight: Copy + Default;
    /// What it takes to read the elements of a row.
    type Code: Copy;
    /// Partial results of a vector of columns.
    type Part: Register<L>;
    /// Every part of a partial result.
    type Acc: Parts<Self::Part>;
    /// Elements of a vector.
    const N: usize;

    /// Where a row starts.
    fn start(self, row: usize) -> usize;
    /// How a row is read.
    fn code(self, row: usize) -> Self::Code;
    /// Elements from memory.
    fn load(self, lanes: L, from: &Self::From, code: Self::Code) -> Self::V;
    /// The partial results of the first row.
    fn first(self, lanes: L, v: Self::V, weight: Self::Weight) -> Self::Acc;
    /// The partial results with one more row.
    fn next(self, lanes: L, acc: Self::Acc, v: Self::V, weight: Self::Weight) -> Self::Acc;
    /// Whether two rows are better merged together than one after the other.
    const IN_PAIRS: bool = false;
    /// The partial results with two more rows.
    #[inline(always)]
    fn next_two(self, lanes: L, acc: Self::Acc, [v, w]: [Self::V; 2], [a, b]: [Self::Weight; 2]) -> Self::Acc {
        self.next(lanes, self.next(lanes, acc, v, a), w, b)
    }
}

/// One or several of a kind.
pub(super) trait Parts<P>: Copy {
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

type Cell<E, L> = <<E as Entry<L>>::Part as Register<L>>::Item;
type PartArray<E, L> = <<E as Entry<L>>::Part as Register<L>>::Array;

/// Numbers of rows: as they are listed, or so many one after the other.
#[derive(Clone, Copy)]
pub(super) enum Numbers<'a> {
    Listed(&'a [usize]),
    Run { first: usize, len: usize },
}

impl Numbers<'_> {
    pub(super) const NONE: Self = Self::Listed(&[]);

    #[inline(always)]
    pub(super) fn len(self) -> usize {
        match self {
            Self::Listed(numbers) => numbers.len(),
            Self::Run { len, .. } => len,
        }
    }

    /// Number `i`, of which there are more.
    #[inline(always)]
    pub(super) fn at(self, i: usize) -> usize {
        debug_assert!(i < self.len());
        match self {
            Self::Listed(numbers) => numbers.get(i).copied().unwrap_or(0),
            Self::Run { first, .. } => first + i,
        }
    }

    /// These, or `others` if there are none.
    #[inline(always)]
    pub(super) fn or(self, others: Self) -> Self {
        if self.len() > 0 { self } else { others }
    }

    /// The first `n`, and the others.
    #[inline(always)]
    pub(super) fn split(self, n: usize) -> (Self, Self) {
        let n = n.min(self.len());
        match self {
            Self::Listed(numbers) => {
                let (first, others) = numbers.split_at_checked(n).unwrap_or((numbers, &[]));
                (Self::Listed(first), Self::Listed(others))
            }
            Self::Run { first, len } => (Self::Run { first, len: n }, Self::Run { first: first + n, len: len - n }),
        }
    }
}

/// Rows to be merged, with their weights.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a, W> {
    pub(super) now: Numbers<'a>,
    /// One a row; if weights take no room, as many as there are for any.
    pub(super) weights: &'a [W],
    /// Those that will be merged after them.
    pub(super) next: Numbers<'a>,
    /// Whether rows are brought nearer while those before them are merged.
    pub(super) ahead: bool,
}

impl<W> Rows<'_, W> {
    /// Weights of `R` rows from row `i` on, if there are so many.
    #[inline(always)]
    fn weights<const R: usize>(&self, i: usize) -> Option<&[W; R]> {
        if i + R > self.now.len() {
            return None;
        }
        let from = if size_of::<W>() == 0 { 0 } else { i };
        self.weights.get(from..)?.first_chunk()
    }
}

/// Merges rows into `cells`, which hold nothing yet if `fresh`; without any row, `cells` is left as it was. There is
/// one cell a column, and after these as many of the next part. The elements of a row lie `step` apart.
#[inline(always)]
pub(super) fn fold<L: Copy, E: Entry<L>>(
    lanes: L,
    entry: E,
    (data, step): (&[E::Item], usize),
    mut fresh: bool,
    rows: Rows<'_, E::Weight>,
    cells: &mut [Cell<E, L>],
) {
    // Rows without elements may start anywhere.
    if cells.is_empty() {
        return;
    }
    // By numbers that the compiler knows, so that no loop over rows is left: that halves the time.
    let mut i = 0;
    while let Some(weights) = rows.weights::<BLOCK>(i) {
        Pass { lanes, entry, data, step, rows: &rows, first: i, weights, fresh }.run(cells);
        i += BLOCK;
        fresh = false;
    }
    while let Some(weights) = rows.weights::<2>(i) {
        Pass { lanes, entry, data, step, rows: &rows, first: i, weights, fresh }.run(cells);
        i += 2;
        fresh = false;
    }
    if let Some(weights) = rows.weights::<1>(i) {
        Pass { lanes, entry, data, step, rows: &rows, first: i, weights, fresh }.run(cells);
    }
}

/// A few rows on their way into the cells.
struct Pass<'a, L: Copy, E: Entry<L>, const R: usize> {
    lanes: L,
    entry: E,
    data: &'a [E::Item],
    /// Elements from one column to the next.
    step: usize,
    /// All of them, of which the first of these is number `first`.
    rows: &'a Rows<'a, E::Weight>,
    first: usize,
    weights: &'a [E::Weight; R],
    /// Whether the cells hold nothing yet.
    fresh: bool,
}

impl<L: Copy, E: Entry<L>, const R: usize> Pass<'_, L, E, R> {
    #[inline(always)]
    fn run(&self, cells: &mut [Cell<E, L>]) {
        let (lanes, entry, width) = (self.lanes, self.entry, cells.len() / E::Acc::COUNT);
        let row = |i: usize| self.rows.now.at(self.first + i);
        let codes: [E::Code; R] = core::array::from_fn(
            #[inline(always)]
            |i| entry.code(row(i)),
        );
        let mut c = 0;
        if self.step == 1
            && let Some(rows) = RowsReader::new(
                self.data,
                width,
                #[inline(always)]
                |i| entry.start(row(i)),
            )
        {
            match E::Part::REGISTERS * E::Acc::COUNT {
                1 => c = self.tiles::<TILE>(&rows, &codes, cells, c),
                2 => c = self.tiles::<4>(&rows, &codes, cells, c),
                _ => c = self.tiles::<2>(&rows, &codes, cells, c),
            }
            c = self.tiles_of::<1, false>(&rows, &codes, cells, c);
        }
        while c < width {
            let n = E::N.min(width - c);
            let held = E::Acc::from_fn(
                #[inline(always)]
                |part| E::Part::load(lanes, &gather(cells, part * width + c, 1, n)),
            );
            let [acc] = self.merge(
                [held],
                codes.iter().enumerate().map(
                    #[inline(always)]
                    |(i, code)| {
                        let at = entry.start(row(i)) + c * self.step;
                        [entry.load(lanes, &gather(self.data, at, self.step, n), *code)]
                    },
                ),
            );
            acc.each(
                #[inline(always)]
                |part, acc| {
                    let mut array = PartArray::<E, L>::zeroed();
                    acc.store(lanes, &mut array);
                    scatter(cells, part * width + c, 1, n, &array);
                },
            );
            c += n;
        }
    }

    /// Tiles of `V` vectors from column `c` on; returns the first column that is left.
    #[inline(always)]
    fn tiles<const V: usize>(
        &self,
        rows: &RowsReader<'_, E::Item, R>,
        codes: &[E::Code; R],
        cells: &mut [Cell<E, L>],
        c: usize,
    ) -> usize {
        if PREFETCHES && R == BLOCK && self.rows.ahead {
            self.tiles_of::<V, true>(rows, codes, cells, c)
        } else {
            self.tiles_of::<V, false>(rows, codes, cells, c)
        }
    }

    #[inline(always)]
    fn tiles_of<const V: usize, const AHEAD: bool>(
        &self,
        rows: &RowsReader<'_, E::Item, R>,
        codes: &[E::Code; R],
        cells: &mut [Cell<E, L>],
        mut c: usize,
    ) -> usize {
        let (lanes, entry, width) = (self.lanes, self.entry, cells.len() / E::Acc::COUNT);
        let Some(mut writer) = Writer::<_, [PartArray<E, L>; V]>::new(cells) else { return c };
        // In the order of memory, not in that of the tiles: rows are long, and processors see one that is read on and on.
        let next = self.rows.now.split(self.first + R).1.or(self.rows.next);
        let (mut row, mut ahead) = (0, 0);
        while let Some(columns) = rows.columns::<[E::From; V]>(c) {
            let held = core::array::from_fn(
                #[inline(always)]
                |v| {
                    E::Acc::from_fn(
                        #[inline(always)]
                        |part| E::Part::load(lanes, &writer.at(part * width + c)[v]),
                    )
                },
            );
            let arrays = columns.each().zip(codes).map(
                #[inline(always)]
                |(arrays, code)| {
                    if AHEAD && row < next.len() {
                        let start = entry.start(next.at(row));
                        for line in 0..size_of_val(arrays).div_ceil(LINE) {
                            let at = start + ahead + line * (LINE / size_of::<E::Item>());
                            prefetch(Cache::Second, self.data.as_ptr().wrapping_add(at));
                        }
                        ahead += V * E::N;
                        if ahead >= width {
                            (row, ahead) = (row + 1, 0);
                        }
                    }
                    core::array::from_fn(
                        #[inline(always)]
                        |v| entry.load(lanes, &arrays[v], *code),
                    )
                },
            );
            let acc: [E::Acc; V] = self.merge(held, arrays);
            for (v, acc) in acc.into_iter().enumerate() {
                acc.each(
                    #[inline(always)]
                    |part, acc| acc.store(lanes, &mut writer.at(part * width + c)[v]),
                );
            }
            c += V * E::N;
        }
        c
    }

    /// Merges the rows, in their order, into what the cells hold.
    #[inline(always)]
    fn merge<const V: usize>(&self, held: [E::Acc; V], rows: impl Iterator<Item = [E::V; V]>) -> [E::Acc; V] {
        let (lanes, entry, mut acc) = (self.lanes, self.entry, held);
        let mut fresh = self.fresh;
        let mut rows = self.weights.iter().zip(rows);
        while let Some((&weight, row)) = rows.next() {
            match if E::IN_PAIRS && !fresh { rows.next() } else { None } {
                Some((&second, after)) => {
                    for (acc, (v, w)) in acc.iter_mut().zip(row.into_iter().zip(after)) {
                        *acc = entry.next_two(lanes, *acc, [v, w], [weight, second]);
                    }
                }
                None => {
                    for (acc, v) in acc.iter_mut().zip(row) {
                        *acc = if fresh { entry.first(lanes, v, weight) } else { entry.next(lanes, *acc, v, weight) };
                    }
                    fresh = false;
                }
            }
        }
        acc
    }
}
