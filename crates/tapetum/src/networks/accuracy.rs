//! How often a network is right before any key exists: as it was trained, and with the polynomials of its plan.

use rayon::prelude::*;
use serde::Serialize;
use tapetum_nets::{Network, PolynomialNetwork, largest};
use tapetum_vision::load::is_same_name;
use tapetum_vision::notes::listed;

use super::pictures::Calibration;
use crate::error::{Error, Result};
use crate::progress::Progress;

/// Images between two steps of progress.
const AT_ONCE: usize = 16;

/// How often a network is right on the labelled images among those of a calibration, in the clear.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct NetworkAccuracy {
    /// Images with the label of a class.
    pub images: usize,
    /// Images that are not counted, because no folder names their class.
    pub unlabelled: usize,
    /// The part of the images that the network as it was trained classifies correctly.
    pub original: f64,
    /// The same with the polynomials of the plan, which encrypted images are evaluated with.
    pub polynomials: f64,
    /// The part for which both give the same class.
    pub agreement: f64,
    /// Images whose label is undecided, where scores are compared under encryption. They count as their guess.
    pub undecided: usize,
}

/// Labels of images, by the names of their folders.
pub(super) struct Labelled {
    /// Of each image, the number of its class.
    labels: Vec<Option<usize>>,
    unlabelled: usize,
}

impl Labelled {
    /// # Errors
    /// If no image is in a folder with the name of a class.
    pub(super) fn new(calibration: &mut Calibration, classes: &[String]) -> Result<Self> {
        let class = |folder: &String| classes.iter().position(|name| is_same_name(name, folder));
        let folders = calibration.folders.iter();
        let labels: Vec<_> = folders
            .map(|folder| folder.as_ref().and_then(class))
            .collect();
        let unlabelled = labels.iter().filter(|label| label.is_none()).count();
        let mut others: Vec<String> = calibration.folders.iter().flatten().cloned().collect();
        others.retain(|folder| class(folder).is_none());
        others.sort();
        others.dedup();
        let others = if others.is_empty() {
            "they are in no folder".to_owned()
        } else {
            format!("their folders are {}", listed(&others))
        };
        let images = labels.len();
        if unlabelled == images {
            return Err(Error::input(format!(
                "none of {images} calibration images has a usable label: {others}, and the classes are {}. With --labels, \
                 --calibrate takes a folder with a folder of pictures per class; --classes names the classes in the order of \
                 the scores",
                listed(classes)
            )));
        }
        if unlabelled > 0 {
            calibration.notes.push(format!(
                "{unlabelled} of {images} calibration images have no usable label and are not counted: {others}"
            ));
        }
        Ok(Self { labels, unlabelled })
    }

    /// Classifies the images in the clear, in both ways.
    pub(super) fn accuracy(
        &self,
        images: &[Vec<f64>],
        network: &Network,
        polynomials: &PolynomialNetwork,
        progress: &dyn Progress,
    ) -> Result<NetworkAccuracy> {
        let labelled: Vec<(&Vec<f64>, usize)> = (images.iter().zip(&self.labels))
            .filter_map(|(image, label)| Some((image, (*label)?)))
            .collect();
        let count = labelled.len();
        let step = progress.begin(&format!("classifying {count} images in the clear"));
        let (mut original, mut by_polynomials, mut same, mut undecided) = (0, 0, 0, 0);
        for (i, some) in labelled.chunks(AT_ONCE).enumerate() {
            let classify = |&(image, label): &(&Vec<f64>, usize)| -> Result<_> {
                let found = polynomials.scores(image)?;
                let classes = [largest(&network.scores(image)?), largest(&found.scores)];
                Ok((classes, label, found.decided))
            };
            let found: Vec<_> = some.par_iter().map(classify).collect::<Result<_>>()?;
            for ([exact, approximate], label, decided) in found {
                original += usize::from(exact == label);
                by_polynomials += usize::from(approximate == label);
                same += usize::from(exact == approximate);
                undecided += usize::from(!decided);
            }
            step.advance(count.min((i + 1) * AT_ONCE), count);
        }
        step.finish();
        let part = |of: usize| of as f64 / count as f64;
        Ok(NetworkAccuracy {
            images: count,
            unlabelled: self.unlabelled,
            original: part(original),
            polynomials: part(by_polynomials),
            agreement: part(same),
            undecided,
        })
    }
}
