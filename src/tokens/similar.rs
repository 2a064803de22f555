//! How near documents are to a query, token by token: the late interaction of ColBERT.
//!
//! ```text
//!             document
//!           . d d d d d d .
//!   query q [ x x ]         x: two tokens of the query by two of the document at once, each dot product in 16 lanes;
//!         q [ x x ]            then the next two of the query, and the next two of the document
//!         q
//! ```

use super::finish::{LANES, merged};
use super::{Offset, Sequences, TokenElement, Tokens, check_length};
use crate::access::{RowsReader, gather};
use crate::dispatch::Isa;
use crate::error::{Argument, AxisName, PoolError};
use crate::lanes::{Array, Floats, Instructions, Lanes, Read, Register, array};
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
                        *greatest = if *greatest >= dot || greatest.is_nan() { *greatest } else { dot };
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
    let (dim, n) = (of[0].dim(), <L as Lanes<f32>>::N);
    let codes = array!(2, |m| array!(2, |r| of[m].code(rows[m][r])));
    let mut sums = [[[L::F::splat(lanes, 0.0); K]; 2]; 2];
    let mut c = 0;
    let readers = array!(2, |m| RowsReader::<T, 2>::new(of[m].data, dim, |r| of[m].row(rows[m][r])));
    if let ([Some(a), Some(b)], [1, 1]) = (&readers, of.map(|tokens| tokens.step)) {
        while let (Some(a), Some(b)) = (a.columns::<[L::From; K]>(c), b.columns::<[L::From; K]>(c)) {
            let (mut a, mut b) = (a.each(), b.each());
            let (Some(a0), Some(a1), Some(b0), Some(b1)) = (a.next(), a.next(), b.next(), b.next()) else { break };
            let from = [[a0, a1], [b0, b1]];
            let steps = array!(2, |m| array!(2, |r| array!(K, |k| T::dequantize(lanes, &from[m][r][k], codes[m][r]))));
            sums = entered(lanes, sums, &steps);
            c += LANES;
        }
    }
    // What is left of the rows, or all of such as lie apart.
    while c < dim {
        let steps = array!(2, |m| array!(2, |r| array!(K, |k| {
            let (tokens, from) = (of[m], c + k * n);
            let at = tokens.row(rows[m][r]) + from * tokens.step;
            let elements: L::From = gather(tokens.data, at, tokens.step, dim.saturating_sub(from).min(n));
            T::dequantize(lanes, &elements, codes[m][r])
        })));
        sums = entered(lanes, sums, &steps);
        c += LANES;
    }
    array!(2, |q| array!(2, |d| merged(lanes_of(lanes, sums[q][d]))))
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
    let dim = of[0].dim();
    let codes = array!(2, |m| array!(2, |r| of[m].code(rows[m][r])));
    let readers = array!(2, |m| RowsReader::<T, 2>::new(of[m].data, dim, |r| of[m].row(rows[m][r])));
    let (mut all, mut c) = ([[0i64; 2]; 2], 0);
    while c < dim {
        // As many as whose products fit 32 bits together.
        let end = dim.min(c + (1 << 12));
        let mut sums = [[[0i32; LANES / 2]; 2]; 2];
        if let ([Some(a), Some(b)], [1, 1]) = (&readers, of.map(|tokens| tokens.step)) {
            while c + LANES <= end
                && let (Some(a), Some(b)) = (a.columns::<[T; LANES]>(c), b.columns::<[T; LANES]>(c))
            {
                let (mut a, mut b) = (a.each(), b.each());
                let (Some(a0), Some(a1), Some(b0), Some(b1)) = (a.next(), a.next(), b.next(), b.next()) else { break };
                let from = [[a0, a1], [b0, b1]];
                let steps = array!(2, |m| array!(2, |r| less(from[m][r], codes[m][r].1)));
                sums = entered_codes(lanes, sums, &steps);
                c += LANES;
            }
        }
        while c < end {
            let steps = array!(2, |m| array!(2, |r| {
                let (tokens, n) = (of[m], LANES.min(end - c));
                let at = tokens.row(rows[m][r]) + c * tokens.step;
                let mut wide = less(&gather::<T, [T; LANES]>(tokens.data, at, tokens.step, n), codes[m][r].1);
                wide.iter_mut().skip(n).for_each(|x| *x = 0);
                wide
            }));
            sums = entered_codes(lanes, sums, &steps);
            c += LANES;
        }
        for q in 0..2 {
            for d in 0..2 {
                all[q][d] += i64::from(lanes.sum(sums[q][d]));
            }
        }
    }
    array!(2, |q| array!(2, |d| all[q][d] as f32 * codes[0][q].0 * codes[1][d].0))
}

/// Codes less their zero point, which is a code too.
#[inline(always)]
fn less<T: Copy + Into<i16>>(codes: &[T; LANES], zero_point: i32) -> [i16; LANES] {
    let mut wide = [0; LANES];
    for (to, code) in wide.iter_mut().zip(codes) {
        *to = (*code).into().wrapping_sub(zero_point as i16);
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
