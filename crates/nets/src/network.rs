//! A network in the clear.

use crate::error::{NetworkError, Result};
use crate::graph::{Graph, Node, Operation};
use crate::plan::{Answer, NetworkPlan, Prepared, Scaling, prepare};
use crate::polynomials::PolynomialNetwork;
use crate::server::EncodedNetwork;
use crate::{
    BatchNetwork, BatchPlan, SeveralNetwork, SeveralPlan, batch, onnx, reference, several,
};

/// A network with its weights, as its provider has it.
///
/// ```no_run
/// use tapetum_nets::Network;
///
/// let network = Network::from_onnx(&std::fs::read("network.onnx")?)?;
/// let image = vec![0.5; network.input_len()];
/// let scores = network.scores(&image)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    graph: Graph,
}

impl Network {
    /// From the bytes of an ONNX file.
    ///
    /// # Errors
    /// If the file is damaged or too large, or the network has an operator, a shape or weights that are not supported.
    /// The error names the node.
    pub fn from_onnx(bytes: &[u8]) -> Result<Self> {
        let graph = onnx::read(bytes)?;
        Ok(Self { graph })
    }

    /// The network without its last dense layer: what that reads, its features.
    ///
    /// # Errors
    /// If it does not end in a dense layer, or has nothing before it.
    pub fn features(&self) -> Result<Self> {
        let output = self.graph.node(self.graph.output());
        let before = match (&output.operation, &output.inputs[..]) {
            (Operation::Dense(_), &[before]) if before.index() > 0 => before,
            _ => {
                return Err(NetworkError::Encrypted {
                    node: output.name.clone(),
                    reason: "it must be a dense layer after others, whose input are the features"
                        .to_owned(),
                });
            }
        };
        Ok(Self {
            graph: self.graph.up_to(before),
        })
    }

    /// The shape of an image: `[1, channels, height, width]` or `[1, length]`.
    pub fn input_shape(&self) -> &[usize] {
        self.graph.input_shape().dims()
    }

    /// The number of values of an image, channel by channel and row by row.
    pub fn input_len(&self) -> usize {
        self.graph.input_shape().values()
    }

    /// The number of scores.
    pub fn output_len(&self) -> usize {
        self.graph.node(self.graph.output()).shape.values()
    }

    /// The multiplications of its convolutions and dense layers for an image, in the clear.
    pub fn multiplications(&self) -> u64 {
        let nodes = self.graph.nodes().iter();
        let of = |node: &Node| match &node.operation {
            Operation::Convolution(layer) => {
                let outputs = layer.bias.len().max(1);
                node.shape.values() as u64 * (layer.weights.values().len() / outputs) as u64
            }
            Operation::Dense(layer) => layer.weights.values().len() as u64,
            _ => 0,
        };
        nodes.map(of).sum()
    }

    /// The output for an image, in the clear: the reference of an encrypted evaluation.
    ///
    /// # Errors
    /// If the image has another number of values, or a value in the network is not finite.
    pub fn scores(&self, image: &[f64]) -> Result<Vec<f64>> {
        reference::output(&self.graph, image)
    }

    /// The plan for encrypted images with values in `range`.
    ///
    /// The images of the calibration, which should be like those to come, set the scale of the layers. They have
    /// no other influence: with others the scores are the same, but less or more precise.
    ///
    /// # Errors
    /// If an operation is not supported on encrypted images, which the error names, or an image does not fit.
    pub fn plan(&self, range: [f64; 2], calibration: &[Vec<f64>]) -> Result<NetworkPlan> {
        Ok(self.planned(range, calibration, Answer::Scores)?.0)
    }

    /// The same, for scores or for labels alone, with the network as the plan evaluates it, in the clear. Labels need a
    /// calibration, which sets how exactly scores are compared.
    ///
    /// # Errors
    /// As [`plan`](Self::plan), and if there are not between 2 and 128 scores to be compared.
    pub fn planned(
        &self,
        range: [f64; 2],
        calibration: &[Vec<f64>],
        answer: Answer,
    ) -> Result<(NetworkPlan, PolynomialNetwork)> {
        let scaling = Scaling::Calibration(calibration, answer);
        let prepared = prepare(&self.graph, range, scaling)?;
        Ok((prepared.plan.clone(), PolynomialNetwork::new(prepared)))
    }

    /// The plan for batches of encrypted images with values in `range`, one image in each slot, and the network
    /// that evaluates them. See [`plan`](Self::plan) for the calibration.
    ///
    /// # Errors
    /// If an operation is not supported in batches, which the error names, or an image does not fit.
    pub fn batch(
        &self,
        range: [f64; 2],
        calibration: &[Vec<f64>],
    ) -> Result<(BatchPlan, BatchNetwork)> {
        batch::prepare(&self.graph, range, calibration)
    }

    /// The plan for so many encrypted images at once with values in `range`, some beside each other in a ciphertext, and
    /// the network that evaluates them. See [`plan`](Self::plan) for the calibration. The number is rounded up to a power
    /// of two.
    ///
    /// # Errors
    /// If an operation is not supported on several images, which the error names, or an image does not fit.
    pub fn several(
        &self,
        range: [f64; 2],
        calibration: &[Vec<f64>],
        images: usize,
    ) -> Result<(SeveralPlan, SeveralNetwork)> {
        several::prepare(&self.graph, range, calibration, images)
    }

    /// The network encoded for a plan that [`plan`](Self::plan) has made of it.
    ///
    /// # Errors
    /// If the plan is that of another network, or damaged.
    pub fn encode(&self, plan: &NetworkPlan) -> Result<EncodedNetwork> {
        EncodedNetwork::new(self.prepared(plan)?)
    }

    /// The network as a plan evaluates it, in the clear.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    pub fn polynomials(&self, plan: &NetworkPlan) -> Result<PolynomialNetwork> {
        Ok(PolynomialNetwork::new(self.prepared(plan)?))
    }

    /// Refuses a plan that is not of this network. It takes as long as planning.
    ///
    /// # Errors
    /// If the plan is that of another network, or damaged.
    pub fn check_plan(&self, plan: &NetworkPlan) -> Result<()> {
        self.prepared(plan).map(drop)
    }

    /// The layers of a plan.
    fn prepared(&self, plan: &NetworkPlan) -> Result<Prepared> {
        plan.check()?;
        let other = || NetworkError::Mismatch {
            what: "the plan",
            found: "another network".to_owned(),
            expected: "this network".to_owned(),
        };
        // In itself the plan is sound, so what does not fit is the network.
        let prepared = prepare(&self.graph, plan.range(), Scaling::As(plan));
        let prepared = prepared.map_err(|error| match error {
            NetworkError::Plan(_) => other(),
            error => error,
        })?;
        match prepared.plan == *plan {
            true => Ok(prepared),
            false => Err(other()),
        }
    }
}

#[cfg(test)]
impl From<Graph> for Network {
    fn from(graph: Graph) -> Self {
        Self { graph }
    }
}
