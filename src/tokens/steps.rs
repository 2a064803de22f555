//! How one more token enters the partial results of its columns.

use super::fold::{Entry, Parts};
use super::{TokenElement, Tokens};
use crate::lanes::{Floats, Lanes, Read, Register};
use crate::reduce::Norm;

/// A step from some tokens to one more.
pub(super) trait Step: Copy {
    /// What a token brings along.
    type Weight: Copy + Default;
    /// Partial results: one vector, or several.
    type Acc<V: Copy>: Parts<V>;

    /// With the first token.
    fn first<L: Floats>(self, lanes: L, x: L::F, weight: Self::Weight) -> Self::Acc<L::F>;
    /// With one more.
    fn next<L: Floats>(self, lanes: L, acc: Self::Acc<L::F>, x: L::F, weight: Self::Weight) -> Self::Acc<L::F>;
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

/// Tokens that enter by a step. A row is one of theirs.
#[derive(Clone, Copy)]
pub(super) struct Widened<'a, T, S> {
    pub(super) tokens: &'a Tokens<'a, T>,
    pub(super) step: S,
}

impl<T: TokenElement, L: Read<T>, S: Step> Entry<L> for Widened<'_, T, S> {
    type Item = T;
    type From = L::From;
    type V = L::F;
    type Weight = S::Weight;
    type Code = T::Code;
    type Part = L::F;
    type Acc = S::Acc<L::F>;
    const N: usize = <L as Lanes<f32>>::N;
    const IN_PAIRS: bool = S::IN_PAIRS;

    #[inline(always)]
    fn start(self, row: usize) -> usize {
        self.tokens.row(row)
    }

    #[inline(always)]
    fn code(self, row: usize) -> T::Code {
        self.tokens.code(row)
    }

    #[inline(always)]
    fn load(self, lanes: L, from: &L::From, code: T::Code) -> L::F {
        T::dequantize(lanes, from, code)
    }

    #[inline(always)]
    fn first(self, lanes: L, v: L::F, weight: S::Weight) -> Self::Acc {
        self.step.first(lanes, v, weight)
    }

    #[inline(always)]
    fn next(self, lanes: L, acc: Self::Acc, v: L::F, weight: S::Weight) -> Self::Acc {
        self.step.next(lanes, acc, v, weight)
    }

    #[inline(always)]
    fn next_two(self, lanes: L, acc: Self::Acc, rows: [L::F; 2], weights: [S::Weight; 2]) -> Self::Acc {
        self.step.next_two(lanes, acc, rows, weights)
    }
}

/// The last one.
#[derive(Clone, Copy)]
pub(super) struct Copied;

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
pub(super) struct Add;

impl Step for Add {
    type Weight = ();
    type Acc<V: Copy> = [V; 1];

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
pub(super) struct AddWeighted;

impl Step for AddWeighted {
    type Weight = f32;
    type Acc<V: Copy> = [V; 1];

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
pub(super) struct AddRescaled;

/// The factor for the sum, and that for the token.
#[derive(Clone, Copy, Default)]
pub(super) struct Rescale {
    pub(super) sum: f32,
    pub(super) token: f32,
}

impl Step for AddRescaled {
    type Weight = Rescale;
    type Acc<V: Copy> = [V; 1];

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
pub(super) struct Greatest<const NEGATED: bool>;

impl<const NEGATED: bool> Step for Greatest<NEGATED> {
    type Weight = ();
    type Acc<V: Copy> = [V; 1];
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
pub(super) struct AddAndGreatest;

impl Step for AddAndGreatest {
    type Weight = ();
    type Acc<V: Copy> = [V; 2];
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
pub(super) struct Moments<const WEIGHTED: bool>;

/// What a token brings along for [`Moments`].
#[derive(Clone, Copy, Default)]
pub(super) struct Moment {
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

/// The sum of powers.
#[derive(Clone, Copy)]
pub(super) struct AddPower(pub(super) Norm<f32>);

impl Step for AddPower {
    type Weight = ();
    type Acc<V: Copy> = [V; 1];

    #[inline(always)]
    fn first<L: Floats>(self, lanes: L, x: L::F, (): ()) -> [L::F; 1] {
        [x.map(
            lanes,
            #[inline(always)]
            |x| self.0.power(x),
        )]
    }

    #[inline(always)]
    fn next<L: Floats>(self, lanes: L, [acc]: [L::F; 1], x: L::F, (): ()) -> [L::F; 1] {
        let [power] = self.first(lanes, x, ());
        [lanes.add(acc, power)]
    }
}

/// The logarithm of the sum of exponentials.
#[derive(Clone, Copy)]
pub(super) struct LogAddExp;

impl Step for LogAddExp {
    type Weight = ();
    type Acc<V: Copy> = [V; 1];

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
pub(super) fn log_add_exp(a: f32, b: f32) -> f32 {
    if a.is_nan() || b.is_nan() {
        return f32::NAN;
    }
    let (greater, less) = if a > b { (a, b) } else { (b, a) };
    // Two equal infinities have no difference.
    if greater == less && greater.is_infinite() {
        return greater;
    }
    greater + libm::log1pf(libm::expf(less - greater))
}
