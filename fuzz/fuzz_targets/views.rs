//! Any shape and strides over a short slice: a view that is accepted must be pooled within its
//! slice, touch no gap, and equal the reference on the cells that it names.
#![no_main]

#[path = "../../tests/suite/common.rs"]
mod common;

use arbitrary::Arbitrary;
use common::{Random, SENTINEL, assert_same, isas};
use lanepool::{AvgPool, GlobalMaxPool, MaxPool, Shape, Strides, View, ViewMut, Window, reference};
use libfuzzer_sys::fuzz_target;

/// Of no matter to floats.
const HALF_AWAY: reference::Finish = reference::Finish::Round(lanepool::Rounding::HalfAwayFromZero);

#[derive(Arbitrary, Debug)]
struct Input {
    shape: [u8; 4],
    strides: [usize; 4],
    out_strides: [usize; 4],
    crop: [[u8; 2]; 2],
    channels: [u8; 2],
    len: u16,
    out_len: u16,
    huge: bool,
    kernel: [u8; 2],
    seed: u64,
}

fuzz_target!(|input: Input| {
    let small = |value: usize| if input.huge { value } else { value % 300 };
    let strides =
        |s: [usize; 4]| Strides { batch: small(s[0]), channel: small(s[1]), spatial: [small(s[2]), small(s[3])] };
    let [batch, channels, rows, cols] = input.shape.map(|extent| usize::from(extent) % 20);
    let shape = Shape { batch, channels, spatial: [rows, cols] };
    let data = Random(input.seed).wild_floats(usize::from(input.len) % 4096);
    let Ok(view) = View::with_strides(&data, shape, strides(input.strides)) else { return };
    let range = |[start, end]: [u8; 2]| usize::from(start) % 20..usize::from(end) % 21;
    let cropped = view.crop(input.crop.map(range)).and_then(|view| view.channels(range(input.channels)));
    let view = cropped.unwrap_or(view);
    let Shape { batch, channels, spatial: [rows, cols] } = view.shape();

    // The cells that the view names, found by hand.
    let origin = if cropped.is_ok() {
        let s = view.strides();
        let start = |[start, _]: [u8; 2]| usize::from(start) % 20;
        start(input.crop[0])
            .wrapping_mul(s.spatial[0])
            .wrapping_add(start(input.crop[1]).wrapping_mul(s.spatial[1]))
            .wrapping_add(start(input.channels).wrapping_mul(s.channel))
    } else {
        0
    };
    let s = view.strides();
    let mut dense = Vec::new();
    for n in 0..batch {
        for c in 0..channels {
            for y in 0..rows {
                for x in 0..cols {
                    dense.push(data[origin + n * s.batch + c * s.channel + y * s.spatial[0] + x * s.spatial[1]]);
                }
            }
        }
    }

    let kernel = input.kernel.map(|k| 1 + usize::from(k) % 4);
    let window = Window::new(kernel).stride([1, 2]);
    let Ok(out) = window.output_size([rows, cols]) else { return };
    let out = Shape { batch, channels, spatial: out };
    let axis = |n: usize, kernel: usize, stride| reference::Axis {
        input: n as i64,
        kernel: kernel as i64,
        stride,
        ..reference::Axis::ABSENT
    };
    let axes = [reference::Axis::ABSENT, axis(rows, kernel[0], 1), axis(cols, kernel[1], 2)];
    let mut want = vec![0.0; batch * channels * out.spatial[0] * out.spatial[1]];
    for isa in isas() {
        for max in [true, false] {
            let mut written = vec![SENTINEL; usize::from(input.out_len) % 8192];
            let os = strides(input.out_strides);
            let Ok(mut output) = ViewMut::with_strides(&mut written, out, os) else { return };
            let planes = batch * channels;
            if max {
                reference::max_pool(&axes, planes, &dense, &mut want, false, 0.0);
                MaxPool::new(window).run_on(isa, view, &mut output).unwrap();
            } else {
                reference::avg_pool(&axes, planes, &dense, &mut want, reference::Divisor::RealTaps, HALF_AWAY, 0.0);
                AvgPool::new(window).run_on(isa, view, &mut output).unwrap();
            }
            let mut got = Vec::new();
            for n in 0..batch {
                for c in 0..channels {
                    for y in 0..out.spatial[0] {
                        for x in 0..out.spatial[1] {
                            let at = n * os.batch + c * os.channel + y * os.spatial[0] + x * os.spatial[1];
                            got.push(written[at]);
                            written[at] = SENTINEL;
                        }
                    }
                }
            }
            assert_same(&got, &want, max, isa);
            assert!(written.iter().all(|&x| x == SENTINEL), "a gap was written");
        }
        if rows * cols > 0 {
            let mut greatest = vec![0.0; batch * channels];
            let output = &mut ViewMut::nchw(&mut greatest, [batch, channels, 1, 1]).unwrap();
            GlobalMaxPool::new().run_on(isa, view, output).unwrap();
            let mut want = vec![0.0; batch * channels];
            if !want.is_empty() {
                reference::global_max_pool(batch * channels, &dense, &mut want, false);
            }
            assert_same(&greatest, &want, true, isa);
        }
    }
});
