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
                let [count, real] = job.counts(output.taps);
                bounds.nearest(T::wide_mean(&job.finish, output.cells(job, work.input), count, real))
            }
        };
        scatter(work.output, output.to, 1, 1, &[mean]);
    });
}
