//! Which tokens of a sequence count.

use super::check_length;
use crate::error::{Argument, AxisName, PoolError};
use bytemuck::cast_slice;
use core::convert::identity;
use core::ops::Range;

/// Which tokens of a sequence count. The others are never read.
///
/// There is no default: a padded sequence whose padding is pooled gives wrong vectors
/// without an error, so a caller without padding says [`Keep::all`].
///
/// With several sequences in one matrix of tokens, a mask covers all of its rows.
#[derive(Clone, Copy, Debug)]
pub struct Keep<'a> {
    kept: Kept<'a>,
    skip: usize,
}

/// As a caller has them.
#[derive(Clone, Copy, Debug)]
#[doc(hidden)]
pub enum Kept<'a> {
    All,
    Range(usize, usize),
    U8(&'a [u8]),
    Bool(&'a [bool]),
    I32(&'a [i32]),
    I64(&'a [i64]),
    F32(&'a [f32]),
}

/// A type of which masks are made: `bool`, integers of 8, 32 and 64 bits, `f32`. What is not zero (or false) is kept. Sealed.
pub trait MaskElement: Copy + sealed::Sealed {
    /// The mask.
    #[doc(hidden)]
    fn kept(mask: &[Self]) -> Kept<'_>;
    /// Whether this place keeps its token.
    #[doc(hidden)]
    fn keeps(&self) -> bool;
}

mod sealed {
    pub trait Sealed {}
}

// What is zero is so by its bits, but for floats: unsigned integers serve for signed ones, and the other way round.
macro_rules! masks {
    ($($T:ty: $Kind:ident, $nothing:expr, $same:expr;)*) => {$(
        impl sealed::Sealed for $T {}

        impl MaskElement for $T {
            fn kept(mask: &[$T]) -> Kept<'_> {
                Kept::$Kind($same(mask))
            }

            #[inline(always)]
            fn keeps(&self) -> bool {
                *self != $nothing
            }
        }
    )*};
}
masks! {
    u8: U8, 0, identity;
    i8: U8, 0, cast_slice;
    bool: Bool, false, identity;
    i32: I32, 0, identity;
    u32: I32, 0, cast_slice;
    i64: I64, 0, identity;
    u64: I64, 0, cast_slice;
    f32: F32, 0.0, identity;
}

impl<'a> Keep<'a> {
    /// Every token.
    pub const fn all() -> Self {
        Self { kept: Kept::All, skip: 0 }
    }

    /// The first `length` tokens.
    pub const fn length(length: usize) -> Self {
        Self { kept: Kept::Range(0, length), skip: 0 }
    }

    /// The tokens of a range.
    pub const fn range(range: Range<usize>) -> Self {
        Self { kept: Kept::Range(range.start, range.end), skip: 0 }
    }

    /// Tokens whose place in the mask is not zero, nor false; one place a token.
    pub fn mask<M: MaskElement>(mask: &'a [M]) -> Self {
        Self { kept: M::kept(mask), skip: 0 }
    }

    /// Leaves out the first `count` of the tokens that would be kept, of each sequence: a prompt. Positions go on
    /// counting from the first of them.
    pub const fn skip(mut self, count: usize) -> Self {
        self.skip = count;
        self
    }

    /// How many kept tokens are left out at the start of each sequence.
    pub(super) const fn skipped(&self) -> usize {
        self.skip
    }

    pub(super) fn check(&self, tokens: usize) -> Result<(), PoolError> {
        let given = match self.kept {
            Kept::All => return Ok(()),
            Kept::Range(start, end) if start <= end && end <= tokens => return Ok(()),
            Kept::Range(start, end) => {
                return Err(PoolError::Range { axis: AxisName::Tokens, start, end, len: tokens });
            }
            Kept::U8(mask) => mask.len(),
            Kept::Bool(mask) => mask.len(),
            Kept::I32(mask) => mask.len(),
            Kept::I64(mask) => mask.len(),
            Kept::F32(mask) => mask.len(),
        };
        check_length(Argument::Mask, tokens, given)
    }

    /// Whether token `t` is kept, but for those skipped.
    #[inline(always)]
    pub(super) fn keeps(&self, t: usize) -> bool {
        match self.kept {
            Kept::All => true,
            Kept::Range(start, end) => start <= t && t < end,
            Kept::U8(mask) => mask.get(t).is_some_and(MaskElement::keeps),
            Kept::Bool(mask) => mask.get(t).is_some_and(MaskElement::keeps),
            Kept::I32(mask) => mask.get(t).is_some_and(MaskElement::keeps),
            Kept::I64(mask) => mask.get(t).is_some_and(MaskElement::keeps),
            Kept::F32(mask) => mask.get(t).is_some_and(MaskElement::keeps),
        }
    }

    /// How many of a range are kept, with those that are to be skipped: at once, unless there is a mask to be read.
    pub(super) fn count(&self, mut range: Range<usize>) -> usize {
        match self.kept {
            Kept::All | Kept::Range(..) => self.run(&mut range),
            _ => self.indices(range).count(),
        }
    }

    /// The kept ones of a range of tokens, in order, with those that are to be skipped.
    #[inline(always)]
    pub(super) fn indices(self, range: Range<usize>) -> impl DoubleEndedIterator<Item = usize> + Clone + use<'a> {
        range.filter(
            #[inline(always)]
            move |&t| self.keeps(t),
        )
    }

    /// The part of a range in which kept tokens lie that are not to be skipped, and how many of it are still to be: at once, unless
    /// there is a mask to be read.
    #[inline(always)]
    pub(super) fn within(&self, mut range: Range<usize>) -> (Range<usize>, usize) {
        match self.kept {
            Kept::All | Kept::Range(..) => {
                let kept = self.run(&mut range);
                range.start += self.skip.min(kept);
                (range, 0)
            }
            _ => (range, self.skip),
        }
    }

    /// How many at the start of a range are kept; what is before or after all kept ones leaves the range.
    #[inline(always)]
    pub(super) fn run(self, range: &mut Range<usize>) -> usize {
        match self.kept {
            Kept::All => range.len(),
            Kept::Range(start, end) => {
                *range = range.start.max(start)..range.end.min(end);
                range.len()
            }
            Kept::U8(mask) => run_of(mask, range),
            Kept::Bool(mask) => run_of(mask, range),
            Kept::I32(mask) => run_of(mask, range),
            Kept::I64(mask) => run_of(mask, range),
            Kept::F32(mask) => run_of(mask, range),
        }
    }

    /// Writes the kept ones of a range to `into`, as [`fill`] does.
    #[inline(always)]
    pub(super) fn fill(self, range: &mut Range<usize>, into: &mut [usize]) -> usize {
        // One loop for each kind, so that none asks again at every token.
        match self.kept {
            Kept::All => fill_all(range, into),
            Kept::Range(start, end) => {
                *range = range.start.max(start)..range.end.min(end);
                fill_all(range, into)
            }
            Kept::U8(mask) => fill(range, into, |t| mask.get(t).is_some_and(MaskElement::keeps)),
            Kept::Bool(mask) => fill(range, into, |t| mask.get(t).is_some_and(MaskElement::keeps)),
            Kept::I32(mask) => fill(range, into, |t| mask.get(t).is_some_and(MaskElement::keeps)),
            Kept::I64(mask) => fill(range, into, |t| mask.get(t).is_some_and(MaskElement::keeps)),
            Kept::F32(mask) => fill(range, into, |t| mask.get(t).is_some_and(MaskElement::keeps)),
        }
    }
}

/// How many at the start of a range a mask keeps.
#[inline(always)]
fn run_of<M: MaskElement>(mask: &[M], range: &Range<usize>) -> usize {
    let places = mask.get(range.clone()).unwrap_or(&[]);
    places.iter().position(|place| !place.keeps()).unwrap_or(places.len())
}

/// Writes the numbers of a range that are kept to `into`, in order, until it is full; returns how many there are. What is
/// left of the range stays there.
#[inline(always)]
pub(super) fn fill(range: &mut Range<usize>, into: &mut [usize], keeps: impl Fn(usize) -> bool) -> usize {
    let mut n = 0;
    while n < into.len() && range.start < range.end {
        // Each is written to the next place, which it has only if it is kept: no processor foresees branches on a mask.
        let end = range.end.min(range.start.saturating_add(into.len() - n));
        for t in range.start..end {
            if let Some(to) = into.get_mut(n) {
                *to = t;
            }
            n += usize::from(keeps(t));
        }
        range.start = end;
    }
    n
}

/// The same where all are kept.
#[inline(always)]
fn fill_all(range: &mut Range<usize>, into: &mut [usize]) -> usize {
    let n = range.len().min(into.len());
    for (to, t) in into.iter_mut().zip(range.start..range.start + n) {
        *to = t;
    }
    range.start += n;
    n
}
