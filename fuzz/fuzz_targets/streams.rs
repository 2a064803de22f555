//! Streams that are saved anywhere and taken up again, from bytes that may have been changed; and late interaction of any ragged documents.
//! Whatever the bytes say, nothing panics; what is accepted unchanged goes on with the bits of a stream that was never put aside.
#![no_main]

#[path = "../../tests/suite/common.rs"]
mod common;

use arbitrary::Arbitrary;
use common::{Random, TOKEN_MODES, assert_same, isas, leaves_zeros_open};
use lanepool::reference;
use lanepool::tokens::{self, Sequences, TokenPool, Tokens};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Input {
    mode: u8,
    dim: u8,
    tokens: u8,
    split: u8,
    skipped: u8,
    /// Places and what is written there.
    changes: Vec<(u16, u8)>,
    /// Bytes in place of those that were saved.
    bytes: Option<Vec<u8>>,
    lengths: Vec<u8>,
    seed: u64,
}

fuzz_target!(|input: Input| {
    let mode = TOKEN_MODES[usize::from(input.mode) % TOKEN_MODES.len()];
    let (dim, count) = (usize::from(input.dim % 40).max(1), usize::from(input.tokens % 40));
    let mut random = Random(input.seed);
    let rows = random.floats(count * dim);
    let pool = TokenPool::new(mode);
    let skipped = usize::from(input.skipped % 8);
    let len = pool.output_len(dim).unwrap();
    let (mut whole, mut parts, mut restored) = (vec![0.0; len], vec![0.0; len], vec![0.0; len]);
    let split = usize::from(input.split) % (count + 1);
    let row = |t: usize| &rows[t * dim..(t + 1) * dim];
    let Ok(mut once) = pool.start_after(skipped, dim, &mut whole) else { return };
    (0..count).for_each(|t| drop(once.push_weighted(row(t), 0.5)));
    let mut before = pool.start_after(skipped, dim, &mut parts).unwrap();
    (0..split).for_each(|t| drop(before.push_weighted(row(t), 0.5)));
    let mut saved = vec![0; before.saved_len()];
    before.save(&mut saved).unwrap();
    let unchanged = saved.clone();
    for (place, byte) in input.changes {
        let place = usize::from(place) % saved.len();
        saved[place] = byte;
    }
    if let Some(bytes) = input.bytes {
        saved = bytes;
    }
    match pool.restore(&saved, dim, &mut restored) {
        Ok(mut after) => {
            assert_eq!(saved, unchanged, "a change was taken");
            (split..count).for_each(|t| drop(after.push_weighted(row(t), 0.5)));
            let counts = [once.finish(), after.finish()];
            assert_eq!(counts[0], counts[1]);
            assert_same(&restored, &whole, leaves_zeros_open(mode), mode);
        }
        Err(_) => assert_ne!(saved, unchanged, "what was saved is refused"),
    }

    let mut offsets = vec![0usize];
    for length in input.lengths.iter().take(6) {
        offsets.push(offsets.last().unwrap() + usize::from(length % 8));
    }
    let (documents, query) = (random.floats(offsets.last().unwrap() * dim), rows);
    let (of, to) = (Tokens::new(&query, [count, dim]).unwrap(), [*offsets.last().unwrap(), dim]);
    for isa in isas() {
        let mut scores = vec![f32::NAN; offsets.len() - 1];
        let done = tokens::max_sim_on(
            isa,
            of,
            Tokens::new(&documents, to).unwrap(),
            Sequences::offsets(&offsets),
            &mut scores,
        );
        if done.is_err() {
            continue;
        }
        for (score, ends) in scores.iter().zip(offsets.windows(2)) {
            let document = &documents[ends[0] * dim..ends[1] * dim];
            let want = reference::max_sim(&query, document, dim, tokens::dot);
            assert!(score.to_bits() == want.to_bits() || score.is_nan() && want.is_nan(), "{score} {want} on {isa}");
        }
    }
});
