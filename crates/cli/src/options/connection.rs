//! Which server, and with which token.

use std::path::PathBuf;

use clap::Args;
use tapetum::folders::files;
use tapetum::remote::Remote;
use tapetum::remote::client::{Client, Trust};
use tapetum::{Error, Result};
use zeroize::Zeroizing;

/// The environment variable with a token.
const TOKEN: &str = "TAPETUM_TOKEN";

/// Which server, and who asks.
#[derive(Debug, Args)]
pub struct Connection {
    /// The address of the server.
    #[arg(long, value_name = "URL", default_value = "https://127.0.0.1:8750")]
    pub server: String,
    /// The fingerprint of its certificate, as `tapetum serve` prints it.
    #[arg(long, value_name = "SHA256", required_unless_present = "ca")]
    pub fingerprint: Option<String>,
    /// The certificates of authorities to trust (PEM), instead of a fingerprint.
    #[arg(long, value_name = "FILE", conflicts_with = "fingerprint")]
    pub ca: Option<PathBuf>,
    /// A file with the token; otherwise it is taken from the environment, TAPETUM_TOKEN.
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
}

impl Connection {
    /// A client as the command line describes it.
    pub fn connect(&self) -> Result<Remote> {
        let trust = match (&self.fingerprint, &self.ca) {
            (Some(fingerprint), _) => Trust::Fingerprint(fingerprint.clone()),
            (None, Some(path)) => Trust::Authorities(path.clone()),
            (None, None) => return Err(Error::input("specify --fingerprint or --ca")),
        };
        let token = match &self.token_file {
            Some(path) => files::read_text(path)?,
            None => std::env::var(TOKEN).map_err(|_| {
                Error::role(format!(
                    "there is no token: set the environment variable {TOKEN}, or pass --token-file FILE"
                ))
            })?,
        };
        let client = Client::new(&self.server, &trust, &Zeroizing::new(token))?;
        Ok(Remote { client })
    }
}
