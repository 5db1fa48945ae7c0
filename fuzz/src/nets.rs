//! Networks that are evaluated on encrypted images: ONNX files, plans, and bundles of encrypted images and scores.

use std::sync::LazyLock;

use tapetum::ckks::Parameters;
use tapetum::ckks::wire::Bundle;
use tapetum::networks::{EncryptedImage, EncryptedScores, Network, NetworkPlan, NetworkPlanFile};

use crate::draft::Draft;
use crate::onnx_files::squares;

/// Larger files are read, not evaluated: a hundred layers take minutes.
const EVALUATED: usize = 1 << 10;
/// The same of values of an image, and of multiplications.
const VALUES: usize = 1 << 8;
const MULTIPLICATIONS: u64 = 1 << 14;

/// An ONNX file, as a provider has it. Small networks are evaluated in the clear, and planned.
pub fn onnx(data: &[u8]) -> bool {
    let network = match Network::from_onnx(data) {
        Ok(network) => network,
        Err(error) => {
            let _ = error.to_string();
            return false;
        }
    };
    if let Ok(features) = network.features() {
        assert!(features.output_len() > 0);
    }
    let (values, work) = (network.input_len(), network.multiplications());
    if data.len() > EVALUATED || values > VALUES || work > MULTIPLICATIONS {
        return true;
    }
    let image = vec![0.5; values];
    match network.scores(&image) {
        Ok(scores) => assert_eq!(scores.len(), network.output_len()),
        Err(error) => drop(error.to_string()),
    }
    // Without images nothing is bootstrapped, which takes a large ring.
    match network.plan([0.0, 1.0], &[]) {
        Ok(plan) => {
            network.check_plan(&plan).expect("its own plan");
            let classes = (0..plan.scores()).map(|class| class.to_string()).collect();
            let file = NetworkPlanFile::new(plan, classes).expect("as many classes");
            assert!(is_accepted(&file.to_json()));
        }
        Err(error) => drop(error.to_string()),
    }
    true
}

/// A plan, or a bundle for the plan of a small network, by the first byte.
pub fn network_plan(data: &[u8]) -> bool {
    let Some((&which, content)) = data.split_first() else {
        return false;
    };
    if which % 2 == 1 {
        return bundle(content);
    }
    match std::str::from_utf8(content) {
        Ok(text) if !is_slow(text) => is_accepted(text),
        _ => false,
    }
}

/// Whether a plan names parameters that are slow to prepare.
fn is_slow(plan: &str) -> bool {
    let plan: serde_json::Value = serde_json::from_str(plan).unwrap_or_default();
    let log_n = plan["network_plan"]["parameters"]["log_n"].as_u64();
    log_n.is_some_and(|log_n| (14..=17).contains(&log_n))
}

/// Whether a text is a plan. What owners and servers ask of one must have an answer, whatever it is.
fn is_accepted(text: &str) -> bool {
    let file = match NetworkPlanFile::from_json(text) {
        Ok(file) => file,
        Err(error) => {
            let _ = error.to_string();
            return false;
        }
    };
    let again = NetworkPlanFile::from_json(&file.to_json()).expect("a plan that was accepted");
    assert_eq!(again, file);
    let plan = file.plan();
    let parameters = plan.parameters().expect("a plan that was accepted");
    assert_eq!(again.plan().digest(), plan.digest());
    for layer in plan.layers() {
        let _ = layer.packing();
    }
    for bytes in [
        plan.classification_bytes(),
        plan.weights_bytes(),
        plan.kept_bytes(),
        plan.bootstrapping_bytes(),
    ] {
        let _ = bytes.map_err(|error| error.to_string());
    }
    let _ = plan.predicted_cpu_seconds();
    if let Ok(keys) = plan.key_plan(&parameters) {
        let _ = keys.memory_bytes(&parameters);
    }
    let _ = (plan.rotations(), plan.levels(), plan.answer());
    let _ = file.values(&vec![0; plan.input_len()]);
    true
}

/// A network, its plan and the parameters of that.
pub fn small() -> &'static (NetworkPlan, Parameters) {
    static SMALL: LazyLock<(NetworkPlan, Parameters)> = LazyLock::new(|| {
        let network = Network::from_onnx(&squares()).expect("a network");
        let plan = network.plan([0.0, 1.0], &[]).expect("a plan");
        let parameters = plan.parameters().expect("of its own");
        (plan, parameters)
    });
    &SMALL
}

/// An encrypted image, or scores.
fn bundle(data: &[u8]) -> bool {
    let (plan, parameters) = small();
    let read = |bytes: &[u8]| Bundle::from_bytes(parameters, bytes);
    let as_sent = read(data).is_ok_and(|bundle| of_network(bundle, plan));
    let Some(draft) = Draft::of(data) else {
        return as_sent;
    };
    let (bytes, bundle) = draft.fitted(read);
    // As the service judges it, before the first ciphertext.
    let front = Bundle::skim(parameters, &mut &bytes[..], |header, metadata| {
        EncryptedImage::check_front((header, metadata), plan, parameters)
    });
    let Some(bundle) = bundle else {
        return as_sent;
    };
    let is_image = bundle.kind() == EncryptedImage::KIND;
    let accepted = of_network(bundle, plan);
    if is_image {
        assert_eq!(front.is_ok_and(|judged| judged.is_ok()), accepted);
    }
    accepted
}

/// What a bundle holds, by its kind, is written as it was read.
fn of_network(bundle: Bundle<'_>, plan: &NetworkPlan) -> bool {
    let bytes = bundle.to_bytes();
    let written = if bundle.kind() == EncryptedImage::KIND {
        EncryptedImage::from_bundle(bundle, plan)
            .map(|image| image.to_bundle().expect("an image").to_bytes())
    } else {
        EncryptedScores::from_bundle(bundle)
            .map(|scores| scores.to_bundle().expect("scores").to_bytes())
    };
    match written {
        Ok(written) => {
            assert_eq!(written, bytes);
            true
        }
        Err(error) => {
            let _ = error.to_string();
            false
        }
    }
}
