//! Clients that load: single values, several, and by themselves with a reservation.
//!
//! Owns: which policy a call has, and through which entrance its value comes. Never: judges.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use apex_cache::{Filled, Hit, Key, LoadContext, LoadPolicy, Loaded, Reserved, Source};

use crate::change::tags_of;
use crate::client::Client;
use crate::plan::{KEYS, LONG, SHORTEST_TIMEOUT, tier_of};
use crate::world::{Did, Ending, Entrance, Row, Run, Running, Script, World, pause};

/// What a call says about time, in milliseconds.
#[derive(Debug, Clone, Copy)]
struct Said {
    policy: LoadPolicy,
    ttl: u32,
    stale: u32,
    /// How long the call may wait.
    limit: u32,
    deadline: Option<u32>,
}

fn millis(millis: u32) -> Duration {
    Duration::from_millis(millis.into())
}

impl Client {
    fn said(&mut self, key: usize) -> Said {
        let policy = LoadPolicy::new();
        // All who load a key say the same time to live: a load that another takes over keeps what its first caller said.
        let ttl = self.plan.ttls[key];
        let mut policy = if ttl == LONG { policy } else { policy.ttl(millis(ttl)) };
        let stale = if self.random.below(2) == 0 { 0 } else { self.plan.stale[key] };
        if self.plan.stale[key] > 0 {
            policy = policy.stale(millis(stale)).eager(0.3).retry(millis(5), millis(20));
        }
        if stale > 0 && self.random.below(3) == 0 {
            policy = policy.soft_timeout(millis(8));
        }
        let mut limit = self.plan.settings.load_timeout.as_millis() as u32;
        if self.random.below(8) == 0 {
            limit = SHORTEST_TIMEOUT + self.random.below(80) as u32;
            policy = policy.timeout(millis(limit));
        }
        let deadline = (self.random.below(6) == 0).then(|| 1 + self.random.below(60) as u32);
        Said { policy, ttl, stale, limit: deadline.unwrap_or(limit), deadline }
    }

    fn script(&mut self, ttl: u32) -> Script {
        let takes = if self.random.below(4) == 0 { 0 } else { self.random.below(60) };
        let before = if self.random.below(3) == 0 { self.random.below(takes + 1) } else { 0 };
        let (drawn, faulty) = (self.random.below(100), self.plan.faulty);
        let ending = match drawn {
            drawn if drawn < faulty => Ending::Error,
            drawn if drawn < 2 * faulty => Ending::Panic,
            drawn if drawn < 3 * faulty => Ending::Hang,
            90..95 => Ending::Nothing,
            80..90 => Ending::NotModified,
            _ => Ending::Row,
        };
        Script { before, after: takes - before, ending, tags: self.tags(), ttl }
    }

    pub(crate) async fn load(&mut self) {
        let key = self.key();
        let (said, patience) = (self.said(key), self.patience());
        let script = Script { tags: 0, ..self.script(said.ttl) };
        let call = self.begin(Some(said.limit));
        let (behind, flag) = flags();
        let world = self.world.clone();
        let load = move || async move {
            let row = load_one(&world, key, entrance(&behind, Entrance::Load), script).await?;
            row.ok_or_else(|| io::Error::other("the source has nothing"))
        };
        let mut load = self.cache.get_or_load(KEYS[key], load).policy(said.policy);
        if let Some(deadline) = said.deadline {
            load = load.deadline(millis(deadline));
        }
        let did = match self.wait(patience, load).await {
            Some(Ok(hit)) => Self::loaded(key, &hit, said.stale, &flag),
            Some(Err(error)) => Self::failed("load", &error),
            None => Did::Other("a load was given up"),
        };
        self.end(&call, did);
    }

    /// What was found in memory is, from now on, loaded behind the caller's back if at all.
    fn loaded(key: usize, hit: &Hit<Row>, stale: u32, flag: &AtomicBool) -> Did {
        flag.store(!hit.was_loaded(), Relaxed);
        Self::hit(key, hit, stale)
    }

    /// With a loader that says more than a value.
    pub(crate) async fn find(&mut self) {
        let key = self.key();
        let (said, patience) = (self.said(key), self.patience());
        let script = self.script(said.ttl);
        let call = self.begin(Some(said.limit));
        let (behind, flag) = flags();
        let world = self.world.clone();
        let load = move |load: LoadContext<Row>| async move {
            let running = world.run(key, entrance(&behind, Entrance::Find), script.tags);
            pause(script.before).await;
            let old = load.old().map(|old| **old).filter(|_| script.ending == Ending::NotModified);
            if let Some(old) = old
                && running.renew(old, script.ttl)
            {
                pause(script.after).await;
                return Ok(Loaded::not_modified());
            }
            let row = running.read(script.ttl);
            let found = script.play(&world).await?.then_some(row);
            Ok::<_, io::Error>(Loaded::from(found).tags(tags_of(script.tags)))
        };
        let mut find = self.cache.get_or_load_with(KEYS[key], load).policy(said.policy);
        find = find.not_found_ttl(millis(self.random.below(60) as u32));
        if let Some(deadline) = said.deadline {
            find = find.deadline(millis(deadline));
        }
        let did = match self.wait(patience, find.into_future()).await {
            Some(Ok(Some(hit))) => Self::loaded(key, &hit, said.stale, &flag),
            Some(Ok(None)) => Did::Missed { key: key as u8 },
            Some(Err(error)) => Self::failed("load", &error),
            None => Did::Other("a load was given up"),
        };
        self.end(&call, did);
    }

    /// Several keys with one loader, which leaves some out and brings others beside.
    pub(crate) async fn load_many(&mut self) {
        let first = self.key();
        let chosen = 1 << first | (self.random.next() & self.random.next()) as u8;
        let keys: Vec<usize> = (0..KEYS.len()).filter(|key| chosen >> key & 1 == 1).collect();
        let beside = (self.random.next() & self.random.next()) as u8 & !chosen;
        let beside = (0..KEYS.len()).filter(|&key| beside >> key & 1 == 1 && tier_of(key) == tier_of(first));
        let beside: Vec<usize> = beside.collect();
        let mut said = self.said(first);
        // It is for all keys, also for those that live short when they are loaded by themselves.
        (said.policy, said.ttl) = (said.policy.ttl(millis(LONG)), LONG);
        let (script, patience) = (Script { tags: 0, ..self.script(said.ttl) }, self.patience());
        let left_out = (self.random.below(8) == 0).then(|| *self.random.of(&keys));
        let call = self.begin(Some(said.limit));
        let (world, asked) = (self.world.clone(), self.world.clone());
        let load =
            move |missing: Vec<Key>| load_some(world.clone(), missing, beside.clone(), left_out, script);
        let mut many =
            self.cache.get_or_load_many(keys.iter().map(|&key| KEYS[key]), load).policy(said.policy);
        if self.random.below(2) == 0 {
            many = many.absent_is_not_found().not_found_ttl(millis(20));
        }
        if let Some(deadline) = said.deadline {
            many = many.deadline(millis(deadline));
        }
        let Some(answers) = self.wait(patience, many.into_future()).await else {
            return self.end(&call, Did::Other("a batch was given up"));
        };
        let ended = asked.tick();
        for (&key, answer) in keys.iter().zip(answers) {
            let did = match answer {
                Ok(Some(hit)) => Self::hit(key, &hit, said.stale),
                Ok(None) => Did::Missed { key: key as u8 },
                Err(error) => Self::failed("load", &error),
            };
            self.end_at(&call, ended, did);
        }
    }

    /// Loads by itself.
    pub(crate) async fn reserve(&mut self) {
        let key = self.key();
        let (said, patience) = (self.said(key), self.patience());
        let script = self.script(said.ttl);
        let call = self.begin(Some(said.limit));
        let mut reserve = self.cache.get_or_reserve::<Row>(KEYS[key]).policy(said.policy);
        if let Some(deadline) = said.deadline {
            reserve = reserve.deadline(millis(deadline));
        }
        let reservation = match self.wait(patience, reserve.into_future()).await {
            Some(Ok(Reserved::Hit(hit))) => return self.end(&call, Self::hit(key, &hit, said.stale)),
            Some(Ok(Reserved::Vacant(reservation))) => reservation,
            Some(Ok(Reserved::NotFound)) => return self.end(&call, Did::Missed { key: key as u8 }),
            Some(Err(error)) => return self.end(&call, Self::failed("reserve", &error)),
            None => return self.end(&call, Did::Other("a reservation was given up")),
        };
        self.end(&call, Did::Other("reserved"));
        let running = self.world.run(key, Entrance::Reserve, script.tags);
        pause(script.before).await;
        let row = running.read(script.ttl);
        pause(script.after).await;
        let call = self.begin(Some(0));
        let loaded = match script.ending {
            Ending::Row | Ending::NotModified => Loaded::value(row).tags(tags_of(script.tags)),
            Ending::Nothing => Loaded::not_found(),
            _ => {
                drop(reservation);
                drop(running);
                return self.end(&call, Did::Other("a reservation was dropped"));
            }
        };
        let filled = self.wait(patience, reservation.fill_with(loaded)).await;
        drop(running);
        let did = match filled {
            Some(Ok(Filled::Stored)) if script.ending != Ending::Nothing => {
                let (key, id, from) = (key as u8, row.id, Source::Loaded);
                Did::Read { key, id, from, stored: true, age: 0, allowed: 0 }
            }
            Some(Err(error)) => Self::failed("fill", &error),
            _ => Did::Other("a reservation ended"),
        };
        self.end(&call, did);
    }
}

fn flags() -> (Arc<AtomicBool>, Arc<AtomicBool>) {
    let flag = Arc::new(AtomicBool::new(false));
    (Arc::clone(&flag), flag)
}

/// What begins after its caller was answered from memory is a refresh.
fn entrance(behind: &AtomicBool, otherwise: Entrance) -> Entrance {
    if behind.load(Relaxed) { Entrance::Refresh } else { otherwise }
}

async fn load_one(world: &World, key: usize, entrance: Entrance, script: Script) -> io::Result<Option<Row>> {
    let running = world.run(key, entrance, script.tags);
    pause(script.before).await;
    let row = running.read(script.ttl);
    Ok(script.play(world).await?.then_some(row))
}

async fn load_some(
    world: World,
    missing: Vec<Key>,
    beside: Vec<usize>,
    left_out: Option<usize>,
    script: Script,
) -> io::Result<Vec<(Key, Row)>> {
    let number = |key: &Key| KEYS.iter().position(|&text| text == key.as_str()).unwrap();
    let asked = missing.iter().map(|key| (number(key), Entrance::Member));
    let runs = asked.chain(beside.into_iter().map(|key| (key, Entrance::Extra)));
    let runs: Vec<(usize, Running)> =
        runs.map(|(key, entrance)| (key, world.run(key, entrance, script.tags))).collect();
    pause(script.before).await;
    let rows: Vec<(usize, Row)> = runs.iter().map(|(key, run)| (*key, run.read(script.ttl))).collect();
    let found = script.play(&world).await?;
    let kept = rows.into_iter().filter(|(key, _)| found && Some(*key) != left_out);
    Ok(kept.map(|(key, row)| (Key::parse(KEYS[key]).unwrap(), row)).collect())
}

/// Brings the keys of users, slowly.
pub(crate) async fn warm(
    world: World,
    keys: std::ops::Range<usize>,
    takes: u64,
    ending: Ending,
) -> io::Result<apex_cache::WarmEntries> {
    let runs: Vec<Running> = keys.map(|key| world.run(key, Entrance::Warm, 0)).collect();
    let rows: Vec<Row> = runs.iter().map(|run| run.read(LONG)).collect();
    let script = Script { before: 0, after: takes, ending, tags: 0, ttl: LONG };
    script.play(&world).await?;
    let mut entries = apex_cache::WarmEntries::new();
    for row in rows {
        entries.push(KEYS[row.key as usize], &row).map_err(io::Error::other)?;
    }
    Ok(entries)
}

/// Whether a run counts as one of its key's loads: what comes beside, or with a warm run, does not.
pub(crate) fn is_load(run: &Run) -> bool {
    !matches!(run.entrance, Entrance::Warm | Entrance::Extra)
}
