//! Links only if no panic is reachable: the panic handler calls a function that exists nowhere. What no call
//! reaches is removed before linking. Never run; `.ci/targets` builds it for a microcontroller.
#![no_std]
#![no_main]

use core::hint::black_box;
use core::panic::PanicInfo;
use lanepool::fixed::{self, Pool2d};
use lanepool::tokens::{self, Entry, Keep, Mode, Sequences, TokenPool, Tokens};
use lanepool::{AvgPool, GlobalAvgPool, MaxPool, PoolError, View, ViewMut, Window};

unsafe extern "C" {
    safe fn a_panic_is_reachable() -> !;
}

#[panic_handler]
fn panic(_: &PanicInfo) -> ! {
    a_panic_is_reachable()
}

struct Halve;
impl Pool2d for Halve {
    const WINDOW: Window<2> = Window::new([2, 2]);
}

/// Both layouts, every shape at run time.
fn run_time(
    x: &[i8],
    y: &mut [i8],
    f: &[f32],
    g: &mut [f32],
    [n, c, h, w]: [usize; 4],
    window: Window<2>,
) -> Result<(), PoolError> {
    let shape = [n, c, h, w];
    let max = MaxPool::new(window);
    let (input, image) = (View::nhwc(x, shape)?, View::nchw(f, shape)?);
    let pooled = max.output_shape(input.shape())?;
    max.run(input, &mut ViewMut::nhwc(y, pooled)?)?;
    MaxPool::new(window).run(image, &mut ViewMut::nchw(g, pooled)?)?;
    AvgPool::new(window).run(input, &mut ViewMut::nhwc(y, pooled)?)?;
    AvgPool::new(window).run(image, &mut ViewMut::nchw(g, pooled)?)?;
    GlobalAvgPool::new().run(input, &mut ViewMut::nhwc(y, [n, c, 1, 1])?)?;
    GlobalAvgPool::new().run(image, &mut ViewMut::nchw(g, [n, c, 1, 1])?)
}

/// Tokens by any mode, put aside and taken up again; documents that are compared, and the largest elements.
fn of_tokens(mode: Mode, x: &[f32], offsets: &[u32], y: &mut [f32], saved: &mut [u8]) -> Result<usize, PoolError> {
    let tokens = Tokens::new(x, [x.len() / y.len().max(1), y.len()])?;
    TokenPool::new(mode).run(tokens, Keep::all(), y)?;
    let mut state = TokenPool::new(mode).start(tokens.dim(), y)?;
    state.push_block(tokens, Keep::length(offsets.len()), x)?;
    state.save(saved)?;
    let count = TokenPool::new(mode).restore(saved, tokens.dim(), y)?.finish();
    tokens::max_sim(tokens, tokens, Sequences::offsets(offsets), y)?;
    let mut entries = [Entry::default(); 4];
    Ok(count + tokens::above(x, 0.5, &mut entries) + tokens::largest(x, 0.5, &mut entries))
}

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    let bytes = black_box([1i8; 256]);
    let floats = black_box([1.0f32; 256]);
    let (mut codes, mut results) = ([0i8; 256], [0.0f32; 256]);
    let window = Window::new(black_box([2, 2])).stride(black_box([1, 1])).padding(black_box([1, 1]));
    let done = run_time(&bytes, &mut codes, &floats, &mut results, black_box([1, 4, 8, 8]), window);
    black_box((done.is_ok(), codes, results));

    let image = black_box([[[1i8; 4]; 8]; 8]);
    let (mut pooled, mut whole) = ([[[0i8; 4]; 4]; 4], [0i8; 4]);
    Halve::max_nhwc(&image, &mut pooled);
    black_box(&pooled);
    Halve::avg_nhwc(&image, &mut pooled);
    fixed::global_avg_nhwc(&image, &mut whole);
    black_box((pooled, whole));
    let mut mean = [0.0; 4];
    fixed::mean_tokens(&black_box([[1.0; 4]; 8]), &mut mean);
    black_box(mean);

    let (mode, offsets, mut bytes) = (black_box(Mode::Mean), black_box([0, 3, 5]), black_box([0; 256]));
    let done = of_tokens(mode, &floats, &offsets, results.get_mut(..8).unwrap_or(&mut []), &mut bytes);
    black_box((done.is_ok(), results, bytes));
    loop {}
}
