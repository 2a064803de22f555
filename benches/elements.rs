//! Element types and indices beside what they are measured by: integers beside a copy of their input, 16-bit
//! floats beside `f32`, maxima with indices beside maxima without; interleaved in one run, many short
//! samples.
//!
//! `cargo bench --bench elements` prints the table; an argument filters by name.

#[path = "common/mod.rs"]
mod common;

use common::race::{Arguments, race};
use half::{bf16, f16};
use lanepool::reference::{self, Finish, Number};
use lanepool::{AvgPool, Element, GlobalAvgPool, IndexLayout, Isa, MaxPool, Rounding, Shape, View, ViewMut, Window};
use std::hint::black_box;

/// Prints the times of contestants, and each as a factor of the first; unless the filter leaves them out.
fn compare(arguments: &Arguments, name: &str, contestants: &mut [(&str, &mut dyn FnMut())]) {
    if arguments.want(name) {
        let times = race(arguments.samples, 5, contestants.len(), |who| contestants[who].1());
        for (time, (who, _)) in times.iter().zip(contestants) {
            println!("{name:<28} {who:>22} {:>9.2} us {:>7.2}", time.minimum, time.minimum / times[0].minimum);
        }
    }
}

/// Any numbers, the same every time.
fn numbers<T>(n: usize, from: impl Fn(i16) -> T) -> Vec<T> {
    let mut state = 1u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        from((state >> 16) as i16)
    };
    std::iter::repeat_with(next).take(n).collect()
}

/// Rows, columns and channels of an image, and a window.
#[derive(Clone, Copy)]
struct Work {
    name: &'static str,
    average: bool,
    dims: [usize; 3],
    window: Window<2>,
    nhwc: bool,
}

impl Work {
    fn shape(&self) -> Shape<2> {
        let [rows, cols, channels] = self.dims;
        Shape { batch: 1, channels, spatial: [rows, cols] }
    }

    fn out(&self) -> Shape<2> {
        let spatial = self.window.output_size(self.shape().spatial).expect("a window that fits");
        Shape { spatial, ..self.shape() }
    }

    fn view<'a, T>(&self, data: &'a [T]) -> View<'a, T, 2> {
        if self.nhwc { View::nhwc(data, self.shape()) } else { View::nchw(data, self.shape()) }.expect("a sound view")
    }

    fn view_mut<'a, T>(&self, data: &'a mut [T]) -> ViewMut<'a, T, 2> {
        if self.nhwc { ViewMut::nhwc(data, self.out()) } else { ViewMut::nchw(data, self.out()) }.expect("a sound view")
    }

    fn pool<T: Element>(&self, isa: Isa, x: &[T], y: &mut [T]) {
        let (x, mut y) = (self.view(black_box(x)), self.view_mut(y));
        if self.average {
            AvgPool::new(self.window).run_on(isa, x, &mut y)
        } else {
            MaxPool::new(self.window).run_on(isa, x, &mut y)
        }
        .expect("a sound call");
    }

    fn output<T: Copy>(&self, zero: T) -> Vec<T> {
        vec![zero; self.out().channels * self.out().spatial.iter().product::<usize>()]
    }
}

/// Integers beside a copy of the input.
fn integers<T: Element>(arguments: &Arguments, element: &str, work: Work, from: impl Fn(i16) -> T) {
    let x = numbers(work.dims.iter().product(), from);
    let mut copy = x.clone();
    let (mut wide, mut narrow) = (work.output(T::LOWEST), work.output(T::LOWEST));
    let best = Isa::best();
    let name = format!("{element}_{}", work.name);
    work.pool(best, &x, &mut wide);
    work.pool(Isa::SCALAR, &x, &mut narrow);
    assert!(wide == narrow, "{name}");
    compare(
        arguments,
        &name,
        &mut [
            ("memcpy", &mut || copy.copy_from_slice(black_box(&x))),
            (best.name(), &mut || work.pool(best, &x, &mut wide)),
            ("portable", &mut || work.pool(Isa::PORTABLE, &x, &mut narrow)),
        ],
    );
}

/// 16-bit floats beside `f32`.
fn halves(arguments: &Arguments, work: Work) {
    let x: Vec<f32> = numbers(work.dims.iter().product(), |x| f32::from(x) / 1024.0);
    let h: Vec<f16> = x.iter().map(|&x| f16::from_f32(x)).collect();
    let b: Vec<bf16> = x.iter().map(|&x| bf16::from_f32(x)).collect();
    let (mut y, mut hy, mut by) = (work.output(0.0), work.output(f16::ZERO), work.output(bf16::ZERO));
    let mut portable = hy.clone();
    let best = Isa::best();
    compare(
        arguments,
        work.name,
        &mut [
            ("f32", &mut || work.pool(best, &x, &mut y)),
            ("f16", &mut || work.pool(best, &h, &mut hy)),
            ("bf16", &mut || work.pool(best, &b, &mut by)),
            ("f16 portable", &mut || work.pool(Isa::PORTABLE, &h, &mut portable)),
        ],
    );
}

/// Maxima with indices beside maxima without.
fn indices(arguments: &Arguments, work: Work) {
    let x: Vec<f32> = numbers(work.dims.iter().product(), f32::from);
    let (mut y, mut picked, mut places) = (work.output(0.0), work.output(0.0), work.output(0u32));
    let best = Isa::best();
    compare(
        arguments,
        work.name,
        &mut [
            ("max", &mut || work.pool(best, &x, &mut y)),
            ("max with indices", &mut || {
                let indices = &mut work.view_mut(&mut places);
                MaxPool::new(work.window)
                    .run_with_indices(
                        work.view(black_box(&x)),
                        &mut work.view_mut(&mut picked),
                        indices,
                        IndexLayout::Plane,
                    )
                    .expect("a sound call");
            }),
        ],
    );
    assert!(y == picked, "{}", work.name);
}

/// A whole image of integers, NHWC, checked with the reference.
fn global(arguments: &Arguments) {
    let (cells, channels) = (49, 1280);
    let x: Vec<i8> = numbers(cells * channels, |x| x as i8);
    let dense: Vec<i8> = (0..x.len()).map(|i| x[i % cells * channels + i / cells]).collect();
    let (mut y, mut want, mut copy) = (vec![0; channels], vec![0; channels], x.clone());
    let half_away = Finish::Round(Rounding::HalfAwayFromZero);
    reference::global_avg_pool(reference::Order::Sequential, [1, 7, 7], &dense, &mut want, half_away);
    let run = |y: &mut [i8]| {
        let input = View::nhwc(black_box(&x), [1, 7, 7, channels]).expect("a sound view");
        let output = &mut ViewMut::nhwc(y, [1, 1, 1, channels]).expect("a sound view");
        GlobalAvgPool::new().run(input, output).expect("a sound call");
    };
    run(&mut y);
    assert!(y == want && !Number::is_nan(y[0]), "gap_mbv2");
    compare(
        arguments,
        "i8_gap_mbv2",
        &mut [("memcpy", &mut || copy.copy_from_slice(black_box(&x))), ("kernel", &mut || run(&mut y))],
    );
}

fn main() {
    let arguments = Arguments::new();
    println!("shortest of {} samples; factor of the first", arguments.samples);
    let work = |name, average, dims, window, nhwc| Work { name, average, dims, window, nhwc };
    let same = |kernel, stride| Window::same_upper([kernel; 2], [stride; 2]);
    for nhwc in [true, false] {
        let layout = |nhwc_name, nchw_name| if nhwc { nhwc_name } else { nchw_name };
        let max = work(layout("max3s2_112_nhwc", "max3s2_112_nchw"), false, [112, 112, 64], same(3, 2), nhwc);
        let avg = work(layout("avg3s1_56_nhwc", "avg3s1_56_nchw"), true, [56, 56, 64], same(3, 1), nhwc);
        for work in [max, avg] {
            integers::<i8>(&arguments, "i8", work, |x| x as i8);
            integers::<u8>(&arguments, "u8", work, |x| x as u8);
            integers::<i16>(&arguments, "i16", work, |x| x);
        }
        let max2 = work(layout("max2s2_24_nhwc", "max2s2_24_nchw"), false, [24, 24, 64], Window::new([2, 2]), nhwc);
        integers::<i8>(&arguments, "i8", max2, |x| x as i8);
        for (name, window) in [
            (layout("avg2s2_56_nhwc", "avg2s2_56_nchw"), Window::new([2, 2])),
            (layout("avg3s1_56_nhwc", "avg3s1_56_nchw"), same(3, 1)),
            (layout("avg3s2_56_nhwc", "avg3s2_56_nchw"), same(3, 2)),
        ] {
            halves(&arguments, work(name, true, [56, 56, 64], window, nhwc));
        }
        for (name, dims, window) in [
            (layout("max2s2_vgg4_nhwc", "max2s2_vgg4_nchw"), [28, 28, 512], Window::new([2, 2])),
            (layout("max3s2_56_nhwc", "max3s2_56_nchw"), [56, 56, 192], Window::new([3, 3]).stride([2, 2])),
            (layout("max3s1_14_nhwc", "max3s1_14_nchw"), [14, 14, 480], same(3, 1)),
            (layout("max2s2_vgg1_nhwc", "max2s2_vgg1_nchw"), [224, 224, 64], Window::new([2, 2])),
        ] {
            indices(&arguments, work(name, false, dims, window, nhwc));
        }
    }
    global(&arguments);
}
