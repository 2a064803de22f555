//! Real inputs with results that others computed: the pooling nodes of two trained networks by
//! ONNX Runtime, and the sentence embeddings of all-MiniLM-L6-v2 by sentence-transformers.

use lanepool::tokens::{self, Keep, L2_EPSILON, Mode, Positions, Sequences, TokenPool, Tokens};
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

const MODES: [(&str, Mode); 6] = [
    ("cls", Mode::First),
    ("lasttoken", Mode::Last),
    ("mean", Mode::Mean),
    ("max", Mode::Max),
    ("mean_sqrt_len_tokens", Mode::MeanSqrtLength),
    ("weightedmean", Mode::PositionWeightedMean(Positions::FromFirst)),
];

/// How far from what f64 or another order of additions gives: sums over the root of a length are the largest.
fn tolerance(mode: Mode) -> f32 {
    if mode == Mode::MeanSqrtLength { 1e-5 } else { 1e-6 }
}

/// Ragged, by offsets; and token by token.
#[test]
fn sentence_embeddings() {
    let folder = folder("examples/data/minilm-tokens");
    let manifest = manifest(&folder);
    let dim = manifest["dim"].as_u64().unwrap() as usize;
    let tokens = floats(&folder.join("tokens.f32"));
    let counts = numbers(&manifest["token_counts"]);
    let offsets = std::fs::read(folder.join("tokens_cu_seqlens.u32")).unwrap();
    let offsets: Vec<u32> = offsets.as_chunks::<4>().0.iter().map(|&word| u32::from_le_bytes(word)).collect();
    let rows = Tokens::new(&tokens, [tokens.len() / dim, dim]).unwrap();
    for isa in Isa::available() {
        for (name, mode) in MODES {
            let want = floats(&folder.join(format!("expect_{name}.f32")));
            let (mut y, mut pooled) = (vec![0.0; want.len()], vec![0; counts.len()]);
            let ragged = Sequences::offsets(&offsets);
            TokenPool::new(mode).run_batch_on(isa, rows, ragged, Keep::all(), &mut y, Some(&mut pooled)).unwrap();
            assert_close(&y, &want, tolerance(mode), (name, isa));
            let one = matches!(mode, Mode::First | Mode::Last);
            assert_eq!(pooled, if one { vec![1; counts.len()] } else { counts.clone() });
            let mut row = 0;
            for (&count, y) in counts.iter().zip(y.chunks_exact(dim)) {
                let mut streamed = vec![f32::NAN; dim];
                let mut state = TokenPool::new(mode).start(dim, &mut streamed).unwrap();
                for token in tokens[row * dim..(row + count) * dim].chunks_exact(dim) {
                    state.push(token).unwrap();
                }
                state.finish();
                assert_eq!(streamed, y, "{name}, {isa}, from token {row}");
                row += count;
            }
        }
        let want = floats(&folder.join("final.f32"));
        let mut y = vec![0.0; want.len()];
        let pool = TokenPool::new(Mode::Mean).l2_normalize(L2_EPSILON);
        pool.run_batch_on(isa, rows, Sequences::offsets(&offsets), Keep::all(), &mut y, None).unwrap();
        assert_close(&y, &want, 1e-6, ("final", isa));
    }
}

/// Codes and bits of the final embeddings, bit for bit.
#[test]
fn quantised_sentence_embeddings() {
    let folder = folder("examples/data/minilm-tokens");
    let dim = manifest(&folder)["dim"].as_u64().unwrap() as usize;
    let embeddings = floats(&folder.join("final.f32"));
    let ends = floats(&folder.join("quant_ranges.f32"));
    let ranges: Vec<[f32; 2]> = (0..dim).map(|d| [ends[d], ends[dim + d]]).collect();
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    let (uint8, int8, bits) = (read("quant_uint8.u8"), read("quant_int8.i8"), read("quant_ubinary.u8"));
    assert_eq!(embeddings.len(), uint8.len());
    for (i, x) in embeddings.chunks_exact(dim).enumerate() {
        let (mut codes, mut signed, mut packed) = (vec![0u8; dim], vec![0i8; dim], vec![0u8; dim.div_ceil(8)]);
        tokens::quantize_u8(x, &ranges, &mut codes).unwrap();
        tokens::quantize_i8(x, &ranges, &mut signed).unwrap();
        tokens::pack_bits(x, &mut packed).unwrap();
        assert_eq!(codes, uint8[i * dim..][..dim], "sentence {i}");
        assert_eq!(bytemuck::cast_slice::<i8, u8>(&signed), &int8[i * dim..][..dim], "sentence {i}");
        assert_eq!(packed, bits[i * packed.len()..][..packed.len()], "sentence {i}");
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
    for (name, mode) in MODES {
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
            assert_close(&y, want, tolerance(mode), name);
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
