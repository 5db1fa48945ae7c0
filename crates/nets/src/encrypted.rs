//! What travels between client and server.

use tapetum_ckks::Ciphertext;

use crate::error::{NetworkError, Result};
use crate::plan::NetworkPlan;

/// An encrypted image, for the networks of one plan.
#[derive(Clone)]
pub struct EncryptedImage {
    pub(crate) plan: [u8; 32],
    pub(crate) ciphertexts: Vec<Ciphertext>,
}

impl EncryptedImage {
    pub(crate) fn new(plan: &NetworkPlan, ciphertexts: Vec<Ciphertext>) -> Self {
        Self {
            plan: plan.digest(),
            ciphertexts,
        }
    }

    /// Its ciphertexts.
    pub fn ciphertexts(&self) -> &[Ciphertext] {
        &self.ciphertexts
    }

    /// Its ciphertexts, if it is for this plan.
    pub(crate) fn of(&self, plan: &[u8; 32]) -> Result<&[Ciphertext]> {
        check("the encrypted image", &self.plan, plan)?;
        Ok(&self.ciphertexts)
    }
}

/// The encrypted scores of one image.
#[derive(Clone)]
pub struct EncryptedScores {
    pub(crate) plan: [u8; 32],
    /// The scores and, if the plan has one, the range flag.
    pub(crate) ciphertexts: Vec<Ciphertext>,
}

impl EncryptedScores {
    pub(crate) fn new(plan: [u8; 32], scores: Ciphertext, flag: Option<Ciphertext>) -> Self {
        let ciphertexts = [Some(scores), flag].into_iter().flatten().collect();
        Self { plan, ciphertexts }
    }

    /// The ciphertext of the scores, or of features that something is to be computed with.
    pub fn ciphertext(&self) -> &Ciphertext {
        &self.ciphertexts[0]
    }

    /// The scores and the range flag, if they are for this plan.
    pub(crate) fn of(&self, plan: &NetworkPlan) -> Result<(&Ciphertext, Option<&Ciphertext>)> {
        const WHAT: &str = "the encrypted scores";
        check(WHAT, &self.plan, &plan.digest())?;
        match (&self.ciphertexts[..], plan.has_range_flag()) {
            ([scores], false) => Ok((scores, None)),
            ([scores, flag], true) => Ok((scores, Some(flag))),
            _ => Err(NetworkError::Damaged {
                what: WHAT,
                reason: "the plan has a range flag and they have none, or the other way round",
            }),
        }
    }
}

/// Refuses what is for another plan.
pub(crate) fn check(what: &'static str, found: &[u8; 32], expected: &[u8; 32]) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    let name = |digest: &[u8; 32]| {
        let start = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]);
        format!("plan {start:08x}")
    };
    Err(NetworkError::Mismatch {
        what,
        found: name(found),
        expected: name(expected),
    })
}
