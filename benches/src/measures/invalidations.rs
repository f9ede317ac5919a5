//! What is taken away: until no reader sees it, until its memory is free, and what readers pay meanwhile.
//!
//! Owns: what is taken in which turn, and putting it back. Never: counts that.
//!
//! moka answers at once and removes later, and until then each of its reads asks the predicate; `quick_cache` looks at all
//! its entries. foyer documents neither predicates nor prefixes, so it has no rows but that of one key.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;

use super::{Bench, Gone, KEYS, Peer, check};
use crate::contestant::{Entrant, Setup, Taken, Work};
use crate::host::{OneThread, nanos_in_all};
use crate::ours::{Inline, Ours};
use crate::peers::MokaSync;
use crate::samples::Samples;
use crate::work::{Profile, Random, Requests, key as profile_key, shared_key, zipf};
use crate::{Failure, process};

/// After which ours has looked for what has expired; moka does when it is asked.
const SWEEP: Duration = Duration::from_secs(1);
const PREDICATES: &[Peer] = &[Peer::MokaSync, Peer::QuickCache];
/// Entries of one user.
const GROUP: u64 = 10;

fn prefix(user: u64) -> Taken {
    Taken::Prefix(format!("user::{user}").into())
}

/// Takes away one key that is there, and waits.
pub(super) fn key(bench: &mut Bench<'_>, measure: &str) -> Result<(), Failure> {
    let entrants =
        bench.profiles::<Ours>(&[Peer::MokaFuture, Peer::QuickCache, Peer::Foyer, Peer::BareMap])?;
    let (count, host) = (bench.writes, crate::host::start()?);
    let ids: Arc<[u64]> = Random::new(5).shuffled(KEYS).into_iter().take(count as usize).collect();
    let keys = Requests::of(ids.iter().copied(), profile_key);
    bench.compare_writes(measure, (1, KEYS), &entrants, |one| {
        let done = host.block_on(one.run(&Work::Remove(keys.clone())))?;
        check(one, &[done], count)?;
        host.block_on(one.run(&Work::Settle(KEYS - count)))?;
        host.block_on(one.run(&Work::SetMany(Arc::clone(&ids), profile_key, 1_000)))?;
        host.block_on(one.run(&Work::Settle(KEYS)))?;
        Ok(nanos_in_all(&[done], count as usize))
    })
}

/// Ours and those that take predicates, with many entries, ten of each user; and which users are left in each of them.
struct Crowd {
    entrants: Vec<Entrant>,
    users: BTreeMap<&'static str, u64>,
    many: u64,
    gone: Gone,
    /// Where all is done: on this one thread, ours too, or else in a host with threads, beside that of ours.
    inline: Option<OneThread>,
    host: Runtime,
}

impl Crowd {
    fn gather(bench: &Bench<'_>) -> Result<Self, Failure> {
        let many = bench.many;
        let entrants = bench.entrants::<Profile, Ours>(Self::setup(many), many, shared_key, PREDICATES)?;
        let users = entrants.iter().map(|one| (one.name, many / GROUP)).collect();
        let host = crate::host::start()?;
        Ok(Self { entrants, users, many, gone: Gone::default(), inline: None, host })
    }

    /// With ours on the thread that calls it.
    fn gather_inline(bench: &Bench<'_>) -> Result<Self, Failure> {
        let (mut crowd, thread) = (Self::gather(bench)?, OneThread::start()?);
        let order: Arc<[u64]> = Random::new(crowd.many).shuffled(crowd.many).into();
        let ours = Entrant::start::<Profile, Inline>(Self::setup(crowd.many), &order, shared_key);
        crowd.entrants[0] = thread.block_on(ours)?;
        crowd.inline = Some(thread);
        Ok(crowd)
    }

    fn setup(many: u64) -> Setup {
        Setup { predicates: true, ..Setup::of(many) }
    }

    fn block_on<F: Future>(&self, work: F) -> F::Output {
        match &self.inline {
            Some(thread) => thread.block_on(work),
            None => self.host.block_on(work),
        }
    }

    /// Whether the entries of `keys` are gone from `one`.
    fn check_gone(&mut self, one: &Entrant, keys: &Requests) -> Result<(), Failure> {
        let read = self.block_on(one.run(&Work::Get(keys.clone())))?;
        self.gone.note(one, keys, read.count)
    }

    /// Work that takes the next `count` users of `entrant`, the least popular ones first, and the keys of these.
    fn next(&mut self, entrant: &Entrant, count: u64) -> (Work, Requests) {
        let users = self.users.entry(entrant.name).or_default();
        *users -= count;
        let taken: Vec<Taken> = (*users..*users + count).map(prefix).collect();
        let keys = Requests::of(*users * GROUP..(*users + count) * GROUP, shared_key);
        (Work::Take(taken.into()), keys)
    }

    /// Entries that `entrant` should still hold.
    fn left(&self, entrant: &Entrant) -> u64 {
        self.users.get(entrant.name).copied().unwrap_or_default() * GROUP
    }

    /// Waits until it holds no more.
    fn settle(&self, entrant: &Entrant) -> Work {
        Work::Settle(self.left(entrant))
    }

    /// Gives each its turns with `turn`.
    fn compare(
        mut self,
        bench: &mut Bench<'_>,
        measure: &str,
        mut turn: impl FnMut(&mut Self, &Entrant) -> Result<f64, Failure>,
    ) -> Result<(), Failure> {
        let (entrants, many) = (self.entrants.clone(), self.many);
        // A cache that lives on one thread can be asked on that thread only.
        let inline = self.inline.is_some();
        let turn = |one: &Entrant| turn(&mut self, one);
        if inline {
            bench.compare(measure, (1, many), &entrants, turn)?;
        } else {
            bench.compare_writes(measure, (1, many), &entrants, turn)?;
        }
        self.gone.tell(measure, bench.report);
        Ok(())
    }
}

/// The ten entries of a user, until no reader sees them.
pub(super) fn visible(bench: &mut Bench<'_>, measure: &str) -> Result<(), Failure> {
    until_unseen(Crowd::gather(bench)?, bench, measure)
}

/// The same, on the thread of the cache: what it comes to without a wake-up.
pub(super) fn visible_inline(bench: &mut Bench<'_>, measure: &str) -> Result<(), Failure> {
    until_unseen(Crowd::gather_inline(bench)?, bench, measure)
}

fn until_unseen(crowd: Crowd, bench: &mut Bench<'_>, measure: &str) -> Result<(), Failure> {
    const USERS: u64 = 5;
    crowd.compare(bench, measure, |crowd, one| {
        let (take, keys) = crowd.next(one, USERS);
        let done = crowd.block_on(one.run(&take))?;
        crowd.check_gone(one, &keys)?;
        crowd.block_on(one.run(&crowd.settle(one)))?;
        Ok(nanos_in_all(&[done], USERS as usize))
    })
}

/// The ten entries of a user, until they are no longer in memory. Ours is asked for its status to know that, which is
/// counted.
pub(super) fn freed(bench: &mut Bench<'_>, measure: &str) -> Result<(), Failure> {
    until_freed(Crowd::gather(bench)?, bench, measure)
}

/// The same, on the thread of the cache.
pub(super) fn freed_inline(bench: &mut Bench<'_>, measure: &str) -> Result<(), Failure> {
    until_freed(Crowd::gather_inline(bench)?, bench, measure)
}

fn until_freed(crowd: Crowd, bench: &mut Bench<'_>, measure: &str) -> Result<(), Failure> {
    crowd.compare(bench, measure, |crowd, one| {
        let (take, keys) = crowd.next(one, 1);
        let settle = crowd.settle(one);
        let done = crowd.block_on(async {
            let done = [one.run(&take).await?, one.run(&settle).await?];
            Ok::<_, Failure>(done)
        })?;
        check(one, &done[1..], crowd.left(one))?;
        crowd.check_gone(one, &keys)?;
        Ok(nanos_in_all(&done, 1))
    })
}

/// Reads of other keys just after a few users were taken.
pub(super) fn get_after(bench: &mut Bench<'_>, measure: &str) -> Result<(), Failure> {
    const USERS: u64 = 5;
    let ids = zipf(bench.many / 2, bench.reads, 1);
    let (reads, count) = (Requests::of(ids, shared_key), bench.reads);
    Crowd::gather(bench)?.compare(bench, measure, |crowd, one| {
        let (take, _) = crowd.next(one, USERS);
        crowd.block_on(one.run(&take))?;
        let done = crowd.block_on(one.run(&Work::Get(reads.clone())))?;
        check(one, &[done], count as u64)?;
        crowd.block_on(one.run(&crowd.settle(one)))?;
        Ok(nanos_in_all(&[done], count))
    })
}

/// All users whose number begins with two digits, as `products:*` names all products: a pattern that ends inside a segment.
pub(super) fn pattern(bench: &mut Bench<'_>, measure: &str) -> Result<(), Failure> {
    Crowd::gather(bench)?.compare(bench, measure, |crowd, one| {
        let taken = Taken::Like("user::42".into());
        let ids: Arc<[u64]> = (0..crowd.many).filter(|&id| taken.takes(&shared_key(id))).collect();
        let done = crowd.block_on(one.run(&Work::Take([taken].into())))?;
        crowd.check_gone(one, &Requests::of(ids.iter().copied(), shared_key))?;
        crowd.block_on(one.run(&Work::SetMany(Arc::clone(&ids), shared_key, 1_000)))?;
        crowd.block_on(one.run(&Work::Settle(crowd.many)))?;
        Ok(nanos_in_all(&[done], 1))
    })
}

/// Many entries whose time to live ends: time on a processor, of all threads, until the last has left memory, for each.
/// A clock on the wall would measure how often each looks.
pub(super) fn expire(bench: &mut Bench<'_>, measure: &str) -> Result<(), Failure> {
    let (count, full) = (bench.many, bench.many > KEYS);
    let (turns, life) = if full { (3, Duration::from_secs(10)) } else { (2, Duration::from_secs(2)) };
    let setup = Setup { ttl: life, ..Setup::of(count) };
    let mut samples = [Samples::default(), Samples::default()];
    for turn in 0..turns {
        for place in 0..2 {
            let number = (place + turn) % 2;
            let one = match number {
                0 => bench.entrant::<Profile, Ours>(setup, count, shared_key)?,
                _ => bench.entrant::<Profile, MokaSync<Profile>>(setup, count, shared_key)?,
            };
            let before = process::cpu(None);
            // All of them have been there for so long afterwards, and ours has swept: who asks again and again whether it
            // is over would be measured, too.
            std::thread::sleep(life + SWEEP * 2);
            check(&one, &[bench.run(&one, &Work::Settle(0))?], 0)?;
            let spent = process::cpu(None).saturating_sub(before);
            samples[number].push(spent.as_nanos() as f64 / count as f64);
        }
    }
    bench.rows(measure, (1, count), &["apex", "moka_sync"], &samples, "ns cpu");
    Ok(())
}
