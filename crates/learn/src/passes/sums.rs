//! What becomes of a share of the samples in a pass.

use serde::{Deserialize, Serialize};
use tapetum_ckks::wire::Bundle;
use tapetum_ckks::{Ciphertext, Evaluator, Parameters};

use crate::bundle;
use crate::error::{LearnError, Result, check_equal};
use crate::layout::MAX_ROWS;
use crate::origin::Origin;

/// Sums over some of the samples of a pass, to be added to those of the others. They are encrypted, neither relinearised
/// nor rescaled.
#[derive(Clone, Debug, PartialEq)]
pub struct PartialSums {
    shape: Shape,
    sums: Vec<Ciphertext>,
}

/// What the ciphertexts do not say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Shape {
    pass: u32,
    rows: u32,
}

impl PartialSums {
    /// The kind of bundle that holds them.
    pub const KIND: &'static str = "partial-sums";

    pub(crate) fn new(pass: usize, rows: usize, sums: Vec<Ciphertext>) -> Result<Self> {
        if !(1..=MAX_ROWS).contains(&rows) {
            return Err(malformed("they are of no samples, or of more than 2^24"));
        }
        let first = sums.first().ok_or(LearnError::Empty("sums"))?.parameters();
        if sums.iter().any(|sum| sum.parameters() != first) {
            return Err(LearnError::Parameters("a sum"));
        }
        let shape = Shape {
            pass: u32::try_from(pass).map_err(|_| malformed("they are of no pass"))?,
            rows: rows as u32,
        };
        Ok(Self { shape, sums })
    }

    /// The number of their pass, from 0 on.
    pub fn pass(&self) -> usize {
        self.shape.pass as usize
    }

    /// Rows of samples that are added up.
    pub fn rows(&self) -> usize {
        self.shape.rows as usize
    }

    /// Adds those of other samples of the same pass. It takes no key.
    ///
    /// # Errors
    /// [`LearnError`] if they are of another pass or shape, or of more samples than a matrix can have.
    pub fn add(&mut self, other: &Self, evaluator: &Evaluator) -> Result<()> {
        check_equal("the pass of the sums", self.pass(), other.pass())?;
        check_equal("the number of sums", self.sums.len(), other.sums.len())?;
        let mut sums = self.sums.clone();
        for (sum, term) in sums.iter_mut().zip(&other.sums) {
            if sum.degree() != term.degree() {
                return Err(malformed("a ciphertext has another level, degree or scale"));
            }
            evaluator.add_assign(sum, term)?;
        }
        *self = Self::new(self.pass(), self.rows() + other.rows(), sums)?;
        Ok(())
    }

    pub(crate) fn into_ciphertexts(self) -> Vec<Ciphertext> {
        self.sums
    }

    /// As a bundle.
    ///
    /// # Errors
    /// [`LearnError::Wire`] if there are more ciphertexts than a bundle may hold.
    pub fn to_bundle(&self) -> Result<Bundle<'_>> {
        let described = (&self.shape, &Origin::default());
        bundle::write(self.sums[0].parameters(), Self::KIND, described, &self.sums)
    }

    /// From a bundle.
    ///
    /// # Errors
    /// [`LearnError`] if the bundle holds something else, or its parts do not fit together.
    pub fn from_bundle(bundle: Bundle<'_>) -> Result<Self> {
        let (shape, origin, sums): (Shape, Origin, _) = bundle::read(bundle, Self::KIND)?;
        check_equal("ids of sums", 0, usize::from(!origin.is_unknown()))?;
        Self::new(shape.pass as usize, shape.rows as usize, sums)
    }
}

/// What a sum looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Form {
    pub level: usize,
    pub degree: usize,
    /// Whether its scale is that of a product, not yet rescaled.
    pub product: bool,
}

impl Form {
    /// Of products with plaintexts.
    pub fn plain_product(level: usize) -> Self {
        Self {
            level,
            degree: 1,
            product: true,
        }
    }

    /// Of products of ciphertexts.
    pub fn product(level: usize) -> Self {
        Self {
            level,
            degree: 2,
            product: true,
        }
    }

    /// Of ciphertexts as they are.
    pub fn sum(level: usize) -> Self {
        Self {
            level,
            degree: 1,
            product: false,
        }
    }
}

/// Refuses ciphertexts that are not of these forms.
pub(crate) fn check_forms(
    parameters: &Parameters,
    sums: &[Ciphertext],
    forms: &[Form],
) -> Result<()> {
    check_equal("ciphertexts of the sums", forms.len(), sums.len())?;
    for (sum, form) in sums.iter().zip(forms) {
        let canonical = parameters.scale(form.level);
        let scale = match form.product {
            true => canonical * canonical,
            false => canonical,
        };
        let fits = sum.parameters() == parameters
            && (sum.level(), sum.degree()) == (form.level, form.degree)
            && (sum.scale() / scale - 1.0).abs() < 1e-9;
        if !fits {
            return Err(malformed("a ciphertext has another level, degree or scale"));
        }
    }
    Ok(())
}

fn malformed(reason: &'static str) -> LearnError {
    LearnError::Malformed {
        what: "a set of sums",
        reason,
    }
}
