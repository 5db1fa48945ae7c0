//! Who has photographs, and the public key.

use std::path::Path;

use tapetum_ckks::{Encryptor, PublicKey};
use tapetum_nets::{EncryptedImage, encrypt_image};
use tapetum_vision::GreyImage;

use super::{check_parameters, pictures};
use crate::error::{Context, Result};
use crate::folders::network_plan::NetworkPlanFile;
use crate::folders::{PUBLIC_KEY, files};

/// Encrypts photographs for a network, and can decrypt nothing.
pub struct NetworkContributor {
    file: NetworkPlanFile,
    encryptor: Encryptor,
}

impl NetworkContributor {
    /// Opens a contributor's directory.
    ///
    /// # Errors
    /// If a file is missing, damaged, or of another plan.
    pub fn open(dir: &Path) -> Result<Self> {
        let file = NetworkPlanFile::in_directory(dir)?;
        let advice = "ask the owner for this directory as `tapetum net keygen` made it";
        let path = files::existing(dir, PUBLIC_KEY, advice)?;
        let key = PublicKey::read(files::open(&path)?)
            .with_context(|| format!("cannot use {}", path.display()))?;
        check_parameters(file.plan(), key.parameters(), &path)?;
        Ok(Self {
            encryptor: Encryptor::with_public_key(&key),
            file,
        })
    }

    /// Encrypts the middle of a photograph, at the size that the network takes.
    ///
    /// # Errors
    /// If the network takes no squares, or the photograph has no colours.
    pub fn encrypt(&self, photo: &GreyImage) -> Result<EncryptedImage> {
        let plan = self.file.plan();
        let pixels = pictures::photograph(photo, plan)?;
        Ok(encrypt_image(plan, &pixels, &self.encryptor)?)
    }
}
