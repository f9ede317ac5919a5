//! Reads and changes of the same rows, through a cache that must never show a row as it was before a
//! confirmed change.
//!
//! Owns: the rows, the caches in front of them, and the check of every read. Never: measures.
//!
//! Each user has ten profiles, and each profile shows how often its user was changed. Our cache stores a
//! profile with the tag of its user, and a change invalidates the tag. moka has no tags. There the number of
//! changes, the epoch, is a part of each key, and a change increments the epoch. Entries of older epochs are
//! never asked for again, and moka evicts them when it needs the room. Epochs are also right where a load has
//! read the old row, which an invalidation of moka is not.

use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};

use apex_cache::{Cache, Loaded, Tag};
use moka::Equivalent;
use moka::policy::EvictionPolicy;

use crate::contestant::Setup;
use crate::turns::Turns;
use crate::work::{Profile, Random, Requests, shared_key, zipf};
use crate::{Failure, ours};

/// Profiles of one user.
const GROUP: u64 = 10;
/// Reads before each change.
pub const READS: usize = 6;

type Never = std::convert::Infallible;

/// The database: how often each user was changed.
#[derive(Debug)]
struct UserRows {
    changes: Vec<AtomicU64>,
    loads: AtomicU64,
    /// The tag of each user, made before the time runs.
    tags: Vec<Tag>,
}

impl UserRows {
    /// The row of profile `id`.
    fn load(&self, id: u64) -> Profile {
        self.loads.fetch_add(1, Relaxed);
        Profile { last_seen: self.changes[(id / GROUP) as usize].load(Acquire), ..Profile::of(id) }
    }
}

/// A key of moka: the text and the epoch.
#[derive(Debug, PartialEq, Eq)]
struct EpochKey(Box<str>, u64);

/// The same, borrowed, so that a hit allocates nothing.
struct EpochKeyRef<'k>(&'k str, u64);

impl Hash for EpochKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        EpochKeyRef(&self.0, self.1).hash(state);
    }
}

impl Hash for EpochKeyRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
        self.1.hash(state);
    }
}

impl Equivalent<EpochKey> for EpochKeyRef<'_> {
    fn equivalent(&self, key: &EpochKey) -> bool {
        self.1 == key.1 && *self.0 == *key.0
    }
}

enum StormCache {
    Ours(Cache),
    /// With the epochs of all users in a vector: nothing finds them faster.
    MokaEpochs(moka::future::Cache<EpochKey, Arc<Profile>>, Vec<AtomicU64>),
    /// The same with moka's cache for threads, whose loaders block instead of waiting.
    MokaEpochsSync(moka::sync::Cache<EpochKey, Arc<Profile>>, Vec<AtomicU64>),
    /// For tests: a moka that learns of no change.
    #[cfg(test)]
    Untold(moka::future::Cache<EpochKey, Arc<Profile>>),
}

/// A cache in front of rows of its own.
pub struct Storm {
    /// Its name in a row.
    pub name: &'static str,
    kept: StormCache,
    rows: Arc<UserRows>,
    /// The number of the last confirmed change of each user. A read that begins later must not show an older
    /// number.
    confirmed: Vec<AtomicU64>,
}

/// The operations of one thread: reads of profiles, and a change of a user after each [`READS`] reads.
#[derive(Debug)]
pub struct StormPart {
    ids: Vec<u64>,
    keys: Requests,
    users: Vec<u64>,
}

impl StormPart {
    /// `count` changes, and the reads before them, among the profiles of `users` users. Popular users are
    /// read more often (Zipf 0.99), and changed more often if `popular_changes`; otherwise all are changed as
    /// often.
    #[must_use]
    pub fn of(users: u64, count: usize, popular_changes: bool, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let ids = zipf(users, count * READS, seed * 2).into_iter();
        let ids: Vec<u64> = ids.map(|user| user * GROUP + random.below(GROUP)).collect();
        let changed = if popular_changes {
            zipf(users, count, seed * 2 + 1)
        } else {
            (0..count).map(|_| random.below(users)).collect()
        };
        Self { keys: Requests::of(ids.iter().copied(), shared_key), ids, users: changed }
    }

    /// Reads and changes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len() + self.users.len()
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Storm {
    /// Ours and both caches of moka with epochs, each of which holds the profiles of `users` users.
    ///
    /// Errors: a sentence, when one does not start or does not show what it was given.
    pub async fn all(users: u64) -> Result<Vec<Self>, Failure> {
        let setup = Setup::of(users * GROUP);
        let ours = StormCache::Ours(ours::start(&setup).await?);
        let moka = StormCache::MokaEpochs(moka(&setup), zeros(users));
        let sync = moka::sync::Cache::builder().max_capacity(setup.room).time_to_live(setup.ttl);
        let sync = sync.eviction_policy(EvictionPolicy::lru()).build();
        let sync = StormCache::MokaEpochsSync(sync, zeros(users));
        let all = vec![
            Self::of("apex", ours, users)?,
            Self::of("moka_epochs", moka, users)?,
            Self::of("moka_epochs_sync", sync, users)?,
        ];
        for storm in &all {
            storm.fill(users).await?;
        }
        Ok(all)
    }

    fn of(name: &'static str, kept: StormCache, users: u64) -> Result<Self, Failure> {
        let tags =
            (0..users).map(|user| Tag::new(format!("user:{user}"))).collect::<apex_cache::Result<_>>()?;
        let rows = UserRows { changes: zeros(users), loads: AtomicU64::new(0), tags };
        Ok(Self { name, kept, rows: Arc::new(rows), confirmed: zeros(users) })
    }

    /// Reads all profiles, in mixed order.
    async fn fill(&self, users: u64) -> Result<(), Failure> {
        let ids = Random::new(users).shuffled(users * GROUP);
        for (key, id) in Requests::of(ids.iter().copied(), shared_key).iter().zip(ids) {
            self.read(key, id).await?;
        }
        Ok(())
    }

    /// Does `part`. Returns how many of its operations were right: reads that showed every change confirmed
    /// before they began, and changes.
    ///
    /// Errors: a sentence, when the cache fails.
    pub async fn run(&self, part: &StormPart) -> Result<u64, Failure> {
        let (mut right, mut users) = (0, part.users.iter());
        for (number, (key, &id)) in part.keys.iter().zip(&part.ids).enumerate() {
            let confirmed = self.confirmed[(id / GROUP) as usize].load(Acquire);
            right += u64::from(self.read(key, id).await? >= confirmed);
            if (number + 1) % READS == 0
                && let Some(&user) = users.next()
            {
                self.change(user).await?;
                right += 1;
            }
        }
        Ok(right)
    }

    /// The number of profiles, among those of the users that `parts` change, that the cache shows as they
    /// were before. Call it while nothing changes.
    ///
    /// Errors: a sentence, when the cache fails.
    pub async fn wrong_profiles(&self, parts: &[StormPart]) -> Result<u64, Failure> {
        let users: BTreeSet<u64> = parts.iter().flat_map(|part| part.users.iter().copied()).collect();
        let mut wrong = 0;
        for user in users {
            let right = self.rows.changes[user as usize].load(Acquire);
            for id in user * GROUP..(user + 1) * GROUP {
                wrong += u64::from(self.read(&shared_key(id), id).await? != right);
            }
        }
        Ok(wrong)
    }

    /// Rows that were loaded so far.
    #[must_use]
    pub fn loads(&self) -> u64 {
        self.rows.loads.load(Relaxed)
    }

    /// How long the turns of its actors took so far; empty where it has none.
    ///
    /// Errors: a sentence, when it has ended.
    pub async fn turns(&self) -> Result<Turns, Failure> {
        match &self.kept {
            StormCache::Ours(cache) => ours::turns(cache).await,
            _ => Ok(Turns::default()),
        }
    }

    /// Reads a profile, and loads it when it is not there. Returns how many changes of its user it shows.
    async fn read(&self, key: &str, id: u64) -> Result<u64, Failure> {
        match &self.kept {
            StormCache::Ours(cache) => {
                let rows = Arc::clone(&self.rows);
                let load = move |_| async move {
                    let tag = rows.tags[(id / GROUP) as usize].clone();
                    Ok::<_, Never>(Loaded::value(rows.load(id)).tag(tag))
                };
                let profile = cache.get_or_load_with(key, load).await?;
                Ok(profile.ok_or("a loaded profile is not there")?.last_seen)
            }
            StormCache::MokaEpochs(cache, epochs) => {
                // Read before the load, so a row that changes during its load is stored under the old epoch.
                let epoch = epochs[(id / GROUP) as usize].load(Acquire);
                Ok(self.read_moka(cache, EpochKeyRef(key, epoch), id).await)
            }
            StormCache::MokaEpochsSync(cache, epochs) => {
                let epoch = epochs[(id / GROUP) as usize].load(Acquire);
                if let Some(profile) = cache.get(&EpochKeyRef(key, epoch)) {
                    return Ok(profile.last_seen);
                }
                let load = || Arc::new(self.rows.load(id));
                Ok(cache.get_with(EpochKey(key.into(), epoch), load).last_seen)
            }
            #[cfg(test)]
            StormCache::Untold(cache) => Ok(self.read_moka(cache, EpochKeyRef(key, 0), id).await),
        }
    }

    async fn read_moka(
        &self,
        cache: &moka::future::Cache<EpochKey, Arc<Profile>>,
        key: EpochKeyRef<'_>,
        id: u64,
    ) -> u64 {
        if let Some(profile) = cache.get(&key).await {
            return profile.last_seen;
        }
        let load = async { Arc::new(self.rows.load(id)) };
        cache.get_with(EpochKey(key.0.into(), key.1), load).await.last_seen
    }

    /// Changes a user, and waits until no read shows a profile from before the change.
    async fn change(&self, user: u64) -> Result<(), Failure> {
        let number = self.rows.changes[user as usize].fetch_add(1, AcqRel) + 1;
        match &self.kept {
            StormCache::Ours(cache) => {
                cache.invalidate(self.rows.tags[user as usize].clone()).await?;
            }
            StormCache::MokaEpochs(_, epochs) | StormCache::MokaEpochsSync(_, epochs) => {
                epochs[user as usize].fetch_add(1, AcqRel);
            }
            #[cfg(test)]
            StormCache::Untold(_) => {}
        }
        self.confirmed[user as usize].fetch_max(number, AcqRel);
        Ok(())
    }
}

fn zeros(count: u64) -> Vec<AtomicU64> {
    (0..count).map(|_| AtomicU64::new(0)).collect()
}

/// With LRU: the default policy would not admit the entries of a new epoch, because the cache is full of
/// entries of older epochs that were asked for more often.
fn moka(setup: &Setup) -> moka::future::Cache<EpochKey, Arc<Profile>> {
    let builder = moka::future::Cache::builder().max_capacity(setup.room).time_to_live(setup.ttl);
    builder.eviction_policy(EvictionPolicy::lru()).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    const USERS: u64 = 20;

    #[test]
    fn all_caches_show_every_change_and_one_that_is_told_nothing_is_found_out() -> Result<(), Failure> {
        crate::host::start()?.block_on(async {
            let part = StormPart::of(USERS, 200, true, 1);
            let mut all = Storm::all(USERS).await?;
            let untold = Storm::of("untold", StormCache::Untold(moka(&Setup::of(USERS * GROUP))), USERS)?;
            untold.fill(USERS).await?;
            all.push(untold);
            let mut wrong = Vec::new();
            for storm in &all {
                let (right, loads) = (storm.run(&part).await?, storm.loads());
                wrong.push((
                    part.len() as u64 - right > 0,
                    storm.wrong_profiles(std::slice::from_ref(&part)).await? > 0,
                ));
                assert_eq!(loads > USERS * GROUP, storm.name != "untold", "{}", storm.name);
            }
            assert_eq!(wrong, [(false, false), (false, false), (false, false), (true, true)]);
            Ok(())
        })
    }

    #[test]
    fn there_is_a_change_after_every_six_reads() {
        let part = StormPart::of(USERS, 10, false, 3);
        assert_eq!((part.ids.len(), part.users.len(), part.len()), (60, 10, 70));
        assert!(part.ids.iter().all(|&id| id < USERS * GROUP) && part.users.iter().all(|&user| user < USERS));
    }
}
