//! How a cache is described and started.
//!
//! Owns: the order of starting, and where the actors run. Never: starts with settings that have problems.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::actor::{Listener, Wiring, guarded, listen, run_root, start_all};
use crate::admin::{AuditEvent, AuditSink};
use crate::env::{self, Env, Spawner};
use crate::error::{Error, Result};
use crate::handle::{Cache, Life};
use crate::message::Event;
use crate::settings::{Plan, Settings};
use crate::warm::WarmSource;

/// Where the actors of a cache run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Placement {
    /// On a thread of their own, with an actix system of their own. Works in any host. Default.
    #[default]
    OwnThread,
    /// On the calling thread, which must be inside an actix system or a tokio `LocalSet`: a message there costs no wake-up
    /// of another thread, and tests can pause time.
    Inline,
}

/// Describes a cache. Made by [`Cache::builder`].
///
/// ```no_run
/// # async fn example() -> apex_cache::Result<()> {
/// use apex_cache::{Cache, settings::Settings};
///
/// let cache = Cache::builder().settings(Settings::default().max_size_mb(64)).start().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Default)]
#[must_use = "nothing runs until `start` is awaited"]
pub struct Builder {
    settings: Settings,
    sources: Vec<WarmSource>,
    audit: Option<AuditSink>,
    listeners: Vec<Listener>,
    placement: Placement,
    env: Option<Env>,
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder")
            .field("settings", &self.settings)
            .field("sources", &self.sources)
            .finish_non_exhaustive()
    }
}

impl Builder {
    /// Uses `settings`. Default: [`Settings::default`].
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Adds a warm source. Its function must not keep a [`Cache`] of the cache that it warms: that would live for ever.
    pub fn warm(mut self, source: WarmSource) -> Self {
        self.sources.push(source);
        self
    }

    /// Calls `sink` with every command that changed something: who, what, how much. It is called in the task that ran the
    /// command; a panic in it is caught.
    pub fn audit(mut self, sink: impl Fn(&AuditEvent) + Send + Sync + 'static) -> Self {
        self.audit = Some(Arc::new(sink));
        self
    }

    /// Calls `listener` with every event, as they come from [`Cache::events`], until the cache ends. Each call adds one.
    ///
    /// It is called in a task of the cache on the runtime on which [`Builder::start`] is awaited (outside of any, on the
    /// cache's own thread, which it must not hold up; there it also goes on when the host's runtime ends before the cache).
    /// How far it may fall behind is told at [`Event`]; a panic in it
    /// is caught and logged, at most once a minute, and it is called with the next event all the same. It must not keep a
    /// [`Cache`] of this cache: that would live for ever.
    ///
    /// ```no_run
    /// # async fn example() -> apex_cache::Result<()> {
    /// use apex_cache::{Cache, message::{Cause, Event}};
    ///
    /// let cache = Cache::builder()
    ///     .on_event(|event| {
    ///         if let Event::Removed { tier, cause: Cause::Evicted, size, .. } = event {
    ///             println!("tier {tier} is full: {size} bytes had to go");
    ///         }
    ///     })
    ///     .start()
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn on_event(mut self, listener: impl FnMut(&Event) + Send + 'static) -> Self {
        self.listeners.push(Box::new(listener));
        self
    }

    /// Says where the actors run. Default: on a thread of their own.
    pub fn placement(mut self, placement: Placement) -> Self {
        self.placement = placement;
        self
    }

    /// Takes time and randomness from `env`. Default: [`Env::machine`]. A simulated one needs [`Placement::Inline`].
    pub fn env(mut self, env: Env) -> Self {
        self.env = Some(env);
        self
    }

    /// Starts the cache. It serves when this returns; [`Cache::ready`] waits for required warm sources.
    ///
    /// Errors: `Settings` with every problem at once; `Start` when a warm source names no tier, two have one name, no thread
    /// could be started, or the admin that the settings switch on and require cannot listen.
    pub async fn start(self) -> Result<Cache> {
        let plan = self.settings.check()?;
        check_sources(&plan, &self.sources)?;
        let env = self.env.unwrap_or_default();
        let wiring = match self.placement {
            Placement::OwnThread => start_on_thread(self.settings, plan, env, self.sources).await?,
            Placement::Inline => start_inline(self.settings, plan, env, self.sources)?,
        };
        self.listeners.into_iter().for_each(|listener| listen(&wiring, listener));
        let cache = Cache::of(Life { wiring, audit: self.audit, guest: false });
        #[cfg(feature = "admin-http")]
        crate::admin::http::start_with(&cache).await?;
        Ok(cache)
    }
}

/// Starts the actors on this thread.
fn start_inline(settings: Settings, plan: Plan, env: Env, sources: Vec<WarmSource>) -> Result<Arc<Wiring>> {
    let no_place = |_| Error::Start {
        reason:
            "Placement::Inline needs an actix system or a tokio LocalSet on this thread; start one, or use \
                 Placement::OwnThread"
                .into(),
    };
    // Whether there is one cannot be asked: tokio and actix panic when there is none.
    guarded(|| {
        let own =
            Spawner::current().expect("tokio panics without a runtime, and that is what is guarded here");
        let wiring = Wiring::hosted(settings, plan, env, sources, own.clone(), own);
        start_all(&wiring);
        env::spawn_local(run_root(Arc::clone(&wiring)));
        wiring
    })
    .map_err(no_place)
}

/// Starts the actors on a thread of their own, and waits until they are there.
async fn start_on_thread(
    settings: Settings,
    plan: Plan,
    env: Env,
    sources: Vec<WarmSource>,
) -> Result<Arc<Wiring>> {
    let host = Spawner::current();
    let (started, wiring) = oneshot::channel();
    let root = move |own: Spawner| async move {
        let wiring = Wiring::hosted(settings, plan, env, sources, own.clone(), host.unwrap_or(own));
        start_all(&wiring);
        // Nobody waits any more when the host gave up starting; the root then ends at once.
        if started.send(Arc::clone(&wiring)).is_ok() {
            run_root(wiring).await;
        }
    };
    let failed = |reason: String| Error::Start { reason };
    env::thread_with_system("apex-cache", root).map_err(|error| {
        failed(format!(
            "no thread could be started ({error}); raise the limit of threads, or use Placement::Inline"
        ))
    })?;
    wiring
        .await
        .map_err(|_| failed("its thread ended at once; the panic message is on standard error".into()))
}

fn check_sources(plan: &Plan, sources: &[WarmSource]) -> Result<()> {
    for (number, source) in sources.iter().enumerate() {
        if !plan.tiers.iter().any(|tier| &tier.name == source.tier()) {
            let known: Vec<&str> = plan.tiers.iter().map(|tier| &*tier.name).collect();
            let reason = format!(
                "warm source {} fills tier {}, which does not exist; there are {}",
                source.name(),
                source.tier(),
                known.join(", ")
            );
            return Err(Error::Start { reason });
        }
        if sources[..number].iter().any(|other| other.name() == source.name()) {
            let reason =
                format!("two warm sources are called {}; give each a name of its own", source.name());
            return Err(Error::Start { reason });
        }
    }
    Ok(())
}
