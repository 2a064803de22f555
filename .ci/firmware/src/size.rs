//! One call, by feature: what it adds to the flash of a firmware without any. Never run.
#![no_std]
#![no_main]

#[cfg(feature = "avg_f32")]
use lanepool::AvgPool;
#[cfg(feature = "max_i8")]
use lanepool::MaxPool;
#[cfg(any(feature = "fixed_max_i8", feature = "fixed_avg_i8"))]
use lanepool::fixed::Pool2d;
#[cfg(any(feature = "max_i8", feature = "avg_f32"))]
use lanepool::{PoolError, View, ViewMut, Window};

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}

#[cfg(any(feature = "fixed_max_i8", feature = "fixed_avg_i8"))]
struct Halve;
#[cfg(any(feature = "fixed_max_i8", feature = "fixed_avg_i8"))]
impl Pool2d for Halve {
    const WINDOW: lanepool::Window<2> = lanepool::Window::new([2, 2]);
}

/// The largest 2x2 of a network for 32x32 images.
#[unsafe(no_mangle)]
#[cfg(any(feature = "fixed_max_i8", feature = "fixed_avg_i8"))]
extern "C" fn pool(input: &[[[i8; 32]; 32]; 32], output: &mut [[[i8; 32]; 16]; 16]) {
    #[cfg(feature = "fixed_max_i8")]
    Halve::max_nhwc(input, output);
    #[cfg(feature = "fixed_avg_i8")]
    Halve::avg_nhwc(input, output);
}

/// A window whose parameters are not known before.
#[cfg(feature = "max_i8")]
fn pool(x: &[i8], y: &mut [i8], [rows, cols]: [usize; 2], window: Window<2>) -> Result<(), PoolError> {
    let pool = MaxPool::new(window);
    let input = View::nhwc(x, [1, rows, cols, 8])?;
    pool.run(input, &mut ViewMut::nhwc(y, pool.output_shape(input.shape())?)?)
}

/// The same of an average.
#[cfg(feature = "avg_f32")]
fn pool(x: &[f32], y: &mut [f32], [rows, cols]: [usize; 2], window: Window<2>) -> Result<(), PoolError> {
    let pool = AvgPool::new(window);
    let input = View::nhwc(x, [1, rows, cols, 8])?;
    pool.run(input, &mut ViewMut::nhwc(y, pool.output_shape(input.shape())?)?)
}

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    // In the empty one too, with the loops that clear them.
    let input = [[[0i8; 32]; 32]; 32];
    let mut output = [[[0i8; 32]; 16]; 16];
    let (input, output) = (core::hint::black_box(&input), core::hint::black_box(&mut output));
    #[cfg(any(feature = "fixed_max_i8", feature = "fixed_avg_i8"))]
    pool(input, output);
    #[cfg(any(feature = "max_i8", feature = "avg_f32"))]
    {
        #[cfg(feature = "max_i8")]
        let (x, y) = (input.as_flattened().as_flattened(), output.as_flattened_mut().as_flattened_mut());
        #[cfg(feature = "avg_f32")]
        let (floats, mut means) = ([0.0; 512], [0.0; 512]);
        #[cfg(feature = "avg_f32")]
        let (x, y) = (core::hint::black_box(&floats), core::hint::black_box(&mut means));
        let window = Window::new(core::hint::black_box([2, 2])).stride(core::hint::black_box([2, 2]));
        core::hint::black_box(pool(x, y, core::hint::black_box([8, 8]), window).is_ok());
    }
    core::hint::black_box((input, output));
    loop {}
}
