//! Networks on encrypted images: what they need, and who does what.
//!
//! A provider has a network and publishes its plan with the names of the classes ([`NetworkPlanFile`]). Whoever wants
//! photographs classified makes keys for the plan ([`NetworkOwner`]), and encrypts them or lets others encrypt them
//! ([`NetworkContributor`]); a server with the network ([`NetworkServer`]) classifies them and learns neither the
//! photograph nor the scores.

mod accuracy;
mod contributor;
mod owner;
mod photo;
mod pictures;
mod server;
mod summary;

pub use accuracy::NetworkAccuracy;
pub use contributor::NetworkContributor;
pub use owner::NetworkOwner;
pub use photo::PhotoNetwork;
pub use pictures::{photo_from, photograph, read_photo, values};
pub use server::NetworkServer;
pub use summary::{LayerSummary, NetworkOptions, NetworkSummary, read_network, summarize};
pub use tapetum_nets::{
    Answer, ColourOrder, EncryptedImage, EncryptedScores, Network, NetworkPlan, NetworkPlanFile,
    Preprocessing, Scores, features_in_rows, row_rotations,
};

use std::path::Path;

use tapetum_ckks::Parameters;
use tapetum_ckks::wire::Bundle;

pub use crate::folders::network_plan::{read as read_plan, write as write_plan};

use crate::error::{Context, Error, Result};
use crate::folders::files;

/// Refuses a key of another plan.
fn check_parameters(plan: &NetworkPlan, found: &Parameters, path: &Path) -> Result<()> {
    match *found == plan.parameters()? {
        true => Ok(()),
        false => Err(Error::role(format!(
            "{} has other parameters than the plan beside it: take both from one `tapetum net keygen`",
            path.display()
        ))),
    }
}

fn read_bundle(path: &Path, parameters: &Parameters) -> Result<Bundle<'static>> {
    Bundle::read(parameters, files::open(path)?)
        .with_context(|| format!("cannot use {}", path.display()))
}
