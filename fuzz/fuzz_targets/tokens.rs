//! Any small sequence with any mask, weights and scores, compared with the reference on every
//! instruction set. Masked tokens are poisoned. Wrong lengths are let through: then the call must
//! be refused and the output untouched.
#![no_main]

#[path = "../../tests/suite/common.rs"]
mod common;

use arbitrary::Arbitrary;
use common::{Random, SENTINEL, TOKEN_MODES, assert_same, isas, leaves_zeros_open};
use lanepool::reference;
use lanepool::tokens::{Empty, Keep, L2_EPSILON, Mode, TokenPool, Tokens};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Input {
    mask: Vec<u8>,
    dim: u8,
    gap: u8,
    weights: Vec<f32>,
    missing: u8,
    block: u8,
    length: Option<u8>,
    seed: u64,
}

fuzz_target!(|input: Input| {
    let mut mask = input.mask;
    mask.truncate(64);
    let (count, dim) = (mask.len(), usize::from(input.dim));
    let stride = dim + usize::from(input.gap % 16);
    let mut random = Random(input.seed);
    let dense = random.wild_floats(count * dim);
    let mut weights = input.weights;
    weights.resize(count, 0.5);

    if input.missing % 8 == 1 {
        let sequence = Tokens::new(&dense, [count, dim]).unwrap();
        let mut y = vec![SENTINEL; dim + 1];
        assert!(TokenPool::new(Mode::Mean).run(sequence, Keep::mask(&mask), &mut y).is_err());
        assert!(TokenPool::new(Mode::Max).run(sequence, Keep::length(count + 1), &mut y[..dim]).is_err());
        weights.push(0.0);
        assert!(TokenPool::new(Mode::Attention).weights(&weights).run(sequence, Keep::all(), &mut y[..dim]).is_err());
        assert!(y.iter().all(|&y| y == SENTINEL));
        return;
    }

    let keep = match input.length {
        Some(length) => {
            let length = usize::from(length) % (count + 1);
            mask.iter_mut().enumerate().for_each(|(t, keep)| *keep = u8::from(t < length));
            Keep::length(length)
        }
        None => Keep::mask(&mask),
    };
    let flags: Vec<bool> = mask.iter().map(|&keep| keep != 0).collect();
    let mut data = vec![f32::NAN; count * stride + dim];
    for t in (0..count).filter(|&t| flags[t]) {
        data[t * stride..][..dim].copy_from_slice(&dense[t * dim..][..dim]);
    }
    let sequence = Tokens::with_stride(&data, [count, dim], stride).unwrap();
    for mode in TOKEN_MODES {
        let mut want = vec![0.0; dim * mode.parts()];
        let pooled = reference::tokens(mode, &dense, &flags, &weights, Empty::Zeros, &mut want);
        let pool = TokenPool::new(mode).weights(&weights);
        let mut normal = want.clone();
        reference::l2_normalize(&mut normal, L2_EPSILON);
        for isa in isas() {
            let mut y = vec![SENTINEL; want.len()];
            assert_eq!(pool.run_on(isa, sequence, keep, &mut y).unwrap(), pooled);
            let zeros = leaves_zeros_open(mode);
            assert_same(&y, &want, zeros, (mode, isa));
            pool.l2_normalize(L2_EPSILON).run_on(isa, sequence, keep, &mut y).unwrap();
            assert_same(&y, &normal, zeros, (mode, isa, "normalised"));
            // The same in blocks.
            let (block, mut y) = (1 + usize::from(input.block % 32), vec![f32::NAN; want.len()]);
            let mut state = pool.start(dim, &mut y).unwrap();
            for start in (0..count).step_by(block) {
                let end = count.min(start + block);
                let part = Tokens::with_stride(&data[start * stride..], [end - start, dim], stride).unwrap();
                state.push_block_on(isa, part, Keep::mask(&flags[start..end]), &weights[start..end]).unwrap();
            }
            assert_eq!(state.finish(), pooled);
            assert_same(&y, &want, zeros, (mode, isa, "in blocks of", block));
        }
    }
});
