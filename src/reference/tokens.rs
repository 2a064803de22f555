//! Tokens into one vector, as the definitions have it.

use super::{Norm, greater};
use crate::tokens::{Empty, Mode, Positions};

/// Pools dense `[tokens, dim]` rows, of which `keep` says which count; returns how many did. `weights` are one a token, if the mode
/// asks for them.
pub fn tokens(mode: Mode, input: &[f32], keep: &[bool], weights: &[f32], empty: Empty, output: &mut [f32]) -> usize {
    let dim = output.len() / mode.parts();
    let is_read = |&t: &usize| keep[t] && !(mode == Mode::Attention && weights[t] == f32::NEG_INFINITY);
    let kept = || (0..keep.len()).filter(is_read);
    let count = kept().count();
    if count == 0 {
        output.fill(of_nothing(mode, empty));
        return 0;
    }
    for d in 0..dim {
        let column = || kept().map(|t| input[t * dim + d]);
        match mode {
            Mode::MeanStd { floor } => {
                [output[d], output[dim + d]] = mean_and_deviation(column().map(|x| (x, 1.0)), floor);
            }
            Mode::WeightedMeanStd { floor } => {
                let weighted = kept().map(|t| (input[t * dim + d], weights[t]));
                [output[d], output[dim + d]] = mean_and_deviation(weighted, floor);
            }
            _ => output[d] = one(mode, input, keep, weights, dim, d, count),
        }
    }
    match mode {
        Mode::First | Mode::Last => 1,
        _ => count,
    }
}

fn of_nothing(mode: Mode, empty: Empty) -> f32 {
    match mode {
        _ if empty == Empty::Zeros => 0.0,
        Mode::Max | Mode::LogSumExp => f32::NEG_INFINITY,
        Mode::Min => f32::INFINITY,
        _ => 0.0,
    }
}

/// Dimension `d` of the result, for modes that have one part; `count` tokens are kept, at least one.
fn one(mode: Mode, input: &[f32], keep: &[bool], weights: &[f32], dim: usize, d: usize, count: usize) -> f32 {
    let kept = || (0..keep.len()).filter(|&t| keep[t]);
    let column = || kept().map(|t| input[t * dim + d]);
    let n = count as f32;
    let add = |terms: &mut dyn Iterator<Item = f32>| terms.reduce(|a, b| a + b).unwrap_or(0.0);
    let quotient = |sum: f32, by: f32| if by == 0.0 { 0.0 } else { sum / by };
    let greatest = |x: &mut dyn Iterator<Item = f32>| x.reduce(|a, b| greater(a, b, false)).unwrap_or(0.0);
    match mode {
        Mode::First => column().next().unwrap_or(0.0),
        Mode::Last => column().next_back().unwrap_or(0.0),
        Mode::Sum => add(&mut column()),
        Mode::Mean => add(&mut column()) / n,
        Mode::MeanSqrtLength => add(&mut column()) / libm::sqrtf(n),
        Mode::PositionWeightedMean(positions) => {
            let first = kept().next().unwrap_or(0);
            let weight = move |(i, t): (usize, usize)| match positions {
                Positions::FromFirst => (t - first + 1) as f32,
                Positions::Kept => (i + 1) as f32,
                Positions::Absolute => (t + 1) as f32,
            };
            let mut terms = kept().enumerate().map(|it| weight(it) * input[it.1 * dim + d]);
            quotient(add(&mut terms), add(&mut kept().enumerate().map(weight)))
        }
        Mode::WeightedSum => add(&mut kept().map(|t| weights[t] * input[t * dim + d])),
        Mode::WeightedMean => {
            quotient(add(&mut kept().map(|t| weights[t] * input[t * dim + d])), add(&mut kept().map(|t| weights[t])))
        }
        Mode::Attention => softmax_mean(
            kept().map(|t| (input[t * dim + d], weights[t])).filter(|&(_, score)| score != f32::NEG_INFINITY),
        ),
        Mode::Max => greatest(&mut column()),
        Mode::Min => -greatest(&mut column().map(|x| -x)),
        Mode::GeneralizedMean { p, floor } => {
            let norm = Norm { p: p.into(), mean: true, floor: Some(floor.into()) };
            generalized_mean(&norm, &mut column(), floor, n)
        }
        Mode::LogSumExp => column().reduce(log_add_exp).unwrap_or(0.0),
        Mode::Splade => libm::log1pf(greater(0.0, greatest(&mut column()), false)),
        Mode::MeanStd { .. } | Mode::WeightedMeanStd { .. } => unreachable!("these have two parts"),
    }
}

/// The sum of powers as long as it is below 2^120, and from there on the norm so far, in units of 2^32, rounded after each token.
fn generalized_mean(norm: &Norm, column: &mut dyn Iterator<Item = f32>, floor: f32, n: f32) -> f32 {
    const UNIT: f64 = (1u64 << 32) as f64;
    let p = norm.p;
    let (mut sum, mut far): (f32, Option<f32>) = (0.0, None);
    for x in column {
        if far.is_none() && sum + norm.power(x) < (1u128 << 120) as f32 {
            sum += norm.power(x);
            continue;
        }
        let base = f64::from(if x < floor { floor } else { x });
        let so_far = far.map_or(libm::pow(sum.into(), 1.0 / p), |far| f64::from(far) * UNIT);
        let (greater, less) = if so_far > base { (so_far, base) } else { (base, so_far) };
        let ratio = if less == f64::INFINITY { 1.0 } else { less / greater };
        let both = greater * libm::pow(1.0 + libm::pow(ratio, p), 1.0 / p);
        far = Some(if so_far.is_nan() || base.is_nan() { f32::NAN } else { (both / UNIT) as f32 });
    }
    match far {
        Some(far) => (f64::from(far) * UNIT / libm::pow(n.into(), 1.0 / p)) as f32,
        None => norm.root(sum / n),
    }
}

/// The mean by the softmax of scores, which come beside the values: relative to the greatest score so far, so
/// that sums shrink when a greater one comes.
fn softmax_mean(scored: impl Iterator<Item = (f32, f32)>) -> f32 {
    let mut so_far: Option<(f32, f32, f32)> = None;
    for (x, score) in scored {
        let (greatest, sum, total) = so_far.unwrap_or((f32::NEG_INFINITY, -0.0, -0.0));
        let (now, shrink) = if score > greatest { (score, libm::expf(greatest - score)) } else { (greatest, 1.0) };
        let weight = libm::expf(score - now);
        let sum = if so_far.is_none() { weight * x } else { sum * shrink + weight * x };
        so_far = Some((now, sum, total * shrink + weight));
    }
    so_far.map_or(0.0, |(_, sum, total)| sum / total)
}

/// Means and standard deviations of dense `[tokens, dim]` rows by the softmax of scores of the same shape, each column for
/// itself.
pub fn attentive_statistics(input: &[f32], scores: &[f32], keep: &[bool], floor: f32, output: &mut [f32]) {
    let dim = output.len() / 2;
    for d in 0..dim {
        let (mut greatest, mut total, mut sum, mut squares) = (f32::NEG_INFINITY, 0.0, 0.0, 0.0);
        for t in (0..keep.len()).filter(|&t| keep[t] && scores[t * dim + d] != f32::NEG_INFINITY) {
            let (x, score) = (input[t * dim + d], scores[t * dim + d]);
            let now = if score > greatest { score } else { greatest };
            let shrink = if greatest == f32::NEG_INFINITY { 0.0 } else { libm::expf(greatest - now) };
            let weight = libm::expf(score - now);
            let before = total * shrink;
            (greatest, total) = (now, before + weight);
            sum = sum * shrink + weight * x;
            let distance = total * x - sum;
            let factor = if total * before == 0.0 { 0.0 } else { weight / (total * before) };
            squares = squares * shrink + factor * (distance * distance);
        }
        let variance: f32 = if total == 0.0 { 0.0 } else { squares / total };
        output[d] = if total == 0.0 { 0.0 } else { sum / total };
        let deviation = libm::sqrtf(if variance < floor { floor } else { variance });
        output[dim + d] = if total == 0.0 { 0.0 } else { deviation };
    }
}

/// Mean and standard deviation of values with their weights: Youngs and Cramer, 1971.
fn mean_and_deviation(weighted: impl Iterator<Item = (f32, f32)>, floor: f32) -> [f32; 2] {
    let (mut sum, mut squares, mut total) = (0.0, 0.0, None);
    for (x, weight) in weighted {
        let Some(before) = total else {
            sum = weight * x;
            squares = if sum.is_finite() { 0.0 } else { f32::NAN };
            total = Some(weight);
            continue;
        };
        let now: f32 = before + weight;
        sum += weight * x;
        let distance = now * x - sum;
        let factor = if now * before == 0.0 { 0.0 } else { weight / (now * before) };
        squares += factor * (distance * distance);
        total = Some(now);
    }
    match total {
        None | Some(0.0) => [0.0; 2],
        Some(total) => {
            let variance = squares / total;
            [sum / total, libm::sqrtf(if variance < floor { floor } else { variance })]
        }
    }
}

/// `ln(exp(a) + exp(b))`.
fn log_add_exp(a: f32, b: f32) -> f32 {
    if a.is_nan() || b.is_nan() {
        return f32::NAN;
    }
    let greater = f32::max(a, b);
    if a == b && a.is_infinite() { a } else { greater + libm::log1pf(libm::expf(f32::min(a, b) - greater)) }
}

/// Divides a vector by its Euclidean length, or by `epsilon` if that is greater.
pub fn l2_normalize(vector: &mut [f32], epsilon: f32) {
    let length = libm::sqrtf(squares(vector));
    let length = if length < epsilon { epsilon } else { length };
    vector.iter_mut().for_each(|x| *x /= length);
}

/// The sum of the squares: element `i` to lane `i % 16`, then lane `j` with `j + 8`, `j + 4`, `j + 2`, `j + 1`.
fn squares(vector: &[f32]) -> f32 {
    // Negative zero: added to x it gives x, for negative zero too.
    let mut lanes = [-0.0; 16];
    for (i, x) in vector.iter().enumerate() {
        lanes[i % 16] += x * x;
    }
    for half in [8, 4, 2, 1] {
        for j in 0..half {
            lanes[j] += lanes[j + half];
        }
    }
    lanes[0]
}

/// The dot product: products enter lane `i % 16`, then lane `j` takes lane `j + 8`, `j + 4`, `j + 2`, `j + 1`.
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0; 16];
    for (i, (x, y)) in a.iter().zip(b).enumerate() {
        lanes[i % 16] += x * y;
    }
    for half in [8, 4, 2, 1] {
        for j in 0..half {
            lanes[j] += lanes[j + half];
        }
    }
    lanes[0]
}

/// The sum over the query's rows of `dim` elements of the greatest dot product with a row of the document; NaN wins, and a document
/// without rows gives 0.
pub fn max_sim<T>(query: &[T], document: &[T], dim: usize, dot: impl Fn(&[T], &[T]) -> f32) -> f32 {
    let greater = |a: f32, b: f32| if a.is_nan() || a > b { a } else { b };
    let greatest = |q: &[T]| document.chunks(dim).map(|d| dot(q, d)).reduce(greater);
    query.chunks(dim).filter_map(greatest).fold(0.0, |sum, greatest| sum + greatest)
}
