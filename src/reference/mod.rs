//! The textbook: every operation written from its formula, one element at a time.
//!
//! This is what the kernels are compared with, by tests and by fuzzing, and what a doubt about
//! a definition is settled with. It knows nothing of views, windows or lanes: it counts
//! taps in signed numbers, one by one, on dense `[batch, channels, depth, rows, cols]` arrays. It
//! is slow, and panics on arrays of the wrong length. Absent axes have extent 1 and kernel 1.
//!
//! Sums follow the order that the crate promises, so that results can be compared bit by bit. Sums of
//! integers are exact.

mod number;
mod tokens;

pub use number::{Finish, Number, Real, requantized};
pub use tokens::{attentive_statistics, dot, l2_normalize, max_sim, tokens};

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
    /// So many bins, each of the cells that its part of the input touches; the kernel is the input.
    Bins(i64),
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
            Size::Bins(output) => output,
        }
    }

    fn hit(&self, output: i64, tap: i64) -> Hit {
        if let Size::Bins(bins) = self.size {
            let cell = (output * self.input).div_euclid(bins) + tap;
            return if cell < ceil_div((output + 1) * self.input, bins) {
                Hit::Cell(cell as usize)
            } else {
                Hit::Beyond
            };
        }
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

impl Axis {
    /// The cell that a tap hits, if it does.
    fn cell(&self, output: i64, tap: i64) -> Option<usize> {
        match self.hit(output, tap) {
            Hit::Cell(cell) => Some(cell),
            _ => None,
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
    Fixed(i64),
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
fn each_output<T>(axes: &[Axis; 3], planes: usize, output: &mut [T], mut pool: impl FnMut(usize, [i64; 3]) -> T) {
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

/// The place of a cell in its plane.
fn place(axes: &[Axis; 3], [z, y, x]: [usize; 3]) -> usize {
    let [_, rows, cols] = axes.map(|axis| axis.input as usize);
    (z * rows + y) * cols + x
}

fn cell<T: Copy>(axes: &[Axis; 3], input: &[T], plane: usize, at: [usize; 3]) -> T {
    let cells: i64 = axes.iter().map(|axis| axis.input).product();
    input[plane * cells as usize + place(axes, at)]
}

/// The greatest of two; NaN if one is NaN, or, if `ignore_nan`, the other one.
fn greater<T: Number>(a: T, b: T, ignore_nan: bool) -> T {
    if a.is_nan() {
        return if ignore_nan { b } else { a };
    }
    if b.is_nan() {
        return if ignore_nan { a } else { b };
    }
    if a > b { a } else { b }
}

/// The greatest cell of each window; `empty` where a window has none.
pub fn max_pool<T: Number>(axes: &[Axis; 3], planes: usize, input: &[T], output: &mut [T], ignore_nan: bool, empty: T) {
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

/// Where in its plane each window has its greatest cell, the first of equal ones in row-major order. The last NaN
/// counts as greatest, or, if `ignore_nan` and there is nothing else, as the one. `None` without a cell.
pub fn max_pool_indices<T: Number>(
    axes: &[Axis; 3],
    planes: usize,
    input: &[T],
    indices: &mut [Option<usize>],
    ignore_nan: bool,
) {
    each_output(axes, planes, indices, |plane, at| {
        let rank = |place: usize, x: T| {
            if !x.is_nan() {
                return (1, 0);
            }
            (if ignore_nan { 0 } else { 2 }, place)
        };
        let mut best: Option<(usize, T)> = None;
        taps(axes, at, |_, hit, _| {
            let Some(hit) = hit else { return };
            let (here, x) = (place(axes, hit), cell(axes, input, plane, hit));
            let better = best.is_none_or(|(there, m)| {
                let (a, b) = (rank(here, x), rank(there, m));
                a > b || (a == b && (x > m || (x == m && here < there)))
            });
            if better {
                best = Some((here, x));
            }
        });
        best.map(|(place, _)| place)
    });
}

/// Lines, and columns, up to which the cells of a window are added column by column.
const FEW: i64 = 16;

/// The sum of a window's terms. If its cells lie on at most 16 lines and in at most 16 columns: those of a column in order, then the
/// columns; else all in row-major order, by [`Eights`]. With the numbers of real taps, of those in the input or its
/// padding, and of all. `None` without a cell.
fn window_sum<T: Number>(
    axes: &[Axis; 3],
    at: [i64; 3],
    term: impl Fn([usize; 3]) -> T::Sum,
) -> Option<(T::Sum, [i64; 3])> {
    let (sum, counts) = column_sums(axes, at, &term, T::add)?;
    let cells = |i: usize| (0..axes[i].kernel).filter_map(move |tap| axes[i].cell(at[i], tap));
    if cells(0).count() as i64 * cells(1).count() as i64 <= FEW && cells(2).count() as i64 <= FEW {
        return Some((sum, counts));
    }
    let mut eights = Eights::<T>::default();
    for z in cells(0) {
        for y in cells(1) {
            cells(2).for_each(|x| eights.take(term([z, y, x])));
        }
    }
    Some((eights.sum()?, counts))
}

/// A sum of any number of terms: eight after eight are added, neighbours first, then neighbours of these, then both halves; and
/// enter the total with what it lacks, which is what rounding took from it and is added after every 16 eights, and at the end.
/// What is left enters term by term.
#[derive(Debug)]
struct Eights<T: Number> {
    waiting: [T::Sum; 8],
    n: usize,
    done: usize,
    total: Option<[T::Sum; 2]>,
}

impl<T: Number> Default for Eights<T> {
    fn default() -> Self {
        Self { waiting: [T::ZERO; 8], n: 0, done: 0, total: None }
    }
}

impl<T: Number> Eights<T> {
    fn take(&mut self, term: T::Sum) {
        self.waiting[self.n] = term;
        self.n += 1;
        if self.n == 8 {
            let [a, b, c, d, e, f, g, h] = self.waiting;
            let halves = [[[a, b], [c, d]], [[e, f], [g, h]]].map(|half| {
                let [low, high] = half.map(|[a, b]| T::add(a, b));
                T::add(low, high)
            });
            self.enter(T::add(halves[0], halves[1]));
            (self.n, self.done) = (0, self.done + 1);
            if self.done.is_multiple_of(16) {
                self.total = self.total.map(T::settle);
            }
        }
    }

    fn enter(&mut self, term: T::Sum) {
        self.total = Some(match self.total {
            None => [term, T::ZERO],
            Some(total) => T::enter(total, term),
        });
    }

    /// Lets the terms that wait enter.
    fn rest(&mut self) {
        for term in self.waiting.into_iter().take(self.n) {
            self.enter(term);
        }
        self.n = 0;
    }

    fn sum(mut self) -> Option<T::Sum> {
        self.rest();
        self.total.map(|total| T::settle(total)[0])
    }
}

/// The sum column by column.
fn column_sums<S: Copy>(
    axes: &[Axis; 3],
    at: [i64; 3],
    term: impl Fn([usize; 3]) -> S,
    plus: impl Fn(S, S) -> S,
) -> Option<(S, [i64; 3])> {
    let (mut real, mut padded, mut all) = (0, 0, 0);
    let mut sum: Option<S> = None;
    let mut column_sum: Option<S> = None;
    let mut current = 0;
    let add = |sum: &mut Option<S>, term: Option<S>| {
        if let Some(term) = term {
            *sum = Some(sum.map_or(term, |sum| plus(sum, term)));
        }
    };
    taps(axes, at, |column, hit, inside| {
        if column != current {
            add(&mut sum, column_sum.take());
            current = column;
        }
        add(&mut column_sum, hit.map(&term));
        real += i64::from(hit.is_some());
        padded += i64::from(inside);
        all += 1;
    });
    add(&mut sum, column_sum);
    Some((sum?, [real, padded, all]))
}

/// The sum of each window's cells over the divisor; `empty` where a window has no cell. Cells of a
/// column are added in order, then the columns; of a window with more than 16 lines or columns of cells, eight after
/// eight in row-major order.
pub fn avg_pool<T: Number>(
    axes: &[Axis; 3],
    planes: usize,
    input: &[T],
    output: &mut [T],
    divisor: Divisor,
    finish: Finish,
    empty: T,
) {
    each_output(axes, planes, output, |plane, at| {
        let sum = window_sum::<T>(axes, at, |hit| cell(axes, input, plane, hit).widen());
        let Some((sum, [real, padded, all])) = sum else { return empty };
        let count = match divisor {
            Divisor::RealTaps => real,
            Divisor::InputAndPadding => padded,
            Divisor::FullWindow => all,
            Divisor::Fixed(n) => n,
        };
        T::finish(sum, count, real, finish)
    });
}

/// A norm: `(sum x^p)^(1/p)` of absolute values, or of values that are at least a floor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Norm {
    /// The exponent; infinity gives the maximum.
    pub p: f64,
    /// Whether the sum is divided by the number of cells.
    pub mean: bool,
    /// What values are raised to, instead of taking their absolute value.
    pub floor: Option<f64>,
}

impl Norm {
    fn base<S: Real>(&self, x: S) -> S {
        match self.floor.map(S::from_f64) {
            Some(floor) => {
                if x < floor {
                    floor
                } else {
                    x
                }
            }
            None => x.magnitude(),
        }
    }

    fn small_integer(&self) -> Option<i32> {
        (1..=8).find(|&n| f64::from(n) == self.p)
    }

    fn power<S: Real>(&self, x: S) -> S {
        let x = self.base(x);
        match self.small_integer() {
            Some(n) => (1..n).fold(x, |power, _| power * x),
            None => S::from_f64(libm::pow(x.to_f64(), self.p)),
        }
    }

    fn root<S: Real>(&self, sum: S) -> S {
        match self.small_integer() {
            Some(1) => sum,
            Some(2) => sum.square_root(),
            _ => S::from_f64(libm::pow(sum.to_f64(), 1.0 / self.p)),
        }
    }

    /// The norm of `count` values, whose powers add up to `sum`; where that may have overflowed or
    /// vanished, from the values scaled by their greatest, which come in row-major order.
    fn of<T: Number<Sum: Real>>(&self, sum: T::Sum, count: i64, values: impl Iterator<Item = T> + Clone) -> T {
        let count = if self.mean { count } else { 1 };
        let bases = values.map(|x| self.base(x.widen()).to_f64());
        let greatest = bases.clone().fold(0.0, |m: f64, x| if x > m || x.is_nan() { x } else { m });
        if self.p == f64::INFINITY {
            return T::narrow(greatest);
        }
        let norm = T::rounded(self.root(sum / T::Sum::from_f64(count as f64)));
        let [least, most] = T::Sum::SOUND.map(|exponent| libm::exp2(exponent / self.p));
        let size = norm.widen().to_f64();
        if (least <= size && size <= most) || greatest == 0.0 {
            return norm;
        }
        if !greatest.is_finite() {
            return T::narrow(greatest);
        }
        let sum: f64 = bases.map(|x| libm::pow(x / greatest, self.p)).sum();
        T::narrow(greatest * libm::pow(sum / count as f64, 1.0 / self.p))
    }
}

/// The norm of each window's cells; `empty` where a window has none.
pub fn lp_pool<T: Number<Sum: Real>>(
    axes: &[Axis; 3],
    planes: usize,
    input: &[T],
    output: &mut [T],
    norm: Norm,
    empty: T,
) {
    each_output(axes, planes, output, |plane, at| {
        let power = |hit| norm.power(cell(axes, input, plane, hit).widen());
        let Some((sum, [real, ..])) = window_sum::<T>(axes, at, power) else { return empty };
        let [depth, rows, cols] = core::array::from_fn(|i| (0..axes[i].kernel).map(move |tap| axes[i].hit(at[i], tap)));
        let hits = depth.flat_map(|z| {
            rows.clone().flat_map({
                let cols = cols.clone();
                move |y| cols.clone().map(move |x| [z, y, x])
            })
        });
        let values = hits.filter_map(|hit| match hit {
            [Hit::Cell(z), Hit::Cell(y), Hit::Cell(x)] => Some(cell(axes, input, plane, [z, y, x])),
            _ => None,
        });
        norm.of(sum, real, values)
    });
}

/// Values to the cells that `indices` name in the plane of each, and zero to all others.
pub fn max_unpool<T: Number>(planes: usize, input: &[T], indices: &[usize], output: &mut [T], zero: T) {
    output.fill(zero);
    let (pooled, cells) = (input.len() / planes, output.len() / planes);
    for (i, (&value, &index)) in input.iter().zip(indices).enumerate() {
        assert!(index < cells, "an index outside the plane");
        output[i / pooled * cells + index] = value;
    }
}

/// The order in which a whole image is summed, if it has more than 16 lines or more than 16 columns; else it is summed as a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Eight after eight, in row-major order: images whose innermost spatial stride is not 1.
    Sequential,
    /// Cell `i` to lane `i % 16`; a lane takes eight after eight of each 128 cells, and what is left after the last 128
    /// one by one. Then lane `j` with `j + 8`, `j + 4`, `j + 2`, `j + 1`.
    Lanes,
}

/// The sum of the terms of a plane of `extents`, which are as many as its cells, in the given order.
pub fn sum<T: Number>(order: Order, extents: [usize; 3], term: impl Fn(usize) -> T::Sum) -> T::Sum {
    let [depth, rows, cols] = extents;
    let cells = depth * rows * cols;
    if order == Order::Sequential || (depth * rows <= FEW as usize && cols <= FEW as usize) {
        let axes = extents.map(|n| Axis { input: n as i64, kernel: n as i64, ..Axis::ABSENT });
        let sum = window_sum::<T>(&axes, [0; 3], |at| term(place(&axes, at)));
        return sum.map_or(T::ZERO, |(sum, _)| sum);
    }
    let mut lanes: [Eights<T>; 16] = core::array::from_fn(|_| Eights::default());
    for i in 0..cells {
        if i == cells / 128 * 128 {
            lanes.iter_mut().for_each(Eights::rest);
        }
        if i < cells / 128 * 128 { lanes[i % 16].take(term(i)) } else { lanes[i % 16].enter(term(i)) }
    }
    for half in [8, 4, 2, 1] {
        for j in 0..half {
            if let ([a, a_lacks], Some([b, b_lacks])) = (lanes[j].total.expect("a cell"), lanes[j + half].total) {
                lanes[j].total = Some(T::enter([a, T::add(a_lacks, b_lacks)], b));
                lanes[j + half].total = None;
            }
        }
    }
    T::settle(lanes[0].total.expect("a cell"))[0]
}

/// The mean of each plane of `extents`.
pub fn global_avg_pool<T: Number>(order: Order, extents: [usize; 3], input: &[T], output: &mut [T], finish: Finish) {
    let cells = extents.iter().product::<usize>();
    for (plane, mean) in input.chunks_exact(cells).zip(output) {
        *mean = T::finish(sum::<T>(order, extents, |i| plane[i].widen()), cells as i64, cells as i64, finish);
    }
}

/// The greatest cell of each plane.
pub fn global_max_pool<T: Number>(planes: usize, input: &[T], output: &mut [T], ignore_nan: bool) {
    let cells = input.len() / planes;
    for (plane, greatest) in input.chunks_exact(cells).zip(output) {
        *greatest = plane.iter().copied().reduce(|a, b| greater(a, b, ignore_nan)).expect("planes have cells");
    }
}

/// The norm of each plane of `extents`.
pub fn global_lp_pool<T: Number<Sum: Real>>(
    order: Order,
    extents: [usize; 3],
    input: &[T],
    output: &mut [T],
    norm: Norm,
) {
    let cells = extents.iter().product::<usize>();
    for (plane, to) in input.chunks_exact(cells).zip(output) {
        let powers = sum::<T>(order, extents, |i| norm.power(plane[i].widen()));
        *to = norm.of(powers, cells as i64, plane.iter().copied());
    }
}
