//! Networks from ONNX files, in the clear and on encrypted images.

mod batch;
mod bundle;
mod client;
mod encrypted;
mod error;
mod features;
mod graph;
mod labels;
mod layers;
mod network;
mod onnx;
mod passes;
mod plan;
mod plan_file;
mod polynomials;
mod preprocessing;
#[cfg(test)]
mod random_networks;
mod reference;
mod server;
mod several;
mod stages;

pub use batch::{
    BatchNetwork, BatchPlan, EncryptedBatch, EncryptedBatchScores, decrypt_batch, encrypt_batch,
};
pub use client::{Scores, decrypt_scores, encrypt_image, evaluation_keys};
pub use encrypted::{EncryptedImage, EncryptedScores};
pub use error::{NetworkError, NodeName, Result};
pub use features::{features_in_rows, row_rotations};
pub use network::Network;
pub use onnx::operators_page;
pub use plan::{Answer, IDLE_BUFFERS, LayerPlan, NetworkPlan};
pub use plan_file::NetworkPlanFile;
pub use polynomials::{PolynomialNetwork, PolynomialScores};
pub use preprocessing::{ColourOrder, Preprocessing};
pub use reference::largest;
pub use server::EncodedNetwork;
pub use several::{
    EncryptedSeveral, EncryptedSeveralScores, SeveralNetwork, SeveralPlan, decrypt_several,
    encrypt_several,
};

#[cfg(doctest)]
#[doc = include_str!("../../../docs/networks.md")]
mod page {}
