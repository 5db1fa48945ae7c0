//! What a person is given to set up a connection with: an address, a fingerprint, a token, certificates.

use tapetum_client::{Address, Client, Trust};
use tapetum_service::fuzzing as service;

use crate::draft::with_file;

const ADDRESS: &str = "https://127.0.0.1:8750";
const FINGERPRINT: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

/// By the first digit: an address, a fingerprint, a token, certificates of authorities, or a server's certificate
/// and key, the former as long as the next two bytes say.
pub fn settings(data: &[u8]) -> bool {
    let Some((&which, content)) = data.split_first() else {
        return false;
    };
    let pinned = |fingerprint: &str| Trust::Fingerprint(fingerprint.to_owned());
    let text = || std::str::from_utf8(content).ok();
    match which.wrapping_sub(b'0') % 5 {
        0 => text().is_some_and(|url| {
            if let Ok(address) = url.parse::<Address>() {
                let again = format!("https://{}", address.authority());
                assert_eq!(again.parse::<Address>().expect("as written"), address);
            }
            client(url, &pinned(FINGERPRINT), "token")
        }),
        1 => text().is_some_and(|fingerprint| client(ADDRESS, &pinned(fingerprint), "token")),
        2 => text().is_some_and(|token| client(ADDRESS, &pinned(FINGERPRINT), token)),
        3 => with_file(content, |path| {
            client(ADDRESS, &Trust::Authorities(path.to_owned()), "token")
        }),
        _ => {
            let Some((len, rest)) = content.split_at_checked(2) else {
                return false;
            };
            let len = usize::from(u16::from_le_bytes([len[0], len[1]]));
            let (certificate, key) = rest.split_at(len.min(rest.len()));
            with_file(certificate, |certificate| {
                with_file(key, |key| service::certificate(certificate, key))
            })
        }
    }
}

fn client(url: &str, trust: &Trust, token: &str) -> bool {
    let made = Client::new(url, trust, token);
    made.map_err(|error| error.to_string()).is_ok()
}
