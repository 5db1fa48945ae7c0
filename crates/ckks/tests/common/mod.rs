//! One owner with everything, for any parameters and key plan.

#![allow(dead_code)]

use tapetum_ckks::{
    BootstrappingLiteral, Ciphertext, Complex64, Decryptor, Encoder, Encryptor, Evaluator,
    KeyGenerator, KeyPlan, Parameters, ParametersLiteral, PublicKey, SecretDistribution, SecretKey,
};

/// Parameters whose digits have two primes, of which the last stands alone.
pub fn uneven() -> Parameters {
    let literal = ParametersLiteral {
        log_n: 13,
        q_bits: vec![40, 30, 30],
        p_bits: vec![40, 40],
        log_scale: 30,
        secret: SecretDistribution::UniformTernary,
        bootstrapping: None,
    };
    Parameters::new(literal).unwrap()
}

/// The smallest ring that has room for bootstrapping, with two levels at a time.
pub fn small_bootstrapping(log_message_ratio: u32) -> ParametersLiteral {
    ParametersLiteral {
        log_n: 15,
        q_bits: vec![47, 38, 38, 38, 38],
        p_bits: vec![49; 3],
        log_scale: 38,
        secret: SecretDistribution::UniformTernary,
        bootstrapping: Some(BootstrappingLiteral {
            slots_to_coeffs_levels: 2,
            coeffs_to_slots_bits: vec![46; 2],
            eval_mod_bits: 49,
            log_message_ratio,
        }),
    }
}

/// All that a test of the scheme needs.
pub struct Scheme {
    pub parameters: Parameters,
    pub secret: SecretKey,
    pub public: PublicKey,
    pub encoder: Encoder,
    pub encryptor: Encryptor,
    pub decryptor: Decryptor,
    pub evaluator: Evaluator,
}

impl Scheme {
    pub fn new(parameters: Parameters, plan: impl Fn(KeyPlan) -> KeyPlan) -> Self {
        let secret = SecretKey::generate(&parameters).unwrap();
        let mut generator = KeyGenerator::new(&secret).unwrap();
        let keys = generator.evaluation_keys(&plan(KeyPlan::new(&parameters)));
        Self {
            public: generator.public_key().unwrap(),
            encoder: Encoder::new(&parameters),
            encryptor: Encryptor::with_secret_key(&secret),
            decryptor: Decryptor::new(&secret),
            evaluator: Evaluator::with_keys(keys.unwrap()),
            parameters,
            secret,
        }
    }

    /// Fresh, at the highest level.
    pub fn encrypt(&self, values: &[Complex64]) -> Ciphertext {
        self.encrypt_at(values, self.parameters.max_level())
    }

    pub fn encrypt_at(&self, values: &[Complex64], level: usize) -> Ciphertext {
        let plaintext = self.encoder.encode_complex(values, level).unwrap();
        self.encryptor.encrypt(&plaintext).unwrap()
    }

    pub fn decrypt(&self, ciphertext: &Ciphertext) -> Vec<Complex64> {
        self.encoder
            .decode_complex(&self.decryptor.decrypt(ciphertext).unwrap())
    }

    /// Decrypts and compares all slots.
    #[track_caller]
    pub fn check(&self, ciphertext: &Ciphertext, expected: &[Complex64], bound: f64) {
        let found = self.decrypt(ciphertext);
        assert_eq!(found.len(), expected.len());
        let error = found
            .iter()
            .zip(expected)
            .map(|(x, y)| (x - y).norm())
            .fold(0.0, f64::max);
        assert!(
            error <= bound,
            "log N = {}, level {}: error 2^{:.1} exceeds 2^{:.1}",
            self.parameters.log_n(),
            ciphertext.level(),
            error.log2(),
            bound.log2()
        );
    }

    /// Slots uniform in the square [-1, 1] + [-1, 1] i, different for every seed.
    pub fn random(&self, seed: u64) -> Vec<Complex64> {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut next = || {
            // xorshift64*
            state ^= state >> 12;
            state ^= state << 25;
            state ^= state >> 27;
            let bits = state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11;
            bits as f64 / (1u64 << 52) as f64 - 1.0
        };
        (0..self.parameters.slots())
            .map(|_| Complex64::new(next(), next()))
            .collect()
    }
}
