//! The last look at norms: outputs whose powers may have overflowed, or vanished, are computed
//! again from windows that are scaled by their greatest element. Only then are they clamped.

use super::{Output, Work};
use crate::access::scatter;
use crate::element::{Float, Real};
use crate::reduce::{Bounds, Norm};

/// Mends the outputs of `work`, norms with exponent `p`.
pub(crate) fn run<T: Float>(work: &mut Work<'_, T>, norm: Norm<T::Sum>, p: f64, bounds: Bounds<T>) {
    // Sums of powers outside of these may be wrong: f32 ends at 2^-149 and 2^128, f64 at 2^-1074 and
    // 2^1024. Below, terms that have lost bits are lost next to a sum of this size.
    let [least, most] = if size_of::<T::Sum>() == 4 { [-100.0, 120.0] } else { [-900.0, 1000.0] };
    // Nothing has been found of maxima: no size is sound.
    let sound = if p == f64::INFINITY { [1.0, 0.0] } else { [libm::exp2(least / p), libm::exp2(most / p)] };
    work.job.each_output(&mut |output| {
        if output.is_empty() {
            return scatter(work.output, output.to, 1, 1, &[work.fill]);
        }
        let Some(&result) = work.output.get(output.to) else { return };
        let size = result.widen();
        let is_sound = sound[0] <= size && size <= sound[1];
        let result = if is_sound { result } else { scaled(work, output, norm, p) };
        scatter(work.output, output.to, 1, 1, &[bounds.nearest(result)]);
    });
}

/// `m * (sum (|x| / m)^p / count)^(1 / p)`, where `m` is the greatest `|x|`, tap after tap in `f64`.
#[cold]
fn scaled<T: Float>(work: &Work<'_, T>, output: &Output, norm: Norm<T::Sum>, p: f64) -> T {
    let bases = || output.cells(work.job, work.input).map(|x| norm.base(T::Sum::from_f64(x.widen())).to_f64());
    let greatest = bases().fold(0.0, |m: f64, x| if x > m || x.is_nan() { x } else { m });
    // Zero, infinity and NaN are their own norms.
    if p == f64::INFINITY || greatest == 0.0 || !greatest.is_finite() {
        return T::narrow(greatest);
    }
    let sum: f64 = bases().map(|x| libm::pow(x / greatest, p)).sum();
    T::narrow(greatest * libm::pow(sum / work.job.divisor.count(&work.job.axes, output.taps) as f64, 1.0 / p))
}
