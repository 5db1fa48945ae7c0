//! The address of a server.

use std::str::FromStr;

use reqwest::Url;

use super::error::{ClientError, Result};

/// The address of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    host: String,
    port: u16,
}

impl Address {
    /// Host and port.
    pub fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

impl FromStr for Address {
    type Err = ClientError;

    /// `https://HOST:PORT`; the default port is 443.
    fn from_str(text: &str) -> Result<Self> {
        let parsed = || {
            // A URL is taken for more than that: no user, path or query, and no port that is left out.
            let authority = text.strip_prefix("https://")?;
            let authority = authority.strip_suffix('/').unwrap_or(authority);
            let is_other = |c: char| "/\\?#@%".contains(c) || !c.is_ascii_graphic();
            if authority.contains(is_other) || authority.ends_with(':') {
                return None;
            }
            let url: Url = format!("https://{authority}").parse().ok()?;
            Some(Self {
                host: url.host_str()?.to_owned(),
                port: url.port_or_known_default()?,
            })
        };
        parsed().ok_or_else(|| {
            ClientError::Settings(format!(
                "{text} is not the address of a server: write https://HOST:PORT"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_https_a_host_and_a_port() {
        for (url, authority) in [
            ("https://127.0.0.1:8750", "127.0.0.1:8750"),
            ("https://tapetum.example.org/", "tapetum.example.org:443"),
            ("https://[::1]:8750", "[::1]:8750"),
            ("https://[0:0::1]", "[::1]:443"),
        ] {
            let address: Address = url.parse().unwrap();
            assert_eq!(address.authority(), authority);
        }
        for bad in [
            "127.0.0.1:8750",
            "http://127.0.0.1:8750",
            "https://",
            "https://:8750",
            "https://host:",
            "https://host:99999",
            "https://host:8750/v1",
            "https://host?",
            "https://name:password@host",
            "https://YJ[1]",
            "https://[::1",
            "https://[host]",
        ] {
            assert!(bad.parse::<Address>().is_err(), "{bad}");
        }
    }
}
