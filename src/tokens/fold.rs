//! Many rows into one: the tokens of a sequence. Rows are read one after the other as they lie in memory, several at a time, so that
//! the partial results travel to and from memory (the first cache) once for several rows. Each column is merged in the order of
//! the rows, whatever the lanes.
//!
//! ```text
//!   row    [ tile ][ tile ] ..         cells
//!   next   [ tile ][ tile ] ..   ->    [ tile ][ tile ] ..     eight rows at once, then what is left of them one by one;
//!   ...                                                        and the last columns of all rows, which are no tile
//! ```

use super::steps::{BLOCK, Parts, Step};
use super::{TokenElement, Tokens};
use crate::access::{Reader, RowsReader, Writer, gather, scatter};
use crate::lanes::{Array, Cache, LINE, Lanes, PORTABLE_IS_SIMD, PREFETCHES, Read, Register, hidden, prefetch};
use bytemuck::Zeroable;
use core::ops::Range;

/// Numbers of rows: as they are listed, or so many one after the other.
#[derive(Clone, Copy, Debug)]
pub(super) enum Numbers<'a> {
    /// One after the other in a list.
    Listed(&'a [usize]),
    /// So many from the first on.
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
pub struct Rows<'a, T, W> {
    pub(super) tokens: &'a Tokens<'a, T>,
    pub(super) now: Numbers<'a>,
    /// One a row; none, if weights take no room.
    pub(super) weights: &'a [W],
    /// Those that will be merged after them.
    pub(super) next: Numbers<'a>,
    /// Whether rows are brought nearer while those before them are merged.
    pub(super) ahead: bool,
    /// Whether nothing was merged before them.
    pub(super) fresh: bool,
}

impl<T, W: Copy + Default> Rows<'_, T, W> {
    #[inline(always)]
    fn weight(&self, i: usize) -> W {
        self.weights.get(i).copied().unwrap_or_default()
    }
}

/// Merges rows into `cells`; without any row, these are left as they were. There is one cell a column, and after these as many of the
/// next part.
#[inline(always)]
pub(crate) fn fold<T: TokenElement, L: Read<T>, S: Step>(
    lanes: L,
    step: S,
    rows: &Rows<'_, T, S::Weight>,
    cells: &mut [f32],
) {
    // Rows without elements may start anywhere.
    if cells.is_empty() {
        return;
    }
    let fold = Fold { lanes, step, rows, width: cells.len() / <S::Acc<L::F> as Parts<L::F>>::COUNT };
    let (mut i, mut fresh, len) = (0, rows.fresh, rows.now.len());
    while i < len {
        // Small machines have no caches to read on and on for.
        let (end, mut done) = (if has_vectors::<L>() { len.min(i + S::ROWS) } else { len }, 0);
        if const { S::TILED && are_tuned::<L>() } && end - i == BLOCK {
            done = match <S::Acc<L::F> as Parts<L::F>>::COUNT {
                1 => fold.tiles::<6>(cells, i, fresh),
                _ => fold.tiles::<4>(cells, i, fresh),
            };
        }
        fold.few(cells, i..end, done, fresh);
        (i, fresh) = (end, false);
    }
}

/// Whether there are vectors.
const fn has_vectors<L: Lanes<f32>>() -> bool {
    L::N > 1 && PORTABLE_IS_SIMD
}

/// Whether these are worth more code: several side by side.
const fn are_tuned<L: Lanes<f32>>() -> bool {
    has_vectors::<L>() && L::TILE > 1
}

/// Rows on their way into the cells.
struct Fold<'a, T, L, S: Step> {
    lanes: L,
    step: S,
    rows: &'a Rows<'a, T, S::Weight>,
    /// Columns.
    width: usize,
}

/// `V` vectors of partial results in memory.
type Held<L, const V: usize> = [Array<f32, L>; V];

impl<T: TokenElement, L: Read<T>, S: Step> Fold<'_, T, L, S> {
    const N: usize = <L as Lanes<f32>>::N;

    /// Tiles of `V` vectors of [`BLOCK`] rows from row `first` on; gives the first column that is left. By numbers that the compiler
    /// knows, so that no loop over rows is left: that halves the time.
    #[inline(always)]
    fn tiles<const V: usize>(&self, cells: &mut [f32], first: usize, fresh: bool) -> usize {
        let Self { lanes, step, rows: Rows { tokens, now, next, ahead, .. }, width } = *self;
        let mut c = 0;
        if tokens.step != 1 {
            return c;
        }
        let numbers: [usize; BLOCK] = core::array::from_fn(
            #[inline(always)]
            |r| now.at(first + r),
        );
        let weights: [S::Weight; BLOCK] = core::array::from_fn(
            #[inline(always)]
            |r| self.rows.weight(first + r),
        );
        let reader = RowsReader::<T, BLOCK>::new(
            tokens.data,
            width,
            #[inline(always)]
            |r| tokens.row(numbers[r]),
        );
        let (Some(reader), Some(mut writer)) = (reader, Writer::<_, Held<L, V>>::new(cells)) else { return c };
        // In the order of memory, not in that of the tiles: rows are long, and processors see one that is read on and on.
        let next = now.split(first + BLOCK).1.or(*next);
        let (mut row, mut at) = (0, 0);
        while let Some(columns) = reader.columns::<[L::From; V]>(c) {
            let mut acc = self.held::<V>(&mut writer, c);
            let mut arrays = columns.each();
            let mut r = 0;
            while let Some(elements) = arrays.next() {
                if PREFETCHES && *ahead && row < next.len() {
                    let start = tokens.row(next.at(row));
                    for line in 0..size_of_val(elements).div_ceil(LINE) {
                        let element = start + at + line * (LINE / size_of::<T>());
                        prefetch(Cache::Second, tokens.data.as_ptr().wrapping_add(element));
                    }
                    at += V * Self::N;
                    if at >= width {
                        (row, at) = (row + 1, 0);
                    }
                }
                let x = self.loaded(elements, numbers[r]);
                if r == 0 && fresh {
                    for v in 0..V {
                        acc[v] = step.first(lanes, x[v], weights[r]);
                    }
                } else if S::IN_PAIRS
                    && r + 1 < BLOCK
                    && let Some(elements) = arrays.next()
                {
                    let y = self.loaded(elements, numbers[r + 1]);
                    for v in 0..V {
                        acc[v] = step.next_two(lanes, acc[v], [x[v], y[v]], [weights[r], weights[r + 1]]);
                    }
                    r += 1;
                } else {
                    for v in 0..V {
                        acc[v] = step.next(lanes, acc[v], x[v], weights[r]);
                    }
                }
                r += 1;
            }
            self.hold(acc, &mut writer, c);
            c += V * Self::N;
        }
        c
    }

    /// Some rows one by one, from column `c` on.
    #[inline(always)]
    fn few(&self, cells: &mut [f32], range: Range<usize>, mut c: usize, fresh: bool) {
        if self.rows.tokens.step == 1 {
            if const { S::LIGHT && are_tuned::<L>() } {
                c = match <S::Acc<L::F> as Parts<L::F>>::COUNT {
                    1 => self.vectors::<8>(cells, range.clone(), c, fresh),
                    _ => self.vectors::<4>(cells, range.clone(), c, fresh),
                };
            }
            c = self.vectors::<1>(cells, range.clone(), c, fresh);
        }
        if c < self.width {
            self.apart(cells, range, c, fresh);
        }
    }

    /// `V` vectors of columns at once; gives the first column that is left.
    #[inline(always)]
    fn vectors<const V: usize>(&self, cells: &mut [f32], range: Range<usize>, mut c: usize, fresh: bool) -> usize {
        let Self { rows: Rows { tokens, now, .. }, width, .. } = *self;
        let reader = Reader::<T, [L::From; V]>::new(tokens.data);
        let (Some(reader), Some(mut writer)) = (reader, Writer::<_, Held<L, V>>::new(cells)) else { return c };
        while c + V * Self::N <= width {
            let mut acc = self.held::<V>(&mut writer, c);
            for i in range.clone() {
                let row = now.at(hidden(i));
                let x = self.loaded(reader.at(tokens.row(row) + c), row);
                acc = self.enter(acc, x, i, fresh && i == range.start);
            }
            self.hold(acc, &mut writer, c);
            c += V * Self::N;
        }
        c
    }

    /// Fewer columns than a vector has, or such that lie apart.
    #[inline(always)]
    fn apart(&self, cells: &mut [f32], range: Range<usize>, mut c: usize, fresh: bool) {
        let Self { lanes, rows: Rows { tokens, now, .. }, width, .. } = *self;
        while c < width {
            let n = Self::N.min(width - c);
            let mut acc = [S::Acc::from_fn(
                #[inline(always)]
                |part| L::F::load(lanes, &gather(cells, part * width + c, 1, n)),
            )];
            for i in range.clone() {
                let row = now.at(i);
                let elements: L::From = gather(tokens.data, tokens.row(row) + c * tokens.step, tokens.step, n);
                acc = self.enter(acc, self.loaded(&[elements], row), i, fresh && i == range.start);
            }
            let [acc] = acc;
            acc.each(
                #[inline(always)]
                |part, acc| {
                    let mut array = Array::<f32, L>::zeroed();
                    acc.store(lanes, &mut array);
                    scatter(cells, part * width + c, 1, n, &array);
                },
            );
            c += n;
        }
    }

    /// Row `i` after those before it, if any were.
    #[inline(always)]
    fn enter<const V: usize>(&self, acc: [S::Acc<L::F>; V], x: [L::F; V], i: usize, first: bool) -> [S::Acc<L::F>; V] {
        let (Self { lanes, step, .. }, weight, mut acc) = (*self, self.rows.weight(i), acc);
        // Of a loop over rows, one is enough.
        if hidden(usize::from(first)) > 0 {
            for v in 0..V {
                acc[v] = step.first(lanes, x[v], weight);
            }
        } else {
            for v in 0..V {
                acc[v] = step.next(lanes, acc[v], x[v], weight);
            }
        }
        acc
    }

    /// Elements of a row.
    #[inline(always)]
    fn loaded<const V: usize>(&self, elements: &[L::From; V], row: usize) -> [L::F; V] {
        let code = self.rows.tokens.code(row);
        core::array::from_fn(
            #[inline(always)]
            |v| T::dequantize(self.lanes, &elements[v], code),
        )
    }

    /// Partial results from column `c` on.
    #[inline(always)]
    fn held<const V: usize>(&self, writer: &mut Writer<'_, f32, Held<L, V>>, c: usize) -> [S::Acc<L::F>; V] {
        core::array::from_fn(
            #[inline(always)]
            |v| {
                S::Acc::from_fn(
                    #[inline(always)]
                    |part| L::F::load(self.lanes, &writer.at(part * self.width + c)[v]),
                )
            },
        )
    }

    /// Those to memory.
    #[inline(always)]
    fn hold<const V: usize>(&self, acc: [S::Acc<L::F>; V], writer: &mut Writer<'_, f32, Held<L, V>>, c: usize) {
        for (v, acc) in acc.into_iter().enumerate() {
            acc.each(
                #[inline(always)]
                |part, acc| acc.store(self.lanes, &mut writer.at(part * self.width + c)[v]),
            );
        }
    }
}

impl<T, L: Copy, S: Step> Clone for Fold<'_, T, L, S> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<T, L: Copy, S: Step> Copy for Fold<'_, T, L, S> {}
