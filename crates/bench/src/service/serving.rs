//! `tapetum serve` in a process of its own.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde::Deserialize;
use tapetum::remote::client::{Client, Trust};
use tapetum::{Context, Result};
use zeroize::Zeroizing;

use crate::report::ProcessMemory;

/// A server that ends with this value.
pub struct Serving {
    process: Child,
    folder: PathBuf,
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
                folder: folder.to_owned(),
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

    /// How its clients know it.
    pub fn trust(&self) -> Trust {
        Trust::Fingerprint(self.fingerprint.clone())
    }

    /// Where it listens.
    pub fn address(&self) -> Result<SocketAddr> {
        let address = self.url.strip_prefix("https://").unwrap_or(&self.url);
        address
            .parse()
            .ok()
            .context("the server has no such address")
    }

    /// A client with a connection of its own.
    pub fn client(&self, token: &str) -> Result<Client> {
        Ok(Client::new(&self.url, &self.trust(), token)?)
    }

    /// Another tenant. Returns its token.
    pub fn add_tenant(&self, name: &str) -> Result<Zeroizing<String>> {
        #[derive(Deserialize)]
        struct Added {
            token: String,
        }
        let this = std::env::current_exe().context("cannot find this program's file")?;
        let mut command = Command::new(this);
        command
            .args(["--json", "tenant", "add", name, "--data"])
            .arg(&self.folder);
        let output = command.output().context("cannot add a tenant")?;
        let said = Zeroizing::new(output.stdout);
        let added: Added = serde_json::from_slice(&said).context("cannot add a tenant")?;
        Ok(Zeroizing::new(added.token))
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
