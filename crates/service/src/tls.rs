//! The certificate of a server.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tapetum_client::fingerprint;

use crate::config::Config;
use crate::error::StartError;
use crate::store::files::{create_private_dir, sync_dir};

/// The certificate that a server shows.
#[derive(Clone, Debug)]
pub struct Tls {
    /// For the listener.
    pub config: Arc<ServerConfig>,
    /// What clients can pin.
    pub fingerprint: String,
}

impl Tls {
    /// Reads the certificate that the operator names, or the one in the data folder, which is made
    /// if there is none.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn open(config: &Config) -> Result<Self, StartError> {
        let (certificate, key) = match &config.certificate {
            Some(paths) => paths.clone(),
            None => {
                let folder = config.data.join("tls");
                let paths = (folder.join("certificate.pem"), folder.join("key.pem"));
                // The key is written first: a certificate has its key.
                if !paths.0.exists() {
                    make(&folder, &paths.0, &paths.1, &config.names)?;
                }
                paths
            }
        };
        let refuse = |path: &Path, error: String| {
            StartError::Certificate(format!("{}: {error}", path.display()))
        };
        let chain = CertificateDer::pem_file_iter(&certificate)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|e| refuse(&certificate, e.to_string()))?;
        let first = chain.first();
        let fingerprint = fingerprint::of(
            first.ok_or_else(|| refuse(&certificate, "the file has no certificate".to_owned()))?,
        );
        let key = PrivateKeyDer::from_pem_file(&key).map_err(|e| refuse(&key, e.to_string()))?;
        let mut config = ServerConfig::builder_with_provider(fingerprint::provider())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
            .map_err(|e| refuse(&certificate, e.to_string()))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            config: Arc::new(config),
            fingerprint,
        })
    }
}

/// A key and a certificate signed by itself, for trials and for clients that pin it.
fn make(folder: &Path, certificate: &Path, key: &Path, names: &[String]) -> Result<(), StartError> {
    let refuse = |e: rcgen::Error| StartError::Certificate(e.to_string());
    let mut all = ["localhost", "127.0.0.1", "::1"]
        .map(str::to_owned)
        .to_vec();
    all.extend(names.iter().cloned());
    let pair = rcgen::KeyPair::generate().map_err(refuse)?;
    let mut parameters = rcgen::CertificateParams::new(all).map_err(refuse)?;
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    let common = rcgen::DnType::CommonName;
    parameters.distinguished_name.push(common, "Tapetum server");
    let made = parameters.self_signed(&pair).map_err(refuse)?;
    create_private_dir(folder)?;
    write_private(key, pair.serialize_pem().as_bytes())?;
    write_private(certificate, made.pem().as_bytes())?;
    sync_dir(folder)?;
    Ok(())
}

fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("partial");
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut file = options.open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)
}
