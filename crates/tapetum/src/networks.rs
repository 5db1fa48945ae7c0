//! Networks: what their evaluation on encrypted images will need, before anything runs.

use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Serialize;
use tapetum_nets::{Network, NetworkPlan};
use tapetum_vision::load::{Kind, idx_unlabeled, kind, unlabeled_images};
use tapetum_vision::{GreyImage, Limits};

use crate::error::{Context, Error, Result};
use crate::folders::files;

/// Bytes of a network's file; the reader has limits of its own.
const MAX_BYTES: u64 = 1 << 27;
/// Calibration images that are looked at.
const MAX_CALIBRATION: usize = 1_000;

/// What is to be planned.
#[derive(Clone, Debug)]
pub struct NetworkOptions {
    /// An ONNX file.
    pub network: PathBuf,
    /// Images like those to come, which set the scale of the layers: a folder, a picture or an IDX file.
    pub calibration: Option<PathBuf>,
    /// The values that black and white have in the network.
    pub range: [f64; 2],
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
    /// Rotations.
    pub rotations: usize,
    /// Predicted CPU time of an image, in seconds.
    pub predicted_cpu_s: f64,
    /// Images that the scales were set by.
    pub calibration_images: usize,
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
    /// Rotations.
    pub rotations: usize,
    /// Predicted CPU time, in seconds.
    pub predicted_cpu_s: f64,
}

/// Plans a network, and says what its evaluation will need.
pub fn summarize(options: &NetworkOptions) -> Result<NetworkSummary> {
    let path = &options.network;
    let [black, white] = options.range;
    if !(black.is_finite() && white.is_finite() && black < white) {
        return Err(Error::input(format!(
            "a range from {black} to {white} is none: give --range two numbers, black below white"
        )));
    }
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
    let within = || format!("cannot use {}", path.display());
    let network = Network::from_onnx(&bytes).with_context(within)?;
    let (calibration, notes) = match &options.calibration {
        Some(path) => calibration(path, &network, options.range)?,
        None => Default::default(),
    };
    let plan = network
        .plan(options.range, &calibration)
        .with_context(within)?;
    summary(&plan, calibration.len(), notes)
}

fn summary(
    plan: &NetworkPlan,
    calibration_images: usize,
    notes: Vec<String>,
) -> Result<NetworkSummary> {
    let parameters = plan.parameters()?;
    let keys = plan.key_plan(&parameters)?;
    let seconds = plan.predicted_cpu_seconds()?;
    let layers = plan.layers().iter().zip(&seconds);
    let layers = layers.map(|(layer, &predicted_cpu_s)| LayerSummary {
        name: layer.name().to_owned(),
        operator: layer.operator().to_owned(),
        shape: layer.shape().to_vec(),
        packing: layer.packing(),
        level: layer.level(),
        rotations: layer.rotations(),
        predicted_cpu_s,
    });
    Ok(NetworkSummary {
        layers: layers.collect(),
        log_n: parameters.log_n(),
        security_bits: parameters.security().bits(),
        levels: plan.levels(),
        ciphertexts: plan.input_ciphertexts(),
        keys: keys.len(),
        keys_bytes: keys.memory_bytes(&parameters)?,
        weights_bytes: plan.weights_bytes()?,
        rotations: plan.rotations(),
        predicted_cpu_s: seconds.iter().sum(),
        calibration_images,
        notes,
    })
}

/// The values of images, as the network takes them.
/// The values of the images, and what was left out or changed on the way.
fn calibration(
    path: &Path,
    network: &Network,
    range: [f64; 2],
) -> Result<(Vec<Vec<f64>>, Vec<String>)> {
    let &[1, channels, height, width] = network.input_shape() else {
        return Err(Error::input(
            "the network takes vectors: images cannot calibrate it",
        ));
    };
    let limits = Limits {
        colour: channels == 3,
        ..Limits::default()
    };
    let found = match kind(path)? {
        Kind::Folder | Kind::Picture => unlabeled_images(path, &limits)?,
        Kind::Idx => idx_unlabeled(path, &limits)?,
        _ => {
            return Err(Error::input(format!(
                "{} is not a folder of images, a picture or an IDX file",
                path.display()
            )));
        }
    };
    let images = found.samples().images().unwrap_or_default();
    let mut notes: Vec<String> = found.notes().to_vec();
    if images.len() > MAX_CALIBRATION {
        notes.push(format!(
            "only the first {MAX_CALIBRATION} of {} calibration images were used",
            images.len()
        ));
    }
    let values = images
        .iter()
        .take(MAX_CALIBRATION)
        .map(|image| {
            if (image.width(), image.height()) != (width, height) {
                return Err(Error::input(format!(
                    "an image in {} has {} x {} pixels: the network takes {width} x {height}",
                    path.display(),
                    image.width(),
                    image.height()
                )));
            }
            values(image, channels, range)
        })
        .collect::<Result<_>>()?;
    Ok((values, notes))
}

/// The pixels channel by channel, black as the low end of the range and white as the high one.
fn values(image: &GreyImage, channels: usize, [low, high]: [f64; 2]) -> Result<Vec<f64>> {
    let value = |pixel: &u8| low + (high - low) * f64::from(*pixel) / 255.0;
    match (channels, image.rgb()) {
        (1, _) => Ok(image.pixels().iter().map(value).collect()),
        (3, Some(rgb)) => {
            let channel = |c: usize| rgb.iter().skip(c).step_by(3).map(value);
            Ok((0..3).flat_map(channel).collect())
        }
        (3, None) => Err(Error::input("the images have no colours")),
        _ => Err(Error::input(format!(
            "the network takes {channels} channels, not those of a picture"
        ))),
    }
}
