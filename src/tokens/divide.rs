//! Sums that are ready, divided.

use crate::access::Writer;
use crate::lanes::{Array, Floats, Lanes, Register};

/// Vectors divided one after the other without looking where the end is.
const AT_ONCE: usize = 4;

/// Divides each cell.
#[inline(always)]
pub(super) fn divide<L: Floats>(lanes: L, cells: &mut [f32], by: f32) {
    match reciprocal(by) {
        Some(factor) => each(lanes, cells, |v| lanes.mul(v, L::F::splat(lanes, factor)), |cell| cell * factor),
        None => each(lanes, cells, |v| lanes.mean(v, &lanes.by(by)), |cell| cell / by),
    }
}

/// `1 / by` of a power of two: the product with it is the quotient, to the bit, and takes a fraction of the time.
#[inline]
fn reciprocal(by: f32) -> Option<f32> {
    const MANTISSA: u32 = (1 << (f32::MANTISSA_DIGITS - 1)) - 1;
    let factor = 1.0 / by;
    (by.to_bits() & MANTISSA == 0 && by.is_normal() && factor.is_normal()).then_some(factor)
}

/// Replaces each cell, whole vectors by `vector`, and the rest by `one`.
#[inline(always)]
fn each<L: Floats>(lanes: L, cells: &mut [f32], vector: impl Fn(L::F) -> L::F, one: impl Fn(f32) -> f32) {
    let (n, len) = (<L as Lanes<f32>>::N, cells.len());
    let mut c = 0;
    if let Some(mut writer) = Writer::<f32, [Array<f32, L>; AT_ONCE]>::new(cells) {
        while c + AT_ONCE * n <= len {
            for array in writer.at(c) {
                vector(L::F::load(lanes, array)).store(lanes, array);
            }
            c += AT_ONCE * n;
        }
    }
    cells.iter_mut().skip(c).for_each(|cell| *cell = one(*cell));
}
