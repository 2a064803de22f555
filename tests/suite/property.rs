//! Random shapes, windows, layouts and values against the reference, on every instruction set.

use crate::common::*;
use crate::{each_element, each_float, each_integer};
use lanepool::reference::Size;
use lanepool::tokens::{Empty, Keep, TokenPool, Tokens};
use lanepool::{Float, Quantization, View, ViewMut, reference};
use proptest::prelude::*;

fn sizes() -> impl Strategy<Value = Size> {
    prop_oneof![
        Just(Size::Floor),
        Just(Size::Ceil),
        Just(Size::CeilUnclipped),
        Just(Size::SameUpper),
        Just(Size::SameLower)
    ]
}

prop_compose! {
    fn cases()(
        batch in 1usize..3,
        channels in 1usize..40,
        spatial in [1usize..4, 1usize..7, 1usize..40],
        kernel in [1usize..4, 1usize..5, 1usize..8],
        stride in [1usize..3, 1usize..4, 1usize..5],
        dilation in [1usize..3, 1usize..3, 1usize..4],
        padding in [[0usize..3, 0usize..3], [0usize..4, 0usize..4], [0usize..6, 0usize..6]],
        size in sizes(),
    ) -> Case {
        Case { shape: image(batch, channels, spatial), kernel, stride, dilation, padding, size }
    }
}

proptest! {
    // Powers take long.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(32) })]

    #[test]
    fn norms_of_windows(case in cases(), seed: u64, wild: bool, exponent in -30i32..30) {
        each_float!(T => {
            let input = T::random(&mut Random(seed), case.cells(), wild);
            let scale = 10f64.powi(exponent);
            let scaled: Vec<T> = input.iter().map(|x| T::narrow(Float::widen(*x) * scale)).collect();
            check_norms(&case, &scaled);
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(80) })]

    #[test]
    fn windows(case in cases(), seed: u64, wild: bool) {
        each_element!(T => check(&case, &T::random(&mut Random(seed), case.cells(), wild)));
    }

    #[test]
    fn maxima_with_indices(case in cases(), seed: u64, wild: bool) {
        each_element!(T => {
            let mut random = Random(seed);
            let input = T::random(&mut random, case.cells(), wild);
            // Few values, so that there are ties.
            let tied: Vec<T> = (0..input.len()).map(|_| input[random.below(input.len().min(3))]).collect();
            check_indices::<T, u32>(&case, &tied);
        });
        let input = f32::random(&mut Random(seed), case.cells(), wild);
        check_indices::<f32, i64>(&case, &input);
        check_indices::<f32, usize>(&case, &input);
    }

    #[test]
    fn bins(
        channels in 1usize..20,
        spatial in [1usize..3, 1usize..8, 1usize..40],
        size in [1usize..3, 1usize..8, 1usize..24],
        seed: u64,
        wild: bool,
    ) {
        let shape = image(2, channels, spatial);
        each_element!(T => check_bins::<T>(shape, size, &T::random(&mut Random(seed), cells(shape), wild)));
    }

    #[test]
    fn requantized(
        case in cases(),
        seed: u64,
        scales in [1e-3f32..10.0, 1e-3f32..10.0],
        equal: bool,
        zeros in [0i32..128, 0i32..128],
    ) {
        let from = Quantization::new(scales[0], zeros[0]);
        let to = Quantization::new(if equal { scales[0] } else { scales[1] }, zeros[1]);
        each_integer!(T => check_requantized(&case, &T::random(&mut Random(seed), case.cells(), false), from, to));
    }

    /// A window on a crop equals the window on a copy of the crop.
    #[test]
    fn crops(case in cases(), seed: u64, from in [0usize..3, 0usize..3, 0usize..3], extra in 0usize..3) {
        let Some(out) = case.output() else { return Ok(()) };
        let whole = image(
            case.shape.batch + extra,
            case.shape.channels + extra,
            std::array::from_fn(|i| case.shape.spatial[i] + from[i] + extra),
        );
        let dense = Random(seed).floats(case.cells());
        for lay in LAYS {
            let mut data = lay.spread(whole, &vec![f32::NAN; cells(whole)]);
            let strides = lay.strides(whole);
            let ranges: [_; 3] = std::array::from_fn(|i| from[i]..from[i] + case.shape.spatial[i]);
            let start: usize = (0..3).map(|i| from[i] * strides.spatial[i]).sum();
            // The crop's strides are the whole's.
            each(case.shape, strides, |i, at| data[start + at] = dense[i]);
            let crop = View::with_strides(&data, whole, strides).unwrap();
            let crop = crop.crop(ranges).unwrap().channels(0..case.shape.channels).unwrap();
            let crop = crop.batch(0..case.shape.batch).unwrap();
            for op in Op::all::<f32>() {
                let want = op.reference(&case, &dense);
                for isa in isas() {
                    let mut y = vec![SENTINEL; cells(out)];
                    let output = &mut ViewMut::nchw(&mut y, out).unwrap();
                    op.pool(&case, isa, crop, output);
                    assert_same(&y, &want, op.is_max(), (op, isa, lay, &case));
                }
            }
        }
    }

    #[test]
    fn token_sequences(
        count in 0usize..40,
        dim in 0usize..100,
        gap in 0usize..9,
        seed: u64,
        wild: bool,
    ) {
        let mut random = Random(seed);
        let dense = if wild { random.wild_floats(count * dim) } else { random.floats(count * dim) };
        let stride = dim + gap;
        let flags: Vec<bool> = (0..count).map(|_| random.below(4) > 0).collect();
        let mut data = vec![f32::NAN; count * stride + 1];
        for t in (0..count).filter(|&t| flags[t]) {
            data[t * stride..][..dim].copy_from_slice(&dense[t * dim..][..dim]);
        }
        let weights = random.wild_floats(count);
        let sequence = Tokens::with_stride(&data, [count, dim], stride).unwrap();
        for mode in TOKEN_MODES {
            let mut want = vec![0.0; dim * mode.parts()];
            let pooled = reference::tokens(mode, &dense, &flags, &weights, Empty::Zeros, &mut want);
            for isa in isas() {
                let mut y = vec![SENTINEL; want.len()];
                let pool = TokenPool::new(mode).weights(&weights);
                assert_eq!(pool.run_on(isa, sequence, Keep::mask(&flags), &mut y).unwrap(), pooled);
                assert_same(&y, &want, leaves_zeros_open(mode), (mode, isa, &flags));
            }
        }
    }
}
