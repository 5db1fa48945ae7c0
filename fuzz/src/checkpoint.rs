//! The state of a training that was interrupted, which a worker reads from the server's disk.

use std::sync::LazyLock;

use tapetum_ckks::wire::Bundle;
use tapetum_ckks::{
    Ciphertext, Encryptor, Evaluator, KeyGenerator, Parameters, ParametersLiteral,
    SecretDistribution, SecretKey,
};
use tapetum_learn::{
    Bootstrap, BootstrapLevels, LabelKind, Layout, LearnError, LearningRate, LogisticRegression,
    LogisticRegressionConfig, MiniBatches, Session, SessionStart, Task, Training,
};

use crate::draft::{Draft, comes_back};

/// A state may have two ciphertexts of all levels.
const MAX_PAYLOAD: u64 = 4 << 20;
/// What the training depends on, in place of a hash.
const INPUTS: [u8; 32] = [3; 32];
/// The byte of a file, in the digest that is put right, by which a training with bootstraps is chosen.
const CHOICE: usize = 16;

/// A checkpoint, of a training with bootstraps or of one without.
pub fn checkpoint(data: &[u8]) -> bool {
    let place = &*PLACE;
    comes_back(data, (&place.parameters, MAX_PAYLOAD), |bundle| {
        // A bundle was read, so there are more bytes than this.
        let bootstrap: Option<&dyn Bootstrap> = match data[CHOICE] % 2 {
            0 => None,
            _ => Some(&Never),
        };
        let training = place.resume(bootstrap, bundle)?;
        let iterations = training.gradient_descent().iterations();
        assert_eq!(
            training.next_batch(2).is_some(),
            training.iteration() < iterations
        );
        let _ = training.model().map_err(|error| error.to_string());
        let again = training.checkpoint(INPUTS).expect("as it was read");
        Ok(again.to_bytes())
    })
}

/// Keys for two iterations on samples of five features.
struct Place {
    parameters: Parameters,
    layout: Layout,
    evaluator: Evaluator,
    encryptor: Encryptor,
}

static PLACE: LazyLock<Place> = LazyLock::new(|| {
    let mut q_bits = vec![42];
    q_bits.resize(1 + Never.levels().output, 34);
    let literal = ParametersLiteral {
        log_n: 14,
        q_bits,
        p_bits: vec![46],
        log_scale: 34,
        secret: SecretDistribution::UniformTernary,
        bootstrapping: None,
    };
    let parameters = Parameters::new(literal).expect("parameters");
    let layout = Layout::new(128, 5, parameters.slots() / 4, 4).expect("a layout");
    let needs = gradient_descent().requirements(&layout, TASK, Some(Never.levels()));
    let secret = SecretKey::generate(&parameters).expect("a secret key");
    let mut generator = KeyGenerator::new(&secret).expect("a generator");
    let plan = needs.expect("what it takes").key_plan(&parameters);
    let keys = generator.evaluation_keys(&plan).expect("evaluation keys");
    Place {
        encryptor: Encryptor::with_secret_key(&secret),
        evaluator: Evaluator::with_keys(keys),
        layout,
        parameters,
    }
});

const TASK: Task = Task {
    classes: 2,
    labels: LabelKind::Clear,
};

fn gradient_descent() -> tapetum_learn::GradientDescent {
    let config = LogisticRegressionConfig {
        iterations: 2,
        learning_rate: LearningRate::InverseTime(3.0),
        batches: Some(MiniBatches {
            rows: 128,
            weight_bound: 2.0,
        }),
        ..LogisticRegressionConfig::default()
    };
    let regression = LogisticRegression::new(config).expect("a regression");
    regression.gradient_descent()
}

impl Place {
    fn resume<'a>(
        &'a self,
        bootstrap: Option<&'a dyn Bootstrap>,
        bundle: Bundle<'_>,
    ) -> Result<Training<'a>, LearnError> {
        let start = SessionStart::new(&self.evaluator, &self.layout, TASK, bootstrap);
        let mut training = Training::begin(gradient_descent(), start)?;
        training.restore(INPUTS, bundle)?;
        Ok(training)
    }

    fn ciphertext(&self, level: usize) -> Ciphertext {
        let slots = vec![0.25; self.parameters.slots()];
        let encoder = self.encryptor.encoder();
        let plaintext = encoder.encode(&slots, level).expect("a plaintext");
        self.encryptor.encrypt(&plaintext).expect("a ciphertext")
    }
}

/// Refreshes that are planned for: to go on from a checkpoint takes none.
struct Never;

impl Bootstrap for Never {
    fn levels(&self) -> BootstrapLevels {
        BootstrapLevels {
            input: 2,
            output: 10,
        }
    }

    fn bootstrap(&self, _: &Evaluator, _: &Ciphertext) -> Result<Ciphertext, LearnError> {
        Err(LearnError::Empty("bootstraps"))
    }
}

/// Before the first iteration, after it, and after a bootstrap, in `kept` bytes of each payload.
pub fn seeds(kept: usize) -> Vec<Vec<u8>> {
    let place = &*PLACE;
    let state = |iteration: u8, packed: u8, v: &[f64], w: &[f64]| {
        let mut bytes = INPUTS.to_vec();
        bytes.extend([iteration, packed]);
        for coefficients in [v, w] {
            bytes.push(coefficients.len() as u8);
            bytes.extend(coefficients.iter().flat_map(|c| c.to_le_bytes()));
        }
        bytes
    };
    let gradient = [8, 8].map(|level| place.ciphertext(level)).to_vec();
    let packed = place.ciphertext(10);
    let [after, low] = [4, 2].map(|level| {
        [
            packed.clone(),
            place.ciphertext(level),
            place.ciphertext(level),
        ]
    });
    let states = [
        (false, state(0, 0, &[], &[]), vec![]),
        (false, state(1, 0, &[1.0], &[0.75]), gradient.clone()),
        (true, state(1, 0, &[1.0], &[0.75]), gradient),
        (true, state(1, 1, &[1.0, 0.0], &[0.0, 1.0]), vec![packed]),
        (
            true,
            state(2, 1, &[0.5, -0.5, 1.0], &[0.25, 0.5, 1.0]),
            after.to_vec(),
        ),
        (
            true,
            state(2, 1, &[0.5, -0.5, 1.0], &[0.25, 0.5, 1.0]),
            low.to_vec(),
        ),
    ];
    let file = |(bootstraps, state, ciphertexts): (bool, Vec<u8>, Vec<Ciphertext>)| {
        let end = state.len() + kept;
        let bundle = Bundle::new(&place.parameters, Training::KIND, state, ciphertexts);
        let mut bytes = bundle.expect("a bundle").to_bytes();
        bytes[CHOICE] = u8::from(bootstraps);
        Draft::of(&bytes).expect("a file").cut(end)
    };
    states.into_iter().map(file).collect()
}
