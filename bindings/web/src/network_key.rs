//! The owner of a key for a network.

use serde::Serialize;
use tapetum::Result as LibraryResult;
use tapetum::networks::{NetworkOwner, NetworkPlanFile};
use zeroize::Zeroizing;

use crate::owner::opened;
use crate::{PageError, Picture, Prediction};

/// A secret key, and the plan of the network that it is for.
pub struct NetworkKey(NetworkOwner);

/// What may be shown of it.
#[derive(Clone, Debug, Serialize)]
pub struct NetworkDescription {
    /// The names of the classes.
    pub classes: Vec<String>,
    /// The hash of the plan, which the server's network must have.
    pub plan: String,
    /// Values of a picture.
    pub columns: usize,
    /// Pixels along each side.
    pub side: usize,
    /// log2 of the ring degree.
    pub log_n: u32,
    /// By the table.
    pub security_bits: u32,
}

/// A picture as a network takes it.
#[derive(Clone, Debug)]
pub struct NetworkView {
    /// Pixels along each side.
    pub side: usize,
    /// Red, green and blue of each pixel, or grey: row-major, 0 black to 255 white.
    pub pixels: Vec<u8>,
    /// The values that are encrypted.
    pub values: Vec<f64>,
}

impl NetworkKey {
    /// From the files `secret.key` and `network.plan.json` of the owner's directory, and the passphrase if the key is
    /// kept under one.
    ///
    /// # Errors
    /// [`PageError`] that names the file to choose.
    pub fn open(
        secret_key: &[u8],
        plan: &str,
        passphrase: Zeroizing<String>,
    ) -> Result<Self, PageError> {
        let secret = opened(secret_key, passphrase)?;
        let plan = NetworkPlanFile::from_json(plan)
            .map_err(|error| PageError::NetworkPlan(error.into()))?;
        let owner = NetworkOwner::with_key(plan, secret).map_err(PageError::NetworkPlan)?;
        Ok(Self(owner))
    }

    /// Whether a text is the plan of a network, in place of features.
    pub fn is_plan(text: &str) -> bool {
        NetworkPlanFile::begins(text)
    }

    /// What may be shown.
    pub fn description(&self) -> NetworkDescription {
        let (file, parameters) = (self.0.plan(), self.0.parameters());
        let shape = file.plan().input_shape();
        NetworkDescription {
            classes: file.classes().to_vec(),
            plan: file
                .plan()
                .digest()
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect(),
            columns: shape.iter().product(),
            side: shape.last().copied().unwrap_or(1),
            log_n: parameters.log_n(),
            security_bits: parameters.security().bits(),
        }
    }

    /// The middle of a picture, as the network takes it.
    ///
    /// # Errors
    /// [`PageError::Photograph`] if the picture has no colours and the network takes some.
    pub fn view(&self, picture: &Picture) -> Result<NetworkView, PageError> {
        let side = self.description().side;
        let view = || -> LibraryResult<_> {
            let values = self.0.values(picture.image())?;
            Ok((values, picture.image().middle_square(side)?))
        };
        let (values, square) = view().map_err(PageError::Photograph)?;
        let grey = || square.pixels().iter().flat_map(|&p| [p, p, p]).collect();
        Ok(NetworkView {
            side,
            pixels: square.rgb().map_or_else(grey, <[u8]>::to_vec),
            values,
        })
    }

    /// The file that is sent to the server.
    ///
    /// # Errors
    /// [`PageError::Photograph`], as [`view`](Self::view).
    pub fn encrypt(&self, picture: &Picture) -> Result<Vec<u8>, PageError> {
        let file =
            || -> LibraryResult<_> { Ok(self.0.encrypt(picture.image())?.to_bundle()?.to_bytes()) };
        file().map_err(PageError::Photograph)
    }

    /// The prediction in the server's answer: the class with the largest score.
    ///
    /// # Errors
    /// [`PageError::Answer`] if it is not one, or is under another key.
    pub fn decrypt(&self, answer: &[u8]) -> Result<Vec<Prediction>, PageError> {
        let scores = self.0.decrypt_bytes(answer).map_err(PageError::Answer)?;
        let class = &self.0.plan().classes()[scores.label()];
        Ok(vec![Prediction {
            class: match scores.is_decided() {
                true => class.clone(),
                false => format!("{class} (undecided)"),
            },
            score: scores.values().get(scores.label()).copied(),
        }])
    }
}
