//! Clients that do random things, and write down what they saw.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use apex_cache::message::{Break, Breaks, Get};
use apex_cache::{
    Cache, Error, ErrorKind, Key, Pattern, Prefix, Scope, Settings, WarmEntries, WarmScope, WarmSource,
};

use crate::source::{Random, Row, Source, clock};

/// Few keys, so that calls meet.
pub(crate) const KEYS: [&str; 7] =
    ["user::1::a", "user::1::b", "user::2::a", "user_orders::1", "query::1", "query::1::a", "config::1"];

/// What a call did and came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Did {
    /// Read this version, from where, and whether the cache held it then.
    Read { key: usize, version: u64, from: apex_cache::Source, stored: bool },
    /// Found nothing.
    Missed { key: usize },
    /// Was told that keys (by index) with these versions at its start are gone.
    Gone { least: Vec<(usize, u64)> },
    /// Was told that a version is stored.
    Set { key: usize, version: u64 },
    /// Was told of an error.
    Failed { call: &'static str, kind: ErrorKind },
    /// Broke something.
    Broke,
    /// Something that has no consequence for readers.
    Other(&'static str),
}

/// One call of one client.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) client: u64,
    /// Numbers in the order in which calls began and ended.
    pub(crate) began: u64,
    pub(crate) ended: u64,
    pub(crate) at_ms: u64,
    pub(crate) took: Duration,
    pub(crate) deadline: Option<Duration>,
    pub(crate) did: Did,
}

/// What all clients of one history share.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) source: Source,
    pub(crate) load_timeout: Duration,
    began: tokio::time::Instant,
    shared: Arc<Mutex<(u64, Vec<Event>)>>,
}

impl World {
    pub(crate) fn new(load_timeout: Duration) -> Self {
        Self { source: Source::new(), load_timeout, began: clock(), shared: Arc::default() }
    }

    pub(crate) fn history(&self) -> Vec<Event> {
        self.shared.lock().unwrap().1.clone()
    }

    fn tick(&self) -> u64 {
        let mut shared = self.shared.lock().unwrap();
        shared.0 += 1;
        shared.0
    }

    /// Reads three keys of one tier, slowly.
    pub(crate) fn warm_source(&self) -> WarmSource {
        let source = self.source.clone();
        WarmSource::new("users", "user", move |_run| {
            let source = source.clone();
            async move {
                let rows = KEYS[..3].iter().map(|key| source.row(key)).collect::<Vec<_>>();
                pause(Duration::from_millis(30)).await;
                rows.iter().try_fold(WarmEntries::new(), |entries, row| entries.with(row.key.as_str(), row))
            }
        })
    }
}

/// Waits in virtual time.
pub(crate) async fn pause(span: Duration) {
    let _ = tokio::time::timeout(span, std::future::pending::<()>()).await;
}

/// One client.
pub(crate) struct Client {
    number: u64,
    random: Random,
    cache: Cache,
    world: World,
}

impl Client {
    pub(crate) fn new(number: u64, seed: u64, cache: Cache, world: World) -> Self {
        Self { number, random: Random(seed), cache, world }
    }

    pub(crate) async fn run(mut self, calls: u64) {
        for _ in 0..calls {
            if self.random.below(3) > 0 {
                pause(Duration::from_millis(self.random.below(60))).await;
            }
            let (began, from) = (self.world.tick(), clock());
            let (deadline, did) = self.call().await;
            let event = Event {
                client: self.number,
                began,
                ended: self.world.tick(),
                at_ms: self.world.began.elapsed().as_millis() as u64,
                took: from.elapsed(),
                deadline,
                did,
            };
            self.world.shared.lock().unwrap().1.push(event);
        }
    }

    async fn call(&mut self) -> (Option<Duration>, Did) {
        let key = self.random.below(KEYS.len() as u64) as usize;
        match self.random.below(100) {
            0..10 => (None, self.get(key)),
            10..15 => (None, self.get_in_order(key).await),
            15..55 => self.load(key).await,
            55..65 => self.set(key).await,
            65..90 => (None, self.invalidate(key).await),
            90..93 => (None, Did::Other(self.warm().await)),
            93..96 => (None, self.broken().await),
            96..98 => {
                drop(self.cache.supervisor().send(Break::new(Breaks::Supervisor)));
                (None, Did::Other("supervisor died"))
            }
            _ => (None, Did::Other(self.revive().await)),
        }
    }

    fn get(&self, key: usize) -> Did {
        match self.cache.get_with(KEYS[key], |row: &Row| row.clone()) {
            Ok(Some(row)) => read(key, &row, apex_cache::Source::Memory, true),
            Ok(None) => Did::Missed { key },
            Err(error) => failed("get", &error),
        }
    }

    async fn get_in_order(&self, key: usize) -> Did {
        match self.cache.supervisor().send(Get::new(Key::parse(KEYS[key]).unwrap())).await {
            Ok(Some(given)) => {
                read(key, &given.value.decode::<Row>(KEYS[key]).unwrap(), given.source, given.stored)
            }
            Ok(None) => Did::Missed { key },
            Err(error) => failed("ordered get", &error),
        }
    }

    /// A load that takes a while, and may fail, panic, or never end.
    async fn load(&mut self, key: usize) -> (Option<Duration>, Did) {
        let (source, kind) = (self.world.source.clone(), self.random.below(20));
        let takes = Duration::from_millis(self.random.below(120));
        let load = move || async move {
            let row = source.row(KEYS[key]);
            pause(takes).await;
            match kind {
                0 => Err(io::Error::other("the source is away")),
                1 => panic!("the loader breaks"),
                2 => std::future::pending().await,
                _ => Ok(row),
            }
        };
        let mut call = self.cache.get_or_load(KEYS[key], load);
        if self.random.below(6) == 0 {
            call = call.ttl(Duration::from_millis(self.random.below(300)));
        }
        let mut deadline = self.world.load_timeout;
        if self.random.below(4) == 0 {
            deadline = Duration::from_millis(1 + self.random.below(150));
            call = call.deadline(deadline);
        }
        let did = match call.await {
            Ok(hit) => read(key, &hit, hit.source(), hit.is_stored()),
            Err(error) => failed("load", &error),
        };
        (Some(deadline), did)
    }

    async fn set(&mut self, key: usize) -> (Option<Duration>, Did) {
        // Between the change and the first poll of the call nobody else has a turn: the order is that of the source.
        let row = self.world.source.write(KEYS[key]);
        let mut call = self.cache.set(KEYS[key], &row);
        match self.random.below(6) {
            0 => call = call.ttl(Duration::ZERO),
            1 => call = call.ttl(Duration::from_millis(self.random.below(300))),
            _ => {}
        }
        let deadline = Duration::from_millis(100);
        let did = match call.deadline(deadline).await {
            Ok(_) => Did::Set { key, version: row.version },
            Err(error) => failed("set", &error),
        };
        (Some(deadline), did)
    }

    /// Changes the source and takes away what a random scope with the key in it matches.
    async fn invalidate(&mut self, key: usize) -> Did {
        let text = KEYS[key];
        let first = text.split("::").next().unwrap();
        let scope = match self.random.below(8) {
            0 => None,
            1 => Some(Scope::Key(Key::parse(text).unwrap())),
            2 => Some(Scope::Prefix(Prefix::parse(first).unwrap())),
            3 => Some(Scope::Pattern(Pattern::parse(&format!("{first}::*")).unwrap())),
            4 => Some(Scope::Pattern(Pattern::parse("*1*").unwrap())),
            5 => Some(Scope::Tier(tier_of(text).into())),
            6 => Some(Scope::All),
            _ => Some(Scope::Pattern(Pattern::parse("*::a").unwrap())),
        };
        if self.random.below(4) > 0 {
            self.world.source.write(text);
            if self.random.below(2) == 0 {
                pause(Duration::from_millis(self.random.below(20))).await;
            }
        }
        let taken = |key: &str| match &scope {
            None => key == text,
            Some(Scope::Tier(tier)) => tier_of(key) == &**tier,
            Some(scope) => scope.matches(key),
        };
        let matched = (0..KEYS.len()).filter(|&key| taken(KEYS[key]));
        let least: Vec<_> = matched.map(|key| (key, self.world.source.version(KEYS[key]))).collect();
        let told = match &scope {
            None => self.cache.remove(text).await.map(drop),
            Some(scope) => self.cache.invalidate(scope.clone()).await.map(drop),
        };
        match told {
            // A tier that broke meanwhile serves nothing older either.
            Err(error) if error.kind() != ErrorKind::Partial && scope.is_some() => {
                failed("invalidate", &error)
            }
            Err(error) if scope.is_none() => failed("remove", &error),
            _ => Did::Gone { least },
        }
    }

    async fn warm(&self) -> &'static str {
        if self.cache.warm(WarmScope::Tier("user".into())).await.is_ok() { "warmed" } else { "not warmed" }
    }

    async fn broken(&mut self) -> Did {
        let tier = (*self.random.of(&["user", "query"])).into();
        let what = if self.random.below(2) == 0 { Breaks::Turn(tier) } else { Breaks::Tier(tier) };
        self.cache.supervisor().send(Break::new(what)).await.unwrap();
        Did::Broke
    }

    async fn revive(&self) -> &'static str {
        let (user, query) = (self.cache.revive("user").await, self.cache.revive("query").await);
        if user.is_ok() && query.is_ok() { "revived" } else { "not revived" }
    }
}

fn read(key: usize, row: &Row, from: apex_cache::Source, stored: bool) -> Did {
    assert_eq!(row.key, KEYS[key], "a value under the wrong key");
    Did::Read { key, version: row.version, from, stored }
}

fn failed(call: &'static str, error: &Error) -> Did {
    Did::Failed { call, kind: error.kind() }
}

/// The tier of a key, by the default settings.
fn tier_of(key: &str) -> &'static str {
    let first = key.split("::").next().unwrap();
    let tiers = Settings::default().tiers;
    let tier = tiers.iter().position(|tier| tier.prefixes.contains_key(first)).unwrap();
    ["config", "reference", "user", "query"][tier]
}
