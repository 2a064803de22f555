//! One number over the bits of a fixed set of results. It is the same on every instruction set
//! and every target: run this test on another machine, or under an emulator, to compare.

use crate::common::*;
use lanepool::reference::Size;
use lanepool::tokens::{Keep, L2_EPSILON, Mode, TokenPool, Tokens};
use lanepool::{GlobalAvgPool, GlobalMaxPool, Isa};

/// What the first machine gave (x86-64). A change of a stated order of sums changes it.
const DIGEST: u64 = 0x8a9e_c976_a146_6417;

/// FNV-1a over bits; NaN as one NaN, and of maxima zero as one zero, for the contract leaves
/// these open.
struct Digest(u64);

impl Digest {
    fn add(&mut self, results: &[f32], zeros: bool) {
        for &x in results {
            let x = if x.is_nan() { f32::NAN } else { x };
            let x = if zeros && x == 0.0 { 0.0 } else { x };
            for byte in x.to_bits().to_le_bytes() {
                self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
            }
        }
    }
}

fn digest(isa: Isa) -> u64 {
    let mut digest = Digest(0xcbf2_9ce4_8422_2325);
    let mut random = Random(2026);
    for round in 0..60 {
        let shape = image(
            1 + random.below(2),
            1 + random.below(30),
            [1 + random.below(3), 1 + random.below(9), 1 + random.below(40)],
        );
        let mut case = Case::new(
            shape,
            [1 + random.below(2), 1 + random.below(4), 1 + random.below(6)],
            [1 + random.below(2), 1 + random.below(3), 1 + random.below(3)],
        );
        case.dilation = [1, 1 + random.below(2), 1 + random.below(2)];
        case.padding = std::array::from_fn(|_| [random.below(3), random.below(3)]);
        case.size = [Size::Floor, Size::Ceil, Size::SameUpper, Size::SameLower][round % 4];
        let input = if round % 3 == 0 { random.wild_floats(case.cells()) } else { random.floats(case.cells()) };
        if case.output().is_some() {
            for op in Op::all() {
                for lay in LAYS {
                    digest.add(&op.run(&case, isa, &input, lay, lay), op.is_max());
                }
            }
        }
        let one = Image { spatial: [1; 3], ..shape };
        for lay in LAYS {
            let data = lay.spread(shape, &input);
            let view = lay.view(shape, &data);
            digest.add(&lay.collect(one, |y| GlobalAvgPool::new().run_on(isa, view, y).unwrap()), false);
            digest.add(&lay.collect(one, |y| GlobalMaxPool::new().run_on(isa, view, y).unwrap()), true);
        }
        let (count, dim) = (random.below(40), random.below(130));
        let tokens = random.floats(count * dim);
        let mask: Vec<u8> = (0..count).map(|_| random.below(3) as u8).collect();
        let (weights, scores) = (random.floats(count), random.floats(count));
        let sequence = Tokens::new(&tokens, [count, dim]).unwrap();
        for (mode, _) in token_modes(&weights, &scores) {
            let mut y = vec![0.0; dim];
            TokenPool::new(mode).l2_normalize(L2_EPSILON).run_on(isa, sequence, Keep::mask(&mask), &mut y).unwrap();
            digest.add(&y, matches!(mode, Mode::Max));
        }
    }
    digest.0
}

#[test]
fn the_same_bits_everywhere() {
    for isa in isas() {
        let got = digest(isa);
        println!("digest {got:#018x} on {isa}, {}", std::env::consts::ARCH);
        assert_eq!(got, DIGEST, "{isa}: {got:#018x}");
    }
}
