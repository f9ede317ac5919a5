//! What it costs readers that somebody looks into the cache meanwhile, over HTTP.
//!
//! Owns: the load, who looks, and how often. Never: compares turns that lie far apart: of each round one turn has somebody
//! who looks and one has not, and what is told is the change between these two.

use std::net::SocketAddr;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use apex_cache::admin::http::{AdminServer, AdminSettings, random_token};
use apex_cache::{Cache, PreparedKey};
use serde::Serialize;
use tokio::runtime::Runtime;

use crate::cli::Options;
use crate::contestant::Setup;
use crate::http::Client;
use crate::report::{Report, rounded};
use crate::samples::interleave_all;
use crate::work::{Profile, Random, key, zipf};
use crate::{Failure, host, machine, ours};

/// What is looked at: each thing by itself and all together, at a steady pace; and all without a pause.
pub const NAMES: [&str; 6] = ["stats", "entries", "metrics", "events", "all", "nonstop"];

/// Between two looks at the same thing. The page asks once a second, a monitoring system less often.
const PACE: Duration = Duration::from_millis(250);
/// Values that are overwritten in each millisecond, so that there are events: 10,000 in a second.
const OVERWRITES: u64 = 10;
/// Reads between two looks at whether the turn is over.
const STRETCH: usize = 64;

/// What can be asked for: its name, where it is, and what stands in each answer.
type Thing = (&'static str, &'static str, &'static str);

const THINGS: [Thing; 3] = [
    ("stats", "/api/stats", "\"top\""),
    ("entries", "/api/entries?scope=user::*&sort=hits&limit=100", "\"matched\""),
    ("metrics", "/metrics", "apex_cache_hits_total"),
];
const STREAM: &str = "/api/events?stats=1";

/// Runs those that are wanted.
///
/// Errors: a sentence, when the cache or its admin fails.
pub fn run(options: &Options, report: &mut Report) -> Result<(), Failure> {
    let bench = Bench::new(options)?;
    for name in NAMES.into_iter().filter(|name| options.wants(name)) {
        bench.measure(name, report).map_err(|failure| format!("{name}: {failure}"))?;
    }
    Ok(())
}

/// A cache under load, and its admin.
struct Bench {
    host: Runtime,
    cache: Cache,
    _admin: AdminServer,
    address: SocketAddr,
    token: String,
    entries: u64,
    repetitions: usize,
    turn: Duration,
    /// What each reader reads, again and again.
    keys: Vec<Vec<PreparedKey>>,
}

/// Somebody looks, and has looked so often.
#[derive(Debug, Default)]
struct Looks(AtomicU64);

impl Bench {
    fn new(options: &Options) -> Result<Self, Failure> {
        let (entries, host, token) = (options.pick(20_000, 100_000), host::start()?, random_token());
        let (cache, admin) = host.block_on(async {
            let cache = ours::start(&Setup::of(entries)).await?;
            for id in Random::new(entries).shuffled(entries) {
                cache.set(key(id), &Profile::of(id)).send()?;
                if id.is_multiple_of(1_000) {
                    cache.written().await?;
                }
            }
            cache.written().await?;
            let settings = AdminSettings::new().token(&token).bind(([127, 0, 0, 1], 0));
            let admin = AdminServer::start(&cache, &settings).await?;
            Ok::<_, Failure>((cache, admin))
        })?;
        let keys = |thread: usize| {
            let ids = zipf(entries, options.pick(20_000, 100_000), thread as u64 + 1);
            ids.into_iter().map(|id| cache.prepare(key(id))).collect::<Result<Vec<_>, _>>()
        };
        let keys = (0..machine::cores().max(1)).map(keys).collect::<Result<_, _>>()?;
        let address = admin.address();
        let turn = options.pick(Duration::from_millis(250), Duration::from_millis(750));
        let repetitions = options.pick(3, 9);
        Ok(Self { host, cache, _admin: admin, address, token, entries, repetitions, turn, keys })
    }

    fn measure(&self, name: &str, report: &mut Report) -> Result<(), Failure> {
        let nonstop = name == "nonstop";
        // Who looks without a pause needs a core; what is left to show is whether he is in the way of those on others.
        let readers = if nonstop { self.keys.len().saturating_sub(1).max(1) } else { self.keys.len() };
        let looks = Looks::default();
        let samples = interleave_all(&[false, true], self.repetitions, |&is_watched| {
            Ok([self.turn(readers, is_watched.then_some((name, &looks)))?])
        })?;
        let [alone, beside] = [0, 1].map(|place| samples[place][0].clone());
        let looked = looks.0.load(Relaxed);
        if looked == 0 {
            return Err("nobody looked".into());
        }
        let line = Line {
            measure: name,
            threads: readers,
            keys: self.entries,
            alone: rounded(alone.median()),
            beside: rounded(beside.median()),
            unit: "reads/s",
            change_percent: hundredths(beside.change(&alone).median()),
            looks: looked,
            spread: Spread {
                alone: alone.spread().map(rounded),
                beside: beside.spread().map(rounded),
                change_percent: beside.change(&alone).spread().map(hundredths),
            },
        };
        line.print(report)
    }

    /// Reads in a second, of all readers, while others write, and while somebody looks if `watch` says so.
    fn turn(&self, readers: usize, watch: Option<(&str, &Looks)>) -> Result<f64, Failure> {
        let (stop, gate) = (AtomicBool::new(false), Barrier::new(readers + 1));
        std::thread::scope(|scope| {
            let reading: Vec<_> = self.keys[..readers]
                .iter()
                .map(|keys| scope.spawn(|| read(&self.cache, keys, &gate, &stop)))
                .collect();
            let writing = scope.spawn(|| self.host.block_on(overwrite(&self.cache, self.entries, &stop)));
            let watching: Vec<_> = watch
                .map(|(name, looks)| {
                    let wanted = |thing: &&Thing| [thing.0, "all", "nonstop"].contains(&name);
                    let things: Vec<_> = THINGS.iter().filter(wanted).collect();
                    let pace = if name == "nonstop" { Duration::ZERO } else { PACE };
                    let looker = scope.spawn({
                        let stop = &stop;
                        move || self.look(&things, pace, looks, stop)
                    });
                    let listens = ["events", "all", "nonstop"].contains(&name);
                    let listener = listens.then(|| scope.spawn(|| self.listen(looks, &stop)));
                    std::iter::once(looker).chain(listener).collect()
                })
                .unwrap_or_default();
            gate.wait();
            std::thread::sleep(self.turn);
            stop.store(true, Relaxed);
            let mut rate = 0.0;
            for reader in reading {
                rate += reader.join().map_err(|_| "a reader panicked")??;
            }
            writing.join().map_err(|_| "the writer panicked")??;
            for watcher in watching {
                watcher.join().map_err(|_| "who looks panicked")??;
            }
            Ok(rate)
        })
    }

    /// Looks at each of `things`, and again after `pace`.
    fn look(
        &self,
        things: &[&Thing],
        pace: Duration,
        looks: &Looks,
        stop: &AtomicBool,
    ) -> Result<(), Failure> {
        let mut client = Client::connect(self.address, &self.token, Duration::from_secs(10))?;
        let mut next = Instant::now();
        while !stop.load(Relaxed) && !things.is_empty() {
            for (_, path, wanted) in things {
                let answer = client.get(path)?;
                if !answer.contains(wanted) {
                    return Err(format!("{path} was answered with {answer:.100}").into());
                }
                looks.0.fetch_add(1, Relaxed);
            }
            next += pace;
            while Instant::now() < next && !stop.load(Relaxed) {
                std::thread::sleep(Duration::from_millis(5).min(next - Instant::now().min(next)));
            }
        }
        Ok(())
    }

    /// Reads the stream of events as it comes.
    fn listen(&self, looks: &Looks, stop: &AtomicBool) -> Result<(), Failure> {
        let mut client = Client::connect(self.address, &self.token, Duration::from_millis(50))?;
        client.listen(STREAM)?;
        while !stop.load(Relaxed) {
            looks.0.fetch_add(u64::from(client.more()? > 0), Relaxed);
        }
        Ok(())
    }
}

/// Reads `keys` again and again. Returns how many in a second; all of them must be there.
fn read(cache: &Cache, keys: &[PreparedKey], gate: &Barrier, stop: &AtomicBool) -> Result<f64, Failure> {
    gate.wait();
    let (began, mut count) = (Instant::now(), 0_u64);
    for stretch in keys.chunks_exact(STRETCH).cycle() {
        if stop.load(Relaxed) {
            break;
        }
        for key in stretch {
            count += u64::from(cache.get_with(key, |profile: &Profile| profile.id)?.is_some());
        }
    }
    let took = began.elapsed().as_secs_f64();
    if !count.is_multiple_of(STRETCH as u64) {
        return Err("an entry was not there".into());
    }
    Ok(count as f64 / took)
}

/// Overwrites some entries in each millisecond.
async fn overwrite(cache: &Cache, entries: u64, stop: &AtomicBool) -> Result<(), Failure> {
    let (mut random, mut next) = (Random::new(11), Instant::now());
    while !stop.load(Relaxed) {
        for _ in 0..OVERWRITES {
            let id = random.below(entries);
            cache.set(key(id), &Profile::of(id)).send()?;
        }
        next += Duration::from_millis(1);
        tokio::time::sleep_until(next.into()).await;
    }
    cache.written().await?;
    Ok(())
}

/// Two digits behind the point.
fn hundredths(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

#[derive(Serialize)]
struct Line<'l> {
    measure: &'l str,
    threads: usize,
    keys: u64,
    alone: f64,
    beside: f64,
    unit: &'static str,
    /// Of the two turns of a round, the median over all rounds; below zero somebody who looks costs reads.
    change_percent: f64,
    /// Answers, and pieces of the stream, in all turns.
    looks: u64,
    spread: Spread,
}

#[derive(Serialize)]
struct Spread {
    alone: [f64; 2],
    beside: [f64; 2],
    change_percent: [f64; 2],
}

impl Line<'_> {
    fn print(&self, report: &mut Report) -> Result<(), Failure> {
        let heading = format!(
            "{:<10} {:>8} {:>3}  {:>10} {:<22} {:>10} {:<22} {:<8} {:>8} {:<16} {:>7}",
            "measure",
            "keys",
            "thr",
            "alone",
            "(min..max)",
            "beside",
            "(min..max)",
            "unit",
            "change %",
            "(min..max)",
            "looks"
        );
        let spread = |[least, most]: [f64; 2]| format!("({least}..{most})");
        let line = format!(
            "{:<10} {:>8} {:>3}  {:>10} {:<22} {:>10} {:<22} {:<8} {:>8} {:<16} {:>7}",
            self.measure,
            self.keys,
            self.threads,
            self.alone,
            spread(self.spread.alone),
            self.beside,
            spread(self.spread.beside),
            self.unit,
            self.change_percent,
            spread(self.spread.change_percent),
            self.looks,
        );
        report.print(&heading, &line, &serde_json::to_string(self)?);
        Ok(())
    }
}
