//! Who bootstraps what, and how precisely.

use tapetum::Result;
use tapetum_ckks::{
    Bootstrapper, BootstrappingPlan, Ciphertext, Complex64, Decryptor, Encryptor, Evaluator,
    KeyGenerator, SecretKey, SlotKind,
};

use tapetum::progress::Progress;

/// One owner and one server.
pub struct Parties {
    encryptor: Encryptor,
    decryptor: Decryptor,
    /// The server's.
    pub evaluator: Evaluator,
    /// The server's.
    pub bootstrapper: Bootstrapper,
}

impl Parties {
    /// With keys for a plan.
    pub fn new(plan: &BootstrappingPlan, steps: &dyn Progress) -> Result<Self> {
        let parameters = plan.parameters();
        let secret = SecretKey::generate(parameters)?;
        let key_plan = plan.keys();
        let step = steps.begin("making keys");
        let keys = KeyGenerator::new(&secret)?.evaluation_keys_with(&key_plan, |done| {
            step.advance(done, key_plan.len());
        })?;
        step.finish();
        let step = steps.begin("encoding the transforms");
        let bootstrapper = Bootstrapper::new(plan)?;
        step.finish();
        Ok(Self {
            encryptor: Encryptor::with_secret_key(&secret),
            decryptor: Decryptor::new(&secret),
            evaluator: Evaluator::with_keys(keys),
            bootstrapper,
        })
    }

    /// At the level from which ciphertexts are refreshed.
    pub fn encrypt(&self, values: &[Complex64]) -> Result<Ciphertext> {
        let level = self.bootstrapper.plan().input_level();
        let plaintext = self.encryptor.encoder().encode_complex(values, level)?;
        Ok(self.encryptor.encrypt(&plaintext)?)
    }

    /// How far a ciphertext is from what it should be.
    pub fn errors(&self, found: &Ciphertext, expected: &[Complex64]) -> Result<Errors> {
        let found = self.decryptor.decrypt(found)?;
        let real = self.bootstrapper.plan().kind() == SlotKind::Real;
        let mut errors = Errors::default();
        for (found, expected) in self
            .decryptor
            .encoder()
            .decode_complex(&found)
            .iter()
            .zip(expected)
        {
            let error = found - expected;
            errors.add(error.re);
            if !real {
                errors.add(error.im);
            }
        }
        Ok(errors)
    }
}

/// Errors of many numbers.
#[derive(Debug, Default)]
pub struct Errors {
    count: usize,
    sum: f64,
    worst: f64,
}

impl Errors {
    fn add(&mut self, error: f64) {
        self.count += 1;
        self.sum += error.abs();
        self.worst = self.worst.max(error.abs());
    }

    /// Adds those of another vector.
    pub fn join(&mut self, other: Self) {
        self.count += other.count;
        self.sum += other.sum;
        self.worst = self.worst.max(other.worst);
    }

    /// Bits of the mean.
    pub fn bits_mean(&self) -> f64 {
        -(self.sum / self.count as f64).log2()
    }

    /// Bits of the worst.
    pub fn bits_worst(&self) -> f64 {
        -self.worst.log2()
    }
}

/// Numbers in [-1, 1], the same ones every time (splitmix64; Steele, Lea, Flood, 2014).
pub struct Numbers(u64);

impl Numbers {
    /// A sequence of its own for each seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        (z >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }

    /// A vector that repeats as the plan wants it.
    pub fn vector(&mut self, plan: &BootstrappingPlan) -> Vec<Complex64> {
        let mut number = || {
            let imaginary = match plan.kind() {
                SlotKind::Real => 0.0,
                SlotKind::Complex => self.next(),
            };
            Complex64::new(self.next(), imaginary)
        };
        let period: Vec<_> = (0..plan.slots()).map(|_| number()).collect();
        let all = plan.parameters().slots();
        period.into_iter().cycle().take(all).collect()
    }
}
