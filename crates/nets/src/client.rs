//! Images in, scores out: what is done on the side of the keys.

use tapetum_ckks::{
    Ciphertext, Complex64, Decryptor, Encryptor, EvaluationKeys, KeyGenerator, Rounding, SecretKey,
};

use crate::encrypted::{EncryptedImage, EncryptedScores};
use crate::error::{NetworkError, Result};
use crate::graph::Window;
use crate::plan::{Answer, InputPacking, NetworkPlan, WindowPlan};
use crate::reference::largest;

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
    decided: bool,
}

impl Scores {
    /// From what a comparison of scores leaves: 1 where the largest is, 0 elsewhere.
    pub(crate) fn of_labels(bits: &[f64]) -> Self {
        let label = largest(bits);
        let others = bits.iter().enumerate().filter(|&(i, _)| i != label);
        let rest = others.fold(0.0, |most: f64, (_, &bit)| most.max(bit));
        Self {
            label,
            values: Vec::new(),
            step: 0.0,
            decided: bits[label] > 1.0 - DECIDED && rest < DECIDED,
        }
    }

    /// From exact scores that are times `factor`.
    pub(crate) fn new(exact: Vec<f64>, rounding: Rounding, factor: f64) -> Self {
        let label = largest(&exact);
        let values = exact.into_iter().map(|v| rounding.round(v) / factor);
        Self {
            label,
            values: values.collect(),
            step: rounding.step() / factor,
            decided: true,
        }
    }

    /// The class with the largest score.
    pub fn label(&self) -> usize {
        self.label
    }

    /// Whether the label is certain. It is not if labels were found under encryption and two scores were too near to each
    /// other to be compared.
    pub fn is_decided(&self) -> bool {
        self.decided
    }

    /// The scores, rounded to multiples of [`step`](Self::step): their last digits would tell the secret key. None where
    /// the plan's answer is labels.
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

/// The parameters have room for no larger scores; those of calibration images are 16 at most.
const MOST_SCORE: f64 = 128.0;
/// The imaginary part of a range flag, which is noise, is far below that.
const STRAY_FLAG: f64 = 1.0 / 128.0;

/// Refuses what overflowed on the server, or was never encrypted under this key.
pub(crate) fn check_range(slots: &[Complex64]) -> Result<()> {
    let fits = |slot: &Complex64| slot.im.abs() < STRAY && slot.re.abs() < MOST_SCORE;
    match slots.iter().all(fits) {
        true => Ok(()),
        false => Err(NetworkError::OutOfRange),
    }
}

/// Refuses scores that a value out of its range has made meaningless, by their flag.
pub(crate) fn check_flag(
    plan: &NetworkPlan,
    flag: &Ciphertext,
    decryptor: &Decryptor,
) -> Result<()> {
    let slots = decryptor
        .encoder()
        .decode_complex(&decryptor.decrypt(flag)?);
    let fits = |slot: &Complex64| slot.im.abs() < STRAY_FLAG && plan.is_in_range(slot.re);
    match slots.iter().all(fits) {
        true => Ok(()),
        false => Err(NetworkError::OutOfRange),
    }
}

/// A label's place holds more than 1 less this, all others less than this, or the label is undecided.
const DECIDED: f64 = 0.25;
/// What comparisons and their noise leave is within this of [0, 1].
const BEYOND_BITS: f64 = 0.25;

/// Refuses what no comparison gives.
fn check_labels(slots: &[Complex64], used: &[f64]) -> Result<()> {
    let fits = |(slot, &used): (&Complex64, &f64)| {
        let most = if used == 0.0 { 0.0 } else { 1.0 };
        slot.im.abs() < BEYOND_BITS && (-BEYOND_BITS..=most + BEYOND_BITS).contains(&slot.re)
    };
    match slots.iter().zip(used).all(fits) {
        true => Ok(()),
        false => Err(NetworkError::OutOfRange),
    }
}

/// Decrypts scores, or a label where the plan's answer is labels.
///
/// # Errors
/// If the scores are not of this plan, the decryptor has other parameters or another key, or a value of the network
/// has overflowed or left the interval that its polynomials are for.
pub fn decrypt_scores(
    plan: &NetworkPlan,
    scores: &EncryptedScores,
    decryptor: &Decryptor,
) -> Result<Scores> {
    plan.check()?;
    let (ciphertext, flag) = scores.of(plan)?;
    if let Some(flag) = flag {
        check_flag(plan, flag, decryptor)?;
    }
    let parameters = plan.parameters()?;
    let slots = decryptor
        .encoder()
        .decode_complex(&decryptor.decrypt(ciphertext)?);
    check_range(&slots)?;
    let output = plan.output();
    let exact: Vec<f64> = output.slots().into_iter().map(|i| slots[i].re).collect();
    if plan.answer() == Answer::Labels {
        check_labels(&slots, &output.spread(slots.len(), |_| 1.0))?;
        return Ok(Scores::of_labels(&exact));
    }
    let rounding = Rounding::of(&parameters, ciphertext.scale(), &slots)
        .or_coarser(Rounding::above(plan.noise()));
    Ok(Scores::new(exact, rounding, plan.score_factor()))
}
