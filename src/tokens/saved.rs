//! Streams that are put aside and taken up again, in another process or on another machine.
//!
//! ```text
//!   "lpts" | version | modes | mode, its two parameters ... | dim | width | seen, first, kept, skip | count, total, greatest ... | cells ... | check
//! ```
//!
//! All little-endian: counts in eight bytes, all else in four; the check is the 64-bit FNV-1a of what is before it.

use super::state::TokenState;
use super::stream::{Stream, Sums};
use super::{Mode, Modes, Positions, TokenPool, check_length};
use crate::error::{Argument, PoolError};

const MAGIC: [u8; 4] = *b"lpts";
const VERSION: u32 = 1;
/// Bytes of the magic, the version, the number of modes, six counts and the check.
const FIXED: usize = 3 * 4 + 7 * 8;
/// Bytes of a mode, and of what it knows.
const EACH: usize = 3 * 4 + 8 + 2 * 4;

impl<M: Modes> TokenState<'_, M> {
    /// Bytes that [`TokenState::save`] writes.
    pub fn saved_len(&self) -> usize {
        let cells = self.cells.len().saturating_mul(4);
        cells.saturating_add(FIXED).saturating_add(M::COUNT.saturating_mul(EACH))
    }

    /// Writes what has been pooled so far, for [`TokenPool::restore`]: [`TokenState::saved_len`] bytes, the same on every machine.
    ///
    /// ```
    /// use lanepool::tokens::{Mode, TokenPool};
    ///
    /// let pool = TokenPool::new(Mode::Mean);
    /// let mut cells = [0.0; 2];
    /// let mut state = pool.start(2, &mut cells)?;
    /// state.push(&[1.0f32, 5.0])?;
    /// let mut saved = vec![0; state.saved_len()];
    /// state.save(&mut saved)?;
    ///
    /// let mut cells = [0.0; 2];
    /// let mut state = pool.restore(&saved, 2, &mut cells)?;
    /// state.push(&[3.0f32, 7.0])?;
    /// assert_eq!(state.finish(), 2);
    /// assert_eq!(cells, [2.0, 6.0]);
    /// # Ok::<(), lanepool::PoolError>(())
    /// ```
    ///
    /// # Errors
    /// [`PoolError::Length`] if there is room for more bytes or less. Nothing is written then.
    pub fn save(&self, to: &mut [u8]) -> Result<(), PoolError> {
        check_length(Argument::Output, self.saved_len(), to.len())?;
        let mut writer = Writer { to, check: Check::NONE };
        let Stream { seen, first, kept, skip } = self.stream;
        writer.put(MAGIC);
        writer.put(VERSION.to_le_bytes());
        writer.put((M::COUNT as u32).to_le_bytes());
        for i in 0..M::COUNT {
            writer.put(code(self.pool.modes.mode(i)));
        }
        for count in [self.dim, self.width, seen, first, kept, skip] {
            writer.put((count as u64).to_le_bytes());
        }
        for sums in self.sums.as_ref() {
            writer.put((sums.count as u64).to_le_bytes());
            writer.put(sums.total.to_le_bytes());
            writer.put(sums.greatest.to_le_bytes());
        }
        for cell in &*self.cells {
            writer.put(cell.to_le_bytes());
        }
        let check = writer.check.0;
        writer.put(check.to_le_bytes());
        Ok(())
    }
}

impl<M: Modes> TokenPool<'_, M> {
    /// The streaming pool that [`TokenState::save`] wrote, of this pool's modes, for tokens of `dim` elements: tokens that are pushed have the
    /// bits that they would have had there. It works in `cells`, as in [`TokenPool::start`].
    ///
    /// # Errors
    /// [`PoolError::Saved`] if the bytes are damaged, of another version, or of another pool; as [`TokenPool::start`].
    pub fn restore<'s>(&self, saved: &[u8], dim: usize, cells: &'s mut [f32]) -> Result<TokenState<'s, M>, PoolError> {
        let mut state = self.start(dim, cells)?;
        let len = state.saved_len();
        let damaged = PoolError::Saved { reason: "is damaged" };
        let mut header = Reader(saved);
        if header.take() != Some(MAGIC) {
            return Err(PoolError::Saved { reason: "is none of a streaming pool" });
        }
        if header.take().map(u32::from_le_bytes) != Some(VERSION) {
            return Err(PoolError::Saved { reason: "is of another version" });
        }
        let (body, check) = saved.split_last_chunk().ok_or(damaged)?;
        if Check::NONE.with(body).0 != u64::from_le_bytes(*check) {
            return Err(damaged);
        }
        let alike = header.take().map(u32::from_le_bytes) == Some(M::COUNT as u32)
            && (0..M::COUNT).all(|i| header.take() == Some(code(state.pool.modes.mode(i))))
            && [state.dim, state.width].into_iter().all(|count| header.count() == Some(count));
        if !alike || saved.len() != len {
            return Err(PoolError::Saved { reason: "is of other modes or dimensions" });
        }
        // Counts of a larger machine may be none of this one.
        let many = PoolError::Saved { reason: "counts more tokens than there can be" };
        let mut counts = [0; 4];
        for count in &mut counts {
            *count = header.count().ok_or(many)?;
        }
        let [seen, first, kept, skip] = counts;
        state.stream = Stream { seen, first, kept, skip };
        for sums in state.sums.as_mut() {
            let count = header.count().ok_or(many)?;
            let [total, greatest] =
                [header.take(), header.take()].map(|bytes| f32::from_le_bytes(bytes.unwrap_or_default()));
            *sums = Sums { count, total, greatest };
        }
        for cell in &mut *state.cells {
            *cell = f32::from_le_bytes(header.take().unwrap_or_default());
        }
        Ok(state)
    }
}

/// A mode and its parameters. Part of the format: numbers are never given anew.
fn code(mode: Mode) -> [u8; 12] {
    let (number, [a, b]): (u32, [f32; 2]) = match mode {
        Mode::First => (0, [0.0; 2]),
        Mode::Last => (1, [0.0; 2]),
        Mode::Sum => (2, [0.0; 2]),
        Mode::Mean => (3, [0.0; 2]),
        Mode::MeanSqrtLength => (4, [0.0; 2]),
        Mode::PositionWeightedMean(Positions::FromFirst) => (5, [0.0; 2]),
        Mode::PositionWeightedMean(Positions::Kept) => (6, [0.0; 2]),
        Mode::PositionWeightedMean(Positions::Absolute) => (7, [0.0; 2]),
        Mode::WeightedSum => (8, [0.0; 2]),
        Mode::WeightedMean => (9, [0.0; 2]),
        Mode::Attention => (10, [0.0; 2]),
        Mode::Max => (11, [0.0; 2]),
        Mode::Min => (12, [0.0; 2]),
        Mode::MeanStd { floor } => (13, [floor, 0.0]),
        Mode::WeightedMeanStd { floor } => (14, [floor, 0.0]),
        Mode::GeneralizedMean { p, floor } => (15, [p, floor]),
        Mode::LogSumExp => (16, [0.0; 2]),
        Mode::Splade => (17, [0.0; 2]),
    };
    bytemuck::must_cast([number.to_le_bytes(), a.to_le_bytes(), b.to_le_bytes()])
}

/// The 64-bit FNV-1a of some bytes.
#[derive(Clone, Copy)]
struct Check(u64);

impl Check {
    const NONE: Self = Self(0xcbf2_9ce4_8422_2325);

    fn with(self, bytes: &[u8]) -> Self {
        bytes.iter().fold(self, |Self(check), byte| Self((check ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)))
    }
}

struct Writer<'a> {
    to: &'a mut [u8],
    check: Check,
}

impl Writer<'_> {
    fn put<const N: usize>(&mut self, bytes: [u8; N]) {
        self.check = self.check.with(&bytes);
        if let Some(to) = self.to.split_off_mut(..N) {
            to.copy_from_slice(&bytes);
        }
    }
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*first)
    }

    /// A count, if this machine has it.
    fn count(&mut self) -> Option<usize> {
        usize::try_from(u64::from_le_bytes(self.take()?)).ok()
    }
}
