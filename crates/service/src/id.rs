//! Ids, which nobody can guess.

use crate::error::{Error, Result};

/// What an id stands for, by its first three letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A tenant.
    Tenant,
    /// A token.
    Token,
    /// A file on its way here.
    Upload,
    /// Parameters.
    ParameterSet,
    /// Evaluation keys and a public key.
    KeySet,
    /// A data set.
    DataSet,
    /// A part of a data set.
    Part,
    /// A model.
    Model,
    /// A network.
    Network,
    /// A training.
    TrainingJob,
    /// A classification.
    Classification,
    /// A file.
    Blob,
}

impl Kind {
    const ALL: [(Self, &'static str, &'static str); 12] = [
        (Self::Tenant, "ten", "tenant"),
        (Self::Token, "tok", "token"),
        (Self::Upload, "upl", "upload"),
        (Self::ParameterSet, "par", "parameter set"),
        (Self::KeySet, "key", "key set"),
        (Self::DataSet, "dat", "data set"),
        (Self::Part, "prt", "part"),
        (Self::Model, "mod", "model"),
        (Self::Network, "net", "network"),
        (Self::TrainingJob, "trn", "training job"),
        (Self::Classification, "cls", "classification"),
        (Self::Blob, "blb", "file"),
    ];

    fn row(self) -> &'static (Self, &'static str, &'static str) {
        let row = Self::ALL.iter().find(|(kind, ..)| *kind == self);
        row.expect("every kind has a row")
    }

    /// The first three letters of its ids.
    pub fn prefix(self) -> &'static str {
        self.row().1
    }

    /// The name of the kind, for people.
    pub fn name(self) -> &'static str {
        self.row().2
    }

    /// Whether this is the beginning of one of its ids.
    pub fn begins(self, id: &str) -> bool {
        let rest = id.strip_prefix(self.prefix());
        rest.is_some_and(|rest| rest.starts_with('_'))
    }

    /// A new id: 128 random bits.
    pub fn new_id(self) -> Result<String> {
        Ok(format!("{}_{}", self.prefix(), hex(&random::<16>()?)))
    }

    /// Refuses what cannot be an id of this kind as not found.
    pub fn check(self, id: &str) -> Result<()> {
        let rest = id
            .strip_prefix(self.prefix())
            .and_then(|rest| rest.strip_prefix('_'));
        let is_hex = |rest: &str| rest.len() == 32 && rest.bytes().all(is_lower_hex);
        if rest.is_some_and(is_hex) {
            Ok(())
        } else {
            Err(Error::not_found(self.name()))
        }
    }
}

/// Whether this is one of 0 to 9 and a to f.
pub fn is_lower_hex(byte: u8) -> bool {
    byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)
}

/// Bytes from the operating system's generator.
pub fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|e| Error::internal("randomness", e))?;
    Ok(bytes)
}

/// In lower case.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_recognised_by_kind() {
        let id = Kind::Model.new_id().unwrap();
        assert!(Kind::Model.check(&id).is_ok());
        assert_ne!(id, Kind::Model.new_id().unwrap());
        for bad in [
            "",
            "mod_",
            "mod_../../../etc/passwd",
            &id.to_uppercase(),
            &format!("{id}0"),
        ] {
            assert_eq!(Kind::Model.check(bad).unwrap_err().status(), 404, "{bad}");
        }
        assert!(Kind::KeySet.check(&id).is_err());
    }
}
