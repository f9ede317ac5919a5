//! Changing settings while the cache runs: the handle's short forms.
//!
//! Owns: nothing but the words. Never: changes anything itself.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::error::Result;
use crate::handle::Cache;
use crate::message::{Reload, Reloaded, SetEnabled, SetTtl, TtlOf};

impl Cache {
    /// Lets what is stored in `tier` from now on live for `ttl`, also under its prefixes without a time to live of their
    /// own; what is stored keeps its own. Returns the time to live before. See [`SetTtl`].
    pub async fn set_ttl(&self, tier: impl Into<Arc<str>>, ttl: Duration) -> Result<Duration> {
        self.send(SetTtl::new(TtlOf::Tier(tier.into()), ttl)).await
    }

    /// The same for a prefix of the settings, which has a time to live of its own from then on.
    pub async fn set_prefix_ttl(&self, prefix: impl Into<Arc<str>>, ttl: Duration) -> Result<Duration> {
        self.send(SetTtl::new(TtlOf::Prefix(prefix.into()), ttl)).await
    }

    /// Switches the cache off, which drops what it holds, or on; returns whether it was on. See [`SetEnabled`].
    pub async fn set_enabled(&self, enabled: bool) -> Result<bool> {
        self.send(SetEnabled::new(enabled)).await
    }

    /// Reads the settings again, with the file at `path` among their sources, and puts into force what has changed and can
    /// while the cache runs: all or nothing. Returns what has changed, and tells the audit. The cache never does it by itself.
    /// See [`Reload`].
    ///
    /// Errors: `NotReloaded` lists every problem of the new settings, or all that would need a new start.
    ///
    /// ```no_run
    /// # async fn example() -> apex_cache::Result<()> {
    /// use apex_cache::{Cache, Settings};
    ///
    /// let settings = Settings::load().file("config/app.toml").environment().read()?;
    /// let cache = Cache::builder().settings(settings).start().await?;
    /// // .. somebody edits the file, and sends a signal or calls a route of yours
    /// match cache.reload("config/app.toml").await {
    ///     Ok(reloaded) => println!("{:?}", reloaded.changed),
    ///     Err(error) => eprintln!("{error}"), // what was in force before still is
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn reload(&self, path: impl Into<PathBuf>) -> Result<Reloaded> {
        self.reload_audited(Reload::from_file(path), "code").await
    }
}
