//! What can go wrong, in words for the person in front of the page.

use tapetum::vision;
use thiserror::Error;

/// Why something cannot be done, and what to do about it.
#[derive(Debug, Error)]
pub enum PageError {
    /// The file of the secret key.
    #[error(
        "this is not a usable secret key ({0}): choose the file secret.key from the owner's directory"
    )]
    SecretKey(tapetum::Error),
    /// The file of the pipeline.
    #[error(
        "this does not say how features are made ({0}): choose the file features.json from the owner's directory"
    )]
    Pipeline(vision::Error),
    /// The plan of a network.
    #[error(
        "this does not fit a network's key ({0}): choose secret.key and network.plan.json from the same owner's directory"
    )]
    NetworkPlan(tapetum::Error),
    /// A picture for a network.
    #[error("the network cannot take this picture ({0}): choose a photograph")]
    Photograph(tapetum::Error),
    /// The pipeline needs what a page does not have.
    #[error(
        "this key is for {0}, which the page cannot compute: use the command `tapetum encrypt`"
    )]
    Features(String),
    /// A picture.
    #[error("this picture cannot be read ({0}): choose a PNG, JPEG or WebP file")]
    Picture(vision::Error),
    /// A silhouette by its number.
    #[error("there is no such silhouette: give a number below {0}")]
    Silhouette(usize),
    /// Images to train on.
    #[error("these images cannot be trained on ({0}): choose another animal or number")]
    Images(vision::Error),
    /// What is to be trained.
    #[error("this training cannot be prepared: {0}")]
    Training(tapetum::Error),
    /// What was finished before.
    #[error("this was finished already: start over")]
    Finished,
    /// The server's description of a model.
    #[error("the server's description of the model is not understood ({0}): reload the page")]
    Model(serde_json::Error),
    /// Key and model do not belong together.
    #[error(
        "this key does not fit the model ({0}): choose the model that was trained under this key, or load its key"
    )]
    Unfit(tapetum::Error),
    /// Encryption.
    #[error("the picture cannot be encrypted: {0}")]
    Encryption(tapetum::Error),
    /// The answer of the server.
    #[error(
        "the server's answer cannot be decrypted: {0}. Classify again, choose the model that was trained under this key, or load that model's key"
    )]
    Answer(tapetum::Error),
}
