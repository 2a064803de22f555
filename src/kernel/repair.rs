//! The last look at norms: outputs whose powers may have overflowed, or vanished, are computed
//! again from windows that are scaled by their greatest element. Only then are they clamped.

use super::Windows;
use super::by_row::{Row, RowPass};
use crate::element::{Float, Real};
use crate::reduce::{Bounds, Norm};

/// Mends the outputs of `w`, norms with exponent `p`.
pub(crate) fn run<T: Float>(mut w: Windows<'_, '_, T, Norm<T::Sum>>, p: f64, bounds: Bounds<T>) {
    // Sums of powers outside of these may be wrong: f32 ends at 2^-149 and 2^128, f64 at 2^-1074 and
    // 2^1024. Below, terms that have lost bits are lost next to a sum of this size.
    let [least, most] = if size_of::<T::Sum>() == 4 { [-100.0, 120.0] } else { [-900.0, 1000.0] };
    // A maximum has no sum: it is sound whatever its size.
    let sound = if p == f64::INFINITY { [0.0, f64::INFINITY] } else { [libm::exp2(least / p), libm::exp2(most / p)] };
    w.each_row(&mut Repair { p, sound, bounds });
}

struct Repair<T> {
    p: f64,
    /// Norms between these have sound sums.
    sound: [f64; 2],
    bounds: Bounds<T>,
}

impl<T: Float> RowPass<T, Norm<T::Sum>> for Repair<T> {
    fn row(&mut self, w: &mut Windows<'_, '_, T, Norm<T::Sum>>, row: Row) {
        for x in 0..w.axes[2].output {
            let taps = w.axes[2].taps(x);
            let at = row.to + x * w.to.strides.spatial[2];
            let (Some(&norm), true) = (w.output.get(at), taps.real > 0) else { continue };
            let size = norm.widen();
            let sound = self.sound[0] <= size && size <= self.sound[1];
            let norm = if sound { norm } else { self.scaled(w, row, x) };
            w.put(row, x, self.bounds.nearest(norm));
        }
    }
}

impl<T: Float> Repair<T> {
    /// `m * (sum (|x| / m)^p / count)^(1 / p)`, where `m` is the greatest `|x|`, tap after tap in `f64`.
    #[cold]
    fn scaled(&self, w: &Windows<'_, '_, T, Norm<T::Sum>>, row: Row, x: usize) -> T {
        let bases = || {
            let values = w.taps(row, x).filter_map(|at| w.input.get(at).copied());
            values.map(|x| w.reduce.base(T::Sum::from_f64(x.widen())).to_f64())
        };
        let greatest = bases().fold(0.0, |m: f64, x| if x > m || x.is_nan() { x } else { m });
        // Zero, infinity and NaN are their own norms.
        let norm = if greatest == 0.0 || !greatest.is_finite() {
            greatest
        } else {
            let sum: f64 = bases().map(|x| libm::pow(x / greatest, self.p)).sum();
            let taps = [row.axes[0], row.axes[1], w.axes[2].taps(x)];
            greatest * libm::pow(sum / w.divisor.count(&w.axes, taps) as f64, 1.0 / self.p)
        };
        T::narrow(norm)
    }
}
