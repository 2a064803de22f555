//! How one more token enters the partial results of its columns.

use super::TokenElement;
use crate::kernel::rows::{Entry, Parts};
use crate::lanes::{Floats, Lanes, Read, Register};
use crate::reduce::Norm;
use core::marker::PhantomData;

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
}

/// Tokens of `T` that enter by `S`.
#[derive(Clone, Copy)]
pub(super) struct Widened<T, S>(S, PhantomData<T>);

impl<T, S> Widened<T, S> {
    pub(super) fn new(step: S) -> Self {
        Self(step, PhantomData)
    }
}

impl<T: TokenElement, L: Read<T>, S: Step> Entry<L> for Widened<T, S> {
    type Item = T;
    type From = L::From;
    type V = L::F;
    type Weight = (S::Weight, T::Code);
    type Part = L::F;
    type Acc = S::Acc<L::F>;
    const N: usize = <L as Lanes<f32>>::N;

    #[inline(always)]
    fn load(self, lanes: L, from: &L::From) -> L::F {
        lanes.read(from)
    }

    #[inline(always)]
    fn first(self, lanes: L, v: L::F, (weight, code): Self::Weight) -> Self::Acc {
        self.0.first(lanes, T::dequantize(lanes, v, code), weight)
    }

    #[inline(always)]
    fn next(self, lanes: L, acc: Self::Acc, v: L::F, (weight, code): Self::Weight) -> Self::Acc {
        self.0.next(lanes, acc, T::dequantize(lanes, v, code), weight)
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

    #[inline(always)]
    fn first<L: Floats>(self, lanes: L, x: L::F, (): ()) -> [L::F; 1] {
        [if NEGATED { lanes.mul(x, L::F::splat(lanes, -1.0)) } else { x }]
    }

    #[inline(always)]
    fn next<L: Floats>(self, lanes: L, [acc]: [L::F; 1], x: L::F, (): ()) -> [L::F; 1] {
        let [x] = self.first(lanes, x, ());
        [lanes.maximum(acc, x)]
    }
}

/// The sum of products, and the sum of squared distances from the mean, by Youngs and Cramer.
#[derive(Clone, Copy)]
pub(super) struct Moments;

/// What a token brings along for [`Moments`].
#[derive(Clone, Copy, Default)]
pub(super) struct Moment {
    pub(super) weight: f32,
    /// The sum of the weights up to this one.
    pub(super) total: f32,
    /// `weight / (total * total before)`.
    pub(super) factor: f32,
}

impl Step for Moments {
    type Weight = Moment;
    type Acc<V: Copy> = [V; 2];

    #[inline(always)]
    fn first<L: Floats>(self, lanes: L, x: L::F, moment: Moment) -> [L::F; 2] {
        let [sum] = AddWeighted.first(lanes, x, moment.weight);
        // A mean that is no number has no distances either.
        [sum, lanes.mul(lanes.add(sum, lanes.mul(sum, L::F::splat(lanes, -1.0))), L::F::splat(lanes, 0.0))]
    }

    #[inline(always)]
    fn next<L: Floats>(self, lanes: L, [sum, squares]: [L::F; 2], x: L::F, moment: Moment) -> [L::F; 2] {
        let [sum] = AddWeighted.next(lanes, [sum], x, moment.weight);
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
