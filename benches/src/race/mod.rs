//! A load that is overtaken by an invalidation: who serves the old row afterwards, and who keeps it?
//!
//! Owns: what a contestant has to offer, and what is found out about it. Never: judges by anything but rows that were
//! handed out.
//!
//! The order that bites: 1 a reader misses, and its load reads the old row; 2 the row is changed, then invalidated, and
//! the invalidation is answered; 3 a second reader arrives; 4 the load ends. Right is that the second reader sees the
//! new row, and that the old one is not there afterwards.

mod foyer;
mod moka;
mod ours;
mod quick_cache;
mod table;
mod turn;

use std::future::Future;

use serde::Serialize;

use crate::{Failure, machine};
use table::{Load, Row};

/// The key that all read. Peers know nothing of its segments; to them it is a text that predicates can look at.
const KEY: &str = "user::42::profile";
/// The prefix that takes [`KEY`].
const PREFIX: &str = "user::42";
/// The team of the row, which the key does not tell: what a tag would name.
const TEAM: u32 = 7;
/// How often each case is run: nothing in it is left to chance, and this shows it.
const TURNS: usize = 5;

/// What an operation takes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// One key.
    Key,
    /// Several keys, named one by one.
    Keys,
    /// A key and all below it.
    Prefix,
    /// Keys of a certain form.
    Pattern,
    /// Entries with a property that stands in the value, not in the key.
    Tag,
    /// One of several tiers.
    Tier,
    /// Everything.
    All,
}

/// What a reader was handed, or what is in the cache. Ordered from right to wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Seen {
    /// The row as it is now.
    Fresh,
    /// Nothing.
    None,
    /// The row as it was before the invalidation.
    Old,
}

impl Seen {
    fn of(row: Option<Row>) -> Self {
        match row {
            None => Self::None,
            Some(row) if row.is_new() => Self::Fresh,
            Some(_) => Self::Old,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::None => "none",
            Self::Old => "old",
        }
    }
}

/// One documented operation of a contestant.
struct Operation<W> {
    scope: Scope,
    /// As its documentation calls it.
    name: &'static str,
    way: W,
}

/// A cache in the race, driven as its documentation advises. A clone is the same cache.
trait Contestant: Clone + Send + Sync + 'static {
    /// How it is called in a row.
    const NAME: &'static str;
    /// Its package in the lock file, which knows the version.
    const PACKAGE: &'static str;
    /// How it carries out an operation.
    type Way: Copy + Send + Sync + 'static;
    /// What its documentation offers. A scope that it has no operation for is left out.
    const OPERATIONS: &'static [Operation<Self::Way>];

    /// An empty one.
    fn start() -> impl Future<Output = Result<Self, Failure>> + Send;
    /// The row under [`KEY`]; `load` brings it when it is not there.
    fn get_or_load(&self, load: Load) -> impl Future<Output = Result<Row, Failure>> + Send;
    /// Invalidates, and returns when that is answered.
    fn take_away(&self, way: Self::Way) -> impl Future<Output = Result<(), Failure>> + Send;
    /// What is under [`KEY`] once its own housekeeping is done.
    fn stored(&self) -> impl Future<Output = Result<Option<Row>, Failure>> + Send;
    /// Ends it.
    fn stop(self) -> impl Future<Output = Result<(), Failure>> + Send {
        async { Ok(()) }
    }
}

/// What one turn showed.
#[derive(Debug, Clone, Copy)]
struct Outcome {
    late_reader: Seen,
    stored: Seen,
}

/// What all turns of one case showed.
#[derive(Debug, Clone)]
pub struct Finding {
    cache: &'static str,
    version: &'static str,
    scope: Scope,
    operation: &'static str,
    turns: Vec<Outcome>,
}

/// A finding as programs read it; the order of the fields is the order in the text.
#[derive(Serialize)]
struct Line<'f> {
    cache: &'f str,
    version: &'f str,
    scope: Scope,
    operation: &'f str,
    late_reader: Seen,
    stored: Seen,
}

/// The worst of `seen`.
fn worst(seen: impl Iterator<Item = Seen>) -> Seen {
    seen.max().expect("a case has at least one turn")
}

/// The worst of `seen` as a word, with the number of turns that showed it unless all did.
fn told(seen: &[Seen]) -> String {
    let worst = worst(seen.iter().copied());
    let count = seen.iter().filter(|&&one| one == worst).count();
    if count == seen.len() {
        worst.word().to_owned()
    } else {
        format!("{} ({count} of {})", worst.word(), seen.len())
    }
}

impl Finding {
    fn late_readers(&self) -> Vec<Seen> {
        self.turns.iter().map(|turn| turn.late_reader).collect()
    }

    fn stored(&self) -> Vec<Seen> {
        self.turns.iter().map(|turn| turn.stored).collect()
    }

    /// Whether this is a finding about us.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.cache == <ours::Ours as Contestant>::NAME
    }

    /// Whether the late reader saw the new row in every turn, and the old one was never there afterwards.
    #[must_use]
    pub fn is_right(&self) -> bool {
        self.turns.iter().all(|turn| turn.late_reader == Seen::Fresh && turn.stored != Seen::Old)
    }

    /// One object on one line. Where turns differ it has the worst of them.
    #[must_use]
    pub fn json(&self) -> String {
        let line = Line {
            cache: self.cache,
            version: self.version,
            scope: self.scope,
            operation: self.operation,
            late_reader: worst(self.late_readers().into_iter()),
            stored: worst(self.stored().into_iter()),
        };
        serde_json::to_string(&line).expect("words can always be written")
    }

    /// The heading of the table.
    #[must_use]
    pub fn heading() -> String {
        cells("cache", "version", "scope", "operation", "late reader", "stored afterwards")
    }

    /// One line of the table. Where turns differ it has the worst of them, and how many they were.
    #[must_use]
    pub fn line(&self) -> String {
        let scope = format!("{:?}", self.scope).to_lowercase();
        let (late, stored) = (told(&self.late_readers()), told(&self.stored()));
        cells(self.cache, self.version, &scope, self.operation, &late, &stored)
    }
}

fn cells(cache: &str, version: &str, scope: &str, operation: &str, late: &str, stored: &str) -> String {
    format!("{cache:<12} {version:<8} {scope:<8} {operation:<24} {late:<13} {stored}")
}

/// Runs every case of every contestant and hands each finding to `show`, ours first. Takes about a quarter of a minute:
/// a late reader that waits for the old load is given time to prove that it does nothing else.
///
/// Errors: a sentence, when a contestant does not answer, or when what it shows would prove nothing.
pub async fn run(mut show: impl FnMut(&Finding)) -> Result<(), Failure> {
    cases::<ours::Ours>(&mut show).await?;
    cases::<moka::Moka>(&mut show).await?;
    cases::<quick_cache::QuickCache>(&mut show).await?;
    cases::<foyer::Foyer>(&mut show).await
}

async fn cases<C: Contestant>(show: &mut impl FnMut(&Finding)) -> Result<(), Failure> {
    let in_words = |failure: Failure| format!("{}: {failure}", C::NAME);
    let version =
        machine::version(C::PACKAGE).ok_or_else(|| format!("{} is not in the lock file", C::PACKAGE))?;
    turn::nothing_taken::<C>().await.map_err(in_words)?;
    for operation in C::OPERATIONS {
        let in_words = |failure: Failure| format!("{} {}: {failure}", C::NAME, operation.name);
        turn::nothing_in_flight::<C>(operation.way).await.map_err(in_words)?;
        let mut turns = Vec::with_capacity(TURNS);
        for _ in 0..TURNS {
            turns.push(turn::overtaken::<C>(operation.way).await.map_err(in_words)?);
        }
        let (scope, operation) = (operation.scope, operation.name);
        show(&Finding { cache: C::NAME, version, scope, operation, turns });
    }
    Ok(())
}
