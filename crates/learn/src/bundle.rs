//! Objects of this crate as files: the ciphertexts in a [`Bundle`], the shape as its metadata.
//!
//! Whatever is read is checked by the same constructors as what a program puts together, so a
//! file cannot hold more than its shape says, or a shape beyond the caps of [`Layout`].

use serde::Serialize;
use serde::de::DeserializeOwned;
use tapetum_ckks::wire::Bundle;
use tapetum_ckks::{Ciphertext, Parameters};

use crate::error::{LearnError, Result};
use crate::labels::{ClassLabels, EncryptedLabels, Labels};
use crate::layout::Layout;
use crate::linear_model::LinearModel;
use crate::matrix::EncryptedMatrix;
use crate::origin::Origin;
use crate::score_threshold::EncryptedPredictions;
use crate::scores::EncryptedScores;

impl EncryptedMatrix {
    /// The kind of bundle that holds a matrix.
    pub const KIND: &'static str = "encrypted-matrix";

    /// The matrix as a bundle, without a copy.
    ///
    /// # Errors
    /// [`LearnError::Malformed`] for stacked matrices, [`LearnError::Wire`] if it has more ciphertexts than a bundle may hold.
    pub fn to_bundle(&self) -> Result<Bundle<'_>> {
        if self.samples() != self.layout().rows() {
            return Err(LearnError::Malformed {
                what: Self::KIND,
                reason: "matrices that were stacked are written one by one",
            });
        }
        let shape = (self.layout(), self.origin());
        write(self.parameters(), Self::KIND, shape, self.blocks())
    }

    /// A matrix from a bundle.
    ///
    /// # Errors
    /// [`LearnError`] if the bundle holds something else, or its parts do not fit together.
    pub fn from_bundle(bundle: Bundle<'_>) -> Result<Self, LearnError> {
        let (layout, origin, blocks) = read(bundle, Self::KIND)?;
        Ok(Self::from_blocks(layout, blocks)?.with_origin(origin))
    }

    /// The origin in the metadata of a matrix, which have been read alone.
    pub(crate) fn origin_in(metadata: &[u8]) -> Result<Origin, LearnError> {
        let (_, origin): (Layout, _) = decode(metadata, Self::KIND)?;
        Ok(origin)
    }
}

impl EncryptedLabels {
    /// The kind of bundle that holds labels.
    pub const KIND: &'static str = "encrypted-labels";

    /// The labels as a bundle, without a copy.
    ///
    /// # Errors
    /// [`LearnError::Wire`] if there are more ciphertexts than a bundle may hold.
    pub fn to_bundle(&self) -> Result<Bundle<'_>> {
        let shape = ClassShape::new(*self.layout(), self.classes());
        write(
            self.parameters(),
            Self::KIND,
            (&shape, &Origin::default()),
            self.vectors(),
        )
    }

    /// Labels from a bundle.
    ///
    /// # Errors
    /// [`LearnError`] if the bundle holds something else, or its parts do not fit together.
    pub fn from_bundle(bundle: Bundle<'_>) -> Result<Self, LearnError> {
        let (shape, _, vectors): (ClassShape, _, _) = read(bundle, Self::KIND)?;
        Self::from_vectors(shape.layout, shape.classes.into(), vectors)
    }
}

impl Labels {
    /// The kind of bundle that holds labels in the clear.
    pub const CLEAR_KIND: &'static str = "clear-labels";

    /// The labels as a bundle: encrypted ones as [`EncryptedLabels::to_bundle`], clear ones as bytes, the
    /// number of classes less one in front.
    ///
    /// # Errors
    /// [`LearnError::Wire`] if there are more than a bundle may hold.
    pub fn to_bundle(&self, parameters: &Parameters) -> Result<Bundle<'_>> {
        match self {
            Self::Encrypted(labels) => labels.to_bundle(),
            Self::Clear(labels) => {
                let mut bytes = vec![(labels.classes() - 1) as u8];
                bytes.extend(labels.as_slice());
                Ok(Bundle::new(parameters, Self::CLEAR_KIND, bytes, vec![])?)
            }
        }
    }

    /// Labels from a bundle, whichever of both it holds.
    ///
    /// # Errors
    /// [`LearnError`] if the bundle holds something else, or its parts do not fit together.
    pub fn from_bundle(bundle: Bundle<'_>) -> Result<Self> {
        if bundle.kind() != Self::CLEAR_KIND {
            return Ok(Self::Encrypted(EncryptedLabels::from_bundle(bundle)?));
        }
        let (bytes, ciphertexts) = bundle.into_contents(Self::CLEAR_KIND)?;
        if !ciphertexts.is_empty() {
            return Err(malformed(Self::CLEAR_KIND));
        }
        Ok(Self::Clear(ClassLabels::from_bytes(&bytes)?))
    }
}

impl ClassLabels {
    /// The labels in the metadata of a bundle.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let (&last, labels) = bytes.split_first().ok_or(LearnError::Empty("labels"))?;
        Self::of_classes(labels.to_vec(), usize::from(last) + 1)
    }
}

/// Whose samples follow, in a file of training samples. The name is in the clear, and whoever
/// wrote it is taken at their word.
///
/// ```
/// use tapetum_learn::Contribution;
///
/// assert_eq!(Contribution::new("anne")?.name(), "anne");
/// assert!(Contribution::new("two\nlines").is_err());
/// # Ok::<(), tapetum_learn::LearnError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contribution(String);

impl Contribution {
    /// The kind of bundle that holds it.
    pub const KIND: &'static str = "contribution";
    /// Most bytes of a name.
    pub const MAX_NAME: usize = 256;

    /// Of this name, which may be empty.
    ///
    /// # Errors
    /// [`LearnError::Malformed`] if the name is longer than [`MAX_NAME`](Self::MAX_NAME) or has control
    /// characters.
    pub fn new(name: impl Into<String>) -> Result<Self> {
        let name = name.into();
        match name.len() <= Self::MAX_NAME && !name.chars().any(char::is_control) {
            true => Ok(Self(name)),
            false => Err(LearnError::Malformed {
                what: "the contributor",
                reason: "a name has at most 256 bytes and no control characters",
            }),
        }
    }

    /// The contributor's name.
    pub fn name(&self) -> &str {
        &self.0
    }

    /// The name as a bundle, for storage.
    ///
    /// # Errors
    /// [`LearnError::Wire`] never in practice: names are short.
    pub fn to_bundle(&self, parameters: &Parameters) -> Result<Bundle<'_>> {
        let name = self.0.as_bytes();
        Ok(Bundle::new(parameters, Self::KIND, name, vec![])?)
    }

    /// A name from a bundle.
    ///
    /// # Errors
    /// [`LearnError`] if the bundle holds something else, or no proper name.
    pub fn from_bundle(bundle: Bundle<'_>) -> Result<Self> {
        let (name, ciphertexts) = bundle.into_contents(Self::KIND)?;
        match String::from_utf8(name) {
            Ok(name) if ciphertexts.is_empty() => Self::new(name),
            _ => Err(malformed(Self::KIND)),
        }
    }
}

impl EncryptedScores {
    /// The kind of bundle that holds scores.
    pub const KIND: &'static str = "encrypted-scores";

    /// The scores as a bundle, without a copy.
    ///
    /// # Errors
    /// [`LearnError::Wire`] if there are more ciphertexts than a bundle may hold.
    pub fn to_bundle(&self) -> Result<Bundle<'_>> {
        self.as_kind(Self::KIND)
    }

    fn as_kind(&self, kind: &'static str) -> Result<Bundle<'_>> {
        let shape = ClassShape::new(*self.layout(), self.classes());
        let described = (&shape, self.origin());
        write(self.parameters(), kind, described, self.ciphertexts())
    }

    /// Scores from a bundle.
    ///
    /// # Errors
    /// [`LearnError`] if the bundle holds something else, or its parts do not fit together.
    pub fn from_bundle(bundle: Bundle<'_>) -> Result<Self, LearnError> {
        Self::of_kind(bundle, Self::KIND)
    }

    fn of_kind(bundle: Bundle<'_>, kind: &'static str) -> Result<Self, LearnError> {
        let (shape, origin, ciphertexts): (ClassShape, _, _) = read(bundle, kind)?;
        let found = Self::from_ciphertexts(shape.layout, shape.classes.into(), ciphertexts)?;
        Ok(found.with_origin(origin))
    }
}

impl EncryptedPredictions {
    /// The kind of bundle that holds predictions.
    pub const KIND: &'static str = "encrypted-verdicts";

    /// The predictions as a bundle, without a copy.
    ///
    /// # Errors
    /// [`LearnError::Wire`] if there are more ciphertexts than a bundle may hold.
    pub fn to_bundle(&self) -> Result<Bundle<'_>> {
        self.slots().as_kind(Self::KIND)
    }

    /// Predictions from a bundle.
    ///
    /// # Errors
    /// [`LearnError`] if the bundle holds something else, or its parts do not fit together.
    pub fn from_bundle(bundle: Bundle<'_>) -> Result<Self, LearnError> {
        Ok(Self::new(EncryptedScores::of_kind(bundle, Self::KIND)?))
    }
}

impl LinearModel {
    /// The kind of bundle that holds a model.
    pub const KIND: &'static str = "linear-model";

    /// The model as a bundle: the weights, then the intercept if there is one.
    ///
    /// # Errors
    /// [`LearnError::Wire`] if it has more ciphertexts than a bundle may hold.
    pub fn to_bundle(&self) -> Result<Bundle<'_>> {
        let shape = ModelShape {
            features: self.features() as u32,
            block_cols: self.block_cols() as u32,
            classes: self.classes() as u16,
            has_offset: self.intercept().is_some(),
        };
        let bytes = encode(Self::KIND, (&shape, self.origin()))?;
        let (parameters, ciphertexts) = (self.parameters(), self.ciphertexts());
        Ok(Bundle::new(parameters, Self::KIND, bytes, ciphertexts)?)
    }

    /// A model from a bundle.
    ///
    /// # Errors
    /// [`LearnError`] if the bundle holds something else, or its parts do not fit together.
    pub fn from_bundle(bundle: Bundle<'_>) -> Result<Self, LearnError> {
        let (shape, origin, mut ciphertexts): (ModelShape, _, _) = read(bundle, Self::KIND)?;
        let intercept = match shape.has_offset {
            true => ciphertexts.pop(),
            false => None,
        };
        let (features, block_cols) = (shape.features as usize, shape.block_cols as usize);
        let classes = shape.classes.into();
        let model = Self::from_ciphertexts(features, block_cols, classes, ciphertexts, intercept)?;
        Ok(model.with_origin(origin))
    }
}

/// What a model's ciphertexts do not say.
#[derive(serde::Serialize, serde::Deserialize)]
struct ModelShape {
    features: u32,
    block_cols: u32,
    classes: u16,
    has_offset: bool,
}

/// What the ciphertexts of labels or scores do not say.
#[derive(serde::Serialize, serde::Deserialize)]
pub(crate) struct ClassShape {
    pub layout: Layout,
    pub classes: u16,
}

impl ClassShape {
    /// There are at most 256 classes.
    fn new(layout: Layout, classes: usize) -> Self {
        Self {
            layout,
            classes: classes as u16,
        }
    }
}

/// A shape, and an origin if anything is known of it.
pub(crate) type Described<'a, Shape> = (&'a Shape, &'a Origin);

pub(crate) fn write<'a>(
    parameters: &Parameters,
    kind: &'static str,
    described: Described<'_, impl Serialize>,
    ciphertexts: &'a [Ciphertext],
) -> Result<Bundle<'a>, LearnError> {
    let bytes = encode(kind, described)?;
    Ok(Bundle::new(parameters, kind, bytes, ciphertexts)?)
}

pub(crate) fn encode(
    kind: &'static str,
    (shape, origin): Described<'_, impl Serialize>,
) -> Result<Vec<u8>, LearnError> {
    let mut bytes = postcard::to_allocvec(shape).map_err(|_| malformed(kind))?;
    if !origin.is_unknown() {
        bytes.extend(postcard::to_allocvec(origin).map_err(|_| malformed(kind))?);
    }
    Ok(bytes)
}

pub(crate) fn read<Shape: DeserializeOwned>(
    bundle: Bundle<'_>,
    kind: &'static str,
) -> Result<(Shape, Origin, Vec<Ciphertext>), LearnError> {
    let (metadata, ciphertexts) = bundle.into_contents(kind)?;
    let (shape, origin) = decode(&metadata, kind)?;
    Ok((shape, origin, ciphertexts))
}

/// The shape in the metadata of a bundle.
pub(crate) fn shape_of<Shape: DeserializeOwned>(
    metadata: &[u8],
    kind: &'static str,
) -> Result<Shape> {
    Ok(decode(metadata, kind)?.0)
}

fn decode<Shape: DeserializeOwned>(metadata: &[u8], kind: &'static str) -> Result<(Shape, Origin)> {
    let (shape, rest) = postcard::take_from_bytes(metadata).map_err(|_| malformed(kind))?;
    if rest.is_empty() {
        return Ok((shape, Origin::default()));
    }
    match postcard::take_from_bytes::<Origin>(rest) {
        // In one way only: what is not known is left out.
        Ok((origin, [])) if !origin.is_unknown() => Ok((shape, origin)),
        _ => Err(malformed(kind)),
    }
}

fn malformed(what: &'static str) -> LearnError {
    LearnError::Malformed {
        what,
        reason: "its metadata are not the shape of one",
    }
}
