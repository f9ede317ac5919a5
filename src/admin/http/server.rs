//! The admin on an address of its own.
//!
//! Owns: the listening socket, the bounds on connections, and the thread that serves them. Never: listens where others can
//! reach it without a token.

use std::net::SocketAddr;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpServer};

use super::Admin;
use super::error::AdminError;
use crate::env::server_thread;
use crate::error::{Error, Result};
use crate::handle::Cache;
use crate::settings::AdminSettings;
use crate::telemetry;

/// Connections at a time; more wait to be accepted.
const CONNECTIONS_MAX: usize = 64;
/// Connections that may wait to be accepted.
const BACKLOG: u32 = 64;
/// How long the head of a request may take, and how long a connection may be idle between two.
const HEAD_WITHIN: Duration = Duration::from_secs(5);
/// How long a listener may leave what was sent to it unread, before it is cut.
const UNREAD_WITHIN: Duration = Duration::from_secs(10);

/// An admin that listens. Dropped, it ends at once; see [`AdminServer::stop`].
///
/// ```no_run
/// # async fn example(cache: apex_cache::Cache) -> Result<(), Box<dyn std::error::Error>> {
/// use apex_cache::admin::http::{AdminServer, AdminSettings, random_token};
///
/// let token = random_token();
/// let admin = AdminServer::start(&cache, &AdminSettings::new().token(&token)).await?;
/// println!("http://{}/#token={token}", admin.address());
/// # admin.stop().await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "the admin ends when this is dropped"]
pub struct AdminServer {
    address: SocketAddr,
    handle: Handle,
    admin: Admin,
}

/// Ends the server when it is dropped.
struct Handle(ServerHandle);

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Handle")
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // The order is on its way when this returns; what it would wait for is nobody's business any more.
        drop(self.0.stop(false));
    }
}

impl AdminServer {
    /// Listens on the address in `settings`, on a thread of its own, and serves the admin of `cache` at its root. Keeps the
    /// cache alive until it is stopped or dropped.
    ///
    /// Takes at most 64 connections at a time; heads of at most 16 KiB, within 5 s; bodies of at most 64 KiB, within 5 s.
    /// Errors: an address that other machines reach without a token; a token that is too easy to guess; a host that is no
    /// name; an address that cannot be listened on.
    #[allow(clippy::unused_async)] // so that it may wait for its thread one day
    pub async fn start(cache: &Cache, settings: &AdminSettings) -> Result<Self, AdminError> {
        let bind = settings.bind;
        if settings.is_unguarded() {
            return Err(AdminError::NoToken { bind });
        }
        let admin = Admin::new(cache, settings)?;
        let server = {
            let admin = admin.clone();
            HttpServer::new(move || App::new().service(admin.scope("")))
        }
        .workers(1)
        .backlog(BACKLOG)
        .max_connections(CONNECTIONS_MAX)
        .client_request_timeout(HEAD_WITHIN)
        .client_disconnect_timeout(Duration::from_secs(1))
        .keep_alive(HEAD_WITHIN)
        .shutdown_timeout(1)
        .disable_signals()
        .on_connect(|socket, _| cut_when_unread(socket))
        .bind(bind)
        .map_err(|source| AdminError::Bind { bind, source })?;
        let address = server.addrs().first().copied().unwrap_or(bind);
        let server = server.run();
        let handle = Handle(server.handle());
        server_thread("apex-cache-admin", server).map_err(|source| AdminError::Bind { bind, source })?;
        Ok(Self { address, handle, admin })
    }

    /// The admin of a cache whose settings switch it on: from the start of the cache to its end, which it does not hold up.
    async fn beside(cache: &Cache, settings: &AdminSettings) -> Result<SocketAddr, AdminError> {
        let server = Self::start(&cache.guest(), settings).await?;
        let address = server.address();
        let mut closed = cache.wiring().closed.subscribe();
        cache.wiring().spawner.spawn(async move {
            let _ = closed.wait_for(|closed| *closed).await;
            drop(server);
        });
        Ok(address)
    }

    /// Where it listens; with the port that was free, if 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it: streams of events end, and what else is under way has a second for it.
    pub async fn stop(self) {
        self.admin.close_streams();
        self.handle.0.stop(true).await;
    }
}

/// Starts the admin of a new cache, if its settings switch it on.
pub(crate) async fn start_with(cache: &Cache) -> Result<()> {
    let wiring = cache.wiring();
    let settings = &wiring.plan.admin;
    if settings.is_enabled() {
        let listens = match AdminServer::beside(cache, settings).await {
            Ok(address) => {
                telemetry::admin_listens(address);
                Ok(address)
            }
            // A port that another process has is no reason to serve nobody.
            Err(error @ AdminError::Bind { .. }) if !settings.required => {
                telemetry::admin_failed(&error);
                Err(error.to_string().into())
            }
            Err(error) => return Err(Error::Start { reason: error.to_string() }),
        };
        // Set once: a cache starts once.
        let _ = wiring.admin.set(listens);
    }
    Ok(())
}

/// Has the kernel cut a client that takes nothing of what it asked for: else 64 such clients would keep all others out.
fn cut_when_unread(socket: &dyn std::any::Any) {
    #[cfg(target_os = "linux")]
    if let Some(socket) = socket.downcast_ref::<actix_web::rt::net::TcpStream>() {
        let millis = u32::try_from(UNREAD_WITHIN.as_millis()).unwrap_or(u32::MAX);
        // That it cannot be set is no reason to serve nobody: the bounds on connections hold all the same.
        let _ = rustix::net::sockopt::set_tcp_user_timeout(socket, millis);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (socket, UNREAD_WITHIN);
}
