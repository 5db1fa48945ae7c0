//! What encryption costs: sizes are the same whatever is encrypted, so a sample of each kind of
//! object is made and weighed; a plan of evaluation keys knows its size. Times follow from counts of
//! operations, one of each kind of which is timed.

use std::time::Instant;

use rayon::prelude::*;
use serde::Serialize;
use tapetum_ckks::{Encryptor, Evaluator, KeyGenerator, KeyPlan, Parameters, SecretKey};
use tapetum_learn::{Layout, OperationCounts, ciphertext_bytes};

use crate::error::Result;
use crate::plan::Plan;

/// Parameters, and the size of everything.
#[derive(Debug, Serialize)]
pub struct Cost {
    /// log2 of the ring degree.
    pub log_n: u32,
    /// log2 of the largest modulus of a key.
    pub log_qp: f64,
    /// By the table.
    pub security_bits: u32,
    /// Levels that training and classification use up.
    pub levels: usize,
    /// The number of evaluation keys.
    pub evaluation_keys: usize,
    /// Sizes of the keys.
    pub key_bytes: KeyBytes,
    /// The training part with encrypted labels.
    pub train: Ciphertexts,
    /// The held-out part.
    pub test: Ciphertexts,
    /// About how long each step will take here.
    pub seconds: Seconds,
    /// About how much memory training will take: keys and samples, as far as they are in memory at
    /// a time, and what is computed with them.
    pub training_memory_bytes: u64,
}

/// Seconds on all processors of this machine, estimated from counts and from how fast it is now.
#[derive(Debug, Serialize)]
pub struct Seconds {
    /// Encrypting the training part.
    pub encrypt: f64,
    /// Training.
    pub train: f64,
    /// Classifying the held-out part.
    pub classify: f64,
}

/// Bytes of keys.
#[derive(Debug, Serialize)]
pub struct KeyBytes {
    /// The secret key.
    pub secret: u64,
    /// The public key.
    pub public: u64,
    /// All evaluation keys.
    pub evaluation: u64,
}

/// What is sent to the server.
#[derive(Debug, Serialize)]
pub struct Ciphertexts {
    /// How many there are.
    pub ciphertexts: usize,
    /// Bytes of all, if the owner encrypts.
    pub bytes_from_owner: u64,
    /// Bytes of all, if a contributor does.
    pub bytes_from_contributor: u64,
}

impl Cost {
    /// The cost of training on `train` samples and classifying `test`.
    pub fn of(plan: &Plan, train: usize, test: usize) -> Result<Self> {
        let (spec, parameters) = (plan.training_spec()?, plan.parameters()?);
        let keys = plan.keys(&parameters)?;
        let secret = SecretKey::generate(&parameters)?;
        let public = KeyGenerator::new(&secret)?.public_key()?;
        let scale = Scale {
            owner: Encryptor::with_secret_key(&secret),
            contributor: Encryptor::with_public_key(&public),
        };
        let (parts, level) = spec.training_parts(train, &parameters)?;
        let (_, largest) = parts[0];
        let of_all = |count: &dyn Fn(&Layout) -> usize| -> usize {
            parts.iter().map(|(times, part)| times * count(part)).sum()
        };
        let whole = Whole {
            blocks: of_all(&Layout::blocks),
            labels: of_all(&|part| plan.label_ciphertexts(part)),
            level,
        };
        let samples = plan.sample_shape(test, &parameters)?;
        let asked = Whole {
            blocks: samples.0.blocks(),
            labels: 0,
            level: samples.1,
        };
        let speed = Speed::measure(&secret, &scale, level)?;
        // Of several parts two are in memory.
        let read_ahead = parts.iter().map(|(times, _)| times).sum::<usize>().min(2);
        let of_part = largest.blocks() + plan.label_ciphertexts(&largest);
        let in_memory = (read_ahead * of_part) as u64 * ciphertext_bytes(&parameters, level);
        Ok(Self {
            seconds: Seconds {
                encrypt: whole.ciphertexts() as f64 * speed.encryption,
                train: speed.seconds(spec.operation_counts(train, &parameters)?),
                classify: speed.seconds(plan.classification_operations(&samples.0)),
            },
            training_memory_bytes: keys.memory_bytes(&parameters)?
                + spec.training_bytes(&parameters, in_memory)?,
            log_n: parameters.log_n(),
            log_qp: parameters.log_qp(),
            security_bits: parameters.security().bits(),
            levels: plan.levels,
            evaluation_keys: keys.len(),
            key_bytes: KeyBytes {
                secret: len(&secret.to_bytes()),
                public: len(&public.to_bytes()),
                evaluation: keys.file_bytes(&parameters)?,
            },
            train: scale.weigh(whole)?,
            test: scale.weigh(asked)?,
        })
    }
}

/// A file of samples.
#[derive(Clone, Copy)]
struct Whole {
    blocks: usize,
    labels: usize,
    level: usize,
}

impl Whole {
    fn ciphertexts(&self) -> usize {
        self.blocks + self.labels
    }
}

/// Seconds of one operation if all processors do the same.
struct Speed {
    encryption: f64,
    key_switch: f64,
    product: f64,
}

impl Speed {
    /// In the middle between fresh samples at `level` and the level of models.
    fn measure(secret: &SecretKey, scale: &Scale, level: usize) -> Result<Self> {
        let parameters: &Parameters = secret.parameters();
        let middle = level.div_ceil(2).max(1);
        let plan = KeyPlan::new(parameters)
            .up_to_level(middle)
            .relinearization();
        let keys = KeyGenerator::new(secret)?.evaluation_keys(&plan)?;
        let evaluator = Evaluator::with_keys(keys);
        let slots = vec![0.5; parameters.slots()];
        let fresh = evaluator.encoder().encode(&slots, level)?;
        let lower = (scale.owner).encrypt(&evaluator.encoder().encode(&slots, middle)?)?;
        let product = evaluator.mul(&lower, &lower)?;
        Ok(Self {
            encryption: timed(|| Ok(scale.contributor.encrypt(&fresh)?))?,
            key_switch: timed(|| Ok(evaluator.relinearize(&product)?))?,
            product: timed(|| Ok(evaluator.mul(&lower, &lower)?))?,
        })
    }

    fn seconds(&self, work: OperationCounts) -> f64 {
        work.key_switches as f64 * self.key_switch + work.products as f64 * self.product
    }
}

/// Seconds of a call when every processor makes some, after one that fills the caches.
fn timed<T>(call: impl Fn() -> Result<T> + Sync) -> Result<f64> {
    const CALLS_OF_EACH: usize = 4;
    call()?;
    let calls = CALLS_OF_EACH * rayon::current_num_threads();
    let started = Instant::now();
    (0..calls)
        .into_par_iter()
        .try_for_each(|_| call().map(drop))?;
    Ok(started.elapsed().as_secs_f64() / calls as f64)
}

/// Weighs ciphertexts of both kinds of contributor.
struct Scale {
    owner: Encryptor,
    contributor: Encryptor,
}

impl Scale {
    fn weigh(&self, whole: Whole) -> Result<Ciphertexts> {
        let ciphertexts = whole.ciphertexts();
        let plaintext = self.owner.encoder().encode(&[0.0], whole.level)?;
        let bytes = |encryptor: &Encryptor| -> Result<u64> {
            Ok(ciphertexts as u64 * len(&encryptor.encrypt(&plaintext)?.to_bytes()))
        };
        Ok(Ciphertexts {
            ciphertexts,
            bytes_from_owner: bytes(&self.owner)?,
            bytes_from_contributor: bytes(&self.contributor)?,
        })
    }
}

fn len(bytes: &[u8]) -> u64 {
    bytes.len() as u64
}
