//! The textbook: every operation written from its formula, one element at a time.
//!
//! This is what the kernels are compared with, by tests and by fuzzing, and what a doubt about
//! a definition is settled with. It knows nothing of views, windows or lanes: it counts
//! taps in signed numbers, one by one, on dense `[batch, channels, depth, rows, cols]` arrays. It
//! is slow, and panics on arrays of the wrong length. Absent axes have extent 1 and kernel 1.
//!
//! Sums follow the order that the crate promises, so that results can be compared bit by bit.

/// One axis of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Axis {
    /// Input cells.
    pub input: i64,
    /// Taps.
    pub kernel: i64,
    /// Cells between windows.
    pub stride: i64,
    /// Cells between taps.
    pub dilation: i64,
    /// Padding before the input.
    pub before: i64,
    /// Padding after the input.
    pub after: i64,
    /// How the number of windows is rounded.
    pub size: Size,
}

/// How many windows an axis has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// Rounded down.
    Floor,
    /// Rounded up, without a last window that starts after the input.
    Ceil,
    /// Rounded up.
    CeilUnclipped,
    /// As many as `input / stride` rounded up, padded evenly, the odd cell after the input.
    SameUpper,
    /// The same, the odd cell before the input.
    SameLower,
}

/// What a tap of a window hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hit {
    Cell(usize),
    Padding,
    Beyond,
}

fn ceil_div(a: i64, b: i64) -> i64 {
    -(-a).div_euclid(b)
}

impl Axis {
    /// The axis that an image does not have.
    pub const ABSENT: Self =
        Self { input: 1, kernel: 1, stride: 1, dilation: 1, before: 0, after: 0, size: Size::Floor };

    /// The padding that applies: the given one, or that of a SAME rule.
    fn padding(&self) -> (i64, i64) {
        let total = ((ceil_div(self.input, self.stride) - 1) * self.stride + self.span() - self.input).max(0);
        match self.size {
            Size::SameUpper => (total / 2, total - total / 2),
            Size::SameLower => (total - total / 2, total / 2),
            _ => (self.before, self.after),
        }
    }

    fn span(&self) -> i64 {
        self.dilation * (self.kernel - 1) + 1
    }

    /// The number of windows; zero or less if none fits.
    pub fn output(&self) -> i64 {
        let room = self.input + self.before + self.after - self.span();
        match self.size {
            Size::Floor => room.div_euclid(self.stride) + 1,
            Size::CeilUnclipped => ceil_div(room, self.stride) + 1,
            Size::Ceil => {
                let output = ceil_div(room, self.stride) + 1;
                let starts_after = (output - 1) * self.stride >= self.input + self.before;
                if starts_after { output - 1 } else { output }
            }
            Size::SameUpper | Size::SameLower => ceil_div(self.input, self.stride),
        }
    }

    fn hit(&self, output: i64, tap: i64) -> Hit {
        let (before, after) = self.padding();
        let position = output * self.stride - before + tap * self.dilation;
        if 0 <= position && position < self.input {
            Hit::Cell(position as usize)
        } else if -before <= position && position < self.input + after {
            Hit::Padding
        } else {
            Hit::Beyond
        }
    }
}

/// What an average divides by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Divisor {
    /// Taps inside the input.
    RealTaps,
    /// Taps inside the input or its padding.
    InputAndPadding,
    /// All taps.
    FullWindow,
    /// This number.
    Fixed(f32),
}

/// Calls `visit` for the taps of a window, column by column, with what each hits.
fn taps(axes: &[Axis; 3], [z, y, x]: [i64; 3], mut visit: impl FnMut(i64, Option<[usize; 3]>, bool)) {
    for column in 0..axes[2].kernel {
        for slice in 0..axes[0].kernel {
            for row in 0..axes[1].kernel {
                let hits = [axes[0].hit(z, slice), axes[1].hit(y, row), axes[2].hit(x, column)];
                match hits {
                    [Hit::Cell(z), Hit::Cell(y), Hit::Cell(x)] => visit(column, Some([z, y, x]), true),
                    _ => visit(column, None, !hits.contains(&Hit::Beyond)),
                }
            }
        }
    }
}

/// Calls `pool` with every output cell's plane and position, and stores what it returns.
fn each_output(axes: &[Axis; 3], planes: usize, output: &mut [f32], mut pool: impl FnMut(usize, [i64; 3]) -> f32) {
    let mut cells = output.iter_mut();
    for plane in 0..planes {
        for z in 0..axes[0].output() {
            for y in 0..axes[1].output() {
                for x in 0..axes[2].output() {
                    *cells.next().expect("an output for every window") = pool(plane, [z, y, x]);
                }
            }
        }
    }
    assert!(cells.next().is_none(), "a window for every output");
}

fn cell(axes: &[Axis; 3], input: &[f32], plane: usize, [z, y, x]: [usize; 3]) -> f32 {
    let [depth, rows, cols] = axes.map(|axis| axis.input as usize);
    input[((plane * depth + z) * rows + y) * cols + x]
}

/// The greatest of two; NaN if one is NaN, or, if `ignore_nan`, the other one.
fn greater(a: f32, b: f32, ignore_nan: bool) -> f32 {
    if a.is_nan() {
        return if ignore_nan { b } else { a };
    }
    if b.is_nan() {
        return if ignore_nan { a } else { b };
    }
    if a > b { a } else { b }
}

/// The greatest cell of each window; `empty` where a window has none.
pub fn max_pool(axes: &[Axis; 3], planes: usize, input: &[f32], output: &mut [f32], ignore_nan: bool, empty: f32) {
    each_output(axes, planes, output, |plane, at| {
        let mut greatest = None;
        taps(axes, at, |_, hit, _| {
            if let Some(hit) = hit {
                let x = cell(axes, input, plane, hit);
                greatest = Some(greatest.map_or(x, |m| greater(m, x, ignore_nan)));
            }
        });
        greatest.unwrap_or(empty)
    });
}

/// The sum of each window's cells over the divisor; `empty` where a window has no cell. Cells of a
/// column are added in order, then the columns.
pub fn avg_pool(axes: &[Axis; 3], planes: usize, input: &[f32], output: &mut [f32], divisor: Divisor, empty: f32) {
    each_output(axes, planes, output, |plane, at| {
        let (mut real, mut padded, mut all) = (0, 0, 0);
        let mut sum: Option<f32> = None;
        let mut column_sum: Option<f32> = None;
        let mut current = 0;
        taps(axes, at, |column, hit, inside| {
            if column != current {
                add(&mut sum, column_sum.take());
                current = column;
            }
            add(&mut column_sum, hit.map(|hit| cell(axes, input, plane, hit)));
            real += i64::from(hit.is_some());
            padded += i64::from(inside);
            all += 1;
        });
        add(&mut sum, column_sum);
        let Some(sum) = sum else { return empty };
        sum / match divisor {
            Divisor::RealTaps => real as f32,
            Divisor::InputAndPadding => padded as f32,
            Divisor::FullWindow => all as f32,
            Divisor::Fixed(n) => n,
        }
    });
}

/// Adds a term to a sum that may have none yet.
fn add(sum: &mut Option<f32>, term: Option<f32>) {
    if let Some(term) = term {
        *sum = Some(sum.map_or(term, |sum| sum + term));
    }
}

/// The order in which a whole image is summed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// One after the other: images whose innermost spatial stride is not 1.
    Sequential,
    /// Cell `i` to lane `i % 16`, then lane `j` with `j + 8`, `j + 4`, `j + 2`, `j + 1`.
    Lanes,
}

/// The sum of `x` in the given order.
pub fn sum(order: Order, x: impl Iterator<Item = f32>) -> f32 {
    match order {
        Order::Sequential => {
            let mut sum = None;
            x.for_each(|x| add(&mut sum, Some(x)));
            sum.unwrap_or(0.0)
        }
        Order::Lanes => {
            // Negative zero is what added to x gives x, for negative zero too.
            let mut lanes = [-0.0f32; 16];
            for (i, x) in x.enumerate() {
                lanes[i % 16] += x;
            }
            for half in [8, 4, 2, 1] {
                for j in 0..half {
                    lanes[j] += lanes[j + half];
                }
            }
            lanes[0]
        }
    }
}

/// The mean of each plane.
pub fn global_avg_pool(order: Order, planes: usize, input: &[f32], output: &mut [f32]) {
    let cells = input.len() / planes;
    for (plane, mean) in input.chunks_exact(cells).zip(output) {
        *mean = sum(order, plane.iter().copied()) / cells as f32;
    }
}

/// The greatest cell of each plane.
pub fn global_max_pool(planes: usize, input: &[f32], output: &mut [f32], ignore_nan: bool) {
    let cells = input.len() / planes;
    for (plane, greatest) in input.chunks_exact(cells).zip(output) {
        *greatest = plane.iter().copied().reduce(|a, b| greater(a, b, ignore_nan)).expect("planes have cells");
    }
}

/// How tokens become one vector.
#[derive(Clone, Copy, Debug)]
pub enum Mode<'a> {
    /// The first kept one.
    First,
    /// The last kept one.
    Last,
    /// The mean.
    Mean,
    /// The greatest of each dimension.
    Max,
    /// The mean by given weights.
    WeightedMean(&'a [f32]),
    /// The mean by the softmax of given scores.
    Attention(&'a [f32]),
}

/// Pools dense `[tokens, dim]` rows, of which `keep` says which count; returns how many did.
pub fn tokens(mode: Mode<'_>, input: &[f32], keep: &[bool], output: &mut [f32]) -> usize {
    let dim = output.len();
    let score = |t: usize| match mode {
        Mode::Attention(scores) => scores[t],
        _ => 0.0,
    };
    let is_kept = |t: &usize| keep[*t] && score(*t) != f32::NEG_INFINITY;
    let kept = || (0..keep.len()).filter(is_kept);
    let greatest = kept().map(score).fold(f32::NEG_INFINITY, |a, b| greater(a, b, true));
    let weight = |t: usize| match mode {
        Mode::WeightedMean(weights) => weights[t],
        Mode::Attention(scores) => libm::expf(scores[t] - greatest),
        _ => 1.0,
    };
    let total = sum(Order::Sequential, kept().map(weight));
    for (d, output) in output.iter_mut().enumerate() {
        let column = |t: usize| input[t * dim + d];
        let terms = || kept().map(|t| weight(t) * column(t));
        *output = match mode {
            Mode::First => kept().next().map_or(0.0, column),
            Mode::Last => kept().next_back().map_or(0.0, column),
            Mode::Max => kept().map(column).reduce(|a, b| greater(a, b, false)).unwrap_or(0.0),
            Mode::Mean | Mode::WeightedMean(_) | Mode::Attention(_) if total == 0.0 => 0.0,
            Mode::Mean | Mode::WeightedMean(_) | Mode::Attention(_) => sum(Order::Sequential, terms()) / total,
        };
    }
    match mode {
        Mode::First | Mode::Last => kept().count().min(1),
        _ => kept().count(),
    }
}

/// Divides a vector by its Euclidean length, or by `epsilon` if that is greater.
pub fn l2_normalize(vector: &mut [f32], epsilon: f32) {
    let length = libm::sqrtf(sum(Order::Lanes, vector.iter().map(|x| x * x)));
    let length = if length < epsilon { epsilon } else { length };
    vector.iter_mut().for_each(|x| *x /= length);
}
