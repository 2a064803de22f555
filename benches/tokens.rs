//! The token workloads: reference, then every instruction set; bytes of input per second.

#[path = "common/mod.rs"]
mod common;

use criterion::{Criterion, criterion_group, criterion_main};

fn bench(criterion: &mut Criterion) {
    common::bench(criterion, common::tokens());
}

criterion_group!(benches, bench);
criterion_main!(benches);
