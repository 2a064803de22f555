//! Token pooling beside the other way to do it in Rust, `candle-core`'s operations on the CPU; one thread each. A mean
//! there is the matrix product of weights, `[1, tokens]`, and tokens, `[tokens, dim]`.
//!
//! `cargo run --release --manifest-path benches/rivals/Cargo.toml` prints the table; an argument filters by name, and
//! `--test` takes one sample of each. `numpy_matvec.py` beside this folder's `Cargo.toml` times numpy's product.
//!
//! Read, lanepool and candle take turns in one run, over the same memory, many short samples each. *Read* adds up the
//! bytes of the kept tokens and does nothing else: what reading them costs. Candle is given what flatters it: its
//! weights are zeroed by the mask and divided by their sum beforehand, where lanepool takes mask and weights as a
//! caller has them. It reads padding too, and its results are new tensors, as its interface has it. Both must agree
//! before they are timed; *apart* is their greatest difference, relative to the greatest result.

use candle_core::{D, DType, Device, Storage, Tensor, WithDType};
use half::f16;
use lanepool::Isa;
use lanepool::tokens::{Ids, Keep, Mode, Sequences, TokenElement, TokenPool, Tokens};
use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

/// Samples of each contestant.
const SAMPLES: usize = 200;

/// How candle pools.
#[derive(Clone, Copy)]
enum Candle {
    /// The product with weights that sum to one.
    Product,
    /// The same, of tokens that it first converts to `f32`.
    Convert,
    /// The product with the softmax of scores, which lanepool takes as scores too.
    Softmax,
    /// `Tensor::max` over the tokens.
    Max,
}

/// Name, mode, batch, tokens and dim, rival.
type Work = (&'static str, Mode, [usize; 3], Candle);

const F32: [Work; 7] = [
    ("mean_128x384", Mode::Mean, [1, 128, 384], Candle::Product),
    ("mean_512x768", Mode::Mean, [1, 512, 768], Candle::Product),
    ("mean_8192x1024", Mode::Mean, [1, 8192, 1024], Candle::Product),
    ("mean_32x128x384_padded", Mode::Mean, [32, 128, 384], Candle::Product),
    ("weighted_512x768", Mode::WeightedMean, [1, 512, 768], Candle::Product),
    ("attention_512x768", Mode::Attention, [1, 512, 768], Candle::Softmax),
    ("max_512x768", Mode::Max, [1, 512, 768], Candle::Max),
];

const F16: [Work; 4] = [
    ("mean_512x768_f16", Mode::Mean, [1, 512, 768], Candle::Product),
    ("mean_512x768_f16_as_f32", Mode::Mean, [1, 512, 768], Candle::Convert),
    ("mean_8192x1024_f16", Mode::Mean, [1, 8192, 1024], Candle::Product),
    ("mean_8192x1024_f16_as_f32", Mode::Mean, [1, 8192, 1024], Candle::Convert),
];

fn main() -> Result<(), Box<dyn Error>> {
    // One thread: candle asks this whenever it might split work. It has no other knob for that.
    // SAFETY: this is the only thread; nothing else can be reading the environment.
    unsafe { std::env::set_var("RAYON_NUM_THREADS", "1") };
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let test = arguments.iter().any(|argument| argument == "--test");
    let filter = arguments.into_iter().find(|argument| !argument.starts_with("--"));
    let race = Race { samples: if test { 1 } else { SAMPLES }, filter };
    println!("microseconds, minimum / median of {} samples; factor = minimum over that of read", race.samples);
    let lanepool = format!("lanepool {}", Isa::best());
    println!(
        "{:<28} {:>17} {lanepool:>17} {:>5} {:>19} {:>6} {:>7}",
        "workload", "read", "/read", "candle", "/read", "apart"
    );
    for work in F32 {
        matrix::<f32>(&race, work)?;
    }
    for work in F16 {
        matrix::<f16>(&race, work)?;
    }
    bags(&race, "bags_32x64_of_30000x256", false)?;
    bags(&race, "bags_32x64_by_product", true)
}

/// Sequences of tokens, padded in a batch.
fn matrix<T: WithDType + TokenElement>(
    race: &Race,
    (name, mode, [batch, tokens, dim], candle): Work,
) -> Result<(), Box<dyn Error>> {
    let x = Tensor::from_vec(numbers(batch * tokens * dim), (batch, tokens, dim), &Device::Cpu)?.to_dtype(T::DTYPE)?;
    let (storage, _) = x.storage_and_layout();
    let Storage::Cpu(storage) = &*storage else { unreachable!("a tensor of the CPU") };
    let data = storage.as_slice::<T>()?;

    // All tokens are real in a single sequence; lengths differ in a batch.
    let length = |b: usize| if batch == 1 { tokens } else { tokens / 4 + b * 37 % (tokens - tokens / 4 + 1) };
    let mask: Vec<_> = (0..batch * tokens).map(|i| u8::from(i % tokens < length(i / tokens))).collect();
    let kept = (0..batch).map(|b| bytemuck::cast_slice(&data[b * tokens * dim..][..length(b) * dim]));

    let weights: Vec<_> = numbers(batch * tokens).iter().map(|x| x + 1.0).collect();
    let (input, pool) = (Tokens::new(data, [batch * tokens, dim])?, TokenPool::new(mode).weights(&weights));
    let lanepool = |output: &mut [f32]| {
        let sequences = Sequences::padded(batch, tokens);
        pool.run_batch(input, sequences, Keep::mask(&mask), output, None).expect("a sound call");
    };

    let given = match mode {
        Mode::Mean => mask.iter().map(|&keep| f32::from(keep)).collect(),
        _ => weights.clone(),
    };
    let scores = Tensor::from_vec(given, (batch, 1, tokens), &Device::Cpu)?;
    let normal = scores.broadcast_div(&scores.sum_keepdim(D::Minus1)?)?;
    let narrow = normal.to_dtype(T::DTYPE)?;
    let run = || match candle {
        Candle::Product => narrow.matmul(&x),
        Candle::Convert => normal.matmul(&x.to_dtype(DType::F32)?),
        Candle::Softmax => {
            let powers = scores.broadcast_sub(&scores.max_keepdim(D::Minus1)?)?.exp()?;
            powers.broadcast_div(&powers.sum_keepdim(D::Minus1)?)?.matmul(&x)
        }
        Candle::Max => x.max(1),
    };
    // Candle's product of f16 keeps its sums as f16, rounded after each token: a few per cent off after some thousands.
    let tolerance = if matches!(candle, Candle::Product) && T::DTYPE == DType::F16 { 0.1 } else { 1e-4 };
    race.run(name, kept.collect(), &lanepool, &run, batch * dim, tolerance)
}

/// Sums of rows of a table, by their ids. Candle copies the rows, then sums them; or multiplies them by ones.
fn bags(race: &Race, name: &str, product: bool) -> Result<(), Box<dyn Error>> {
    let (rows, dim, bags, ids) = (30_000, 256, 32, 64);
    let table = Tensor::from_vec(numbers(rows * dim), (rows, dim), &Device::Cpu)?;
    let (storage, _) = table.storage_and_layout();
    let Storage::Cpu(storage) = &*storage else { unreachable!("a tensor of the CPU") };
    let data = storage.as_slice::<f32>()?;
    let places: Vec<_> = numbers(bags * ids).iter().map(|x| ((x + 1.0) / 2.0 * rows as f32) as u32).collect();
    let kept = places.iter().map(|&id| bytemuck::cast_slice(&data[id as usize * dim..][..dim]));

    let (input, checked) = (Tokens::new(data, [rows, dim])?, Ids::check(&places, rows)?);
    let lanepool = |output: &mut [f32]| {
        let sequences = Sequences::padded(bags, ids);
        TokenPool::new(Mode::Sum).run_bags(input, checked, sequences, output, None).expect("a sound call");
    };
    let index = Tensor::new(places.as_slice(), &Device::Cpu)?;
    let ones = Tensor::ones((bags, 1, ids), DType::F32, &Device::Cpu)?;
    let run = || {
        let copy = table.index_select(&index, 0)?.reshape((bags, ids, dim))?;
        if product { ones.matmul(&copy) } else { copy.sum(1) }
    };
    race.run(name, kept.collect(), &lanepool, &run, bags * dim, 1e-4)
}

struct Race {
    samples: usize,
    filter: Option<String>,
}

impl Race {
    /// Checks that both agree in `outputs` results, then prints the times; unless the filter leaves it out.
    fn run(
        &self,
        name: &str,
        kept: Vec<&[u8]>,
        lanepool: &dyn Fn(&mut [f32]),
        candle: &dyn Fn() -> candle_core::Result<Tensor>,
        outputs: usize,
        tolerance: f32,
    ) -> Result<(), Box<dyn Error>> {
        if self.filter.as_ref().is_some_and(|filter| !name.contains(filter)) {
            return Ok(());
        }
        let mut output = vec![f32::NAN; outputs];
        lanepool(&mut output);
        let theirs = candle()?.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
        assert_eq!(theirs.len(), outputs, "{name}");
        let greatest = output.iter().fold(0.0f32, |most, x| most.max(x.abs()));
        let apart = |(ours, theirs): (&f32, &f32)| (ours - theirs).abs() / greatest;
        let apart: Vec<_> = output.iter().zip(&theirs).map(apart).collect();
        assert!(apart.iter().all(|apart| *apart <= tolerance), "{name}: {output:?} and {theirs:?}");
        let apart = apart.into_iter().fold(0.0, f32::max);

        // Long enough for the clock: small workloads are repeated within a sample.
        let bytes: usize = kept.iter().map(|bytes| bytes.len()).sum();
        let repeat = (800_000 / bytes).clamp(1, 1000);
        let time = |into: &mut Vec<f64>, run: &mut dyn FnMut()| {
            run();
            let start = Instant::now();
            for _ in 0..repeat {
                run();
            }
            into.push(start.elapsed().as_secs_f64() * 1e6 / repeat as f64);
        };
        let mut times: [Vec<f64>; 3] = Default::default();
        for _ in 0..self.samples {
            time(&mut times[0], &mut || {
                black_box(read(black_box(&kept)));
            });
            time(&mut times[1], &mut || lanepool(black_box(&mut output)));
            time(&mut times[2], &mut || {
                black_box(candle()).expect("it went well before");
            });
        }
        let [read, lanepool, candle] = times.map(|mut times| {
            times.sort_by(f64::total_cmp);
            (times[0], format!("{:.1} / {:.1}", times[0], times[times.len() / 2]))
        });
        println!(
            "{name:<28} {:>17} {:>17} {:>5.2} {:>19} {:>6.2} {apart:>7.0e}",
            read.1,
            lanepool.1,
            lanepool.0 / read.0,
            candle.1,
            candle.0 / read.0
        );
        Ok(())
    }
}

/// Adds up bytes as fast as memory gives them.
fn read(pieces: &[&[u8]]) -> u8 {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx2") {
            // SAFETY: AVX2 was just detected.
            return unsafe { read_avx2(pieces) };
        }
    }
    read_lanes(pieces)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn read_avx2(pieces: &[&[u8]]) -> u8 {
    read_lanes(pieces)
}

/// Pieces are multiples of 256 bytes here; what is left over is not read.
#[inline(always)]
fn read_lanes(pieces: &[&[u8]]) -> u8 {
    let mut lanes = [0u8; 256];
    for piece in pieces {
        for chunk in piece.as_chunks::<256>().0 {
            for (lane, byte) in lanes.iter_mut().zip(chunk) {
                *lane = lane.wrapping_add(*byte);
            }
        }
    }
    lanes.iter().fold(0, |sum, lane| sum.wrapping_add(*lane))
}

/// Numbers between -1 and 1, the same every time.
fn numbers(n: usize) -> Vec<f32> {
    let mut state = 1u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 8_388_608.0 - 1.0
    };
    std::iter::repeat_with(next).take(n).collect()
}
