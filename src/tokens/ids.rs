//! Token ids that name the rows of a table.

use super::Offset;
use super::fold::Numbers;
use super::keep::fill;
use super::queue::Source;
use crate::error::{Argument, AxisName, PoolError};
use core::ops::Range;

/// Token ids, each of which was proved to name a row of a table with so many rows. Checked once, they can be pooled
/// many times.
#[derive(Clone, Copy, Debug)]
pub struct Ids<'a, I> {
    ids: &'a [I],
    rows: usize,
    padding: Option<I>,
}

impl<'a, I: Offset> Ids<'a, I> {
    /// Checks that every id names one of `rows` rows.
    ///
    /// # Errors
    /// [`PoolError::TokenId`] with the place of the first that does not.
    pub fn check(ids: &'a [I], rows: usize) -> Result<Self, PoolError> {
        let names_row = |id: I| id.to_usize().is_some_and(|id| id < rows);
        match ids.iter().position(|&id| !names_row(id)) {
            Some(position) => Err(PoolError::TokenId { position, rows }),
            None => Ok(Self { ids, rows, padding: None }),
        }
    }

    /// Leaves out every id that equals `padding`: it is not counted either, and its row is never read.
    pub const fn padding(mut self, padding: I) -> Self {
        self.padding = Some(padding);
        self
    }

    /// How many ids there are, with padding.
    pub const fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The row of a position that exists.
    #[inline(always)]
    fn row(&self, position: usize) -> usize {
        self.ids.get(position).and_then(|id| id.to_usize()).unwrap_or(0)
    }

    pub(super) fn check_table(&self, given: usize) -> Result<(), PoolError> {
        let (argument, axis, expected) = (Argument::Input, AxisName::Tokens, self.rows);
        if expected <= given { Ok(()) } else { Err(PoolError::Shape { argument, axis, expected, given }) }
    }
}

impl<I: Offset> Source for Ids<'_, I> {
    fn positions(&self) -> usize {
        self.ids.len()
    }

    fn skipped(&self) -> usize {
        0
    }

    #[inline(always)]
    fn keeps(&self, position: usize) -> bool {
        self.padding.and_then(Offset::to_usize) != Some(self.row(position))
    }

    fn count(&self, range: Range<usize>) -> usize {
        range.filter(|&position| self.keeps(position)).count()
    }

    #[inline(always)]
    fn fill(&self, range: &mut Range<usize>, into: &mut [usize]) -> usize {
        fill(range, into, |position| self.keeps(position))
    }

    #[inline(always)]
    fn rows<'r>(&self, positions: Numbers<'r>, into: &'r mut [usize]) -> Numbers<'r> {
        let into = into.get_mut(..positions.len()).unwrap_or_default();
        for (i, to) in into.iter_mut().enumerate() {
            *to = self.row(positions.at(i));
        }
        Numbers::Listed(into)
    }

    #[inline(always)]
    fn run(&self, _: &mut Range<usize>) -> usize {
        0
    }
}
