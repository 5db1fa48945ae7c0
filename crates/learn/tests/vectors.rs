//! `tests/vectors`: the bundles of this crate, in files that must stay readable and that this code
//! writes to the byte. `tests/vectors/README.md` says what they hold.

use std::fs;
use std::path::PathBuf;

use tapetum_ckks::wire::Bundle;
use tapetum_ckks::*;
use tapetum_learn::*;

/// Every ciphertext is one of the secret key, of slots that are written out here and not taken from
/// the code that packs them.
struct Owner {
    secret_key: SecretKey,
    encryptor: Encryptor,
    decryptor: Decryptor,
    rng: SecretRng,
}

impl Owner {
    fn new(secret_key: SecretKey, rng: SecretRng) -> Self {
        Self {
            encryptor: Encryptor::with_secret_key(&secret_key),
            decryptor: Decryptor::new(&secret_key),
            secret_key,
            rng,
        }
    }

    /// The key of the files of `tapetum-ckks`: N = 2^12, 2,048 slots.
    fn small() -> Self {
        let secret_key = SecretKey::from_bytes(&load("secret-key")).unwrap();
        Self::new(secret_key, SecretRng::insecure_from_key([44; 32]))
    }

    /// N = 2^13, 4,096 slots and four levels, as many as a training has at least.
    fn training() -> Self {
        let parameters = Parameters::new(ParametersLiteral {
            log_n: 13,
            q_bits: vec![28, 24, 24, 24, 24],
            p_bits: vec![29],
            log_scale: 24,
            secret: SecretDistribution::UniformTernary,
            bootstrapping: None,
        })
        .unwrap();
        let mut rng = SecretRng::insecure_from_key([45; 32]);
        let secret_key = SecretKey::generate_with(&parameters, &mut rng);
        Self::new(secret_key, rng)
    }

    fn parameters(&self) -> &Parameters {
        self.secret_key.parameters()
    }

    fn encrypt(&mut self, level: usize, slot: impl Fn(usize) -> f64) -> Ciphertext {
        let slots: Vec<f64> = (0..self.parameters().slots()).map(slot).collect();
        let plaintext = self.encryptor.encoder().encode(&slots, level).unwrap();
        self.encryptor
            .encrypt_with(&plaintext, &mut self.rng)
            .unwrap()
    }

    fn decrypt(&self, ciphertext: &Ciphertext) -> Vec<f64> {
        let plaintext = self.decryptor.decrypt(ciphertext).unwrap();
        self.decryptor.encoder().decode(&plaintext)
    }
}

/// Feature c of sample r.
fn feature(r: usize, c: usize) -> f64 {
    ((r * 5 + c) * 37 % 101) as f64 / 64.0 - 0.75
}

/// Score k of sample i.
fn score(i: usize, k: usize) -> f64 {
    (i as f64 - 2.0) / 4.0 + k as f64 / 8.0
}

/// Weight of feature c for class k.
fn weight(c: usize, k: usize) -> f64 {
    (c as f64 - 1.5) / 4.0 + k as f64 / 8.0
}

const MANY: [u8; 3] = [5, 0, 2];

/// Three samples of five features in blocks of 512 x 4: two ciphertexts side by side.
fn wide() -> Layout {
    Layout::new(3, 5, 512, 4).unwrap()
}

/// Five samples of three features in blocks of 4 x 512: two ciphertexts, one below the other.
fn tall() -> Layout {
    Layout::new(5, 3, 4, 512).unwrap()
}

fn matrix(owner: &mut Owner) -> EncryptedMatrix {
    let blocks = [0, 4].map(|first| {
        owner.encrypt(0, |slot| {
            let (r, c) = (slot / 4, first + slot % 4);
            if r < 3 && c < 5 { feature(r, c) } else { 0.0 }
        })
    });
    EncryptedMatrix::from_blocks(wide(), blocks.to_vec()).unwrap()
}

/// Of two classes: 1, 0, 1.
fn labels(owner: &mut Owner) -> EncryptedLabels {
    let vector = owner.encrypt(0, |slot| match slot / 4 {
        0 | 2 => 0.5,
        1 => -0.5,
        _ => 0.0,
    });
    EncryptedLabels::from_vectors(wide(), 2, vec![vector]).unwrap()
}

/// Of six classes, in eight columns, of which a block has four.
fn labels_of_six(owner: &mut Owner) -> EncryptedLabels {
    let vectors = [0, 4].map(|first| {
        owner.encrypt(0, |slot| {
            let label = MANY.get(slot / 4).map(|&label| usize::from(label));
            f64::from(u8::from(label == Some(first + slot % 4)))
        })
    });
    EncryptedLabels::from_vectors(wide(), 6, vectors.to_vec()).unwrap()
}

/// Of two classes, with an intercept of 3/8 at a level of its own.
fn model(owner: &mut Owner) -> LinearModel {
    let weights = [0, 4].map(|first| {
        owner.encrypt(1, |slot| match first + slot % 4 {
            c @ 0..5 => weight(c, 0),
            _ => 0.0,
        })
    });
    let intercept = owner.encrypt(0, |_| 0.375);
    LinearModel::from_ciphertexts(5, 4, 2, weights.to_vec(), Some(intercept)).unwrap()
}

/// Of three classes, in four rows.
fn model_of_three(owner: &mut Owner) -> LinearModel {
    let weights = owner.encrypt(0, |slot| match (slot % 4, slot / 4 % 4) {
        (c @ 0..3, k @ 0..3) => weight(c, k),
        _ => 0.0,
    });
    LinearModel::from_ciphertexts(3, 4, 3, vec![weights], None).unwrap()
}

/// One score a sample: samples 0 to 3 in the first column, sample 4 a slot to the left of it.
fn scores(owner: &mut Owner) -> EncryptedScores {
    let vector = owner.encrypt(0, |slot| match slot {
        0 | 512 | 1024 | 1536 => score(slot / 512, 0),
        2047 => score(4, 0),
        _ => 0.0,
    });
    EncryptedScores::from_ciphertexts(tall(), 2, vec![vector]).unwrap()
}

/// Three scores a sample: column k of row r has that of class (r + k) mod 4, columns to the left.
fn scores_of_three(owner: &mut Owner) -> EncryptedScores {
    let vector = owner.encrypt(0, |slot| {
        let moved = (2048 - slot) % 512;
        let row = (slot + moved) % 2048 / 512;
        let (grid_row, k) = (moved / 4, (row + moved) % 4);
        let sample = 4 * grid_row + row;
        if grid_row < 2 && sample < 5 && k < 3 {
            score(sample, k)
        } else {
            0.0
        }
    });
    EncryptedScores::from_ciphertexts(tall(), 3, vec![vector]).unwrap()
}

/// 1 for samples 2, 3 and 4, in the places of their scores.
fn predictions(owner: &mut Owner) -> Bundle<'static> {
    let vector = owner.encrypt(0, |slot| match slot {
        1024 | 1536 | 2047 => 1.0,
        _ => 0.0,
    });
    let slots = EncryptedScores::from_ciphertexts(tall(), 2, vec![vector]).unwrap();
    let metadata = slots.to_bundle().unwrap().metadata().to_vec();
    let ciphertexts = slots.ciphertexts().to_vec();
    Bundle::new(
        owner.parameters(),
        "encrypted-verdicts",
        metadata,
        ciphertexts,
    )
    .unwrap()
}

/// The numbers 1.5 and -1/4 of one site, as digits whose units are 2^72, 2^48, ..., 2^-72.
fn sums(owner: &mut Owner) -> Bundle<'static> {
    let vector = owner.encrypt(1, |slot| match slot {
        3 => 1.0,
        4 => f64::from(1 << 23),
        11 => -f64::from(1 << 22),
        _ => 0.0,
    });
    let metadata = [&[2, 4][..], b"sums", &[1], &[5; 16]].concat();
    Bundle::new(owner.parameters(), "pooled-sums", metadata, vec![vector]).unwrap()
}

const INPUTS: [u8; 32] = [7; 32];

/// The end of a training of one iteration, on three features in blocks of four columns.
fn checkpoint(owner: &mut Owner) -> Bundle<'static> {
    // The inputs, the iteration, whether weights are packed, and the coefficients of v and w.
    let state = (INPUTS, 1u32, false, vec![1.0], vec![1.0]);
    let gradient = owner.encrypt(3, |slot| match slot % 4 {
        c @ 0..3 => weight(c, 0),
        _ => 0.0,
    });
    let metadata = postcard::to_allocvec(&state).unwrap();
    Bundle::new(
        owner.parameters(),
        "training-state",
        metadata,
        vec![gradient],
    )
    .unwrap()
}

/// Four samples of one feature, and their labels.
const SUMMED: [(f64, bool); 4] = [(0.5, true), (-1.0, false), (0.25, true), (-0.25, false)];

/// What ridge regression adds up: the squares of the samples, not relinearised, and their products with labels that are
/// +-1/2, not rescaled.
fn training_sums(owner: &mut Owner) -> Bundle<'static> {
    let of_sample = |slot: usize| SUMMED.get(slot).copied().unwrap_or_default();
    let samples = owner.encrypt(3, |slot| of_sample(slot).0);
    let targets: Vec<f64> = (SUMMED.iter())
        .map(|&(_, label)| f64::from(u8::from(label)) - 0.5)
        .collect();
    let evaluator = Evaluator::new(owner.parameters());
    let targets = evaluator.encoder().encode(&targets, 3).unwrap();
    let squares = evaluator.mul(&samples, &samples).unwrap();
    let moments = evaluator.mul_plain(&samples, &targets).unwrap();
    // Features, columns of a block, classes, whether labels are encrypted, samples, parts, the level, the classes.
    let metadata = [1, 1, 2, 0, 4, 1, 3, 2, 0, 1];
    let sums = vec![squares, moments];
    Bundle::new(owner.parameters(), "training-sums", metadata.to_vec(), sums).unwrap()
}

/// The second pass over three samples, two of them of class 1.
fn pass(owner: &mut Owner) -> Bundle<'static> {
    let weights = owner.encrypt(1, |slot| weight(slot % 4, 0));
    // The pass, the level, rows, samples, and the samples of each class.
    let metadata = [1, 1, 3, 3, 2, 1, 2];
    Bundle::new(
        owner.parameters(),
        "training-pass",
        metadata.to_vec(),
        vec![weights],
    )
    .unwrap()
}

/// Two of three samples, in the first pass.
fn partial_sums(owner: &mut Owner) -> Bundle<'static> {
    let sums = owner.encrypt(1, |slot| feature(0, slot % 4) + feature(1, slot % 4));
    Bundle::new(owner.parameters(), "partial-sums", vec![0, 2], vec![sums]).unwrap()
}

/// Of keys and samples, whose features are not known.
fn origin() -> Origin {
    let id = |byte: &str| Some(byte.repeat(16).parse().unwrap());
    Origin {
        key_set: id("01"),
        features: None,
        samples: id("03"),
    }
}

fn vectors() -> Vec<(&'static str, Vec<u8>)> {
    let mut owner = Owner::small();
    let mut training = Owner::training();
    let bytes = |bundle: Result<Bundle<'_>, LearnError>| bundle.unwrap().to_bytes();
    let clear = Labels::Clear(ClassLabels::of_classes(MANY.to_vec(), 6).unwrap());
    let contribution = Contribution::new("anne").unwrap();
    vec![
        (
            "contribution",
            bytes(contribution.to_bundle(owner.parameters())),
        ),
        ("clear-labels", bytes(clear.to_bundle(owner.parameters()))),
        ("encrypted-matrix", bytes(matrix(&mut owner).to_bundle())),
        ("encrypted-labels", bytes(labels(&mut owner).to_bundle())),
        (
            "encrypted-labels-6",
            bytes(labels_of_six(&mut owner).to_bundle()),
        ),
        ("linear-model", bytes(model(&mut owner).to_bundle())),
        (
            "linear-model-3",
            bytes(model_of_three(&mut owner).to_bundle()),
        ),
        ("encrypted-scores", bytes(scores(&mut owner).to_bundle())),
        (
            "encrypted-scores-3",
            bytes(scores_of_three(&mut owner).to_bundle()),
        ),
        ("encrypted-verdicts", predictions(&mut owner).to_bytes()),
        (
            "encrypted-scores-origin",
            bytes(scores(&mut owner).with_origin(origin()).to_bundle()),
        ),
        (
            "training-secret-key",
            training.secret_key.to_bytes().to_vec(),
        ),
        ("training-state", checkpoint(&mut training).to_bytes()),
        ("pooled-sums", sums(&mut owner).to_bytes()),
        ("training-sums", training_sums(&mut training).to_bytes()),
        ("training-pass", pass(&mut owner).to_bytes()),
        ("partial-sums", partial_sums(&mut owner).to_bytes()),
    ]
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors"))
        .join(name)
        .with_extension("bin")
}

fn load(name: &str) -> Vec<u8> {
    fs::read(path(name)).unwrap()
}

fn bundle(owner: &Owner, name: &str) -> Bundle<'static> {
    Bundle::from_bytes(owner.parameters(), &load(name)).unwrap()
}

fn close(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!((found - expected).abs() < 1e-4, "{i}: {found} {expected}");
    }
}

#[test]
fn the_files_are_written_to_the_byte() {
    for (name, bytes) in vectors() {
        assert!(load(name) == bytes, "{name} differs");
    }
}

#[test]
fn samples_and_labels_are_as_stated() {
    let owner = Owner::small();
    let contribution = Contribution::from_bundle(bundle(&owner, "contribution")).unwrap();
    assert_eq!(contribution.name(), "anne");

    let matrix = EncryptedMatrix::from_bundle(bundle(&owner, "encrypted-matrix")).unwrap();
    assert_eq!((matrix.layout(), matrix.level()), (&wide(), 0));
    for (j, block) in matrix.blocks().iter().enumerate() {
        let rows: Vec<f64> = (0..16)
            .map(|slot| (slot / 4, 4 * j + slot % 4))
            .map(|(r, c)| if r < 3 && c < 5 { feature(r, c) } else { 0.0 })
            .collect();
        close(&owner.decrypt(block)[..16], &rows);
    }

    let Labels::Clear(clear) = Labels::from_bundle(bundle(&owner, "clear-labels")).unwrap() else {
        panic!("these labels are in the clear");
    };
    assert_eq!((clear.classes(), clear.as_slice()), (6, &MANY[..]));
    let two = EncryptedLabels::from_bundle(bundle(&owner, "encrypted-labels")).unwrap();
    assert_eq!((two.classes(), two.layout()), (2, &wide()));
    close(
        &owner.decrypt(&two.vectors()[0])[..13],
        &[
            0.5, 0.5, 0.5, 0.5, -0.5, -0.5, -0.5, -0.5, 0.5, 0.5, 0.5, 0.5, 0.0,
        ],
    );
    let six = EncryptedLabels::from_bundle(bundle(&owner, "encrypted-labels-6")).unwrap();
    assert_eq!((six.classes(), six.vectors().len()), (6, 2));
}

#[test]
fn a_model_and_its_answers_are_as_stated() {
    let owner = Owner::small();
    let model = LinearModel::from_bundle(bundle(&owner, "linear-model")).unwrap();
    let plain = model.decrypt(&owner.decryptor).unwrap();
    // A zero sample has the intercept as its score, a unit sample a weight besides.
    let of = |x: [f64; 5]| {
        plain
            .decision_function(&Features::new(&x, 5).unwrap())
            .unwrap()
    };
    close(&of([0.0; 5]), &[0.375]);
    close(&of([0.0, 0.0, 0.0, 0.0, 1.0]), &[0.375 + weight(4, 0)]);
    let many = LinearModel::from_bundle(bundle(&owner, "linear-model-3")).unwrap();
    let plain = many.decrypt(&owner.decryptor).unwrap();
    let scores = plain.decision_function(&Features::new(&[0.0, 1.0, 0.0], 3).unwrap());
    close(&scores.unwrap(), &[0, 1, 2].map(|k| weight(1, k)));

    for (name, outputs, expected) in [
        ("encrypted-scores", 1, Origin::default()),
        ("encrypted-scores-3", 3, Origin::default()),
        ("encrypted-scores-origin", 1, origin()),
    ] {
        let scores = EncryptedScores::from_bundle(bundle(&owner, name)).unwrap();
        assert_eq!(*scores.origin(), expected);
        let expected: Vec<f64> = (0..5)
            .flat_map(|i| (0..outputs).map(move |k| score(i, k)))
            .collect();
        let found = scores.decrypt(&owner.decryptor).unwrap();
        close(&found, &expected);
    }
    let predictions =
        EncryptedPredictions::from_bundle(bundle(&owner, "encrypted-verdicts")).unwrap();
    assert_eq!(
        predictions.to_bundle().unwrap().to_bytes(),
        load("encrypted-verdicts")
    );
    let slots = predictions.slots().decrypt(&owner.decryptor);
    close(&slots.unwrap(), &[0.0, 0.0, 1.0, 1.0, 1.0]);
}

#[test]
fn sums_are_as_stated() {
    let owner = Owner::small();
    let sums = PooledSums::from_bundle(bundle(&owner, "pooled-sums")).unwrap();
    assert_eq!((sums.description(), sums.sites()), ("sums", 1));
    assert_eq!(sums.decrypt(&owner.decryptor).unwrap(), [1.5, -0.25]);
    assert!(sums.to_bundle().unwrap().to_bytes() == load("pooled-sums"));
}

#[test]
fn a_training_goes_on_from_the_state() {
    let secret_key = SecretKey::from_bytes(&load("training-secret-key")).unwrap();
    let owner = Owner::new(secret_key, SecretRng::from_os().unwrap());
    let layout = Layout::new(1024, 3, 1024, 4).unwrap();
    let config = LogisticRegressionConfig {
        iterations: 1,
        learning_rate: LearningRate::Constant(1.0),
        ..LogisticRegressionConfig::default()
    };
    let descent = LogisticRegression::new(config).unwrap().gradient_descent();
    let task = Task::two_classes(LabelKind::Clear);
    let needs = descent.requirements(&layout, task, None).unwrap();
    let keys = KeyGenerator::new(&owner.secret_key)
        .unwrap()
        .evaluation_keys(&needs.key_plan(owner.parameters()))
        .unwrap();
    let evaluator = Evaluator::with_keys(keys);
    let resume = |inputs| {
        let bundle = bundle(&owner, "training-state");
        let start = SessionStart::new(&evaluator, &layout, task, None);
        let mut training = Training::begin(descent.clone(), start)?;
        training.restore(inputs, bundle).map(|()| training)
    };
    assert!(matches!(resume([8; 32]), Err(LearnError::OtherInputs)));
    let training = resume(INPUTS).unwrap();
    assert_eq!(training.iteration(), 1);
    let state = training.checkpoint(INPUTS).unwrap();
    assert!(state.to_bytes() == load("training-state"));
    let model = training.model().unwrap();
    let plain = model.decrypt(&owner.decryptor).unwrap();
    close(&plain.weights, &[0, 1, 2].map(|c| weight(c, 0)));
}

/// `cargo test -p tapetum-learn --test vectors -- --ignored write_vectors`
#[test]
#[ignore = "rewrites tests/vectors; only for files of a new format"]
fn write_vectors() {
    for (name, bytes) in vectors() {
        fs::write(path(name), bytes).unwrap();
    }
}

#[test]
fn sums_of_samples_are_as_stated() {
    let secret_key = SecretKey::from_bytes(&load("training-secret-key")).unwrap();
    let owner = Owner::new(secret_key, SecretRng::from_os().unwrap());
    let layout = Layout::for_least_squares(4, 1, 2, owner.parameters().slots()).unwrap();
    let ridge = Ridge::new(LeastSquaresConfig {
        iterations: 1,
        ..LeastSquaresConfig::default()
    })
    .unwrap();
    let task = Task::two_classes(LabelKind::Clear);
    let needs = ridge.requirements(&layout, task);
    let keys = KeyGenerator::new(&owner.secret_key)
        .unwrap()
        .evaluation_keys(&needs.key_plan(owner.parameters()))
        .unwrap();
    let evaluator = Evaluator::with_keys(keys);
    let start = SessionStart::new(&evaluator, &layout, task, None);
    let mut session = ridge.begin(start).unwrap();
    let sums = bundle(&owner, "training-sums");
    assert_eq!(label_kind_of_sums(&sums).unwrap(), LabelKind::Clear);
    let origin = session.add_sums(sums).unwrap();
    assert_eq!(origin, Origin::default());
    let again = session.into_sums(&origin).unwrap();
    assert!(again.to_bytes() == load("training-sums"));
    let of_label = |label| if label { 0.5 } else { -0.5 };
    let expected = [
        SUMMED.map(|(x, _)| x * x),
        SUMMED.map(|(x, label)| x * of_label(label)),
    ];
    for (sum, expected) in again.ciphertexts().iter().zip(expected) {
        close(&owner.decrypt(sum)[..4], &expected);
    }
}

#[test]
fn passes_are_as_stated() {
    let owner = Owner::small();
    let start = PassStart::from_bundle(bundle(&owner, "training-pass")).unwrap();
    assert_eq!((start.pass(), start.level()), (1, 1));
    assert_eq!(
        (start.rows(), start.samples(), start.labels()),
        (3, 3, LabelKind::Clear)
    );
    let again = start.to_bundle(owner.parameters()).unwrap();
    assert!(again.to_bytes() == load("training-pass"));
    let sums = PartialSums::from_bundle(bundle(&owner, "partial-sums")).unwrap();
    assert_eq!((sums.pass(), sums.rows()), (0, 2));
    assert!(sums.to_bundle().unwrap().to_bytes() == load("partial-sums"));
}
