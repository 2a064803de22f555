//! Twenty sentences, and the token vectors that all-MiniLM-L6-v2 makes of them; `minilm-tokens/README.md` says how.
#![allow(dead_code, unreachable_pub)] // each example uses its part

use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// Sentences as a language model left them.
pub struct Sentences {
    /// Where the files lie.
    pub folder: PathBuf,
    pub texts: Vec<String>,
    /// Elements of a token.
    pub dim: usize,
    /// The tokens of all sentences, one after the other: nothing is padded.
    pub tokens: Vec<f32>,
    /// Sentence `i` has the tokens from `offsets[i]` to below `offsets[i + 1]`.
    pub offsets: Vec<u32>,
}

impl Sentences {
    pub fn load() -> Result<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data/minilm-tokens");
        let manifest: serde_json::Value = serde_json::from_slice(&fs::read(folder.join("manifest.json"))?)?;
        let texts = manifest["sentences"].as_array().context("sentences")?;
        Ok(Self {
            texts: texts.iter().filter_map(|text| text.as_str()).map(String::from).collect(),
            dim: manifest["dim"].as_u64().context("dim")? as usize,
            tokens: words(&folder.join("tokens.f32"), f32::from_le_bytes)?,
            offsets: words(&folder.join("tokens_cu_seqlens.u32"), u32::from_le_bytes)?,
            folder,
        })
    }
}

/// A file of little-endian words.
pub fn words<T>(path: &Path, from: fn([u8; 4]) -> T) -> Result<Vec<T>> {
    let bytes = fs::read(path).with_context(|| path.display().to_string())?;
    Ok(bytes.as_chunks().0.iter().map(|word| from(*word)).collect())
}
