//! One number over the bits of a fixed set of results. It is the same on every instruction set
//! and every target: run this test on another machine, or under an emulator, to compare.

use crate::common::*;
use crate::{each_element, each_float, each_integer};
use lanepool::reference::Size;
use lanepool::tokens::{Keep, L2_EPSILON, TokenPool, Tokens};
use lanepool::{
    AdaptiveAvgPool, AvgPool, Float, GlobalAvgPool, GlobalMaxPool, IndexLayout, Integer, Isa, LpPool, MaxPool,
    Quantization, View,
};

/// What the first machine gave (x86-64). A change of a stated order of sums changes it.
const DIGEST: u64 = 0xe165_339d_df49_ffdf;

/// FNV-1a over bits; NaN as one NaN, and of maxima zero as one zero, for the contract leaves
/// these open.
struct Digest(u64);

impl Digest {
    fn add<T: Value>(&mut self, results: &[T], zeros: bool) {
        for &x in results {
            let bits = match x {
                x if x.is_nan() => u64::MAX,
                x if zeros && x == T::narrow(0.0) => 0,
                x => x.bits(),
            };
            for byte in bits.to_le_bytes() {
                self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
            }
        }
    }

    /// Windows, maxima with indices, bins and whole images of one element type.
    fn pools<T: Value>(&mut self, isa: Isa, case: &Case, input: &[T]) {
        let shape = case.shape;
        for lay in LAYS {
            let data = lay.spread(shape, input);
            let view = lay.view(shape, &data);
            if let Some(out) = case.output() {
                for op in Op::all::<T>() {
                    self.add(&lay.collect::<T>(out, |y| op.pool(case, isa, view, y)), op.is_max());
                }
                let pool = MaxPool::new(case.window()).empty_value(T::EMPTY);
                let mut values = Vec::new();
                let indices = lay.collect_over(out, 0, |indices| {
                    values = lay.collect(out, |y| {
                        pool.run_with_indices_on(isa, view, y, indices, IndexLayout::Tensor).unwrap();
                    });
                });
                self.add(&values, true);
                self.add(&indices.iter().map(|&i: &u32| f64::from(i)).collect::<Vec<_>>(), false);
            }
            let bins = Image { spatial: [1, 2, 5], ..shape };
            self.add(&lay.collect::<T>(bins, |y| AdaptiveAvgPool::new([1, 2, 5]).run_on(isa, view, y).unwrap()), false);
            let one = Image { spatial: [1; 3], ..shape };
            self.add(&lay.collect::<T>(one, |y| GlobalAvgPool::new().run_on(isa, view, y).unwrap()), false);
            self.add(&lay.collect::<T>(one, |y| GlobalMaxPool::new().run_on(isa, view, y).unwrap()), true);
        }
    }

    fn norms<T: Value + Float>(&mut self, isa: Isa, case: &Case, input: &[T]) {
        let Some(out) = case.output() else { return };
        let view = View::nchw(input, case.shape).unwrap();
        for p in [1.0, 2.0, 3.0, 2.5, 20.0, f64::INFINITY] {
            let pool = LpPool::new(case.window(), p).empty_value(T::EMPTY);
            self.add(&Lay::Nchw.collect::<T>(out, |y| pool.run_on(isa, view, y).unwrap()), true);
        }
    }

    fn requantized<T: Value + Integer>(&mut self, isa: Isa, case: &Case, input: &[T]) {
        let Some(out) = case.output() else { return };
        let view = View::nchw(input, case.shape).unwrap();
        let (from, to) = (Quantization::new(0.37, 5), Quantization::new(0.11, 90));
        let pool = AvgPool::new(case.window()).empty_value(T::EMPTY).requantize(from, to);
        self.add(&Lay::Nhwc.collect::<T>(out, |y| pool.run_on(isa, view, y).unwrap()), false);
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
        let seed = random.next();
        each_element!(T => digest.pools(isa, &case, &T::random(&mut Random(seed), case.cells(), round % 3 == 0)));
        each_float!(T => digest.norms(isa, &case, &T::random(&mut Random(seed), case.cells(), round % 3 == 0)));
        each_integer!(T => digest.requantized(isa, &case, &T::random(&mut Random(seed), case.cells(), false)));
        let (count, dim) = (random.below(40), random.below(130));
        let tokens = random.floats(count * dim);
        let mask: Vec<u8> = (0..count).map(|_| random.below(3) as u8).collect();
        let weights = random.floats(count);
        let sequence = Tokens::new(&tokens, [count, dim]).unwrap();
        for mode in TOKEN_MODES {
            let mut y = vec![0.0; dim * mode.parts()];
            let pool = TokenPool::new(mode).weights(&weights).l2_normalize(L2_EPSILON);
            pool.run_on(isa, sequence, Keep::mask(&mask), &mut y).unwrap();
            digest.add(&y, leaves_zeros_open(mode));
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
