//! Keys and operands of one preset.

use tapetum_ckks::{
    Ciphertext, Encoder, Encryptor, EvaluationKeys, KeyGenerator, KeyPlan, Parameters, Plaintext,
    Preset, PublicKey, SecretKey,
};

/// The rotations that there are keys for.
pub const ROTATIONS: [i64; 8] = [1, 2, 3, 4, 5, 6, 7, 8];

/// What the operations of one preset are measured on.
pub struct Setting {
    /// The preset's name.
    pub name: &'static str,
    /// Its parameters.
    pub parameters: Parameters,
    /// The secret key.
    pub secret: SecretKey,
    /// Its public key.
    pub public: PublicKey,
    /// Relinearisation, rotations and conjugation.
    pub keys: EvaluationKeys,
    /// As many numbers in [-1, 1] as there are slots.
    pub values: Vec<f64>,
    /// They, encoded at the highest level.
    pub plain: Plaintext,
    /// Two encryptions of them.
    pub pair: [Ciphertext; 2],
}

impl Setting {
    /// Makes everything.
    pub fn new(preset: Preset) -> Self {
        let parameters = Parameters::preset(preset);
        let secret = SecretKey::generate(&parameters).expect("the system gives randomness");
        let mut generator = KeyGenerator::new(&secret).expect("the system gives randomness");
        let public = generator.public_key().expect("presets are secure");
        let plan = KeyPlan::new(&parameters)
            .relinearization()
            .conjugation()
            .rotations(ROTATIONS);
        let keys = generator
            .evaluation_keys(&plan)
            .expect("presets are secure");
        let values: Vec<_> = (0..parameters.slots()).map(|i| (i as f64).sin()).collect();
        let plain = Encoder::new(&parameters)
            .encode(&values, parameters.max_level())
            .expect("the values fit");
        let encryptor = Encryptor::with_public_key(&public);
        let pair = [(); 2].map(|()| encryptor.encrypt(&plain).expect("the parameters agree"));
        Self {
            name: preset.name(),
            parameters,
            secret,
            public,
            keys,
            values,
            plain,
            pair,
        }
    }
}
