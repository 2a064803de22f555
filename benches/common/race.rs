//! Contestants that take turns in one run, many short samples each; and the read that they are measured by.

use std::hint::black_box;
use std::time::Instant;

/// Samples of each contestant.
const SAMPLES: usize = 200;

/// What a bench that prints a table is asked for: `--test` takes one sample of each, any other argument filters by name.
pub struct Arguments {
    pub samples: usize,
    filter: Option<String>,
}

impl Arguments {
    pub fn new() -> Self {
        let arguments: Vec<_> = std::env::args().skip(1).collect();
        let test = arguments.iter().any(|argument| argument == "--test");
        let filter = arguments.into_iter().find(|argument| !argument.starts_with("--"));
        Self { samples: if test { 1 } else { SAMPLES }, filter }
    }

    /// Whether the filter lets a name pass.
    pub fn want(&self, name: &str) -> bool {
        self.filter.as_ref().is_none_or(|filter| name.contains(filter))
    }
}

/// Microseconds a call.
pub struct Times {
    pub minimum: f64,
    pub median: f64,
}

impl Times {
    /// Both of them.
    pub fn show(&self) -> String {
        let digits = if self.minimum < 1.0 { 3 } else { 2 };
        format!("{:.digits$} / {:.digits$}", self.minimum, self.median)
    }
}

/// Lets contestants take turns, each by its number; every sample is of `repeat` calls, after one that does not count.
pub fn race(samples: usize, repeat: usize, contestants: usize, mut run: impl FnMut(usize)) -> Vec<Times> {
    let mut times = vec![Vec::new(); contestants];
    for _ in 0..samples {
        for (who, times) in times.iter_mut().enumerate() {
            run(who);
            let start = Instant::now();
            for _ in 0..repeat {
                run(who);
            }
            times.push(start.elapsed().as_secs_f64() * 1e6 / repeat as f64);
        }
    }
    let sorted = |mut times: Vec<f64>| {
        times.sort_by(f64::total_cmp);
        Times { minimum: times[0], median: times[times.len() / 2] }
    };
    times.into_iter().map(sorted).collect()
}

/// How often what reads so many bytes is repeated in a sample, to be long enough for the clock.
pub fn repeat(bytes: usize) -> usize {
    (800_000 / bytes).clamp(1, 1000)
}

/// Adds up bytes as fast as memory gives them: the least time for any kernel that reads all of them. What exceeds a
/// multiple of 256 in a piece is not read.
pub fn read(pieces: &[&[u8]]) {
    let pieces = black_box(pieces);
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx2") {
            // SAFETY: AVX2 was just detected.
            return unsafe { read_avx2(pieces) };
        }
    }
    read_lanes(pieces);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn read_avx2(pieces: &[&[u8]]) {
    read_lanes(pieces);
}

#[inline(always)]
fn read_lanes(pieces: &[&[u8]]) {
    let mut lanes = [0u8; 256];
    for piece in pieces {
        for chunk in piece.as_chunks::<256>().0 {
            for (lane, byte) in lanes.iter_mut().zip(chunk) {
                *lane = lane.wrapping_add(*byte);
            }
        }
    }
    // Not added up: short reads would mostly measure that.
    black_box(lanes);
}
