//! What encryption costs: sizes are the same whatever is encrypted, so a sample of each kind of
//! object is made and weighed; a plan of evaluation keys knows its size.

use anyhow::Result;
use serde::Serialize;
use tapetum_ckks::{Encoder, Encryptor, KeyGenerator, SecretKey};
use tapetum_learn::Layout;

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
        let parameters = plan.parameters()?;
        let keys = plan.keys(&parameters)?;
        let secret = SecretKey::generate(&parameters)?;
        let public = KeyGenerator::new(&secret)?.public_key()?;
        let scale = Scale {
            encoder: Encoder::new(&parameters),
            owner: Encryptor::with_secret_key(&secret),
            contributor: Encryptor::with_public_key(&public),
        };
        let training = plan.training_shape(train, &parameters)?;
        let labels = training.0.grid_rows();
        Ok(Self {
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
            train: scale.weigh(training, labels)?,
            test: scale.weigh(plan.sample_shape(test, &parameters)?, 0)?,
        })
    }
}

/// Weighs ciphertexts of both kinds of sender.
struct Scale {
    encoder: Encoder,
    owner: Encryptor,
    contributor: Encryptor,
}

impl Scale {
    /// A matrix in this layout at this level, and `more` ciphertexts beside it.
    fn weigh(&self, (layout, level): (Layout, usize), more: usize) -> Result<Ciphertexts> {
        let ciphertexts = layout.blocks() + more;
        let plaintext = self.encoder.encode(&[0.0], level)?;
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
