//! What is expanded from storage and kept for the next time, within a budget.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// How much memory the expanded keys of a file may take.
///
/// ```
/// use tapetum_ckks::MemoryBudget;
///
/// let budget = MemoryBudget::bytes(2 << 30);
/// assert!(budget < MemoryBudget::UNLIMITED);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MemoryBudget(u64);

impl MemoryBudget {
    /// Every key stays in memory once it has been used.
    pub const UNLIMITED: Self = Self(u64::MAX);

    /// At most this number of bytes of residues. With less than the largest key has, each key is
    /// expanded again for each use.
    pub fn bytes(bytes: u64) -> Self {
        Self(bytes)
    }
}

/// Things by their index, of which the most recently used ones are kept.
pub(crate) struct Residents<T> {
    budget: u64,
    kept: Mutex<Kept<T>>,
    /// Locked by the one thread that loads this thing. Whatever is in use somewhere is found here
    /// even if it is not kept.
    loading: Vec<Mutex<Weak<T>>>,
}

struct Kept<T> {
    by_index: BTreeMap<usize, Resident<T>>,
    /// Of all that is kept, or for which room has been made.
    bytes: u64,
    /// Counts uses.
    clock: u64,
}

struct Resident<T> {
    thing: Arc<T>,
    bytes: u64,
    last_use: u64,
}

impl<T> Residents<T> {
    /// For things with indices below `count`.
    pub fn new(count: usize, budget: MemoryBudget) -> Self {
        Self {
            budget: budget.0,
            kept: Mutex::new(Kept {
                by_index: BTreeMap::new(),
                bytes: 0,
                clock: 0,
            }),
            loading: (0..count).map(|_| Mutex::new(Weak::new())).collect(),
        }
    }

    /// The bytes that may be kept.
    pub fn budget(&self) -> u64 {
        self.budget
    }

    /// The bytes of all that is kept.
    pub fn bytes(&self) -> u64 {
        lock(&self.kept).bytes
    }

    /// The thing at `index`, loaded by `load` if it is not there. It takes `bytes`, for which room
    /// is made before it is loaded.
    ///
    /// Threads that want what another loads wait for it, so `load` must finish without any of them:
    /// it must not run anything of a thread pool that calls this.
    pub fn get<E>(
        &self,
        index: usize,
        bytes: u64,
        load: impl FnOnce() -> Result<T, E>,
    ) -> Result<Arc<T>, E> {
        if let Some(thing) = self.kept_at(index) {
            return Ok(thing);
        }
        let mut loading = lock(&self.loading[index]);
        if let Some(thing) = self.kept_at(index).or_else(|| loading.upgrade()) {
            return Ok(thing);
        }
        let keeps = lock(&self.kept).make_room(bytes, self.budget);
        let loaded = load().map(Arc::new);
        match &loaded {
            Ok(thing) => {
                *loading = Arc::downgrade(thing);
                if keeps {
                    lock(&self.kept).insert(index, thing.clone(), bytes);
                }
            }
            Err(_) if keeps => lock(&self.kept).bytes -= bytes,
            Err(_) => {}
        }
        loaded
    }

    fn kept_at(&self, index: usize) -> Option<Arc<T>> {
        let mut kept = lock(&self.kept);
        kept.clock += 1;
        let now = kept.clock;
        let resident = kept.by_index.get_mut(&index)?;
        resident.last_use = now;
        Some(resident.thing.clone())
    }
}

impl<T> Kept<T> {
    /// Drops what has not been used for longest and counts `bytes` as taken. Not if there can be
    /// no room, because that is more than the budget, or others are being loaded.
    fn make_room(&mut self, bytes: u64, budget: u64) -> bool {
        let droppable: u64 = self.by_index.values().map(|r| r.bytes).sum();
        let stays = self.bytes - droppable;
        if stays.saturating_add(bytes) > budget {
            return false;
        }
        while self.bytes > budget - bytes {
            let oldest = self.by_index.iter().min_by_key(|(_, r)| r.last_use);
            let Some((&index, resident)) = oldest else {
                unreachable!("what stays leaves room");
            };
            self.bytes -= resident.bytes;
            self.by_index.remove(&index);
        }
        self.bytes += bytes;
        true
    }

    fn insert(&mut self, index: usize, thing: Arc<T>, bytes: u64) {
        self.clock += 1;
        let resident = Resident {
            thing,
            bytes,
            last_use: self.clock,
        };
        self.by_index.insert(index, resident);
    }
}

/// What a thread that panicked has left behind is consistent.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn the_most_recently_used_stay_within_the_budget() {
        let residents = Residents::new(4, MemoryBudget::bytes(25));
        let loads = RefCell::new(Vec::new());
        let get = |index: usize, bytes| {
            let load = || {
                loads.borrow_mut().push(index);
                Ok::<_, ()>(index)
            };
            assert_eq!(*residents.get(index, bytes, load).unwrap(), index);
            assert!(residents.bytes() <= 25);
        };
        for index in [0, 1, 0, 2, 0, 1] {
            get(index, 10);
        }
        // 2 drove out 1, because 0 had been used since; 1 drove out 2.
        assert_eq!(loads.take(), [0, 1, 2, 1]);
        assert_eq!(residents.bytes(), 20);
        // What is larger than the budget is not kept and drives nothing out.
        get(3, 26);
        get(3, 26);
        get(0, 10);
        assert_eq!(loads.take(), [3, 3]);
        // One that takes all of it drives out all.
        get(2, 25);
        assert_eq!((loads.take(), residents.bytes()), (vec![2], 25));
    }

    #[test]
    fn what_is_loaded_beside_others_is_kept_only_if_there_is_room() {
        let residents = Residents::new(3, MemoryBudget::bytes(20));
        let inner = || residents.get(1, 15, || Ok::<_, ()>(1)).map(|_| 0);
        residents.get(0, 10, inner).unwrap();
        assert_eq!(residents.bytes(), 10);
        let inner = || residents.get(2, 10, || Ok::<_, ()>(2)).map(|_| 1);
        residents.get(1, 10, inner).unwrap();
        assert_eq!(residents.bytes(), 20);
        let reload = || -> Result<i32, ()> { panic!("it has been kept") };
        assert_eq!(residents.get(2, 10, reload), Ok(2.into()));
    }

    #[test]
    fn failures_are_passed_on_and_take_no_room() {
        let residents = Residents::new(1, MemoryBudget::UNLIMITED);
        assert_eq!(residents.get(0, 10, || Err("damaged")), Err("damaged"));
        assert_eq!(residents.bytes(), 0);
        assert_eq!(residents.get(0, 10, || Ok::<_, &str>(7)), Ok(7.into()));
        assert_eq!(residents.bytes(), 10);
    }

    #[test]
    fn threads_that_want_the_same_share_it_whether_it_is_kept_or_not() {
        for budget in [0, 100] {
            let residents = Residents::new(1, MemoryBudget::bytes(budget));
            let (loads, start, end) = (AtomicUsize::new(0), Barrier::new(8), Barrier::new(8));
            std::thread::scope(|scope| {
                for _ in 0..8 {
                    scope.spawn(|| {
                        start.wait();
                        let load = || {
                            loads.fetch_add(1, Ordering::Relaxed);
                            Ok::<_, ()>(())
                        };
                        let _held = residents.get(0, 10, load).unwrap();
                        end.wait();
                    });
                }
            });
            assert_eq!(loads.into_inner(), 1);
        }
    }
}
