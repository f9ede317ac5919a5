//! The hand-over of a loader under every order of its steps: it runs at most once, and whoever waits is answered.
//!
//! Owns: the parties at one cell, each cut down to what it does with it. Never: goes through a tier.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use shuttle::future::{block_on, yield_now};
use shuttle::thread;
use tokio::runtime::{Builder, Runtime};

use crate::engine::key::Key;
use crate::env::Spawner;
use crate::error::{BoxError, Error, Shown};
use crate::loader::{LoadCell, Loader, run_for};
use crate::sync::each_schedule;

/// Never reached: nothing drives the timers here.
const LIMIT: Duration = Duration::from_secs(3_600);

fn key() -> Key {
    Key::parse("user::1").expect("a valid key")
}

/// A cell, and how often its loader ran. The loader lets others have their turn before and after it counts.
fn cell() -> (Arc<LoadCell>, Arc<AtomicU64>) {
    let runs = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&runs);
    let loader = Loader::new(key(), move || async move {
        yield_now().await;
        count.fetch_add(1, Relaxed);
        yield_now().await;
        Ok::<_, BoxError>(7_u64)
    });
    (LoadCell::alone(loader), runs)
}

/// A runtime that is never driven: what runs a load wants one for its timer.
fn spawner() -> (Runtime, Spawner) {
    let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
    let spawner = {
        let _inside = runtime.enter();
        Spawner::current().expect("inside of a runtime")
    };
    (runtime, spawner)
}

/// What a tier's task does: takes the loader and runs it, if it is still there.
fn lead(cell: &Arc<LoadCell>, spawner: &Spawner) -> thread::JoinHandle<()> {
    let (cell, spawner) = (Arc::clone(cell), spawner.clone());
    thread::spawn(move || {
        if let Some(loader) = cell.take() {
            drop(block_on(run_for(&cell, loader, LIMIT, &spawner)));
        }
    })
}

/// What a tier does whose task was dropped: takes the loader, runs it not, and says so.
fn lose(cell: &Arc<LoadCell>) -> thread::JoinHandle<()> {
    let cell = Arc::clone(cell);
    thread::spawn(move || {
        if let Some(loader) = cell.take() {
            drop(loader);
            cell.finish(Err(Error::LoadLost { key: Shown::new("user::1") }));
        }
    })
}

#[test]
fn a_loader_runs_once_and_its_call_learns_what_it_brought_whoever_took_it() {
    each_schedule(|| {
        let (_runtime, spawner) = spawner();
        let (cell, runs) = cell();
        let tiers = [lead(&cell, &spawner), lead(&cell, &spawner)];
        let value = block_on(cell.run_here(LIMIT, &spawner)).expect("it loads");
        assert_eq!(value.value.decode::<u64>("user::1").expect("a number"), 7);
        tiers.into_iter().for_each(|tier| tier.join().expect("no panic"));
        assert_eq!(runs.load(Relaxed), 1);
        assert!(!cell.is_loaded());
    });
}

#[test]
fn a_call_whose_load_was_lost_is_told_so_and_never_waits_on() {
    each_schedule(|| {
        let (_runtime, spawner) = spawner();
        let (cell, runs) = cell();
        let parties = [lose(&cell), lead(&cell, &spawner)];
        let answer = block_on(cell.run_here(LIMIT, &spawner));
        parties.into_iter().for_each(|party| party.join().expect("no panic"));
        // Lost means that it did not run.
        let wanted = match answer {
            Ok(_) => 1,
            Err(Error::LoadLost { .. }) => 0,
            Err(other) => panic!("{other}"),
        };
        assert_eq!(runs.load(Relaxed), wanted);
    });
}
