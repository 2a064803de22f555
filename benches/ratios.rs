//! How the kernels compare with the memory: each workload beside a copy and a read of its input,
//! interleaved in one run, many short samples; minimum and median.
//!
//! `cargo bench --bench ratios` prints the table; an argument filters by name.

#[path = "common/mod.rs"]
mod common;

use common::race::{Arguments, race, read, repeat};
use common::{Work, workloads};
use lanepool::Isa;
use std::hint::black_box;

fn main() {
    let arguments = Arguments::new();
    let samples = arguments.samples;
    println!("microseconds, minimum / median of {samples} samples; factor = minimum over that of memcpy and of read");
    println!(
        "{:<26} {:>17} {:>17} {:>9} {:>17} {:>8} {:>6}",
        "workload", "memcpy", "read", "isa", "kernel", "/memcpy", "/read"
    );
    for mut work in workloads() {
        if arguments.want(&work.name) {
            work.check();
            measure(&mut work, samples);
        }
    }
}

fn measure(work: &mut Work, samples: usize) {
    let isas: Vec<_> = Isa::available().collect();
    let input = work.input.clone();
    let mut copy = vec![0.0f32; input.len()];
    let bytes: &[u8] = bytemuck::cast_slice(&input);
    let times = race(samples, repeat(bytes.len()), isas.len() + 2, |who| match who {
        0 => {
            copy.copy_from_slice(black_box(&input));
            black_box(&copy);
        }
        1 => read(&[bytes]),
        _ => work.run(isas[who - 2]),
    });
    for (isa, kernel) in isas.iter().zip(&times[2..]) {
        println!(
            "{:<26} {:>17} {:>17} {:>9} {:>17} {:>8.2} {:>6.2}",
            work.name,
            times[0].show(),
            times[1].show(),
            isa.name(),
            kernel.show(),
            kernel.minimum / times[0].minimum,
            kernel.minimum / times[1].minimum,
        );
    }
}
