//! Maxima that pass over NaN: where a window has one, the maximum is NaN, and is computed again from the numbers alone. So windows
//! without NaN, which most are, take no longer than a maximum takes.

use super::{Numbers, Work};
use crate::access::scatter;
use crate::element::Element;
use crate::reduce::Bounds;

/// Computes those outputs of `work` again that are NaN, and the numbers of their cells.
#[expect(clippy::eq_op, reason = "only NaN differs from itself")]
pub(crate) fn run<T: Element>(work: &mut Work<'_, T>, bounds: Bounds<T>, mut numbers: Option<&mut Numbers<'_>>) {
    let reach = work.job.to.reach().unwrap_or(usize::MAX).min(work.output.len());
    // Without a way out of the loop, for the compiler to make vectors of it.
    let nans: u32 = work.output.iter().take(reach).map(|x| u32::from(x != x)).fold(0, |a, b| a | b);
    if nans == 0 {
        return;
    }
    work.job.each_output(&mut |output| {
        if output.is_empty() || !work.output.get(output.to).is_some_and(|x| x != x) {
            return;
        }
        let (from, [n, c, ..]) = (&work.job.from, output.cell);
        let taps = output.places(work.job).filter_map(|place| Some((*work.input.get(from.at(n, c, place))?, place)));
        // The first of equals; none if there is no number.
        let numbers_of_it = taps.filter(|(x, _)| x == x);
        let Some((greatest, place)) = numbers_of_it.reduce(|a, b| if b.0 > a.0 { b } else { a }) else { return };
        scatter(work.output, output.to, 1, 1, &[bounds.nearest(greatest)]);
        if let Some(numbers) = &mut numbers {
            numbers.write_place(output.cell, place);
        }
    });
}
