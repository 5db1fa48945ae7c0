//! The senders' command: samples to features to ciphertexts.

use std::path::{Path, PathBuf};

use anyhow::Result;
use serde::Serialize;
use tapetum_learn::{ClassLabels, EncryptedLabels, EncryptedMatrix, Features, Labels};
use tapetum_vision::DataSet;

use crate::args::{Encrypt, LabelsAre};
use crate::data::Samples;
use crate::failure::Failure;
use crate::index::{Entry, Index};
use crate::progress::Steps;
use crate::roles::sender::Sender;
use crate::{data, training_set};

/// What was encrypted.
#[derive(Debug, Serialize)]
pub struct Encrypted {
    /// The number of samples.
    pub samples: usize,
    /// Features of a sample.
    pub columns: usize,
    /// The number of ciphertexts of the matrix.
    pub ciphertexts: usize,
    /// Bytes of the file.
    pub bytes: u64,
    /// The same, a sample.
    pub bytes_per_sample: u64,
    /// Whether labels are in the file, and how.
    pub labels: &'static str,
    /// Where the index of the samples is.
    pub index: PathBuf,
}

/// Reads samples and encrypts them.
pub fn run(args: &Encrypt, steps: Steps) -> Result<Encrypted> {
    let sender = match (&args.sender.owner, &args.sender.contributor) {
        (Some(dir), _) => Sender::owner(dir)?,
        (None, Some(dir)) => Sender::contributor(dir)?,
        (None, None) => {
            let message = "say who encrypts: --owner or --contributor";
            return Err(Failure::Role(message.to_owned()).into());
        }
    };
    let step = steps.begin("reading images");
    let samples = data::read(args)?;
    step.finish();
    encrypt(&sender, &samples, args.labels, args.refit, &args.out, steps)
}

/// Encrypts samples into the file `out`. Labels go along unless they are withheld.
pub fn encrypt(
    sender: &Sender,
    samples: &Samples,
    labels_are: LabelsAre,
    refit: bool,
    out: &Path,
    steps: Steps,
) -> Result<Encrypted> {
    let pipeline = match (sender.pipeline(), samples) {
        (Ok(Some(pipeline)), _) if !refit => pipeline,
        (Err(error), _) if !refit => return Err(error),
        (_, Samples::Labelled(data)) if labels_are != LabelsAre::Withheld => sender.fit(data)?,
        _ => {
            let message = format!(
                "{} has no features.json, which says how features are standardised: encrypt the \
                 training data first, or copy the file from whoever did",
                sender.dir.display()
            );
            return Err(Failure::Role(message).into());
        }
    };
    let step = steps.begin("computing features");
    let vision_samples = match samples {
        Samples::Labelled(data) => data.samples(),
        Samples::Unlabelled(data) => data.samples(),
    };
    let table = pipeline.apply(vision_samples)?;
    step.finish();

    let features = Features::new(table.values(), table.cols())?;
    let parameters = sender.encryptor.parameters();
    let training = match samples {
        Samples::Labelled(data) if labels_are != LabelsAre::Withheld => Some(data),
        _ => None,
    };
    let (layout, level) = if training.is_some() {
        let layout = sender.plan.training_layout(features.rows(), parameters)?;
        (layout, sender.plan.levels)
    } else {
        let layout = sender.plan.sample_layout(features.rows(), parameters)?;
        (layout, sender.plan.sample_level(parameters)?)
    };
    let step = steps.begin(&format!("encrypting {} samples", features.rows()));
    let (encoder, encryptor) = (&sender.encoder, &sender.encryptor);
    let mut listen = |p: tapetum_learn::Progress| step.advance(p.done, p.total);
    // Before the matrix, because it may find the labels wanting.
    let labels = training
        .map(|data| {
            let labels = ClassLabels::new(truths(data))?;
            Ok::<_, anyhow::Error>(match labels_are {
                LabelsAre::Clear => Labels::Clear(labels),
                _ => Labels::Encrypted(EncryptedLabels::encrypt(
                    &labels,
                    layout,
                    level,
                    encoder,
                    encryptor,
                    &mut listen,
                )?),
            })
        })
        .transpose()?;
    let matrix =
        EncryptedMatrix::encrypt(&features, layout, level, encoder, encryptor, &mut listen)?;
    let bytes = training_set::write(out, &matrix, labels.as_ref())?;
    step.finish();

    let index = index_path(&sender.dir, out);
    index_of(samples, pipeline.class_names())?.write(&index)?;
    Ok(Encrypted {
        samples: features.rows(),
        columns: features.cols(),
        ciphertexts: matrix.blocks().len(),
        bytes,
        bytes_per_sample: bytes / features.rows() as u64,
        labels: match &labels {
            None => "withheld",
            Some(Labels::Clear(_)) => "clear",
            Some(Labels::Encrypted(_)) => "encrypted",
        },
        index,
    })
}

/// The labels of a set of two classes: true for the class of index 1.
pub fn truths(data: &DataSet) -> Vec<bool> {
    data.labels().iter().map(|&label| label == 1).collect()
}

/// In the sender's directory, named after the file that is given away.
fn index_path(dir: &Path, out: &Path) -> PathBuf {
    let stem = out.file_stem().unwrap_or_default().to_string_lossy();
    dir.join(format!("{stem}.index.csv"))
}

fn index_of(samples: &Samples, trained: &[String]) -> Result<Index> {
    let (names, sources, labels) = match samples {
        Samples::Labelled(data) => {
            let labels = truths(data).into_iter().map(Some).collect();
            (data.class_names(), data.sources(), labels)
        }
        Samples::Unlabelled(data) => (trained, data.sources(), vec![None; data.sources().len()]),
    };
    let [negative, positive] = names else {
        let message = format!("there are {} classes, not two", names.len());
        return Err(Failure::Input(message).into());
    };
    let entry = |(source, label): (&String, Option<bool>)| Entry {
        source: source.clone(),
        label,
    };
    Ok(Index {
        classes: [negative.clone(), positive.clone()],
        entries: sources.iter().zip(labels).map(entry).collect(),
    })
}
