//! What is taken away: until no reader sees it, until its memory is free, and what readers pay meanwhile.
//!
//! Owns: what is taken in which turn, and putting it back. Never: counts that.
//!
//! moka answers at once and removes later, and until then each of its reads asks the predicate; `quick_cache` looks at all
//! its entries. foyer documents neither predicates nor prefixes, so it has no rows but that of one key.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::{Bench, Gone, KEYS, Peer, check};
use crate::contestant::{Entrant, Setup, Taken, Work};
use crate::host::nanos_in_all;
use crate::ours::Ours;
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
    bench.compare(measure, (1, KEYS), &entrants, |one| {
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
}

impl Crowd {
    fn gather(bench: &Bench<'_>) -> Result<Self, Failure> {
        let many = bench.many;
        let setup = Setup { predicates: true, ..Setup::of(many) };
        let entrants = bench.entrants::<Profile, Ours>(setup, many, shared_key, PREDICATES)?;
        let users = entrants.iter().map(|one| (one.name, many / GROUP)).collect();
        Ok(Self { entrants, users, many, gone: Gone::default() })
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
        mut turn: impl FnMut(&mut Self, &Entrant, &tokio::runtime::Runtime) -> Result<f64, Failure>,
    ) -> Result<(), Failure> {
        let (entrants, host, many) = (self.entrants.clone(), crate::host::start()?, self.many);
        bench.compare(measure, (1, many), &entrants, |one| turn(&mut self, one, &host))?;
        self.gone.tell(measure, bench.report);
        Ok(())
    }
}

/// The ten entries of a user, until no reader sees them.
pub(super) fn visible(bench: &mut Bench<'_>, measure: &str) -> Result<(), Failure> {
    const USERS: u64 = 5;
    Crowd::gather(bench)?.compare(bench, measure, |crowd, one, host| {
        let (take, keys) = crowd.next(one, USERS);
        let done = host.block_on(one.run(&take))?;
        crowd.gone.check(host, one, &keys)?;
        host.block_on(one.run(&crowd.settle(one)))?;
        Ok(nanos_in_all(&[done], USERS as usize))
    })
}

/// The ten entries of a user, until they are no longer in memory. Ours is asked for its status to know that, which is
/// counted.
pub(super) fn freed(bench: &mut Bench<'_>, measure: &str) -> Result<(), Failure> {
    Crowd::gather(bench)?.compare(bench, measure, |crowd, one, host| {
        let (take, keys) = crowd.next(one, 1);
        let done = host.block_on(async {
            let done = [one.run(&take).await?, one.run(&crowd.settle(one)).await?];
            Ok::<_, Failure>(done)
        })?;
        check(one, &done[1..], crowd.left(one))?;
        crowd.gone.check(host, one, &keys)?;
        Ok(nanos_in_all(&done, 1))
    })
}

/// Reads of other keys just after a few users were taken.
pub(super) fn get_after(bench: &mut Bench<'_>, measure: &str) -> Result<(), Failure> {
    const USERS: u64 = 5;
    let ids = zipf(bench.many / 2, bench.reads, 1);
    let (reads, count) = (Requests::of(ids, shared_key), bench.reads);
    Crowd::gather(bench)?.compare(bench, measure, |crowd, one, host| {
        let (take, _) = crowd.next(one, USERS);
        host.block_on(one.run(&take))?;
        let done = host.block_on(one.run(&Work::Get(reads.clone())))?;
        check(one, &[done], count as u64)?;
        host.block_on(one.run(&crowd.settle(one)))?;
        Ok(nanos_in_all(&[done], count))
    })
}

/// All users whose number begins with two digits, as `products:*` names all products: a pattern that ends inside a segment.
pub(super) fn pattern(bench: &mut Bench<'_>, measure: &str) -> Result<(), Failure> {
    Crowd::gather(bench)?.compare(bench, measure, |crowd, one, host| {
        let taken = Taken::Like("user::42".into());
        let ids: Arc<[u64]> = (0..crowd.many).filter(|&id| taken.takes(&shared_key(id))).collect();
        let done = host.block_on(one.run(&Work::Take([taken].into())))?;
        crowd.gone.check(host, one, &Requests::of(ids.iter().copied(), shared_key))?;
        host.block_on(one.run(&Work::SetMany(Arc::clone(&ids), shared_key, 1_000)))?;
        host.block_on(one.run(&Work::Settle(crowd.many)))?;
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
