//! Who has the secret key.

use std::path::Path;

use tapetum_ckks::wire::Bundle;
use tapetum_ckks::{
    Decryptor, Encryptor, EvaluationKeys, KeyGenerator, KeyPlan, Parameters, PublicKey, SecretKey,
};
use tapetum_nets::{
    EncryptedImage, EncryptedScores, NetworkPlanFile, Scores, decrypt_scores, encrypt_image,
};
use tapetum_vision::GreyImage;

use super::pictures;
use crate::error::{Context, Error, Result};
use crate::folders::{EVALUATION_KEYS, NETWORK_PLAN, PUBLIC_KEY, SECRET_KEY, files, network_plan};
use crate::owner::{Directories, Made, Passphrase, check_directories, key_file, open_key};
use crate::progress::Progress;

/// Holds the secret key for the images of one plan.
pub struct NetworkOwner {
    file: NetworkPlanFile,
    parameters: Parameters,
    secret: SecretKey,
}

impl NetworkOwner {
    /// Makes a secret key, in memory.
    ///
    /// # Errors
    /// If the plan is damaged, or the system has no randomness.
    pub fn generate(plan: &NetworkPlanFile) -> Result<Self> {
        let parameters = plan.plan().parameters()?;
        Self::with_key(plan.clone(), SecretKey::generate(&parameters)?)
    }

    /// Opens a directory that [`NetworkOwner::write`] made, with what gives the passphrase if the secret key is kept
    /// under one.
    ///
    /// # Errors
    /// If a file is missing, damaged, or of another plan, and those of the passphrase.
    pub fn open(dir: &Path, passphrase: impl FnOnce() -> Result<Passphrase>) -> Result<Self> {
        let plan = network_plan::in_directory(dir)?;
        let secret = open_key(dir, passphrase)?;
        let path = dir.join(SECRET_KEY);
        super::check_parameters(plan.plan(), secret.parameters(), &path)?;
        Self::with_key(plan, secret)
    }

    /// With a key that is there already.
    ///
    /// # Errors
    /// If the key has other parameters than the plan.
    pub fn with_key(file: NetworkPlanFile, secret: SecretKey) -> Result<Self> {
        let parameters = secret.parameters().clone();
        if parameters != file.plan().parameters()? {
            return Err(Error::role(
                "the secret key has other parameters than the plan: take both from one `tapetum net keygen`",
            ));
        }
        Ok(Self {
            parameters,
            secret,
            file,
        })
    }

    /// The keys that a server needs.
    fn key_plan(&self) -> Result<KeyPlan> {
        Ok(self.file.plan().key_plan(&self.parameters)?)
    }

    /// Writes plan and keys into the directories of the three roles. The evaluation keys are made on the way.
    ///
    /// # Errors
    /// If a directory holds a key already, or one that it must not have.
    pub fn write(
        &self,
        directories: Directories<'_>,
        passphrase: Option<&Passphrase>,
        progress: &dyn Progress,
    ) -> Result<Made> {
        check_directories(directories)?;
        self.write_with(&self.evaluation_keys(progress)?, directories, passphrase)
    }

    /// The same with evaluation keys that this owner has made.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn write_with(
        &self,
        evaluation: &EvaluationKeys,
        directories: Directories<'_>,
        passphrase: Option<&Passphrase>,
    ) -> Result<Made> {
        check_directories(directories)?;
        if *evaluation.parameters() != self.parameters {
            return Err(Error::role(
                "the evaluation keys have other parameters than the plan: make them with this owner",
            ));
        }
        let public = self.public_key()?;
        let server = directories.server.unwrap_or(directories.owner);
        let encrypting = [Some(directories.owner), directories.contributor];
        let encrypting: Vec<_> = encrypting.into_iter().flatten().collect();
        for dir in encrypting.iter().copied().chain([server]) {
            network_plan::write(&self.file, &dir.join(NETWORK_PLAN))?;
        }
        let mut public_key = 0;
        for dir in encrypting {
            let path = dir.join(PUBLIC_KEY);
            public_key = files::write_atomically(&path, |file| public.write(file))?;
        }
        let path = server.join(EVALUATION_KEYS);
        let evaluation_keys = files::write_atomically(&path, |file| evaluation.write(file))?;
        // The secret key last: a directory that has one is complete.
        let file = key_file(&self.secret, passphrase)?;
        let secret_key = files::write_private(&directories.owner.join(SECRET_KEY), &file)?;
        Ok(Made {
            secret_key,
            public_key,
            evaluation_keys,
            log_n: self.parameters.log_n(),
            log_qp: self.parameters.log_qp(),
            security_bits: self.parameters.security().bits(),
            levels: self.parameters.max_level(),
        })
    }

    /// The plan with the names of its classes.
    pub fn plan(&self) -> &NetworkPlanFile {
        &self.file
    }

    /// The parameters of all keys and ciphertexts.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Makes the keys that a server computes with. They do not decrypt.
    ///
    /// # Errors
    /// If the system has no randomness.
    pub fn evaluation_keys(&self, progress: &dyn Progress) -> Result<EvaluationKeys> {
        let key_plan = self.key_plan()?;
        let total = key_plan.len();
        let step = progress.begin(&format!("making {total} evaluation keys"));
        let mut generator = KeyGenerator::new(&self.secret)?;
        let keys = generator.evaluation_keys_with(&key_plan, |done| {
            step.advance(done, total);
        })?;
        step.finish();
        Ok(keys)
    }

    /// Bytes of the evaluation keys in memory.
    ///
    /// # Errors
    /// If the parameters cannot have them, which those of a plan can.
    pub fn evaluation_keys_bytes(&self) -> Result<u64> {
        Ok(self.key_plan()?.memory_bytes(&self.parameters)?)
    }

    /// Encrypts the middle of a photograph, at the size that the network takes.
    ///
    /// # Errors
    /// If the network takes no squares, or the photograph has no colours.
    pub fn encrypt(&self, photo: &GreyImage) -> Result<EncryptedImage> {
        self.encrypt_values(&self.values(photo)?)
    }

    /// Encrypts the values that an image has in the network, channel by channel and row by row.
    ///
    /// # Errors
    /// If there are not as many as the network takes, or one is out of the plan's range.
    pub fn encrypt_values(&self, values: &[f64]) -> Result<EncryptedImage> {
        let encryptor = Encryptor::with_secret_key(&self.secret);
        Ok(encrypt_image(self.file.plan(), values, &encryptor)?)
    }

    /// The key that contributors encrypt with.
    ///
    /// # Errors
    /// If the system has no randomness.
    pub fn public_key(&self) -> Result<PublicKey> {
        Ok(KeyGenerator::new(&self.secret)?.public_key()?)
    }

    /// The values of the middle of a photograph, which are encrypted.
    ///
    /// # Errors
    /// As [`encrypt`](Self::encrypt).
    pub fn values(&self, photo: &GreyImage) -> Result<Vec<f64>> {
        pictures::photograph(photo, &self.file)
    }

    /// Decrypts scores, rounded: their last digits would tell the secret key.
    ///
    /// # Errors
    /// If the scores are not those of this plan.
    pub fn decrypt(&self, scores: &EncryptedScores) -> Result<Scores> {
        let decryptor = Decryptor::new(&self.secret);
        Ok(decrypt_scores(self.file.plan(), scores, &decryptor)?)
    }

    /// Decrypts the scores in the bytes of a file.
    ///
    /// # Errors
    /// As [`decrypt`](Self::decrypt), and if they hold something else.
    pub fn decrypt_bytes(&self, bytes: &[u8]) -> Result<Scores> {
        let bundle = Bundle::from_bytes(&self.parameters, bytes)?;
        self.decrypt(&EncryptedScores::from_bundle(bundle)?)
    }

    /// Decrypts the scores of a file.
    ///
    /// # Errors
    /// As [`decrypt`](Self::decrypt), and if the file holds something else.
    pub fn decrypt_file(&self, path: &Path) -> Result<Scores> {
        let unusable = || format!("cannot use {}", path.display());
        let bundle = super::read_bundle(path, &self.parameters)?;
        let scores = EncryptedScores::from_bundle(bundle).with_context(unusable)?;
        self.decrypt(&scores).with_context(unusable)
    }
}
