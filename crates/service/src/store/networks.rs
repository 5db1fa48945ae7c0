//! The content of files that belong to networks. As hostile as all others.

use std::io::Read;
use std::path::Path;

use tapetum_ckks::Parameters;
use tapetum_ckks::wire::Bundle;
use tapetum_nets::{EncryptedImage, Network, NetworkError, NetworkPlan, NetworkPlanFile};

use super::content::{self, Caps};
use crate::error::{Error, Result};

/// Bytes of a network's file, which is in memory as a whole while it is checked, and whose weights take several times as
/// much there: within what a check may take.
const MAX_NETWORK: u64 = 16 << 20;
/// Bytes of a plan.
const MAX_PLAN: u64 = 16 << 20;

impl From<NetworkError> for Error {
    fn from(error: NetworkError) -> Self {
        match error {
            NetworkError::Wire(error) => error.into(),
            error => Self::unacceptable(error),
        }
    }
}

/// A plan with the names of its classes.
pub fn plan(path: &Path, caps: Caps) -> Result<NetworkPlanFile> {
    let bytes = bytes(path, MAX_PLAN.min(caps.bundle_bytes))?;
    let text = String::from_utf8(bytes)
        .map_err(|_| Error::unacceptable("the file is not a network's plan"))?;
    Ok(NetworkPlanFile::from_json(&text)?)
}

/// A network.
pub fn network(path: &Path, caps: Caps) -> Result<Network> {
    let bytes = bytes(path, MAX_NETWORK.min(caps.bundle_bytes))?;
    Ok(Network::from_onnx(&bytes)?)
}

/// Checks an image to the last residue, without keeping it.
pub fn check_image(path: &Path, parameters: &Parameters, plan: &NetworkPlan) -> Result<()> {
    let mut file = content::open(path)?;
    let judged = Bundle::skim(parameters, &mut file, |header, metadata| {
        EncryptedImage::check_front((header, metadata), plan, parameters)
    });
    judged??;
    content::check_end(file)
}

/// An image that was checked.
pub fn image(path: &Path, parameters: &Parameters, plan: &NetworkPlan) -> Result<EncryptedImage> {
    let bundle = Bundle::read(parameters, content::open(path)?)?;
    Ok(EncryptedImage::from_bundle(bundle, plan)?)
}

fn bytes(path: &Path, most: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = content::open(path)?.take(most + 1).read_to_end(&mut bytes);
    read.map_err(|e| Error::internal("reading a file", e))?;
    match bytes.len() as u64 > most {
        true => Err(Error::too_large(format!(
            "such a file may have {most} bytes at most"
        ))),
        false => Ok(bytes),
    }
}
