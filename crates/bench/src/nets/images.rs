//! The pictures that networks are measured on.

use std::path::Path;

use clap::ValueEnum;
use tapetum::networks::{Preprocessing, values};
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
    /// Clothes: two convolutions with polynomials of degree 2 and a dense layer.
    Fashion,
    /// Photographs: a residual network with polynomials of degree 2.
    CatsAndDogs,
    /// CIFAR-10: ResNet-20 with polynomials of degree 2.
    Resnet20,
    /// CIFAR-10: ResNet-20 with ReLU.
    Resnet20Relu,
}

/// Mean and deviation of the channels of CIFAR-10, by which the network with ReLU has images normalised.
const CIFAR_10: [[f64; 3]; 2] = [[0.4914, 0.4822, 0.4465], [0.2023, 0.1994, 0.2010]];

impl Task {
    pub const ALL: &'static [Self] = &[
        Self::Lola,
        Self::Fashion,
        Self::CatsAndDogs,
        Self::Resnet20,
        Self::Resnet20Relu,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Lola => "lola",
            Self::Fashion => "fashion",
            Self::CatsAndDogs => "cats-and-dogs",
            Self::Resnet20 => "resnet20",
            Self::Resnet20Relu => "resnet20-relu",
        }
    }

    /// The network.
    pub fn file(self) -> &'static str {
        match self {
            Self::Lola => "mnist-lola.onnx",
            Self::Fashion => "fashion.onnx",
            Self::CatsAndDogs => "cats-and-dogs.onnx",
            Self::Resnet20 => "resnet20-degree2.onnx",
            Self::Resnet20Relu => "resnet20_cifar10.onnx",
        }
    }

    /// Channels of its images.
    fn channels(self) -> usize {
        match self {
            Self::Lola | Self::Fashion => 1,
            Self::CatsAndDogs | Self::Resnet20 | Self::Resnet20Relu => 3,
        }
    }

    pub fn dataset(self) -> &'static str {
        match self {
            Self::Lola => "mnist",
            Self::Fashion => "fashion-mnist",
            Self::CatsAndDogs => "cats-and-dogs",
            Self::Resnet20 | Self::Resnet20Relu => "cifar10",
        }
    }

    /// How the network takes pixels: ResNet-20 comes with the normalisation that it was trained with, ours have it inside.
    pub fn preprocessing(self) -> Result<Preprocessing> {
        let of_range = Preprocessing::of_range([0.0, 1.0])?;
        Ok(match self {
            Self::Lola | Self::Fashion | Self::CatsAndDogs | Self::Resnet20 => of_range,
            Self::Resnet20Relu => {
                let [mean, deviation] = CIFAR_10.map(|numbers| numbers.to_vec());
                of_range.normalised(mean, deviation)?
            }
        })
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
        let preprocessing = task.preprocessing()?;
        let values = |image: &GreyImage| values(image, task.channels(), &preprocessing);
        let limits = Limits {
            colour: task.channels() == 3,
            ..Limits::default()
        };
        let (calibration, test) = match task {
            Task::Lola | Task::Fashion => {
                let collection = match task {
                    Task::Fashion => Collection::FashionMnist,
                    _ => Collection::Mnist,
                };
                let split = collection.load(data, &Limits::default())?;
                // Some copies of the set are sorted by label.
                let train = split.train.shuffled(1);
                let images = train.samples().images().unwrap_or_default();
                let images = images.iter().take(CALIBRATION);
                (images.map(values).collect::<Result<_>>()?, split.test)
            }
            Task::Resnet20 | Task::Resnet20Relu => {
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
