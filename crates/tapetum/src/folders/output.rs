//! What a command may write over: nothing that it reads, and nothing but an earlier result of the same kind.

use std::io::Read;
use std::path::Path;

use tapetum_ckks::wire::{self, Header};
use tapetum_learn::{
    Contribution, EncryptedMatrix, EncryptedPredictions, EncryptedScores, LinearModel, PooledSums,
    Training, TwoLayerModel,
};
use tapetum_nets::{EncryptedImage, NetworkPlanFile};

use super::{SEALED, files, index, model};
use crate::error::{Context, Error, Result};
use crate::predictions;

/// How much of a text is read to see what it is.
const FRONT: u64 = 4096;

/// How a page begins.
const DOCTYPE: &str = "<!doctype html>";

/// What a command writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Encrypted samples, with labels or without.
    Samples,
    /// Encrypted sums over samples.
    Sums,
    /// An encrypted model.
    Model,
    /// The state of a training.
    Checkpoint,
    /// Encrypted scores or predictions.
    Scores,
    /// Predictions, as CSV.
    Predictions,
    /// A model in the clear, as JSON.
    Weights,
    /// A page.
    Report,
    /// A picture, as SVG.
    Plot,
    /// A network's plan, as JSON.
    NetworkPlan,
    /// An encrypted image for a network.
    Image,
    /// A network's encrypted scores.
    NetworkScores,
}

impl Output {
    /// Fails if a file cannot be written there, or would replace one of the command's inputs or something
    /// else than an earlier result of the same kind. To be asked before hours of work.
    ///
    /// # Errors
    /// [`Error`] that says what is there.
    pub fn check(self, path: &Path, inputs: &[&Path]) -> Result<()> {
        files::check_target(path)?;
        let Ok(target) = path.canonicalize() else {
            return Ok(());
        };
        let is_target = |input: &Path| input.canonicalize().is_ok_and(|input| input == target);
        if inputs.iter().any(|input| is_target(input)) {
            return Err(Error::role(format!(
                "{} is an input of this command, which the output would replace: choose another name",
                path.display()
            )));
        }
        let found = Found::at(path)?;
        if self.may_replace(&found) {
            return Ok(());
        }
        Err(Error::role(format!(
            "{} already exists and is {}, not {}: choose another name, or remove it yourself",
            path.display(),
            found.name(),
            self.name()
        )))
    }

    fn name(self) -> &'static str {
        match self {
            Self::Samples => "encrypted samples",
            Self::Sums => "encrypted sums",
            Self::Model => "an encrypted model",
            Self::Checkpoint => "a checkpoint",
            Self::Scores => "encrypted scores",
            Self::Predictions => "predictions",
            Self::Weights => "a model's weights",
            Self::Report => "a report",
            Self::Plot => "a plot",
            Self::NetworkPlan => "a network's plan",
            Self::Image => "an encrypted image",
            Self::NetworkScores => "a network's encrypted scores",
        }
    }

    fn may_replace(self, found: &Found) -> bool {
        match found {
            Found::Empty => true,
            Found::Bundle(kind) => self.bundles().contains(&kind.as_str()),
            Found::Text(text) => match self {
                Self::Predictions => predictions::are_in(text),
                Self::Weights => model::is_in(text),
                Self::Report => {
                    let front = text.get(..DOCTYPE.len()).unwrap_or_default();
                    front.eq_ignore_ascii_case(DOCTYPE)
                }
                Self::Plot => text.starts_with("<svg"),
                Self::NetworkPlan => NetworkPlanFile::begins(text),
                _ => false,
            },
            Found::Other(_) => false,
        }
    }

    fn bundles(self) -> &'static [&'static str] {
        match self {
            Self::Samples => &[Contribution::KIND, EncryptedMatrix::KIND],
            Self::Sums => &[PooledSums::KIND],
            Self::Image => &[EncryptedImage::KIND],
            Self::Model => &[LinearModel::KIND, TwoLayerModel::KIND],
            Self::Checkpoint => &[Training::KIND],
            Self::Scores => &[EncryptedScores::KIND, EncryptedPredictions::KIND],
            Self::NetworkScores => &[tapetum_nets::EncryptedScores::KIND],
            _ => &[],
        }
    }
}

/// What is there already.
enum Found {
    Empty,
    /// A bundle of ciphertexts, by its kind.
    Bundle(String),
    /// The first lines of a text.
    Text(String),
    Other(&'static str),
}

impl Found {
    fn at(path: &Path) -> Result<Self> {
        if files::size(path)? == 0 {
            return Ok(Self::Empty);
        }
        if let Ok(summary) = wire::inspect(files::open(path)?) {
            return Ok(match summary.header {
                Header::Bundle(header) => Self::Bundle(header.kind),
                _ => Self::Other(summary.file_type.name()),
            });
        }
        let mut front = Vec::new();
        files::open(path)?
            .take(FRONT)
            .read_to_end(&mut front)
            .with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Self::Text(String::from_utf8_lossy(&front).into_owned()))
    }

    fn name(&self) -> String {
        match self {
            Self::Bundle(kind) => format!("a bundle of kind {kind}"),
            Self::Text(text) if text.as_bytes().starts_with(SEALED) => "a secret key".to_owned(),
            Self::Text(text) if index::is_in(text) => "an index".to_owned(),
            Self::Other(name) => (*name).to_owned(),
            Self::Empty | Self::Text(_) => "another file".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folders::scratch;

    #[test]
    fn only_the_same_kind_is_replaced() {
        let (dir, path) = scratch("out");
        for output in [Output::Samples, Output::Predictions, Output::Weights] {
            output.check(&path, &[]).unwrap();
        }
        let texts = [
            (
                "source,class,score,truth\nx,c,0.4,c\n",
                Some(Output::Predictions),
            ),
            (
                "{\"version\":1,\"classes\":[\"a\",\"b\"],\"features\":2",
                Some(Output::Weights),
            ),
            ("<!doctype html><title>", Some(Output::Report)),
            ("<!DOCTYPE html><html>", Some(Output::Report)),
            (
                "{\"version\":1,\"network_plan\":{",
                Some(Output::NetworkPlan),
            ),
            ("<svg width=", Some(Output::Plot)),
            ("sample,source,label,contributor,classes\n", None),
            ("radius,texture,diagnosis\n1,2,M\n", None),
            ("\0\u{1}anything", None),
        ];
        let all = [
            Output::Samples,
            Output::Model,
            Output::Checkpoint,
            Output::Scores,
            Output::Predictions,
            Output::Weights,
            Output::Report,
            Output::Plot,
            Output::NetworkPlan,
        ];
        for (text, fits) in texts {
            std::fs::write(&path, text).unwrap();
            for output in all {
                let allowed = output.check(&path, &[]).is_ok();
                assert_eq!(allowed, fits == Some(output), "{output:?} over {text:?}");
            }
        }
        // An input is never replaced, by whatever name it goes.
        std::fs::write(&path, texts[0].0).unwrap();
        let other = dir.path().join(".").join("out");
        let error = Output::Predictions.check(&path, &[&other]).unwrap_err();
        assert!(error.to_string().contains("is an input"), "{error}");
    }
}
