//! The operations, each on fresh ciphertexts with all primes and full slots.

use std::collections::BTreeMap;

use serde::Serialize;
use tapetum::Result;
use tapetum_ckks::kernel::Coefficients;
use tapetum_ckks::{
    Ciphertext, Complex64, Decryptor, Encoder, Encryptor, Evaluator, KeyGenerator, KeyPlan,
    LinearTransform, Parameters, Plaintext, SecretKey, SlotMatrix,
};

use super::meter::Meter;
use super::sets::Set;
use tapetum::progress::{Progress, Step};

/// The rotations of `rotate_hoisted_8`; the first one is that of `rotate`.
const ROTATIONS: [i64; 8] = [1, 2, 3, 4, 5, 6, 7, 8];

/// The diagonals of `linear_transform_64`.
const DIAGONALS: i64 = 64;

/// One operation with one parameter set.
#[derive(Debug, Serialize)]
pub struct Row {
    /// The operation.
    pub op: &'static str,
    /// log2 of the ring degree.
    pub log_n: u32,
    /// The primes that the operand has: those of Q, or 1 for transforms.
    pub primes: usize,
    /// log2 of Q P of the parameter set.
    pub log_qp: f64,
    /// The digits of its key switches.
    pub dnum: usize,
    /// Threads that computed.
    pub threads: usize,
    /// Median of the CPU time of all threads together, in milliseconds.
    pub cpu_ms: f64,
    /// Median of the time on the wall's clock, in milliseconds.
    pub wall_ms: f64,
    /// How many runs that is from.
    pub runs: usize,
    /// The least CPU time; for people only.
    #[serde(skip)]
    pub least_cpu_ms: f64,
}

/// Measures every operation with one parameter set, in the threads that it is called in.
pub fn measure(set: Set, meter: Meter, threads: usize, steps: &dyn Progress) -> Result<Vec<Row>> {
    let mut rows = Rows {
        parameters: set.parameters()?,
        meter,
        threads,
        steps,
        rows: Vec::new(),
    };
    let secret = SecretKey::generate(&rows.parameters)?;
    rows.transforms()?;
    let (plain, pair) = rows.messages(&secret)?;
    rows.evaluation(&secret, &plain, &pair)?;
    rows.combinations(&pair[0])?;
    rows.residue_product()?;
    rows.linear_transform(&secret, &pair[0])?;
    Ok(rows.rows)
}

/// Rows of one parameter set.
pub(super) struct Rows<'a> {
    parameters: Parameters,
    meter: Meter,
    threads: usize,
    steps: &'a dyn Progress,
    rows: Vec<Row>,
}

impl Rows<'_> {
    /// One prime.
    fn transforms(&mut self) -> Result<()> {
        let x = Coefficients::example(&self.parameters);
        self.time_on("ntt_forward", 1, || x.clone(), |x| Ok(x.forward()))?;
        let x = x.forward();
        self.time_on("ntt_inverse", 1, || x.clone(), |x| Ok(x.inverse()))
    }

    /// The way in and the way out. Gives what it has made: a message and two encryptions of it.
    fn messages(&mut self, secret: &SecretKey) -> Result<(Plaintext, [Ciphertext; 2])> {
        let level = self.parameters.max_level();
        let values = message(&self.parameters);
        let (encoder, pair) = pair(secret)?;
        let public = KeyGenerator::new(secret)?.public_key()?;
        let (encryptor, decryptor) = (Encryptor::with_public_key(&public), Decryptor::new(secret));
        let plain = encoder.encode(&values, level)?;
        let step = self.step("encode, encrypt, decrypt");
        self.time("encode", || Ok(encoder.encode(&values, level)?))?;
        self.time("encrypt", || Ok(encryptor.encrypt(&plain)?))?;
        let read = |x| Ok(encoder.decode(&decryptor.decrypt(x)?));
        self.time("decrypt_decode", || read(&pair[0]))?;
        step.finish();
        Ok((plain, pair))
    }

    fn evaluation(
        &mut self,
        secret: &SecretKey,
        plain: &Plaintext,
        [a, b]: &[Ciphertext; 2],
    ) -> Result<()> {
        let plan = KeyPlan::new(&self.parameters).relinearization();
        let evaluator = self.evaluator(secret, plan.rotations(ROTATIONS))?;
        let step = self.step("evaluate");
        let product = evaluator.mul_relin(a, b)?;
        self.time("add", || Ok(evaluator.add(a, b)?))?;
        self.time("mul_plain", || Ok(evaluator.mul_plain(a, plain)?))?;
        self.time("mul_relin", || Ok(evaluator.mul_relin(a, b)?))?;
        self.time("rescale", || Ok(evaluator.rescale(&product)?))?;
        self.time("rotate", || Ok(evaluator.rotate(a, ROTATIONS[0])?))?;
        let hoisted = || Ok(evaluator.rotate_hoisted(a, &ROTATIONS)?);
        self.time("rotate_hoisted_8", hoisted)?;
        step.finish();
        Ok(())
    }

    /// By itself, because its keys and diagonals fill the memory that others leave.
    fn linear_transform(&mut self, secret: &SecretKey, a: &Ciphertext) -> Result<()> {
        let matrix = matrix_of_64_diagonals(&self.parameters)?;
        let encoder = Encoder::new(&self.parameters);
        let transform = LinearTransform::new(&encoder, &matrix, a.level())?;
        let plan = KeyPlan::new(&self.parameters).rotations(transform.rotations());
        let evaluator = self.evaluator(secret, plan)?;
        let step = self.step("linear transform");
        let transformed = || Ok(evaluator.linear_transform(a, &transform)?);
        self.time("linear_transform_64", transformed)?;
        step.finish();
        Ok(())
    }

    pub(super) fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    fn evaluator(&self, secret: &SecretKey, plan: KeyPlan) -> Result<Evaluator> {
        let step = self.step("make keys");
        let found = evaluator(secret, &plan, |done| step.advance(done, plan.len()))?;
        step.finish();
        Ok(found)
    }

    /// Adds the row of an operation over all primes of Q.
    pub(super) fn time<O>(
        &mut self,
        op: &'static str,
        mut call: impl FnMut() -> Result<O>,
    ) -> Result<()> {
        let primes = self.parameters.max_level() + 1;
        self.time_on(op, primes, || (), |()| call())
    }

    /// Adds the row of an operation that uses up what `prepare` makes.
    pub(super) fn time_on<I, O>(
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

    pub(super) fn step(&self, what: &str) -> Box<dyn Step> {
        let log_n = self.parameters.log_n();
        self.steps.begin(&format!("N = 2^{log_n}: {what}"))
    }
}

/// Two encryptions of the same numbers, over all primes and with full slots, and the encoder that made them.
pub fn pair(secret: &SecretKey) -> Result<(Encoder, [Ciphertext; 2])> {
    let parameters = secret.parameters();
    let encoder = Encoder::new(parameters);
    let encryptor = Encryptor::with_public_key(&KeyGenerator::new(secret)?.public_key()?);
    let plain = encoder.encode(&message(parameters), parameters.max_level())?;
    let pair = [encryptor.encrypt(&plain)?, encryptor.encrypt(&plain)?];
    Ok((encoder, pair))
}

/// A matrix with 64 diagonals, from the main one upwards.
pub fn matrix_of_64_diagonals(parameters: &Parameters) -> Result<SlotMatrix> {
    let slots = parameters.slots();
    let diagonal = |k: i64| {
        let entries = (0..slots).map(|i| Complex64::from(number(i + k as usize)));
        (k, entries.collect())
    };
    let diagonals: BTreeMap<_, _> = (0..DIAGONALS).map(diagonal).collect();
    Ok(SlotMatrix::from_diagonals(slots, diagonals)?)
}

/// An evaluator with the keys of a plan.
pub fn evaluator(secret: &SecretKey, plan: &KeyPlan, made: impl FnMut(usize)) -> Result<Evaluator> {
    let keys = KeyGenerator::new(secret)?.evaluation_keys_with(plan, made)?;
    Ok(Evaluator::with_keys(keys))
}

fn message(parameters: &Parameters) -> Vec<f64> {
    (0..parameters.slots()).map(number).collect()
}

/// Numbers in [-1, 1], no two alike.
fn number(index: usize) -> f64 {
    (index as f64).sin()
}
