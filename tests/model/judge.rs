//! What a history must not show.

use std::time::Duration;

use apex_cache::{Cache, ErrorKind, Source as From};

use crate::client::{Did, Event, KEYS, World};

/// How much a run met of what it looks for.
#[derive(Debug, Default, Clone, Copy)]
#[allow(dead_code)] // shown
pub(crate) struct Seen {
    pub(crate) calls: u64,
    pub(crate) hits: u64,
    pub(crate) loads: u64,
    pub(crate) fences: u64,
    pub(crate) bypasses: u64,
    pub(crate) crashes: u64,
    pub(crate) errors: u64,
}

impl Seen {
    pub(crate) fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.hits += other.hits;
        self.loads += other.loads;
        self.fences += other.fences;
        self.bypasses += other.bypasses;
        self.crashes += other.crashes;
        self.errors += other.errors;
    }

    fn count(&mut self, did: &Did) {
        self.calls += 1;
        match did {
            Did::Read { from: From::Memory, .. } => self.hits += 1,
            Did::Read { from: From::Bypass, .. } => self.bypasses += 1,
            Did::Read { .. } => self.loads += 1,
            Did::Gone { .. } => self.fences += 1,
            Did::Broke => self.crashes += 1,
            Did::Failed { .. } => self.errors += 1,
            Did::Missed { .. } | Did::Set { .. } | Did::Other(_) => {}
        }
    }
}

/// Whether `later` began after `earlier` had ended.
fn follows(later: &Event, earlier: &Event) -> bool {
    later.began > earlier.ended
}

/// Judges a history.
pub(crate) fn history(seed: u64, events: &[Event], load_timeout: Duration) -> Seen {
    let mut seen = Seen::default();
    for event in events {
        seen.count(&event.did);
        on_time(seed, event, load_timeout);
        allowed_error(seed, event);
        let Did::Read { key, version, .. } = event.did else { continue };
        for earlier in events.iter().filter(|earlier| follows(event, earlier)) {
            let (least, why) = match &earlier.did {
                Did::Gone { least } => {
                    let least = least.iter().find(|(gone, _)| *gone == key);
                    (least.map(|(_, least)| *least), "an invalidation had been answered")
                }
                Did::Set { key: set, version } if *set == key => (Some(*version), "a newer one had been set"),
                // What the cache did not keep, it cannot compare with: a load past it, or one that something overtook.
                Did::Read { key: read, version, stored: true, .. } if *read == key => {
                    (Some(*version), "a newer one had been read")
                }
                _ => (None, ""),
            };
            assert!(
                least.is_none_or(|least| version >= least),
                "seed {seed}: {} was read as of version {version} although {why}:\n  {earlier:?}\n  {event:?}",
                KEYS[key]
            );
        }
    }
    seen
}

/// Every call ends by its deadline; those without one soon.
fn on_time(seed: u64, event: &Event, load_timeout: Duration) {
    let limit = event.deadline.unwrap_or(11 * load_timeout) + Duration::from_millis(50);
    assert!(event.took <= limit, "seed {seed}: a call took {:?}: {event:?}", event.took);
}

fn allowed_error(seed: u64, event: &Event) {
    use ErrorKind::{
        LoadFailed, LoadPanicked, LoadTimeout, Overloaded, Partial, TierFailed, TierRestarting, Timeout,
    };
    let Did::Failed { call, kind } = event.did else { return };
    let allowed: &[ErrorKind] = match call {
        // Trouble of the cache is none of a call with a loader.
        "load" => &[LoadFailed, LoadPanicked, LoadTimeout, Timeout],
        "set" => &[TierRestarting, TierFailed, Overloaded, Timeout],
        "ordered get" => &[TierRestarting, TierFailed, Overloaded],
        "remove" => &[Partial],
        _ => &[],
    };
    assert!(allowed.contains(&kind), "seed {seed}: {event:?}");
}

/// What must be so when nothing is under way any more.
pub(crate) async fn at_rest(seed: u64, cache: &Cache, world: &World) {
    let (stats, info) = (cache.stats().await.unwrap(), cache.info().await.unwrap());
    let held: u64 = info.tiers.iter().map(|tier| tier.bytes).sum();
    assert!(held <= info.budget, "seed {seed}: {held} bytes held of {}", info.budget);
    for (tier, now) in stats.tiers.iter().zip(&info.tiers) {
        let name = &tier.name;
        let stats = &tier.stats;
        assert_eq!((now.loads, now.queued), ((0, 0), (0, 0)), "seed {seed}: {name} is not at rest");
        let ended = stats.loads_ok
            + stats.loads_failed
            + stats.loads_panicked
            + stats.loads_timed_out
            + stats.loads_lost;
        assert_eq!(stats.loads, ended, "seed {seed}: loads of {name} do not add up: {stats:?}");
        let entries = stats.sets - stats.replaced - stats.removals.total();
        assert_eq!(stats.entries, entries, "seed {seed}: entries of {name} do not add up: {stats:?}");
        assert_eq!(stats.entries == 0, stats.bytes == 0, "seed {seed}: {stats:?}");
    }
    for key in KEYS {
        if let Some(version) = crate::source::held(cache, key) {
            assert!(version <= world.source.version(key), "seed {seed}: {key} is ahead of its source");
        }
    }
}

/// A number that differs when anything a client saw, or when it saw it, differs.
pub(crate) fn fingerprint(events: &[Event]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for event in events {
        let text =
            format!("{} {} {} {} {:?}", event.client, event.began, event.ended, event.at_ms, event.did);
        for byte in text.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    hash
}
