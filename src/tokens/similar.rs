//! How near documents are to a query, token by token: the late interaction of ColBERT.
//!
//! ```text
//!             document
//!           . d d d d d d .
//!   query q [ x x ]         x: two tokens of the query by two of the document at once, each dot product in 16 lanes;
//!         q [ x x ]            then the next two of the query, and the next two of the document
//!         q
//! ```

use super::finish::merged;
use super::{Offset, Sequences, TokenElement, Tokens, check_length};
use crate::access::{RowsReader, gather};
use crate::dispatch::Isa;
use crate::error::{Argument, AxisName, PoolError};
use crate::lanes::{Array, Floats, Instructions, Lanes, Read, Register, Scalar, VIRTUAL_LANES as LANES, array};
use bytemuck::Pod;
use core::ops::Range;

/// Tokens of a query whose greatest products are found together: the document is read once for all of them.
const TOGETHER: usize = 32;

/// The score of each document: for each token of the query the greatest dot product with a token of the document, summed over the
/// query. A document without tokens, or a query without any, scores 0. NaN wins.
///
/// `documents` are the tokens of all documents, and `sequences` say where each lies. Dot products are those of
/// [`dot`](super::dot), over elements widened to `f32`; those of codes are exact integers of codes less their zero points, rounded
/// to `f32` once and then multiplied by the query's scale and by the document's. So the bits are the same on every instruction set,
/// however documents lie together.
///
/// ```
/// use lanepool::tokens::{Sequences, Tokens, max_sim};
///
/// let query = Tokens::new(&[1.0f32, 0.0, 0.6, 0.8], [2, 2])?;
/// let documents = Tokens::new(&[1.0f32, 0.0, 0.0, 1.0, 0.8, 0.6], [3, 2])?;
/// let mut scores = [0.0; 2];
/// max_sim(query, documents, Sequences::offsets(&[0u32, 2, 3]), &mut scores)?;
/// assert_eq!(scores, [1.0 + 0.8, 0.8 + 0.96]);
/// # Ok::<(), lanepool::PoolError>(())
/// ```
///
/// Definition: ColBERT (Khattab and Zaharia, 2020), equation 3.
///
/// # Errors
/// [`PoolError::Shape`] if query and documents differ in width, [`PoolError::Sequence`] if a document does not lie within the
/// tokens, [`PoolError::Length`] unless there is one score a document. Nothing is written then.
pub fn max_sim<T: TokenElement, O: Offset>(
    query: Tokens<'_, T>,
    documents: Tokens<'_, T>,
    sequences: Sequences<'_, O>,
    scores: &mut [f32],
) -> Result<(), PoolError> {
    each_document(&documents, sequences, &query, scores, T::similarity_best)
}

/// As [`max_sim`], on a chosen instruction set. The result has the same bits.
///
/// # Errors
/// As [`max_sim`].
pub fn max_sim_on<T: TokenElement, O: Offset>(
    isa: Isa,
    query: Tokens<'_, T>,
    documents: Tokens<'_, T>,
    sequences: Sequences<'_, O>,
    scores: &mut [f32],
) -> Result<(), PoolError> {
    each_document(&documents, sequences, &query, scores, |query, documents, range| {
        T::similarity_on(isa, query, documents, range)
    })
}

fn each_document<T, O: Offset>(
    documents: &Tokens<'_, T>,
    sequences: Sequences<'_, O>,
    query: &Tokens<'_, T>,
    scores: &mut [f32],
    similarity: impl Fn(&Tokens<'_, T>, &Tokens<'_, T>, Range<usize>) -> f32,
) -> Result<(), PoolError> {
    let (expected, given) = (query.dim(), documents.dim());
    if expected != given {
        return Err(PoolError::Shape { argument: Argument::Input, axis: AxisName::Dim, expected, given });
    }
    sequences.check(documents.tokens())?;
    check_length(Argument::Scores, sequences.count(), scores.len())?;
    for (i, score) in scores.iter_mut().enumerate() {
        let range = sequences.range(i, documents.tokens()).unwrap_or(0..0);
        // Any number of tokens without elements has nothing to multiply.
        *score = if expected == 0 { 0.0 } else { similarity(query, documents, range) };
    }
    Ok(())
}

/// The score of the document that lies in a range.
#[inline(always)]
pub(crate) fn similarity<T: TokenElement, L: Read<T>>(
    lanes: L,
    query: &Tokens<'_, T>,
    documents: &Tokens<'_, T>,
    range: Range<usize>,
) -> f32 {
    let (mut score, mut first) = (0.0, 0);
    while first < query.tokens() && !range.is_empty() {
        let count = TOGETHER.min(query.tokens() - first);
        let mut greatest = [f32::NEG_INFINITY; TOGETHER];
        let mut d = range.start;
        while d < range.end {
            // The last ones are taken twice where their number is odd, which changes no maximum.
            let of_document = [d, (d + 1).min(range.end - 1)];
            let mut q = 0;
            while q < count {
                let of_query = [q, (q + 1).min(count - 1)];
                let dots = T::dots(lanes, [query, documents], [of_query.map(|q| first + q), of_document]);
                for (q, dots) in of_query.into_iter().zip(dots) {
                    for dot in dots {
                        let greatest = &mut greatest[q % TOGETHER];
                        *greatest = Lanes::<f32>::maximum(Scalar, *greatest, dot);
                    }
                }
                q += 2;
            }
            d += 2;
        }
        score = greatest.iter().take(count).fold(score, |score, greatest| score + greatest);
        first += count;
    }
    score
}

/// Vectors of each token of two matrices: two of the first, then two of the second.
type Steps<V, const K: usize> = [[[V; K]; 2]; 2];

/// The dot products of two rows of a matrix with two of another, on as many vectors as make up the lanes.
#[inline(always)]
pub(super) fn dots<T: TokenElement, L: Read<T>>(
    lanes: L,
    of: [&Tokens<'_, T>; 2],
    rows: [[usize; 2]; 2],
) -> [[f32; 2]; 2] {
    match <L as Lanes<f32>>::N {
        1 => dots_by::<T, L, LANES>(lanes, of, rows),
        4 => dots_by::<T, L, { LANES / 4 }>(lanes, of, rows),
        _ => dots_by::<T, L, { LANES / 8 }>(lanes, of, rows),
    }
}

#[inline(always)]
fn dots_by<T: TokenElement, L: Read<T>, const K: usize>(
    lanes: L,
    of: [&Tokens<'_, T>; 2],
    rows: [[usize; 2]; 2],
) -> [[f32; 2]; 2] {
    let mut sums = [[[L::F::splat(lanes, 0.0); K]; 2]; 2];
    each_step::<T, [L::From; K]>(
        of,
        rows,
        #[inline(always)]
        |from, _| {
            let steps = array!(2, |m| array!(2, |r| array!(K, |k| lanes.read(&from[m][r][k]))));
            sums = entered(lanes, sums, &steps);
        },
    );
    array!(2, |q| array!(2, |d| merged(lanes_of(lanes, sums[q][d]))))
}

/// Calls `step` for two rows of a matrix and two of another, as many elements of each at a time as there are lanes; and how many of these are
/// of the rows, after which there are zeros.
#[inline(always)]
fn each_step<T: TokenElement, A: Pod>(
    of: [&Tokens<'_, T>; 2],
    rows: [[usize; 2]; 2],
    mut step: impl FnMut([[&A; 2]; 2], usize),
) {
    let (dim, mut c) = (of[0].dim(), 0);
    let readers = array!(2, |m| RowsReader::<T, 2>::new(of[m].data, dim, |r| of[m].row(rows[m][r])));
    if let ([Some(a), Some(b)], [1, 1]) = (&readers, of.map(|tokens| tokens.step)) {
        while let (Some(a), Some(b)) = (a.columns::<A>(c), b.columns::<A>(c)) {
            let (mut a, mut b) = (a.each(), b.each());
            let (Some(a0), Some(a1), Some(b0), Some(b1)) = (a.next(), a.next(), b.next(), b.next()) else { break };
            step([[a0, a1], [b0, b1]], LANES);
            c += LANES;
        }
    }
    // What is left of the rows, or all of such as lie apart.
    while c < dim {
        let n = LANES.min(dim - c);
        let copies: [[A; 2]; 2] =
            array!(2, |m| array!(2, |r| gather(of[m].data, of[m].row(rows[m][r]) + c * of[m].step, of[m].step, n)));
        step([[&copies[0][0], &copies[0][1]], [&copies[1][0], &copies[1][1]]], n);
        c += LANES;
    }
}

/// Adds the products of each pair of rows.
#[inline(always)]
fn entered<L: Floats, const K: usize>(lanes: L, mut sums: Steps<L::F, K>, [a, b]: &Steps<L::F, K>) -> Steps<L::F, K> {
    for q in 0..2 {
        for d in 0..2 {
            for k in 0..K {
                sums[q][d][k] = lanes.add(sums[q][d][k], lanes.mul(a[q][k], b[d][k]));
            }
        }
    }
    sums
}

/// Vectors one after the other.
#[inline(always)]
fn lanes_of<L: Floats, const K: usize>(lanes: L, vectors: [L::F; K]) -> [f32; LANES] {
    let mut arrays = [<Array<f32, L> as bytemuck::Zeroable>::zeroed(); K];
    for k in 0..K {
        vectors[k].store(lanes, &mut arrays[k]);
    }
    let mut all = [0.0; LANES];
    all.iter_mut().zip(bytemuck::must_cast_slice::<_, f32>(&arrays)).for_each(|(to, from)| *to = *from);
    all
}

/// The dot products of codes: exact before they are scaled.
#[inline(always)]
pub(super) fn dots_of_codes<T: TokenElement<Code = (f32, i32)> + Into<i16>, L: Instructions>(
    lanes: L,
    of: [&Tokens<'_, T>; 2],
    rows: [[usize; 2]; 2],
) -> [[f32; 2]; 2] {
    let codes = array!(2, |m| array!(2, |r| of[m].code(rows[m][r])));
    let (mut all, mut sums, mut steps) = ([[0i64; 2]; 2], [[[0i32; LANES / 2]; 2]; 2], 0);
    each_step::<T, [T; LANES]>(
        of,
        rows,
        #[inline(always)]
        |from, n| {
            if steps == STEPS {
                all = added(lanes, all, &sums);
                (sums, steps) = ([[[0; LANES / 2]; 2]; 2], 0);
            }
            let wide = array!(2, |m| array!(2, |r| less(from[m][r], codes[m][r].1, n)));
            (sums, steps) = (entered_codes(lanes, sums, &wide), steps + 1);
        },
    );
    all = added(lanes, all, &sums);
    array!(2, |q| array!(2, |d| all[q][d] as f32 * codes[0][q].0 * codes[1][d].0))
}

/// Steps whose products fit 32 bits together.
const STEPS: usize = 256;

/// Adds the sums of some steps.
#[inline(always)]
fn added<L: Instructions>(lanes: L, all: [[i64; 2]; 2], sums: &[[[i32; LANES / 2]; 2]; 2]) -> [[i64; 2]; 2] {
    array!(2, |q| array!(2, |d| all[q][d] + i64::from(lanes.sum(sums[q][d]))))
}

/// The first `n` codes less their zero point, which is a code too, and zeros.
#[inline(always)]
fn less<T: Copy + Into<i16>>(codes: &[T; LANES], zero_point: i32, n: usize) -> [i16; LANES] {
    let mut wide = [0; LANES];
    for (to, code) in wide.iter_mut().zip(codes) {
        *to = (*code).into().wrapping_sub(zero_point as i16);
    }
    if n < LANES {
        wide.iter_mut().skip(n).for_each(|x| *x = 0);
    }
    wide
}

/// Adds the products of each pair of rows.
#[inline(always)]
fn entered_codes<L: Instructions>(
    lanes: L,
    mut sums: [[[i32; LANES / 2]; 2]; 2],
    [a, b]: &[[[i16; LANES]; 2]; 2],
) -> [[[i32; LANES / 2]; 2]; 2] {
    for q in 0..2 {
        for d in 0..2 {
            sums[q][d] = lanes.add_products(sums[q][d], a[q], b[d]);
        }
    }
    sums
}
