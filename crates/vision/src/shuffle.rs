//! Seeded shuffling that gives the same order on every platform and in every version.

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

/// A stream for one purpose: `seed` is the user's, `purpose` keeps different draws of one seed independent.
pub(crate) fn stream(seed: u64, purpose: u64) -> ChaCha20Rng {
    let mut key = [0u8; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&purpose.to_le_bytes());
    ChaCha20Rng::from_seed(key)
}

/// Fisher-Yates (Knuth, TAOCP volume 2, algorithm 3.4.2P), every order equally likely.
pub(crate) fn shuffle<T>(items: &mut [T], rng: &mut ChaCha20Rng) {
    for i in (1..items.len()).rev() {
        items.swap(i, below(i as u64 + 1, rng) as usize);
    }
}

/// Uniform in `0..bound` for `bound > 0`, by rejection of the incomplete last stretch.
fn below(bound: u64, rng: &mut ChaCha20Rng) -> u64 {
    let zone = u64::MAX - (u64::MAX % bound + 1) % bound;
    loop {
        let draw = rng.next_u64();
        if draw <= zone {
            return draw % bound;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_a_seed_never_changes() {
        let mut items: Vec<u32> = (0..10).collect();
        shuffle(&mut items, &mut stream(7, 1));
        assert_eq!(items, KNOWN);
        shuffle(&mut items, &mut stream(7, 2));
        let mut sorted = items.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..10).collect::<Vec<_>>());
    }

    /// Written down once; a change here would silently change every published split.
    const KNOWN: [u32; 10] = [6, 5, 0, 7, 9, 8, 4, 3, 1, 2];

    #[test]
    fn draws_are_uniform_below_a_bound() {
        let mut rng = stream(3, 0);
        let mut counts = [0u32; 6];
        for _ in 0..60_000 {
            counts[below(6, &mut rng) as usize] += 1;
        }
        assert!(
            counts.iter().all(|&c| (9_600..10_400).contains(&c)),
            "{counts:?}"
        );
        assert_eq!(below(1, &mut rng), 0);
    }
}
