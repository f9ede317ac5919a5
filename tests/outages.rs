//! The outage table: what a source that fails, is slow or hangs costs with the cache and without it.
//!
//! Owns: that no cell is above its bound, and that the table in the guide is the one that is measured. To print it:
//! `cargo test --test outages -- --nocapture`.

use std::fmt::Write as _;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use apex_cache::testing::{builder, paused};
use apex_cache::{Cache, Settings, cached};
use tokio::sync::Semaphore;

const PLACES: usize = 8;
const LOAD_TIMEOUT: Duration = Duration::from_secs(1);
/// After which time a caller gives up.
const PATIENCE: Duration = Duration::from_secs(3_600);
const NEVER: Duration = Duration::from_secs(1 << 30);
const PAGE: &str = include_str!("../docs/guide/outages.md");

/// What a source does.
#[derive(Debug, Clone, Copy)]
struct Behaviour {
    name: &'static str,
    takes: Duration,
    fails: bool,
}

const BEHAVIOURS: [Behaviour; 4] = [
    Behaviour { name: "down, fast (10 ms)", takes: Duration::from_millis(10), fails: true },
    Behaviour { name: "down, slow (5 s)", takes: Duration::from_secs(5), fails: true },
    Behaviour { name: "slow (3 s)", takes: Duration::from_secs(3), fails: false },
    Behaviour { name: "hanging", takes: NEVER, fails: false },
];

#[derive(Debug)]
struct NotClone;

#[derive(Debug, Clone)]
struct IsClone;

#[derive(Debug)]
struct Shared;

impl From<Arc<Self>> for Shared {
    fn from(_: Arc<Self>) -> Self {
        Self
    }
}

#[derive(Debug, Clone)]
struct Source {
    cache: Cache,
    behaviour: Behaviour,
    bodies: Arc<AtomicU32>,
    pool: Arc<Semaphore>,
}

impl Source {
    fn cache(&self) -> &Cache {
        &self.cache
    }

    async fn query(&self) -> Result<u32, ()> {
        self.bodies.fetch_add(1, Relaxed);
        wait(self.behaviour.takes).await;
        if self.behaviour.fails { Err(()) } else { Ok(1) }
    }

    async fn pooled(&self) {
        let _place = self.pool.acquire().await.expect("it is never closed");
        let _ = self.query().await;
    }

    #[cached(key = "query::clone::{id}", ttl = "1h")]
    async fn is_clone(&self, id: u32) -> Result<u32, IsClone> {
        self.query().await.map_err(|()| IsClone)
    }

    #[cached(key = "query::not::{id}", ttl = "1h")]
    async fn not_clone(&self, id: u32) -> Result<u32, NotClone> {
        self.query().await.map_err(|()| NotClone)
    }

    #[cached(key = "query::shared::{id}", ttl = "1h", error = "shared")]
    async fn shared(&self, id: u32) -> Result<u32, Shared> {
        self.query().await.map_err(|()| Shared)
    }
}

async fn wait(span: Duration) {
    let _ = tokio::time::timeout(span, std::future::pending::<()>()).await;
}

#[allow(clippy::disallowed_methods)] // the clock of the test, which stands still while anything runs
fn now() -> tokio::time::Instant {
    tokio::time::Instant::now()
}

/// How a caller asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Pool,
    Clone,
    NotClone,
    Shared,
}

async fn ask(source: Source, way: Way, key: u32) {
    match way {
        Way::Pool => source.pooled().await,
        Way::Clone => drop(source.is_clone(key).await),
        Way::NotClone => drop(source.not_clone(key).await),
        Way::Shared => drop(source.shared(key).await),
    }
}

/// The time of the last caller, and the bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cost {
    last: Duration,
    bodies: u32,
}

impl Cost {
    fn text(self) -> String {
        let last = if self.last >= PATIENCE { "never".into() } else { format!("{:?}", self.last) };
        format!("{last}, {}", self.bodies)
    }
}

fn cost(behaviour: Behaviour, way: Way, callers: u32, one_key: bool) -> Cost {
    paused(|| async {
        let settings = Settings::default().load_timeout(LOAD_TIMEOUT).load_concurrency(PLACES);
        let cache = builder().settings(settings).start().await.expect("a cache for tests starts");
        let pool = Arc::new(Semaphore::new(PLACES));
        let source = Source { cache, behaviour, bodies: Arc::default(), pool };
        let began = now();
        let mut calls = tokio::task::JoinSet::new();
        for caller in 0..callers {
            let call = ask(source.clone(), way, if one_key { 0 } else { caller });
            calls.spawn_local(give_up_after(PATIENCE, call));
        }
        while calls.join_next().await.is_some() {}
        Cost { last: now() - began, bodies: source.bodies.load(Relaxed) }
    })
}

/// Gives up first: at that instant no body begins that is dropped at once.
async fn give_up_after(patience: Duration, call: impl Future<Output = ()>) {
    tokio::select! {
        biased;
        () = wait(patience) => {}
        () = call => {}
    }
}

const CROWDS: [(u32, bool); 5] = [(1, true), (40, true), (1_000, true), (40, false), (1_000, false)];

fn table() -> String {
    let mut table = String::from(
        "| source | error | 1 caller | 40, one key | 1,000, one key | 40 keys | 1,000 keys |\n\
         | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for behaviour in BEHAVIOURS {
        let pool = CROWDS.map(|(callers, one_key)| cost(behaviour, Way::Pool, callers, one_key));
        let mut row = |error: &str, cells: [Cost; 5]| {
            let cells = cells.map(Cost::text).join(" | ");
            writeln!(table, "| {} | {error} | {cells} |", behaviour.name).expect("text takes all");
        };
        row("*without the cache*", pool);
        let ways: &[_] = if behaviour.fails {
            &[(Way::Clone, "`Clone`"), (Way::Shared, "shared"), (Way::NotClone, "not `Clone`")]
        } else {
            &[(Way::NotClone, "any")]
        };
        for &(way, error) in ways {
            let cells = CROWDS.map(|(callers, one_key)| cost(behaviour, way, callers, one_key));
            row(error, cells);
            for (with, without) in cells.into_iter().zip(pool) {
                let bound = without.last.saturating_add(behaviour.takes.min(PATIENCE)) + LOAD_TIMEOUT;
                assert!(with.last <= bound, "{} {error}: {with:?}, without {without:?}", behaviour.name);
                assert!(
                    with.bodies <= without.bodies + 1,
                    "{} {error}: {with:?}, without {without:?}",
                    behaviour.name
                );
            }
        }
    }
    table
}

#[test]
fn no_cell_is_above_its_bound_and_the_guide_has_the_table() {
    let table = table();
    println!("{table}");
    assert!(PAGE.contains(&table), "docs/guide/outages.md has another table than is measured");
}
