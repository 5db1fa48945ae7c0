//! A matrix under encryption.

use std::borrow::Cow;
use std::sync::Arc;

use rayon::prelude::*;
use tapetum_ckks::{Ciphertext, Encryptor, Evaluator, Parameters};

use crate::error::{LearnError, Result, check_equal};
use crate::features::Features;
use crate::layout::Layout;
use crate::origin::{Origin, has_origin};
use crate::packing;
use crate::progress::{Counter, Listener};
use crate::publishing::Publishing;

/// Samples by features, encrypted block by block as a [`Layout`] says. Cheap to clone.
#[derive(Clone, Debug, PartialEq)]
pub struct EncryptedMatrix {
    layout: Layout,
    blocks: Arc<Vec<Ciphertext>>,
    /// Rows that are samples: all, unless matrices were stacked.
    samples: usize,
    origin: Origin,
}

has_origin!(EncryptedMatrix);
has_ciphertexts!(EncryptedMatrix, blocks);

impl EncryptedMatrix {
    /// Encrypts a matrix at `level`; several blocks at a time.
    ///
    /// Take the level from [`Requirements`](crate::Requirements): every level more than needed
    /// makes the ciphertexts larger and the computation slower.
    ///
    /// # Errors
    /// [`LearnError`] if the layout is for another shape or number of slots, there is no such
    /// level, or encryption fails.
    pub fn encrypt(
        features: &Features<'_>,
        layout: Layout,
        level: usize,
        encryptor: &Encryptor,
        progress: &mut Listener<'_>,
    ) -> Result<Self> {
        check_equal("samples of the layout", features.rows(), layout.rows())?;
        check_equal("features of the layout", features.cols(), layout.cols())?;
        layout.check_slots(encryptor.parameters())?;
        let publishing = Publishing::of(encryptor.parameters());
        if let Some(publishing) = publishing {
            publishing.check_features(features)?;
        }
        let factor = publishing.map_or(1.0, |_| Publishing::SAMPLES);
        let counter = Counter::new(layout.blocks(), progress);
        let blocks = (0..layout.blocks())
            .into_par_iter()
            .map(|index| {
                let (i, j) = (index / layout.grid_cols(), index % layout.grid_cols());
                let mut slots = packing::block(features, &layout, i, j);
                slots.iter_mut().for_each(|value| *value *= factor);
                let block = encryptor.encrypt(&encryptor.encoder().encode(&slots, level)?)?;
                counter.add(1, "encrypting features");
                Ok(block)
            })
            .collect::<Result<_>>()?;
        Ok(Self::of(layout, blocks))
    }

    /// A matrix from its blocks, row after row of the grid.
    ///
    /// # Errors
    /// [`LearnError`] if the number of blocks is not that of the layout, or they are not
    /// ciphertexts of degree 1 of the same parameters and level, at its canonical scale.
    pub fn from_blocks(layout: Layout, blocks: Vec<Ciphertext>) -> Result<Self> {
        check_equal("blocks of the matrix", layout.blocks(), blocks.len())?;
        check_blocks("an encrypted matrix", &blocks, &layout)?;
        Ok(Self::of(layout, blocks))
    }

    fn of(layout: Layout, blocks: Vec<Ciphertext>) -> Self {
        Self {
            samples: layout.rows(),
            layout,
            blocks: Arc::new(blocks),
            origin: Origin::default(),
        }
    }

    /// Matrices of several contributors below each other, to be trained on. Each begins with a row of
    /// blocks of its own, so there are rows without a sample, which are zero, where the one above does
    /// not fill its blocks; [`Labels::stack`](crate::Labels::stack) does the same for labels.
    ///
    /// # Errors
    /// [`LearnError`] without a matrix, or if they are of different parameters, levels, numbers of
    /// features or blocks.
    pub fn stack(mut parts: Vec<Self>) -> Result<Self> {
        if parts.len() == 1
            && let Some(whole) = parts.pop()
        {
            return Ok(whole);
        }
        let layouts: Vec<_> = parts.iter().map(|part| part.layout).collect();
        let layout = Layout::stacked(&layouts)?;
        let samples = parts.iter().map(|part| part.samples).sum();
        let origin = parts.iter().try_fold(Origin::default(), |origin, part| {
            origin.join(&part.origin, "the other contributors")
        })?;
        let blocks = parts
            .into_iter()
            .flat_map(|part| Arc::unwrap_or_clone(part.blocks))
            .collect();
        Ok(Self {
            samples,
            origin,
            ..Self::from_blocks(layout, blocks)?
        })
    }

    /// The number of samples: of rows, unless matrices were stacked.
    pub fn samples(&self) -> usize {
        self.samples
    }

    /// How the matrix lies in the slots.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The blocks, row after row of the grid.
    pub fn blocks(&self) -> &[Ciphertext] {
        &self.blocks
    }

    /// Blocks of these places, brought down to `level`; without a copy if they are there already.
    pub(crate) fn blocks_at(
        &self,
        evaluator: &Evaluator,
        level: usize,
        places: impl Iterator<Item = usize>,
    ) -> Result<Vec<Cow<'_, Ciphertext>>> {
        let lowered = |place: usize| match &self.blocks[place] {
            block if block.level() == level => Ok(Cow::Borrowed(block)),
            block => Ok(Cow::Owned(evaluator.lower_to(block, level)?)),
        };
        places.map(lowered).collect()
    }
}

/// Checks ciphertexts from outside: at least one, all of degree 1, of the same parameters and
/// level, at its canonical scale.
pub(crate) fn check_vectors(what: &'static str, vectors: &[Ciphertext]) -> Result<()> {
    let first = vectors.first().map(Ciphertext::parameters);
    if vectors.iter().any(|v| Some(v.parameters()) != first) {
        return Err(LearnError::Parameters("a ciphertext"));
    }
    let form = |v: &Ciphertext| (v.level(), v.degree(), v.scale());
    check_forms(what, first, vectors.iter().map(form)).map(drop)
}

/// The same of what is known before there are ciphertexts: the level, degree and scale of each. Returns the level of all.
pub(crate) fn check_forms(
    what: &'static str,
    parameters: Option<&Parameters>,
    forms: impl Iterator<Item = (usize, usize, f64)>,
) -> Result<usize> {
    let malformed = |reason| Err(LearnError::Malformed { what, reason });
    let mut first = None;
    for (level, degree, scale) in forms {
        if level != *first.get_or_insert(level) {
            return malformed("its ciphertexts are at different levels");
        }
        if degree != 1 {
            return malformed("a ciphertext is not relinearised");
        }
        let canonical = parameters.map_or(scale, |parameters| parameters.scale(level));
        if (scale / canonical - 1.0).abs() > 1e-9 {
            return malformed("a ciphertext is not at the canonical scale of its level");
        }
    }
    first.map_or_else(|| malformed("it has no ciphertext"), Ok)
}

/// The same for ciphertexts that lie in blocks of a layout.
pub(crate) fn check_blocks(
    what: &'static str,
    blocks: &[Ciphertext],
    layout: &Layout,
) -> Result<()> {
    check_vectors(what, blocks)?;
    layout.check_slots(blocks[0].parameters())
}

/// Methods of a type with ciphertexts of one level in this field, whose ciphertexts all have the same parameters.
macro_rules! has_ciphertexts {
    ($type:ident, $field:ident) => {
        impl $type {
            #[doc = concat!("The level of the ", stringify!($field), ".")]
            pub fn level(&self) -> usize {
                self.$field[0].level()
            }

            /// The parameters of all ciphertexts.
            pub fn parameters(&self) -> &tapetum_ckks::Parameters {
                self.$field[0].parameters()
            }
        }
    };
}
pub(crate) use has_ciphertexts;
