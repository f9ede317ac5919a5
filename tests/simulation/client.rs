//! Clients that do random things, and write down what they saw.
//!
//! Owns: what a client does next, and when it gives up. Never: judges.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use apex_cache::message::{Break, Breaks, Get, UserActive};
use apex_cache::{Cache, Error, ErrorKind, Hit, Key, Source, WarmScope};

use crate::plan::{KEYS, Plan, TIERS};
use crate::source::{Random, go};
use crate::world::{Did, Event, Order, Row, World, pause};

/// What a client did that ended the cache.
pub(crate) const SHUT_DOWN: &str = "shut down";

/// One client.
pub(crate) struct Client {
    pub(crate) number: u8,
    pub(crate) random: Random,
    pub(crate) cache: Cache,
    pub(crate) world: World,
    pub(crate) plan: Arc<Plan>,
}

/// A call that is under way.
pub(crate) struct Call {
    pub(crate) began: Order,
    began_ms: u32,
    pub(crate) limit: Option<u32>,
}

/// When a caller gives up.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Patience {
    Endless,
    /// After so many turns of others.
    Turns(u64),
    /// After so many milliseconds.
    Millis(u64),
}

impl Client {
    pub(crate) async fn run(mut self) {
        for call in 0..self.plan.calls {
            if self.random.below(3) > 0 {
                pause(self.random.below(24)).await;
            }
            if self.plan.ends_early && self.number == 0 && call + 4 == self.plan.calls {
                self.shut_down().await;
            }
            if self.plan.busy && self.random.below(6) == 0 {
                self.hold_a_tier();
            }
            self.call().await;
            // Each key at most once: nothing changes between two of these.
            let chosen = (self.random.next() | self.random.next()) as u8;
            (0..KEYS.len()).filter(|key| chosen >> key & 1 == 1).for_each(|key| self.look(key));
        }
    }

    pub(crate) fn key(&mut self) -> usize {
        // Some are asked for more often than others, so that calls meet.
        let keys = KEYS.len() as u64;
        self.random.below(keys).min(self.random.below(keys)) as usize
    }

    async fn call(&mut self) {
        match self.random.below(100) {
            0..4 => self.get_in_order().await,
            30..42 => self.find().await,
            42..51 => self.load_many().await,
            51..57 => self.reserve().await,
            57..64 => self.set().await,
            64..84 => self.invalidate().await,
            84..91 => self.fence().await,
            91..95 => self.warm().await,
            95..98 if self.plan.crashes => self.break_something().await,
            98 if self.plan.crashes => self.revive().await,
            _ => self.load().await,
        }
    }

    // --- What every call does ----------------------------------------------------------------------------------------

    pub(crate) fn begin(&self, limit: Option<u32>) -> Call {
        Call { began: self.world.tick(), began_ms: self.world.now(), limit }
    }

    pub(crate) fn end(&self, call: &Call, did: Did) {
        let ended = self.world.tick();
        self.end_at(call, ended, did);
    }

    pub(crate) fn end_at(&self, call: &Call, ended: Order, did: Did) {
        let &Call { began, began_ms, limit } = call;
        let ended_ms = self.world.now();
        let event = Event { client: self.number, began, ended, began_ms, ended_ms, limit, did };
        self.world.with(|record| record.events.push(event));
    }

    pub(crate) fn patience(&mut self) -> Patience {
        match self.random.below(8) {
            0 if self.plan.cancels => Patience::Turns(1 + self.random.below(4)),
            1 if self.plan.cancels => Patience::Millis(self.random.below(30)),
            _ => Patience::Endless,
        }
    }

    /// Waits for `call`, or drops it half way. What it had sent by then has been applied once time has moved on: the cache
    /// itself takes none.
    pub(crate) async fn wait<F: Future>(&self, patience: Patience, call: F) -> Option<F::Output> {
        let output = match patience {
            Patience::Endless => return Some(call.await),
            Patience::Millis(limit) => tokio::time::timeout(Duration::from_millis(limit), call).await.ok(),
            Patience::Turns(turns) => {
                let mut call = pin!(call);
                let mut output = None;
                for _ in 0..turns {
                    let polled = std::future::poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx))).await;
                    if let Poll::Ready(ready) = polled {
                        output = Some(ready);
                        break;
                    }
                    tokio::task::yield_now().await;
                }
                output
            }
        };
        if output.is_none() {
            self.world.with(|record| record.faults.cancel += 1);
        }
        output
    }

    pub(crate) fn hit(key: usize, hit: &Hit<Row>, allowed: u32) -> Did {
        check_row(key, **hit);
        let (from, stored, age) = (hit.source(), hit.is_stored(), hit.age().as_millis() as u32);
        Did::Read { key: key as u8, id: hit.id, from, stored, age, allowed }
    }

    pub(crate) fn failed(call: &'static str, error: &Error) -> Did {
        Did::Failed { call, kind: error.kind() }
    }

    // --- Reads without a loader --------------------------------------------------------------------------------------

    /// Looks at what is in memory.
    pub(crate) fn look(&self, key: usize) {
        let call = self.begin(Some(0));
        let did = match self.cache.get_with(KEYS[key], |row: &Row| *row) {
            Ok(Some(row)) => {
                check_row(key, row);
                let (from, key) = (Source::Memory, key as u8);
                Did::Read { key, id: row.id, from, stored: true, age: 0, allowed: 0 }
            }
            Ok(None) => Did::Missed { key: key as u8 },
            Err(error) => Self::failed("get", &error),
        };
        self.end(&call, did);
    }

    async fn get_in_order(&mut self) {
        let (key, patience) = (self.key(), self.patience());
        let call = self.begin(Some(0));
        let asked = self.cache.supervisor().send(Get::new(Key::parse(KEYS[key]).unwrap()));
        let did = match self.wait(patience, asked).await {
            Some(Ok(Some(given))) => {
                let row = given.value.decode::<Row>(KEYS[key]).unwrap();
                check_row(key, row);
                let (age, key) = (given.age.as_millis() as u32, key as u8);
                Did::Read { key, id: row.id, from: given.source, stored: given.stored, age, allowed: 0 }
            }
            Some(Ok(None)) => Did::Missed { key: key as u8 },
            Some(Err(error)) => Self::failed("ordered get", &error),
            None => Did::Other("a get was given up"),
        };
        self.end(&call, did);
    }

    // --- Faults, and what is not for one key -------------------------------------------------------------------------

    async fn warm(&mut self) {
        let call = self.begin(None);
        let patience = self.patience();
        let user = 1 + self.random.below(2);
        let scope = if self.random.below(2) == 0 { WarmScope::All } else { WarmScope::Tier(TIERS[0].into()) };
        let did = if self.random.below(3) == 0 {
            let active = self.cache.supervisor().send(UserActive::new(user));
            self.wait(patience, active).await.map(|active| active.is_ok())
        } else {
            self.wait(patience, self.cache.warm(scope)).await.map(|report| report.is_ok())
        };
        let words = match did {
            Some(true) => "warmed",
            Some(false) => "not warmed",
            None => "warming was not waited for",
        };
        self.end(&call, Did::Other(words));
    }

    /// Breaks a tier, or another actor, and at once wants something of the cache.
    async fn break_something(&mut self) {
        let tier = self.random.below(2) as usize;
        let name = TIERS[tier].into();
        let (what, is_tier) = match self.random.below(8) {
            0..3 => (Breaks::Turn(name), true),
            3..6 => (Breaks::Tier(name), true),
            6 => (Breaks::Supervisor, false),
            _ => (Breaks::Warmer, false),
        };
        let call = self.begin(None);
        // In the inbox when this returns, and what is asked next goes with it to the tier.
        drop(self.cache.supervisor().send(Break::new(what)));
        self.world.with(|record| record.faults.crash += 1);
        let broke = if is_tier { Did::Broke { tier: tier as u8 } } else { Did::Other("another actor broke") };
        match self.random.below(4) {
            0 | 1 => self.invalidate().await,
            2 => self.load().await,
            _ => {}
        }
        pause(1).await; // by now it broke
        self.end(&call, broke);
    }

    /// Has a tier seem to be in the middle of a turn, while others do so many of their own: what it is sent waits.
    fn hold_a_tier(&mut self) {
        let name: std::sync::Arc<str> = TIERS[self.random.below(2) as usize].into();
        let (cache, turns) = (self.cache.clone(), 1 + self.random.below(32));
        self.world.with(|record| record.faults.busy += 1);
        drop(cache.supervisor().send(Break::new(Breaks::Busy(name.clone(), true))));
        drop(go(async move {
            for _ in 0..turns {
                tokio::task::yield_now().await;
            }
            drop(cache.supervisor().send(Break::new(Breaks::Busy(name, false))));
        }));
    }

    async fn revive(&mut self) {
        let call = self.begin(Some(0));
        let mut words = "revived";
        for tier in TIERS {
            if self.cache.revive(tier).await.is_err() {
                words = "not revived";
            }
        }
        self.end(&call, Did::Other(words));
    }

    async fn shut_down(&mut self) {
        let call = self.begin(Some(5_000));
        self.world.with(|record| record.faults.shutdown += 1);
        let did = match self.cache.shutdown().await {
            Ok(()) => Did::Other(SHUT_DOWN),
            Err(error) => Self::failed("shutdown", &error),
        };
        self.end(&call, did);
    }

    /// What is asked of a cache that has ended.
    pub(crate) async fn come_late(mut self) {
        for _ in 0..4 {
            self.call().await;
        }
        let closed = self.cache.get::<Row>(KEYS[0]).await.map(drop).map_err(|error| error.kind());
        assert_eq!(closed, Err(ErrorKind::Closed), "a cache that has ended says so");
    }
}

fn check_row(key: usize, row: Row) {
    assert_eq!(row.key as usize, key, "a value under the wrong key");
}
