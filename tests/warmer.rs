//! The warmer alone, in virtual time, with tiers that answer and write down what they were given.
//!
//! Owns: when sources run, how many at a time, what becomes of failures, and what is reported.
//! Never: stores anything; the tests that need a real tier start a whole cache.

mod common;
#[path = "common/recorders.rs"]
mod recorders;

#[path = "warmer/failures.rs"]
mod failures;
#[path = "warmer/orders.rs"]
mod orders;
#[path = "warmer/races.rs"]
mod races;
#[path = "warmer/restart.rs"]
mod restart;
#[path = "warmer/runs.rs"]
mod runs;
#[path = "warmer/schedule.rs"]
mod schedule;
#[path = "warmer/users.rs"]
mod users;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use actix::{Actor, Addr};
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

use apex_cache::actor::request::{TierRequest, ToSupervisor, ToWarmer};
use apex_cache::actor::{Reply, Supervisor, Warmer, Wiring};
use apex_cache::engine::journal::Ticket;
use apex_cache::engine::tier::Warmed;
use apex_cache::message::{UserActive, Warm, WarmReport};
use apex_cache::{Result, Settings, TierId, WarmEntries, WarmRun, WarmScope, WarmSource};

use recorders::{Neighbours, stand_for_tier};

const SECOND: Duration = Duration::from_secs(1);

type Io = std::io::Error;

/// What the stand-ins of the tiers were told.
#[derive(Default)]
struct Book {
    /// Tickets that were given and not ended.
    open: Vec<Ticket>,
    begun: u64,
    /// Keys of each part that was stored.
    parts: Vec<Vec<String>>,
}

/// The warmer with a supervisor that moves what runs post, and tiers that answer.
struct Alone {
    wiring: Arc<Wiring>,
    addr: Addr<Warmer>,
    book: Arc<Mutex<Book>>,
    _supervisor: Addr<Supervisor>,
}

impl Alone {
    /// At most eight runs at a time.
    fn new(sources: Vec<WarmSource>) -> Self {
        Self::with(&Settings::default().load_concurrency(8), sources)
    }

    fn with(settings: &Settings, sources: Vec<WarmSource>) -> Self {
        Self::started(settings, sources, Actor::start)
    }

    fn started(
        settings: &Settings,
        sources: Vec<WarmSource>,
        start: impl FnOnce(Warmer) -> Addr<Warmer>,
    ) -> Self {
        let neighbours = Neighbours::with(settings, sources);
        let book = Arc::new(Mutex::new(Book::default()));
        for tier in &neighbours.wiring.tiers {
            answering_tier(&neighbours.wiring, tier.id, &book);
        }
        // Runs post through the inbox, so somebody has to move what lies there.
        let supervisor = Supervisor::new(&neighbours.wiring).start();
        supervisor.do_send(ToSupervisor::Wake);
        let addr = start(Warmer::new(&neighbours.wiring));
        Self { wiring: neighbours.wiring, addr, book, _supervisor: supervisor }
    }

    fn post(&self, scope: WarmScope) -> oneshot::Receiver<Result<WarmReport>> {
        let (reply, report) = Reply::new("control".into());
        self.addr.do_send(ToWarmer::Warm(Warm::new(scope), reply));
        report
    }

    async fn warm(&self, scope: WarmScope) -> Result<WarmReport> {
        self.post(scope).await.expect("a reply slot always answers")
    }

    async fn user_active(&self, user: &str) -> bool {
        let (reply, begun) = Reply::new("control".into());
        self.addr.do_send(ToWarmer::UserActive(UserActive::new(user), reply));
        begun.await.expect("a reply slot always answers").expect("the warmer answers")
    }

    fn open_tickets(&self) -> usize {
        self.book.lock().open.len()
    }
}

/// Puts a tier in place that gives tickets and stores what it is given.
fn answering_tier(wiring: &Arc<Wiring>, id: TierId, book: &Arc<Mutex<Book>>) {
    let book = Arc::clone(book);
    stand_for_tier(wiring, id, move |envelope| {
        let mut book = book.lock();
        match envelope.request {
            TierRequest::BeginWarm { reply } => {
                book.begun += 1;
                let ticket = Ticket { incarnation: 0, seq0: book.begun };
                book.open.push(ticket);
                reply.answer(Ok(ticket));
            }
            TierRequest::StoreWarm { ticket, items, reply } => {
                assert!(book.open.contains(&ticket), "stored under a ticket that has ended");
                reply.answer(Ok(items.iter().map(|_| Warmed::Stored).collect()));
                book.parts.push(items.iter().map(|item| item.key.to_string()).collect());
            }
            TierRequest::EndWarm { ticket } => {
                assert!(book.open.contains(&ticket), "a ticket ended twice");
                book.open.retain(|open| *open != ticket);
            }
            other => panic!("a warm run asks for nothing else: {other:?}"),
        }
    });
}

/// Counts runs, and holds them until they are let go.
#[derive(Default)]
struct Runs {
    began: AtomicU64,
    now: AtomicU64,
    most: AtomicU64,
    go: AtomicU64,
    changed: Notify,
}

impl Runs {
    fn began(&self) -> u64 {
        self.began.load(SeqCst)
    }

    /// Lets so many more runs come to their end.
    fn let_go(&self, runs: u64) {
        self.go.fetch_add(runs, SeqCst);
        self.changed.notify_waiters();
    }

    async fn run(&self) {
        self.began.fetch_add(1, SeqCst);
        let now = self.now.fetch_add(1, SeqCst) + 1;
        self.most.fetch_max(now, SeqCst);
        loop {
            let changed = self.changed.notified();
            if self.go.fetch_update(SeqCst, SeqCst, |go| go.checked_sub(1)).is_ok() {
                break;
            }
            changed.await;
        }
        self.now.fetch_sub(1, SeqCst);
    }
}

/// A source that brings one entry, `<prefix>::<name>`, and counts its runs.
fn counted(name: &'static str, tier: &'static str, runs: &Arc<Runs>) -> WarmSource {
    let runs = Arc::clone(runs);
    let prefix = if tier == "reference" { "products" } else { tier };
    WarmSource::new(name, tier, move |run: WarmRun| {
        let runs = Arc::clone(&runs);
        async move {
            runs.run().await;
            let key = format!("{prefix}::{name}{}", run.user());
            WarmEntries::new().with(key, &1)
        }
    })
}

/// As [`counted`], but never held.
fn free(name: &'static str, tier: &'static str) -> (WarmSource, Arc<Runs>) {
    let runs = Arc::new(Runs::default());
    runs.let_go(1_000_000);
    (counted(name, tier, &runs), runs)
}

/// As [`counted`], held until it is let go.
fn held(name: &'static str, tier: &'static str) -> (WarmSource, Arc<Runs>) {
    let runs = Arc::new(Runs::default());
    (counted(name, tier, &runs), runs)
}
