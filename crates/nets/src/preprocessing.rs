//! How a network takes the pixels of a picture: part of what it computes, though it comes before its first layer.

use serde::{Deserialize, Serialize};

use crate::error::{NetworkError, Result};

/// Which colour comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColourOrder {
    /// Red, green, blue.
    #[default]
    Rgb,
    /// Blue, green, red, as networks trained with OpenCV or Caffe have it.
    Bgr,
}

/// How pixels become the values of an image: black and white become numbers, from which a mean is taken, and which are
/// divided by a deviation, channel by channel.
///
/// ```
/// use tapetum_nets::{ColourOrder, Preprocessing};
///
/// let of_imagenet = Preprocessing::of_range([0.0, 1.0])?
///     .with_order(ColourOrder::Rgb)
///     .normalised(vec![0.485, 0.456, 0.406], vec![0.229, 0.224, 0.225])?;
/// // One pixel, all channels white.
/// let values = of_imagenet.values(3, &[255, 255, 255])?;
/// assert!((values[0] - (1.0 - 0.485) / 0.229).abs() < 1e-12);
/// # Ok::<(), tapetum_nets::NetworkError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preprocessing {
    range: [f64; 2],
    #[serde(default)]
    order: ColourOrder,
    /// In the order of the channels; empty if nothing is taken away and divided.
    #[serde(default)]
    mean: Vec<f64>,
    #[serde(default)]
    deviation: Vec<f64>,
}

impl Preprocessing {
    /// Black and white as these numbers, and no normalisation.
    ///
    /// # Errors
    /// If they are not finite, or black is not below white.
    pub fn of_range(range: [f64; 2]) -> Result<Self> {
        let this = Self {
            range,
            order: ColourOrder::Rgb,
            mean: Vec::new(),
            deviation: Vec::new(),
        };
        this.check(0)?;
        Ok(this)
    }

    /// With its channels in this order.
    pub fn with_order(mut self, order: ColourOrder) -> Self {
        self.order = order;
        self
    }

    /// With a mean and a deviation for each channel, in the order in which the network takes them.
    ///
    /// # Errors
    /// If there are not as many of one as of the other, they are not finite, or a deviation is not positive.
    pub fn normalised(mut self, mean: Vec<f64>, deviation: Vec<f64>) -> Result<Self> {
        (self.mean, self.deviation) = (mean, deviation);
        self.check(self.mean.len())?;
        Ok(self)
    }

    /// Which colour comes first.
    pub fn order(&self) -> ColourOrder {
        self.order
    }

    /// The least and the largest value that a pixel can become.
    pub fn value_range(&self) -> [f64; 2] {
        let [black, white] = self.range;
        let channels = 0..self.mean.len().max(1);
        let ends = channels.map(|c| [self.value(c, black), self.value(c, white)]);
        ends.fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], [l, h]| {
            [low.min(l), high.max(h)]
        })
    }

    /// The values of an image of this many channels, channel by channel, from its pixels row by row: one byte for each
    /// pixel of a grey image, red, green and blue of a coloured one.
    ///
    /// # Errors
    /// If the network takes neither one channel nor three, or is normalised for another number of them.
    pub fn values(&self, channels: usize, pixels: &[u8]) -> Result<Vec<f64>> {
        self.check(channels)?;
        if !matches!(channels, 1 | 3) {
            return Err(invalid(format!(
                "the network takes {channels} channels, not those of a picture"
            )));
        }
        let [black, white] = self.range;
        let values = |channel: usize| {
            let place = match (channels, self.order) {
                (3, ColourOrder::Bgr) => 2 - channel,
                _ => channel,
            };
            let own = pixels.iter().skip(place).step_by(channels);
            own.map(move |&pixel| {
                self.value(channel, black + (white - black) * f64::from(pixel) / 255.0)
            })
        };
        Ok((0..channels).flat_map(values).collect())
    }

    fn value(&self, channel: usize, value: f64) -> f64 {
        match (self.mean.get(channel), self.deviation.get(channel)) {
            (Some(mean), Some(deviation)) => (value - mean) / deviation,
            _ => value,
        }
    }

    /// Refuses what no network of this many channels has; of any number if it is 0.
    pub(crate) fn check(&self, channels: usize) -> Result<()> {
        let [black, white] = self.range;
        if !(black.is_finite() && white.is_finite() && black < white) {
            return Err(invalid(format!(
                "a range from {black} to {white} is none: black must be below white"
            )));
        }
        let (means, deviations) = (self.mean.len(), self.deviation.len());
        if means != deviations || (means != 0 && channels != 0 && means != channels) {
            return Err(invalid(format!(
                "{means} means and {deviations} deviations are given: give one of each for every channel, of which there \
                 are {channels}"
            )));
        }
        let positive = |d: &f64| d.is_finite() && *d > 0.0;
        match self.mean.iter().all(|m| m.is_finite()) && self.deviation.iter().all(positive) {
            true => Ok(()),
            false => Err(invalid(
                "means must be finite, and deviations finite and positive".to_owned(),
            )),
        }
    }
}

fn invalid(reason: String) -> NetworkError {
    NetworkError::Preprocessing(reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_come_in_the_order_of_the_network() {
        let pixels = [255, 0, 51, 0, 102, 0];
        let rgb = Preprocessing::of_range([0.0, 1.0]).unwrap();
        let expected = [1.0, 0.0, 0.0, 0.4, 0.2, 0.0];
        assert_eq!(rgb.values(3, &pixels).unwrap(), expected);
        let bgr = rgb.clone().with_order(ColourOrder::Bgr);
        assert_eq!(
            bgr.values(3, &pixels).unwrap(),
            [0.2, 0.0, 0.0, 0.4, 1.0, 0.0]
        );
        assert_eq!(bgr.values(1, &[255, 0]).unwrap(), [1.0, 0.0]);
        assert!(rgb.values(4, &pixels).is_err());
        assert_eq!(rgb.value_range(), [0.0, 1.0]);
    }

    #[test]
    fn means_and_deviations_belong_to_channels() {
        let signed = Preprocessing::of_range([0.0, 255.0]).unwrap();
        let signed = signed.normalised(vec![127.5], vec![127.5]).unwrap();
        assert_eq!(signed.values(1, &[0, 255]).unwrap(), [-1.0, 1.0]);
        assert_eq!(signed.value_range(), [-1.0, 1.0]);
        assert!(signed.values(3, &[0; 3]).is_err());
        let range = || Preprocessing::of_range([0.0, 1.0]).unwrap();
        assert!(range().normalised(vec![0.5], vec![0.0]).is_err());
        assert!(range().normalised(vec![0.5], vec![]).is_err());
        assert!(range().normalised(vec![f64::NAN], vec![1.0]).is_err());
        assert!(Preprocessing::of_range([1.0, 1.0]).is_err());
    }
}
