//! The admin over HTTP: looking into a cache and steering it from a browser, a script, a monitoring system.
//!
//! Owns: what may be asked by whom, and the shape of the answers. Never: shows a value to anybody, or a key to one without
//! the token; changes anything but by the messages and commands that everybody else uses.
//!
//! Off unless a host starts it, or its settings switch it on. [`AdminServer`] listens on an address of its own, the loopback address
//! unless told otherwise; [`Admin::scope`] mounts the same into a host's actix-web app, and `Admin::service` (with the feature
//! `tower`) into one of axum or hyper. `src/admin/http/openapi.json` describes every route; the
//! server shows it at `/api/openapi.json`.
//!
//! What is refused, and how it is told, is decided in two steps that know nothing of actix: [`Admin`] looks at the head of a
//! request before its body is read, and then carries it out. `serve` puts the steps together; `front_actix` and `front_tower` are
//! all that knows a web framework.

mod access;
mod change;
mod error;
mod feed;
mod fields;
mod front_actix;
#[cfg(feature = "tower")]
mod front_tower;
mod look;
mod metrics;
mod page;
mod query;
mod refusal;
mod routes;
mod serve;
mod server;
mod shape;

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use tokio::sync::watch;

pub use crate::settings::AdminSettings;
pub use crate::settings::token::random_token;
pub use error::AdminError;
#[cfg(feature = "tower")]
pub use front_tower::{AdminBody, AdminService};
pub use server::AdminServer;
pub(crate) use server::start_with;

use crate::handle::Cache;
use access::Access;

/// The admin of one cache, to be mounted into an actix-web app. Cheap to clone; keeps the cache alive as a [`Cache`] does.
///
/// ```no_run
/// use actix_web::{App, HttpServer};
/// use apex_cache::admin::http::{Admin, AdminSettings};
///
/// # async fn example(cache: apex_cache::Cache) -> Result<(), Box<dyn std::error::Error>> {
/// let settings = AdminSettings::new().token_from_environment().allow_host("shop.example.com");
/// let admin = Admin::new(&cache, &settings)?; // once, outside of the factory
/// HttpServer::new(move || App::new().service(admin.scope("/admin/cache")))
///     .bind("127.0.0.1:8080")?
///     .run()
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Admin {
    shared: Arc<Shared>,
}

struct Shared {
    cache: Cache,
    access: Access,
    listeners: Arc<AtomicUsize>,
    /// Whether streams end, and none begins any more.
    closing: watch::Sender<bool>,
}

impl std::fmt::Debug for Admin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Admin").finish_non_exhaustive()
    }
}

impl Admin {
    /// The admin of `cache`. Where the host's server listens is the host's business: the address in `settings` plays no
    /// part, and without a token nothing can be changed and no key is shown.
    ///
    /// Errors: a token that is too easy to guess, a name of a host that is none.
    pub fn new(cache: &Cache, settings: &AdminSettings) -> Result<Self, AdminError> {
        let access = Access::of(settings)?;
        let (listeners, closing) = (Arc::default(), watch::Sender::new(false));
        Ok(Self { shared: Arc::new(Shared { cache: cache.clone(), access, listeners, closing }) })
    }

    /// Ends every open stream of events at once, and answers 503 to those who ask for one from now on. Call it when your server
    /// begins to stop: a server that waits for its connections waits for an open stream, which has no end of its own.
    ///
    /// ```no_run
    /// # #[cfg(feature = "tower")]
    /// # async fn example(admin: apex_cache::admin::http::Admin, ctrl_c: impl Future<Output = ()> + Send + 'static) {
    /// let service = admin.service("/admin/cache"); // axum: with_graceful_shutdown(stop)
    /// let stop = async move {
    ///     ctrl_c.await;
    ///     admin.close_streams();
    /// };
    /// # let _ = (service, stop);
    /// # }
    /// ```
    pub fn close_streams(&self) {
        self.shared.closing.send_replace(true);
    }

    /// Every route that there is, as method and path: for tests that hold a description against the server.
    pub fn routes() -> impl Iterator<Item = (&'static str, &'static str)> {
        routes::all()
    }

    fn cache(&self) -> &Cache {
        &self.shared.cache
    }
}
