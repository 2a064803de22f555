//! Averages of integers over windows with more taps than a sum can hold: output by output, in
//! 64 bits. Exact sums have no order, so whole images come here as windows too.

use super::Windows;
use super::by_row::{Row, RowPass};
use crate::element::Element;
use crate::reduce::Mean;

/// Averages every window.
pub(crate) fn run<T: Element>(mut w: Windows<'_, '_, T, Mean<T>>) {
    w.each_row(&mut Wide);
}

/// One wide sum per output.
struct Wide;

impl<T: Element> RowPass<T, Mean<T>> for Wide {
    fn row(&mut self, w: &mut Windows<'_, '_, T, Mean<T>>, row: Row) {
        let cols = w.axes[2];
        for x in 0..cols.output {
            let c = cols.taps(x);
            if c.real == 0 {
                w.put(row, x, w.fill);
                continue;
            }
            let taps = [row.axes[0], row.axes[1], c];
            let real: usize = taps.iter().map(|taps| taps.real).product();
            let values = w.taps(row, x).filter_map(|at| w.input.get(at).copied());
            let mean = T::wide_mean(&w.finish, values, w.divisor.count(&w.axes, taps), real as isize);
            w.put(row, x, w.reduce.0.nearest(mean));
        }
    }
}
