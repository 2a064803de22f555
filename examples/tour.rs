//! A tour on real input: sentence embeddings from token embeddings, and a photograph made
//! smaller in three ways.
//!
//!     cargo run --release --example tour
//!
//! Reads `examples/data`, writes PNG files into `out`.

#[path = "data/minilm.rs"]
mod minilm;

use anyhow::{Context, Result, ensure};
use lanepool::tokens::{Keep, L2_EPSILON, Mode, TokenPool, Tokens};
use lanepool::{AvgPool, Isa, MaxPool, View, ViewMut, Window, global_avg_pool};
use minilm::{Sentences, words};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

fn main() -> Result<()> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data");
    println!("lanepool on {}: pooling runs with the {} instructions.\n", std::env::consts::ARCH, Isa::best());
    sentences()?;
    photograph(&data.join("chelsea-256.ppm"))
}

/// The shortest of several runs: the others were disturbed.
fn time(mut run: impl FnMut() -> Result<()>) -> Result<Duration> {
    let mut shortest = Duration::MAX;
    for _ in 0..20 {
        let start = Instant::now();
        run()?;
        shortest = shortest.min(start.elapsed());
    }
    Ok(shortest)
}

fn sentences() -> Result<()> {
    println!("1. Sentences");
    let Sentences { folder, texts, dim, tokens, offsets } = Sentences::load()?;
    println!(
        "   The language model all-MiniLM-L6-v2 turned {} sentences into {} tokens of {dim} numbers each.",
        texts.len(),
        tokens.len() / dim
    );

    // One embedding a sentence: the mean of its tokens, divided by its length.
    let pool = TokenPool::new(Mode::Mean).l2_normalize(L2_EPSILON);
    let mut embeddings = vec![0.0f32; texts.len() * dim];
    let elapsed = time(|| {
        for (ends, embedding) in offsets.windows(2).zip(embeddings.chunks_exact_mut(dim)) {
            let (start, end) = (ends[0] as usize, ends[1] as usize);
            let sentence = Tokens::new(&tokens[start * dim..], [end - start, dim])?;
            pool.run(sentence, Keep::all(), embedding)?;
        }
        Ok(())
    })?;
    println!("   Pooled into {} sentence embeddings in {:.1} microseconds.", texts.len(), elapsed.as_secs_f64() * 1e6);

    let expected = words(&folder.join("final.f32"), f32::from_le_bytes)?;
    let difference = embeddings.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    println!("   Largest difference from the model's own embeddings: {difference:.1e} (numbers of size 0.05).");
    ensure!(difference < 1e-6, "the embeddings differ from the model's own");

    // Embeddings have length 1, so the dot product is the cosine.
    println!("   Nearest sentences, by the cosine of their embeddings:");
    let embedding = |i: usize| &embeddings[i * dim..][..dim];
    let cosine = |i, j| embedding(i).iter().zip(embedding(j)).map(|(a, b)| a * b).sum::<f32>();
    let mut pairs: Vec<(usize, usize, f32)> =
        (0..texts.len()).flat_map(|i| (0..i).map(move |j| (j, i))).map(|(i, j)| (i, j, cosine(i, j))).collect();
    pairs.sort_by(|a, b| b.2.total_cmp(&a.2));
    for &(i, j, cosine) in &pairs[..3] {
        println!("     {cosine:.3}  {:?}\n            {:?}", texts[i], texts[j]);
    }
    ensure!((pairs[0].0, pairs[0].1) == (4, 5), "the two questions about a station are nearest");
    println!();
    Ok(())
}

fn photograph(path: &Path) -> Result<()> {
    println!("2. A photograph");
    let (bytes, [rows, cols]) = read_ppm(path)?;
    let pixels: Vec<f32> = bytes.iter().map(|&byte| f32::from(byte)).collect();
    println!("   A cat, {cols} x {rows} pixels of red, green and blue.");
    let input = View::nhwc(&pixels, [1, rows, cols, 3])?;
    let folder = Path::new("out");
    fs::create_dir_all(folder)?;
    write_png(&folder.join("original.png"), &pixels, [rows, cols])?;

    let max = MaxPool::new(Window::new([2, 2]));
    let shape = max.output_shape(input.shape())?;
    let mut smaller = vec![0.0; shape.channels * shape.spatial.iter().product::<usize>()];
    let elapsed = time(|| Ok(max.run(input, &mut ViewMut::nhwc(&mut smaller, shape)?)?))?;
    report("the brightest of every 2 x 2 pixels", &folder.join("max-2x2.png"), &smaller, shape.spatial, elapsed)?;

    let avg = AvgPool::new(Window::new([3, 3]).stride([2, 2]).padding([1, 1]));
    let shape = avg.output_shape(input.shape())?;
    let mut smooth = vec![0.0; shape.channels * shape.spatial.iter().product::<usize>()];
    let elapsed = time(|| Ok(avg.run(input, &mut ViewMut::nhwc(&mut smooth, shape)?)?))?;
    report("the mean of 3 x 3 pixels, two apart", &folder.join("average-3x3.png"), &smooth, shape.spatial, elapsed)?;

    let mut mean = [0.0; 3];
    let elapsed = time(|| Ok(global_avg_pool(input, &mut ViewMut::nhwc(&mut mean, [1, 1, 1, 3])?)?))?;
    // One pixel is hard to look at: a square of it.
    let square: Vec<f32> = mean.iter().copied().cycle().take(64 * 64 * 3).collect();
    report("the mean of all pixels, as a square", &folder.join("global-average.png"), &square, [64, 64], elapsed)?;
    println!("   The mean colour: red {:.1}, green {:.1}, blue {:.1} of 255.", mean[0], mean[1], mean[2]);

    let exact =
        (0..3).map(|c| bytes.iter().skip(c).step_by(3).map(|&b| f64::from(b)).sum::<f64>() / (rows * cols) as f64);
    for (mean, exact) in mean.into_iter().zip(exact) {
        ensure!((f64::from(mean) - exact).abs() < 1e-2, "the mean colour is {mean}, but should be {exact}");
    }
    ensure!(
        smaller[0] == pixels[0].max(pixels[3]).max(pixels[cols * 3]).max(pixels[cols * 3 + 3]),
        "a maximum is wrong"
    );
    println!("\nAll results checked.");
    Ok(())
}

fn report(what: &str, path: &Path, pixels: &[f32], [rows, cols]: [usize; 2], elapsed: Duration) -> Result<()> {
    write_png(path, pixels, [rows, cols])?;
    println!(
        "   {what}: {:.1} microseconds, {cols} x {rows} pixels in {}",
        elapsed.as_secs_f64() * 1e6,
        path.display()
    );
    Ok(())
}

fn write_png(path: &Path, pixels: &[f32], [rows, cols]: [usize; 2]) -> Result<()> {
    let bytes: Vec<u8> = pixels.iter().map(|&x| x.round() as u8).collect();
    let mut encoder = png::Encoder::new(std::io::BufWriter::new(fs::File::create(path)?), cols as u32, rows as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.write_header()?.write_image_data(&bytes)?;
    Ok(())
}

/// Bytes, rows and columns of a binary PPM without comments.
fn read_ppm(path: &Path) -> Result<(Vec<u8>, [usize; 2])> {
    let file = fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    let mut fields = file.splitn(5, |byte| byte.is_ascii_whitespace());
    let mut field = || fields.next().context("a PPM header");
    ensure!(field()? == b"P6", "{} is not a binary PPM", path.display());
    let mut number = || -> Result<usize> { Ok(str::from_utf8(field()?)?.parse()?) };
    let (cols, rows, greatest) = (number()?, number()?, number()?);
    ensure!(greatest == 255, "8 bits a channel");
    let pixels = field()?.to_vec();
    ensure!(pixels.len() == rows * cols * 3, "three bytes a pixel");
    Ok((pixels, [rows, cols]))
}
