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

#[path = "../../common/race.rs"]
mod race;

use candle_core::{D, DType, Device, Storage, Tensor, WithDType};
use half::f16;
use lanepool::Isa;
use lanepool::tokens::{Ids, Keep, Mode, Sequences, TokenElement, TokenPool, Tokens};
use race::{Arguments, race, read, repeat};
use std::error::Error;
use std::hint::black_box;

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
    let arguments = Arguments::new();
    println!("microseconds, minimum / median of {} samples; factor = minimum over that of read", arguments.samples);
    let lanepool = format!("lanepool {}", Isa::best());
    println!(
        "{:<28} {:>17} {lanepool:>17} {:>5} {:>19} {:>6} {:>7}",
        "workload", "read", "/read", "candle", "/read", "apart"
    );
    for work in F32 {
        matrix::<f32>(&arguments, work)?;
    }
    for work in F16 {
        matrix::<f16>(&arguments, work)?;
    }
    bags(&arguments, "bags_32x64_of_30000x256", false)?;
    bags(&arguments, "bags_32x64_by_product", true)
}

/// Sequences of tokens, padded in a batch.
fn matrix<T: WithDType + TokenElement>(
    arguments: &Arguments,
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
    compare(arguments, name, kept.collect(), &lanepool, &run, batch * dim, tolerance)
}

/// Sums of rows of a table, by their ids. Candle copies the rows, then sums them; or multiplies them by ones.
fn bags(arguments: &Arguments, name: &str, product: bool) -> Result<(), Box<dyn Error>> {
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
    compare(arguments, name, kept.collect(), &lanepool, &run, bags * dim, 1e-4)
}

/// Checks that both agree in `outputs` results, then prints the times; unless the filter leaves it out.
fn compare(
    arguments: &Arguments,
    name: &str,
    kept: Vec<&[u8]>,
    lanepool: &dyn Fn(&mut [f32]),
    candle: &dyn Fn() -> candle_core::Result<Tensor>,
    outputs: usize,
    tolerance: f32,
) -> Result<(), Box<dyn Error>> {
    if !arguments.want(name) {
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

    let bytes = kept.iter().map(|bytes| bytes.len()).sum();
    let times = race(arguments.samples, repeat(bytes), 3, |who| match who {
        0 => read(&kept),
        1 => lanepool(black_box(&mut output)),
        _ => drop(black_box(candle()).expect("it went well before")),
    });
    let [reading, ours, theirs] = &times[..] else { unreachable!("three contestants") };
    println!(
        "{name:<28} {:>17} {:>17} {:>5.2} {:>19} {:>6.2} {apart:>7.0e}",
        reading.show(),
        ours.show(),
        ours.minimum / reading.minimum,
        theirs.show(),
        theirs.minimum / reading.minimum
    );
    Ok(())
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
