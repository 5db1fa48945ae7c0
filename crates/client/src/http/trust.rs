//! Which server to trust: one certificate by its fingerprint, or authorities.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

use super::error::{ClientError, Result};
use crate::fingerprint::{self, PREFIX, provider};

/// How a client knows its server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// By the fingerprint of its certificate: `sha256:` and 64 hexadecimal digits, from the operator.
    Fingerprint(String),
    /// By authorities whose certificates are in this PEM file.
    Authorities(PathBuf),
}

impl Trust {
    /// The settings of connections, for those who speak to a server otherwise than by [`Client`](super::Client).
    ///
    /// # Errors
    /// [`ClientError::Settings`] if there is no such certificate.
    pub fn config(&self) -> Result<ClientConfig> {
        let refuse = |what: String| ClientError::Settings(what);
        let builder = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|e| refuse(e.to_string()))?;
        let mut config = match self {
            Self::Fingerprint(pinned) => {
                let pinned = pinned.to_ascii_lowercase();
                let digits = pinned.strip_prefix(PREFIX).unwrap_or_default();
                if digits.len() != 64
                    || !digits
                        .bytes()
                        .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
                {
                    let what = "a fingerprint is `sha256:` and 64 hexadecimal digits";
                    return Err(refuse(what.to_owned()));
                }
                let verifier = Pinned {
                    pinned,
                    provider: provider(),
                };
                builder
                    .dangerous()
                    .with_custom_certificate_verifier(Arc::new(verifier))
                    .with_no_client_auth()
            }
            Self::Authorities(path) => {
                let unusable =
                    |e: String| refuse(format!("{} cannot be used: {e}", path.display()));
                let mut roots = RootCertStore::empty();
                let found =
                    CertificateDer::pem_file_iter(path).map_err(|e| unusable(e.to_string()))?;
                for certificate in found {
                    let certificate = certificate.map_err(|e| unusable(e.to_string()))?;
                    roots
                        .add(certificate)
                        .map_err(|e| unusable(e.to_string()))?;
                }
                builder.with_root_certificates(roots).with_no_client_auth()
            }
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

/// Accepts one certificate, whatever its name and issuer. That the server holds its key is checked as always.
#[derive(Debug)]
struct Pinned {
    pinned: String,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if fingerprint::of(certificate) != self.pinned {
            return Err(CertificateError::ApplicationVerificationFailure.into());
        }
        Ok(ServerCertVerified::assertion())
    }

    /// Only TLS 1.3 is spoken.
    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(rustls::PeerIncompatible::Tls12NotOffered.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
