//! A shop on a real `SQLite` database, run twice by the same plan: without and with Apex Cache.
//!
//! Run: `cargo run --release --example shop -- --quick` (about 25 s; `--help` lists the options)
//!      `cargo run --release --features admin-http --example shop -- --serve` opens it, with the page of the cache
//! Look at: `cached.rs` (queries and changes, with their keys and invalidations), `start.rs` (settings and warming), `serve.rs`
//!      (the page of the cache mounted into an actix-web app).
//!
//! It prints how many queries reached the database and how long people waited, each without and with the cache, and
//! counts every answer that was older than it may be. That count must be 0.
#![allow(
    clippy::disallowed_methods,
    reason = "a program of its own: it may use clocks and tasks as it likes"
)]

mod cached;
mod data;
mod database;
mod measure;
mod model;
mod mutations;
mod options;
mod overhead;
#[cfg(feature = "admin-http")]
mod pages;
mod plan;
mod queries;
mod random;
mod reads;
mod report;
mod schema;
#[cfg(feature = "admin-http")]
mod serve;
mod start;
mod trouble;
mod truth;
#[cfg(feature = "admin-http")]
mod visitors;
mod workload;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use cached::CachedShop;
use database::Database;
use options::Options;
use plan::Plan;
use reads::Shop;
use report::{Report, Run};
use schema::Master;
pub(crate) use trouble::Trouble;
use truth::Truth;

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) if options.help => {
            print!("{}", options::HELP);
            return ExitCode::SUCCESS;
        }
        Ok(options) => options,
        Err(sentence) => {
            eprintln!("shop: {sentence}");
            return ExitCode::from(2);
        }
    };
    if options.serve.is_some() && cfg!(not(feature = "admin-http")) {
        eprintln!(
            "shop: --serve needs the feature admin-http, which this build does not have; run this instead:"
        );
        println!("{}", options::SERVE);
        return ExitCode::from(3);
    }
    match run(&options) {
        Ok(code) => code,
        Err(trouble) => {
            eprintln!("shop: {trouble}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<ExitCode, Trouble> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(16) // more than there are connections
        .build()
        .map_err(|error| Trouble::Database(format!("no runtime: {error}")))?;
    let plan = Plan::new(options, options.writes);
    say(options, &introduction(options, &plan));
    let begun = Instant::now();
    let master = Master::open(options)?;
    say(
        options,
        &format!("Database ready in {:.1} s, {:.1} MB", begun.elapsed().as_secs_f64(), megabytes(&master)),
    );
    #[cfg(feature = "admin-http")]
    if let Some(address) = options.serve {
        return runtime.block_on(serve::run(options, address, &master));
    }
    let report = runtime.block_on(measure_all(options, &master, plan))?;
    if options.json {
        println!("{}", report.json());
    } else {
        println!("{}", report.text());
    }
    let noticed = report.stale() > 0;
    let good = noticed == options.sabotage && report.failed().0 == 0;
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The two timed runs, then two short ones at other shares of writes.
async fn measure_all<'a>(options: &'a Options, master: &Master, plan: Plan) -> Result<Report<'a>, Trouble> {
    let plan = Arc::new(plan);
    let database = open(options, master, "without")?;
    let direct = Shop::Direct(database.clone());
    let without =
        follow(options, direct, &database, &plan, options.writes, bar(options, &plan, "without cache")).await;

    let database = open(options, master, "with")?;
    let shop = start::start(database.clone(), options).await?;
    let reached = if options.sabotage { Shop::Sabotaged } else { Shop::Cached };
    let cached = reached(shop.clone());
    let with =
        follow(options, cached, &database, &plan, options.writes, bar(options, &plan, "with cache")).await;
    let stats_panel = shop.cache.command("/cache-stats", "shop").await;
    let info_panel = shop.cache.command("/cache-info", "shop").await;
    let miss_overhead_us = overhead::miss_overhead_us(&shop).await?;
    shop.cache.shutdown().await?;

    let mut others = Vec::new();
    // Without invalidations their figures would say nothing.
    if !options.sabotage {
        let (low, high) =
            tokio::try_join!(at_writes(options, master, 1.0), at_writes(options, master, 20.0))?;
        others.extend([low, high]);
    }
    Ok(Report { options, without, with, others, miss_overhead_us, stats_panel, info_panel })
}

/// A cached run at another share of writes, in a database and a cache of its own.
async fn at_writes(options: &Options, master: &Master, writes: f64) -> Result<Run, Trouble> {
    let plan = Arc::new(Plan::new(options, writes));
    let database = open(options, master, &format!("writes-{writes}"))?;
    let shop = start::start(database.clone(), options).await?;
    let CachedShop { cache, .. } = shop.clone();
    let run = follow(options, Shop::Cached(shop), &database, &plan, writes, ProgressBar::hidden()).await;
    cache.shutdown().await?;
    Ok(run)
}

async fn follow(
    options: &Options,
    shop: Shop,
    database: &Database,
    plan: &Arc<Plan>,
    writes: f64,
    bar: ProgressBar,
) -> Run {
    let categories = data::leaves().into_iter().map(|(_, sub)| sub);
    let truth = Arc::new(Truth::new(options.users, categories, Duration::from_secs(1_800)));
    let tally = workload::run(Arc::new(shop), Arc::clone(plan), truth, bar).await;
    let done = format!(
        "{} interactions at {writes} % writes in {:.1} s",
        tally.interactions.len(),
        tally.wall.as_secs_f64()
    );
    eprintln!("{done}");
    Run { writes, tally, queries: database.counts(), database: database.times() }
}

fn open(options: &Options, master: &Master, name: &str) -> Result<Database, Trouble> {
    Database::open(&master.copy(name)?, options.delay, options.seed)
}

/// On stderr, and only when that is a terminal.
fn bar(options: &Options, plan: &Plan, name: &'static str) -> ProgressBar {
    let bar = ProgressBar::new(plan.interactions() as u64).with_message(name);
    if let Ok(style) = ProgressStyle::with_template("{msg:<14} [{bar:40}] {pos}/{len} {elapsed}") {
        bar.set_style(style);
    }
    eprintln!("running {name}, {} sessions ...", options.sessions);
    bar
}

fn introduction(options: &Options, plan: &Plan) -> String {
    if options.serve.is_some() {
        return String::from("Apex Cache: a shop on a real SQLite file, with the cache in front of it");
    }
    let lines = options.describe().into_iter().map(|(name, value)| format!("  {name:<19} {value}\n"));
    format!("Apex Cache: a shop without and with cache\n{}  {}", lines.collect::<String>(), plan.describe())
}

/// With `--json`, stdout holds the object alone.
fn say(options: &Options, text: &str) {
    if options.json { eprintln!("{text}") } else { println!("{text}") }
}

fn megabytes(master: &Master) -> f64 {
    master.bytes() as f64 / 1e6
}
