//! Whoever wants to keep the clients of a server out: by silent connections, by uploads that drip, by files that are
//! almost what they should be.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tapetum::remote::Rehearsal;
use tapetum::remote::client::{Client, ClientError, Scope};
use tapetum::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;
use zeroize::Zeroizing;

use super::report::Attack;
use super::serving::Serving;

/// Silent connections at a time: as many as a server has room for.
const SILENT: usize = 512;
/// Uploads that drip, of each of two tenants: as many requests as a tenant may have.
const DRIPPING: usize = 128;
/// Who send malformed parts, one after the other.
const MALFORMED: usize = 2;
/// Addresses of this machine that the silent connections come from.
const ADDRESSES: usize = 8;
/// After a failure, so that the attackers do not take the processors from the server.
const PAUSE: Duration = Duration::from_secs(1);
/// Between two bytes of an upload.
const DRIP: Duration = Duration::from_secs(1);

/// What came of it so far.
#[derive(Debug, Default)]
struct Tally {
    connections: AtomicU64,
    uploads: AtomicU64,
    refused: AtomicU64,
    accepted: AtomicU64,
}

/// Attackers at work, until this is dropped.
pub struct Attackers {
    tally: Arc<Tally>,
    /// They end with it.
    _work: JoinSet<()>,
}

impl Attackers {
    /// Lets them begin. The tenants that they need are made.
    pub async fn begin(serving: &Serving, rehearsal: &Rehearsal) -> Result<Self> {
        let tally = Arc::new(Tally::default());
        let mut work = JoinSet::new();
        let target = Target {
            address: serving.address()?,
            tls: TlsConnector::from(Arc::new(serving.trust().config()?)),
        };
        for number in 0..SILENT {
            let (target, tally) = (target.clone(), tally.clone());
            work.spawn(async move {
                loop {
                    target.be_silent(number, &tally).await;
                    sleep(PAUSE).await;
                }
            });
        }
        for name in ["dripping", "trickling"] {
            // Half of them each, since a token has no more uploads that are not used.
            let first = serving.add_tenant(name)?;
            let second = serving.client(&first)?;
            let second = second.create_token("", &[Scope::Contributor], None).await?;
            let tokens = [first, Zeroizing::new(second.token)];
            for number in 0..DRIPPING {
                let token = tokens[number % tokens.len()].clone();
                let (target, tally) = (target.clone(), tally.clone());
                work.spawn(async move {
                    loop {
                        // What the server answers ends it.
                        if target.drip(&token).await.is_some() {
                            tally.uploads.fetch_add(1, Ordering::Relaxed);
                        }
                        sleep(PAUSE).await;
                    }
                });
            }
        }
        let part =
            std::fs::read(rehearsal.outbox.join("train.enc")).context("cannot read the samples")?;
        let (part, spec) = (Arc::new(part), rehearsal.plan.training_spec()?);
        let parameters = rehearsal.plan.parameters()?.to_bytes();
        let token = serving.add_tenant("malformed")?;
        for number in 0..MALFORMED {
            let client = serving.client(&token)?;
            let upload = client.upload_bytes(parameters.clone()).await?;
            let set = client.create_parameter_set("", &upload).await?.id;
            let set = client.create_data_set("", &set, &spec).await?.id;
            let (part, tally) = (part.clone(), tally.clone());
            work.spawn(async move {
                let mut random = number as u64 + 1;
                loop {
                    match append(&client, &set, mutated(&part, &mut random)).await {
                        Ok(()) => tally.accepted.fetch_add(1, Ordering::Relaxed),
                        Err(ClientError::Problem(_)) => {
                            tally.refused.fetch_add(1, Ordering::Relaxed)
                        }
                        Err(_) => 0,
                    };
                    sleep(PAUSE).await;
                }
            });
        }
        Ok(Self { tally, _work: work })
    }

    /// What came of it so far.
    pub fn report(&self) -> Attack {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Attack {
            silent_connections: of(&self.tally.connections),
            dripping_uploads: of(&self.tally.uploads),
            malformed_refused: of(&self.tally.refused),
            malformed_accepted: of(&self.tally.accepted),
        }
    }
}

/// Sends a part, and asks for it to be checked.
async fn append(client: &Client, set: &str, part: Vec<u8>) -> Result<(), ClientError> {
    let upload = client.upload_bytes(part).await?;
    client.append(set, "", &upload).await.map(drop)
}

/// A file with one byte changed, somewhere.
fn mutated(part: &[u8], random: &mut u64) -> Vec<u8> {
    // Knuth's generator: it only has to differ.
    *random = random
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    let mut bytes = part.to_vec();
    let at = (*random >> 16) as usize % bytes.len().max(1);
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 0x55;
    }
    bytes
}

/// The server that is attacked.
#[derive(Clone)]
struct Target {
    address: SocketAddr,
    tls: TlsConnector,
}

impl Target {
    /// A connection that says nothing until the server has enough of it; every other one not even in TLS.
    async fn be_silent(&self, number: usize, tally: &Tally) {
        let Some(mut plain) = self.connect(number).await else {
            return;
        };
        tally.connections.fetch_add(1, Ordering::Relaxed);
        let mut byte = [0];
        if number.is_multiple_of(2) {
            let _ = plain.read(&mut byte).await;
        } else if let Some(mut stream) = self.secured(plain).await {
            let _ = stream.read(&mut byte).await;
        }
    }

    /// From one of several addresses, where this machine has more than one.
    async fn connect(&self, number: usize) -> Option<TcpStream> {
        let socket = TcpSocket::new_v4().ok()?;
        let last = 2 + (number % ADDRESSES) as u8;
        // If it is not to be had, the usual one does.
        let _ = socket.bind((Ipv4Addr::new(127, 0, 0, last), 0).into());
        socket.connect(self.address).await.ok()
    }

    async fn secured(&self, stream: TcpStream) -> Option<TlsStream<TcpStream>> {
        let name = ServerName::try_from("localhost").ok()?;
        self.tls.connect(name, stream).await.ok()
    }

    /// An upload of a megabyte, a byte at a time. Nothing if it could not begin.
    async fn drip(&self, token: &Zeroizing<String>) -> Option<()> {
        let stream = self
            .secured(TcpStream::connect(self.address).await.ok()?)
            .await?;
        let (mut read, mut write) = tokio::io::split(stream);
        // The checksum is of nothing in particular, in base64: it does not come to that.
        let checksum = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMw==";
        let head = Zeroizing::new(format!(
            "POST /v1/uploads HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\nconnection: close\r\n\
             tus-resumable: 1.0.0\r\nupload-length: 1000000\r\nupload-metadata: blake3 {checksum}\r\n\
             content-type: application/offset+octet-stream\r\ncontent-length: 1000000\r\n\r\n",
            token.as_str()
        ));
        write.write_all(head.as_bytes()).await.ok()?;
        let dripping = async {
            while write.write_all(b"x").await.is_ok() && write.flush().await.is_ok() {
                sleep(DRIP).await;
            }
        };
        let mut byte = [0];
        tokio::select! {
            _ = read.read(&mut byte) => {}
            () = dripping => {}
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mutated_part_differs_in_one_byte() {
        let (part, mut random) = (vec![7; 1000], 1);
        let found: Vec<_> = (0..3).map(|_| mutated(&part, &mut random)).collect();
        for bytes in &found {
            let differing = bytes.iter().zip(&part).filter(|(a, b)| a != b).count();
            assert_eq!((bytes.len(), differing), (1000, 1));
        }
        assert!(found[0] != found[1] || found[1] != found[2]);
        assert!(mutated(&[], &mut random).is_empty());
    }
}
