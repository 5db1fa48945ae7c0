//! Parameters as a file, and inside the files of keys that open without one.

use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};

use super::WireError;
use super::container::{Object, PayloadReader, PayloadWriter};
use super::self_contained::with_literal;
use crate::id::{Id, at_end};
use crate::parameters::{Parameters, ParametersLiteral};

/// The header of parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ParametersHeader {
    /// The parameters as they were written down.
    pub literal: ParametersLiteral,
}

/// The header of secret and public keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeyHeader {
    /// The parameters as they were written down.
    pub literal: ParametersLiteral,
    /// What all keys from one secret key have in common.
    #[serde(with = "at_end")]
    pub key_set: Option<Id>,
}

with_literal!(KeyHeader, ParametersHeader);

impl Object for Parameters {
    fn header(&self) -> ParametersHeader {
        ParametersHeader {
            literal: self.literal().clone(),
        }
    }

    fn payload_len(_: &Parameters, _: &ParametersHeader) -> u64 {
        0
    }

    fn write_payload<W: Write>(&self, _: &mut PayloadWriter<W>) -> io::Result<()> {
        Ok(())
    }

    fn read_payload<R: Read>(
        parameters: &Parameters,
        _: ParametersHeader,
        _: &mut PayloadReader<R>,
    ) -> Result<Self, WireError> {
        Ok(parameters.clone())
    }
}

impl Parameters {
    /// The header of a key.
    pub(super) fn key_header(&self, key_set: Option<Id>) -> KeyHeader {
        KeyHeader {
            literal: self.literal().clone(),
            key_set,
        }
    }

    /// As everything that has parameters.
    fn parameters(&self) -> &Self {
        self
    }
}

super::writing_methods!(Parameters, ParametersHeader, "parameter set");
super::self_contained_methods!(Parameters, "parameter set");
