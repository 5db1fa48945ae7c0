//! Encrypted images and scores as files.

use tapetum_ckks::wire::{Bundle, BundleHeader, WireError};
use tapetum_ckks::{Ciphertext, Parameters};

use crate::encrypted::{EncryptedImage, EncryptedScores, check};
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
        let parameters = plan.parameters()?;
        let forms = image
            .ciphertexts
            .iter()
            .map(|c| match *c.parameters() == parameters {
                true => (c.degree(), c.level(), c.scale()),
                false => (0, 0, 0.0),
            });
        check_fresh(plan, &parameters, image.ciphertexts.len(), forms)?;
        Ok(image)
    }

    /// Refuses a bundle that is not an image for this plan, which has these parameters, by what stands before its first
    /// ciphertext.
    ///
    /// # Errors
    /// As [`from_bundle`](Self::from_bundle).
    pub fn check_front(
        (header, metadata): (&BundleHeader, &[u8]),
        plan: &NetworkPlan,
        parameters: &Parameters,
    ) -> Result<()> {
        if header.kind != Self::KIND {
            let (expected, found) = (Self::KIND.to_owned(), header.kind.clone());
            return Err(WireError::WrongKind { expected, found }.into());
        }
        check(IMAGE, &digest(metadata, IMAGE)?, &plan.digest())?;
        let count = usize::try_from(header.ciphertexts()).unwrap_or(usize::MAX);
        let forms = header.runs.iter().map(|run| {
            let header = run.header;
            (header.degree.into(), header.level as usize, header.scale)
        });
        check_fresh(plan, parameters, count, forms)
    }
}

/// Refuses ciphertexts, given by degree, level and scale, that are not those of a new image.
fn check_fresh(
    plan: &NetworkPlan,
    parameters: &Parameters,
    count: usize,
    mut forms: impl Iterator<Item = (usize, usize, f64)>,
) -> Result<()> {
    if count != plan.input_ciphertexts() {
        return Err(damaged(
            IMAGE,
            "it has another number of ciphertexts than the plan says",
        ));
    }
    let top = plan.input_level();
    let fresh = parameters.scale(top);
    match forms.all(|(degree, level, scale)| {
        (degree, level) == (1, top) && (scale / fresh - 1.0).abs() < 1e-9
    }) {
        true => Ok(()),
        false => Err(damaged(
            IMAGE,
            "a ciphertext is not as it is when it was just encrypted",
        )),
    }
}

impl EncryptedScores {
    /// The kind of bundle that holds encrypted scores, and a range flag where the plan has one: the metadata are the digest of the
    /// plan.
    pub const KIND: &'static str = "network-scores";

    /// The scores as a bundle, without a copy.
    ///
    /// # Errors
    /// None, for scores that this crate computed.
    pub fn to_bundle(&self) -> Result<Bundle<'_>> {
        let Some(first) = self.ciphertexts.first() else {
            return Err(damaged(SCORES, "there is no ciphertext"));
        };
        bundle(
            first.parameters(),
            Self::KIND,
            &self.plan,
            &self.ciphertexts,
        )
    }

    /// Scores from a bundle.
    ///
    /// # Errors
    /// If the bundle holds something else.
    pub fn from_bundle(bundle: Bundle<'_>) -> Result<Self> {
        let (metadata, ciphertexts) = bundle.into_contents(Self::KIND)?;
        if !(1..=2).contains(&ciphertexts.len()) {
            let reason = "there must be one ciphertext, or two with a range flag";
            return Err(damaged(SCORES, reason));
        }
        Ok(Self {
            plan: digest(&metadata, SCORES)?,
            ciphertexts,
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
