//! The account on a loopback port: any AWS client can use it with its endpoint option.
//!
//! A [`Server`] takes requests of AWS clients at every path but those under `/_sandbox/`, which steer the account
//! itself ([`control`]). The account is held for the moment in which a request is answered, never while bytes travel,
//! so that a slow client blocks nobody; what happens by itself is played in turns of milliseconds, so that a year that is
//! skipped blocks nobody either. Bodies, headers, connections, and the time to send a request and to take its answer
//! are bounded. What a browser sends for a page of somewhere else is refused.
//!
//! - [`clock`]: virtual time beside the wall's. [`answer`]: one request, from its bytes to its answer. [`stream`]:
//!   clients that do not read. [`crowd`]: who leaves when there is no room left.

mod answer;
mod clock;
mod control;
mod crowd;
mod stream;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use jiff::Timestamp;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

pub use self::clock::Mode;
use self::clock::ServeClock;
use self::crowd::{Crowd, Seat};
use self::stream::Impatient;
use super::store::{Account, StoreError};
use super::world;

/// How long a client may take to send the head of a request, a connection kept open for the next one included.
const HEAD_WITHIN: Duration = Duration::from_mins(1);

/// The largest head of a request, in bytes.
const LARGEST_HEAD: usize = 64 * 1024;

/// What to serve, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// The port on the loopback address; 0 for one that is free.
    pub port: u16,
    /// How virtual time goes.
    pub mode: Mode,
    /// The name of the world that the account came from, as an error in its file would call it.
    pub world: String,
    /// Its text: what `POST /_sandbox/reset` starts over with unless it names another.
    pub text: String,
}

/// Why serving ended.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The port cannot be listened on.
    #[error("cannot listen on 127.0.0.1:{port}")]
    Listen {
        /// The port.
        port: u16,
        /// What the operating system says.
        source: io::Error,
    },
    /// The account cannot be kept.
    #[error("the account could not be saved")]
    Store(#[from] StoreError),
}

/// A server that listens already, and answers when it is run.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// What all connections share.
#[derive(Debug)]
struct Shared {
    account: Mutex<Account>,
    clock: ServeClock,
    options: Options,
}

impl Shared {
    fn account(&self) -> MutexGuard<'_, Account> {
        // A panic in between would be a bug; the account is still the best that there is.
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the account once it has come to the present moment. Others have their turns on the way.
    async fn caught_up<T>(&self, ask: impl FnOnce(&mut Account, Timestamp) -> T) -> T {
        let now = self.clock.now();
        loop {
            {
                let mut account = self.account();
                if account.approach(now, clock::turn()) {
                    return ask(&mut account, now);
                }
            }
            tokio::task::yield_now().await;
        }
    }

    /// Moves the clock by a while, and the account with it; the time that it is then. Others have their turns on the way,
    /// each at the moment that has been reached. A reset in between ends it.
    async fn advance(&self, by: Duration) -> Timestamp {
        let (times_set, mut rest) = (self.clock.times_set(), by);
        loop {
            {
                let mut account = self.account();
                if self.clock.times_set() != times_set {
                    return account.now();
                }
                let from = self.clock.now();
                let to = from.checked_add(rest).unwrap_or(Timestamp::MAX);
                if account.approach(to, clock::turn()) {
                    self.clock.advance(rest);
                    account.advance(to);
                    return account.now();
                }
                let gone = Duration::try_from(account.now().duration_since(from)).unwrap_or_default();
                self.clock.advance(gone);
                rest = rest.saturating_sub(gone);
            }
            tokio::task::yield_now().await;
        }
    }
}

impl Server {
    /// Listens on a loopback port for the clients of an account.
    ///
    /// # Errors
    /// When the port is taken or not allowed.
    pub async fn bind(options: Options, account: Account) -> Result<Self, ServeError> {
        let port = options.port;
        let failed = |source| ServeError::Listen { port, source };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let clock = ServeClock::new(options.mode, account.now());
        let shared = Arc::new(Shared { account: Mutex::new(account), clock, options });
        Ok(Self { listener, address, shared })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until a moment comes, then leaves the account in good order. Requests under way are cut off, as by a
    /// broken connection.
    ///
    /// # Errors
    /// When the account cannot be saved.
    pub async fn run(self, until: impl Future<Output = ()>) -> Result<(), ServeError> {
        let Self { listener, shared, .. } = self;
        let mut connections = JoinSet::new();
        tokio::select! {
            () = until => {}
            () = accept(&listener, &shared, &mut connections) => {}
        }
        connections.shutdown().await;
        if let Some(shared) = Arc::into_inner(shared) {
            shared.account.into_inner().unwrap_or_else(PoisonError::into_inner).close()?;
        }
        Ok(())
    }
}

/// Serves an account until a moment comes: [`Server::bind`] and [`Server::run`] in one.
///
/// # Errors
/// When the port cannot be listened on, or the account cannot be saved.
pub async fn serve(options: Options, account: Account, until: impl Future<Output = ()>) -> Result<(), ServeError> {
    Server::bind(options, account).await?.run(until).await
}

async fn accept(listener: &TcpListener, shared: &Arc<Shared>, connections: &mut JoinSet<()>) {
    let crowd = Arc::<Crowd>::default();
    loop {
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, _)) => {
                let (shared, seat) = (Arc::clone(shared), Arc::new(crowd.enter().await));
                connections.spawn(async move {
                    tokio::select! {
                        () = connection(stream, &shared, &seat) => {}
                        () = seat.leaves() => {}
                    }
                });
            }
            // Out of file descriptors, for example: clients that leave make room.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn connection(stream: TcpStream, shared: &Shared, seat: &Arc<Seat>) {
    // Answers are small and clients wait for them.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| answer::answer(shared, seat, request));
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(LARGEST_HEAD)
        .auto_date_header(false)
        .serve_connection(TokioIo::new(Impatient::new(stream, Arc::clone(seat))), service)
        .await;
    // The client went away, sent no HTTP, or was to get no answer: the connection is closed, and that is all.
    drop(served);
}
