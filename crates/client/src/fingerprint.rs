//! Fingerprints of certificates: the server shows its own, and clients pin it.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::CertificateDer;

/// How fingerprints begin.
pub const PREFIX: &str = "sha256:";

/// The cryptography of connections.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// The SHA-256 hash of a certificate.
pub fn of(certificate: &CertificateDer<'_>) -> String {
    let suite = ring::cipher_suite::TLS13_AES_128_GCM_SHA256.tls13();
    let sha256 = suite.expect("it is of TLS 1.3").common.hash_provider;
    let hash = sha256.hash(certificate);
    let digits = hash.as_ref().iter().map(|byte| format!("{byte:02x}"));
    PREFIX.to_owned() + &digits.collect::<String>()
}
