//! Connections, each of which takes a file descriptor and the memory of a TLS session, whether or not it ever sends a
//! request.
//!
//! From acceptance to the first complete head of a request, TLS included, there is a deadline. A connection is a
//! tenant's as long as its last request had a valid token, and nobody's otherwise. What is nobody's gives way: to
//! newcomers when there is no more room, and to others of the same address when that has too many. What is a tenant's
//! stays, but no tenant may have more than half of what the other tenants leave.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::http::Request;
use axum_server::accept::Accept;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep, sleep_until};
use tower::Service;

use crate::config::Limits;
use crate::error::{Error, Result};
use crate::limiter::share;
use crate::pace::Pace;

/// All connections of a server.
#[derive(Debug)]
pub struct Connections {
    limits: Limits,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    /// By their numbers, so the oldest first.
    all: BTreeMap<u64, Entry>,
    counts: Counts,
}

#[derive(Debug)]
struct Entry {
    peer: IpAddr,
    /// Whether it has sent the head of a request.
    has_asked: bool,
    /// Whose it is.
    tenant: Option<String>,
    /// Closes it when it is dropped.
    _close: oneshot::Sender<()>,
}

/// What became of connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// That are open.
    pub open: usize,
    /// Of these, that are a tenant's.
    pub authenticated: usize,
    /// That sent no request before the deadline.
    pub silent: u64,
    /// That took answers too slowly.
    pub slow: u64,
    /// That gave way to others.
    pub gave_way: u64,
    /// For which there was no room.
    pub refused: u64,
}

impl Connections {
    /// Within these limits.
    pub fn new(limits: &Limits) -> Arc<Self> {
        let limits = limits.clone();
        let open = Mutex::default();
        Arc::new(Self { limits, open })
    }

    /// How many there are, and what became of others.
    pub fn counts(&self) -> Counts {
        let open = self.lock();
        let is_tenants = |entry: &&Entry| entry.tenant.is_some();
        Counts {
            open: open.all.len(),
            authenticated: open.all.values().filter(is_tenants).count(),
            ..open.counts
        }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes room for a connection; nothing if all that are open are tenants'.
    fn enter(self: &Arc<Self>, peer: IpAddr) -> Option<(Visit, oneshot::Receiver<()>)> {
        let peer = network(peer);
        let mut open = self.lock();
        let of_peer = |entry: &Entry| entry.tenant.is_none() && entry.peer == peer;
        if open.all.values().filter(|entry| of_peer(entry)).count()
            >= self.limits.connections_of_address
        {
            open.close_oldest(of_peer);
        }
        if open.all.len() >= self.limits.connections
            && !open.close_oldest(|entry| entry.tenant.is_none())
        {
            open.counts.refused += 1;
            return None;
        }
        let (close, closed) = oneshot::channel();
        let number = open.next;
        open.next += 1;
        let entry = Entry {
            peer,
            has_asked: false,
            tenant: None,
            _close: close,
        };
        open.all.insert(number, entry);
        let visit = Visit(Arc::new(Ticket {
            connections: self.clone(),
            number,
        }));
        Some((visit, closed))
    }
}

impl Open {
    /// Closes one of these: those that have not asked for anything go first, the oldest of them.
    fn close_oldest(&mut self, which: impl Fn(&Entry) -> bool) -> bool {
        let candidates = self.all.iter().filter(|(_, entry)| which(entry));
        let first = candidates.min_by_key(|(number, entry)| (entry.has_asked, **number));
        let Some(number) = first.map(|(number, _)| *number) else {
            return false;
        };
        self.all.remove(&number);
        self.counts.gave_way += 1;
        true
    }
}

/// Addresses that one party has at will count as one: of IPv6 a network of 2^64.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
        address => address,
    }
}

/// A connection, as its requests know it.
#[derive(Clone, Debug)]
pub struct Visit(Arc<Ticket>);

#[derive(Debug)]
struct Ticket {
    connections: Arc<Connections>,
    number: u64,
}

impl Visit {
    /// A request begins, and nobody knows yet whose it is.
    fn ask(&self) {
        if let Some(entry) = self.0.connections.lock().all.get_mut(&self.0.number) {
            (entry.has_asked, entry.tenant) = (true, None);
        }
    }

    /// The request is this tenant's, and so is the connection.
    ///
    /// # Errors
    /// 429 if the tenant has too many.
    pub fn belongs_to(&self, tenant: &str) -> Result<()> {
        let connections = &self.0.connections;
        let mut open = connections.lock();
        let (mut own, mut others) = (0, 0);
        for (number, entry) in &open.all {
            match &entry.tenant {
                Some(found) if found != tenant => others += 1,
                Some(_) if *number != self.0.number => own += 1,
                _ => {}
            }
        }
        if own >= share(connections.limits.connections, others) {
            let message = format!("this tenant already has {own} connections: close some");
            return Err(Error::too_many(message, 1));
        }
        if let Some(entry) = open.all.get_mut(&self.0.number) {
            entry.tenant = Some(tenant.to_owned());
        }
        Ok(())
    }

    fn count(&self, count: impl FnOnce(&mut Counts)) {
        count(&mut self.0.connections.lock().counts);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.connections.lock().all.remove(&self.number);
    }
}

/// Accepts as `inner` does, within the limits.
#[derive(Clone, Debug)]
pub struct Limited<A> {
    inner: A,
    connections: Arc<Connections>,
}

impl<A> Limited<A> {
    /// Counts among these connections.
    pub fn new(inner: A, connections: Arc<Connections>) -> Self {
        Self { inner, connections }
    }
}

type Accepting<T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send>>;

impl<S, A> Accept<TcpStream, S> for Limited<A>
where
    A: Accept<TcpStream, S>,
    A::Future: Send + 'static,
    A::Stream: Send + 'static,
    A::Service: Send + 'static,
{
    type Stream = Counted<A::Stream>;
    type Service = Visited<A::Service>;
    type Future = Accepting<(Self::Stream, Self::Service)>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let entered = stream
            .peer_addr()
            .map(|peer| self.connections.enter(peer.ip()));
        let (visit, mut closed) = match entered {
            Ok(Some(entered)) => entered,
            Ok(None) => return Box::pin(std::future::ready(Err(failed("too many connections")))),
            Err(error) => return Box::pin(std::future::ready(Err(error))),
        };
        let limits = &self.connections.limits;
        let deadline = Instant::now() + limits.head;
        let pace = (limits.rate, limits.window);
        let accepting = self.inner.accept(stream, service);
        Box::pin(async move {
            let (inner, service) = tokio::select! {
                accepted = accepting => accepted?,
                _ = &mut closed => return Err(failed("it gave way to another")),
                _ = sleep_until(deadline) => {
                    visit.count(|counts| counts.silent += 1);
                    return Err(failed("it sent nothing"));
                }
            };
            let stream = Counted {
                inner,
                visit: visit.clone(),
                closed: Some(closed),
                silent: Some(Box::pin(sleep_until(deadline))),
                pace,
                slow: None,
            };
            Ok((
                stream,
                Visited {
                    inner: service,
                    visit,
                },
            ))
        })
    }
}

fn failed(reason: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, reason)
}

/// Answers the requests of a connection, and tells them which it is.
#[derive(Clone, Debug)]
pub struct Visited<S> {
    inner: S,
    visit: Visit,
}

impl<S: Service<Request<B>>, B> Service<Request<B>> for Visited<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        self.visit.ask();
        request.extensions_mut().insert(self.visit.clone());
        self.inner.call(request)
    }
}

/// The bytes of a connection, which ends when it is to give way, has asked for nothing by the deadline, or takes what
/// is sent too slowly.
#[derive(Debug)]
pub struct Counted<S> {
    inner: S,
    visit: Visit,
    closed: Option<oneshot::Receiver<()>>,
    /// As long as it has not asked for anything.
    silent: Option<Pin<Box<Sleep>>>,
    /// Bytes a second over this long.
    pace: (u64, Duration),
    /// As long as there is something that it does not take.
    slow: Option<(Pace, Pin<Box<Sleep>>)>,
}

impl<S> Counted<S> {
    /// Ends it if it is to give way.
    fn check(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        if let Some(closed) = &mut self.closed
            && Pin::new(closed).poll(context).is_pending()
        {
            return Ok(());
        }
        self.closed = None;
        Err(failed("it gave way to another"))
    }

    fn has_asked(&self) -> bool {
        let open = self.visit.0.connections.lock();
        let entry = open.all.get(&self.visit.0.number);
        entry.is_some_and(|entry| entry.has_asked)
    }

    /// So many bytes were taken, or none for now.
    fn moved(&mut self, context: &mut Context<'_>, taken: Poll<usize>) -> io::Result<()> {
        let now = Instant::now();
        let (rate, window) = self.pace;
        let fast = match (taken, &mut self.slow) {
            (Poll::Ready(_), None) => true,
            (Poll::Ready(bytes), Some((pace, _))) => pace.moved(bytes as u64, now),
            (Poll::Pending, slow) => {
                let (pace, timer) = slow.get_or_insert_with(|| {
                    let pace = Pace::new(rate, window, now);
                    let timer = Box::pin(sleep_until(pace.end()));
                    (pace, timer)
                });
                let fast = pace.moved(0, now);
                timer.as_mut().reset(pace.end());
                // It ends in the future.
                let _ = timer.as_mut().poll(context);
                fast
            }
        };
        if fast {
            return Ok(());
        }
        self.visit.count(|counts| counts.slow += 1);
        Err(failed("it takes its answer too slowly"))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(context)?;
        if self.silent.is_some() && self.has_asked() {
            self.silent = None;
        }
        if let Some(silent) = &mut self.silent
            && silent.as_mut().poll(context).is_ready()
        {
            self.visit.count(|counts| counts.silent += 1);
            return Poll::Ready(Err(failed("it sent no request")));
        }
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check(context)?;
        let written = match Pin::new(&mut self.inner).poll_write(context, bytes) {
            Poll::Ready(written) => Poll::Ready(written?),
            Poll::Pending => Poll::Pending,
        };
        self.moved(context, written)?;
        written.map(Ok)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(context)?;
        let Poll::Ready(flushed) = Pin::new(&mut self.inner).poll_flush(context) else {
            self.moved(context, Poll::Pending)?;
            return Poll::Pending;
        };
        // It has all there is for it.
        self.slow = None;
        Poll::Ready(flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(context)?;
        let shut = ready!(Pin::new(&mut self.inner).poll_shutdown(context));
        Poll::Ready(shut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connections(most: usize, of_address: usize) -> Arc<Connections> {
        Connections::new(&Limits {
            connections: most,
            connections_of_address: of_address,
            ..Limits::default()
        })
    }

    fn address(last: u8) -> IpAddr {
        [10, 0, 0, last].into()
    }

    #[test]
    fn what_is_nobodys_gives_way_and_what_is_a_tenants_stays() {
        let all = connections(4, 4);
        let (owner, mut of_owner) = all.enter(address(1)).unwrap();
        owner.ask();
        owner.belongs_to("first").unwrap();
        let (asker, mut of_asker) = all.enter(address(2)).unwrap();
        asker.ask();
        let (_silent, mut of_silent) = all.enter(address(3)).unwrap();
        let (_other, mut of_other) = all.enter(address(4)).unwrap();
        // Who has asked for nothing goes first, the oldest of them.
        let _newcomer = all.enter(address(5)).unwrap();
        assert!(of_silent.try_recv() == Err(oneshot::error::TryRecvError::Closed));
        for open in [&mut of_owner, &mut of_asker, &mut of_other] {
            assert!(open.try_recv() == Err(oneshot::error::TryRecvError::Empty));
        }
        let counts = all.counts();
        assert_eq!(
            (counts.open, counts.authenticated, counts.gave_way),
            (4, 1, 1)
        );
        // With the next request it is nobody's until that is known.
        owner.ask();
        assert_eq!(all.counts().authenticated, 0);
        drop(owner);
        assert_eq!(all.counts().open, 3);
    }

    #[test]
    fn an_address_has_so_many_and_a_tenant_half_of_the_rest() {
        let all = connections(8, 2);
        let first = all.enter(address(1)).unwrap();
        let _second = all.enter(address(1)).unwrap();
        let third = all.enter(address(1)).unwrap();
        assert_eq!((all.counts().open, all.counts().gave_way), (2, 1));
        drop((first, third));
        let mut kept = Vec::new();
        let mut visit = |tenant: &str| {
            let (visit, closed) = all.enter(address(9)).unwrap();
            visit.ask();
            let admitted = visit.belongs_to(tenant);
            kept.push((visit, closed));
            admitted.map_err(|problem| problem.status())
        };
        for _ in 0..4 {
            visit("first").unwrap();
        }
        assert_eq!(visit("first"), Err(429));
        for _ in 0..2 {
            visit("second").unwrap();
        }
        assert_eq!(visit("second"), Err(429));
        visit("third").unwrap();
        assert_eq!(all.counts().authenticated, 7);
    }

    #[test]
    fn a_network_is_one_address() {
        let one = |text: &str| network(text.parse().unwrap());
        assert_eq!(one("2001:db8::1"), one("2001:db8::ffff:1"));
        assert_ne!(one("2001:db8::1"), one("2001:db8:0:1::1"));
        assert_eq!(one("::ffff:10.0.0.1"), one("10.0.0.1"));
    }
}
