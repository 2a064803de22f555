//! Random shapes, windows, layouts and values against the reference, on every instruction set.

use crate::common::*;
use lanepool::reference::Size;
use lanepool::tokens::{Keep, Mode, TokenPool, Tokens};
use lanepool::{View, ViewMut, reference};
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
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(150) })]

    #[test]
    fn windows(case in cases(), seed: u64, wild: bool) {
        let mut random = Random(seed);
        let input = if wild { random.wild_floats(case.cells()) } else { random.floats(case.cells()) };
        check(&case, &input);
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
            let data = vec![f32::NAN; lay.spread(whole, &vec![0.0; cells(whole)]).len()];
            let mut data = data;
            // The crop's strides are the whole's: lay the cells out through a mutable crop.
            let strides = lay.strides(whole);
            let ranges: [_; 3] = std::array::from_fn(|i| from[i]..from[i] + case.shape.spatial[i]);
            let start: usize = (0..3).map(|i| from[i] * strides.spatial[i]).sum();
            lay_out(&mut data[start..], case.shape, strides, &dense);
            let crop = View::with_strides(&data, whole, strides).unwrap();
            let crop = crop.crop(ranges).unwrap().channels(0..case.shape.channels).unwrap();
            let crop = crop.batch(0..case.shape.batch).unwrap();
            for op in Op::all() {
                let want = op.reference(&case, &dense);
                for isa in isas() {
                    let mut y = vec![SENTINEL; cells(out)];
                    let output = &mut ViewMut::nchw(&mut y, out).unwrap();
                    match op {
                        Op::Max(nan) => {
                            let pool = lanepool::MaxPool::new(case.window()).nan(nan).empty_value(EMPTY);
                            pool.run_on(isa, crop, output).unwrap();
                        }
                        Op::Avg(divisor) => {
                            let pool = lanepool::AvgPool::new(case.window()).divisor(divisor).empty_value(EMPTY);
                            pool.run_on(isa, crop, output).unwrap();
                        }
                    }
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
        let (weights, scores) = (random.wild_floats(count), random.wild_floats(count));
        let sequence = Tokens::with_stride(&data, [count, dim], stride).unwrap();
        for (mode, textbook) in [
            (Mode::First, reference::Mode::First),
            (Mode::Last, reference::Mode::Last),
            (Mode::Mean, reference::Mode::Mean),
            (Mode::Max, reference::Mode::Max),
            (Mode::WeightedMean(&weights), reference::Mode::WeightedMean(&weights)),
            (Mode::Attention(&scores), reference::Mode::Attention(&scores)),
        ] {
            let mut want = vec![0.0; dim];
            let pooled = reference::tokens(textbook, &dense, &flags, &mut want);
            for isa in isas() {
                let mut y = vec![SENTINEL; dim];
                let got = TokenPool::new(mode).run_on(isa, sequence, Keep::bools(&flags), &mut y).unwrap();
                assert_eq!(got, pooled);
                assert_same(&y, &want, matches!(mode, Mode::Max), (mode, isa, &flags));
            }
        }
    }
}

fn lay_out(data: &mut [f32], shape: Image, s: lanepool::Strides<3>, dense: &[f32]) {
    let [d, h, w] = shape.spatial;
    for (i, &x) in dense.iter().enumerate() {
        let (plane, cell) = (i / (d * h * w), i % (d * h * w));
        let at = plane / shape.channels * s.batch + plane % shape.channels * s.channel;
        let at = at + cell / (h * w) * s.spatial[0] + cell / w % h * s.spatial[1] + cell % w * s.spatial[2];
        data[at] = x;
    }
}
