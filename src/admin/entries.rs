//! The entries of a cache as a list: filtered, sorted, in pages.
//!
//! Owns: the one walk over the entries for people to look at. Never: shows a value, counts as a read, holds a lock while
//! it waits; what comes and goes during the walk may be listed or not.

use std::cmp::Ordering;
use std::sync::Arc;
use std::time::Duration;

use crate::actor::TierShared;
use crate::engine::entry::{Entry, Freshness, Origin, ReadEntry};
use crate::engine::key::Key;
use crate::engine::moment::Moment;
use crate::engine::scope::Scope;
use crate::env::{Env, yield_now};
use crate::error::{Error, Result};
use crate::handle::Cache;

/// Which entries, in which order, and how many. From [`Entries::of`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Entries {
    /// Those that it takes.
    pub scope: Scope,
    /// Only those of the tier of this name.
    pub tier: Option<Arc<str>>,
    /// Only those in this state.
    pub state: Option<EntryState>,
    /// By what they are sorted.
    pub sort: EntrySort,
    /// Whether the largest comes first; `None`: as is common for that order.
    pub descending: Option<bool>,
    /// Entries of a page, 1 ..= 1,000. Default: 50.
    pub limit: usize,
    /// Goes on behind the page whose `next` this is.
    pub after: Option<String>,
}

/// By what entries are sorted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum EntrySort {
    /// By key, in the order of bytes.
    #[default]
    Key,
    /// By the bytes that they are charged with, largest first.
    Size,
    /// By the time since they were stored, oldest first.
    Age,
    /// By the time for which they are still fresh, those that end first in front.
    Left,
    /// By the reads that they served, most first.
    Hits,
}

/// Whether an entry would be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryState {
    /// Within its time to live.
    Fresh,
    /// Past it, served where stale values are allowed.
    Stale,
    /// Served no more, and not swept yet.
    Expired,
    /// It is known that the source has nothing under its key.
    Nothing,
}

/// One entry of an [`EntryPage`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EntryLine {
    /// Its key.
    pub key: Key,
    /// Its tier.
    pub tier: Arc<str>,
    /// Bytes that it is charged with.
    pub size: u64,
    /// Time since it was set or its load ended.
    pub age: Duration,
    /// How long it is still fresh.
    pub left: Duration,
    /// How long it may still be served at all.
    pub stale_left: Duration,
    /// How often it was served, its forerunners under the key included.
    pub hits: u32,
    /// Who brought it.
    pub origin: Origin,
    /// Names that it can be taken away by.
    pub tags: usize,
    /// Whether it would be served.
    pub state: EntryState,
}

/// What [`Cache::entries`] found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EntryPage {
    /// The entries of this page.
    pub entries: Vec<EntryLine>,
    /// Entries of all pages.
    pub matched: u64,
    /// Bytes that they are charged with.
    pub bytes: u64,
    /// What to give as `after` for the next page; `None`: this was the last.
    pub next: Option<String>,
}

impl Entries {
    /// Entries of a page at most.
    pub const LIMIT_MAX: usize = 1_000;

    /// The entries that `scope` takes, by key.
    pub fn of(scope: impl Into<Scope>) -> Self {
        Self {
            scope: scope.into(),
            tier: None,
            state: None,
            sort: EntrySort::Key,
            descending: None,
            limit: 50,
            after: None,
        }
    }
}

/// Places of a view that are looked at between two moments in which others have their turn.
const SLICE: usize = 1_024;

/// Where an entry stands in the order.
type Place = (u64, Key);

/// A [`Place`] of the query, with its direction.
struct Order {
    sort: EntrySort,
    descending: bool,
}

impl Order {
    fn of(ask: &Entries) -> Self {
        let common = matches!(ask.sort, EntrySort::Size | EntrySort::Age | EntrySort::Hits);
        Self { sort: ask.sort, descending: ask.descending.unwrap_or(common) }
    }

    /// A number that does not change while time goes on, so that pages fit together.
    fn rank(&self, entry: &Entry) -> u64 {
        match self.sort {
            EntrySort::Key => 0,
            EntrySort::Size => entry.weight(),
            EntrySort::Age => u64::MAX - entry.life().stored.as_millis(),
            EntrySort::Left => entry.life().fresh_until.as_millis(),
            EntrySort::Hits => entry.hits().into(),
        }
    }

    fn compare(&self, (rank, key): (u64, &str), (other_rank, other): (u64, &str)) -> Ordering {
        let order = rank.cmp(&other_rank).then_with(|| key.cmp(other));
        if self.descending { order.reverse() } else { order }
    }
}

/// The first so many places, as far as the walk has come.
struct Best {
    order: Order,
    keep: usize,
    after: Option<Place>,
    lines: Vec<(u64, EntryLine)>,
    /// Nothing behind this place is wanted any more.
    worst: Option<Place>,
}

impl Best {
    fn offer(&mut self, entry: &Entry, line: impl FnOnce() -> EntryLine) {
        let place = (self.order.rank(entry), entry.key());
        let behind = |(rank, key): &Place| self.order.compare(place, (*rank, key.as_str())).is_gt();
        if self.after.as_ref().is_some_and(|after| !behind(after)) || self.worst.as_ref().is_some_and(behind)
        {
            return;
        }
        self.lines.push((place.0, line()));
        if self.lines.len() >= 2 * self.keep {
            self.cut();
        }
    }

    /// Begins anew with the entries of a tier.
    fn forget(&mut self, tier: &Arc<str>) {
        self.lines.retain(|(_, line)| line.tier != *tier);
        self.worst = None;
    }

    fn cut(&mut self) {
        let order = &self.order;
        self.lines.sort_by(|(rank, line), (other_rank, other)| {
            order.compare((*rank, line.key.as_str()), (*other_rank, other.key.as_str()))
        });
        if self.lines.len() >= self.keep {
            self.lines.truncate(self.keep);
            self.worst = self.lines.last().map(|(rank, line)| (*rank, line.key.clone()));
        }
    }
}

fn state(entry: &Entry, now: Moment) -> EntryState {
    match entry.freshness(now) {
        Freshness::Fresh if entry.is_nothing() => EntryState::Nothing,
        Freshness::Fresh => EntryState::Fresh,
        Freshness::Stale => EntryState::Stale,
        Freshness::Dead => EntryState::Expired,
    }
}

fn line(entry: &Entry, tier: &Arc<str>, now: Moment) -> EntryLine {
    let life = entry.life();
    EntryLine {
        key: entry.to_key(),
        tier: Arc::clone(tier),
        size: entry.weight(),
        age: now.since(life.stored),
        left: life.fresh_until.since(now),
        stale_left: life.dead_at.since(now),
        hits: entry.hits(),
        origin: entry.origin(),
        tags: entry.tags().as_slice().len(),
        state: state(entry, now),
    }
}

/// What a page says of itself, for the next; read back by [`place`].
fn cursor((rank, key): (u64, &Key)) -> String {
    format!("{rank:x}.{key}")
}

fn place(cursor: &str) -> Result<Place> {
    let read = || {
        let (rank, key) = cursor.split_once('.')?;
        Some((u64::from_str_radix(rank, 16).ok()?, Key::parse(key).ok()?))
    };
    let reason = "after is not what a page gave as next; begin without it".to_owned();
    read().ok_or(Error::InvalidCommand { reason })
}

/// Offers the entries of `tier` that `ask` wants; returns how many there are, and their bytes. The one place that knows how a
/// view is walked.
async fn walk(env: &Env, tier: &TierShared, ask: &Entries, best: &mut Best) -> (u64, u64) {
    let (mut matched, mut bytes) = (0, 0);
    let mut scan = tier.view.scan();
    loop {
        if scan.is_at_start() {
            // The tables have grown: all of it comes once more.
            (matched, bytes) = (0, 0);
            best.forget(&tier.name);
        }
        let now = env.now();
        let more = scan.step(SLICE, |entry| {
            let wanted = ask.state.is_none_or(|wanted| wanted == state(entry, now));
            if wanted && ask.scope.takes(entry.key(), entry.tags()) {
                matched += 1;
                bytes += entry.weight();
                best.offer(entry, || line(entry, &tier.name, now));
            }
        });
        if !more {
            return (matched, bytes);
        }
        yield_now().await;
    }
}

impl Cache {
    /// The entries that `ask` describes, page by page. Values are not shown, and no read is counted.
    ///
    /// Every page is a walk over all entries that the scope can reach, in slices between which others have their turn; it
    /// sends no message. Errors: `UnknownTier`; `InvalidCommand` for a limit out of range and a foreign `after`; `Closed`.
    ///
    /// ```no_run
    /// # async fn example(cache: apex_cache::Cache) -> apex_cache::Result<()> {
    /// use apex_cache::{Pattern, admin::Entries};
    /// let page = cache.entries(Entries::of(Pattern::parse("products:*")?)).await?;
    /// println!("{} entries, {} bytes", page.matched, page.bytes);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn entries(&self, ask: Entries) -> Result<EntryPage> {
        let wiring = self.wiring();
        wiring.open()?;
        if !(1..=Entries::LIMIT_MAX).contains(&ask.limit) {
            return Err(Error::InvalidCommand { reason: "limit is a number from 1 to 1000".to_owned() });
        }
        let only = ask.tier.as_deref().map(|name| wiring.routes.tier(name)).transpose()?;
        let reached =
            wiring.reached(&ask.scope)?.into_iter().filter(|id| only.is_none_or(|only| only == *id));
        let after = ask.after.as_deref().map(place).transpose()?;
        let (order, keep) = (Order::of(&ask), ask.limit + 1);
        let mut best = Best { order, keep, after, lines: Vec::new(), worst: None };
        let mut page = EntryPage::default();
        for tier in reached.map(|id| wiring.tier(id)) {
            let (matched, bytes) = walk(&wiring.env, tier, &ask, &mut best).await;
            page.matched += matched;
            page.bytes += bytes;
        }
        best.cut();
        let more = best.lines.len() > ask.limit;
        best.lines.truncate(ask.limit);
        page.next = best.lines.last().filter(|_| more).map(|(rank, line)| cursor((*rank, &line.key)));
        page.entries = best.lines.into_iter().map(|(_, line)| line).collect();
        Ok(page)
    }
}
