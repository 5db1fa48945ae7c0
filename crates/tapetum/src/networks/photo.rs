//! A network for photographs that this library brings.

use tapetum_nets::{Network, NetworkPlanFile};
use tapetum_vision::GreyImage;

use super::pictures;
use crate::error::Result;

/// Cats and dogs: `data/networks/README.md` is its card.
const CATS_AND_DOGS: (&[u8], &str) = (
    include_bytes!("../../../../data/networks/cats-and-dogs.onnx"),
    include_str!("../../../../data/networks/cats-and-dogs.plan.json"),
);

/// A network with its plan.
pub struct PhotoNetwork {
    network: Network,
    plan: NetworkPlanFile,
}

impl PhotoNetwork {
    /// The network for cats and dogs that this library brings, for photographs of 64 x 64 pixels.
    ///
    /// # Errors
    /// None, unless the library was built from damaged files.
    pub fn cats_and_dogs() -> Result<Self> {
        let (network, plan) = CATS_AND_DOGS;
        Ok(Self {
            network: Network::from_onnx(network)?,
            plan: NetworkPlanFile::from_json(plan)?,
        })
    }

    /// The network, which a provider may keep.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The plan, which everyone needs.
    pub fn plan(&self) -> &NetworkPlanFile {
        &self.plan
    }

    /// The side of the square that a photograph is cut and resized to.
    pub fn side(&self) -> usize {
        self.network.input_shape().last().copied().unwrap_or(1)
    }

    /// The scores of a photograph in the clear.
    ///
    /// # Errors
    /// If the photograph has no colours.
    pub fn scores(&self, photo: &GreyImage) -> Result<Vec<f64>> {
        let values = pictures::photograph(photo, &self.plan)?;
        Ok(self.network.scores(&values)?)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::photo_from;
    use super::*;

    #[test]
    fn the_network_knows_a_cat() {
        let network = PhotoNetwork::cats_and_dogs().unwrap();
        let plan = network.plan();
        assert_eq!(plan.classes(), ["cat", "dog"]);

        let chelsea = include_bytes!("../../../../data/photographs/chelsea.jpg");
        let photo = photo_from(Path::new("chelsea.jpg"), chelsea).unwrap();
        let scores = network.scores(&photo).unwrap();
        assert!(scores[0] > scores[1], "{scores:?}");
    }
}
