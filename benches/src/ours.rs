//! Apex Cache under measurement: every call of ours that is timed stands here, so that a new one is one edit.
//!
//! Owns: how our cache is started, read and written. Never: touches what is private to it.

use std::time::Duration;

use apex_cache::message::{Set, SetMany};
use apex_cache::{Cache, Key, Pattern, Placement, Prefix, PreparedKey, Settings, Value};
use serde::de::DeserializeOwned;
use tokio::sync::Barrier;

use crate::Failure;
use crate::contestant::{Contestant, Done, Setup, Taken, timed};
use crate::turns::Turns;
use crate::work::{Payload, Requests};

/// More than one of our entries weighs.
const WEIGHT_MAX: u64 = 1_024;

/// A budget for so many entries.
fn mib(entries: u64) -> u64 {
    (entries * WEIGHT_MAX).div_ceil(1 << 20).max(100)
}

/// As it comes, with room and a time to live as its peers have.
///
/// Errors: a sentence, when it does not start.
pub async fn start(setup: &Setup) -> Result<Cache, Failure> {
    start_at(setup, Placement::OwnThread).await
}

async fn start_at(setup: &Setup, placement: Placement) -> Result<Cache, Failure> {
    let settings = Settings::default()
        .max_size_mb(mib(setup.room))
        .cleanup_interval(Duration::from_secs(1))
        .tier("user", |tier| tier.ttl(setup.ttl));
    Ok(Cache::builder().settings(settings).placement(placement).start().await?)
}

/// Read by keys that are texts.
pub struct Ours(pub Cache);

/// On the thread that uses it, which has a `LocalSet`.
pub struct Inline(pub Cache);

/// Read by keys that were checked, and found their tier, before the time runs.
pub struct Prepared(pub Cache);

// --- reads ----------------------------------------------------------------------------------------------------------

#[inline]
fn get<V: Payload>(cache: &Cache, key: &str) -> Result<bool, Failure> {
    Ok(cache.get_now::<V>(key)?.is_some_and(|value| !V::was_loaded(&value)))
}

fn prepare(cache: &Cache, key: &str) -> Result<PreparedKey, Failure> {
    Ok(cache.prepare(key)?)
}

#[inline]
fn get_prepared<V: Payload>(cache: &Cache, key: &PreparedKey) -> Result<bool, Failure> {
    Ok(cache.get_now::<V>(key)?.is_some_and(|value| !V::was_loaded(&value)))
}

/// Reads `key` for its value, as a host does. Returns whether it was there.
///
/// Errors: a sentence, when it holds another type.
pub async fn read<T: DeserializeOwned + Send + Sync + 'static>(
    cache: &Cache,
    key: &str,
) -> Result<bool, Failure> {
    Ok(cache.get::<T>(key).await?.is_some())
}

async fn get_or_load<V: Payload>(cache: &Cache, key: &str) -> Result<bool, Failure> {
    let load = || async { Ok::<_, std::convert::Infallible>(V::stand_in()) };
    Ok(cache.get_or_load(key, load).await?.was_loaded())
}

// --- writes ---------------------------------------------------------------------------------------------------------

async fn set_many<V: Payload>(cache: &Cache, entries: Vec<(String, V)>) -> Result<(), Failure> {
    let set = |(key, value): (String, V)| Ok(Set::new(Key::parse(&key)?, Value::encode(&value)?));
    set_all(cache, entries.into_iter().map(set).collect::<apex_cache::Result<_>>()?).await
}

/// Stores `batch` at once.
///
/// Errors: a sentence, when one of them is not stored.
pub async fn set_all(cache: &Cache, batch: Vec<Set>) -> Result<(), Failure> {
    for stored in cache.supervisor().send(SetMany::new(batch)).await? {
        stored?;
    }
    Ok(())
}

/// Writes that are not awaited one by one, and a barrier behind them.
async fn set_unawaited<V: Payload>(cache: &Cache, entries: Vec<(String, V)>) -> Result<(), Failure> {
    for (key, value) in entries {
        cache.set(key, &value).send()?;
    }
    Ok(cache.written().await?)
}

async fn take(cache: &Cache, taken: &Taken) -> Result<(), Failure> {
    let gone = match taken {
        Taken::Prefix(prefix) => cache.invalidate(Prefix::parse(prefix)?).await?,
        Taken::Like(begin) => cache.invalidate(Pattern::parse(&format!("{begin}*"))?).await?,
    };
    if gone.matched == 0 { Err(format!("{taken:?} took nothing").into()) } else { Ok(()) }
}

/// Of the status, not of the statistics: these look for the entries that are read most, among all.
async fn held(cache: &Cache) -> Result<u64, Failure> {
    Ok(cache.info().await?.tiers.iter().map(|tier| tier.entries).sum())
}

// --- what else is asked of it ---------------------------------------------------------------------------------------

/// How long its turns took so far.
///
/// Errors: a sentence, when it has ended.
pub async fn turns(cache: &Cache) -> Result<Turns, Failure> {
    Ok(Turns::from(&cache.stats().await?))
}

/// Gives the cache another budget while it runs.
async fn resize(cache: &Cache, mib: u64) -> Option<Result<(), Failure>> {
    Some(cache.set_budget(mib << 20).await.map(drop).map_err(Failure::from))
}

// --- in whichever place, and however it is read, it is the same cache ------------------------------------------------

macro_rules! contestant {
    ($name:ident at $placement:ident { $($apart:tt)* }) => {
        impl<V: Payload> Contestant<V> for $name {
            const NAME: &'static str = "apex";

            async fn start(setup: &Setup) -> Result<Self, Failure> {
                Ok(Self(start_at(setup, Placement::$placement).await?))
            }

            async fn get(&self, key: &str) -> Result<bool, Failure> {
                get::<V>(&self.0, key)
            }

            async fn set(&self, key: String, value: V) -> Result<(), Failure> {
                self.0.set(key, &value).await?;
                Ok(())
            }

            async fn remove(&self, key: &str) -> Result<bool, Failure> {
                Ok(self.0.remove(key).await?.was_present)
            }

            async fn held(&self) -> Result<u64, Failure> {
                held(&self.0).await
            }

            async fn get_or_load(&self, key: &str) -> Result<bool, Failure> {
                get_or_load::<V>(&self.0, key).await
            }

            async fn take(&self, taken: &Taken) -> Result<(), Failure> {
                take(&self.0, taken).await
            }

            async fn turns(&self) -> Result<Turns, Failure> {
                turns(&self.0).await
            }

            async fn resize(&self, entries: u64) -> Option<Result<(), Failure>> {
                resize(&self.0, mib(entries)).await
            }

            async fn set_many(&self, entries: Vec<(String, V)>) -> Result<(), Failure> {
                set_many(&self.0, entries).await
            }

            async fn set_unawaited(&self, entries: Vec<(String, V)>) -> Result<(), Failure> {
                set_unawaited(&self.0, entries).await
            }

            $($apart)*
        }
    };
}

contestant!(Ours at OwnThread {});
contestant!(Inline at Inline {});

contestant!(Prepared at OwnThread {
    async fn get_all(&self, requests: &Requests, gate: &Barrier) -> Result<Done, Failure> {
        let keys = requests.once().map(|key| prepare(&self.0, key)).collect::<Result<Vec<_>, _>>()?;
        timed(gate, async {
            let mut found = 0;
            for _pass in 0..requests.passes() {
                for key in &keys {
                    found += u64::from(get_prepared::<V>(&self.0, key)?);
                }
            }
            Ok(found)
        })
        .await
    }
});
