//! Maxima of codes, which become codes of another scale: a look at each output, after the maximum.

use super::Work;
use crate::access::scatter;
use crate::element::Integer;
use crate::reduce::Bounds;

/// Scales the outputs of `work`.
pub(crate) fn run<T: Integer>(work: &mut Work<'_, T>, bounds: Bounds<T>) {
    let by = T::divisor(&work.job.finish, 1, 1);
    work.job.each_output(&mut |output| {
        if let (Some(code), false) = (work.output.get(output.to), output.is_empty()) {
            let scaled = bounds.nearest(T::saturate(by.apply(code.widen())));
            scatter(work.output, output.to, 1, 1, &[scaled]);
        }
    });
}
