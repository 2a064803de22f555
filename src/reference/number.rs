//! What the textbook knows of the element types.

use core::fmt::Debug;
use core::ops::{Div, Mul};

use crate::{Quantization, Rounding};

/// How the sum of a window becomes an element. Floats only ever divide.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Finish {
    /// The quotient, rounded.
    Round(Rounding),
    /// Codes of one quantisation to codes of another; the zero point is added before rounding to even, or after.
    Scale {
        /// Of the input.
        from: Quantization,
        /// Of the output.
        to: Quantization,
        /// Before?
        zero_first: bool,
    },
    /// The same with TFLite's multiplier and shift.
    FixedPoint {
        /// Of the input.
        from: Quantization,
        /// Of the output.
        to: Quantization,
    },
}

/// An element type.
pub trait Number: Copy + PartialOrd + Debug {
    /// What elements are summed in: floats in themselves or `f32`, integers in `i64`.
    type Sum: Copy + Debug;
    /// No sum.
    const ZERO: Self::Sum;

    /// Whether this is no number.
    fn is_nan(self) -> bool;
    /// The same value as a sum.
    fn widen(self) -> Self::Sum;
    /// The sum of both.
    fn add(a: Self::Sum, b: Self::Sum) -> Self::Sum;
    /// `[sum, what it lacks]`, with one more term.
    fn enter(total: [Self::Sum; 2], term: Self::Sum) -> [Self::Sum; 2];
    /// The same total, what its sum lacks added as far as it fits; what is not a number counts as nothing.
    fn settle(total: [Self::Sum; 2]) -> [Self::Sum; 2];
    /// The element for the sum of `real` taps over `count`.
    fn finish(sum: Self::Sum, count: i64, real: i64, finish: Finish) -> Self;
    /// The nearest element.
    fn narrow(x: f64) -> Self;
    /// The nearest element to a sum.
    fn rounded(sum: Self::Sum) -> Self;
}

/// What floats are summed in.
pub trait Real: Copy + PartialOrd + Mul<Output = Self> + Div<Output = Self> {
    /// Powers of two between which sums of powers have neither overflowed nor lost what counts.
    const SOUND: [f64; 2];
    /// Without its sign.
    fn magnitude(self) -> Self;
    /// The root, correctly rounded.
    fn square_root(self) -> Self;
    /// The same value.
    fn to_f64(self) -> f64;
    /// The nearest value.
    fn from_f64(x: f64) -> Self;
}

macro_rules! real {
    ($T:ident, $sound:expr, $abs:ident, $sqrt:ident) => {
        impl Real for $T {
            const SOUND: [f64; 2] = $sound;

            fn magnitude(self) -> $T {
                libm::$abs(self)
            }

            fn square_root(self) -> $T {
                libm::$sqrt(self)
            }

            fn to_f64(self) -> f64 {
                self as f64
            }

            fn from_f64(x: f64) -> $T {
                x as $T
            }
        }
    };
}
real!(f32, [-100.0, 120.0], fabsf, sqrtf);
real!(f64, [-900.0, 1000.0], fabs, sqrt);

macro_rules! float {
    ($T:ident, $Sum:ident, $widen:expr, $rounded:expr, $narrow:expr) => {
        impl Number for $T {
            type Sum = $Sum;
            const ZERO: $Sum = 0.0;

            fn is_nan(self) -> bool {
                $T::is_nan(self)
            }

            fn widen(self) -> $Sum {
                $widen(self)
            }

            fn add(a: $Sum, b: $Sum) -> $Sum {
                a + b
            }

            fn enter([sum, lacks]: [$Sum; 2], term: $Sum) -> [$Sum; 2] {
                // Knuth's TwoSum.
                let now = sum + term;
                let of_term = now - sum;
                [now, lacks + ((sum - (now - of_term)) + (term - of_term))]
            }

            fn settle([sum, lacks]: [$Sum; 2]) -> [$Sum; 2] {
                Self::enter([sum, 0.0], if lacks.is_nan() { 0.0 } else { lacks })
            }

            fn finish(sum: $Sum, count: i64, _: i64, _: Finish) -> $T {
                $rounded(sum / count as $Sum)
            }

            fn narrow(x: f64) -> $T {
                $narrow(x)
            }

            fn rounded(sum: $Sum) -> $T {
                $rounded(sum)
            }
        }
    };
}
float!(f32, f32, |x| x, |x| x, |x| x as f32);
float!(f64, f64, |x| x, |x| x, |x| x);
#[cfg(feature = "half")]
use half::{bf16, f16};
#[cfg(feature = "half")]
float!(f16, f32, f16::to_f32, f16::from_f32, f16::from_f64);
#[cfg(feature = "half")]
float!(bf16, f32, bf16::to_f32, bf16::from_f32, bf16::from_f64);

macro_rules! integer {
    ($($T:ident),*) => {$(
        impl Number for $T {
            type Sum = i64;
            const ZERO: i64 = 0;

            fn is_nan(self) -> bool {
                false
            }

            fn widen(self) -> i64 {
                i64::from(self)
            }

            fn add(a: i64, b: i64) -> i64 {
                a + b
            }

            fn enter([sum, lacks]: [i64; 2], term: i64) -> [i64; 2] {
                [sum + term, lacks]
            }

            fn settle(total: [i64; 2]) -> [i64; 2] {
                total
            }

            fn finish(sum: i64, count: i64, real: i64, finish: Finish) -> $T {
                let code = match finish {
                    Finish::Round(rounding) => round(sum, count, rounding),
                    Finish::Scale { from, to, zero_first } => scale(sum, count, real, from, to, zero_first),
                    Finish::FixedPoint { from, to } => fixed_point(sum, count, real, from, to),
                };
                code.clamp(i64::from($T::MIN), i64::from($T::MAX)) as $T
            }

            fn narrow(x: f64) -> $T {
                x as $T
            }

            fn rounded(sum: i64) -> $T {
                sum as $T
            }
        }
    )*};
}
integer!(i8, u8, i16);

/// The integer for `n / d`: the one below, unless the rest makes it the one above.
fn round(n: i64, d: i64, rounding: Rounding) -> i64 {
    let (n, d) = if d < 0 { (-n, -d) } else { (n, d) };
    let below = n.div_euclid(d);
    let twice = 2 * n.rem_euclid(d);
    let above = match rounding {
        _ if twice == 0 => false,
        Rounding::TowardZero => n < 0,
        Rounding::HalfUp => twice >= d,
        Rounding::HalfEven => twice > d || (twice == d && below % 2 != 0),
        Rounding::HalfAwayFromZero => twice > d || (twice == d && n > 0),
    };
    below + i64::from(above)
}

fn scale(sum: i64, count: i64, real: i64, from: Quantization, to: Quantization, zero_first: bool) -> i64 {
    let codes = (sum - i64::from(from.zero_point) * real) as f64;
    let quotient = codes * f64::from(from.scale) / (f64::from(to.scale) * count as f64);
    let zero = f64::from(to.zero_point);
    (if zero_first { libm::rint(quotient + zero) } else { libm::rint(quotient) + zero }) as i64
}

/// TFLite's reference `MEAN`: the ratio of the scales as `multiplier * 2^(exponent - 31)`, the division by
/// the count in the multiplier, then a rounding product and a rounding shift.
fn fixed_point(sum: i64, count: i64, real: i64, from: Quantization, to: Quantization) -> i64 {
    let mut exponent = 0;
    let mut fraction = f64::from(from.scale) / f64::from(to.scale);
    while fraction >= 1.0 {
        (fraction, exponent) = (fraction / 2.0, exponent + 1);
    }
    while fraction < 0.5 {
        (fraction, exponent) = (fraction * 2.0, exponent - 1);
    }
    let mut multiplier = libm::round(fraction * 2147483648.0) as i128;
    if multiplier == 2147483648 {
        (multiplier, exponent) = (1073741824, exponent + 1);
    }
    if exponent < -31 {
        (multiplier, exponent) = (0, 0);
    }
    let bits =
        (0..=32).take_while(|bits| 1i64 << bits <= count).last().unwrap_or(0).min(i64::from((31 + exponent).max(0)));
    let multiplier = (multiplier << bits) / i128::from(count);
    let exponent = exponent - bits as i32;
    let limit = |x: i128| x.clamp(i128::from(i32::MIN), i128::from(i32::MAX));
    let codes = limit(i128::from(sum - i64::from(from.zero_point) * real));
    let codes = limit(codes * (1i128 << exponent.clamp(0, 64)));
    let high = (codes * multiplier + 1073741824).div_euclid(2147483648) as i64;
    let shifted = match -exponent {
        right @ 1..=62 => round(high, 1 << right, Rounding::HalfAwayFromZero),
        right => {
            if right > 62 {
                0
            } else {
                high
            }
        }
    };
    shifted + i64::from(to.zero_point)
}

/// A code of one quantisation as the code of another.
pub fn requantized<T: Number<Sum = i64>>(code: T, from: Quantization, to: Quantization) -> T {
    T::finish(code.widen(), 1, 1, Finish::Scale { from, to, zero_first: false })
}
