//! The stats actor alone, in virtual time, beside counters that the test or a real tier writes.
//!
//! Owns: samples, snapshots, top keys, and that nobody is kept waiting for them. Never: renders a panel.

mod common;
#[path = "common/recorders.rs"]
mod recorders;

#[path = "stats/history.rs"]
mod history;
#[path = "stats/restart.rs"]
mod restart;
#[path = "stats/snapshot.rs"]
mod snapshot;

use actix::{Actor, Addr};

use apex_cache::actor::request::ToStats;
use apex_cache::actor::{Reply, StatsActor};
use apex_cache::message::{History, Sample, StatsSnapshot};
use apex_cache::{Result, Settings};
use tokio::sync::oneshot;

use recorders::Neighbours;

/// The stats actor, alone.
struct Alone {
    neighbours: Neighbours,
    addr: Addr<StatsActor>,
}

impl Alone {
    fn new() -> Self {
        Self::with(&Settings::default())
    }

    fn with(settings: &Settings) -> Self {
        Self::started(settings, Actor::start)
    }

    fn started(settings: &Settings, start: impl FnOnce(StatsActor) -> Addr<StatsActor>) -> Self {
        let neighbours = Neighbours::with(settings, Vec::new());
        let addr = start(StatsActor::new(&neighbours.wiring));
        Self { neighbours, addr }
    }

    fn post_snapshot(&self) -> oneshot::Receiver<Result<StatsSnapshot>> {
        let (reply, snapshot) = Reply::new("control".into());
        self.addr.do_send(ToStats::Snapshot(reply));
        snapshot
    }

    async fn snapshot(&self) -> StatsSnapshot {
        self.post_snapshot().await.expect("a reply slot always answers").expect("the stats actor answers")
    }

    async fn history(&self) -> Vec<Sample> {
        let (reply, samples) = Reply::new("control".into());
        self.addr.do_send(ToStats::History(History, reply));
        samples.await.expect("a reply slot always answers").expect("the stats actor answers")
    }
}
