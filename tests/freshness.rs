//! Freshness on request: values past their time to live, refreshes behind the reader's back, what the source does not have,
//! and who decides about it all.
//!
//! Owns: the words `ttl`, `stale`, `timeout`, `not_found_ttl` and their company through the handle. Never: invalidations.
#![allow(clippy::unwrap_used)] // what cannot be had fails the test, in helpers too

mod common;
#[path = "common/source.rs"]
mod source;

#[path = "freshness/failing.rs"]
mod failing;
#[path = "freshness/loaders.rs"]
mod loaders;
#[path = "freshness/never_stale.rs"]
mod never_stale;
#[path = "freshness/nothing.rs"]
mod nothing;
#[path = "freshness/policies.rs"]
mod policies;
#[path = "freshness/said.rs"]
mod said;
#[path = "freshness/slow.rs"]
mod slow;
#[path = "freshness/stale.rs"]
mod stale;

use std::time::Duration;

use apex_cache::{Cache, Hit, LoadPolicy, Result};

use source::{Row, Source};

const KEY: &str = "user::1::x";
const TTL: Duration = Duration::from_secs(600);
const STALE: Duration = Duration::from_secs(300);
const SECOND: Duration = Duration::from_secs(1);

/// Ten minutes fresh, five more stale.
fn policy() -> LoadPolicy {
    LoadPolicy::new().ttl(TTL).stale(STALE)
}

async fn get(cache: &Cache, source: &Source, policy: LoadPolicy) -> Result<Hit<Row>> {
    cache.get_or_load(KEY, source.loader(KEY)).policy(policy).await
}
