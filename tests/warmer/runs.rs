//! One run: its ticket, its parts, its progress, and its end on every way out.

use std::sync::Arc;
use std::time::Duration;

use apex_cache::{WarmEntries, WarmScope, WarmSource};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::common::{paused, settle};
use super::recorders::{Neighbours, stand_for_tier};
use super::{Alone, Io};
use actix::Actor;
use apex_cache::actor::request::{TierRequest, ToWarmer};
use apex_cache::actor::{Reply, StatsActor, Supervisor, Warmer};
use apex_cache::engine::journal::Ticket;
use apex_cache::engine::tier::Warmed;
use apex_cache::message::{SourceReport, StatsSnapshot, Warm, WarmReport};

/// Brings `count` numbers for the tier of configuration.
fn brings(count: u64) -> WarmSource {
    WarmSource::new("many", "config", move |_run| async move {
        let mut entries = WarmEntries::new();
        for number in 0..count {
            entries.push(format!("config::{number}"), &number)?;
        }
        Ok::<_, apex_cache::Error>(entries)
    })
}

#[test]
fn what_a_source_brings_is_handed_over_in_parts_and_in_order() {
    paused(|| async {
        let alone = Alone::new(vec![brings(1_000)]);
        assert_eq!(alone.warm(WarmScope::All).await.expect("it runs").stored(), 1_000);
        let book = alone.book.lock();
        assert_eq!(book.parts.iter().map(Vec::len).collect::<Vec<_>>(), [256, 256, 256, 232]);
        let keys: Vec<&String> = book.parts.iter().flatten().collect();
        assert!(keys.iter().enumerate().all(|(at, key)| **key == format!("config::{at}")));
        assert!(book.open.is_empty(), "the ticket is ended");
    });
}

#[test]
fn large_values_are_handed_over_a_mebibyte_at_a_time() {
    paused(|| async {
        let large = WarmSource::new("large", "config", |_run| async {
            let mut entries = WarmEntries::new();
            for number in 0..10 {
                entries.push(format!("config::{number}"), &crate::common::noise(400_000))?;
            }
            Ok::<_, apex_cache::Error>(entries)
        });
        let alone = Alone::new(vec![large]);
        assert_eq!(alone.warm(WarmScope::All).await.expect("it runs").stored(), 10);
        assert_eq!(alone.book.lock().parts.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 3, 1]);
    });
}

#[test]
fn a_run_waits_for_room_in_front_of_its_tier() {
    paused(|| async {
        let settings = apex_cache::Settings::default().queue_messages(128);
        let alone = Alone::with(&settings, vec![brings(10)]);
        let permits = &alone.wiring.tiers[0].permits;
        // Sets for a tier that takes nothing hold all places.
        let id = alone.wiring.tiers[0].id;
        let heard = Arc::new(Mutex::new(Vec::new()));
        let deaf = Arc::clone(&heard);
        stand_for_tier(&alone.wiring, id, move |envelope| deaf.lock().push(envelope));
        for number in 0..128 {
            use apex_cache::actor::Request;
            let set = apex_cache::message::Set::new(
                super::recorders::key("config::x"),
                super::recorders::value(number),
            );
            drop(set.post(&alone.wiring));
        }
        settle().await;
        assert_eq!(permits.taken().0, 128);
        super::answering_tier(&alone.wiring, id, &alone.book);
        let mut report = alone.post(WarmScope::All);
        settle().await;
        assert!(report.try_recv().is_err(), "it has a ticket and waits");
        assert_eq!(alone.open_tickets(), 1);
        heard.lock().clear();
        assert_eq!(report.await.expect("answered").expect("it ran").stored(), 10);
    });
}

#[test]
fn keys_of_another_tier_are_left_out_and_told() {
    paused(|| async {
        let stray = WarmSource::new("stray", "config", |_run| async {
            WarmEntries::new().with("config::a", &1)?.with("user::1", &2)?.with("config::b", &3)
        });
        let alone = Alone::new(vec![stray]);
        let report = alone.warm(WarmScope::All).await.expect("it runs");
        assert_eq!(report.stored(), 2);
        let error = report.sources[0].error.as_deref().expect("it is told");
        assert!(error.starts_with("1 keys do not belong to tier config"), "{error}");
        assert_eq!(alone.book.lock().parts, [["config::a", "config::b"]]);
    });
}

/// A warmer whose tier is asked by the test.
struct ByHand {
    neighbours: Neighbours,
    warmer: actix::Addr<Warmer>,
    _others: (actix::Addr<Supervisor>, actix::Addr<StatsActor>),
}

impl ByHand {
    fn new(source: WarmSource) -> Self {
        let neighbours = Neighbours::with(&apex_cache::Settings::default(), vec![source]);
        let others =
            (Supervisor::new(&neighbours.wiring).start(), StatsActor::new(&neighbours.wiring).start());
        let warmer = Warmer::new(&neighbours.wiring).start();
        Self { neighbours, warmer, _others: others }
    }

    fn warm(&self) -> oneshot::Receiver<apex_cache::Result<WarmReport>> {
        let (reply, report) = Reply::new("control".into());
        self.warmer.do_send(ToWarmer::Warm(Warm::new(WarmScope::All), reply));
        report
    }

    async fn begun(&self) -> Reply<Ticket> {
        match self.neighbours.tier("config").request().await {
            TierRequest::BeginWarm { reply } => reply,
            other => panic!("no ticket was asked for: {other:?}"),
        }
    }

    async fn stats(&self) -> StatsSnapshot {
        use apex_cache::actor::Request;
        apex_cache::message::Stats.post(&self.neighbours.wiring).await.expect("the stats actor answers")
    }
}

const TICKET: Ticket = Ticket { incarnation: 0, seq0: 1 };

#[test]
fn the_source_is_read_only_after_the_ticket_was_given() {
    paused(|| async {
        let read = Arc::new(Mutex::new(false));
        let seen = Arc::clone(&read);
        let source = WarmSource::new("a", "config", move |_run| {
            *seen.lock() = true;
            async { Ok::<_, Io>(WarmEntries::new()) }
        });
        let by_hand = ByHand::new(source);
        let report = by_hand.warm();
        let ticket = by_hand.begun().await;
        settle().await;
        assert!(!*read.lock(), "what is read before the ticket may be older than an invalidation");
        ticket.answer(Ok(TICKET));
        assert!(matches!(by_hand.neighbours.tier("config").request().await, TierRequest::EndWarm { .. }));
        assert!(*read.lock());
        assert_eq!(report.await.expect("answered").expect("it ran").stored(), 0);
    });
}

#[test]
fn what_the_tier_did_with_each_entry_is_reported() {
    paused(|| async {
        let by_hand = ByHand::new(brings(5));
        let report = by_hand.warm();
        by_hand.begun().await.answer(Ok(TICKET));
        let TierRequest::StoreWarm { ticket, items, reply } =
            by_hand.neighbours.tier("config").request().await
        else {
            panic!("nothing was stored")
        };
        assert_eq!((ticket, items.len()), (TICKET, 5));
        let outcome = vec![Warmed::Stored, Warmed::Stored, Warmed::Revoked, Warmed::NoRoom, Warmed::NotKept];
        reply.answer(Ok(outcome));
        let report = report.await.expect("answered").expect("it ran");
        let SourceReport { stored, revoked, refused, error, .. } = &report.sources[0];
        assert_eq!((*stored, *revoked, *refused, error.is_none()), (2, 1, 2, true));
    });
}

#[test]
fn a_tier_that_breaks_fails_the_run_and_the_ticket_is_ended_all_the_same() {
    paused(|| async {
        let by_hand = ByHand::new(brings(5));
        let report = by_hand.warm();
        by_hand.begun().await.answer(Ok(TICKET));
        drop(by_hand.neighbours.tier("config").request().await);
        let ended = by_hand.neighbours.tier("config").request().await;
        assert!(matches!(ended, TierRequest::EndWarm { ticket: TICKET }), "{ended:?}");
        let report = report.await.expect("answered").expect("it was run");
        let error = report.sources[0].error.as_deref().expect("it failed");
        assert!(error.contains("tier config broke"), "{error}");
    });
}

#[test]
fn progress_shows_in_the_statistics_while_a_run_is_under_way_and_goes_with_it() {
    paused(|| async {
        let by_hand = ByHand::new(brings(512));
        let report = by_hand.warm();
        let begun = by_hand.begun().await;
        let reads = by_hand.stats().await.warm[0].progress;
        assert_eq!(reads, Some((0, 0)), "a run that has nothing to hand over yet is under way");
        begun.answer(Ok(TICKET));
        for part in 0..2 {
            let TierRequest::StoreWarm { items, reply, .. } =
                by_hand.neighbours.tier("config").request().await
            else {
                panic!("nothing was stored")
            };
            let warm = &by_hand.stats().await.warm[0];
            let (done, of) = warm.progress.expect("a run is under way");
            assert_eq!((done, of, warm.runs), (256 * (part + 1), 512, 0));
            reply.answer(Ok(items.iter().map(|_| Warmed::Stored).collect()));
        }
        report.await.expect("answered").expect("it ran");
        let warm = &by_hand.stats().await.warm[0];
        assert_eq!((warm.progress, warm.runs, warm.failures, warm.stored), (None, 1, 0, 512));
        assert!(warm.last_took.is_some() && warm.last_error.is_none());
    });
}

#[test]
fn a_source_without_end_is_given_up_after_ten_times_the_time_of_a_load() {
    paused(|| async {
        let slow =
            WarmSource::new("slow", "config", |_run| std::future::pending::<Result<WarmEntries, Io>>());
        let settings = apex_cache::Settings::default().load_timeout(Duration::from_secs(2));
        let alone = Alone::with(&settings, vec![slow]);
        let began = alone.wiring.env.now();
        let report = alone.warm(WarmScope::All).await.expect("it was run");
        assert_eq!(alone.wiring.env.now().since(began), Duration::from_secs(20));
        assert!(report.sources[0].error.as_deref().is_some_and(|error| error.contains("20s")));
        assert_eq!((report.sources[0].took, alone.open_tickets()), (Duration::from_secs(20), 0));
    });
}
