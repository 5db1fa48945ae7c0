//! The secret key under a passphrase: Argon2id (RFC 9106) makes a key of it, XChaCha20-Poly1305 encrypts the
//! file `secret.key`.
//!
//! ```text
//! SEALED || memory in KiB, passes, lanes: u32 || salt: 16 bytes || nonce: 24 bytes || ciphertext || tag: 16 bytes
//! ```
//!
//! Integers are little-endian. What stands before the ciphertext is authenticated with it.

use std::fmt;
use std::io::Read;
use std::path::Path;

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use tapetum_ckks::SecretKey;
use zeroize::Zeroizing;

use crate::error::{Context, Error, Result};
use crate::folders::{SEALED, files};

/// The second choice that RFC 9106 (section 4) recommends, with one lane: a page has one thread.
const COST: Cost = Cost {
    memory: 64 << 10,
    passes: 3,
    lanes: 1,
};
/// More than these is refused when read: a file cannot make its reader take gigabytes.
const LARGEST_COST: Cost = Cost {
    memory: 1 << 20,
    passes: 16,
    lanes: 16,
};
/// A key of the largest parameters takes 2^17 / 4 bytes and a header.
const MAX_LEN: usize = 1 << 17;
const SALT: usize = 16;
const NONCE: usize = 24;
/// Bytes before the ciphertext.
const FRONT: usize = SEALED.len() + 12 + SALT + NONCE;

/// What the secret key is kept under. Never shown, wiped when dropped.
pub struct Passphrase(Zeroizing<String>);

impl Passphrase {
    /// Fewest characters.
    pub const MIN: usize = 8;

    /// Of at least [`MIN`](Self::MIN) characters.
    ///
    /// # Errors
    /// [`ErrorKind::Input`](crate::ErrorKind::Input) if it is shorter.
    pub fn new(text: Zeroizing<String>) -> Result<Self> {
        match text.chars().count() >= Self::MIN {
            true => Ok(Self(text)),
            false => Err(Error::input(format!(
                "a passphrase has at least {} characters",
                Self::MIN
            ))),
        }
    }

    fn cipher(&self, cost: Cost, salt: &[u8]) -> Result<XChaCha20Poly1305> {
        let params = Params::new(cost.memory, cost.passes, cost.lanes, Some(32)).ok();
        let params = params.context("the settings of the passphrase are out of range")?;
        let mut key = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(self.0.as_bytes(), salt, &mut *key)
            .ok()
            .context("the passphrase cannot be used")?;
        Ok(XChaCha20Poly1305::new(&Key::from(*key)))
    }

    /// The file of a secret key under this passphrase.
    ///
    /// # Errors
    /// [`Error`] if the system gives no randomness.
    pub fn seal(&self, secret: &SecretKey) -> Result<Vec<u8>> {
        let mut random = [0; SALT + NONCE];
        getrandom::fill(&mut random)
            .ok()
            .context("the system gives no randomness")?;
        let (salt, nonce) = random.split_at(SALT);
        let mut file = SEALED.to_vec();
        for number in [COST.memory, COST.passes, COST.lanes] {
            file.extend(number.to_le_bytes());
        }
        file.extend(random);
        let plain = secret.to_bytes();
        let payload = Payload {
            msg: &plain,
            aad: &file,
        };
        let nonce = XNonce::try_from(nonce).ok().context("a nonce")?;
        let sealed = self.cipher(COST, salt)?.encrypt(&nonce, payload).ok();
        file.extend(sealed.context("the secret key cannot be encrypted")?);
        Ok(file)
    }

    /// The secret key in a file that [`seal`](Self::seal) made.
    ///
    /// # Errors
    /// [`Error`] if the file is damaged, the passphrase another, or what it holds is not a secret key.
    pub fn open(&self, file: &[u8]) -> Result<SecretKey> {
        let damaged = || Error::input("the sealed secret key is damaged");
        if !file.starts_with(SEALED) || file.len() < FRONT || file.len() > MAX_LEN {
            return Err(damaged());
        }
        let (front, sealed) = file.split_at(FRONT);
        let (numbers, random) = front[SEALED.len()..].split_at(12);
        let (salt, nonce) = random.split_at(SALT);
        let cost = Cost::read(numbers).filter(Cost::is_bearable);
        let cipher = self.cipher(cost.ok_or_else(damaged)?, salt)?;
        let payload = Payload {
            msg: sealed,
            aad: front,
        };
        let nonce = XNonce::try_from(nonce).map_err(|_| damaged())?;
        let plain = cipher.decrypt(&nonce, payload).map(Zeroizing::new);
        let plain = plain.map_err(|_| {
            Error::role("the passphrase is not that of this secret key, or the file is damaged")
        })?;
        Ok(SecretKey::from_bytes(&plain)?)
    }
}

/// The file `secret.key`, under a passphrase if there is one.
///
/// # Errors
/// As [`Passphrase::seal`].
pub fn key_file(secret: &SecretKey, passphrase: Option<&Passphrase>) -> Result<Zeroizing<Vec<u8>>> {
    Ok(match passphrase {
        Some(passphrase) => Zeroizing::new(passphrase.seal(secret)?),
        None => secret.to_bytes(),
    })
}

/// The key in such a file; what gives the passphrase is asked if it is kept under one.
///
/// # Errors
/// As [`Passphrase::open`], and those of the passphrase.
pub fn key_from_file(
    file: &[u8],
    passphrase: impl FnOnce() -> Result<Passphrase>,
) -> Result<SecretKey> {
    match file.starts_with(SEALED) {
        true => passphrase()?.open(file),
        false => Ok(SecretKey::from_bytes(file)?),
    }
}

/// A file of a secret key, sealed or not, wiped when dropped.
pub(super) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>> {
    let mut file = Zeroizing::new(Vec::with_capacity(MAX_LEN + 1));
    files::open_unbuffered(path)?
        .take(MAX_LEN as u64 + 1)
        .read_to_end(&mut file)
        .with_context(|| format!("cannot read {}", path.display()))?;
    Ok(file)
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(..)")
    }
}

/// What each try of a passphrase costs.
#[derive(Clone, Copy)]
struct Cost {
    /// KiB.
    memory: u32,
    passes: u32,
    lanes: u32,
}

impl Cost {
    fn read(bytes: &[u8]) -> Option<Self> {
        let number = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        Some(Self {
            memory: number(0)?,
            passes: number(4)?,
            lanes: number(8)?,
        })
    }

    fn is_bearable(&self) -> bool {
        let most = LARGEST_COST;
        self.memory <= most.memory && self.passes <= most.passes && self.lanes <= most.lanes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tapetum_ckks::{Parameters, Preset};

    fn passphrase(text: &str) -> Passphrase {
        Passphrase::new(Zeroizing::new(text.to_owned())).unwrap()
    }

    #[test]
    fn opens_with_its_passphrase_alone() {
        let secret = SecretKey::generate(&Parameters::preset(Preset::N12)).unwrap();
        let mine = passphrase("a cat sees at night");
        let file = mine.seal(&secret).unwrap();
        assert!(file.starts_with(SEALED) && file != mine.seal(&secret).unwrap());
        assert_eq!(*mine.open(&file).unwrap().to_bytes(), *secret.to_bytes());
        let other = passphrase("a cat sees at noon").open(&file);
        assert!(other.unwrap_err().to_string().contains("passphrase"));
        assert!(Passphrase::new(Zeroizing::new("short".to_owned())).is_err());
        assert_eq!(format!("{mine:?}"), "Passphrase(..)");
    }

    #[test]
    fn damaged_files_are_refused_before_memory_is_taken() {
        let secret = SecretKey::generate(&Parameters::preset(Preset::N12)).unwrap();
        let mine = passphrase("a cat sees at night");
        let file = mine.seal(&secret).unwrap();
        for (at, with) in [
            (SEALED.len() + 3, 0x7f),
            (SEALED.len() + 7, 1),
            (SEALED.len() + 11, 1),
        ] {
            let mut greedy = file.clone();
            greedy[at] = with;
            assert!(mine.open(&greedy).is_err(), "byte {at}");
        }
        for cut in [
            0,
            SEALED.len(),
            FRONT - 1,
            FRONT,
            FRONT + 15,
            file.len() - 1,
        ] {
            assert!(mine.open(&file[..cut]).is_err(), "{cut} bytes");
        }
        let mut flipped = file.clone();
        *flipped.last_mut().unwrap() ^= 1;
        assert!(mine.open(&flipped).is_err());
        assert!(
            mine.open(&[file.as_slice(), &[0; MAX_LEN]].concat())
                .is_err()
        );
    }
}
