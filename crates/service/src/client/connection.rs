//! Connections to one server, kept for the next request.

use std::net::Ipv6Addr;
use std::pin::Pin;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::{ClientError, Trust};

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(15);
/// Idle connections that are kept.
const MAX_IDLE: usize = 8;

/// What is sent.
pub type RequestBody = UnsyncBoxBody<Bytes, std::io::Error>;
type Sender = SendRequest<RequestBody>;
type Idle = Arc<Mutex<Vec<Sender>>>;

/// Where a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    host: String,
    port: u16,
}

impl Address {
    /// As it stands in requests.
    pub fn authority(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }
}

impl FromStr for Address {
    type Err = ClientError;

    /// `https://HOST:PORT`; without a port it is 443.
    fn from_str(url: &str) -> Result<Self, ClientError> {
        let parsed = || {
            let uri: hyper::Uri = url.parse().ok()?;
            let is_plain = uri.path() == "/" && uri.query().is_none();
            let authority = uri
                .authority()
                .filter(|_| is_plain && uri.scheme_str() == Some("https"))?;
            let host = authority.host();
            // Nobody's name before it, and a port that is one.
            let port = match authority.as_str().strip_prefix(host)? {
                "" => 443,
                rest => rest.strip_prefix(':')?.parse().ok()?,
            };
            let inside = host
                .strip_prefix('[')
                .and_then(|host| host.strip_suffix(']'));
            let host = match inside {
                Some(inside) => inside.parse::<Ipv6Addr>().ok()?.to_string(),
                None => host.to_owned(),
            };
            let is_name = !host.is_empty() && !host.contains(['[', ']']);
            is_name.then_some(Self { host, port })
        };
        parsed().ok_or_else(|| {
            ClientError::Settings(format!(
                "{url} is no address of a server: write https://HOST:PORT"
            ))
        })
    }
}

/// Connections to one server.
pub struct Connections {
    address: Address,
    name: ServerName<'static>,
    connector: TlsConnector,
    idle: Idle,
}

impl Connections {
    pub fn new(address: Address, trust: &Trust) -> Result<Self, ClientError> {
        let name = ServerName::try_from(address.host.clone()).map_err(|_| {
            ClientError::Settings(format!("{} is no name of a server", address.host))
        })?;
        Ok(Self {
            name,
            connector: TlsConnector::from(trust.config()?),
            address,
            idle: Arc::default(),
        })
    }

    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Sends a request, on an idle connection if it may. The connection comes back when the answer has been
    /// read to its end.
    pub async fn send(
        &self,
        request: Request<RequestBody>,
        reuse: bool,
    ) -> Result<Response<Body>, ClientError> {
        let broken = |e: hyper::Error| ClientError::Connection(describe(&e));
        let mut sender = match self.take(reuse).await {
            Some(sender) => sender,
            None => self.connect().await?,
        };
        let response = sender.send_request(request).await.map_err(broken)?;
        Ok(response.map(|incoming| Body {
            incoming,
            back: Some((sender, self.idle.clone())),
        }))
    }

    async fn take(&self, reuse: bool) -> Option<Sender> {
        if !reuse {
            return None;
        }
        loop {
            let mut sender = self
                .idle
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pop()?;
            if sender.ready().await.is_ok() {
                return Some(sender);
            }
        }
    }

    async fn connect(&self) -> Result<Sender, ClientError> {
        let attempt = async {
            let stream = TcpStream::connect((self.address.host.as_str(), self.address.port)).await;
            let stream = stream.map_err(|e| ClientError::Connection(e.to_string()))?;
            let _ = stream.set_nodelay(true);
            let stream = self
                .connector
                .connect(self.name.clone(), stream)
                .await
                .map_err(refused)?;
            let (sender, connection) = handshake(TokioIo::new(stream))
                .await
                .map_err(|e| ClientError::Connection(describe(&e)))?;
            // Errors reach whoever has sent the request.
            tokio::spawn(connection);
            Ok(sender)
        };
        let waited = timeout(CONNECT, attempt).await;
        waited.unwrap_or_else(|_| Err(ClientError::Connection("it does not answer".to_owned())))
    }
}

fn refused(error: std::io::Error) -> ClientError {
    let inner = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::InvalidCertificate(why)) => ClientError::Certificate(format!(
            "the server's certificate is not the one that is trusted ({why:?}): somebody may be in \
             between, or the server has a new one; ask its operator for the fingerprint"
        )),
        _ => ClientError::Connection(error.to_string()),
    }
}

fn describe(error: &hyper::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// What is received.
pub struct Body {
    incoming: Incoming,
    back: Option<(Sender, Idle)>,
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = Pin::new(&mut self.incoming).poll_frame(context);
        if let Poll::Ready(None) = polled
            && let Some((sender, idle)) = self.back.take()
        {
            let mut idle = idle.lock().unwrap_or_else(PoisonError::into_inner);
            if idle.len() < MAX_IDLE {
                idle.push(sender);
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        // Not before the end has been read, so that the connection comes back.
        false
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
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
