//! Images in, scores out: what is done on the side of the keys.

use tapetum_ckks::{
    Complex64, Decryptor, Encryptor, EvaluationKeys, KeyGenerator, Rounding, SecretKey,
};

use crate::encrypted::{EncryptedImage, EncryptedScores};
use crate::error::{NetworkError, Result};
use crate::graph::Window;
use crate::plan::{InputPacking, NetworkPlan, WindowPlan};

/// All keys that a server needs for a plan, which reveal nothing.
///
/// # Errors
/// If the plan is damaged, the key is of other parameters, or the system gives no randomness.
pub fn evaluation_keys(plan: &NetworkPlan, secret: &SecretKey) -> Result<EvaluationKeys> {
    let keys = plan.key_plan(secret.parameters())?;
    Ok(KeyGenerator::new(secret)?.evaluation_keys(&keys)?)
}

/// Encrypts an image, its values channel by channel and row by row, as a plan packs it.
///
/// # Errors
/// If the image does not fit the plan, a value is out of the plan's range, or the encryptor has other parameters.
pub fn encrypt_image(
    plan: &NetworkPlan,
    image: &[f64],
    encryptor: &Encryptor,
) -> Result<EncryptedImage> {
    plan.check()?;
    let input = plan.input();
    check_values(image, plan.input_len(), input.range)?;
    let parameters = plan.parameters()?;
    let (slots, level) = (parameters.slots(), plan.input_level());
    let encrypt = |values: &[f64]| -> Result<_> {
        let plaintext = encryptor.encoder().encode(values, level)?;
        Ok(encryptor.encrypt(&plaintext)?)
    };
    let ciphertexts = match &input.packing {
        InputPacking::Vector(packing) => vec![encrypt(&packing.spread(slots, |i| image[i]))?],
        InputPacking::Windows { output, window, .. } => {
            let pixels = windows(image, &input.shape, window);
            let positions = window.output[0] * window.output[1];
            pixels
                .map(|pixels| encrypt(&output.spread(slots, |i| pixels[i % positions])))
                .collect::<Result<_>>()?
        }
    };
    Ok(EncryptedImage::new(plan, ciphertexts))
}

/// Refuses an image that has another number of values, or one out of the range.
pub(crate) fn check_values(image: &[f64], expected: usize, [low, high]: [f64; 2]) -> Result<()> {
    if image.len() != expected {
        return Err(NetworkError::ImageSize {
            found: image.len(),
            expected,
        });
    }
    match image.iter().position(|v| !(low..=high).contains(v)) {
        None => Ok(()),
        Some(index) => Err(NetworkError::ImageValue {
            index,
            value: image[index],
            low,
            high,
        }),
    }
}

/// For each channel and each pixel of the window, the values that it meets, by output position (im2col).
fn windows<'a>(
    image: &'a [f64],
    shape: &'a [usize],
    plan: &'a WindowPlan,
) -> impl Iterator<Item = Vec<f64>> + 'a {
    let (channels, height, width) = (shape[1], shape[2], shape[3]);
    let window = Window {
        kernel: plan.kernel,
        strides: plan.strides,
        dilations: plan.dilations,
        pads: plan.pads,
    };
    let taps = plan.kernel[0] * plan.kernel[1];
    (0..channels * taps).map(move |index| {
        let (channel, tap) = (index / taps, index % taps);
        let (ky, kx) = (tap / plan.kernel[1], tap % plan.kernel[1]);
        let positions = plan.output[0] * plan.output[1];
        let pixel = |position: usize| {
            let (y, x) = (position / plan.output[1], position % plan.output[1]);
            let y = window.source(0, y, ky, height)?;
            let x = window.source(1, x, kx, width)?;
            Some(image[(channel * height + y) * width + x])
        };
        (0..positions).map(|p| pixel(p).unwrap_or(0.0)).collect()
    })
}

/// The scores of an image.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    label: usize,
    values: Vec<f64>,
    step: f64,
}

impl Scores {
    /// From exact scores that are times `factor`.
    pub(crate) fn new(exact: Vec<f64>, rounding: Rounding, factor: f64) -> Self {
        let label = (0..exact.len())
            .max_by(|&a, &b| exact[a].total_cmp(&exact[b]))
            .unwrap_or(0);
        let values = exact.into_iter().map(|v| rounding.round(v) / factor);
        Self {
            label,
            values: values.collect(),
            step: rounding.step() / factor,
        }
    }

    /// The class with the largest score.
    pub fn label(&self) -> usize {
        self.label
    }

    /// The scores, rounded to multiples of [`step`](Self::step): their last digits would tell the secret key.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// What the scores are rounded to.
    pub fn step(&self) -> f64 {
        self.step
    }
}

/// Imaginary parts of scores, which are noise, far below this while scores are within [-128, 128]. A value that overflows
/// turns coefficients by multiples of the modulus, and every slot by hundreds, in all directions. What overflows before
/// imaginary parts are removed, by a layer with complex diagonals or a bootstrapping, may not be seen here.
const STRAY: f64 = 1.0;

/// Refuses what overflowed on the server, or was never encrypted under this key.
pub(crate) fn check_range(slots: &[Complex64]) -> Result<()> {
    match slots.iter().all(|slot| slot.im.abs() < STRAY) {
        true => Ok(()),
        false => Err(NetworkError::Overflow),
    }
}

/// Decrypts scores.
///
/// # Errors
/// If the scores are not of this plan, the decryptor has other parameters or another key, or a value of the network
/// has overflowed.
pub fn decrypt_scores(
    plan: &NetworkPlan,
    scores: &EncryptedScores,
    decryptor: &Decryptor,
) -> Result<Scores> {
    plan.check()?;
    let ciphertext = scores.of(&plan.digest())?;
    let parameters = plan.parameters()?;
    let slots = decryptor
        .encoder()
        .decode_complex(&decryptor.decrypt(ciphertext)?);
    check_range(&slots)?;
    let places = plan.output().slots();
    let exact: Vec<f64> = places.into_iter().map(|i| slots[i].re).collect();
    let rounding = Rounding::of(&parameters, ciphertext.scale(), &slots)
        .or_coarser(Rounding::above(plan.noise()));
    Ok(Scores::new(exact, rounding, plan.score_factor()))
}
