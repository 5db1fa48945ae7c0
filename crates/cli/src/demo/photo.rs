//! One photograph, classified by a convolutional network that never sees it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;
use tapetum::folders::{Output, files};
use tapetum::networks::{NetworkOwner, NetworkServer, PhotoNetwork, photo_from, read_photo};
use tapetum::{Progress, Result};
use tapetum_report::{
    LayerTime, NOISE_BYTES, ParameterSummary, PhotoReport, PhotoSizes, Role, Step, render_photo,
};

use super::machine::{machine, today};

/// Chelsea the cat, by Stefan van der Walt: `data/photographs/README.md`.
const CHELSEA: &[u8] = include_bytes!("../../../../data/photographs/chelsea.jpg");
/// The side of the photograph in the report.
const SHOWN_SIDE: usize = 256;

/// What `demo --photo --json` prints.
#[derive(Debug, Serialize)]
pub struct PhotoOutcome {
    /// The class with the largest decrypted score.
    pub label: String,
    /// The same of the network in the clear.
    pub label_clear: String,
    /// The names of the classes.
    pub classes: Vec<String>,
    /// Decrypted scores, rounded.
    pub scores_encrypted: Vec<f64>,
    /// Scores in the clear.
    pub scores_clear: Vec<f64>,
    /// What decrypted scores are rounded to.
    pub rounding: f64,
    /// Wall time of each step.
    pub seconds: PhotoSeconds,
    /// Sizes of what travels.
    pub bytes: PhotoSizes,
    /// The parameters of the keys.
    pub parameters: ParameterSummary,
    /// The network's layers.
    pub layers: Vec<LayerTime>,
    /// The report.
    pub report: PathBuf,
}

/// Seconds of each step.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct PhotoSeconds {
    /// Owner: keys.
    pub keygen: f64,
    /// Owner: the photograph.
    pub encrypt: f64,
    /// Server: the network made ready.
    pub prepare: f64,
    /// Server: from encrypted photograph to encrypted scores.
    pub classify: f64,
    /// Owner: the label.
    pub decrypt: f64,
    /// From keys to label.
    pub total: f64,
}

/// Classifies a photograph, the built-in one if none is given, and writes a report.
pub fn run(photo: Option<&Path>, report: &Path, progress: &dyn Progress) -> Result<PhotoOutcome> {
    let inputs: Vec<_> = photo.into_iter().collect();
    Output::Report.check(report, &inputs)?;
    let photo = match photo {
        Some(path) => read_photo(path)?,
        None => photo_from(Path::new("chelsea.jpg"), CHELSEA)?,
    };
    let network = PhotoNetwork::cats_and_dogs()?;
    let plan = network.plan().plan();

    let started = Instant::now();
    let owner = NetworkOwner::generate(network.plan())?;
    let keys = owner.evaluation_keys(progress)?;
    let keygen = started.elapsed();

    let lap = Instant::now();
    let image = owner.encrypt(&photo)?;
    let encrypt = lap.elapsed();

    let lap = Instant::now();
    let step = progress.begin("making the network ready");
    let server = NetworkServer::new(network.network(), plan, keys)?;
    step.finish();
    let prepare = lap.elapsed();

    let lap = Instant::now();
    let mut ends = Vec::with_capacity(plan.layers().len());
    let scores = server.classify(&image, progress, &mut |_| ends.push(lap.elapsed()))?;
    let classify = lap.elapsed();

    let lap = Instant::now();
    let found = owner.decrypt(&scores)?;
    let decrypt = lap.elapsed();
    let total = started.elapsed();

    let clear = network.scores(&photo)?;
    let label_clear = (0..clear.len())
        .max_by(|&a, &b| clear[a].total_cmp(&clear[b]))
        .unwrap_or_default();
    let mut ciphertext = Vec::new();
    let mut image_bytes = 0;
    for part in image.ciphertexts() {
        ciphertext.clear();
        part.write(&mut ciphertext)?;
        image_bytes += ciphertext.len() as u64;
    }
    // From the middle: a file's front has a header.
    let middle = ciphertext.len() / 2;
    let ciphertext: Vec<_> = ciphertext[middle..]
        .iter()
        .copied()
        .take(NOISE_BYTES)
        .collect();
    let mut scores_bytes = Vec::new();
    scores.ciphertext().write(&mut scores_bytes)?;

    let starts = [Duration::ZERO].into_iter().chain(ends.iter().copied());
    let layers = plan.layers().iter().zip(starts.zip(&ends));
    let layers = layers.map(|(layer, (start, end))| LayerTime {
        name: layer.name().to_owned(),
        shape: layer.shape().to_vec(),
        packing: layer.packing(),
        level: layer.level(),
        rotations: layer.rotations(),
        seconds: (*end - start).as_secs_f64(),
    });
    let parameters = owner.parameters();
    let class = |label: usize| network.plan().classes()[label].clone();
    let outcome = PhotoOutcome {
        label: class(found.label()),
        label_clear: class(label_clear),
        classes: network.plan().classes().to_vec(),
        scores_encrypted: found.values().to_vec(),
        scores_clear: clear,
        rounding: found.step(),
        seconds: PhotoSeconds {
            keygen: keygen.as_secs_f64(),
            encrypt: encrypt.as_secs_f64(),
            prepare: prepare.as_secs_f64(),
            classify: classify.as_secs_f64(),
            decrypt: decrypt.as_secs_f64(),
            total: total.as_secs_f64(),
        },
        bytes: PhotoSizes {
            evaluation_keys: owner.evaluation_keys_bytes()?,
            image: image_bytes,
            scores: scores_bytes.len() as u64,
        },
        parameters: ParameterSummary {
            log_n: parameters.log_n(),
            log_qp: parameters.log_qp(),
            security_bits: parameters.security().bits(),
            levels: plan.levels(),
            log_scale: parameters.literal().log_scale,
        },
        layers: layers.collect(),
        report: report.to_owned(),
    };
    let shown = photo.width().min(photo.height()).min(SHOWN_SIDE);
    let page = PhotoReport {
        date: today(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        machine: machine(),
        network: "one of Tapetum’s own, trained in the clear to tell cats from dogs".to_owned(),
        pixels: photo.middle_square(network.side())?,
        photo: photo.middle_square(shown)?,
        ciphertext,
        classes: outcome.classes.clone(),
        scores_encrypted: outcome.scores_encrypted.clone(),
        scores_clear: outcome.scores_clear.clone(),
        rounding: outcome.rounding,
        label: found.label(),
        steps: steps(&outcome),
        layers: outcome.layers.clone(),
        total,
        sizes: outcome.bytes,
        parameters: outcome.parameters,
    };
    files::write_text(report, &render_photo(&page))?;
    Ok(outcome)
}

fn steps(outcome: &PhotoOutcome) -> Vec<Step> {
    let (s, bytes) = (outcome.seconds, outcome.bytes);
    let [keys, image, scores] = [bytes.evaluation_keys, bytes.image, bytes.scores].map(Some);
    Step::all(
        [
            Role::Owner,
            Role::Owner,
            Role::Server,
            Role::Server,
            Role::Owner,
        ],
        [
            "makes the keys",
            "encrypts the photograph",
            "makes its network ready",
            "runs the network on the encrypted photograph",
            "decrypts the scores and reads the label",
        ],
        [s.keygen, s.encrypt, s.prepare, s.classify, s.decrypt],
        [keys, image, None, scores, None],
        [
            "the parameters, and keys that compute but do not decrypt",
            "that there is a photograph",
            "nothing: the network is its own",
            "nothing: what it finds is encrypted",
            "nothing: it is not asked",
        ],
    )
}
