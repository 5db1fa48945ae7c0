//! The kernels, each by itself: `cargo bench -p tapetum-ring`, with a filter such as `ntt` after
//! `--`. One thread computes, so that a figure is that of the kernel.

mod bases;
mod pointwise;
mod products;
mod sampling;
mod storage;
mod transforms;

#[path = "../../../../benches/alone.rs"]
mod alone;

use tapetum_ring::sampling::{Seed, uniform};
use tapetum_ring::{Basis, Evaluation, Poly, primes};

/// The size at which kernels other than the transform are measured.
const LOG_N: u32 = 15;

/// The first `len` primes below 2^49, the largest that there are.
fn basis(log_n: u32, len: usize) -> Basis {
    let primes: Vec<_> = primes::near(2f64.powi(49), log_n)
        .take(len)
        .map(|prime| prime.value())
        .collect();
    Basis::new(log_n, &primes).expect("distinct primes")
}

/// A polynomial of random residues; another one for another `seed`.
fn random(basis: &Basis, seed: u8) -> Poly<Evaluation> {
    uniform(basis, Seed::from_bytes([seed; 32]))
}

fn main() {
    alone::alone(20, 2, |criterion| {
        transforms::bench(criterion);
        pointwise::bench(criterion);
        products::bench(criterion);
        bases::bench(criterion);
        sampling::bench(criterion);
        storage::bench(criterion);
    });
}
