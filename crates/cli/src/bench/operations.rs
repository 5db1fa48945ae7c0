//! The operations, each on fresh ciphertexts with all primes and full slots.

use anyhow::Result;
use tapetum_ckks::kernel::Coefficients;
use tapetum_ckks::{
    Decryptor, Encoder, Encryptor, Evaluator, KeyGenerator, KeyPlan, Parameters, SecretKey,
};

use super::meter::Meter;
use super::report::Row;
use super::sets::Set;
use crate::progress::Steps;

/// The rotations of `rotate_hoisted_8`; the first one is that of `rotate`.
const ROTATIONS: [i64; 8] = [1, 2, 3, 4, 5, 6, 7, 8];

/// Rows of one parameter set.
struct Rows {
    parameters: Parameters,
    meter: Meter,
    threads: usize,
    rows: Vec<Row>,
}

impl Rows {
    /// Adds the row of an operation over all primes of Q.
    fn time<O>(&mut self, op: &'static str, mut call: impl FnMut() -> Result<O>) -> Result<()> {
        let primes = self.parameters.max_level() + 1;
        self.time_on(op, primes, || (), |()| call())
    }

    /// Adds the row of an operation that uses up what `prepare` makes.
    fn time_on<I, O>(
        &mut self,
        op: &'static str,
        primes: usize,
        prepare: impl FnMut() -> I,
        call: impl FnMut(I) -> Result<O>,
    ) -> Result<()> {
        let timing = self.meter.time(prepare, call)?;
        self.rows.push(Row {
            op,
            log_n: self.parameters.log_n(),
            primes,
            log_qp: (10.0 * self.parameters.log_qp()).round() / 10.0,
            dnum: self.parameters.digits(),
            threads: self.threads,
            cpu_ms: timing.cpu_ms,
            wall_ms: timing.wall_ms,
            runs: timing.runs,
            least_cpu_ms: timing.least_cpu_ms,
        });
        Ok(())
    }
}

/// Measures every operation with one parameter set, in the threads that it is called in.
pub fn measure(set: Set, meter: Meter, threads: usize, steps: Steps) -> Result<Vec<Row>> {
    let parameters = set.parameters()?;
    let log_n = parameters.log_n();
    let step = steps.begin(&format!("N = 2^{log_n}: make keys"));
    let secret = SecretKey::generate(&parameters)?;
    let mut generator = KeyGenerator::new(&secret)?;
    let public = generator.public_key()?;
    let plan = KeyPlan::new(&parameters)
        .relinearization()
        .rotations(ROTATIONS);
    let keys = generator.evaluation_keys_with(&plan, |done| step.advance(done, plan.len()))?;
    step.finish();

    let step = steps.begin(&format!("N = 2^{log_n}: measure"));
    let (encoder, evaluator) = (Encoder::new(&parameters), Evaluator::with_keys(keys));
    let (encryptor, decryptor) = (Encryptor::with_public_key(&public), Decryptor::new(&secret));
    let level = parameters.max_level();
    let values = message(parameters.slots());
    let plain = encoder.encode(&values, level)?;
    let (a, b) = (encryptor.encrypt(&plain)?, encryptor.encrypt(&plain)?);
    let product = evaluator.mul_relin(&a, &b)?;
    let coefficients = Coefficients::example(&parameters);
    let transformed = coefficients.clone().forward();

    let mut rows = Rows {
        parameters,
        meter,
        threads,
        rows: Vec::new(),
    };
    rows.time_on(
        "ntt_forward",
        1,
        || coefficients.clone(),
        |x| Ok(x.forward()),
    )?;
    rows.time_on(
        "ntt_inverse",
        1,
        || transformed.clone(),
        |x| Ok(x.inverse()),
    )?;
    rows.time("encode", || Ok(encoder.encode(&values, level)?))?;
    rows.time("encrypt", || Ok(encryptor.encrypt(&plain)?))?;
    rows.time("decrypt_decode", || {
        Ok(encoder.decode(&decryptor.decrypt(&a)?))
    })?;
    rows.time("add", || Ok(evaluator.add(&a, &b)?))?;
    rows.time("mul_plain", || Ok(evaluator.mul_plain(&a, &plain)?))?;
    rows.time("mul_relin", || Ok(evaluator.mul_relin(&a, &b)?))?;
    rows.time("rescale", || Ok(evaluator.rescale(&product)?))?;
    rows.time("rotate", || Ok(evaluator.rotate(&a, ROTATIONS[0])?))?;
    rows.time("rotate_hoisted_8", || {
        Ok(evaluator.rotate_hoisted(&a, &ROTATIONS)?)
    })?;
    step.finish();
    Ok(rows.rows)
}

/// Numbers in [-1, 1], no two alike.
fn message(slots: usize) -> Vec<f64> {
    (0..slots).map(|i| (i as f64).sin()).collect()
}
