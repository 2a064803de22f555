//! The program without the call.
use std::hint::black_box;

fn main() {
    let x = vec![1.0f32; 64 * 56 * 56];
    println!("{}", black_box(&x)[5]);
}
