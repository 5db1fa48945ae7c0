//! Parameter sets, objects of all types, and a container writer that is not the one under test.

use std::path::PathBuf;

use serde::Serialize;
use tapetum_ckks::wire::{Bundle, FileType, WireError};
use tapetum_ckks::*;

pub const FRONT_LEN: usize = 48;

pub fn parameters(log_n: u32, q_bits: &[u32], p_bits: &[u32], log_scale: u32) -> Parameters {
    Parameters::new(ParametersLiteral {
        log_n,
        q_bits: q_bits.to_vec(),
        p_bits: p_bits.to_vec(),
        log_scale,
        secret: SecretDistribution::UniformTernary,
        bootstrapping: None,
    })
    .expect("the literal is valid")
}

/// One level and prime; digits of one prime; digits of two primes, the last with one.
pub fn parameter_sets() -> [Parameters; 3] {
    [
        smallest(),
        parameters(12, &[36, 33], &[37], 33),
        parameters(13, &[40, 26, 26, 26, 26], &[24, 42], 26),
    ]
}

/// For small files.
pub fn smallest() -> Parameters {
    parameters(12, &[30], &[31], 24)
}

pub fn repository(path: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests")).join(path)
}

/// Objects of one parameter set, made from a known key.
pub struct Objects {
    pub parameters: Parameters,
    pub values: Vec<f64>,
    pub secret_key: SecretKey,
    pub public_key: PublicKey,
    pub relinearization_key: RelinearizationKey,
    pub galois_key: GaloisKey,
    pub evaluation_keys: EvaluationKeys,
    pub plaintext: Plaintext,
    pub seeded: Ciphertext,
    pub unseeded: Ciphertext,
    pub product: Ciphertext,
}

impl Objects {
    /// Everything is drawn from the ChaCha20 stream of `key`, in the order of the lines below.
    pub fn new(parameters: &Parameters, key: [u8; 32]) -> Self {
        let mut rng = SecretRng::insecure_from_key(key);
        let secret_key = SecretKey::generate_with(parameters, &mut rng);
        let level = parameters.max_level();
        let values: Vec<f64> = (0..16)
            .map(|i| f64::from(i * 37 % 101) / 64.0 - 0.75)
            .collect();
        let plaintext = Encoder::new(parameters).encode(&values, level).unwrap();
        let seeded = Encryptor::with_secret_key(&secret_key)
            .encrypt_with(&plaintext, &mut rng)
            .unwrap();
        let mut generator = KeyGenerator::with_rng(&secret_key, rng);
        let public_key = generator.public_key().unwrap();
        let relinearization_key = generator.relinearization_key().unwrap();
        let galois_key = generator.rotation_key(1).unwrap();
        let plan = KeyPlan::new(parameters)
            .relinearization()
            .rotations([1, -1])
            .conjugation();
        let evaluation_keys = generator.evaluation_keys(&plan).unwrap();
        let unseeded = Encryptor::with_public_key(&public_key)
            .encrypt_with(
                &plaintext,
                &mut SecretRng::insecure_from_key(key.map(|b| !b)),
            )
            .unwrap();
        // So that the product of two scales leaves four bits for the message.
        let log_low = (parameters.log_q(level) - 4.0) / 2.0;
        let low = Encoder::new(parameters)
            .encode_at(&values, level, 2f64.powi(log_low as i32))
            .unwrap();
        let low = Encryptor::with_secret_key(&secret_key)
            .encrypt_with(&low, &mut SecretRng::insecure_from_key([0; 32]))
            .unwrap();
        let product = Evaluator::new(parameters).mul(&low, &low).unwrap();
        Self {
            parameters: parameters.clone(),
            values,
            secret_key,
            public_key,
            relinearization_key,
            galois_key,
            evaluation_keys,
            plaintext,
            seeded,
            unseeded,
            product,
        }
    }

    pub fn bundle(&self) -> Bundle<'static> {
        let ciphertexts = vec![
            self.seeded.clone(),
            self.seeded.clone(),
            self.product.clone(),
            self.unseeded.clone(),
        ];
        Bundle::new(
            &self.parameters,
            "test-3",
            b"metadata".to_vec(),
            ciphertexts,
        )
        .unwrap()
    }

    /// A file of each type, and of each form of it.
    pub fn files(&self) -> Vec<(FileType, Vec<u8>)> {
        vec![
            (FileType::Parameters, self.parameters.to_bytes()),
            (FileType::SecretKey, self.secret_key.to_bytes().to_vec()),
            (FileType::PublicKey, self.public_key.to_bytes()),
            (
                FileType::RelinearizationKey,
                self.relinearization_key.to_bytes(),
            ),
            (FileType::GaloisKey, self.galois_key.to_bytes()),
            (FileType::EvaluationKeys, self.evaluation_keys.to_bytes()),
            (FileType::Plaintext, self.plaintext.to_bytes()),
            (FileType::Ciphertext, self.seeded.to_bytes()),
            (FileType::Ciphertext, self.unseeded.to_bytes()),
            (FileType::Ciphertext, self.product.to_bytes()),
            (FileType::Bundle, self.bundle().to_bytes()),
        ]
    }
}

/// Reads bytes as the given type and writes what it found.
pub fn rewritten(
    parameters: &Parameters,
    file_type: FileType,
    bytes: &[u8],
) -> Result<Vec<u8>, WireError> {
    let p = parameters;
    Ok(match file_type {
        FileType::Parameters => Parameters::from_bytes(bytes)?.to_bytes(),
        FileType::SecretKey => SecretKey::from_bytes(bytes)?.to_bytes().to_vec(),
        FileType::PublicKey => PublicKey::from_bytes(bytes)?.to_bytes(),
        FileType::RelinearizationKey => RelinearizationKey::from_bytes(p, bytes)?.to_bytes(),
        FileType::GaloisKey => GaloisKey::from_bytes(p, bytes)?.to_bytes(),
        FileType::EvaluationKeys => EvaluationKeys::from_bytes(bytes)?.to_bytes(),
        FileType::Plaintext => Plaintext::from_bytes(p, bytes)?.to_bytes(),
        FileType::Ciphertext => Ciphertext::from_bytes(p, bytes)?.to_bytes(),
        FileType::Bundle => {
            // Whoever keeps nothing finds the same.
            let skimmed = Bundle::skim(p, bytes, |_, _| Ok::<_, WireError>(()));
            assert_eq!(skimmed.is_ok(), Bundle::read(p, bytes).is_ok());
            Bundle::from_bytes(p, bytes)?.to_bytes()
        }
        other => panic!("no reader for {other}"),
    })
}

/// A file put together by hand.
#[derive(Clone)]
pub struct Draft {
    pub magic: Vec<u8>,
    pub version: u16,
    pub file_type: u16,
    pub header_len: Option<u32>,
    pub digest: [u8; 32],
    pub header: Vec<u8>,
    pub payload_len: Option<u64>,
    pub payload: Vec<u8>,
}

impl Draft {
    pub fn new(file_type: FileType, parameters: &Parameters, header: &impl Serialize) -> Self {
        Self {
            magic: b"TAPETUM\0".to_vec(),
            version: 1,
            file_type: file_type as u16,
            header_len: None,
            digest: parameters.digest().to_bytes(),
            header: postcard::to_allocvec(header).unwrap(),
            payload_len: None,
            payload: Vec::new(),
        }
    }

    /// The parts of a file that was written well.
    pub fn of(bytes: &[u8]) -> Self {
        let header_len = u32::from_le_bytes(bytes[12..16].try_into().unwrap()) as usize;
        let payload = FRONT_LEN + header_len + 8..bytes.len() - 32;
        Self {
            magic: bytes[..8].to_vec(),
            version: u16::from_le_bytes(bytes[8..10].try_into().unwrap()),
            file_type: u16::from_le_bytes(bytes[10..12].try_into().unwrap()),
            header_len: None,
            digest: bytes[16..48].try_into().unwrap(),
            header: bytes[FRONT_LEN..][..header_len].to_vec(),
            payload_len: None,
            payload: bytes[payload].to_vec(),
        }
    }

    pub fn with(&self, change: impl FnOnce(&mut Self)) -> Self {
        let mut changed = self.clone();
        change(&mut changed);
        changed
    }

    pub fn with_header(&self, header: &impl Serialize) -> Self {
        self.with(|draft| draft.header = postcard::to_allocvec(header).unwrap())
    }

    /// The bytes with a checksum that fits them, whatever they are.
    pub fn bytes(&self) -> Vec<u8> {
        let header_len = self.header_len.unwrap_or(self.header.len() as u32);
        let payload_len = self.payload_len.unwrap_or(self.payload.len() as u64);
        let mut bytes = self.magic.clone();
        bytes.extend(self.version.to_le_bytes());
        bytes.extend(self.file_type.to_le_bytes());
        bytes.extend(header_len.to_le_bytes());
        bytes.extend(self.digest);
        bytes.extend(&self.header);
        bytes.extend(payload_len.to_le_bytes());
        bytes.extend(&self.payload);
        let checksum = blake3::hash(&bytes);
        bytes.extend(checksum.as_bytes());
        bytes
    }
}
