//! Element types, and what counts as equal.

use half::{bf16, f16};
use lanepool::{Average, Element, Pool, Rounding};
use std::fmt::Debug;

/// Element types, with what the tests need to know of them.
pub trait Value: Element {
    /// As manifests call it.
    const NAME: &str;
    /// Fills outputs and gaps between them, so that what should not be written can be seen.
    const SENTINEL: Self;
    /// Fills gaps between inputs, so that reading one shows.
    const GAP: Self;
    /// Binary digits of a value, and the exponent of the least normal one; of floats.
    const DIGITS: i32;
    const LEAST_EXPONENT: i32;
    /// From 1 to the next greater number in the type that sums have.
    const SUM_EPSILON: f64;
    fn from_le(bytes: &[u8]) -> Self;
    fn to_f64(self) -> f64;
    /// The nearest value.
    fn from_f64(x: f64) -> Self;
    /// An average with a rounding, where the type has any.
    fn rounding<G>(pool: Pool<Average, Self, G>, _: Rounding) -> Pool<Average, Self, G> {
        pool
    }
}

macro_rules! float_value {
    ($($T:ident $name:literal: sums in $Sum:ident, $digits:expr, $exponent:expr, $to:expr, $from:expr;)*) => {$(
        impl Value for $T {
            const NAME: &str = $name;
            const SENTINEL: $T = $T::MAX;
            const GAP: $T = $T::NAN;
            const DIGITS: i32 = $digits;
            const LEAST_EXPONENT: i32 = $exponent;
            const SUM_EPSILON: f64 = $Sum::EPSILON as f64;

            fn from_le(bytes: &[u8]) -> $T {
                $T::from_le_bytes(bytes.try_into().expect("as many bytes as an element"))
            }

            fn to_f64(self) -> f64 {
                $to(self)
            }

            fn from_f64(x: f64) -> $T {
                $from(x)
            }
        }
    )*};
}
float_value! {
    f32 "f32": sums in f32, 24, -126, f64::from, |x| x as f32;
    f64 "f64": sums in f64, 53, -1022, |x| x, |x| x;
    f16 "f16": sums in f32, 11, -14, f16::to_f64, f16::from_f64;
    bf16 "bf16": sums in f32, 8, -126, bf16::to_f64, bf16::from_f64;
}

macro_rules! integer_value {
    ($($T:ident $name:literal),*) => {$(
        impl Value for $T {
            const NAME: &str = $name;
            const SENTINEL: $T = 113;
            const GAP: $T = $T::MAX;
            const DIGITS: i32 = 0;
            const LEAST_EXPONENT: i32 = 0;
            const SUM_EPSILON: f64 = 0.0;

            fn from_le(bytes: &[u8]) -> $T {
                $T::from_le_bytes(bytes.try_into().expect("as many bytes as an element"))
            }

            fn to_f64(self) -> f64 {
                self.into()
            }

            fn from_f64(x: f64) -> $T {
                x.round_ties_even() as $T
            }

            fn rounding<G>(pool: Pool<Average, $T, G>, rounding: Rounding) -> Pool<Average, $T, G> {
                pool.rounding(rounding)
            }
        }
    )*};
}
integer_value!(i8 "i8", u8 "u8", i16 "i16");

/// Whether values of `T` are codes.
pub fn is_integer<T: Value>() -> bool {
    T::DIGITS == 0
}

/// From a number of `T` as large as `x` to the next.
pub fn ulp<T: Value>(x: f64) -> f64 {
    let exponent = if x == 0.0 { T::LEAST_EXPONENT } else { (x.abs().log2().floor() as i32).max(T::LEAST_EXPONENT) };
    f64::powi(2.0, exponent - (T::DIGITS - 1))
}

/// How far an average of `taps` cells may lie from the true one, before it is rounded to `T`: each
/// addition and the division round once, relative to no more than the mean of `|x|`. A reference in f64
/// has the same error as we, if that is the type of sums.
pub fn mean_bound<T: Value>(taps: usize, mean_abs: f64) -> f64 {
    let two = if T::SUM_EPSILON == f64::EPSILON { 2.0 } else { 1.0 };
    two * taps as f64 * T::SUM_EPSILON * mean_abs
}

/// How far an Lp norm may lie from the true one. A power rounds up to `p` times, the sum `taps` times, all
/// of one sign, so that errors are relative to the sum; the root divides a relative error by `p`, which
/// is at least 1, and adds a few roundings of its own.
pub fn norm_bound<T: Value>(taps: usize, p: f64, norm: f64) -> f64 {
    let two = if T::SUM_EPSILON == f64::EPSILON { 2.0 } else { 1.0 };
    two * (taps as f64 + p + 4.0) * T::SUM_EPSILON * norm
}

/// Equal, any NaN to any NaN, either zero to the other.
#[allow(clippy::eq_op)]
pub fn same<T: PartialEq + Copy>(a: T, b: T) -> bool {
    a == b || (a != a && b != b)
}

pub fn exact<T: PartialEq + Copy + Debug>(got: &[T], want: &[T]) -> Result<(), String> {
    if got.len() != want.len() {
        return Err(format!("{} outputs, want {}", got.len(), want.len()));
    }
    let differ: Vec<_> = (0..got.len()).filter(|&i| !same(got[i], want[i])).collect();
    match differ.first() {
        None => Ok(()),
        Some(&i) => {
            Err(format!("output {i}: got {:?}, want {:?} ({} of {} differ)", got[i], want[i], differ.len(), got.len()))
        }
    }
}

/// The true results and how far from each a result may lie before it is rounded to the element type.
pub struct Near {
    pub want: Vec<f64>,
    pub bound: Vec<f64>,
}

impl Near {
    /// A NaN, or an infinity, must be one; else within the bound, and half a step of the type.
    pub fn check<T: Value>(&self, got: &[T]) -> Result<(), String> {
        let Self { want, bound } = self;
        if got.len() != want.len() || got.len() != bound.len() {
            return Err(format!("{} outputs, want {}", got.len(), want.len()));
        }
        for (i, got) in got.iter().map(|got| got.to_f64()).enumerate() {
            let (want, bound) = (want[i], bound[i]);
            let rounded = T::from_f64(want).to_f64();
            let fits = if rounded.is_finite() {
                (got - want).abs() <= bound + ulp::<T>(want.abs() + bound) / 2.0
            } else {
                same(got, rounded)
            };
            if !fits {
                return Err(format!("output {i}: got {got:?}, want {want:?} within {bound:e}"));
            }
        }
        Ok(())
    }
}
