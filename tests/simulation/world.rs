//! What all clients of one history share: the source, and the record of what was seen, in one order.
//!
//! Owns: the one counter of events, and every value that ever was. Never: judges.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use apex_cache::{ErrorKind, Source};
use serde::{Deserialize, Serialize};

use crate::plan::{KEYS, Kind};
use crate::source::clock;

/// A place in the order of all events.
pub(crate) type Order = u32;
/// Not known, or never.
pub(crate) const NEVER: Order = Order::MAX;

/// What is cached: which value, and of which version of which key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) id: u32,
    pub(crate) key: u8,
    pub(crate) version: u32,
}

/// How a value came to be. Each load and each set makes one of its own, so that a value tells where it is from.
#[derive(Debug, Clone)]
pub(crate) struct Made {
    pub(crate) key: u8,
    pub(crate) version: u32,
    /// A mask of tags.
    pub(crate) tags: u8,
    pub(crate) is_set: bool,
    /// When its load, or its set, began.
    pub(crate) born: Order,
    /// When its set had ended.
    pub(crate) done: Order,
    pub(crate) ttl: u32,
    /// Loads that found it to be right still: when they began, when they said so, for how long.
    pub(crate) renewed: Vec<(Order, Order, u32)>,
}

/// Through what a value enters: the columns of the table of cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Entrance {
    Load,
    Find,
    Refresh,
    Warm,
    Member,
    Extra,
    Reserve,
    /// A load that its tier did not survive.
    Restart,
    Set,
}

pub(crate) const ENTRANCES: [(Entrance, &str); 9] = [
    (Entrance::Load, "load"),
    (Entrance::Find, "find"),
    (Entrance::Refresh, "refresh"),
    (Entrance::Warm, "warm"),
    (Entrance::Member, "batch_member"),
    (Entrance::Extra, "batch_extra"),
    (Entrance::Reserve, "reserve"),
    (Entrance::Restart, "restart"),
    (Entrance::Set, "set"),
];

/// One run of a loader.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) key: u8,
    pub(crate) entrance: Entrance,
    pub(crate) tags: u8,
    pub(crate) start: Order,
    pub(crate) end: Order,
    pub(crate) start_ms: u32,
    pub(crate) end_ms: u32,
    pub(crate) id: u32,
}

/// What a call did and came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Did {
    /// Read this value; stale ones were allowed for that long.
    Read { key: u8, id: u32, from: Source, stored: bool, age: u32, allowed: u32 },
    /// Found nothing.
    Missed { key: u8 },
    /// Was told that this is gone, or can know that it is.
    Gone { kind: Kind, keys: u8, tag: Option<u8> },
    /// Had a fence open between the two, which ended like this.
    Fenced { keys: u8, tag: Option<u8>, opened: Order, closed: Order },
    /// Set this value; not `told`: it cannot know whether.
    Set { key: u8, id: u32, told: bool },
    /// Was told of an error.
    Failed { call: &'static str, kind: ErrorKind },
    /// Broke a tier.
    Broke { tier: u8 },
    /// Something without a consequence for readers.
    Other(&'static str),
}

/// One call of one client.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) client: u8,
    pub(crate) began: Order,
    pub(crate) ended: Order,
    pub(crate) began_ms: u32,
    pub(crate) ended_ms: u32,
    pub(crate) limit: Option<u32>,
    pub(crate) did: Did,
}

/// How often each fault took place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Faults {
    pub(crate) crash: u64,
    pub(crate) cancel: u64,
    pub(crate) error: u64,
    pub(crate) panic: u64,
    pub(crate) hang: u64,
    pub(crate) slices: u64,
    pub(crate) shutdown: u64,
    pub(crate) busy: u64,
}

/// All that took place.
#[derive(Debug, Default)]
pub(crate) struct Record {
    last: Order,
    versions: [u32; KEYS.len()],
    pub(crate) made: Vec<Made>,
    pub(crate) runs: Vec<Run>,
    pub(crate) events: Vec<Event>,
    pub(crate) faults: Faults,
}

/// What all clients of one history share.
#[derive(Debug, Clone)]
pub(crate) struct World {
    began: tokio::time::Instant,
    record: Arc<Mutex<Record>>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self { began: clock(), record: Arc::default() }
    }

    pub(crate) fn with<R>(&self, look: impl FnOnce(&mut Record) -> R) -> R {
        look(&mut self.record.lock().unwrap())
    }

    pub(crate) fn now(&self) -> u32 {
        self.began.elapsed().as_millis() as u32
    }

    /// The next place in the order.
    pub(crate) fn tick(&self) -> Order {
        self.with(Record::tick)
    }

    /// The source changes.
    pub(crate) fn write(&self, key: usize) {
        self.with(|record| record.versions[key] += 1);
    }

    pub(crate) fn version(&self, key: usize) -> u32 {
        self.with(|record| record.versions[key])
    }

    /// The source changes, and the new row is about to be set.
    pub(crate) fn write_to_set(&self, key: usize, tags: u8, ttl: u32) -> (Order, Row) {
        self.with(|record| {
            record.versions[key] += 1;
            let born = record.tick();
            let (key, version, renewed) = (key as u8, record.versions[key], Vec::new());
            let made = Made { key, version, tags, is_set: true, born, done: NEVER, ttl, renewed };
            (born, record.make(made))
        })
    }

    /// A loader of `key` begins.
    pub(crate) fn run(&self, key: usize, entrance: Entrance, tags: u8) -> Running {
        let now = self.now();
        let number = self.with(|record| {
            let start = record.tick();
            let key = key as u8;
            let run = Run { key, entrance, tags, start, end: NEVER, start_ms: now, end_ms: NEVER, id: NEVER };
            record.runs.push(run);
            record.runs.len() - 1
        });
        Running { world: self.clone(), number }
    }
}

impl Record {
    fn tick(&mut self) -> Order {
        self.last += 1;
        self.last
    }

    fn make(&mut self, made: Made) -> Row {
        let row = Row { id: self.made.len() as u32, key: made.key, version: made.version };
        self.made.push(made);
        row
    }
}

/// A loader that runs; its end is recorded when it is dropped, however it ends.
#[derive(Debug)]
pub(crate) struct Running {
    world: World,
    number: usize,
}

impl Running {
    /// Reads the source.
    pub(crate) fn read(&self, ttl: u32) -> Row {
        self.world.with(|record| {
            let Run { key, tags, start: born, .. } = record.runs[self.number];
            let (version, renewed) = (record.versions[key as usize], Vec::new());
            let row =
                record.make(Made { key, version, tags, is_set: false, born, done: NEVER, ttl, renewed });
            record.runs[self.number].id = row.id;
            row
        })
    }

    /// Asks the source whether `old` is still right, and says so if it is.
    pub(crate) fn renew(&self, old: Row, ttl: u32) -> bool {
        self.world.with(|record| {
            let is_right = record.versions[old.key as usize] == old.version;
            if is_right {
                let (start, now) = (record.runs[self.number].start, record.tick());
                record.made[old.id as usize].renewed.push((start, now, ttl));
            }
            is_right
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let now = self.world.now();
        self.world.with(|record| {
            let end = record.tick();
            let run = &mut record.runs[self.number];
            (run.end, run.end_ms) = (end, now);
        });
    }
}

/// How a loader goes about it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Script {
    /// Milliseconds before it reads the source, and after.
    pub(crate) before: u64,
    pub(crate) after: u64,
    pub(crate) ending: Ending,
    pub(crate) tags: u8,
    pub(crate) ttl: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Row,
    Nothing,
    /// If there is an old value and it is still right.
    NotModified,
    Error,
    Panic,
    Hang,
}

impl Script {
    /// Up to where the source was read and some time has passed; `false`: there is nothing.
    pub(crate) async fn play(self, world: &World) -> io::Result<bool> {
        pause(self.after).await;
        match self.ending {
            Ending::Row | Ending::NotModified => Ok(true),
            Ending::Nothing => Ok(false),
            Ending::Error => {
                world.with(|record| record.faults.error += 1);
                Err(io::Error::other("the source is away"))
            }
            Ending::Panic => {
                world.with(|record| record.faults.panic += 1);
                std::panic::panic_any(crate::ASKED_TO_PANIC)
            }
            Ending::Hang => {
                world.with(|record| record.faults.hang += 1);
                std::future::pending().await
            }
        }
    }
}

/// Waits in virtual time.
pub(crate) async fn pause(millis: u64) {
    if millis > 0 {
        let _ = tokio::time::timeout(Duration::from_millis(millis), std::future::pending::<()>()).await;
    }
}
