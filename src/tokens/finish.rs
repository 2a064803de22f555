//! What is done with a pooled vector: lengths, codes, bits, and how near two of them are.

use super::check_length;
use super::divide::divide;
use crate::element::Float;
use crate::error::{Argument, PoolError};
use crate::lanes::VIRTUAL_LANES as LANES;

/// The least length by which PyTorch divides when it normalises.
pub const L2_EPSILON: f32 = 1e-12;

/// Divides a vector by its Euclidean length, or by `epsilon` if that is greater
/// ([`L2_EPSILON`] is PyTorch's): zero stays zero. NaN anywhere gives NaN everywhere.
///
/// Squares enter lane `i % 16` and the lanes merge as a tree, in f32: a vector of length above
/// 1e19 overflows to zeros, as in PyTorch.
///
/// ```
/// let mut x = [3.0f32, 4.0];
/// lanepool::tokens::l2_normalize(&mut x, lanepool::tokens::L2_EPSILON);
/// assert_eq!(x, [0.6, 0.8]);
/// ```
///
/// Definition: PyTorch `nn.functional.normalize`.
pub fn l2_normalize(vector: &mut [f32], epsilon: f32) {
    let length = libm::sqrtf(dot(vector, vector));
    // Written so that a NaN stays.
    let length = if length < epsilon { epsilon } else { length };
    divide(vector, length);
}

/// The nearest values of another float type, ties to even.
///
/// ```
/// let mut halves = [half::f16::ZERO; 2];
/// lanepool::tokens::convert(&[0.5, 1e6], &mut halves)?;
/// assert_eq!(halves, [half::f16::from_f32(0.5), half::f16::INFINITY]);
/// # Ok::<(), lanepool::PoolError>(())
/// ```
///
/// # Errors
/// [`PoolError::Length`].
pub fn convert<T: Float>(vector: &[f32], output: &mut [T]) -> Result<(), PoolError> {
    check_length(Argument::Output, vector.len(), output.len())?;
    output.iter_mut().zip(vector).for_each(|(to, from)| *to = T::narrow(f64::from(*from)));
    Ok(())
}

/// Codes 0 to 255 of a vector: `floor((x - min) / step)`, cut to what there is, where `step = (max - min) / 255`. NaN
/// gives 0.
///
/// `ranges` is the least and the greatest value of each dimension, over the vectors that are searched; of one
/// vector alone every value would be an end.
///
/// ```
/// use lanepool::tokens::quantize_u8;
/// let mut codes = [0; 4];
/// quantize_u8(&[-1.0, 0.0, 1.0, 2.0], &[[-1.0, 1.0]; 4], &mut codes)?;
/// assert_eq!(codes, [0, 127, 254, 255]);
/// # Ok::<(), lanepool::PoolError>(())
/// ```
///
/// Definition: sentence-transformers 6 `quantize_embeddings`, bit for bit: the division by the step is in f32, so that the
/// greatest value may have code 254. A range without extent has step 1.
///
/// # Errors
/// [`PoolError::Length`].
pub fn quantize_u8(vector: &[f32], ranges: &[[f32; 2]], codes: &mut [u8]) -> Result<(), PoolError> {
    check_length(Argument::Ranges, vector.len(), ranges.len())?;
    check_length(Argument::Output, vector.len(), codes.len())?;
    for ((code, x), range) in codes.iter_mut().zip(vector).zip(ranges) {
        *code = code_of(*x, *range);
    }
    Ok(())
}

/// As [`quantize_u8`], less 128.
///
/// # Errors
/// [`PoolError::Length`].
pub fn quantize_i8(vector: &[f32], ranges: &[[f32; 2]], codes: &mut [i8]) -> Result<(), PoolError> {
    quantize_u8(vector, ranges, bytemuck::cast_slice_mut(&mut *codes))?;
    codes.iter_mut().for_each(|code| *code = code.wrapping_sub(i8::MIN));
    Ok(())
}

fn code_of(x: f32, [min, max]: [f32; 2]) -> u8 {
    let step = (max - min) / 255.0;
    let step = if step == 0.0 { 1.0 } else { step };
    // The conversion cuts off the fraction, and what lies below 0 or above 255: the floor, and no slower.
    ((x - min) / step) as u8
}

/// Signs as bits: 1 where an element is above zero, the first in the most significant bit, zeros after the last. NaN and
/// zeros of both signs give 0.
///
/// ```
/// let mut bits = [0; 2];
/// lanepool::tokens::pack_bits(&[1.0, -1.0, 0.0, 2.0, -0.0, 3.0, -4.0, f32::NAN, 0.5], &mut bits)?;
/// assert_eq!(bits, [148, 128]);
/// # Ok::<(), lanepool::PoolError>(())
/// ```
///
/// Definition: sentence-transformers `ubinary`, numpy `packbits`.
///
/// # Errors
/// [`PoolError::Length`] if there is not one byte for every eight elements.
pub fn pack_bits(vector: &[f32], bits: &mut [u8]) -> Result<(), PoolError> {
    check_length(Argument::Output, vector.len().div_ceil(8), bits.len())?;
    for (byte, eight) in bits.iter_mut().zip(vector.chunks(8)) {
        *byte = eight.iter().enumerate().fold(0, |byte, (i, x)| byte | u8::from(*x > 0.0) << (7 - i));
    }
    Ok(())
}

/// The dot product of as many elements as both have. Products enter lane `i % 16`, and the lanes merge as a tree: the same bits on
/// every instruction set.
///
/// ```
/// assert_eq!(lanepool::tokens::dot(&[1.0, 2.0], &[3.0, 4.0]), 11.0);
/// ```
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0; LANES];
    let n = a.len().min(b.len());
    let (a, b) = (a.get(..n).unwrap_or(&[]).as_chunks::<LANES>(), b.get(..n).unwrap_or(&[]).as_chunks::<LANES>());
    for (a, b) in a.0.iter().zip(b.0) {
        for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
            *lane += a * b;
        }
    }
    for ((lane, a), b) in lanes.iter_mut().zip(a.1).zip(b.1) {
        *lane += a * b;
    }
    merged(lanes)
}

/// The sum of all lanes, as a tree.
#[inline(always)]
pub(super) fn merged(mut lanes: [f32; LANES]) -> f32 {
    let mut half = LANES / 2;
    while half > 0 {
        let (low, high) = lanes.split_at_mut(half);
        low.iter_mut().zip(high).for_each(|(low, high)| *low += *high);
        half /= 2;
    }
    lanes[0]
}

/// The cosine of the angle between two vectors; 0 if one has no length.
///
/// ```
/// assert_eq!(lanepool::tokens::cosine(&[1.0, 0.0], &[3.0, 4.0]), 0.6);
/// assert_eq!(lanepool::tokens::cosine(&[0.0, 0.0], &[3.0, 4.0]), 0.0);
/// ```
pub fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let lengths = libm::sqrtf(dot(a, a)) * libm::sqrtf(dot(b, b));
    if lengths == 0.0 { 0.0 } else { dot(a, b) / lengths }
}

/// The dot product of as many codes as both have. Exact: none can be so long that it wraps.
///
/// ```
/// assert_eq!(lanepool::tokens::dot_i8(&[1, -2], &[3, 4]), -5);
/// ```
pub fn dot_i8(a: &[i8], b: &[i8]) -> i64 {
    // Blocks whose sum fits 32 bits, for vectors of as many.
    let products = |(a, b): (&[i8], &[i8])| {
        let product = |(a, b): (&i8, &i8)| i32::from(*a) * i32::from(*b);
        i64::from(a.iter().zip(b).map(product).sum::<i32>())
    };
    a.chunks(1 << 16).zip(b.chunks(1 << 16)).map(products).sum()
}

/// In how many bits two packed vectors differ.
///
/// ```
/// assert_eq!(lanepool::tokens::hamming(&[0b1001], &[0b0101]), 2);
/// ```
pub fn hamming(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).map(|(a, b)| (a ^ b).count_ones() as usize).sum()
}
