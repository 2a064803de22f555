//! Real inputs with results that others computed: the pooling nodes of two trained networks by
//! ONNX Runtime, and the sentence embeddings of all-MiniLM-L6-v2 by sentence-transformers.

use lanepool::tokens::{Keep, L2_EPSILON, Mode, TokenPool, Tokens};
use lanepool::{GlobalAvgPool, Isa, MaxPool, View, ViewMut, Window};
use serde_json::Value;
use std::path::{Path, PathBuf};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn floats(path: &Path) -> Vec<f32> {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    bytes.as_chunks::<4>().0.iter().map(|&word| f32::from_le_bytes(word)).collect()
}

fn manifest(folder: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(folder.join("manifest.json")).unwrap()).unwrap()
}

fn numbers(value: &Value) -> Vec<usize> {
    value.as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).collect()
}

#[track_caller]
fn assert_close(got: &[f32], want: &[f32], tolerance: f32, what: impl std::fmt::Debug) {
    assert_eq!(got.len(), want.len());
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        assert!((got - want).abs() <= tolerance, "{what:?} {i}: got {got}, want {want}");
    }
}

#[test]
fn pooling_nodes_of_real_networks() {
    let folder = folder("tests/data/feature-maps");
    let (mut maxima, mut averages) = (0, 0);
    for node in manifest(&folder)["nodes"].as_array().unwrap() {
        let x = floats(&folder.join(node["input"].as_str().unwrap()));
        let want = floats(&folder.join(node["output"].as_str().unwrap()));
        let shape: [usize; 4] = numbers(&node["input_shape"]).try_into().unwrap();
        let output: [usize; 4] = numbers(&node["output_shape"]).try_into().unwrap();
        let input = View::nchw(&x, shape).unwrap();
        for isa in Isa::available() {
            let mut y = vec![0.0; want.len()];
            let view = &mut ViewMut::nchw(&mut y, output).unwrap();
            if node["op"] == "GlobalAveragePool" {
                GlobalAvgPool::new().run_on(isa, input, view).unwrap();
                assert_close(&y, &want, 1e-6, node);
                averages += 1;
            } else {
                assert_eq!(node["op"], "MaxPool");
                let attributes = &node["attributes"];
                let pair = |name: &str| -> [usize; 2] { numbers(&attributes[name]).try_into().unwrap() };
                let [top, left, bottom, right] = match &attributes["pads"] {
                    Value::Null => [0; 4],
                    pads => numbers(pads).try_into().unwrap(),
                };
                let window = Window::new(pair("kernel_shape")).stride(pair("strides"));
                let window = window.padding_each([[top, bottom], [left, right]]);
                MaxPool::new(window).run_on(isa, input, view).unwrap();
                crate::common::assert_same(&y, &want, true, node);
                maxima += 1;
            }
        }
    }
    let isas = Isa::available().count();
    assert_eq!((maxima, averages), (4 * isas, 10 * isas));
}

#[test]
fn sentence_embeddings() {
    let folder = folder("examples/data/minilm-tokens");
    let manifest = manifest(&folder);
    let dim = manifest["dim"].as_u64().unwrap() as usize;
    let tokens = floats(&folder.join("tokens.f32"));
    let modes = [("cls", Mode::First), ("lasttoken", Mode::Last), ("mean", Mode::Mean), ("max", Mode::Max)];
    for isa in Isa::available() {
        for (name, mode) in modes {
            let want = floats(&folder.join(format!("expect_{name}.f32")));
            let mut row = 0;
            for (count, want) in numbers(&manifest["token_counts"]).into_iter().zip(want.chunks_exact(dim)) {
                let sequence = Tokens::new(&tokens[row * dim..], [count, dim]).unwrap();
                let mut y = vec![0.0; dim];
                let pooled = TokenPool::new(mode).run_on(isa, sequence, Keep::all(), &mut y).unwrap();
                assert_eq!(pooled, if matches!(mode, Mode::Mean | Mode::Max) { count } else { 1 });
                assert_close(&y, want, 1e-6, (name, isa, row));
                row += count;
            }
            assert_eq!(row * dim, tokens.len());
        }
        let want = floats(&folder.join("final.f32"));
        let pool = TokenPool::new(Mode::Mean).l2_normalize(L2_EPSILON);
        let mut row = 0;
        for (count, want) in numbers(&manifest["token_counts"]).into_iter().zip(want.chunks_exact(dim)) {
            let sequence = Tokens::new(&tokens[row * dim..], [count, dim]).unwrap();
            let mut y = vec![0.0; dim];
            pool.run_on(isa, sequence, Keep::length(count), &mut y).unwrap();
            assert_close(&y, want, 1e-6, ("final", isa, row));
            row += count;
        }
    }
}

/// The padded batch: what the model left in the padding must not matter.
#[test]
fn padded_sentence_embeddings() {
    let folder = folder("examples/data/minilm-tokens");
    let dim = manifest(&folder)["dim"].as_u64().unwrap() as usize;
    let tokens = floats(&folder.join("padded_tokens.f32"));
    let mask = std::fs::read(folder.join("padded_mask.u8")).unwrap();
    let count = mask.len() / 6;
    assert_eq!(tokens.len(), 6 * count * dim);
    let weights: Vec<f32> = (1..=count).map(|t| t as f32).collect();
    for (name, mode) in [
        ("cls", Mode::First),
        ("lasttoken", Mode::Last),
        ("mean", Mode::Mean),
        ("max", Mode::Max),
        ("weightedmean", Mode::WeightedMean(&weights)),
    ] {
        let want = floats(&folder.join(format!("padded_expect_{name}.f32")));
        for ((tokens, mask), want) in
            tokens.chunks_exact(count * dim).zip(mask.chunks_exact(count)).zip(want.chunks_exact(dim))
        {
            let mut poisoned = tokens.to_vec();
            for (row, &keep) in poisoned.chunks_exact_mut(dim).zip(mask) {
                if keep == 0 {
                    row.fill(f32::NAN);
                }
            }
            let mut y = vec![0.0; dim];
            let sequence = Tokens::new(&poisoned, [count, dim]).unwrap();
            TokenPool::new(mode).run(sequence, Keep::mask(mask), &mut y).unwrap();
            assert_close(&y, want, 1e-6, name);
        }
    }
}

/// The README's table of attributes is that of `frameworks`, whose doctest checks every row.
#[test]
fn the_table_of_attributes_is_the_checked_one() {
    let table = include_str!("../../src/frameworks/mod.rs").lines().filter_map(|line| line.strip_prefix("//! "));
    let rows: Vec<_> = table.filter(|line| line.starts_with('|')).collect();
    assert!(rows.len() > 40);
    assert!(include_str!("../../README.md").contains(&rows.join("\n")), "the README has another table");
}
