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

/// The same where they set the intervals of polynomials.
const CALIBRATION_RELU: usize = 100;

/// A network and the pictures that it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Task {
    /// Digits: a convolution and two dense layers with squares between them.
    Lola,
    /// Photographs: a residual network with polynomials of degree 2.
    CatsAndDogs,
    /// CIFAR-10: ResNet-20 with ReLU.
    Resnet20Relu,
}

/// Mean and deviation of the channels of CIFAR-10, by which its networks have images normalised.
const CIFAR_10: [[f64; 2]; 3] = [[0.4914, 0.2023], [0.4822, 0.1994], [0.4465, 0.2010]];

impl Task {
    pub const ALL: &'static [Self] = &[Self::Lola, Self::CatsAndDogs, Self::Resnet20Relu];

    pub fn name(self) -> &'static str {
        match self {
            Self::Lola => "lola",
            Self::CatsAndDogs => "cats-and-dogs",
            Self::Resnet20Relu => "resnet20-relu",
        }
    }

    /// The network.
    pub fn file(self) -> &'static str {
        match self {
            Self::Lola => "mnist-lola.onnx",
            Self::CatsAndDogs => "cats-and-dogs.onnx",
            Self::Resnet20Relu => "resnet20_cifar10.onnx",
        }
    }

    /// Channels of its images.
    fn channels(self) -> usize {
        match self {
            Self::Lola => 1,
            Self::CatsAndDogs | Self::Resnet20Relu => 3,
        }
    }

    pub fn dataset(self) -> &'static str {
        match self {
            Self::Lola => "mnist",
            Self::CatsAndDogs => "cats-and-dogs",
            Self::Resnet20Relu => "cifar10",
        }
    }

    /// The least and the largest value of an image.
    pub fn range(self) -> [f64; 2] {
        match self {
            Self::Lola | Self::CatsAndDogs => [0.0, 1.0],
            Self::Resnet20Relu => {
                let ends =
                    CIFAR_10.map(|[mean, deviation]| [0.0, 1.0].map(|v| (v - mean) / deviation));
                let [low, high] = [0, 1].map(|end| ends.map(|ends| ends[end]));
                [
                    low.into_iter().fold(f64::INFINITY, f64::min),
                    high.into_iter().fold(f64::NEG_INFINITY, f64::max),
                ]
            }
        }
    }

    /// The values of an image.
    fn values(self, image: &GreyImage) -> Result<Vec<f64>> {
        let mut values = pixels(image, self.channels(), [0.0, 1.0])?;
        if self == Self::Resnet20Relu {
            let size = values.len() / CIFAR_10.len();
            for (channel, [mean, deviation]) in values.chunks_mut(size.max(1)).zip(CIFAR_10) {
                channel
                    .iter_mut()
                    .for_each(|v| *v = (*v - mean) / deviation);
            }
        }
        Ok(values)
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
        let values = |image: &GreyImage| task.values(image);
        let limits = Limits {
            colour: task.channels() == 3,
            ..Limits::default()
        };
        let (calibration, test) = match task {
            Task::Lola => {
                let split = Collection::Mnist.load(data, &Limits::default())?;
                // Some copies of the set are sorted by label.
                let train = split.train.shuffled(1);
                let images = train.samples().images().unwrap_or_default();
                let images = images.iter().take(CALIBRATION);
                (images.map(values).collect::<Result<_>>()?, split.test)
            }
            Task::Resnet20Relu => {
                let dir = data.join(task.dataset());
                let train = labeled_folders(&dir.join("train"), &limits)?.shuffled(1);
                let images = train.samples().images().unwrap_or_default();
                let images = images.iter().take(CALIBRATION_RELU);
                let test = labeled_folders(&dir.join("test"), &limits)?;
                (images.map(values).collect::<Result<_>>()?, test)
            }
            Task::CatsAndDogs => {
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
