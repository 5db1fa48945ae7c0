//! Primes p = 1 mod 2N, for which X^N + 1 splits and the negacyclic transform exists.

use crate::modulus::{MAX_MODULUS_BITS, Modulus};

/// The primes p = 1 mod 2^(log_n + 1) in the order of their distance from `target`, the larger
/// first where two are equally near; all are below 2^49 and above 2^(log_n + 1).
///
/// ```
/// let mut primes = tapetum_ring::primes::near(2f64.powi(40), 13);
/// let p = primes.next().unwrap();
/// assert!(p.value().abs_diff(1 << 40) < 1 << 20);
/// assert_eq!(p.value() % (1 << 14), 1);
/// ```
pub fn near(target: f64, log_n: u32) -> impl Iterator<Item = Modulus> {
    let step = 1i64 << (log_n + 1);
    let limit = 1i64 << MAX_MODULUS_BITS;
    let target = target.clamp(step as f64, limit as f64) as i64;
    let first_below = (target - 1) / step * step + 1;
    let mut below = first_below;
    let mut above = first_below + step;
    std::iter::from_fn(move || {
        while below > step || above < limit {
            let take_above = above < limit && (below <= step || above - target <= target - below);
            let candidate = if take_above { above } else { below };
            if take_above {
                above += step;
            } else {
                below -= step;
            }
            if let Ok(modulus) = Modulus::new(candidate as u64) {
                return Some(modulus);
            }
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_come_first_and_fit_the_transform() {
        let target = 2f64.powi(36);
        let found: Vec<_> = near(target, 12).take(40).collect();
        let distance = |m: &Modulus| (m.to_f64() - target).abs();
        assert!(found.windows(2).all(|w| distance(&w[0]) <= distance(&w[1])));
        assert!(found.iter().all(|m| m.value() % (1 << 13) == 1));
        assert!(near(2f64.powi(49), 16).take(20).all(|m| m.bits() == 49));
    }

    #[test]
    fn the_supply_ends() {
        let all: Vec<_> = near(100.0, 4).take_while(|m| m.value() < 200).collect();
        assert_eq!(all[0].value(), 97);
        assert!(near(0.0, 48).next().is_none());
    }
}
