//! What a network's evaluation on encrypted images will need, before anything runs.

use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Serialize;
use tapetum_nets::{Answer, Network, NetworkError, NetworkPlan, NetworkPlanFile, Preprocessing};

use super::accuracy::{Labelled, NetworkAccuracy};
use super::pictures::Calibration;
use crate::error::{Context, Error, Result};
use crate::folders::files;
use crate::progress::Progress;

/// Bytes of a network's file; the reader has limits of its own.
const MAX_BYTES: u64 = 1 << 27;

/// What is to be planned.
#[derive(Clone, Debug)]
pub struct NetworkOptions {
    /// An ONNX file.
    pub network: PathBuf,
    /// Images like those to come, which set the scale of the layers: a folder, a picture or an IDX file.
    pub calibration: Option<PathBuf>,
    /// How the network takes pixels.
    pub preprocessing: Preprocessing,
    /// What is to leave the server.
    pub answer: Answer,
    /// The names of the classes in the order of the scores; numbers without them.
    pub classes: Option<Vec<String>>,
    /// Whether the folders of the calibration images are labels, by which the accuracy is measured in the clear.
    pub labelled: bool,
}

/// What an evaluation will need.
#[derive(Debug, Serialize)]
pub struct NetworkSummary {
    /// The layers, in the order in which they are evaluated.
    pub layers: Vec<LayerSummary>,
    /// log2 of the ring degree.
    pub log_n: u32,
    /// By the security table.
    pub security_bits: u32,
    /// Levels used up.
    pub levels: usize,
    /// Ciphertexts of an image.
    pub ciphertexts: usize,
    /// Evaluation keys.
    pub keys: usize,
    /// Their memory.
    pub keys_bytes: u64,
    /// The memory of the encoded weights.
    pub weights_bytes: u64,
    /// Bootstraps.
    pub bootstraps: usize,
    /// The memory of bootstrapping beside its keys.
    pub bootstrapping_bytes: u64,
    /// Predicted memory of a classification: keys, weights, bootstrapping, and the ciphertexts of the largest layer.
    pub predicted_memory_bytes: u64,
    /// Rotations.
    pub rotations: usize,
    /// Predicted CPU time of an image, in seconds.
    pub predicted_cpu_s: f64,
    /// What leaves the server: `scores`, `labels` or `features`.
    pub answer: &'static str,
    /// Images that the scales were set by.
    pub calibration_images: usize,
    /// How often the network is right on these, if they have labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<NetworkAccuracy>,
    /// What was left out or changed when the images were read.
    pub notes: Vec<String>,
}

/// One layer.
#[derive(Debug, Serialize)]
pub struct LayerSummary {
    /// The node of the file.
    pub name: String,
    /// Its operator.
    pub operator: String,
    /// The shape of its output.
    pub shape: Vec<usize>,
    /// How it lies in the slots.
    pub packing: String,
    /// The level of the ciphertexts that it takes.
    pub level: usize,
    /// Whether its output is bootstrapped.
    pub bootstrapped: bool,
    /// Rotations.
    pub rotations: usize,
    /// Predicted CPU time, in seconds.
    pub predicted_cpu_s: f64,
}

/// Plans a network, and says what its evaluation will need.
///
/// # Errors
/// If the network or the images cannot be used, the network cannot be evaluated on encrypted images, there are not as many
/// classes as scores, or labels are asked for and no image has one.
pub fn summarize(
    options: &NetworkOptions,
    progress: &dyn Progress,
) -> Result<(NetworkPlanFile, NetworkSummary)> {
    let path = &options.network;
    let network = read_network(path)?;
    let within = || format!("cannot use {}", path.display());
    let scores = network.output_len();
    let numbers = || (0..scores).map(|class| class.to_string()).collect();
    let classes = options.classes.clone().unwrap_or_else(numbers);
    // Before images are read and layers are placed.
    if classes.len() != scores {
        let classes = classes.len();
        return Err(NetworkError::Classes { scores, classes }).with_context(within);
    }
    let mut calibration = match &options.calibration {
        Some(path) => Calibration::read(path, &network, &options.preprocessing)?,
        None => Calibration::default(),
    };
    let labelled = options
        .labelled
        .then(|| Labelled::new(&mut calibration, &classes))
        .transpose()?;
    let Calibration { images, notes, .. } = calibration;
    let step = progress.begin("planning the network");
    let (plan, polynomials) = network
        .planned(options.preprocessing.value_range(), &images, options.answer)
        .with_context(within)?;
    step.finish();
    let mut summary = NetworkSummary::new(&plan, images.len(), notes)?;
    if let Some(labelled) = labelled {
        let accuracy = labelled.accuracy(&images, &network, &polynomials, progress);
        summary.accuracy = Some(accuracy.with_context(within)?);
    }
    let file = NetworkPlanFile::new(plan, classes)?;
    Ok((
        file.with_preprocessing(options.preprocessing.clone())?,
        summary,
    ))
}

/// Reads a network from an ONNX file.
///
/// # Errors
/// If it cannot be read, is too large, or has nodes that are not supported.
pub fn read_network(path: &Path) -> Result<Network> {
    let mut bytes = Vec::new();
    files::open(path)?
        .take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .with_context(|| format!("cannot read {}", path.display()))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Error::input(format!(
            "{} has more than {MAX_BYTES} bytes, the most that a network's file may have",
            path.display()
        )));
    }
    Network::from_onnx(&bytes).with_context(|| format!("cannot use {}", path.display()))
}

impl NetworkSummary {
    /// Of a plan.
    fn new(plan: &NetworkPlan, calibration_images: usize, notes: Vec<String>) -> Result<Self> {
        let parameters = plan.parameters()?;
        let keys = plan.key_plan(&parameters)?;
        let keys_bytes = keys.memory_bytes(&parameters)?;
        let seconds = plan.predicted_cpu_seconds()?;
        let layers = plan.layers().iter().zip(&seconds);
        let layers = layers.map(|(layer, &predicted_cpu_s)| LayerSummary {
            name: layer.name().to_owned(),
            operator: layer.operator().to_owned(),
            shape: layer.shape().to_vec(),
            packing: layer.packing(),
            level: layer.level(),
            bootstrapped: layer.is_bootstrapped(),
            rotations: layer.rotations(),
            predicted_cpu_s,
        });
        Ok(Self {
            layers: layers.collect(),
            log_n: parameters.log_n(),
            security_bits: parameters.security().bits(),
            levels: plan.levels(),
            ciphertexts: plan.input_ciphertexts(),
            keys: keys.len(),
            keys_bytes,
            weights_bytes: plan.weights_bytes()?,
            bootstraps: plan.bootstraps(),
            bootstrapping_bytes: plan.bootstrapping_bytes()?,
            predicted_memory_bytes: keys_bytes + plan.classification_bytes()?,
            rotations: plan.rotations(),
            predicted_cpu_s: seconds.iter().sum(),
            answer: match plan.answer() {
                Answer::Scores => "scores",
                Answer::Labels => "labels",
                Answer::Features { .. } => "features",
            },
            calibration_images,
            accuracy: None,
            notes,
        })
    }
}
