//! What pooled vectors become, one after the other, in the same run.

use super::{check_length, convert, pack_bits, quantize_i8, quantize_u8};
use crate::element::Float;
use crate::error::{Argument, PoolError};
use core::marker::PhantomData;

/// What a pooled vector becomes: [`CodesI8`], [`CodesU8`], [`Bits`], [`Converted`]. Sealed.
pub trait Encoding: Copy + sealed::Sealed {
    /// What the result is made of.
    type Item;
    /// How many of them a vector of so many elements becomes.
    #[doc(hidden)]
    fn len(self, elements: usize) -> usize {
        elements
    }
    /// Whether vectors of so many elements can be encoded.
    #[doc(hidden)]
    fn check(self, _elements: usize) -> Result<(), PoolError> {
        Ok(())
    }
    /// Encodes a vector; an error only if lengths differ.
    #[doc(hidden)]
    fn encode(self, vector: &[f32], to: &mut [Self::Item]) -> Result<(), PoolError>;
}

/// Encoded results and the memory to work them out.
#[derive(Debug)]
pub struct Encoded<'a, E: Encoding> {
    /// What each result becomes.
    pub encoding: E,
    /// As many floats as one result has. What they hold does not matter.
    pub cells: &'a mut [f32],
    /// The encoded results, one after the other.
    pub output: &'a mut [E::Item],
}

/// Codes as [`quantize_i8`] gives them, by the least and the greatest value of each dimension.
#[derive(Clone, Copy, Debug)]
pub struct CodesI8<'r>(pub &'r [[f32; 2]]);

/// Codes as [`quantize_u8`] gives them, by the least and the greatest value of each dimension.
#[derive(Clone, Copy, Debug)]
pub struct CodesU8<'r>(pub &'r [[f32; 2]]);

/// Bits as [`pack_bits`] gives them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bits;

/// Another float type, as [`convert`] gives it.
#[derive(Clone, Copy, Debug)]
pub struct Converted<T>(PhantomData<T>);

impl<T> Default for Converted<T> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::CodesI8<'_> {}
    impl Sealed for super::CodesU8<'_> {}
    impl Sealed for super::Bits {}
    impl<T> Sealed for super::Converted<T> {}
}

impl Encoding for CodesI8<'_> {
    type Item = i8;

    fn check(self, elements: usize) -> Result<(), PoolError> {
        check_length(Argument::Ranges, elements, self.0.len())
    }

    fn encode(self, vector: &[f32], to: &mut [i8]) -> Result<(), PoolError> {
        quantize_i8(vector, self.0, to)
    }
}

impl Encoding for CodesU8<'_> {
    type Item = u8;

    fn check(self, elements: usize) -> Result<(), PoolError> {
        check_length(Argument::Ranges, elements, self.0.len())
    }

    fn encode(self, vector: &[f32], to: &mut [u8]) -> Result<(), PoolError> {
        quantize_u8(vector, self.0, to)
    }
}

impl Encoding for Bits {
    type Item = u8;

    fn len(self, elements: usize) -> usize {
        elements.div_ceil(8)
    }

    fn encode(self, vector: &[f32], to: &mut [u8]) -> Result<(), PoolError> {
        pack_bits(vector, to)
    }
}

impl<T: Float> Encoding for Converted<T> {
    type Item = T;

    fn encode(self, vector: &[f32], to: &mut [T]) -> Result<(), PoolError> {
        convert(vector, to)
    }
}
