//! What one seed is to do: its keys, the scopes that take them, and which faults it meets.
//!
//! Owns: which keys a scope takes, by a reading of the grammar of its own. Never: asks the cache about it.

use std::time::Duration;

use apex_cache::{Key, Pattern, Prefix, Scope, Settings, Tag};

use crate::source::Random;

/// Few keys, so that calls meet.
pub(crate) const KEYS: [&str; 8] = [
    "user::1::a",
    "user::1::b",
    "user::2::a",
    "user_orders::1",
    "query::1::a",
    "query::1::b",
    "query::2",
    "config::a",
];
/// Names that values may be stored with; a set of them is a mask.
pub(crate) const TAGS: [&str; 2] = ["red", "blue"];
/// What is not said lives longer than any history: milliseconds.
pub(crate) const LONG: u32 = 1_000_000;
/// How long a load may take at least, in milliseconds.
pub(crate) const SHORTEST_TIMEOUT: u32 = 20;
/// Tiers that break.
pub(crate) const TIERS: [&str; 3] = ["user", "query", "config"];

/// The number of a key's tier among [`TIERS`].
pub(crate) fn tier_of(key: usize) -> usize {
    match key {
        0..=3 => 0,
        4..=6 => 1,
        _ => 2,
    }
}

/// The keys for which `takes` holds, as a mask.
pub(crate) fn mask(takes: impl Fn(&str) -> bool) -> u8 {
    (0..KEYS.len()).filter(|&key| takes(KEYS[key])).fold(0, |mask, key| mask | 1 << key)
}

/// How something is taken away: the rows of the table of cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Remove,
    Key,
    RemoveMany,
    Keys,
    Prefix,
    Group,
    Star,
    Tag,
    Tier,
    All,
    Expire,
    Commit,
    Dropped,
    Late,
}

pub(crate) const KINDS: [(Kind, &str); 14] = [
    (Kind::Remove, "remove"),
    (Kind::Key, "key"),
    (Kind::RemoveMany, "remove_many"),
    (Kind::Keys, "keys"),
    (Kind::Prefix, "prefix"),
    (Kind::Group, "pattern"),
    (Kind::Star, "pattern_star"),
    (Kind::Tag, "tag"),
    (Kind::Tier, "tier"),
    (Kind::All, "all"),
    (Kind::Expire, "expire"),
    (Kind::Commit, "fence_commit"),
    (Kind::Dropped, "fence_drop"),
    (Kind::Late, "fence_late"),
];

/// A scope, and what it takes.
#[derive(Debug, Clone)]
pub(crate) struct Aim {
    pub(crate) kind: Kind,
    pub(crate) scope: Scope,
    /// Keys that it takes; of those with a tag, only values that have it.
    pub(crate) keys: u8,
    pub(crate) tag: Option<u8>,
}

/// A random scope of one of the kinds that an invalidation has.
pub(crate) fn aim(random: &mut Random) -> Aim {
    let key = random.below(KEYS.len() as u64) as usize;
    let text = KEYS[key];
    let first = text.split("::").next().unwrap();
    let own = Key::parse(text).unwrap();
    let below = |prefix: &str| mask(|key| key == prefix || key.starts_with(&format!("{prefix}::")));
    let group = if random.below(2) == 0 { text.rsplit_once("::").unwrap().0 } else { first };
    let (kind, scope, keys, tag) = match random.below(16) {
        0 | 1 => (Kind::Remove, own.into(), 1 << key, None),
        2 | 3 => (Kind::Key, own.into(), 1 << key, None),
        kind @ 4..=6 => {
            let chosen = 1 << key | random.next() as u8 & random.next() as u8;
            let keys = (0..KEYS.len()).filter(|key| chosen >> key & 1 == 1);
            let keys: Vec<Key> = keys.map(|key| Key::parse(KEYS[key]).unwrap()).collect();
            (if kind == 4 { Kind::Keys } else { Kind::RemoveMany }, keys.into(), chosen, None)
        }
        7 | 8 => (Kind::Prefix, Prefix::parse(group).unwrap().into(), below(group), None),
        9 => (Kind::Group, Pattern::parse(&format!("{group}::*")).unwrap().into(), below(group), None),
        10 | 11 => {
            (Kind::Star, Pattern::parse("*::a").unwrap().into(), mask(|key| key.ends_with("::a")), None)
        }
        12 | 13 => {
            let tag = random.below(TAGS.len() as u64) as u8;
            (Kind::Tag, Tag::new(TAGS[tag as usize]).unwrap().into(), u8::MAX, Some(tag))
        }
        14 => {
            let tier = tier_of(key);
            let keys =
                (0..KEYS.len()).filter(|&key| tier_of(key) == tier).fold(0, |mask, key| mask | 1 << key);
            (Kind::Tier, Scope::Tier(TIERS[tier].into()), keys, None)
        }
        _ => (Kind::All, Scope::All, u8::MAX, None),
    };
    Aim { kind, scope, keys, tag }
}

/// What may go wrong in one run, and how much is done.
#[derive(Debug, Clone)]
#[allow(clippy::struct_excessive_bools)] // each is one fault, and they combine freely
pub(crate) struct Plan {
    pub(crate) settings: Settings,
    pub(crate) clients: u64,
    pub(crate) calls: u64,
    /// How long what is loaded lives, and may be served after that, for each key, in milliseconds.
    pub(crate) ttls: [u32; KEYS.len()],
    pub(crate) stale: [u32; KEYS.len()],
    pub(crate) crashes: bool,
    pub(crate) cancels: bool,
    /// Tiers seem to be in the middle of a turn now and then.
    pub(crate) busy: bool,
    /// Of a hundred loads so many fail, and as many panic, and as many hang.
    pub(crate) faulty: u64,
    /// So many entries more in the tier of users, so that what looks at all of them takes several turns.
    pub(crate) crowd: u64,
    /// The cache is shut down while calls are under way.
    pub(crate) ends_early: bool,
}

impl Plan {
    /// Whether there is little room for loads that wait.
    pub(crate) fn is_narrow(&self) -> bool {
        self.settings.load_queue < 1_024
    }

    pub(crate) fn new(random: &mut Random) -> Self {
        let narrow = random.below(6) == 0;
        let (concurrency, queue) =
            if narrow { (1 + random.below(3) as usize, random.below(4) as usize) } else { (8, 1_024) };
        let settings = Settings::default()
            .max_size_mb(1 + random.below(2) + if random.below(48) == 0 { 16 } else { 0 })
            .max_entry_size(20_000)
            .load_concurrency(concurrency)
            .load_queue(queue)
            .load_timeout(Duration::from_millis(100 + random.below(400)))
            .cleanup_interval(Duration::from_secs(60));
        let mut ttls = [LONG; KEYS.len()];
        let mut stale = [0; KEYS.len()];
        for key in 0..KEYS.len() {
            match random.below(8) {
                // Kept fresh behind its readers' backs.
                0..4 => (ttls[key], stale[key]) = (5 + random.below(40) as u32, 120),
                4 => ttls[key] = random.below(200) as u32,
                5 => stale[key] = 120,
                _ => {}
            }
        }
        Self {
            ttls,
            stale,
            crowd: if settings.max_size > 16 << 20 { 5_000 } else { 0 },
            settings,
            clients: 4 + random.below(5),
            calls: 16 + random.below(24),
            crashes: random.below(3) == 0,
            cancels: random.below(2) == 0,
            busy: random.below(3) > 0,
            faulty: random.below(6),
            ends_early: random.below(16) == 0,
        }
    }
}
