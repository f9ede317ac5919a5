//! One function that returns a profile, cached by each contestant as its host would write it.
//!
//! Owns: the functions, and that no call of a measurement ran a body. Never: measures.
//!
//! Ours formats its key from the number, and so does moka's here; the crate `cached` takes the number itself, as its
//! attributes do unless told otherwise. Each has room for twice what it is given, and an hour to live.

use std::future::{Ready, ready};
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use apex_cache::{Cache, Settings};

use crate::Failure;
use crate::work::{Profile, Random, key};

/// Profiles that each holds.
pub const COUNT: u64 = 100_000;
const TTL: Duration = Duration::from_hours(1);
/// Bodies that ran.
static LOADS: AtomicU64 = AtomicU64::new(0);

/// The body of all of them.
fn load(id: u64) -> Ready<Profile> {
    LOADS.fetch_add(1, Relaxed);
    ready(Profile::of(id))
}

#[apex_cache::cached(key = "user::{id}::profile", ttl = "1h", companions = false)]
async fn ours(cache: &Cache, id: u64) -> Profile {
    load(id).await
}

#[apex_cache::cached(key = "user::{id}::profile", ttl = "1h", companions = false)]
async fn ours_shared(cache: &Cache, id: u64) -> Arc<Profile> {
    Arc::new(load(id).await)
}

#[cached::macros::cached(max_size = 200_000, ttl_secs = 3_600)]
async fn locked(id: u64) -> Profile {
    load(id).await
}

#[cached::macros::cached(max_size = 200_000, ttl_secs = 3_600)]
async fn locked_shared(id: u64) -> Arc<Profile> {
    Arc::new(load(id).await)
}

#[cached::macros::concurrent_cached(max_size = 200_000, ttl_secs = 3_600)]
async fn sharded(id: u64) -> Profile {
    load(id).await
}

#[cached::macros::concurrent_cached(max_size = 200_000, ttl_secs = 3_600)]
async fn sharded_shared(id: u64) -> Arc<Profile> {
    Arc::new(load(id).await)
}

/// A cached function under measurement. A clone calls the same cache.
#[derive(Clone)]
pub enum Caller {
    /// `#[cached]` of ours, which returns a profile.
    Ours(Cache),
    /// `#[cached]` of ours, which returns an `Arc`.
    OursShared(Cache),
    /// `get_with` of moka, for profiles.
    Moka(moka::future::Cache<String, Profile>),
    /// `get_with` of moka, for `Arc`s.
    MokaShared(moka::future::Cache<String, Arc<Profile>>),
    /// `#[cached]` of the crate `cached`: one lock for all keys.
    Locked,
    /// The same, for `Arc`s.
    LockedShared,
    /// `#[concurrent_cached]` of the crate `cached`: a lock for each part of the keys.
    Sharded,
    /// The same, for `Arc`s.
    ShardedShared,
}

impl Caller {
    /// All whose function returns a profile, or all whose returns an `Arc` of one; each holds [`COUNT`] of them.
    ///
    /// Errors: a sentence, when one of them does not start or does not hold what it was given.
    pub async fn all(shared: bool) -> Result<Vec<Self>, Failure> {
        let room = COUNT * 2;
        let cache = Cache::builder().settings(Settings::default().max_size_mb(200)).start().await?;
        let all = if shared {
            let moka = moka::future::Cache::builder().max_capacity(room).time_to_live(TTL).build();
            vec![Self::OursShared(cache), Self::MokaShared(moka), Self::LockedShared, Self::ShardedShared]
        } else {
            let moka = moka::future::Cache::builder().max_capacity(room).time_to_live(TTL).build();
            vec![Self::Ours(cache), Self::Moka(moka), Self::Locked, Self::Sharded]
        };
        let order = Random::new(COUNT).shuffled(COUNT);
        for caller in &all {
            caller.run(&order).await;
            caller.call(&order).await?;
        }
        Ok(all)
    }

    /// How it is called in a row.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Ours(_) | Self::OursShared(_) => "apex",
            Self::Moka(_) | Self::MokaShared(_) => "moka_future",
            Self::Locked | Self::LockedShared => "cached",
            Self::Sharded | Self::ShardedShared => "cached_sharded",
        }
    }

    /// Calls the function for each of `ids`, one after the other; all of them are hits.
    ///
    /// Errors: a sentence, when a body ran.
    pub async fn call(&self, ids: &[u64]) -> Result<(), Failure> {
        let before = LOADS.load(Relaxed);
        self.run(ids).await;
        match LOADS.load(Relaxed) - before {
            0 => Ok(()),
            loads => Err(format!("{} ran {loads} bodies where all should be hits", self.name()).into()),
        }
    }

    async fn run(&self, ids: &[u64]) {
        match self {
            Self::Ours(cache) => {
                for &id in ids {
                    black_box(ours(cache, id).await);
                }
            }
            Self::OursShared(cache) => {
                for &id in ids {
                    black_box(ours_shared(cache, id).await);
                }
            }
            Self::Moka(cache) => {
                for &id in ids {
                    black_box(cache.get_with(key(id), async { load(id).await }).await);
                }
            }
            Self::MokaShared(cache) => {
                for &id in ids {
                    black_box(cache.get_with(key(id), async { Arc::new(load(id).await) }).await);
                }
            }
            Self::Locked => {
                for &id in ids {
                    black_box(locked(id).await);
                }
            }
            Self::LockedShared => {
                for &id in ids {
                    black_box(locked_shared(id).await);
                }
            }
            Self::Sharded => {
                for &id in ids {
                    black_box(sharded(id).await);
                }
            }
            Self::ShardedShared => {
                for &id in ids {
                    black_box(sharded_shared(id).await);
                }
            }
        }
    }
}
