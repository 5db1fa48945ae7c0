//! Encrypted images and scores as files.

use tapetum_ckks::wire::Bundle;
use tapetum_ckks::{Ciphertext, Parameters};

use crate::encrypted::{EncryptedImage, EncryptedScores};
use crate::error::{NetworkError, Result};
use crate::plan::NetworkPlan;

const IMAGE: &str = "the encrypted image";
const SCORES: &str = "the encrypted scores";

impl EncryptedImage {
    /// The kind of bundle that holds an encrypted image: the metadata are the digest of its plan.
    pub const KIND: &'static str = "network-image";

    /// The image as a bundle, without a copy.
    ///
    /// # Errors
    /// None, for an image that this crate encrypted.
    pub fn to_bundle(&self) -> Result<Bundle<'_>> {
        let Some(first) = self.ciphertexts.first() else {
            return Err(damaged(IMAGE, "it has no ciphertext"));
        };
        bundle(
            first.parameters(),
            Self::KIND,
            &self.plan,
            &self.ciphertexts,
        )
    }

    /// An image from a bundle, for this plan.
    ///
    /// # Errors
    /// If the bundle holds something else, or its ciphertexts are not those of an image for the plan.
    pub fn from_bundle(bundle: Bundle<'_>, plan: &NetworkPlan) -> Result<Self> {
        let (metadata, ciphertexts) = bundle.into_contents(Self::KIND)?;
        let image = Self {
            plan: digest(&metadata, IMAGE)?,
            ciphertexts,
        };
        image.of(&plan.digest())?;
        if image.ciphertexts.len() != plan.input_ciphertexts() {
            return Err(damaged(
                IMAGE,
                "it has another number of ciphertexts than the plan says",
            ));
        }
        let parameters = plan.parameters()?;
        let level = plan.input_level();
        let scale = parameters.scale(level);
        let is_fresh = |c: &Ciphertext| {
            c.parameters() == &parameters
                && (c.degree(), c.level()) == (1, level)
                && (c.scale() / scale - 1.0).abs() < 1e-9
        };
        match image.ciphertexts.iter().all(is_fresh) {
            true => Ok(image),
            false => Err(damaged(
                IMAGE,
                "a ciphertext is not as it is when it was just encrypted",
            )),
        }
    }
}

impl EncryptedScores {
    /// The kind of bundle that holds encrypted scores: the metadata are the digest of the plan.
    pub const KIND: &'static str = "network-scores";

    /// The scores as a bundle, without a copy.
    ///
    /// # Errors
    /// None, for scores that this crate computed.
    pub fn to_bundle(&self) -> Result<Bundle<'_>> {
        let ciphertexts = std::slice::from_ref(&self.ciphertext);
        bundle(
            self.ciphertext.parameters(),
            Self::KIND,
            &self.plan,
            ciphertexts,
        )
    }

    /// Scores from a bundle.
    ///
    /// # Errors
    /// If the bundle holds something else.
    pub fn from_bundle(bundle: Bundle<'_>) -> Result<Self> {
        let (metadata, ciphertexts) = bundle.into_contents(Self::KIND)?;
        let [ciphertext] = <[Ciphertext; 1]>::try_from(ciphertexts)
            .map_err(|_| damaged(SCORES, "there must be one ciphertext"))?;
        Ok(Self {
            plan: digest(&metadata, SCORES)?,
            ciphertext,
        })
    }
}

fn bundle<'a>(
    parameters: &Parameters,
    kind: &str,
    plan: &'a [u8; 32],
    ciphertexts: &'a [Ciphertext],
) -> Result<Bundle<'a>> {
    Ok(Bundle::new(parameters, kind, plan.as_slice(), ciphertexts)?)
}

fn digest(metadata: &[u8], what: &'static str) -> Result<[u8; 32]> {
    let digest = metadata.try_into();
    digest.map_err(|_| damaged(what, "it does not name its plan"))
}

fn damaged(what: &'static str, reason: &'static str) -> NetworkError {
    NetworkError::Damaged { what, reason }
}
