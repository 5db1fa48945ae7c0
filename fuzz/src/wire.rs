//! Objects of the scheme.

use tapetum_ckks::wire::{FileType, WireError, inspect};
use tapetum_ckks::{
    Ciphertext, EvaluationKeys, GaloisKey, MemoryBudget, Parameters, Plaintext, PublicKey,
    RelinearizationKey, SecretKey,
};
use tapetum_service::fuzzing as service;

use crate::draft::{Draft, is_large, parameters, with_file};

/// The front of any file, which tells what it is.
pub fn front(data: &[u8]) -> bool {
    let found = inspect(data);
    if let Ok(summary) = &found {
        serde_json::to_string(&summary.header).expect("a header can be shown");
        assert!(summary.file_len >= summary.payload_len);
    }
    found.is_ok()
}

/// Parameters and the keys that bring their own: public and secret ones.
pub fn key(data: &[u8]) -> bool {
    let read = |bytes: &[u8]| -> Result<Vec<u8>, WireError> {
        Ok(match file_type(bytes) {
            Some(FileType::SecretKey) => SecretKey::from_bytes(bytes)?.to_bytes().to_vec(),
            Some(FileType::PublicKey) => {
                let key = PublicKey::from_bytes(bytes)?;
                let accepted = with_file(bytes, |path| service::public_key(path, key.parameters()));
                assert!(accepted, "the service refuses a public key");
                key.to_bytes()
            }
            _ => {
                let parameters = Parameters::from_bytes(bytes)?;
                assert!(with_file(bytes, service::parameters));
                parameters.to_bytes()
            }
        })
    };
    as_sent_and_fitted(data, read)
}

/// Sets of evaluation keys, read at once and left in their file.
pub fn evaluation_keys(data: &[u8]) -> bool {
    as_sent_and_fitted(data, |bytes| {
        let keys = EvaluationKeys::from_bytes(bytes)?;
        with_file(bytes, |path| {
            let opened = EvaluationKeys::open(path, MemoryBudget::bytes(0))?;
            assert_eq!(opened.galois_keys().len(), keys.galois_keys().len());
            assert!(service::evaluation_keys(path, keys.parameters()));
            Ok::<_, WireError>(())
        })?;
        Ok(keys.to_bytes())
    })
}

/// What belongs to parameters that the reader knows: ciphertexts, plaintexts and single keys.
pub fn object(data: &[u8]) -> bool {
    let p = parameters();
    as_sent_and_fitted(data, |bytes| {
        Ok(match file_type(bytes) {
            Some(FileType::Plaintext) => Plaintext::from_bytes(p, bytes)?.to_bytes(),
            Some(FileType::RelinearizationKey) => {
                RelinearizationKey::from_bytes(p, bytes)?.to_bytes()
            }
            Some(FileType::GaloisKey) => GaloisKey::from_bytes(p, bytes)?.to_bytes(),
            _ => Ciphertext::from_bytes(p, bytes)?.to_bytes(),
        })
    })
}

fn file_type(bytes: &[u8]) -> Option<FileType> {
    inspect(bytes).ok().map(|summary| summary.file_type)
}

/// Reads bytes as they are, and with what can be put right. An object has one file: what is
/// accepted is written as it was.
fn as_sent_and_fitted(data: &[u8], read: impl Fn(&[u8]) -> Result<Vec<u8>, WireError>) -> bool {
    if is_large(data) {
        return false;
    }
    let as_sent = read(data);
    if let Ok(written) = &as_sent {
        assert_eq!(written, data);
    }
    let Some(draft) = Draft::of(data) else {
        return false;
    };
    let (bytes, written) = draft.fitted(read);
    if let Some(written) = &written {
        assert_eq!(*written, bytes);
    }
    written.is_some()
}
