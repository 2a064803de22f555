//! The standard workloads, named after the networks they come from, each with its input, the
//! pool that runs it, and the reference that its answer is checked with.
#![allow(dead_code, unreachable_pub)] // each bench uses its part

pub mod race;

use lanepool::tokens::{Empty, Keep, L2_EPSILON, Mode, TokenPool, Tokens};
use lanepool::{AvgPool, Divisor, GlobalAvgPool, GlobalMaxPool, Isa, MaxPool, Shape, View, ViewMut, Window, reference};

/// Of no matter to floats.
const HALF_AWAY: reference::Finish = reference::Finish::Round(lanepool::Rounding::HalfAwayFromZero);

type Run = Box<dyn Fn(Isa, &[f32], &mut [f32])>;
type Reference = Box<dyn Fn(&[f32], &mut [f32])>;

/// A workload, ready to run.
pub struct Work {
    /// As in the table of the README, with the layout.
    pub name: String,
    /// In the workload's layout.
    pub input: Vec<f32>,
    output: Vec<f32>,
    run: Run,
    /// On the workload's layout too.
    reference: Reference,
}

impl Work {
    /// One call on a chosen instruction set.
    pub fn run(&mut self, isa: Isa) {
        (self.run)(isa, std::hint::black_box(&self.input), &mut self.output);
        std::hint::black_box(&self.output);
    }

    /// One call of the reference.
    pub fn run_reference(&mut self) {
        (self.reference)(std::hint::black_box(&self.input), &mut self.output);
        std::hint::black_box(&self.output);
    }

    /// That every instruction set gives the bits of the reference.
    pub fn check(&mut self) {
        let mut want = vec![0.0; self.output.len()];
        (self.reference)(&self.input, &mut want);
        for isa in Isa::available() {
            self.output.fill(f32::NAN);
            (self.run)(isa, &self.input, &mut self.output);
            assert_eq!(self.output, want, "{} on {isa}", self.name);
        }
    }
}

/// Numbers between -1 and 1, the same every time.
pub fn numbers(n: usize) -> Vec<f32> {
    let mut state = 1u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 8_388_608.0 - 1.0
    };
    std::iter::repeat_with(next).take(n).collect()
}

#[derive(Clone, Copy)]
enum Pool {
    Max,
    Avg(Divisor),
}

/// Name, operation, channels, rows and columns, kernel, stride, padding, ceil.
type Window2d = (&'static str, Pool, [usize; 3], usize, usize, usize, bool);

const WINDOWS: [Window2d; 10] = [
    ("max3s2_resnet", Pool::Max, [64, 112, 112], 3, 2, 1, false),
    ("max2s2_vgg1", Pool::Max, [64, 224, 224], 2, 2, 0, false),
    ("max2s2_vgg4", Pool::Max, [512, 28, 28], 2, 2, 0, false),
    ("max3s2_squeeze", Pool::Max, [192, 56, 56], 3, 2, 0, true),
    ("max3s1_incept", Pool::Max, [480, 14, 14], 3, 1, 1, false),
    ("max5s1_sppf", Pool::Max, [256, 20, 20], 5, 1, 2, false),
    ("max13s1_spp", Pool::Max, [512, 20, 20], 13, 1, 6, false),
    ("avg2s2_dense", Pool::Avg(Divisor::RealTaps), [256, 28, 28], 2, 2, 0, false),
    ("avg3s1_incept", Pool::Avg(Divisor::RealTaps), [192, 35, 35], 3, 1, 1, false),
    ("avg3s2_56", Pool::Avg(Divisor::InputAndPadding), [64, 56, 56], 3, 2, 1, false),
];

const GLOBALS: [(&str, bool, [usize; 3]); 4] = [
    ("gap_resnet", false, [2048, 7, 7]),
    ("gap_mbv2", false, [1280, 7, 7]),
    ("gap_big", false, [64, 112, 112]),
    ("gmax_512", true, [512, 7, 7]),
];

/// All spatial workloads in both layouts, and all token workloads.
pub fn workloads() -> Vec<Work> {
    let mut all = spatial();
    all.extend(tokens());
    all
}

/// The spatial workloads in both layouts.
pub fn spatial() -> Vec<Work> {
    let windows = WINDOWS.into_iter().flat_map(|work| [false, true].map(|nhwc| window(work, nhwc)));
    let globals = GLOBALS.into_iter().flat_map(|work| [false, true].map(|nhwc| global(work, nhwc)));
    windows.chain(globals).collect()
}

fn name(name: &str, nhwc: bool) -> String {
    format!("{name}_{}", if nhwc { "nhwc" } else { "nchw" })
}

fn view(data: &[f32], shape: Shape<2>, nhwc: bool) -> View<'_, f32, 2> {
    if nhwc { View::nhwc(data, shape) } else { View::nchw(data, shape) }.expect("a sound view")
}

fn view_mut(data: &mut [f32], shape: Shape<2>, nhwc: bool) -> ViewMut<'_, f32, 2> {
    if nhwc { ViewMut::nhwc(data, shape) } else { ViewMut::nchw(data, shape) }.expect("a sound view")
}

/// Dense NCHW of one image in the given layout, or back.
fn permute(data: &[f32], [channels, rows, cols]: [usize; 3], to_nchw: bool) -> Vec<f32> {
    let cells = rows * cols;
    let from = |i: usize| {
        let (c, cell) = (i / cells, i % cells);
        if to_nchw { cell * channels + c } else { (i % channels) * cells + i / channels }
    };
    (0..data.len()).map(|i| data[from(i)]).collect()
}

fn shape([channels, rows, cols]: [usize; 3]) -> Shape<2> {
    Shape { batch: 1, channels, spatial: [rows, cols] }
}

fn window((id, pool, dims, kernel, stride, padding, ceil): Window2d, nhwc: bool) -> Work {
    let mut window = Window::new([kernel; 2]).stride([stride; 2]).padding([padding; 2]);
    if ceil {
        window = window.ceil();
    }
    let [channels, rows, cols] = dims;
    let [out_rows, out_cols] = window.output_size([rows, cols]).expect("a window that fits");
    let out_dims = [channels, out_rows, out_cols];
    let run: Run = Box::new(move |isa, x, y| {
        let (x, mut y) = (view(x, shape(dims), nhwc), view_mut(y, shape(out_dims), nhwc));
        match pool {
            Pool::Max => MaxPool::new(window).run_on(isa, x, &mut y),
            Pool::Avg(divisor) => AvgPool::new(window).divisor(divisor).run_on(isa, x, &mut y),
        }
        .expect("a sound call");
    });
    let axis = |n: usize| reference::Axis {
        input: n as i64,
        kernel: kernel as i64,
        stride: stride as i64,
        dilation: 1,
        before: padding as i64,
        after: padding as i64,
        size: if ceil { reference::Size::Ceil } else { reference::Size::Floor },
    };
    let axes = [reference::Axis::ABSENT, axis(rows), axis(cols)];
    let dense: Reference = Box::new(move |x, y| match pool {
        Pool::Max => reference::max_pool(&axes, channels, x, y, false, 0.0),
        Pool::Avg(Divisor::InputAndPadding) => {
            reference::avg_pool(&axes, channels, x, y, reference::Divisor::InputAndPadding, HALF_AWAY, 0.0);
        }
        Pool::Avg(_) => reference::avg_pool(&axes, channels, x, y, reference::Divisor::RealTaps, HALF_AWAY, 0.0),
    });
    work(name(id, nhwc), dims, out_dims, nhwc, run, dense)
}

fn global((id, max, dims): (&'static str, bool, [usize; 3]), nhwc: bool) -> Work {
    let out_dims = [dims[0], 1, 1];
    let run: Run = Box::new(move |isa, x, y| {
        let (x, mut y) = (view(x, shape(dims), nhwc), view_mut(y, shape(out_dims), nhwc));
        if max { GlobalMaxPool::new().run_on(isa, x, &mut y) } else { GlobalAvgPool::new().run_on(isa, x, &mut y) }
            .expect("a sound call");
    });
    let order = if nhwc { reference::Order::Sequential } else { reference::Order::Lanes };
    let dense: Reference = Box::new(move |x, y| {
        if max {
            reference::global_max_pool(dims[0], x, y, false);
        } else {
            reference::global_avg_pool(order, [1, dims[1], dims[2]], x, y, HALF_AWAY);
        }
    });
    work(name(id, nhwc), dims, out_dims, nhwc, run, dense)
}

fn work(name: String, dims: [usize; 3], out_dims: [usize; 3], nhwc: bool, run: Run, dense: Reference) -> Work {
    let reference: Reference = Box::new(move |x, y| {
        if nhwc {
            let mut nchw = vec![0.0; y.len()];
            dense(&permute(x, dims, true), &mut nchw);
            y.copy_from_slice(&permute(&nchw, out_dims, false));
        } else {
            dense(x, y);
        }
    });
    let (input, output) = (numbers(dims.iter().product()), vec![0.0; out_dims.iter().product()]);
    Work { name, input, output, run, reference }
}

/// Name, mode, batch, tokens, dim, normalised.
const TOKENS: [(&str, Mode, [usize; 3], bool); 8] = [
    ("tok_mean_minilm", Mode::Mean, [1, 128, 384], false),
    ("tok_mean_base", Mode::Mean, [1, 512, 768], false),
    ("tok_mean_large", Mode::Mean, [1, 8192, 1024], false),
    ("tok_mean_batch", Mode::Mean, [32, 128, 384], false),
    ("tok_mean_l2", Mode::Mean, [1, 512, 768], true),
    ("tok_max_base", Mode::Max, [1, 512, 768], false),
    ("tok_wmean_base", Mode::WeightedMean, [1, 512, 768], false),
    ("tok_attn_base", Mode::Attention, [1, 512, 768], false),
];

/// The token workloads.
pub fn tokens() -> Vec<Work> {
    TOKENS
        .into_iter()
        .map(|(name, mode, [batch, tokens, dim], l2)| token_work(name, mode, batch, tokens, dim, l2))
        .collect()
}

fn token_work(name: &str, mode: Mode, batch: usize, tokens: usize, dim: usize, l2: bool) -> Work {
    let values: Vec<f32> = numbers(tokens).iter().map(|x| x + 1.0).collect();
    // All tokens are real in a single sequence, as in the rivals' figures; lengths differ in a batch.
    let mask = move |b: usize| -> Vec<u8> {
        let length = if batch == 1 { tokens } else { tokens / 4 + b * 37 % (tokens - tokens / 4 + 1) };
        (0..tokens).map(|t| u8::from(t < length)).collect()
    };
    let masks: Vec<_> = (0..batch).map(mask).collect();
    let run: Run = {
        let (values, masks) = (values.clone(), masks.clone());
        Box::new(move |isa, x, y| {
            let mut pool = TokenPool::new(mode).weights(&values);
            if l2 {
                pool = pool.l2_normalize(L2_EPSILON);
            }
            for ((x, y), mask) in x.chunks_exact(tokens * dim).zip(y.chunks_exact_mut(dim)).zip(&masks) {
                let sequence = Tokens::new(x, [tokens, dim]).expect("a sound sequence");
                pool.run_on(isa, sequence, Keep::mask(mask), y).expect("a sound call");
            }
        })
    };
    let reference: Reference = Box::new(move |x, y| {
        for ((x, y), mask) in x.chunks_exact(tokens * dim).zip(y.chunks_exact_mut(dim)).zip(&masks) {
            let keep: Vec<_> = mask.iter().map(|&keep| keep != 0).collect();
            reference::tokens(mode, x, &keep, &values, Empty::Zeros, y);
            if l2 {
                reference::l2_normalize(y, L2_EPSILON);
            }
        }
    });
    Work { name: name.into(), input: numbers(batch * tokens * dim), output: vec![0.0; batch * dim], run, reference }
}

/// Checks each workload's answer, then times it under every instruction set.
pub fn bench(criterion: &mut criterion::Criterion, workloads: Vec<Work>) {
    for mut work in workloads {
        work.check();
        let mut group = criterion.benchmark_group(&work.name);
        group.throughput(criterion::Throughput::Bytes(size_of_val(work.input.as_slice()) as u64));
        group.sample_size(20).measurement_time(std::time::Duration::from_secs(1));
        group.warm_up_time(std::time::Duration::from_millis(200));
        group.bench_function("reference", |bencher| bencher.iter(|| work.run_reference()));
        for isa in Isa::available() {
            group.bench_function(isa.name(), |bencher| bencher.iter(|| work.run(isa)));
        }
        group.finish();
    }
}
