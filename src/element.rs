//! The element types, a list of its own: what a value is, what it is summed in, and what
//! divides a sum. How many of them fit a register is said in `lanes`.

use crate::dispatch::Lanewise;
use bytemuck::Pod;
use core::fmt::Debug;

/// A type that can be pooled. Sealed: the kernels know exactly these types.
///
/// | type | sums in | mean |
/// |---|---|---|
/// | `f32` | `f32` | correctly rounded quotient of sum and count |
pub trait Element: Lanewise + Pod + PartialOrd + Debug + Send + Sync {
    /// The type of a sum.
    type Sum: Pod + Debug;
    /// What a sum is divided by, prepared once per window.
    type Divisor: Copy + Debug;
    /// No value compares less.
    const LOWEST: Self;
    /// No value compares greater.
    const HIGHEST: Self;
    /// What a maximum over numbers starts from: NaN where there is one, else the lowest.
    #[doc(hidden)]
    const NO_NUMBER: Self;
    /// What a sum starts from: added to anything, it changes no bit.
    #[doc(hidden)]
    const NO_SUM: Self::Sum;

    /// The divisor for a mean over `count`, which is never zero.
    #[doc(hidden)]
    fn divisor(count: isize) -> Self::Divisor;
}

impl Element for f32 {
    type Sum = f32;
    type Divisor = f32;
    const LOWEST: f32 = f32::NEG_INFINITY;
    const HIGHEST: f32 = f32::INFINITY;
    const NO_NUMBER: f32 = f32::NAN;
    const NO_SUM: f32 = -0.0;

    #[inline(always)]
    fn divisor(count: isize) -> f32 {
        count as f32
    }
}
