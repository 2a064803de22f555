//! Sums that are ready, divided.

/// Divides each cell.
pub(super) fn divide(cells: &mut [f32], by: f32) {
    match reciprocal(by) {
        Some(factor) => cells.iter_mut().for_each(|cell| *cell *= factor),
        None => cells.iter_mut().for_each(|cell| *cell /= by),
    }
}

/// `1 / by` of a power of two: the product with it is the quotient, to the bit, and takes a fraction of the time.
fn reciprocal(by: f32) -> Option<f32> {
    const MANTISSA: u32 = (1 << (f32::MANTISSA_DIGITS - 1)) - 1;
    let factor = 1.0 / by;
    (by.to_bits() & MANTISSA == 0 && by.is_normal() && factor.is_normal()).then_some(factor)
}
