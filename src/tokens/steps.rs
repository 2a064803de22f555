//! How one more token enters the partial results of its columns.

use super::exp::{exp, log_1p};
use crate::lanes::{Array, Floats, Register, Scalar};
use crate::reduce::{Norm, Reduce};

/// Rows merged per pass over the partial results: few enough that they are read on and on, and not column by column.
pub(super) const BLOCK: usize = 8;

/// A step from some tokens to one more.
pub trait Step: Copy {
    /// What a token brings along.
    type Weight: Copy + Default;
    /// Partial results: one vector, or several.
    type Acc<V: Copy>: Parts<V>;

    /// With the first token.
    fn first<L: Floats>(self, lanes: L, x: L::F, weight: Self::Weight) -> Self::Acc<L::F>;
    /// With one more.
    fn next<L: Floats>(self, lanes: L, acc: Self::Acc<L::F>, x: L::F, weight: Self::Weight) -> Self::Acc<L::F>;
    /// Whether it takes few instructions: then vectors side by side are worth their code; and whether it is common too, so that tiles
    /// of eight rows are.
    const LIGHT: bool = true;
    const TILED: bool = false;
    /// Rows that enter in one pass over the partial results.
    const ROWS: usize = BLOCK;
    /// Whether two tokens are better taken together than one after the other.
    const IN_PAIRS: bool = false;
    /// With two more.
    #[inline(always)]
    fn next_two<L: Floats>(
        self,
        lanes: L,
        acc: Self::Acc<L::F>,
        [x, y]: [L::F; 2],
        [a, b]: [Self::Weight; 2],
    ) -> Self::Acc<L::F> {
        self.next(lanes, self.next(lanes, acc, x, a), y, b)
    }
}

/// One or several of a kind.
pub trait Parts<P>: Copy {
    /// How many.
    const COUNT: usize;
    /// Each by its place.
    fn from_fn(f: impl FnMut(usize) -> P) -> Self;
    /// All in their order.
    fn each(self, f: impl FnMut(usize, P));
}

// Spelled out: in a large function, the compiler gives up on inlining loops over arrays of closures.
impl<P: Copy> Parts<P> for [P; 1] {
    const COUNT: usize = 1;

    #[inline(always)]
    fn from_fn(mut f: impl FnMut(usize) -> P) -> Self {
        [f(0)]
    }

    #[inline(always)]
    fn each(self, mut f: impl FnMut(usize, P)) {
        let [one] = self;
        f(0, one);
    }
}

impl<P: Copy> Parts<P> for [P; 2] {
    const COUNT: usize = 2;

    #[inline(always)]
    fn from_fn(mut f: impl FnMut(usize) -> P) -> Self {
        [f(0), f(1)]
    }

    #[inline(always)]
    fn each(self, mut f: impl FnMut(usize, P)) {
        let [one, two] = self;
        f(0, one);
        f(1, two);
    }
}

/// The last one.
#[derive(Clone, Copy)]
pub struct Copied;

impl Step for Copied {
    type Weight = ();
    type Acc<V: Copy> = [V; 1];

    #[inline(always)]
    fn first<L: Floats>(self, _: L, x: L::F, (): ()) -> [L::F; 1] {
        [x]
    }

    #[inline(always)]
    fn next<L: Floats>(self, _: L, _: [L::F; 1], x: L::F, (): ()) -> [L::F; 1] {
        [x]
    }
}

/// The sum.
#[derive(Clone, Copy)]
pub struct Add;

impl Step for Add {
    type Weight = ();
    type Acc<V: Copy> = [V; 1];
    const TILED: bool = true;

    #[inline(always)]
    fn first<L: Floats>(self, _: L, x: L::F, (): ()) -> [L::F; 1] {
        [x]
    }

    #[inline(always)]
    fn next<L: Floats>(self, lanes: L, [acc]: [L::F; 1], x: L::F, (): ()) -> [L::F; 1] {
        [lanes.add(acc, x)]
    }
}

/// The sum of products with weights.
#[derive(Clone, Copy)]
pub struct AddWeighted;

impl Step for AddWeighted {
    type Weight = f32;
    type Acc<V: Copy> = [V; 1];
    const TILED: bool = true;

    #[inline(always)]
    fn first<L: Floats>(self, lanes: L, x: L::F, weight: f32) -> [L::F; 1] {
        [lanes.mul(L::F::splat(lanes, weight), x)]
    }

    #[inline(always)]
    fn next<L: Floats>(self, lanes: L, [acc]: [L::F; 1], x: L::F, weight: f32) -> [L::F; 1] {
        [lanes.add(acc, lanes.mul(L::F::splat(lanes, weight), x))]
    }
}

/// A sum of products that shrinks before a product enters.
#[derive(Clone, Copy)]
pub struct AddRescaled;

/// The factor for the sum, and that for the token.
#[derive(Clone, Copy, Default)]
pub struct Rescale {
    pub(super) sum: f32,
    pub(super) token: f32,
}

impl Step for AddRescaled {
    type Weight = Rescale;
    type Acc<V: Copy> = [V; 1];
    const TILED: bool = true;

    #[inline(always)]
    fn first<L: Floats>(self, lanes: L, x: L::F, weight: Rescale) -> [L::F; 1] {
        AddWeighted.first(lanes, x, weight.token)
    }

    #[inline(always)]
    fn next<L: Floats>(self, lanes: L, [acc]: [L::F; 1], x: L::F, weight: Rescale) -> [L::F; 1] {
        AddWeighted.next(lanes, [lanes.mul(acc, L::F::splat(lanes, weight.sum))], x, weight.token)
    }
}

/// The greatest, of values or of their negatives.
#[derive(Clone, Copy)]
pub struct Greatest<const NEGATED: bool>;

impl<const NEGATED: bool> Step for Greatest<NEGATED> {
    type Weight = ();
    type Acc<V: Copy> = [V; 1];
    const TILED: bool = true;
    const IN_PAIRS: bool = true;

    #[inline(always)]
    fn first<L: Floats>(self, lanes: L, x: L::F, (): ()) -> [L::F; 1] {
        [if NEGATED { lanes.mul(x, L::F::splat(lanes, -1.0)) } else { x }]
    }

    #[inline(always)]
    fn next<L: Floats>(self, lanes: L, [acc]: [L::F; 1], x: L::F, (): ()) -> [L::F; 1] {
        let [x] = self.first(lanes, x, ());
        [lanes.maximum(acc, x)]
    }

    #[inline(always)]
    fn next_two<L: Floats>(self, lanes: L, [acc]: [L::F; 1], [x, y]: [L::F; 2], _: [(); 2]) -> [L::F; 1] {
        let ([x], [y]) = (self.first(lanes, x, ()), self.first(lanes, y, ()));
        [lanes.maximum_of_three(acc, x, y)]
    }
}

/// The sum and the greatest, in one read.
#[derive(Clone, Copy)]
pub struct AddAndGreatest;

impl Step for AddAndGreatest {
    type Weight = ();
    type Acc<V: Copy> = [V; 2];
    const TILED: bool = true;
    const IN_PAIRS: bool = true;

    #[inline(always)]
    fn first<L: Floats>(self, _: L, x: L::F, (): ()) -> [L::F; 2] {
        [x, x]
    }

    #[inline(always)]
    fn next<L: Floats>(self, lanes: L, [sum, greatest]: [L::F; 2], x: L::F, (): ()) -> [L::F; 2] {
        [lanes.add(sum, x), lanes.maximum(greatest, x)]
    }

    #[inline(always)]
    fn next_two<L: Floats>(self, lanes: L, [sum, greatest]: [L::F; 2], [x, y]: [L::F; 2], _: [(); 2]) -> [L::F; 2] {
        [lanes.add(lanes.add(sum, x), y), lanes.maximum_of_three(greatest, x, y)]
    }
}

/// The sum of products with weights, or of tokens that all weigh 1; and the sum of squared distances from the mean, by
/// Youngs and Cramer.
#[derive(Clone, Copy)]
pub struct Moments<const WEIGHTED: bool>;

/// What a token brings along for [`Moments`].
#[derive(Clone, Copy, Default)]
pub struct Moment {
    pub(super) weight: f32,
    /// The sum of the weights up to this one.
    pub(super) total: f32,
    /// `weight / (total * total before)`.
    pub(super) factor: f32,
}

impl<const WEIGHTED: bool> Moments<WEIGHTED> {
    #[inline(always)]
    fn weigh<L: Floats>(self, lanes: L, x: L::F, weight: f32) -> L::F {
        if WEIGHTED { lanes.mul(L::F::splat(lanes, weight), x) } else { x }
    }
}

impl<const WEIGHTED: bool> Step for Moments<WEIGHTED> {
    type Weight = Moment;
    type Acc<V: Copy> = [V; 2];

    #[inline(always)]
    fn first<L: Floats>(self, lanes: L, x: L::F, moment: Moment) -> [L::F; 2] {
        let sum = self.weigh(lanes, x, moment.weight);
        // A mean that is no number has no distances either.
        [sum, lanes.mul(lanes.add(sum, lanes.mul(sum, L::F::splat(lanes, -1.0))), L::F::splat(lanes, 0.0))]
    }

    #[inline(always)]
    fn next<L: Floats>(self, lanes: L, [sum, squares]: [L::F; 2], x: L::F, moment: Moment) -> [L::F; 2] {
        let sum = lanes.add(sum, self.weigh(lanes, x, moment.weight));
        let negative = lanes.mul(sum, L::F::splat(lanes, -1.0));
        let distance = lanes.add(lanes.mul(L::F::splat(lanes, moment.total), x), negative);
        let square = lanes.mul(distance, distance);
        [sum, lanes.add(squares, lanes.mul(L::F::splat(lanes, moment.factor), square))]
    }
}

/// The sum of powers; or, from where it reaches [`AddPower::FAR`], the norm so far, scaled and negated: no sum of powers is negative.
#[derive(Clone, Copy)]
pub struct AddPower(pub(super) Norm<f32>);

impl AddPower {
    /// Sums from here on are far on the way to infinity.
    const FAR: f32 = (1u128 << 120) as f32;
    /// What norms are kept in units of, as those of many numbers may exceed all of them: 2^32.
    const UNIT: f64 = (1u64 << 32) as f64;

    /// Whether a partial result is a sum of powers.
    #[inline(always)]
    fn is_sum(cell: f32) -> bool {
        (0.0..Self::FAR).contains(&cell)
    }

    /// Whether partial results are sums, and are with one more power: no power is negative.
    #[inline(always)]
    fn are_sums<L: Floats>(lanes: L, before: L::F, after: L::F) -> bool {
        let [mut cells, mut sums] = [<Array<f32, L> as bytemuck::Zeroable>::zeroed(); 2];
        before.store(lanes, &mut cells);
        after.store(lanes, &mut sums);
        cells
            .as_ref()
            .iter()
            .zip(sums.as_ref())
            .fold(true, |all, (cell, sum)| all & (*cell >= 0.0) & (*sum < Self::FAR))
    }

    fn exponent(self) -> f64 {
        self.0.exponent.value()
    }

    /// With one more element, where a sum may be far.
    #[cold]
    #[inline(never)]
    fn far(self, cell: f32, x: f32) -> f32 {
        let power = Reduce::<f32, Scalar>::lift(self.0, Scalar, x, 0);
        let sum = cell + power;
        if Self::is_sum(cell) && Self::is_sum(sum) {
            return sum;
        }
        self.of_norms(self.norm(cell), f64::from(self.0.base(x)))
    }

    /// The partial result of both.
    pub(super) fn both(self, a: f32, b: f32) -> f32 {
        if [a, b, a + b].into_iter().all(Self::is_sum) { a + b } else { self.of_norms(self.norm(a), self.norm(b)) }
    }

    fn of_norms(self, a: f64, b: f64) -> f32 {
        let (greater, less, p) = (if a > b { a } else { b }, if a > b { b } else { a }, self.exponent());
        if a.is_nan() || b.is_nan() {
            return f32::NAN;
        }
        // Two infinities have no ratio.
        let ratio = if less.is_infinite() { 1.0 } else { less / greater };
        (-greater * libm::pow(1.0 + libm::pow(ratio, p), 1.0 / p) / Self::UNIT) as f32
    }

    fn norm(self, cell: f32) -> f64 {
        if cell < 0.0 { -f64::from(cell) * Self::UNIT } else { libm::pow(cell.into(), 1.0 / self.exponent()) }
    }

    /// The result of `count` tokens.
    pub(super) fn mean(self, cell: f32, count: f32) -> f32 {
        if cell < 0.0 {
            return (self.norm(cell) / libm::pow(count.into(), 1.0 / self.exponent())) as f32;
        }
        self.0.root(cell / count)
    }
}

impl Step for AddPower {
    type Weight = ();
    type Acc<V: Copy> = [V; 1];
    const LIGHT: bool = false;

    #[inline(always)]
    fn first<L: Floats>(self, lanes: L, x: L::F, (): ()) -> [L::F; 1] {
        self.next(lanes, [L::F::splat(lanes, 0.0)], x, ())
    }

    #[inline(always)]
    fn next<L: Floats>(self, lanes: L, [acc]: [L::F; 1], x: L::F, (): ()) -> [L::F; 1] {
        let sums = lanes.add(acc, Reduce::<f32, L>::lift(self.0, lanes, x, 0));
        if Self::are_sums(lanes, acc, sums) {
            return [sums];
        }
        [acc.zip(x, lanes, |cell, x| self.far(cell, x))]
    }
}

/// The logarithm of the sum of exponentials.
#[derive(Clone, Copy)]
pub struct LogAddExp;

impl Step for LogAddExp {
    type Weight = ();
    type Acc<V: Copy> = [V; 1];
    const LIGHT: bool = false;
    // Each takes so long that columns must not wait for the row before.
    const ROWS: usize = 1;

    #[inline(always)]
    fn first<L: Floats>(self, _: L, x: L::F, (): ()) -> [L::F; 1] {
        [x]
    }

    #[inline(always)]
    fn next<L: Floats>(self, lanes: L, [acc]: [L::F; 1], x: L::F, (): ()) -> [L::F; 1] {
        [acc.zip(x, lanes, log_add_exp)]
    }
}

/// `ln(exp(a) + exp(b))`. NaN if either is NaN.
#[inline(always)]
pub(super) fn log_add_exp(a: f32, b: f32) -> f32 {
    let (greater, less) = if a > b { (a, b) } else { (b, a) };
    // Two equal infinities have no difference.
    let difference = if greater == less { 0.0 } else { less - greater };
    greater + log_1p(exp(difference))
}
