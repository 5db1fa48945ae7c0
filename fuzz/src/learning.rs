//! Bundles of the learners, the files that contributors send, and recipes.

use std::sync::LazyLock;

use tapetum_ckks::wire::Bundle;
use tapetum_ckks::{Parameters, Preset};
use tapetum_learn::{
    Contribution, EncryptedMatrix, EncryptedPredictions, EncryptedScores, Labels, LearnError,
    LinearModel, PooledSums, TrainingSpec, TwoLayerModel,
};
use tapetum_service::fuzzing as service;

use crate::draft::{Draft, parameters, with_file};

/// One bundle, and what it holds by its kind.
pub fn bundle(data: &[u8]) -> bool {
    let p = parameters();
    if let Ok(bundle) = Bundle::from_bytes(p, data) {
        assert_eq!(bundle.to_bytes(), data);
    }
    let Some(draft) = Draft::of(data) else {
        return false;
    };
    let (bytes, bundle) = draft.fitted(|bytes| Bundle::from_bytes(p, bytes));
    let Some(bundle) = bundle else {
        return false;
    };
    assert_eq!(bundle.to_bytes(), bytes);
    let ciphertexts = bundle.ciphertexts().len();
    match again(p, bundle) {
        Ok(again) => {
            assert_eq!(again, ciphertexts);
            true
        }
        Err(error) => {
            let _ = error.to_string();
            false
        }
    }
}

/// The number of ciphertexts in what is made of a bundle.
fn again(p: &Parameters, bundle: Bundle<'_>) -> Result<usize, LearnError> {
    let kind = bundle.kind().to_owned();
    macro_rules! count {
        ($type:ident) => {{
            let found = $type::from_bundle(bundle)?;
            found.to_bundle()?.ciphertexts().len()
        }};
    }
    Ok(match kind.as_str() {
        EncryptedMatrix::KIND => count!(EncryptedMatrix),
        EncryptedScores::KIND => count!(EncryptedScores),
        EncryptedPredictions::KIND => count!(EncryptedPredictions),
        LinearModel::KIND => count!(LinearModel),
        TwoLayerModel::KIND => count!(TwoLayerModel),
        PooledSums::KIND => count!(PooledSums),
        Contribution::KIND => {
            let contribution = Contribution::from_bundle(bundle)?;
            contribution.to_bundle(p)?.ciphertexts().len()
        }
        _ => {
            let labels = Labels::from_bundle(bundle)?;
            labels.to_bundle(p)?.ciphertexts().len()
        }
    })
}

/// What a contributor sends: names, matrices and labels, one after the other. The service and the
/// command read it, and samples to be classified likewise.
pub fn part(data: &[u8]) -> bool {
    static RECIPE: LazyLock<TrainingSpec> =
        LazyLock::new(|| serde_json::from_str(crate::seeds::RECIPE).expect("a recipe"));
    let p = parameters();
    let read = |bytes: &[u8]| {
        with_file(bytes, |path| {
            let part = service::part(path, p, &RECIPE);
            let samples = service::samples(path, p);
            let batches = tapetum::fuzzing::batches(path, p, &RECIPE);
            part || samples || batches
        })
    };
    let as_sent = read(data);
    let fit = |draft: Draft| draft.fitted(|bytes| Bundle::from_bytes(p, bytes)).0;
    let fitted: Vec<u8> = Draft::all_of(data).into_iter().flat_map(fit).collect();
    read(&fitted) || as_sent
}

/// A recipe, which a client writes as JSON.
pub fn recipe(data: &[u8]) -> bool {
    static PARAMETERS: LazyLock<[Parameters; 2]> =
        LazyLock::new(|| [Preset::N12, Preset::N14].map(Parameters::preset));
    let Ok(recipe) = serde_json::from_slice::<TrainingSpec>(data) else {
        return false;
    };
    let text = serde_json::to_string(&recipe).expect("a recipe can be written");
    let again: TrainingSpec = serde_json::from_str(&text).expect("and read");
    assert_eq!(again, recipe);
    let _ = recipe.learner.describe();
    let mut accepted = false;
    for parameters in PARAMETERS.iter() {
        match recipe.check(parameters) {
            Ok(()) => {
                accepted = true;
                let keys = recipe.keys(parameters).expect("a recipe that was accepted");
                let _ = keys.memory_bytes(parameters);
                let _ = recipe.bootstrapping(parameters);
            }
            Err(error) => drop(error.to_string()),
        }
    }
    accepted
}
