//! Storage of polynomials, reused instead of freed.
//!
//! Polynomials of megabytes come and go with every operation. Fresh pages of the operating system
//! cost more than the arithmetic that fills them, so buffers go back to a pool. What held a secret
//! is wiped by its owner before.

use std::collections::{BTreeMap, VecDeque};
use std::ops::{Deref, DerefMut};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use zeroize::Zeroize;

use crate::modulus::Residue;

/// The pool keeps at most this many residues unless told otherwise, 2 GiB, and so what the tides of a
/// bootstrapping free and want again: with 1 GiB a tenth of its time went into fresh pages.
const MAX_POOLED: usize = 1 << 28;
/// Smaller buffers are left to the allocator, which is good at them, and to chance.
const MIN_POOLED: usize = 1 << 11;

static POOL: Mutex<Pool> = Mutex::new(Pool {
    idle: BTreeMap::new(),
    residues: 0,
    most: MAX_POOLED,
    clock: 0,
    mark: 0,
});

/// The pool keeps at most this many bytes from now on. A process that must stay within its memory counts them among what
/// it needs.
pub fn limit_idle_buffers(bytes: u64) {
    let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
    let mut pool = POOL.lock().unwrap_or_else(|e| e.into_inner());
    pool.most = bytes / size_of::<Residue>();
    let unwanted = pool.shrink();
    drop(pool);
    free(unwanted);
}

/// Gives back to the allocator what has been in the pool since the last call: to be called now and then by
/// a process that computes now and then.
pub fn trim_idle_buffers() {
    let mut pool = POOL.lock().unwrap_or_else(|e| e.into_inner());
    let unwanted = pool.trim();
    drop(pool);
    free(unwanted);
}

/// Bytes of the buffers in the pool.
pub fn idle_buffer_bytes() -> u64 {
    let pool = POOL.lock().unwrap_or_else(|e| e.into_inner());
    (pool.residues * size_of::<Residue>()) as u64
}

/// Outside the lock, and not offered to the pool again.
fn free(mut buffers: Vec<Buffer>) {
    for buffer in &mut buffers {
        buffer.start = 0;
        buffer.residues = Vec::new();
    }
}

struct Pool {
    /// Idle buffers by capacity, each with the time at which it came; the latest last.
    idle: BTreeMap<usize, VecDeque<(u64, Buffer)>>,
    residues: usize,
    most: usize,
    clock: u64,
    /// The time of the last trim.
    mark: u64,
}

impl Pool {
    /// A buffer with room for `len` residues and not much more.
    fn take(&mut self, len: usize) -> Option<Buffer> {
        let (&capacity, idle) = self
            .idle
            .range_mut(len..=len + len / 4 + LINE * (LINES + 1))
            .find(|(_, idle)| !idle.is_empty())?;
        let (_, mut buffer) = idle.pop_back()?;
        self.residues -= capacity;
        buffer.len = len;
        Some(buffer)
    }

    /// Keeps a buffer, and gives back those that have been idle longest if the pool is full: a
    /// computation that has gone to a lower level no longer wants the sizes of the last one.
    fn put(&mut self, buffer: Buffer) -> Vec<Buffer> {
        let capacity = buffer.capacity();
        self.residues += capacity;
        self.clock += 1;
        let entry = (self.clock, buffer);
        self.idle.entry(capacity).or_default().push_back(entry);
        self.shrink()
    }

    /// Takes out what has been idle longest until the rest is within the limit.
    fn shrink(&mut self) -> Vec<Buffer> {
        let mut unwanted = Vec::new();
        while self.residues > self.most {
            let oldest = |idle: &VecDeque<(u64, Buffer)>| idle.front().map(|(time, _)| *time);
            let longest_idle = self
                .idle
                .iter_mut()
                .filter(|(_, idle)| !idle.is_empty())
                .min_by_key(|(_, idle)| oldest(idle))
                .and_then(|(capacity, idle)| Some((capacity, idle.pop_front()?)));
            let Some((capacity, (_, buffer))) = longest_idle else {
                break;
            };
            self.residues -= capacity;
            unwanted.push(buffer);
        }
        unwanted
    }

    /// Takes out what has been idle since the last call.
    fn trim(&mut self) -> Vec<Buffer> {
        let mark = std::mem::replace(&mut self.mark, self.clock);
        let mut unwanted = Vec::new();
        for (capacity, idle) in &mut self.idle {
            while let Some((_, buffer)) = idle.pop_front_if(|(time, _)| *time <= mark) {
                self.residues -= capacity;
                unwanted.push(buffer);
            }
        }
        self.idle.retain(|_, idle| !idle.is_empty());
        unwanted
    }
}

/// A list of residues from the pool. It starts at a cache line, which wide loads need.
///
/// Limbs are powers of two long, so the same coefficients of several polynomials would share one
/// set of the first-level cache and drive each other out; every buffer therefore starts at another
/// line of its page.
#[derive(Debug)]
pub(crate) struct Buffer {
    residues: Vec<Residue>,
    start: usize,
    len: usize,
}

/// Residues of a cache line.
const LINE: usize = 8;
/// The lines of a page.
const LINES: usize = 64;

/// How many buffers have been allocated: the next one starts this many times `STEP` lines later.
static STARTS: AtomicUsize = AtomicUsize::new(0);
/// Odd, so that it meets all lines of a page.
const STEP: usize = 11;

impl Buffer {
    /// `len` residues of whatever was there before: for those who write all of them.
    pub fn any(len: usize) -> Self {
        if len < MIN_POOLED {
            return Self {
                residues: vec![Residue::ZERO; len],
                start: 0,
                len,
            };
        }
        // A thread that panicked has left the pool as it was.
        let pooled = POOL.lock().unwrap_or_else(|e| e.into_inner()).take(len);
        pooled.unwrap_or_else(|| Self::allocate(len))
    }

    fn allocate(len: usize) -> Self {
        let residues = vec![Residue::ZERO; len + LINE * (LINES + 1)];
        let line = STARTS.fetch_add(1, Ordering::Relaxed) * STEP % LINES;
        // Where there is no such place it is of no consequence.
        let aligned = residues.as_ptr().align_offset(LINE * size_of::<Residue>());
        let start = aligned.min(LINE) + line * LINE;
        Self {
            residues,
            start,
            len,
        }
    }

    /// `len` zeros.
    pub fn zeroed(len: usize) -> Self {
        let mut buffer = Self::any(len);
        buffer.fill(Residue::ZERO);
        buffer
    }

    /// A copy of `residues`.
    pub fn copy_of(residues: &[Residue]) -> Self {
        let mut buffer = Self::any(residues.len());
        buffer.copy_from_slice(residues);
        buffer
    }

    /// Forgets all but the first `len` residues.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// How long it can be.
    fn capacity(&self) -> usize {
        self.residues.len() - self.start
    }
}

/// The residues of several buffers.
pub(crate) fn slices<const K: usize>(buffers: &mut [Buffer; K]) -> [&mut [Residue]; K] {
    buffers.each_mut().map(|buffer| &mut buffer[..])
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if self.capacity() >= MIN_POOLED {
            let buffer = Self {
                residues: std::mem::take(&mut self.residues),
                start: std::mem::take(&mut self.start),
                len: 0,
            };
            let unwanted = POOL.lock().unwrap_or_else(|e| e.into_inner()).put(buffer);
            free(unwanted);
        }
    }
}

impl Clone for Buffer {
    fn clone(&self) -> Self {
        Self::copy_of(self)
    }
}

impl PartialEq for Buffer {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Deref for Buffer {
    type Target = [Residue];

    fn deref(&self) -> &[Residue] {
        &self.residues[self.start..self.start + self.len]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [Residue] {
        &mut self.residues[self.start..self.start + self.len]
    }
}

impl Zeroize for Buffer {
    /// The whole allocation, also what was truncated; the length stays.
    fn zeroize(&mut self) {
        self.residues.as_mut_slice().zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Modulus;

    #[test]
    fn what_is_idle_for_long_or_too_much_is_given_back() {
        let mut pool = Pool {
            idle: BTreeMap::new(),
            residues: 0,
            most: 10 * MIN_POOLED,
            clock: 0,
            mark: 0,
        };
        // Never dropped into the pool of all other tests.
        let buffer = || Buffer {
            residues: vec![Residue::ZERO; 3 * MIN_POOLED],
            start: 0,
            len: 0,
        };
        for _ in 0..3 {
            assert!(pool.put(buffer()).is_empty());
        }
        let over = pool.put(buffer());
        assert_eq!((over.len(), pool.residues), (1, 9 * MIN_POOLED));
        assert!(pool.trim().is_empty());
        let used = pool.take(3 * MIN_POOLED).unwrap();
        assert!(pool.put(used).is_empty());
        let idle = pool.trim();
        assert_eq!((idle.len(), pool.residues), (2, 3 * MIN_POOLED));
        let last = pool.trim();
        assert_eq!((last.len(), pool.residues), (1, 0));
        free([over, idle, last].into_iter().flatten().collect());
    }

    #[test]
    fn buffers_come_back_and_are_wiped_when_asked() {
        let one = Modulus::new(97).unwrap().reduce(1);
        // A size that no other test uses.
        let len = MIN_POOLED + 12_345;
        let mut buffer = Buffer::zeroed(len);
        buffer.fill(one);
        let address = buffer.as_ptr();
        drop(buffer);
        let mut again = Buffer::any(len);
        assert_eq!((again.as_ptr(), again[7]), (address, one));
        again.truncate(5);
        again.zeroize();
        assert_eq!(again.len(), 5);
        drop(again);
        let aligned = |_| (Buffer::allocate(1 << 14).as_ptr() as usize).is_multiple_of(64);
        assert!((0..20).all(aligned));
        let wiped = Buffer::any(len);
        assert_eq!(wiped.as_ptr(), address);
        assert!(wiped.iter().all(|&x| x == Residue::ZERO));
        assert!(Buffer::zeroed(len).iter().all(|&x| x == Residue::ZERO));
    }
}
