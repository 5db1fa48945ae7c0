//! Who has photographs, and the public key.

use std::path::Path;

use tapetum_ckks::{Encryptor, PublicKey};
use tapetum_nets::{EncryptedImage, NetworkPlanFile, encrypt_image};
use tapetum_vision::GreyImage;

use super::{check_parameters, pictures};
use crate::error::Result;
use crate::folders::keys::public_key;
use crate::folders::network_plan;

/// Encrypts photographs for a network, and can decrypt nothing.
pub struct NetworkContributor {
    file: NetworkPlanFile,
    encryptor: Encryptor,
}

impl NetworkContributor {
    /// Somebody who has the public key.
    ///
    /// # Errors
    /// If the key has other parameters than the plan.
    pub fn new(plan: &NetworkPlanFile, key: &PublicKey) -> Result<Self> {
        check_parameters(plan.plan(), key.parameters(), Path::new("the public key"))?;
        Ok(Self {
            encryptor: Encryptor::with_public_key(key),
            file: plan.clone(),
        })
    }

    /// Opens a contributor's directory.
    ///
    /// # Errors
    /// If a file is missing, damaged, or of another plan.
    pub fn open(dir: &Path) -> Result<Self> {
        let file = network_plan::in_directory(dir)?;
        let (key, path) = public_key(dir, "net keygen")?;
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
        self.encrypt_values(&pictures::photograph(photo, &self.file)?)
    }

    /// Encrypts the values that an image has in the network, channel by channel and row by row.
    ///
    /// # Errors
    /// If there are not as many as the network takes, or one is out of the plan's range.
    pub fn encrypt_values(&self, values: &[f64]) -> Result<EncryptedImage> {
        Ok(encrypt_image(self.file.plan(), values, &self.encryptor)?)
    }

    /// The plan with the names of its classes.
    pub fn plan(&self) -> &NetworkPlanFile {
        &self.file
    }
}
