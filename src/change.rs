//! Changing settings while the cache runs: the handle's short forms.
//!
//! Owns: nothing but the words. Never: changes anything itself.

use std::sync::Arc;
use std::time::Duration;

use crate::error::Result;
use crate::handle::Cache;
use crate::message::{SetEnabled, SetTtl, TtlOf};

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

    /// Changes what all tiers together may hold, as [`Cache::set_budget`] does; returns the bytes before.
    pub(crate) async fn set_max_size(&self, bytes: u64) -> Result<u64> {
        let before = self.wiring().budget.lock().total();
        self.set_budget(bytes).await?;
        Ok(before)
    }

    /// Switches the cache off, which drops what it holds, or on; returns whether it was on. See [`SetEnabled`].
    pub async fn set_enabled(&self, enabled: bool) -> Result<bool> {
        self.send(SetEnabled::new(enabled)).await
    }
}
