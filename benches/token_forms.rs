//! Token pooling of every form: element types, modes, masks, ragged batches, results that become codes at once,
//! streams, and bags of ids. Each beside a read of exactly the bytes of its kept rows, interleaved in one run, many
//! short samples; minimum and median.
//!
//! `cargo bench --bench token_forms` prints the table; an argument filters by name.

#[path = "common/mod.rs"]
mod common;

use bytemuck::NoUninit;
use common::numbers;
use common::race::{Arguments, race, read, repeat};
use half::{bf16, f16};
use lanepool::tokens::{
    self, Bits, CodesI8, Empty, Encoded, Ids, Keep, Mode, Sequences, TokenElement, TokenPool, Tokens, pack_bits,
    quantize_i8,
};
use lanepool::{Isa, Quantization, reference};
use std::fmt::Debug;
use std::hint::black_box;

/// Tokens and dim of a short text, and as in the other tables.
const SHAPES: [[usize; 2]; 4] = [[16, 256], BATCHED, BASE, [8192, 1024]];
const BATCHED: [usize; 2] = [128, 384];
const BASE: [usize; 2] = [512, 768];

/// Types of elements, made of numbers between -1 and 1.
trait Made: TokenElement + NoUninit + Into<f32> {
    const NAME: &str;
    const ZERO_POINT: i32 = 0;
    fn made(x: f32) -> Self;
}

macro_rules! made {
    ($($T:ty: $zero_point:literal, $made:expr;)*) => {$(
        impl Made for $T {
            const NAME: &str = stringify!($T);
            const ZERO_POINT: i32 = $zero_point;

            fn made(x: f32) -> $T {
                $made(x)
            }
        }
    )*};
}
made! {
    f32: 0, |x| x;
    f16: 0, f16::from_f32;
    bf16: 0, bf16::from_f32;
    i8: -3, |x| (x * 127.0) as i8;
    u8: 128, |x| (x * 127.0 + 128.0) as u8;
}

/// What elements stand for: themselves; or codes with one scale, or with one a row.
#[derive(Clone, Copy)]
enum Scales {
    None,
    One,
    Rows,
}

/// Tokens, or a table.
struct Matrix<T> {
    data: Vec<T>,
    shape: [usize; 2],
    kind: Scales,
    /// One a row, which are all the same unless it is by rows.
    scales: Vec<f32>,
}

impl<T: Made> Matrix<T> {
    fn new([tokens, dim]: [usize; 2], kind: Scales) -> Self {
        let data = numbers(tokens * dim).into_iter().map(T::made).collect();
        let scales = match kind {
            Scales::None => vec![1.0; tokens],
            Scales::One => vec![1.0 / 127.0; tokens],
            Scales::Rows => numbers(tokens).iter().map(|x| (x + 1.5) / 127.0).collect(),
        };
        Self { data, shape: [tokens, dim], kind, scales }
    }

    fn tokens(&self) -> Tokens<'_, T> {
        let tokens = Tokens::new(&self.data, self.shape).expect("a sound matrix");
        match self.kind {
            Scales::None => Ok(tokens),
            Scales::One => tokens.quantized(Quantization::new(self.scales[0], T::ZERO_POINT)),
            Scales::Rows => tokens.quantized_rows(&self.scales, T::ZERO_POINT),
        }
        .expect("sound scales")
    }

    fn row(&self, t: usize) -> &[T] {
        let [_, dim] = self.shape;
        &self.data[t * dim..][..dim]
    }

    /// What the elements of a row stand for.
    fn values(&self, t: usize) -> impl Iterator<Item = f32> {
        let value = move |x: f32| match self.kind {
            Scales::None => x,
            _ => self.scales[t] * (x - T::ZERO_POINT as f32),
        };
        self.row(t).iter().map(move |&x| value(x.into()))
    }

    /// By the reference, of some rows in their order.
    fn want(&self, modes: &[Mode], rows: impl Iterator<Item = usize>, keep: &[bool], weights: &[f32]) -> Vec<f32> {
        let x: Vec<_> = rows.flat_map(|t| self.values(t)).collect();
        let pooled = modes.iter().flat_map(|&mode| {
            let mut pooled = vec![0.0; mode.parts() * self.shape[1]];
            reference::tokens(mode, &x, keep, weights, Empty::Zeros, &mut pooled);
            pooled
        });
        pooled.collect()
    }
}

/// Checks that `pool` gives what is wanted, whatever the output held, then prints the times of it and of a read.
fn measure<T: Copy + PartialEq + Debug>(
    arguments: &Arguments,
    name: &str,
    kept: &[&[u8]],
    (want, garbage): (Vec<T>, T),
    mut pool: impl FnMut(&mut [T]),
) {
    let mut output = vec![garbage; want.len()];
    pool(&mut output);
    assert_eq!(output, want, "{name}");
    assert!(kept.iter().all(|row| row.len() % 256 == 0), "{name}: not all would be read");
    let bytes = kept.iter().map(|row| row.len()).sum();
    let times = race(arguments.samples, repeat(bytes), 2, |who| match who {
        0 => read(kept),
        _ => pool(black_box(&mut output)),
    });
    println!(
        "{name:<28} {:>8.1} {:>17} {:>17} {:>6.2}",
        bytes as f64 / 1024.0,
        times[0].show(),
        times[1].show(),
        times[1].minimum / times[0].minimum
    );
}

/// A mean of all tokens, by the element type.
fn mean<T: Made>(arguments: &Arguments, shape: [usize; 2], kind: Scales) {
    let by = if matches!(kind, Scales::Rows) { "_rows" } else { "" };
    let name = format!("mean_{}x{}_{}{by}", shape[0], shape[1], T::NAME);
    if !arguments.want(&name) {
        return;
    }
    let matrix = Matrix::<T>::new(shape, kind);
    let want = matrix.want(&[Mode::Mean], 0..shape[0], &vec![true; shape[0]], &[]);
    let pool = |output: &mut [f32]| {
        TokenPool::new(Mode::Mean).run(black_box(matrix.tokens()), Keep::all(), output).expect("a sound call");
    };
    measure(arguments, &name, &[bytemuck::cast_slice(&matrix.data)], (want, f32::NAN), pool);
}

/// Modes, of all tokens or of those that a mask keeps.
fn modes<const K: usize>(arguments: &Arguments, name: &str, modes: [Mode; K], mask: Option<&[bool]>) {
    if !arguments.want(name) {
        return;
    }
    let matrix = Matrix::<f32>::new(BASE, Scales::None);
    let weights: Vec<_> = numbers(BASE[0]).iter().map(|x| x + 1.0).collect();
    let (keep, mask) = mask.map_or((Keep::all(), [true; BASE[0]].as_slice()), |mask| (Keep::mask(mask), mask));
    let kept = (0..BASE[0]).filter(|&t| mask[t]).map(|t| bytemuck::cast_slice(matrix.row(t)));
    let want = matrix.want(&modes, 0..BASE[0], mask, &weights);
    measure(arguments, name, &kept.collect::<Vec<_>>(), (want, f32::NAN), |output| {
        let pool = TokenPool::concat(modes).weights(&weights);
        pool.run(black_box(matrix.tokens()), keep, output).expect("a sound call");
    });
}

/// The mean of tokens that come one by one, or `block` at a time.
fn stream(arguments: &Arguments, name: &str, block: usize) {
    if !arguments.want(name) {
        return;
    }
    let (matrix, [tokens, dim]) = (Matrix::<f32>::new(BASE, Scales::None), BASE);
    let mut want = vec![0.0; dim];
    TokenPool::new(Mode::Mean).run(matrix.tokens(), Keep::all(), &mut want).expect("a sound call");
    let pool = |output: &mut [f32]| {
        let mut state = TokenPool::new(Mode::Mean).start(dim, output).expect("cells of that length");
        let data = black_box(matrix.data.as_slice());
        if block == 1 {
            data.chunks_exact(dim).for_each(|token| assert_eq!(state.push(token), Ok(1)));
        } else {
            for tokens in data.chunks_exact(block * dim) {
                let tokens = Tokens::new(tokens, [block, dim]).expect("a sound block");
                assert_eq!(state.push_block(tokens, Keep::all(), &[]), Ok(block));
            }
        }
        assert_eq!(state.finish(), tokens);
    };
    measure(arguments, name, &[bytemuck::cast_slice(&matrix.data)], (want, f32::NAN), pool);
}

/// Means of sequences of any length one after the other; as they are, as bits, and as codes.
fn ragged(arguments: &Arguments) {
    let (batch, [longest, dim]) = (32, BATCHED);
    let mut offsets = vec![0i32];
    for x in numbers(batch) {
        // 32 to 128.
        let length = 32 + ((x + 1.0) / 2.0 * (longest - 31) as f32) as i32;
        offsets.push(offsets[offsets.len() - 1] + length);
    }
    let matrix = Matrix::<f32>::new([offsets[batch] as usize, dim], Scales::None);
    let kept: &[&[u8]] = &[bytemuck::cast_slice(&matrix.data)];
    let (pool, tokens, sequences) = (TokenPool::new(Mode::Mean), matrix.tokens(), Sequences::offsets(&offsets));
    let run = |output: &mut [f32]| {
        pool.run_batch(black_box(tokens), sequences, Keep::all(), output, None).expect("a sound call");
    };
    let mut plain = vec![0.0; batch * dim];
    run(&mut plain);
    let mut cells = vec![f32::NAN; dim];

    if arguments.want("ragged_32x384") {
        let mean = |of: &[i32]| {
            let keep = vec![true; (of[1] - of[0]) as usize];
            matrix.want(&[Mode::Mean], of[0] as usize..of[1] as usize, &keep, &[])
        };
        measure(arguments, "ragged_32x384", kept, (offsets.windows(2).flat_map(mean).collect(), f32::NAN), run);
    }
    if arguments.want("ragged_32x384_bits") {
        let mut want = vec![0; batch * dim / 8];
        pack_bits(&plain, &mut want).expect("eight to a byte");
        measure(arguments, "ragged_32x384_bits", kept, (want, 0x55), |output| {
            let encoded = Encoded { encoding: Bits, cells: &mut cells, output };
            pool.run_batch_encoded(black_box(tokens), sequences, Keep::all(), encoded, None).expect("a sound call");
        });
    }
    if arguments.want("ragged_32x384_i8") {
        let least = |ends: [f32; 2], x: f32| [ends[0].min(x), ends[1].max(x)];
        let column = |d: usize| plain.iter().skip(d).step_by(dim).copied();
        let ranges: Vec<_> = (0..dim).map(|d| column(d).fold([f32::INFINITY, f32::NEG_INFINITY], least)).collect();
        let mut want = vec![0; batch * dim];
        for (want, plain) in want.chunks_exact_mut(dim).zip(plain.chunks_exact(dim)) {
            quantize_i8(plain, &ranges, want).expect("as many of each");
        }
        measure(arguments, "ragged_32x384_i8", kept, (want, 0x55), |output| {
            let encoded = Encoded { encoding: CodesI8(&ranges), cells: &mut cells, output };
            pool.run_batch_encoded(black_box(tokens), sequences, Keep::all(), encoded, None).expect("a sound call");
        });
    }
}

/// Sums of rows of a table by random ids. What both read lies apart, as the ids have it, and is the same every time.
fn bags<T: Made>(arguments: &Arguments, kind: Scales) {
    let (rows, dim, bags, each) = (30_000, 256, 32, 64);
    let by = if matches!(kind, Scales::Rows) { "_rows" } else { "" };
    let name = format!("bags_32x64_{}{by}", T::NAME);
    if !arguments.want(&name) {
        return;
    }
    let table = Matrix::<T>::new([rows, dim], kind);
    let ids: Vec<_> = numbers(bags * each).iter().map(|x| ((x + 1.0) / 2.0 * rows as f32) as u32).collect();
    let kept: Vec<&[u8]> = ids.iter().map(|&id| bytemuck::cast_slice(table.row(id as usize))).collect();
    let bag = |ids: &[u32]| table.want(&[Mode::Sum], ids.iter().map(|&id| id as usize), &vec![true; each], &[]);
    let want = ids.chunks_exact(each).flat_map(bag).collect();
    let checked = Ids::check(&ids, rows).expect("ids of rows");
    let tokens = table.tokens();
    measure(arguments, &name, &kept, (want, f32::NAN), |output| {
        let sequences = Sequences::padded(bags, each);
        TokenPool::new(Mode::Sum).run_bags(black_box(tokens), checked, sequences, output, None).expect("a sound call");
    });
}

/// Late interaction beside the loop that one writes first, with the products of elements in their own type.
fn max_sim<T: Made>(arguments: &Arguments, product: impl Fn(T, T) -> f32) {
    let ([queries, dim], lengths) = ([32, 128], [60, 97, 134, 171, 78, 115, 152, 189]);
    let name = format!("max_sim_{queries}x{dim}_{}", T::NAME);
    if !arguments.want(&name) {
        return;
    }
    let mut offsets = vec![0u32];
    lengths.iter().for_each(|length| offsets.push(offsets[offsets.len() - 1] + length));
    let all = offsets[lengths.len()] as usize;
    let (query, documents) =
        (Matrix::<T>::new([queries, dim], Scales::None), Matrix::<T>::new([all, dim], Scales::None));
    let plain = |scores: &mut [f32]| {
        for (score, ends) in scores.iter_mut().zip(offsets.windows(2)) {
            *score = 0.0;
            for q in 0..queries {
                let dot =
                    |d: usize| -> f32 { query.row(q).iter().zip(documents.row(d)).map(|(&a, &b)| product(a, b)).sum() };
                *score += (ends[0] as usize..ends[1] as usize).map(dot).fold(f32::NEG_INFINITY, f32::max);
            }
        }
    };
    let ours = |scores: &mut [f32]| {
        let sequences = Sequences::offsets(&offsets);
        tokens::max_sim(black_box(query.tokens()), documents.tokens(), sequences, scores).expect("a sound call");
    };
    let (mut want, mut scores) = (vec![0.0; lengths.len()], vec![f32::NAN; lengths.len()]);
    plain(&mut want);
    ours(&mut scores);
    for (score, want) in scores.iter().zip(&want) {
        assert!((score / want - 1.0).abs() < 1e-4, "{name}: {score}, {want}");
    }
    let times = race(arguments.samples.min(30), 1, 2, |who| match who {
        0 => plain(black_box(&mut want)),
        _ => ours(black_box(&mut scores)),
    });
    let factor = times[1].minimum / times[0].minimum;
    println!("{name:<28} {:>26} {:>17} {factor:>6.2}", times[0].show(), times[1].show());
}

fn main() {
    let arguments = &Arguments::new();
    println!("microseconds, minimum / median of {} samples; factor = minimum over that of read", arguments.samples);
    println!("{:<28} {:>8} {:>17} {:>17} {:>6}", "workload", "KiB", "read", Isa::best().name(), "/read");
    for shape in SHAPES {
        mean::<f32>(arguments, shape, Scales::None);
        mean::<f16>(arguments, shape, Scales::None);
        mean::<bf16>(arguments, shape, Scales::None);
        for scales in [Scales::One, Scales::Rows] {
            mean::<i8>(arguments, shape, scales);
            mean::<u8>(arguments, shape, scales);
        }
    }
    modes(arguments, "max_512x768", [Mode::Max], None);
    modes(arguments, "weighted_512x768", [Mode::WeightedMean], None);
    modes(arguments, "attention_512x768", [Mode::Attention], None);
    modes(arguments, "mean_std_512x768", [Mode::MeanStd { floor: 1e-12 }], None);
    modes(arguments, "mean_and_max_512x768", [Mode::Mean, Mode::Max], None);
    let half: Vec<_> = numbers(BASE[0]).iter().map(|&x| x > 0.0).collect();
    modes(arguments, "mean_512x768_half_masked", [Mode::Mean], Some(&half));
    ragged(arguments);
    stream(arguments, "stream_512x768_one_by_one", 1);
    stream(arguments, "stream_512x768_by_16", 16);
    bags::<f32>(arguments, Scales::None);
    bags::<f16>(arguments, Scales::None);
    bags::<i8>(arguments, Scales::One);
    bags::<i8>(arguments, Scales::Rows);
    println!("\n{:<28} {:>26} {:>17} {:>6}", "workload", "plain loop", Isa::best().name(), "/plain");
    max_sim::<f32>(arguments, |a, b| a * b);
    max_sim::<f16>(arguments, |a, b| a.to_f32() * b.to_f32());
    max_sim::<i8>(arguments, |a, b| f32::from(i16::from(a) * i16::from(b)));
}
