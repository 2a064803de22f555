//! How the kernels compare with the memory: each workload beside a copy and a read of its input,
//! interleaved in one run, many short samples; minimum and median.
//!
//! `cargo bench --bench ratios` prints the table; an argument filters by name.

#[path = "common/mod.rs"]
mod common;

use common::{Work, workloads};
use lanepool::Isa;
use std::hint::black_box;
use std::time::Instant;

/// Samples of each contestant.
const SAMPLES: usize = 200;

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let test_mode = arguments.iter().any(|argument| argument == "--test");
    let filter = arguments.iter().find(|argument| !argument.starts_with("--"));
    let samples = if test_mode { 1 } else { SAMPLES };
    println!("microseconds, minimum / median of {samples} samples; factor = minimum over that of memcpy and of read");
    println!(
        "{:<26} {:>17} {:>17} {:>9} {:>17} {:>8} {:>6}",
        "workload", "memcpy", "read", "isa", "kernel", "/memcpy", "/read"
    );
    for mut work in workloads() {
        if filter.is_some_and(|filter| !work.name.contains(filter.as_str())) {
            continue;
        }
        work.check();
        measure(&mut work, samples);
    }
}

fn measure(work: &mut Work, samples: usize) {
    let isas: Vec<_> = Isa::available().collect();
    let input = work.input.clone();
    let mut copy = vec![0.0f32; input.len()];
    let mut times = vec![Vec::new(); isas.len() + 2];
    // Long enough for the clock: small workloads are repeated within a sample.
    let repeat = (200_000 / input.len()).clamp(1, 1000);
    let time = |into: &mut Vec<f64>, run: &mut dyn FnMut()| {
        run();
        let start = Instant::now();
        for _ in 0..repeat {
            run();
        }
        into.push(start.elapsed().as_secs_f64() * 1e6 / repeat as f64);
    };
    for _ in 0..samples {
        time(&mut times[0], &mut || {
            copy.copy_from_slice(black_box(&input));
            black_box(&copy);
        });
        time(&mut times[1], &mut || {
            black_box(common::read(black_box(&input)));
        });
        for (isa, times) in isas.iter().zip(&mut times[2..]) {
            time(times, &mut || work.run(*isa));
        }
    }
    for times in &mut times {
        times.sort_by(f64::total_cmp);
    }
    let show = |times: &Vec<f64>| format!("{:.2} / {:.2}", times[0], times[times.len() / 2]);
    for (isa, kernel) in isas.iter().zip(&times[2..]) {
        println!(
            "{:<26} {:>17} {:>17} {:>9} {:>17} {:>8.2} {:>6.2}",
            work.name,
            show(&times[0]),
            show(&times[1]),
            isa.name(),
            show(kernel),
            kernel[0] / times[0][0],
            kernel[0] / times[1][0],
        );
    }
}
