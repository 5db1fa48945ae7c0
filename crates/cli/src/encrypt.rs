//! The senders' command: samples to features to ciphertexts.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Serialize;
use tapetum_learn::{
    ClassLabels, EncryptedLabels, EncryptedMatrix, Features, Labels, Layout, Progress,
};
use tapetum_vision::{DataSet, Pipeline};

use crate::args::{Encrypt, LabelsAre};
use crate::data::{Samples, Wanted};
use crate::failure::Failure;
use crate::files::{self, Pending, Readers};
use crate::index::Index;
use crate::plan::{Plan, Purpose};
use crate::progress::Steps;
use crate::reference::class_labels;
use crate::roles::FEATURES;
use crate::roles::sender::Sender;
use crate::{data, training_set};

/// What was encrypted.
#[derive(Debug, Serialize)]
pub struct Encrypted {
    /// The number of samples.
    pub samples: usize,
    /// Features of a sample.
    pub columns: usize,
    /// The number of ciphertexts, those of labels among them.
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
    let mut sender = match (&args.sender.owner, &args.sender.contributor) {
        (Some(dir), _) => Sender::owner(dir)?,
        (None, Some(dir)) => Sender::contributor(dir)?,
        (None, None) => {
            let message = "say who encrypts: --owner or --contributor";
            return Err(Failure::Role(message.to_owned()).into());
        }
    };
    if let Some(path) = &args.backbone {
        sender.use_backbone(path)?;
    }
    if let Some(name) = &args.name {
        sender.name.clone_from(name);
    }
    files::check_target(&args.out)?;
    let step = steps.begin("reading samples");
    let fitted = match args.refit {
        true => None,
        false => sender.pipeline()?,
    };
    let wanted = Wanted {
        classes: sender.plan.classes,
        fitted: fitted.as_ref().map(Pipeline::class_names),
    };
    let samples = match data::read(args, sender.plan.feature_spec()?.wants_colour(), wanted)? {
        // Every mini-batch gets its share of each class. A split is in such an order already.
        Samples::Labelled(data)
            if sender.plan.batch_rows()?.is_some()
                && args.split.is_none()
                && args.labels != Some(LabelsAre::Withheld) =>
        {
            Samples::Labelled(data.shuffled(args.parts.seed))
        }
        samples => samples,
    };
    step.finish();
    let labels_are = labels_are(args.labels, &samples, &sender.plan)?;
    encrypt(&sender, &samples, labels_are, args.refit, &args.out, steps)
}

/// Encrypted if there are any, unless told otherwise.
fn labels_are(wanted: Option<LabelsAre>, samples: &Samples, plan: &Plan) -> Result<LabelsAre> {
    if plan.purpose == Purpose::ClassifyOnly {
        return match wanted {
            None | Some(LabelsAre::Withheld) => Ok(LabelsAre::Withheld),
            Some(_) => {
                let message = "these keys are for classification only, so labels stay here: leave \
                               out --labels";
                Err(Failure::Input(message.to_owned()).into())
            }
        };
    }
    match (wanted, samples) {
        (Some(wanted), Samples::Labelled(_)) => Ok(wanted),
        (None, Samples::Labelled(_)) => Ok(LabelsAre::Encrypted),
        (None | Some(LabelsAre::Withheld), Samples::Unlabelled(_)) => Ok(LabelsAre::Withheld),
        (Some(_), Samples::Unlabelled(_)) => {
            let message = "these samples have no labels to send: leave out --labels, or give \
                           labelled data";
            Err(Failure::Input(message.to_owned()).into())
        }
    }
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
    let training = match samples {
        Samples::Labelled(data) if labels_are != LabelsAre::Withheld => Some(data),
        _ => None,
    };
    let (pipeline, is_new) = pipeline(sender, training, refit)?;
    let step = steps.begin("computing features");
    let table = pipeline.apply(match samples {
        Samples::Labelled(data) => data.samples(),
        Samples::Unlabelled(data) => data.samples(),
    })?;
    step.finish();

    let features = Features::new(table.values(), table.cols())?;
    let labels = match training {
        Some(data) => Some(class_labels(data)?),
        None => None,
    };
    let parameters = sender.encryptor.parameters();
    // What is not read part by part is one part.
    let rows = features.rows();
    let batch = match (training, sender.plan.part_rows(parameters)?) {
        (Some(_), Some(batch)) => batch,
        _ => rows,
    };
    let mut batches = Vec::new();
    for first in (0..rows).step_by(batch) {
        let rows = first..(first + batch).min(rows);
        let (layout, level) = match training {
            Some(_) => sender.plan.training_shape(rows.len(), parameters)?,
            None => sender.plan.sample_shape(rows.len(), parameters)?,
        };
        batches.push((rows, layout, level));
    }
    let label_units = |layout: &Layout| match (training, labels_are) {
        (Some(_), LabelsAre::Encrypted) => sender.plan.label_ciphertexts(layout),
        _ => 0,
    };
    let units = batches
        .iter()
        .map(|(_, layout, _)| label_units(layout) + layout.blocks());
    let total = units.sum();

    let step = steps.begin(&format!("encrypting {rows} samples"));
    // All files are written before the first takes its name: they belong together.
    let index = index_path(&sender.dir, out);
    let pending_index = Index::new(samples, pipeline.class_names(), &sender.name).write(&index)?;
    let pending_pipeline = is_new
        .then(|| sender.write_pipeline(&pipeline))
        .transpose()?;
    let mut done = 0;
    let pending_out = Pending::write_while(out, Readers::Default, |file| {
        if labels.is_some() {
            training_set::write_contributor(file, parameters, &sender.name)
                .with_context(|| files::cannot_write(out))?;
        }
        for (rows, layout, level) in batches {
            let labels = match &labels {
                None => None,
                Some(labels) => {
                    let mut advance = |p: Progress| step.advance(done + p.done, total);
                    let labels = labels.part(rows.clone())?;
                    Some(sender.encrypt_labels(labels, labels_are, layout, level, &mut advance)?)
                }
            };
            done += label_units(&layout);
            let matrix = EncryptedMatrix::encrypt(
                &features.part(rows),
                layout,
                level,
                &sender.encryptor,
                &mut |p| step.advance(done + p.done, total),
            )?;
            done += layout.blocks();
            training_set::write(file, &matrix, labels.as_ref())
                .with_context(|| files::cannot_write(out))?;
        }
        Ok(())
    })?;
    pending_pipeline.map(Pending::commit).transpose()?;
    pending_index.commit()?;
    let bytes = pending_out.commit()?;
    step.finish();
    Ok(Encrypted {
        samples: rows,
        columns: features.cols(),
        ciphertexts: total,
        bytes,
        bytes_per_sample: bytes / rows as u64,
        labels: match (training, labels_are) {
            (None, _) => "withheld",
            (Some(_), LabelsAre::Clear) => "clear",
            (Some(_), _) => "encrypted",
        },
        index,
    })
}

impl Sender {
    fn encrypt_labels(
        &self,
        labels: ClassLabels,
        labels_are: LabelsAre,
        layout: Layout,
        level: usize,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Labels> {
        Ok(match labels_are {
            LabelsAre::Clear => Labels::Clear(labels),
            _ => Labels::Encrypted(EncryptedLabels::encrypt(
                &labels,
                layout,
                level,
                &self.encryptor,
                progress,
            )?),
        })
    }
}

/// The pipeline that was fitted before, or one that is fitted to training data now.
fn pipeline(sender: &Sender, training: Option<&DataSet>, refit: bool) -> Result<(Pipeline, bool)> {
    let fitted = if refit { None } else { sender.pipeline()? };
    match (fitted, training) {
        (Some(pipeline), None) => Ok((pipeline, false)),
        (Some(pipeline), Some(data)) if pipeline.class_names() == data.class_names() => {
            Ok((pipeline, false))
        }
        (Some(pipeline), Some(data)) => {
            let message = format!(
                "{} was made for the classes {}, but these data have {}: name the positive one \
                 with --positive, withhold labels that are not for training with --labels \
                 withheld, or begin anew with --refit",
                sender.dir.join(FEATURES).display(),
                listed(pipeline.class_names()),
                listed(data.class_names()),
            );
            Err(Failure::Input(message).into())
        }
        (None, Some(data)) => Ok((sender.plan.fit(data)?, true)),
        (None, None) => {
            let message = format!(
                "{} is missing, which says how features are standardised: encrypt labelled \
                 training data first, or copy the file from whoever did",
                sender.dir.join(FEATURES).display()
            );
            Err(Failure::Role(message).into())
        }
    }
}

/// In the sender's directory, named after the file that is given away.
fn index_path(dir: &Path, out: &Path) -> PathBuf {
    let stem = out.file_stem().unwrap_or_default().to_string_lossy();
    dir.join(format!("{stem}.index.csv"))
}

/// Names for a message, which should not become a page.
fn listed(names: &[String]) -> String {
    const MOST: usize = 12;
    match names.len() {
        0..=MOST => names.join(" and "),
        more => format!("{} and {} more", names[..MOST].join(", "), more - MOST),
    }
}
