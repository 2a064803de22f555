//! Any window on a small image of f32, f16 or i8 in any of the test layouts, compared with the reference on every
//! instruction set. Windows that do not fit are let through: then both must refuse.
#![no_main]

#[path = "../../tests/suite/common.rs"]
mod common;

use arbitrary::Arbitrary;
use common::*;
use lanepool::reference::Size;
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Input {
    batch: u8,
    channels: u8,
    spatial: [u8; 3],
    kernel: [u8; 3],
    stride: [u8; 3],
    dilation: [u8; 3],
    padding: [[u8; 2]; 3],
    size: u8,
    element: u8,
    seed: u64,
    values: Vec<f32>,
}

fuzz_target!(|input: Input| {
    let limited = |value: u8, most: usize| 1 + usize::from(value) % most;
    let three = |values: [u8; 3], most: [usize; 3]| std::array::from_fn(|i| limited(values[i], most[i]));
    let case = Case {
        shape: image(limited(input.batch, 2), limited(input.channels, 40), three(input.spatial, [3, 6, 40])),
        kernel: three(input.kernel, [3, 4, 40]),
        stride: three(input.stride, [2, 3, 9]),
        dilation: three(input.dilation, [2, 3, 9]),
        padding: input.padding.map(|each| each.map(|pad| usize::from(pad) % 7)),
        size: [Size::Floor, Size::Ceil, Size::CeilUnclipped, Size::SameUpper, Size::SameLower]
            [usize::from(input.size) % 5],
    };
    let mut values = Random(input.seed).wild_floats(case.cells());
    for (to, from) in values.iter_mut().zip(input.values) {
        *to = from;
    }
    match input.element % 4 {
        0 => check(&case, &i8::random(&mut Random(input.seed), case.cells(), true)),
        1 => check(&case, &values.into_iter().map(half::f16::from_f32).collect::<Vec<_>>()),
        _ => check(&case, &values),
    }
});
