//! Averages of integers over windows with more taps than a sum can hold: output by output, in
//! 64 bits. Exact sums have no order, so whole images come here as windows too.

use super::Work;
use crate::access::scatter;
use crate::element::Element;
use crate::reduce::Bounds;

/// Averages every window.
pub(crate) fn run<T: Element>(work: &mut Work<'_, T>, bounds: Bounds<T>) {
    let job = work.job;
    work.job.each_output(&mut |output| {
        let mean = match output.is_empty() {
            true => work.fill,
            false => {
                let real = output.taps.iter().fold(1usize, |real, taps| real.wrapping_mul(taps.real));
                let count = job.divisor.count(&job.axes, output.taps);
                bounds.nearest(T::wide_mean(&job.finish, output.cells(job, work.input), count, real as isize))
            }
        };
        scatter(work.output, output.to, 1, 1, &[mean]);
    });
}
