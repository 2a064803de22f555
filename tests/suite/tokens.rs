//! Token pooling against the reference, and the worked examples of sentence-transformers.

use crate::common::*;
use lanepool::tokens::{self, Keep, L2_EPSILON, Mode, TokenPool, Tokens};
use lanepool::{PoolError, reference};

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
    assert_eq!(tokens::first(sequence, Keep::bools(&[false, true, true]), &mut y), Ok(1));
    assert_eq!(y, [3.0, 4.0]);
    assert_eq!(tokens::last(sequence, Keep::all(), &mut y), Ok(1));
    assert_eq!(y, [9.0, -9.0]);
    assert_eq!(tokens::max(sequence, Keep::all(), &mut y), Ok(3));
    assert_eq!(y, [9.0, 4.0]);
}

/// Kept flags as every kind of [`Keep`] that can say them.
fn keeps<'a>(flags: &'a [bool], mask: &'a [u8]) -> Vec<Keep<'a>> {
    let mut keeps = vec![Keep::bools(flags), Keep::mask(mask)];
    let length = flags.iter().take_while(|&&keep| keep).count();
    if flags.iter().skip(length).all(|&keep| !keep) {
        keeps.push(Keep::length(length));
        if length == flags.len() {
            keeps.push(Keep::all());
        }
    }
    keeps
}

fn check(count: usize, dim: usize, gap: usize, flags: &[bool], wild: bool, seed: u64) {
    let mut random = Random(seed);
    let dense = if wild { random.wild_floats(count * dim) } else { random.floats(count * dim) };
    let mut weights = random.floats(count);
    let mut scores: Vec<f32> = random.floats(count).iter().map(|x| x * 30.0).collect();
    // What belongs to a masked token, and the gaps, are poison.
    let stride = dim + gap;
    let mut data = vec![f32::NAN; count * stride + 1];
    for t in 0..count {
        if flags[t] {
            data[t * stride..][..dim].copy_from_slice(&dense[t * dim..][..dim]);
        } else {
            (weights[t], scores[t]) = (f32::NAN, f32::NAN);
        }
        if seed.is_multiple_of(5) && t % 3 == 1 {
            scores[t] = f32::NEG_INFINITY;
        }
    }
    let mask: Vec<u8> = flags.iter().enumerate().map(|(t, &keep)| if keep { 1 + t as u8 } else { 0 }).collect();
    let sequence = Tokens::with_stride(&data, [count, dim], stride).unwrap();
    for (mode, textbook) in token_modes(&weights, &scores) {
        let mut want = vec![0.0; dim];
        let pooled = reference::tokens(textbook, &dense, flags, &mut want);
        let mut normal = want.clone();
        reference::l2_normalize(&mut normal, L2_EPSILON);
        for isa in isas() {
            for keep in keeps(flags, &mask) {
                let what = (mode, isa, keep, dim);
                let zeros = matches!(mode, Mode::Max);
                let mut y = vec![SENTINEL; dim];
                let got = TokenPool::new(mode).run_on(isa, sequence, keep, &mut y).unwrap();
                assert_same(&y, &want, zeros, what);
                assert_eq!(got, pooled, "{what:?}");
                let fused = TokenPool::new(mode).l2_normalize(L2_EPSILON);
                fused.run_on(isa, sequence, keep, &mut y).unwrap();
                assert_same(&y, &normal, zeros, ("normalised", what));
                let mut alone = want.clone();
                tokens::l2_normalize_on(isa, &mut alone, L2_EPSILON);
                assert_same(&alone, &normal, zeros, ("alone", what));
            }
        }
    }
}

#[test]
fn widths_and_lengths_around_the_lane_counts() {
    let widths = [1, 2, 3, 4, 5, 7, 8, 9, 15, 17, 31, 33, 63, 64, 65, 67, 129, 384];
    for (i, dim) in widths.into_iter().enumerate() {
        for (j, count) in [0, 1, 2, 7, 8, 9, 16, 17, 33].into_iter().enumerate() {
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
    for isa in isas() {
        let mut zero = [0.0; 19];
        tokens::l2_normalize_on(isa, &mut zero, L2_EPSILON);
        assert_eq!(zero, [0.0; 19]);
        let mut nan = [1.0; 19];
        nan[17] = f32::NAN;
        tokens::l2_normalize_on(isa, &mut nan, L2_EPSILON);
        assert!(nan.iter().all(|x| x.is_nan()));
    }
}

#[test]
fn wrong_lengths_are_refused_before_anything_is_written() {
    let sequence = Tokens::new(&X, [3, 2]).unwrap();
    let mut y = [SENTINEL; 2];
    let mut long = [SENTINEL; 3];
    let errors = [
        tokens::mean(sequence, Keep::mask(&[1, 1]), &mut y),
        tokens::mean(sequence, Keep::bools(&[true; 4]), &mut y),
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
