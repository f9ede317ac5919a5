//! Looking into a cache that runs: one key explained, and what takes place told.
//!
//! Owns: the handle's short forms for both. Never: changes anything.

use crate::actor::Events;
use crate::engine::key::IntoKey;
use crate::error::Result;
use crate::handle::Cache;
use crate::message::{Explain, Explanation};

impl Cache {
    /// What is known of `key`: where it is, how fresh, and why it was absent last. See [`Explain`].
    ///
    /// ```no_run
    /// # async fn example(cache: apex_cache::Cache) -> apex_cache::Result<()> {
    /// let known = cache.explain("user::42::name").await?;
    /// println!("{:?}, absent last because {:?}", known.state, known.last_absence);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn explain(&self, key: impl IntoKey) -> Result<Explanation> {
        self.send(Explain::new(key.into_key()?)).await
    }

    /// What takes place from now on: removals with their cause, loads, refreshes. See [`Event`](crate::Event) for
    /// order, loss and cost.
    ///
    /// ```no_run
    /// # async fn example(cache: apex_cache::Cache) {
    /// let mut events = cache.events();
    /// drop(cache); // listening does not keep it alive
    /// while let Some(event) = events.recv().await {
    ///     println!("{event:?}");
    /// }
    /// # }
    /// ```
    pub fn events(&self) -> Events {
        self.wiring().listen()
    }
}
