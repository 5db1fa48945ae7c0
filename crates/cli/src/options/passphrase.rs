//! The passphrase that a secret key is kept under.

use std::env;
use std::io::{IsTerminal, stdin};
use std::path::Path;

use tapetum::networks::NetworkOwner;
use tapetum::owner::Passphrase;
use tapetum::{Error, Owner, Result};
use zeroize::Zeroizing;

/// Where it is taken from if there is no terminal.
const VARIABLE: &str = "TAPETUM_PASSPHRASE";

/// Opens an owner's directory, and asks for the passphrase if there is one.
pub fn open_owner(dir: &Path) -> Result<Owner> {
    Owner::open_with(dir, || passphrase_of(dir))
}

/// The same for the keys of a network's plan.
pub fn open_network_owner(dir: &Path) -> Result<NetworkOwner> {
    NetworkOwner::open(dir, || passphrase_of(dir))
}

fn passphrase_of(dir: &Path) -> Result<Passphrase> {
    match from_environment() {
        Some(passphrase) => passphrase,
        None => Passphrase::new(ask(&format!("Passphrase of {}: ", dir.display()))?),
    }
}

/// A passphrase for a new key, asked for twice.
pub fn new_passphrase() -> Result<Passphrase> {
    if let Some(passphrase) = from_environment() {
        return passphrase;
    }
    let first = ask("Passphrase for the secret key: ")?;
    let passphrase = Passphrase::new(first.clone())?;
    match first == ask("Again: ")? {
        true => Ok(passphrase),
        false => Err(Error::input("the passphrases differ")),
    }
}

fn from_environment() -> Option<Result<Passphrase>> {
    let text = env::var(VARIABLE).ok()?;
    Some(Passphrase::new(Zeroizing::new(text)))
}

fn ask(prompt: &str) -> Result<Zeroizing<String>> {
    if !stdin().is_terminal() {
        return Err(Error::role(format!(
            "the secret key is kept under a passphrase: run this in a terminal, or set {VARIABLE}"
        )));
    }
    let text = rpassword::prompt_password(prompt);
    let text = text.map_err(|error| Error::input(format!("no passphrase was read: {error}")))?;
    Ok(Zeroizing::new(text))
}
