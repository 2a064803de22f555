//! One way to pool tokens, by feature: what it adds to the flash of a firmware without any. Never run.
#![no_std]
#![no_main]

use core::hint::black_box;
#[cfg(feature = "token_bag_i8")]
use lanepool::tokens::{Ids, Sequences, TokenPool, by};
#[cfg(any(feature = "token_mean", feature = "token_max", feature = "token_attention"))]
use lanepool::tokens::{self, Keep};
#[cfg(any(feature = "token_mean", feature = "token_max", feature = "token_attention", feature = "token_bag_i8"))]
use lanepool::{PoolError, tokens::Tokens};

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}

/// A place of a mask, or an id.
type Place = i32;

/// Sequences whose length and mask are not known before.
#[cfg(any(feature = "token_mean", feature = "token_max", feature = "token_attention"))]
fn pool(x: &[f32], mask: &[Place], y: &mut [f32]) -> Result<usize, PoolError> {
    let sequence = Tokens::new(x, [mask.len(), y.len()])?;
    let keep = if mask.len() > 8 { Keep::length(8) } else { Keep::mask(mask) };
    #[cfg(feature = "token_mean")]
    return tokens::mean(sequence, keep, y);
    #[cfg(feature = "token_max")]
    return tokens::max(sequence, keep, y);
    #[cfg(feature = "token_attention")]
    tokens::attention(sequence, keep, x.get(..mask.len()).unwrap_or(x), y)
}

/// A static sentence embedding: the mean of rows of a table of codes.
#[cfg(feature = "token_bag_i8")]
fn pool(_: &[f32], ids: &[Place], y: &mut [f32]) -> Result<usize, PoolError> {
    let codes: &[i8] = black_box(&[1; 64]);
    let table = Tokens::new(codes, [codes.len() / 8, 8])?.quantized(lanepool::Quantization::new(0.02, 3))?;
    let ids = Ids::check(ids, table.tokens())?;
    let offsets = [0usize];
    TokenPool::new(by::Mean).run_bags(table, ids, Sequences::starts(&offsets), y, None)?;
    Ok(2)
}

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    // In the empty one too, with the loops that clear them.
    let (x, mask, mut y) = ([0f32; 64], [1; 8], [0f32; 8]);
    let (x, mask, y) = black_box::<(&[f32], &[Place], &mut [f32])>((&x, &mask, &mut y));
    #[cfg(any(feature = "token_mean", feature = "token_max", feature = "token_attention", feature = "token_bag_i8"))]
    black_box(pool(x, mask, y).is_ok());
    black_box((x, mask, y));
    loop {}
}
