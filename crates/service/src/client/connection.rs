//! Connections to one server, kept for the next request.

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
        let refuse = || {
            ClientError::Settings(format!(
                "{url} is no address of a server: write https://HOST:PORT"
            ))
        };
        let uri: hyper::Uri = url.parse().map_err(|_| refuse())?;
        let is_plain = uri.path() == "/" && uri.query().is_none();
        match (uri.scheme_str(), uri.host()) {
            (Some("https"), Some(host)) if is_plain => Ok(Self {
                host: host.trim_matches(['[', ']']).to_owned(),
                port: uri.port_u16().unwrap_or(443),
            }),
            _ => Err(refuse()),
        }
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
