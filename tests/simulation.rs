//! Random histories of the whole cache in virtual time, judged by what was promised.
//!
//! Owns: one run from one seed, and how many there are. Never: looks inside; a history is what clients saw, and when.
//!
//! `SIM_SEEDS=20000 cargo test --release --test simulation -- --nocapture` runs many histories; `SIM_FIRST` is the first
//! seed. `SIM_SEED=7` runs that one, and prints it. A failing run prints its seed and the history of the key; the same seed
//! gives the same history.
#![allow(clippy::unwrap_used)] // what cannot be had fails the test, in helpers too

mod common;
#[path = "common/source.rs"]
mod source;

#[path = "simulation/bugs.rs"]
mod bugs;
#[path = "simulation/cells.rs"]
mod cells;
#[path = "simulation/change.rs"]
mod change;
#[path = "simulation/client.rs"]
mod client;
#[path = "simulation/judge.rs"]
mod judge;
#[path = "simulation/load.rs"]
mod load;
#[path = "simulation/plan.rs"]
mod plan;
#[path = "simulation/register.rs"]
mod register;
#[path = "simulation/rest.rs"]
mod rest;
#[path = "simulation/world.rs"]
mod world;

use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

use apex_cache::message::SetMany;
use apex_cache::{Cache, Env, Placement, Value, WarmSource};

use cells::Cells;
use client::Client;
use common::{advance, paused, settle};
use judge::Fault;
use plan::{KEYS, Plan};
use source::{Random, go, join};
use world::{Did, Ending, Record, World};

/// What loaders say that panic because they are asked to.
pub(crate) const ASKED_TO_PANIC: &str = "the loader was asked to panic";

/// Keeps the panics that are part of a history out of the output.
fn quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let tell = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let words = panic.payload().downcast_ref::<&str>().copied().unwrap_or_default();
            if ![ASKED_TO_PANIC, "asked to break", "asked to die"].contains(&words) {
                tell(panic);
            }
        }));
    });
}

/// Runs one history.
fn run(seed: u64) -> (Record, Plan, Result<(), Fault>) {
    quiet();
    paused(async || {
        let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let plan = Arc::new(Plan::new(&mut random));
        let world = World::new();
        let mut builder = Cache::builder().placement(Placement::Inline).env(Env::simulated(seed));
        builder = builder.settings(plan.settings.clone());
        for source in warm_sources(&world, random.next(), plan.faulty) {
            builder = builder.warm(source);
        }
        let cache = builder.start().await.unwrap();
        crowd(&cache, &world, plan.crowd).await;
        let client = |number: u8, seed| Client {
            number,
            random: Random(seed),
            cache: cache.clone(),
            world: world.clone(),
            plan: Arc::clone(&plan),
        };
        // Some beside the actors, whose queue they share, and some on the runtime around them.
        let clients: Vec<_> = (0..plan.clients as u8)
            .map(|number| {
                let client = client(number, random.next()).run();
                if number % 2 == 0 { go_local(client) } else { go(client) }
            })
            .collect();
        for client in clients {
            join(client).await;
        }
        // Loads that run out, and sweeps.
        advance(12 * plan.settings.load_timeout).await;
        settle().await;
        let rested = if plan.ends_early { Ok(()) } else { rest::check(&cache, &world).await };
        cache.shutdown().await.unwrap();
        client(u8::MAX, random.next()).come_late().await;
        advance(12 * plan.settings.load_timeout).await;
        (world.with(std::mem::take), Plan::clone(&plan), rested)
    })
}

/// Starts `task` in the queue of the actors.
#[allow(clippy::disallowed_methods)] // a test is a host: its tasks are its own
fn go_local(task: impl Future<Output = ()> + 'static) -> tokio::task::JoinHandle<()> {
    tokio::task::spawn_local(task)
}

fn warm_sources(world: &World, seed: u64, faulty: u64) -> [WarmSource; 2] {
    let source = |name, keys: std::ops::Range<usize>| {
        let (world, random) = (world.clone(), Arc::new(std::sync::Mutex::new(Random(seed))));
        WarmSource::new(name, "user", move |_run| {
            let (takes, ending) = {
                let mut random = random.lock().unwrap();
                let takes = random.below(80);
                let ending = match random.below(100) {
                    drawn if drawn < faulty => Ending::Error,
                    drawn if drawn < 2 * faulty => Ending::Panic,
                    drawn if drawn < 3 * faulty => Ending::Hang,
                    _ => Ending::Row,
                };
                (takes, ending)
            };
            load::warm(world.clone(), keys.clone(), takes, ending)
        })
    };
    [source("users", 0..4), source("one user", 0..2).on_user_active()]
}

/// So many entries that what looks at all of them takes several turns.
async fn crowd(cache: &Cache, world: &World, crowd: u64) {
    if crowd > 0 {
        world.with(|record| record.faults.slices += 1);
        let value = Value::encode(&0).unwrap();
        let key = |number| apex_cache::Key::of("user").part("crowd").part(number).finish().unwrap();
        let set = |number| apex_cache::message::Set::new(key(number), value.clone());
        cache.supervisor().send(SetMany::new((0..crowd).map(set).collect())).await.unwrap();
    }
}

/// Runs a history and judges it.
fn judged(seed: u64, cells: &mut Cells) -> Result<u64, String> {
    let (record, plan, rested) = run(seed);
    cells.add(&record);
    let told = |Fault { key, words }| {
        let concerns = |did: &Did| match (*did).clone() {
            Did::Read { key: own, .. } | Did::Missed { key: own } | Did::Set { key: own, .. } => {
                Some(own) == key
            }
            Did::Gone { keys, .. } | Did::Fenced { keys, .. } => key.is_some_and(|key| keys >> key & 1 == 1),
            Did::Broke { .. } => true,
            Did::Failed { .. } | Did::Other(_) => false,
        };
        let mut lines: Vec<(u32, String)> = Vec::new();
        for event in record.events.iter().filter(|event| concerns(&event.did)) {
            lines.push((event.began, format!("{event:?}")));
        }
        lines.extend(
            record.runs.iter().filter(|run| Some(run.key) == key).map(|run| (run.start, format!("{run:?}"))),
        );
        lines.sort();
        let name = key.map_or("no key", |key| KEYS[key as usize]);
        let lines: Vec<String> = lines.into_iter().map(|(_, line)| format!("  {line}")).collect();
        let lines = lines.join("\n");
        format!(
            "seed {seed}, {name}: {words}\n{lines}\nseed {seed}, {name}: {words}\nrepeat with SIM_SEED={seed}"
        )
    };
    rested.and_then(|()| judge::judge(&record, &plan, cells)).map_err(told)?;
    Ok(rest::fingerprint(&record))
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

#[test]
fn no_history_breaks_a_promise() {
    let mut cells = Cells::default();
    if let Some(seed) = number("SIM_SEED") {
        run(seed).0.events.iter().for_each(|event| println!("{event:?}"));
        judged(seed, &mut cells).unwrap_or_else(|fault| panic!("{fault}"));
        return;
    }
    let (first, seeds) = (number("SIM_FIRST").unwrap_or(0), number("SIM_SEEDS").unwrap_or(150));
    #[allow(clippy::disallowed_methods)] // how fast it goes on this machine, for people
    let began = Instant::now();
    for seed in first..first + seeds {
        judged(seed, &mut cells).unwrap_or_else(|fault| panic!("{fault}"));
    }
    let took = began.elapsed().max(Duration::from_millis(1)).as_secs_f64();
    println!(
        "{:.0} operations and {:.0} fence reads a second",
        cells.operations as f64 / took,
        cells.fence_reads as f64 / took
    );
    println!("{cells}");
    // A simulation that never meets what it looks for proves nothing.
    let faults = cells.faults;
    let met = [faults.crash, faults.cancel, faults.error, faults.panic, faults.hang, faults.shutdown];
    assert!(seeds < 100 || met.iter().all(|&count| count > 0), "{faults:?}");
    assert!(seeds < 10_000 || cells.smallest().2 > 0, "a cell is empty");
}

#[test]
fn one_seed_gives_one_history() {
    for seed in 0..16 {
        let mut cells = [Cells::default(), Cells::default()];
        let hashes =
            cells.each_mut().map(|cells| judged(seed, cells).unwrap_or_else(|fault| panic!("{fault}")));
        assert!(hashes[0] == hashes[1] && cells[0] == cells[1], "seed {seed} gave two histories");
    }
}
