//! The few elements of a long vector that matter: SPLADE's, by their places.

/// An element of a vector with its place.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Entry {
    /// Its place, counted from 0: for SPLADE, the id of a term.
    pub index: u32,
    /// Its value: the weight of the term.
    pub value: f32,
}

impl Entry {
    /// Whether `other` is greater, or equal and earlier.
    #[inline(always)]
    fn is_behind(self, other: Self) -> bool {
        self.value < other.value || self.value == other.value && self.index > other.index
    }
}

/// The elements above a threshold, by the order of their places; returns how many there are, of which as many are written as there is
/// room for. NaN is above nothing. Of vectors that are longer, the first 2^32 elements are looked at.
///
/// ```
/// use lanepool::tokens::{Entry, above};
///
/// let mut entries = [Entry::default(); 3];
/// assert_eq!(above(&[0.0, 1.5, 0.0, 0.25], 0.0, &mut entries), 2);
/// assert_eq!(entries[..2], [Entry { index: 1, value: 1.5 }, Entry { index: 3, value: 0.25 }]);
/// # assert_eq!(entries[2], Entry::default());
/// ```
pub fn above(vector: &[f32], threshold: f32, entries: &mut [Entry]) -> usize {
    let mut count = 0;
    for (index, &value) in (0..=u32::MAX).zip(vector) {
        if value > threshold {
            put(entries, count, Entry { index, value });
            count += 1;
        }
    }
    count
}

/// The largest elements above a threshold, greatest first and of equal ones the earlier first: as many as there is room for; returns
/// how many there are of them. NaN is above nothing.
///
/// Takes time in proportion to the elements, and for each that is among the largest so far to the logarithm of the room; no other memory.
///
/// ```
/// use lanepool::tokens::{Entry, largest};
///
/// let mut entries = [Entry::default(); 2];
/// assert_eq!(largest(&[0.5, 1.5, 0.0, 1.5], 0.0, &mut entries), 2);
/// assert_eq!(entries, [Entry { index: 1, value: 1.5 }, Entry { index: 3, value: 1.5 }]);
/// ```
pub fn largest(vector: &[f32], threshold: f32, entries: &mut [Entry]) -> usize {
    let mut count = 0;
    for (index, &value) in (0..=u32::MAX).zip(vector) {
        let entry = Entry { index, value };
        if count < entries.len() {
            if value > threshold {
                rise(entries, count, entry);
                count += 1;
            }
        } else if entries.first().is_some_and(|least| least.value < value) {
            sink(entries, entry);
        }
    }
    // The least of a heap goes to its end, over and over.
    let mut left = count;
    while left > 1 {
        left -= 1;
        let Some((heap, [last, ..])) = entries.split_at_mut_checked(left) else { break };
        if let Some(&least) = heap.first() {
            sink(heap, core::mem::replace(last, least));
        }
    }
    count
}

fn put(entries: &mut [Entry], i: usize, entry: Entry) {
    if let Some(to) = entries.get_mut(i) {
        *to = entry;
    }
}

/// Puts an entry at the end of a heap of `i`, of which each entry is behind those below it, and lets it rise to where it belongs.
fn rise(heap: &mut [Entry], mut i: usize, entry: Entry) {
    while let Some(&above) = i.checked_sub(1).and_then(|i| heap.get(i / 2))
        && entry.is_behind(above)
    {
        put(heap, i, above);
        i = (i - 1) / 2;
    }
    put(heap, i, entry);
}

/// Puts an entry in the place of the least of a heap, and lets it sink to where it belongs.
fn sink(heap: &mut [Entry], entry: Entry) {
    let mut i = 0;
    while let Some(&left) = heap.get(2 * i + 1) {
        let (mut at, mut least) = (2 * i + 1, left);
        if let Some(&right) = heap.get(2 * i + 2)
            && right.is_behind(left)
        {
            (at, least) = (2 * i + 2, right);
        }
        if entry.is_behind(least) {
            break;
        }
        put(heap, i, least);
        i = at;
    }
    put(heap, i, entry);
}
