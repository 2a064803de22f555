//! Modes as types, for who knows the mode when compiling: a program links what it names and nothing else.
//!
//! ```
//! use lanepool::tokens::{Keep, TokenPool, Tokens, by};
//!
//! let sentence = Tokens::new(&[1.0f32, 5.0, 5.0, 3.0], [2, 2])?;
//! let mut embedding = [0.0; 2];
//! TokenPool::new(by::Mean).run(sentence, Keep::all(), &mut embedding)?;
//! assert_eq!(embedding, [3.0, 4.0]);
//! TokenPool::new(by::WeightedMean(&[1.0, 3.0])).run(sentence, Keep::all(), &mut embedding)?;
//! assert_eq!(embedding, [4.0, 3.5]);
//! # Ok::<(), lanepool::PoolError>(())
//! ```
//!
//! Each is the [`Mode`] of its name, where it is defined; the weights or scores of a mode that needs some are part of it.

use super::stream::Sums;
use super::{Mode, Positions};

/// One mode or several: a [`Mode`], an array of them, or a type of this module. Sealed.
pub trait Modes: Copy + core::fmt::Debug + sealed::Sealed {
    /// How many.
    #[doc(hidden)]
    const COUNT: usize;
    /// Whether they are known when compiling.
    #[doc(hidden)]
    const KNOWN: bool = true;
    /// What each of them knows besides its cells.
    #[doc(hidden)]
    type Sums: Copy + core::fmt::Debug + AsRef<[Sums]> + AsMut<[Sums]>;
    /// Nothing seen.
    #[doc(hidden)]
    const NOTHING: Self::Sums;
    /// Mode `i`.
    #[doc(hidden)]
    fn mode(&self, i: usize) -> Mode;
    /// The weights or scores that are part of them.
    #[doc(hidden)]
    fn weights(&self) -> Option<&[f32]> {
        None
    }
}

mod sealed {
    pub trait Sealed {}
}

impl<const K: usize> sealed::Sealed for [Mode; K] {}

impl<const K: usize> Modes for [Mode; K] {
    const COUNT: usize = K;
    const KNOWN: bool = false;
    type Sums = [Sums; K];
    const NOTHING: [Sums; K] = [Sums::NONE; K];

    fn mode(&self, i: usize) -> Mode {
        self.get(i).copied().unwrap_or(Mode::Sum)
    }
}

impl sealed::Sealed for Mode {}

impl Modes for Mode {
    const COUNT: usize = 1;
    const KNOWN: bool = false;
    type Sums = [Sums; 1];
    const NOTHING: [Sums; 1] = [Sums::NONE];

    fn mode(&self, _: usize) -> Mode {
        *self
    }
}

macro_rules! modes {
    ($($(#[$doc:meta])* $Name:ident $(<$w:lifetime>)? { $($fields:tt)* } |$by:ident| $mode:expr $(, weights |$of:ident| $weights:expr)?;)*) => {$(
        #[doc = concat!("[`Mode::", stringify!($Name), "`].")]
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $Name $(<$w>)? $($fields)*;

        impl $(<$w>)? sealed::Sealed for $Name $(<$w>)? {}

        impl $(<$w>)? Modes for $Name $(<$w>)? {
            const COUNT: usize = 1;
            type Sums = [Sums; 1];
            const NOTHING: [Sums; 1] = [Sums::NONE];

            #[inline(always)]
            fn mode(&self, _: usize) -> Mode {
                let $by = self;
                $mode
            }

            $(
                #[inline(always)]
                fn weights(&self) -> Option<&[f32]> {
                    let $of = self;
                    Some($weights)
                }
            )?
        }
    )*};
}
modes! {
    First {} |_by| Mode::First;
    Last {} |_by| Mode::Last;
    Sum {} |_by| Mode::Sum;
    Mean {} |_by| Mode::Mean;
    MeanSqrtLength {} |_by| Mode::MeanSqrtLength;
    PositionWeightedMean { (pub Positions) } |by| Mode::PositionWeightedMean(by.0);
    /// With one weight a token.
    WeightedSum<'w> { (pub &'w [f32]) } |_by| Mode::WeightedSum, weights |by| by.0;
    /// With one weight a token.
    WeightedMean<'w> { (pub &'w [f32]) } |_by| Mode::WeightedMean, weights |by| by.0;
    /// With one score a token.
    Attention<'w> { (pub &'w [f32]) } |_by| Mode::Attention, weights |by| by.0;
    Max {} |_by| Mode::Max;
    Min {} |_by| Mode::Min;
    /// With the least variance.
    MeanStd { (pub f32) } |by| Mode::MeanStd { floor: by.0 };
    /// With one weight a token, and the least variance.
    WeightedMeanStd<'w> { (pub &'w [f32], pub f32) } |by| Mode::WeightedMeanStd { floor: by.1 }, weights |by| by.0;
    /// With the exponent, and the least base.
    GeneralizedMean { (pub f32, pub f32) } |by| Mode::GeneralizedMean { p: by.0, floor: by.1 };
    LogSumExp {} |_by| Mode::LogSumExp;
    Splade {} |_by| Mode::Splade;
}
