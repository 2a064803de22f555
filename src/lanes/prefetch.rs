//! Memory that is asked for before it is read.

/// Whether [`prefetch`] does anything.
pub(crate) const PREFETCHES: bool = cfg!(target_arch = "x86_64");

/// Bytes of a line of a cache.
pub(crate) const LINE: usize = 64;

/// A cache, counted from the processor.
#[derive(Clone, Copy)]
pub(crate) enum Cache {
    /// For what is read at once.
    First,
    /// For what is read later.
    Second,
}

/// Asks for the line that `from` points into, which may be anywhere.
#[inline(always)]
pub(crate) fn prefetch<T>(cache: Cache, from: *const T) {
    #[cfg(target_arch = "x86_64")]
    {
        use core::arch::x86_64::{_MM_HINT_T0, _MM_HINT_T1, _mm_prefetch};
        match cache {
            // SAFETY: a prefetch is a hint, which has no effect that a program sees, whatever the address; SSE is part of x86-64.
            Cache::First => unsafe { _mm_prefetch::<_MM_HINT_T0>(from.cast()) },
            // SAFETY: the same.
            Cache::Second => unsafe { _mm_prefetch::<_MM_HINT_T1>(from.cast()) },
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (cache, from);
}
