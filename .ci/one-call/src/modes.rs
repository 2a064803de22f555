//! Tokens by whichever mode.
use lanepool::tokens::{Keep, Mode, TokenPool, Tokens};
use std::hint::black_box;

fn main() {
    let x = vec![1.0f32; 64 * 56 * 56];
    let mut y = vec![0.0; 64];
    let done = Tokens::new(black_box(&x), black_box([56, 64]))
        .and_then(|tokens| TokenPool::new(black_box(Mode::Mean)).run(tokens, Keep::length(black_box(50)), &mut y));
    println!("{} {}", done.is_ok(), y[5]);
}
