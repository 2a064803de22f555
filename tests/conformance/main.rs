//! Answers computed by others: PyTorch, ONNX Runtime, LiteRT and the data of CMSIS-NN, of which
//! every case is run on every instruction set and in several layouts.
//!
//! `tests/data/golden` is one set of the format `pool-golden-1`. `LANEPOOL_GOLDEN` names directories
//! (`:`-separated) of more of them, with other seeds; what they hold and this does not know (an
//! operation, element type, layout or attribute) is a failure, never a skip.
#![allow(unreachable_pub)] // a program has no public items

mod averages;
mod cmsis;
mod golden;
mod integers;
mod lay;
mod maxima;
mod set;
mod spatial;
mod taps;
mod tokens;
mod unpool;
mod value;

use lanepool::Isa;
use std::collections::BTreeMap;

/// Instruction sets to test. Those named in `LANEPOOL_REQUIRE_ISA` (`,`-separated) must be there,
/// so that a machine without one does not look like a pass.
pub fn isas() -> Vec<Isa> {
    let available: Vec<_> = Isa::available().collect();
    if let Ok(required) = std::env::var("LANEPOOL_REQUIRE_ISA") {
        for name in required.split(',').filter(|name| !name.is_empty()) {
            assert!(available.iter().any(|isa| isa.name() == name), "{name} is required, but only {available:?} ran");
        }
    }
    available
}

/// A file or directory of the tests' data.
pub fn data(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

/// What became of the cases of a set.
#[derive(Default)]
pub struct Report {
    passed: usize,
    failed: Vec<String>,
    /// How often a rule of our own was taken instead of the answer in the file.
    pub rules: Rules,
}

/// Rules, and how many outputs each decided.
#[derive(Default)]
pub struct Rules(BTreeMap<&'static str, usize>);

impl Rules {
    /// Notes that `rule` decided so many outputs.
    pub fn take(&mut self, rule: &'static str, outputs: usize) {
        if outputs > 0 {
            *self.0.entry(rule).or_default() += outputs;
        }
    }
}

impl Report {
    /// Runs one case; a panic of the library is a failure of the case like any other.
    pub fn case(&mut self, name: &str, run: impl FnOnce(&mut Rules) -> Result<(), String>) {
        let rules = &mut self.rules;
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(rules)));
        match outcome.unwrap_or_else(|_| Err("panicked, see above".into())) {
            Ok(()) => self.passed += 1,
            Err(error) => self.failed.push(format!("{name}: {error}")),
        }
    }

    /// Prints the numbers, and panics with all failures if there is one.
    pub fn finish(self, set: &str) {
        let (passed, failed) = (self.passed, self.failed.len());
        let ran: Vec<_> = isas().iter().map(|isa| isa.name()).collect();
        println!("{set}: {} cases, {passed} passed, {failed} failed, 0 skipped; ran on {ran:?}", passed + failed);
        for (rule, outputs) in self.rules.0 {
            println!("  by rule, {outputs} outputs: {rule}");
        }
        assert!(passed + failed > 0, "{set} has no cases");
        assert!(failed == 0, "{set}: {failed} cases failed\n{}", self.failed.join("\n"));
    }
}

fn golden_set(directory: &std::path::Path) {
    let mut report = Report::default();
    for case in set::read(directory) {
        report.case(&case.name(), |rules| golden::run(&case, rules));
    }
    report.finish(&directory.display().to_string());
}

#[test]
fn own_golden_set() {
    golden_set(&data("golden"));
}

#[test]
fn golden_sets_from_the_environment() {
    let sets = std::env::var("LANEPOOL_GOLDEN").unwrap_or_default();
    for directory in sets.split(':').filter(|directory| !directory.is_empty()) {
        golden_set(directory.as_ref());
    }
}

#[test]
fn cmsis_nn() {
    cmsis::cmsis_nn();
}

#[test]
fn mlperf_tiny() {
    cmsis::mlperf_tiny();
}
