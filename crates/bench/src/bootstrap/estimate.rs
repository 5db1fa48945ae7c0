//! What bootstrapping will cost, counted and calibrated.

use std::fmt;

use rayon::ThreadPoolBuilder;
use serde::Serialize;
use tapetum::Result;
use tapetum_ckks::{Encoder, Encryptor, Evaluator, Parameters, SecretKey};

use super::{Bootstrap, plan};
use crate::meter::Meter;
use crate::report::Report;
use tapetum::units::bytes;

/// What bootstrapping will cost.
#[derive(Debug, Serialize)]
pub struct Plan {
    plan: Vec<PlanRow>,
}

#[derive(Debug, Serialize)]
struct PlanRow {
    log_n: u32,
    slots: usize,
    log_qp: f64,
    security_bits: u32,
    levels_left: usize,
    keys: usize,
    keys_bytes: u64,
    keys_memory_bytes: u64,
    matrices_bytes: u64,
    peak_bytes: u64,
    transforms: f64,
    products: f64,
    streamed_bytes: f64,
    cpu_s: f64,
}

/// Counts, and times a transform, a product and memory on this machine.
pub fn estimate(args: &Bootstrap) -> Result<Report<Plan>> {
    Report::measure(|| rows(args).map(|plan| Plan { plan }))
}

fn rows(args: &Bootstrap) -> Result<Vec<PlanRow>> {
    let one_thread = ThreadPoolBuilder::new().num_threads(1).build()?;
    let mut rows = Vec::new();
    for &slots in &args.slots {
        let plan = plan(args, slots)?;
        let parameters = plan.parameters();
        let cost = plan.estimate()?;
        let [transform, product, byte] = one_thread.install(|| calibrate(parameters))?;
        rows.push(PlanRow {
            log_n: parameters.log_n(),
            slots,
            log_qp: parameters.log_qp(),
            security_bits: parameters.security().bits(),
            levels_left: plan.output_level() - plan.input_level(),
            keys: plan.keys().len(),
            keys_bytes: cost.key_file_bytes,
            keys_memory_bytes: cost.key_bytes,
            matrices_bytes: cost.matrix_bytes,
            peak_bytes: cost.peak_bytes(),
            transforms: cost.transforms,
            products: cost.products,
            streamed_bytes: cost.streamed_bytes,
            cpu_s: cost.seconds(transform, product, byte),
        });
    }
    Ok(rows)
}

/// Numbers that no cache holds: 256 MB.
const MANY: usize = 1 << 25;

/// Seconds of a transform and of a product modulo one prime, and of a byte from memory.
fn calibrate(parameters: &Parameters) -> Result<[f64; 3]> {
    let meter = Meter::new(5);
    let values = tapetum_ckks::kernel::Coefficients::example(parameters);
    let transform = meter.time(|| values.clone(), |values| Ok(values.forward()))?;
    let level = parameters.message_level();
    let secret = SecretKey::generate(parameters)?;
    let encoder = Encoder::new(parameters);
    let plaintext = encoder.encode(&[0.5; 8], level)?;
    let ciphertext = Encryptor::with_secret_key(&secret).encrypt(&plaintext)?;
    let evaluator = Evaluator::new(parameters);
    // Eight terms at a time, both halves of each.
    let pairs = [(&ciphertext, &plaintext); 8];
    let sum = meter.time(|| (), |()| Ok(evaluator.mul_plain_sum(&pairs)?))?;
    let products = (2 * pairs.len() * (level + 1)) as f64;
    let numbers = vec![1u64; MANY];
    let read = meter.time(|| (), |()| Ok(numbers.iter().fold(0, |a, b| a ^ b)))?;
    let byte = read.cpu_ms / 1e3 / (8 * MANY) as f64;
    Ok([transform.cpu_ms / 1e3, sum.cpu_ms / 1e3 / products, byte])
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in &self.plan {
            writeln!(
                f,
                "\nN = 2^{}, {} slots, log QP = {:.0}, {} bits of security, {} levels left\n  \
                 {} keys: a file of {}, {} in memory\n  \
                 matrices {}, at the peak about {} in all\n  \
                 {:.0} transforms and {:.0} products of a prime, {} through memory: about {:.1} s of \
                 one thread",
                row.log_n,
                row.slots,
                row.log_qp,
                row.security_bits,
                row.levels_left,
                row.keys,
                bytes(row.keys_bytes),
                bytes(row.keys_memory_bytes),
                bytes(row.matrices_bytes),
                bytes(row.peak_bytes),
                row.transforms,
                row.products,
                bytes(row.streamed_bytes as u64),
                row.cpu_s
            )?;
        }
        Ok(())
    }
}
