//! The caches that are compared, each doing the same work in its own words.
//!
//! Owns: how each is started, filled, read and written. Never: measures.
//!
//! Peers hold `Arc<Profile>`, which is how their hosts use them; a hit there is a look-up and a count. Every cache has
//! room for twice what it is given, so that nothing is evicted, and moka a time to live, as ours always has one;
//! `quick_cache` knows none.

use std::convert::Infallible;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use apex_cache::message::{Set, SetMany};
use apex_cache::{Cache, Key, Settings, Value};

use crate::Failure;
use crate::work::{Profile, Random, Requests, key};

const TTL: Duration = Duration::from_hours(1);
/// Entries that are handed to ours in one message while it is filled.
const BATCH: usize = 1_000;
/// More than one of our entries weighs.
const WEIGHT_MAX: u64 = 1_024;

type Shared = Arc<Profile>;

/// A cache under measurement. A clone is the same cache.
#[derive(Clone)]
pub enum Contestant {
    /// Ours, read by `get`: what is returned is the reader's own.
    Ours(Cache),
    /// The same cache, read by `get_with`.
    OursLook(Cache),
    /// moka, for threads.
    MokaSync(moka::sync::Cache<String, Shared>),
    /// moka, for tasks.
    MokaFuture(moka::future::Cache<String, Shared>),
    /// `quick_cache`.
    QuickCache(Arc<quick_cache::sync::Cache<String, Shared>>),
}

impl Contestant {
    /// Starts all of them, each holding `count` profiles.
    ///
    /// Errors: a sentence, when one of them does not start or does not hold what it was given.
    pub async fn all(count: u64) -> Result<Vec<Self>, Failure> {
        let room = count * 2;
        let mib = (room * WEIGHT_MAX).div_ceil(1 << 20).max(100);
        let ours = Cache::builder().settings(Settings::default().max_size_mb(mib)).start().await?;
        let all = vec![
            Self::Ours(ours.clone()),
            Self::OursLook(ours),
            Self::MokaSync(moka::sync::Cache::builder().max_capacity(room).time_to_live(TTL).build()),
            Self::MokaFuture(moka::future::Cache::builder().max_capacity(room).time_to_live(TTL).build()),
            Self::QuickCache(Arc::new(quick_cache::sync::Cache::new(room as usize))),
        ];
        let order = Random::new(count).shuffled(count);
        for contestant in &all {
            contestant.fill(&order).await?;
            let held = contestant.held().await?;
            if held != count {
                return Err(format!("{} holds {held} of {count} entries", contestant.name()).into());
            }
        }
        Ok(all)
    }

    /// How it is called in a row.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Ours(_) | Self::OursLook(_) => "apex",
            Self::MokaSync(_) => "moka_sync",
            Self::MokaFuture(_) => "moka_future",
            Self::QuickCache(_) => "quick_cache",
        }
    }

    async fn fill(&self, order: &[u64]) -> Result<(), Failure> {
        match self {
            Self::Ours(cache) => {
                for ids in order.chunks(BATCH) {
                    let set =
                        |&id: &u64| Ok(Set::new(Key::parse(&key(id))?, Value::encode(&Profile::of(id))?));
                    let batch = ids.iter().map(set).collect::<apex_cache::Result<Vec<Set>>>()?;
                    for stored in cache.supervisor().send(SetMany::new(batch)).await? {
                        stored?;
                    }
                }
            }
            Self::OursLook(_) => {} // the same cache
            peer => {
                peer.write(order.iter().map(|&id| (key(id), Profile::of(id))).collect()).await?;
            }
        }
        Ok(())
    }

    async fn held(&self) -> Result<u64, Failure> {
        Ok(match self {
            Self::Ours(cache) | Self::OursLook(cache) => cache.stats().await?.total().entries,
            Self::MokaSync(cache) => {
                cache.run_pending_tasks();
                cache.entry_count()
            }
            Self::MokaFuture(cache) => {
                cache.run_pending_tasks().await;
                cache.entry_count()
            }
            Self::QuickCache(cache) => cache.len() as u64,
        })
    }

    /// Reads all of `requests`, one after the other. Returns how many were there.
    ///
    /// Errors: those of the cache.
    pub async fn read(&self, requests: &Requests) -> Result<usize, Failure> {
        let mut found = 0;
        match self {
            Self::Ours(cache) => {
                for key in requests.iter() {
                    found += usize::from(cache.get::<Profile>(key).await?.is_some_and(|hit| seen(&hit)));
                }
            }
            Self::OursLook(cache) => {
                for key in requests.iter() {
                    found += usize::from(cache.get_with::<Profile, _>(key, seen)?.unwrap_or(false));
                }
            }
            Self::MokaSync(cache) => {
                for key in requests.iter() {
                    found += usize::from(cache.get(key).is_some_and(|profile| seen(&profile)));
                }
            }
            Self::MokaFuture(cache) => {
                for key in requests.iter() {
                    found += usize::from(cache.get(key).await.is_some_and(|profile| seen(&profile)));
                }
            }
            Self::QuickCache(cache) => {
                for key in requests.iter() {
                    found += usize::from(cache.get(key).is_some_and(|profile| seen(&profile)));
                }
            }
        }
        Ok(found)
    }

    /// As [`Contestant::read`], with a loader behind each read, which no hit runs.
    ///
    /// Errors: those of the cache.
    pub async fn read_or_load(&self, requests: &Requests) -> Result<usize, Failure> {
        const ABSENT: u64 = u64::MAX;
        let mut found = 0;
        for key in requests.iter() {
            found += usize::from(match self {
                Self::Ours(cache) | Self::OursLook(cache) => {
                    let load = || async { Ok::<_, Infallible>(Profile::of(ABSENT)) };
                    let hit = cache.get_or_load(key, load).await?;
                    seen(&hit) && hit.id != ABSENT
                }
                Self::MokaSync(cache) => {
                    let load = || Ok::<_, Infallible>(Arc::new(Profile::of(ABSENT)));
                    let profile = cache.try_get_with_by_ref(key, load)?;
                    seen(&profile) && profile.id != ABSENT
                }
                Self::MokaFuture(cache) => {
                    let load = async { Ok::<_, Infallible>(Arc::new(Profile::of(ABSENT))) };
                    let profile = cache.try_get_with_by_ref(key, load).await?;
                    seen(&profile) && profile.id != ABSENT
                }
                Self::QuickCache(cache) => {
                    let load = async { Ok::<_, Infallible>(Arc::new(Profile::of(ABSENT))) };
                    let profile = cache.get_or_insert_async(key, load).await?;
                    seen(&profile) && profile.id != ABSENT
                }
            });
        }
        Ok(found)
    }

    /// Stores `entries`, waiting for each before the next. Key and profile are ready beforehand: peers take them over,
    /// ours encodes the profile and copies the key.
    ///
    /// Errors: those of the cache.
    pub async fn write(&self, entries: Vec<(String, Profile)>) -> Result<(), Failure> {
        match self {
            Self::Ours(cache) | Self::OursLook(cache) => {
                for (key, profile) in entries {
                    cache.set(key, &profile).await?;
                }
            }
            Self::MokaSync(cache) => {
                for (key, profile) in entries {
                    cache.insert(key, Arc::new(profile));
                }
            }
            Self::MokaFuture(cache) => {
                for (key, profile) in entries {
                    cache.insert(key, Arc::new(profile)).await;
                }
            }
            Self::QuickCache(cache) => {
                for (key, profile) in entries {
                    cache.insert(key, Arc::new(profile));
                }
            }
        }
        Ok(())
    }
}

/// Looks at the profile in a way that the compiler cannot leave out.
fn seen(profile: &Profile) -> bool {
    black_box(profile.level) < 60
}
