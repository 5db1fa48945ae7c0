//! What a bundle says before the first of its ciphertexts: enough to tell whether it fits. So a server judges gigabytes by
//! a few bytes, and checks the rest without keeping it.

use serde::de::DeserializeOwned;
use tapetum_ckks::Parameters;
use tapetum_ckks::wire::{BundleHeader, WireError};

use crate::bundle::{ClassShape, shape_of};
use crate::error::{Result, check_equal};
use crate::labels::{ClassLabels, EncryptedLabels, Labels};
use crate::layout::Layout;
use crate::matrix::{EncryptedMatrix, check_forms};
use crate::task::check_classes;

/// The front of a bundle.
pub(crate) struct Front<'a> {
    pub parameters: &'a Parameters,
    pub header: &'a BundleHeader,
    pub metadata: &'a [u8],
}

/// What labels are, as far as it decides whether they fit to samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LabelShape {
    /// The number of classes and of labels.
    Clear(usize, usize),
    /// The number of classes, and the layout of the samples.
    Encrypted(usize, Layout),
}

impl Front<'_> {
    fn shape<Shape: DeserializeOwned>(&self, kind: &'static str) -> Result<Shape> {
        if self.header.kind != kind {
            let (expected, found) = (kind.to_owned(), self.header.kind.clone());
            return Err(WireError::WrongKind { expected, found }.into());
        }
        shape_of(self.metadata, kind)
    }

    fn ciphertexts(&self) -> usize {
        usize::try_from(self.header.ciphertexts()).unwrap_or(usize::MAX)
    }

    /// The level of ciphertexts that lie in blocks of a layout.
    fn level(&self, what: &'static str, layout: &Layout) -> Result<usize> {
        let forms = self.header.runs.iter().map(|run| {
            let header = run.header;
            (header.level as usize, header.degree.into(), header.scale)
        });
        let level = check_forms(what, Some(self.parameters), forms)?;
        layout.check_slots(self.parameters)?;
        Ok(level)
    }

    /// The layout and level of a matrix.
    pub fn matrix(&self) -> Result<(Layout, usize)> {
        let layout: Layout = self.shape(EncryptedMatrix::KIND)?;
        check_equal("blocks of the matrix", layout.blocks(), self.ciphertexts())?;
        Ok((layout, self.level("an encrypted matrix", &layout)?))
    }

    /// What labels are, encrypted ones or clear ones.
    pub fn labels(&self) -> Result<LabelShape> {
        if self.header.kind == Labels::CLEAR_KIND {
            check_equal("ciphertexts of clear labels", 0, self.ciphertexts())?;
            let labels = ClassLabels::from_bytes(self.metadata)?;
            return Ok(LabelShape::Clear(labels.classes(), labels.len()));
        }
        let ClassShape { layout, classes } = self.shape(EncryptedLabels::KIND)?;
        let classes = classes.into();
        check_classes(classes)?;
        let count = layout.grid_rows() * EncryptedLabels::ciphertexts_per_row(&layout, classes);
        check_equal("ciphertexts of the labels", count, self.ciphertexts())?;
        self.level("a set of encrypted labels", &layout)?;
        Ok(LabelShape::Encrypted(classes, layout))
    }
}
