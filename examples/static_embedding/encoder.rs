//! The encoder: no heap, no standard library, and so the same on a microcontroller.

use lanepool::PoolError;
use lanepool::tokens::{Ids, L2_EPSILON, Mode, Sequences, TokenPool, Tokens};

/// Elements of an embedding.
pub(crate) const DIM: usize = 64;
/// Words of a text that are looked at.
const WORDS: usize = 64;
/// Letters of a word that are looked at.
const LETTERS: usize = 24;

/// A vocabulary with a row of codes for each word. In firmware all of it lies in flash.
pub(crate) struct Encoder<'a> {
    /// In alphabetic order, in lower case.
    pub(crate) words: &'a [&'a str],
    /// One row a word.
    pub(crate) codes: &'a [i8],
    /// What a step of the codes of each row is.
    pub(crate) scales: &'a [f32],
    /// How much each word counts.
    pub(crate) weights: &'a [f32],
}

impl Encoder<'_> {
    /// The embedding of a text; returns how many of its words are known.
    pub(crate) fn encode(&self, text: &str, embedding: &mut [f32; DIM]) -> Result<usize, PoolError> {
        let (mut ids, mut weights, mut known) = ([0u32; WORDS], [0.0; WORDS], 0);
        for word in text.split(|c: char| !c.is_alphanumeric()) {
            let mut letters = [0; LETTERS];
            let Some(id) = lower_case(word, &mut letters).and_then(|word| self.words.binary_search(&word).ok()) else {
                continue;
            };
            if let (Some(to), Some(weight)) = (ids.get_mut(known), weights.get_mut(known)) {
                (*to, *weight) = (id as u32, self.weights[id]);
                known += 1;
            }
        }
        let table = Tokens::new(self.codes, [self.words.len(), DIM])?.quantized_rows(self.scales, 0)?;
        TokenPool::new(Mode::WeightedMean).weights(&weights[..known]).l2_normalize(L2_EPSILON).run_bags(
            table,
            Ids::check(&ids[..known], self.words.len())?,
            Sequences::offsets(&[0, known]),
            embedding,
            None,
        )?;
        Ok(known)
    }
}

/// The word in lower case; `None` if it is empty, too long, or not ASCII.
pub(crate) fn lower_case<'l>(word: &str, letters: &'l mut [u8; LETTERS]) -> Option<&'l str> {
    let letters = letters.get_mut(..word.len()).filter(|letters| !letters.is_empty() && word.is_ascii())?;
    letters.copy_from_slice(word.as_bytes());
    letters.make_ascii_lowercase();
    core::str::from_utf8(letters).ok()
}
