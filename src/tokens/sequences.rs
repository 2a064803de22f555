//! Where the sequences of a batch lie among its tokens.

use crate::error::{Argument, AxisName, PoolError};
use core::ops::Range;

/// A type of offsets and token ids: `i32`, `u32`, `i64`, `usize`. Sealed.
pub trait Offset: Copy + sealed::Sealed {
    /// The same number, if it fits.
    #[doc(hidden)]
    fn to_usize(self) -> Option<usize>;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! offsets {
    ($($T:ty),*) => {$(
        impl sealed::Sealed for $T {}

        impl Offset for $T {
            #[inline(always)]
            fn to_usize(self) -> Option<usize> {
                usize::try_from(self).ok()
            }
        }
    )*};
}
offsets!(i32, u32, i64, usize);

/// Where the sequences of a batch lie among its tokens.
#[derive(Clone, Copy, Debug)]
pub struct Sequences<'a, O = usize>(By<'a, O>);

#[derive(Clone, Copy, Debug)]
enum By<'a, O> {
    Padded { batch: usize, tokens: usize },
    Lengths { lengths: &'a [O], tokens: usize },
    Offsets(&'a [O]),
    Starts(&'a [O]),
    Spans(&'a [[O; 2]]),
}

impl Sequences<'_> {
    /// `batch` sequences of `tokens` tokens each, one after the other; a mask says which count.
    pub const fn padded(batch: usize, tokens: usize) -> Self {
        Self(By::Padded { batch, tokens })
    }
}

impl<'a, O: Offset> Sequences<'a, O> {
    /// Sequences that start `tokens` tokens apart, of which the first `lengths[i]` tokens belong to sequence `i`.
    pub const fn lengths(lengths: &'a [O], tokens: usize) -> Self {
        Self(By::Lengths { lengths, tokens })
    }

    /// Sequence `i` from `offsets[i]` to below `offsets[i + 1]`: `cu_seqlens`, with one more entry than there are
    /// sequences.
    pub const fn offsets(offsets: &'a [O]) -> Self {
        Self(By::Offsets(offsets))
    }

    /// Sequence `i` from `starts[i]` to where the next starts, and the last to the end: PyTorch's `EmbeddingBag` without
    /// `include_last_offset`.
    pub const fn starts(starts: &'a [O]) -> Self {
        Self(By::Starts(starts))
    }

    /// Spans from `[start, end)`, in any order; they may overlap (late chunking).
    pub const fn spans(spans: &'a [[O; 2]]) -> Self {
        Self(By::Spans(spans))
    }

    /// How many sequences there are.
    pub const fn count(&self) -> usize {
        match self.0 {
            By::Padded { batch, .. } => batch,
            By::Lengths { lengths, .. } => lengths.len(),
            By::Offsets(offsets) => offsets.len().saturating_sub(1),
            By::Starts(starts) => starts.len(),
            By::Spans(spans) => spans.len(),
        }
    }

    /// The tokens of sequence `i` among `all`; `None` if there are no such.
    #[inline(always)]
    pub(super) fn range(&self, i: usize, all: usize) -> Option<Range<usize>> {
        let [start, end] = match self.0 {
            By::Padded { tokens, .. } => {
                let start = i.checked_mul(tokens)?;
                [start, start.checked_add(tokens)?]
            }
            By::Lengths { lengths, tokens } => {
                let (start, length) = (i.checked_mul(tokens)?, lengths.get(i)?.to_usize()?);
                if length > tokens {
                    return None;
                }
                [start, start.checked_add(length)?]
            }
            By::Offsets(offsets) => [offsets.get(i)?.to_usize()?, offsets.get(i + 1)?.to_usize()?],
            By::Starts(starts) => {
                [starts.get(i)?.to_usize()?, starts.get(i + 1).map_or(Some(all), |&start| start.to_usize())?]
            }
            By::Spans(spans) => {
                let &[start, end] = spans.get(i)?;
                [start.to_usize()?, end.to_usize()?]
            }
        };
        (start <= end && end <= all).then_some(start..end)
    }

    /// Whether every sequence lies within `tokens` tokens.
    pub(super) fn check(&self, tokens: usize) -> Result<(), PoolError> {
        if let By::Offsets([]) = self.0 {
            return Err(PoolError::TooShort { argument: Argument::Sequences, needed: 1, given: 0 });
        }
        if let By::Padded { batch, tokens: each } = self.0 {
            let expected = batch.checked_mul(each).ok_or(PoolError::Overflow { axis: AxisName::Batch })?;
            let (argument, axis) = (Argument::Input, AxisName::Tokens);
            return if expected == tokens {
                Ok(())
            } else {
                Err(PoolError::Shape { argument, axis, expected, given: tokens })
            };
        }
        match (0..self.count()).find(|&i| self.range(i, tokens).is_none()) {
            Some(sequence) => Err(PoolError::Sequence { sequence, tokens }),
            None => Ok(()),
        }
    }
}
