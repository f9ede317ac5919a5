//! One listener's stream of events, as server-sent events.
//!
//! Owns: what is left out so that no listener is flooded, and that it is told. Never: keeps events for a slow listener
//! beyond what the cache itself does, or keeps the cache alive.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Weak};
use std::time::Duration;

use actix_web::web::Bytes;
use futures_util::Stream;
use futures_util::stream::unfold;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::refusal::Refusal;
use super::{look, shape};
use crate::actor::{Events, Wiring};
use crate::engine::moment::Moment;
use crate::error::Shown;
use crate::handle::Cache;
use crate::message::{Event, NotStored};

/// Events of the cache that are told within a second.
const EVENTS_A_SECOND: u32 = 200;
/// Events that may wait one by one: what is told is of this moment, not of minutes ago.
const WAITING_MAX: usize = 1_024;
/// Silence after which a sign of life is sent, so that proxies and we notice a listener that is gone.
const SIGN_OF_LIFE: Duration = Duration::from_secs(15);

/// Which events a listener wants.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Kinds(u8);

const KINDS: [&str; 6] = ["removed", "loaded", "refreshed", "load_failed", "cleared", "restarted"];

impl Kinds {
    /// Reads a list of words; nothing means all.
    pub(super) fn parse(list: Option<&str>) -> Result<Self, Refusal> {
        match list {
            None | Some("all") => return Ok(Self(u8::MAX)),
            Some("none") => return Ok(Self(0)),
            Some(_) => {}
        }
        let mut kinds = 0;
        for word in list.unwrap_or_default().split(',') {
            let Some(place) = KINDS.iter().position(|kind| *kind == word) else {
                let (word, known) = (Shown::new(word), KINDS.join(", "));
                return Err(Refusal::bad(format!(
                    "there are no events {word}; there are: {known}, or all, or none"
                )));
            };
            kinds |= 1 << place;
        }
        Ok(Self(kinds))
    }

    fn has(self, kind: &str) -> bool {
        KINDS.iter().position(|known| *known == kind).is_some_and(|place| self.0 & (1 << place) != 0)
    }
}

/// What a stream waits for.
enum Told {
    /// `None`: the cache has ended.
    Event(Option<Event>),
    /// The server stops.
    Closing,
}

/// The stream of one listener.
pub(super) struct Feed {
    /// Weak: who listens does not keep the cache alive.
    wiring: Weak<Wiring>,
    events: Option<Events>,
    kinds: Kinds,
    tier: Option<Arc<str>>,
    /// When the counters are told next, and how often.
    stats: Option<(Moment, Duration)>,
    granted: bool,
    /// Events told in the second that began then.
    told: (Moment, u32),
    alive_until: Moment,
    ended: bool,
    count: Arc<AtomicUsize>,
    /// Whether the server stops.
    closing: watch::Receiver<bool>,
}

impl std::fmt::Debug for Feed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Feed").finish_non_exhaustive()
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Relaxed);
    }
}

impl Feed {
    /// Begins to listen. `count` has one for it already.
    pub(super) fn new(
        cache: &Cache,
        kinds: Kinds,
        tier: Option<Arc<str>>,
        stats: Option<Duration>,
        granted: bool,
        count: &Arc<AtomicUsize>,
        closing: watch::Receiver<bool>,
    ) -> Self {
        let wiring = cache.wiring();
        let now = wiring.env.now();
        Self {
            // Where nobody wants events, none are made: see `EventHub`.
            events: (kinds != Kinds(0)).then(|| wiring.events.subscribe(WAITING_MAX)),
            wiring: Arc::downgrade(wiring),
            kinds,
            tier,
            stats: stats.map(|each| (now, each)),
            granted,
            told: (now, 0),
            alive_until: now.after(SIGN_OF_LIFE),
            ended: false,
            count: Arc::clone(count),
            closing,
        }
    }

    /// The next piece to send; `None` at the end.
    pub(super) async fn next(&mut self) -> Option<Bytes> {
        while !self.ended {
            let Some(wiring) = self.wiring.upgrade().filter(|wiring| wiring.open().is_ok()) else {
                return Some(self.end());
            };
            if *self.closing.borrow() {
                break; // not a word of an end: the cache goes on
            }
            let now = wiring.env.now();
            if let Some((at, each)) = self.stats.filter(|(at, _)| *at <= now) {
                // From now, not from when it was due: a slow listener gets fewer, not a burst.
                self.stats = Some((at.max(now).after(each), each));
                self.alive_until = now.after(SIGN_OF_LIFE);
                return Some(sent("stats", &look::counters(&wiring, self.granted)));
            }
            if self.alive_until <= now {
                self.alive_until = now.after(SIGN_OF_LIFE);
                return Some(Bytes::from_static(b": alive\n\n"));
            }
            let (spawner, wait) = (wiring.spawner.clone(), self.wait(now));
            drop(wiring);
            let full = self.told.1 >= EVENTS_A_SECOND;
            let (events, closing) = (self.events.as_mut().filter(|_| !full), &mut self.closing);
            let event = async {
                match events {
                    Some(events) => events.recv().await,
                    None => std::future::pending().await,
                }
            };
            let closed = async {
                // One whose admin is gone is not told any more, and ends with the cache.
                if closing.wait_for(|closing| *closing).await.is_err() {
                    std::future::pending::<()>().await;
                }
            };
            let event = spawner.within(wait, async {
                tokio::select! {
                    biased;
                    () = closed => Told::Closing,
                    event = event => Told::Event(event),
                }
            });
            match event.await {
                Some(Told::Event(Some(event))) => {
                    if let Some(piece) = self.piece(&event) {
                        return Some(piece);
                    }
                }
                Some(Told::Event(None)) => return Some(self.end()),
                Some(Told::Closing) | None => {}
            }
        }
        None
    }

    /// All pieces, one after the other.
    pub(super) fn pieces(self: Box<Self>) -> impl Stream<Item = Result<Bytes, Infallible>> {
        unfold(self, |mut feed| async move {
            let piece = feed.next().await?;
            Some((Ok(piece), feed))
        })
    }

    /// How long there is nothing to do but to wait for events.
    fn wait(&mut self, now: Moment) -> Duration {
        if now.since(self.told.0) >= Duration::from_secs(1) {
            self.told = (now, 0);
        }
        let second = self.told.0.after(Duration::from_secs(1)).since(now);
        let stats = self.stats.map_or(SIGN_OF_LIFE, |(at, _)| at.since(now));
        // A clock that counts milliseconds would have it wait for nothing, again and again.
        second.min(stats).min(self.alive_until.since(now)).max(Duration::from_millis(1))
    }

    fn end(&mut self) -> Bytes {
        self.ended = true;
        self.events = None;
        sent("ended", &json!({}))
    }

    /// An event as it is sent, if the listener wants it.
    fn piece(&mut self, event: &Event) -> Option<Bytes> {
        let (kind, data) = shown(event, self.granted)?;
        let asked = if matches!(event, Event::RemovedMany { .. }) { "removed" } else { kind };
        let wanted = self.kinds.has(asked) && self.tier.as_deref().is_none_or(|tier| data["tier"] == *tier);
        if !matches!(event, Event::Missed(_)) && !wanted {
            return None;
        }
        self.told.1 += 1;
        Some(sent(kind, &data))
    }
}

fn sent(kind: &str, data: &Value) -> Bytes {
    format!("event: {kind}\ndata: {data}\n\n").into()
}

/// An event as JSON. Its key only for those who may see keys.
fn shown(event: &Event, granted: bool) -> Option<(&'static str, Value)> {
    let (kind, key, mut data) = match event {
        Event::Removed { key, tier, cause, age, size, hits, seq, .. } => {
            let cause = format!("{cause:?}").to_ascii_lowercase();
            let age = shape::seconds(*age);
            let data = json!({ "tier": &**tier, "cause": cause, "age_s": age, "size": size, "hits": hits, "seq": seq });
            ("removed", Some(key), data)
        }
        Event::Loaded { key, tier, took, found, not_stored, .. } => {
            let not_stored = not_stored.map(|why| match why {
                NotStored::Revoked => "revoked",
                NotStored::TooLarge => "too_large",
                NotStored::TooManyTags => "too_many_tags",
                NotStored::NotKept => "not_kept",
                NotStored::Unreadable => "unreadable",
            });
            let took = shape::seconds(*took);
            let data = json!({ "tier": &**tier, "took_s": took, "found": found, "not_stored": not_stored });
            ("loaded", Some(key), data)
        }
        Event::Refreshed { key, tier, took, .. } => {
            ("refreshed", Some(key), json!({ "tier": &**tier, "took_s": shape::seconds(*took) }))
        }
        Event::LoadFailed { key, tier, kind, .. } => {
            ("load_failed", Some(key), json!({ "tier": &**tier, "kind": format!("{kind:?}") }))
        }
        Event::Cleared { tier, count, bytes, .. } => {
            ("cleared", None, json!({ "tier": &**tier, "count": count, "bytes": bytes }))
        }
        Event::Restarted { tier, count, .. } => {
            ("restarted", None, json!({ "tier": &**tier, "count": count }))
        }
        Event::RemovedMany { tier, cause, count, bytes, .. } => {
            let cause = format!("{cause:?}").to_ascii_lowercase();
            let data =
                json!({ "tier": &**tier, "cause": cause, "count": count, "bytes": bytes, "of": "removed" });
            ("missed", None, data)
        }
        Event::Missed(count) => ("missed", None, json!({ "count": count })),
        #[allow(unreachable_patterns)] // a kind that this page does not know yet
        _ => return None,
    };
    if let Some(key) = key.filter(|_| granted) {
        data["key"] = json!(key.as_str());
    }
    Some((kind, data))
}
