//! The pictures that networks are measured on.

use std::path::Path;

use clap::ValueEnum;
use tapetum::networks::pixels;
use tapetum::{Error, Result};
use tapetum_vision::load::{labeled_folders, unlabeled_images};
use tapetum_vision::{Collection, GreyImage, Limits};

/// Pictures that set the scale of the layers.
const CALIBRATION: usize = 1_000;
/// The same for a network that takes a while in the clear.
const CALIBRATION_DEEP: usize = 64;

/// A network and the pictures that it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Task {
    /// Digits: a convolution and two dense layers with squares between them.
    Lola,
    /// Photographs: a residual network with polynomials of degree 2.
    CatsAndDogs,
}

impl Task {
    pub const ALL: &'static [Self] = &[Self::Lola, Self::CatsAndDogs];

    pub fn name(self) -> &'static str {
        match self {
            Self::Lola => "lola",
            Self::CatsAndDogs => "cats-and-dogs",
        }
    }

    /// The network.
    pub fn file(self) -> &'static str {
        match self {
            Self::Lola => "mnist-lola.onnx",
            Self::CatsAndDogs => "cats-and-dogs.onnx",
        }
    }

    /// Channels of its images.
    fn channels(self) -> usize {
        match self {
            Self::Lola => 1,
            Self::CatsAndDogs => 3,
        }
    }

    pub fn dataset(self) -> &'static str {
        match self {
            Self::Lola => "mnist",
            Self::CatsAndDogs => "cats-and-dogs",
        }
    }
}

/// Pictures as a network takes them, channel by channel, values from 0 to 1.
pub struct Images {
    pub calibration: Vec<Vec<f64>>,
    /// With their labels.
    pub test: Vec<(Vec<f64>, usize)>,
}

impl Images {
    /// `count` test images, in random order.
    pub fn load(task: Task, data: &Path, count: usize) -> Result<Self> {
        let values = |image: &GreyImage| pixels(image, task.channels(), [0.0, 1.0]);
        let (calibration, test) = match task {
            Task::Lola => {
                let split = Collection::Mnist.load(data, &Limits::default())?;
                // Some copies of the set are sorted by label.
                let train = split.train.shuffled(1);
                let images = train.samples().images().unwrap_or_default();
                let images = images.iter().take(CALIBRATION);
                (images.map(values).collect::<Result<_>>()?, split.test)
            }
            Task::CatsAndDogs => {
                let limits = Limits {
                    colour: true,
                    ..Limits::default()
                };
                let dir = data.join(task.dataset());
                let calibration = unlabeled_images(&dir.join("calibrate"), &limits)?;
                let images = calibration.samples().images().unwrap_or_default();
                let images = images.iter().take(CALIBRATION_DEEP);
                let test = labeled_folders(&dir.join("test"), &limits)?;
                (images.map(values).collect::<Result<_>>()?, test)
            }
        };
        let test = test.shuffled(1);
        let images = test.samples().images().unwrap_or_default().iter();
        let test: Vec<_> = images
            .zip(test.labels())
            .take(count)
            .map(|(image, &label)| Ok((values(image)?, label)))
            .collect::<Result<_>>()?;
        if test.is_empty() {
            return Err(Error::input("there are no test images"));
        }
        Ok(Self { calibration, test })
    }
}
