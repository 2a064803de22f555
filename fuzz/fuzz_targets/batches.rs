//! Batches and bags by any numbers of several types: a call must be refused exactly if these do not fit, and then
//! nothing written. Otherwise each result must be that of the reference for its sequence alone, on every instruction
//! set. What should not be read is poisoned.
#![no_main]

#[path = "../../tests/suite/common.rs"]
mod common;

use arbitrary::Arbitrary;
use common::{Random, TOKEN_MODES, Value, assert_same, isas, leaves_zeros_open};
use half::f16;
use lanepool::tokens::{
    Bits, Converted, Empty, Encoded, Encoding, Ids, Keep, Mode, Offset, Positions, Sequences, TokenElement, TokenPool,
    Tokens, convert, pack_bits,
};
use lanepool::{PoolError, Quantization, reference};
use libfuzzer_sys::fuzz_target;
use std::{any::Any, ops::Range, sync::LazyLock};

/// More than the second cache holds: such rows are asked for before they are read.
static LARGE: LazyLock<Vec<i8>> = LazyLock::new(|| i8::random(&mut Random(1), (16 << 20) + 4099, false));
/// Sequences that are looked at. There may be more only where they have no elements.
const MOST: usize = 100;

#[derive(Arbitrary, Debug)]
struct Input {
    seed: u64,
    types: u8,
    mode: u8,
    rows: u8,
    dim: u8,
    kind: u8,
    numbers: Numbers,
    ids: Option<Numbers>,
    keep: u8,
    range: Numbers,
}

#[derive(Arbitrary, Debug)]
struct Numbers {
    count: u8,
    style: u8,
    strays: Vec<(u8, i64)>,
}

trait Number: Offset + TryFrom<i64> + 'static {}
impl<N: Offset + TryFrom<i64> + 'static> Number for N {}
trait Cell: Value + TokenElement + Into<f32> {}
impl<T: Value + TokenElement + Into<f32>> Cell for T {}

impl Numbers {
    fn are_any(&self) -> bool {
        self.style % 8 == 7
    }

    /// Some numbers up to `most`, in order or not; or any; and strays. None that the type cannot hold.
    fn draw<N: TryFrom<i64>>(&self, random: &mut Random, count: usize, most: usize) -> (Vec<i64>, Vec<N>) {
        let mut one = || match self.are_any() {
            true => (random.next() as i64 >> random.below(64)) << random.below(64),
            false => random.below(most + 1) as i64,
        };
        let mut numbers: Vec<i64> = (0..usize::from(self.count) % (count + 1)).map(|_| one()).collect();
        if self.style % 4 < 2 {
            numbers.sort_unstable();
        }
        for &(at, stray) in &self.strays {
            numbers.iter_mut().skip(at.into()).take(1).for_each(|number| *number = stray);
        }
        numbers.into_iter().filter_map(|n| Some((n, N::try_from(n).ok()?))).unzip()
    }
}

// Elements, ids, offsets and modes. All with all would take the compiler too long.
fuzz_target!(|input: Input| {
    let one = [TOKEN_MODES[usize::from(input.mode) % TOKEN_MODES.len()]];
    let (two, three) = ([Mode::Mean, Mode::Max], [Mode::First, Mode::Sum, Mode::Splade]);
    let (bits, halves) = ((Bits, 8, pack_bits as _), (Converted::<f16>::default(), 1, convert as _));
    match input.types % 8 {
        0 | 1 => check::<f32, i64, usize, _, _>(&input, one, halves),
        2 => check::<f32, i32, i64, _, _>(&input, two, bits),
        3 => check::<f32, usize, i32, _, _>(&input, three, halves),
        4 => check::<f16, u32, u32, _, _>(&input, one, bits),
        5 => check::<i8, u32, usize, _, _>(&input, two, halves),
        6 => check::<i8, i64, usize, _, _>(&input, three, halves),
        _ => check::<i8, i32, usize, _, _>(&input, one, bits),
    }
});

/// Where sequences lie by their definition, among `all`, if they are sound.
fn ranges(kind: u8, numbers: &[i64], [batch, each]: [usize; 2], all: usize) -> Option<Vec<Range<usize>>> {
    let start = |i: usize| i as i128 * each as i128;
    let range = |start: i128, end: i128| {
        let is_sound = 0 <= start && start <= end && end <= all as i128;
        is_sound.then_some(start as usize..end as usize)
    };
    let between = |ends: &[i64]| range(ends[0].into(), ends[1].into());
    match kind {
        0 if batch as u128 * each as u128 != all as u128 => None,
        0 => (0..batch.min(MOST)).map(|i| range(start(i), start(i + 1))).collect(),
        1 if numbers.iter().any(|&length| length as usize > each) => None,
        1 => (0..).map(start).zip(numbers).map(|(start, &length)| range(start, start + i128::from(length))).collect(),
        2 if numbers.is_empty() => None,
        2 => numbers.windows(2).map(between).collect(),
        3 => [numbers, &[all as i64]].concat().windows(2).map(between).collect(),
        _ => numbers.chunks_exact(2).map(between).collect(),
    }
}

/// One mode of one sequence of tokens `x`. The reference skips nothing; and positions, which count what is skipped, are
/// weights to it.
fn textbook(mode: Mode, x: &[f32], kept: &[bool], skip: usize, weights: &[f32], empty: Empty, y: &mut [f32]) -> usize {
    let mut read = kept.to_vec();
    read.iter_mut().filter(|read| **read).take(skip).for_each(|read| *read = false);
    let Mode::PositionWeightedMean(positions) = mode else {
        return reference::tokens(mode, x, &read, weights, empty, y);
    };
    let position = |t: usize| match positions {
        Positions::FromFirst => kept[..t].iter().skip_while(|kept| !**kept).count(),
        Positions::Kept => kept[..t].iter().filter(|kept| **kept).count(),
        Positions::Absolute => t,
    };
    let weights: Vec<f32> = (0..kept.len()).map(|t| position(t) as f32 + 1.0).collect();
    reference::tokens(Mode::WeightedMean, x, &read, &weights, empty, y)
}

/// Calls with floats, and with codes that stand for `elements` each, against the reference.
fn check<T: Cell, I: Number, O: Number, E: Encoding<Item: Value>, const K: usize>(
    input: &Input,
    modes: [Mode; K],
    (encoding, elements, encode): (E, usize, fn(&[f32], &mut [E::Item]) -> Result<(), PoolError>),
) {
    let mut random = Random(input.seed);
    let (rows, dim) = (usize::from(input.rows) % 81, usize::from(input.dim) % 71);
    let ids = input.ids.as_ref().map(|ids| ids.draw::<I>(&mut random, 100, rows.saturating_sub(1)));
    let all = ids.as_ref().map_or(rows, |(ids, _)| ids.len());
    let row = |t: usize| ids.as_ref().map_or(t, |(ids, _)| ids[t] as usize);
    let checked = ids.as_ref().map(|(_, ids)| Ids::check(ids, rows)).transpose();
    assert_eq!(checked.is_ok(), (0..all).all(|t| row(t) < rows));
    let Ok(bags) = checked else { return };
    let padding = random.below(99);
    let bags = bags.map(|bags| I::try_from(padding as i64).map_or(bags, |padding| bags.padding(padding)));

    let kind = input.kind % 5;
    let (exact, numbers) = input.numbers.draw::<O>(&mut random, 20, if kind < 2 { all / 8 } else { all });
    let [batch, each] = match exact[..] {
        [batch, each, ..] if input.numbers.are_any() => [batch as usize, each as usize],
        _ => [numbers.len(), all / numbers.len().max(1)],
    };
    let padded: Box<dyn Any> = Box::new(Sequences::padded(batch, each));
    let (kind, sequences) = match (kind, padded.downcast_ref()) {
        (0, Some(padded)) => (0, *padded),
        (0 | 1, _) => (1, Sequences::lengths(&numbers, each)),
        (2, _) => (2, Sequences::offsets(&numbers)),
        (3, _) => (3, Sequences::starts(&numbers)),
        _ => (4, Sequences::spans(numbers.as_chunks().0)),
    };

    // What is kept: a range, or a mask with runs. Of ids, all but padding.
    let (cuts, _) = input.range.draw::<i64>(&mut random, 2, all);
    let [start, end] = [cuts.first(), cuts.last()].map(|cut| cut.map_or(all, |&cut| cut as usize));
    let range = [0..all, 0..end, start..end].into_iter().nth((input.keep % 8).into());
    let (bits, length) = (random.next() | random.next(), 1 + random.below(40));
    let is_kept = |t: usize| match &range {
        Some(range) => range.contains(&t),
        None => bits >> (t / length % 64) & 1 == 1,
    };
    let mask: Vec<bool> = (0..all).map(is_kept).collect();
    let places = || mask.iter().map(|&keep| usize::from(keep)).enumerate();
    let bytes: Vec<u8> = places().map(|(i, keep)| (keep << (i % 8)) as u8).collect();
    let ints: Vec<i32> = places().map(|(i, keep)| (keep << (i % 32)) as i32).collect();
    let longs: Vec<i64> = places().map(|(i, keep)| (keep << (i % 64)) as i64).collect();
    let floats: Vec<f32> = places().map(|(i, keep)| [[0.0, -0.0], [f32::NAN, 1e-45]][keep][i % 2]).collect();
    let skip = [0, 0, 0, 1, 3, 33, usize::MAX][random.below(7)];
    let keep = match input.keep % 8 {
        0 => Keep::all(),
        1 => Keep::length(end),
        2 => Keep::range(start..end),
        3 => Keep::mask(&mask),
        4 => Keep::mask(&bytes),
        5 => Keep::mask(&ints),
        6 => Keep::mask(&longs),
        _ => Keep::mask(&floats),
    };
    let keep = keep.skip(skip);
    let (kept, skip) = match bags {
        Some(_) => ((0..all).map(|t| row(t) != padding).collect(), 0),
        None => (mask.clone(), skip),
    };

    // Whether all fits, and what is read then. All else is poison.
    let width = if random.below(2) == 0 { dim } else { random.below(dim + 2) };
    let parts = modes.iter().map(|mode| mode.parts()).sum::<usize>();
    let is_counted = random.below(2) == 0;
    let keep_fits = bags.is_some() || range.is_none_or(|range| range.start <= range.end && range.end <= all);
    let places = sequences.count().min(MOST);
    let places_fit = places == sequences.count() || width == 0 && !is_counted;
    let ranges = ranges(kind, &exact, [batch, each], all).filter(|_| keep_fits && places_fit && width <= dim);

    let is_wild = random.below(2) == 0;
    let mut weights = f32::random(&mut random, all, is_wild);
    let (mut is_read, mut is_row_read) = (vec![false; all], vec![false; rows]);
    for t in ranges.iter().flatten().flat_map(|range| range.clone().filter(|&t| kept[t]).skip(skip)) {
        is_read[t] = true;
        is_row_read[row(t)] |= modes != [Mode::Attention; K] || weights[t] != f32::NEG_INFINITY;
    }
    (0..all).filter(|&t| !is_read[t]).for_each(|t| weights[t] = f32::NAN);
    let large: Box<dyn Any> = Box::new(LARGE.as_slice());
    let large: Option<&'static [T]> = large.downcast_ref().copied().filter(|_| random.below(2) == 0);
    let stride = large.map_or(dim + random.below(9), |large| large.len() / rows.max(1));
    let mut own = match large {
        None if rows * dim > 0 => T::random(&mut random, (rows - 1) * stride + dim, is_wild),
        _ => Vec::new(),
    };
    for (row, is_read) in own.chunks_mut(stride.max(1)).zip(&is_row_read) {
        row.iter_mut().skip(if *is_read { width } else { 0 }).for_each(|x| *x = T::GAP);
    }
    let data = large.unwrap_or(&own);
    let (each_row, zero) = (random.below(2) == 0, random.below(256) as i32 - 128);
    let mut scale = |&is_read: &bool| if is_read { 0.01 + 0.03 * random.below(99) as f32 } else { f32::MAX };
    let scales: Vec<f32> = is_row_read.iter().map(|read| if each_row { scale(read) } else { 0.37 }).collect();
    let tokens = Tokens::with_stride(data, [rows, dim], stride).unwrap();
    let tokens = match each_row {
        true => tokens.quantized_rows(&scales, zero).unwrap(),
        false => tokens.quantized(Quantization::new(0.37, zero)).unwrap(),
    };
    let value = |row: usize, d: usize| match data[row * stride + d].into() {
        code if size_of::<T>() == 1 => scales[row] * (code - zero as f32),
        x => x,
    };

    // What must come; where a call is refused, that is what was there.
    let empty = [Empty::Zeros, Empty::Identity][random.below(2)];
    let (mut want, mut want_codes, mut want_counts) = (Vec::new(), Vec::new(), Vec::new());
    for range in ranges.iter().flatten().cloned() {
        let element = |i: usize| value(row(range.start + i / width), i % width);
        let x: Vec<f32> = (0..range.len() * width).map(element).collect();
        let (mut result, mut count) = (vec![0.0; width * parts], 0);
        let mut rest = &mut result[..];
        for mode in modes {
            let y = rest.split_off_mut(..width * mode.parts()).unwrap();
            count = count.max(textbook(mode, &x, &kept[range.clone()], skip, &weights[range.clone()], empty, y));
        }
        let mut codes = vec![E::Item::SENTINEL; result.len().div_ceil(elements)];
        encode(&result, &mut codes).unwrap();
        want.extend(result);
        want_codes.extend(codes);
        want_counts.push(if is_counted { count } else { usize::MAX });
    }
    want.resize(places * width * parts, f32::SENTINEL);
    want_codes.resize(places * (width * parts).div_ceil(elements), E::Item::SENTINEL);
    want_counts.resize(places, usize::MAX);

    let mut pool = TokenPool::concat(modes).empty(empty);
    if width != dim {
        pool = pool.truncate(width);
    }
    if random.below(2) == 0 || modes.iter().any(|mode| mode.needs_weights()) {
        pool = pool.weights(&weights);
    }
    let zeros = modes.into_iter().any(leaves_zeros_open);
    for isa in isas() {
        let (mut y, mut counts) = (vec![f32::SENTINEL; want.len()], vec![usize::MAX; places]);
        let counted = is_counted.then_some(&mut counts[..]);
        let done = match bags {
            None => pool.run_batch_on(isa, tokens, sequences, keep, &mut y, counted),
            Some(ids) => pool.run_bags_on(isa, tokens, ids, sequences, &mut y, counted),
        };
        assert_eq!((done.is_ok(), counts), (ranges.is_some(), want_counts.clone()), "{done:?} {modes:?} {isa}");
        assert_same(&y, &want, zeros, (modes, isa));
    }
    let (mut codes, mut counts) = (vec![E::Item::SENTINEL; want_codes.len()], vec![usize::MAX; places]);
    let encoded = Encoded { encoding, cells: &mut vec![f32::NAN; width * parts], output: &mut codes };
    let counted = is_counted.then_some(&mut counts[..]);
    let done = match bags {
        None => pool.run_batch_encoded(tokens, sequences, keep, encoded, counted),
        Some(ids) => pool.run_bags_encoded(tokens, ids, sequences, encoded, counted),
    };
    assert_eq!((done.is_ok(), counts), (ranges.is_some(), want_counts), "{done:?} {modes:?}");
    assert_same(&codes, &want_codes, zeros, modes);
}
