//! What is not a plain maximum or average, on small images: indices, norms, bins and requantising, compared
//! with the reference on every instruction set.
#![no_main]

#[path = "../../tests/suite/common.rs"]
mod common;

use arbitrary::Arbitrary;
use common::*;
use lanepool::Quantization;
use lanepool::reference::Size;
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Input {
    operation: u8,
    channels: u8,
    spatial: [u8; 3],
    kernel: [u8; 3],
    stride: [u8; 3],
    dilation: [u8; 3],
    padding: [[u8; 2]; 3],
    size: u8,
    seed: u64,
    values: Vec<f32>,
    scales: [u16; 2],
    zeros: [i8; 2],
}

fuzz_target!(|input: Input| {
    let limited = |value: u8, most: usize| 1 + usize::from(value) % most;
    let three = |values: [u8; 3], most: [usize; 3]| std::array::from_fn(|i| limited(values[i], most[i]));
    let case = Case {
        shape: image(1, limited(input.channels, 36), three(input.spatial, [3, 6, 24])),
        kernel: three(input.kernel, [3, 4, 9]),
        stride: three(input.stride, [2, 3, 5]),
        dilation: three(input.dilation, [2, 3, 4]),
        padding: input.padding.map(|each| each.map(|pad| usize::from(pad) % 5)),
        size: [Size::Floor, Size::Ceil, Size::CeilUnclipped, Size::SameUpper, Size::SameLower]
            [usize::from(input.size) % 5],
    };
    let random = || Random(input.seed);
    let mut values = random().wild_floats(case.cells());
    for (to, from) in values.iter_mut().zip(input.values) {
        *to = from;
    }
    let codes = i8::random(&mut random(), case.cells(), true);
    match input.operation % 6 {
        0 => check_indices::<f32, u32>(&case, &values),
        1 => check_indices::<i8, i64>(&case, &codes),
        2 => check_norms(&case, &values),
        3 => check_bins(case.shape, case.kernel, &values),
        4 => check_bins(case.shape, case.kernel, &codes),
        _ => {
            let scale = |scale: u16| (f32::from(scale) + 1.0) / 4096.0;
            let from = Quantization::new(scale(input.scales[0]), input.zeros[0].into());
            let to = Quantization::new(scale(input.scales[1]), input.zeros[1].into());
            check_requantized(&case, &codes, from, to);
        }
    }
});
