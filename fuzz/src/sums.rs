//! What machines that share a training hand to each other: sums of samples, and what a pass over them begins with.

use std::sync::LazyLock;

use tapetum_ckks::wire::Bundle;
use tapetum_ckks::{Encryptor, Evaluator, KeyGenerator, Parameters, SecretKey};
use tapetum_learn::{
    Batch, ClassLabels, EncryptedMatrix, Estimator, Features, LabelKind, Labels, Layout,
    LearnError, LeastSquaresConfig, LinearMeans, Origin, PartialSums, PassStart, Ridge,
    SessionStart, Task, Totals, label_kind_of_sums,
};

use crate::draft::{Draft, comes_back};

/// Sums have several ciphertexts of all levels.
const MAX_PAYLOAD: u64 = 4 << 20;

/// Sums of ridge regression, the start of a pass, or sums of a pass.
pub fn sums(data: &[u8]) -> bool {
    let place = &*PLACE;
    comes_back(
        data,
        (&place.parameters, MAX_PAYLOAD),
        |bundle| match bundle.kind() {
            PassStart::KIND => place.start(bundle),
            PartialSums::KIND => place.partial(bundle),
            _ => place.of_ridge(bundle),
        },
    )
}

/// Keys for a regression on four samples of one feature, under the key of a known-answer file.
struct Place {
    parameters: Parameters,
    layout: Layout,
    evaluator: Evaluator,
    batch: Batch,
}

const TASK: Task = Task {
    classes: 2,
    labels: LabelKind::Clear,
};

fn ridge() -> Ridge {
    let config = LeastSquaresConfig {
        iterations: 1,
        ..LeastSquaresConfig::default()
    };
    Ridge::new(config).expect("a regression")
}

static PLACE: LazyLock<Place> = LazyLock::new(|| {
    let secret = include_bytes!("../../tests/vectors/training-secret-key.bin");
    let secret = SecretKey::from_bytes(secret).expect("a known-answer file");
    let parameters = secret.parameters().clone();
    let slots = parameters.slots();
    let layout = Layout::for_least_squares(4, 1, 2, slots).expect("a layout");
    let needs = ridge().requirements(&layout, TASK);
    let mut generator = KeyGenerator::new(&secret).expect("a generator");
    let keys = generator.evaluation_keys(&needs.key_plan(&parameters));
    let encryptor = Encryptor::with_secret_key(&secret);
    let features = Features::new(&[0.5, -1.0, 0.25, 1.0], 1).expect("features");
    let matrix = EncryptedMatrix::encrypt(&features, layout, needs.levels, &encryptor, &mut |_| ());
    let labels = ClassLabels::new(vec![true, false, true, false]).expect("labels");
    Place {
        batch: (matrix.expect("a matrix"), Labels::Clear(labels)),
        evaluator: Evaluator::with_keys(keys.expect("evaluation keys")),
        layout,
        parameters,
    }
});

impl Place {
    fn begin(&self) -> SessionStart<'static> {
        SessionStart::new(&self.evaluator, &self.layout, TASK, None)
    }

    fn of_ridge(&self, bundle: Bundle<'_>) -> Result<Vec<u8>, LearnError> {
        label_kind_of_sums(&bundle)?;
        let mut session = ridge().begin(self.begin())?;
        let origin = session.add_sums(bundle)?;
        Ok(session.into_sums(&origin)?.to_bytes())
    }

    fn start(&self, bundle: Bundle<'_>) -> Result<Vec<u8>, LearnError> {
        let start = PassStart::from_bundle(bundle)?;
        let worker = LinearMeans.pass_worker(self.begin(), None)?;
        let sums = worker.add_up(&start, &self.batch);
        let _ = sums.map_err(|error| error.to_string());
        Ok(start.to_bundle(&self.parameters)?.to_bytes())
    }

    fn partial(&self, bundle: Bundle<'_>) -> Result<Vec<u8>, LearnError> {
        let mut sums = PartialSums::from_bundle(bundle)?;
        let bytes = sums.to_bundle()?.to_bytes();
        let totals = Totals::of(&self.batch)?;
        let mut passes = LinearMeans.begin_passes(self.begin(), &totals)?;
        passes.start(&totals)?;
        let advanced = passes.advance(sums.clone());
        let _ = advanced.map_err(|error| error.to_string());
        let other = sums.clone();
        let _ = (sums.add(&other, &self.evaluator)).map_err(|error| error.to_string());
        Ok(bytes)
    }
}

/// One of each, in `kept` bytes of each payload behind the metadata.
pub fn seeds(kept: usize) -> Vec<Vec<u8>> {
    let place = &*PLACE;
    let totals = Totals::of(&place.batch).expect("totals");
    let passes = LinearMeans.begin_passes(place.begin(), &totals);
    let mut passes = passes.expect("a training");
    let start = passes.start(&totals).expect("a pass");
    let worker = LinearMeans.pass_worker(place.begin(), None);
    let sums = worker.and_then(|worker| worker.add_up(start, &place.batch));
    let sums = sums.expect("sums");
    let mut session = ridge().begin(place.begin()).expect("a session");
    session
        .add(&place.batch, &mut |_| ())
        .expect("a batch that fits");
    let of_ridge = session.into_sums(&Origin::default()).expect("sums");
    [
        start.to_bundle(&place.parameters).expect("a bundle"),
        sums.to_bundle().expect("a bundle"),
        of_ridge,
    ]
    .iter()
    .map(|bundle| {
        let draft = Draft::of(&bundle.to_bytes()).expect("a file");
        draft.cut(bundle.metadata().len() + kept)
    })
    .collect()
}
