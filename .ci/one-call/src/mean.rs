//! The mean of tokens, known when compiling.
use lanepool::tokens::{self, Keep, Tokens};
use std::hint::black_box;

fn main() {
    let x = vec![1.0f32; 64 * 56 * 56];
    let mut y = vec![0.0; 64];
    let done = Tokens::new(black_box(&x), black_box([56, 64]))
        .and_then(|tokens| tokens::mean(tokens, Keep::length(black_box(50)), &mut y));
    println!("{} {}", done.is_ok(), y[5]);
}
