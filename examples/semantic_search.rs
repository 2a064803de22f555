//! Semantic search on a real language model's tokens: sentence embeddings as floats, as codes of 8 bits, and as single
//! bits; what each takes and what each finds.
//!
//!     cargo run --release --example semantic_search [sentence number]
//!
//! Reads `examples/data/minilm-tokens`.

#[path = "data/minilm.rs"]
mod minilm;

use anyhow::{Result, ensure};
use lanepool::tokens::{
    Bits, CodesI8, Encoded, Keep, L2_EPSILON, Mode, Sequences, TokenPool, Tokens, dot, dot_i8, hamming,
};
use minilm::Sentences;

fn main() -> Result<()> {
    let Sentences { texts, dim, tokens, offsets, .. } = Sentences::load()?;
    let query: usize = std::env::args().nth(1).map_or(Ok(4), |number| number.parse())?;
    ensure!(query < texts.len(), "there are sentences 0 to {}", texts.len() - 1);

    let tokens = Tokens::new(&tokens, [tokens.len() / dim, dim])?;
    let sentences = Sequences::offsets(&offsets);
    let pool = TokenPool::new(Mode::Mean).l2_normalize(L2_EPSILON);

    // As floats; and straight into bits, which need the floats of one sentence at a time.
    let mut embeddings = vec![0.0; texts.len() * dim];
    pool.run_batch(tokens, sentences, Keep::all(), &mut embeddings, None)?;
    let (mut cells, mut bits) = (vec![0.0; dim], vec![0u8; texts.len() * dim.div_ceil(8)]);
    let encoded = Encoded { encoding: Bits, cells: &mut cells, output: &mut bits };
    pool.run_batch_encoded(tokens, sentences, Keep::all(), encoded, None)?;

    // Codes need the range of each dimension over all that is searched.
    let mut ranges = vec![[f32::INFINITY, f32::NEG_INFINITY]; dim];
    for embedding in embeddings.chunks_exact(dim) {
        for ([least, greatest], x) in ranges.iter_mut().zip(embedding) {
            (*least, *greatest) = (least.min(*x), greatest.max(*x));
        }
    }
    let mut codes = vec![0i8; embeddings.len()];
    let encoded = Encoded { encoding: CodesI8(&ranges), cells: &mut cells, output: &mut codes };
    pool.run_batch_encoded(tokens, sentences, Keep::all(), encoded, None)?;

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
fn nearest(texts: &[String], query: usize, score: impl Fn(usize) -> f64) -> Vec<(usize, f64)> {
    let mut all: Vec<_> = (0..texts.len()).filter(|&i| i != query).map(|i| (i, score(i))).collect();
    all.sort_by(|a, b| b.1.total_cmp(&a.1));
    all
}

fn report(texts: &[String], how: &str, bytes: usize, found: &[(usize, f64)]) {
    println!("{how}: {bytes} bytes a sentence, {} for all", bytes * texts.len());
    for &(i, score) in &found[..3] {
        println!("  {score:>10.3}  {:?}", texts[i]);
    }
    println!();
}
