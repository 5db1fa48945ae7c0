//! A handful of images at once: several lie beside each other in the slots of a ciphertext.
//!
//! A ciphertext holds as many images as fit beside each other in its slots. Where tensors shrink, those of two ciphertexts
//! come into one, so that later layers and bootstraps are shared by more images. A layer's diagonals are transformed once
//! for all ciphertexts.

use serde::{Deserialize, Serialize};
use tapetum_ckks::{Ciphertext, Decryptor, Encryptor, Evaluator, KeyPlan, Parameters, Rounding};

use crate::client::{Scores, check_range, check_values};
use crate::error::{NetworkError, Result};
use crate::graph::Graph;
use crate::layers::Beside;
use crate::plan::{InputPacking, NetworkPlan, several};
use crate::server::EncodedNetwork;

/// Images at once: beyond that, [batches](crate::BatchPlan) are meant.
const MAX_IMAGES: usize = 1 << 10;

/// What all agree on who classify several images at once: a [`NetworkPlan`] for all of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeveralPlan {
    /// Of the images in a ciphertext, as if they were one with more channels.
    plan: NetworkPlan,
    images: usize,
    /// How many of them lie in a ciphertext of each vector.
    beside: Vec<usize>,
    /// Values of an image, and of each of its channels.
    values: [usize; 2],
}

/// A network ready to be evaluated on several images of its plan at once.
pub struct SeveralNetwork {
    digest: [u8; 32],
    network: EncodedNetwork,
    /// Ciphertexts of each vector.
    parts: Vec<usize>,
}

/// Several encrypted images, some in each ciphertext.
#[derive(Clone)]
pub struct EncryptedSeveral {
    plan: [u8; 32],
    images: usize,
    ciphertexts: Vec<Ciphertext>,
}

/// The encrypted scores of several images.
#[derive(Clone)]
pub struct EncryptedSeveralScores(EncryptedSeveral);

pub(crate) fn prepare(
    graph: &Graph,
    range: [f64; 2],
    calibration: &[Vec<f64>],
    images: usize,
) -> Result<(SeveralPlan, SeveralNetwork)> {
    NetworkError::check_limit("images at once", images, MAX_IMAGES)?;
    let images = images.max(1).next_power_of_two();
    let (prepared, beside) = several(graph, range, calibration, images)?;
    let shape = graph.input_shape();
    let channels = shape.dims().get(1).copied().unwrap_or(1);
    let plan = SeveralPlan {
        plan: prepared.plan.clone(),
        images,
        values: [shape.values(), shape.values() / channels],
        beside,
    };
    plan.check()?;
    let network = SeveralNetwork {
        digest: plan.digest(),
        parts: plan.parts().collect(),
        network: EncodedNetwork::new(prepared)?,
    };
    Ok((plan, network))
}

impl SeveralPlan {
    /// The parameters of keys and ciphertexts.
    ///
    /// # Errors
    /// If the plan states parameters that cannot be.
    pub fn parameters(&self) -> Result<Parameters> {
        self.plan.parameters()
    }

    /// A hash of the whole plan. Encrypted images carry it.
    pub fn digest(&self) -> [u8; 32] {
        let bytes = postcard::to_allocvec(self).expect("a plan can be written to memory");
        *blake3::hash(&bytes).as_bytes()
    }

    /// The evaluation keys that the server needs.
    ///
    /// # Errors
    /// If the plan is damaged.
    pub fn key_plan(&self, parameters: &Parameters) -> Result<KeyPlan> {
        self.plan.key_plan(parameters)
    }

    /// How many images are classified at once.
    pub fn images(&self) -> usize {
        self.images
    }

    /// How many images the ciphertexts of the image, and of each layer's output, hold.
    pub fn beside(&self) -> &[usize] {
        &self.beside
    }

    /// The plan of a ciphertext.
    pub fn of_ciphertext(&self) -> &NetworkPlan {
        &self.plan
    }

    /// CPU time that the evaluation of all images is predicted to take, in seconds, from counted work.
    ///
    /// # Errors
    /// If the plan is damaged.
    pub fn predicted_cpu_seconds(&self) -> Result<f64> {
        let parts: Vec<usize> = self.parts().skip(1).collect();
        Ok(self.plan.predicted_cpu_seconds_of(&parts)?.iter().sum())
    }

    /// Ciphertexts of each vector.
    fn parts(&self) -> impl Iterator<Item = usize> + '_ {
        self.beside.iter().map(|beside| self.images / beside)
    }

    /// Refuses a plan that no network has: plans come from others.
    fn check(&self) -> Result<()> {
        self.plan.check()?;
        let [values, pixels] = self.values;
        let fits = |&n: &usize| n.is_power_of_two() && n <= self.images;
        if (1..=MAX_IMAGES).contains(&self.images)
            && self.images.is_power_of_two()
            && self.beside.len() == self.plan.layers().len() + 1
            && self.beside.iter().all(fits)
            && self.plan.reads_parts(&self.beside)
            && pixels > 0
            && values.is_multiple_of(pixels)
            && values.checked_mul(self.beside[0]) == Some(self.plan.input_len())
            && self.plan.output().values().is_multiple_of(self.last())
        {
            Ok(())
        } else {
            let reason = "its images do not lie beside each other".to_owned();
            Err(NetworkError::Plan(reason))
        }
    }

    /// Images in a ciphertext of scores.
    fn last(&self) -> usize {
        self.beside.last().copied().unwrap_or(1)
    }
}

impl SeveralNetwork {
    /// The encrypted scores of the images. `progress` hears the number of finished layers after each.
    ///
    /// # Errors
    /// If the images are for another plan, or the evaluator has other parameters or lacks a key.
    pub fn classify(
        &self,
        evaluator: &Evaluator,
        images: &EncryptedSeveral,
        progress: &mut dyn FnMut(usize),
    ) -> Result<EncryptedSeveralScores> {
        images.check(&self.digest)?;
        let inputs: Vec<_> = images.ciphertexts.chunks(1).collect();
        // Without ReLU there is no range flag.
        let (ciphertexts, _) = self
            .network
            .evaluate(evaluator, &inputs, &self.parts, progress)?;
        Ok(EncryptedSeveralScores(EncryptedSeveral {
            ciphertexts,
            ..*images
        }))
    }
}

impl EncryptedSeveral {
    fn check(&self, plan: &[u8; 32]) -> Result<()> {
        if self.plan == *plan {
            return Ok(());
        }
        Err(NetworkError::Mismatch {
            what: "the encrypted images",
            found: "another plan".to_owned(),
            expected: "this plan".to_owned(),
        })
    }
}

/// Encrypts images, the values of each channel by channel and row by row. If there are fewer than the plan is for, some are
/// encrypted more than once.
///
/// # Errors
/// If there is no image or more than the plan is for, one does not fit the plan, or the encryptor has other parameters.
pub fn encrypt_several(
    plan: &SeveralPlan,
    images: &[Vec<f64>],
    encryptor: &Encryptor,
) -> Result<EncryptedSeveral> {
    plan.check()?;
    NetworkError::check_limit("images at once", images.len(), plan.images)?;
    let ([values, pixels], of_ciphertext) = (plan.values, plan.beside[0]);
    for image in images {
        check_values(image, values, plan.plan.range())?;
    }
    if images.is_empty() {
        return Err(NetworkError::ImageSize {
            found: 0,
            expected: values,
        });
    }
    let InputPacking::Vector(packing) = plan.plan.input().packing else {
        let reason = "several images are not cut into windows".to_owned();
        return Err(NetworkError::Plan(reason));
    };
    let (slots, level) = (plan.parameters()?.slots(), plan.plan.input_level());
    let beside = Beside {
        images: of_ciphertext,
        first: 0,
        pixels,
    };
    let ciphertexts = (0..plan.images).step_by(of_ciphertext).map(|first| {
        let mut all = vec![0.0; values * of_ciphertext];
        for image in 0..of_ciphertext {
            let of_image = &images[(first + image) % images.len()];
            for (i, &value) in of_image.iter().enumerate() {
                all[beside.place(image, i)] = value;
            }
        }
        let plaintext = encryptor
            .encoder()
            .encode(&packing.spread(slots, |i| all[i]), level)?;
        Ok(encryptor.encrypt(&plaintext)?)
    });
    Ok(EncryptedSeveral {
        plan: plan.digest(),
        images: images.len(),
        ciphertexts: ciphertexts.collect::<Result<_>>()?,
    })
}

/// Decrypts the scores of several images, in their order.
///
/// # Errors
/// If the scores are not of this plan, the decryptor has other parameters or another key, or a value of the network has
/// overflowed.
pub fn decrypt_several(
    plan: &SeveralPlan,
    scores: &EncryptedSeveralScores,
    decryptor: &Decryptor,
) -> Result<Vec<Scores>> {
    plan.check()?;
    let EncryptedSeveralScores(several) = scores;
    several.check(&plan.digest())?;
    let parameters = plan.parameters()?;
    let (places, beside) = (plan.plan.output().slots(), plan.last());
    let mut found = Vec::new();
    for ciphertext in &several.ciphertexts {
        let slots = decryptor
            .encoder()
            .decode_complex(&decryptor.decrypt(ciphertext)?);
        check_range(&slots)?;
        let rounding = Rounding::of(&parameters, ciphertext.scale(), &slots)
            .or_coarser(Rounding::above(plan.plan.noise()));
        for image in 0..beside {
            let of_image = places.iter().skip(image).step_by(beside);
            let exact = of_image.map(|&slot| slots[slot].re).collect();
            found.push(Scores::new(exact, rounding, plan.plan.score_factor()));
        }
    }
    found.truncate(several.images);
    Ok(found)
}
