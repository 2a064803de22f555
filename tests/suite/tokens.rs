//! Token pooling against the reference, and the worked examples of sentence-transformers.

use crate::common::*;
use lanepool::tokens::{
    self, Bits, CodesI8, CodesU8, Converted, Empty, Encoded, Encoding, Ids, Keep, L2_EPSILON, Mode, Positions,
    Sequences, TokenElement, TokenPool, Tokens, by,
};
use lanepool::{Argument, AxisName, Isa, PoolError, Quantization, reference};

const X: [f32; 6] = [1.0, -2.0, 3.0, 4.0, 9.0, -9.0];

#[test]
fn published_examples() {
    let sequence = Tokens::new(&X, [3, 2]).unwrap();
    type Row = ([u8; 3], [[f32; 2]; 4]);
    let table: [Row; 4] = [
        ([1, 1, 0], [[1., -2.], [3., 4.], [2., 1.], [3., 4.]]),
        ([0, 1, 1], [[3., 4.], [9., -9.], [6., -2.5], [9., 4.]]),
        ([1, 0, 1], [[1., -2.], [9., -9.], [5., -5.5], [9., -2.]]),
        ([0, 0, 0], [[0., 0.], [0., 0.], [0., 0.], [0., 0.]]),
    ];
    for (mask, want) in table {
        let keep = Keep::mask(&mask);
        let modes = [Mode::First, Mode::Last, Mode::Mean, Mode::Max];
        for (mode, want) in modes.into_iter().zip(want) {
            for isa in isas() {
                let mut y = [SENTINEL; 2];
                let count = TokenPool::new(mode).run_on(isa, sequence, keep, &mut y).unwrap();
                assert_eq!(y, want, "{mode:?} {mask:?}");
                let kept = mask.iter().filter(|&&keep| keep != 0).count();
                let most = if matches!(mode, Mode::First | Mode::Last) { 1 } else { 3 };
                assert_eq!(count, kept.min(most));
            }
        }
    }
    let mut y = [0.0; 2];
    assert_eq!(tokens::first(sequence, Keep::mask(&[false, true, true]), &mut y), Ok(1));
    assert_eq!(y, [3.0, 4.0]);
    assert_eq!(tokens::last(sequence, Keep::all(), &mut y), Ok(1));
    assert_eq!(y, [9.0, -9.0]);
    assert_eq!(tokens::max(sequence, Keep::all(), &mut y), Ok(3));
    assert_eq!(y, [9.0, 4.0]);
}

/// Kept flags as every kind of [`Keep`] that can say them.
fn keeps<'a>(flags: &'a [bool], mask: &'a [u8]) -> Vec<Keep<'a>> {
    let mut keeps = vec![Keep::mask(flags), Keep::mask(mask)];
    let length = flags.iter().take_while(|&&keep| keep).count();
    if flags.iter().skip(length).all(|&keep| !keep) {
        keeps.push(Keep::length(length));
        if length == flags.len() {
            keeps.push(Keep::all());
        }
    }
    keeps
}

/// Pools dense rows by the reference.
fn textbook(mode: Mode, dense: &[f32], dim: usize, flags: &[bool], weights: &[f32]) -> (usize, Vec<f32>) {
    let mut want = vec![SENTINEL; dim * mode.parts()];
    let count = reference::tokens(mode, dense, flags, weights, Empty::Zeros, &mut want);
    (count, want)
}

fn check(count: usize, dim: usize, gap: usize, flags: &[bool], wild: bool, seed: u64) {
    let mut random = Random(seed);
    let dense = if wild { random.wild_floats(count * dim) } else { random.floats(count * dim) };
    let mut weights: Vec<f32> = random.floats(count).iter().map(|x| x * 30.0).collect();
    // What belongs to a masked token, and the gaps, are poison.
    let stride = dim + gap;
    let mut data = vec![f32::NAN; count * stride + 1];
    for t in 0..count {
        if flags[t] {
            data[t * stride..][..dim].copy_from_slice(&dense[t * dim..][..dim]);
        } else {
            weights[t] = f32::NAN;
        }
        if seed.is_multiple_of(5) && t % 3 == 1 {
            weights[t] = f32::NEG_INFINITY;
        }
    }
    let mask: Vec<u8> = flags.iter().enumerate().map(|(t, &keep)| if keep { 1 + t as u8 } else { 0 }).collect();
    let sequence = Tokens::with_stride(&data, [count, dim], stride).unwrap();
    for mode in TOKEN_MODES {
        let (pooled, want) = textbook(mode, &dense, dim, flags, &weights);
        let mut normal = want.clone();
        reference::l2_normalize(&mut normal, L2_EPSILON);
        let pool = TokenPool::new(mode).weights(&weights);
        for isa in isas() {
            for keep in keeps(flags, &mask) {
                let what = (mode, isa, keep, dim);
                let zeros = leaves_zeros_open(mode);
                let mut y = vec![SENTINEL; want.len()];
                let got = pool.run_on(isa, sequence, keep, &mut y).unwrap();
                assert_same(&y, &want, zeros, what);
                assert_eq!(got, pooled, "{what:?}");
                pool.l2_normalize(L2_EPSILON).run_on(isa, sequence, keep, &mut y).unwrap();
                assert_same(&y, &normal, zeros, ("normalised", what));
                let mut alone = want.clone();
                tokens::l2_normalize(&mut alone, L2_EPSILON);
                assert_same(&alone, &normal, zeros, ("alone", what));
            }
        }
    }
}

#[test]
fn widths_and_lengths_around_the_lane_counts() {
    let widths = [1, 2, 3, 4, 5, 7, 8, 9, 15, 17, 31, 33, 64, 67, 129];
    for (i, dim) in widths.into_iter().enumerate() {
        for (j, count) in [0, 1, 2, 7, 8, 9, 17, 33].into_iter().enumerate() {
            let mut random = Random((i * 16 + j) as u64);
            let holes: Vec<_> = (0..count).map(|_| random.below(3) > 0).collect();
            let right: Vec<_> = (0..count).map(|t| t < count * 2 / 3).collect();
            let left: Vec<_> = (0..count).map(|t| t >= count / 2).collect();
            for (k, flags) in [vec![true; count], vec![false; count], holes, right, left].into_iter().enumerate() {
                check(count, dim, (i + k) % 3, &flags, k % 2 == 0, (i * 100 + j * 10 + k) as u64);
            }
        }
    }
}

#[test]
fn weights_that_sum_to_zero_give_zeros() {
    let sequence = Tokens::new(&X, [3, 2]).unwrap();
    let mut y = [SENTINEL; 2];
    assert_eq!(tokens::weighted_mean(sequence, Keep::all(), &[1.0, -1.0, 0.0], &mut y), Ok(3));
    assert_eq!(y, [0.0, 0.0]);
}

#[test]
fn a_score_of_negative_infinity_leaves_its_token_unread() {
    let x = [1.0, f32::NAN, 3.0];
    let sequence = Tokens::new(&x, [3, 1]).unwrap();
    let mut y = [SENTINEL];
    assert_eq!(tokens::attention(sequence, Keep::all(), &[0.0, f32::NEG_INFINITY, 0.0], &mut y), Ok(2));
    assert_eq!(y, [2.0]);
    assert_eq!(tokens::attention(sequence, Keep::all(), &[f32::NEG_INFINITY; 3], &mut y), Ok(0));
    assert_eq!(y, [0.0]);
    assert_eq!(tokens::attention(sequence, Keep::length(1), &[1e30, 0.0, 0.0], &mut y), Ok(1));
    assert_eq!(y, [1.0]);
}

#[test]
fn norms_of_zero_and_nan() {
    let mut zero = [0.0; 19];
    tokens::l2_normalize(&mut zero, L2_EPSILON);
    assert_eq!(zero, [0.0; 19]);
    let mut nan = [1.0; 19];
    nan[17] = f32::NAN;
    tokens::l2_normalize(&mut nan, L2_EPSILON);
    assert!(nan.iter().all(|x| x.is_nan()));
}

#[test]
fn wrong_lengths_are_refused_before_anything_is_written() {
    let sequence = Tokens::new(&X, [3, 2]).unwrap();
    let mut y = [SENTINEL; 2];
    let mut long = [SENTINEL; 3];
    let errors = [
        tokens::mean(sequence, Keep::mask(&[1u8, 1]), &mut y),
        tokens::mean(sequence, Keep::mask(&[true; 4]), &mut y),
        tokens::mean(sequence, Keep::length(4), &mut y),
        tokens::weighted_mean(sequence, Keep::all(), &[1.0; 2], &mut y),
        tokens::attention(sequence, Keep::all(), &[1.0; 4], &mut y),
        tokens::max(sequence, Keep::all(), &mut long),
        tokens::first(sequence, Keep::all(), &mut []),
    ];
    for error in errors {
        assert!(matches!(error, Err(PoolError::Length { .. } | PoolError::Range { .. })), "{error:?}");
    }
    assert_eq!((y, long), ([SENTINEL; 2], [SENTINEL; 3]));
    assert!(matches!(Tokens::new(&X, [4, 2]), Err(PoolError::TooShort { needed: 8, given: 6, .. })));
    assert!(matches!(Tokens::with_stride(&X, [3, 2], 3), Err(PoolError::TooShort { needed: 8, .. })));
    assert!(matches!(Tokens::with_stride(&X, [3, 2], usize::MAX), Err(PoolError::Overflow { .. })));
    assert!(Tokens::new(&X[..0], [0, 7]).is_ok());
}

#[test]
fn three_conventions_for_positions() {
    let sequence = Tokens::new(&X, [3, 2]).unwrap();
    let table: [([i64; 3], Positions, [f32; 2]); 5] = [
        ([0, 1, 1], Positions::Absolute, [6.6, -3.8]),
        ([0, 1, 1], Positions::FromFirst, [7.0, -14.0 / 3.0]),
        ([1, 0, 1], Positions::FromFirst, [7.0, -7.25]),
        ([1, 0, 1], Positions::Kept, [19.0 / 3.0, -20.0 / 3.0]),
        ([0, 1, 1], Positions::Kept, [7.0, -14.0 / 3.0]),
    ];
    for (mask, positions, want) in table {
        let mut y = [SENTINEL; 2];
        let pool = TokenPool::new(Mode::PositionWeightedMean(positions));
        pool.run(sequence, Keep::mask(&mask), &mut y).unwrap();
        assert!(y.iter().zip(want).all(|(y, want)| (y - want).abs() < 1e-6), "{mask:?} {positions:?}: {y:?}");
    }
    // A prompt is left out, but counts.
    let mut y = [SENTINEL; 2];
    let pool = TokenPool::new(Mode::PositionWeightedMean(Positions::FromFirst));
    assert_eq!(pool.run(sequence, Keep::all().skip(1), &mut y), Ok(2));
    assert!((y[0] - 6.6).abs() < 1e-6 && (y[1] + 3.8).abs() < 1e-6, "{y:?}");
}

#[test]
fn worked_examples_of_other_modes() {
    let pair = Tokens::new(&[1.0f32, 3.0], [2, 1]).unwrap();
    let mut both = [SENTINEL; 2];
    TokenPool::new(Mode::MeanStd { floor: 0.0 }).run(pair, Keep::all(), &mut both).unwrap();
    assert_eq!(both, [2.0, 1.0]);
    TokenPool::new(Mode::MeanStd { floor: 0.0 }).run(pair, Keep::length(1), &mut both).unwrap();
    assert_eq!(both, [1.0, 0.0]);
    // The variance is lost if it is the difference of two squares.
    let shifted = [10_000.0f32, 10_001.0, 10_002.0];
    let shifted = Tokens::new(&shifted, [3, 1]).unwrap();
    TokenPool::new(Mode::MeanStd { floor: 0.0 }).run(shifted, Keep::all(), &mut both).unwrap();
    assert!((both[1] - (2.0f32 / 3.0).sqrt()).abs() < 1e-5, "{both:?}");
    let mut y = [SENTINEL];
    TokenPool::new(Mode::GeneralizedMean { p: 3.0, floor: 1e-6 }).run(pair, Keep::all(), &mut y).unwrap();
    assert!((y[0] - 2.410142).abs() < 1e-6, "{y:?}");
    TokenPool::new(Mode::LogSumExp).run(pair, Keep::all(), &mut y).unwrap();
    assert!((y[0] - (1.0f32.exp() + 3.0f32.exp()).ln()).abs() < 1e-6, "{y:?}");
    TokenPool::new(Mode::Splade).run(pair, Keep::all(), &mut y).unwrap();
    assert!((y[0] - 4.0f32.ln()).abs() < 1e-6, "{y:?}");
}

#[test]
fn left_out_and_cut() {
    let sequence = Tokens::new(&X, [3, 2]).unwrap();
    let mut y = [SENTINEL; 2];
    for (mode, want) in
        [(Mode::First, [3.0, 4.0]), (Mode::Last, [9.0, -9.0]), (Mode::Mean, [6.0, -2.5]), (Mode::Max, [9.0, 4.0])]
    {
        TokenPool::new(mode).run(sequence, Keep::mask(&[1.0f32, 1.0, -0.5]).skip(1), &mut y).unwrap();
        assert_eq!(y, want, "{mode:?}");
        TokenPool::new(mode).run(sequence, Keep::all().skip(3), &mut y).unwrap();
        assert_eq!(y, [0.0; 2], "{mode:?}");
        let mut cut = [SENTINEL; 1];
        TokenPool::new(mode).truncate(1).run(sequence, Keep::range(1..3), &mut cut).unwrap();
        assert_eq!(cut, want[..1], "{mode:?}");
    }
    for mode in TOKEN_MODES {
        let mut y = vec![SENTINEL; 2 * mode.parts()];
        let mut want = y.clone();
        reference::tokens(mode, &X, &[false; 3], &[0.0; 3], Empty::Identity, &mut want);
        let pool = TokenPool::new(mode).weights(&[0.0; 3]).empty(Empty::Identity);
        assert_eq!(pool.run(sequence, Keep::mask(&[0i32; 3]), &mut y), Ok(0));
        assert_eq!(y, want, "{mode:?}");
    }
}

/// Any element type gives what its values give as `f32`.
fn check_type<T: TokenElement>(
    make: impl Fn(&mut Random) -> T,
    value: impl Fn(T, usize) -> f32,
    scales: Option<&[f32]>,
) {
    let (count, dim) = (19, 43);
    let mut random = Random(7);
    let x: Vec<T> = (0..count * dim).map(|_| make(&mut random)).collect();
    let dense: Vec<f32> = x.iter().enumerate().map(|(i, &x)| value(x, i / dim)).collect();
    let flags: Vec<bool> = (0..count).map(|_| random.below(4) > 0).collect();
    let weights = random.floats(count);
    let turned: Vec<T> = (0..count * dim).map(|i| x[i % count * dim + i / count]).collect();
    for mode in TOKEN_MODES {
        let (pooled, want) = textbook(mode, &dense, dim, &flags, &weights);
        for tokens in [Tokens::new(&x, [count, dim]), Tokens::width_major(&turned, [count, dim])] {
            let tokens = match scales {
                None => tokens.unwrap().quantized(Quantization::new(0.37, 11)),
                Some(scales) => tokens.unwrap().quantized_rows(scales, 11),
            };
            for isa in isas() {
                let mut y = vec![SENTINEL; want.len()];
                let pool = TokenPool::new(mode).weights(&weights);
                assert_eq!(pool.run_on(isa, tokens.unwrap(), Keep::mask(&flags), &mut y), Ok(pooled));
                assert_same(&y, &want, leaves_zeros_open(mode), (mode, isa, std::any::type_name::<T>()));
            }
        }
    }
}

#[test]
fn element_types() {
    let scales: Vec<f32> = (0..19).map(|t| 0.01 * (1 + t) as f32).collect();
    let code = |x: i32, scale: f32| scale * (x - 11) as f32;
    check_type(|random| random.floats(1)[0], |x, _| x, None);
    check_type(|random| random.below(256) as u8, |x, _| code(x.into(), 0.37), None);
    check_type(|random| random.below(256) as u8 as i8, |x, _| code(x.into(), 0.37), None);
    check_type(|random| random.below(256) as u8, |x, t| code(x.into(), scales[t]), Some(&scales));
    check_type(|random| random.below(256) as u8 as i8, |x, t| code(x.into(), scales[t]), Some(&scales));
}

#[cfg(feature = "half")]
#[test]
fn half_types() {
    use half::{bf16, f16};
    check_type(|random| f16::from_f32(random.floats(1)[0]), |x, _| x.to_f32(), None);
    check_type(|random| bf16::from_f32(random.floats(1)[0]), |x, _| x.to_f32(), None);
}

#[test]
fn batches_are_their_sequences() {
    let (count, dim) = (24, 13);
    let mut random = Random(3);
    let x = random.floats(count * dim);
    let weights = random.floats(count);
    let mask: Vec<i32> = (0..count).map(|_| random.below(3) as i32).collect();
    let tokens = Tokens::new(&x, [count, dim]).unwrap();
    let cuts = [0, 5, 5, 12, 24];
    let spans = [[0, 5], [3, 9], [9, 9], [0, 24], [23, 24]];
    let lengths = [8, 0, 3];
    let batches: [(Vec<[usize; 2]>, Sequences<'_>); 5] = [
        (vec![[0, 8], [8, 16], [16, 24]], Sequences::padded(3, 8)),
        (vec![[0, 8], [8, 8], [16, 19]], Sequences::lengths(&lengths, 8)),
        (vec![[0, 5], [5, 5], [5, 12], [12, 24]], Sequences::offsets(&cuts)),
        (vec![[0, 5], [5, 5], [5, 12], [12, 24]], Sequences::starts(&cuts[..4])),
        (spans.to_vec(), Sequences::spans(&spans)),
    ];
    for mode in TOKEN_MODES {
        for (ranges, sequences) in &batches {
            let pool = TokenPool::new(mode).weights(&weights).l2_normalize(L2_EPSILON);
            let width = pool.output_len(dim).unwrap();
            let mut want = vec![SENTINEL; width * ranges.len()];
            let mut counts = Vec::new();
            for (&[start, end], want) in ranges.iter().zip(want.chunks_mut(width)) {
                let part = Tokens::new(&x[start * dim..end * dim], [end - start, dim]).unwrap();
                let pool = pool.weights(&weights[start..end]);
                counts.push(pool.run(part, Keep::mask(&mask[start..end]).skip(1), want).unwrap());
            }
            for isa in isas() {
                let (mut y, mut got) = (vec![SENTINEL; want.len()], vec![usize::MAX; ranges.len()]);
                let keep = Keep::mask(&mask).skip(1);
                pool.run_batch_on(isa, tokens, *sequences, keep, &mut y, Some(&mut got)).unwrap();
                assert_same(&y, &want, leaves_zeros_open(mode), (mode, isa, sequences));
                assert_eq!(got, counts, "{mode:?}");
            }
        }
    }
}

fn side_by_side<const K: usize>(modes: [Mode; K]) {
    let (count, dim) = (75, 11);
    let mut x = Random(5).floats(count * dim);
    // A mode that enters together with another must still find it, wherever it lies.
    for (i, t) in [3, 16, 31, 32, 70].into_iter().enumerate() {
        x[t * dim + i] = f32::NAN;
    }
    let tokens = Tokens::new(&x, [count, dim]).unwrap();
    let weights = Random(6).floats(count);
    for (isa, kept) in isas().into_iter().flat_map(|isa| [2..2, 2..3, 2..20, 1..74].map(|kept| (isa, kept))) {
        let pool = TokenPool::concat(modes).weights(&weights).truncate(9);
        let mut y = vec![SENTINEL; pool.output_len(dim).unwrap()];
        let most = pool.run_on(isa, tokens, Keep::range(kept.clone()), &mut y).unwrap();
        assert!(most == kept.len() || modes.iter().all(|mode| matches!(mode, Mode::First | Mode::Last)));
        let mut rest = &y[..];
        for mode in modes {
            let pool = TokenPool::new(mode).weights(&weights).truncate(9);
            let mut alone = vec![SENTINEL; pool.output_len(dim).unwrap()];
            pool.run(tokens, Keep::range(kept.clone()), &mut alone).unwrap();
            let (these, after) = rest.split_at(alone.len());
            assert_same(these, &alone, leaves_zeros_open(mode), (mode, isa, &kept));
            rest = after;
        }
        assert!(rest.is_empty());
    }
}

#[test]
fn modes_side_by_side() {
    side_by_side([Mode::First, Mode::MeanStd { floor: 0.0 }, Mode::Attention, Mode::Max, Mode::Last]);
    side_by_side([Mode::Mean, Mode::Max]);
    side_by_side([Mode::Max, Mode::Mean]);
    side_by_side([Mode::First, Mode::Sum, Mode::Splade]);
    side_by_side([Mode::Sum, Mode::MeanSqrtLength, Mode::Max, Mode::Max]);
}

/// Tables that no cache holds are read ahead; whatever is kept of them, it is as if nothing else were there.
#[test]
fn large_tables() {
    let (rows, dim, width) = (70_000, 256, 21);
    let mut random = Random(12);
    let mut table = vec![77i8; rows * dim];
    let quantization = Quantization::new(0.5, 3);
    for count in [0, 1, 7, 8, 31, 32, 33, 39, 40, 41, 72, 73, 200] {
        let mut ids: Vec<usize> = (0..count).map(|_| random.below(rows)).collect();
        ids.sort_unstable();
        ids.dedup();
        let mut dense = Vec::new();
        for &id in &ids {
            let row = &mut table[id * dim..][..width];
            row.iter_mut().for_each(|x| *x = random.below(256) as u8 as i8);
            dense.extend_from_slice(row);
        }
        let mut weights: Vec<f32> = random.floats(ids.len());
        weights.iter_mut().skip(1).step_by(5).for_each(|weight| *weight = f32::NEG_INFINITY);
        let large = Tokens::new(&table, [rows, dim]).unwrap().quantized(quantization).unwrap();
        let small = Tokens::new(&dense, [ids.len(), width]).unwrap().quantized(quantization).unwrap();
        for mode in TOKEN_MODES {
            ahead([mode], large, small, &ids, &weights);
            ahead([mode, Mode::Mean, Mode::Max], large, small, &ids, &weights);
        }
    }
}

/// Rows of a large matrix, by ids and by a mask, against these rows alone.
fn ahead<const K: usize>(
    modes: [Mode; K],
    large: Tokens<'_, i8>,
    small: Tokens<'_, i8>,
    ids: &[usize],
    weights: &[f32],
) {
    let pool = TokenPool::concat(modes).truncate(small.dim());
    let mut want = vec![SENTINEL; pool.output_len(small.dim()).unwrap()];
    let kept = pool.weights(weights).run(small, Keep::all(), &mut want).unwrap();
    let mut mask = vec![false; large.tokens()];
    let mut spread = vec![f32::NAN; large.tokens()];
    for (&id, &weight) in ids.iter().zip(weights) {
        (mask[id], spread[id]) = (true, weight);
    }
    let counts_kept = |mode: &Mode| match mode {
        Mode::PositionWeightedMean(positions) => *positions == Positions::Kept,
        _ => true,
    };
    for isa in isas() {
        let mut y = vec![SENTINEL; want.len()];
        let proved = Ids::check(ids, large.tokens()).unwrap();
        let bag = [[0, ids.len()]];
        pool.weights(weights).run_bags_on(isa, large, proved, Sequences::spans(&bag), &mut y, None).unwrap();
        assert_same(&y, &want, true, (modes, isa, ids.len()));
        if modes.iter().all(counts_kept) {
            y.fill(SENTINEL);
            assert_eq!(pool.weights(&spread).run_on(isa, large, Keep::mask(&mask), &mut y), Ok(kept));
            assert_same(&y, &want, true, (modes, isa, ids.len()));
        }
    }
}

#[test]
fn streams_have_the_bits_of_the_whole() {
    let (count, dim) = (37, 19);
    let mut random = Random(11);
    let x = random.floats(count * dim);
    let weights = random.floats(count);
    let flags: Vec<bool> = (0..count).map(|_| random.below(4) > 0).collect();
    let tokens = Tokens::new(&x, [count, dim]).unwrap();
    for mode in TOKEN_MODES {
        let pool = TokenPool::new(mode).weights(&weights).l2_normalize(L2_EPSILON);
        let len = pool.output_len(dim).unwrap();
        let mut want = vec![SENTINEL; len];
        let pooled = pool.run(tokens, Keep::mask(&flags).skip(2), &mut want).unwrap();
        for (isa, most) in isas().into_iter().flat_map(|isa: Isa| [(isa, 1), (isa, 5), (isa, 8), (isa, 20)]) {
            let mut cells = vec![f32::NAN; len];
            let mut state = pool.start_after(2, dim, &mut cells).unwrap();
            let mut t = 0;
            while t < count {
                let end = (t + 1 + random.below(most)).min(count);
                let block = Tokens::new(&x[t * dim..end * dim], [end - t, dim]).unwrap();
                state.push_block_on(isa, block, Keep::mask(&flags[t..end]), &weights[t..end]).unwrap();
                t = end;
            }
            assert_eq!(state.finish(), pooled, "{mode:?}");
            assert_same(&cells, &want, leaves_zeros_open(mode), (mode, isa, most));
        }
        merged(pool, &x, &weights, dim);
    }
}

/// Tokens that a block skips have positions as those that a whole sequence skips.
#[test]
fn blocks_skip_as_sequences_do() {
    let x = [1.0f32, 2.0, 30.0, 400.0, -7.0, 11.0];
    let weights = [0.5, -1.0, 2.0, 0.25, 1.0, 3.0];
    let flags = [true, false, true, true, true, true];
    let tokens = Tokens::new(&x, [6, 1]).unwrap();
    for mode in TOKEN_MODES {
        let pool = TokenPool::new(mode).weights(&weights);
        let len = pool.output_len(1).unwrap();
        for skipped in 0..7 {
            let (mut want, mut block, mut stream) = (vec![SENTINEL; len], vec![SENTINEL; len], vec![SENTINEL; len]);
            let keep = Keep::mask(&flags);
            let pooled = pool.run(tokens, keep.skip(skipped), &mut want).unwrap();
            let mut state = pool.start(1, &mut block).unwrap();
            assert_eq!(state.push_block(tokens, keep.skip(skipped), &weights), Ok(5usize.saturating_sub(skipped)));
            assert_eq!(state.finish(), pooled, "{mode:?}");
            assert_same(&block, &want, leaves_zeros_open(mode), (mode, skipped, "block"));
            let mut state = pool.start_after(skipped, 1, &mut stream).unwrap();
            let mut kept = 0;
            for (t, &flag) in flags.iter().enumerate() {
                if flag {
                    kept += 1;
                    assert_eq!(state.push_weighted(&x[t..=t], weights[t]), Ok(usize::from(kept > skipped)));
                } else {
                    state.pass(1);
                }
            }
            assert_eq!(state.finish(), pooled, "{mode:?}");
            assert_same(&stream, &want, leaves_zeros_open(mode), (mode, skipped, "stream"));
        }
    }
    // Of four tokens without the first two, the others still are the third and the fourth.
    let pool = TokenPool::new(Mode::PositionWeightedMean(Positions::Kept));
    let mut y = [0.0];
    let mut state = pool.start(1, &mut y).unwrap();
    state.push_block(Tokens::new(&x[..4], [4, 1]).unwrap(), Keep::all().skip(2), &[]).unwrap();
    state.finish();
    assert_eq!(y, [(3.0 * 30.0 + 4.0 * 400.0) / 7.0]);
}

#[test]
fn streams_refuse_what_would_mislead() {
    let (mut a, mut b, mut c) = ([0.0; 2], [0.0; 2], [0.0; 2]);
    let pool = TokenPool::new(Mode::Sum);
    // Of five elements two, and of two both: as many cells, and yet other tokens.
    let mut wide = pool.truncate(2).start(5, &mut a).unwrap();
    let narrow = pool.start(2, &mut b).unwrap();
    assert_eq!(wide.merge(&narrow), Err(PoolError::Merge));
    // The earlier part has yet to skip a token, which the later one has pooled.
    let mut early = pool.start_after(2, 2, &mut c).unwrap();
    assert_eq!(early.push(&[1.0f32, 2.0]), Ok(0));
    let mut late = narrow;
    assert_eq!(early.merge(&late), Ok(()));
    assert_eq!(late.push(&[3.0f32, 4.0]), Ok(1));
    assert_eq!(early.merge(&late), Err(PoolError::Merge));
    assert_eq!(early.push(&[5.0f32, 6.0]), Ok(0));
    assert_eq!(early.merge(&late), Ok(()));
    assert_eq!(early.finish(), 1);
    assert_eq!(c, [3.0, 4.0]);
    // Scores are called so wherever they are missing.
    let missing = PoolError::Length { argument: Argument::Scores, expected: 1, given: 0 };
    let pool = TokenPool::new(Mode::Attention);
    let token = Tokens::new(&[1.0f32, 2.0], [1, 2]).unwrap();
    assert_eq!(pool.run(token, Keep::all(), &mut [0.0; 2]), Err(missing));
    assert_eq!(pool.start(2, &mut a).unwrap().push(&[1.0f32, 2.0]), Err(missing));
}

/// Any number of tokens without elements takes no time, in every mode that needs no weights, whatever is skipped.
#[test]
fn tokens_without_elements_are_only_counted() {
    let many = usize::MAX;
    let tokens = Tokens::<f32>::new(&[], [many, 0]).unwrap();
    for mode in TOKEN_MODES.into_iter().filter(|mode| !mode.needs_weights()) {
        let one = matches!(mode, Mode::First | Mode::Last);
        for (keep, want) in [
            (Keep::all(), many),
            (Keep::all().skip(many - 1), 1),
            (Keep::all().skip(many), 0),
            (Keep::range(7..many - 5).skip(2), many - 14),
        ] {
            let want = if one { want.min(1) } else { want };
            assert_eq!(TokenPool::new(mode).run(tokens, keep, &mut []), Ok(want), "{mode:?}");
            let mut state = TokenPool::new(mode).start(0, &mut []).unwrap();
            state.push_block(tokens, keep, &[]).unwrap();
            assert_eq!(state.finish(), want, "{mode:?}");
        }
    }
    let both = TokenPool::concat([Mode::First, Mode::Mean]);
    assert_eq!(both.run(tokens, Keep::all(), &mut []), Ok(many));
    let none = tokens::attentive_statistics(tokens, tokens, Keep::all().skip(5), 0.0, &mut []);
    assert_eq!(none, Ok(many - 5));
}

/// A mask keeps the same tokens whatever it is made of; modes that are types have the bits of those that are values.
#[test]
fn masks_and_modes_of_every_type() {
    let (tokens, dim) = (11, 5);
    let mut random = Random(5);
    let (x, weights) = (random.floats(tokens * dim), random.floats(tokens));
    let flags: Vec<bool> = (0..tokens).map(|t| t % 3 != 1).collect();
    let sequence = Tokens::new(&x, [tokens, dim]).unwrap();
    let mut want = vec![SENTINEL; dim];
    tokens::mean(sequence, Keep::mask(&flags), &mut want).unwrap();
    macro_rules! mask {
        ($($T:ty),*) => {$({
            let mask: Vec<$T> = flags.iter().map(|&flag| u8::from(flag) as $T * 100 as $T).collect();
            let mut y = vec![SENTINEL; dim];
            assert_eq!(tokens::mean(sequence, Keep::mask(&mask), &mut y), Ok(7));
            assert_same(&y, &want, false, stringify!($T));
        })*};
    }
    mask!(u8, i8, i32, u32, i64, u64, f32);
    let keep = Keep::mask(&flags).skip(1);
    macro_rules! modes {
        ($($by:expr => $mode:expr;)*) => {$({
            let (pool, known) = (TokenPool::new($mode).weights(&weights), TokenPool::new($by));
            let len = pool.output_len(dim).unwrap();
            let (mut want, mut y) = (vec![SENTINEL; len], vec![SENTINEL; len]);
            assert_eq!(pool.run(sequence, keep, &mut want), known.run(sequence, keep, &mut y));
            assert_same(&y, &want, false, stringify!($by));
        })*};
    }
    modes! {
        by::First => Mode::First;
        by::Last => Mode::Last;
        by::Sum => Mode::Sum;
        by::Mean => Mode::Mean;
        by::MeanSqrtLength => Mode::MeanSqrtLength;
        by::PositionWeightedMean(Positions::Kept) => Mode::PositionWeightedMean(Positions::Kept);
        by::WeightedSum(&weights) => Mode::WeightedSum;
        by::WeightedMean(&weights) => Mode::WeightedMean;
        by::Attention(&weights) => Mode::Attention;
        by::Max => Mode::Max;
        by::Min => Mode::Min;
        by::MeanStd(1e-6) => Mode::MeanStd { floor: 1e-6 };
        by::WeightedMeanStd(&weights, 1e-6) => Mode::WeightedMeanStd { floor: 1e-6 };
        by::GeneralizedMean(3.0, 1e-6) => Mode::GeneralizedMean { p: 3.0, floor: 1e-6 };
        by::LogSumExp => Mode::LogSumExp;
        by::Splade => Mode::Splade;
    }
}

/// Two parts that are merged are near the whole.
fn merged(pool: TokenPool<'_>, x: &[f32], weights: &[f32], dim: usize) {
    let count = weights.len();
    let len = pool.output_len(dim).unwrap();
    let mut want = vec![SENTINEL; len];
    pool.run(Tokens::new(x, [count, dim]).unwrap(), Keep::all(), &mut want).unwrap();
    for cut in [0, 1, 17, count] {
        let (mut a, mut b) = (vec![f32::NAN; len], vec![f32::NAN; len]);
        let mut early = pool.start(dim, &mut a).unwrap();
        let mut late = pool.start(dim, &mut b).unwrap();
        for (t, (token, &weight)) in x.chunks(dim).zip(weights).enumerate() {
            let part = if t < cut { &mut early } else { &mut late };
            part.push_weighted(token, weight).unwrap();
        }
        let refused = early.merge(&late);
        if let Err(error) = refused {
            assert_eq!(error, PoolError::Merge);
            assert!((1..count).contains(&cut), "nothing to weigh by position");
            continue;
        }
        early.finish();
        let near = |(a, want): (&f32, &f32)| (a - want).abs() <= 1e-4;
        assert!(a.iter().zip(&want).all(near), "{pool:?} cut at {cut}: {a:?} {want:?}");
    }
}

#[test]
fn bags_of_ids() {
    let table = [1.0f32, 2.0, 3.0, -4.0, 5.0, 6.0];
    let table = Tokens::new(&table, [3, 2]).unwrap();
    let ids = [0i64, 1, 1];
    let bags = Sequences::starts(&[0u32, 2, 2]);
    let checked = Ids::check(&ids, 3).unwrap();
    let weights = [0.5, 2.0, -1.0];
    let examples = [
        (Mode::Sum, [4.0, -2.0, 0.0, 0.0, 3.0, -4.0]),
        (Mode::Mean, [2.0, -1.0, 0.0, 0.0, 3.0, -4.0]),
        (Mode::Max, [3.0, 2.0, 0.0, 0.0, 3.0, -4.0]),
        (Mode::WeightedSum, [6.5, -7.0, 0.0, 0.0, -3.0, 4.0]),
    ];
    for (mode, want) in examples {
        for isa in isas() {
            let (mut y, mut counts) = ([SENTINEL; 6], [9; 3]);
            let pool = TokenPool::new(mode).weights(&weights);
            pool.run_bags_on(isa, table, checked, bags, &mut y, Some(&mut counts)).unwrap();
            assert_eq!((y, counts), (want, [2, 0, 1]), "{mode:?}");
        }
    }
    let mut y = [SENTINEL; 6];
    TokenPool::new(Mode::Mean).run_bags(table, checked.padding(1), bags, &mut y, None).unwrap();
    assert_eq!(y, [1.0, 2.0, 0.0, 0.0, 0.0, 0.0]);
    for (bad, position) in [([0i32, 3, 1], 1), ([-1, 0, 0], 0)] {
        assert_eq!(Ids::check(&bad, 3).unwrap_err(), PoolError::TokenId { position, rows: 3 });
    }
    // Proved for a larger table.
    let small = Tokens::new(&[0.0f32; 4], [2, 2]).unwrap();
    let mut y = [SENTINEL; 6];
    let refused = TokenPool::new(Mode::Sum).run_bags(small, checked, bags, &mut y, None);
    assert!(matches!(refused, Err(PoolError::Shape { expected: 3, given: 2, .. })), "{refused:?}");
    assert_eq!(y, [SENTINEL; 6]);
}

#[test]
fn vectors_as_codes_and_bits() {
    let ranges = [[-1.0, 1.0]; 5];
    let x = [-1.0f32, 0.0, 1.0, 2.0, -7.0];
    let (mut u, mut i) = ([9u8; 5], [9i8; 5]);
    tokens::quantize_u8(&x, &ranges, &mut u).unwrap();
    tokens::quantize_i8(&x, &ranges, &mut i).unwrap();
    assert_eq!(u, [0, 127, 254, 255, 0]);
    assert_eq!(i, [-128, -1, 126, 127, -128]);
    tokens::quantize_u8(&[0.5, 3.9, f32::NAN], &[[0.5, 0.5], [0.0, 255.0], [0.0, 1.0]], &mut u[..3]).unwrap();
    assert_eq!(u[..3], [0, 3, 0]);
    assert!(tokens::quantize_u8(&x, &ranges[..4], &mut u).is_err());
    assert!(tokens::pack_bits(&x, &mut u).is_err());
    let mut random = Random(1);
    for n in [0, 1, 15, 16, 17, 100, 384] {
        let (a, b) = (random.floats(n), random.floats(n));
        let exact: f64 = a.iter().zip(&b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
        let size: f64 = a.iter().zip(&b).map(|(a, b)| (f64::from(*a) * f64::from(*b)).abs()).sum();
        let bound = (n as f64 / 16.0 + 6.0) * f64::from(f32::EPSILON) * size;
        assert!((f64::from(tokens::dot(&a, &b)) - exact).abs() <= bound);
    }
    let ones = vec![-128i8; 200_000];
    assert_eq!(tokens::dot_i8(&ones, &ones), 200_000 * 16_384);
    assert_eq!(tokens::hamming(&[0xff, 0], &[0, 0x81]), 10);
}

/// Encoded in the same run as each result encoded afterwards.
fn encoded<E: Encoding>(encoding: E, encode: impl Fn(&[f32], &mut [E::Item]) -> Result<(), PoolError>)
where
    E::Item: Copy + Default + PartialEq + std::fmt::Debug,
{
    let dim = 11;
    let x = Random(21).floats(40 * dim);
    let tokens = Tokens::new(&x, [40, dim]).unwrap();
    let ids: Vec<usize> = (0..40).map(|i| i * 7 % 40).collect();
    let offsets = [0, 3, 3, 40];
    let sequences = Sequences::offsets(&offsets);
    let pool = TokenPool::concat([Mode::Mean, Mode::Max]).truncate(9).l2_normalize(L2_EPSILON);
    let width = pool.output_len(dim).unwrap();
    let (mut floats, mut cells) = (vec![0.0; 3 * width], vec![f32::NAN; width]);
    let len = encoded_len(&encode, width);
    let mut want = vec![E::Item::default(); 3 * len];
    for bags in [false, true] {
        let (mut output, mut counts) = (want.clone(), [9; 3]);
        let to = Encoded { encoding, cells: &mut cells, output: &mut output };
        if bags {
            let ids = Ids::check(&ids, 40).unwrap();
            pool.run_bags(tokens, ids, sequences, &mut floats, None).unwrap();
            pool.run_bags_encoded(tokens, ids, sequences, to, Some(&mut counts)).unwrap();
        } else {
            pool.run_batch(tokens, sequences, Keep::all(), &mut floats, None).unwrap();
            pool.run_batch_encoded(tokens, sequences, Keep::all(), to, Some(&mut counts)).unwrap();
        }
        for (floats, want) in floats.chunks(width).zip(want.chunks_mut(len)) {
            encode(floats, want).unwrap();
        }
        assert_eq!((output, counts), (want.clone(), [3, 0, 37]));
    }
    let mut output = want.clone();
    for (cells, more) in [(width - 1, 0), (width + 1, 0), (width, 1)] {
        output.resize(want.len() + more, E::Item::default());
        let before = output.clone();
        let to = Encoded { encoding, cells: &mut vec![0.0; cells], output: &mut output };
        let refused = pool.run_batch_encoded(tokens, sequences, Keep::all(), to, None);
        assert!(matches!(refused, Err(PoolError::Length { .. })), "{refused:?}");
        assert_eq!(output, before);
    }
}

/// Of how many items `encode` makes something of `elements` floats.
fn encoded_len<T: Copy + Default>(
    encode: &impl Fn(&[f32], &mut [T]) -> Result<(), PoolError>,
    elements: usize,
) -> usize {
    (0..=elements).find(|&n| encode(&vec![0.0; elements], &mut vec![T::default(); n]).is_ok()).unwrap()
}

#[test]
fn pooled_straight_into_codes_and_bits() {
    let ranges: Vec<[f32; 2]> = (0..18).map(|i| [-0.5 - i as f32 / 50.0, 0.25 + i as f32 / 30.0]).collect();
    encoded(CodesI8(&ranges), |x, y| tokens::quantize_i8(x, &ranges, y));
    encoded(CodesU8(&ranges), |x, y| tokens::quantize_u8(x, &ranges, y));
    encoded(Bits, tokens::pack_bits);
    encoded(Converted::<f64>::default(), tokens::convert);
    #[cfg(feature = "half")]
    encoded(Converted::<half::f16>::default(), tokens::convert);

    let (mut cells, mut output) = ([0.0; 2], [7i8; 2]);
    let to = Encoded { encoding: CodesI8(&ranges), cells: &mut cells, output: &mut output };
    let x = Tokens::new(&X, [3, 2]).unwrap();
    let refused = TokenPool::new(Mode::Mean).run_batch_encoded(x, Sequences::padded(1, 3), Keep::all(), to, None);
    assert_eq!(refused, Err(PoolError::Length { argument: lanepool::Argument::Ranges, expected: 2, given: 18 }));
    assert_eq!(output, [7; 2]);
}

#[test]
fn tokens_without_elements() {
    let tokens = Tokens::with_stride(&[0.0f32; 0], [40, 0], 7).unwrap();
    for mode in TOKEN_MODES {
        let want = if matches!(mode, Mode::First | Mode::Last) { 1 } else { 40 };
        let pool = TokenPool::new(mode).weights(&[1.0; 40]);
        assert_eq!(pool.run(tokens, Keep::all(), &mut []), Ok(want), "{mode:?}");
        let mut counts = [9; 2];
        pool.run_batch(tokens, Sequences::padded(2, 20), Keep::all(), &mut [], Some(&mut counts)).unwrap();
        assert_eq!(counts, [want.min(20); 2], "{mode:?}");
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let sequence = Tokens::new(&X, [3, 2]).unwrap();
    let mut y = [SENTINEL; 6];
    let mean = TokenPool::new(Mode::Mean);
    let run = |sequences: Sequences<'_, i32>, y: &mut [f32]| {
        mean.run_batch(sequence, sequences, Keep::all(), y, None).unwrap_err()
    };
    for offsets in [[0, 2, 1, 3], [0, 1, 2, 4], [-1, 0, 1, 2]] {
        let error = run(Sequences::offsets(&offsets), &mut y);
        assert!(matches!(error, PoolError::Sequence { tokens: 3, .. }), "{error:?}");
    }
    assert!(matches!(run(Sequences::offsets(&[]), &mut []), PoolError::TooShort { .. }));
    assert!(matches!(run(Sequences::lengths(&[1, 2, 1], 1), &mut y), PoolError::Sequence { sequence: 1, .. }));
    assert!(matches!(
        run(Sequences::spans(&[[0, 1], [2, 1], [0, 0]]), &mut y),
        PoolError::Sequence { sequence: 1, .. }
    ));
    assert!(matches!(run(Sequences::offsets(&[0, 1]), &mut y), PoolError::Length { expected: 2, given: 6, .. }));
    let padded = mean.run_batch(sequence, Sequences::padded(3, 2), Keep::all(), &mut y, None);
    assert!(matches!(padded, Err(PoolError::Shape { expected: 6, given: 3, .. })), "{padded:?}");
    let counts = mean.run_batch(sequence, Sequences::padded(3, 1), Keep::all(), &mut y, Some(&mut [0; 2]));
    assert!(matches!(counts, Err(PoolError::Length { expected: 3, given: 2, .. })), "{counts:?}");
    for mode in TOKEN_MODES.into_iter().filter(|mode| mode.needs_weights()) {
        let error = TokenPool::new(mode).run(sequence, Keep::all(), &mut y[..2 * mode.parts()]);
        assert!(matches!(error, Err(PoolError::Length { expected: 3, given: 0, .. })), "{error:?}");
        let mut cells = vec![0.0; 2 * mode.parts()];
        let mut state = TokenPool::new(mode).start(2, &mut cells).unwrap();
        assert!(state.push(&[1.0f32, 2.0]).is_err());
    }
    for mode in [
        Mode::MeanStd { floor: -1.0 },
        Mode::GeneralizedMean { p: 0.0, floor: 0.0 },
        Mode::GeneralizedMean { p: f32::NAN, floor: 0.0 },
    ] {
        let error = TokenPool::new(mode).run(sequence, Keep::all(), &mut y[..2 * mode.parts()]);
        assert_eq!(error, Err(PoolError::Exponent));
    }
    assert!(matches!(mean.truncate(3).run(sequence, Keep::all(), &mut y), Err(PoolError::Range { end: 3, .. })));
    assert!(matches!(
        mean.run(sequence, Keep::range(std::ops::Range { start: 2, end: 1 }), &mut y[..2]),
        Err(PoolError::Range { .. })
    ));
    // Nothing to do, however often.
    let nothing = Tokens::new(&[0.0f32; 0], [0, 0]).unwrap();
    let padded = Sequences::padded(usize::MAX, 0);
    assert_eq!(mean.run_batch(nothing, padded, Keep::all(), &mut [], None), Ok(()));
    let mut cells = [0.0; 2];
    assert!(mean.start(3, &mut cells).is_err());
    assert!(mean.start(2, &mut cells).unwrap().push(&[1.0f32]).is_err());
    let codes = Tokens::new(&[0u8; 6], [3, 2]).unwrap();
    assert!(codes.quantized(Quantization::new(1.0, -1)).is_err());
    assert!(codes.quantized_rows(&[1.0; 2], 0).is_err());
    assert!(codes.quantized_rows(&[1.0, f32::NAN, 1.0], 0).is_err());
    assert_eq!(y, [SENTINEL; 6]);
}

#[test]
fn every_channel_has_scores_of_its_own() {
    let mut random = Random(23);
    for (count, dim) in [(0, 3), (1, 1), (5, 7), (12, 8), (30, 33)] {
        let (x, mut scores) = (random.floats(count * dim), random.floats(count * dim));
        let flags: Vec<bool> = (0..count).map(|_| random.below(4) > 0).collect();
        for score in &mut scores {
            *score = if random.below(5) == 0 { f32::NEG_INFINITY } else { *score * 20.0 };
        }
        // What is left out is poison.
        let poison: Vec<f32> = (0..count * dim)
            .map(|i| if flags[i / dim] && scores[i] > f32::NEG_INFINITY { x[i] } else { f32::NAN })
            .collect();
        let mut want = vec![SENTINEL; 2 * dim];
        reference::attentive_statistics(&x, &scores, &flags, 1e-3, &mut want);
        for isa in isas() {
            let tokens = Tokens::new(&poison, [count, dim]).unwrap();
            let scores = Tokens::new(&scores, [count, dim]).unwrap();
            let mut y = vec![SENTINEL; 2 * dim];
            let kept = tokens::attentive_statistics_on(isa, tokens, scores, Keep::mask(&flags), 1e-3, &mut y);
            assert_eq!(kept, Ok(flags.iter().filter(|&&keep| keep).count()));
            assert_same(&y, &want, false, (isa, count, dim));
        }
    }
    let tokens = Tokens::new(&X, [3, 2]).unwrap();
    let scores = Tokens::new(&X, [2, 3]).unwrap();
    let mut y = [SENTINEL; 4];
    let refused = tokens::attentive_statistics(tokens, scores, Keep::all(), 0.0, &mut y);
    assert!(matches!(refused, Err(PoolError::Shape { expected: 3, given: 2, .. })), "{refused:?}");
    assert!(tokens::attentive_statistics(tokens, tokens, Keep::all(), f32::NAN, &mut y).is_err());
    assert!(tokens::attentive_statistics(tokens, tokens, Keep::all(), 0.0, &mut y[..3]).is_err());
    assert_eq!(y, [SENTINEL; 4]);
}

/// What models' files name: the vectors of sentence-transformers 6.2 for the mask 101, from its documentation's names; and nothing else.
#[test]
fn modes_by_the_names_of_files() {
    use lanepool::frameworks::embeddings::{gguf, sentence_transformers};
    let sequence = Tokens::new(&X, [3, 2]).unwrap();
    let half = 1.0 / 2.0f32.sqrt();
    let table = [
        ("cls", "cls_token", [1.0, -2.0]),
        ("lasttoken", "lasttoken", [9.0, -9.0]),
        ("mean", "mean_tokens", [5.0, -5.5]),
        ("max", "max_tokens", [9.0, -2.0]),
        ("mean_sqrt_len_tokens", "mean_sqrt_len_tokens", [10.0 * half, -11.0 * half]),
        ("weightedmean", "weightedmean_tokens", [7.0, -7.25]),
    ];
    for (name, key, want) in table {
        for name in [name, &format!("pooling_mode_{key}")] {
            let mut y = [SENTINEL; 2];
            let mode = sentence_transformers(name).unwrap();
            TokenPool::new(mode).run(sequence, Keep::mask(&[1u32, 0, 1]), &mut y).unwrap();
            assert!(y.iter().zip(want).all(|(y, want)| (y - want).abs() < 1e-5), "{name}: {y:?}");
        }
    }
    for unknown in ["", "Mean", "mean_tokens", "pooling_mode_mean", "pooling_mode_", "none"] {
        assert!(matches!(sentence_transformers(unknown), Err(PoolError::Attribute { .. })), "{unknown}");
    }
    assert_eq!([gguf(1), gguf(2), gguf(3)], [Ok(Mode::Mean), Ok(Mode::First), Ok(Mode::Last)]);
    assert!([0, 4, 5, u32::MAX].iter().all(|number| matches!(gguf(*number), Err(PoolError::Attribute { .. }))));
}

/// Documents of several lengths, one after the other, and where they start.
const DOCUMENTS: [usize; 7] = [0, 1, 3, 3, 10, 11, 44];

#[test]
fn documents_are_compared_as_in_the_reference() {
    fn check<T: TokenElement>(
        random: &mut Random,
        draw: impl Fn(&mut Random) -> T,
        dot: impl Fn(&[T], &[T]) -> f32 + Copy,
    ) {
        for dim in [1, 7, 15, 16, 17, 40, 128, 131] {
            for queries in [0, 1, 2, 5, 33] {
                let query: Vec<T> = (0..queries * dim).map(|_| draw(random)).collect();
                let documents: Vec<T> = (0..44 * dim).map(|_| draw(random)).collect();
                let want: Vec<f32> = DOCUMENTS
                    .windows(2)
                    .map(|ends| reference::max_sim(&query, &documents[ends[0] * dim..ends[1] * dim], dim, dot))
                    .collect();
                // The same rows column by column.
                let turned: Vec<T> = (0..44 * dim).map(|i| documents[i % 44 * dim + i / 44]).collect();
                for isa in isas() {
                    let q = Tokens::new(&query, [queries, dim]).unwrap();
                    for d in [Tokens::new(&documents, [44, dim]), Tokens::width_major(&turned, [44, dim])] {
                        let mut scores = [SENTINEL; 6];
                        tokens::max_sim_on(isa, q, d.unwrap(), Sequences::offsets(&DOCUMENTS), &mut scores).unwrap();
                        assert_eq!(scores, want[..], "{dim} {queries} {isa}");
                    }
                }
            }
        }
    }
    let mut random = Random(5);
    let float = |random: &mut Random| random.below(2001) as f32 / 300.0 - 3.3;
    check(&mut random, float, reference::dot);
    let widened = |a: &[half::f16], b: &[half::f16]| {
        let [a, b] = [a, b].map(|of| of.iter().map(|x| x.to_f32()).collect::<Vec<f32>>());
        reference::dot(&a, &b)
    };
    check(&mut random, |random| half::f16::from_f32(float(random)), widened);
    let exact = |a: &[i8], b: &[i8]| a.iter().zip(b).map(|(a, b)| i64::from(*a) * i64::from(*b)).sum::<i64>() as f32;
    check(&mut random, |random| random.next() as i8, exact);
    let exact = |a: &[u8], b: &[u8]| a.iter().zip(b).map(|(a, b)| i64::from(*a) * i64::from(*b)).sum::<i64>() as f32;
    check(&mut random, |random| random.next() as u8, exact);
}

#[test]
fn compared_codes_are_exact_before_they_are_scaled() {
    // More elements than 32 bits hold the products of.
    let dim = 40_000;
    let (query, documents) = (vec![255u8; dim], vec![255u8; 2 * dim]);
    let of =
        |data, tokens, scale| Tokens::new(data, [tokens, dim]).unwrap().quantized(Quantization::new(scale, 0)).unwrap();
    let scales = [0.5f32, 0.75];
    let rows = Tokens::new(&documents, [2, dim]).unwrap().quantized_rows(&scales, 0).unwrap();
    for isa in isas() {
        let mut scores = [0.0; 2];
        tokens::max_sim_on(isa, of(&query, 1, 0.25), rows, Sequences::padded(2, 1), &mut scores).unwrap();
        assert_eq!(scores, scales.map(|scale| (255.0 * 255.0 * dim as f64) as f32 * 0.25 * scale), "{isa}");
    }
    // Zero points are taken off exactly.
    let query = Tokens::new(&[-128i8, 127], [1, 2]).unwrap().quantized(Quantization::new(1.0, 127)).unwrap();
    let document = Tokens::new(&[127i8, -128], [1, 2]).unwrap().quantized(Quantization::new(1.0, -128)).unwrap();
    let mut score = [0.0];
    tokens::max_sim(query, document, Sequences::padded(1, 1), &mut score).unwrap();
    assert_eq!(score, [-255.0 * 255.0]);
}

#[test]
fn documents_that_cannot_be_compared() {
    let [two, three] = [2, 3].map(|dim| Tokens::new(&[1.0f32; 6], [6 / dim, dim]).unwrap());
    let mut scores = [SENTINEL; 2];
    let (argument, axis, expected, given) = (Argument::Input, AxisName::Dim, 2, 3);
    let refused = tokens::max_sim(two, three, Sequences::offsets(&[0usize, 1, 2]), &mut scores);
    assert_eq!(refused, Err(PoolError::Shape { argument, axis, expected, given }));
    let refused = tokens::max_sim(two, two, Sequences::offsets(&[0usize, 1, 4]), &mut scores);
    assert_eq!(refused, Err(PoolError::Sequence { sequence: 1, tokens: 3 }));
    let refused = tokens::max_sim(two, two, Sequences::offsets(&[0usize, 3]), &mut scores);
    assert_eq!(refused, Err(PoolError::Length { argument: Argument::Scores, expected: 1, given: 2 }));
    assert_eq!(scores, [SENTINEL; 2]);
    // NaN wins, wherever it stands.
    for at in 0..3 {
        let mut document = [1.0f32; 3];
        document[at] = f32::NAN;
        let document = Tokens::new(&document, [3, 1]).unwrap();
        tokens::max_sim(Tokens::new(&[1.0], [1, 1]).unwrap(), document, Sequences::padded(1, 3), &mut scores[..1])
            .unwrap();
        assert!(scores[0].is_nan());
    }
    // Tokens without elements, of which there may be any number.
    let none = Tokens::new(&[0.0f32; 0], [usize::MAX, 0]).unwrap();
    tokens::max_sim(none, none, Sequences::padded(1, usize::MAX), &mut scores[..1]).unwrap();
    assert_eq!(scores[0], 0.0);
}

#[test]
fn sparse_vectors_equal_a_sort() {
    use lanepool::tokens::Entry;
    let mut random = Random(11);
    for len in [0, 1, 2, 7, 100, 3000] {
        // Few values, so that there are ties; and some that are above nothing.
        let of = |n: usize| [-1.0, 0.0, 0.5, 1.5, f32::NAN, f32::INFINITY, n as f32 / 4.0][n % 7];
        let x: Vec<f32> = (0..len).map(|_| of(random.below(40))).collect();
        for threshold in [0.0, 0.5, f32::NEG_INFINITY, f32::INFINITY, f32::NAN] {
            let entry = |(index, &value): (usize, &f32)| Entry { index: index as u32, value };
            let mut all: Vec<Entry> = x.iter().enumerate().map(entry).filter(|e| e.value > threshold).collect();
            for room in [0, 1, 2, 3, 10, len, len + 3] {
                let untouched = Entry { index: 77, value: SENTINEL };
                let mut got = vec![untouched; room];
                assert_eq!(tokens::above(&x, threshold, &mut got), all.len());
                let written = room.min(all.len());
                assert_eq!(got[..written], all[..written]);
                assert!(got[written..].iter().all(|entry| *entry == untouched));
            }
            all.sort_by(|a, b| b.value.total_cmp(&a.value).then(a.index.cmp(&b.index)));
            for room in [0, 1, 2, 3, 10, len, len + 3] {
                let untouched = Entry { index: 77, value: SENTINEL };
                let mut got = vec![untouched; room];
                let written = room.min(all.len());
                assert_eq!(tokens::largest(&x, threshold, &mut got), written);
                assert_eq!(got[..written], all[..written], "{len} {threshold} {room}");
                assert!(got[written..].iter().all(|entry| *entry == untouched));
            }
        }
    }
}

/// A stream that is saved and restored anywhere has the bits of one that is not; what is saved says of which pool it is.
#[test]
fn streams_are_saved_and_restored() {
    let mut random = Random(3);
    let (count, dim) = (9, 5);
    let (x, weights) = (random.floats(count * dim), random.floats(count));
    let tokens = |range: core::ops::Range<usize>| {
        Tokens::new(&x[range.start * dim..range.end * dim], [range.len(), dim]).unwrap()
    };
    for mode in TOKEN_MODES {
        let pool = TokenPool::new([mode, Mode::Max]).l2_normalize(L2_EPSILON);
        let weights = |range: core::ops::Range<usize>| if mode.needs_weights() { &weights[range] } else { &[] };
        let len = pool.output_len(dim).unwrap();
        let mut want = vec![SENTINEL; len];
        let mut whole = pool.start_after(2, dim, &mut want).unwrap();
        whole.push_block(tokens(0..count), Keep::all(), weights(0..count)).unwrap();
        let pooled = whole.finish();
        for at in 0..=count {
            let mut cells = vec![SENTINEL; len];
            let mut state = pool.start_after(2, dim, &mut cells).unwrap();
            state.push_block(tokens(0..at), Keep::all(), weights(0..at)).unwrap();
            let mut saved = vec![0; state.saved_len()];
            state.save(&mut saved).unwrap();
            let mut cells = vec![SENTINEL; len];
            let mut state = pool.restore(&saved, dim, &mut cells).unwrap();
            state.push_block(tokens(at..count), Keep::all(), weights(at..count)).unwrap();
            assert_eq!(state.finish(), pooled, "{mode:?}");
            assert_same(&cells, &want, leaves_zeros_open(mode), (mode, at));
        }
    }
    let pool = TokenPool::new(Mode::GeneralizedMean { p: 3.0, floor: 1e-6 });
    let mut cells = [0.0; 2];
    let mut state = pool.start(2, &mut cells).unwrap();
    state.push(&[1.0f32, 2.0]).unwrap();
    let mut saved = vec![0; state.saved_len()];
    assert!(state.save(&mut saved[1..]).is_err());
    state.save(&mut saved).unwrap();
    let refused = |pool: TokenPool<'static>, saved: &[u8], dim: usize, reason: &'static str| {
        let mut cells = vec![SENTINEL; pool.output_len(dim).unwrap()];
        assert_eq!(pool.restore(saved, dim, &mut cells).err(), Some(PoolError::Saved { reason }));
        assert!(cells.iter().all(|&cell| cell == SENTINEL));
    };
    // Every byte matters.
    for i in 0..saved.len() {
        let mut other = saved.clone();
        other[i] ^= 16;
        let reason = match i {
            0..4 => "is none of a streaming pool",
            4..8 => "is of another version",
            _ => "is damaged",
        };
        refused(pool, &other, 2, reason);
    }
    refused(pool, &saved[..saved.len() - 1], 2, "is damaged");
    refused(pool, &saved[..3], 2, "is none of a streaming pool");
    let others = "is of other modes or dimensions";
    refused(pool, &saved, 3, others);
    refused(pool.truncate(1), &saved, 2, others);
    refused(TokenPool::new(Mode::GeneralizedMean { p: 2.0, floor: 1e-6 }), &saved, 2, others);
    refused(TokenPool::new(Mode::Mean), &saved, 2, others);
}

/// No power overflows, in a stream or a merge either: against the mean of powers in f64, relative to the greatest.
#[test]
fn generalized_means_of_large_numbers() {
    let textbook = |x: &[f64], p: f64| {
        let greatest = x.iter().copied().fold(0.0, f64::max);
        greatest * (x.iter().map(|x| (x / greatest).powf(p)).sum::<f64>() / x.len() as f64).powf(1.0 / p)
    };
    let mut random = Random(17);
    for p in [1.0, 2.0, 3.0, 8.0, 2.5, 30.0] {
        for scale in [1.0, 1e10, 1e20, 3e37] {
            let (count, dim) = (40, 19);
            let x: Vec<f32> = (0..count * dim).map(|_| (random.below(1000) as f32 + 1.0) / 100.0 * scale).collect();
            let pool = TokenPool::new(Mode::GeneralizedMean { p, floor: 1e-6 });
            let tokens = Tokens::new(&x, [count, dim]).unwrap();
            let mut want = vec![SENTINEL; dim];
            let keep = vec![true; count];
            reference::tokens(Mode::GeneralizedMean { p, floor: 1e-6 }, &x, &keep, &[], Empty::Zeros, &mut want);
            for isa in isas() {
                let mut y = vec![SENTINEL; dim];
                pool.run_on(isa, tokens, Keep::all(), &mut y).unwrap();
                assert_same(&y, &want, false, (isa, p, scale));
            }
            for d in 0..dim {
                let column: Vec<f64> = (0..count).map(|t| f64::from(x[t * dim + d])).collect();
                let exact = textbook(&column, p.into());
                assert!((f64::from(want[d]) / exact - 1.0).abs() < 1e-5, "{p} {scale} {} {exact}", want[d]);
            }
            let (mut first, mut second) = (vec![SENTINEL; dim], vec![SENTINEL; dim]);
            let mut early = pool.start(dim, &mut first).unwrap();
            early.push_block(Tokens::new(&x[..7 * dim], [7, dim]).unwrap(), Keep::all(), &[]).unwrap();
            let mut late = pool.start(dim, &mut second).unwrap();
            late.push_block(Tokens::new(&x[7 * dim..], [count - 7, dim]).unwrap(), Keep::all(), &[]).unwrap();
            early.merge(&late).unwrap();
            assert_eq!(early.finish(), count);
            for (y, want) in first.iter().zip(&want) {
                assert!((y / want - 1.0).abs() < 1e-5, "{p} {scale} {y} {want}");
            }
        }
    }
    // What is no number, or infinite, stays so.
    let pool = TokenPool::new(Mode::GeneralizedMean { p: 3.0, floor: 1e-6 });
    for (x, want) in [([1e30, f32::INFINITY, f32::INFINITY], f32::INFINITY), ([1e30, f32::NAN, 1e30], f32::NAN)] {
        let mut y = [0.0];
        pool.run(Tokens::new(&x, [3, 1]).unwrap(), Keep::all(), &mut y).unwrap();
        assert_same(&y, &[want], false, x);
    }
}

/// What is said to have the bits of libm's functions has them, all over the numbers that modes ask for.
#[test]
fn exponentials_and_logarithms_have_the_bits_of_libm() {
    // Every so many of the numbers below zero, and all special ones.
    let powers: Vec<f32> =
        (0x8000_0000..=0xff80_0000u32).step_by(40_009).chain([0xff80_0000]).map(f32::from_bits).collect();
    let dim = powers.len();
    let rows = [vec![0.0; dim], powers.clone()].concat();
    let mut sums = vec![f32::NAN; dim];
    for isa in Isa::available() {
        let pool = TokenPool::new(Mode::LogSumExp);
        pool.run_on(isa, Tokens::new(&rows, [2, dim]).unwrap(), Keep::all(), &mut sums).unwrap();
        for (power, sum) in powers.iter().zip(&sums) {
            assert_eq!(sum.to_bits(), libm::log1pf(libm::expf(*power)).to_bits(), "{power:e} on {isa}");
        }
    }
    for power in powers.iter().step_by(7) {
        let mut mean = [f32::NAN];
        let scores = [0.0, *power];
        tokens::attention(Tokens::new(&[0.0, 1.0], [2, 1]).unwrap(), Keep::all(), &scores, &mut mean).unwrap();
        let weight = libm::expf(*power);
        assert_eq!(mean[0].to_bits(), (weight / (1.0 + weight)).to_bits(), "{power:e}");
    }
}
