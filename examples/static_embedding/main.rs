//! A static sentence encoder, small enough for a microcontroller: a row of 64 codes for each word of a vocabulary, and a
//! sentence is the weighted mean of its words' rows. `encoder.rs` is all that the firmware needs.
//!
//!     cargo run --release --example static_embedding [text]
//!
//! The table is made here from twenty sentences and their embeddings by a language model
//! (`examples/data/minilm-tokens`): a word is the mean of the sentences that it stands in, less the mean of all.

mod encoder;
#[path = "../data/minilm.rs"]
mod minilm;

use anyhow::{Result, ensure};
use encoder::{DIM, Encoder};
use lanepool::tokens::{Keep, L2_EPSILON, Mode, Sequences, TokenPool, Tokens, dot};
use minilm::Sentences;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

fn main() -> Result<()> {
    let Sentences { texts, dim, tokens, offsets, .. } = Sentences::load()?;
    let texts: Vec<&str> = texts.iter().map(|text| &**text).collect();

    // The model's embeddings, cut to the first elements before they are normalised.
    let mut sentences = vec![0.0; texts.len() * DIM];
    TokenPool::new(Mode::Mean).truncate(DIM).l2_normalize(L2_EPSILON).run_batch(
        Tokens::new(&tokens, [tokens.len() / dim, dim])?,
        Sequences::offsets(&offsets),
        Keep::all(),
        &mut sentences,
        None,
    )?;
    let table = Table::train(&texts, &sentences)?;
    let words: Vec<&str> = table.words.iter().map(|word| &**word).collect();
    let encoder = Encoder { words: &words, codes: &table.codes, scales: &table.scales, weights: &table.weights };
    let letters: usize = words.iter().map(|word| word.len() + 1).sum();
    println!(
        "{} words: {} bytes of codes, {} of scales and weights, {letters} of letters.",
        words.len(),
        table.codes.len(),
        8 * words.len()
    );

    let mut rows = vec![[0.0; DIM]; texts.len()];
    for (text, row) in texts.iter().zip(&mut rows) {
        encoder.encode(text, row)?;
    }
    let chosen: Vec<String> = std::env::args().skip(1).collect();
    let examples =
        ["a cat on the radiator", "station for the railway", "lock the door of the kitchen", "yeast and flour"];
    let queries: Vec<&str> =
        if chosen.is_empty() { examples.to_vec() } else { chosen.iter().map(|query| &**query).collect() };
    for query in queries {
        let mut embedding = [0.0; DIM];
        let known = encoder.encode(query, &mut embedding)?;
        let mut shortest = Duration::MAX;
        for _ in 0..200 {
            let start = Instant::now();
            encoder.encode(query, &mut embedding)?;
            shortest = shortest.min(start.elapsed());
        }
        let mut found: Vec<_> = rows.iter().map(|row| dot(row, &embedding)).zip(&texts).collect();
        found.sort_by(|a, b| b.0.total_cmp(&a.0));
        println!("\n{query:?}: {known} known words, encoded in {:.2} microseconds", shortest.as_secs_f64() * 1e6);
        for (cosine, text) in &found[..2] {
            let short: String = text.chars().take(90).collect();
            println!("  {cosine:.3}  {short:?}");
        }
        ensure!(!chosen.is_empty() || known > 2, "the examples are of known words");
    }
    Ok(())
}

/// What the encoder needs, on the heap of the machine that makes it.
struct Table {
    words: Vec<String>,
    codes: Vec<i8>,
    scales: Vec<f32>,
    weights: Vec<f32>,
}

impl Table {
    fn train(texts: &[&str], sentences: &[f32]) -> Result<Self> {
        let count = texts.len();
        let mut mean = [0.0; DIM];
        TokenPool::new(Mode::Mean).run(Tokens::new(sentences, [count, DIM])?, Keep::all(), &mut mean)?;
        // The words, and which sentences each stands in.
        let mut places = BTreeMap::<String, Vec<bool>>::new();
        for (i, text) in texts.iter().enumerate() {
            for word in text.split(|c: char| !c.is_alphanumeric()) {
                if let Some(word) = encoder::lower_case(word, &mut [0; 24]) {
                    places.entry(word.into()).or_insert_with(|| vec![false; count])[i] = true;
                }
            }
        }
        let mut table = Self { words: Vec::new(), codes: Vec::new(), scales: Vec::new(), weights: Vec::new() };
        for (word, places) in places {
            let mut row = [0.0; DIM];
            let stands_in =
                TokenPool::new(Mode::Mean).run(Tokens::new(sentences, [count, DIM])?, Keep::mask(&places), &mut row)?;
            row.iter_mut().zip(mean).for_each(|(x, mean)| *x -= mean);
            // Codes use the whole range of 8 bits, each row by its own scale.
            let greatest = row.iter().fold(0.0f32, |greatest, x| greatest.max(x.abs()));
            let scale = greatest.max(f32::MIN_POSITIVE) / 127.0;
            table.words.push(word);
            table.codes.extend(row.iter().map(|x| (x / scale).round() as i8));
            table.scales.push(scale);
            // A word of few sentences says more: inverse document frequency.
            table.weights.push((count as f32 / stands_in as f32).ln());
        }
        Ok(table)
    }
}
