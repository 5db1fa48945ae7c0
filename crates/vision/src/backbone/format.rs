//! Kinds of files of networks, and what a network takes for black and white.

/// What kind of file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Of the Open Neural Network Exchange.
    Onnx,
    /// Of TensorFlow Lite, whole numbers or not.
    Tflite,
}

impl Format {
    /// By the name that stands before the file's in a specification.
    pub fn by_name(name: &str) -> Option<Self> {
        [Format::Onnx, Format::Tflite]
            .into_iter()
            .find(|format| format.name() == name)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Format::Onnx => "onnx",
            Format::Tflite => "tflite",
        }
    }
}

/// What the network was trained to see as black and white.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scale {
    /// `imagenet`: each colour less its mean over ImageNet, over its standard deviation; the custom of PyTorch.
    #[default]
    ImageNet,
    /// `signed`: -1 to 1; the custom of TensorFlow's MobileNets.
    Signed,
    /// `unit`: 0 to 1.
    Unit,
    /// `bytes`: 0 to 255.
    Bytes,
}

impl Scale {
    pub(super) const NAMES: [(Scale, &str); 4] = [
        (Scale::ImageNet, "imagenet"),
        (Scale::Signed, "signed"),
        (Scale::Unit, "unit"),
        (Scale::Bytes, "bytes"),
    ];

    pub(super) fn name(self) -> &'static str {
        Self::NAMES[self as usize].1
    }

    /// What becomes of a value in [0, 1] of a colour: 0 red, 1 green, 2 blue.
    #[cfg_attr(not(feature = "onnx"), allow(dead_code))]
    pub(super) fn apply(self, value: f64, colour: usize) -> f32 {
        const MEAN: [f64; 3] = [0.485, 0.456, 0.406];
        const STD: [f64; 3] = [0.229, 0.224, 0.225];
        let scaled = match self {
            Scale::ImageNet => (value - MEAN[colour]) / STD[colour],
            Scale::Signed => 2.0 * value - 1.0,
            Scale::Unit => value,
            Scale::Bytes => 255.0 * value,
        };
        scaled as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_are_in_the_order_of_their_names() {
        for (scale, name) in Scale::NAMES {
            assert_eq!(scale.name(), name);
        }
        assert_eq!(Scale::Signed.apply(0.0, 0), -1.0);
        assert_eq!(Scale::Bytes.apply(1.0, 2), 255.0);
        assert!(Scale::ImageNet.apply(0.485, 0).abs() < 1e-6);
    }
}
