//! What JavaScript sees: bytes, numbers, and JSON for what has parts.

use serde::Serialize;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsError, UnwrapThrowExt};
use zeroize::Zeroizing;

use crate::{Model, NetworkKey, Owner, PageError, Picture, Silhouettes, Training};

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect_throw("structures of names and numbers become JSON")
}

/// The blake3 checksum of a file, in hexadecimal: uploads carry it.
#[wasm_bindgen]
pub fn checksum(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

/// A secret key with what belongs to it, in the memory of the worker.
#[wasm_bindgen(js_name = Owner)]
pub struct JsOwner(Owner);

#[wasm_bindgen(js_class = Owner)]
impl JsOwner {
    /// From the files `secret.key` and `features.json`, and a passphrase, empty if there is none.
    #[wasm_bindgen(constructor)]
    pub fn open(
        secret_key: Vec<u8>,
        pipeline: String,
        passphrase: String,
    ) -> Result<Self, JsError> {
        let (secret_key, pipeline) = (Zeroizing::new(secret_key), Zeroizing::new(pipeline));
        Ok(Self(Owner::open(
            &secret_key,
            &pipeline,
            Zeroizing::new(passphrase),
        )?))
    }

    /// Classes, features and parameters, as JSON.
    pub fn description(&self) -> String {
        json(&self.0.description())
    }

    /// What features see of the picture in a file, or of the shape in it, and what they make of it.
    pub fn look(&self, file: &[u8], as_silhouette: bool) -> Result<JsLook, JsError> {
        let picture = Picture::from_file(file)?;
        match as_silhouette {
            true => self.look_at(&picture.silhouette()?),
            false => self.look_at(&picture),
        }
    }

    /// The same for one of the silhouettes.
    #[wasm_bindgen(js_name = lookAtSilhouette)]
    pub fn look_at_silhouette(
        &self,
        silhouettes: &JsSilhouettes,
        number: usize,
    ) -> Result<JsLook, JsError> {
        self.look_at(&silhouettes.0.picture(number)?)
    }

    fn look_at(&self, picture: &Picture) -> Result<JsLook, JsError> {
        Ok(JsLook {
            side: self.0.side(),
            pixels: picture.seen_at(self.0.side())?,
            features: self.0.features(picture)?.values().to_vec(),
            is_coloured: false,
            picture: picture.clone(),
        })
    }

    /// What is sent to the server to have it classified by a model, which is given as the server described it.
    pub fn encrypt(&self, model: &str, look: &JsLook) -> Result<Vec<u8>, JsError> {
        let model = Model::from_json(model)?;
        Ok(self.0.encrypt(&model, &look.picture)?)
    }

    /// The predictions in the server's answer, as JSON.
    pub fn decrypt(&self, model: &str, answer: &[u8]) -> Result<String, JsError> {
        let model = Model::from_json(model)?;
        Ok(json(&self.0.decrypt(&model, answer)?))
    }
}

/// Whether the text of a file beside a secret key is the plan of a network.
#[wasm_bindgen(js_name = isNetworkPlan)]
pub fn is_network_plan(text: &str) -> bool {
    NetworkKey::is_plan(text)
}

/// A secret key for a network, in the memory of the worker: used as an owner is, with networks in place of models.
#[wasm_bindgen(js_name = NetworkKey)]
pub struct JsNetworkKey(NetworkKey);

#[wasm_bindgen(js_class = NetworkKey)]
impl JsNetworkKey {
    /// From the files `secret.key` and `network.plan.json`, and a passphrase, empty if there is none.
    #[wasm_bindgen(constructor)]
    pub fn open(secret_key: Vec<u8>, plan: String, passphrase: String) -> Result<Self, JsError> {
        let secret_key = Zeroizing::new(secret_key);
        let passphrase = Zeroizing::new(passphrase);
        Ok(Self(NetworkKey::open(&secret_key, &plan, passphrase)?))
    }

    /// Classes, plan and parameters, as JSON.
    pub fn description(&self) -> String {
        json(&self.0.description())
    }

    /// What the network takes of the picture in a file. It takes photographs, not shapes.
    pub fn look(&self, file: &[u8], _as_silhouette: bool) -> Result<JsLook, JsError> {
        let picture = Picture::from_coloured_file(file)?;
        let view = self.0.view(&picture)?;
        Ok(JsLook {
            side: view.side,
            pixels: view.pixels,
            features: view.values,
            is_coloured: true,
            picture,
        })
    }

    /// What is sent to the server.
    pub fn encrypt(&self, _network: &str, look: &JsLook) -> Result<Vec<u8>, JsError> {
        Ok(self.0.encrypt(&look.picture)?)
    }

    /// The prediction in the server's answer, as JSON.
    pub fn decrypt(&self, _network: &str, answer: &[u8]) -> Result<String, JsError> {
        Ok(json(&self.0.decrypt(answer)?))
    }
}

/// The images that come with the page.
#[wasm_bindgen(js_name = Silhouettes)]
pub struct JsSilhouettes(Silhouettes);

#[wasm_bindgen(js_class = Silhouettes)]
impl JsSilhouettes {
    /// All of them, unpacked.
    #[wasm_bindgen(constructor)]
    pub fn unpack() -> Result<Self, JsError> {
        Ok(Self(Silhouettes::unpack()?))
    }

    /// How many there are.
    #[wasm_bindgen(getter)]
    pub fn length(&self) -> usize {
        self.0.len()
    }

    /// The pixels of one at `side` x `side`, row-major, 0 black to 255 white.
    pub fn pixels(&self, number: usize, side: usize) -> Result<Vec<u8>, JsError> {
        Ok(self.0.picture(number)?.seen_at(side)?)
    }

    /// What it shows.
    pub fn label(&self, number: usize) -> Result<String, JsError> {
        Ok(self.0.label(number)?.to_owned())
    }
}

/// A new key, and what a server needs to train under it.
#[wasm_bindgen(js_name = Training)]
pub struct JsTraining(Option<Training>);

#[wasm_bindgen(js_class = Training)]
impl JsTraining {
    /// A new key, to tell an animal from the others by `train` silhouettes; `test` more are held out.
    #[wasm_bindgen(constructor)]
    pub fn begin(
        silhouettes: &JsSilhouettes,
        animal: &str,
        train: usize,
        test: usize,
    ) -> Result<Self, JsError> {
        let training = Training::begin(&silhouettes.0, animal, train, test)?;
        Ok(Self(Some(training)))
    }

    fn there(&self) -> Result<&Training, PageError> {
        self.0.as_ref().ok_or(PageError::Finished)
    }

    /// The file of the parameters, for the server.
    #[wasm_bindgen(js_name = parametersFile)]
    pub fn parameters_file(&self) -> Result<Vec<u8>, JsError> {
        Ok(self.there()?.parameters_file())
    }

    /// How it is to be trained, for the server, as JSON.
    pub fn recipe(&self) -> Result<String, JsError> {
        Ok(json(self.there()?.recipe()))
    }

    /// The file of the evaluation keys, for the server.
    #[wasm_bindgen(js_name = evaluationKeysFile)]
    pub fn evaluation_keys_file(&self) -> Result<Vec<u8>, JsError> {
        Ok(self.there()?.evaluation_keys_file()?)
    }

    /// The file of the encrypted images and labels, for the server.
    #[wasm_bindgen(js_name = imagesFile)]
    pub fn images_file(&mut self) -> Result<Vec<u8>, JsError> {
        Ok(self.0.as_mut().ok_or(PageError::Finished)?.images_file()?)
    }

    /// The numbers of the silhouettes that are held out.
    #[wasm_bindgen(js_name = heldOut)]
    pub fn held_out(&self) -> Result<Vec<usize>, JsError> {
        Ok(self.there()?.held_out().to_vec())
    }

    /// Ends it: what remains is the key, to be kept under the passphrase unless that is empty.
    pub fn finish(&mut self, passphrase: String) -> Result<JsNewOwner, JsError> {
        let passphrase = Zeroizing::new(passphrase);
        let training = self.0.take().ok_or(PageError::Finished)?;
        let (owner, secret_key, statistics) = training.finish(passphrase)?;
        Ok(JsNewOwner {
            owner: Some(owner),
            secret_key,
            statistics: Zeroizing::new(statistics),
        })
    }
}

/// Whoever has the new key, and the files to keep it in.
#[wasm_bindgen(js_name = NewOwner)]
pub struct JsNewOwner {
    owner: Option<Owner>,
    secret_key: Zeroizing<Vec<u8>>,
    statistics: Zeroizing<String>,
}

#[wasm_bindgen(js_class = NewOwner)]
impl JsNewOwner {
    /// The owner, once.
    pub fn owner(&mut self) -> Result<JsOwner, JsError> {
        Ok(JsOwner(self.owner.take().ok_or(PageError::Finished)?))
    }

    /// The file `secret.key`.
    #[wasm_bindgen(js_name = secretKeyFile)]
    pub fn secret_key_file(&self) -> Vec<u8> {
        self.secret_key.to_vec()
    }

    /// The file `features.json`.
    #[wasm_bindgen(js_name = statisticsFile)]
    pub fn statistics_file(&self) -> String {
        self.statistics.to_string()
    }
}

/// A picture as features see it, and its features.
#[wasm_bindgen(js_name = Look)]
pub struct JsLook {
    side: usize,
    pixels: Vec<u8>,
    features: Vec<f64>,
    is_coloured: bool,
    picture: Picture,
}

#[wasm_bindgen(js_class = Look)]
impl JsLook {
    /// Pixels along each side.
    #[wasm_bindgen(getter)]
    pub fn side(&self) -> usize {
        self.side
    }

    /// Whether a pixel is red, green and blue, and not one grey.
    #[wasm_bindgen(getter, js_name = isColoured)]
    pub fn is_coloured(&self) -> bool {
        self.is_coloured
    }

    /// The pixels, row-major, 0 black to 255 white.
    #[wasm_bindgen(getter)]
    pub fn pixels(&self) -> Vec<u8> {
        self.pixels.clone()
    }

    /// The features, standardised, or the values that a network takes.
    #[wasm_bindgen(getter)]
    pub fn features(&self) -> Vec<f64> {
        self.features.clone()
    }
}
