//! Semantic search on a real language model's tokens: sentence embeddings as floats, as codes of 8 bits, and as single
//! bits; what each takes and what each finds.
//!
//!     cargo run --release --example semantic_search [sentence number]
//!
//! Reads `examples/data/minilm-tokens`.

use anyhow::{Context, Result, ensure};
use lanepool::tokens::{
    Keep, L2_EPSILON, Mode, Sequences, TokenPool, Tokens, dot, dot_i8, hamming, pack_bits, quantize_i8,
};
use std::fs;
use std::path::Path;

fn main() -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data/minilm-tokens");
    let manifest: serde_json::Value = serde_json::from_slice(&fs::read(folder.join("manifest.json"))?)?;
    let texts: Vec<&str> =
        manifest["sentences"].as_array().context("sentences")?.iter().filter_map(|text| text.as_str()).collect();
    let dim = manifest["dim"].as_u64().context("dim")? as usize;
    let query: usize = std::env::args().nth(1).map_or(Ok(4), |number| number.parse())?;
    ensure!(query < texts.len(), "there are sentences 0 to {}", texts.len() - 1);

    // The tokens of all sentences, one after the other: nothing is padded.
    let words = |name| -> Result<Vec<[u8; 4]>> { Ok(fs::read(folder.join(name))?.as_chunks::<4>().0.to_vec()) };
    let tokens: Vec<f32> = words("tokens.f32")?.into_iter().map(f32::from_le_bytes).collect();
    let offsets: Vec<u32> = words("tokens_cu_seqlens.u32")?.into_iter().map(u32::from_le_bytes).collect();

    let mut embeddings = vec![0.0; texts.len() * dim];
    TokenPool::new(Mode::Mean).l2_normalize(L2_EPSILON).run_batch(
        Tokens::new(&tokens, [tokens.len() / dim, dim])?,
        Sequences::offsets(&offsets),
        Keep::all(),
        &mut embeddings,
        None,
    )?;

    // Codes need the range of each dimension over all that is searched.
    let mut ranges = vec![[f32::INFINITY, f32::NEG_INFINITY]; dim];
    for embedding in embeddings.chunks_exact(dim) {
        for ([least, greatest], x) in ranges.iter_mut().zip(embedding) {
            (*least, *greatest) = (least.min(*x), greatest.max(*x));
        }
    }
    let mut codes = vec![0i8; embeddings.len()];
    let mut bits = vec![0u8; texts.len() * dim.div_ceil(8)];
    let each =
        embeddings.chunks_exact(dim).zip(codes.chunks_exact_mut(dim)).zip(bits.chunks_exact_mut(dim.div_ceil(8)));
    for ((embedding, codes), bits) in each {
        quantize_i8(embedding, &ranges, codes)?;
        pack_bits(embedding, bits)?;
    }

    println!("Query: {:?}\n", texts[query]);
    let embedding = |i: usize| &embeddings[i * dim..][..dim];
    let code = |i: usize| &codes[i * dim..][..dim];
    let bit = |i: usize| &bits[i * dim.div_ceil(8)..][..dim.div_ceil(8)];
    // Embeddings have length 1, so the dot product is the cosine.
    let by_float = nearest(&texts, query, |i| f64::from(dot(embedding(query), embedding(i))));
    let by_code = nearest(&texts, query, |i| dot_i8(code(query), code(i)) as f64);
    let by_bit = nearest(&texts, query, |i| -(hamming(bit(query), bit(i)) as f64));
    report(&texts, "f32, cosine", size_of_val(embedding(0)), &by_float);
    report(&texts, "i8, dot product of codes", size_of_val(code(0)), &by_code);
    report(&texts, "bits, fewest that differ", size_of_val(bit(0)), &by_bit);
    let alike = |other: &[(usize, f64)]| other[0].0 == by_float[0].0;
    println!("The nearest sentence is the same for i8: {}, for bits: {}.", alike(&by_code), alike(&by_bit));
    Ok(())
}

/// All other sentences, the nearest first.
fn nearest(texts: &[&str], query: usize, score: impl Fn(usize) -> f64) -> Vec<(usize, f64)> {
    let mut all: Vec<_> = (0..texts.len()).filter(|&i| i != query).map(|i| (i, score(i))).collect();
    all.sort_by(|a, b| b.1.total_cmp(&a.1));
    all
}

fn report(texts: &[&str], how: &str, bytes: usize, found: &[(usize, f64)]) {
    println!("{how}: {bytes} bytes a sentence, {} for all", bytes * texts.len());
    for &(i, score) in &found[..3] {
        println!("  {score:>10.3}  {:?}", texts[i]);
    }
    println!();
}
