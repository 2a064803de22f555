//! One maximum, of shapes that are known at run time.
use lanepool::{MaxPool, View, ViewMut, Window};
use std::hint::black_box;

fn main() {
    let x = vec![1.0f32; 64 * 56 * 56];
    let mut y = vec![0.0; 64 * 28 * 28];
    let done = View::nchw(black_box(&x), black_box([1, 64, 56, 56])).and_then(|input| {
        let mut output = ViewMut::nchw(&mut y, black_box([1, 64, 28, 28]))?;
        MaxPool::new(Window::new([2, 2])).run(input, &mut output)
    });
    println!("{} {}", done.is_ok(), y[5]);
}
