//! `tapetum serve` in a process of its own.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde::Deserialize;
use tapetum::remote::client::{Client, Trust};
use tapetum::{Context, Result};
use zeroize::Zeroizing;

use crate::report::ProcessMemory;

/// A server that ends with this value.
pub struct Serving {
    process: Child,
    url: String,
    fingerprint: String,
    /// The token of its first tenant.
    pub token: Zeroizing<String>,
}

/// What it says first.
#[derive(Deserialize)]
struct Announcement {
    url: String,
    fingerprint: String,
    token: String,
}

impl Serving {
    /// Starts a server with its data in `folder`.
    pub fn start(folder: &Path) -> Result<Self> {
        let this = std::env::current_exe().context("cannot find this program's file")?;
        let mut process = Command::new(this)
            .args(["--json", "serve", "--listen", "127.0.0.1:0"])
            .args(["--log", "quiet", "--data"])
            .arg(folder)
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start a server")?;
        let mut line = String::new();
        let output = process.stdout.take().context("it has an output")?;
        let read = BufReader::new(output).read_line(&mut line);
        let line = Zeroizing::new(line);
        let said = read.map_err(tapetum::Error::from);
        let said = said.and_then(|_| Ok(serde_json::from_str::<Announcement>(&line)?));
        match said.context("the server did not start") {
            Ok(said) => Ok(Self {
                process,
                url: said.url,
                fingerprint: said.fingerprint,
                token: Zeroizing::new(said.token),
            }),
            Err(error) => {
                let _ = process.kill();
                let _ = process.wait();
                Err(error)
            }
        }
    }

    /// A client with a connection of its own.
    pub fn client(&self, token: &str) -> Result<Client> {
        let trust = Trust::Fingerprint(self.fingerprint.clone());
        Ok(Client::new(&self.url, &trust, token)?)
    }

    /// How much memory it has, where the system tells it in a file.
    pub fn memory(&self) -> Option<ProcessMemory> {
        ProcessMemory::of(self.process.id())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
