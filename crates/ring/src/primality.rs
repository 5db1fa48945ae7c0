//! Whether a number is prime.

/// Whether `n` is prime. Miller-Rabin with the first twelve primes as bases decides every 64-bit
/// number (Sorenson and Webster, 2015).
pub(crate) fn is_prime(n: u64) -> bool {
    const BASES: [u64; 12] = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37];
    if n < 2 {
        return false;
    }
    if let Some(divisor) = BASES.iter().find(|b| n.is_multiple_of(**b)) {
        return n == *divisor;
    }
    let mul = |a: u64, b: u64| (a as u128 * b as u128 % n as u128) as u64;
    let pow = |mut base: u64, mut exponent: u64| {
        let mut result = 1;
        while exponent != 0 {
            if exponent & 1 == 1 {
                result = mul(result, base);
            }
            base = mul(base, base);
            exponent >>= 1;
        }
        result
    };
    let twos = (n - 1).trailing_zeros();
    BASES.iter().all(|&base| {
        let mut x = pow(base, (n - 1) >> twos);
        if x == 1 {
            return true;
        }
        for _ in 0..twos {
            if x == n - 1 {
                return true;
            }
            x = mul(x, x);
        }
        false
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_a_sieve() {
        let mut composite = vec![false; 100_000];
        for n in 2..composite.len() {
            assert_eq!(is_prime(n as u64), !composite[n], "{n}");
            if !composite[n] {
                for m in (2 * n..composite.len()).step_by(n) {
                    composite[m] = true;
                }
            }
        }
    }

    #[test]
    fn strong_pseudoprimes_are_composite() {
        for n in [
            3_215_031_751,
            341_550_071_728_321,
            3_825_123_056_546_413_051,
        ] {
            assert!(!is_prime(n));
        }
        assert!(is_prime(562_949_953_421_231) && is_prime(u64::MAX - 58));
    }
}
