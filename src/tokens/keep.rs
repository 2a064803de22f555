//! Sequences and which of their tokens count.

use crate::error::{Argument, AxisName, PoolError};

/// The token vectors of one sequence: `tokens` rows of `dim` adjacent elements.
#[derive(Clone, Copy, Debug)]
pub struct Tokens<'a, T> {
    pub(super) data: &'a [T],
    pub(super) tokens: usize,
    pub(super) dim: usize,
    pub(super) stride: usize,
}

impl<'a, T> Tokens<'a, T> {
    /// Rows one after the other: `[tokens, dim]`.
    ///
    /// # Errors
    /// [`PoolError::TooShort`] or [`PoolError::Overflow`].
    pub fn new(data: &'a [T], [tokens, dim]: [usize; 2]) -> Result<Self, PoolError> {
        Self::with_stride(data, [tokens, dim], dim)
    }

    /// Rows that start `stride` elements apart.
    ///
    /// # Errors
    /// [`PoolError::TooShort`] or [`PoolError::Overflow`].
    pub fn with_stride(data: &'a [T], [tokens, dim]: [usize; 2], stride: usize) -> Result<Self, PoolError> {
        let needed = match (tokens.checked_sub(1), dim) {
            (None, _) | (_, 0) => Some(0),
            (Some(last), _) => last.checked_mul(stride).and_then(|last| last.checked_add(dim)),
        };
        let needed = needed.ok_or(PoolError::Overflow { axis: AxisName::Tokens })?;
        let given = data.len();
        if needed > given {
            return Err(PoolError::TooShort { argument: Argument::Input, needed, given });
        }
        Ok(Self { data, tokens, dim, stride })
    }

    /// The first element of row `t`. Wraps only where rows have no elements.
    #[inline(always)]
    pub(super) const fn row(&self, t: usize) -> usize {
        t.wrapping_mul(self.stride)
    }

    /// Rows.
    pub const fn tokens(&self) -> usize {
        self.tokens
    }

    /// Elements of a row.
    pub const fn dim(&self) -> usize {
        self.dim
    }
}

/// Which tokens of a sequence count. The others are never read.
///
/// There is no default: a padded sequence whose padding is pooled gives wrong vectors
/// without an error, so a caller without padding says [`Keep::all`].
#[derive(Clone, Copy, Debug)]
pub struct Keep<'a>(Kept<'a>);

#[derive(Clone, Copy, Debug)]
enum Kept<'a> {
    All,
    Length(usize),
    Mask(&'a [u8]),
    Bools(&'a [bool]),
}

impl<'a> Keep<'a> {
    /// Every token.
    pub const fn all() -> Self {
        Self(Kept::All)
    }

    /// The first `length` tokens.
    pub const fn length(length: usize) -> Self {
        Self(Kept::Length(length))
    }

    /// Tokens whose byte is not zero, one byte a token.
    pub const fn mask(mask: &'a [u8]) -> Self {
        Self(Kept::Mask(mask))
    }

    /// Tokens whose flag is true, one flag a token.
    pub const fn bools(mask: &'a [bool]) -> Self {
        Self(Kept::Bools(mask))
    }

    pub(super) fn check(&self, tokens: usize) -> Result<(), PoolError> {
        let given = match self.0 {
            Kept::All => return Ok(()),
            Kept::Length(end) if end <= tokens => return Ok(()),
            Kept::Length(end) => {
                return Err(PoolError::Range { axis: AxisName::Tokens, start: 0, end, len: tokens });
            }
            Kept::Mask(mask) => mask.len(),
            Kept::Bools(mask) => mask.len(),
        };
        if given == tokens {
            return Ok(());
        }
        Err(PoolError::Length { argument: Argument::Mask, expected: tokens, given })
    }

    /// The kept ones of `tokens` tokens, in order.
    #[inline(always)]
    pub(super) fn indices(self, tokens: usize) -> impl DoubleEndedIterator<Item = usize> + Clone + use<'a> {
        let end = match self.0 {
            Kept::Length(end) => end,
            _ => tokens,
        };
        (0..end).filter(
            #[inline(always)]
            move |&t| match self.0 {
                Kept::All | Kept::Length(_) => true,
                Kept::Mask(mask) => mask.get(t).is_some_and(|&keep| keep != 0),
                Kept::Bools(mask) => mask.get(t).is_some_and(|&keep| keep),
            },
        )
    }
}
