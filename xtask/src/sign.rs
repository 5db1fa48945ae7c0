//! The table of `crates/ckks/src/circuits/comparison/coefficients.rs`: compositions of minimax
//! polynomials that approximate the sign with the fewest levels (Lee, Lee, No, Kim, 2022).
//!
//! A polynomial that is within t of the sign for arguments from a to 1 maps them into
//! [1 - t, 1 + t]; divided by 1 + t it brings them to arguments of the next one, from
//! (1 - t) / (1 + t) to 1. The best composition of given degrees is the one of best polynomials.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context as _;

use crate::minimax::Minimax;

/// Arguments from 2^-bits on are decided: (1 + sign) / 2 with an error of at most 2^-bits, so the
/// sign with twice that.
const BITS: std::ops::RangeInclusive<u32> = 4..=12;
const FILE: &str = "crates/ckks/src/circuits/comparison/coefficients.rs";
const HEADER: &str = "\
//! Odd Chebyshev coefficients of compositions of minimax polynomials that approximate the sign.
//!
//! Made by `cargo run -p xtask -- remez`, which says how; not to be edited.

/// One polynomial after another, each as its coefficients of T_1, T_3, T_5, ..., and the largest
/// error of the last value.
pub(super) type Composition = (&'static [&'static [f64]], f64);

/// For |x| from 2^-4, 2^-5, ..., 2^-12 to 1.
#[rustfmt::skip]
pub(super) const SIGN: [Composition; 9] = [
";

/// The highest degree for its levels, the levels, and the relinearisations at most.
const STAGES: [(usize, usize, usize); 4] = [(3, 2, 2), (7, 3, 4), (15, 4, 7), (31, 5, 10)];

/// Polynomials to be evaluated one after another.
#[derive(Clone, Default)]
struct Composition {
    degrees: Vec<usize>,
    polynomials: Vec<Vec<f64>>,
    relinearizations: usize,
    error: f64,
}

/// Writes the table and prints it for `docs/encrypted-comparison.md`.
pub fn write_table(root: &Path) -> anyhow::Result<()> {
    let mut text = HEADER.to_owned();
    println!("| bits | degrees | levels | relinearisations at most | error |");
    println!("|---|---|---|---|---|");
    let mut levels = 1;
    for bits in BITS {
        // A finer precision takes no fewer levels.
        let composition = loop {
            if let Some(best) = best_composition(bits, levels)? {
                break best;
            }
            levels += 1;
        };
        println!(
            "| {bits} | {:?} | {levels} | {} | 2^{:.2} |",
            composition.degrees,
            composition.relinearizations,
            composition.error.log2()
        );
        writeln!(text, "    // 2^-{bits}: degrees {:?}.", composition.degrees)?;
        text += "    (&[\n";
        for polynomial in &composition.polynomials {
            text += "        &[\n";
            for row in polynomial.chunks(4) {
                let row: Vec<_> = row.iter().map(|c| format!("{c:?}")).collect();
                writeln!(text, "            {},", row.join(", "))?;
            }
            text += "        ],\n";
        }
        writeln!(text, "    ], {:?}),", composition.error)?;
    }
    text += "];\n";
    std::fs::write(root.join(FILE), text).with_context(|| format!("cannot write {FILE}"))
}

/// The one with the fewest relinearisations, then the least error, of those that take exactly so
/// many levels.
fn best_composition(bits: u32, levels: usize) -> anyhow::Result<Option<Composition>> {
    let mut found = Vec::new();
    let least = 0.5f64.powi(bits as i32);
    extend(
        &Composition::default(),
        least,
        levels,
        2.0 * least,
        &mut found,
    )?;
    Ok(found.into_iter().min_by(|a, b| {
        let cost = |c: &Composition| c.relinearizations;
        cost(a).cmp(&cost(b)).then(a.error.total_cmp(&b.error))
    }))
}

/// Adds to `found` what continues `start`, whose values begin at `least`, to an error of at most
/// `goal`.
fn extend(
    start: &Composition,
    least: f64,
    levels: usize,
    goal: f64,
    found: &mut Vec<Composition>,
) -> anyhow::Result<()> {
    for &stage in STAGES.iter().filter(|stage| stage.1 <= levels) {
        let (degree, own_levels, relinearizations) = stage;
        let best = Minimax::new(degree, least)?;
        let mut longer = start.clone();
        longer.degrees.push(degree);
        longer.relinearizations += relinearizations;
        if own_levels == levels {
            longer.error = best.error;
            longer.polynomials.push(best.odd_coefficients);
            if best.error <= goal {
                found.push(longer);
            }
        } else if best.error > goal {
            let (scaled, next) = scaled_to_unit(best);
            longer.polynomials.push(scaled);
            extend(&longer, next, levels - own_levels, goal, found)?;
        }
    }
    Ok(())
}

/// The polynomial with values up to 1, and the least of them for decided arguments.
fn scaled_to_unit(best: Minimax) -> (Vec<f64>, f64) {
    let largest = 1.0 + best.error;
    let scaled = best.odd_coefficients.iter().map(|c| c / largest).collect();
    (scaled, (1.0 - best.error) / largest)
}

#[cfg(test)]
#[path = "../../crates/ckks/src/circuits/comparison/coefficients.rs"]
mod committed;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::minimax::evaluate_odd;

    /// Computes every committed polynomial anew from its degree alone.
    #[test]
    fn the_committed_table_is_what_remez_gives() {
        for (bits, (polynomials, error)) in BITS.zip(committed::SIGN) {
            let mut least = 0.5f64.powi(bits as i32);
            for (i, committed) in polynomials.iter().enumerate() {
                let best = Minimax::new(2 * committed.len() - 1, least).unwrap();
                let coefficients = if i + 1 == polynomials.len() {
                    assert!((best.error / error - 1.0).abs() < 1e-6, "2^-{bits}");
                    best.odd_coefficients
                } else {
                    let (scaled, next) = scaled_to_unit(best);
                    least = next;
                    scaled
                };
                for (a, b) in committed.iter().zip(coefficients) {
                    assert!((a - b).abs() < 1e-8, "2^-{bits}: {a} and {b}");
                }
            }
            assert!(error <= 2.0 * 0.5f64.powi(bits as i32));
        }
    }

    /// The search for 2^-4 again, and its result at every step of a fine grid.
    #[test]
    fn the_search_finds_the_committed_degrees_and_no_fewer_levels() {
        let (polynomials, error) = committed::SIGN[0];
        let degrees: Vec<_> = polynomials.iter().map(|p| 2 * p.len() - 1).collect();
        let levels = degrees.iter().map(|d| (d + 1).ilog2() as usize).sum();
        for fewer in 1..levels {
            assert!(best_composition(4, fewer).unwrap().is_none());
        }
        let found = best_composition(4, levels).unwrap().unwrap();
        assert_eq!(found.degrees, degrees);
        for i in 0..=10_000 {
            let x = 0.0625 + 0.9375 * i as f64 / 10_000.0;
            let sign = found.polynomials.iter().fold(x, |x, p| evaluate_odd(p, x));
            assert!((sign - 1.0).abs() <= error * (1.0 + 1e-6));
        }
    }
}
