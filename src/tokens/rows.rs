//! Token vectors as they lie in memory.

use super::{TokenElement, check_length};
use crate::error::{Argument, AxisName, PoolError};
use crate::round::Quantization;

/// A matrix of token vectors: `tokens` rows of `dim` elements. Of one sequence, of several, or a table that
/// token ids name the rows of.
#[derive(Clone, Copy, Debug)]
pub struct Tokens<'a, T> {
    pub(super) data: &'a [T],
    tokens: usize,
    dim: usize,
    /// Elements from one row to the next, and from one column to the next.
    stride: usize,
    pub(super) step: usize,
    codes: Codes<'a>,
}

/// What codes stand for.
#[derive(Clone, Copy, Debug)]
enum Codes<'a> {
    Of(Quantization),
    Rows(&'a [f32], i32),
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
    pub fn with_stride(data: &'a [T], shape: [usize; 2], stride: usize) -> Result<Self, PoolError> {
        Self::with_strides(data, shape, [stride, 1])
    }

    /// Columns one after the other, each with all tokens: the `[dim, tokens]` of a 1-D convolution.
    ///
    /// # Errors
    /// [`PoolError::TooShort`] or [`PoolError::Overflow`].
    pub fn width_major(data: &'a [T], [tokens, dim]: [usize; 2]) -> Result<Self, PoolError> {
        Self::with_strides(data, [tokens, dim], [1, tokens])
    }

    fn with_strides(data: &'a [T], [tokens, dim]: [usize; 2], [stride, step]: [usize; 2]) -> Result<Self, PoolError> {
        let reach = |extent: usize, stride: usize| Some(extent.checked_sub(1)?.checked_mul(stride));
        let needed = match (reach(tokens, stride), reach(dim, step)) {
            (Some(rows), Some(cols)) => rows.zip(cols).and_then(|(a, b)| a.checked_add(b)?.checked_add(1)),
            _ => Some(0),
        };
        let needed = needed.ok_or(PoolError::Overflow { axis: AxisName::Tokens })?;
        let given = data.len();
        if needed > given {
            return Err(PoolError::TooShort { argument: Argument::Input, needed, given });
        }
        let codes = Codes::Of(Quantization::new(1.0, 0));
        Ok(Self { data, tokens, dim, stride, step, codes })
    }

    /// Rows.
    pub const fn tokens(&self) -> usize {
        self.tokens
    }

    /// Elements of a row.
    pub const fn dim(&self) -> usize {
        self.dim
    }

    /// The first element of row `t`. Wraps only where rows have no elements.
    #[inline(always)]
    pub(super) const fn row(&self, t: usize) -> usize {
        t.wrapping_mul(self.stride)
    }
}

impl<'a, T: TokenElement> Tokens<'a, T> {
    /// The elements are codes, which stand for `scale * (code - zero_point)`. Floats are left as they are.
    ///
    /// # Errors
    /// [`PoolError::Quantization`].
    pub fn quantized(mut self, quantization: Quantization) -> Result<Self, PoolError> {
        if let Some((least, most)) = T::CODES
            && !quantization.is_valid(least, most)
        {
            return Err(PoolError::Quantization { argument: Argument::Input });
        }
        self.codes = Codes::Of(quantization);
        Ok(self)
    }

    /// The elements are codes, and each row has a scale of its own. Floats are left as they are.
    ///
    /// # Errors
    /// [`PoolError::Length`], or [`PoolError::Quantization`] if a scale or the zero point cannot be.
    pub fn quantized_rows(mut self, scales: &'a [f32], zero_point: i32) -> Result<Self, PoolError> {
        check_length(Argument::Scales, self.tokens, scales.len())?;
        if let Some((least, most)) = T::CODES
            && !scales.iter().all(|&scale| Quantization::new(scale, zero_point).is_valid(least, most))
        {
            return Err(PoolError::Quantization { argument: Argument::Input });
        }
        self.codes = Codes::Rows(scales, zero_point);
        Ok(self)
    }

    /// What it takes to read row `t`.
    #[inline(always)]
    pub(super) fn code(&self, t: usize) -> T::Code {
        match self.codes {
            Codes::Of(of) => T::code(of.scale, of.zero_point),
            Codes::Rows(scales, zero_point) => T::code(scales.get(t).copied().unwrap_or(1.0), zero_point),
        }
    }
}
