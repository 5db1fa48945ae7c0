//! Storage of polynomials, reused instead of freed.
//!
//! Polynomials of megabytes come and go with every operation. Fresh pages of the operating system
//! cost more than the arithmetic that fills them, so buffers go back to a pool. What held a secret
//! is wiped by its owner before.

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::sync::Mutex;

use zeroize::Zeroize;

use crate::modulus::Residue;

/// The pool keeps at most this many residues: 512 MiB.
const MAX_POOLED: usize = 1 << 26;
/// Smaller buffers are left to the allocator, which is good at them.
const MIN_POOLED: usize = 1 << 11;

/// Idle buffers by capacity.
static POOL: Mutex<Pool> = Mutex::new(Pool {
    idle: BTreeMap::new(),
    residues: 0,
});

struct Pool {
    idle: BTreeMap<usize, Vec<Vec<Residue>>>,
    residues: usize,
}

impl Pool {
    /// A buffer with room for `len` residues and not much more.
    fn take(&mut self, len: usize) -> Option<Vec<Residue>> {
        let (&capacity, idle) = self
            .idle
            .range_mut(len..=len + len / 4)
            .find(|(_, idle)| !idle.is_empty())?;
        self.residues -= capacity;
        idle.pop()
    }

    fn put(&mut self, buffer: Vec<Residue>) {
        let capacity = buffer.capacity();
        if capacity >= MIN_POOLED && self.residues + capacity <= MAX_POOLED {
            self.residues += capacity;
            self.idle.entry(capacity).or_default().push(buffer);
        }
    }
}

/// A list of residues from the pool.
#[derive(Debug)]
pub(crate) struct Buffer(Vec<Residue>);

impl Buffer {
    /// `len` residues of whatever was there before: for those who write all of them.
    pub fn any(len: usize) -> Self {
        let pooled = match len >= MIN_POOLED {
            // A thread that panicked has left the pool as it was.
            true => POOL.lock().unwrap_or_else(|e| e.into_inner()).take(len),
            false => None,
        };
        let mut buffer = pooled.unwrap_or_default();
        buffer.resize(len, Residue::ZERO);
        Self(buffer)
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
        self.0.truncate(len);
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let buffer = std::mem::take(&mut self.0);
        POOL.lock().unwrap_or_else(|e| e.into_inner()).put(buffer);
    }
}

impl Clone for Buffer {
    fn clone(&self) -> Self {
        Self::copy_of(self)
    }
}

impl PartialEq for Buffer {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl From<Vec<Residue>> for Buffer {
    fn from(residues: Vec<Residue>) -> Self {
        Self(residues)
    }
}

impl Deref for Buffer {
    type Target = [Residue];

    fn deref(&self) -> &[Residue] {
        &self.0
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [Residue] {
        &mut self.0
    }
}

impl Zeroize for Buffer {
    /// The whole allocation, also what was truncated; the length stays.
    fn zeroize(&mut self) {
        let len = self.0.len();
        self.0.zeroize();
        self.0.resize(len, Residue::ZERO);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Modulus;

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
        let wiped = Buffer::any(len);
        assert_eq!(wiped.as_ptr(), address);
        assert!(wiped.iter().all(|&x| x == Residue::ZERO));
        assert!(Buffer::zeroed(len).iter().all(|&x| x == Residue::ZERO));
    }
}
